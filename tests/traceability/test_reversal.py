"""What is declared an error: put back if nothing has built on it, else recorded for people to look at."""

from typing import Any

import pytest

from partners.models import Role
from tests.traceability.story import (
    a_case,
    a_pallet,
    custody,
    demand_order,
    exceptions,
    inside_of,
    item,
    off_node,
    refused,
    retracted,
)
from tests.world import CASE_GTIN, World, pallet, unit
from traceability.errors import Refusal
from traceability.models import Event, ExceptionCase


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


def stands(epc: str) -> tuple[Any, ...]:
    """Where an item is, and what is in it."""
    found = item(epc)
    return (*custody(epc), found.consignee, found.content_size, found.content_root, inside_of(epc))


# ---- put back -------------------------------------------------------------------------------------------------------


def test_a_pack_dispensed_out_of_its_case_goes_back_into_it(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    box = a_case(world, "C1", pack)
    world.maker.tells(told := world.maker.dispensing(pack))
    world.maker.tells(retracted(told))
    assert custody(pack) == ("held", world.maker.gln)
    assert inside_of(pack) == box
    assert item(box).content_size == -1, "that it was opened stays true"


def test_a_pack_repacked_goes_back_to_the_case_it_was_in(world: World) -> None:
    pack, other = world.maker.commissions(serial=["A1", "A2"])
    first, second = a_case(world, "C1", pack), a_case(world, "C2", other)
    world.maker.tells(told := world.maker.packing(pack, second))
    world.maker.tells(retracted(told))
    assert (inside_of(pack), inside_of(other)) == (first, second)
    assert item(second).content_size == 1


def test_a_case_emptied_is_full_again(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", *packs)
    before = stands(box)
    world.maker.tells(told := world.maker.unpacking([], box))
    world.maker.tells(retracted(told))
    assert stands(box) == before
    assert {inside_of(pack) for pack in packs} == {box}
    world.maker.packs(world.maker.commissions(serial="A3"), into=box)
    world.maker.unpacks(packs[:1], out_of=box)
    assert item(box).content_size == 2


def test_a_case_unpacked_on_its_pallet_goes_back_onto_it(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.tells(told := world.maker.unpacking(packs[:2], boxes[0]))
    assert inside_of(boxes[0]) is None
    world.maker.tells(retracted(told))
    assert (inside_of(packs[0]), inside_of(boxes[0])) == (boxes[0], load)
    assert item(boxes[0]).content_size == 2


def test_a_shipment_with_a_case_inside_comes_back_whole(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    before = [stands(epc) for epc in (load, *boxes, *packs)]
    world.maker.tells(told := world.maker.shipping(load, world.pharmacy))
    world.maker.tells(retracted(told))
    assert [stands(epc) for epc in (load, *boxes, *packs)] == before


def test_a_pallet_packed_by_mistake_is_packed_again(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(told := world.maker.packing(pack, pallet(1)))
    world.maker.tells(retracted(told))
    assert item(pallet(1)).status is None
    world.maker.packs(pack, into=pallet(1))
    assert custody(pack) == ("held", world.maker.gln)
    assert inside_of(pack) == pallet(1)


def test_an_event_without_an_id_is_known_by_what_it_says(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    told = world.maker.shipping(pack, world.pharmacy)
    del told["eventID"]
    world.maker.tells(told)
    world.maker.tells(retracted(told))
    assert custody(pack) == ("held", world.maker.gln)


def test_what_was_told_twice_is_put_back_once(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    told = world.maker.shipping(pack, world.pharmacy)
    for _ in range(2):
        world.maker.tells(told)
    world.maker.tells(retracted(told))
    assert custody(pack) == ("held", world.maker.gln)


def test_an_event_of_another_party_with_the_same_id_is_another_event(world: World) -> None:
    pack, decoy = world.maker.commissions(serial=["A1", "A2"])
    world.maker.tells(told := world.maker.shipping(pack, world.pharmacy))
    world.maker.ships(decoy, to=world.stranger)
    world.stranger.tells(world.stranger.receiving(decoy, world.maker) | {"eventID": told["eventID"]})
    world.maker.tells(retracted(told))
    assert custody(pack) == ("held", world.maker.gln)


def test_what_others_told_and_its_party_raised_its_party_takes_back(world: World) -> None:
    maker = off_node(world)
    made, shipped = maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy)
    world.pharmacy.tells(made, shipped)
    joined = world._joins(900, "Joined Since", Role.MANUFACTURER)
    joined.tells(shipped)
    joined.tells(retracted(shipped))
    assert custody(unit("R1")) == ("held", maker.gln)
    assert exceptions() == set()


# ---- in one submission ----------------------------------------------------------------------------------------------


def test_an_event_is_declared_an_error_in_the_submission_that_tells_it(world: World) -> None:
    made = world.maker.commissioning(unit("A1"))
    wrong = world.maker.shipping(unit("A1"), world.stranger)
    right = world.maker.shipping(unit("A1"), world.pharmacy)
    world.maker.tells(made, wrong, retracted(wrong), right)
    assert custody(unit("A1")) == ("in_transit", world.maker.gln)
    assert item(unit("A1")).consignee == world.pharmacy.gln
    assert exceptions() == set()


@pytest.mark.parametrize("known", ["case_known", "case_new", "pallet_new"])
def test_a_packing_is_declared_an_error_in_its_own_submission(world: World, known: str) -> None:
    first, second = world.maker.commissions(serial=["A1", "A2"])
    box = pallet(1) if known == "pallet_new" else world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    if known == "case_known":
        world.maker.packs(first, into=box)
    before = item(box).content_size if known != "pallet_new" else None
    wrong = world.maker.packing(second, box)
    world.maker.tells(wrong, retracted(wrong))
    assert (inside_of(second), item(box).content_size) == (None, before)
    world.maker.packs(second, into=box)
    assert inside_of(second) == box
    assert exceptions() == set()


def test_an_unpacking_is_declared_an_error_in_its_own_submission(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", *packs)
    wrong = world.maker.unpacking(packs[:1], box)
    world.maker.tells(wrong, retracted(wrong))
    assert (inside_of(packs[0]), item(box).content_size) == (box, 2)
    assert exceptions() == set()


def test_what_was_packed_and_unpacked_in_one_submission_stays_out(world: World) -> None:
    """Its leaf in the case is still to be made when it would go back: recorded, and for people to look at."""
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    packed, wrong = world.maker.packing(packs, box), world.maker.unpacking(packs[:1], box)
    world.maker.tells(packed, wrong, retracted(wrong))
    assert inside_of(packs[0]) is None
    assert exceptions() == {"error_declaration_built_upon"}


# ---- only recorded --------------------------------------------------------------------------------------------------


def test_what_was_opened_on_the_way_does_not_come_back(world: World) -> None:
    """No later event names the pallet, but one is implied to have taken a pack out of it."""
    load, _, packs = a_pallet(world)
    world.maker.tells(told := world.maker.shipping(load, world.pharmacy))
    world.pharmacy.dispenses(packs[0])
    world.maker.tells(retracted(told))
    assert custody(load) == ("in_transit", world.maker.gln)
    assert exceptions() == {"error_declaration_built_upon"}


def test_nor_does_what_was_opened_again(world: World) -> None:
    _load, boxes, packs = a_pallet(world)
    world.maker.dispenses(packs[0])
    assert item(boxes[0]).content_size == -1
    world.maker.tells(told := world.maker.shipping(boxes[0], world.pharmacy))
    world.pharmacy.dispenses(packs[1])
    world.maker.tells(retracted(told))
    assert custody(boxes[0]) == ("in_transit", world.maker.gln)
    assert exceptions() == {"error_declaration_built_upon"}


def test_a_case_that_went_on_does_not_get_its_pack_back(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", *packs)
    world.maker.tells(told := world.maker.dispensing(packs[0]))
    world.maker.ships(box, to=world.pharmacy)
    world.maker.tells(retracted(told))
    assert custody(packs[0]) == ("dispensed", world.maker.gln)
    assert exceptions() == {"error_declaration_built_upon"}


def test_a_case_whose_contents_went_on_is_not_filled_again(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", *packs)
    world.maker.tells(told := world.maker.unpacking([], box))
    world.maker.ships(packs[0], to=world.pharmacy)
    world.maker.tells(retracted(told))
    assert (inside_of(packs[1]), item(box).content_size) == (None, 0)
    assert exceptions() == {"error_declaration_built_upon"}


def test_declared_twice_is_put_back_once(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(told := world.maker.shipping(pack, world.pharmacy))
    world.maker.tells(retracted(told), retracted(told, at="2026-06-02T00:00:00Z"))
    world.maker.tells(retracted(told, at="2026-06-03T00:00:00Z"))
    assert custody(pack) == ("held", world.maker.gln)
    assert ExceptionCase.objects.filter(code="error_declaration_built_upon").count() == 2


def test_what_nobody_told_is_not_put_back(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(retracted(world.maker.shipping(pack, world.pharmacy)))
    assert exceptions() == {"error_declaration_without_original"}


def test_only_the_same_act_of_the_same_items_is_declared(world: World) -> None:
    pack, other = world.maker.commissions(serial=["A1", "A2"])
    world.maker.tells(told := world.maker.shipping(pack, world.pharmacy))
    world.maker.tells(retracted(told) | {"epcList": [pack, other]})
    assert custody(pack) == ("in_transit", world.maker.gln)
    assert exceptions() == {"error_declaration_built_upon"}


def test_one_party_does_not_take_back_what_another_said(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(told := world.maker.shipping(pack, world.pharmacy))
    world.pharmacy.tells(retracted(told))
    assert Event.objects.get(is_error_declaration=True).voice == "reporter"
    assert custody(pack) == ("in_transit", world.maker.gln)


def test_a_serial_number_taken_back_is_not_shipped(world: World) -> None:
    world.maker.tells(told := world.maker.commissioning(unit("A1")))
    world.maker.tells(retracted(told))
    refused("unknown_item", world.maker.ships, unit("A1"), to=world.pharmacy, error=Refusal)
