"""Serial numbers over HTTP: given out, fetched, returned, reported; and of another party's, nothing."""

import json
import uuid
from collections.abc import Iterable
from typing import Any, cast

import pytest
from django.conf import settings
from lxml import etree

from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.world import EXPIRY, GTIN, LOT, World, document, unit
from traceability.models import SerialBlock, SerialPool

POOLS, BLOCKS, REPORTS = "/api/v1/serial-pools", "/api/v1/serial-blocks", "/api/v1/serial-reports"
JSON = "application/json"
POOL = {"gtin": GTIN, "length": 12, "character_set": "unambiguous"}


def sends(api: Api, method: str, path: str, **members: Any) -> Any:
    return api.ask(method, path, data=json.dumps(members).encode(), content_type=JSON)


def opens(api: Api, **changed: Any) -> Any:
    return sends(api, "POST", POOLS, **POOL | changed)


def allocates(api: Api, pool: str, count: int = 3, **more: Any) -> Any:
    asked = {"pool": pool, "request": str(uuid.uuid4()), "count": count} | more
    return sends(api, "POST", BLOCKS, **asked)


def text(answer: Any) -> str:
    return b"".join(cast("Iterable[bytes]", answer.streaming_content)).decode()


def fetched(api: Api, block: dict[str, Any], accept: str = "text/csv") -> Any:
    return api.ask("GET", block["numbers"], headers={"accept": accept})


def serials(api: Api, block: dict[str, Any]) -> list[str]:
    return list(json.loads(text(fetched(api, block, JSON)))["serials"])


def test_from_the_pool_to_the_pack(maker: Api, world: World) -> None:
    opened = opens(maker, enforced=True)
    assert opened.status_code == 201
    pool = opened.json()
    assert (pool["length"], pool["allocated"], pool["enforced"]) == (12, 0, True)
    assert opens(maker).json() == pool
    given = allocates(maker, pool["pool"], 3, request="R1")
    assert given.status_code == 201
    block = given.json()
    assert given.headers["Location"] == f"{BLOCKS}/{block['block']}"
    again = allocates(maker, pool["pool"], 3, request="R1")
    assert (again.status_code, again.json()) == (200, block)
    good = serials(maker, block)
    refused = problem(maker.post("/api/v1/submissions", made("X1", world), JSON), 409, "serial_not_allocated")
    assert refused["epc"] == unit("X1")
    lines = "\n".join(f"{GTIN},{serial},{LOT},{EXPIRY}" for serial in good)
    judged = maker.post(REPORTS, f"gtin,serial,lot,expiry\n{lines}\n".encode(), "text/csv").json()
    assert (judged["lines"], judged["wrong"]) == (3, [])
    assert maker.submit(json.dumps(judged["document"]).encode()).status_code == 201
    (listed,) = maker.get(BLOCKS, pool=pool["pool"]).json()["blocks"]
    assert listed == block | {"commissioned": 3}
    assert maker.get(f"{BLOCKS}/{block['block']}").json() == listed
    (listed,) = maker.get(POOLS).json()["pools"]
    assert (listed["allocated"], listed["left"]) == (3, pool["left"] - 3)


def made(serial: str, world: World) -> bytes:
    return document(world.maker.commissioning(unit(serial)))


def test_numbers_come_as_csv_json_or_xml(maker: Api) -> None:
    block = allocates(maker, opens(maker).json()["pool"], 9000).json()
    answer = fetched(maker, block)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{block["block"]}.csv"'
    header, *rows = text(answer).splitlines()
    assert header == "gtin,serial"
    numbers = [row.removeprefix(f"{GTIN},") for row in rows]
    assert len(set(numbers)) == 9000
    assert serials(maker, block) == numbers
    root = etree.fromstring(text(fetched(maker, block, "application/xml")).encode())
    assert (root.get("gtin"), [each.text for each in root]) == (GTIN, numbers)
    problem(fetched(maker, block, "text/html"), 406, "not_acceptable")


def test_a_block_is_returned_and_says_by_whom_when_and_why(maker: Api, world: World) -> None:
    pool = opens(maker, enforced=True).json()["pool"]
    block = allocates(maker, pool).json()
    (first, *_) = serials(maker, block)
    path = f"{BLOCKS}/{block['block']}/return"
    back = sends(maker, "POST", path, reason="order cancelled").json()
    assert (back["state"], back["reason"], back["returned_by"]) == ("returned", "order cancelled", world.maker.gln)
    assert sends(maker, "POST", path, reason="order cancelled").json() == back
    problem(sends(maker, "POST", path, reason="another"), 409, "block_returned")
    problem(fetched(maker, block), 409, "block_returned")
    problem(maker.post("/api/v1/submissions", made(first, world), JSON), 409, "block_returned")
    (listed,) = maker.get(BLOCKS, pool=pool).json()["blocks"]
    assert (listed["state"], listed["commissioned"]) == ("returned", 0)


