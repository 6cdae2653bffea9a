"""`unitproof jobs`, over a real connection: asked for, waited for, fetched."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from partners.models import ApiToken
from tests.traceability.labels.printed import printed, scanned
from tests.world import World
from traceability import working
from traceability.cli import main
from traceability.models import Job

PACKS = "gtin,serial,expiry,lot\n00614141123452,A1,2028-12-31,L1\n"


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def typed(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "packs.csv").write_text(PACKS)
    (tmp_path / "wrong.csv").write_text(PACKS + "00614141123453,A2,2028-12-31,L1\n" * 101)
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.maker.partner, now=world.now)[1])
    return lambda line: main([*line.split(), "--node", live_server.url])


@pytest.fixture
def worker(world: World, settings: Any) -> Iterator[None]:
    """As beside gunicorn, without a broker."""
    settings.REDIS_URL, settings.SWEEP_EVERY_SECONDS = "", 0.1
    working.worker.start()
    yield
    working.worker.stop()


def asked(typed: Callable[..., int], line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert typed(f"jobs ask {line}") == 0
    (job,) = re.findall(r"^job (\S+): \w+", capsys.readouterr().out)
    return str(job)


def test_labels_are_asked_for_waited_for_and_fetched(
    typed: Callable[..., int], worker: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "labels packs.csv --set stock=roll-50x25 --set dpi=203 --request R1"
    job = asked(typed, line, capsys)
    assert asked(typed, line, capsys) == job
    assert typed(f"jobs wait {job} --out labels.pdf") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-2] == "done, 1 of 1"
    assert re.fullmatch(r"\d+ bytes in labels\.pdf", out[-1])
    assert (tmp_path / "labels.pdf").stat().st_mode & 0o077 == 0
    ((_, found),) = scanned(printed((tmp_path / "labels.pdf").read_bytes(), 203)[0])
    assert "21A1" in found
    assert typed("jobs list") == 0
    assert capsys.readouterr().out == f"{job} labels R1: done, 1 of 1\n"
    assert typed(f"jobs fetch {job} --out labels.pdf") == 2  # a file that is there is not written over
    assert typed(f"jobs fetch {job} --out again.pdf") == 0
    assert (tmp_path / "again.pdf").read_bytes() == (tmp_path / "labels.pdf").read_bytes()


def test_what_is_wrong_is_told(
    typed: Callable[..., int], worker: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = asked(typed, "labels wrong.csv", capsys)
    assert typed(f"jobs wait {job} --out labels.pdf") == 1
    lines = capsys.readouterr().out.splitlines()
    assert "failed, lines_wrong: 101 of 102 lines are wrong, and nothing was made" in lines
    assert "line 3: gtin: bad_check_digit: AI 01: wrong check digit in 00614141123453; expected 2; found 3" in lines
    assert lines[-1] == "and 1 more"
    assert not (tmp_path / "labels.pdf").exists()


def test_nobody_waits_for_ever(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    job = asked(typed, "labels packs.csv", capsys)  # and nobody works
    assert typed(f"jobs wait {job} --timeout 0") == 2
    assert f"job_not_done: not within 0 seconds\n  where: {job}" in capsys.readouterr().err
    assert typed(f"jobs fetch {job} --out labels.pdf") == 2
    assert "job_not_done: its result is not there yet" in capsys.readouterr().err
    assert typed(f"jobs cancel {job}") == 0
    assert capsys.readouterr().out == "failed, job_cancelled: it was not wanted any more\n"
    assert Job.objects.get().code == "job_cancelled"


@pytest.mark.parametrize("line", ["jobs wait nothing", "jobs ask labels packs.csv --set dpi", "jobs"])
def test_what_is_typed_wrong_is_told(typed: Callable[..., int], line: str) -> None:
    with pytest.raises(SystemExit) as ended:
        typed(line)
    assert ended.value.code == 2
