"""GTIN, SGTIN, LGTIN, SSCC, GLN: one canonical form, and nothing that is none of them passes for one."""

import re
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.gs1 import identifiers as identifiers_module
from partners.gs1.application_identifiers import check_digit
from partners.gs1.errors import BadCharacter, BadCheckDigit, BadLength, BadValue, Gs1Error, WrongKind
from partners.gs1.identifiers import (
    Gln,
    Gtin,
    Lgtin,
    Pgln,
    Sgln,
    Sgtin,
    Sscc,
    canonical,
    gln_of,
    gtin_of,
    is_sgtin,
    is_sscc,
    matches_prefix,
)
from tests.oracle import identifiers as oracle

SET_82 = string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_"  # General Specifications, figure 7.11-1

digits = st.text(string.digits, min_size=17, max_size=17)
prefix_lengths = st.integers(6, 12)
serials = st.text(SET_82, min_size=1, max_size=20)


def completed(payload: str) -> str:
    return payload + oracle.check_digit(payload)


identifiers = st.one_of(
    st.builds(lambda number, serial: Sgtin(completed(number[:13]), serial), digits, serials),
    st.builds(lambda number, lot: Lgtin(completed(number[:13]), lot), digits, serials),
    st.builds(lambda number: Gtin(completed(number[:13])), digits),
    st.builds(lambda number: Sscc(completed(number)), digits),
    st.builds(lambda number: Pgln(completed(number[:12])), digits),
    st.builds(lambda number: Gln(completed(number[:12])), digits),
    st.builds(
        lambda number, extension: Sgln(completed(number[:12]), extension),
        digits,
        st.none() | serials.filter(lambda text: text != "0"),
    ),
)


@given(identifiers, prefix_lengths)
def test_every_value_reads_back_from_either_form(value: Sgtin, length: int) -> None:
    urn = value.urn(length)
    assert canonical(urn) == canonical(value.uri) == value.uri == oracle.canonical(urn)
    assert type(value).parse(urn) == type(value).parse(value.uri) == type(value).parse(str(value)) == value


@given(digits, serials, st.sampled_from(("lot", "10", "cpv", "22")))
def test_other_spellings_of_a_unit_are_the_unit(number: str, serial: str, qualifier: str) -> None:
    unit = Sgtin(completed("00" + number[:11]), serial)
    in_path = unit.uri.rpartition("/")[2]
    for spelling in (
        f"HTTP://Maker.example:8443/shop/gtin/{unit.gtin}/ser/{in_path}",
        f"https://maker.example/01/{unit.gtin[2:]}/{qualifier}/LOT/21/{in_path}?17=271231&x=/01/y#top",
        f"https://id.gs1.org/01/{unit.gtin[1:]}/21/{in_path.lower() if in_path.isdigit() else in_path}",
        f"https://id.gs1.org/01/{unit.gtin}/21/{''.join(f'%{ord(character):02x}' for character in serial)}",
    ):
        assert canonical(spelling) == unit.uri


@given(st.text(string.digits, min_size=1, max_size=40))
def test_check_digits_are_those_of_the_specification(payload: str) -> None:
    assert check_digit(payload) == oracle.check_digit(payload)


@given(st.text() | st.from_regex(r"(?:urn:epc:(?:id|idpat|class):[a-z]{3,5}:|https?://id\.gs1\.org/01?/)[\d.*/%\w]*"))
def test_any_text_is_left_alone_refused_or_made_canonical(text: str) -> None:
    try:
        form = canonical(text)
    except Gs1Error:
        return
    assert form == text or form.startswith("https://id.gs1.org/")
    assert canonical(form) == form


