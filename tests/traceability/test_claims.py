"""What is refused and kept: every pack of a claim that contradicts the record, and nobody's own slips."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.signing import Signed, heads_of, sign, sign_over
from tests.traceability.story import demand_order, insisting, refused
from tests.world import GTIN, LOT, Party, World, document, unit
from traceability import capture
from traceability.dscsa.verification import verify
from traceability.errors import Refusal
from traceability.models import Alarm, Sighting


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


def hand_in(world: World, signed: Signed) -> None:
    capture.capture(signed.received, signed.opening, signed.statement, now=world.now)


def sighted() -> set[tuple[str, str]]:
    return set(Sighting.objects.values_list("epc", "code"))


def reason(world: World, serial: str, party: Party) -> str:
    scan = f"(01){GTIN}(17)281231(10){LOT}(21){serial}"
    return str(verify(scan, party.partner, now=world.now).reason)


def test_every_pack_of_a_refused_claim_is_sighted(world: World) -> None:
    """Of a sheet of clones, each has its original somewhere."""
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    world.maker.ships(packs, to=world.pharmacy)
    world.pharmacy.dispenses(packs[2])
    refused("not_holder", insisting, world.stranger, world.stranger.dispensing(packs))
    assert sighted() == {(packs[0], "in_transit"), (packs[1], "in_transit"), (packs[2], "already_dispensed")}
    world.pharmacy.receives(packs[:2], sender=world.maker)
    assert [reason(world, serial, world.pharmacy) for serial in ("A1", "A2")] == ["seen_elsewhere"] * 2


def test_one_that_nobody_knows_does_not_hide_the_others(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    refused("unknown_item", insisting, world.stranger, world.stranger.dispensing([unit("A0"), pack]), error=Refusal)
    assert sighted() == {(pack, "not_holder")}


def test_a_refused_claim_is_kept_whole_and_once(world: World) -> None:
    packs = world.maker.commissions(serial=[f"A{n}" for n in range(5)])
    false = sign_over(world.stranger, document(world.stranger.dispensing(packs)), heads_of(*packs))
    for _ in range(3):
        refused("not_holder", hand_in, world, false)
    assert Sighting.objects.count() == 5
    assert Sighting.objects.exclude(statement=None).count() == 1


def test_the_number_of_queries_is_that_of_one(world: World) -> None:
    """Alarms are raised within it: each is one statement more, however many packs are claimed."""

    def queries(packs: list[str]) -> int:
        false = sign_over(world.stranger, document(world.stranger.dispensing(packs)), heads_of(*packs))
        with CaptureQueriesContext(connection) as asked:
            refused("not_holder", hand_in, world, false)
        return len(asked)

    one = queries(world.maker.commissions(serial=["A0"]))
    assert queries(world.maker.commissions(serial=[f"A{n}" for n in range(1, 301)])) == one
    assert Sighting.objects.count() == Alarm.objects.count() == 301


# ---- nobody's second pack -------------------------------------------------------------------------------------------


def test_a_shipment_sent_off_twice_is_no_second_pack(world: World) -> None:
    """Two drafts of one shipment, both signed; also when it has arrived meanwhile."""
    packs = world.maker.commissions(serial=["A1", "A2"])
    first, second = (sign(world.maker, document(world.maker.shipping(packs, world.pharmacy))) for _ in range(2))
    hand_in(world, first)
    refused("in_transit", hand_in, world, second)
    world.pharmacy.receives(packs, sender=world.maker)
    refused("not_holder", insisting, world.maker, world.maker.shipping(packs, world.pharmacy))
    assert sighted() == set()


def test_a_pack_dispensed_twice_by_one_party_is_no_second_pack(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    first, second = (sign(world.pharmacy, document(world.pharmacy.dispensing(pack))) for _ in range(2))
    hand_in(world, first)
    refused("already_dispensed", hand_in, world, second)
    refused("already_dispensed", insisting, world.pharmacy, world.pharmacy.shipping(pack, world.maker))
    assert sighted() == set()


def test_a_serial_number_given_twice_in_one_house_is_no_second_pack(world: World) -> None:
    first, second = (sign(world.maker, document(world.maker.commissioning(unit("A1")))) for _ in range(2))
    hand_in(world, first)
    refused("already_commissioned", hand_in, world, second)
    assert sighted() == set()


# ---- somebody's -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["dispensing", "commissioning"])
def test_who_ends_or_begins_what_it_has_sent_off_has_another(world: World, claim: str) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    code = {"dispensing": "in_transit", "commissioning": "already_commissioned"}[claim]
    refused(code, insisting, world.maker, getattr(world.maker, claim)(pack))
    assert sighted() == {(pack, code)}


def test_who_had_it_once_and_neither_has_nor_sent_it_last_is_no_exception(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    world.distributor.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.distributor)
    refused("not_holder", insisting, world.maker, world.maker.shipping(pack, world.pharmacy))
    assert sighted() == {(pack, "not_holder")}
