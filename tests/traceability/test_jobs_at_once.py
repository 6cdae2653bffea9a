"""Many workers look for jobs at the same moment: each job has one of them, and no more are done than may be."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection

from partners.models import Product
from tests.traceability.test_jobs import PACKS, PRINTS, applies, asks, brings, passes
from tests.world import World
from traceability import jobs, master_data, working
from traceability.jobs import Wanted
from traceability.models import Job, JobPiece

WORKERS = 6


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WORKERS) as pool:
        yield pool


def together(workers: ThreadPoolExecutor, act: Any) -> list[Any]:
    ready = Barrier(WORKERS)

    def acts(number: int) -> Any:
        ready.wait(30)
        try:
            return act(number)
        finally:
            connection.close()

    return list(workers.map(acts, range(WORKERS)))


def test_each_job_has_one_worker(world: World, workers: ThreadPoolExecutor, settings: Any) -> None:
    settings.JOBS_AT_ONCE = WORKERS
    for n in range(WORKERS - 2):
        asks(world.maker, f"R{n}")
    turns = [turn for turn in together(workers, lambda _: jobs.claim()) if turn]
    assert Counter(turn.row.pk for turn in turns) == dict.fromkeys(Job.objects.values_list("pk", flat=True), 1)


def test_no_more_are_done_at_once_than_may_be(world: World, workers: ThreadPoolExecutor, settings: Any) -> None:
    settings.JOBS_AT_ONCE = 2
    for n in range(WORKERS):
        asks(world.maker, f"R{n}")
    assert len([turn for turn in together(workers, lambda _: jobs.claim()) if turn]) == 2
    assert Job.objects.filter(state="running").count() == 2


def test_the_same_request_at_the_same_moment_is_one_job(world: World, workers: ThreadPoolExecutor) -> None:
    wanted = Wanted("labels", "R1", PRINTS, PACKS, "text/csv")
    found = together(workers, lambda _: jobs.ask(world.maker.partner, wanted))
    assert len({job.pk for job, _ in found}) == 1
    assert Counter(created for _, created in found) == {True: 1, False: WORKERS - 1}
    assert JobPiece.objects.count() == 1


def test_who_cancels_and_who_finishes_at_the_same_moment_agree(world: World, workers: ThreadPoolExecutor) -> None:
    for n in range(4):
        job = asks(world.maker, f"R{n}")
        turn = jobs.claim(job)
        assert turn

        def act(number: int, job: Job = job, turn: jobs.Turn = turn) -> str:
            if number == 0:
                working.do(turn)
            elif number == 1:
                try:
                    jobs.cancel(world.maker.partner, job.job)
                except jobs.Refusal as refusal:
                    return refusal.code
            return ""

        refused = together(workers, act)[1]
        job.refresh_from_db()
        assert (job.state, job.code, refused) in {("done", "", "job_is_over"), ("failed", "job_cancelled", "")}
        assert JobPiece.objects.filter(job=job).exists() is (job.state == "done")


def test_what_is_late_and_comes_to_its_end_is_nobody_elses(
    world: World, workers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = brings(world.maker)
    working.work()
    job = applies(world.maker, shown)
    turn = jobs.claim(job)
    assert turn
    passes(job, seconds=1)  # it is thought dead
    applying, whole, looked = Event(), master_data.apply, Event()

    def slowly(*args: Any, **how: Any) -> Any:
        done = whole(*args, **how)
        applying.set()
        looked.wait(1)  # of SQLite nobody looks before this ends
        return done

    def act(_: int) -> None:
        try:
            working.do(turn)
        finally:
            connection.close()

    monkeypatch.setattr(master_data, "apply", slowly)
    ends = workers.submit(act, 0)
    assert applying.wait(30)
    assert jobs.claim() is None
    looked.set()
    ends.result(30)
    job.refresh_from_db()
    assert (job.state, job.attempts, Product.objects.count()) == ("done", 1, 1)
