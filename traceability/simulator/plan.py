"""The chain that is simulated: who takes part, what each makes, and which way it goes. Pure: no node, no clock.

    maker ──pallet──> wholesaler ──cases──> pharmacies ──> shelf, or patient
      └──pallet──> repackager ──pallet──> wholesaler ...      └── cases that the wholesaler has left: `kept`

All is drawn from one `random.Random`: the same seed and number of units give the same plan, to the serial number. Times
count from BEGINNING, so that no act lies ahead of a node's clock, and none depends on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random

from ..demo.documents import Pack, gln, gtin, sscc

BEGINNING = datetime(2024, 1, 8, 8, tzinfo=UTC)
FAULTS_BEGIN = BEGINNING + timedelta(days=200)  # by then every load is where it was to go
LICENCE_LOST = BEGINNING + timedelta(days=100)  # of the one wholesaler that trades on without
EXPIRY = "2039-12-31"
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # of serial numbers: nothing that reads like something else

PER_CASE = 10  # units
LOADS = 24  # at least: so that everybody has something
LARGEST = 10_000  # units of a load, which is one file of its maker
LEAST, MOST = 1_000, 1_000_000  # units of a plan
PHARMACIES_PER_LOAD = 4
KEPT, DISPENSED = 0.2, 0.3  # shares: of a load's cases, of a pharmacy's packs

MANUFACTURER, REPACKAGER, WHOLESALER, DISPENSER = "manufacturer", "repackager", "wholesale_distributor", "dispenser"


@dataclass(frozen=True, slots=True)
class Member:
    """Who takes part. Who does not sign is told of by the next who does."""

    gln: str
    name: str
    role: str
    prefix: str = ""  # company prefix, of who makes anything
    signs: bool = True
    licensed_until: datetime | None = None  # None: for as long as anything happens here


@dataclass(frozen=True, slots=True)
class Case:
    """A case, and what is in it: units of one lot."""

    epc: str
    gtin: str
    lot: str
    serials: tuple[str, ...]

    @property
    def packs(self) -> list[Pack]:
        return [Pack(self.gtin, serial, self.lot, EXPIRY) for serial in self.serials]

    @property
    def epcs(self) -> list[str]:
        return [pack.epc for pack in self.packs]


@dataclass(frozen=True)
class Load:
    """One pallet from its maker to a wholesaler, and on."""

    number: int
    maker: Member
    to: Member  # a wholesaler; or a repackager, who takes all of it apart
    pallet: str  # EPC
    cases: tuple[Case, ...]
    deliveries: tuple[tuple[Member, tuple[Case, ...]], ...] = ()
    repacks: int | None = None  # number of the load whose units these were before

    @property
    def begins(self) -> datetime:
        return BEGINNING + timedelta(hours=6 * self.number)

    @property
    def kept(self) -> tuple[Case, ...]:
        """What the wholesaler has left."""
        return self.cases[sum(len(cases) for _, cases in self.deliveries) :] if self.deliveries else ()

    @property
    def signed(self) -> bool:
        """Whether everybody on its way signs."""
        return self.maker.signs and self.to.signs

    @property
    def units(self) -> int:
        return sum(len(case.serials) for case in self.cases)


@dataclass(frozen=True)
class Plan:
    """Everybody, and everything that goes as it should."""

    seed: int
    members: tuple[Member, ...]
    loads: tuple[Load, ...]
    dispensed: frozenset[str]  # EPCs of units

    @property
    def units(self) -> int:
        return sum(load.units for load in self.loads)

    def of(self, role: str, *, signing: bool = True) -> list[Member]:
        """Those of a role whose licence goes on, and who sign, or do not."""
        fit = (each for each in self.members if each.role == role and each.licensed_until is None)
        return [each for each in fit if each.signs is signing]

    @cached_property
    def unlicensed(self) -> Member:
        return next(each for each in self.members if each.licensed_until is not None)

    def stock(self) -> Iterator[tuple[Member, Load, Pack]]:
        """Every pack on a pharmacy's shelf, and how it came there."""
        for load in self.loads:
            for pharmacy, cases in load.deliveries:
                for case in cases:
                    packs = (pack for pack in case.packs if pack.epc not in self.dispensed)
                    yield from ((pharmacy, load, pack) for pack in packs)

    def given_out(self) -> Iterator[tuple[Member, Load, Pack]]:
        """Every pack that a patient has."""
        for load in self.loads:
            for pharmacy, cases in load.deliveries:
                for case in cases:
                    packs = (pack for pack in case.packs if pack.epc in self.dispensed)
                    yield from ((pharmacy, load, pack) for pack in packs)


# ---- who takes part -------------------------------------------------------------------------------------------------

OFFICE, REGULATOR = gln("9521000", 1), gln("9521000", 2)


