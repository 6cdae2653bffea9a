"""A node whose processes begin at once: each is forked from one that has loaded the code already.

Where a test kills thirty of them, loading is all that it would wait for. What is forked is a process like any other,
with a session, connections and threads of its own: the one that it comes from has none of these to hand down.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import django
from django.conf import settings

from tests.chaos.node import Node, Process

LOADED = ("traceability.urls", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "celery.bin.celery")
LONGEST = 10_000  # bytes of a command


class Forked(Process):
    """A process of a node; another than ours is its parent, and buries it."""

    def __init__(self, parent: socket.socket, command: list[str], log: Path) -> None:
        self._parent = parent
        super().__init__(command, {}, log)

    def _begin(self, command: list[str], environment: dict[str, str], held: int, said: int) -> int:
        socket.send_fds(self._parent, [json.dumps(command).encode()], [held, said])
        return int(self._parent.recv(LONGEST))

    def _end(self) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self.pid, signal.SIGKILL)


class WarmNode(Node):
    """Its environment is what it was when the first process began."""

    _parent: socket.socket | None = None

    def _start(self, name: str, module: str, *arguments: str, **environment: str) -> Process:
        assert not environment
        if self._parent is None:
            self._parent = self._load()
        process = Forked(self._parent, [module, *arguments], self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def _load(self) -> socket.socket:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.chaos.warm", str(theirs.fileno())]
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "traceability.settings"}
        self._loaded = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, pass_fds=(theirs.fileno(),), start_new_session=True
        )
        theirs.close()
        return ours

    def stop(self) -> None:
        super().stop()
        if self._parent is not None:
            self._parent.close()  # nothing more is asked of it: it ends
            self._parent = None
            self._loaded.wait()


def fork_on_demand(asked: socket.socket) -> None:
    """Fork a process for each command, and tell its number, until nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has ended is gone
    while True:
        command, fds, *_ = socket.recv_fds(asked, LONGEST, 2)
        if not command:
            return
        held, said = fds
        if not os.fork():
            become(json.loads(command), said, asked)
            return
        os.close(held)
        os.close(said)


def become(command: list[str], said: int, asked: socket.socket) -> None:
    """Run this module, as `python -m` does, in a session of its own; what is held stays open until its end."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(said, 1)
    os.dup2(said, 2)
    asked.send(str(os.getpid()).encode())
    asked.close()
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    django.setup()
    for name in LOADED:
        __import__(name)
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        fork_on_demand(listening)
