"""A whole small world, told through the public API: what `make demo` shows.

    enrol ──> fill the shelves ──> good pack, dispensed, cloned, unknown, reported ──> proof, checked with the node off

Everything is invented, in GS1's number range for examples (952). Every party signs with its own key; the node is
asked over HTTP like any other, so that what is shown here is what an integrator gets.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from ledger.tlog.cose import Algorithm, PrivateKey, PublicKey
from partners.gs1.identifiers import Sgtin
from partners.models import ApiToken, CustodialKey, Role
from traceability import authorities, custodial, moving
from traceability.admitting import admit
from traceability.client import Node, NodeRefused
from traceability.moving import Move
from traceability.statements import Case, Hold, HoldKind, Key, KeyAlgorithm, Licence, Prefix
from traceability.telling import Members, Teller, document
from traceability.trust import own_policy

from .documents import OFF_NODE, OFF_NODE_PREFIX, Pack, gln, gtin, master_data, off_node_file, products, sold, sscc

IMPORT = "/api/v1/products/import"
SERIAL_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that reads like something else

#: (number, name, role, company prefix if it makes anything)
CAST = (
    (1, "Office of Accreditation", Role.OPERATOR, ""),
    (11, "Aurelia Biologics", Role.MANUFACTURER, "9521011"),
    (12, "Northmoor Pharma", Role.MANUFACTURER, "9521012"),
    (13, "Meridian Generics", Role.REPACKAGER, "9521013"),
    (21, "Harbor Wholesale", Role.WHOLESALE_DISTRIBUTOR, ""),
    (22, "Summit Distribution", Role.WHOLESALE_DISTRIBUTOR, ""),
    (31, "Corner Pharmacy", Role.DISPENSER, ""),
    (32, "Lakeside Pharmacy", Role.DISPENSER, ""),
    (33, "Hilltop Drugs", Role.DISPENSER, ""),
    (34, "Station Pharmacy", Role.DISPENSER, ""),
    (41, "State Board of Pharmacy", Role.REGULATOR, ""),
)
#: By maker: what it makes.
PRODUCTS = {
    11: (
        *("Vireluma 50 mg", "Osteravin 5 mg", "Calmidor 10 mg", "Tensivar 80 mg"),
        *("Renalys 25 mg", "Hepativa 100 mg", "Neurolen 2 mg"),
    ),
    12: (
        *("Cardimax 20 mg", "Pulmoza 250 mcg", "Glucerin 500 mg", "Dermavil 1 %"),
        *("Allerphin 10 mg", "Gastrilon 40 mg", "Thyronex 75 mcg"),
    ),
    13: (
        *("Metforal 850 mg", "Atorvexa 40 mg", "Amlodex 5 mg"),
        *("Lisinar 10 mg", "Sertaline 50 mg", "Omeprin 20 mg"),
    ),
}


@dataclass
class Party:
    """One organisation with its key, its token and its own clock."""

    story: "Story"
    gln: str
    name: str
    role: Role
    prefix: str = ""
    key: PrivateKey = field(default_factory=PrivateKey.generate)
    node: Node = field(init=False)
    held: CustodialKey | None = None  # what the node signs with on the pages, where this party is looked as

    @property
    def teller(self) -> Teller:
        return Teller(self.gln)

    def tells(self, *events: Members, **members: Any) -> None:
        self.hands_in(document(*events, **members))

    def hands_in(self, received: bytes) -> None:
        """Draft, check, sign, hand in; and wait for the receipt, which takes as long as one checkpoint."""
        self.node.receipt(self.node.submit(received, self.key).id)


class Story:
    """Tells it, step by step; `say` is told of every step."""

    def __init__(self, address: str, folder: Path, say: Callable[[str], None]) -> None:
        self.address, self.folder, self.say = address, folder, say
        self.time = datetime.now(UTC).replace(microsecond=0) - timedelta(days=21)
        self.cast: dict[int, Party] = {}
        self.packs: list[dict[str, str]] = []
        self.summary: dict[str, Any] = {}
        self.in_stock: list[str] = []  # cases that Harbor Wholesale has left

    def later(self, **time: float) -> datetime:
        self.time += timedelta(**(time or {"minutes": 10}))
        return self.time

    # ---- before the node runs -------------------------------------------------------------------------------------

    def people(self) -> None:
        """What the operator of a node does: accounts, and whose word it takes for keys and prefixes."""
        for number, name, role, prefix in CAST:
            partner = admit(gln("9521000", number), name=name, role=role, now=datetime.now(UTC))
            party = Party(self, partner.gln, name, role, prefix)
            _, token = ApiToken.issue(partner, "demo", now=datetime.now(UTC))
            party.node = Node(self.address, token)
            if role not in (Role.OPERATOR, Role.REGULATOR):
                party.held = custodial.make(partner, now=datetime.now(UTC))
            self.cast[number] = party
            keys = self.folder / "parties"
            keys.mkdir(parents=True, exist_ok=True, mode=0o700)
            (keys / f"{party.gln}.pem").write_bytes(party.key.to_pem())
            (keys / f"{party.gln}.token").write_text(token)
        # known by name and licence, but without a key: it signs nothing here
        admit(OFF_NODE, name="Old Mill Laboratories", role=Role.MANUFACTURER, now=datetime.now(UTC))
        office = self.cast[1]
        authorities.save(settings.AUTHORITIES, [authorities.Authority(office.gln, office.key.public)])

    # ---- the story ------------------------------------------------------------------------------------------------

    def tell(self) -> dict[str, Any]:
        self.say("The Office of Accreditation vouches for everyone's keys, and for what each maker may make")
        self.enrol()
        self.say("Three makers put 20 products on the shelves")
        self.stock()
        self.say("A pallet of Vireluma goes from Aurelia by Harbor Wholesale to Corner Pharmacy")
        packs = self.main_job()
        self.good(packs[0])
        self.say("Corner Pharmacy dispenses one pack")
        self.dispensed(packs[1])
        self.say("Hilltop Drugs is offered a pack with a serial number that Corner Pharmacy holds")
        self.cloned(packs[2])
        self.say("State Board of Pharmacy opens a case about that lot: within it, it may read whole histories")
        self.investigated(packs[2])
        self.say("Aurelia recalls one pack, which is on Corner Pharmacy's shelf")
        self.recalled(packs[3])
        self.say("Harbor Wholesale sends another case to Corner Pharmacy, which can be received on the page for that")
        self.on_its_way()
        self.unknown()
        self.say("Lakeside Pharmacy hands in the file of a sender who is not on this node")
        self.reported()
        self.say("The chain of one pack is fetched, and checked with no node at all")
        self.proof(packs[0])
        (self.folder / "demo.json").write_text(json.dumps({"packs": self.packs, "policy": "policy.json"}, indent=1))
        return self.summary

    def enrol(self) -> None:
        office = self.cast[1]
        for party in self.cast.values():
            if party is office:
                continue
            held = PublicKey(Algorithm(party.held.alg), bytes(party.held.public)) if party.held else None
            for public in (party.key.public, held) if held else (party.key.public,):
                said = Key(
                    about=party.gln,
                    kid=public.kid,
                    alg=KeyAlgorithm.ED25519,
                    public=public.raw,
                    **office.node.said_by(office.gln),
                )
                office.node.register(said, office.key)
            if party.role is not Role.REGULATOR:
                self.license(party.gln, party.role)
            if party.prefix:
                self.let_issue(party.gln, party.prefix)
        self.license(OFF_NODE, Role.MANUFACTURER)
        self.let_issue(OFF_NODE, OFF_NODE_PREFIX)

    def let_issue(self, about: str, prefix: str) -> None:
        office = self.cast[1]
        office.node.register(Prefix(about=about, gtins=(prefix,), **office.node.said_by(office.gln)), office.key)

    def license(self, about: str, role: Role) -> None:
        """For a year before the story, and two after."""
        office = self.cast[1]
        said = Licence(
            about=about,
            licence=f"LIC-{about[-6:-1]}",
            role=role,
            states=("NJ", "NY"),
            valid_from=self.time - timedelta(days=365),
            valid_to=self.time + timedelta(days=730),
            **office.node.said_by(office.gln),
        )
        office.node.register(said, office.key)

    def stock(self) -> None:
        """A small lot of every product; its name goes in the document's master data, and what else it is by CSV."""
        for number, names in PRODUCTS.items():
            maker, events = self.cast[number], []
            self.describe(maker, names)
            for item, _ in enumerate(names, 1):
                lot = self._lot(maker, item, 12)
                events.append(self._commissioning(maker, lot))
            maker.tells(*events, **master_data(maker.prefix, maker.name, names))

    def describe(self, maker: Party, names: Sequence[str]) -> None:
        """What its products are: looked at first, as anybody would."""
        table, kind = products(maker.prefix, maker.name, names), {"Content-Type": "text/csv"}
        shown = maker.node.ask("POST", IMPORT, content=table, headers=kind).json()
        maker.node.ask("POST", f"{IMPORT}?apply={shown['digest']}", content=table, headers=kind)

    def main_job(self) -> list[Pack]:
        """Commissioned, packed, on a pallet, shipped, received, unpacked, shipped, received, unpacked."""
        maker, wholesaler, pharmacy = self.cast[11], self.cast[21], self.cast[31]
        packs = self._lot(maker, 1, 24)
        cases = [Sgtin(gtin(maker.prefix, 1, 5), self._serial()).uri for _ in range(4)]
        pallet = sscc(maker.prefix, 1)
        tell, inside = maker.teller, [[pack.epc for pack in packs[n * 6 : n * 6 + 6]] for n in range(4)]
        maker.tells(
            self._commissioning(maker, packs),
            tell.commissioning(cases, self.later(), lot=packs[0].lot, expiry=packs[0].expiry),
            *(tell.packing(units, case, self.later()) for units, case in zip(inside, cases, strict=True)),
            tell.packing(cases, pallet, self.later()),
            tell.shipping([pallet], self.later(hours=5), to=wholesaler.gln),
            **sold(master_data(maker.prefix, maker.name, PRODUCTS[11])),
        )
        wholesaler.tells(wholesaler.teller.receiving([pallet], self.later(days=1), sender=maker.gln))
        wholesaler.tells(
            wholesaler.teller.unpacking(cases, pallet, self.later(hours=1)),
            wholesaler.teller.shipping(cases[:1], self.later(hours=4), to=pharmacy.gln),
            **sold(),
        )
        pharmacy.tells(
            pharmacy.teller.receiving(cases[:1], self.later(hours=20), sender=wholesaler.gln),
            pharmacy.teller.unpacking(inside[0], cases[0], self.later()),
        )
        self.in_stock = cases[1:]
        return packs

    def on_its_way(self) -> None:
        """For whoever looks as Corner Pharmacy, and tries to receive it."""
        wholesaler, pharmacy = self.cast[21], self.cast[31]
        move = Move.parse(
            {"move": "ship", "epcs": [*self.in_stock[:1]], "to": pharmacy.gln, "purchase_order": "CP-1042"},
            self.time.date(),
        )
        wholesaler.hands_in(moving.document([move], wholesaler.gln, self.later(hours=1), uuid4()))

    def good(self, pack: Pack) -> None:
        self._show(pack, "A good pack", "Made by Aurelia, through Harbor Wholesale, on Corner Pharmacy's shelf.", 31)

    def dispensed(self, pack: Pack) -> None:
        pharmacy = self.cast[31]
        pharmacy.tells(pharmacy.teller.dispensing([pack.epc], self.later(hours=2)))
        self._show(pack, "A dispensed pack", "Corner Pharmacy gave it to a patient. It comes back in a bag.", 31)

    def cloned(self, pack: Pack) -> None:
        """The copy's label is perfect. What it lacks is a past."""
        victim, source = self.cast[33], self.cast[22]
        received = document(victim.teller.receiving([pack.epc], self.later(hours=3), sender=source.gln))
        try:
            victim.node.submit_offline(received, victim.key, victim.gln)
        except NodeRefused as refused:
            self.summary["clone_refused"] = refused.code
        self._show(pack, "A cloned pack", "Somebody copied its label: Hilltop Drugs was sold the same number.", 33)

    def investigated(self, pack: Pack) -> None:
        """Whoever is asked on these pages sees what the board reads, with the number of its case."""
        board = self.cast[41]
        said = Case(
            about=board.gln, case="24-117", gtin=pack.gtin, lot=pack.lot, reason="one number on two packs",
            valid_to=datetime.now(UTC).replace(microsecond=0) + timedelta(days=365), **board.node.said_by(board.gln),
        )  # fmt: skip
        board.node.register(said, board.key)

    def recalled(self, pack: Pack) -> None:
        """Nobody ships or dispenses it from here on, wherever it is."""
        maker, pharmacy, serial = self.cast[11], self.cast[31], pack.serial
        said = Hold(
            about=maker.gln,
            hold=HoldKind.RECALL,
            reason="particles found in a retained sample",
            gtin=pack.gtin,
            first=serial,
            last=serial,
            **maker.node.said_by(maker.gln),
        )
        maker.node.register(said, maker.key)
        try:
            pharmacy.tells(pharmacy.teller.dispensing([pack.epc], self.later(hours=1)))
        except NodeRefused as refused:
            self.summary["recalled_refused"] = refused.code
        self._show(pack, "A recalled pack", "Aurelia has recalled it, while it stood on Corner Pharmacy's shelf.", 31)

    def unknown(self) -> None:
        pack = self._lot(self.cast[12], 2, 1)[0]
        self._show(pack, "An unknown pack", "A number that looks right, and that nobody ever gave to a pack.", 32)

    def reported(self) -> None:
        """The sender signs nothing here: its file is the receiver's word, and shown as that."""
        pharmacy = self.cast[32]
        packs, pallet, received = off_node_file(self.later(days=1), pharmacy.gln, self._serial)
        pharmacy.hands_in(received)
        pharmacy.tells(pharmacy.teller.receiving([pallet], self.later(days=1), sender=OFF_NODE))
        pharmacy.tells(pharmacy.teller.unpacking([pack.epc for pack in packs], pallet, self.later()))
        self._show(packs[0], "A pack told of by its receiver", "Old Mill sent a file, and signs nothing here.", 32)

    def proof(self, pack: Pack) -> None:
        holder = self.cast[31]
        bundle, trusted = self.folder / "good.unitproof", self.folder / "policy.json"
        trusted.write_text(str(own_policy()))
        bundle.write_bytes(holder.node.bundle(pack.epc))
        self.summary["bundle"] = {"file": str(bundle), "bytes": bundle.stat().st_size, "policy": str(trusted)}

    # ---- small things ---------------------------------------------------------------------------------------------

    def _serial(self) -> str:
        return "".join(secrets.choice(SERIAL_ALPHABET) for _ in range(12))

    def _lot(self, maker: Party, item: int, size: int) -> list[Pack]:
        number, expiry = f"{maker.name[0]}{item:02d}{secrets.randbelow(900) + 100}", f"{self.time.year + 2}-06-30"
        return [Pack(gtin(maker.prefix, item), self._serial(), number, expiry) for _ in range(size)]

    def _commissioning(self, maker: Party, packs: Sequence[Pack]) -> Members:
        epcs = [pack.epc for pack in packs]
        return maker.teller.commissioning(epcs, self.later(), lot=packs[0].lot, expiry=packs[0].expiry)

    def _show(self, pack: Pack, title: str, story: str, asker: int) -> None:
        """Ask the node what a pharmacist would, and keep what came for the page of packs."""
        scan = pack.elements.scan()
        answer = self.cast[asker].node.verify(scan)
        self.packs.append(
            {
                "title": title,
                "story": story,
                "scan": str(pack.elements),
                "expected": answer["verdict"],
                "reason": answer["reason"],
                "sentence": answer["sentence"],
                "as": self.cast[asker].gln,
            }
        )
