"""A small world to act in: one maker, one distributor, two pharmacies, one regulator, one stranger.

Each party holds its own key and signs what it does; nothing here reaches into the node but through the functions
that the API calls. Time passes a minute with every act.

    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from ledger import keys
from ledger.tlog.cose import Algorithm, PrivateKey, PublicKey
from partners.gs1.identifiers import Sgtin, Sscc, check_digit
from partners.models import CustodialKey, Partner, Role
from tests.remembered import once
from traceability import authorities, capture, custodial, registration, statements
from traceability.admitting import admit, locate
from traceability.statements import KeyAlgorithm
from traceability.submission import Draft
from traceability.telling import Members, Teller, document

BEGINNING = datetime(2026, 1, 5, 8, tzinfo=UTC)
GTIN = "00614141123452"
CASE_GTIN = "50614141123457"
LOT, EXPIRY = "L42", "2028-12-31"
ALGORITHMS = {Algorithm.ED25519: KeyAlgorithm.ED25519, Algorithm.ESP256: KeyAlgorithm.ESP256}


def gln(number: int) -> str:
    """GLNs of an invented company prefix."""
    payload = f"0614141{number:05d}"
    return payload + check_digit(payload)


def unit(serial: str, gtin: str = GTIN) -> str:
    return Sgtin(gtin, serial).uri


def case(serial: str) -> str:
    return unit(serial, CASE_GTIN)


def pallet(number: int) -> str:
    """Of a company prefix that nobody here has registered: whoever packs it may have numbered it."""
    payload = f"09521098{number:09d}"
    return Sscc(payload + check_digit(payload)).uri


def _listed(epcs: str | Iterable[str]) -> list[str]:
    return [epcs] if isinstance(epcs, str) else list(epcs)


@dataclass
class Party:
    """An organisation that signs for itself."""

    world: "World"
    gln: str
    name: str
    role: Role
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    @property
    def partner(self) -> Partner:
        return Partner.objects.get(gln=self.gln)

    # ---- what people do -------------------------------------------------------------------------------------------

    def commissions(
        self, *, serial: str | Sequence[str], gtin: str = GTIN, lot: str = LOT, expiry: str = EXPIRY
    ) -> Any:
        """Give units, or cases, their serial numbers; a text for one, a list for a sequence."""
        epcs = [unit(each, gtin) for each in _listed(serial)]
        self.tells(self.commissioning(epcs, lot=lot, expiry=expiry))
        return epcs[0] if isinstance(serial, str) else epcs

    def packs(self, children: str | Iterable[str], into: str) -> str:
        self.tells(self.packing(children, into))
        return into

    def unpacks(self, children: str | Iterable[str], out_of: str) -> None:
        self.tells(self.unpacking(children, out_of))

    def ships(self, epcs: str | Iterable[str], to: "Party") -> None:
        self.tells(self.shipping(epcs, to))

    def receives(self, epcs: str | Iterable[str], sender: "Party") -> None:
        self.tells(self.receiving(epcs, sender))

    def dispenses(self, epcs: str | Iterable[str]) -> None:
        self.tells(self.dispensing(epcs))

    def decommissions(self, epcs: str | Iterable[str]) -> None:
        self.tells(self.teller.decommissioning(_listed(epcs), self.world.passes()))

    def destroys(self, epcs: str | Iterable[str]) -> None:
        self.tells(self.teller.destroying(_listed(epcs), self.world.passes()))

    def exports(self, epcs: str | Iterable[str]) -> None:
        self.tells(self.teller.exporting(_listed(epcs), self.world.passes()))

    def calls_off(self, epcs: str | Iterable[str], to: "Party") -> capture.Accepted:
        return self.tells(self.calling_off(epcs, to))

    def sends_back(self, epcs: str | Iterable[str], to: "Party") -> None:
        self.tells(self.teller.sending_back(_listed(epcs), self.world.passes(), to=to.gln))

    def takes_back(self, epcs: str | Iterable[str], sender: "Party") -> capture.Accepted:
        return self.tells(self.taking_back(epcs, sender))

    def observes(self, epcs: str | Iterable[str], step: str = "inspecting") -> None:
        self.tells(self.observing(epcs, step))

    # ---- the events of it -----------------------------------------------------------------------------------------

    @property
    def teller(self) -> Teller:
        return Teller(self.gln)

    def commissioning(self, epcs: str | Iterable[str], lot: str = LOT, expiry: str = EXPIRY) -> Members:
        return self.teller.commissioning(_listed(epcs), self.world.passes(), lot=lot, expiry=expiry)

    def packing(self, children: str | Iterable[str], into: str) -> Members:
        return self.teller.packing(_listed(children), into, self.world.passes())

    def unpacking(self, children: str | Iterable[str], out_of: str) -> Members:
        return self.teller.unpacking(_listed(children), out_of, self.world.passes())

    def shipping(self, epcs: str | Iterable[str], to: "Party") -> Members:
        return self.teller.shipping(_listed(epcs), self.world.passes(), to=to.gln)

    def receiving(self, epcs: str | Iterable[str], sender: "Party") -> Members:
        return self.teller.receiving(_listed(epcs), self.world.passes(), sender=sender.gln)

    def calling_off(self, epcs: str | Iterable[str], to: "Party") -> Members:
        return self.teller.calling_off(_listed(epcs), self.world.passes(), to=to.gln)

    def taking_back(self, epcs: str | Iterable[str], sender: "Party") -> Members:
        return self.teller.taking_back(_listed(epcs), self.world.passes(), sender=sender.gln)

    def dispensing(self, epcs: str | Iterable[str]) -> Members:
        return self.teller.dispensing(_listed(epcs), self.world.passes())

    def observing(self, epcs: str | Iterable[str], step: str = "inspecting") -> Members:
        return self.teller.observing(step, _listed(epcs), self.world.passes())

    # ---- handing it in --------------------------------------------------------------------------------------------

    def tells(self, *events: Members, **options: Any) -> capture.Accepted:
        """Sign and hand in one document of these events."""
        return self.submits(document(*events), **options)

    def submits(self, received: bytes, *, content_type: str | None = None, offline: bool = False) -> capture.Accepted:
        """As `unitproof submit` does: draw a draft, compute every root again, sign, hand in."""
        now = self.world.now
        row = capture.draft(received, self.partner, content_type=content_type, now=now)
        value = Draft.parse(bytes(row.draft))
        parsed = capture.parse(received, content_type, capture.limits())
        value.check(parsed, received)
        return self.hands_in(received, bytes(value.opening), value.payload, content_type=content_type)

    def hands_in(
        self, received: bytes, opening: bytes, said: statements.Submission, *, content_type: str | None = None
    ) -> capture.Accepted:
        statement = statements.sign(said, self.key)
        return capture.capture(received, opening, statement, content_type=content_type, now=self.world.now)


class World:
    """The cast, on a node with an authority of its own."""

    def __init__(self, members: dict[str, Any] | None = None) -> None:
        """As it is in the beginning, or with the members that another had."""
        for name, value in (members or once("world", self._begins)).items():
            setattr(self, name, replace(value, world=self) if isinstance(value, Party) else value)

    @property
    def members(self) -> dict[str, Any]:
        """Its parties, its time and whatever else a story has added, as they are now."""
        return {name: replace(value) if isinstance(value, Party) else value for name, value in vars(self).items()}

    def _begins(self) -> dict[str, Any]:
        keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
        self.now = BEGINNING
        self.authority = Party(self, gln(1), "Board of Pharmacy", Role.REGULATOR)
        authorities.save(
            Path(settings.AUTHORITIES), [authorities.Authority(self.authority.gln, self.authority.key.public)]
        )
        self.maker = self._joins(100, "Maker", Role.MANUFACTURER, prefixes=("0614141",))
        self.distributor = self._joins(200, "Distributor", Role.WHOLESALE_DISTRIBUTOR)
        self.pharmacy = self._joins(300, "Pharmacy", Role.DISPENSER)
        self.other_pharmacy = self._joins(400, "Other Pharmacy", Role.DISPENSER)
        self.regulator = self._joins(500, "Regulator", Role.REGULATOR)
        self.stranger = self._joins(600, "Stranger", Role.DISPENSER)
        return self.members

    def passes(self, **time: float) -> datetime:
        """A minute goes by, or what is said."""
        self.now += timedelta(**(time or {"minutes": 1}))
        return self.now

    def _joins(self, number: int, name: str, role: Role, prefixes: tuple[str, ...] = ()) -> Party:
        party = Party(self, gln(number), name, role)
        admit(party.gln, name=name, role=role, now=self.passes())
        self.enrols(party)
        if prefixes:
            self.lets_issue(party, *prefixes)
        return party

    def enrols(self, party: Party, key: PrivateKey | None = None, by: Party | None = None) -> None:
        """The authority, or another that may, vouches for the party's key."""
        public, voucher = (key or party.key).public, by or self.authority
        self.registers(
            statements.Key(
                about=party.gln, kid=public.kid, alg=ALGORITHMS[public.alg], public=public.raw, **self._from(voucher)
            ),
            voucher.key,
        )

    def entrusts(self, party: Party) -> CustodialKey:
        """The node makes a key for the party, which the authority vouches for: from now on it signs at its word."""
        key = custodial.make(party.partner, now=self.now)
        public = PublicKey(Algorithm(key.alg), bytes(key.public))
        said = statements.Key(
            about=party.gln, kid=public.kid, alg=ALGORITHMS[public.alg], public=public.raw,
            **self._from(self.authority),
        )  # fmt: skip
        self.registers(said, self.authority.key)
        return key

    def revokes(self, key: PrivateKey, of: Party, by: Party, compromised: datetime | None = None) -> None:
        """Whoever may takes a party's key out of use, with the key it has now."""
        said = statements.KeyRevocation(about=of.gln, kid=key.public.kid, compromised=compromised, **self._from(by))
        self.registers(said, by.key)

    def delegates(self, party: Party, to: Party, *steps: str) -> str:
        """The party lets another act for it; the entry of that, in hexadecimal."""
        said = statements.Delegation(about=party.gln, to=to.gln, steps=steps, **self._from(party))
        return self.registers(said, party.key)

    def takes_back(self, entry: str, of: Party, by: Party) -> str:
        """What was given by that entry holds no more."""
        return self.registers(statements.Revocation(about=of.gln, entry=entry, **self._from(by)), by.key)

    def holds(self, by: Party, kind: str = "recall", *, signed_by: Party | None = None, **what: Any) -> str:
        """What `epc`, or `gtin` with `lot` or `first` and `last`, names stays where it is."""
        signer = signed_by or by
        members = {"hold": statements.HoldKind(kind), "reason": "particles found", **what}
        said = statements.Hold(about=by.gln, **members, **self._from(signer))
        return self.registers(said, signer.key)

    def releases(self, entry: str, of: Party, by: Party | None = None) -> str:
        signer = by or of
        said = statements.Release(about=of.gln, entry=entry, reason="cleared", **self._from(signer))
        return self.registers(said, signer.key)

    def grants(self, party: Party, to: Party, *gtins: str, until: datetime | None = None) -> str:
        """The party lets another read what it may read itself."""
        said = statements.Grant(about=party.gln, to=to.gln, gtins=gtins or None, valid_to=until, **self._from(party))
        return self.registers(said, party.key)

    def opens_case(
        self, *, gtin: str = GTIN, lot: str | None = None, serials: tuple[str, ...] | None = None,
        number: str = "24-117", by: Party | None = None, until: datetime | None = None,
    ) -> str:  # fmt: skip
        """The regulator looks into these goods: long enough, whatever day it is."""
        regulator = by or self.regulator
        said = statements.Case(
            about=regulator.gln, case=number, gtin=gtin, lot=lot, serials=serials, reason="particles",
            valid_to=until or self.now.replace(microsecond=0) + timedelta(days=3650), **self._from(regulator),
        )  # fmt: skip
        return self.registers(said, regulator.key)

    def lets_issue(self, party: Party, *gtins: str) -> str:
        said = statements.Prefix(about=party.gln, gtins=gtins, **self._from(self.authority))
        return self.registers(said, self.authority.key)

    def licenses(self, party: Party, days: int = 365, *, since: datetime | None = None, number: str = "L-1") -> str:
        """From a time, or from now, for so many days."""
        begins = (since or self.now).replace(microsecond=0)
        said = statements.Licence(
            about=party.gln, licence=number, role=party.role, states=("NJ", "NY"),
            valid_from=begins, valid_to=begins + timedelta(days=days), **self._from(self.authority),
        )  # fmt: skip
        return self.registers(said, self.authority.key)

    def operates(
        self,
        party: Party,
        place: str,
        name: str = "Dock",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """By the operator's word: from the beginning, if it is not said since when."""
        begins = since or BEGINNING - timedelta(days=9000)
        locate(party.gln, place=place, name=name, valid_from=begins, valid_to=until, now=self.passes())

    def renews_its_key(self, party: Party) -> None:
        """The old key vouches for a new one, which then takes the old one out of use."""
        old, new = party.key, PrivateKey.generate()
        self.enrols(party, new, by=party)
        party.key = new
        self.revokes(old, of=party, by=party)

    def _from(self, party: Party) -> dict[str, Any]:
        return {
            "log": settings.LOG_ORIGIN,
            "submitter": party.gln,
            "time": self.passes(),
            "statement": str(uuid.uuid4()),
        }

    def registers(self, statement: statements.Statement, key: PrivateKey) -> str:
        """Its entry, in hexadecimal."""
        row, _ = registration.register(statements.sign(statement, key), now=self.now)
        return bytes(row.entry.entry).hex()
