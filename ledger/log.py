"""The log: takes 32 bytes, gives proofs. The only writer of the ledger's tables, but for what witnesses say.

    append       durable, waiting; in the caller's transaction
    advance      one round: sign what the last round committed, and take a batch of what waits into the tree meanwhile
    integrate    rounds until nothing waits
    publish      what was signed, with enough cosignatures (`cosigning.py` carries it to witnesses)
    freeze       take nothing more: this is not the log that others have seen
    prove, consistency, receipt, read, latest    from stored tiles

Only what is committed is signed. On PostgreSQL a number that was drawn early may be committed late: were a batch
signed and its numbering then lost, the next attempt could come to another tree, and the signer must refuse it for ever.

Who changes the log holds its row. Whoever hangs with it, for good perhaps, loses it on PostgreSQL after
LOG_HELD_SECONDS: the next one goes on, and the first, should it wake, fails at its next statement with nothing kept.
On SQLite it holds the one lock there is until its process ends: captures are asked to try again meanwhile, and nothing
is lost; nobody can tell a writer that hangs from one that is slow.
"""

import logging
import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from functools import cache, partial
from itertools import count, takewhile
from typing import TypeVar

from django.conf import settings
from django.db import transaction

from . import bulk, keys
from .errors import LogFrozen, NoSuchTile, NotIntegrated, SignerRefuses, TreeDiffers, UnknownEntry
from .failpoint import failpoint
from .models import Checkpoint, Entry, Log
from .signer import Growth, SignedHead, SignsCheckpoints, demand_not_behind
from .tlog import checkpoint as tlog
from .tlog import merkle, tiles
from .tlog.checkpoint import MAX_SIZE
from .tlog.errors import LogError
from .tlog.merkle import HashReader
from .tlog.proof import Proof
from .tlog.receipt import Receipt, SignedRoot
from .tlog.tiles import ENTRIES, FULL, HEIGHT, Tile, TileReader

logger = logging.getLogger(__name__)
BATCH = 1024  # entries under one checkpoint; more wait for the next
SIGNER_REFUSES = "the signer refuses"  # begins the reason of a log that is frozen for that
PASSING = ("signer_away", "signer_moved")  # why a signer does not sign now and will later
T = TypeVar("T")


# Append


def append(entry: bytes, *, now: datetime) -> Entry:
    """Take 32 bytes, in the caller's transaction. The same bytes again keep the number that they have.

    Call it last, with every lock held: the number is the order of what was changed under them.
    """
    if len(entry) != merkle.HASH_SIZE:
        raise LogError("not an entry", code="malformed_entry", expected="32 bytes", found=f"{len(entry)} bytes")
    number = bulk.insert_entry(entry, now)
    return _known(entry) if number is None else Entry(number=number, entry=entry, accepted_at=now)


def _known(entry: bytes) -> Entry:
    known = Entry.objects.filter(entry=entry).first()
    if known is None:
        raise LogFrozen("the log takes nothing for now", found=frozen())
    return known


def draw_number() -> int:
    """A number of the sequence that entries draw from: what a status covers (FORMATS section 6)."""
    return bulk.draw_number()


def hold() -> None:
    """Keep the log as it is until this transaction ends: nobody integrates or publishes beside it."""
    _lock_head()


# Integrate


def integrate(*, now: datetime, signer: SignsCheckpoints, limit: int = BATCH) -> Checkpoint | None:
    """Take all that waits into the log; the last checkpoint published, None when there was nothing to do."""
    rounds = 0
    while advance(now=now, signer=signer, limit=limit):
        rounds += 1
    return latest() if rounds else None


def advance(*, now: datetime, signer: SignsCheckpoints, limit: int = BATCH) -> bool:
    """One round, one transaction; whether there was anything to do, and so may be more.

    Stopped anywhere, the next round comes to the same bytes.
    """
    with transaction.atomic(durable=True):
        head = _lock_head()  # 1. one at a time
        failpoint("integrate.after_lock")
        if head.frozen is not None:
            return False
        committed, last = head.value, signer.last()
        demand_not_behind(last, committed.size)  # nothing is built on what a backup forgot
        edge, growth = _read_edge(last.size, committed.size)
        number = bulk.numbering(limit)
        signing = None
        if head.signed != committed.size:
            signing = _signers().submit(signer.sign, committed, growth)  # 2. what the last round committed
        try:
            grew = _grow(head, edge, number)  # 3 to 5, meanwhile
        finally:  # what the signer refuses says more than whatever else went wrong
            signed = signing and signing.result()
        if signed:
            _keep_signed(head, committed, signed, now)  # 6
        if signed or grew:
            bulk.save_head(head)
        failpoint("integrate.after_head")
    failpoint("integrate.after_commit")
    return bool(signed or grew)


@cache
def _signers() -> Executor:
    """The thread that signs, of this process: one that was forked off has a thread of its own."""
    return ThreadPoolExecutor(1, thread_name_prefix="signer")


os.register_at_fork(after_in_child=_signers.cache_clear)


