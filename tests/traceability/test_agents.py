"""Who acts for another, under a delegation in the log: its word is that party's, for as long as it holds."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.keys import node_key
from partners.models import AccessRecord, Delegation
from tests.signing import sign
from tests.traceability.story import a_case, custody, demand_order, exceptions, inside_of, off_node, refused
from tests.traceability.test_audit import findings
from tests.traceability.test_proving import checked, integrate
from tests.world import Party, World, document, pallet, unit
from traceability import capture, statements
from traceability.errors import Refusal
from traceability.history import chain
from traceability.models import Event, Sighting


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


@pytest.fixture
def packer(world: World) -> Party:
    """A contract packer: it packs and ships for the maker."""
    world.delegates(world.maker, world.distributor, "commissioning", "packing", "shipping", "unpacking")
    return world.distributor


def voices() -> list[tuple[str, str]]:
    return list(Event.objects.order_by("pk").values_list("voice", "party"))


def test_an_agents_word_moves_what_its_principal_has(world: World, packer: Party) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    packer.tells(world.maker.packing(packs, pallet(1)), world.maker.shipping(pallet(1), world.pharmacy))
    assert voices()[1:] == [("agent", world.maker.gln)] * 2
    assert custody(packs[0]) == ("in_transit", world.maker.gln)
    world.pharmacy.receives(pallet(1), sender=world.maker)
    assert custody(packs[0]) == ("held", world.pharmacy.gln)
    assert exceptions() == set()


def test_it_commissions_what_its_principal_may_issue(world: World, packer: Party) -> None:
    packer.tells(world.maker.commissioning(unit("A1")))
    found = chain(unit("A1"))
    assert found is not None
    assert found.begun is not None
    assert (found.licensed, found.begun.signed, found.begun_by_others) == (True, True, False)


def test_other_steps_it_only_reports(world: World, packer: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    packer.tells(world.maker.dispensing(pack))
    assert voices()[-1] == ("reporter", world.maker.gln)
    assert exceptions() == {"awaits_statement"}


def test_nobody_else_is_the_agent(world: World, packer: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    world.stranger.tells(world.maker.shipping(pack, world.pharmacy))
    assert voices()[-1] == ("reporter", world.maker.gln)
    packer.tells(world.pharmacy.shipping(unit("A9"), packer))
    assert voices()[-1] == ("reporter", world.pharmacy.gln)


def test_a_delegation_that_is_taken_back_makes_no_agent_any_more(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    given = world.delegates(world.maker, world.distributor, "shipping")
    world.distributor.tells(world.maker.shipping(packs[0], world.pharmacy))
    world.takes_back(given, world.maker, by=world.maker)
    world.distributor.tells(world.maker.shipping(packs[1], world.pharmacy))
    assert [voice for voice, _ in voices()[1:]] == ["agent", "reporter"]
    assert (custody(packs[0])[0], custody(packs[1])[0]) == ("in_transit", "held")


def test_what_was_drafted_as_an_agent_is_refused_once_it_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = world.maker.commissions(serial="A1")
    given = world.delegates(world.maker, world.distributor, "shipping")
    capturing = capture.capture

    def after_it_ended(*args: Any, **kwargs: Any) -> Any:
        world.takes_back(given, world.maker, by=world.maker)
        return capturing(*args, **kwargs)

    monkeypatch.setattr(capture, "capture", after_it_ended)
    event = world.maker.shipping(pack, world.pharmacy)
    refused("told_mismatch", world.distributor.tells, event, error=Refusal)


def test_a_prefix_that_is_taken_back_lets_nobody_commission(world: World) -> None:
    given = world.lets_issue(world.distributor, "0614199")
    gtin = "00614199000002"
    world.distributor.commissions(serial="B1", gtin=gtin)
    world.takes_back(given, world.distributor, by=world.authority)
    refused("gtin_not_licensed", world.distributor.commissions, serial="B2", gtin=gtin, error=Refusal)
    found = chain(unit("B1", gtin))
    assert found is not None
    assert found.licensed, "what was made before stands"


# ---- what an agent is told ------------------------------------------------------------------------------------------


def test_it_is_told_what_is_in_a_container_of_its_principals(world: World, packer: Party) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    box = a_case(world, "C1", *packs[:2])
    packer.tells(world.maker.packing(packs[2], box))
    packer.tells(world.maker.unpacking(packs[0], box))
    assert custody(packs[0]) == ("held", world.maker.gln)


def test_what_it_looked_at_is_recorded(world: World, packer: Party) -> None:
    """I7: they are another party's goods still."""
    pack = world.maker.commissions(serial="A1")
    packer.tells(world.maker.shipping(pack, world.pharmacy))
    assert list(AccessRecord.objects.values_list("reader", "subject", "what")) == [(packer.gln, pack, "draft")]


