"""GS1 identifiers: the numbers, and the one form in which they are stored, signed and compared.

`canonical` brings any spelling into that form, a Digital Link on https://id.gs1.org (FORMATS section 2):

    urn:epc:id:sgtin:0614141.012345.6789                           ->  https://id.gs1.org/01/00614141123452/21/6789
    https://maker.example/gtin/614141123452/ser/6789?17=271231     ->  https://id.gs1.org/01/00614141123452/21/6789
    https://id.gs1.org/01/00614141123452/10/LOT1/21/6789           ->  https://id.gs1.org/01/00614141123452/21/6789

The values below it are what a canonical identifier says, taken apart. A URN tells its Digital Link; the way back needs
the length of the company prefix, which the number does not tell: `urn` asks for it, and nobody here guesses it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

from .application_identifiers import check, check_digit
from .digital_link import canonical_link, link, read_path
from .epc_urn import canonical_urn, urn_of
from .errors import BadLength, BadValue, Gs1Error, WrongKind

__all__ = [
    "GTIN_AT",
    "SERIAL_AT",
    "Gln",
    "Gtin",
    "Lgtin",
    "Pgln",
    "Sgln",
    "Sgtin",
    "Sscc",
    "canonical",
    "check_digit",
    "gln_of",
    "gtin_of",
    "is_canonical",
    "is_sgtin",
    "is_sscc",
    "matches_prefix",
]

GTIN_AT = len("https://id.gs1.org/01/")  # where a canonical identifier of a trade item has its GTIN
SERIAL_AT = len("https://id.gs1.org/01/00614141123452/21/")  # and that of a single one its serial number
_LONGEST_KEPT = 200  # characters of a URI; the caches must not fill with what a stranger makes long
_GRANT = re.compile(r"[0-9]{4,12}")
_plain = re.compile(r"[0-9A-Za-z._-]{1,20}").fullmatch  # a serial number that is the same in every spelling


def canonical(uri: str) -> str:
    """The one form of a GS1 identifier; every other URI as it came. Raises for what claims to be a key and is none.

    >>> canonical("urn:epc:id:sgtin:0614141.012345.6789")
    'https://id.gs1.org/01/00614141123452/21/6789'
    >>> canonical("urn:epc:id:sgln:0614141.00777.0")
    'https://id.gs1.org/414/0614141007776'
    >>> canonical("urn:epcglobal:cbv:bt:0614141007776:PO1")
    'urn:epcglobal:cbv:bt:0614141007776:PO1'
    """
    # A document names tens of thousands of units of a few products: what they share is read once.
    if len(uri) > _LONGEST_KEPT:
        return _read(uri)
    if uri.startswith("urn:epc:id:sgtin:"):
        company, _, rest = uri.partition(".")
        item, _, serial = rest.partition(".")
        if _plain(serial) and (stem := _stem(company, item)):
            return stem + serial
    elif uri.startswith("https://id.gs1.org/01/") and _plain(uri, 40) and _is_stem(uri[:40]):
        return uri
    return _read_once(uri)


def _read(uri: str) -> str:
    if uri[:8].lower() == "urn:epc:":
        return canonical_urn(uri)
    if uri[:4].lower() == "http":
        return canonical_link(uri)
    return uri


_read_once = lru_cache(maxsize=8192)(_read)


@lru_cache(maxsize=4096)
def _stem(company: str, item: str) -> str | None:
    """What the Digital Links of a product's units begin with; None if that needs a closer look."""
    try:
        return canonical_urn(f"{company}.{item}.0")[:-1]
    except Gs1Error:
        return None


@lru_cache(maxsize=4096)
def _is_stem(start: str) -> bool:
    try:
        return start.endswith("/21/") and canonical_link(start + "0") == start + "0"
    except Gs1Error:
        return False


_is_uri = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f]+").fullmatch


def is_canonical(uri: str) -> bool:
    """Whether it is an absolute URI and, where it is a GS1 identifier, in the one form of that.

    >>> is_canonical("https://id.gs1.org/01/00614141123452/21/6789"), is_canonical("https://maker.example/tote/7")
    (True, True)
    >>> is_canonical("https://maker.example/01/00614141123452/21/6789"), is_canonical("tote 7")
    (False, False)
    """
    try:
        return _is_uri(uri) is not None and canonical(uri) == uri
    except Gs1Error:
        return False


def is_sgtin(uri: str) -> bool:
    """Whether a canonical identifier is that of one trade item."""
    return uri.startswith("https://id.gs1.org/01/") and uri.startswith("/21/", 36)


def is_sscc(uri: str) -> bool:
    """Whether a canonical identifier is that of one logistic unit."""
    return uri.startswith("https://id.gs1.org/00/")


def gtin_of(uri: str) -> str | None:
    """The GTIN-14 that an identifier in any spelling begins with, or None.

    >>> gtin_of("urn:epc:class:lgtin:0614141.012345.LOT1")
    '00614141123452'
    """
    form = canonical(uri)
    return form[22:36] if form.startswith("https://id.gs1.org/01/") else None


def gln_of(uri: str) -> str | None:
    """The GLN-13 by which places and parties compare, however written, or None for anything else.

    >>> gln_of("urn:epc:id:sgln:0614141.00777.dock-4") == gln_of("urn:epc:id:pgln:0614141.00777") == "0614141007776"
    True
    """
    try:
        if uri[:13].isdigit():
            return Gln(uri).value
        form = canonical(uri)
    except Gs1Error:
        return None
    return form[23:36] if form.startswith(("https://id.gs1.org/414/", "https://id.gs1.org/417/")) else None


