"""Keys and envelopes: the standards' own examples, the product's example, and one envelope damaged in many ways."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.tlog.cose import (
    Algorithm,
    PrivateKey,
    PublicKey,
    Signed1,
    decode,
    protected_header,
    sig_structure,
    sign,
    thumbprint,
    to_be_signed,
)
from ledger.tlog.errors import BadSignature, LogError, MalformedEnvelope, MalformedKey
from tests.ledger.tlog.conformance import DESIGN, TLOG, conformance

KEY = PrivateKey.from_seed(bytes(32))
P256 = PrivateKey.from_pem(
    ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
)  # fmt: skip
KEYS = pytest.mark.parametrize("key", [KEY, P256], ids=lambda key: key.public.alg.name)

PAYLOAD = b'{"v":1}'
HEADERS = {"content_type": "application/json", "issuer": "https://id.gs1.org/417/0614141007776", "subject": "urn:a"}


# Keys


def test_ed25519_signs_as_rfc_8032_section_7_1_test_1() -> None:
    key = PrivateKey.from_seed(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_p256_signs_as_rfc_6979_section_a_2_5() -> None:
    assert P256.sign(b"sample").hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


def test_a_thumbprint_is_that_of_the_example_in_rfc_9679() -> None:
    x = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
    y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
    public = PublicKey(Algorithm.ESP256, bytes.fromhex("04" + x + y))
    assert thumbprint(public).hex() == "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    assert public.kid == thumbprint(public)


@KEYS
def test_a_key_file_holds_the_key(key: PrivateKey) -> None:
    again = PrivateKey.from_pem(key.to_pem())
    assert again == key
    assert again.sign(b"message") == key.sign(b"message")


@KEYS
def test_a_new_key_signs_what_its_public_half_checks(key: PrivateKey) -> None:
    fresh = PrivateKey.generate(key.public.alg)
    assert fresh != key
    PublicKey(fresh.public.alg, fresh.public.raw).check(fresh.sign(b"message"), b"message")


@KEYS
def test_the_secret_is_not_shown(key: PrivateKey) -> None:
    assert "PrivateKey object" not in repr(key)
    assert "_key" not in repr(key)


def pem(key: Any, secret: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a key", id="not-pem"),
        pytest.param(KEY.to_pem()[:-30], id="cut-short"),
        pytest.param(KEY.to_pem().replace(b"MC4C", b"MC4D"), id="damaged"),
        pytest.param(pem(rsa.generate_private_key(65537, 2048)), id="rsa"),
        pytest.param(pem(ec.generate_private_key(ec.SECP384R1())), id="p-384"),
        pytest.param(pem(ed25519.Ed25519PrivateKey.generate(), b"secret"), id="encrypted"),
    ],
)
def test_other_key_files_are_refused(file: bytes) -> None:
    with pytest.raises(MalformedKey):
        PrivateKey.from_pem(file)


FIELD = 2**255 - 19


@pytest.mark.parametrize(
    ("alg", "raw"),
    [
        pytest.param(Algorithm.ED25519, bytes(31), id="ed25519-short"),
        pytest.param(Algorithm.ED25519, P256.public.raw, id="ed25519-given-a-p256-point"),
        pytest.param(Algorithm.ED25519, bytes(32), id="ed25519-order-4"),
        pytest.param(Algorithm.ED25519, b"\x01" + bytes(31), id="ed25519-order-1"),
        pytest.param(Algorithm.ED25519, b"\x01" + bytes(30) + b"\x80", id="ed25519-order-1-with-sign"),
        pytest.param(Algorithm.ED25519, (FIELD - 1).to_bytes(32, "little"), id="ed25519-order-2"),
        pytest.param(Algorithm.ED25519, (FIELD + 9).to_bytes(32, "little"), id="ed25519-not-reduced"),
        pytest.param(
            Algorithm.ED25519,
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            id="ed25519-order-8",
        ),
        pytest.param(Algorithm.ESP256, P256.public.raw[:64], id="p256-short"),
        pytest.param(Algorithm.ESP256, b"\x02" + P256.public.raw[1:33], id="p256-compressed"),
        pytest.param(Algorithm.ESP256, P256.public.raw[:-1] + b"\x00", id="p256-off-the-curve"),
        pytest.param(Algorithm.ESP256, b"\x04" + bytes(64), id="p256-zero"),
        pytest.param(Algorithm.ESP256, KEY.public.raw, id="p256-given-an-ed25519-key"),
    ],
)
def test_other_public_keys_are_refused(alg: Algorithm, raw: bytes) -> None:
    with pytest.raises(MalformedKey):
        PublicKey(alg, raw)


def test_the_order_8_point_is_on_the_curve_where_it_is_said_to_be() -> None:
    """RFC 8032 section 5.1: doubling it must give y = 0, so d y^4 + 2 y^2 = 1."""
    y = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    d = -121665 * pow(121666, -1, FIELD)
    assert (d * y**4 + 2 * y**2 - 1) % FIELD == 0


@given(st.sampled_from(Algorithm), st.binary(max_size=66))
def test_any_bytes_are_a_public_key_or_refused(alg: Algorithm, raw: bytes) -> None:
    with suppress(MalformedKey):
        assert PublicKey(alg, raw).raw == raw


@KEYS
@given(data=st.data())
def test_any_other_signature_is_refused(key: PrivateKey, data: st.DataObject) -> None:
    good = key.sign(PAYLOAD)
    bad = data.draw(st.binary(max_size=65) | st.binary(min_size=64, max_size=64))
    if bad != good:
        with pytest.raises(BadSignature):
            key.public.check(bad, PAYLOAD)


# Envelopes


@KEYS
def test_what_is_signed_opens(key: PrivateKey) -> None:
    envelope = sign(PAYLOAD, **HEADERS, key=key)
    signed = decode(envelope)
    signed.check(key.public)
    assert (signed.payload, signed.alg, signed.kid) == (PAYLOAD, key.public.alg, key.public.kid)
    assert {name: getattr(signed, name) for name in HEADERS} == HEADERS
    assert bytes(signed) == envelope


@KEYS
def test_a_key_that_lives_elsewhere_makes_the_same_envelope(key: PrivateKey) -> None:
    signature = key.sign(to_be_signed(PAYLOAD, **HEADERS, public=key.public))
    signed = Signed1(key.public.alg, kid=key.public.kid, payload=PAYLOAD, signature=signature, **HEADERS)
    assert bytes(signed) == sign(PAYLOAD, **HEADERS, key=key)


@KEYS
def test_an_envelope_is_checked_by_its_own_key_alone(key: PrivateKey) -> None:
    signed = decode(sign(PAYLOAD, **HEADERS, key=key))
    with pytest.raises(BadSignature) as refusal:
        signed.check(PrivateKey.generate(key.public.alg).public)
    assert refusal.value.code == "wrong_key"


def test_the_header_cannot_name_another_algorithm_than_the_keys() -> None:
    signed = replace(decode(sign(PAYLOAD, **HEADERS, key=KEY)), alg=Algorithm.ESP256)
    with pytest.raises(BadSignature) as refusal:
        signed.check(KEY.public)
    assert refusal.value.code == "wrong_key"


@KEYS
def test_an_envelope_with_any_one_byte_changed_is_refused(key: PrivateKey) -> None:
    envelope = sign(PAYLOAD, **HEADERS, key=key)
    for place in range(len(envelope)):
        for change in (0x01, 0x80):
            damaged = bytearray(envelope)
            damaged[place] ^= change
            with pytest.raises(LogError):
                decode(bytes(damaged)).check(key.public)


GOOD = cbor2.loads(sign(PAYLOAD, **HEADERS, key=KEY)).value
PROTECTED = dict(cbor2.loads(GOOD[0]))


def header(*without: int, **changed: Any) -> bytes:
    """The protected header, without some labels or with others' values (`_3="text/plain"`)."""
    members = {label: value for label, value in PROTECTED.items() if label not in without}
    members |= {int(name[1:]): value for name, value in changed.items()}
    return dumps(members)


