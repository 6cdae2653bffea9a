"""The page of what a party was told."""

import pytest
from django.test import Client

from tests.traceability.test_notices import tells
from tests.traceability.web.test_explorer import looks
from tests.world import World
from traceability import placing


@pytest.mark.usefixtures("demo")
def test_the_page_shows_them_and_marks_them_as_seen(client: Client, world: World) -> None:
    tells(world, world.maker, "alarm/1")
    placing.place(now=world.now)
    looks(client, world.pharmacy)
    assert "Nothing yet" in client.get("/notices").text
    looks(client, world.maker)
    page = client.get("/notices").text
    assert "was seen in two places" in page
    assert "1 not seen yet" in page
    client.post("/notices/seen", {"upto": "1"})
    assert "not seen yet" not in client.get("/notices").text
