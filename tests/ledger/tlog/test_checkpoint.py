"""Checkpoints and what witnesses say of them."""

import json
import struct
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog import note
from ledger.tlog.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    CosignatureVerifier,
    Cosigner,
    SubtreeVerifier,
    cosigned_at,
)
from ledger.tlog.cose import Algorithm, PrivateKey
from ledger.tlog.errors import BadSignature, LogError, MalformedCheckpoint, MalformedKey, MalformedNote
from ledger.tlog.merkle import EMPTY, leaf_hash
from ledger.tlog.note import Signature, Signer, Verifier, parse_key
from tests.ledger.tlog.conformance import TLOG, conformance, read
from tests.ledger.tlog.vectors import load, named

LOG = Signer("log.example", PrivateKey.from_seed(bytes(31) + b"l"))
WITNESS = Cosigner("witness.example", PrivateKey.from_seed(bytes(31) + b"w"))
HEAD = Checkpoint("log.example", 1, leaf_hash(b"entry"))
SIGNED = HEAD.sign(LOG)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
COSIGNED = f"{SIGNED}{WITNESS.cosign(SIGNED, at=NOON)}\n"
CASES = load("tlog-checkpoint/cases.json")


@pytest.mark.parametrize("case", named(CASES["accepted"]))
def test_reads_back(case: dict[str, str]) -> None:
    assert str(Checkpoint.parse(case["text"])) == case["text"]


@pytest.mark.parametrize("case", named(CASES["refused"]))
def test_refuses(case: dict[str, str]) -> None:
    with pytest.raises(MalformedCheckpoint):
        Checkpoint.parse(case["text"])


@given(st.text(), st.integers(), st.binary(max_size=40) | st.binary(min_size=32, max_size=32), st.lists(st.text()))
def test_every_checkpoint_reads_back(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    with suppress(MalformedCheckpoint):
        checkpoint = Checkpoint(origin, size, root, tuple(extensions))
        assert Checkpoint.parse(str(checkpoint)) == checkpoint


@given(st.text() | st.tuples(st.text(), st.text(), st.text()).map(lambda lines: "\n".join(lines) + "\n"))
def test_a_text_is_read_exactly_or_refused(text: str) -> None:
    with suppress(MalformedCheckpoint):
        assert str(Checkpoint.parse(text)) == text


def test_what_was_signed_opens() -> None:
    assert Checkpoint.open(SIGNED, [LOG.verifier]) == HEAD
    assert Checkpoint.open(COSIGNED, [WITNESS.verifier]) == HEAD


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(MalformedCheckpoint):
        Checkpoint.open(note.sign("log.example\n01\n", LOG), [LOG.verifier])


# Cosignatures


def test_a_witness_says_when_it_saw_the_head() -> None:
    (signature,) = note.open(COSIGNED, [WITNESS.verifier]).signatures
    assert cosigned_at(signature) == NOON


def test_time_is_told_in_whole_seconds_whatever_the_zone() -> None:
    elsewhere = (NOON + timedelta(milliseconds=900)).astimezone(timezone(timedelta(hours=9)))
    assert WITNESS.cosign(SIGNED, at=elsewhere) == WITNESS.cosign(SIGNED, at=NOON)


def test_a_cosignature_is_over_time_and_text_as_the_specification_shows() -> None:
    raw = WITNESS.cosign(SIGNED, at=NOON).raw
    message = f"cosignature/v1\ntime {int(NOON.timestamp())}\n{HEAD}"
    assert raw == struct.pack(">Q", int(NOON.timestamp())) + WITNESS.key.sign(message.encode())


def recosigned(raw: bytes) -> str:
    return f"{SIGNED}{Signature(WITNESS.name, WITNESS.verifier.key_id, raw)}\n"


RAW = WITNESS.cosign(SIGNED, at=NOON).raw


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(COSIGNED.replace("\n1\n", "\n2\n"), id="other-size"),
        pytest.param(COSIGNED.replace("log.example\n1", "log2.example\n1"), id="other-origin"),
        pytest.param(recosigned(bytes(8) + RAW[8:]), id="other-time"),
        pytest.param(recosigned(b"\xff" * 8 + RAW[8:]), id="time-beyond-63-bits"),
        pytest.param(recosigned(b"\x7f" + b"\xff" * 7 + RAW[8:]), id="time-beyond-the-calendar"),
        pytest.param(recosigned(RAW[8:]), id="no-time"),
        pytest.param(recosigned(RAW[:8]), id="time-alone"),
        pytest.param(recosigned(RAW[:5]), id="half-a-time"),
        pytest.param(recosigned(RAW + b"\0"), id="trailing-byte"),
        pytest.param(recosigned(LOG.sign(str(HEAD)).raw), id="signature-of-the-log"),
        pytest.param(recosigned(RAW[:8] + WITNESS.key.sign(str(HEAD).encode())), id="signed-as-a-plain-note"),
    ],
)
def test_a_damaged_cosignature_is_refused(signed: str) -> None:
    with pytest.raises(BadSignature) as refusal:
        Checkpoint.open(signed, [WITNESS.verifier])
    assert refusal.value.where == "witness.example"


