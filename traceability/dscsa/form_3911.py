"""The data sheet for Form FDA 3911, Drug Notification: its items by their numbers, as JSON. Pure.

    what is recorded, what its sender adds ──> Sheet ──> JSON, or PDF (`form_3911_pdf.py`)

    {"v":1,"investigation":uuid,"report":"initial","items":[{"item":1,"title":...,"values":[...]},...],"missing":[5]}

This is a sheet of our own to fill the form from, or to send beside it; the form is FDA's. Items are numbered as in its
revision of 8/15, of which 20 to 23 say who notifies. Where several products are concerned, items 6, 7 and 10 say
"Multiple", as FDA asks for (Drug Notifications Frequently Asked Questions).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ..epcis.jcs import JSON, encode

VERSION = 1
MULTIPLE = "Multiple"
Value: TypeAlias = str | tuple[str, ...] | None


class Report(StrEnum):
    """Item 1: what is sent."""

    INITIAL = "initial"
    FOLLOW_UP = "follow_up"
    TERMINATION = "termination"


REPORTS: Mapping[Report, str] = {
    Report.INITIAL: "Initial notification",
    Report.FOLLOW_UP: "Follow-up notification",
    Report.TERMINATION: "Request for termination",
}


class Classification(StrEnum):
    """Item 5: what is wrong with it (21 U.S.C. 360eee(8)), one of them; the last is for manufacturers alone."""

    COUNTERFEIT = "counterfeit"
    DIVERTED = "diverted"
    STOLEN = "stolen"
    ADULTERATED = "intentionally_adulterated"
    UNFIT = "unfit_for_distribution"
    FRAUDULENT = "fraudulent_transaction"
    HIGH_RISK = "high_risk"


class Mechanism(StrEnum):
    """Item 19: how else FDA was told."""

    BPDR = "BPDR"
    FAR = "FAR"
    MEDWATCH_3500 = "MedWatch 3500"
    MEDWATCH_3500A = "MedWatch 3500A"
    NONE = "None"
    OTHER = "Other"


TITLES: Mapping[int, str] = {
    1: "Type of report",
    2: "Incident number, as FDA has given it",
    3: "Date of the initial notification",
    4: "Date on which the product was determined to be illegitimate",
    5: "Classification of the notification",
    6: "Name of the product as on its label",
    7: "Primary ingredients",
    8: "Drug use",
    9: "Drug description",
    10: "Strength",
    11: "Dosage form",
    12: "Quantity: number and unit",
    13: "NDC",
    14: "Serial numbers",
    15: "Lots",
    16: "Expiration dates",
    17: "Description of the event or issue",
    18: "Why the notification is no longer necessary",
    19: "Other mechanisms by which FDA was told",
    20: "Company: name and address",
    21: "Company category",
    22: "Unique facility identifier",
    23: "Contact",
}
PRODUCT, COMPANY = 6, 20  # first items of the second and the third section

_ALWAYS = (1, 4, 5, 6, 8, 9, 10, 11, 12, 15, 17, 19, 20, 21, 23)
#: What a report cannot do without; the rest is given as far as it is known or applies.
NEEDED: Mapping[Report, tuple[int, ...]] = {
    Report.INITIAL: _ALWAYS,
    Report.FOLLOW_UP: (*_ALWAYS, 2, 3),
    Report.TERMINATION: (*_ALWAYS, 2, 3, 18),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """All items; what is not known is None."""

    investigation: str  # UUID
    report: Report
    values: Mapping[int, Value]

    def value(self, item: int) -> Value:
        return self.values.get(item) or None

    def texts(self, item: int) -> tuple[str, ...]:
        """What is said, one text after the other; none where nobody has said anything."""
        value = self.value(item)
        return () if value is None else (value,) if isinstance(value, str) else value

    @property
    def missing(self) -> list[int]:
        """What the report needs and nobody has said."""
        return sorted(item for item in NEEDED[self.report] if self.value(item) is None)

    def as_json(self) -> dict[str, JSON]:
        return {
            "v": VERSION,
            "investigation": self.investigation,
            "report": str(self.report),
            "items": [
                {"item": item, "title": title, "values": list(self.texts(item))} for item, title in TITLES.items()
            ],
            "missing": list(self.missing),
        }

    def __bytes__(self) -> bytes:
        return encode(self.as_json())


def one(values: Sequence[str]) -> Value:
    """What all products have in common, or that there are several; None where nobody has told of any.

    >>> one(["20 mg", "20 mg"]), one(["20 mg", "40 mg"]), one([""])
    ('20 mg', 'Multiple', None)
    """
    different = sorted({value for value in values if value})
    return MULTIPLE if len(different) > 1 else different[0] if different else None
