"""The node's promise: what it has accepted will be in the log, in time (FORMATS section 6)."""

from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings

from ledger import log
from ledger.keys import node_key
from ledger.models import Entry

from .statements import Opened, Promise, Statement, entry, sign_promise

S = TypeVar("S", bound=Statement)


def accept(opened: Opened[S], salt: bytes, *, now: datetime) -> tuple[Entry, bytes]:
    """Log a statement: its pending entry, and the promise about it. Draws the number, so it comes last of all locks."""
    appended = log.append(entry(salt, opened.envelope), now=now)
    accepted = now.replace(microsecond=0)
    promise = Promise(
        log=settings.LOG_ORIGIN,
        entry=bytes(appended.entry),
        number=appended.number,
        accepted=accepted,
        integrate_by=accepted + timedelta(seconds=settings.INTEGRATE_WITHIN_SECONDS),
    )
    return appended, sign_promise(promise, node_key(), operator=settings.OPERATOR_GLN, subject=opened.payload.subject)
