"""The pages of transactions: what a party reads, narrows, prints and takes away."""

import pytest
from django.test import Client
from django.utils import timezone

from partners.models import ApiToken
from tests.traceability.dscsa.test_shipments import ships
from tests.traceability.story import a_pallet
from tests.traceability.test_proving import integrate, trusted
from tests.world import GTIN, Party, World
from traceability import erasure
from traceability.dscsa.attached import examine_paper
from traceability.models import Event


def signed_in(party: Party) -> Client:
    client = Client()
    assert client.post("/sign-in", {"token": ApiToken.issue(party.partner, now=timezone.now())[1]}).status_code == 302
    return client


@pytest.fixture
def row(world: World) -> Event:
    load, _, _ = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    integrate(world)
    return row


def address(row: Event) -> str:
    return f"/transactions/{row.submission.submission}/{row.position}"


def test_a_party_finds_what_it_was_sent_reads_it_and_takes_it_away(world: World, row: Event) -> None:
    client = signed_in(world.pharmacy)
    assert "/transactions" in client.get("/desk").text
    page = client.get("/transactions").text
    assert "from Maker" in page
    assert address(row) in page
    read = client.get(address(row)).text
    for said in ("Examplin", "Corner Pharmacy", "did not knowingly ship", "Lot L42", "U12"):
        assert said in read
    paper = client.get(f"{address(row)}/pdf")
    assert paper.headers["Content-Disposition"].startswith('attachment; filename="transaction-')
    assert examine_paper(paper.content, trusted(world)).failure is None
    assert client.get(f"{address(row)}/json").json()["v"] == 1
    assert client.get(f"{address(row)}/xml").getvalue().startswith(b"<?xml")


def test_the_list_is_narrowed(world: World, row: Event) -> None:
    client = signed_in(world.maker)
    assert address(row) in client.get("/transactions", {"gtin": GTIN, "since": "2026-01-05"}).text
    assert address(row) not in client.get("/transactions", {"lot": "another"}).text
    wrong = client.get("/transactions", {"gtin": "00614141123453"})
    assert wrong.status_code == 422
    assert "wrong check digit" in wrong.text


def test_to_others_it_is_not_there_and_nobody_is_asked_to_sign_in(world: World, row: Event) -> None:
    assert signed_in(world.stranger).get(address(row)).status_code == 404
    assert address(row) not in signed_in(world.stranger).get("/transactions").text
    for path in ("/transactions", address(row), f"{address(row)}/pdf"):
        assert Client().get(path).headers["Location"].startswith("/sign-in?")


def test_what_waits_and_what_was_erased_is_said_on_the_page(world: World, row: Event) -> None:
    client = signed_in(world.maker)
    waiting = ships(world.maker, world.maker.commissions(serial="Z1"), to=world.pharmacy)
    assert "PDF in a moment" in client.get("/transactions").text
    assert client.get(f"{address(waiting)}/pdf").status_code == 409
    erasure.erase(row.submission.submission, reason="asked to", now=world.now)
    assert client.get(address(row)).status_code == 410
    assert "erased" in client.get("/transactions").text


@pytest.mark.parametrize("odd", ["-" * 36, "0" * 36, "93c8c77f-a277-438d-aa83-b97cfab380e7"])
@pytest.mark.parametrize("event", ["0", "999999999", "9" * 30])
def test_an_address_of_nothing_is_not_found(world: World, odd: str, event: str) -> None:
    client = signed_in(world.pharmacy)
    for kind in ("", "/pdf", "/xml", "/json"):
        assert client.get(f"/transactions/{odd}/{event}{kind}").status_code == 404
