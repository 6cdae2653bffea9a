"""Replay every submission beside what is stored, and name every derived value that comes out otherwise (I8).

    submissions ──judge, grow──> temporary tables of the same names ──compare──> table, row, column

A temporary table hides the real one from whoever does not name its schema. So the very code that captures writes the
replay, nothing stored is touched or locked, and a node at work goes on working.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import Any

from django.db import DatabaseError, connection, models

from ledger.audit import WHOLE, Difference, Progress

from . import bulk, records
from .epcis.errors import DocumentError
from .errors import Refusal
from .models import Containment, Event, ExceptionCase, Item, Move, Submission
from .rebuild import Replayed, is_as_signed, replayed

SHOWN = 1000  # differing rows of one table: more of them say no more

#: What is derived, by which columns a row is known, and which columns have no meaning of their own. `canonical` is
#: compressed: `rehash.py` compares what it holds.
_DERIVED: Mapping[type[models.Model], tuple[tuple[str, ...], frozenset[str]]] = {
    Event: (("submission_id", "position"), frozenset({"canonical"})),
    Item: (("epc",), frozenset({"id"})),
    Containment: (("item_id", "sequence"), frozenset()),
    Move: (("item_id", "sequence"), frozenset()),
    ExceptionCase: (("event_id", "epc", "code", "detail"), frozenset({"id"})),
}
_EVENTS = "SELECT * FROM {real}.traceability_event WHERE submission_id = %s ORDER BY position"
_COPY = "INSERT INTO traceability_event SELECT * FROM {real}.traceability_event WHERE submission_id = %s"
_NO_COPIES = "UPDATE traceability_event SET is_copy = %s WHERE submission_id = %s"
_ENTRY = """SELECT s.entry_id FROM {real}.traceability_event AS e
    JOIN traceability_submission AS s ON s.id = e.submission_id WHERE e.id = %s"""


def differences(progress: Progress) -> Iterator[Difference]:
    """Custody, and everything else that follows from what was handed in.

    It rests on what `rehash.py` checks: where that found something, a replay says nothing.
    """
    with _beside() as (real, beside):
        stopped = yield from _replay(real, progress)
        if not stopped:
            for model in _DERIVED:
                yield from _compare(model, real, beside)


# ---- tables beside tables -------------------------------------------------------------------------------------------


@contextmanager
def _beside() -> Iterator[tuple[str, str]]:
    """Empty tables that hide the real ones; the names of both schemas."""
    with connection.cursor() as cursor:
        if bulk.is_postgresql():
            cursor.execute("SELECT current_schema()")
            real, beside = cursor.fetchone()[0], "pg_temp"
        else:
            real, beside = "main", "temp"
    tables = [model._meta.db_table for model in _DERIVED]
    try:
        for table in tables:
            _hide(table, real)
        yield real, beside
    finally:
        if not connection.needs_rollback:  # else they go with the transaction
            with connection.cursor() as cursor:
                for table in reversed(tables):
                    cursor.execute(f"DROP TABLE IF EXISTS {beside}.{table}")


def _hide(table: str, real: str) -> None:
    with connection.cursor() as cursor:
        if bulk.is_postgresql():
            cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE {real}.{table} INCLUDING ALL)")
            return
        cursor.execute(
            "SELECT type, sql FROM main.sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL ORDER BY type DESC",
            [table],
        )
        for kind, sql in cursor.fetchall():
            if kind == "table":  # references would be looked for among temporary tables
                sql = re.sub(r' REFERENCES "\w+" \("\w+"\)( DEFERRABLE INITIALLY DEFERRED)?', "", sql)
                cursor.execute(sql.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1))
            elif kind == "index":
                cursor.execute(re.sub(r"^(CREATE (?:UNIQUE )?INDEX )", r"\1temp.", sql))


# ---- replay ---------------------------------------------------------------------------------------------------------


def _replay(real: str, progress: Progress) -> Generator[Difference, None, bool]:
    """Submission by submission; returns whether one of them stopped it."""
    count = Submission.objects.count()
    rows = Submission.objects.order_by("entry_id")
    for done, submission in enumerate(rows.iterator(chunk_size=10), 1):
        found = _again(submission, real)
        if found is not None:
            yield found
            return True
        progress("submissions replayed", done, count)
    return False


def _again(submission: Submission, real: str) -> Difference | None:
    def differs(field: str, detail: str) -> Difference:
        return Difference(Submission._meta.db_table, str(submission.pk), field, detail, submission.entry_id)

    events = list(Event.objects.raw(_EVENTS.format(real=real), [submission.pk]))
    try:
        again = replayed(submission, events)
        tree = again.grow()
        if not is_as_signed(submission, events, tree):
            return differs(_blame(again, submission, events), "its items' leaves are not those that were signed")
        if submission.erased_id is None:
            records.write_events(submission.pk, again.keys, again.document, again.loaded, again.judgement, tree)
        else:  # what was erased is not made again
            with connection.cursor() as cursor:
                cursor.execute(_COPY.format(real=real), [submission.pk])
                cursor.execute(_NO_COPIES, [False, submission.pk])
            copies = [(again.keys[at], True) for at in again.judgement.copies]
            bulk.update(Event, {"id": "bigint"}, {"is_copy": "boolean"}, copies)
        records.write_custody(again.keys, again.loaded, again.judgement, tree, again.order, submission.accepted)
    except (Refusal, DocumentError, DatabaseError, LookupError, ValueError, TypeError) as error:
        return differs(WHOLE, f"cannot be replayed: {error}")
    return None


def _blame(again: Replayed, submission: Submission, events: Sequence[Event]) -> str:
    """What the leaves are made of that nothing before the replay has checked."""
    other = replace(again, opening=replace(again.opening, offline=not again.opening.offline))
    try:
        return "offline" if is_as_signed(submission, events, other.grow()) else "items_secret"
    except DocumentError:
        return "items_secret"


# ---- compare --------------------------------------------------------------------------------------------------------


def _compare(model: type[models.Model], real: str, beside: str) -> Iterator[Difference]:
    keys, left_out = _DERIVED[model]
    fields = [each for each in model._meta.concrete_fields if each.column not in left_out]
    names = [each.name for each in fields]
    places = [at for at, each in enumerate(fields) if each.column in keys]
    stored, told = (_rows_of(model, fields, schema) for schema in (real, beside))
    with connection.cursor() as cursor:
        cursor.execute(f"{stored} EXCEPT {told} LIMIT {SHOWN}")
        rows = [(row, True) for row in cursor.fetchall()]
        cursor.execute(f"{told} EXCEPT {stored} LIMIT {SHOWN}")
        rows += [(row, False) for row in cursor.fetchall()]

    def key_of(row: tuple[Sequence[Any], bool]) -> str:
        return " ".join(str(row[0][at]) for at in places)

    events = [at for at, each in enumerate(fields) if each.related_model is Event]
    for key, group in groupby(sorted(rows, key=key_of), key_of):
        found = {is_stored: row for row, is_stored in group}
        table = model._meta.db_table
        event = next((row[at] for row in found.values() for at in events if row[at] is not None), None)
        number = _number(event, real)
        yield Difference(table, key, *_said(found.get(True), found.get(False), names), number)


def _rows_of(model: type[models.Model], fields: Sequence[Any], schema: str) -> str:
    """All rows, in words that do not depend on the keys of items; how often each is there."""
    item = f"SELECT i.epc FROM {schema}.traceability_item AS i WHERE i.id = t"  # noqa: S608
    columns = [
        f'({item}."{each.column}")' if each.related_model is Item
        else f'CAST(t."{each.column}" AS text)' if isinstance(each, models.JSONField)
        else f't."{each.column}"'
        for each in fields
    ]  # fmt: skip
    numbers = ", ".join(str(at) for at in range(1, len(columns) + 1))
    return f"SELECT {', '.join(columns)}, count(*) FROM {schema}.{model._meta.db_table} AS t GROUP BY {numbers}"  # noqa: S608


def _said(stored: Sequence[Any] | None, told: Sequence[Any] | None, names: Sequence[str]) -> tuple[str, str]:
    """The columns that differ, and how."""
    if stored is None:
        return WHOLE, "the replay gives such a row, and it is not there"
    if told is None:
        return WHOLE, "the replay gives no such row"
    differing = [(name, *pair) for name, *pair in zip(names, told, stored, strict=False) if _differ(*pair)]
    if not differing:
        return WHOLE, f"there {stored[-1]} times"
    detail = "; ".join(f"expected {_shown(ours)}, found {_shown(theirs)}" for _, ours, theirs in differing)
    return ", ".join(name for name, *_ in differing), detail


def _differ(ours: Any, theirs: Any) -> bool:
    return bool(_plain(ours) != _plain(theirs))


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _shown(value: Any) -> str:
    value = _plain(value)
    return (value.hex() if isinstance(value, bytes) else str(value))[:80]


def _number(event: int | None, real: str) -> int | None:
    """Of the entry that an event is logged with."""
    if event is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_ENTRY.format(real=real), [event])
        row = cursor.fetchone()
    return row and int(row[0])
