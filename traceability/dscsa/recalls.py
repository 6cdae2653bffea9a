"""Recalls, as whoever has to do with one sees it: whoever recalls, whoever was told, and regulators.

    entry ──> recall, its radius, who was told and what each has answered ──> numbers, list, report

Whoever recalls is told of every unit in which state it is, and in whose hands where that is its own customer, or has
answered; of all others it is told what they are, such as a dispenser (invariant I7). A regulator is told whose.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from partners import access
from partners.access import Purpose
from partners.models import Hold, Partner

from ..errors import NotFound, Refusal
from ..models import Event, Notice, Registration
from ..saying import say
from ..statements import Hold as HoldSaid
from ..statements import HoldKind, Recall, RecallAnswer, RecallClass, RecallClosing, RecallDepth
from . import blast
from .blast import Place, Radius, Unit
from .recalling import (
    OPENED,
    answer_in,
    answers_to,
    closing_of,
    holds_of,
    matter,
    recall_at,
    recall_in,
)

NUMBERS = ("quarantined", "returned", "destroyed", "missing")  # of an answer
UNKNOWN = "unknown"  # who has it, where nobody has said


@dataclass(frozen=True)
class Answered:
    """What a party has answered, the latest counting."""

    acknowledged: datetime  # when it first answered anything
    counted: datetime | None  # when it last told numbers; None: it has told none
    quarantined: int = 0
    returned: int = 0
    destroyed: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Told:
    """A party that has to act on the recall."""

    party: str  # GLN
    name: str | None  # None: not for the reader to know, nor the GLN
    role: str
    told: datetime
    units: int  # when it was told
    answered: Answered | None


@dataclass(frozen=True)
class Standing:
    """One recall, as it stands for one reader."""

    row: Registration
    said: Recall
    reader: Partner
    holds: tuple[Hold, ...]
    closed: Registration | None
    _known: dict[str, str] = field(default_factory=dict)

    @property
    def entry(self) -> str:
        return bytes(self.row.entry.entry).hex()

    @property
    def is_own(self) -> bool:
        return self.reader.gln in (self.row.issuer, self.row.about)

    @property
    def sees_all(self) -> bool:
        """Every unit and everybody; who is told sees its own alone."""
        return self.is_own or access.reads_all(self.reader)

    # ---- where it all is ------------------------------------------------------------------------------------------

    @cached_property
    def radius(self) -> Radius:
        """With parties by what the reader may know of them: a GLN, or a role."""
        reach = blast.radius(self.holds)
        self._learn({party for place, _ in reach.at for party in place[1:] if party})
        found: Counter[Place] = Counter()
        for place, count in reach.at:
            found[self.shown(place)] += count
        return Radius(tuple(sorted(found.items(), key=lambda row: (-row[1], str(row[0])))))

    def units(self) -> Iterator[Unit]:
        """All of them for who sees all; else the reader's own."""
        for each in blast.units(self.holds):
            if self.sees_all or self.reader.gln in each.place[1:]:
                if new := {party for party in each.place[1:] if party} - self._known.keys():
                    self._learn(new)
                yield each._replace(place=self.shown(each.place))

    def shown(self, place: Place) -> Place:
        return Place(place.status, *(party and self.name_of(party) for party in place[1:]))

    def name_of(self, party: str) -> str:
        """Its GLN, or its role."""
        return self._known.get(party, UNKNOWN)

    def _learn(self, parties: set[str]) -> None:
        new = parties - self._known.keys()
        roles = dict(Partner.objects.filter(gln__in=new).values_list("gln", "role"))
        named = self._named(new)
        self._known.update({party: party if party in named else roles.get(party, UNKNOWN) for party in new})

    def _named(self, parties: set[str]) -> set[str]:
        if access.reads_all(self.reader):
            return parties
        shipped = Event.objects.filter(
            biz_step="shipping", party=self.row.issuer, consignee=OuterRef("gln"), is_error_declaration=False,
            submission__entry__lt=self.row.entry_id,  # no shipment is made up to learn of somebody
        )  # fmt: skip
        traded = Partner.objects.filter(Exists(shipped), gln__in=parties)
        return {self.reader.gln, *traded.values_list("gln", flat=True), *self._answers}

    # ---- who was told ---------------------------------------------------------------------------------------------

    @cached_property
    def _notices(self) -> Sequence[Notice]:
        return list(Notice.objects.filter(about=matter(self.entry), kind=OPENED).order_by("pk"))

    @cached_property
    def _answers(self) -> Mapping[str, list[Registration]]:
        return answers_to(self.row, [each.party for each in self._notices])

    @cached_property
    def told(self) -> tuple[Told, ...]:
        """Everybody who was; those first who have answered nothing."""
        partners = Partner.objects.in_bulk([each.party for each in self._notices])
        self._learn({each.party for each in self._notices})
        rows = [self._told(each, partners.get(each.party)) for each in self._notices]
        return tuple(sorted(rows, key=lambda each: (_rank(each.answered), -each.units, each.party)))

    def _told(self, notice: Notice, partner: Partner | None) -> Told:
        """Whoever is no partner here is a consignee that somebody has named: it has no way to answer but a letter."""
        named = self.name_of(notice.party) == notice.party
        return Told(
            party=self.name_of(notice.party),
            name=(partner.name if partner else notice.party) if named else None,
            role=partner.role if partner else UNKNOWN,
            told=notice.at,
            units=int(notice.body.get("units", 0)),
            answered=_answered(self._answers.get(notice.party, ())),
        )

    @property
    def own(self) -> Told | None:
        """What the reader was told, if it was."""
        notice = next((each for each in self._notices if each.party == self.reader.gln), None)
        if notice is None:
            return None
        self._learn({self.reader.gln})
        return self._told(notice, self.reader)

    @property
    def answers(self) -> list[Registration]:
        """The one of each party that counts: the last with numbers, or else the last."""
        return [_counts(rows) or rows[-1] for _, rows in sorted(self._answers.items())]

    @cached_property
    def found(self) -> dict[str, int]:
        """What all have found, summed; and `unaccounted`: what is missing, and all that nobody has looked for yet."""
        counted = [each.answered for each in self.told if each.answered and each.answered.counted]
        silent = sum(each.units for each in self.told if not (each.answered and each.answered.counted))
        sums = {name: sum(getattr(each, name) for each in counted) for name in NUMBERS}
        return sums | {"unaccounted": sums["missing"] + silent}


