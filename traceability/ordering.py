"""In which order the events of one submission are applied (ARCHITECTURE section 4, FORMATS section 3). Pure.

By event time; at one time commissioning, packing, shipping, then all else; among packings of one time the inner
container first; then as the document has them. Leaves are made in this order, so `prev` and content follow it.
"""

from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import groupby

from .epcis.events import Action, Event, EventType

_RANKS = {"commissioning": 0, "shipping": 2}
_PACK = 1
_OTHERS = 3


def application_order(events: Sequence[Event]) -> list[int]:
    """The document positions of the events, first applied first."""
    keys = [(event.event_time[:-1], _rank(event)) for event in events]  # "00.1" < "00.1005", but not "00.1Z"
    positions = sorted(range(len(events)), key=keys.__getitem__)  # stable: document order among equals
    order: list[int] = []
    for (_, rank), group in groupby(positions, keys.__getitem__):
        together = list(group)
        order += _inner_first(together, events) if rank == _PACK else together
    return order


def _rank(event: Event) -> int:
    if event.type is EventType.AGGREGATION and event.action is not Action.OBSERVE:
        return _PACK if event.action is Action.ADD else _OTHERS
    return _RANKS.get(event.biz_step or "", _OTHERS)


def _inner_first(packs: list[int], events: Sequence[Event]) -> list[int]:
    """These packings in document order, but each after all that fill one of its children. A packing inside itself
    is not this module's business: custody refuses it."""
    if len(packs) == 1:
        return packs
    filling = Counter(events[position].parent_id for position in packs)
    waiting_for = {position: sum(filling[child] for child in events[position].epcs) for position in packs}
    around: dict[str | None, list[int]] = {}
    for position in packs:
        for child in events[position].epcs:
            around.setdefault(child, []).append(position)
    ready = [position for position in packs if not waiting_for[position]]
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for outer in around.get(events[order[-1]].parent_id, ()):
            waiting_for[outer] -= 1
            if not waiting_for[outer]:
                heappush(ready, outer)
    return order + [position for position in packs if waiting_for[position]]
