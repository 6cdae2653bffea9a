"""The pages of cases with partners, and of scorecards."""

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.traceability.dscsa.test_exceptions import Dispute, answer, last_event, overage
from tests.traceability.web.test_explorer import looks
from tests.world import World, pallet, unit
from traceability.dscsa.exceptions import State
from traceability.models import CaseItem, PartnerCase

pytestmark = pytest.mark.usefixtures("demo")


@pytest.fixture
def shipped(world: World) -> World:
    """Two packs, on their way to the distributor, for whom the node signs as it does for the maker."""
    world.now = (timezone.now() - timedelta(hours=1)).replace(microsecond=0)
    world.maker.ships(world.maker.commissions(serial=["A1", "A2"]), to=world.distributor)
    for party in (world.maker, world.distributor):
        world.entrusts(party)
    return world


def hidden(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return {name: value.replace("&quot;", '"') for name, value in found.items() if name != "csrfmiddlewaretoken"}


def test_two_partners_settle_it_on_pages(client: Client, shipped: World) -> None:
    looks(client, shipped.distributor)
    assert "None." in client.get("/exceptions").text
    asked = {"scans": unit("A1"), "email": "dock@example.com", "order": "PO-17"}
    drafts = client.post("/exceptions/detect", asked).text
    assert "Less came than was shipped" in drafts
    assert client.post("/exceptions/report", hidden(drafts)).status_code == 302
    row = PartnerCase.objects.get()
    assert (row.partner, row.shipment) == (shipped.maker.gln, last_event())
    page = f"/exceptions/{row.case}"
    looks(client, shipped.maker)
    assert "your turn" in client.get("/exceptions").text
    assert "Sign and send" in client.get(page).text
    item = CaseItem.objects.get().item
    said = {"do": "answer", f"verdict-{item}": "Accept", "email": "desk@example.com"}
    assert client.post(f"{page}/say", said).status_code == 302
    assert "What was done" in client.get(page).text
    nothing = client.post(f"{page}/say", {"do": "done", f"done-{item}": "1", f"note-{item}": "sent"})
    assert nothing.status_code == 409, "goods are shown by an event"
    other = shipped.maker.commissions(serial="A3")
    shipped.now = timezone.now().replace(microsecond=0) + timedelta(seconds=5)
    shipped.maker.ships(other, to=shipped.distributor)
    done = {"do": "done", f"done-{item}": "1", f"submission-{item}": str(last_event().submission.submission)}
    assert client.post(f"{page}/say", done).status_code == 302
    looks(client, shipped.distributor)
    assert "Close it" in client.get(page).text
    assert client.post(f"{page}/say", {"do": "close", "email": "dock@example.com"}).status_code == 302
    assert "resolved" in client.get(page).text
    assert "1 of 1 shipment with something wrong" in client.get("/scorecards").text


def test_what_cannot_be_is_a_page_and_never_an_error(client: Client, shipped: World) -> None:
    looks(client, shipped.distributor)
    for said in ({"scans": "(01)00614141123453(21)A1"}, {"container": pallet(1)}, {"damaged": unit("A1")}):
        assert client.post("/exceptions/detect", said | {"email": "a@b.c"}).status_code in (404, 422), said
    assert client.post("/exceptions/report", {"message": "{"}).status_code == 422
    assert client.post("/exceptions/report", {"message": "{}", "submission": "x"}).status_code in (404, 422)
    assert client.get(f"/exceptions/{uuid.uuid4()}").status_code == 404
    assert client.post(f"/exceptions/{uuid.uuid4()}/say", {"do": "close"}).status_code == 404
    dispute = Dispute(shipped, shipped.distributor, shipped.maker)
    dispute.reports(overages=[overage()])
    assert client.post(f"/exceptions/{dispute.id}/say", {"do": "dance"}).status_code == 422
    assert client.post(f"/exceptions/{dispute.id}/say", {"do": "close"}).status_code == 422, "no e-mail"
    assert dispute.seen().state is State.TO_ANSWER


def test_to_everybody_else_there_is_no_such_page(client: Client, shipped: World) -> None:
    dispute = Dispute(shipped, shipped.distributor, shipped.maker)
    item = overage()
    dispute.reports(overages=[item])
    dispute.responds(answer(item))
    for party in (shipped.stranger, shipped.regulator):
        looks(client, party)
        assert "None." in client.get("/exceptions").text
        assert client.get(f"/exceptions/{dispute.id}").status_code == 404
        assert client.post(f"/exceptions/{dispute.id}/say", {"do": "close"}).status_code == 404
        assert "nothing was reported" in client.get("/scorecards").text


def test_nobody_looks_without_signing_in(client: Client, world: World) -> None:
    for page in ("/exceptions", "/scorecards", f"/exceptions/{uuid.uuid4()}"):
        assert client.get(page).headers["Location"].startswith("/sign-in")


def test_two_cases_that_are_called_alike_are_told_apart(client: Client, shipped: World) -> None:
    first = Dispute(shipped, shipped.distributor, shipped.maker)
    other = Dispute(shipped, shipped.pharmacy, shipped.maker, id=first.id)
    for each in (first, other):
        each.reports(overages=[overage()])
    looks(client, shipped.maker)
    item = CaseItem.objects.get(case__reporter=shipped.pharmacy.gln).item
    said = {"do": "answer", f"verdict-{item}": "Reject", "email": "desk@example.com"}
    answered = client.post(f"/exceptions/{first.id}/say?reporter={shipped.pharmacy.gln}", said)
    assert answered.status_code == 302
    assert (first.seen().state, other.seen().state) == (State.TO_ANSWER, State.TO_CLOSE)
