"""The rows that say who is who, and the rules their tables keep."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client

from partners.models import AccessRecord, ApiToken, Location, Partner, Role, SigningKey

MAKER, WHOLESALER, WAREHOUSE = "0614141000012", "0614141000029", "0614141000036"
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def maker(db: None) -> Partner:
    return Partner.objects.create(gln=MAKER, name="Maker", role=Role.MANUFACTURER)


@pytest.fixture
def wholesaler(db: None) -> Partner:
    return Partner.objects.create(gln=WHOLESALER, name="Wholesaler", role=Role.WHOLESALE_DISTRIBUTOR)


@pytest.mark.parametrize(
    "gln", ["", "061414100001", "06141410000123", "0614141000013", "06141410000l2", "٠614141000012"]
)
def test_a_partner_needs_a_gln_that_is_one(gln: str) -> None:
    with pytest.raises(ValidationError):
        Partner(gln=gln, name="Maker", role=Role.MANUFACTURER).clean_fields()


def test_a_partner_has_one_of_the_roles_the_law_knows(db: None) -> None:
    with pytest.raises(IntegrityError, match="partner_has_a_known_role"):
        Partner.objects.create(gln=MAKER, name="Maker", role="wizard")


def test_two_partners_never_share_a_gln(maker: Partner) -> None:
    with pytest.raises(IntegrityError):
        Partner.objects.create(gln=MAKER, name="Another", role=Role.DISPENSER)


def said(**members: Any) -> None:
    """A statement of the warehouse."""
    number = Location.objects.count() + 1
    Location.objects.create(gln=WAREHOUSE, vouched_by=MAKER, registered=number, **members)


class TestOperators:
    """Who operates a place depends on when."""

    def test_a_place_changes_hands_at_an_instant(self, maker: Partner, wholesaler: Partner) -> None:
        said(operator=maker, name="W", valid_from=JANUARY, valid_to=JULY)
        said(operator=wholesaler, name="W", valid_from=JULY)
        operators = Location.objects.operators([WAREHOUSE])
        assert operators.at(WAREHOUSE, JULY - timedelta(microseconds=1)) == MAKER
        assert operators.at(WAREHOUSE, JULY) == WHOLESALER

    def test_before_anybody_is_written_down_and_after_the_last_one_the_place_stands_for_itself(
        self, maker: Partner
    ) -> None:
        said(operator=maker, name="W", valid_from=JANUARY, valid_to=JULY)
        operators = Location.objects.operators([WAREHOUSE])
        assert operators.at(WAREHOUSE, JANUARY - timedelta(days=1)) == WAREHOUSE
        assert operators.at(WAREHOUSE, JULY) == WAREHOUSE

    def test_a_place_nobody_knows_stands_for_itself(self, db: None) -> None:
        assert Location.objects.operators([WAREHOUSE]).at(WAREHOUSE, JULY) == WAREHOUSE

    def test_where_periods_overlap_the_one_that_began_last_counts(self, maker: Partner, wholesaler: Partner) -> None:
        said(operator=maker, name="W", valid_from=JANUARY)
        said(operator=wholesaler, name="W", valid_from=JULY)
        assert Location.objects.operators([WAREHOUSE]).at(WAREHOUSE, JULY) == WHOLESALER

    def test_a_later_statement_of_the_same_beginning_replaces_the_one_before(
        self, maker: Partner, wholesaler: Partner
    ) -> None:
        said(operator=maker, name="W", valid_from=JANUARY)
        said(operator=maker, name="W", valid_from=JANUARY, valid_to=JULY)
        operators = Location.objects.operators([WAREHOUSE])
        assert (operators.at(WAREHOUSE, JANUARY), operators.at(WAREHOUSE, JULY)) == (MAKER, WAREHOUSE)

    def test_any_number_of_places_is_one_query(self, maker: Partner, django_assert_num_queries: object) -> None:
        with django_assert_num_queries(1):  # type: ignore[operator]
            operators = Location.objects.operators([MAKER, WHOLESALER, WAREHOUSE])
            assert [operators.at(gln, JULY) for gln in (MAKER, WHOLESALER)] == [MAKER, WHOLESALER]

    def test_a_period_ends_after_it_begins(self, maker: Partner) -> None:
        with pytest.raises(IntegrityError, match="location_ends_after_it_begins"):
            said(operator=maker, name="W", valid_from=JULY, valid_to=JANUARY)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"revoked": 7}, "key_is_revoked_after_registration"),
        ({"revoked": 6}, "key_is_revoked_after_registration"),
        ({"compromised": JULY}, "compromised_key_is_revoked"),
    ],
)
def test_the_life_of_a_key_has_an_order(maker: Partner, changes: dict[str, object], rule: str) -> None:
    life = {"registered": 7, **changes}
    with pytest.raises(IntegrityError, match=rule):
        SigningKey.objects.create(
            partner=maker, kid=b"k" * 32, alg=-19, public=b"p" * 32, vouched_by=MAKER, vouched_kid=b"v" * 32, **life
        )


def test_a_token_is_kept_by_its_digest_only(maker: Partner) -> None:
    row, token = ApiToken.issue(maker, "line 3", now=JULY)
    assert token.startswith("upt_")
    assert len(token) == 47
    row.refresh_from_db()
    assert token not in str(vars(row))
    assert bytes(row.digest) == ApiToken.digest_of(token)
    assert token.startswith(row.prefix)


def test_two_tokens_are_never_the_same(maker: Partner) -> None:
    assert len({ApiToken.issue(maker, now=JULY)[1] for _ in range(50)}) == 50


def test_what_was_read_is_told_by_whom_and_why(db: None) -> None:
    row = AccessRecord.objects.create(
        reader=WHOLESALER,
        subject="https://id.gs1.org/01/00614141123452/21/A1",
        what="chain",
        purpose="receiving",
        at=JULY,
    )
    assert str(row) == f"{WHOLESALER} read chain of https://id.gs1.org/01/00614141123452/21/A1"


def test_who_takes_part_is_said_in_the_log_and_in_no_admin_page(admin_client: Client) -> None:
    Partner.objects.create(gln="0614141000005", name="Corner", role=Role.DISPENSER)
    assert admin_client.get("/admin/partners/partner/").status_code == 200
    assert admin_client.get("/admin/partners/partner/add/").status_code == 403
    change = "/admin/partners/partner/0614141000005/change/"
    assert admin_client.post(change, {"name": "Corner", "role": "regulator"}).status_code == 403
