"""When the log is integrated: rung for, swept for, and whatever the broker does."""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from celery import shared_task
from django.conf import settings
from django.db import connection, transaction

from ledger import log, models, tasks
from ledger.tasks import Chores
from tests.ledger.conftest import NOW, Ledger
from tests.ledger.test_crashes import database_url

PATIENCE = 15  # seconds


def eventually(happened: Callable[[], bool]) -> None:
    until = monotonic() + PATIENCE
    while not happened():
        assert monotonic() < until, "it did not happen"
        sleep(0.02)


def size() -> int:
    head = log.latest()
    return head.size if head else 0


def test_what_is_scheduled_exists() -> None:
    from traceability.celery import app

    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_collecting_the_tests_started_no_sequencer() -> None:
    """It would integrate beside every test, what the test was about to."""
    assert not tasks.sequencer.is_alive()


def test_a_sweep_takes_all_that_waits(ledger: Ledger) -> None:
    ledger.takes(2500)
    tasks.sweep()
    ledger.check()


# In a thread of this process


@pytest.fixture
def sequencer(settings: Any) -> Iterator[tasks.Sequencer]:
    """The process's own, sweeping so seldom that only a ring can wake it."""
    settings.REDIS_URL, settings.SWEEP_EVERY_SECONDS = "", 3600
    yield tasks.sequencer
    tasks.sequencer.stop()


def test_a_ring_wakes_the_thread(shared_ledger: Ledger, sequencer: tasks.Sequencer) -> None:
    shared_ledger.takes(1)
    sequencer.start()
    eventually(lambda: size() == 1)  # what waited before it began
    for count in (2, 3):
        with transaction.atomic():
            log.append(bytes([count]) * 32, now=NOW)
            transaction.on_commit(tasks.ring, robust=True)
        eventually(lambda count=count: size() == count)  # type: ignore[misc]


def test_a_lost_ring_costs_a_sweep(shared_ledger: Ledger, sequencer: tasks.Sequencer, settings: Any) -> None:
    settings.SWEEP_EVERY_SECONDS = 0.05
    sequencer.start()
    sleep(0.1)
    shared_ledger.takes(1)
    eventually(lambda: size() == 1)


def test_what_one_sweep_leaves_the_next_takes_at_once(
    shared_ledger: Ledger, sequencer: tasks.Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0)
    shared_ledger.takes(2500)
    sequencer.start()
    eventually(lambda: size() == 2500)
    shared_ledger.check()


def test_nothing_runs_that_was_not_started(shared_ledger: Ledger, sequencer: tasks.Sequencer) -> None:
    shared_ledger.takes(1)
    tasks.ring()
    sleep(0.1)
    assert size() == 0


