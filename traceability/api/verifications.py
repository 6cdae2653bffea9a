"""The resources of verifications: what was verified and became of it, alarms, samplings. Thin, as `views.py`."""

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from uuid import UUID

from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from partners.access import Purpose
from partners.models import Partner

from .. import alarms
from ..dscsa import outcomes, sampling
from ..epcis.errors import DocumentError
from ..epcis.values import Raw
from . import verifications_schema as schema
from .parsers import JsonDocument, chosen
from .serial_numbers import _count, _members, _text
from .views import Resource, _cursor, _partner, _purpose

JSON, CSV = "application/json", "text/csv"
LARGEST = 2**63 - 1  # of the numbers of rows
NAMES = ("verification", "at", "epc", "purpose", "verdict", "reason", "outcome", "note", "outcome_at", "against")


class Verifications(Resource):
    @schema.list_verifications
    def get(self, request: Request) -> HttpResponseBase:
        """The asker's own."""
        if chosen(request, (JSON, CSV)) == CSV:
            return as_csv(_partner(request))
        page = outcomes.verifications_of(_partner(request), before=_cursor(request))
        return Response(schema.verifications(*page), headers={"Vary": "Accept"})


class Outcome(Resource):
    parser_classes = (JsonDocument,)

    @schema.say_outcome
    def post(self, request: Request, number: int) -> Response:
        """What became of the pack."""
        said = _members(request, ("outcome",), ("note",))
        note = _text(said, "note") if "note" in said else ""
        kept, new = outcomes.record_outcome(
            _partner(request), min(number, LARGEST), _text(said, "outcome"), note, now=timezone.now()
        )
        return Response(schema.verification(kept), status=201 if new else 200)


class Alarms(Resource):
    @schema.list_alarms
    def get(self, request: Request) -> Response:
        """Those that concern the asker."""
        purpose = _purpose(request, Purpose.SUSPECT_PRODUCT)
        page = alarms.alarms_of(_partner(request), purpose=purpose, now=timezone.now(), before=_cursor(request))
        return Response(schema.alarms(*page))


class Clear(Resource):
    parser_classes = (JsonDocument,)

    @schema.clear_alarm
    def post(self, request: Request, number: int) -> Response:
        """It is none, and this is why."""
        because = _text(_members(request, ("reason",)), "reason")
        cleared = alarms.clear(_partner(request), min(number, LARGEST), because, now=timezone.now())
        return Response(schema.cleared(cleared))


class Samplings(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_samplings
    def get(self, request: Request) -> Response:
        """The asker's own."""
        return Response(schema.samplings(sampling.samplings_of(_partner(request))))

    @schema.open_sampling
    def post(self, request: Request) -> Response:
        """Draw one."""
        said = _members(request, ("gtin", "lot"), ("quantity", "serials"))
        if ("quantity" in said) == ("serials" in said):
            expected = "either quantity, or serials"
            raise DocumentError("one of two", code="missing_member", where="quantity", expected=expected)
        found = sampling.open_sampling(
            _partner(request),
            _text(said, "gtin"),
            _text(said, "lot"),
            quantity=_count(said, "quantity") if "quantity" in said else 0,
            serials=_texts(said, "serials") if "serials" in said else (),
            now=timezone.now(),
        )
        location = reverse("sampling", kwargs={"sampling": found.row.sampling})
        return Response(schema.sampling(found), status=201, headers={"Location": location})


class SamplingDetail(Resource):
    @schema.find_sampling
    def get(self, request: Request, sampling: UUID) -> Response:
        """One of the asker's own."""
        return Response(schema.sampling(progress(_partner(request), sampling)))


progress = sampling.progress


def _texts(said: Mapping[str, Raw], name: str) -> list[str]:
    values = said[name]
    if not isinstance(values, list) or not all(type(value) is str for value in values):
        raise DocumentError("the wrong kind of value", code="wrong_type", where=name, expected="a list of texts")
    return [str(value) for value in values]


def as_csv(reader: Partner) -> StreamingHttpResponse:
    """All of a party's verifications, a line each."""
    headers = {"Vary": "Accept", "Content-Disposition": 'attachment; filename="verifications.csv"'}
    return StreamingHttpResponse(_lines(reader), content_type=f"{CSV}; charset=utf-8", headers=headers)


def _lines(reader: Partner) -> Iterator[str]:
    yield ",".join(NAMES) + "\r\n"
    for each in outcomes.all_of(reader):
        line = StringIO()
        members = schema.verification(each)
        csv.writer(line).writerow([_plain(members[name]) for name in NAMES])
        yield line.getvalue()


def _plain(value: object) -> object:
    """No formula, where a spreadsheet would compute it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
