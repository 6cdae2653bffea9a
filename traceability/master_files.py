"""Files that tell what products and places are: CSV, EPCIS, the FDA's NDC directory; each line judged by itself. Pure.

    gtin,ndc,name,strength,dosage_form,container_size,labeler,labeler_gln,level,valid_from,valid_to
    00300010123455,0001-0123-45,Examplin,5 mg,TABLET,30 TABLET in 1 BOTTLE,Example Inc.,,unit,2026-01-01,

    gln,name,operator,street,city,state,postal_code,country,valid_from,valid_to
    0614141000029,Warehouse East,0614141000012,1 Dock Road,Newark,NJ,07102,US,2026-01-01,

Of CSV the first line names its columns: the key, and those of the others of which something is to be said; an empty
field says that there is nothing, an empty `valid_to` that no end is known. An EPCIS document, XML or JSON, tells by the
master data in its header (CBV 2.0 section 9). The directory is two files or a ZIP of them, product.txt and package.txt,
tab separated in Windows-1252, which PRODUCTID joins; its GTINs are those that hold the ten digits of the package's NDC.

A file that cannot be read is refused whole. In one that can, each wrong line is named by its number, from 1: that of
the text, of package.txt, of the description in the header.
"""

import csv
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from io import BytesIO, StringIO
from itertools import zip_longest
from operator import itemgetter
from typing import Literal, NamedTuple, TypeAlias

from partners.gs1.application_identifiers import check
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Gtin
from partners.gs1.ndc import Format, Ndc

from .epcis.documents import parse
from .epcis.errors import DocumentError
from .epcis.limits import Limits
from .line_report import Wrong

Source: TypeAlias = Literal["csv", "epcis", "fda", "form"]
CSV: Source = "csv"
EPCIS: Source = "epcis"
FDA: Source = "fda"
FORM: Source = "form"  # one thing, by a person or a program, and no file
SHOWN = 80  # characters of what was found
LONGEST = 2000  # characters of any text
MOST_COLUMNS = 100  # of the directory, which has some twenty: each line is filled up to so many
DAYS = ("valid_from", "valid_to")
EVERY = 1000  # lines it is said how far it is


@dataclass(frozen=True)
class Kind:
    """What is described: its key, and what may be told of it."""

    name: str  # in the plural
    key: str
    fields: tuple[str, ...]
    also: tuple[str, ...] = ()  # columns that say how another is read

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return (self.key, *self.fields, *self.also, *DAYS)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.columns)


PRODUCTS = Kind(
    "products",
    "gtin",
    ("ndc", "name", "strength", "dosage_form", "container_size", "labeler", "labeler_gln", "level"),
    ("ndc_format",),
)
PLACES = Kind("places", "gln", ("name", "operator", "street", "city", "state", "postal_code", "country"))


class Line(NamedTuple):
    """One line, as it was written: what has no name has the name ""."""

    number: int
    members: Mapping[str, str]


class Said(NamedTuple):
    """What a line tells of one thing; everything in it is of its form. What it does not tell is not there."""

    line: int
    key: str  # GTIN-14, GLN-13
    fields: Mapping[str, str]
    valid_from: date | None
    valid_to: date | None  # the first day on which it no longer is
    open_end: bool  # that there is no such day is told, too


@dataclass(frozen=True, slots=True)
class Brought:
    """All that files tell."""

    source: Source
    lines: Sequence[Said | Wrong]


def unheard(*_: int) -> None:
    """Nobody asks how far it is."""


def read(
    files: Sequence[bytes], kind: Kind, limits: Limits, most: int, progress: Callable[[int, int], None] = unheard
) -> Brought:
    """What files tell: one of CSV or EPCIS, or both of the FDA's, or a ZIP of them; `most` lines at most. Raises
    `DocumentError` for what is none of that. `progress` is told now and then how many lines are read, and of how many:
    as many as there are in the longest text, about."""
    unpacked = _texts(files, limits.max_bytes)
    total = max((text.count(b"\n") for text in unpacked), default=0)
    source, lines = _lines(unpacked, kind, limits)
    judged: list[Said | Wrong] = []
    for line in lines:
        if len(judged) == most:
            raise DocumentError("more lines than are read here", code="too_many_lines", expected=f"{most} at most")
        if not len(judged) % EVERY:
            progress(len(judged), max(total, len(judged)))
        judged.append(line if isinstance(line, Wrong) else judge(kind, line))
    return Brought(source, judged)


