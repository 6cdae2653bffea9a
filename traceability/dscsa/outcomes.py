"""What was verified, why, and what came of it: a party's own verifications, kept as long as the law asks (21 U.S.C.
360eee-1: six years; nothing here is erased).

    verify ──> access record: who, when, why, of what, answered how ──> later: what became of the pack

The record is the one that is written with the answer, and goes into the log with the others (`accesses.py`). What
became of the pack is said afterwards, by whoever verified it; of several words the last counts, and all are kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from partners.access import Purpose
from partners.models import AccessRecord, Partner

from ..epcis.errors import DocumentError
from ..errors import NotFound
from ..models import VerificationOutcome
from .verification import REASONS, Verdict

PAGE = 100  # shown at once
LONGEST_NOTE = 200  # characters

#: What can become of a pack that was verified, and how pages say it.
OUTCOMES: Mapping[str, str] = {
    "dispensed": "Dispensed",
    "returned_to_stock": "Returned to stock",
    "resold": "Sold on",
    "quarantined": "Kept apart, in quarantine",
    "rejected": "Rejected: sent back to the supplier",
    "cleared": "Investigated: cleared",
    "illegitimate": "Investigated: illegitimate",
    "destroyed": "Destroyed",
    "scanned_in_error": "Scanned by mistake",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """One verification, and what came of it."""

    number: int
    at: datetime
    epc: str
    purpose: str
    reason: str
    outcome: str | None = None
    note: str = ""
    outcome_at: datetime | None = None

    @property
    def verdict(self) -> Verdict:
        return REASONS[self.reason].verdict if self.reason in REASONS else Verdict.UNKNOWN

    @property
    def against(self) -> bool:
        """Given out although the answer was not to."""
        return self.outcome in ("dispensed", "resold") and self.verdict is Verdict.REFUSED


def verifications_of(reader: Partner, *, before: int | None = None) -> tuple[list[Verified], int | None]:
    """A page of the reader's own, the latest first; and before which to ask for the next, None at the end."""
    rows = _own(reader).order_by("-pk")
    page = list((rows if before is None else rows.filter(pk__lt=before))[: PAGE + 1])
    shown = page[:PAGE]
    return list(_with_outcomes(shown)), shown[-1].pk if len(page) > PAGE else None


def all_of(reader: Partner) -> Iterator[Verified]:
    """All of the reader's own, oldest first, two queries a thousand."""
    after = 0
    while rows := list(_own(reader).filter(pk__gt=after).order_by("pk")[:1000]):
        yield from _with_outcomes(rows)
        after = rows[-1].pk


def record_outcome(
    reader: Partner, number: int, outcome: str, note: str = "", *, now: datetime
) -> tuple[Verified, bool]:
    """Keep what became of the pack; whether that is news. Others' verifications are not there."""
    if outcome not in OUTCOMES:
        expected = ", ".join(OUTCOMES)
        raise DocumentError("no outcome", code="bad_value", where="outcome", expected=expected, found=outcome[:80])
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise DocumentError("not a note", code="unwritable", where="note", expected=f"up to {LONGEST_NOTE} characters")
    with transaction.atomic():
        row = _own(reader).filter(pk=number).first()
        if row is None:
            raise NotFound("you have made no verification of this number", where="verification")
        (known,) = _with_outcomes([row])
        if (known.outcome, known.note) == (outcome, note):
            return known, False
        VerificationOutcome.objects.create(verification=row, outcome=outcome, note=note, at=now)
        (kept,) = _with_outcomes([row])
    return kept, True


def _own(reader: Partner) -> QuerySet[AccessRecord]:
    return AccessRecord.objects.filter(reader=reader.gln, reason__isnull=False)


def _with_outcomes(rows: Iterable[AccessRecord]) -> Iterator[Verified]:
    records = list(rows)
    said = VerificationOutcome.objects.filter(verification__in=[row.pk for row in records]).order_by("pk")
    last = {each.verification_id: each for each in said}
    for row in records:
        verified = (row.pk, row.at, row.subject, row.purpose, row.reason or "")
        outcome = last.get(row.pk)
        yield Verified(*verified, outcome.outcome, outcome.note, outcome.at) if outcome else Verified(*verified)


#: Why packs are verified, as pages ask it.
WHY: Mapping[Purpose, str] = {
    Purpose.VERIFICATION: "Any reason",
    Purpose.DISPENSING: "To dispense it",
    Purpose.SALEABLE_RETURN: "Saleable return",
    Purpose.SUSPECT_PRODUCT: "Suspect product",
    Purpose.NOTIFICATION: "A notification",
}
