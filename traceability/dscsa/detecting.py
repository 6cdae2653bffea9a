"""What is wrong with what came, from what the record and the receiver's scanner say: each scenario of GS1 US's list of
serialized exceptions, as the PDG report that would tell its sender.

    shipments on their way ──┐
    scans, with their labels ┼──compare──> findings ──by sender and shipment──> drafts of reports
    what is in a container ──┘

A draft is nobody's word: it is sent by whoever agrees with it (`exceptions.py`), with the resolution of its choice.
Nothing is told of what is neither on its way to the party nor with it: to a party, such a pack is one without data. A
number of queries that does not depend on how many units there are.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction

from partners.descriptions import known
from partners.gs1.identifiers import gtin_of, is_sgtin
from partners.models import Partner, Waiver
from partners.waivers import waiver_for

from .. import bulk, notices
from ..custody import Status, new_owner
from ..epcis.errors import DocumentError
from ..epcis.jcs import JSON, encode
from ..errors import NotFound
from ..expecting import compared, shipments_to
from ..loading import states_of
from ..models import Event
from ..moving import Thing
from ..notice_kinds import Telling
from ..receiving import Shipment
from ..records import event_of
from ..statements import WaivedRule
from .pdg import ItemKind, Resolution, Source, report

MOST_NAMED = 200  # packs that a draft names one by one; of more it tells how many
NO_ORDER = "none"


class Scenario(StrEnum):
    """What is wrong. Several in one draft are GS1 US's scenario 4."""

    OVERAGE = "overage"
    WRONG_LOT = "wrong_lot"
    CONCEALED_OVERAGE = "concealed_overage"
    WRONG_SERIAL = "wrong_serial"
    WRONG_SOLD_TO = "wrong_sold_to"
    NO_DATA = "no_data"
    SHORTAGE = "shortage"
    CONCEALED_SHORTAGE = "concealed_shortage"
    LOST = "lost"
    DAMAGED = "damaged"
    UNKNOWN_PRODUCT = "unknown_product"


class Meaning(NamedTuple):
    """Of a scenario: its number in GS1 US's list, what it says, and what may be asked for; the first if nobody says."""

    number: str
    sentence: str
    resolutions: tuple[Resolution, ...]


