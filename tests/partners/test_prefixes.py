"""Who may issue which product."""

from typing import Any

import pytest

from partners.gs1.errors import BadCheckDigit
from partners.models import Partner, Prefix, Role
from partners.prefixes import grant_prefix, held_by_others, licensees

MAKER, REPACKAGER, AUTHORITY = "0614141000012", "0614141000029", "0614141000036"
GTIN, CASE, OTHER = "00614141123452", "50614141123457", "00614142123451"


@pytest.fixture(autouse=True)
def partners(db: None) -> None:
    Partner.objects.create(gln=MAKER, name="Maker", role=Role.MANUFACTURER)
    Partner.objects.create(gln=REPACKAGER, name="Repackager", role=Role.REPACKAGER)


def grant(gln: str, *digits: str, number: int = 1) -> None:
    grant_prefix(gln, digits, vouched_by=AUTHORITY, vouched_kid=b"v" * 32, number=number)


def issuers(*gtins: str) -> dict[str, list[str]]:
    return {gtin: [row.partner_id for row in rows] for gtin, rows in licensees(gtins).items()}


def test_a_gtin_is_issued_by_whom_it_was_licensed_to() -> None:
    grant(MAKER, GTIN)
    assert issuers(GTIN, CASE) == {GTIN: [MAKER], CASE: []}


def test_a_company_prefix_stands_behind_the_indicator_digit() -> None:
    grant(MAKER, "0614141")
    assert issuers(GTIN, CASE, OTHER) == {GTIN: [MAKER], CASE: [MAKER], OTHER: []}


def test_no_prefix_begins_at_the_indicator_digit() -> None:
    grant(MAKER, "0061414")
    assert issuers(GTIN) == {GTIN: []}


def test_a_gtin_with_a_wrong_check_digit_is_licensed_to_nobody() -> None:
    with pytest.raises(BadCheckDigit, match="expected 2; found 3"):
        grant(MAKER, "00614141123453")


def test_several_may_issue_one_product_and_the_first_is_named_first() -> None:
    grant(REPACKAGER, GTIN, number=9)
    grant(MAKER, "0614141", number=3)
    assert issuers(GTIN) == {GTIN: [MAKER, REPACKAGER]}


OVERLAPPING = [
    (GTIN, GTIN),
    (GTIN, "0614141"),
    (CASE, "0614141"),
    ("0614141", "0614141"),
    ("0614141", "061414112"),
    ("0614", "061414112345"),
]
APART = [(GTIN, CASE), (GTIN, "0614142"), ("0614141", "0614142"), (GTIN, "0061"), ("0061414", GTIN), ("5061", CASE)]


@pytest.mark.parametrize(
    ("one", "other", "both"), [(*pair, True) for pair in OVERLAPPING] + [(*pair, False) for pair in APART]
)
def test_what_two_parties_hold_overlaps_where_both_may_issue_a_product(one: str, other: str, both: bool) -> None:
    for mine, theirs in ((one, other), (other, one)):
        Prefix.objects.all().delete()
        grant(MAKER, mine, number=1)
        grant(REPACKAGER, theirs, number=2)
        found = held_by_others(REPACKAGER, [theirs], before=2)
        assert {name: [row.digits for row in rows] for name, rows in found.items()} == (
            {theirs: [mine]} if both else {}
        )


def test_neither_what_is_ones_own_nor_what_came_later_is_held_by_others() -> None:
    grant(REPACKAGER, "0614141", number=1)
    grant(MAKER, "0614141", number=3)
    assert held_by_others(REPACKAGER, ["061414112"], before=2) == {}
    assert held_by_others(MAKER, ["0614141"], before=1) == {}


def test_as_many_names_as_a_statement_holds_can_be_asked_for() -> None:
    grant(MAKER, "0614141", number=1)
    names = [*map(str, range(9600000, 9605000)), "061414112"]
    assert list(held_by_others(REPACKAGER, names, before=2)) == ["061414112"]


def test_any_number_of_products_is_one_query(django_assert_num_queries: Any) -> None:
    grant(MAKER, "0614141")
    with django_assert_num_queries(1):
        assert len(licensees(f"0061414{n:07}" for n in range(200))) == 200
