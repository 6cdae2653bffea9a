"""Requests are counted by each of gunicorn's processes, and told by whichever is asked."""

import re
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool

import httpx
import pytest

from tests.chaos.node import PATIENCE, Node, wait_for

AT_ONCE = 8
LIVE = re.compile(r'^unitproof_http_requests_total{method="GET",status="200",view="live"} (\S+)$', re.MULTILINE)


@pytest.fixture
def http(node: Node) -> Iterator[httpx.Client]:
    """Each request on a connection of its own, so that any process may answer; the first waits for it to load."""
    apart = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=node.address, timeout=PATIENCE, limits=apart) as client:
        yield client


def counted(http: httpx.Client) -> float:
    (found,) = LIVE.findall(http.get("/metrics").text)
    return float(found)


def test_whichever_process_is_asked_tells_what_all_have_counted(node: Node, http: httpx.Client) -> None:
    """However the kernel shares the requests out: one process may get many of them before another gets its first."""
    node.serve()
    statuses: list[int] = []
    with ThreadPool(AT_ONCE) as asking:

        def all_have_answered() -> bool:
            statuses.extend(asking.map(lambda _: http.get("/live").status_code, range(AT_ONCE)))
            return len(list((node.folder / "metrics").glob("counter_*.db"))) == node.workers

        wait_for("each process to have answered", all_have_answered)
    assert set(statuses) == {200}
    assert {counted(http) for _ in range(12)} == {len(statuses)}


def test_counts_begin_anew_with_a_start(node: Node, http: httpx.Client) -> None:
    node.serve().kill()
    node.serve()
    assert http.get("/live").status_code == 200
    assert counted(http) == 1
