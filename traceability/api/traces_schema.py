"""What the OpenAPI pages say of traces; and what a trace looks like, and its description."""

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from partners.models import Partner

from ..bundle.trace import MEDIA_TYPE
from ..dscsa.tracing import said_in
from ..models import Trace as Row
from ..models import TracePackage as PackageRow
from ..statements import TraceKnown, TraceReason, TraceWanted, b64, open_statement
from ..trace_requests import MOST_SERIALS
from .jobs_schema import Job
from .parsers import COSE
from .schema import _BUSY, _MALFORMED, _REFUSED, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, _gln, _text, _words, instant

PACKAGE = "application/vnd.unitproof.trace-package+cbor"
_ASKED = "24 hours between trading partners, 48 of an audit; an authority is answered within one business day and 48 "
_ASKED += "hours at most, by a dispenser within two business days"


class _Said(drf.Serializer[Any]):
    to = _gln("whoever is asked.")
    investigation = _text("Number of the investigation, as whoever asks writes it.")
    wants = _words("What is to be told.", TraceWanted)
    reason = _words("Why it is asked: whoever asks attests to it.", TraceReason)
    contact = _text("How to reach whoever asks.")
    gtin = _text("The product: a GTIN-14.")


class TraceWantedMembers(_Said):
    """What the node is to sign with the key that it holds for you: of a lot, of serials, or of serials in a lot."""

    statement = drf.UUIDField(help_text="Its id, drawn by you: asked again under it, it is asked once.")
    lot = _text("A lot of it.", required=False)
    serials = drf.ListField(
        child=drf.CharField(), help_text=f"Serial numbers of it, {MOST_SERIALS} at most.", required=False
    )
    name = _text("Name of whoever asks, or the department.", required=False)
    circumstances = _text("What has happened.", required=False)
    incident = _text("Incident number that the FDA has given to a Form 3911.", required=False)
    case = _text("Number of a regulator's case that this belongs to.", required=False)
    test = drf.BooleanField(help_text="A drill: marked everywhere, and no clock runs.", required=False)


class Trace(_Said):
    """A trace, to whoever asked for it and whoever is asked."""

    entry = _text("Entry of the request in the log, in hexadecimal: what the trace is called.")
    requester = _gln("whoever asks.")
    side = _words("What you are in it.", ("requester", "asked"))
    lot = _text("A lot of it, or null.", allow_null=True)
    serials = drf.ListField(child=drf.CharField(), help_text="Serial numbers of it, or null.", allow_null=True)
    name = _text("Name of whoever asks, or the department; or null.", allow_null=True)
    circumstances = _text("What has happened, or null.", allow_null=True)
    incident = _text("Incident number of a Form 3911, or null.", allow_null=True)
    case = _text("Number of a regulator's case, or null.", allow_null=True)
    test = drf.BooleanField(help_text="Whether it is a drill.")
    asked = drf.DateTimeField(help_text="When it was asked for, UTC.")
    due = drf.DateTimeField(help_text=f"Until when it is to be answered: {_ASKED}. Of a drill null.", allow_null=True)
    answered = drf.DateTimeField(help_text="When it was answered, or null.", allow_null=True)
    knows = _words("How much of it whoever answered had a part in; null before.", TraceKnown, allow_null=True)
    sha256 = _text("SHA-256 of the package that was signed, in hexadecimal; null before.", allow_null=True)
    request = _text("The signed request: a COSE_Sign1, base64url.")
    answer = _text("The signed answer: a COSE_Sign1, base64url; null before.", allow_null=True)
    file = _text("Where the file for `unitproof verify` is; null before it is answered.", allow_null=True)


