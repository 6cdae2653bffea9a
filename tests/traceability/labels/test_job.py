"""What is asked for, read strictly: JSON for programs, CSV for people."""

import json
from typing import Any

import pytest

from partners.gs1.errors import Gs1Error
from traceability.labels.errors import LabelError
from traceability.labels.job import Job, read_csv, read_json
from traceability.labels.symbols import Kind

from .printed import TODAY, told
from .test_label import PACK

ASKED = {"stock": "roll-50x25", "dpi": 300, "labels": [PACK]}


def parse(**change: Any) -> Job:
    return Job.parse(json.dumps(ASKED | change).encode(), TODAY, most=3)


def test_a_job_is_read_and_what_is_not_said_is_the_usual() -> None:
    job = parse()
    assert (len(job.labels), job.dpi, job.kind, job.resolver) == (1, 300, Kind.DATAMATRIX, "https://id.gs1.org")
    assert parse(symbol="gs1-128", resolver="https://maker.example:8443/a.b/m").kind is Kind.GS1_128


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"dpi": 72}, "unknown_resolution", "dpi"),
        ({"dpi": "300"}, "unknown_resolution", "dpi"),
        ({"dpi": 300.0}, "unknown_resolution", "dpi"),
        ({"dpi": True}, "unknown_resolution", "dpi"),
        ({"stock": "a5"}, "unknown_stock", "stock"),
        ({"stock": 1}, "wrong_type", "stock"),
        ({"symbol": "aztec"}, "unknown_symbol", "symbol"),
        ({"symbol": ["qr"]}, "unknown_symbol", "symbol"),
        ({"resolver": "maker.example"}, "malformed_resolver", "resolver"),
        ({"resolver": "https://maker.example/"}, "malformed_resolver", "resolver"),
        ({"resolver": "https://maker.example/" + "m" * 300}, "malformed_resolver", "resolver"),
        ({"resolver": "https://maker.example?a=b"}, "malformed_resolver", "resolver"),
        ({"resolver": "javascript:alert"}, "malformed_resolver", "resolver"),
        ({"labels": []}, "no_labels", "labels"),
        ({"labels": [PACK] * 4}, "too_many_labels", "labels"),
        ({"labels": {}}, "wrong_type", "labels"),
        ({"labels": [PACK, 1]}, "wrong_type", "labels[1]"),
        ({"labels": [PACK, PACK | {"lot": "L 1"}]}, "bad_character", "labels[1]: lot"),
        ({"copies": 2}, "unknown_member", None),
    ],
)
def test_what_cannot_be_meant_is_refused_and_a_label_by_its_place(change: Any, code: str, where: str | None) -> None:
    with pytest.raises((LabelError, Gs1Error)) as caught:
        parse(**change)
    assert told(caught.value) == (code, where)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed_labels"),
        (b"{", "malformed_labels"),
        (b"\xff", "not_utf8"),
        (b"[]", "wrong_type"),
        (b"{}", "missing_member"),
        (b'{"stock": "50x25", "dpi": 300}', "missing_member"),
        (b'{"stock": "50x25", "stock": "50x25"}', "duplicate_member"),
        (b'{"dpi": NaN}', "not_a_number"),
        (b"[" * 100_000, "too_deep"),
        (b"1" * 5_000, "bad_number"),
    ],
)
def test_what_is_no_json_object_of_a_job_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(LabelError) as caught:
        Job.parse(data, TODAY, most=3)
    assert caught.value.code == code


def test_a_table_is_read_and_an_empty_cell_is_not_there() -> None:
    table = (
        "\ufeffgtin, serial,expiry,lot,nhrn\r\n"
        '00614141123452,"A,""1",2028-12-31,L1,\r\n'
        "614141123452,A(10)C,281200,L1,0143211234\r\n"
    )
    assert [str(label.elements) for label in read_csv(table.encode(), TODAY)] == [
        '(01)00614141123452(21)A,"1(17)281231(10)L1',
        r"(01)00614141123452(21)A\(10)C(17)281200(10)L1(715)0143211234",
    ]


@pytest.mark.parametrize(
    ("table", "code", "where"),
    [
        (b"gtin,serial\n00614141123452,A\xff", "not_utf8", None),
        (b"gtin,gtin\n1,2", "duplicate_member", "line 1"),
        (b"sscc\n006141417000000004,A1\n", "unknown_member", "line 2"),
        (b"sscc\n006141417000000004\n006141417000000005\n", "bad_check_digit", "line 3: sscc"),
        (b'sscc\n"006141417000000004', "malformed_labels", "after line 1"),
        (b"sscc\n0061414170\x0000000004\n", "bad_length", "line 2: sscc"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_by_its_line(table: bytes, code: str, where: str | None) -> None:
    with pytest.raises((LabelError, Gs1Error)) as caught:
        read_csv(table, TODAY)
    assert told(caught.value) == (code, where)


def test_a_list_is_read() -> None:
    assert [label.where for label in read_json(json.dumps([PACK, PACK]).encode(), TODAY)] == ["labels[0]", "labels[1]"]
