"""RFC 9942 COSE Receipts over a log's entries: one entry's place in a log, as SCITT software reads it.

>>> from .merkle import inclusion_proof, leaf_hash, root_of
>>> key, leaves = PrivateKey.from_seed(bytes(32)), [leaf_hash(b"one"), leaf_hash(b"two")]
>>> signed = SignedRoot.sign(root_of(leaves), origin="pharma.example/log", key=key)
>>> receipt = bytes(Receipt(signed, 2, 1, tuple(inclusion_proof(leaves, 1))))
>>> Receipt.parse(receipt).check(b"two", key.public)

The signature is over the root alone. Of size and index as much is proven as the path depends on; a tlog-proof says both
under the log's signature, and has room for witnesses.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import cbor2

from .checkpoint import MAX_SIZE
from .cose import SIGNATURE_SIZE, Algorithm, PrivateKey, PublicKey, sig_structure
from .errors import BadSignature, MalformedReceipt
from .merkle import HASH_SIZE, leaf_hash, root_above

MEDIA_TYPE = "application/scitt-receipt+cose"  # RFC 9943
KEYS_TYPE = "application/cose-key-set"  # RFC 9052 section 7

MAX_HASHES = 63
_RFC9162_SHA256 = 1  # RFC 9942 section 5: the only kind of tree here
_ALG, _CRIT, _KID, _CLAIMS, _VDS, _VDP = 1, 2, 4, 15, 395, 396
_INCLUSION = -1
_ISSUER, _SUBJECT = 1, 2

#: Receipts are signed -8 until outside verifiers take -19 (FORMATS section 5), and P-256 still goes by -7. Statements
#: are another matter: `cose.py` refuses both.
_KEYS = {-8: Algorithm.ED25519, -19: Algorithm.ED25519, -7: Algorithm.ESP256, -9: Algorithm.ESP256}
_EDDSA = -8


@dataclass(frozen=True)
class SignedRoot:
    """A log's signature over its root; with an entry's path beside it, that entry's receipt. As bytes:

    18([ << {1: -8, 4: kid, 15: {1: issuer, 2: subject}, 395: 1} >>, {}, null, signature ])

    What is signed begins with the byte 0x84, with which no UTF-8 text does: none of it can be the text of a note,
    which the same key signs.
    """

    protected: bytes  # as it came: RFC 9052 lets others encode it as they like
    signature: bytes  # 64 bytes

    @classmethod
    def sign(cls, root: bytes, *, origin: str, key: PrivateKey) -> Self:
        """Sign the root of the log of this origin. Issuer is the log, and so is what it speaks of: its entries' own
        subjects are nobody's business (ARCHITECTURE I5)."""
        log = f"https://{origin}"
        protected = _dumps({_ALG: _EDDSA, _KID: key.public.kid, _CLAIMS: {_ISSUER: log, _SUBJECT: log}, _VDS: 1})
        return cls(protected, key.sign(sig_structure(protected, root)))

    def __bytes__(self) -> bytes:
        return self.with_proofs({})

    def with_proofs(self, unprotected: dict[int, Any]) -> bytes:
        return _dumps(cbor2.CBORTag(18, [self.protected, unprotected, None, self.signature]))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signature that no proof is beside yet."""
        signed, unprotected = cls.split(data)
        if unprotected or bytes(signed) != data:
            raise MalformedReceipt("not a signed root alone, in deterministic encoding", code="not_deterministic")
        return signed

    @classmethod
    def split(cls, data: bytes) -> tuple[Self, Any]:
        """The signature, and what stands in the unprotected header."""
        match _loads(data, "receipt"):
            case cbor2.CBORTag(tag=18, value=[bytes(protected), unprotected, None, bytes(signature)]):
                signed = cls(protected, signature)
            case cbor2.CBORTag(tag=18, value=[bytes(), _, bytes(), bytes()]):
                raise MalformedReceipt("the root is to be computed, not read", code="payload_attached")
            case _:
                raise MalformedReceipt("not a COSE_Sign1 without payload", code="not_cose_sign1", expected="tag 18")
        signed.header  # noqa: B018 - what cannot be understood is refused when it is read
        if len(signature) != SIGNATURE_SIZE:
            raise MalformedReceipt("signature cut", expected="64 bytes", found=f"{len(signature)} bytes")
        return signed, unprotected

    @cached_property
    def header(self) -> dict[Any, Any]:
        """The protected header. Members that are not known are signed and harmless, but for those marked critical."""
        header = _loads(self.protected, "protected header")
        if not isinstance(header, dict) or _CRIT in header:
            raise MalformedReceipt("a header that is not understood", code="wrong_header")
        if type(header.get(_VDS)) is not int or header[_VDS] != _RFC9162_SHA256:
            found = repr(header.get(_VDS))[:40]
            raise MalformedReceipt("another kind of tree", code="unsupported_vds", expected="395: 1", found=found)
        if type(header.get(_ALG)) is not int or header[_ALG] not in _KEYS:
            expected, found = ", ".join(map(str, _KEYS)), repr(header.get(_ALG))[:40]
            raise MalformedReceipt("no algorithm of receipts", code="unknown_algorithm", expected=expected, found=found)
        _demand_type(header, _KID, bytes)
        _demand_type(_demand_type(header, _CLAIMS, dict) or {}, _ISSUER, str)
        _demand_type(header.get(_CLAIMS) or {}, _SUBJECT, str)
        return dict(header)

    @property
    def kid(self) -> bytes | None:
        """How the key is named; of ours, its thumbprint (RFC 9679)."""
        return self.header.get(_KID)

    @property
    def issuer(self) -> str | None:
        return (self.header.get(_CLAIMS) or {}).get(_ISSUER)

    @property
    def subject(self) -> str | None:
        return (self.header.get(_CLAIMS) or {}).get(_SUBJECT)

    def check(self, root: bytes, public: PublicKey) -> None:
        """Raise BadSignature unless this key signed this root. Which key it must be, the caller knows."""
        if _KEYS[self.header[_ALG]] is not public.alg:
            found = str(self.header[_ALG])
            raise BadSignature("another algorithm", code="wrong_key", expected=public.alg.name, found=found)
        public.check(self.signature, sig_structure(self.protected, root))


@dataclass(frozen=True)
class Receipt:
    """An entry's place in a log, signed. As bytes, those of a `SignedRoot` with this for an unprotected header:

    {396: {-1: [ << [size, index, [hash, ...]] >> ]}}      hashes from the leaf to the root, lowest first
    """

    signed: SignedRoot
    size: int  # leaves
    index: int
    hashes: tuple[bytes, ...]  # 32 bytes each

    def __post_init__(self) -> None:
        if not all(type(number) is int for number in (self.size, self.index)):
            raise MalformedReceipt("not a place in a tree", found=repr((self.index, self.size))[:80])
        if not 0 <= self.index < self.size <= MAX_SIZE or len(self.hashes) > MAX_HASHES:
            found = f"index {self.index} of {self.size}, {len(self.hashes)} hashes"
            raise MalformedReceipt("not a place in a tree", found=found[:80])
        if any(not isinstance(sibling, bytes) or len(sibling) != HASH_SIZE for sibling in self.hashes):
            raise MalformedReceipt("a hash cut short or too long", expected="32 bytes each")

    def __bytes__(self) -> bytes:
        return self.signed.with_proofs({_VDP: {_INCLUSION: [_dumps([self.size, self.index, list(self.hashes)])]}})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a receipt. Only what writes back to the same bytes is accepted, and only one proof."""
        signed, unprotected = SignedRoot.split(data)
        match unprotected:
            case {396: {-1: [bytes(proof)]}} if len(unprotected) == len(unprotected[_VDP]) == 1:
                receipt = cls(signed, *_place(proof))
            case {396: {-1: [_, _, *_]}}:
                raise MalformedReceipt("one entry has one place", code="several_proofs", expected="one inclusion proof")
            case _:
                raise MalformedReceipt("not one inclusion proof", code="no_proof", expected="{396: {-1: [proof]}}")
        if bytes(receipt) != data:
            raise MalformedReceipt("not in deterministic encoding", code="not_deterministic")
        return receipt

    def check(self, entry: bytes, public: PublicKey) -> None:
        """Raise unless the log with this key has this entry: 1. the hashes lead to a root; 2. that one is signed."""
        root = root_above(leaf_hash(entry), self.index, self.size, self.hashes)  # 1
        self.signed.check(root, public)  # 2


