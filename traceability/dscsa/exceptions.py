"""Cases: what two partners have to settle about a shipment, or about one that never came.

    report ──> response ──> follow-up ──> report that all is resolved
    reporter   partner      who agreed    reporter

Each message is PDG's (`pdg.py`), signed by who sends it as a statement that holds its hash, and in the log before
anybody reads it. The case is what follows from them: nobody edits it. Whose turn it is has a clock (`notices.py`).

What an item of a case comes to:

    asked for ──accepted──> agreed ──done──> settled          what is agreed to is done by ACTS, shown by an event
        ^   └───rejected──> refused ──asked for again──┐      of EVIDENCE, where one tells of it
        └──────────────────────────────────────────────┘
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case as Case_
from django.db.models import IntegerField, Q, QuerySet, When
from django.db.models.functions import Coalesce

from partners.access import Purpose
from partners.gs1.application_identifiers import check
from partners.models import Partner

from .. import custodial, notices
from ..epcis.errors import DocumentError
from ..errors import NotAllowed, NotFound, NotSigned, Refusal
from ..models import CaseItem, CaseMessage, Event, PartnerCase
from ..notice_kinds import Telling
from ..registration import open_here, take
from ..statements import ExceptionMessage, MessageKind, Opened, open_statement
from .pdg import FollowUp, Message, Report, Resolution, Response, Verdict
from .shipments import shipment as find_shipment

MOST_MESSAGES = 100  # in one case
MOST_CASE_ITEMS = 2000
AHEAD = timedelta(minutes=5)  # a sender's clock may be
A_PAGE = 50

PARSE: Mapping[MessageKind, Callable[[bytes], Message]] = MappingProxyType(
    {MessageKind.REPORT: Report.parse, MessageKind.RESPONSE: Response.parse, MessageKind.FOLLOW_UP: FollowUp.parse}
)


class Side(StrEnum):
    """Of a case."""

    REPORTER = "reporter"
    PARTNER = "partner"


#: Whose it is to do what was agreed on. PDG has two words for goods that go back: both are the receiver's to send.
ACTS: Mapping[str, Side] = MappingProxyType(
    {
        Resolution.SEND_NEW_DATA: Side.PARTNER,
        Resolution.SEND_PRODUCT: Side.PARTNER,
        Resolution.RETURN_PRODUCT: Side.REPORTER,
        Resolution.SEND_BACK_PRODUCT: Side.REPORTER,
        Resolution.CREDIT_ACCOUNT: Side.PARTNER,
        Resolution.DEBIT_ACCOUNT: Side.PARTNER,
    }
)
#: What has to be shown by an event: goods by the shipment of them, data by a shipment or by what takes data back. Books
#: are settled elsewhere: a note says where.
EVIDENCE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        Resolution.SEND_NEW_DATA: frozenset({"shipping", "void_shipping", "error declaration"}),
        Resolution.SEND_PRODUCT: frozenset({"shipping"}),
        Resolution.RETURN_PRODUCT: frozenset({"shipping"}),
        Resolution.SEND_BACK_PRODUCT: frozenset({"shipping"}),
    }
)


class State(StrEnum):
    """Whose turn it is."""

    TO_ANSWER = "to_answer"  # the partner's
    TO_FOLLOW_UP = "to_follow_up"  # of who has agreed to do something
    TO_CLOSE = "to_close"  # the reporter's: nothing is left to do, or it asks for something else
    RESOLVED = "resolved"


# ---- handing in -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is to be sent, and to whom."""

    kind: MessageKind
    content: bytes  # as it came
    to: str | None = None  # GLN; None: the other party of the case, or of the shipment
    shipment: tuple[UUID, int] | None = None  # submission and event that told of it


