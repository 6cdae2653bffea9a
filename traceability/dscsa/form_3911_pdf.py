"""The data sheet for Form FDA 3911 as PDF, for people, with the JSON of it inside. Pure.

The same sheet gives the same bytes. What is missing is said on the first page: it goes to FDA.
"""

from collections.abc import Iterator
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from .form_3911 import COMPANY, PRODUCT, REPORTS, TITLES, Sheet
from .paper import BOLD, HEIGHT, JSON_TYPE, WIDTH, Line, _attach, _heading, _page, _pages, _text

DATA = "form-3911.json"
TITLE = "Drug notification: data sheet for Form FDA 3911"
SECTIONS = {1: "Notification", PRODUCT: "Product", COMPANY: "Company"}


def draw(sheet: Sheet) -> bytes:
    """The file."""
    made = BytesIO()
    canvas = Canvas(made, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1)
    canvas.setTitle(TITLE)
    canvas.setAuthor("Unitproof")
    canvas.setSubject(f"Investigation {sheet.investigation}, {REPORTS[sheet.report].lower()}")
    pages = list(_pages(lines(sheet)))
    for number, page in enumerate(pages, 1):
        _page(canvas, page, f"{TITLE}, page {number} of {len(pages)}")
    _attach(canvas, {DATA: (JSON_TYPE, bytes(sheet))})
    canvas.save()
    return made.getvalue()


def lines(sheet: Sheet) -> Iterator[Line]:
    """All that is on the pages, from top to bottom."""
    yield Line(TITLE, BOLD, 15)
    yield from _text(
        f"Investigation {sheet.investigation}. Items are numbered as on FDA's form, which this sheet is not: it holds "
        "what the form asks for."
    )
    if sheet.missing:
        yield from _text("Still to be said: items " + ", ".join(map(str, sheet.missing)) + ".", BOLD)
    for item, title in TITLES.items():
        if item in SECTIONS:
            yield from _heading(SECTIONS[item])
        for line in _text(f"{item}. {title}", BOLD):
            yield line._replace(above=4, heads=True)
        for text in sheet.texts(item) or ("not said",):
            yield from _text(text)
