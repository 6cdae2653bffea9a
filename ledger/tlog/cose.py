"""RFC 9052 COSE_Sign1 as FORMATS section 5 uses it, and the keys that sign (RFC 9864) and are named (RFC 9679).

>>> key = PrivateKey.from_seed(bytes(32))
>>> envelope = sign(b"{}", content_type="application/json", issuer="urn:a", subject="urn:b", key=key)
>>> signed = decode(envelope)
>>> signed.check(key.public)
>>> signed.payload, signed.kid == thumbprint(key.public)
(b'{}', True)
"""

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Self

import cbor2
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from .errors import BadSignature, MalformedEnvelope, MalformedKey

SIGNATURE_SIZE = 64  # bytes, for either algorithm
_ECDSA = ec.ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979: no randomness that could fail


class Algorithm(IntEnum):
    """RFC 9864 section 2: each names curve and hash, so that a key has exactly one."""

    ED25519 = -19
    ESP256 = -9  # ECDSA, P-256, SHA-256


_ACCEPTED = frozenset(Algorithm)
_REFUSED = {-7: "es256_refused", -8: "eddsa_refused"}  # RFC 9864 deprecates them: they leave the curve open

_P = 2**255 - 19  # RFC 8032 section 5.1: the field of Ed25519
_OCTIC = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset((0, 1, _P - 1, _OCTIC, _P - _OCTIC))  # the y of the points whose order divides 8


# Keys


