"""The few statements that the ORM cannot say at once, in words that PostgreSQL and SQLite share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import count, pairwise
from operator import ne, sub
from typing import Any

from django.conf import settings
from django.db import connection

from .models import Checkpoint, Log
from .tlog.merkle import HASH_SIZE
from .tlog.tiles import Tile

_AT_ONCE = 256  # places in one statement: SQLite takes no expression deeper than 1,000
_DRAW = {
    "postgresql": ("SELECT nextval(pg_get_serial_sequence('ledger_entry', 'number'))",),
    "sqlite": (
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'ledger_entry', 0"
        " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'ledger_entry')",
        "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'ledger_entry' RETURNING seq",
    ),
}


def draw_number() -> int:
    """The next number of the sequence that entries draw theirs from."""
    with connection.cursor() as cursor:
        for statement in _DRAW[connection.vendor]:
            cursor.execute(statement)
        return int(cursor.fetchone()[0])


def read_head(*, held: bool = False) -> Log | None:
    """The log's row; held, until the transaction ends. On SQLite that transaction, IMMEDIATE, is itself the lock.

    PostgreSQL ends the session of a holder that lets LOG_HELD_SECONDS pass between two statements, and with it the
    transaction (its documentation, 20.11.1: idle_in_transaction_session_timeout). What waits for a lock is not idle.
    """
    rows_lock = held and connection.features.has_select_for_update
    lock = " FOR UPDATE" if rows_lock else ""
    with connection.cursor() as cursor:
        if rows_lock:
            patience = round(settings.LOG_HELD_SECONDS * 1000)  # ms
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {patience}")
        cursor.execute(f"SELECT id, origin, size, root, signed, published, witnessed, frozen FROM ledger_log{lock}")  # noqa: S608
        row = cursor.fetchone()
    return row and Log(*row)


def insert_entry(entry: bytes, accepted_at: datetime) -> int | None:
    """The number that the entry has drawn; None if it is there already, or the log is frozen."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_entry (entry, accepted_at) SELECT %s, %s"
            " WHERE NOT EXISTS (SELECT 1 FROM ledger_log WHERE frozen IS NOT NULL)"
            " ON CONFLICT (entry) DO NOTHING RETURNING number",
            [entry, _time(accepted_at)],
        )
        row = cursor.fetchone()
    return row and int(row[0])


def numbering(limit: int) -> Callable[[int], Sequence[bytes]]:
    """What gives entries that wait, in the order of their numbers, the indexes from the one it is told; those entries.

    On PostgreSQL one statement does it all. SQLite, which hands over row by row in this process, has read here already
    what waits: what it does then takes no turns with a thread that signs meanwhile, and finds runs, not rows.
    """
    if connection.vendor == "postgresql":
        return partial(_number, limit)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [limit])
        return partial(_number_runs, cursor.fetchall())


_WAITING = 'SELECT number, entry FROM ledger_entry WHERE "index" IS NULL ORDER BY number LIMIT %s'
_NUMBER = """UPDATE ledger_entry SET "index" = %s + batch.place FROM (
    SELECT number, row_number() OVER (ORDER BY number) - 1 AS place FROM (
        SELECT number FROM ledger_entry WHERE "index" IS NULL ORDER BY number LIMIT %s) AS waiting
) AS batch WHERE ledger_entry.number = batch.number RETURNING ledger_entry."index", ledger_entry.entry"""
_NUMBER_RUN = 'UPDATE ledger_entry SET "index" = number - %s WHERE number BETWEEN %s AND %s'


def _number(limit: int, first_index: int) -> Sequence[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER, [first_index, limit])
        return [bytes(entry) for _, entry in sorted(cursor.fetchall())]


def _number_runs(waiting: Sequence[tuple[int, bytes]], first_index: int) -> Sequence[bytes]:
    with connection.cursor() as cursor:
        cursor.executemany(_NUMBER_RUN, _runs([number for number, _ in waiting], first_index))
    return [entry for _, entry in waiting]


def _runs(numbers: Sequence[int], first_index: int) -> list[tuple[int, int, int]]:
    """Numbers in order, cut where there is a gap: how far each run is ahead of its indexes, its first and its last.

    >>> _runs([3, 4, 5, 9], 0)
    [(3, 3, 5), (6, 9, 9)]
    """
    ahead = list(map(sub, numbers, count(first_index)))
    cuts = [0, *(at for at, is_cut in enumerate(map(ne, ahead, ahead[1:]), 1) if is_cut), len(ahead)]
    return [(ahead[start], numbers[start], numbers[end - 1]) for start, end in pairwise(cuts) if start < end]


def save_head(head: Log) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_log SET size = %s, root = %s, signed = %s, published = %s, witnessed = %s, frozen = %s",
            [head.size, bytes(head.root), head.signed, head.published, head.witnessed, head.frozen],
        )


def insert_checkpoint(checkpoint: Checkpoint) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_checkpoint (size, previous, root, note, signed_root, created_at, published_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                checkpoint.size,
                checkpoint.previous,
                bytes(checkpoint.root),
                checkpoint.note,
                bytes(checkpoint.signed_root),
                _time(checkpoint.created_at),
                checkpoint.published_at and _time(checkpoint.published_at),
            ],
        )


def write_tiles(tiles: Mapping[Tile, bytes]) -> None:
    """Store tiles, or lengthen them. What is stored already and does not begin the new tile stays as it is."""
    rows = ", ".join(["(%s, %s, %s)"] * len(tiles))
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO ledger_tile (level, "index", hashes) VALUES {rows}'  # noqa: S608
            ' ON CONFLICT (level, "index") DO UPDATE SET hashes = excluded.hashes'
            " WHERE substr(excluded.hashes, 1, length(ledger_tile.hashes)) = ledger_tile.hashes",
            [value for tile, hashes in tiles.items() for value in (tile.level, tile.index, hashes)],
        )


def read_tiles(tiles: Collection[Tile]) -> dict[Tile, bytes]:
    """Those of the tiles that are stored, in the width asked for."""
    stored: dict[tuple[int, int], bytes] = {}
    wanted = list(tiles)
    with connection.cursor() as cursor:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            places = " OR ".join(['(level = %s AND "index" = %s)'] * len(some))
            cursor.execute(
                f'SELECT level, "index", hashes FROM ledger_tile WHERE {places}',  # noqa: S608
                [value for tile in some for value in (tile.level, tile.index)],
            )
            stored |= {(level, index): bytes(hashes) for level, index, hashes in cursor.fetchall()}
    found = ((tile, stored.get((tile.level, tile.index), b"")[: tile.width * HASH_SIZE]) for tile in tiles)
    return {tile: hashes for tile, hashes in found if len(hashes) == tile.width * HASH_SIZE}


def read_entries(start: int, end: int) -> list[bytes]:
    """The entries with indexes from `start`, below `end`."""
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT entry FROM ledger_entry WHERE "index" >= %s AND "index" < %s ORDER BY "index"', [start, end]
        )
        return [entry for (entry,) in cursor.fetchall()]


def _time(moment: datetime) -> Any:
    """As this database takes it."""
    return connection.ops.adapt_datetimefield_value(moment)
