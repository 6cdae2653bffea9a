"""What others tell: what it starts, what it extends, and what has to wait for the party whose act it was."""

from typing import Any

import pytest

from partners.gs1.identifiers import Sgln, Sscc
from partners.models import Role
from tests.traceability.story import (
    a_case,
    a_pallet,
    custody,
    demand_order,
    exceptions,
    inside_of,
    insisting,
    item,
    off_node,
    refused,
    retracted,
)
from tests.world import GTIN, LOT, Party, World, gln, pallet, unit
from traceability import statements
from traceability.errors import NotAllowed, Refusal
from traceability.models import Event, ExceptionCase, Sighting
from traceability.records import exceptions_of
from traceability.telling import Members, handoff


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


@pytest.fixture
def maker(world: World) -> Party:
    return off_node(world)


# ---- what a report starts -------------------------------------------------------------------------------------------


def test_a_report_may_only_observe_a_pallet_with_what_is_on_it(world: World, maker: Party) -> None:
    members = handoff(maker.gln, world.pharmacy.gln)
    named: Members = {"parentID": pallet(1), "childEPCs": [unit("R1"), unit("R2")]}
    world.pharmacy.tells(
        maker.teller.event("AggregationEvent", "shipping", "OBSERVE", world.passes(), **named, **members)
    )
    assert {custody(epc) for epc in (unit("R1"), unit("R2"), pallet(1))} == {("in_transit", maker.gln)}
    world.pharmacy.receives([unit("R1"), pallet(1)], sender=maker)
    assert custody(unit("R1")) == ("held", world.pharmacy.gln)


def test_a_report_of_unpacking_starts_what_it_names(world: World, maker: Party) -> None:
    world.pharmacy.tells(maker.unpacking([unit("R1")], pallet(1)), maker.shipping(unit("R1"), world.pharmacy))
    assert custody(unit("R1")) == ("in_transit", maker.gln)
    assert custody(pallet(1)) == ("held", maker.gln)


def test_two_files_of_one_sender(world: World, maker: Party) -> None:
    world.pharmacy.tells(
        maker.commissioning([unit("R1"), unit("R2")]), maker.packing([unit("R1"), unit("R2")], pallet(7))
    )
    world.pharmacy.tells(maker.unpacking(unit("R2"), pallet(7)), maker.shipping(pallet(7), world.pharmacy))
    world.pharmacy.receives(pallet(7), sender=maker)
    assert custody(unit("R1")) == ("held", world.pharmacy.gln)
    assert custody(unit("R2")) == ("held", maker.gln)


def test_a_report_is_told_again_by_another_receiver(world: World, maker: Party) -> None:
    events = [maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy)]
    world.pharmacy.tells(*events)
    world.distributor.tells(*events)
    assert custody(unit("R1")) == ("in_transit", maker.gln)
    assert Event.objects.filter(is_copy=True).count() == 2


# ---- what waits -----------------------------------------------------------------------------------------------------


