"""The shipments that a node knows of: found, shown to who may see them, and proven.

    submission, position ──entitled?──> what was inside then ──leaf by leaf──> Told ──> Transaction, proof, events

Transaction information is for the sender, the receiver, whoever they let read it, and regulators; to everybody else
there is no such shipment (21 U.S.C. 360eee-1). Each reading is recorded (I7). What was erased is said to be that; until
then it is kept, for six years at least (`erasure.py`). A number of queries that does not depend on how many units it
is about.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from json import loads
from typing import Any, NamedTuple
from uuid import UUID
from zlib import decompress

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from ledger import log
from partners import access
from partners.access import Purpose
from partners.descriptions import known, known_places
from partners.gs1.identifiers import gln_of, gtin_of
from partners.models import Delegation, Grant, Location, Partner, Right
from partners.prefixes import licensees

from .. import bulk, cases
from ..bundle.build import CannotProve, EventSource, Source
from ..bundle.shipment import MEDIA_TYPE as PROOF_FILE
from ..bundle.shipment import Shipment as Proof
from ..bundle.shipment import Shipped, Told, lots_told, prove, tell
from ..custody import Voice, delegated_step
from ..epcis import xml_out
from ..epcis.events import Action, Event, EventType
from ..epcis.jcs import JSON
from ..errors import Erased, NotFound, NotIntegratedYet
from ..models import Event as EventRow
from ..models import Submission
from ..openings import said_until
from ..proving import relied_on
from ..records import event_name, event_of, leaves_of, opening_of
from ..submission import Leaf, begins
from .statements import GUIDELINE, Transaction, by_node_as_header, product_attributes

MOST_EVENTS = 2**31 - 1  # of a document

# ---- one shipment ---------------------------------------------------------------------------------------------------


def shipment(submission: UUID, position: int, reader: Partner, *, purpose: Purpose, now: datetime) -> "Shipment":
    """What one event shipped, as far as `reader` may see it, which is all or nothing; the reading is recorded (I7).

    Raises `NotFound`, alike for what nobody knows and for what is not the reader's business, and `Erased`.
    """
    with transaction.atomic():
        for row in _told(submission, position):
            found = Shipment(row)
            case = None if reader.gln in found.parties else cases.over_all(reader, found.units, now)
            if case is not None or found.is_shown_to(reader, now):
                access.record(reader, found.subject, "transaction", cases.purpose(case, purpose), now=now)
                cases.concern_parties(case, found.parties, now=now)
                return found
    raise NotFound("you neither sent nor were sent such a shipment", where="submission")


def _told(submission: UUID, position: int) -> list[EventRow]:
    """An id is its submitter's own: two parties may use the same."""
    rows = _SHIPMENTS.filter(submission__submission=submission, position=position)
    return list(rows.select_related("submission__entry").order_by("pk"))


_SHIPMENTS = EventRow.objects.filter(biz_step="shipping", action=Action.OBSERVE, is_error_declaration=False)

#: What was in these items when an event had been applied: keys of events ascend in the order in which they apply.
_INSIDE = """WITH RECURSIVE inside (id, parent_id, event_id, standing) AS (
    SELECT i.id, CAST(NULL AS bigint), CAST(NULL AS bigint), CAST(NULL AS {bytes})
    FROM {{values}} JOIN traceability_item AS i ON i.epc = named.value
    UNION ALL
    SELECT c.item_id, c.parent_id, c.event_id, c.standing
    FROM inside JOIN traceability_containment AS c ON c.parent_id = inside.id
    WHERE c.event_id < {event} AND (c.closed_id IS NULL OR c.closed_id > {event})
) SELECT inside.id, inside.parent_id, inside.event_id, inside.standing, i.epc, i.begun_id
FROM inside JOIN traceability_item AS i ON i.id = inside.id"""


