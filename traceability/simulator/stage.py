"""The node with everybody on it: what an operator does by command, then what the office says of each by statement."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from httpx import BaseTransport, Client

from partners.gs1.identifiers import gtin_of
from partners.models import ApiToken, Role

from .. import authorities, statements
from ..admitting import admit
from ..client import Node, now
from ..demo.documents import Pack
from .faults import Fault
from .observing import Journal
from .party import Party
from .plan import BEGINNING, OFFICE, REGULATOR, Member, Plan

ADDRESS = "http://localhost"
TRADING_SINCE, TRADING_UNTIL = BEGINNING - timedelta(days=365), BEGINNING + timedelta(days=365 * 20)


class Stage:
    """What acts are done on. The transport may lead to a node in this process (`httpx.WSGITransport`)."""

    def __init__(self, plan: Plan, faults: Sequence[Fault], transport: BaseTransport) -> None:
        self.plan, self.transport = plan, transport
        self.journal, self.files = Journal(), defaultdict[str, list[str]](list)
        self.parties: dict[str, Party] = {}
        self.moved: dict[str, Member] = {}  # innocent packs that are elsewhere than they were delivered
        self.guilty = {epc for fault in faults for epc in fault.touched}
        self.shelf: dict[str, tuple[Member, Pack]] = {}  # of the packs of faults, those that are where the record says

    def people(self) -> None:
        """What the operator does by command, then what the office says of everybody."""
        office = self._join(Member(OFFICE, "Office of Accreditation", Role.OPERATOR))
        board = self._join(Member(REGULATOR, "Board of Pharmacy", Role.REGULATOR))
        authorities.save(Path(settings.AUTHORITIES), [authorities.Authority(office.gln, office.key.public)])
        for member in self.plan.members:
            self._join(member)
            if member.signs:
                self._vouch(member)
            self._license(member)
            if member.prefix:
                said = statements.Prefix(about=member.gln, gtins=(member.prefix,), **self.said_by(office))
                office.says(f"prefix of {member.name}", said)
        self._vouch(board.member)
        for product in sorted({gtin_of(epc) or "" for epc in self._made()}):
            said_by = self.said_by(board)
            case = statements.Case(
                about=board.gln, case="simulated", gtin=product, reason="fraud", valid_to=TRADING_UNTIL, **said_by
            )
            board.says(f"case of {product}", case)

    def _made(self) -> Iterator[str]:
        """A case and a pack of each load."""
        for load in self.plan.loads:
            yield from (load.cases[0].epc, load.cases[0].epcs[0])

    def _join(self, member: Member) -> Party:
        partner = admit(member.gln, name=member.name, role=member.role, now=datetime.now(UTC))
        _, token = ApiToken.issue(partner, "simulator", now=datetime.now(UTC))
        node = Node(ADDRESS, token)
        node.http = Client(
            transport=self.transport, base_url=ADDRESS, headers={"Authorization": f"Bearer {token}"}, timeout=600
        )
        self.parties[member.gln] = party = Party(member, node, self.journal, self.files)
        return party

    def said_by(self, party: Party) -> dict[str, Any]:
        # what `Node.said_by` says; the log's name is asked once, of a log that may have no checkpoint yet
        return {"log": settings.LOG_ORIGIN, "submitter": party.gln, "time": now(), "statement": str(uuid.uuid4())}

    def _vouch(self, member: Member) -> None:
        public, office = self.parties[member.gln].key.public, self.parties[OFFICE]
        said = statements.Key(
            about=member.gln,
            kid=public.kid,
            alg=statements.KeyAlgorithm.ED25519,
            public=public.raw,
            **self.said_by(office),
        )
        office.says(f"key of {member.name}", said)

    def _license(self, member: Member) -> None:
        office = self.parties[OFFICE]
        said = statements.Licence(
            about=member.gln,
            licence=f"LIC-{member.gln[-6:-1]}",
            role=member.role,
            states=("NJ", "NY"),
            valid_from=TRADING_SINCE,
            valid_to=member.licensed_until or TRADING_UNTIL,
            **self.said_by(office),
        )
        office.says(f"licence of {member.name}", said)
