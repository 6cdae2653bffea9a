"""Suspect and illegitimate product, for whoever investigates it and for whoever is told of it (21 U.S.C. 360eee-1).

    goods, who, why, where ──holds, signed──> quarantine ──steps, signed──> cleared, or illegitimate and disposed of
                                                              └──> immediate partners: acknowledge

Here the node signs with the key that it holds for the party; whoever signs itself registers the same statements. To
everybody but the party, the partners who were told, and regulators, there is no such case.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from ledger.models import Entry
from partners import access
from partners.access import Purpose
from partners.models import Hold, Partner

from .. import custodial, investigating, statements
from ..epcis.errors import DocumentError
from ..errors import NotFound, Refusal
from ..models import Investigation, InvestigationPartner, InvestigationStep
from ..saying import say
from ..statements import HoldKind, open_statement
from ..statements import Investigation as Statement
from ..statements import InvestigationStep as Step

A_PAGE = 50
MOST_EVIDENCE = 100  # files of one step
LONGEST_NOTE = 200  # characters


@dataclass(frozen=True, slots=True)
class What:
    """Goods, as a hold names them: one item by its EPC, or a product and what narrows it."""

    epc: str | None = None
    gtin: str | None = None
    lot: str | None = None
    first: str | None = None
    last: str | None = None

    @classmethod
    def of(cls, hold: Hold) -> "What":
        return cls(hold.epc, hold.gtin, hold.lot, hold.first, hold.last)

    @property
    def link(self) -> str:
        """As the access record names it: an EPC, or the product as a Digital Link writes it."""
        if self.epc is not None:
            return self.epc
        return f"https://id.gs1.org/01/{self.gtin}" + (f"/10/{self.lot}" if self.lot else "")


@dataclass(frozen=True, slots=True)
class Taken:
    """What somebody says of a step."""

    person: str
    place: str
    reason: str
    evidence: tuple[bytes, ...] = ()  # SHA-256 of files
    incident: str | None = None
    sample: str | None = None

    def members(self) -> dict[str, Any]:
        """Of the statement."""
        if len(self.evidence) > MOST_EVIDENCE:
            expected = f"hashes of {MOST_EVIDENCE} files at most"
            raise DocumentError("too much evidence", code="bad_number", where="evidence", expected=expected)
        evidence = tuple(sorted(set(self.evidence))) or None
        return {"person": self.person, "place": self.place, "reason": self.reason, "evidence": evidence,
                "incident": self.incident, "sample": self.sample}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """A step that was taken, as its statement says it."""

    row: InvestigationStep
    statement: Statement
    entry: str  # hex


@dataclass(frozen=True, slots=True)
class Seen:
    """A case, as far as its reader may see it."""

    row: Investigation
    state: str
    own: bool
    what: tuple[tuple[Hold, str], ...]  # each with the entry of the hold, in hexadecimal
    steps: tuple[Said, ...]  # to a partner: only that it is illegitimate, and why
    partners: tuple[InvestigationPartner, ...]  # who were told; to a partner: itself
    may: tuple[Step, ...] = field(default=())  # what whoever investigates may do next

    @property
    def last(self) -> str:
        return self.steps[-1].entry if self.steps else ""


# ---- acting ---------------------------------------------------------------------------------------------------------


def open_case(
    party: Partner, case: UUID, what: Sequence[What], taken: Taken, *, now: datetime
) -> tuple[Investigation, bool]:
    """Quarantine these goods and begin a case, all or nothing; whether it is new. Asked again, it is the same case."""
    goods = list(dict.fromkeys(what))
    if not 0 < len(goods) <= investigating.MOST_HOLDS:
        expected = f"1 to {investigating.MOST_HOLDS} items, lots or ranges"
        raise DocumentError("what is suspect?", code="bad_number", where="what", expected=expected)
    with transaction.atomic():
        if (row := Investigation.objects.filter(case=case, party=party.gln).first()) is not None:
            _demand_same(row, goods, taken)
            return row, False
        holds = [
            say(party, statements.Hold, now=now, hold=HoldKind.SUSPECT, reason=taken.reason, epc=each.epc,
                gtin=each.gtin, lot=each.lot, first=each.first, last=each.last)
            for each in goods
        ]  # fmt: skip
        entries = tuple(sorted(bytes(row.entry.entry).hex() for row in holds))
        say(party, Statement, now=now, case=str(case), step=Step.SUSPECT, holds=entries, **taken.members())
    return Investigation.objects.get(case=case), True


def _demand_same(row: Investigation, goods: Sequence[What], taken: Taken) -> None:
    first = _said(row.steps.select_related("registration__entry").order_by("pk")[:1])[0].statement
    if {What.of(hold) for hold in row.holds.all()} != set(goods) or not _is_same(first, taken):
        raise Refusal("this id names another case", code="case_exists", where="case", found=str(row.case))


def _is_same(said: Statement, taken: Taken) -> bool:
    return {name: getattr(said, name) for name in taken.members()} == taken.members()


def take_step(
    party: Partner, case: UUID, step: Step, taken: Taken, *, previous: str | None = None, now: datetime
) -> tuple[Investigation, bool]:
    """The next step of one's own case, signed here; whether it is new. What is cleared is let go with it.

    `previous`: the entry of the step that it is to follow; asked again with the same, it is taken once.
    """
    with transaction.atomic():
        row = _own(party, case)
        last = _said(row.steps.select_related("registration__entry").order_by("-pk")[:1])[0]
        is_repeated = previous is not None and (last.statement.previous, last.statement.step) == (previous, step)
        if is_repeated and _is_same(last.statement, taken):
            return row, False
        say(party, Statement, now=now, case=str(row.case), step=step, previous=previous or last.entry,
            **taken.members())  # fmt: skip
        if step is Step.CLEARED:
            for hold in row.holds.filter(revoked=None).order_by("registered"):
                entry = bytes(Entry.objects.get(number=hold.registered).entry).hex()
                say(party, statements.Release, now=now, entry=entry, reason=taken.reason)
    row.refresh_from_db()
    return row, True


def _own(party: Partner, case: UUID) -> Investigation:
    row = Investigation.objects.select_for_update().filter(case=case, party=party.gln).first()
    if row is None:
        raise _nothing()
    return row


def _nothing() -> NotFound:
    return NotFound("you know of no case of this id", where="case")


def acknowledge(partner: Partner, case: UUID, note: str, *, now: datetime) -> InvestigationPartner:
    """An immediate partner has taken note: its clock stops. Once, whatever it says later."""
    if len(note) > LONGEST_NOTE or not (note == "" or note.isprintable()):
        expected = f"{LONGEST_NOTE} printable characters at most"
        raise DocumentError("not a note", code="unwritable", where="note", expected=expected)
    with transaction.atomic():
        told = InvestigationPartner.objects.select_for_update().select_related("investigation")
        row = told.filter(investigation__case=case, party=partner.gln).first()
        if row is None:
            raise _nothing()
        if row.acknowledged is None:
            investigating.acknowledge(row.investigation, row, note, now=now)
    return row


# ---- reading --------------------------------------------------------------------------------------------------------


def case_of(reader: Partner, case: UUID, *, now: datetime) -> Seen:
    """One case. Raises `NotFound`, alike for what nobody knows and for what is not the reader's business."""
    with transaction.atomic():
        row = _visible(reader).filter(case=case).first()
        if row is None:
            raise _nothing()
        return _seen([row], reader, now)[0]


