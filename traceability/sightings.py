"""What was refused for conflict, to those whom it concerns: clones are found by what is refused (ARCHITECTURE 4).

A party sees its own refused submissions, and those about items that it holds or held; a regulator those within an open
case of its own. Whoever sees another's is recorded (invariant I7), and whoever was told at the time only that an item
is not its own is told no more now.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import transaction

from partners import access
from partners.models import Partner

from . import cases
from .history import chain
from .models import Sighting

PAGE = 50  # shown at once
LOOKED_AT = 100  # of all there are, for one answer


@dataclass(frozen=True, slots=True)
class Seen:
    """One refused submission, as far as the reader may know of it."""

    at: datetime
    submission: str  # UUID
    submitter: str  # GLN: who signed it
    epc: str | None  # the item that it was refused for
    code: str  # why


def seen_by(
    reader: Partner, *, purpose: access.Purpose, now: datetime, before: int | None = None
) -> tuple[list[Seen], int | None]:
    """A page of sightings, the latest first; and before which to ask for the next, None at the end."""
    concerns = cache(lambda epc: _concerns(reader, epc, now))
    rows = (
        Sighting.objects.order_by("-pk") if before is None else Sighting.objects.filter(pk__lt=before).order_by("-pk")
    )
    shown: list[tuple[Sighting, Seen]] = []
    with transaction.atomic():
        last = None
        for row in rows.defer("document", "opening", "statement")[:LOOKED_AT]:
            last = row.pk
            if row.submitter == reader.gln or concerns(row.epc):
                shown.append((row, _seen(row, concerns)))
            if len(shown) == PAGE:
                break
        others = {row.epc for row, _ in shown if row.submitter != reader.gln}
        cases.record_all(reader, {epc for epc in others if epc}, "sightings", purpose, now=now)
        more = last is not None and Sighting.objects.filter(pk__lt=last).exists()
    return [seen for _, seen in shown], last if more else None


def _concerns(reader: Partner, epc: str, now: datetime) -> bool:
    if cases.over_any(reader, [epc], now) is not None:
        return True
    found = chain(epc) if epc else None
    return found is not None and bool(found.shown_to(reader.gln))


def _seen(row: Sighting, concerns: Callable[[str], bool]) -> Seen:
    knows = row.code == "already_commissioned" or concerns(row.epc)
    return Seen(row.at, str(row.submission), row.submitter, row.epc or None, row.code if knows else "not_holder")
