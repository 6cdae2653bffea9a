"""What the value of a member may be, and which one form it then has (FORMATS section 2): a rule for each kind.

In the order of the module: what was read, texts and identifiers, times, numbers, words, lists and sets.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TypeAlias

from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import canonical

from .cbv import RESERVED, SOURCE_DEST_TYPES, Vocabulary
from .errors import DocumentError
from .events import Action, Warning
from .jcs import JSON, encode
from .limits import Limits
from .names import Names

# What was read

Raw: TypeAlias = "str | bool | list[Raw] | dict[str, Raw] | None"
"""A value as it was read: nothing trimmed, nothing converted. A number is a `Number`."""

WHITE_SPACE = " \t\r\n"  # that of XML 1.0 section 2.3 and of RFC 8259 section 2; other blanks are somebody's data
EMPTY: "tuple[Raw | JSON, ...]" = (None, "", [], {})


class Number(str):
    """A number of JSON, as its digits were written."""

    __slots__ = ()


class Reading:
    """What the values of one document share while they are read."""

    def __init__(self, names: Names, *, typed: bool, limits: Limits) -> None:
        """`typed`: the syntax tells numbers and truth values from text."""
        self.names = names
        self.typed = typed
        self.limits = limits
        self.identifiers = _Identifiers(limits.max_uri)
        self.warnings: list[Warning] = []
        self.number = 0  # of the event being read

    def warn(self, code: str, detail: str) -> None:
        self.warnings.append(Warning(code, f"event {self.number}", detail))


Rule: TypeAlias = Callable[[Reading, Raw], JSON]
"""What a member may be, and its one form. Nothing empty reaches a rule; what a rule makes empty is absent."""


def is_empty(value: Raw) -> bool:
    return value in EMPTY or (isinstance(value, str) and not value.strip(WHITE_SPACE))


def an_object(value: Raw, where: str | None = None) -> dict[str, Raw]:
    if type(value) is not dict:
        raise wrong_type(type(value), "an object", where)
    return value


def a_list(value: Raw, where: str | None = None) -> list[Raw]:
    if type(value) is not list:
        raise wrong_type(type(value), "a list", where)
    return value


def wrong_type(kind: type, expected: str, where: str | None = None) -> DocumentError:
    found = _KINDS.get(kind, "nothing")
    return DocumentError("the wrong kind of value", code="wrong_type", where=where, expected=expected, found=found)


_KINDS = {Number: "a number", str: "text", bool: "true or false", list: "a list", dict: "an object"}


# Texts and identifiers


def not_carried(reading: Reading, value: Raw) -> None:
    """A member that is no part of the canonical event."""


def text(reading: Reading, value: Raw) -> str:
    if type(value) is not str:
        raise wrong_type(type(value), "text")
    return value.strip(WHITE_SPACE)


def identifier(reading: Reading, value: Raw) -> str:
    """A Digital Link for what is a GS1 key, any other URI byte for byte."""
    if type(value) is not str:
        raise wrong_type(type(value), "a URI")
    return reading.identifiers[value]


def uri(reading: Reading, value: Raw) -> str:
    """An identifier that GS1 does not make, byte for byte: an event's own."""
    return _check_uri(text(reading, value), reading.limits.max_uri)


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f]+")


def _check_uri(given: str, longest: int) -> str:
    if not _URI.fullmatch(given):
        raise DocumentError("not an absolute URI", code="bad_uri", expected="a URI", found=repr(given[:80]))
    if len(given.encode()) > longest:
        expected = f"at most {longest} bytes"
        raise DocumentError("a URI too long", code="too_large", expected=expected, found=repr(given[:80]))
    return given