def hand_in(envelope: bytes, content: bytes, *, now: datetime) -> tuple[CaseMessage, bool]:
    """Take a message with its signed statement: its row, and whether it is new.

    Raises, and stores nothing, unless the statement is one that `registration.register` would take, is about this
    message, and the message fits its case.
    """
    opened = open_here(envelope)
    said = opened.payload
    if not isinstance(said, ExceptionMessage):
        detail, expected = "this statement is about no message", ExceptionMessage.kind()
        raise NotSigned(detail, code="unsupported_statement", expected=expected, found=said.kind())
    return _take(opened, said, PARSE[said.message](content), now)


def send(party: Partner, sent: Sent, *, now: datetime) -> tuple[CaseMessage, bool]:
    """The same, signed with the key that the node holds for the party, which asks. Asked again, it is sent once."""
    message = PARSE[sent.kind](sent.content)
    said = statement_of(party, sent, message, now=now)
    if (row := _sent_before(said)) is not None:
        return row, False
    key = custodial.key_of(party)
    if key is None:
        detail, expected = "this node holds no key of yours", "a statement that you have signed, in `statement`"
        raise NotAllowed(detail, code="no_custodial_key", expected=expected)
    try:
        return hand_in(custodial.sign(said, key), sent.content, now=now)
    except Refusal as refusal:
        if refusal.code == "submission_reused" and (row := _sent_before(said)) is not None:  # the same, at once
            return row, False
        raise


def statement_of(party: Partner, sent: Sent, message: Message, *, now: datetime) -> ExceptionMessage:
    """What is to be signed."""
    to, shipment = sent.to, sent.shipment
    case = _between(sent.kind, party.gln, to).filter(case=message.case).first()
    if case is not None:
        to = case.partner if party.gln == case.reporter else case.reporter
    elif sent.kind is not MessageKind.REPORT:
        raise _no_case()
    elif to is None and shipment is not None:
        row = _shipped(party, *shipment, now=now)
        to = row.party if row.party != party.gln else row.consignee
    if to is None:
        detail, expected = "to whom?", "a GLN in `to`; or the shipment that it is about"
        raise DocumentError(detail, code="missing_member", where="to", expected=expected)
    return ExceptionMessage(
        log=settings.LOG_ORIGIN,
        submitter=party.gln,
        time=now.replace(microsecond=0),
        statement=message.message,
        about=party.gln,
        case=message.case,
        message=sent.kind,
        hash=sha256(bytes(message)).digest(),
        to=to,
        shipment=str(shipment[0]) if shipment else None,
        event=shipment[1] if shipment else None,
    )


def _sent_before(said: ExceptionMessage) -> CaseMessage | None:
    """The row of the same request, sent again. Another message under its id is found out later."""
    rows = CaseMessage.objects.filter(statement__issuer=said.submitter, statement__statement_id=said.statement)
    row = rows.select_related("statement__entry", "case").first()
    if row is None:
        return None
    before = open_statement(bytes(row.statement.envelope)).payload
    assert isinstance(before, ExceptionMessage)
    if (before.hash, before.to) != (said.hash, said.to):
        raise Refusal("this id names another message", code="submission_reused", where="message_uuid")
    return row


def _take(opened: Opened[Any], said: ExceptionMessage, message: Message, now: datetime) -> tuple[CaseMessage, bool]:
    _demand_agreement(said, message, now)
    try:
        return _taken(opened, said, message, now)
    except _OpenedMeanwhile:
        return _taken(opened, said, message, now)  # which now finds it


class _OpenedMeanwhile(Exception):
    """Another message of the same sender has opened the case. It is to be locked first: so nobody waits in a circle."""


def _taken(opened: Opened[Any], said: ExceptionMessage, message: Message, now: datetime) -> tuple[CaseMessage, bool]:
    with transaction.atomic():
        case = _locked(said)
        statement = take(opened, now=now)  # whoever may not sign this is told of nothing
        before = CaseMessage.objects.filter(statement=statement).select_related("statement__entry", "case").first()
        if before is not None:
            return before, False
        if case is None and _cases_about(said).exists():  # by now nobody else opens one for the sender
            raise _OpenedMeanwhile
        case = case or _open(said, message, now)
        if case.messages.count() >= MOST_MESSAGES:
            raise Refusal("the case has too many messages", code="case_full", expected=f"at most {MOST_MESSAGES}")
        row = CaseMessage.objects.create(case=case, statement=statement, kind=said.message, content=bytes(message))
        _DO[said.message](case, row, message, said, now)
    return row, True