def test_an_expired_block_says_so(maker: Api) -> None:
    pool = opens(maker).json()["pool"]
    block = allocates(maker, pool, expires="2100-01-01T00:00:00+01:00").json()
    assert (block["state"], block["expires"]) == ("allocated", "2099-12-31T23:00:00Z")
    SerialBlock.objects.update(expires="2020-01-01T00:00:00Z")
    assert maker.get(f"{BLOCKS}/{block['block']}").json()["state"] == "expired"
    problem(fetched(maker, block), 409, "block_expired")


def test_a_pool_is_enforced_and_no_longer(maker: Api, world: World) -> None:
    pool = opens(maker).json()
    assert sends(maker, "PATCH", f"{POOLS}/{pool['pool']}", enforced=True).json() == pool | {"enforced": True}
    problem(maker.post("/api/v1/submissions", made("X1", world), JSON), 409, "serial_not_allocated")
    assert sends(maker, "PATCH", f"{POOLS}/{pool['pool']}", enforced=False).json() == pool
    assert maker.submit(made("X1", world)).status_code == 201


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"gtin": "00614141123453"}, 400, "bad_check_digit"),
        ({"gtin": 614141123452}, 400, "wrong_type"),
        ({"gtin": None}, 400, "missing_member"),
        ({"gtin": "09521050000013"}, 403, "gtin_not_licensed"),
        ({"length": 21}, 400, "bad_length"),
        ({"length": "12"}, 400, "bad_number"),
        ({"length": 12.5}, 400, "bad_number"),
        ({"length": 4}, 400, "pool_too_small"),
        ({"length": 10**30}, 400, "bad_number"),
        ({"character_set": "base64"}, 400, "bad_value"),
        ({"characters": "0123456789"}, 400, "missing_member"),
        ({"character_set": None}, 400, "wrong_type"),
        ({"enforced": "yes"}, 400, "wrong_type"),
        ({"charset": "digits"}, 400, "unknown_member"),
    ],
    ids=str,
)
def test_what_is_no_pool_is_refused_with_a_code(maker: Api, changed: dict[str, Any], status: int, code: str) -> None:
    problem(opens(maker, **changed), status, code)
    assert not SerialPool.objects.exists()


def test_characters_that_look_alike_are_refused(maker: Api) -> None:
    asked = {"gtin": GTIN, "length": 12, "characters": "0123456789O"}
    told = problem(sends(maker, "POST", POOLS, **asked), 400, "lookalike_characters")
    assert (told["where"], told["found"]) == ("characters", "'0O'")
    assert sends(maker, "POST", POOLS, **asked | {"characters": "ACEF"}).status_code == 201


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"count": 1_000_001}, 400, "bad_block_size"),
        ({"count": 0}, 400, "bad_block_size"),
        ({"count": -1}, 400, "bad_number"),
        ({"count": True}, 400, "bad_number"),
        ({"count": "3"}, 400, "bad_number"),
        ({"request": "two words"}, 400, "bad_value"),
        ({"request": "x" * 65}, 400, "bad_value"),
        ({"request": ["R1"]}, 400, "wrong_type"),
        ({"pool": "1"}, 400, "malformed_parameter"),
        ({"pool": str(uuid.UUID(int=1))}, 404, "not_found"),
        ({"expires": "2100-01-01"}, 400, "bad_time"),
        ({"expires": "9999-12-31T23:59:59-01:00"}, 400, "bad_time"),
        ({"expires": "2100-01-01T00:00:00"}, 400, "bad_time"),
        ({"expires": "soon"}, 400, "bad_time"),
        ({"expires": 1}, 400, "wrong_type"),
        ({"expires": "2020-01-01T00:00:00Z"}, 400, "expires_in_the_past"),
        ({"expiry": "2100-01-01T00:00:00Z"}, 400, "unknown_member"),
    ],
    ids=str,
)
def test_what_is_no_request_for_numbers_is_refused_with_a_code(
    maker: Api, changed: dict[str, Any], status: int, code: str
) -> None:
    pool = opens(maker).json()["pool"]
    problem(sends(maker, "POST", BLOCKS, **{"pool": pool, "request": "R1", "count": 3} | changed), status, code)
    assert not SerialBlock.objects.exists()


def test_a_name_of_a_request_with_other_content_is_refused(maker: Api) -> None:
    pool = opens(maker).json()["pool"]
    allocates(maker, pool, 3, request="R1")
    told = problem(allocates(maker, pool, 4, request="R1"), 409, "request_reused")
    assert (told["where"], told["found"]) == ("request", "R1")
    problem(allocates(maker, opens(maker, length=6, character_set="digits").json()["pool"], 100), 409, "pool_exhausted")
    problem(opens(maker, character_set="digits"), 409, "pool_exists")


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b"{", b'{"gtin": "1", "gtin": "2"}', b"\xff", b"[" * 100_000], ids=lambda sent: sent[:9]
)
def test_what_is_no_json_object_is_refused(maker: Api, sent: bytes) -> None:
    for path in (POOLS, BLOCKS):
        assert maker.post(path, sent, JSON).status_code == 400
    problem(maker.post(POOLS, b"<pool/>", "application/xml"), 415, "unsupported_media_type")


