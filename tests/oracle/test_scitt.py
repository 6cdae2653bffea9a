"""Our receipts before a stranger's eyes, and a stranger's before ours: scitt-cose shares no line with us."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.tlog.cose import Algorithm, PrivateKey
from ledger.tlog.merkle import inclusion_proof, leaf_hash, root_of
from ledger.tlog.receipt import Receipt, SignedRoot

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-scitt" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="scitt-cose is not installed beside this (make oracles)")

KEY = PrivateKey.from_seed(bytes(32))
SIZES = (1, 2, 3, 7, 8, 9, 130, 257)


def ask(*asked: dict[str, Any]) -> list[dict[str, Any]]:
    command = [str(PYTHON), str(ROOT / "tests" / "oracle" / "ask_scitt.py")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=120)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def pem(key: PrivateKey) -> str:
    return key._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def entries(size: int) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in range(size)]


def ours(size: int, index: int) -> bytes:
    leaves = list(map(leaf_hash, entries(size)))
    signed = SignedRoot.sign(root_of(leaves), origin="pharma.example/log", key=KEY)
    return bytes(Receipt(signed, size, index, tuple(inclusion_proof(leaves, index))))


def asked(receipt: bytes, entry: bytes) -> dict[str, str]:
    return {"receipt": receipt.hex(), "entry": entry.hex(), "key": pem(KEY)}


def test_scitt_cose_verifies_ours() -> None:
    places = [(size, index) for size in SIZES for index in sorted({0, size // 2, size - 1})]
    answers = ask(*(asked(ours(size, index), entries(size)[index]) for size, index in places))
    log = "https://pharma.example/log"
    expected = {"ok": True, "issuer": log, "subject": log}
    assert answers == [expected | {"size": size, "index": index} for size, index in places]


def test_scitt_cose_refuses_what_we_refuse() -> None:
    receipt, entry = ours(9, 4), entries(9)[4]
    damaged = [asked(receipt[:place] + bytes([receipt[place] ^ 1]) + receipt[place + 1 :], entry)
               for place in range(len(receipt)) if place != receipt.index(bytes([0x83, 9, 4])) + 1]  # fmt: skip
    damaged.append(asked(receipt, entries(9)[5]))
    assert not any(answer["ok"] for answer in ask(*damaged))


@pytest.mark.parametrize(("name", "alg"), [("EdDSA", Algorithm.ED25519), ("ES256", Algorithm.ESP256)])
def test_we_verify_what_scitt_cose_makes(name: str, alg: Algorithm) -> None:
    key = PrivateKey.generate(alg)
    places = [(size, index) for size in SIZES for index in sorted({0, size - 1})]
    made = ask(*({"make": {"entries": [each.hex() for each in entries(size)], "index": index, "alg": name,
                           "key": key.to_pem().decode()}} for size, index in places))  # fmt: skip
    for (size, index), answer in zip(places, made, strict=True):
        receipt = Receipt.parse(bytes.fromhex(answer["receipt"]))
        receipt.check(entries(size)[index], key.public)
        assert (receipt.size, receipt.index, receipt.signed.kid) == (size, index, b"its own")
