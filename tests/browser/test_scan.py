"""A pharmacist with a scanner that types: nothing to click, nothing lost, nothing asked twice."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from partners.models import AccessRecord
from tests.browser.conftest import PHONE
from tests.traceability.web.shelf import printed
from tests.world import World
from traceability.web.scanner import TEST

pytestmark = pytest.mark.browser

LOT, SERIAL = "010061414112345217281231" + "10L42", "21GOOD7K"  # what a scanner types before and after a separator


def field(page: Page) -> Locator:
    return page.get_by_label("Scan a pack")


def verdict(page: Page) -> Locator:
    return page.locator("#verdict")


def scans(page: Page, code: str) -> None:
    """What a scanner does: it types, wherever the focus is, and presses Enter."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def ctrl_bracket(page: Page) -> None:
    page.keyboard.press("Control+BracketRight")


def f8(page: Page) -> None:
    page.keyboard.press("F8")


def alt_029(page: Page) -> None:
    page.keyboard.down("Alt")
    for digit in "029":
        page.keyboard.press(f"Numpad{digit}")
    page.keyboard.up("Alt")


def substitute(page: Page) -> None:
    page.keyboard.type("{GS}")


def test_pack_after_pack_without_touching_anything(page: Page) -> None:
    page.goto("/")
    expect(field(page)).to_be_focused()
    for serial, words in (("GOOD7K", "Genuine"), ("GIVEN7K", "Do not dispense"), ("NOBODY7K", "Not verified")):
        scans(page, printed(serial))
        expect(verdict(page)).to_have_text(words)
        expect(field(page)).to_be_focused()
        expect(field(page)).to_have_value("")


@pytest.mark.parametrize("separator", [ctrl_bracket, f8, alt_029, substitute])
def test_a_separator_that_is_typed_is_not_lost(page: Page, separator: Callable[[Page], None]) -> None:
    page.goto("/")
    page.keyboard.type(LOT)
    separator(page)
    scans(page, SERIAL)
    expect(verdict(page)).to_have_text("Genuine")


def test_a_separator_that_is_pasted_is_not_lost(page: Page) -> None:
    page.goto("/")
    page.keyboard.insert_text(f"{LOT}\x1d{SERIAL}")
    expect(field(page)).to_have_value(f"{LOT}\u241d{SERIAL}")
    page.keyboard.press("Enter")
    expect(verdict(page)).to_have_text("Genuine")


def test_a_scanner_that_loses_it_is_found_out(page: Page) -> None:
    page.goto("/")
    scans(page, LOT + SERIAL)
    expect(verdict(page)).to_have_text("Genuine")
    expect(page.get_by_text("drop the separator")).to_be_visible()
    scans(page, LOT + "21NOBODY7K")
    expect(verdict(page)).to_have_text("Not verified")
    expect(page.get_by_text("drop the separator")).to_be_visible()


def test_caps_lock_is_found_out(page: Page) -> None:
    page.goto("/")
    scans(page, printed("GOOD7K").swapcase())
    expect(verdict(page)).to_have_text("Genuine")
    expect(page.get_by_text("Turn CAPS LOCK off")).to_be_visible()