def _demand_agreement(said: ExceptionMessage, message: Message, now: datetime) -> None:
    """Raise unless statement and message are of each other."""
    pairs = (
        ("message_uuid", said.statement, message.message),
        ("exception_case_uuid", said.case, message.case),
        ("message", said.hash.hex(), sha256(bytes(message)).hexdigest()),
    )
    for where, expected, found in pairs:
        if expected != found:
            detail = "the statement is about another message"
            raise NotSigned(detail, code="other_message", where=where, expected=expected, found=found)
    sender = getattr(message, "sender", None)
    if sender is not None and sender != said.submitter:
        detail = "sent by another than it says"
        raise Refusal(detail, code="wrong_sender", where="sender_information.gln", expected=said.submitter,
                      found=sender)  # fmt: skip
    if message.time > now + AHEAD:
        detail, expected = "written in the future", f"at most {int(now.timestamp())}"
        raise DocumentError(detail, code="in_the_future", where="timestamp", expected=expected,
                            found=str(int(message.time.timestamp())))  # fmt: skip


def _locked(said: ExceptionMessage) -> PartnerCase | None:
    """The case that it is about, which stands still until this is over. Locked before any party: nobody who has locked
    a party asks for a case."""
    return _cases_about(said).select_for_update(of=("self",)).first()


def _cases_about(said: ExceptionMessage) -> QuerySet[PartnerCase]:
    to = None if said.message is MessageKind.REPORT else said.to  # another's is told apart by `_demand_open`
    return _between(said.message, said.submitter, to).filter(case=said.case)


def _between(kind: MessageKind, sender: str, to: str | None) -> QuerySet[PartnerCase]:
    """The cases in which the sender may say this, to that party if it says to whom. Two reporters may have called
    their cases alike: the sender's own comes first."""
    reports, is_asked = Q(reporter=sender), Q(partner=sender)
    if to is not None:
        reports, is_asked = reports & Q(partner=to), is_asked & Q(reporter=to)
    said = {MessageKind.REPORT: reports, MessageKind.RESPONSE: is_asked}.get(kind, reports | is_asked)
    own = Case_(When(reporter=sender, then=0), default=1, output_field=IntegerField())
    return PartnerCase.objects.filter(said).order_by(own, "pk")


def _open(said: ExceptionMessage, message: Message, now: datetime) -> PartnerCase:
    if not isinstance(message, Report):
        raise _no_case()
    check("417", said.to)
    row = None
    if said.shipment is not None:
        reporter = Partner.objects.get(gln=said.submitter)
        row = _shipped(reporter, UUID(said.shipment), said.event or 0, now=now)
        if {row.party, row.consignee} != {said.submitter, said.to}:
            detail = "not a shipment between you and that party"
            raise NotFound(detail, where="to")
    return PartnerCase.objects.create(
        case=UUID(said.case),
        reporter=said.submitter,
        partner=said.to,
        po_number=message.po_number,
        shipment=row,
        opened=now,
        due=now + _clock(),
    )


def _shipped(party: Partner, submission: UUID, position: int, *, now: datetime) -> Event:
    """The event that shipped it. Raises `NotFound` alike for none and for one that is not the party's business; that it
    was read is recorded."""
    row = find_shipment(submission, position, party, purpose=Purpose.CUSTODY, now=now).row
    if party.gln not in (row.party, row.consignee):  # regulators, and whoever is let read, settle nothing
        raise NotFound("you neither sent nor were sent such a shipment", where="submission")
    return row


def _no_case() -> NotFound:
    return NotFound("there is no such case of yours", where="exception_case_uuid")