def test_what_waited_happens_when_its_party_tells_it(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    shipped = world.maker.shipping(pack, world.pharmacy)
    world.pharmacy.tells(shipped)
    assert custody(pack) == ("held", world.maker.gln)
    assert exceptions() == {"awaits_statement"}
    world.maker.tells(shipped)
    assert custody(pack) == ("in_transit", world.maker.gln)
    world.pharmacy.receives(pack, sender=world.maker)


def test_what_waited_in_part_happens_in_part(world: World, maker: Party) -> None:
    """One of two had no record yet, and began with the report; the other waits for the party that has it."""
    known = world.maker.commissions(serial="A1")
    shipped = world.maker.shipping([known, unit("A2")], world.pharmacy)
    world.pharmacy.tells(shipped)
    assert (custody(known)[0], custody(unit("A2"))[0]) == ("held", "in_transit")
    world.pharmacy.receives(unit("A2"), sender=world.maker)
    world.maker.tells(shipped)
    assert (custody(known)[0], custody(unit("A2"))[0]) == ("in_transit", "held")


def test_a_pallet_seen_leaving_with_what_waits_on_it_leaves_once(world: World) -> None:
    """The pallet began with the report, and the pack beside it waits: what is told again moves the pack alone."""
    pack = world.maker.commissions(serial="A1")
    members = handoff(world.maker.gln, world.pharmacy.gln)
    named = {"parentID": pallet(1), "childEPCs": [pack], **members}
    left = world.maker.teller.event("AggregationEvent", "shipping", "OBSERVE", world.passes(), **named)
    world.pharmacy.tells(left)
    assert (custody(pack)[0], custody(pallet(1))[0]) == ("held", "in_transit")
    before = item(pallet(1)).sequence
    world.maker.tells(left)
    assert (custody(pack)[0], item(pallet(1)).sequence) == ("in_transit", before)


def test_packing_told_by_another_waits_as_well(world: World) -> None:
    """Or whoever knows a serial number could rearrange, and date, what is in another's warehouse."""
    pack = world.maker.commissions(serial="A1")
    packed = world.maker.packing([pack], pallet(3))
    before = bytes(item(pack).head or b"")
    world.stranger.tells(packed)
    assert (inside_of(pack), bytes(item(pack).head or b"")) == (None, before)
    assert exceptions() == {"awaits_statement"}
    world.maker.tells(packed)
    assert inside_of(pack) == pallet(3)


def test_a_report_of_unpacking_what_waits_starts_no_container(world: World, maker: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    world.stranger.tells(maker.unpacking([pack], pallet(8)), maker.observing(pallet(8)))
    assert item(pallet(8)).sequence == 1
    assert item(pallet(8)).begun.biz_step == "inspecting"


def test_nobody_unpacks_into_anothers_history(world: World, maker: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    before = item(pack)
    world.stranger.tells(maker.packing([unit("X1")], pallet(9)), maker.unpacking([pack, unit("X1")], pallet(9)))
    after = item(pack)
    assert (after.head, after.last_time, after.sequence) == (before.head, before.last_time, before.sequence)


def test_what_is_on_its_way_to_one_party_is_not_sent_to_another_by_a_third(world: World, maker: Party) -> None:
    world.pharmacy.tells(maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy))
    world.stranger.tells(maker.shipping(unit("R1"), world.stranger))
    assert item(unit("R1")).consignee == world.pharmacy.gln
    world.pharmacy.receives(unit("R1"), sender=maker)


def test_nobody_is_told_to_have_received_by_a_third(world: World, maker: Party) -> None:
    world.pharmacy.tells(maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy))
    world.stranger.tells(world.pharmacy.receiving(unit("R1"), maker))
    assert custody(unit("R1")) == ("in_transit", maker.gln)
    assert exceptions() == {"awaits_statement"}


def test_goods_go_on_from_a_party_that_is_not_here(world: World, maker: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=maker)
    world.pharmacy.tells(maker.shipping(pack, world.pharmacy))
    world.pharmacy.receives(pack, sender=maker)
    assert custody(pack) == ("held", world.pharmacy.gln)


def test_a_key_registered_since_changes_nothing_of_what_was_accepted(world: World, maker: Party) -> None:
    world.pharmacy.tells(maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy))
    joined = world._joins(900, "Joined Since", Role.MANUFACTURER)
    world.stranger.tells(joined.observing(unit("R1")))
    assert exceptions() == {"awaits_statement"}


# ---- what is raised -------------------------------------------------------------------------------------------------


def test_one_event_raised_twice_in_one_document(world: World) -> None:
    told = world.maker.commissioning(unit("A1"))
    world.pharmacy.tells(told)
    world.maker.tells(told, told)
    assert Event.objects.filter(is_copy=True).count() == 2
    assert not item(unit("A1")).begun_by_others


def test_a_serial_number_raised_is_used(world: World) -> None:
    told = world.maker.commissioning(unit("A1"))
    world.pharmacy.tells(told)
    world.maker.tells(told)
    refused("already_commissioned", world.maker.commissions, serial="A1", lot="OTHER")


def test_who_raises_a_commissioning_needs_the_licence_for_it(world: World) -> None:
    told = world.stranger.commissioning(unit("A1"))
    world.pharmacy.tells(told)
    refused("gtin_not_licensed", world.stranger.tells, told, error=NotAllowed)


