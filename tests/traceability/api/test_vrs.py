"""`/vrs/`: verification messages of GS1's standard: who is answered, what, and what of it the node has signed."""

import json
import logging
import uuid
from hashlib import sha256
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import log, tasks
from ledger.keys import node_key
from partners import access
from partners.models import AccessRecord
from tests.traceability.api.conftest import Api
from tests.world import CASE_GTIN, GTIN, LOT, World, gln, unit
from traceability.statements import open_verification, unb64

EXP = "281231"
CORRELATION = "93c8c77f-a277-438d-aa83-b97cfab380e7"


@pytest.fixture
def pack(world: World) -> str:
    return str(world.maker.commissions(serial="A1"))


@pytest.fixture
def asker(world: World) -> Api:
    """A distributor, to whom a pack comes back."""
    return Api(world.distributor)


def path(serial: str = "A1", lot: str = LOT, gtin: str = GTIN) -> str:
    return f"/vrs/verify/gtin/{gtin}/lot/{lot}/ser/{serial}"


def ask(api: Api, serial: str = "A1", lot: str = LOT, gtin: str = GTIN, **query: str) -> Any:
    asked = {"exp": EXP, "corrUUID": CORRELATION, "linkType": "verificationService", "context": "dscsaSaleableReturn"}
    asked |= {"reqGLN": api.party.gln if api.party else gln(200)} | query
    return api.get(path(serial, lot, gtin), **{name: value for name, value in asked.items() if value})


def said(api: Api, *args: str, **query: str) -> dict[str, Any]:
    answer = ask(api, *args, **query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json()["data"])


# ---- what is answered -----------------------------------------------------------------------------------------------


def test_a_product_identifier_that_its_manufacturer_gave_is_verified(asker: Api, pack: str, world: World) -> None:
    answer = ask(asker)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert body.pop("verificationTimestamp").endswith("Z")
    assert body == {"responderGLN": world.maker.gln, "corrUUID": CORRELATION, "data": {"verified": True}}


@pytest.mark.parametrize(
    ("serial", "lot", "exp", "reason"),
    [
        ("Z9", LOT, EXP, "No_match_GTIN_Serial"),
        ("Z9", "L43", "291231", "No_match_GTIN_Serial"),
        ("A1", "L43", EXP, "No_match_GTIN_Serial_Lot"),
        ("A1", LOT, "291231", "No_match_GTIN_Serial_Expiry"),
        ("A1", "L43", "291231", "No_match_GTIN_Serial_Lot_Expiry"),
    ],
)
def test_what_does_not_match_is_named(asker: Api, pack: str, serial: str, lot: str, exp: str, reason: str) -> None:
    assert said(asker, serial, lot, exp=exp) == {"verified": False, "verificationFailureReason": reason}


def test_day_00_is_the_last_of_the_month(asker: Api, pack: str) -> None:
    assert said(asker, exp="281200") == {"verified": True}


def test_a_case_is_verified_as_a_unit_is(asker: Api, world: World) -> None:
    world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    assert said(asker, "C1", gtin=CASE_GTIN) == {"verified": True}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("recall", {"verified": True, "additionalInfo": "Recalled"}),
        (
            "suspect",
            {
                "verified": False,
                "verificationFailureReason": "Not_for_re-distribution",
                "additionalInfo": "Suspect",
            },
        ),
        (
            "stolen",
            {
                "verified": False,
                "verificationFailureReason": "Not_for_re-distribution",
                "additionalInfo": "Illegitimate",
            },
        ),
        ("quarantine", {"verified": False, "verificationFailureReason": "Not_for_re-distribution"}),
    ],
)
def test_a_hold_is_told_in_the_words_of_the_standard(
    asker: Api, pack: str, world: World, kind: str, answer: dict[str, Any]
) -> None:
    world.holds(world.maker, kind, gtin=GTIN, lot=LOT)
    assert said(asker) == answer


def test_a_number_that_was_dispensed_is_not_verified_again(asker: Api, pack: str, world: World) -> None:
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.dispenses(pack)
    assert said(asker) == {
        "verified": False,
        "verificationFailureReason": "Not_for_re-distribution",
        "additionalInfo": "Suspect",
    }


@pytest.mark.parametrize(
    ("ends", "more"), [("decommissions", {}), ("exports", {}), ("destroys", {"additionalInfo": "Suspect"})]
)
def test_nor_is_one_that_has_ended_otherwise(
    asker: Api, pack: str, world: World, ends: str, more: dict[str, str]
) -> None:
    getattr(world.maker, ends)(pack)
    assert said(asker) == {"verified": False, "verificationFailureReason": "Not_for_re-distribution"} | more


def test_an_expired_pack_is_its_manufacturers_and_expired(asker: Api, world: World) -> None:
    world.maker.commissions(serial="OLD", expiry="2025-12-31")
    assert said(asker, "OLD", exp="251231") == {"verified": True, "additionalInfo": "Expired"}


