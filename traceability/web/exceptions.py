"""Cases with partners, on pages: the list, one case and what may be said in it, what came against what was shipped, and
scorecards. What is said is signed with the key that the node holds; whoever holds its own types a command."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.tlog.errors import LogError
from partners.gs1.errors import Gs1Error
from partners.models import Partner

from .. import custodial
from ..dscsa import detecting, exceptions, pdg
from ..dscsa.exceptions import ACTS, Case, Sent, Side, State
from ..dscsa.pdg import Resolution, Verdict
from ..dscsa.scorecards import cards_of
from ..epcis.errors import DocumentError
from ..epcis.jcs import JSON
from ..errors import NotFound, Refusal
from ..models import CaseItem
from ..moving import Thing
from ..statements import MessageKind
from .codes import CODES
from .move_forms import MOST_TEXT
from .page import for_partners, page
from .refusals import acts, reads
from .things import lines
from .timeline import People
from .verifications import _number

MOST_MESSAGE = 300_000  # characters of a draft that comes back to be sent
A_YEAR = timedelta(days=365)

#: How a case stands, for people.
STATES = {
    State.TO_ANSWER: "waits for an answer",
    State.TO_FOLLOW_UP: "agreed, and to be done",
    State.TO_CLOSE: "waits for its reporter",
    State.RESOLVED: "resolved",
}
_REFUSED = (Refusal, DocumentError, Gs1Error, LogError)


@never_cache
@reads
@for_partners
def cases(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The list, and a form for what came."""
    found, following = exceptions.cases_of(reader, _number(request.GET.get("before")))
    people = People(_other(each, reader) for each in found)
    shown = [(each, STATES[each.state], people.named(_other(each, reader)), reader.gln in each.turn())
             for each in found]  # fmt: skip
    return page(request, "exceptions", here="work", found=shown, next=following)


def _other(case: Case, reader: Partner) -> str:
    return case.row.partner if case.row.reporter == reader.gln else case.row.reporter


@never_cache
@reads
@for_partners
def case(request: HttpRequest, reader: Partner, case: UUID) -> HttpResponse:
    """One of them: what is wrong, what was said, and what the reader may say."""
    try:
        found = exceptions.case_of(reader, case, request.GET.get("reporter") or None)
    except NotFound:
        raise Http404 from None
    people, is_reporter = People([found.row.reporter, found.row.partner]), found.row.reporter == reader.gln
    side = Side.REPORTER if is_reporter else Side.PARTNER
    is_open = found.state is not State.RESOLVED
    return page(
        request,
        "exception",
        here="work",
        case=found,
        state=STATES[found.state],
        reporter=people.named(found.row.reporter),
        partner=people.named(found.row.partner),
        items=[_line(each) for each in found.items],
        messages=[(each, people.named(each.statement.issuer)) for each in found.messages],
        to_answer=[_line(each) for each in found.items if is_open and not is_reporter and not each.verdict],
        may_note=is_open and not is_reporter and not found.items,
        to_do=[_line(each) for each in found.items if is_open and _is_to_do(each, side)],
        may_close=is_open and is_reporter,
        resolutions=list(Resolution),
        custodial=custodial.key_of(reader) is not None,
    )


def _is_to_do(item: CaseItem, side: Side) -> bool:
    return item.verdict == Verdict.ACCEPT and item.done is None and ACTS.get(item.requested) is side


def _line(item: CaseItem) -> dict[str, Any]:
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in item.said.items() if value is not None)
    return {"row": item, "kind": item.kind.replace("_", " "), "said": said}


@never_cache
@acts
@for_partners
def detect(request: HttpRequest, reader: Partner) -> HttpResponse:
    """What came against what was shipped: what is wrong, as reports that could be sent."""
    said, time = request.POST, now()
    email = said.get("email", "").strip()
    try:
        things = {thing.epc: thing for thing in _scanned(said.get("scans", ""), "scans", time)}
        damaged = frozenset(thing.epc for thing in _scanned(said.get("damaged", ""), "damaged", time))
        opened = [thing.epc for thing in _scanned(said.get("container", ""), "container", time)]
        contents = {opened[0]: tuple(things.values())} if opened else {}
        seen = detecting.Seen(() if opened else tuple(things.values()), damaged, contents)
        drafts = detecting.detect(reader, seen, email=email, order=said.get("order", "").strip() or None, now=time)
    except _REFUSED as error:
        return _refused(request, error)
    people = People(each.to for each in drafts)
    shown = [
        (each, people.named(each.to) if each.to else None, [detecting.SCENARIOS[one] for one in each.scenarios],
         json.dumps(each.message))
        for each in drafts
    ]  # fmt: skip
    return page(request, "exception_drafts", here="work", found=shown, custodial=custodial.key_of(reader) is not None)


