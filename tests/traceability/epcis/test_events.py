"""Events as values."""

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from traceability.epcis import jsonld
from traceability.epcis.events import Action, Event, EventType

from .corpus import LINKS, PACK, SHIP, json_document


def test_an_event_is_what_was_told() -> None:
    shipped, packed = jsonld.parse(json_document(SHIP, PACK)).events
    assert (shipped.type, shipped.action, shipped.epcs) == (EventType.OBJECT, Action.OBSERVE, tuple(LINKS))
    assert packed.parent_id == "https://id.gs1.org/00/006141417000000004"
    assert packed.named == (*LINKS, packed.parent_id)
    assert json.loads(packed.canonical)["childEPCs"] == LINKS


def test_an_event_is_frozen() -> None:
    (event,) = jsonld.parse(json_document(SHIP)).events
    with pytest.raises(FrozenInstanceError):
        event.action = Action.ADD  # type: ignore[misc]


@pytest.mark.parametrize("fraction", ["000", "100", "1005", "123456", "123456789"])
def test_time_is_for_people(fraction: str) -> None:
    (event,) = jsonld.parse(json_document({**SHIP, "eventTime": f"2026-01-05T08:00:00.{fraction}Z"})).events
    assert event.time == datetime(2026, 1, 5, 8, 0, 0, int(fraction[:6].ljust(6, "0")), UTC)


def test_instants_sort_as_the_times_do() -> None:
    fractions = [".1Z", ".0999Z", ".1005Z", "Z", ".10049Z"]
    events = jsonld.parse(json_document(*({**SHIP, "eventTime": f"2026-01-05T08:00:00{f}"} for f in fractions))).events
    by_instant = sorted(events, key=lambda event: event.instant)
    assert [event.instant[20:] for event in by_instant] == ["000", "0999", "100", "10049", "1005"]


def test_a_stored_event_comes_back_equal() -> None:
    for event in jsonld.parse(json_document(SHIP, PACK)).events:
        assert Event.from_canonical(json.loads(event.canonical)) == event
