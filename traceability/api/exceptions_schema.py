"""What cases and scorecards are on the wire, and what the OpenAPI pages say of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ledger.models import Entry
from partners.models import Partner

from ..dscsa.detecting import SCENARIOS, Drafted, Excused, Scenario
from ..dscsa.exceptions import Case as Found
from ..dscsa.exceptions import State
from ..dscsa.pdg import ItemKind, Resolution, Verdict
from ..dscsa.scorecards import Card
from ..models import CaseItem, CaseMessage, Event, PartnerCase
from ..statements import MessageKind, b64
from .schema import _BUSY, _MALFORMED, _REFUSED, _UNAUTHENTICATED, _UNKNOWN
from .serializers import Members, _gln, _text, _words, instant


class ShipmentNamed(drf.Serializer[Any]):
    """The event that shipped something."""

    submission = drf.UUIDField(help_text="Id of the submission that told of it.")
    event = drf.IntegerField(help_text="Which of its events, from 0.", min_value=0)


class CaseItemShown(drf.Serializer[Any]):
    """One thing that is wrong, as it stands."""

    item = drf.UUIDField(help_text="Its `exception_item_uuid`.")
    kind = _words("The list of the report that it is in.", ItemKind)
    said = drf.DictField(help_text="Its other members.")
    requested = _text("What the reporter asks for: one of PDG's resolutions; null: nothing.", allow_null=True)
    verdict = _text("What the partner says: `Accept` or `Reject`; null: nothing yet.", allow_null=True)
    alternative = _text("What the partner offers instead, or null.", allow_null=True)
    comments = _text("The partner's words.", allow_blank=True)
    done = drf.DateTimeField(help_text="When what was agreed on had been done, or null.", allow_null=True)
    evidence = ShipmentNamed(help_text="The event that shows it, or null.", allow_null=True)
    note = _text("What was said of it.", allow_blank=True)


class CaseMessageShown(drf.Serializer[Any]):
    """A message of a case: signed, and in the log."""

    case = drf.UUIDField(help_text="The case.")
    reporter = _gln("the party that has opened it.")
    message = drf.UUIDField(help_text="Its id, and that of the statement.")
    kind = _words("What it is.", MessageKind)
    sender = _gln("the party that has sent it.")
    sent = drf.DateTimeField(help_text="When it was accepted, UTC.")
    entry = _text("The 32 bytes that are logged for it, in hexadecimal.")
    statement = _text("The signed statement, which has the message's SHA-256: a COSE_Sign1, base64url.")
    entry_salt = _text("What the entry was salted with, base64url.")
    promise = _text("The node's promise to log it in time: a COSE_Sign1, base64url.")


class CaseShown(drf.Serializer[Any]):
    """What two partners have to settle."""

    case = drf.UUIDField(help_text="Its `exception_case_uuid`.")
    reporter = _gln("the party that has found it.")
    partner = _gln("the party that is asked.")
    po_number = _text("The order that it is about.")
    shipment = ShipmentNamed(help_text="The shipment that it is about; null: none is known.", allow_null=True)
    state = _words("How it stands.", State)
    your_turn = drf.BooleanField(help_text="Whether you have to do something.")
    opened = drf.DateTimeField(help_text="When it was reported, UTC.")
    due = drf.DateTimeField(help_text="Until when a first answer is due, UTC.")
    answered = drf.DateTimeField(help_text="When all of it was answered last, or null.", allow_null=True)
    resolved = drf.DateTimeField(help_text="When its reporter said that it is, or null.", allow_null=True)
    items = CaseItemShown(many=True, help_text="All that is wrong.")


class WholeCase(CaseShown):
    """The same, with all that was said."""

    messages = CaseMessageShown(many=True, help_text="In the order in which they were accepted.")


class CasesPage(drf.Serializer[Any]):
    exceptions = CaseShown(many=True, help_text="At most 50, the latest first.")
    next = _text("For `before`: where the next page begins; null on the last.", allow_null=True)


class MessageToSend(drf.Serializer[Any]):
    """A message, and to whom."""

    kind = _words("What it is.", MessageKind)
    message = drf.DictField(help_text="The message, as PDG's ExceptionsSchemas have it; a follow-up as this node's.")
    to = _gln("the other party, where the case is new, and no shipment is named.", required=False)
    shipment = ShipmentNamed(required=False, help_text="Of a first report: the shipment that it is about.")
    statement = _text("Your statement of kind `exception-message`, base64url; else this node signs.", required=False)


class ContentsSeen(drf.Serializer[Any]):
    container = _text("What was opened: what a scanner reads, or its EPC.")
    scans = drf.ListField(child=drf.CharField(), required=False, help_text="All that is in it, as scanned.")
    epcs = drf.ListField(child=drf.CharField(), required=False, help_text="Or by EPC.")


class ReceivedSeen(drf.Serializer[Any]):
    """What you have before you."""

    email = _text("Where the sender may answer people.")
    scans = drf.ListField(
        child=drf.CharField(), required=False, help_text="What came, as scanned: labels are compared with data."
    )
    epcs = drf.ListField(child=drf.CharField(), required=False, help_text="What came, by EPC.")
    damaged = drf.ListField(child=drf.CharField(), required=False, help_text="Of that, or of what you have.")
    contents = ContentsSeen(many=True, required=False, help_text="Containers that came before, and were opened.")
    purchase_order = _text("Your number of the order.", required=False)
    resolutions = drf.DictField(
        child=drf.ChoiceField(choices=[str(each) for each in Resolution]), required=False,
        help_text="By scenario, what you ask for; else the first that puts it right.",
    )  # fmt: skip
    check_products = drf.BooleanField(required=False, help_text="Whether products nobody has described are told of.")

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": _gln("whoever delivered what has no data.", required=False)}


class ScenarioFound(drf.Serializer[Any]):
    scenario = _words("What is wrong.", Scenario)
    number = _text("Its number in GS1 US's list; empty: it has none.", allow_blank=True)
    sentence = _text("The same for people.")


class DraftShown(drf.Serializer[Any]):
    """A report that could be sent; nothing has been."""

    to = _gln("whoever sent it; null: nobody knows.", allow_null=True)
    shipment = ShipmentNamed(help_text="The shipment that it is about, or null.", allow_null=True)
    scenarios = ScenarioFound(many=True, help_text="More than one: GS1 US's scenario 4.")
    message = drf.DictField(help_text="The report: send it as it is, or with other resolutions.")


class ExcusedShown(drf.Serializer[Any]):
    """Product without data, where a waiver lets it come so."""

    gtin = _text("The product.")
    waiver = _text("Its kind.")
    basis = _text("What it is based on.")
    entry = _text("The entry of its statement in the log, in hexadecimal.")


class Detected(drf.Serializer[Any]):
    agrees = drf.BooleanField(help_text="Whether nothing is wrong.")
    drafts = DraftShown(many=True, help_text="By sender and shipment.")
    allowed = ExcusedShown(many=True, help_text="What would be reported, but for a waiver.")


class ScorecardShown(drf.Serializer[Any]):
    """One partner."""

    partner = _gln("the partner.")
    shipments = drf.IntegerField(help_text="By it, to you.")
    shipments_in_error = drf.IntegerField(help_text="Of these, those that a case of yours is about.")
    error_rate = drf.FloatField(help_text="The share of these; null: there were no shipments.", allow_null=True)
    data_late = drf.IntegerField(help_text="Shipments whose data came more than a day after them.")
    cases = drf.IntegerField(help_text="That you reported to it.")
    items = drf.IntegerField(help_text="Of these cases.")
    refused = drf.IntegerField(help_text="Of the items.")
    answered = drf.IntegerField(help_text="Cases, in time.")
    late = drf.IntegerField(help_text="Cases, after that.")
    unanswered = drf.IntegerField(help_text="Cases whose time is over.")
    waiting = drf.IntegerField(help_text="Cases that have time left.")
    resolved = drf.IntegerField(help_text="Cases that are over.")
    answer_seconds = drf.IntegerField(help_text="That an answer took, on average, or null.", allow_null=True)


class ScorecardList(drf.Serializer[Any]):
    since = drf.DateTimeField(help_text="From when.")
    before = drf.DateTimeField(help_text="Until when, this instant not included.")
    scorecards = ScorecardShown(many=True, help_text="Your partners, by GLN.")


# ---- values ---------------------------------------------------------------------------------------------------------


def case(found: Found, party: Partner) -> Members:
    row = found.row
    return {
        "case": str(row.case),
        "reporter": row.reporter,
        "partner": row.partner,
        "po_number": row.po_number,
        "shipment": _event(row.shipment),
        "state": str(found.state),
        "your_turn": party.gln in found.turn(),
        "opened": instant(row.opened),
        "due": instant(row.due),
        "answered": row.answered and instant(row.answered),
        "resolved": row.resolved and instant(row.resolved),
        "items": [_item(each) for each in found.items],
    }


def whole_case(found: Found, party: Partner) -> Members:
    return case(found, party) | {"messages": [message(each, found.row) for each in found.messages]}


def _item(row: CaseItem) -> Members:
    return {
        "item": str(row.item),
        "kind": row.kind,
        "said": row.said,
        "requested": row.requested or None,
        "verdict": row.verdict or None,
        "alternative": row.alternative or None,
        "comments": row.comments,
        "done": row.done and instant(row.done),
        "evidence": _event(row.done_by),
        "note": row.note,
    }


def message(row: CaseMessage, of: PartnerCase) -> Members:
    said = row.statement
    return {
        "case": str(of.case),
        "reporter": of.reporter,
        "message": str(said.statement_id),
        "kind": row.kind,
        "sender": said.issuer,
        "sent": instant(said.accepted),
        "entry": bytes(said.entry.entry).hex(),
        "statement": b64(bytes(said.envelope)),
        "entry_salt": b64(bytes(said.entry_salt)),
        "promise": b64(bytes(said.promise)),
    }


def _event(row: Event | None) -> Members | None:
    return None if row is None else {"submission": str(row.submission.submission), "event": row.position}


def draft(found: Drafted) -> Members:
    scenarios = [
        {"scenario": str(each), "number": SCENARIOS[each].number, "sentence": SCENARIOS[each].sentence}
        for each in found.scenarios
    ]
    shipment = found.shipment and {"submission": str(found.shipment[0]), "event": found.shipment[1]}
    return {"to": found.to, "shipment": shipment, "scenarios": scenarios, "message": dict(found.message)}


def excused(found: Iterable[Excused]) -> list[Members]:
    listed = list(found)
    entries = Entry.objects.in_bulk({each.waiver.registered for each in listed})
    return [
        {
            "gtin": each.gtin,
            "waiver": each.waiver.kind,
            "basis": each.waiver.basis,
            "entry": bytes(entries[each.waiver.registered].entry).hex(),
        }
        for each in listed
    ]


def cards(found: Iterable[Card], since: datetime, before: datetime) -> Members:
    return {"since": instant(since), "before": instant(before), "scorecards": [_card(each) for each in found]}


def _card(card: Card) -> Members:
    names = ("partner", "shipments", "shipments_in_error", "error_rate", "data_late", "cases", "items", "refused",
             "answered", "late", "unanswered", "waiting", "resolved")  # fmt: skip
    took = card.answer_time
    return {name: getattr(card, name) for name in names} | {
        "answer_seconds": None if took is None else int(took.total_seconds())
    }


# ---- descriptions ---------------------------------------------------------------------------------------------------

_CASE = OpenApiParameter("case", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_REPORTER = OpenApiParameter(
    "reporter", description="GLN of who has opened it: where two have called cases with you alike."
)
_PURPOSES = ", ".join(Verdict)

list_cases = extend_schema(
    operation_id="listExceptions",
    summary="List your cases with partners",
    description="What you have reported to a partner, and what a partner has reported to you: the latest first, in "
    "pages of 50. Of a case between others you learn nothing, nor does a regulator.",
    parameters=[OpenApiParameter("before", OpenApiTypes.INT, description="As `next` of the page before has it.")],
    responses={200: OpenApiResponse(CasesPage, description="A page."), **_MALFORMED, **_UNAUTHENTICATED, **_BUSY},
    tags=["exceptions"],
)

send = extend_schema(
    operation_id="sendExceptionMessage",
    summary="Report, answer or follow up an exception",
    description="A message of PDG's ExceptionsSchemas. A `report` opens a case, asks again, or with `case_resolved` "
    "ends it: of who has found what is wrong. A `response` says to each item "
    f"{_PURPOSES}: of who is asked. A `follow-up`, which PDG does not have, says what was done of that, and names the "
    "event that shows it: `{message_uuid, exception_case_uuid, timestamp, items: [{exception_item_uuid, submission, "
    "event, note}]}`. Each is signed as a statement that has its SHA-256 (of its RFC 8785 form), by you or, where this "
    "node holds a key of yours, by the node, and logged. `message_uuid` is the statement's id: sent again, it is taken "
    "once.",
    request={"application/json": MessageToSend},
    responses={
        200: OpenApiResponse(CaseMessageShown, description="Taken before: the same answer as then."),
        201: OpenApiResponse(CaseMessageShown, description="Taken, and promised to the log. `Location` is its case."),
        **_REFUSED,
        **_UNKNOWN,
    },
    tags=["exceptions"],
)

read_case = extend_schema(
    operation_id="readException",
    summary="Read a case",
    description="With all that was said in it, to its two parties alone.",
    parameters=[_CASE, _REPORTER],
    responses={200: OpenApiResponse(WholeCase, description="The case."), **_MALFORMED, **_UNAUTHENTICATED, **_UNKNOWN,
               **_BUSY},
    tags=["exceptions"],
)  # fmt: skip

read_message = extend_schema(
    operation_id="readExceptionMessage",
    summary="Read a message of a case",
    description="As it was sent, in the form of PDG's ExceptionsSchemas, to take it into another system.",
    parameters=[
        _CASE,
        OpenApiParameter("message", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id."),
        _REPORTER,
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, description="The message."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["exceptions"],
)

detect = extend_schema(
    operation_id="detectExceptions",
    summary="Find what is wrong with what came",
    description="What is on its way to you, or has come, is compared with what you scanned: each thing that is wrong "
    "becomes part of the draft of a report to its sender. Nothing is sent, and nothing but the reading is recorded. Of "
    "what is neither on its way to you nor with you, nothing is told: such a pack is one without data.",
    request={"application/json": ReceivedSeen},
    responses={
        200: OpenApiResponse(Detected, description="What is wrong, if anything."),
        **_REFUSED,
        **_UNKNOWN,
    },
    tags=["exceptions"],
)

scorecards = extend_schema(
    operation_id="scorecards",
    summary="Score your partners",
    description="How those who ship to you, and those to whom you reported something, keep to what they send and say: "
    "by your shipments and cases alone. Of the last year, if nothing else is said.",
    parameters=[
        OpenApiParameter("since", description="From this day or time on."),
        OpenApiParameter("before", description="Before this day or time."),
    ],
    responses={200: OpenApiResponse(ScorecardList, description="A card each."), **_MALFORMED, **_UNAUTHENTICATED,
               **_BUSY},
    tags=["exceptions"],
)  # fmt: skip