@dataclass(frozen=True)
class PublicKey:
    """A key that checks: 32 raw bytes for Ed25519, the uncompressed point (65 bytes) for P-256."""

    alg: Algorithm
    raw: bytes
    _key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "_key", _load_public(self.alg, self.raw))
        except ValueError as error:
            raise MalformedKey(f"no {self.alg.name} public key", found=self.raw.hex()) from error

    @cached_property
    def kid(self) -> bytes:
        """How statements name this key: its thumbprint."""
        return thumbprint(self)

    def check(self, signature: bytes, message: bytes) -> None:
        """Raise BadSignature unless this key made the signature over the message."""
        if len(signature) != SIGNATURE_SIZE:
            raise BadSignature("not a signature", expected="64 bytes", found=f"{len(signature)} bytes")
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(_to_der(signature), message, _ECDSA)
        except InvalidSignature:
            raise BadSignature("not this key's signature over this message") from None


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs. Its text form shows only the public half."""

    public: PublicKey
    _key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, alg: Algorithm = Algorithm.ED25519) -> Self:
        """A new key."""
        if alg is Algorithm.ED25519:
            return cls._of(ed25519.Ed25519PrivateKey.generate())
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The Ed25519 key of a 32-byte seed (RFC 8032 section 5.1.5)."""
        if len(seed) != 32:
            raise MalformedKey("not a seed", expected="32 bytes", found=f"{len(seed)} bytes")
        return cls._of(ed25519.Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a key file: PKCS #8 in PEM, not encrypted."""
        try:
            return cls._of(load_pem_private_key(pem, password=None))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise MalformedKey("not an Ed25519 or P-256 private key in PEM, or an encrypted one") from error

    @classmethod
    def _of(cls, key: object) -> Self:
        if isinstance(key, ed25519.Ed25519PrivateKey):
            raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return cls(PublicKey(Algorithm.ED25519, raw), key)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            raw = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            return cls(PublicKey(Algorithm.ESP256, raw), key)
        raise ValueError("neither Ed25519 nor P-256")

    def to_pem(self) -> bytes:
        """What a key file holds: the secret, in the clear."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """64 bytes; for P-256 r and s side by side (RFC 9053 section 2.1). The same message, the same signature."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def thumbprint(public: PublicKey) -> bytes:
    """RFC 9679 section 4: SHA-256 over the COSE_Key's required members, in deterministic encoding."""
    if public.alg is Algorithm.ED25519:  # kty OKP, crv Ed25519, x
        return sha256(_dumps({1: 1, -1: 6, -2: public.raw})).digest()
    return sha256(_dumps({1: 2, -1: 1, -2: public.raw[1:33], -3: public.raw[33:]})).digest()  # kty EC2, crv P-256, x, y


def _load_public(alg: Algorithm, raw: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    if alg is Algorithm.ED25519:
        y = int.from_bytes(raw, "little") % (1 << 255)
        if y >= _P or y in _SMALL_ORDER:
            raise ValueError("a second name for a point, or one whose signatures fit any message")
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    if len(raw) != 65:  # the compressed form would be a second name for the same key
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def _to_der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


# Envelopes


@dataclass(frozen=True, slots=True)
class Signed1:
    """One signed payload. As bytes:

    18([ << {1: alg, 3: content type, 4: kid, 15: {1: issuer, 2: subject}} >>,  protected
         {},                                                                    unprotected
         payload,
         signature ])
    """

    alg: Algorithm
    content_type: str
    kid: bytes  # 32 bytes: the thumbprint of the key
    issuer: str
    subject: str
    payload: bytes
    signature: bytes  # 64 bytes

    def __post_init__(self) -> None:
        if len(self.kid) != 32 or len(self.signature) != SIGNATURE_SIZE:
            found = f"{len(self.kid)} and {len(self.signature)} bytes"
            raise MalformedEnvelope("key id or signature cut", expected="32 and 64 bytes", found=found)

    def __bytes__(self) -> bytes:
        return _dumps(cbor2.CBORTag(18, [self._protected, {}, self.payload, self.signature]))

    def check(self, public: PublicKey) -> None:
        """Raise BadSignature unless this very key made the signature."""
        if public.kid != self.kid:
            raise BadSignature("another key", code="wrong_key", expected=public.kid.hex(), found=self.kid.hex())
        if public.alg is not self.alg:
            raise BadSignature("another algorithm", code="wrong_key", expected=public.alg.name, found=self.alg.name)
        public.check(self.signature, sig_structure(self._protected, self.payload))

    @property
    def _protected(self) -> bytes:
        return protected_header(self.alg, self.content_type, self.kid, self.issuer, self.subject)


def protected_header(alg: Algorithm, content_type: str, kid: bytes, issuer: str, subject: str) -> bytes:
    """RFC 9052 section 3.1, with issuer and subject as the CWT claims of RFC 9597."""
    return _dumps({1: int(alg), 3: content_type, 4: kid, 15: {1: issuer, 2: subject}})


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """RFC 9052 section 4.4: the bytes a COSE_Sign1 signature is over; external_aad is empty."""
    return _dumps(["Signature1", protected, b"", payload])


def to_be_signed(payload: bytes, *, content_type: str, issuer: str, subject: str, public: PublicKey) -> bytes:
    """The bytes to sign with a key that lives elsewhere; the envelope is then `bytes(Signed1(...))`."""
    return sig_structure(protected_header(public.alg, content_type, public.kid, issuer, subject), payload)


def sign(payload: bytes, *, content_type: str, issuer: str, subject: str, key: PrivateKey) -> bytes:
    """The envelope around a payload, signed."""
    public = key.public
    message = to_be_signed(payload, content_type=content_type, issuer=issuer, subject=subject, public=public)
    return bytes(Signed1(public.alg, content_type, public.kid, issuer, subject, payload, key.sign(message)))


def decode(envelope: bytes) -> Signed1:
    """Read an envelope, unchecked: `check` comes after. Only what encodes back to the same bytes is accepted."""
    tagged = _loads(envelope, "envelope")
    if not isinstance(tagged, cbor2.CBORTag) or tagged.tag != 18:
        raise MalformedEnvelope("not tagged as COSE_Sign1", code="not_cose_sign1", expected="tag 18")
    match tagged.value:
        case [bytes(protected), unprotected, bytes(payload), bytes(signature)]:
            headers = _headers(_loads(protected, "protected header"))
        case _:
            raise MalformedEnvelope("not the four members of a COSE_Sign1 with its payload", code="not_cose_sign1")
    if unprotected != {}:
        raise MalformedEnvelope("the unprotected header is not empty", code="unprotected_header")
    signed = Signed1(*headers, payload, signature)
    if bytes(signed) != envelope:
        raise MalformedEnvelope("not in deterministic encoding", code="not_deterministic")
    return signed


def _headers(protected: object) -> tuple[Algorithm, str, bytes, str, str]:
    match protected:
        case {1: int(alg)} if alg not in _ACCEPTED:
            code = _REFUSED.get(alg, "unknown_algorithm")
            found = str(alg) if alg.bit_length() < 64 else "a bignum"
            raise MalformedEnvelope("algorithm not accepted", code=code, expected="-19 or -9", found=found)
        case {1: int(alg), 3: str(content), 4: bytes(kid), 15: {1: str(issuer), 2: str(subject), **claims}, **others}:
            if claims or others:
                raise MalformedEnvelope("more headers or claims than the five known", code="unknown_header")
            return Algorithm(alg), content, kid, issuer, subject
    raise MalformedEnvelope("a header or claim is missing or of the wrong type", code="wrong_header")


def _loads(encoded: bytes, where: str) -> Any:
    try:
        return cbor2.loads(encoded, max_depth=8, allow_indefinite=False, allow_duplicate_keys=False)
    except cbor2.CBORDecodeError as error:
        raise MalformedEnvelope(str(error), code="not_cbor", where=where) from error


def _dumps(value: object) -> bytes:
    return cbor2.dumps(value, canonical=True)
