"""The operator's word, in the log, that a party takes part: where no governors decide that."""

from datetime import datetime
from uuid import uuid4

from django.conf import settings

from ledger.keys import node_key
from partners.models import Partner

from . import registration, statements


def admit(gln: str, *, name: str, role: str, now: datetime) -> Partner:
    """Let a party take part; said again, as what is said now. Raises `Refusal`, and nothing is kept."""
    said = statements.Partner(
        log=settings.LOG_ORIGIN,
        submitter=settings.OPERATOR_GLN,
        time=now.replace(microsecond=0),
        statement=str(uuid4()),
        about=gln,
        name=name,
        role=role,
    )
    registration.register(statements.sign(said, node_key()), now=now)
    return Partner.objects.get(gln=gln)
