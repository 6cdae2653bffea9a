"""National Drug Codes: what is exact is exact, and what is not is said, never guessed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.gs1.errors import Gs1Error
from partners.gs1.ndc import Format, Ndc, ten_digits

TENS = [form for form in Format if form.digits == 10]


@st.composite
def ndcs(draw: Any, forms: list[Format]) -> Ndc:
    form: Format = draw(st.sampled_from(forms))
    return Ndc(*(draw(st.text("0123456789", min_size=size, max_size=size)) for size in form.sizes))


@given(ndcs(list(Format)))
def test_every_ndc_is_read_as_it_is_written(ndc: Ndc) -> None:
    assert Ndc.parse(str(ndc)) == Ndc.parse(ndc.digits, ndc.format) == ndc


@given(ndcs(TENS))
def test_filling_up_loses_nothing(ndc: Ndc) -> None:
    """Of what it might be short for, it is one; and all of those are the same in twelve digits."""
    assert ndc in ndc.eleven.tens()
    assert ndc.eleven.twelve == ndc.twelve
    assert {each.twelve for each in ndc.twelve.tens()} == {ndc.twelve}


@given(ndcs(TENS), st.sampled_from("012345678"))
def test_a_gtin_holds_the_digits_and_not_the_hyphens(ndc: Ndc, indicator: str) -> None:
    gtin = ndc.gtin(indicator)
    assert ten_digits(gtin) == ndc.digits
    assert Ndc.of_gtin(gtin, ndc.format) == ndc
    assert len({str(Ndc.of_gtin(gtin, form)) for form in TENS}) == 3
    ndc.demand_of(gtin)
    ndc.eleven.demand_of(gtin)
    ndc.twelve.demand_of(gtin)


@pytest.mark.parametrize(
    ("text", "form", "code"),
    [
        ("0001012345", None, "ambiguous_ndc"),
        ("", None, "bad_character"),
        ("000101234", None, "malformed_ndc"),
        ("0000010123456", None, "malformed_ndc"),
        ("0001012345", Format.F5_4_2, "malformed_ndc"),
        ("0001-0123-45", Format.F5_3_2, "malformed_ndc"),
        ("0001-012345", None, "malformed_ndc"),
        ("0001-0123-4-5", None, "malformed_ndc"),
        ("0001--012345", None, "bad_character"),
        ("001-0123-456", None, "malformed_ndc"),
        ("0001-0123-4", None, "malformed_ndc"),
        ("0001-O123-45", None, "bad_character"),
        ("0001 0123 45", None, "bad_character"),
        (" 0001-0123-45", None, "bad_character"),
        ("٠٠٠1-0123-45", None, "bad_character"),
    ],
)
def test_what_is_no_ndc_is_refused(text: str, form: Format | None, code: str) -> None:
    with pytest.raises(Gs1Error) as refused:
        Ndc.parse(text, form)
    assert refused.value.code == code


def test_eleven_digits_may_stand_for_several_and_for_none() -> None:
    assert len(Ndc.parse("00050001001").tens()) == 3
    assert Ndc.parse("12345678912").tens() == ()


def test_a_labeler_of_six_digits_has_no_eleven_and_stands_in_no_gtin() -> None:
    ndc = Ndc.parse("123456-0001-01")
    assert ndc.tens() == ()
    for asked, code in ((lambda: ndc.eleven, "malformed_ndc"), (ndc.gtin, "ndc_has_no_gtin")):
        with pytest.raises(Gs1Error) as refused:
            asked()
        assert refused.value.code == code


@pytest.mark.parametrize("gtin", ["00300010123462", "00300010123455"])
def test_another_ndc_is_not_that_of_the_gtin(gtin: str) -> None:
    with pytest.raises(Gs1Error) as refused:
        Ndc.parse("0001-0123-47").demand_of(gtin)
    assert refused.value.code in ("ndc_not_of_gtin", "bad_check_digit")
    Ndc.parse("0001-0123-47").demand_of("00614141123452")  # which holds none


@pytest.mark.parametrize("indicator", ["", "00", "x", "9x"])
def test_an_indicator_is_one_digit(indicator: str) -> None:
    with pytest.raises(Gs1Error):
        Ndc.parse("0001-0123-45").gtin(indicator)


def test_a_gtin_of_no_drug_of_the_united_states_has_none() -> None:
    with pytest.raises(Gs1Error):
        Ndc.of_gtin("00614141123452", Format.F4_4_2)
