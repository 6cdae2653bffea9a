"""Who may act for whom, by the delegation statements in the log (FORMATS section 5)."""

from collections.abc import Collection, Iterable

from .errors import PartnerError
from .models import Delegation
from .signing_keys import lock_issuers


def delegate(
    gln: str, to: str, steps: Iterable[str], *, vouched_by: str, vouched_kid: bytes, number: int
) -> Delegation:
    """From the entry of this number on, `to` may take these business steps for the party."""
    if to == gln:
        raise PartnerError("a party needs no leave to act for itself", code="own_agent", where="to", found=to)
    return Delegation.objects.create(
        partner_id=gln, to=to, steps=list(steps), vouched_by=vouched_by, vouched_kid=vouched_kid, registered=number
    )


def delegations_to(agent: str, parties: Collection[str], *, lock: bool) -> frozenset[tuple[str, str]]:
    """For which of these parties the agent may take which steps now, as (GLN, step). Whoever has left acts no more,
    by nobody.

    With `lock`, so that it may until the transaction ends: what a party takes back comes before us, or after.
    """
    given = Delegation.objects.filter(to=agent, partner_id__in=parties, partner__left=None, revoked=None)
    rows = list(given)
    if lock and rows:
        lock_issuers({row.partner_id for row in rows})
        rows = list(given.all())
    return frozenset((row.partner_id, step) for row in rows for step in row.steps)