def test_of_several_things_the_gravest_is_said(asker: Api, pack: str, world: World) -> None:
    world.holds(world.maker, "recall", gtin=GTIN, lot=LOT)
    world.holds(world.maker, "stolen", epc=pack)
    assert said(asker)["additionalInfo"] == "Illegitimate"


def test_anothers_word_of_a_making_verifies_nothing(asker: Api, world: World) -> None:
    """Who reports a making vouches for nothing that VRS asks about: the manufacturer has not told of it."""
    world.distributor.tells(world.maker.commissioning(unit("R1")))
    assert said(asker, "R1") == {"verified": False, "verificationFailureReason": "No_match_GTIN_Serial"}


def test_what_is_beyond_the_beginning_is_not_asked(asker: Api, pack: str, world: World) -> None:
    """Custody is nobody's business here: a return is verified by whoever has it now."""
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    assert said(asker) == {"verified": True}


@pytest.mark.parametrize("lot", ["L/42", "L%42", 'L"4'])
def test_a_lot_may_have_characters_that_paths_escape(asker: Api, world: World, lot: str) -> None:
    from urllib.parse import quote

    world.maker.commissions(serial="S/1+2", lot=lot)
    raw = path(quote("S/1+2", safe=""), quote(lot, safe=""))
    query = {"exp": EXP, "reqGLN": world.distributor.gln}
    answer = asker.client.get(raw, query_params=query, headers=asker.headers, RAW_URI=f"{raw}?exp=1")
    assert answer.json()["data"] == {"verified": True}


def test_a_slash_too_many_is_nowhere(asker: Api, world: World) -> None:
    world.maker.commissions(serial="S/1")
    query = {"exp": EXP, "reqGLN": world.distributor.gln}
    answer = asker.client.get(path("S/1"), query_params=query, headers=asker.headers, RAW_URI=path("S/1"))
    assert answer.status_code == 404


# ---- signed ---------------------------------------------------------------------------------------------------------


def test_the_answer_is_signed_with_what_was_asked_and_the_log_that_was_known(
    asker: Api, pack: str, world: World
) -> None:
    tasks.sweep()
    answer = ask(asker)
    opened = open_verification(unb64(answer.headers["Unitproof-Verification"]))
    opened.signed.check(node_key().public)
    told, head = opened.payload, log.head()
    assert (told.epc, told.lot, told.expiry, told.requester) == (pack, LOT, EXP, world.distributor.gln)
    assert told.answer == sha256(answer.content).digest()
    assert (told.size, told.root) == (head.size, bytes(head.root))


def test_a_frozen_log_answers_nothing(asker: Api, pack: str, transactional_db: None) -> None:
    tasks.sweep()
    log.freeze("a test")
    answer = ask(asker)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


# ---- who is answered ------------------------------------------------------------------------------------------------


def test_nobody_is_answered_without_a_token(anybody: Api, pack: str) -> None:
    assert ask(anybody).status_code == 401
    assert anybody.get("/vrs/checkConnectivity", gtin=GTIN, reqGLN=gln(200)).status_code == 401
    assert anybody.client.get("/vrs/anything").status_code == 401


def test_nobody_asks_in_anothers_name(asker: Api, pack: str, world: World) -> None:
    answer = ask(asker, reqGLN=world.pharmacy.gln)
    assert (answer.status_code, answer.text.partition(":")[0]) == (403, "not_your_gln")


def test_a_party_asks_for_a_place_of_its_own(asker: Api, pack: str, world: World) -> None:
    world.operates(world.distributor, gln(777))
    assert said(asker, reqGLN=gln(777)) == {"verified": True}
    world.operates(world.pharmacy, gln(778))
    assert ask(asker, reqGLN=gln(778)).status_code == 403


def test_a_party_whose_licences_are_over_is_refused(asker: Api, pack: str, world: World) -> None:
    world.licenses(world.distributor, days=1)
    answer = ask(asker)
    assert (answer.status_code, answer.text.partition(":")[0]) == (403, "partner_not_authorized")


def test_a_gtin_that_nobody_here_may_issue_is_404(asker: Api, pack: str) -> None:
    answer = ask(asker, gtin="09521050000013")
    assert (answer.status_code, answer.text.partition(":")[0]) == (404, "gtin_not_answered_here")


def test_connectivity_is_checked_without_reading_of_anything(asker: Api, pack: str, world: World) -> None:
    query = {"reqGLN": world.distributor.gln, "context": "dscsaSaleableReturn"}
    assert asker.get("/vrs/checkConnectivity", gtin=GTIN, **query).json() == {"responderGLN": world.maker.gln}
    assert asker.get("/vrs/checkConnectivity", gtin="09521050000013", **query).status_code == 404
    assert asker.get("/vrs/checkConnectivity", gtin=GTIN, reqGLN=gln(300)).status_code == 403
    assert not AccessRecord.objects.exists()


# ---- I7 -------------------------------------------------------------------------------------------------------------