@pytest.mark.parametrize("signed", [str(HEAD), note.sign("not a checkpoint\n", LOG), ""])
def test_a_witness_cosigns_only_checkpoints(signed: str) -> None:
    with pytest.raises((MalformedNote, MalformedCheckpoint)):
        WITNESS.cosign(signed, at=NOON)


def test_a_witness_key_is_ed25519() -> None:
    with pytest.raises(MalformedKey):
        Cosigner("witness.example", PrivateKey.generate(Algorithm.ESP256))


POST_QUANTUM = MLDSA44PrivateKey.generate()
PQ_WITNESS = SubtreeVerifier("witness.example", POST_QUANTUM.public_key().public_bytes_raw())


def post_quantum(signed: str, *, timestamp: int = 0, start: int = 0, **other: Any) -> str:
    """Cosigned as tlog-cosignature's ML-DSA structure reads, transcribed; `other` values are claimed in the message."""
    told: dict[str, Any] = {
        "cosigner": b"witness.example",
        "origin": b"log.example",
        "end": HEAD.size,
        "root": HEAD.root,
    } | other
    message = b"subtree/v1\n\0" + bytes([len(told["cosigner"])]) + told["cosigner"] + struct.pack(">Q", timestamp)
    message += bytes([len(told["origin"])]) + told["origin"] + struct.pack(">QQ", start, told["end"]) + told["root"]
    raw = struct.pack(">Q", timestamp) + POST_QUANTUM.sign(message)
    return f"{signed}{Signature('witness.example', PQ_WITNESS.key_id, raw)}\n"


@pytest.mark.parametrize("timestamp", [0, 1767700800])
def test_a_post_quantum_cosignature_holds(timestamp: int) -> None:
    signed = post_quantum(SIGNED, timestamp=timestamp)
    assert Checkpoint.open(signed, [PQ_WITNESS]) == HEAD
    (signature,) = note.open(signed, [PQ_WITNESS]).signatures
    assert cosigned_at(signature).timestamp() == timestamp


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(post_quantum(SIGNED, cosigner=b"other.example"), id="other-cosigner"),
        pytest.param(post_quantum(SIGNED, origin=b"other.example"), id="other-origin"),
        pytest.param(post_quantum(SIGNED, start=1), id="subtree-from-1"),
        pytest.param(post_quantum(SIGNED, end=2), id="other-size"),
        pytest.param(post_quantum(SIGNED, root=EMPTY), id="other-root"),
        pytest.param(post_quantum(HEAD.sign(LOG)).replace("\n1\n", "\n3\n"), id="size-changed-after"),
        pytest.param(recosigned(RAW).replace(str(WITNESS.cosign(SIGNED, at=NOON)),
                     str(Signature("witness.example", PQ_WITNESS.key_id, RAW))), id="ed25519-signature"),
    ],
)  # fmt: skip
def test_a_damaged_post_quantum_cosignature_is_refused(signed: str) -> None:
    with pytest.raises(BadSignature):
        Checkpoint.open(signed, [PQ_WITNESS])


def test_an_origin_too_long_for_a_post_quantum_cosignature_is_refused() -> None:
    signed = Checkpoint("x" * 256, 1, HEAD.root).sign(LOG)
    with pytest.raises(BadSignature):
        Checkpoint.open(post_quantum(signed), [PQ_WITNESS])


# Vectors of others

KINDS = (Verifier, CosignatureVerifier, SubtreeVerifier)


