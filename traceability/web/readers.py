"""Who has looked at a pack: to whoever had part in its history, by the verb of the API."""

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.models import Partner

from ..errors import NotFound, Refusal
from ..readers import proof_of, readers_of
from .codes import CODES
from .page import for_partners, page
from .refusals import acts
from .things import printed
from .timeline import People
from .verifications import _WHY, _number

LONGEST = 2000  # characters of what names an item: more than any has


@never_cache
@acts
@for_partners
def readers(request: HttpRequest, reader: Partner) -> HttpResponse:
    """All that others read of it, a page at a time. What it is comes in the body: no address holds a serial number."""
    epc = request.POST.get("epc", "")[:LONGEST].replace("\0", "")
    try:
        found, following = readers_of(reader, epc, now=now(), before=_number(request.POST.get("before")))
    except NotFound as error:
        return page(request, "refused", status=404, refusal=error, meaning=None)
    people = People(each.reader for each in found if each.reader)
    shown = [(each, people.named(each.reader) if each.reader else None, _WHY.get(each.purpose, each.purpose))
             for each in found]  # fmt: skip
    return page(request, "readers", here="work", found=shown, next=following, epc=epc, item=printed(epc))


@never_cache
@acts
@for_partners
def proof(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The proof of one reading, to keep."""
    number = _number(request.POST.get("number")) or 0
    try:
        made = proof_of(reader, number, now=now())
    except Refusal as error:  # its interval may not be in the log yet
        return page(request, "refused", status=error.status, refusal=error, meaning=CODES.get(error.code))
    headers = {"Content-Disposition": f'attachment; filename="reading-{number}.unitproof"'}
    return HttpResponse(made, content_type="application/octet-stream", headers=headers)
