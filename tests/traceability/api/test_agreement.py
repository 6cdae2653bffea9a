"""I6: what the node says of a pack is what anybody finds in its bundle, or is marked as the node's word."""

from collections.abc import Callable

import pytest

from ledger import tasks
from tests.traceability.api.conftest import Api
from tests.traceability.story import insisting
from tests.traceability.test_proving import trusted
from tests.traceability.test_verification import off_node, scan
from tests.world import CASE_GTIN, World, pallet, unit
from traceability.bundle import Report, Result, Step, examine

#: Our checks that a bundle proves, and the step of the offline verifier that does.
STEPS = {1: Step.COMMISSIONING, 3: Step.HANDOFFS, 4: Step.LINKS, 5: Step.ENTRIES}


def good(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs, into=box)
    world.maker.packs(box, into=pallet(1))
    world.maker.ships(pallet(1), to=world.pharmacy)
    world.pharmacy.receives(pallet(1), sender=world.maker)
    world.pharmacy.unpacks(box, out_of=pallet(1))


def dispensed_at_once(world: World) -> None:
    good(world)
    world.pharmacy.dispenses(unit("A1"))


def reported(world: World) -> None:
    maker = off_node(world)
    world.pharmacy.tells(maker.commissioning([unit("A1")]), maker.shipping([unit("A1")], world.pharmacy))
    world.pharmacy.receives(unit("A1"), sender=maker)


def reported_on_the_way(world: World) -> None:
    sender = off_node(world)
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=sender)
    world.pharmacy.tells(sender.shipping(pack, world.pharmacy))


def made_without_a_connection(world: World) -> None:
    insisting(world.maker, world.maker.commissioning([unit("A1")]))
    world.maker.ships(unit("A1"), to=world.pharmacy)


def shipped_without_links(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    insisting(world.maker, world.maker.shipping(pack, world.pharmacy))


@pytest.mark.parametrize(
    "story",
    [good, dispensed_at_once, reported, reported_on_the_way, made_without_a_connection, shipped_without_links],
)
def test_i6_node_and_bundle_agree(world: World, pharmacy: Api, story: Callable[[World], None]) -> None:
    story(world)
    tasks.sweep()
    said = pharmacy.get("/api/v1/verify", scan=scan("A1")).json()
    found: Report = examine(pharmacy.get(said["bundle"]).content, trusted(world))
    assert found.failure is None
    assert [
        (hop["party"], hop["submitter"], hop["told_as"], hop["signed"], hop["biz_step"]) for hop in said["chain"]
    ] == [(hop.party or hop.signer, hop.signer, hop.voice, hop.signed, hop.biz_step) for hop in found.hops]
    assert [hop["log_index"] for hop in said["chain"]] == [hop.index for hop in found.hops]
    assert {check["number"] for check in said["checks"] if check["proof"] == "bundle"} == STEPS.keys() | {2}
    for check in said["checks"]:
        if step := STEPS.get(check["number"]):
            assert (check["outcome"] == "holds") is (found.result(step) is Result.HOLDS), (check, found.notes)
    assert found.ilmd["urn:epcglobal:cbv:mda:lotNumber"] == said["product"]["lot"]
    assert found.status == said["custody"]["status"]
