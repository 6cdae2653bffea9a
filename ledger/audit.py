"""Compute the log again from its stored entries, and name every stored value that is not what it comes to.

    entries ──hash──> tiles ──> roots ──> checkpoints: root, signatures, the one before ──> cosignatures, anchors
                                  └─────> the head, and what the signer remembers

Nothing that is stored is believed because it is stored: entries, tiles and signatures are played off against each
other, and the one that stands alone is named. Whoever holds the log's key can rewrite all of them; that is found by
those who saw the log before, its witnesses (`cosigning.py`), and by nobody here.

Not audited, because nothing that was signed says what they should be: `Witness` rows and `Log.frozen`, which say how
things stand now; of an `Anchor`, how often and when its authority is asked, and its answer where the file ANCHORS does
not name that authority; by how much within SKEW a clock was wrong; and whether a checkpoint without cosignatures, on a
node that has witnesses, was published before it had them, or overtaken.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db.models import Max, OuterRef, Subquery

from . import anchoring, keys
from .anchor import rfc3161
from .models import Anchor, Checkpoint, Cosignature, Entry, Log, Tile
from .tlog import checkpoint as tlog
from .tlog import note
from .tlog.checkpoint import CosignatureVerifier, cosigned_at
from .tlog.cose import Algorithm, PublicKey
from .tlog.errors import LogError
from .tlog.merkle import HASH_SIZE, Growing, leaf_hash, root_of
from .tlog.note import Note, Signature, Verifier
from .tlog.policy import Policy
from .tlog.receipt import SignedRoot
from .tlog.tiles import FULL, HEIGHT, hashes_of

SKEW = timedelta(hours=1)  # by how much clocks of the node's machines may differ, or be set back
WHOLE = "row"  # the field of a difference that is about a whole row: one too many, or one that is gone

Progress = Callable[[str, int, int], None]
"""What is being read, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Difference:
    """One stored value that is not what everything else says it must be."""

    table: str
    key: str  # of the row
    field: str  # its column, or several, or WHOLE
    detail: str
    number: int | None = None  # of the entry that it belongs to: order of acceptance
    index: int | None = None  # its place in the log; None: pending, or nothing of the log


@dataclass(frozen=True)
class Auditor:
    """With what the log is checked: keys that come from outside the database."""

    log: tuple[Verifier, ...]  # the log's key, and those that it had before
    policy: Policy | None  # the witnesses
    own_witness: bytes | None  # the node's public key as a witness: its own word never counts
    anchors: tuple[anchoring.Authority, ...] = ()

    @classmethod
    def of_this_node(cls) -> "Auditor":
        log = tuple(keys.log_verifiers())
        return cls(log, keys.witnesses(), keys.own_witness_key(), anchoring.authorities())

    @property
    def log_names(self) -> set[tuple[str, bytes]]:
        return {(key.name, key.key_id) for key in self.log}

    @cached_property
    def root_keys(self) -> Mapping[bytes, PublicKey]:
        """The same keys, as signed roots name them."""
        return {key.kid: key for key in (PublicKey(Algorithm.ED25519, each.public) for each in self.log)}

    @property
    def witnesses(self) -> Mapping[tuple[str, bytes], Verifier]:
        peers = self.policy.witnesses.values() if self.policy else ()
        return {(peer.key.name, peer.key.key_id): peer.key for peer in peers}

    def is_independent(self, signature: Signature) -> bool:
        """Whether it is of another hand than the operator's."""
        own, mine = self.own_witness, self.log_names
        if own is not None:
            named = [key for key in self.witnesses.values() if key.public == own]
            named.append(CosignatureVerifier(settings.WITNESS_NAME, own))
            mine |= {(key.name, key.key_id) for key in named}
        return (signature.name, signature.key_id) not in mine


