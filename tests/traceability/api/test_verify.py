"""`GET /api/v1/verify`: who is told what, in how many queries, of whatever was scanned."""

import re
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import tasks
from partners import access
from partners.models import AccessRecord
from tests.traceability.api.conftest import Api
from tests.world import CASE_GTIN, GTIN, LOT, World, pallet
from traceability.dscsa.verification import REASONS

VERIFY = "/api/v1/verify"
CODE = f"]d201{GTIN}21A1\x1d1728123110{LOT}"


@pytest.fixture
def pack(world: World) -> str:
    """A pack in a case on a pallet, received by the pharmacy."""
    epc = str(world.maker.commissions(serial="A1"))
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(epc, into=box)
    world.maker.packs(box, into=pallet(1))
    world.maker.ships(pallet(1), to=world.pharmacy)
    world.pharmacy.receives(pallet(1), sender=world.maker)
    tasks.sweep()
    return epc


def test_anybody_is_told_the_verdict_and_the_product(anybody: Api, pack: str) -> None:
    answer = anybody.get(VERIFY, scan=CODE)
    assert answer.status_code == 200
    assert answer.json() == {
        "verdict": "verified",
        "reason": "genuine_by_record",
        "sentence": REASONS["genuine_by_record"].sentence,
        "product": {
            **{"gtin": GTIN, "serial": "A1", "name": None, "lot": LOT, "expiry": "2028-12-31"},
            **dict.fromkeys(("ndc", "strength", "dosage_form", "container_size", "labeler", "described_by")),
        },
        "witnessed": False,
        "note": "not independently witnessed",
        "fault": None,
    }


def test_its_holder_is_told_the_checks_the_chain_and_where_its_bundle_is(pharmacy: Api, pack: str) -> None:
    answer = pharmacy.get(VERIFY, scan=CODE).json()
    assert [check["outcome"] for check in answer["checks"]] == ["holds"] * 9
    assert [hop["step"] for hop in answer["chain"]] == ["commission", "pack", "pack", "ship", "receive"]
    assert answer["custody"]["possessor"] == pharmacy.party.gln  # type: ignore[union-attr]
    assert len(answer["inside"]) == 2
    assert answer["bundle"].startswith("/api/v1/items/bundle?epc=https%3A%2F%2F")
    assert answer["note"] == "not independently witnessed"


def test_a_former_holder_is_told_no_more_than_its_own_part(maker: Api, pack: str) -> None:
    answer = maker.get(VERIFY, scan=CODE).json()
    assert [hop["step"] for hop in answer["chain"]][-1] == "ship"
    assert (answer["custody"], answer["inside"]) == (None, [])


@pytest.mark.parametrize(
    "query",
    [
        {"scan": f"(01){GTIN}(21)A1(10){LOT}(17)281231"},
        {"scan": f"https://id.gs1.org/01/{GTIN}/10/{LOT}/21/A1?17=281231"},
        {"scan": CODE.replace("\x1d", "{GS}")},
        {"gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": "281231"},
        {"gtin": "614141123452", "serial": "A1", "lot": LOT, "expiry": "2028-12-31"},
        {"gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": "281200"},
    ],
)
def test_one_pack_however_it_is_asked_for(anybody: Api, pack: str, query: dict[str, str]) -> None:
    assert anybody.get(VERIFY, **query).json()["reason"] == "genuine_by_record"


# ---- I7 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lot", ["", "wrong"])
@pytest.mark.parametrize("who", ["anybody", "stranger"])
def test_i7_unknown_and_forbidden_look_the_same(request: pytest.FixtureRequest, pack: str, lot: str, who: str) -> None:
    api = request.getfixturevalue(who)

    def asked(serial: str) -> tuple[Any, ...]:
        query = {"gtin": GTIN, "serial": serial, "expiry": "281231"} | ({"lot": lot} if lot else {})
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(VERIFY, **query)
        del answer.headers["X-Request-ID"]  # drawn for each request
        said = re.sub(rb',"verification":\d+', b"", answer.content)  # of its record: every one has another
        return answer.status_code, said, dict(answer.headers), len(queries)

    assert asked("A1") == asked("Z9")


def test_i7_what_a_token_is_told_is_recorded_with_its_purpose(pharmacy: Api, anybody: Api, pack: str) -> None:
    anybody.get(VERIFY, scan=CODE)
    assert not AccessRecord.objects.exists()
    pharmacy.get(VERIFY, scan=CODE, purpose="suspect_product")
    record = AccessRecord.objects.get()
    assert (record.reader, record.subject, record.what, record.purpose) == (
        pharmacy.party.gln, pack, "chain", "suspect_product"  # type: ignore[union-attr]
    )  # fmt: skip


