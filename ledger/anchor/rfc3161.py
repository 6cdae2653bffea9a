"""RFC 3161: a time-stamping authority's signature over a hash and a time.

    text ──SHA-256, nonce──> request ──post──> response ──> token ──check──> the time in it

Kept and handed on is the token alone (`TimeStampToken`, DER), as `openssl ts -verify -token_in` reads it. Signature and
chain are checked by rfc3161-client, at the time that the token says: certificates expire, what they signed does not.
CMS signs less than it carries; `_Token` demands that the rest be what the signed part makes of it, so that a token has
one form.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha1, sha256, sha384, sha512

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import TimeStampResponse

from ..tlog.errors import LogError
from . import der
from .der import Part

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"  # RFC 3161 section 3.4
LARGEST = 1 << 16  # bytes of a token

Post = Callable[[bytes], bytes]
"""Sends a request to the authority, as `QUERY`; what it answers, as `REPLY`."""


class BadAnchor(LogError):
    """A token that does not show what it is there to show."""

    code = "bad_anchor"


def certificates(text: str | bytes) -> tuple[x509.Certificate, ...]:
    """Roots that one trusts, and what else leads to them: PEM, one or several, or one in DER. Raises `BadAnchor`."""
    data = text.encode() if isinstance(text, str) else text
    try:
        if b"-----BEGIN" in data:
            return tuple(x509.load_pem_x509_certificates(data))
        return (x509.load_der_x509_certificate(data),)
    except Exception as error:  # of many kinds
        raise BadAnchor("not a certificate, in PEM or DER", code="malformed_certificate") from error


def stamp(message: bytes, post: Post, trust: Iterable[x509.Certificate]) -> tuple[bytes, datetime]:
    """A token over this message, fresh from an authority, and its time, once it has been checked."""
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    token = token_of(post(request.as_bytes()))
    return token, check(token, message, trust, nonce=request.nonce)


def token_of(response: bytes) -> bytes:
    """The token in an answer, if it is a yes (section 2.4.2). What an authority says beside it, nobody signs."""
    try:
        status, *token = der.parse(response).demand(der.SEQUENCE).parts
        code, *told = status.demand(der.SEQUENCE).parts
        granted = code.whole == _GRANTED.content and len(token) == 1
    except ValueError as error:
        raise BadAnchor(f"not an answer: {error}", code="malformed_anchor") from error
    if not granted:
        found = f"status {int.from_bytes(code.content, 'big')} {b' '.join(each.content for each in told)!r}"
        raise BadAnchor("not granted", code="anchor_refused", found=found[:200])
    return _sorted(token[0].whole)


def _sorted(token: bytes) -> bytes:
    """The token with its certificates in the order that DER has (X.690 section 11.6), which OpenSSL leaves as it is.

    Nothing signs that order.
    """
    try:
        _, wrapped = der.parse(token).parts
        bag = next((part for part in wrapped.parts[0].parts if part.tag == 0xA0), None)
        in_order = b"".join(sorted(part.whole for part in bag.parts)) if bag else b""
    except ValueError as error:
        raise BadAnchor(f"not a token: {error}", code="malformed_anchor") from error
    except IndexError:
        raise BadAnchor("not a token: nothing in it", code="malformed_anchor") from None
    return token.replace(bag.content, in_order, 1) if bag and bag.content else token


def check(token: bytes, message: bytes, trust: Iterable[x509.Certificate], *, nonce: int | None = None) -> datetime:
    """When the authority saw the message. Raises `BadAnchor` unless

    1. the token is in its one form, and names its signer by issuer and serial number;
    2. every certificate in it is on the way from the signer to a root among `trust`;
    3. signature, chain at that time and key usage are good, and it is over this message;
    4. it answers the request with this nonce, where there was one.
    """
    trust = tuple(trust)
    try:
        parsed = _Token.parse(token)  # 1
        signer = parsed.signer(trust)
        path = _path(signer, parsed.certificates, trust)  # 2
        response = decode_timestamp_response(parsed.as_response)
        _verify(response, message, signer, path, nonce)  # 3, 4
        return response.tst_info.gen_time.astimezone(UTC)
    except BadAnchor:
        raise
    except Exception as error:  # two parsers of other people's, and a stranger's bytes: all that they raise means no
        raise BadAnchor(f"not a time stamp of this text: {error}"[:300]) from error


def _verify(
    response: TimeStampResponse,
    message: bytes,
    signer: x509.Certificate,
    path: list[x509.Certificate],
    nonce: int | None,
) -> None:
    builder = VerifierBuilder(tsa_certificate=signer, roots=[path[-1]], intermediates=path[:-1], nonce=nonce)
    builder.build().verify_message(response, message)


def _path(
    signer: x509.Certificate, embedded: tuple[x509.Certificate, ...], trust: tuple[x509.Certificate, ...]
) -> list[x509.Certificate]:
    """The certificates above the signer's, up to the first root that is trusted."""
    path, known = [signer], (*trust, *embedded)
    while path[-1].issuer != path[-1].subject or path[-1] not in trust:
        above = next((each for each in known if each not in path and _issued(path[-1], each)), None)
        if above is None:
            found = path[-1].issuer.rfc4514_string()
            raise BadAnchor("leads to no certificate that is trusted", code="unknown_authority", found=found)
        path.append(above)
    if spare := [each for each in embedded if each not in path]:
        found = spare[0].subject.rfc4514_string()
        raise BadAnchor(
            "carries a certificate that is not on its way to the root", code="spare_certificate", found=found
        )
    return path[1:] or path


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


