"""What the holder of an item may show of it and of all that is in it: leaves, salt and all (ARCHITECTURE section 3).

    item ──everything inside──> batches ──events that name them──> leaves, each found again by its hash

Whoever takes custody of a pallet can from then on show any one unit of it, and nothing else: a leaf opens one item.
Read in batches, so that a pallet of any size is a stream; no query a unit.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from partners import access
from partners.models import Partner

from . import bulk
from .bundle.build import CannotProve, find_leaf
from .custody import Content
from .epcis.events import Action, Event
from .epcis.jcs import JSON
from .errors import NotFound
from .history import chain, uuid_text
from .records import event_of, leaves_of
from .statements import CONTENT, b64
from .submission import Kind, Leaf, Salt, content_root, salts

BATCH = 500  # items read at a time
LATEST = 2**63 - 1  # of the keys of events


@dataclass(frozen=True, slots=True)
class OpenedLeaf:
    """What one event says of one item."""

    submission: str  # UUID
    submitter: str  # GLN
    event: int  # position in the submission
    salt: bytes
    leaf: Leaf
    row: int  # of the event

    @property
    def members(self) -> list[JSON]:
        """The leaf as it is hashed: the RFC 8785 form of these."""
        kind, epc, content, prev, _ = self.leaf
        if content is None:
            return [kind, b64(self.salt), epc]
        return [kind, b64(self.salt), epc, CONTENT.write(content), None if prev is None else b64(prev)]


@dataclass(frozen=True, slots=True)
class ItemOpening:
    """All that is said of one item, oldest first."""

    epc: str
    leaves: tuple[OpenedLeaf, ...]


def openings(epc: str, reader: Partner, *, purpose: access.Purpose, now: datetime) -> Iterator[ItemOpening]:
    """The openings of an item, by its canonical EPC, and of everything in it: for its holder, and recorded (I7).

    Raises `NotFound`, alike for what nobody knows and for what another holds.
    """
    with transaction.atomic():
        found = chain(epc)
        if found is None or found.custody.possessor != reader.gln:
            raise NotFound("you hold no item of this number", where="epc")
        access.record(reader, epc, "openings", purpose, now=now)
        items = _inside(epc)
    return _opened(items)


def said_of(epcs: Sequence[str]) -> Iterator[ItemOpening]:
    """All that is said of these items, for whoever has a right to it; those are left out of which something was erased,
    or that the rows no longer tell."""
    columns = "found.id, found.epc, found.begun_id"
    return _opened(bulk.select_by(columns, "traceability_item", "epc", epcs, "text"), lenient=True)


# ---- rows -----------------------------------------------------------------------------------------------------------

_INSIDE = """WITH RECURSIVE inside (id) AS (
    SELECT id FROM traceability_item WHERE epc = %s
    UNION ALL
    SELECT c.item_id FROM inside JOIN traceability_containment AS c ON c.parent_id = inside.id AND c.closed_id IS NULL
) SELECT i.id, i.epc, i.begun_id FROM inside JOIN traceability_item AS i ON i.id = inside.id ORDER BY i.id"""
_EVENTS = (
    "SELECT c.item_id, c.event_id FROM {values} JOIN traceability_containment AS c ON c.item_id = named.value",
    "SELECT m.item_id, m.event_id FROM {values} JOIN traceability_move AS m ON m.item_id = named.value",
)
_Item = tuple[int, str, int]  # key, EPC, the event that began it


def _inside(epc: str) -> list[_Item]:
    with connection.cursor() as cursor:
        cursor.execute(_INSIDE, [epc])
        return cursor.fetchall()


def said_until(event: int, items: "Sequence[_Item]") -> Iterator[ItemOpening]:
    """All that is said of these items in events up to this row, all of them at once: a number of queries that does not
    depend on how many they are. Raises `CannotProve` where the rows no longer tell."""
    return _opened(items, upto=event, at_once=len(items))


def _opened(
    items: Sequence[_Item], *, lenient: bool = False, upto: int = LATEST, at_once: int = BATCH
) -> Iterator[ItemOpening]:
    told: dict[int, _Told] = {}
    for batch in _batches(items, at_once):
        events = {key: {event for event in named if event <= upto} for key, named in _events(batch).items()}
        wanted = {event for named in events.values() for event in named}
        told = {key: each for key, each in told.items() if key in wanted}  # neighbours share most of their events
        told |= _told(wanted - told.keys())
        for key, epc, _ in batch:
            try:
                opening = ItemOpening(epc, tuple(_leaves(epc, [told[event] for event in sorted(events[key])])))
            except CannotProve:
                if lenient:
                    continue
                raise
            yield opening


def _batches(items: Sequence[_Item], at_once: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), at_once or 1):
        yield items[start : start + at_once]


def _events(items: Sequence[_Item]) -> dict[int, set[int]]:
    """By item, the events that name it and moved it; keys of events ascend as they apply."""
    events = {key: {begun} for key, _, begun in items}
    for sql in _EVENTS:
        for key, event in bulk.select_in(sql, list(events), "bigint"):
            events[key].add(event)
    return events


# ---- leaves ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """An event with what opens its leaves."""

    row: int
    submission: str
    submitter: str
    position: int
    event: Event
    salt: Salt
    leaves: Mapping[str, tuple[Kind, bytes]]

    @property
    def children(self) -> dict[str, bytes]:
        """The leaves of what it packs or unpacks."""
        event = self.event
        return {epc: leaf for epc, (kind, leaf) in self.leaves.items() if kind == "i" and epc != event.parent_id}


#: One query, however many they are: SQLite takes no more than some hundred parameters in one.
_TOLD = """SELECT e.id, e.position, e.canonical, e.leaves, s.submission, s.submitter, s.items_secret
FROM {values} JOIN traceability_event AS e ON e.id = named.value
JOIN traceability_submission AS s ON s.id = e.submission_id"""


def _told(keys: Collection[int]) -> dict[int, _Told]:
    told = {}
    rows = bulk.select_in(_TOLD, list(keys), "bigint")
    for key, position, canonical, leaves, submission, submitter, secret in rows:
        event, salt = event_of(canonical), salts(bytes(secret), "event", position, "items")
        told[key] = _Told(key, uuid_text(submission), submitter, position, event, salt, leaves_of(event, leaves))
    return told


def _leaves(epc: str, told: Sequence[_Told]) -> Iterator[OpenedLeaf]:
    """The item's leaves, one after the other: each names the one before, and a content that it can have had."""
    said = _Said()
    for each in told:
        if epc not in each.leaves:  # it was put back by the correction of an event that did not name it
            continue
        stored, salt = each.leaves[epc], each.salt(epc)
        if stored[0] == "s":
            leaf = Leaf.make("s", salt, epc, None, None)
        else:
            leaf = find_leaf(stored, epc, salt, contents=said.contents(each, stored[0]), prevs=(said.last, None))
            said.note(leaf)
        yield OpenedLeaf(each.submission, each.submitter, each.position, salt, leaf, each.row)


