"""Redis is a doorbell: with it the log is integrated at once; without it captures go on, and a sweep finds the work."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Consumer, Exchange, Message, Queue

from ledger.models import Entry
from tests.chaos.node import Node, wait_for
from tests.chaos.partner import Answer, Partners
from tests.chaos.prepared import Prepared, PreparedNode
from tests.chaos.redis_server import PROGRAM, RedisServer
from tests.signing import Signed, sign_over
from tests.world import World, document, unit
from traceability.celery import app

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no redis-server here")
CLIENTS, EACH = 4, 2  # that hand in at the same time, and how much each does while one thing happens
HAPPENS = ("empty", "stop", "go_on", "empty", "kill", "start", "empty")
PATIENCE = 15.0  # seconds until the log is integrated once Redis is back, for which Celery looks every few
SLOWEST = 3.0  # seconds that a capture may take, whatever becomes of Redis; left to itself, Celery tries for six


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def node(world: World, redis_server: RedisServer, tmp_path: Path, prepared: Prepared) -> Iterator[Node]:
    found = PreparedNode(tmp_path, prepared, redis_url=redis_server.url, workers=1)
    yield found
    found.stop()


def commissioned(world: World, serial: str) -> Signed:
    return sign_over(world.maker, document(world.maker.commissioning(unit(serial))), {})


def nothing_waits() -> bool:
    return not Entry.objects.filter(index=None).exists()


def test_a_worker_integrates_what_captures_append(world: World, node: Node, partners: Partners) -> None:
    node.work()
    for nth in range(5):
        signed = commissioned(world, f"W{nth}")
        assert partners.hands_in(world.maker, signed).status == 201
    wait_for("the receipt", lambda: partners.receipt(world.maker, signed).status == 200)
    assert nothing_waits()


@pytest.mark.parametrize(("pool", "away"), [("solo", 0.3), ("solo", 5.0), ("prefork", 0.3)])  # seconds
def test_captures_go_on_while_redis_is_emptied_stands_still_is_killed_and_comes_back(
    world: World, node: Node, partners: Partners, redis_server: RedisServer, pool: str, away: float
) -> None:
    node.work(pool)
    assert partners.hands_in(world.maker, commissioned(world, "FIRST")).status == 201  # which loads the code
    wait_for("the worker", nothing_waits)

    answers: list[Answer] = []
    with ThreadPoolExecutor(CLIENTS) as clients:
        for nth, what in enumerate(HAPPENS):
            signed = [commissioned(world, f"R{nth}N{each}") for each in range(CLIENTS * EACH)]
            handing_in = clients.map(lambda each: partners.hands_in(world.maker, each), signed)
            getattr(redis_server, what)()
            answers += handing_in
            time.sleep(away if what == "kill" else 0)
    assert {answer.status for answer in answers} == {201}
    assert max(answer.seconds for answer in answers) < SLOWEST
    wait_for("the log", nothing_waits, patience=PATIENCE)


def test_a_connection_whose_redis_is_gone_closes(redis_server: RedisServer) -> None:
    """As a worker closes its own: a message is not acknowledged yet, another is asked for, and events are heard."""
    connection = app.connection_for_read(redis_server.url)
    taken: list[Message] = []
    Consumer(connection.default_channel, [Queue("tasks")], on_message=taken.append).consume()
    events = Queue("events", Exchange("events", "fanout"), auto_delete=True)
    Consumer(connection.channel(), [events]).consume()
    connection.Producer().publish("a task", routing_key="tasks")
    with suppress(TimeoutError):
        while True:
            connection.drain_events(timeout=0.5)
    redis_server.kill()
    connection.collect()
    connection.close()
    with pytest.raises(connection.connection_errors):  # of which a worker takes no harm
        taken[0].ack()
