"""What a statement about a recall needs, and whom it is told (21 CFR 7.49, 7.50, 7.55).

    recall ──whom do its units concern?──> notices, each with a clock until its party has answered
    answer ──> the party's clock stops, whoever recalls is told        closing ──> all clocks stop, all are told

What a recall is, its statements in the log say; no row repeats them. Who was told is in the notices.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from partners.errors import PartnerError
from partners.models import Hold, Partner, Role
from partners.prefixes import licensees

from .. import notices
from ..custody import Status
from ..epcis.jcs import JSON
from ..listing import LAST
from ..models import Event, Notice, RecallReport, Registration
from ..notice_kinds import Telling
from ..statements import HoldKind, Opened, Recall, RecallAnswer, RecallClosing, RecallDepth, open_statement
from .blast import Radius, radius

SOONEST = timedelta(days=1)  # that anybody has for an answer, however late it is told
AGAIN = timedelta(minutes=10)  # after which it is looked who came later, whatever was told since
OPENED, ANSWERED, CLOSED = "recall.opened", "recall.answered", "recall.closed"  # kinds of notices


# ---- what is demanded, and follows ----------------------------------------------------------------------------------


def demand_recall(opened: Opened[Recall], _number: int) -> None:
    """Its holds are of whoever recalls, on products, and in force; there is time to answer."""
    said = opened.payload
    if said.answer_by <= said.time:
        found = said.answer_by.isoformat()
        raise PartnerError("over before it begins", code="empty_period", where="answer-by", found=found)
    if len(holds_of(said, by=opened.issuer)) < len(said.holds):
        raise PartnerError(
            "not all of these are holds that can be recalled by",
            code="no_recall_hold",
            where="holds",
            expected="entries of holds of kind recall, on a product, said by whoever recalls it, and in force",
        )


def tell_of_recall(row: Registration, said: Recall, *, now: datetime) -> None:
    """Whoever has something of it, or has dispensed it, is told; asked again, whoever was not told before."""
    entry = bytes(row.entry.entry).hex()
    holds = holds_of(said)
    told = dict.fromkeys(_makers(holds), 0) | concerned(radius(holds), said)
    told.pop(row.issuer, None)
    due = max(said.answer_by, now + SOONEST)
    notices.tell(
        (Telling(party, OPENED, matter(entry), {"recall": entry, "units": units}, due=due) for party, units in
         told.items()),
        now=now,
    )  # fmt: skip


def _makers(holds: Sequence[Hold]) -> set[str]:
    """Whoever may issue what is recalled: of a recall that others say, too."""
    found = licensees({hold.gtin for hold in holds if hold.gtin})
    return {prefix.partner_id for prefixes in found.values() for prefix in prefixes if prefix.in_force(None)}


class Later:
    """Whoever comes to have some of it after a recall has begun: by an event that was told late, or as the consignee
    of what was on its way. Looked for when anything was told since, and now and then: of two events the one with the
    lower key may be committed later."""

    def __init__(self) -> None:
        self._upto = -1  # key of the last event that was there
        self._at: datetime | None = None  # when it was looked for last

    def tell(self, *, now: datetime) -> None:
        last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
        if last == self._upto and self._at is not None and now - self._at < AGAIN:
            return
        for row in Registration.objects.filter(kind=Recall.kind()).select_related("entry"):
            if closing_of(row) is None:
                with transaction.atomic():
                    tell_of_recall(row, recall_in(row), now=now)
        self._upto, self._at = last, now


def demand_answer(opened: Opened[RecallAnswer], _number: int) -> None:
    row = recall_at(opened.payload.entry)
    if row is None or not was_told(opened.issuer, opened.payload.entry):
        raise PartnerError("no recall of this entry concerns you", code="unknown_recall", where="entry")


def tell_of_answer(row: Registration, said: RecallAnswer, *, now: datetime) -> None:
    recall = recall_at(said.entry)
    assert recall is not None
    if said.quarantined is not None:
        notices.settle(matter(said.entry), now=now, party=row.issuer)
    answer = bytes(row.entry.entry).hex()
    body: dict[str, JSON] = {"recall": said.entry, "answer": answer, "party": row.issuer, "missing": said.missing or 0}
    notices.tell([Telling(recall.issuer, ANSWERED, f"recall-answer/{answer}", body)], now=now)


def demand_closing(opened: Opened[RecallClosing], number: int) -> None:
    said = opened.payload
    recall = recall_at(said.entry)
    if recall is None or recall.issuer != opened.issuer:
        raise PartnerError("you have recalled nothing by this entry", code="unknown_recall", where="entry")
    if closing_of(recall, before=number) is not None:
        raise PartnerError("this recall is closed", code="recall_closed", where="entry")
    if not RecallReport.objects.filter(recall=recall.entry_id, sha256=said.report).exists():
        detail, expected = "no report of this recall", "the SHA-256 of a report that this node has made of it"
        raise PartnerError(detail, code="unknown_report", where="report", expected=expected)


def tell_of_closing(row: Registration, said: RecallClosing, *, now: datetime) -> None:
    notices.settle(matter(said.entry), now=now)
    told = Notice.objects.filter(about=matter(said.entry), kind=OPENED).values_list("party", flat=True)
    notices.tell((Telling(party, CLOSED, matter(said.entry), {"recall": said.entry}) for party in told), now=now)


# ---- finding --------------------------------------------------------------------------------------------------------


def matter(entry: str) -> str:
    """What notices of a recall are about."""
    return f"recall/{entry}"


def holds_of(said: Recall, by: str | None = None) -> list[Hold]:
    """The holds that it names; `by`: those alone that this party may recall by, now."""
    named = Registration.objects.filter(kind="hold", entry__entry__in=[bytes.fromhex(each) for each in said.holds])
    rows = Hold.objects.filter(registered__in=list(named.values_list("entry_id", flat=True)))
    if by is None:
        return list(rows)
    return list(
        rows.filter(kind=HoldKind.RECALL, gtin__isnull=False, vouched_by=by, partner_id=said.about, revoked=None)
    )


def recall_at(entry: str) -> Registration | None:
    """The recall in this entry of the log."""
    rows = Registration.objects.filter(kind=Recall.kind(), entry__entry=bytes.fromhex(entry))
    return rows.select_related("entry").first()


def recall_in(row: Registration) -> Recall:
    said = open_statement(bytes(row.envelope)).payload
    assert isinstance(said, Recall)
    return said


def closing_of(recall: Registration, before: int = LAST) -> Registration | None:
    """Its closing, under a number below this: among the few statements that its party has made of that kind."""
    entry, since = bytes(recall.entry.entry).hex(), recall.entry_id
    own = Registration.objects.filter(issuer=recall.issuer, kind=RecallClosing.kind())
    rows = own.filter(entry_id__gt=since, entry_id__lt=before)
    for row in rows.select_related("entry"):
        said = open_statement(bytes(row.envelope)).payload
        if isinstance(said, RecallClosing) and said.entry == entry:
            return row
    return None


def answers_to(recall: Registration, parties: Sequence[str]) -> dict[str, list[Registration]]:
    """What these parties have answered, in order: by the party."""
    entry, found = bytes(recall.entry.entry).hex(), dict[str, list[Registration]]()
    rows = Registration.objects.filter(issuer__in=parties, kind=RecallAnswer.kind(), entry_id__gt=recall.entry_id)
    for row in rows.select_related("entry").order_by("entry_id"):
        if answer_in(row).entry == entry:
            found.setdefault(row.issuer, []).append(row)
    return found


def answer_in(row: Registration) -> RecallAnswer:
    said = open_statement(bytes(row.envelope)).payload
    assert isinstance(said, RecallAnswer)
    return said


def was_told(party: str, entry: str) -> bool:
    return Notice.objects.filter(party=party, about=matter(entry), kind=OPENED).exists()


# ---- whom it concerns -----------------------------------------------------------------------------------------------

#: Below wholesale, by the words of 21 CFR 7.42(b)(1).
_AT_RETAIL = {Role.DISPENSER.value}


def concerned(reach: Radius, said: Recall) -> dict[str, int]:
    """Who has to act on it, and on how many units: whoever has some, is sent some, or has let them go abroad; to
    consumers' depth also whoever has dispensed some."""
    found: dict[str, int] = {}
    for place, count in reach.at:
        for party in _acting(place.status, place.possessor, place.consignee, said.depth):
            found[party] = found.get(party, 0) + count
    if said.depth is RecallDepth.WHOLESALE:
        roles = dict(Partner.objects.filter(gln__in=found).values_list("gln", "role"))
        found = {party: count for party, count in found.items() if roles.get(party) not in _AT_RETAIL}
    return found


def _acting(status: str | None, possessor: str | None, consignee: str | None, depth: RecallDepth) -> Iterable[str]:
    acts = {Status.HELD, Status.IN_TRANSIT, Status.EXPORTED}
    if depth is RecallDepth.CONSUMER:
        acts.add(Status.DISPENSED)
    return {party for party in (possessor, consignee) if party} if status in acts else ()
