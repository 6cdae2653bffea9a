"""What a party knows of the units that it is asked to trace, drawn up for its answer (21 U.S.C. 360eee-1).

    lot or serials ──> items ──by their own rows──> groups ──a chain each──> paths ──a bundle each──> package

It tells what the answering party may see by its own trade, and nothing of what happened after its own part ended; what
it had no part in is named as unknown, whether others know of it or nobody. Units that began together and were moved by
the same events, whatever they were in, changed hands together: a lot is read in a number of queries that depends on how
deep it is packed and not on how many units it has, and then once for each group of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple
from urllib.parse import unquote
from zlib import compress, decompress

from django.conf import settings
from django.db import transaction

from partners import access
from partners.access import Purpose
from partners.descriptions import TOLD as DESCRIBED
from partners.descriptions import known
from partners.gs1.identifiers import SERIAL_AT, Sgtin, gtin_of
from partners.models import Partner
from partners.still import keep_still

from .. import bulk
from ..bundle.trace import CHANGES, Change, Package, Path, Told, asked_for, knows
from ..errors import NotFound
from ..history import Hop, chain
from ..job_pieces import cut
from ..models import Event, Trace, TracePackage, TracePiece
from ..proving import bundle_of
from ..records import event_of
from ..statements import TraceRequest, name_order, open_statement

EACH_PROVEN = 100  # units, up to which each of them has a proof of its own
MOST_PROOFS = 1000  # of a package: of more paths the first are proven

Progress = Callable[[int, int], None]


def said_in(trace: Trace) -> TraceRequest:
    """What was asked, as it was signed."""
    said = open_statement(bytes(trace.request.envelope)).payload
    assert isinstance(said, TraceRequest)
    return said


def count(trace: Trace) -> int:
    """How many units it may be about: by it, whether an answer can be drawn up at once."""
    said = said_in(trace)
    return len(said.serials) if said.serials is not None else len(_epcs_of_lot(said))


def draw_up(trace: Trace, *, now: datetime, progress: Progress = lambda *_: None) -> TracePackage:
    """The package of an answer, kept until it is signed or another one is. Raises `NotIntegratedYet` while something
    that it rests on waits for the log. What the party reads of its own goods' history is recorded."""
    made = package(trace, now=now, progress=progress)
    data = bytes(made)
    with transaction.atomic():
        row, created = TracePackage.objects.get_or_create(
            trace=trace,
            sha256=sha256(data).digest(),
            defaults={"size": len(data), "units": made.told.units, "knows": made.told.knows, "drawn": made.told.drawn},
        )
        if created:
            trace.packages.exclude(pk=row.pk).delete()
            for number, piece in enumerate(cut(data)):
                TracePiece.objects.create(package=row, number=number, content=compress(piece, 1))
    return row


def package(trace: Trace, *, now: datetime, progress: Progress = lambda *_: None) -> Package:
    """The same, kept nowhere."""
    said, party = said_in(trace), Partner.objects.get(gln=trace.to)
    found = _paths(said, party.gln, progress)
    proofs, paths = list[bytes](), list[Path]()
    total = sum(len(path.serials) for path in found)
    most = MOST_PROOFS
    for number, path in enumerate(found):
        wanted = len(path.serials) if total <= EACH_PROVEN else 1
        proven = min(wanted, most)
        most -= proven
        for serial in path.serials[:proven]:
            proofs.append(_proof(Sgtin(said.gtin, serial).uri, party, now))
        paths.append(replace(path, proven=proven))
        progress(len(found) + number, 2 * len(found))
    serials = {serial for path in paths for serial in path.serials}
    unknown = None if said.serials is None else tuple(each for each in said.serials if each not in serials)
    told = Told(
        request=bytes(trace.request.entry.entry).hex(),
        party=party.gln,
        wants=said.wants,
        knows=knows(tuple(serials), unknown),
        drawn=now.replace(microsecond=0),
        paths=tuple(paths),
        unknown=unknown,
        test=trace.test,
        product=_product(said.gtin, now) if paths else {},
        parties=_names(paths),
    )
    return Package(told, tuple(proofs))


