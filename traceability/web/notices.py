"""What a party was told, on a page: the latest first, and which of it nobody has seen."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.models import Partner

from .. import notices
from ..notice_kinds import KINDS
from .page import for_partners, page
from .refusals import acts, reads
from .verifications import _number


@never_cache
@reads
@for_partners
def notice_list(request: HttpRequest, reader: Partner) -> HttpResponse:
    """A page of them, each with its sentence and where its matter is."""
    found, following = notices.latest_of(reader, _number(request.GET.get("before")))
    shown = [(each, KINDS[each.kind]) for each in found]
    upto = max((each.position or 0 for each in found), default=0)
    return page(
        request, "notices", here="work", found=shown, next=following, upto=upto, unseen=notices.unseen(reader),
        most=notices.MOST_COUNTED,
    )  # fmt: skip


@never_cache
@acts
@for_partners
def see(request: HttpRequest, reader: Partner) -> HttpResponse:
    """They were seen, up to the last one that was shown."""
    notices.see(reader, _number(request.POST.get("upto")) or 0, now=now())
    return redirect("notices")
