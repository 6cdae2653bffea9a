"""What the OpenAPI pages say of jobs; and what a job looks like, and its description."""

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ..job_kinds import KINDS, MOST_ERRORS
from ..jobs import State
from ..models import Job as Row
from .schema import _BUSY, _NUMBERS_REFUSED, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, WrongPart, _text, _words, instant


class Job(drf.Serializer[Any]):
    """Work that takes longer than a second, and how it stands."""

    job = drf.UUIDField(help_text="Its id.")
    kind = _words("What is done.", KINDS)
    request = _text("As you called it.")
    state = _words("Of a job that is `done`, `result` is there; one that has `failed` says why.", State)
    done = drf.IntegerField(help_text="How much of it is done, ")
    total = drf.IntegerField(
        help_text="of how much: labels, lines, serial numbers; null: not known yet.", allow_null=True
    )
    code = _text("Why it failed, or null. Stable; explained at /problems/<code>.", allow_null=True)
    detail = _text("The same for people.", allow_null=True)
    errors = WrongPart(  # type: ignore[assignment]  # a member, not what is wrong with this one
        many=True, help_text=f"What is wrong with what was sent: the first {MOST_ERRORS}."
    )
    error_count = drf.IntegerField(help_text="How many those are.")
    result = _text("Where the result is, once it is done; else null.", allow_null=True)
    media_type = _text("In which form the result is, or null.", allow_null=True)
    size = drf.IntegerField(help_text="Of the result, in bytes.", allow_null=True)
    created = drf.DateTimeField(help_text="When it was asked for, UTC.")
    started = drf.DateTimeField(help_text="When it was begun last, or null.", allow_null=True)
    finished = drf.DateTimeField(help_text="When it was done or failed, or null.", allow_null=True)


def job(row: Row) -> Members:
    is_done = row.state == State.DONE
    return {
        "job": str(row.job),
        "kind": row.kind,
        "request": row.request,
        "state": row.state,
        "done": row.done,
        "total": row.total,
        "code": row.code or None,
        "detail": row.detail or None,
        "errors": row.errors,
        "error_count": row.error_count,
        "result": reverse("job-result", kwargs={"job": row.job}) if is_done else None,
        "media_type": row.made_as if is_done else None,
        "size": row.size if is_done else None,
        "created": instant(row.created),
        "started": row.started and instant(row.started),
        "finished": row.finished and instant(row.finished),
    }


