"""A party that has joined by the operator's commands, and its client: all of it from outside the node."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.tlog.cose import PrivateKey
from tests.world import BEGINNING
from traceability import statements
from traceability.cli import NAMES
from traceability.client import Node, NodeRefused, Submitted
from traceability.telling import Teller, document

OFFICE, WORKS, PREFIX = "9521000000995", "9521050000013", "9521050"


class Works:
    def __init__(self, folder: Path, manage: Callable[..., str], speak: Callable[..., Node]) -> None:
        """`manage` runs a command of manage.py and returns what that prints; `speak` is a client, with a token or as
        nobody."""
        pem = folder / "office.pem"
        manage("authority", "--name", "Office", "--gln", OFFICE, "--out", str(pem))
        self.token = manage("partner", "--name", "Works", "--gln", WORKS, "--role", "manufacturer").strip()
        self.key, office = PrivateKey.generate(), PrivateKey.from_pem(pem.read_bytes())
        public = self.key.public
        key: dict[str, Any] = {"kid": public.kid, "alg": NAMES[public.alg], "public": public.raw}
        with speak() as node:
            node.register(statements.Key(about=WORKS, **key, **node.said_by(OFFICE)), office)
            node.register(statements.Prefix(about=WORKS, gtins=(PREFIX,), **node.said_by(OFFICE)), office)
        self.node = speak(self.token)

    @staticmethod
    def unit(serial: str) -> str:
        return f"urn:epc:id:sgtin:{PREFIX}.000001.{serial}"

    def commissions(self, serial: str) -> Submitted:
        event = Teller(WORKS).commissioning([self.unit(serial)], BEGINNING, lot="L1", expiry="2028-12-31")
        return self.node.submit(document(event), self.key)

    def receipt(self, submitted: Submitted) -> str:
        """Empty as long as there is none."""
        try:
            answer = self.node.ask("GET", f"/api/v1/submissions/{submitted.id}/receipt")
        except NodeRefused as refused:
            if refused.code != "not_integrated":
                raise
            return ""
        return answer.text if answer.status_code == 200 else ""
