"""What was scanned, line by line, as people know it: what it is, and whether it is where the scanner is.

Whoever looks is told of what it has, or is to receive; the latter is another's until then, and that it is told of it is
recorded (invariant I7). Of everything else it is told that it does not have it, whether somebody else does or nobody
ever made it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings

from partners import access
from partners.descriptions import known
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Sgtin, is_sgtin
from partners.models import Partner

from ..custody import TERMINAL, Status
from ..dscsa.verification import product_name
from ..epcis.errors import DocumentError
from ..facts import ItemState, Recorded
from ..loading import states_of
from ..models import Event
from ..moving import Thing
from .timeline import People, container

_LINES = re.compile(r"\r\n|\r|\n")  # and nothing else: for Python, the separator of a scan ends a line, too


@dataclass(frozen=True, slots=True)
class Line:
    """A scan, and what it is."""

    scan: str  # as it came
    epc: str = ""  # canonical; none if it cannot be read
    says: str = ""  # what it is
    detail: str = ""  # where it is
    tone: str = "verified"  # verified, caution or refused: how good that is

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def lines(text: str) -> list[str]:
    """Each scan of a field with one on every line.

    >>> lines("A\\x1dB\\r\\n\\n C \\n")
    ['A\\x1dB', 'C']
    """
    return [line for each in _LINES.split(text) if (line := each.strip(" \t"))]


def read(scans: Sequence[str], reader: Partner, now: datetime) -> list[Line]:
    """What each is. The number of queries does not depend on how many there are."""
    things = [_thing(scan, now.date()) for scan in scans]
    epcs = {thing.epc for thing in things if isinstance(thing, Thing)}
    states = {epc: state for epc, state in states_of(sorted(epcs)).items() if epc in epcs}
    mine = {epc: state for epc, state in states.items() if state.is_had_by(reader.gln)}
    anothers = {epc for epc, state in mine.items() if state.outermost.possessor != reader.gln}
    access.record_all(reader, anothers, "whereabouts", access.Purpose.CUSTODY, now=now)
    names, people = _names(mine.values(), now.date()), People(state.outermost.possessor for state in mine.values())
    return [
        _line(scan, thing, mine.get(thing.epc), names, people, reader)
        if isinstance(thing, Thing)
        else Line(scan, says="This cannot be read", detail=thing, tone="refused")
        for scan, thing in zip(scans, things, strict=True)
    ]


def _thing(scan: str, today: date) -> Thing | str:
    try:
        return Thing.scanned(scan, "", today)
    except (DocumentError, Gs1Error) as error:
        return str(error).removeprefix(": ")


def _line(
    scan: str, thing: Thing, state: ItemState | None, names: Mapping[str, str], people: People, reader: Partner
) -> Line:
    says, (detail, tone) = _called(thing.epc, names), _where(state, people, reader)
    return Line(scan, thing.epc, says, detail, tone)


def printed(epc: str) -> str:
    """What names a thing, as its label has it.

    >>> printed("https://id.gs1.org/01/00614141123452/21/A1")
    '(01)00614141123452(21)A1'
    """
    if not is_sgtin(epc):
        return container(epc)
    unit = Sgtin.parse(epc)
    return f"(01){unit.gtin}(21){unit.serial}"


def _called(epc: str, names: Mapping[str, str]) -> str:
    if not is_sgtin(epc):
        named = container(epc)
        return named[:1].upper() + named[1:]
    unit = Sgtin.parse(epc)
    return f"{names.get(unit.gtin, f'GTIN {unit.gtin}')}, serial number {unit.serial}"


def _where(state: ItemState | None, people: People, reader: Partner) -> tuple[str, str]:
    if state is None:
        return "not yours, by the record: new, or somebody else's", "caution"
    outer = state.outermost
    inside = f", in {container(outer.epc)}" if outer is not state else ""
    if outer.status is Status.IN_TRANSIT:
        if outer.consignee == reader.gln and outer.possessor:
            return f"on its way to you from {people.named(outer.possessor)}{inside}", "verified"
        return f"shipped by you{inside}", "caution"
    if outer.status in TERMINAL:
        return f"{str(outer.status).replace('_', ' ')} already", "refused"
    return f"yours{inside}", "verified"


def _names(states: Iterable[ItemState], today: date) -> dict[str, str]:
    """By GTIN, what whoever has most right to tell calls it; else the documents that told of the making of these."""
    begun: dict[int, set[str]] = {}
    for state in states:
        if isinstance(state.begun, Recorded) and is_sgtin(state.epc):
            begun.setdefault(state.begun.key, set()).add(Sgtin.parse(state.epc).gtin)
    names: dict[str, str] = {}
    for key, header in Event.objects.filter(pk__in=begun).values_list("pk", "submission__header"):
        for gtin in begun[key]:
            if name := product_name(bytes(header), gtin):
                names[gtin] = name
    gtins = {gtin for each in begun.values() for gtin in each}
    described = known(gtins, today, operator=settings.OPERATOR_GLN)
    return names | {gtin: told.name for gtin, told in described.items() if told.name}
