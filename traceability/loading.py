"""What the record says of everything a document names: its items, locked, and the facts that judging rests on.

    document ──voices──> named items, what is in those that are emptied, every container above them ──> Loaded

Every function asks a number of queries that does not depend on how many items there are, nor on how many parties; but
one for each container above another, and one for each other party whose items somebody reports on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from json import loads
from typing import Any, Literal

from django.db import connection

from partners.delegations import delegations_to
from partners.errors import UnknownPartner
from partners.gs1.identifiers import gln_of, is_sscc
from partners.licences import traders
from partners.models import Location, Operators, Prefix, SigningKey
from partners.prefixes import licensees
from partners.signing_keys import lock_issuer, lock_issuers
from partners.waivers import waiver_for

from . import bulk, corrections
from .custody import (
    SIGNED_BY_PARTY,
    TRADES,
    Head,
    OperatorOf,
    Status,
    Step,
    Told,
    Voice,
    empties,
    possessor,
    rules_for,
    step_of,
    voice,
)
from .epcis.events import Document, Event
from .facts import Facts, ItemState, Known, Recorded, Waived, anybody, nothing
from .holding import RecordedHolds
from .judgement import Board
from .lawful import gtins_of
from .ordering import application_order
from .past import RecordedPast
from .records import FIRST_MOVES, ChangedMeanwhile, Loaded, content_of, instant, lot_and_expiry, moved_leaves
from .resale import RecordedReturns
from .serials import RecordedAllocations

_ITEM = """found.id, found.epc, found.begun_id, found.head, found.content_size, found.content_root, found.sequence,
    found.status, found.possessor, found.owner, found.owner_before, found.consignee, found.begun_by_others,
    found.last_time"""
_LOCKED = f"SELECT {_ITEM} FROM traceability_item AS found WHERE id = ANY(%s) ORDER BY id FOR UPDATE"  # noqa: S608
_CHILDREN = """SELECT c.parent_id, c.item_id, coalesce(c.standing, i.head) FROM {values}
    JOIN traceability_containment AS c ON c.parent_id = named.value AND c.closed_id IS NULL
    JOIN traceability_item AS i ON i.id = c.item_id"""


@dataclass(frozen=True)
class Replay:
    """How a submission was judged when it was accepted. What was recorded later is not known to it."""

    told: tuple[Told, ...]
    consignees: Mapping[int, str | None]
    lots: Mapping[int, str | None]
    as_of: int  # the number of its entry
    rules: int  # version of the moves


def load(
    document: Document, submitter: str, *, lock: bool, now: datetime | None = None, replay: Replay | None = None
) -> Loaded:
    """Everything that judging `document` needs. With `lock`, its items and their containers stay as they are found.
    `now` says which blocks of serial numbers have expired; a replay, or whoever names no time, does not ask for blocks.

    Raises `ChangedMeanwhile` when somebody repacked an item between the finding and the locking.
    """
    events, as_of = document.events, replay.as_of if replay else None
    operators = Operators(()) if replay else _operators(events)  # a replay has what followed from them

    def operator_of(gln: str, event: Event) -> str:
        return operators.at(gln, event.time)

    told = replay.told if replay else _told(events, submitter, operator_of, lock=lock)
    consignees = replay.consignees if replay else _consignees(events, operator_of)
    may_trade = _traders(events, told, submitter, consignees, as_of, lock=lock)  # parties are locked before items
    originals = corrections.originals(events, told, submitter, as_of)
    named = {epc for event in events for epc in event.named}
    named.update(epc for original in originals.values() for epc in original.put_back_with)
    rows, parents = _found(named, {event.parent_id for event in events if empties(event)}, lock=lock)
    states, contents = _states(rows, parents), _contents(events, rows)
    past = RecordedPast({row[1]: key for key, row in rows.items()}, submitter, as_of)
    entrusted = _entrusted(events, told)
    closed = {
        state.epc
        for state in states
        if state.epc in contents and not any(map(state.is_had_by, {submitter, *entrusted.get(state.epc, ())}))
    }
    facts = Facts(
        submitter=submitter,
        may_issue=_issuers(events, told, as_of),
        may_number=_numberers(events, told, as_of),
        may_trade=may_trade,
        unallocated=_allocations(events, told, submitter, lock=lock, now=now) if now and not replay else nothing,
        unverified=RecordedReturns([row[1] for row in rows.values()]) if now and not replay else nothing,
        waived=partial(_waived, as_of),
        signs_here=cache(partial(_signs_here, lock=lock, as_of=as_of)),
        past=past,
        holds=_holds(events, states, named, replay),
        consignees=consignees,
        rules=replay.rules if replay else rules_for(events),
        bound=_bound(events, told, consignees, submitter),
        closed=frozenset(epc for epc in closed if not past.told_last(epc)),
        known=_known(events, rows, as_of),
        known_ids=_known_ids(events, as_of),
        originals=originals,
    )
    heads = {row[1]: Head(row[3] and bytes(row[3]), content_of(row[4], row[5])) for row in rows.values()}
    return Loaded(told, Board(states, facts), heads, contents)


def _told(events: Sequence[Event], submitter: str, operator_of: OperatorOf, *, lock: bool) -> tuple[Told, ...]:
    """As whom each event is told. Delegations are looked for where the submitter tells of another's acts."""
    told = tuple(voice(event, submitter, operator_of) for event in events)
    others = {how.spoken_for for how in told} - {None}
    delegated = delegations_to(submitter, sorted(filter(None, others)), lock=lock) if others else frozenset()
    if not delegated:
        return told
    return tuple(voice(event, submitter, operator_of, delegated) for event in events)


