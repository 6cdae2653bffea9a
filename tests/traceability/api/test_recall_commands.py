"""`unitproof recall` and `recalls`, over a real connection; and the files that they leave, with the node off."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from partners.models import ApiToken
from tests.traceability.test_notices import tells
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, Party, World
from traceability import notices, placing, working
from traceability.cli import main
from traceability.models import Item
from traceability.trust import own_policy


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture(autouse=True)
def worker(world: World, settings: Any) -> Iterator[None]:
    """As beside gunicorn, without a broker."""
    settings.REDIS_URL, settings.SWEEP_EVERY_SECONDS = "", 0.1
    working.worker.start()
    yield
    working.worker.stop()


@pytest.fixture
def typed(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """What a party types, with its own token, and with its key where it signs; or anybody, without a node."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.json").write_text(str(own_policy()))

    def types(party: Party | None, *words: str, signs: bool = False) -> int:
        if party is None:
            return main([*words])
        (tmp_path / f"{party.gln}.pem").write_bytes(party.key.to_pem())
        (tmp_path / f"{party.gln}.token").write_text(ApiToken.issue(party.partner, now=world.now)[1])
        mine = ["--gln", party.gln, "--key", f"{party.gln}.pem"] if signs else []
        asked = ["--node", live_server.url, "--token-file", f"{party.gln}.token"]
        return main([words[0], *mine, *asked, *words[1:]])

    return types


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().out


def test_the_same_is_typed_and_the_files_hold_with_the_node_off(
    typed: Callable[..., int], said: Callable[[], str], world: World, tmp_path: Path
) -> None:
    units = world.maker.commissions(serial=["A1", "A2", "A3"])
    world.maker.ships(units[:2], to=world.distributor)
    world.distributor.receives(units[:2], sender=world.maker)
    until = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    why = [
        "--classification",
        "I",
        "--depth",
        "wholesale",
        "--reason",
        "glass",
        "--contact",
        "QA",
        "--answer-by",
        until,
    ]
    assert typed(world.maker, "recall", "begin", "--gtin", GTIN, "--lot", LOT, *why, signs=True) == 0
    entry = said().rpartition("recalled as entry ")[2].strip()
    found = ["--quarantined", "2", "--returned", "0", "--destroyed", "0", "--missing", "0"]
    assert typed(world.distributor, "recall", "answer", entry, *found, signs=True) == 0
    integrate(world)
    said()
    files = ["--report", "r.unitproof", "--units", "u.csv", "--holders", "h.csv"]
    assert typed(world.maker, "recalls", entry, *files) == 0
    shown = said()
    assert "3 units" in shown
    assert f"told {world.distributor.gln}, 2 units: 2 quarantined, 0 returned, 0 destroyed, 0 missing" in shown
    assert typed(world.maker, "recall", "close", entry, "--report", "r.unitproof", signs=True) == 0
    assert typed(world.maker, "recalls") == 0
    assert "closed 20" in said()
    assert typed(None, "verify", "r.unitproof", "--policy", "policy.json", "--units", "u.csv") == 0
    assert "PROVEN: the list is" not in (told := said())
    assert "PROVEN: the list of units is the one that was signed" in told
    listed = Path("u.csv").read_text().splitlines(keepends=True)
    Path("u.csv").write_text("".join(listed[:-1]))
    assert typed(None, "verify", "r.unitproof", "--policy", "policy.json", "--units", "u.csv") == 1
    assert "another_list" in said()
    assert typed(None, "verify", "r.unitproof", "--policy", "policy.json", "--archive", "u.csv") != 0


def test_notices_are_read_on_from_a_position_and_seen(
    typed: Callable[..., int], said: Callable[[], str], world: World
) -> None:
    for n in range(3):
        tells(world, world.pharmacy, f"alarm/{n}", due=timedelta(days=36_500))
    placing.place(now=world.now)
    assert typed(world.pharmacy, "notices") == 0
    lines = said().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "to"]
    assert "alarm.two_places  until 21" in lines[0]
    assert lines[-1] == "to go on: --after 3"
    assert typed(world.pharmacy, "notices", "--after", "2", "--seen") == 0
    assert len(said().splitlines()) == 2
    assert notices.unseen(world.pharmacy.partner) == 0
    assert typed(world.stranger, "notices") == 0
    assert said() == "to go on: --after 0\n"


def test_what_a_partys_own_archive_has_is_looked_for(
    typed: Callable[..., int], said: Callable[[], str], world: World
) -> None:
    """A node that hides a unit of a lot is convicted by its maker's archive."""
    world.maker.commissions(serial=["A1", "A2", "A3"])
    world.maker.commissions(serial="B1", lot="OTHER")
    hidden = world.maker.commissions(serial="A4")
    until = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    why = ["--classification", "I", "--depth", "retail", "--reason", "glass", "--contact", "QA", "--answer-by", until]
    assert typed(world.maker, "recall", "begin", "--gtin", GTIN, "--lot", LOT, *why, signs=True) == 0
    entry = said().rpartition("recalled as entry ")[2].strip()
    integrate(world)
    call_command("export-participant", world.maker.gln, "--out", "maker.zip", stdout=StringIO())
    check = ["verify", "r.unitproof", "--policy", "policy.json", "--units", "u.csv", "--archive", "maker.zip"]
    assert typed(world.maker, "recalls", entry, "--report", "r.unitproof", "--units", "u.csv") == 0
    assert typed(None, *check) == 0
    assert f"nothing that {world.maker.gln} has begun is left out" in said()
    Item.objects.filter(epc=hidden).update(epc=hidden.replace("00614141123452", "00614141123469"))
    for name in ("r.unitproof", "u.csv"):
        Path(name).unlink()
    assert typed(world.maker, "recalls", entry, "--report", "r.unitproof", "--units", "u.csv") == 0
    assert typed(None, *check) == 1
    assert f"1 units that {world.maker.gln} has begun were left out" in said()
