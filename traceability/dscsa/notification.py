"""What Form FDA 3911 asks for, as far as the node knows it of a case, and what whoever notifies adds.

case ──> dates, numbers, lots, products, who ──┐
                                               ├──> Sheet
                       what only people know ──┘
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from partners.descriptions import known, known_places
from partners.gs1.identifiers import Sgtin, is_sgtin
from partners.models import Hold, Partner

from ..epcis.errors import DocumentError
from ..errors import NotFound
from ..investigating import goods_sql
from ..statements import InvestigationStep as Step
from .form_3911 import REPORTS, Classification, Mechanism, Report, Sheet, Value, one
from .investigation import Seen, case_of

MOST_SERIALS = 1000  # written out one by one
LONGEST = 4000  # characters of what is added to an item


@dataclass(frozen=True, slots=True)
class Added:
    """What only people know. Nothing of it is stored."""

    report: Report
    classification: Classification | None = None
    ingredients: str = ""
    use: str = ""
    description: str = ""
    quantity: str = ""
    event: str = ""  # beside the reason that was signed
    no_longer_needed: str = ""
    mechanisms: tuple[Mechanism, ...] = ()
    facility: str = ""
    contact: str = ""

    def __post_init__(self) -> None:
        texts = ("ingredients", "use", "description", "quantity", "event", "no_longer_needed", "facility", "contact")
        for name in texts:
            text = getattr(self, name)
            if len(text) > LONGEST or not "".join(text.split()).isprintable():
                expected = f"{LONGEST} printable characters at most"
                raise DocumentError("not a text", code="unwritable", where=name, expected=expected)


class _Good(NamedTuple):
    """An item that the case is about; in the order of the query's columns."""

    epc: str
    lot: str | None
    expiry: str | None


def sheet_for(party: Partner, case: UUID, added: Added, *, now: datetime) -> Sheet:
    """The data sheet of one's own case, once it is illegitimate; to everybody else there is none."""
    seen = case_of(party, case, now=now)
    if not seen.own:
        raise NotFound("you know of no case of this id", where="case")
    determined = next((each for each in seen.steps if each.row.step == Step.ILLEGITIMATE), None)
    if determined is None:
        raise NotFound("nothing is illegitimate in this case: there is nothing to notify of", where="case")
    goods = _goods([hold for hold, _ in seen.what])
    return Sheet(str(case), added.report, {
        1: REPORTS[added.report],
        2: seen.row.incident,
        3: f"{seen.row.notified:%Y-%m-%d}" if seen.row.notified else None,
        4: f"{determined.row.at:%Y-%m-%d}",
        5: added.classification and added.classification.replace("_", " ").capitalize(),
        8: added.use,
        9: added.description,
        17: _several(f"{determined.statement.reason} ({determined.statement.place})", added.event),
        18: _several(_requested(seen), added.no_longer_needed),
        19: tuple(sorted(set(map(str, added.mechanisms)))),
        22: added.facility,
        23: added.contact,
        **_of_products(seen, goods, added, now),
        **_of_company(party, now),
    })  # fmt: skip


def _requested(seen: Seen) -> str:
    asked = (each.statement.reason for each in seen.steps if each.row.step == Step.TERMINATION_REQUESTED)
    return next(asked, "")


def _several(*texts: str) -> Value:
    return tuple(text for text in texts if text) or None


def _of_products(seen: Seen, goods: Sequence[_Good], added: Added, now: datetime) -> dict[int, Value]:
    units = [Sgtin.parse(each.epc) for each in goods if is_sgtin(each.epc)]
    holds = [hold for hold, _ in seen.what]
    gtins = sorted({unit.gtin for unit in units} | {hold.gtin for hold in holds if hold.gtin})
    gtins = sorted({*gtins, *(Sgtin.parse(hold.epc).gtin for hold in holds if hold.epc and is_sgtin(hold.epc))})
    told = known(gtins, now.date(), operator=settings.OPERATOR_GLN)
    several = [told.get(gtin) for gtin in gtins]
    return {
        6: one([each.name if each else "" for each in several]),
        7: added.ingredients or None,
        10: one([each.strength if each else "" for each in several]),
        11: one([each.dosage_form if each else "" for each in several]),
        12: added.quantity or (f"{len(units)}, as far as it is recorded" if units else None),
        13: tuple(
            sorted(
                {each.ndc if each and each.ndc else f"GTIN {gtin}" for gtin, each in zip(gtins, several, strict=True)}
            )
        ),
        14: _serials(holds, goods),
        15: _sorted([*(each.lot for each in goods), *(hold.lot for hold in holds)]),
        16: _sorted(each.expiry for each in goods),
    }


def _sorted(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def _serials(holds: Sequence[Hold], goods: Sequence[_Good]) -> tuple[str, ...]:
    """Ranges as they were held, items one by one, as many as a form has room for."""
    ranges = [f"{hold.first} to {hold.last}" for hold in holds if hold.first]
    named = {each.epc for each in goods} | {hold.epc for hold in holds if hold.epc}
    serials = sorted(Sgtin.parse(epc).serial for epc in named if is_sgtin(epc))
    others = sorted(epc for epc in named if not is_sgtin(epc))
    more = [f"and {len(serials) - MOST_SERIALS} more"] if len(serials) > MOST_SERIALS else []
    return (*ranges, *others, *serials[:MOST_SERIALS], *more)


def _of_company(party: Partner, now: datetime) -> dict[int, Value]:
    place = known_places([party.gln], now.date(), operator=settings.OPERATOR_GLN).get(party.gln)
    town = " ".join(filter(None, (place.city, place.state, place.postal_code))) if place else ""
    lines = (place.name, place.street, town, place.country) if place else (party.name,)
    return {20: tuple(line for line in lines if line), 21: str(party.get_role_display())}


def _goods(holds: Sequence[Hold]) -> list[_Good]:
    """What is recorded of what the holds lie over, and of all that is in it now: one query."""
    keys = [hold.pk for hold in holds]
    with connection.cursor() as cursor:
        cursor.execute(goods_sql(connection.vendor, len(keys)), [*keys, *keys])
        return [_Good(*row) for row in cursor.fetchall()]
