"""The resources of recalls: what is called back, where it is, who has answered. Thin, as `views.py`."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from partners.gs1.application_identifiers import check

from ..dscsa import recall_report, recalls
from ..dscsa.recalls import NUMBERS, Scope, Wanted
from ..epcis.errors import DocumentError
from ..epcis.values import Raw
from ..models import Registration
from ..statements import ENTRY_HEX, RecallClass, RecallDepth, one_of, read
from . import recalls_schema as schema
from .parsers import JsonDocument
from .serial_numbers import _count, _members, _text, _time, _uuid
from .views import Resource, _cursor, _partner

CSV = "text/csv; charset=utf-8"
MOST_SCOPES = 100


class Recalls(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_recalls
    def get(self, request: Request) -> Response:
        """Those that concern the asker, the latest first."""
        found, following = recalls.recalls_of(_partner(request), _cursor(request))
        return Response({
            "recalls": [schema.summary(each) for each in found],
            "next": None if following is None else str(following),
        })  # fmt: skip

    @schema.begin
    def post(self, request: Request) -> Response:
        """Hold and recall, signed with the key that this node holds."""
        partner, now = _partner(request), timezone.now()
        row, created = recalls.begin(partner, _wanted(request), now=now)
        found = recalls.standing(_entry(row), partner, now=now)
        return Response(
            schema.detail(found), status=201 if created else 200, headers={"Location": _location(found.entry)}
        )


class RecallDetail(Resource):
    @schema.find
    def get(self, request: Request, entry: str) -> Response:
        """How one stands."""
        return Response(schema.detail(recalls.standing(entry, _partner(request), now=timezone.now())))


class RecallUnits(Resource):
    @schema.units
    def get(self, request: Request, entry: str) -> StreamingHttpResponse:
        """Each unit, and where it is."""
        found = recalls.standing(entry, _partner(request), now=timezone.now())
        return csv_of(recall_report.lines(found), f"recall-{entry[:16]}-units.csv")


class RecallHolders(Resource):
    @schema.holders
    def get(self, request: Request, entry: str) -> StreamingHttpResponse:
        """Who was told, and what each has answered."""
        now = timezone.now()
        found = recalls.standing(entry, _partner(request), now=now)
        return csv_of(recall_report.holders(found, now=now), f"recall-{entry[:16]}-holders.csv")


class RecallAnswer(Resource):
    parser_classes = (JsonDocument,)

    @schema.answer
    def post(self, request: Request, entry: str) -> Response:
        """Read; and what was found, signed with the key that this node holds."""
        said, partner, now = _members(request, (), NUMBERS), _partner(request), timezone.now()
        if said and said.keys() != set(NUMBERS):
            expected, missing = ", ".join(NUMBERS), min(set(NUMBERS) - said.keys())
            raise DocumentError("some of the numbers", code="missing_member", where=missing, expected=expected)
        numbers = cast("tuple[int, int, int, int]", tuple(_count(said, name) for name in NUMBERS)) if said else None
        recalls.answer(partner, entry, numbers, now=now)
        return Response(schema.detail(recalls.standing(entry, partner, now=now)))


class RecallClose(Resource):
    parser_classes = (JsonDocument,)

    @schema.close
    def post(self, request: Request, entry: str) -> Response:
        """It is over, by a report that was made of it."""
        partner, now = _partner(request), timezone.now()
        report = read(ENTRY_HEX, _text(_members(request, ("report",)), "report"), "report")
        recalls.close(partner, entry, bytes.fromhex(report), now=now)
        return Response(schema.detail(recalls.standing(entry, partner, now=now)))


def _wanted(request: Request) -> Wanted:
    said = _members(request, ("scopes", "classification", "depth", "reason", "contact", "answer_by"), ("statement",))
    answer_by = _time(said, "answer_by")
    if answer_by is None:
        raise DocumentError("not a time", code="bad_time", where="answer_by", expected="until when holders answer")
    return Wanted(
        scopes=tuple(_scopes(said["scopes"])),
        classification=read(one_of(RecallClass), _text(said, "classification"), "classification"),
        depth=read(one_of(RecallDepth), _text(said, "depth"), "depth"),
        reason=_text(said, "reason"),
        contact=_text(said, "contact"),
        answer_by=answer_by.replace(microsecond=0),
        **({"statement": _uuid(_text(said, "statement"), "statement")} if said.get("statement") else {}),
    )


def _scopes(said: Raw) -> Iterable[Scope]:
    expected = f"1 to {MOST_SCOPES} objects with a gtin, and a lot, or first and last, where it is not all of it"
    if not isinstance(said, list) or not 1 <= len(said) <= MOST_SCOPES:
        raise DocumentError("not what is recalled", code="bad_value", where="scopes", expected=expected)
    for number, each in enumerate(said):
        where = f"scopes[{number}]"
        if not isinstance(each, dict) or "gtin" not in each or each.keys() - {"gtin", "lot", "first", "last"}:
            raise DocumentError("not what is recalled", code="bad_value", where=where, expected=expected)
        scope: dict[str, Any] = {name: _text(cast(Mapping[str, Raw], each), name) for name in each}
        check("01", scope["gtin"])
        yield Scope(**scope)


def _entry(row: Registration) -> str:
    return bytes(row.entry.entry).hex()


def _location(entry: str) -> str:
    return reverse("api-recall", kwargs={"entry": entry})


def csv_of(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """A file of these lines, as they come."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse((f"{line}\n" for line in lines), content_type=CSV, headers=headers)