# ---- the one form of a token ----------------------------------------------------------------------------------------


def _oid(content: str) -> bytes:
    return bytes.fromhex(f"06{len(content) // 2:02x}{content}")


def _algorithm(oid: bytes, parameters: bytes = b"") -> bytes:
    return bytes([0x30, len(oid + parameters)]) + oid + parameters


_GRANTED = der.parse(bytes.fromhex("3003020100"))  # PKIStatusInfo: status 0, and not a word more
_NULL = b"\x05\0"
_SIGNED_DATA, _TST_INFO = _oid("2a864886f70d010702"), _oid("2a864886f70d0109100104")
_HASHES = {
    _oid("608648016503040201"): ("sha256", "0b", "02"),
    _oid("608648016503040202"): ("sha384", "0c", "03"),
    _oid("608648016503040203"): ("sha512", "0d", "04"),
}
#: signingCertificate and signingCertificateV2 (RFC 2634, RFC 5035): which certificate the signer meant.
_ESS_V1, _ESS_V2 = _oid("2a864886f70d010910020c"), _oid("2a864886f70d010910022f")
_ESS_HASHES = {b"": sha256} | {_algorithm(oid, null): {"sha256": sha256, "sha384": sha384, "sha512": sha512}[name]
                               for oid, (name, _, _) in _HASHES.items() for null in (b"", _NULL)}  # fmt: skip


