"""c2sp.org/tlog-proof: one entry's place in a log as a file that anyone can check offline.

A node hands it out as the receipt of a submission (ARCHITECTURE section 5).
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Self

from .checkpoint import MAX_SIZE, Checkpoint
from .errors import MalformedProof
from .merkle import HASH_SIZE, check_inclusion, leaf_hash
from .note import Note
from .policy import Policy, Vouched

MAX_HASHES = 63
_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry's index, the hashes from its leaf to the root, and the checkpoint they lead to. As text:

    c2sp.org/tlog-proof@v1
    extra ZmlsZSAxMg==
    index 1
    <hashes in base64, a line each, lowest first>
    <empty line>
    <the checkpoint's note>
    """

    index: int
    hashes: tuple[bytes, ...]  # 32 bytes each
    checkpoint: str  # the signed note, verbatim
    extra: bytes = b""  # for the reader's convenience; nothing proves it

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_SIZE or len(self.hashes) > MAX_HASHES:
            raise MalformedProof("not a place in a tree", found=f"index {self.index}, {len(self.hashes)} hashes")
        if any(len(sibling) != HASH_SIZE for sibling in self.hashes):
            raise MalformedProof("a hash cut short or too long", expected="32 bytes each")
        Checkpoint.parse(Note.parse(self.checkpoint).text)

    def __str__(self) -> str:
        extra = (f"extra {b64encode(self.extra).decode()}",) if self.extra else ()
        hashes = (b64encode(sibling).decode() for sibling in self.hashes)
        return "\n".join((_HEADER, *extra, f"index {self.index}", *hashes, "", self.checkpoint))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Only what formats back to the same text is accepted."""
        above, _, checkpoint = text.partition("\n\n")
        match above.split("\n"):
            case [_, extra, index, *hashes] if extra.startswith("extra "):
                proof = cls._of(index, hashes, checkpoint, extra)
            case [_, index, *hashes]:
                proof = cls._of(index, hashes, checkpoint)
            case _:
                raise MalformedProof("not a proof", expected=f"{_HEADER}, index, hashes, checkpoint")
        if str(proof) != text:
            raise MalformedProof("not in canonical form")
        return proof

    @classmethod
    def _of(cls, index: str, hashes: list[str], checkpoint: str, extra: str = "") -> Self:
        try:
            number, siblings = int(index.removeprefix("index ")), tuple(map(b64decode, hashes))
            given = b64decode(extra.removeprefix("extra "))
        except ValueError as error:  # not a number, or not base64
            raise MalformedProof(str(error), expected="a decimal index, base64 hashes") from error
        return cls(number, siblings, checkpoint, given)

    def check(self, entry: bytes, policy: Policy) -> Vouched:
        """Raise unless the log has this entry: 1. the policy accepts the checkpoint; 2. the hashes lead there."""
        vouched = policy.check(self.checkpoint)  # 1
        head = vouched.checkpoint
        check_inclusion(leaf_hash(entry), self.index, head.size, self.hashes, head.root)  # 2
        return vouched
