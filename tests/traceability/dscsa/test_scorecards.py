"""How partners are scored: by what they shipped and answered, to the party that it concerns alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.traceability.dscsa.test_exceptions import Dispute, answer, last_event, overage
from tests.world import Party, World
from traceability.dscsa.scorecards import Card, cards_of

SINCE, BEFORE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def cards(party: Party, **time: Any) -> list[Card]:
    return cards_of(party.partner, now=party.world.now, **{"since": SINCE, "before": BEFORE} | time)


def ships(world: World, *serials: str) -> tuple[Any, int]:
    world.maker.ships(world.maker.commissions(serial=list(serials)), to=world.distributor)
    row = last_event()
    return row.submission.submission, row.position


@pytest.fixture
def told(world: World) -> World:
    """Four shipments; of the first three something is reported: answered in time, answered late, never answered."""
    shipments = [ships(world, f"A{n}", f"B{n}") for n in range(4)]
    late = timedelta(seconds=settings.EXCEPTION_CLOCK_SECONDS + 3600)
    in_time, too_late, never = (Dispute(world, world.distributor, world.maker, shipment=each) for each in shipments[:3])
    item, other = overage(), overage()
    in_time.reports(overages=[item])
    in_time.responds(answer(item, "Reject"))
    too_late.reports(overages=[other])
    never.reports(overages=[overage()])
    world.passes(seconds=late.total_seconds())
    too_late.responds(answer(other))
    in_time.reports(resolved=True)
    Dispute(world, world.distributor, world.maker, shipment=shipments[0]).reports(overages=[overage()])
    return world


def test_errors_lateness_and_silence_are_counted(told: World) -> None:
    (card,) = cards(told.distributor)
    assert card.partner == told.maker.gln
    assert (card.shipments, card.cases, card.shipments_in_error, card.error_rate) == (4, 4, 3, 0.75)
    assert (card.items, card.refused) == (4, 1)
    assert (card.answered, card.late, card.unanswered, card.waiting, card.resolved) == (1, 1, 1, 1, 1)
    assert card.answer_time is not None
    assert card.answer_time > timedelta(seconds=settings.EXCEPTION_CLOCK_SECONDS) / 2


def test_each_party_sees_its_own_partners_alone(told: World) -> None:
    for party in (told.maker, told.pharmacy, told.stranger, told.regulator):
        assert cards(party) == []


def test_of_another_time_there_is_nothing(told: World) -> None:
    assert cards(told.distributor, before=SINCE + timedelta(days=1)) == []


def test_a_partner_without_shipments_has_no_rate(world: World) -> None:
    Dispute(world, world.distributor, world.maker).reports(overages=[overage()])
    (card,) = cards(world.distributor)
    assert (card.shipments, card.cases, card.error_rate) == (0, 1, None)


def test_data_that_come_long_after_the_goods_are_late(world: World, settings: Any) -> None:
    settings.EXCEPTION_DATA_LATE_SECONDS = 3600
    pack, other = world.maker.commissions(serial=["A1", "A2"])
    early = world.maker.shipping(pack, world.distributor)
    world.passes(hours=2)
    world.maker.tells(early)
    world.maker.ships(other, to=world.distributor)
    (card,) = cards(world.distributor)
    assert (card.shipments, card.data_late) == (2, 1)


def test_the_number_of_queries_does_not_depend_on_that_of_cases(told: World) -> None:
    partner = told.distributor.partner

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            cards_of(partner, since=SINCE, before=BEFORE, now=told.now)
        return len(captured)

    assert asked() == 3
    for _ in range(5):
        Dispute(told, told.distributor, told.pharmacy).reports(overages=[overage()])
    assert asked() == 3
