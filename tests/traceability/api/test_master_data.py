"""Master data over HTTP: looked at, applied, told, read; and of others' word, nothing."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from partners.gs1.identifiers import check_digit
from partners.models import AccessRecord, ApiToken, Product
from tests.traceability.api.conftest import Api, check
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_master_data import OPERATOR, document
from tests.traceability.test_master_files import GTIN as FDA_GTIN
from tests.traceability.test_master_files import fda
from tests.world import GTIN, Party, Role, World, gln
from traceability.admitting import admit

PRODUCTS, PLACES = "/api/v1/products", "/api/v1/places"
JSON = "application/json"


@pytest.fixture
def operator(world: World) -> Api:
    """The operator's own systems have a token, too."""
    admit(OPERATOR, name="Operator", role=Role.OPERATOR, now=world.passes())
    return Api(Party(world, OPERATOR, "Operator", Role.OPERATOR))


def brings(api: Api, table: bytes | str, media_type: str = "text/csv", to: str = PRODUCTS, **query: str) -> Any:
    path = f"{to}/import" + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
    response = api.client.generic("POST", path, data=table, content_type=media_type, headers=api.headers)
    check(response, "POST", f"{to}/import")
    return response


def tells(api: Api, to: str = PRODUCTS, **members: Any) -> Any:
    return api.post(to, json.dumps(members).encode(), JSON)


TABLE = f"gtin,name,ndc\n{GTIN},Examplin,0001-0123-45\n{GTIN[:-1]}9,B,\n"


def test_looked_at_then_applied_then_read(maker: Api, stranger: Api) -> None:
    shown = brings(maker, TABLE).json()
    assert shown["counts"] == {"added": 1, "changed": 0, "ended": 0, "unchanged": 0, "refused": 1}
    assert not shown["applied"]
    assert shown["differences"][0]["changes"][0] == {"field": "ndc", "old": "", "new": "0001-0123-45"}
    (refused,) = shown["refused"]
    assert (refused["line"], refused["where"], refused["code"]) == (3, "gtin", "bad_check_digit")
    assert not Product.objects.exists()
    done = brings(maker, TABLE, apply=shown["digest"]).json()
    assert done == shown | {"applied": True}
    for api in (maker, stranger):
        (row,) = api.get(PRODUCTS).json()["products"]
        assert (row["gtin"], row["name"], row["ndc"], row["ndc_format"]) == (GTIN, "Examplin", "0001-0123-45", "4-4-2")
        assert (row["told_by"], row["valid_from"], row["counts"]) == (gln(100), None, True)


def test_what_came_between_is_409(maker: Api) -> None:
    shown = brings(maker, TABLE).json()
    assert tells(maker, gtin=GTIN, name="Other").status_code == 201
    refused = problem(brings(maker, TABLE, apply=shown["digest"]), 409, "differences_changed")
    assert refused["found"] == shown["digest"]
    problem(brings(maker, TABLE, apply="x" * 3000), 400, "malformed_parameter")
    problem(brings(maker, TABLE, complete="yes"), 400, "malformed_parameter")


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        ("", "text/csv", 400, "malformed_table"),
        ("gtin,colour\n", "text/csv", 400, "malformed_table"),
        (b"\xff\xfe", "text/csv", 400, "malformed_document"),
        ("{}", JSON, 415, "unsupported_syntax"),
        ("PK\x03\x04", "application/zip", 400, "malformed_table"),
        ("x", "text/plain", 415, "unsupported_media_type"),
        ("x", "multipart/form-data; boundary=y", 400, "part_missing"),
    ],
)
def test_no_table_is_refused_whole(maker: Api, body: str, media_type: str, status: int, code: str) -> None:
    problem(brings(maker, body, media_type), status, code)


def test_what_takes_longer_is_a_job(maker: Api) -> None:
    many = "gtin,name\n" + f"{GTIN},Examplin\n" * 1001
    refused = problem(brings(maker, many), 400, "too_many_lines")
    assert refused["expected"].startswith("1000 at most")
    problem(brings(maker, "gtin,name\n" + "x" * (1 << 20)), 413, "too_large")


def test_one_product_is_told_of_at_once(maker: Api) -> None:
    answer = tells(maker, gtin=GTIN, name="Examplin", ndc="0001012345", ndc_format="4-4-2")
    assert (answer.status_code, answer.json()["source"], answer.json()["applied"]) == (201, "form", True)
    assert tells(maker, gtin=GTIN, name="Examplin").status_code == 200
    (row,) = maker.get(PRODUCTS, gtin=GTIN).json()["products"]
    assert row["ndc"] == "0001-0123-45"


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"gtin": GTIN}, 400, "missing_member"),
        ({"gtin": GTIN, "name": ""}, 400, "missing_member"),
        ({"name": "A"}, 400, "bad_length"),
        ({"gtin": GTIN, "name": 5}, 400, "wrong_type"),
        ({"gtin": GTIN, "name": "A", "colour": "red"}, 400, "unknown_member"),
        ({"gtin": GTIN, "name": "A", "ndc": "0001012345"}, 400, "ambiguous_ndc"),
        ({"gtin": GTIN, "name": "A", "valid_from": "soon"}, 400, "bad_date"),
        ({"gtin": FDA_GTIN, "name": "A"}, 403, "gtin_not_licensed"),
    ],
)
def test_what_is_wrong_is_refused_and_says_why(maker: Api, members: Any, status: int, code: str) -> None:
    problem(tells(maker, **members), status, code)
    assert not Product.objects.exists()


