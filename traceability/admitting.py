"""The operator's word, in the log: who takes part, where no governors decide that; and which places are whose."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.conf import settings

from ledger.keys import node_key
from partners.models import Partner

from . import registration, statements


def admit(gln: str, *, name: str, role: str, now: datetime) -> Partner:
    """Let a party take part; said again, as what is said now. Raises `Refusal`, and nothing is kept."""
    _say(statements.Partner(about=gln, name=name, role=role, **_begun(now)), now)
    return Partner.objects.get(gln=gln)


def locate(
    gln: str, *, place: str, name: str, valid_from: datetime, valid_to: datetime | None = None, now: datetime
) -> None:
    """Let a place be a party's, in that time. Raises `Refusal`, and nothing is kept."""
    said = statements.Location(
        about=gln, place=place, name=name, valid_from=valid_from, valid_to=valid_to, **_begun(now)
    )
    _say(said, now)


def _begun(now: datetime) -> dict[str, Any]:
    return {
        "log": settings.LOG_ORIGIN,
        "submitter": settings.OPERATOR_GLN,
        "time": now.replace(microsecond=0),
        "statement": str(uuid4()),
    }


def _say(said: statements.Registration, now: datetime) -> None:
    registration.register(statements.sign(said, node_key()), now=now)
