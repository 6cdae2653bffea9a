"""The cases of `tests/vectors/statement`: every kind of statement, the node's own words, and damaged envelopes."""

import json
from collections.abc import Callable
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from . import statement
from .canonical import Members, encode
from .refusal import Refused
from .statement import ALG, CONTENT_TYPE, CWT_CLAIMS, ED25519, ESP256, KID, Key, cbor, content_type, to_be_signed
from .tree import b64
from .tree_cases import DISTRIBUTOR, KEYS, LOG, MAKER, PHARMACY, drawn

OPERATOR = "9521000000001"
AUTHORITY_GLN = "9521987000001"
AUTHORITY = Key(ED25519, drawn("key", "authority"))
GOVERNOR_GLN = "9521000001008"
GOVERNOR = Key(ED25519, drawn("key", "governor"))
NODE = Key(ED25519, drawn("key", "node"))
TIME = "2026-01-06T00:00:00Z"
PACK, GTIN = "https://id.gs1.org/01/00614141123452/21/A1", "00614141123452"


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def said(submitter: str, number: int, **members: Any) -> Members:
    return {"v": 1, "log": LOG, "submitter": submitter, "time": TIME, "statement": uuid(number), **members}


def key_members(key: Key) -> Members:
    return {"kid": b64(key.kid), "alg": statement.ALGORITHMS[key.alg], "public": b64(key.public)}


def named_key(gln: str, key: Key) -> Members:
    return {"gln": gln, "kid": b64(key.kid), "public": b64(key.public)}


