"""The returns desk: each pack that somebody brings back is verified, and tied to the sale that it comes back from.

    scan ──verify──> answer ──whose sale was it?──> may it be sold on, and if not, why

What is verified here may be sold on; what is not, `resale.py` keeps from being.
"""

from dataclasses import dataclass
from datetime import datetime

from partners.access import Purpose
from partners.gs1.element_string import ElementString
from partners.models import Partner

from ..custody import Step
from ..history import Hop
from ..resale import SALEABLE
from .verification import REASONS, Answer, Outcome, verify


@dataclass(frozen=True, slots=True)
class Checked:
    """One pack that somebody brings back, as it was scanned."""

    answer: Answer
    sale: Hop | None  # by which whoever asks sold it last; None: it never did, as far as is known here

    @property
    def reason(self) -> str:
        """Why it may be sold on, or may not: a key of REASONS, or NOT_SOLD."""
        if self.answer.reason not in SALEABLE:
            return self.answer.reason
        if not self._is_compared:
            return "four_elements_needed"
        return self.answer.reason if self.sale else NOT_SOLD

    @property
    def is_saleable(self) -> bool:
        return self.reason in SALEABLE

    @property
    def sentence(self) -> str:
        if self.reason == NOT_SOLD:
            return "By the record you never sold this pack: a return comes back to whoever sold it."
        return self.answer.sentence if self.reason == self.answer.reason else REASONS[self.reason].sentence

    @property
    def _is_compared(self) -> bool:
        """Whether lot and expiry were read off the pack, and are right; to whoever is shown no checks, nothing is said
        of a pack before they are."""
        return all(each.outcome is Outcome.HOLDS for each in self.answer.checks if each.name == "lot_and_expiry")


NOT_SOLD = "not_sold_by_you"


def check(scan: str | ElementString, reader: Partner, *, now: datetime) -> Checked:
    """Verify a pack that came back, on record, and find the sale that it comes back from."""
    answer = verify(scan, reader, Purpose.SALEABLE_RETURN, now=now)
    return Checked(answer, sale_of(answer, reader))


def sale_of(answer: Answer, reader: Partner) -> Hop | None:
    """The last shipment of it by the reader, among the hops that it may see. What was called off was none: a call-off
    comes after it, by the same party."""
    for hop in reversed(answer.hops):
        if hop.party == reader.gln and hop.step is Step.SHIP:
            return hop
        if hop.party == reader.gln and hop.step is Step.VOID:
            return None
    return None
