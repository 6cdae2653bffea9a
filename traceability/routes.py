"""The look-up directory: who answers verification requests about which product, and from when to when.

A GTIN's own route counts before that of its company prefix, and a longer prefix before a shorter one; of several that
are in force, the one that began last.
"""

from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import Q

from partners.gs1.application_identifiers import check
from partners.prefixes import COMPANY_PREFIX, GTIN_LENGTH, names_of

from .errors import NotFound, Refusal
from .models import VrsRoute

LONGEST_URL = 500  # characters


class MalformedRoute(Refusal):
    """Nothing that could be asked."""

    code = "malformed_route"
    status = 422


def set_route(digits: str, responder: str, url: str, *, valid_from: datetime, valid_to: datetime | None) -> VrsRoute:
    """From a time on, this responder answers at this address; said again for the same beginning, as what is said now.

    Raises `Gs1Error` for numbers that are none, and `MalformedRoute`.
    """
    check("417", responder)
    if len(digits) == GTIN_LENGTH:
        check("01", digits)
    elif not (digits.isascii() and digits.isdigit() and len(digits) in COMPANY_PREFIX):
        expected = "a GTIN-14, or a company prefix of 4 to 12 digits"
        raise MalformedRoute("not a product", where="digits", expected=expected, found=digits[:40])
    if valid_to is not None and valid_to <= valid_from:
        raise MalformedRoute("ends before it begins", where="valid-to", found=valid_to.isoformat())
    said = {"responder": responder, "url": _checked(url), "valid_to": valid_to}
    route, _ = VrsRoute.objects.update_or_create(digits=digits, valid_from=valid_from, defaults=said)
    return route


def _checked(url: str) -> str:
    """What addresses begin with. Where it leads is looked at each time it is asked: names change what they mean."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        wrong = parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None
    except ValueError:
        wrong = True
    if wrong or "?" in url or "#" in url or not url.isascii() or not url.isprintable() or " " in url:
        expected = "https://, a host and a path: no user, no query, no fragment"
        raise MalformedRoute("not what an address begins with", where="url", expected=expected, found=url[:80])
    if len(url) > LONGEST_URL:
        raise MalformedRoute("too long", where="url", expected=f"at most {LONGEST_URL} characters")
    return url.rstrip("/")


def end_route(digits: str, *, at: datetime) -> list[VrsRoute]:
    """From a time on, nobody is asked by these digits: what was in force ends, and what had not begun never does."""
    routes = VrsRoute.objects.filter(digits=digits)
    ending = list(routes.filter(Q(valid_to=None) | Q(valid_to__gt=at), valid_from__lt=at))
    later = list(routes.filter(valid_from__gte=at))
    if not ending and not later:
        raise NotFound("no such route is in force", where="digits", found=digits[:40])
    VrsRoute.objects.filter(pk__in=[row.pk for row in ending]).update(valid_to=at)
    routes.filter(pk__in=[row.pk for row in later]).delete()
    return [*ending, *later]


def route_for(gtin: str, *, at: datetime) -> VrsRoute | None:
    """Whom to ask about a GTIN-14 at a time: one query."""
    rows = VrsRoute.objects.filter(Q(valid_to=None) | Q(valid_to__gt=at), digits__in=names_of(gtin), valid_from__lte=at)
    return max(rows, key=lambda row: (len(row.digits), row.valid_from), default=None)
