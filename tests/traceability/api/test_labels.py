"""`/api/v1/labels`: a PDF to print, or the one label for which there is none."""

import json
import logging
from typing import Any

import pytest

from partners.gs1.element_string import parse_scan
from tests.traceability.api.conftest import Api
from tests.traceability.labels.printed import measured, printed, scanned
from traceability.api import serializers
from traceability.labels.job import MEMBERS
from traceability.labels.label import FIELDS
from traceability.labels.symbols import Kind

LABELS = "/api/v1/labels"
PACK = {"gtin": "00614141123452", "serial": "SECRET-(21)-1", "expiry": "2028-12-31", "lot": "L1"}
ASKED = {"stock": "roll-50x25", "dpi": 203, "labels": [PACK]}


def ask(api: Api, **change: Any) -> Any:
    return api.post(LABELS, json.dumps(ASKED | change).encode(), "application/json")


def test_labels_come_as_a_file_to_print_and_their_symbols_are_scanned(maker: Api) -> None:
    rows = [PACK, {"epc": "urn:epc:id:sgtin:0614141.012345.A2", "lot": "L2"}]
    answer = ask(maker, labels=rows)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="labels.pdf"'
    found = [parse_scan("".join(each)) for page in printed(answer.content, 203) for each in scanned(page)]
    assert [(each.serial, each.lot) for each in found] == [("SECRET-(21)-1", "L1"), ("A2", "L2")]


def test_a_pallet_has_bars(maker: Api) -> None:
    answer = ask(maker, labels=[{"sscc": "006141417000000004"}], stock="roll-100x150", symbol="gs1-128")
    assert scanned(printed(answer.content, 203)[0]) == [("]C1", "00006141417000000004")]


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"labels": [PACK, PACK | {"gtin": "00614141123453"}]}, "bad_check_digit", "labels[1]: gtin"),
        ({"labels": [PACK, PACK | {"serial": "A\x1d10B"}]}, "bad_character", "labels[1]: serial"),
        ({"labels": [PACK, PACK | {"expiry": "281301"}]}, "bad_date", "labels[1]: expiry"),
        ({"labels": [PACK, PACK | {"serial": "\ud800"}]}, "bad_character", "labels[1]: serial"),
        ({"stock": "20x12", "labels": [PACK] * 2}, "text_does_not_fit", "labels[0]"),
        ({"stock": "8x8"}, "symbol_does_not_fit", "labels[0]"),
        ({"stock": "letter"}, "unknown_stock", "stock"),
        ({"labels": [PACK] * 1001}, "too_many_labels", "labels"),
        ({"labels": []}, "no_labels", "labels"),
        ({"labels": None}, "wrong_type", "labels"),
    ],
)
def test_a_wrong_label_is_named_by_its_place(maker: Api, change: dict[str, Any], code: str, where: str) -> None:
    answer = ask(maker, **change)
    assert (answer.status_code, answer.json()["code"], answer.json()["where"]) == (400, code, where)


def test_all_wrong_labels_are_named(maker: Api) -> None:
    rows = [PACK, PACK | {"expiry": "281301"}, PACK, PACK | {"gtin": "00614141123453"}]
    said = ask(maker, labels=rows).json()
    assert [(each["where"], each["code"]) for each in said["wrong"]] == [
        ("labels[1]: expiry", "bad_date"),
        ("labels[3]: gtin", "bad_check_digit"),
    ]
    assert (said["where"], said["code"], said["wrong_count"]) == ("labels[1]: expiry", "bad_date", 2)
    alone = {"sscc": "006141417000000004"}
    said = ask(maker, labels=[PACK, alone] * 2, stock="24x16").json()
    assert [each["where"] for each in said["wrong"]] == ["labels[0]", "labels[2]"]


def test_of_very_many_wrong_labels_a_hundred_are_named(maker: Api) -> None:
    said = ask(maker, labels=[PACK | {"lot": "L 1"}] * 150).json()
    assert (len(said["wrong"]), said["wrong_count"]) == (100, 150)


def test_a_thousand_are_printed_at_once(maker: Api) -> None:
    rows = [PACK | {"serial": f"{number}"} for number in range(1000)]
    assert len(measured(ask(maker, labels=rows, stock="a4-5x13").content)) == 16


def test_the_pages_on_the_api_name_what_there_is() -> None:
    """They are written apart from it, so that a process that prints nothing does not load what prints."""
    job, label = serializers.LabelJob().fields, serializers.LabelAsked().fields
    assert tuple(job) == MEMBERS
    assert set(getattr(job["symbol"], "choices", ())) == set(Kind)
    assert set(label) == {*FIELDS, "epc"}


def test_only_partners_are_served(anybody: Api) -> None:
    assert ask(anybody).json()["code"] == "not_authenticated"


def test_other_methods_and_forms_are_refused(maker: Api) -> None:
    assert maker.get(LABELS).status_code == 405
    assert maker.post(LABELS, b"sscc\n006141417000000004\n", "text/csv").status_code == 415
    assert maker.post(LABELS, b"[" * (1 << 20) + b"[", "application/json").status_code == 413
    assert maker.post(LABELS, b"[" * 100_000, "application/json").json()["code"] == "too_deep"


def test_no_serial_number_is_logged(maker: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert ask(maker).status_code == 200
        assert ask(maker, labels=[PACK | {"lot": "L 1"}]).status_code == 400
    assert "SECRET" not in caplog.text
