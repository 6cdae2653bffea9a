"""Who owns an item, apart from who has it: packing is no sale (ARCHITECTURE section 4)."""

from typing import Any

import pytest

from tests.traceability.story import a_case, demand_order, inside_of, item, retracted
from tests.world import CASE_GTIN, Party, World, pallet
from traceability.telling import Members


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


def entrusted(event: dict[str, Any]) -> Members:
    """The same, between possessors only: who owns it stays as it is."""
    lists = {name: [each for each in event[name] if each["type"] == "possessing_party"]
             for name in ("sourceList", "destinationList")}  # fmt: skip
    return event | lists


def hands_over(epcs: Any, sender: Party, to: Party) -> None:
    """Goods change hands, and nothing is sold."""
    sender.tells(entrusted(sender.shipping(epcs, to)))
    to.tells(entrusted(to.receiving(epcs, sender)))


def sells(epcs: Any, sender: Party, to: Party) -> None:
    sender.ships(epcs, to=to)
    to.receives(epcs, sender=sender)


def test_what_is_packed_by_who_only_keeps_it_stays_its_owners(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    hands_over(pack, world.maker, world.distributor)
    assert item(pack).owner == world.maker.gln
    world.distributor.packs(pack, into=pallet(1))
    world.distributor.unpacks(pack, out_of=pallet(1))
    assert item(pack).owner == world.maker.gln


def test_what_is_sold_with_its_container_is_the_buyers(world: World) -> None:
    kept, own = world.maker.commissions(serial=["A1", "A2"])
    hands_over(kept, world.maker, world.distributor)
    sells(own, world.maker, world.distributor)
    world.distributor.packs([kept, own], into=pallet(1))
    sells(pallet(1), world.distributor, world.pharmacy)
    world.pharmacy.unpacks([kept, own], out_of=pallet(1))
    assert {item(epc).owner for epc in (kept, own)} == {world.pharmacy.gln}


def test_what_changes_hands_with_its_container_stays_its_owners(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.packs(pack, into=pallet(1))
    hands_over(pallet(1), world.maker, world.distributor)
    world.distributor.dispenses(pack)
    assert item(pack).owner == world.maker.gln


def test_ownership_follows_through_every_container(world: World) -> None:
    """Sold on the pallet; out of it the case first, then the pack; or both at once without naming them."""
    first, second = world.maker.commissions(serial=["A1", "A2"])
    boxes = [a_case(world, "C1", first), a_case(world, "C2", second)]
    world.maker.packs(boxes, into=pallet(1))
    sells(pallet(1), world.maker, world.pharmacy)
    world.pharmacy.dispenses(first)
    world.pharmacy.tells(world.pharmacy.unpacking([], pallet(1)))
    world.pharmacy.unpacks(second, out_of=boxes[1])
    assert {item(epc).owner for epc in (first, second, *boxes)} == {world.pharmacy.gln}


def test_a_container_of_another_owner_sold_and_bought_back_sells_nothing(world: World) -> None:
    pack, box = world.maker.commissions(serial="A1"), world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    hands_over(pack, world.maker, world.distributor)
    sells(box, world.maker, world.distributor)
    world.distributor.packs(pack, into=box)
    sells(box, world.distributor, world.pharmacy)
    sells(box, world.pharmacy, world.distributor)
    world.distributor.unpacks(pack, out_of=box)
    assert item(pack).owner == world.maker.gln


@pytest.mark.parametrize("taken", ["named", "emptied"])
def test_what_is_put_back_into_its_container_is_whose_it_was(world: World, taken: str) -> None:
    pack = world.maker.commissions(serial="A1")
    hands_over(pack, world.maker, world.distributor)
    world.distributor.packs(pack, into=pallet(1))
    world.distributor.tells(told := world.distributor.unpacking([pack] if taken == "named" else [], pallet(1)))
    world.distributor.tells(retracted(told))
    assert inside_of(pack) == pallet(1)
    hands_over(pallet(1), world.distributor, world.pharmacy)
    world.pharmacy.dispenses(pack)
    assert item(pack).owner == world.maker.gln
