"""The resources of jobs: asked for, looked at, fetched, cancelled. Thin, as `views.py`."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import StreamingHttpResponse
from django.urls import reverse
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from .. import jobs, working
from ..epcis import jsonld
from ..epcis.errors import DocumentError
from ..epcis.values import Number, Raw, an_object
from ..models import Job
from . import jobs_schema as schema
from .errors import RequestError
from .parsers import JsonDocument
from .serial_numbers import _members, _text
from .views import A_CURSOR, LAST, Resource, _is_form, _media_type, _parameter, _partner

_is_whole = re.compile(r"[0-9]{1,9}").fullmatch
RETRY_AFTER = "1"  # seconds
NAMES = ("kind", "request", "parameters", "file")


class Jobs(Resource):
    parser_classes = (MultiPartParser, JsonDocument)

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        return int(settings.EPCIS_MAX_BYTES)

    @schema.list_jobs
    def get(self, request: Request) -> Response:
        """The asker's own."""
        rows, following = jobs.jobs_of(_partner(request), _before(request))
        found = [schema.job(row) for row in rows]
        return Response({"jobs": found, "next": None if following is None else str(following)})

    @schema.ask
    def post(self, request: Request) -> Response:
        """Ask for one; the same again, if it is known."""
        wanted = _form(request) if _is_form(request) else _asked(request)
        job, created = jobs.ask(_partner(request), wanted)
        if created:
            working.ring()
        location = {"Location": reverse("job", kwargs={"job": job.job})}
        return Response(schema.job(job), status=202 if created else 200, headers=location | _later(job))


class JobDetail(Resource):
    @schema.find
    def get(self, request: Request, job: UUID) -> Response:
        """One of the asker's own."""
        found = jobs.own_job(_partner(request), job)
        return Response(schema.job(found), headers=_later(found))


class JobResult(Resource):
    @schema.result
    def get(self, request: Request, job: UUID) -> StreamingHttpResponse:
        """The file that was made."""
        return handed_out(*jobs.result_of(_partner(request), job))


class JobCancel(Resource):
    @schema.cancel
    def post(self, request: Request, job: UUID) -> Response:
        """It is not wanted any more."""
        return Response(schema.job(jobs.cancel(_partner(request), job)))


def handed_out(job: Job, pieces: Any) -> StreamingHttpResponse:
    """A result, as it is kept. Its length is said: whoever gets less knows it."""
    text = job.made_as.startswith("text/") or job.made_as.endswith("/xml")
    headers = {"Content-Disposition": f'attachment; filename="{job.name}"', "Content-Length": str(job.size)}
    kind = f"{job.made_as}; charset=utf-8" if text else job.made_as
    return StreamingHttpResponse(pieces, content_type=kind, headers=headers)


def _later(job: Job) -> dict[str, str]:
    return {"Retry-After": RETRY_AFTER} if job.state in jobs.OPEN else {}


def _asked(request: Request) -> jobs.Wanted:
    said = _members(request, ("kind", "request"), ("parameters",))
    return jobs.Wanted(_text(said, "kind"), _text(said, "request"), _parameters(said.get("parameters")))


def _form(request: Request) -> jobs.Wanted:
    """The same with a file, as browsers and curl send it."""
    fields, file = request.POST, request.FILES.get("file")
    if unknown := sorted({*fields, *request.FILES} - set(NAMES)):
        expected = ", ".join(NAMES)
        raise DocumentError("no such part", code="unknown_member", where=unknown[0][:80], expected=expected)
    for name in ("kind", "request", "file"):
        if not (name in request.FILES if name == "file" else fields.get(name)):
            raise RequestError("a part is missing", code="part_missing", where=name, expected=", ".join(NAMES))
    assert isinstance(file, UploadedFile)
    parameters = _parameters(jsonld.read(fields.get("parameters", "{}").encode()))
    sent_as = _media_type(file.content_type) or ""
    return jobs.Wanted(fields["kind"], fields["request"], parameters, file.read(), sent_as)


def _parameters(said: Raw) -> Mapping[str, Any]:
    """Plain values alone: a text, or a whole number."""
    if said is None:
        return {}
    found: dict[str, Any] = {}
    for name, value in an_object(said, "parameters").items():
        if not isinstance(value, str) or "\0" in value or (isinstance(value, Number) and not _is_whole(value)):
            expected = "a text, or a whole number"
            raise DocumentError("the wrong kind of value", code="wrong_type", where=name[:80], expected=expected)
        found[name] = int(value) if isinstance(value, Number) else value
    return found


def _before(request: Request) -> int | None:
    text = _parameter(request, "before")
    if text is None:
        return None
    if not A_CURSOR(text) or int(text) > LAST:
        expected = "`next` of an answer"
        raise RequestError("not a cursor", code="malformed_parameter", where="before", expected=expected)
    return int(text)
