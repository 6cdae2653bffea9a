"""Items and events as rows: how their values are kept, and how what a submission did is written, in bulk.

    Loaded(items, heads, contents, facts) ──judge, grow──> write_events, write_custody

`loading.py` finds them. Every function asks a number of queries that does not depend on how many items there are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json import dumps, loads
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID
from zlib import compressobj, decompressobj

from django.db import connection
from django.db.models import Exists, OuterRef

from ledger.models import Entry

from . import bulk
from .custody import Content, Head, Told, Voice
from .epcis.event_hash import event_digest
from .epcis.events import Document, Event
from .facts import Allowed, Exceptional, ItemState, Judgement, Recorded
from .judgement import Board
from .models import Allowance, Containment, ExceptionCase, Item, Move, Submission
from .models import Event as EventRow
from .submission import Grown, Kind, Leaf, Opening, Tree

Stored: TypeAlias = "bytes | memoryview[int]"  # what a driver gives for bytes
KINDS: Mapping[int, Kind] = {ord("i"): "i", ord("p"): "p", ord("s"): "s"}
LEAF = 33  # bytes of a stored leaf: its kind, its hash


class ChangedMeanwhile(Exception):
    """What was found first is no longer so, now that the rest was found, or locked: begin again."""


@dataclass(frozen=True)
class Loaded:
    """What the record says of everything a document names, its containers included."""

    told: tuple[Told, ...]
    board: Board
    heads: Mapping[str, Head]
    contents: Mapping[str, frozenset[bytes]]  # children's leaf hashes, of containers that are packed or unpacked

    def of_others(self, named: Collection[str], party: str) -> frozenset[str]:
        """Those of the items named that are known here, and neither held by the party nor on their way to it."""
        items = [item for epc in named if (item := self.board.items.get(epc)) is not None and item.status is not None]
        return frozenset(item.epc for item in items if not item.is_had_by(party))

    def entrusted(self, events: Iterable[Event]) -> frozenset[str]:
        """Those that an event names of a party that has them, and whose agent tells the event."""
        return frozenset(
            epc
            for event, how in zip(events, self.told, strict=True)
            if how.voice is Voice.AGENT and how.spoken_for is not None
            for epc in event.named
            if (item := self.board.items.get(epc)) is not None and item.is_had_by(how.spoken_for)
        )


# ---- values and columns ---------------------------------------------------------------------------------------------


def instant(time: datetime) -> str:
    """A time as canonical events write it, without its Z: text that sorts."""
    whole, _, fraction = time.isoformat(timespec="microseconds")[:26].partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(3, '0')}"


@lru_cache(maxsize=4096)
def stored_time(text: str) -> Any:
    """An `instant`, as a row is given it."""
    moment = datetime.fromisoformat(text[:26] + "+00:00")
    return connection.ops.adapt_datetimefield_value(moment)


def content_of(size: int | None, root: bytes | None) -> Content:
    if size is None:
        return "none"
    return "unknown" if size < 0 or root is None else (size, bytes(root))


def content_to_json(content: Content) -> Any:
    return [content[0], content[1].hex()] if isinstance(content, tuple) else content


def content_from_json(stored: Any) -> Content:
    return (stored[0], bytes.fromhex(stored[1])) if isinstance(stored, list) else stored


def _content_columns(content: Content) -> tuple[int | None, bytes | None]:
    if isinstance(content, tuple):
        return content
    return (None, None) if content == "none" else (-1, None)


def leaves_of(event: Event, stored: Stored) -> dict[str, tuple[Kind, bytes]]:
    """Kind and hash of the leaf of every EPC the event names, from its row."""
    stored = bytes(stored)
    return {
        epc: (KINDS[stored[at]], stored[at + 1 : at + LEAF])
        for epc, at in zip(event.named, range(0, len(stored), LEAF), strict=True)
    }


def stored_leaves(leaves: Iterable[Leaf]) -> bytes:
    """How a row holds them."""
    return b"".join([leaf.kind.encode() + leaf.hash for leaf in leaves])


def moved_leaves(event: Event, stored: Stored) -> dict[str, bytes]:
    """Of what the event moved, the leaf that it made."""
    return {epc: leaf for epc, (kind, leaf) in leaves_of(event, stored).items() if kind != "s"}


#: What most events are made of, for zlib to refer to (RFC 1950 section 2.2, FDICT): the packing of a case takes a
#: third less. Rows are unreadable without it, so it never changes.
EVENT_WORDS = (
    b'"disposition":"in_transit","disposition":"active","disposition":"dispensed","errorDeclaration":{"reason":"'
    b'"ilmd":{"urn:epcglobal:cbv:mda:itemExpirationDate":"20","urn:epcglobal:cbv:mda:lotNumber":""},'
    b'"parentID":"https://id.gs1.org/00/0","sourceList":[{"source":"https://id.gs1.org/417/0","type":"possessing_party"}'
    b',{"source":"https://id.gs1.org/414/0","type":"location"},{"type":"owning_party"}],"destinationList":['
    b'{"destination":"https://id.gs1.org/417/0{"action":"OBSERVE","bizStep":"shipping","bizStep":"receiving",'
    b'"bizTransactionList":[{"bizTransaction":"urn:epcglobal:cbv:bt:","type":"po"}],"epcList":['
    b'"bizStep":"commissioning","type":"ObjectEvent"}{"action":"ADD","bizLocation":{"id":"https://id.gs1.org/414/0"},'
    b'"bizStep":"packing","childEPCs":["https://id.gs1.org/01/0"],"disposition":"in_progress","eventID":"urn:uuid:",'
    b'"eventTime":"2026-01-01T00:00:00.000Z","eventTimeZoneOffset":"+00:00","parentID":"https://id.gs1.org/01/5",'
    b'"readPoint":{"id":"https://id.gs1.org/414/0"},"type":"AggregationEvent"}'
)


def event_name(submission: UUID | str, position: int) -> str:
    """As access records call one event of a submission."""
    return f"urn:uuid:{submission}#{position}"


def event_of(stored: Stored) -> Event:
    """The event a row holds."""
    return Event.from_canonical(loads(decompressobj(zdict=EVENT_WORDS).decompress(stored)))


def lot_and_expiry(event: Event) -> tuple[Any, Any]:
    """As the ILMD writes them, if it does."""
    ilmd = event.ilmd or {}
    return ilmd.get(_MDA + "lotNumber"), ilmd.get(_MDA + "itemExpirationDate")


def stored_event(event: Event) -> bytes:
    """How a row holds it."""
    packer = compressobj(zdict=EVENT_WORDS)
    return packer.compress(event.canonical) + packer.flush()


def opening_of(row: Submission, events: "Iterable[StoredEvent] | None" = None) -> Opening:
    """The opening of a submission, as it was handed in; a secret that was erased is all zeros."""
    if events is None:
        told = list(row.events.order_by("position").values_list("voice", "party"))
    else:
        told = [(event.voice, event.party) for event in events]
    return Opening(
        items=bytes(row.items_secret),
        fields=bytes(row.fields_secret),
        entry=bytes(row.entry_salt),
        told=tuple(Told(Voice(voice), None if party == row.submitter else party) for voice, party in told),
        offline=row.offline,
    )


class StoredEvent(NamedTuple):
    """The row of an event, as its database gives it."""

    id: int
    position: int
    event_id: str | None
    identity: Stored
    event_hash: Stored
    event_time: str  # as its database writes it
    biz_step: str | None
    disposition: str | None
    action: str
    voice: str
    party: str
    consignee: str | None
    lot: str | None
    expiry: str | None
    is_error_declaration: Any  # whatever SQLite was given
    is_copy: Any
    canonical: Stored
    leaves: Stored
    remains: "Stored | None"


_AS_TEXT = frozenset({"event_time", "last_time", "before"})


def as_stored(columns: Iterable[str], table: str = "") -> str:
    """These columns, for whoever compares them with what they should be. PostgreSQL's times and JSON are read as text,
    in a tenth of the time; SQLite's driver makes nothing else of what is no plain column, whatever is stored there."""
    if bulk.is_postgresql():
        return ", ".join(f"CAST({table}{name} AS text)" if name in _AS_TEXT else table + name for name in columns)
    return ", ".join(f"coalesce({table}{name}, NULL)" for name in columns)


