"""Where an item has been, as the record has it: every event that moved it, or a container that it was in.

    item ──its own rows──> packed into a case ──the case's rows, until it is taken out──> ... ──> hops, oldest first

Events that name a pallet write nothing for the units on it, so a unit's history is read along its containers: each
counts from the event that packed into it until the event that ended that. One query, whatever the length, the number
of EPCs in an event, or the size of the tables; no event's list of EPCs is touched.

Rows of events are numbered in the order in which they were applied, so that order is the order of their keys.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from json import loads
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from partners import prepared
from partners.descriptions import TOLD, Told
from partners.gs1.identifiers import GTIN_AT

from .custody import RECEIVES, SIGNED_BY_PARTY, TRADES, Status, Step, Voice, step_named
from .epcis.events import Action
from .facts import Held
from .holding import covers_sql


class Implied(StrEnum):
    """What nobody told, and follows from what somebody did."""

    RECEIVED = "received"  # by a consignee who did more with it than look
    TAKEN_OUT = "taken_out"  # of a container, by moving without it


@dataclass(frozen=True, slots=True)
class OwnWord:
    """What a party has signed of an act of its own that others had told of before."""

    event: int  # its row
    submission: str  # UUID
    position: int  # of the event in the submission
    voice: Voice
    submitter: str  # GLN: the party, or its agent
    kid: bytes
    index: int | None  # as of a hop
    accepted: int
    custodial: bool = False  # as of a hop


@dataclass(frozen=True, slots=True)
class Hop:
    """One event in an item's history.

    Which kind of leaf the event has for its `carrier`, and that leaf's hash, `records.leaves_of` tells from its row.
    """

    event: int  # its row
    submission: str  # UUID of the submission that told it, unique for its submitter
    position: int  # of the event in the submission
    carrier: str  # EPC of what moved: the item itself, or the outermost container that is named
    into: str | None  # EPC of the container it was packed into
    step: Step
    biz_step: str | None
    action: Action
    time: datetime
    voice: Voice
    party: str  # GLN of the party whose act it is
    consignee: str | None  # GLN, of a shipment
    submitter: str  # GLN of the party that signed
    kid: bytes  # the key it signed with
    index: int | None  # of its entry in the log; None: not yet under a checkpoint
    accepted: int  # number of its entry, by which keys and rights held or did not
    offline: bool = False  # signed without links to what was before
    correction: bool = False  # an error declaration: it puts back what an earlier hop did
    compromised: bool = False  # others may have had the key, says who revoked it; since when is not asked
    custodial: bool = False  # signed by this node for the submitter, with a key that it holds
    unauthorized: bool = False  # a trade by a party that was given licences, and had none in force then
    own: OwnWord | None = None  # told by another first, and since by its own party, who signed it
    seen: bool = False  # its leaf moves nothing: a licensee's own commissioning of what others had told of before
    implied: tuple[Implied, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether the party whose act it is has signed it, or an agent of its own."""
        return self.own is not None or self.voice in SIGNED_BY_PARTY

    @property
    def signers(self) -> tuple[tuple[str, bytes], ...]:
        """GLN and kid of each whose signature tells of it."""
        told = ((self.submitter, self.kid),)
        return told if self.own is None else (*told, (self.own.submitter, self.own.kid))


@dataclass(frozen=True, slots=True)
class Custody:
    """Who has it: of what is in a container, that of the outermost."""

    status: Status | None  # None: nothing is known of it, its beginning was declared an error
    possessor: str | None  # GLN, as all of these
    owner: str | None
    consignee: str | None


TWO_PLACES, AFTER_END, OUT_OF_CHAIN = "two_places", "after_end", "out_of_chain"  # kinds of `models.Alarm`


class Alarmed(NamedTuple):
    """An alarm about an item; in the order of the query's columns."""

    kind: str
    first: str  # GLN of where it was last
    second: str  # and of where it was seen then
    after: int  # the last event that was known then

    def counts(self, by: str | None) -> bool:
        """Whoever asks has it in hand: that it was seen there is no news."""
        return self.kind == TWO_PLACES or self.second != by


