"""Being a witness: cosign the checkpoints of other logs, each consistent with the one before (c2sp.org/tlog-witness).

    request ──known log, signed by it, grown from what was cosigned last──> remembered ──> cosignature

What a witness remembers is a SQLite file of its own: no database that is restored from a backup takes it back, and one
command runs a witness where there is nothing else. A checkpoint that its log has signed, and that contradicts what was
cosigned, is kept: it is evidence against the log.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .errors import WitnessRefuses
from .failpoint import failpoint
from .tlog import note
from .tlog.checkpoint import Checkpoint, Cosigner
from .tlog.errors import BadProof, BadSignature
from .tlog.merkle import EMPTY, check_consistency
from .tlog.note import Note
from .tlog.policy import Peer
from .tlog.witness import AddCheckpoint

EVIDENCE_KEPT = 100  # contradictions of one log; more of them prove no more
PATIENCE = 20.0  # seconds until the memory is free

_TABLES = """
CREATE TABLE IF NOT EXISTS cosigned (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS evidence (origin TEXT NOT NULL, note TEXT NOT NULL, against TEXT NOT NULL, why TEXT NOT NULL,
    at TEXT NOT NULL, UNIQUE (origin, note));
"""  # noqa: E501 - as `.schema` shows it


@dataclass(frozen=True)
class WitnessMemory:
    """What was cosigned last of each log, by origin."""

    path: Path

    def make(self) -> None:
        """Begin: nothing was cosigned."""
        connection = sqlite3.connect(self.path)
        connection.executescript(_TABLES)
        connection.close()

    @contextmanager
    def held(self) -> Iterator[sqlite3.Connection]:
        """The file, with other processes and threads kept waiting; on disk when the context ends well."""
        try:
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None
            )
        except sqlite3.OperationalError:
            detail = "the witness has lost its memory; without it, it could cosign two different logs"
            raise WitnessRefuses(detail, code="witness_memory_lost", expected=self.path.name) from None
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # which takes back what was not committed

    def last(self, held: sqlite3.Connection, origin: str) -> Checkpoint:
        """The empty tree's, if this log was never cosigned."""
        row = held.execute("SELECT note FROM cosigned WHERE origin = ?", [origin]).fetchone()
        return Checkpoint.parse(Note.parse(row[0]).text) if row else Checkpoint(origin, 0, EMPTY)

    def remember(self, held: sqlite3.Connection, checkpoint: Checkpoint, signed: str, at: datetime) -> None:
        held.execute(
            "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET"
            " size = excluded.size, note = excluded.note, at = excluded.at",
            [checkpoint.origin, checkpoint.size, signed, at.isoformat()],
        )

    def keep_evidence(self, held: sqlite3.Connection, origin: str, signed: str, why: str, at: datetime) -> None:
        """A signed contradiction, beside the checkpoint that it contradicts."""
        (kept,) = held.execute("SELECT count(*) FROM evidence WHERE origin = ?", [origin]).fetchone()
        if kept < EVIDENCE_KEPT:
            held.execute(
                "INSERT OR IGNORE INTO evidence SELECT ?, ?, note, ?, ? FROM cosigned WHERE origin = ?",
                [origin, signed, why, at.isoformat(), origin],
            )

    def evidence(self) -> list[tuple[str, str, str, str]]:
        """Origin, contradicting note, note cosigned before, and what is wrong, oldest first."""
        with self.held() as held:
            return held.execute("SELECT origin, note, against, why FROM evidence ORDER BY rowid").fetchall()


@dataclass(frozen=True)
class Witness:
    """A name and key that cosign, the logs it knows, and what it remembers of them."""

    cosigner: Cosigner
    logs: tuple[Peer, ...]
    memory: WitnessMemory

    def add_checkpoint(self, request: str, *, now: datetime) -> str:
        """The cosignature lines for a request. Raises `WitnessRefuses`, or `LogError` for what is out of form.

        1. The request is in form.
        2. Its log is known, and has signed it.
        3. It continues what was cosigned last, and is remembered, in one.
        """
        asked = AddCheckpoint.parse(request)  # 1
        checkpoint = asked.checkpoint
        signed = self._signed_by_its_log(checkpoint, asked.note)  # 2
        if asked.old_size > checkpoint.size:
            found = f"{asked.old_size} and {checkpoint.size}"
            raise WitnessRefuses("the old size is above the new", code="old_size_above_new", found=found)
        refused = self._remember(asked, checkpoint, signed, now)  # 3
        if refused:
            raise refused
        failpoint("witness.remembered")
        return f"{self.cosigner.cosign(signed, at=now)}\n"

    def _signed_by_its_log(self, checkpoint: Checkpoint, signed: str) -> str:
        """The note with the log's own signatures, and no others."""
        keys = [log.key for log in self.logs if log.key.name == checkpoint.origin]
        if not keys:
            raise WitnessRefuses("this log is not witnessed here", code="unknown_log", found=checkpoint.origin)
        try:
            return str(note.open(signed, keys))
        except BadSignature as error:
            raise WitnessRefuses(error.detail, code="not_signed_by_log", where=checkpoint.origin) from error

    def _remember(
        self, asked: AddCheckpoint, checkpoint: Checkpoint, signed: str, now: datetime
    ) -> WitnessRefuses | None:
        """Check and remember under one lock: between the two, nobody else's checkpoint takes its place."""
        with self.memory.held() as held:
            last = self.memory.last(held, checkpoint.origin)
            refused = _contradiction(asked, checkpoint, last)
            if refused is None:
                self.memory.remember(held, checkpoint, signed, now)
            elif _is_evidence(refused, asked, last):
                self.memory.keep_evidence(held, checkpoint.origin, signed, refused.detail, now)
            return refused


def _contradiction(asked: AddCheckpoint, checkpoint: Checkpoint, last: Checkpoint) -> WitnessRefuses | None:
    """Why a signed checkpoint does not continue the last one; None if it does."""
    if asked.old_size != last.size:
        detail = "not the size that was cosigned last"
        return WitnessRefuses(detail, code="size_conflict", size=last.size, expected=str(last.size))
    if checkpoint.size == last.size:
        if checkpoint.root == last.root:
            return None if not asked.proof else WitnessRefuses("a proof of nothing", code="bad_proof")
        if not last.size:
            return WitnessRefuses("the empty tree has another root", code="bad_proof")
        return WitnessRefuses("two trees of one size", code="two_trees", size=last.size)
    if not last.size:
        return None if not asked.proof else WitnessRefuses("a proof from an empty tree", code="bad_proof")
    try:
        check_consistency(last.size, last.root, checkpoint.size, checkpoint.root, asked.proof)
    except BadProof as error:
        return WitnessRefuses(error.detail, code="bad_proof", expected=error.expected, found=error.found)
    return None


def _is_evidence(refused: WitnessRefuses, asked: AddCheckpoint, last: Checkpoint) -> bool:
    """Two roots of one size are; a proof that does not hold may be only a bad proof, which is the asker's word."""
    return refused.code == "two_trees" or (
        refused.code == "size_conflict" and asked.checkpoint.size == last.size and asked.checkpoint.root != last.root
    )
