"""What was verified and became of it, alarms and samplings, as programs have them."""

import csv
import json
from typing import Any

import pytest

from tests.traceability.api.conftest import Api
from tests.traceability.test_verification import scan
from tests.world import GTIN, LOT, World
from traceability.dscsa import outcomes

VERIFY = "/api/v1/verify"


@pytest.fixture
def pack(world: World) -> str:
    epc = str(world.maker.commissions(serial="A1"))
    world.maker.ships(epc, to=world.pharmacy)
    world.pharmacy.receives(epc, sender=world.maker)
    return epc


def verified(api: Api, code: str = "", **query: Any) -> int:
    answer = api.get(VERIFY, scan=code or scan("A1"), **query)
    assert answer.status_code == 200
    return int(answer.json()["verification"])


def listed(api: Api) -> list[dict[str, Any]]:
    answer = api.get("/api/v1/verifications")
    assert answer.status_code == 200
    return list(answer.json()["verifications"])


def says(api: Api, number: int, **said: Any) -> Any:
    return post(api, f"/api/v1/verifications/{number}/outcome", said)


def post(api: Api, path: str, said: dict[str, Any]) -> Any:
    return api.post(path, json.dumps(said).encode(), "application/json")


def test_what_was_verified_why_and_what_came_of_it(world: World, pack: str) -> None:
    api = Api(world.pharmacy)
    number = verified(api, purpose="saleable_return")
    (kept,) = listed(api)
    assert {name: kept[name] for name in ("verification", "epc", "purpose", "verdict", "reason", "outcome")} == {
        "verification": number,
        "epc": pack,
        "purpose": "saleable_return",
        "verdict": "verified",
        "reason": "pending_in_log",
        "outcome": None,
    }
    assert says(api, number, outcome="returned_to_stock").status_code == 201
    assert says(api, number, outcome="returned_to_stock").status_code == 200
    assert says(api, number, outcome="quarantined", note="seal broken").status_code == 201
    (kept,) = listed(api)
    assert (kept["outcome"], kept["note"], kept["against"]) == ("quarantined", "seal broken", False)


def test_what_is_given_out_against_the_answer_is_kept_as_that(world: World, pack: str) -> None:
    world.holds(world.maker, "recall", epc=pack)
    api = Api(world.pharmacy)
    answer = says(api, verified(api), outcome="dispensed")
    assert (answer.json()["verdict"], answer.json()["against"]) == ("refused", True)


def test_a_pack_that_nobody_knows_is_on_the_list_too_and_what_is_no_pack_is_not(world: World, pack: str) -> None:
    api = Api(world.pharmacy)
    verified(api, scan("Z9"))
    assert api.get(VERIFY, scan="hello").json().get("verification") is None
    assert [each["reason"] for each in listed(api)] == ["unknown_unit"]
    assert Api(None).get(VERIFY, scan=scan("A1")).json().get("verification") is None