def _proof(epc: str, party: Partner, now: datetime) -> bytes:
    with transaction.atomic():
        keep_still("holds")  # the status says of all that were accepted before it
        found = chain(epc)
        hops = found.shown_to(party.gln) if found else ()
        if found is None or not hops:  # it was corrected away, just now
            raise NotFound("you neither hold nor held an item of this number", where="epc")
        access.record(party, epc, "bundle", Purpose.TRACING, now=now)
        return bundle_of(found, hops)


# ---- which units ----------------------------------------------------------------------------------------------------


class _Unit(NamedTuple):
    """An item, as its row has it."""

    key: int
    epc: str
    begun: int


def _units(said: TraceRequest) -> list[_Unit]:
    """All that the request may be about and that is recorded here."""
    epcs = [Sgtin(said.gtin, each).uri for each in said.serials or ()] or _epcs_of_lot(said)
    columns = "found.id, found.epc, found.begun_id"
    rows = [_Unit(*row) for row in bulk.select_by(columns, "traceability_item", "epc", epcs, "text")]
    if said.lot is None:
        return rows
    lots = dict(
        bulk.select_by("found.id, found.lot", "traceability_event", "id", sorted({row.begun for row in rows}), "bigint")
    )
    return [row for row in rows if lots[row.begun] == said.lot]


def _epcs_of_lot(said: TraceRequest) -> list[str]:
    """As the events that told of the lot name them: there are few, and an index finds them."""
    events = Event.objects.filter(lot=said.lot).values_list("canonical", flat=True)
    return sorted({epc for row in events for epc in event_of(row).epcs if gtin_of(epc) == said.gtin})


def _groups(units: Sequence[_Unit]) -> list[list[_Unit]]:
    """Units that began by one event, were moved by the same events, themselves or in whatever they were in, were packed
    by the same parties in between, and are with the same party now."""
    lineage = _Lineage({unit.key for unit in units})
    found: dict[tuple[object, ...], list[_Unit]] = defaultdict(list)
    for unit in units:
        found[unit.begun, lineage.history(unit.key), lineage.custody(unit.key)].append(unit)
    return [sorted(group, key=lambda unit: unit.epc) for group in found.values()]


class _Lineage:
    """Of some items, and of all that they were ever in: what packed and what moved each. A query or two a level."""

    def __init__(self, keys: set[int]) -> None:
        self._packings: dict[int, list[tuple[int, int, int]]] = defaultdict(list)  # event, parent, event that ended it
        self._moves: dict[int, list[int]] = defaultdict(list)
        known, fresh = set[int](), keys
        while fresh:
            known |= fresh
            rows = bulk.select_in(_PACKINGS, sorted(fresh), "bigint")
            for key, event, parent, closed in rows:
                self._packings[key].append((event, parent, closed or _FOR_EVER))
            for key, event in bulk.select_in(_MOVES, sorted(fresh), "bigint"):
                self._moves[key].append(event)
            fresh = {parent for _, _, parent, _ in rows} - known
        packed = sorted({event for rows in self._packings.values() for event, *_ in rows})
        self._packers = dict(bulk.select_by("found.id, found.party", "traceability_event", "id", packed, "bigint"))
        tops = sorted({self._top(key) for key in keys})
        columns = "found.id, found.status, found.possessor, found.consignee"
        rows = bulk.select_by(columns, "traceability_item", "id", tops, "bigint")
        self._custody = {key: tuple(custody) for key, *custody in rows}
        self._carried = cache(self._carried_in)

    def custody(self, key: int) -> tuple[str | None, ...]:
        """Status and parties, of the outermost that it is in now."""
        return self._custody[self._top(key)]

    def _top(self, key: int) -> int:
        while parent := next((parent for _, parent, closed in self._packings[key] if closed == _FOR_EVER), None):
            key = parent
        return key

    def history(self, key: int) -> tuple[int | str, ...]:
        """The events that moved it, by their rows, and between them by whom it was packed."""
        told = sorted(self._carried(key, 0, _FOR_EVER))
        steps = [self._packers[event] if is_packing else event for event, is_packing in told]
        return tuple(step for step, _ in groupby(steps))

    def _carried_in(self, key: int, after: int, upto: int) -> frozenset[tuple[int, bool]]:
        """What happened to it, and to what it was in for as long as it was, after one event and up to another; whether
        that packed. As `history.py` asks it of the database: each container counts from what packed into it until what
        ended that."""
        found = {(event, False) for event in self._moves[key] if after < event <= upto}
        for event, parent, closed in self._packings[key]:
            if after < event <= upto:
                found.add((event, True))
            if event < upto and closed > after:
                found |= self._carried(parent, max(event, after), min(closed, upto))
        return frozenset(found)


