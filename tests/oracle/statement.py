"""FORMATS 5 and 6: payloads, COSE_Sign1, entries, promises and statuses; made, and opened strictly.

Signing and verifying is left to `cryptography`; the envelope is put together here.
"""

import hashlib
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from .canonical import Members, decode, encode
from .refusal import Refused
from .tree import Tree, b64, by_name

ALG, CONTENT_TYPE, KID, CWT_CLAIMS = 1, 3, 4, 15
ISS, SUB = 1, 2
ED25519, ESP256 = -19, -9
#: As a key statement names them: JSON numbers are kept for sizes, indexes and versions.
ALGORITHMS = {ED25519: "Ed25519", ESP256: "ESP256"}


def cbor(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


def cose_key(alg: int, public: bytes) -> bytes:
    """The required members only: 1, -1, -2, and -3 for P-256 (RFC 9679 section 4)."""
    if alg == ED25519:
        return cbor({1: 1, -1: 6, -2: public})
    return cbor({1: 2, -1: 1, -2: public[1:33], -3: public[33:]})


def thumbprint(name: str, public: bytes) -> str | None:
    """The kid of a key as a key statement writes it; None where the bytes are no key of that algorithm."""
    alg = next(alg for alg, known in ALGORITHMS.items() if known == name)
    sound = is_ed25519(public) if alg == ED25519 else is_p256(public)
    return b64(hashlib.sha256(cose_key(alg, public)).digest()) if sound else None


def is_p256(public: bytes) -> bool:
    """An uncompressed point (SEC 1 section 2.3.3), on the curve y^2 = x^3 - 3x + b."""
    if len(public) != 65 or public[:1] != b"\4":
        return False
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    return x < p and y < p and (y * y - (x * x * x - 3 * x + b)) % p == 0


@cache
def is_ed25519(public: bytes) -> bool:
    """RFC 8032 section 5.1.3, as far as two keys could be one or fit any message: y below p, and the order of the point
    does not divide 8. By the doubling of y alone: y' = (y^2 + x^2) / (2 + x^2 - y^2), x^2 = (y^2 - 1) / (d y^2 + 1)."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p)
    y = int.from_bytes(public, "little") % 2**255
    if len(public) != 32 or y >= p:
        return False
    for _ in range(3):
        square = (y * y - 1) * pow(d * y * y + 1, -1, p)
        y = (y * y + square) * pow(2 + square - y * y, -1, p) % p
    return y != 1


@dataclass(frozen=True)
class Key:
    """A signing key from a seed: 32 bytes of Ed25519, or the P-256 scalar."""

    alg: int
    seed: bytes

    @cached_property
    def private(self) -> Any:
        if self.alg == ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed)
        return ec.derive_private_key(int.from_bytes(self.seed, "big"), ec.SECP256R1())

    @cached_property
    def public(self) -> bytes:
        """Raw Ed25519, or the uncompressed point."""
        key = self.private.public_key()
        if self.alg == ED25519:
            return bytes(key.public_bytes_raw())
        numbers = key.public_numbers()
        return b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    @cached_property
    def cose_key(self) -> bytes:
        return cose_key(self.alg, self.public)

    @cached_property
    def kid(self) -> bytes:
        return hashlib.sha256(self.cose_key).digest()

    def sign(self, data: bytes) -> bytes:
        if self.alg == ED25519:
            return bytes(self.private.sign(data))
        signature = self.private.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))  # RFC 6979
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, signature: bytes, data: bytes) -> None:
        key = self.private.public_key()
        try:
            if len(signature) != 64:
                raise InvalidSignature
            if self.alg == ED25519:
                key.verify(signature, data)
            else:
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise Refused("signature") from error


def content_type(kind: str) -> str:
    return f"application/vnd.unitproof.{kind}+json"


def protected(kind: str, key: Key, issuer: str, subject: str) -> bytes:
    claims = {ISS: f"https://id.gs1.org/417/{issuer}", SUB: subject}
    return cbor({ALG: key.alg, CONTENT_TYPE: content_type(kind), KID: key.kid, CWT_CLAIMS: claims})


def to_be_signed(head: bytes, payload: bytes) -> bytes:
    """Sig_structure, RFC 9052 section 4.4; external_aad is empty."""
    return cbor(["Signature1", head, b"", payload])


def sign(head: bytes, payload: bytes, key: Key) -> bytes:
    return cbor(cbor2.CBORTag(18, [head, {}, payload, key.sign(to_be_signed(head, payload))]))


def entry(salt: bytes, statement: bytes) -> bytes:
    return hashlib.sha256(b"unitproof/entry/v1\0" + salt + statement).digest()


def submission(tree: Tree, log: str, submitter: str, identity: str, time: str) -> Members:
    members: Members = {
        "v": 1,
        "log": log,
        "submitter": submitter,
        "time": time,
        "submission": identity,
        "document": b64(tree.document),
        "events": tree.events_root,
        "meaning": tree.meaning,
    }
    if tree.header_root is not None:
        members["header"] = tree.header_root
    return members


def shown(kind: str, payload: Members, identity: str, key: Key, salt: bytes) -> Members:
    """A party's statement with every step on the way to it."""
    return signed(kind, payload, protected(kind, key, payload["submitter"], f"urn:uuid:{identity}"), key, salt)


def signed(kind: str, payload: Members, head: bytes, key: Key, salt: bytes) -> Members:
    text = encode(payload)
    statement = sign(head, text, key)
    return {
        "content_type": content_type(kind),
        "alg": key.alg,
        "seed": key.seed.hex(),
        "public": key.public.hex(),
        "cose_key": key.cose_key.hex(),
        "kid": key.kid.hex(),
        "payload": text.decode(),
        "protected": head.hex(),
        "to_be_signed": to_be_signed(head, text).hex(),
        "statement": statement.hex(),
        "entry_salt": salt.hex(),
        "entry": entry(salt, statement).hex(),
    }


# --- opening, strictly


#: What every party's payload has, and what each kind adds; "?" marks what may be absent.
BASE = {"v", "log", "submitter", "time"}
PAYLOADS = {
    "submission": {"submission", "document", "header?", "events", "meaning"},
    "key": {"statement", "about", "kid", "alg", "public"},
    "key-revocation": {"statement", "about", "kid", "compromised?"},
    "prefix": {"statement", "about", "gtins"},
    "delegation": {"statement", "about", "to", "steps"},
    "revocation": {"statement", "about", "entry"},
    "licence": {"statement", "about", "licence", "role", "states", "valid-from", "valid-to"},
    "partner": {"statement", "about", "name", "role"},
    "partner-exit": {"statement", "about"},
    "policy": {"statement", "about", "version", "activation", "tlog", "authorities", "governors", "quorum"},
    "approval": {"statement", "about", "entry"},
    "hold": {"statement", "about", "hold", "reason", "epc?", "gtin?", "lot?", "first?", "last?"},
    "release": {"statement", "about", "entry", "reason"},
    "grant": {"statement", "about", "to", "gtins?", "valid-to?"},
}


def is_time(value: Any) -> bool:
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").strftime("%Y-%m-%dT%H:%M:%SZ") == value
    except (TypeError, ValueError):
        return False


def is_text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def is_bytes(*sizes: int) -> Callable[[Any], bool]:
    """base64url without padding, written the one way its bytes have."""

    def holds(value: Any) -> bool:
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9_-]*", value, re.ASCII):
            return False
        data = urlsafe_b64decode(value + "=" * (-len(value) % 4)) if len(value) % 4 != 1 else b""
        return len(data) in sizes and b64(data) == value

    return holds