class _Said:
    """What an item's leaves have said so far, hence what the next can say."""

    def __init__(self) -> None:
        self.last: bytes | None = None
        self._contents: dict[Content, None] = {"unknown": None, "none": None}  # the likeliest last
        self._inside: dict[str, bytes] = {}
        self._taken_out: dict[str, bytes] = {}

    def contents(self, told: _Told, kind: Kind) -> list[Content]:
        """The likeliest first."""
        likely: list[Content] = []
        if kind == "p":
            children = self._changed(told)
            likely = [content_root(self._inside.values()), content_root(children.values())]
        return likely + [*self._contents][::-1]

    def _changed(self, told: _Told) -> dict[str, bytes]:
        """Follow what is in the container. An error declaration does the contrary of what it declares."""
        children, event = told.children, told.event
        packs = (event.action is Action.ADD) is (event.error_declaration is None)
        if not packs:
            gone = children if event.epcs else dict(self._inside)
            self._taken_out = {epc: self._inside.pop(epc) for epc in gone if epc in self._inside}
        elif event.action is Action.ADD:
            self._inside |= children
        else:  # it puts back what the event before it took out
            self._inside |= self._taken_out
        return children

    def note(self, leaf: Leaf) -> None:
        assert leaf.content is not None
        self._contents.pop(leaf.content, None)
        self._contents[leaf.content] = None
        self.last = leaf.hash
