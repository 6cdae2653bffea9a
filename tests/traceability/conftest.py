"""Stories that tests of several things begin with."""

import pytest

from tests.world import World, case, pallet


@pytest.fixture
def trade(world: World) -> World:
    """Ten units: four with a distributor on a pallet, three with a pharmacy, of which one was dispensed, one on its
    way to another, two with who made them."""
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    units = maker.commissions(serial=[f"A{n}" for n in range(10)])
    maker.commissions(serial=["C1"], gtin="50614141123457")
    maker.packs(units[:4], into=case("C1"))
    maker.packs([case("C1")], into=pallet(1))
    maker.ships([pallet(1), *units[4:8]], to=distributor)
    distributor.receives([pallet(1), *units[4:8]], sender=maker)
    distributor.ships(units[4:7], to=pharmacy)
    pharmacy.receives(units[4:7], sender=distributor)
    pharmacy.dispenses(units[4])
    distributor.ships(units[7], to=world.other_pharmacy)
    return world
