"""Scan, answer, proof: as a browser without JavaScript has them."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ledger import log
from partners.models import AccessRecord
from tests.traceability.test_proving import trusted
from tests.traceability.web import shelf
from tests.traceability.web.shelf import printed
from tests.world import GTIN, LOT, Party, World, unit
from traceability.bundle.check import examine
from traceability.bundle.report import Verdict


def looks(client: Client, party: Party) -> None:
    """Looks with a party's eyes, as the demonstration lets anybody."""
    client.post("/demo/look-as", {"party": party.gln})


def scan(client: Client, code: str) -> str:
    answer = client.post("/", {"scan": code})
    assert answer.status_code == 200
    return answer.text


class Text(HTMLParser):
    """What a page says, without its markup."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def __str__(self) -> str:
        return " ".join(" ".join(self.said).split())


def text(page: str) -> str:
    return str(Text(page))


# ---- the field ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_field_has_the_focus_and_needs_no_script(client: Client) -> None:
    page = client.get("/").text
    assert 'name="scan"' in page
    assert "autofocus" in page
    assert 'inputmode="none"' in page
    assert "Type instead" in page


def test_anybody_learns_the_verdict_and_the_product_and_nothing_else(client: Client, told: World) -> None:
    page = text(scan(client, printed("GOOD7K")))
    assert "Genuine" in page
    assert shelf.PRODUCT in page
    assert "not independently witnessed" in page
    assert "Chain of custody" not in page
    assert told.distributor.name not in page
    assert AccessRecord.objects.count() == 0


def test_outside_the_demonstration_nobody_can_look_as_anybody(client: Client, told: World, settings: Any) -> None:
    settings.DEMO = True
    looks(client, told.pharmacy)
    settings.DEMO = False
    assert "Chain of custody" not in scan(client, printed("GOOD7K"))


@pytest.mark.parametrize(
    "code",
    [
        "]d2" + "0100614141123452172812311" + "0L42\x1d21GOOD7K",
        "0100614141123452172812311" + "0L42\u241d21GOOD7K",  # as the page's script writes a separator
        "0100614141123452172812311" + "0L42{GS}21GOOD7K",
        "  " + printed("GOOD7K") + "\r\n",
        "https://id.gs1.org/01/00614141123452/10/L42/21/GOOD7K?17=281231",
    ],
)
def test_anything_a_scanner_yields_is_read(client: Client, told: World, code: str) -> None:
    assert "Genuine" in scan(client, code)


def test_what_is_typed_is_read_too(client: Client, told: World) -> None:
    typed = {"gtin": "614141123452", "serial": "GOOD7K", "lot": "L42", "expiry": "2028-12-31"}
    assert "Genuine" in client.post("/", typed).text
    assert "Genuine" in client.post("/", typed | {"expiry": "281200"}).text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Nothing came"),
        ({"scan": " \t"}, "Nothing came"),
        ({"gtin": "614141123453"}, "the last one has to fit the others"),
        ({"expiry": "soon"}, "Not a date"),
        ({"serial": "näh"}, "read it again"),
        ({"scan": "\0"}, "Null characters are not allowed."),
        ({"scan": "x" * 9000}, "at most 8000 characters"),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_field(client: Client, typed: dict[str, str], said: str) -> None:
    answer = client.post("/", typed)
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "code", ["rubbish", "(01)00614141123453(21)A1", "(21)", "]", "\x1d", "<script>alert(1)</script>"]
)
def test_a_bad_scan_is_an_answer_not_a_fault(client: Client, code: str) -> None:
    page = scan(client, code)
    assert "Not verified" in page
    assert "<script>alert" not in page


@pytest.mark.django_db
def test_what_the_reader_of_codes_says_is_small_print_and_nothing_read_is_no_table(client: Client) -> None:
    page = scan(client, "hello world")
    assert '<p class="sentence">This is not a code that can be verified: scan the pack again.</p>' in page
    assert '<span class="why">no application identifier; expected' in page
    assert "not read" not in page
    assert "The pack" not in page


@pytest.mark.django_db
def test_of_a_code_that_says_too_little_is_shown_what_it_says(client: Client) -> None:
    page = text(scan(client, "(01)00614141123452"))
    assert "Product code On the pack 00614141123452" in page
    assert "not read" in page


@pytest.mark.django_db
@pytest.mark.parametrize("typed", [{}, {"scan": ""}, {"scan": "x" * 9000}, {"scan": "\0"}])
def test_an_error_of_the_scan_is_tied_to_its_field_which_is_ready_for_the_next(
    client: Client, typed: dict[str, str]
) -> None:
    page = client.post("/", typed).text
    field = page.split('name="scan"')[1].split(">")[0]
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="id_scan_error guidance"' in field
    assert "value=" not in field
    assert '<ul class="errorlist" id="id_scan_error">' in page


@pytest.mark.django_db
def test_the_first_page_promises_what_anybody_gets(client: Client) -> None:
    assert "where the pack has been" not in client.get("/").text
    assert 'aria-describedby="guidance"' in client.get("/").text


@pytest.mark.django_db
def test_an_answer_is_kept_by_nobody_and_its_address_says_nothing(client: Client) -> None:
    answer = client.post("/", {"scan": printed("GOOD7K")})
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "GOOD7K" not in client.get("/", {"scan": printed("GOOD7K")}).text


# ---- the answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("serial", "words", "reason"),
    [
        ("GOOD7K", "Genuine", "genuine"),
        ("GIVEN7K", "Do not dispense", "already_dispensed"),
        ("COPIED7K", "Check the pack", "seen_elsewhere"),
        ("NOBODY7K", "Not verified", "unknown_unit"),
    ],
)
def test_each_verdict_has_its_word_its_icon_and_its_code(
    client: Client, told: World, demo: None, serial: str, words: str, reason: str
) -> None:
    looks(client, told.pharmacy)
    page = scan(client, printed(serial))
    assert f'<h1 id="verdict">{words}</h1>' in page
    assert f'href="/problems/{reason}"' in page
    assert f"<title>{words} · Unitproof</title>" in page


def test_what_is_held_up_is_refused_and_by_whom_and_why_is_said(client: Client, told: World, demo: None) -> None:
    told.holds(told.maker, gtin=GTIN, lot=LOT)
    assert '<h1 id="verdict">Do not dispense</h1>' in scan(client, printed("GOOD7K"))
    looks(client, told.pharmacy)
    page = text(scan(client, printed("GOOD7K")))
    for words in ("has been recalled", "Recall, by Maker", "particles found", "9. Not on hold", "away from stock"):
        assert words in page


def test_the_word_above_the_sentence_is_not_said_again(client: Client, told: World, demo: None) -> None:
    by_record = "By the record: made by who may make it, neither dispensed nor taken out of use."
    assert f'<p class="sentence">{by_record}' in scan(client, printed("GOOD7K"))
    looks(client, told.pharmacy)
    here = "Known from its making to here, and free to be dispensed."
    assert f'<p class="sentence">{here}</p>' in scan(client, printed("GOOD7K"))
    told.pharmacy.observes(unit("GOOD7K"))
    promised = "Its last steps are promised to the log and not in it yet."
    assert f'<p class="sentence">{promised}</p>' in scan(client, printed("GOOD7K"))


def test_the_holder_sees_chain_checks_and_proof_and_the_reading_is_recorded(
    client: Client, told: World, demo: None
) -> None:
    looks(client, told.pharmacy)
    page = text(scan(client, printed("GOOD7K")))
    for words in ("In the hands of Pharmacy", "Chain of custody", "7. Not seen elsewhere", "Verify it yourself"):
        assert words in page
    record = AccessRecord.objects.get()
    assert (record.reader, record.what, record.purpose) == (told.pharmacy.gln, "chain", "verification")


def test_the_line_that_differs_is_marked_on_both_sides(client: Client, told: World, demo: None) -> None:
    looks(client, told.pharmacy)
    page = scan(client, printed("GOOD7K", lot="L43"))
    assert "Do not dispense" in page
    assert page.count("L4<mark>3</mark>") == page.count("L4<mark>2</mark>") == 1
    assert page.count("<mark>") == 2


def test_a_pack_told_of_by_its_receiver_is_never_called_signed_by_its_sender(
    client: Client, told: World, demo: None
) -> None:
    looks(client, told.other_pharmacy)
    page = text(scan(client, printed("TOLD7K")))
    assert "attested by the receiver, not signed by the sender" in page
    assert "signed by GLN" not in page.replace("not signed by GLN", "")


def test_who_passed_it_on_sees_up_to_its_own_hop(client: Client, told: World, demo: None) -> None:
    looks(client, told.maker)
    page = text(scan(client, printed("GOOD7K")))
    assert "Shipped to Distributor" in page
    assert "Shipped to Pharmacy" not in page
    assert "In the hands of" not in page


def test_the_number_of_queries_does_not_grow_with_the_chain(client: Client, told: World, demo: None) -> None:
    looks(client, told.pharmacy)
    with CaptureQueriesContext(connection) as queries:
        scan(client, printed("GOOD7K"))
    told.pharmacy.observes(unit("GOOD7K"))
    told.pharmacy.observes(unit("GOOD7K"))
    with CaptureQueriesContext(connection) as more:
        scan(client, printed("GOOD7K"))
    assert len(more) == len(queries) <= 12


# ---- the proof ------------------------------------------------------------------------------------------------------


def test_the_proof_is_a_file_that_a_stranger_can_check(client: Client, told: World, demo: None) -> None:
    looks(client, told.pharmacy)
    page = scan(client, printed("GOOD7K"))
    answer = client.post("/proof", {"epc": unit("GOOD7K")})
    name = answer.headers["Content-Disposition"].split('"')[1]
    assert f"unitproof verify {name} --policy policy.json" in page
    assert "GOOD7K" not in name
    report = examine(answer.content, trusted(told))
    assert report.failure is None
    assert report.verdict in (Verdict.VERIFIED, Verdict.CAUTION)


@pytest.mark.parametrize("epc", [unit("GOOD7K"), unit("NOBODY7K"), "", "\0", "x" * 5000])
def test_the_proof_is_nobodys_who_had_nothing_to_do_with_it(client: Client, told: World, demo: None, epc: str) -> None:
    looks(client, told.stranger)
    answer = client.post("/proof", {"epc": epc})
    assert answer.status_code == 404
    assert "That is not possible now" in answer.text


def test_a_proof_waits_for_the_log(client: Client, told: World, demo: None) -> None:
    told.pharmacy.observes(unit("GOOD7K"))
    looks(client, told.pharmacy)
    assert "waiting for the log" in scan(client, printed("GOOD7K"))
    answer = client.post("/proof", {"epc": unit("GOOD7K")})
    assert answer.status_code == 409
    assert "Ask again in a moment." in answer.text


def test_a_node_whose_record_is_in_doubt_gives_no_proof(client: Client, told: World, demo: None) -> None:
    looks(client, told.pharmacy)
    log.freeze("the log is behind its witnesses: it has 3 entries, witness.example has seen 7")
    answer = client.post("/proof", {"epc": unit("GOOD7K")})
    assert answer.status_code == 503
    assert "log_frozen" in answer.text


def test_nobody_gets_no_proof(client: Client, told: World) -> None:
    assert client.post("/proof", {"epc": unit("GOOD7K")}).status_code == 403
    assert client.get("/proof").status_code == 405
