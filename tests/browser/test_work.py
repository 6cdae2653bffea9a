"""The pages on which makers work, in a browser: labels that are printed and scanned, jobs that are followed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, keep
from tests.browser.pages import complaints_of_axe
from tests.browser.test_everyone import SMALL, WIDE, in_every_look
from tests.traceability.labels.printed import printed, scanned
from tests.traceability.test_recalls import answer, recall
from tests.traceability.test_serials import gets, numbers, opens
from tests.world import EXPIRY, GTIN, LOT, World
from traceability import jobs, working
from traceability.web import labels as labels_page

pytestmark = pytest.mark.browser

OTHER = "00614141999996"  # a product of nobody's pool
ROWS = f"gtin,serial,expiry,lot\n{GTIN},K7,{EXPIRY},{LOT}\n{GTIN},A(10)C,{EXPIRY},{LOT}\n"


def signs_in(page: Page, world: World) -> Page:
    """In the demonstration, one looks as somebody."""
    page.goto("/")
    page.get_by_label("Looking as").select_option(world.maker.gln)
    page.get_by_role("button", name="Look", exact=True).click()
    return page


@pytest.fixture
def opens_page(opens: Callable[..., Page]) -> Callable[..., Page]:
    """By another name: a pool is opened here, too."""
    return opens


@pytest.fixture
def maker(opens_page: Callable[..., Page], world: World) -> Page:
    return signs_in(opens_page(), world)


@pytest.fixture
def worker(world: World, settings: Any) -> Iterator[None]:
    """As beside gunicorn, without a broker."""
    settings.REDIS_URL, settings.SWEEP_EVERY_SECONDS = "", 0.2
    working.worker.start()
    yield
    working.worker.stop()


def downloaded(page: Page, name: str) -> Path:
    with page.expect_download() as download:
        (page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name, exact=True))).click()
    return Path(download.value.path())


def symbols(pdf: Path, dpi: int = 203) -> list[str]:
    return [text for page in printed(pdf.read_bytes(), dpi) for _, text in scanned(page)]


# ---- labels ---------------------------------------------------------------------------------------------------------


def test_labels_that_are_typed_are_shown_printed_and_scanned(maker: Page) -> None:
    maker.goto("/labels")
    maker.get_by_label("The labels").fill(ROWS)
    maker.get_by_label("Printed on").select_option("roll-50x25")
    maker.get_by_label("Dots an inch").select_option("203")
    maker.get_by_role("button", name="Show the first").click()
    drawn = maker.get_by_role("img", name=f"The first label: (01){GTIN}, (21)K7")
    expect(drawn).to_be_visible()
    keep(maker, "labels-shown")
    assert symbols(downloaded(maker, "Print")) == [
        f"01{GTIN}21K7\x1d1728123110{LOT}",
        f"01{GTIN}21A(10)C\x1d1728123110{LOT}",
    ]


def test_the_label_that_is_shown_is_the_one_that_is_printed(
    opens_page: Callable[..., Page], world: World, tmp_path: Path
) -> None:
    page = signs_in(opens_page(device_scale_factor=6), world)  # as a screen of 576 dots an inch
    page.goto("/labels")
    page.get_by_label("The labels").fill(ROWS)
    page.get_by_label("Or on a roll of").fill("60x40")
    page.get_by_role("button", name="Show the first").click()
    page.locator(".preview svg").screenshot(path=tmp_path / "label.png", scale="device")
    with Image.open(tmp_path / "label.png") as seen:
        assert [text for _, text in scanned(seen.convert("L"))] == [f"01{GTIN}21K7\x1d1728123110{LOT}"]


def test_many_labels_are_a_job_that_is_followed_to_its_end(
    maker: Page, worker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels_page, "AT_ONCE", 3)
    monkeypatch.setattr("traceability.web.jobs.SMALL", 0)
    (tmp_path / "packs.csv").write_text(ROWS + "".join(f"{GTIN},N{n},{EXPIRY},{LOT}\n" for n in range(4)))
    maker.goto("/labels")
    maker.get_by_label("Or a file of them").set_input_files(tmp_path / "packs.csv")
    maker.get_by_label("Printed on").select_option("roll-50x25")
    maker.get_by_label("Dots an inch").select_option("203")
    maker.get_by_role("button", name="Print", exact=True).click()
    expect(maker.get_by_text("Done", exact=True)).to_be_visible(timeout=30_000)  # nobody has loaded the page again
    assert len(symbols(downloaded(maker, "labels.pdf"))) == 6


def test_wrong_labels_are_named_in_a_table(maker: Page) -> None:
    maker.goto("/labels")
    maker.get_by_label("The labels").fill(ROWS + f"{GTIN[:-1]}3,B,{EXPIRY},{LOT}\n{GTIN},C,281301,{LOT}\n")
    maker.get_by_role("button", name="Print", exact=True).click()
    expect(maker.get_by_role("alert")).to_contain_text("2 labels are wrong")
    expect(maker.get_by_role("row", name="line 4: gtin")).to_contain_text("bad_check_digit")
    expect(maker.get_by_role("row", name="line 5: expiry")).to_contain_text("bad_date")
    expect(maker.get_by_label("The labels")).to_have_value(
        ROWS + f"{GTIN[:-1]}3,B,{EXPIRY},{LOT}\n{GTIN},C,281301,{LOT}\n"
    )


# ---- serial numbers and reports -------------------------------------------------------------------------------------


def test_from_the_pool_to_the_document_by_keyboard(maker: Page, world: World, tmp_path: Path) -> None:
    maker.goto("/serials")
    maker.get_by_label("Product code").fill(GTIN)
    maker.keyboard.press("Enter")
    expect(maker.get_by_role("heading", level=1)).to_have_text(GTIN)
    maker.get_by_label("How many numbers").fill("5")
    maker.keyboard.press("Enter")
    expect(maker.get_by_role("heading", name="5 numbers, allocated")).to_be_visible()
    drawn = downloaded(maker, "Numbers as CSV").read_text().split()[1:]
    assert len(drawn) == 5
    report = "gtin,serial,lot,expiry\n" + "".join(f"{each},{LOT},{EXPIRY}\n" for each in drawn)
    (tmp_path / "wrong.csv").write_text(report.replace(drawn[2], f"{GTIN},MADEUP"))
    (tmp_path / "right.csv").write_text(report)
    maker.goto("/serials/report")
    maker.get_by_label("The line’s report").set_input_files(tmp_path / "wrong.csv")
    maker.get_by_role("button", name="Check").click()
    expect(maker.get_by_role("row", name="line 4: serial")).to_contain_text("MADEUP")
    maker.get_by_role("link", name="Another report").click()
    maker.get_by_label("The line’s report").set_input_files(tmp_path / "right.csv")
    maker.get_by_role("button", name="Check").click()
    assert b"EPCISDocument" in downloaded(maker, "document.json").read_bytes()


def test_a_block_is_returned_after_one_has_read_what_that_means(maker: Page, world: World) -> None:
    pool = opens(world)
    gets(world, pool)
    maker.goto(f"/serials/{pool.pool}")
    maker.get_by_text("Return what is unused").click()
    expect(maker.get_by_text("There is no way back.")).to_be_visible()
    maker.get_by_label("Why").fill("spilt")
    maker.get_by_role("button", name="Return the block").click()
    expect(maker.get_by_role("heading", name="3 numbers, returned")).to_be_visible()


# ---- jobs -----------------------------------------------------------------------------------------------------------


def asked(world: World, request: str = "R1", rows: str = ROWS) -> jobs.Job:
    wanted = jobs.Wanted("labels", request, {"stock": "roll-50x25"}, rows.encode(), "text/csv")
    return jobs.ask(world.maker.partner, wanted)[0]


def test_a_list_of_jobs_is_as_they_are_without_being_loaded_again(maker: Page, world: World) -> None:
    first, second = asked(world), asked(world, "R2", ROWS + "1,2,3,4\n")
    maker.goto("/jobs")
    maker.evaluate("() => { window.still = true; }")
    rows = [maker.locator(f"#job-{each.job}") for each in (first, second)]
    turn = jobs.claim(first)
    assert turn
    turn.step(1, 2)
    expect(rows[0].get_by_role("progressbar")).to_have_js_property("value", 50)
    expect(rows[1]).to_contain_text("Waiting for its turn")
    rows[1].get_by_role("button", name="Cancel").focus()
    working.do(turn)
    working.work()
    expect(rows[0].get_by_role("link", name="labels.pdf")).to_be_visible()
    expect(rows[1]).to_contain_text("Failed: 1 of 3 lines are wrong")
    assert maker.evaluate("() => window.still") is True
    assert maker.evaluate("() => document.activeElement !== document.body")  # whoever was there, is somewhere


def test_a_job_is_cancelled(maker: Page, world: World) -> None:
    job = asked(world)
    maker.goto(f"/jobs/{job.job}")
    maker.get_by_role("button", name="Cancel").click()
    expect(maker.get_by_text("Failed: it was not wanted any more")).to_be_visible()


def test_without_scripts_there_is_a_link_to_look_again(opens_page: Callable[..., Page], world: World) -> None:
    page = signs_in(opens_page(java_script_enabled=False), world)
    job = asked(world)
    page.goto(f"/jobs/{job.job}")
    working.work()
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("link", name="labels.pdf")).to_be_visible()


# ---- for everyone ---------------------------------------------------------------------------------------------------


@pytest.fixture
def visits(world: World) -> dict[str, str]:
    """Every page, and some in every state."""
    pool = opens(world)
    gets(world, pool, 3, request="line-4-of-the-packing-hall-in-the-third-building-on-the-left")
    world.maker.commissions(serial=numbers(world, gets(world, pool))[0])
    wrong, running = asked(world, "R1", ROWS + f"{GTIN[:-1]}3,B,{EXPIRY},{LOT}\n"), asked(world, "R3")
    working.do(jobs.claim(wrong))  # type: ignore[arg-type]
    working.do(jobs.claim(asked(world, "R2")))  # type: ignore[arg-type]
    turn = jobs.claim(running)
    assert turn
    turn.step(1, 3)
    pages = {"serials": "/serials", "pool": f"/serials/{pool.pool}", "report": "/serials/report", "labels": "/labels"}
    world.holds(world.maker, gtin=GTIN, lot="OTHER")
    pages |= {"recalls": "/recalls", **recalled(world)}
    pages |= {"holds": "/holds", "notices": "/notices", "commission": "/desk/commission", "return": "/desk/return"}
    return pages | {"jobs": "/jobs", "job-failed": f"/jobs/{wrong.job}", "job-running": f"/jobs/{running.job}"}


def recalled(world: World) -> dict[str, str]:
    """A recall whose units are everywhere, told and answered; and its letters."""
    units = world.maker.commissions(serial=[f"R{n}" for n in range(6)], gtin=OTHER, lot="R")
    world.maker.ships(units[1:5], to=world.distributor)
    world.distributor.receives(units[1:5], sender=world.maker)
    world.distributor.ships(units[2:4], to=world.pharmacy)
    world.pharmacy.receives(units[2], sender=world.distributor)
    world.pharmacy.dispenses(units[2])
    world.maker.destroys(units[5])
    entry = recall(world, world.maker, [world.holds(world.maker, gtin=OTHER, lot="R")])
    answer(world, world.distributor, entry, 2, 0, 0, 0)
    return {"recall": f"/recalls/{entry}", "recall-letters": f"/recalls/{entry}/letters"}


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_pages_are_for_everyone(
    opens_page: Callable[..., Page], world: World, visits: dict[str, str], viewport: dict[str, int]
) -> None:
    page = signs_in(opens_page(reduced_motion="reduce", viewport=viewport), world)
    found: dict[str, Any] = {}
    for name, path in visits.items():
        page.goto(path)
        complained(page, name, found)
    page.goto("/labels")
    page.get_by_label("The labels").fill(ROWS)
    page.get_by_role("button", name="Show the first").click()
    expect(page.get_by_role("img", name="The first label")).to_be_visible()
    complained(page, "labels-shown", found)
    page.get_by_label("The labels").fill(ROWS + "1,2,3,4\n")
    page.get_by_role("button", name="Print", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    complained(page, "labels-wrong", found)
    assert found == {}


def complained(page: Page, name: str, found: dict[str, Any]) -> None:
    page.wait_for_load_state()
    viewport: dict[str, Any] = {**(page.viewport_size or {})}
    for look in in_every_look(page, viewport):
        keep(page, f"{name}-{look}")
        if complaints := complaints_of_axe(page):
            found[f"{name}: axe, {look}"] = complaints
    if small := page.evaluate(SMALL):
        found[f"{name}: small"] = small
    if viewport == PHONE:
        page.set_viewport_size({"width": 320, "height": 640})  # WCAG 2.2, 1.4.10
        if page.evaluate(WIDE):
            found[f"{name}: wide"] = True
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.viewport_size in (DESK, PHONE)
