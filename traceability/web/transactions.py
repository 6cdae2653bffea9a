"""What a party sent and was sent: a list to look through, and one transaction to read, print and take away."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.errors import LogFrozen
from partners.access import Purpose
from partners.gs1.errors import Gs1Error
from partners.models import Partner

from ..api.errors import RequestError
from ..api.transactions import JSON, PDF, XML, in_form, wanted
from ..dscsa.shipments import Listed, Shipment, shipment, shipments_of
from ..dscsa.statements import AFFIRMATIONS, LAW
from ..epcis.errors import DocumentError
from ..errors import NotFound, Refusal
from .codes import CODES
from .forms import TransactionsForm
from .page import for_partners, page
from .refusals import reads
from .timeline import People

FILES = {"pdf": PDF, "xml": XML, "json": JSON}  # by what an address ends with


@never_cache
@reads
@for_partners
def transactions(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The latest first; narrowed by whatever is filled in."""
    form = TransactionsForm(request.GET or None)
    asked = form.cleaned_data if form.is_bound and form.is_valid() else {}
    rows: list[Listed] = []
    following: int | None = None
    problem: str | None = None
    try:
        cursor = request.GET.get("after", "")
        after = int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) < 19 else None
        which = wanted({name: str(value) if value else None for name, value in asked.items()}, after)
        rows, following = shipments_of(reader, which, purpose=Purpose.CUSTODY, now=now())
    except (RequestError, Gs1Error) as error:
        problem = str(error.detail)
    people = People(tuple(gln for row in rows for gln in (row.seller, row.buyer) if gln))
    lines = [(row, people.named((row.buyer or row.seller) if row.sent else row.seller)) for row in rows]
    more = {**{name: value for name, value in asked.items() if value}, "after": following} if following else None
    return page(
        request,
        "transactions",
        here="work",
        form=form,
        lines=lines,
        problem=problem,
        more=more and urlencode(more),
        status=422 if problem or (form.is_bound and not form.is_valid()) else 200,
    )


@never_cache
@reads
@for_partners
def transaction(
    request: HttpRequest, reader: Partner, submission: UUID, event: int, kind: str | None = None
) -> HttpResponseBase:
    """One of them, or a file of it."""
    try:
        found = shipment(submission, event, reader, purpose=Purpose.CUSTODY, now=now())
        return shown(request, found) if kind is None else in_form(FILES[kind], found, request)
    except NotFound:
        raise Http404 from None
    except (Refusal, LogFrozen, DocumentError) as refusal:
        meaning, status = CODES.get(refusal.code), getattr(refusal, "status", 503)
        return page(request, "refused", status=status, refusal=refusal, meaning=meaning)


def shown(request: HttpRequest, found: Shipment) -> HttpResponse:
    """The page, to read and to print."""
    told, of = found.transaction, {"submission": found.row.submission.submission, "event": found.row.position}
    files: dict[str, Any] = {name: reverse("transaction-file", kwargs={**of, "kind": name}) for name in FILES}
    return page(
        request,
        "transaction",
        here="work",
        told=told,
        law=LAW,
        affirmations=list(AFFIRMATIONS.items()),
        own=told.signer == told.party,
        files=files,
    )
