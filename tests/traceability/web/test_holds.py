"""The page on which goods are held up and let go."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from partners.models import Hold
from tests.traceability.web.shelf import printed
from tests.traceability.web.test_explorer import looks
from tests.world import GTIN, LOT, World, unit

pytestmark = pytest.mark.usefixtures("demo")


def holds(client: Client, **said: str) -> Any:
    return client.post("/holds", {"hold": "quarantine", "reason": "wet carton", **said}, follow=True)


def test_a_pack_is_held_by_its_scan_and_let_go(client: Client, world: World) -> None:
    world.entrusts(world.maker)
    pack = world.maker.commissions(serial="A1")
    looks(client, world.maker)
    assert "wet carton" in holds(client, scan=printed("A1")).text
    row = Hold.objects.get()
    assert (row.epc, row.kind, row.partner_id, row.revoked) == (pack, "quarantine", world.maker.gln, None)
    assert "quarantine" in client.post("/", {"scan": printed("A1")}).text
    client.post("/holds/release", {"hold": str(row.pk), "reason": "dry again"})
    assert Hold.objects.get().revoked is not None
    assert "Nothing of yours is held" in client.get("/holds").text


def test_a_lot_is_held_by_whoever_may_issue_it_and_all_of_that_see_it(client: Client, world: World) -> None:
    world.entrusts(world.maker)
    looks(client, world.maker)
    holds(client, hold="recall", gtin=GTIN, lot=LOT, reason="particles found")
    world.holds(world.regulator, gtin=GTIN, lot="OTHER")
    page = client.get("/holds").text
    assert f"lot {LOT}" in page
    assert "lot OTHER" in page
    assert page.count("Why it is let go") == 1  # one's own alone


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "malformed_statement"),
        ({"scan": "no scan"}, None),
        ({"gtin": "00614141123453"}, "bad_check_digit"),
        ({"gtin": GTIN, "first": "A1"}, "malformed_statement"),
        ({"scan": "(01)00614141123452(21)A1", "gtin": GTIN}, "malformed_statement"),
        ({"gtin": "09521059000013"}, "authority_needed"),
    ],
    ids=str,
)
def test_what_is_no_hold_says_why(client: Client, world: World, said: dict[str, str], code: str | None) -> None:
    world.entrusts(world.maker)
    looks(client, world.maker)
    page = holds(client, **said)
    assert 400 <= page.status_code < 500
    assert "Nothing is held" in page.text
    assert code is None or f"<code>{code}</code>" in page.text
    assert not Hold.objects.exists()


def test_without_a_key_here_the_command_is_told(client: Client, world: World) -> None:
    world.maker.commissions(serial="A1")
    looks(client, world.maker)
    page = unescape(holds(client, scan=printed("A1"), reason="it's wet; really").text)
    assert "unitproof hold quarantine --reason 'it'\"'\"'s wet; really'" in page
    assert f"--epc {unit('A1')}" in page
    assert not Hold.objects.exists()


def test_nobody_lets_go_of_anothers(client: Client, world: World) -> None:
    """Another's, one that is released, and one that never was look the same."""
    for party in (world.maker, world.pharmacy):
        world.entrusts(party)
    world.maker.commissions(serial="A1")
    entry = world.holds(world.maker, epc=unit("A1"))
    number = Hold.objects.get().pk
    looks(client, world.pharmacy)
    answers = [client.post("/holds/release", {"hold": str(each), "reason": "x"}) for each in (number, 10**12, "x", "")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub("csrfmiddlewaretoken.*?>", "", answer.text) for answer in answers}) == 1
    world.releases(entry, of=world.maker)
    looks(client, world.maker)
    assert client.post("/holds/release", {"hold": str(number), "reason": "x"}).status_code == 404


def test_whoever_is_not_signed_in_sees_nothing(client: Client, world: World) -> None:
    assert client.get("/holds").status_code == 302
    assert client.post("/holds", {"hold": "recall", "reason": "x", "gtin": GTIN}).status_code == 302
    assert not Hold.objects.exists()