def test_a_round_that_fails_is_tried_again(
    shared_ledger: Ledger, sequencer: tasks.Sequencer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SWEEP_EVERY_SECONDS = 0.05
    shared_ledger.takes(1)
    hidden = shared_ledger.signer.memory.path.rename(settings.KEYS_DIR / "elsewhere")
    with caplog.at_level(logging.ERROR):
        sequencer.start()
        eventually(lambda: "lost its memory" in caplog.text)
    hidden.rename(shared_ledger.signer.memory.path)
    eventually(lambda: size() == 1)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has one lock for all")
def test_a_locked_database_is_tried_again(
    shared_ledger: Ledger, sequencer: tasks.Sequencer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SWEEP_EVERY_SECONDS = 0.05
    settings.DATABASES["default"]["OPTIONS"]["timeout"], before = 0.05, 20
    shared_ledger.takes(1)
    try:
        with transaction.atomic():  # IMMEDIATE: the one lock there is
            sequencer.start()
            eventually(lambda: "busy" in caplog.text)
        eventually(lambda: size() == 1)
    finally:
        settings.DATABASES["default"]["OPTIONS"]["timeout"] = before


def test_a_forked_worker_has_a_thread_of_its_own(shared_ledger: Ledger, settings: Any) -> None:
    """As under gunicorn: the master starts one, the worker is forked, and rings."""
    script = """
import os
import django; django.setup()
from ledger import tasks
tasks.sequencer.start()
child = os.fork()
if child:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert not tasks.sequencer.is_alive()
tasks.ring()
assert tasks.sequencer.is_alive()
os._exit(0)
"""
    assert run_elsewhere(script).returncode == 0


def run_elsewhere(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = {"DATABASE_URL": database_url(), "KEYS_DIR": str(settings.KEYS_DIR), "REDIS_URL": ""}
    return subprocess.run(
        [sys.executable, "-c", script], env=os.environ | own | environment, capture_output=True, text=True, check=False
    )


def test_the_sequencer_command_integrates_until_interrupted(shared_ledger: Ledger) -> None:
    own = {"DATABASE_URL": database_url(), "KEYS_DIR": str(settings.KEYS_DIR), "REDIS_URL": ""}
    command = [sys.executable, "manage.py", "sequencer", "--every", "0.05"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, env=os.environ | own) as process:
        try:
            for count in (1, 2):
                shared_ledger.takes(1)
                eventually(lambda count=count: size() == count)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()  # else what has failed would wait here for ever
    shared_ledger.check()


# With a broker


@pytest.fixture
def redis(tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A Redis of this test's own, to be stopped, killed and emptied."""
    if which("redis-server") is None:
        pytest.skip("no redis-server here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
        "--loglevel",
        "warning",
    ]
    with subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL) as process:
        process.args = f"redis://127.0.0.1:{port}/0"
        eventually(lambda: answers(port))
        yield process
        process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


RINGS = """
import os, sys, time
import django; django.setup()
from ledger import tasks
from traceability.celery import app
import kombu.transport.redis; app.amqp.producer_pool; app.tasks  # what is loaded once is no part of a ring
for do in sys.argv[1:]:
    if do == "ring":
        start = time.monotonic(); tasks.ring(); print(round(time.monotonic() - start, 3))
    else:
        os.kill(int(os.environ["REDIS_PID"]), int(do)); time.sleep(0.2)
"""


@pytest.mark.parametrize(
    "story",
    [
        ("ring", "ring"),
        (f"{signal.SIGSTOP:d}", "ring", "ring", f"{signal.SIGCONT:d}", "ring"),
        ("ring", f"{signal.SIGSTOP:d}", "ring", "ring", f"{signal.SIGCONT:d}", "ring"),
        (f"{signal.SIGKILL:d}", "ring", "ring"),
        ("ring", f"{signal.SIGKILL:d}", "ring", "ring"),
    ],
    ids=["there", "hangs-from-the-start", "hangs-later", "gone-from-the-start", "goes-away"],
)
def test_a_ring_neither_raises_nor_waits(redis: "subprocess.Popen[bytes]", story: tuple[str, ...], db: None) -> None:
    environment = os.environ | {"REDIS_URL": str(redis.args), "REDIS_PID": str(redis.pid)}
    done = subprocess.run(
        [sys.executable, "-c", RINGS, *story], env=environment, capture_output=True, text=True, check=True
    )
    waited = [float(line) for line in done.stdout.split()]
    assert len(waited) == story.count("ring")
    assert max(waited) < 0.7, waited  # two time-outs of 0.2 s: to connect, to be heard


@pytest.mark.servers
def test_a_celery_worker_integrates(shared_ledger: Ledger, redis: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    """A real worker, a real broker: by a ring, and by beat's sweep when the ring was lost."""
    own = {"DATABASE_URL": database_url(), "KEYS_DIR": str(settings.KEYS_DIR), "REDIS_URL": str(redis.args)}
    environment = os.environ | own | {"SWEEP_EVERY_SECONDS": "1"}
    command = [sys.executable, "-m", "celery", "-A", "traceability.celery", "worker", "-c", "1", "-l", "warning"]
    with subprocess.Popen([*command, "-B", "--schedule", str(tmp_path / "beat")], env=environment) as worker:
        try:
            for count in (1, 2):
                shared_ledger.takes(1)
                run_elsewhere("import django; django.setup()\nfrom ledger import tasks; tasks.ring()", **own)
                eventually(lambda count=count: size() == count)  # type: ignore[misc]
            shared_ledger.takes(1)  # and nobody rings
            eventually(lambda: size() == 3)
        finally:
            worker.terminate()
    shared_ledger.check()
    assert models.Log.objects.get().published == 3


# ---- chores ---------------------------------------------------------------------------------------------------------


def test_what_is_scheduled_besides_the_sweep_is_done_beside_it(settings: Any) -> None:
    """In a thread of its own, and one that fails keeps none from its turn."""
    done = Event()

    @shared_task(name="tests.fails")
    def fails() -> None:
        raise ValueError("as it may")

    @shared_task(name="tests.works")
    def works() -> None:
        done.set()

    settings.CELERY_BEAT_SCHEDULE = {
        each: {"task": each, "schedule": 0.01} for each in ("ledger.tasks.sweep", "tests.fails", "tests.works")
    }
    chores = Chores()
    chores.start()
    try:
        assert done.wait(10)
    finally:
        chores.stop()


FINDS = """
import time
import traceability.wsgi
from celery import current_app
from django.conf import settings
wanted = {each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
until = time.monotonic() + 60
while not wanted <= set(current_app.tasks) and time.monotonic() < until:
    time.sleep(0.02)
print(sorted(wanted - set(current_app.tasks)))
"""


def test_a_process_that_serves_without_a_broker_finds_every_chore_by_itself(tmp_path: Path) -> None:
    """Celery's workers load the tasks of all apps when they start; nobody does that for gunicorn."""
    others = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    done = subprocess.run(
        [sys.executable, "-c", FINDS], env=others | {"VAR_DIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr
