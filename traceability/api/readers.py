"""The resources of who has read: to whose data it is, with proof. Thin, as `views.py`."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from partners.models import Role

from ..bundle.reading import MEDIA_TYPE
from ..readers import Read, proof_of, readers_of
from .schema import _BUSY, _EPC, _MALFORMED, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, _gln, _text, _words, instant
from .views import Resource, _cursor, _epc, _partner

LARGEST = 2**63 - 1  # of the numbers of rows


class Reading(drf.Serializer[object]):
    """That somebody read of an item."""

    number = drf.IntegerField(help_text="Of its record.")
    at = drf.DateTimeField(help_text="When, UTC.")
    what = _text("What of it: `verdict`, `chain`, `bundle`, `openings`, ...")
    purpose = _text("Why, as the reader said; of a regulator, `case` and its number.")
    reason = _text("Of a verification, why it was answered so; else null.", allow_null=True)
    reader = _gln("who read; null where that is not yours to know.", allow_null=True)
    role = _words("Of a reader that is not named: as what it takes part.", Role.values, allow_null=True)
    interval = drf.IntegerField(help_text="In which it was logged; null: not yet.", allow_null=True)
    proof = _text("Where the proof of it is, once it is in the log; null where you are not told who.", allow_null=True)


class ReadingsPage(drf.Serializer[object]):
    """What others have read of an item, the latest first."""

    readings = Reading(many=True, help_text="At most 100.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


class Readers(Resource):
    @extend_schema(
        operation_id="listReaders",
        summary="Who has looked at an item",
        description="Every reading of it by others, to whoever had part in its history: what was read, when and why, "
        "and by whom, where that is yours to know: parties of the history that you may see, regulators, whom you have "
        "granted it, and of your own products whoever asked for a verdict. Each is in the log with its interval.",
        parameters=[_EPC, OpenApiParameter("before", description="Cursor: `next` of the page before.")],
        responses={
            200: OpenApiResponse(ReadingsPage, description="A page of them."),
            **_MALFORMED,
            **_UNAUTHENTICATED,
            **_UNKNOWN,
            **_BUSY,
        },
        tags=["items"],
    )
    def get(self, request: Request) -> Response:
        """What others have read of it."""
        found, following = readers_of(_partner(request), _epc(request), now=timezone.now(), before=_cursor(request))
        return Response({
            "readings": [_read(each) for each in found],
            "next": None if following is None else str(following),
        })  # fmt: skip


class ReadingProof(Resource):
    @extend_schema(
        operation_id="readingProof",
        summary="The proof of a reading",
        description="One file by which anybody can check that the reading was recorded when it happened: "
        "`unitproof verify FILE --policy POLICY`.",
        parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH, description="Of its record.")],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, description="The proof."),
            **_UNAUTHENTICATED,
            **_UNKNOWN,
            **_problem(409, "Its interval is not yet in the log.", "not_integrated", "ask again in a moment"),
            **_BUSY,
        },
        tags=["items"],
    )
    def get(self, request: Request, number: int) -> HttpResponse:
        """The proof that it was recorded."""
        made = proof_of(_partner(request), min(number, LARGEST), now=timezone.now())
        headers = {"Content-Disposition": f'attachment; filename="reading-{number}.unitproof"'}
        return HttpResponse(made, content_type=MEDIA_TYPE, headers=headers)


def _read(each: Read) -> Members:
    is_proven = each.reader is not None and each.interval is not None
    return {
        "number": each.number,
        "at": instant(each.at),
        "what": each.what,
        "purpose": each.purpose,
        "reason": each.reason,
        "reader": each.reader,
        "role": each.role,
        "interval": each.interval,
        "proof": reverse("reading-proof", kwargs={"number": each.number}) if is_proven else None,
    }
