"""Labels: what is to be printed is typed, pasted or uploaded; the first is shown as it will look."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.models import Partner

from .. import jobs
from ..job_kinds import MOST_ERRORS
from ..labels.stock import NAMED
from ..labels.symbols import RESOLUTIONS, Kind
from .filled_in import REFUSALS, mark
from .jobs import begun
from .page import for_partners, page
from .refusals import takes

AT_ONCE = 200  # labels that are printed while one waits: a second's work; more are a job
HEADER = "gtin,serial,expiry,lot\n"
SHOWN_AGAIN = 200_000  # characters of an uploaded table that a page is given back with

SYMBOLS = {
    Kind.DATAMATRIX: "GS1 DataMatrix, packs",
    Kind.GS1_128: "GS1-128, cases, pallets",
    Kind.QR: "QR, GS1 Digital Link",
}
STOCKS = {
    "a4-5x13": "A4, 65 of 38.1 × 21.2 mm",
    "letter-3x10": "Letter, 30 of 66.7 × 25.4 mm",
    "roll-50x25": "Roll, 50 × 25 mm",
    "roll-100x150": "Roll, 100 × 150 mm",
    "roll-150x100": "Roll, 150 × 100 mm",
}
assert STOCKS.keys() == NAMED.keys()


class LabelsForm(forms.Form):
    """What is printed, on what, as what. `nonce` makes one job of a form that is sent twice."""

    rows = forms.CharField(
        label="The labels",
        required=False,
        initial=HEADER,
        strip=False,
        widget=forms.Textarea({"rows": 8, "spellcheck": "false", "autocomplete": "off", "wrap": "off"}),
        help_text="A line for each, below the line that names the columns: gtin, serial, expiry, lot, nhrn; or sscc, "
        "content, count, lot.",
    )
    file = forms.FileField(
        label="Or a file of them",
        required=False,
        widget=forms.FileInput({"accept": ".csv,.json"}),
        help_text="CSV, or a list in JSON",
    )
    symbol = forms.ChoiceField(label="Symbol", choices=list(SYMBOLS.items()))
    stock = forms.ChoiceField(label="Printed on", choices=list(STOCKS.items()))
    size = forms.CharField(
        label="Or on a roll of",
        required=False,
        max_length=100,
        widget=forms.TextInput({"autocomplete": "off", "placeholder": "60x40"}),
        help_text="width x height, in mm",
    )
    dpi = forms.TypedChoiceField(
        label="Dots an inch of the printer", choices=[(dpi, str(dpi)) for dpi in RESOLUTIONS], coerce=int, initial=300
    )
    nonce = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)

    def sent(self) -> tuple[bytes, str]:
        """The table or the list, and which of them it is. A file counts before what is typed."""
        file = self.cleaned_data.get("file")
        data: bytes = file.read() if file else self.cleaned_data["rows"].encode()
        return data, "application/json" if data.lstrip()[:1] == b"[" else "text/csv"

    @property
    def parameters(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {"stock": said["size"].strip() or said["stock"], "dpi": said["dpi"], "symbol": said["symbol"]}


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def labels(request: HttpRequest, reader: Partner) -> HttpResponseBase:
    """The form; what is on it, printed, or as a job; or the first label, to look at."""
    if request.method != "POST":
        return page(request, "labels", here="work", form=LabelsForm(initial={"nonce": uuid4().hex}))
    form = LabelsForm(request.POST, request.FILES)
    if not form.is_valid():
        return page(request, "labels", here="work", form=form, status=422)
    data, kind = form.sent()
    try:
        if "preview" in request.POST:
            return page(request, "labels", here="work", form=_again(form, data), preview=_first(form, data, kind))
        if max(data.count(b"\n"), data.count(b"\r"), data.count(b"{")) > AT_ONCE + 1:
            return redirect("job-page", job=begun(reader, _wanted(form, data, kind), beside=True).job)
        return _printed(form, data, kind)
    except REFUSALS as refusal:
        wrong: Sequence[Any] = getattr(refusal, "wrong", ())
        again = _again(form, data)
        if not wrong:
            mark(again, refusal)
        count = getattr(refusal, "count", len(wrong))
        return page(request, "labels", here="work", form=again, wrong=wrong[:MOST_ERRORS], count=count, status=422)


def _again(form: LabelsForm, data: bytes) -> LabelsForm:
    """With what was uploaded, as no page can keep a file: it can be looked at, and put right."""
    said = {**form.cleaned_data, "rows": data.decode(errors="replace")[:SHOWN_AGAIN], "file": None}
    again = LabelsForm(said)
    again.is_valid()
    return again


def _wanted(form: LabelsForm, data: bytes, kind: str) -> jobs.Wanted:
    """The same form with the same content is the same job."""
    said = repr((form.cleaned_data["nonce"], form.parameters, data)).encode()
    return jobs.Wanted("labels", f"page-{sha256(said).hexdigest()[:32]}", form.parameters, data, kind)


def _job(form: LabelsForm, data: bytes, kind: str, today: date) -> Any:
    from ..labels.job import READERS, RESOLVER, Job  # only a process that prints loads what draws

    found = READERS["." + kind.partition("/")[2]](data, today)
    return Job.of(found, resolver=RESOLVER, **form.parameters)


def _printed(form: LabelsForm, data: bytes, kind: str) -> HttpResponse:
    from ..labels.pdf import draw

    today = now().date()
    made = draw(_job(form, data, kind, today), today)
    headers = {"Content-Disposition": 'attachment; filename="labels.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


def _first(form: LabelsForm, data: bytes, kind: str) -> dict[str, Any]:
    """The first label, drawn; and how many there are."""
    from ..labels.layout import Surface, arrange
    from ..labels.svg import svg

    today = now().date()
    job = _job(form, data, kind, today)
    label = job.labels[0]
    arranged = arrange(label, job.kind, Surface.of(job.stock, job.dpi), job.resolver, today)
    described = "The first label: " + ", ".join(label.text(today))
    drawn: SafeString = mark_safe(svg(arranged, job.stock.label, job.dpi, described=described))  # noqa: S308 - escaped
    pages = -(-len(job.labels) // job.stock.per_page)
    return {"svg": drawn, "size": job.stock.label, "count": len(job.labels), "pages": pages}