class _Inside(NamedTuple):
    """An item that was shipped, by itself or in another."""

    id: int
    parent: int | None  # what it is in; None: it was shipped by its own name
    packed: int | None  # the event that packed it
    standing: Any  # hash of its leaf in the content of what it is in, where that is not of that event
    epc: str
    begun: int


@dataclass(frozen=True)
class Shipment:
    """One event that ships, and its row's neighbourhood, read as it is asked for."""

    row: EventRow

    @property
    def subject(self) -> str:
        """As access records call it."""
        return event_name(self.row.submission.submission, self.row.position)

    @cached_property
    def event(self) -> Event:
        return event_of(self.row.canonical)

    # ---- who may see it -------------------------------------------------------------------------------------------

    @cached_property
    def parties(self) -> frozenset[str]:
        """GLNs of whoever sent it, was sent it, sold or bought it, and told of it."""
        owners = (each for each in (*self.event.sources, *self.event.destinations) if each["type"] != "location")
        named = {gln_of(each.get("source") or each["destination"]) for each in owners}
        known = {self.row.party, self.row.consignee, self.row.submission.submitter, *named}
        return frozenset(filter(None, known))

    def is_shown_to(self, reader: Partner, now: datetime) -> bool:
        if reader.gln in self.parties:
            return True
        grants = list(Grant.objects.filter(to=reader.gln, partner__in=self.parties, revoked=None, partner__left=None))
        epcs = set(self.epcs) if grants else set()  # what names nothing, no grant of some products reaches
        return bool(epcs) and any(all(grant.reaches(epc, now) for epc in epcs) for grant in grants)

    # ---- what was in it -------------------------------------------------------------------------------------------

    @cached_property
    def _inside(self) -> list[_Inside]:
        kind = "bytea" if bulk.is_postgresql() else "blob"
        sql = _INSIDE.format(event=int(self.row.pk), bytes=kind)
        return [_Inside(*each) for each in bulk.select_in(sql, self._moved, "text")]

    @cached_property
    def _moved(self) -> list[str]:
        return [epc for epc, (kind, _) in leaves_of(self.event, self.row.leaves).items() if kind != "s"]

    @property
    def epcs(self) -> Iterator[str]:
        """Of everything that it names, and of everything in that."""
        yield from self.event.epcs
        yield from (each.epc for each in self._inside if each.parent is not None)

    @property
    def units(self) -> list[str]:
        """EPCs of what is in it and has nothing in it itself: no container is within a regulator's case, what it holds
        is."""
        parents = {each.parent for each in self._inside}
        return [each.epc for each in self._inside if each.id not in parents]

    @cached_property
    def told(self) -> Told:
        """All that is shown of it. Raises `Erased` where something of it was."""
        try:
            return self._tell()
        except CannotProve as problem:
            if any(row.items_erased_id for row in self._submissions.values()):
                raise _gone(self.subject) from problem
            raise

    def _tell(self) -> Told:
        items = {each.id: each for each in self._inside}
        leaves: dict[int, dict[int, Leaf]] = {}  # of an item by its key: those that it has, by the event
        self.demand_kept()
        found = said_until(self.row.pk, [(each.id, each.epc, each.begun) for each in items.values()])
        for key, opening in zip(items, found, strict=True):
            leaves[key] = {each.row: each.leaf for each in opening.leaves}
        shown: dict[int, dict[str, Leaf]] = {}  # by event and EPC
        stands: dict[int, Leaf] = {}  # of an item, its leaf in the content of what it is in, or as it was shipped
        inside: dict[bytes, list[bytes]] = {}
        for each in self._parents_first():
            above = None if each.parent is None else stands.get(each.parent)
            if each.parent is not None and (above is None or not isinstance(above.content, tuple)):
                continue  # nobody has signed that it is in there
            event, leaf = _standing(each, leaves[each.id], self.row.pk)
            shown.setdefault(event, {})[each.epc] = stands[each.id] = leaf
            if above is not None:
                inside.setdefault(above.hash, []).append(leaf.hash)
            begun = leaves[each.id].get(each.begun)
            if begun is not None and begins(self._events[each.begun][1]):
                shown.setdefault(each.begun, {})[each.epc] = begun
        named = shown.setdefault(self.row.pk, {})
        for epc, (kind, hashed) in leaves_of(self.event, self.row.leaves).items():
            named.setdefault(epc, Leaf(kind, epc, None, None, hashed))
        return tell(self._sources(shown), self._ships, inside, gtins={gtin_of(epc) or "" for epc in self.gtins})

    def _parents_first(self) -> Iterator[_Inside]:
        below: dict[int | None, list[_Inside]] = {}
        for each in self._inside:
            below.setdefault(each.parent, []).append(each)
        stack = below.get(None, [])
        while stack:
            yield (each := stack.pop())
            stack += below.get(each.id, ())

    @property
    def gtins(self) -> set[str]:
        return {epc[:36] for epc in self.epcs if epc.startswith("https://id.gs1.org/01/")}

    @cached_property
    def _events(self) -> dict[int, tuple[EventRow, Event]]:
        """Rows of all events that show something of it, and what they say."""
        keys = {self.row.pk}
        for each in self._inside:
            keys |= {each.begun} if each.packed is None else {each.begun, each.packed}
        rows = bulk.select_by(_EVENT_COLUMNS, "traceability_event", "id", sorted(keys), "bigint")
        found = {}
        for key, submission, position, voice, party, canonical, leaves in rows:
            row = EventRow(id=key, submission_id=submission, position=position, voice=voice, party=party)
            row.canonical, row.leaves = canonical, leaves
            found[key] = (row, event_of(canonical))
        return found

    @cached_property
    def _submissions(self) -> dict[int, Submission]:
        keys = {row.submission_id for row, _ in self._events.values()}
        rows = Submission.objects.filter(pk__in=keys).defer("document", "warnings").select_related("entry")
        return {row.pk: row for row in rows}

    def demand_kept(self) -> None:
        """Raise `Erased` where a document was that something of it stands in."""
        if any(row.erased_id is not None for row in self._submissions.values()):
            raise _gone(self.subject)

    @cached_property
    def _is_logged(self) -> bool:
        return all(row.entry.index is not None for row in self._submissions.values())

    def _index(self, row: Submission) -> int:
        """In the log; while one of them waits, the numbers that they were accepted under stand for it."""
        return int(row.entry.index or 0) if self._is_logged else int(row.entry_id)

    @property
    def _ships(self) -> tuple[int, int]:
        return self._index(self._submissions[self.row.submission_id]), self.row.position

    def _sources(self, shown: Mapping[int, Mapping[str, Leaf]]) -> Iterator[Source]:
        of: dict[int, list[EventSource]] = {}
        told = _told_by(self._submissions)
        for key in sorted(shown):
            row, event = self._event(key)
            leaves = leaves_of(event, row.leaves)
            of.setdefault(row.submission_id, []).append(
                EventSource(row.position, event, leaves, list(shown[key].values()))
            )
        for submission, events in of.items():
            row_ = self._submissions[submission]
            stored = bytes(row_.event_leaves)
            yield Source(
                index=self._index(row_),
                envelope=bytes(row_.statement),
                opening=opening_of(row_, told[submission]),
                header=loads(bytes(row_.header)),
                event_leaves=[stored[at : at + 32] for at in range(0, len(stored), 32)],
                events=events,
            )

    def _event(self, key: int) -> tuple[EventRow, Event]:
        """One of those that it was packed by; or one that put it back, which is asked for by itself."""
        if key not in self._events:
            row = EventRow.objects.get(pk=key)
            self._events[key] = row, event_of(row.canonical)
            if row.submission_id not in self._submissions:
                self._submissions[row.submission_id] = Submission.objects.select_related("entry").get(
                    pk=row.submission_id
                )
        return self._events[key]

    # ---- what follows ---------------------------------------------------------------------------------------------

    def file(self, kind: str, now: datetime) -> tuple[str, bytes | Iterator[str]]:
        """By a media type of FILES: its name, and what is in it."""
        ending, content = FILES[kind]
        return f"transaction-{self.row.submission.submission}-{self.row.position}.{ending}", content(self, now)

    @cached_property
    def transaction(self) -> Transaction:
        """Transaction information and statement."""
        shipped = self.shipped
        return Transaction.of(
            shipped, Books({unit.gtin for unit in shipped.units}, self.parties, self.event.time.date())
        )

    @cached_property
    def shipped(self) -> Shipped:
        return self.told.shipped(lots_told(self.told))

    @cached_property
    def pdf(self) -> bytes:
        """The same on paper, with the proof inside. Raises as `proven`."""
        from .paper import draw  # only a process that prints loads what draws

        return draw(self.transaction, self.proven, self.proof)

    @cached_property
    def proof(self) -> bytes:
        """The proof as a file."""
        return bytes(self.proven)

    @cached_property
    def proven(self) -> Proof:
        """By which a stranger checks it. Raises `NotIntegratedYet` while something that it rests on waits."""
        told, head = self.told, log.latest()
        rights = relied_on(self._signers, self._granted(), head)
        indexes = [*(hop.entered.index for hop in told.hops), *(entered.index for entered in rights)]
        if head is None or not self._is_logged or max(indexes) >= head.size:
            raise NotIntegratedYet("a statement that this rests on is not yet in the log: ask again in a moment")
        return prove(
            told, rights, origin=settings.LOG_ORIGIN, checkpoint=head.note, path=log.prove_all(indexes, head.size)
        )

    @property
    def _signers(self) -> set[tuple[str, bytes]]:
        return {(row.submitter, bytes(row.kid)) for row in self._submissions.values()}

    def _granted(self) -> Iterator[int]:
        """Numbers of the statements by which GTINs were issued, and by which agents acted; and of what ended them."""
        rows = list(self._events.values())
        makers = {row.party for row, event in rows if begins(event)}
        gtins = sorted({gtin_of(each) or "" for each in self.gtins})
        rights: list[Right] = [right for found in licensees(gtins).values() for right in found
                             if right.partner_id in makers]  # fmt: skip
        agents = [(row, event) for row, event in rows if row.voice == Voice.AGENT]
        if agents:
            acts = {
                (row.party, self._submissions[row.submission_id].submitter, delegated_step(event),
                 self._submissions[row.submission_id].entry_id)
                for row, event in agents
            }  # fmt: skip
            for given in Delegation.objects.filter(partner_id__in={party for party, *_ in acts}):
                if any(
                    (given.partner_id, given.to) == (party, by) and step in given.steps and given.in_force(number)
                    for party, by, step, number in acts
                ):
                    rights.append(given)
        for right in rights:
            yield right.registered
            if right.revoked is not None:
                yield right.revoked

    @property
    def events(self) -> Iterator[Event]:
        """What happened to all that is in it, as far as whoever sees it may see that: how it was commissioned, packed
        and shipped. Of an event that names other items too, as much as is about these; what is narrowed has no
        eventID, for it is not that event."""
        inside = {each.epc for each in self._inside}
        own = self._events[self.row.pk][0].submission_id
        for key in sorted(self._events):
            row, event = self._events[key]
            if key == self.row.pk:
                yield event
            elif begins(event) or event.type is EventType.AGGREGATION:
                yield _narrowed(event, inside, whole=row.submission_id == own or row.party == self.row.party)

    @property
    def company_prefixes(self) -> frozenset[str]:
        """Those that the documents wrote their EPC URNs with, and those that were registered here: how a URN is
        written depends on their length."""
        received = Submission.objects.filter(pk__in=self._submissions).values_list("document", flat=True)
        written = {prefix for document in received for prefix in xml_out.company_prefixes(decompress(document))}
        gtins = {gtin_of(each) or "" for each in self.gtins}
        return frozenset(written | {right.digits for found in licensees(gtins).values() for right in found
                                    if len(right.digits) < 14})  # fmt: skip

    def xml(self, now: datetime) -> Iterator[str]:
        """The same as EPCIS 1.2, in pieces. Raises `CannotWrite` before the first."""
        told, events = self.transaction, list(self.events)
        xml_out.demand_writable(events)
        return xml_out.document(
            events,
            header=by_node_as_header(told, self.header),
            sender=told.seller.gln if told.seller else told.party,
            receiver=told.buyer.gln if told.buyer else None,
            instance=self.subject,
            created=now,
            guideline=GUIDELINE,
            prefixes=self.company_prefixes,
        )

    @property
    def header(self) -> Mapping[str, JSON]:
        """What its document said of itself, of what is in it, and of both parties."""
        return self.shipped.header


