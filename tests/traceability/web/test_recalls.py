"""The pages on which goods are called back, looked for, and answered for."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.traceability.test_proving import integrate
from tests.traceability.test_recalls import recall
from tests.traceability.web.test_explorer import looks
from tests.world import GTIN, LOT, World
from traceability.dscsa.blast import Place, Radius
from traceability.models import Registration
from traceability.web.recalls import WIDE, bands

pytestmark = pytest.mark.usefixtures("demo")

WANTED = {
    "gtin": GTIN, "lot": LOT, "classification": "I", "depth": "retail", "reason": "glass in it",
    "contact": "QA, +1 555 0100", "answer_by": "2099-01-01",
}  # fmt: skip


def begins(client: Client, **changed: str) -> Any:
    return client.post("/recalls", {**WANTED, **changed}, follow=True)


def test_a_recall_is_walked_on_pages_from_start_to_closed_report(client: Client, trade: World) -> None:
    for party in (trade.maker, trade.pharmacy):
        trade.entrusts(party)
    looks(client, trade.maker)
    shown = begins(client).text
    assert "<strong>10</strong> units in all" in shown
    assert "3 of 3 have not said what was found" in shown
    assert shown.count("a dispenser") >= 2, "who is no customer is not named"
    assert 'class="held"' in shown
    path = re.findall(r'href="(/recalls/[0-9a-f]{64})/units"', shown)[0]
    assert client.get(f"{path}/units").getvalue().count(b"\n") == 11
    assert b"Distributor" in client.get(f"{path}/holders").getvalue()
    letters = client.get(f"{path}/letters").text
    assert (letters.count("URGENT"), "Distributor" in letters) == (1, True)
    assert "Close the recall" not in shown

    looks(client, trade.pharmacy)
    told = client.get(path).text
    assert "You were told" in told
    assert "in all" not in told, "how much there is is not its business"
    assert "You have said that you have read it" in client.post(path, {}, follow=True).text
    answered = client.post(path, {"quarantined": "1", "missing": "1"}, follow=True).text
    assert "1 kept aside, 0 sent back, 0 destroyed, 1 missing" in answered
    assert client.post(f"{path}/report").status_code == 403

    integrate(trade)
    looks(client, trade.maker)
    assert "2 of 3 have not said" in client.get(path).text
    job = client.post(f"{path}/report", follow=True)
    assert "Report how a recall stands" in job.text
    assert "Close the recall by it" in client.get(path).text
    assert "Closed" in client.post(f"{path}/close", follow=True).text
    assert client.get("/recalls").text.count("Closed.") == 1


def test_whoever_signs_itself_is_shown_how(client: Client, trade: World) -> None:
    looks(client, trade.maker)
    shown = begins(client).text
    assert "unitproof recall begin" in shown
    assert not Registration.objects.filter(kind="recall").exists()
    entry = recall(trade, trade.maker)
    looks(client, trade.pharmacy)
    assert f"unitproof recall answer {entry}" in client.get(f"/recalls/{entry}").text


@pytest.mark.parametrize(
    "changed",
    [{"gtin": "00614141123453"}, {"gtin": "09521059000013"}, {"gtin": ""}, {"reason": ""}, {"answer_by": "2020-01-01"},
     {"answer_by": "soon"}, {"classification": "V"}, {"first": "A"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_recall_says_why(client: Client, trade: World, changed: dict[str, str]) -> None:
    trade.entrusts(trade.maker)
    looks(client, trade.maker)
    answer = begins(client, **changed)
    assert answer.status_code == 422
    assert "errorlist" in answer.text
    assert not Registration.objects.filter(kind__in=("hold", "recall")).exists()


def test_whom_it_does_not_concern_sees_nothing(client: Client, trade: World) -> None:
    entry = recall(trade, trade.maker)
    looks(client, trade.stranger)
    assert "None that concerns you" in client.get("/recalls").text
    answers = [
        client.get(f"/recalls/{each}{path}") for each in (entry, "0" * 64) for path in ("", "/units", "/letters")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub("[0-9a-f]{64}|csrf.*", "", answer.text) for answer in answers}) == 1


def test_what_is_drawn_adds_up() -> None:
    reach = Radius(((Place("held", "a", None), 3), (Place("dispensed", "b", None), 1), (Place(None, None, None), 4)))
    found = bands(reach)
    assert [(each.look, each.units) for each in found] == [("held", 3), ("dispensed", 1), ("unknown", 4)]
    assert sum(float(each.width) for each in found) == pytest.approx(WIDE)
    assert bands(Radius(())) == []
