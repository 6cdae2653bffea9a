"""A log to act on, and what it must have come to: computed from the entries alone, by the pure package."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import pytest
from django.conf import settings
from django.db import connection, transaction

from ledger import keys, log, models
from ledger.tlog import merkle, tiles
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.policy import Policy
from ledger.tlog.tiles import Tile

NOW = datetime(2026, 1, 6, 12, 30, 15, tzinfo=UTC)


class Ledger:
    """The log of this database, and everything that was handed to it, in that order."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.random = Random(9162)
        self.signer = keys.local_signer()

    def takes(self, count: int) -> list[bytes]:
        """Accept so many new entries."""
        new = [self.random.randbytes(32) for _ in range(count)]
        with transaction.atomic():
            for entry in new:
                log.append(entry, now=NOW)
        self.entries += new
        return new

    def integrates(self, limit: int = log.BATCH) -> models.Checkpoint | None:
        return log.integrate(now=NOW, signer=self.signer, limit=limit)

    def grows(self, count: int) -> models.Checkpoint:
        """Accept and integrate so many."""
        self.takes(count)
        head = self.integrates()
        assert head is not None
        return head

    @property
    def policy(self) -> Policy:
        return Policy.parse(f"log {self.signer.key.verifier}\nquorum none\n")

    def check(self, in_order: list[bytes] | None = None) -> None:
        """All that is stored is, to the byte, what the entries come to, by default in order of acceptance."""
        entries = in_order or self.entries
        by_index = models.Entry.objects.order_by("index").values_list("index", "entry")
        assert [(index, bytes(entry)) for index, entry in by_index] == list(enumerate(entries))
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        expected = tiles.grow(0, dict[Tile, bytes]().__getitem__, leaves)
        stored = models.Tile.objects.values_list("level", "index", "hashes")
        assert {Tile(level, n, len(data) // 32): bytes(data) for level, n, data in stored} == expected
        heads = [Checkpoint.open(row.note, [self.signer.key.verifier]) for row in models.Checkpoint.objects.all()]
        for head in heads:
            assert head.root == merkle.root_of(leaves[: head.size])
        assert max(head.size for head in heads) == len(leaves) == models.Log.objects.get().published


@pytest.fixture
def keys_there(own_keys_and_authorities: None) -> None:
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)


@pytest.fixture
def ledger(db: None, keys_there: None) -> Ledger:
    """In one transaction that is rolled back: quick."""
    return Ledger()


@pytest.fixture
def shared_ledger(transactional_db: None, keys_there: None) -> Iterator[Ledger]:
    """Committed, for tests in which others look on: other threads, other processes."""
    yield Ledger()
    connection.close()
