"""At a packing table and a counter: a scanner that types, a list that grows, one button."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, keep
from tests.browser.test_scan import scans, slow
from tests.traceability.web.shelf import printed
from tests.world import Party, World, pallet, unit
from traceability.models import Item, Submission

pytestmark = pytest.mark.browser


def looks_as(page: Page, party: Party) -> None:
    page.goto("/")
    page.get_by_label("Looking as").select_option(party.gln)
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_role("link", name="Work", exact=True)).to_be_visible()


@pytest.fixture
def at_the_counter(page: Page, world: World) -> Page:
    """The pharmacy, whose key the node holds, before the page on which it dispenses."""
    world.entrusts(world.pharmacy)
    looks_as(page, world.pharmacy)
    page.get_by_role("link", name="Work", exact=True).click()
    page.get_by_role("link", name="Dispense").click()
    expect(page.get_by_label("Scan what is given")).to_be_focused()
    return page


def listed(page: Page) -> list[str]:
    return page.locator("[data-things] strong").all_inner_texts()


def test_scan_after_scan_grows_a_list_and_one_press_signs_it(at_the_counter: Page, world: World) -> None:
    page = at_the_counter
    expect(page.get_by_label("Scan what is given")).to_be_focused()
    for serial in ("GOOD7K", "SPARE7K"):
        scans(page, printed(serial))
    expect(page.locator("[data-things] li")).to_have_count(2)
    expect(page.locator("[data-things]")).to_contain_text("Vireluma 50 mg tablets, serial number SPARE7K")
    expect(page.get_by_label("Scan what is given")).to_be_focused()
    keep(page, "dispense")
    page.get_by_role("button", name="Sign as dispensed").click()
    expect(page.get_by_role("heading", name="2 items dispensed")).to_be_visible()
    expect(page.get_by_text("signed by the node for Pharmacy (custodial key)")).to_be_visible()
    expect(page.locator("[data-things] li")).to_have_count(0)
    assert Item.objects.get(epc=unit("GOOD7K")).status == "dispensed"


def test_one_that_was_scanned_by_mistake_is_taken_off(at_the_counter: Page) -> None:
    page = at_the_counter
    for serial in ("GOOD7K", "SPARE7K", "GOOD7K"):
        scans(page, printed(serial))
    expect(page.locator("[data-things] li")).to_have_count(2)  # the same twice is once
    expect(page.locator("[data-things]")).to_contain_text("serial number SPARE7K")
    page.get_by_role("button", name="Remove Vireluma 50 mg tablets, serial number SPARE7K").click()
    expect(page.locator("[data-things] li")).to_have_count(1)
    page.get_by_role("button", name="Sign as dispensed").click()
    expect(page.get_by_role("heading", name="1 item dispensed")).to_be_visible()
    assert Item.objects.get(epc=unit("SPARE7K")).status == "held"


def test_a_refusal_leaves_what_was_scanned_and_marks_the_pack(at_the_counter: Page) -> None:
    page = at_the_counter
    for serial in ("GOOD7K", "GIVEN7K"):
        scans(page, printed(serial))
    page.get_by_role("button", name="Sign as dispensed").click()
    expect(page.get_by_role("heading", name="Not signed. Nothing was recorded.")).to_be_visible()
    expect(page.locator(".things .stopped")).to_contain_text("GIVEN7K")
    keep(page, "refused")
    page.locator(".things .stopped").get_by_role("button").click()
    page.get_by_role("button", name="Sign as dispensed").click()
    expect(page.get_by_role("heading", name="1 item dispensed")).to_be_visible()


def test_nothing_is_lost_by_going_elsewhere_and_back(at_the_counter: Page) -> None:
    page = at_the_counter
    scans(page, printed("GOOD7K"))
    page.get_by_role("link", name="Log").click()
    page.goto("/desk/dispense")
    expect(page.locator("[data-things] li")).to_have_count(1)


def test_what_is_typed_before_the_script_is_there_is_typed_on(page: Page, world: World) -> None:
    world.entrusts(world.pharmacy)
    looks_as(page, world.pharmacy)
    scripts: list[Route] = []
    page.route("**/work.js", lambda route: scripts.append(route))
    page.goto("/desk/dispense", wait_until="commit")
    expect(page.get_by_label("One scan on each line")).to_be_focused()
    scans(page, printed("GOOD7K"))
    code = printed("SPARE7K")
    page.keyboard.type(code[:9])
    for script in scripts:
        script.continue_()
    expect(page.get_by_label("Scan what is given")).to_have_value(code[:9])
    scans(page, code[9:])
    expect(page.locator("[data-things]")).to_contain_text("SPARE7K")
    expect(page.locator("[data-things] li")).to_have_count(2)


def test_two_presses_are_signed_once(at_the_counter: Page, world: World) -> None:
    page = at_the_counter
    scans(page, printed("GOOD7K"))
    before = Submission.objects.count()
    slow(page, 500)
    press = "document.querySelector('[value=sign]').click()"
    page.evaluate(f"() => {{ {press}; setTimeout(() => {press}, 50); }}")
    expect(page.get_by_role("heading", name="1 item dispensed")).to_be_visible()
    assert Submission.objects.count() == before + 1


def test_the_container_is_scanned_first(page: Page, world: World) -> None:
    world.entrusts(world.pharmacy)
    looks_as(page, world.pharmacy)
    page.goto("/desk/pack")
    expect(page.get_by_label("Scan the container")).to_be_focused()
    scans(page, f"00{pallet(77)[-18:]}")
    expect(page.get_by_label("Scan what goes in")).to_be_focused()
    scans(page, printed("GOOD7K"))
    page.get_by_role("button", name="Sign as packed").click()
    expect(page.get_by_role("heading", name="1 item packed")).to_be_visible()


def test_a_code_that_is_scanned_into_a_field_signs_nothing(page: Page, world: World) -> None:
    """A scanner ends with Enter, in whatever field it is."""
    world.entrusts(world.pharmacy)
    looks_as(page, world.pharmacy)
    page.goto("/desk/send_back")
    scans(page, printed("GOOD7K"))
    before = Submission.objects.count()
    page.get_by_label("To whom").focus()
    scans(page, world.distributor.gln)
    expect(page.get_by_label("Scan what goes back")).to_be_focused()
    scans(page, printed("SPARE7K"))
    expect(page.locator("[data-things] li")).to_have_count(2)
    expect(page.get_by_label("To whom")).to_have_value(world.distributor.gln)
    assert Submission.objects.count() == before
    page.get_by_role("button", name="Sign as sent back").click()
    expect(page.get_by_role("heading", name="2 items sent back")).to_be_visible()


def test_expected_against_seen_on_a_phone(opens: Callable[..., Page], world: World) -> None:
    world.entrusts(world.distributor)
    packs = world.maker.commissions(serial=["E1", "E2", "E3"])
    world.maker.packs(packs, into=pallet(40))
    world.maker.ships(pallet(40), to=world.distributor)
    page = opens(viewport=PHONE, has_touch=True, is_mobile=True)
    looks_as(page, world.distributor)
    page.goto("/desk/receive")
    expect(page.get_by_role("heading", name="From Maker")).to_be_visible()
    scans(page, printed("E1"))
    page.get_by_role("button", name="Compare with what was to come").click()
    expect(page.get_by_text("the rest of it stays on its way")).to_be_visible()
    scans(page, f"(00){pallet(40)[-18:]}")
    expect(page.locator("[data-things] li")).to_have_count(2)
    page.get_by_role("button", name="Compare with what was to come").click()
    expect(page.get_by_role("heading", name="All that came was to come")).to_be_visible()
    keep(page, "receive-phone")


def test_without_a_script_a_field_with_a_line_each_does_the_same(opens: Callable[..., Page], world: World) -> None:
    world.entrusts(world.pharmacy)
    page = opens(java_script_enabled=False)
    looks_as(page, world.pharmacy)
    page.goto("/desk/dispense")
    expect(page.get_by_label("One scan on each line")).to_be_focused()
    for serial in ("GOOD7K", "SPARE7K"):
        scans(page, printed(serial))
    page.get_by_role("button", name="See what these are").click()
    assert len(listed(page)) == 2
    page.get_by_role("button", name="Sign as dispensed").click()
    expect(page.get_by_role("heading", name="2 items dispensed")).to_be_visible()


def test_what_comes_back_is_seen_to_be_saleable_or_not(page: Page, world: World) -> None:
    world.entrusts(world.distributor)
    world.pharmacy.sends_back([unit("GOOD7K"), unit("SPARE7K")], to=world.distributor)
    world.holds(world.maker, epc=unit("SPARE7K"))
    looks_as(page, world.distributor)
    page.goto("/desk/return")
    for serial in ("GOOD7K", "SPARE7K"):
        scans(page, printed(serial))
    expect(page.locator("[data-things] li")).to_have_count(2)
    good, held = page.locator("[data-things] li").all()
    expect(good).to_contain_text("may be sold on")
    expect(good).to_contain_text("Sold to Pharmacy on")
    expect(held).to_contain_text("keep apart: This pack has been recalled")
    keep(page, "return")
    held.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Sign as taken back").click()
    expect(page.get_by_role("heading", name="1 item taken back")).to_be_visible()