def _entrusted(events: Iterable[Event], told: Iterable[Told]) -> dict[str, set[str]]:
    """By container that is packed or unpacked, the parties whose agent the submitter is in that: what is in it is then
    the agent's to know, if they have it."""
    parties: dict[str, set[str]] = {}
    for event, how in zip(events, told, strict=True):
        if how.voice is Voice.AGENT and how.spoken_for and event.parent_id:
            parties.setdefault(event.parent_id, set()).add(how.spoken_for)
    return parties


def _consignees(events: Sequence[Event], operator_of: OperatorOf) -> dict[int, str | None]:
    return {
        position: possessor(event.destinations, "destination", event, operator_of)
        for position, event in enumerate(events)
        if step_of(event) is Step.SHIP
    }


def _bound(
    events: Sequence[Event], told: Sequence[Told], consignees: Mapping[int, str | None], submitter: str
) -> frozenset[str]:
    """What others are said to have sent to the submitter, with all that the document has them pack into it."""
    sent = {
        epc
        for position, consignee in consignees.items()
        if consignee == submitter and told[position].voice not in SIGNED_BY_PARTY
        for epc in events[position].named
    }
    for position in reversed(application_order(events) if sent else []):
        event = events[position]
        if step_of(event) is Step.PACK and event.parent_id in sent:
            sent.update(event.epcs)
    return frozenset(sent)


def _operators(events: Iterable[Event]) -> Operators:
    """Who operates the places that are named."""
    batches = _batches(sorted(_places(events)))
    return Operators(row for some in batches for row in Location.objects.filter(gln__in=some))


def _places(events: Iterable[Event]) -> set[str]:
    """GLNs of all places named, for one look at the master data."""
    named: set[str | None] = set()
    for event in events:
        named.update(gln_of(str(place["id"])) for place in (event.biz_location, event.read_point) if place)
        named.update(gln_of(source["source"]) for source in event.sources)
        named.update(gln_of(destination["destination"]) for destination in event.destinations)
    return {gln for gln in named if gln}


# ---- items ----------------------------------------------------------------------------------------------------------


Rows = dict[int, Any]  # by key


def _found(named: Iterable[str], emptied: Collection[str | None], *, lock: bool) -> tuple[Rows, Rows]:
    """The rows of these items, of what is in those that are emptied, and of every container above; who is in whom."""
    rows = {row[0]: row for row in bulk.select_by(_ITEM, "traceability_item", "epc", sorted(named), "text")}
    containers = [key for key, row in rows.items() if row[1] in emptied]
    inside = _inside(containers)
    rows |= _rows(inside - rows.keys())
    parents: Rows = {}
    fresh = list(rows)
    while fresh:
        found = _parents(fresh)
        parents.update(found)
        above = _rows({parent for _, parent, *_ in found.values()} - rows.keys())
        rows |= above
        fresh = list(above)
    if lock and rows and bulk.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(_LOCKED, [list(rows)])
            locked = {row[0]: row for row in cursor.fetchall()}
        if locked.keys() != rows.keys() or (_parents(list(rows)), _inside(containers)) != (parents, inside):
            raise ChangedMeanwhile
        rows = locked
    return rows, parents


def _rows(keys: Collection[int]) -> Rows:
    return {row[0]: row for row in bulk.select_by(_ITEM, "traceability_item", "id", sorted(keys), "bigint")}


def _inside(containers: Sequence[int]) -> set[int]:
    """The children of these containers, by their keys."""
    where = "found.closed_id IS NULL"
    rows = bulk.select_by("found.item_id", "traceability_containment", "parent_id", containers, "bigint", where)
    return {key for (key,) in rows}


