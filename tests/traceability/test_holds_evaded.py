"""Ways around a hold that were tried, ways to make one of others' goods, and what a hold must not tell."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from partners.gs1.identifiers import Pgln, check_digit
from partners.models import AccessRecord, Hold
from tests.traceability.story import (
    a_case,
    a_pallet,
    custody,
    demand_order,
    exceptions,
    held_up,
    inside_of,
    insisting,
    off_node,
    refused,
    retracted,
)
from tests.traceability.test_archive import exported
from tests.traceability.test_proving import integrate, trusted
from tests.world import GTIN, LOT, Party, World, document, pallet, unit
from traceability import capture, erasure, registration
from traceability.archive import examine_archive
from traceability.audit import Finding, audit, begin
from traceability.custody import PLAIN, Told, Voice
from traceability.dscsa.verification import verify
from traceability.epcis.documents import parse
from traceability.errors import NotAllowed, Refusal
from traceability.models import Sighting
from traceability.statements import Submission as Said
from traceability.submission import Opening, grow, payload
from traceability.telling import Members, handoff


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> Any:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    world = World()
    yield world
    demand_order()


@pytest.fixture
def pack(world: World) -> str:
    """With the pharmacy."""
    epc: str = world.maker.commissions(serial="A1")
    world.maker.ships(epc, to=world.pharmacy)
    world.pharmacy.receives(epc, sender=world.maker)
    return epc


def reason(world: World, serial: str, by: Party | None = None, lot: str = LOT) -> str:
    code = f"(01){GTIN}(21){serial}(10){lot}(17)281231"
    return verify(code, by.partner if by else None, now=world.now).reason


# ---- by telling of another lot --------------------------------------------------------------------------------------


def test_another_lot_told_by_others_in_the_same_document(world: World, pack: str) -> None:
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    lie = world.maker.commissioning([pack], lot="OTHER")
    held_up(world.pharmacy.tells, lie, world.pharmacy.dispensing([pack]))


def test_another_lot_in_an_error_declaration_of_what_never_was(world: World, pack: str) -> None:
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    lie = retracted(world.pharmacy.commissioning([pack], lot="OTHER"))
    held_up(world.pharmacy.tells, lie, world.pharmacy.shipping([pack], world.stranger))


def test_commissioned_again_with_another_lot(world: World) -> None:
    maker, told = world.maker, world.maker.commissioning([unit("A1")])
    maker.tells(told)
    world.holds(world.regulator, gtin=GTIN, lot=LOT)
    again = maker.commissioning([unit("A1")], lot="L43")
    refused("already_commissioned", maker.tells, retracted(told), again, maker.shipping([unit("A1")], world.pharmacy))
    maker.tells(retracted(told))
    assert exceptions() == {"on_hold"}
    assert custody(unit("A1")) == ("held", maker.gln)


def test_a_lot_that_nobody_recorded_is_the_one_on_the_pack(world: World) -> None:
    sender = off_node(world)
    world.pharmacy.tells(sender.shipping([unit("Z1")], world.pharmacy))
    world.pharmacy.receives([unit("Z1")], sender=sender)
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    assert reason(world, "Z1", world.pharmacy) == "recalled"
    assert reason(world, "Z1", world.pharmacy, lot="L43") == "no_commissioning"


@pytest.mark.parametrize("lot", [" L42", "L42 "])
def test_a_lot_that_no_event_can_have_is_not_held(world: World, lot: str) -> None:
    refused("bad_value", world.holds, world.maker, error=Refusal, gtin=GTIN, lot=lot)


# ---- by containers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [{"epc": unit("A1")}, {"gtin": GTIN, "first": "A1", "last": "A1"}], ids=str)
def test_put_back_by_an_error_declaration_and_shipped_in_one_document(world: World, what: dict[str, Any]) -> None:
    maker = world.maker
    maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", unit("A1"), unit("A2"))
    world.holds(maker, **what)
    out = maker.unpacking([unit("A1")], box)
    maker.tells(out)
    held_up(maker.tells, retracted(out), maker.shipping(box, world.distributor))


def test_what_is_taken_out_in_the_same_document_stays_and_the_rest_goes(world: World) -> None:
    maker = world.maker
    maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", unit("A1"), unit("A2"))
    world.holds(maker, epc=unit("A1"))
    maker.tells(maker.unpacking([unit("A1")], box), maker.shipping(box, world.distributor))
    assert (custody(unit("A1"))[0], custody(unit("A2"))[0]) == ("held", "in_transit")


def test_under_a_pallet_that_is_numbered_like_the_product(world: World) -> None:
    """What begins with the digits of a GTIN is no trade item for that."""
    alike = "https://id.gs1.org/00/" + (digits := GTIN + "000") + check_digit(digits)
    world.maker.packs([world.maker.commissions(serial="A1")], into=alike)
    world.maker.packs([alike], into=pallet(1))
    world.holds(world.maker, gtin=GTIN)
    held_up(world.maker.ships, pallet(1), to=world.distributor)


def test_a_held_container_is_not_dissolved_by_declaring_its_packing_an_error(world: World) -> None:
    maker = world.maker
    packs = maker.commissions(serial=["A1", "A2"])
    packed = maker.packing(packs, pallet(1))
    maker.tells(packed)
    world.holds(world.regulator, "stolen", epc=pallet(1))
    held_up(maker.tells, retracted(packed), maker.shipping(packs, world.distributor))
    maker.tells(retracted(packed))
    assert exceptions() == {"on_hold"}
    assert inside_of(packs[0]) == pallet(1)


def test_nothing_is_put_back_into_a_held_container(world: World) -> None:
    maker = world.maker
    packs = maker.commissions(serial=["A1", "A2"])
    maker.packs(packs, into=pallet(1))
    out = maker.unpacking(packs[:1], pallet(1))
    maker.tells(out)
    world.holds(world.regulator, "stolen", epc=pallet(1))
    maker.tells(retracted(out))
    assert inside_of(packs[0]) is None


def test_nothing_is_packed_into_a_held_container_that_has_no_record_yet(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.holds(world.regulator, "stolen", epc=pallet(3))
    held_up(world.maker.packs, [pack], into=pallet(3))


def seen_with_children(party: Party, step: str, parent: str, children: Any, **members: Any) -> Members:
    time = party.world.passes()
    return party.teller.event("AggregationEvent", step, "OBSERVE", time, parentID=parent, childEPCs=children, **members)


def test_a_held_container_is_looked_at_and_received_however_that_is_told(world: World) -> None:
    load, boxes, _ = a_pallet(world)
    world.holds(world.maker, "stolen", epc=load)
    world.maker.tells(seen_with_children(world.maker, "inspecting", load, boxes))
    Hold.objects.all().delete()  # as if it came later
    world.maker.ships(load, to=world.distributor)
    world.holds(world.maker, "stolen", epc=load)
    between = handoff(world.maker.gln, world.distributor.gln)
    world.distributor.tells(seen_with_children(world.distributor, "receiving", load, boxes, **between))
    assert custody(load) == ("held", world.distributor.gln)


# ---- by others' word, and by selling --------------------------------------------------------------------------------


def test_what_others_tell_first_of_what_is_held_begins_nothing(world: World) -> None:
    world.holds(world.maker, gtin=GTIN)
    world.pharmacy.tells(off_node(world).shipping([unit("Z1")], world.pharmacy))
    assert exceptions() == {"awaits_statement"}


def test_what_goes_back_is_not_sold_to_another_on_its_way(world: World, pack: str) -> None:
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    shipped: dict[str, Any] = world.pharmacy.shipping([pack], world.maker)
    for each in shipped["destinationList"]:
        if each["type"] == "owning_party":
            each["destination"] = Pgln(world.stranger.gln).uri
    held_up(world.pharmacy.tells, shipped)


# ---- holds on what is others' ---------------------------------------------------------------------------------------


def test_nobody_holds_anothers_serial_number_by_a_report(world: World) -> None:
    world.stranger.tells(off_node(world).shipping([unit("A1")], world.stranger))
    refused("authority_needed", world.holds, world.stranger, "stolen", error=NotAllowed, epc=unit("A1"))


def full_audit(world: World) -> list[Finding]:
    found: list[Finding] = []
    audit(begin(full=True, now=world.now), now=world.passes, tell=found.append)
    return found


def test_a_hold_that_was_not_its_signers_to_say_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "_may_hold", lambda *_, **__: True)  # as an operator would
    world.holds(world.stranger, gtin=GTIN)
    integrate(world)
    assert [found.table for found in full_audit(world)] == ["traceability_registration"]


def test_a_forged_hold_is_found_and_nobody_else_is_blamed(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.holds(world.maker, gtin="50614141123457")
    world.maker.ships(pack, to=world.pharmacy)
    integrate(world)
    assert full_audit(world) == []
    Hold.objects.update(gtin=GTIN)
    assert {found.table for found in full_audit(world)} == {"partners_hold"}
    Hold.objects.update(gtin="50614141123457")


# ---- what it tells --------------------------------------------------------------------------------------------------


def test_i7_whoever_had_a_pack_is_not_told_by_its_hold_who_has_it(world: World, pack: str) -> None:
    world.pharmacy.ships(pack, to=world.other_pharmacy)
    world.other_pharmacy.receives(pack, sender=world.pharmacy)
    world.holds(world.other_pharmacy, "quarantine", epc=pack)
    answer = verify(f"(01){GTIN}(21)A1", world.maker.partner, now=world.now)
    assert (answer.reason, answer.holds) == ("quarantined", ())


def test_i7_an_agent_is_told_by_a_draft_why_and_of_that_there_is_a_record(world: World, pack: str) -> None:
    world.holds(world.pharmacy, "suspect", epc=pack)
    world.delegates(world.pharmacy, world.distributor, "dispensing")
    told = held_up(world.distributor.tells, world.pharmacy.dispensing([pack]))
    assert "suspect" in told.detail
    assert AccessRecord.objects.filter(reader=world.distributor.gln, subject=pack, what="draft").exists()
    received = document(world.pharmacy.dispensing([pack]))
    opening = Opening.draw([Told(Voice.AGENT, world.pharmacy.gln)], offline=True)
    tree = grow(parse(received, None, capture.limits()), received, opening, {}, {}, [PLAIN])
    said = payload(
        tree, log="localhost/log", submitter=world.distributor.gln, submission=str(uuid.uuid4()), time=world.now
    )
    told = held_up(world.distributor.hands_in, received, bytes(opening), Said.parse(said))
    assert (told.detail, told.expected) == (f"{pack} is on hold", None)


def test_a_hold_hides_no_clone(world: World, pack: str) -> None:
    held = world.maker.commissions(serial="A0")
    world.maker.ships(held, to=world.distributor)
    world.distributor.receives(held, sender=world.maker)
    world.holds(world.distributor, "suspect", epc=held)
    held_up(insisting, world.distributor, world.distributor.dispensing([held, pack]))
    assert Sighting.objects.get().epc == pack


# ---- what was erased, and what is exported --------------------------------------------------------------------------


def test_i8_what_waited_under_a_hold_replays_when_its_lot_is_erased(world: World) -> None:
    sender, other = off_node(world), off_node(world, 901)
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    told = world.pharmacy.tells(sender.commissioning([unit("A2")]), sender.shipping([unit("A2")], other))
    assert exceptions() == {"awaits_statement"}
    integrate(world)
    erasure.erase(told.submission.submission, reason="asked", now=world.passes())
    integrate(world)
    assert full_audit(world) == []


def test_i8_and_when_all_of_its_items_is(world: World) -> None:
    sender, other = off_node(world), off_node(world, 901)
    told = world.pharmacy.tells(sender.commissioning([unit("A2")]))
    entry = world.holds(world.maker, gtin=GTIN, lot=LOT)
    world.pharmacy.tells(sender.shipping([unit("A2")], other))
    world.releases(entry, world.maker)
    world.pharmacy.tells(sender.dispensing([unit("A2")]))
    integrate(world)
    world.now += timedelta(days=365 * 7)
    erasure.erase(told.submission.submission, reason="asked", now=world.passes(), items=True)
    integrate(world)
    assert full_audit(world) == []


@pytest.mark.parametrize("by", ["maker", "authority"])
def test_an_archive_shows_holds_and_grants_and_what_ended_them(world: World, tmp_path: Any, by: str) -> None:
    maker, ender = world.maker, getattr(world, by)
    world.releases(world.holds(maker, gtin=GTIN), maker, by=ender)
    world.takes_back(world.grants(maker, world.stranger), maker, by=ender)
    world.holds(maker, gtin=GTIN, lot=LOT, signed_by=world.authority)
    report = examine_archive(exported(world, maker.gln, tmp_path), trusted(world))
    assert report.failure is None
    assert report.counted["registrations"] == 8  # that it takes part, its key and its prefix, too


def test_an_archive_in_which_somebody_releases_anothers_hold_is_refused(
    world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = world.holds(world.regulator, gtin=GTIN)
    with monkeypatch.context() as operator:
        operator.setattr(registration, "is_its_own", lambda _: True)
        operator.setattr(registration, "_end", lambda *_: None)
        world.releases(entry, world.maker)
    report = examine_archive(exported(world, world.maker.gln, tmp_path), trusted(world))
    assert report.failure is not None
    assert report.failure.code == "nothing_to_revoke"
