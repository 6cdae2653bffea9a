"""The pages on the API in a browser: Swagger UI between our head and foot, dark where people want it dark."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import keep
from tests.browser.test_everyone import LOOKS

pytestmark = pytest.mark.browser


def opened(page: Page) -> Page:
    """With one operation unfolded, as whoever reads on has it."""
    page.goto("/api/docs/")
    page.get_by_role("button", name="List your submissions").first.click()
    expect(page.get_by_text("All that the node has as submitted by you")).to_be_visible()
    return page


def lightness(place: Locator, of: str) -> float:
    """Of a colour that is drawn there, from 0 to 255; one that shows through is that of what lies below."""
    return place.evaluate(
        """(element, of) => {
            const numbers = (each) => getComputedStyle(each)[of].match(/[0-9.]+/g).map(Number);
            while (numbers(element)[3] < 1) element = element.parentElement;
            return numbers(element).slice(0, 3).reduce((sum, each) => sum + each) / 3;
        }""",
        of,
    )


@pytest.mark.parametrize("look", ["light", "dark", "phone", "phone-dark"])
def test_it_is_as_light_or_as_dark_as_all_other_pages(opens: Callable[..., Page], look: str) -> None:
    page = opened(opens(**LOOKS[look]))
    keep(page, f"docs-{look}")
    places = ("header.top", "#swagger-ui", ".opblock-description", ".scheme-container")
    grounds = [lightness(page.locator(place).first, "backgroundColor") for place in places]
    texts = [lightness(page.locator(place).first, "color") for place in (".title", ".opblock-description p", "nav a")]
    if look.endswith("dark"):
        assert (max(grounds) < 60, min(texts) > 150) == (True, True), (grounds, texts)
    else:
        assert (min(grounds) > 200, max(texts) < 110) == (True, True), (grounds, texts)


def test_it_follows_whoever_changes_their_mind(page: Page) -> None:
    opened(page)
    for scheme, dark in (("dark", True), ("light", False)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert (lightness(page.locator("#swagger-ui"), "backgroundColor") < 60) is dark


def test_the_head_leads_to_all_other_pages(page: Page) -> None:
    opened(page)
    expect(page.get_by_role("link", name="API", exact=True)).to_have_attribute("aria-current", "page")
    assert page.locator("main").count() == page.locator("h1").count() == 1
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page).to_have_title("The log · Unitproof")


def test_its_buttons_and_fields_are_not_made_ours(page: Page) -> None:
    """Ours are 44 pixels high, and filled."""
    opened(page)
    button = page.get_by_role("button", name="Try it out").first
    assert button.evaluate("(button) => getComputedStyle(button).minHeight") in ("auto", "0px")
    assert button.evaluate("(button) => getComputedStyle(button).borderRadius") == "4px"


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url)))
    opened(page)
    assert {(each.scheme, each.hostname) for each in asked if each.scheme != "data"} == {("http", "localhost")}


def test_without_a_script_it_says_where_all_of_it_is(opens: Callable[..., Page]) -> None:
    page = opens(java_script_enabled=False)
    page.goto("/api/docs/")
    expect(page.get_by_role("heading", level=1)).to_have_text("API")
    expect(page.get_by_role("link", name="the OpenAPI document")).to_have_attribute("href", "/api/schema/")
