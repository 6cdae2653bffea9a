"""Around every request: an id by which its log lines are found, a line about it, and what Prometheus counts.

The id is the proxy's or client's `X-Request-ID` if that is one, else a new one; the answer carries it.
"""

import logging
import re
import uuid
from collections.abc import Callable
from time import perf_counter

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from . import metrics
from .logs import view_of

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9_.-]{8,128}", re.ASCII)


def observed(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware, the outermost: what the others answer is seen, too."""

    def observe(request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        request_id = id_of(request)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = answer(request)
            response.headers[HEADER] = request_id
            _tell(request, response, perf_counter() - began)
        return response

    return observe


def id_of(request: HttpRequest) -> str:
    """The request's own id, if it came with one that can be written into a log; else a new one."""
    given = request.headers.get(HEADER, "")
    return given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def _tell(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """By view, never by path: that may hold a serial number."""
    method, view, status = metrics.method_of(request), view_of(request), response.status_code
    metrics.count(method, view, status, seconds)
    logger.info("request", extra={"method": method, "view": view, "status": status, "ms": round(seconds * 1000, 1)})
