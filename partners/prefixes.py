"""Who may issue which product, by the prefix statements in the log (FORMATS section 5)."""

from collections.abc import Callable, Iterable, Sequence

from django.db.models import Q
from django.db.models.functions import Substr

from . import prepared
from .gs1.application_identifiers import check
from .models import Prefix

GTIN_LENGTH = 14
BATCH = 100  # names asked for at once: SQLite takes so many conditions, and no more than ten times as many
COMPANY_PREFIX = range(4, 13)  # digits (GS1 General Specifications section 1.4.4)


def names_of(gtin: str) -> list[str]:
    """Whatever a prefix statement could call this GTIN-14 by: itself, or a company prefix behind its first digit.

    >>> names_of("00614141123452")[:3]
    ['00614141123452', '0614', '06141']
    """
    return [gtin, *(gtin[1 : 1 + length] for length in COMPANY_PREFIX)]


def grant_prefix(gln: str, digits: Iterable[str], *, vouched_by: str, vouched_kid: bytes, number: int) -> None:
    """From the entry of this number on, the party may issue these GTINs and all GTINs of these company prefixes."""
    names = list(digits)
    for name in names:
        if len(name) == GTIN_LENGTH:
            check("01", name)  # what is in the log stays there: better not a GTIN that nothing can have
    Prefix.objects.bulk_create(
        Prefix(partner_id=gln, digits=name, vouched_by=vouched_by, vouched_kid=vouched_kid, registered=number)
        for name in names
    )


def overlaps(one: str, other: str) -> bool:
    """Whether there is a GTIN-14 that both names cover; a GTIN covers itself, a company prefix what has it behind the
    first digit.

    >>> overlaps("0614141", "061414"), overlaps("0614141", "50614141123457"), overlaps("0614141", "0614142")
    (True, True, False)
    """
    if len(one) == len(other) == GTIN_LENGTH:
        return one == other
    shorter, longer = sorted(map(_behind_indicator, (one, other)), key=len)
    return longer.startswith(shorter)


def _behind_indicator(name: str) -> str:
    return name[1:] if len(name) == GTIN_LENGTH else name


def held_by_others(gln: str, digits: Sequence[str], *, before: int) -> dict[str, list[Prefix]]:
    """By each of these names that covers what another party may issue: what that one holds, by entries before this
    number, oldest first."""
    in_force = Q(registered__lt=before) & (Q(revoked=None) | Q(revoked__gt=before))
    others = Prefix.objects.exclude(partner_id=gln).filter(in_force).order_by("registered", "digits")
    held: dict[str, list[Prefix]] = {}
    for at in range(0, len(digits), BATCH):
        some = digits[at : at + BATCH]
        found: list[Prefix] = list(others.annotate(behind=Substr("digits", 2)).filter(_near(some)))
        held |= {name: [row for row in found if overlaps(name, row.digits)] for name in some}
    return {name: rows for name, rows in held.items() if rows}


def _near(digits: Iterable[str]) -> Q:
    """A little more than what these names overlap."""
    near = Q(digits__in={shorter for name in digits for shorter in _covering(name)})
    for name in digits:
        if len(name) != GTIN_LENGTH:
            near |= Q(digits__startswith=name) | Q(behind__startswith=name)
    return near


def _covering(name: str) -> list[str]:
    """Itself, and every company prefix that covers all of it."""
    behind = _behind_indicator(name)
    return [name, *(behind[:length] for length in COMPANY_PREFIX if length < len(behind))]


def licensee(gtin: str) -> str | None:
    """The GLN of who may issue this GTIN-14 now; of several, who was first to be let. One query, and a quick one."""
    found = prepared.fetch(_LICENSEE, names_of(gtin))
    return str(found[0][0]) if found else None


_LICENSEE = f"""SELECT partner_id FROM partners_prefix WHERE revoked IS NULL
AND digits IN ({", ".join(["%s"] * (1 + len(COMPANY_PREFIX)))}) ORDER BY registered LIMIT 1"""  # noqa: S608 - a constant


def is_issued(names: Sequence[str]) -> bool:
    """Whether somebody may issue by one of these company prefixes now."""
    return Prefix.objects.filter(digits__in=names, revoked=None).exists()


def licensees(gtins: Iterable[str]) -> dict[str, list[Prefix]]:
    """Of each GTIN-14, the statements that let somebody issue it, revoked or not, oldest first: one query."""
    names = {gtin: names_of(gtin) for gtin in gtins}
    rows: dict[str, list[Prefix]] = {}
    for row in Prefix.objects.filter(digits__in={name for group in names.values() for name in group}):
        rows.setdefault(row.digits, []).append(row)
    return {
        gtin: sorted((row for name in group for row in rows.get(name, ())), key=lambda row: row.registered)
        for gtin, group in names.items()
    }


def issued_by(gln: str) -> Callable[[str], bool]:
    """Whether a party may issue a GTIN-14 now: one query, for any number of them."""
    names = frozenset(Prefix.objects.filter(partner_id=gln, revoked=None).values_list("digits", flat=True))
    lengths = [length for length in COMPANY_PREFIX if any(len(name) == length for name in names)]

    def may_issue(gtin: str) -> bool:
        return gtin in names or any(gtin[1 : 1 + length] in names for length in lengths)

    return may_issue
