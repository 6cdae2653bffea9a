"""Signs the log's checkpoints, each consistent with the one before.

The signer trusts the database no more than a witness would: it demands the proof that the log only grew, and has on
disk what it signed before it hands that out. It knows neither the database nor where its key comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .errors import SignerRefuses
from .failpoint import failpoint
from .memory import Memory, empty_checkpoint
from .tlog.checkpoint import Checkpoint
from .tlog.errors import BadProof
from .tlog.merkle import check_consistency
from .tlog.note import NoteSigner, Signer, Verifier
from .tlog.receipt import SignedRoot


class Growth(NamedTuple):
    """That a log only grew, as a witness is told it (c2sp.org/tlog-witness)."""

    old_size: int  # leaves under the checkpoint that was signed last
    proof: Sequence[bytes]  # the consistency proof from there; empty from nothing


class SignedHead(NamedTuple):
    """One tree head, signed in both forms that proofs rest on."""

    note: str  # c2sp.org/signed-note
    signed_root: bytes  # its root alone, a `SignedRoot`: receipts are made with it, without the key (RFC 9942)


class SignsCheckpoints(Protocol):
    """Whoever signs the log's checkpoints: here, or in a process of its own (`signing_process.py`)."""

    @property
    def verifier(self) -> Verifier: ...

    def last(self) -> Checkpoint: ...

    def demand(self, checkpoint: Checkpoint, growth: Growth) -> None: ...

    def sign(self, checkpoint: Checkpoint, growth: Growth) -> SignedHead: ...

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

    def demand(self, checkpoint: Checkpoint, growth: Growth) -> None:
        """Raise unless `sign` would sign this checkpoint."""
        demand_growth(self.last(), checkpoint, growth)

    def sign(self, checkpoint: Checkpoint, growth: Growth) -> SignedHead:
        """The checkpoint, signed, once it is on disk that it was. No root that is not of such a one is ever signed.

        If it stops before the signatures are used, the same checkpoint, or one consistent with it, can be signed again.
        """
        with self.memory.held() as file:
            slot, last = self.memory.read(file)
            demand_growth(last, checkpoint, growth)
            note = checkpoint.sign(self.key, *self.others)
            root = SignedRoot.sign(checkpoint.root, origin=checkpoint.origin, key=self.key.key)
            failpoint("integrate.before_memory")
            self.memory.write(file, 1 - slot, note)
        failpoint("integrate.after_memory")
        return SignedHead(note, bytes(root))

    def sign_empty(self) -> str:
        """The note of a log with nothing in it: every log began so, and what names a log is its checkpoint."""
        return empty_checkpoint(self.key)


def demand_growth(last: Checkpoint, checkpoint: Checkpoint, growth: Growth) -> None:
    """Raise unless the checkpoint is of the log that was signed last, and only longer."""
    if checkpoint.origin != last.origin:
        raise SignerRefuses("another log", code="wrong_origin", expected=last.origin, found=checkpoint.origin)
    demand_not_behind(last, checkpoint.size)
    if growth.old_size != last.size:
        expected, found = str(last.size), str(growth.old_size)
        raise SignerRefuses("the signer has moved on", code="signer_moved", expected=expected, found=found)
    if not last.size:  # everything extends the empty tree
        return
    try:
        check_consistency(last.size, last.root, checkpoint.size, checkpoint.root, growth.proof)
    except BadProof as error:
        detail = f"not the log that was signed at size {last.size}, or its tiles are damaged"
        raise SignerRefuses(detail, code="not_consistent", expected=error.expected, found=error.found) from error


def demand_not_behind(last: Checkpoint, size: int) -> None:
    """Raise if the log is smaller than what was signed of it."""
    if size < last.size:
        detail = "the log has fewer entries than were signed: an old backup, or the keys of another database"
        raise SignerRefuses(detail, code="log_rolled_back", expected=f"at least {last.size}", found=str(size))
