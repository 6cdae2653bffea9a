"""What is printed in one go, as it is asked for: a JSON object, or a list of labels in JSON or CSV.

{"stock": "roll-50x25", "dpi": 300, "symbol": "datamatrix",
 "labels": [{"gtin": "00614141123452", "serial": "A1", "expiry": "281231", "lot": "L1"}]}

gtin,serial,expiry,lot
00614141123452,A1,2028-12-31,L1
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn, Self

from .errors import LabelError, all_or_wrong
from .label import Label, read
from .stock import Stock
from .symbols import RESOLUTIONS, Kind

RESOLVER = "https://id.gs1.org"
DEFAULTS = {"symbol": Kind.DATAMATRIX.value, "resolver": RESOLVER}
MEMBERS = ("stock", "dpi", "symbol", "resolver", "labels")
LONGEST_FOUND = 80  # characters of a wrong value that an error repeats

#: Digital Links may begin with any web address (URI Syntax); this is one without a slash at its end.
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*", re.ASCII).fullmatch
LONGEST_RESOLVER = 200  # characters


@dataclass(frozen=True, slots=True)
class Job:
    """Labels, and how they are printed."""

    labels: tuple[Label, ...]
    stock: Stock
    dpi: int  # dots an inch
    kind: Kind
    resolver: str  # what Digital Links begin with

    @classmethod
    def of(cls, labels: tuple[Label, ...], *, stock: object, dpi: object, symbol: object, resolver: object) -> Self:
        """Raises `LabelError` unless all of this can be meant."""
        if not labels:
            raise LabelError("nothing to print", code="no_labels", where="labels", expected="at least one")
        if type(dpi) is not int or dpi not in RESOLUTIONS:
            raise _unknown("unknown_resolution", "dpi", ", ".join(map(str, RESOLUTIONS)), dpi)
        if not isinstance(stock, str):
            raise LabelError(
                "not a text", code="wrong_type", where="stock", expected="text", found=type(stock).__name__
            )
        if symbol not in list(Kind):
            raise _unknown("unknown_symbol", "symbol", ", ".join(Kind), symbol)
        if not isinstance(resolver, str) or len(resolver) > LONGEST_RESOLVER or not _WEB_ADDRESS(resolver):
            raise _unknown("malformed_resolver", "resolver", f"such as {RESOLVER}", resolver)
        return cls(labels, Stock.parse(stock), dpi, Kind(str(symbol)), resolver)

    @classmethod
    def parse(cls, data: bytes, today: date, most: int) -> Self:
        """Read the JSON object. At most so many labels, which are counted before any is read."""
        members = _json(data)
        if not isinstance(members, dict):
            raise LabelError("not an object", code="wrong_type", expected=", ".join(MEMBERS), found=_kind(members))
        for name in members:
            if name not in MEMBERS:
                found = _shown(name)
                raise LabelError("no member of a job", code="unknown_member", expected=", ".join(MEMBERS), found=found)
        asked = DEFAULTS | members
        for name in MEMBERS:
            if name not in asked:
                raise LabelError("not said", code="missing_member", where=name, expected=", ".join(MEMBERS))
        rows = asked.pop("labels")
        if isinstance(rows, list) and len(rows) > most:
            raise LabelError("more than are printed at once", code="too_many_labels", where="labels",
                             expected=f"at most {most}", found=str(len(rows)))  # fmt: skip
        return cls.of(_labels(rows, today), **asked)


def read_json(data: bytes, today: date) -> tuple[Label, ...]:
    """A list of labels."""
    return _labels(_json(data), today)


def read_csv(data: bytes, today: date) -> tuple[Label, ...]:
    """A table: its first line names the members, a cell without anything is a member that is not there."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError("not a text", code="not_utf8", found=repr(data[error.start : error.start + 8])) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if len(set(names)) < len(names):
            raise LabelError("two columns of one name", code="duplicate_member", where="line 1")
        reader.fieldnames = names
        rows = ((dict(_cells(row)), f"line {reader.line_num}") for row in reader)
        return all_or_wrong(rows, lambda row: read(row[0], row[1], today))
    except csv.Error as error:
        raise LabelError(str(error), where=f"after line {reader.line_num}", expected="CSV, with commas") from error


def _cells(row: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Cells beyond the last column come under no name: they are refused by it."""
    for name, value in row.items():
        if value:
            yield name, value


def _labels(rows: object, today: date) -> tuple[Label, ...]:
    if not isinstance(rows, list):
        raise LabelError("not a list", code="wrong_type", where="labels", expected="a list", found=_kind(rows))
    return all_or_wrong(enumerate(rows), lambda row: _label(row[1], f"labels[{row[0]}]", today))


def _label(row: object, where: str, today: date) -> Label:
    if not isinstance(row, dict):
        raise LabelError("not an object", code="wrong_type", where=where, expected="an object", found=_kind(row))
    return read(row, where, today)


def _json(data: bytes) -> Any:
    """Strictly: a member that is there twice could be read in two ways."""
    try:
        return json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise LabelError("not a text", code="not_utf8", found=repr(data[error.start : error.start + 8])) from error
    except json.JSONDecodeError as error:
        raise LabelError(error.msg, where=f"line {error.lineno}, column {error.colno}", expected="JSON") from error
    except RecursionError as error:
        raise LabelError("nested too deeply", code="too_deep") from error
    except ValueError as error:
        if isinstance(error, LabelError):
            raise
        raise LabelError("a number of too many digits", code="bad_number") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise LabelError("the same member twice", code="duplicate_member", found=_shown(twice))
    return members


def _no_number(name: str) -> NoReturn:
    raise LabelError("JSON has no such number", code="not_a_number", found=name)


def _kind(value: object) -> str:
    return type(value).__name__


def _shown(value: object) -> str:
    return repr(value)[:LONGEST_FOUND]


def _unknown(code: str, where: str, expected: str, found: object) -> LabelError:
    return LabelError("not one that is known here", code=code, where=where, expected=expected, found=_shown(found))


#: How a file of labels is read, by the end of its name.
READERS: Mapping[str, Callable[[bytes, date], tuple[Label, ...]]] = {".json": read_json, ".csv": read_csv}
