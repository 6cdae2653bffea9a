"""What the packages refuse, as RFC 9457 problem documents. The one place that knows HTTP statuses.

    {"type":"/problems/stale_head","title":"Stale head","status":409,"detail":"...","code":"stale_head",
     "instance":"/api/v1/submissions","where":"events","expected":"...","found":"..."}

Every package's errors carry `detail` and a stable `code`; most also `where`, `expected`, `found` and `epc`. What is in
no row below is nobody's input but a fault of ours: it is not caught, and answered with 500.
"""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, OperationalError
from django.db import Error as DatabaseError
from django.http import Http404, JsonResponse, UnreadablePostError
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    MethodNotAllowed,
    NotAuthenticated,
    UnsupportedMediaType,
)
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ledger.errors import KeyMissing, LogFrozen, NotIntegrated, UnknownEntry
from ledger.tlog.errors import BadSignature, MalformedEnvelope, MalformedKey
from partners.errors import PartnerError
from partners.gs1.errors import Gs1Error

from ..epcis.errors import DocumentError
from ..errors import Refusal
from ..logs import without_serials
from ..records import ChangedMeanwhile

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER = 1  # seconds


class RequestError(APIException):
    """A request that is not one of ours, whatever is in it."""

    status_code = 400
    default_code = "malformed_request"

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int = 400,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.where, self.expected, self.found = where, expected, found


#: What is answered, by the kind of error; the first that fits. A `Refusal` says itself.
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (NotIntegrated, 409),
    (UnknownEntry, 404),
    (MalformedEnvelope, 400),
    (MalformedKey, 400),
    (BadSignature, 422),
    (KeyMissing, 503),
    (LogFrozen, 503),
    (DocumentError, 400),
    (Gs1Error, 400),
    (PartnerError, 422),
)
#: And by code, where HTTP has a status of its own for it.
STATUS_BY_CODE = {"too_large": 413, "unsupported_syntax": 415}

#: Errors of Django and of this process: status and code.
OTHERS: tuple[tuple[type[Exception], int, str], ...] = (
    (Http404, 404, "not_found"),
    (PermissionDenied, 403, "not_allowed"),
    (RequestDataTooBig, 413, "too_large"),
    (SuspiciousOperation, 400, "malformed_request"),
    (UnreadablePostError, 400, "request_broken_off"),
)

#: Codes whose cause goes away by itself.
PASSING = frozenset({"busy", "not_integrated", "key_missing", "log_frozen", "job_not_done", "too_many_jobs"})


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Django REST framework's EXCEPTION_HANDLER. None: not ours to answer, let it be seen."""
    found = _problem(error)
    if found is None:
        return None
    set_rollback()
    status, code, detail = found
    path = context["request"].path if context.get("request") else None
    members = dict(_members(error, status, code, detail, path)) | _asked_for(error, context)
    return Response(members, status=status, content_type=CONTENT_TYPE, headers=dict(_headers(error, code)))


def problem(error: Exception, path: str, **members: str) -> JsonResponse:
    """The same outside the API, and of what is refused before it comes to a resource."""
    found = _problem(error)
    assert found is not None
    status, code, detail = found
    said = dict(_members(error, status, code, detail, path)) | members
    headers = {"Cache-Control": "no-store"} | dict(_headers(error, code))
    return JsonResponse(said, status=status, content_type=CONTENT_TYPE, headers=headers)


def _problem(error: Exception) -> tuple[int, str, str] | None:
    """Status, code and detail."""
    if isinstance(error, APIException):
        code = error.get_codes()
        return error.status_code, code if isinstance(code, str) else "malformed_request", _text(error.detail)
    if isinstance(error, Refusal):
        return error.status, error.code, error.detail
    for kind, status in STATUSES:
        if isinstance(error, kind):
            code, detail = error.code, error.detail  # type: ignore[attr-defined]
            return STATUS_BY_CODE.get(code, status), code, detail
    for kind, status, code in OTHERS:
        if isinstance(error, kind):
            return status, code, "This was not found." if status == 404 else str(error)
    if isinstance(error, DataError):  # what it says of a value may be the value
        logger.warning("a value that the database does not take: %s", type(error.__cause__).__name__)
        return 400, "malformed_request", "A value in it cannot be stored here."
    if is_busy(error):
        logger.warning("asked to try again: %s", error)
        return 503, "busy", "Others are changing the same things at this moment: try again."
    return None


def _text(detail: Any) -> str:
    if isinstance(detail, Mapping):
        return "; ".join(f"{name}: {_text(value)}" for name, value in detail.items())
    return "; ".join(map(str, detail)) if isinstance(detail, list) else str(detail)


def is_busy(error: Exception) -> bool:
    """Whether the same request may well succeed in a moment: locks, deadlocks, a full pool, a server that restarts."""
    if isinstance(error, ChangedMeanwhile | IntegrityError):  # another request came between, several times
        return True
    if not isinstance(error, OperationalError | DatabaseError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    state = getattr(cause, "sqlstate", None) or ""
    if state == _SILENT_TOO_LONG:
        return True
    return isinstance(error, OperationalError) and (not state or state[:2] in _PASSING_STATES)


_SILENT_TOO_LONG = "25P03"  # idle_in_transaction_session_timeout: another has the lock that this request had
#: PostgreSQL's classes of errors: connection, roll-back, resources, object state (55P03: lock), operator's shutdown.
_PASSING_STATES = frozenset({"08", "40", "53", "55", "57"})


def _members(error: Exception, status: int, code: str, detail: str, path: str | None) -> Iterator[tuple[str, Any]]:
    yield "type", f"/problems/{code}"
    yield "title", code.replace("_", " ").capitalize()
    yield "status", status
    yield "detail", detail
    yield "code", code
    if path:
        yield "instance", without_serials(path)  # and never its query: that may hold a serial number
    for name in ("where", "expected", "found", "epc", "draft"):
        if (value := getattr(error, name, None)) is not None:
            yield name, value
    if wrong := getattr(error, "wrong", None):  # of a list, all that is refused of it
        yield "wrong", [asdict(each) for each in wrong]
        yield "wrong_count", error.count  # type: ignore[attr-defined]


def _asked_for(error: Exception, context: Mapping[str, Any]) -> dict[str, str]:
    """What Django REST framework refuses, and does not say what it would have taken."""
    view, request = context.get("view"), context.get("request")
    match error:
        case NotAuthenticated() | AuthenticationFailed():
            return {"where": "Authorization", "expected": "Bearer and the token that `manage.py partner` made"}
        case MethodNotAllowed() if view and request:
            return {"expected": ", ".join(view.allowed_methods), "found": request.method}
        case UnsupportedMediaType() if view and request:
            taken = ", ".join(parser.media_type for parser in view.parser_classes)
            return {"where": "Content-Type", "expected": taken, "found": request.content_type}
    return {}


def _headers(error: Exception, code: str) -> Iterator[tuple[str, str]]:
    if challenge := getattr(error, "auth_header", None):
        yield "WWW-Authenticate", challenge
    if wait := getattr(error, "wait", None):
        yield "Retry-After", str(int(wait))
    elif code in PASSING:
        yield "Retry-After", str(RETRY_AFTER)
