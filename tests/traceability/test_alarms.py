"""One pack in two places: who is told, of what, and when nobody is."""

from typing import Any

import pytest

from partners.access import Purpose
from partners.models import AccessRecord
from tests.signing import heads_of, sign_over
from tests.traceability.test_verification import ask, scan
from tests.world import Party, World, document
from traceability import alarms, capture
from traceability.alarms import Raised, alarms_of
from traceability.dscsa.verification import Answer, verify
from traceability.errors import Conflict, NotAllowed, NotFound
from traceability.models import Alarm


@pytest.fixture
def pack(world: World) -> str:
    """On Pharmacy's shelf, an hour since."""
    epc = str(world.maker.commissions(serial="A1"))
    world.maker.ships(epc, to=world.distributor)
    world.distributor.receives(epc, sender=world.maker)
    world.distributor.ships(epc, to=world.pharmacy)
    world.pharmacy.receives(epc, sender=world.distributor)
    world.passes(hours=1)
    return epc


def verifies(world: World, by: Party, purpose: Purpose = Purpose.DISPENSING, code: str | None = None) -> Answer:
    world.passes()
    return verify(code or scan("A1"), by.partner, purpose, now=world.now)


def seen(world: World, by: Party) -> list[Raised]:
    found, _ = alarms_of(by.partner, purpose=Purpose.SUSPECT_PRODUCT, now=world.now)
    return found


def claims(world: World, pack: str, who: Party) -> None:
    signed = sign_over(who, document(who.dispensing(pack)), heads_of(pack))
    with pytest.raises(Conflict):
        capture.capture(signed.received, signed.opening, signed.statement, now=world.now)


# ---- alarms ---------------------------------------------------------------------------------------------------------


def test_a_copy_that_is_verified_minutes_later_at_another_pharmacy_raises_an_alarm(world: World, pack: str) -> None:
    genuine = verifies(world, world.pharmacy)
    assert genuine.reason == "pending_in_log"
    first_at = world.now
    copy = verifies(world, world.other_pharmacy)
    assert copy.verdict == "caution"
    (alarm,) = seen(world, world.pharmacy)
    assert (alarm.kind, alarm.epc, alarm.at) == ("two_places", pack, world.now)
    assert (alarm.first.what, alarm.first.at, alarm.first.party) == ("verification", first_at, world.pharmacy.gln)
    assert (alarm.second.what, alarm.second.party) == ("verification", world.other_pharmacy.gln)
    assert verifies(world, world.pharmacy).reason == "seen_elsewhere"
    assert verifies(world, world.other_pharmacy).reason == "seen_elsewhere"
    assert ask(world, scan("A1")).reason == "seen_elsewhere"
    assert Alarm.objects.count() == 1  # however often it is seen again


def test_what_nobody_has_verified_since_it_moved_is_out_of_its_chain(world: World, pack: str) -> None:
    verifies(world, world.stranger)
    (alarm,) = seen(world, world.maker)
    assert (alarm.kind, alarm.first.what, alarm.first.party) == ("out_of_chain", "event", world.pharmacy.gln)
    assert verifies(world, world.stranger).reason == "held_by_other"  # that it is there is no news to it
    assert verifies(world, world.pharmacy).reason == "seen_elsewhere"


def test_after_it_was_dispensed(world: World, pack: str) -> None:
    world.pharmacy.dispenses(pack)
    assert verifies(world, world.other_pharmacy).reason == "already_dispensed"
    (alarm,) = seen(world, world.pharmacy)
    assert (alarm.kind, alarm.first.what, alarm.first.party) == ("after_end", "event", world.pharmacy.gln)


def test_after_its_end_only_its_maker_answers_questions_about_it(world: World, pack: str) -> None:
    world.pharmacy.dispenses(pack)
    verifies(world, world.maker, Purpose.VERIFICATION)
    assert not Alarm.objects.exists()
    world.passes(days=1)
    verifies(world, world.pharmacy, Purpose.SALEABLE_RETURN)
    assert [each.kind for each in seen(world, world.pharmacy)] == ["after_end"]


def test_a_claim_that_is_refused_is_evidence_too(world: World, pack: str) -> None:
    claims(world, pack, world.stranger)
    (alarm,) = seen(world, world.pharmacy)
    assert (alarm.kind, alarm.second.what, alarm.second.party) == ("out_of_chain", "claim", world.stranger.gln)
    world.pharmacy.dispenses(pack)
    claims(world, pack, world.other_pharmacy)
    assert [each.kind for each in seen(world, world.pharmacy)] == ["after_end", "out_of_chain"]


# ---- no alarms ------------------------------------------------------------------------------------------------------


def test_one_station_that_scans_twice_raises_none(world: World, pack: str) -> None:
    for _ in range(3):
        verifies(world, world.pharmacy)
    world.pharmacy.dispenses(pack)
    assert verifies(world, world.pharmacy).reason == "already_dispensed"
    claims(world, pack, world.pharmacy)
    assert not Alarm.objects.exists()