def key_set(keys: list[PublicKey]) -> bytes:
    """RFC 9052 section 7: the keys that a log's receipts are checked with."""
    return _dumps([_cose_key(key) for key in keys])


def one_key(key: PublicKey) -> bytes:
    """The same of one key."""
    return _dumps(_cose_key(key))


def _cose_key(key: PublicKey) -> dict[int, Any]:
    if key.alg is Algorithm.ED25519:  # RFC 9053 section 7.2
        return {1: 1, 2: key.kid, 3: _EDDSA, -1: 6, -2: key.raw}
    return {1: 2, 2: key.kid, 3: -7, -1: 1, -2: key.raw[1:33], -3: key.raw[33:]}


def _place(proof: bytes) -> tuple[Any, Any, tuple[Any, ...]]:
    match _loads(proof, "proof"):
        case [size, index, list(hashes)]:
            return size, index, tuple(hashes)
    raise MalformedReceipt("not a proof", code="no_proof", expected="[size, index, [hash, ...]]")


def _demand_type(members: dict[Any, Any], label: int, kind: type) -> Any:
    value = members.get(label)
    if label in members and not isinstance(value, kind):
        raise MalformedReceipt("a header or claim of the wrong type", code="wrong_header", where=str(label))
    return value


def _loads(encoded: bytes, where: str) -> Any:
    try:
        return cbor2.loads(encoded, max_depth=8, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError) as error:
        raise MalformedReceipt(f"not CBOR: {error}", code="not_cbor", where=where) from error


def _dumps(value: object) -> bytes:
    return cbor2.dumps(value, canonical=True)