def differences(
    auditor: Auditor, *, remembered: tlog.Checkpoint | None, since: int, now: datetime, progress: Progress
) -> Iterator[Difference]:
    """Everything of the log that is not as it should be.

    The whole tree is computed, signatures are checked on what was signed over more than the first `since` entries.
    `remembered` is what the signer signed last, read before the database was: that has at least as much.
    """
    head = Log.objects.first()
    if head is None:
        if Entry.objects.filter(index__isnull=False).exists() or (remembered and remembered.size):
            yield Difference("ledger_log", "1", WHOLE, "the row of the log is gone")
        return
    audit = _Audit(auditor, head, remembered, since, now)
    yield from audit.heads()
    yield from audit.tree(progress)
    yield from audit.leftovers()
    yield from audit.standing()
    yield from audit.cosignatures()
    yield from audit.anchors()


class _Audit:
    """One pass over the tables of the log."""

    def __init__(
        self, auditor: Auditor, head: Log, remembered: tlog.Checkpoint | None, since: int, now: datetime
    ) -> None:
        self.auditor, self.head, self.remembered, self.since, self.now = auditor, head, remembered, since, now
        self.size = self._size()
        self.growing = Growing()
        self.upper: list[list[bytes]] = []  # by level above the lowest, the hashes of the tile that is being filled
        self.counts: list[int] = []  # and how many hashes that level has
        self.last: Checkpoint | None = None

    # ---- the size -------------------------------------------------------------------------------------------------

    def _size(self) -> int:
        """How many entries the log has, by two of three who say so; where all differ, by the entries."""
        top = Entry.objects.aggregate(top=Max("index"))["top"]
        self.entries = 0 if top is None else top + 1
        last = Tile.objects.filter(level=0).order_by("-index").first()
        tiles = 0 if last is None else last.index * FULL + len(last.hashes) // HASH_SIZE
        said = [self.head.size, self.entries, tiles]
        return next((size for size in said if said.count(size) > 1), self.entries)

    def heads(self) -> Iterator[Difference]:
        head = self.head
        if head.origin != settings.LOG_ORIGIN:
            yield _log("origin", f"expected {settings.LOG_ORIGIN}, found {head.origin}")
        if head.size != self.size:
            yield _log("size", f"expected {self.size} entries, found {head.size}")
        beyond = Entry.objects.filter(index__gte=self.size).order_by("index")
        for number, index in beyond.values_list("number", "index")[:FULL]:
            yield _entry(number, "index", f"the log has {self.size} entries", index)

    # ---- the tree -------------------------------------------------------------------------------------------------

    def tree(self, progress: Progress) -> Iterator[Difference]:
        """Tile by tile, from the left; each checkpoint is checked when the tree has its size."""
        checkpoints = _Checkpoints(self)
        for first in range(0, self.size, FULL):
            width = min(FULL, self.size - first)
            leaves, found = self._leaves(first, width)
            yield from found
            wanted = checkpoints.sizes_to(first + width)
            if width == FULL and not wanted:
                self.growing.add(root_of(leaves), HEIGHT)
            else:
                for at, leaf in enumerate(leaves, first + 1):
                    self.growing.add(leaf)
                    if at in wanted:
                        yield from self._at(at, self.growing.root(), checkpoints)
            if width == FULL:
                yield from self._rise(0, first // FULL, root_of(leaves))
            progress("entries", first + width, self.size)
        for level, hashes in enumerate(self.upper, 1):
            if hashes:
                yield from self._compare(level, self.counts[level - 1] // FULL, hashes)
        yield from checkpoints.beyond(self.size)
        if self.growing.root() != bytes(self.head.root):
            yield _log("root", f"the entries have root {self.growing.root().hex()}")

    def _leaves(self, first: int, width: int) -> tuple[list[bytes], list[Difference]]:
        """The leaf hashes of one tile, and whether its entries or the tile were changed since it was made."""
        rows = {
            index: (number, bytes(entry))
            for index, number, entry in Entry.objects.filter(
                index__gte=first, index__lt=first + width
            ).values_list("index", "number", "entry")
        }  # fmt: skip
        computed = [leaf_hash(rows[at][1]) if at in rows else None for at in range(first, first + width)]
        tile = self._stored(0, first // FULL)
        stored = None if tile is None or len(tile) != width * HASH_SIZE else hashes_of(tile)
        name = f"0/{first // FULL}"
        found = [_tile(name, tile, f"{width} hashes")] if stored is None else []
        if stored == computed:
            return stored, found
        if stored is not None and (None in computed or self._fits(first, stored)):
            for at, (ours, theirs) in enumerate(zip(computed, stored, strict=True), first):
                if ours is None:
                    found.append(_entry(None, WHOLE, f"no entry has index {at}", at))
                elif ours != theirs:
                    found.append(_entry(rows[at][0], "entry, index", f"leaf hash in the tree: {theirs.hex()}", at))
            return stored, found
        if stored is not None:
            where = next(at for at in range(width) if computed[at] != stored[at])
            found.append(Difference("ledger_tile", name, "hashes", "not those of its entries", index=first + where))
        found += [_entry(None, WHOLE, "no entry has this index", at) for at in range(first, first + width)
                  if at not in rows]  # fmt: skip
        return [leaf or bytes(HASH_SIZE) for leaf in computed], found

    def _fits(self, first: int, leaves: list[bytes]) -> bool:
        """Whether the tree above was built over these leaves, and so not over what the entries are now."""
        if len(leaves) == FULL:
            above = self._stored(1, first // FULL // FULL)
            at = first // FULL % FULL * HASH_SIZE
            return above is not None and above[at : at + HASH_SIZE] == root_of(leaves)
        whole = self.growing.copy()
        for leaf in leaves:
            whole.add(leaf)
        return whole.root() == bytes(self.head.root)

    def _rise(self, level: int, index: int, root: bytes) -> Iterator[Difference]:
        """A tile is full: its root is a hash of the tile above."""
        if len(self.upper) <= level:
            self.upper.append([])
            self.counts.append(0)
        row = self.upper[level]
        row.append(root)
        self.counts[level] += 1
        if len(row) == FULL:
            yield from self._compare(level + 1, index // FULL, row)
            above = root_of(row)
            self.upper[level] = []
            yield from self._rise(level + 1, index // FULL, above)

    def _compare(self, level: int, index: int, hashes: list[bytes]) -> Iterator[Difference]:
        tile = self._stored(level, index)
        if tile != b"".join(hashes):
            yield _tile(f"{level}/{index}", tile, f"{len(hashes)} hashes, each of a tile below")

    def _stored(self, level: int, index: int) -> bytes | None:
        row = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
        return None if row is None else bytes(row)

    def leftovers(self) -> Iterator[Difference]:
        """Tiles that a tree of this size has not."""
        count, level = self.size, 0
        expected: dict[int, int] = {}
        while count:
            expected[level] = -(-count // FULL)
            level, count = level + 1, count // FULL
        for level in Tile.objects.values_list("level", flat=True).distinct():
            extra = Tile.objects.filter(level=level, index__gte=expected.get(level, 0)).order_by("index")
            for index in extra.values_list("index", flat=True)[:FULL]:
                yield Difference("ledger_tile", f"{level}/{index}", WHOLE, f"not in a tree of {self.size} entries")

    # ---- what was signed ------------------------------------------------------------------------------------------

    def _at(self, size: int, root: bytes, checkpoints: "_Checkpoints") -> Iterator[Difference]:
        if self.remembered and self.remembered.size == size and self.remembered.root != root:
            yield Difference("log.memory", str(size), "root", f"the entries have root {root.hex()}", index=size - 1)
        row = checkpoints.take(size)
        if row is not None:
            yield from self._checkpoint(row, root)
            self.last = row

    def _checkpoint(self, row: Checkpoint, root: bytes) -> Iterator[Difference]:
        def differs(field: str, detail: str) -> Difference:
            return Difference("ledger_checkpoint", str(row.size), field, detail, index=row.size - 1)

        try:
            signed = self._signed(row)
        except LogError as error:
            yield differs("note", str(error))
        else:
            if signed.size != row.size:  # of note and size, the root is with the one that stayed
                yield differs("size" if bytes(row.root) == signed.root else "note", f"signed: {signed.size} entries")
            elif signed.root != root:
                yield differs("note", f"signed over another tree: the entries have root {root.hex()}")
            if signed.size == row.size or bytes(row.root) == signed.root:
                yield from self._carried(row, signed.size)
        if bytes(row.root) != root:
            yield differs("root", f"the entries have root {root.hex()}")
        try:
            self._check_signed_root(row, root)
        except LogError as error:
            yield differs("signed_root", str(error))
        yield from self._previous(row)
        yield from (differs(field, detail) for field, detail in self._times(row))

    def _previous(self, row: Checkpoint) -> Iterator[Difference]:
        before, told = self.last.size if self.last else 0, row.previous
        if told == before:
            return
        if before < told < row.size and not Checkpoint.objects.filter(size=told).exists():
            detail = f"signed before that of {row.size} entries, and gone"
            yield Difference("ledger_checkpoint", str(told), WHOLE, detail, index=told - 1)
        detail = f"the one before is of {before} entries, not of {told}"
        yield Difference("ledger_checkpoint", str(row.size), "previous", detail, index=row.size - 1)

    def _signed(self, row: Checkpoint) -> tlog.Checkpoint:
        """What the log has signed. Raises unless it has, and every cosignature of a known witness is good."""
        if row.size <= self.since:  # checked by the audit before, which found nothing
            return tlog.Checkpoint.parse(Note.parse(row.note).text)
        auditor = self.auditor
        opened = note.open(row.note, {*auditor.witnesses.values(), *auditor.log})
        if not auditor.log_names & {(each.name, each.key_id) for each in opened.signatures}:
            raise LogError("not signed by the log")
        head = tlog.Checkpoint.parse(opened.text)
        if head.origin != settings.LOG_ORIGIN:
            raise LogError("of another log", expected=settings.LOG_ORIGIN, found=head.origin)
        return head

    def _check_signed_root(self, row: Checkpoint, root: bytes) -> None:
        """Raise unless receipts under this checkpoint hold (RFC 9942)."""
        signed = SignedRoot.parse(bytes(row.signed_root))
        if row.size <= self.since:  # as above
            return
        public = self.auditor.root_keys.get(signed.kid or b"")
        if public is None:
            raise LogError("not signed with a key of the log's")
        signed.check(root, public)

    def _carried(self, row: Checkpoint, size: int) -> Iterator[Difference]:
        """The cosignatures that a note was published with are among those that are kept."""
        ours = self.auditor.log_names
        cosigned = [each for each in Note.parse(row.note).signatures if (each.name, each.key_id) not in ours]
        if cosigned and row.published_at is None:
            detail = "it has cosignatures, hence was published"
            yield Difference("ledger_checkpoint", str(row.size), "published_at", detail, index=row.size - 1)
        if row.size <= self.since:
            return
        kept = _lines(size)
        for each in cosigned:
            if str(each) in kept:
                continue
            if (each.name, each.key_id) in self.auditor.witnesses:
                detail = "is in the published note, and not among those kept"
                yield Difference("ledger_cosignature", f"{size} {each.name}", WHOLE, detail, index=size - 1)
            else:
                detail = f"carries a cosignature of {each.name} that is not among those kept"
                yield Difference("ledger_checkpoint", str(row.size), "note", detail, index=row.size - 1)

    def _times(self, row: Checkpoint) -> Iterator[tuple[str, str]]:
        """Clocks differ, but not by more than SKEW."""
        accepted = getattr(row, "accepted", None)
        published, last = row.published_at, self.last
        if accepted and row.created_at < accepted - SKEW:
            yield "created_at", f"before its last entry was accepted, {accepted.isoformat()}"
        if row.created_at > (published or self.now) + SKEW:
            later = "later than it was published" if published else "in the future"
            yield "created_at, published_at", later
        if last and row.created_at < last.created_at - SKEW:
            yield "created_at", f"before that of {last.size} entries"
        if published and published > self.now + SKEW:
            yield "published_at", "in the future"
        if published is None and (self.auditor.policy is None and not self._ever_cosigned()):
            yield "published_at", "without witnesses, a checkpoint is published when it is signed"

    def _ever_cosigned(self) -> bool:
        return Cosignature.objects.exists()

    def standing(self) -> Iterator[Difference]:
        """What the log's row says of its checkpoints, and what the signer remembers."""
        head, signed = self.head, self.last.size if self.last else 0
        remembered = self.remembered.size if self.remembered else None
        if remembered is not None and remembered > self.size:
            yield Difference("log.memory", str(remembered), "size",
                             f"the signer has signed {remembered} entries, the log has {self.size}")  # fmt: skip
        if head.signed != signed:
            if head.signed == remembered:
                yield Difference("ledger_checkpoint", str(head.signed), WHOLE, "signed last, and gone",
                                 index=head.signed - 1)  # fmt: skip
            else:
                yield _log("signed", f"the last checkpoint is of {signed} entries, not of {head.signed}")
        yield from self._published()

    def _published(self) -> Iterator[Difference]:
        head = self.head
        rows = Checkpoint.objects.filter(published_at__isnull=False)
        last = rows.order_by("-size").first()
        size = last.size if last else 0
        if head.published != size:
            named = Checkpoint.objects.filter(size=head.published).first()
            if named is not None and named.published_at is None:
                yield Difference("ledger_checkpoint", str(named.size), "published_at", "the log says it is published")
            elif head.published < size and last is not None and not self._is_publishable(last):
                yield Difference("ledger_checkpoint", str(size), "published_at", "too few cosignatures for that")
            else:
                yield _log("published", f"the last that is published is of {size} entries, not of {head.published}")
        elif last is not None:
            try:
                witnessed = any(map(self.auditor.is_independent, Note.parse(last.note).signatures))
            except LogError:  # which is said of it already
                return
            if witnessed != head.witnessed:
                yield _log("witnessed", f"by its cosignatures it is {str(witnessed).lower()}")
        elif head.witnessed:
            yield _log("witnessed", "nothing is published")

    def _is_publishable(self, row: Checkpoint) -> bool:
        try:
            if self.auditor.policy:
                self.auditor.policy.check(row.note)
        except LogError:
            return False
        return True

    # ---- what others signed ---------------------------------------------------------------------------------------

    def cosignatures(self) -> Iterator[Difference]:
        """Those under checkpoints that were not audited before; of witnesses whose keys are known, the signature."""
        rows = Cosignature.objects.filter(checkpoint_id__gt=self.since).order_by("checkpoint_id", "pk")
        under: Checkpoint | None = None
        for row in rows.iterator(chunk_size=1000):
            if under is None or under.size != row.checkpoint_id:
                under = Checkpoint.objects.filter(size=row.checkpoint_id).first()
            for field, detail in self._cosignature(row, under):
                yield Difference("ledger_cosignature", str(row.pk), field, detail, index=row.checkpoint_id - 1)

    def _cosignature(self, row: Cosignature, under: Checkpoint | None) -> Iterator[tuple[str, str]]:
        if under is None:
            yield "checkpoint", "there is no such checkpoint"
            return
        try:
            signature = Signature.parse(row.line)
            made = cosigned_at(signature)
        except LogError as error:
            yield "line", str(error)
            return
        key = self.auditor.witnesses.get((signature.name, signature.key_id))
        if key is not None:
            try:
                text = Note.parse(under.note).text
                key.check(text, signature.raw)
            except LogError as error:
                yield "line, checkpoint", f"not this witness's on this checkpoint: {error}"
                return
        elif row.witness in {name for name, _ in self.auditor.witnesses}:
            yield "line", "not by the key that this witness has"
        if row.witness != signature.name:
            yield "witness", f"signed by {signature.name}"
        if row.cosigned_at != made:
            yield "cosigned_at", f"signed at {made.isoformat()}"

    def anchors(self) -> Iterator[Difference]:
        """Others' word on when they saw a checkpoint; whose keys are known, whether it is theirs."""
        checkpoints = Checkpoint.objects.order_by("size")
        for row in Anchor.objects.order_by("pk").iterator(chunk_size=500):
            under = checkpoints.filter(size=row.checkpoint_id).first()
            for field, detail in self._anchor(row, under):
                yield Difference("ledger_anchor", str(row.pk), field, detail, index=row.checkpoint_id - 1)

    def _anchor(self, row: Anchor, under: Checkpoint | None) -> Iterator[tuple[str, str]]:
        if under is None or under.published_at is None:
            yield "checkpoint", "there is no such checkpoint, or it is not published"
            return
        later = Checkpoint.objects.filter(size__gt=under.size, published_at__isnull=False).order_by("size")
        until = later.values_list("published_at", flat=True).first() or self.now
        if not under.published_at - SKEW <= row.created_at <= until + SKEW:
            yield "created_at", f"the last that was published from {under.published_at.isoformat()} on"
        if (row.token is not None) is not (row.status == Anchor.ANCHORED):
            yield "token, status", f"{row.status}, {'without' if row.token is None else 'with'} a token"
        elif row.token is None and row.anchored_at is not None:
            yield "anchored_at", "of no token"
        elif row.token is not None and row.checkpoint_id > self.since:
            yield from self._token(row, bytes(row.token), under)

    def _token(self, row: Anchor, token: bytes, under: Checkpoint) -> Iterator[tuple[str, str]]:
        try:
            text = Note.parse(under.note).text.encode()
        except LogError:  # which is said of it already
            return
        by = {each.name: _seen(token, text, each) for each in self.auditor.anchors}
        signers = [name for name, seen in by.items() if isinstance(seen, datetime)]
        if row.authority in signers:
            seen = by[row.authority]
            if row.anchored_at != seen:
                yield "anchored_at", f"the token says {seen}"
        elif signers:
            yield "authority", f"the token is by {signers[0]}"
        elif row.authority in by:
            yield "token, checkpoint", f"not this authority's on this checkpoint: {by[row.authority]}"


class _Checkpoints:
    """The rows in the order of their sizes, read as the tree grows past them."""

    def __init__(self, audit: _Audit) -> None:
        accepted = Entry.objects.filter(index=OuterRef("size") - 1).values("accepted_at")
        rows = Checkpoint.objects.annotate(accepted=Subquery(accepted)).order_by("size")
        self._rows = rows.iterator(chunk_size=500)
        self._next = next(self._rows, None)
        self._waiting: dict[int, Checkpoint] = {}
        self._remembered = audit.remembered.size if audit.remembered else 0

    def sizes_to(self, size: int) -> Collection[int]:
        """At which sizes the root is wanted, up to this one."""
        while self._next is not None and self._next.size <= size:
            self._waiting[self._next.size] = self._next
            self._next = next(self._rows, None)
        wanted = set(self._waiting)
        if size - FULL < self._remembered <= size:
            wanted.add(self._remembered)
        return wanted

    def take(self, size: int) -> Checkpoint | None:
        return self._waiting.pop(size, None)

    def beyond(self, size: int) -> Iterator[Difference]:
        rest = [*self._waiting.values(), *([self._next] if self._next else []), *self._rows]
        for row in rest:
            yield Difference("ledger_checkpoint", str(row.size), "size", f"the log has {size} entries")


def _seen(token: bytes, text: bytes, authority: anchoring.Authority) -> datetime | str:
    """When this authority saw the text, or why that is not what the token says."""
    try:
        return rfc3161.check(token, text, authority.trust)
    except LogError as error:
        return str(error)


def _lines(size: int) -> frozenset[str]:
    return frozenset(Cosignature.objects.filter(checkpoint_id=size).values_list("line", flat=True))


def _log(field: str, detail: str) -> Difference:
    return Difference("ledger_log", "1", field, detail)


def _entry(number: int | None, field: str, detail: str, index: int | None) -> Difference:
    key = f"index {index}" if number is None else str(number)
    return Difference("ledger_entry", key, field, detail, number, index)


def _tile(name: str, tile: bytes | None, expected: str) -> Difference:
    if tile is None:
        return Difference("ledger_tile", name, WHOLE, f"not there: expected {expected}")
    return Difference("ledger_tile", name, "hashes", f"expected {expected}, found {len(tile)} bytes that differ")
