"""The proof of a shipment: one file by which a stranger checks what one event shipped, down to the last unit.

A bundle follows one item; this shows one event with all that it shipped. The shipping event's leaves commit to the
contents of every pallet, and those contents, leaf by leaf, to the units; the event by which each unit was commissioned
says its lot and expiry.

    {"v":1, "items":[epc, ...], "ships":[index in the log, position], "contents":[[leaf, [leaf, ...]], ...],
     "segment":{...}}                          a segment as in a bundle; deterministic CBOR

A leaf in `contents` is a number, counting from 0 all items that the segment shows, in its order: the container as it
was shipped or packed, and all that is in it. What is shown says nothing of what happened to anything since, and no
status is part of it: it is proven what was shipped, and who signed that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import cbor2

from ledger.tlog.merkle import root_of
from partners.gs1.identifiers import GTIN_AT, gln_of, gtin_of, is_canonical, is_sgtin

from ..custody import SIGNED_BY_PARTY, Voice
from ..epcis.events import Action, Event
from ..epcis.jcs import JSON
from ..policy import Policy
from ..statements import Submission, open_statement
from ..submission import begins
from .build import EventSource, Source, hop_of
from .check import _Examination, _Told
from .report import BundleRefused, Failure, Note, Numbered, Result
from .value import (
    Entered,
    Hop,
    Item,
    MalformedBundle,
    Segment,
    Shown,
    _count,
    _loads,
    _Reader,
    _write_segment,
)

MEDIA_TYPE = "application/vnd.unitproof.shipment+cbor"
MAX_SIZE = 1 << 27  # bytes: half a million units
ILMD = ("urn:epcglobal:cbv:mda:lotNumber", "urn:epcglobal:cbv:mda:itemExpirationDate")


class Step(Numbered):
    """The steps of checking a shipment, each resting on those before it; the first eight are those of a bundle."""

    READ = 1, "The file is the proof of a shipment, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRIES = 4, "Every statement is in the log."
    KEYS = 5, "Every key and right was granted by who may grant it, in the log."
    STATEMENTS = 6, "Every statement is for this log, and signed with a key its signer had at that point of the log."
    EVENTS = 7, "Every event is part of its statement."
    LEAVES = 8, "Everything shown of an event is part of it."
    SHIPPING = 9, "One event ships, and all that it names is shown."
    CONTENTS = 10, "What was shipped holds what is listed, and nothing else."
    LOTS = 11, "Lot and expiry of each unit are told by whom its GTIN was licensed to."


# ---- the value ------------------------------------------------------------------------------------------------------

Contents = Mapping[int, tuple[int, ...]]
"""By number of a container's leaf, the numbers of the leaves of all that is in it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One saleable package, as whoever commissioned it told."""

    epc: str
    lot: str | None
    expiry: str | None  # as the ILMD writes it
    outermost: str  # EPC of what was shipped: itself, or what it was in

    @property
    def gtin(self) -> str:
        return self.epc[GTIN_AT : GTIN_AT + 14]


@dataclass(frozen=True)
class Shipped:
    """What one event shipped, and what its document said around it."""

    submission: str  # UUID
    signer: str  # GLN
    position: int  # of the event in the submission
    party: str  # GLN of whose act it is
    voice: Voice
    event: Event  # as far as it is shown
    header: Mapping[str, JSON]
    units: tuple[Unit, ...]  # by EPC
    unstated: tuple[str, ...]  # EPCs of what nobody has stated the contents of