@dataclass(frozen=True, slots=True)
class Chain:
    """An item's whole history, and where that leaves it."""

    epc: str
    hops: tuple[Hop, ...]  # oldest first
    begun: Hop | None  # the one that its record rests on: mostly the first
    custody: Custody
    inside: tuple[str, ...]  # EPCs of the containers it is in, innermost first
    changes: frozenset[int]  # the sequence numbers that its own rows have
    sequence: int  # how many changes there were, by its own row
    begun_by_others: bool  # its beginning was told by a reporter or intake, and not since by its licensee
    lot: str | None  # as its beginning told them
    expiry: str | None
    header: bytes | None  # of the document that told of its beginning
    licensed: bool  # whether the party that began it may issue its GTIN, by a prefix statement
    contradicted: bool  # whether a signed claim to it, or to what it was in at the time, was refused for a conflict
    holds: tuple[Held, ...]  # that lie over it, or over what it is in, now; or may, if it is of their lot
    described: tuple[Told, ...]  # all that is told of its product now, of whatever days
    alarms: tuple[Alarmed, ...] = ()  # that it was seen where it cannot be, and nobody has cleared

    def is_seen_elsewhere(self, by: str | None) -> bool:
        """Whether somebody else than who asks has seen it where the record never had it, up to now."""
        return any(alarm.counts(by) and not self._explains(alarm) for alarm in self.alarms)

    def _explains(self, alarm: Alarmed) -> bool:
        """The goods were faster than their record, which has caught up."""
        later = {gln for hop in self.hops if hop.event > alarm.after for gln in (hop.party, hop.consignee)}
        known = later | {gln for hop in self.hops for gln in (hop.party, hop.consignee)}
        return alarm.kind != AFTER_END and alarm.second in later and alarm.first in known

    def held(self, lot: str | None = None) -> tuple[Held, ...]:
        """The holds that lie over it, by the lot printed on it where none was recorded."""
        return tuple(each for each in self.holds if each.lot in (None, lot))

    def has_now(self, party: str) -> bool:
        """Whether the party answers for it, or is to receive it."""
        return party in (self.custody.possessor, self.custody.consignee)

    def is_with(self, party: str) -> bool:
        """Whether it can be in the party's hands: a sender has let go of what is on its way, and its consignee may
        have it any moment."""
        on_its_way = self.custody.status is Status.IN_TRANSIT
        return party == (self.custody.consignee if on_its_way else self.custody.possessor)

    def shown_to(self, party: str) -> tuple[Hop, ...]:
        """As much as the party may see: back to commissioning, and up to its own last hop (ARCHITECTURE section 9).

        Nothing, if it never had anything to do with the item.
        """
        if self.has_now(party):
            return self.hops
        last = max((hop.event for hop in self.hops if hop.party == party), default=-1)
        shown = (hop for hop in self.hops if hop.event <= last)  # a late commissioning stands before older hops
        return tuple(hop if hop.own is None or hop.own.event <= last else replace(hop, own=None) for hop in shown)


def chain(epc: str) -> Chain | None:
    """The history of an item by its canonical EPC; None if nothing here ever named it."""
    rows = [_Row(*row) for row in prepared.fetch(_sql(connection.vendor), [epc])]
    return _chain(epc, rows) if rows else None


# ---- rows -----------------------------------------------------------------------------------------------------------

_FOR_EVER = 2**63 - 1
_GTIN = GTIN_AT + 1  # for SQL; company prefixes come one later


