"""The signer as a process of its own, with the log's key and memory where the rest of the node cannot read them.

    node ──{"ask", "checkpoint", "old_size", "proof"}──> signer ──{"note", "signed_root"} or {"refused"}──> node

Each way it is a line of JSON, over a Unix socket.

The node connects to a Unix socket, by the setting SIGNER_SOCKET; `manage.py signer` listens there. It trusts the node
no more than a witness would: every signature rests on its own memory and a proof that it checks itself.
"""

import json
import logging
import socket
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from typing import Any

from .errors import SignerRefuses
from .signer import Growth, LogSigner, SignedHead
from .tlog.checkpoint import Checkpoint
from .tlog.errors import LogError
from .tlog.note import Verifier, parse_key

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that a signature may take
LONGEST = 1 << 16  # bytes of a line; a proof has 63 hashes at most


# ---- the node's side ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RemoteSigner:
    """A signer behind a socket, to be used as a `LogSigner` is. Raises `SignerRefuses` for what that one refuses."""

    socket: Path

    @property
    def verifier(self) -> Verifier:
        """The public half of the log's key."""
        return parse_key(str(self._ask({"ask": "verifier"})["verifier"]))

    def last(self) -> Checkpoint:
        """The last checkpoint signed; the empty tree's, if none was."""
        return Checkpoint.parse(str(self._ask({"ask": "last"})["checkpoint"]))

    def sign(self, checkpoint: Checkpoint, growth: Growth) -> SignedHead:
        signed = self._asks_for("sign", checkpoint, growth)
        return SignedHead(str(signed["note"]), b64decode(signed["signed_root"]))

    def demand(self, checkpoint: Checkpoint, growth: Growth) -> None:
        self._asks_for("demand", checkpoint, growth)

    def sign_empty(self) -> str:
        return str(self._ask({"ask": "sign_empty"})["note"])

    def _asks_for(self, ask: str, checkpoint: Checkpoint, growth: Growth) -> dict[str, Any]:
        hashes = [b64encode(sibling).decode() for sibling in growth.proof]
        return self._ask({"ask": ask, "checkpoint": str(checkpoint), "old_size": growth.old_size, "proof": hashes})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(self.socket))
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as answer:
                    members = json.loads(answer.readline(LONGEST))
        except (OSError, ValueError) as error:
            raise SignerRefuses("the signer does not answer", code="signer_away", found=str(error)) from error
        if refused := members.get("refused"):
            raise SignerRefuses(**refused)
        return dict(members)


# ---- the signer's side ----------------------------------------------------------------------------------------------


class SigningServer(ThreadingUnixStreamServer):
    """Answers one request a connection. Whoever may open the socket may ask: its directory's mode is the lock."""

    daemon_threads = True

    def __init__(self, path: Path, signer: LogSigner) -> None:
        path.unlink(missing_ok=True)
        self.signer = signer
        super().__init__(str(path), _Handler)
        path.chmod(0o660)


class _Handler(StreamRequestHandler):
    server: SigningServer
    timeout = PATIENCE

    def handle(self) -> None:
        answer: dict[str, Any]
        try:
            answer = _answer(json.loads(self.rfile.readline(LONGEST)), self.server.signer)
        except LogError as refusal:
            logger.warning("refused: %s", refusal)
            answer = {"refused": _members(refusal)}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            answer = {"refused": {"detail": f"not a request: {error!r}", "code": "malformed_request"}}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


def _answer(request: dict[str, Any], signer: LogSigner) -> dict[str, str]:
    match request["ask"]:
        case "verifier":
            return {"verifier": str(signer.verifier)}
        case "last":
            return {"checkpoint": str(signer.last())}
        case "sign_empty":
            return {"note": signer.sign_empty()}
        case "sign":
            signed = signer.sign(Checkpoint.parse(request["checkpoint"]), _growth(request))
            return {"note": signed.note, "signed_root": b64encode(signed.signed_root).decode()}
        case "demand":
            signer.demand(Checkpoint.parse(request["checkpoint"]), _growth(request))
            return {}
    raise ValueError(request["ask"])


def _growth(request: dict[str, Any]) -> Growth:
    return Growth(int(request["old_size"]), [b64decode(sibling) for sibling in request["proof"]])


def _members(refusal: LogError) -> dict[str, str | None]:
    names = ("detail", "code", "where", "expected", "found")
    return {name: getattr(refusal, name) for name in names}