@lru_cache(maxsize=4096)
def moment(stored: str) -> Any:
    """A time that was read as it is stored, as `stored_time` writes it; what is none, as it is."""
    with suppress(ValueError):
        return datetime.fromisoformat(stored) if bulk.is_postgresql() else stored
    return stored


def events_of(submission: int, schema: str | None = None) -> list[StoredEvent]:
    """The rows of a submission's events, in document order; `schema`, where another hides it."""
    table = f"{schema}.{EventRow._meta.db_table}" if schema else EventRow._meta.db_table
    sql = f"SELECT {as_stored(StoredEvent._fields)} FROM {table} WHERE submission_id = %s ORDER BY position"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [submission])
        return list(map(StoredEvent._make, cursor.fetchall()))


# ---- writing --------------------------------------------------------------------------------------------------------

_EVENT_COLUMNS = (
    "id", "submission_id", "position", "event_id", "identity", "event_hash", "event_time", "biz_step", "disposition",
    "action", "voice", "party", "consignee", "lot", "expiry", "is_error_declaration", "is_copy", "canonical", "leaves",
)  # fmt: skip
ITEM_COLUMNS = {  # but for the key, and the EPC
    "begun_id": "bigint", "head": "bytea", "content_size": "integer", "content_root": "bytea", "sequence": "integer",
    "status": "text", "possessor": "text", "owner": "text", "owner_before": "text", "consignee": "text",
    "begun_by_others": "boolean", "last_time": "timestamptz",
}  # fmt: skip
PACKING_COLUMNS = ("item_id", "sequence", "parent_id", "event_id", "standing", "closed_id", "before")
_MDA = "urn:epcglobal:cbv:mda:"


