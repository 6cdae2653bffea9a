"""What a product is, by whoever has most right to say it; and who may read what is told of products and places.

    the party that may issue it ─> the operator of this node ─> the FDA's directory

The first of them that tells of it on the day is believed, alone: what it leaves open is not filled in from another.
What others tell of it is kept, and shown to those who told it; it is nobody's answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Length, Substr

from .access import reads_all
from .models import Description, Location, Partner, Place, Prefix, Product
from .prefixes import BATCH, licensees

TOLD = ("ndc", "name", "strength", "dosage_form", "container_size", "labeler")
"""What a verdict shows of a product, in this order."""


@dataclass(frozen=True, slots=True)
class Told:
    """A row, as far as it is shown, and whether its teller may issue the product."""

    licensed: bool
    row: int
    told_by: str  # GLN, or FDA
    source: str
    valid_from: date
    valid_to: date | None
    ndc: str
    name: str
    strength: str
    dosage_form: str
    container_size: str
    labeler: str


def believed(told: Iterable[Told], on: date, operator: str) -> Told | None:
    """What holds on this day; None: nobody who counts has told of it."""
    standing = (each for each in told if each.valid_from <= on and (each.valid_to is None or on < each.valid_to))
    ranked = [(rank, -each.row, each) for each in standing if (rank := _rank(each, operator)) is not None]
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _rank(told: Told, operator: str) -> int | None:
    if told.licensed:
        return 0
    return {operator: 1, Description.FDA: 2}.get(told.told_by)


def known(gtins: Iterable[str], on: date, *, operator: str) -> Mapping[str, Told]:
    """Of each GTIN-14 that anybody who counts has told of, what is believed on this day. For a page of them, or a
    document: two queries for every hundred."""
    wanted, found = sorted(set(gtins)), dict[str, Told]()
    for at in range(0, len(wanted), BATCH):
        some = wanted[at : at + BATCH]
        rows = dict[str, list[Product]]()
        for row in Product.objects.filter(gtin__in=some, replaced=None):
            rows.setdefault(row.gtin, []).append(row)
        may = {
            gtin: {prefix.partner_id for prefix in prefixes if prefix.in_force(None)}
            for gtin, prefixes in licensees(rows).items()
        }
        for gtin, several in rows.items():
            told = believed((_told(row, row.told_by in may[gtin]) for row in several), on, operator)
            if told is not None:
                found[gtin] = told
    return found


def _told(row: Product, licensed: bool) -> Told:
    shown = {name: getattr(row, name) for name in TOLD}
    return Told(licensed, row.pk, row.told_by, row.source, row.valid_from, row.valid_to, **shown)


def known_places(glns: Iterable[str], on: date, *, operator: str) -> Mapping[str, Place]:
    """Of each place or party that anybody who counts has told of, what holds on this day: its own word, or that of
    whoever operates it, before that of the node's operator. Two queries."""
    named = sorted(set(glns))
    own = {(gln, gln) for gln in named} | set(Location.objects.filter(gln__in=named).values_list("gln", "operator_id"))
    found = dict[str, Place]()
    for row in Place.objects.filter(gln__in=named, replaced=None).order_by("pk"):
        is_own = (row.gln, row.told_by) in own
        if row.on(on) and (is_own or row.told_by == operator):
            before = found.get(row.gln)
            if before is None or is_own or (before.gln, before.told_by) not in own:
                found[row.gln] = row
    return found


def products_shown_to(reader: Partner, operator: str) -> QuerySet[Product]:
    """What a party may read of what is told of products: its own, and what counts, or did. Whoever reads all, or
    operates the node, reads what others have told, too."""
    rows = Product.objects.all()
    return rows if sees_all(reader, operator) else rows.filter(Q(told_by=reader.gln) | _product_counts(operator))


def places_shown_to(reader: Partner, operator: str) -> QuerySet[Place]:
    """The same of places: what counts is told by whose they are."""
    rows = Place.objects.all()
    return rows if sees_all(reader, operator) else rows.filter(Q(told_by=reader.gln) | _place_counts(operator))


def sees_all(reader: Partner, operator: str) -> bool:
    """Whether a party reads what others have told for themselves: each such reading is recorded."""
    return reader.gln == operator or reads_all(reader)


def told_for_themselves(rows: Iterable[Product | Place], operator: str) -> set[str]:
    """Of which things these rows, all of one kind, tell what is nobody's answer: keys. One query."""
    found = list(rows)
    if not found:
        return set()
    some = Q(pk__in=[row.pk for row in found])
    if isinstance(found[0], Product):
        counting = set(Product.objects.filter(some, _product_counts(operator)).values_list("pk", flat=True))
    else:
        counting = set(Place.objects.filter(some, _place_counts(operator)).values_list("pk", flat=True))
    return {row.gtin if isinstance(row, Product) else row.gln for row in found if row.pk not in counting}


def _product_counts(operator: str) -> Q:
    issues = Prefix.objects.filter(partner_id=OuterRef("told_by")).filter(
        Q(digits=OuterRef("gtin")) | Q(digits=Substr(OuterRef("gtin"), 2, Length("digits")))
    )
    return Q(told_by__in=(operator, Description.FDA)) | Q(Exists(issues))


def _place_counts(operator: str) -> Q:
    operates = Location.objects.filter(operator_id=OuterRef("told_by"), gln=OuterRef("gln"))
    return Q(told_by=operator) | Q(told_by=F("gln")) | Q(Exists(operates))
