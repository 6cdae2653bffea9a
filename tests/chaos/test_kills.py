"""`kill -9` between any two steps: nothing acknowledged is lost, nothing is doubled, and the log goes on as it was."""

import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from ledger import log, tasks
from tests.chaos.act import PARTS
from tests.chaos.journal import demand_once, demand_one_log, published
from tests.chaos.node import Node, wait_for
from tests.chaos.prepared import Prepared, PreparedNode
from tests.ledger.witnesses import Running
from tests.signing import sign
from tests.world import World, document
from traceability import capture
from traceability.models import Submission
from traceability.rebuild import rebuild

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
    assert {name.partition(".")[0] for name in FAILPOINTS} == {"capture", "integrate", "publish", "witness"}
    assert len(FAILPOINTS) >= 15


OURS = [name for name in FAILPOINTS if not name.startswith("witness.")]
LOGGING = [name for name in OURS if not name.startswith("capture.")]


class Matrix:
    """One submission that meets a fault, on a node with a log and a witness; and what has to hold afterwards."""

    def __init__(self, world: World, node: Node) -> None:
        self.node = node
        pack = world.maker.commissions(serial="A1")
        integrate()
        self.seen = [published()]
        self.signed = sign(world.maker, document(world.maker.shipping(pack, world.pharmacy)))
        for part in PARTS:
            (node.folder / part).write_bytes(getattr(self.signed, part))

    def act(self, fault: str = "") -> "subprocess.CompletedProcess[bytes]":
        """Hand it in, and have the log published, in a process of its own."""
        return self.node.run("tests.chaos.act", str(self.node.folder), UNITPROOF_FAILPOINT=fault)

    def retry(self) -> str:
        """As its sender would: the promise that it gets."""
        again = capture.capture(self.signed.received, self.signed.opening, self.signed.statement, now=timezone.now())
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
def node(world: World, tmp_path: Path, prepared: Prepared) -> Node:
    return PreparedNode(tmp_path, prepared)


@pytest.fixture
def matrix(world: World, node: Node, witness: Running) -> Matrix:
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
def test_i4_whoever_stalls_is_waited_for_or_overtaken_and_undoes_nothing(failpoint: str, matrix: Matrix) -> None:
    """Another sequencer goes on meanwhile; when the first one wakes, it finds what that has done, and adds to it."""
    with ThreadPoolExecutor(1) as threads:
        stalled = threads.submit(matrix.act, f"{failpoint}:stall:3")
        wait_for("it is accepted", lambda: Submission.objects.filter(submission=matrix.signed.submission).exists())
        integrate()
        matrix.seen.append(published())
        told = stalled.result()
    assert told.returncode == 0, told.stderr.decode()
    matrix.demand_all_is_well(told)


def test_i2_i4_the_same_work_done_twice_at_once_is_done_once(matrix: Matrix) -> None:
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(lambda _: matrix.act(), range(3)))
    assert [each.returncode for each in told] == [0, 0, 0], told
    assert len({each.stdout.split()[1] for each in told}) == 1
    matrix.demand_all_is_well(*told)
