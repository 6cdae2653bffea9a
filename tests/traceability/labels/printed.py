"""Labels as whoever holds them in hand has them: a printer draws the PDF dot by dot, a scanner reads it, a ruler
measures it."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pypdfium2
import zxingcpp
from PIL import Image

from partners.gs1.errors import Gs1Error
from traceability.labels.errors import LabelError
from traceability.labels.job import RESOLVER, Job
from traceability.labels.label import Label
from traceability.labels.pdf import draw

TODAY = date(2026, 1, 5)
MM = 25.4 / 72  # of a point
PRINTED = zxingcpp.barcode_formats_from_str("DataMatrix|Code128|QRCode")


def job(*labels: Label, stock: str = "roll-50x25", dpi: int = 300, symbol: str = "datamatrix") -> Job:
    return Job.of(labels, stock=stock, dpi=dpi, symbol=symbol, resolver=RESOLVER)


def printed(pdf: bytes, dpi: int) -> list[Image.Image]:
    """Every page, a dot a pixel."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in document]


def scanned(image: Image.Image) -> list[tuple[str, str]]:
    """Every symbol that a scanner finds: symbology identifier and data, from top to bottom. It looks for what is
    printed here: a bar code of four digits without a check (ITF) can be seen in anything, also in a QR Code."""
    found = zxingcpp.read_barcodes(image, formats=PRINTED, text_mode=zxingcpp.TextMode.Plain)
    return [(each.symbology_identifier, each.text) for each in sorted(found, key=lambda each: each.position.top_left.y)]


def read_back(asked: Job) -> list[tuple[str, str]]:
    """All symbols of a job, printed and scanned."""
    return [found for page in printed(draw(asked, TODAY), asked.dpi) for found in scanned(page)]


def told(error: Exception) -> tuple[str, str | None]:
    """The code of a refusal, and what it is about."""
    assert isinstance(error, LabelError | Gs1Error)
    return error.code, error.where


Box = tuple[float, float, float, float]  # left, bottom, right, top; mm from the page's lower left corner


def boxes(pdf: bytes) -> list[tuple[tuple[float, float], list[Box]]]:
    """Of each page, in mm and by the PDF's own numbers: its size, and where each symbol is on it."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [(tuple(side * MM for side in page.get_size()), list(map(_box, _paths(page)))) for page in document]


def _paths(page: Any) -> Iterator[Any]:
    return page.get_objects(filter=(pypdfium2.raw.FPDF_PAGEOBJ_PATH,))


def _box(path: Any) -> Box:
    left, bottom, right, top = (side * MM for side in path.get_bounds())
    return left, bottom, right, top


def measured(pdf: bytes) -> list[tuple[tuple[float, float], list[tuple[float, float]]]]:
    """The size of each page, and of each symbol on it."""
    return [
        (page, [(right - left, top - bottom) for left, bottom, right, top in symbols]) for page, symbols in boxes(pdf)
    ]


def corners(pdf: bytes) -> list[tuple[float, float]]:
    """Of each symbol the upper left, in mm from that of its page."""
    return [(left, page[1] - top) for page, symbols in boxes(pdf) for left, _, _, top in symbols]


def text_of(pdf: bytes) -> list[str]:
    """What people read on each page."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]
