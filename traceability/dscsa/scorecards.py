"""How partners keep to what they send and say: their shipments to a party, what was wrong with them, what came of it.

Counted by the database, one row a partner, and for the party that asks alone: of what others had to do with each other
it is told nothing. Nothing is kept: the same cases and shipments give the same card.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q

from partners.models import Partner

from ..epcis.events import Action
from ..models import CaseItem, Event, PartnerCase
from .pdg import Verdict


@dataclass(frozen=True, slots=True)
class Card:
    """One partner, in a time, as the party that asks has found it."""

    partner: str  # GLN
    shipments: int  # by it, to the party
    data_late: int  # of these, those whose data came later than EXCEPTION_DATA_LATE_SECONDS after they were shipped
    cases: int  # reported to it
    shipments_in_error: int  # of its shipments, those that a case is about
    items: int  # of the cases
    refused: int  # of the items
    answered: int  # cases, in time
    late: int  # cases, after their clock had run out
    unanswered: int  # cases whose clock has run out
    waiting: int  # cases that have time left
    resolved: int  # cases
    answer_time: timedelta | None  # on average, of what was answered

    @property
    def error_rate(self) -> float | None:
        """Of its shipments, the share that a case is about; None: there were none."""
        return self.shipments_in_error / self.shipments if self.shipments else None


def cards_of(party: Partner, *, since: datetime, before: datetime, now: datetime) -> list[Card]:
    """A card for each partner that has shipped to the party, or was reported a case by it, from one time until another:
    shipments by their event's time, cases by when they were opened. Three queries, however many there are."""
    shipped, cases = _shipped(party, since, before), _cases(party, since, before, now)
    items = _items(party, since, before)
    return [
        Card(
            partner=gln,
            **{"shipments": 0, "data_late": 0, **shipped.get(gln, {})},
            **{**_NO_CASES, **cases.get(gln, {})},
            **{"items": 0, "refused": 0, **items.get(gln, {})},
        )
        for gln in sorted(shipped.keys() | cases.keys())
    ]


def _shipped(party: Partner, since: datetime, before: datetime) -> Mapping[str, dict[str, Any]]:
    late = timedelta(seconds=settings.EXCEPTION_DATA_LATE_SECONDS)
    rows = (
        Event.objects.filter(
            consignee=party.gln, biz_step="shipping", action=Action.OBSERVE, is_error_declaration=False,
            is_copy=False, event_time__gte=since, event_time__lt=before,
        )
        .exclude(party=party.gln)
        .values("party")
        .annotate(
            shipments=Count("pk"), data_late=Count("pk", filter=Q(submission__accepted__gt=F("event_time") + late))
        )
    )  # fmt: skip
    return _by("party", rows)


def _cases(party: Partner, since: datetime, before: datetime, now: datetime) -> Mapping[str, dict[str, Any]]:
    took = ExpressionWrapper(F("first_answered") - F("opened"), output_field=DurationField())
    in_time = Q(shipment__event_time__gte=since, shipment__event_time__lt=before)  # or there were more than all
    open_, is_over = Q(first_answered=None, resolved=None), Q(due__lt=now)
    rows = (
        PartnerCase.objects.filter(reporter=party.gln, opened__gte=since, opened__lt=before)
        .values("partner")
        .annotate(
            cases=Count("pk"),
            shipments_in_error=Count("shipment", filter=in_time & Q(shipment__party=F("partner")), distinct=True),
            answered=Count("pk", filter=Q(first_answered__lte=F("due"))),
            late=Count("pk", filter=Q(first_answered__gt=F("due"))),
            unanswered=Count("pk", filter=open_ & is_over),
            waiting=Count("pk", filter=open_ & ~is_over),
            resolved_=Count("pk", filter=Q(resolved__isnull=False)),
            answer_time=Avg(took),
        )
    )
    return {gln: row | {"resolved": row.pop("resolved_")} for gln, row in _by("partner", rows).items()}


def _items(party: Partner, since: datetime, before: datetime) -> Mapping[str, dict[str, Any]]:
    rows = (
        CaseItem.objects.filter(case__reporter=party.gln, case__opened__gte=since, case__opened__lt=before)
        .values("case__partner")
        .annotate(items=Count("pk"), refused=Count("pk", filter=Q(verdict=Verdict.REJECT)))
    )
    return _by("case__partner", rows)


def _by(name: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was counted, by the GLN of this name."""
    return {row[name]: {other: value for other, value in row.items() if other != name} for row in rows}


_NO_CASES: Mapping[str, Any] = {
    "cases": 0, "shipments_in_error": 0, "answered": 0, "late": 0, "unanswered": 0, "waiting": 0, "resolved": 0,
    "answer_time": None,
}  # fmt: skip
