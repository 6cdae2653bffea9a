"""`/api/v1/items/`: the proof bundle of an item, and what its holder can open."""

import json
from typing import Any

import pytest

from ledger import tasks
from ledger.tlog.merkle import leaf_hash
from partners.models import AccessRecord
from tests.traceability.api.conftest import Api
from tests.world import CASE_GTIN, World, pallet, unit
from traceability.epcis.jcs import encode
from traceability.models import Event
from traceability.records import event_of, leaves_of

BUNDLE, OPENINGS = "/api/v1/items/bundle", "/api/v1/items/openings"


@pytest.fixture
def load(world: World) -> str:
    """A pallet with a case with two packs on it, and two packs beside it."""
    packs = world.maker.commissions(serial=["A1", "A2", "A3", "A4"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs[:2], into=box)
    world.maker.packs([box, *packs[2:]], into=pallet(1))
    world.maker.ships(pallet(1), to=world.pharmacy)
    world.pharmacy.receives(pallet(1), sender=world.maker)
    tasks.sweep()
    return pallet(1)


# ---- bundles --------------------------------------------------------------------------------------------------------


def test_a_bundle_is_one_file_for_whoever_has_the_item(pharmacy: Api, load: str) -> None:
    answer = pharmacy.get(BUNDLE, epc=unit("A1"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.unitproof.bundle+cbor"
    assert "A1" not in answer.headers["Content-Disposition"]
    record = AccessRecord.objects.get()
    assert (record.what, record.subject, record.purpose) == ("bundle", unit("A1"), "custody")


def test_an_item_is_named_in_any_spelling(pharmacy: Api, load: str) -> None:
    assert pharmacy.get(BUNDLE, epc="urn:epc:id:sgtin:0614141.012345.A1").status_code == 200


@pytest.mark.parametrize("path", [BUNDLE, OPENINGS])
def test_i7_what_is_unknown_and_what_is_anothers_look_the_same(stranger: Api, load: str, path: str) -> None:
    known, unknown = stranger.get(path, epc=unit("A1")), stranger.get(path, epc=unit("Z9"))
    assert (known.status_code, unknown.status_code) == (404, 404)
    assert known.json() == unknown.json()


@pytest.mark.parametrize("path", [BUNDLE, OPENINGS])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "parameter_missing"),
        ({"epc": "urn:epc:id:sgtin:nonsense"}, "malformed_urn"),
        ({"epc": "https://id.gs1.org/01/00614141123453/21/A1"}, "bad_check_digit"),
        ({"epc": "A\0"}, "malformed_parameter"),
        ({"epc": "(01)00614141123452(21)A1"}, "malformed_parameter"),
        ({"epc": unit("A1"), "purpose": "curiosity"}, "unknown_purpose"),
    ],
)
def test_what_names_no_item_is_a_problem(pharmacy: Api, path: str, query: dict[str, str], code: str) -> None:
    answer = pharmacy.get(path, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("path", [BUNDLE, OPENINGS])
def test_nobody_without_a_token(anybody: Api, path: str) -> None:
    assert anybody.get(path, epc=unit("A1")).status_code == 401


def test_no_bundle_before_all_of_it_is_in_the_log(world: World, maker: Api) -> None:
    pack = world.maker.commissions(serial="A1")
    answer = maker.get(BUNDLE, epc=pack)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (409, "not_integrated", "1")


# ---- openings -------------------------------------------------------------------------------------------------------


def opened(api: Api, epc: str) -> dict[str, Any]:
    """What the stream says, by EPC; each of its leaves hashes to what was signed."""
    answer = api.get(OPENINGS, epc=epc)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.getvalue().splitlines()]
    for line in lines:
        for each in line["leaves"]:
            assert leaf_hash(encode(each["leaf"])) == stored(line["epc"], each)
    return {line["epc"]: line["leaves"] for line in lines}


def stored(epc: str, each: dict[str, Any]) -> bytes:
    row = Event.objects.get(submission__submission=each["submission"], position=each["event"])
    return leaves_of(event_of(row.canonical), row.leaves)[epc][1]


def test_a_holder_opens_everything_in_what_it_holds(pharmacy: Api, maker: Api, load: str) -> None:
    found = opened(pharmacy, load)
    assert len(found) == 6
    assert [each["leaf"][0] for each in found[unit("A1")]] == ["i", "i"]
    assert [each["leaf"][0] for each in found[load]] == ["p", "i", "i"]
    assert AccessRecord.objects.get().what == "openings"
    assert maker.get(OPENINGS, epc=load).status_code == 404
    assert set(opened(pharmacy, unit("A1"))) == {unit("A1")}


def retracted(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"errorDeclaration": {"declarationTime": "2026-06-01T00:00:00Z", "reason": "did_not_occur"}}


def test_a_container_is_opened_whatever_was_packed_and_taken_out(world: World, maker: Api) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs[:2], into=box)
    world.maker.packs(packs[2], into=box)
    world.maker.unpacks(packs[0], out_of=box)
    world.maker.packs(packs[0], into=box)
    world.maker.tells(event := world.maker.unpacking([packs[1]], box))
    world.maker.tells(retracted(event))
    world.maker.unpacks(packs[1], out_of=box)
    world.maker.tells(event := world.maker.packing([packs[1]], box))
    world.maker.tells(retracted(event))
    world.maker.unpacks([], out_of=box)
    world.maker.packs(packs, into=box)
    found = opened(maker, box)
    assert [each["leaf"][0] for each in found[box]] == ["i"] + ["p"] * 11
    assert len(found) == 4
    assert found[box][-1]["leaf"][3][0] == 3


def test_a_container_that_was_opened_without_a_record_is_opened_too(world: World, maker: Api) -> None:
    packs = world.maker.commissions(serial=["A1", "A2", "A3"])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs[:2], into=box)
    world.maker.ships(packs[0], to=world.pharmacy)
    world.maker.packs(packs[2], into=box)
    world.maker.observes(box)
    assert [each["leaf"][3] for each in opened(maker, box)[box]][-2:] == ["unknown", "unknown"]


def test_what_others_told_and_what_was_signed_without_links_is_opened(world: World, pharmacy: Api) -> None:
    from tests.traceability.test_verification import off_node

    maker = off_node(world)
    world.pharmacy.tells(
        maker.commissioning(unit("R1")),
        maker.packing([unit("R1")], pallet(7)),
        maker.shipping(pallet(7), world.pharmacy),
    )
    world.pharmacy.receives(pallet(7), sender=maker)
    assert len(opened(pharmacy, pallet(7))) == 2


def test_a_pallet_is_a_stream_whatever_is_on_it(world: World, maker: Api, django_assert_max_num_queries: Any) -> None:
    packs = world.maker.commissions(serial=[f"S{number}" for number in range(1200)])
    world.maker.packs(packs, into=pallet(1))
    with django_assert_max_num_queries(6 + 3 * 3):  # three batches
        answer = maker.get(OPENINGS, epc=pallet(1))
        assert len(answer.getvalue().splitlines()) == 1201