def _scanned(text: str, where: str, time: datetime) -> list[Thing]:
    scans = lines(text[:MOST_TEXT])
    return [Thing.scanned(each, f"{where}[{at}]", time.date()) for at, each in enumerate(scans)]


@never_cache
@acts
@for_partners
def report(request: HttpRequest, reader: Partner) -> HttpResponse:
    """A draft is sent."""
    said = request.POST
    content = said.get("message", "")[:MOST_MESSAGE].encode()
    shipment = None
    try:
        if said.get("submission"):
            shipment = (UUID(said["submission"]), _number(said.get("event")) or 0)
        return _sent(request, reader, Sent(MessageKind.REPORT, content, said.get("to", "").strip() or None, shipment))
    except ValueError as error:
        return _refused(request, error if isinstance(error, _REFUSED) else NotFound("no such shipment", where="event"))


@never_cache
@acts
@for_partners
def say(request: HttpRequest, reader: Partner, case: UUID) -> HttpResponse:
    """What the reader says in a case: an answer, what was done, that it is resolved."""
    try:
        found = exceptions.case_of(reader, case, request.GET.get("reporter") or None)
        kind, message = _said(request.POST, reader, found)
        return _sent(request, reader, Sent(kind, json.dumps(message).encode(), _other(found, reader)))
    except NotFound:
        raise Http404 from None
    except _REFUSED as error:
        return _refused(request, error)


def _said(said: Any, reader: Partner, case: Case) -> tuple[MessageKind, dict[str, JSON]]:
    begun: dict[str, Any] = {"message": str(uuid4()), "case": str(case.row.case), "time": now()}
    email = said.get("email", "").strip()
    sender = {"po_number": case.row.po_number, "gln": reader.gln, "email": email}
    match said.get("do"):
        case "answer":
            answers = [_answer(said, each) for each in case.items if said.get(f"verdict-{each.item}")]
            notes = said.get("notes", "").strip() or None
            return MessageKind.RESPONSE, pdg.response(**begun, **sender, answers=answers, notes=notes)
        case "done":
            items = [_done(said, each) for each in case.items if said.get(f"done-{each.item}")]
            return MessageKind.FOLLOW_UP, {
                "message_uuid": begun["message"],
                "exception_case_uuid": begun["case"],
                "timestamp": int(begun["time"].timestamp()),
                "items": items,
            }
        case "close":
            return MessageKind.REPORT, pdg.report(**begun, **sender, items={}, resolved=True)
    raise DocumentError("nothing that may be said", code="unknown_word", where="do", expected="answer, done, close")


def _answer(said: Any, item: CaseItem) -> dict[str, JSON]:
    alternative = said.get(f"alternative-{item.item}", "")
    other: JSON = {"alternative_resolution": alternative, "follow_up": "Email"} if alternative else None
    return {
        "exception_item_uuid": str(item.item),
        "resolution_response": said.get(f"verdict-{item.item}", ""),
        "comments": said.get(f"comments-{item.item}", "").strip() or None,
        "alternative_resolution": other,
    }


def _done(said: Any, item: CaseItem) -> dict[str, JSON]:
    submission = said.get(f"submission-{item.item}", "").strip()
    told: dict[str, JSON] = {"submission": submission, "event": 0} if submission else {}
    return {
        "exception_item_uuid": str(item.item),
        "note": said.get(f"note-{item.item}", "").strip() or None,
        **told,
    }


def _sent(request: HttpRequest, reader: Partner, sent: Sent) -> HttpResponse:
    try:
        row, _ = exceptions.send(reader, sent, now=now())
    except _REFUSED as error:
        return _refused(request, error)
    return redirect(f"{reverse('exception-page', kwargs={'case': row.case.case})}?reporter={row.case.reporter}")


@never_cache
@reads
@for_partners
def scorecards(request: HttpRequest, reader: Partner) -> HttpResponse:
    """Of the last year."""
    time = now()
    found = cards_of(reader, since=time - A_YEAR, before=time, now=time)
    people = People(card.partner for card in found)
    return page(request, "scorecards", here="work", found=[(people.named(card.partner), card) for card in found])


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    status = getattr(error, "status", 503 if isinstance(error, LogError) else 422)
    return page(request, "refused", status=status, refusal=error, meaning=CODES.get(error.code))
