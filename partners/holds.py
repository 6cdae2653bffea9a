"""Which goods stay where they are, by the hold statements in the log (FORMATS section 5)."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from .models import Hold, Partner, Role
from .prefixes import licensees


def in_force(number: int | None) -> QuerySet[Hold]:
    """For what was accepted under this number; None: for what is accepted now."""
    if number is None:
        return Hold.objects.filter(revoked=None)
    return Hold.objects.filter(Q(revoked=None) | Q(revoked__gt=number), registered__lt=number)


def of_products(gtins: Iterable[str], number: int | None) -> dict[str, list[Hold]]:
    """The holds on each of these products, or on part of it: one query."""
    found: dict[str, list[Hold]] = {}
    for row in in_force(number).filter(gtin__in=set(gtins)):
        found.setdefault(row.gtin or "", []).append(row)
    return found


def may_hold_product(gln: str, gtin: str | None) -> bool:
    """Whether a party may hold up a product wherever it is: who may issue it, and regulators."""
    if Partner.objects.filter(gln=gln, role=Role.REGULATOR).exists():
        return True
    if gtin is None:
        return False
    return any(prefix.partner_id == gln and prefix.in_force(None) for prefix in licensees([gtin])[gtin])
