"""The page of who has looked at a pack."""

import pytest
from django.test import Client

from partners.models import AccessRecord
from tests.traceability.web.shelf import printed
from tests.traceability.web.test_explorer import looks
from tests.world import World, unit

pytestmark = pytest.mark.usefixtures("demo")


def test_it_is_shown_to_whoever_had_part_in_it(client: Client, told: World) -> None:
    world = told
    looks(client, world.pharmacy)
    client.post("/", {"scan": printed("GOOD7K")})
    looks(client, world.maker)
    assert "Who has looked at it" in client.post("/", {"scan": printed("GOOD7K")}).text
    seen = client.post("/readers", {"epc": unit("GOOD7K")})
    assert (seen.status_code, "Pharmacy" in seen.text) == (200, True)
    number = AccessRecord.objects.filter(reader=world.pharmacy.gln).latest("pk").pk
    early = client.post("/readers/proof", {"number": str(number)})
    assert (early.status_code, "ask again in a moment" in early.text) == (409, True)
    looks(client, world.stranger)
    theirs, nobodys = (client.post("/readers", {"epc": unit(serial)}) for serial in ("GOOD7K", "NOBODY"))
    assert theirs.status_code == nobodys.status_code == 404
    assert client.post("/readers/proof", {"number": "1"}).status_code == 404
    for epc in ("", "\0", "a" * 10_000, "https://id.gs1.org/01/x"):
        assert client.post("/readers", {"epc": epc}).status_code == 404
    for wrong in ("", "x", "\0", "9" * 30):
        assert client.post("/readers/proof", {"number": wrong}).status_code == 404
