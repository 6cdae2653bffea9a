"""A fault between any two steps: nothing acknowledged is lost, nothing is doubled, and the log goes on as it was.

Each fault at each step: `kill -9`; an error; to stand still while another goes on; and the same call twice meanwhile.
Who stands still does so for as long as it takes to see what others do. In the long form it is half a minute at least,
and what ends it is the node's own setting: `UNITPROOF_STALL=30 make test ARGS=tests/chaos/test_kills.py`.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections
from django.utils import timezone

from ledger import log, memory, tasks
from ledger.errors import SignerRefuses
from ledger.models import Entry
from tests.chaos.act import PARTS
from tests.chaos.journal import demand_once, demand_one_log, published
from tests.chaos.node import wait_for
from tests.chaos.prepared import Begun, Prepared, PreparedNode
from tests.ledger.witnesses import Running
from tests.signing import Signed, sign, sign_over
from tests.world import World, document, unit
from traceability import capture
from traceability.api.errors import is_busy
from traceability.errors import Refusal
from traceability.rebuild import rebuild

T = TypeVar("T")
STALL = float(os.environ.get("UNITPROOF_STALL", "0"))  # seconds at least that whoever stands still does so
HELD = 10.0 if STALL > 15 else 1.0  # seconds that such a one keeps the log: LOG_HELD_SECONDS

_FAILPOINT = re.compile(r'failpoint\("([a-z_.]+)"\)')
FAILPOINTS = sorted(
    {
        name
        for package in ("ledger", "traceability")
        for module in (settings.BASE_DIR / package).rglob("*.py")
        for name in _FAILPOINT.findall(module.read_text())
    }
)


def integrate() -> None:
    tasks.sweep()


def test_every_step_has_its_failpoint() -> None:
    assert {name.partition(".")[0] for name in FAILPOINTS} == {"capture", "integrate", "carry", "publish", "witness"}
    assert len(FAILPOINTS) >= 17


OURS = [name for name in FAILPOINTS if not name.startswith("witness.")]
CAPTURING = [name for name in OURS if name.startswith("capture.")]
LOGGING = [name for name in OURS if not name.startswith("capture.")]
#: Where whoever stands still holds nothing that another waits for.
FREE = {name for name in OURS if re.search(r"read|committed|after_commit|carry", name)}
#: Where one of two dies, in the short form: with its items, the log, the signer's memory, or nothing in its hands.
SOME = [
    *("capture.judged", "capture.written", "integrate.after_lock", "integrate.before_memory", "integrate.after_memory"),
    *("integrate.after_commit", "carry.asked", "publish.after_note"),
]


#: Why it fails: its session was ended, or the signer has signed for another since.
OVERTAKEN = re.compile(rb"idle-in-transaction timeout|closed the connection|fewer entries than were signed")


def takes(signed: Signed) -> capture.Accepted:
    return capture.capture(signed.received, signed.opening, signed.statement, now=timezone.now())


class Matrix:
    """One submission that meets a fault, on a node with a log and a witness; and what has to hold afterwards."""

    def __init__(self, world: World, node: PreparedNode) -> None:
        self.world, self.node = world, node
        self.pack = world.maker.commissions(serial="A1")
        integrate()
        self.seen = [published()]
        self.signed = sign(world.maker, document(world.maker.shipping(self.pack, world.pharmacy)))
        for part in PARTS:
            (node.folder / part).write_bytes(getattr(self.signed, part))

    def act(self, fault: str = "") -> "subprocess.CompletedProcess[bytes]":
        """Hand it in, and have the log published, in a process of its own."""
        return self.node.run("tests.chaos.act", str(self.node.folder), UNITPROOF_FAILPOINT=fault)

    @contextmanager
    def stands_still_at(self, failpoint: str, *, held: float = 600.0) -> Iterator[Begun]:
        """The same, while it stands still there; for so many seconds with the log, if it has that."""
        fault = {"UNITPROOF_FAILPOINT": f"{failpoint}:stop", "LOG_HELD_SECONDS": str(held)}
        began, first = time.monotonic(), self.node.begin("tests.chaos.act", str(self.node.folder), **fault)
        try:
            first.waits_to_go_on()
            yield first
            if not first.has_ended:
                time.sleep(max(0.0, began + STALL - time.monotonic()))
                first.go_on()
                first.end()
        finally:
            first.kill()

    def goes_on(self) -> None:
        """Another submission is taken meanwhile, and is in the log."""
        other = sign_over(self.world.maker, document(self.world.maker.commissioning(unit("B1"))), {})
        takes(other)
        integrate()
        demand_once(other)
        self.seen.append(published())

    def retry(self) -> str:
        """As its sender would: the promise that it gets."""
        again = takes(self.signed)
        integrate()
        return bytes(again.submission.promise).hex()

    def demand_all_is_well(self, *told: "subprocess.CompletedProcess[bytes]") -> None:
        """It is there once, by the promise that was given; custody and log are what they should be."""
        promise = self.retry()
        assert bytes(demand_once(self.signed).promise).hex() == promise
        for each in told:
            acknowledged = re.findall(r"accepted (\w+)", each.stdout.decode())
            assert acknowledged in ([], [promise])
        assert rebuild() == []
        demand_one_log(*self.seen)
        assert log.frozen() is None


@pytest.fixture
def node(world: World, tmp_path: Path, prepared: Prepared) -> PreparedNode:
    return PreparedNode(tmp_path, prepared)


@pytest.fixture
def matrix(world: World, node: PreparedNode, witness: Running) -> Matrix:
    return Matrix(world, node)


@pytest.mark.parametrize("failpoint", OURS)
def test_i2_i4_nothing_is_lost_or_doubled_by_a_kill_at(failpoint: str, matrix: Matrix) -> None:
    died = matrix.act(failpoint)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert rebuild() == []
    matrix.seen.append(published())
    matrix.demand_all_is_well(died)


@pytest.mark.parametrize("failpoint", OURS)
def test_i2_i4_nothing_is_lost_or_doubled_by_an_error_at(failpoint: str, matrix: Matrix) -> None:
    """An error never tells whether what was tried has happened."""
    failed = matrix.act(f"{failpoint}:error")
    assert "a test has this fail" in failed.stderr.decode()
    assert rebuild() == []
    matrix.seen.append(published())
    matrix.demand_all_is_well(failed)


@pytest.mark.servers
@pytest.mark.parametrize("failpoint", LOGGING)
def test_i4_whoever_stands_still_is_overtaken_and_undoes_nothing(
    failpoint: str, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another sequencer goes on meanwhile, with the same work and with more. When the first one wakes it goes on from
    there, or fails if it had the log: that is no longer its own."""
    with matrix.stands_still_at(failpoint, held=600.0 if failpoint in FREE else HELD) as first:
        if failpoint == "integrate.before_memory":  # what it holds is where it is written what may be signed
            monkeypatch.setattr(memory, "PATIENCE", 0.2)
            with pytest.raises(SignerRefuses, match="kept the signer's memory"):
                integrate()
        else:
            matrix.retry()
            matrix.goes_on()
    told = first.end()
    assert told.returncode == (0 if failpoint in FREE else 1), told.stderr.decode()
    assert failpoint in FREE or OVERTAKEN.search(told.stderr), told
    assert b"is frozen" not in told.stderr
    matrix.demand_all_is_well(told)