def draw_event_keys(order: Sequence[int]) -> list[int]:
    """Keys for the events of a submission, in document order.

    They ascend in the order in which the events apply: of whatever touches one item, a later key came later.
    """
    drawn = dict(zip(order, bulk.draw_keys(EventRow, len(order)), strict=True))
    return [drawn[position] for position in range(len(order))]


def write_events(
    submission: int, keys: Sequence[int], document: Document, loaded: Loaded, judgement: Judgement, tree: Tree
) -> None:
    """Store the events of an accepted submission."""
    bulk.insert(EventRow, _EVENT_COLUMNS, _event_rows(submission, keys, document, loaded, judgement, tree))


def write_custody(
    keys: Sequence[int], loaded: Loaded, judgement: Judgement, grown: Grown, order: Sequence[int], now: datetime
) -> None:
    """Store what the events of these keys did to every item: all of it follows from them, and can be replayed."""
    _write_items(keys, loaded, grown)
    _write_packings(keys, judgement)
    write_moves(keys, loaded, judgement, grown, order, now)


def write_moves(
    keys: Sequence[int], loaded: Loaded, judgement: Judgement, grown: Grown, order: Sequence[int], now: datetime
) -> None:
    """Of that, all but the items themselves and what they are in."""
    _forget_moves(judgement)
    _write_moves(keys, judgement, _contents_before(loaded, grown, order))
    superseded = [(key, True) for key in judgement.superseded]
    bulk.update(EventRow, {"id": "bigint"}, {"is_copy": "boolean"}, superseded)
    if judgement.exceptions:
        ExceptionCase.objects.bulk_create(
            ExceptionCase(event_id=keys[case.position], epc=case.epc, code=case.code, detail=case.detail, opened=now)
            for case in judgement.exceptions
        )


def _event_rows(
    submission: int, keys: Sequence[int], document: Document, loaded: Loaded, judgement: Judgement, tree: Tree
) -> Iterable[bulk.Row]:
    for position, event in enumerate(document.events):
        yield (
            keys[position],
            submission,
            position,
            event.event_id,
            event.identity,
            event_digest(event),
            stored_time(event.event_time[:-1]),
            event.biz_step,
            event.disposition,
            event.action.value,
            loaded.told[position].voice.value,
            judgement.parties[position],
            loaded.board.facts.consignees.get(position),
            *lot_and_expiry(event),
            event.error_declaration is not None,
            position in judgement.copies,
            stored_event(event),
            stored_leaves(tree.events[position].items),
        )


def changed_items(keys: Sequence[int], loaded: Loaded, grown: Grown) -> Iterator[tuple[ItemState, tuple[Any, ...]]]:
    """The items that the events have changed, each with its ITEM_COLUMNS as they are now."""
    for item in loaded.board.items.values():
        if not item.changed:
            continue
        head = grown.heads.get(item.epc) or loaded.heads[item.epc]
        begun = item.begun.key if isinstance(item.begun, Recorded) else keys[item.begun or 0]
        size, root = _content_columns("unknown" if item.content == "unknown" else head.content)
        yield item, (
            begun, head.leaf, size, root, item.sequence, item.status and str(item.status), item.possessor,
            item.owner, item.owner_before, item.consignee, item.begun_by_others, stored_time(item.last_time),
        )  # fmt: skip


def _write_items(keys: Sequence[int], loaded: Loaded, grown: Grown) -> None:
    changed = list(changed_items(keys, loaded, grown))
    fresh = sorted((each for each in changed if each[0].key is None), key=lambda each: each[0].epc)  # as the index
    stored = sorted(((item.key, *columns) for item, columns in changed if item.key is not None), key=itemgetter(0))
    for (item, _), key in zip(fresh, bulk.draw_keys(Item, len(fresh)), strict=True):
        item.key = key
    if fresh:
        bulk.insert(Item, ("id", "epc", *ITEM_COLUMNS), ((item.key, item.epc, *columns) for item, columns in fresh))
    bulk.update(Item, {"id": "bigint"}, ITEM_COLUMNS, stored)


