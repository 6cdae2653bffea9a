"""How fast, and how big: `make bench`, or `python -m tests.bench [NAME ...]`. One JSON object a line.

Each object has the goal that the project has set beside the value: `must`, `aim`, and which of them was `met`. Every
measure runs in a process and on a database of its own, made and dropped here: SQLite in a file, and PostgreSQL where
POSTGRES_URL answers. Durability is as in production. Numbers are for this machine, now: trust ratios before seconds.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from tests import servers
from tests.chaos.redis_server import RedisServer

HERE = Path(__file__).parent
POSTGRES = os.environ.get("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
BOTH, POSTGRESQL_ONLY, SQLITE_ONLY = ("postgresql", "sqlite"), ("postgresql",), ("sqlite",)

#: By name: what to run, and on which databases.
BENCHES: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "whole": (["-m", "tests.bench.measures", "whole"], BOTH),
    "commission": (["-m", "tests.bench.measures", "commission"], POSTGRESQL_ONLY),
    "pallets": (["-m", "tests.bench.measures", "pallets"], BOTH),
    "calls": (["-m", "tests.bench.measures", "calls"], BOTH),
    "storage": (["-m", "tests.bench.measures", "storage"], POSTGRESQL_ONLY),
    "plans": (["-m", "tests.bench.measures", "plans"], POSTGRESQL_ONLY),
    "bundle": (["-m", "tests.bench.bench_bundle"], BOTH),
    "log": (["-m", "tests.bench.bench_log"], BOTH),
    "verify": (["-m", "tests.bench.bench_verify"], POSTGRESQL_ONLY),
    "cosigned": (["-m", "tests.bench.bench_cosigned"], POSTGRESQL_ONLY),
    "serials": (["-m", "tests.bench.measures", "serials"], BOTH),
    "audit": (["-m", "tests.bench.measures", "audit"], BOTH),
    "memory": (["-m", "tests.bench.measures", "memory"], BOTH),
    "transactions": (["-m", "tests.bench.bench_transactions"], BOTH),
    "recall": (["-m", "tests.bench.bench_recall"], POSTGRESQL_ONLY),
    "notices": (["-m", "tests.bench.bench_notices"], BOTH),
    "trace": (["-m", "tests.bench.bench_trace"], BOTH),
    "labels": (["-m", "tests.bench.measures", "labels"], SQLITE_ONLY),
}
WITH_WORKERS = ("cosigned",)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    names = parser.parse_args().names or list(BENCHES)
    if unknown := set(names) - BENCHES.keys():
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    durable = durability()
    print(json.dumps({"postgresql": durable, "python": sys.version.split()[0], "cores": os.cpu_count()}), flush=True)
    failed = [run(name, database) for name in names for database in BENCHES[name][1] if durable or database == "sqlite"]
    return max(failed, default=0)


def run(name: str, database: str) -> int:
    """One measure on one database; its lines are ours."""
    command, _ = BENCHES[name]
    with TemporaryDirectory() as folder, made(database, Path(folder)) as url, broker(name, Path(folder)) as redis:
        environment = os.environ | {"DATABASE_URL": url, "VAR_DIR": folder, "REDIS_URL": redis}
        return subprocess.run([sys.executable, *command], env=environment, cwd=HERE.parents[1], check=False).returncode


@contextmanager
def broker(name: str, folder: Path) -> Iterator[str]:
    """The URL of a Redis of its own, for what is measured with workers."""
    if name not in WITH_WORKERS:
        yield ""
        return
    server = RedisServer(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.kill()


@contextmanager
def made(database: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database, which is gone afterwards."""
    if database == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}"
        return
    name = f"unitproof_bench_{os.getpid()}"
    try:
        yield servers.create(POSTGRES, name)
    finally:
        servers.drop(POSTGRES, name)


def durability() -> dict[str, Any] | None:
    """What PostgreSQL does for durability; None if it does not answer."""
    try:
        with psycopg.connect(POSTGRES, connect_timeout=2) as connection:
            names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
            return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in names}  # type: ignore[index]
    except psycopg.OperationalError:
        return None


if __name__ == "__main__":
    sys.exit(main())
