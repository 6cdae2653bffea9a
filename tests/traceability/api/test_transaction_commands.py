"""`unitproof transactions`, and `verify` of what it fetches, over a real connection."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partners.models import ApiToken
from tests.traceability.dscsa.test_shipments import ships
from tests.traceability.story import a_pallet
from tests.traceability.test_proving import integrate, trusted
from tests.world import World
from traceability.cli import main
from traceability.models import Event


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def row(world: World) -> Event:
    load, _, _ = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    integrate(world)
    return row


@pytest.fixture
def typed(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.json").write_text(str(trusted(world)))
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.pharmacy.partner, now=world.now)[1])
    return lambda line: main([*line.split(), "--node", live_server.url])


def test_from_the_list_to_the_checked_paper(
    row: Event, typed: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("transactions") == 0
    submission, event, *_ = capsys.readouterr().out.split()
    assert (submission, event) == (str(row.submission.submission), "0")
    for name in ("ti.pdf", "ti.xml", "ti.json", "ti.html"):
        assert typed(f"transactions {submission} 0 --out {name}") == 0
    capsys.readouterr()
    assert main(["verify", "ti.pdf", "--policy", "policy.json"]) == 0
    said = capsys.readouterr().out
    for line in (
        "12  information    ok",
        "13  pages          ok",
        "Examplin 5 mg",
        "lot L42",
        "PROVEN: every step holds",
    ):
        assert line in said
    assert main(["verify", "ti.pdf", "--policy", "policy.json", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["transaction"] == json.loads((tmp_path / "ti.json").read_text())
    assert answer["verdict"] == "verified"


def test_a_changed_file_is_refused_with_status_1(
    row: Event, typed: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(f"transactions {row.submission.submission} --out ti.pdf") == 0
    data = (tmp_path / "ti.pdf").read_bytes()
    (tmp_path / "other.pdf").write_bytes(data.replace(b"Author (Unitproof)", b"Author (Somebody!)"))
    assert main(["verify", "other.pdf", "--policy", "policy.json"]) == 1
    assert "other_pages" in capsys.readouterr().out


def test_the_proof_by_itself_is_checked_too(
    world: World, row: Event, typed: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.traceability.dscsa.test_shipments import seen

    (tmp_path / "shipment.unitproof").write_bytes(seen(world, row, world.pharmacy).proof)
    assert main(["verify", "shipment.unitproof", "--policy", "policy.json"]) == 0
    said = capsys.readouterr().out
    assert "11  lots" in said
    assert "4 units" in said
    assert "information" not in said


def test_it_says_which_form_it_would_write(row: Event, typed: Callable[..., int], capsys: Any) -> None:
    assert typed(f"transactions {row.submission.submission} --out ti.doc") == 2
    assert "expected: FILE.pdf" in capsys.readouterr().err
    assert typed("transactions --gtin 00614141123453") == 2
    assert "bad_check_digit" in capsys.readouterr().err
