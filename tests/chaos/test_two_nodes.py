"""Two nodes that witness each other: each publishes only what the other has cosigned."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from ledger.tlog.policy import Policy
from tests.chaos.node import Process, free_port, listens, wait_for

APPEND = """
import secrets
from django.db import transaction
from django.utils import timezone
from ledger import log
with transaction.atomic():
    for _ in range(5):
        log.append(secrets.token_bytes(32), now=timezone.now())
"""


class Peer:
    """A node on an SQLite file of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.port = folder / name, free_port()
        self.folder.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "VAR_DIR": str(self.folder),
            "LOG_ORIGIN": f"{name}.example/log",
            "SWEEP_EVERY_SECONDS": "0.2",
        }
        self.processes: list[Process] = []
        printed = self.run("manage.py", "keygen")
        self.log, self.witness = (line.split()[1] for line in printed.splitlines()[:2])
        self.run("manage.py", "migrate", "--verbosity", "0")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def policy(self) -> str:
        """What the other one writes into its file of witnesses."""
        return f"witness W {self.witness} {self.address}/witness\nquorum W\n"

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=settings.BASE_DIR, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def knows(self, other: "Peer") -> None:
        (self.folder / "witnesses.policy").write_text(other.policy)
        (self.folder / "witnessed.policy").write_text(f"log {other.log}\nquorum none\n")

    def serve(self, **environment: str) -> None:
        command = [sys.executable, "-m", "gunicorn", "traceability.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        environment = self.environment | environment
        self.processes.append(Process([*command, "--threads", "4"], environment, self.folder / "gunicorn.log"))
        wait_for(f"gunicorn, see {self.folder}", lambda: listens(self.port))

    def grows(self) -> None:
        self.run("manage.py", "shell", "--verbosity", "0", "--command", APPEND)

    def checkpoint(self) -> str:
        return httpx.get(f"{self.address}/log/checkpoint").text

    def size(self) -> int:
        return int(self.checkpoint().split("\n")[1])

    def stop(self) -> None:
        for process in self.processes:
            process.kill()


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[tuple[Peer, Peer]]:
    one, other = Peer(tmp_path, "north"), Peer(tmp_path, "south")
    one.knows(other)
    other.knows(one)
    try:
        one.serve()
        other.serve()
        yield one, other
    finally:
        one.stop()
        other.stop()


def test_two_nodes_witness_each_other_and_neither_publishes_alone(peers: tuple[Peer, Peer]) -> None:
    north, south = peers
    north.grows()
    south.grows()
    for node, witness in ((north, south), (south, north)):
        wait_for(f"a cosigned checkpoint of {node.folder}", lambda node=node: node.size() == 5)  # type: ignore[misc]
        policy = Policy.parse(f"log {node.log}\n{witness.policy}")
        assert policy.check(node.checkpoint()).witnesses.keys() == {"W"}
    south.stop()
    north.grows()
    wait_for("a sweep", lambda: "waits for cosignatures" in (north.folder / "gunicorn.log").read_text())
    assert north.size() == 5  # accepted and integrated; not published before its witness is back
    south.serve()
    wait_for("the witness's word", lambda: north.size() == 10)


@pytest.mark.parametrize("fault", ["", ":error", ":stop"], ids=["kill", "error", "stall"])
def test_i4_a_witness_that_fails_once_it_has_remembered_cosigns_the_same_when_asked_again(
    peers: tuple[Peer, Peer], fault: str
) -> None:
    north, south = peers
    south.stop()
    south.serve(UNITPROOF_FAILPOINT=f"witness.remembered{fault}")
    north.grows()
    wait_for("a sweep", lambda: "waits for cosignatures" in (north.folder / "gunicorn.log").read_text())
    assert north.size() == 0
    south.stop()
    south.serve()
    for size in (5, 10):
        wait_for("the witness's word", lambda size=size: north.size() == size)  # type: ignore[misc]
        Policy.parse(f"log {north.log}\n{south.policy}").check(north.checkpoint())
        north.grows()
