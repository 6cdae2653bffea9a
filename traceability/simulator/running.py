"""Tells a plan and its faults to a node, through what its partners use, and writes down what the node says.

    people ──> loads, file by file ──> returns, oddities ──> faults ──> who was alarmed looks ──> shelves are scanned

Every file, statement, scan and list goes over HTTP, with the client that the command line uses and a token of the party
whose act it is; the node may be in this process (`httpx.WSGITransport`). Only what an operator does by command is done
by call: it admits partners, gives them tokens, and names the authority.

What is done is known here, and what was meant to be found is not asked: that is `score.py`.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

from django.conf import settings
from httpx import BaseTransport, Client

from ledger.tlog.cose import PrivateKey
from partners.models import ApiToken, Role

from .. import authorities, statements
from ..admitting import admit
from ..client import COSE, Node, NodeRefused, drawn_alone, now
from ..demo.documents import Pack, sold
from ..epcis.documents import JSON
from ..telling import Members, Teller, document
from .faults import KINDS, Fault
from .observing import BESIDE_ALL, BESIDE_SOME, MISSING, PART, Channel, Journal
from .plan import BEGINNING, DISPENSER, EXPIRY, FAULTS_BEGIN, OFFICE, REGULATOR, WHOLESALER, Case, Load, Member, Plan

Say = Callable[[str], None]
ADDRESS = "http://localhost"
TRADING_SINCE, TRADING_UNTIL = BEGINNING - timedelta(days=365), BEGINNING + timedelta(days=365 * 20)
PER_EVENT = 1_000  # EPCs


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


class Simulation:
    """One run. `say` is told of every step; `integrate` does what a node's sequencer does meanwhile."""

    def __init__(
        self, plan: Plan, faults: Sequence[Fault], transport: BaseTransport, say: Say, integrate: Callable[[], object]
    ) -> None:
        self.plan, self.faults, self.transport, self.say, self.integrate = plan, faults, transport, say, integrate
        self.journal, self.files = Journal(), defaultdict[str, list[str]](list)
        self.parties: dict[str, Party] = {}
        self.moved: dict[str, Member] = {}  # innocent packs that are elsewhere than they were delivered
        self.guilty = {epc for fault in faults for epc in fault.touched}
        self.shelf: dict[str, tuple[Member, Pack]] = {}  # of the packs of faults, those that are where the record says

    def run(self, sample: int) -> None:
        """All of it; of the innocent packs on shelves, so many are scanned."""
        self.people()
        for count, load in enumerate(self.plan.loads, 1):
            self.load(load)
            self.say(f"load {count} of {len(self.plan.loads)}: {load.units:,} units by {load.maker.name}")
        self.integrate()
        self.say(f"{self.returns()} packs come back, are verified, and are sold on")
        self.say(f"{self.oddities()} cases go an odd way, and an honest one")
        for count, fault in enumerate(self.faults, 1):
            ACTS[fault.kind](self, fault)
            if count % 50 == 0 or count == len(self.faults):
                self.say(f"fault {count} of {len(self.faults)}")
        self.integrate()
        self.say(f"{self.look()} packs are looked at where somebody was alarmed")
        self.say(f"{self.inspect(sample):,} packs that nothing was done to are scanned")
        self.listen()

    # ---- who takes part -------------------------------------------------------------------------------------------

    def people(self) -> None:
        """What the operator does by command, then what the office says of everybody."""
        office = self._join(Member(OFFICE, "Office of Accreditation", Role.OPERATOR))
        self._join(Member(REGULATOR, "Board of Pharmacy", Role.REGULATOR))
        authorities.save(Path(settings.AUTHORITIES), [authorities.Authority(office.gln, office.key.public)])
        for member in self.plan.members:
            self._join(member)
            if member.signs:
                self._vouch(member)
            self._license(member)
            if member.prefix:
                said = statements.Prefix(about=member.gln, gtins=(member.prefix,), **self._from(office))
                office.says(f"prefix of {member.name}", said)
        self.say(
            f"{len(self.plan.members)} partners, of whom {sum(not m.signs for m in self.plan.members)} do not sign"
        )

    def _join(self, member: Member) -> Party:
        partner = admit(member.gln, name=member.name, role=member.role, now=datetime.now(UTC))
        _, token = ApiToken.issue(partner, "simulator", now=datetime.now(UTC))
        node = Node(ADDRESS, token)
        node.http = Client(
            transport=self.transport, base_url=ADDRESS, headers={"Authorization": f"Bearer {token}"}, timeout=600
        )
        self.parties[member.gln] = party = Party(member, node, self.journal, self.files)
        return party

    def _from(self, party: Party) -> dict[str, Any]:
        # what `Node.said_by` says; the log's name is asked once, of a log that may have no checkpoint yet
        return {"log": settings.LOG_ORIGIN, "submitter": party.gln, "time": now(), "statement": str(uuid.uuid4())}

    def _vouch(self, member: Member) -> None:
        public, office = self.parties[member.gln].key.public, self.parties[OFFICE]
        said = statements.Key(
            about=member.gln,
            kid=public.kid,
            alg=statements.KeyAlgorithm.ED25519,
            public=public.raw,
            **self._from(office),
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
            **self._from(office),
        )
        office.says(f"licence of {member.name}", said)

    # ---- what goes as it should -----------------------------------------------------------------------------------

    def load(self, load: Load) -> None:
        """One file of its maker, one of who it goes to, one of each pharmacy. Of who does not sign, the next one who
        does hands in the file as it came."""
        name, maker, to, at = f"load {load.number}", load.maker, self.parties[load.to.gln], load.begins
        (self.parties[maker.gln] if maker.signs else to).hands_in(f"{name}: made", *self._made(load))
        cases, arrived = [case.epc for case in load.cases], at + timedelta(days=1)
        if load.to.signs:
            to.compares([load.pallet])
        events = [
            to.tell.receiving([load.pallet], arrived, sender=maker.gln),
            to.tell.unpacking(cases, load.pallet, arrived + timedelta(minutes=10)),
        ]
        if not load.deliveries:
            units = [epc for case in load.cases for epc in case.epcs]
            events += [
                to.tell.unpacking(case.epcs, case.epc, arrived + timedelta(minutes=20)) for case in load.cases
            ] + [to.tell.decommissioning(some, arrived + timedelta(minutes=30)) for some in _cut(units)]
        events += [
            to.tell.shipping([case.epc for case in delivered], arrived + timedelta(hours=4), to=pharmacy.gln)
            for pharmacy, delivered in load.deliveries
        ]
        if load.to.signs:
            to.hands_in(f"{name}: received and shipped", *events)
        for at_pharmacy, (pharmacy, delivered) in enumerate(load.deliveries):
            told = [] if load.to.signs else [*(events[:2] if not at_pharmacy else ()), events[2 + at_pharmacy]]
            self._delivered(load, self.parties[pharmacy.gln], delivered, arrived + timedelta(days=1), told)

    def _made(self, load: Load) -> list[Members]:
        """Commissioned, packed, and shipped."""
        tell, at, first = Teller(load.maker.gln), load.begins, load.cases[0]
        units, cases = [epc for case in load.cases for epc in case.epcs], [case.epc for case in load.cases]
        later = [at + timedelta(minutes=10 * n) for n in range(5)]
        return [
            *(tell.commissioning(some, later[0], lot=first.lot, expiry=EXPIRY) for some in _cut(units)),
            *(tell.commissioning(some, later[1], lot=first.lot, expiry=EXPIRY) for some in _cut(cases)),
            *(tell.packing(case.epcs, case.epc, later[2]) for case in load.cases),
            tell.packing(cases, load.pallet, later[3]),
            tell.shipping([load.pallet], later[4], to=load.to.gln),
        ]

    def _delivered(
        self, load: Load, pharmacy: Party, cases: Sequence[Case], at: datetime, told: Sequence[Members] = ()
    ) -> None:
        """Received, unpacked, and of what came the signed way a part dispensed."""
        name, epcs = f"load {load.number}: {pharmacy.member.name}", [case.epc for case in cases]
        if told:
            pharmacy.hands_in(f"{name} was sent", *told)
        pharmacy.compares(epcs)
        events = [
            pharmacy.tell.receiving(epcs, at, sender=load.to.gln),
            *(pharmacy.tell.unpacking(case.epcs, case.epc, at + timedelta(minutes=10)) for case in cases),
        ]
        sold_on = [epc for case in cases for epc in case.epcs if epc in self.plan.dispensed]
        events += [pharmacy.tell.dispensing(some, at + timedelta(hours=8)) for some in _cut(sold_on)]
        pharmacy.hands_in(f"{name} received", *events)

    def returns(self) -> int:
        """Of each load that everybody signed, one pack comes back, is verified, and is sold to another pharmacy."""
        back: dict[int, tuple[Member, Load, Pack]] = {}
        for holder, load, pack in self.plan.stock():
            if load.signed and load.number not in back and pack.epc not in self.guilty:
                back[load.number] = holder, load, pack
        for number, (holder, load, pack) in back.items():
            pharmacy, wholesaler, at = self.parties[holder.gln], self.parties[load.to.gln], load.begins
            buyer = self.parties[next(each for each, _ in load.deliveries if each != holder).gln]
            epcs, days = [pack.epc], [at + timedelta(days=day) for day in range(3, 7)]
            pharmacy.hands_in(f"return {number}: sent", pharmacy.tell.sending_back(epcs, days[0], to=wholesaler.gln))
            wholesaler.node.check_return(pack.elements.scan())
            taken = wholesaler.tell.taking_back(epcs, days[1], sender=pharmacy.gln)
            wholesaler.hands_in(f"return {number}: taken back", taken)
            wholesaler.hands_in(f"return {number}: resold", wholesaler.tell.shipping(epcs, days[2], to=buyer.gln))
            buyer.hands_in(f"return {number}: bought", buyer.tell.receiving(epcs, days[3], sender=wholesaler.gln))
            self.moved[pack.epc] = buyer.member
        return len(back)

    def oddities(self) -> int:
        """Of each load that everybody signed, one case goes a way that is not the usual one, and nothing is wrong with
        it: called off and sold to another, scanned before it is received, broken up, sold on twice and told twice."""
        count = 0
        for load in self.plan.loads:
            case = next((case for case in load.kept if case.epc not in self.guilty), None)
            if load.signed and case is not None:
                ODD[count % len(ODD)](self, load, case)
                count += 1
        return count

    def called_off(self, load: Load, case: Case) -> None:
        wholesaler, (first, second), at = self._odd(load)
        epcs, name = [case.epc], f"called off {load.number}"
        wholesaler.hands_in(f"{name}: shipped", wholesaler.tell.shipping(epcs, at[0], to=first.gln))
        wholesaler.hands_in(f"{name}: not shipped", wholesaler.tell.calling_off(epcs, at[1], to=first.gln))
        wholesaler.hands_in(f"{name}: shipped again", wholesaler.tell.shipping(epcs, at[2], to=second.gln))
        self._opened(name, second, wholesaler, case, at[3:])

    def scanned_early(self, load: Load, case: Case) -> None:
        wholesaler, (buyer, _), at = self._odd(load)
        name = f"scanned early {load.number}"
        wholesaler.hands_in(f"{name}: shipped", wholesaler.tell.shipping([case.epc], at[0], to=buyer.gln))
        buyer.scans(case.packs[0])
        self._opened(name, buyer, wholesaler, case, at[1:])

    def broken_up(self, load: Load, case: Case) -> None:
        wholesaler, (buyer, _), at = self._odd(load)
        name, some = f"broken up {load.number}", case.epcs[:3]
        wholesaler.hands_in(
            f"{name}: unpacked and shipped",
            wholesaler.tell.unpacking(some, case.epc, at[0]),
            wholesaler.tell.shipping(some, at[1], to=buyer.gln),
        )
        buyer.compares(some)
        buyer.hands_in(f"{name}: received", buyer.tell.receiving(some, at[2], sender=wholesaler.gln))
        buyer.scans(case.packs[0])
        wholesaler.scans(case.packs[-1], "verification")

    def sold_on_and_told_twice(self, load: Load, case: Case) -> None:
        wholesaler, (buyer, _), at = self._odd(load)
        others = (each for each in self.plan.of(WHOLESALER) if each.gln != wholesaler.gln)
        between, name = self.parties[next(others).gln], f"sold on {load.number}"
        wholesaler.hands_in(f"{name}: shipped", wholesaler.tell.shipping([case.epc], at[0], to=between.gln))
        events = (
            between.tell.receiving([case.epc], at[1], sender=wholesaler.gln),
            between.tell.shipping([case.epc], at[2], to=buyer.gln),
        )
        between.hands_in(f"{name}: received and shipped", *events)
        self._opened(name, buyer, between, case, at[3:])
        between.hands_in(f"{name}: received and shipped, again", *events)

    def _odd(self, load: Load) -> tuple[Party, tuple[Party, Party], list[datetime]]:
        """Its wholesaler, two customers, and some moments after all of the load came where it was to go."""
        first, second = (self.parties[each.gln] for each, _ in load.deliveries[:2])
        times = [load.begins + timedelta(days=7, hours=hour) for hour in range(6)]
        return self.parties[load.to.gln], (first, second), times

    def _opened(self, name: str, buyer: Party, sender: Party, case: Case, at: Sequence[datetime]) -> None:
        """Compared, received, opened, and one pack of it is scanned."""
        buyer.compares([case.epc])
        buyer.hands_in(
            f"{name}: received",
            buyer.tell.receiving([case.epc], at[0], sender=sender.gln),
            buyer.tell.unpacking(case.epcs, case.epc, at[1]),
        )
        buyer.scans(case.packs[0])

    # ---- what is found by looking ---------------------------------------------------------------------------------

    def look(self) -> int:
        """Whoever is alarmed looks whether it has the pack, and scans it if it has."""
        looked = 0
        for party in self.parties.values():
            if party.member.role != DISPENSER:
                continue
            for epc in dict.fromkeys(alarm["epc"] for alarm in party.alarms()):
                member, pack = self.shelf.get(epc, (None, None))
                if member == party.member and pack is not None:
                    party.scans(pack)
                    looked += 1
        return looked

    def inspect(self, sample: int) -> int:
        """Packs that nothing was done to, on their shelves, drawn by lot: each scanned by who has it."""
        there = [(holder, pack) for holder, _, pack in self.plan.stock() if pack.epc not in self.guilty]
        drawn = Random(self.plan.seed).sample(there, min(sample, len(there)))  # noqa: S311 - to be the same each time
        for count, (holder, pack) in enumerate(drawn, 1):
            self.parties[self.moved.get(pack.epc, holder).gln].scans(pack)
            if count % 500 == 0:
                self.say(f"scanned {count:,} of {len(drawn):,}")
        return len(drawn)

    def listen(self) -> None:
        """The regulator reads every alarm."""
        for alarm in self.parties[REGULATOR].alarms():
            self.journal.hear(Channel.ALARM, alarm["kind"], [alarm["epc"]])

    # ---- what goes wrong ------------------------------------------------------------------------------------------

    def _time(self, fault: Fault, minutes: int = 0) -> datetime:
        return FAULTS_BEGIN + timedelta(minutes=10 * fault.number + minutes)

    def _between(self, fault: Fault) -> tuple[Party, Party, Pack, list[datetime]]:
        """Who has it, who comes in, the pack as it is in hand, and some moments."""
        pack = (fault.forged or fault.packs)[0]
        times = [self._time(fault, minute) for minute in range(8)]
        return self.parties[fault.holder.gln], self.parties[fault.other.gln], pack, times

    def copy_after(self, fault: Fault) -> None:
        holder, other, pack, _ = self._between(fault)
        holder.scans(pack)
        other.scans(pack)

    def copy_before(self, fault: Fault) -> None:
        _, other, pack, _ = self._between(fault)
        self.shelf[pack.epc] = fault.holder, pack
        other.scans(pack)

    def copy_in_transit(self, fault: Fault) -> None:
        """The copy is faster than the goods."""
        case, buyer = fault.cases[0], self.parties[fault.buyer.gln]
        self._ship(fault, fault.cases)
        self.parties[fault.other.gln].scans(case.packs[0])
        self._receive(fault, buyer, fault.cases)
        times = self._between_cases(fault)
        buyer.hands_in(f"{fault.file}: unpacked", buyer.tell.unpacking(case.epcs, case.epc, times[3]))
        self.shelf[case.epcs[0]] = fault.buyer, case.packs[0]

    def copy_claimed(self, fault: Fault) -> None:
        _, other, pack, times = self._between(fault)
        self.shelf[pack.epc] = fault.holder, pack
        other.claims(f"{fault.file}: received", other.tell.receiving([pack.epc], times[0], sender=fault.load.to.gln))

    def copy_returned(self, fault: Fault) -> None:
        holder, _, pack, times = self._between(fault)
        wholesaler = self.parties[fault.load.to.gln]
        self.shelf[pack.epc] = fault.holder, pack
        wholesaler.node.check_return(pack.elements.scan())
        back = wholesaler.tell.taking_back([pack.epc], times[0], sender=holder.gln)
        wholesaler.claims(f"{fault.file}: taken back", back)

    def scanned_elsewhere(self, fault: Fault) -> None:
        _, other, pack, _ = self._between(fault)
        other.scans(pack)

    def dispensed_twice(self, fault: Fault) -> None:
        _, other, pack, times = self._between(fault)
        other.claims(f"{fault.file}: dispensed", other.tell.dispensing([pack.epc], times[0]))

    def diverted_case(self, fault: Fault) -> None:
        kept, gone = fault.cases
        self._ship(fault, fault.cases)
        self._receive(fault, self.parties[fault.buyer.gln], [kept])
        self._receive(fault, self.parties[fault.other.gln], [gone], claimed=True)

    def scanned_by_holder(self, fault: Fault) -> None:
        holder, _, pack, _ = self._between(fault)
        holder.scans(pack)

    def number_reused(self, fault: Fault) -> None:
        maker, pack = self.parties[fault.load.maker.gln], fault.packs[0]
        again = maker.tell.commissioning([pack.epc], self._time(fault), lot="AGAIN", expiry=EXPIRY)
        maker.claims(f"{fault.file}: commissioned again", again)

    def not_licensed(self, fault: Fault) -> None:
        other, epcs = self.parties[fault.other.gln], [pack.epc for pack in fault.forged]
        made = other.tell.commissioning(epcs, self._time(fault), lot=fault.forged[0].lot, expiry=EXPIRY)
        other.hands_in(f"{fault.file}: commissioned", made)

    def forged_signature(self, fault: Fault) -> None:
        """With the account of its holder, and a key that nobody vouched for."""
        holder, other, pack, times = self._between(fault)
        received = document(holder.tell.shipping([pack.epc], times[0], to=other.gln), **sold())
        opening, said = drawn_alone(received, holder.gln, settings.LOG_ORIGIN)
        signed = statements.sign(said, PrivateKey.generate())
        holder.sends(f"{fault.file}: shipped", document=received, opening=bytes(opening), statement=signed)

    def altered_file(self, fault: Fault) -> None:
        """Signed as it should be, and on its way another buyer is written into it."""
        holder, other, pack, times = self._between(fault)
        received = document(holder.tell.shipping([pack.epc], times[0], to=fault.load.to.gln), **sold())
        opening, said = drawn_alone(received, holder.gln, settings.LOG_ORIGIN)
        altered = json.loads(received)
        altered["epcisBody"]["eventList"][0] |= holder.tell.shipping([pack.epc], times[0], to=other.gln)
        parts = {"opening": bytes(opening), "statement": statements.sign(said, holder.key)}
        holder.sends(f"{fault.file}: shipped", document=json.dumps(altered).encode(), **parts)

    def false_name(self, fault: Fault) -> None:
        """With an account and a key of its own, as somebody else."""
        holder, other, pack, times = self._between(fault)
        received = document(holder.tell.shipping([pack.epc], times[0], to=other.gln), **sold())
        opening, said = drawn_alone(received, holder.gln, settings.LOG_ORIGIN)
        signed = statements.sign(said, other.key)
        other.sends(f"{fault.file}: shipped", document=received, opening=bytes(opening), statement=signed)

    def forged_paper(self, fault: Fault) -> None:
        """Somebody sold packs that its maker never made, with a file in the maker's name, which the buyer believes."""
        other, maker, epcs = self.parties[fault.other.gln], fault.load.maker, [pack.epc for pack in fault.forged]
        tell, times = Teller(maker.gln), [self._time(fault, minute) for minute in range(3)]
        made = tell.commissioning(epcs, times[0], lot=fault.forged[0].lot, expiry=EXPIRY)
        other.hands_in(f"{fault.file}: was sent", made, tell.shipping(epcs, times[1], to=other.gln))
        other.hands_in(f"{fault.file}: received", other.tell.receiving(epcs, times[2], sender=maker.gln))
        for pack in fault.forged:
            other.scans(pack)

    def stolen_key(self, fault: Fault) -> None:
        """Sold with the holder's own key and account; then the holder notices, and its key ends."""
        holder, other, _, times = self._between(fault)
        epcs = [each.epc for each in fault.packs]
        stolen = _next_second()
        holder.hands_in(f"{fault.file}: shipped", holder.tell.shipping(epcs, times[0], to=other.gln))
        other.hands_in(f"{fault.file}: received", other.tell.receiving(epcs, times[1], sender=holder.gln))
        office = self.parties[OFFICE]
        ended = statements.KeyRevocation(
            about=holder.gln, kid=holder.key.public.kid, compromised=stolen, **self._from(office)
        )
        office.says(f"revocation {fault.number}: key of {holder.member.name}", ended)
        for each in fault.packs:
            other.scans(each)

    def revoked_key(self, fault: Fault) -> None:
        holder, other, pack, times = self._between(fault)
        holder.claims(f"{fault.file}: shipped", holder.tell.shipping([pack.epc], times[0], to=other.gln))

    def lapsed_buyer(self, fault: Fault) -> None:
        self._ship(fault, fault.cases, to=fault.other)

    def unverified_return(self, fault: Fault) -> None:
        holder, other, pack, times = self._between(fault)
        wholesaler = self.parties[fault.load.to.gln]
        back = wholesaler.gln
        holder.hands_in(f"{fault.file}: sent back", holder.tell.sending_back([pack.epc], times[0], to=back))
        wholesaler.hands_in(
            f"{fault.file}: taken back", wholesaler.tell.taking_back([pack.epc], times[1], sender=holder.gln)
        )
        wholesaler.hands_in(f"{fault.file}: resold", wholesaler.tell.shipping([pack.epc], times[2], to=other.gln))

    def wrong_aggregation(self, fault: Fault) -> None:
        """Whoever opens the first case finds a pack in it that the record has in the second."""
        first, second = fault.cases
        buyer, times = self.parties[fault.buyer.gln], self._between_cases(fault)
        self._ship(fault, fault.cases)
        self._receive(fault, buyer, fault.cases)
        found = [second.epcs[0], *first.epcs[1:]]
        buyer.hands_in(f"{fault.file}: unpacked", buyer.tell.unpacking(found, first.epc, times[3]))

    def lost_file(self, fault: Fault) -> None:
        self._receive(fault, self.parties[fault.buyer.gln], fault.cases, claimed=True)

    def late_file(self, fault: Fault) -> None:
        wholesaler, case = self.parties[fault.holder.gln], fault.cases[0]
        before = self._time(fault, -5)
        self._ship(fault, fault.cases)
        self._receive(fault, self.parties[fault.buyer.gln], fault.cases)
        wholesaler.hands_in(f"{fault.file}: told late", wholesaler.tell.observing("inspecting", [case.epc], before))

    def overage(self, fault: Fault) -> None:
        self._ship(fault, fault.cases[:1])
        self._receive(fault, self.parties[fault.buyer.gln], fault.cases)

    def shortage(self, fault: Fault) -> None:
        self._ship(fault, fault.cases)
        self._receive(fault, self.parties[fault.buyer.gln], fault.cases[:1])

    def short_case(self, fault: Fault) -> None:
        """Opened at the dock, and counted pack by pack."""
        self._ship(fault, fault.cases)
        self.parties[fault.buyer.gln].compares(fault.cases[0].epcs[1:])

    def recalled(self, fault: Fault) -> None:
        holder, _, pack, times = self._between(fault)
        self._hold(fault, self.parties[fault.load.maker.gln], statements.HoldKind.RECALL)
        holder.hands_in(f"{fault.file}: dispensed", holder.tell.dispensing([pack.epc], times[0]))

    def reported_stolen(self, fault: Fault) -> None:
        holder, other, pack, _ = self._between(fault)
        self._hold(fault, holder, statements.HoldKind.STOLEN)
        other.scans(pack)

    def _hold(self, fault: Fault, by: Party, kind: statements.HoldKind) -> None:
        said = statements.Hold(about=by.gln, hold=kind, reason="simulated", epc=fault.packs[0].epc, **self._from(by))
        by.says(f"{kind} {fault.number}: said", said)

    def _between_cases(self, fault: Fault) -> list[datetime]:
        return [self._time(fault, minute) for minute in range(8)]

    def _ship(self, fault: Fault, cases: Sequence[Case], to: Member | None = None) -> None:
        wholesaler, epcs = self.parties[fault.holder.gln], [case.epc for case in cases]
        told = wholesaler.tell.shipping(epcs, self._time(fault), to=(to or fault.buyer).gln)
        wholesaler.hands_in(f"{fault.file}: shipped", told)

    def _receive(self, fault: Fault, buyer: Party, cases: Sequence[Case], *, claimed: bool = False) -> None:
        """Compared first, as at every dock."""
        epcs = [case.epc for case in cases]
        buyer.compares(epcs)
        told = buyer.tell.receiving(epcs, self._time(fault, 1), sender=fault.holder.gln)
        (buyer.claims if claimed else buyer.hands_in)(f"{fault.file}: {buyer.member.name} received", told)


