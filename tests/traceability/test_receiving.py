"""Expected against seen: what agrees, what is missing, what is beside."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.models import AccessRecord
from tests.world import Party, World, case, pallet, unit
from traceability.expecting import compared, shipments_to
from traceability.models import Event
from traceability.receiving import OnItsWay, Shipment, compare

TIME = datetime(2026, 1, 5, 8, tzinfo=UTC)
FIRST = Shipment(1, "0614141001005", TIME, (), (OnItsWay("P1", 40), OnItsWay("P2", 20)))
SECOND = Shipment(2, "0614141002002", TIME, (("po", "PO-2"),), (OnItsWay("P3", None),))
INSIDE = {"C1": "P1", "C2": "P1", "U1": "P1", "X1": "X0", "P1": "P1", "P2": "P2", "P3": "P3"}


@pytest.mark.parametrize(
    ("seen", "whole", "parts", "missing", "beside", "waiting"),
    [
        ((), (), {}, (), (), (1, 2)),
        (("P1", "P2"), ("P1", "P2"), {}, (), (), (2,)),
        (("P1",), ("P1",), {}, ("P2",), (), (2,)),
        (("P2", "C1", "U1"), ("P2",), {"P1": ("C1", "U1")}, (), (), (2,)),
        (("P1", "C1", "P2"), ("P1", "P2"), {}, (), (), (2,)),  # a case of a pallet that was scanned: it came with it
        (("P3", "X1", "Y"), ("P3",), {}, (), ("X1", "Y"), (1,)),
        (("P1", "P1", "P2", "P3"), ("P1", "P2", "P3"), {}, (), (), ()),
    ],
)
def test_what_came_against_what_was_to_come(
    seen: tuple[str, ...], whole: Any, parts: Any, missing: Any, beside: Any, waiting: Any
) -> None:
    found = compare([FIRST, SECOND], seen, INSIDE)
    assert (found.whole, found.parts, found.beside) == (whole, parts, beside)
    assert tuple(item.epc for item in found.missing) == missing
    assert tuple(shipment.event for shipment in found.waiting) == waiting
    assert found.agrees == (not (parts or missing or beside))


def test_what_is_in_a_shipment_is_counted_unless_nobody_knows() -> None:
    assert (FIRST.units, SECOND.units) == (60, None)


# ---- by the record --------------------------------------------------------------------------------------------------


def loads(world: World, number: int, units: int) -> str:
    """A pallet of one case of so many packs, and one pack beside it."""
    packs = world.maker.commissions(serial=[f"U{number}X{n}" for n in range(units)])
    box = world.maker.commissions(serial=f"C{number}", gtin=case("x")[22:36])
    world.maker.packs(packs[1:], into=box)
    return world.maker.packs([box, packs[0]], into=pallet(number))


def expected(party: Party) -> list[Shipment]:
    return shipments_to(party.partner, now=TIME)


def test_that_a_party_is_told_of_what_is_anothers_until_it_is_received_is_recorded(world: World) -> None:
    world.maker.ships([loads(world, 1, 2), loads(world, 2, 2)], to=world.pharmacy)
    event = Event.objects.get(biz_step="shipping")
    assert expected(world.distributor) == []
    assert len(expected(world.pharmacy)) == 1
    (told,) = AccessRecord.objects.filter(what="receiving")
    assert (told.reader, told.purpose) == (world.pharmacy.gln, "custody")
    assert told.subject == f"urn:uuid:{event.submission.submission}#{event.position}"


def test_what_is_on_its_way_is_told_by_shipment_with_its_packs_counted(world: World) -> None:
    world.maker.ships([loads(world, 1, 5), loads(world, 2, 3)], to=world.pharmacy)
    world.maker.ships(loads(world, 3, 2), to=world.pharmacy)
    world.maker.ships(loads(world, 4, 2), to=world.distributor)
    first, second = expected(world.pharmacy)
    assert [(item.epc, item.units) for item in first.items] == [(pallet(1), 5), (pallet(2), 3)]
    assert (second.sender, second.units) == (world.maker.gln, 2)
    assert expected(world.maker) == []


def test_what_came_is_on_its_way_no_longer_and_of_a_part_the_rest_still_is(world: World) -> None:
    world.maker.ships([loads(world, 1, 3), loads(world, 2, 3)], to=world.pharmacy)
    world.pharmacy.receives(pallet(1), sender=world.maker)
    (left,) = expected(world.pharmacy)
    assert [item.epc for item in left.items] == [pallet(2)]
    world.pharmacy.receives(unit("U2X0"), sender=world.maker)
    (left,) = expected(world.pharmacy)
    assert [item.epc for item in left.items] == [pallet(2)]


def test_a_part_is_recognised_by_what_it_is_in(world: World) -> None:
    world.maker.ships(loads(world, 1, 3), to=world.pharmacy)
    others = world.maker.commissions(serial="B1")
    found = compared(expected(world.pharmacy), [case("C1"), others, unit("NOBODY")])
    assert found.parts == {pallet(1): (case("C1"),)}
    assert found.beside == (others, unit("NOBODY"))  # what is others', and what nobody made, look alike


def test_it_takes_as_many_queries_for_much_as_for_little(world: World) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            shipments = expected(world.pharmacy)
            compared(shipments, [item.epc for each in shipments for item in each.items])
        return len(captured)

    world.maker.ships(loads(world, 1, 2), to=world.pharmacy)
    little = count()
    for number in range(2, 6):
        world.maker.ships(loads(world, number, 12), to=world.pharmacy)
    assert count() == little
