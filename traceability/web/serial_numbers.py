"""Serial numbers: one's pools, the blocks of one, and what a line has printed."""

from datetime import UTC, datetime, time
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.models import Partner

from .. import jobs, number_files, serials
from ..epcis.documents import kind_of
from ..epcis.errors import DocumentError
from ..job_kinds import REPORT_FILES
from ..numbering import LONGEST, SETS
from .filled_in import REFUSALS, mark, refused
from .jobs import begun
from .page import for_partners, page
from .refusals import acts, reads, takes

AT_ONCE = 100_000  # numbers that are written while one waits; more are a job
LAST_CURSOR = 10**18

Answer = HttpResponseBase


class PoolForm(forms.Form):
    """A pool to be opened."""

    gtin = forms.CharField(
        label="Product code (GTIN)",
        max_length=14,
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "numeric", "spellcheck": "false"}),
        help_text="14 digits",
    )
    length = forms.IntegerField(
        label="Length of a number", min_value=1, max_value=LONGEST, initial=12, help_text="characters, 20 at most"
    )
    character_set = forms.ChoiceField(
        label="Characters",
        choices=[("unambiguous", "Digits and letters that nothing else looks like"), ("digits", "Digits alone")],
    )
    enforced = forms.BooleanField(
        label="Commission this product from these numbers alone", required=False, initial=True
    )


class BlockForm(forms.Form):
    """Numbers to be drawn. `request` makes one block of a form that is sent twice."""

    count = forms.IntegerField(label="How many numbers", min_value=1)
    expires = forms.DateField(
        label="Expire on",
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text="from then on, what is unused counts no more; never, if empty",
    )
    request = forms.CharField(max_length=64, widget=forms.HiddenInput)


class ReturnForm(forms.Form):
    reason = forms.CharField(max_length=serials.LONGEST_REASON)


class ReportForm(forms.Form):
    """What a line reports."""

    file = forms.FileField(
        label="The line’s report",
        widget=forms.FileInput({"accept": ".csv,.json,.xml"}),
        help_text="CSV with gtin,serial,lot,expiry in its first line; or the same as JSON or XML",
    )


# ---- pools ----------------------------------------------------------------------------------------------------------


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def pools(request: HttpRequest, reader: Partner) -> Answer:
    """One's own, and a form to open one."""
    form = PoolForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            opened, _ = serials.open_pool(
                reader,
                said["gtin"].strip(),
                SETS[said["character_set"]],
                said["length"],
                enforced=said["enforced"],
                now=now(),
            )
            return redirect("serials-pool", pool=opened.pool)
        except REFUSALS as refusal:
            mark(form, refusal)
    rows, following = serials.pools_of(reader, _cursor(request))
    shown = [(row, serials.numbering(row).capacity - row.allocated) for row in rows]
    status = 422 if form.is_bound else 200
    return page(request, "serials", here="work", form=form, pools=shown, following=following, status=status)


# ---- blocks ---------------------------------------------------------------------------------------------------------


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def pool(request: HttpRequest, reader: Partner, pool: UUID) -> Answer:
    """The blocks of a pool, and a form to draw one."""
    form = BlockForm(request.POST if request.method == "POST" else None, initial={"request": str(uuid4())})
    try:
        found = serials.own_pool(reader, pool)
    except REFUSALS as refusal:
        return refused(request, refusal)
    if form.is_valid():
        said = form.cleaned_data
        expires = datetime.combine(said["expires"], time(), UTC) if said["expires"] else None
        try:
            serials.allocate(reader, serials.Wanted(pool, said["request"], said["count"], expires), now=now())
            return redirect("serials-pool", pool=pool)
        except REFUSALS as refusal:
            mark(form, refusal)
    return _pool(request, found, form, status=422 if form.is_bound else 200)