def valid() -> list[Members]:
    made: list[tuple[str, str, str, Key, Members]] = [
        ("key-of-ed25519", "a party's first key statement is signed by an authority", "key", AUTHORITY,
         said(AUTHORITY_GLN, 1, about=MAKER, **key_members(KEYS[MAKER]))),
        ("key-of-p-256", "public: the uncompressed P-256 point", "key", AUTHORITY,
         said(AUTHORITY_GLN, 2, about=PHARMACY, **key_members(KEYS[PHARMACY]))),
        ("key-by-an-earlier-key", "later ones by an authority or by an unrevoked earlier key of that party", "key",
         KEYS[PHARMACY], said(PHARMACY, 3, about=PHARMACY, **key_members(Key(ED25519, drawn("key", "pharmacy", 2))))),
        ("key-revocation", "`statement`, `about`, `kid`", "key-revocation", KEYS[MAKER],
         said(MAKER, 4, about=MAKER, kid=b64(KEYS[MAKER].kid))),
        ("key-revocation-of-a-compromised-key", "optional `compromised` (time)", "key-revocation", AUTHORITY,
         said(AUTHORITY_GLN, 5, about=MAKER, kid=b64(KEYS[MAKER].kid), compromised="2025-12-31T00:00:00Z")),
        ("prefix", "`gtins` (GTIN-14s or company prefixes, sorted)", "prefix", AUTHORITY,
         said(AUTHORITY_GLN, 6, about=MAKER, gtins=["00614141123452", "0614141", "50614141123457"])),
        ("delegation", "`to`, `steps`", "delegation", KEYS[MAKER],
         said(MAKER, 7, about=MAKER, to=DISTRIBUTOR, steps=["packing", "shipping"])),
        ("revocation", "`entry` (hex of the entry revoked)", "revocation", KEYS[MAKER],
         said(MAKER, 8, about=MAKER, entry=drawn("entry").hex())),
        ("delegation-signed-with-p-256", "alg -9 (ESP256, raw r and s, P-256); vectors use RFC 6979", "delegation",
         KEYS[PHARMACY], said(PHARMACY, 9, about=PHARMACY, to=DISTRIBUTOR, steps=["dispensing"])),
        ("licence", "where a party may trade, and when", "licence", AUTHORITY,
         said(AUTHORITY_GLN, 10, about=PHARMACY, licence="PH-4711", role="dispenser", states=["NJ", "NY"],
              **{"valid-from": TIME, "valid-to": "2027-01-06T00:00:00Z"})),
        ("partner", "who takes part", "partner", GOVERNOR,
         said(GOVERNOR_GLN, 11, about=PHARMACY, name="Pharmacy", role="dispenser")),
        ("partner-exit", "who takes part no more", "partner-exit", GOVERNOR, said(GOVERNOR_GLN, 12, about=PHARMACY)),
        ("policy", "the rules as they are to be", "policy", GOVERNOR,
         said(GOVERNOR_GLN, 13, about=GOVERNOR_GLN, version=1, activation=4096, tlog="quorum none\n", quorum=1,
              authorities=[named_key(AUTHORITY_GLN, AUTHORITY)], governors=[named_key(GOVERNOR_GLN, GOVERNOR)])),
        ("approval", "a governor agrees to what stands in this entry", "approval", GOVERNOR,
         said(GOVERNOR_GLN, 14, about=GOVERNOR_GLN, entry=drawn("entry").hex())),
        ("hold-of-an-item", "one item by its epc", "hold", KEYS[PHARMACY],
         said(PHARMACY, 15, about=PHARMACY, hold="quarantine", reason="wet carton", epc=PACK)),
        ("hold-of-a-product", "all of a gtin", "hold", KEYS[MAKER],
         said(MAKER, 16, about=MAKER, hold="recall", reason="particles", gtin=GTIN)),
        ("hold-of-a-lot", "of that only a lot", "hold", AUTHORITY,
         said(AUTHORITY_GLN, 17, about=MAKER, hold="suspect", reason="another smell", gtin=GTIN, lot="L42")),
        ("hold-of-a-range", "only the serial numbers from first to last, in the order of their characters' codes",
         "hold", KEYS[MAKER],
         said(MAKER, 18, about=MAKER, hold="stolen", reason="a lorry", gtin=GTIN, first="B-9", last="a.0")),
        ("hold-of-a-range-of-one", "both included", "hold", KEYS[MAKER],
         said(MAKER, 19, about=MAKER, hold="stolen", reason="a pack", gtin=GTIN, first="A1", last="A1")),
        ("release", "`entry` (hex of the hold's entry), `reason`", "release", KEYS[PHARMACY],
         said(PHARMACY, 20, about=PHARMACY, entry=drawn("entry").hex(), reason="dry, and whole")),
        ("grant", "another party may read what this one may", "grant", KEYS[MAKER],
         said(MAKER, 21, about=MAKER, to=DISTRIBUTOR)),
        ("grant-of-some-products", "of these `gtins` alone, GTIN-14s or company prefixes", "grant", KEYS[MAKER],
         said(MAKER, 22, about=MAKER, to=DISTRIBUTOR, gtins=[GTIN, "0614141"])),
        ("grant-until-a-day", "optional `valid-to` (time)", "grant", AUTHORITY,
         said(AUTHORITY_GLN, 23, about=MAKER, to=PHARMACY, gtins=["0614141"], **{"valid-to": "2027-01-06T00:00:00Z"})),
    ]  # fmt: skip
    out = []
    for name, rule, kind, key, payload in made:
        shown = statement.shown(kind, payload, payload["statement"], key, drawn("entry salt", name))
        statement.open_statement(bytes.fromhex(shown["statement"]), key)
        out.append({"name": name, "rule": f"FORMATS 5: {rule}", "kind": kind, **shown})
    return out


def node_words() -> list[Members]:
    """FORMATS 6; README.md says how `iss` and `sub` were read."""
    promise = {"v": 1, "log": LOG, "entry": b64(drawn("entry")), "number": 42, "accepted": TIME,
               "integrate-by": "2026-01-06T00:01:00Z"}  # fmt: skip
    unit, case = PACK, "https://id.gs1.org/01/50614141123457/21/C1"
    status = {"v": 1, "log": LOG, "size": 7, "root": b64(drawn("root")), "accepted": 43, "epc": unit, "outermost": case,
              "heads": {unit: [b64(drawn("head", 1)), "none"],
                        case: [b64(drawn("head", 2)), [1, b64(drawn("head", 1))]]},
              "status": "held", "holds": [], "keys": [[b64(KEYS[MAKER].kid), "valid"]], "rules": 1}  # fmt: skip
    out = []
    for kind, payload, subject in (("promise", promise, f"urn:uuid:{uuid(1)}"), ("status", status, unit)):
        head = statement.protected(kind, NODE, OPERATOR, subject)
        shown = statement.signed(kind, payload, head, NODE, drawn("entry salt", kind))
        del shown["entry_salt"], shown["entry"]  # the node's words are not logged
        out.append({"name": kind, "rule": "FORMATS 6", "kind": kind, "operator": OPERATOR, "subject": subject, **shown})
    return out


