"""How fast the log is, on the empty database that the environment names: `python -m tests.bench.bench_log [ENTRIES]`.

integrating    a round of 256 entries, and bare sequencing of the same rows in turn: lock the head, number the rows, add
               a checkpoint row, commit; no tiles, no signature. In a new log, and in one of a million entries
proving        the inclusion proof of one entry in a log of a million; and such proofs of late entries, tiles in memory
"""

import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import repeat
from statistics import median

from tests.bench.stage import Measure, clock  # Django is set up from here on

from django.conf import settings  # isort: skip
from django.core.management import call_command
from django.db import connection, transaction

from ledger import bulk, keys, log, models
from ledger.tlog import merkle, tiles

BATCH = 256
ROUNDS = 40
CHUNK = 256 * 256  # entries filled in at once
NOW = datetime(2026, 1, 6, tzinfo=UTC)
POSTGRESQL = connection.vendor == "postgresql"


def measures(entries: int) -> Iterator[Measure]:
    settings.DEBUG = False  # which would keep the text of every query
    call_command("migrate", verbosity=0)
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    make_bare_tables()
    yield from integrating("a new log")
    fill(entries)
    yield from integrating(f"a log of {entries:,}")
    proofs = [clock(partial(log.prove, random.randrange(entries), entries)) * 1e3 for _ in range(300)]
    yield Measure(
        f"inclusion proof in a log of {entries:,}", median(proofs), "ms", 5, 1, details={"p95": percentile(proofs, 95)}
    )
    yield Measure(
        f"inclusion proofs, tiles in memory, a log of {entries:,}", warm(entries), "proofs/s", 5000, None, True
    )


def warm(entries: int) -> float:
    """Proofs of the last 32,768 entries, one after the other in one process, that has their tiles."""
    stored = bulk.read_tiles(list(tiles.tiles_of(entries)))
    late = [random.randrange(max(0, entries - CHUNK // 2), entries) for _ in range(5000)]

    def prove_all() -> None:
        for index in late:
            merkle.inclusion_from(tiles.TileReader(stored.__getitem__, entries), index, entries)

    prove_all()
    return len(late) / clock(prove_all)


def integrating(where: str) -> Iterator[Measure]:
    """Both ways over the same rows, in turn."""
    waiting = [random.randbytes(32) for _ in range(ROUNDS * BATCH)]
    for table in ("ledger_entry", "bare_entry"):
        insert(table, waiting)
    integrate = partial(log.advance, now=NOW, signer=keys.log_signer(), limit=BATCH)
    times = [(clock(integrate) * 1e3, clock(bare) * 1e3) for _ in range(ROUNDS)]
    ours, theirs = zip(*times, strict=True)
    details = {
        f"{name} ms": {"p50": percentile(each, 50), "p95": percentile(each, 95)}
        for name, each in {"round": ours, "bare": theirs}.items()
    }
    ratio = median(ours / theirs for ours, theirs in times)
    yield Measure(f"integrating {BATCH} in {where}, times bare sequencing", ratio, "ratio", 2, details=details)
    yield Measure(f"integrating {BATCH} in {where}", BATCH * 1e3 / median(ours), "entries/s", None, 20_000, True)


def bare() -> None:
    """What no sequencing can do without."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT size FROM bare_log" + " FOR UPDATE" * POSTGRESQL)
        size = cursor.fetchone()[0]
        cursor.execute(
            'UPDATE bare_entry SET "index" = %s + batch.place FROM ('
            " SELECT number, row_number() OVER (ORDER BY number) - 1 AS place FROM ("
            '  SELECT number FROM bare_entry WHERE "index" IS NULL ORDER BY number LIMIT %s) AS waiting'
            ") AS batch WHERE bare_entry.number = batch.number",
            [size, BATCH],
        )
        cursor.execute(
            "INSERT INTO bare_checkpoint (size, previous, root, signed_root, note, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [size + BATCH, size, bytes(32), bytes(32), "x" * 200, "2026-01-06 00:00:00"],
        )
        cursor.execute("UPDATE bare_log SET size = %s", [size + BATCH])


def make_bare_tables() -> None:
    """Tables like the log's, with all their indexes and constraints."""
    with connection.cursor() as cursor:
        for name in ("log", "entry", "checkpoint"):
            for statement in definitions(name):
                cursor.execute(statement)
        cursor.execute(
            "INSERT INTO bare_log (id, origin, size, root, signed, published, witnessed)"
            " VALUES (1, 'bare', 0, %s, 0, 0, false)",
            [b""],
        )


def definitions(name: str) -> list[str]:
    if POSTGRESQL:
        return [f"CREATE TABLE bare_{name} (LIKE ledger_{name} INCLUDING ALL)"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT replace(replace(sql, 'ledger_', 'bare_'), 'INDEX \"', 'INDEX \"bare_') FROM sqlite_master"
            " WHERE tbl_name = %s AND sql IS NOT NULL ORDER BY type DESC",  # the table before its indexes
            [f"ledger_{name}"],
        )
        return [statement for (statement,) in cursor.fetchall()]


def fill(entries: int) -> None:
    """Let the log have this many entries, and the tiles that it would have, faster than through the front door."""
    log.integrate(now=NOW, signer=keys.log_signer())
    while (head := models.Log.objects.get()).size < entries:
        wanted = range(head.size, min(head.size + CHUNK, entries))
        made = [sha256(b"%d" % index).digest() for index in wanted]
        with transaction.atomic():
            for table in ("ledger_entry", "bare_entry"):
                insert(table, made, wanted)
            lengthen(head, made)
            head.save()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bare_log SET size = %s", [entries])
        cursor.execute("VACUUM ANALYZE" if POSTGRESQL else "ANALYZE")
    os.sync()  # or the first rounds pay for what filling wrote


def lengthen(head: models.Log, entries: list[bytes]) -> None:
    """As `log.advance` does it, but with as many rows at once as one statement takes."""
    edge = bulk.read_tiles(tiles.wanted(head.size, lambda reader: merkle.root_from(reader, head.size)))
    grown = tiles.grow(head.size, edge.__getitem__, list(map(merkle.leaf_hash, entries)))
    rows = list(grown.items())
    for at in range(0, len(rows), 100):
        bulk.write_tiles(dict(rows[at : at + 100]))
    head.size += len(entries)
    head.root = merkle.root_from(tiles.TileReader((edge | grown).__getitem__, head.size), head.size)


def insert(table: str, entries: Sequence[bytes], indexes: Sequence[int] | None = None) -> None:
    rows = zip(entries, indexes or repeat(None, len(entries)), strict=True)
    with transaction.atomic(), connection.cursor() as cursor:
        if POSTGRESQL:
            with cursor.copy(f'COPY {table} (accepted_at, entry, "index") FROM STDIN') as copy:
                for row in rows:
                    copy.write_row((NOW, *row))
        else:
            cursor.executemany(
                f"INSERT INTO {table} (accepted_at, entry, \"index\") VALUES ('2026-01-06', %s, %s)", list(rows)
            )


def percentile(values: Sequence[float], of_100: int) -> float:
    return round(sorted(values)[len(values) * of_100 // 100], 2)


if __name__ == "__main__":
    for result in measures(int(sys.argv[1]) if sys.argv[1:] else 1_000_000):
        print(json.dumps(result.as_json()), flush=True)
