"""What a hold lies over stays where it is, until it is released: by whom, over what, and what is told of it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.access import Purpose
from partners.models import Hold
from tests.traceability.story import (
    a_case,
    a_pallet,
    custody,
    demand_order,
    exceptions,
    held_up,
    inside_of,
    off_node,
    refused,
)
from tests.traceability.test_proving import checked
from tests.world import GTIN, LOT, Party, World, case, pallet, unit
from traceability.dscsa.verification import Verdict, verify
from traceability.errors import NotAllowed, Refusal
from traceability.models import Registration
from traceability.registration import register, remarks
from traceability.statements import HoldKind


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


@pytest.fixture
def pack(world: World) -> str:
    """With the pharmacy."""
    epc: str = world.maker.commissions(serial="A1")
    world.maker.ships(epc, to=world.pharmacy)
    world.pharmacy.receives(epc, sender=world.maker)
    return epc


def asked(world: World, serial: str, by: Party | None = None) -> str:
    code = f"(01){GTIN}(21){serial}(10){LOT}(17)281231"
    return verify(code, by.partner if by else None, Purpose.TRACING, now=world.now).reason


# ---- what it stops --------------------------------------------------------------------------------------------------


def test_what_is_held_is_not_packed_shipped_or_dispensed_until_it_is_released(world: World, pack: str) -> None:
    pharmacy = world.pharmacy
    entry = world.holds(pharmacy, "quarantine", epc=pack)
    held_up(pharmacy.dispenses, pack)
    held_up(pharmacy.ships, pack, to=world.other_pharmacy)
    held_up(pharmacy.packs, pack, into=pallet(1))
    pharmacy.observes(pack)
    world.releases(entry, pharmacy)
    pharmacy.dispenses(pack)
    assert custody(pack)[0] == "dispensed"


def test_what_is_held_is_received_and_taken_out_of_use(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.holds(world.maker, gtin=GTIN)
    world.pharmacy.receives(pack, sender=world.maker)
    world.pharmacy.decommissions(pack)
    assert custody(pack)[0] == "decommissioned"


def test_it_goes_back_to_whoever_holds_it_up_and_to_nobody_else(world: World, pack: str) -> None:
    world.holds(world.maker, gtin=GTIN, lot=LOT)
    held_up(world.pharmacy.ships, pack, to=world.distributor)
    world.pharmacy.ships(pack, to=world.maker)
    world.maker.receives(pack, sender=world.pharmacy)
    held_up(world.maker.ships, pack, to=world.pharmacy)


def test_each_of_two_holds_has_to_be_released_and_both_are_told(world: World, pack: str) -> None:
    own, other = world.holds(world.pharmacy, "suspect", epc=pack), world.holds(world.maker, gtin=GTIN, lot=LOT)
    told = held_up(world.pharmacy.dispenses, pack)
    assert told.detail == f"{pack} is on hold: suspect, particles found; recall, particles found"
    assert told.expected == f"a release by {world.maker.gln} and by {world.pharmacy.gln}, or by an authority"
    world.releases(own, world.pharmacy)
    held_up(world.pharmacy.dispenses, pack)
    world.releases(other, world.maker)
    world.pharmacy.dispenses(pack)


@pytest.mark.parametrize(
    ("what", "stopped"),
    [
        ({"gtin": GTIN}, "A1 A2 B1"),
        ({"gtin": GTIN, "lot": LOT}, "A1 A2"),
        ({"gtin": GTIN, "lot": "L4"}, ""),
        ({"gtin": GTIN, "first": "A1", "last": "A1"}, "A1"),
        ({"gtin": GTIN, "first": "A2", "last": "B9"}, "A2 B1"),
        ({"gtin": GTIN, "first": "A", "last": "B"}, ""),
        ({"gtin": GTIN, "lot": LOT, "first": "A2", "last": "B9"}, "A2"),
        ({"epc": unit("B1")}, "B1"),
    ],
    ids=str,
)
@pytest.mark.parametrize("on_pallets", [False, True], ids=["loose", "packed"])
def test_it_covers_what_it_names(world: World, what: dict[str, Any], stopped: str, on_pallets: bool) -> None:
    """Alone, and on a pallet that would go: there by what the database says of all that is in it."""
    maker = world.maker
    maker.commissions(serial=["A1", "A2"])
    maker.commissions(serial="B1", lot="L43")
    loads = {serial: unit(serial) for serial in ("A1", "A2", "B1")}
    if on_pallets:
        for number, serial in enumerate(loads, 1):
            loads[serial] = maker.packs(a_case(world, f"C{serial}", unit(serial)), into=pallet(number))
    world.holds(maker, **what)
    world.opens_case()
    for serial, load in loads.items():
        if serial in stopped.split():
            held_up(maker.ships, load, to=world.distributor)
        else:
            maker.ships(load, to=world.distributor)
        assert (asked(world, serial, by=world.regulator) == "recalled") == (serial in stopped.split())


def test_a_held_container_stays_as_it_is(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.holds(world.maker, "stolen", epc=load)
    held_up(world.maker.unpacks, boxes[0], out_of=load)
    held_up(world.maker.dispenses, packs[0])
    held_up(world.maker.observes, packs[0])
    held_up(world.maker.decommissions, boxes[0])
    held_up(world.maker.ships, load, to=world.distributor)
    world.maker.observes(load)
    assert inside_of(packs[0]) == boxes[0]
    assert asked(world, "U10") == "stolen"


def test_of_a_held_container_no_part_is_received(world: World) -> None:
    load, boxes, _ = a_pallet(world)
    world.maker.ships(load, to=world.distributor)
    world.holds(world.maker, "stolen", epc=load)
    held_up(world.distributor.receives, boxes[0], sender=world.maker)
    held_up(world.distributor.receives, [boxes[0], unit("U13")], sender=world.maker)
    world.distributor.receives(load, sender=world.maker)


def test_what_is_held_is_taken_out_of_its_container_and_the_rest_goes_on(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    world.holds(world.maker, epc=packs[0])
    told = held_up(world.maker.ships, load, to=world.distributor)
    assert told.detail.startswith(packs[0])  # of a thousand
    assert told.epc == load
    world.maker.unpacks(boxes[0], out_of=load)
    world.maker.ships(load, to=world.distributor)
    held_up(world.maker.ships, boxes[0], to=world.distributor)


def test_of_a_held_lot_nothing_more_leaves_the_line(world: World) -> None:
    maker = world.maker
    world.holds(maker, gtin=GTIN, lot=LOT)
    maker.commissions(serial="A1")
    made = maker.commissioning([unit("A2")])
    held_up(maker.tells, made, maker.shipping([unit("A2")], world.pharmacy))
    held_up(maker.tells, made, maker.packing([unit("A2")], pallet(1)))
    maker.tells(maker.commissioning([unit("B1")], lot="L43"), maker.shipping([unit("B1")], world.pharmacy))


def test_what_others_tell_of_what_is_held_waits(world: World) -> None:
    sender = off_node(world)
    world.pharmacy.tells(sender.commissioning([unit("A1")]), sender.shipping([unit("A1")], world.pharmacy))
    world.pharmacy.receives(unit("A1"), sender=sender)
    world.holds(world.pharmacy, "suspect", epc=unit("A1"))
    elsewhere = off_node(world, 901)
    reported = sender.commissioning([unit("A2")]), sender.shipping([unit("A2")], elsewhere)
    world.holds(world.regulator, "stolen", gtin=GTIN, first="A2", last="A2")
    world.pharmacy.tells(*reported)
    assert exceptions() == {"awaits_statement"}
    assert custody(unit("A2")) == ("held", sender.gln)


def test_an_error_is_put_right_under_a_hold(world: World, pack: str) -> None:
    """What did not happen is no move."""
    shipped = world.pharmacy.shipping([pack], world.other_pharmacy)
    world.pharmacy.tells(shipped)
    world.holds(world.maker, gtin=GTIN)
    world.pharmacy.tells(shipped | {"errorDeclaration": {"declarationTime": "2026-06-01T00:00:00Z"}})
    assert custody(pack) == ("held", world.pharmacy.gln)


def test_by_the_logs_order_what_went_before_stands(world: World, pack: str) -> None:
    world.pharmacy.dispenses(pack)
    world.holds(world.maker, gtin=GTIN)
    assert asked(world, "A1") == "already_dispensed"


# ---- who may --------------------------------------------------------------------------------------------------------


def test_whoever_has_it_may_issue_it_or_watches_over_it_may_hold_it(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    for party in (world.maker, world.regulator):
        world.holds(party, "suspect", epc=pack)
    world.holds(world.maker, "suspect", signed_by=world.authority, epc=pack)
    world.holds(world.regulator, "stolen", gtin=GTIN)
    assert Hold.objects.count() == 4


def test_a_consignee_holds_what_is_on_its_way_to_it(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.holds(world.pharmacy, "suspect", epc=pack)
    world.pharmacy.receives(pack, sender=world.maker)
    held_up(world.pharmacy.dispenses, pack)


ANOTHERS = [{"epc": unit("A1")}, {"epc": unit("NONE")}, {"gtin": GTIN}, {"epc": pallet(7)}]


@pytest.mark.parametrize("what", ANOTHERS, ids=str)
def test_i7_nobody_else_does_and_known_and_unknown_look_the_same(world: World, pack: str, what: dict[str, str]) -> None:
    refusal = refused("authority_needed", world.holds, world.stranger, error=NotAllowed, **what)
    assert (refusal.where, refusal.found) == ("hold", world.stranger.gln)
    assert refusal.expected is not None
    assert "A1" not in refusal.expected


def test_a_hold_that_could_lie_over_nothing_is_not_taken(world: World) -> None:
    urn = "urn:epc:id:sgtin:0614141.012345.A1"
    refused("malformed_identifier", world.holds, world.regulator, error=Refusal, epc=urn)


def test_only_who_set_it_or_an_authority_releases_it(world: World, pack: str) -> None:
    entry = world.holds(world.pharmacy, "suspect", epc=pack)
    for party in (world.maker, world.regulator, world.stranger):
        refused("authority_needed", world.releases, entry, party, error=NotAllowed)
    refused("authority_needed", world.releases, "00" * 32, world.maker, error=NotAllowed)
    world.releases(entry, world.pharmacy, by=world.authority)
    refused("revoked_twice", world.releases, entry, world.pharmacy, error=Refusal)
    refused("nothing_to_revoke", world.takes_back, entry, world.pharmacy, world.authority, error=Refusal)
    world.pharmacy.dispenses(pack)


def test_the_same_hold_again_is_the_same(world: World, pack: str) -> None:
    world.holds(world.pharmacy, "suspect", epc=pack)
    row = Hold.objects.get()
    said = Registration.objects.get(entry=row.registered)
    assert register(bytes(said.envelope), now=world.now)[0] == said
    assert Hold.objects.count() == 1


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"gtin": GTIN, "lot": LOT}, None),
        ({"gtin": GTIN, "first": "A1", "last": "A1"}, None),
        ({"epc": unit("A1")}, None),
        ({"gtin": GTIN, "lot": "l42"}, "hold_over_nothing"),
        ({"gtin": "50614141123457"}, "hold_over_nothing"),
        ({"gtin": GTIN, "first": "B1", "last": "B2"}, "hold_over_nothing"),
        ({"epc": unit("NONE")}, "hold_over_nothing"),
    ],
    ids=str,
)
def test_a_hold_over_nothing_is_remarked_upon(world: World, pack: str, what: dict[str, Any], code: str | None) -> None:
    entry = bytes.fromhex(world.holds(world.regulator, **what))
    assert [each.code for each in remarks(Registration.objects.get(entry__entry=entry))] == [code] * (code is not None)


# ---- what is told of it ---------------------------------------------------------------------------------------------


REASONS = {"quarantine": "quarantined", "recall": "recalled", "stolen": "stolen", "suspect": "suspect"}


@pytest.mark.parametrize("kind", HoldKind)
def test_every_verdict_says_so_at_once(world: World, pack: str, kind: HoldKind) -> None:
    entry = world.holds(world.maker, kind, epc=pack)
    for by in (None, world.pharmacy, world.maker, world.regulator, world.stranger):
        assert asked(world, "A1", by) == REASONS[kind]
    answer = verify(f"(01){GTIN}(21)A1", world.pharmacy.partner, now=world.now)
    assert answer.verdict is Verdict.REFUSED
    told = [(held.kind, held.by, held.reason, held.entry) for held in answer.holds]
    assert told == [(kind, world.maker.gln, "particles found", entry)]
    assert answer.checks[8].sentence == answer.sentence
    world.releases(entry, world.maker)
    assert asked(world, "A1", world.pharmacy) == "pending_in_log"


@pytest.mark.django_db(transaction=True)
def test_i6_the_proof_carries_the_nodes_word_of_it(world: World) -> None:
    _, boxes, packs = a_pallet(world)
    world.holds(world.maker, "suspect", epc=boxes[0])
    world.holds(world.maker, "recall", gtin=GTIN, first="U10", last="U10")
    report = checked(world, packs[0], world.maker)
    assert report.holds == ("recall", "suspect")
    assert report.verdict == "caution"
    assert checked(world, unit("U12"), world.maker).holds == ()


# ---- what it costs --------------------------------------------------------------------------------------------------


def test_a_hold_is_one_row_and_what_it_stops_is_found_in_a_constant_number_of_queries(world: World) -> None:
    def shipping(number: int, cases: int) -> int:
        load, _, _ = a_pallet(world, number, cases=cases)
        with CaptureQueriesContext(connection) as queries:
            world.maker.ships(load, to=world.distributor)
        return len(queries)

    alone = shipping(1, 1)
    world.holds(world.maker, gtin=GTIN, lot="L99")
    world.holds(world.maker, epc=case("NONE"))
    assert Hold.objects.count() == 2
    few, many = shipping(2, 1), shipping(3, 9)
    assert few == many
    assert few - alone <= 16  # drafted and captured; two are for each level of containers