@pytest.mark.servers
def test_i4_a_sequencer_that_hung_is_overtaken_and_takes_part_again(world: World, node: PreparedNode) -> None:
    """`manage.py sequencer`, which nobody else ends: where it hangs the next one has the log, and then it goes on."""
    hangs = {"UNITPROOF_FAILPOINT": "integrate.after_numbering:stop", "LOG_HELD_SECONDS": str(HELD)}
    seen, first = [published()], node.begin("manage", "sequencer", "--every", "0.05", **hangs)
    try:
        first.waits_to_go_on()
        second = node.sequence()
        wait_for("the second", nothing_waits)
        seen.append(published())
        second.kill()
        first.go_on()
        world.maker.commissions(serial="A1")
        wait_for("the first", nothing_waits)
    finally:
        node.stop()
        first.kill()
    assert OVERTAKEN.search(first.end().stderr)
    integrate()
    demand_one_log(*seen)
    assert log.frozen() is None


def nothing_waits() -> bool:
    return not Entry.objects.filter(index=None).exists()


def test_i2_on_sqlite_who_stands_still_in_a_round_has_the_only_lock_and_captures_are_asked_to_try_again(
    matrix: Matrix,
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one lock for all")
    with matrix.stands_still_at("integrate.after_numbering") as first:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 200")  # ms, of the twenty seconds
        with pytest.raises(OperationalError) as busy:
            matrix.goes_on()
        assert is_busy(busy.value)
        connection.close()
    told = first.end()
    assert told.returncode == 0, told.stderr.decode()
    matrix.demand_all_is_well(told)


def beside(threads: ThreadPoolExecutor, act: Callable[[], T]) -> "Future[T]":
    """Begin something that has to wait for locks, perhaps; when this returns it does, or is done."""

    def acts() -> T:
        try:
            return act()
        finally:
            connections.close_all()

    before, begun = waiting(), threads.submit(acts)
    wait_for("it to end, or to wait", lambda: begun.done() or waiting() > before)
    return begun


def waiting() -> int:
    """How many wait for locks in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                       " AND wait_event_type = 'Lock'")  # fmt: skip
        return int(cursor.fetchone()[0])


@pytest.mark.servers
@pytest.mark.parametrize("failpoint", CAPTURING)
def test_i2_i3_a_capture_that_stands_still_is_waited_for_by_who_names_its_items_and_by_nobody_else(
    failpoint: str, matrix: Matrix
) -> None:
    """The same is handed in again, and another hands the same pack to somebody else: of those two one is taken."""
    rival = sign(matrix.world.maker, document(matrix.world.maker.shipping(matrix.pack, matrix.world.other_pharmacy)))
    with ThreadPoolExecutor(2) as threads:
        with matrix.stands_still_at(failpoint) as first:
            again = beside(threads, lambda: takes(matrix.signed))
            other = beside(threads, lambda: takes(rival))
            assert (again.done(), other.done()) == (failpoint in FREE, failpoint in FREE)
            matrix.goes_on()
        told = first.end()
        assert told.returncode == 0, told.stderr.decode()
        assert again.result().created == (failpoint == "capture.read")
        with pytest.raises(Refusal):
            other.result()
    matrix.demand_all_is_well(told)


@pytest.mark.servers
@pytest.mark.parametrize("failpoint", OURS if STALL else SOME)
def test_i2_i4_a_call_that_came_twice_is_done_once_where_one_of_the_two_dies(failpoint: str, matrix: Matrix) -> None:
    """The second waits for the first, or is already done with the work, when that is killed."""
    with ThreadPoolExecutor(1) as threads, matrix.stands_still_at(failpoint) as first:
        second = beside(threads, matrix.act)
        matrix.seen.append(published())
        first.kill()
        died, told = first.end(), second.result()
    assert (died.returncode, told.returncode) == (-signal.SIGKILL, 0), told.stderr.decode()
    matrix.demand_all_is_well(died, told)


def test_i2_i4_the_same_work_done_twice_at_once_is_done_once(matrix: Matrix) -> None:
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(lambda _: matrix.act(), range(3)))
    assert [each.returncode for each in told] == [0, 0, 0], told
    assert len({each.stdout.split()[1] for each in told}) == 1
    matrix.demand_all_is_well(*told)