def _rank(answered: Answered | None) -> int:
    return 0 if answered is None else 1 if answered.counted is None else 2


def _counts(rows: Sequence[Registration]) -> Registration | None:
    """Of what a party has answered, the last with numbers."""
    return next((row for row in reversed(rows) if answer_in(row).quarantined is not None), None)


def _answered(rows: Sequence[Registration]) -> Answered | None:
    if not rows:
        return None
    counted = _counts(rows)
    if counted is None:
        return Answered(rows[0].accepted, None)
    said = answer_in(counted)
    numbers = (said.quarantined or 0, said.returned or 0, said.destroyed or 0, said.missing or 0)
    return Answered(rows[0].accepted, counted.accepted, *numbers)


# ---- reading --------------------------------------------------------------------------------------------------------


def standing(entry: str, reader: Partner, *, now: datetime) -> Standing:
    """A recall, for whoever it concerns; that others' units are looked at is recorded (I7). Raises `NotFound`, alike
    for what nobody knows and for what is not the reader's business."""
    row = recall_at(entry)
    if row is None or not _concerns(row, entry, reader):
        raise NotFound("no recall of this entry concerns you", where="entry")
    found = _standing(row, reader)
    if found.sees_all:
        access.record(reader, f"urn:unitproof:recall:{entry}", "recall", Purpose.RECALL, now=now)
    return found


def _standing(row: Registration, reader: Partner) -> Standing:
    said = recall_in(row)
    return Standing(row, said, reader, tuple(holds_of(said)), closing_of(row))