def test_but_after_its_grace_it_does(world: World, pack: str, settings: Any) -> None:
    world.pharmacy.dispenses(pack)
    world.passes(seconds=settings.ALARM_GRACE_SECONDS)
    verifies(world, world.pharmacy)
    assert [each.kind for each in seen(world, world.pharmacy)] == ["after_end"]


def test_on_its_way_both_may_have_it(world: World) -> None:
    pack = str(world.maker.commissions(serial="A1"))
    verifies(world, world.maker)
    world.maker.ships(pack, to=world.pharmacy)
    verifies(world, world.maker)
    verifies(world, world.pharmacy)
    assert not Alarm.objects.exists()


def test_its_sender_may_not_have_it_still_once_its_consignee_has_it(world: World) -> None:
    pack = str(world.maker.commissions(serial="A1"))
    world.maker.ships(pack, to=world.pharmacy)
    verifies(world, world.pharmacy)
    verifies(world, world.maker)
    assert [each.kind for each in seen(world, world.maker)] == ["two_places"]


def test_a_return_is_verified_before_anybody_told_of_it(world: World, pack: str) -> None:
    verifies(world, world.distributor, Purpose.SALEABLE_RETURN)
    verifies(world, world.maker, Purpose.VERIFICATION)  # somebody asks it on the telephone
    assert not Alarm.objects.exists()
    verifies(world, world.other_pharmacy, Purpose.SALEABLE_RETURN)
    assert Alarm.objects.count() == 1


@pytest.mark.parametrize("code", [scan("A1", lot=None), scan("A1", lot="L43"), scan("A1", expiry=None), scan("Z9")])
def test_without_the_pack_in_hand_nobody_raises_one(world: World, pack: str, code: str) -> None:
    verifies(world, world.stranger, code=code)
    verifies(world, world.maker, code=code)
    assert not Alarm.objects.exists()


def test_a_look_at_the_record_and_a_regulators_question_are_no_sighting(world: World, pack: str) -> None:
    verifies(world, world.maker, Purpose.TRACING)
    verifies(world, world.regulator)
    verifies(world, world.stranger, Purpose.RECALL)
    ask(world, scan("A1"))
    assert not Alarm.objects.exists()


def test_goods_that_were_faster_than_their_record_are_genuine_once_it_has_caught_up(world: World) -> None:
    pack = str(world.maker.commissions(serial="A1"))
    verifies(world, world.pharmacy)
    assert verifies(world, world.maker).reason == "seen_elsewhere"
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    assert verifies(world, world.pharmacy).reason == "pending_in_log"


# ---- to whom --------------------------------------------------------------------------------------------------------


def test_i7_each_party_is_told_no_more_than_it_may_know(world: World, pack: str) -> None:
    verifies(world, world.pharmacy)
    verifies(world, world.stranger)
    assert seen(world, world.regulator) == []
    world.opens_case()
    for party in (world.pharmacy, world.distributor, world.maker, world.regulator):
        (alarm,) = seen(world, party)
        assert (alarm.first.party, alarm.second.party) == (world.pharmacy.gln, world.stranger.gln)
    (own,) = seen(world, world.stranger)
    assert (own.first.party, own.first.at, own.second.party) == (None, None, world.stranger.gln)
    assert seen(world, world.other_pharmacy) == []
    readers = AccessRecord.objects.filter(what="alarms", subject=pack).values_list("reader", flat=True)
    assert {world.pharmacy.gln, world.distributor.gln, world.maker.gln, world.regulator.gln} <= set(readers)


def test_the_licensee_or_a_regulator_clears_it_and_nobody_else(world: World, pack: str) -> None:
    verifies(world, world.stranger)
    (alarm,) = seen(world, world.maker)
    assert alarm.may_clear
    for party, error in ((world.pharmacy, NotAllowed), (world.stranger, NotAllowed), (world.other_pharmacy, NotFound)):
        with pytest.raises(error):
            alarms.clear(party.partner, alarm.number, "a mistake", now=world.now)
    alarms.clear(world.maker.partner, alarm.number, "the label was returned to us", now=world.passes())
    (cleared,) = seen(world, world.maker)
    assert (cleared.cleared, cleared.cleared_because) == (world.now, "the label was returned to us")
    assert verifies(world, world.pharmacy).reason == "pending_in_log"
    verifies(world, world.stranger)
    assert len(seen(world, world.maker)) == 2  # there it is again


def test_hundreds_claims_at_once_are_a_few_queries(world: World, django_assert_max_num_queries: Any) -> None:
    packs = world.maker.commissions(serial=[f"S{n}" for n in range(300)])
    rows = []
    for n in (1, 300):
        signed = sign_over(world.stranger, document(world.stranger.dispensing(packs[:n])), heads_of(*packs[:n]))
        with django_assert_max_num_queries(80) as queries, pytest.raises(Conflict):
            capture.capture(signed.received, signed.opening, signed.statement, now=world.now)
        rows.append(len(queries))
    assert Alarm.objects.count() == 300
    assert rows[1] - rows[0] <= 12