def packing_rows(keys: Sequence[int], judgement: Judgement) -> tuple[list[bulk.Row], list[bulk.Row]]:
    """Containments, once their items have keys: those that the events opened, by their PACKING_COLUMNS; and of those
    that were open before, item, sequence and the event that closed it."""
    opened = {(id(packing.child), packing.sequence): packing for packing in judgement.packings}
    closed: list[bulk.Row] = []
    for child, sequence, position in judgement.closings:
        if packing := opened.get((id(child), sequence)):
            packing.closed = position
        else:
            closed.append((child.key, sequence, keys[position]))
    rows: list[bulk.Row] = [
        (
            packing.child.key,
            packing.sequence,
            packing.parent.key,
            keys[packing.position],
            packing.standing,
            None if packing.closed is None else keys[packing.closed],
            packing.before and dumps(packing.before),
        )
        for packing in judgement.packings
    ]
    return rows, closed


def _write_packings(keys: Sequence[int], judgement: Judgement) -> None:
    rows, closed = packing_rows(keys, judgement)
    bulk.update(Containment, {"item_id": "bigint", "sequence": "integer"}, {"closed_id": "bigint"}, closed)
    if rows:
        rows.sort(key=itemgetter(0, 1))  # as the index has them, which then fills its pages
        bulk.insert(Containment, PACKING_COLUMNS, rows)


#: Of these items, those whose first event has a row: another has become their beginning since.
FIRST_MOVES = """SELECT m.item_id FROM {values}
    JOIN traceability_move AS m ON m.item_id = named.value AND m.sequence = 1"""
_FORGET = "DELETE FROM traceability_move WHERE item_id IN (SELECT named.value FROM {values}) RETURNING item_id"


def _forget_moves(judgement: Judgement) -> None:
    """Of what begins anew, whatever others told before is no part of its history any more; the events stay."""
    bulk.select_in(_FORGET, [item.key for item in judgement.begun_anew], "bigint")


def _write_moves(keys: Sequence[int], judgement: Judgement, contents_before: Mapping[tuple[int, str], Content]) -> None:
    rows = []
    for change in judgement.changes:
        before: dict[str, Any] = dict(change.before)
        if (content := contents_before.get((change.position, change.item.epc))) is not None:
            before["content"] = content_to_json(content)
        rows.append((change.item.key, change.sequence, keys[change.position], dumps(before)))
    first = {item.key: begun for item, begun in reversed(judgement.begun_again)}
    told = {key for (key,) in bulk.select_in(FIRST_MOVES, list(first), "bigint")}
    for item_key, begun in first.items():
        if item_key not in told:
            rows.append((item_key, 1, begun.key if isinstance(begun, Recorded) else keys[begun or 0], "{}"))
    if rows:
        bulk.insert(Move, ("item_id", "sequence", "event_id", "before"), rows)


def write_allowances(submission: Submission, allowed: Iterable[Allowed]) -> None:
    """Which waivers let what pass that a rule would have refused."""
    Allowance.objects.bulk_create(
        Allowance(
            submission=submission, position=each.position, rule=each.rule, subject=each.subject, waiver_id=each.by.key
        )
        for each in allowed
    )


def allowances_of(submission: Submission) -> list[tuple[Allowance, str]]:
    """Each with the entry of its waiver, in hexadecimal."""
    rows = list(submission.allowances.select_related("waiver").order_by("pk"))
    entries = Entry.objects.in_bulk({row.waiver.registered for row in rows}) if rows else {}
    return [(row, bytes(entries[row.waiver.registered].entry).hex()) for row in rows]


def exceptions_of(submission: Submission) -> list[Exceptional]:
    """What people have to look at in a submission that was taken, in the order in which it came up."""
    rows = ExceptionCase.objects.filter(event__submission=submission).order_by("pk")
    return [Exceptional(*row) for row in rows.values_list("event__position", "epc", "code", "detail")]


def known_before(submission: Submission) -> list[int]:
    """Positions of the events that were recorded before it, and moved nothing again: a resend is known, not an error.

    An event that its own party told later is a copy since then, and was none when it was accepted: nothing before it
    tells the same. So the answer stays what it was.
    """
    earlier = EventRow.objects.filter(identity=OuterRef("identity"), pk__lt=OuterRef("pk"))
    copies = submission.events.filter(Exists(earlier), is_copy=True)
    return list(copies.order_by("position").values_list("position", flat=True))


def _contents_before(loaded: Loaded, grown: Grown, order: Sequence[int]) -> dict[tuple[int, str], Content]:
    """The content of each container before the event that packed or unpacked it."""
    now: dict[str, Content] = {epc: head.content for epc, head in loaded.heads.items()}
    before: dict[tuple[int, str], Content] = {}
    for position in order:
        for leaf in grown.items[position]:
            if leaf.kind == "p" and leaf.content is not None:
                before[position, leaf.epc] = now.get(leaf.epc, "none")
                now[leaf.epc] = leaf.content
    return before
