"""The demonstration: packs to scan, and a choice of whose eyes to look with. Only with DEMO=1, so only with DEBUG."""

import json
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from partners.access import Purpose
from partners.gs1.element_string import parse_scan
from partners.models import Partner

from ..dscsa.verification import Verdict
from ..labels.symbols import datamatrix_svg
from ..trust import own_policy
from .forms import LookAsForm
from .page import LOOKING_AS, SIGNED_IN, page
from .refusals import View, acts, reads
from .timeline import People
from .views import answered


@dataclass(frozen=True)
class Pack:
    """A pack of the demonstration and its story, as `manage.py demo` wrote them down."""

    number: int  # stands for it in addresses, where no serial number belongs
    title: str
    story: str
    scan: str
    expected: Verdict
    asker: str = ""  # GLN of the party in whose hands it would be scanned

    @classmethod
    def parse(cls, number: int, told: dict[str, str]) -> "Pack":
        return cls(number, told["title"], told["story"], told["scan"], Verdict(told["expected"]), told.get("as", ""))


def shelf() -> list[Pack]:
    """All of them; none until the story is told."""
    path = Path(settings.VAR_DIR) / "demo.json"
    told = json.loads(path.read_text())["packs"] if path.exists() else []
    return [Pack.parse(number, pack) for number, pack in enumerate(told, 1)]


def _pack(number: int) -> Pack:
    for pack in shelf():
        if pack.number == number:
            return pack
    raise Http404(f"no demonstration pack {number}")


def only_in_demo(view: View) -> View:
    """Elsewhere there is no such page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not settings.DEMO:
            raise Http404("only in the demonstration")
        return view(request, *args, **kwargs)

    return guarded


@only_in_demo
@reads
def packs(request: HttpRequest) -> HttpResponse:
    """What there is to scan, each with its symbol."""
    found = shelf()
    people = People(pack.asker for pack in found)
    return page(request, "demo", here="demo", packs=[(pack, people.named(pack.asker)) for pack in found])


@only_in_demo
@reads
def symbol(request: HttpRequest, number: int) -> HttpResponse:
    """What is printed on a pack, for a scanner held to the screen."""
    svg = datamatrix_svg(parse_scan(_pack(number).scan))
    return HttpResponse(svg, content_type="image/svg+xml")


@only_in_demo
@never_cache
@acts
def scan(request: HttpRequest, number: int) -> HttpResponse:
    """Scan a pack, in the hands that it would be scanned in."""
    pack = _pack(number)
    if Partner.objects.filter(gln=pack.asker).exists():
        request.session[LOOKING_AS] = pack.asker
    return answered(request, pack.scan)


@only_in_demo
@never_cache
@acts
def look_as(request: HttpRequest) -> HttpResponse:
    """Look with other eyes from here on; first at the pack that was being looked at."""
    form = LookAsForm(request.POST)
    chosen = form.cleaned_data if form.is_valid() else {}
    party = chosen.get("party")
    request.session.pop(SIGNED_IN, None)
    request.session[LOOKING_AS] = party and party.gln
    if not chosen.get("scan"):
        return redirect("scan")
    return answered(request, chosen["scan"], purpose=Purpose.TRACING)  # other eyes, and the pack is where it was


@only_in_demo
@reads
def policy(request: HttpRequest) -> HttpResponse:
    """Whom a verifier of this demonstration believes, newcomers' authorities too. Elsewhere it comes from somebody
    else than the operator."""
    named = {"Content-Disposition": 'attachment; filename="policy.json"'}
    return HttpResponse(str(own_policy()), content_type="application/json", headers=named)
