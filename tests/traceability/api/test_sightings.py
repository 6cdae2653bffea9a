"""`GET /api/v1/sightings`: what was refused, to those whom it concerns and to nobody else."""

from typing import Any

import pytest

from partners.models import AccessRecord
from tests.traceability.api.conftest import Api
from tests.world import Party, World, document
from traceability import sightings
from traceability.errors import Conflict


def seen(party: Party, **query: Any) -> Any:
    answer = Api(party).get("/api/v1/sightings", **query)
    assert answer.status_code == 200
    return answer.json()


def claims(world: World, pack: str, who: Party) -> None:
    """Who never had it signs that it dispenses it. It does not ask for a draft first: that would be refused."""
    from tests.signing import heads_of, sign_over
    from traceability import capture

    signed = sign_over(who, document(who.dispensing(pack)), heads_of(pack))
    with pytest.raises(Conflict):
        capture.capture(signed.received, signed.opening, signed.statement, now=world.now)


def test_a_claim_on_anothers_pack_is_shown_to_its_holder_to_the_claimant_and_to_a_regulator(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    claims(world, pack, world.stranger)
    assert seen(world.regulator) == {"sightings": [], "next": None}
    world.opens_case()
    for party in (world.maker, world.stranger, world.regulator):
        (found,) = seen(party)["sightings"]
        assert (found["submitter"], found["epc"]) == (world.stranger.gln, pack)
    assert seen(world.pharmacy) == {"sightings": [], "next": None}
    assert Api(None).get("/api/v1/sightings").status_code == 401


def test_i7_reading_of_anothers_is_recorded_and_of_ones_own_is_not(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    claims(world, pack, world.stranger)
    AccessRecord.objects.all().delete()
    for party in (world.maker, world.stranger, world.pharmacy):
        seen(party, purpose="tracing")
    records = list(AccessRecord.objects.values_list("reader", "subject", "what", "purpose"))
    assert records == [(world.maker.gln, pack, "sightings", "tracing")]


def test_whoever_was_told_only_that_it_is_not_its_own_is_told_no_more_now(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.dispenses(pack)
    claims(world, pack, world.stranger)
    assert [each["code"] for each in seen(world.stranger)["sightings"]] == ["not_holder"]
    assert [each["code"] for each in seen(world.maker)["sightings"]] == ["already_dispensed"]


def test_who_held_it_once_and_passed_it_on_sees_it_too(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    claims(world, pack, world.other_pharmacy)
    assert len(seen(world.maker)["sightings"]) == len(seen(world.pharmacy)["sightings"]) == 1


def test_page_by_page_the_latest_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "PAGE", 2)
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    for pack in packs:
        claims(world, pack, world.stranger)
    first = seen(world.maker)
    assert [each["epc"] for each in first["sightings"]] == [packs[2], packs[1]]
    before = first["next"].partition("before=")[2]
    assert [each["epc"] for each in seen(world.maker, before=before)["sightings"]] == [packs[0]]
    assert seen(world.maker, before=before)["next"] is None
    assert Api(world.maker).get("/api/v1/sightings", before="x").status_code == 400
