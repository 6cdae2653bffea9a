"""Documents that are good EPCIS and odd custody: each is taken or refused with a code, by whoever hands it in."""

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from partners.gs1.identifiers import Sgln, gln_of
from tests.traceability.story import custody, demand_order, inside_of, item
from tests.world import Party, World, case, gln, pallet, unit
from traceability.epcis.documents import parse
from traceability.epcis.errors import DocumentError
from traceability.errors import Refusal
from traceability.models import Event, Item
from traceability.telling import Members

CONFORMANCE = Path(__file__).resolve().parents[3] / "shared" / "conformance"
TOTE = "urn:example:tote:1"


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


def event(world: World, kind: str, step: str | None, action: str, **members: Any) -> Members:
    """An event of the maker's with these members; what is None is left out."""
    made = world.maker.teller.event(kind, str(step), action, world.passes(), **members)
    made |= {} if step else {"bizStep": None}
    return {name: value for name, value in made.items() if value is not None}


LOT = [{"epcClass": "urn:epc:class:lgtin:0614141.012345.L1", "quantity": 3}]
SENSED = [{"sensorReport": [{"type": "Temperature", "value": 26, "uom": "CEL"}]}]
GRAI = "urn:epc:id:grai:0614141.12345.400"

#: What is odd: whether it is taken (True), or the code it is refused with.
ODD: dict[str, tuple[dict[str, Any], "bool | str"]] = {
    "aggregation without parent": ({"kind": "AggregationEvent", "step": "inspecting", "action": "OBSERVE",
                                    "childEPCs": [unit("A1")]}, True),
    "quantities in an aggregation": ({"kind": "AggregationEvent", "step": "packing", "action": "ADD",
                                      "parentID": pallet(5), "childQuantityList": LOT}, True),
    "quantities taken out": ({"kind": "AggregationEvent", "step": "unpacking", "action": "DELETE",
                              "parentID": pallet(5), "childQuantityList": LOT}, True),
    "quantities alone": ({"kind": "ObjectEvent", "step": "commissioning", "action": "ADD", "quantityList": LOT}, True),
    "a sensor and nothing else": ({"kind": "ObjectEvent", "step": None, "action": "OBSERVE",
                                   "sensorElementList": SENSED}, True),
    "no business step": ({"kind": "ObjectEvent", "step": None, "action": "OBSERVE", "epcList": [unit("A1")]}, True),
    "no step that adds": ({"kind": "ObjectEvent", "step": None, "action": "ADD", "epcList": [unit("N1")]},
                          "unlawful_move"),
    "a step of one's own": ({"kind": "ObjectEvent", "step": "https://maker.example/steps/polishing",
                             "action": "OBSERVE", "epcList": [unit("A1")]}, True),
    "called off before it was shipped": ({"kind": "ObjectEvent", "step": "void_shipping", "action": "OBSERVE",
                                          "epcList": [unit("A1")]}, "not_in_transit"),
    "no place": ({"kind": "ObjectEvent", "step": "inspecting", "action": "OBSERVE", "epcList": [unit("A1")],
                  "readPoint": None, "bizLocation": None}, True),
    "a place that is no GLN": ({"kind": "ObjectEvent", "step": "inspecting", "action": "OBSERVE",
                                "epcList": [unit("A1")], "readPoint": {"id": "geo:48.1,11.5"}, "bizLocation": None},
                               True),
    "a tote for a parent": ({"kind": "AggregationEvent", "step": "packing", "action": "ADD", "parentID": TOTE,
                             "childEPCs": [unit("A1")]}, True),
    "a returnable asset for a parent": ({"kind": "AggregationEvent", "step": "packing", "action": "ADD",
                                         "parentID": GRAI, "childEPCs": [unit("A1")]}, True),
    "a case that nobody commissioned": ({"kind": "AggregationEvent", "step": "packing", "action": "ADD",
                                         "parentID": case("NEW"), "childEPCs": [unit("A1")]}, "unknown_item"),
    "items that are no GS1 keys": ({"kind": "ObjectEvent", "step": "commissioning", "action": "ADD",
                                    "epcList": ["urn:example:thing:1", "https://maker.example/things/2"]}, True),
    "a product commissioned": ({"kind": "ObjectEvent", "step": "commissioning", "action": "ADD",
                                "epcList": ["https://id.gs1.org/01/00614141123452"]}, "not_an_item"),
    "a product for an item": ({"kind": "ObjectEvent", "step": "inspecting", "action": "OBSERVE",
                               "epcList": ["https://id.gs1.org/01/00614141123452"]}, "unknown_item"),
    "a destination that is no GLN": ({"kind": "ObjectEvent", "step": "shipping", "action": "OBSERVE",
                                      "epcList": [unit("A1")],
                                      "destinationList": [{"type": "owning_party", "destination": "urn:example:q"}]},
                                     "consignee_missing"),
    "a destination of a type of one's own": ({"kind": "ObjectEvent", "step": "shipping", "action": "OBSERVE",
                                              "epcList": [unit("A1")],
                                              "destinationList": [{"type": "https://maker.example/types/drop",
                                                                   "destination": Sgln(gln(300)).uri}]},
                                             "consignee_missing"),
    "a destination without a type": ({"kind": "ObjectEvent", "step": "shipping", "action": "OBSERVE",
                                      "epcList": [unit("A1")],
                                      "destinationList": [{"destination": Sgln(gln(300)).uri}]},
                                     "missing_member"),
    "packed into itself": ({"kind": "AggregationEvent", "step": "packing", "action": "ADD", "parentID": case("C1"),
                            "childEPCs": [case("C1")]}, "duplicate_epc"),
    "nothing to take out": ({"kind": "AggregationEvent", "step": "unpacking", "action": "DELETE",
                             "parentID": case("C1")}, True),
    "an unknown pallet taken apart": ({"kind": "AggregationEvent", "step": "unpacking", "action": "DELETE",
                                       "parentID": pallet(6), "childEPCs": [unit("A1")]}, "unknown_item"),
    "the year one": ({"kind": "ObjectEvent", "step": "inspecting", "action": "OBSERVE", "epcList": [unit("A1")],
                      "eventTime": "0001-01-01T00:00:00Z"}, True),
    "to the picosecond": ({"kind": "ObjectEvent", "step": "inspecting", "action": "OBSERVE", "epcList": [unit("A1")],
                           "eventTime": "2026-01-05T09:00:00.123456789012Z"}, True),
    "the year 9999": ({"kind": "ObjectEvent", "step": "inspecting", "action": "OBSERVE", "epcList": [unit("A1")],
                       "eventTime": "9999-12-31T23:59:59Z"}, "event_in_the_future"),
    "no event at all": ({}, True),
}  # fmt: skip


