"""Investigations of suspect product: which step may follow which, what each makes of a case, and who is told by when.

    suspect ──> cleared
       └──────> illegitimate ──notified──> termination_requested ──> terminated ──> disposed
                24 h to notify FDA; the immediate partners are told at once

A case is what its steps in the log make of it. Its goods are quarantined by holds, which are released once the case is
`cleared`, and not before; what is illegitimate stays on hold for good, the sample that is retained with it.

The clocks: 24 hours from determination are the law's (21 U.S.C. 360eee-1(b)(4)(B)(ii), (c)(4)(B)(ii), (d)(4)(B)(ii),
(e)(4)(B)(ii)). For the rest it says "promptly": how long that is, settings say.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from partners.errors import PartnerError
from partners.models import Hold

from . import notices
from .holding import covers_sql
from .models import Investigation, InvestigationPartner, InvestigationStep, Registration
from .notice_kinds import Telling
from .statements import HoldKind, Opened
from .statements import Investigation as Statement
from .statements import InvestigationStep as Step

DAY = timedelta(hours=24)
MOST_HOLDS = 100  # of one case
QUARANTINES = (HoldKind.SUSPECT, HoldKind.QUARANTINE)

#: Every step that may be taken, by state: to which state it leads. What is absent is refused.
STEPS: Mapping[tuple[str | None, Step], str] = {
    (None, Step.SUSPECT): "suspect",
    ("suspect", Step.CLEARED): "cleared",
    ("suspect", Step.ILLEGITIMATE): "illegitimate",
    ("illegitimate", Step.NOTIFIED): "illegitimate",
    ("illegitimate", Step.TERMINATION_REQUESTED): "termination_requested",
    ("termination_requested", Step.NOTIFIED): "termination_requested",
    ("termination_requested", Step.TERMINATED): "terminated",
    ("terminated", Step.DISPOSED): "disposed",
}
STATES = tuple(dict.fromkeys(STEPS.values()))
RELEASABLE = "cleared"


class Clock(NamedTuple):
    """What a party has time for, from when it came to be."""

    kind: str  # of its notice
    lasts: Callable[[], timedelta]


#: By the step that starts it. Whatever step comes next stops it.
CLOCKS: Mapping[Step, Clock] = {
    Step.SUSPECT: Clock("case.suspect", lambda: timedelta(seconds=settings.SUSPECT_CLOCK_SECONDS)),
    Step.ILLEGITIMATE: Clock("case.illegitimate", lambda: DAY),
    Step.TERMINATION_REQUESTED: Clock("case.requested", lambda: timedelta(seconds=settings.TERMINATION_CLOCK_SECONDS)),
    Step.TERMINATED: Clock("case.terminated", lambda: timedelta(seconds=settings.DISPOSAL_CLOCK_SECONDS)),
}
AT_ONCE = timedelta(minutes=1)  # of a clock that had run out before it was known of
AHEAD = timedelta(minutes=5)  # that a signer's clock may be wrong


def steps_from(state: str | None, *, notified: bool) -> list[Step]:
    """What may come next."""
    return [
        step
        for (before, step) in STEPS
        if before == state and not (step is Step.TERMINATION_REQUESTED and not notified)
    ]


# ---- taking a step --------------------------------------------------------------------------------------------------


def apply_step(opened: Opened[Statement], number: int) -> None:
    """Of a statement that was just logged, under its party's lock: the case as it is now, and who is told of it."""
    said = opened.payload
    registration = Registration.objects.get(entry=number)
    now = registration.accepted
    if said.time > now + AHEAD:
        expected = f"{now:%Y-%m-%dT%H:%M:%SZ} at most"
        raise PartnerError("a step that is still to come", code="step_in_the_future", where="time", expected=expected)
    case = _begun(said, now) if said.step is Step.SUSPECT else _gone_on(said)
    InvestigationStep.objects.create(investigation=case, registration=registration, step=said.step, at=said.time)
    notices.settle(_about(case), now=now, party=case.party)
    _tell(case, said, now)


def _begun(said: Statement, now: datetime) -> Investigation:
    if Investigation.objects.filter(case=said.case).exists():
        raise PartnerError("this id names another case", code="case_exists", where="case", found=said.case)
    held = _holds(said)
    case = Investigation.objects.create(
        case=said.case, party=said.about, state=STEPS[None, Step.SUSPECT], opened=said.time
    )
    case.holds.set(held)
    return case


