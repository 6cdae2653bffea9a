"""The chain of one unit, from what the node stores to what a stranger checks (I6)."""

from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import log
from ledger.keys import log_signer, node_key
from partners.access import Purpose
from partners.models import AccessRecord
from tests.traceability.story import a_pallet, inside_of, off_node, retracted
from tests.world import CASE_GTIN, Party, World, pallet, unit
from traceability import authorities, erasure, policy
from traceability.admitting import admit
from traceability.bundle.check import examine
from traceability.bundle.report import Report, Verdict
from traceability.errors import Erased as ErasedError
from traceability.errors import NotFound, NotIntegratedYet
from traceability.history import chain
from traceability.proving import bundle_for


def trusted(world: World) -> policy.Policy:
    vkey = (Path(settings.KEYS_DIR) / "log.vkey").read_text().strip()
    return policy.Policy(
        f"log {vkey}\nquorum none\n",
        (authorities.Authority(world.authority.gln, world.authority.key.public),),
        (policy.Node(settings.LOG_ORIGIN, node_key().public),),
    )


def integrate(world: World) -> None:
    while log.integrate(now=world.now, signer=log_signer()):
        pass


def bundle(world: World, epc: str, reader: Party) -> bytes:
    return bundle_for(epc, reader.partner, purpose=Purpose.VERIFICATION, now=world.now)


def checked(world: World, epc: str, reader: Party) -> Report:
    """What a stranger makes of the bundle; every step holds."""
    integrate(world)
    report = examine(bundle(world, epc, reader), trusted(world))
    assert report.failure is None, report.failure
    return report


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


