"""What the timeline says of real stories."""

from datetime import timedelta
from pathlib import Path

import pytest

from ledger import tasks
from tests.traceability.story import off_node, retracted
from tests.traceability.web.shelf import printed
from tests.world import World, gln, pallet, unit
from traceability.custody import Step
from traceability.dscsa.returns import check
from traceability.history import chain
from traceability.telling import Teller
from traceability.web.timeline import WORDS, Act, People, Places, Stay, glns, stays, whereabouts


def timeline(epc: str) -> list[Stay]:
    found = chain(epc)
    assert found is not None
    return stays(epc, found.hops, People(glns(found.hops, found.custody)), Places(found.hops))


def now(epc: str) -> str:
    found = chain(epc)
    assert found is not None
    return whereabouts(found.custody, People(glns(found.hops, found.custody)))


def said(act: Act) -> str:
    return f"{act.word} {act.about}".strip()


def story(epc: str) -> list[tuple[str, list[str]]]:
    return [(stay.party.name, [said(act) for act in stay.acts]) for stay in timeline(epc)]


@pytest.fixture
def pack(world: World) -> str:
    return str(world.maker.commissions(serial="A1"))


def test_the_newest_is_on_top_and_each_party_has_its_stay(world: World, pack: str) -> None:
    world.maker.packs(pack, into=pallet(1))
    world.maker.ships(pallet(1), to=world.pharmacy)
    world.pharmacy.receives(pallet(1), sender=world.maker)
    world.pharmacy.unpacks(pack, out_of=pallet(1))
    world.pharmacy.dispenses(pack)
    container = f"container SSCC {pallet(1)[-18:]}"
    assert story(pack) == [
        ("Pharmacy", ["Dispensed", f"Taken out of {container}", "Received from Maker"]),
        ("Maker", ["Shipped to Pharmacy", f"Packed into {container}", "Commissioned"]),
    ]
    assert [act.carried for stay in timeline(pack) for act in stay.acts] == ["", "", container, container, "", ""]
    assert now(pack) == "Dispensed by Pharmacy"


def test_who_has_it_twice_has_two_stays(world: World, pack: str) -> None:
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    world.distributor.ships(pack, to=world.maker)
    world.maker.receives(pack, sender=world.distributor)
    assert [name for name, _ in story(pack)] == ["Maker", "Distributor", "Maker"]
    assert now(pack) == "In the hands of Maker"


def test_what_was_called_off_and_what_came_back_are_said_so(world: World, pack: str) -> None:
    world.maker.ships(pack, to=world.distributor)
    world.maker.calls_off(pack, to=world.distributor)
    world.maker.ships(pack, to=world.pharmacy)
    world.maker.takes_back(pack, sender=world.pharmacy)
    assert check(printed("A1"), world.maker.partner, now=world.passes()).is_saleable
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    world.distributor.sends_back(pack, to=world.maker)
    world.maker.takes_back(pack, sender=world.distributor)
    world.maker.destroys(pack)
    assert story(pack) == [
        ("Maker", ["Destroyed", "Taken back from Distributor"]),
        ("Distributor", ["Shipped to Maker", "Received from Maker"]),
        (
            "Maker",
            [
                "Shipped to Distributor",
                "Taken back from Pharmacy, which never told of receiving it",
                "Shipped to Pharmacy",
                "Called off the shipment to Distributor",
                "Shipped to Distributor",
                "Commissioned",
            ],
        ),
    ]
    assert not any(act.implied for stay in timeline(pack) for act in stay.acts)
    assert now(pack) == "Destroyed by Maker"


def test_every_step_has_a_word_and_a_drawing() -> None:
    icons = Path("traceability/templates/traceability/icons.html").read_text()
    assert WORDS.keys() == set(Step)
    assert [step for step in Step if f'id="i-{step}"' not in icons] == []


def test_what_nobody_recorded_is_shown_as_implied_below_what_implies_it(world: World, pack: str) -> None:
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.dispenses(pack)
    acts = timeline(pack)[0].acts
    assert [(act.word, act.implied) for act in acts] == [("Dispensed", False), ("Received", True)]
    assert acts[1].voice == ""


def test_taken_out_of_its_container_by_moving_without_it(world: World, pack: str) -> None:
    world.maker.packs(pack, into=pallet(1))
    world.maker.ships(pack, to=world.pharmacy)
    assert story(pack)[0][1][:2] == ["Shipped to Pharmacy", "Taken out of its container"]
    assert now(pack) == "On its way from Maker to Pharmacy"


def test_what_the_sender_did_not_sign_is_the_receivers_word(world: World) -> None:
    elsewhere, pharmacy = off_node(world), world.pharmacy
    epc = unit("R1")
    pharmacy.tells(
        elsewhere.commissioning([epc]), elsewhere.packing([epc], pallet(9)), elsewhere.shipping(pallet(9), pharmacy)
    )
    pharmacy.receives(pallet(9), sender=elsewhere)
    newest, oldest = timeline(epc)
    assert (newest.signed, oldest.signed) == (True, False)
    assert [act.voice for act in oldest.acts] == [
        "attested by the receiver, not signed by the sender",
        f"attested by Pharmacy, not signed by GLN {elsewhere.gln}",
        f"attested by Pharmacy, not signed by GLN {elsewhere.gln}",
    ]
    assert (oldest.party.name, oldest.party.role) == (f"GLN {elsewhere.gln}", "not on this node")


def test_an_entry_has_its_index_once_it_is_in_the_log(world: World, pack: str) -> None:
    assert [act.index for act in timeline(pack)[0].acts] == [None]
    tasks.sweep()
    (act,) = timeline(pack)[0].acts
    assert act.index is not None


def test_a_place_has_the_name_that_it_had_then(world: World, pack: str) -> None:
    dock, moved = gln(777), world.now + timedelta(days=1)
    world.operates(world.maker, dock, "North dock", until=moved)
    world.operates(world.maker, dock, "South dock", since=moved)
    for _ in range(2):
        world.maker.tells(Teller(dock).observing("inspecting", [pack], world.passes()))
        world.passes(days=2)
    acts = timeline(pack)[0].acts
    assert [act.place for act in acts] == ["South dock", "North dock", ""]
    assert said(acts[0]) == "Seen inspecting"


def test_a_place_that_nobody_named_is_its_number(world: World, pack: str) -> None:
    event = world.maker.observing([pack])
    world.maker.tells(event | {"readPoint": {"id": f"https://id.gs1.org/414/{gln(778)}"}})
    assert timeline(pack)[0].acts[0].place == f"GLN {gln(778)}"


def test_a_step_declared_an_error_says_so(world: World, pack: str) -> None:
    event = world.maker.shipping(pack, world.pharmacy)
    world.maker.tells(event)
    world.maker.tells(retracted(event))
    newest, shipped, _ = timeline(pack)[0].acts
    assert (newest.word, newest.icon, shipped.word) == ("Declared an error: shipped", "correction", "Shipped")
    assert now(pack) == "In the hands of Maker"
