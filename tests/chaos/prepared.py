"""A node whose processes begin at once: forked from one that has loaded libraries, and of ours what is pure.

Most of what a command takes, and of what a node takes to start, is to load them. What is forked sets up Django, and
loads all else of ours, by itself, in the environment that it is given; it has a session of its own, and dies as any
other process does.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from io import RawIOBase
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO, Any

from django.conf import settings

from tests.chaos.node import PATIENCE, Node, Process, wait_for

LIBRARIES = (
    *("django.core.management", "django.db.models", "django.forms", "django.http", "django.template", "django.urls"),
    *("django.db.backends.sqlite3.base", "django.db.backends.postgresql.base", "environ", "structlog"),
    *("celery.app.task", "celery.bin.celery", "kombu", "redis", "cbor2", "httpx", "lxml.etree", "rfc8785"),
    *("cryptography.x509", "cryptography.hazmat.primitives.asymmetric.ec"),
    *("cryptography.hazmat.primitives.asymmetric.ed25519", "cryptography.hazmat.primitives.serialization.pkcs12"),
    *("cryptography.fernet", "cryptography.hazmat.backends.openssl.backend", "rfc3161_client", "tomllib"),
    *("celery.backends.base", "celery.contrib.django.task", "celery.fixups.django", "csp.checks", "rest_framework"),
    *("django.contrib.admin", "django.contrib.auth.checks", "django.contrib.auth.hashers"),
    *("django.contrib.contenttypes.management", "django.contrib.staticfiles.finders", "django.core.mail"),
    *("django.db.migrations", "django.middleware.csrf", "django.views.debug", "django.views.generic"),
)
PURE = (  # of ours what knows neither settings nor environment: see tests/test_layers.py
    *("ledger.tlog", "ledger.tlog.proof", "partners.gs1.element_string", "partners.gs1.identifiers"),
    *("traceability.bundle", "traceability.epcis.jsonld", "traceability.epcis.xml", "traceability.epcis.xml_out"),
    *("traceability.lawful", "traceability.statements", "traceability.submission", "traceability.telling"),
)
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

    def begin(self, command: list[str], environment: dict[str, str]) -> "Begun":
        """Run a module."""
        tells, told = os.pipe()
        out, err = TemporaryFile(), TemporaryFile()  # noqa: SIM115 - closed at the end of whoever writes them
        asked = json.dumps([command, environment]).encode()
        socket.send_fds(self._asked, [asked], [out.fileno(), err.fileno(), told])
        os.close(told)
        return Begun(command, out, err, os.fdopen(tells, "rb", buffering=0))

    def start(self, command: list[str], environment: dict[str, str], held: int, said: int) -> int:
        """Run a module that may fork; the number of its process. Each of them says and holds the same."""
        tells, told = os.pipe()
        socket.send_fds(self._asked, [json.dumps([command, environment]).encode()], [said, said, told, held])
        os.close(told)
        with os.fdopen(tells, "rb", buffering=0) as telling:
            return int(telling.read(NUMBER))

    def stop(self) -> None:
        self._asked.close()  # nothing more is asked of it: it ends
        self._process.wait()


class Begun:
    """A command that runs, and may stand still."""

    def __init__(self, command: list[str], out: IO[bytes], err: IO[bytes], telling: RawIOBase) -> None:
        self._command, self._out, self._err, self._telling = command, out, err, telling
        self.pid = int(self._telling.read(NUMBER) or 0)
        self._end: subprocess.CompletedProcess[bytes] | None = None

    def waits_to_go_on(self) -> None:
        """Until it stands still."""
        wait_for(f"{self._command} to stand still", lambda: self._state() == "T")

    def _state(self) -> str:
        """As proc(5) has it."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            raise AssertionError(self.end()) from None

    @property
    def has_ended(self) -> bool:
        """As far as anybody has waited for it."""
        return self._end is not None

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, unless it has ended."""
        if self._end is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.end()

    def end(self) -> "subprocess.CompletedProcess[bytes]":
        """Wait for its end, whatever that is."""
        if self._end is None:
            with self._out as out, self._err as err, self._telling as telling:
                if not select([telling], [], [], PATIENCE)[0]:
                    os.kill(self.pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(self._command, PATIENCE)
                status = int(telling.read(NUMBER) or 0)
                out.seek(0)
                err.seek(0)
                self._end = subprocess.CompletedProcess(self._command, status, out.read(), err.read())
        return self._end


class Forked(Process):
    """A process of a node; another than ours is its parent, and buries it."""

    def __init__(self, prepared: Prepared, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._prepared = prepared
        super().__init__(command, environment, log)

    def _begin(self, command: list[str], environment: dict[str, str], held: int, said: int) -> int:
        return self._prepared.start(command, environment, held, said)

    def _end(self) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self.pid, signal.SIGKILL)


class PreparedNode(Node):
    def __init__(self, folder: Path, prepared: Prepared, **options: Any) -> None:
        super().__init__(folder, **options)
        self.prepared = prepared

    def _start(self, name: str, module: str, *arguments: str, **environment: str) -> Process:
        log = self.folder / f"{name}.log"
        process = Forked(self.prepared, [module, *arguments], self.environment | environment, log)
        self.processes.append(process)
        return process

    def begin(self, module: str, *arguments: str, **environment: str) -> Begun:
        return self.prepared.begin([module, *arguments], self.environment | environment)

    def run(self, module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
        return self.begin(module, *arguments, **environment).end()


def fork_on_demand(asked: socket.socket) -> None:
    """Fork a process for each command, and have another tell its number and its end, until nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has told all is gone
    while True:
        message, fds, *_ = socket.recv_fds(asked, LONGEST, 4)
        if not message:
            return
        if not os.fork():
            asked.close()
            out, err, telling, *held = fds
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            leads, begins = os.pipe()
            if (pid := os.fork()) == 0:
                os.setsid()
                for each in (telling, leads, begins):
                    os.close(each)
                command, environment = json.loads(message)
                become(command, environment, out, err)
                return
            for each in (begins, *held):
                os.close(each)
            os.read(leads, 1)  # until it leads a session of its own, by whose number it is ended
            tell(pid, telling)
        for each in fds:
            os.close(each)


def become(command: list[str], environment: dict[str, str], out: int, err: int) -> None:
    """Run this module, as `python -m` does."""
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
    for name in (*LIBRARIES, *PURE):
        import_module(name)
    assert not settings.configured
    assert not {"ledger.failpoint", "prometheus_client"} & set(sys.modules)  # which read variables as they are loaded
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        fork_on_demand(listening)
