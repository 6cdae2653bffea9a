"""Which rules do not hold, for whom, of which products and when: by the waiver statements in the log."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from .errors import PartnerError
from .models import Prefix, Waiver
from .prefixes import licensees


def waive(
    gln: str,
    *,
    kind: str,
    of_products: bool,
    rules: Collection[str],
    gtins: Collection[str],
    basis: str,
    document: bytes,
    valid_from: datetime,
    valid_to: datetime | None,
    vouched_by: str,
    vouched_kid: bytes,
    number: int,
) -> None:
    """From the entry of this number on, these rules do not hold."""
    if valid_to is not None and valid_to <= valid_from:
        found = valid_to.isoformat()
        raise PartnerError("ends before it begins", code="empty_period", where="valid-to", found=found)
    Waiver.objects.create(
        partner_id=gln,
        kind=kind,
        of_products=of_products,
        rules=list(rules),
        gtins=list(gtins),
        basis=basis,
        document=document,
        valid_from=valid_from,
        valid_to=valid_to,
        vouched_by=vouched_by,
        vouched_kid=vouched_kid,
        registered=number,
    )


def waiver_for(
    rule: str, gln: str | None, gtins: Collection[str] | None, at: datetime, number: int | None = None
) -> Waiver | None:
    """The first that lets a party do without a rule, with all of these products, at a time: one query, asked where the
    rule would refuse. None as `gtins`: nobody knows which products they are; None as `gln`: nor whose they were.

    `number`: by what the log said before the entry of that number; None: by all of it.
    """
    rows = Waiver.objects.filter(Q(partner_id=gln, of_products=False) | Q(of_products=True), valid_from__lte=at)
    return next((row for row in rows if row.in_force(number) and row.reaches(rule, gtins, at)), None)


def may_issue_all(gln: str, gtins: Collection[str]) -> bool:
    """Whether all of these products are the party's to issue."""
    given: dict[str, list[Prefix]] = licensees(gtins)
    return all(any(each.partner_id == gln and each.in_force(None) for each in given.get(one, ())) for one in gtins)


A_PAGE = 100


def waivers_for(gln: str, before: int | None = None) -> tuple[list[Waiver], int | None]:
    """A page of those that a party may rely on, or could: its own, and those of products, the latest first; and before
    which number to ask for the next. What others are let off is theirs to tell."""
    rows = Waiver.objects.filter(Q(partner_id=gln) | Q(of_products=True)).order_by("-registered")
    found = list((rows if before is None else rows.filter(registered__lt=before))[: A_PAGE + 1])
    return found[:A_PAGE], found[A_PAGE - 1].registered if len(found) > A_PAGE else None
