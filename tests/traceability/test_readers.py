"""Who has looked at my goods: told to whoever's data was read, as far as it may know the reader, and proven."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from django.conf import settings

from partners.access import Purpose
from partners.models import AccessRecord
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_proving import integrate
from tests.traceability.test_resale import label
from tests.world import Party, World, unit
from traceability import accesses
from traceability.bundle.reading import Step, examine_reading
from traceability.cli import main
from traceability.dscsa.verification import verify
from traceability.errors import NotFound, NotIntegratedYet, Refusal
from traceability.proving import bundle_for
from traceability.readers import Read, proof_of, readers_of
from traceability.trust import own_policy


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def pack(world: World) -> str:
    """Made, sold to the distributor, and by it to the pharmacy."""
    epc: str = world.maker.commissions(serial="A1")
    for seller, buyer in ((world.maker, world.distributor), (world.distributor, world.pharmacy)):
        seller.ships(epc, to=buyer)
        buyer.receives(epc, sender=seller)
    integrate(world)
    AccessRecord.objects.all().delete()
    return epc


def looks(world: World, by: Party, purpose: Purpose = Purpose.VERIFICATION) -> None:
    verify(label("A1"), by.partner, purpose, now=world.passes())


def told(world: World, to: Party, epc: str) -> list[Read]:
    return readers_of(to.partner, epc, now=world.passes())[0]


def logs(world: World) -> None:
    assert accesses.close_if_due(now=world.passes(seconds=settings.ACCESS_INTERVAL_SECONDS)) is not None
    integrate(world)


# ---- who is told what -----------------------------------------------------------------------------------------------


def test_i7_every_reading_is_told_to_whoever_had_part_in_it(world: World, pack: str) -> None:
    looks(world, world.pharmacy, Purpose.DISPENSING)
    world.opens_case()
    bundle_for(pack, world.regulator.partner, purpose=Purpose.RECALL, now=world.passes())
    for party in (world.maker, world.distributor):
        found = told(world, party, pack)
        assert [(each.reader, each.what, each.purpose) for each in found] == [
            (world.regulator.gln, "bundle", "case 24-117"),
            (world.pharmacy.gln, "chain", "dispensing"),
        ]


def test_ones_own_readings_are_not_news(world: World, pack: str) -> None:
    looks(world, world.maker)
    told(world, world.distributor, pack)  # that it looked who has looked is nobody's business but its own
    assert [each.reader for each in told(world, world.maker, pack)] == []
    assert AccessRecord.objects.filter(what="readers").count() == 2


def test_i7_a_reader_that_one_may_not_know_of_has_no_name(world: World, pack: str) -> None:
    """Who bought it from its buyer's buyer is not the distributor's to know; that somebody read is."""
    world.pharmacy.ships(pack, to=world.other_pharmacy)
    world.other_pharmacy.receives(pack, sender=world.pharmacy)
    integrate(world)
    bundle_for(pack, world.other_pharmacy.partner, purpose=Purpose.CUSTODY, now=world.passes())
    (seen,) = told(world, world.distributor, pack)
    assert (seen.reader, seen.role, seen.what) == (None, "dispenser", "bundle")
    (seen,) = told(world, world.pharmacy, pack)
    assert (seen.reader, seen.role) == (world.other_pharmacy.gln, None)


def test_whoever_made_it_is_told_who_asked_to_verify_it(world: World, pack: str) -> None:
    looks(world, world.stranger)
    assert [each.reader for each in told(world, world.maker, pack)] == [world.stranger.gln]
    assert [each.reader for each in told(world, world.distributor, pack)] == [None]


def test_whom_one_has_granted_it_is_named(world: World, pack: str) -> None:
    world.grants(world.distributor, world.stranger)
    bundle_for(pack, world.stranger.partner, purpose=Purpose.TRACING, now=world.passes())
    assert [each.reader for each in told(world, world.distributor, pack)] == [world.stranger.gln]


def test_i7_whoever_had_no_part_in_it_and_what_nobody_knows_look_the_same(world: World, pack: str) -> None:
    looks(world, world.pharmacy)
    refusals = []
    for epc in (pack, unit("NOBODY")):
        with pytest.raises(NotFound) as refusal:
            told(world, world.stranger, epc)
        refusals.append(str(refusal.value))
    assert refusals[0] == refusals[1]


def test_in_pages_the_latest_first(world: World, pack: str) -> None:
    for _ in range(103):
        looks(world, world.pharmacy)
    first, following = readers_of(world.maker.partner, pack, now=world.passes())
    second, end = readers_of(world.maker.partner, pack, now=world.passes(), before=following)
    assert (len(first), len(second), end) == (100, 3, None)
    assert [each.number for each in first + second] == sorted((each.number for each in first + second), reverse=True)


def test_the_number_of_queries_does_not_depend_on_how_many_there_are(
    world: World, pack: str, django_assert_max_num_queries: Any
) -> None:
    for _ in range(60):
        looks(world, world.pharmacy)
    logs(world)
    with django_assert_max_num_queries(10):
        found = told(world, world.maker, pack)
    assert {each.interval for each in found} == {1}


# ---- proof ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proof(world: World, pack: str) -> bytes:
    for by in (world.pharmacy, world.distributor, world.pharmacy):
        looks(world, by)
    logs(world)
    (seen, _, _) = told(world, world.maker, pack)
    return proof_of(world.maker.partner, seen.number, now=world.passes())


def test_a_reading_is_proven_to_anybody(world: World, pack: str, proof: bytes) -> None:
    report = examine_reading(proof, own_policy())
    assert report.failure is None
    assert report.told is not None
    assert (report.told["reader"], report.told["subject"], report.told["what"]) == (world.pharmacy.gln, pack, "chain")
    assert report.as_json()["verified"] is True


def test_before_its_interval_is_logged_there_is_none(world: World, pack: str) -> None:
    looks(world, world.pharmacy)
    (seen,) = told(world, world.maker, pack)
    assert seen.interval is None
    with pytest.raises(NotIntegratedYet):
        proof_of(world.maker.partner, seen.number, now=world.passes())


def test_of_a_record_that_was_changed_since_there_is_none(world: World, pack: str) -> None:
    looks(world, world.pharmacy)
    logs(world)
    (seen,) = told(world, world.maker, pack)
    AccessRecord.objects.filter(pk=seen.number).update(what="verdict")
    with pytest.raises(Refusal) as refused:
        proof_of(world.maker.partner, seen.number, now=world.passes())
    assert refused.value.code == "record_differs"


def test_i7_of_a_reader_without_a_name_there_is_none(world: World, pack: str) -> None:
    """A proof names the reader. One's own, one of another's goods, and a number of nobody look the same."""
    looks(world, world.stranger)
    logs(world)
    (seen,) = told(world, world.distributor, pack)
    said = set()
    for by, number in (
        (world.distributor, seen.number), (world.stranger, seen.number), (world.other_pharmacy, seen.number),
        (world.distributor, 10**9),
    ):  # fmt: skip
        with pytest.raises(NotFound) as refusal:
            proof_of(by.partner, number, now=world.passes())
        said.add(str(refusal.value))
    assert len(said) == 1


def other_reader(file: dict[str, Any]) -> None:
    told = json.loads(file["read"][2])
    file["read"][2] = json.dumps([told[0], "0614141009990", *told[2:]], separators=(",", ":"))


def other_salt(file: dict[str, Any]) -> None:
    file["read"][1] = bytes(16)


def other_index(file: dict[str, Any]) -> None:
    file["read"][0] += 1


def other_interval(file: dict[str, Any]) -> None:
    told = json.loads(file["interval"][2])
    file["interval"][2] = json.dumps([*told[:6], "2026-01-01T00:00:00Z", told[7]], separators=(",", ":"))


def other_place(file: dict[str, Any]) -> None:
    file["interval"][0] -= 1


def no_array(file: dict[str, Any]) -> None:
    file["read"][2] = "{}"


def a_member_more(file: dict[str, Any]) -> None:
    file["more"] = 1


@pytest.mark.parametrize(
    ("damage", "step"),
    [
        (other_reader, Step.RECORD),
        (other_salt, Step.RECORD),
        (other_index, Step.RECORD),
        (other_interval, Step.ENTRY),
        (other_place, Step.ENTRY),
        (no_array, Step.READ),
        (a_member_more, Step.READ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_damaged_proof_fails_where_it_is_damaged(
    proof: bytes, damage: Callable[[dict[str, Any]], None], step: Step
) -> None:
    file = cbor2.loads(proof)
    damage(file)
    report = examine_reading(cbor2.dumps(file, canonical=True), own_policy())
    assert report.failure is not None
    assert report.failure.step == step


def test_no_byte_of_a_proof_may_change(proof: bytes) -> None:
    policy = own_policy()
    for at in range(len(proof)):
        changed = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        assert examine_reading(changed, policy).failure is not None, at


# ---- over the API, and by command -----------------------------------------------------------------------------------


def test_over_the_api(world: World, pack: str) -> None:
    maker, stranger = Api(world.maker), Api(world.stranger)
    looks(world, world.pharmacy)
    logs(world)
    (seen,) = maker.get("/api/v1/items/readers", epc=pack).json()["readings"]
    assert (seen["reader"], seen["purpose"], seen["interval"]) == (world.pharmacy.gln, "verification", 1)
    answer = maker.get(seen["proof"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/vnd.unitproof.reading+cbor")
    assert examine_reading(answer.content, own_policy()).failure is None
    problem(stranger.get("/api/v1/items/readers", epc=pack), 404, "not_found")
    problem(stranger.get(seen["proof"]), 404, "not_found")
    problem(maker.get(f"/api/v1/readings/{2**70}/proof"), 404, "not_found")
    problem(maker.get("/api/v1/items/readers"), 400, "parameter_missing")


def test_a_proof_is_checked_by_unitproof(proof: bytes, tmp_path: Path, capsys: Any) -> None:
    file, policy = tmp_path / "reading.unitproof", tmp_path / "policy.json"
    file.write_bytes(proof)
    policy.write_text(str(own_policy()))
    assert main(["verify", str(file), "--policy", str(policy)]) == 0
    assert "PROVEN: this reading was recorded" in capsys.readouterr().out
    file.write_bytes(proof[:-1] + bytes([proof[-1] ^ 1]))
    assert main(["verify", str(file), "--policy", str(policy), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verified"] is False