class JobList(drf.Serializer[Any]):
    """A page of your jobs, the latest first."""

    jobs = Job(many=True, help_text="At most 50.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


class JobWanted(drf.Serializer[Any]):
    """A job that needs no file."""

    kind = _words("What is to be done.", KINDS)
    request = _text("Your name for this request, such as a UUID: asked again by it, you get the same job.")
    parameters = drf.DictField(help_text="Of its kind.", required=False)


class JobForm(drf.Serializer[Any]):
    """A job of a file."""

    kind = _words("What is to be done.", KINDS)
    request = _text("Your name for this request, such as a UUID: asked again by it, you get the same job.")
    parameters = _text("A JSON object, of its kind.", required=False)
    file = drf.FileField(help_text="What it is done with; its Content-Type says what it is.")


_ID = OpenApiParameter("job", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_EXAMPLE = {
    "job": "0f1f3d58-8d1c-4c0e-a8a9-0f6f6c9c2b11",
    "kind": "labels",
    "request": "lot-42-labels",
    "state": "running",
    "done": 1200,
    "total": 4000,
    "code": None,
    "detail": None,
    "errors": [],
    "error_count": 0,
    "result": None,
    "media_type": None,
    "size": None,
    "created": "2026-01-05T08:00:00Z",
    "started": "2026-01-05T08:00:01Z",
    "finished": None,
}
_LATER = "While it is waiting or running, `Retry-After` says when to ask again."

ask = extend_schema(
    operation_id="askForJob",
    summary="Ask for a job",
    description="What takes longer than a second is done beside, whatever becomes of the process that does it. "
    "`request` is your name for what you ask: asked again by it, you get the same job, and no second.\n\n"
    "* `labels`: as at `/api/v1/labels`, and more of them: a file of them as CSV (`gtin,serial,expiry,lot`) or a list "
    "in JSON; parameters `stock`, `dpi`, `symbol`, `resolver`. The result is the PDF.\n"
    "* `serial-report`: as at `/api/v1/serial-reports`, a file as CSV, JSON or XML. The result is the document to "
    "sign.\n"
    "* `serial-numbers`: without a file; parameters `block`, and `form`: `text/csv`, `application/json` or "
    "`application/xml`. The result is the file of its numbers.\n"
    "* `transaction`: without a file; parameters `submission`, `event`, and `form`, a media type of "
    "`/api/v1/transactions/{submission}/{event}` but for the page; by default the PDF.\n"
    "* `products`, `places`: as at `/api/v1/products/import`, and more lines: a file as CSV, EPCIS or ZIP; parameter "
    "`complete`, 0 or 1. The result, in JSON, is what would change, and nothing is stored.\n"
    "* `apply`: without a file; parameter `job`, one of the two above. What it has shown is done, whole and once; or, "
    "where that would be something else by now, nothing is, and it fails with `differences_changed`.\n"
    "* `recall-report`: without a file; parameter `recall`, the entry of one that you see all of. The result is a "
    "ZIP file: `report.unitproof`, which `unitproof verify` checks, and `units.csv`, the list that it counts.\n\n"
    "Of a file with something wrong in it nothing is made: the job fails with `lines_wrong`, and `errors` names what "
    "is wrong.",
    request={"application/json": JobWanted, "multipart/form-data": JobForm},
    responses={
        200: OpenApiResponse(Job, description="Asked for before, by this very request."),
        202: OpenApiResponse(
            Job, description=f"Taken; `Location` is the job. {_LATER}", examples=[OpenApiExample("job", _EXAMPLE)]
        ),
        **_NUMBERS_REFUSED,
        **_problem(403, "Not for this party to have.", "report_not_yours", "this report is not yours to have"),
        **_UNKNOWN,
        **_problem(
            409, "The name was used for another request.", "request_reused", "this name was used", where="request"
        ),
        **_problem(429, "So many of yours are not done yet.", "too_many_jobs", "so many of your jobs are not done yet"),
    },
    tags=["jobs"],
)

list_jobs = extend_schema(
    operation_id="listJobs",
    summary="List your jobs",
    description="All that you have asked for in the last days, and nobody else's: the latest first, in pages of 50.",
    parameters=[OpenApiParameter("before", description="Cursor: `next` of the page before.")],
    responses={
        200: OpenApiResponse(JobList, description="A page of them."),
        **_problem(400, "Not a cursor.", "malformed_parameter", "not a cursor", where="before"),
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["jobs"],
)

find = extend_schema(
    operation_id="findJob",
    summary="How a job stands",
    description=f"To the party that has asked for it. {_LATER}",
    parameters=[_ID],
    responses={
        200: OpenApiResponse(Job, description="As it is now."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["jobs"],
)

result = extend_schema(
    operation_id="jobResult",
    summary="What came of a job",
    description="The file that was made, in the form that its kind has; kept for some days.",
    parameters=[_ID],
    responses={
        **{
            (200, kind): OpenApiResponse(OpenApiTypes.BINARY, description="The result.")
            for kind in ("application/pdf", "application/json", "text/csv", "application/xml", "application/zip")
        },
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_problem(
            409,
            "Not done yet: `Retry-After` says when to ask again. Or failed; or the block of these numbers is no more.",
            "job_not_done",
            "its result is not there yet",
            where="job",
        ),
        **_BUSY,
    },
    tags=["jobs"],
)

cancel = extend_schema(
    operation_id="cancelJob",
    summary="Cancel a job",
    description="It is not begun, or not done to its end: it has failed, with `job_cancelled`. Said again, the same.",
    parameters=[_ID],
    request=None,
    responses={
        200: OpenApiResponse(Job, description="Cancelled."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_problem(409, "It is over.", "job_is_over", "there is nothing to cancel", where="job"),
        **_BUSY,
    },
    tags=["jobs"],
)