class _Identifiers(dict[str, str]):
    """Canonical identifiers by what stood in the document: a unit is read once, however often it is named."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self._longest = longest

    def __missing__(self, given: str) -> str:
        trimmed = given.strip(WHITE_SPACE)
        if not trimmed:
            return trimmed
        _check_uri(trimmed, self._longest)
        try:
            self[given] = identifier = canonical(trimmed)
        except Gs1Error as error:
            found = error.found or repr(trimmed)
            raise DocumentError(error.detail, code=error.code, expected=error.expected, found=found) from error
        return identifier


# Times

_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([+-])(0[0-9]|1[0-3]|14(?=:00)):([0-5][0-9]))"
)
_OFFSET = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")


def time(reading: Reading, value: Raw) -> str:
    """UTC with at least three decimals, none of them rounded: `2026-01-05T08:00:00.000Z`."""
    given = text(reading, value)
    match = _TIME.fullmatch(given)
    if match is None:
        raise _bad_time(given)
    *fields, fraction, sign, hours, minutes = match.groups()
    try:
        instant = datetime(*map(int, fields), tzinfo=UTC)  # type: ignore[misc,arg-type]
        if sign:
            ahead = timedelta(hours=int(hours), minutes=int(minutes))
            instant = instant - ahead if sign == "+" else instant + ahead
    except (ValueError, OverflowError):  # a 30th of February, a leap second, before the year 1
        raise _bad_time(given) from None
    return f"{instant.isoformat()[:19]}.{(fraction or '').rstrip('0').ljust(3, '0')}Z"


def _bad_time(given: str) -> DocumentError:
    expected = "2026-01-05T08:00:00Z, or +hh:mm in the place of Z"
    return DocumentError("no moment in time", code="bad_time", expected=expected, found=repr(given[:80]))


def offset(reading: Reading, value: Raw) -> str:
    """EPCIS 2.0 section 7.4.1: where the wall clock stood, so `Z` tells nothing."""
    given = text(reading, value)
    if not _OFFSET.fullmatch(given):
        expected = "+hh:mm or -hh:mm, at most 14:00"
        raise DocumentError("no offset of a time zone", code="bad_offset", expected=expected, found=repr(given[:80]))
    return given


# Numbers

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_MAX_DIGITS = 1000
_UNIT = re.compile(r"[A-Z0-9]{2,3}")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}  # XML Schema part 2 section 3.2.2


def decimal(given: str) -> str:
    """Decimal text without exponent or trailing zeros; no digit is lost.

    >>> decimal("150.0"), decimal("1.5e3"), decimal("-0.0"), decimal("12345678901234567890.10")
    ('150', '1500', '0', '12345678901234567890.1')
    """
    if not _DECIMAL.fullmatch(given) or len(given) > _MAX_DIGITS:
        raise DocumentError("no decimal number", code="bad_number", expected="digits", found=repr(given[:80]))
    plain = format(Decimal(given), "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def measure(reading: Reading, value: Raw) -> str:
    if not isinstance(value, Number if reading.typed else str):
        raise wrong_type(type(value), "a number")
    return decimal(value.strip(WHITE_SPACE))


def unit(reading: Reading, value: Raw) -> str:
    """EPCIS 2.0 section 7.3.3.3: a code of UN/CEFACT Recommendation 20."""
    given = text(reading, value)
    if not _UNIT.fullmatch(given):
        expected = "a code such as KGM"
        raise DocumentError("no unit of measure", code="bad_unit", expected=expected, found=repr(given[:80]))
    return given


def flag(reading: Reading, value: Raw) -> bool:
    found = value if reading.typed else _FLAGS.get(text(reading, value))
    if not isinstance(found, bool):
        raise wrong_type(type(value), "true or false")
    return found


# Words


def action(reading: Reading, value: Raw) -> str:
    given = text(reading, value)
    if given not in Action.__members__:
        expected = ", ".join(Action.__members__)
        raise DocumentError("no action", code="unknown_word", expected=expected, found=repr(given[:80]))
    return given


def word(vocabulary: Vocabulary) -> Rule:
    """A word of CBV bare, a user's own as the full URI that it is."""
    return lambda reading, value: _word(reading, vocabulary, text(reading, value))


def _word(reading: Reading, vocabulary: Vocabulary, given: str) -> str:
    known = vocabulary.get(given)
    if known is None:
        full = reading.names.value(given)
        known = vocabulary.get(full) or full
        if ":" not in known:
            raise vocabulary.unknown(given)
        if known.startswith(RESERVED):  # GS1 alone makes words there, and has not made this one
            reading.warn("unknown_word", f"{known} is no {vocabulary.name} of CBV 2.0")
    return known


def handed_over(reading: Reading, value: Raw) -> str:
    """The type of a source or destination. Real files have others than CBV's three: kept as they are, and told."""
    given = text(reading, value)
    known = SOURCE_DEST_TYPES.get(given)
    if known is None:
        known = reading.names.value(given)
        reading.warn("unknown_source_or_destination_type", f"{given} is none of CBV 2.0")
    return known


# Lists and sets


def listed(rule: Rule) -> Callable[[Reading, Raw], list[JSON]]:
    """A list that keeps its order."""

    def rules(reading: Reading, value: Raw) -> list[JSON]:
        made = (rule(reading, item) for item in a_list(value) if not is_empty(item))
        return [item for item in made if item not in EMPTY]

    return rules


def one_or_more(rule: Rule) -> Rule:
    """One value, or a list of several: XML cannot tell a list of one from the one."""
    several = listed(rule)

    def rules(reading: Reading, value: Raw) -> JSON:
        made = several(reading, value if type(value) is list else [value])
        return made[0] if len(made) == 1 else made

    return rules


def set_of(rule: Rule) -> Rule:
    """A list whose order and repetitions mean nothing: sorted by RFC 8785 bytes, equal members once."""
    rules = listed(rule)

    def distinct(reading: Reading, value: Raw) -> JSON:
        members = {encode(member): member for member in rules(reading, value)}
        return [members[key] for key in sorted(members)]

    return distinct


_NEEDS_CARE = re.compile(r"[^#-\[\]-~]")


def in_order(texts: Iterable[str]) -> list[str]:
    """Texts in the order of their RFC 8785 bytes, quotes and escapes included.

    Between U+0023 and `~`, the backslash apart, that is the order of the texts themselves.

    >>> in_order(["urn:x:a", "urn:x:a!"]) == sorted(["urn:x:a", "urn:x:a!"])
    False
    """
    found = list(texts)
    return sorted(found, key=encode) if _NEEDS_CARE.search("".join(found)) else sorted(found)


def epcs(reading: Reading, value: Raw) -> tuple[str, ...]:
    """The identifiers of single items. One named twice is a fault in the sender's data, whichever way it is spelled."""
    given = a_list(value)
    for other in set(map(type, given)) - {str}:
        raise wrong_type(other, "a URI in every place")
    found = in_order(filter(None, map(reading.identifiers.__getitem__, given)))  # type: ignore[arg-type]  # all text
    if len(set(found)) != len(found):
        raise named_twice(next(epc for epc, following in pairwise(found) if epc == following))
    return tuple(found)


def named_twice(epc: str, where: str | None = None) -> DocumentError:
    return DocumentError(
        "an EPC is named twice in one event", code="duplicate_epc", where=where, expected="once", found=epc
    )
