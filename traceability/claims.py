"""Claims that contradict the record, kept: clones are found by what is refused (ARCHITECTURE section 4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from zlib import compress

from django.db import transaction

from . import alarms, bulk
from .errors import Conflict
from .facts import Exceptional
from .models import Sighting
from .statements import open_statement


@dataclass(frozen=True, slots=True)
class Claim:
    """What was handed in, as its submitter signed it."""

    submitter: str
    received: bytes
    opening: bytes
    statement: bytes


def keep_refused(conflicts: Sequence[Conflict], claim: Claim, *, now: datetime) -> None:
    """A refused submission, whole, with the first of the items by which it contradicts the record."""
    rows = list(_rows(((each.epc or "", each.code, each.detail) for each in conflicts), claim, now))
    if not Sighting.objects.filter(statement_sha256=rows[0].statement_sha256).exists():
        rows[0].statement, rows[0].opening = claim.statement, claim.opening
        rows[0].document = compress(claim.received)
    with transaction.atomic():
        bulk.insert_new(rows)  # however often it is sent
        alarms.notice_claims(rows, now=now)


def keep_taken(contradictions: Iterable[Exceptional], claim: Claim, *, now: datetime) -> None:
    """What an accepted submission says of items that it does not move, because they are elsewhere."""
    told = {each.epc: (each.epc, each.code, each.detail) for each in contradictions}
    rows = list(_rows(told.values(), claim, now))
    bulk.insert_new(rows)
    alarms.notice_claims(rows, now=now)


def drop_copy(statement: bytes) -> None:
    """What was refused once and taken later is the submission's to keep, and to erase."""
    kept = Sighting.objects.filter(statement_sha256=sha256(statement).digest(), statement__isnull=False)
    kept.update(statement=None, opening=None, document=None)


def _rows(told: Iterable[tuple[str, str, str]], claim: Claim, now: datetime) -> Iterable[Sighting]:
    digest, submission = sha256(claim.statement).digest(), open_statement(claim.statement).payload.id
    for epc, code, detail in told:
        yield Sighting(
            at=now,
            submitter=claim.submitter,
            submission=submission,
            epc=epc,
            code=code,
            detail=detail,
            statement_sha256=digest,
        )
