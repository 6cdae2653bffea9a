"""`kill -9` between any two steps: nothing acknowledged is lost, nothing is doubled, and the log goes on as it was."""

import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from threading import Event as Bell

import pytest
from django.conf import settings
from django.utils import timezone

from ledger import log, tasks
from ledger.models import Checkpoint, Entry
from ledger.tlog import checkpoint as tlog
from ledger.tlog import merkle
from ledger.tlog.note import Note
from ledger.tlog.proof import Proof
from tests.chaos.act import PARTS
from tests.chaos.node import Node, wait_for
from tests.chaos.partner import Partners
from tests.ledger.witnesses import Running
from tests.signing import Signed, sign, sign_over
from tests.world import World, document, unit
from traceability import capture
from traceability.models import Event, Submission
from traceability.rebuild import rebuild
from traceability.statements import unb64

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


def published() -> dict[int, str]:
    """The note of every checkpoint that was published, by size."""
    return dict(Checkpoint.objects.exclude(published_at=None).values_list("size", "note"))


def demand_one_log(*earlier: dict[int, str]) -> None:
    """Every checkpoint that anybody has seen is in the log as it was, and begins the log as it is now."""
    now = published()
    for seen in earlier:
        assert seen.items() <= now.items()
    entries = list(Entry.objects.exclude(index=None).order_by("index").values_list("index", "entry"))
    assert [index for index, _ in entries] == list(range(len(entries)))
    heads = [tlog.Checkpoint.parse(Note.parse(note).text) for _, note in sorted(now.items())]
    last = heads[-1]
    assert (last.size, last.root) == (len(entries), merkle.root_of([merkle.leaf_hash(bytes(e)) for _, e in entries]))
    for head in heads:
        proof = log.consistency(head.size, last.size)
        merkle.check_consistency(head.size, head.root, last.size, last.root, proof)


def demand_once(signed: Signed) -> Submission:
    """It is there, with its one event and its one entry; and the log proves it."""
    submission = Submission.objects.select_related("entry").get(submission=signed.submission)
    assert Event.objects.filter(submission=submission).count() == 1
    receipt = Proof.parse(log.receipt(bytes(submission.entry.entry)))
    assert receipt.index == Entry.objects.get(entry=submission.entry.entry).index
    return submission


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


def test_i2_i4_nothing_acknowledged_is_lost_when_the_node_is_killed_under_load(
    world: World, node: Node, partners: Partners
) -> None:
    """Partners hand in, and hand in again what nobody answered, while the node dies three times and comes back."""
    over, journal, seen = Bell(), list[tuple[Signed, str]](), [published()]
    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(_keep_a_journal, journal, world, partners, number, over) for number in range(4)]
        try:
            for some in (20, 40, 60):
                wait_for(f"{some} answers", partial(_holds, journal, some))
                node.processes[-1].kill()
                seen.append(published())
                node.serve()
        finally:
            over.set()
        for work in working:
            work.result()
    wait_for("the log", lambda: not Entry.objects.filter(index=None).exists())
    node.stop()
    integrate()
    assert Submission.objects.count() == len(journal)
    for signed, promise in journal:
        assert bytes(demand_once(signed).promise) == unb64(promise)
    assert rebuild() == []
    demand_one_log(*seen)


def _holds(journal: list[tuple[Signed, str]], some: int) -> bool:
    return len(journal) >= some


def _keep_a_journal(
    journal: list[tuple[Signed, str]], world: World, partners: Partners, number: int, over: Bell
) -> None:
    """What one party handed in, and the promise that it got in the end."""
    for nth in count():
        if over.is_set():
            return
        signed = sign_over(world.maker, document(world.maker.commissioning(unit(f"P{number}N{nth}"))), {})
        while (answer := partners.hands_in(world.maker, signed)).status not in (200, 201):
            assert answer.status in (0, 503), answer
            time.sleep(0.05)
        journal.append((signed, answer.promise))