_EVENT_COLUMNS = (
    "found.id, found.submission_id, found.position, found.voice, found.party, found.canonical, found.leaves"
)


JSON_FILE, XML_FILE, PDF_FILE = "application/json", "application/xml", "application/pdf"
FILES: Mapping[str, tuple[str, Callable[[Shipment, datetime], bytes | Iterator[str]]]] = {
    JSON_FILE: ("json", lambda found, _: bytes(found.transaction)),
    XML_FILE: ("xml", lambda found, now: found.xml(now)),
    PDF_FILE: ("pdf", lambda found, _: found.pdf),
    PROOF_FILE: ("unitproof", lambda found, _: found.proof),
}
"""What a shipment is handed out as: by media type, how its name ends, and what makes it."""


def _standing(each: _Inside, leaves: Mapping[int, Leaf], shipped: int) -> tuple[int, Leaf]:
    """The event of the leaf by which it is in what it is in, or by which it was shipped."""
    if each.standing is not None:
        for event, leaf in leaves.items():
            if leaf.hash == bytes(each.standing):
                return event, leaf
    event = shipped if each.packed is None else each.packed
    if event in leaves:
        return event, leaves[event]
    raise CannotProve("no leaf says where it is", where=each.epc)


def _told_by(submissions: Iterable[int]) -> dict[int, list[Any]]:
    """Voice and party of every event of these submissions, in document order."""
    rows = EventRow.objects.filter(submission_id__in=list(submissions)).order_by("submission_id", "position")
    told: dict[int, list[Any]] = {}
    for row in rows.only("submission_id", "voice", "party"):
        told.setdefault(row.submission_id, []).append(row)
    return told


