"""A node whose commands begin at once: each is forked from a process that has loaded libraries, and nothing of ours.

Most of what a command takes is to load them. What is forked sets up Django, and loads all of ours, by itself, in the
environment that it is given; it has a session of its own, and dies as any other process does.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from select import select
from tempfile import TemporaryFile

from django.conf import settings

from tests.chaos.node import PATIENCE, Node

LIBRARIES = (
    *("django.core.management", "django.db.models", "django.forms", "django.http", "django.template", "django.urls"),
    *("django.db.backends.sqlite3.base", "django.db.backends.postgresql.base", "environ", "structlog"),
    *("celery.app.task", "celery.bin.celery", "kombu", "redis", "cbor2", "httpx", "lxml.etree", "rfc8785"),
    *("cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ec"),
    *("cryptography.hazmat.primitives.asymmetric.ed25519", "cryptography.hazmat.primitives.serialization.pkcs12"),
)
OURS = ("ledger", "partners", "traceability")
LONGEST = 200_000  # bytes of a command with its environment
NUMBER = 12  # bytes in which a number is told


class Prepared:
    """The process that has loaded libraries, as its parent sees it."""

    def __init__(self) -> None:
        self._asked, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.chaos.prepared", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, pass_fds=(theirs.fileno(),), start_new_session=True
        )
        theirs.close()

    def run(self, command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
        """Run a module, and wait for its end, whatever that is."""
        tells, told = os.pipe()
        with TemporaryFile() as out, TemporaryFile() as err, os.fdopen(tells, "rb", buffering=0) as telling:
            asked = json.dumps([command, environment]).encode()
            socket.send_fds(self._asked, [asked], [out.fileno(), err.fileno(), told])
            os.close(told)
            pid = int(telling.read(NUMBER))
            if not select([telling], [], [], PATIENCE)[0]:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, PATIENCE)
            status = int(telling.read(NUMBER))
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, status, out.read(), err.read())

    def stop(self) -> None:
        self._asked.close()  # nothing more is asked of it: it ends
        self._process.wait()


class PreparedNode(Node):
    def __init__(self, folder: Path, prepared: Prepared) -> None:
        super().__init__(folder)
        self.prepared = prepared

    def run(self, module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
        return self.prepared.run([module, *arguments], self.environment | environment)


def fork_on_demand(asked: socket.socket) -> None:
    """Fork a process for each command, and have another tell its number and its end, until nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has told all is gone
    while True:
        message, fds, *_ = socket.recv_fds(asked, LONGEST, 3)
        if not message:
            return
        if not os.fork():
            asked.close()
            out, err, telling = fds
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if (pid := os.fork()) == 0:
                os.close(telling)
                command, environment = json.loads(message)
                become(command, environment, out, err)
                return
            tell(pid, telling)
        for each in fds:
            os.close(each)


def become(command: list[str], environment: dict[str, str], out: int, err: int) -> None:
    """Run this module, as `python -m` does."""
    os.setsid()
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def tell(pid: int, telling: int) -> None:
    os.write(telling, f"{pid:{NUMBER}}".encode())
    _, status = os.waitpid(pid, 0)
    os.write(telling, f"{os.waitstatus_to_exitcode(status):{NUMBER}}".encode())
    os._exit(0)


if __name__ == "__main__":
    for name in LIBRARIES:
        import_module(name)
    early = [name for name in sys.modules if name.startswith(tuple(f"{each}." for each in OURS))]
    assert not early, early
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        fork_on_demand(listening)