def test_i7_what_cannot_be_recorded_is_not_told(pharmacy: Api, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_RECORD", "INSERT INTO no_such_table VALUES (%s, %s, %s, %s, %s, %s, %s)")
    with pytest.raises(DatabaseError, match="no_such_table"):
        pharmacy.get(VERIFY, scan=CODE)


# ---- what is no question --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "parameter_missing"),
        ({"scan": ""}, "parameter_missing"),
        ({"scan": "", "gtin": "", "purpose": "recall"}, "parameter_missing"),
        ({"scan": CODE, "gtin": GTIN}, "conflicting_parameters"),
        ({"scan": CODE, "lot": LOT}, "conflicting_parameters"),
        ({"gtin": GTIN, "serial": "A1", "lot": LOT, "expiration": "281231"}, "unknown_parameter"),
        ({"scan": CODE, "SCAN": CODE}, "unknown_parameter"),
        ({"scan": CODE, "x\0" * 500: ""}, "unknown_parameter"),
        ({"scan": "x" * 2001}, "malformed_parameter"),
        ({"serial": "A\0"}, "malformed_parameter"),
        ({"gtin": "00614141123453", "serial": "A1"}, "bad_check_digit"),
        ({"gtin": GTIN, "serial": "A1", "expiry": "2028-13-31"}, "bad_date"),
        ({"gtin": GTIN, "serial": "A1", "expiry": "281331"}, "bad_date"),
        ({"gtin": GTIN, "serial": "A1", "expiry": "31.12.2028"}, "bad_date"),
        ({"gtin": GTIN, "serial": "no blanks"}, "bad_character"),
        ({"scan": CODE, "purpose": "curiosity"}, "unknown_purpose"),
    ],
)
def test_what_is_no_question_is_a_problem(anybody: Api, query: dict[str, str], code: str) -> None:
    answer = anybody.get(VERIFY, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["instance"] == VERIFY  # without the query, which may hold a serial number


def test_a_parameter_that_is_not_known_is_named(anybody: Api) -> None:
    problem = anybody.get(VERIFY, gtin=GTIN, serial="A1", expiration="281231").json()
    assert problem["where"] == "expiration"
    assert problem["expected"] == "scan, gtin, serial, lot, expiry, purpose, elsewhere"


def test_a_field_of_a_form_that_was_left_empty_is_not_there(anybody: Api, pack: str) -> None:
    query = {"scan": "", "gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": "281231"}
    assert anybody.get(VERIFY, **query).json()["verdict"] == "verified"
    assert anybody.get(VERIFY, scan=CODE, gtin="", lot="").json()["verdict"] == "verified"


def test_a_scan_that_cannot_be_read_has_an_answer(anybody: Api) -> None:
    answer = anybody.get(VERIFY, scan=f"(01){GTIN[:-1]}3(21)A1")
    assert (answer.status_code, answer.json()["reason"]) == (200, "scan_unreadable")
    assert "check digit" in answer.json()["sentence"]


def test_a_token_that_does_not_count_is_not_nobody(pharmacy: Api, pack: str) -> None:
    pharmacy.headers = {"authorization": "Bearer upt_nobody"}
    assert pharmacy.get(VERIFY, scan=CODE).status_code == 401


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.text("()0123456789\x1d\0]d2{}GSA-|^~%+&/?", max_size=60)), st.booleans())
def test_no_scan_is_our_fault(anybody: Api, pharmacy: Api, scan: str, known: bool) -> None:
    answer = (pharmacy if known else anybody).get(VERIFY, scan=scan)
    assert answer.status_code in (200, 400)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["gtin", "serial", "lot", "expiry", "purpose", "other"]), st.text(max_size=30)))
def test_no_elements_are_our_fault(anybody: Api, query: dict[str, str]) -> None:
    assert anybody.get(VERIFY, **query).status_code in (200, 400)


# ---- speed ----------------------------------------------------------------------------------------------------------


def test_at_most_three_queries_for_anybody_and_six_for_a_token(
    anybody: Api, pharmacy: Api, pack: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(3):
        anybody.get(VERIFY, scan=CODE)
    with django_assert_max_num_queries(6):
        pharmacy.get(VERIFY, scan=CODE)
