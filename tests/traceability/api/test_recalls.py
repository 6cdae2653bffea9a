"""Recalls over the API: begun, looked at, answered, reported, closed; walls; what is refused."""

import csv
from hashlib import sha256
from io import BytesIO
from json import dumps
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest

from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, World
from traceability import working
from traceability.models import RecallReport

RECALLS, JSON = "/api/v1/recalls", "application/json"
WANTED: dict[str, Any] = {
    "scopes": [{"gtin": GTIN, "lot": LOT}], "classification": "II", "depth": "retail", "reason": "particles found",
    "contact": "recalls@maker.example", "answer_by": "2099-01-01T00:00:00Z",
}  # fmt: skip


@pytest.fixture
def begun(trade: World, maker: Api) -> dict[str, Any]:
    trade.entrusts(trade.maker)
    answer = maker.post(RECALLS, dumps(WANTED).encode(), JSON)
    assert answer.status_code == 201, answer.json()
    assert answer.headers["Location"] == f"{RECALLS}/{answer.json()['entry']}"
    found: dict[str, Any] = answer.json()
    return found


def asked(begun: dict[str, Any]) -> bytes:
    return dumps({"kind": "recall-report", "request": "r", "parameters": {"recall": begun["entry"]}}).encode()


def rows(answer: Any) -> list[dict[str, str]]:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))


def test_it_is_begun_seen_answered_and_closed(
    begun: dict[str, Any],
    maker: Api,
    pharmacy: Api,
    trade: World,
    settings: Any,
) -> None:
    entry = f"{RECALLS}/{begun['entry']}"
    assert (begun["made"], begun["classification"], begun["closed"]) == (10, "II", None)
    assert {(row["status"], row["possessor"]): row["units"] for row in begun["at"]}["held", "dispenser"] == 2
    assert [(each["party"], each["answered"]) for each in begun["told"]][-1] == ("dispenser", None)
    trade.entrusts(trade.pharmacy)
    assert pharmacy.post(f"{entry}/answer", b"{}", JSON).json()["told"][0]["answered"]["counted"] is None
    found = {"quarantined": 1, "returned": 0, "destroyed": 0, "missing": 1}
    told = pharmacy.post(f"{entry}/answer", dumps(found).encode(), JSON).json()
    assert (told["made"], told["at"], len(told["told"])) == (None, [], 1)
    assert {name: told["told"][0]["answered"][name] for name in found} == found
    assert len(rows(pharmacy.get(f"{entry}/units"))) == 3
    assert len(rows(maker.get(f"{entry}/units"))) == 10
    holders = rows(maker.get(f"{entry}/holders"))
    assert {row["name"]: row["missing"] for row in holders} == {"Distributor": "", "Pharmacy": "1", "": ""}
    integrate(trade)
    job = maker.post("/api/v1/jobs", asked(begun), JSON)
    working.work()
    made = maker.get(f"/api/v1/jobs/{job.json()['job']}/result")
    assert made.headers["Content-Type"] == "application/zip"
    with ZipFile(BytesIO(b"".join(made.streaming_content))) as file:
        report = sha256(file.read("report.unitproof")).digest()
    assert bytes(RecallReport.objects.get().sha256) == report
    closed = maker.post(f"{entry}/close", dumps({"report": report.hex()}).encode(), JSON)
    assert (closed.status_code, closed.json()["closed"] is None) == (200, False)
    problem(maker.post(f"{entry}/close", dumps({"report": report.hex()}).encode(), JSON), 409, "recall_closed")


def test_asked_again_by_its_id_it_is_the_same_recall(trade: World, maker: Api) -> None:
    trade.entrusts(trade.maker)
    wanted = {**WANTED, "statement": str(uuid4())}
    first, again = (maker.post(RECALLS, dumps(wanted).encode(), JSON) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["entry"] == again.json()["entry"]
    assert trade.maker.partner.holds.count() == 1
    for changed in ({"reason": "glass"}, {"scopes": [{"gtin": GTIN}]}):
        problem(maker.post(RECALLS, dumps({**wanted, **changed}).encode(), JSON), 409, "submission_reused")


def test_whom_it_does_not_concern_is_told_what_is_told_of_none(begun: dict[str, Any], stranger: Api) -> None:
    for path in ("", "/units", "/holders"):
        answers = []
        for entry in (begun["entry"], "0" * 64):
            answer = stranger.get(f"{RECALLS}/{entry}{path}")
            answers.append((answer.status_code, answer.json()["code"], answer.json()["detail"]))
        assert answers[0] == answers[1]
        assert answers[0][:2] == (404, "not_found")
    assert stranger.get(RECALLS).json() == {"recalls": [], "next": None}
    problem(stranger.post("/api/v1/jobs", asked(begun), JSON), 404, "not_found")


def test_whoever_was_told_has_no_report_made(begun: dict[str, Any], pharmacy: Api) -> None:
    problem(pharmacy.post("/api/v1/jobs", asked(begun), JSON), 403, "report_not_yours")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"scopes": []}, "bad_value"),
        ({"scopes": [{"lot": LOT}]}, "bad_value"),
        ({"scopes": [{"gtin": GTIN, "more": "x"}]}, "bad_value"),
        ({"scopes": [{"gtin": "00614141123453"}]}, "bad_check_digit"),
        ({"scopes": [{"gtin": GTIN, "first": "B", "last": "A"}]}, "malformed_statement"),
        ({"scopes": [{"gtin": "09521098000013"}]}, "authority_needed"),
        ({"scopes": [{"gtin": GTIN}] * 101}, "bad_value"),
        ({"classification": "IV"}, "malformed_statement"),
        ({"depth": "moon"}, "malformed_statement"),
        ({"reason": ""}, "malformed_statement"),
        ({"reason": "x" * 201}, "unwritable"),
        ({"answer_by": "soon"}, "bad_time"),
        ({"answer_by": None}, "missing_member"),
        ({"answer_by": "2020-01-01T00:00:00Z"}, "empty_period"),
        ({"more": 1}, "unknown_member"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_what_is_no_recall_says_why_and_holds_nothing(
    trade: World,
    maker: Api,
    changed: dict[str, Any],
    code: str,
) -> None:
    trade.entrusts(trade.maker)
    answer = maker.post(RECALLS, dumps({**WANTED, **changed}).encode(), JSON)
    assert (answer.status_code < 500, answer.json()["code"]) == (True, code), answer.json()
    assert maker.get(RECALLS).json()["recalls"] == []
    assert trade.maker.partner.holds.count() == 0


@pytest.mark.parametrize("numbers", [{"quarantined": 1}, {"quarantined": -1}, {"quarantined": "1"}, {"x": 1}], ids=str)
def test_what_is_no_answer_says_why(begun: dict[str, Any], pharmacy: Api, numbers: dict[str, Any]) -> None:
    assert pharmacy.post(f"{RECALLS}/{begun['entry']}/answer", dumps(numbers).encode(), JSON).status_code == 400


def test_without_a_key_here_nothing_is_signed_here(trade: World, maker: Api) -> None:
    problem(maker.post(RECALLS, dumps(WANTED).encode(), JSON), 403, "no_custodial_key")