def _parents(keys: Sequence[int]) -> Rows:
    """Of each item that is in a container: the packing's sequence, the container, its standing leaf, and whose the
    container was when that was not the item's own owner."""
    columns = "found.item_id, found.sequence, found.parent_id, found.standing, found.before"
    rows = bulk.select_by(columns, "traceability_containment", "item_id", keys, "bigint", "found.closed_id IS NULL")
    return {
        item: (sequence, parent, standing and bytes(standing), _into_owner(before))
        for item, sequence, parent, standing, before in rows
    }


def _into_owner(before: Any) -> str | None:
    found: Mapping[str, str] = loads(before) if isinstance(before, str) else before or {}
    return found.get("into_owner")


def states_of(epcs: Collection[str]) -> dict[str, ItemState]:
    """What the record says of these items and of every container above them, nothing of it locked. Whoever asks sees to
    it that nobody is told of another's."""
    return {state.epc: state for state in _states(*_found(set(epcs), (), lock=False))}


_CONTENT_KINDS: Mapping[int | None, Literal["none", "unknown"]] = {None: "none", -1: "unknown"}


def _states(rows: Mapping[int, Any], parents: Mapping[int, Any]) -> list[ItemState]:
    states: dict[int, ItemState] = {}
    for row in rows.values():
        key, epc, begun, head, size, _, sequence, status, holder, owner, before, consignee, others, last_time = row
        item = states[key] = ItemState(epc)
        item.key, item.begun, item.head, item.sequence = key, Recorded(begun), head and bytes(head), sequence
        item.status = Status(status) if status else None
        item.possessor, item.owner, item.owner_before, item.consignee = holder, owner, before, consignee
        item.begun_by_others, item.content = bool(others), _CONTENT_KINDS.get(size, "stated")
        item.last_time = instant(last_time if isinstance(last_time, datetime) else datetime.fromisoformat(last_time))
    for key, (sequence, parent, standing, owner) in parents.items():
        states[key].parent, states[key].packing, states[key].standing = states[parent], sequence, standing
        states[key].container_owner = owner
    return list(states.values())


def _contents(events: Iterable[Event], rows: Mapping[int, Any]) -> dict[str, frozenset[bytes]]:
    """What stands in the content trees of the containers that the document packs or unpacks."""
    packed = {event.parent_id for event in events if step_of(event) in (Step.PACK, Step.UNPACK)}
    keys = {key: row[1] for key, row in rows.items() if row[1] in packed and (row[4] or 0) > 0}
    found: dict[str, set[bytes]] = {epc: set() for epc in keys.values()}
    for parent, _, leaf in bulk.select_in(_CHILDREN, list(keys), "bigint"):
        found[keys[parent]].add(bytes(leaf))
    return {epc: frozenset(leaves) for epc, leaves in found.items()}


# ---- facts ----------------------------------------------------------------------------------------------------------


def _issuers(events: Sequence[Event], told: Sequence[Told], as_of: int | None) -> Callable[[str, str], bool]:
    """Whether a party may issue a GTIN, for the GTINs this document commissions."""
    gtins = {gtin for event, _ in _commissioned(events, told) for gtin in gtins_of(event.epcs)}
    granted: dict[str, list[Prefix]] = {}
    for some in _batches(sorted(gtins)):
        granted |= licensees(some)
    return lambda party, gtin: any(
        prefix.partner_id == party and prefix.in_force(as_of) for prefix in granted.get(gtin, ())
    )


def _commissioned(events: Sequence[Event], told: Sequence[Told]) -> Iterator[tuple[Event, Told]]:
    """The commissionings that a party signs for."""
    for event, how in zip(events, told, strict=True):
        if how.voice in SIGNED_BY_PARTY and step_of(event) is Step.COMMISSION:
            yield event, how


def _allocations(
    events: Sequence[Event], told: Sequence[Told], submitter: str, *, lock: bool, now: datetime
) -> RecordedAllocations:
    """What may be used of the serial numbers that were given out: looked for when somebody commissions."""
    commissioned = list(_commissioned(events, told))
    gtins = {gtin for event, _ in commissioned for gtin in gtins_of(event.epcs)}
    parties = {how.spoken_for or submitter for _, how in commissioned}
    return RecordedAllocations(parties, gtins, lock=lock, now=now)


def _traders(
    events: Sequence[Event],
    told: Sequence[Told],
    submitter: str,
    consignees: Mapping[int, str | None],
    as_of: int | None,
    *,
    lock: bool,
) -> Callable[[str, datetime], bool]:
    """Who may trade, of those that do by this document. With `lock`, licences come and go before us, or after."""
    parties = set[str]()
    for position, (event, how) in enumerate(zip(events, told, strict=True)):
        if how.voice in SIGNED_BY_PARTY and step_of(event) in TRADES:
            parties.update(filter(None, (how.spoken_for, submitter, consignees.get(position))))
    if not parties:
        return anybody
    if lock:
        lock_issuers(parties)
    return traders(parties, as_of)


