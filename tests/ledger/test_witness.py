"""Being a witness: every answer of c2sp.org/tlog-witness, and never two logs of one name."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from ledger import keys
from ledger.errors import WitnessRefuses
from ledger.tlog import note
from ledger.tlog.checkpoint import Checkpoint, Cosigner, cosigned_at
from ledger.tlog.cose import PrivateKey
from ledger.tlog.merkle import EMPTY, consistency_proof, leaf_hash, root_of
from ledger.tlog.note import Signer, Verifier
from ledger.tlog.policy import Peer
from ledger.tlog.witness import SIZE_TYPE, AddCheckpoint, parse_cosignatures
from ledger.witness import Witness, WitnessMemory
from ledger.witness_views import STATUSES
from tests.ledger.tlog.conformance import conformance, read

NOW = datetime(2026, 1, 6, 12, 30, 15, tzinfo=UTC)
LOG = Signer("pharma.example/log", PrivateKey.from_seed(bytes(32)))
LEAVES = [leaf_hash(bytes([n])) for n in range(40)]
OTHERS = [leaf_hash(bytes([n + 100])) for n in range(40)]
COSIGNER = Cosigner("witness.example/w1", PrivateKey.from_seed(bytes(31) + b"w"))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    memory = WitnessMemory(tmp_path / "witness.memory")
    memory.make()
    return Witness(COSIGNER, (Peer(LOG.verifier),), memory)


def head(size: int, leaves: list[bytes] = LEAVES, signer: Signer = LOG) -> str:
    return Checkpoint(signer.name, size, root_of(leaves[:size])).sign(signer)


def request(old: int, size: int, leaves: list[bytes] = LEAVES) -> str:
    proof = consistency_proof(leaves[:size], old) if 0 < old < size else []
    return str(AddCheckpoint(old, tuple(proof), head(size, leaves)))


def refusal(witness: Witness, asked: str) -> WitnessRefuses:
    with pytest.raises(WitnessRefuses) as refused:
        witness.add_checkpoint(asked, now=NOW)
    return refused.value


def test_cosigns_a_log_that_grows_and_says_when(witness: Witness) -> None:
    for old, size in ((0, 1), (1, 7), (7, 7), (7, 8), (8, 40)):
        lines = witness.add_checkpoint(request(old, size), now=NOW)
        opened = note.open(head(size) + lines, [COSIGNER.verifier])
        assert cosigned_at(opened.signatures[0]) == NOW


def test_a_log_may_begin_with_its_empty_tree(witness: Witness) -> None:
    empty = str(AddCheckpoint(0, (), Checkpoint(LOG.name, 0, EMPTY).sign(LOG)))
    assert witness.add_checkpoint(empty, now=NOW)
    assert witness.add_checkpoint(request(0, 5), now=NOW)


@pytest.mark.parametrize(
    ("asked", "code", "size"),
    [
        (request(0, 8), "size_conflict", 7),
        (request(6, 8), "size_conflict", 7),
        (request(8, 8), "size_conflict", 7),
        (str(AddCheckpoint(8, (), head(7))), "old_size_above_new", None),
        (request(7, 7, OTHERS), "two_trees", 7),
        (request(7, 8, OTHERS), "bad_proof", None),
        (str(AddCheckpoint(7, (), head(8))), "bad_proof", None),
        (str(AddCheckpoint(7, (bytes(32),), head(7))), "bad_proof", None),
        (str(AddCheckpoint(0, (), head(3, signer=Signer("other.example/log", LOG.key)))), "unknown_log", None),
        (str(AddCheckpoint(0, (), head(3, signer=Signer(LOG.name, COSIGNER.key)))), "not_signed_by_log", None),
    ],
)
def test_refuses_what_does_not_continue_what_it_cosigned(
    witness: Witness, asked: str, code: str, size: int | None
) -> None:
    witness.add_checkpoint(request(0, 7), now=NOW)
    refused = refusal(witness, asked)
    assert (refused.code, refused.size) == (code, size)
    assert witness.add_checkpoint(request(7, 9), now=NOW)  # and goes on as if nothing had been


def test_an_empty_tree_with_leaves_in_it_is_none(witness: Witness) -> None:
    assert refusal(witness, str(AddCheckpoint(0, (), Checkpoint(LOG.name, 0, bytes(32)).sign(LOG)))).code == "bad_proof"
    assert refusal(witness, str(AddCheckpoint(0, (bytes(32),), head(3)))).code == "bad_proof"


def test_signatures_of_others_are_neither_asked_for_nor_kept(witness: Witness) -> None:
    stranger = Signer("stranger.example", COSIGNER.key)
    signed = Checkpoint(LOG.name, 5, root_of(LEAVES[:5])).sign(LOG, stranger)
    assert witness.add_checkpoint(str(AddCheckpoint(0, (), signed)), now=NOW)


def test_two_trees_of_one_size_are_kept_as_evidence(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 7), now=NOW)
    for _ in range(2):
        refusal(witness, request(7, 7, OTHERS))
    ((origin, contradicting, cosigned, _),) = witness.memory.evidence()
    heads = [Checkpoint.open(each, [LOG.verifier]) for each in (contradicting, cosigned)]
    assert origin == LOG.name
    assert (heads[0].size, heads[0].root != heads[1].root) == (heads[1].size, True)


def test_i4_of_two_branches_only_one_is_cosigned_whoever_asks_first(witness: Witness) -> None:
    """The race of c2sp.org/tlog-witness: checked and remembered in one, so that nobody takes anything back."""
    witness.add_checkpoint(request(0, 7), now=NOW)
    asked = [request(7, size, leaves) for size in range(8, 24) for leaves in (LEAVES, LEAVES[:7] + OTHERS)]

    def ask(each: str) -> int | None:
        try:
            witness.add_checkpoint(each, now=NOW)
        except WitnessRefuses:
            return None
        return AddCheckpoint.parse(each).checkpoint.size

    with ThreadPoolExecutor(8) as threads:
        (cosigned,) = [size for size in threads.map(ask, asked) if size]  # all others come from where it was before
    with witness.memory.held() as held:
        assert witness.memory.last(held, LOG.name).size == cosigned


def test_a_witness_that_lost_its_memory_cosigns_nothing(witness: Witness) -> None:
    witness.memory.path.unlink()
    assert refusal(witness, request(0, 7)).code == "witness_memory_lost"
    assert not witness.memory.path.exists()


# Over HTTP


@pytest.fixture
def client(settings: Any, tmp_path: Path) -> Client:
    settings.WITNESSED_LOGS = tmp_path / "witnessed.policy"
    settings.WITNESSED_LOGS.write_text(f"log {LOG.verifier}\nquorum none\n")
    keys.make_witness(settings.KEYS_DIR, settings.WITNESS_NAME)
    return Client()


def post(client: Client, body: str | bytes) -> Any:
    return client.post("/witness/add-checkpoint", data=body, content_type="text/plain")


def test_every_status_of_the_specification(client: Client) -> None:
    first = post(client, request(0, 7))
    assert first.status_code == 200
    (line,) = parse_cosignatures(first.content.decode())
    assert line.name == keys.cosigner().name
    conflict = post(client, request(0, 8))
    assert (conflict.status_code, conflict.content, conflict["Content-Type"]) == (409, b"7\n", SIZE_TYPE)
    for asked, status in (
        (request(7, 7, OTHERS), 409),
        (request(7, 8, OTHERS), 422),
        (str(AddCheckpoint(8, (), head(7))), 400),
        (str(AddCheckpoint(0, (), head(3, signer=Signer("other.example/log", LOG.key)))), 404),
        (str(AddCheckpoint(0, (), head(3, signer=Signer(LOG.name, COSIGNER.key)))), 403),
        ("old 1\n", 400),
        ("old 01\n\n" + head(3), 400),
        (b"\xff", 400),
    ):
        assert post(client, asked).status_code == status, asked
    assert set(STATUSES.values()) == {200, 400, 403, 404, 409, 422, 503} - {200}


def test_only_a_node_with_logs_to_witness_is_one(client: Client, settings: Any) -> None:
    settings.WITNESSED_LOGS.unlink()
    assert post(client, request(0, 7)).status_code == 404
    assert client.get("/witness/add-checkpoint").status_code == 405


@pytest.mark.parametrize("length", ["abc", "\u00b2", "-1"])
def test_a_length_that_is_no_number_is_refused(client: Client, length: str) -> None:
    answer = client.generic("POST", "/witness/add-checkpoint", request(0, 7), CONTENT_LENGTH=length)
    assert (answer.status_code, answer.content) == (400, b"a length that is no number\n")


def test_a_witness_that_cannot_remember_asks_for_patience(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.witness.PATIENCE", 0.1)
    with sqlite3.connect(settings.KEYS_DIR / "witness.memory", isolation_level=None) as memory:
        memory.execute("BEGIN EXCLUSIVE")
        busy = post(client, request(0, 7))
    assert (busy.status_code, busy["Retry-After"]) == (503, "5")
    assert post(client, request(0, 7)).status_code == 200


def test_a_witness_without_its_key_or_its_policy_asks_for_patience(client: Client, settings: Any) -> None:
    settings.DEBUG = False  # else the key is made
    aside = (settings.KEYS_DIR / "witness.pem").rename(settings.KEYS_DIR / "aside")
    assert post(client, request(0, 7)).status_code == 503
    aside.rename(settings.KEYS_DIR / "witness.pem")
    settings.WITNESSED_LOGS.write_text("nonsense\n")
    assert post(client, request(0, 7)).status_code == 503


@conformance
def test_the_exchanges_that_another_witness_had(client: Client, settings: Any) -> None:
    vectors = read("witness/add-checkpoint.json")
    log = Verifier(vectors["log_origin"], bytes.fromhex(vectors["log_public_key_ed25519"]))
    settings.WITNESSED_LOGS.write_text(f"log {log}\nquorum none\n")
    for exchange in vectors["exchanges"]:
        answer = post(client, exchange["request_body"].encode())
        expected = 404 if exchange["id"] == "litewitness-3" else exchange["status"]  # as the specification has it
        if exchange["id"] == "litewitness-2":
            expected = 400 if answer.status_code == 400 else 403  # its signature is not canonical base64 either
        assert answer.status_code == expected, exchange["id"]
        if "body_equals" in exchange:
            assert answer.content.decode() == exchange["body_equals"]
