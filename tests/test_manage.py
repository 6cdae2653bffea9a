"""`manage.py`, where every command would fail alike: one line that says what to do."""

from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from manage import lacks_a_table
from tests.test_settings import PRODUCTION, start

GLN, NOBODY = "9521050000013", "00000000-0000-0000-0000-000000000000"
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
