"""`/api/v1/exceptions` and `/api/v1/scorecards`, and `unitproof exceptions`."""

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from partners.models import ApiToken
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.dscsa.test_exceptions import Dispute, answer, last_event, overage, shows, text
from tests.world import Party, World, unit
from traceability import statements
from traceability.cli import main
from traceability.dscsa import exceptions, pdg
from traceability.models import CaseMessage, PartnerCase
from traceability.statements import MessageKind, b64

EXCEPTIONS, DETECT, SCORECARDS = "/api/v1/exceptions", "/api/v1/exception-detections", "/api/v1/scorecards"
JSON = "application/json"


def an_hour_ago() -> datetime:
    """The node asks the clock: what parties have told is past by then."""
    return (timezone.now() - timedelta(hours=1)).replace(microsecond=0)


def post(api: Api, path: str, said: Any) -> Any:
    return api.post(path, json.dumps(said).encode(), JSON)


@pytest.fixture
def distributor(world: World) -> Api:
    world.now = an_hour_ago()
    return Api(world.distributor)


@pytest.fixture
def dispute(distributor: Api, world: World) -> Dispute:
    world.maker.ships(world.maker.commissions(serial=["A1", "A2"]), to=world.distributor)
    row = last_event()
    return Dispute(world, world.distributor, world.maker, shipment=(row.submission.submission, row.position))


def named(dispute: Dispute) -> dict[str, Any]:
    assert dispute.shipment is not None
    return {"submission": str(dispute.shipment[0]), "event": dispute.shipment[1]}


def test_a_case_from_its_detection_to_its_end(distributor: Api, maker: Api, dispute: Dispute, world: World) -> None:
    for party in (world.distributor, world.maker):
        world.entrusts(party)
    seen = {"epcs": [unit("A1")], "email": "dock@example.com", "purchase_order": "PO-17",
            "resolutions": {"shortage": "Credit account"}}  # fmt: skip
    found = post(distributor, DETECT, seen).json()
    (draft,) = found["drafts"]
    assert (found["agrees"], draft["to"], draft["shipment"]) == (False, world.maker.gln, named(dispute))
    assert [each["number"] for each in draft["scenarios"]] == ["2-1"]
    sent = {"kind": "report", "message": draft["message"], "shipment": draft["shipment"]}
    made = post(distributor, EXCEPTIONS, sent)
    assert made.status_code == 201
    assert post(distributor, EXCEPTIONS, sent).status_code == 200, "the same again, on retry"
    where = made.headers["Location"]
    case = maker.get(where).json()
    assert (case["state"], case["your_turn"], case["shipment"]) == ("to_answer", True, named(dispute))
    (item,) = case["items"]
    dispute.id = case["case"]
    response = dispute.response(answer({"exception_item_uuid": item["item"]}))
    assert post(maker, EXCEPTIONS, {"kind": "response", "message": response}).status_code == 201
    follow_up = dispute.follow_up(shows({"exception_item_uuid": item["item"]}, note="credit note 4711"))
    assert post(maker, EXCEPTIONS, {"kind": "follow-up", "message": follow_up}).status_code == 201
    ends = {"kind": "report", "message": dispute.report(resolved=True)}
    assert post(distributor, EXCEPTIONS, ends).status_code == 201
    case = distributor.get(where).json()
    assert (case["state"], case["your_turn"], case["items"][0]["note"]) == ("resolved", False, "credit note 4711")
    assert [each["kind"] for each in case["messages"]] == ["report", "response", "follow-up", "report"]
    message = case["messages"][0]["message"]
    assert maker.get(f"{where}/messages/{message}").json() == draft["message"]
    (listed,) = maker.get(EXCEPTIONS).json()["exceptions"]
    assert listed["case"] == case["case"]
    (card,) = distributor.get(SCORECARDS).json()["scorecards"]
    assert (card["partner"], card["shipments"], card["cases"], card["error_rate"]) == (world.maker.gln, 1, 1, 1.0)
    assert maker.get(SCORECARDS).json()["scorecards"] == []