def _holds(said: Statement) -> list[Hold]:
    """The quarantine: every hold is the party's own, in force, and of no other case that is open."""
    named = said.holds or ()
    if len(named) > MOST_HOLDS:
        expected, found = f"{MOST_HOLDS} at most", str(len(named))
        raise PartnerError("too many holds", code="too_many_holds", where="holds", expected=expected, found=found)
    numbers = Registration.objects.filter(kind="hold", entry__entry__in=[bytes.fromhex(each) for each in named])
    rows = list(
        Hold.objects.filter(
            registered__in=numbers.values("entry"), partner=said.about, revoked=None, kind__in=QUARANTINES
        )
    )
    if len(rows) != len(named):
        expected = "entries of holds of this party, suspect or quarantine, that are in force"
        raise PartnerError("not in quarantine", code="not_quarantined", where="holds", expected=expected)
    if Investigation.objects.filter(holds__in=rows).exclude(state=RELEASABLE).exists():
        raise PartnerError("a hold of another case", code="under_investigation", where="holds")
    return rows


def _gone_on(said: Statement) -> Investigation:
    case = Investigation.objects.select_for_update().filter(case=said.case, party=said.about).first()
    if case is None:
        raise PartnerError("this party has no such case", code="unknown_case", where="case", found=said.case)
    last = last_entry(case)
    if said.previous != last:
        detail = "another step has been taken since"
        raise PartnerError(detail, code="stale_step", where="previous", expected=last, found=said.previous)
    if said.step is Step.TERMINATION_REQUESTED and case.state == "illegitimate" and case.notified is None:
        raise PartnerError("FDA was not notified yet", code="not_notified", where="step", expected=Step.NOTIFIED)
    if (case.state, said.step) not in STEPS:
        expected = ", ".join(steps_from(case.state, notified=case.notified is not None)) or "no more steps"
        detail = f"no step of a case that is {case.state}"
        raise PartnerError(detail, code="illegal_step", where="step", expected=expected, found=said.step)
    case.state = STEPS[case.state, said.step]
    if said.step is Step.NOTIFIED:
        case.notified = case.notified or said.time
        case.incident = said.incident or case.incident
    case.save(update_fields=["state", "notified", "incident"])
    return case


def last_entry(case: Investigation) -> str:
    """The entry of the step that was taken last, in hexadecimal."""
    last = case.steps.select_related("registration__entry").latest("pk")
    return bytes(last.registration.entry.entry).hex()


def demand_releasable(entry: str) -> None:
    """Raise while the hold of this entry quarantines what is investigated."""
    held = Hold.objects.filter(
        registered__in=Registration.objects.filter(entry__entry=bytes.fromhex(entry)).values("entry")
    )
    if Investigation.objects.filter(holds__in=held).exclude(state=RELEASABLE).exists():
        detail, expected = "this quarantines what is under investigation", "a case that is cleared"
        raise PartnerError(detail, code="under_investigation", where="entry", expected=expected)


# ---- telling --------------------------------------------------------------------------------------------------------


def _about(case: Investigation) -> str:
    return f"case/{case.case}"


def _about_partners(case: Investigation) -> str:
    return f"told/{case.case}"


def _tell(case: Investigation, said: Statement, now: datetime) -> None:
    body = {"investigation": str(case.case)}
    tellings: list[Telling] = []
    if said.step in CLOCKS:
        clock = CLOCKS[said.step]
        due = max(min(said.time, now) + clock.lasts(), now + AT_ONCE)
        tellings.append(Telling(case.party, clock.kind, _about(case), body, due))
    if said.step is Step.ILLEGITIMATE:
        found = immediate_partners(case)
        InvestigationPartner.objects.bulk_create(
            InvestigationPartner(investigation=case, party=gln, holds=sorted(holds), told=now)
            for gln, holds in sorted(found.items())
        )
        tellings += [
            Telling(gln, "partner.illegitimate", _about_partners(case), body, now + DAY) for gln in sorted(found)
        ]
    if said.step is Step.TERMINATED:
        told = case.partners.order_by("party").values_list("party", flat=True)
        tellings += [Telling(gln, "partner.terminated", _about_partners(case), body) for gln in told]
        notices.settle(_about_partners(case), now=now)  # nothing is left to acknowledge
    notices.tell(tellings, now=now)


