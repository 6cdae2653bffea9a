"""Every page, for everyone: small screens, dark rooms, keyboards, screen readers, paper."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, keep
from tests.browser.pages import complaints_of_axe
from tests.world import GTIN

pytestmark = pytest.mark.browser

PAGES = {
    "scan": "/",
    "demo": "/demo",
    "log": "/log/",
    "log-witnesses": "/log/witnesses",
    "log-checkpoints": "/log/checkpoints",
    "verify-offline": "/verify-offline",
    "codes": "/problems/",
    "sign-in": "/sign-in",
    "scanner": "/scanner",
    "code": "/problems/already_dispensed",
    "connectivity": "/vrs",
    "recall": "/recalls/01/00614141123452/10/L42",
    "linkset": "/01/00614141123452/10/L42?linkType=linkset",
    "not-found": "/nothing",
    "not-in-this-way": "/proof",
}
PACKS = {
    "genuine": "A good pack",
    "dispensed": "A dispensed pack",
    "cloned": "A cloned pack",
    "unknown": "An unknown pack",
    "told-by-its-receiver": "A pack told of by its receiver",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": DESK},
    "dark": {"color_scheme": "dark", "viewport": DESK},
    "phone": {"color_scheme": "light", "viewport": PHONE},
    "phone-dark": {"color_scheme": "dark", "viewport": PHONE},
    "forced-colors": {"forced_colors": "active", "viewport": DESK},
}


def in_every_look(page: Page, viewport: dict[str, int]) -> Iterator[str]:
    """The open page as it looks on a screen of this size: by day, by night, in colours of its reader's own."""
    for look, options in LOOKS.items():
        if options["viewport"] == viewport:
            page.emulate_media(
                color_scheme=options.get("color_scheme", "light"), forced_colors=options.get("forced_colors", "none")
            )
            yield look
    page.emulate_media(color_scheme="light", forced_colors="none")


def master_data(page: Page) -> Iterator[str]:
    """Products, what a file would change of them, and one of them."""
    page.goto("/demo")
    page.get_by_label("Looking as").select_option(label="Maker")
    page.get_by_role("button", name="Look").click()
    page.goto("/products")
    table = f"gtin,name,ndc,strength\n{GTIN},Vireluma,0001-0123-45,50 mg\n{GTIN[:-1]}9,Other,,\n".encode()
    page.get_by_label("CSV").set_input_files({"name": "products.csv", "mimeType": "text/csv", "buffer": table})
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What would change")
    yield "differences"
    if page.get_by_role("button", name="Apply").count():  # not the second time
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_role("status")).to_be_visible()
    page.goto("/products")
    yield "products"
    page.get_by_role("link", name=GTIN).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vireluma")
    yield "product"
    page.goto("/places")
    yield "places"


def visits(page: Page) -> Iterator[str]:
    """Every page there is, and every answer."""
    for name, path in PAGES.items():
        page.goto(path)
        yield name
    for name, title in PACKS.items():
        page.goto("/demo")
        page.get_by_role("button", name=title).click()
        expect(page.locator("#verdict")).to_be_visible()
        yield name
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    page.locator(".logged a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Entry")
    yield "log-entry"
    page.goto("/desk")
    expect(page.get_by_role("heading", level=1)).to_have_text("Work")
    yield "work"
    for name in ("exceptions", "scorecards", "verifications", "alarms", "samplings"):
        page.goto(f"/{name}")
        yield name
    page.get_by_label("Product code").fill("00614141123452")
    page.get_by_label("Lot").fill("L42")
    page.get_by_label("Packages in hand").fill("40")
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_text("4 left.")).to_be_visible()
    yield "worksheet"
    for name in ("pack", "ship", "receive", "unpack", "decommission"):
        page.goto(f"/desk/{name}")
        yield f"work-{name}"
    page.goto("/desk/dispense")
    page.keyboard.type("(01)00614141123452(17)281231(10)L42(21)GIVEN7K")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="Not signed")).to_be_visible()
    yield "work-refused"
    yield from master_data(page)
    page.goto("/transactions?lot=nothing")
    yield "transactions-none"
    page.goto("/transactions")
    expect(page.locator(".shipments tbody tr").first).to_be_visible()
    yield "transactions"
    page.get_by_role("link", name="Read").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Transaction information")
    yield "transaction"
    page.goto("/")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_be_visible()
    yield "nothing-came"
    page.keyboard.type("hello world")
    page.keyboard.press("Enter")
    expect(page.locator(".why")).to_be_visible()
    yield "unreadable"
    page.goto("/")
    page.get_by_text("Type instead").click()
    page.get_by_label("Expiry").fill("soon")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_be_visible()
    yield "typed-wrong"


#: Numbers that begin on one line and end on the next, though they fit on one; and a choice that is cut.
BROKEN = """() => [...document.querySelectorAll(".whole")].filter((each) => each.checkVisibility())
    .filter((each) => each.getBoundingClientRect().height > 1.9 * parseFloat(getComputedStyle(each).fontSize))
    .map((each) => each.textContent)"""
