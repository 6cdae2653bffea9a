"""The node of the demonstration as a process of its own, and a check of its proof without it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

PATIENCE = 30  # seconds until the server has to answer
HOST = "127.0.0.1"


@contextmanager
def serving(port: int) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The node on this machine, at `port` or, for 0, at any free one; gone when the context ends."""
    port = port or _free_port()
    address = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "gunicorn", "traceability.wsgi", "--bind", f"{HOST}:{port}"]
    quiet = ["--workers", "1", "--threads", "8", "--log-level", "warning"]
    # in a session of its own: Ctrl+C is for the story, which then ends its server in good order
    with subprocess.Popen(command + quiet, env=os.environ | {"DEMO": "1"}, start_new_session=True) as server:  # noqa: S603
        try:
            _wait(server, address)
            yield server, address
        finally:
            server.send_signal(signal.SIGTERM)


def is_taken(port: int) -> bool:
    """Whether somebody answers there already: the story would be told to a stranger."""
    with closing(socket.socket()) as asked:
        return asked.connect_ex((HOST, port)) == 0


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _wait(server: "subprocess.Popen[bytes]", address: str) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"{address}/log/checkpoint").status_code < 500:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the node did not start at {address}: is the port taken?")


def verified_offline(folder: Path) -> bool:
    """`unitproof verify` on the good pack's bundle, in a process that knows neither Django nor this node."""
    command = [sys.executable, "-m", "traceability.cli", "verify", "good.unitproof", "--policy", "policy.json"]
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": root}, check=False).returncode == 0  # noqa: S603
