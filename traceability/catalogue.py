"""What is told of products and places, for whoever may read it: a page, what is looked for, or all of one thing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from django.conf import settings
from django.db.models import Q, QuerySet

from partners import access
from partners.access import Purpose
from partners.descriptions import known, places_shown_to, products_shown_to, sees_all, told_for_themselves
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import gln_of
from partners.gs1.ndc import TEN, Format, Ndc
from partners.models import Description, Partner, Place, Product

from .master_files import PRODUCTS, Kind

A_PAGE = 100  # products, or places
Row: TypeAlias = Product | Place


@dataclass(frozen=True)
class Listed:
    """A row, and whether it is what is said of a pack of the product today."""

    row: Row
    counts: bool


def page(
    kind: Kind, reader: Partner, *, text: str = "", after: int = 0, now: datetime
) -> tuple[list[Listed], int | None]:
    """What stands of a page of things, by their keys, of which the last is the cursor of the next; None: there is
    none. A few queries."""
    rows = _shown_to(kind, reader).filter(replaced=None)
    found = rows.filter(_looked_for(kind, text.strip())) if text.strip() else rows
    later = found.filter(**{f"{kind.key}__gt": f"{after:0{_LENGTHS[kind.key]}}"}) if after else found
    keys = list(later.order_by(kind.key).values_list(kind.key, flat=True).distinct()[: A_PAGE + 1])
    some = keys[:A_PAGE]
    following = int(some[-1]) if len(keys) > A_PAGE else None
    return _listed(kind, reader, rows.filter(**{f"{kind.key}__in": some}), now), following


_LENGTHS = {"gtin": 14, "gln": 13}


def history(kind: Kind, reader: Partner, key: str, *, now: datetime) -> list[Listed]:
    """All that was ever told of one thing; what stands comes first, the newest of it, then what it has replaced."""
    rows = _listed(kind, reader, _shown_to(kind, reader).filter(**{kind.key: key}), now)
    return sorted(rows, key=lambda each: (each.row.replaced is None, each.row.valid_from, each.row.said), reverse=True)


def _listed(kind: Kind, reader: Partner, rows: QuerySet[Product] | QuerySet[Place], now: datetime) -> list[Listed]:
    shown: Sequence[Row] = list(rows)
    if sees_all(reader, settings.OPERATOR_GLN):
        others = told_for_themselves([row for row in shown if row.told_by != reader.gln], settings.OPERATOR_GLN)
        access.record_all(reader, others, kind.name, Purpose.TRACING, now=now)
    today = now.astimezone(UTC).date()
    if kind is not PRODUCTS:
        return [Listed(row, row.replaced is None and row.on(today)) for row in shown]
    told = known({row.gtin for row in shown if isinstance(row, Product)}, today, operator=settings.OPERATOR_GLN)
    count = {each.row for each in told.values()}
    return [Listed(row, row.pk in count) for row in shown]


def _shown_to(kind: Kind, reader: Partner) -> QuerySet[Product] | QuerySet[Place]:
    shown = products_shown_to if kind is PRODUCTS else places_shown_to
    return shown(reader, settings.OPERATOR_GLN)


def _looked_for(kind: Kind, text: str) -> Q:
    """A number, as people have it in hand; else some of a name."""
    if kind is not PRODUCTS:
        return Q(gln=gln_of(text)) if gln_of(text) else Q(name__icontains=text) | Q(city__icontains=text)
    if not text.replace("-", "").isdecimal() or not text.isascii():
        return Q(name__icontains=text) | Q(labeler__icontains=text)
    return Q(gtin=text.zfill(14)) | Q(ndc12__in=[ndc.twelve.digits for ndc in _ndcs(text)])


def _ndcs(text: str) -> Iterator[Ndc]:
    """All that the text may be."""
    for form in Format if len(text) == TEN and "-" not in text else (None,):
        try:
            yield Ndc.parse(text, form)
        except Gs1Error:
            continue


def teller(row: Description) -> str:
    """`fda`, `operator`, or the GLN of the party that tells it."""
    return {Description.FDA: "fda", settings.OPERATOR_GLN: "operator"}.get(row.told_by, row.told_by)
