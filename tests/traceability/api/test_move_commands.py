"""`unitproof pack`, `ship`, `receive` and the rest: scans in, signed here, and what came against what was to come."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partners.models import ApiToken
from tests.traceability.api.test_moves import label
from tests.world import Party, World, pallet, unit
from traceability import custodial
from traceability.cli import main
from traceability.models import Item, Submission
from traceability.moving import MOVES
from traceability.statements import b64


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def types(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """What a party types, with its own key and token."""
    monkeypatch.chdir(tmp_path)

    def typed(party: Party, word: str, *said: str) -> int:
        (tmp_path / f"{party.gln}.pem").write_bytes(party.key.to_pem())
        (tmp_path / f"{party.gln}.token").write_text(ApiToken.issue(party.partner, now=world.now)[1])
        mine = ["--gln", party.gln, "--key", f"{party.gln}.pem"]
        asked = ["--node", live_server.url, "--token-file", f"{party.gln}.token"]
        return main([word, *said, *mine, *asked])

    return typed


def scans(*serials: str) -> str:
    """A file as a scanner that types leaves it."""
    Path("scans.txt").write_bytes("".join(f"{label(serial)}\r\n" for serial in serials).encode())
    return "scans.txt"


def test_from_the_line_to_the_patient_by_scans_alone(
    types: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sscc = f"(00){pallet(1)[-18:]}"
    assert types(world.maker, "commission", scans("A1", "A2", "A3"), "--keep", "kept") == 0
    assert types(world.maker, "pack", scans("A1", "A2", "A3"), "--container", sscc) == 0
    to = f"(414){world.pharmacy.gln}"
    assert types(world.maker, "ship", sscc, "--to", to, "--purchase-order", "PO-1", "--affirm") == 0
    assert capsys.readouterr().err == ""
    assert types(world.pharmacy, "receive", sscc) == 0  # from whom, the node knows
    assert types(world.pharmacy, "unpack", "--container", sscc, "--all") == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{label('A1')}\n{label('A1')}\n".encode())))
    assert types(world.pharmacy, "dispense", "-") == 0
    told = capsys.readouterr()
    assert told.err == f"scanned 2 times, and meant once: {unit('A1')}\n"
    assert types(world.pharmacy, "decommission", label("A2"), "--reason", "expired") == 0
    assert [Item.objects.get(epc=unit(f"A{n}")).status for n in (1, 2, 3)] == ["dispensed", "decommissioned", "held"]
    assert all(row.kid for row in Submission.objects.all())
    assert len(list(Path("kept").iterdir())) == 1


def test_expected_against_seen_is_said_before_it_is_signed(
    types: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        packs = world.maker.commissions(serial=[f"A{number}{n}" for n in range(2)])
        world.maker.packs(packs, into=pallet(number))
    world.maker.ships([pallet(1), pallet(2), pallet(3)], to=world.pharmacy)
    assert types(world.pharmacy, "receive", pallet(1)[-18:], label("A20")) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"in part: 1 of {pallet(2)}; the rest of it stays on its way",
        f"missing: {pallet(3)}",
    ]
    assert Item.objects.get(epc=pallet(3)).status == "in_transit"


def test_what_is_on_its_way_to_nobody_here_needs_a_sender(
    types: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert types(world.pharmacy, "receive", label("X1")) == 2
    err = capsys.readouterr().err
    assert f"not on its way to you: {unit('X1')}" in err
    assert "missing_member: who sent it?" in err


def test_why_it_is_refused_and_of_which_pack_is_said(
    types: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert types(world.pharmacy, "dispense", label("A1")) == 2
    assert capsys.readouterr().err.startswith("unitproof: unknown_item: ")
    assert types(world.pharmacy, "dispense", label("A1"), "hello") == 2
    assert "where: scans[1]" in capsys.readouterr().err


@pytest.mark.parametrize("word", MOVES)
def test_every_move_has_a_command_that_says_what_it_needs(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word.replace("_", "-"), "--help"])
    assert ended.value.code == 0
    assert "--key" in capsys.readouterr().out


def test_a_key_that_the_node_holds_is_registered_by_its_public_half(
    world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("office.pem").write_bytes(world.authority.key.to_pem())
    key = custodial.make(world.pharmacy.partner, now=world.now)
    assert custodial.key_of(world.pharmacy.partner) is None
    said = ["--about", world.pharmacy.gln, "--new-public", b64(bytes(key.public))]
    line = ["enrol", "--node", live_server.url, "--key", "office.pem", "--gln", world.authority.gln, *said]
    assert main(line) == 0
    assert custodial.key_of(world.pharmacy.partner) == key
