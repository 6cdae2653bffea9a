"""What the OpenAPI pages promise, asked at random: no fault of ours, and no answer that they do not describe.

Every operation is asked within its schema and against it, by nobody, a maker, a pharmacy and a regulator, with what the
world knows put where it fits, whole or damaged. The same every time; `FUZZ=20` asks twenty times as much.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.remembered import once
from tests.traceability.api.conftest import Api, described
from tests.traceability.dscsa.test_exceptions import Dispute, overage
from tests.traceability.test_verification import scan
from tests.world import EXPIRY, GTIN, LOT, World, case, pallet, unit
from traceability import statements
from traceability.models import Event, Submission
from traceability.telling import document

TIMES = int(os.environ.get("FUZZ", "1"))
EXAMPLES = 14 * TIMES  # of each operation
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: What stands where a value of one kind belongs: separators, brackets, look-alikes, nothing, too much.
DAMAGED = ["", "\x00", "A1\x1d10L42", "(01)", "]d2", "{GS}", "А1", "０1", "%2F", "../..", "\u202eA1", "\ud7ff",
           "😀", "9" * 19, "9" * 300, "-1", "0", "1e9", "NaN", "2028-02-30", "0001-01-01T00:00:00+14:00",
           "9999-12-31T23:59:59-12:00", "00614141123453", "urn:epc:id:sgtin:0614141.012345.", "https://[",
           "https://id.gs1.org/01/00614141123452/21/%", "00000000-0000-0000-0000-000000000000"]  # fmt: skip

COSE = "application/cose"
#: What is asked for; most often anything.
FORMS = ["*/*", "*/*", "*/*", "application/json", "application/problem+json", "text/csv", "text/html", "text/plain",
         "application/xml", "application/pdf", "image/png", "a/b;q=x", ""]  # fmt: skip
TEXTS = ("text/csv", "application/xml", "text/xml")
BINARY = (COSE, "application/zip", "application/ld+json", *TEXTS)


def as_bytes(_: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


def operations() -> list[str]:
    return [f"{method.upper()} {path}" for path, methods in described()["paths"].items() for method in methods]


@dataclass(frozen=True)
class Whole:
    """A request that is answered well, to one of those who ask."""

    body: Any = None
    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"


class Told:
    """A story in which everything that has a name has one, and who asks."""

    def __init__(self) -> None:
        tokens, self.known, self.whole, members = once("everything that has a name", _tell)
        self.world = World(members)
        self.callers: list[dict[str, str]] = [*tokens[:2], *tokens, {}]  # most of them by those who may do something


def _tell() -> tuple[list[dict[str, str]], dict[str, list[Any]], dict[str, list[Whole]], dict[str, Any]]:
    world = World()
    maker, pharmacy, regulator = Api(world.maker), Api(world.pharmacy), Api(world.regulator)
    packs = world.maker.commissions(serial=["A1", "A2", "A3", "A4"])
    (box,) = world.maker.commissions(serial=["C1"], gtin="50614141123457")
    world.maker.packs(packs[2:], into=box)
    world.maker.packs([box], into=pallet(1))
    world.maker.ships(pallet(1), to=world.pharmacy)
    world.maker.ships(packs[0], to=world.pharmacy)
    world.pharmacy.receives(packs[0], sender=world.maker)

    def asks(api: Api, path: str, **said: Any) -> dict[str, Any]:
        answer = api.post(f"/api/v1/{path}", json.dumps(said).encode(), "application/json")
        assert answer.status_code < 300, answer.content
        return dict(answer.json())

    pool = asks(maker, "serial-pools", gtin=GTIN, length=12, character_set="unambiguous")["pool"]
    block = asks(maker, "serial-blocks", pool=pool, request="R1", count=3)["block"]
    job = asks(maker, "jobs", kind="serial-numbers", request="R1", parameters={"block": block})["job"]
    number = pharmacy.get("/api/v1/verify", scan=scan("A1")).json()["verification"]
    Api(world.other_pharmacy).get("/api/v1/verify", scan=scan("A1"))
    alarm = maker.get("/api/v1/alarms").json()["alarms"][0]["alarm"]
    sampling = asks(pharmacy, "samplings", gtin=GTIN, lot=LOT, quantity=20)["sampling"]
    submissions = [str(each) for each in Submission.objects.values_list("submission", flat=True)]
    entries = [bytes(each).hex() for each in Submission.objects.values_list("entry__entry", flat=True)]
    said = document(world.pharmacy.dispensing(packs[0]))
    draft = pharmacy.draft(said)
    registered = statements.sign(
        statements.Grant(about=world.maker.gln, to=world.pharmacy.gln, gtins=None, **world._from(world.maker)),
        world.maker.key,
    )
    hashed = statements.DataHash(
        about=world.maker.gln, hash_alg=statements.HashAlgorithm.SHA_256, hash=bytes(32),
        location="https://trial.example/cuts/7", **world._from(world.maker),
    )  # fmt: skip
    anchored = maker.post("/api/v1/anchors", statements.sign(hashed, world.maker.key), COSE)
    reported = Dispute(world, world.pharmacy, world.maker).reports(overages=[overage()])
    message = json.loads(bytes(reported.content))
    about = {"case": str(reported.case.case), "message": message["message_uuid"]}
    report = {"kind": "report", "message": message, "statement": statements.b64(bytes(reported.statement.envelope))}
    scans = [scan(each) for each in ("A1", "A2", "Z9")]
    known: dict[str, list[Any]] = {
        "gtin": [GTIN, "614141123452", "50614141123457"],
        "serial": ["A1", "A2", "A/1", "Z9"],
        "lot": [LOT, "L/42"],
        "expiry": [EXPIRY, "281231", "281200"],
        "exp": ["281231", "281200", EXPIRY],
        "scan": scans,
        "scans": [scans, scans[:1], []],
        "epc": [*packs, box, pallet(1), unit("Z9"), "urn:epc:id:sgtin:0614141.012345.A1"],
        "epcs": [packs, [packs[1]], [pallet(1)], [packs[0]], []],
        "parent": [box, pallet(1), case("C9")],
        "serials": [["A1", "A2"], []],
        "submission": submissions,
        "entry": [*entries, anchored.json()["entry"]],
        "statement": [anchored.json()["statement"]],
        "hash": [anchored.json()["hash"], "AAAA"],
        "location": ["https://trial.example/cuts/7", "nowhere"],
        "event": [0, 1, 2**31, 2**63],
        "pool": [pool],
        "block": [block],
        "job": [job],
        "sampling": [sampling],
        "number": [number, alarm, 0, 2**31, 2**63, 2**70],
        "request": ["R1", "R2", "r" * 65],
        "count": [3, 0, 1, 10**6 + 1, 10**18],
        "length": [12, 20, 21, 0],
        "quantity": [20, 1, 0, 10**9],
        "parameters": [{"block": block}, {"block": pool, "stock": "roll-50x25"}, {}],
        "labels": [[{"gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": EXPIRY}], []],
        "to": [world.pharmacy.gln, world.maker.gln, world.distributor.gln],
        "from": [world.pharmacy.gln, world.maker.gln],
        "partner": [world.pharmacy.gln, world.maker.gln],
        "gln": [world.maker.gln, world.pharmacy.gln],
        "reqGLN": [world.maker.gln, world.pharmacy.gln, world.regulator.gln],
        "operator": [world.maker.gln],
        "context": ["dscsaSaleableReturn", ""],
        "corrUUID": [submissions[0]],
        "linkType": ["verificationService"],
        "since": ["2026-01-05", "2026-01-05T08:00:00Z", "0001-01-02"],
        "before": ["2026-12-31", "1", str(2**63), str(2**64)],
        "after": ["0", "1", str(2**63 - 1), str(2**63)],
        "at": ["2026-01-05T08:00:00Z", "2026-01-05"],
        "valid_from": ["2026-01-01", "0001-01-01"],
        "valid_to": ["2027-01-01", "9999-12-31"],
        "expires": ["2027-01-01T00:00:00Z", "2020-01-01T00:00:00Z"],
        "ndc": ["0614-1123-45", "0614112345"],
        "q": ["exam", "0614-1123-45", "%", "_"],
        "apply": ["0" * 64],
        "elsewhere": ["1"],
        "purpose": ["suspect_product"],
        "reason": ["particles found"],
        "outcome": ["dispensed", "quarantined"],
        COSE: [registered, pharmacy.signs(draft)],
        "application/json": [said],
        "application/ld+json": [said],
        "application/xml": [b"<?xml version='1.0'?><a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"],
        "text/xml": [b"<?xml version='1.0' encoding='utf-16'?><a/>"],
        "application/zip": [b"PK\x05\x06" + bytes(18), b"PK\x03\x04"],
        "text/csv": [
            b"gtin,serial,lot,expiry\n00614141123452,N1,L42,2028-12-31\n",
            b"gtin,name,strength\n00614141123452,Examplin,5 mg\n",
            b"gln,name,country\n0614141001002,Works,US\n",
            b"\xef\xbb\xbfgtin;serial\n\x00;\xff\n",
        ],
    }
    label = {"gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": EXPIRY}
    drafted = str(draft.payload.submission)
    known["submission"].append(drafted)
    (sent,) = Event.objects.filter(biz_step="shipping").order_by("pk")[1:2]
    shipment = {"submission": str(sent.submission.submission), "event": sent.position}
    elements = {"gtin": GTIN, "lot": LOT, "serial": "A1"}
    asked_by = {"exp": "281231", "reqGLN": world.maker.gln}
    whole = {
        "POST /api/v1/moves": [
            Whole({"move": "commission", "epcs": [unit("N1")], "lot": LOT, "expiry": EXPIRY}),
            Whole({"move": "ship", "epcs": [packs[1]], "to": world.pharmacy.gln, "request": "R1"}),
            Whole({"move": "pack", "epcs": [packs[1]], "parent": case("C9")}),
            Whole({"move": "unpack", "parent": pallet(1), "all": True}),
            Whole({"move": "receive", "epcs": [pallet(1)], "from": world.maker.gln}),
            Whole({"move": "dispense", "scans": scans[:1]}),
        ],
        "GET /api/v1/items/readers": [Whole(query={"epc": packs[0]})],
        "POST /api/v1/webhooks": [Whole({"url": "https://works.example/hooks", "kinds": ["alarm.two_places"]})],
        "POST /api/v1/notices/seen": [Whole({"upto": 1})],
        "POST /api/v1/returns": [Whole({"scan": scans[0]})],
        "POST /api/v1/receiving": [Whole({"epcs": [pallet(1)], "scans": scans[:1]})],
        "POST /api/v1/labels": [Whole({"stock": "roll-50x25", "dpi": 203, "labels": [label]})],
        "POST /api/v1/jobs": [Whole({"kind": "serial-numbers", "request": "R7", "parameters": {"block": block}})],
        "POST /api/v1/serial-pools": [Whole({"gtin": GTIN, "length": 9, "character_set": "digits", "enforced": True})],
        "PATCH /api/v1/serial-pools/{pool}": [Whole({"enforced": True}, {"pool": pool})],
        "POST /api/v1/serial-blocks": [Whole({"pool": pool, "request": "R7", "count": 3})],
        "POST /api/v1/serial-blocks/{block}/return": [Whole({"reason": "the line broke"}, {"block": block})],
        "GET /api/v1/serial-blocks/{block}/numbers": [Whole(path={"block": block})],
        "POST /api/v1/serial-reports": [Whole(known["text/csv"][0], media_type="text/csv")],
        "POST /api/v1/samplings": [Whole({"gtin": GTIN, "lot": LOT, "quantity": 20})],
        "POST /api/v1/products": [Whole({"gtin": GTIN, "name": "Examplin", "ndc": "0614-1123-45"})],
        "POST /api/v1/products/import": [Whole(known["text/csv"][1], media_type="text/csv")],
        "POST /api/v1/places": [Whole({"gln": world.maker.gln, "name": "Works", "country": "US"})],
        "POST /api/v1/places/import": [Whole(known["text/csv"][2], media_type="text/csv")],
        "POST /api/v1/alarms/{number}/clear": [Whole({"reason": "returned"}, {"number": alarm})],
        "POST /api/v1/verifications/{number}/outcome": [Whole({"outcome": "dispensed"}, {"number": number})],
        "POST /api/v1/submissions": [Whole(json.loads(said))],
        "POST /api/v1/submissions/{submission}/statement": [
            Whole(pharmacy.signs(draft), {"submission": drafted}, media_type=COSE)
        ],
        "POST /api/v1/anchors": [Whole(statements.sign(hashed, world.maker.key), media_type=COSE)],
        "GET /api/v1/anchors/{entry}/proof": [Whole(path={"entry": anchored.json()["entry"]})],
        "POST /api/v1/exceptions": [Whole(report)],
        "POST /api/v1/exception-detections": [
            Whole({"email": "dock@example.com", "scans": scans[:2], "epcs": [pallet(1)], "check_products": True}),
            Whole({"email": "dock@example.com", "contents": [{"container": case("C1"), "epcs": packs[3:]}]}),
        ],
        "GET /api/v1/exceptions/{case}": [Whole(path={"case": about["case"]})],
        "GET /api/v1/exceptions/{case}/messages/{message}": [Whole(path=about)],
        "GET /api/v1/scorecards": [Whole(query={"since": "2026-01-01"})],
        "POST /api/v1/statements": [Whole(registered, media_type=COSE)],
        "GET /api/v1/transactions/{submission}/{event}": [Whole(path=shipment)],
        "GET /api/v1/verify": [Whole(query={"scan": scans[0]}), Whole(query=elements | {"expiry": EXPIRY})],
        "GET /api/v1/items/openings": [Whole(query={"epc": packs[1]})],
        "GET /vrs/checkConnectivity": [Whole(query={"gtin": GTIN, "reqGLN": world.maker.gln})],
        "GET /vrs/verify/gtin/{gtin}/lot/{lot}/ser/{serial}": [Whole(path=elements, query=asked_by)],
    }
    return [maker.headers, pharmacy.headers, regulator.headers], known, whole, world.members


@pytest.fixture
def told(db: None, own_keys_and_authorities: None) -> Told:
    return Told()


@pytest.fixture(scope="module")
def schema() -> Any:
    for media_type in BINARY:
        schemathesis.serializer(media_type)(as_bytes)
    found = schemathesis.openapi.from_dict(json.loads(json.dumps(described())))
    found.app = WSGIHandler()
    return found


@contextmanager
def undone() -> Iterator[None]:
    """What is asked within leaves nothing behind, and does not end the transaction around it."""
    ends = (signals.request_started, signals.request_finished)
    for each in ends:
        each.disconnect(close_old_connections)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        for each in ends:
            each.connect(close_old_connections)


def put(draw: Any, known: dict[str, list[Any]], value: Any, name: str = "") -> Any:
    """The value, or what the world knows by such a name, or something damaged; within it, likewise."""
    which = draw(st.integers(0, 9))
    if name in known and which < 6:
        return draw(st.sampled_from(known[name]))
    if isinstance(value, str) and name and which == 6:
        whole = draw(st.sampled_from([str(each) for each in known.get(name, [value])]))
        return draw(st.sampled_from([*DAMAGED, whole + "\x1d", f"({whole})", whole[:-1], whole + whole, f" {whole}"]))
    if isinstance(value, dict):
        return {key: put(draw, known, each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [put(draw, known, each) for each in value]
    return value


def damage(draw: Any, known: dict[str, list[Any]], members: dict[str, Any]) -> dict[str, Any]:
    """All that is well but for one, if for any."""
    chosen = draw(st.sampled_from([None, *members]))
    return {name: put(draw, known, value, name) if name == chosen else value for name, value in members.items()}


@st.composite
def cases(draw: Any, operation: Any, told: Told, name: str, has_parameters: bool) -> Case:
    """One request: within the schema or against it, or one that is good, or was."""
    modes = [GenerationMode.POSITIVE] * 2 + [GenerationMode.NEGATIVE] * has_parameters
    found: Case = draw(operation.as_strategy(generation_mode=draw(st.sampled_from(modes))))
    known = told.known
    if name in told.whole and draw(st.booleans()):
        whole = draw(st.sampled_from(told.whole[name]))
        found.path_parameters, found.query = damage(draw, known, whole.path), damage(draw, known, whole.query)
        if whole.body is not None:
            found.media_type = whole.media_type
            found.body = damage(draw, known, whole.body) if isinstance(whole.body, dict) else whole.body
    else:
        for part in (found.path_parameters, found.query):
            for member, value in (part or {}).items():
                part[member] = put(draw, known, value, member)
        if found.media_type in known and found.media_type != "application/json" and draw(st.booleans()):
            found.body = draw(st.sampled_from(known[found.media_type]))
        elif isinstance(found.body, dict | list):
            found.body = put(draw, known, found.body)
    for member, value in (found.path_parameters or {}).items():  # a segment that is empty is another address
        found.path_parameters[member] = value if str(value) not in ("", ".", "..") else "0"
    return found


@pytest.mark.parametrize("name", operations())
def test_no_request_is_our_fault_and_every_answer_is_described(schema: Any, told: Told, name: str) -> None:
    method, _, path = name.partition(" ")
    operation = schema[path][method]
    written = described()["paths"][path][method.lower()]

    @given(
        asked=cases(operation, told, name, bool(written.get("parameters") or written.get("requestBody"))),
        caller=st.sampled_from(told.callers),
        form=st.sampled_from(FORMS),
    )
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(asked: Case, caller: dict[str, str], form: str) -> None:
        with undone():
            answer = asked.call(headers=caller | {"accept": form})
        asked.validate_response(answer, checks=CHECKS)

    ask()
