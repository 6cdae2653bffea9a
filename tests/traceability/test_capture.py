"""What happens to an item when people act, and what is refused when they may not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.tlog.cose import PrivateKey
from partners.models import SigningKey
from tests.traceability.story import (
    a_case,
    a_pallet,
    counts,
    custody,
    demand_order,
    inside_of,
    insisting,
    item,
    off_node,
    refused,
    retracted,
)
from tests.world import CASE_GTIN, GTIN, LOT, Party, World, document, pallet, unit
from traceability import capture
from traceability.dscsa.verification import verify
from traceability.errors import NotAllowed, NotSigned, Refusal, StaleHead
from traceability.models import Containment, Event, ExceptionCase, Item, Sighting, Submission
from traceability.submission import Draft


@pytest.fixture(autouse=True)
def i8_custody_follows_from_what_was_handed_in(world: World) -> Any:
    """After every story: units are conserved, and custody dropped and replayed comes out equal."""
    yield
    demand_order()


# ---- the main job ---------------------------------------------------------------------------------------------------


def test_a_pack_goes_from_maker_to_patient(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    assert custody(pack) == ("held", world.maker.gln)
    world.maker.ships(pack, to=world.pharmacy)
    assert custody(pack) == ("in_transit", world.maker.gln)
    world.pharmacy.receives(pack, sender=world.maker)
    assert custody(pack) == ("held", world.pharmacy.gln)
    world.pharmacy.dispenses(pack)
    assert custody(pack) == ("dispensed", world.pharmacy.gln)
    assert item(pack).sequence == 4


def test_i3_a_pallet_moves_as_one_and_units_are_conserved(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    before = item(packs[0]).sequence
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    assert all(custody(epc) == ("held", world.distributor.gln) for epc in [load, *boxes, *packs])
    assert item(packs[0]).sequence == before, "events that name the pallet cost nothing per unit"
    world.distributor.unpacks(boxes, out_of=load)
    world.distributor.unpacks(packs[:1], out_of=boxes[0])
    assert custody(packs[0]) == ("held", world.distributor.gln)
    assert [inside_of(epc) for epc in packs] == [None, boxes[0], boxes[1], boxes[1]]
    assert item(load).content_size == 0
    assert Containment.objects.filter(closed=None).count() == 3


def test_a_container_named_with_its_contents_moves_as_the_container(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.ships([*packs, *boxes, load], to=world.distributor)
    assert custody(packs[0]) == ("in_transit", world.maker.gln)
    assert item(packs[0]).sequence == 2
    assert not ExceptionCase.objects.exists()


def test_a_consignee_who_dispenses_is_taken_to_have_received_and_unpacked(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.dispenses(packs[0])
    assert custody(packs[0]) == ("dispensed", world.pharmacy.gln)
    assert (item(boxes[0]).content_size, item(load).content_size) == (-1, -1), "nobody knows what is in them now"
    assert item(boxes[1]).content_size == 2
    assert custody(load) == ("in_transit", world.maker.gln)


def test_a_part_receipt_leaves_the_rest_in_transit(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(boxes[0], sender=world.maker)
    assert custody(packs[0]) == ("held", world.distributor.gln)
    assert custody(packs[3]) == ("in_transit", world.maker.gln)


def test_emptying_a_container_without_naming_its_contents_takes_all_out(world: World) -> None:
    load, boxes, _ = a_pallet(world)
    world.maker.unpacks([], out_of=load)
    assert [inside_of(box) for box in boxes] == [None, None]
    assert item(load).content_size == 0


def test_repacking_takes_a_child_out_of_where_it_was(world: World) -> None:
    _, boxes, packs = a_pallet(world)
    other = world.maker.commissions(serial="NEW", gtin=CASE_GTIN)
    world.maker.packs(packs[0], into=other)
    assert inside_of(packs[0]) == other
    assert item(boxes[0]).content_size == -1


# ---- what is refused ------------------------------------------------------------------------------------------------


def test_a_second_holder_is_refused_and_kept_as_a_sighting(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    thief = world.other_pharmacy
    refused("not_holder", insisting, thief, thief.receiving(pack, world.maker))
    sighting = Sighting.objects.get()
    assert (sighting.epc, sighting.submitter, sighting.code) == (pack, thief.gln, "not_holder")


def test_a_draft_about_anothers_item_is_refused_as_if_it_were_unknown(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    known = refused("unknown_item", world.stranger.dispenses, pack, error=Refusal)
    unknown = refused("unknown_item", world.stranger.dispenses, unit("NEVER"), error=Refusal)
    assert known.detail.replace(pack, "") == unknown.detail.replace(unit("NEVER"), "")
    assert (known.expected, known.found, known.where) == (unknown.expected, unknown.found, unknown.where)


def test_what_is_dispensed_stays_dispensed(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.dispenses(pack)
    refused("already_dispensed", world.maker.ships, pack, to=world.pharmacy)
    refused("already_commissioned", world.maker.commissions, serial="A1")


def test_a_serial_number_is_used_once(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    refused("already_commissioned", world.maker.commissions, serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    refused("already_commissioned", world.maker.commissions, serial="A1")  # also once it is gone


def test_only_the_licensee_commissions(world: World) -> None:
    refused("gtin_not_licensed", world.stranger.commissions, serial="A1", error=NotAllowed)


def test_an_unknown_item_is_not_shipped(world: World) -> None:
    refused("unknown_item", world.maker.ships, unit("NEVER"), to=world.pharmacy, error=Refusal)


def test_a_step_that_nobody_knows_is_no_move(world: World) -> None:
    good, odd = world.maker.commissioning(unit("A1")), world.maker.commissioning(unit("A2"))
    odd["bizStep"] = "https://example.com/sprinkling"
    found = refused("unlawful_move", world.maker.tells, good, odd, error=Refusal)
    assert found.where == "event 1: bizStep"


def test_a_case_on_a_pallet_is_not_packed(world: World) -> None:
    _, boxes, _ = a_pallet(world)
    late = world.maker.commissions(serial="LATE")
    refused("packed_out_of_order", world.maker.packs, late, into=boxes[0], error=Refusal)


def test_all_of_a_submission_or_nothing(world: World) -> None:
    good, bad = world.maker.commissioning(unit("A1")), world.maker.shipping(unit("NEVER"), world.pharmacy)
    refused("unknown_item", world.maker.tells, good, bad, error=Refusal)
    assert not Item.objects.exists()


def test_an_event_id_names_one_event(world: World) -> None:
    first = world.maker.commissioning(unit("A1"))
    world.maker.tells(first)
    other = world.maker.commissioning(unit("A2")) | {"eventID": first["eventID"]}
    refused("event_id_reused", world.maker.tells, other, error=Refusal)


# ---- told again, told late, told by others --------------------------------------------------------------------------


def test_a_resend_is_known_and_changes_nothing(world: World) -> None:
    event = world.maker.commissioning(unit("A1"))
    world.maker.tells(event)
    before = Item.objects.values().get()
    world.maker.tells(event)
    assert Item.objects.values().get() == before
    assert Submission.objects.count() == 2


def test_a_late_event_is_recorded_and_moves_nothing(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    late = world.maker.observing(pack)
    world.maker.ships(pack, to=world.pharmacy)
    world.maker.tells(late)
    assert custody(pack) == ("in_transit", world.maker.gln)
    assert ExceptionCase.objects.get().code == "late"


@pytest.mark.parametrize("end", ["dispensing", "decommissioning"])
def test_whoever_has_a_pack_ends_it_whatever_the_clocks_say(world: World, end: str) -> None:
    """The maker's clock is 20 hours ahead; and one till hands in what it did before another looked at the pack."""
    pack = world.maker.commissions(serial="A1")
    for hours, event in enumerate(
        (world.maker.packing([pack], pallet(7)), world.maker.shipping(pallet(7), world.pharmacy)), 20
    ):
        world.maker.tells(event | {"eventTime": (world.now + timedelta(hours=hours)).isoformat()})
    world.pharmacy.receives(pallet(7), sender=world.maker)
    ended = world.pharmacy.teller.event("ObjectEvent", end, "OBSERVE", world.passes(), epcList=[pack])
    world.pharmacy.observes(pack)
    before = item(pack).last_time
    world.pharmacy.tells(ended)
    assert custody(pack)[0] == {"dispensing": "dispensed", "decommissioning": "decommissioned"}[end]
    assert item(pack).last_time > before
    assert not ExceptionCase.objects.exists()