# --- damage


def envelope(
    payload: Members | bytes,
    kind: str = "prefix",
    key: Key = AUTHORITY,
    head: Any = None,
    signature: Callable[[bytes], bytes] | None = None,
) -> list[Any]:
    """The four parts of a statement that is signed rightly over whatever it holds."""
    text = payload if isinstance(payload, bytes) else encode(payload)
    if head is None:
        head = cbor(header(kind, key))
    return [head, {}, text, (signature or key.sign)(to_be_signed(head, text))]


def header(kind: str = "prefix", key: Key = AUTHORITY) -> dict[int, Any]:
    claims = {1: f"https://id.gs1.org/417/{AUTHORITY_GLN}", 2: f"urn:uuid:{uuid(6)}"}
    return {ALG: key.alg, CONTENT_TYPE: content_type(kind), KID: key.kid, CWT_CLAIMS: claims}


GOOD = said(AUTHORITY_GLN, 6, about=MAKER, gtins=["00614141123452", "0614141"])


def tagged(parts: Any, tag: int = 18) -> bytes:
    return cbor(cbor2.CBORTag(tag, parts))


def with_header(change: Callable[[dict[int, Any]], Any], key: Key = AUTHORITY) -> bytes:
    """The good payload under another protected header, rightly signed."""
    members: dict[int, Any] = header(key=key)
    change(members)
    return tagged(envelope(GOOD, key=key, head=cbor(members)))


def with_payload(**members: Any) -> bytes:
    """Another payload, rightly signed; None leaves a member out."""
    return tagged(envelope({name: value for name, value in {**GOOD, **members}.items() if value is not ...}))


def of_kind(kind: str, **members: Any) -> bytes:
    payload = {"v": 1, "log": LOG, "submitter": AUTHORITY_GLN, "time": TIME, **members}
    return tagged(envelope({name: value for name, value in payload.items() if value is not ...}, kind=kind))


def key_statement(**changes: Any) -> bytes:
    return of_kind("key", statement=uuid(6), about=MAKER, **{**key_members(KEYS[MAKER]), **changes})


def submission(**changes: Any) -> bytes:
    members = {"submission": uuid(6), "document": b64(drawn("document")), "events": [1, b64(drawn("events"))],
               "meaning": ["packing", "shipping"]}  # fmt: skip
    return of_kind("submission", **{**members, **changes})


def hold(**changes: Any) -> bytes:
    members = {"about": MAKER, "hold": "recall", "reason": "particles", "gtin": GTIN, **changes}
    return of_kind("hold", statement=uuid(6), **members)


def hold_of_an_item(**changes: Any) -> bytes:
    return hold(gtin=..., epc=PACK, **changes)


def release(**changes: Any) -> bytes:
    members = {"about": MAKER, "entry": drawn("entry").hex(), "reason": "cleared", **changes}
    return of_kind("release", statement=uuid(6), **members)


def grant(**changes: Any) -> bytes:
    return of_kind("grant", statement=uuid(6), **{"about": MAKER, "to": DISTRIBUTOR, **changes})


def raw_array(parts: list[Any], head: bytes = b"\xd2\x84") -> bytes:
    return head + b"".join(cbor(part) for part in parts)


def long_form(data: bytes) -> bytes:
    """A byte string with its length in four bytes, whatever its length."""
    return b"\x5a" + len(data).to_bytes(4, "big") + data


