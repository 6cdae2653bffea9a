"""Jobs are done by processes that are killed: each is done all the same, once, and its result is whole.

On SQLite without a broker, by threads of what serves; with PostgreSQL and Redis, by Celery's workers.
"""

import json
import signal
import uuid
from collections.abc import Iterator
from os import kill
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from partners.gs1.identifiers import check_digit
from partners.models import Product
from tests.chaos.node import Node, wait_for
from tests.chaos.prepared import Prepared, PreparedNode
from tests.chaos.redis_server import PROGRAM, RedisServer
from tests.traceability.test_serials import gets, opens
from tests.world import GTIN, World
from traceability import jobs, serials
from traceability.jobs import State, Wanted
from traceability.models import Job, SerialBlock

COUNT = 1_000_000  # serial numbers: some seconds, in sixteen pieces
LEASE = 3.0  # seconds


@pytest.fixture
def node(world: World, tmp_path: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setenv("JOB_LEASE_SECONDS", str(LEASE))
    server = None
    if connection.vendor == "postgresql":
        if PROGRAM is None:
            pytest.skip("no redis-server here")
        server = RedisServer(tmp_path)
        server.start()
    found = PreparedNode(tmp_path, prepared, redis_url=server.url if server else "", workers=1)
    yield found
    found.stop()
    if server:
        server.kill()


@pytest.fixture
def block(world: World) -> SerialBlock:
    return gets(world, opens(world), COUNT)


def asks(world: World, block: SerialBlock, request: str = "R1") -> Job:
    return jobs.ask(world.maker.partner, Wanted("serial-numbers", request, {"block": str(block.block)}))[0]


def begins(node: Node) -> Any:
    return node.work() if node.redis_url else node.serve()


def state(job: Job) -> str:
    job.refresh_from_db()
    return str(job.state)


def is_in_the_midst(job: Job) -> bool:
    job.refresh_from_db()
    assert job.state != State.DONE, "it was faster than this test"
    return 0 < job.done < COUNT


def demand_whole(world: World, job: Job, block: SerialBlock) -> None:
    found, pieces = jobs.result_of(world.maker.partner, job.job)
    content = b"".join(pieces).decode()
    assert len(content) == found.size
    head, *lines = content.split("\r\n")
    assert head == "gtin,serial"
    assert lines == [*(f"{GTIN},{each}" for each in serials.numbers(block, now=world.now)), ""]


def test_what_a_killed_worker_was_at_another_does_to_its_end(world: World, node: Node, block: SerialBlock) -> None:
    job = asks(world, block)
    for _ in range(2):
        worker = begins(node)
        was = job.done
        wait_for(f"a piece, see {worker.log}", lambda was=was: is_in_the_midst(job) and job.done > was)  # type: ignore[misc]
        worker.kill()
        assert state(job) == State.RUNNING
    begins(node)
    wait_for("the rest", lambda: state(job) == State.DONE)
    assert job.attempts == 3
    demand_whole(world, job, block)


def test_one_that_stood_still_finds_that_another_has_gone_on(world: World, node: Node, block: SerialBlock) -> None:
    job = asks(world, block)
    first = begins(node)
    wait_for(f"a piece, see {first.log}", lambda: is_in_the_midst(job))
    stopped = [first.pid, *first.children]
    for pid in stopped:
        kill(pid, signal.SIGSTOP)
    node.port += 0 if node.redis_url else 1
    begins(node)
    wait_for("the rest, by another", lambda: state(job) == State.DONE)
    for pid in stopped:
        kill(pid, signal.SIGCONT)
    later = asks(world, block, str(uuid.uuid4()))
    wait_for("the next", lambda: state(later) == State.DONE)
    assert (state(job), job.attempts) == (State.DONE, 2)
    for each in (job, later):
        demand_whole(world, each, block)


LINES = 30_000


def test_what_was_shown_is_applied_whole_and_once_whoever_is_killed_at_it(world: World, node: Node) -> None:
    payloads = (f"{level}0614141{number:05}" for level in range(1, 9) for number in range(LINES // 8))
    table = "gtin,name\n" + "".join(f"{each}{check_digit(each)},Examplin\n" for each in payloads)
    shown, _ = jobs.ask(world.maker.partner, Wanted("products", "P1", {}, table.encode(), "text/csv"))
    wanted = Wanted("apply", "A1", {"job": str(shown.job)})
    for ask in (lambda: shown, lambda: jobs.ask(world.maker.partner, wanted)[0]):
        job = ask()
        worker = begins(node)
        wait_for(f"the midst, see {worker.log}", lambda job=job: state(job) != State.WAITING and job.done > 0)  # type: ignore[misc]
        worker.kill()
        assert Product.objects.count() == (LINES if job is not shown and state(job) == State.DONE else 0)
        worker = begins(node)
        wait_for(f"its end, see {worker.log}", lambda job=job: state(job) == State.DONE)  # type: ignore[misc]
        worker.kill()
    assert Product.objects.count() == LINES
    told = json.loads(b"".join(jobs.result_of(world.maker.partner, job.job)[1]))
    assert (told["applied"], told["counts"]["added"]) == (True, LINES)
