"""Who may trade: whoever was given licences trades only while one is in force, by the day and by the log's order."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.licences import traders
from partners.models import Licence, Partner
from tests.traceability.story import custody, demand_order, off_node, refused, retracted
from tests.world import BEGINNING, GTIN, Party, World, gln, pallet, unit
from traceability import statements
from traceability.authorities import Authority, save
from traceability.dscsa.verification import verify
from traceability.errors import NotAllowed
from traceability.history import chain


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


@pytest.fixture
def pack(world: World) -> str:
    return world.maker.commissions(serial="A1")


def not_authorized(act: Any, *args: Any, **kwargs: Any) -> None:
    refused("partner_not_authorized", act, *args, error=NotAllowed, **kwargs)


def test_of_whom_nobody_has_said_anything_nobody_says_that_it_may_not(world: World, pack: str) -> None:
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    world.pharmacy.dispenses(pack)
    assert custody(pack)[0] == "dispensed"


def test_a_licensed_party_trades_on_its_days(world: World, pack: str) -> None:
    world.licenses(world.pharmacy, days=30)
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    world.passes(days=31)
    not_authorized(world.pharmacy.dispenses, pack)
    world.licenses(world.pharmacy)
    world.pharmacy.dispenses(pack)


def test_it_is_the_day_of_the_event_that_counts(world: World, pack: str) -> None:
    """Told late, of a day on which it was licensed."""
    world.licenses(world.pharmacy, days=30)
    world.maker.ships(pack, to=world.pharmacy)
    received = world.pharmacy.receiving(pack, world.maker)
    world.passes(days=31)
    world.pharmacy.tells(received)
    assert custody(pack) == ("held", world.pharmacy.gln)


def test_nobody_ships_to_whom_no_licence_covers(world: World, pack: str) -> None:
    world.licenses(world.pharmacy, days=30)
    world.passes(days=31)
    not_authorized(world.maker.ships, pack, to=world.pharmacy)
    world.maker.ships(pack, to=world.other_pharmacy)


def test_a_licence_that_is_taken_back_is_none(world: World, pack: str) -> None:
    given = world.licenses(world.pharmacy)
    world.takes_back(given, world.pharmacy, by=world.authority)
    not_authorized(world.maker.ships, pack, to=world.pharmacy)


def test_a_later_statement_of_a_licence_replaces_the_one_before(world: World, pack: str) -> None:
    world.licenses(world.pharmacy, days=365)
    world.licenses(world.pharmacy, days=1)
    world.passes(days=2)
    not_authorized(world.maker.ships, pack, to=world.pharmacy)
    world.licenses(world.pharmacy, number="L-2")
    world.maker.ships(pack, to=world.pharmacy)


def test_what_was_traded_before_the_log_said_so_stands_and_replays(world: World, pack: str) -> None:
    """By log index: a licence that comes later, and lies in the past, takes nothing back."""
    world.maker.ships(pack, to=world.pharmacy)
    world.licenses(world.pharmacy, days=1, since=world.now - timedelta(days=90))
    found = chain(pack)
    assert found is not None
    assert not any(hop.unauthorized for hop in found.hops)
    not_authorized(world.pharmacy.receives, pack, sender=world.maker)


def test_a_container_is_packed_and_looked_at_without_a_licence(world: World, pack: str) -> None:
    """Those are no trades."""
    world.licenses(world.maker, days=1)
    world.passes(days=2)
    world.maker.observes(pack)
    world.maker.commissions(serial="A2")
    not_authorized(world.maker.ships, pack, to=world.pharmacy)


def test_an_agent_trades_on_its_principals_licence(world: World, pack: str) -> None:
    world.delegates(world.maker, world.distributor, "shipping")
    world.licenses(world.maker, days=1)
    world.passes(days=2)
    not_authorized(world.distributor.tells, world.maker.shipping(pack, world.pharmacy))


def test_a_trade_that_others_tell_of_shows_amber(world: World) -> None:
    """A report is no act of its party's, and is taken; whoever verifies is told."""
    sender = off_node(world)
    Partner.objects.create(gln=sender.gln, name=sender.name, role=sender.role)
    world.licenses(sender, days=1)
    world.passes(days=2)
    world.pharmacy.tells(sender.commissioning(unit("A1")), sender.shipping(unit("A1"), world.pharmacy))
    answer = verify(f"]d201{GTIN}21A1", world.pharmacy.partner, now=world.now)
    assert answer.verdict == "caution"
    assert {each.name: each.outcome for each in answer.checks}["partners_authorized"] == "fails"