@dataclass(frozen=True)
class _Token:
    """RFC 5652 with what RFC 3161 section 2.4.2 puts into it, in DER:

    ContentInfo { signedData, [0] SignedData { 3, { digest }, { TSTInfo, [0] OCTETS }, [0] { certificate... }?,
      { SignerInfo { 1, { issuer, serial }, digest, [0] { signed attribute... }, algorithm, signature } } } }
    """

    whole: bytes
    bag: tuple[bytes, ...]  # certificates, DER
    issuer: bytes  # DER
    serial: bytes  # DER
    attributes: tuple[Part, ...]
    digest: Part
    algorithm: bytes  # of the signature, DER

    @classmethod
    def parse(cls, data: bytes) -> "_Token":
        if len(data) > LARGEST:
            raise BadAnchor("too large", expected=f"{LARGEST} bytes", found=f"{len(data)} bytes")
        kind, wrapped = der.parse(data).demand(der.SEQUENCE).parts
        (signed,) = wrapped.demand(0xA0).parts
        version, digests, content, *bag, signers = signed.demand(der.SEQUENCE).parts
        (signer,) = signers.demand(der.SET).parts
        one, sid, digest, attributes, algorithm, signature = signer.demand(der.SEQUENCE).parts
        issuer, serial = sid.demand(der.SEQUENCE).parts
        type_, _ = content.demand(der.SEQUENCE).parts
        _demand(kind.whole == _SIGNED_DATA and type_.whole == _TST_INFO, "not a time stamp")
        _demand((version.whole, one.whole) == (b"\x02\x01\x03", b"\x02\x01\x01"), "another version")
        _demand(digests.demand(der.SET).content == digest.whole, "one digest is declared, another used")
        _demand(attributes.tag == 0xA0 and signature.tag == der.OCTETS, "unsigned attributes, or none that are signed")
        _demand([each.tag for each in bag] in ([], [0xA0]), "revocation lists, or other certificates")
        certificates = tuple(each.demand(der.SEQUENCE).whole for part in bag for each in part.parts)
        return cls(data, certificates, issuer.whole, serial.whole, tuple(attributes.parts), digest, algorithm.whole)

    @property
    def as_response(self) -> bytes:
        """The answer that it came in."""
        inside = _GRANTED.whole + self.whole
        size = len(inside).to_bytes((len(inside).bit_length() + 7) // 8, "big")
        return b"\x30" + (bytes([0x80 + len(size)]) + size if len(inside) >= 0x80 else size) + inside

    @cached_property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        return tuple(map(x509.load_der_x509_certificate, self.bag))

    def signer(self, trust: tuple[x509.Certificate, ...]) -> x509.Certificate:
        """The certificate that issuer and serial number name, in the token or among those one has: place is nothing."""
        candidates = (*self.bag, *(each.public_bytes(Encoding.DER) for each in trust))
        named = [each for each in candidates if _names(each) == (self.issuer, self.serial)]
        if not named:
            raise BadAnchor("the signer's certificate is not there", code="unknown_authority")
        signer = next((each for each in named if self._means(each)), None)
        if signer is None:
            raise BadAnchor("signed with another certificate of this name", code="wrong_certificate")
        certificate = x509.load_der_x509_certificate(signer)
        _demand(self.algorithm in _algorithms(certificate, self.digest), "an algorithm that the signer's key has not")
        return certificate

    def _means(self, certificate: bytes) -> bool:
        """Whether the signed attributes have this certificate's hash (section 2.4.1: an ESSCertID is required)."""
        found = False
        for attribute in self.attributes:
            kind, values = attribute.demand(der.SEQUENCE).parts
            if kind.whole in (_ESS_V1, _ESS_V2):
                first = values.demand(der.SET).parts[0].parts[0].parts[0]  # SigningCertificate, its list, the signer's
                algorithm = first.parts[0].whole if first.parts[0].tag == der.SEQUENCE else b""
                make = sha1 if kind.whole == _ESS_V1 else _ESS_HASHES[algorithm]
                if make(certificate).digest() != first.parts[1 if algorithm else 0].demand(der.OCTETS).content:
                    return False
                found = True
        return found


def _names(certificate: bytes) -> tuple[bytes, bytes]:
    """Issuer and serial number of a certificate, as they stand in it (RFC 5280 section 4.1)."""
    tbs, *_ = der.parse(certificate).parts
    members = [part for part in tbs.parts if part.tag != 0xA0]  # without the version
    return members[2].whole, members[0].whole


def _algorithms(certificate: x509.Certificate, digest: Part) -> set[bytes]:
    """How a signature by this key, over this digest, may be called (RFC 3370, RFC 5754)."""
    name = _HASHES.get(digest.parts[0].whole)
    if name is None or any(part.whole != _NULL for part in digest.parts[1:]):
        raise BadAnchor("no digest that is taken here", expected="SHA-256, SHA-384 or SHA-512")
    _, with_rsa, with_ecdsa = name
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return {_algorithm(_oid(f"2a864886f70d0101{last}"), _NULL) for last in ("01", with_rsa)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {_algorithm(_oid(f"2a8648ce3d0403{with_ecdsa}"))}
    raise BadAnchor("no kind of key that is taken here", expected="RSA or ECDSA")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadAnchor(otherwise, code="malformed_anchor")
