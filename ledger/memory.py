"""What the signer remembers, in a file of its own: a database restored from a backup does not take it back."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

from .errors import SignerRefuses
from .tlog.checkpoint import Checkpoint
from .tlog.merkle import EMPTY
from .tlog.note import Note, Signer

PATIENCE = 5.0  # seconds that another process may keep the memory


def empty_checkpoint(key: Signer) -> str:
    """The note of the log that a key is named for, with nothing in it."""
    return Checkpoint(key.name, 0, EMPTY).sign(key)


@dataclass(frozen=True)
class Memory:
    """A file of two slots, written in turn, so that a crash while one is written leaves the other. Each is

        the SHA-256, in hex, of the note
        the note that was signed, which has no two empty lines in a row
        empty lines, up to 8,192 bytes

    That is one sync for each checkpoint, where replacing a file takes two and a rename.
    """

    SLOT = 8192  # bytes; an ML-DSA-44 signature takes 3,300 of them

    path: Path

    @classmethod
    def of_empty_log(cls, key: Signer) -> bytes:
        """What a new key remembers: that nothing has been signed but the empty tree."""
        return 2 * cls._encode(empty_checkpoint(key))

    @contextmanager
    def held(self) -> Iterator[int]:
        """The file, open, with other processes kept waiting."""
        try:
            file = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            detail = "the signer has lost its memory; without it, it could sign two different logs"
            raise SignerRefuses(detail, code="signer_memory_lost", expected=self.path.name) from None
        try:
            _lock(file)
            yield file
        finally:
            os.close(file)  # which lets go of the lock

    def read(self, file: int) -> tuple[int, Checkpoint]:
        """The slot that was written last, and the checkpoint there."""
        slots = (os.pread(file, self.SLOT, slot * self.SLOT) for slot in (0, 1))
        whole = [(head.size, slot, head) for slot, head in enumerate(map(self._decode, slots)) if head]
        if not whole:
            raise SignerRefuses("the signer's memory is damaged", code="signer_memory_lost", where=self.path.name)
        _, slot, head = max(whole)
        return slot, head

    def write(self, file: int, slot: int, signed: str) -> None:
        """Put a note into a slot, where it can be read again; on disk when this returns."""
        kept = self._encode(signed)
        if self._decode(kept) is None or os.pwrite(file, kept, slot * self.SLOT) != self.SLOT:
            raise SignerRefuses("the signer's memory could not be written whole", where=self.path.name)
        os.fdatasync(file)

    @classmethod
    def _encode(cls, signed: str) -> bytes:
        note = signed.encode()
        slot = b"%s\n%s\n\n" % (sha256(note).hexdigest().encode(), note)
        if len(slot) > cls.SLOT:
            raise SignerRefuses("a note too long to remember", expected=f"{cls.SLOT} bytes", found=str(len(note)))
        return slot.ljust(cls.SLOT, b"\n")

    @staticmethod
    @lru_cache(4)  # what was found in these bytes; one of them is asked of twice in every round
    def _decode(slot: bytes) -> Checkpoint | None:
        digest, _, rest = slot.partition(b"\n")
        note = rest[: rest.find(b"\n\n\n") + 1]
        if sha256(note).hexdigest().encode() != digest:  # torn: its signature was never handed out
            return None
        return Checkpoint.parse(Note.parse(note.decode()).text)


def _lock(file: int) -> None:
    """Wait for whoever has it, but not for ever: one that hangs with it is then somebody's to find and to end."""
    until = monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > until:
                detail = "another process has kept the signer's memory for too long"
                raise SignerRefuses(detail, code="signer_away", expected=f"{PATIENCE:g} s at most") from None
            sleep(0.002)
