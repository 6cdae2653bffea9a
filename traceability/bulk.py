"""Rows by the thousand: the one place where PostgreSQL and SQLite part ways.

PostgreSQL takes rows by COPY and keys by `unnest`; SQLite by `executemany` and `json_each`. Nothing here is asked
once a unit: each call is one statement, or one stream of rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from json import dumps
from typing import Any

from django.db import connection, models, transaction

Row = Sequence[Any]
_PARAMETERS = 32_000  # of one statement: SQLite's SQLITE_LIMIT_VARIABLE_NUMBER is 32,766


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything as it is at one moment, however long the reading takes; nobody waits for us."""
    if connection.in_atomic_block:  # somebody else's moment
        yield
        return
    mode = getattr(connection, "transaction_mode", None)
    try:
        if not is_postgresql():
            connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
        with transaction.atomic(), connection.cursor() as cursor:
            if is_postgresql():
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
    finally:
        if not is_postgresql():
            connection.transaction_mode = mode  # type: ignore[attr-defined]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Add rows to the model's table; `columns` are its column names."""
    insert_into(model._meta.db_table, columns, rows)


def insert_into(table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor:
        if is_postgresql():
            copying = cursor.copy(f'COPY "{table}" ({_quoted(columns)}) FROM STDIN')
            with connection.wrap_database_errors, copying as copy:
                write = copy.write_row
                for row in rows:
                    write(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f'INSERT INTO "{table}" ({_quoted(columns)}) VALUES ({marks})',  # noqa: S608
                list(rows),
            )


def insert_new(rows: Sequence[models.Model]) -> None:
    """Add rows, all of one model, but for those that a constraint says are there already. One statement."""
    if not rows:
        return
    fields = [each for each in rows[0]._meta.concrete_fields if not each.primary_key]
    values = [[each.get_db_prep_save(getattr(row, each.attname), connection) for each in fields] for row in rows]
    into = f'"{rows[0]._meta.db_table}" ({_quoted(str(each.column) for each in fields)})'
    with connection.cursor() as cursor:
        if is_postgresql():
            arrays = ", ".join(f"%s::{each.db_type(connection)}[]" for each in fields)
            sql = f"INSERT INTO {into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608
            cursor.execute(sql, [list(column) for column in zip(*values, strict=True)])
        else:
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT OR IGNORE INTO {into} VALUES ({marks})", values)  # noqa: S608


def update(model: type[models.Model], keys: dict[str, str], columns: dict[str, str], rows: Sequence[Row]) -> None:
    """Change rows: each of `rows` gives the keys' values, then the columns'. Both map a name to its PostgreSQL type."""
    if not rows:
        return
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if is_postgresql():
            names = [*keys, *columns]
            arrays = ", ".join(f"%s::{kind}[]" for kind in [*keys.values(), *columns.values()])
            assignments = ", ".join(f'"{name}" = new."{name}"' for name in columns)
            matches = " AND ".join(f'old."{name}" = new."{name}"' for name in keys)
            cursor.execute(
                f'UPDATE "{table}" AS old SET {assignments} '  # noqa: S608
                f"FROM unnest({arrays}) AS new ({_quoted(names)}) WHERE {matches}",
                [list(column) for column in zip(*rows, strict=True)],
            )
        else:
            assignments = ", ".join(f'"{name}" = %s' for name in columns)
            matches = " AND ".join(f'"{name}" = %s' for name in keys)
            n = len(keys)
            cursor.executemany(
                f'UPDATE "{table}" SET {assignments} WHERE {matches}',  # noqa: S608
                [[*row[n:], *row[:n]] for row in rows],
            )


def draw_keys(model: type[models.Model], count: int) -> list[int]:
    """Primary keys for `count` new rows, in ascending order."""
    if not count:
        return []
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])  # asked once: it is looked up each time
            cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [*cursor.fetchone(), count])
            return [key for (key,) in cursor.fetchall()]
        cursor.execute(_LAST_KEY.format(table=table), [table])  # the write lock is held
        (last,) = cursor.fetchone()
        return list(range(last + 1, last + 1 + count))


#: Where another table hides the model's, as beside a replay, nobody counts its keys.
_LAST_KEY = """SELECT max(coalesce((SELECT seq FROM main.sqlite_sequence WHERE name = %s), 0),
    coalesce((SELECT max(id) FROM {table}), 0))"""


def select_by(
    columns: str, table: str, column: str, values: Sequence[Any], kind: str, where: str = "TRUE"
) -> list[Any]:
    """Rows of a table by an indexed column, found one value after the other: OFFSET 0 inside a LATERAL keeps the
    planner of PostgreSQL from hashing a whole table for it."""
    if is_postgresql():
        found = f"SELECT * FROM {table} AS found WHERE found.{column} = named.value AND {where} OFFSET 0"  # noqa: S608
        return select_in(f"SELECT {columns} FROM {{values}} CROSS JOIN LATERAL ({found}) AS found", values, kind)  # noqa: S608
    found = f"{table} AS found WHERE found.{column} = named.value AND {where}"
    return select_in(f"SELECT {columns} FROM {{values}} CROSS JOIN {found}", values, kind)  # noqa: S608


def select_in(
    sql: str, values: Sequence[Any], kind: str, *, before: Sequence[Any] = (), after: Sequence[Any] = ()
) -> list[Any]:
    """Rows of `sql`, in which `{values}` stands for a relation `named(value)` that holds `values`; `kind` is their
    PostgreSQL type. `before` and `after` are the parameters that stand before it and after."""
    if not values:
        return []
    if kind == "bytea":
        return _select_in_bytes(sql, values)
    if is_postgresql():  # JSON here, too: it takes half the time of an array
        relation = f"(SELECT CAST(given AS {kind}) AS value FROM json_array_elements_text(%s) AS given) AS named"  # noqa: S608
    else:
        relation = "json_each(%s) AS named"
    with connection.cursor() as cursor:
        cursor.execute(sql.format(values=relation), [*before, dumps(values), *after])
        return cursor.fetchall()


def _select_in_bytes(sql: str, values: Sequence[bytes]) -> list[Any]:
    """JSON has no bytes, and SQLite before 3.41 no `unhex`: there they are parameters, as many as it takes at once."""
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.execute(sql.format(values="unnest(%s::bytea[]) AS named(value)"), [list(values)])
            return cursor.fetchall()
        rows = []
        for at in range(0, len(values), _PARAMETERS):
            some = values[at : at + _PARAMETERS]
            marks = ", ".join(["(%s)"] * len(some))
            cursor.execute(sql.format(values=f"(SELECT column1 AS value FROM (VALUES {marks})) AS named"), some)  # noqa: S608
            rows += cursor.fetchall()
        return rows
