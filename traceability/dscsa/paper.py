"""Transaction information and statement as PDF, for people, with the proof of it inside. Pure.

    Transaction, proof ──lay out──> pages of lines ──draw──> PDF
                                                    ├─ /EmbeddedFiles  transaction.json      what the pages say
                                                    └─                 shipment.unitproof    by which it is checked

The same transaction and proof give the same bytes, so that whoever checks a file draws it once more and compares:
`attached.py`. Nothing is on a page but lines of text in fonts that every viewer has. A character that those do not have
is written as its code point, `\\u0142`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

from reportlab.pdfbase import pdfdoc
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ..bundle.shipment import MEDIA_TYPE, Shipment
from ..statements import b64, open_statement
from .statements import AFFIRMATIONS, LAW, Lot, Party, Product, Transaction

INFORMATION, PROOF = "transaction.json", "shipment.unitproof"
JSON_TYPE = "application/json"
TITLE = "Transaction information and transaction statement"

WIDTH, HEIGHT = 595.276, 841.890  # points: A4
MARGIN = 48.0
TEXT, BOLD, FIXED = "Helvetica", "Helvetica-Bold", "Courier"
COLUMNS = 4  # serial numbers beside each other
COLUMN = 25  # characters: one of 20 has room


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed the document that ships, and where the log has that."""

    signer: str  # GLN
    kid: bytes
    time: str
    log: str
    index: int

    @classmethod
    def of(cls, proof: Shipment) -> "Signature":
        hop, _ = proof.told.shown[proof.told.shipping]
        opened = open_statement(hop.entered.envelope)
        time = f"{opened.payload.time:%Y-%m-%d %H:%M:%S} UTC"
        return cls(opened.issuer, opened.signed.kid, time, proof.segment.origin, hop.entered.index)


def draw(transaction: Transaction, proof: Shipment, data: bytes | None = None) -> bytes:
    """The file. `data`: the proof as bytes, where they are known."""
    made = BytesIO()
    canvas = Canvas(made, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1)
    canvas.setTitle(TITLE)
    canvas.setAuthor("Unitproof")
    canvas.setSubject(f"Shipment {transaction.submission}, event {transaction.event}")
    pages = list(_pages(_lines(transaction, Signature.of(proof))))
    for number, lines in enumerate(pages, 1):
        _page(canvas, lines, f"{TITLE}, page {number} of {len(pages)}")
    _attach(canvas, {INFORMATION: (JSON_TYPE, bytes(transaction)), PROOF: (MEDIA_TYPE, data or bytes(proof))})
    canvas.save()
    return made.getvalue()


# ---- what is said ---------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One line of text, in a font, with room above it."""

    text: str
    font: str = TEXT
    size: float = 9.0  # points
    above: float = 0.0  # points
    heads: bool = False  # stays with the line after it
    again: "tuple[Line, ...]" = ()  # what a new page repeats before this one

    @property
    def height(self) -> float:
        return self.above + self.size * 1.3


def _lines(transaction: Transaction, signature: Signature) -> Iterator[Line]:
    yield Line(TITLE, BOLD, 15)
    yield from _text(f"Drug Supply Chain Security Act, 21 U.S.C. 360eee. Shipment {transaction.submission}, event "
                     f"{transaction.event}.")  # fmt: skip
    yield from _heading("Transaction")
    yield Line(f"Date of transaction: {transaction.transaction_date}")
    if transaction.shipment_date:
        yield Line(f"Date of shipment: {transaction.shipment_date}")
    yield Line(f"Number of containers: {transaction.containers}")
    for kind, reference in transaction.references:
        yield from _text(f"Reference ({kind or 'other'}): {reference}")
    yield from _party("Seller", transaction.seller)
    yield from _party("Buyer", transaction.buyer)
    yield from _statement(transaction, signature)
    for product in transaction.products:
        yield from _product(product)
    if transaction.unstated:
        yield from _heading("Shipped, and nobody has stated what is inside")
        for epc in transaction.unstated:
            yield from _text(epc)
    yield from _remarks(transaction)


def _party(role: str, party: Party | None) -> Iterator[Line]:
    yield from _heading(role)
    if party is None:
        yield Line("not said")
        return
    yield from _text(party.name or "name not said")
    for line in party.address or ("address not said",):
        yield from _text(line)
    yield Line(f"GLN {party.gln}")


def _statement(transaction: Transaction, signature: Signature) -> Iterator[Line]:
    yield from _heading("Transaction statement")
    if transaction.statement.affirmed:
        yield from _text(f"The seller affirms, by {LAW}, that it:")
        for letter, affirmed in AFFIRMATIONS.items():
            yield from _text(f"({letter}) {affirmed}.")
        if transaction.statement.notice:
            yield from _text(f"In the words of the document: {transaction.statement.notice}")
    else:
        yield from _text("The document that was signed affirms no transaction statement.")
    own = signature.signer == transaction.party
    whose = "the seller" if own else f"{signature.signer}, as {transaction.told} for {transaction.party}"
    yield from _text(
        f"Signed by {whose} on {signature.time}, with the key {b64(signature.kid)}: entry {signature.index} of the log "
        f"{signature.log}."
    )
    yield from _text(
        "The signature is over this event and all that it ships. This file holds the proof: check it with "
        "`unitproof verify FILE --policy POLICY`; a copy on paper proves nothing."
    )


def _product(product: Product) -> Iterator[Line]:
    title = product.name or "name not said"
    yield from _heading(f"{title}, {product.strength or 'strength not said'}, "
                        f"{product.dosage_form or 'dosage form not said'}")  # fmt: skip
    yield from _text(
        f"NDC {product.ndc or 'not said'}; GTIN {product.gtin}; container size "
        f"{product.container_size or 'not said'}; {product.containers} containers"
        + (f"; manufacturer {product.manufacturer}" if product.manufacturer else "")
    )
    for lot in product.lots:
        yield from _lot(product, lot)


