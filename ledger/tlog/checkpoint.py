"""c2sp.org/tlog-checkpoint: the head of a log's tree as a signed note. c2sp.org/tlog-cosignature: witnesses on it.

>>> from .cose import PrivateKey
>>> from .merkle import leaf_hash
>>> from .note import Signer
>>> log = Signer("pharma.example/log", PrivateKey.from_seed(bytes(32)))
>>> signed = Checkpoint("pharma.example/log", 1, leaf_hash(b"")).sign(log)
>>> witness = Cosigner("witness.example", PrivateKey.from_seed(bytes(31) + b"w"))
>>> signed += f"{witness.cosign(signed, at=datetime(2026, 1, 6, tzinfo=UTC))}\\n"
>>> Checkpoint.open(signed, [log.verifier, witness.verifier]).size
1
"""

from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from . import note
from .cose import Algorithm, PrivateKey, PublicKey
from .errors import BadSignature, MalformedCheckpoint
from .merkle import HASH_SIZE
from .note import NOT_TEXT, Note, NoteSigner, Signature, Verifier

_LATEST = 253402300799  # seconds: the last of the year 9999; a later time is in nobody's past
MAX_SIZE = (1 << 63) - 1  # leaves; a proof then has 63 hashes at most


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head as c2sp.org/tlog-checkpoint writes it: three lines, then extensions.

    pharma.example/log
    923748
    nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
    """

    origin: str
    size: int  # leaves
    root: bytes  # 32 bytes, SHA-256
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_SIZE:
            found = f"{self.size} and {len(self.root)} bytes"
            raise MalformedCheckpoint("not a tree head", expected="a size in leaves and a 32-byte root", found=found)
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line or NOT_TEXT.search(line):
                raise MalformedCheckpoint("not a line of text", found=repr(line))

    def __str__(self) -> str:
        root = b64encode(self.root).decode()
        return "\n".join((self.origin, str(self.size), root, *self.extensions, ""))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Only what formats back to the same text is accepted."""
        try:
            origin, size, root, *extensions, _ = text.split("\n")
            checkpoint = cls(origin, int(size), b64decode(root), tuple(extensions))
        except MalformedCheckpoint:
            raise
        except ValueError as error:  # too few lines, or a size or root that does not decode
            raise MalformedCheckpoint(str(error), expected="origin, size and root, a line each") from error
        if str(checkpoint) != text:
            raise MalformedCheckpoint("not in canonical form", expected=repr(str(checkpoint)), found=repr(text))
        return checkpoint

    def sign(self, *signers: NoteSigner) -> str:
        """This head as a note."""
        return note.sign(str(self), *signers)

    @classmethod
    def open(cls, signed: str, verifiers: Collection[Verifier]) -> Self:
        """The head that a note carries, once a known key has signed it and none of them wrongly.

        Which keys must have signed is a matter of policy: see `policy.py`.
        """
        return cls.parse(note.open(signed, verifiers).text)


# Cosignatures


@dataclass(frozen=True)
class Cosigner:
    """A witness's name and key. The key signs under no other name: an Ed25519 cosignature does not say the name."""

    name: str
    key: PrivateKey

    def __post_init__(self) -> None:
        CosignatureVerifier(self.name, self.key.public.raw)  # refuses a bad name, and keys that are not Ed25519

    @cached_property
    def verifier(self) -> "CosignatureVerifier":
        return CosignatureVerifier(self.name, self.key.public.raw)

    def cosign(self, signed: str, *, at: datetime) -> Signature:
        """Say that of all heads of this log seen up to this time, whole seconds, this is the largest, all consistent.

        Making sure of that comes before, and keeping the head comes before handing this out (c2sp.org/tlog-witness).
        """
        text = Note.parse(signed).text
        Checkpoint.parse(text)
        timestamp = int(at.timestamp())
        raw = _u64(timestamp) + self.key.sign(_cosigned(text, timestamp))
        return Signature(self.name, self.verifier.key_id, raw)


class CosignatureVerifier(Verifier):
    """A witness's key: its signature is a time, 8 bytes in seconds, and 64 bytes of Ed25519."""

    kind = 0x04

    def check(self, text: str, signature: bytes) -> None:
        timestamp, raw = _split(signature)
        PublicKey(Algorithm.ED25519, self.public).check(raw, _cosigned(text, timestamp))


class SubtreeVerifier(Verifier):
    """A witness's or a log's ML-DSA-44 key: a time and 2,420 bytes, over the head without its extensions."""

    kind = 0x06
    size = 1312

    def check(self, text: str, signature: bytes) -> None:
        timestamp, raw = _split(signature)
        message = _subtree(self.name, timestamp, Checkpoint.parse(text))
        try:
            MLDSA44PublicKey.from_public_bytes(self.public).verify(raw, message)
        except InvalidSignature:
            raise BadSignature("not this key's signature over this head") from None


def cosigned_at(signature: Signature) -> datetime:
    """When a cosignature, checked before, says that it was made; UTC."""
    timestamp, _ = _split(signature.raw)
    return datetime.fromtimestamp(timestamp, UTC)


def _split(raw: bytes) -> tuple[int, bytes]:
    """Time and signature of the structure that both kinds have."""
    timestamp = int.from_bytes(raw[:8], "big")
    if len(raw) <= 8 or timestamp > _LATEST:
        raise BadSignature("not a cosignature", expected="a time of this age and a signature", found=raw[:8].hex())
    return timestamp, raw[8:]


def _cosigned(text: str, timestamp: int) -> bytes:
    """What an Ed25519 cosignature is over."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _subtree(cosigner: str, timestamp: int, head: Checkpoint) -> bytes:
    """What an ML-DSA-44 cosignature is over: the subtree from leaf 0 to the head's size."""
    cosigned = _prefixed(cosigner) + _u64(timestamp) + _prefixed(head.origin) + _u64(0) + _u64(head.size)
    return b"subtree/v1\n\0" + cosigned + head.root


def _prefixed(name: str) -> bytes:
    encoded = name.encode()
    if len(encoded) > 255:
        raise BadSignature("a name too long for this kind of signature", expected="up to 255 bytes", found=name)
    return bytes([len(encoded)]) + encoded


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")
