"""The pages on which suspect product is quarantined, investigated and ended."""

import re
import uuid
from hashlib import sha256
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from partners.models import Hold
from tests.traceability.web.test_work_pages import signed_in
from tests.world import GTIN, LOT, World
from traceability import placing
from traceability.models import Investigation, Registration

WHO = {"person": "R. Doe", "place": "Cage 2", "reason": "seal broken"}


@pytest.fixture
def pack(world: World) -> str:
    made = world.maker.commissions(serial="A1")
    world.maker.ships(made, to=world.pharmacy)
    world.pharmacy.receives(made, sender=world.maker)
    world.entrusts(world.pharmacy)
    return str(made)


@pytest.fixture
def pharmacy(world: World, pack: str) -> Client:
    return signed_in(world.pharmacy)


def text(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def opens(client: Client, **said: Any) -> Any:
    return client.post("/investigations", {"case": str(uuid.uuid4()), "scans": f"(01){GTIN}(21)A1", **WHO} | said)


def takes(client: Client, path: str, step: str, **said: Any) -> Any:
    page = client.get(path).content.decode()
    previous = re.search(r'name="previous" value="([0-9a-f]{64})"', page)
    typed = {f"{step}-{name}": value for name, value in (WHO | said).items()}
    return client.post(path, {"step": step, "previous": previous[1] if previous else "", **typed})


def test_from_a_scan_to_the_end(pharmacy: Client, world: World, pack: str) -> None:
    photo = SimpleUploadedFile("seal.jpg", b"photo")
    case = str(uuid.uuid4())
    path = opens(pharmacy, case=case, evidence=[photo, SimpleUploadedFile("two.jpg", b"two")]).headers["Location"]
    assert path == f"/investigations/{case}"
    assert Hold.objects.get().epc == pack
    shown = pharmacy.get(path)
    assert sha256(b"photo").hexdigest() in shown.text
    assert "It is illegitimate" in text(shown)
    for step, state in (
        ("illegitimate", "Illegitimate"),
        ("notified", "Illegitimate"),
        ("termination_requested", "Illegitimate; termination requested"),
        ("terminated", "Notification ended"),
    ):
        assert takes(pharmacy, path, step).status_code == 302, step
        assert f"<h1>{state}</h1>" in pharmacy.get(path).text
    assert takes(pharmacy, path, "disposed", sample="box 9").status_code == 302
    end = text(pharmacy.get(path))
    assert "sample at box 9" in end
    assert "Maker" in end
    assert "Disposed of" in text(pharmacy.get("/investigations"))


def test_pressed_twice_it_is_one_case_and_one_step(pharmacy: Client) -> None:
    case = str(uuid.uuid4())
    path, again = (opens(pharmacy, case=case).headers["Location"] for _ in range(2))
    assert path == again
    page = pharmacy.get(path).text
    previous = re.search(r'name="previous" value="([0-9a-f]{64})"', page)
    assert previous
    said = {"step": "cleared", "previous": previous[1]} | {f"cleared-{name}": value for name, value in WHO.items()}
    assert [pharmacy.post(path, said).status_code for _ in range(2)] == [302, 302]
    assert Investigation.objects.get().steps.count() == 2
    assert Hold.objects.get().revoked is not None
    said = {"step": "illegitimate", "previous": previous[1]} | {f"illegitimate-{n}": v for n, v in WHO.items()}
    late = pharmacy.post(path, said)
    assert (late.status_code, "stale_step" in late.text) == (409, True)


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({"scans": ""}, 422, "bad_number"),
        ({"scans": "no scan"}, 422, "malformed"),
        ({"scans": f"(01){GTIN}(21)Z9"}, 403, "authority_needed"),
        ({"gtin": "1"}, 422, "malformed_statement"),
        ({"person": ""}, 422, "This field is required"),
        ({"person": " "}, 422, "required"),
        ({"case": "x"}, 422, ""),
        ({"reason": "x" * 201}, 422, "at most 200"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_nothing_has_changed(
    pharmacy: Client, said: dict[str, str], status: int, words: str
) -> None:
    before = Registration.objects.count()
    answer = opens(pharmacy, **said)
    assert answer.status_code in (status, 400), answer.status_code
    assert words in answer.text
    assert Registration.objects.count() == before


def test_the_sheet_is_taken_as_pdf(pharmacy: Client) -> None:
    path = opens(pharmacy).headers["Location"]
    assert pharmacy.post(f"{path}/form-3911", {"report": "initial"}).status_code == 404
    takes(pharmacy, path, "illegitimate")
    answer = pharmacy.post(f"{path}/form-3911", {"report": "initial", "classification": "counterfeit", "event": "font"})
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert pharmacy.post(f"{path}/form-3911", {"report": "no"}).status_code == 422


def test_a_partner_sees_it_once_it_is_illegitimate_and_acknowledges(pharmacy: Client, world: World) -> None:
    path = opens(pharmacy).headers["Location"]
    maker, stranger = signed_in(world.maker), signed_in(world.stranger)
    assert maker.get(path).status_code == 404
    takes(pharmacy, path, "illegitimate")
    shown = maker.get(path)
    assert "What you have to do" in text(shown)
    assert 'name="step"' not in shown.text
    assert maker.post(f"{path}/acknowledge", {"note": "none left"}).status_code == 302
    assert "You have acknowledged this" in text(maker.get(path))
    assert "none left" in text(pharmacy.get(path))
    assert stranger.get(path).status_code == 404
    assert stranger.post(f"{path}/acknowledge", {}).status_code == 404
    assert stranger.post(f"{path}/form-3911", {"report": "initial"}).status_code == 404
    assert takes(maker, path, "notified").status_code == 404
    assert "None." in text(stranger.get("/investigations"))


def test_whoever_signs_itself_is_shown_the_command(world: World) -> None:
    client = signed_in(world.maker)
    assert "unitproof investigate open" in client.get("/investigations").text
    assert opens(client, scans="", gtin=GTIN, lot=LOT).status_code == 403


def test_whoever_is_not_signed_in_is_asked_first(world: World, client: Client) -> None:
    for path in ("/investigations", f"/investigations/{uuid.UUID(int=1)}"):
        assert client.get(path).headers["Location"].startswith("/sign-in?next=")


def test_notices_lead_to_it(pharmacy: Client, world: World) -> None:
    opens(pharmacy)

    placing.place(now=world.now)
    assert 'href="/investigations"' in pharmacy.get("/notices").text