#: `carried`: the item, and every container it was in, each for as long as it was; an end that lies ahead is _FOR_EVER.
#: `told`: what happened to each in that time, after the event that began it; and one row without an event for each of
#: them, which the item `is` in now, itself among them, or `was` in until the event that its `closed_id` names. An
#: item's `begun` has no row of its own among the others.
_SQL = f"""
WITH RECURSIVE carried (item_id, depth, after, upto) AS (
    SELECT id, 0, CAST(0 AS bigint), CAST({_FOR_EVER} AS bigint) FROM traceability_item WHERE epc = %s
    UNION ALL
    SELECT c.parent_id, carried.depth + 1,
        CASE WHEN c.event_id > carried.after THEN c.event_id ELSE carried.after END,
        CASE WHEN c.closed_id < carried.upto THEN c.closed_id ELSE carried.upto END
    FROM carried JOIN traceability_containment AS c ON c.item_id = carried.item_id
    WHERE c.event_id < carried.upto AND (c.closed_id IS NULL OR c.closed_id > carried.after)
), told (item_id, depth, how, sequence, event_id, parent_id, closed_id) AS (
    SELECT carried.item_id, depth, 'packed', c.sequence, c.event_id, c.parent_id, c.closed_id
    FROM carried JOIN traceability_containment AS c ON c.item_id = carried.item_id
    WHERE c.event_id > carried.after AND c.event_id <= carried.upto
    UNION ALL
    SELECT carried.item_id, depth, 'moved', m.sequence, m.event_id, NULL, NULL
    FROM carried JOIN traceability_move AS m ON m.item_id = carried.item_id
    WHERE m.event_id > carried.after AND m.event_id <= carried.upto
    UNION ALL
    SELECT carried.item_id, depth, 'begun', 0, i.begun_id, NULL, NULL
    FROM carried JOIN traceability_item AS i ON i.id = carried.item_id WHERE depth = 0
    UNION ALL
    SELECT carried.item_id, depth, CASE WHEN upto = {_FOR_EVER} THEN 'is' ELSE 'was' END, 0, NULL, NULL,
        NULLIF(upto, {_FOR_EVER})
    FROM carried
)
SELECT told.item_id, told.depth, told.how, told.sequence, told.event_id, told.parent_id, told.closed_id,
    i.epc, i.sequence, i.status, i.possessor, i.owner, i.consignee, i.begun_by_others,
    e.position, e.event_time, e.biz_step, e.disposition, e.action, e.voice, e.party, e.consignee, e.lot, e.expiry,
    e.is_error_declaration, e.is_copy, e.event_id, parent.epc,
    s.submission, s.submitter, s.kid, s.offline, s.entry_id,
    CASE WHEN entry."index" < (SELECT published FROM ledger_log) THEN entry."index" END,
    CASE WHEN told.how = 'begun' THEN s.header END,
    told.how = 'begun' AND EXISTS (
        SELECT 1 FROM partners_prefix AS may
        WHERE may.partner_id = e.party AND may.registered < s.entry_id
        AND (may.revoked IS NULL OR may.revoked > s.entry_id)
        AND (may.digits = substr(i.epc, {_GTIN}, 14) OR may.digits = substr(i.epc, {_GTIN} + 1, length(may.digits)))),
    "key".compromised IS NOT NULL OR own_key.compromised IS NOT NULL, "key".custodial, own_key.custodial,
    EXISTS (
        SELECT 1 FROM partners_licence AS one WHERE one.partner_id = e.party AND one.registered < s.entry_id
    ) AND NOT EXISTS (
        SELECT 1 FROM partners_licence AS it WHERE it.partner_id = e.party AND it.registered < s.entry_id
        AND (it.revoked IS NULL OR it.revoked > s.entry_id) AND it.valid_from <= e.event_time
        AND e.event_time < it.valid_to AND NOT EXISTS (
            SELECT 1 FROM partners_licence AS later WHERE later.partner_id = it.partner_id
            AND later.licence = it.licence AND later.vouched_by = it.vouched_by
            AND later.registered > it.registered AND later.registered < s.entry_id)),
    own.id, own.position, own.voice, own_s.submission, own_s.submitter, own_s.kid, own_s.entry_id,
    CASE WHEN own_entry."index" < (SELECT published FROM ledger_log) THEN own_entry."index" END,
    told.how IN ('is', 'was') AND EXISTS (
        SELECT 1 FROM traceability_sighting AS seen WHERE seen.epc = i.epc AND (told.closed_id IS NULL OR seen."at" <= (
            SELECT later.accepted FROM traceability_event AS taken_out
            JOIN traceability_submission AS later ON later.id = taken_out.submission_id
            WHERE taken_out.id = told.closed_id))),
    CASE WHEN told.how = 'is' THEN (
        SELECT {{gathered}} FROM partners_hold AS h JOIN traceability_event AS e ON e.id = i.begun_id
        JOIN ledger_entry AS said ON said.number = h.registered
        WHERE h.epc = i.epc AND h.revoked IS NULL) END,
    CASE WHEN told.how = 'is' THEN (
        SELECT {{gathered}} FROM partners_hold AS h JOIN traceability_event AS e ON e.id = i.begun_id
        JOIN ledger_entry AS said ON said.number = h.registered
        WHERE h.revoked IS NULL AND {{covered}}) END,
    CASE WHEN told.how = 'begun' THEN (
        SELECT {{described}} FROM partners_product AS p
        WHERE p.gtin = substr(i.epc, {_GTIN}, 14) AND p.replaced IS NULL) END,
    CASE WHEN told.how = 'is' AND told.depth = 0 THEN (
        SELECT {{alarms}} FROM traceability_alarm AS a WHERE a.epc = i.epc AND a.cleared IS NULL) END
FROM told JOIN traceability_item AS i ON i.id = told.item_id
LEFT JOIN traceability_item AS parent ON parent.id = told.parent_id
LEFT JOIN traceability_event AS e ON e.id = told.event_id
LEFT JOIN traceability_submission AS s ON s.id = e.submission_id
LEFT JOIN ledger_entry AS entry ON entry.number = s.entry_id
LEFT JOIN partners_signingkey AS "key" ON "key".partner_id = s.submitter AND "key".kid = s.kid
LEFT JOIN traceability_event AS own ON e.is_copy AND own.identity = e.identity AND own.party = e.party
    AND own.voice IN ('actor', 'agent') AND NOT own.is_copy
LEFT JOIN traceability_submission AS own_s ON own_s.id = own.submission_id
LEFT JOIN partners_signingkey AS own_key ON own_key.partner_id = own_s.submitter AND own_key.kid = own_s.kid
LEFT JOIN ledger_entry AS own_entry ON own_entry.number = own_s.entry_id
"""  # noqa: S608 - a constant


