"""One who takes part in a simulated chain: what it does at the node, and what it writes down of the answers.

    hands_in, claims, sends, says ──> taken, or refused with a code     scans ──> verdict     compares ──> differences

All goes over HTTP, with the client that the command line uses and the party's own token and key.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.tlog.cose import PrivateKey

from .. import statements
from ..client import COSE, Node, NodeRefused
from ..demo.documents import Pack, sold
from ..epcis.documents import JSON
from ..telling import Members, Teller, document
from .observing import BESIDE_ALL, BESIDE_SOME, MISSING, PART, Channel, Journal
from .plan import Member


@dataclass
class Party:
    """One member, with its key and its token."""

    member: Member
    node: Node
    journal: Journal
    files: dict[str, list[str]]
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    @property
    def gln(self) -> str:
        return self.member.gln

    @property
    def tell(self) -> Teller:
        return Teller(self.member.gln)

    def hands_in(self, name: str, *events: Members) -> bool:
        """Draft, check, sign, hand in. Whether it was taken."""
        return self._heard(name, lambda: self.node.submit(document(*events, **sold()), self.key).answer)

    def claims(self, name: str, *events: Members) -> bool:
        """The same without a draft, which would say no before anything is signed: as a device does that is offline."""
        received = document(*events, **sold())
        return self._heard(name, lambda: self.node.submit_offline(received, self.key, self.gln).answer)

    def sends(self, name: str, **parts: bytes) -> bool:
        """Three parts, whoever made them."""
        kinds = {"document": JSON, "opening": JSON, "statement": COSE}
        files = {part: (part, content, kinds[part]) for part, content in parts.items()}
        return self._heard(name, lambda: self.node.ask("POST", "/api/v1/submissions", files=files).json())

    def says(self, name: str, statement: statements.Statement) -> bool:
        return self._heard(name, lambda: vars(self.node.register(statement, self.key)))

    def _heard(self, name: str, hand_in: Callable[[], Any]) -> bool:
        self.files[name.partition(":")[0]].append(name)
        try:
            answer = hand_in()
        except NodeRefused as refused:
            named = refused.problem.get("epc")
            self.journal.hear(Channel.REFUSED, refused.code, filter(None, (name, named)))
            return False
        for told in answer.get("exceptions") or ():
            self.journal.hear(Channel.EXCEPTION, told["code"], filter(None, (name, told.get("epc"))))
        return True

    def scans(self, pack: Pack, purpose: str = "dispensing") -> str:
        """What it is told of a pack that it has in hand."""
        asked = {"scan": pack.elements.scan(), "purpose": purpose}
        answer = self.node.ask("GET", "/api/v1/verify", params=asked).json()
        holder = (answer.get("custody") or {}).get("possessor") == self.gln
        self.journal.hear_scan(pack.epc, answer["reason"], holder=holder)
        return str(answer["reason"])

    def compares(self, epcs: Sequence[str]) -> None:
        """What came against what was to come."""
        found = self.node.compare(epcs)
        came = found["whole"] or found["parts"]
        self.journal.hear(Channel.RECEIVING, BESIDE_SOME if came else BESIDE_ALL, found["beside"])
        self.journal.hear(Channel.RECEIVING, MISSING, (each["epc"] for each in found["missing"]))
        self.journal.hear(Channel.RECEIVING, PART, (each["container"] for each in found["parts"]))

    def alarms(self) -> Iterable[dict[str, Any]]:
        """All that concern it, the latest first."""
        address: str | None = "/api/v1/alarms"
        while address is not None:
            page = self.node.ask("GET", address).json()
            yield from page["alarms"]
            address = page["next"]
