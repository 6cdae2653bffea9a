"""Statements that are asked all day: PostgreSQL plans them once a connection, not each time.

Planning a join of a dozen tables takes it longer than the answer. (A PgBouncer in between has to be one that knows
prepared statements: 1.21, `max_prepared_statements`.) SQLite's driver keeps statements prepared by itself.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def fetch(sql: str, params: Sequence[Any]) -> list[Any]:
    """The rows of a statement; `sql` is a constant, so that it is one statement for ever."""
    with _cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _cursor() -> Any:
    here = connections[DEFAULT_DB_ALIAS]  # looked up once: what `connection` stands for is looked up at each dot
    if here.vendor != "postgresql":
        return here.cursor()
    here.ensure_connection()
    here.connection.prepare_threshold = 0  # Django's own cursors, which bind on this side, prepare nothing
    with here.wrap_database_errors:
        cursor = _binding_there()(here.connection)
    return here._prepare_cursor(cursor)  # type: ignore[attr-defined]  # counted and guarded as any other


@cache
def _binding_there() -> Any:
    """The cursor that leaves parameters to the server."""
    from django.db.backends.postgresql.base import ServerBindingCursor  # needs psycopg

    return ServerBindingCursor