def _read_edge(signed: int, size: int) -> tuple[dict[Tile, bytes], Growth]:
    """What a tree's growth depends on: the tiles at its right end, and how it grew since it was signed last."""
    grew = partial(_growth, old_size=signed, size=size)
    stored = _read(tiles.wanted(size, grew) | _edge(size))
    return stored, grew(TileReader(stored.__getitem__, size))


def _growth(reader: HashReader, *, old_size: int, size: int) -> Growth:
    return Growth(old_size, merkle.consistency_from(reader, old_size, size) if 0 < old_size <= size else ())


def _keep_signed(head: Log, tree: tlog.Checkpoint, signed: SignedHead, now: datetime) -> None:
    published_at = None if keys.witnesses() else now  # with witnesses, `publish` comes after what they say
    row = Checkpoint(
        size=tree.size,
        previous=head.signed,
        root=tree.root,
        note=signed.note,
        signed_root=signed.signed_root,
        created_at=now,
        published_at=published_at,
    )
    bulk.insert_checkpoint(row)
    failpoint("integrate.after_checkpoint")
    head.signed = tree.size
    if published_at:
        head.published, head.witnessed = tree.size, False


def _grow(head: Log, edge: dict[Tile, bytes], number: Callable[[int], Sequence[bytes]]) -> bool:
    """Take waiting entries into the tree, and hash it all again from what was stored."""
    entries = number(head.size)  # 3. from the next index: sequences have gaps
    if not entries:
        return False
    failpoint("integrate.after_numbering")
    old = head.value
    grown = _lengthen(head, edge, entries)  # 4. the tree from memory
    failpoint("integrate.after_tiles")
    _recompute(old, head.value, grown)  # 5. the tree from what was stored, another way
    return True


def _lock_head() -> Log:
    """The log's row, held: nobody else numbers, grows or signs."""
    head = bulk.read_head(held=True)
    if head is None:
        Log.objects.get_or_create(defaults={"origin": settings.LOG_ORIGIN})
        return _lock_head()
    if head.origin != settings.LOG_ORIGIN:
        detail = "this database holds another log"
        raise LogError(detail, code="wrong_origin", expected=settings.LOG_ORIGIN, found=head.origin)
    return head


def _lengthen(head: Log, edge: dict[Tile, bytes], entries: Sequence[bytes]) -> dict[Tile, bytes]:
    """Take entries into the tree; the tiles that they make or lengthen."""
    grown = tiles.grow(head.size, edge.__getitem__, merkle.leaf_hashes_of(entries))
    bulk.write_tiles(grown)
    head.size += len(entries)
    head.root = merkle.root_from(TileReader((edge | grown).__getitem__, head.size), head.size)
    return grown