#: Good identifiers, damaged in one way each.
DAMAGED = {
    "item-too-short": ("urn:epc:id:sgtin:0614141.01234.1", "malformed_urn"),
    "company-prefix-too-short": ("urn:epc:id:sgtin:06141.01412345.1", "malformed_urn"),
    "company-prefix-too-long": ("urn:epc:id:sgtin:0614141012345..1", "malformed_urn"),
    "letters-in-the-item": ("urn:epc:id:sgtin:0614141.O12345.1", "malformed_urn"),
    "arabic-digits": ("urn:epc:id:sgtin:0614141.\u0660\u0661\u0662\u0663\u0664\u0665.1", "malformed_urn"),
    "no-serial": ("urn:epc:id:sgtin:0614141.012345", "malformed_urn"),
    "empty-serial": ("urn:epc:id:sgtin:0614141.012345.", "malformed_urn"),
    "serial-of-21": ("urn:epc:id:sgtin:0614141.012345." + "A" * 21, "bad_length"),
    "serial-with-a-space": ("urn:epc:id:sgtin:0614141.012345.A%20B", "bad_character"),
    "serial-beyond-ascii": ("urn:epc:id:sgtin:0614141.012345.\u00c4", "malformed_urn"),
    "serial-that-should-be-escaped": ("urn:epc:id:sgtin:0614141.012345.A/B", "malformed_urn"),
    "escape-cut-short": ("urn:epc:id:sgtin:0614141.012345.A%2", "malformed_urn"),
    "star-outside-a-pattern": ("urn:epc:id:sgtin:0614141.*.1", "malformed_urn"),
    "pattern-of-digits-missing": ("urn:epc:idpat:sgtin:0614141.01234.*", "malformed_urn"),
    "unknown-scheme": ("urn:epc:id:sgtn:0614141.012345.1", "malformed_urn"),
    "a-class-among-ids": ("urn:epc:id:lgtin:0614141.012345.LOT1", "malformed_urn"),
    "sscc-of-three-parts": ("urn:epc:id:sscc:0614141.07000000.00", "malformed_urn"),
    "asset-without-reference": ("urn:epc:id:giai:0614141.", "malformed_urn"),
    "no-scheme": ("urn:epc:", "malformed_urn"),
    "newline-behind": ("urn:epc:id:sgtin:0614141.012345.1\n", "malformed_urn"),
    "wrong-check-digit": ("https://id.gs1.org/01/00614141123453/21/1", "bad_check_digit"),
    "wrong-check-digit-elsewhere": ("https://maker.example/01/614141123453/21/1", "bad_check_digit"),
    "wrong-check-digit-sscc": ("https://maker.example/00/006141417000000005", "bad_check_digit"),
    "wrong-check-digit-gln": ("https://maker.example/414/0614141007777", "bad_check_digit"),
    "wrong-check-digit-party": ("https://maker.example/party/0614141007777", "bad_check_digit"),
    "link-serial-of-21": ("https://id.gs1.org/01/00614141123452/21/" + "A" * 21, "bad_length"),
    "link-empty-serial": ("https://id.gs1.org/01/00614141123452/21/", "bad_length"),
    "link-nul": ("https://id.gs1.org/01/00614141123452/21/A%00", "bad_character"),
    "link-utf-8": ("https://id.gs1.org/01/00614141123452/21/%C3%84", "bad_character"),
    "gtin-of-nine": ("https://id.gs1.org/01/614141123", "bad_length"),
    "qualifiers-out-of-order": ("https://maker.example/01/00614141123452/21/1/10/LOT", "malformed_digital_link"),
    "qualifier-of-another-key": ("https://maker.example/01/00614141123452/254/1", "malformed_digital_link"),
    "qualifier-twice": ("https://maker.example/01/00614141123452/21/1/21/2", "malformed_digital_link"),
    "two-kinds-of-serial": ("https://maker.example/01/00614141123452/21/1/235/2", "malformed_digital_link"),
    "half-a-pair": ("https://id.gs1.org/01/00614141123452/21", "malformed_digital_link"),
}


@pytest.mark.parametrize(("text", "code"), DAMAGED.values(), ids=DAMAGED)
def test_what_claims_to_be_a_key_and_is_none_is_refused(text: str, code: str) -> None:
    with pytest.raises(Gs1Error) as refusal:
        canonical(text)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "uri",
    [
        "urn:epcglobal:cbv:bt:0614141007776:PO-1",
        "urn:epcglobal:cbv:sdt:owning_party",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "urn:epc:id:gid:95100000.12345.400",
        "urn:epc:raw:96.x0123456789ABCDEF01234567",
        "urn:epc:idpat:sgtin:0614141.*.*",
        "urn:epc:idpat:sscc:0614141.*",
        "https://maker.example/orders/2026/01/20260131",
        "https://maker.example/users/00/42",
        "https://maker.example/8004/abc",
        "https://maker.example/01/00614141123452/21/1/history",
        "https://id.gs1.org/",
        "https://id.gs1.org/voc/",
        "http://",
        "0614141007776",
        "",
    ],
)
def test_other_uris_stay_byte_for_byte(uri: str) -> None:
    assert canonical(uri) == uri


def test_a_pattern_of_one_class_is_the_class() -> None:
    assert canonical("urn:epc:idpat:sgtin:0614141.012345.*") == "https://id.gs1.org/01/00614141123452"
    assert canonical("urn:epc:idpat:grai:4012345.66666.*") == "https://id.gs1.org/8003/04012345666663"
    assert canonical("urn:epc:idpat:cpi:4012345.ABC.*") == "https://id.gs1.org/8010/4012345ABC"
    assert canonical("urn:epc:id:sgtin:0614141.012345.*") == "https://id.gs1.org/01/00614141123452/21/%2A"


@pytest.mark.parametrize(
    ("identifier", "gln"),
    [
        ("urn:epc:id:sgln:0614141.00777.0", "0614141007776"),
        ("urn:epc:id:sgln:0614141.00777.dock-4", "0614141007776"),
        ("urn:epc:id:pgln:0614141.00777", "0614141007776"),
        ("https://id.gs1.org/414/0614141007776/254/dock-4", "0614141007776"),
        ("https://wholesaler.example/417/0614141007776", "0614141007776"),
        ("0614141007776", "0614141007776"),
        ("0614141007777", None),
        ("urn:epc:id:sgln:0614141.0077.0", None),
        ("urn:epc:id:sgtin:0614141.012345.1", None),
        ("https://wholesaler.example/", None),
        ("", None),
    ],
)
def test_parties_compare_by_gln_however_written(identifier: str, gln: str | None) -> None:
    assert gln_of(identifier) == gln


