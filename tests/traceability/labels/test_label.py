"""What describes a label, read: nothing wrong gets as far as an encoder."""

from typing import Any

import pytest

from partners.gs1.element_string import ElementString
from partners.gs1.errors import Gs1Error
from traceability.labels.errors import LabelError
from traceability.labels.label import Label, read

from .printed import TODAY, told

PACK = {"gtin": "00614141123452", "serial": "A1", "expiry": "281231", "lot": "L1"}
NDC = PACK | {"nhrn": "0143211234"}
CASE = {"sscc": "006141417000000004", "content": "10614141123459", "count": "24", "lot": "L1", "expiry": "281200"}
EPC = "https://id.gs1.org/01/00614141123452/21/A1"


def elements(row: dict[str, Any]) -> str:
    return str(read(row, "line 2", TODAY).elements)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (PACK, "(01)00614141123452(21)A1(17)281231(10)L1"),
        (dict(reversed(NDC.items())), "(01)00614141123452(21)A1(17)281231(10)L1(715)0143211234"),
        (PACK | {"gtin": "614141123452"}, "(01)00614141123452(21)A1(17)281231(10)L1"),
        (PACK | {"expiry": "2028-12-31"}, "(01)00614141123452(21)A1(17)281231(10)L1"),
        (PACK | {"expiry": "2028-12"}, "(01)00614141123452(21)A1(17)281200(10)L1"),
        (CASE, "(00)006141417000000004(02)10614141123459(17)281200(10)L1(37)24"),
        ({"sscc": CASE["sscc"]}, "(00)006141417000000004"),
        ({"epc": EPC}, "(01)00614141123452(21)A1"),
        ({"epc": EPC + "?17=281231", "lot": "L1", "expiry": "281231"}, "(01)00614141123452(21)A1(17)281231(10)L1"),
        ({"epc": "urn:epc:id:sscc:0614141.0700000000"}, "(00)006141417000000004"),
    ],
)  # fmt: skip
def test_a_label_is_read_and_its_elements_come_in_one_order(row: dict[str, Any], expected: str) -> None:
    assert elements(row) == expected


@pytest.mark.parametrize("serial", ["A(10)C", "(21)", "A(10", "A%1D10C", "(01)00614141123452", "21A17281231"])
def test_what_looks_like_an_element_in_a_serial_stays_in_it(serial: str) -> None:
    assert read(PACK | {"serial": serial}, "", TODAY).elements.serial == serial


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"gtin": "00614141123453"}, "bad_check_digit", "line 2: gtin"),
        ({"gtin": "614141123453"}, "bad_check_digit", "line 2: gtin"),
        ({"gtin": "0061414112345X"}, "bad_character", "line 2: gtin"),
        ({"gtin": "٠٠٦١٤١٤١١٢٣٤٥٢"}, "bad_character", "line 2: gtin"),
        ({"gtin": "123"}, "bad_length", "line 2: gtin"),
        ({"expiry": "281301"}, "bad_date", "line 2: expiry"),
        ({"expiry": "280231"}, "bad_date", "line 2: expiry"),
        ({"expiry": "2028-02-30"}, "bad_date", "line 2: expiry"),
        ({"expiry": "2128-12-31"}, "bad_date", "line 2: expiry"),
        ({"expiry": "31-12-2028"}, "bad_date", "line 2: expiry"),
        ({"expiry": "2812"}, "bad_length", "line 2: expiry"),
        ({"serial": "A" * 21}, "bad_length", "line 2: serial"),
        ({"serial": ""}, "bad_length", "line 2: serial"),
        ({"serial": "A 1"}, "bad_character", "line 2: serial"),
        ({"serial": "A\x1d10C"}, "bad_character", "line 2: serial"),
        ({"serial": "A\xf110C"}, "bad_character", "line 2: serial"),
        ({"serial": "A\n"}, "bad_character", "line 2: serial"),
        ({"serial": "А1"}, "bad_character", "line 2: serial"),  # Cyrillic
        ({"lot": "L|1"}, "bad_character", "line 2: lot"),
        ({"lot": "L~1"}, "bad_character", "line 2: lot"),
        ({"nhrn": "0" * 21}, "bad_length", "line 2: nhrn"),
        ({"serial": 1}, "wrong_type", "line 2: serial"),
        ({"serial": None}, "wrong_type", "line 2: serial"),
        ({"batch": "L1"}, "unknown_member", "line 2"),
        ({"sscc": "006141417000000004"}, "conflicting_parameters", "line 2"),
        ({"epc": EPC}, "conflicting_parameters", "line 2"),
        ({"count": "1"}, "element_out_of_place", "line 2"),
        ({"content": "00614141123452"}, "element_out_of_place", "line 2"),
    ],
)
def test_a_wrong_member_is_refused_by_its_name(change: dict[str, Any], code: str, where: str) -> None:
    with pytest.raises((LabelError, Gs1Error)) as caught:
        read(PACK | change, "line 2", TODAY)
    assert told(caught.value) == (code, where)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({}, "label_incomplete"),
        ({"serial": "A1"}, "label_incomplete"),
        ({"gtin": PACK["gtin"]}, "label_incomplete"),
        ({name: PACK[name] for name in ("gtin", "serial", "expiry")}, "label_incomplete"),
        ({"sscc": "006141417000000005"}, "bad_check_digit"),
        ({"sscc": CASE["sscc"], "lot": "L1"}, "element_out_of_place"),
        ({"sscc": CASE["sscc"], "serial": "A1"}, "element_out_of_place"),
        ({"sscc": CASE["sscc"], "content": CASE["content"]}, "element_out_of_place"),
        ({"epc": "https://id.gs1.org/01/00614141123452"}, "wrong_kind"),
        ({"epc": "https://id.gs1.org/414/0614141007776"}, "wrong_kind"),
        ({"epc": "https://id.gs1.org/01/00614141123453/21/A1"}, "bad_check_digit"),
        ({"epc": "(01)00614141123452(21)A1"}, "wrong_kind"),
        ({"epc": EPC + "?17=281231", "expiry": "290101"}, "conflicting_parameters"),
    ],
)
def test_what_is_no_label_is_refused(row: dict[str, Any], code: str) -> None:
    with pytest.raises((LabelError, Gs1Error)) as caught:
        read(row, "line 2", TODAY)
    found, where = told(caught.value)
    assert found == code
    assert where is not None
    assert where.startswith("line 2")


def test_people_read_each_element_and_the_expiry_as_a_date() -> None:
    assert read(NDC, "", TODAY).text(TODAY) == (
        "(01)00614141123452", "(21)A1", "(17)281231", "(10)L1", "(715)0143211234", "EXP 2028-12-31",
    )  # fmt: skip
    assert read(PACK | {"expiry": "281200"}, "", TODAY).text(TODAY)[-1] == "EXP 2028-12"
    assert read({"sscc": CASE["sscc"]}, "", TODAY).text(TODAY) == ("(00)006141417000000004",)


def test_a_label_that_exists_is_valid() -> None:
    with pytest.raises(LabelError, match="AI 21"):
        Label(ElementString((("21", "A1"),)))


def test_what_no_label_has_room_for_is_refused_before_a_library_does() -> None:
    link = "https://id.gs1.org/01/00614141123452/21/A1?" + "&".join(f"{ai}={'x' * 90}" for ai in range(91, 99))
    with pytest.raises(LabelError) as refused:
        read({"epc": link}, "line 2", TODAY)
    assert (refused.value.code, refused.value.where) == ("symbol_does_not_fit", "line 2")