def test_what_was_dispensed_late_and_by_mistake_goes_back_into_its_case(world: World) -> None:
    """Its place in the books is not its own time, and an error declaration finds it all the same."""
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", *packs)
    dispensed = world.maker.dispensing(packs[0])
    world.maker.observes(box)
    world.maker.tells(dispensed)
    assert custody(packs[0]) == ("dispensed", world.maker.gln)
    world.maker.tells(retracted(dispensed))
    assert (custody(packs[0]), inside_of(packs[0])) == (("held", world.maker.gln), box)
    assert not ExceptionCase.objects.exists()


def test_a_case_opened_again_late_is_not_filled_again(world: World) -> None:
    _, boxes, packs = a_pallet(world)
    world.maker.unpacks(boxes, out_of=pallet(1))
    early = world.maker.dispensing(packs[1])
    world.maker.tells(dispensed := world.maker.dispensing(packs[0]))
    world.maker.tells(early)
    world.maker.tells(retracted(dispensed))
    assert custody(packs[0]) == ("dispensed", world.maker.gln)
    assert ExceptionCase.objects.get().code == "error_declaration_built_upon"


@pytest.mark.parametrize("gone", ["shipped", "received"])
def test_who_dispensed_a_pack_before_it_moved_on_contradicts_the_record(world: World, gone: str) -> None:
    """It is recorded and moves nothing, and whoever has the pack is told to look."""
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    dispensed = world.pharmacy.dispensing(pack)
    world.pharmacy.ships(pack, to=world.other_pharmacy)
    if gone == "received":
        world.other_pharmacy.receives(pack, sender=world.pharmacy)
    world.pharmacy.tells(dispensed)
    assert custody(pack)[0] == {"shipped": "in_transit", "received": "held"}[gone]
    assert ExceptionCase.objects.get().code == "dispensed_before"
    assert (Sighting.objects.get().epc, Sighting.objects.get().submitter) == (pack, world.pharmacy.gln)
    scan = f"(01){GTIN}(17)281231(10){LOT}(21)A1"
    assert verify(scan, world.other_pharmacy.partner, now=world.now).reason == "seen_elsewhere"