def _pool(request: HttpRequest, row: Any, form: BlockForm, **more: Any) -> HttpResponse:
    rows, following = serials.blocks_of(row, _cursor(request))
    used, time_now = serials.commissioned(row, rows), now()
    blocks = [
        {"row": each, "used": used[each.pk], "state": serials.state(each, time_now), "small": each.count <= AT_ONCE}
        for each in rows
    ]
    left = serials.numbering(row).capacity - row.allocated
    more |= {"most": min(left, settings.SERIAL_BLOCK_MAX), "reasons": serials.LONGEST_REASON}
    return page(request, "serials_pool", here="work", form=form, pool=row, blocks=blocks, following=following, **more)


@never_cache
@acts
@for_partners
def enforce(request: HttpRequest, reader: Partner, pool: UUID) -> Answer:
    """Whether the product is commissioned from blocks alone."""
    try:
        serials.enforce(reader, pool, enforced=request.POST.get("enforced") == "1")
    except REFUSALS as refusal:
        return refused(request, refusal)
    return redirect("serials-pool", pool=pool)


@never_cache
@acts
@for_partners
def give_back(request: HttpRequest, reader: Partner, block: UUID) -> Answer:
    """What is not used of it is used no more."""
    form = ReturnForm(request.POST)
    try:
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        returned = serials.give_back(reader, block, reason, now=now())
    except REFUSALS as refusal:
        return refused(request, refusal)
    return redirect("serials-pool", pool=returned.pool.pool)


@never_cache
@reads
@for_partners
def numbers(request: HttpRequest, reader: Partner, block: UUID) -> Answer:
    """The file of a block's numbers."""
    try:
        found = serials.own_block(reader, block)
        drawn = serials.numbers(found, now=now())
    except REFUSALS as refusal:
        return refused(request, refusal)
    form = number_files.FORMS[number_files.CSV](str(found.block), found.pool.gtin)
    headers = {"Content-Disposition": f'attachment; filename="{found.block}.csv"'}
    return StreamingHttpResponse(form.whole(drawn), content_type="text/csv; charset=utf-8", headers=headers)


@never_cache
@acts
@for_partners
def numbers_beside(request: HttpRequest, reader: Partner, block: UUID) -> Answer:
    """The same of a big block, as a job: one, however often it is asked for."""
    try:
        wanted = jobs.Wanted("serial-numbers", f"numbers-{block}", {"block": str(block), "form": number_files.CSV})
        job = begun(reader, wanted)
    except REFUSALS as refusal:
        return refused(request, refusal)
    return redirect("job-page", job=job.job)


# ---- what a line has printed ----------------------------------------------------------------------------------------


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def report(request: HttpRequest, reader: Partner) -> Answer:
    """A file to check: a job, whose page names what is wrong, or has the document to sign."""
    form = ReportForm(request.POST, request.FILES) if request.method == "POST" else ReportForm()
    if form.is_valid():
        sent = form.cleaned_data["file"].read()
        try:
            job = begun(reader, jobs.Wanted("serial-report", f"page-{_digest(sent)}", {}, sent, _kind(sent)))
            return redirect("job-page", job=job.job)
        except REFUSALS as refusal:
            mark(form, refusal)
    status = 422 if form.is_bound else 200
    most = settings.SERIAL_REPORT_MAX_LINES
    return page(request, "serials_report", here="work", form=form, most=most, status=status)


def _digest(sent: bytes) -> str:
    """Names a request, so that a file sent twice within a minute is one job: later, the books may say otherwise."""
    return f"{sha256(sent).hexdigest()[:32]}-{now():%Y%m%d%H%M}"


def _kind(sent: bytes) -> str:
    """By its first character; what is neither JSON nor XML is CSV."""
    try:
        kind = kind_of(sent)
    except DocumentError:
        return "text/csv"
    return kind if kind in REPORT_FILES else "text/csv"


def _cursor(request: HttpRequest) -> int:
    after = request.GET.get("after", "")
    return min(int(after), LAST_CURSOR) if after.isascii() and after.isdecimal() and len(after) < 20 else 0
