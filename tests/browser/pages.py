"""Debian's chromium, and what a person does on our pages with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@contextmanager
def chromium() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, which Django would take for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS) as browser,
    ):
        yield browser
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


AXE = Axe()


def complaints_of_axe(page: Page) -> str:
    """Of all its rules, as the page looks now; "" if it has none. Half a megabyte of script is loaded into a page once,
    in however many looks that page is then seen."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.axe_script)
    results = AxeResults(page.evaluate("() => axe.run({ resultTypes: ['violations'] })"))
    return str(results.generate_report()) if results.violations_count else ""


def choose(page: Page, bundle: Path, policy: Path) -> None:
    """Of the page that verifies without a node."""
    page.get_by_label("The proof").set_input_files(bundle)
    page.get_by_label("The policy", exact=True).set_input_files(policy)
