"""The report of a recall, as the node signs it: a file that a regulator checks (`bundle/recalled.py`), and the list of
units that goes with it.

    standing ──line by line──> list, its tree and its numbers ──sign──> status ──with what was said, and paths──> report

All of it is read at one moment: list and numbers are of the same state, and of nothing that came later.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from django.conf import settings

from ledger import log
from ledger.keys import node_key
from partners.descriptions import known_places
from partners.models import Place

from .. import bulk
from ..bundle.recalled import HEADING, Counting, as_line, prove
from ..errors import NotAllowed
from ..models import RecallReport, Registration
from ..proving import entered, relied_on, waiting
from ..statements import Hold, RecallStatus, open_statement, sign_recall_status
from .recalls import NUMBERS, Standing, Told


def lines(standing: Standing) -> Iterator[str]:
    """The list, heading first: of all units for whoever sees all, else of the reader's own. What is not in the log yet
    has no index there."""
    yield HEADING
    for unit in standing.units():
        yield as_line(unit.epc, *unit.place, unit.begun)


def holders(standing: Standing, *, now: datetime) -> Iterator[str]:
    """A line for each who was told, heading first; for whoever was told, its own."""
    told = standing.told if standing.sees_all else tuple(filter(None, [standing.own]))
    addresses = {each.party: address for each, address in addressed(told, now=now)}
    yield HOLDERS
    for each in told:
        yield _holder(each, ", ".join(addresses.get(each.party, ())))


def addressed(told: Collection[Told], *, now: datetime) -> list[tuple[Told, tuple[str, ...]]]:
    """Those who are named, each with the lines of its address, if anybody has told that."""
    named = [each for each in told if each.name is not None]
    places = known_places([each.party for each in named], now.date(), operator=settings.OPERATOR_GLN)
    return [(each, _address(places.get(each.party))) for each in named]


def _address(place: Place | None) -> tuple[str, ...]:
    if place is None:
        return ()
    city = " ".join(filter(None, (place.city, place.state, place.postal_code)))
    return tuple(filter(None, (place.street, city, place.country)))


HOLDERS = "party,name,role,address,told,units,acknowledged,quarantined,returned,destroyed,missing"


def _holder(each: Told, address: str) -> str:
    answered = each.answered
    numbers = [getattr(answered, name) for name in NUMBERS] if answered and answered.counted else [None] * len(NUMBERS)
    texts = (each.party, each.name, each.role, address)
    return as_line(
        *map(_plain, texts), f"{each.told:%Y-%m-%dT%H:%M:%SZ}", each.units,
        answered and f"{answered.acknowledged:%Y-%m-%dT%H:%M:%SZ}", *numbers,
    )  # fmt: skip


def _plain(text: str | None) -> str:
    """No formula, where a spreadsheet would compute it; no second line."""
    written = " ".join((text or "").split())
    return f"'{written}" if written[:1] in ("=", "+", "-", "@") else written


def demand(standing: Standing) -> None:
    """Raise `NotAllowed` unless the reader sees all of the recall."""
    if not standing.sees_all:
        expected = "whoever recalls, or a regulator"
        raise NotAllowed("this report is not yours to have", code="report_not_yours", where="recall", expected=expected)


@dataclass(frozen=True)
class Reported:
    """A report, and the ZIP file that it goes out in, with the list that it counts."""

    report: bytes
    zipped: bytes

    @property
    def sha256(self) -> bytes:
        return sha256(self.report).digest()


REPORT, UNITS = "report.unitproof", "units.csv"  # in the ZIP file


def report(standing: Standing, *, now: datetime) -> Reported:
    """Both of one moment. Raises as `demand`, and `NotIntegratedYet`."""
    demand(standing)
    with BytesIO() as made, ZipFile(made, "w", ZIP_DEFLATED) as file, bulk.snapshot():
        with file.open(UNITS, "w", force_zip64=True) as listed:
            counting = _counted(standing, listed)
        signed = _signed(standing, counting, now)
        file.writestr(REPORT, signed)
        file.close()
        return Reported(signed, made.getvalue())


def _counted(standing: Standing, listed: IO[bytes]) -> Counting:
    """The list, written as it is counted."""
    counting = Counting()
    for line in lines(standing):
        listed.write(f"{line}\n".encode())
        if line.endswith(","):
            raise waiting()
        if line != HEADING:
            counting.add(line)
    return counting


def _signed(standing: Standing, counting: Counting, now: datetime) -> bytes:
    said = [*_registrations(standing.said.holds), *standing.answers, *filter(None, [standing.closed])]
    return _prove(standing, counting, said, now)


def _prove(standing: Standing, counting: Counting, said: list[Registration], now: datetime) -> bytes:
    head = log.latest()
    signers = {(row.issuer, open_statement(bytes(row.envelope)).signed.kid) for row in (standing.row, *said)}
    relied = relied_on(signers, (), head)
    recall, others = entered(standing.row), [entered(row) for row in said]
    indexes = sorted({each.index for each in (recall, *others, *relied)})
    begun = [index for index, _ in counting.begun]
    if head is None or max([*indexes, *begun]) >= head.size:
        raise waiting()
    status = RecallStatus(
        log=settings.LOG_ORIGIN,
        entry=standing.entry,
        size=head.size,
        root=bytes(head.root),
        time=now.replace(microsecond=0),
        units=counting.units,
        at=counting.at,
        begun=counting.begun,
        told=tuple(sorted((each.party, each.role, each.units) for each in standing.told)),
        said=tuple(sorted(bytes(row.entry.entry).hex() for row in said)),
    )
    made = prove(
        sign_recall_status(status, node_key(), operator=settings.OPERATOR_GLN),
        recall,
        others,
        relied,
        origin=settings.LOG_ORIGIN,
        checkpoint=head.note,
        path=log.prove_all(indexes, head.size),
    )
    return bytes(made)


def keep(standing: Standing, made: Reported, *, now: datetime) -> RecallReport:
    """Keep a report with its list, so that a closing may name it."""
    row, _ = RecallReport.objects.get_or_create(
        recall=standing.row.entry_id,
        sha256=made.sha256,
        defaults={"party": standing.reader.gln, "zipped": made.zipped, "made": now},
    )
    return row


def last_report(standing: Standing) -> RecallReport | None:
    """The last one that was made for the reader."""
    rows = RecallReport.objects.filter(recall=standing.row.entry_id, party=standing.reader.gln)
    return rows.order_by("-pk").first()


def _registrations(entries: tuple[str, ...]) -> list[Registration]:
    wanted = [bytes.fromhex(each) for each in entries]
    rows = Registration.objects.filter(kind=Hold.kind(), entry__entry__in=wanted)
    return list(rows.select_related("entry"))
