"""The ledger explorer in a browser: a log that waits, one that is frozen, and witnesses of every kind."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ledger import cosigning, log, models, tasks
from ledger.tlog.checkpoint import Cosigner
from ledger.tlog.cose import PrivateKey
from tests.browser.conftest import DESK, PHONE, keep
from tests.browser.pages import complaints_of_axe
from tests.browser.test_everyone import in_every_look
from tests.world import BEGINNING, World
from traceability.web.explorer import A_PAGE

pytestmark = pytest.mark.browser


@pytest.fixture
def troubled(world: World, settings: Any) -> int:
    """A log whose last checkpoint waits, and that is then frozen; and three witnesses. The size that waits."""
    for serial in ("M7K", "N7K"):
        world.maker.commissions(serial=serial)
        tasks.sweep()
    head, made = models.Log.objects.get(), [Cosigner(f"w{n}.example", PrivateKey.generate()) for n in (1, 2, 3)]
    lines = "".join(f"witness w{n} {each.verifier} http://127.0.0.1:9\n" for n, each in enumerate(made, 1))
    settings.WITNESSES.write_text(f"{lines}group some 2 w1 w2\ngroup both all some w3\nquorum both\n")
    waiting, last = models.Checkpoint.objects.latest("size"), models.Checkpoint.objects.order_by("-size")[1]
    models.Checkpoint.objects.filter(size=waiting.size).update(published_at=None)
    models.Log.objects.update(published=last.size)
    for row, cosigners in ((last, made), (waiting, made[:1])):
        for each in cosigners:
            line = str(each.cosign(row.note, at=BEGINNING))
            row.cosignatures.create(witness=each.name, line=line, cosigned_at=BEGINNING)
    models.Witness.objects.create(name="w1.example", size=head.signed, cosigned_at=BEGINNING, answered_in=0.04)
    models.Witness.objects.create(name="w2.example", size=3, failures=4, asked_at=BEGINNING, answered_in=1.0)
    models.Witness.objects.create(name="w3.example", size=head.signed + 2, answered_in=0.2)
    log.freeze(f"{cosigning.BEHIND}: it has {head.signed} entries, w3.example has seen {head.signed + 2}")
    return waiting.size


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_log_in_trouble_is_there_for_everyone(
    opens: Callable[..., Page], troubled: int, viewport: dict[str, int]
) -> None:
    page = opens(java_script_enabled=True, reduced_motion="reduce", viewport=viewport)
    found = {}
    for name, path in {"log": "/log/", "witnesses": "/log/witnesses", "checkpoints": "/log/checkpoints"}.items():
        page.goto(path)
        for look in in_every_look(page, viewport):
            keep(page, f"troubled-{name}-{look}")
            if complaints := complaints_of_axe(page):
                found[name, look] = complaints
    assert found == {}


def test_what_is_wrong_is_said(page: Page, troubled: int) -> None:
    page.goto("/log/")
    expect(page.get_by_text("This log is frozen")).to_be_visible()
    expect(page.get_by_text(f"A checkpoint of {troubled} entries waits")).to_be_visible()
    page.get_by_role("link", name="Witnesses", exact=True).click()
    expect(page.get_by_text("has seen 2 more than there are here")).to_be_visible()
    expect(page.get_by_text("gave no cosignature, 4 times in a row")).to_be_visible()
    expect(page.locator(".quorum > .unmet")).to_contain_text("all 2 of them: 0 so far, not met")


def test_without_a_script_everything_is_there(opens: Callable[..., Page], troubled: int) -> None:
    page = opens(java_script_enabled=False)
    page.goto("/log/")
    page.get_by_text("In numbers").click()
    expect(page.get_by_role("table")).to_be_visible()
    page.get_by_role("link", name="Checkpoints").click()
    expect(page).to_have_title("Checkpoints of the log · Unitproof")
    page.locator("summary").first.click()
    expect(page.locator("details[open] pre")).to_be_visible()


def test_without_a_script_one_turns_the_pages_of_checkpoints(opens: Callable[..., Page], troubled: int) -> None:
    first = models.Checkpoint.objects.exclude(published_at=None).latest("size")
    models.Checkpoint.objects.bulk_create(
        models.Checkpoint(
            size=first.size + n,
            previous=first.size,
            root=bytes(32),
            note=first.note,
            created_at=BEGINNING,
            published_at=BEGINNING,
        )
        for n in range(2, 2 + A_PAGE)  # the next size waits
    )
    page = opens(java_script_enabled=False)
    page.goto("/log/checkpoints")
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    sizes = page.locator(".heads h2")
    newest = sizes.all_text_contents()
    assert len(newest) == A_PAGE
    page.get_by_role("link", name="Older").click()
    assert sizes.first.text_content() == f"{first.size} entries"
    page.get_by_role("link", name="Newer").click()
    assert sizes.all_text_contents() == newest


def test_by_keyboard_alone(page: Page, troubled: int) -> None:
    page.goto("/log/checkpoints")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    expect(page.locator("details[open] pre")).to_be_visible()


def test_what_is_drawn_of_a_proof_can_be_read_on_a_phone(opens: Callable[..., Page], world: World) -> None:
    page = opens(viewport={"width": 390, "height": 780})
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    page.locator(".logged a").first.click()
    drawing = page.locator("svg.path")
    scale = drawing.evaluate("svg => svg.getScreenCTM().a")
    assert 12 * scale >= 11  # pixels of the smallest text
    outside = drawing.evaluate(
        """svg => [...svg.querySelectorAll("text")].filter((text) => {
            const box = text.parentNode.querySelector("rect").getBBox(), own = text.getBBox();
            return own.x < box.x || own.x + own.width > box.x + box.width;
        }).map((text) => text.textContent)"""
    )
    assert outside == []
    expect(page.get_by_role("table", name="The same, step by step")).to_be_visible()
