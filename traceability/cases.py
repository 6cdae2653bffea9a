"""A regulator's cases: what it may read, on record with the number of the case, and who is told of that.

    case statement ──> open: product, lot, serials, until when ──> a chain within it ──> read, with the case as purpose
                        └── told: who may issue the product            └── told: who had a part in it, once a case

A regulator reads another party's chain within an open case of its own alone, as anybody else reads what is granted. It
is signed and in the log before anything is read, and every reading under it is recorded with its number.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q

from ledger.models import Entry
from partners import access
from partners.cases import covering, open_case, open_cases
from partners.errors import PartnerError
from partners.gs1.identifiers import Sgtin
from partners.models import Case, Partner
from partners.prefixes import licensees

from . import bulk, notices
from .history import Chain, Hop
from .models import CaseConcern, Item, Registration
from .notice_kinds import Telling
from .statements import Case as Statement

A_PAGE = 50
__all__ = ["concern", "covering", "open_cases"]


def take(said: Statement, kid: bytes, number: int, *, by: str) -> None:
    """From the entry of this number on, it is open: whoever may issue the product is told."""
    if said.valid_to <= said.time:
        found = said.valid_to.isoformat()
        raise PartnerError("ends before it begins", code="empty_period", where="valid-to", found=found)
    row = open_case(
        said.about, said.case, gtin=said.gtin, lot=said.lot, serials=said.serials, reason=said.reason,
        valid_to=said.valid_to, vouched_by=by, vouched_kid=kid, number=number,
    )  # fmt: skip
    at = Registration.objects.get(entry_id=number).accepted
    _tell(row, {right.partner_id for right in licensees([said.gtin])[said.gtin]}, "case.opened", at)


def concern(case: Case | None, hops: Iterable[Hop], *, now: datetime) -> None:
    """Something of these hops is read under it: whoever had a part in them is told, once a case; in the transaction
    that reads."""
    concern_parties(case, (gln for hop in hops for gln in (hop.party, hop.consignee, hop.submitter) if gln), now=now)


def concern_parties(case: Case | None, parties: Iterable[str], *, now: datetime) -> None:
    """The same, where it is known who they are."""
    if case is not None:
        _tell(case, set(parties), "case.read", now)


def _tell(case: Case, parties: Collection[str], kind: str, at: datetime) -> None:
    told = sorted(set(parties) - {case.partner_id})
    bulk.insert_new([CaseConcern(case=case, party=gln) for gln in told])
    notices.tell([Telling(gln, kind, f"case/{case.pk}", {"case": case.number}) for gln in told], now=at)


def purpose(case: Case | None, otherwise: access.Purpose) -> str:
    """Why something was read, as its access record says."""
    return case.purpose if case is not None else str(otherwise)


# ---- what is within one ---------------------------------------------------------------------------------------------


def reaching(reader: Partner, found: Chain | None, epc: str, now: datetime) -> Case | None:
    """The case by which a regulator may read of an item; of one that is not known as much is asked."""
    return covering(reader.gln, epc, found.lot if found else None, now) if access.reads_all(reader) else None


def record_all(reader: Partner, epcs: Collection[str], what: str, otherwise: access.Purpose, *, now: datetime) -> None:
    """That something was read of each of these items; of those within a regulator's case, with its number."""
    by_purpose: dict[str, list[str]] = {}
    found = _cases_by_unit(reader, epcs, now)
    for epc, case in zip(sorted(set(epcs)), found or [None] * len(set(epcs)), strict=True):
        by_purpose.setdefault(purpose(case, otherwise), []).append(epc)
    for why, some in by_purpose.items():
        access.record_all(reader, some, what, why, now=now)


def over_all(reader: Partner, epcs: Iterable[str], now: datetime) -> Case | None:
    """The first of a regulator's open cases, if each of these units is within one: three queries, whatever they are."""
    found = _cases_by_unit(reader, epcs, now)
    return None if not found or None in found else found[0]


def over_any(reader: Partner, epcs: Iterable[str], now: datetime) -> Case | None:
    """The first of a regulator's open cases that one of these items is within."""
    return next((case for case in _cases_by_unit(reader, epcs, now) if case is not None), None)


def _cases_by_unit(reader: Partner, epcs: Iterable[str], now: datetime) -> list[Case | None]:
    rows = open_cases(reader.gln, now) if access.reads_all(reader) else []
    if not rows:
        return []
    wanted = sorted(set(epcs))
    begun = dict(bulk.select_by("found.epc, found.begun_id", "traceability_item", "epc", wanted, "text"))
    keys = sorted(set(begun.values()))
    lots = dict(bulk.select_by("found.id, found.lot", "traceability_event", "id", keys, "bigint"))
    return [next((row for row in rows if row.covers(epc, lots.get(begun.get(epc)))), None) for epc in wanted]


def within(reader: Partner, now: datetime) -> Q:
    """Of rows that name an `epc`: those within a regulator's open cases."""
    found = Q(pk__in=[])
    for row in open_cases(reader.gln, now):
        if row.serials is not None:
            one = Q(epc__in=[Sgtin(row.gtin, serial).uri for serial in row.serials])
        else:
            begins = f"https://id.gs1.org/01/{row.gtin}/2"
            one = Q(epc__gte=f"{begins}1", epc__lt=f"{begins}2")  # all of a product, whatever the collation
        if row.lot is not None:
            one &= Q(epc__in=Item.objects.filter(begun__lot=row.lot).values("epc"))
        found |= one
    return found


# ---- looking --------------------------------------------------------------------------------------------------------


def cases_of(party: Partner, before: int | None = None) -> tuple[list[Case], int | None]:
    """A page of cases: a regulator's own, and those that concern the party; the latest first."""
    concerned = CaseConcern.objects.filter(party=party.gln).values("case")
    rows = Case.objects.filter(Q(partner=party) | Q(pk__in=concerned)).order_by("-pk")
    found = list((rows if before is None else rows.filter(pk__lt=before))[: A_PAGE + 1])
    return found[:A_PAGE], found[A_PAGE - 1].pk if len(found) > A_PAGE else None


def entries(rows: Collection[Case]) -> dict[int, str]:
    """Of each, its entry in hexadecimal, by the number it was accepted under."""
    found = Entry.objects.in_bulk([row.registered for row in rows])
    return {number: bytes(row.entry).hex() for number, row in found.items()}