@pytest.mark.parametrize("separator", [ctrl_bracket, f8, alt_029, substitute])
def test_a_scanner_is_tested_by_a_code_with_all_that_is_delicate(page: Page, separator: Callable[[Page], None]) -> None:
    before, after = TEST.scan().split("\x1d")
    page.goto("/scanner")
    page.keyboard.type(f"]d2{before}")
    separator(page)
    scans(page, after)
    expect(page.get_by_text("The scanner is set right.")).to_be_visible()
    page.wait_for_load_state()  # an answer can be read before the page takes the next scan
    scans(page, f"]d2{before}{after}")
    expect(page.get_by_text("drop the separator")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.type(f"]d2{before}".swapcase())
    ctrl_bracket(page)
    scans(page, after.swapcase())
    expect(page.get_by_text("Turn CAPS LOCK off")).to_be_visible()


def test_why_a_pack_is_verified_is_remembered_and_what_came_of_it_is_kept(page: Page) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    page.get_by_label("Why").select_option("Saleable return")
    scans(page, printed("GOOD7K"))
    expect(page.get_by_label("Why")).to_have_value("saleable_return")
    page.get_by_text("Say what became of it").click()
    page.get_by_label("What became of it").select_option("Returned to stock")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Verifications")
    expect(page.get_by_text("Outcome: returned_to_stock")).to_be_visible()


def test_a_slip_is_asked_about(page: Page) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    expect(verdict(page)).to_have_text("Genuine")  # the page is there, and takes what is scanned
    scans(page, printed("G0OD7K"))
    expect(verdict(page)).to_have_text("Not verified")
    page.get_by_role("button", name="Check that").click()
    expect(verdict(page)).to_have_text("Genuine")


def test_tab_at_the_end_of_a_scan_is_enter(page: Page) -> None:
    page.goto("/")
    page.keyboard.type(printed("GOOD7K"))
    page.keyboard.press("Tab")
    expect(verdict(page)).to_have_text("Genuine")


def test_tab_after_a_persons_typing_goes_on_to_the_next_field(page: Page) -> None:
    page.goto("/")
    page.keyboard.type("(01)0061414", delay=80)
    page.keyboard.press("Tab")
    expect(page.locator(".scan").get_by_role("button", name="Check")).to_be_focused()


def test_a_scan_finds_the_field_from_anywhere_on_the_page(page: Page) -> None:
    page.goto("/")
    page.evaluate("document.activeElement.blur()")
    scans(page, printed("GOOD7K"))
    expect(verdict(page)).to_have_text("Genuine")
    page.get_by_role("link", name="Demo packs").focus()
    scans(page, printed("GIVEN7K"))
    expect(verdict(page)).to_have_text("Do not dispense")


def test_a_click_beside_everything_is_no_way_to_lose_the_focus(page: Page) -> None:
    page.goto("/")
    page.get_by_role("heading", level=1).click()
    expect(field(page)).to_be_focused()


def test_whoever_types_elsewhere_is_left_alone(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Type instead").click()
    page.get_by_label("Serial number").click()
    page.keyboard.type("GOOD7K")
    expect(page.get_by_label("Serial number")).to_have_value("GOOD7K")
    expect(field(page)).to_have_value("")


def test_what_was_typed_wrong_is_said_beside_it_and_has_the_focus(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Type instead").click()
    page.get_by_label("Product code (GTIN)").fill("00614141123453")
    page.keyboard.press("Enter")
    expect(page.get_by_text("has to fit the others")).to_be_visible()
    expect(page.get_by_label("Product code (GTIN)")).to_be_focused()


def test_what_was_typed_stays_when_more_of_it_is_needed(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Type instead").click()
    page.get_by_label("Product code (GTIN)").fill("00614141123452")
    page.get_by_label("Serial number").fill("GOOD7K")
    page.keyboard.press("Enter")
    expect(page.get_by_text("All four elements are needed")).to_be_visible()
    expect(page.get_by_label("Serial number")).to_have_value("GOOD7K")
    expect(page.get_by_label("Expiry")).to_be_visible()
    expect(page.get_by_text("This is printed on the pack, too, and needed.")).to_have_count(2)
    page.get_by_label("Lot").fill("L42")
    page.get_by_label("Expiry").fill("2028-12-31")
    page.keyboard.press("Enter")
    expect(verdict(page)).to_have_text("Genuine")


def test_an_empty_scan_is_said_with_the_field(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing came")).to_be_visible()
    expect(field(page)).to_be_focused()
    expect(field(page)).to_have_accessible_description(re.compile("^Nothing came: scan the square code"))


def test_two_presses_are_one_question(page: Page, world: World) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    expect(verdict(page)).to_have_text("Genuine")
    asked = AccessRecord.objects.count()
    page.keyboard.type(printed("GOOD7K"))
    page.evaluate(
        "() => { const form = document.querySelector('[data-scan]'); form.requestSubmit(); form.requestSubmit(); }"
    )
    expect(verdict(page)).to_have_text("Genuine")
    assert AccessRecord.objects.count() == asked + 1


def slow(page: Page, milliseconds: int) -> None:
    """A line on which every request takes so long: time enough for the next pack."""
    line = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", conditions)


def test_the_next_pack_need_not_wait_for_the_answer_to_this_one(page: Page) -> None:
    page.goto("/")
    slow(page, 3000)
    scans(page, printed("GOOD7K"))
    scans(page, printed("GIVEN7K"))
    expect(verdict(page)).to_have_text("Do not dispense", timeout=30_000)
    expect(page.get_by_text("GIVEN7K").first).to_be_visible()
    expect(field(page)).to_have_value("")


ASKED = """code => {
  const form = document.querySelector("[data-scan]");
  form.elements.scan.value = code;
  form.requestSubmit();
  return getComputedStyle(document.querySelector("[data-verdict]")).visibility;
}"""


def test_while_an_answer_is_awaited_no_other_packs_is_seen(page: Page) -> None:
    page.goto("/")
    scans(page, printed("GOOD7K"))
    expect(page.get_by_role("heading", name="Genuine")).to_be_visible()
    assert page.evaluate(ASKED, printed("GIVEN7K")) == "hidden"
    expect(page.get_by_role("heading", name="Do not dispense")).to_be_visible()


def test_the_same_pack_again_while_its_answer_is_awaited_is_one_question(page: Page, world: World) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    expect(verdict(page)).to_have_text("Genuine")
    asked = AccessRecord.objects.count()
    slow(page, 3000)
    scans(page, printed("GOOD7K"))
    scans(page, printed("GOOD7K"))
    expect(field(page)).to_have_value("", timeout=30_000)
    assert AccessRecord.objects.count() == asked + 1


def test_a_code_that_is_half_typed_when_an_answer_arrives_is_typed_on(page: Page) -> None:
    page.goto("/")
    slow(page, 3000)
    code = printed("GIVEN7K")
    scans(page, printed("GOOD7K"))
    page.keyboard.type(code[:20])
    expect(verdict(page)).to_have_text("Genuine", timeout=30_000)
    expect(field(page)).to_have_value(code[:20])
    scans(page, code[20:])
    expect(verdict(page)).to_have_text("Do not dispense", timeout=30_000)


def test_what_is_typed_before_all_of_a_page_is_there_is_kept(page: Page) -> None:
    """The field comes first, a picture last."""
    pictures: list[Route] = []
    page.route("**/mark.svg", lambda route: pictures.append(route))
    page.goto("/", wait_until="domcontentloaded")
    page.keyboard.type("(01)0061")
    for picture in pictures:
        picture.continue_()
    page.wait_for_load_state("load")
    expect(field(page)).to_have_value("(01)0061")


def test_going_back_is_ready_for_the_next_pack(page: Page) -> None:
    page.goto("/")
    page.keyboard.type("half a sc")
    page.goto("/log/")
    page.go_back()
    scans(page, printed("GIVEN7K"))
    expect(verdict(page)).to_have_text("Do not dispense")


def test_without_a_script_it_is_the_same_answer(opens: Callable[..., Page]) -> None:
    page = opens(java_script_enabled=False)
    page.goto("/")
    expect(field(page)).to_be_focused()
    scans(page, LOT + "{GS}" + SERIAL)
    expect(verdict(page)).to_have_text("Genuine")
    page.get_by_text("Type instead").click()
    for label, value in (
        ("Product code", "00614141123452"),
        ("Serial", "GIVEN7K"),
        ("Lot", "L42"),
        ("Expiry", "2028-12"),
    ):
        page.get_by_label(label).fill(value)
    page.get_by_label("Lot").press("Enter")
    expect(verdict(page)).to_have_text("Do not dispense")
    expect(page.get_by_role("button", name="Sound")).to_be_hidden()


def test_on_a_phone_no_keyboard_covers_the_answer(opens: Callable[..., Page]) -> None:
    page = opens(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto("/")
    expect(field(page)).to_have_attribute("inputmode", "none")
    scans(page, printed("GOOD7K"))
    expect(verdict(page)).to_be_in_viewport()


def test_the_sound_is_off_until_somebody_wants_it_and_then_stays_on(page: Page) -> None:
    page.goto("/")
    sound = page.get_by_role("button", name="Sound")
    expect(sound).to_have_text("Sound off")
    sound.click()
    expect(sound).to_have_text("Sound on")
    scans(page, printed("GOOD7K"))
    expect(verdict(page)).to_have_text("Genuine")
    expect(sound).to_have_text("Sound on")


def test_the_proof_is_a_file_to_take_away(page: Page) -> None:
    page.goto("/demo")
    page.get_by_role("button", name="A good pack").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the proof").click()
    name = download.value.suggested_filename
    expect(page.get_by_text(f"unitproof verify {name} --policy policy.json")).to_be_visible()
    assert download.value.path().stat().st_size > 1000


def test_a_digital_link_is_in_the_field_and_nowhere_else(page: Page) -> None:
    page.goto("/01/00614141123452/10/L42/21/GOOD7K?17=281231")
    expect(page).to_have_url(re.compile(r"/$"))
    expect(field(page)).to_be_focused()
    expect(field(page)).to_have_value(re.compile(r"/01/00614141123452/10/L42/21/GOOD7K\?17=281231$"))
    page.keyboard.press("Enter")
    expect(verdict(page)).to_have_text("Genuine")
