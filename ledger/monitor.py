"""Watching a log from outside: every checkpoint and every tile checked, a copy kept, and an alarm where it lies.

    fetch checkpoint ──policy──> fetch entries ──grow own tiles──> same root? ──> same tiles? ──> copy

It believes nothing that it did not compute from the entries itself. The copy has the paths of c2sp.org/tlog-tiles, so
that any file server can stand in for the log; its checkpoint is written last. A contradiction that the log has signed
is kept beside it as evidence.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from .errors import NoSuchTile
from .tlog import merkle, tiles
from .tlog.checkpoint import Checkpoint
from .tlog.errors import LogError
from .tlog.note import Note
from .tlog.policy import Policy, Vouched
from .tlog.tiles import ENTRIES, FULL, Tile, TileReader, decode_entries

Fetch = Callable[[str], bytes]
"""Gets one path below the log's prefix. Raises `LogError` where it cannot be had."""

BATCH = 64 * FULL  # entries that are checked and kept at once


@dataclass(frozen=True)
class Alert:
    """Something that the log's operator has to explain."""

    code: str  # stable: see `CODES`
    detail: str
    at: str  # ISO 8601


#: What can be wrong with a log that is watched.
CODES = {
    "unreachable": "The checkpoint could not be fetched.",
    "checkpoint_refused": "The checkpoint is not what the policy accepts.",
    "rolled_back": "The log is smaller than it was.",
    "two_trees": "The log has signed two trees of one size.",
    "not_consistent": "The entries do not come to the root that the log has signed, or an earlier tree was changed.",
    "tile_differs": "A published tile is not what its entries come to.",
    "entries_missing": "The log does not hand out entries that its checkpoint covers.",
    "stale": "The log has not grown for too long.",
}


@dataclass(frozen=True)
class Copy:
    """A folder with all that was checked of one log."""

    folder: Path

    def last(self) -> str | None:
        """The note of the last checkpoint that was checked."""
        path = self.folder / "checkpoint"
        return path.read_text() if path.exists() else None

    def read(self, tile: Tile) -> bytes:
        path = self.folder / str(tile)
        if not path.exists():
            raise NoSuchTile("not in the copy", where=str(tile))
        return path.read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Whole or not at all."""
        there = self.folder / path
        there.parent.mkdir(parents=True, exist_ok=True)
        draft = there.with_name(f".{there.name}.draft")
        draft.write_bytes(data)
        draft.replace(there)

    def seen(self, size: int, now: datetime) -> datetime:
        """Since when the log has had this size, as far as we have looked."""
        path = self.folder / "seen"
        known, _, since = (path.read_text() if path.exists() else "").partition(" ")
        if known == str(size):
            return datetime.fromisoformat(since)
        self.write("seen", f"{size} {now.isoformat()}".encode())
        return now

    def keep_evidence(self, *notes: str) -> None:
        """Two notes that contradict each other, or one that contradicts the copy."""
        text = "\n".join(notes)
        self.write(f"evidence/{sha256(text.encode()).hexdigest()[:16]}.notes", text.encode())

    def tell(self, alert: Alert) -> None:
        """Write an alert down, one JSON object a line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "alerts.jsonl").open("a") as file:
            file.write(json.dumps(asdict(alert)) + "\n")


