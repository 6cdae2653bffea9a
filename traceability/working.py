"""When jobs are done: when somebody rings, and every few seconds in case nobody heard.

As with the log (`ledger/tasks.py`), a message says "look for work" and nothing else. With REDIS_URL Celery's workers
look; without it a thread of each process that serves does. How many jobs are done at once, all over the node, a setting
says: whatever jobs there are, somebody is left to integrate the log.
"""

import logging
from time import monotonic

from celery import shared_task
from django.conf import settings

from ledger import tasks
from ledger.tasks import Looking
from ledger.tlog.errors import LogError
from partners.errors import PartnerError
from partners.gs1.errors import Gs1Error

from . import jobs
from .epcis.errors import DocumentError
from .errors import Refusal
from .job_kinds import KINDS, LinesWrong

logger = logging.getLogger(__name__)
PATIENCE = 10.0  # seconds of doing one job after the other, before it is rung for another to go on
HOUR = 3600  # seconds: a job that takes longer is broken off with its worker, and begun again
_RUNG = "unitproof:rung-for-work"  # in Redis, as `ledger.tasks` has one

#: What a job may come to that was nobody's fault but of who asked for it.
REFUSALS = (DocumentError, Gs1Error, Refusal, PartnerError, LogError)


@shared_task(name="traceability.working.work", time_limit=HOUR)
def work() -> None:
    """Do what waits, one job after the other. Several at once take different ones."""
    tasks.answer(_RUNG)
    until = monotonic() + PATIENCE
    while (turn := jobs.claim()) is not None:
        do(turn)
        if monotonic() > until:
            ring()
            return
    jobs.forget()


def do(turn: jobs.Turn) -> None:
    """One job, to its end or to where its turn is lost."""
    try:
        turn.finish(KINDS[turn.row.kind].run(turn))
    except jobs.TurnLost:
        logger.info("a job went on without its worker, or was cancelled")
    except Exception as error:
        _ended_by(error, turn)


def _ended_by(error: Exception, turn: jobs.Turn) -> None:
    try:
        if isinstance(error, LinesWrong):
            turn.fail(error.code, error.detail, error)
        elif isinstance(error, REFUSALS):
            turn.fail(error.code, str(error))
        else:
            logger.error("a job of kind %s failed", turn.row.kind, exc_info=error)
            turn.give_up()
    except jobs.TurnLost:
        logger.info("a job went on without its worker, or was cancelled")


def ring() -> None:
    """Say that there is work. Raises nothing, and waits no longer than the broker's time-outs."""
    if settings.REDIS_URL:
        tasks.publish(work, _RUNG)
    else:
        worker.ring()


worker = Looking("worker", work)
tasks.APART.add(work.name)
