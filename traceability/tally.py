"""Replay every submission against the rows that are stored, and say whether all of them come out (I8).

    submissions ──judge, grow──> what each did to its items ──as it is stored?──> rows that stand for themselves
                                                            └─> rows that something later is to change: they wait

Nothing is written that is stored already. A row that comes out as it is stored stands for itself from then on: views
show it to whatever comes later. An item that comes out otherwise waits in a table of its own, until something later
has made it what is stored. All is well if in the end nothing waits, and as many rows came out as there are. Where that
is not so, or anything else is not as expected, `replay.py` tells it all again, and says what differs.

Why a row that was edited cannot vouch for itself: a view shows a row only after the event that it names was told. If
each stored row came out once, at the event that it names, then each was shown from that event on and not before; so all
was judged by what had come out, from the first submission to the last.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from json import loads
from typing import Any

from django.db import DatabaseError, connection

from . import bulk, records
from .beside import Schemas, copy_events, drop, hidden, refusable
from .epcis.errors import DocumentError
from .epcis.events import Document
from .errors import Refusal
from .models import Event, ExceptionCase, Move, Submission
from .rebuild import Replayed, is_as_stored, replayed
from .records import ITEM_COLUMNS, PACKING_COLUMNS, StoredEvent, as_stored, moment
from .replay import compare
from .submission import Grown

_WAITING = f"""CREATE TEMPORARY TABLE waiting_item
    (id bigint PRIMARY KEY, {", ".join(map(" ".join, ITEM_COLUMNS.items()))})"""
_ITEMS = f"""CREATE TEMPORARY VIEW traceability_item AS
    SELECT i.id, i.epc, {
    ", ".join(f"CASE WHEN w.id IS NULL THEN i.{name} ELSE w.{name} END AS {name}" for name in ITEM_COLUMNS)
}
    FROM {{real}}.traceability_item AS i LEFT JOIN {{temporary}}.waiting_item AS w ON w.id = i.id
    JOIN {{temporary}}.traceability_event AS begun ON begun.id = coalesce(w.begun_id, i.begun_id)"""  # noqa: S608
_CONTAINMENTS = """CREATE TEMPORARY VIEW traceability_containment AS
    SELECT c.item_id, c.sequence, c.parent_id, c.event_id, c.standing, closing.id AS closed_id, c.before
    FROM {real}.traceability_containment AS c
    LEFT JOIN {temporary}.traceability_event AS closing ON closing.id = c.closed_id
    JOIN {temporary}.traceability_event AS packing ON packing.id = c.event_id"""
_GO_ON = "DELETE FROM waiting_item WHERE id IN (SELECT named.value FROM {values}) RETURNING id"
_COUNTS = """SELECT (SELECT count(*) FROM {real}.traceability_item), (SELECT count(*) FROM {temporary}.waiting_item),
    (SELECT count(*) FROM {real}.traceability_containment),
    (SELECT count(closed_id) FROM {real}.traceability_containment)"""


class _Unlike(Exception):
    """Something does not come out as it is stored."""


@contextmanager
def begun() -> Iterator["Tally"]:
    """A tally, with the tables and views that it needs."""
    with hidden(Event, Move, ExceptionCase) as schemas:
        names = {"real": schemas.real, "temporary": schemas.temporary}
        try:
            with connection.cursor() as cursor:
                for sql in (_WAITING, _ITEMS, _CONTAINMENTS):
                    cursor.execute(sql.format(**names))
            yield Tally(schemas)
        finally:
            drop("VIEW", schemas, ("traceability_containment", "traceability_item"))
            drop("TABLE", schemas, ("waiting_item",))


class Tally:
    """Counts what comes out as it is stored. It rests on what `rehash.py` checks, and hears of nothing else."""

    def __init__(self, schemas: Schemas) -> None:
        self.real, self._schemas = schemas.real, schemas
        self._doubts = False
        self._begun = self._waiting = 0  # items
        self._opened = self._closed = 0  # containments

    def give_up(self) -> None:
        """What it rests on differs: so it comes to nothing."""
        self._doubts = True

    def tell(self, submission: Submission, rows: Sequence[StoredEvent], document: Document | None) -> None:
        """The next submission in the order of the log, whose own values are as they were signed."""
        if self._doubts:
            return
        try:
            with refusable():
                self._tell(submission, rows, document)
        except (_Unlike, Refusal, DocumentError, DatabaseError, LookupError, ValueError, TypeError):
            self._doubts = True

    def agrees(self) -> bool:
        """Whether everything came out as it is stored, and nothing is stored beside it."""
        if self._doubts:
            return False
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS.format(real=self.real, temporary=self._schemas.temporary))
            counts = cursor.fetchone()
        if tuple(counts) != (self._begun, 0, self._opened, self._closed):
            return False
        return not any(any(compare(model, self._schemas, same_keys=True)) for model in (Event, Move, ExceptionCase))

    def _tell(self, submission: Submission, rows: Sequence[StoredEvent], document: Document | None) -> None:
        again = replayed(submission, rows, document)
        grown = again.grow()
        if not is_as_stored(rows, grown):
            raise _Unlike
        copy_events(self._schemas, submission, rows, again, grown)
        self._items(again, grown)
        self._packings(again)
        records.write_moves(again.keys, again.loaded, again.judgement, grown, again.order, submission.accepted)

    def _items(self, again: Replayed, grown: Grown) -> None:
        changed = list(records.changed_items(again.keys, again.loaded, grown))
        table, epcs = f"{self.real}.traceability_item", [item.epc for item, _ in changed]
        columns = as_stored(("id", "epc", *ITEM_COLUMNS), "found.")
        stored = {row[1]: row for row in bulk.select_by(columns, table, "epc", epcs, "text")}
        known, waiting = [], []
        for item, ours in changed:
            key, _, *theirs, time = stored[item.epc]
            if item.key is None:
                item.key = key
            else:
                known.append(key)
            if ours != (*theirs, moment(time)):
                waiting.append((key, *ours))
        self._begun += len(changed) - len(known)
        if self._waiting:
            self._waiting -= len(bulk.select_in(_GO_ON, known, "bigint"))
        if waiting:
            bulk.insert_into("waiting_item", ("id", *ITEM_COLUMNS), waiting)
            self._waiting += len(waiting)

    def _packings(self, again: Replayed) -> None:
        opened, closed = records.packing_rows(again.keys, again.judgement)
        table, items = f"{self.real}.traceability_containment", {row[0] for row in (*opened, *closed)}
        columns = as_stored(PACKING_COLUMNS, "found.")
        found = bulk.select_by(columns, table, "item_id", sorted(items), "bigint")
        stored = {row[:2]: row for row in found}
        for ours in opened:
            theirs = stored[ours[:2]]
            if ours != theirs and not _is_still_as_opened(ours, theirs):
                raise _Unlike
        if any(stored[item, sequence][5] != event for item, sequence, event in closed):
            raise _Unlike
        self._opened += len(opened)
        self._closed += len(closed) + sum(row[5] is not None for row in opened)


def _is_still_as_opened(ours: Any, theirs: Any) -> bool:
    """But for what later ends it, and for how PostgreSQL writes JSON."""
    (*packed, closed, before), (*stored, closed_since, stored_before) = ours, theirs
    if before != stored_before and bulk.is_postgresql():
        before, stored_before = loads(before or "null"), loads(stored_before or "null")
    return packed == stored and closed in (None, closed_since) and before == stored_before
