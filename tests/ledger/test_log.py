"""append, integrate, prove: the log as its users meet it."""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ledger import bulk, log, models
from ledger.errors import NoSuchTile, NotIntegrated, SignerRefuses, TreeDiffers, UnknownEntry
from ledger.signer import Growth, LogSigner, SignedHead
from ledger.tlog import merkle, tiles
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.errors import BadProof, LogError, OutOfRange
from ledger.tlog.proof import Proof
from ledger.tlog.tiles import Tile
from tests.ledger.conftest import NOW, Ledger

# Append


def test_an_entry_is_accepted_with_a_number_and_no_index(ledger: Ledger) -> None:
    accepted = log.append(bytes(32), now=NOW)
    row = models.Entry.objects.get()
    assert (row.number, bytes(row.entry), row.accepted_at) == (accepted.number, bytes(32), NOW)
    assert row.index is None


def test_the_same_entry_again_is_the_same_promise(ledger: Ledger) -> None:
    first = log.append(bytes(32), now=NOW)
    again = log.append(bytes(32), now=NOW.replace(year=2027))
    assert (again.number, bytes(again.entry), again.accepted_at) == (first.number, bytes(32), NOW)
    assert models.Entry.objects.count() == 1


@pytest.mark.parametrize("length", [0, 31, 33])
def test_an_entry_has_32_bytes(ledger: Ledger, length: int) -> None:
    with pytest.raises(LogError) as refused:
        log.append(bytes(length), now=NOW)
    assert refused.value.code == "malformed_entry"
    with pytest.raises(IntegrityError), transaction.atomic():
        models.Entry.objects.create(entry=bytes(length), accepted_at=NOW)


def test_statuses_and_entries_draw_from_one_sequence(ledger: Ledger) -> None:
    numbers = [log.draw_number(), log.draw_number(), log.append(bytes(32), now=NOW).number, log.draw_number()]
    assert numbers == sorted(set(numbers))


def test_what_is_rolled_back_leaves_a_gap_in_the_numbers_and_none_in_the_log(ledger: Ledger) -> None:
    ledger.takes(2)
    with transaction.atomic():
        log.append(bytes(32), now=NOW)
        log.draw_number()
        transaction.set_rollback(True)
    ledger.takes(2)
    ledger.integrates()
    ledger.check()


# Integrate


def test_nothing_waiting_is_nothing_to_do(ledger: Ledger) -> None:
    assert ledger.integrates() is None
    assert log.latest() is None
    ledger.grows(1)
    assert ledger.integrates() is None


def test_the_checkpoint_covers_all_that_waited(ledger: Ledger) -> None:
    head = ledger.grows(3)
    assert head.value == Checkpoint.open(head.note, [ledger.signer.key.verifier])
    assert (head.size, bytes(head.root)) == (3, merkle.root_of([merkle.leaf_hash(e) for e in ledger.entries]))
    assert log.latest() == head
    ledger.check()


def test_batches_have_their_limit_and_a_checkpoint_each(ledger: Ledger) -> None:
    ledger.takes(7)
    ledger.integrates(limit=3)
    assert list(models.Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [3, 6, 7]
    ledger.check()


def test_i4_fifty_random_batches_are_consistent_each_with_each(ledger: Ledger) -> None:
    chosen = random.Random(6962)
    for _ in range(50):
        ledger.grows(chosen.choice([1, 2, 3, 17, 64, 255, 256, 257, 300]))
    ledger.check()
    heads = [row.value for row in models.Checkpoint.objects.order_by("size")]
    assert len(heads) == 50
    for old, new in [*pairwise(heads), *((head, heads[-1]) for head in heads)]:
        merkle.check_consistency(old.size, old.root, new.size, new.root, log.consistency(old.size, new.size))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=3), st.integers(50, 300))
@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_the_batches_fall_the_tree_is_the_same(ledger: Ledger, batches: list[int], limit: int) -> None:
    start = len(ledger.entries)
    for count in batches:
        ledger.takes(count)
        ledger.integrates(limit)
    assert len(ledger.entries) == start + sum(batches)
    ledger.check()


