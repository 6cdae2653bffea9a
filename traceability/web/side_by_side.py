"""The four elements as printed beside the four as recorded."""

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