def der(key: Key) -> Callable[[bytes], bytes]:
    return lambda data: key.private.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def damaged() -> list[tuple[str, str, bytes]]:
    parts = envelope(GOOD)
    head, _, text, signature = parts
    good = tagged(parts)
    p256 = KEYS[PHARMACY]
    unordered = cbor2.dumps(dict(reversed(list(header().items()))))
    twice = b"\xa5" + head[1:] + cbor(KID) + cbor(AUTHORITY.kid)
    other_key = KEYS[MAKER]

    def parted(**changes: Any) -> bytes:
        named = dict(zip(("head", "unprotected", "payload", "signature"), parts, strict=True)) | changes
        return tagged(list(named.values()))

    def put(**changes: Any) -> Callable[[dict[int, Any]], Any]:
        names = {"alg": ALG, "content_type": CONTENT_TYPE, "kid": KID, "claims": CWT_CLAIMS}
        return lambda members: members.update({names[name]: value for name, value in changes.items()})

    def claims(**changes: Any) -> bytes:
        given = {1: f"https://id.gs1.org/417/{AUTHORITY_GLN}", 2: f"urn:uuid:{uuid(6)}"}
        given.update({{"iss": 1, "sub": 2}[name]: value for name, value in changes.items()})
        return with_header(put(claims=given))

    deterministic = "CBOR is deterministic; a decoder re-encodes and compares"
    canonical = "equal to its own RFC 8785 form"
    headers = "protected: alg, content type, kid, CWT claims"
    shouted, short = content_type("PREFIX"), content_type("prefix").removesuffix("+json")
    claims_more = {**header()[CWT_CLAIMS], 6: 1}
    held, unescaped = "an epc, or a gtin with what narrows it", "serial numbers of characters that need no escaping"
    in_order = "first to last: of one length, in the order of their characters' codes"
    kinds = "hold: quarantine, recall, stolen or suspect"
    return [
        # the envelope
        ("empty", "COSE_Sign1", b""),
        ("not-cbor", "COSE_Sign1", b"{}"),
        ("cut-short", "COSE_Sign1", good[:-1]),
        ("trailing-bytes", deterministic, good + b"\0"),
        ("tag-missing", "tag 18 (part of the statement bytes)", cbor(parts)),
        ("tag-of-cose-sign", "tag 18", tagged(parts, 98)),
        ("tag-twice", "tag 18", cbor(cbor2.CBORTag(18, cbor2.CBORTag(18, parts)))),
        ("tag-in-long-form", deterministic, b"\xd8\x12" + good[1:]),
        ("three-parts", "COSE_Sign1", tagged(parts[:3])),
        ("five-parts", "COSE_Sign1", tagged([*parts, b""])),
        ("array-of-indefinite-length", deterministic, raw_array(parts, b"\xd2\x9f") + b"\xff"),
        ("non-deterministic-cbor", deterministic,
         b"\xd2\x84" + cbor(head) + b"\xa0" + long_form(text) + cbor(signature)),
        ("payload-in-chunks", deterministic,
         b"\xd2\x84" + cbor(head) + b"\xa0\x5f" + cbor(text) + b"\xff" + cbor(signature)),
        ("payload-detached", "payload attached", parted(payload=None)),
        ("payload-as-text", "COSE_Sign1", parted(payload=text.decode())),
        ("unprotected-header-not-empty", "unprotected header empty", parted(unprotected={99: b"x"})),
        ("kid-in-the-unprotected-header-too", "unprotected header empty", parted(unprotected={KID: AUTHORITY.kid})),
        ("unprotected-header-missing", "unprotected header empty", parted(unprotected=None)),
        # the protected header
        ("protected-header-empty", headers, tagged(envelope(GOOD, head=b""))),
        ("protected-header-as-map", "COSE_Sign1", parted(head=header())),
        ("protected-header-out-of-order", deterministic, tagged(envelope(GOOD, head=unordered))),
        ("protected-header-with-a-key-twice", deterministic, tagged(envelope(GOOD, head=twice))),
        ("protected-header-with-trailing-bytes", deterministic, tagged(envelope(GOOD, head=head + b"\0"))),
        ("alg-minus-8", "-7 and -8 refused", with_header(put(alg=-8))),
        ("alg-minus-7", "-7 and -8 refused", with_header(put(alg=-7), key=p256)),
        ("alg-of-the-other-kind-of-key", "alg fixed per key", with_header(put(alg=ESP256))),
        ("alg-as-text", "alg -19 or -9", with_header(put(alg="Ed25519"))),
        ("alg-missing", "protected: alg (1)", with_header(lambda members: members.pop(ALG))),
        ("kid-wrong", "kid is the key's thumbprint", with_header(put(kid=drawn("kid")))),
        ("kid-cut-short", "kid: 32 bytes", with_header(put(kid=AUTHORITY.kid[:31]))),
        ("kid-as-text", "kid: 32 bytes", with_header(put(kid=b64(AUTHORITY.kid)))),
        ("kid-missing", "protected: kid (4)", with_header(lambda members: members.pop(KID))),
        ("content-type-missing", "protected: content type (3)", with_header(lambda members: members.pop(CONTENT_TYPE))),
        ("content-type-of-another-kind", "unknown members refused",
         with_header(put(content_type=content_type("revocation")))),
        ("content-type-unknown", "content type", with_header(put(content_type=content_type("wish")))),
        ("content-type-without-suffix", "content type", with_header(put(content_type=short))),
        ("content-type-in-capitals", "content type", with_header(put(content_type=shouted))),
        ("content-type-of-a-promise", "content type", with_header(put(content_type=content_type("promise")))),
        ("a-critical-header-more", headers,
         with_header(lambda members: members.update({2: [99], 99: 1}))),
        ("a-header-more", headers, with_header(lambda members: members.update({99: b"x"}))),
        ("claims-missing", "CWT claims (15)", with_header(lambda members: members.pop(CWT_CLAIMS))),
        ("a-claim-more", "CWT claims with iss and sub", with_header(put(claims=claims_more))),
        ("issuer-of-another-party", "iss (1) = https://id.gs1.org/417/<submitter>", claims(iss=f"https://id.gs1.org/417/{MAKER}")),
        ("issuer-as-location", "iss (1) = https://id.gs1.org/417/<submitter>", claims(iss=f"https://id.gs1.org/414/{AUTHORITY_GLN}")),
        ("issuer-as-bare-gln", "iss (1) = https://id.gs1.org/417/<submitter>", claims(iss=AUTHORITY_GLN)),
        ("subject-of-another-statement", "sub (2) = urn:uuid:<id>", claims(sub=f"urn:uuid:{uuid(7)}")),
        ("subject-as-bare-uuid", "sub (2) = urn:uuid:<id>", claims(sub=uuid(6))),
        # the signature
        ("signature-changed", "signature", parted(signature=bytes([signature[0] ^ 1]) + signature[1:])),
        ("signature-cut-short", "signature", parted(signature=signature[:-1])),
        ("signature-empty", "signature", parted(signature=b"")),
        ("signature-by-another-key", "signature", tagged(envelope(GOOD, signature=other_key.sign))),
        ("signature-over-another-payload", "signature", parted(payload=encode({**GOOD, "about": DISTRIBUTOR}))),
        ("signature-with-external-data", "external_aad empty", tagged(envelope(GOOD, signature=lambda _: AUTHORITY.sign(
            cbor(["Signature1", head, b"x", text]))))),
        ("signature-of-another-structure", "COSE_Sign1", tagged(envelope(GOOD, signature=lambda _: AUTHORITY.sign(
            cbor(["Signature", head, b"", text]))))),
        ("signature-as-der", "raw r and s", tagged(envelope(GOOD, key=p256, signature=der(p256)))),
        # the payload
        ("payload-not-canonical", canonical, tagged(envelope(text.replace(b",", b", ", 1)))),
        ("payload-members-out-of-order", canonical, tagged(envelope(json.dumps(
            dict(reversed(list(json.loads(text).items()))), separators=(",", ":")).encode()))),
        ("payload-with-a-member-twice", canonical,
         tagged(envelope(text.replace(b'"v":1', b'"v":1,"v":1')))),
        ("payload-escaped-needlessly", canonical,
         tagged(envelope(text.replace(b"about", b"\\u0061bout")))),
        ("payload-not-utf-8", canonical, tagged(envelope(text.replace(b"example", b"ex\xffmple")))),
        ("payload-not-json", canonical, tagged(envelope(b"about"))),
        ("payload-a-list", "unknown members refused", tagged(envelope(b"[]"))),
        ("payload-empty", "payload attached", tagged(envelope(b""))),
        ("payload-with-a-byte-order-mark", canonical, tagged(envelope(b"\xef\xbb\xbf" + text))),
        ("extra-member", "unknown members refused", with_payload(more="x")),
        ("member-of-another-kind", "unknown members refused", with_payload(steps=["packing"])),
        ("member-missing", "payload", with_payload(about=...)),
        ("member-null", "absent is absent: no nulls", with_payload(about=None)),
        ("version-2", '"v":1', with_payload(v=2)),
        ("version-true", '"v":1', with_payload(v=True)),
        ("version-as-text", '"v":1', with_payload(v="1")),
        ("version-1.0", canonical, tagged(envelope(text.replace(b'"v":1', b'"v":1.0')))),
        ("time-with-a-fraction", "time is UTC, whole seconds, Z", with_payload(time="2026-01-06T00:00:00.000Z")),
        ("time-with-an-offset", "time is UTC, whole seconds, Z", with_payload(time="2026-01-06T00:00:00+00:00")),
        ("time-that-is-no-time", "time is UTC, whole seconds, Z", with_payload(time="2026-02-30T00:00:00Z")),
        ("time-without-leading-zeros", "time is UTC, whole seconds, Z", with_payload(time="2026-1-6T00:00:00Z")),
        ("gln-of-12-digits", "GLN-13 are digits", with_payload(about=MAKER[:12])),
        ("gln-in-another-script", "GLN-13 are digits", with_payload(about="٠٦١٤١٤١٠٠٧٧٧٦")),
        ("gln-as-number", "the only JSON numbers are sizes, indexes and versions", with_payload(about=614141007776)),
        ("uuid-in-capitals", "UUIDs are lower case", claims_and(statement_id="ABCDEF00-0000-4000-8000-000000000000")),
        ("gtins-out-of-order", "sorted", with_payload(gtins=["0614141", "00614141123452"])),
        ("gtins-repeated", "sorted", with_payload(gtins=["0614141", "0614141"])),
        ("gtin-of-13-digits", "GTIN-14s or company prefixes", with_payload(gtins=["0614141123452"])),
        ("gtins-as-text", "GTIN-14s or company prefixes", with_payload(gtins="0614141")),
        ("entry-in-capitals", "hex of the entry revoked", of_kind(
            "revocation", statement=uuid(6), about=MAKER, entry=drawn("entry").hex().upper())),
        ("key-with-padding", "base64url without padding", key_statement(kid=b64(KEYS[MAKER].kid) + "=")),
        ("key-in-plain-base64", "base64url", key_statement(kid=plain_base64(KEYS[MAKER].kid))),
        ("key-with-stray-bits", "base64url", key_statement(kid=stray(b64(KEYS[MAKER].kid)))),
        ("key-with-another-kid", "kid is the SHA-256 COSE key thumbprint", key_statement(kid=b64(drawn("kid")))),
        ("key-of-another-algorithm", "alg fixed per key", key_statement(alg="ESP256")),
        ("key-algorithm-as-number", "the only JSON numbers are sizes, indexes and versions", key_statement(alg=-19)),
        ("key-as-compressed-point", "the uncompressed P-256 point", key_statement(**{
            **key_members(p256), "public": b64(compressed(p256.public))})),
        ("key-cut-short", "raw Ed25519", key_statement(public=b64(KEYS[MAKER].public[:31]))),
        ("meaning-out-of-order", "sorted as RFC 8785 sorts names", submission(meaning=["shipping", "packing"])),
        ("meaning-repeated", "distinct business steps", submission(meaning=["packing", "packing"])),
        ("meaning-empty", '["reported"] if none', submission(meaning=[])),
        ("root-without-its-size", "always written with n", submission(events=b64(drawn("events")))),
        ("root-of-31-bytes", "32 bytes", submission(events=[1, b64(drawn("events")[:31])])),
        ("root-with-negative-size", "sizes", submission(events=[-1, b64(drawn("events"))])),
        ("header-null", "No header, no `header` member", submission(header=None)),
        ("hold-of-nothing", held, hold(gtin=...)),
        ("hold-of-an-epc-and-a-gtin", held, hold(epc=PACK)),
        ("hold-of-an-epc-with-a-lot", held, hold_of_an_item(lot="L42")),
        ("hold-of-an-epc-with-a-range", held, hold_of_an_item(first="A1", last="A9")),
        ("hold-of-a-lot-of-nothing", held, hold(gtin=..., lot="L42")),
        ("hold-of-an-empty-epc", held, hold(gtin=..., epc="")),
        ("hold-of-an-empty-lot", held, hold(lot="")),
        ("hold-with-an-epc-null", "absent is absent: no nulls", hold(epc=None)),
        ("hold-of-a-company-prefix", "gtin: a GTIN-14", hold(gtin="0614141")),
        ("hold-of-a-gtin-of-13-digits", "gtin: a GTIN-14", hold(gtin="0614141123452")),
        ("hold-of-several-gtins", "gtin: a GTIN-14", hold(gtin=[GTIN])),
        ("hold-with-first-alone", in_order, hold(first="A1")),
        ("hold-with-last-alone", in_order, hold(last="A1")),
        ("hold-range-out-of-order", in_order, hold(first="A9", last="A1")),
        ("hold-range-in-the-order-of-an-alphabet", in_order, hold(first="a1", last="B1")),
        ("hold-range-of-two-lengths", in_order, hold(first="A1", last="A10")),
        ("hold-serial-that-needs-escaping", unescaped, hold(first="A/1", last="A/2")),
        ("hold-serial-escaped", unescaped, hold(first="A%2F1", last="A%2F2")),
        ("hold-serial-empty", unescaped, hold(first="", last="")),
        ("hold-serial-of-21-characters", "at most 20", hold(first="A" * 21, last="B" * 21)),
        ("hold-of-an-unknown-kind", kinds, hold(hold="lost")),
        ("hold-of-the-kind-of-a-legal-hold", kinds, hold(hold="set")),
        ("hold-kind-in-capitals", kinds, hold(hold="RECALL")),
        ("hold-kind-missing", kinds, hold(hold=...)),
        ("hold-reason-missing", "a hold has a reason", hold(reason=...)),
        ("hold-reason-empty", "a hold has a reason", hold(reason="")),
        ("hold-with-a-member-more", "unknown members refused", hold(more="x")),
        ("hold-with-a-member-of-a-prefix", "unknown members refused", hold(gtins=[GTIN])),
        ("release-entry-missing", "entry: that of the hold", release(entry=...)),
        ("release-entry-in-base64url", "hex of the hold's entry", release(entry=b64(drawn("entry")))),
        ("release-reason-missing", "a release has a reason", release(reason=...)),
        ("release-with-a-member-of-a-hold", "unknown members refused", release(hold="recall")),
        ("grant-to-nobody", "`to`", grant(to=...)),
        ("grant-to-a-gln-of-12-digits", "GLN-13 are digits", grant(to=DISTRIBUTOR[:12])),
        ("grant-gtins-out-of-order", "sorted", grant(gtins=["0614141", GTIN])),
        ("grant-gtins-repeated", "sorted", grant(gtins=["0614141", "0614141"])),
        ("grant-gtins-empty", "where there are any", grant(gtins=[])),
        ("grant-gtin-of-13-digits", "GTIN-14s or company prefixes", grant(gtins=["0614141123452"])),
        ("grant-until-a-day-without-a-time", "time is UTC, whole seconds, Z", grant(**{"valid-to": "2027-01-06"})),
        ("grant-with-a-member-of-a-licence", "unknown members refused", grant(**{"valid-from": TIME})),
    ]  # fmt: skip