def test_to_others_it_all_looks_as_if_it_were_not(maker: Api, pharmacy: Api, world: World) -> None:
    pool = opens(maker).json()["pool"]
    block = allocates(maker, pool, request="R1").json()["block"]
    nothing = str(uuid.uuid4())
    told = []
    for a_pool, a_block in ((pool, block), (nothing, nothing)):
        answers = [
            sends(pharmacy, "PATCH", f"{POOLS}/{a_pool}", enforced=True),
            pharmacy.get(BLOCKS, pool=a_pool),
            allocates(pharmacy, a_pool, request="R1"),
            pharmacy.get(f"{BLOCKS}/{a_block}"),
            pharmacy.ask("GET", f"{BLOCKS}/{a_block}/numbers"),
            sends(pharmacy, "POST", f"{BLOCKS}/{a_block}/return", reason="mine"),
        ]
        found = [problem(answer, 404, "not_found") for answer in answers]
        told.append([{**each, "instance": None} for each in found])
    assert told[0] == told[1]
    assert pharmacy.get(POOLS).json() == {"pools": [], "next": None}
    assert maker.get(f"{BLOCKS}/{block}").json()["state"] == "allocated"


def test_nobody_gets_numbers_without_a_token(maker: Api, anybody: Api) -> None:
    pool = opens(maker).json()["pool"]
    block = allocates(maker, pool).json()
    for answer in (
        anybody.get(POOLS),
        opens(anybody),
        anybody.get(BLOCKS, pool=pool),
        allocates(anybody, pool),
        fetched(anybody, block),
        anybody.post(REPORTS, b"", "text/csv"),
    ):
        problem(answer, 401, "not_authenticated")


def test_the_key_of_a_pool_is_in_no_answer(maker: Api) -> None:
    opened = opens(maker)
    key = bytes(SerialPool.objects.get().key)
    block = allocates(maker, opened.json()["pool"])
    for answer in (opened, block, maker.get(POOLS), maker.get(BLOCKS, pool=opened.json()["pool"])):
        assert key.hex() not in answer.text
        assert "key" not in answer.text


def test_lists_have_pages_and_cursors(maker: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceability.serials.A_PAGE", 1)
    pools = [opens(maker, length=length).json()["pool"] for length in (12, 13)]
    first = maker.get(POOLS).json()
    second = maker.get(POOLS, after=first["next"]).json()
    assert [each["pool"] for page in (first, second) for each in page["pools"]] == pools
    assert second["next"] is None
    blocks = [allocates(maker, pools[0], count).json()["block"] for count in (5, 1)]
    page = maker.get(BLOCKS, pool=pools[0]).json()
    assert page["next"] == "5"
    assert maker.get(BLOCKS, pool=pools[0], after="5").json()["blocks"][0]["block"] == blocks[1]
    problem(maker.get(BLOCKS), 400, "parameter_missing")
    problem(maker.get(BLOCKS, pool=pools[0], after="x"), 400, "malformed_parameter")


def test_a_report_names_its_wrong_lines(maker: Api, settings: Any) -> None:
    serial, *_ = serials(maker, allocates(maker, opens(maker).json()["pool"]).json())
    line = {"gtin": GTIN, "serial": serial, "lot": LOT, "expiry": EXPIRY}
    sent = json.dumps({"lines": [line, line | {"expiry": "2028-13-01"}]}).encode()
    judged = maker.post(REPORTS, sent, JSON).json()
    assert (judged["lines"], judged["document"]) == (2, None)
    (wrong,) = judged["wrong"]
    assert (wrong["line"], wrong["where"], wrong["code"], wrong["found"]) == (2, "expiry", "bad_date", "'2028-13-01'")
    written = " ".join(f'{name}="{value}"' for name, value in line.items())
    assert maker.post(REPORTS, f"<lines><line {written}/></lines>".encode(), "text/xml").json()["document"]
    twice = maker.post(REPORTS, f"<lines><line {written}/><line {written}/></lines>".encode(), "text/xml").json()
    assert ([each["code"] for each in twice["wrong"]], twice["document"]) == (["duplicate_epc"], None)
    settings.SERIAL_REPORT_MAX_LINES = 1
    problem(maker.post(REPORTS, sent, JSON), 400, "too_many_lines")
    problem(maker.post(REPORTS, b"gtin", "text/csv"), 400, "malformed_report")
    problem(maker.post(REPORTS, b"gtin", "text/plain"), 415, "unsupported_media_type")
    problem(maker.post(REPORTS, b"", ""), 415, "unsupported_syntax")


def test_more_than_is_read_here_is_not_read(maker: Api) -> None:
    answer = maker.ask(
        "POST",
        REPORTS,
        data=b"",
        content_type="text/csv",
        headers={"content-length": str(settings.EPCIS_MAX_BYTES + 1)},
    )
    problem(answer, 413, "too_large")