def test_who_holds_its_own_key_signs_itself(distributor: Api, dispute: Dispute, world: World) -> None:
    message = dispute.report(overages=[overage()])
    asked = {"kind": "report", "message": message, "to": world.maker.gln}
    problem(post(distributor, EXCEPTIONS, asked), 403, "no_custodial_key")
    sent = exceptions.Sent(MessageKind.REPORT, text(message), world.maker.gln)
    parsed = pdg.Report.parse(sent.content)
    said = exceptions.statement_of(world.distributor.partner, sent, parsed, now=timezone.now())
    signed = {"kind": "report", "message": message, "statement": b64(statements.sign(said, world.distributor.key))}
    problem(post(distributor, EXCEPTIONS, signed | {"to": world.maker.gln}), 400, "conflicting_parameters")
    assert post(distributor, EXCEPTIONS, signed).status_code == 201
    assert post(distributor, EXCEPTIONS, signed).status_code == 200
    other = replace(said, statement=str(uuid.uuid4()))
    forged: dict[str, Any] = {"kind": "report", "message": message | {"message_uuid": other.statement}}
    other = replace(other, hash=sha256(bytes(pdg.Report.parse(text(forged["message"])))).digest())
    forged["statement"] = b64(statements.sign(other, world.stranger.key))
    problem(post(distributor, EXCEPTIONS, forged), 422, "unknown_key")


def test_to_everybody_else_there_is_no_such_case(dispute: Dispute, stranger: Api, regulator: Api) -> None:
    row = dispute.reports(overages=[overage()])
    for api in (stranger, regulator):
        assert api.get(EXCEPTIONS).json() == {"exceptions": [], "next": None}
        answers = []
        for case in (dispute.id, str(uuid.uuid4())):
            answers += [api.get(f"{EXCEPTIONS}/{case}").json(),
                        api.get(f"{EXCEPTIONS}/{case}/messages/{row.statement.statement_id}").json()]  # fmt: skip
        assert {json.dumps({**each, "instance": None}) for each in answers} == {
            json.dumps({**answers[0], "instance": None})
        }


def test_nobody_asks_without_a_token(anybody: Api, world: World) -> None:
    for path in (EXCEPTIONS, f"{EXCEPTIONS}/{uuid.uuid4()}", SCORECARDS):
        problem(anybody.get(path), 401, "not_authenticated")
    problem(post(anybody, DETECT, {"email": "a@b.c"}), 401, "not_authenticated")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({}, 400, "missing_member"),
        ({"kind": "letter", "message": {}}, 400, "unknown_word"),
        ({"kind": "report", "message": {}}, 400, "missing_member"),
        ({"kind": "report", "message": "text"}, 400, "wrong_type"),
        ({"kind": "report", "message": {"timestamp": 1e400}}, 400, None),
        ({"kind": "report", "message": {}, "colour": 1}, 400, "unknown_member"),
        ({"kind": "report", "message": {}, "to": "1234567890123"}, 400, "bad_value"),
        ({"kind": "report", "message": {}, "shipment": {"submission": "x", "event": 0}}, 400, "bad_value"),
        (
            {"kind": "report", "message": {}, "shipment": {"submission": "6f1c0de4-0000-4000-8000-000000000001"}},
            400,
            "missing_member",
        ),
        ({"kind": "report", "message": {}, "statement": "%"}, 400, "malformed_base64url"),
    ],
    ids=str,
)
def test_what_is_no_message_is_refused(distributor: Api, said: Any, status: int, code: str | None) -> None:
    answered = post(distributor, EXCEPTIONS, said)
    assert answered.status_code == status
    assert code in (None, answered.json()["code"])
    assert not PartnerCase.objects.exists()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "missing_member"),
        ({"email": "a@b.c", "scans": "A1"}, "wrong_type"),
        ({"email": "a@b.c", "scans": [7]}, "wrong_type"),
        ({"email": "a@b.c", "epcs": ["(01)00614141123453(21)A1"]}, "bad_check_digit"),
        ({"email": "a@b.c", "contents": [{"scans": []}]}, "wrong_type"),
        ({"email": "a@b.c", "contents": [{"container": unit("A1"), "x": 1}]}, "unknown_member"),
        ({"email": "a@b.c", "resolutions": {"theft": "Send product"}}, "unknown_member"),
        ({"email": "a@b.c", "resolutions": {"lost": "Pray"}}, "unknown_word"),
        ({"email": "a@b.c", "from": "1"}, "bad_value"),
        ({"email": "a@b.c", "check_products": 1}, "wrong_type"),
    ],
    ids=str,
)
def test_what_nobody_can_have_seen_is_refused(distributor: Api, said: Any, code: str) -> None:
    problem(post(distributor, DETECT, said), 400, code)


