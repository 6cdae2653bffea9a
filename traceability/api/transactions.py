"""Transaction information and statements over the API: what a party sent and was sent. Thin, as `views.py`."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from partners.access import Purpose
from partners.gs1.application_identifiers import check
from partners.gs1.identifiers import Gtin

from ..custody import Voice
from ..dscsa.shipments import JSON_FILE as JSON
from ..dscsa.shipments import MOST_EVENTS, Listed, Shipment, Wanted, shipment, shipments_of
from ..dscsa.shipments import PDF_FILE as PDF
from ..dscsa.shipments import PROOF_FILE as PROOF
from ..dscsa.shipments import XML_FILE as XML
from . import schema
from .errors import RequestError
from .parsers import chosen
from .serializers import _gln, _text, _words, instant
from .views import LAST, Resource, _after, _parameter, _partner, _purpose

HTML = "text/html"
FORMS = (JSON, XML, HTML, PDF, PROOF)
ASKED = ("since", "before", "partner", "gtin", "lot", "after", "purpose")


# ---- what goes out --------------------------------------------------------------------------------------------------


class ListedTransaction(drf.Serializer[Any]):
    submission = drf.UUIDField(help_text="Id of the submission whose event ships.")
    event = drf.IntegerField(help_text="Which of its events, from 0.")
    time = drf.DateTimeField(help_text="When it was shipped, UTC.")
    seller = _gln("the party that ships.")
    buyer = _gln("the party it is shipped to; null if the event names none.", allow_null=True)
    signer = _gln("whoever signed.")
    sent = drf.BooleanField(help_text="Whether you are the party that ships.")
    told = _words("As whom the signer tells it.", Voice)
    reverted = drf.BooleanField(help_text="Whether it was declared an error since.")
    called_off = drf.BooleanField(help_text="Whether its sender has called it off since, in whole or in part.")
    logged = drf.BooleanField(help_text="Whether the log has it: then there is a PDF, and a proof.")
    erased = drf.BooleanField(help_text="Whether it was erased: then it is not told any more.")


class TransactionList(drf.Serializer[Any]):
    """A page of shipments, the latest to be accepted first."""

    transactions = ListedTransaction(many=True, help_text="What you sent, and what you were sent.")
    next = _text("Cursor of the next page; null on the last.", allow_null=True)


class TransactionParty(drf.Serializer[Any]):
    gln = _gln("the party.")
    name = _text("Business name.", required=False)
    address = drf.ListField(child=drf.CharField(), required=False, help_text="Lines of its address.")
    by_node = drf.ListField(child=drf.CharField(), required=False, help_text="Which of these are the node's word.")


class TransactionLot(drf.Serializer[Any]):
    lot = _text("Lot; absent if nobody has told it.", required=False)
    expiry = _text("Expiry, as it was told.", required=False)
    containers = drf.IntegerField(help_text="How many.")
    serials = drf.ListField(child=drf.CharField(), help_text="The serial number of each.")


class TransactionProduct(drf.Serializer[Any]):
    gtin = _text("GTIN-14.")
    ndc = _text("National Drug Code.", required=False)
    name = _text("Proprietary or established name.", required=False)
    strength = _text("Strength.", required=False)
    dosage_form = _text("Dosage form.", required=False)
    container_size = _text("Container size.", required=False)
    manufacturer = _text("Who makes it.", required=False)
    containers = drf.IntegerField(help_text="How many containers of it.")
    lots = TransactionLot(many=True, help_text="By lot and expiry.")
    by_node = drf.ListField(child=drf.CharField(), required=False, help_text="Which of these are the node's word.")


class WhichShipment(drf.Serializer[Any]):
    submission = drf.UUIDField(help_text="Id of the submission.")
    event = drf.IntegerField(help_text="Which of its events, from 0.")
    party = _gln("the party whose act it is.")
    signer = _gln("whoever signed.")
    told = _words("As whom the signer tells it.", Voice)


class WhichStatement(drf.Serializer[Any]):
    affirmed = drf.BooleanField(help_text="Whether the document that was signed affirms the transaction statement.")
    notice = _text("Its legal notice, in its own words.", required=False)


class TransactionTold(drf.Serializer[Any]):
    """Transaction information and statement of one shipment; what nobody has said is absent."""

    v = drf.IntegerField(help_text="Version of this form: 1.")
    shipment = WhichShipment(help_text="Which event ships, and who signed.")
    transaction_date = drf.DateField(help_text="Date of the transaction.")
    shipment_date = drf.DateField(required=False, help_text="Date of the shipment, if it is another day.")
    seller = TransactionParty(required=False, help_text="From whom.")
    buyer = TransactionParty(required=False, help_text="To whom.")
    references = drf.ListField(
        child=drf.ListField(child=drf.CharField()), required=False, help_text="Orders and deliveries: kind, and number."
    )
    products = TransactionProduct(many=True, required=False, help_text="What was shipped.")
    unstated = drf.ListField(
        child=drf.CharField(), required=False, help_text="EPCs of containers of which nobody has stated the contents."
    )
    statement = WhichStatement(help_text="The transaction statement.")


def listed(rows: list[Listed], following: int | None) -> dict[str, Any]:
    return {
        "transactions": [
            {
                "submission": row.submission,
                "event": row.position,
                "time": instant(row.time),
                "seller": row.seller,
                "buyer": row.buyer,
                "signer": row.signer,
                "sent": row.sent,
                "told": row.voice,
                "reverted": row.reverted,
                "called_off": row.called_off,
                "logged": row.logged,
                "erased": row.erased,
            }
            for row in rows
        ],
        "next": None if following is None else str(following),
    }


# ---- what the OpenAPI pages say -------------------------------------------------------------------------------------

_SHIPMENT = "93c8c77f-a277-438d-aa83-b97cfab380e7"
_LISTED = {
    "submission": _SHIPMENT,
    "event": 0,
    "time": "2026-01-05T08:00:00Z",
    "seller": "0614141001002",
    "buyer": "0614141003006",
    "signer": "0614141001002",
    "sent": True,
    "told": "actor",
    "reverted": False,
    "called_off": False,
    "logged": True,
    "erased": False,
}
_DAY = "YYYY-MM-DD, or a time with its zone."

list_transactions = extend_schema(
    operation_id="listTransactions",
    summary="List what you sent and were sent",
    description="Every shipment that you sent or were sent, the latest to be accepted first, in pages of 50; fewer "
    "where a product or a lot is asked for, since no more than some hundred shipments are looked into at once: go on "
    "from `next` until it is null. What others sent you is a reading of their data, and recorded.",
    parameters=[
        OpenApiParameter("since", description=f"Shipped on this day or later: {_DAY}"),
        OpenApiParameter("before", description=f"Shipped before this day: {_DAY}"),
        OpenApiParameter("partner", description="GLN of the other party."),
        OpenApiParameter("gtin", description="Product that is in it."),
        OpenApiParameter("lot", description="Lot of something that is in it."),
        OpenApiParameter("after", description="Cursor: `next` of the page before."),
        schema._PURPOSE,
    ],
    responses={
        200: OpenApiResponse(
            TransactionList,
            description="A page of them.",
            examples=[OpenApiExample("one", {"transactions": [_LISTED], "next": None})],
        ),
        **schema._MALFORMED,
        **schema._UNAUTHENTICATED,
        **schema._BUSY,
    },
    tags=["transactions"],
)

find_transaction = extend_schema(
    operation_id="findTransaction",
    summary="Transaction information and statement",
    description="Of one shipment, to its sender, its receiver, whoever they let read it, and regulators. By `Accept`: "
    "JSON; EPCIS 1.2 XML by GS1 US's guideline R1.3; a page; a PDF, with the proof inside; or the proof by itself. The "
    "statement is the sender's signature over this event and all that it ships: `unitproof verify FILE --policy "
    "POLICY` checks a PDF or a proof without the node. Kept for as long as the law asks, and at least until it is "
    "erased by a statement in the log.",
    parameters=[
        OpenApiParameter("submission", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Id of the submission."),
        OpenApiParameter("event", OpenApiTypes.INT, OpenApiParameter.PATH, description="Which of its events, from 0."),
        schema._PURPOSE,
    ],
    responses={
        (200, JSON): OpenApiResponse(TransactionTold, description="As JSON, the form that is compared."),
        (200, XML): OpenApiResponse(OpenApiTypes.STR, description="As EPCIS 1.2."),
        (200, HTML): OpenApiResponse(OpenApiTypes.STR, description="As a page, for people."),
        (200, PDF): OpenApiResponse(OpenApiTypes.BINARY, description="On paper, with the proof inside."),
        (200, PROOF): OpenApiResponse(OpenApiTypes.BINARY, description="The proof."),
        **schema._problem(
            400, "Something in it has no place in EPCIS 1.2.", "not_in_epcis_1_2", "a member that came with EPCIS 2.0"
        ),
        **schema._UNAUTHENTICATED,
        **schema._UNKNOWN,
        **schema._problem(406, "In none of these forms.", "not_acceptable", "Could not satisfy the Accept header."),
        **schema._problem(
            409, "Of the PDF and the proof: it is not yet in the log.", "not_integrated", "ask again in a moment"
        ),
        **schema._ERASED,
        **schema._BUSY,
    },
    tags=["transactions"],
)


# ---- resources ------------------------------------------------------------------------------------------------------


class Transactions(Resource):
    @list_transactions
    def get(self, request: Request) -> Response:
        """The asker's own, of one page."""
        purpose = _purpose(request, Purpose.CUSTODY)
        rows, following = shipments_of(_partner(request), _wanted(request), purpose=purpose, now=timezone.now())
        return Response(listed(rows, following))


