"""What every test stands on: a database in a file, and no network beyond this machine."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import disk_usage, which
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import settings as hypothesis_settings

from ledger import keys

hypothesis_settings.register_profile("unhurried", deadline=None)  # on a busy machine an example may take its time
hypothesis_settings.load_profile("unhurried")

#: By marker, why its tests cannot run here; "" if they can.
MISSING = {
    "servers": "" if settings.REDIS_URL and connection.vendor == "postgresql" else "DATABASE_URL and REDIS_URL not set",
    "browser": "" if which("chromium") else "no chromium here",
}
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30  # bytes
LOOPBACK = ("127.", "::1", "localhost")


def stay_on_this_machine(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: nothing a test does may depend on a network, or reach one."""
    if event == "socket.connect" and isinstance(args[1], tuple) and not str(args[1][0]).startswith(LOOPBACK):
        raise PermissionError(f"tests stay on this machine: refused to connect to {args[1]}")


sys.addaudithook(stay_on_this_machine)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a test needs and this machine has not is said in the summary, test by test."""
    for item in items:
        for mark, missing in MISSING.items():
            if missing and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def folder_of_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is room: nothing here takes the power from the machine, and without a disk to wait for the
    same writes, made durable by the same calls, take a hundredth of the time."""
    if MEMORY.is_dir() and disk_usage(MEMORY).free > ROOM:
        with TemporaryDirectory(prefix="unitproof-", dir=MEMORY) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("database")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, folder_of_database: Path) -> None:
    """SQLite in a file: threads of a test see one database, and two test runs never the same one."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(folder_of_database / "unitproof.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """PostgreSQL waits for no disk in the test's database, whoever writes: its server is not among what is killed here.
    The one that is, in tests/chaos/test_postgresql.py, is another."""
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
            connection.close()  # it holds for who connects from now on
            if connection.settings_dict["OPTIONS"].get("pool"):
                connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def small_tables_are_emptied_row_by_row() -> Iterator[None]:
    """After a test with transactions of its own. TRUNCATE makes the files of each table and index anew and waits for
    the disk, most of a second for a few hundred rows. It also waits for whoever still writes: so does this."""

    def sql_flush(_self: Any, _style: Any, tables: Sequence[str], **_options: bool) -> list[str]:
        names = [connection.ops.quote_name(table) for table in tables]
        lock = f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE"
        return ["; ".join([lock, *(f"DELETE FROM {name}" for name in names)])] if names else []

    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(type(connection.ops), "sql_flush", sql_flush)
        yield


@pytest.fixture(autouse=True)
def own_keys_and_authorities(settings: Any, tmp_path: Path) -> None:
    """No test reads or writes the keys of the node that a developer runs beside it."""
    settings.KEYS_DIR = tmp_path / "keys"
    settings.AUTHORITIES = tmp_path / "authorities.json"
    settings.GOVERNORS = tmp_path / "governors.json"
    settings.WITNESSES = tmp_path / "witnesses.policy"
    settings.WITNESSED_LOGS = tmp_path / "witnessed.policy"
    settings.ANCHORS = tmp_path / "anchors.toml"
    settings.VRS_CREDENTIALS = tmp_path / "vrs.json"
    settings.WITNESS_TIMEOUT_SECONDS = settings.ANCHOR_TIMEOUT_SECONDS = 10.0  # a busy machine is not an outage
    settings.LOG_HELD_SECONDS = 600.0  # a test may be one transaction, and take its time between two statements


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One for all tests of a process: Playwright runs once in each."""
    from tests.browser.pages import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def node_keys(settings: Any, own_keys_and_authorities: None) -> None:
    """A node that can promise and sign."""
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)


@pytest.fixture
def world(db: None, own_keys_and_authorities: None) -> Any:
    """A small world to act in; see `tests/world.py`."""
    from tests.world import World

    return World()
