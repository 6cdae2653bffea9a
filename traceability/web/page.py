"""What every page has, and as whom it is looked at."""

from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from partners.access import Purpose
from partners.models import Partner

from ..dscsa.outcomes import WHY
from .forms import LookAsForm

LOOKING_AS = "looking_as"  # in the session: a GLN
REASON = "why"  # in the session: a Purpose
SIGNED_IN = "signed_in"  # in the session: number of the token's row, never the token


def page(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page with what stands on all of them."""
    return render(request, f"traceability/{name}.html", around(request) | context, status=status)


def around(request: HttpRequest) -> dict[str, Any]:
    """Who is signed in; and in the demonstration, whose eyes one may look with."""
    found: dict[str, Any] = {"reader": reader_of(request)}
    if found["reader"]:
        found |= {"whys": WHY, "why": why_of(request), "signed_in": SIGNED_IN in request.session}
    if settings.DEMO:
        looking = {"party": request.session.get(LOOKING_AS)}
        found |= {"demo": True, "looking_as": LookAsForm(initial=looking)}
    return found


def why_of(request: HttpRequest) -> Purpose:
    """Why packs are verified at this station: what was chosen with this one, or last."""
    chosen = request.POST.get("purpose") or request.session.get(REASON)
    return Purpose(chosen) if chosen in set(WHY) else Purpose.VERIFICATION


def reader_of(request: HttpRequest) -> Partner | None:
    """Who looks: whoever signed in with a token that still counts; in the demonstration whoever was chosen. Asked of
    the database once a request, and never for those who have no session."""
    if not hasattr(request, "_reader"):
        request._reader = _signed_in(request) or _looking_as(request)  # type: ignore[attr-defined]
    reader: Partner | None = request._reader  # type: ignore[attr-defined]
    return reader


def _signed_in(request: HttpRequest) -> Partner | None:
    number = request.session.get(SIGNED_IN)
    if number is None:
        return None
    return Partner.objects.filter(tokens__pk=number, tokens__revoked__isnull=True, left__isnull=True).first()


def _looking_as(request: HttpRequest) -> Partner | None:
    gln = request.session.get(LOOKING_AS) if settings.DEMO else None
    return Partner.objects.filter(gln=gln).first() if gln else None


def for_partners(view: Any) -> Any:
    """A page for who is signed in: the view gets the partner, and everybody else is asked to sign in first."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if (reader := reader_of(request)) is None:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}")
        answer: HttpResponseBase = view(request, reader, *args, **kwargs)
        return answer

    return guarded
