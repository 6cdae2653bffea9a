"""The four elements as printed beside the four as recorded, and what a scanner may have done to them on the way.

Most packs that look wrong are read wrong: CAPS LOCK, another keyboard's Y and Z, separators that a scanner drops. The
page says so before anybody is suspected.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import NamedTuple

from partners.gs1.element_string import ElementString

from ..dscsa.verification import Product


class Run(NamedTuple):
    """Some characters of a value, alike or unlike those of the other."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Element:
    """One of the four, twice; "" where it is not known or was not read."""

    label: str
    scanned: str
    recorded: str

    @property
    def comparable(self) -> bool:
        return bool(self.scanned and self.recorded)

    @property
    def differs(self) -> bool:
        return self.comparable and self.scanned != self.recorded

    @property
    def runs(self) -> tuple[list[Run], list[Run]]:
        """Both values in runs; nothing is marked unless there are two to compare."""
        if not self.differs:
            return [Run(self.scanned, False)], [Run(self.recorded, False)]
        return marked(self.scanned, self.recorded)


def marked(left: str, right: str) -> tuple[list[Run], list[Run]]:
    """Two texts in runs, with what is in one and not in the other marked.

    >>> [[("[%s]" if run.differs else "%s") % run.text for run in runs] for runs in marked("L42", "L43")]
    [['L4', '[2]'], ['L4', '[3]']]
    """
    lefts, rights = [], []
    for kind, i, j, k, m in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        lefts.append(Run(left[i:j], kind != "equal"))
        rights.append(Run(right[k:m], kind != "equal"))
    return [run for run in lefts if run.text], [run for run in rights if run.text]


def elements(pack: ElementString | None, product: Product | None, today: date) -> list[Element]:
    """Product code, serial number, lot and expiry."""
    printed = pack or _Nothing()
    recorded = product or Product("", "", None, None, None)
    return [
        Element("Product code", printed.gtin or "", recorded.gtin),
        Element("Serial number", printed.serial or "", recorded.serial),
        Element("Lot", printed.lot or "", recorded.lot or ""),
        Element("Expiry", _day(printed.expiry(today)), _day(recorded.expiry)),
    ]


class _Nothing:
    """A scan that could not be read has none of the four."""

    gtin = serial = lot = None

    def expiry(self, today: date) -> None:
        return None


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


# ---- what the scanner may have done ---------------------------------------------------------------------------------

_Y_AND_Z = str.maketrans("YZyz", "ZYzy")
_GOES_ON = {"10": re.compile(".+10."), "17": re.compile(r".+17\d{6}"), "21": re.compile(".+21.")}


def _separator_lost(pack: ElementString, lot: str) -> bool:
    """An element is missing, and another goes on with what could be it."""
    missing = [pattern for ai, pattern in _GOES_ON.items() if not pack.get(ai)]
    return any(pattern.match(value) for pattern in missing for value in (pack.serial, pack.lot) if value)


def _caps_lock(pack: ElementString, lot: str) -> bool:
    """Where nothing is recorded to compare with: hardly any maker uses small letters only."""
    return (pack.lot or "") == lot.swapcase() != lot if lot else (pack.serial or "").islower()


def _other_keyboard(pack: ElementString, lot: str) -> bool:
    return (pack.lot or "") == lot.translate(_Y_AND_Z) != lot


#: What may have happened, and what to do before anything else.
_HINTS: tuple[tuple[Callable[[ElementString, str], bool], str], ...] = (
    (
        _separator_lost,
        "Your scanner seems to drop the separator between two elements (GS, FNC1). Set it to send {GS} instead.",
    ),
    (_caps_lock, "Capital and small letters look swapped. Is CAPS LOCK on? Scan again with it off."),
    (_other_keyboard, "Y and Z look swapped: scanner and computer are set to different keyboards."),
)


def hints(pack: ElementString | None, product: Product | None) -> Iterator[str]:
    """What to look at before the pack is suspected."""
    lot = (product and product.lot) or ""
    return (sentence for applies, sentence in _HINTS if pack is not None and applies(pack, lot))
