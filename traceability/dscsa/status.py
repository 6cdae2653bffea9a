"""What the node knows of an item at this moment, in its own signed word (FORMATS section 6).

A status is read under shared locks on the item and all it is in, and numbered under them: it covers everything that
was accepted before that number, in the log or not. A false one convicts whoever signed it.
"""

from collections.abc import Collection, Mapping

from django.conf import settings
from django.db import connection

from ledger import log
from ledger.errors import LogFrozen
from ledger.keys import node_key
from partners.models import SigningKey

from .. import custody
from ..custody import Head
from ..errors import StaleHead
from ..history import Chain
from ..models import Item
from ..records import content_of
from ..statements import KeyState, Status, sign_status

PASSED_ON = "passed_on"
"""Said to a party that no longer has the item: the history shown ends where its own part did. Not a custody."""
UNKNOWN = "unknown"  # the item's beginning was declared an error


def sign_status_of(
    found: Chain, heads: Mapping[str, Head], signers: Collection[tuple[str, bytes]], *, passed_on: bool
) -> bytes:
    """The status that goes with a history which ends at `heads` and was signed by these parties with these keys.

    Inside the transaction that read the history. Raises `StaleHead` if it has moved meanwhile.
    """
    if reason := log.frozen():
        raise LogFrozen("what the node knows may not be all that it has said", found=reason)
    epcs = list(heads)
    if not passed_on:
        heads = _heads_now(heads)
    checkpoint = log.latest()
    assert checkpoint is not None
    states = _states(signers)
    status = Status(
        log=settings.LOG_ORIGIN,
        size=checkpoint.size,
        root=bytes(checkpoint.root),
        accepted=log.draw_number(),
        epc=epcs[0],
        outermost=epcs[-1],
        heads=heads,
        status=PASSED_ON if passed_on else found.custody.status or UNKNOWN,
        holds=() if passed_on else tuple(sorted({held.kind for held in found.held()})),
        keys=tuple(sorted(states.items())),
        rules=custody.VERSION,
    )
    return sign_status(status, node_key(), operator=settings.OPERATOR_GLN)


def _states(signers: Collection[tuple[str, bytes]]) -> dict[bytes, KeyState]:
    """Revoked where it is for any of those who signed with it: a status names keys alone. Whoever else has
    registered, or revoked, the same key says nothing about these parties."""
    keys = SigningKey.objects.filter(partner_id__in={gln for gln, _ in signers})
    claims = [key for key in keys if (key.partner_id, bytes(key.kid)) in signers]
    revoked = {bytes(key.kid) for key in claims if key.revoked is not None}
    kids = (bytes(key.kid) for key in claims)
    return {kid: KeyState.REVOKED if kid in revoked else KeyState.VALID for kid in kids}


_LOCKED = """SELECT epc, head, content_size, content_root FROM traceability_item WHERE epc = ANY(%s)
    ORDER BY id FOR SHARE"""


def _heads_now(heads: Mapping[str, Head]) -> Mapping[str, Head]:
    """Lock the item and all it is in: still where the history ends, but for what was taken out of them since."""
    if connection.vendor == "postgresql":  # Django has no FOR SHARE
        with connection.cursor() as cursor:
            cursor.execute(_LOCKED, [list(heads)])
            rows = cursor.fetchall()
    else:
        rows = list(Item.objects.filter(epc__in=heads).values_list("epc", "head", "content_size", "content_root"))
    now = {epc: Head(head and bytes(head), content_of(size, root)) for epc, head, size, root in rows}
    for epc, shown in heads.items():
        if now[epc].leaf != shown.leaf or now[epc].content not in (shown.content, "unknown"):
            raise StaleHead("the item moved while its history was read: ask again", where=epc)
    return {epc: now[epc] for epc in heads}