def _narrowed(event: Event, inside: set[str], *, whole: bool) -> Event:
    """As much of it as is about these; of another party's, what a bundle shows of it: its core, lot and expiry."""
    epcs = tuple(epc for epc in event.epcs if epc in inside)
    members = dict(event.members)
    names = "childEPCs" if event.type is EventType.AGGREGATION else "epcList"
    if len(epcs) < len(event.epcs):
        members.pop("eventID", None)
    if not whole:
        members = {name: value for name, value in members.items() if name not in _NOT_TOLD and name in _TOLD_OF_OTHERS}
    return Event.from_canonical(members | {names: list(epcs)})


_NOT_TOLD = frozenset({"errorDeclaration"})
_TOLD_OF_OTHERS = frozenset(
    {"type", "action", "bizStep", "disposition", "persistentDisposition", "eventID", "eventTime", "eventTimeZoneOffset",
     "sourceList", "destinationList", "ilmd", "parentID", "epcList", "childEPCs"}
)  # fmt: skip


def _gone(subject: str) -> Erased:
    return Erased("part of what this rests on was erased, by a statement in the log", where=subject.partition("#")[0])


class Books:
    """What this node has in its own books of products and places, as of the day of a shipment: what is believed of a
    product (`partners/descriptions.py`); of a place, what whose it is tells of it, else the operator of this node."""

    def __init__(self, gtins: Iterable[str], glns: Iterable[str], on: date) -> None:
        self._products = known(gtins, on, operator=settings.OPERATOR_GLN)
        named = list(glns)
        self._partners = Partner.objects.in_bulk(named)
        self._operators = Location.objects.operators(named)
        self._places = known_places(named, on, operator=settings.OPERATOR_GLN)

    def product(self, gtin: str, at: datetime) -> Mapping[str, str]:
        told = self._products.get(gtin)
        if told is None:
            return {}
        return product_attributes(
            name=told.name,
            strength=told.strength,
            dosage_form=told.dosage_form,
            container_size=told.container_size,
            manufacturer=told.labeler,
            ndc=told.ndc,
        )

    def place(self, gln: str, at: datetime) -> Mapping[str, str]:
        partner, location = self._partners.get(gln), self._operators.location(gln, at)
        name = partner.name if partner else location.name if location else ""
        row = self._places.get(gln)
        if row is None:
            return {"name": name} if name else {}
        said = {
            "name": row.name or name,
            "streetAddressOne": row.street,
            "city": row.city,
            "state": row.state,
            "postalCode": row.postal_code,
            "countryCode": row.country,
        }
        return {attribute: value for attribute, value in said.items() if value}


