"""What scanners, people and web pages hand in: the same pack however it was read, and no guess where it was not."""

import re
import string
from datetime import date
from pathlib import Path

import biip
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from pystrich.datamatrix import DataMatrixData, DataMatrixEncoder
from pystrich.gs1 import GS1Fixed, GS1Variable

from partners.gs1.application_identifiers import AI_LENGTHS, AIS, PREDEFINED, check
from partners.gs1.element_string import GS, ElementString, parse, parse_scan, resolve_date
from partners.gs1.errors import BadDate, Gs1Error, MalformedDigitalLink, MalformedElementString
from partners.gs1.identifiers import check_digit

TODAY = date(2026, 1, 5)
DICTIONARY = (
    Path(__file__).resolve().parents[4] / "shared" / "conformance" / "identifiers" / "gs1-syntax-dictionary.txt"
)

PACK = ElementString((("01", "00614141123452"), ("21", "SN/9+x&Z(10)"), ("17", "271200"), ("10", "LOT-1")))

set_82 = st.text(string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_", min_size=1, max_size=20)
numbers = st.text(string.digits, min_size=1, max_size=8)
gtins = st.text(string.digits, min_size=13, max_size=13).map(lambda payload: payload + check_digit(payload))
glns = st.text(string.digits, min_size=12, max_size=12).map(lambda payload: payload + check_digit(payload))
days = st.dates(date(2000, 1, 1), date(2049, 12, 31)).map(lambda day: f"{day:%y%m%d}")
elements = st.lists(
    st.tuples(st.just("01"), gtins)
    | st.tuples(st.sampled_from(["10", "21", "715", "240", "91", "7099"]), set_82)
    | st.tuples(st.just("17"), days)
    | st.tuples(st.sampled_from(["414", "417", "410"]), glns)
    | st.tuples(st.just("37"), numbers),
    min_size=1,
    max_size=6,
    unique_by=lambda element: element[0],
).map(lambda found: ElementString(tuple(found)))


@given(elements)
def test_both_forms_read_back(scan: ElementString) -> None:
    assert parse(str(scan)) == parse(scan.scan()) == parse(GS + scan.scan() + "\r\n") == scan


@given(elements)
def test_biip_reads_the_same(scan: ElementString) -> None:
    known = ElementString(
        tuple(element for element in (("00", "006141417000000004"), *scan.elements) if element[0] in AIS)
    )
    message = biip.parse(f"]d2{known.scan()}").gs1_message
    assert message is not None
    assert tuple((element.ai.ai, element.value) for element in message.element_strings) == known.elements


@given(st.text() | st.text("()\\0123456789AZ|^~]d2\x1d%/?=&:.", max_size=60) | st.from_regex(r"https?://a/01/\d{14}.*"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        scan = parse_scan(text)
    except Gs1Error:
        return
    assert scan.elements
    assert parse(str(scan)) == scan


@pytest.mark.parametrize(
    "text",
    [
        "]d20100614141123452" "21SN/9+x&Z(10){gs}17271200" "10LOT-1",
        "0100614141123452" "21SN/9+x&Z(10){gs}17271200" "10LOT-1\r\n",
        "{gs}0100614141123452" "21SN/9+x&Z(10){gs}17271200" "10LOT-1{gs}",
        "]C10100614141123452{gs}" "21SN/9+x&Z(10){gs}17271200{gs}" "10LOT-1",
        r"(01)00614141123452(21)SN/9+x&Z\(10)(17)271200(10)LOT-1",
        "(01) 00614141123452\n(21) SN/9+x&Z\\(10\\)\n(17) 271200\n(10) LOT-1\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "gs", [GS, "{GS}", "|", "^", "~", "\u241d"], ids=["GS", "{GS}", "bar", "caret", "tilde", "picture"]
)
def test_a_pack_is_the_same_pack_however_read(text: str, gs: str) -> None:
    assert parse_scan(text.replace("{gs}", gs)) == PACK


def test_a_digital_link_tells_the_same() -> None:
    link = PACK.digital_link("https://maker.example/dl")
    assert link == "https://maker.example/dl/01/00614141123452/10/LOT-1/21/SN%2F9%2Bx%26Z%2810%29?17=271200"
    assert dict(parse_scan(link).elements) == dict(parse_scan(f"]Q3{link}").elements) == dict(PACK.elements)
    assert parse_scan(link).uri == PACK.uri == "https://id.gs1.org/01/00614141123452/21/SN%2F9%2Bx%26Z%2810%29"


def test_a_printed_data_matrix_reads_as_what_was_meant() -> None:
    typed = [GS1Fixed if ai[:2] in PREDEFINED else GS1Variable for ai, _ in PACK.elements]
    symbol = DataMatrixData.gs1(*(field(ai, value) for field, (ai, value) in zip(typed, PACK.elements, strict=True)))
    (read,) = zxingcpp.read_barcodes(DataMatrixEncoder(symbol).get_pilimage(4))
    assert read.symbology_identifier == "]d2"
    assert parse_scan(read.symbology_identifier + read.bytes.decode()) == PACK


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("614141123452", "(01)00614141123452"),
        ("0614141123452", "(01)00614141123452"),
        ("00614141123452", "(01)00614141123452"),
        ("]E00614141123452", "(01)00614141123452"),
        ("]E402345673", "(01)00000002345673"),
        ("]I150614141123457", "(01)50614141123457"),
        ("006141417000000004", "(00)006141417000000004"),
        ("00006141417000000004", "(00)006141417000000004"),
        ("]C100006141417000000004", "(00)006141417000000004"),
        ("urn:epc:id:sgtin:0614141.012345.A%2F1", "(01)00614141123452(21)A/1"),
        ("urn:epc:id:sgln:0614141.00777.dock-4", "(414)0614141007776(254)dock-4"),
        ("https://id.gs1.org/417/0614141007776", "(417)0614141007776"),
        ("17271231", "(17)271231"),
        ("0250614141123457" "3724", "(02)50614141123457(37)24"),
        ("0100614141123452" "71500069-2587-10", "(01)00614141123452(715)00069-2587-10"),
        ("0100614141123452" "7099anything|10L", "(01)00614141123452(7099)anything(10)L"),
    ],
)  # fmt: skip
def test_whatever_a_scanner_yields(text: str, elements: str) -> None:
    assert str(parse_scan(text)) == elements


#: What cannot be what it says it is, and what it is refused as.
REFUSED = {
    "nothing": ("", "malformed_element_string"),
    "white-space": (" \r\n", "malformed_element_string"),
    "prose": ("Hello World!", "malformed_element_string"),
    "plain-data-matrix": ("]d10100614141123452", "malformed_element_string"),
    "plain-code-128": ("]C0006141417000000004", "malformed_element_string"),
    "separator-alone": (GS, "malformed_element_string"),
    "two-separators": ("10A\x1d\x1d21B", "malformed_element_string"),
    "wrong-check-digit": ("0100614141123453" "21A", "bad_check_digit"),
    "wrong-check-digit-bare": ("00614141123453", "bad_check_digit"),
    "wrong-check-digit-sscc": ("(00)006141417000000005", "bad_check_digit"),
    "gtin-cut-short": ("01006141411234", "bad_check_digit"),  # fourteen digits, so taken for a bare GTIN
    "gtin-cut-shorter": ("]d201006141411234", "bad_length"),
    "month-13": ("17271301", "bad_date"),
    "february-30": ("(17)280230", "bad_date"),
    "serial-of-21": ("21" + "A" * 21, "bad_length"),
    "separator-dropped": ("0100614141123452" "21ABCDEFGHIJ17271231" "10LOT", "bad_length"),
    "no-break-space": ("21A\u00a0B", "bad_character"),
    "arabic-digits": ("(00)" + "\u0660" * 18, "bad_character"),
    "arabic-ai": ("(\u0660\u0661)00614141123452", "malformed_element_string"),
    "two-serials": ("21A\x1d21B", "malformed_element_string"),
    "serial-smuggled-in": ("(01)00614141123452(21)A(21)B", "malformed_element_string"),
    "bracket-left-open": ("(01)00614141123452(21A", "malformed_element_string"),
    "ai-too-long-for-its-kind": ("(011)00614141123452", "malformed_element_string"),
    "backslash": (r"(21)A\B", "malformed_element_string"),
    "longer-than-any-symbol": ("20AB" * 2001, "bad_length"),
    "ean-of-12": ("]E0614141123452", "bad_length"),
    "urn-of-no-key": ("urn:epc:id:gid:95100000.12345.400", "wrong_kind"),
    "link-without-key": ("https://maker.example/about", "malformed_digital_link"),
    "serial-in-the-query": ("https://maker.example/01/00614141123452?21=A", "malformed_digital_link"),
    "lot-in-the-query": ("https://maker.example/01/00614141123452?10=A", "malformed_digital_link"),
    "attribute-twice": ("https://maker.example/01/00614141123452?17=271231&17=271231", "malformed_digital_link"),
    "attribute-of-no-ai": ("https://maker.example/01/00614141123452?999=A", "malformed_digital_link"),
    "attribute-empty": ("https://maker.example/01/00614141123452?17=", "bad_length"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_none_of_this_is_refused(text: str, code: str) -> None:
    with pytest.raises(Gs1Error) as refusal:
        parse_scan(text)
    assert refusal.value.code == code
    assert refusal.value.expected or refusal.value.found


def test_a_lost_separator_is_not_guessed_at() -> None:
    """Both readings are lawful; whoever knows the lot and the serial number may tell them apart, this package not."""
    assert parse_scan("0100614141123452" "21A10B").elements == (("01", "00614141123452"), ("21", "A10B"))  # fmt: skip


def test_a_bracket_in_a_serial_number_is_no_ai() -> None:
    pack = ElementString((("21", "A(10)C"),))
    assert str(pack) == r"(21)A\(10)C"
    assert parse(str(pack)).lot is None


@pytest.mark.parametrize(
    ("printed", "today", "day"),
    [
        ("271231", TODAY, date(2027, 12, 31)),
        ("271200", TODAY, date(2027, 12, 31)),
        ("280200", TODAY, date(2028, 2, 29)),
        ("290200", TODAY, date(2029, 2, 28)),
        ("760101", TODAY, date(2076, 1, 1)),  # 50 years on
        ("770101", TODAY, date(1977, 1, 1)),  # 51 years on, so 49 ago
        ("991231", TODAY, date(1999, 12, 31)),
        ("000131", TODAY, date(2000, 1, 31)),
        ("101231", date(2075, 6, 1), date(2110, 12, 31)),
        ("250101", date(2075, 6, 1), date(2125, 1, 1)),
        ("260101", date(2075, 6, 1), date(2026, 1, 1)),
    ],
)
def test_a_printed_date_names_a_day(printed: str, today: date, day: date) -> None:
    assert resolve_date(printed, today) == day
    assert ElementString((("17", printed),)).expiry(today) == day


def test_a_leap_day_that_its_century_has_not_is_refused() -> None:
    with pytest.raises(BadDate):
        resolve_date("000229", date(2080, 1, 1))
    assert resolve_date("000200", date(2080, 1, 1)) == date(2100, 2, 28)


def test_what_was_not_read_is_none() -> None:
    scan = parse_scan("(37)24")
    assert (scan.gtin, scan.serial, scan.lot, scan.sscc, scan.gln, scan.expiry_raw, scan.uri) == (None,) * 7
    assert scan.expiry(TODAY) is None
    with pytest.raises(MalformedDigitalLink):
        scan.digital_link()


def test_an_element_string_that_exists_is_valid() -> None:
    for bad in ((), (("1", "A"),), (("01", "1"),), (("0A", "1"),)):
        with pytest.raises(Gs1Error):
            ElementString(bad)
    with pytest.raises(MalformedElementString):
        ElementString((("10", "A"), ("10", "B")))


@pytest.mark.skipif(not DICTIONARY.is_file(), reason="no ../shared/conformance/identifiers: gs1-syntax-dictionary")
def test_the_table_is_that_of_the_syntax_dictionary() -> None:
    seen = set()
    for line in DICTIONARY.read_text().splitlines():
        row = re.match(r"(\d+)(?:-(\d+))?\s+([*?]*)\s+((?:\[?[NXYZ][\d.]+\S*\s*)+)", line)
        if row is None:
            continue
        for number in range(int(row[1]), int(row[2] or row[1]) + 1):
            ai = f"{number:0{len(row[1])}}"
            assert AI_LENGTHS[ai[:2]] == len(ai), ai
            assert (ai[:2] in PREDEFINED) == ("*" in row[3]), ai
            seen.add(ai)
            if ai in AIS:
                assert AIS[ai] == re.sub("(?<=csum),gcppos[12]", "", row[4].strip()), ai  # all digits anyway
    assert set(AIS) <= seen


def test_every_row_of_the_table_can_be_read() -> None:
    for ai in AIS:
        with pytest.raises(Gs1Error):
            check(ai, "\u00e4")
