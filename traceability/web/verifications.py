"""What a party verified and what came of it, alarms, worksheets of samples: a page each, by the verbs of the API."""

from collections.abc import Mapping
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.access import Purpose
from partners.models import Partner

from .. import alarms
from ..api.verifications import as_csv
from ..dscsa import outcomes, sampling
from ..epcis.errors import DocumentError
from ..errors import Refusal
from .codes import CODES
from .page import for_partners, page
from .refusals import acts, reads, takes
from .things import printed
from .timeline import People

_WHY: Mapping[str, str] = {str(code): words for code, words in outcomes.WHY.items()}
LARGEST = 2**63 - 1  # of the numbers of rows


@never_cache
@reads
@for_partners
def verifications(request: HttpRequest, reader: Partner) -> HttpResponse:
    found, following = outcomes.verifications_of(reader, before=_number(request.GET.get("before")))
    shown = [(each, printed(each.epc), _WHY.get(each.purpose, each.purpose)) for each in found]
    return page(request, "verifications", here="work", found=shown, next=following, outcomes=outcomes.OUTCOMES)


@never_cache
@reads
@for_partners
def verifications_csv(request: HttpRequest, reader: Partner) -> HttpResponseBase:
    return as_csv(reader)


@never_cache
@acts
@for_partners
def outcome(request: HttpRequest, reader: Partner) -> HttpResponse:
    """What became of a pack."""
    said = request.POST
    number = _number(said.get("verification")) or 0
    try:
        outcomes.record_outcome(reader, number, said.get("outcome", ""), said.get("note", ""), now=now())
    except (DocumentError, Refusal) as error:
        return _refused(request, error)
    return redirect("verifications-page")


@never_cache
@reads
@for_partners
def alarm_list(request: HttpRequest, reader: Partner) -> HttpResponse:
    before, purpose = _number(request.GET.get("before")), Purpose.SUSPECT_PRODUCT
    found, following = alarms.alarms_of(reader, purpose=purpose, now=now(), before=before)
    people = People(piece.party for each in found for piece in each.pieces)
    shown = [(each, printed(each.epc), CODES[each.kind], _seen(each, people)) for each in found]
    return page(request, "alarms", here="work", found=shown, next=following)


def _seen(raised: alarms.Raised, people: People) -> list[tuple[alarms.Piece, str]]:
    """Where it was seen, and by whom, by name."""
    return [(piece, people.named(piece.party).name if piece.party else "another party") for piece in raised.pieces]


@never_cache
@acts
@for_partners
def clear(request: HttpRequest, reader: Partner) -> HttpResponse:
    try:
        alarms.clear(reader, _number(request.POST.get("alarm")) or 0, request.POST.get("reason", ""), now=now())
    except (DocumentError, Refusal) as error:
        return _refused(request, error)
    return redirect("alarms-page")


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def samplings(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The worksheets, and a form for another."""
    if request.method != "POST":
        return page(request, "samplings", here="work", found=sampling.samplings_of(reader))
    said = request.POST
    try:
        opened = sampling.open_sampling(
            reader,
            said.get("gtin", "").strip(),
            said.get("lot", "").strip(),
            quantity=_number(said.get("quantity")) or 0,
            serials=said.get("serials", "").split(),
            now=now(),
        )
    except (DocumentError, Refusal) as error:
        return _refused(request, error)
    return redirect("sampling-page", sampling=opened.row.sampling)


@never_cache
@reads
@for_partners
def worksheet(request: HttpRequest, reader: Partner, sampling: UUID) -> HttpResponse:
    """Which packages, and how far it is."""
    try:
        found = _progress(reader, sampling)
    except Refusal as error:
        raise Http404(str(sampling)) from error
    return page(request, "sampling", here="work", sheet=found)


_progress = sampling.progress


def _number(text: str | None) -> int | None:
    return min(int(text), LARGEST) if text and text.isascii() and text.isdecimal() and len(text) < 20 else None


def _refused(request: HttpRequest, error: DocumentError | Refusal) -> HttpResponse:
    status = getattr(error, "status", 422)
    return page(request, "refused", status=status, refusal=error, meaning=CODES.get(error.code))
