"""Every resource below `/api/v1/`: reads the request, calls one verb, shapes the answer."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, cast
from uuid import UUID
from zlib import decompress

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated
from rest_framework.exceptions import NotFound as NoSuchResource
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger import log
from ledger.tlog import receipt
from partners.access import Purpose
from partners.gs1.element_string import ElementString
from partners.gs1.identifiers import Gtin, canonical
from partners.models import Partner

from .. import capture, erasure, registration, statements
from ..dscsa.elsewhere import verify_elsewhere
from ..dscsa.verification import verify
from ..errors import NotAllowed, NotFound, StaleHead
from ..listing import LAST, statements_of, submissions_of
from ..models import Draft, Registration, Submission
from ..openings import openings
from ..proving import bundle_for
from ..sightings import seen_by
from . import schema, serializers
from .errors import RequestError
from .parsers import SUBMISSIONS, JsonDocument, OneForm, Statement, body, chosen, part

STATEMENT_BYTES = 1024 * 1024
AS_ON_A_LABEL = re.compile(r"[0-9]{6}").fullmatch  # YYMMDD
A_CURSOR = re.compile(r"[0-9]{1,19}", re.ASCII).fullmatch
AN_EPC = "a Digital Link or an EPC URN"
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+").fullmatch  # RFC 3986 section 3
MEDIA_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)", re.ASCII).match  # RFC 9110 section 8.3.1, without its parameters
LONGEST_MEDIA_TYPE = 100  # characters of it that a draft keeps
ELEMENTS = ("gtin", "serial", "lot", "expiry")
RECEIPTS = ("text/plain", receipt.MEDIA_TYPE)  # a tlog-proof, unless a COSE Receipt is asked for
MOST_LABELS = 1000  # in one request: some seconds of computing, if they are QR codes
LONGEST = 2000  # characters of anything in a query: more than any identifier has


class Resource(APIView):
    """What all have in common: one form whatever is asked for, a limit to what is sent, and nothing kept by caches."""

    content_negotiation_class = OneForm
    max_bytes = STATEMENT_BYTES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        announced = str(request.META.get("CONTENT_LENGTH") or "")  # Django reads so much, or nothing if it is no number
        if announced.isdecimal() and int(announced) > self.max_bytes:
            raise RequestError(
                "more than is read here", code="too_large", status=413, expected=f"{self.max_bytes} bytes"
            )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        return answer


class NoResource(Resource):
    """Any other path, whoever asks."""

    permission_classes = (AllowAny,)

    @schema.hidden
    def get(self, request: Request, **_: Any) -> Response:
        raise NoSuchResource("This was not found.")

    post = put = patch = delete = get


# ---- submissions ----------------------------------------------------------------------------------------------------


class Submissions(Resource):
    parser_classes = SUBMISSIONS

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        return int(settings.API_MAX_BYTES)

    @schema.list_submissions
    def get(self, request: Request) -> Response:
        """What the asker has submitted."""
        partner = _partner(request)
        return Response(serializers.submissions(partner, submissions_of(partner, _after(request), now=timezone.now())))

    @schema.submit
    def post(self, request: Request) -> HttpResponse:
        """A signed document, or a document alone, as a draft to sign."""
        if not _is_form(request):
            return _drafted(body(request), request)
        document, opening, statement = (part(request, name) for name in ("document", "opening", "statement"))
        content_type = _media_type(document.content_type)
        return _handed_in(_partner(request), document.read(), opening.read(), statement.read(), content_type)


class SubmissionStatement(Resource):
    parser_classes = (Statement,)

    @schema.complete
    def post(self, request: Request, submission: UUID) -> HttpResponse:
        """Complete a draft by its statement."""
        statement = body(request)
        if statements.open_statement(statement).payload.id != str(submission):
            raise RequestError("the statement is about another submission", code="wrong_submission", where="statement")
        draft = Draft.objects.filter(submitter=_partner(request).gln, submission=submission).first()
        if draft is not None:
            document, opening = decompress(draft.document), bytes(draft.opening)
            return _handed_in(_partner(request), document, opening, statement, draft.content_type, submission)
        _submitted(_partner(request), submission)  # forgotten as a draft, and known: a late retry
        return _handed_in(_partner(request), b"", b"", statement, None)


class SubmissionDetail(Resource):
    @schema.find
    def get(self, request: Request, submission: UUID) -> Response:
        """A submission, to the party that made it."""
        return Response(serializers.stored(_submitted(_partner(request), submission)))


class SubmissionReceipt(Resource):
    @schema.receipt
    def get(self, request: Request, submission: UUID) -> HttpResponse:
        """The proof that a submission is in the log."""
        kind = chosen(request, RECEIPTS)
        return _receipt(bytes(_submitted(_partner(request), submission).entry.entry), kind)


def _receipt(entry: bytes, kind: str) -> HttpResponse:
    made = log.cose_receipt(entry) if kind == receipt.MEDIA_TYPE else log.receipt(entry).encode()
    kind = kind if kind == receipt.MEDIA_TYPE else f"{kind}; charset=utf-8"
    return HttpResponse(made, content_type=kind, headers={"Vary": "Accept"})


def _partner(request: Request) -> Partner:
    """Who asks, where only partners may."""
    return cast(Partner, request.user)


def _reader(request: Request) -> Partner | None:
    """Who asks, where anybody may."""
    return cast("Partner | None", request.user)


def _is_form(request: Request) -> bool:
    return (request.content_type or "").startswith("multipart/form-data")


def _media_type(content_type: str | None) -> str | None:
    """As much of a Content-Type as says which syntax it is."""
    match = MEDIA_TYPE(content_type or "")
    return match[1].lower()[:LONGEST_MEDIA_TYPE] if match else None


def _drafted(received: bytes, request: Request) -> HttpResponse:
    content_type = _media_type(request.content_type)
    draft = capture.draft(received, _partner(request), content_type=content_type, now=timezone.now())
    location = reverse("submission-statement", kwargs={"submission": draft.submission})
    return HttpResponse(bytes(draft.draft), content_type="application/json", headers={"Location": location})


def _handed_in(
    partner: Partner,
    document: bytes,
    opening: bytes,
    statement: bytes,
    content_type: str | None,
    drafted: UUID | None = None,
) -> Response:
    """`drafted`: the id that this node gave it, and that a new draft of it keeps."""
    said_by = statements.open_statement(statement).issuer
    if said_by != partner.gln:
        raise NotAllowed(
            "a statement is handed in by who signed it", code="not_your_statement", expected=partner.gln, found=said_by
        )
    try:
        done = capture.capture(document, opening, statement, content_type=content_type, now=timezone.now())
    except StaleHead as stale:
        now = timezone.now()
        again = capture.draft(document, partner, content_type=content_type, now=now, submission=drafted)
        stale.draft = json.loads(bytes(again.draft))  # type: ignore[attr-defined]
        raise
    location = reverse("submission", kwargs={"submission": done.submission.submission})
    status = 201 if done.created else 200
    return Response(serializers.accepted(done.submission), status=status, headers={"Location": location})


def _submitted(partner: Partner, submission: UUID) -> Submission:
    """One of the partner's own submissions; others are not there."""
    found = Submission.objects.select_related("entry").filter(submitter=partner.gln, submission=submission).first()
    if found is None:
        raise NotFound("you have made no submission of this id", where="submission")
    return found


