"""Where an item has been: read along the containers it was in, in one query."""

from typing import Any

import pytest

from tests.world import CASE_GTIN, LOT, Party, World, pallet, unit
from traceability.custody import Status
from traceability.history import Chain, Hop, Implied, chain


def history(epc: str) -> Chain:
    found = chain(epc)
    assert found is not None
    return found


def steps(epc: str) -> list[str]:
    return [str(hop.step) for hop in history(epc).hops]


def carriers(epc: str) -> list[str]:
    return [hop.carrier for hop in history(epc).hops]


def hop(epc: str, step: str) -> Hop:
    (found,) = (hop for hop in history(epc).hops if hop.step == step)
    return found


@pytest.fixture
def load(world: World) -> tuple[str, str, str]:
    """A pack in a case on a pallet, another pack and another case beside them."""
    packs = world.maker.commissions(serial=["A1", "A2"])
    box, other = world.maker.commissions(serial=["C1", "C2"], gtin=CASE_GTIN)
    world.maker.packs(packs, into=box)
    world.maker.packs([box, other], into=pallet(1))
    return packs[0], box, pallet(1)


def test_a_pack_has_been_wherever_its_containers_were(world: World, load: tuple[str, str, str]) -> None:
    pack, box, pall = load
    world.maker.ships(pall, to=world.distributor)
    world.distributor.receives(pall, sender=world.maker)
    world.distributor.unpacks(box, out_of=pall)
    world.distributor.ships(box, to=world.pharmacy)
    world.pharmacy.receives(box, sender=world.distributor)
    world.pharmacy.unpacks(pack, out_of=box)
    world.pharmacy.dispenses(pack)
    assert steps(pack) == (
        ["commission", "pack", "pack", "ship", "receive", "unpack", "ship", "receive", "unpack", "dispense"]
    )
    assert carriers(pack) == [pack, pack, box, pall, pall, box, box, box, pack, pack]
    assert [hop.into for hop in history(pack).hops[:4]] == [None, box, pall, None]
    assert history(pack).custody.status is Status.DISPENSED
    assert history(pack).inside == ()


def test_what_a_container_did_without_the_pack_is_not_its_history(world: World, load: tuple[str, str, str]) -> None:
    pack, box, pall = load
    world.maker.unpacks(box, out_of=pall)
    world.maker.ships(pall, to=world.distributor)
    world.maker.unpacks(pack, out_of=box)
    late = world.maker.commissions(serial="A3")
    world.maker.packs(late, into=box)
    assert steps(pack) == ["commission", "pack", "pack", "unpack", "unpack"]
    assert steps(late) == ["commission", "pack"]
    assert steps(box) == ["commission", "pack", "pack", "unpack", "unpack", "pack"]


def test_a_pack_goes_from_one_container_to_another(world: World, load: tuple[str, str, str]) -> None:
    pack, box, _ = load
    second = world.maker.commissions(serial="C3", gtin=CASE_GTIN)
    world.maker.packs(pack, into=second)
    world.maker.ships(second, to=world.pharmacy)
    world.maker.ships(pallet(1), to=world.distributor)
    assert steps(pack) == ["commission", "pack", "pack", "pack", "ship"]
    assert carriers(pack) == [pack, pack, box, pack, second]
    assert history(pack).hops[3].implied == (Implied.TAKEN_OUT,)
    assert history(pack).inside == (second,)
    assert history(pack).custody.consignee == world.pharmacy.gln


def test_custody_is_that_of_the_outermost_container(world: World, load: tuple[str, str, str]) -> None:
    pack, box, pall = load
    world.maker.ships(pall, to=world.pharmacy)
    found = history(pack)
    assert found.inside == (box, pall)
    assert (found.custody.status, found.custody.possessor) == (Status.IN_TRANSIT, world.maker.gln)
    assert found.has_now(world.maker.gln)
    assert found.has_now(world.pharmacy.gln)


def test_a_consignee_who_dispenses_has_received_and_unpacked(world: World, load: tuple[str, str, str]) -> None:
    pack, _, pall = load
    world.maker.ships(pall, to=world.pharmacy)
    world.pharmacy.dispenses(pack)
    assert hop(pack, "dispense").implied == (Implied.RECEIVED, Implied.TAKEN_OUT)
    assert steps(pack)[-2:] == ["ship", "dispense"]


