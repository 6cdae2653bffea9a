"""Where every unit of a recall is, as numbers and one by one: the two never differ."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.models import Hold
from tests.world import GTIN, LOT, Party, World, case, pallet
from traceability.custody import Status
from traceability.dscsa import blast
from traceability.dscsa.blast import Place, Radius, Unit


def held(world: World, **what: Any) -> list[Hold]:
    world.holds(world.maker, **{"gtin": GTIN, **what})
    return [Hold.objects.latest("registered")]


def both(holds: Sequence[Hold]) -> tuple[Radius, list[Unit]]:
    """They say the same, whatever is asked."""
    reach, listed = blast.radius(holds), list(blast.units(holds))
    assert dict(reach.at) == Counter(each.place for each in listed)
    assert len({each.epc for each in listed}) == len(listed)
    return reach, listed


def at(status: Status, possessor: Party, consignee: Party | None = None) -> Place:
    return Place(status.value, possessor.gln, consignee.gln if consignee else None)


def spread(world: World) -> None:
    """Twelve units of a lot, and where they got to; one of another lot, one of another product."""
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    units = maker.commissions(serial=[f"A{n:02}" for n in range(12)])
    maker.commissions(serial="OTHER", lot="L43")
    maker.commissions(serial=["C1", "C2"], gtin="50614141123457")
    maker.packs(units[:3], into=case("C1"))
    maker.packs(units[3:6], into=case("C2"))
    maker.packs([case("C1"), case("C2")], into=pallet(1))
    maker.ships(pallet(1), to=distributor)  # A00 to A05
    distributor.receives(pallet(1), sender=maker)
    distributor.unpacks(case("C2"), out_of=pallet(1))
    distributor.unpacks(units[3:5], out_of=case("C2"))
    distributor.ships(units[3:5], to=pharmacy)  # A03 is on its way
    pharmacy.receives(units[4], sender=distributor)
    pharmacy.dispenses(units[4])
    maker.ships(pallet(2) if maker.packs(units[6:8], into=pallet(2)) else "", to=distributor)  # A06 and A07 too
    maker.destroys(units[8])
    maker.decommissions(units[9])


def test_each_unit_is_where_its_outermost_container_is(world: World) -> None:
    spread(world)
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    reach, _ = both(held(world, lot=LOT))
    assert dict(reach.at) == {
        at(Status.HELD, distributor): 4,  # three in a case on a pallet, one in a case
        at(Status.HELD, maker): 2,
        at(Status.IN_TRANSIT, maker, distributor): 2,
        at(Status.IN_TRANSIT, distributor, pharmacy): 1,
        at(Status.DISPENSED, pharmacy): 1,
        at(Status.DESTROYED, maker): 1,
        at(Status.DECOMMISSIONED, maker): 1,
    }
    assert (reach.made, reach.of(Status.DISPENSED), reach.of(Status.HELD, Status.IN_TRANSIT)) == (12, 1, 9)


@pytest.mark.parametrize(
    ("holds", "made"),
    [
        ([{}], 13),  # all of the product
        ([{"lot": "L43"}], 1),
        ([{"lot": "L44"}], 0),
        ([{"first": "A03", "last": "A05"}], 3),
        ([{"lot": LOT}, {"first": "A03", "last": "A05"}], 12),
        ([{"first": "A03", "last": "A05"}, {"first": "A05", "last": "A07"}, {"lot": "L43"}], 6),
        ([{}, {"lot": LOT}, {"lot": "L43"}], 13),
    ],
    ids=str,
)
def test_what_several_holds_cover_is_counted_once(world: World, holds: list[dict[str, str]], made: int) -> None:
    spread(world)
    reach, _ = both([hold for each in holds for hold in held(world, **each)])
    assert reach.made == made


def test_a_list_goes_on_over_its_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spread(world)
    holds = held(world, lot=LOT)
    whole = list(blast.units(holds))
    for size in (1, 5, 12):
        monkeypatch.setattr(blast, "PAGE", size)
        assert list(blast.units(holds)) == whole


def test_however_many_units_there_are_it_takes_as_many_statements(world: World) -> None:
    spread(world)
    holds, more = held(world, lot=LOT), held(world, first="A00", last="A01")
    asked = []
    for some in (holds, more):
        with CaptureQueriesContext(connection) as numbers, CaptureQueriesContext(connection) as all_of_it:
            blast.radius(some)
            list(blast.units(some))
        asked.append((len(numbers), len(all_of_it)))
    assert asked[0] == asked[1]
