"""In which order events apply, whatever order a document has them in."""

from itertools import permutations
from typing import Any

import pytest

from traceability.epcis.events import Action, Event, EventType
from traceability.ordering import application_order


def event(name: str, time: str = "08:00:00.000", **members: Any) -> Event:
    values: dict[str, Any] = {"type": EventType.OBJECT, "action": Action.OBSERVE, **members}
    return Event(event_id=name, event_time=f"2026-01-05T{time}Z", event_time_zone_offset="+00:00", **values)


def commission(name: str, **members: Any) -> Event:
    return event(name, action=Action.ADD, biz_step="commissioning", **members)


def pack(parent: str, *children: str, **members: Any) -> Event:
    kind: dict[str, Any] = {"type": EventType.AGGREGATION, "action": Action.ADD, "parent_id": parent, "epcs": children}
    return event(f"{parent}<-{''.join(children)}", **{**kind, **members})


def names(*events: Event) -> list[str | None]:
    return [events[position].event_id for position in application_order(events)]


def test_event_time_comes_first_to_the_last_decimal() -> None:
    late = event("late", "08:00:00.1005")
    assert names(late, event("soon", "08:00:00.100"), event("first", "07:59:59.999")) == ["first", "soon", "late"]


def test_at_one_time_things_are_made_packed_shipped_and_then_all_else() -> None:
    unpack = event("unpack", type=EventType.AGGREGATION, action=Action.DELETE, parent_id="P", biz_step="shipping")
    ship, look = event("ship", biz_step="shipping"), event("look", biz_step="storing")
    assert names(unpack, look, ship, pack("P", "a"), commission("make")) == ["make", "P<-a", "ship", "unpack", "look"]


@pytest.mark.parametrize("events", [*permutations([pack("C", "a"), pack("B", "C"), pack("A", "B")])])
def test_at_one_time_the_inner_container_is_packed_first(events: tuple[Event, ...]) -> None:
    assert names(*events) == ["C<-a", "B<-C", "A<-B"]


def test_all_that_fills_a_container_comes_before_it_is_packed_itself() -> None:
    assert names(pack("C", "a"), pack("P", "C"), pack("C", "b")) == ["C<-a", "C<-b", "P<-C"]


def test_among_equals_the_document_decides() -> None:
    assert names(commission("b"), commission("a"), pack("Q", "x"), pack("P", "y")) == ["b", "a", "Q<-x", "P<-y"]


def test_what_is_inside_comes_forward_no_further_than_it_must() -> None:
    events = (pack("P", "D", "C"), pack("C", "a"), pack("D", "b"), pack("E", "c"))
    assert names(*events) == ["C<-a", "D<-b", "P<-DC", "E<-c"]


def test_a_packing_in_a_circle_is_ordered_all_the_same() -> None:
    assert sorted(application_order([pack("A", "B"), pack("B", "A"), pack("A", "A")])) == [0, 1, 2]


def test_nesting_may_be_deep() -> None:
    chain = [pack(str(depth), str(depth + 1)) for depth in range(20_000)]
    assert application_order(chain) == list(range(len(chain)))[::-1]
