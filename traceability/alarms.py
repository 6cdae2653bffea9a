"""Copies: one pack seen where it cannot be, with both pieces of evidence (ARCHITECTURE section 4).

    verification ──┐                        ┌── where it was last: another's verification, or the record's last event
                   ├──> nowhere near it? ──>┤
    refused claim ─┘                        └── where it is now ──> alarm, in the transaction of this second piece

Three kinds: `after_end`, it had been dispensed or taken out of use; `two_places`, somebody else verified it since it
last moved; `out_of_chain`, the record has it elsewhere. A verification counts if it came with all four elements, by
who has the pack before it: a look at the record is no sighting, nor is a regulator's.

No alarm: whoever has the pack, or is to receive it, however often it scans; whoever gave it out and scans it again
within `ALARM_GRACE_SECONDS`; whoever had it and asks for another reason than to dispense it, as a maker does that
answers a question, and a distributor to whom it comes back, but after its end its maker alone; an agent of its holder.
An alarm that the record has explained since (the goods were faster) no longer counts in a verdict.

Whom it concerns is written with it: both parties, whoever had to do with the pack, its licensee; regulators see all.
Each is told who the others are only if it has, or had, to do with the pack (invariant I7).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from partners import access
from partners.access import WITH_THE_PACK, Purpose
from partners.gs1.identifiers import gtin_of
from partners.models import AccessRecord, Partner, Prefix, Role
from partners.prefixes import names_of

from . import bulk, cases, notices
from .custody import TERMINAL, Voice
from .epcis.errors import DocumentError
from .errors import NotAllowed, NotFound
from .history import AFTER_END, OUT_OF_CHAIN, TWO_PLACES, Chain, Hop
from .models import Alarm, AlarmConcern, Event, Item, Sighting
from .notice_kinds import Telling

PAGE = 50  # shown at once
LONGEST_NOTE = 200  # characters

# ---- by a verification ----------------------------------------------------------------------------------------------


def is_astray(found: Chain, reader: Partner, purpose: Purpose, now: datetime) -> bool:
    """Whether the pack that the reader has in hand cannot be there, or need not: by its chain alone, so that of a pack
    that is where the record has it, the database is asked no more."""
    if access.reads_all(reader) or purpose not in WITH_THE_PACK or not found.hops:
        return False
    answers = purpose is not Purpose.DISPENSING  # a question, or awaits a return: if it knows the pack
    if found.custody.status in TERMINAL:  # of what has come to its end nothing comes back but to whoever made it
        made = found.begun is not None and found.begun.party == reader.gln
        return not (answers and made) and not _is_grace(found.hops[-1], reader.gln, now)
    return not (answers and found.shown_to(reader.gln)) and not _is_there(found, reader.gln)


def notice(found: Chain, reader: Partner, verification: int, *, now: datetime) -> None:
    """Raise an alarm for a pack that is astray, unless that is explained; in the transaction of the verification."""
    last = found.hops[-1]
    if found.custody.status in TERMINAL:
        return _raise(AFTER_END, found, last, None, reader, verification, now)
    other = _seen_by_another(found.epc, reader.gln, last.time)
    if other is None and found.has_now(reader.gln):
        return None
    return _raise(TWO_PLACES if other else OUT_OF_CHAIN, found, last, other, reader, verification, now)


def _is_grace(last: Hop, gln: str, now: datetime) -> bool:
    return gln in (last.party, last.submitter) and now - last.time <= timedelta(seconds=settings.ALARM_GRACE_SECONDS)


def _is_there(found: Chain, gln: str) -> bool:
    """With whoever has it, its owner, or an agent who has told something of it for whoever has it."""
    told_for = {hop.party for hop in found.hops if hop.voice is Voice.AGENT and hop.submitter == gln}
    return gln == found.custody.owner or any(map(found.is_with, (gln, *told_for)))


def _seen_by_another(epc: str, gln: str, since: datetime) -> AccessRecord | None:
    regulators = Partner.objects.filter(role=Role.REGULATOR).values("gln")
    seen = AccessRecord.objects.filter(subject=epc, at__gte=since, in_hand=True, purpose__in=WITH_THE_PACK)
    return seen.exclude(reader=gln).exclude(reader__in=regulators).order_by("-at", "-pk").first()


def _raise(
    kind: str,
    found: Chain,
    last: Hop,
    other: AccessRecord | None,
    reader: Partner,
    verification: int,
    now: datetime,
) -> None:
    alarm = Alarm(
        epc=found.epc,
        kind=kind,
        at=now,
        first_party=other.reader if other else last.party,
        first_at=other.at if other else last.time,
        first_verification=other.pk if other else None,
        first_event=None if other else last.event,
        second_party=reader.gln,
        second_verification=verification,
        after=max(hop.event for hop in found.hops),
    )
    part = {gln for hop in found.hops for gln in (hop.party, hop.consignee) if gln}
    _keep([alarm], {alarm.epc: part})


# ---- by refused claims ----------------------------------------------------------------------------------------------

#: What a claim was refused for, as a kind of alarm; what is not here says nothing of where the item is.
KINDS: Mapping[str, str] = {
    **{f"already_{end}": AFTER_END for end in TERMINAL},
    **{f"{end}_before": AFTER_END for end in TERMINAL},
    "already_commissioned": TWO_PLACES,
    "not_holder": OUT_OF_CHAIN,
    "not_consignee": OUT_OF_CHAIN,
    "not_sender": OUT_OF_CHAIN,
}


def notice_claims(sightings: Sequence[Sighting], *, now: datetime) -> None:
    """The same for claims that were refused, however many items they name: the claim is the second evidence."""
    told = {row.epc: row for row in sightings if row.epc and row.code in KINDS}
    if not told:
        return
    rows = Item.objects.filter(epc__in=told).annotate(moved=Max("moves__event"), packed=Max("packings__event"))
    items = {item.epc: item for item in rows}
    lasts = {epc: max(filter(None, (item.begun_id, item.moved, item.packed))) for epc, item in items.items()}
    events = Event.objects.in_bulk({*lasts.values(), *(item.begun_id for item in items.values())})
    after = Event.objects.aggregate(last=Max("pk"))["last"]
    alarms, parts = [], {}
    for epc, item in items.items():
        row, last = told[epc], events[lasts[epc]]
        if _is_repeated(row, last, now):
            continue
        alarms.append(
            Alarm(
                epc=epc,
                kind=KINDS[row.code],
                at=now,
                first_party=last.party,
                first_at=last.event_time,
                first_event=last.pk,
                second_party=row.submitter,
                second_sighting=row.statement_sha256,
                after=after,
            )
        )
        parts[epc] = {gln for gln in (events[item.begun_id].party, last.party, item.possessor, item.consignee) if gln}
    _keep(alarms, parts)


def _is_repeated(row: Sighting, last: Event, now: datetime) -> bool:
    """One station said it twice."""
    grace = timedelta(seconds=settings.ALARM_GRACE_SECONDS)
    return KINDS[row.code] == AFTER_END and row.submitter == last.party and now - last.event_time <= grace


# ---- keeping --------------------------------------------------------------------------------------------------------


def _keep(alarms: Sequence[Alarm], parts: Mapping[str, Collection[str]]) -> None:
    """Each once, however often it is seen again until somebody clears it, with whom it concerns."""
    known = _standing(alarms)
    fresh = [each for each in alarms if (each.epc, each.kind, each.second_party) not in known]
    if not fresh:
        return
    licensees = _licensees({gtin for each in fresh if (gtin := gtin_of(each.epc))})
    bulk.insert_new(fresh)  # another may have raised it meanwhile
    numbers = _standing(fresh)
    concerns = [
        concern
        for each in fresh
        for concern in _concerns(each, numbers, parts[each.epc], licensees.get(gtin_of(each.epc) or "", set()))
    ]
    bulk.insert_new(concerns)
    kinds = {numbers[each.epc, each.kind, each.second_party]: f"alarm.{each.kind}" for each in fresh}
    notices.tell((_told(concern, kinds[concern.alarm_id], fresh[0].at) for concern in concerns), now=fresh[0].at)


def _standing(alarms: Iterable[Alarm]) -> dict[tuple[str, str, str], int]:
    """Their numbers, as far as they stand: by EPC, kind and who was seen with it."""
    found = bulk.select_by(
        "found.epc, found.kind, found.second_party, found.id", "traceability_alarm", "epc",
        sorted({each.epc for each in alarms}), "text", "found.cleared IS NULL",
    )  # fmt: skip
    return {(epc, kind, second): number for epc, kind, second, number in found}


def _concerns(
    alarm: Alarm, numbers: Mapping[tuple[str, str, str], int], part: Collection[str], licensees: Collection[str]
) -> Iterator[AlarmConcern]:
    number = numbers[alarm.epc, alarm.kind, alarm.second_party]
    for gln in sorted({alarm.first_party, alarm.second_party, *part, *licensees}):
        yield AlarmConcern(alarm_id=number, party=gln, knows=gln in part, may_clear=gln in licensees)


def _told(concern: AlarmConcern, kind: str, at: datetime) -> Telling:
    """By its number, under which each finds as much of it as it may know. Whoever may clear it has a clock."""
    due = at + timedelta(seconds=settings.ALARM_CLOCK_SECONDS) if concern.may_clear else None
    return Telling(concern.party, kind, f"alarm/{concern.alarm_id}", {"alarm": concern.alarm_id}, due)


def _licensees(gtins: Iterable[str]) -> dict[str, set[str]]:
    """By GTIN, who may issue it."""
    names = {gtin: names_of(gtin) for gtin in gtins}
    rows = Prefix.objects.filter(revoked=None, digits__in={name for each in names.values() for name in each})
    holders = list(rows.values_list("digits", "partner"))
    return {gtin: {gln for digits, gln in holders if digits in each} for gtin, each in names.items()}


# ---- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """Where it was seen, as far as the reader may know of it."""

    what: str  # verification, event or claim
    at: datetime | None  # None and None: not for the reader to know
    party: str | None  # GLN


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm, as far as the reader may know of it."""

    number: int
    at: datetime
    epc: str
    kind: str
    first: Piece
    second: Piece
    cleared: datetime | None
    cleared_because: str
    may_clear: bool

    @property
    def pieces(self) -> tuple[Piece, Piece]:
        return self.first, self.second