def _clock() -> timedelta:
    return timedelta(seconds=settings.EXCEPTION_CLOCK_SECONDS)


# ---- what a message does --------------------------------------------------------------------------------------------


def _report(case: PartnerCase, row: CaseMessage, report: Message, said: ExceptionMessage, now: datetime) -> None:
    assert isinstance(report, Report)
    _demand_open(case, said.to, said.submitter)
    _demand_order(case, report.po_number)
    is_first = case.messages.count() == 1
    if not (report.items or report.other_errors or (report.resolved and not is_first)):
        where = "exceptions" if is_first else "case_resolved"
        raise DocumentError("a report of nothing", code="says_nothing", where=where, expected="something that is wrong")
    if is_first and report.resolved:
        detail = "resolved before it was reported"
        raise DocumentError(detail, code="contradicts_itself", where="case_resolved", expected="false", found="true")
    _ask(case, report)
    if report.resolved:
        return _resolve(case, row, now)
    PartnerCase.objects.filter(pk=case.pk).update(answered=None)
    _settle(case, now, case.reporter)
    _tell(case, row, case.partner, "exception.reported", now, clock=True)
    return None


def _ask(case: PartnerCase, report: Report) -> None:
    """Items that are new, and those that are asked for in another way."""
    known = {row.item: row for row in case.items.all()}
    fresh, changed = [], []
    for item in report.items:
        row = known.get(UUID(item.item))
        if row is None:
            row = CaseItem(case=case, item=UUID(item.item), kind=item.kind)
            fresh.append(row)
        elif row.kind != item.kind or row.verdict == Verdict.ACCEPT:
            detail = "the item is agreed on, or is another" if row.kind == item.kind else "this id names another item"
            raise Refusal(detail, code="item_settled", where=item.item, expected="a new item with an id of its own")
        else:
            changed.append(row)
        row.said, row.requested = dict(item.said), item.resolution or ""
        row.verdict = row.alternative = row.comments = ""
    if len(known) + len(fresh) > MOST_CASE_ITEMS:
        raise Refusal("the case has too many items", code="case_full", expected=f"at most {MOST_CASE_ITEMS}")
    CaseItem.objects.bulk_create(fresh)
    CaseItem.objects.bulk_update(changed, ["said", "requested", "verdict", "alternative", "comments"])


def _resolve(case: PartnerCase, row: CaseMessage, now: datetime) -> None:
    PartnerCase.objects.filter(pk=case.pk).update(resolved=now)
    _settle(case, now)
    _tell(case, row, case.partner, "exception.resolved", now)


def _respond(case: PartnerCase, row: CaseMessage, response: Message, said: ExceptionMessage, now: datetime) -> None:
    assert isinstance(response, Response)
    _demand_open(case, said.to, said.submitter)
    _demand_order(case, response.po_number)
    items = _named(case, (each.item for each in response.answers))
    for each in response.answers:
        item = items[each.item]
        if item.done is not None:
            raise Refusal("what was agreed on has been done", code="item_settled", where=each.item)
        item.verdict, item.alternative = each.verdict, each.alternative or ""
        item.comments = each.comments
    if not (response.answers or response.notes):
        raise DocumentError("a response that says nothing", code="says_nothing", where="response_items")
    CaseItem.objects.bulk_update(items.values(), ["verdict", "alternative", "comments"])
    if case.items.filter(verdict="").exists():
        _tell(case, row, case.reporter, "exception.answered", now)  # the rest of it is still to come
        return
    rows = PartnerCase.objects.filter(pk=case.pk, answered=None)
    rows.update(answered=now, first_answered=Coalesce("first_answered", now))
    _settle(case, now, case.partner)
    sides = {ACTS[each.requested] for each in _undone(case)}
    _tell(case, row, case.reporter, "exception.answered", now, clock=sides != {Side.PARTNER})
    if Side.PARTNER in sides:
        _tell(case, row, case.partner, "exception.agreed", now, clock=True)


