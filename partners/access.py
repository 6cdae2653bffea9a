"""Who read what of whom, and for which purpose: written with the answer, or there is no answer (invariant I7)."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from django.db import connection

from . import prepared
from .models import AccessRecord, Partner, Role


class Purpose(StrEnum):
    """Why somebody asks. Whoever names none asks to verify."""

    VERIFICATION = "verification"  # 21 U.S.C. 360eee-1: is this product identifier the manufacturer's
    SALEABLE_RETURN = "saleable_return"
    SUSPECT_PRODUCT = "suspect_product"
    DISPENSING = "dispensing"
    NOTIFICATION = "notification"  # somebody has called such product illegitimate, or has asked to verify it
    RECALL = "recall"
    TRACING = "tracing"
    CUSTODY = "custody"  # what comes to a party with the goods


#: For these, whoever asks has the pack before it.
WITH_THE_PACK = frozenset(
    {Purpose.VERIFICATION, Purpose.DISPENSING, Purpose.SALEABLE_RETURN, Purpose.SUSPECT_PRODUCT, Purpose.NOTIFICATION}
)


def record(
    reader: Partner,
    subject: str,
    what: str,
    purpose: Purpose | str,
    *,
    now: datetime,
    reason: str | None = None,
    in_hand: bool = False,
) -> int:
    """Keep that the reader is about to be told something, and of a verification what; in the transaction that reads
    it. The record's number."""
    at = connection.ops.adapt_datetimefield_value(now)
    ((number,),) = prepared.fetch(_RECORD, [reader.gln, subject, what, str(purpose), at, reason, in_hand])
    return int(number)


def record_all(reader: Partner, subjects: Iterable[str], what: str, purpose: Purpose | str, *, now: datetime) -> None:
    """The same of many things at once."""
    AccessRecord.objects.bulk_create(
        AccessRecord(reader=reader.gln, subject=subject, what=what, purpose=str(purpose), at=now)
        for subject in sorted(subjects)
    )


#: An `AccessRecord`, written out: it is part of every answer.
_RECORD = """INSERT INTO partners_accessrecord (reader, subject, what, purpose, at, reason, in_hand)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id"""


def reads_all(reader: Partner) -> bool:
    """Whether the reader may see whole chains that it had no part in, within its cases (`cases.py`)."""
    return reader.role == Role.REGULATOR
