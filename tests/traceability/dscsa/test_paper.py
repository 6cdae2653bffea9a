"""A transaction as PDF: the same bytes each time, read by other software, and what it proves without the node."""

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any
from zlib import compress

import pypdfium2
import pytest
from reportlab.pdfbase import pdfdoc

from tests.traceability.dscsa.test_shipments import HEADER, proven, ships
from tests.traceability.story import a_pallet
from tests.traceability.test_proving import trusted
from tests.world import GTIN, LOT, World
from traceability.bundle.report import Result
from traceability.bundle.shipment import Shipment as Proof
from traceability.dscsa import paper
from traceability.dscsa.attached import PaperReport, Step, examine_paper, files
from traceability.dscsa.paper import draw
from traceability.dscsa.shipments import Shipment
from traceability.dscsa.statements import AFFIRMATIONS, Transaction
from traceability.epcis.jcs import encode
from traceability.telling import document


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def shipment(world: World) -> Shipment:
    load, _, _ = a_pallet(world, cases=2, units=3)
    found, _ = proven(world, ships(world.maker, load, to=world.pharmacy), world.pharmacy)
    return found


def drawn(shipment: Shipment) -> bytes:
    return draw(shipment.transaction, Proof.parse(shipment.proof))


def text_of(data: bytes) -> str:
    with closing(pypdfium2.PdfDocument(data)) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def failure(report: PaperReport) -> str:
    assert report.failure is not None
    return report.failure.code


def test_it_says_all_ten_elements_the_statement_and_each_product_identifier(shipment: Shipment) -> None:
    said = " ".join(text_of(drawn(shipment)).split())
    for element in (
        *("Examplin", "5 mg", "TABLET", "NDC 0614-1123-45", "30 tablets", "6 containers", f"Lot {LOT}"),
        *("expiry 2028-12-31", "Date of transaction: 2026-01-05", f"GTIN {GTIN}"),
        *("Maker Inc.", "Corner Pharmacy", "1 Main St", "Springfield NJ 07081"),
        *("U10", "U11", "U12", "U13", "U14", "U15"),
        *AFFIRMATIONS.values(),
        *("Signed by the seller", f"entry {Proof.parse(shipment.proof).told.ships[0]}"),
    ):
        assert element in said, element


def test_the_same_shipment_gives_the_same_bytes_and_others_find_what_is_inside(shipment: Shipment) -> None:
    data = drawn(shipment)
    assert drawn(shipment) == data
    with closing(pypdfium2.PdfDocument(data)) as document:
        attached = [document.get_attachment(number) for number in range(document.count_attachments())]
        inside = {each.get_name(): bytes(each.get_data()) for each in attached}
    assert inside == {"shipment.unitproof": shipment.proof, "transaction.json": bytes(shipment.transaction)}


def test_a_stranger_checks_it_step_by_step(world: World, shipment: Shipment) -> None:
    report = examine_paper(drawn(shipment), trusted(world))
    assert report.failure is None, report.failure
    assert {report.result(step) for step in Step} == {Result.HOLDS}
    assert report.verdict == "verified"
    assert report.transaction == shipment.transaction
    assert report.as_json()["signer"] == world.maker.gln


def test_one_that_was_only_compressed_anew_is_the_same(world: World, shipment: Shipment) -> None:
    def faster(text: bytes | str) -> bytes:
        """As another zlib would."""
        return compress(text if isinstance(text, bytes) else text.encode("latin-1"), 1)

    usual = drawn(shipment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdfdoc.PDFZCompress, "encode", faster)
        data = drawn(shipment)
    assert data != usual
    assert examine_paper(data, trusted(world)).failure is None


