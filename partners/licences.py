"""Who is licensed to trade, where and when, by the licence statements in the log (FORMATS section 5).

A later statement of the same licence replaces what the one before said of its days and states.
"""

from collections.abc import Collection
from datetime import datetime

from .errors import PartnerError
from .models import Licence, Role


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
    if role not in Role.values:
        raise PartnerError("no role known here", code="unknown_role", where="role", expected=", ".join(Role.values))
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


def is_licensed(gln: str, state: str, at: datetime) -> bool:
    """Whether some licence covers the party there and then: of each, the last statement counts."""
    last = {row.licence: row for row in Licence.objects.filter(partner_id=gln, revoked=None)}
    return any(state in row.states and row.valid_from <= at < row.valid_to for row in last.values())
