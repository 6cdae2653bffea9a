"""Who may read what another may read, by the grant statements in the log (FORMATS section 5)."""

from collections.abc import Iterable
from datetime import datetime

from .errors import PartnerError
from .models import Grant


def give(
    gln: str,
    to: str,
    gtins: Iterable[str],
    *,
    valid_to: datetime | None,
    vouched_by: str,
    vouched_kid: bytes,
    number: int,
) -> None:
    """From the entry of this number on, `to` may read what the party may read of these products, or of all goods."""
    if to == gln:
        raise PartnerError("a party needs no leave to read of its own", code="own_reader", where="to", found=to)
    Grant.objects.create(
        partner_id=gln,
        to=to,
        gtins=list(gtins),
        valid_to=valid_to,
        vouched_by=vouched_by,
        vouched_kid=vouched_kid,
        registered=number,
    )


def givers(reader: str, epc: str, at: datetime) -> list[str]:
    """Whose part in an item the reader may see: one query. Of whoever has left, nobody reads on."""
    rows = Grant.objects.filter(to=reader, revoked=None, partner__left=None)
    return [row.partner_id for row in rows if row.reaches(epc, at)]