def test_a_consignee_who_looks_at_one_pack_has_received_and_unpacked_that(
    world: World, load: tuple[str, str, str]
) -> None:
    pack, box, pall = load
    world.maker.ships(pall, to=world.pharmacy)
    world.pharmacy.observes(pall)
    world.pharmacy.observes(pack)
    assert [hop.implied for hop in history(pack).hops[-2:]] == [(), (Implied.RECEIVED, Implied.TAKEN_OUT)]
    assert [hop.implied for hop in history(box).hops[-2:]] == [(), ()]
    world.pharmacy.dispenses(pack)
    assert history(pack).hops[-1].implied == ()


def test_told_and_done_in_full_nothing_is_implied(world: World, load: tuple[str, str, str]) -> None:
    pack, box, pall = load
    world.maker.ships(pall, to=world.pharmacy)
    world.pharmacy.receives(pall, sender=world.maker)
    world.pharmacy.unpacks([], out_of=pall)
    world.pharmacy.unpacks(pack, out_of=box)
    world.pharmacy.dispenses(pack)
    assert not [hop for hop in history(pack).hops if hop.implied]
    assert steps(pack)[-4:] == ["receive", "unpack", "unpack", "dispense"]


def test_unpacking_a_case_on_a_pallet_takes_the_case_off_it(world: World, load: tuple[str, str, str]) -> None:
    pack, box, _ = load
    world.maker.unpacks(pack, out_of=box)
    assert history(pack).hops[-1].implied == (Implied.TAKEN_OUT,)


def test_a_hop_says_who_told_it_and_where_it_is_logged(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    accepted = world.maker.tells(event := world.maker.shipping(pack, world.pharmacy))
    last = history(pack).hops[-1]
    row = accepted.submission
    assert (last.submission, last.position) == (str(row.submission), 0)
    assert (last.party, last.consignee, last.submitter) == (
        world.maker.gln, world.pharmacy.gln, world.maker.gln
    )  # fmt: skip
    assert (last.kid, last.index, last.accepted) == (world.maker.key.public.kid, None, row.entry_id)
    assert last.time.isoformat(timespec="milliseconds").replace("+00:00", "Z") == event["eventTime"]
    assert last.signed


def test_lot_and_expiry_are_those_of_the_beginning(world: World) -> None:
    pack = world.maker.commissions(serial="A1", lot="L7", expiry="2027-01-31")
    world.maker.ships(pack, to=world.pharmacy)
    assert (history(pack).lot, history(pack).expiry) == ("L7", "2027-01-31")


def test_own_changes_are_numbered_without_a_gap(world: World, load: tuple[str, str, str]) -> None:
    pack, box, pall = load
    world.maker.unpacks(box, out_of=pall)
    world.maker.unpacks(pack, out_of=box)
    world.maker.ships(pack, to=world.pharmacy)
    for epc in load:
        found = history(epc)
        assert found.changes == set(range(1, found.sequence + 1))


# ---- told by others -------------------------------------------------------------------------------------------------


def off_node(world: World) -> Party:
    """A maker that is no partner of this node."""
    from partners.models import Role
    from tests.world import gln

    return Party(world, gln(900), "Elsewhere", Role.MANUFACTURER)


def test_what_a_receiver_reports_is_not_signed_by_its_sender(world: World) -> None:
    maker = off_node(world)
    world.pharmacy.tells(maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy))
    world.pharmacy.receives(unit("R1"), sender=maker)
    found = history(unit("R1"))
    assert [hop.signed for hop in found.hops] == [False, False, True]
    assert {hop.party for hop in found.hops} == {maker.gln, world.pharmacy.gln}
    assert found.begun_by_others


def test_a_first_sight_by_packing_begins_there(world: World) -> None:
    maker = off_node(world)
    world.pharmacy.tells(maker.packing([unit("R1")], pallet(9)), maker.shipping(pallet(9), world.pharmacy))
    found = history(unit("R1"))
    assert [str(hop.step) for hop in found.hops] == ["pack", "ship"]
    assert found.changes == {1}
    assert found.begun == found.hops[0]


def test_what_was_reported_counts_as_signed_once_its_actor_tells_it(world: World) -> None:
    event = world.maker.commissioning(unit("A1"))
    world.pharmacy.tells(event)
    assert not history(unit("A1")).hops[0].signed
    world.maker.tells(event)
    (only,) = history(unit("A1")).hops
    assert only.signed
    assert only.own is not None


