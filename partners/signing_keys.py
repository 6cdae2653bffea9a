"""Which key may speak for whom, from which entry of the log to which.

    lock_issuer ──> speaking_key                        a statement: shared, so that a party's captures run side by side
    lock_issuer(exclusive) ──> register_key, revoke_key a change: alone, so that it comes before or after each statement

The lock gives every statement one place among the changes of its issuer's keys, and the number that is drawn
under it says which (ARCHITECTURE section 4, FORMATS section 6).
"""

from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from django.db import connection

from .errors import KeyAlreadyRegistered, KeyNotValid, UnknownPartner
from .models import CustodialKey, SigningKey
from .still import LOCKS

#: Row locks of PostgreSQL. Keys change under the weakest lock that excludes FOR SHARE: foreign keys to the partner
#: go on. SQLite has none and needs none: its IMMEDIATE transactions exclude each other.
_LOCKS = {False: " FOR SHARE", True: " FOR NO KEY UPDATE"}
#: Before a row that is shared others may share it, too, however long somebody waits to have it alone: whoever captures
#: without a pause would keep its key from being revoked. Advisory locks are had in the order in which they are asked.
_QUEUES = LOCKS


def lock_issuer(gln: str, *, exclusive: bool = False, left: bool = False) -> None:
    """Hold a party's keys as they are until this transaction ends: `exclusive` to change them, else to rely on them.

    Raises `UnknownPartner` for nobody's GLN, and but for `left` for that of a party which takes part no more.
    """
    postgresql = connection.vendor == "postgresql"
    lock = _LOCKS[exclusive] if postgresql else ""
    with connection.cursor() as cursor:
        if postgresql:
            cursor.execute(f"SELECT {_QUEUES[exclusive]}(%s)", [_queue(gln)])
        cursor.execute(
            f'SELECT "left" FROM partners_partner WHERE gln = %s{lock}',  # noqa: S608 - one of two words
            [gln],
        )
        row = cursor.fetchone()
        if row is None or not (left or row[0] is None):
            raise UnknownPartner("no partner of this node has this GLN", expected="one that joined", found=gln)


def lock_issuers(glns: Collection[str]) -> None:
    """The same of several, to rely on what is said of them: in one order, and two statements whatever their number. Who
    is unknown here has nothing to hold."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        queues = sorted(map(_queue, glns))
        cursor.execute(f"SELECT {_QUEUES[False]}(each) FROM unnest(%s::bigint[]) AS each", [queues])  # noqa: S608
        cursor.execute(
            f"SELECT 1 FROM partners_partner WHERE gln = ANY(%s) ORDER BY gln{_LOCKS[False]}",  # noqa: S608
            [sorted(glns)],
        )


def _queue(gln: str) -> int:
    """A number of 64 bits, for PostgreSQL; that two parties have the same is harmless, and never happens."""
    return int.from_bytes(sha256(b"unitproof/issuer/" + gln.encode()).digest()[:8], signed=True)


def speaking_key(gln: str, kid: bytes) -> SigningKey:
    """The key of that name that speaks for the party now; under `lock_issuer` it does so until the transaction ends."""
    key = SigningKey.objects.filter(partner_id=gln, kid=kid).first()
    if key is None:
        expected = "a key that an authority of this node, or an earlier key of the party, has vouched for"
        raise KeyNotValid("no such key is registered for this party", where=gln, expected=expected, found=named(kid))
    if key.revoked is not None:
        raise KeyNotValid("this key has been revoked", code="key_revoked", where=gln, found=named(kid))
    return key


def register_key(
    gln: str, kid: bytes, *, alg: int, public: bytes, vouched_by: str, vouched_kid: bytes, number: int
) -> SigningKey:
    """From the entry of this number on, the key speaks for the party. The caller has the lock, and knows who asks."""
    row, made = SigningKey.objects.get_or_create(
        partner_id=gln,
        kid=kid,
        defaults={
            "alg": alg,
            "public": public,
            "vouched_by": vouched_by,
            "vouched_kid": vouched_kid,
            "registered": number,
            "custodial": CustodialKey.objects.filter(partner_id=gln, kid=kid).exists(),
        },
    )
    if not made:
        raise KeyAlreadyRegistered(f"this key is {row.state} already", where=gln, found=named(kid))
    return row


def revoke_key(gln: str, kid: bytes, *, number: int, compromised: datetime | None = None) -> SigningKey:
    """From the entry of this number on, the key speaks for nobody; what it said before stands, unless `compromised`.
    Where this node held its secret half, that is destroyed."""
    key = speaking_key(gln, kid)
    key.revoked, key.compromised = number, compromised
    key.save(update_fields=["revoked", "compromised"])
    if key.custodial:
        CustodialKey.objects.filter(partner_id=gln, kid=kid).update(sealed=None)
    return key


def named(kid: bytes) -> str:
    """A key as files and answers name it (FORMATS section 1: base64url without padding)."""
    return urlsafe_b64encode(kid).rstrip(b"=").decode()
