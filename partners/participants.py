"""Who takes part in this node, by what its operator or its governors have said in the log."""

from django.core.exceptions import ValidationError

from .errors import PartnerError
from .models import Location, Partner


def admit(gln: str, *, name: str, role: str, number: int) -> Partner:
    """From the entry of this number on, the party takes part; said again, as what is said now."""
    partner = Partner.objects.filter(gln=gln).first() or Partner(gln=gln)
    if Location.objects.filter(gln=gln).exclude(operator=gln).exists():
        raise PartnerError("this is another party's place", code="anothers_gln", where="about", found=gln)
    partner.name, partner.role, partner.admitted, partner.left = name, role, number, None
    try:
        partner.full_clean(validate_unique=False)
    except ValidationError as error:
        field, why = next(iter(error.message_dict.items()))
        raise PartnerError(" ".join(why), code="not_a_partner", where=field) from error
    partner.save()
    return partner


def leave(gln: str, *, number: int) -> None:
    """From the entry of this number on, the party hands nothing in, and its systems do not log in."""
    if not Partner.objects.filter(gln=gln, left=None).update(left=number):
        raise PartnerError("no partner that takes part", code="unknown_partner", where="about", found=gln)