def test_i7_every_answer_has_its_access_record(asker: Api, pack: str, world: World) -> None:
    ask(asker)
    ask(asker, "Z9", context="")
    assert [(each.reader, each.subject, each.what, each.purpose) for each in AccessRecord.objects.order_by("pk")] == [
        (world.distributor.gln, pack, "verdict", "saleable_return"),
        (world.distributor.gln, unit("Z9"), "verdict", "verification"),
    ]


def test_i7_what_cannot_be_recorded_is_not_told(asker: Api, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_RECORD", "INSERT INTO no_such_table VALUES (%s, %s, %s, %s, %s, %s, %s)")
    with pytest.raises(DatabaseError, match="no_such_table"):
        ask(asker)


def test_i7_a_refusal_is_the_same_for_what_is_known_and_what_is_not(anybody: Api, asker: Api, pack: str) -> None:
    def refused(api: Api, serial: str) -> tuple[Any, ...]:
        with CaptureQueriesContext(connection) as queries:
            answer = ask(api, serial, reqGLN=gln(300))
        del answer.headers["X-Request-ID"]  # drawn for each request
        return answer.status_code, answer.content, dict(answer.headers), len(queries)

    for api in (anybody, asker):
        assert refused(api, "A1") == refused(api, "Z9")
    assert not AccessRecord.objects.exists()


def test_i7_a_known_number_and_an_unknown_one_take_as_many_queries(asker: Api, pack: str) -> None:
    def queries(serial: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(asker, serial)
        return len(captured)

    assert queries("A1") == queries("Z9") <= 8


# ---- what is no question --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"exp": ""}, "parameter_missing"),
        ({"exp": "2028-12-31"}, "bad_length"),
        ({"exp": "281331"}, "bad_date"),
        ({"reqGLN": ""}, "parameter_missing"),
        ({"reqGLN": "0614141000013"}, "bad_check_digit"),
        ({"corrUUID": "17"}, "malformed_parameter"),
        ({"linkType": "pip"}, "malformed_parameter"),
        ({"context": "curiosity"}, "unknown_context"),
        ({"ctrlPossessAtt": "perhaps"}, "malformed_parameter"),
    ],
)
def test_what_is_no_question_is_refused(asker: Api, query: dict[str, str], code: str) -> None:
    answer = ask(asker, **query)
    assert (answer.status_code, answer.text.partition(":")[0]) == (400, code)


@pytest.mark.parametrize(
    ("serial", "lot", "gtin", "code"),
    [
        ("A 1", LOT, GTIN, "bad_character"),
        ("A" * 21, LOT, GTIN, "bad_length"),
        ("A1", "L" * 21, GTIN, "bad_length"),
        ("A1", LOT, "614141123452", "bad_length"),
        ("A1", LOT, "00614141123453", "bad_check_digit"),
    ],
)
def test_what_no_pack_has_on_it_is_refused(asker: Api, serial: str, lot: str, gtin: str, code: str) -> None:
    answer = ask(asker, serial, lot, gtin)
    assert (answer.status_code, answer.text.partition(":")[0]) == (400, code)


def test_what_later_releases_add_is_left_alone(asker: Api, pack: str) -> None:
    query = {"email": "a@pharmacy.example", "telephone": "1", "ctrlPossessAtt": "true", "respGLN": "x"}
    assert said(asker, **query) == {"verified": True}


def test_without_a_correlation_one_is_drawn(asker: Api, pack: str) -> None:
    assert uuid.UUID(ask(asker, corrUUID="").json()["corrUUID"])


def test_only_an_answer_is_json_unless_a_problem_document_is_asked_for(asker: Api, pack: str) -> None:
    plain = ask(asker, exp="")
    assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"
    problem = asker.ask("GET", path(), headers={"accept": "application/problem+json"})
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert json.loads(problem.content)["instance"] == "/vrs/verify/[withheld]"


def test_other_methods_and_paths_are_refused(asker: Api, pack: str) -> None:
    assert asker.client.post(path(), headers=asker.headers).status_code == 405
    assert asker.client.get("/vrs/verify/gtin/1", headers=asker.headers).status_code == 404


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text("A1/%?#\0\x1d é", min_size=1, max_size=8),
    st.dictionaries(st.sampled_from(["exp", "reqGLN", "corrUUID", "context"]), st.text(max_size=14)),
)
def test_no_message_is_our_fault(asker: Api, serial: str, query: dict[str, str]) -> None:
    from urllib.parse import quote

    answer = asker.client.get(path(quote(serial, safe="/")), query_params=query, headers=asker.headers)
    assert answer.status_code in (400, 403, 404)


# ---- and nothing of it is written down ------------------------------------------------------------------------------


def test_no_line_of_ours_has_the_serial_number(
    asker: Api, pack: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.maker.commissions(serial="SECRET")
    with caplog.at_level(logging.DEBUG):
        assert said(asker, "SECRET") == {"verified": True}
        ask(asker, "SECRET", exp="")
        Client().get(path("SECRET"))
    told = [record for record in caplog.records if record.name != "django.db.backends"]
    assert any(record.name == "traceability.observing" for record in told)
    assert not [record for record in told if "SECRET" in record.getMessage()]
