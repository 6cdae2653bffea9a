"""`manage.py`, where every command would fail alike: one line that says what to do."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.errors import NotMigrated
from ledger.health import demand_migrated
from manage import lacks_a_table
from tests.test_settings import PRODUCTION, ROOT, start

GLN, NOBODY = "9521050000013", "00000000-0000-0000-0000-000000000000"
PATIENCE = 30  # seconds
NEEDS_TABLES = (
    "audit",
    "audit --full --json",
    f"erase {NOBODY} --reason asked",
    "retain",
    f"export-participant {GLN} --out works.zip",
    f"legal-hold {GLN} --set --reason asked",
    f"partner --gln {GLN} --name Works --role manufacturer",
    "rebuild_custody",
)


@pytest.mark.parametrize("typed", NEEDS_TABLES)
def test_a_database_without_tables_is_said_to_have_none(typed: str, tmp_path: Path) -> None:
    done = start(tmp_path, "manage.py", *typed.split())
    said = done.stderr.strip()
    assert (done.returncode, done.stdout) == (1, "")
    assert said.startswith("manage.py: no such table: ")
    assert said.endswith(": has this database been migrated? The demo's has; DEMO=1 names it")
    assert "\n" not in said


def test_what_never_ends_ends_at_once_without_tables(tmp_path: Path) -> None:
    done = start(tmp_path, "manage.py", "sequencer")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        "CommandError: not_migrated: [^\n]*unitproof.sqlite3: [^\n]*run `manage.py migrate`, then this again; "
        "expected all migrations; found [0-9]+ missing, of [^\n]*ledger, [^\n]*\n",
        done.stderr,
    )


def test_while_its_database_is_away_the_sequencer_waits_for_it(tmp_path: Path) -> None:
    away = tmp_path / "away"
    with sequencing(tmp_path, away / "unitproof.sqlite3") as process:
        assert process.stderr is not None
        for _ in range(2):
            assert "the database is busy or away: unable to open database file" in process.stderr.readline()
        away.mkdir()  # and what comes back has no tables
        assert "not_migrated" in process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 1


def test_a_database_with_its_tables_is_taken_for_one(db: None) -> None:
    demand_migrated()


@pytest.mark.servers
def test_a_server_without_tables_has_none_either(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO pg_temp")
    with pytest.raises(NotMigrated, match=r"run `manage\.py migrate`"):
        demand_migrated()


@contextmanager
def sequencing(tmp_path: Path, database: Path) -> Iterator[subprocess.Popen[str]]:
    """A sequencer at work on this SQLite file."""
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{database}"}
    command = [sys.executable, "manage.py", "sequencer", "--every", "0.1"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_setting_that_is_missing_is_said_in_a_line(tmp_path: Path) -> None:
    values = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}
    done = start(tmp_path, "manage.py", "keygen", **values)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "manage.py: Set the SECRET_KEY environment variable\n"


@pytest.mark.parametrize(
    ("query", "lacks"),
    [("SELECT 1 FROM nowhere", True), ("SELECT novel FROM ledger_entry", True), ("SELECT SELECT", False)],
)
def test_no_other_trouble_is_taken_for_it(db: None, query: str, lacks: bool) -> None:
    with pytest.raises(DatabaseError) as failed, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query)
    assert lacks_a_table(failed.value) == lacks