def test_the_kind_of_a_canonical_identifier_shows() -> None:
    unit, lot, case = (
        canonical("urn:epc:id:sgtin:0614141.012345.1"),
        canonical("urn:epc:class:lgtin:0614141.012345.L"),
        canonical("urn:epc:id:sscc:0614141.0700000000"),
    )
    assert [is_sgtin(uri) for uri in (unit, lot, case)] == [True, False, False]
    assert [is_sscc(uri) for uri in (unit, lot, case)] == [False, False, True]
    assert [gtin_of(uri) for uri in (unit, lot, case)] == ["00614141123452", "00614141123452", None]
    assert not is_sgtin("https://id.gs1.org/01/00614141123452/10/A/21/")


@pytest.mark.parametrize(
    ("gtin", "grant", "covered"),
    [
        ("00614141123452", "0614141", True),
        ("50614141123457", "0614141", True),  # a case of the same company
        ("00614141123452", "061414", True),
        ("00614141123452", "061414112345", True),
        ("00614141123452", "0061414", False),  # the indicator digit is no part of a company prefix
        ("00614141123452", "0614142", False),
        ("00614141123452", "00614141123452", True),
        ("50614141123457", "00614141123452", False),
    ],
)
def test_a_grant_covers_a_gtin_or_all_of_a_company(gtin: str, grant: str, covered: bool) -> None:
    assert matches_prefix(gtin, grant) is covered


@pytest.mark.parametrize("grant", ["", "061", "0614141123452", "061414112345212", "06141a", "\u0661\u0662\u0663\u0664"])
def test_a_grant_that_is_neither_covers_nothing(grant: str) -> None:
    with pytest.raises(Gs1Error):
        matches_prefix("00614141123452", grant)


def test_the_length_of_a_company_prefix_is_asked_for_and_checked() -> None:
    unit = Sgtin("00614141123452", "1")
    assert unit.urn(7) != unit.urn(6)
    for length in (0, 5, 13, -1):
        with pytest.raises(BadLength):
            unit.urn(length)


def test_gtins_of_every_length_are_gtin_14() -> None:
    assert str(Gtin.parse("614141123452")) == str(Gtin.parse("0614141123452")) == "00614141123452"
    assert Gtin.parse("02345673").value == "00000002345673"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Gtin("614141123452"), BadLength),
        (lambda: Gtin("00614141123453"), BadCheckDigit),
        (lambda: Gtin.parse("0061414112345a"), WrongKind),
        (lambda: Gtin.parse("1234567"), BadLength),
        (lambda: Gtin.parse("urn:epc:id:sgtin:0614141.012345.1"), WrongKind),
        (lambda: Sgtin.parse("https://id.gs1.org/01/00614141123452"), WrongKind),
        (lambda: Sgtin("00614141123452", ""), BadLength),
        (lambda: Sgtin("00614141123452", "A B"), BadCharacter),
        (lambda: Sgtin("00614141123452", "A\n"), BadCharacter),
        (lambda: Sscc("\u0660" * 18), BadCharacter),
        (lambda: Sgln("0614141007776", "0"), BadValue),
        (lambda: Pgln.parse("urn:epc:id:sgln:0614141.00777.0"), WrongKind),
        (lambda: Sgln.parse("urn:epc:id:pgln:0614141.00777"), WrongKind),
        (lambda: check_digit("12a"), BadCharacter),
    ],
)
def test_a_value_that_exists_is_valid(make: object, error: type[Gs1Error]) -> None:
    assert callable(make)
    with pytest.raises(error):
        make()


def test_an_error_says_what_was_expected_and_what_came() -> None:
    with pytest.raises(BadCheckDigit) as refusal:
        Gtin("00614141123453")
    assert (refusal.value.expected, refusal.value.found) == ("2", "3")
    assert re.search("expected 2; found 3", str(refusal.value))


def test_what_is_too_long_for_a_key_is_read_and_not_kept() -> None:
    kept = identifiers_module._read_once.cache_info().currsize
    for uri in ("https://maker.example/" + "x" * 10_000, "urn:epc:id:sgtin:" + "1" * 10_000 + ".1.A", "z" * 10_000):
        with suppress(Gs1Error):
            assert canonical(uri) == uri
    assert identifiers_module._read_once.cache_info().currsize == kept
    assert (
        canonical("https://maker.example/" + "x/" * 500 + "01/00614141123452") == "https://id.gs1.org/01/00614141123452"
    )


def test_surrogates_are_refused_as_any_other_character() -> None:
    for text in ("https://id.gs1.org/01/00614141123452/21/\ud800", "urn:epc:id:sgtin:0614141.012345.\udfff"):
        with pytest.raises(Gs1Error) as refusal:
            canonical(text)
        assert str(refusal.value).isascii()
    assert gln_of("\ud800") is None


def test_an_error_is_not_as_long_as_what_it_is_about() -> None:
    with pytest.raises(Gs1Error) as refusal:
        canonical("urn:epc:id:sgtin:" + "9" * 100_000)
    assert len(str(refusal.value)) < 500
