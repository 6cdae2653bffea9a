"""Whether a scanner is set right: one symbol with all that is delicate, and what comes of it.

Nothing here is a maker's own programming code: how a scanner is set stands in its manual.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from partners.gs1.element_string import GS, LONGEST, ElementString, parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.scanner_faults import Fault, explain, possible

from ..labels.symbols import datamatrix_svg
from .page import page
from .refusals import reads, takes

#: A product that does not exist; letters that keyboards and CAPS LOCK exchange; a separator; marks that keyboards move.
TEST = ElementString((("01", "09521000000018"), ("17", "491231"), ("10", "aAzZyYqQwWmM"), ("21", "-/_+&'?:;=<>%*")))


@never_cache
@takes("GET", "HEAD", "POST")
def scanner(request: HttpRequest) -> HttpResponse:
    """The symbol, and below it what is to be set otherwise."""
    came = request.POST.get("scan", "")[:LONGEST].strip(" \t\r\n") if request.method == "POST" else ""
    fault = _fault(came) if came else None
    right = bool(came) and _read(came) == TEST
    return page(request, "scanner", came=came.replace(GS, "\u241d"), right=right, fault=fault)


@reads
def symbol(request: HttpRequest) -> HttpResponse:
    return HttpResponse(datamatrix_svg(TEST), content_type="image/svg+xml")


def _read(came: str) -> ElementString | None:
    try:
        return parse_scan(came)
    except Gs1Error:
        return None


def _fault(came: str) -> Fault | None:
    fault = None if _read(came) == TEST else explain(possible(came), {TEST})
    return fault if fault is None or fault.reading in (None, TEST) else None