def _lines(files: Sequence[bytes], kind: Kind, limits: Limits) -> tuple[Source, Iterable[Line | Wrong]]:
    directory = {name: data for data in files if (name := _of_directory(data))}
    if directory and kind is PRODUCTS and len(files) == len(directory) == 2:
        return FDA, _from_fda(directory["product.txt"], directory["package.txt"])
    if directory or len(files) != 1:
        expected = "one file, or product.txt and package.txt of the FDA's directory, for products"
        raise DocumentError("not the files of one table", code="malformed_table", expected=expected)
    (data,) = files
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"{", b"\xff\xfe", b"\xfe\xff")):
        return EPCIS, _from_epcis(data, kind, limits)
    return CSV, _from_csv(data, kind)


def _texts(files: Sequence[bytes], most: int) -> list[bytes]:
    """All of them, so large at most together: what is more is refused before the next one is unpacked."""
    texts: list[bytes] = []
    left = most
    for data in files:
        for text in _unpacked(data, left):
            left -= len(text)
            if left < 0:
                raise DocumentError("more than is read here", code="too_large", expected=f"{most} bytes")
            texts.append(text)
    return texts


def _unpacked(data: bytes, left: int) -> Iterator[bytes]:
    """A ZIP as its text files, and no more of them than is left to read: what it says of its size is not believed."""
    if not data.startswith(b"PK\x03\x04"):
        yield data
        return
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            for name in [each for each in packed.namelist() if each.lower().endswith((".txt", ".csv"))][:3]:
                with packed.open(name) as file:
                    text = file.read(left + 1)
                left -= len(text)
                yield text
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise DocumentError("not a ZIP that is read here", code="malformed_table", where="the file") from error


# ---- CSV ------------------------------------------------------------------------------------------------------------


def _from_csv(data: bytes, kind: Kind) -> Iterator[Line]:
    """RFC 4180."""
    try:
        rows = csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = next(rows, [])
        _demand_columns(header, kind)
        for row in rows:
            if row:
                named = dict(zip_longest(header, row[: len(header)]))
                told = {name: value for name, value in named.items() if value is not None}
                yield Line(rows.line_num, told | ({"": row[len(header)]} if len(row) > len(header) else {}))
    except UnicodeDecodeError as error:
        raise DocumentError("not UTF-8", code="not_utf8", where=f"byte {error.start}", expected="UTF-8") from None
    except csv.Error as error:
        raise DocumentError(f"not CSV: {error}", code="malformed_table", where=f"line {rows.line_num}") from None


def _demand_columns(header: Sequence[str], kind: Kind) -> None:
    odd = next((name for at, name in enumerate(header) if name not in kind.columns or name in header[:at]), None)
    if kind.key not in header or odd is not None:
        raise DocumentError(
            "not the header of a table that is read here",
            code="malformed_table",
            where="line 1",
            expected=f"{kind.key}, and any of {', '.join(kind.columns[1:])}, each once",
            found=repr(",".join(header) if odd is None else odd)[:SHOWN],
        )


# ---- the FDA's directory ------------------------------------------------------------------------------------------

_PRODUCT = (
    *("PRODUCTID", "PROPRIETARYNAME", "PROPRIETARYNAMESUFFIX", "NONPROPRIETARYNAME", "DOSAGEFORMNAME", "LABELERNAME"),
    *("ACTIVE_NUMERATOR_STRENGTH", "ACTIVE_INGRED_UNIT", "STARTMARKETINGDATE", "ENDMARKETINGDATE"),
)
_PACKAGE = ("PRODUCTID", "NDCPACKAGECODE", "PACKAGEDESCRIPTION", "STARTMARKETINGDATE", "ENDMARKETINGDATE")


def _of_directory(data: bytes) -> str | None:
    """Which of its two files this is, by its first line."""
    first = data[:2000].partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf").upper().rstrip().split(b"\t")
    if b"PRODUCTID" not in first:
        return None
    return "package.txt" if b"NDCPACKAGECODE" in first else "product.txt"