_FOR_EVER = 2**63 - 1
_PACKINGS = """SELECT c.item_id, c.event_id, c.parent_id, c.closed_id
    FROM {values} JOIN traceability_containment AS c ON c.item_id = named.value"""
_MOVES = """SELECT m.item_id, m.event_id FROM {values}
    JOIN traceability_move AS m ON m.item_id = named.value"""


# ---- what became of them --------------------------------------------------------------------------------------------


def _paths(said: TraceRequest, gln: str, progress: Progress) -> list[Path]:
    """Of groups that changed hands together, one."""
    merged: dict[Path, list[str]] = defaultdict(list)
    groups = _groups(_units(said))
    for number, group in enumerate(groups):
        found = chain(group[0].epc)
        hops = found.shown_to(gln) if found else ()
        if found is not None and hops:
            changes = asked_for(_changes(hops), said.wants)
            status = str(found.custody.status) if found.has_now(gln) and found.custody.status else None
            path = Path((), 0, changes, found.lot, found.expiry, status)
            merged[path] += [unquote(unit.epc[SERIAL_AT:]) for unit in group]
        progress(number, 2 * len(groups))
    return [
        replace(path, serials=tuple(sorted(serials, key=name_order)))
        for path, serials in sorted(merged.items(), key=lambda each: min(each[1]))
    ]


def _changes(hops: Sequence[Hop]) -> tuple[Change, ...]:
    """What moved them from hand to hand: not what was declared an error since, nor what was only told once more."""
    reverted = _reverted(hops)
    return tuple(
        _told(hop) for hop in hops if hop.step in CHANGES and not (hop.seen or hop.correction or hop.event in reverted)
    )


def _told(hop: Hop) -> Change:
    time = hop.time.astimezone(UTC)
    time = time.replace(microsecond=time.microsecond // 1000 * 1000)
    return Change(hop.biz_step or str(hop.step), hop.party, hop.consignee, time, hop.submission, hop.signed)


def _reverted(hops: Sequence[Hop]) -> set[int]:
    """Events that a later one, under their own eventID, declares an error."""
    if not any(hop.correction for hop in hops):
        return set()
    names = dict(Event.objects.filter(pk__in=[hop.event for hop in hops]).values_list("pk", "event_id"))
    last = {names[hop.event]: hop.event for hop in hops if hop.correction}
    return {
        hop.event for hop in hops if not hop.correction and last.get(names[hop.event], 0) > hop.event
    }  # fmt: skip


# ---- what they are --------------------------------------------------------------------------------------------------


def _product(gtin: str, now: datetime) -> dict[str, str]:
    """As the node believes it today."""
    told = known([gtin], now.date(), operator=settings.OPERATOR_GLN).get(gtin)
    return {name: text for name in DESCRIBED if (text := getattr(told, name))} if told else {}


def _names(paths: Sequence[Path]) -> dict[str, str]:
    named = {gln for path in paths for each in path.changes for gln in (each.party, each.to) if gln}
    return dict(sorted(Partner.objects.filter(gln__in=named).values_list("gln", "name")))


def content(package: TracePackage) -> Iterator[bytes]:
    """Its bytes, in pieces."""
    for piece in package.pieces.order_by("number").values_list("content", flat=True).iterator(chunk_size=1):
        yield decompress(piece)
