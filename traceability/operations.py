"""For whoever runs the node: `/live`, `/ready` and `/metrics`, asked from beside it."""

from dataclasses import asdict
from hmac import compare_digest
from ipaddress import ip_address

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from ledger import health

from . import metrics as measured

#: Whoever passes a request on says so in one of these: its own address says nothing of who asks.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Whether this process answers at all; whoever gets no answer starts another."""
    return _answer([health.Check("process", True, "answers")])


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Whether the node can keep what it promises, and if not, why: 503."""
    return _answer(list(health.checks(now=timezone.now())))


def _answer(checks: list[health.Check]) -> JsonResponse:
    ok = all(check.ok for check in checks)
    told = {"status": "ok" if ok else "unavailable", "checks": [asdict(check) for check in checks]}
    return JsonResponse(told, status=200 if ok else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads; for everybody else there is no such page."""
    if not _may_measure(request):
        raise Http404
    return HttpResponse(measured.exposition(now=timezone.now()), content_type=CONTENT_TYPE_LATEST)


def _may_measure(request: HttpRequest) -> bool:
    """By the token, where there is one; without, only from this very machine and through no proxy."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    passed_on = settings.BEHIND_PROXY or any(name in request.headers for name in FORWARDED)
    return not passed_on and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
