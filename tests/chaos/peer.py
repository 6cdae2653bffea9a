"""A node on an SQLite file of its own, that another witnesses and that witnesses another."""

import os
import re
from pathlib import Path

import httpx

from tests.chaos.node import Process, free_port, listens, wait_for
from tests.chaos.prepared import Forked, Prepared

APPEND = """
import secrets
from django.db import transaction
from django.utils import timezone
from ledger import log
from ledger.models import Entry
with transaction.atomic():
    for _ in range(5):
        log.append(secrets.token_bytes(32), now=timezone.now())
    print(Entry.objects.count())
"""


class Peer:
    def __init__(self, folder: Path, name: str, prepared: Prepared) -> None:
        self.folder, self.port, self.prepared = folder / name, free_port(), prepared
        self.folder.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "VAR_DIR": str(self.folder),
            "LOG_ORIGIN": f"{name}.example/log",
            "SWEEP_EVERY_SECONDS": "0.2",
            "WITNESS_TIMEOUT_SECONDS": "3",  # a busy machine is not an outage: who fails is asked less and less often
        }
        self.processes: list[Process] = []
        self.http = httpx.Client(base_url=self.address, limits=httpx.Limits(max_keepalive_connections=0))
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

    def knows(self, other: "Peer") -> None:
        (self.folder / "witnesses.policy").write_text(other.policy)
        (self.folder / "witnessed.policy").write_text(f"log {other.log}\nquorum none\n")

    def serve(self, **environment: str) -> None:
        command = ["gunicorn", "traceability.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        environment, said = self.environment | environment, self.folder / f"gunicorn-{len(self.processes) + 1}.log"
        self.processes.append(Forked(self.prepared, [*command, "--threads", "4"], environment, said))
        wait_for(f"gunicorn, see {said}", lambda: listens(self.port))

    def manage(self, *command: str) -> str:
        done = self.prepared.begin(["manage", *command], self.environment).end()
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def grows(self) -> int:
        """Accept five entries; how many there are then. A node now and then says something of its own."""
        return int(self.manage("shell", "--verbosity", "0", "--command", APPEND))

    def checkpoint(self) -> str:
        return self.http.get("/log/checkpoint").text

    def size(self) -> int:
        return int(self.checkpoint().split("\n")[1])

    def waits_for_cosignatures(self, size: int) -> bool:
        """Whether its processes have said so of so many entries, since the last started."""
        said = re.findall(r"checkpoint (\d+) waits for cosignatures", self.said.read_text())
        return any(int(each) >= size for each in said)

    @property
    def said(self) -> Path:
        return self.folder / f"gunicorn-{len(self.processes)}.log"

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
