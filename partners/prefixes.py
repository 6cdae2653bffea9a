"""Who may issue which product, by the prefix statements in the log (FORMATS section 5)."""

from collections.abc import Iterable

from .gs1.application_identifiers import check
from .models import Prefix

GTIN_LENGTH = 14
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


def licensees(gtins: Iterable[str]) -> dict[str, list[Prefix]]:
    """Of each GTIN-14, the statements that let somebody issue it, oldest first: one query."""
    names = {gtin: names_of(gtin) for gtin in gtins}
    rows: dict[str, list[Prefix]] = {}
    for row in Prefix.objects.filter(digits__in={name for group in names.values() for name in group}):
        rows.setdefault(row.digits, []).append(row)
    return {
        gtin: sorted((row for name in group for row in rows.get(name, ())), key=lambda row: row.registered)
        for gtin, group in names.items()
    }
