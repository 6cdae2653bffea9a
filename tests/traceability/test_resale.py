"""What came back is sold on only once it was verified: by every way in which it can be, and by nobody else's word."""

import pytest

from partners.access import Purpose
from partners.models import AccessRecord
from tests.traceability.story import refused
from tests.world import EXPIRY, GTIN, LOT, Party, World, document, pallet, unit
from traceability.capture import draft
from traceability.dscsa.returns import Checked, check
from traceability.dscsa.verification import REASONS, Verdict, verify
from traceability.errors import Refusal
from traceability.rebuild import rebuild
from traceability.resale import SALEABLE

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(own_keys_and_authorities: None) -> World:
    return World()


def label(serial: str, lot: str = LOT) -> str:
    return f"]d201{GTIN}17{EXPIRY[2:].replace('-', '')}10{lot}\x1d21{serial}"


def checked(world: World, serial: str = "A1", by: Party | None = None, lot: str = LOT) -> Checked:
    return check(label(serial, lot), (by or world.distributor).partner, now=world.passes())


def sold(world: World, *serials: str) -> list[str]:
    """Made, sold to the distributor, and by it to the pharmacy."""
    packs = [world.maker.commissions(serial=serial) for serial in serials]
    for seller, buyer in ((world.maker, world.distributor), (world.distributor, world.pharmacy)):
        seller.ships(packs, to=buyer)
        buyer.receives(packs, sender=seller)
    return packs


def comes_back(world: World, *serials: str) -> list[str]:
    packs = sold(world, *serials)
    world.pharmacy.sends_back(packs, to=world.distributor)
    world.distributor.takes_back(packs, sender=world.pharmacy)
    return packs


# ---- selling on -----------------------------------------------------------------------------------------------------


def test_what_came_back_is_shipped_once_it_was_verified(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    refused("return_not_verified", world.distributor.ships, pack, to=world.other_pharmacy, error=Refusal)
    assert checked(world).is_saleable
    world.distributor.ships(pack, to=world.other_pharmacy)


def test_verified_on_the_dock_before_it_is_taken_back_is_soon_enough(world: World) -> None:
    (pack,) = sold(world, "A1")
    world.pharmacy.sends_back(pack, to=world.distributor)
    assert checked(world).reason == "pending_in_log"
    world.distributor.takes_back(pack, sender=world.pharmacy)
    world.distributor.ships(pack, to=world.other_pharmacy)


def test_each_time_it_comes_back_it_is_verified_again(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    assert checked(world).is_saleable
    world.distributor.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.distributor)
    world.pharmacy.sends_back(pack, to=world.distributor)
    world.distributor.takes_back(pack, sender=world.pharmacy)
    refused("return_not_verified", world.distributor.ships, pack, to=world.pharmacy, error=Refusal)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - {Purpose.SALEABLE_RETURN}))
def test_a_verification_for_another_purpose_does_not_count(world: World, purpose: Purpose) -> None:
    (pack,) = comes_back(world, "A1")
    verify(label("A1"), world.distributor.partner, purpose, now=world.passes())
    refused("return_not_verified", world.distributor.ships, pack, to=world.pharmacy, error=Refusal)


