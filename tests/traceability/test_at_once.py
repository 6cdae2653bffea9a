"""Two at a time over the same things: whichever comes first, the record is in order, and no error is ours."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection

from ledger.tlog.cose import PrivateKey
from partners.models import Partner, Product, Role
from tests.signing import Signed, sign
from tests.traceability.story import a_case, a_pallet, custody, demand_order, off_node, retracted
from tests.world import CASE_GTIN, GTIN, Party, World, document, gln, unit
from traceability import capture, master_data, registration, statements
from traceability.demo.documents import sscc
from traceability.errors import Refusal
from traceability.master_files import PRODUCTS
from traceability.models import Draft, Submission
from traceability.moving import Move
from traceability.requesting import Done, Wanted, request

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


def test_the_same_request_at_once_is_told_once(world: World) -> None:
    """By a key that the node holds: nobody else would notice that it signed twice."""
    world.entrusts(world.maker)
    partner, now = world.maker.partner, world.now
    label = "(01)00614141123452(17)281231(10)L42(21)A1"
    move = Move.parse({"move": "commission", "scans": [label]}, now.date())

    def asked() -> str:
        done = request(Wanted(move, "R1"), partner, now=now)
        assert isinstance(done, Done)
        return str(done.submission.submission)

    assert len(set(at_once(*[asked] * 4))) == 1
    assert Submission.objects.count() == 1


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


# ---- rights that come and go while somebody relies on them ----------------------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that takes its time between what it has found to hold and the number that says when it held."""
    monkeypatch.setattr(capture, "failpoint", lambda at: time.sleep(0.1 * (at == "capture.judged")))


def registers(world: World, statement: statements.Statement, key: PrivateKey) -> Callable[[], Any]:
    envelope = statements.sign(statement, key)

    def register() -> Any:
        time.sleep(0.05)
        return registration.register(envelope, now=world.now)

    return register


def in_their_order(world: World, act: Signed, change: Callable[[], Any]) -> Any:
    """What the act came to. One comes before the other, and a replay in the order of the log judges as was judged."""
    came_to, changed = at_once(hand_in(world, act), change)
    assert not isinstance(changed, Refusal)
    demand_order()
    return came_to


def test_a_prefix_is_granted_while_a_pallet_of_it_is_numbered(world: World, slow: None) -> None:
    for number in range(ROUNDS):
        packs = world.maker.commissions(serial=[f"A{number}"])
        foreign = f"https://id.gs1.org/00/{sscc(f'952109{number}', 1)}"
        act = sign(world.maker, document(world.maker.packing(packs, foreign)))
        said = statements.Prefix(about=world.stranger.gln, gtins=(f"952109{number}",), **world._from(world.authority))
        in_their_order(world, act, registers(world, said, world.authority.key))


def test_a_delegation_is_taken_back_while_the_agent_acts(world: World, slow: None) -> None:
    for number in range(ROUNDS):
        pack = world.maker.commissions(serial=f"A{number}")
        given = world.delegates(world.maker, world.distributor, "shipping")
        act = sign(world.distributor, document(world.maker.shipping(pack, world.pharmacy)))
        said = statements.Revocation(about=world.maker.gln, entry=given, **world._from(world.maker))
        came_to = in_their_order(world, act, registers(world, said, world.maker.key))
        assert not isinstance(came_to, Refusal) or came_to.code == "told_mismatch"


def test_a_licence_ends_while_somebody_ships_to_its_holder(world: World, slow: None) -> None:
    for number in range(ROUNDS):
        given = world.licenses(world.pharmacy)
        pack = world.maker.commissions(serial=f"A{number}")
        act = sign(world.maker, document(world.maker.shipping(pack, world.pharmacy)))
        said = statements.Revocation(about=world.pharmacy.gln, entry=given, **world._from(world.authority))
        came_to = in_their_order(world, act, registers(world, said, world.authority.key))
        assert not isinstance(came_to, Refusal) or came_to.code == "partner_not_authorized"


def test_a_hold_is_set_while_its_pallet_leaves(world: World, slow: None) -> None:
    for number in range(ROUNDS):
        load, _, packs = a_pallet(world, number)
        act = sign(world.maker, document(world.maker.shipping(load, world.pharmacy)))
        said = hold(world, packs[0])
        came_to = in_their_order(world, act, registers(world, said, world.maker.key))
        assert not isinstance(came_to, Refusal) or came_to.code == "on_hold"


def test_a_hold_is_released_while_somebody_dispenses(world: World, slow: None) -> None:
    for number in range(ROUNDS):
        pack = world.maker.commissions(serial=f"A{number}")
        act = sign(world.maker, document(world.maker.dispensing(pack)))
        entry = world.registers(hold(world, pack), world.maker.key)
        said = statements.Release(about=world.maker.gln, entry=entry, reason="dry", **world._from(world.maker))
        came_to = in_their_order(world, act, registers(world, said, world.maker.key))
        assert not isinstance(came_to, Refusal) or came_to.code == "on_hold"


def test_a_hold_is_set_while_a_commissioning_is_declared_an_error(world: World, slow: None) -> None:
    for number in range(ROUNDS):
        told = world.maker.commissioning([unit(f"A{number}")])
        world.maker.tells(told)
        act = sign(world.maker, document(retracted(told)))
        said = hold(world, unit(f"A{number}"), by=world.regulator)
        in_their_order(world, act, registers(world, said, world.regulator.key))


def hold(world: World, epc: str, by: Party | None = None) -> statements.Hold:
    kind, holder = statements.HoldKind.QUARANTINE, by or world.maker
    return statements.Hold(about=holder.gln, hold=kind, reason="wet", epc=epc, **world._from(holder))


def test_of_two_that_apply_what_they_were_shown_one_does(world: World) -> None:
    """And the other is told to look again."""
    for number in range(ROUNDS):
        files = [[f"gtin,name\n{GTIN},Name {number} {each}\n".encode()] for each in "AB"]
        shown = [master_data.compare(PRODUCTS, master_data.bring(each, PRODUCTS), gln(100), now=world.now)
                 for each in files]  # fmt: skip

        def apply(which: int, files: Any = files, shown: Any = shown) -> Any:
            brought = master_data.bring(files[which], PRODUCTS)
            return master_data.apply(PRODUCTS, brought, gln(100), shown[which].digest, now=world.now)

        results = at_once(partial(apply, 0), partial(apply, 1))
        refused = [each for each in results if isinstance(each, Refusal)]
        assert [each.code for each in refused] == ["differences_changed"]
        standing = Product.objects.get(replaced=None, valid_to=None)
        done = next(which for which, each in enumerate(results) if not isinstance(each, Refusal))
        assert standing.name == f"Name {number} {'AB'[done]}"
        world.passes(days=1)
