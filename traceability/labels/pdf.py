"""Labels as PDF: vectors, in true millimetres, every module a whole number of the printer's dots.

A page's dots are counted from its upper left corner, where printers begin; a symbol begins where a dot does. None of
this is true of a page that is printed at another size: the file asks viewers not to (ISO 32000-1 section 12.2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from math import ceil

from reportlab.pdfgen.canvas import Canvas

from .errors import all_or_wrong
from .job import Job
from .label import Label
from .layout import FONT, LEADING, Arrangement, Mark, Surface, Text, arrange
from .symbols import INCH

POINTS = 72 / 25.4  # a millimetre
TOLD_EVERY = 50  # labels
ASCENT = 0.8  # em, from the top of a line to what its letters stand on


def draw(job: Job, today: date, progress: Callable[[int], None] = lambda _: None) -> bytes:
    """All of them or none: raises `LabelError` before anything is drawn. The same job gives the same bytes.

    `progress` is told how many labels are arranged, now and then; and with each page, that all are.
    """
    surface, done = Surface.of(job.stock, job.dpi), iter(range(1, len(job.labels) + 1))

    def arranged_one(label: Label) -> Arrangement:
        if (number := next(done)) % TOLD_EVERY == 0:
            progress(number)
        return arrange(label, job.kind, surface, job.resolver, today)

    arranged = all_or_wrong(job.labels, arranged_one)
    made = BytesIO()
    canvas = Canvas(made, pagesize=[side * POINTS for side in job.stock.page], invariant=1, pageCompression=1)
    canvas.setTitle("Labels")
    canvas.setAuthor("Unitproof")
    canvas.setViewerPreference("PrintScaling", "None")
    for first in range(0, len(arranged), job.stock.per_page):
        placed = [(job.stock.corner(place), each) for place, each in enumerate(arranged[first:][: job.stock.per_page])]
        _page(canvas, placed, job)
        progress(len(job.labels))
    canvas.save()
    return made.getvalue()


_Placed = list[tuple[tuple[float, float], Arrangement]]


def _page(canvas: Canvas, placed: _Placed, job: Job) -> None:
    canvas.translate(0, job.stock.page[1] * POINTS)  # y is negative from here on
    for corner, arrangement in placed:
        for text in arrangement.texts:
            _write(canvas, text, corner)
    canvas.scale(72 / job.dpi, 72 / job.dpi)
    for corner, arrangement in placed:
        for mark in arrangement.marks:
            left, top = (
                ceil((from_page + from_label) * 1000 * job.dpi / INCH - 1e-6)
                for from_page, from_label in zip(corner, (mark.left, mark.top), strict=True)
            )
            canvas.drawPath(_Path(mark, left, top), stroke=0, fill=1)
    canvas.showPage()


@dataclass(frozen=True, slots=True)
class _Path:
    """What is dark of a symbol, as one path. Of whole numbers alone, so that it is written five times as fast."""

    mark: Mark
    left: int  # dots
    top: int  # dots

    def getCode(self) -> str:  # noqa: N802 - what a canvas asks of a path
        wide, high = self.mark.dots, self.mark.height
        return " ".join(
            f"{self.left + first * wide} {-self.top - (row + 1) * high} {count * wide} {high} re"
            for row, first, count in self.mark.symbol.runs()
        )


def _write(canvas: Canvas, text: Text, corner: tuple[float, float]) -> None:
    lines = canvas.beginText()
    lines.setFont(FONT, text.points, leading=text.points * LEADING)
    lines.setTextOrigin((corner[0] + text.left) * POINTS, -(corner[1] + text.top) * POINTS - ASCENT * text.points)
    lines.textLines(text.lines, trim=0)
    canvas.drawText(lines)
