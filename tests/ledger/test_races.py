"""Several at once: appending, integrating, signing; on PostgreSQL for real, on SQLite by turns."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import InternalError, OperationalError, connection, connections, transaction

from ledger import bulk, log, models, tasks
from ledger.errors import SignerRefuses
from ledger.signer import LogSigner
from ledger.tlog.checkpoint import Checkpoint
from tests.ledger.conftest import NOW, Ledger


def at_once(*acts: Callable[[], None]) -> None:
    """Run them in threads that start together, each with its own connection; raises what one of them raises."""
    ready = Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        ready.wait()
        try:
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(run, act) for act in acts]:
            done.result()


def in_order_of_acceptance() -> list[bytes]:
    return [bytes(entry) for entry in models.Entry.objects.order_by("number").values_list("entry", flat=True)]


def test_two_integrators_never_give_a_number_twice(shared_ledger: Ledger) -> None:
    shared_ledger.takes(900)

    def integrate() -> None:
        for _ in range(12):
            log.advance(now=NOW, signer=shared_ledger.signer, limit=100)

    at_once(integrate, integrate)
    shared_ledger.check()


def test_captures_and_integrators_do_not_disturb_each_other(shared_ledger: Ledger) -> None:
    """Order of acceptance and order of commit differ here: indexes are without gaps and proofs hold all the same."""

    def capture() -> None:
        for _ in range(40):
            with transaction.atomic():
                log.append(os.urandom(32), now=NOW)

    def integrate() -> None:
        for _ in range(30):
            log.advance(now=NOW, signer=shared_ledger.signer, limit=7)

    at_once(capture, capture, capture, integrate, integrate)
    shared_ledger.integrates()
    by_index = models.Entry.objects.order_by("index")
    assert list(by_index.values_list("index", flat=True)) == list(range(120))
    shared_ledger.check([bytes(row.entry) for row in by_index])


def test_a_race_for_one_entry_gives_one_number(shared_ledger: Ledger) -> None:
    numbers: list[int] = []

    def capture() -> None:
        with transaction.atomic():
            numbers.append(log.append(bytes(32), now=NOW).number)

    at_once(*[capture] * 6)
    assert len(numbers) == 6
    assert len(set(numbers)) == 1


def test_the_first_round_of_a_log_may_be_run_by_two(shared_ledger: Ledger) -> None:
    shared_ledger.takes(3)

    def integrate() -> None:
        log.advance(now=NOW, signer=shared_ledger.signer)

    at_once(integrate, integrate, integrate)
    shared_ledger.integrates()
    shared_ledger.check()


@pytest.mark.servers
def test_a_number_drawn_early_and_committed_late_comes_later_into_the_log(shared_ledger: Ledger) -> None:
    """FORMATS section 6: others may pass each other."""
    drawn, commit = Event(), Event()

    def slow() -> None:
        with transaction.atomic():
            log.append(b"early".ljust(32), now=NOW)
            drawn.set()
            assert commit.wait(10)
        connections.close_all()

    capture = Thread(target=slow)
    capture.start()
    assert drawn.wait(10)
    with transaction.atomic():
        log.append(b"later".ljust(32), now=NOW)
    shared_ledger.integrates()
    commit.set()
    capture.join()
    shared_ledger.integrates()
    assert in_order_of_acceptance() == [b"early".ljust(32), b"later".ljust(32)]
    shared_ledger.check([b"later".ljust(32), b"early".ljust(32)])


@pytest.mark.servers
def test_an_integrator_waits_for_the_head_and_no_capture_waits_for_it(shared_ledger: Ledger) -> None:
    shared_ledger.grows(1)
    held, release = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            bulk.read_head(held=True)
            held.set()
            assert release.wait(10)
        connections.close_all()

    def integrate_impatiently() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            bulk.read_head(held=True)

    holder = Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        shared_ledger.takes(1)
        with pytest.raises(OperationalError), transaction.atomic():
            integrate_impatiently()
    finally:
        release.set()
        holder.join()
    shared_ledger.integrates()
    shared_ledger.check()


@dataclass(frozen=True, kw_only=True)
class Hanging(LogSigner):
    """Tells what it signed last when it is let go on."""

    asked: Event
    goes_on: Event

    def last(self) -> Checkpoint:
        self.asked.set()
        assert self.goes_on.wait(30)
        return super().last()


@pytest.mark.servers
def test_i4_whoever_hangs_with_the_log_loses_it_and_freezes_nothing_when_it_wakes(
    shared_ledger: Ledger, settings: Any
) -> None:
    settings.LOG_HELD_SECONDS = 0.3
    shared_ledger.grows(3)
    shared_ledger.takes(3)
    asked, goes_on, failed = Event(), Event(), list[Exception]()
    hanging = Hanging(asked=asked, goes_on=goes_on, key=shared_ledger.signer.key, memory=shared_ledger.signer.memory)

    def hang() -> None:
        try:
            tasks._advance(hanging)
        except (SignerRefuses, InternalError) as error:
            failed.append(error)
        connections.close_all()

    holder = Thread(target=hang)
    holder.start()
    assert asked.wait(10)
    try:
        for _ in range(3):
            shared_ledger.grows(2)  # by another, which has the log as soon as the first has lost it
    finally:
        goes_on.set()
        holder.join()
    assert [error.code for error in failed if isinstance(error, SignerRefuses)] == ["log_rolled_back"]
    assert log.frozen() is None  # of the log that it had read that is true; not of the log
    shared_ledger.takes(1)
    shared_ledger.integrates()
    shared_ledger.check()