def _concerns(row: Registration, entry: str, reader: Partner) -> bool:
    if reader.gln in (row.issuer, row.about) or access.reads_all(reader):
        return True
    return Notice.objects.filter(party=reader.gln, about=matter(entry), kind=OPENED).exists()


def recalls_of(reader: Partner, before: int | None = None, page: int = 50) -> tuple[list[Standing], int | None]:
    """Those that concern the reader, the latest first; and before which number to ask for the next page."""
    rows = Registration.objects.filter(kind=Recall.kind()).select_related("entry").order_by("-entry_id")
    if not access.reads_all(reader):
        told = Notice.objects.filter(party=reader.gln, kind=OPENED).values_list("about", flat=True)
        entries = [bytes.fromhex(about.rpartition("/")[2]) for about in told]
        rows = rows.filter(entry__entry__in=entries) | rows.filter(Q(issuer=reader.gln) | Q(about=reader.gln))
    found = list((rows if before is None else rows.filter(entry_id__lt=before))[: page + 1])
    shown = [_standing(row, reader) for row in found[:page]]
    return shown, found[page - 1].entry_id if len(found) > page else None


# ---- acting, with the key that the node holds -----------------------------------------------------------------------


@dataclass(frozen=True)
class Scope:
    """What is recalled: a product, or of it a lot, or serial numbers from one to another."""

    gtin: str
    lot: str | None = None
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Wanted:
    """A recall as somebody wants it."""

    scopes: tuple[Scope, ...]
    classification: RecallClass
    depth: RecallDepth
    reason: str
    contact: str
    answer_by: datetime
    statement: UUID = field(default_factory=uuid4)  # id of the recall: asked again by it, it is the same recall


def begin(party: Partner, wanted: Wanted, *, now: datetime) -> tuple[Registration, bool]:
    """Hold what is recalled, and recall it: both signed here, or neither; and whether it is new. Raises as `say`."""
    if row := _begun(party, wanted):
        return row, False
    with transaction.atomic():
        held = []
        for number, each in enumerate(wanted.scopes):
            row = say(
                party, HoldSaid, now=now, statement=uuid5(wanted.statement, str(number)), hold=HoldKind.RECALL,
                reason=wanted.reason, gtin=each.gtin, lot=each.lot, first=each.first, last=each.last,
            )  # fmt: skip
            held.append(bytes(row.entry.entry).hex())
        recalled = say(
            party, Recall, now=now, statement=wanted.statement, holds=tuple(sorted(held)),
            classification=wanted.classification, depth=wanted.depth, reason=wanted.reason, contact=wanted.contact,
            answer_by=wanted.answer_by,
        )  # fmt: skip
        return recalled, True


def _begun(party: Partner, wanted: Wanted) -> Registration | None:
    """The recall of this id, if the party has said it."""
    rows = Registration.objects.filter(issuer=party.gln, statement_id=wanted.statement).select_related("entry")
    if (row := rows.first()) is None:
        return None
    said = recall_in(row) if row.kind == Recall.kind() else None
    holds = [(hold.gtin, hold.lot, hold.first, hold.last) for hold in holds_of(said)] if said else []
    same = said is not None and (said.classification, said.depth, said.reason, said.contact, said.answer_by) == (
        wanted.classification, wanted.depth, wanted.reason, wanted.contact, wanted.answer_by,
    )  # fmt: skip
    if not same or sorted(map(str, holds)) != sorted(str((s.gtin, s.lot, s.first, s.last)) for s in wanted.scopes):
        raise Refusal("this id names another statement", code="submission_reused", where="statement")
    return row


def answer(party: Partner, entry: str, numbers: tuple[int, int, int, int] | None, *, now: datetime) -> Registration:
    """Say that one has read it, and what one has found: quarantined, returned, destroyed, missing."""
    found: dict[str, Any] = dict(zip(NUMBERS, numbers, strict=True)) if numbers else {}
    return say(party, RecallAnswer, now=now, entry=entry, **found)


def close(party: Partner, entry: str, report: bytes, *, now: datetime) -> Registration:
    """Say that it is over, by the report of this SHA-256."""
    return say(party, RecallClosing, now=now, entry=entry, report=report)
