"""Who may issue which product."""

from typing import Any

import pytest

from partners.gs1.errors import BadCheckDigit
from partners.models import Partner, Role
from partners.prefixes import grant_prefix, licensees

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


def test_any_number_of_products_is_one_query(django_assert_num_queries: Any) -> None:
    grant(MAKER, "0614141")
    with django_assert_num_queries(1):
        assert len(licensees(f"0061414{n:07}" for n in range(200))) == 200
