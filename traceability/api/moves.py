"""The resource of moves: one call for each thing that people do with packs. Thin, as `views.py`."""

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from ..epcis import jsonld
from ..epcis.errors import DocumentError
from ..epcis.values import Raw, an_object, wrong_type
from ..expecting import compared, shipments_to
from ..labelled import demand_as_recorded
from ..moving import Move
from ..requesting import Done, Drafted, Wanted, senders
from ..requesting import request as request_move
from . import schema, serializers
from .parsers import JsonDocument, body
from .views import Resource, _partner

EARLIEST, LATEST = 1900, 9000  # years: no time zone leads from them beyond what is a time
BESIDE = ("request", "at")  # members of a request that say nothing of the move itself


class Moves(Resource):
    parser_classes = (JsonDocument,)

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        return int(settings.EPCIS_MAX_BYTES)

    @schema.move
    def post(self, request: Request) -> Response:
        """What is to be signed for it; or, where this node holds the asker's key, what was."""
        partner, now = _partner(request), timezone.now()
        answer = request_move(wanted(an_object(jsonld.read(body(request)), "the request"), now), partner, now=now)
        if isinstance(answer, Drafted):
            return drafted(answer)
        location = reverse("submission", kwargs={"submission": answer.submission.submission})
        return Response(made(answer), status=201 if answer.created else 200, headers={"Location": location})


class MoveCheck(Resource):
    parser_classes = (JsonDocument,)

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        return int(settings.EPCIS_MAX_BYTES)

    @schema.check_move
    def post(self, request: Request) -> HttpResponse:
        """Whether what was scanned is what the record knows."""
        partner, now = _partner(request), timezone.now()
        move = wanted(an_object(jsonld.read(body(request)), "the request"), now).move
        demand_as_recorded(move, partner, now=now)
        return HttpResponse(status=204)


class Receiving(Resource):
    parser_classes = (JsonDocument,)

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        return int(settings.EPCIS_MAX_BYTES)

    @schema.expected
    def get(self, request: Request) -> Response:
        """What is on its way to the asker."""
        found = shipments_to(_partner(request), now=timezone.now())
        return Response({"shipments": [serializers.shipment(each) for each in found]})

    @schema.compare
    def post(self, request: Request) -> Response:
        """What came, against what was to come. Nothing is recorded of that, but that it was asked."""
        said = an_object(jsonld.read(body(request)), "the request")
        partner, now = _partner(request), timezone.now()
        move = Move.parse({**said, "move": "receive"}, now.date())
        found = compared(shipments_to(partner, now=now), move.epcs)
        return Response(serializers.compared(found, senders(move.epcs, partner)))


def wanted(said: Mapping[str, Raw], now: datetime) -> Wanted:
    """Without a name of its own, a request is new each time."""
    move = Move.parse(said, now.date(), known=BESIDE)
    name = said.get("request")
    if name is not None and type(name) is not str:
        raise wrong_type(type(name), "text", "request")
    return Wanted(move, str(uuid4()) if name is None else name, _at(said))


def _at(said: Mapping[str, Raw]) -> datetime | None:
    value = said.get("at")
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if type(value) is str else datetime.min
    except ValueError:
        time = datetime.min
    if time.tzinfo is None or not EARLIEST <= time.year <= LATEST:
        expected = "a time with its zone, such as 2026-12-31T00:00:00Z"
        raise DocumentError("not a time", code="bad_time", where="at", expected=expected, found=repr(value)[:80])
    return time


def drafted(answer: Drafted) -> Response:
    location = reverse("submission-statement", kwargs={"submission": answer.draft.submission})
    said = {"document": answer.document.decode(), "draft": json.loads(bytes(answer.draft.draft)), "custodial": False}
    return Response(said, headers={"Location": location})


def made(answer: Done) -> serializers.Members:
    return serializers.accepted(answer.submission) | {"custodial": answer.custodial}
