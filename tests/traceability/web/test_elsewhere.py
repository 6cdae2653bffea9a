"""The page's way to ask another company's responder: offered to who is known, where this node knows nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.traceability.api.test_elsewhere import CODE, GTIN, RESPONDER, Responder, running
from tests.traceability.web.test_scan import looks, scan, text
from tests.world import World
from traceability.routes import set_route

OFFER = "Ask elsewhere"


@pytest.fixture
def responder(world: World) -> Iterator[Responder]:
    with running() as found:
        set_route(GTIN, RESPONDER, found.url, valid_from=timezone.now() - timedelta(days=1), valid_to=None)
        yield found


def test_who_is_known_may_have_others_asked(client: Client, world: World, responder: Responder, demo: None) -> None:
    assert OFFER not in scan(client, CODE)
    looks(client, world.pharmacy)
    assert OFFER in scan(client, CODE)
    assert not responder.asked
    page = text(client.post("/elsewhere", {"scan": CODE}).text)
    assert "Not verified" in page  # by this node
    assert "Asked elsewhere: Check the pack" in page
    assert "not proven here" in page
    assert RESPONDER in page
    assert OFFER not in page
    assert len(responder.asked) == 1


def test_nobody_is_asked_for_nobody(client: Client, world: World, responder: Responder) -> None:
    page = client.post("/elsewhere", {"scan": CODE})
    assert page.status_code == 200
    assert "Asked elsewhere" not in page.text
    assert not responder.asked


def test_nothing_to_ask_leads_back_to_the_field(client: Client, world: World) -> None:
    assert client.post("/elsewhere", {}).headers["Location"] == "/"
    assert client.get("/elsewhere").status_code == 405