# ---- those of a party -----------------------------------------------------------------------------------------------

A_PAGE = 50
LOOKED_AT = 500  # shipments, at most, that one answer looks into for a product or a lot


@dataclass(frozen=True)
class Wanted:
    """Which of one's shipments."""

    since: datetime | None = None  # by event time
    before: datetime | None = None
    partner: str | None = None  # GLN of the other party
    gtin: str | None = None
    lot: str | None = None
    after: int | None = None  # cursor: `next` of the page before


@dataclass(frozen=True)
class Listed:
    """A shipment in a list."""

    submission: str
    position: int
    time: datetime
    seller: str  # GLN of the party that ships
    buyer: str | None  # GLN
    signer: str
    sent: bool  # by whoever asks
    voice: str
    reverted: bool  # declared an error since
    called_off: bool  # by its sender, before it was received
    logged: bool
    erased: bool


def shipments_of(party: Partner, wanted: Wanted, *, purpose: Purpose, now: datetime) -> tuple[list[Listed], int | None]:
    """What the party sent or was sent, the latest to be accepted first, a page at a time; and where the next begins."""
    rows, following = _found(party, wanted)
    with transaction.atomic():
        others = [row for row in rows if row.submission.submitter != party.gln]
        subjects = {event_name(row.submission.submission, row.position) for row in others}
        access.record_all(party, subjects, "transactions", purpose, now=now)
    return _listed(party, rows), following