def alarms_of(
    reader: Partner, *, purpose: Purpose, now: datetime, before: int | None = None
) -> tuple[list[Raised], int | None]:
    """A page of alarms that concern the reader, the latest first; and before which to ask for the next."""
    rows = Alarm.objects.order_by("-pk") if before is None else Alarm.objects.filter(pk__lt=before).order_by("-pk")
    concerned = Q(pk__in=AlarmConcern.objects.filter(party=reader.gln).values("alarm"))
    rows = rows.filter(concerned | cases.within(reader, now) if access.reads_all(reader) else concerned)
    with transaction.atomic():
        page = list(rows[: PAGE + 1])
        shown, more = page[:PAGE], len(page) > PAGE
        mine = AlarmConcern.objects.filter(party=reader.gln, alarm__in=shown)
        rights = {row.alarm_id: (row.knows, row.may_clear) for row in mine}
        raised = [_shown(row, reader.gln, *rights.get(row.pk, (True, True))) for row in shown]  # else by a case
        others = {each.epc for each in raised if {each.first.party, each.second.party} != {reader.gln}}
        cases.record_all(reader, others, "alarms", purpose, now=now)
    return raised, shown[-1].pk if more else None


def _shown(row: Alarm, reader: str, knows: bool, may_clear: bool) -> Raised:
    def piece(what: str, at: datetime, party: str) -> Piece:
        return Piece(what, at, party) if knows or party == reader else Piece(what, None, None)

    return Raised(
        row.pk,
        row.at,
        row.epc,
        row.kind,
        piece("event" if row.first_event else "verification", row.first_at, row.first_party),
        piece("verification" if row.second_verification else "claim", row.at, row.second_party),
        row.cleared,
        row.cleared_because,
        may_clear and row.cleared is None,
    )


def clear(reader: Partner, number: int, because: str, *, now: datetime) -> Alarm:
    """The licensee, or a regulator, has looked into it: the alarm counts in no verdict any more, and stays listed."""
    if not because.strip() or len(because) > LONGEST_NOTE or not because.isprintable():
        expected = f"1 to {LONGEST_NOTE} characters"
        raise DocumentError("not a reason", code="unwritable", where="reason", expected=expected)
    with transaction.atomic():
        alarm = Alarm.objects.select_for_update().filter(pk=number).first()
        concern = AlarmConcern.objects.filter(alarm=number, party=reader.gln).first()
        case = cases.over_any(reader, [alarm.epc], now) if alarm is not None else None
        if alarm is None or (concern is None and case is None):
            raise NotFound("no alarm of this number concerns you", where="alarm")
        if not (case or (concern and concern.may_clear)):
            raise NotAllowed("cleared by who may issue the product, or by a regulator", where="alarm")
        if alarm.cleared is None:
            alarm.cleared, alarm.cleared_by, alarm.cleared_because = now, reader.gln, because
            alarm.save(update_fields=["cleared", "cleared_by", "cleared_because"])
            notices.settle(f"alarm/{alarm.pk}", now=now)
    return alarm
