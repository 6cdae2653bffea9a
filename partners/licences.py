"""Who is licensed to trade, and when, by the licence statements in the log (FORMATS section 5).

A later statement of the same licence, by the same authority, replaces what the one before said. In which state somebody
trades is not asked, nor as what: of a place it is known here whose it is, and not where.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from django.db import connection

from . import prepared
from .errors import PartnerError
from .models import Licence


def grant(
    gln: str,
    licence: str,
    *,
    role: str,
    states: Collection[str],
    valid_from: datetime,
    valid_to: datetime,
    vouched_by: str,
    number: int,
) -> None:
    """From the entry of this number on, the party has this licence."""
    if valid_to <= valid_from:
        raise PartnerError("ends before it begins", code="empty_licence", where="valid-to", found=valid_to.isoformat())
    Licence.objects.create(
        partner_id=gln,
        licence=licence,
        role=role,
        states=list(states),
        valid_from=valid_from,
        valid_to=valid_to,
        vouched_by=vouched_by,
        registered=number,
    )


def traders(glns: Collection[str], number: int | None) -> Callable[[str, datetime], bool]:
    """Whether a party may trade at a time, by what the log said before the entry of this number, None for all of it:
    one query. Of whom no authority has ever given a licence, nobody here can say that it has none."""
    last: dict[tuple[str, str, str], Licence] = {}  # by holder, authority, number
    for row in Licence.objects.filter(partner_id__in=glns).order_by("registered"):
        if number is None or row.registered < number:
            last[row.partner_id, row.vouched_by, row.licence] = row

    def may_trade(gln: str, at: datetime) -> bool:
        own = [row for (holder, *_), row in last.items() if holder == gln]
        return not own or any(row.in_force(number) and row.valid_from <= at < row.valid_to for row in own)

    return may_trade


def may_trade(gln: str, now: datetime) -> bool:
    """The same of one party, by all that the log says. One query, and a quick one."""
    at = connection.ops.adapt_datetimefield_value(now)
    return not prepared.fetch(_NONE_IN_FORCE, [gln, gln, at, at])


_NONE_IN_FORCE = """SELECT 1 WHERE EXISTS (SELECT 1 FROM partners_licence WHERE partner_id = %s) AND NOT EXISTS (
    SELECT 1 FROM partners_licence AS it WHERE it.partner_id = %s AND it.revoked IS NULL AND it.valid_from <= %s
    AND %s < it.valid_to AND NOT EXISTS (
        SELECT 1 FROM partners_licence AS later WHERE later.partner_id = it.partner_id
        AND later.licence = it.licence AND later.vouched_by = it.vouched_by AND later.registered > it.registered))"""