@cache
def _sql(vendor: str) -> str:
    """Holds, and what is told of the product, are gathered as JSON, in the order of `Held` and `Told`: looked up for
    the few items that are asked about, they change nothing of how the rest is joined."""
    lot = "CASE WHEN e.lot IS NULL THEN h.lot END"
    array, gather = ("json_build_array", "json_agg") if vendor == "postgresql" else ("json_array", "json_group_array")
    entry = "encode(said.entry, 'hex')" if vendor == "postgresql" else "lower(hex(said.entry))"
    gathered = f"CAST({gather}({array}(h.kind, h.partner_id, h.reason, {entry}, {lot})) AS text)"
    licensed = (
        "EXISTS (SELECT 1 FROM partners_prefix AS may WHERE may.partner_id = p.told_by AND may.revoked IS NULL "
        "AND (may.digits = p.gtin OR may.digits = substr(p.gtin, 2, length(may.digits))))"
    )
    columns = ", ".join(f"p.{name}" for name in ("id", "told_by", "source", "valid_from", "valid_to", *TOLD))
    described = f"CAST({gather}({array}({licensed}, {columns})) AS text)"
    alarms = f"CAST({gather}({array}(a.kind, a.first_party, a.second_party, a.after)) AS text)"
    return _SQL.format(covered=covers_sql(vendor), gathered=gathered, described=described, alarms=alarms)


class _Row(NamedTuple):
    """What happened to one item in one event, or what it is now; in the order of the query's columns."""

    item: int
    depth: int  # 0: the item asked for; 1: the container it was in, ...
    how: str  # packed, moved, begun, is, was
    sequence: int
    event: int | None
    parent: int | None
    closed: int | None
    epc: str
    changes: int
    status: str | None
    possessor: str | None
    owner: str | None
    custody_consignee: str | None
    begun_by_others: bool
    position: int
    time: Any
    biz_step: str | None
    disposition: str | None
    action: str
    voice: str
    party: str
    consignee: str | None
    lot: str | None
    expiry: str | None
    correction: bool
    is_copy: bool
    event_id: str | None
    into: str | None
    submission: Any
    submitter: str
    kid: Any
    offline: bool
    accepted: int
    log_index: int | None
    header: bytes | None
    licensed: bool
    compromised: bool
    custodial: bool | None
    own_custodial: bool | None
    unlicensed: bool  # on that day, whatever it did
    own_event: int | None
    own_position: int
    own_voice: str
    own_submission: Any
    own_submitter: str
    own_kid: Any
    own_accepted: int
    own_index: int | None
    contradicted: bool
    holds_of_item: str | None  # JSON
    holds_of_product: str | None
    described: str | None
    alarms: str | None


def _chain(epc: str, rows: Sequence[_Row]) -> Chain:
    contradicted = any(row.contradicted for row in rows)
    holds = dict.fromkeys(
        Held(*each)
        for row in rows
        for gathered in (row.holds_of_item, row.holds_of_product)
        if gathered
        for each in loads(gathered)
    )
    rows = [row for row in rows if row.how != "was"]
    now = sorted((row for row in rows if row.how == "is"), key=lambda row: row.depth)
    item, custody = now[0], now[-1]
    begun = next(row for row in rows if row.how == "begun")
    own = {row.sequence: row.event for row in rows if row.depth == 0 and row.how in ("packed", "moved")}
    has_row = begun.event in own.values()
    hops = tuple(_hops(rows, begun, told_later=1 in own and not has_row))
    return Chain(
        epc=epc,
        hops=hops,
        begun=next((hop for hop in hops if hop.event == begun.event), None),
        custody=Custody(
            Status(custody.status) if custody.status else None,
            custody.possessor,
            custody.owner,
            custody.custody_consignee,
        ),
        inside=tuple(row.epc for row in now[1:]),
        changes=frozenset(own) if has_row else frozenset(own) | {1},
        sequence=item.changes,
        begun_by_others=bool(item.begun_by_others),
        lot=begun.lot,
        expiry=begun.expiry,
        header=begun.header,
        licensed=bool(begun.licensed),
        contradicted=contradicted,
        holds=tuple(holds),
        described=tuple(_told(*each) for each in loads(begun.described or "[]")),
        alarms=tuple(Alarmed(*each) for row in rows if row.alarms for each in loads(row.alarms)),
    )


