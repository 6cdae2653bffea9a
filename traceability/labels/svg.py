"""A label on a screen: as it is arranged for paper, in millimetres. For looking at, not for scanning off a printout."""

from html import escape

from .layout import FONT, LEADING, POINT, Arrangement, Mark, Text
from .symbols import INCH

ASCENT = 0.8  # em, from the top of a line to what its letters stand on


def svg(arrangement: Arrangement, size: tuple[float, float], dpi: int, *, described: str) -> str:
    """An SVG element. `size` is that of the label, in mm; `described` is what is told of it to who does not see it."""
    wide, high = size
    dark = "".join(_path(mark, dpi) for mark in arrangement.marks)
    text = "".join(_text(text) for text in arrangement.texts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" '
        f'width="{wide:g}mm" height="{high:g}mm" role="img" aria-label="{escape(described)}" class="label">'
        f'<rect width="{wide:g}" height="{high:g}" fill="#fff"/>'
        f'<path d="{dark}" fill="#000" shape-rendering="crispEdges"/>{text}</svg>'
    )


def _path(mark: Mark, dpi: int) -> str:
    dot = INCH / dpi / 1000  # mm
    high = mark.height * dot
    return "".join(
        _rectangle(mark.left + first * mark.dots * dot, mark.top + row * high, count * mark.dots * dot, high)
        for row, first, count in mark.symbol.runs()
    )


def _rectangle(left: float, top: float, wide: float, high: float) -> str:
    return f"M{left:.5g} {top:.5g}h{wide:.5g}v{high:.5g}h-{wide:.5g}z"


def _text(text: Text) -> str:
    size, left = text.points * POINT, f"{text.left:.4g}"
    form = f'font-family="{FONT}, monospace" font-size="{size:.4g}" fill="#000" xml:space="preserve"'
    return "".join(
        f'<text x="{left}" y="{text.top + (number * LEADING + ASCENT) * size:.4g}" {form}>{escape(line)}</text>'
        for number, line in enumerate(text.lines)
    )
