"""A browser, and a node with a story told. Where SCREENSHOTS names a folder, what was seen is kept there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.traceability.web import shelf
from tests.world import World

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 780}


@pytest.fixture
def world(settings: Any, tmp_path: Path, live_server: Any, own_keys_and_authorities: None) -> World:
    """A demonstration on which the story is told."""
    settings.DEMO, settings.VAR_DIR = True, tmp_path
    world = shelf.told()
    shelf.stock(world)
    return world


@pytest.fixture
def opens(browser: Browser, world: World, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Opens a page in a browser with no past. Whatever a page complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**options: Any) -> Page:
        contexts.append(browser.new_context(base_url=live_server.url, **{"viewport": DESK} | options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(opens: Callable[..., Page]) -> Page:
    return opens()


def is_complaint(message: ConsoleMessage) -> bool:
    """A page that is not found may be what a test is about; a file of ours that is missing never is."""
    about_a_page = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
    return message.type == "error" and not about_a_page


def keep(page: Page, name: str) -> None:
    """A picture of the whole page, for people."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, animations="disabled")