class TransactionDetail(Resource):
    @find_transaction
    def get(self, request: Request, submission: UUID, event: int) -> HttpResponseBase:
        """One of them, in the form that is asked for."""
        kind, purpose = chosen(request, FORMS), _purpose(request, Purpose.CUSTODY)
        if event > MOST_EVENTS:
            raise RequestError("no such event", code="malformed_parameter", where="event")
        found = shipment(submission, event, _partner(request), purpose=purpose, now=timezone.now())
        answer = in_form(kind, found, request._request)
        answer.headers["Vary"] = "Accept"
        return answer


def in_form(kind: str, found: Shipment, request: Any) -> HttpResponseBase:
    """A shipment, as one of the forms; those for programs and paper as a file to keep."""
    if kind == HTML:
        from ..web.transactions import shown  # pages know the API, not the other way

        page: HttpResponseBase = shown(request, found)
        return page
    name, made = found.file(kind, timezone.now())
    answer: HttpResponseBase
    if isinstance(made, bytes):
        answer = HttpResponse(made, content_type=kind)
    else:
        answer = StreamingHttpResponse(made, content_type=f"{kind}; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


# ---- what is asked --------------------------------------------------------------------------------------------------


def _wanted(request: Request) -> Wanted:
    for name in request.query_params:
        if name not in ASKED:
            expected = ", ".join(ASKED)
            raise RequestError("no such parameter", code="unknown_parameter", where=name[:80], expected=expected)
    return wanted({name: _parameter(request, name) for name in ASKED}, after=_after(request) or None)


def wanted(asked: dict[str, str | None], after: int | None = None) -> Wanted:
    """Which shipments are asked for, by the names of the parameters. Raises `RequestError` and `Gs1Error`."""
    if partner := asked.get("partner"):
        check("417", partner)
    gtin, lot = asked.get("gtin"), asked.get("lot")
    if lot:
        check("10", lot)
    return Wanted(
        since=_moment(asked.get("since"), "since"),
        before=_moment(asked.get("before"), "before"),
        partner=partner or None,
        gtin=Gtin.parse(gtin).value if gtin else None,
        lot=lot or None,
        after=None if after is None or after > LAST else after,
    )


def _moment(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.max
    if len(text) == len("YYYY-MM-DD") and found.time() == time.min:
        found = found.replace(tzinfo=UTC)
    if found.tzinfo is None or not 1 < found.year < 9000:
        raise RequestError("not a day", code="malformed_parameter", where=name, expected=_DAY, found=repr(text)[:80])
    return found
