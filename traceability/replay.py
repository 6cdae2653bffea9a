"""Replay every submission beside what is stored, and name every derived value that comes out otherwise (I8).

    submissions ──judge, grow──> temporary tables of the same names ──compare──> table, row, column

Asked where `tally.py` has found that something does. It rests on what `rehash.py` checks: what follows from a
submission alone is not made again, and its events are copied. In memory is one submission at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import Any

from django.db import DatabaseError, connection, models

from ledger.audit import WHOLE, Difference

from . import bulk, records
from .beside import Schemas, copy_events, hidden, refusable
from .epcis.errors import DocumentError
from .errors import Refusal
from .models import Containment, Event, ExceptionCase, Item, Move, Submission
from .rebuild import Replayed, is_as_signed, is_as_stored, replayed
from .records import StoredEvent, events_of

SHOWN = 1000  # differing rows of one table: more of them say no more

#: What is derived, by which columns a row is known, and which columns have no meaning of their own, or were compared by
#: `rehash.py`: of an event, all that does not follow from what was told before.
_DERIVED: Mapping[type[models.Model], tuple[tuple[str, ...], frozenset[str]]] = {
    Event: (("submission_id", "position"), frozenset(StoredEvent._fields) - {"position", "is_copy", "leaves"}),
    Item: (("epc",), frozenset({"id"})),
    Containment: (("item_id", "sequence"), frozenset()),
    Move: (("item_id", "sequence"), frozenset()),
    ExceptionCase: (("event_id", "epc", "code", "detail"), frozenset({"id"})),
}
_ENTRY = """SELECT s.entry_id FROM {real}.traceability_event AS e
    JOIN traceability_submission AS s ON s.id = e.submission_id WHERE e.id = %s"""


# ---- replay ---------------------------------------------------------------------------------------------------------


class Replay:
    """Custody, and everything else that follows from what was handed in, as it comes out when it is told again."""

    def __init__(self) -> None:
        self._stopped: Difference | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of it was told again."""
        return self._stopped is None

    def differences(self) -> Iterator[Difference]:
        """Every value that is not as it comes out."""
        with self.told():
            yield from self.compared()

    @contextmanager
    def told(self) -> Iterator[None]:
        """All of it, told again beside what is stored."""
        with hidden(*_DERIVED) as self._schemas:
            self._tell_all()
            yield

    def compared(self) -> Iterator[Difference]:
        """What was told with what is stored; where it cannot be told, that."""
        if self._stopped:
            yield self._stopped
            return
        for model in _DERIVED:
            yield from compare(model, self._schemas)

    def _tell_all(self) -> None:
        """In the order of the log, until one cannot be told."""
        for submission in Submission.objects.order_by("entry_id").iterator(chunk_size=10):
            self._tell_if_it_can_be(submission)
            if self._stopped:
                return

    def _tell_if_it_can_be(self, submission: Submission) -> None:
        try:
            with refusable():
                self._tell(submission, events_of(submission.pk, self._schemas.real))
        except (Refusal, DocumentError, DatabaseError, LookupError, ValueError, TypeError) as error:
            self._stop(submission, WHOLE, f"cannot be replayed: {error}")

    def _stop(self, submission: Submission, field: str, detail: str) -> None:
        table = Submission._meta.db_table
        self._stopped = Difference(table, str(submission.pk), field, detail, submission.entry_id)

    def _tell(self, submission: Submission, rows: Sequence[StoredEvent]) -> None:
        again = replayed(submission, rows)
        grown = again.grow()
        if not is_as_stored(rows, grown) and not is_as_signed(submission, rows, again, grown):
            return self._stop(submission, _blame(again, submission, rows), _OTHER_LEAVES)
        copy_events(self._schemas, submission, rows, again, grown)
        records.write_custody(again.keys, again.loaded, again.judgement, grown, again.order, submission.accepted)


_OTHER_LEAVES = "its items' leaves are not those that were signed"


def _blame(again: Replayed, submission: Submission, rows: Sequence[StoredEvent]) -> str:
    """What the leaves are made of that nothing before the replay has checked."""
    other = replace(again, opening=replace(again.opening, offline=not again.opening.offline))
    try:
        return "offline" if is_as_signed(submission, rows, other, other.grow()) else "items_secret"
    except DocumentError:
        return "items_secret"


# ---- compare --------------------------------------------------------------------------------------------------------


def compare(model: type[models.Model], schemas: Schemas, *, same_keys: bool = False) -> Iterator[Difference]:
    """Every row that is otherwise stored than told; `same_keys`: where an item has the same key here and there."""
    real, beside = schemas.real, schemas.temporary
    keys, left_out = _DERIVED[model]
    fields = [each for each in model._meta.concrete_fields if each.column not in left_out]
    names = [each.name for each in fields]
    places = [at for at, each in enumerate(fields) if each.column in keys]
    if model is not ExceptionCase and _agree(model, fields, keys, schemas, same_keys=same_keys):  # that may be twice
        return
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


def _agree(
    model: type[models.Model], fields: Sequence[Any], keys: Sequence[str], schemas: Schemas, *, same_keys: bool
) -> bool:
    """Whether each row that the replay gives, which no other is named as, is stored, and there are no more of them.

    Found by their indexes, where naming what differs takes sorting all of both.
    """
    real, beside = schemas.real, schemas.temporary
    table, same = model._meta.db_table, "IS NOT DISTINCT FROM" if bulk.is_postgresql() else "IS"
    joins, pairs = [], []
    for name, field in ((each.column, each) for each in fields):
        ours, theirs = f't."{name}"', f's."{name}"'
        if field.related_model is Item and not same_keys:
            joins.append(f"LEFT JOIN {beside}.traceability_item AS our_{name} ON our_{name}.id = {ours}")
            joins.append(f"LEFT JOIN {real}.traceability_item AS their_{name} ON their_{name}.epc = our_{name}.epc")
            ours = f"their_{name}.id"
        elif isinstance(field, models.JSONField):
            ours, theirs = f"CAST({ours} AS text)", f"CAST({theirs} AS text)"
        pairs.append(f"{theirs} {'=' if name in keys else same} {ours}")
    joins.append(f"LEFT JOIN {real}.{table} AS s ON {' AND '.join(pairs)}")
    missing = f'SELECT 1 FROM {beside}.{table} AS t {" ".join(joins)} WHERE s."{keys[0]}" IS NULL'  # noqa: S608
    counts = f"(SELECT count(*) FROM {beside}.{table}) = (SELECT count(*) FROM {real}.{table})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts} AND NOT EXISTS ({missing})")
        return bool(cursor.fetchone()[0])


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