def cases_of(reader: Partner, before: int | None = None, *, now: datetime) -> tuple[list[Seen], int | None]:
    """A page of cases that concern the reader, the latest first; and before which to ask for the next. The number of
    queries does not depend on how many there are."""
    rows = _visible(reader).order_by("-pk")
    with transaction.atomic():
        found = list((rows if before is None else rows.filter(pk__lt=before))[: A_PAGE + 1])
        seen = _seen(found[:A_PAGE], reader, now)
    return seen, found[A_PAGE - 1].pk if len(found) > A_PAGE else None


def _visible(reader: Partner) -> Any:
    if access.reads_all(reader):
        return Investigation.objects.all()
    told = InvestigationPartner.objects.filter(party=reader.gln)
    return Investigation.objects.filter(Q(party=reader.gln) | Q(pk__in=told.values("investigation")))


def _seen(rows: Sequence[Investigation], reader: Partner, now: datetime) -> list[Seen]:
    """Each as far as the reader may see it; of others' cases, the reading is recorded (I7)."""
    holds, steps, partners = _holds_of(rows), _steps_of(rows), _partners_of(rows)
    seen = []
    for row in rows:
        own, told = row.party == reader.gln, [each for each in partners[row.pk] if each.party == reader.gln]
        if own or access.reads_all(reader):
            may = investigating.steps_from(row.state, notified=row.notified is not None) if own else []
            seen.append(Seen(row, row.state, own, tuple(holds[row.pk]), tuple(steps[row.pk]),
                             tuple(partners[row.pk]), tuple(may)))  # fmt: skip
        else:
            shown = tuple(each for each in holds[row.pk] if each[0].pk in told[0].holds)
            why = tuple(each for each in steps[row.pk] if each.row.step == Step.ILLEGITIMATE)
            state = "terminated" if row.state in ("terminated", "disposed") else "illegitimate"
            seen.append(Seen(row, state, False, shown, why, tuple(told)))
    subjects = {What.of(hold).link for each in seen if not each.own for hold, _ in each.what}
    access.record_all(reader, subjects, "investigation", Purpose.NOTIFICATION, now=now)
    return seen


def _holds_of(rows: Iterable[Investigation]) -> dict[int, list[tuple[Hold, str]]]:
    found: dict[int, list[tuple[Hold, str]]] = {row.pk: [] for row in rows}
    links = Investigation.holds.through.objects.filter(investigation__in=list(found)).select_related("hold")
    several = list(links.order_by("hold__registered"))
    entries = Entry.objects.in_bulk([link.hold.registered for link in several])
    for link in several:
        found[link.investigation_id].append((link.hold, bytes(entries[link.hold.registered].entry).hex()))
    return found


def _steps_of(rows: Iterable[Investigation]) -> dict[int, list[Said]]:
    found: dict[int, list[Said]] = {row.pk: [] for row in rows}
    steps = InvestigationStep.objects.filter(investigation__in=list(found)).select_related("registration__entry")
    for said in _said(steps.order_by("pk")):
        found[said.row.investigation_id].append(said)
    return found


def _partners_of(rows: Iterable[Investigation]) -> dict[int, list[InvestigationPartner]]:
    found: dict[int, list[InvestigationPartner]] = {row.pk: [] for row in rows}
    for each in InvestigationPartner.objects.filter(investigation__in=list(found)).order_by("party"):
        found[each.investigation_id].append(each)
    return found


def _said(rows: Iterable[InvestigationStep]) -> list[Said]:
    return [
        Said(row, _statement(bytes(row.registration.envelope)), bytes(row.registration.entry.entry).hex())
        for row in rows
    ]


def _statement(envelope: bytes) -> Statement:
    said = open_statement(envelope).payload
    assert isinstance(said, Statement)
    return said


def signs_here(party: Partner) -> bool:
    """Whether this node holds a key of the party's, to sign a step at its word."""
    return custodial.key_of(party) is not None
