"""The pages of products and places: looked for, brought by file, looked at, applied."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from partners.models import ApiToken, Place, Product
from tests.traceability.test_master_data import OPERATOR, document
from tests.traceability.test_master_files import fda
from tests.world import GTIN, Party, Role, World, gln
from traceability import working
from traceability.admitting import admit
from traceability.models import Job

TABLE = f"gtin,name,ndc,strength\n{GTIN},Examplin,0001-0123-45,5 mg\n{GTIN[:-1]}9,B,,\n"


def signed_in(party: Party) -> Client:
    client = Client()
    _, token = ApiToken.issue(party.partner, now=timezone.now())
    assert client.post("/sign-in", {"token": token}).status_code == 302
    return client


@pytest.fixture
def maker(world: World) -> Client:
    return signed_in(world.maker)


def brings(client: Client, text: str, to: str = "/products", **more: Any) -> Any:
    return client.post(f"{to}/bring", {"files": SimpleUploadedFile("a.csv", text.encode()), **more}, follow=True)


def job_in(page: str) -> str:
    (found,) = re.findall(r'name="job" value="([0-9a-f-]{36})"', page)
    return str(found)


def test_from_the_file_to_the_list(maker: Client) -> None:
    shown = brings(maker, TABLE)
    assert shown.status_code == 200
    for text in ("1 added", "1 refused", "Examplin", "0001-0123-45", "bad_check_digit"):
        assert text in shown.text
    assert not Product.objects.exists()
    done = maker.post("/products/apply", {"job": job_in(shown.text)}, follow=True)
    assert "Done: what was shown is so now." in done.text
    assert f'<a href="/products/{GTIN}">{GTIN}</a>' in done.text


def test_a_change_is_shown_old_and_new(maker: Client) -> None:
    maker.post("/products/apply", {"job": job_in(brings(maker, TABLE).text)})
    page = brings(maker, TABLE.replace("5 mg", "10 mg")).text
    assert "Strength: <del>5 mg</del> <ins>10 mg</ins>" in page
    again = brings(maker, TABLE.split("\n")[0] + "\n" + TABLE.split("\n")[1] + "\n").text
    assert "Nothing would." in again
    assert 'name="job"' not in again


def test_of_one_product_all_that_was_told_is_shown(maker: Client) -> None:
    for strength in ("5 mg", "10 mg"):
        table = f"gtin,name,strength,valid_from\n{GTIN},Examplin,{strength},2026-01-01\n"
        maker.post("/products/apply", {"job": job_in(brings(maker, table).text)})
    page = maker.get(f"/products/{GTIN}").text
    assert page.index("Strength: 10 mg") < page.index("Strength: 5 mg") < page.index("Replaced ")
    assert page.count("This counts today.") == 1


def test_what_came_between_is_said_and_nothing_is_done(maker: Client, world: World) -> None:
    job = job_in(brings(maker, TABLE).text)
    other = signed_in(world.maker)
    shown = job_in(brings(other, TABLE.replace("5 mg", "7 mg")).text)
    assert other.post("/products/apply", {"job": shown}).status_code == 302
    refused = maker.post("/products/apply", {"job": job})
    assert (refused.status_code, "differences_changed" in refused.text) == (409, True)
    assert Product.objects.get().strength == "7 mg"


def test_pressed_twice_it_is_done_once(maker: Client) -> None:
    said = {"nonce": "n"}
    job = job_in(brings(maker, TABLE, **said).text)
    assert job_in(brings(maker, TABLE, **said).text) == job
    for _ in range(2):
        assert maker.post("/products/apply", {"job": job}).headers["Location"] == "/products?done=1"
    assert Product.objects.count() == 1


def test_a_large_file_is_a_job_that_leads_to_its_differences(maker: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceability.web.jobs.SMALL", 10)
    monkeypatch.setattr("traceability.master_data.LINES_AT_ONCE", 1)
    page = brings(maker, TABLE)
    (path, _) = page.redirect_chain[-1]
    assert path.startswith("/jobs/")
    assert "data-open" in page.text
    working.work()
    (shown,) = re.findall(r'href="(/products/differences/[^"]+)"', maker.get(path).text)
    applied = maker.post("/products/apply", {"job": job_in(maker.get(shown).text)}, follow=True)
    (path, _) = applied.redirect_chain[-1]
    assert "data-open" in applied.text
    assert not Product.objects.exists()
    working.work()
    assert "What was shown is so now." in maker.get(path).text
    assert Product.objects.get().strength == "5 mg"


def test_the_two_files_of_the_directory_are_brought_together(world: World) -> None:
    admit(OPERATOR, name="Operator", role=Role.OPERATOR, now=world.passes())
    operator = signed_in(Party(world, OPERATOR, "Operator", Role.OPERATOR))
    files = [SimpleUploadedFile(name, data) for name, data in zip(("product.txt", "package.txt"), fda(), strict=True)]
    path = operator.post("/products/bring", {"files": files}).headers["Location"]
    working.work()
    (shown,) = re.findall(r'href="(/products/differences/[^"]+)"', operator.get(path).text)
    page = operator.get(shown).text
    assert "2 added" in page
    assert "told by the FDA" in page


def test_nobody_applies_what_another_has_brought(maker: Client, world: World) -> None:
    job = job_in(brings(maker, TABLE).text)
    distributor = signed_in(world.distributor)
    assert distributor.post("/products/apply", {"job": job}).status_code == 404
    assert distributor.get(f"/products/differences/{job}").status_code == 404
    assert maker.post("/places/apply", {"job": job}).status_code == 404
    assert maker.get(f"/places/differences/{job}").status_code == 404
    assert not Product.objects.exists()


@pytest.mark.parametrize("job", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_what_waits_nowhere_is_not_applied(maker: Client, job: str) -> None:
    assert maker.post("/products/apply", {"job": job}).status_code == 404


def test_what_is_no_table_is_said(maker: Client) -> None:
    answer = brings(maker, "colour\nred\n")
    assert (answer.status_code, "malformed_table" in answer.text) == (422, True)
    assert maker.post("/products/bring").status_code == 422


def test_more_than_is_read_is_not_read(maker: Client, settings: Any) -> None:
    settings.API_MAX_BYTES = 10
    answer = brings(maker, TABLE)
    assert (answer.status_code, "too_large" in answer.text) == (413, True)


def test_whoever_is_not_signed_in_is_asked_first(world: World, client: Client) -> None:
    for path in ("/products", "/places", f"/products/{GTIN}"):
        assert client.get(path).headers["Location"].startswith("/sign-in?next=")
    assert brings(client, TABLE).redirect_chain[0][0].startswith("/sign-in")
    assert not Job.objects.exists()


@pytest.mark.parametrize("path", ["/products/1", f"/products/{GTIN[:-1]}9", f"/products/{GTIN}", "/places/x"])
def test_of_what_nobody_has_told_there_is_no_page(maker: Client, path: str) -> None:
    assert maker.get(path).status_code == 404


def test_what_a_reporter_tells_is_on_no_other_partys_page(maker: Client, world: World) -> None:
    pharmacist = signed_in(world.pharmacy)
    pharmacist.post("/products/apply", {"job": job_in(brings(pharmacist, document("Reported")).text)})
    assert "Reported" in pharmacist.get("/products").text
    assert "Reported" not in maker.get("/products").text
    assert maker.get(f"/products/{GTIN}").status_code == 404


@pytest.mark.parametrize("query", ["q=exam", "q=0001-0123-45", f"q={GTIN}", "q=%00", "after=x", "q=" + "9" * 300])
def test_looking_for_it_finds_it_or_says_that_there_is_nothing(maker: Client, query: str) -> None:
    maker.post("/products/apply", {"job": job_in(brings(maker, TABLE).text)})
    page = maker.get(f"/products?{query}")
    assert page.status_code == 200
    assert ("Examplin" in page.text) is ("9" * 300 not in query)


def test_places(maker: Client) -> None:
    table = f"gln,name,street,city,state\n{gln(100)},Works,1 Mill Road,Trenton,NJ\n"
    maker.post("/places/apply", {"job": job_in(brings(maker, table, to="/places").text)})
    assert Place.objects.get().street == "1 Mill Road"
    assert "Trenton" in maker.get("/places").text
    assert "1 Mill Road" in maker.get(f"/places/{gln(100)}").text


def test_markup_in_a_file_is_text(maker: Client) -> None:
    page = brings(maker, f"gtin,name\n{GTIN},<script>alert(1)</script>\n").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
