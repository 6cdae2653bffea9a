"""One label: the elements on it, in the order in which they are encoded and read.

{"gtin": "00614141123452", "serial": "A1", "expiry": "2028-12-31", "lot": "L1", "nhrn": "0143211234"}     a pack
{"sscc": "006141417000000004", "content": "10614141123459", "count": "24", "lot": "L1"}          a logistic unit
{"epc": "urn:epc:id:sgtin:0614141.012345.A1", "lot": "L1"}                           either, by its identifier
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from partners.gs1.application_identifiers import check
from partners.gs1.element_string import ElementString, parse_scan, resolve_date
from partners.gs1.errors import BadDate, Gs1Error, WrongKind

from .errors import LabelError

#: What a label is described by, and the application identifiers (AIs) of that. People read them in this order.
FIELDS = {
    "sscc": "00",
    "gtin": "01",
    "content": "02",
    "serial": "21",
    "expiry": "17",
    "lot": "10",
    "count": "37",
    "nhrn": "715",
}
KEYS = ("gtin", "sscc", "epc")  # one of which every label has
PRODUCT_IDENTIFIER = ("serial", "expiry", "lot")  # beside the GTIN: DSCSA section 581(14)

#: AIs that say something of another, which has to be there (General Specifications section 4: mandatory associations).
SAYS_OF = {
    "02": (("00",), ("37",)),
    "10": (("01", "02"),),
    "17": (("01", "02"),),
    "21": (("01",),),
    "37": (("02",),),
    "715": (("01",),),
}

MOST = 400  # characters of all elements: more than is ever on a label, and less than any symbol's libraries refuse

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Label:
    """What is printed on one label.

    >>> pack = read({"epc": "https://id.gs1.org/01/00614141123452/21/A1", "expiry": "2028-12", "lot": "L1"},
    ...             "line 2", date(2026, 1, 5))
    >>> pack.text(date(2026, 1, 5))
    ('(01)00614141123452', '(21)A1', '(17)281200', '(10)L1', 'EXP 2028-12')
    """

    elements: ElementString
    where: str = ""  # what errors call it

    def __post_init__(self) -> None:
        if (length := len(self.elements.scan())) > MOST:
            raise LabelError(
                "more than a label says",
                code="symbol_does_not_fit",
                where=self.where or None,
                expected=f"at most {MOST} characters of all elements",
                found=str(length),
            )
        present = {ai for ai, _ in self.elements.elements}
        for ai in present & SAYS_OF.keys():
            for needed in SAYS_OF[ai]:
                if not present.intersection(needed):
                    raise LabelError(
                        f"nothing that AI {ai} could say something of",
                        code="element_out_of_place",
                        where=self.where or None,
                        expected="AI " + " or ".join(needed),
                        found="AI " + ", ".join(sorted(present)),
                    )

    def text(self, today: date) -> tuple[str, ...]:
        """Human readable interpretation: each AI in parentheses (General Specifications section 4: HRI), and the expiry
        once more, as people write dates."""
        return tuple(f"({ai}){value}" for ai, value in self.elements.elements) + self.remarks(today)

    def remarks(self, today: date) -> tuple[str, ...]:
        """What stands on it and in no symbol. Day 00 is a whole month."""
        expiry, raw = self.elements.expiry(today), self.elements.expiry_raw
        if expiry is None or raw is None:
            return ()
        return (f"EXP {expiry:%Y-%m}" if raw.endswith("00") else f"EXP {expiry:%Y-%m-%d}",)


def read(row: Mapping[str, object], where: str, today: date) -> Label:
    """A label from its members, all of them text. Raises `LabelError` or `Gs1Error`, with the place."""
    given = dict(_members(row, where))
    key = _key(given, where)
    found = dict(_identified(given.pop("epc"), where)) if key == "epc" else {}
    for name, value in given.items():
        ai, element = FIELDS[name], _element(name, value, f"{where}: {name}", today)
        if found.setdefault(ai, element) != element:
            raise LabelError(
                "the epc says something else", code="conflicting_parameters", where=f"{where}: {name}",
                expected=repr(found[ai]), found=repr(element),
            )  # fmt: skip
    if key == "gtin" and (missing := [name for name in PRODUCT_IDENTIFIER if name not in given]):
        raise LabelError(
            "not a product identifier",
            code="label_incomplete",
            where=where,
            expected=", ".join(PRODUCT_IDENTIFIER),
            found=f"no {missing[0]}",
        )
    order = {ai: place for place, ai in enumerate(FIELDS.values())}
    return Label(ElementString(tuple(sorted(found.items(), key=lambda pair: order.get(pair[0], len(order))))), where)


def _members(row: Mapping[str, object], where: str) -> Iterator[tuple[str, str]]:
    known = (*FIELDS, "epc")
    for name, value in row.items():
        if name not in known:
            expected, found = ", ".join(known), repr(name)[:80]
            raise LabelError("no member of a label", code="unknown_member", where=where, expected=expected, found=found)
        if not isinstance(value, str):  # a number would have lost its leading zeros
            raise LabelError(
                "not a text", code="wrong_type", where=f"{where}: {name}", expected="text", found=type(value).__name__
            )
        yield name, value


def _key(given: Mapping[str, str], where: str) -> str:
    keys = [name for name in KEYS if name in given]
    if len(keys) == 1:
        return keys[0]
    code = "conflicting_parameters" if keys else "label_incomplete"
    found = " and ".join(keys) or "none of them"
    raise LabelError("whose label?", code=code, where=where, expected=f"one of {', '.join(KEYS)}", found=found)


def _identified(epc: str, where: str) -> tuple[tuple[str, str], ...]:
    """The elements of a Digital Link or an EPC URN of one item."""
    try:
        if not epc.lower().startswith(("http:", "https:", "urn:epc:")):
            raise WrongKind("not an EPC", expected="a Digital Link or an EPC URN", found=repr(epc))
        found = parse_scan(epc)
        if found.sscc is None and (found.gtin is None or found.serial is None):
            raise WrongKind("not the identifier of one item", expected="an SGTIN or an SSCC", found=repr(epc))
    except Gs1Error as error:
        error.where = f"{where}: epc"
        raise
    return found.elements


def _element(name: str, value: str, where: str, today: date) -> str:
    try:
        if name == "expiry":
            value = _yymmdd(value, today)
        elif name in ("gtin", "content") and len(value) in (8, 12, 13):
            value = value.zfill(14)
        check(FIELDS[name], value)
    except Gs1Error as error:
        error.where = where
        raise
    return value


def _yymmdd(text: str, today: date) -> str:
    """Six digits as they are; a day or a month as ISO 8601 writes it, if two digits of its year tell which it is."""
    if not _DAY(text):
        if "-" in text:
            raise BadDate("not a date", expected="YYYY-MM-DD, YYYY-MM or YYMMDD", found=repr(text))
        return text
    digits = (text[2:] if len(text) == 10 else text[2:] + "-00").replace("-", "")
    if resolve_date(digits, today).year != int(text[:4]):
        raise BadDate("too far from today for two digits of its year", expected="at most 50 years", found=repr(text))
    return digits
