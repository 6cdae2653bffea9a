"""What goes wrong, and as what each has to be found: the truth, of which the node is told nothing. Pure.

    plan ──draw──> faults          each with its own packs and cases, which are nobody's innocents then

A row of KINDS says how often a kind happens and the class that it must be found as. How it is done is in `running.py`,
a function a kind; what the node says is put into the same classes by `observing.py`, which knows nothing of this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ..demo.documents import Pack
from .plan import ALPHABET, DISPENSER, EXPIRY, REPACKAGER, Case, Load, Member, Plan


class Class(StrEnum):
    """As what something is found."""

    COPY = "copy"  # two packs, or more, with one serial number
    OUT_OF_CHAIN = "out_of_chain"  # somewhere else than its record is
    AFTER_END = "after_end"  # it had been dispensed
    RELABELLED = "relabelled"  # another lot or expiry than was recorded
    MADE_UP = "made_up"  # a number that nobody ever gave to a pack
    NUMBER_REUSED = "number_reused"
    NOT_LICENSED = "not_licensed"  # made by who may not use the product code
    FORGED_FILE = "forged_file"  # not signed by who it says
    FORGED_PAPER = "forged_paper"  # signed by its receiver, and its sender never sent it
    REVOKED_KEY = "revoked_key"
    STOLEN_KEY = "stolen_key"  # signed with a key that others had
    LAPSED_LICENCE = "lapsed_licence"
    UNVERIFIED_RETURN = "unverified_return"
    WRONG_AGGREGATION = "wrong_aggregation"
    LOST_FILE = "lost_file"
    LATE_FILE = "late_file"
    OVERAGE = "overage"
    SHORTAGE = "shortage"
    ON_HOLD = "on_hold"  # recalled, and moved on
    STOLEN = "stolen"  # and reported so


class Kind(NamedTuple):
    """A kind of fault."""

    found_as: Class
    often: float  # of 100,000 units; each kind at least once
    packs: int = 0  # it needs, from one pharmacy's shelf
    cases: int = 0  # that one wholesaler has left
    given_out: bool = False  # its packs are with patients
    what: str = ""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "copy_after": Kind(Class.COPY, 30, packs=1, what="holder scans its pack, then a copy is scanned elsewhere"),
        "copy_before": Kind(Class.COPY, 30, packs=1, what="a copy is scanned, and its holder looks what it has"),
        "copy_in_transit": Kind(Class.COPY, 8, cases=1, what="a copy is scanned before the pack has come"),
        "copy_claimed": Kind(Class.COPY, 15, packs=1, what="a copy is received from somebody, in a signed file"),
        "copy_returned": Kind(Class.COPY, 8, packs=1, what="a copy comes back to the wholesaler, its pack does not"),
        "copy_of_dispensed": Kind(Class.AFTER_END, 20, packs=1, given_out=True, what="a copy of what a patient has"),
        "dispensed_twice": Kind(Class.AFTER_END, 20, packs=1, given_out=True, what="dispensed again, by another"),
        "repacked_and_sold": Kind(Class.AFTER_END, 8, what="taken out of use by a repackager, scanned by a pharmacy"),
        "diverted_pack": Kind(Class.OUT_OF_CHAIN, 30, packs=1, what="left its pharmacy unrecorded, scanned elsewhere"),
        "diverted_case": Kind(Class.OUT_OF_CHAIN, 8, cases=2, what="shipped to one, received by another"),
        "relabelled_expiry": Kind(Class.RELABELLED, 25, packs=1, what="a later expiry on the pack"),
        "relabelled_lot": Kind(Class.RELABELLED, 25, packs=1, what="another lot on the pack"),
        "made_up": Kind(Class.MADE_UP, 30, packs=1, what="a serial number that was never given"),
        "number_reused": Kind(Class.NUMBER_REUSED, 10, packs=1, what="its maker commissions a serial number again"),
        "not_licensed": Kind(Class.NOT_LICENSED, 10, packs=1, what="a repackager commissions a maker's product"),
        "forged_signature": Kind(Class.FORGED_FILE, 8, packs=1, what="signed with a key that is not the party's"),
        "altered_file": Kind(Class.FORGED_FILE, 8, packs=1, what="changed after it was signed"),
        "false_name": Kind(Class.FORGED_FILE, 8, packs=1, what="handed in as another party, signed by its own key"),
        "forged_paper": Kind(
            Class.FORGED_PAPER, 4, packs=1, what="a receiver tells of packs that their maker never made"
        ),
        "forged_paper_of_silent": Kind(Class.FORGED_PAPER, 4, what="the same of a maker that signs nothing here"),
        "stolen_key": Kind(Class.STOLEN_KEY, 8, packs=2, what="packs are sold with a stolen key, before its end"),
        "revoked_key": Kind(Class.REVOKED_KEY, 8, packs=1, what="signed with a stolen key, after its end"),
        "lapsed_buyer": Kind(Class.LAPSED_LICENCE, 8, cases=1, what="shipped to who has lost its licence"),
        "unverified_return": Kind(Class.UNVERIFIED_RETURN, 15, packs=1, what="a return is sold on, not verified"),
        "wrong_aggregation": Kind(Class.WRONG_AGGREGATION, 8, cases=2, what="two packs of two cases are exchanged"),
        "lost_file": Kind(Class.LOST_FILE, 8, cases=1, what="goods come, and the file of their shipment does not"),
        "late_file": Kind(Class.LATE_FILE, 8, cases=1, what="what happened before a shipment is told after it came"),
        "overage": Kind(Class.OVERAGE, 8, cases=2, what="a case more than was shipped"),
        "shortage": Kind(Class.SHORTAGE, 8, cases=2, what="a case less than was shipped"),
        "short_case": Kind(Class.SHORTAGE, 8, cases=1, what="a pack less in a case than its maker packed"),
        "recalled": Kind(Class.ON_HOLD, 15, packs=1, what="recalled, and its pharmacy dispenses it"),
        "reported_stolen": Kind(Class.STOLEN, 15, packs=1, what="reported stolen, and scanned elsewhere"),
    }
)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    number: int
    kind: str  # of KINDS
    holder: Member  # who has it by the record; of what nobody made, who was offered it
    other: Member  # who comes into it beside
    load: Load
    packs: tuple[Pack, ...] = ()
    cases: tuple[Case, ...] = ()
    forged: tuple[Pack, ...] = ()  # packs as they are in hand, where their label is not the record's
    subjects: tuple[str, ...] = ()  # EPCs by which it may be found, any of them; beside its own files

    @property
    def found_as(self) -> Class:
        return KINDS[self.kind].found_as

    @property
    def file(self) -> str:
        """How its files are called: `kind-number`, and what they are."""
        return f"{self.kind}-{self.number}"

    @property
    def buyer(self) -> Member:
        """Whom the cases are shipped to: a customer of their wholesaler."""
        return next(each for each, _ in self.load.deliveries if each.gln != self.other.gln)

    @property
    def touched(self) -> Iterator[str]:
        """Every EPC that it has to do with: none of them is innocent."""
        yield from self.subjects
        yield from (pack.epc for pack in (*self.packs, *self.forged))
        for case in self.cases:
            yield case.epc
            yield from case.epcs


MOST_ROBBED = 8  # parties whose key is stolen, of however many units
FORGED = 5  # packs, of one file
ROBBERIES = ("stolen_key", "revoked_key")
T = TypeVar("T")
_Found = tuple[Member, Load, tuple[Pack, ...], tuple[Case, ...]]


def draw(plan: Plan, random: Random) -> list[Fault]:
    """As many of each kind as KINDS has for so many units, and as there are packs and cases for. No two touch the same
    pack, case or stolen key."""
    return list(_Drawing(plan, random).faults())


class _Drawing:
    def __init__(self, plan: Plan, random: Random) -> None:
        self.plan, self.random, self.number = plan, random, 0
        signs = [each for each in plan.stock() if each[1].signed]
        self.shelves, self.patients = self._shuffled(signs), self._shuffled(list(plan.given_out()))
        self.kept = self._shuffled([load for load in plan.loads if load.signed and load.kept])
        repacked = [load for load in plan.loads if not load.deliveries]
        self.out_of_use = self._shuffled([(load, pack) for load in repacked for c in load.cases for pack in c.packs])
        self.silent = [load for load in plan.loads if not load.maker.signs]
        self.left = {load.number: list(load.kept) for load in self.kept}
        self.robbed: set[str] = set()  # whose key was stolen: once each

    def _shuffled(self, things: list[T]) -> list[T]:
        self.random.shuffle(things)
        return things

    def faults(self) -> Iterator[Fault]:
        """The stolen keys come last: who has lost its key signs no more."""
        for name in sorted(KINDS, key=lambda name: name in ROBBERIES):
            kind = KINDS[name]
            for _ in range(max(1, round(kind.often * self.plan.units / 100_000))):
                if (fault := self._fault(name, kind)) is None:
                    break
                yield fault

    def _fault(self, name: str, kind: Kind) -> Fault | None:
        found = self._found(name, kind)
        if found is None:
            return None
        holder, load, packs, cases = found
        self.number += 1
        other = self._other(name, holder)
        forged = tuple(self._forged(name, (*packs, *load.cases[0].packs)[0]))
        fault = Fault(self.number, name, holder, other, load, packs, cases, forged)
        return replace(fault, subjects=tuple(_subjects(fault)))

    def _found(self, name: str, kind: Kind) -> _Found | None:
        if name == "repacked_and_sold":
            if not self.out_of_use:
                return None
            load, pack = self.out_of_use.pop()
            return load.to, load, (pack,), ()
        if name == "forged_paper_of_silent":
            if not self.silent:
                return None
            load = self.random.choice(self.silent)
            return load.deliveries[0][0], load, (), ()
        return self._cases(kind.cases) if kind.cases else self._packs(name, kind)

    def _packs(self, name: str, kind: Kind) -> _Found | None:
        """From one shelf."""
        pool = self.patients if kind.given_out else self.shelves
        while (at := next((at for at, each in enumerate(pool) if self._may_hold(name, each[0])), None)) is not None:
            holder, load, pack = pool.pop(at)
            packs = [pack]
            while len(packs) < kind.packs:
                more = next((n for n, each in enumerate(pool) if each[:2] == (holder, load)), None)
                if more is None:
                    break
                packs.append(pool.pop(more)[2])
            if len(packs) == kind.packs:
                if name == "stolen_key":
                    self.robbed.add(holder.gln)
                return holder, load, tuple(packs), ()
        return None

    def _may_hold(self, name: str, holder: Member) -> bool:
        """A key is stolen once, and used after its end where it was stolen. Most keys are never stolen."""
        if name == "stolen_key":
            return holder.gln not in self.robbed and len(self.robbed) < MOST_ROBBED
        return name != "revoked_key" or holder.gln in self.robbed

    def _cases(self, count: int) -> _Found | None:
        for at, load in enumerate(self.kept):
            left = self.left[load.number]
            if len(left) >= count:
                self.kept.append(self.kept.pop(at))  # in turn
                return load.to, load, (), tuple(left.pop() for _ in range(count))
        return None

    def _other(self, name: str, holder: Member) -> Member:
        if name == "lapsed_buyer":
            return self.plan.unlicensed
        if name == "not_licensed":
            return self.random.choice(self.plan.of(REPACKAGER))
        fit = (each for each in self.plan.of(DISPENSER) if each.gln != holder.gln)
        if name == "stolen_key":  # whose buyer signs that it has them
            fit = (each for each in fit if each.gln not in self.robbed)
        return self.random.choice(list(fit))

    def _forged(self, name: str, like: Pack) -> Iterator[Pack]:
        """The labels in hand."""
        match name:
            case "relabelled_expiry":
                yield Pack(like.gtin, like.serial, like.lot, f"20{self.random.randint(41, 48)}{EXPIRY[4:]}")
            case "relabelled_lot":
                yield Pack(like.gtin, like.serial, "X" + self._text(4), like.expiry)
            case "made_up":
                yield Pack(like.gtin, self._text(12), like.lot, like.expiry)
            case "not_licensed" | "forged_paper" | "forged_paper_of_silent":
                yield from (Pack(like.gtin, self._text(12), like.lot, like.expiry) for _ in range(FORGED))

    def _text(self, length: int) -> str:
        return "".join(self.random.choices(ALPHABET, k=length))


def _subjects(fault: Fault) -> Iterator[str]:
    """What the node has to speak of. That it speaks of another pack of the same case is no find."""
    if fault.kind == "wrong_aggregation":
        yield from (case.epcs[0] for case in fault.cases)
    elif fault.kind == "copy_in_transit":
        yield fault.cases[0].epcs[0]
    elif fault.kind in ("overage", "shortage", "diverted_case"):
        yield fault.cases[-1].epc
    elif fault.cases:
        yield from (case.epc for case in fault.cases)
    else:
        yield from (pack.epc for pack in fault.forged or fault.packs)
