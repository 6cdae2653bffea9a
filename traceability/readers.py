"""Who has looked at my goods: every reading of another party's data, to the party whose data it is, with proof.

    EPC ──chain──> is it the asker's business? ──> its access records ──> who, when, why, as far as the asker may know

A reading concerns every party of the item's history. Who read is told to whoever may know that it has to do with the
item: a party of that part of the history which the asker may see, a regulator, whoever the asker has granted it, and
whoever asked to verify a pack of a product that is the asker's own to issue. Of all others it is said that somebody
read, and as what.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from ledger import log
from partners import access
from partners.access import Purpose
from partners.models import AccessRecord, Grant, Partner, Role

from . import accesses
from .bundle.reading import prove
from .errors import NotFound
from .history import Chain, chain
from .models import AccessInterval
from .proving import waiting

PAGE = 100
SELF = "readers"  # what is read here, as its own record says: of whose readings others are not told


@dataclass(frozen=True, slots=True)
class Read:
    """That somebody read of an item."""

    number: int
    at: datetime
    what: str  # verdict, chain, bundle, openings, whereabouts, ...
    purpose: str
    reason: str | None  # of a verification: why it was answered so
    reader: str | None  # GLN; None: not the asker's to know
    role: str | None  # of a reader that is not named
    interval: int | None  # in which it was logged; None: not yet


def readers_of(party: Partner, epc: str, *, now: datetime, before: int | None = None) -> tuple[list[Read], int | None]:
    """A page of all that others read of an item, the latest first; and before which to ask for the next.

    Raises `NotFound`, alike for what nobody knows and for what is not the party's business. That it looked is recorded.
    """
    with transaction.atomic():
        known = _known_to(party, epc)
        access.record(party, epc, SELF, Purpose.CUSTODY, now=now)
        rows = _readings(party, epc).order_by("-pk")
        page = list((rows if before is None else rows.filter(pk__lt=before))[: PAGE + 1])
    roles = dict(Partner.objects.filter(gln__in={row.reader for row in page}).values_list("gln", "role"))
    shown = [_read(row, known, roles.get(row.reader)) for row in page[:PAGE]]
    return shown, shown[-1].number if len(page) > PAGE else None


def proof_of(party: Partner, number: int, *, now: datetime) -> bytes:
    """The proof that a reading was recorded: of one whose reader the party may know."""
    row = AccessRecord.objects.filter(pk=number).exclude(reader=party.gln).exclude(what=SELF).first()
    if row is None or not _may_know(party, row):
        raise NotFound("no reading of this number concerns you", where="number")
    interval = AccessInterval.objects.select_related("entry").filter(after__lt=number, upto__gte=number).first()
    head = log.latest()
    if interval is None or interval.entry.index is None or head is None or interval.entry.index >= head.size:
        raise waiting()
    access.record(party, row.subject, SELF, Purpose.CUSTODY, now=now)
    made = prove(
        accesses.proven(row, interval),
        (interval.entry.index, bytes(interval.entry_salt), accesses.interval_bytes(interval).decode()),
        origin=settings.LOG_ORIGIN,
        checkpoint=head.note,
        path=log.prove_all([interval.entry.index], head.size),
    )
    return bytes(made)


def _may_know(party: Partner, row: AccessRecord) -> bool:
    try:
        known = _known_to(party, row.subject)
    except NotFound:
        return False
    return row.reader in known or Partner.objects.filter(gln=row.reader, role=Role.REGULATOR).exists()


def _readings(party: Partner, epc: str) -> "QuerySet[AccessRecord]":
    within = AccessInterval.objects.filter(upto__gte=OuterRef("pk")).order_by("upto")  # there is no gap between two
    others = AccessRecord.objects.filter(subject=epc).exclude(Q(reader=party.gln) | Q(what=SELF))
    return others.annotate(interval=Subquery(within.values("sequence")[:1]))


def _known_to(party: Partner, epc: str) -> Set[str]:
    """Whom the party may know to have to do with an item; raises where it has nothing to do with it itself."""
    found = chain(epc)
    shown = found.shown_to(party.gln) if found else ()
    if found is None or not shown:
        raise NotFound("you neither hold nor held an item of this number", where="epc")
    parties = {gln for hop in shown for gln in (hop.party, hop.consignee, hop.submitter) if gln}
    granted = Grant.objects.filter(partner=party, revoked=None).values_list("to", flat=True)
    return parties | set(granted) | (_verifiers(epc) if _issues(found, party) else frozenset())


def _issues(found: Chain, party: Partner) -> bool:
    """Whether verification requests about it are the party's to answer (21 U.S.C. 360eee-1(b)(4)(C))."""
    return found.begun is not None and found.licensed and found.begun.party == party.gln


def _verifiers(epc: str) -> Set[str]:
    """Who has asked for a verdict on it, as one asks whoever made it."""
    asked = AccessRecord.objects.filter(subject=epc, reason__isnull=False)
    return frozenset(asked.values_list("reader", flat=True))


def _read(row: Any, known: Set[str], role: str | None) -> Read:
    named = row.reader in known or role == Role.REGULATOR
    return Read(
        number=row.pk,
        at=row.at,
        what=row.what,
        purpose=row.purpose,
        reason=row.reason,
        reader=row.reader if named else None,
        role=None if named else role,
        interval=row.interval,
    )