_R = Resolution
_MORE, _FEWER = (_R.SEND_NEW_DATA, _R.DEBIT_ACCOUNT, _R.RETURN_PRODUCT), (_R.SEND_PRODUCT, _R.CREDIT_ACCOUNT)
SCENARIOS: Mapping[Scenario, Meaning] = MappingProxyType(
    {
        Scenario.OVERAGE: Meaning("1-1", "More came than was shipped, by the data.", _MORE),
        Scenario.WRONG_LOT: Meaning("1-2", "Lot or expiry on the pack is not that of the data.", (_R.SEND_NEW_DATA,)),
        Scenario.CONCEALED_OVERAGE: Meaning("1-3", "More is in a container than the data say.", _MORE),
        Scenario.WRONG_SERIAL: Meaning(
            "1-4A", "A pack came whose serial number is not that of the data.", (_R.SEND_NEW_DATA, _R.RETURN_PRODUCT)
        ),
        Scenario.WRONG_SOLD_TO: Meaning("1-4B", "The data name another buyer.", (_R.SEND_NEW_DATA,)),
        Scenario.NO_DATA: Meaning("1-5", "Product came, and no data.", (_R.SEND_NEW_DATA, _R.RETURN_PRODUCT)),
        Scenario.SHORTAGE: Meaning("2-1", "Less came than was shipped, by the data.", _FEWER),
        Scenario.CONCEALED_SHORTAGE: Meaning("2-2", "Less is in a container than the data say.", _FEWER),
        Scenario.LOST: Meaning("2-3", "Data came, and no product.", (_R.SEND_PRODUCT, _R.CREDIT_ACCOUNT)),
        Scenario.DAMAGED: Meaning(
            "3-1", "Product came damaged.", (_R.RETURN_PRODUCT, _R.CREDIT_ACCOUNT, _R.SEND_PRODUCT)
        ),
        Scenario.UNKNOWN_PRODUCT: Meaning("", "Nobody has described the product.", (_R.SEND_NEW_DATA,)),
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a receiver has before it."""

    things: tuple[Thing, ...] = ()  # as they were scanned
    damaged: frozenset[str] = frozenset()  # EPCs, scanned or named
    contents: Mapping[str, tuple[Thing, ...]] = field(default_factory=dict)  # by a container that was opened: all of it
    sender: str | None = None  # GLN of who delivered what has no data
    asks: Mapping[Scenario, Resolution] = field(default_factory=dict)
    check_products: bool = False  # whether products that nobody has described are told of

    def __post_init__(self) -> None:
        for scenario, resolution in self.asks.items():
            if resolution not in SCENARIOS[scenario].resolutions:
                expected = ", ".join(SCENARIOS[scenario].resolutions)
                raise DocumentError("no way to put that right", code="unknown_word", where=f"resolutions.{scenario}",
                                    expected=expected, found=resolution)  # fmt: skip


class Unit(NamedTuple):
    """A pack, as its commissioning tells of it."""

    epc: str
    lot: str
    expiry: str  # YYYY-MM-DD

    @property
    def gtin(self) -> str:
        return gtin_of(self.epc) or ""

    @property
    def serial(self) -> str:
        return _serial(self.epc)


class Concerns(NamedTuple):
    """With whom it is to be settled: a sender, if one is known, about a shipment, if there is one."""

    sender: str | None
    event: int | None  # its row


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    scenario: Scenario
    concerns: Concerns
    kind: ItemKind | None  # None: PDG has no list for it, and `text` tells it
    said: Mapping[str, JSON]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A report that could be sent."""

    to: str | None  # GLN; None: nobody knows who sent it
    shipment: tuple[UUID, int] | None  # submission, and event in it
    scenarios: tuple[Scenario, ...]
    message: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Excused:
    """Product without data, where a waiver lets it come so."""

    gtin: str
    waiver: Waiver


def detect(party: Partner, seen: Seen, *, email: str, order: str | None, now: datetime) -> list[Drafted]:
    """Drafts of what to report, by sender and shipment; none where all is as it should be."""
    return detected(party, seen, email=email, order=order, now=now)[0]


def detected(
    party: Partner, seen: Seen, *, email: str, order: str | None, now: datetime
) -> tuple[list[Drafted], list[Excused]]:
    """The same; and what would be reported, but for a waiver.

    `email` is the reporter's, `order` its number of the order. Raises `NotFound` for a container that is not with the
    party: alike for one that nobody knows.
    """
    shipments = shipments_to(party, now=now)
    found = [*_Received(party, seen, shipments, now).findings(), *_opened(party, seen)]
    excused = _excused(found, now)
    left = [each for each in found if not (_is_without_data(each) and _product(each) in excused)]
    drafts = list(_drafts(party, left, seen, shipments, email=email, order=order, now=now))
    return drafts, list(excused.values())


def _excused(found: Iterable[Finding], now: datetime) -> dict[str, Excused]:
    """By product that came without data, what lets it: of the sender's, or of the product. A query for each product."""
    products = {_product(each): each.concerns.sender for each in found if _is_without_data(each)}
    waived = {gtin: waiver_for(WaivedRule.TRANSACTION, sender, {gtin}, now) for gtin, sender in products.items()}
    return {gtin: Excused(gtin, row) for gtin, row in waived.items() if row is not None}


def _is_without_data(each: Finding) -> bool:
    return each.kind is ItemKind.MISSING_PRODUCT_DATA


def _product(each: Finding) -> str:
    return str(each.said.get("product_gtin", ""))


# ---- what came ------------------------------------------------------------------------------------------------------


class _Received:
    """Expected against seen."""

    def __init__(self, party: Partner, seen: Seen, shipments: Sequence[Shipment], now: datetime) -> None:
        self.party, self.seen, self.shipments, self.now = party, seen, shipments, now
        self.things = {thing.epc: thing for thing in seen.things}
        self.compared = compared(shipments, list(self.things))
        waiting = {each.event for each in self.compared.waiting}
        self.begun = [each for each in shipments if each.event not in waiting]
        self.late = [each for each in self.compared.waiting if now - each.shipped > _lost_after()]
        of = {item.epc: each for each in (*self.begun, *self.late) for item in each.items}
        self.units: dict[int, list[Unit]] = {}  # by shipment, all that is in it
        tops = leaves_in(of)
        for top, units in tops.items():
            self.units.setdefault(of[top].event, []).extend(units)
        inside = {unit.epc for units in leaves_in(self.things).values() for unit in units}
        self.missing = {  # of what has come in part, what has not
            each.event: [unit for unit in self.units.get(each.event, ()) if unit.epc not in inside]
            for each in self.begun
        }
        self.extra = [self.things[epc] for epc in self.compared.beside if is_sgtin(epc)]

    def findings(self) -> Iterator[Finding]:
        yield from self._wrong_labels()
        yield from self._wrong_serials()
        yield from self._too_many()
        yield from self._too_few()
        yield from self._wrongly_sold()
        yield from self._lost()
        yield from self._undescribed()
        for epc in self.compared.beside:
            if not is_sgtin(epc):
                yield Finding(Scenario.NO_DATA, Concerns(self.seen.sender, None), None, {}, f"No data for {epc}"[:200])

    def _wrong_labels(self) -> Iterator[Finding]:
        """What came by its serial number, with another lot or expiry on it: of several with the same, once."""
        for each in self.begun:
            alike: dict[bytes, list[dict[str, JSON]]] = {}
            for unit in self.units.get(each.event, ()):
                thing = self.things.get(unit.epc)
                if thing is not None and _differs(thing, unit):
                    said = _misaligned(thing, unit)
                    alike.setdefault(encode({**said, **_NO_SERIALS}), []).append(said)
            for several in alike.values():
                said = several[0] if len(several) == 1 else {**several[0], **_NO_SERIALS}
                yield Finding(Scenario.WRONG_LOT, _of(each), ItemKind.DATA_MISALIGNMENT, said)

    def _wrong_serials(self) -> Iterator[Finding]:
        """A pack beside, and one of its product missing: one of the two numbers is wrong."""
        extra: dict[str, deque[Thing]] = {}
        for thing in self.extra:
            extra.setdefault(gtin_of(thing.epc) or "", deque()).append(thing)
        for each in self.begun:
            missing, self.missing[each.event] = self.missing[each.event], []
            for unit in missing:
                if not extra.get(unit.gtin):
                    self.missing[each.event].append(unit)
                    continue
                said = _misaligned(extra[unit.gtin].popleft(), unit)
                yield Finding(Scenario.WRONG_SERIAL, _of(each), ItemKind.DATA_MISALIGNMENT, said)
        self.extra = [thing for things in extra.values() for thing in things]

    def _too_many(self) -> Iterator[Finding]:
        """What is beside came with the shipment that has its product, or with the only one; else it has no data."""
        by_shipment: dict[int, Counter[str]] = {}
        without: dict[str, list[str]] = {}  # serial numbers by GTIN
        for gtin, count in Counter(gtin_of(thing.epc) or "" for thing in self.extra).items():
            home = self._came_with(gtin)
            if home is not None:
                by_shipment.setdefault(home.event, Counter())[gtin] += count
            else:
                without[gtin] = [_serial(each.epc) for each in self.extra if gtin_of(each.epc) == gtin]
        for gtin, serial in _one_by_one(without):
            said: dict[str, JSON] = {
                "product_gtin": gtin,
                "product_serial": serial,
                "observation_source": str(Source.SCAN),
            }
            yield Finding(Scenario.NO_DATA, Concerns(self.seen.sender, None), ItemKind.MISSING_PRODUCT_DATA, said)
        for each in self.begun:
            for gtin, count in by_shipment.get(each.event, Counter()).items():
                ordered = self._count(each, gtin)
                yield _counted(Scenario.OVERAGE, _of(each), gtin, ordered, ordered + count)

    def _came_with(self, gtin: str) -> Shipment | None:
        own = [each for each in self.begun if self._count(each, gtin)]
        likely = own or (self.begun if len(self.begun) == 1 else [])
        return next((each for each in likely if self.seen.sender in (None, each.sender)), None)

    def _too_few(self) -> Iterator[Finding]:
        for each in self.begun:
            damaged = Counter(unit.gtin for unit in self.units.get(each.event, ()) if unit.epc in self.seen.damaged)
            for gtin, count in Counter(unit.gtin for unit in self.missing[each.event]).items():
                ordered = self._count(each, gtin)
                yield _counted(Scenario.SHORTAGE, _of(each), gtin, ordered, ordered - count)
            for gtin, count in damaged.items():
                ordered = self._count(each, gtin)
                yield _counted(Scenario.DAMAGED, _of(each), gtin, ordered, ordered - count)

    def _wrongly_sold(self) -> Iterator[Finding]:
        buyers = {
            key: new_owner(event_of(canonical))
            for key, canonical in Event.objects.filter(pk__in=[each.event for each in self.begun]).values_list(
                "pk", "canonical"
            )
        }
        for each in self.begun:
            buyer = buyers.get(each.event)
            if buyer not in (None, self.party.gln):
                said: dict[str, JSON] = {"invalid_gln": buyer, "proposed_gln": self.party.gln}
                yield Finding(Scenario.WRONG_SOLD_TO, _of(each), ItemKind.GLN_ERRORS, said)

    def _lost(self) -> Iterator[Finding]:
        names = _names(each.event for each in self.late)
        for each in self.late:
            units = self.units.get(each.event, [])
            if len(units) > MOST_NAMED:
                for gtin, count in Counter(unit.gtin for unit in units).items():
                    yield _counted(Scenario.LOST, _of(each), gtin, count, 0)
                continue
            for unit in units:
                said: dict[str, JSON] = {
                    "file_id": str(names[each.event][0]),
                    "product_gtin": unit.gtin,
                    "product_serial": unit.serial,
                }
                yield Finding(Scenario.LOST, _of(each), ItemKind.MISSING_PRODUCT, said)

    def _undescribed(self) -> Iterator[Finding]:
        if not self.seen.check_products:
            return
        products = {each.event: {unit.gtin for unit in self.units.get(each.event, ())} for each in self.begun}
        every = {gtin for gtins in products.values() for gtin in gtins}
        described = known(every, self.now.date(), operator=settings.OPERATOR_GLN)
        for each in self.begun:
            for gtin in sorted(products[each.event] - described.keys()):
                said: dict[str, JSON] = {"invalid_gtin": gtin}
                yield Finding(Scenario.UNKNOWN_PRODUCT, _of(each), ItemKind.GTIN_ERRORS, said)

    def _count(self, shipment: Shipment, gtin: str) -> int:
        return sum(unit.gtin == gtin for unit in self.units.get(shipment.event, ()))


# ---- what was opened, or is damaged, after it came ------------------------------------------------------------------


def _opened(party: Partner, seen: Seen) -> Iterator[Finding]:
    """What is concealed: a container was received as it was, and opened later."""
    held = [epc for epc in seen.damaged if epc not in {thing.epc for thing in seen.things}]
    mine = _mine(party, [*seen.contents, *held])
    came = _came_by(party, [*seen.contents, *held])
    inside = leaves_in(seen.contents)
    for container, things in seen.contents.items():
        concerns = came.get(container, Concerns(None, None))
        expected = {unit.epc: unit for unit in inside.get(container, ())}
        there = {unit.epc for units in leaves_in([thing.epc for thing in things]).values() for unit in units}
        there |= {thing.epc for thing in things if is_sgtin(thing.epc)}
        counts = Counter(unit.gtin for unit in expected.values())
        missing = Counter(unit.gtin for epc, unit in expected.items() if epc not in there)
        extra = Counter(gtin_of(epc) or "" for epc in there if epc not in expected)
        for gtin in sorted(missing.keys() | extra.keys()):
            fewer, more = missing[gtin], extra[gtin]
            if more > fewer:
                yield _counted(Scenario.CONCEALED_OVERAGE, concerns, gtin, counts[gtin], counts[gtin] - fewer + more)
            elif fewer > more:
                yield _counted(Scenario.CONCEALED_SHORTAGE, concerns, gtin, counts[gtin], counts[gtin] - fewer + more)
        yield from _swapped(concerns, expected, there, things)
    damaged: dict[Concerns, Counter[str]] = {}
    for epc, units in leaves_in(mine.intersection(held)).items():
        damaged.setdefault(came.get(epc, Concerns(None, None)), Counter()).update(unit.gtin for unit in units)
    for concerns, counted in damaged.items():
        for gtin, count in counted.items():
            yield _counted(Scenario.DAMAGED, concerns, gtin, count, 0)


def _swapped(
    concerns: Concerns, expected: Mapping[str, Unit], there: Collection[str], things: Iterable[Thing]
) -> Iterator[Finding]:
    """As many as there should be, and others among them."""
    missing = [unit for epc, unit in expected.items() if epc not in there]
    for thing in things:
        if thing.epc not in expected and is_sgtin(thing.epc):
            unit = next((one for one in missing if one.gtin == gtin_of(thing.epc)), None)
            if unit is not None:
                missing.remove(unit)
                said = _misaligned(thing, unit)
                yield Finding(Scenario.WRONG_SERIAL, concerns, ItemKind.DATA_MISALIGNMENT, said)


def _mine(party: Partner, epcs: Sequence[str]) -> frozenset[str]:
    """Those of them, which all have to be with the party."""
    states = states_of(epcs)
    for epc in epcs:
        state = states.get(epc)
        outer = state.outermost if state else None
        if outer is None or outer.status is not Status.HELD or outer.possessor != party.gln:
            raise NotFound("nothing of this name is with you", where=epc)
    return frozenset(epcs)


def _came_by(party: Partner, epcs: Sequence[str]) -> dict[str, Concerns]:
    """By item, the last shipment that brought it, or what it was in, to the party."""
    found = dict(bulk.select_in(_CAME, list(epcs), "text", after=[party.gln]))
    senders = dict(Event.objects.filter(pk__in=set(found.values())).values_list("pk", "party"))
    return {epc: Concerns(senders[event], event) for epc, event in found.items()}


#: `lo` and `hi`: the events between which the item was in that; whatever moved it then moved the item.
_CAME = """WITH RECURSIVE around (epc, id, lo, hi) AS (
    SELECT i.epc, i.id, CAST(0 AS bigint), CAST(NULL AS bigint)
    FROM {values} JOIN traceability_item AS i ON i.epc = named.value
    UNION ALL
    SELECT a.epc, c.parent_id, CASE WHEN c.event_id > a.lo THEN c.event_id ELSE a.lo END,
        CASE WHEN a.hi IS NULL OR c.closed_id < a.hi THEN c.closed_id ELSE a.hi END
    FROM around AS a JOIN traceability_containment AS c ON c.item_id = a.id
) SELECT a.epc, max(e.id) FROM around AS a JOIN traceability_move AS m ON m.item_id = a.id
    AND m.event_id > a.lo AND (a.hi IS NULL OR m.event_id < a.hi)
JOIN traceability_event AS e ON e.id = m.event_id
WHERE e.consignee = %s AND e.biz_step = 'shipping' GROUP BY a.epc"""


# ---- what nobody has asked about ------------------------------------------------------------------------------------


def tell_overdue(*, now: datetime) -> int:
    """Tell parties of shipments that have been on their way to them for too long, each once: how many. Two statements,
    whatever the number of packs; what is more than MOST_TOLD is told the next time."""
    cutoff = connection.ops.adapt_datetimefield_value(now - _lost_after())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OVERDUE, [cutoff, MOST_TOLD])
        found = cursor.fetchall()
        notices.tell(
            (
                Telling(
                    party, "exception.overdue", f"shipment/{event}",
                    {"shipment": {"submission": str(UUID(str(submission))), "event": position}, "sender": sender},
                )
                for event, party, sender, submission, position in found
            ),
            now=now,
        )  # fmt: skip
    return len(found)


MOST_TOLD = 1000

#: The event that shipped each is the last that moved it. Packs in a container are on their way with it.
_OVERDUE = """SELECT e.id, e.consignee, e.party, s.submission, e.position FROM (
    SELECT DISTINCT (SELECT max(m.event_id) FROM traceability_move AS m WHERE m.item_id = i.id) AS event_id
    FROM traceability_item AS i
    WHERE i.consignee IS NOT NULL AND i.status = 'in_transit' AND i.last_time < %s
) AS late JOIN traceability_event AS e ON e.id = late.event_id
JOIN traceability_submission AS s ON s.id = e.submission_id
WHERE e.consignee IS NOT NULL AND e.biz_step = 'shipping' AND NOT EXISTS (
    SELECT 1 FROM traceability_notice AS n WHERE n.party = e.consignee AND n.kind = 'exception.overdue'
    AND n.about = 'shipment/' || e.id
) ORDER BY e.id LIMIT %s"""


# ---- what is in things ----------------------------------------------------------------------------------------------


def leaves_in(epcs: Iterable[str]) -> dict[str, list[Unit]]:
    """By each of these, the packs in it, as far as the record knows them; of a pack, itself. One query."""
    found: dict[str, list[Unit]] = {}
    for top, epc, lot, expiry in bulk.select_in(_LEAVES, list(epcs), "text"):
        if is_sgtin(epc):
            found.setdefault(top, []).append(Unit(epc, lot or "", (expiry or "")[:10]))
    return found


_LEAVES = """WITH RECURSIVE inside (top, id) AS (
    SELECT i.epc, i.id FROM {values} JOIN traceability_item AS i ON i.epc = named.value
    UNION ALL
    SELECT inside.top, c.item_id FROM inside
    JOIN traceability_containment AS c ON c.parent_id = inside.id AND c.closed_id IS NULL
) SELECT inside.top, i.epc, e.lot, e.expiry FROM inside JOIN traceability_item AS i ON i.id = inside.id
JOIN traceability_event AS e ON e.id = i.begun_id WHERE i.content_size IS NULL ORDER BY i.id"""


def _differs(thing: Thing, unit: Unit) -> bool:
    """What is not on a label, or was not told, differs from nothing."""
    pairs = ((thing.lot, unit.lot), (thing.expiry, unit.expiry))
    return any(label and data and label != data for label, data in pairs)


def _misaligned(thing: Thing, unit: Unit) -> dict[str, JSON]:
    return {
        "received_product_gtin": gtin_of(thing.epc),
        "received_product_lot": thing.lot or unit.lot or "not known",
        "received_product_expiry": thing.expiry or unit.expiry or "not known",
        "received_product_serial": _serial(thing.epc),
        "product_data_gtin": unit.gtin,
        "product_data_lot": unit.lot or "not known",
        "product_data_expiry": unit.expiry or "not known",
        "product_data_serial": unit.serial,
    }


_NO_SERIALS: Mapping[str, JSON] = {"received_product_serial": None, "product_data_serial": None}


def _serial(epc: str) -> str:
    return epc.partition("/21/")[2]


def _one_by_one(serials: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str | None]]:
    """GTIN and serial number; of too many to be named, the GTIN once."""
    for gtin, named in serials.items():
        yield from ((gtin, each) for each in named) if len(named) <= MOST_NAMED else ((gtin, None),)