def other_words(shipment: Shipment, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Drawn of something else than was signed, around the same proof."""
    members = json.loads(bytes(shipment.transaction))
    change(members)
    return draw(Transaction.parse(encode(members)), Proof.parse(shipment.proof))


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another-serial": (lambda said: said["products"][0]["lots"][0]["serials"].__setitem__(0, "U99"), "products"),
    "another-lot": (lambda said: said["products"][0]["lots"][0].__setitem__("lot", "L99"), "products"),
    "another-expiry": (lambda said: said["products"][0]["lots"][0].__setitem__("expiry", "2030-01-01"), "products"),
    "another-name": (lambda said: said["products"][0].__setitem__("name", "Other"), "products"),
    "another-buyer": (lambda said: said["buyer"].__setitem__("name", "Other"), "buyer"),
    "another-day": (lambda said: said.__setitem__("transaction_date", "2026-01-06"), "transaction_date"),
    "another-signer": (lambda said: said["shipment"].__setitem__("signer", "0614141006007"), "shipment"),
    "another-notice": (lambda said: said["statement"].__setitem__("notice", "nothing"), "statement"),
    "not-affirmed": (lambda said: said["statement"].__setitem__("affirmed", False), "statement"),
    "a-reference": (lambda said: said.__setitem__("references", [["po", "urn:x:1"]]), "references"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_not_signed_is_refused(world: World, shipment: Shipment, name: str) -> None:
    change, where = CHANGES[name]
    report = examine_paper(other_words(shipment, change), trusted(world))
    assert failure(report) == "not_what_was_signed"
    assert report.failure is not None
    assert (report.failure.step, report.failure.where) == (Step.INFORMATION, where)
    assert report.as_json()["transaction"] is None


def test_what_is_called_the_nodes_word_does_not_take_the_place_of_what_was_signed(
    world: World, shipment: Shipment
) -> None:
    def claims(said: dict[str, Any]) -> None:
        said["products"][0] |= {"name": "Other", "by_node": ["name"]}

    assert failure(examine_paper(other_words(shipment, claims), trusted(world))) == "not_what_was_signed"


def test_pages_that_say_something_else_than_is_inside_are_refused(world: World, shipment: Shipment) -> None:
    """Drawn of other information, and then given the true one to hold: what people see is not what programs read."""
    members = json.loads(bytes(shipment.transaction))
    members["products"][0]["lots"][0]["serials"][0] = "U99"
    false = Transaction.parse(encode(members))
    true = bytes(shipment.transaction)
    with pytest.MonkeyPatch.context() as patch:
        attach = paper._attach
        patch.setattr(paper, "_attach", lambda canvas, held: attach(
            canvas, held | {paper.INFORMATION: (paper.JSON_TYPE, true)}))  # fmt: skip
        data = paper.draw(false, Proof.parse(shipment.proof))
    assert "U99" in text_of(data)
    assert failure(examine_paper(data, trusted(world))) == "other_pages"


def test_an_object_that_is_added_is_refused(world: World, shipment: Shipment) -> None:
    """An incremental update (ISO 32000-1 section 7.5.6) is how other software annotates a page."""
    data = drawn(shipment)
    update = (
        b"99 0 obj\n<< /Type /Annot >>\nendobj\nxref\n99 1\n%010d 00000 n \n"
        b"trailer\n<< /Size 100 >>\nstartxref\n%d\n%%%%EOF\n"
    )
    at = len(data)
    report = examine_paper(data + update % (at, at + 40), trusted(world))
    assert failure(report) == "malformed_paper"


def test_no_byte_of_it_can_be_another_and_mean_something_else(world: World, shipment: Shipment) -> None:
    data, policy = drawn(shipment), trusted(world)
    for at in range(0, len(data), max(1, len(data) // 120)):
        changed = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
        report = examine_paper(changed, policy)
        assert report.failure is not None or report.transaction == shipment.transaction, at


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-",
        b"%PDF-1.4\nstartxref\n0\n%%EOF\n",
        b"%PDF-1.4\nxref\n0 1\n0000000000 65535 f \nstartxref\n9\n%%EOF",
    ],
)
def test_other_files_are_refused(world: World, data: bytes) -> None:
    assert failure(examine_paper(data, trusted(world))) in ("malformed_paper", "no_proof_inside")


def test_another_proof_does_not_fit(world: World, shipment: Shipment) -> None:
    row = ships(world.maker, world.maker.commissions(serial="Z9"), to=world.pharmacy)
    other, _ = proven(world, row, world.pharmacy)
    data = draw(shipment.transaction, Proof.parse(other.proof))
    assert failure(examine_paper(data, trusted(world))) == "not_what_was_signed"
    assert files(data).proof == other.proof


def test_many_units_go_over_pages_and_each_page_says_of_what(world: World) -> None:
    packs = world.maker.commissions(serial=[f"S{number:019d}" for number in range(700)])
    found, _ = proven(world, ships(world.maker, packs, to=world.pharmacy), world.pharmacy)
    data = drawn(found)
    with closing(pypdfium2.PdfDocument(data)) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    assert len(pages) > 2
    assert all(f"Lot {LOT}; expiry 2028-12-31" in page for page in pages)
    assert sum(page.count("S000000") for page in pages) == 700
    assert examine_paper(data, trusted(world)).failure is None


def test_letters_that_the_fonts_do_not_have_are_written_as_code_points(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    header = json.loads(json.dumps(HEADER).replace("Corner Pharmacy", "Apteka Łódź"))
    done = world.maker.submits(document(world.maker.shipping(pack, world.pharmacy), epcisHeader=header))
    row = done.submission.events.get()
    found, _ = proven(world, row, world.pharmacy)
    data = drawn(found)
    assert "Apteka \\u0141ód\\u017a" in text_of(data)
    assert examine_paper(data, trusted(world)).failure is None


def test_each_character_of_a_word_too_long_for_a_line_is_measured_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender writes what it likes into its master data, and whoever reads it has it drawn."""
    measured, measure = 0, paper.stringWidth

    def counted(text: str, font: str, size: float) -> float:
        nonlocal measured
        measured += len(text)
        return float(measure(text, font, size))

    monkeypatch.setattr(paper, "stringWidth", counted)
    lines = [line.text for line in paper._text("Wi" * 20_000)]
    assert "".join(lines) == "Wi" * 20_000
    assert all(measure(line, paper.TEXT, 9) <= paper.WIDTH - 2 * paper.MARGIN + 0.001 for line in lines)
    assert measured <= 3 * 40_000
