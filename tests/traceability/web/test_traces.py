"""The pages on which goods are traced by both sides, and regulators' cases to whom they concern."""

from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.traceability.test_proving import integrate
from tests.traceability.web.test_explorer import looks
from tests.world import GTIN, LOT, World
from traceability import placing
from traceability.bundle.trace import examine_trace
from traceability.models import Trace
from traceability.trust import own_policy

pytestmark = pytest.mark.usefixtures("demo")


@pytest.fixture
def packs(world: World) -> list[str]:
    packs: list[str] = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(packs, to=world.distributor)
    integrate(world)
    return packs


def asks(client: Client, world: World, **said: str) -> Any:
    members = {
        "to": world.maker.gln, "gtin": GTIN, "lot": LOT, "wants": "all_known_owners", "reason": "suspect",
        "investigation": "2026-117", "contact": "trace@pharmacy.example", **said,
    }  # fmt: skip
    return client.post("/traces", members, follow=True)


def notices(client: Client, world: World) -> str:
    placing.place(now=world.now)
    return str(client.get("/notices").text)


def address() -> str:
    return f"/traces/{bytes(Trace.objects.get().request.entry.entry).hex()}"


def test_asked_looked_at_signed_and_taken_by_both_sides(client: Client, world: World, packs: list[str]) -> None:
    for party in (world.pharmacy, world.maker):
        world.entrusts(party)
    integrate(world)
    looks(client, world.pharmacy)
    page = asks(client, world, serials="A2\r\nZZ\r\n", circumstances="<torn> seal").text
    assert "You ask Maker about" in page
    assert "to be answered by" in page
    looks(client, world.maker)
    assert "Pharmacy asks you about" in client.get("/traces").text
    assert "Look into it" in notices(client, world)
    asked = client.get(address()).text
    assert "&lt;torn&gt; seal" in asked
    assert "Sign the answer" not in asked
    drawn = client.post(f"{address()}/draw", follow=True).text
    assert "You know some of it: 1 unit, 1 with a proof of its own." in drawn
    assert "You had no part in: <code>ZZ</code>" in drawn
    assert "knows some of it" in client.post(f"{address()}/sign", follow=True).text
    integrate(world)
    for party in (world.pharmacy, world.maker):
        looks(client, party)
        assert "Take the answer with its proofs" in client.get(address()).text
        file = client.post(f"{address()}/file")
        assert examine_trace(file.content, own_policy()).failure is None


def test_a_drill_says_so_on_every_page(client: Client, world: World, packs: list[str]) -> None:
    world.entrusts(world.pharmacy)
    looks(client, world.pharmacy)
    assert "TEST: Investigation 2026-117" in asks(client, world, test="on").text
    for party in (world.pharmacy, world.maker):
        looks(client, party)
        for path in ("/traces", address()):
            page = client.get(path).text
            assert "TEST: Investigation" in page
            assert "no clock runs" in page
    assert "TEST: somebody asks you to trace goods" in notices(client, world)


def test_whoever_signs_itself_is_shown_how(client: Client, world: World, packs: list[str]) -> None:
    looks(client, world.pharmacy)
    page = unescape(asks(client, world, serials="A 1", test="on").text)
    assert "unitproof trace ask" in page
    assert "--serial 'A 1'" in page
    assert "--test" in page
    assert not Trace.objects.exists()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"gtin": "00614141123453"}, "bad_check_digit"),
        ({"to": "0614141009999"}, "unknown_partner"),
        ({"lot": ""}, "malformed_statement"),
        ({"serials": "A 1"}, "bad_character"),
        ({"to": "x"}, "malformed_statement"),
        ({"contact": ""}, None),
        ({"wants": "everything"}, None),
    ],
    ids=str,
)
def test_what_is_no_trace_says_why(client: Client, world: World, said: dict[str, str], code: str | None) -> None:
    world.entrusts(world.pharmacy)
    looks(client, world.pharmacy)
    answer = asks(client, world, **said)
    assert 400 <= answer.status_code < 500
    assert code is None or f"<code>{code}</code>" in answer.text
    assert not Trace.objects.exists()


def test_i7_to_all_others_there_is_no_such_trace(client: Client, world: World, packs: list[str]) -> None:
    world.entrusts(world.pharmacy)
    looks(client, world.pharmacy)
    asks(client, world)
    own = address()
    for party in (world.distributor, world.regulator):
        looks(client, party)
        assert "Nothing yet" in client.get("/traces").text
        for path in (own, f"/traces/{'ab' * 32}"):
            assert client.get(path).status_code == 404
            for act in ("draw", "sign", "file"):
                assert client.post(f"{path}/{act}").status_code in (403, 404)


@pytest.mark.parametrize("path", ["/traces", "/cases", f"/traces/{'ab' * 32}"])
def test_whoever_is_not_signed_in_is_asked_first(client: Client, world: World, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/sign-in")


def test_a_case_is_shown_to_whom_it_concerns(client: Client, world: World, packs: list[str]) -> None:
    entry = world.opens_case(serials=("A1",))
    looks(client, world.maker)
    page = client.get("/cases").text
    assert "Case 24-117, by Regulator" in page
    assert "some serial numbers" in page
    assert "unitproof revoke" not in page
    assert "A regulator looks into goods of yours" in notices(client, world)
    looks(client, world.regulator)
    assert f"unitproof revoke --entry {entry}" in client.get("/cases").text
    looks(client, world.stranger)
    assert "No case concerns you" in client.get("/cases").text