def test_a_response_to_nothing_and_a_time_that_is_none(distributor: Api, dispute: Dispute, world: World) -> None:
    world.entrusts(world.distributor)
    other = Dispute(world, world.maker, world.distributor)
    response = {"kind": "response", "message": other.response(answer(overage()))}
    problem(post(distributor, EXCEPTIONS, response), 404, "not_found")
    problem(distributor.get(SCORECARDS, since="yesterday"), 400, "malformed_parameter")
    problem(distributor.get(EXCEPTIONS, before="x"), 400, "malformed_parameter")


# ---- by command -----------------------------------------------------------------------------------------------------


class Shell:
    """`unitproof exceptions` as one party types it."""

    def __init__(self, party: Party, url: str, folder: Path) -> None:
        token, self.key, self.party = folder / f"{party.gln}.token", folder / f"{party.gln}.pem", party
        token.write_text(ApiToken.issue(party.partner, now=party.world.now)[1])
        self.key.write_bytes(party.key.to_pem())
        self.asking = ["--node", url, "--token-file", str(token)]

    def __call__(self, *words: str) -> int:
        return main(["exceptions", words[0], *self.asking, *words[1:]])

    def sends(self, kind: str, path: Path, *words: str) -> int:
        return self("send", kind, str(path), "--key", str(self.key), "--gln", self.party.gln, *words)


def test_two_partners_settle_it_by_command(
    live_server: Any, own_keys_and_authorities: None, capsys: Any, tmp_path: Path
) -> None:
    world = World()
    world.now = an_hour_ago()
    world.maker.ships(world.maker.commissions(serial=["A1", "A2"]), to=world.distributor)
    receiver = Shell(world.distributor, live_server.url, tmp_path)
    sender = Shell(world.maker, live_server.url, tmp_path)
    assert receiver("detect", unit("A1"), unit("A2"), "--email", "dock@example.com") == 0
    out = tmp_path / "out"
    assert receiver("detect", unit("A1"), "--email", "dock@example.com", "--out", str(out)) == 1
    said = capsys.readouterr().out
    assert "2-1 shortage: Less came than was shipped, by the data." in said
    shipment = said.split("shipment ")[1].split()[0]
    assert receiver.sends("report", out / "report-1.json") == 2, "to whom?"
    assert receiver.sends("report", out / "report-1.json", "--to", world.maker.gln, "--shipment", shipment) == 0
    case = PartnerCase.objects.get()
    assert case.shipment_id is not None
    dispute = Dispute(world, world.distributor, world.maker, id=str(case.case))
    item = {"exception_item_uuid": str(case.items.get().item)}
    path = tmp_path / "response.json"
    path.write_text(json.dumps(dispute.response(answer(item)) | {"po_number": case.po_number}))
    assert sender.sends("response", path) == 0
    capsys.readouterr()
    assert sender("list", "--mine") == 0
    assert "to_follow_up, your turn" in capsys.readouterr().out
    assert receiver("show", str(case.case)) == 0
    shown = capsys.readouterr().out
    assert "asks: Send product; Accept" in shown
    assert receiver("scorecards") == 0
    assert f"{world.maker.gln}: 1 of 1 shipments in error (100.0%)" in capsys.readouterr().out
    assert sender("show", str(uuid.uuid4())) == 2
    assert CaseMessage.objects.count() == 2
