"""PostgreSQL restarts under a node at work: partners are asked to try again, and nothing acknowledged is lost."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Bell
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.db import connection

from ledger.models import Entry
from tests.chaos import postgresql_server
from tests.chaos.journal import Journal
from tests.chaos.node import PATIENCE, Node, wait_for
from tests.chaos.partner import Partners
from tests.chaos.postgresql_server import PostgresqlServer
from tests.chaos.redis_server import PROGRAM, RedisServer
from tests.chaos.warm import WarmNode
from tests.world import World

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(bool(postgresql_server.missing()), reason=postgresql_server.missing()),
    pytest.mark.skipif(PROGRAM is None, reason="no redis-server here"),
]
RESTARTS = ("fast", "immediate", "fast")
READ = ("/log/checkpoint", "/log/tile/0/000.p/1", "/log/", "/ready", "/metrics")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[PostgresqlServer]:
    """Migrated, and this process's database as long as the test lasts."""
    server, before = PostgresqlServer(), dict(connection.settings_dict)
    try:
        server.make()
        server.start()
        with django_db_blocker.unblock():
            forget_connections()
            monkeypatch.setenv("DATABASE_URL", server.url)
            connection.settings_dict.update(NAME="postgres", USER="postgres", HOST="127.0.0.1", PORT=server.port)
            call_command("migrate", verbosity=0)
            yield server
            forget_connections()
    finally:
        connection.settings_dict.update(before)
        server.remove()


def forget_connections() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def world(cluster: PostgresqlServer, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def node(world: World, tmp_path: Path) -> Iterator[Node]:
    redis = RedisServer(tmp_path)
    redis.start()
    found = WarmNode(tmp_path, redis_url=redis.url)
    yield found
    found.stop()
    redis.kill()


def test_i2_i4_nothing_acknowledged_is_lost_when_postgresql_restarts_under_load(
    world: World, node: Node, partners: Partners, cluster: PostgresqlServer
) -> None:
    """Partners hand in, others read; whoever meets a restart is asked to try again, and nobody is told of a failure."""
    node.work()
    wait_for("the worker", lambda: not Entry.objects.filter(index=None).exists())
    journal, over = Journal(world, partners), Bell()
    with ThreadPoolExecutor(1) as threads, journal.under_load():
        reading = threads.submit(keep_reading, node.address, over)
        try:
            for mode in RESTARTS:
                journal.waits_for_more(10)
                journal.looks()
                cluster.restart(mode)
                forget_connections()  # this process's, which ended with the server
            journal.waits_for_more(10)
            journal.looks()
        finally:
            over.set()
    assert set(journal.not_answered) <= {(503, "busy")}  # nothing of the node was killed, and nothing failed
    assert {status for _, status in reading.result()} <= {200, 503}, reading.result()
    wait_for("the log", lambda: not Entry.objects.filter(index=None).exists())
    node.stop()
    journal.demand_nothing_lost()


def keep_reading(address: str, over: Bell) -> Counter[tuple[str, int]]:
    """What is answered to whoever only looks, and how often, until it is over."""
    answers = Counter[tuple[str, int]]()
    with httpx.Client(base_url=address, timeout=2 * PATIENCE, trust_env=False) as http:
        while not over.is_set():
            for path in READ:
                answers[path, http.get(path).status_code] += 1
    return answers
