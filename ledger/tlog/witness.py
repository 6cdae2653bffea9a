"""c2sp.org/tlog-witness: what a log sends a witness, and what a witness sends back.

>>> request = AddCheckpoint(0, (), "pharma.example/log\\n1\\n" + "A" * 43 + "=\\n\\n— pharma.example/log AAAAAAA=\\n")
>>> AddCheckpoint.parse(str(request)) == request
True
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Self

from .checkpoint import MAX_SIZE, Checkpoint
from .errors import MalformedRequest
from .merkle import HASH_SIZE
from .note import MAX_NOTE, Note, Signature
from .proof import MAX_HASHES

SIZE_TYPE = "text/x.tlog.size"
"""Media type of the answer that says which size the witness cosigned last."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint to be cosigned, with the proof that it continues the one that was before. As text:

    old 20852014
    <hashes in base64, a line each>
    <empty line>
    <the checkpoint's note>
    """

    old_size: int  # leaves of the checkpoint that this witness cosigned last; 0 if it never did
    proof: tuple[bytes, ...]  # 32 bytes each, 63 at most; none from size 0
    note: str

    def __post_init__(self) -> None:
        if not 0 <= self.old_size <= MAX_SIZE or len(self.proof) > MAX_HASHES:
            raise MalformedRequest("not a size and a proof", found=f"{self.old_size}, {len(self.proof)} hashes")
        if any(len(sibling) != HASH_SIZE for sibling in self.proof):
            raise MalformedRequest("a hash cut short or too long", expected="32 bytes each")

    @property
    def checkpoint(self) -> Checkpoint:
        """The head that the note carries; who signed it is not asked here."""
        return Checkpoint.parse(Note.parse(self.note).text)

    def __str__(self) -> str:
        hashes = (b64encode(sibling).decode() for sibling in self.proof)
        return "\n".join((f"old {self.old_size}", *hashes, "", self.note))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Only what formats back to the same text is accepted."""
        if len(text) > MAX_NOTE:
            raise MalformedRequest("too long", expected=f"up to {MAX_NOTE} characters", found=str(len(text)))
        above, _, note = text.partition("\n\n")
        old, *hashes = above.split("\n")
        try:
            request = cls(int(old.removeprefix("old ")), tuple(map(b64decode, hashes)), note)
        except MalformedRequest:
            raise
        except ValueError as error:  # not a number, or not base64
            raise MalformedRequest(str(error), expected="old size, hashes, an empty line, a checkpoint") from error
        if str(request) != text:
            raise MalformedRequest("not in canonical form", expected="old size, hashes, an empty line, a checkpoint")
        return request


def parse_cosignatures(text: str) -> tuple[Signature, ...]:
    """The lines that a witness answers with: one or more, whole."""
    *lines, end = text.split("\n")
    if end or not lines:
        raise MalformedRequest("not signature lines", found=repr(text[:80]))
    return tuple(map(Signature.parse, lines))


def parse_size(text: str) -> int:
    """The size that a witness cosigned last, as it answers a request that does not continue it."""
    size = text.removesuffix("\n")
    if not size.isascii() or not size.isdecimal() or f"{int(size)}\n" != text or int(size) > MAX_SIZE:
        raise MalformedRequest("not a size", expected="a decimal number and a newline", found=repr(text[:80]))
    return int(size)