def test_of_one_product_all_that_was_told_is_shown(maker: Api) -> None:
    tells(maker, gtin=GTIN, name="Exampiln", valid_from="2026-01-01")
    tells(maker, gtin=GTIN, name="Examplin", valid_from="2026-01-01")
    rows = maker.get(PRODUCTS, gtin=GTIN).json()["products"]
    assert [(row["name"], row["replaced"] is None, row["counts"]) for row in rows] == [
        ("Examplin", True, True), ("Exampiln", False, False),
    ]  # fmt: skip
    (row,) = maker.get(PRODUCTS).json()["products"]
    assert row["name"] == "Examplin"
    problem(maker.get(PRODUCTS, gtin="1"), 400, "bad_length")


@pytest.mark.parametrize("text", [GTIN, "614141123452", "0001-0123-45", "0001012345", "00001012345", "exam", "LABS"])
def test_a_product_is_found_by_what_people_have_in_hand(maker: Api, text: str) -> None:
    tells(maker, gtin=GTIN, name="Examplin", ndc="0001-0123-45", labeler="Example Labs")
    tells(maker, gtin="00614141123469", name="Zweitin", ndc="0001-0123-46", labeler="Other")
    assert [row["name"] for row in maker.get(PRODUCTS, q=text).json()["products"]] == ["Examplin"]


def test_a_list_goes_on(maker: Api) -> None:
    payloads = [f"00614141{number:05d}" for number in range(130)]
    table = "gtin,name\n" + "".join(f"{each}{check_digit(each)},P\n" for each in payloads)
    brings(maker, table, apply=brings(maker, table).json()["digest"])
    first = maker.get(PRODUCTS).json()
    second = maker.get(PRODUCTS, after=first["next"]).json()
    gtins = [row["gtin"] for page in (first, second) for row in page["products"]]
    assert (len(set(gtins)), len(gtins), second["next"]) == (130, 130, None)
    assert gtins == sorted(gtins)


def test_what_a_reporter_tells_is_shown_to_it_alone(pharmacy: Api, maker: Api, regulator: Api) -> None:
    told = document("Reported")
    shown = brings(pharmacy, told, JSON).json()
    assert brings(pharmacy, told, JSON, apply=shown["digest"]).json()["source"] == "epcis"
    for api, sees in ((pharmacy, 1), (maker, 0), (regulator, 1)):
        rows = api.get(PRODUCTS).json()["products"]
        assert len(rows) == len(api.get(PRODUCTS, gtin=GTIN).json()["products"]) == sees
        assert not any(row["counts"] for row in rows)
    records = AccessRecord.objects.values_list("reader", "subject", "what", "purpose")
    assert set(records) == {(gln(500), GTIN, "products", "tracing")}  # who reads what is another's own


def test_the_fdas_directory_comes_as_two_files_by_the_operator(operator: Api, maker: Api) -> None:
    def sends(api: Api, query: str = "") -> Any:
        parts = [
            SimpleUploadedFile(name, data) for name, data in zip(("product.txt", "package.txt"), fda(), strict=True)
        ]
        path = f"{PRODUCTS}/import"
        response = api.client.post(
            path + query, dict(zip(("file", "package"), parts, strict=True)), headers=api.headers
        )
        check(response, "POST", path)
        return response

    problem(sends(maker), 403, "not_allowed")
    shown = sends(operator).json()
    assert (shown["source"], shown["told_by"], shown["counts"]["added"]) == ("fda", "FDA", 2)
    sends(operator, f"?apply={shown['digest']}&complete=0")
    (row, _) = maker.get(PRODUCTS).json()["products"]
    assert (row["gtin"], row["told_by"], row["counts"]) == (FDA_GTIN, "FDA", True)


def test_places(operator: Api, maker: Api, world: World) -> None:
    place = gln(777)
    table = f"gln,name,operator,city,valid_from\n{place},Dock,{world.distributor.gln},Newark,2026-01-01\n"
    shown = brings(operator, table, to=PLACES).json()
    assert shown["differences"][0]["changes"][-1]["field"] == "location statement"
    brings(operator, table, to=PLACES, apply=shown["digest"])
    (row,) = maker.get(PLACES, q="dock").json()["places"]
    assert (row["gln"], row["city"], row["operator"]) == (place, "Newark", world.distributor.gln)
    problem(tells(maker, PLACES, gln=place, name="Mine"), 403, "anothers_place")
    assert tells(maker, PLACES, gln=gln(100), name="Headquarters", city="Trenton").status_code == 201
    assert maker.get(PLACES, gln=gln(100)).json()["places"][0]["city"] == "Trenton"


def test_nobody_without_a_token_reads_or_tells(anybody: Api) -> None:
    for path in (PRODUCTS, PLACES):
        problem(anybody.get(path), 401, "not_authenticated")
        problem(tells(anybody, path, gtin=GTIN), 401, "not_authenticated")
        problem(brings(anybody, TABLE, to=path), 401, "not_authenticated")
    assert not ApiToken.objects.exists()
