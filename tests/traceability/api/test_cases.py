"""Regulators' cases over HTTP: opened, seen by whom they concern, closed."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.traceability.api.conftest import COSE, Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, World
from traceability import statements

CASES, JSON = "/api/v1/cases", "application/json"


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


def wanted(**members: Any) -> dict[str, Any]:
    return {
        "statement": str(uuid4()), "case": "24-117", "gtin": GTIN, "lot": LOT, "reason": "particles",
        "valid_to": "2099-01-01T00:00:00Z", **members,
    }  # fmt: skip


def opens(api: Api, said: dict[str, Any]) -> Any:
    return api.post(CASES, json.dumps(said).encode(), JSON)


def test_a_case_is_opened_seen_and_closed(world: World, regulator: Api, maker: Api, stranger: Api) -> None:
    world.entrusts(world.regulator)
    epc = world.maker.commissions(serial="A1")
    integrate(world)
    assert regulator.get("/api/v1/items/bundle", epc=epc).status_code == 404
    said = wanted(serials=["A2", "A1"])
    opened = opens(regulator, said)
    assert (opened.status_code, opened.json()["serials"], opened.json()["is_open"]) == (201, ["A1", "A2"], True)
    assert opens(regulator, said).status_code == 200
    problem(opens(regulator, said | {"lot": "L43"}), 409, "submission_reused")
    assert regulator.get("/api/v1/items/bundle", epc=epc).status_code == 200
    (seen,) = maker.get(CASES).json()["cases"]
    assert (seen["case"], seen["regulator"], seen["serials"]) == ("24-117", world.regulator.gln, None)
    (reading,) = maker.get("/api/v1/items/readers", epc=epc).json()["readings"]
    assert (reading["reader"], reading["purpose"]) == (world.regulator.gln, "case 24-117")
    assert stranger.get(CASES).json() == {"cases": [], "next": None}
    close = f"{CASES}/{opened.json()['entry']}/close"
    for api in (maker, stranger):
        problem(api.ask("POST", close), 404, "not_found")
    for _ in range(2):
        assert regulator.ask("POST", close).json()["is_open"] is False
    assert regulator.get("/api/v1/items/bundle", epc=epc).status_code == 404


def test_whoever_signs_itself_hands_in_a_statement(world: World, regulator: Api, maker: Api) -> None:
    said = statements.Case(
        about=world.regulator.gln, case="7", gtin=GTIN, reason="x",
        valid_to=world.now.replace(year=2099, microsecond=0), **world._from(world.regulator),
    )  # fmt: skip
    envelope = statements.sign(said, world.regulator.key)
    problem(maker.post(CASES, envelope, COSE), 403, "not_your_statement")
    assert regulator.post(CASES, envelope, COSE).status_code == 201
    assert regulator.post(CASES, envelope, COSE).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gtin": "00614141123453"}, "bad_check_digit"),
        ({"valid_to": "tomorrow"}, "malformed_statement"),
        ({"valid_to": "2001-01-01T00:00:00Z"}, "empty_period"),
        ({"reason": None}, "missing_member"),
        ({"serials": "A1"}, "wrong_type"),
        ({"more": "x"}, "unknown_member"),
    ],
)
def test_what_is_no_case_is_said(world: World, regulator: Api, changes: dict[str, Any], code: str) -> None:
    world.entrusts(world.regulator)
    answer = opens(regulator, wanted(**changes))
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    assert regulator.get(CASES).json()["cases"] == []


def test_nobody_but_a_regulator_opens_one(world: World, maker: Api) -> None:
    world.entrusts(world.maker)
    problem(opens(maker, wanted()), 403, "authority_needed")
