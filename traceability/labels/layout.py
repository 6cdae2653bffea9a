"""Where everything is on a label. A symbol keeps to the printer's dots: one that does not fit is refused, not shrunk.

A square symbol is to the left, and what people read beside it, or below, where that is larger. GS1-128 is as many rows
of bars as its elements need, each with its text below, the SSCC lowest (General Specifications section 6).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from partners.gs1.application_identifiers import PREDEFINED
from partners.gs1.element_string import ElementString
from partners.gs1.errors import Gs1Error

from .errors import LabelError
from .label import Label
from .stock import Stock
from .symbols import INCH, LONGEST_BARS, MOST_CHARACTERS, SIZES, Kind, Symbol, bars, datamatrix, qr

MARGIN = 1.0  # mm of a label's edge that stay white: labels are never quite where they should be
GAP = 1.0  # mm between what stands on it
POINT = 25.4 / 72  # mm
FONT, ADVANCE, LEADING = "Courier", 0.6, 1.15  # in which 1, l and I differ, as 0 and O do; in em
LETTERS = tuple(points / 2 for points in range(24, 9, -1))  # points: from 12 to 5
FEWEST = 8  # characters of a line that is worth breaking


@dataclass(frozen=True, slots=True)
class Mark:
    """A symbol, and where its first module is."""

    symbol: Symbol
    left: float  # mm from the label's left edge
    top: float  # mm from its upper edge
    dots: int  # of the printer, a module
    height: int  # of the printer's dots, a row of modules


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of one size."""

    lines: tuple[str, ...]
    left: float  # mm
    top: float  # mm
    points: float

    @property
    def height(self) -> float:
        """In mm."""
        return len(self.lines) * self.points * LEADING * POINT

    def at(self, left: float, top: float) -> "Text":
        return replace(self, left=left, top=top)


@dataclass(frozen=True, slots=True)
class Arrangement:
    marks: tuple[Mark, ...]
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Surface:
    """The part of a label that may be printed on, and how finely."""

    width: float  # mm
    height: float  # mm
    dpi: int

    @classmethod
    def of(cls, stock: Stock, dpi: int) -> "Surface":
        dot = INCH / dpi / 1000  # that much a symbol may be moved, to begin where a dot does
        return cls(stock.label[0] - 2 * MARGIN - dot, stock.label[1] - 2 * MARGIN - dot, dpi)

    def mm(self, dots: int) -> float:
        return dots * INCH / self.dpi / 1000


def arrange(label: Label, kind: Kind, surface: Surface, stem: str, today: date) -> Arrangement:
    """Everything on one label, with the largest modules up to the target that leave room for the rest."""
    try:
        if kind is Kind.GS1_128:
            return _rows_of_bars(label, surface, today)
        symbol = datamatrix(label.elements) if kind is Kind.DATAMATRIX else qr(label.elements.digital_link(stem))
        return _square(symbol, label.text(today), surface)
    except (LabelError, Gs1Error) as error:
        error.where = label.where or None
        raise


# ---- square symbols -------------------------------------------------------------------------------------------------


def _square(symbol: Symbol, lines: tuple[str, ...], surface: Surface) -> Arrangement:
    """With modules of as many dots as leave room for the text; the smallest must."""
    sizes = SIZES[symbol.kind].dots(surface.dpi)
    for dots in sizes:
        side, quiet = surface.mm(symbol.width * dots), surface.mm(SIZES[symbol.kind].quiet * dots)
        if side > min(surface.width, surface.height):
            continue
        if text := _beside_or_below(lines, side, surface):
            top = MARGIN + quiet + (max(surface.height - side, 0) / 2 if text.left > MARGIN else 0)
            return Arrangement((Mark(symbol, MARGIN + quiet, top, dots, dots),), (text,))
    least = surface.mm(symbol.width * sizes[-1])
    if least > min(surface.width, surface.height):
        raise _too_large(least, least, surface)
    raise LabelError(
        "what people read does not fit beside the symbol, nor below it",
        code="text_does_not_fit",
        expected=f"{len(lines)} lines of {LETTERS[-1]:g} points beside {least:.1f} x {least:.1f} mm",
        found=f"a surface of {surface.width:.1f} x {surface.height:.1f} mm",
    )