def _waived(as_of: int | None, rule: str, party: str, gtins: Collection[str] | None, at: datetime) -> Waived | None:
    """Asked where a rule would refuse: the party is locked by then, so that its waivers come before us, or after."""
    row = waiver_for(rule, party, gtins, at, as_of)
    return Waived(row.pk, row.kind, row.basis) if row else None


_SSCC = "https://id.gs1.org/00/"


def _numberers(events: Sequence[Event], told: Sequence[Told], as_of: int | None) -> Callable[[str, str], bool]:
    """Whether an SSCC is of no other party's company prefix, for the logistic units that may begin with this document.
    An extension digit stands before the prefix, as the indicator does in a GTIN."""
    numbers: set[str] = set()
    for event, how in zip(events, told, strict=True):
        step = step_of(event) if how.voice in SIGNED_BY_PARTY else None
        begun = event.named if step is Step.COMMISSION else (event.parent_id or "",) if step is Step.PACK else ()
        numbers.update(epc.removeprefix(_SSCC) for epc in begun if is_sscc(epc))
    granted: dict[str, list[Prefix]] = {}
    for some in _batches(sorted(numbers)):
        granted |= licensees(some)

    def may_number(party: str, epc: str) -> bool:
        prefixes = granted.get(epc.removeprefix(_SSCC), ())
        known = {prefix.partner_id for prefix in prefixes if prefix.in_force(as_of)}
        return party in known or not known

    return may_number


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """SQLite takes 32,766 parameters at once; of each GTIN, ten names are asked for."""
    return (names[at : at + 1000] for at in range(0, len(names), 1000))


def _holds(
    events: Sequence[Event], states: Collection[ItemState], named: Collection[str], replay: Replay | None
) -> RecordedHolds:
    def told(position: int) -> str | None:
        lot: str | None = lot_and_expiry(events[position])[0]
        return lot

    containers = [state for state in states if state.content != "none" and state.epc in named]
    lot_of = replay.lots.__getitem__ if replay else told  # what was erased stands in the rows still
    return RecordedHolds(states, containers, named, lot_of, replay.as_of if replay else None)


def _signs_here(gln: str, *, lock: bool, as_of: int | None) -> bool:
    """Whether the party has registered a key here, ever: one that has lost its keys still speaks for itself, as soon
    as it has others; until then, nobody moves what it has."""
    if lock:  # a key that comes at this moment comes before us, or after
        with suppress(UnknownPartner):
            lock_issuer(gln)
    keys = SigningKey.objects.filter(partner_id=gln)
    return (keys if as_of is None else keys.filter(registered__lt=as_of)).exists()


def _known(events: Iterable[Event], rows: Mapping[int, Any], as_of: int | None) -> dict[bytes, Known]:
    """Recorded events by identity; one told by its own party before one told by others."""
    told, known = {event.identity: event for event in events}, dict[bytes, Known]()
    begun_since = _begun_since(rows)
    for key, stored, said_as, party, _, leaves, teller in corrections.told_again(list(told), as_of):
        identity, by_others = bytes(stored), said_as not in SIGNED_BY_PARTY
        moved = moved_leaves(told[identity], leaves) if by_others else ()
        still = frozenset(epc for epc in moved if not begun_since(epc, key))
        found = Known(key, identity, said_as, party, still, frozenset({teller}))
        if earlier := known.get(identity):
            better = earlier.told not in SIGNED_BY_PARTY and (not by_others or bool(still))
            tellers = earlier.tellers | found.tellers
            found = replace(found if better else earlier, moved=earlier.moved | still, tellers=tellers)
        known[identity] = found
    return known


def _begun_since(rows: Mapping[int, Any]) -> Callable[[str, int], bool]:
    """Whether an item has begun anew since an event, as if that had not been."""
    begun = {row[1]: (key, row[2]) for key, row in rows.items()}

    @cache
    def followed() -> frozenset[int]:
        return frozenset(key for (key,) in bulk.select_in(FIRST_MOVES, list(rows), "bigint"))

    def begun_since(epc: str, event: int) -> bool:
        key, beginning = begun.get(epc, (0, 0))
        return beginning > event and key not in followed()

    return begun_since


def _known_ids(events: Iterable[Event], as_of: int | None) -> dict[tuple[str, str], Known]:
    ids = sorted({event.event_id for event in events if event.event_id})
    return {
        (party, event_id): Known(key, bytes(identity), said_as, party)
        for key, identity, said_as, party, event_id, *_ in corrections.told_as(ids, as_of)
    }