def test_a_round_takes_few_statements_whatever_the_batch(ledger: Ledger) -> None:
    ledger.grows(1000)
    ledger.takes(2000)
    counts = []
    for limit in (10, 1500):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            log.advance(now=NOW, signer=ledger.signer, limit=limit)
        counts.append(len(queries))
    assert max(counts) <= 12


# What is damaged is noticed before it is signed


def damage(tile: Tile, at: int) -> None:
    row = models.Tile.objects.get(level=tile.level, index=tile.index)
    hashes = bytearray(row.hashes)
    hashes[at] ^= 1
    models.Tile.objects.filter(level=tile.level, index=tile.index).update(hashes=bytes(hashes))


@pytest.mark.parametrize(
    ("tile", "at"),
    [(Tile(0, 1, 44), 0), (Tile(0, 1, 44), 32 * 44 - 1), (Tile(1, 0, 1), 5)],
    ids=["first-hash-of-the-partial-tile", "last-hash-of-the-partial-tile", "hash-of-the-full-tile"],
)
def test_nothing_is_built_on_a_damaged_edge(ledger: Ledger, tile: Tile, at: int) -> None:
    ledger.grows(300)
    damage(tile, at)
    ledger.takes(5)
    with pytest.raises(TreeDiffers):
        ledger.integrates()
    assert [row.size for row in models.Checkpoint.objects.all()] == [300]
    assert models.Log.objects.get().size == 300


@pytest.mark.parametrize(("width", "error"), [(1, NoSuchTile), (256, TreeDiffers)])
def test_a_tile_that_stands_where_none_should_is_not_overwritten(
    ledger: Ledger, width: int, error: type[LogError]
) -> None:
    ledger.grows(300)
    models.Tile.objects.create(level=0, index=2, hashes=bytes(32 * width))
    ledger.takes(400)
    with pytest.raises(error) as refused:
        ledger.integrates()
    assert refused.value.where == "tile/0/002.p/188"
    assert bytes(models.Tile.objects.get(level=0, index=2).hashes) == bytes(32 * width)


def test_a_bit_that_flips_on_its_way_to_the_database_is_not_signed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk, or the cable, is played by this test; all that looks for damage is real."""
    ledger.grows(10)
    ledger.takes(500)
    write = bulk.write_tiles

    def flip(tiles: dict[Tile, bytes]) -> None:
        write({tile: bytes([data[0] ^ (tile.index == 1), *data[1:]]) for tile, data in tiles.items()})

    monkeypatch.setattr(bulk, "write_tiles", flip)
    with pytest.raises(TreeDiffers):
        ledger.integrates()
    monkeypatch.undo()
    ledger.integrates()
    ledger.check()


def test_a_leaf_hash_that_is_not_its_entrys_is_not_signed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit that flips in memory, in a full tile, after the hash above it was made; played by this test."""
    ledger.grows(10)
    ledger.takes(500)
    grow = tiles.grow

    def flip(*given: Any) -> dict[Tile, bytes]:
        grown = grow(*given)
        return grown | {Tile(0, 0): grown[Tile(0, 0)][:-1] + bytes([grown[Tile(0, 0)][-1] ^ 1])}

    monkeypatch.setattr(tiles, "grow", flip)
    with pytest.raises(TreeDiffers, match="not those of the entries"):
        ledger.integrates()
    monkeypatch.undo()
    ledger.integrates()
    ledger.check()


@dataclass(frozen=True)
class Watched:
    """A signer, and what it was asked for."""

    signer: LogSigner
    asked: list[int]

    def last(self) -> Checkpoint:
        return self.signer.last()

    def sign(self, checkpoint: Checkpoint, growth: Growth) -> SignedHead:
        self.asked.append(checkpoint.size)
        return self.signer.sign(checkpoint, growth)


def test_only_what_is_committed_is_signed(ledger: Ledger) -> None:
    """Not what the round itself takes in: that is signed once it cannot be lost any more."""
    ledger.takes(600)
    watched, committed = Watched(ledger.signer, []), []
    while log.advance(now=NOW, signer=watched, limit=256):  # type: ignore[arg-type]
        committed.append(models.Log.objects.get().size)
    assert committed == [256, 512, 600, 600]
    assert watched.asked == [256, 512, 600]


