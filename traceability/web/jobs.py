"""Jobs: how far they are, what came of them, and what was wrong."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from partners.models import Partner

from .. import jobs as verbs
from .. import working
from ..api.jobs import handed_out
from ..job_kinds import KINDS
from ..models import Job
from .codes import CODES
from .filled_in import REFUSALS, refused
from .page import for_partners, page
from .refusals import acts, reads

SMALL = 256 * 1024  # bytes of a file with which a job is done at once


def begun(partner: Partner, wanted: verbs.Wanted, *, beside: bool | None = None) -> Job:
    """Asked for; and done at once, where that takes no longer than a page may: `beside` says whether it does, where
    what is sent does not tell."""
    if beside is None:
        beside = not 0 < len(wanted.sent) <= SMALL
    job, created = verbs.ask(partner, wanted)
    if created and not beside and (turn := verbs.claim(job)):
        working.do(turn)
        job.refresh_from_db()
    elif created:
        working.ring()
    return job


def shown(row: Job) -> dict[str, object]:
    """A job, for people."""
    percent = round(100 * row.done / row.total) if row.total else None
    return {
        "row": row,
        "about": KINDS[row.kind].about if row.kind in KINDS else row.kind,
        "is_open": row.state in verbs.OPEN,
        "percent": percent,
        "meaning": CODES.get(row.code),
    }


@never_cache
@reads
@for_partners
def jobs(request: HttpRequest, reader: Partner) -> HttpResponse:
    """Those of who is signed in, the latest first."""
    before = request.GET.get("before", "")
    cursor = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    rows, following = verbs.jobs_of(reader, cursor)
    return page(request, "jobs", here="work", jobs=[shown(row) for row in rows], following=following)


@never_cache
@reads
@for_partners
def job(request: HttpRequest, reader: Partner, job: UUID) -> HttpResponse:
    """One of them, with what is wrong with what was sent."""
    try:
        found = verbs.own_job(reader, job)
    except REFUSALS as refusal:
        return refused(request, refusal)
    return page(request, "job", here="work", job=shown(found))


@never_cache
@reads
@for_partners
def result(request: HttpRequest, reader: Partner, job: UUID) -> HttpResponseBase:
    """The file that was made."""
    try:
        return handed_out(*verbs.result_of(reader, job))
    except REFUSALS as refusal:
        return refused(request, refusal)


@never_cache
@acts
@for_partners
def cancel(request: HttpRequest, reader: Partner, job: UUID) -> HttpResponseBase:
    """It is not wanted any more."""
    try:
        verbs.cancel(reader, job)
    except REFUSALS as refusal:
        return refused(request, refusal)
    return redirect("job-page", job=job)