class TracePage(drf.Serializer[Any]):
    """A page of them, the latest first."""

    traces = Trace(many=True, help_text="At most 50.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


class TracePackage(drf.Serializer[Any]):
    """What was drawn up to answer a trace. An answer signs its hash and what it `knows`."""

    sha256 = _text("SHA-256 of it, in hexadecimal.")
    size = drf.IntegerField(help_text="Bytes.")
    units = drf.IntegerField(help_text="Of how many units it tells.")
    knows = _words("How much of what was asked that is.", TraceKnown)
    drawn = drf.DateTimeField(help_text="When, UTC.")
    package = _text("Where it can be looked at.")


class TraceSigned(drf.Serializer[Any]):
    """That the node is to sign what was drawn up last, with the key that it holds for you."""

    statement = drf.UUIDField(help_text="Id of the answer, drawn by you.")


def entry_of(row: Row) -> str:
    return bytes(row.request.entry.entry).hex()


def trace(row: Row, reader: Partner) -> Members:
    said, entry = said_in(row), entry_of(row)
    answered: Any = open_statement(bytes(row.answer.envelope)).payload if row.answer else None
    return {
        "entry": entry,
        "requester": row.requester,
        "to": row.to,
        "side": "requester" if reader.gln == row.requester else "asked",
        "investigation": said.investigation,
        "wants": str(said.wants),
        "reason": str(said.reason),
        "contact": said.contact,
        "gtin": said.gtin,
        "lot": said.lot,
        "serials": None if said.serials is None else list(said.serials),
        "name": said.name,
        "circumstances": said.circumstances,
        "incident": said.incident,
        "case": said.case,
        "test": row.test,
        "asked": instant(row.asked),
        "due": row.due and instant(row.due),
        "answered": row.answered and instant(row.answered),
        "knows": answered and str(answered.knows),
        "sha256": answered and answered.package.hex(),
        "request": b64(bytes(row.request.envelope)),
        "answer": b64(bytes(row.answer.envelope)) if row.answer else None,
        "file": reverse("trace-file", kwargs={"entry": entry}) if row.answer else None,
    }


def package(row: PackageRow) -> Members:
    return {
        "sha256": bytes(row.sha256).hex(),
        "size": row.size,
        "units": row.units,
        "knows": row.knows,
        "drawn": instant(row.drawn),
        "package": reverse("trace-package", kwargs={"entry": entry_of(row.trace)}),
    }


_ENTRY = OpenApiParameter(
    "entry", str, OpenApiParameter.PATH, pattern="^[0-9a-f]{64}$", description="Of the request, in hexadecimal."
)
_WAITS = _problem(
    409, "It was answered before, or rests on something that is not in the log yet.", "answered_twice",
    "this was answered already",
)  # fmt: skip

list_traces = extend_schema(
    operation_id="listTraces",
    summary="List traces",
    description="Those that you have asked for, and those that you are asked for, the latest first.",
    parameters=[OpenApiParameter("before", description="Cursor: `next` of the page before.")],
    responses={
        200: OpenApiResponse(TracePage, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["traces"],
)

ask = extend_schema(
    operation_id="askForTrace",
    summary="Ask for a trace",
    description="Ask a trading partner what it knows of units of a product. As a statement of kind `trace-request` "
    f"that you have signed; or, where this node holds a key of yours, as JSON, and the node signs. It has {_ASKED}; "
    "it is reminded, and whoever is responsible there is told when the time has run out. A `test` is a drill: it is "
    "marked everywhere, and no clock runs.",
    request={COSE: OpenApiTypes.BINARY, "application/json": TraceWantedMembers},
    responses={
        200: OpenApiResponse(Trace, description="Asked before: the trace as it stands."),
        201: OpenApiResponse(Trace, description="Asked, and promised to the log. `Location` is where it stands."),
        **_REFUSED,
    },
    tags=["traces"],
)

find = extend_schema(
    operation_id="findTrace",
    summary="Look at a trace",
    description="For whoever asked for it, and whoever is asked.",
    parameters=[_ENTRY],
    responses={
        200: OpenApiResponse(Trace, description="As it stands."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["traces"],
)

draw_up = extend_schema(
    operation_id="drawUpTrace",
    summary="Draw up an answer",
    description="What you know of what you are asked, with its proofs: for you to look at, and to sign. Whoever asked "
    "sees nothing before you do. Of more than some 50 units, by a job: ask again when that is done. It may be drawn "
    "up anew until you have signed; the last one counts.",
    parameters=[_ENTRY],
    request=None,
    responses={
        200: OpenApiResponse(TracePackage, description="What was drawn up."),
        202: OpenApiResponse(Job, description="A job that draws it up."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_WAITS,
        **_problem(429, "So many of your jobs are not done yet.", "too_many_jobs", "wait for one of them"),
        **_BUSY,
    },
    tags=["traces"],
)

drawn = extend_schema(
    operation_id="drawnTrace",
    summary="Look at what was drawn up",
    description="The package, as it is to be signed: deterministic CBOR, `{v, told, bundles}`; `told` is JSON text.",
    parameters=[_ENTRY],
    responses={
        (200, PACKAGE): OpenApiResponse(OpenApiTypes.BINARY, description="The package."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["traces"],
)

answer = extend_schema(
    operation_id="answerTrace",
    summary="Answer a trace",
    description="As a statement of kind `trace-answer` that you have signed, with the SHA-256 of the package that was "
    "drawn up; or, where this node holds a key of yours, as JSON, and the node signs.",
    parameters=[_ENTRY],
    request={COSE: OpenApiTypes.BINARY, "application/json": TraceSigned},
    responses={
        200: OpenApiResponse(Trace, description="Answered before, by this statement."),
        201: OpenApiResponse(Trace, description="Answered, and promised to the log: the clock has stopped."),
        **_REFUSED,
        **_UNKNOWN,
    },
    tags=["traces"],
)

file = extend_schema(
    operation_id="traceFile",
    summary="The answer as a file",
    description="Request, answer, package and proofs: `unitproof verify FILE --policy POLICY` checks it all with the "
    "node off. For whoever asked, and whoever answered; each unit that is read of enters the access record.",
    parameters=[_ENTRY],
    responses={
        (200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, description="The file."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_problem(409, "Nobody has answered it, or it is not in the log yet.", "not_answered", "wait for the answer"),
        **_BUSY,
    },
    tags=["traces"],
)