def _table(data: bytes, wanted: Sequence[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines, with what is wanted of each, in that order; a field that a line lacks is empty."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    lines = text.split("\n")
    header = [each.strip().upper() for each in lines[0].split("\t", MOST_COLUMNS)]
    if missing := [each for each in wanted if each not in header]:
        raise DocumentError(
            "a column is missing", code="malformed_table", where=f"{name}, line 1", expected=", ".join(missing)
        )
    chosen = itemgetter(*map(header.index, wanted))
    for number, line in enumerate(lines[1:], 2):
        if stripped := line.rstrip("\r"):
            row = stripped.split("\t")
            row += [""] * (len(header) - len(row))
            yield number, _plain(chosen(row))


def _plain(fields: Sequence[str]) -> list[str]:
    """Without quotation marks around them, and with single blanks."""
    fields = [field.strip(' "') for field in fields]
    if (together := "".join(fields)).isprintable() and "  " not in together:
        return fields
    return [" ".join(field.split()) for field in fields]


def _from_fda(products: bytes, packages: bytes) -> Iterator[Line | Wrong]:
    told = {row[0]: _of_product(row) for _, row in _table(products, _PRODUCT, "product.txt")}
    for number, (product, ndc, container_size, begins, ends) in _table(packages, _PACKAGE, "package.txt"):
        of = told.get(product)
        if of is None:
            detail, expected = "no line of product.txt has it", "a PRODUCTID of product.txt"
            yield Wrong(number, "PRODUCTID", "unknown_product", detail, expected, product[:SHOWN])
            continue
        members = of | {"ndc": ndc, "container_size": container_size}
        if begins:
            members["valid_from"] = _iso(begins)
        if ends:
            members["valid_to"] = _after(_iso(ends))
        yield Line(number, members)


def _of_product(row: Sequence[str]) -> dict[str, str]:
    """What all packages of a product have in common; and its days, for those that have none of their own."""
    _, name, suffix, established, dosage_form, labeler, strengths, units, begins, ends = row
    return {
        "name": " ".join(filter(None, (name, suffix))) or established,
        "strength": _strength(strengths, units),
        "dosage_form": dosage_form,
        "labeler": labeler,
        "valid_from": _iso(begins),
        "valid_to": _after(_iso(ends)),
    }


def _strength(strengths: str, units: str) -> str:
    """Of each active ingredient, as the directory writes it.

    >>> _strength("50; 12.5", "mg/1; mg/1")
    '50 mg/1; 12.5 mg/1'
    """
    each = zip_longest(strengths.split(";"), units.split(";"), fillvalue="")
    return "; ".join(filter(None, (f"{amount.strip()} {unit.strip()}".strip() for amount, unit in each)))


@lru_cache(maxsize=4096)  # directories are of few days
def _iso(day: str) -> str:
    """YYYYMMDD with hyphens; whatever else it is, is refused later."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if _EIGHT(day) else day


_EIGHT = re.compile("[0-9]{8}").fullmatch


@lru_cache(maxsize=4096)
def _after(day: str) -> str:
    """The day after the last one."""
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat() if day else ""
    except (ValueError, OverflowError):
        return day


# ---- EPCIS --------------------------------------------------------------------------------------------------------

#: By field, the attributes of CBV 2.0 section 9.2 that tell it, the best first.
_PRODUCT_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "name": ("regulatedProductName", "functionalName", "descriptionShort", "labelDescription"),
    "strength": ("strengthDescription",),
    "dosage_form": ("dosageFormType",),
    "container_size": ("netContentDescription",),
    "labeler": ("manufacturerOfTradeItemPartyName", "labelerName"),
}
_PLACE_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "street": ("streetAddressOne", "streetAddressTwo", "streetAddressThree"),
    "city": ("city",),
    "state": ("state", "stateOrProvince"),
    "postal_code": ("postalCode",),
    "country": ("countryCode",),
}
_NDC, _NDC_KIND = "additionalTradeItemIdentification", "additionalTradeItemIdentificationTypeCode"
_NDC_KINDS = ("US_FDA_NDC", "FDA_NDC_11", "FDA_NDC_10", "FDA_NDC")  # GS1 US, R1.3 and before


def _from_epcis(data: bytes, kind: Kind, limits: Limits) -> Iterator[Line | Wrong]:
    header = parse(data, limits=limits).header
    start = "product:" if kind is PRODUCTS else "place:"
    described = [(name.removeprefix(start), value) for name, value in header.items() if name.startswith(start)]
    attributes = _PRODUCT_ATTRIBUTES if kind is PRODUCTS else _PLACE_ATTRIBUTES
    for number, (key, value) in enumerate(described, 1):
        if "/" in key:  # a lot, a serial number, a dock
            detail = "finer than what is described here"
            yield Wrong(number, kind.key, "wrong_kind", detail, "a GTIN or a GLN", key[:SHOWN])
        elif isinstance(value, dict) and (told := _told(attributes, value, kind)):
            yield Line(number, {kind.key: key} | told)


def _told(attributes: Mapping[str, tuple[str, ...]], value: Mapping[str, object], kind: Kind) -> dict[str, str]:
    told = {}
    for name, several in attributes.items():
        given = [str(value[attribute]) for attribute in several if attribute in value]
        parts = given if name == "street" else given[:1]
        if parts:
            told[name] = ", ".join(" ".join(line.split()) for part in parts for line in part.split("\n"))
    if kind is PRODUCTS and (ndc := _ndc_of(value)):
        told["ndc"] = ndc
    return told


def _ndc_of(value: Mapping[str, object]) -> str | None:
    """Of several identifications, the one whose kind stands beside it. Of one NDC without hyphens the length tells."""
    kinds, numbers = str(value.get(_NDC_KIND, "")).split("\n"), str(value.get(_NDC, "")).split("\n")
    pairs = zip(kinds, numbers, strict=False) if len(kinds) == len(numbers) else ()
    return next((number for kind, number in pairs if kind in _NDC_KINDS), None)


# ---- each line by itself --------------------------------------------------------------------------------------------


def judge(kind: Kind, line: Line) -> Said | Wrong:
    """What it tells, or the first thing that is wrong with it."""
    where, members = kind.key, line.members
    try:
        if not members.keys() <= kind.names:
            unknown = min(members.keys() - kind.names)
            raise DocumentError("more than belongs there", code="unknown_member", where=unknown, expected=kind.name)
        ndc = _ndc(members) if members.get("ndc") else None
        key = _key(kind, members, ndc)
        told: dict[str, str] = {}
        for where in kind.fields:
            if (value := members.get(where)) is not None:
                told[where] = str(ndc) if where == "ndc" and ndc else _FORMS.get(where, _text)(value)
        if told.get("name", "is not told") == "":
            where = "name"
            raise DocumentError("nothing is said", code="missing_member", expected="a name")
        where = "valid_to"
        begins, ends = _day(members, "valid_from"), _day(members, "valid_to")
        if begins and ends and ends <= begins:
            raise DocumentError("ends before it begins", code="empty_period", found=ends.isoformat())
        return Said(line.number, key, told, begins, ends, members.get("valid_to") == "")
    except (Gs1Error, DocumentError) as error:
        found = error.found and error.found[:SHOWN]
        at = error.where if error.where in kind.columns else where
        return Wrong(line.number, at, error.code, error.detail, error.expected, found)


def _key(kind: Kind, members: Mapping[str, str], ndc: Ndc | None) -> str:
    key = members.get(kind.key, "")
    if kind is PLACES:
        check("414", key)
        return key
    if not key and ndc is not None and kind.key not in members:
        return ndc.gtin()
    if len(key) not in Gtin.SIZES or not (key.isascii() and key.isdigit()):
        check("01", key)  # which says what is wrong with it
    gtin = Gtin.parse(key).value
    if ndc is not None:
        ndc.demand_of(gtin)
    return gtin


def _ndc(members: Mapping[str, str]) -> Ndc:
    form = members.get("ndc_format") or None
    try:
        return Ndc.parse(members["ndc"], Format(form) if form else None)
    except Gs1Error:
        raise
    except ValueError:
        expected = ", ".join(Format)
        raise DocumentError(
            "no format of an NDC", code="malformed_ndc", where="ndc_format", expected=expected, found=repr(form)[:SHOWN]
        ) from None


def _text(value: str) -> str:
    if len(value) > LONGEST or not value.isprintable():
        expected = f"at most {LONGEST} printable characters"
        raise DocumentError("no text", code="unwritable", expected=expected, found=repr(value)[:SHOWN])
    return value.strip()


def _gln(value: str) -> str:
    if value:
        check("417", value)
    return value


def _level(value: str) -> str:
    if value not in ("", "unit", "case"):
        raise DocumentError("no level", code="bad_value", expected="unit or case", found=repr(value)[:SHOWN])
    return value


_FORMS: Mapping[str, Callable[[str], str]] = {"labeler_gln": _gln, "operator": _gln, "level": _level}

_A_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def _day(members: Mapping[str, str], name: str) -> date | None:
    text = members.get(name, "")
    if not text:
        return None
    try:
        return _parsed(text)
    except ValueError:
        found = repr(text)[:SHOWN]
        raise DocumentError("no date", code="bad_date", where=name, expected="YYYY-MM-DD", found=found) from None


@lru_cache(maxsize=4096)
def _parsed(day: str) -> date:
    if not _A_DAY(day) or day[:2] not in ("18", "19", "20", "21"):  # no slip of the pen is kept for ever
        raise ValueError("no date")
    return date.fromisoformat(day)