def _told(licensed: bool, row: int, told_by: str, source: str, begins: str, ends: str | None, *texts: str) -> Told:
    ended = date.fromisoformat(ends) if ends else None
    return Told(bool(licensed), row, told_by, source, date.fromisoformat(begins), ended, *texts)


def _hops(rows: Sequence[_Row], begun: _Row, *, told_later: bool) -> Iterator[Hop]:
    """One hop an event. Where it moved both the item and its container, it is the item that it is about."""
    about: dict[int, _Row] = {}
    for row in sorted(rows, key=lambda row: (row.event or 0, row.depth, _ORDER[row.how])):
        if row.event is not None:
            about.setdefault(row.event, row)
    if told_later:  # a licensee's own commissioning of what others had told of before
        about = {begun.event or 0: begun} | about
    steps = {event: _step(row) for event, row in about.items()}
    implied = _implied(rows, about, steps)
    for event, row in about.items():
        yield Hop(
            event=event,
            submission=uuid_text(row.submission),
            position=row.position,
            carrier=row.epc,
            into=row.into,
            step=steps[event],
            biz_step=row.biz_step,
            action=Action(row.action),
            time=_utc(row.time),
            voice=Voice(row.voice),
            party=row.party,
            consignee=row.consignee,
            submitter=row.submitter,
            kid=bytes(row.kid),
            index=row.log_index,
            accepted=row.accepted,
            offline=bool(row.offline),
            compromised=bool(row.compromised),
            custodial=bool(row.custodial),
            unauthorized=bool(row.unlicensed) and steps[event] in TRADES and not row.correction,
            correction=bool(row.correction),
            own=_own(row) if row.own_event not in about else None,  # else it is an act by itself, and shown as one
            seen=told_later and event == begun.event,
            implied=implied.get(event, ()),
        )


def _own(row: _Row) -> OwnWord | None:
    if row.own_event is None:
        return None
    return OwnWord(
        event=row.own_event,
        submission=uuid_text(row.own_submission),
        position=row.own_position,
        voice=Voice(row.own_voice),
        submitter=row.own_submitter,
        kid=bytes(row.own_kid),
        index=row.own_index,
        accepted=row.own_accepted,
        custodial=bool(row.own_custodial),
    )


def uuid_text(stored: UUID | str) -> str:
    """As text with hyphens, whatever the driver gave."""
    return str(stored if isinstance(stored, UUID) else UUID(stored))


_ORDER = {"packed": 0, "moved": 1, "begun": 2, "is": 3}  # which row of one item in one event says most


def _step(row: _Row) -> Step:
    """What the event did; an ADD or DELETE that is no step of its own packs or unpacks."""
    if row.how == "packed":
        return Step.PACK
    aggregation = {Action.ADD: Step.PACK, Action.DELETE: Step.UNPACK}
    action = Action(row.action)
    return step_named(row.biz_step, action, row.disposition) or aggregation.get(action, Step.OBSERVE)


def _implied(
    rows: Iterable[_Row], about: Mapping[int, _Row], steps: Mapping[int, Step]
) -> dict[int, tuple[Implied, ...]]:
    """By event, what followed from it and nobody told."""
    moved = {(row.event, row.item) for row in rows}
    emptied = {row.closed for row in rows if row.closed is not None and (row.closed, row.parent) not in moved}
    in_transit, consignee = False, None
    before: dict[str | None, bool] = {}  # whether it was in transit before an event, by eventID
    implied: dict[int, tuple[Implied, ...]] = {}
    for event, row in about.items():
        looked_at = steps[event] is Step.OBSERVE and not (event in emptied and row.party == consignee)
        told = steps[event] in RECEIVES or steps[event] is Step.VOID
        received = in_transit and not row.correction and not told and not looked_at
        words = (Implied.RECEIVED,) * received + (Implied.TAKEN_OUT,) * (event in emptied)
        if words:
            implied[event] = words
        if row.correction:
            in_transit = before.get(row.event_id, in_transit)
        else:
            before[row.event_id] = in_transit
            in_transit = steps[event] is Step.SHIP or (in_transit and looked_at)
            consignee = row.consignee if steps[event] is Step.SHIP else consignee
    return implied


def _utc(stored: datetime | str) -> datetime:
    """SQLite has text for times, and no zone."""
    time = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return time if time.tzinfo else time.replace(tzinfo=UTC)
