"""The resources of traces: asked for, drawn up, answered, fetched. Thin, as `views.py`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from .. import traces
from ..bundle.trace import MEDIA_TYPE
from ..dscsa.tracing import content
from ..epcis.errors import DocumentError
from ..epcis.values import Raw, a_list
from ..models import Job, Trace
from ..statements import GLN, ONE_GTIN, WORD, Form, TraceReason, TraceWanted, name_order, one_of, read
from . import jobs_schema
from . import traces_schema as schema
from .parsers import COSE, JsonDocument, Statement, body
from .serial_numbers import _flag, _members, _text
from .views import Resource, _cursor, _media_type, _partner

FORMS: Mapping[str, Form] = {
    "to": GLN, "investigation": WORD, "wants": one_of(TraceWanted), "reason": one_of(TraceReason), "contact": WORD,
    "gtin": ONE_GTIN, "lot": WORD, "name": WORD, "circumstances": WORD, "incident": WORD, "case": WORD,
}  # fmt: skip
NEEDED = ("statement", "to", "investigation", "wants", "reason", "contact", "gtin")
OTHERS = ("lot", "serials", "name", "circumstances", "incident", "case", "test")


class Traces(Resource):
    parser_classes = (Statement, JsonDocument)

    @schema.list_traces
    def get(self, request: Request) -> Response:
        """What the asker has asked for, and is asked for."""
        partner = _partner(request)
        found, following = traces.traces_of(partner, _cursor(request))
        return Response({
            "traces": [schema.trace(row, partner) for row in found],
            "next": None if following is None else str(following),
        })  # fmt: skip

    @schema.ask
    def post(self, request: Request) -> Response:
        """A signed request; or what is to be said in one, where this node holds the asker's key."""
        partner, now = _partner(request), timezone.now()
        if _media_type(request.content_type) == COSE:
            row, created = traces.ask(partner, body(request), now=now)
        else:
            row, created = traces.ask_for(partner, _wanted(request), now=now)
        headers = {"Location": reverse("trace", kwargs={"entry": schema.entry_of(row)})}
        return Response(schema.trace(row, partner), status=201 if created else 200, headers=headers)


class TraceDetail(Resource):
    @schema.find
    def get(self, request: Request, entry: str) -> Response:
        """One of the asker's own."""
        partner = _partner(request)
        return Response(schema.trace(traces.own_trace(partner, bytes.fromhex(entry)), partner))


class TracePackages(Resource):
    @schema.draw_up
    def post(self, request: Request, entry: str) -> Response:
        """What the asker knows of it, to be looked at and signed; of many units, by a job."""
        made = traces.draw_up(_partner(request), bytes.fromhex(entry), now=timezone.now())
        if isinstance(made, Job):
            location = reverse("job", kwargs={"job": made.job})
            return Response(jobs_schema.job(made), status=202, headers={"Location": location})
        return Response(schema.package(made))

    @schema.drawn
    def get(self, request: Request, entry: str) -> StreamingHttpResponse:
        """What was drawn up last."""
        found = traces.drawn(_partner(request), bytes.fromhex(entry))
        headers = {"Content-Length": str(found.size)}
        return StreamingHttpResponse(content(found), content_type=schema.PACKAGE, headers=headers)


class TraceAnswers(Resource):
    parser_classes = (Statement, JsonDocument)

    @schema.answer
    def post(self, request: Request, entry: str) -> Response:
        """A signed answer; or that it is to be signed, where this node holds the asker's key."""
        partner, now = _partner(request), timezone.now()
        if _media_type(request.content_type) == COSE:
            row, created = traces.answer(partner, body(request), bytes.fromhex(entry), now=now)
        else:
            statement = _id(_members(request, ("statement",)))
            row, created = traces.answer_for(partner, statement, bytes.fromhex(entry), now=now)
        return _answered(row, request, created)


def _answered(row: Trace, request: Request, created: bool) -> Response:
    return Response(schema.trace(row, _partner(request)), status=201 if created else 200)


class TraceFile(Resource):
    @schema.file
    def get(self, request: Request, entry: str) -> HttpResponse:
        """Request, answer and all proofs, as one file."""
        made = traces.file_of(_partner(request), bytes.fromhex(entry), now=timezone.now())
        headers = {"Content-Disposition": f'attachment; filename="trace-{entry[:16]}.unitproof"'}
        return HttpResponse(made, content_type=MEDIA_TYPE, headers=headers)


def _wanted(request: Request) -> traces.Wanted:
    said = _members(request, NEEDED, OTHERS)
    members: dict[str, Any] = {
        name: read(form, _text(said, name), name) for name, form in FORMS.items() if said.get(name) is not None
    }
    if said.get("serials") is not None:
        members["serials"] = _serials(said)
    if "test" in said:
        members["test"] = _flag(said, "test") or None
    return traces.Wanted(_id(said), tuple(members.items()))


def _serials(said: Mapping[str, Raw]) -> tuple[str, ...]:
    serials: list[Any] = a_list(said["serials"], "serials")
    if not serials or any(type(each) is not str or not each for each in serials):
        expected = "a list of texts"
        raise DocumentError("the wrong kind of value", code="wrong_type", where="serials", expected=expected)
    return tuple(sorted(set(serials), key=name_order))


def _id(said: Mapping[str, Raw]) -> UUID:
    try:
        return UUID(_text(said, "statement"))
    except ValueError:
        expected, found = "a UUID, drawn by you", repr(said["statement"])[:80]
        raise DocumentError("not an id", code="bad_value", where="statement", expected=expected, found=found) from None
