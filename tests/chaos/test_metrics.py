"""Requests are counted by each of gunicorn's processes, and told by whichever is asked."""

import re

import httpx

from tests.chaos.node import PATIENCE, Node

ASKED = 60
LIVE = re.compile(r'^unitproof_http_requests_total{method="GET",status="200",view="live"} (\S+)$', re.MULTILINE)


def get(node: Node, path: str) -> httpx.Response:
    """On a connection of its own, so that any process may answer; the first answer waits for it to load."""
    return httpx.get(f"{node.address}{path}", timeout=PATIENCE)


def counted(node: Node) -> float:
    (found,) = LIVE.findall(get(node, "/metrics").text)
    return float(found)


def test_whichever_process_is_asked_tells_what_all_have_counted(node: Node) -> None:
    node.serve()
    for _ in range(ASKED):
        assert get(node, "/live").status_code == 200
    processes = {path.name for path in (node.folder / "metrics").glob("counter_*.db")}
    assert len(processes) == node.workers
    assert {counted(node) for _ in range(12)} == {ASKED}


def test_counts_begin_anew_with_a_start(node: Node) -> None:
    node.serve().kill()
    node.serve()
    assert get(node, "/live").status_code == 200
    assert counted(node) == 1
