"""A fresh checkout runs with nothing set; a node that others reach does not start half configured."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from traceability.broker import SentinelTransport, Transport
from traceability.celery import app

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "production-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789",
    "ALLOWED_HOSTS": "pharma.example",
    "LOG_ORIGIN": "pharma.example/log",
    "OPERATOR_GLN": "0614141000012",
}


def start(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A node started with just this in its environment."""
    clean = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path / "var"), **environment}
    command = command or ("-c", "from traceability import settings; print(settings.LOG_ORIGIN)")
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=clean, capture_output=True, text=True, check=False)


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    assert start(tmp_path).stdout == "localhost/log\n"


def test_production_starts_with_all_of_its_values(tmp_path: Path) -> None:
    assert start(tmp_path, **PRODUCTION).stdout == "pharma.example/log\n"


def test_a_time_zone_that_does_not_exist_stops_the_start(tmp_path: Path) -> None:
    node = start(tmp_path, EXPIRY_TIME_ZONE="Pacific/Atlantis")
    assert node.returncode != 0
    assert "Pacific/Atlantis" in node.stderr


@pytest.mark.parametrize("missing", sorted(PRODUCTION.keys() - {"DEBUG"}))
def test_production_does_not_start_without(missing: str, tmp_path: Path) -> None:
    node = start(tmp_path, **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert node.returncode != 0
    assert f"ImproperlyConfigured: Set the {missing} environment variable" in node.stderr


@pytest.mark.parametrize("name", sorted(PRODUCTION.keys() - {"DEBUG"}))
def test_production_does_not_start_with_an_empty(name: str, tmp_path: Path) -> None:
    """As a compose file gives it where a variable is not set."""
    node = start(tmp_path, **{**PRODUCTION, name: " "})
    assert node.returncode != 0
    assert f"ImproperlyConfigured: Set the {name} environment variable: it is empty" in node.stderr


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    node = start(tmp_path, **PRODUCTION, METRICS_TOKEN="short")
    assert node.returncode != 0
    assert "METRICS_TOKEN" in node.stderr


def test_gunicorn_forks_nothing_without_them(tmp_path: Path) -> None:
    command = ("-m", "gunicorn", "traceability.wsgi", "--bind", "127.0.0.1:0")
    node = start(tmp_path, *command, **{**PRODUCTION, "LOG_ORIGIN": ""})
    assert node.returncode != 0
    assert "LOG_ORIGIN" in node.stderr
    assert "Booting worker" not in node.stderr


def test_the_demo_is_refused_where_debug_is_off(tmp_path: Path) -> None:
    node = start(tmp_path, **PRODUCTION, DEMO="1")
    assert node.returncode != 0
    assert "DEMO" in node.stderr


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "origin").write_text("filed.example/log\n")
    assert start(tmp_path, LOG_ORIGIN_FILE=str(tmp_path / "origin")).stdout == "filed.example/log\n"


def test_django_finds_nothing_to_warn_of_in_production(tmp_path: Path) -> None:
    node = start(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (node.returncode, node.stderr) == (0, "")


@pytest.mark.django_db
def test_answered_means_written_to_disk() -> None:
    """As a node connects: of PostgreSQL not in the tests' own database, which waits for no disk (tests/conftest.py)."""
    with connection.cursor() if connection.vendor == "sqlite" else connection._nodb_cursor() as cursor:
        asked = (
            ("PRAGMA journal_mode", "PRAGMA synchronous")
            if connection.vendor == "sqlite"
            else ("SHOW fsync", "SHOW synchronous_commit")
        )
        answers = [str(cursor.execute(question).fetchone()[0]) for question in asked]
    assert answers in (["wal", "2"], ["on", "on"])


@pytest.mark.django_db
def test_sqlite_takes_the_lock_before_it_reads() -> None:
    if connection.vendor == "sqlite":
        options = settings.DATABASES["default"]["OPTIONS"]
        assert (options["transaction_mode"], options["timeout"]) == ("IMMEDIATE", 20)


def test_a_page_may_load_nothing_from_elsewhere(client: Any) -> None:
    policy = client.get("/api/docs/", secure=True).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


RING = """
import time, django
django.setup()
from ledger.tasks import ring
ring()
began = time.monotonic()
ring()
print(time.monotonic() - began)
"""


@pytest.mark.parametrize("broker", ["silent", "closed"])
def test_a_broker_that_is_away_holds_nobody_up(broker: str, tmp_path: Path) -> None:
    """The second ring of a process counts: the first pays for imports."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if broker == "closed":
            server.close()
        url = f"redis://127.0.0.1:{port}/0"
        node = start(tmp_path, "-c", RING, REDIS_URL=url, DJANGO_SETTINGS_MODULE="traceability.settings")
    assert float(node.stdout) < 1, node.stderr


@pytest.mark.parametrize(
    ("scheme", "tls", "transport"),
    [("redis", False, Transport), ("rediss", True, Transport), ("sentinel", False, SentinelTransport)],
)
def test_a_worker_speaks_to_its_broker_by_our_transport(scheme: str, tls: bool, transport: type) -> None:
    found = app.connection_for_read(f"{scheme}://broker.example")
    assert bool(found.ssl) is tls
    assert isinstance(found.transport, transport)
