"""Traces over HTTP: asked for and answered by signed statements, or with the keys that the node holds."""

import json
from typing import Any
from uuid import uuid4

import pytest

from ledger import keys, log
from tests.traceability.api.conftest import COSE, Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_proving import integrate
from tests.traceability.test_traces import request
from tests.world import GTIN, LOT, World
from traceability import jobs, statements, traces, working
from traceability.bundle.trace import Package, examine_trace
from traceability.models import TracePackage
from traceability.statements import TraceAnswer, TraceKnown
from traceability.trust import own_policy

TRACES, JSON = "/api/v1/traces", "application/json"


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


@pytest.fixture
def packs(world: World) -> list[str]:
    packs: list[str] = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(packs, to=world.pharmacy)
    integrate(world)
    return packs


def wanted(world: World, **members: Any) -> dict[str, Any]:
    return {
        "statement": str(uuid4()), "to": world.maker.gln, "investigation": "2026-117", "wants": "all_known_owners",
        "reason": "suspect", "contact": "trace@pharmacy.example", "gtin": GTIN, "lot": LOT, **members,
    }  # fmt: skip


def asks(api: Api, said: dict[str, Any]) -> Any:
    return api.post(TRACES, json.dumps(said).encode(), JSON)


def test_a_trace_is_asked_for_drawn_up_signed_and_checked(pharmacy: Api, maker: Api, world: World, packs: Any) -> None:
    said = request(world.pharmacy, world.maker)
    asked = pharmacy.post(TRACES, statements.sign(said, world.pharmacy.key), COSE)
    assert asked.status_code == 201
    path = asked.headers["Location"]
    assert (asked.json()["side"], asked.json()["answered"], asked.json()["file"]) == ("requester", None, None)
    assert pharmacy.post(TRACES, statements.sign(said, world.pharmacy.key), COSE).status_code == 200
    assert maker.get(path).json()["side"] == "asked"
    assert problem(pharmacy.get(f"{path}/file"), 409, "not_answered")

    drawn = maker.post(f"{path}/package", b"", JSON).json()
    assert (drawn["units"], drawn["knows"]) == (2, "some")
    package = maker.get(drawn["package"])
    assert Package.parse(b"".join(package.streaming_content)).told.units == 2
    assert pharmacy.get(drawn["package"]).status_code == 404
    answer = TraceAnswer(
        about=world.maker.gln, to=world.pharmacy.gln, request=asked.json()["entry"],
        package=bytes.fromhex(drawn["sha256"]), knows=TraceKnown.SOME, **world._from(world.maker),
    )  # fmt: skip
    answered = maker.post(f"{path}/answer", statements.sign(answer, world.maker.key), COSE)
    assert (answered.status_code, answered.json()["knows"]) == (201, "some")
    assert maker.post(f"{path}/answer", statements.sign(answer, world.maker.key), COSE).status_code == 200
    assert problem(maker.post(f"{path}/package", b"", JSON), 409, "answered_twice")

    log.integrate(now=world.now, signer=keys.log_signer())
    for api in (pharmacy, maker):
        file = api.get(answered.json()["file"])
        assert file.headers["Content-Type"] == "application/vnd.unitproof.trace+cbor"
        assert examine_trace(file.content, own_policy()).failure is None


def test_with_keys_that_the_node_holds_both_sides_say_it_in_json(
    pharmacy: Api, maker: Api, world: World, packs: Any
) -> None:
    for party in (world.pharmacy, world.maker):
        world.entrusts(party)
    integrate(world)
    said = wanted(world, serials=["A2", "A1", "A2"], test=True, name="Quality", circumstances="torn seal")
    asked = asks(pharmacy, said)
    assert (asked.status_code, asked.json()["serials"], asked.json()["test"]) == (201, ["A1", "A2"], True)
    assert asked.json()["due"] is None
    again = asks(pharmacy, said)
    assert (again.status_code, again.json()["entry"]) == (200, asked.json()["entry"])
    assert problem(asks(pharmacy, said | {"reason": "recalled"}), 409, "submission_reused")
    path = asked.headers["Location"]
    mine = json.dumps({"statement": str(uuid4())}).encode()
    assert maker.post(f"{path}/answer", mine, JSON).status_code == 404  # nothing was drawn up
    maker.post(f"{path}/package", b"", JSON)
    assert maker.post(f"{path}/answer", mine, JSON).status_code == 201
    assert maker.post(f"{path}/answer", mine, JSON).status_code == 200
    assert [each["entry"] for each in pharmacy.get(TRACES).json()["traces"]] == [asked.json()["entry"]]


def test_many_units_are_drawn_up_by_a_job(
    pharmacy: Api, maker: Api, world: World, monkeypatch: pytest.MonkeyPatch, packs: Any
) -> None:
    monkeypatch.setattr(traces, "AT_ONCE", 1)
    world.entrusts(world.pharmacy)
    integrate(world)
    path = asks(pharmacy, wanted(world)).headers["Location"]
    for _ in range(2):  # asked again, the same job
        job = maker.post(f"{path}/package", b"", JSON)
        assert (job.status_code, job.json()["kind"]) == (202, "trace")
    while turn := jobs.claim():
        working.do(turn)
    done = maker.get(job.headers["Location"]).json()
    assert (done["state"], done["done"], done["total"]) == ("done", done["total"], done["total"])
    told = json.loads(b"".join(maker.get(done["result"]).streaming_content))
    assert told["units"] == 2
    assert bytes(TracePackage.objects.get().sha256).hex() == told["sha256"]


def test_i7_to_all_others_there_is_no_such_trace(
    pharmacy: Api, maker: Api, stranger: Api, regulator: Api, anybody: Api, world: World, packs: Any
) -> None:
    said = statements.sign(request(world.pharmacy, world.maker), world.pharmacy.key)
    path = pharmacy.post(TRACES, said, COSE).headers["Location"]
    unknown = f"{TRACES}/{'ab' * 32}"
    for api in (stranger, regulator):
        assert api.get(TRACES).json() == {"traces": [], "next": None}
        for end, method in (("", "GET"), ("/package", "GET"), ("/package", "POST"), ("/file", "GET")):
            found, none = (api.ask(method, f"{each}{end}") for each in (path, unknown))
            assert (found.status_code, found.json()["detail"]) == (404, none.json()["detail"])
        assert problem(api.post(TRACES, said, COSE), 403, "not_your_statement")
    assert anybody.get(path).status_code == 401
    assert pharmacy.ask("POST", f"{path}/package").status_code == 404


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"wants": "everything"}, "malformed_statement"),
        ({"reason": "curiosity"}, "malformed_statement"),
        ({"gtin": "00614141123453"}, "bad_check_digit"),
        ({"gtin": 5}, "wrong_type"),
        ({"lot": None}, "malformed_statement"),
        ({"serials": []}, "wrong_type"),
        ({"serials": [1]}, "wrong_type"),
        ({"serials": ["A 1"]}, "bad_character"),
        ({"test": "yes"}, "wrong_type"),
        ({"to": "0614141009999"}, "unknown_partner"),
        ({"contact": "a\nb"}, "unwritable"),
        ({"statement": "x"}, "bad_value"),
        ({"speed": "fast"}, "unknown_member"),
        ({"investigation": None}, "missing_member"),
    ],
)
def test_what_cannot_be_asked_is_said_and_nothing_is_kept(
    pharmacy: Api, world: World, changes: dict[str, Any], code: str
) -> None:
    world.entrusts(world.pharmacy)
    answer = asks(pharmacy, wanted(world, **changes))
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    assert pharmacy.get(TRACES).json()["traces"] == []
