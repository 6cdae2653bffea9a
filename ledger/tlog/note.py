"""c2sp.org/signed-note: a text with signatures below it.

>>> from .cose import PrivateKey
>>> poet = Signer("quasimodo.example", PrivateKey.from_seed(bytes(32)))
>>> signed = sign("ed è subito sera.\\n", poet)
>>> print(signed, end="")
ed è subito sera.
<BLANKLINE>
— quasimodo.example fyXPlK1uxIemSwJO/NbnOsmDlmMWYzY5RLBY1dFH/xDsD9CHiuQH9xmMw/B1r8DtZY5RSPDW3mnZiQYOxw+G7ejYHwI=
>>> open(signed, [poet.verifier]).text
'ed è subito sera.\\n'
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import ClassVar, Protocol, Self

from .cose import Algorithm, PrivateKey, PublicKey
from .errors import BadSignature, MalformedKey, MalformedNote

MAX_NOTE = 1 << 20  # characters; an ML-DSA signature takes 3,300
MAX_SIGNATURES = 100  # 16 must be taken

#: Control characters other than the newline, and what UTF-8 cannot say.
NOT_TEXT = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_NAME = re.compile("[^\\s+\x00-\x1f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below the text: `— <key name> base64(key id ‖ signature)`."""

    name: str
    key_id: bytes  # 4 bytes
    raw: bytes  # what the key made, in the form of its kind

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.key_id) != 4 or not self.raw:
            raise MalformedNote("not a key name, a key id and a signature", where=repr(self.name))

    def __str__(self) -> str:
        return f"— {self.name} {b64encode(self.key_id + self.raw).decode()}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read one line. Only what formats back to the same line is accepted."""
        try:
            _, name, encoded = line.split(" ")
            blob = b64decode(encoded)
        except ValueError as error:  # not three words, or not base64
            raise MalformedNote("not a signature line", found=repr(line)) from error
        signature = cls(name, blob[:4], blob[4:])
        if str(signature) != line:
            raise MalformedNote("signature line not in canonical form", expected=str(signature), found=repr(line))
        return signature


@dataclass(frozen=True, slots=True)
class Note:
    """A well-formed note: that it exists says nothing of who signed it."""

    text: str  # ends in a newline
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _demand_text(self.text)
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise MalformedNote("number of signatures", expected="1 to 100", found=str(len(self.signatures)))

    def __str__(self) -> str:
        return f"{self.text}\n" + "".join(f"{signature}\n" for signature in self.signatures)

    @classmethod
    def parse(cls, signed: str) -> Self:
        """Read the text form, in which the last empty line stands between text and signatures. Verifies nothing."""
        if len(signed) > MAX_NOTE:
            raise MalformedNote("too long", expected=f"up to {MAX_NOTE} characters", found=str(len(signed)))
        text, _, below = signed.rpartition("\n\n")
        *lines, end = below.split("\n")
        if end or not lines:
            raise MalformedNote("no signatures", expected="text, an empty line, whole signature lines")
        return cls(text + "\n", tuple(map(Signature.parse, lines)))


@dataclass(frozen=True)
class Verifier:
    """A key that notes are checked with. Its text form, the vkey:

        sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8
        <name>+<key id, hex>+base64(<kind, one byte> ‖ <key>)

    This kind is Ed25519 over the text; `checkpoint.py` has others.
    """

    kind: ClassVar[int] = 0x01
    size: ClassVar[int] = 32  # bytes of a key of this kind

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != self.size:
            found = f"{self.name!r} and {len(self.public)} bytes"
            raise MalformedKey("not a named key", expected=f"a name and {self.size} bytes", found=found)

    @cached_property
    def key_id(self) -> bytes:
        """4 bytes: with the name, what signature lines call this key."""
        return sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    def check(self, text: str, signature: bytes) -> None:
        """Raise BadSignature unless this key signed the text."""
        PublicKey(Algorithm.ED25519, self.public).check(signature, text.encode())

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"


def parse_key(vkey: str, kinds: Iterable[type[Verifier]] = (Verifier,)) -> Verifier:
    """Read a vkey of one of these kinds. Only what formats back to the same text is accepted, key id included."""
    try:
        name, _, encoded = vkey.split("+", 2)
        blob = b64decode(encoded)
    except ValueError as error:  # not three parts, or not base64
        raise MalformedKey("not a vkey", expected="<name>+<key id>+<key>", found=repr(vkey)) from error
    for kind in kinds:
        if blob[:1] == bytes([kind.kind]):
            verifier = kind(name, blob[1:])
            if str(verifier) != vkey:
                raise MalformedKey("not in canonical form", expected=str(verifier), found=repr(vkey))
            return verifier
    raise MalformedKey("a kind of key not taken here", code="wrong_kind_of_key", found=blob[:1].hex())


class NoteSigner(Protocol):
    """A key of any kind that signs notes under a name. A new kind is a class of this form, and a `Verifier`."""

    @property
    def name(self) -> str: ...

    def sign(self, text: str) -> Signature: ...


@dataclass(frozen=True)
class Signer:
    """A name and an Ed25519 key that signs notes under it."""

    name: str
    key: PrivateKey

    def __post_init__(self) -> None:
        Verifier(self.name, self.key.public.raw)  # refuses a bad name, and keys that are not Ed25519

    @cached_property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.key.public.raw)

    def sign(self, text: str) -> Signature:
        """The signature line for this text."""
        _demand_text(text)
        return Signature(self.name, self.verifier.key_id, self.key.sign(text.encode()))


def sign(text: str, *signers: NoteSigner) -> str:
    """The note of a text: one signature line for each signer."""
    return str(Note(text, tuple(signer.sign(text) for signer in signers)))


def open(signed: str, verifiers: Collection[Verifier]) -> Note:
    """The note with the signatures of these keys, each checked; those of other keys are left out.

    One bad signature of a known key spoils the note, whatever others it has.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) < len(set(verifiers)):
        raise MalformedKey("two keys of one name and key id", code="ambiguous_keys")
    note = Note.parse(signed)
    good = []
    for signature in note.signatures:
        if verifier := known.get((signature.name, signature.key_id)):
            _check(verifier, note.text, signature)
            good.append(signature)
    if not good:
        found = ", ".join(signature.name for signature in note.signatures)
        raise BadSignature("signed by no known key", code="unknown_signers", found=found)
    return Note(note.text, tuple(good))


def _demand_text(text: str) -> None:
    if not text.endswith("\n") or NOT_TEXT.search(text):
        raise MalformedNote("not the text of a note", expected="whole lines without control characters")


def _check(verifier: Verifier, text: str, signature: Signature) -> None:
    try:
        verifier.check(text, signature.raw)
    except BadSignature as error:
        raise BadSignature(error.detail, code=error.code, where=signature.name, found=error.found) from error