# ---- statements -----------------------------------------------------------------------------------------------------


class Statements(Resource):
    parser_classes = (Statement,)

    def get_permissions(self) -> Sequence[Any]:
        """Whose word a statement is, its signature tells: authorities need no account. Only a party has a list."""
        return super().get_permissions() if self.request.method in ("GET", "HEAD") else [AllowAny()]

    @schema.list_statements
    def get(self, request: Request) -> Response:
        """What was stated of the asker's keys and rights, and what it has stated itself."""
        partner = _partner(request)
        return Response(serializers.statements(partner, statements_of(partner, _after(request), now=timezone.now())))

    @schema.register
    def post(self, request: Request) -> Response:
        """A statement about a key or a right."""
        now = timezone.now()
        row, _ = registration.register(body(request), now=now)
        return Response(serializers.registered(row), status=201 if row.accepted == now else 200)


class StatementReceipt(Resource):
    permission_classes = (AllowAny,)

    @schema.statement_receipt
    def get(self, request: Request, entry: str) -> HttpResponse:
        """The proof that a registered statement is in the log, to whoever knows its entry."""
        kind, logged = chosen(request, RECEIPTS), bytes.fromhex(entry)
        if not Registration.objects.filter(entry__entry=logged).exists():
            raise NotFound("no statement about a key or a right has this entry", where="entry")
        return _receipt(logged, kind)


# ---- sightings ------------------------------------------------------------------------------------------------------


class Sightings(Resource):
    @schema.sightings
    def get(self, request: Request) -> Response:
        """What was refused for conflict: one's own, and what others said of items that one holds or held."""
        purpose = _purpose(request, Purpose.SUSPECT_PRODUCT)
        found, before = seen_by(_partner(request), purpose=purpose, now=timezone.now(), before=_cursor(request))
        return Response(serializers.sightings(found, before))


def _cursor(request: Request) -> int | None:
    if (text := _parameter(request, "before")) is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise RequestError("not what an answer gave as `next`", code="malformed_parameter", where="before")
    return int(text)


# ---- items ----------------------------------------------------------------------------------------------------------


class Verification(Resource):
    permission_classes = (AllowAny,)

    @schema.verify
    def get(self, request: Request) -> Response:
        """Is this pack what it says it is, and may it be dispensed?"""
        pack, reader, purpose = _asked(request), _reader(request), _purpose(request, Purpose.VERIFICATION)
        if elsewhere := _flag(request, "elsewhere"):
            _demand_known(reader)
        members = serializers.answered(verify(pack, reader, purpose, now=timezone.now()))
        if elsewhere and reader is not None:
            members["elsewhere"] = serializers.said_elsewhere(
                verify_elsewhere(pack, reader, purpose, now=timezone.now())
            )
        return Response(members)


def _demand_known(reader: Partner | None) -> None:
    """Others are asked in somebody's name."""
    if reader is None:
        raise NotAuthenticated