def _follow_up(case: PartnerCase, row: CaseMessage, told: Message, said: ExceptionMessage, now: datetime) -> None:
    assert isinstance(told, FollowUp)
    _demand_open(case, said.to, said.submitter)
    items = _named(case, (each.item for each in told.items))
    side = Side.REPORTER if said.submitter == case.reporter else Side.PARTNER
    shown = _events(said.submitter, {each.submission for each in told.items if each.submission})
    for each in told.items:
        item = items[each.item]
        if item.verdict != Verdict.ACCEPT or item.done is not None or ACTS.get(item.requested) is not side:
            detail, expected = "not yours to do, or done", "an item that was agreed on, for the sender to do"
            raise Refusal(detail, code="item_not_agreed", where=each.item, expected=expected)
        event = shown.get((each.submission or "", each.event))
        _demand_evidence(case, item, event, said.to)
        item.done, item.done_by, item.note = now, event, each.note
    CaseItem.objects.bulk_update(items.values(), ["done", "done_by", "note"])
    left = {ACTS[each.requested] for each in _undone(case)}
    if side is Side.PARTNER and side not in left:
        _settle(case, now, case.partner)
    _tell(case, row, said.to, "exception.followed_up", now, clock=said.to == case.reporter and not left)


def _events(party: str, submissions: Iterable[str]) -> Mapping[tuple[str, int], Event]:
    """Those of the party's own acts, by submission and position: one query."""
    rows = Event.objects.filter(submission__submission__in=list(submissions), party=party).select_related("submission")
    return {(str(row.submission.submission), row.position): row for row in rows}


def _demand_evidence(case: PartnerCase, item: CaseItem, event: Event | None, to: str) -> None:
    """Raise unless the event shows that what was agreed on was done, since it was reported. One shape for an event that
    is not there and for one of somebody else's."""
    wanted = EVIDENCE.get(item.requested)
    if wanted is None:
        return
    step = event and ("error declaration" if event.is_error_declaration else event.biz_step)
    is_since = event is not None and event.submission.accepted >= case.opened
    goes_there = event is not None and (step == "error declaration" or event.consignee == to)
    if step not in wanted or not is_since or not goes_there:
        raise Refusal(
            "no event of yours shows that this was done",
            code="no_evidence",
            where=str(item.item),
            expected=f"{' or '.join(sorted(wanted))} to {to}, told since the case was opened",
        )


def _named(case: PartnerCase, items: Iterable[str]) -> dict[str, CaseItem]:
    named = list(items)
    found = {str(row.item): row for row in case.items.filter(item__in=named)}
    for each in named:
        if each not in found:
            raise NotFound("there is no such item in the case", where=each)
    return found


def _undone(case: PartnerCase) -> list[CaseItem]:
    """What was agreed on, and was not done yet."""
    return list(case.items.filter(verdict=Verdict.ACCEPT, done=None).exclude(requested=""))


def _demand_open(case: PartnerCase, to: str, sender: str) -> None:
    if {to, sender} != {case.reporter, case.partner}:
        raise Refusal("the case is with another party", code="other_partner", where="to")
    if case.resolved is not None:
        raise Refusal("the case is resolved", code="case_resolved", expected="a new case")


def _demand_order(case: PartnerCase, po_number: str) -> None:
    if po_number != case.po_number:
        detail = "the case is about another order"
        raise Refusal(detail, code="other_order", where="po_number", expected=case.po_number, found=po_number)


_DO: Mapping[MessageKind, Callable[[PartnerCase, CaseMessage, Any, ExceptionMessage, datetime], None]] = (
    MappingProxyType({MessageKind.REPORT: _report, MessageKind.RESPONSE: _respond, MessageKind.FOLLOW_UP: _follow_up})
)


# ---- clocks ---------------------------------------------------------------------------------------------------------


def _matter(case: int, message: int) -> str:
    return f"exception/{case}/{message}"