@pytest.mark.parametrize(("members", "outcome"), [pytest.param(*case, id=name) for name, case in ODD.items()])
def test_good_epcis_and_odd_custody(world: World, members: dict[str, Any], outcome: "bool | str") -> None:
    world.maker.commissions(serial="A1")
    world.maker.tells(world.maker.commissioning(case("C1")))
    world.passes(hours=2)
    events = [event(world, **members)] if members else []
    received = document_of(events)
    for teller in (world.maker, world.pharmacy):
        code = handed_in(teller, received)
        if teller is world.maker:
            assert (code is None) is (outcome is True), code
            assert code in (None, outcome)


def document_of(events: list[Members]) -> bytes:
    import json

    return json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-05T08:00:00Z",
            "epcisBody": {"eventList": events},
        }
    ).encode()


def handed_in(teller: Party, received: bytes) -> str | None:
    """The code of its refusal, if it was refused; anything but a refusal is our fault, and seen."""
    try:
        teller.submits(received)
    except (DocumentError, Refusal) as refusal:
        return refusal.code
    return None


def test_what_is_packed_into_a_tote_moves_with_it(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.packs(pack, into=TOTE)
    world.maker.ships(TOTE, to=world.pharmacy)
    world.pharmacy.receives(TOTE, sender=world.maker)
    world.pharmacy.unpacks([], out_of=TOTE)
    assert (inside_of(pack), custody(pack), item(TOTE).content_size) == (None, ("held", world.pharmacy.gln), 0)


#: Whatever others have written that can be read: of other trades, other years.
FOLDERS = ("epcis-1.2-xml/documents", "epcis-1.2-soap", "epcis-2.0-json", "event-hash")
OTHERS = sorted(path for folder in FOLDERS for path in (CONFORMANCE / folder).rglob("*") if path.is_file())


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the conformance data is not there")
def test_whatever_others_wrote_is_taken_or_refused_with_a_code(world: World) -> None:
    """By a party whose act none of it is; and by one that operates every place that is named."""
    taken = []
    for path in OTHERS:
        try:
            events = parse(path.read_bytes()).events
        except DocumentError:
            continue
        with transaction.atomic():
            taken.append(handed_in(world.pharmacy, path.read_bytes()))
            for place in {
                str(place["id"]) for each in events for place in (each.biz_location, each.read_point) if place
            }:
                if number := gln_of(place):
                    world.operates(world.maker, number, path.name[:200])
            taken.append(handed_in(world.maker, path.read_bytes()))
            demand_order()
            transaction.set_rollback(True)
    assert taken.count(None) > 20
    assert set(taken) <= {
        *(None, "unknown_item", "unlawful_move", "gtin_not_licensed", "event_in_the_future", "not_an_item"),
    }
    assert not Event.objects.exists()
    assert not Item.objects.exists()