def _lot(product: Product, lot: Lot) -> Iterator[Line]:
    """The product identifier of each unit: what stands above, and its serial number."""
    said = f"Lot {lot.lot or 'not said'}; expiry {lot.expiry or 'not said'}"
    head = Line(f"{said}; {len(lot.serials)} containers, by serial number:", BOLD, 9, 6, heads=True)
    again = (Line(f"GTIN {product.gtin}; {said}; continued:", BOLD, 9),)
    yield head
    for at in range(0, len(lot.serials), COLUMNS):
        serials = lot.serials[at : at + COLUMNS]
        yield Line("".join(serial.ljust(COLUMN) for serial in serials).rstrip(), FIXED, 8, again=again)


def _remarks(transaction: Transaction) -> Iterator[Line]:
    if transaction.by_node or transaction.missing:
        yield from _heading("Remarks")
    if transaction.by_node:
        yield from _text("Not signed by the seller, but added by the node: " + "; ".join(transaction.by_node) + ".")
    if transaction.missing:
        yield from _text("Nobody has said: " + "; ".join(transaction.missing) + ".")


def _heading(text: str) -> Iterator[Line]:
    for line in _text(text, BOLD, 11):
        yield line._replace(above=9, heads=True)


def _text(text: str, font: str = TEXT, size: float = 9) -> Iterator[Line]:
    """As many lines as it needs; a word too long for a line is broken."""
    room, line = WIDTH - 2 * MARGIN, ""
    for word in _printable(text).split():
        longer = f"{line} {word}" if line else word
        if stringWidth(longer, font, size) <= room:
            line = longer
            continue
        if line:
            yield Line(line, font, size)
        *whole, line = _broken(word, font, size, room)
        for part in whole:
            yield Line(part, font, size)
    yield Line(line, font, size)


def _broken(word: str, font: str, size: float, room: float) -> Iterator[str]:
    """A word in parts that each fit a line. Each character is measured once: a word may be a million long."""
    first, wide = 0, 0.0
    for at, character in enumerate(word):
        more = stringWidth(character, font, size)
        if wide + more > room and at > first:
            yield word[first:at]
            first, wide = at, 0.0
        wide += more
    yield word[first:]


def _printable(text: str) -> str:
    """What the fonts that every viewer has can show (ISO 32000-1 annex D.2)."""
    return "".join(
        each if each.isprintable() and _has(each) else " " if each.isspace() else _escaped(each) for each in text
    )


def _has(character: str) -> bool:
    try:
        return bool(character.encode("cp1252"))
    except UnicodeEncodeError:
        return False


def _escaped(character: str) -> str:
    code = ord(character)
    return character.encode("ascii", "backslashreplace").decode() if code > 126 else f"\\x{code:02x}"


# ---- pages ----------------------------------------------------------------------------------------------------------

_ROOM = HEIGHT - 2 * MARGIN - 20  # below them stands the number of the page


def _pages(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines onto pages; a heading goes with what it is over."""
    page: list[Line] = []
    left = _ROOM
    for line in lines:
        if line.height > left:
            held = _headings_at_end(page)
            yield page[: len(page) - len(held)]
            page = held or list(line.again)
            left = _ROOM - sum(each.height for each in page)
        page.append(line)
        left -= line.height
    yield page


def _headings_at_end(page: Sequence[Line]) -> list[Line]:
    at = len(page)
    while at > 1 and page[at - 1].heads:
        at -= 1
    return list(page[at:])


def _page(canvas: Canvas, lines: Sequence[Line], footer: str) -> None:
    text = canvas.beginText(MARGIN, HEIGHT - MARGIN)
    for line in lines:
        text.setFont(line.font, line.size, leading=line.size * 1.3)
        if line.above:
            text.moveCursor(0, line.above)
        text.textLine(line.text)
    canvas.drawText(text)
    canvas.setFont(TEXT, 8)
    canvas.drawString(MARGIN, MARGIN, footer)
    canvas.showPage()


# ---- what is inside -------------------------------------------------------------------------------------------------


def _attach(canvas: Canvas, files: dict[str, tuple[str, bytes]]) -> None:
    """ISO 32000-1 section 7.11.4: embedded files, by name, and shown beside the pages."""
    document: Any = canvas._doc
    names: list[Any] = []
    for name in sorted(files):
        kind, content = files[name]
        stream = pdfdoc.PDFStream(content=content, filters=[pdfdoc.PDFZCompress])
        stream.dictionary["Type"] = pdfdoc.PDFName("EmbeddedFile")
        stream.dictionary["Subtype"] = "/" + kind.replace("/", "#2F")  # a name
        stream.dictionary["Params"] = pdfdoc.PDFDictionary({"Size": len(content)})
        embedded = document.Reference(stream, f"embedded-{name}")
        specification = pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("Filespec"),
                "F": pdfdoc.PDFString(name),
                "UF": pdfdoc.PDFString(name),
                "EF": pdfdoc.PDFDictionary({"F": embedded}),
            }
        )
        names += [pdfdoc.PDFString(name), document.Reference(specification, f"file-{name}")]
    tree = pdfdoc.PDFDictionary({"Names": pdfdoc.PDFArray(names)})
    document.Catalog.Names = pdfdoc.PDFDictionary({"EmbeddedFiles": tree})
    document.Catalog.PageMode = pdfdoc.PDFName("UseAttachments")
