"""Hold goods up, and let them go: signed with the key that the node holds, or by the command that a party types."""

from shlex import quote
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.models import Entry
from ledger.tlog.errors import LogError
from partners.gs1.errors import Gs1Error
from partners.models import Hold, Partner, Prefix

from .. import custodial, statements
from ..epcis.errors import DocumentError
from ..errors import NotFound, Refusal
from ..moving import Thing
from ..saying import say
from ..statements import HoldKind
from .codes import CODES
from .page import for_partners, page
from .refusals import acts, takes
from .things import printed
from .timeline import People

SHOWN = 200  # holds on a page
_TYPED = {"autocomplete": "off", "spellcheck": "false"}


def _typed(label: str, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=200, widget=forms.TextInput(_TYPED), **options)


class HoldForm(forms.Form):
    """What is held, and why. What is wrong with it, the statement says."""

    hold = forms.ChoiceField(label="Kind", choices=[(kind.value, kind.value.capitalize()) for kind in HoldKind])
    scan = _typed("A pack or container", help_text="scan it; or fill in a product:")
    gtin = _typed("Product code (GTIN)", help_text="14 digits: all of it, or of it only")
    lot = _typed("Lot")
    first = _typed("Serial numbers from")
    last = _typed("to")
    reason = forms.CharField(label="Why", max_length=200, widget=forms.TextInput(_TYPED))

    def members(self) -> dict[str, Any]:
        """Of the statement."""
        said = self.cleaned_data
        scan = said["scan"].strip()
        epc = Thing.scanned(scan, "scan", now().date()).epc if scan else None
        typed = {name: said[name].strip() or None for name in ("gtin", "lot", "first", "last")}
        return {"hold": HoldKind(said["hold"]), "reason": said["reason"].strip(), "epc": epc, **typed}


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def holds(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The form, and what is held: by the reader, and by others of products that are the reader's to issue."""
    form = HoldForm(request.POST if request.method == "POST" else None)
    around: dict[str, Any] = {"status": 200}
    if form.is_bound:
        around = _did(form, reader)
        if not around:
            return redirect("holds")
    rows = list(_concerning(reader))
    people, entries = People(row.partner_id for row in rows), Entry.objects.in_bulk([row.registered for row in rows])
    shown = [
        (row, people.named(row.partner_id), bytes(entries[row.registered].entry).hex(), _about(row)) for row in rows
    ]
    return page(request, "holds", here="work", form=form, found=shown,
                custodial=custodial.key_of(reader) is not None, **around)  # fmt: skip


@never_cache
@acts
@for_partners
def release(request: HttpRequest, reader: Partner) -> HttpResponse:
    """Let go of what the reader holds up."""
    said = request.POST
    try:
        row = _own(reader, said.get("hold", ""))
        say(reader, statements.Release, now=now(), entry=row, reason=said.get("reason", "").strip())
    except (Refusal, DocumentError, LogError) as error:
        return _refused(request, error)
    return redirect("holds")


def _did(form: HoldForm, reader: Partner) -> dict[str, Any]:
    """Nothing, where it is signed; else what there is to say."""
    if not form.is_valid():
        return {"status": 422}
    try:
        members = form.members()
        if custodial.key_of(reader) is None:
            return {"status": 200, "command": _command(members, reader)}
        say(reader, statements.Hold, now=now(), **members)
    except (Refusal, DocumentError, Gs1Error, LogError) as error:
        return {"status": getattr(error, "status", 422), "refusal": error, "meaning": CODES.get(error.code)}
    return {}


def _own(reader: Partner, number: str) -> str:
    """The entry of a hold of the reader's that is in force."""
    key = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0
    row = Hold.objects.filter(pk=key, partner=reader, revoked=None).first()
    if row is None:
        raise NotFound("you hold nothing up by this", where="hold")
    return bytes(Entry.objects.get(number=row.registered).entry).hex()


def _concerning(reader: Partner) -> Any:
    mine = Q()
    for digits in Prefix.objects.filter(partner=reader, revoked=None).values_list("digits", flat=True):
        mine |= Q(gtin=digits) if len(digits) == 14 else Q(gtin__regex=f"^.{digits}")
    found = Hold.objects.filter(Q(partner=reader) | mine if mine else Q(partner=reader), revoked=None)
    return found.order_by("-registered")[:SHOWN]


def _about(row: Hold) -> str:
    if row.epc:
        return printed(row.epc)
    span = f", {row.first} to {row.last}" if row.first else ""
    return f"(01){row.gtin}" + (f", lot {row.lot}" if row.lot else "") + span


def _command(members: dict[str, Any], reader: Partner) -> str:
    """The same on the command line, for whoever signs itself."""
    said = [f"unitproof hold {members['hold']} --reason {quote(members['reason'])}"]
    said += [f"--{name} {quote(members[name])}" for name in ("epc", "gtin", "lot", "first", "last") if members[name]]
    return " \\\n  ".join([*said, f"--gln {reader.gln} --key YOUR.pem --node NODE"])


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    status = getattr(error, "status", 422)
    return page(request, "refused", status=status, refusal=error, meaning=CODES.get(error.code))