def test_a_receiver_reports_what_its_sender_sent_and_receives_it(world: World) -> None:
    maker = off_node(world)
    events = [
        maker.commissioning([unit("R1"), unit("R2")]),
        maker.packing([unit("R1"), unit("R2")], pallet(7)),
        maker.shipping(pallet(7), world.pharmacy),
    ]
    for event in events:
        del event["eventID"]
    world.pharmacy.tells(*events)
    assert custody(unit("R1")) == ("in_transit", maker.gln)
    assert set(Event.objects.values_list("voice", "party")) == {("reporter", maker.gln)}
    world.pharmacy.receives(pallet(7), sender=maker)
    world.pharmacy.unpacks(unit("R1"), out_of=pallet(7))
    world.pharmacy.dispenses(unit("R1"))
    assert custody(unit("R1")) == ("dispensed", world.pharmacy.gln)


def test_a_report_never_moves_an_item_away_from_a_party_that_signs_here(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.stranger.tells(world.maker.shipping(pack, world.stranger))
    assert custody(pack) == ("held", world.maker.gln)
    assert ExceptionCase.objects.get().code == "awaits_statement"


def test_what_was_reported_is_raised_when_its_actor_tells_it(world: World) -> None:
    event = world.maker.commissioning(unit("A1"))
    world.pharmacy.tells(event)
    assert item(unit("A1")).begun_by_others
    before = item(unit("A1")).head
    world.maker.tells(event)
    assert Event.objects.filter(is_copy=True).count() == 1
    assert item(unit("A1")).head == before


def test_the_licensees_own_commissioning_becomes_the_beginning(world: World) -> None:
    """Who has taken part in it for itself keeps what it has."""
    world.pharmacy.tells(world.maker.shipping(unit("A1"), world.pharmacy))
    world.pharmacy.receives(unit("A1"), sender=world.maker)
    world.maker.commissions(serial="A1", lot="TRUE")
    found = item(unit("A1"))
    assert (found.begun.lot, found.begun_by_others) == ("TRUE", False)
    assert custody(unit("A1")) == ("held", world.pharmacy.gln)


# ---- error declarations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["shipping", "packing", "unpacking", "commissioning", "dispensing"])
def test_an_error_declaration_puts_back_what_was_before(world: World, what: str) -> None:
    maker = world.maker
    pack, other = maker.commissions(serial=["A1", "A2"])
    box = maker.commissions(serial="C1", gtin=CASE_GTIN)
    event = {
        "shipping": lambda: maker.shipping(pack, world.pharmacy),
        "packing": lambda: maker.packing([pack, other], box),
        "unpacking": lambda: maker.unpacking([pack], box),
        "commissioning": lambda: maker.commissioning(unit("A3")),
        "dispensing": lambda: maker.dispensing(pack),
    }[what]
    if what == "unpacking":
        maker.packs([pack, other], into=box)
    custodies = "epc", "status", "possessor", "consignee", "content_size", "content_root"
    before = list(Item.objects.order_by("epc").values(*custodies))
    told = event()
    maker.tells(told)
    assert list(Item.objects.order_by("epc").values(*custodies)) != before or what == "packing"
    maker.tells(retracted(told))
    after = list(Item.objects.exclude(epc=unit("A3")).order_by("epc").values(*custodies))
    if what == "commissioning":
        assert item(unit("A3")).status is None
        maker.tells(maker.commissioning(unit("A3")))
        assert custody(unit("A3")) == ("held", maker.gln)
    assert after == before
    assert inside_of(pack) == (box if what == "unpacking" else None)
    assert not ExceptionCase.objects.exists()


def test_an_error_declaration_does_not_revert_what_was_built_upon(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    shipping = world.maker.shipping(pack, world.pharmacy)
    world.maker.tells(shipping)
    world.pharmacy.receives(pack, sender=world.maker)
    world.maker.tells(retracted(shipping))
    assert custody(pack) == ("held", world.pharmacy.gln)
    assert ExceptionCase.objects.get().code == "error_declaration_built_upon"


def test_an_error_declaration_finds_its_original_beside_a_resend_and_anothers_event_of_that_id(world: World) -> None:
    pack, other = world.maker.commissions(serial=["A1", "B1"])
    shipping = world.maker.shipping(pack, world.pharmacy)
    world.maker.tells(shipping)
    world.maker.tells(shipping)
    world.maker.ships(other, to=world.pharmacy)
    world.pharmacy.receives(other, sender=world.maker)
    world.pharmacy.tells(world.pharmacy.observing(other) | {"eventID": shipping["eventID"]})
    world.maker.tells(retracted(shipping))
    assert custody(pack) == ("held", world.maker.gln)
    assert not ExceptionCase.objects.exists()


# ---- statements -----------------------------------------------------------------------------------------------------


def drafted(party: Party, received: bytes) -> Draft:
    return Draft.parse(bytes(capture.draft(received, party.partner, content_type=None, now=party.world.now).draft))


def test_i2_a_retry_returns_the_same_promise(world: World) -> None:
    received = document(world.maker.commissioning(unit("A1")))
    draft = drafted(world.maker, received)
    first = world.maker.hands_in(received, bytes(draft.opening), draft.payload)
    world.passes()
    again = world.maker.hands_in(received, bytes(draft.opening), draft.payload)
    assert (first.created, again.created) == (True, False)
    assert bytes(first.submission.promise) == bytes(again.submission.promise)
    assert Submission.objects.count() == 1


def test_the_same_bytes_give_the_same_draft(world: World) -> None:
    received = document(world.maker.commissioning(unit("A1")))
    assert drafted(world.maker, received) == drafted(world.maker, received)


def test_a_statement_over_an_outdated_head_is_refused(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    received = document(world.maker.observing(pack))
    draft = drafted(world.maker, received)
    world.maker.observes(pack, "storing")
    late = refused("stale_head", world.maker.hands_in, received, bytes(draft.opening), draft.payload, error=StaleHead)
    assert late.status == 409


@pytest.mark.parametrize("damage", ["another-key", "another-opening", "another-document", "another-log", "revoked-key"])
def test_i1_only_what_its_submitter_signed_is_taken(world: World, damage: str) -> None:
    received = document(world.maker.commissioning(unit("A1")))
    draft = drafted(world.maker, received)
    opening, said = bytes(draft.opening), draft.payload
    if damage == "another-key":
        world.maker.key = PrivateKey.generate()
    elif damage == "another-opening":
        opening = bytes(replace(draft.opening, fields=bytes(32)))
    elif damage == "another-document":
        received = received + b" "
    elif damage == "another-log":
        said = replace(said, log="elsewhere/log")
    else:
        SigningKey.objects.filter(partner_id=world.maker.gln).update(revoked=10**9)
    before = counts()
    with pytest.raises(NotSigned):
        world.maker.hands_in(received, opening, said)
    assert counts() == before


def test_an_offline_statement_is_taken_without_links(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    insisting(world.maker, world.maker.observing(pack))
    assert item(pack).sequence == 2


def test_an_offline_statement_leaves_the_heads_of_what_it_opens(world: World) -> None:
    _, boxes, packs = a_pallet(world)
    before = bytes(item(boxes[0]).head or b"")
    insisting(world.maker, world.maker.dispensing(packs[0]))
    assert (bytes(item(boxes[0]).head or b""), item(boxes[0]).content_size) == (before, -1)