def test_an_event_that_raises_keeps_to_its_own_event_id(world: World) -> None:
    told = world.maker.commissioning(unit("A1"))
    other = world.maker.commissioning(unit("A2")) | {"eventID": told["eventID"]}
    world.pharmacy.tells(told)
    world.maker.tells(other)
    refused("event_id_reused", world.maker.tells, told, error=Refusal)


def test_what_was_raised_after_it_was_taken_back_does_not_begin_again(world: World, maker: Party) -> None:
    told = maker.observing(unit("R1"))
    world.pharmacy.tells(told)
    world.pharmacy.tells(maker.shipping(unit("R1"), world.pharmacy))
    joined = world._joins(900, "Joined Since", Role.MANUFACTURER)
    joined.tells(told)
    assert custody(unit("R1")) == ("in_transit", maker.gln)


def test_the_licensees_own_commissioning_of_what_moved_before_it_was_made_is_looked_at(
    world: World, maker: Party
) -> None:
    world.stranger.tells(maker.shipping(unit("A1"), world.stranger))
    world.stranger.receives(unit("A1"), sender=maker)
    world.maker.commissions(serial="A1")
    assert item(unit("A1")).begun.lot == LOT
    assert exceptions() == {"moved_before_made"}


def test_nobody_takes_over_the_beginning_of_a_pallet(world: World, maker: Party) -> None:
    world.pharmacy.tells(maker.packing([unit("R1")], pallet(7)), maker.shipping(pallet(7), world.pharmacy))
    refused("unknown_item", world.stranger.tells, world.stranger.commissioning(pallet(7)), error=Refusal)
    refused("not_holder", insisting, world.stranger, world.stranger.commissioning(pallet(7)))


# ---- what a report keeps from nobody --------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["observing", "commissioning", "shipping", "shipping for the licensee"])
def test_a_report_keeps_no_serial_number_from_whom_it_belongs_to(world: World, maker: Party, claim: str) -> None:
    """Or anybody who guesses the next thousand could keep them from being used, or have them."""
    who = world.maker if "licensee" in claim else maker
    event = {
        "observing": lambda: who.observing(unit("A1")),
        "commissioning": lambda: who.commissioning(unit("A1"), lot="FALSE"),
    }.get(claim, lambda: who.shipping(unit("A1"), world.stranger))()
    world.stranger.tells(event)
    told = world.maker.tells(world.maker.commissioning([unit("A1"), unit("A2")]))
    assert [(each.epc, each.code) for each in exceptions_of(told.submission)] == [(unit("A1"), "begun_anew")]
    found = item(unit("A1"))
    assert (found.begun.lot, found.begun_by_others, found.owner, found.sequence) == (LOT, False, world.maker.gln, 1)
    world.maker.packs([unit("A1"), unit("A2")], into=pallet(3))
    world.maker.ships(pallet(3), to=world.pharmacy)
    assert custody(unit("A1")) == ("in_transit", world.maker.gln)


def test_what_waits_since_it_began_anew_is_told_by_its_party(world: World) -> None:
    """The report of it moved what was there then; of what is there now, nothing."""
    shipped = world.maker.shipping(unit("A1"), world.pharmacy)
    world.pharmacy.tells(shipped)
    world.maker.tells(world.maker.commissioning(unit("A1")))
    assert custody(unit("A1")) == ("held", world.maker.gln)
    world.maker.tells(shipped)
    assert (custody(unit("A1"))[0], item(unit("A1")).consignee) == ("in_transit", world.pharmacy.gln)


def test_what_a_party_that_joined_has_signed_for_since_does_not_begin_anew(world: World, maker: Party) -> None:
    shipped = maker.shipping(unit("A1"), world.pharmacy)
    world.pharmacy.tells(shipped)
    world._joins(900, "Joined Since", Role.MANUFACTURER).tells(shipped)
    world.maker.commissions(serial="A1")
    assert custody(unit("A1")) == ("in_transit", maker.gln)


def test_a_commissioning_that_its_licensee_tells_otherwise_opens_nothing(world: World) -> None:
    """What was told left it where it is: with its licensee."""
    made = world.maker.commissioning(unit("A1"))
    world.pharmacy.tells(world.maker.commissioning(unit("A1"), lot="AS READ"))
    world.maker.tells(made)
    assert (item(unit("A1")).begun.lot, exceptions()) == (LOT, set())


