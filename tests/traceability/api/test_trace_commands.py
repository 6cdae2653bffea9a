"""`unitproof trace`: asked on one side, looked at and answered on the other, checked with the node off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partners.models import ApiToken
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, Party, World
from traceability.cli import main
from traceability.models import Trace
from traceability.trust import own_policy


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def types(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """What a party types, with its own key where it signs, and its token."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.json").write_text(str(own_policy()))

    def typed(party: Party, word: str, *said: str) -> int:
        (tmp_path / f"{party.gln}.pem").write_bytes(party.key.to_pem())
        (tmp_path / f"{party.gln}.token").write_text(ApiToken.issue(party.partner, now=world.now)[1])
        mine = ["--gln", party.gln, "--key", f"{party.gln}.pem"] if word in ("ask", "answer") else []
        return main(["trace", word, *said, *mine, "--node", live_server.url, "--token-file", f"{party.gln}.token"])

    return typed


def test_asked_answered_fetched_and_checked(
    types: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(packs, to=world.pharmacy)
    integrate(world)
    about = ["--gtin", GTIN, "--lot", LOT, "--serial", "A2", "--serial", "-9"]
    asked = ["--investigation", "2026-117", "--reason", "suspect", "--contact", "trace@pharmacy.example"]
    assert types(world.pharmacy, "ask", "--to", world.maker.gln, *about, *asked, "--test") == 0
    entry = bytes(Trace.objects.get().request.entry.entry).hex()
    assert capsys.readouterr().out == f"asked as {entry}: TEST, a drill without a clock\n"
    assert types(world.maker, "list") == 0
    assert f"{entry}  TEST from {world.pharmacy.gln}  2026-117" in capsys.readouterr().out
    assert types(world.maker, "look", entry, "--out", "package") == 0
    told = capsys.readouterr().out
    assert "TEST, a drill." in told
    assert "A2, lot L42, expiry 2028-12-31, now in_transit" in told
    assert "no part in, as far as it knows: -9" in told
    assert Trace.objects.get().answer is None
    assert types(world.maker, "answer", entry) == 0
    integrate(world)
    assert types(world.pharmacy, "fetch", entry, "--out", "trace.unitproof") == 0
    capsys.readouterr()
    assert main(["verify", "trace.unitproof", "--policy", "policy.json"]) == 0
    said = capsys.readouterr().out
    assert "TEST, a drill: investigation 2026-117" in said
    assert "PROVEN" in said
    assert main(["verify", "trace.unitproof", "--policy", "policy.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"] is True
    assert types(world.maker, "answer", entry) == 2
    assert "answered_twice" in capsys.readouterr().err


def test_a_damaged_file_is_refused(
    types: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world.maker.commissions(serial="A1")
    integrate(world)
    asked = ["--investigation", "7", "--reason", "recalled", "--contact", "x", "--gtin", GTIN, "--serial", "A1"]
    assert types(world.pharmacy, "ask", "--to", world.maker.gln, *asked) == 0
    entry = bytes(Trace.objects.get().request.entry.entry).hex()
    assert types(world.maker, "answer", entry) == 0
    integrate(world)
    assert types(world.pharmacy, "fetch", entry, "--out", "trace.unitproof") == 0
    data = Path("trace.unitproof").read_bytes()
    Path("trace.unitproof").write_bytes(data.replace(b'"lot":"L42"', b'"lot":"L43"'))
    assert main(["verify", "trace.unitproof", "--policy", "policy.json"]) == 1
    assert "not the package that was signed" in capsys.readouterr().out
