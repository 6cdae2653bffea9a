"""QR Codes: segno writes them, and the mask is chosen here, in a fifth of the time that segno takes for it.

A mask is laid over all data modules so that light and dark are mixed; of eight, the one whose symbol has the fewest
penalty points is used (ISO/IEC 18004 section 7.8). Two symbols of one version and level that differ in nothing but the
mask differ in the same modules whatever they hold: so one is written, and the other seven are made of it.

A symbol is one whole number here, a bit a module, row by row; after each row one bit belongs to none. A shift by one
bit or by a row then compares all neighbours at once.
"""

from collections.abc import Iterator
from functools import cache

import segno

MASKS = range(8)
LEVEL = "m"  # of error correction, or better where that needs no larger symbol
FINDER_LIKE = ("10111010000", "00001011101")  # what looks like a corner, with four light modules beside it

_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


def rows(text: str) -> tuple[str, ...]:
    """Of 0 and 1, which is dark; without the quiet zone. The text is ASCII."""
    made = segno.make_qr(text, error=LEVEL, encoding="iso-8859-1", mask=0)
    size = len(made.matrix)
    first = _number(made.matrix)
    best = min((first ^ difference for difference in _differences(made.version, made.error)), key=_points(size))
    digits = f"{best:0{size * (size + 1)}b}"
    return tuple(digits[start : start + size] for start in range(0, len(digits), size + 1))


def _number(matrix: tuple[bytearray, ...]) -> int:
    return int(b"".join(row + b"\0" for row in matrix).translate(_DIGITS), 2)


@cache
def _differences(version: int, level: str) -> tuple[int, ...]:
    """Of the symbols with each mask to the one with the first: forty versions of four levels at most."""
    numbers = [
        _number(segno.make_qr("0", version=version, error=level, boost_error=False, mask=mask).matrix) for mask in MASKS
    ]
    return tuple(number ^ numbers[0] for number in numbers)


@cache
def _points(size: int) -> "_Points":
    return _Points(size)


class _Points:
    """The penalty points of a symbol of so many rows, by the four features of section 7.8.3.1."""

    def __init__(self, size: int) -> None:
        self.size, self.row = size, size + 1
        self.modules = int(("1" * size + "0") * size, 2)

    def __call__(self, dark: int) -> int:
        light = dark ^ self.modules
        share = 100 * dark.bit_count() / self.size**2
        lines = sum(self._lines(dark, light, step) for step in (1, self.row))
        return lines + 3 * sum(map(self._blocks, (dark, light))) + 10 * int(abs(share - 50) / 5)

    def _lines(self, dark: int, light: int, step: int) -> int:
        """Along rows or columns: of five or more of one colour two less than there are; 40 for a finder's likeness."""
        points = 0
        for colour in (dark, light):
            pairs = colour & colour >> step
            fives = pairs & pairs >> 2 * step & colour >> 4 * step
            points += fives.bit_count() + 2 * (fives & ~(fives >> step)).bit_count()
        return points + 40 * sum(found.bit_count() for found in self._likenesses(dark, light, step))

    @staticmethod
    def _likenesses(dark: int, light: int, step: int) -> Iterator[int]:
        for likeness in FINDER_LIKE:
            found = -1
            for place, module in enumerate(likeness):
                found &= (dark if module == "1" else light) >> place * step
            yield found

    def _blocks(self, colour: int) -> int:
        """Of two by two modules, overlapping ones too."""
        pairs = colour & colour >> 1
        return (pairs & pairs >> self.row).bit_count()
