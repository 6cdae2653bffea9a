"""What a scanner reads: GS1 element strings, each an application identifier (AI) and its value.

    ]d20100300123456785 21A-1<GS> 17271231 10LOT1    scanned (here with spaces): a separator after what varies in length
    (01)00300123456785(21)A-1(17)271231(10)LOT1      written for people

`parse_scan` takes anything a scanner yields: either of these, a GS1 Digital Link, an EPC URN, the digits of a bar code.
An AI that is not in the table is carried through. Where a scanner dropped its separators, nothing is guessed.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from .application_identifiers import AI_LENGTHS, PREDEFINED, check
from .digital_link import KEYS, RESOLVER, escape, filled, link, path_order, read_path, unescape_query
from .errors import BadDate, BadLength, MalformedDigitalLink, MalformedElementString, WrongKind
from .identifiers import Gtin, Sscc, canonical

GS = "\x1d"  # how the FNC1 between two element strings arrives
LONGEST = 8000  # characters; the largest QR Code holds 7089 digits

#: What scanners are set to send instead, because a browser drops GS when it is typed. All of it is outside character
#: set 82, so that no value can hold it.
_SUBSTITUTES = re.compile(r"\{GS\}|[|^~\u241d]")
_BLANKS = " \t\r\n"  # what scanners send after a symbol; not GS, which `strip` would take for white space

#: Symbols that hold element strings (ISO/IEC 15424): GS1-128, DataBar and composites, DataMatrix, QR, DotCode.
_GS1_SYMBOLS = ("]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1")

#: Symbols that hold a GTIN alone, of so many digits: EAN-13 and UPC, EAN-8, ITF-14.
_GTIN_SYMBOLS = {"]E0": 13, "]E4": 8, "]I1": 14}

#: AIs that are no attribute in the query of a Digital Link: they have a place in its path, or none.
_NO_ATTRIBUTES = {"03", "21", "22", "235", "254", "8011", "8019", "8020"}

_BRACKETED = re.compile(r"\(([0-9]{2,4})\)((?:[^(\\]|\\[()])*)")


@dataclass(frozen=True, slots=True)
class ElementString:
    """AIs and their values, in the order in which they were read.

    >>> pack = parse("]d2010030012345678521A-1{GS}1727120010LOT1")
    >>> str(pack)
    '(01)00300123456785(21)A-1(17)271200(10)LOT1'
    >>> pack.uri, pack.lot, pack.expiry(date(2026, 1, 5))
    ('https://id.gs1.org/01/00300123456785/21/A-1', 'LOT1', datetime.date(2027, 12, 31))
    """

    elements: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not self.elements:
            raise MalformedElementString("nothing was read", expected="an application identifier and its value")
        for ai, value in self.elements:
            if not re.fullmatch("[0-9]{2,4}", ai) or len(ai) != AI_LENGTHS.get(ai[:2], len(ai)):
                raise MalformedElementString("not an application identifier", expected="2 to 4 digits", found=repr(ai))
            check(ai, value)
            if (other := self.get(ai)) != value:  # which of the two is meant, nobody can tell
                raise MalformedElementString(f"two values for AI {ai}", expected=repr(other), found=repr(value))

    def __str__(self) -> str:
        """As people read it: `(01)00300123456785(21)A-1`."""
        return "".join(f"({ai})" + value.replace("(", r"\(") for ai, value in self.elements)

    def scan(self) -> str:
        """As a scanner reads it, without the symbology: GS after what varies in length, but for the last."""
        parts = [ai + value + ("" if ai[:2] in PREDEFINED else GS) for ai, value in self.elements]
        return "".join(parts).removesuffix(GS)

    def get(self, ai: str) -> str | None:
        return next((value for name, value in self.elements if name == ai), None)

    @property
    def gtin(self) -> str | None:
        return self.get("01")

    @property
    def serial(self) -> str | None:
        return self.get("21")

    @property
    def lot(self) -> str | None:
        return self.get("10")

    @property
    def sscc(self) -> str | None:
        return self.get("00")

    @property
    def gln(self) -> str | None:
        """Of the place (414), else of the party (417)."""
        return self.get("414") or self.get("417")

    @property
    def expiry_raw(self) -> str | None:
        """The six digits YYMMDD as printed."""
        return self.get("17")

    def expiry(self, today: date) -> date | None:
        """The last day of use."""
        return None if self.expiry_raw is None else resolve_date(self.expiry_raw, today)

    @property
    def uri(self) -> str | None:
        """The canonical identifier of what carries this, or None where no key was read."""
        key = self._key()
        return None if key is None else link(self._path(key))

    def digital_link(self, stem: str = f"https://{RESOLVER}") -> str:
        """All of it as a Digital Link: key and qualifiers in the path, the rest as attributes in the query."""
        key = self._key()
        if key is None:
            raise MalformedDigitalLink("no key to begin with", expected="one of AI " + ", ".join(KEYS), found=str(self))
        path = self._path(key)
        names = [ai for ai, _ in path]
        attributes = {ai: value for ai, value in self.elements if ai not in names}
        _check_attributes(names, list(attributes))
        pairs = sorted(attributes.items(), key=lambda pair: pair[0][:2] not in PREDEFINED)
        query = "&".join(f"{ai}={escape(value)}" for ai, value in pairs)
        return stem + "".join(f"/{ai}/{escape(value)}" for ai, value in path) + ("?" + query if query else "")

    def _key(self) -> str | None:
        return next((ai for ai, _ in self.elements if ai in KEYS), None)

    def _path(self, key: str) -> list[tuple[str, str]]:
        values = dict(self.elements)
        return [(ai, values[ai]) for ai in (key, *path_order(key, values))]


def resolve_date(yymmdd: str, today: date) -> date:
    """The day that six digits name; day 00 is the last of the month (General Specifications section 3.4).

    The century is the one that puts the year at most 49 years before or 50 after this one (section 7.12).

    >>> resolve_date("290200", date(2026, 1, 5)), resolve_date("770131", date(2026, 1, 5))
    (datetime.date(2029, 2, 28), datetime.date(1977, 1, 31))
    """
    check("17", yymmdd)
    year, month, day = today.year // 100 * 100 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:])
    if year - today.year > 50:
        year -= 100
    elif year - today.year < -49:
        year += 100
    try:
        return date(year, month, day or monthrange(year, month)[1])
    except ValueError as error:  # 29 February of a year that ends in 00
        raise BadDate(str(error), expected="a date as YYMMDD", found=yymmdd) from error


def parse(text: str) -> ElementString:
    r"""Read an element string as scanned or as written for people.

    As scanned, it may begin with a symbology identifier or with FNC1 (as GS), and for GS the scanner may send `{GS}`,
    `|`, `^`, `~` or U+241D. As written for people, a bracket inside a value is escaped.

    >>> parse(r"(01)00300123456785 (21)A\(10)").serial
    'A(10)'
    """
    symbol, data = _symbol(text)
    if symbol and symbol not in _GS1_SYMBOLS:
        raise MalformedElementString("not a GS1 symbol", expected=" ".join(_GS1_SYMBOLS), found=symbol)
    return ElementString(tuple(_written(data) if data.startswith("(") else _scanned(data)))


def parse_scan(text: str) -> ElementString:
    """Read anything that a scanner yields, or that a person pastes instead.

    >>> parse_scan("https://maker.example/01/00300123456785/21/A-1?17=271231").expiry_raw
    '271231'
    >>> str(parse_scan("]E00300123456785")), str(parse_scan("urn:epc:id:sscc:0614141.0700000000"))
    ('(01)00300123456785', '(00)006141417000000004')
    """
    symbol, data = _symbol(text)
    if data[:4].lower() == "http":
        return _from_link(data)
    if data[:8].lower() == "urn:epc:":
        return _from_urn(data)
    if symbol in _GTIN_SYMBOLS:
        return _from_gtin_symbol(symbol, data)
    if not symbol and data.isascii() and data.isdigit():
        if len(data) in (12, 13, 14):  # not 8: that may be a date with its AI
            return ElementString((("01", str(Gtin.parse(data))),))
        if len(data) == 18:
            return ElementString((("00", str(Sscc.parse(data))),))
    return parse(text)


def _symbol(text: str) -> tuple[str, str]:
    """The symbology identifier, if any, and the data behind it."""
    if len(text) > LONGEST:
        raise BadLength("more than any symbol holds", expected=f"at most {LONGEST} characters", found=str(len(text)))
    text = text.strip(_BLANKS)
    return (text[:3], text[3:]) if text.startswith("]") else ("", text)


def _scanned(data: str) -> Iterator[tuple[str, str]]:
    for piece in _SUBSTITUTES.sub(GS, data).removeprefix(GS).removesuffix(GS).split(GS):
        yield from _piece(piece)


def _piece(piece: str) -> Iterator[tuple[str, str]]:
    """What stands between two separators: any number of values of predefined length, then at most one other."""
    rest = piece
    while rest or rest is piece:
        length = AI_LENGTHS.get(rest[:2])
        if length is None:
            raise MalformedElementString("no application identifier", expected="its first two digits", found=repr(rest))
        ai, rest = rest[:length], rest[length:]
        size = PREDEFINED.get(ai[:2], len(rest))
        if len(rest) < size:
            raise BadLength(f"the value of AI {ai} is cut short", expected=f"{size} characters", found=repr(rest))
        yield ai, rest[:size]
        rest = rest[size:]


def _written(data: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        match = _BRACKETED.match(data, at)
        if match is None:
            raise MalformedElementString(
                "no application identifier in brackets",
                where=f"character {at + 1}",
                expected=r"(01) and so on, a bracket inside a value as \(",
                found=repr(data[at:]),
            )
        yield match[1], re.sub(r"\\([()])", r"\1", match[2]).strip(_BLANKS)
        at = match.end()


def _from_gtin_symbol(symbol: str, data: str) -> ElementString:
    digits, _, composite = data.partition("|]e0")
    if len(digits) != (size := _GTIN_SYMBOLS[symbol]):
        raise BadLength(f"not what a {symbol} symbol holds", expected=f"{size} digits", found=repr(digits))
    more = _scanned(composite) if composite else ()
    return ElementString((("01", str(Gtin.parse(digits))), *more))


def _from_urn(urn: str) -> ElementString:
    _, elements = read_path(canonical(urn))
    if not elements:
        raise WrongKind("a URN of no GS1 key", expected="an SGTIN, SSCC, SGLN or other key", found=repr(urn))
    return ElementString(tuple(elements))


def _from_link(uri: str) -> ElementString:
    _, path = read_path(uri)
    if not path:
        raise MalformedDigitalLink(
            "no GS1 key in the path", expected="/01/ and a GTIN, or another key", found=repr(uri)
        )
    link(path)  # refuses what does not follow the key
    attributes = list(_attributes(uri.partition("#")[0].partition("?")[2]))
    _check_attributes([ai for ai, _ in path], [ai for ai, _ in attributes])
    return ElementString((*path, *attributes))


def _attributes(query: str) -> Iterator[tuple[str, str]]:
    """The AIs in a query; names that are no numbers are the web site's own."""
    for pair in query.split("&"):
        ai, given, value = pair.partition("=")
        if given and ai.isdigit():
            if len(ai) != AI_LENGTHS.get(ai[:2]):
                raise MalformedDigitalLink("a number that is no application identifier", found=repr(ai))
            yield filled(ai, unescape_query(value))


def _check_attributes(path: list[str], attributes: list[str]) -> None:
    """What belongs into the path is no attribute, and nothing is told twice (URI Syntax)."""
    for ai in attributes:
        if ai in _NO_ATTRIBUTES or ai in path_order(path[0], [*path, ai]) or [*path, *attributes].count(ai) > 1:
            raise MalformedDigitalLink(f"AI {ai} is out of place in the query", expected="AIs that describe the key")