def acknowledge(case: Investigation, partner: InvestigationPartner, note: str, *, now: datetime) -> None:
    """The partner has taken note, in the caller's transaction: its clock stops, and whoever investigates is told."""
    partner.acknowledged, partner.note = now, note
    partner.save(update_fields=["acknowledged", "note"])
    notices.settle(_about_partners(case), now=now, party=partner.party)
    body = {"investigation": str(case.case), "partner": partner.party}
    notices.tell([Telling(case.party, "case.acknowledged", f"{_about(case)}/{partner.party}", body)], now=now)


# ---- immediate partners ---------------------------------------------------------------------------------------------


def immediate_partners(case: Investigation) -> dict[str, set[int]]:
    """Who handed to the party what the case is about, and whom it was handed to: of each the holds that cover it. What
    is in a held container counts, and so does every container that something of it was in while it moved. One query.
    """
    held = list(case.holds.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_partners_sql(connection.vendor, len(held)), [*held, *held, *[case.party] * 6])
        found: dict[str, set[int]] = {}
        for hold, gln in cursor.fetchall():
            found.setdefault(gln, set()).add(hold)
    return found


def _partners_sql(vendor: str, count: int) -> str:
    return _filled(_COVERED + _PARTNERS, vendor, count)


def goods_sql(vendor: str, count: int) -> str:
    """EPC, lot and expiry of whatever so many holds lie over, and of all that is in it now; their keys twice."""
    return _filled(_COVERED + _GOODS, vendor, count)


def _filled(sql: str, vendor: str, count: int) -> str:
    marks = ", ".join(["%s"] * count)
    return sql.format(marks=marks, covered=covers_sql(vendor), forever=2**63 - 1, stem=_STEM)


_STEM = "https://id.gs1.org/01/"

#: `covered`: what the holds lie over; `inside`: that, and all that is in it now; `carried`: that, and each container it
#: was in, for as long as it was. A trade names a consignee: it is the party's, or leads to the party.
_COVERED = """WITH RECURSIVE covered (item_id, hold_id) AS (
    SELECT i.id, h.id FROM partners_hold AS h JOIN traceability_item AS i ON i.epc = h.epc WHERE h.id IN ({marks})
    UNION
    SELECT i.id, h.id FROM partners_hold AS h
    JOIN traceability_item AS i ON i.epc >= '{stem}' || h.gtin || '/21' AND i.epc < '{stem}' || h.gtin || '/22'
    JOIN traceability_event AS e ON e.id = i.begun_id
    WHERE h.id IN ({marks}) AND {covered}
), inside (item_id, hold_id) AS (
    SELECT item_id, hold_id FROM covered
    UNION
    SELECT c.item_id, inside.hold_id FROM inside
    JOIN traceability_containment AS c ON c.parent_id = inside.item_id AND c.closed_id IS NULL
)"""
_PARTNERS = """, carried (item_id, hold_id, after, upto) AS (
    SELECT item_id, hold_id, CAST(0 AS bigint), CAST({forever} AS bigint) FROM inside
    UNION
    SELECT c.parent_id, carried.hold_id,
        CASE WHEN c.event_id > carried.after THEN c.event_id ELSE carried.after END,
        CASE WHEN c.closed_id < carried.upto THEN c.closed_id ELSE carried.upto END
    FROM carried JOIN traceability_containment AS c ON c.item_id = carried.item_id
    WHERE c.event_id < carried.upto AND (c.closed_id IS NULL OR c.closed_id > carried.after)
)
SELECT DISTINCT carried.hold_id, CASE WHEN e.party = %s THEN e.consignee ELSE e.party END
FROM carried JOIN traceability_move AS m ON m.item_id = carried.item_id
    AND m.event_id > carried.after AND m.event_id <= carried.upto
JOIN traceability_event AS e ON e.id = m.event_id
WHERE e.consignee IS NOT NULL AND e.party <> e.consignee AND (e.party = %s OR e.consignee = %s)
    AND NOT e.is_error_declaration
UNION
SELECT DISTINCT inside.hold_id, CASE WHEN e.party = %s THEN e.consignee ELSE e.party END
FROM inside JOIN traceability_item AS i ON i.id = inside.item_id
JOIN traceability_event AS e ON e.id = i.begun_id
WHERE e.consignee IS NOT NULL AND e.party <> e.consignee AND (e.party = %s OR e.consignee = %s)
"""
_GOODS = """
SELECT DISTINCT i.epc, e.lot, e.expiry FROM inside JOIN traceability_item AS i ON i.id = inside.item_id
JOIN traceability_event AS e ON e.id = i.begun_id"""