def members() -> tuple[Member, ...]:
    """44 of them; of each kind some do not sign, and one wholesaler loses its licence on the way."""

    def some(first: int, role: str, name: str, count: int, silent: int = 0) -> Iterator[Member]:
        for at in range(count):
            prefix = f"95210{first + at:02d}" if role in (MANUFACTURER, REPACKAGER) else ""
            yield Member(gln("9521000", 100 * first + at), f"{name} {at + 1}", role, prefix, at < count - silent)

    lapsed = Member(gln("9521000", 9000), "Lapsed Wholesale", WHOLESALER, licensed_until=LICENCE_LOST)
    return (
        *some(11, MANUFACTURER, "Maker", 7, silent=1),
        *some(21, REPACKAGER, "Repackager", 2),
        *some(31, WHOLESALER, "Wholesaler", 8, silent=1),
        lapsed,
        *some(41, DISPENSER, "Pharmacy", 26),
    )


# ---- what goes where ------------------------------------------------------------------------------------------------


def draw(seed: int, units: int) -> Plan:
    """A plan of so many units, or up to a case for every load more. Raises `ValueError` for too few, or too many."""
    if not LEAST <= units <= MOST:
        raise ValueError(f"a chain has {LEAST:,} to {MOST:,} units")
    return _Drawing(Random(seed)).plan(seed, units)  # noqa: S311 - a plan is no secret


class _Drawing:
    def __init__(self, random: Random) -> None:
        self.random, self.taken = random, 0

    def plan(self, seed: int, units: int) -> Plan:
        everybody = members()
        self.shell = Plan(seed, everybody, (), frozenset())
        makers = self.shell.of(MANUFACTURER)
        makers[2:2] = self.shell.of(MANUFACTURER, signing=False)
        wholesalers = self.shell.of(WHOLESALER) + self.shell.of(WHOLESALER, signing=False)
        count = max(LOADS, -(-units // LARGEST))
        cases = max(2 * PHARMACIES_PER_LOAD, -(-units // (count * PER_CASE)))  # of a load
        loads: list[Load] = []
        while sum(load.units for load in loads) < units:
            at = len(loads)
            maker, wholesaler = makers[at % len(makers)], wholesalers[at % len(wholesalers)]
            if maker.signs and at % 12 == 5 and sum(load.units for load in loads) + cases * PER_CASE < units:
                loads += self._repacked(at, maker, self.random.choice(self.shell.of(REPACKAGER)), wholesaler, cases)
            elif maker.signs or wholesaler.signs:
                loads.append(self._load(at, maker, wholesaler, cases))
            else:  # of whom neither signs, nobody here would hear
                loads.append(self._load(at, maker, wholesalers[0], cases))
        return Plan(seed, everybody, tuple(loads), self._dispensed(loads))

    def _load(self, number: int, maker: Member, to: Member, cases: int, repacks: int | None = None) -> Load:
        made = self._made(maker, cases, number)
        return Load(number, maker, to, made[0], made[1], tuple(self._deliveries(made[1])), repacks)

    def _repacked(self, number: int, maker: Member, repackager: Member, wholesaler: Member, cases: int) -> list[Load]:
        """What the maker made, and the same again under the repackager's own numbers."""
        pallet, made = self._made(maker, cases, number)
        first = Load(number, maker, repackager, pallet, made)
        return [first, self._load(number + 1, repackager, self.shell.of(WHOLESALER)[0], cases, repacks=number)]

    def _made(self, maker: Member, cases: int, number: int) -> tuple[str, tuple[Case, ...]]:
        item = number % 9 + 1
        lot, product, outer = f"L{number:04d}", gtin(maker.prefix, item), gtin(maker.prefix, item, 5)
        made = tuple(
            Case(
                f"https://id.gs1.org/01/{outer}/21/{self.serial()}",
                product,
                lot,
                tuple(self.serial() for _ in range(PER_CASE)),
            )
            for _ in range(cases)
        )
        return sscc(maker.prefix, number + 1), made

    def serial(self) -> str:
        """Twelve characters: that two of a million are the same does not happen."""
        return "".join(self.random.choices(ALPHABET, k=12))

    def _deliveries(self, cases: tuple[Case, ...]) -> Iterator[tuple[Member, tuple[Case, ...]]]:
        """All but what is kept, to a few pharmacies in equal parts."""
        share = max(1, round(len(cases) * (1 - KEPT)) // PHARMACIES_PER_LOAD)
        for at, pharmacy in enumerate(self.random.sample(self.shell.of(DISPENSER), PHARMACIES_PER_LOAD)):
            yield pharmacy, cases[at * share : (at + 1) * share]

    def _dispensed(self, loads: list[Load]) -> frozenset[str]:
        """Of what came the signed way: whoever is told a pack's maker did not sign it, keeps it here."""
        chosen: list[str] = []
        for load in loads:
            for _, cases in load.deliveries if load.signed else ():
                epcs = [epc for case in cases for epc in case.epcs]
                chosen += self.random.sample(epcs, round(len(epcs) * DISPENSED))
        return frozenset(chosen)
