"""Verification messages, for who is signed in: where systems ask, whether they may, and who answers for a product."""

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.licences import may_trade
from partners.models import Partner, Prefix

from ..dscsa.elsewhere import check_connectivity
from .forms import ConnectivityForm
from .page import for_partners, page
from .refusals import takes


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def connectivity(request: HttpRequest, reader: Partner) -> HttpResponse:
    """What to tell one's systems; and below, of one product, who answers and whether that can be reached."""
    form, time = ConnectivityForm(request.POST if request.method == "POST" else None), now()
    checked = check_connectivity(form.cleaned_data["gtin"], reader, now=time) if form.is_valid() else None
    return page(
        request,
        "connectivity",
        here="work",
        status=422 if form.is_bound and checked is None else 200,
        form=form,
        checked=checked,
        base=request.build_absolute_uri("/vrs"),
        may_ask=may_trade(reader.gln, time),
        answered=Prefix.objects.filter(partner=reader, revoked=None).values_list("digits", flat=True),
    )
