"""COSE Receipts: what others made, what we make, and one receipt damaged in many ways."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ledger.tlog.cose import Algorithm, PrivateKey, PublicKey, decode, sig_structure, thumbprint
from ledger.tlog.errors import BadProof, BadSignature, LogError, MalformedEnvelope, MalformedReceipt
from ledger.tlog.merkle import inclusion_proof, leaf_hash, root_of
from ledger.tlog.receipt import Receipt, SignedRoot, key_set, one_key
from tests.ledger.tlog.conformance import TLOG, conformance, read

KEY = PrivateKey.from_seed(bytes(32))
ORIGIN = "log.example/one"
ENTRIES = [bytes([number]) * 32 for number in range(7)]
LEAVES = list(map(leaf_hash, ENTRIES))
SIGNED = SignedRoot.sign(root_of(LEAVES), origin=ORIGIN, key=KEY)
RECEIPT = Receipt(SIGNED, 7, 3, tuple(inclusion_proof(LEAVES, 3)))
PROOF = cbor2.dumps([7, 3, list(RECEIPT.hashes)], canonical=True)


def public(pem: str) -> PublicKey:
    key: Any = load_pem_public_key(pem.encode())
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey(Algorithm.ED25519, key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return PublicKey(Algorithm.ESP256, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def holds(receipt: bytes, entry: bytes, key: PublicKey) -> bool:
    try:
        Receipt.parse(receipt).check(entry, key)
    except LogError:
        return False
    return True


# ---- what others made -----------------------------------------------------------------------------------------------


@conformance
def test_every_generated_receipt_has_the_verdict_it_should() -> None:
    cases = read("generated/receipts.json")["cases"]
    assert len(cases) >= 36
    for case in cases:
        key, leaf = public(case["log_public_key_pem"]), bytes.fromhex(case["leaf"])
        assert holds(bytes.fromhex(case["receipt"]), leaf, key) is case["valid"], case["id"]


def scitt_cases() -> list[Path]:
    return sorted((TLOG / "scitt" / "scitt-cose" / "v1").glob("*"))


@conformance
@pytest.mark.parametrize("case", scitt_cases(), ids=lambda case: case.name)
def test_the_cases_of_scitt_cose_have_the_verdict_they_should(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text())
    receipt, key = (case / "receipt.cose").read_bytes(), public((case / "log-key.pub").read_text())
    entry = bytes.fromhex(expected["leaf_entry"])
    assert holds(receipt, entry, key) is expected["receipt_valid"]
    if expected.get("failure_code") == "UNSUPPORTED_VDS":
        with pytest.raises(MalformedReceipt) as refused:
            Receipt.parse(receipt)
        assert refused.value.code == "unsupported_vds"
    elif expected["receipt_valid"]:
        parsed = Receipt.parse(receipt)
        assert (parsed.size, parsed.index) == (expected["tree_size"], expected["leaf_index"])
        assert [sibling.hex() for sibling in parsed.hashes] == expected["inclusion_path"]


@conformance
def test_receipts_of_two_services_over_one_statement_and_the_one_that_is_of_another_kind() -> None:
    shared = read("scitt/scitt-cose/interop-ccf/shared-vector.json")
    for given in (shared, shared["direction_flip"]):
        key = public(given["our_receipt"]["ts_public_key_pem"])
        receipt, entry = bytes.fromhex(given["our_receipt"]["bytes_hex"]), bytes.fromhex(given["leaf_entry"]["hex"])
        Receipt.parse(receipt).check(entry, key)
    with pytest.raises(MalformedReceipt) as refused:
        Receipt.parse(bytes.fromhex(shared["ccf_receipt"]["receipt_bytes_hex"]))
    assert refused.value.code == "unsupported_vds"


# ---- what we make ---------------------------------------------------------------------------------------------------


def test_it_is_as_rfc_9942_and_rfc_9943_have_it() -> None:
    tagged = cbor2.loads(bytes(RECEIPT))
    protected, unprotected, payload, _ = tagged.value
    log = f"https://{ORIGIN}"
    assert (tagged.tag, payload) == (18, None)
    assert cbor2.loads(protected) == {1: -8, 4: thumbprint(KEY.public), 15: {1: log, 2: log}, 395: 1}
    ((proof,),) = [unprotected[396][-1]]
    assert cbor2.loads(proof) == [7, 3, inclusion_proof(LEAVES, 3)]
    assert (SIGNED.issuer, SIGNED.subject, SIGNED.kid) == (log, log, KEY.public.kid)


@pytest.mark.parametrize("index", range(7))
def test_every_entry_has_its_own_and_no_other(index: int) -> None:
    receipt = bytes(Receipt(SignedRoot.parse(bytes(SIGNED)), 7, index, tuple(inclusion_proof(LEAVES, index))))
    assert [holds(receipt, entry, KEY.public) for entry in ENTRIES] == [number == index for number in range(7)]


def test_any_byte_changed_is_noticed_but_for_a_size_that_has_the_same_paths() -> None:
    """RFC 9942 signs the root alone: entry 3 has a path of this form among six leaves, too."""
    whole = bytes(RECEIPT)
    size = whole.index(PROOF) + 1
    for place in (place for place in range(len(whole)) if place != size):
        for change in (1, 0x20, 0x80, 0xFF):
            damaged = whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :]
            assert not holds(damaged, ENTRIES[3], KEY.public), (place, change)


def with_header(**changed: Any) -> bytes:
    header = {1: -8, 4: KEY.public.kid, 15: {1: "urn:a", 2: "urn:b"}, 395: 1}
    header |= {int(label.removeprefix("l")): value for label, value in changed.items()}
    protected = cbor2.dumps({label: value for label, value in header.items() if value is not ...}, canonical=True)
    signature = KEY.sign(sig_structure(protected, root_of(LEAVES)))
    return bytes(replace(RECEIPT, signed=SignedRoot(protected, signature)))


def with_unprotected(unprotected: Any) -> bytes:
    return SIGNED.with_proofs(unprotected)


@pytest.mark.parametrize(
    ("damaged", "code"),
    [
        pytest.param(b"", "not_cbor", id="nothing"),
        pytest.param(bytes(RECEIPT) + b"\0", "not_deterministic", id="trailing-byte"),
        pytest.param(bytes(RECEIPT)[1:], "not_cose_sign1", id="untagged"),
        pytest.param(bytes(SIGNED), "no_proof", id="no-proof"),
        pytest.param(with_header(l395=2), "unsupported_vds", id="another-vds"),
        pytest.param(with_header(l395=True), "unsupported_vds", id="vds-true"),
        pytest.param(with_header(l395=...), "unsupported_vds", id="no-vds"),
        pytest.param(with_header(l2=[395]), "wrong_header", id="critical-header"),
        pytest.param(with_header(l1=-37), "unknown_algorithm", id="another-algorithm"),
        pytest.param(with_header(l1=...), "unknown_algorithm", id="no-algorithm"),
        pytest.param(with_header(l4="text"), "wrong_header", id="kid-is-text"),
        pytest.param(with_header(l15=[1]), "wrong_header", id="claims-are-a-list"),
        pytest.param(with_header(l15={1: 7}), "wrong_header", id="issuer-is-a-number"),
        pytest.param(with_unprotected({396: {-1: [PROOF, PROOF]}}), "several_proofs", id="two-proofs"),
        pytest.param(with_unprotected({396: {-1: []}}), "no_proof", id="empty-list-of-proofs"),
        pytest.param(with_unprotected({396: {-2: [PROOF]}}), "no_proof", id="consistency-proof"),
        pytest.param(with_unprotected({396: {-1: [PROOF], -2: [PROOF]}}), "no_proof", id="two-kinds-of-proof"),
        pytest.param(with_unprotected({396: {-1: [PROOF]}, 4: b"k"}), "no_proof", id="more-beside-it"),
        pytest.param(
            with_unprotected({396: {-1: [PROOF + b"\0"]}}), "not_deterministic", id="proof-with-a-trailing-byte"
        ),
        pytest.param(with_unprotected({396: {-1: [cbor2.dumps([7, 3])]}}), "no_proof", id="proof-without-path"),
        pytest.param(
            with_unprotected({396: {-1: [cbor2.dumps([7, True, []])]}}), "malformed_receipt", id="index-is-true"
        ),
        pytest.param(with_unprotected({396: {-1: [cbor2.dumps([7, 7, []])]}}), "malformed_receipt", id="index-is-size"),
        pytest.param(
            with_unprotected({396: {-1: [cbor2.dumps([7, 3, [bytes(31)]])]}}), "malformed_receipt", id="short-hash"
        ),
        pytest.param(
            with_unprotected({396: {-1: [b"\x83\x18\x07\x03" + PROOF[3:]]}}), "not_deterministic", id="long-size"
        ),
        pytest.param(
            cbor2.dumps(cbor2.CBORTag(18, [SIGNED.protected, {396: {-1: [PROOF]}}, root_of(LEAVES), SIGNED.signature])),
            "payload_attached",
            id="root-attached",
        ),
        pytest.param(
            bytes(replace(RECEIPT, signed=replace(SIGNED, signature=bytes(63)))), "malformed_receipt", id="cut"
        ),
    ],
)
def test_refuses(damaged: bytes, code: str) -> None:
    with pytest.raises(MalformedReceipt) as refused:
        Receipt.parse(damaged)
    assert refused.value.code == code


def test_what_reads_well_and_does_not_hold() -> None:
    with pytest.raises(BadProof):
        replace(RECEIPT, hashes=RECEIPT.hashes[1:]).check(ENTRIES[3], KEY.public)
    with pytest.raises(BadProof):
        replace(RECEIPT, index=6).check(ENTRIES[6], KEY.public)
    for wrong in (PrivateKey.from_seed(b"x" * 32), PrivateKey.generate(Algorithm.ESP256)):
        with pytest.raises(BadSignature):
            RECEIPT.check(ENTRIES[3], wrong.public)


def test_the_signature_of_a_receipt_is_none_of_a_note_nor_of_a_statement() -> None:
    """One key signs notes and roots: what is signed for the one is never the other."""
    signed = sig_structure(SIGNED.protected, root_of(LEAVES))
    with pytest.raises(UnicodeDecodeError):
        signed.decode()
    with pytest.raises(MalformedEnvelope):
        decode(bytes(RECEIPT))


@pytest.mark.parametrize("alg", Algorithm, ids=lambda alg: alg.name)
def test_the_key_set_has_what_checks_it(alg: Algorithm) -> None:
    key = PrivateKey.generate(alg).public
    (listed,) = cbor2.loads(key_set([key]))
    assert listed == cbor2.loads(one_key(key))
    without = {
        label: value for label, value in listed.items() if label not in (2, 3)
    }  # RFC 9679: required members only
    assert listed[2] == key.kid == sha256(cbor2.dumps(without, canonical=True)).digest()
