"""What an error declaration would put back, from the rows that the event which it declares has left.

declarations ──eventID, identity──> the event's tellings ──> Original: leaves made, custody, contents, children out
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from json import loads
from typing import Any

from . import bulk
from .custody import SIGNED_BY_PARTY, Told, empties
from .epcis.events import Event
from .facts import Custody, Original, OriginalKey, Recorded
from .records import content_from_json, event_of, leaves_of, moved_leaves
from .reversal import key_of

_TELLINGS = """SELECT e.id, e.identity, e.voice, e.party, e.event_id, e.leaves, s.submitter, s.entry_id FROM {values}
    JOIN traceability_event AS e ON e.%s = named.value JOIN traceability_submission AS s ON s.id = e.submission_id"""
_BY_IDENTITY = _TELLINGS % "identity"
#: What a party itself told under an eventID, once: those events, and no others, are in the index of them.
_BY_EVENT_ID = (
    _TELLINGS % "event_id" + " WHERE e.voice IN ('actor', 'agent')"
    " AND NOT e.is_error_declaration AND NOT e.is_copy AND e.event_id IS NOT NULL"
)


def told_again(identities: Sequence[bytes], as_of: int | None) -> list[Any]:
    """Every telling of the events with these identities: key, identity, voice, party, eventID, leaves, submitter."""
    return [row[:-1] for row in bulk.select_in(_BY_IDENTITY, identities, "bytea") if as_of is None or row[-1] < as_of]


def told_as(event_ids: Sequence[str], as_of: int | None) -> list[Any]:
    """What parties themselves told under these eventIDs: the same columns."""
    return [row[:-1] for row in bulk.select_in(_BY_EVENT_ID, event_ids, "text") if as_of is None or row[-1] < as_of]


def originals(
    events: Iterable[Event], told: Iterable[Told], submitter: str, as_of: int | None
) -> dict[OriginalKey, Original]:
    """The events that some of these declare errors, as far as they are recorded."""
    wanted = {
        key_of(event, how.spoken_for or submitter)
        for event, how in zip(events, told, strict=True)
        if event.error_declaration is not None and how.voice in SIGNED_BY_PARTY
    }
    if not wanted:
        return {}
    identities = _identities(wanted, as_of)
    rows: dict[bytes, list[Any]] = {}
    for row in sorted(told_again(list(identities.values()), as_of), key=_by_others):
        rows.setdefault(bytes(row[1]), []).append(row)
    found = {identity: _Traces(some) for identity, some in rows.items()}
    _follow(list(found.values()))
    return {key: found[identity].original for key, identity in identities.items() if identity in found}


def _identities(wanted: Iterable[OriginalKey], as_of: int | None) -> dict[OriginalKey, bytes]:
    """The identity of each event, by what it is looked for by."""
    found: dict[OriginalKey, bytes] = {key: key for key in wanted if isinstance(key, bytes)}
    ids = sorted({key[1] for key in wanted if isinstance(key, tuple)})
    for _, identity, _, party, event_id, *_ in told_as(ids, as_of):
        if (party, event_id) in wanted:
            found[party, event_id] = bytes(identity)
    return found


def _by_others(row: Any) -> bool:
    return row[2] not in SIGNED_BY_PARTY


class _Traces:
    """What one event has left. It may have been told several times: by others, by its own party, and again."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = {row[0]: row for row in rows}
        self.before: dict[str, Custody] = {}
        self.contents: dict[str, Any] = {}
        self.standing: dict[str, bytes] = {}
        self.times: set[str] = set()

    def read(self, canonical: Mapping[int, Any]) -> None:
        self.event = event_of(canonical[next(iter(self.rows))])
        self.empties = {self.event.parent_id} if empties(self.event) else set()
        self.moved = {epc: leaf for row in self.rows.values() for epc, leaf in moved_leaves(self.event, row[5]).items()}

    def was(self, epc: str, before: Any) -> None:
        """An item's custody before the event; of what was packed and implied nothing, there is none."""
        known = loads(before) if isinstance(before, str) else before
        if known and "content" in known:
            self.contents[epc] = content_from_json(known["content"])
        if known and "at" in known:
            self.times.add(known["at"])
        if known:
            self.before.setdefault(epc, known)

    @property
    def original(self) -> Original:
        return Original(
            event=self.event,
            party=next(iter(self.rows.values()))[3],
            begun=frozenset(map(Recorded, self.rows)),
            moved=self.moved,
            before=self.before,
            times=frozenset({self.event.instant, *self.times}),
            contents=self.contents,
            standing=self.standing,
            emptied=frozenset(self.standing) - frozenset(self.event.named),
        )


def _follow(found: Sequence[_Traces]) -> None:
    """Read the rows that each has left, of all at once."""
    by_event = {key: traces for traces in found for key in traces.rows}
    canonical = dict(_select("event", "id", by_event, "id, canonical"))
    for traces in found:
        traces.read(canonical)
    items = dict(_select("item", "epc", {epc for traces in found for epc in traces.moved}, "id, epc", "text"))
    for item, event, before in _select("move", "item_id", items, "item_id, event_id, before"):
        if event in by_event:
            by_event[event].was(items[item], before)
    columns = "item_id, event_id, closed_id, before, standing"
    packings = _select("containment", "item_id", items, columns)
    for item, event, _, before, _ in packings:
        if event in by_event:
            by_event[event].was(items[item], before)
    emptied = {key for key, epc in items.items() if any(epc in traces.empties for traces in found)}
    packings += _select("containment", "parent_id", emptied, columns)
    _follow_out([row for row in packings if row[2] in by_event], items, by_event)


def _follow_out(closed: Sequence[Any], items: dict[int, str], by_event: Mapping[int, _Traces]) -> None:
    """Of all that was taken out of a container, the leaf that stood for it in there."""
    items = items | dict(_select("item", "id", {row[0] for row in closed} - items.keys(), "id, epc"))
    packed = {row[1] for row in closed if row[4] is None}
    leaves = {
        key: leaves_of(event_of(said), stored)
        for key, said, stored in _select("event", "id", packed, "id, canonical, leaves")
    }
    for item, event, closing, _, standing in closed:
        epc = items[item]
        by_event[closing].standing[epc] = leaves[event][epc][1] if standing is None else bytes(standing)


def _select(table: str, column: str, values: Collection[Any], columns: str, kind: str = "bigint") -> list[Any]:
    names = ", ".join(f"found.{name.strip()}" for name in columns.split(","))
    return bulk.select_by(names, f"traceability_{table}", column, list(values), kind)
