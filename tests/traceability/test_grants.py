"""A party lets another read what it may read itself: as long, and of as much, as it says."""

from datetime import timedelta

import pytest

from partners.access import Purpose
from partners.models import AccessRecord
from tests.traceability.story import a_pallet, refused
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, Party, World, pallet
from traceability.dscsa.verification import Answer, verify
from traceability.errors import NotAllowed, NotFound, Refusal
from traceability.history import chain
from traceability.proving import bundle_for


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def pack(world: World) -> str:
    epc: str = world.maker.commissions(serial="A1")
    world.maker.ships(epc, to=world.pharmacy)
    world.pharmacy.receives(epc, sender=world.maker)
    integrate(world)
    return epc


def asked(world: World, by: Party) -> Answer:
    return verify(f"(01){GTIN}(21)A1(10){LOT}(17)281231", by.partner, now=world.now)


def test_i7_whoever_is_granted_reads_as_much_as_whoever_granted_it(world: World, pack: str) -> None:
    reader = world.stranger
    assert asked(world, reader).epc is None
    entry = world.grants(world.maker, reader)
    assert len(asked(world, reader).hops) == len(asked(world, world.maker).hops) == 2
    world.takes_back(entry, world.maker, by=world.maker)
    world.grants(world.pharmacy, reader)
    assert len(asked(world, reader).hops) == 3
    assert AccessRecord.objects.filter(reader=reader.gln, what="chain").count() == 2


def test_i7_the_proof_is_had_by_it_too_and_the_reader_is_written_down(world: World, pack: str) -> None:
    world.grants(world.pharmacy, world.stranger, GTIN)
    integrate(world)
    assert bundle_for(pack, world.stranger.partner, purpose=Purpose.TRACING, now=world.now)
    record = AccessRecord.objects.get(reader=world.stranger.gln, what="bundle")
    assert (record.subject, record.purpose) == (pack, "tracing")


def test_i7_it_reaches_no_further_than_it_says(world: World, pack: str) -> None:
    reader = world.stranger
    world.grants(world.pharmacy, reader, "0614149", "50614141123457")
    assert asked(world, reader).epc is None
    world.grants(world.pharmacy, reader, "0614141", until=world.now.replace(microsecond=0) + timedelta(days=1))
    assert asked(world, reader).epc == pack
    assert asked(world, world.other_pharmacy).epc is None  # it is nobody else's
    world.passes(days=1)
    assert asked(world, reader).epc is None
    with pytest.raises(NotFound):
        bundle_for(pack, reader.partner, purpose=Purpose.CUSTODY, now=world.now)


def test_i7_of_logistic_units_only_a_grant_of_all_goods_tells(world: World) -> None:
    load, _, _ = a_pallet(world)
    integrate(world)
    world.grants(world.maker, world.stranger, "0614141", "0952109")
    assert verify(f"(00){load[-18:]}", world.stranger.partner, now=world.now).epc is None
    world.grants(world.maker, world.stranger)
    assert verify(f"(00){load[-18:]}", world.stranger.partner, now=world.now).epc == load == pallet(1)


def test_i7_it_is_for_reading_and_for_nothing_else(world: World, pack: str) -> None:
    world.grants(world.pharmacy, world.stranger)
    refused("unknown_item", world.stranger.dispenses, pack, error=Refusal)
    found = chain(pack)
    assert found is not None
    assert found.custody.possessor == world.pharmacy.gln


def test_who_grants_and_who_takes_back(world: World, pack: str) -> None:
    refused("own_reader", world.grants, world.maker, world.maker, error=Refusal)
    past = world.now.replace(microsecond=0) - timedelta(days=1)
    refused("empty_period", world.grants, world.maker, world.stranger, error=Refusal, until=past)
    entry = world.grants(world.pharmacy, world.stranger)
    for party in (world.stranger, world.maker):
        refused("authority_needed", world.takes_back, entry, world.pharmacy, party, error=NotAllowed)
    world.takes_back(entry, world.pharmacy, by=world.authority)
    assert asked(world, world.stranger).epc is None