@conformance
def test_generated_checkpoints() -> None:
    roots = {case["size"]: case["root"] for case in read("generated/roots.json")["cases"]}
    for case in read("generated/checkpoints.json")["cases"]:
        keys = [parse_key(vkey, KINDS) for vkey in case["vkeys"]]
        assert [opens(case["text"], key) for key in keys] == [case["valid"]] * len(keys), case["id"]
        if case["valid"]:
            checkpoint = Checkpoint.open(case["text"], keys)
            assert checkpoint.root.hex() == roots[checkpoint.size]
            assert len(note.open(case["text"], keys).signatures) == len(case["valid_signers"])


@conformance
def test_generated_checkpoints_out_of_form_are_refused() -> None:
    document = read("generated/checkpoints.json")
    keys = [parse_key(vkey) for vkey in document["cases"][0]["vkeys"][:1]]
    for case in document["parser_must_reject"]:
        assert not any(opens(case["text"], key) for key in keys), case["why"]
        with pytest.raises(LogError):
            Checkpoint.parse(note.Note.parse(case["text"]).text)


SKYLIGHT = TLOG / "sunlight/skylight"
ROME, MILAN = (sha256(f"{city}2026h1.example.org".encode()).hexdigest() for city in ("rome", "milan"))
COSIGNERS = {
    "witness": (f"witness/{ROME}/checkpoint", "witness/witness.v0.json"),
    "witness2": (f"witness2/{MILAN}/checkpoint", "witness2/witness.v0.json"),
    "mirror": (f"witness/mirror/{ROME}/checkpoint", "witness/mirror/mirror.v0.json"),
}


def sunlight_key(file: str) -> Verifier:
    (vkey,) = json.loads((SKYLIGHT / file).read_text())["verifier_keys"]
    return parse_key(vkey, [CosignatureVerifier])


@conformance
@pytest.mark.parametrize("cosigner", COSIGNERS)
def test_cosignatures_of_sunlight(cosigner: str) -> None:
    checkpoint, file = COSIGNERS[cosigner]
    signed = (SKYLIGHT / checkpoint).read_text()
    assert Checkpoint.open(signed, [sunlight_key(file)]).size == 300
    for other in COSIGNERS.keys() - {cosigner}:
        with pytest.raises(BadSignature):
            Checkpoint.open(signed, [sunlight_key(COSIGNERS[other][1])])


@conformance
def test_a_cosignature_does_not_pass_to_another_origin() -> None:
    signed = (SKYLIGHT / COSIGNERS["witness2"][0]).read_text().replace("milan", "rome")
    with pytest.raises(BadSignature):
        Checkpoint.open(signed, [sunlight_key("witness2/witness.v0.json")])


class TreeHeadVerifier(Verifier):
    """Type 0x05, an RFC 6962 tree head, as c2sp.org/static-ct-api has it: a kind of key that a reader may add."""

    kind = 0x05
    spki: bytes

    def check(self, text: str, signature: bytes) -> None:
        checkpoint = Checkpoint.parse(text)
        time, (algorithm, length) = signature[:8], struct.unpack(">HH", signature[8:12])
        if algorithm != 0x0403 or length != len(signature[12:]):
            raise BadSignature("not an ECDSA tree head signature")
        key = load_der_public_key(self.spki)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        message = b"\x00\x01" + time + struct.pack(">Q", checkpoint.size) + checkpoint.root
        try:
            key.verify(signature[12:], message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise BadSignature("not this log's signature") from None


@conformance
@pytest.mark.parametrize("file", ["tree/checkpoint", f"witness/{ROME}/checkpoint"])
def test_the_head_of_sunlights_log_opens_with_a_kind_of_key_added_here(file: str) -> None:
    class Rome(TreeHeadVerifier):
        spki = b64decode(json.loads((SKYLIGHT / "tree/log.v3.json").read_text())["key"])

    rome = Rome("rome2026h1.example.org", sha256(Rome.spki).digest())
    signed = (SKYLIGHT / file).read_text()
    assert Checkpoint.open(signed, [rome]).size == 300
    with pytest.raises(BadSignature):
        Checkpoint.open(signed.replace("\n300\n", "\n301\n"), [rome])


def opens(signed: str, key: Verifier) -> bool:
    try:
        Checkpoint.open(signed, [key])
    except LogError:
        return False
    return True


def test_sizes_end_where_proofs_do() -> None:
    assert Checkpoint("log.example", MAX_SIZE, EMPTY).size == 2**63 - 1
