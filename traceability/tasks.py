"""What is due now and then: the interval of access records, the audit of what is new, rules that come into force.

Beat rings for them; without a broker `ledger.tasks.Chores` does, in a thread of its own. The database says whether
anything is due, so that it is done once however many ring.
"""

import logging

from celery import shared_task
from django.utils import timezone

from . import accesses, governing
from .audit import audit_if_due

logger = logging.getLogger(__name__)
HOUR = 3600  # seconds: an audit reads all that is new, and the whole tree


@shared_task(name="traceability.tasks.access_interval")
def access_interval() -> None:
    """Log what was read of others since the last interval."""
    accesses.close_if_due(now=timezone.now())


@shared_task(name="traceability.tasks.enact")
def enact() -> None:
    """Ask those for cosignatures whom the rules now in force name."""
    governing.enact()


@shared_task(name="traceability.tasks.audit", time_limit=HOUR)
def audit() -> None:
    """Audit what is new. What differs is an alarm, and kept (`models.Audit`)."""
    row = audit_if_due(now=timezone.now)
    if row is not None and row.differences:
        logger.critical("the audit found %d stored values that differ from what was signed", row.differences)
