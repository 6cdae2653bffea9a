"""When the log is integrated and published: when somebody rings, and every few seconds in case nobody heard.

A message says "look for work" and nothing else. What there is to do is in the database, so that a ring which is lost
costs a sweep, never an answer.

    transaction.on_commit(ring, robust=True)
      with REDIS_URL       publishes the task `sweep`, unless one is on its way that has not begun: under load a message
                           for each entry would keep workers busy with nothing else. Celery's beat publishes one every
                           SWEEP_EVERY_SECONDS
      without              wakes the thread that `sequencer.start()` began in this process
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Event, Thread
from time import monotonic
from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from django.db import OperationalError, close_old_connections, connections
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from . import anchoring, cosigning, keys, log
from .errors import SignerRefuses
from .signer import SignsCheckpoints

logger = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds a sweep works before it rings for another to go on
_RUNG = "unitproof:rung"  # in Redis, from a ring until the sweep that it is for begins, or would have been due


@shared_task(name="ledger.tasks.sweep")
def sweep() -> None:
    """Integrate what is waiting, and have it cosigned and published. Idempotent; two at once take turns."""
    answer(_RUNG)
    signer = keys.log_signer()
    until = monotonic() + PATIENCE
    cosigning.compare_if_due(now=timezone.now())
    log.thaw(signer)
    while _advance(signer):
        if monotonic() > until:
            ring()
            break
        cosigning.carry_if_due(now=timezone.now())
    cosigning.carry(now=timezone.now())


def _advance(signer: SignsCheckpoints) -> bool:
    """A round. To what the signer refuses to sign nobody adds, until the signer has its own log again."""
    try:
        return log.advance(now=timezone.now(), signer=signer)
    except SignerRefuses as refusal:
        if refusal.code not in log.PASSING:
            log.freeze_if_refused(signer)
        raise


def ring() -> None:
    """Say that there is work. Raises nothing, and waits no longer than the broker's time-outs."""
    if settings.REDIS_URL:
        publish(sweep, _RUNG)
    else:
        sequencer.ring()


def publish(task: Any, rung: str) -> None:
    """Ring Celery's workers for a task, unless it was rung for (`rung`, a key in Redis) and has not begun since."""
    try:
        if _broker(settings.REDIS_URL).set(rung, "", nx=True, px=round(settings.SWEEP_EVERY_SECONDS * 1000)):
            task.apply_async(retry=False, expires=settings.SWEEP_EVERY_SECONDS)
    except Exception as error:  # whatever a broker may do, what rings is committed and its client is owed an answer
        logger.warning("the doorbell did not ring: %s", error)


def answer(rung: str) -> None:
    """From here on a ring is for another run of the task: this one may not see what rang."""
    if settings.REDIS_URL:
        with suppress(RedisError):  # then it is forgotten by itself
            _broker(settings.REDIS_URL).delete(rung)


@cache
def _broker(url: str) -> Redis:
    waits = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    return Redis.from_url(
        url,
        socket_connect_timeout=waits["socket_connect_timeout"],
        socket_timeout=waits["socket_timeout"],
        retry=Retry(NoBackoff(), 0),
    )


@shared_task(name="ledger.tasks.anchor")
def anchor() -> None:
    """Have the published log time-stamped, if that is due. It waits for strangers, so nothing waits for it."""
    anchoring.anchor(now=timezone.now())


class Looking:
    """Looks for work at every interval, and at once when rung. A process begins its own thread: no fork hands one
    down."""

    def __init__(self, name: str, look: Callable[[], None]) -> None:
        self.name, self._look = name, look
        self._bell, self._stopped = Event(), Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin in a thread of this process, unless one is at it or Celery's workers are there for it."""
        if settings.REDIS_URL or self.is_alive():
            return
        self._bell, self._stopped = Event(), Event()
        self._thread = Thread(target=self.run, args=[settings.SWEEP_EVERY_SECONDS], name=self.name, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether there is a thread, in this very process."""
        return self._thread is not None and self._thread.is_alive()

    def ring(self) -> None:
        """Wake the thread. If a fork has left it behind, begin another."""
        if self._thread is not None:
            self.start()
        self._bell.set()

    def stop(self) -> None:
        """Come back when nothing is at work any more."""
        self._stopped.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def run(self, every: float) -> None:
        """Look until stopped, every so many seconds. What fails is tried again at the next."""
        try:
            while not self._stopped.is_set():
                self._try_to_look()
                self._bell.wait(every)
                self._bell.clear()
        finally:
            connections.close_all()

    def _try_to_look(self) -> None:
        try:
            self._look()
        except OperationalError as error:  # SQLite: "database is locked"; PostgreSQL: gone for the moment
            logger.warning("the database is busy, away or not migrated: %s", error)
        except Exception:
            logger.exception("%s: what waits could not be done", self.name)
        finally:
            close_old_connections()


class Sequencer(Looking):
    """Integrates the log; and beside it, in a thread of their own, go the chores."""

    def __init__(self) -> None:
        super().__init__("sequencer", sweep)
        self.chores = Chores()

    def start(self) -> None:
        was_alive = self.is_alive()
        super().start()
        if self.is_alive() and not was_alive:
            self.chores.start()

    def stop(self) -> None:
        self.chores.stop()
        super().stop()


#: Tasks that a thread of their own looks after, by name: no chore is kept waiting for them.
APART = {sweep.name}


class Chores:
    """What beat would ring for besides the sweep, in a thread beside the sequencer's, which waits for none of it."""

    EVERY = 60.0  # seconds at most between two looks; a task knows itself whether it is due

    def __init__(self) -> None:
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._stopped = Event()
            self._thread = Thread(target=self.run, name="chores", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def run(self) -> None:
        """Look after everything that is scheduled, now and then, until stopped. The first look is not at once."""
        self._load()
        names = {each["task"]: each["schedule"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
        for name in APART:
            names.pop(name, None)
        every = min([self.EVERY, *names.values()])
        try:
            while not self._stopped.wait(every):
                for name in names:
                    self._try(name)
        finally:
            connections.close_all()

    @staticmethod
    def _load() -> None:
        """The tasks of every app, as a worker does when it starts."""
        try:
            autodiscover_modules("tasks")
        except Exception:  # those that are there are done all the same
            logger.exception("not all tasks could be loaded")

    def _try(self, name: str) -> None:
        try:
            current_app.tasks[name]()
        except Exception:  # whatever it is, it is tried again, and the others are not kept waiting
            logger.exception("%s failed", name)
        finally:
            close_old_connections()


sequencer = Sequencer()
