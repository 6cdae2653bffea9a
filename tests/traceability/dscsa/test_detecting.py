"""GS1 US's list of serialized exceptions: each from what was found, by report and response, to the event that puts it
right."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.gs1.identifiers import Pgln
from tests.traceability.dscsa.test_exceptions import Dispute, answer, last_event, shows
from tests.traceability.story import custody, retracted
from tests.world import EXPIRY, GTIN, LOT, Party, World, pallet, unit
from traceability.dscsa.detecting import SCENARIOS, Drafted, Scenario, Seen, detect, tell_overdue
from traceability.dscsa.exceptions import State
from traceability.dscsa.pdg import ItemKind, Report, Resolution
from traceability.epcis.errors import DocumentError
from traceability.errors import NotFound
from traceability.models import Event, Notice
from traceability.moving import Thing
from traceability.statements import MessageKind
from traceability.tasks import overdue


def things(*epcs: str, lot: str = LOT, expiry: str = EXPIRY) -> tuple[Thing, ...]:
    return tuple(Thing(epc, lot, expiry) for epc in epcs)


def found(party: Party, *epcs: str, **seen: Any) -> list[Drafted]:
    asked = Seen(things=seen.pop("things", things(*epcs)), **seen)
    return detect(party.partner, asked, email="dock@example.com", order="PO-17", now=party.world.now)


def only(drafts: list[Drafted], *scenarios: Scenario) -> Drafted:
    (draft,) = drafts
    assert draft.scenarios == scenarios
    Report.parse(json.dumps(draft.message).encode())  # it can be sent
    return draft


def items(draft: Drafted) -> list[dict[str, Any]]:
    told: Any = draft.message["exceptions"]
    lists = {**told, **told.get("master_data_errors", {})}
    return [each for kind in ItemKind for each in lists.get(kind, ())]


class Settled:
    """What follows a draft: it is sent, agreed to, followed up and closed."""

    def __init__(self, world: World, draft: Drafted, *, to: Party | None = None) -> None:
        assert draft.to is not None or to is not None
        by_gln = {each.gln: each for each in (world.maker, world.distributor, world.pharmacy)}
        message = draft.message
        partner = to or by_gln[draft.to or ""]
        self.dispute = Dispute(
            world, world.distributor, partner, id=str(message["exception_case_uuid"]), shipment=draft.shipment
        )
        self.world, self.items = world, items(draft)
        self.dispute.sends(world.distributor, MessageKind.REPORT, dict(message))
        if self.items:
            self.dispute.responds(*(answer(item) for item in self.items))
        else:
            self.dispute.responds(notes="We look into it.")

    def by(self, party: Party, row: Event | None = None, note: str | None = None) -> None:
        """What was agreed on is done by this party, as this event, or a note, shows."""
        assert party.gln in self.dispute.seen().turn()
        self.dispute.follows_up(party, *(shows(item, row, note) for item in self.items))
        assert self.dispute.seen().state is State.TO_CLOSE
        self.closes()

    def closes(self) -> None:
        self.dispute.reports(resolved=True)
        assert self.dispute.seen(self.dispute.partner).state is State.RESOLVED


@pytest.fixture
def shipped(world: World) -> list[str]:
    """Four packs of one lot, on their way to the distributor."""
    packs: list[str] = world.maker.commissions(serial=["A1", "A2", "A3", "A4"])
    world.maker.ships(packs, to=world.distributor)
    return packs


def test_what_came_as_it_was_shipped_is_reported_to_nobody(world: World, shipped: list[str]) -> None:
    assert found(world.distributor, *shipped) == []
    assert found(world.distributor) == []


# ---- 1: more, or other --------------------------------------------------------------------------------------------


def test_1_1a_an_overage_is_kept_with_new_data(world: World, shipped: list[str]) -> None:
    extra = world.maker.commissions(serial="E1")
    draft = only(found(world.distributor, *shipped, extra), Scenario.OVERAGE)
    (item,) = items(draft)
    assert (item["quantity_ordered"], item["quantity_received"]) == (4, 5)
    assert draft.to == world.maker.gln
    settled = Settled(world, draft)
    world.maker.ships(extra, to=world.distributor)
    settled.by(world.maker, last_event())
    world.distributor.receives([*shipped, extra], sender=world.maker)
    assert custody(extra) == ("held", world.distributor.gln)


def test_1_1b_an_overage_goes_back(world: World, shipped: list[str]) -> None:
    extra = world.maker.commissions(serial="E1")
    asks = {Scenario.OVERAGE: Resolution.RETURN_PRODUCT}
    settled = Settled(world, only(found(world.distributor, *shipped, extra, asks=asks), Scenario.OVERAGE))
    world.maker.ships(extra, to=world.distributor)  # so that it is on record while it travels
    world.distributor.receives([*shipped, extra], sender=world.maker)
    world.distributor.sends_back(extra, to=world.maker)
    settled.by(world.distributor, last_event())
    world.maker.takes_back(extra, sender=world.distributor)
    assert custody(extra) == ("held", world.maker.gln)


def test_1_2_a_whole_shipment_has_another_lot(world: World) -> None:
    told = world.maker.commissioning([unit("A1"), unit("A2")], lot="L41")
    world.maker.tells(told)
    world.maker.tells(shipping := world.maker.shipping([unit("A1"), unit("A2")], world.distributor))
    draft = only(found(world.distributor, unit("A1"), unit("A2")), Scenario.WRONG_LOT)
    (item,) = items(draft)
    assert (item["received_product_lot"], item["product_data_lot"]) == (LOT, "L41")
    assert item["received_product_serial"] is item["product_data_serial"] is None, "it is about all of them"
    settled = Settled(world, draft)
    world.maker.tells(retracted(shipping))
    settled.by(world.maker, last_event())
    assert custody(unit("A1")) == ("held", world.maker.gln)


def test_1_2_one_pack_has_another_expiry(world: World, shipped: list[str]) -> None:
    seen = (*things(*shipped[1:]), *things(shipped[0], expiry="2029-12-31"))
    draft = only(found(world.distributor, things=seen), Scenario.WRONG_LOT)
    (item,) = items(draft)
    assert (item["product_data_serial"], item["received_product_expiry"]) == ("A1", "2029-12-31")


def test_1_3a_an_overage_is_found_when_a_pallet_is_opened(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "E1"])
    load = world.maker.packs(packs[:2], into=pallet(1))
    world.maker.ships(load, to=world.distributor)
    assert found(world.distributor, load) == []
    world.distributor.receives(load, sender=world.maker)
    draft = only(found(world.distributor, contents={load: things(*packs)}), Scenario.CONCEALED_OVERAGE)
    (item,) = items(draft)
    assert (item["quantity_ordered"], item["quantity_received"]) == (2, 3)
    assert (draft.to, draft.shipment is not None) == (world.maker.gln, True)
    settled = Settled(world, draft)
    world.maker.ships(packs[2], to=world.distributor)
    settled.by(world.maker, last_event())


def test_1_3b_a_concealed_overage_goes_back(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "E1"])
    load = world.maker.packs(packs[:2], into=pallet(1))
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    asks = {Scenario.CONCEALED_OVERAGE: Resolution.RETURN_PRODUCT}
    settled = Settled(world, only(found(world.distributor, contents={load: things(*packs)}, asks=asks),
                                  Scenario.CONCEALED_OVERAGE))  # fmt: skip
    world.maker.ships(packs[2], to=world.distributor)
    world.distributor.receives(packs[2], sender=world.maker)
    world.distributor.sends_back(packs[2], to=world.maker)
    settled.by(world.distributor, last_event())


def test_1_4a_another_serial_number_came(world: World, shipped: list[str]) -> None:
    other = world.maker.commissions(serial="B1")
    draft = only(found(world.distributor, *shipped[:3], other), Scenario.WRONG_SERIAL)
    (item,) = items(draft)
    assert (item["received_product_serial"], item["product_data_serial"]) == ("B1", "A4")
    settled = Settled(world, draft)
    world.maker.calls_off(shipped[3], to=world.distributor)
    world.maker.ships(other, to=world.distributor)
    settled.by(world.maker, last_event())
    world.distributor.receives([*shipped[:3], other], sender=world.maker)
    assert custody(shipped[3]) == ("held", world.maker.gln)


def test_1_4b_the_data_name_another_buyer(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    told: Any = world.maker.shipping(pack, world.distributor)
    buyer = {"type": "owning_party", "destination": Pgln(world.pharmacy.gln).uri}
    others = [each for each in told["destinationList"] if each["type"] != "owning_party"]
    world.maker.tells(wrong := told | {"destinationList": [*others, buyer]})
    draft = only(found(world.distributor, pack), Scenario.WRONG_SOLD_TO)
    (item,) = items(draft)
    assert (item["invalid_gln"], item["proposed_gln"]) == (world.pharmacy.gln, world.distributor.gln)
    settled = Settled(world, draft)
    world.maker.tells(retracted(wrong))
    world.maker.ships(pack, to=world.distributor)
    settled.by(world.maker, last_event())
    assert found(world.distributor, pack) == []


def test_1_5_product_and_no_data(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    draft = only(found(world.distributor, *packs, sender=world.maker.gln), Scenario.NO_DATA)
    assert [item["product_serial"] for item in items(draft)] == ["A1", "A2"]
    assert (draft.to, draft.shipment) == (world.maker.gln, None)
    settled = Settled(world, draft)
    world.maker.ships(packs, to=world.distributor)
    settled.by(world.maker, last_event())
    world.distributor.receives(packs, sender=world.maker)


def test_1_5_nobody_knows_who_sent_it(world: World) -> None:
    assert only(found(world.distributor, unit("Z1")), Scenario.NO_DATA).to is None
    draft = only(found(world.distributor, pallet(7)), Scenario.NO_DATA)
    assert items(draft) == []
    assert draft.message["other_errors"] == [f"No data for {pallet(7)}"]


# ---- 2: less --------------------------------------------------------------------------------------------------------


def test_2_1a_a_shortage_is_still_wanted(world: World, shipped: list[str]) -> None:
    draft = only(found(world.distributor, *shipped[:3]), Scenario.SHORTAGE)
    (item,) = items(draft)
    assert (item["quantity_ordered"], item["quantity_received"]) == (4, 3)
    settled = Settled(world, draft)
    world.distributor.receives(shipped[:3], sender=world.maker)
    world.maker.calls_off(shipped[3], to=world.distributor)
    world.maker.ships(shipped[3], to=world.distributor)
    settled.by(world.maker, last_event())
    world.distributor.receives(shipped[3], sender=world.maker)


def test_2_1b_a_shortage_is_wanted_no_more(world: World, shipped: list[str]) -> None:
    asks = {Scenario.SHORTAGE: Resolution.CREDIT_ACCOUNT}
    settled = Settled(world, only(found(world.distributor, *shipped[:3], asks=asks), Scenario.SHORTAGE))
    world.distributor.receives(shipped[:3], sender=world.maker)
    world.maker.calls_off(shipped[3], to=world.distributor)
    settled.by(world.maker, note="credit note 4711")
    assert custody(shipped[3]) == ("held", world.maker.gln)
    assert found(world.distributor) == []


def test_2_1_a_case_of_a_pallet_is_missing(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    load = world.maker.packs(packs, into=pallet(1))
    world.maker.ships(load, to=world.distributor)
    (item,) = items(only(found(world.distributor, *packs[:2]), Scenario.SHORTAGE))
    assert (item["quantity_ordered"], item["quantity_received"]) == (3, 2)


def test_2_2_a_shortage_is_found_when_a_pallet_is_opened(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "R1"])
    load = world.maker.packs(packs[:2], into=pallet(1))
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    draft = only(found(world.distributor, contents={load: things(packs[0])}), Scenario.CONCEALED_SHORTAGE)
    settled = Settled(world, draft)
    world.maker.ships(packs[2], to=world.distributor)
    settled.by(world.maker, last_event())
    world.distributor.receives(packs[2], sender=world.maker)


def test_2_2_as_many_packs_and_another_among_them(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    load = world.maker.packs(packs, into=pallet(1))
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    draft = only(found(world.distributor, contents={load: things(packs[0], unit("X1"))}), Scenario.WRONG_SERIAL)
    (item,) = items(draft)
    assert (item["received_product_serial"], item["product_data_serial"]) == ("X1", "A2")


def test_2_3_a_shipment_is_lost(world: World, shipped: list[str]) -> None:
    assert found(world.distributor) == []
    world.passes(seconds=settings.EXCEPTION_LOST_SECONDS + 60)
    asks = {Scenario.LOST: Resolution.CREDIT_ACCOUNT}
    draft = only(found(world.distributor, asks=asks), Scenario.LOST)
    assert [item["product_serial"] for item in items(draft)] == ["A1", "A2", "A3", "A4"]
    assert {item["file_id"] for item in items(draft)} == {str(draft.shipment and draft.shipment[0])}
    settled = Settled(world, draft)
    world.maker.calls_off(shipped, to=world.distributor)
    settled.by(world.maker, note="claimed from the carrier")
    assert found(world.distributor) == []


# ---- 3 and 4 --------------------------------------------------------------------------------------------------------


def test_3_1a_what_came_damaged_goes_back(world: World, shipped: list[str]) -> None:
    draft = only(found(world.distributor, *shipped, damaged=frozenset(shipped[:1])), Scenario.DAMAGED)
    assert draft.message["other_errors"] == [f"1 of GTIN {GTIN} came damaged."]
    settled = Settled(world, draft)
    world.distributor.receives(shipped, sender=world.maker)
    world.distributor.sends_back(shipped[0], to=world.maker)
    settled.by(world.distributor, last_event())
    world.maker.takes_back(shipped[0], sender=world.distributor)
    world.maker.destroys(shipped[0])


def test_3_1b_what_came_damaged_is_destroyed_where_it_is(world: World, shipped: list[str]) -> None:
    world.distributor.receives(shipped, sender=world.maker)
    asks = {Scenario.DAMAGED: Resolution.CREDIT_ACCOUNT}
    draft = only(found(world.distributor, damaged=frozenset(shipped[:1]), asks=asks), Scenario.DAMAGED)
    assert (draft.to, draft.shipment is not None) == (world.maker.gln, True)
    settled = Settled(world, draft)
    world.distributor.destroys(shipped[0])
    settled.by(world.maker, note="credit note 4712")
    assert custody(shipped[0])[0] == "destroyed"


def test_4_several_things_are_wrong_with_one_shipment(world: World, shipped: list[str]) -> None:
    seen = (*things(shipped[0], lot="L43"), *things(shipped[1]))
    draft = only(
        found(world.distributor, things=seen, damaged=frozenset(shipped[1:2])),
        Scenario.WRONG_LOT, Scenario.SHORTAGE, Scenario.DAMAGED,
    )  # fmt: skip
    assert len(items(draft)) == 3
    settled = Settled(world, draft)
    assert settled.dispute.seen().turn() == {world.maker.gln, world.distributor.gln}


def test_each_sender_is_told_of_its_own(world: World, shipped: list[str]) -> None:
    other = world.maker.commissions(serial=["B1", "B2"])
    world.maker.ships(other, to=world.pharmacy)
    world.pharmacy.receives(other, sender=world.maker)
    world.pharmacy.ships(other, to=world.distributor)
    drafts = found(world.distributor, *shipped[:3], other[0])
    assert {each.to for each in drafts} == {world.maker.gln, world.pharmacy.gln}
    assert all(each.scenarios == (Scenario.SHORTAGE,) for each in drafts)


def test_a_product_that_nobody_has_described(world: World, shipped: list[str]) -> None:
    draft = only(found(world.distributor, *shipped, check_products=True), Scenario.UNKNOWN_PRODUCT)
    (item,) = items(draft)
    assert item["invalid_gtin"] == GTIN


# ---- and to nobody else -------------------------------------------------------------------------------------------


def test_another_party_learns_nothing_of_packs_that_are_not_its_own(world: World, shipped: list[str]) -> None:
    known_ = only(found(world.stranger, shipped[0], things=things(shipped[0], lot="other")), Scenario.NO_DATA)
    unknown = only(found(world.stranger, things=things(unit("A9"), lot="other")), Scenario.NO_DATA)
    (one,), (two,) = items(known_), items(unknown)
    for each in (one, two):
        del each["exception_item_uuid"], each["product_serial"]
    assert one == two
    world.distributor.receives(shipped, sender=world.maker)
    refused = []
    for epc in (shipped[0], unit("A9")):
        for seen in ({"damaged": frozenset({epc})}, {"contents": {epc: things(epc)}}):
            with pytest.raises(NotFound) as error:
                found(world.stranger, **seen)
            refused.append(vars(error.value) | {"where": None})
    assert all(each == refused[0] for each in refused)


@pytest.mark.parametrize("asks", [{Scenario.LOST: Resolution.SEND_NEW_DATA}], ids=str)
def test_nothing_is_asked_for_that_puts_nothing_right(world: World, asks: Any) -> None:
    with pytest.raises(DocumentError, match="no way to put that right"):
        found(world.distributor, asks=asks)


def test_every_scenario_has_its_meaning() -> None:
    assert set(SCENARIOS) == set(Scenario)


def queries(party: Party, epcs: Sequence[str]) -> int:
    with CaptureQueriesContext(connection) as captured:
        found(party, *epcs)
    return len(captured)


def test_the_number_of_queries_does_not_depend_on_that_of_packs(world: World) -> None:
    few = world.maker.commissions(serial=["A1", "A2", "A3"])
    world.maker.ships(few, to=world.distributor)
    asked = queries(world.distributor, [*few[:2], unit("X1"), unit("X2")])
    many = world.maker.commissions(serial=[f"M{n}" for n in range(60)])
    world.maker.ships(many, to=world.distributor)
    more = queries(world.distributor, [*many[:40], *few[:2], *(unit(f"X{n}") for n in range(40))])
    assert more <= asked + 1


# ---- without being asked --------------------------------------------------------------------------------------------


def test_whoever_waits_for_long_is_told_once(world: World, shipped: list[str]) -> None:
    load = world.maker.packs(world.maker.commissions(serial=["P1", "P2"]), into=pallet(1))
    world.maker.ships(load, to=world.pharmacy)
    assert tell_overdue(now=world.now) == 0
    world.distributor.receives(shipped[:3], sender=world.maker)
    world.passes(seconds=settings.EXCEPTION_LOST_SECONDS + 60)
    assert tell_overdue(now=world.now) == 2
    assert tell_overdue(now=world.now) == 0
    (notice,) = Notice.objects.filter(party=world.distributor.gln)
    sent = Event.objects.filter(consignee=world.distributor.gln, biz_step="shipping").get()
    assert (notice.kind, notice.body["shipment"]) == (
        "exception.overdue", {"submission": str(sent.submission.submission), "event": sent.position}
    )  # fmt: skip
    assert not Notice.objects.filter(party=world.stranger.gln).exists()
    world.maker.calls_off(load, to=world.pharmacy)
    world.maker.ships(load, to=world.pharmacy)
    world.passes(seconds=settings.EXCEPTION_LOST_SECONDS + 60)
    overdue()
    assert Notice.objects.filter(party=world.pharmacy.gln).count() == 2, "it is another shipment"