def _edge(size: int) -> set[Tile]:
    """The partial tiles at the right end of a tree: all that its root, and its growth, depend on."""
    counts = takewhile(bool, (size >> HEIGHT * level for level in count()))
    return {Tile(level, n // FULL, n % FULL) for level, n in enumerate(counts) if n % FULL}


def _recompute(old: tlog.Checkpoint, new: tlog.Checkpoint, grown: dict[Tile, bytes]) -> None:
    """Raise unless entries and tiles, read back, give the new tree, and it continues the old one.

    One bit flipped between hashing and storing has ended public logs; here it ends an attempt.
    """
    stored = _read(grown.keys() | _edge(old.size))
    for tile, hashes in grown.items():
        if hashes != stored[tile]:
            raise TreeDiffers("stored and computed hashes differ", where=str(tile))
    tree = merkle.Growing.from_reader(TileReader(stored.__getitem__, old.size), old.size)
    _demand_root(tree, old.root)
    leaves = merkle.leaf_hashes_of(bulk.read_entries(old.size, new.size))
    tree.extend(leaves)
    _demand_root(tree, new.root)
    lowest = b"".join(hashes for tile, hashes in grown.items() if tile.level == 0)
    if lowest[old.size % FULL * merkle.HASH_SIZE :] != b"".join(leaves):
        raise TreeDiffers("the tiles are not those of the entries", where=f"entries {old.size} to {new.size}")


def _demand_root(tree: merkle.Growing, root: bytes) -> None:
    if tree.root() != root:
        where, found = f"{tree.size} entries", tree.root().hex()
        raise TreeDiffers("what is stored has another root", where=where, expected=root.hex(), found=found)


# Publish


def head() -> Log:
    """Where the log stands."""
    return bulk.read_head() or Log(origin=settings.LOG_ORIGIN)


def unpublished() -> Checkpoint | None:
    """The last checkpoint that was signed, while it is not published."""
    now = head()
    return None if now.published == now.signed else Checkpoint.objects.get(size=now.signed)


def publish(size: int, note: str, *, witnessed: bool, now: datetime) -> None:
    """Let proofs rest on the checkpoint of this size, with the cosignatures that its note has now."""
    with transaction.atomic(durable=True):
        head = _lock_head()
        if head.published >= size or head.frozen is not None:  # another process was quicker, with cosignatures as good
            return
        Checkpoint.objects.filter(size=size).update(note=note, published_at=now)
        failpoint("publish.after_note")
        head.published, head.witnessed = size, witnessed
        bulk.save_head(head)
    failpoint("publish.after_commit")


def freeze(reason: str | None) -> None:
    """Take, sign and publish nothing more, and say why; None: go on."""
    with transaction.atomic(durable=True):
        _freeze(_lock_head(), reason)


def _freeze(head: Log, reason: str | None) -> None:
    if head.frozen == reason:
        return
    head.frozen = reason
    bulk.save_head(head)
    if reason is None:
        logger.warning("the log goes on")
    else:
        logger.critical("the log is frozen: %s", reason)


def freeze_if_refused(signer: SignsCheckpoints) -> None:
    """Freeze a log that its signer refuses, asked again with the log held: who was refused in a round may have hung in
    it, and lost the log, and what it was told is then of a log that others have made longer."""
    with transaction.atomic(durable=True):
        head = _lock_head()
        try:
            _demand_signable(head, signer)
        except SignerRefuses as refusal:
            if refusal.code in PASSING:
                raise
            _freeze(head, f"{SIGNER_REFUSES}: {refusal}")


def thaw(signer: SignsCheckpoints) -> None:
    """Let a log that its signer refused go on, once that would sign it. Raises `SignerRefuses` while it would not."""
    now = head()
    if (now.frozen or "").startswith(SIGNER_REFUSES):
        _demand_signable(now, signer)
        freeze(None)


def _demand_signable(head: Log, signer: SignsCheckpoints) -> None:
    last = signer.last()
    demand_not_behind(last, head.size)
    signer.demand(head.value, _from_tiles(head.size, partial(_growth, old_size=last.size, size=head.size)))


def is_witnessed() -> bool:
    """Whether others than the operator have cosigned what is published."""
    return bool(Log.objects.values_list("witnessed", flat=True).first())


def frozen() -> str | None:
    """Why the log takes nothing; None: it does."""
    return Log.objects.values_list("frozen", flat=True).first()


# Prove


def latest() -> Checkpoint | None:
    """The last checkpoint that is published; None before the first."""
    return Checkpoint.objects.filter(published_at__isnull=False).order_by("-size").first()


def prove(index: int, size: int | None = None) -> list[bytes]:
    """The inclusion proof of the entry at `index` among the first `size`; by default, under the last published."""
    if size is None:
        head = latest()
        size = head.size if head else 0
    return _from_tiles(size, lambda reader: merkle.inclusion_from(reader, index, size))


def prove_all(indexes: Collection[int], size: int) -> list[bytes]:
    """One inclusion proof of several entries among the first `size` (FORMATS section 7)."""
    return _from_tiles(size, lambda reader: merkle.multiproof_from(reader, indexes, size))


def consistency(old_size: int, new_size: int) -> list[bytes]:
    """The proof that the log of the new size begins with the log of the old one."""
    return _from_tiles(new_size, lambda reader: merkle.consistency_from(reader, old_size, new_size))


def receipt(entry: bytes) -> str:
    """The tlog-proof of an entry, under the first checkpoint that covers it: asked again, the same text."""
    index, head = _place(entry)
    return str(Proof(index, tuple(prove(index, head.size)), head.note))


def cose_receipt(entry: bytes) -> bytes:
    """The COSE Receipt of an entry (RFC 9942), under the same checkpoint: asked again, the same bytes."""
    index, head = _place(entry)
    signed = SignedRoot.parse(bytes(head.signed_root))
    return bytes(Receipt(signed, head.size, index, tuple(prove(index, head.size))))


def _place(entry: bytes) -> tuple[int, Checkpoint]:
    """An entry's index, and the first checkpoint that covers it."""
    row = Entry.objects.filter(entry=entry).first()
    if row is None:
        raise UnknownEntry("never accepted here", where=entry.hex())
    published = Checkpoint.objects.filter(published_at__isnull=False).order_by("size")
    head = None if row.index is None else published.filter(size__gt=row.index).first()
    if row.index is None or head is None:
        raise NotIntegrated("accepted, and not yet under a published checkpoint", where=entry.hex())
    return row.index, head


def read(tile: Tile) -> bytes:
    """A tile, or an entry bundle, as it is published."""
    if tile.index > MAX_SIZE // FULL:
        raise NoSuchTile("beyond any tree", where=str(tile))
    if tile.level != ENTRIES:
        return _read([tile])[tile]
    start = tile.index * FULL
    entries = bulk.read_entries(start, start + tile.width)
    if len(entries) < tile.width:
        raise NoSuchTile("not in the tree", where=str(tile))
    return tiles.encode_entries(entries)


def _from_tiles(size: int, prove: Callable[[HashReader], T]) -> T:
    """What a proof comes to, with all the tiles that it needs read at once."""
    stored = _read(tiles.wanted(size, prove))
    return prove(TileReader(stored.__getitem__, size))


def _read(wanted: Collection[Tile]) -> dict[Tile, bytes]:
    stored = bulk.read_tiles(wanted)
    for tile in wanted:
        if tile not in stored:
            raise NoSuchTile("not in the tree", where=str(tile))
    return stored
