"""Replay every submission in the order of the log, and compare with what is stored (I8).

    submissions ──parse, judge, grow──> items, containments, moves, exceptions ──compare──> differences

Custody follows from what was handed in and from nothing else. Whoever edits it in the database is found here; and if
it is ever lost, it comes back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from sys import maxsize
from zlib import decompress

from django.db import connection, transaction

from . import bulk, records
from .epcis.documents import parse
from .epcis.events import Document
from .epcis.limits import Limits
from .erasure import what_is_left
from .facts import Judgement
from .loading import Replay, load
from .models import Containment, ExceptionCase, Item, Move, Submission
from .ordering import application_order
from .records import StoredEvent
from .submission import Grown, Opening, event_leaf, event_trees, grow_items

UNLIMITED = Limits(*[maxsize] * len(fields(Limits)))  # it was taken under the limits of its day

#: Each derived table in words that do not depend on the keys of its rows.
_TABLES = {
    "item": """SELECT epc, begun_id, head, content_size, content_root, sequence, status, possessor, owner,
        owner_before, consignee, begun_by_others, last_time FROM traceability_item""",
    "containment": """SELECT child.epc, c.sequence, parent.epc AS parent, c.event_id, c.standing, c.closed_id,
        CAST(c.before AS text) AS before
        FROM traceability_containment AS c JOIN traceability_item AS child ON child.id = c.item_id
        JOIN traceability_item AS parent ON parent.id = c.parent_id""",
    "move": """SELECT item.epc, m.sequence, m.event_id, CAST(m.before AS text) AS before
        FROM traceability_move AS m JOIN traceability_item AS item ON item.id = m.item_id""",
    "exception": "SELECT event_id, epc, code, detail FROM traceability_exceptioncase",
}


@dataclass(frozen=True)
class Difference:
    """A row that the replay does not give, or gives and is not there."""

    table: str
    what: str  # "stored" or "replayed"
    row: tuple[object, ...]

    def __str__(self) -> str:
        return f"{self.table}: only {self.what}: {self.row}"


class _Undo(Exception):
    """Leaves the transaction without its changes."""


def rebuild(*, keep: bool = False) -> list[Difference]:
    """Throw custody away and replay it. Returns how it differed; with `keep`, what was replayed stays."""
    differences: list[Difference] = []
    try:
        with transaction.atomic():
            _hold_still()
            _set_aside()
            for model in (Move, Containment, ExceptionCase, Item):
                model.objects.all()._raw_delete(using=connection.alias)
            for submission in Submission.objects.order_by("entry_id").select_related("entry").iterator(chunk_size=50):
                _replay(submission)
            differences += _compare()
            _drop()
            if not keep:
                raise _Undo
    except _Undo:
        pass
    return differences


def _replay(submission: Submission) -> None:
    rows = records.events_of(submission.pk)
    again = replayed(submission, rows)
    grown = again.grow()
    if not is_as_signed(submission, rows, again, grown):
        raise ValueError(f"submission {submission.submission} does not grow into the tree that was signed")
    records.write_custody(again.keys, again.loaded, again.judgement, grown, again.order, submission.accepted)


@dataclass(frozen=True)
class Replayed:
    """A submission, judged as it was judged when it was accepted."""

    keys: list[int]  # of its events
    document: Document
    opening: Opening
    loaded: records.Loaded
    judgement: Judgement
    order: list[int]
    kept: list[dict[str, bytes]] | None  # the leaves of items whose secret is erased

    def grow(self) -> Grown:
        loaded, plans = self.loaded, self.judgement.plans
        return grow_items(self.document.events, self.opening, loaded.heads, loaded.contents, plans, kept=self.kept)


def replayed(submission: Submission, rows: Sequence[StoredEvent], document: Document | None = None) -> Replayed:
    """`rows` are its events, in document order; `document`, where it was read already."""
    document = document or _document(submission, rows)
    opening = records.opening_of(submission, rows)
    consignees = {row.position: row.consignee for row in rows}
    lots = {row.position: row.lot for row in rows}
    replay = Replay(opening.told, consignees, lots, as_of=submission.entry_id, rules=submission.rules)
    loaded = load(document, submission.submitter, lock=False, replay=replay)
    order = application_order(document.events)
    judgement = loaded.board.judge(document.events, opening.told, order)
    kept = _kept(document, rows) if submission.items_erased_id else None
    return Replayed([row.id for row in rows], document, opening, loaded, judgement, order, kept)


def _document(submission: Submission, rows: Sequence[StoredEvent]) -> Document:
    if submission.erased_id is not None:
        return Document(tuple(map(what_is_left, rows)))
    return parse(decompress(submission.document), None, UNLIMITED)


def _kept(document: Document, rows: Sequence[StoredEvent]) -> list[dict[str, bytes]]:
    stored = [records.leaves_of(event, row.leaves) for event, row in zip(document.events, rows, strict=True)]
    return [{epc: leaf for epc, (_, leaf) in leaves.items()} for leaves in stored]


def is_as_signed(submission: Submission, rows: Sequence[StoredEvent], again: Replayed, grown: Grown) -> bool:
    """Event by event; of one that was erased, as far as it goes: by the leaves of its items."""
    if submission.erased_id is not None:
        return is_as_stored(rows, grown)
    trees = event_trees(again.document.events, again.opening, grown)
    return b"".join(event_leaf(each.root) for each in trees) == bytes(submission.event_leaves)


def is_as_stored(rows: Sequence[StoredEvent], grown: Grown) -> bool:
    return list(map(records.stored_leaves, grown.items)) == [bytes(row.leaves) for row in rows]


def _hold_still() -> None:
    """Captures wait, each before it has changed anything: first for the items they would lock or add, then for the
    exceptions of events that name no item. What only reads goes on, with what was there before. SQLite needs no more
    than the transaction."""
    if bulk.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE traceability_item, traceability_exceptioncase IN EXCLUSIVE MODE")


def _set_aside() -> None:
    with connection.cursor() as cursor:
        for table, sql in _TABLES.items():
            cursor.execute(f"CREATE TEMPORARY TABLE was_{table} AS {sql}")


def _drop() -> None:
    with connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"DROP TABLE was_{table}")


def _compare() -> Iterator[Difference]:
    with connection.cursor() as cursor:
        for table, sql in _TABLES.items():
            was = f"SELECT * FROM was_{table}"  # noqa: S608
            for what, left, right in (("stored", was, sql), ("replayed", sql, was)):
                cursor.execute(f"{left} EXCEPT {right}")
                yield from (Difference(table, what, row) for row in cursor.fetchall())
