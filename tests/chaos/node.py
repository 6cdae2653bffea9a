"""A node as it runs: processes over the test's own database, there to be killed.

    node.serve()     gunicorn: processes of many threads, at `node.address`
    node.work()      a Celery worker, which sweeps as well
    node.sequence()  what integrates the log where there is no Celery, beside what gunicorn's processes do
    node.sign(...)   the process with the log's key
    node.run(...)    any Python of ours, to its end

Every process leads a session of its own and is ended by its number, with whatever it forked.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

PATIENCE = 90.0  # seconds that anything may take to be there: a busy machine is not an outage


class NotInTime(Exception):
    """What was waited for did not come."""


def wait_for(what: str, there: Callable[[], object], patience: float = PATIENCE) -> float:
    """Wait until it is there; how long that took, in seconds."""
    began = time.monotonic()
    while not there():
        if time.monotonic() - began > patience:
            raise NotInTime(f"{what}: not within {patience} seconds")
        time.sleep(0.02)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:  # which now and then is given this very port, and finds itself
        return probe.connect_ex(("127.0.0.1", port)) == 0 and probe.getsockname() != probe.getpeername()


def database_url() -> str:
    """The test's database, as another process names it."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


class Process:
    """A process of ours, and what it says."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        self._ends, held = os.pipe()  # held by the process and its children: at its end once the last of them is gone
        with log.open("ab") as said:
            self.pid = self._begin(command, environment, held, said.fileno())
        os.close(held)
        self._is_gone = False

    def _begin(self, command: list[str], environment: dict[str, str], held: int, said: int) -> int:
        self._popen = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, stdout=said, stderr=said, pass_fds=(held,),
            start_new_session=True,  # a session of its own: to end it with its children, and nothing else
        )  # fmt: skip
        return self._popen.pid

    @property
    def children(self) -> list[int]:
        """The numbers of the processes that it has forked."""
        return [int(number) for number in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def kill(self) -> None:
        """kill -9, children included. When this returns nobody listens any more."""
        if not self._is_gone:
            self._is_gone = True
            self._end()
            os.read(self._ends, 1)
            os.close(self._ends)

    def _end(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


class Node:
    def __init__(self, folder: Path, *, redis_url: str = "", workers: int = 2) -> None:
        self.folder = folder
        self.redis_url = redis_url
        self.workers = workers  # processes that answer HTTP
        self.port = free_port()
        self.processes: list[Process] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.redis_url,
            "VAR_DIR": str(self.folder),
            "KEYS_DIR": str(settings.KEYS_DIR),
            "AUTHORITIES": str(settings.AUTHORITIES),
            "WITNESSES": str(settings.WITNESSES),
            "SWEEP_EVERY_SECONDS": "1",
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
        }

    def serve(self) -> Process:
        """Answer HTTP."""
        size = ["--workers", str(self.workers), "--threads", "12", "--backlog", "512"]
        process = self._start("gunicorn", "gunicorn", "traceability.wsgi", "--bind", f"127.0.0.1:{self.port}", *size)
        wait_for(f"gunicorn, see {process.log}", lambda: listens(self.port))
        return process

    def work(self, pool: str = "solo") -> Process:
        """Do what Celery's queue and clock say."""
        schedule = str(self.folder / "beat")
        options = ["--beat", "--schedule", schedule, "--pool", pool, "--concurrency", "2", "--loglevel", "warning"]
        return self._start("celery", "celery", "--app", "traceability", "worker", *options)

    def sequence(self) -> Process:
        """Integrate the log, and hardly rest."""
        return self._start("sequencer", "manage", "sequencer", "--every", "0.05")

    def run(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run a module of ours and wait for its end, whatever that is."""
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command,
            cwd=settings.BASE_DIR,
            env=self.environment | environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    def sign(self, path: Path, **environment: str) -> Process:
        """Hold the log's key, and sign for whoever opens this socket."""
        return self._start("signer", "manage", "signer", str(path), **environment)

    def _start(self, name: str, module: str, *arguments: str, **environment: str) -> Process:
        command = [sys.executable, "-m", module, *arguments]
        process = Process(command, self.environment | environment, self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
