"""How many packages of a suspect product a dispenser has to verify, and which (21 U.S.C. 360eee-1(d)(4)(A)(ii)).

quantity ──> three packages or a tenth of them, whichever is more ──> drawn by chance ──verified one by one──> done
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from partners.access import Purpose
from partners.gs1.application_identifiers import check
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Sgtin
from partners.models import AccessRecord, Partner

from .. import bulk
from ..epcis.errors import DocumentError
from ..errors import NotFound
from ..models import Sampling

LEAST, SHARE = 3, 10  # packages; one in so many
MOST = 100_000  # packages in hand
PAGE = 50


def sample_size(quantity: int) -> int:
    """At least three packages or a tenth, whichever is greater; all, if there are fewer than three.

    >>> [sample_size(quantity) for quantity in (0, 1, 2, 3, 30, 31, 100, 101)]
    [0, 1, 2, 3, 3, 4, 10, 11]
    """
    return min(quantity, max(LEAST, -(-quantity // SHARE)))


def draw(packages: Sequence[str | int]) -> list[str | int]:
    """So many of them, in their order; which, nobody can foresee."""
    places = secrets.SystemRandom().sample(range(len(packages)), sample_size(len(packages)))
    return [packages[place] for place in sorted(places)]


@dataclass(frozen=True, slots=True)
class Progress:
    """A worksheet: what was drawn, and what of it is verified."""

    row: Sampling
    verified: tuple[str, ...]  # serial numbers, in the order in which they were first verified

    @property
    def needed(self) -> int:
        return len(self.row.drawn)

    @property
    def by_number(self) -> bool:
        """Whether serial numbers were drawn; else places on the shelf, and any packages verified count."""
        return bool(self.row.drawn) and isinstance(self.row.drawn[0], str)

    @property
    def left(self) -> list[str | int]:
        """What is still to be verified: serial numbers, or the places for which no package was verified yet."""
        if self.by_number:
            return [each for each in self.row.drawn if each not in self.verified]
        return list(self.row.drawn[len(self.verified) :])

    @property
    def done(self) -> bool:
        return not self.left


def open_sampling(
    reader: Partner, gtin: str, lot: str, *, quantity: int = 0, serials: Sequence[str] = (), now: datetime
) -> Progress:
    """Draw a sample of packages in hand: of their serial numbers, if they are given, else of their places."""
    try:
        check("01", gtin)
        check("10", lot)
        for serial in serials:
            check("21", serial)
    except Gs1Error as error:
        raise DocumentError(error.detail, code=error.code, expected=error.expected, found=error.found) from error
    packages: Sequence[str | int] = list(dict.fromkeys(serials)) or range(1, quantity + 1)
    if not 0 < len(packages) <= MOST:
        expected = f"1 to {MOST} packages"
        raise DocumentError("no such number of packages", code="bad_number", where="quantity", expected=expected)
    row = Sampling.objects.create(
        sampling=uuid4(),
        party=reader.gln,
        gtin=gtin,
        lot=lot,
        quantity=len(packages),
        drawn=draw(packages),
        opened=now,
    )
    return Progress(row, ())


def progress(reader: Partner, sampling: UUID) -> Progress:
    """One of the reader's own: a package counts once it was verified as suspect product, unless the record has it in
    another lot; but where its label says that it is of this one, that is what is suspect."""
    row = Sampling.objects.filter(party=reader.gln, sampling=sampling).first()
    if row is None:
        raise NotFound("you have opened no sampling of this id", where="sampling")
    stem = Sgtin(row.gtin, "0").uri[:-1]
    seen = AccessRecord.objects.filter(
        reader=reader.gln, reason__isnull=False, purpose=Purpose.SUSPECT_PRODUCT, at__gte=row.opened
    )
    found = list(seen.filter(subject__startswith=stem).order_by("pk").values_list("subject", "reason"))
    others = _of_other_lots(row.lot, {subject for subject, _ in found})
    counting = [subject for subject, reason in found if subject not in others or reason == "lot_mismatch"]
    return Progress(row, tuple(dict.fromkeys(Sgtin.parse(subject).serial for subject in counting)))


def _of_other_lots(lot: str, epcs: Collection[str]) -> frozenset[str]:
    """Those that were made in another lot, by the record: one query."""
    made = bulk.select_in(_LOTS, sorted(epcs), "text")
    return frozenset(epc for epc, recorded in made if recorded not in (None, lot))


_LOTS = """SELECT i.epc, e.lot FROM {values} JOIN traceability_item AS i ON i.epc = named.value
    JOIN traceability_event AS e ON e.id = i.begun_id"""


def samplings_of(reader: Partner) -> list[Sampling]:
    """The latest of the reader's own."""
    return list(Sampling.objects.filter(party=reader.gln).order_by("-pk")[:PAGE])