def test_anothers_are_not_there(world: World, pack: str) -> None:
    number = verified(Api(world.pharmacy))
    assert listed(Api(world.maker)) == []
    for wrong in (number, number + 1, 2**70):
        assert says(Api(world.maker), wrong, outcome="dispensed").status_code == 404
    assert Api(None).get("/api/v1/verifications").status_code == 401


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"outcome": "eaten"}, "bad_value"),
        ({"outcome": "dispensed", "note": "x" * 201}, "unwritable"),
        ({"outcome": "dispensed", "note": "two\nlines"}, "unwritable"),
        ({"outcome": 1}, "wrong_type"),
        ({"note": "x"}, "missing_member"),
        ({"outcome": "dispensed", "patient": "x"}, "unknown_member"),
    ],
)
def test_what_is_no_outcome_is_refused(world: World, pack: str, said: dict[str, Any], code: str) -> None:
    api = Api(world.pharmacy)
    answer = says(api, verified(api), **said)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_page_by_page_and_all_of_them_as_csv(world: World, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "PAGE", 2)
    api = Api(world.pharmacy)
    numbers = [verified(api, scan(serial)) for serial in ("A1", "=1", "Z3")]
    says(api, numbers[0], outcome="dispensed", note="=1+1")
    page = api.get("/api/v1/verifications").json()
    assert [each["verification"] for each in page["verifications"]] == [numbers[2], numbers[1]]
    before = page["next"].partition("before=")[2]
    page = api.get("/api/v1/verifications", before=before).json()
    assert ([each["verification"] for each in page["verifications"]], page["next"]) == ([numbers[0]], None)
    answer = api.ask("GET", "/api/v1/verifications", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert [int(row["verification"]) for row in rows] == numbers
    assert (rows[0]["outcome"], rows[0]["note"]) == ("dispensed", "'=1+1")


def test_a_verification_costs_no_statement_more_for_being_kept(
    world: World, pack: str, django_assert_num_queries: Any
) -> None:
    from traceability.dscsa.verification import verify

    reader = world.pharmacy.partner
    with django_assert_num_queries(3):
        verify(scan("A1"), reader, now=world.now)


def test_an_alarm_is_there_when_its_second_evidence_is_answered(world: World, pack: str) -> None:
    verified(Api(world.pharmacy))
    verified(Api(world.other_pharmacy))
    (alarm,) = Api(world.maker).get("/api/v1/alarms").json()["alarms"]
    assert (alarm["kind"], alarm["epc"], alarm["may_clear"]) == ("two_places", pack, True)
    assert alarm["first"]["party"] == world.pharmacy.gln
    clear = f"/api/v1/alarms/{alarm['alarm']}/clear"
    assert post(Api(world.pharmacy), clear, {"reason": "mine"}).status_code == 403
    assert post(Api(world.stranger), clear, {"reason": "mine"}).status_code == 404
    assert post(Api(world.maker), clear, {"reason": " "}).status_code == 400
    assert post(Api(world.maker), clear, {"reason": "the label was returned"}).json()["cleared"]
    assert Api(world.regulator).get("/api/v1/alarms").json()["alarms"] == []
    world.opens_case(serials=("A1",))
    assert Api(world.regulator).get("/api/v1/alarms").json()["alarms"][0]["cleared"]


def test_a_suspect_lot_is_sampled_and_the_worksheet_follows(world: World, pack: str) -> None:
    api = Api(world.pharmacy)
    opened = post(api, "/api/v1/samplings", {"gtin": GTIN, "lot": LOT, "serials": ["A1", "A2", "A1"]})
    assert opened.status_code == 201
    assert opened.json()["needed"] == 2
    verified(api, purpose="dispensing")
    verified(api, purpose="suspect_product")
    sheet = api.get(opened.headers["Location"]).json()
    assert (sheet["verified"], sheet["left"], sheet["done"]) == (["A1"], ["A2"], False)
    verified(api, scan("A2"), purpose="suspect_product")
    assert api.get(opened.headers["Location"]).json()["done"]
    assert api.get("/api/v1/samplings").json()["samplings"] == [sheet["sampling"]]
    assert Api(world.maker).get(opened.headers["Location"]).status_code == 404


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"quantity": 0}, "bad_number"),
        ({"quantity": 100_001}, "bad_number"),
        ({"quantity": -1}, "bad_number"),
        ({"serials": []}, "bad_number"),
        ({"serials": [1]}, "wrong_type"),
        ({"serials": ["A 1"]}, "bad_character"),
        ({}, "missing_member"),
        ({"quantity": 3, "serials": ["A1"]}, "missing_member"),
        ({"quantity": 3, "gtin": "00614141123453"}, "bad_check_digit"),
        ({"quantity": 3, "lot": ""}, "bad_length"),
    ],
)
def test_what_cannot_be_sampled_is_refused(world: World, said: dict[str, Any], code: str) -> None:
    answer = post(Api(world.pharmacy), "/api/v1/samplings", {"gtin": GTIN, "lot": LOT} | said)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