def _counted(scenario: Scenario, concerns: Concerns, gtin: str, ordered: int, received: int) -> Finding:
    kind = ItemKind.OVERAGES if received > ordered else ItemKind.UNDERAGES
    said: dict[str, JSON] = {"gtin": gtin, "quantity_ordered": ordered, "quantity_received": received}
    text = f"{ordered - received} of GTIN {gtin} came damaged." if scenario is Scenario.DAMAGED else ""
    return Finding(scenario, concerns, kind, said, text)


def _of(shipment: Shipment) -> Concerns:
    return Concerns(shipment.sender, shipment.event)


def _lost_after() -> timedelta:
    return timedelta(seconds=settings.EXCEPTION_LOST_SECONDS)


def _names(events: Iterable[int]) -> dict[int, tuple[UUID, int]]:
    rows = Event.objects.filter(pk__in=list(events)).values_list("pk", "submission__submission", "position")
    return {key: (submission, position) for key, submission, position in rows}


# ---- drafts ---------------------------------------------------------------------------------------------------------


def _drafts(
    party: Partner,
    found: Iterable[Finding],
    seen: Seen,
    shipments: Iterable[Shipment],
    *,
    email: str,
    order: str | None,
    now: datetime,
) -> Iterator[Drafted]:
    groups: dict[Concerns, list[Finding]] = {}
    for each in found:
        groups.setdefault(each.concerns, []).append(each)
    names = _names(concerns.event for concerns in groups if concerns.event is not None)
    orders = {each.event: _order(each) for each in shipments}
    for concerns, findings in groups.items():
        items: dict[ItemKind, list[dict[str, JSON]]] = {}
        for each in findings:
            if each.kind is not None:
                asked = seen.asks.get(each.scenario, SCENARIOS[each.scenario].resolutions[0])
                members = {"exception_item_uuid": str(uuid4()), **each.said, "resolution_request": str(asked)}
                items.setdefault(each.kind, []).append(members)
        yield Drafted(
            to=concerns.sender,
            shipment=names.get(concerns.event) if concerns.event is not None else None,
            scenarios=tuple(dict.fromkeys(each.scenario for each in findings)),
            message=report(
                message=str(uuid4()),
                case=str(uuid4()),
                time=now,
                po_number=order or orders.get(concerns.event or 0) or NO_ORDER,
                gln=party.gln,
                email=email,
                items=items,
                other_errors=[each.text for each in findings if each.text],
            ),
        )


def _order(shipment: Shipment) -> str | None:
    return next((number for kind, number in shipment.papers if kind == "po"), None)