@dataclass(frozen=True)
class Told:
    """What is shown of the submissions, before anything of it is proven: the log may not have them yet."""

    hops: tuple[Hop, ...]  # by index
    ships: tuple[int, int]  # index in the log, position in the submission
    contents: Contents

    @cached_property
    def shown(self) -> list[tuple[Hop, Shown]]:
        return [(hop, shown) for hop in self.hops for shown in hop.events]

    @cached_property
    def leaves(self) -> list[tuple[int, Item]]:
        """Every item that is shown, with the number of its event."""
        return [(number, item) for number, (_, shown) in enumerate(self.shown) for item in shown.items]

    @cached_property
    def shipping(self) -> int:
        """Number of the event that ships."""
        found = [number for number, (hop, shown) in enumerate(self.shown)
                 if (hop.entered.index, shown.position) == self.ships]  # fmt: skip
        if len(found) != 1:
            raise MalformedBundle("the event that ships is not shown", where="ships", found=str(self.ships))
        return found[0]

    @property
    def _described(self) -> dict[str, JSON]:
        """Products, as the documents describe them: the last to be logged counts."""
        told = (named for hop in self.hops for named in hop.header)
        return {named.name: named.value for named in told if named.name.startswith("product:")}

    def walk(self) -> Iterator[tuple[int, Item, str]]:
        """All that was shipped, from outside to inside: number of its leaf, the item, and EPC of the outermost."""
        seen: set[int] = set()
        stack = [(number, item.epc) for number, (event, item) in enumerate(self.leaves)
                 if event == self.shipping and item.kind != "s"][::-1]  # fmt: skip
        while stack:
            number, outermost = stack.pop()
            if number in seen:
                raise BundleRefused("one leaf is in two places", code="in_two_places", where=f"leaf {number}")
            seen.add(number)
            yield number, self.leaves[number][1], outermost
            stack += [(inside, outermost) for inside in reversed(self.contents.get(number, ()))]

    def shipped(self, lots: "Callable[[str], tuple[str | None, str | None]]") -> Shipped:
        """What it comes to. `lots`: lot and expiry of a unit, by its EPC."""
        hop, shown = self.shown[self.shipping]
        opened = open_statement(hop.entered.envelope)
        assert isinstance(opened.payload, Submission)
        units, unstated, named = [], [], set()
        for _, item, outermost in self.walk():
            named.add(item.epc)
            if item.content == "none" and is_sgtin(item.epc):
                units.append(Unit(item.epc, *lots(item.epc), outermost))
            elif not isinstance(item.content, tuple):
                unstated.append(item.epc)
        unstated += [item.epc for item in shown.items if item.kind == "s" and item.epc not in named]
        return Shipped(
            submission=opened.payload.id,
            signer=opened.issuer,
            position=shown.position,
            party=str(shown.core.get("for") or opened.issuer),
            voice=Voice(str(shown.core["as"])),
            event=event_shown(shown),
            header=self._described | {named.name: named.value for named in hop.header},
            units=tuple(sorted(units, key=lambda unit: unit.epc)),
            unstated=tuple(sorted(unstated)),
        )


def event_shown(shown: Shown) -> Event:
    """As much of an event as its core and its fields say."""
    members = {_IN_EVENT.get(name, name): value for name, value in shown.core.items() if name not in _OURS}
    return Event.from_canonical(members | {named.name: named.value for named in shown.fields})


_OURS = frozenset({"as", "for", "items", "inputs", "outputs"})
_IN_EVENT = {"sources": "sourceList", "destinations": "destinationList"}


def lot_of(shown: Shown) -> tuple[str | None, str | None]:
    """Lot and expiry, as the event's ILMD tells them."""
    ilmd = next((named.value for named in shown.fields if named.name == "ilmd"), None)
    lot, expiry = (ilmd.get(name) if isinstance(ilmd, dict) else None for name in ILMD)
    return lot if isinstance(lot, str) else None, expiry if isinstance(expiry, str) else None


@dataclass(frozen=True)
class Shipment:
    """The file."""

    told: Told
    segment: Segment

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(sorted({item.epc for _, item in self.told.leaves}))

    def __bytes__(self) -> bytes:
        items = self.items
        members = {
            "v": 1,
            "items": items,
            "ships": list(self.told.ships),
            "contents": [[number, list(self.told.contents[number])] for number in sorted(self.told.contents)],
            "segment": _write_segment(self.segment, {epc: number for number, epc in enumerate(items)}),
        }
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        match _loads(data, MAX_SIZE):
            case {
                "v": 1, "items": list(items), "ships": [index, position], "contents": list(contents),
                "segment": dict(segment), **others,
            } if not others and items and all(isinstance(epc, str) for epc in items):  # fmt: skip
                pass
            case _:
                raise MalformedBundle("not a shipment", expected="v, items, ships, contents and segment")
        if not all(map(is_canonical, items)):
            detail = "another spelling than the one of its identifier"
            raise MalformedBundle(detail, code="identifier_not_canonical", where="items")
        read = _Reader(items).segment(segment)
        told = Told(read.hops, (_count(index), _count(position)), dict(map(_content, contents)))
        told.shipping  # noqa: B018 - a value that exists names one
        count = len(told.leaves)
        if any(leaf >= count for number, inside in told.contents.items() for leaf in (number, *inside)):
            raise MalformedBundle("no such leaf", where="contents", expected=f"less than {count}")
        shipment = cls(told, read)
        if bytes(shipment) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        return shipment


