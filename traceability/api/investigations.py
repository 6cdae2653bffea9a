"""The resources of investigations: suspect product, step by step; and the data sheet for FDA. Thin, as `views.py`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from ..dscsa import investigation, notification
from ..dscsa.form_3911 import Classification, Mechanism, Report
from ..dscsa.form_3911_pdf import draw
from ..dscsa.investigation import What
from ..epcis.errors import DocumentError
from ..epcis.values import Raw, a_list, an_object
from ..moving import Thing
from ..statements import HASH, InvestigationStep, read
from . import investigations_schema as schema
from .parsers import JsonDocument, chosen
from .serial_numbers import _members, _text
from .views import Resource, _cursor, _partner

JSON, PDF = "application/json", "application/pdf"
TAKEN = ("person", "place", "reason")
TEXTS = ("ingredients", "use", "description", "quantity", "event", "no_longer_needed", "facility", "contact")

Word = TypeVar("Word", bound=StrEnum)


class Investigations(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_cases
    def get(self, request: Request) -> Response:
        """Cases of the asker's own, and those that it was told of."""
        found, before = investigation.cases_of(_partner(request), _cursor(request), now=timezone.now())
        return Response(schema.listed(found, before))

    @schema.open_case
    def post(self, request: Request) -> Response:
        """Suspect goods, quarantined: a case begins."""
        partner, now = _partner(request), timezone.now()
        said = _members(request, ("case", "what", *TAKEN), ("evidence",))
        row, created = investigation.open_case(partner, _uuid(_text(said, "case")), _what(said), _taken(said), now=now)
        return _answered(request, row.case, created)


class InvestigationDetail(Resource):
    @schema.find_case
    def get(self, request: Request, case: UUID) -> Response:
        """One case, as far as the asker may see it."""
        return Response(schema.case(investigation.case_of(_partner(request), case, now=timezone.now())))


class Steps(Resource):
    parser_classes = (JsonDocument,)

    @schema.take_step
    def post(self, request: Request, case: UUID) -> Response:
        """The next step of one's own case."""
        said = _members(request, ("step", *TAKEN), ("evidence", "incident", "sample", "previous"))
        step, previous = _word(said, "step", InvestigationStep), _given(said, "previous")
        row, created = investigation.take_step(
            _partner(request), case, step, _taken(said), previous=previous, now=timezone.now()
        )
        return _answered(request, row.case, created)


class Acknowledgement(Resource):
    parser_classes = (JsonDocument,)

    @schema.acknowledge
    def post(self, request: Request, case: UUID) -> Response:
        """A partner that was told has taken note."""
        said = _members(request, (), ("note",))
        row = investigation.acknowledge(_partner(request), case, _given(said, "note") or "", now=timezone.now())
        return Response(schema.partner(row))


class Form3911(Resource):
    parser_classes = (JsonDocument,)

    @schema.form_3911
    def post(self, request: Request, case: UUID) -> HttpResponse:
        """What FDA's form asks for, of one's own case."""
        kind = chosen(request, (JSON, PDF))
        sheet = notification.sheet_for(_partner(request), case, _added(request), now=timezone.now())
        if kind == JSON:
            return Response(sheet.as_json(), headers={"Vary": "Accept"})
        headers = {"Vary": "Accept", "Content-Disposition": f'attachment; filename="form-3911-{case}.pdf"'}
        return HttpResponse(draw(sheet), content_type=PDF, headers=headers)


def _answered(request: Request, case: UUID, created: bool) -> Response:
    seen = investigation.case_of(_partner(request), case, now=timezone.now())
    location = reverse("investigation-api", kwargs={"case": case})
    return Response(schema.case(seen), status=201 if created else 200, headers={"Location": location})


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        expected = "a UUID, drawn by you"
        raise DocumentError(
            "not an id", code="bad_value", where="case", expected=expected, found=repr(text)[:80]
        ) from None


def _what(said: Mapping[str, Raw]) -> list[What]:
    return [_one(each, f"what[{at}]") for at, each in enumerate(a_list(said["what"], "what"))]


def _one(value: Any, where: str) -> What:
    members = an_object(value, where)
    names = ("epc", "gtin", "lot", "first", "last")
    if unknown := sorted(members.keys() - set(names)):
        expected = ", ".join(names)
        raise DocumentError(
            "no such member", code="unknown_member", where=f"{where}.{unknown[0]}"[:80], expected=expected
        )
    texts = {name: _given(members, name) for name in names}
    if texts["epc"] is not None:
        texts["epc"] = Thing.named(texts["epc"], f"{where}.epc").epc
    return What(**texts)


def _taken(said: Mapping[str, Raw]) -> investigation.Taken:
    evidence = a_list(said["evidence"], "evidence") if said.get("evidence") is not None else []
    hashes = tuple(read(HASH, each, "evidence") for each in evidence)  # type: ignore[arg-type]
    who = {name: _text(said, name) for name in TAKEN}
    return investigation.Taken(**who, evidence=hashes, incident=_given(said, "incident"), sample=_given(said, "sample"))


def _given(said: Mapping[str, Raw], name: str) -> str | None:
    return None if said.get(name) is None else _text(said, name)


def _word(said: Mapping[str, Raw], name: str, words: type[Word]) -> Word:
    text = _text(said, name)
    if text not in set(words):
        expected = ", ".join(words)
        raise DocumentError("no such word", code="bad_value", where=name, expected=expected, found=repr(text)[:80])
    return words(text)


def _added(request: Request) -> notification.Added:
    said = _members(request, ("report",), ("classification", "mechanisms", *TEXTS))
    mechanisms = a_list(said["mechanisms"], "mechanisms") if said.get("mechanisms") is not None else []
    return notification.Added(
        _word(said, "report", Report),
        _word(said, "classification", Classification) if said.get("classification") is not None else None,
        mechanisms=tuple(_word({"mechanisms": each}, "mechanisms", Mechanism) for each in mechanisms),
        **{name: _given(said, name) or "" for name in TEXTS},
    )
