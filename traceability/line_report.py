"""What a packaging line says it has printed: CSV, JSON or XML to lines, and each line judged by itself. Pure.

    gtin,serial,lot,expiry                     {"lines": [{"gtin": "00614141123452", "serial": "K7F2N04WXR3E",
    00614141123452,K7F2N04WXR3E,L42,2028-12-31             "lot": "L42", "expiry": "2028-12-31"}]}

    <lines><line gtin="00614141123452" serial="K7F2N04WXR3E" lot="L42" expiry="2028-12-31"/></lines>

A file that cannot be read is refused whole. In one that can, each wrong line is named by its number: of CSV and XML by
that of the text, of JSON by its place in the list, from 1.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from io import BytesIO, StringIO
from typing import Any

from lxml import etree

from partners.gs1.application_identifiers import check
from partners.gs1.digital_link import link
from partners.gs1.errors import BadDate, Gs1Error
from partners.gs1.identifiers import Gtin

from .epcis.elements import no_text
from .epcis.errors import DocumentError
from .epcis.jsonld import read as read_json
from .epcis.values import Number, Raw, a_list, an_object

FIELDS = ("gtin", "serial", "lot", "expiry")
CSV, JSON, XML = "text/csv", "application/json", "application/xml"
SHOWN = 80  # characters of what was found


@dataclass(frozen=True, slots=True)
class Line:
    """One line, as it was reported."""

    number: int  # from 1
    members: Mapping[str, Raw]  # "": what has no name


@dataclass(frozen=True)
class Printed:
    """A pack that a line has printed; everything in it is of its form."""

    line: int
    gtin: str  # 14 digits
    serial: str
    lot: str
    expiry: str  # YYYY-MM-DD

    @cached_property
    def epc(self) -> str:
        return link([("01", self.gtin), ("21", self.serial)])


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a line: the first thing, where several are."""

    line: int
    where: str  # a field
    code: str
    detail: str
    expected: str | None = None
    found: str | None = None


def read(data: bytes, media_type: str, most: int) -> list[Line]:
    """The lines of a report, `most` of them at most. Raises `DocumentError` for what is no report."""
    if media_type not in _READERS:  # an empty body gets here whatever it is called
        expected = ", ".join(_READERS)
        found = media_type[:SHOWN]
        raise DocumentError(
            "not a form of a report", code="unsupported_syntax", where="Content-Type", expected=expected, found=found
        )
    lines: list[Line] = []
    for line in _READERS[media_type](data):
        if len(lines) == most:
            raise DocumentError("more lines than are read here", code="too_many_lines", expected=f"{most} at most")
        lines.append(line)
    if not lines:
        raise DocumentError("nothing is reported", code="malformed_report", expected="a line, or more")
    return lines


def _from_csv(data: bytes) -> Iterator[Line]:
    """RFC 4180, with the header that is drawn above."""
    try:
        rows = csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = tuple(next(rows, ()))
        if header != FIELDS:
            found = ",".join(header)[:SHOWN]
            raise DocumentError(
                "no header", code="malformed_report", where="line 1", expected=",".join(FIELDS), found=found
            )
        for row in rows:
            if row:
                yield Line(rows.line_num, dict(zip((*FIELDS, ""), row, strict=False)))
    except UnicodeDecodeError as error:
        raise DocumentError("not UTF-8", code="not_utf8", where=f"byte {error.start}", expected="UTF-8") from None
    except csv.Error as error:
        raise DocumentError(f"not CSV: {error}", code="malformed_report", where=f"line {rows.line_num}") from None


def _from_json(data: bytes) -> Iterator[Line]:
    report = an_object(read_json(data), "the report")
    if unknown := sorted(report.keys() - {"lines"}):
        raise DocumentError("no such member", code="unknown_member", where=unknown[0][:SHOWN], expected="lines")
    for number, each in enumerate(a_list(report.get("lines"), "lines"), 1):
        yield Line(number, an_object(each, f"lines: {number}"))


#: As `epcis/xml.py`: nothing is expanded, no file and no address opened, and libxml2's own bounds stay on.
_SAFELY: Mapping[str, Any] = {
    **dict.fromkeys(("resolve_entities", "load_dtd", "dtd_validation", "huge_tree", "recover"), False),
    **dict.fromkeys(("no_network", "remove_comments", "remove_pis"), True),
}


