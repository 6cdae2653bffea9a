"""Who operates which place, by the location statements in the log."""

from datetime import datetime

from .errors import PartnerError
from .gs1.application_identifiers import check
from .models import Location, Partner


def operate(
    gln: str,
    place: str,
    *,
    name: str,
    valid_from: datetime,
    valid_to: datetime | None,
    vouched_by: str,
    number: int,
) -> None:
    """From the entry of this number on, the party is known to operate the place in that time."""
    check("414", place)  # what is in the log stays there
    if place != gln and Partner.objects.filter(gln=place).exists():  # its own acts would become another's
        raise PartnerError("a party's own GLN is no other's place", code="anothers_gln", where="place", found=place)
    if valid_to is not None and valid_to <= valid_from:
        raise PartnerError("ends before it begins", code="empty_period", where="valid-to", found=valid_to.isoformat())
    Location.objects.create(
        operator_id=gln,
        gln=place,
        name=name,
        valid_from=valid_from,
        valid_to=valid_to,
        vouched_by=vouched_by,
        registered=number,
    )
