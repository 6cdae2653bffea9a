"""The resource of the returns desk. Thin, as `views.py`."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from ..dscsa.returns import Checked, check
from . import serializers
from .parsers import JsonDocument
from .schema import _NUMBERS_REFUSED
from .serial_numbers import _members, _text
from .serializers import Members, VerificationAnswer, _gln, instant
from .serializers import _text as text
from .views import LONGEST, RequestError, Resource, _partner


class Sale(drf.Serializer[object]):
    """The shipment that a pack comes back from."""

    submission = drf.UUIDField(help_text="Id of the submission that told of it.")
    event = drf.IntegerField(help_text="Which of its events, from 0: `/api/v1/transactions/{submission}/{event}`.")
    time = drf.DateTimeField(help_text="When it was shipped.")
    to = _gln("whom it was sold to.", allow_null=True)
    carrier = text("EPC of what was shipped: the pack, or what it was in.")


class ReturnChecked(VerificationAnswer):
    """What the node knows of a pack that came back, and whether it may be sold on."""

    saleable = drf.BooleanField(help_text="Whether it may be sold on, once it is taken back.")
    sale = Sale(help_text="Your last sale of it; null: by the record you never sold it.", allow_null=True)


class ReturnAsked(drf.Serializer[object]):
    scan = text("What a scanner reads off the pack, as at `/api/v1/verify`.")


class Returns(Resource):
    parser_classes = (JsonDocument,)

    @extend_schema(
        operation_id="checkReturn",
        summary="Check a pack that came back",
        description="Verifies it for a saleable return, on record, and finds the sale that it comes back from. What "
        "was checked and is `saleable` may be shipped or packed again after it was taken back (`moves`: `return`). "
        "What came back and was not checked since is refused there, `return_not_verified`: of manufacturers, "
        "repackagers and wholesale distributors (21 U.S.C. 360eee-1).",
        request=ReturnAsked,
        responses={
            200: OpenApiResponse(ReturnChecked, description="An answer, whatever its verdict."),
            **_NUMBERS_REFUSED,
        },
        tags=["verify"],
    )
    def post(self, request: Request) -> Response:
        """May this pack be sold on?"""
        scan = _text(_members(request, ("scan",)), "scan")
        if not 0 < len(scan) <= LONGEST:
            expected = f"1 to {LONGEST} characters"
            raise RequestError("no scan", code="malformed_parameter", where="scan", expected=expected)
        return Response(checked(check(scan, _partner(request), now=timezone.now())))


def checked(found: Checked) -> Members:
    members = serializers.answered(found.answer) | {"reason": found.reason, "sentence": found.sentence}
    sale = found.sale and {
        "submission": found.sale.submission,
        "event": found.sale.position,
        "time": instant(found.sale.time),
        "to": found.sale.consignee,
        "carrier": found.sale.carrier,
    }
    return members | {"saleable": found.is_saleable, "sale": sale}
