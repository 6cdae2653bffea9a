"""Tables beside tables: temporary ones of the same names, which hide the real ones from whoever names no schema.

So the very code that captures reads and writes a replay, nothing stored is touched or locked, and a node at work goes
on working.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from django.db import connection, models, transaction

from . import bulk
from .models import Event, Submission
from .rebuild import Replayed
from .records import StoredEvent, stored_leaves
from .submission import Grown


@dataclass(frozen=True)
class Schemas:
    """Where the real tables are, and where those beside them."""

    real: str
    temporary: str

    @classmethod
    def of_this_database(cls) -> "Schemas":
        if not bulk.is_postgresql():
            return cls("main", "temp")
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            return cls(cursor.fetchone()[0], "pg_temp")


@contextmanager
def hidden(*hiding: type[models.Model]) -> Iterator[Schemas]:
    """Empty tables that hide those of these models."""
    schemas, tables = Schemas.of_this_database(), [model._meta.db_table for model in hiding]
    try:
        for table in tables:
            _hide(table, schemas.real)
        yield schemas
    finally:
        drop("TABLE", schemas, reversed(tables))


def drop(kind: str, schemas: Schemas, names: Iterable[str]) -> None:
    """What is temporary is gone, where it does not go with the transaction."""
    if not connection.needs_rollback:
        with connection.cursor() as cursor:
            for name in names:
                cursor.execute(f"DROP {kind} IF EXISTS {schemas.temporary}.{name}")


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
                sql = sql.replace(" AUTOINCREMENT", "")  # or a second `sqlite_sequence` hides the one of the node
                cursor.execute(sql.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1))
            elif kind == "index":
                cursor.execute(re.sub(r"^(CREATE (?:UNIQUE )?INDEX )", r"\1temp.", sql))


def refusable() -> AbstractContextManager[None]:
    """What PostgreSQL refuses ends the transaction, or what it can be taken back to. SQLite goes on, and must not take
    anything back while rows are being read."""
    return transaction.atomic() if bulk.is_postgresql() else nullcontext()


_COPY = "INSERT INTO traceability_event SELECT * FROM {real}.traceability_event WHERE submission_id = %s"


def copy_events(
    schemas: Schemas, submission: Submission, rows: Sequence[StoredEvent], again: Replayed, grown: Grown
) -> None:
    """What was compared with the document is copied; the rest, as it comes out."""
    with connection.cursor() as cursor:
        cursor.execute(_COPY.format(real=schemas.real), [submission.pk])
    copies = again.judgement.copies
    told = [(row.position in copies, stored_leaves(each)) for row, each in zip(rows, grown.items, strict=True)]
    stored = [(row.is_copy, bytes(row.leaves)) for row in rows]
    others = [(row.id, *ours) for row, theirs, ours in zip(rows, stored, told, strict=True) if theirs != ours]
    bulk.update(Event, {"id": "bigint"}, {"is_copy": "boolean", "leaves": "bytea"}, others)
