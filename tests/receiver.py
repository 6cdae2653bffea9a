"""Somebody's receiver of webhooks, on this machine: it checks what comes as Standard Webhooks has it, by its own hands.

    with Receiver(secret) as receiver:
        ...
        receiver.came                 what was taken, in order: id, and the message
        receiver.answers = [500, 200] what it answers next; then 204

Connections are kept. What is signed wrongly, or long ago, is answered with 401 and kept as `refused`.
"""

import base64
import hashlib
import hmac
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOLERANCE = 300  # seconds


def verify(secret: str, headers: Any, body: bytes, now: float) -> str:
    """The id of a message, by the letter of the specification ("Verifying signatures"). Raises `ValueError`."""
    given, stamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(now - int(stamp)) > TOLERANCE:
        raise ValueError("too old, or of the future")
    key = base64.b64decode(secret.split("whsec_")[1])
    mac = hmac.new(key, b"%b.%b.%b" % (given.encode(), stamp.encode(), body), hashlib.sha256).digest()
    for each in headers["webhook-signature"].split(" "):
        version, _, signature = each.partition(",")
        if version == "v1" and hmac.compare_digest(base64.b64decode(signature), mac):
            return str(given)
    raise ValueError("no signature of ours")


@dataclass
class Came:
    id: str
    message: dict[str, Any]
    path: str
    connection: int  # port of the other end
    at: float = field(default_factory=time.monotonic)


@dataclass
class Receiver:
    secret: str = ""
    secrets: dict[str, str] = field(default_factory=dict)  # of paths that have their own
    answers: list[int] = field(default_factory=list)
    says: bytes = b""  # in its answers
    pause: float = 0.0  # seconds before it answers
    came: list[Came] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    port: int = 0
    host: str = "127.0.0.1"

    def __enter__(self) -> "Receiver":
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(self.headers, body, self.path, self.client_address[1])
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(receiver.says)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(receiver.says)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((self.host, self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.came]

    def take(self, headers: Any, body: bytes, path: str, connection: int) -> int:
        time.sleep(self.pause)
        try:
            found = verify(self.secrets.get(path, self.secret), headers, body, time.time())
        except ValueError as error:
            self.refused.append(str(error))
            return 401
        status = self.answers.pop(0) if self.answers else 200 if self.says else 204
        if 200 <= status < 300:
            self.came.append(Came(found, json.loads(body), path, connection))
        return status
