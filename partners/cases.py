"""What a regulator looks into, by the case statements in the log: it bounds whose histories it may read."""

from collections.abc import Sequence
from datetime import datetime

from .errors import PartnerError
from .gs1.application_identifiers import check
from .gs1.identifiers import gtin_of
from .models import Case

LONGEST_NUMBER = 40  # characters
MOST_SERIALS = 1000  # of one statement: a case may have several


def open_case(
    gln: str,
    case: str,
    *,
    gtin: str,
    lot: str | None,
    serials: Sequence[str] | None,
    reason: str,
    valid_to: datetime,
    vouched_by: str,
    vouched_kid: bytes,
    number: int,
) -> Case:
    """From the entry of this number on, until then, the regulator may read whole histories of these goods."""
    if len(case) > LONGEST_NUMBER:
        expected = f"{LONGEST_NUMBER} characters at most"
        raise PartnerError("no number of a case", code="unwritable", where="case", expected=expected, found=case[:80])
    if len(serials or ()) > MOST_SERIALS:
        expected = f"{MOST_SERIALS} at most; more in a statement of their own"
        raise PartnerError("too many serial numbers", code="too_many_serials", where="serials", expected=expected)
    for ai, value in (
        ("01", gtin),
        *([("10", lot)] if lot is not None else ()),
        *(("21", each) for each in serials or ()),
    ):
        check(ai, value)
    return Case.objects.create(
        partner_id=gln,
        number=case,
        gtin=gtin,
        lot=lot,
        serials=None if serials is None else list(serials),
        reason=reason,
        valid_to=valid_to,
        vouched_by=vouched_by,
        vouched_kid=vouched_kid,
        registered=number,
    )


def open_cases(gln: str, at: datetime, gtins: Sequence[str] | None = None) -> list[Case]:
    """Those that a regulator has open; about these products, or about any. Whoever has left has none."""
    rows = Case.objects.filter(partner=gln, revoked=None, valid_to__gt=at, partner__left=None)
    return list(rows if gtins is None else rows.filter(gtin__in=gtins))


def covering(gln: str, epc: str, lot: str | None, at: datetime) -> Case | None:
    """The case by which a regulator may read of an item, the oldest if there are several: one query, whatever it is."""
    return next((row for row in open_cases(gln, at, [gtin_of(epc) or ""]) if row.covers(epc, lot)), None)
