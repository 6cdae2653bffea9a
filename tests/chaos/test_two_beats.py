"""Two beats ring, and two workers hear them: what is scheduled is done once an interval, and nothing twice."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as node_settings
from django.utils import timezone

from ledger import tasks
from ledger.models import Anchor
from partners.access import Purpose, record
from partners.models import AccessRecord
from tests.chaos.hurry import DID
from tests.chaos.journal import demand_once, demand_one_log
from tests.chaos.node import PATIENCE, Process, wait_for
from tests.chaos.redis_server import PROGRAM, RedisServer
from tests.chaos.warm import WarmNode
from tests.ledger.tsa import Authority, openssl
from tests.signing import Signed, sign_over
from tests.world import World, document, unit
from traceability import audit, capture
from traceability.models import AccessInterval, Audit, Submission

pytestmark = [pytest.mark.servers, pytest.mark.skipif(PROGRAM is None, reason="no redis-server here"), openssl]

INTERVAL = 1.0  # seconds, of whatever is due now and then
SOME = 3  # of each are waited for
TASKS = {each["task"] for each in node_settings.CELERY_BEAT_SCHEDULE.values()}


class TwiceRung(WarmNode):
    def start(self) -> None:
        beat, worker = ("beat", "--pidfile="), ("worker", "--pool", "solo")
        self.beats = [self._celery(*beat, "--schedule", str(self.folder / f"beat-{n}")) for n in range(2)]
        self.both_workers = [self._celery(*worker, "--hostname", f"worker-{n}@%h") for n in range(2)]

    def _celery(self, *command: str) -> Process:
        return self._start(command[0], "celery", "--app", "tests.chaos.hurry", *command, "--loglevel", "warning")

    def is_at_it(self) -> bool:
        """Whether both have rung for everything, and both have heard some of it."""
        rung = all(self._did("rang", task, beat) for task in TASKS for beat in self.beats)
        return rung and all(any(self._did("ran", task, worker) for task in TASKS) for worker in self.both_workers)

    def _did(self, did: str, task: str, process: Process) -> bool:
        return (self.folder / DID / task / f"{did}.{process.pid}").exists()

    def stop_ringing(self) -> None:
        """Let the workers finish what they were rung for."""
        for beat in self.beats:
            beat.kill()
        with redis.Redis.from_url(self.redis_url) as client:
            wait_for("the workers", lambda: client.llen("celery") == client.hlen("unacked") == 0)


@pytest.fixture
def node(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwiceRung]:
    for name in ("ACCESS_INTERVAL_SECONDS", "ANCHOR_EVERY_SECONDS", "AUDIT_EVERY_SECONDS"):
        monkeypatch.setenv(name, str(INTERVAL))
    server = RedisServer(tmp_path)
    server.start()
    found = TwiceRung(tmp_path, redis_url=server.url)
    yield found
    found.stop()
    server.kill()


@pytest.fixture
def authority(world: World, tmp_path: Path, settings: Any) -> Iterator[Authority]:
    with Authority(tmp_path / "authority").serving() as found:
        settings.ANCHORS.write_text(found.line("tsa.example"))
        yield found


def test_what_two_beats_ring_for_is_done_once_an_interval(
    world: World, node: TwiceRung, authority: Authority, settings: Any
) -> None:
    settings.REDIS_URL = ""  # nobody but the beats rings
    signed, read = list[Signed](), list[str]()

    def enough() -> bool:
        """Partners hand in and read of others meanwhile."""
        epc, now = unit(f"B{len(signed)}"), timezone.now()
        signed.append(sign_over(world.maker, document(world.maker.commissioning(epc)), {}))
        capture.capture(signed[-1].received, signed[-1].opening, signed[-1].statement, now=now)
        record(world.pharmacy.partner, epc, "chain", Purpose.VERIFICATION, now=now)
        read.append(epc)
        done = (AccessInterval.objects, Anchor.objects.filter(status="anchored"), Audit.objects.exclude(finished=None))
        return node.is_at_it() and all(each.count() >= SOME for each in done)

    node.start()
    wait_for("three of each", enough, 2 * PATIENCE)
    node.stop_ringing()
    wait_for("an end of the audits", lambda: not Audit.objects.filter(finished=None).exists())
    node.stop()
    tasks.sweep()  # what came after the last ring
    # 1  every submission is in the log once
    for each in signed:
        demand_once(each)
    assert Submission.objects.count() == len(signed)
    demand_one_log()
    # 2  intervals follow one another, no sooner than they may, and no reading is in two of them
    intervals = list(AccessInterval.objects.order_by("sequence").select_related("entry"))
    assert [each.sequence for each in intervals] == list(range(1, len(intervals) + 1))
    assert [each.after for each in intervals] == [0, *(each.upto for each in intervals[:-1])]
    early = timedelta(seconds=INTERVAL * 0.95)
    assert all(later.entry.accepted_at - before.closed >= early for before, later in pairwise(intervals))
    assert AccessRecord.objects.count() == len(read)
    # 3  an authority was asked once for each anchor, and for one an interval
    anchors = list(Anchor.objects.order_by("pk"))
    assert authority.asked == len(anchors)
    assert {(each.status, each.attempts) for each in anchors} == {("anchored", 1)}
    assert all(later.created_at - before.created_at >= early for before, later in pairwise(anchors))
    # 4  one audit an interval, and nothing differs, also for one that reads everything
    audits = list(Audit.objects.order_by("pk"))
    assert all(later.started - before.started >= early for before, later in pairwise(audits))
    assert {each.differences for each in audits} == {0}
    last = audit.audit(audit.begin(full=True, now=timezone.now()), now=timezone.now)
    assert last.findings == []