def test_the_licensees_own_commissioning_comes_first_when_it_is_told_last(world: World) -> None:
    world.pharmacy.tells(world.maker.shipping(unit("A1"), world.pharmacy))
    world.pharmacy.receives(unit("A1"), sender=world.maker)
    world.maker.commissions(serial="A1", lot="TRUE")
    found = history(unit("A1"))
    assert [str(hop.step) for hop in found.hops] == ["commission", "ship", "receive"]
    assert [hop.seen for hop in found.hops] == [True, False, False]
    assert found.lot == "TRUE"
    assert found.begun == found.hops[0]


# ---- corrections ----------------------------------------------------------------------------------------------------


def retracted(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"errorDeclaration": {"declarationTime": "2026-06-01T00:00:00Z", "reason": "did_not_occur"}}


def test_a_shipment_that_was_an_error_implies_no_receipt(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(event := world.maker.shipping(pack, world.pharmacy))
    world.maker.tells(retracted(event))
    world.maker.dispenses(pack)
    found = history(pack)
    assert [(str(hop.step), hop.correction) for hop in found.hops] == [
        ("commission", False), ("ship", False), ("ship", True), ("dispense", False)
    ]  # fmt: skip
    assert not [hop for hop in found.hops if hop.implied]


def test_a_packing_that_was_an_error_takes_nothing_out(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(event := world.maker.packing([pack], pallet(3)))
    world.maker.tells(retracted(event))
    assert not [hop for hop in history(pack).hops if hop.implied]
    assert history(pack).inside == ()


def test_commissioned_again_after_an_error(world: World) -> None:
    world.maker.tells(event := world.maker.commissioning(unit("A1"), lot="WRONG"))
    world.maker.tells(retracted(event))
    assert history(unit("A1")).custody.status is None
    world.maker.commissions(serial="A1", lot=LOT)
    found = history(unit("A1"))
    assert [hop.correction for hop in found.hops] == [False, True, False]
    assert found.begun == found.hops[-1]
    assert found.lot == LOT
    assert found.changes == {1, 2, 3}


# ---- what a party may see -------------------------------------------------------------------------------------------


def test_a_party_sees_back_to_commissioning_and_up_to_its_own_last_hop(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    world.distributor.ships(pack, to=world.pharmacy)
    found = history(pack)
    assert len(found.shown_to(world.maker.gln)) == 2
    assert len(found.shown_to(world.distributor.gln)) == 4
    assert len(found.shown_to(world.pharmacy.gln)) == 4
    assert found.shown_to(world.stranger.gln) == ()
    world.pharmacy.receives(pack, sender=world.distributor)
    found = history(pack)
    assert len(found.shown_to(world.maker.gln)) == 2
    assert len(found.shown_to(world.distributor.gln)) == 4
    assert len(found.shown_to(world.pharmacy.gln)) == 5


def test_whoever_was_only_meant_to_receive_sees_nothing_once_it_was_an_error(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.tells(event := world.maker.shipping(pack, world.stranger))
    assert history(pack).shown_to(world.stranger.gln)
    world.maker.tells(retracted(event))
    assert history(pack).shown_to(world.stranger.gln) == ()


# ---- queries --------------------------------------------------------------------------------------------------------


def test_one_query_however_long_the_way(
    world: World, load: tuple[str, str, str], django_assert_num_queries: Any
) -> None:
    pack, box, pall = load
    with django_assert_num_queries(1):
        chain(pack)
    world.maker.ships(pall, to=world.distributor)
    world.distributor.receives(pall, sender=world.maker)
    world.distributor.unpacks(box, out_of=pall)
    with django_assert_num_queries(1):
        chain(pack)
    with django_assert_num_queries(1):
        assert chain(unit("NOT-HERE")) is None


def test_events_of_one_document_are_applied_by_time_whatever_their_place_in_it(world: World) -> None:
    """Rows of events are numbered in the order of application, and history relies on it."""
    maker = world.maker
    commissioned, packed = maker.commissioning(unit("A1")), maker.packing([unit("A1")], pallet(1))
    shipped = maker.shipping(pallet(1), world.pharmacy)
    maker.tells(shipped, packed, commissioned)
    assert steps(unit("A1")) == ["commission", "pack", "ship"]
