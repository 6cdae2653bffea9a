"""What holds for every page, and the page of the log."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from django.test import Client

from ledger import tasks
from tests.world import World

FILES = Path(__file__).resolve().parents[3] / "traceability"
TEMPLATES = sorted((FILES / "templates").rglob("*.html"))


def test_the_log_shows_its_checkpoint_and_that_nobody_else_has_seen_it(client: Client, told: World) -> None:
    page = client.get("/log/").text
    note = client.get("/log/checkpoint").text
    assert note.splitlines()[2] in unescape(page)
    assert f"<dd>{note.splitlines()[1]}</dd>" in page
    assert "Not independently witnessed." in page


@pytest.mark.django_db
def test_an_empty_log_says_so(client: Client) -> None:
    assert "Nothing is in it yet" in client.get("/log/").text


def test_the_picture_of_the_log_changes_with_it(client: Client, world: World) -> None:
    def picture() -> str:
        tasks.sweep()
        return client.get("/log/").text.split('<path d="M')[-1].split('"')[0]

    before = picture()
    world.maker.commissions(serial="A1")
    assert picture() != before


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_page_needs_what_the_content_security_policy_forbids(template: Path) -> None:
    """Nor does any come from elsewhere."""
    source = template.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)|https?://", source)


@pytest.mark.parametrize("name", ["unitproof.css", "scan.js", "api.js"])
def test_no_style_or_script_comes_from_elsewhere(name: str) -> None:
    assert not re.search(r"https?://|@import", (FILES / "static" / "traceability" / name).read_text())


@pytest.mark.django_db
def test_the_pages_on_the_api_lead_back_and_without_a_script_to_the_document(client: Client) -> None:
    page = client.get("/api/docs/").text
    assert re.search(r'<a class="wordmark" href="/">', page)
    assert '<a href="/api/docs/" aria-current="page">API</a>' in page
    assert '<a href="/api/schema/">' in page.split("<noscript>")[1].split("</noscript>")[0]


@pytest.mark.django_db
def test_the_policy_is_sent_with_every_page(client: Client) -> None:
    assert "default-src 'self'" in client.get("/").headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_form_without_its_token_is_told_to_scan_again() -> None:
    answer = Client(enforce_csrf_checks=True).post("/", {"scan": "x"})
    assert answer.status_code == 403
    assert "Please scan again" in answer.text


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/nothing/here", "/problems/nothing", "/demo/99.svg", "/apiary"])
def test_an_address_that_is_nothing_says_so_and_names_no_other(
    client: Client, settings: Any, path: str, debug: bool
) -> None:
    settings.DEBUG = debug
    answer = client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert '<a class="button" href="/">' in answer.text
    assert "admin" not in answer.text
    assert "urlconf" not in answer.text


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/api/nothing", "*/*"),
        ("/api/v2/verify", "text/html"),
        ("/api", "*/*"),
        ("/nothing/(21)SECRET7", "application/json"),
        ("/problems/nothing", "application/problem+json, application/json;q=0.9"),
    ],
)
def test_a_program_is_told_so_in_json(client: Client, settings: Any, path: str, accept: str, debug: bool) -> None:
    settings.DEBUG = debug
    answer = client.get(path, headers={"accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert (answer.json()["code"], answer.json()["status"]) == ("not_found", 404)
    assert answer.json()["instance"] == path


@pytest.mark.django_db
def test_a_slash_that_is_missing_is_put_there(client: Client, settings: Any) -> None:
    settings.DEBUG = True
    assert client.get("/log").headers["Location"] == "/log/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/log/", "GET, HEAD"),
        ("POST", "/log/checkpoint", "GET, HEAD"),
        ("PUT", "/log/tile/0/000", "GET, HEAD"),
        ("POST", "/demo", "GET, HEAD"),
        ("POST", "/demo/1.svg", "GET, HEAD"),
        ("DELETE", "/problems/", "GET, HEAD"),
        ("POST", "/problems/stale_head", "GET, HEAD"),
        ("PATCH", "/", "GET, HEAD, POST"),
        ("GET", "/proof", "POST"),
        ("GET", "/demo/1", "POST"),
        ("GET", "/demo/look-as", "POST"),
        ("PUT", "/demo/look-as", "POST"),
    ],
)
def test_another_method_is_told_which_ones_there_are(demo: None, method: str, path: str, allowed: str) -> None:
    """Nobody is told to scan again who never scanned: which methods there are comes before the CSRF token."""
    client = Client(enforce_csrf_checks=True)
    answer = client.generic(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert "Not in this way" in answer.text
    assert f"It takes {allowed}." in answer.text
    told = client.generic(method, path, headers={"accept": "application/json"}).json()
    assert (told["code"], told["expected"]) == ("method_not_allowed", allowed)


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/"])
def test_the_pages_on_the_api_are_only_read(client: Client, method: str, path: str) -> None:
    answer = client.generic(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/proof", "/demo/1", "/demo/look-as"])
def test_nothing_is_sent_without_a_token_of_ours(told: World, demo: None, path: str) -> None:
    """The middleware leaves these views alone: they ask for it themselves."""
    client = Client(enforce_csrf_checks=True)
    assert "Please scan again" in client.post(path).text
    client.get("/")
    token = client.cookies["csrftoken"].value
    assert "Please scan again" not in client.post(path, {"csrfmiddlewaretoken": token}).text


@pytest.mark.django_db
def test_when_something_breaks_the_pack_is_not_verified(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DEMO, settings.VAR_DIR = True, tmp_path
    (tmp_path / "demo.json").write_text("{")
    client.raise_request_exception = False
    answer = client.get("/demo")
    assert answer.status_code == 500
    assert "<strong>not verified</strong>" in answer.text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_while_the_database_is_away_everybody_is_asked_to_try_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    """Without it nothing is told but that, and no page needs it to say so."""

    def away() -> None:
        raise OperationalError("the connection is closed") from psycopg.OperationalError("the connection is closed")

    monkeypatch.setattr("ledger.log.latest", away)
    answer = client.get("/log/checkpoint", headers={"accept": accept})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "busy" in answer.text
    assert "connection" not in answer.text
