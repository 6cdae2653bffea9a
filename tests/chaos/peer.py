"""A node on an SQLite file of its own, that another witnesses and that witnesses another."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
from django.conf import settings

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
    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.port = folder / name, free_port()
        self.folder.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "VAR_DIR": str(self.folder),
            "LOG_ORIGIN": f"{name}.example/log",
            "SWEEP_EVERY_SECONDS": "0.2",
            "WITNESS_TIMEOUT_SECONDS": "3",  # a busy machine is not an outage: who fails is asked less and less often
        }
        self.processes: list[Process] = []
        printed = self.manage("keygen")
        self.log, self.witness = (line.split()[1] for line in printed.splitlines()[:2])
        self.manage("migrate", "--verbosity", "0")

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
        environment, said = self.environment | environment, self.folder / f"gunicorn-{len(self.processes) + 1}.log"
        self.processes.append(Process([*command, "--threads", "4"], environment, said))
        wait_for(f"gunicorn, see {said}", lambda: listens(self.port))

    def manage(self, *command: str) -> str:
        return self.run("manage.py", *command)

    def grows(self) -> None:
        self.manage("shell", "--verbosity", "0", "--command", APPEND)

    def checkpoint(self) -> str:
        return httpx.get(f"{self.address}/log/checkpoint").text

    def size(self) -> int:
        return int(self.checkpoint().split("\n")[1])

    def says(self, words: str) -> bool:
        """Whether its processes have, since the last started."""
        return words in self.said.read_text()

    @property
    def said(self) -> Path:
        return self.folder / f"gunicorn-{len(self.processes)}.log"

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
