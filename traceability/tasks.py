"""What is due now and then: the interval of access records, the audit of what is new, rules that come into force,
and what is past retention.

Beat rings for them; without a broker `ledger.tasks.Chores` does, in a thread of its own. The database says whether
anything is due, so that it is done once however many ring.
"""

import logging

from celery import shared_task
from django.utils import timezone

from . import accesses, delivering, erasure, governing, working
from .audit import audit_if_due
from .bundle.build import CannotProve
from .dscsa import detecting
from .dscsa.recalling import Later

logger = logging.getLogger(__name__)
work, deliver = working.work, delivering.deliver  # which a worker finds here
later = Later()
HOUR = 3600  # seconds: an audit reads all that is new, and the whole tree


@shared_task(name="traceability.tasks.access_interval")
def access_interval() -> None:
    """Log what was read of others since the last interval."""
    accesses.close_if_due(now=timezone.now())


@shared_task(name="traceability.tasks.enact")
def enact() -> None:
    """Ask those for cosignatures whom the rules now in force name."""
    governing.enact()


@shared_task(name="traceability.tasks.recalls")
def recalls() -> None:
    """Tell whoever has come to have something of a recall that is open."""
    later.tell(now=timezone.now())


@shared_task(name="traceability.tasks.audit", time_limit=HOUR)
def audit() -> None:
    """Audit what is new. What differs is an alarm, and kept (`models.Audit`)."""
    row = audit_if_due(now=timezone.now)
    if row is not None and row.differences:
        logger.critical("the audit found %d stored values that differ from what was signed", row.differences)


@shared_task(name="traceability.tasks.retain", time_limit=HOUR)
def retain() -> None:
    """Erase what is past retention and under no legal hold. A record that is not what was signed is an alarm: nothing
    that came into the log after it is erased before somebody has looked."""
    try:
        certificates = erasure.retain_if_due(now=timezone.now())
    except CannotProve as error:
        logger.critical("retention stops, %s: %s", error.code, error)
        return
    for said in certificates:
        logger.info("retention erased what was due: certificate %s", said.statement_id)


@shared_task(name="traceability.tasks.overdue")
def overdue() -> None:
    """Tell parties of what has been on its way to them for too long."""
    detecting.tell_overdue(now=timezone.now())
