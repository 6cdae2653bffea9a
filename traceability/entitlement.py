"""How much of an item's history a party may see (invariant I7): by its own trade, by a grant, or as a regulator within
an open case of its own."""

from datetime import datetime
from typing import NamedTuple

from partners import grants
from partners.models import Case, Partner

from . import cases
from .history import Chain, Hop


class Shown(NamedTuple):
    """What a party may see of an item, and by which of its cases where it is a regulator."""

    hops: tuple[Hop, ...]
    case: Case | None = None


def shown_to(reader: Partner, epc: str, found: Chain | None, *, now: datetime) -> Shown:
    """As much of it as the reader may see: what it, or whoever has granted it that, has had part in; all of it within
    a case. Nothing, without either; of an item that is not known as much is asked, so that nobody tells by the time it
    takes."""
    if (case := cases.reaching(reader, found, epc, now)) is not None:
        return Shown(found.hops if found else (), case)
    own = found.shown_to(reader.gln) if found else ()
    if found and len(own) == len(found.hops):
        return Shown(own)
    givers = grants.givers(reader.gln, epc, now)
    return Shown(max((own, *(found.shown_to(giver) for giver in givers if found)), key=len))