class Bundle(Resource):
    @schema.bundle
    def get(self, request: Request) -> HttpResponse:
        """The proof bundle of an item."""
        purpose, epc = _purpose(request, Purpose.CUSTODY), _epc(request)
        anchored = _parameter(request, "anchors") == "1"
        with erasure.explained(epc):
            found = bundle_for(epc, _partner(request), purpose=purpose, now=timezone.now(), anchored=anchored)
        return HttpResponse(
            found,
            content_type="application/vnd.unitproof.bundle+cbor",
            headers={"Content-Disposition": 'attachment; filename="item.unitproof"'},
        )


class Openings(Resource):
    @schema.openings
    def get(self, request: Request) -> StreamingHttpResponse:
        """What the holder of an item may show of it, and of all that is in it."""
        purpose, epc = _purpose(request, Purpose.CUSTODY), _epc(request)
        found = openings(epc, _partner(request), purpose=purpose, now=timezone.now())
        erasure.demand_items_kept(epc)
        return StreamingHttpResponse(map(serializers.line, found), content_type="application/x-ndjson")


# ---- labels ---------------------------------------------------------------------------------------------------------


class Labels(Resource):
    parser_classes = (JsonDocument,)

    @schema.labels
    def post(self, request: Request) -> HttpResponse:
        """Labels to print. Nothing is stored: what is on them is said by whoever asks."""
        from ..labels.job import Job  # only a process that prints loads what draws
        from ..labels.pdf import draw

        today = timezone.now().date()
        made = draw(Job.parse(body(request), today, most=MOST_LABELS), today)
        headers = {"Content-Disposition": 'attachment; filename="labels.pdf"'}
        return HttpResponse(made, content_type="application/pdf", headers=headers)


# ---- what is asked --------------------------------------------------------------------------------------------------


def _parameter(request: Request, name: str) -> str | None:
    text = request.query_params.get(name)
    if text is not None and (len(text) > LONGEST or "\0" in text):
        raise RequestError("not a value for this parameter", code="malformed_parameter", where=name)
    return text


def _flag(request: Request, name: str) -> bool:
    if (text := _parameter(request, name)) not in (None, "", "1"):
        raise RequestError("neither 1 nor left out", code="malformed_parameter", where=name, expected="1")
    return text == "1"


def _after(request: Request) -> int:
    """Where a list goes on: a cursor is a number of the order of acceptance."""
    text = _parameter(request, "after")
    if text is None:
        return 0
    if not A_CURSOR(text) or int(text) > LAST:
        raise RequestError(
            "not a cursor", code="malformed_parameter", where="after", expected="`next` or `settled` of an answer"
        )
    return int(text)


def _asked(request: Request) -> str | ElementString:
    """What was scanned, or the four elements one by one: what is asked otherwise has no answer that looks like one."""
    known = ("scan", *ELEMENTS, "purpose", "elsewhere")
    for name in request.query_params:
        if name not in known:
            expected = ", ".join(known)
            raise RequestError("no such parameter", code="unknown_parameter", where=name[:80], expected=expected)
    scan, elements = _parameter(request, "scan"), tuple(_elements(request))
    if scan and elements:
        expected = "either scan, or the elements one by one"
        raise RequestError("asks twice", code="conflicting_parameters", where="scan", expected=expected)
    if not scan and not elements:
        raise RequestError("nothing to verify", code="parameter_missing", expected="scan, or gtin and serial")
    return scan or ElementString(elements)


def _elements(request: Request) -> Iterator[tuple[str, str]]:
    if gtin := _parameter(request, "gtin"):
        yield "01", Gtin.parse(gtin).value
    if serial := _parameter(request, "serial"):
        yield "21", serial
    if expiry := _parameter(request, "expiry"):
        yield "17", _yymmdd(expiry)
    if lot := _parameter(request, "lot"):
        yield "10", lot


def _yymmdd(expiry: str) -> str:
    """As a label has it; a date as ISO 8601 writes it is taken, too."""
    try:
        return expiry if AS_ON_A_LABEL(expiry) else date.fromisoformat(expiry).strftime("%y%m%d")
    except ValueError:
        raise RequestError(
            "no date", code="bad_date", where="expiry", expected="YYMMDD or YYYY-MM-DD", found=repr(expiry[:80])
        ) from None


def _epc(request: Request) -> str:
    if not (epc := _parameter(request, "epc")):
        raise RequestError("whose?", code="parameter_missing", where="epc", expected=AN_EPC)
    if not ABSOLUTE(epc):  # a parent may be any URI
        raise RequestError("not an EPC", code="malformed_parameter", where="epc", expected=AN_EPC, found=epc[:80])
    return canonical(epc)


def _purpose(request: Request, default: Purpose) -> Purpose:
    """Why the asker asks, as its access record will say."""
    text = _parameter(request, "purpose")
    if text is not None and text not in set(Purpose):
        raise RequestError(
            "no purpose known here",
            code="unknown_purpose",
            where="purpose",
            expected=", ".join(Purpose),
            found=text[:80],
        )
    return default if text is None else Purpose(text)