def _content(part: Any) -> tuple[int, tuple[int, ...]]:
    match part:
        case [number, [first, *rest]]:
            return _count(number), tuple(map(_count, (first, *rest)))
    raise MalformedBundle("not a content", where="contents", expected="leaf, [leaf, ...]")


# ---- building -------------------------------------------------------------------------------------------------------


def tell(
    sources: Iterable[Source],
    ships: tuple[int, int],
    inside: Mapping[bytes, Sequence[bytes]],
    *,
    gtins: Iterable[str],
) -> Told:
    """From what a node stores to what is shown. `inside`: of each container, by its leaf's hash, the leaves in it.

    Of the document that ships: what it says of itself, of these products and of the places of both parties; of its
    event everything. Of all other documents what they say of the products, and of their events the core, and lot and
    expiry.
    """
    sources = sorted(sources, key=lambda source: source.index)
    of = next(source for source in sources if source.index == ships[0])
    ship = next(each for each in of.events if each.position == ships[1])
    parties = {gln_of(str(each)) for part in (*ship.event.sources, *ship.event.destinations) for each in part.values()}
    products = set(gtins)

    def of_products(name: str) -> bool:
        return name.startswith("product:") and name.removeprefix("product:") in products

    def header(name: str) -> bool:
        kind, _, subject = name.partition(":")
        return of_products(name) or kind in ("ts", "guideline") or (kind == "place" and subject[:13] in parties)

    def fields(each: EventSource, name: str) -> bool:
        return each is ship or name == "ilmd"

    hops = tuple(hop_of(each, header=header if each is of else of_products, fields=fields) for each in sources)
    listed = (leaf for each in sources for event in each.events for leaf in sorted(leaf.hash for leaf in event.shown))
    numbers = {leaf: number for number, leaf in enumerate(listed)}  # in the order of `Told.leaves`
    contents = {numbers[leaf]: tuple(sorted(numbers[each] for each in leaves)) for leaf, leaves in inside.items()}
    return Told(hops, ships, {number: leaves for number, leaves in contents.items() if leaves})


def is_shipment(data: bytes) -> bool:
    """Whether a file begins like one: a map of five members, whose shortest names come first."""
    return data.startswith(b"\xa5\x61v\x01\x65items")


def prove(told: Told, relied: Iterable[Entered], *, origin: str, checkpoint: str, path: Iterable[bytes]) -> Shipment:
    """`path` is the multiproof of all entries, those shown and those relied on, in the tree of the checkpoint."""
    rights = tuple(sorted(relied, key=lambda each: each.index))
    return Shipment(told, Segment(origin, checkpoint, told.hops, rights, tuple(path)))


def lots_told(told: Told) -> Callable[[str], tuple[str | None, str | None]]:
    """Lot and expiry by EPC, as whoever commissioned it told; the licensee's own word before what others told."""
    found: dict[str, tuple[str | None, str | None]] = {}
    own: set[str] = set()
    for _, shown in told.shown:
        if begins(event_shown(shown)):
            is_own = Voice(str(shown.core["as"])) in SIGNED_BY_PARTY
            lot = lot_of(shown)
            for item in shown.items:
                if item.epc not in own:
                    found[item.epc] = lot
                if is_own:
                    own.add(item.epc)
    return lambda epc: found.get(epc, (None, None))


# ---- checking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShipmentReport:
    """The outcome of all steps."""

    shipped: Shipped | None
    notes: tuple[Note, ...]
    failure: Failure | None
    origin: str | None
    size: int | None
    witnesses: tuple[str, ...]
    entry: int | None  # index of the statement that ships
    signer: str | None  # GLN
    kid: bytes | None

    def result(self, step: Numbered) -> Result:
        if self.failure and step >= self.failure.step:
            return Result.FAILS if step == self.failure.step else Result.NOT_REACHED
        return Result.AMBER if any(note.amber and note.step == step for note in self.notes) else Result.HOLDS


def examine_shipment(data: bytes, policy: Policy) -> ShipmentReport:
    """What came of each step, up to the first that fails."""
    return _ShipmentExamination(data, policy).outcome()


