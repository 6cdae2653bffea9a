"""Who read what of others, into the log: one entry an interval, also when nobody read (ARCHITECTURE section 5).

    access records ──leaf──> [n, root] ──> interval ──hash──> the 32 bytes that are logged

To the byte, in the manner of FORMATS:

* A leaf is the RFC 8785 JSON array `["a", salt, record, reader, subject, what, purpose, at, reason, in hand]`: the
  record's key, a number that ascends; the reader's GLN; the canonical EPC, or what else was asked for; what of it; why;
  when, in UTC with six decimals and Z; of a verification, the reason it was answered with, else null, and whether all
  four elements of the pack came and were right. Leaves stand in the order of their records, under the tree of FORMATS
  section 3.
* `salt` is as in FORMATS section 4, of the interval's secret, the path `["access"]` and the record's key in decimal.
* The interval is the RFC 8785 JSON array `["access", 1, log, sequence, after, upto, closed, [n, root]]`: the log's
  origin; the interval's number, from 1; the key of the last record before it, and of the last in it; when it was
  closed, whole seconds and Z.
* Entry = SHA-256("unitproof/access/v1" 0x00 ‖ entry salt[32] ‖ interval).

Each interval begins where the one before ended. Whoever is shown a leaf, its path, the interval and its salt can check
that a reading was recorded when it happened; all others learn from the log that another interval went by.
"""

import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Max

from ledger import log
from ledger.tasks import ring
from ledger.tlog.merkle import HASH_SIZE, Growing, inclusion_proof
from partners.models import AccessRecord

from .bulk import is_postgresql
from .bundle.reading import interval_entry, record_leaf
from .epcis.jcs import JSON, encode
from .errors import Refusal
from .models import AccessInterval
from .statements import b64
from .submission import salts

VERSION = 1
BATCH = 2000  # records read at a time
EARLY = 0.05  # of an interval that a clock may be early by


def close_if_due(*, now: datetime) -> AccessInterval | None:
    """Log the interval that is over; None while it is not. Called as often as one likes, by as many as like. One that
    was closed an interval ahead of us was so by a clock that was wrong, and is over."""
    last = AccessInterval.objects.order_by("-sequence").first()
    every = timedelta(seconds=settings.ACCESS_INTERVAL_SECONDS * (1 - EARLY))
    upto = None if last is not None and abs(now - last.closed) < every else _cut()
    if upto is None:
        return None
    try:
        with transaction.atomic():
            interval = _close(last, upto, now)
            transaction.on_commit(ring, robust=True)
    except IntegrityError:  # somebody else did
        return None
    return interval


def _cut() -> int | None:
    """The key of the last record so far: none below it is still to come. None: somebody writes just now and does not
    finish; then the interval is closed a little later.

    PostgreSQL draws keys in one order and commits in another: this lock waits for whoever has drawn and not committed,
    and keeps others from drawing for as long as that takes. On SQLite the transaction is the lock.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if is_postgresql():
                cursor.execute("SET LOCAL lock_timeout = '1s'")
                cursor.execute("LOCK TABLE partners_accessrecord IN SHARE MODE")
            return AccessRecord.objects.aggregate(last=Max("pk"))["last"] or 0
    except OperationalError:
        return None


def _close(last: AccessInterval | None, upto: int, now: datetime) -> AccessInterval:
    sequence, after = (last.sequence + 1, last.upto) if last else (1, 0)
    interval = AccessInterval(
        sequence=sequence,
        after=after,
        upto=max(after, upto),  # were all records gone, the interval would still be one
        closed=now.replace(microsecond=0),
        secret=secrets.token_bytes(32),
        entry_salt=secrets.token_bytes(32),
    )
    hashes = leaf_hashes(records(after, interval.upto), bytes(interval.secret))
    interval.leaves = b"".join(leaf for _, leaf in hashes)
    interval.entry = log.append(entry_of(interval), now=now)
    interval.save(force_insert=True)
    return interval


# ---- bytes ----------------------------------------------------------------------------------------------------------


def records(after: int, upto: int) -> Iterator[AccessRecord]:
    rows = AccessRecord.objects.filter(pk__gt=after, pk__lte=upto).order_by("pk")
    return rows.iterator(chunk_size=BATCH)


def leaf_hashes(rows: Iterable[AccessRecord], secret: bytes) -> Iterator[tuple[int, bytes]]:
    """Each record's key and leaf hash."""
    salt = salts(secret, "access")
    for row in rows:
        yield row.pk, record_leaf(salt(str(row.pk)), told(row))


def told(row: AccessRecord) -> list[JSON]:
    """What stands in a record, in the order of its leaf."""
    at = row.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return [row.pk, row.reader, row.subject, row.what, row.purpose, at, row.reason, row.in_hand]


def proven(row: AccessRecord, interval: AccessInterval) -> tuple[int, bytes, str, list[bytes]]:
    """Of a record, the index of its leaf in its interval's tree, its salt, its text, and its inclusion proof. Raises
    `Refusal` for one that is not as it was logged."""
    stored = bytes(interval.leaves)
    leaves = [stored[at : at + HASH_SIZE] for at in range(0, len(stored), HASH_SIZE)]
    salt, said = salts(bytes(interval.secret), "access")(str(row.pk)), told(row)
    if (leaf := record_leaf(salt, said)) not in leaves:
        detail, expected = "this record is not the one that was logged", "a record that nobody has changed since"
        raise Refusal(detail, code="record_differs", where="number", expected=expected)
    index = leaves.index(leaf)
    return index, salt, encode(said).decode(), inclusion_proof(leaves, index)


def interval_bytes(interval: AccessInterval) -> bytes:
    tree, stored = Growing(), bytes(interval.leaves)
    for at in range(0, len(stored), HASH_SIZE):
        tree.add(stored[at : at + HASH_SIZE])
    time = interval.closed.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    root: JSON = [tree.size, b64(tree.root())]
    place = (interval.sequence, interval.after, interval.upto)
    members: list[JSON] = ["access", VERSION, str(settings.LOG_ORIGIN), *place, time, root]
    return encode(members)


def entry_of(interval: AccessInterval) -> bytes:
    return interval_entry(bytes(interval.entry_salt), interval_bytes(interval))