def matches_prefix(gtin: str, grant: str) -> bool:
    """Whether a member of a prefix statement, a GTIN-14 or a company prefix, covers a GTIN-14.

    >>> matches_prefix("00614141123452", "0614141"), matches_prefix("50614141123457", "00614141123452")
    (True, False)
    """
    if len(grant) == 14:
        return gtin == grant
    if not _GRANT.fullmatch(grant):  # an empty one would cover everything
        raise BadValue("a grant is a GTIN-14 or a company prefix", expected="14 or 4 to 12 digits", found=repr(grant))
    return gtin.startswith(grant, 1)


class _Identifier:
    """What the values share: parts that AIs hold, read from any spelling, written as a Digital Link or as a URN."""

    __slots__ = ()
    AIS: ClassVar[tuple[str, ...]]  # one a part
    ALSO: ClassVar[tuple[tuple[str, ...], ...]] = ()  # AIs of other Digital Links that are read
    SIZES: ClassVar[tuple[int, ...]] = ()  # in digits, where the number alone is a spelling too
    SCHEME: ClassVar[str]
    ENDING: ClassVar[str] = ""  # of the URN, where the value has no more parts

    def __post_init__(self) -> None:
        for ai, part in self._elements():
            check(ai, part)

    def _elements(self) -> list[tuple[str, str]]:
        parts = [getattr(self, name) for name in self.__match_args__]  # type: ignore[attr-defined]
        return [(ai, part) for ai, part in zip(self.AIS, parts, strict=True) if part is not None]

    def __str__(self) -> str:
        return self._elements()[0][1] if self.SIZES else self.uri

    @property
    def uri(self) -> str:
        """The canonical Digital Link."""
        return link(self._elements())

    def urn(self, company_prefix_length: int) -> str:
        """The EPC URN; so many digits of the number, 6 to 12, are its company prefix."""
        return urn_of(self.SCHEME, self._elements(), self.ENDING, company_prefix_length)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an EPC URN, a Digital Link of any site, or the digits alone of a GTIN, SSCC or GLN."""
        if cls.SIZES and text.isascii() and text.isdigit():
            return cls._of_digits(text)
        elements = read_path(canonical(text))[1]
        if tuple(ai for ai, _ in elements) not in (cls.AIS, *cls.ALSO):
            raise WrongKind(f"not the identifier of a {cls.__name__}", expected=cls.SCHEME, found=repr(text))
        return cls(*(part for _, part in elements[: len(cls.AIS)]))

    @classmethod
    def _of_digits(cls, text: str) -> Self:
        if len(text) not in cls.SIZES:
            sizes = " or ".join(map(str, cls.SIZES))
            raise BadLength(f"not a {cls.__name__}", expected=f"{sizes} digits", found=f"{text!r} ({len(text)})")
        return cls(text.zfill(max(cls.SIZES)))  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class Gtin(_Identifier):
    """A trade item.

    >>> Gtin.parse("614141123452").urn(7)
    'urn:epc:idpat:sgtin:0614141.012345.*'
    """

    value: str  # 14 digits

    AIS = ("01",)
    SIZES = (8, 12, 13, 14)
    SCHEME, ENDING = "idpat:sgtin", ".*"


@dataclass(frozen=True, slots=True)
class Sgtin(_Identifier):
    """One unit of a trade item.

    >>> Sgtin.parse("urn:epc:id:sgtin:0614141.012345.6789")
    Sgtin(gtin='00614141123452', serial='6789')
    """

    gtin: str  # 14 digits
    serial: str  # 1 to 20 characters of set 82

    AIS = ("01", "21")
    SCHEME = "id:sgtin"


@dataclass(frozen=True, slots=True)
class Lgtin(_Identifier):
    """A lot of a trade item.

    >>> Lgtin.parse("https://maker.example/01/00614141123452/10/LOT1").urn(7)
    'urn:epc:class:lgtin:0614141.012345.LOT1'
    """

    gtin: str  # 14 digits
    lot: str  # 1 to 20 characters of set 82

    AIS = ("01", "10")
    SCHEME = "class:lgtin"


@dataclass(frozen=True, slots=True)
class Sscc(_Identifier):
    """A logistic unit: a case, a pallet.

    >>> Sscc.parse("006141417000000004").urn(7)
    'urn:epc:id:sscc:0614141.0700000000'
    """

    value: str  # 18 digits

    AIS = ("00",)
    SIZES = (18,)
    SCHEME = "id:sscc"


@dataclass(frozen=True, slots=True)
class Gln(_Identifier):
    """A place or a party, whichever it was written as; a part of a place is that place.

    >>> Gln.parse("urn:epc:id:pgln:0614141.00777") == Gln.parse("urn:epc:id:sgln:0614141.00777.dock-4")
    True
    """

    value: str  # 13 digits

    AIS = ("414",)
    ALSO = (("414", "254"), ("417",))
    SIZES = (13,)
    SCHEME, ENDING = "id:sgln", ".0"


@dataclass(frozen=True, slots=True)
class Sgln(_Identifier):
    """A place, or a part of it.

    >>> Sgln.parse("urn:epc:id:sgln:0614141.00777.dock-4")
    Sgln(gln='0614141007776', extension='dock-4')
    """

    gln: str  # 13 digits
    extension: str | None = None  # 1 to 20 characters of set 82

    AIS = ("414", "254")
    ALSO = (("414",),)
    SCHEME, ENDING = "id:sgln", ".0"

    def __post_init__(self) -> None:
        _Identifier.__post_init__(self)
        if self.extension == "0":
            raise BadValue("a URN writes 0 for no extension", expected="None", found="'0'")


@dataclass(frozen=True, slots=True)
class Pgln(_Identifier):
    """A party.

    >>> Pgln("0614141007776").uri
    'https://id.gs1.org/417/0614141007776'
    """

    gln: str  # 13 digits

    AIS = ("417",)
    SCHEME = "id:pgln"
