"""What is on its way to a party, by the record: its own business, so that nobody is told of anything else.

Every function asks a number of queries that does not depend on how much that is.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from partners import access
from partners.models import Partner

from . import bulk
from .custody import Status
from .loading import states_of
from .models import Containment, Event, Item
from .receiving import Compared, OnItsWay, Shipment, compare
from .records import event_name, event_of

MOST = 20_000  # items that are listed: the oldest first

#: By item, the event that shipped it to a party, the last of them. What was shipped has a row of its own for that.
_SHIPPED = """SELECT m.item_id, max(m.event_id) FROM {values}
    JOIN traceability_move AS m ON m.item_id = named.value
    JOIN traceability_event AS e ON e.id = m.event_id AND e.consignee IS NOT NULL GROUP BY m.item_id"""
#: How many packs are in each, and whether anybody has stated what is in all that is around them.
_UNITS = """WITH RECURSIVE inside (top, item_id) AS (
    SELECT named.value, named.value FROM {values}
    UNION ALL
    SELECT inside.top, c.item_id FROM inside
    JOIN traceability_containment AS c ON c.parent_id = inside.item_id AND c.closed_id IS NULL
) SELECT inside.top, sum(CASE WHEN i.content_size IS NULL THEN 1 ELSE 0 END),
    sum(CASE WHEN i.content_size < 0 THEN 1 ELSE 0 END)
FROM inside JOIN traceability_item AS i ON i.id = inside.item_id GROUP BY inside.top"""


def shipments_to(partner: Partner, *, now: datetime) -> list[Shipment]:
    """What has been shipped to the party and not come yet, by the event that shipped it, the oldest first. Until it is
    received it is its sender's: that the party is told of a shipment is recorded (invariant I7)."""
    with transaction.atomic():
        shipments, subjects = _shipments_to(partner)
        access.record_all(partner, subjects, "receiving", access.Purpose.CUSTODY, now=now)
    return shipments


def _shipments_to(partner: Partner) -> tuple[list[Shipment], list[str]]:
    """And what access records call each."""
    packed = Containment.objects.filter(item_id=OuterRef("pk"), closed__isnull=True)
    rows = Item.objects.filter(~Exists(packed), consignee=partner.gln, status=Status.IN_TRANSIT).order_by("pk")
    found = {key: (epc, sender) for key, epc, sender in rows.values_list("pk", "epc", "possessor")[:MOST]}
    shipped = dict(bulk.select_in(_SHIPPED, list(found), "bigint"))
    units = {key: None if unknown else count for key, count, unknown in bulk.select_in(_UNITS, list(found), "bigint")}
    by_event: dict[int, list[int]] = {}
    for key in found:
        if key in shipped:
            by_event.setdefault(shipped[key], []).append(key)
    events = Event.objects.filter(pk__in=by_event).order_by("pk")
    told = list(events.values_list("pk", "event_time", "canonical", "submission__submission", "position"))
    shipments = [
        Shipment(
            event=event,
            sender=str(found[by_event[event][0]][1]),
            shipped=_utc(time),
            papers=_papers(canonical),
            items=tuple(OnItsWay(found[key][0], units.get(key)) for key in by_event[event]),
        )
        for event, time, canonical, *_ in told
    ]
    return shipments, [event_name(submission, position) for *_, submission, position in told]


def compared(shipments: Collection[Shipment], epcs: Sequence[str]) -> Compared:
    """Expected, which `shipments_to` the party tells, against seen. Where the record has things that are not on their
    way to the party is not told: they are beside what was to come, known or not."""
    states = states_of(epcs)
    outermost = {epc: states[epc].outermost.epc for epc in epcs if epc in states}
    return compare(shipments, epcs, outermost)


def _papers(canonical: Any) -> tuple[tuple[str, str], ...]:
    """As people know them: of a CBV URN, the number that its last part is."""
    listed: Any = event_of(canonical).rest.get("bizTransactionList", [])
    return tuple((str(each.get("type", "")), str(each["bizTransaction"]).rpartition(":")[2]) for each in listed)


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
