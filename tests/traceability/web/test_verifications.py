"""The pages of verifications, alarms, samples, and of scanners."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from partners.models import AccessRecord, ApiToken
from tests.traceability.web.shelf import printed, tell
from tests.world import GTIN, LOT, Party, World
from traceability.models import Alarm
from traceability.web.scanner import TEST

SignIn = Callable[[Party], Client]


@pytest.fixture
def told(world: World) -> World:
    tell(world)
    return world


@pytest.fixture
def as_(told: World) -> SignIn:
    def signs_in(party: Party) -> Client:
        client, (_, token) = Client(), ApiToken.issue(party.partner, now=told.now)
        client.post("/sign-in", {"token": token})
        return client

    return signs_in


def number(page: str) -> str:
    found = re.search(r'name="verification" value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_the_reason_is_chosen_with_the_scan_and_stays_for_the_next(told: World, as_: SignIn) -> None:
    client = as_(told.pharmacy)
    page = client.post("/", {"scan": printed("GOOD7K"), "purpose": "saleable_return"}).text
    assert '<option value="saleable_return" selected>' in page
    client.post("/", {"scan": printed("SPARE7K")})
    assert list(AccessRecord.objects.values_list("purpose", flat=True)) == ["saleable_return"] * 2
    assert client.post("/", {"scan": printed("SPARE7K"), "purpose": "curiosity"}).status_code == 200
    assert AccessRecord.objects.latest("pk").purpose == "verification"
    assert 'name="purpose"' not in Client().get("/").text


def test_what_became_of_it_is_said_beside_the_answer_and_listed(told: World, as_: SignIn) -> None:
    client = as_(told.pharmacy)
    said = {"verification": number(client.post("/", {"scan": printed("GOOD7K")}).text), "outcome": "quarantined"}
    assert client.post("/verifications/outcome", said | {"note": "torn"}).headers["Location"] == "/verifications"
    page = client.get("/verifications").text
    assert "Outcome: quarantined · torn" in page
    assert "Genuine" in page
    assert "GOOD7K" in page
    assert b"quarantined,torn" in b"".join(client.get("/verifications.csv").streaming_content)  # type: ignore[attr-defined]
    assert client.post("/verifications/outcome", said | {"outcome": "eaten"}).status_code in (400, 422)
    assert as_(told.maker).post("/verifications/outcome", said).status_code == 404
    assert "GOOD7K" not in as_(told.maker).get("/verifications").text


@pytest.mark.parametrize("path", ["/verifications", "/verifications.csv", "/alarms", "/samplings"])
def test_whoever_is_not_signed_in_is_asked_first(told: World, client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/sign-in")


def test_an_alarm_is_shown_to_its_parties_and_cleared_by_the_licensee(told: World, as_: SignIn) -> None:
    as_(told.pharmacy).post("/", {"scan": printed("SPARE7K")})
    as_(told.other_pharmacy).post("/", {"scan": printed("SPARE7K")})
    page = as_(told.pharmacy).get("/alarms").text
    assert "two_places" in page
    assert f"Verification by {told.other_pharmacy.name}" in page
    assert "What to do:" in page
    others = as_(told.other_pharmacy).get("/alarms").text
    assert "Verification by another party" in others
    assert f"by {told.pharmacy.name}," not in others
    assert told.pharmacy.gln not in others
    alarm = Alarm.objects.get(kind="two_places")
    assert as_(told.pharmacy).post("/alarms/clear", {"alarm": alarm.pk, "reason": "x"}).status_code == 403
    assert as_(told.maker).post("/alarms/clear", {"alarm": alarm.pk, "reason": "label sent back"}).status_code == 302
    assert "label sent back" in as_(told.pharmacy).get("/alarms").text


def test_a_worksheet_says_what_is_left(told: World, as_: SignIn) -> None:
    client = as_(told.pharmacy)
    assert client.post("/samplings", {"gtin": GTIN, "lot": "", "quantity": "40"}).status_code in (400, 422)
    sheet = client.post("/samplings", {"gtin": GTIN, "lot": LOT, "serials": "GOOD7K SPARE7K"}).headers["Location"]
    assert "2 left" in client.get(sheet).text
    client.post("/", {"scan": printed("GOOD7K"), "purpose": "suspect_product"})
    assert "1 left" in client.get(sheet).text
    client.post("/", {"scan": printed("SPARE7K")})
    assert "Done." in client.get(sheet).text
    assert as_(told.maker).get(sheet).status_code == 404
    places = client.post("/samplings", {"gtin": GTIN, "lot": LOT, "quantity": "40"}).headers["Location"]
    assert "4 left" in client.get(places).text


# ---- scanners -------------------------------------------------------------------------------------------------------

SENT = "]d2" + TEST.scan()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("came", "words"),
    [
        (SENT, "set right"),
        (SENT.replace("\x1d", "{GS}"), "set right"),
        (SENT.replace("\x1d", ""), "drop the separator"),
        (SENT.replace("\x1d", "#"), "Another character stands where the separator"),
        (SENT.swapcase(), "CAPS LOCK"),
        (SENT.translate(str.maketrans("YZyz", "ZYzy")), "This is not the test code"),
        (SENT[3:-8], "This is not the test code"),
        ("hello", "This is not the test code"),
    ],
)
def test_a_scanner_is_told_what_is_wrong_with_it(client: Client, came: str, words: str) -> None:
    page = client.post("/scanner", {"scan": came}).text
    assert words in page


@pytest.mark.django_db
def test_a_scanner_for_another_keyboard_is_found_out(client: Client) -> None:
    from tests.partners.gs1.test_scanner_faults import typed_on

    for keyboard in ("German (QWERTZ)", "French (AZERTY)", "Nordic"):
        page = client.post("/scanner", {"scan": typed_on(keyboard, SENT)}).text
        assert "different keyboards" in page
        assert keyboard in page


@pytest.mark.django_db
def test_the_symbol_that_is_shown_is_the_code_that_is_tested(client: Client) -> None:
    assert client.get("/scanner.svg").headers["Content-Type"] == "image/svg+xml"
    assert "<svg" in client.get("/scanner.svg").text
