"""PDG's exceptions messages: its examples and its schemas, and each way to be none."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.traceability.epcis.corpus import CONFORMANCE
from traceability.dscsa import pdg
from traceability.dscsa.pdg import ItemKind, Report, Resolution, Response, Verdict
from traceability.epcis.errors import DocumentError

FOLDER = CONFORMANCE / "dscsa" / "pdg-exceptions"
GIVEN = pytest.mark.skipif(not FOLDER.is_dir(), reason="PDG's schemas and examples are not here")
EXAMPLES = sorted(FOLDER.glob("examples/*.json"))
UUID = "c2a57e9f-3d54-5767-a9d1-82b08b3e7d61"
TIME = datetime(2026, 1, 5, 8, tzinfo=UTC)
EACH: dict[ItemKind, dict[str, Any]] = {
    ItemKind.MISSING_PRODUCT_DATA: {
        "product_gtin": "00614141123452", "observation_source": "Packing Slip", "product_serial": None,
        "resolution_request": "Send new data",
    },
    ItemKind.MISSING_PRODUCT: {
        "file_id": "urn:x:1", "product_gtin": "00614141123452", "product_serial": "A1",
        "resolution_request": "Send product",
    },
    ItemKind.DATA_MISALIGNMENT: {
        "received_product_gtin": "00614141123452", "received_product_lot": "L1",
        "received_product_expiry": "2028-12-31", "received_product_serial": "A1",
        "product_data_gtin": "00614141123452", "product_data_lot": "L2", "product_data_expiry": "2028-12-31",
        "product_data_serial": None, "resolution_request": "Send new data",
    },
    ItemKind.OVERAGES: {
        "gtin": "00614141123452", "quantity_ordered": 1, "quantity_received": 2, "resolution_request": "Debit account",
    },
    ItemKind.UNDERAGES: {
        "gtin": "00614141123452", "quantity_ordered": 2, "quantity_received": 1, "resolution_request": "Credit account",
    },
    ItemKind.GLN_ERRORS: {"invalid_gln": "not one", "proposed_gln": "0614141002002", "resolution_request": None},
    ItemKind.GTIN_ERRORS: {"invalid_gtin": "1", "proposed_gtin": None, "resolution_request": "Send new data"},
}  # fmt: skip


def report(**members: Any) -> dict[str, Any]:
    items = {
        kind: [each | {"exception_item_uuid": f"ed86b24e-987e-5eb3-bb05-5d335c4da09{number}"}]
        for number, (kind, each) in enumerate(EACH.items())
    }
    made = pdg.report(
        message=UUID, case=UUID, time=TIME, po_number="PO-1", gln="0614141002002", email="a@example.com", items=items
    )
    return made | members


def response(**members: Any) -> dict[str, Any]:
    answers: list[dict[str, Any]] = [
        {
            "exception_item_uuid": UUID, "resolution_response": "Reject", "comments": "Not ours.",
            "alternative_resolution": {"alternative_resolution": "Credit account", "follow_up": "Phone"},
        }
    ]  # fmt: skip
    made = pdg.response(
        message=UUID, case=UUID, time=TIME, po_number="PO-1", gln="0614141001005", email="b@example.com",
        answers=answers, notes="As agreed.",
    )  # fmt: skip
    return made | members


def read(kind: Any, members: dict[str, Any]) -> Any:
    return kind.parse(json.dumps(members).encode())


@GIVEN
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read_and_written_as_it_is(path: Path) -> None:
    kind = Report if "report" in path.name else Response
    value = kind.parse(path.read_bytes())
    assert json.loads(bytes(value)) == json.loads(path.read_bytes())


@GIVEN
@pytest.mark.parametrize(("made", "schema"), [(report, "report"), (response, "response")], ids=["report", "response"])
def test_what_is_written_fits_the_schema(made: Any, schema: str) -> None:
    validator = jsonschema_rs.validator_for(json.loads((FOLDER / f"schemas/{schema}_schema.json").read_text()))
    assert [str(error) for error in validator.iter_errors(made())] == []


@GIVEN
def test_its_words_are_those_of_the_schema() -> None:
    defined = json.loads((FOLDER / "schemas/report_schema.json").read_text())["$defs"]
    assert defined["Resolution"]["enum"] == list(Resolution)
    assert defined["ObservationSource"]["enum"] == list(pdg.Source)
    assert set(defined["Exceptions"]["properties"]) | set(defined["MasterDataErrors"]["properties"]) == {
        *ItemKind, "master_data_errors"
    }  # fmt: skip


def test_a_report_of_everything_is_read() -> None:
    value = read(Report, report())
    assert [item.kind for item in value.items] == list(ItemKind)
    assert all(item.gtin for item in value.items if item.kind is not ItemKind.GLN_ERRORS)
    assert value.items[5].resolution is None


def test_a_response_is_read() -> None:
    (answer,) = read(Response, response()).answers
    assert (answer.verdict, answer.alternative, answer.follow_up) == (Verdict.REJECT, "Credit account", "Phone")


def damaged(path: str, value: Any) -> dict[str, Any]:
    """The report, with another value at a place; `...` takes it away."""
    members = deepcopy(report())
    *way, last = path.split("/")
    place: Any = members
    for each in way:
        place = place[int(each) if each.isdecimal() else each]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdecimal() else last] = value
    return members


@pytest.mark.parametrize(
    ("path", "value", "code", "where"),
    [
        ("message_uuid", ..., "missing_member", "message_uuid"),
        ("message_uuid", "x", "bad_value", "message_uuid"),
        ("timestamp", "1712368200", "wrong_type", "timestamp"),
        ("timestamp", 1712368200.5, "bad_number", "timestamp"),
        ("timestamp", 999_999_999_999, "bad_value", "timestamp"),
        ("po_number", "", "bad_value", "po_number"),
        ("case_resolved", None, "wrong_type", "case_resolved"),
        ("colour", "red", "unknown_member", "colour"),
        ("sender_information/email", "nobody", "bad_value", "sender_information.email"),
        ("sender_information/gln", "061414100200", "bad_value", "sender_information.gln"),
        ("exceptions", [], "wrong_type", "exceptions"),
        ("exceptions/overages/0/gtin", "1", "bad_value", "exceptions.overages[0].gtin"),
        ("exceptions/overages/0/quantity_received", -1, "bad_number", "exceptions.overages[0].quantity_received"),
        ("exceptions/overages/0/quantity_received", 1, "contradicts_itself",
         "exceptions.overages[0].quantity_received"),
        ("exceptions/underages/0/quantity_received", 3, "contradicts_itself",
         "exceptions.underages[0].quantity_received"),
        ("exceptions/overages/0/resolution_request", "Burn it", "unknown_word",
         "exceptions.overages[0].resolution_request"),
        ("exceptions/overages/0/resolution_request", None, "wrong_type", "exceptions.overages[0].resolution_request"),
        ("exceptions/data_misalignment/0/received_product_serial", ..., "missing_member",
         "exceptions.data_misalignment[0].received_product_serial"),
        ("exceptions/master_data_errors/gtin_errors/0/proposed_gtn", "x", "unknown_member",
         "exceptions.master_data_errors.gtin_errors[0].proposed_gtn"),
        ("exceptions/overages/0/exception_item_uuid", "ed86b24e-987e-5eb3-bb05-5d335c4da090", "duplicate_item",
         "exceptions"),
        ("other_errors", ["a\x00b"], "nul", None),
        ("other_errors", [7], "wrong_type", "other_errors[0]"),
        ("other_errors", ["x"] * 1001, "too_large", "other_errors"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_report_is_refused_with_its_place(path: str, value: Any, code: str, where: str | None) -> None:
    with pytest.raises(DocumentError) as error:
        read(Report, damaged(path, value))
    assert error.value.code == code
    assert where is None or error.value.where == where


def test_data_that_agree_are_not_misaligned() -> None:
    members = report()
    (item,) = members["exceptions"]["data_misalignment"]
    item |= {"product_data_lot": "L1", "product_data_serial": "A1"}
    with pytest.raises(DocumentError) as error:
        read(Report, members)
    assert (error.value.code, error.value.where) == ("contradicts_itself", "exceptions.data_misalignment[0]")


def test_what_is_accepted_has_no_alternative() -> None:
    members = response()
    members["response_items"][0]["resolution_response"] = "Accept"
    with pytest.raises(DocumentError) as error:
        read(Response, members)
    assert error.value.where == "response_items[0].alternative_resolution"


@pytest.mark.parametrize("received", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":2}'], ids=str)
def test_what_is_no_message_at_all_is_refused(received: bytes) -> None:
    for kind in (Report, Response, pdg.FollowUp):
        with pytest.raises(DocumentError):
            kind.parse(received)
