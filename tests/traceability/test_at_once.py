"""Two at a time over the same things: whichever comes first, the record is in order, and no error is ours."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection

from partners.models import Partner, Role
from tests.signing import Signed, sign
from tests.traceability.story import a_case, a_pallet, custody, demand_order, off_node
from tests.world import CASE_GTIN, Party, World, document, gln, unit
from traceability import capture
from traceability.errors import Refusal
from traceability.models import Draft

ROUNDS = 4


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> Iterator[World]:
    world = World()
    yield world
    demand_order()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each came to: its result, or its refusal."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return act()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def hand_in(world: World, signed: Signed) -> Callable[[], Any]:
    return lambda: capture.capture(signed.received, signed.opening, signed.statement, now=world.now)


def test_the_same_bytes_drafted_at_once_are_one_draft(world: World) -> None:
    received = document(world.maker.commissioning(unit("A1")))
    partner, now = world.maker.partner, world.now

    def draft() -> bytes:
        return bytes(capture.draft(received, partner, content_type=None, now=now).draft)

    assert len({json.loads(each)["payload"]["submission"] for each in at_once(*[draft] * 6)}) == 1
    assert Draft.objects.count() == 1


def test_a_case_is_emptied_while_something_is_packed_into_it(world: World) -> None:
    for number in range(ROUNDS):
        packs = world.maker.commissions(serial=[f"A{number}", f"B{number}"])
        box = a_case(world, f"C{number}", packs[0])
        emptied = sign(world.maker, document(world.maker.unpacking([], box)))
        packed = sign(world.maker, document(world.maker.packing(packs[1:], box)))
        came_to = at_once(hand_in(world, emptied), hand_in(world, packed))
        assert sum(isinstance(each, Refusal) for each in came_to) == 1, came_to
        demand_order()


def test_a_pack_is_taken_from_a_pallet_that_is_just_leaving(world: World) -> None:
    for number in range(ROUNDS):
        load, boxes, packs = a_pallet(world, number)
        shipped = sign(world.maker, document(world.maker.shipping(load, world.pharmacy)))
        dispensed = sign(world.maker, document(world.maker.dispensing(packs[0])))
        moved = sign(world.maker, document(world.maker.unpacking(boxes[1:], load)))
        at_once(*(hand_in(world, each) for each in (shipped, dispensed, moved)))
        assert custody(load)[0] in ("held", "in_transit")
        demand_order()


def test_one_pack_is_packed_into_two_cases_at_once(world: World) -> None:
    for number in range(ROUNDS):
        pack = world.maker.commissions(serial=f"A{number}")
        boxes = world.maker.commissions(serial=[f"C{number}", f"D{number}"], gtin=CASE_GTIN)
        signed = [sign(world.maker, document(world.maker.packing([pack], box))) for box in boxes]
        came_to = at_once(*(hand_in(world, each) for each in signed))
        assert sum(isinstance(each, Refusal) for each in came_to) == 1, came_to


def test_two_parties_report_one_sender_at_once(world: World) -> None:
    maker = off_node(world)
    for number in range(ROUNDS):
        event = maker.shipping([unit(f"R{number}"), unit(f"S{number}")], world.pharmacy)
        signed = [sign(party, document(event)) for party in (world.pharmacy, world.distributor)]
        at_once(*(hand_in(world, each) for each in signed))
        assert custody(unit(f"R{number}")) == ("in_transit", maker.gln)


def test_a_party_joins_while_others_report_of_it(world: World) -> None:
    """Its key comes before their report, or after it: a replay finds the same (FORMATS section 6)."""
    for number in range(ROUNDS):
        maker = Party(world, gln(910 + number), f"Maker {number}", Role.MANUFACTURER)
        Partner.objects.create(gln=maker.gln, name=maker.name, role=maker.role)
        world.pharmacy.tells(maker.commissioning(unit(f"R{number}")))
        signed = sign(world.pharmacy, document(maker.shipping(unit(f"R{number}"), world.pharmacy)))
        at_once(hand_in(world, signed), partial(world.enrols, maker))
        demand_order()


def test_a_lock_that_does_not_come_is_no_deadlock(world: World) -> None:
    """What waits in vain is told to come back, and is not tried over and over."""
    tries = []

    def attempt() -> None:
        tries.append(1)
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        capture._again(attempt)
    assert tries == [1]
