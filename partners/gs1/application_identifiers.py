"""What each GS1 application identifier (AI) may hold: GS1 General Specifications section 3.2, as a table.

The notation is that of the GS1 Barcode Syntax Dictionary. `N14` is fourteen digits, `X..20` one to twenty characters
of character set 82, `Y` of set 39, `[...]` may be missing; a word after a comma names a further check.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from .errors import BadCharacter, BadCheckDigit, BadDate, BadLength, BadValue, Gs1Error

#: How long an AI is, told by its first two digits, known here or not (General Specifications section 7.8).
AI_LENGTHS = {
    **{f"{n:02}": 2 for n in (*range(5), *range(10, 23), 30, 37, *range(90, 100))},
    **{f"{n:02}": 3 for n in (23, 24, 25, 40, 41, 42, 71)},
    **{f"{n:02}": 4 for n in (*range(31, 37), 39, 43, 70, 72, 80, 81, 82)},
}

#: How long the value is where that is predefined, so that no separator follows it (section 7.8), by the same digits.
PREDEFINED = {
    **{"00": 18, "01": 14, "02": 14, "03": 14, "04": 16, "20": 2, "41": 13},
    **{f"{n}": 6 for n in (*range(11, 20), *range(31, 37))},
}

_MEASURES = (*range(310, 317), *range(320, 338), *range(340, 358), *range(360, 370))  # weights, lengths, areas, volumes

AIS = {
    "00": "N18,csum",  # SSCC
    "01": "N14,csum",  # GTIN
    "02": "N14,csum",  # GTIN of the contents
    "03": "N14,csum",  # GTIN made to order
    "10": "X..20",  # lot
    "11": "N6,yymmd0",  # production date
    "12": "N6,yymmd0",  # due date
    "13": "N6,yymmd0",  # packaging date
    "15": "N6,yymmd0",  # best before
    "16": "N6,yymmd0",  # sell by
    "17": "N6,yymmd0",  # expiry
    "20": "N2",  # internal variant
    "21": "X..20",  # serial number
    "22": "X..20",  # consumer product variant
    "235": "X..28",  # third-party controlled serial extension of the GTIN
    "240": "X..30",  # additional identification
    "241": "X..30",  # customer part number
    "242": "N..6",  # made-to-order variation
    "243": "X..20",  # packaging component
    "250": "X..30",  # secondary serial number
    "251": "X..30",  # reference to source
    "253": "N13,csum [X..17]",  # GDTI
    "254": "X..20",  # extension of a GLN
    "255": "N13,csum [N..12]",  # GCN
    "30": "N..8",  # variable count
    **{f"{measure}{places}": "N6" for measure in _MEASURES for places in range(6)},  # the last digit: decimal places
    "37": "N..8",  # count of what an 02 names
    "400": "X..30",  # customer's purchase order
    "401": "X..30,gcppos1",  # GINC
    "402": "N17,csum",  # GSIN
    "403": "X..30",  # routing code
    **{f"{gln}": "N13,csum" for gln in range(410, 418)},  # GLNs: 414 a place, 417 a party
    "420": "X..20",  # ship to postal code
    **{f"{nhrn}": "X..20" for nhrn in range(710, 718)},  # national healthcare numbers; 715: NDC
    "7240": "X..20",  # protocol ID
    "8003": "N1,zero N13,csum [X..16]",  # GRAI
    "8004": "X..30,gcppos1",  # GIAI
    "8006": "N14,csum N4,pieceoftotal",  # ITIP
    "8010": "Y..30,gcppos1",  # CPID
    "8011": "N..12,nozeroprefix",  # CPID serial number
    "8012": "X..20",  # software version
    "8017": "N18,csum",  # GSRN of a provider
    "8018": "N18,csum",  # GSRN of a recipient
    "8019": "N..10",  # service relation instance
    "8020": "X..25",  # payment slip reference
    "8200": "X..70",  # extended packaging URL
    "90": "X..30",  # agreed between partners
    **{f"{internal}": "X..90" for internal in range(91, 100)},  # internal to a company
}


UNKNOWN = "X..90"  # the longest value that any AI may have

_SETS = {"N": "[0-9]", "X": '[!"%-?A-Z_a-z]', "Y": "[#\\-/0-9A-Z]"}
_SPELLED = {"N": "digits", "X": "characters of set 82", "Y": "characters of set 39"}
_COMPONENT = re.compile(r"(?P<optional>\[)?(?P<set>[NXY])(?P<upto>\.\.)?(?P<longest>\d+)(?:,(?P<check>\w+))?\]?")


def check_digit(payload: str) -> str:
    """The digit that completes a GS1 key: weights 3 and 1 from the right (General Specifications section 7.9).

    >>> check_digit("0061414112345")
    '2'
    """
    if not (payload.isascii() and payload.isdigit()):
        raise BadCharacter("a check digit is computed from digits", expected="digits", found=repr(payload))
    codes = payload.encode()  # of a digit, 48 more than it is worth
    three, one = codes[::-2], codes[-2::-2]
    return str((48 * (3 * len(three) + len(one)) - 3 * sum(three) - sum(one)) % 10)


def check(ai: str, value: str) -> None:
    """Raise unless this AI may hold this value; an AI that is not in the table may hold anything of set 82."""
    form = _form(AIS.get(ai, UNKNOWN))
    match = form.pattern.fullmatch(value)
    if match is None:
        raise form.misfit(ai, value)
    for part, word in zip(match.groups(), form.checks, strict=True):
        if word and part:
            _CHECKS[word](ai, part)


@dataclass(frozen=True, slots=True)
class _Form:
    """A notation, understood."""

    pattern: re.Pattern[str]  # one group a component
    checks: tuple[str, ...]  # one a component, "" for none
    shortest: int
    longest: int
    spelled: str

    def misfit(self, ai: str, value: str) -> Gs1Error:
        kind = BadCharacter if self.shortest <= len(value) <= self.longest else BadLength
        length = str(self.longest) if self.shortest == self.longest else f"{self.shortest} to {self.longest}"
        found = f"{value!r} ({len(value)})" if kind is BadLength else repr(value)
        return kind(f"not a value for AI {ai}", expected=f"{length} {self.spelled}", found=found)


@cache
def _form(notation: str) -> _Form:
    patterns, checks, shortest, longest, sets = "", [], 0, 0, []
    for component in _COMPONENT.finditer(notation):
        most = int(component["longest"])
        least = 1 if component["upto"] else most
        patterns += f"({_SETS[component['set']]}{{{least},{most}}}){'?' if component['optional'] else ''}"
        checks.append(component["check"] or "")
        sets.append(component["set"])
        shortest += 0 if component["optional"] else least
        longest += most
    return _Form(re.compile(patterns), tuple(checks), shortest, longest, _SPELLED[max(sets)])


def _csum(ai: str, value: str) -> None:
    if (digit := check_digit(value[:-1])) != value[-1]:
        raise BadCheckDigit(f"AI {ai}: wrong check digit in {value}", expected=digit, found=value[-1])


def _yymmd0(ai: str, value: str) -> None:
    try:
        date(2000 + int(value[:2]), int(value[2:4]), int(value[4:]) or 1)
    except ValueError as error:
        raise BadDate(f"AI {ai}: {error}", expected="a date as YYMMDD", found=value) from error


def _gcppos1(ai: str, value: str) -> None:
    _insist(value[:4].isdigit() and len(value) > 3, ai, "a company prefix of at least 4 digits in front", value)


def _zero(ai: str, value: str) -> None:
    _insist(value == "0", ai, "0 in front", value)


def _nozeroprefix(ai: str, value: str) -> None:
    _insist(value == "0" or value[0] != "0", ai, "no zero in front", value)


def _pieceoftotal(ai: str, value: str) -> None:
    _insist("01" <= value[:2] <= value[2:], ai, "a piece from 01 up to the total", value)


def _insist(holds: bool, ai: str, expected: str, found: str) -> None:
    if not holds:
        raise BadValue(f"not a value for AI {ai}", expected=expected, found=found)


_CHECKS = {
    "csum": _csum,
    "gcppos1": _gcppos1,
    "nozeroprefix": _nozeroprefix,
    "pieceoftotal": _pieceoftotal,
    "yymmd0": _yymmd0,
    "zero": _zero,
}
