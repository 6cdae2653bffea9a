"""Signs the log's checkpoints, each consistent with the one before.

The signer trusts the database no more than a witness would: it asks for the proof that the log only grew, and has it
on disk what it signed before it hands that out. It knows neither the database nor where its key comes from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .errors import SignerRefuses
from .failpoint import failpoint
from .memory import Memory, empty_checkpoint
from .tlog.checkpoint import Checkpoint
from .tlog.errors import BadProof
from .tlog.merkle import check_consistency
from .tlog.note import NoteSigner, Signer, Verifier
from .tlog.receipt import SignedRoot

Prove = Callable[[int, int], Sequence[bytes]]
"""Makes the consistency proof between two sizes of the log."""


class SignsCheckpoints(Protocol):
    """Whoever signs the log's checkpoints: here, or in a process of its own (`signing_process.py`)."""

    @property
    def verifier(self) -> Verifier: ...

    def last(self) -> Checkpoint: ...

    def demand(self, checkpoint: Checkpoint, prove: Prove) -> None: ...

    def sign(self, checkpoint: Checkpoint, prove: Prove) -> str: ...

    def sign_root(self, checkpoint: Checkpoint) -> bytes: ...

    def sign_empty(self) -> str: ...


@dataclass(frozen=True)
class LogSigner:
    """The log's key, and what it signed last."""

    key: Signer
    memory: Memory
    others: tuple[NoteSigner, ...] = ()  # keys of other kinds that sign the same heads, such as ML-DSA-44

    @property
    def verifier(self) -> Verifier:
        """The public half of the log's key."""
        return self.key.verifier

    def last(self) -> Checkpoint:
        """The last checkpoint signed; the empty tree's, if none was."""
        with self.memory.held() as file:
            return self.memory.read(file)[1]

    def demand(self, checkpoint: Checkpoint, prove: Prove) -> None:
        """Raise unless `sign` would sign this checkpoint."""
        demand_growth(self.last(), checkpoint, prove)

    def sign(self, checkpoint: Checkpoint, prove: Prove) -> str:
        """The checkpoint's note, once it is on disk that this was signed.

        If it stops before the note is used, the same checkpoint, or one consistent with it, can be signed again.
        """
        with self.memory.held() as file:
            slot, last = self.memory.read(file)
            demand_growth(last, checkpoint, prove)
            signed = checkpoint.sign(self.key, *self.others)
            failpoint("integrate.before_memory")
            self.memory.write(file, 1 - slot, signed)
        failpoint("integrate.after_memory")
        return signed

    def sign_root(self, checkpoint: Checkpoint) -> bytes:
        """The root of what was signed last, signed again as COSE Receipts want it: no other root ever is.

        Receipts are then put together without the key (RFC 9942).
        """
        last = self.last()
        if checkpoint != last:
            detail = "only the root of the last checkpoint signed is signed for receipts"
            raise SignerRefuses(detail, code="not_signed_last", expected=str(last.size), found=str(checkpoint.size))
        return bytes(SignedRoot.sign(checkpoint.root, origin=checkpoint.origin, key=self.key.key))

    def sign_empty(self) -> str:
        """The note of a log with nothing in it: every log began so, and what names a log is its checkpoint."""
        return empty_checkpoint(self.key)


def demand_growth(last: Checkpoint, checkpoint: Checkpoint, prove: Prove) -> None:
    """Raise unless the checkpoint is of the log that was signed last, and only longer."""
    if checkpoint.origin != last.origin:
        raise SignerRefuses("another log", code="wrong_origin", expected=last.origin, found=checkpoint.origin)
    demand_not_behind(last, checkpoint.size)
    if not last.size:  # everything extends the empty tree
        return
    try:
        proof = prove(last.size, checkpoint.size)
        check_consistency(last.size, last.root, checkpoint.size, checkpoint.root, proof)
    except BadProof as error:
        detail = f"not the log that was signed at size {last.size}, or its tiles are damaged"
        raise SignerRefuses(detail, code="not_consistent", expected=error.expected, found=error.found) from error


def demand_not_behind(last: Checkpoint, size: int) -> None:
    """Raise if the log is smaller than what was signed of it."""
    if size < last.size:
        detail = "the log has fewer entries than were signed: an old backup, or the keys of another database"
        raise SignerRefuses(detail, code="log_rolled_back", expected=f"at least {last.size}", found=str(size))
