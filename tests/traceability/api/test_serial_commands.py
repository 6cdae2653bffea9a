"""`unitproof pool`, `serials` and `report`, over a real connection: from the pool to the document that is submitted."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partners.models import ApiToken
from tests.world import EXPIRY, GTIN, LOT, World
from traceability import client
from traceability.cli import main
from traceability.errors import NodeError
from traceability.models import Item, SerialBlock


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def typed(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.pem").write_bytes(world.maker.key.to_pem())
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.maker.partner, now=world.now)[1])
    return lambda line, *more: main([*line.split(), *more, "--node", live_server.url])


@pytest.fixture
def pool(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> str:
    assert typed(f"pool {GTIN} --length 12 --enforced") == 0
    (found,) = re.findall(r"^pool (\S+): \d+ numbers left, enforced\n$", capsys.readouterr().out)
    return str(found)


def report(serials: list[str]) -> str:
    return "\n".join(["gtin,serial,lot,expiry", *(f"{GTIN},{serial},{LOT},{EXPIRY}" for serial in serials)])


def test_from_the_pool_to_the_pack(
    typed: Callable[..., int], pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(f"serials {pool} --count 20 --out numbers.csv --request R1") == 0
    assert re.match(r"20 numbers in numbers\.csv; block \S+\n", capsys.readouterr().out)
    assert (tmp_path / "numbers.csv").stat().st_mode & 0o077 == 0
    serials = [row["serial"] for row in csv.DictReader((tmp_path / "numbers.csv").read_text().splitlines())]
    assert len(set(serials)) == 20
    assert typed(f"serials {pool} --count 20 --out again.json --request R1") == 0
    assert json.loads((tmp_path / "again.json").read_text())["serials"] == serials
    (tmp_path / "printed.csv").write_text(report(serials))
    capsys.readouterr()
    assert typed("report printed.csv --out document.json") == 0
    assert capsys.readouterr().out.startswith("20 lines are right: ")
    assert typed("submit document.json --key key.pem") == 0
    assert Item.objects.count() == 20
    assert typed("report printed.csv --out again.document") == 1
    assert "line 2: already_commissioned at serial: " in capsys.readouterr().out


def test_wrong_lines_are_told_and_nothing_is_written(
    typed: Callable[..., int], pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "printed.csv").write_text(report(["MADEUP"]))
    assert typed("report printed.csv --out document.json") == 1
    out = capsys.readouterr().out
    assert out == (
        "line 2: bad_length at serial: no pool of the product has such numbers; expected 12 characters; "
        "found 'MADEUP' (6)\n1 of 1 lines are wrong\n"
    )
    assert not (tmp_path / "document.json").exists()


def test_a_file_that_is_there_is_not_written_over_and_no_number_is_drawn_for_it(
    typed: Callable[..., int], pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "numbers.csv").write_text("precious")
    assert typed(f"serials {pool} --count 20 --out numbers.csv") == 2
    assert capsys.readouterr().err == "unitproof: file_error: File exists\n  where: numbers.csv\n"
    assert (tmp_path / "numbers.csv").read_text() == "precious"
    assert not SerialBlock.objects.exists()


def test_what_is_refused_leaves_no_file(
    typed: Callable[..., int], pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(f"serials {pool} --count 1000001 --out numbers.csv") == 2
    err = capsys.readouterr().err
    assert err.startswith("unitproof: bad_block_size: ")
    assert "to ask again" not in err
    assert not (tmp_path / "numbers.csv").exists()


def test_numbers_that_did_not_come_are_had_by_the_same_name(
    typed: Callable[..., int],
    pool: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as broken:

        def breaks_off(*_: object) -> bytes:
            raise NodeError("no_answer: the connection broke")

        broken.setattr(client.Node, "numbers", breaks_off)
        assert typed(f"serials {pool} --count 20 --out numbers.csv") == 2
    (name,) = re.findall(r"the same with --request (\S+):", capsys.readouterr().err)
    assert not (tmp_path / "numbers.csv").exists()
    assert typed(f"serials {pool} --count 20 --out numbers.csv --request {name}") == 0
    assert SerialBlock.objects.count() == 1


def test_a_pool_of_ones_own_characters(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(f"pool {GTIN} --length 20 --characters 0123456789O") == 2
    assert "lookalike_characters" in capsys.readouterr().err
    assert typed(f"pool {GTIN} --length 20 --characters 0379") == 0
    assert typed(f"pool {GTIN} --length 14 --set digits") == 0


def test_an_expiry_is_a_day(typed: Callable[..., int], pool: str) -> None:
    assert typed(f"serials {pool} --count 1 --out numbers.xml --expires 2100-01-01") == 0
    assert SerialBlock.objects.get().expires is not None
