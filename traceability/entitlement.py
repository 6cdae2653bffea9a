"""How much of an item's history a party may see (invariant I7): by its own trade, by a grant, or as a regulator."""

from datetime import datetime

from partners import access, grants
from partners.models import Partner

from .history import Chain, Hop


def shown_to(reader: Partner, epc: str, found: Chain | None, *, now: datetime) -> tuple[Hop, ...]:
    """As much of it as the reader may see: what it, or whoever has granted it that, has had part in. Nothing, without
    either; of an item that is not known as much is asked, so that nobody tells by the time it takes."""
    if access.reads_all(reader):
        return found.hops if found else ()
    own = found.shown_to(reader.gln) if found else ()
    if found and len(own) == len(found.hops):
        return own
    givers = grants.givers(reader.gln, epc, now)
    return max((own, *(found.shown_to(giver) for giver in givers if found)), key=len)
