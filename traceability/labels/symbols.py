"""Symbols: GS1 DataMatrix, GS1-128, and a QR Code that holds a Digital Link (General Specifications section 5).

Element strings are made of typed fields or of values that hold no separator, never pasted together with brackets: a
serial that looks like `A(10)C` stays a serial.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from barcode.codex import Gs1_128
from pystrich.datamatrix import DataMatrixData, DataMatrixEncoder
from pystrich.datamatrix.data import GS1Fixed, GS1Variable

from partners.gs1.application_identifiers import PREDEFINED
from partners.gs1.element_string import GS, ElementString

from . import qr_code

RESOLUTIONS = (203, 300, 600)  # dots an inch, of the printers that print labels
INCH = 25_400  # micrometres

_dark = re.compile("1+").finditer


class Kind(StrEnum):
    DATAMATRIX = "datamatrix"
    GS1_128 = "gs1-128"
    QR = "qr"


@dataclass(frozen=True, slots=True)
class Size:
    """How large the modules of a symbol are: the X-dimension, and what surrounds it."""

    smallest: int  # micrometres
    target: int  # micrometres
    largest: int  # micrometres
    quiet: int  # modules that stay white on every side; of bars, to the left and right
    height: int = 0  # micrometres of bars; 0: modules are squares

    def dots(self, dpi: int) -> range:
        """Of how many printer dots a module may be: what is nearest to the target first, then what needs less room.

        >>> list(SIZES[Kind.DATAMATRIX].dots(300)), list(SIZES[Kind.GS1_128].dots(203))
        ([4, 3], [4])
        """
        least, most = -(-self.smallest * dpi // INCH), self.largest * dpi // INCH
        best = min(range(least, most + 1), key=lambda dots: abs(dots * INCH - self.target * dpi))
        return range(best, least - 1, -1)


#: Section 5.12.3: on healthcare items; on logistic units; of Digital Links. Quiet zones: sections 5.6, 5.4.4.2, 5.7.
SIZES = {
    Kind.DATAMATRIX: Size(254, 380, 990, 1),
    Kind.GS1_128: Size(495, 495, 940, 10, 31_750),
    Kind.QR: Size(396, 495, 990, 4),
}
MOST_CHARACTERS = 48  # in a GS1-128 symbol, FNC1 between elements included (section 5.4.4.3)
LONGEST_BARS = 165.1  # mm, quiet zones included (the same)


@dataclass(frozen=True, slots=True)
class Symbol:
    """Modules without their quiet zone: a row a line, of bars one row for all of their height."""

    kind: Kind
    rows: tuple[str, ...]  # of 0 and 1, which is dark; the topmost first

    @property
    def width(self) -> int:
        """In modules, quiet zone included."""
        return len(self.rows[0]) + 2 * SIZES[self.kind].quiet

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """What is dark: row, first module, how many."""
        for number, row in enumerate(self.rows):
            for run in _dark(row):
                yield number, run.start(), run.end() - run.start()


def datamatrix(elements: ElementString) -> Symbol:
    """FNC1 in front, and between what varies in length and its successor: read as `]d2`."""
    matrix = _encoder(elements, quiet_zone=0).init_renderer().matrix
    return Symbol(Kind.DATAMATRIX, tuple("".join("1" if module else "0" for module in row) for row in matrix))


def bars(elements: ElementString) -> Symbol:
    """Code 128 with FNC1 in front, read as `]C1`; between elements, FNC1 again."""
    (row,) = Gs1_128(elements.scan().replace(GS, Gs1_128.FNC1_CHAR)).build()
    return Symbol(Kind.GS1_128, (row,))


def qr(link: str) -> Symbol:
    """A QR Code of a Digital Link, error correction M or better."""
    return Symbol(Kind.QR, qr_code.rows(link))


def datamatrix_svg(elements: ElementString) -> str:
    """The DataMatrix of these elements as an SVG document, quiet zone included."""
    return str(_encoder(elements, quiet_zone=2).get_svg())


def _encoder(elements: ElementString, quiet_zone: int) -> DataMatrixEncoder:
    fields = [
        GS1Fixed(ai, value) if ai[:2] in PREDEFINED else GS1Variable(ai, value) for ai, value in elements.elements
    ]
    return DataMatrixEncoder(DataMatrixData.gs1(*fields), quiet_zone=quiet_zone)
