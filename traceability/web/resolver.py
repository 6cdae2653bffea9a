"""The GS1 Digital Link resolver: `/01/...`, `/00/...`, `/414/...`, what it says of itself, and the pages it leads to.

Paths here hold serial numbers, as GS1's standard has them; none is written into a log (`logs.py`), and the page that
verifies gets it behind a `#`, from where it is typed into the field by the browser itself.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from partners.gs1.digital_link import unescape_path
from partners.gs1.errors import Gs1Error

from .. import resolving
from ..api.errors import problem
from ..api.raw_path import encoded_path, raw_path
from ..errors import NotFound, Refusal
from ..resolving import CONTEXT, DEFAULT, Compressed, Identified, Level
from .codes import CODES
from .page import page
from .refusals import not_found, takes

LINKSET, JSON, JSON_LD, HTML = "application/linkset+json", "application/json", "application/ld+json", "text/html"
METHODS = ("GET", "HEAD", "OPTIONS")
CONTEXT_LINK = f'<{CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "Accept, Accept-Language",
    "Access-Control-Expose-Headers": "Link, Location",
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Language",
}


@takes(*METHODS)
def resolve(request: HttpRequest, **_: Any) -> HttpResponseBase:
    """Where a Digital Link leads, or all that it could."""
    if request.method == "OPTIONS":
        return _open(HttpResponse(status=204, headers={"Allow": ", ".join(METHODS)}))
    path, query = encoded_path(request), request.META.get("QUERY_STRING", "")
    try:
        identified = resolving.parse(path, query)
        found = resolving.levels(identified)
        answer = _answered(request, identified, found, path.removesuffix("/"), query)
    except (Gs1Error, Refusal) as refusal:
        answer = _refused(request, refusal)
    return _open(answer)


@takes(*METHODS)
def compressed(request: HttpRequest) -> HttpResponseBase:
    """One segment that is a whole Digital Link, packed."""
    return _open(_refused(request, Compressed("a compressed Digital Link", expected="/01/ and a GTIN, or so, in full")))


@takes(*METHODS)
def description(request: HttpRequest) -> HttpResponseBase:
    """The resolver description file."""
    return _open(_json(resolving.description(_root(request)), JSON))


@takes("GET", "HEAD")
def recall(request: HttpRequest, gtin: str, lot: str | None = None) -> HttpResponseBase:
    """Whether a product, or a lot of it, is recalled: the kind of hold, and nothing else of it."""
    if lot is not None and (raw := raw_path(request)) is not None:
        lot = unescape_path(raw.removesuffix("/").rpartition("/")[2])
    try:
        how_much = resolving.recalled(gtin, lot)
    except (Gs1Error, Refusal) as refusal:
        return _open(_refused(request, refusal))
    if _preferred(request, HTML, JSON) == JSON:
        return _open(_json({"gtin": gtin, "lot": lot, "recalled": how_much}, JSON))
    return _open(page(request, "recall", gtin=gtin, lot=lot, recalled=how_much))


# ---- answers --------------------------------------------------------------------------------------------------------


def _answered(
    request: HttpRequest, identified: Identified, found: list[Level], path: str, query: str
) -> HttpResponseBase:
    link_type = request.GET.get("linkType", "")
    wanted = resolving.relation(link_type) or DEFAULT
    kind = _preferred(request, HTML, LINKSET, JSON, JSON_LD)
    if wanted in ("all", "linkset") or (not link_type and kind in (LINKSET, JSON, JSON_LD)):
        return _linkset(request, found, kind)
    languages, accept = request.headers.get("Accept-Language", ""), request.headers.get("Accept", "")
    chosen = resolving.choose(found, wanted, languages, accept)
    location = _root(request) + resolving.target(chosen, identified, path, query)
    every = f'<{_root(request)}{found[0].anchor}?linkType=linkset>; rel="linkset"; type="{LINKSET}"'
    return HttpResponse(status=307, headers={"Location": location, "Link": every})


def _linkset(request: HttpRequest, found: list[Level], kind: str | None) -> HttpResponseBase:
    if kind == HTML and "html" in request.headers.get("Accept", ""):  # who takes anything is no browser
        return page(request, "linkset", levels=found)
    said: dict[str, Any] = resolving.linkset(found, _root(request))
    if kind == JSON_LD:
        return _json({"@context": CONTEXT, **said}, JSON_LD)
    answer = _json(said, kind if kind == JSON else LINKSET)
    answer.headers["Link"] = CONTEXT_LINK
    return answer


def _json(members: dict[str, Any], kind: str) -> HttpResponse:
    return HttpResponse(json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode(), content_type=kind)


def _preferred(request: HttpRequest, *kinds: str) -> str | None:
    return request.get_preferred_type(list(kinds))


def _refused(request: HttpRequest, refusal: Gs1Error | Refusal) -> HttpResponse:
    """A page for people, a problem document for programs; never a 200."""
    if _preferred(request, HTML, "application/problem+json", JSON, LINKSET, JSON_LD) != HTML:
        return problem(refusal, request.path)
    if isinstance(refusal, NotFound):
        return not_found(request)
    return page(request, "refused", status=400, refusal=refusal, meaning=CODES.get(refusal.code))


def _open(answer: HttpResponseBase) -> HttpResponseBase:
    """To scripts of any site (CORS)."""
    for name, value in ANYWHERE.items():
        answer.headers[name] = value
    return answer


def _root(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").removesuffix("/")
