"""What is answered where there is no page, or not in this way: a page, or a problem document to whoever asks for JSON.

Which methods an address takes is said before anybody is asked for a CSRF token: to be told to scan again helps nobody
who never scanned.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_protect
from rest_framework.exceptions import MethodNotAllowed

from ..api.errors import RETRY_AFTER, is_busy, problem
from .page import page

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponseBase]
SAFE = frozenset({"GET", "HEAD"})


def takes(*methods: str) -> Callable[[View], View]:
    """Of a view: what it takes. The CSRF middleware leaves it alone, and it asks for the token itself, second."""

    def decorate(view: View) -> View:
        answer = view if SAFE.issuperset(methods) else csrf_protect(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return answer(request, *args, **kwargs) if request.method in methods else not_allowed(request, methods)

        guarded.csrf_exempt = True  # type: ignore[attr-defined]
        return guarded

    return decorate


reads = takes("GET", "HEAD")
acts = takes("POST")


def not_allowed(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    allowed, error = ", ".join(methods), MethodNotAllowed(request.method or "")
    answer: HttpResponse = (
        problem(error, request.path, expected=allowed)
        if wants_json(request)
        else page(request, "not_allowed", status=405, methods=allowed, acts="GET" not in methods)
    )
    answer.headers["Allow"] = allowed
    return answer


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler404`. What was looked for is not told again: it may be a serial number."""
    return problem(Http404(), request.path) if wants_json(request) else page(request, "not_found", status=404)


def busy(request: HttpRequest, error: Exception) -> HttpResponse:
    """Try again. The page is made without the database: that may be what is away."""
    if wants_json(request):
        return problem(error, request.path)
    logger.warning("asked to try again: %s", error)
    answer = render(request, "traceability/busy.html", status=503)
    answer.headers["Retry-After"], answer.headers["Cache-Control"] = str(RETRY_AFTER), "no-store"
    return answer


def wants_json(request: HttpRequest) -> bool:
    """A program of somebody's, or whoever asks for nothing that people read."""
    below_api = f"{request.path}/".startswith("/api/")
    return below_api or request.get_preferred_type(["text/html", "application/json"]) == "application/json"


class NotFoundWhileDebugging:
    """While DEBUG is on, Django answers with a list of all addresses. At a demonstration strangers are not told more
    than on any other node."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        no_address = answer.status_code == 404 and request.resolver_match is None
        return not_found(request) if settings.DEBUG and no_address else answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Nothing there, said by the view of an address."""
        return not_found(request) if settings.DEBUG and isinstance(exception, Http404) else None


class BusyForTheMoment:
    """What a view has not caught and goes away by itself, such as a database that restarts. The API's views catch all
    of theirs (`api/errors.py`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return busy(request, exception) if is_busy(exception) else None