def _tell(case: PartnerCase, row: CaseMessage, party: str, kind: str, now: datetime, *, clock: bool = False) -> None:
    body = {"case": str(case.case), "reporter": case.reporter, "message": str(row.statement.statement_id)}
    due = now + _clock() if clock else None
    notices.tell([Telling(party, kind, _matter(case.pk, row.pk), body, due)], now=now)


def _settle(case: PartnerCase, now: datetime, party: str | None = None) -> None:
    """Nothing of the case waits for the party any more; or for anybody."""
    messages = CaseMessage.objects.filter(case=case).values_list("pk", flat=True)
    notices.settle_all([_matter(case.pk, each) for each in messages], now=now, party=party)


# ---- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A case, as both its parties see it: to nobody else is there one."""

    row: PartnerCase
    items: tuple[CaseItem, ...]
    messages: tuple[CaseMessage, ...] = ()

    @property
    def state(self) -> State:
        if self.row.resolved is not None:
            return State.RESOLVED
        if self.row.answered is None:
            return State.TO_ANSWER
        agreed = (each for each in self.items if each.verdict == Verdict.ACCEPT and each.requested)
        return State.TO_FOLLOW_UP if any(each.done is None for each in agreed) else State.TO_CLOSE

    def turn(self) -> frozenset[str]:
        """GLNs of whoever has something to do."""
        by_side = {Side.REPORTER: self.row.reporter, Side.PARTNER: self.row.partner}
        match self.state:
            case State.RESOLVED:
                return frozenset()
            case State.TO_ANSWER:
                return frozenset({self.row.partner})
            case State.TO_CLOSE:
                return frozenset({self.row.reporter})
        agreed = (each for each in self.items if each.verdict == Verdict.ACCEPT and each.done is None)
        return frozenset(by_side[ACTS[each.requested]] for each in agreed if each.requested)


def cases_of(party: Partner, before: int | None = None) -> tuple[list[Case], int | None]:
    """A page of those that the party has reported or was asked about, the latest first; and before which to ask for
    the next."""
    rows = (
        _CASES.filter(Q(reporter=party.gln) | Q(partner=party.gln))
        .order_by("-pk")
        .prefetch_related("items__done_by__submission")
    )
    found = list((rows if before is None else rows.filter(pk__lt=before))[: A_PAGE + 1])
    cases = [Case(row, tuple(row.items.all())) for row in found[:A_PAGE]]
    return cases, found[A_PAGE - 1].pk if len(found) > A_PAGE else None


def case_of(party: Partner, case: UUID, reporter: str | None = None) -> Case:
    """One of them, with its messages. Raises `NotFound`, alike for what nobody has opened and for what others have."""
    row = _case(party.gln, case, reporter)
    if row is None:
        raise NotFound("there is no such case of yours", where="case")
    messages = row.messages.select_related("statement__entry").order_by("pk")
    return Case(row, tuple(row.items.select_related("done_by__submission").order_by("pk")), tuple(messages))


def message_of(party: Partner, case: UUID, message: UUID, reporter: str | None = None) -> CaseMessage:
    """A message of one of them. Raises `NotFound`."""
    for each in case_of(party, case, reporter).messages:
        if each.statement.statement_id == message:
            return each
    raise NotFound("there is no such message in the case", where="message")


def members_of(row: CaseMessage) -> dict[str, Any]:
    """The message, as it was sent."""
    members: dict[str, Any] = json.loads(bytes(row.content))
    return members


_CASES: QuerySet[PartnerCase] = PartnerCase.objects.select_related("shipment__submission")


def _case(gln: str, case: UUID, reporter: str | None) -> PartnerCase | None:
    """Two reporters may have called their cases alike: `reporter` tells which, the party's own comes first."""
    rows = list(_CASES.filter(Q(reporter=gln) | Q(partner=gln), case=case).order_by("pk"))
    named = [row for row in rows if reporter in (None, row.reporter)]
    return min(named, key=lambda row: row.reporter != gln, default=None)