def envelope(
    protected: Any = GOOD[0], unprotected: Any = None, payload: Any = PAYLOAD, signature: Any = GOOD[3], tag: int = 18
) -> bytes:
    return dumps(cbor2.CBORTag(tag, [protected, unprotected or {}, payload, signature]))


def dumps(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


DAMAGED = {
    "empty": (b"", "not_cbor"),
    "not-cbor": (b"{}", "not_cbor"),
    "cut-short": (envelope()[:-1], "not_cbor"),
    "trailing-byte": (envelope() + b"\x00", "not_deterministic"),
    "untagged": (dumps(GOOD), "not_cose_sign1"),
    "tagged-as-cose-sign": (envelope(tag=98), "not_cose_sign1"),
    "tagged-as-cwt-around-it": (dumps(cbor2.CBORTag(61, cbor2.CBORTag(18, GOOD))), "not_cose_sign1"),
    "three-members": (dumps(cbor2.CBORTag(18, GOOD[:3])), "not_cose_sign1"),
    "five-members": (dumps(cbor2.CBORTag(18, [*GOOD, b""])), "not_cose_sign1"),
    "detached-payload": (envelope(payload=None), "not_cose_sign1"),
    "text-payload": (envelope(payload="{}"), "not_cose_sign1"),
    "protected-not-wrapped": (envelope(protected=PROTECTED), "not_cose_sign1"),
    "protected-empty": (envelope(protected=b""), "not_cbor"),
    "protected-a-list": (envelope(protected=dumps([1, 2])), "wrong_header"),
    "key-id-unprotected": (envelope(header(4), {4: PROTECTED[4]}), "wrong_header"),
    "unprotected-extra": (envelope(unprotected={4: PROTECTED[4]}), "unprotected_header"),
    "receipts-unprotected": (envelope(unprotected={394: [b"receipt"]}), "unprotected_header"),
    "unprotected-a-list": (envelope(unprotected=[1]), "unprotected_header"),
    "es256": (envelope(header(_1=-7)), "es256_refused"),
    "eddsa": (envelope(header(_1=-8)), "eddsa_refused"),
    "es384": (envelope(header(_1=-35)), "unknown_algorithm"),
    "hmac": (envelope(header(_1=5)), "unknown_algorithm"),
    "algorithm-a-bignum": (envelope(header(_1=1 << 20_000)), "unknown_algorithm"),
    "algorithm-by-name": (envelope(header(_1="Ed25519")), "wrong_header"),
    "algorithm-true": (envelope(header(_1=True)), "unknown_algorithm"),
    "algorithm-a-float": (envelope(header(_1=-19.0)), "wrong_header"),
    "no-algorithm": (envelope(header(1)), "wrong_header"),
    "no-content-type": (envelope(header(3)), "wrong_header"),
    "content-type-a-number": (envelope(header(_3=50)), "wrong_header"),
    "no-key-id": (envelope(header(4)), "wrong_header"),
    "key-id-text": (envelope(header(_4="0614141007776")), "wrong_header"),
    "key-id-short": (envelope(header(_4=PROTECTED[4][:31])), "malformed_envelope"),
    "no-claims": (envelope(header(15)), "wrong_header"),
    "no-issuer": (envelope(header(_15={2: "urn:a"})), "wrong_header"),
    "no-subject": (envelope(header(_15={1: "urn:a"})), "wrong_header"),
    "issued-at-claim": (envelope(header(_15={**PROTECTED[15], 6: 1767225600})), "unknown_header"),
    "critical-header": (envelope(header(_2=[3])), "unknown_header"),
    "certificate-chain": (envelope(header(_33=b"certificate")), "unknown_header"),
    "private-header": (envelope(dumps({**PROTECTED, "note": "x"})), "unknown_header"),
    "labels-as-floats": (envelope(dumps({float(key): value for key, value in PROTECTED.items()})), "not_deterministic"),
    "labels-in-another-order": (envelope(cbor2.dumps(dict(reversed(PROTECTED.items())))), "not_deterministic"),
    "label-twice": (envelope(b"\xa5" + header()[1:] + b"\x01\x32"), "not_cbor"),
    "protected-with-trailing-byte": (envelope(header() + b"\x00"), "not_deterministic"),
    "protected-length-in-two-bytes": (envelope(b"\xb8\x04" + header()[1:]), "not_deterministic"),
    "indefinite-array": (b"\xd2\x9f" + envelope()[2:] + b"\xff", "not_cbor"),
    "tag-in-two-bytes": (b"\xd8\x12" + envelope()[1:], "not_deterministic"),
    "signature-empty": (envelope(signature=b""), "malformed_envelope"),
    "signature-in-der": (envelope(signature=bytes(70)), "malformed_envelope"),
    "deeply-nested": (b"\x81" * 10_000, "not_cbor"),
    "refers-to-itself": (b"\xd2\x84\x40\xd8\x1c\x81\xd8\x1d\x00\x40\x40", "not_cbor"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_envelope_is_refused_for_its_damage(name: str) -> None:
    damaged, code = DAMAGED[name]
    with pytest.raises(MalformedEnvelope) as refusal:
        decode(damaged)
    assert refusal.value.code == code


def test_the_damage_is_done_to_a_good_envelope() -> None:
    decode(envelope(header())).check(KEY.public)


FOREIGN: dict[str, dict[str, Any]] = {
    "other-payload": {"payload": b'{"v":2}'},
    "other-content-type": {"content_type": "application/cbor"},
    "other-issuer": {"issuer": "https://id.gs1.org/417/0860001000016"},
    "other-subject": {"subject": "urn:b"},
    "zero-signature": {"signature": bytes(64)},
    "signature-halves-swapped": {"signature": GOOD[3][32:] + GOOD[3][:32]},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_signature_is_over_every_member(name: str) -> None:
    changed = replace(decode(envelope()), **FOREIGN[name])
    with pytest.raises(BadSignature):
        decode(bytes(changed)).check(KEY.public)


cbor = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(-9, 30) | st.text(), inner, max_size=5),
    max_leaves=12,
)


@given(cbor, cbor, cbor, cbor)
@example({1: [-19]}, {}, b"", b"")
def test_any_four_members_are_refused_as_malformed(protected: Any, unprotected: Any, payload: Any, last: Any) -> None:
    with pytest.raises(MalformedEnvelope):
        decode(envelope(dumps(protected), unprotected, payload, last))


@given(st.binary(max_size=200).map(lambda tail: b"\xd2\x84" + tail) | st.binary(max_size=200))
@example(b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\xd8\x1e\x82\x01\x00")
@example(b"\xd8\x24\x61x")
def test_any_bytes_are_refused_as_malformed(data: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        decode(data)


# Examples of others


@conformance
@pytest.mark.parametrize("syntax", ["json", "xml"])
def test_the_example_of_the_formats_page_to_the_byte(syntax: str) -> None:
    document = json.loads((DESIGN / "example" / "expected.json").read_text())
    inputs, expected = document["inputs"], document[syntax]
    headers = (
        "application/vnd.unitproof.submission+json",
        f"https://id.gs1.org/417/{inputs['submitter']}",
        f"urn:uuid:{inputs['submission']}",
    )
    content_type, issuer, subject = headers
    protected = protected_header(KEY.public.alg, content_type, KEY.public.kid, issuer, subject)
    assert protected.hex() == expected["protected_hex"]
    statement = sign(expected["payload"].encode(), content_type=content_type, issuer=issuer, subject=subject, key=KEY)
    assert statement.hex() == expected["statement_hex"]
    decode(bytes.fromhex(expected["statement_hex"])).check(KEY.public)


SCITT = ["valid-eddsa", "valid-es256", "fail-tampered-path", "fail-unsupported-vds", "fail-bad-statement-sig"]


@conformance
@pytest.mark.parametrize("case", SCITT)
def test_scitt_statements_verify_over_our_signature_structure(case: str) -> None:
    folder = TLOG / "scitt/scitt-cose/v1" / case
    expected = json.loads((folder / "expected.json").read_text())
    protected, _, payload, signature = cbor2.loads((folder / "statement.cose").read_bytes()).value
    public = public_key(folder / "issuer-key.pub")
    assert holds(public, signature, sig_structure(protected, payload)) == expected["statement_signature_valid"]


@conformance
@pytest.mark.parametrize("case", SCITT)
def test_scitt_statements_are_refused_for_their_algorithm(case: str) -> None:
    refused = "es256_refused" if case == "valid-es256" else "eddsa_refused"
    with pytest.raises(MalformedEnvelope) as refusal:
        decode((TLOG / "scitt/scitt-cose/v1" / case / "statement.cose").read_bytes())
    assert refusal.value.code == refused


@conformance
@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("manifest.spdx.json.sha384.digest.cose", "unknown_algorithm"),
        ("css-attested-cosesign1-20250812.cose", "unknown_algorithm"),
        ("css-attested-cosesign1-20250925.cose", "es256_refused"),
    ],
)
def test_ccf_statements_are_refused_for_their_algorithm(file: str, code: str) -> None:
    with pytest.raises(MalformedEnvelope) as refusal:
        decode((TLOG / "scitt/ccf/payloads" / file).read_bytes())
    assert refusal.value.code == code


def public_key(path: Path) -> PublicKey:
    key = load_pem_public_key(path.read_bytes())
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey(Algorithm.ED25519, key.public_bytes_raw())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = key.public_numbers()
    return PublicKey(Algorithm.ESP256, b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big"))


def holds(public: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public.check(signature, message)
    except BadSignature:
        return False
    return True
