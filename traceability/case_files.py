"""Regulators' cases as they are asked for: opened and closed, by signed statements or with keys that the node holds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from partners.models import Case as Row
from partners.models import Partner

from .errors import NotAllowed, NotFound, NotSigned, Refusal
from .models import Registration
from .registration import register
from .saying import say
from .statements import Case, Revocation, open_statement


def open_signed(party: Partner, envelope: bytes, *, now: datetime) -> tuple[Row, bool]:
    """Take a signed `Case`: its row, and whether it is new. Raises as `register` does."""
    opened = open_statement(envelope)
    if opened.issuer != party.gln:
        detail, expected = "a statement is handed in by who signed it", party.gln
        raise NotAllowed(detail, code="not_your_statement", expected=expected, found=opened.issuer)
    if not isinstance(opened.payload, Case):
        expected, found = Case.kind(), opened.payload.kind()
        raise NotSigned("this statement opens no case", code="unsupported_statement", expected=expected, found=found)
    return _of(register(envelope, now=now)[0], now)


def open_for(party: Partner, statement: UUID, members: Mapping[str, Any], *, now: datetime) -> tuple[Row, bool]:
    """The same, signed here. Asked again under the same id, the row that is there."""
    row = Registration.objects.filter(issuer=party.gln, statement_id=statement).first()
    if row is None:
        return _of(say(party, Case, now=now, statement=statement, **members), now)
    said = open_statement(bytes(row.envelope)).payload
    if not isinstance(said, Case) or any(getattr(said, name) != value for name, value in members.items()):
        raise Refusal("this id names another statement", code="submission_reused", where="statement")
    return _of(row, now)


def close_for(party: Partner, entry: str, *, now: datetime) -> Row:
    """It is closed, signed here; said again, it is as it was. Raises `NotFound` of another's and of none alike."""
    row = Registration.objects.filter(issuer=party.gln, kind=Case.kind(), entry__entry=bytes.fromhex(entry)).first()
    if row is None:
        raise NotFound("you have opened no case by this entry", where="entry")
    found = Row.objects.get(registered=row.entry_id)
    if found.revoked is None:
        say(party, Revocation, now=now, entry=entry)
        found.refresh_from_db()
    return found


def _of(row: Registration, now: datetime) -> tuple[Row, bool]:
    return Row.objects.get(registered=row.entry_id), row.accepted == now
