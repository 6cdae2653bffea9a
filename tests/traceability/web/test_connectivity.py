"""The page on verification messages: where one's systems ask, and whether whoever answers for a product is there."""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from django.test import Client
from django.utils import timezone

from tests.traceability.api.test_elsewhere import GTIN, RESPONDER, Responder, running
from tests.traceability.web.test_scan import looks, text
from tests.world import GTIN as OWN_GTIN
from tests.world import World, gln
from traceability.routes import set_route


@pytest.fixture
def responder(world: World, demo: None) -> Iterator[Responder]:
    with running() as found:
        set_route(GTIN, RESPONDER, found.url, valid_from=timezone.now() - timedelta(days=1), valid_to=None)
        yield found


def connects(responder: Responder, gln: str = RESPONDER, status: int = 200) -> None:
    body = f'{{"responderGLN": "{gln}"}}'.encode()

    def answer(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(body)

    responder.does = answer


def check(client: Client, gtin: str = GTIN) -> str:
    return text(client.post("/vrs", {"gtin": gtin}).text)


def test_it_is_for_who_is_signed_in(client: Client, world: World) -> None:
    assert client.get("/vrs").headers["Location"] == "/sign-in?next=%2Fvrs"


def test_it_says_where_ones_systems_ask_and_what_is_answered_for_one(
    client: Client, world: World, responder: Responder
) -> None:
    looks(client, world.maker)
    page = text(client.get("/vrs").text)
    assert f"http://testserver/vrs , with your token, as {world.maker.gln}" in page
    assert "Products of 0614141" in page
    assert "refused" not in page
    world.licenses(world.maker, days=1)
    assert "Until one of your licences is in force again, they are refused." in text(client.get("/vrs").text)


def test_whoever_answers_for_a_product_is_asked_whether_it_is_there(
    client: Client, world: World, responder: Responder
) -> None:
    looks(client, world.pharmacy)
    connects(responder)
    assert "reachable" in check(client)
    ((path, query, _),) = responder.asked
    assert path == "/vrs/checkConnectivity"
    assert query == {"gtin": GTIN, "reqGLN": world.pharmacy.gln}
    connects(responder, gln(300))
    assert "responder_unreadable" in check(client)
    connects(responder, status=403)
    assert "responder_refuses" in check(client)
    assert "answered_here" in check(client, OWN_GTIN)
    assert "no_route" in check(client, "00300123456785")
    assert client.post("/vrs", {"gtin": "1"}).status_code == 422