def test_a_licensees_commissioning_that_began_anew_is_taken_back_whole(world: World, maker: Party) -> None:
    world.stranger.tells(maker.observing(unit("A1")))
    world.maker.tells(told := world.maker.commissioning(unit("A1")))
    world.maker.tells(retracted(told))
    assert item(unit("A1")).status is None


@pytest.mark.parametrize("act", ["commissioning", "packing"])
def test_nobody_numbers_a_pallet_with_anothers_company_prefix(world: World, act: str) -> None:
    mine, load = world.maker.commissions(serial="A1"), Sscc("006141410000000012").uri
    world.maker.ships(mine, to=world.stranger)
    event = world.stranger.commissioning(load) if act == "commissioning" else world.stranger.packing([mine], load)
    refused("not_licensed", world.stranger.tells, event, error=NotAllowed)
    pack = world.maker.commissions(serial="A2")
    world.maker.packs(pack, into=load)


def test_a_prefix_registered_since_changes_nothing_of_what_was_numbered_before(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.packs(pack, into=pallet(1))
    said = statements.Prefix(about=world.distributor.gln, gtins=("9521098",), **world._from(world.authority))
    world.registers(said, world.authority.key)  # and the replay after the story gives what was judged then
    refused("not_licensed", world.maker.packs, world.maker.commissions(serial="A2"), into=pallet(2), error=NotAllowed)


def test_of_two_who_may_issue_a_product_each_may_from_its_own_place_in_the_log_on(world: World) -> None:
    """No serial number is used twice, whoever was first; and the replay after the story gives what was judged then."""
    refused("gtin_not_licensed", world.distributor.commissions, serial="B1", error=NotAllowed)
    first = world.maker.commissions(serial="A1")
    said = statements.Prefix(about=world.distributor.gln, gtins=(GTIN,), **world._from(world.authority))
    world.registers(said, world.authority.key)
    refused("already_commissioned", world.distributor.commissions, serial="A1")
    second = world.distributor.commissions(serial="B1")
    refused("already_commissioned", world.maker.commissions, serial="B1")
    assert (custody(first), custody(second)) == (("held", world.maker.gln), ("held", world.distributor.gln))


def test_nobody_moves_what_a_party_has_that_lost_its_keys(world: World) -> None:
    """Between the revocation of its key and the registration of another it cannot speak, but nobody can for it."""
    pack = world.maker.commissions(serial="A1")
    said = statements.KeyRevocation(
        about=world.maker.gln, kid=world.maker.key.public.kid, compromised=None, **world._from(world.authority)
    )
    world.registers(said, world.authority.key)
    world.stranger.tells(world.maker.shipping(pack, world.stranger))
    assert custody(pack) == ("held", world.maker.gln)
    assert exceptions() == {"awaits_statement"}


# ---- what the record of places says ---------------------------------------------------------------------------------


def test_who_operates_a_place_since_changes_nothing_of_what_was_accepted(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    places: Members = {"destinationList": [{"type": "location", "destination": Sgln(gln(777)).uri}]}
    world.maker.tells(world.maker.shipping(pack, world.pharmacy) | places)
    assert item(pack).consignee == gln(777)
    world.operates(world.pharmacy, gln(777))  # and the replay after the story gives what was judged then


# ---- what was received beside what was shipped ----------------------------------------------------------------------


def test_more_than_was_shipped_is_looked_at_and_what_was_shipped_is_received(world: World) -> None:
    shipped, beside = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(shipped, to=world.pharmacy)
    world.pharmacy.receives([shipped, beside, unit("NEVER")], sender=world.maker)
    assert custody(shipped) == ("held", world.pharmacy.gln)
    assert custody(beside) == ("held", world.maker.gln)
    assert set(ExceptionCase.objects.values_list("epc", "code")) == {
        (beside, "not_shipped"),
        (unit("NEVER"), "not_shipped"),
    }


def test_what_is_a_third_partys_is_not_hidden_among_what_was_shipped(world: World) -> None:
    """The receiver is told what it is told of what nobody knows; whoever has the pack is told to look."""
    shipped, elsewhere, ended = world.maker.commissions(serial=["A1", "A2", "A3"])
    world.maker.ships([elsewhere, ended], to=world.distributor)
    world.distributor.receives([elsewhere, ended], sender=world.maker)
    world.distributor.dispenses(ended)
    world.maker.ships(shipped, to=world.pharmacy)
    world.pharmacy.receives([shipped, elsewhere, ended], sender=world.maker)
    assert [custody(epc)[0] for epc in (shipped, elsewhere, ended)] == ["held", "held", "dispensed"]
    assert exceptions() == {"not_shipped"}
    assert set(Sighting.objects.values_list("epc", "code")) == {(elsewhere, "not_shipped"), (ended, "not_shipped")}


def test_what_a_receiver_dispensed_itself_does_not_come_again(world: World) -> None:
    shipped, ended = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships([shipped, ended], to=world.pharmacy)
    world.pharmacy.dispenses(ended)
    refused("already_dispensed", world.pharmacy.receives, [shipped, ended], sender=world.maker)


def test_nothing_of_what_was_shipped_is_no_receipt(world: World) -> None:
    refused("unknown_item", world.pharmacy.receives, [unit("NEVER")], sender=world.maker, error=Refusal)


# ---- late -----------------------------------------------------------------------------------------------------------


def test_whoever_had_it_tells_late_what_it_did(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    box = a_case(world, "C1", pack)
    late = [world.maker.observing(pack), world.maker.observing(box)]
    world.maker.ships(box, to=world.distributor)
    world.distributor.receives(box, sender=world.maker)
    world.distributor.unpacks(pack, out_of=box)
    world.distributor.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.distributor)
    world.maker.tells(*late)
    assert exceptions() == {"late"}
    assert custody(pack) == ("held", world.pharmacy.gln)


def test_whoever_never_had_it_has_nothing_to_tell_late(world: World) -> None:
    early = world.stranger.observing(unit("A1"))
    world.maker.commissions(serial="A1")
    refused("unknown_item", world.stranger.tells, early, error=Refusal)


def test_two_parties_have_two_clocks(world: World) -> None:
    """A receiver whose clock is behind the sender's has received all the same, and dispenses once."""
    load, _, packs = a_pallet(world)
    received, dispensed = world.pharmacy.receiving(load, world.maker), world.pharmacy.dispensing(packs[0])
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.tells(received, dispensed)
    assert custody(load) == ("held", world.pharmacy.gln)
    assert custody(packs[0]) == ("dispensed", world.pharmacy.gln)
    assert exceptions() == set()


def test_packing_late_onto_a_pallet_that_nobody_knows_begins_none(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    late = world.maker.packing([pack], pallet(1))
    world.maker.ships(pack, to=world.pharmacy)
    world.maker.tells(late)
    assert inside_of(pack) is None
    refused("unknown_item", world.maker.ships, pallet(1), to=world.pharmacy, error=Refusal)


def test_what_an_absent_party_has_moves_in_the_order_in_which_it_is_told(world: World, maker: Party) -> None:
    """Two files of one sender, the later first."""
    shipped = maker.shipping(unit("R1"), world.pharmacy)
    world.pharmacy.tells(maker.observing(unit("R1")))
    world.pharmacy.tells(shipped)
    world.pharmacy.receives(unit("R1"), sender=maker)
    assert custody(unit("R1")) == ("held", world.pharmacy.gln)


def test_a_consignee_who_looks_at_one_pack_of_a_pallet_has_received_that(world: World) -> None:
    load, _, packs = a_pallet(world)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.observes(packs[0])
    assert custody(packs[0]) == ("held", world.pharmacy.gln)
    assert custody(packs[1]) == ("in_transit", world.maker.gln)


# ---- what quantities move -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["packing", "unpacking"])
def test_quantities_move_nothing(world: World, act: str) -> None:
    pack = world.maker.commissions(serial="A1")
    box = a_case(world, "C1", pack)
    event = getattr(world.maker, act)([], box) | {
        "childQuantityList": [{"epcClass": "urn:epc:class:lgtin:0614141.012345.L1", "quantity": 3}]
    }
    event.pop("childEPCs", None)
    world.maker.tells(event)
    assert (inside_of(pack), item(box).content_size) == (box, 1)
