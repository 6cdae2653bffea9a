"""Notices are placed: what a clock says is written, each gets its position, and a delivery to every address of its
party that wants it.

    notice, committed ──place──> position 17 of its party ──> deliveries, waiting
    clock that wakes ──tick───> a notice of its step

A position is given afterwards, by one at a time, so that positions are seen in their order: whoever has read up to 17
misses nothing that was told before. Everything here is asked of many rows at once, and can be asked again.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery

from partners.models import Partner
from partners.still import keep_still

from . import bulk
from .models import Delivery, Notice, Subscription
from .notice_kinds import STEPS, State, Telling, instant, wakes, wants

A_BATCH = 500  # notices, or clocks


def place(*, now: datetime) -> None:
    """Everything that is told, and what clocks say by now."""
    while Notice.objects.filter(wakes__lte=now).exists() and _tick(now):
        pass
    while Notice.objects.filter(position__isnull=True).exists() and _place(now):
        pass


@transaction.atomic
def _tick(now: datetime) -> bool:
    """The steps that clocks are due to take. Of several that are due at once, as after an outage, the last is told."""
    keep_still("notices", exclusive=True)
    rows = list(Notice.objects.filter(wakes__lte=now).select_for_update().order_by("wakes", "pk")[:A_BATCH])
    steps = [
        (row, sum(1 for step in STEPS if row.at + step.share * (row.due - row.at) <= now)) for row in rows if row.due
    ]
    bulk.insert_new([_said(row, step).row(now) for row, step in steps])
    for row, step in steps:
        row.step, row.wakes = step, row.due and wakes(row.at, row.due, step)
    Notice.objects.bulk_update(rows, ["step", "wakes"])
    return len(rows) == A_BATCH


def _said(row: Notice, step: int) -> Telling:
    """By a clock, of what it was set for."""
    assert row.due is not None
    body = row.body | {"of": str(row.notice), "kind": row.kind, "ran_until": instant(row.due)}
    return Telling(row.party, STEPS[step - 1].kind, f"notice/{row.notice}", body)


@transaction.atomic
def _place(now: datetime) -> bool:
    keep_still("notices", exclusive=True)
    rows = list(Notice.objects.filter(position__isnull=True).order_by("pk").only("pk", "party", "kind")[:A_BATCH])
    last = _last_positions({row.party for row in rows})
    positions = []
    for row in rows:
        last[row.party] = last.get(row.party, 0) + 1
        positions.append((row.pk, last[row.party]))
    bulk.update(Notice, {"id": "bigint"}, {"position": "bigint"}, positions)
    _deliver_to_all(rows, now)
    return len(rows) == A_BATCH


def _last_positions(parties: set[str]) -> dict[str, int]:
    placed = Notice.objects.filter(party=OuterRef("gln"), position__isnull=False).order_by("-position")
    rows = Partner.objects.filter(gln__in=parties).annotate(last=Subquery(placed.values("position")[:1]))
    return {gln: last for gln, last in rows.values_list("gln", "last") if last is not None}


def _deliver_to_all(rows: Sequence[Notice], now: datetime) -> None:
    addresses: dict[str, list[Subscription]] = {}
    for each in Subscription.objects.filter(party__in={row.party for row in rows}):
        addresses.setdefault(each.party, []).append(each)
    wanted = [(row, to) for row in rows for to in addresses.get(row.party, ()) if wants(to, row.kind)]
    bulk.insert_new([Delivery(notice=row, subscription=to, state=State.WAITING, until=now) for row, to in wanted])