def is_root(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return type(value[0]) is int and value[0] >= 0 and is_bytes(32)(value[1])


def is_sorted(member: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A list of at least one, each once, in the order in which RFC 8785 sorts names."""
    return lambda value: (
        isinstance(value, list)
        and value != []
        and all(member(each) for each in value)
        and value == by_name(dict.fromkeys(value))
    )


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def is_named_key(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"gln", "kid", "public"}:
        return False
    return all(FORMS[form](value[name]) for name, form in (("gln", "about"), ("kid", "kid"), ("public", "public")))


def are_named_keys(value: Any) -> bool:
    """At least one, each once, by GLN, then by kid and key as bytes."""
    if not isinstance(value, list) or not value or not all(map(is_named_key, value)):
        return False
    names = [(key["gln"], urlsafe_b64decode(key["kid"] + "=="), urlsafe_b64decode(key["public"] + "=="))
             for key in value]  # fmt: skip
    return names == sorted(set(names))


#: FORMATS 1 and 5: what each member must look like.
FORMS: dict[str, Callable[[Any], bool]] = {
    "v": lambda value: type(value) is int and value == 1,
    "log": is_text(r"\S+"),
    "submitter": is_text("[0-9]{13}"),
    "about": is_text("[0-9]{13}"),
    "to": is_text("[0-9]{13}"),
    "time": is_time,
    "compromised": is_time,
    "submission": is_text("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "statement": is_text("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "document": is_bytes(32),
    "header": is_root,
    "events": is_root,
    "meaning": is_sorted(is_text(r"(?s:.+)")),
    "steps": is_sorted(is_text(r"(?s:.+)")),
    "kid": is_bytes(32),
    "alg": lambda value: value in ALGORITHMS.values(),
    "public": is_bytes(32, 65),
    "gtins": is_sorted(is_text("[0-9]{4,12}|[0-9]{14}")),
    "entry": is_text("[0-9a-f]{64}"),
    "licence": is_text(r"(?s:.+)"),
    "name": is_text(r"(?s:.+)"),
    "role": is_text(r"(?s:.+)"),
    "states": is_sorted(is_text("[A-Z]{2}")),
    "valid-from": is_time,
    "valid-to": is_time,
    "version": is_count,
    "activation": is_count,
    "tlog": is_text(r"(?s:.+)"),
    "authorities": are_named_keys,
    "governors": are_named_keys,
    "quorum": is_count,
    "hold": lambda value: value in ("quarantine", "recall", "stolen", "suspect"),
    "reason": is_text(r"(?s:.+)"),
    "epc": is_text(r"(?s:.+)"),
    "gtin": is_text("[0-9]{14}"),
    "lot": is_text(r"(?s:.+)"),
    "first": is_text("[0-9A-Za-z._~-]{1,20}"),
    "last": is_text("[0-9A-Za-z._~-]{1,20}"),
}


def says_what_is_held(hold: Members) -> bool:
    """One item by its EPC, and nothing else; or a GTIN, with what narrows it: a lot, or a range of serial numbers."""
    if "epc" in hold:
        return not hold.keys() & {"gtin", "lot", "first", "last"}
    if "gtin" not in hold or ("first" in hold) != ("last" in hold):
        return False
    return "first" not in hold or (len(hold["first"]) == len(hold["last"]) and hold["first"] <= hold["last"])


def open_statement(statement: bytes, key: Key) -> Members:
    """The payload, or `Refused` with the step at which this statement fails."""
    try:
        envelope = cbor2.loads(statement)
    except Exception as error:  # a decoder's own, whatever it is
        raise Refused("cbor", str(error)) from error
    if not isinstance(envelope, cbor2.CBORTag) or envelope.tag != 18:
        raise Refused("tag")
    if cbor(envelope) != statement:
        raise Refused("cbor", "not deterministic, or bytes after it")
    parts = envelope.value
    if not isinstance(parts, list | tuple) or len(parts) != 4:
        raise Refused("structure")
    head, unprotected, payload, signature = parts
    if not (all(isinstance(part, bytes) for part in (head, payload, signature)) and isinstance(unprotected, Mapping)):
        raise Refused("structure")
    if unprotected != {}:
        raise Refused("unprotected")
    kind, claims = open_protected(head, key)
    key.verify(signature, to_be_signed(head, payload))
    return open_payload(payload, kind, claims)


def open_protected(head: bytes, key: Key) -> tuple[str, dict[int, Any]]:
    try:
        members = cbor2.loads(head)
    except Exception as error:
        raise Refused("cbor", str(error)) from error
    if cbor(members) != head:
        raise Refused("cbor", "protected header")
    if not isinstance(members, dict) or set(members) != {ALG, CONTENT_TYPE, KID, CWT_CLAIMS}:
        raise Refused("protected")
    if members[ALG] not in (ED25519, ESP256) or members[ALG] != key.alg:
        raise Refused("alg", str(members[ALG]))
    match = re.fullmatch(r"application/vnd\.unitproof\.([a-z-]+)\+json", str(members[CONTENT_TYPE]))
    if not match or match.group(1) not in PAYLOADS:
        raise Refused("content_type", str(members[CONTENT_TYPE]))
    if members[KID] != key.kid:
        raise Refused("kid")
    claims = members[CWT_CLAIMS]
    if not isinstance(claims, dict) or set(claims) != {ISS, SUB}:
        raise Refused("claims")
    return match.group(1), claims


def open_payload(payload: bytes, kind: str, claims: dict[int, Any]) -> Members:
    try:
        members = decode(payload)
    except Refused as refused:
        raise Refused("payload", str(refused)) from refused
    needed = BASE | {name for name in PAYLOADS[kind] if not name.endswith("?")}
    allowed = needed | {name.removesuffix("?") for name in PAYLOADS[kind]}
    if not isinstance(members, dict) or not needed <= set(members) <= allowed:
        raise Refused("payload", "members")
    for name, value in members.items():
        if not FORMS[name](value):
            raise Refused("payload", name)
    if kind == "key" and thumbprint(members["alg"], urlsafe_b64decode(members["public"] + "==")) != members["kid"]:
        raise Refused("payload", "not this key's thumbprint")
    if kind == "hold" and not says_what_is_held(members):
        raise Refused("payload", "what is held")
    if claims[ISS] != f"https://id.gs1.org/417/{members['submitter']}":
        raise Refused("issuer")
    if claims[SUB] != f"urn:uuid:{members.get('submission', members.get('statement'))}":
        raise Refused("subject")
    return members
