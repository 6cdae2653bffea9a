"""Witnesses to ask, over real connections: each a server in a thread of its own, with a key and a memory of its own."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from ledger.errors import WitnessRefuses
from ledger.tlog.checkpoint import Cosigner
from ledger.tlog.cose import PrivateKey
from ledger.tlog.note import Verifier
from ledger.tlog.policy import Peer
from ledger.witness import Witness, WitnessMemory
from ledger.witness_views import STATUSES


@dataclass
class Running:
    """A witness that answers, and how it misbehaves if it is told to."""

    witness: Witness
    server: ThreadingHTTPServer | None = None
    late: float = 0.0  # seconds
    says: bytes | None = None  # instead of a cosignature
    status: int = 200  # with which it says that
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def line(self) -> str:
        return f"witness {self.witness.cosigner.name.replace('/', '-')} {self.witness.cosigner.verifier} {self.url}\n"

    def answers(self, request: str) -> tuple[int, bytes]:
        self.asked.append(request)
        time.sleep(self.late)
        if self.says is not None:
            return self.status, self.says
        try:
            return 200, self.witness.add_checkpoint(request, now=datetime.now(UTC)).encode()
        except WitnessRefuses as refused:
            size = f"{refused.size}\n" if refused.size is not None else f"{refused}\n"
            return STATUSES[refused.code], size.encode()


def make(folder: Path, name: str, log: Verifier) -> Running:
    memory = WitnessMemory(folder / f"{name.replace('/', '-')}.memory")
    memory.make()
    return Running(Witness(Cosigner(name, PrivateKey.generate()), (Peer(log),), memory))


@contextmanager
def serving(*witnesses: Running) -> Iterator[None]:
    with ExitStack() as stack:
        for running in witnesses:
            stack.enter_context(_serving(running))
        yield


@contextmanager
def _serving(running: Running) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = running.answers(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = running.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