def _found(party: Partner, wanted: Wanted) -> tuple[list[EventRow], int | None]:
    rows: list[EventRow] = []
    looked: int = 0
    cursor: int | None = wanted.after
    while True:
        batch = _batch(party, wanted, cursor)
        kept = _with(batch, wanted) if wanted.gtin or wanted.lot else {row.pk for row in batch}
        for row in batch:
            cursor = row.pk
            rows += [row] if row.pk in kept else []
            if len(rows) == A_PAGE:
                return rows, cursor
        looked += len(batch)
        if len(batch) < A_PAGE:
            return rows, None
        if looked >= LOOKED_AT:
            return rows, cursor


def _batch(party: Partner, wanted: Wanted, after: int | None) -> list[EventRow]:
    """Each way is found by an index of its own."""
    sent, got = _asked(Q(party=party.gln), wanted, after), _asked(Q(consignee=party.gln), wanted, after)
    if wanted.partner is not None:
        sent, got = sent.filter(consignee=wanted.partner), got.filter(party=wanted.partner)
    found = {row.pk: row for rows in (sent, got) for row in rows[:A_PAGE]}
    return [found[key] for key in sorted(found, reverse=True)][:A_PAGE]


def _asked(whose: Q, wanted: Wanted, after: int | None) -> QuerySet[EventRow]:
    rows = _SHIPMENTS.filter(whose, is_copy=False).order_by("-pk")
    if wanted.since is not None:
        rows = rows.filter(event_time__gte=wanted.since)
    if wanted.before is not None:
        rows = rows.filter(event_time__lt=wanted.before)
    if after is not None:
        rows = rows.filter(pk__lt=after)
    return rows.select_related("submission__entry").defer(
        "leaves", "remains", "submission__document", "submission__header", "submission__event_leaves"
    )


