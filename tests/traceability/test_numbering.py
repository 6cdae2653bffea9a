"""What serial numbers are made of, and what is refused for it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from partners.gs1.application_identifiers import check
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Sgtin
from traceability.numbering import LOOK_ALIKE, PLAIN, SETS, SMALLEST, SPARSE, Numbering, check_characters, twin

KEY = bytes(range(32))


@pytest.mark.parametrize("name", SETS)
def test_named_sets_are_in_order_and_have_no_two_that_look_alike(name: str) -> None:
    check_characters(SETS[name])


def test_every_character_is_of_set_82_and_stands_as_it_is_in_links_and_urns() -> None:
    for character in PLAIN:
        check("21", character)
        serial = f"A{character}A"
        assert Sgtin("00614141123452", serial).uri.endswith(f"/21/{serial}")
        assert Sgtin("00614141123452", serial).urn(7).endswith(f".{serial}")


@pytest.mark.parametrize(
    ("characters", "code"),
    [
        ("0123456789O", "lookalike_characters"),
        ("01I", "lookalike_characters"),
        ("15S", "lookalike_characters"),
        ("ABC8", "bad_value"),
        ("ABC", None),
        ("8ABC", "lookalike_characters"),
        ("112345", "bad_value"),
        ("1", "bad_value"),
        ("", "bad_value"),
        ("123/", "bad_character"),
        ("123%", "bad_character"),
        ("12é", "bad_character"),
        ("12 ", "bad_character"),
        ("digits", "bad_value"),
    ],
)
def test_a_set_of_characters_is_taken_or_refused_with_a_code(characters: str, code: str | None) -> None:
    if code is None:
        return check_characters(characters)
    with pytest.raises(Gs1Error) as refused:
        check_characters(characters)
    assert (refused.value.code, refused.value.where) == (code, "characters")
    assert refused.value.expected


@pytest.mark.parametrize(
    ("length", "code"),
    [(0, "bad_length"), (21, "bad_length"), (-1, "bad_length"), (1, "pool_too_small"), (5, "pool_too_small")],
)
def test_a_length_is_refused_with_a_code(length: int, code: str) -> None:
    with pytest.raises(Gs1Error) as refused:
        Numbering(SETS["digits"], length, KEY)
    assert refused.value.code == code


def test_fewer_than_one_in_ten_thousand_is_given_out() -> None:
    for length in range(6, 21):
        numbering = Numbering(SETS["digits"], length, KEY)
        assert numbering.capacity * SPARSE < numbering.size
    assert Numbering(SETS["digits"], 6, KEY).capacity == 99
    assert Numbering(SETS["digits"], 20, KEY).capacity == 10**16 - 1
    assert Numbering(SETS["unambiguous"], 20, KEY).capacity == 2**63 - 1


@given(
    st.sampled_from([*SETS.values(), "AC", "-.012356789ACEFHJKMNPRTWXY"]),
    st.integers(1, 20),
    st.integers(0, 2**60),
    st.binary(min_size=32, max_size=32),
)
def test_each_number_is_of_its_length_and_its_characters_and_tells_its_place(
    characters: str, length: int, first: int, key: bytes
) -> None:
    assume(len(characters) ** length >= SMALLEST)
    numbering = Numbering(characters, length, key)
    first %= numbering.size - 10
    serials = list(numbering.serials(first, 10))
    assert len(set(serials)) == 10
    assert all(len(serial) == length and set(serial) <= set(characters) for serial in serials)
    assert list(numbering.places(serials)) == list(range(first, first + 10))


def test_what_cannot_be_one_of_them_has_no_place() -> None:
    numbering = Numbering(SETS["digits"], 12, KEY)
    good = next(numbering.serials(0, 1))
    odd = ["", good[:-1], good + "0", good[:-1] + "O", " " + good[1:], "é" * 12, "%2F" * 4]
    assert list(numbering.places([*odd, good])) == [None] * len(odd) + [0]


def test_pools_of_one_kind_share_nothing_but_their_kind() -> None:
    one, two = (set(Numbering(SETS["digits"], 12, bytes([n]) * 32).serials(0, 1000)) for n in (1, 2))
    assert not one & two


def test_of_what_looks_alike_the_set_says_which_it_has() -> None:
    for group in LOOK_ALIKE:
        for one in group:
            assert twin(one, group[0]) == group[0]
    assert twin("é", SETS["digits"]) is None