def _from_xml(data: bytes) -> Iterator[Line]:
    try:
        root = None
        for event, element in etree.iterparse(BytesIO(data), events=("start", "end"), **_SAFELY):
            if root is None:
                root = _root(element)
            elif event == "start" and element.getparent() is not root:
                raise _no_line(element.getparent())
            elif event == "end" and element.getparent() is root:
                yield Line(element.sourceline or 0, _attributes(element))
                while (before := element.getprevious()) is not None:  # what was read is not kept
                    no_text(before.tail, before)
                    root.remove(before)
    except etree.XMLSyntaxError as error:
        line, column = error.position  # (0, 0) of nothing at all
        where, expected = f"line {line or 1}, column {column or 1}", "well-formed XML"
        raise DocumentError("not XML", code="malformed_report", where=where, expected=expected) from None


def _root(element: etree._Element) -> etree._Element:
    if element.getroottree().docinfo.internalDTD is not None:
        raise DocumentError("a DOCTYPE", code="doctype", where="before the first element", expected="no DOCTYPE")
    if element.tag != "lines":
        raise DocumentError("no report", code="malformed_report", where="line 1", expected="<lines>")
    return element


def _attributes(element: etree._Element) -> Mapping[str, Raw]:
    if element.tag != "line" or (element.text or "").strip():
        raise _no_line(element)
    return {str(name): str(value) for name, value in element.attrib.items()}


def _no_line(element: etree._Element | None) -> DocumentError:
    where = f"line {element.sourceline}" if element is not None else None
    expected = '<line gtin="..." serial="..." lot="..." expiry="..."/>'
    return DocumentError("no line of a report", code="malformed_report", where=where, expected=expected)


_READERS: Mapping[str, Callable[[bytes], Iterator[Line]]] = {
    CSV: _from_csv,
    JSON: _from_json,
    XML: _from_xml,
    "text/xml": _from_xml,
}


# ---- each line by itself --------------------------------------------------------------------------------------------


def judge(line: Line) -> Printed | Wrong:
    """The pack that it is about, or the first thing that is wrong with it."""
    values: list[str] = []
    for name in FIELDS:
        value = line.members.get(name)
        try:
            values.append(_FORMS[name](_text(value)))
        except (Gs1Error, DocumentError) as error:
            found = error.found and error.found[:SHOWN]
            return Wrong(line.number, name, error.code, error.detail, error.expected, found)
    if unknown := sorted(line.members.keys() - set(FIELDS)):
        expected = ", ".join(FIELDS)
        return Wrong(line.number, unknown[0][:SHOWN], "unknown_member", "more than belongs there", expected)
    return Printed(line.number, *values)


def _text(value: Raw) -> str:
    if value is None or value == "":
        raise DocumentError("nothing is said", code="missing_member", expected=", ".join(FIELDS))
    if type(value) is not str:  # a number has lost the zeros in front
        expected, found = "text", "a number" if isinstance(value, Number) else type(value).__name__
        raise DocumentError("the wrong kind of value", code="wrong_type", expected=expected, found=found)
    return value


@lru_cache(maxsize=64)  # a report is of few products
def _gtin(text: str) -> str:
    if len(text) not in Gtin.SIZES or not (text.isascii() and text.isdigit()):
        check("01", text)  # which says what is wrong with it
    return Gtin.parse(text).value


def _checked(ai: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        check(ai, text)
        return text

    return checked


def _expiry(text: str) -> str:
    """As people write a day, or as a label has it: there day 00 is the last of the month."""
    try:
        if _is_on_a_label(text):
            return _last_day(text) if text.endswith("00") else date.fromisoformat("20" + text).isoformat()
        if _is_a_day(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise BadDate("no date", expected="YYYY-MM-DD, or YYMMDD", found=repr(text))


_is_on_a_label = re.compile("[0-9]{6}").fullmatch
_is_a_day = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def _last_day(text: str) -> str:
    first = date.fromisoformat(f"20{text[:4]}01")
    return f"{(first + timedelta(days=31)).replace(day=1) - timedelta(days=1):%Y-%m-%d}"


_FORMS: Mapping[str, Callable[[str], str]] = {
    "gtin": _gtin,
    "serial": _checked("21"),
    "lot": _checked("10"),
    "expiry": _expiry,
}
