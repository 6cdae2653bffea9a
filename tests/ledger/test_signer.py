"""What the signer signs, refuses and remembers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import memory
from ledger.errors import SignerRefuses
from ledger.memory import Memory
from ledger.signer import Growth, LogSigner, SignedHead
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.cose import PrivateKey
from ledger.tlog.merkle import EMPTY, consistency_proof, leaf_hash, root_of
from ledger.tlog.note import Signer
from ledger.tlog.receipt import SignedRoot

ORIGIN = "pharma.example/log"
KEY = Signer(ORIGIN, PrivateKey.from_seed(bytes(32)))
LEAVES = [leaf_hash(bytes([n])) for n in range(20)]


@pytest.fixture
def signer(tmp_path: Path) -> LogSigner:
    (tmp_path / "log.memory").write_bytes(Memory.of_empty_log(KEY))
    return LogSigner(KEY, Memory(tmp_path / "log.memory"))


def head(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root_of(leaves[:size]))


def proof(old_size: int, new_size: int) -> list[bytes]:
    return consistency_proof(LEAVES[:new_size], old_size) if 0 < old_size <= new_size else []


def sign(signer: LogSigner, checkpoint: Checkpoint) -> SignedHead:
    last = signer.last().size
    return signer.sign(checkpoint, Growth(last, proof(last, checkpoint.size)))


def test_a_new_key_has_signed_the_empty_tree_and_no_more(signer: LogSigner) -> None:
    assert signer.last() == Checkpoint(ORIGIN, 0, EMPTY)


def test_signs_a_log_that_grows_and_remembers_it(signer: LogSigner) -> None:
    for size in (1, 2, 7, 8, 8, 20):
        signed = sign(signer, head(size))
        assert Checkpoint.open(signed.note, [KEY.verifier]) == head(size) == signer.last()
        SignedRoot.parse(signed.signed_root).check(head(size).root, KEY.key.public)


def test_the_same_head_again_is_the_same_note(signer: LogSigner) -> None:
    """What a crash between remembering and publishing comes down to."""
    assert sign(signer, head(7)) == sign(signer, head(7))


OTHERS = [leaf_hash(bytes([n + 100])) for n in range(20)]


@pytest.mark.parametrize(
    ("checkpoint", "code"),
    [
        (head(6), "log_rolled_back"),
        (Checkpoint(ORIGIN, 0, EMPTY), "log_rolled_back"),
        (head(7, OTHERS), "not_consistent"),
        (head(8, OTHERS), "not_consistent"),
        (head(8, [*LEAVES[:6], *OTHERS]), "not_consistent"),
        (Checkpoint(ORIGIN, 9, root_of(LEAVES[:8])), "not_consistent"),
        (Checkpoint("elsewhere.example/log", 8, root_of(LEAVES[:8])), "wrong_origin"),
    ],
    ids=["smaller", "empty", "same-size-other-root", "other-log", "last-entry-exchanged", "wrong-size", "other-origin"],
)
def test_i4_refuses_whatever_does_not_continue_the_last(signer: LogSigner, checkpoint: Checkpoint, code: str) -> None:
    sign(signer, head(7))
    with pytest.raises(SignerRefuses) as refused:
        sign(signer, checkpoint)
    assert refused.value.code == code
    assert signer.last() == head(7)


@pytest.mark.parametrize(
    "damaged",
    [[], [bytes(32)] * 4, proof(7, 20)[:-1], [*proof(7, 20), bytes(32)], [b""] * 4],
    ids=["empty", "other-hashes", "one-less", "one-more", "no-hashes"],
)
def test_a_proof_that_does_not_lead_there_is_refused(signer: LogSigner, damaged: list[bytes]) -> None:
    sign(signer, head(7))
    with pytest.raises(SignerRefuses) as refused:
        signer.sign(head(20), Growth(7, damaged))
    assert refused.value.code == "not_consistent"


def test_a_proof_from_before_it_moved_on_is_asked_for_again(signer: LogSigner) -> None:
    sign(signer, head(7))
    with pytest.raises(SignerRefuses) as refused:
        signer.sign(head(20), Growth(3, proof(3, 20)))
    assert (refused.value.code, refused.value.expected, refused.value.found) == ("signer_moved", "7", "3")


def test_without_its_memory_it_signs_nothing(signer: LogSigner) -> None:
    signer.memory.path.unlink()
    for act in (signer.last, lambda: sign(signer, head(1))):
        with pytest.raises(SignerRefuses) as refused:
            act()
        assert refused.value.code == "signer_memory_lost"


@given(st.integers(0, Memory.SLOT), st.binary(max_size=64))
def test_a_write_that_was_torn_leaves_what_was_signed_before(
    tmp_path_factory: pytest.TempPathFactory, reached: int, noise: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / "log.memory"
    path.write_bytes(Memory.of_empty_log(KEY))
    signer = LogSigner(KEY, Memory(path))
    for size in (3, 7):
        sign(signer, head(size))
    before = path.read_bytes()
    sign(signer, head(20))
    after = path.read_bytes()
    slot = 0 if after[: Memory.SLOT] != before[: Memory.SLOT] else Memory.SLOT
    noise = noise[: Memory.SLOT - reached]  # a write ends where its slot does
    torn = before[:slot] + after[slot : slot + reached] + noise + before[slot + reached + len(noise) :]
    path.write_bytes(torn[: 2 * Memory.SLOT])
    assert signer.last() in (head(7), head(20))


def test_a_memory_damaged_in_both_slots_is_a_memory_lost(signer: LogSigner) -> None:
    signer.memory.path.write_bytes(bytes(2 * Memory.SLOT))
    with pytest.raises(SignerRefuses) as refused:
        sign(signer, head(1))
    assert refused.value.code == "signer_memory_lost"


def test_a_note_too_long_to_remember_is_not_signed(tmp_path: Path) -> None:
    long = Signer("x" * 5000, KEY.key)
    with pytest.raises(SignerRefuses):
        Memory.of_empty_log(long)


def test_a_memory_that_another_keeps_for_too_long_is_a_reason_to_wait(
    signer: LogSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PATIENCE", 0.05)
    with signer.memory.held(), pytest.raises(SignerRefuses) as refused:
        signer.last()
    assert refused.value.code == "signer_away"
    assert signer.last().size == 0