def test_anothers_verification_does_not_count(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    for other in (world.maker, world.pharmacy, world.regulator):
        checked(world, by=other)
    refused("return_not_verified", world.distributor.ships, pack, to=world.pharmacy, error=Refusal)


def test_a_number_without_the_pack_does_not_count(world: World) -> None:
    """Anybody can type a serial number off a list; lot and expiry stand on the pack."""
    (pack,) = comes_back(world, "A1")
    assert not check(f"(01){GTIN}(21)A1", world.distributor.partner, now=world.passes()).is_saleable
    refused("return_not_verified", world.distributor.ships, pack, to=world.pharmacy, error=Refusal)


def test_a_pack_with_another_lot_is_not_saleable(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    assert checked(world, lot="OTHER").reason == "lot_mismatch"
    refused("return_not_verified", world.distributor.ships, pack, to=world.pharmacy, error=Refusal)


def test_a_held_pack_is_not_saleable(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    found = checked(world)
    assert (found.is_saleable, found.reason) == (False, "recalled")
    refused("on_hold", world.distributor.ships, pack, to=world.pharmacy, error=Refusal)


def test_to_pack_it_away_is_to_sell_it_on(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    refused("return_not_verified", world.distributor.packs, pack, into=pallet(7), error=Refusal)
    checked(world)
    world.distributor.packs(pack, into=pallet(7))
    world.distributor.ships(pallet(7), to=world.pharmacy)


def test_what_a_container_brought_back_is_verified_pack_by_pack(world: World) -> None:
    packs, box = [world.maker.commissions(serial=serial) for serial in ("A1", "A2")], pallet(1)
    world.maker.packs(packs, into=box)
    world.maker.ships(box, to=world.distributor)
    world.distributor.receives(box, sender=world.maker)
    world.distributor.ships(box, to=world.pharmacy)
    world.pharmacy.receives(box, sender=world.distributor)
    world.pharmacy.sends_back(box, to=world.distributor)
    world.distributor.takes_back(box, sender=world.pharmacy)
    refused("return_not_verified", world.distributor.ships, box, to=world.pharmacy, error=Refusal)
    world.distributor.unpacks(packs, out_of=box)
    checked(world)
    world.distributor.ships(packs[0], to=world.pharmacy)
    refused("return_not_verified", world.distributor.ships, packs[1], to=world.pharmacy, error=Refusal)


def test_in_one_document_nothing_is_taken_back_and_sold(world: World) -> None:
    (pack,) = sold(world, "A1")
    world.pharmacy.sends_back(pack, to=world.distributor)
    checked(world)
    events = world.distributor.taking_back(pack, world.pharmacy), world.distributor.shipping(pack, world.pharmacy)
    refused("return_not_verified", world.distributor.tells, *events, error=Refusal)


def test_back_to_its_supplier_it_goes_as_it_is(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    world.distributor.sends_back(pack, to=world.maker)
    world.maker.takes_back(pack, sender=world.distributor)
    refused("return_not_verified", world.maker.ships, pack, to=world.distributor, error=Refusal)
    world.maker.destroys(pack)


def test_others_that_were_never_returned_are_not_asked_about(world: World) -> None:
    comes_back(world, "A1")
    world.distributor.ships(received(world, "B1"), to=world.pharmacy)


def received(world: World, serial: str) -> str:
    pack: str = world.maker.commissions(serial=serial)
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    return pack


def test_i8_a_replay_does_not_ask_what_was_verified(world: World) -> None:
    """What was lawful when it was accepted is judged so again, though the record of it may be gone by then."""
    (pack,) = comes_back(world, "A1")
    checked(world)
    world.distributor.ships(pack, to=world.pharmacy)
    AccessRecord.objects.all().delete()
    assert rebuild() == []


def test_a_draft_says_it_before_anything_is_signed(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    said = document(world.distributor.shipping(pack, world.pharmacy))
    with pytest.raises(Refusal) as refusal:
        draft(said, world.distributor.partner, content_type="application/json", now=world.passes())
    assert (refusal.value.code, refusal.value.epc) == ("return_not_verified", pack)


# ---- the desk -------------------------------------------------------------------------------------------------------


def test_it_is_tied_to_its_last_sale(world: World) -> None:
    sold(world, "A1")
    found = checked(world)
    assert found.sale is not None
    assert (found.sale.party, found.sale.consignee, found.sale.carrier) == (
        world.distributor.gln, world.pharmacy.gln, unit("A1"),
    )  # fmt: skip
    assert (found.is_saleable, found.reason) == (True, "held_by_other")  # until it is taken back


def test_a_shipment_that_was_called_off_was_no_sale(world: World) -> None:
    pack = received(world, "A1")
    world.distributor.ships(pack, to=world.pharmacy)
    world.distributor.calls_off(pack, to=world.pharmacy)
    found = checked(world)
    assert (found.sale, found.is_saleable, found.reason) == (None, False, "not_sold_by_you")


def test_whoever_never_sold_it_is_told_that_and_no_more(world: World) -> None:
    sold(world, "A1")
    found = checked(world, by=world.stranger)
    assert (found.sale, found.is_saleable, found.answer.hops) == (None, False, ())


def test_every_check_is_on_record(world: World) -> None:
    sold(world, "A1")
    checked(world)
    row = AccessRecord.objects.latest("pk")
    assert (row.reader, row.subject, row.purpose, row.in_hand) == (
        world.distributor.gln, unit("A1"), "saleable_return", True,
    )  # fmt: skip


def test_what_is_saleable_is_named_by_reasons_that_advise_nothing_worse_than_caution() -> None:
    assert {REASONS[code].verdict for code in SALEABLE} == {Verdict.VERIFIED, Verdict.CAUTION}