def test_it_is_told_why_its_principals_item_does_not_move(world: World, packer: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.dispenses(pack)
    refused("already_dispensed", packer.tells, world.maker.shipping(pack, world.pharmacy))


def test_of_anybody_elses_it_is_told_nothing(world: World, packer: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    refused("unknown_item", packer.tells, world.maker.shipping(pack, world.stranger), error=Refusal)


def test_its_slip_is_its_principals_slip(world: World, packer: Party) -> None:
    """Told twice, with another eventID: no second pack, and no sighting."""
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    refused("in_transit", packer.tells, world.maker.shipping(pack, world.pharmacy), error=Refusal)
    assert not Sighting.objects.exists()


def test_delegations_are_asked_for_once_and_only_where_somebody_tells_of_another(world: World, packer: Party) -> None:
    """Never one query an event, and none where everybody speaks for itself."""
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])

    def asked(party: Party, *events: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            party.tells(*events)
        return sum("partners_delegation" in (query["sql"] or "") for query in queries)

    assert asked(packer, *(world.maker.shipping(pack, world.pharmacy) for pack in packs)) == 3  # a draft, and twice
    assert asked(world.pharmacy, world.pharmacy.receiving(packs, world.maker)) == 0


# ---- what anybody can check -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_i6_a_bundle_shows_the_delegation_and_that_it_ended(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    given = world.delegates(world.maker, world.distributor, "shipping")
    world.distributor.tells(world.maker.shipping(pack, world.pharmacy))
    world.takes_back(given, world.maker, by=world.maker)
    world.renews_its_key(world.maker)
    world.pharmacy.receives(pack, sender=world.maker)
    report = checked(world, pack, world.pharmacy)
    assert [(hop.voice, hop.signed) for hop in report.hops][1] == ("agent", True)


@pytest.mark.django_db(transaction=True)
def test_an_agent_by_no_delegation_is_found_by_the_audit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a node would record it that lets somebody speak for whom it likes."""
    pack = world.maker.commissions(serial="A1")
    monkeypatch.setattr(
        "traceability.loading.delegations_to", lambda *_, **__: frozenset({(world.maker.gln, "shipping")})
    )
    world.stranger.tells(world.maker.shipping(pack, world.pharmacy))
    integrate(world)
    found = findings(world)
    assert [(each["table"], each["field"]) for each in found] == [("traceability_event", "voice")]


# ---- what an agent does not get -------------------------------------------------------------------------------------


def test_to_add_to_a_container_is_to_pack_whatever_it_is_called(world: World) -> None:
    """Who may look may not empty a pallet by the word for looking."""
    pack = world.maker.commissions(serial="A1")
    world.maker.packs(pack, into=pallet(1))
    world.delegates(world.maker, world.stranger, "inspecting")
    for event in (world.maker.unpacking([], pallet(1)), world.maker.packing(unit("A2"), pallet(1))):
        world.stranger.tells(event | {"bizStep": "inspecting"})
    assert {voice for voice, _ in voices()[-2:]} == {"reporter"}
    assert inside_of(pack) == pallet(1)


def test_what_it_told_gives_it_no_part_once_it_is_no_agent(world: World) -> None:
    elsewhere = off_node(world)
    pack = world.maker.commissions(serial="A1")
    given = world.delegates(world.maker, world.distributor, "shipping")
    world.distributor.tells(world.maker.shipping(pack, elsewhere))
    world.takes_back(given, world.maker, by=world.maker)
    world.distributor.tells(elsewhere.dispensing(pack))
    assert custody(pack)[0] == "in_transit"
    assert exceptions() == {"awaits_statement"}


def test_whoever_has_left_acts_no_more_by_an_agent_either(world: World, packer: Party) -> None:
    pack = world.maker.commissions(serial="A1")
    exits(world, world.maker)
    packer.tells(world.maker.shipping(pack, world.pharmacy))
    assert voices()[-1] == ("reporter", world.maker.gln)


def test_of_whoever_has_left_things_are_still_taken_back(world: World) -> None:
    given = world.delegates(world.maker, world.distributor, "shipping")
    exits(world, world.maker)
    world.takes_back(given, world.maker, by=world.authority)
    world.revokes(world.maker.key, of=world.maker, by=world.authority)


def test_a_party_ends_what_an_authority_delegated_in_its_name(world: World) -> None:
    said = statements.Delegation(
        about=world.maker.gln, to=world.stranger.gln, steps=("shipping",), **world._from(world.authority)
    )
    given = world.registers(said, world.authority.key)
    world.takes_back(given, world.maker, by=world.maker)
    assert Delegation.objects.get().revoked is not None


def test_a_refusal_tells_an_agent_no_more_than_others(world: World, packer: Party) -> None:
    """I7: what it may know, a draft tells, and that is recorded."""
    pack = world.maker.commissions(serial="A1")
    signed = sign(packer, document(world.maker.shipping(pack, world.pharmacy)))
    world.maker.dispenses(pack)
    with pytest.raises(Refusal) as refusal:
        capture.capture(signed.received, signed.opening, signed.statement, now=world.now)
    assert refusal.value.code in ("not_holder", "stale_head")


def exits(world: World, party: Party) -> None:
    """By the operator's word."""
    said = statements.PartnerExit(about=party.gln, **world._from(Party(world, settings.OPERATOR_GLN, "", party.role)))
    world.registers(said, node_key())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("word", ["dispensing", "decommissioning", "unpacking", "loading"])
def test_i6_whatever_an_agent_calls_its_unpacking_strangers_see_by_what_right(world: World, word: str) -> None:
    """Or an agent could make its principal's pack unprovable by one word."""
    pack = world.maker.commissions(serial="A1")
    world.maker.packs(pack, into=pallet(1))
    world.delegates(world.maker, world.distributor, "unpacking")
    world.distributor.tells(world.maker.unpacking([pack], pallet(1)) | {"bizStep": word})
    assert voices()[-1] == ("agent", world.maker.gln)
    assert checked(world, pack, world.maker).verdict == "verified"
