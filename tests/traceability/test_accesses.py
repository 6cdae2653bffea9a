"""What was read of others' goods is in the log: one entry an interval, also when nobody read."""

import json
from hashlib import sha256
from typing import Any

import pytest
from django.conf import settings

from ledger.models import Entry
from ledger.tlog.merkle import leaf_hash, root_of
from partners.access import Purpose, record
from partners.models import AccessRecord
from tests.world import World, unit
from traceability import accesses
from traceability.models import AccessInterval
from traceability.statements import b64
from traceability.submission import salts


def closes(world: World) -> AccessInterval:
    interval = accesses.close_if_due(now=world.passes(seconds=settings.ACCESS_INTERVAL_SECONDS))
    assert interval is not None
    return interval


def test_an_interval_is_logged_also_when_nobody_read(world: World) -> None:
    interval = closes(world)
    assert (interval.sequence, interval.after, interval.upto, bytes(interval.leaves)) == (1, 0, 0, b"")
    assert Entry.objects.latest("number") == interval.entry


def test_an_interval_begins_where_the_one_before_ended(world: World) -> None:
    record(world.pharmacy.partner, unit("A1"), "chain", Purpose.VERIFICATION, now=world.now)
    first = closes(world)
    record(world.pharmacy.partner, unit("A2"), "chain", Purpose.RECALL, now=world.now)
    record(world.maker.partner, unit("A3"), "chain", Purpose.RECALL, now=world.now)
    second, third = closes(world), closes(world)
    assert [len(bytes(each.leaves)) // 32 for each in (first, second, third)] == [1, 2, 0]
    assert second.after == first.upto
    assert third.after == third.upto == second.upto == AccessRecord.objects.latest("pk").pk


def test_none_is_logged_before_its_time(world: World) -> None:
    closes(world)
    assert accesses.close_if_due(now=world.passes(seconds=settings.ACCESS_INTERVAL_SECONDS / 2)) is None


def test_the_entry_is_what_the_docstring_says_to_the_byte(world: World) -> None:
    record(world.pharmacy.partner, unit("A/1"), "chain", Purpose.VERIFICATION, now=world.passes(milliseconds=1500))
    row, interval = AccessRecord.objects.get(), closes(world)
    salt = salts(bytes(interval.secret), "access")(str(row.pk))
    at = row.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    leaf: list[Any] = [
        "a",
        b64(salt),
        row.pk,
        world.pharmacy.gln,
        unit("A/1"),
        "chain",
        "verification",
        at,
        None,
        False,
    ]
    root = root_of([leaf_hash(json.dumps(leaf, separators=(",", ":")).encode())])
    closed = interval.closed.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = ["access", 1, settings.LOG_ORIGIN, 1, 0, row.pk, closed, [1, b64(root)]]
    hashed = b"unitproof/access/v1\0" + interval.entry_salt + json.dumps(said, separators=(",", ":")).encode()
    assert bytes(interval.entry.entry) == sha256(hashed).digest()


def test_of_two_who_close_it_at_once_one_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = accesses._cut

    def another_is_quicker() -> int | None:
        monkeypatch.setattr(accesses, "_cut", cut)
        closes(world)
        return cut()

    monkeypatch.setattr(accesses, "_cut", another_is_quicker)
    assert accesses.close_if_due(now=world.passes(seconds=settings.ACCESS_INTERVAL_SECONDS)) is None
    assert AccessInterval.objects.count() == 1