def test_the_query_of_a_chain_says_the_same_as_whoever_judges(world: World) -> None:
    """Of many licences, given, replaced and taken back, at each hop's place in the log."""
    packs = world.maker.commissions(serial=[f"B{n}" for n in range(8)])
    given = []
    for n, pack in enumerate(packs):
        world.maker.ships(pack, to=world.pharmacy)
        given.append(world.licenses(world.stranger, days=1 + n % 2 * 4, number=f"L-{n % 2}"))
        if n % 4 == 3:
            world.takes_back(given[-1], world.stranger, by=world.authority)
        world.passes(hours=30)
    Licence.objects.update(partner_id=world.maker.gln)
    found = [hop for pack in packs for hop in getattr(chain(pack), "hops", ()) if hop.biz_step == "shipping"]
    said = [hop.unauthorized for hop in found]
    assert said == [not traders([hop.party], hop.accepted)(hop.party, hop.time) for hop in found]
    assert set(said) == {True, False}
    Licence.objects.update(partner_id=world.stranger.gln)


def test_only_a_trade_needs_a_licence_whatever_it_is_called_and_so_the_chain_says(world: World, pack: str) -> None:
    """To pack under the word for shipping is no trade, and to take an error back is none; to accept is one."""
    shipped = world.maker.shipping(pack, world.pharmacy)
    world.maker.tells(shipped)
    world.licenses(world.maker, days=1)
    world.licenses(world.pharmacy, days=1)
    world.passes(days=2)
    world.maker.tells(retracted(shipped))
    world.maker.tells(world.maker.packing(pack, pallet(1)) | {"bizStep": "shipping"})
    found = chain(pack)
    assert found is not None
    assert [hop.unauthorized for hop in found.hops] == [False] * 4
    accepting = world.pharmacy.receiving(pallet(1), world.maker) | {"bizStep": "accepting"}
    not_authorized(world.pharmacy.tells, accepting)


def test_one_board_does_not_replace_the_licence_of_another(world: World, pack: str) -> None:
    other = Party(world, gln(77), "Another Board", world.authority.role)
    keys = [Authority(party.gln, party.key.public) for party in (world.authority, other)]
    save(settings.AUTHORITIES, keys)
    world.licenses(world.pharmacy)
    said = statements.Licence(
        about=world.pharmacy.gln, licence="L-1", role="dispenser", states=("NY",), valid_from=BEGINNING,
        valid_to=BEGINNING + timedelta(days=1), **world._from(other),
    )  # fmt: skip
    world.registers(said, other.key)
    world.passes(days=2)
    world.maker.ships(pack, to=world.pharmacy)


def test_an_agent_needs_a_licence_of_its_own_too(world: World, pack: str) -> None:
    world.delegates(world.maker, world.distributor, "shipping")
    world.licenses(world.distributor, days=1)
    world.passes(days=2)
    not_authorized(world.distributor.tells, world.maker.shipping(pack, world.pharmacy))


def test_licences_are_asked_for_once(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    with CaptureQueriesContext(connection) as queries:
        world.maker.tells(*(world.maker.shipping(pack, world.pharmacy) for pack in packs))
    asked = sum('FROM "partners_licence"' in (query["sql"] or "") for query in queries)
    assert asked == 2  # for the draft, and in the transaction
