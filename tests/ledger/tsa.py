"""A time-stamping authority of a test's own: `openssl ts` behind a small HTTP server on loopback."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from threading import Event, Lock, Thread
from typing import Any

import pytest

openssl = pytest.mark.skipif(which("openssl") is None, reason="no openssl here")

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[stamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[server]
extendedKeyUsage = critical, serverAuth
[tsa]
default_tsa = one
[one]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
ess_cert_id_chain = no
"""


class Authority:
    """A certificate of its own, a time-stamping certificate under it, and answers to whoever asks."""

    def __init__(self, folder: Path, *, key: str = "ec:P-256", usage: str = "stamping", days: int = 30) -> None:
        self.folder, self.url, self.asked = folder, "", 0
        self.away: int | None = None  # a status to answer with instead
        self.lock, self.open = Lock(), Event()  # while it is not open, whoever asks waits
        self.open.set()
        folder.mkdir()
        (folder / "openssl.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        self._certificate("ca", key, "ca", days)
        self._certificate("tsa", key, usage, days, "-CA", "ca.pem", "-CAkey", "ca.key")

    def _certificate(self, name: str, key: str, usage: str, days: int, *issuer: str) -> None:
        kind, _, size = key.partition(":")
        option = f"{'ec_paramgen_curve' if kind == 'ec' else 'rsa_keygen_bits'}:{size}"
        self.run(
            *("req", "-new", "-x509", "-newkey", kind, "-pkeyopt", option, "-nodes", "-keyout", f"{name}.key"),
            *("-out", f"{name}.pem", "-subj", f"/O=Test/CN={name}", "-days", str(days)),
            *("-extensions", usage, "-config", "openssl.cnf"),
            *issuer,
        )

    def run(self, *command: str, given: bytes = b"") -> bytes:
        done = subprocess.run(["openssl", *command], cwd=self.folder, input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    @property
    def certificate(self) -> str:
        return (self.folder / "ca.pem").read_text()

    def answer(self, query: bytes) -> bytes:
        with self.lock:  # one serial number after the other
            self.asked += 1
            (self.folder / "query").write_bytes(query)
            return self.run("ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query")

    def line(self, name: str) -> str:
        """What a node's file ANCHORS says of it."""
        return f'[[authority]]\nname = "{name}"\nurl = "{self.url}"\ncertificate = """\n{self.certificate}"""\n'

    @contextmanager
    def serving(self) -> Iterator["Authority"]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/timestamp-query"
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.open.wait()
                answer = b"" if authority.away else authority.answer(query)
                self.send_response(authority.away or 200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with suppress(ConnectionError):  # whoever asked may have stopped waiting
                    self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False  # no question of one test is counted in the next
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/"
        try:
            yield self
        finally:
            self.open.set()
            server.shutdown()
            server.server_close()
