"""`unitproof products` and `places` over a real connection; `manage.py products` and `places` by the operator."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from partners.models import ApiToken, Location, Product
from tests.traceability.test_master_files import fda
from tests.world import GTIN, World, gln
from traceability import working
from traceability.cli import main

PLACE = gln(777)


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
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.maker.partner, now=world.now)[1])
    return lambda line, *more: main([*line.split(), *more, "--node", live_server.url])


def managed(command: str, *files: str, **options: Any) -> str:
    out = StringIO()
    call_command(command, *files, stdout=out, **options)
    return out.getvalue()


def test_shown_then_applied(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    Path("products.csv").write_text(f"gtin,name,strength\n{GTIN},Examplin,5 mg\n")
    assert typed("products products.csv") == 0
    shown = capsys.readouterr().out
    assert f"added    {GTIN}  line 2\n         name: Examplin\n         strength: 5 mg\n" in shown
    assert shown.endswith("1 added, 0 changed, 0 ended, 0 unchanged, 0 refused\n")
    assert not Product.objects.exists()
    assert typed("products products.csv --apply") == 0
    assert Product.objects.get().strength == "5 mg"
    Path("products.csv").write_text(f"gtin,name,strength\n{GTIN},Examplin,10 mg\n123,X,\n")
    capsys.readouterr()
    assert typed("products products.csv") == 1  # a line is wrong
    shown = capsys.readouterr().out
    assert "strength: 5 mg -> 10 mg" in shown
    assert "refused  line 3: bad_length at gtin: " in shown


def test_what_is_no_table_is_said(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    Path("products.csv").write_text("colour\n")
    assert typed("products products.csv") == 2
    assert "malformed_table: " in capsys.readouterr().err
    assert typed("products nowhere.csv") == 2
    assert "nowhere.csv" in capsys.readouterr().err


def test_a_party_tells_of_its_own_place(typed: Callable[..., int], world: World) -> None:
    Path("places.csv").write_text(f"gln,name,city\n{gln(100)},Works,Trenton\n{PLACE},Dock,Newark\n")
    assert typed("places places.csv --apply") == 1


def test_the_operator_brings_the_directory_and_says_whose_a_place_is(world: World, tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("product.txt", "package.txt")]
    for name, data in zip(names, fda(), strict=True):
        Path(name).write_bytes(data)
    assert "2 added" in managed("products", *names)
    assert not Product.objects.exists()
    assert managed("products", *names, apply=True).endswith("applied\n")
    assert {row.told_by for row in Product.objects.all()} == {"FDA"}
    places = tmp_path / "places.csv"
    places.write_text(f"gln,name,operator,valid_from\n{PLACE},Dock,{world.distributor.gln},2026-01-01\n")
    assert "location statement: " in managed("places", str(places), apply=True)
    assert Location.objects.get().operator_id == world.distributor.gln
    with pytest.raises(CommandError, match="malformed_table"):
        managed("products", str(places))
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        managed("products", "nowhere.csv")
