"""What labels are printed on: a sheet of them, or a roll."""

import re
from dataclasses import dataclass
from typing import Self

from .errors import LabelError

_NUMBER = r"([0-9]{1,4}(?:\.[0-9]{1,4})?)"
_PAIR = f"{_NUMBER}x{_NUMBER}"
_ROLL = re.compile(_PAIR).fullmatch
_SHEET = re.compile(f"{_PAIR}/([0-9]{{1,3}})x([0-9]{{1,3}})/{_PAIR}/{_PAIR}/{_PAIR}").fullmatch

SMALLEST, LARGEST = 5, 1000  # mm, of a side
SLACK = 0.01  # mm by which numbers may miss

NAMED = {
    "a4-5x13": "38.1x21.2/5x13/210x297/4.75x10.7/2.5x0",
    "letter-3x10": "66.675x25.4/3x10/215.9x279.4/4.7625x12.7/3.175x0",
    "roll-50x25": "50x25",
    "roll-100x150": "100x150",
    "roll-150x100": "150x100",
}
FORM = "WIDTHxHEIGHT, or of a sheet LABEL/COLUMNSxROWS/PAGE/LEFTxTOP/GAPS, all in mm"


@dataclass(frozen=True, slots=True)
class Stock:
    """Labels in columns and rows of a page; on a roll, every label is a page. All measures in millimetres.

        roll-50x25                                    a name, of those in `NAMED`
        50x25                                         a roll: width and height of a label
        38.1x21.2/5x13/210x297/4.75x10.7/2.5x0        a sheet: label, columns and rows, page, margins left and top, gaps

    >>> Stock.parse("a4-5x13").per_page, Stock.parse("50x25").page
    (65, (50.0, 25.0))
    """

    label: tuple[float, float]
    page: tuple[float, float]
    grid: tuple[int, int] = (1, 1)
    margin: tuple[float, float] = (0, 0)
    gap: tuple[float, float] = (0, 0)

    def __post_init__(self) -> None:
        for side, name in enumerate(("width", "height")):
            if not all(SMALLEST <= sizes[side] <= LARGEST for sizes in (self.label, self.page)) or not self.grid[side]:
                raise _unknown(
                    f"no {name} of a label or a page", f"{SMALLEST} to {LARGEST} mm", f"{self.label[side]:g}"
                )
            if min(self.margin[side], self.gap[side]) < 0:
                raise _unknown(f"labels that overlap in {name}, or begin off the page", "0 mm or more", "less")
            needed = self.margin[side] + self.grid[side] * self.label[side] + (self.grid[side] - 1) * self.gap[side]
            if needed > self.page[side] + SLACK:
                raise _unknown(f"the labels leave the page by its {name}", f"{self.page[side]:g} mm", f"{needed:g} mm")

    @classmethod
    def parse(cls, text: str) -> Self:
        form = NAMED.get(text, text)
        if roll := _ROLL(form):
            size = float(roll[1]), float(roll[2])
            return cls(label=size, page=size)
        if not (sheet := _SHEET(form)):
            raise _unknown("no such stock", f"{', '.join(NAMED)}, or {FORM}", repr(text[:80]))
        numbers = [(float(sheet[at]), float(sheet[at + 1])) for at in (1, 5, 7, 9)]
        return cls(numbers[0], numbers[1], (int(sheet[3]), int(sheet[4])), numbers[2], numbers[3])

    @property
    def per_page(self) -> int:
        return self.grid[0] * self.grid[1]

    def corner(self, place: int) -> tuple[float, float]:
        """Left and top of a label, from the page's upper left corner; row by row."""
        row, column = divmod(place % self.per_page, self.grid[0])
        left, top = (
            self.margin[side] + number * (self.label[side] + self.gap[side])
            for side, number in enumerate((column, row))
        )
        return left, top


def _unknown(detail: str, expected: str, found: str) -> LabelError:
    return LabelError(detail, code="unknown_stock", where="stock", expected=expected, found=found)