def claims_and(statement_id: str) -> bytes:
    head = header()
    head[CWT_CLAIMS] = {**head[CWT_CLAIMS], 2: f"urn:uuid:{statement_id}"}
    return tagged(envelope({**GOOD, "statement": statement_id}, head=cbor(head)))


def compressed(point: bytes) -> bytes:
    return bytes([2 + point[64] % 2]) + point[1:33]


def plain_base64(data: bytes) -> str:
    text = b64(data).replace("-", "+").replace("_", "/")
    if text == b64(data):
        raise AssertionError("nothing to tell the alphabets apart by")
    return text


def stray(text: str) -> str:
    """The last character with a bit set that no byte needs: 32 bytes leave two such bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def refused() -> list[Members]:
    statement.open_statement(tagged(envelope(GOOD)), AUTHORITY)
    statement.open_statement(key_statement(), AUTHORITY)
    for undamaged in (submission(), hold(), hold_of_an_item(), hold(first="A1", last="A9"), release(), grant()):
        statement.open_statement(undamaged, AUTHORITY)
    out = []
    for name, rule, data in damaged():
        key = KEYS[PHARMACY] if name in ("signature-as-der", "alg-minus-7") else AUTHORITY
        try:
            statement.open_statement(data, key)
        except Refused as error:
            out.append({"name": name, "rule": f"FORMATS 5: {rule}", "statement": data.hex(), "alg": key.alg,
                        "public": key.public.hex(), "step": error.code})  # fmt: skip
        else:
            raise AssertionError(f"{name}: taken")
    return out
