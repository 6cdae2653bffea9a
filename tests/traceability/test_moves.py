"""What becomes of a shipment that is called off, comes back, or ends: the rest of the table of moves."""

import pytest

from tests.world import GTIN, Party, World, case, gln, pallet, unit
from traceability import custody
from traceability.errors import Conflict, NotAllowed, Refusal
from traceability.history import Implied, chain
from traceability.models import Event, ExceptionCase, Item, Sighting
from traceability.rebuild import rebuild
from traceability.web.codes import CODES

UNITS = [unit(f"U{n}") for n in range(4)]
CASES = [case("C0"), case("C1")]


def now(epc: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Status, holder, owner and consignee of an item, as those of the outermost container it is in."""
    found = chain(epc)
    assert found is not None
    return found.custody.status, found.custody.possessor, found.custody.owner, found.custody.consignee


def held_by(party: Party) -> tuple[str, str, str, None]:
    return "held", party.gln, party.gln, None


@pytest.fixture
def loaded(world: World) -> str:
    """A pallet of two cases of two units each, at the maker's."""
    maker = world.maker
    maker.tells(maker.commissioning(UNITS), maker.commissioning(CASES))
    maker.tells(maker.packing(UNITS[:2], CASES[0]), maker.packing(UNITS[2:], CASES[1]))
    return maker.packs(CASES, into=pallet(1))


# ---- called off -----------------------------------------------------------------------------------------------------


def test_a_shipment_that_is_called_off_is_with_its_sender_again_and_whose_it_was(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    assert now(UNITS[0]) == ("in_transit", world.maker.gln, world.distributor.gln, world.distributor.gln)
    world.maker.calls_off(loaded, to=world.distributor)
    assert [now(epc) for epc in (loaded, *UNITS)] == [held_by(world.maker)] * 5
    assert chain(UNITS[0]).inside == (CASES[0], loaded)  # type: ignore[union-attr]
    with pytest.raises(Refusal):
        world.distributor.receives(loaded, sender=world.maker)
    world.maker.ships(loaded, to=world.pharmacy)  # and goes elsewhere
    world.pharmacy.receives(loaded, sender=world.maker)
    assert now(UNITS[3]) == held_by(world.pharmacy)
    assert rebuild() == []


def test_a_pallet_is_called_off_by_one_row_whatever_it_holds(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    before = {row.epc: row.sequence for row in Item.objects.all()}
    world.maker.calls_off(loaded, to=world.distributor)
    changed = {row.epc for row in Item.objects.all() if row.sequence != before[row.epc]}
    assert changed == {loaded}


def test_part_of_a_shipment_is_called_off_and_the_rest_stays_on_its_way(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    world.maker.calls_off(CASES[0], to=world.distributor)
    assert now(UNITS[0]) == held_by(world.maker)
    assert now(UNITS[2])[0] == "in_transit"
    assert Item.objects.get(epc=loaded).content_size == -1  # opened without a record
    world.distributor.receives(loaded, sender=world.maker)
    assert now(UNITS[2]) == held_by(world.distributor)
    assert rebuild() == []


def test_what_belongs_to_another_is_that_others_again(world: World) -> None:
    """A 3PL has a pack of the maker's in its own tote, sells the tote, and calls that off."""
    pack, other, tote = world.maker.commissions(serial="A"), world.maker.commissions(serial="B"), pallet(5)
    agent = world.distributor
    kept = world.maker.shipping([pack], agent)
    kept["destinationList"] = kept["destinationList"][:1]  # type: ignore[index]
    world.maker.tells(kept, world.maker.shipping([other], agent))
    agent.receives([pack, other], sender=world.maker)
    assert (now(pack)[2], now(other)[2]) == (world.maker.gln, agent.gln)
    agent.packs([pack, other], into=tote)
    agent.ships(tote, to=world.pharmacy)
    agent.calls_off(pack, to=world.pharmacy)
    assert (now(pack), now(other)[0]) == (("held", agent.gln, world.maker.gln, None), "in_transit")
    agent.calls_off(tote, to=world.pharmacy)
    assert now(other) == held_by(agent)
    assert rebuild() == []


def test_whoever_is_to_receive_a_shipment_cannot_call_it_off(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    with pytest.raises(Conflict) as refused:
        world.distributor.calls_off(loaded, to=world.distributor)
    assert refused.value.code == "not_sender"
    assert "ship it back as a return" in CODES["not_sender"].remedy
    with pytest.raises(Refusal) as unknown:  # and a stranger is told nothing
        world.stranger.calls_off(loaded, to=world.distributor)
    assert unknown.value.code == "unknown_item"
    assert now(loaded)[0] == "in_transit"


@pytest.mark.parametrize("then", ["received", "received and sold on", "received and dispensed"])
def test_what_was_received_is_not_called_off_and_nobody_is_told_what_became_of_it(world: World, then: str) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    if then == "received and sold on":
        world.distributor.ships(pack, to=world.pharmacy)
    elif then == "received and dispensed":
        world.distributor.dispenses(pack)
    before = now(pack)
    with pytest.raises(Conflict) as refused:
        world.maker.calls_off(pack, to=world.distributor)
    assert (refused.value.code, refused.value.detail) == (
        "already_received",
        f"{pack} has been received since it was shipped",
    )
    assert CODES["already_received"].remedy == "Ask whoever received it to ship it back, as a return."
    assert now(pack) == before


def test_a_shipment_is_not_called_off_in_the_past_of_its_receipt(world: World) -> None:
    """It would move nothing, and its sender would believe that it has it."""
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.distributor)
    said = world.maker.calling_off(pack, world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    with pytest.raises(Conflict, match="received since"):
        world.maker.tells(said)


def test_whoever_calls_off_may_say_so_with_a_clock_that_is_behind(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    said = world.maker.calling_off(pack, world.distributor)
    world.maker.ships(pack, to=world.distributor)
    world.maker.tells(said)
    assert now(pack) == held_by(world.maker)
    assert rebuild() == []


@pytest.mark.parametrize("shipped", [False, True])
def test_what_is_not_on_its_way_is_not_called_off(world: World, shipped: bool) -> None:
    pack = world.maker.commissions(serial="A")
    if shipped:
        world.maker.ships(pack, to=world.distributor)
        world.maker.calls_off(pack, to=world.distributor)
    with pytest.raises(Refusal, match="no shipment of it to call off") as refused:
        world.maker.calls_off(pack, to=world.distributor)
    assert refused.value.code == "not_in_transit"


def test_that_a_shipment_was_called_off_is_declared_an_error_and_it_goes_on(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    said = world.maker.calling_off(loaded, world.distributor)
    world.maker.tells(said)
    world.maker.tells(said | {"errorDeclaration": {"declarationTime": said["eventTime"], "reason": "did_not_occur"}})
    assert now(UNITS[0]) == ("in_transit", world.maker.gln, world.distributor.gln, world.distributor.gln)
    world.maker.calls_off(loaded, to=world.distributor)
    assert now(UNITS[0]) == held_by(world.maker)
    assert rebuild() == []


def test_a_receipt_declared_an_error_leaves_a_shipment_that_can_be_called_off(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    said = world.distributor.receiving(loaded, world.maker)
    world.distributor.tells(said)
    error = {"declarationTime": said["eventTime"], "reason": "did_not_occur"}
    world.distributor.tells(said | {"errorDeclaration": error})
    world.maker.calls_off(loaded, to=world.distributor)
    assert now(UNITS[0]) == held_by(world.maker)
    assert rebuild() == []


def test_shipped_and_called_off_in_one_document(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    shipped = world.maker.shipping(pack, world.distributor)
    world.maker.tells(shipped, world.maker.calling_off(pack, world.distributor))
    assert now(pack) == held_by(world.maker)
    assert rebuild() == []


def test_nothing_follows_from_a_shipment_called_off_by_hearsay(world: World, loaded: str) -> None:
    """The maker signs here: what the distributor says of its acts waits for its own word."""
    world.maker.ships(loaded, to=world.distributor)
    accepted = world.distributor.tells(world.maker.calling_off(loaded, world.distributor))
    codes = ExceptionCase.objects.filter(event__submission=accepted.submission).values_list("code", flat=True)
    assert list(codes) == ["awaits_statement"]
    assert now(loaded)[0] == "in_transit"


def test_its_sender_tells_later_what_others_told_of_a_shipment_called_off(world: World) -> None:
    """A sender that is not on this node: its customer's word is all there is, until it comes."""
    stranger, pack = Party(world, gln(999), "Off the node", world.stranger.role), unit("X1")
    world.pharmacy.tells(stranger.shipping(pack, world.pharmacy))
    assert now(pack)[:2] == ("in_transit", stranger.gln)
    said = stranger.calling_off(pack, world.pharmacy)
    world.pharmacy.tells(said)
    assert now(pack)[:2] == ("held", stranger.gln)
    stranger = world._joins(999, "Here at last", world.stranger.role)
    stranger.tells(said)
    last = chain(pack).hops[-1]  # type: ignore[union-attr]
    assert (last.step, last.signed, now(pack)[:2]) == ("void", True, ("held", stranger.gln))
    assert rebuild() == []


def test_a_return_by_hearsay_is_taken_while_nobody_else_can_tell_it(world: World) -> None:
    stranger, pack = Party(world, gln(999), "Off the node", world.stranger.role), unit("X1")
    world.pharmacy.tells(stranger.shipping(pack, world.pharmacy))
    world.pharmacy.tells(stranger.taking_back(pack, world.pharmacy))
    assert now(pack)[:2] == ("held", stranger.gln)
    assert rebuild() == []


def test_what_one_has_sent_no_other_calls_off_by_hearsay(world: World) -> None:
    """Neither of them is here; but only one of them has sent it."""
    sender, other = (Party(world, gln(number), "Off the node", world.stranger.role) for number in (998, 999))
    pack = unit("X1")
    world.pharmacy.tells(sender.shipping(pack, world.pharmacy))
    accepted = world.pharmacy.tells(other.calling_off(pack, world.pharmacy))
    codes = ExceptionCase.objects.filter(event__submission=accepted.submission).values_list("code", flat=True)
    assert (list(codes), now(pack)[:2]) == (["awaits_statement"], ("in_transit", sender.gln))
    assert rebuild() == []


def test_a_delegation_to_ship_is_none_to_call_off(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    world.delegates(world.maker, world.distributor, "shipping")
    world.distributor.tells(world.maker.shipping(pack, world.pharmacy))
    assert now(pack)[0] == "in_transit"
    world.distributor.tells(world.maker.calling_off(pack, world.pharmacy))  # as a reporter: it waits
    assert now(pack)[0] == "in_transit"
    world.delegates(world.maker, world.distributor, "void_shipping")
    world.distributor.tells(world.maker.calling_off(pack, world.pharmacy))
    assert now(pack) == held_by(world.maker)


# ---- returns --------------------------------------------------------------------------------------------------------


def test_a_pack_comes_back_and_belongs_to_whoever_took_it_back(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    world.pharmacy.sends_back(pack, to=world.maker)
    assert now(pack) == ("in_transit", world.pharmacy.gln, world.maker.gln, world.maker.gln)
    world.maker.takes_back(pack, sender=world.pharmacy)
    assert now(pack) == held_by(world.maker)
    assert [hop.step for hop in chain(pack).hops][-2:] == ["ship", "return"]  # type: ignore[union-attr]
    assert rebuild() == []


def test_what_never_arrived_is_taken_back_by_its_sender(world: World, loaded: str) -> None:
    """Most dispensers tell of no receipt and of no return: the goods are on the dock again all the same."""
    world.maker.ships(loaded, to=world.pharmacy)
    world.maker.takes_back(loaded, sender=world.pharmacy)
    assert now(UNITS[0]) == held_by(world.maker)
    assert [hop.implied for hop in chain(UNITS[0]).hops][-1] == ()  # type: ignore[union-attr]
    assert rebuild() == []


def test_a_return_on_record_takes_one_that_was_sent_without_telling_of_its_receipt(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.sends_back(pack, to=world.maker)
    assert chain(pack).hops[-1].implied == (Implied.RECEIVED,)  # type: ignore[union-attr]
    world.maker.takes_back(pack, sender=world.pharmacy)
    assert now(pack) == held_by(world.maker)


def test_part_of_what_came_is_taken_back_and_the_rest_stays_on_its_way(world: World, loaded: str) -> None:
    world.maker.ships(loaded, to=world.distributor)
    world.maker.takes_back(UNITS[:1], sender=world.distributor)
    assert (now(UNITS[0]), now(UNITS[1])[0]) == (held_by(world.maker), "in_transit")
    assert rebuild() == []


def test_what_was_received_is_not_taken_back_without_its_holder(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    with pytest.raises(Refusal) as refused:
        world.maker.takes_back(pack, sender=world.pharmacy)
    assert refused.value.code == "unknown_item"  # a draft says no more of what is another's
    assert now(pack) == held_by(world.pharmacy)


def test_a_return_to_a_third_party_is_its_consignees_to_receive(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    with pytest.raises(Refusal):
        world.distributor.takes_back(pack, sender=world.pharmacy)
    world.pharmacy.sends_back(pack, to=world.distributor)
    world.distributor.takes_back(pack, sender=world.pharmacy)
    assert now(pack) == held_by(world.distributor)


def test_a_return_is_a_trade(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    world.licenses(world.maker, days=1)
    world.passes(days=30)
    with pytest.raises(NotAllowed) as refused:
        world.maker.takes_back(pack, sender=world.pharmacy)
    assert refused.value.code == "partner_not_authorized"
    world.maker.calls_off(pack, to=world.pharmacy)  # what was never sold was never traded
    assert now(pack) == held_by(world.maker)


# ---- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ends", "status"), [("destroys", "destroyed"), ("exports", "exported")])
def test_an_end_is_the_end_of_all_that_is_inside_and_nothing_follows(
    world: World, loaded: str, ends: str, status: str
) -> None:
    getattr(world.maker, ends)(loaded)
    assert {now(epc)[0] for epc in (loaded, *CASES, *UNITS)} == {status}
    attempts = [
        lambda: world.maker.ships(loaded, to=world.pharmacy),
        lambda: world.maker.unpacks(CASES, loaded),
        lambda: world.maker.dispenses(UNITS[0]),
        lambda: world.maker.destroys(UNITS[0]),
        lambda: world.maker.exports(UNITS[0]),
        lambda: world.maker.observes(loaded),
    ]
    for attempt in attempts:
        with pytest.raises(Refusal) as refused:
            attempt()
        assert refused.value.code == f"already_{status}"
        assert CODES[refused.value.code].remedy
    assert rebuild() == []


@pytest.mark.parametrize(("ends", "status"), [("destroys", "destroyed"), ("exports", "exported")])
def test_only_its_holder_ends_it(world: World, ends: str, status: str) -> None:
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    with pytest.raises(Refusal) as refused:
        getattr(world.maker, ends)(pack)
    assert refused.value.code == "in_transit"
    getattr(world.pharmacy, ends)(pack)  # who ends it is taken to have received it
    assert now(pack)[:2] == (status, world.pharmacy.gln)
    assert chain(pack).hops[-1].implied == (Implied.RECEIVED,)  # type: ignore[union-attr]


def test_what_is_on_hold_is_destroyed_and_not_exported(world: World) -> None:
    packs = world.maker.commissions(serial=["A", "B"])
    world.holds(world.maker, "recall", gtin=GTIN)
    with pytest.raises(Refusal) as refused:
        world.maker.exports(packs[0])
    assert refused.value.code == "on_hold"
    world.maker.destroys(packs[1])
    assert (now(packs[0])[0], now(packs[1])[0]) == ("held", "destroyed")


def test_an_end_told_late_moves_nothing_and_is_looked_at(world: World) -> None:
    pack = world.maker.commissions(serial="A")
    said = world.maker.teller.destroying([pack], world.passes())
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    world.maker.tells(said)
    assert now(pack) == held_by(world.pharmacy)
    assert ExceptionCase.objects.get().code == "destroyed_before"
    assert Sighting.objects.get().code == "destroyed_before"


@pytest.mark.parametrize("action", ["OBSERVE", "DELETE"])
def test_sold_over_the_counter_is_dispensed(world: World, action: str) -> None:
    """DSCSA files tell of dispensing by either word."""
    pack = world.maker.commissions(serial="A")
    said = world.maker.teller.event(
        "ObjectEvent", "retail_selling", action, world.passes(), epcList=[pack], disposition="dispensed"
    )
    world.maker.tells(said)
    assert now(pack)[0] == "dispensed"


@pytest.mark.parametrize(
    ("word", "action"), [("void_shipping", "DELETE"), ("destroying", "ADD"), ("killing", "OBSERVE")]
)
def test_a_word_in_a_way_that_means_nothing_is_refused(world: World, word: str, action: str) -> None:
    """EPCIS 2.0 section 7.4.2: what is deleted has ended; what is called off goes on."""
    pack = world.maker.commissions(serial="A")
    with pytest.raises(Refusal) as refused:
        world.maker.tells(world.maker.teller.event("ObjectEvent", word, action, world.passes(), epcList=[pack]))
    assert refused.value.code == "unlawful_move"
    assert f"{word} {action}" in refused.value.detail.replace(" with action", "")


# ---- versions -------------------------------------------------------------------------------------------------------


def test_what_was_judged_by_older_rules_is_judged_so_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In version 1, a word that nobody knew was a look at something."""
    packs = world.maker.commissions(serial=["A", "B"])
    with monkeypatch.context() as older:
        older.setattr(custody, "VERSION", 1)
        said = world.maker.teller.observing(custody.EXPORTING, [packs[0]], world.passes())
        accepted = world.maker.tells(said)
        world.maker.ships(packs[1], to=world.pharmacy)
        with pytest.raises(Refusal):  # nor did it know of returns
            world.maker.takes_back(packs[1], sender=world.pharmacy)
    assert accepted.submission.rules == 1
    assert now(packs[0]) == held_by(world.maker)
    world.maker.calls_off(packs[1], to=world.pharmacy)
    world.maker.exports(packs[0])
    by_word = dict(Event.objects.order_by("pk").values_list("biz_step", "submission__rules"))
    assert by_word == {"commissioning": 1, "shipping": 1, "void_shipping": 2, custody.EXPORTING: 2}
    assert rebuild() == []


def test_every_version_knows_what_the_one_before_it_knew() -> None:
    older, newer = custody.step_named, custody.STEPS
    for word, action in newer:
        step = older(word, action, None, rules=1)
        assert step in (None, newer[word, action])
    assert {word for word, action in newer if older(word, action, None, rules=1) is None} == {
        "void_shipping",
        "retail_selling",
        "destroying",
        custody.EXPORTING,
    }