#: What is odd, and honest: in turn.
ODD: tuple[Callable[[Simulation, Load, Case], None], ...] = (
    Simulation.called_off,
    Simulation.scanned_early,
    Simulation.broken_up,
    Simulation.sold_on_and_told_twice,
)

#: How each kind is done.
ACTS: dict[str, Callable[[Simulation, Fault], None]] = {
    **{kind: getattr(Simulation, kind) for kind in KINDS if hasattr(Simulation, kind)},
    "repacked_and_sold": Simulation.scanned_elsewhere,
    "forged_paper_of_silent": Simulation.forged_paper,
    "copy_of_dispensed": Simulation.scanned_elsewhere,
    "diverted_pack": Simulation.scanned_elsewhere,
    "relabelled_expiry": Simulation.scanned_by_holder,
    "relabelled_lot": Simulation.scanned_by_holder,
    "made_up": Simulation.scanned_by_holder,
}


def _cut(epcs: Sequence[str]) -> list[Sequence[str]]:
    return [epcs[at : at + PER_EVENT] for at in range(0, len(epcs), PER_EVENT)]


def _next_second() -> datetime:
    """The beginning of a second in which nothing was signed yet: keys are stolen at whole seconds."""
    begun = now()
    while now() == begun:
        sleep(0.01)
    return now()
