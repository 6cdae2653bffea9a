"""How soon three witnesses have cosigned what was accepted: `python -m tests.bench.bench_cosigned [SECONDS]`.

As in production: the Redis that the environment names, a Celery worker, and three times `manage.py witness`, each of
which has to cosign. Entries are appended at a steady rate, each in a transaction of its own that rings when it is
committed: what every capture ends with. Then a backlog is worked off.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import randbytes
from tempfile import TemporaryDirectory
from threading import Event, Thread

from tests.bench.stage import Measure  # Django is set up from here on

from django.conf import settings  # isort: skip
from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone

from ledger import keys, log
from ledger.tasks import ring
from tests.bench.bench_log import insert
from tests.chaos.node import Process, free_port, listens, wait_for

RATE = 200  # entries a second
BACKLOG = 100_000
BATCH = 10_000  # of the backlog, inserted at once
NAMES = ("w1", "w2", "w3")


def main(seconds: int) -> None:
    settings.DEBUG = False  # which would keep the text of every query
    call_command("migrate", verbosity=0)
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    with TemporaryDirectory() as name, witnesses(Path(name)) as policy, worker(Path(name)):
        settings.WITNESSES.write_text(policy)
        for measure in measures(seconds):
            print(json.dumps(measure.as_json()), flush=True)


@contextmanager
def witnesses(folder: Path) -> Iterator[str]:
    """Three, each a process with a memory of its own; the policy that asks for all of them."""
    (folder / "logs.policy").write_text(f"log {keys.log_signer().verifier}\nquorum none\n")
    with ExitStack() as ending:
        lines = []
        for name in NAMES:
            port, written = free_port(), folder / f"{name}.log"
            command = [sys.executable, "manage.py", "witness", str(folder / name), "--name", f"{name}.example/witness"]
            options = ["--logs", str(folder / "logs.policy"), "--bind", f"127.0.0.1:{port}"]
            environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder / name)}
            process = Process([*command, *options], environment, written)
            ending.callback(process.kill)
            wait_for(f"{name}, see {written}", partial(listens, port))
            _, _, key, address = written.read_text().split("\n")[0].split()
            lines.append(f"witness {name} {key} {address}\n")
        yield f"{''.join(lines)}group every all {' '.join(NAMES)}\nquorum every\n"


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "traceability", "worker", "--concurrency", "1", "--beat"]
    schedule = ["--schedule", str(folder / "beat"), "--loglevel", "warning"]
    process = Process([*command, *schedule], dict(os.environ), folder / "worker.log")
    try:
        yield
    finally:
        process.kill()


# ---- measuring ------------------------------------------------------------------------------------------------------


def measures(seconds: int) -> Iterator[Measure]:
    first = len(appended(1))
    wait_for("the worker", lambda: log.head().published == first)
    with followed() as seen:
        accepted = appended(seconds * RATE)
        wait_for("the last of them", lambda: log.head().published == first + len(accepted), 60)
    published = times(seen, range(first, first + len(accepted)))
    late = sorted(then - before for then, before in zip(published, accepted, strict=True))
    rate = (len(accepted) - 1) / (accepted[-1] - accepted[0])
    details = {"entries": len(accepted), "entries/s": round(rate, 1), "s at most": round(late[-1], 3)}
    for of_100, must in ((50, 1.0), (99, 2.0)):
        value = late[len(late) * of_100 // 100]
        yield Measure(f"accepted to cosigned by three and published, p{of_100}", value, "s", must, details=details)
    before = log.head().published
    with transaction.atomic():
        for _ in range(BACKLOG // BATCH):
            insert("ledger_entry", [randbytes(32) for _ in range(BATCH)])
    began = time.monotonic()
    ring()
    wait_for("the backlog", lambda: log.head().published == before + BACKLOG, 120)
    speed = BACKLOG / (time.monotonic() - began)
    yield Measure(f"a backlog of {BACKLOG:,}, cosigned by three", speed, "entries/s", 20_000, None, True)


def appended(count: int) -> list[float]:
    """When each was committed."""
    began, accepted = time.monotonic(), []
    for nth in range(count):
        time.sleep(max(0.0, began + nth / RATE - time.monotonic()))
        with transaction.atomic():
            log.append(randbytes(32), now=timezone.now())
            transaction.on_commit(ring, robust=True)
        accepted.append(time.monotonic())
    return accepted


@contextmanager
def followed() -> Iterator[list[tuple[float, int]]]:
    """What is published, and when that was seen, to some milliseconds."""
    seen: list[tuple[float, int]] = []
    over = Event()

    def look() -> None:
        while not over.wait(0.01):
            note()
        note()
        connections.close_all()

    def note() -> None:
        size = log.head().published
        if not seen or size > seen[-1][1]:
            seen.append((time.monotonic(), size))

    looking = Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def times(seen: list[tuple[float, int]], indexes: range) -> Iterator[float]:
    """When each entry was published."""
    at = iter(seen)
    moment, size = next(at)
    for index in indexes:
        while size <= index:
            moment, size = next(at)
        yield moment


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 60)