def test_a_signers_refusal_is_told_whatever_else_is_wrong(ledger: Ledger) -> None:
    """It freezes the log, which would go on promising what it can never take in."""
    ledger.grows(10)
    ledger.takes(300)
    log.advance(now=NOW, signer=ledger.signer)
    damage(Tile(0, 1, 54), 0)
    ledger.takes(5)
    with pytest.raises(SignerRefuses) as refused:
        ledger.integrates()
    assert refused.value.code == "not_consistent"


def test_another_log_in_the_database_is_not_continued(ledger: Ledger) -> None:
    ledger.grows(1)
    models.Log.objects.update(origin="elsewhere.example/log")
    ledger.takes(1)
    with pytest.raises(LogError) as refused:
        ledger.integrates()
    assert (refused.value.code, refused.value.found) == ("wrong_origin", "elsewhere.example/log")


# Prove


def test_every_entry_is_proven_under_every_later_size(ledger: Ledger) -> None:
    for count in (1, 5, 250, 3, 257, 600):
        ledger.grows(count)
    heads = [row.value for row in models.Checkpoint.objects.order_by("size")]
    for head in heads:
        for index in {0, head.size // 2, head.size - 1}:
            leaf = merkle.leaf_hash(ledger.entries[index])
            merkle.check_inclusion(leaf, index, head.size, log.prove(index, head.size), head.root)
    assert log.prove(3) == log.prove(3, heads[-1].size)


def test_a_proof_is_one_read_of_a_few_tiles(ledger: Ledger) -> None:
    ledger.grows(1000)
    with CaptureQueriesContext(connection) as queries:
        log.prove(17, 1000)
    assert len(queries) == 1


def test_several_entries_have_one_proof(ledger: Ledger) -> None:
    head = ledger.grows(700).value
    wanted = {3: b"", 4: b"", 699: b"", 256: b""}
    leaves = {index: merkle.leaf_hash(ledger.entries[index]) for index in wanted}
    proof = log.prove_all(list(wanted), head.size)
    merkle.check_multiproof(leaves, head.size, proof, head.root)


@pytest.mark.parametrize(("index", "size"), [(0, None), (5, 5), (-1, 5), (0, 0), (6, 7)])
def test_what_the_tree_does_not_have_is_not_proven(ledger: Ledger, index: int, size: int | None) -> None:
    if size:
        ledger.grows(5)
    with pytest.raises((OutOfRange, NoSuchTile)):
        log.prove(index, size)


def test_a_receipt_says_where_the_entry_is_and_stays_the_same(ledger: Ledger) -> None:
    (entry, *_) = ledger.takes(3)
    ledger.integrates()
    receipt = log.receipt(entry)
    vouched = Proof.parse(receipt).check(entry, ledger.policy)
    assert vouched.checkpoint.size == 3
    ledger.grows(500)
    assert log.receipt(entry) == receipt


def test_no_receipt_for_what_waits_or_was_never_accepted(ledger: Ledger) -> None:
    (entry,) = ledger.takes(1)
    with pytest.raises(NotIntegrated):
        log.receipt(entry)
    with pytest.raises(UnknownEntry):
        log.receipt(bytes(32))
    ledger.grows(1)
    with pytest.raises(BadProof):
        Proof.parse(log.receipt(entry)).check(bytes(32), ledger.policy)


def test_what_is_read_is_the_tile_in_the_width_asked_for(ledger: Ledger) -> None:
    ledger.grows(10)
    leaves = [merkle.leaf_hash(entry) for entry in ledger.entries]
    assert log.read(Tile(0, 0, 10)) == b"".join(leaves)
    assert log.read(Tile(0, 0, 4)) == b"".join(leaves[:4])
    for missing in (Tile(0, 0, 11), Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1), Tile(63, 10**20, 1), Tile(-1, 0, 11)):
        with pytest.raises(NoSuchTile):
            log.read(missing)
