"""The GS1 Digital Link resolver, clause by clause of GS1's standard, and what it tells nobody."""

import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as node
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.gs1.element_string import parse_scan
from tests.world import GTIN, LOT, World, gln

VOC = "https://ref.gs1.org/voc/"
LINKSET = "application/linkset+json"
SSCC = "006141411234567890"
ROOT = "http://testserver"
PACK = f"/01/{GTIN}/10/{LOT}/21/A1"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

pytestmark = pytest.mark.usefixtures("world")


def location(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 307, answer.content
    return answer.headers["Location"]


def linkset(client: Client, path: str, accept: str = LINKSET) -> list[dict[str, Any]]:
    answer = client.get(path, headers={"accept": accept})
    assert answer.status_code == 200, answer.content
    return list(json.loads(answer.content)["linkset"])


# ---- the default link -----------------------------------------------------------------------------------------------


def test_a_digital_link_leads_to_the_page_that_verifies_which_is_told_all_of_it_behind_a_hash(client: Client) -> None:
    to = location(client, f"{PACK}?17=281231", accept=BROWSER)
    page, _, fragment = to.partition("#")
    assert page == f"{ROOT}/?17=281231"
    assert "A1" not in page
    pack = parse_scan(f"{ROOT}{fragment}?17=281231")  # as the page's script puts it together again
    assert (pack.gtin, pack.serial, pack.lot, pack.expiry_raw) == (GTIN, "A1", LOT, "281231")


def test_whatever_is_asked_is_passed_on_as_it_came(client: Client) -> None:
    query = "17=281231&x=%20a+b&flag&y=1;z=2"
    assert location(client, f"/01/{GTIN}?{query}") == f"{ROOT}/?{query}#/01/{GTIN}"


@pytest.mark.parametrize("path", [f"/01/{GTIN}", f"/01/{GTIN}/", f"/01/{GTIN}/22/V1", f"/01/{GTIN}/10/{LOT}", PACK,
                                  f"/01/{GTIN}/21/A1", f"/01/{GTIN}/235/T1", f"/00/{SSCC}"])  # fmt: skip
def test_from_a_serial_number_it_is_walked_up_to_the_product(client: Client, path: str) -> None:
    assert location(client, path).startswith(f"{ROOT}/#/0")


def test_a_slash_in_a_serial_number_stays_one(client: Client) -> None:
    raw = f"/01/{GTIN}/21/A%2F1"
    answer = client.get(raw, RAW_URI=raw)
    assert answer.headers["Location"] == f"{ROOT}/#{raw}"
    assert client.get(f"/01/{GTIN}/21/A/1", RAW_URI=f"/01/{GTIN}/21/A/1").status_code == 400


def test_every_redirect_says_where_all_links_are_and_names_no_pack_there(client: Client) -> None:
    answer = client.get(PACK)
    anchor = f"{ROOT}/01/{GTIN}/10/{LOT}"
    assert answer.headers["Link"] == f'<{anchor}?linkType=linkset>; rel="linkset"; type="{LINKSET}"'


# ---- link types -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["gs1:", VOC, "https://gs1.org/voc/", ""])
def test_a_link_type_is_known_however_it_is_written(client: Client, prefix: str) -> None:
    wanted = quote(f"{prefix}recallStatus", safe="")
    to = location(client, f"/01/{GTIN}/21/A1?linkType={wanted}")
    assert to == f"{ROOT}/recalls/01/{GTIN}?linkType={wanted}"


def test_the_finer_level_counts_first(client: Client) -> None:
    assert location(client, f"{PACK}?linkType=gs1:recallStatus").startswith(f"{ROOT}/recalls/01/{GTIN}/10/{LOT}?")


def test_a_link_type_without_a_link_is_404(client: Client) -> None:
    for path in (f"/01/{GTIN}?linkType=gs1:pip", f"/00/{SSCC}?linkType=gs1:recallStatus"):
        assert client.get(path).status_code == 404


def test_whom_to_ask_for_verification_is_told_in_the_standards_form(client: Client) -> None:
    query = "17=281231&linkType=gs1:verificationService&reqGLN=1"
    to = location(client, f"{PACK}?{query}")
    assert to == f"{ROOT}/vrs/verify/gtin/{GTIN}/lot/{LOT}/ser/A1?{query}&exp=281231"
    less = location(client, f"/01/{GTIN}?linkType=verificationService")
    assert less == f"{ROOT}/vrs/checkConnectivity?gtin={GTIN}&linkType=verificationService"


@pytest.mark.parametrize("languages", ["", "en", "en-US,en;q=0.5", "pt-BR", "x;q=many", ";;,"])
@pytest.mark.parametrize("accept", ["*/*", BROWSER, "image/png"])
def test_a_language_that_nobody_has_is_no_reason_to_lead_nowhere(client: Client, languages: str, accept: str) -> None:
    headers = {"accept-language": languages, "accept": accept}
    assert location(client, f"/01/{GTIN}", **headers) == f"{ROOT}/#/01/{GTIN}"


# ---- linksets -------------------------------------------------------------------------------------------------------


def test_a_linkset_has_every_level_and_names_no_pack(client: Client) -> None:
    lot, product = linkset(client, PACK)
    assert lot["anchor"] == f"{ROOT}/01/{GTIN}/10/{LOT}"
    assert product["anchor"] == f"{ROOT}/01/{GTIN}"
    assert "A1" not in json.dumps([lot, product]).replace(GTIN, "")
    ((default),) = product[f"{VOC}defaultLink"]
    assert default.keys() == {"href", "title"}
    for level in (lot, product):
        for relation, links in level.items():
            if relation in ("anchor", f"{VOC}defaultLink"):
                continue
            assert relation.startswith(VOC)
            for each in links:
                assert each["href"].startswith(f"{ROOT}/")
                assert each["title"]
                assert each["hreflang"] == ["en"]
                assert "/" in each["type"]
    described = {each["href"] for links in list(product.values())[2:] for each in links}
    assert default["href"] in described  # it has a link type of its own, too


@pytest.mark.parametrize("word", ["all", "linkset", "gs1:linkset"])
def test_a_linkset_may_be_asked_for_by_link_type(client: Client, word: str) -> None:
    answer = client.get(f"/01/{GTIN}?linkType={word}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, LINKSET)
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in answer.headers["Link"]


def test_or_by_its_form(client: Client) -> None:
    for accept in (LINKSET, "application/json"):
        answer = client.get(f"/01/{GTIN}", headers={"accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, accept)
    linked = client.get(f"/01/{GTIN}", headers={"accept": "application/ld+json"})
    assert json.loads(linked.content)["@context"] == "https://ref.gs1.org/standards/resolver/linkset-context"


def test_people_see_a_page_of_it(client: Client) -> None:
    page = client.get(f"{PACK}?linkType=linkset", headers={"accept": BROWSER})
    assert page.headers["Content-Type"].startswith("text/html")
    assert f'href="/recalls/01/{GTIN}/10/{LOT}"' in page.text
    assert ">A1<" not in page.text


# ---- what it says of itself -----------------------------------------------------------------------------------------


def test_the_description_file_is_where_it_belongs(client: Client) -> None:
    answer = client.get("/.well-known/gs1resolver")
    assert answer.headers["Content-Type"] == "application/json"
    said = answer.json()
    assert said["resolverRoot"] == ROOT
    assert said["supportedPrimaryKeys"] == ["00", "01", "414"]
    assert said["supportedLinkType"] == [{"namespace": VOC, "prefix": "gs1:"}]
    assert said["linkTypeDefaultCanBeLinkset"] is False


@pytest.mark.parametrize("path", [PACK, f"/01/{GTIN}?linkType=linkset", "/.well-known/gs1resolver", "/01/1"])
def test_scripts_of_any_site_may_ask(client: Client, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = client.generic(method, path)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    assert client.head(PACK).content == b""
    assert client.options(PACK).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert client.post(PACK).status_code == 405


# ---- what it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/01/00614141123453", "bad_check_digit"),
        ("/01/1234", "bad_length"),
        ("/00/006141411234567891", "bad_check_digit"),
        ("/414/0614141000013", "bad_check_digit"),
        (f"/01/{GTIN}/21/A1/10/L1", "malformed_digital_link"),  # out of order
        (f"/01/{GTIN}/17/281231", "malformed_digital_link"),  # an attribute in the path
        (f"/01/{GTIN}/99/X", "malformed_digital_link"),
        (f"/01/{GTIN}/21/{'A' * 21}", "bad_length"),
        (f"/01/{GTIN}/21/A%201", "bad_character"),
        (f"/01/{GTIN}/21", "malformed_digital_link"),
        (f"/01/{GTIN}/lot/L1", "malformed_digital_link"),
        (f"/01/{GTIN}/414/0614141000012", "malformed_digital_link"),
        (f"/01/{GTIN}?17=281331", "bad_date"),
        (f"/01/{GTIN}?21=A1", "malformed_digital_link"),
        (f"/01/{GTIN}/21/A1?10=L1", "malformed_digital_link"),
        (f"/01/{GTIN}/Ad3xTLOaN2g", "compressed_digital_link"),
        ("/ARHKVAdpQg6z7l", "compressed_digital_link"),
        ("/eh3074257BF7194E4000001A85", "compressed_digital_link"),
    ],
)
def test_what_is_no_digital_link_is_400(client: Client, path: str, code: str) -> None:
    problem = client.get(path, headers={"accept": "application/json"})
    assert (problem.status_code, problem.json()["code"]) == (400, code)
    assert problem.headers["Content-Type"] == "application/problem+json"
    page = client.get(path, headers={"accept": BROWSER})
    assert (page.status_code, page.headers["Content-Type"][:9]) == (400, "text/html")
    assert code in page.text


@pytest.mark.parametrize("path", ["/01/00300123456785", "/01/00300123456785/21/A1", "/00/003001234567891232",
                                  f"/414/{gln(100)}", "/01", "/417/0614141000012"])  # fmt: skip
def test_of_what_nobody_here_has_numbered_nothing_is_known(client: Client, path: str) -> None:
    for accept in (BROWSER, LINKSET):
        assert client.get(path, headers={"accept": accept}).status_code == 404


def test_the_operators_own_place_leads_to_the_log(client: Client) -> None:
    assert location(client, f"/414/{node.OPERATOR_GLN}") == f"{ROOT}/log/"
    ((level),) = linkset(client, f"/414/{node.OPERATOR_GLN}/254/dock")
    assert level["anchor"] == f"{ROOT}/414/{node.OPERATOR_GLN}"


def test_i7_nobody_is_told_whether_a_pack_a_lot_or_a_pallet_is_known(client: Client, world: World) -> None:
    world.maker.commissions(serial="A1")

    def asked(serial: str, lot: str, accept: str) -> tuple[int, bytes, str, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/01/{GTIN}/10/{lot}/21/{serial}", headers={"accept": accept})
        told = answer.content, answer.headers.get("Location", "")
        same = [str(each).replace(serial, "_").replace(lot, "_") for each in told]
        return answer.status_code, same[0].encode(), same[1], len(queries)

    for accept in (BROWSER, LINKSET):
        assert asked("A1", LOT, accept) == asked("Z9", "L77", accept)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("0146/21A%?=&#\x1d é.", max_size=40), st.sampled_from([BROWSER, LINKSET, "", "a/b;q=x"]))
def test_no_link_is_our_fault(client: Client, rest: str, accept: str) -> None:
    path = "/01/" + quote(rest, safe="/?=&")
    assert client.get(path, headers={"accept": accept}).status_code in (200, 307, 400, 404)


def test_no_line_of_ours_has_the_serial_number(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.get(f"/01/{GTIN}/21/SECRET")
        client.get("/01/00300123456785/21/SECRET", headers={"accept": BROWSER})
        client.get(f"/01/{GTIN}/10/1/21/SECRET/22/1", headers={"accept": BROWSER})
    told = [record for record in caplog.records if record.name != "django.db.backends"]
    lines = [logging.getLogger().handlers and record.getMessage() for record in told if record.name != "django.request"]
    assert lines
    assert not [line for line in lines if "SECRET" in str(line)]


# ---- recalls --------------------------------------------------------------------------------------------------------


def recall(client: Client, path: str) -> str:
    answer = client.get(f"/recalls{path}", headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.content
    return str(answer.json()["recalled"])


def test_a_recall_of_a_lot_is_public_and_other_holds_are_not(client: Client, world: World) -> None:
    product, lot, other = f"/01/{GTIN}", f"/01/{GTIN}/10/{LOT}", f"/01/{GTIN}/10/L43"
    pack = world.maker.commissions(serial="A1")
    for kind in ("quarantine", "suspect", "stolen"):
        world.holds(world.maker, kind, gtin=GTIN, lot=LOT)
    world.holds(world.maker, "recall", epc=pack)
    assert [recall(client, each) for each in (product, lot, other)] == ["none", "none", "none"]
    entry = world.holds(world.maker, "recall", gtin=GTIN, lot=LOT)
    assert [recall(client, each) for each in (product, lot, other)] == ["some", "all", "none"]
    assert "This lot has been recalled" in client.get(f"/recalls{lot}").text
    world.releases(entry, of=world.maker)
    assert recall(client, lot) == "none"
    world.holds(world.regulator, "recall", gtin=GTIN)
    assert [recall(client, each) for each in (product, lot, other)] == ["all", "all", "all"]


def test_of_some_serial_numbers_it_is_some(client: Client, world: World) -> None:
    world.holds(world.maker, "recall", gtin=GTIN, lot=LOT, first="A1", last="A5")
    assert [recall(client, each) for each in (f"/01/{GTIN}", f"/01/{GTIN}/10/{LOT}")] == ["some", "some"]


def test_what_is_no_product_of_anybody_here_has_no_recalls(client: Client) -> None:
    assert client.get("/recalls/01/00300123456785").status_code == 404
    assert client.get("/recalls/01/00614141123453").status_code == 400
    assert client.get(f"/recalls/01/{GTIN}/10/{'L' * 21}").status_code == 400


def test_a_lot_with_a_slash_is_found_again(client: Client, world: World) -> None:
    world.holds(world.maker, "recall", gtin=GTIN, lot="L/1")
    raw = f"/recalls/01/{GTIN}/10/L%2F1"
    answer = client.get(raw, headers={"accept": "application/json"}, RAW_URI=raw)
    assert answer.json() == {"gtin": GTIN, "lot": "L/1", "recalled": "all"}
