"""Watching a log: what is checked, what is kept, and what a log that lies cannot hide."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from ledger import log
from ledger.errors import NoSuchTile
from ledger.monitor import CODES, Copy, Monitor
from ledger.tlog import merkle
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.tiles import Tile, decode_entries, tiles_of
from tests.ledger.conftest import NOW, Ledger


class Site:
    """The log as it is published, and as a liar would publish it."""

    def __init__(self) -> None:
        self.client = Client()
        self.lies: dict[str, bytes | None] = {}

    def fetch(self, path: str) -> bytes:
        if path in self.lies:
            lie = self.lies[path]
            if lie is None:
                raise NoSuchTile("gone", where=path)
            return lie
        answer = self.client.get(f"/log/{path}")
        if answer.status_code != 200:
            raise NoSuchTile("not handed out", where=path)
        return answer.content


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def monitor(ledger: Ledger, site: Site, tmp_path: Path) -> Monitor:
    return Monitor(site.fetch, ledger.policy, Copy(tmp_path / "copy"), timedelta(hours=2))


def codes(monitor: Monitor, **later: float) -> list[str]:
    return [alert.code for alert in monitor.look(now=NOW + timedelta(**later))]


@pytest.mark.parametrize("steps", [(1,), (3, 4, 300, 1), (256, 256, 1), (700,), (255, 1, 1, 512)])
def test_the_copy_is_the_log_to_the_byte(ledger: Ledger, monitor: Monitor, steps: tuple[int, ...]) -> None:
    for count in steps:
        ledger.grows(count)
        assert codes(monitor) == []
    head = log.latest()
    assert head is not None
    assert monitor.copy.last() == head.note
    for tile in tiles_of(head.size):
        assert monitor.copy.read(tile) == log.read(tile)
        if tile.level == 0:
            assert monitor.copy.read(tile.bundle) == log.read(tile.bundle)


def test_a_big_log_is_taken_in_pieces(ledger: Ledger, monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.monitor.BATCH", 256)
    seen: list[tuple[int, int]] = []
    ledger.grows(1000)
    assert monitor.look(now=NOW, told=lambda done, size: seen.append((done, size))) == []
    assert seen == [(256, 1000), (512, 1000), (768, 1000), (1000, 1000)]
    ledger.grows(30)
    assert codes(monitor) == []


def test_an_empty_log_is_well_too(monitor: Monitor) -> None:
    assert codes(monitor) == []


def other_head(ledger: Ledger, size: int) -> bytes:
    """A checkpoint of another log, by the log's own key: whoever has stolen it can sign whatever they like."""
    leaves = [merkle.leaf_hash(bytes([n % 256]) * 32) for n in range(size)]
    return Checkpoint(ledger.signer.key.name, size, merkle.root_of(leaves)).sign(ledger.signer.key).encode()


Lie = Callable[[Ledger, Site], None]


def rolls_back(ledger: Ledger, site: Site) -> None:
    site.lies["checkpoint"] = other_head(ledger, 5)


def forks(ledger: Ledger, site: Site) -> None:
    site.lies["checkpoint"] = other_head(ledger, 20)


def signs_another_root(ledger: Ledger, site: Site) -> None:
    site.lies["checkpoint"] = other_head(ledger, 30)
    ledger.grows(10)


def changes_an_entry(ledger: Ledger, site: Site) -> None:
    ledger.grows(10)
    bundle = site.fetch("tile/entries/000.p/30")
    site.lies["tile/entries/000.p/30"] = bundle[:-1] + bytes([bundle[-1] ^ 1])


def changes_a_tile(ledger: Ledger, site: Site) -> None:
    ledger.grows(10)
    tile = site.fetch("tile/0/000.p/30")
    site.lies["tile/0/000.p/30"] = bytes([tile[0] ^ 1]) + tile[1:]


def hides_entries(ledger: Ledger, site: Site) -> None:
    ledger.grows(10)
    site.lies["tile/entries/000.p/30"] = None


def cuts_a_bundle(ledger: Ledger, site: Site) -> None:
    ledger.grows(10)
    site.lies["tile/entries/000.p/30"] = site.fetch("tile/entries/000.p/29")


def is_away(ledger: Ledger, site: Site) -> None:
    site.lies["checkpoint"] = None


def signs_nothing(ledger: Ledger, site: Site) -> None:
    site.lies["checkpoint"] = b"hello\n"


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (rolls_back, "rolled_back"),
        (forks, "two_trees"),
        (signs_another_root, "not_consistent"),
        (changes_an_entry, "not_consistent"),
        (changes_a_tile, "tile_differs"),
        (hides_entries, "entries_missing"),
        (cuts_a_bundle, "entries_missing"),
        (is_away, "unreachable"),
        (signs_nothing, "checkpoint_refused"),
    ],
)
def test_i4_a_log_that_lies_is_noticed(ledger: Ledger, site: Site, monitor: Monitor, lie: Lie, code: str) -> None:
    ledger.grows(20)
    assert codes(monitor) == []
    copied = monitor.copy.last()
    lie(ledger, site)
    assert codes(monitor) == [code]
    assert code in CODES
    assert monitor.copy.last() == copied  # nothing of it is believed
    told = [json.loads(line) for line in (monitor.copy.folder / "alerts.jsonl").read_text().splitlines()]
    assert [alert["code"] for alert in told] == [code]
    site.lies.clear()
    assert codes(monitor) == []


def test_what_the_log_has_signed_against_itself_is_kept(ledger: Ledger, site: Site, monitor: Monitor) -> None:
    ledger.grows(20)
    codes(monitor)
    forks(ledger, site)
    codes(monitor)
    (evidence,) = (monitor.copy.folder / "evidence").iterdir()
    assert evidence.read_text().count(f"— {ledger.signer.key.name} ") == 2


def test_a_log_that_does_not_grow_is_stale(ledger: Ledger, monitor: Monitor) -> None:
    ledger.grows(1)
    assert codes(monitor) == []
    assert codes(monitor, hours=1) == []
    assert codes(monitor, hours=3) == ["stale"]
    ledger.grows(1)
    assert codes(monitor, hours=3) == []


def test_the_command_says_what_it_saw(live_server: Any, keys_there: None, tmp_path: Path, capsys: Any) -> None:
    ledger = Ledger()
    ledger.grows(5)
    (tmp_path / "policy").write_text(f"log {ledger.signer.verifier}\nquorum none\n")
    options: Any = {"policy": tmp_path / "policy", "copy": tmp_path / "copy", "once": True}
    call_command("monitor", f"{live_server.url}/log", **options)
    assert "all is well: 5 entries checked" in capsys.readouterr().out
    bundle = decode_entries((tmp_path / "copy" / str(Tile(-1, 0, 5))).read_bytes())
    assert bundle == ledger.entries
    (tmp_path / "copy" / "checkpoint").write_bytes(other_head(ledger, 9))
    with pytest.raises(CommandError, match="not all is as it should be"):
        call_command("monitor", f"{live_server.url}/log", **options)
    assert "rolled_back" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{"v": 1}', "JSON, a policy for `unitproof verify`; expected a c2sp.org/tlog-policy"),
        ("quorum", "the last line does not end"),
        (None, "No such file or directory"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_policy(written: str | None, said: str, tmp_path: Path) -> None:
    if written is not None:
        (tmp_path / "policy").write_text(written)
    with pytest.raises(CommandError, match=f"policy: {said}"):
        call_command("monitor", "http://127.0.0.1:9/log", policy=tmp_path / "policy", copy=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