def test_i6_a_unit_through_case_and_pallet_to_the_patient(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    world.distributor.unpacks(boxes, out_of=load)
    world.distributor.ships(boxes[0], to=world.pharmacy)
    world.pharmacy.receives(boxes[0], sender=world.distributor)
    world.pharmacy.unpacks(packs[:1], out_of=boxes[0])
    assert len(checked(world, packs[0], world.pharmacy).hops) == 9
    world.pharmacy.dispenses(packs[0])
    report = checked(world, packs[0], world.pharmacy)
    assert [hop.biz_step for hop in report.hops] == [
        *("commissioning", "packing", "packing", "shipping", "receiving", "unpacking"),
        *("shipping", "receiving", "unpacking", "dispensing"),
    ]
    assert report.status == "dispensed"


def test_a_unit_still_in_its_case_on_its_pallet(world: World) -> None:
    load, _, packs = a_pallet(world)
    world.maker.ships(load, to=world.distributor)
    checked(world, packs[2], world.distributor)
    checked(world, load, world.distributor)


def test_a_pack_taken_out_without_a_record(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.dispenses(packs[0])
    checked(world, packs[0], world.pharmacy)
    checked(world, packs[1], world.pharmacy)
    checked(world, boxes[1], world.pharmacy)


def test_a_case_packed_in_two_goes(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs[:2], into=box)
    world.maker.packs(packs[2:], into=box)
    world.maker.unpacks(packs[1:2], out_of=box)
    world.maker.ships(box, to=world.pharmacy)
    for pack in packs:
        checked(world, pack, world.maker)


def test_a_case_emptied_without_naming_what_was_in_it(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs, into=box)
    world.maker.unpacks([], out_of=box)
    checked(world, packs[0], world.maker)
    world.maker.ships(packs[0], to=world.pharmacy)
    checked(world, packs[0], world.maker)


@pytest.mark.parametrize("what", ["shipping", "packing", "unpacking"])
def test_a_history_with_an_error_put_right(world: World, what: str) -> None:
    maker = world.maker
    packs = maker.commissions(serial=["A1", "A2"])
    box = maker.commissions(serial="C1", gtin=CASE_GTIN)
    if what == "unpacking":
        maker.packs(packs, into=box)
    event = {
        "shipping": lambda: maker.shipping(packs[0], world.pharmacy),
        "packing": lambda: maker.packing(packs, box),
        "unpacking": lambda: maker.unpacking(packs, box),
    }[what]()
    maker.tells(event)
    maker.tells(retracted(event))
    checked(world, packs[0], maker)
    checked(world, box, maker)


def test_what_a_receiver_reported_is_shown_as_that(world: World) -> None:
    maker = off_node(world)
    world.pharmacy.tells(
        maker.commissioning([unit("R1"), unit("R2")]),
        maker.packing([unit("R1"), unit("R2")], pallet(7)),
        maker.shipping(pallet(7), world.pharmacy),
    )
    world.pharmacy.receives(pallet(7), sender=maker)
    report = checked(world, unit("R1"), world.pharmacy)
    assert [hop.voice for hop in report.hops] == ["reporter"] * 3 + ["actor"]
    assert any(note.amber for note in report.notes)


def test_the_licensee_tells_later_for_itself_what_others_had_told(world: World) -> None:
    world.pharmacy.tells(world.maker.shipping(unit("A1"), world.pharmacy))
    world.pharmacy.receives(unit("A1"), sender=world.maker)
    world.maker.commissions(serial="A1")
    report = checked(world, unit("A1"), world.pharmacy)
    assert [hop.again for hop in report.hops].count(True) == 1


def test_what_is_packed_together_with_its_container_goes_in_with_that(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.maker.packs([packs[0], boxes[1], load], into=pallet(9))
    assert [inside_of(epc) for epc in (packs[0], boxes[1], load)] == [boxes[0], load, pallet(9)]
    assert checked(world, packs[0], world.maker).failure is None


def test_what_began_anew_is_proven_from_there(world: World) -> None:
    """Whatever others had told of it before is no part of its history."""
    world.stranger.tells(world.maker.shipping(unit("A1"), world.stranger))
    world.maker.commissions(serial="A1")
    world.maker.ships(unit("A1"), to=world.pharmacy)
    report = checked(world, unit("A1"), world.pharmacy)
    assert [(hop.biz_step, hop.voice) for hop in report.hops] == [("commissioning", "actor"), ("shipping", "actor")]


def test_what_was_told_late_by_who_had_it_is_proven(world: World) -> None:
    """Links and possession follow the log, not the clocks."""
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    dispensed = world.pharmacy.dispensing(pack)
    world.pharmacy.observes(pack)
    world.pharmacy.tells(dispensed)
    report = checked(world, pack, world.pharmacy)
    assert [hop.biz_step for hop in report.hops][-2:] == ["inspecting", "dispensing"]


def test_whoever_passed_it_on_sees_as_far_as_its_own_part(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    world.distributor.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.distributor)
    assert [hop.biz_step for hop in checked(world, pack, world.maker).hops] == ["commissioning", "shipping"]
    assert len(checked(world, pack, world.distributor).hops) == 4
    with pytest.raises(NotFound):
        checked(world, pack, world.regulator)
    world.opens_case()
    assert len(checked(world, pack, world.regulator).hops) == 5


def test_another_party_with_the_same_key_revokes_only_its_own(world: World) -> None:
    """A key statement proves possession of nothing: anybody may claim a key, and give it up again."""
    pack = world.maker.commissions(serial="A1")
    world.enrols(world.stranger, world.maker.key, by=world.stranger)
    world.revokes(world.maker.key, of=world.stranger, by=world.stranger)
    checked(world, pack, world.maker)


def test_a_company_with_two_glns_may_sign_with_one_key_for_both(world: World) -> None:
    maker, distributor = world.maker, world.distributor
    world.enrols(distributor, maker.key)
    distributor.key, own = maker.key, distributor.key
    pack, other = maker.commissions(serial=["A1", "A2"])
    maker.ships(pack, to=distributor)
    distributor.receives(pack, sender=maker)
    assert checked(world, pack, distributor).verdict is Verdict.VERIFIED
    distributor.key = own
    world.revokes(maker.key, of=distributor, by=distributor, compromised=world.now)
    for epc, reader, compromised in ((pack, distributor, 1), (other, maker, 0)):
        found = [note.code for note in checked(world, epc, reader).notes]
        assert found.count("key_compromised") == compromised  # what the maker signed with it stands


def test_what_a_key_signed_is_proven_after_its_successor_has_revoked_it(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.renews_its_key(world.maker)
    assert checked(world, pack, world.maker).verdict is Verdict.VERIFIED
    world.renews_its_key(world.maker)
    world.maker.ships(pack, to=world.distributor)
    world.renews_its_key(world.maker)
    world.distributor.receives(pack, sender=world.maker)
    assert checked(world, pack, world.distributor).verdict is Verdict.VERIFIED


def test_i7_a_stranger_sees_nothing_and_every_reading_is_recorded(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    integrate(world)
    for epc in (pack, unit("NEVER")):
        with pytest.raises(NotFound) as refused:
            bundle(world, epc, world.stranger)
        assert (refused.value.where, refused.value.epc) == ("epc", None)
    assert not AccessRecord.objects.exists()
    bundle(world, pack, world.maker)
    assert AccessRecord.objects.values_list("reader", "subject", "what").get() == (world.maker.gln, pack, "bundle")


def test_a_proof_waits_for_the_log(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    with pytest.raises(NotIntegratedYet):
        bundle(world, pack, world.maker)
    with transaction.atomic():
        assert not AccessRecord.objects.exists()


def test_a_case_filled_one_by_one_costs_no_query_a_pack(world: World) -> None:
    def queries(box: str, *packs: str) -> int:
        for pack in packs:
            world.maker.packs(pack, into=box)
        checked(world, packs[-1], world.maker)
        with CaptureQueriesContext(connection) as asked:
            bundle(world, packs[-1], world.maker)
        return len(asked)

    boxes = world.maker.commissions(serial=["C1", "C2"], gtin=CASE_GTIN)
    few, many = (world.maker.commissions(serial=[f"{n}-{each}" for each in range(n)]) for n in (3, 12))
    assert queries(boxes[0], *few) == queries(boxes[1], *many)


# ---- what others told first -----------------------------------------------------------------------------------------


def test_i6_what_its_party_signed_after_others_had_told_it_is_in_the_proof(world: World) -> None:
    """Whatever a page calls signed, a stranger sees signed."""
    made, shipped = world.maker.commissioning(unit("A1")), world.maker.shipping(unit("A1"), world.pharmacy)
    world.stranger.tells(made)
    world.maker.tells(made)
    world.maker.tells(shipped)
    world.pharmacy.receives(unit("A1"), sender=world.maker)
    found = chain(unit("A1"))
    assert found is not None
    assert [hop.signed for hop in found.hops] == [True] * 3
    report = checked(world, unit("A1"), world.pharmacy)
    assert report.verdict is Verdict.VERIFIED
    assert {hop.signer for hop in report.hops} == {world.stranger.gln, world.maker.gln, world.pharmacy.gln}


def test_i6_the_same_by_an_agent_and_of_what_was_in_a_container(world: World) -> None:
    sender = off_node(world)
    events = [
        sender.commissioning(unit("R1")),
        sender.packing([unit("R1")], pallet(7)),
        sender.shipping(pallet(7), world.pharmacy),
    ]
    world.pharmacy.tells(*events)
    world.pharmacy.receives(pallet(7), sender=sender)
    admit(sender.gln, name="Late", role=sender.role, now=world.passes())
    world.enrols(sender)
    world.lets_issue(sender, "0614141")
    world.delegates(sender, world.distributor, "commissioning", "packing", "shipping")
    world.distributor.tells(*events)
    world.pharmacy.unpacks([unit("R1")], out_of=pallet(7))
    found = chain(unit("R1"))
    assert found is not None
    assert [hop.signed for hop in found.hops] == [True] * len(found.hops)
    report = checked(world, unit("R1"), world.pharmacy)
    assert report.verdict is Verdict.VERIFIED, report.notes
    assert checked(world, pallet(7), world.pharmacy).failure is None


def test_i6_an_own_word_that_moves_something_else_is_an_act_by_itself(world: World) -> None:
    """Of what was packed as others had told, one pack waited: told again by its own party, the packing moves that one
    and the pallet, and raises nothing. Node and stranger say alike of every step whether it is signed."""
    sender = off_node(world)
    waits = world.maker.commissions(serial="Y1")
    packing = sender.packing([unit("R1"), waits], pallet(7))
    world.distributor.tells(sender.commissioning(unit("R1")), packing, sender.shipping(pallet(7), world.distributor))
    world.distributor.receives(pallet(7), sender=sender)
    world.distributor.ships(pallet(7), to=sender)
    world.maker.ships(waits, to=sender)
    admit(sender.gln, name="Late", role=sender.role, now=world.passes())
    world.enrols(sender)
    sender.receives(pallet(7), sender=world.distributor)
    sender.receives(waits, sender=world.maker)
    sender.tells(packing)
    for epc, reader in ((unit("R1"), sender), (pallet(7), sender), (pallet(7), world.distributor)):
        report = checked(world, epc, reader)
        found = chain(epc)
        assert found is not None
        ours = {(hop.index, hop.biz_step): hop.signed for hop in found.shown_to(reader.gln)}
        theirs = {(hop.index, hop.biz_step): hop.signed for hop in report.hops}
        assert ours == theirs


def test_of_an_own_word_that_was_erased_there_is_no_proof_any_more(world: World) -> None:
    made = world.maker.commissioning(unit("A1"))
    world.stranger.tells(made)
    own = world.maker.tells(made).submission
    integrate(world)
    erasure.erase(own.submission, reason="asked for", now=world.passes())
    with pytest.raises(ErasedError), erasure.explained(unit("A1")):
        bundle(world, unit("A1"), world.maker)
