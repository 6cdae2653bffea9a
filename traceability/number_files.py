"""The file of a block's serial numbers: CSV, JSON or XML, written a piece at a time. Pure.

gtin,serial                        {"block":"9f0c...","gtin":"00614141123452","serials":["K7F2N04WXR3E",...]}
00614141123452,K7F2N04WXR3E
                                   <serials block="9f0c..." gtin="00614141123452"><serial>K7F2N04WXR3E</serial>...
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

CSV, JSON, XML = "text/csv", "application/json", "application/xml"
AT_ONCE = 4096  # numbers in one piece of an answer


@dataclass(frozen=True, slots=True)
class Form:
    """What stands before, between and after numbers. Nothing in a number has to be escaped (`numbering.PLAIN`)."""

    before: str
    between: str
    after: str

    def part(self, numbers: Iterable[str], *, first: bool, last: bool) -> str:
        """Of a file in parts, one of them: parts put together are the file, whatever is in each."""
        begin = self.before if first else self.between
        return begin + self.between.join(numbers) + (self.after if last else "")

    def whole(self, numbers: Iterator[str]) -> Iterator[str]:
        """All of it, some thousand numbers at a time: a piece for each number would take longer than the numbers."""
        begin = self.before
        for number in numbers:
            yield begin + self.between.join(chain([number], islice(numbers, AT_ONCE - 1)))
            begin = self.between
        yield self.after


def _csv(block: str, gtin: str) -> Form:
    """With the header of a report, of which lot and expiry are the line's to add."""
    return Form(f"gtin,serial\r\n{gtin},", f"\r\n{gtin},", "\r\n")


def _json(block: str, gtin: str) -> Form:
    return Form(f'{{"block":"{block}","gtin":"{gtin}","serials":["', '","', '"]}\n')


def _xml(block: str, gtin: str) -> Form:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<serials block="{block}" gtin="{gtin}">\n'
    return Form(f"{head}<serial>", "</serial>\n<serial>", "</serial>\n</serials>\n")


FORMS: Mapping[str, Callable[[str, str], Form]] = {CSV: _csv, JSON: _json, XML: _xml}