@dataclass(frozen=True)
class Monitor:
    """One log, whom to believe about it, and the copy."""

    fetch: Fetch
    policy: Policy
    copy: Copy
    stale_after: timedelta

    def look(self, *, now: datetime, told: Callable[[int, int], None] = lambda done, size: None) -> list[Alert]:
        """Follow the log to its present end; what is wrong with it, nothing if all is well.

        1. The policy accepts the checkpoint.
        2. It continues the one that was checked last.
        3. Its entries come to its root.
        4. Its tiles are what its entries come to.
        5. It is not older than it may be.
        """
        try:
            signed = self.fetch("checkpoint").decode()
        except (LogError, UnicodeDecodeError) as error:
            return self._alert("unreachable", str(error), now)
        try:
            vouched = self.policy.check(signed)  # 1
        except LogError as error:
            return self._alert("checkpoint_refused", str(error), now)
        alerts = self._follow(signed, vouched.checkpoint, now, told)
        return alerts or self._freshness(vouched, now)  # 5

    def _follow(self, signed: str, head: Checkpoint, now: datetime, told: Callable[[int, int], None]) -> list[Alert]:
        before = self.copy.last()
        last = Checkpoint.parse(Note.parse(before).text) if before else Checkpoint(head.origin, 0, merkle.EMPTY)
        if contradiction := _contradiction(last, head):  # 2
            self.copy.keep_evidence(signed, before or "")
            return self._alert(contradiction, f"{last.size} entries before, {head.size} now", now)
        try:
            while last.size < head.size:
                last = self._take(last, head, signed)
                told(last.size, head.size)
        except _Differs as differs:
            self.copy.keep_evidence(signed, before or "")
            return self._alert(differs.code, str(differs), now)
        except LogError as error:
            return self._alert("entries_missing", str(error), now)
        self.copy.write("checkpoint", signed.encode())
        return []

    def _take(self, last: Checkpoint, head: Checkpoint, signed: str) -> Checkpoint:
        """The next entries: hashed, grown upon our own tiles, and kept once the tree they make is the one signed."""
        size = min(head.size, (last.size // FULL) * FULL + BATCH)
        entries = self._entries(last.size, size)
        grown = tiles.grow(last.size, self.copy.read, merkle.leaf_hashes_of(entries))
        root = merkle.root_from(TileReader(lambda tile: grown.get(tile) or self.copy.read(tile), size), size)
        if size == head.size and root != head.root:  # 3
            raise _Differs("another root", code="not_consistent", expected=head.root.hex(), found=root.hex())
        for tile, hashes in grown.items():
            if size == head.size or tile.width == FULL:
                self._demand_published(tile, hashes)  # 4
            self.copy.write(str(tile), hashes)
        self._keep_entries(last.size, entries)
        return Checkpoint(head.origin, size, root)

    def _entries(self, start: int, end: int) -> list[bytes]:
        found: list[bytes] = []
        for index in range(start // FULL, -(-end // FULL)):
            bundle = Tile(ENTRIES, index, min(FULL, end - index * FULL))
            entries = decode_entries(self.fetch(str(bundle)))
            if len(entries) != bundle.width:
                raise NoSuchTile("a bundle cut short", where=str(bundle), found=str(len(entries)))
            found += entries[max(0, start - index * FULL) :]
        return found

    def _keep_entries(self, start: int, entries: list[bytes]) -> None:
        """In bundles as they are published: a partial one is followed by wider ones."""
        first = start // FULL
        begun = start - first * FULL
        if begun:
            entries = decode_entries(self.copy.read(Tile(ENTRIES, first, begun))) + entries
        for at in range(0, len(entries), FULL):
            some = entries[at : at + FULL]
            self.copy.write(str(Tile(ENTRIES, first + at // FULL, len(some))), tiles.encode_entries(some))

    def _demand_published(self, tile: Tile, hashes: bytes) -> None:
        if self.fetch(str(tile)) != hashes:
            raise _Differs("not what its entries come to", code="tile_differs", where=str(tile))

    def _freshness(self, vouched: Vouched, now: datetime) -> list[Alert]:
        """A log takes an entry at least once an interval; when it did, its witnesses tell, or else when we saw it."""
        size = vouched.checkpoint.size
        grown = max(vouched.witnesses.values(), default=self.copy.seen(size, now))
        if now - grown > self.stale_after:
            return self._alert("stale", f"{size} entries since {grown:%Y-%m-%d %H:%M:%S} UTC", now)
        return []

    def _alert(self, code: str, detail: str, now: datetime) -> list[Alert]:
        alert = Alert(code, detail, now.isoformat())
        self.copy.tell(alert)
        return [alert]


class _Differs(LogError):
    """What the log has signed is not what it hands out."""


def _contradiction(last: Checkpoint, head: Checkpoint) -> str | None:
    """The code of what is wrong between a checkpoint and the one before, as far as sizes and roots tell."""
    if head.size < last.size:
        return "rolled_back"
    return "two_trees" if head.size == last.size and head.root != last.root else None