#: By shipment, the products and lots that are in it: all that is inside, looked up at once.
_LOTS = """WITH RECURSIVE asked (ship, epc) AS (
    SELECT CAST(substr(named.value, 1, {split} - 1) AS bigint), substr(named.value, {split} + 1) FROM {{values}}
), inside (ship, id) AS (
    SELECT asked.ship, i.id FROM asked JOIN traceability_item AS i ON i.epc = asked.epc
    UNION ALL
    SELECT inside.ship, c.item_id FROM inside JOIN traceability_containment AS c ON c.parent_id = inside.id
    WHERE c.event_id < inside.ship AND (c.closed_id IS NULL OR c.closed_id > inside.ship)
) SELECT DISTINCT inside.ship, substr(i.epc, 1, 36), e.lot
FROM inside JOIN traceability_item AS i ON i.id = inside.id JOIN traceability_event AS e ON e.id = i.begun_id"""


def _with(rows: Sequence[EventRow], wanted: Wanted) -> set[int]:
    """Those of them, by key, in which the product, or the lot, is."""
    pairs, sql = _pairs(rows), _LOTS.format(split=_split())
    gtin = None if wanted.gtin is None else f"https://id.gs1.org/01/{wanted.gtin}"
    return {
        key
        for key, product, lot in bulk.select_in(sql, pairs, "text")
        if gtin in (None, product) and wanted.lot in (None, lot)
    }


#: By shipment, what happened next to whatever it names by itself.
_NEXT = """WITH asked (ship, epc) AS (
    SELECT CAST(substr(named.value, 1, {split} - 1) AS bigint), substr(named.value, {split} + 1) FROM {{values}}
), next (ship, event_id) AS (
    SELECT asked.ship, min(m.event_id) FROM asked JOIN traceability_item AS i ON i.epc = asked.epc
    JOIN traceability_move AS m ON m.item_id = i.id AND m.event_id > asked.ship GROUP BY asked.ship, i.id
) SELECT DISTINCT next.ship FROM next JOIN traceability_event AS e ON e.id = next.event_id
WHERE e.biz_step = 'void_shipping'"""


def _called_off(rows: Sequence[EventRow]) -> set[int]:
    """Those of them, by key, that their sender has called off since, in whole or in part."""
    return {key for (key,) in bulk.select_in(_NEXT.format(split=_split()), _pairs(rows), "text")}


def _pairs(rows: Sequence[EventRow]) -> list[str]:
    return [f"{row.pk} {epc}" for row in rows for epc in event_of(row.canonical).epcs]


def _split() -> str:
    """Where the first of a pair ends."""
    return "strpos(named.value, ' ')" if bulk.is_postgresql() else "instr(named.value, ' ')"


def _listed(party: Partner, rows: Sequence[EventRow]) -> list[Listed]:
    ids = {row.event_id for row in rows if row.event_id is not None}
    declared = EventRow.objects.filter(event_id__in=ids, is_error_declaration=True).values_list("event_id", "party")
    reverted, called_off = set(declared), _called_off(rows)
    return [
        Listed(
            submission=str(row.submission.submission),
            position=row.position,
            time=row.event_time,
            seller=row.party,
            buyer=row.consignee,
            signer=row.submission.submitter,
            sent=row.party == party.gln,
            voice=row.voice,
            reverted=(row.event_id, row.party) in reverted,
            called_off=row.pk in called_off,
            logged=row.submission.entry.index is not None,
            erased=row.submission.erased_id is not None,
        )
        for row in rows
    ]