def _beside_or_below(lines: tuple[str, ...], side: float, surface: Surface) -> Text | None:
    beside = typeset(lines, surface.width - side - GAP, surface.height)
    below = typeset(lines, surface.width, surface.height - side - GAP)
    if beside and (not below or beside.points >= below.points):
        return beside.at(MARGIN + side + GAP, MARGIN + (surface.height - beside.height) / 2)
    return below and below.at(MARGIN, MARGIN + side + GAP)


def typeset(lines: tuple[str, ...], width: float, height: float) -> Text | None:
    """In the largest letters that need no line broken; else in the largest that fit. None: there is no room."""
    for breaking in (False, True):
        for points in LETTERS:
            room = int(width / (points * POINT * ADVANCE)) if width > 0 else 0
            if breaking and room < FEWEST:
                continue
            text = Text(tuple(_broken(lines, room)) if breaking else lines, 0, 0, points)
            if max(map(len, text.lines)) <= room and text.height <= height:
                return text
    return None


def _broken(lines: tuple[str, ...], room: int) -> Iterator[str]:
    """What goes on begins with a blank, which no value has."""
    for line in lines:
        yield line[:room]
        rest = line[room:]
        while rest:
            yield " " + rest[: room - 1]
            rest = rest[room - 1 :]


def _too_large(width: float, height: float, surface: Surface) -> LabelError:
    return LabelError(
        "the symbol is larger than the label",
        code="symbol_does_not_fit",
        expected=f"at most {surface.width:.1f} x {surface.height:.1f} mm, as {surface.dpi} dpi and the margins leave",
        found=f"{width:.1f} x {height:.1f} mm",
    )


# ---- bars -----------------------------------------------------------------------------------------------------------


def _rows_of_bars(label: Label, surface: Surface, today: date) -> Arrangement:
    size = SIZES[Kind.GS1_128]
    (dots, *_) = size.dots(surface.dpi)  # the target is the smallest
    high, quiet, top = -(-size.height * surface.dpi // INCH), surface.mm(size.quiet * dots), MARGIN
    left, texts, marks = MARGIN + quiet, [], []
    if remarks := label.remarks(today):
        texts.append(_below(remarks, quiet, surface).at(left, top))
        top += texts[-1].height
    for elements, symbol in _shared_out(label.elements, dots, surface):
        marks.append(Mark(symbol, left, top, dots, high))
        text = "".join(f"({ai}){value}" for ai, value in elements.elements)
        texts.append(_below((text,), quiet, surface).at(left, top + surface.mm(high) + GAP / 2))
        top = texts[-1].top + texts[-1].height + GAP
    if (needed := top - GAP - MARGIN) > surface.height:
        raise _too_large(max(surface.mm(mark.symbol.width * dots) for mark in marks), needed, surface)
    return Arrangement(tuple(marks), tuple(texts))


def _below(lines: tuple[str, ...], quiet: float, surface: Surface) -> Text:
    """As wide as bars may be on this label; how high it is, is looked at when all is there."""
    text = typeset(lines, surface.width - 2 * quiet, surface.height)
    if text is None:
        raise LabelError(
            "what people read does not fit below the bars",
            code="text_does_not_fit",
            expected=f"{FEWEST} letters of {LETTERS[-1]:g} points a line",
            found=f"a surface of {surface.width:.1f} x {surface.height:.1f} mm",
        )
    return text


def _shared_out(elements: ElementString, dots: int, surface: Surface) -> Iterator[tuple[ElementString, Symbol]]:
    """As many elements in each symbol as it may hold and the label is wide; first what needs no FNC1 behind it
    (section 7.8), and the SSCC alone, and last."""
    made: list[tuple[ElementString, Symbol]] = []
    for element in sorted(elements.elements, key=lambda pair: (pair[0] == "00", pair[0][:2] not in PREDEFINED)):
        if made and element[0] != "00":
            longer = ElementString((*made[-1][0].elements, element))
            if _fits(longer, symbol := bars(longer), dots, surface) is None:
                made[-1] = longer, symbol
                continue
        alone = ElementString((element,))
        symbol = bars(alone)
        if wide := _fits(alone, symbol, dots, surface):
            raise _too_large(wide, SIZES[Kind.GS1_128].height / 1000, surface)
        made.append((alone, symbol))
    yield from made


def _fits(elements: ElementString, symbol: Symbol, dots: int, surface: Surface) -> float | None:
    """None if it does; else how wide it is, in mm."""
    wide = surface.mm(symbol.width * dots)
    return wide if wide > min(surface.width, LONGEST_BARS) or len(elements.scan()) > MOST_CHARACTERS else None