class _ShipmentExamination(_Examination):
    """The first eight steps are a bundle's; what follows is about all items at once."""

    def _steps(self) -> Iterator[tuple[Numbered, Callable[[], None]]]:
        steps = (
            self._read, self._policy, self._checkpoint, self._entries, self._keys, self._statements,
            self._events, self._leaves, self._shipping, self._contents, self._lots,
        )  # fmt: skip
        return zip(Step, steps, strict=True)

    def outcome(self) -> ShipmentReport:
        self.lots: dict[str, tuple[str | None, str | None]] = {}
        failure = self._failure()
        head = self.vouched[-1] if self.vouched else None
        reached = failure.step if failure else max(Step) + 1
        ship = self.told[self.shipment.told.shipping] if reached > Step.STATEMENTS else None
        return ShipmentReport(
            shipped=None if failure else self.shipment.told.shipped(lambda epc: self.lots.get(epc, (None, None))),
            notes=tuple(self.notes),
            failure=failure,
            origin=head.checkpoint.origin if head else None,
            size=head.checkpoint.size if head else None,
            witnesses=tuple(sorted(head.witnesses)) if head else (),
            entry=ship.index if ship else None,
            signer=ship.opened.issuer if ship else None,
            kid=ship.opened.signed.kid if ship else None,
        )

    def _read(self) -> None:
        self.shipment = Shipment.parse(self.data)
        self.segments = (self.shipment.segment,)

    def _shipping(self) -> None:
        """One shipment, by whoever it says; a reporter's word is shown as that."""
        ship = self.told[self.shipment.told.shipping]
        event, shown = ship.event, ship.shown
        if (event.biz_step, event.action) != ("shipping", Action.OBSERVE) or event.error_declaration is not None:
            self._refuse(
                "not_a_shipment", "the event ships nothing", ship.hop, found=f"{event.biz_step} {event.action}"
            )
        if len(shown.items) != shown.core["items"][0]:  # type: ignore[index]
            self._refuse("not_all_shown", "what the event names is not shown to the last item", ship.hop)
        for told in self.told:
            self._voice(told)
        if ship.voice not in SIGNED_BY_PARTY:
            sentence = f"Told by {ship.opened.issuer}: the party that ships has not signed it."
            self._note("not_signed_by_sender", sentence, amber=True, told=ship)

    def _contents(self) -> None:
        told, used = self.shipment.told, set()
        epcs: set[str] = set()
        for number, item, _ in told.walk():
            used.add(number)
            if item.epc in epcs:
                self._refuse("in_two_places", "an item is in two places", found=item.epc)
            epcs.add(item.epc)
            self._holds(number, item)
        if spare := told.contents.keys() - used:
            self._refuse("spare_content", "contents of something that was not shipped", found=str(min(spare)))
        if any(not isinstance(item.content, tuple) and item.content == "unknown" for _, item, _ in told.walk()):
            self._note("contents_unstated", "Of some containers nobody has stated what is in them.", amber=True)

    def _holds(self, number: int, item: Item) -> None:
        """What its leaf says is in it, is shown, and nothing else."""
        told = self.shipment.told
        inside = [told.leaves[each][1].hash for each in told.contents.get(number, ())]
        content = item.content if isinstance(item.content, tuple) else (0, root_of([]))
        if len(set(inside)) < len(inside) or content != (len(inside), root_of(sorted(inside))):
            self._refuse("other_contents", "its leaf commits to other contents", found=item.epc)

    def _lots(self) -> None:
        """The commissioning of each unit; one by others only where its licensee's own is not shown."""
        units = {item.epc for _, item, _ in self.shipment.told.walk() if item.content == "none"}
        own: set[str] = set()
        attested: set[str] = set()
        for told in filter(lambda each: begins(each.event), self.told):
            lot, named = lot_of(told.shown), {item.epc for item in told.shown.items} & units
            signed = self._signed(told, named)
            if twice := next((epc for epc in named & own if signed and self.lots[epc] != lot), None):
                self._refuse("commissioned_twice", "its maker tells two lots", told.hop, found=twice)
            for epc in named - own:
                self.lots[epc] = lot
            own |= named if signed else set()
            attested |= named
        if others := (attested & units) - own:
            sentence = f"Lot and expiry of {len(others)} units are told by others than their maker."
            self._note("commissioning_attested", sentence, amber=True)
        if unknown := units - attested:
            sentence = f"Of {len(unknown)} units nobody has told lot and expiry."
            self._note("not_commissioned", sentence, amber=True)

    def _signed(self, told: _Told, named: set[str]) -> bool:
        """Whether the licensee of all these has said it. A commissioning by another is no error of this shipment's."""
        if told.voice not in SIGNED_BY_PARTY:
            return False
        rights = self.rights[told.segment]
        for gtin in {gtin_of(epc) for epc in named} - {None}:
            if not rights.may_issue(told.party or "", str(gtin), told.index):
                detail = "no prefix statement shown lets this party issue this GTIN"
                self._refuse("not_licensed", detail, told.hop, expected=gtin, found=told.party)
        return True
