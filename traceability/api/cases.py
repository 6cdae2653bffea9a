"""The resources of regulators' cases: opened, seen, closed. Thin, as `views.py`."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from .. import case_files, cases
from ..statements import ONE_GTIN, TIME, WORD, Form, read
from . import cases_schema as schema
from .parsers import COSE, JsonDocument, Statement, body
from .serial_numbers import _members, _text
from .traces import _id, _serials
from .views import Resource, _cursor, _media_type, _partner

FORMS: Mapping[str, Form] = {"case": WORD, "gtin": ONE_GTIN, "lot": WORD, "reason": WORD, "valid_to": TIME}


class Cases(Resource):
    parser_classes = (Statement, JsonDocument)

    @schema.list_cases
    def get(self, request: Request) -> Response:
        """A regulator's own; and those that concern the asker."""
        partner, now = _partner(request), timezone.now()
        found, following = cases.cases_of(partner, _cursor(request))
        entries = cases.entries(found)
        return Response({
            "cases": [schema.case(row, partner, entries, now) for row in found],
            "next": None if following is None else str(following),
        })  # fmt: skip

    @schema.open_case
    def post(self, request: Request) -> Response:
        """A signed case; or what is to be said in one, where this node holds the asker's key."""
        partner, now = _partner(request), timezone.now()
        if _media_type(request.content_type) == COSE:
            row, created = case_files.open_signed(partner, body(request), now=now)
        else:
            said = _members(request, ("statement", "case", "gtin", "reason", "valid_to"), ("lot", "serials"))
            members: dict[str, Any] = {
                name: read(form, _text(said, name), name) for name, form in FORMS.items() if said.get(name) is not None
            }
            if said.get("serials") is not None:
                members["serials"] = _serials(said)
            row, created = case_files.open_for(partner, _id(said), members, now=now)
        return Response(schema.case(row, partner, cases.entries([row]), now), status=201 if created else 200)


class CaseClose(Resource):
    @schema.close
    def post(self, request: Request, entry: str) -> Response:
        """It is closed: nothing more is read under it."""
        partner, now = _partner(request), timezone.now()
        row = case_files.close_for(partner, entry, now=now)
        return Response(schema.case(row, partner, cases.entries([row]), now))