CUT = """() => { const shown = document.querySelector(".looking-as select"), style = getComputedStyle(shown);
    const ruler = Object.assign(document.createElement("canvas").getContext("2d"), { font: style.font });
    const room = shown.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 20; // its arrow
    return [...shown.options].map((each) => each.text).filter((text) => ruler.measureText(text).width > room); }"""
#: What is to be pressed, and smaller than a thumb (44 pixels); links within a sentence may be.
SMALL = """() => [...document.querySelectorAll("button, input, select, summary, nav a, .button, dt a")]
    .filter((each) => each.checkVisibility())
    .filter((each) => Math.min(each.getBoundingClientRect().width, each.getBoundingClientRect().height) < 44)
    .map((each) => each.outerHTML.slice(0, 80))"""
WIDE = "() => document.documentElement.scrollWidth > innerWidth"

#: By what was looked for and in which look, what was found, by page. To come to all pages takes longer than to look.
Found = dict[tuple[str, str], dict[str, Any]]
WALKS: dict[str, Found] = {}


@pytest.fixture
def found(opens: Callable[..., Page]) -> Found:
    """Everything there is to complain of, seen in two walks over all pages: at a desk, and with a phone."""
    for name, viewport in (("desk", DESK), ("phone", PHONE)):
        if name not in WALKS:
            WALKS[name] = walked(opens(viewport=viewport, reduced_motion="reduce"), viewport)
    return {key: by_page for walk in WALKS.values() for key, by_page in walk.items()}


def walked(page: Page, viewport: dict[str, int]) -> Found:
    found: Found = {}
    for name in visits(page):
        for key, complaint in complaints(page, name, viewport):
            by_page = found.setdefault(key, {})
            if complaint:
                by_page[name] = complaint
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
    return found


def complaints(page: Page, name: str, viewport: dict[str, int]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Of the page that is open, in every look that a screen of this size may have."""
    size = "phone" if viewport is PHONE else "desk"
    page.wait_for_load_state()  # what was waited for may be there before the style sheet is
    yield ("small", size), page.evaluate(SMALL)
    for look in in_every_look(page, viewport):
        keep(page, f"{name}-{look}")
        yield ("axe", look), complaints_of_axe(page)
    if size == "phone":
        page.set_viewport_size({"width": 320, "height": 640})  # WCAG 2.2, 1.4.10
        yield ("wide", "narrow"), page.evaluate(WIDE)
        page.set_viewport_size({"width": 390, "height": 844})
        yield ("broken", "phone"), page.evaluate(BROKEN)
        if name == "scan":
            yield ("cut", "phone"), page.evaluate(CUT)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_to_complain_of(found: Found, look: str) -> None:
    assert found["axe", look] == {}


def test_nothing_has_to_be_scrolled_sideways(found: Found) -> None:
    assert found["wide", "narrow"] == {}


def test_on_a_phone_no_number_is_broken_and_no_choice_is_cut(found: Found) -> None:
    assert found["broken", "phone"] == found["cut", "phone"] == {}


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_everything_to_press_is_large_enough_for_a_thumb(found: Found, size: str) -> None:
    assert found["small", size] == {}


def test_on_a_desk_there_are_two_packs_beside_each_other(page: Page) -> None:
    page.goto("/demo")
    first, second = (page.locator(".shelf > li").nth(n).bounding_box() for n in (0, 1))
    assert first
    assert second
    assert first["y"] == second["y"]


#: What has the focus, "" for the page itself; and the line around it.
FOCUSED = """() => [document.activeElement, getComputedStyle(document.activeElement).outlineStyle]
    .map((each) => each.tagName ? (each === document.body ? "" : each.name || each.textContent.trim()) : each)"""


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    expect(page.locator("#verdict")).to_be_visible()
    reached = []
    for _ in range(30):  # all the way round
        page.keyboard.press("Tab")
        name, outline = page.evaluate(FOCUSED)
        reached.append(name)
        assert outline != "none" or name == "", name
    assert {"Skip to the content", "Scan", "party", "scan", "Type instead", "genuine", "Copy"} <= set(reached)


def test_the_skip_link_skips(page: Page) -> None:
    page.goto("/log/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_screen_reader_hears_the_answer_with_the_field(page: Page) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A dispensed pack").click()
    expect(page).to_have_title("Do not dispense · Unitproof")
    expect(page.get_by_label("Scan a pack")).to_have_accessible_description(
        "Do not dispense A pack with this serial number has been dispensed already."
    )


def test_nothing_moves_for_who_wants_nothing_to_move(opens: Callable[..., Page]) -> None:
    page = opens(reduced_motion="reduce")
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    expect(page.locator("#verdict")).to_be_visible()
    assert page.evaluate("() => document.getAnimations().length") == 0


def test_on_paper_there_is_the_answer_and_no_buttons(page: Page) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A dispensed pack").click()
    page.emulate_media(media="print")
    keep(page, "paper")
    for shown in ("#verdict", ".timeline", ".checks", ".pack"):
        expect(page.locator(shown)).to_be_visible()
    for hidden in (".top", ".again", ".yourself button", ".demonstration"):
        expect(page.locator(hidden).first).to_be_hidden()
