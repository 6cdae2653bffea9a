"""The demonstration's pages, and that they are nowhere else."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import zxingcpp
from django.test import Client
from PIL import Image, ImageDraw

from partners.gs1.element_string import parse_scan
from tests.traceability.web import shelf
from tests.world import World
from traceability.policy import Policy
from traceability.trust import own_policy

PAGES = ("/demo", "/demo/1.svg", "/demo/policy.json")
VERBS = ("/demo/1", "/demo/look-as")


@pytest.fixture
def stocked(told: World, demo: None) -> World:
    shelf.stock(told)
    return told


def drawn(svg: bytes, scale: int = 8) -> Image.Image:
    """The rectangles of an SVG, as a scanner sees them."""
    root = ElementTree.fromstring(svg)
    side = int(root.attrib["viewBox"].split()[2]) * scale
    image = Image.new("L", (side, side), 255)
    for rect in root.iterfind(".//{*}g/{*}rect"):
        x, y, width, height = (int(rect.attrib[name]) * scale for name in ("x", "y", "width", "height"))
        ImageDraw.Draw(image).rectangle((x, y, x + width - 1, y + height - 1), fill=0)
    return image


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_elsewhere_there_is_no_such_page(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", VERBS)
def test_elsewhere_there_is_nothing_to_press(client: Client, path: str) -> None:
    assert client.post(path).status_code == 404
    assert "Demonstration" not in client.get("/").text


def test_every_page_says_that_the_data_is_invented(client: Client, stocked: World) -> None:
    for path in ("/", "/demo", "/log/", "/problems/"):
        assert "<strong>Demonstration:</strong> invented data" in client.get(path).text


def test_each_pack_has_its_story_and_a_symbol_that_scanners_read(client: Client, stocked: World) -> None:
    page = client.get("/demo").text
    told = json.loads((Path(shelf.settings.VAR_DIR) / "demo.json").read_text())["packs"]
    assert len(told) == 5
    for number, pack in enumerate(told, 1):
        assert pack["title"] in page
        answer = client.get(f"/demo/{number}.svg")
        assert answer.headers["Content-Type"] == "image/svg+xml"
        (found,) = zxingcpp.read_barcodes(drawn(answer.content), text_mode=zxingcpp.TextMode.Plain)
        assert found.symbology_identifier == "]d2"
        assert parse_scan("]d2" + found.text) == parse_scan(pack["scan"])


def test_each_button_gives_the_verdict_that_the_page_promised(client: Client, stocked: World) -> None:
    words = ("Genuine", "Do not dispense", "Check the pack", "Not verified", "Check the pack")
    for number, word in enumerate(words, 1):
        assert f'<h1 id="verdict">{word}</h1>' in client.post(f"/demo/{number}").text


def test_a_button_puts_the_pack_in_the_hands_of_who_would_scan_it(client: Client, stocked: World) -> None:
    client.post("/demo/5")
    assert f'<option value="{stocked.other_pharmacy.gln}" selected>' in client.get("/").text


@pytest.mark.parametrize("party", ["", "0614141999999", "nobody", "\0"])
def test_looking_as_nobody_is_looking_as_anybody(client: Client, stocked: World, party: str) -> None:
    stocked.opens_case()
    client.post("/demo/look-as", {"party": stocked.regulator.gln})
    assert "Chain of custody" in client.post("/", {"scan": shelf.printed("GOOD7K")}).text
    assert client.post("/demo/look-as", {"party": party}).headers["Location"] == "/"
    assert "Chain of custody" not in client.post("/", {"scan": shelf.printed("GOOD7K")}).text


def test_whose_eyes_there_are_is_told_by_role(client: Client, stocked: World) -> None:
    page = client.get("/").text
    role = '<optgroup label="Wholesale Distributor">'
    assert stocked.distributor.name in page.split(role)[1].split("</optgroup>")[0]
    assert page.count(role) == 1


def test_other_eyes_look_at_the_same_pack(client: Client, stocked: World) -> None:
    stocked.opens_case()
    page = client.post("/", {"scan": shelf.printed("GOOD7K")}).text
    hidden = f'<input type="hidden" name="scan" value="{shelf.printed("GOOD7K")}">'
    assert hidden in page
    seen = client.post("/demo/look-as", {"party": stocked.regulator.gln, "scan": shelf.printed("GOOD7K")}).text
    assert "Chain of custody" in seen
    assert hidden in seen


@pytest.mark.parametrize("path", ["/demo/6.svg", "/demo/0.svg"])
def test_there_is_no_pack_that_is_not_on_the_shelf(client: Client, stocked: World, path: str) -> None:
    assert client.get(path).status_code == 404


def test_no_address_holds_a_serial_number(client: Client, stocked: World) -> None:
    page = client.get("/demo").text
    addresses = [part.split('"')[0] for name in ("href=", "src=", "action=") for part in page.split(f'{name}"')[1:]]
    assert addresses
    assert not [address for address in addresses if "7K" in address]


def test_before_the_story_is_told_the_shelf_is_empty(client: Client, db: None, demo: None) -> None:
    assert "make demo" in client.get("/demo").text


def test_the_policy_is_there_to_take_and_knows_who_joined(client: Client, stocked: World) -> None:
    answer: Any = client.get("/demo/policy.json")
    assert str(own_policy()) == answer.text
    assert stocked.authority.gln in {each.gln for each in Policy.parse(answer.text).authorities}
