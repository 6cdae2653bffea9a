"""Packs to scan, each with a past: what the pages are tried on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from ledger import tasks
from partners.models import Role
from tests.remembered import once
from tests.world import EXPIRY, GTIN, LOT, Party, World, case, gln, pallet, unit
from traceability.client import drawn_alone
from traceability.errors import Conflict
from traceability.telling import Members, document

PRODUCT = "Vireluma 50 mg tablets"
NAMED: Members = {
    "epcisHeader": {
        "epcisMasterData": {
            "vocabularyList": [
                {
                    "type": "urn:epcglobal:epcis:vtype:EPCClass",
                    "vocabularyElementList": [
                        {
                            "id": f"https://id.gs1.org/01/{GTIN}",
                            "attributes": [{"id": "urn:epcglobal:cbv:mda#regulatedProductName", "attribute": PRODUCT}],
                        }
                    ],
                }
            ]
        }
    }
}


def printed(serial: str, *, lot: str = LOT, expiry: str = EXPIRY) -> str:
    """A pack's four elements, as people read them."""
    return f"(01){GTIN}(17){expiry[2:].replace('-', '')}(10){lot}(21){serial}"


def told() -> World:
    """A world in which the story has been told."""

    def tells() -> dict[str, Any]:
        world = World()
        tell(world)
        return world.members

    return World(once("shelf", tells))


def tell(world: World) -> None:
    """Packs in a case, on a pallet, through a distributor to a pharmacy; and one whose sender is not on the node."""
    packs, box = [unit(serial) for serial in ("GOOD7K", "GIVEN7K", "COPIED7K", "SPARE7K")], case("C7K")
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    made = [maker.commissioning(packs), maker.commissioning([box])]
    packed = [maker.packing(packs, box), maker.packing([box], pallet(7))]
    maker.submits(document(*made, *packed, **NAMED))
    world.passes(hours=5)
    maker.ships(pallet(7), to=distributor)
    world.passes(days=1)
    distributor.receives(pallet(7), sender=maker)
    distributor.unpacks(box, out_of=pallet(7))
    world.passes(hours=3)
    distributor.ships(box, to=pharmacy)
    world.passes(hours=19)
    pharmacy.unpacks(packs, out_of=box)  # not received first: that is implied
    pharmacy.dispenses(unit("GIVEN7K"))
    copied(world, unit("COPIED7K"))
    reported(world)
    tasks.sweep()


def copied(world: World, epc: str) -> None:
    """Somebody else claims to have it, as a device does that had no connection."""
    thief = world.stranger
    received = document(thief.dispensing(epc))
    opening, said = drawn_alone(received, thief.gln, settings.LOG_ORIGIN)
    said = replace(said, time=world.now)
    with pytest.raises(Conflict):
        thief.hands_in(received, bytes(opening), said)


def reported(world: World) -> None:
    """A receiver hands in what its sender did."""
    elsewhere = Party(world, gln(900), "Off Node", Role.MANUFACTURER)
    epc, pharmacy = unit("TOLD7K"), world.other_pharmacy
    load = pallet(8)
    pharmacy.tells(elsewhere.commissioning([epc]), elsewhere.packing([epc], load), elsewhere.shipping(load, pharmacy))
    world.passes(days=1)
    pharmacy.receives(load, sender=elsewhere)


def stock(world: World) -> None:
    """What `manage.py demo` leaves for the page of packs."""
    packs = [
        ("A good pack", "Through Distributor, on Pharmacy's shelf.", "GOOD7K", "verified", world.pharmacy),
        (
            "A dispensed pack",
            "Pharmacy gave it to a patient. It comes back in a bag.",
            "GIVEN7K",
            "refused",
            world.pharmacy,
        ),
        ("A cloned pack", "Somebody copied its label.", "COPIED7K", "caution", world.pharmacy),
        ("An unknown pack", "A number that nobody ever gave to a pack.", "NOBODY7K", "unknown", world.pharmacy),
        (
            "A pack told of by its receiver",
            "Its sender is not on this node.",
            "TOLD7K",
            "caution",
            world.other_pharmacy,
        ),
    ]
    told = [
        {"title": title, "story": story, "scan": printed(serial), "expected": expected, "as": party.gln}
        for title, story, serial, expected, party in packs
    ]
    folder = Path(settings.VAR_DIR)
    (folder / "demo.json").write_text(json.dumps({"packs": told, "policy": "policy.json"}))
    (folder / "policy.json").write_text("{}")
