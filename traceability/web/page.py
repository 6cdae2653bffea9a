"""What every page has, and as whom it is looked at."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from partners.models import Partner

from .forms import LookAsForm

LOOKING_AS = "looking_as"  # in the session: a GLN


def page(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page with what stands on all of them."""
    return render(request, f"traceability/{name}.html", around(request) | context, status=status)


def around(request: HttpRequest) -> dict[str, Any]:
    """Outside the demonstration nothing of this is on a page."""
    if not settings.DEMO:
        return {}
    return {"demo": True, "looking_as": LookAsForm(initial={"party": request.session.get(LOOKING_AS)})}


def reader_of(request: HttpRequest) -> Partner | None:
    """Who looks. There are no logins yet: outside the demonstration everybody is anybody."""
    gln = request.session.get(LOOKING_AS) if settings.DEMO else None
    return Partner.objects.filter(gln=gln).first() if gln else None
