"""The pages of the moves, as forms: what is signed, what is refused, and that nothing scanned is lost."""

import re
import shlex
from html import unescape
from typing import Any

import pytest
from django.test import Client

from partners.models import AccessRecord, Role
from tests.traceability.web.shelf import NAMED, PRODUCT, printed
from tests.traceability.web.test_explorer import looks
from tests.world import World, document, pallet, unit
from traceability.models import Item, Submission
from traceability.web.move_forms import TASKS
from traceability.web.things import lines

pytestmark = pytest.mark.usefixtures("demo")


@pytest.fixture
def packs(world: World) -> list[str]:
    """Three packs that the maker has made and the pharmacy has received; both have left a key here."""
    for party in (world.maker, world.pharmacy):
        world.entrusts(party)
    made = [unit(f"A{n}") for n in range(3)]
    world.maker.submits(document(world.maker.commissioning(made), **NAMED))
    return made


def received(world: World, packs: list[str]) -> None:
    world.maker.ships(packs, to=world.pharmacy)
    world.pharmacy.receives(packs, sender=world.maker)


def does(client: Client, word: str, *scans: str, do: str = "sign", **said: str) -> Any:
    return client.post(f"/desk/{word}", {"scans": "\r\n".join(scans), "do": do, **said})


def words(page: Any) -> str:
    """What people read."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text.split("<main")[1].split("</main>")[0])))


def field(page: Any, name: str) -> str:
    """What stands in a field."""
    area = re.search(rf'<textarea name="{name}"[^>]*>\s*(.*?)</textarea>', page.text, re.DOTALL)
    typed = re.search(rf'name="{name}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="{name}"', page.text)
    return unescape(area[1]) if area else unescape(typed[1] or typed[2] or "") if typed else ""


@pytest.mark.parametrize("word", TASKS)
def test_every_job_has_a_page_for_who_is_signed_in_and_nobody_else(client: Client, world: World, word: str) -> None:
    assert client.get(f"/desk/{word}").status_code == 302
    looks(client, world.pharmacy)
    page = client.get(f"/desk/{word}")
    assert page.status_code == 200
    said = words(page)
    assert "holds no key of yours" in said
    assert f"unitproof {word.replace('_', '-')}" in said
    assert (f'href="/desk/{word}"' in client.get("/desk").text) == (Role.DISPENSER in TASKS[word].roles)


def test_only_who_dispenses_is_offered_to(client: Client, world: World) -> None:
    looks(client, world.maker)
    assert "/desk/dispense" not in client.get("/desk").text


def test_what_is_given_to_a_patient_is_signed_by_the_node_and_said_so(
    client: Client, world: World, packs: list[str]
) -> None:
    received(world, packs)
    looks(client, world.pharmacy)
    page = does(client, "dispense", printed("A0"), printed("A1"))
    assert (page.status_code, Item.objects.get(epc=packs[0]).status) == (200, "dispensed")
    said = words(page)
    assert "2 items dispensed" in said
    assert "signed by the node for Pharmacy (custodial key)" in said
    assert field(page, "scans") == ""


def test_the_whole_way_through_pages(client: Client, world: World, packs: list[str]) -> None:
    scans = [printed(f"A{n}") for n in range(3)]
    box = f"(00){pallet(1)[-18:]}"
    looks(client, world.maker)
    assert "3 items packed" in words(does(client, "pack", *scans, parent=box))
    to = f"(414){world.pharmacy.gln}"
    shipped = does(client, "ship", box, to=to, purchase_order="PO-1", affirmed="on")
    assert "1 item shipped to Pharmacy" in words(shipped)
    assert field(shipped, "to") == to  # for the next load
    looks(client, world.pharmacy)
    page = words(client.get("/desk/receive"))
    assert "From Maker" in page
    assert "PO PO-1 · 3 packs" in page
    compared = words(does(client, "receive", box, do="look"))
    assert "All that came was to come" in compared
    assert "on its way to you from Maker" in compared
    page = words(does(client, "receive", box))
    assert "1 item received" in page
    assert "Nothing, by the record." in page
    assert "All of container" in words(does(client, "unpack", parent=box, everything="on"))
    assert "1 item taken out of use" in words(does(client, "decommission", scans[0], reason="damaged"))
    assert Item.objects.get(epc=packs[0]).status == "decommissioned"


def test_called_off_returned_and_destroyed_through_pages(client: Client, world: World, packs: list[str]) -> None:
    scans = [printed(f"A{n}") for n in range(3)]
    looks(client, world.maker)
    does(client, "ship", *scans, to=world.pharmacy.gln)
    assert "1 item called off" in words(does(client, "void", scans[0]))
    looks(client, world.pharmacy)
    assert "1 item received" in words(does(client, "receive", scans[1]))
    assert "1 item sent back to Maker" in words(does(client, "send_back", scans[1], to=world.maker.gln))
    looks(client, world.maker)
    assert "1 item taken back" in words(does(client, "return", scans[1]))
    assert "who sent it?" in words(does(client, "return", scans[2]))  # nobody has told of that
    assert "1 item taken back" in words(does(client, "return", scans[2], sender=world.pharmacy.gln))
    assert {row.possessor for row in Item.objects.all()} == {world.maker.gln}
    assert "2 items destroyed" in words(does(client, "destroy", *scans[:2]))
    assert "1 item exported" in words(does(client, "export", scans[2]))
    late = words(does(client, "void", scans[0]))
    assert "there is no shipment of it to call off" in late
    assert "What to do: Nothing: you have it." in late


def test_what_has_arrived_is_not_called_off_and_whom_to_ask_is_said(
    client: Client, world: World, packs: list[str]
) -> None:
    received(world, packs)
    looks(client, world.maker)
    said = words(does(client, "void", printed("A0")))
    assert "has been received since it was shipped" in said
    assert "What to do: Ask whoever received it to ship it back, as a return." in said


def test_a_refusal_says_why_which_pack_and_what_to_do_and_loses_nothing(
    client: Client, world: World, packs: list[str]
) -> None:
    received(world, packs)
    world.pharmacy.dispenses(packs[1])
    looks(client, world.pharmacy)
    scans = [printed("A0"), printed("A1")]
    page = does(client, "dispense", *scans)
    said = words(page)
    assert page.status_code == 409
    assert "Not signed. Nothing was recorded." in said
    assert "dispensed already" in said
    assert "It is about (01)" in said
    assert "What to do:" in said
    assert field(page, "scans").splitlines() == scans
    assert "stopped" in page.text
    assert "3 items" not in words(does(client, "dispense", scans[0]))  # the one that is right, by itself
    assert Item.objects.get(epc=packs[0]).status == "dispensed"


def test_what_cannot_be_read_is_shown_in_its_place(client: Client, world: World, packs: list[str]) -> None:
    looks(client, world.pharmacy)
    page = does(client, "dispense", printed("A0"), "hello world")
    assert page.status_code == 422
    assert "It is about the scan hello world" in words(page)
    assert "This cannot be read" in words(page)


def test_sent_twice_it_is_signed_once(client: Client, world: World, packs: list[str]) -> None:
    received(world, packs)
    looks(client, world.pharmacy)
    name = field(client.get("/desk/dispense"), "request")
    before = Submission.objects.count()
    for _ in range(2):
        assert "1 item dispensed" in words(does(client, "dispense", printed("A0"), request=name))
    assert Submission.objects.count() == before + 1


def test_what_each_scan_is_is_told_by_name_and_of_others_nothing(
    client: Client, world: World, packs: list[str]
) -> None:
    received(world, packs[:1])
    looks(client, world.pharmacy)
    page = words(does(client, "dispense", printed("A0"), printed("A1"), printed("NOBODY"), do="look"))
    assert f"{PRODUCT}, serial number A0 yours" in page
    others, nobodys = (
        re.search(rf"serial number {serial} (not yours[^.]*?) GTIN|serial number {serial} (not yours[^.]*)", page)
        for serial in ("A1", "NOBODY")
    )
    assert others
    assert nobodys
    asked = client.post("/desk/look", {"scans": f"{printed('A1')}\n{printed('NOBODY')}"}).json()["lines"]
    told = [{**each, "scan": "", "epc": "", "says": ""} for each in asked]
    assert told[0] == told[1]
    assert not Submission.objects.filter(submitter=world.pharmacy.gln, accepted__gt=world.now).exists()


def test_without_a_key_here_it_is_checked_and_the_command_is_told(client: Client, world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    looks(client, world.maker)
    before = Submission.objects.count()
    page = does(client, "ship", printed("A1"), to=world.pharmacy.gln)
    said = words(page)
    assert "nothing is recorded yet" in said
    assert f"unitproof ship scans.txt --gln {world.maker.gln}" in said
    assert f"--to {world.pharmacy.gln} " in f"{said} "
    assert field(page, "scans") == printed("A1")
    assert (Submission.objects.count(), Item.objects.get(epc=pack).status) == (before, "held")


def test_that_whoever_scans_is_told_of_what_is_anothers_yet_is_recorded(client: Client, world: World) -> None:
    mine, coming = (world.maker.commissions(serial=serial) for serial in ("A1", "A2"))
    world.maker.ships([mine, coming], to=world.pharmacy)
    world.pharmacy.receives(mine, sender=world.maker)
    looks(client, world.pharmacy)
    AccessRecord.objects.all().delete()
    told = client.post("/desk/look", {"scans": f"{printed('A1')}\n{printed('A2')}\n{printed('NOBODY')}"}).json()
    assert "on its way to you from" in told["lines"][1]["detail"]
    (record,) = AccessRecord.objects.all()
    assert (record.reader, record.subject, record.what) == (world.pharmacy.gln, coming, "whereabouts")


def test_a_label_that_is_no_label_says_nothing_to_a_shell(client: Client, world: World) -> None:
    world.maker.commissions(serial="A1")
    looks(client, world.maker)
    page = does(client, "pack", printed("A1"), parent="x:';touch${IFS}pwned;'")
    (command,) = re.findall(r"unitproof pack [^<]*", unescape(page.text))
    assert "x:';touch${IFS}pwned;'" in shlex.split(command)


def test_a_part_is_received_and_the_rest_is_said_to_stay_on_its_way(
    client: Client, world: World, packs: list[str]
) -> None:
    world.maker.packs(packs, into=pallet(1))
    world.maker.ships(pallet(1), to=world.pharmacy)
    looks(client, world.pharmacy)
    page = words(does(client, "receive", printed("A0"), printed("X9"), do="look"))
    assert "1 of container SSCC" in page
    assert "not on its way to you: (01)" in page


def test_an_entry_page_says_whose_hand_it_was(client: Client, world: World, packs: list[str]) -> None:
    received(world, packs)
    looks(client, world.pharmacy)
    done = does(client, "dispense", printed("A0"))
    link = re.search(r'href="(/log/entry/[^"]+)"', done.text)
    assert link
    assert "signed by the node for Pharmacy (custodial key)" in words(client.get(unescape(link[1])))
    verified = client.post("/", {"scan": printed("A0")})
    assert "signed by the node for Pharmacy (custodial key)" in words(verified)


def test_a_separator_ends_no_line() -> None:
    assert lines("]d201\x1d21A\r\n(01)1\n\n") == ["]d201\x1d21A", "(01)1"]


def test_what_comes_back_is_verified_as_it_is_scanned(client: Client, world: World, packs: list[str]) -> None:
    """Whether it may be sold on, and whom it was sold to; each look is on record, and only the page of returns asks."""
    received(world, packs)
    world.pharmacy.sends_back(packs[:2], to=world.maker)
    looks(client, world.maker)
    scans = "\n".join((printed("A0"), printed("A1", lot="OTHER"), printed("NOBODY"), f"(00){pallet(1)[-18:]}"))
    before = AccessRecord.objects.filter(purpose="saleable_return").count()
    good, other_lot, nobodys, container = client.post("/desk/look", {"scans": scans, "move": "return"}).json()["lines"]
    assert (good["tone"], good["says"]) == ("verified", f"{PRODUCT}, serial number A0")
    assert re.match("may be sold on: .*Sold to Pharmacy on 2026-01-05", good["detail"])
    assert (other_lot["tone"], nobodys["tone"], container["tone"]) == ("refused", "refused", "caution")
    assert "The lot on the pack is not the one" in other_lot["detail"]
    assert AccessRecord.objects.filter(purpose="saleable_return").count() == before + 3
    client.post("/desk/look", {"scans": scans})
    assert AccessRecord.objects.filter(purpose="saleable_return").count() == before + 3
    done = words(does(client, "return", printed("A0"), **{"from": world.pharmacy.gln}))
    assert "1 item taken back" in done
    sold_on = words(does(client, "ship", printed("A0"), to=world.distributor.gln))
    assert "1 item shipped to" in sold_on


def test_packs_are_said_to_be_made_as_their_labels_have_it(client: Client, world: World) -> None:
    world.entrusts(world.maker)
    looks(client, world.maker)
    assert "1 item commissioned" in words(does(client, "commission", printed("N1")))
    bare = "https://id.gs1.org/01/00614141123452/21/N2"
    assert "Nothing was recorded" in words(does(client, "commission", bare))
    assert "1 item commissioned" in words(does(client, "commission", bare, lot="L42", expiry="2028-12-31"))
    assert Item.objects.filter(status="held", possessor=world.maker.gln).count() == 2
    looks(client, world.pharmacy)
    assert "gtin_not_licensed" in does(client, "commission", printed("N3")).text
