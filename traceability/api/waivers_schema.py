"""What waivers are on the wire, and what the OpenAPI pages say of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ledger.models import Entry
from partners.models import Waiver as Row

from ..statements import WaivedRule, WaiverKind
from .schema import _BUSY, _MALFORMED, _UNAUTHENTICATED
from .serializers import Members, _gln, _text, _words, instant


class WaiverShown(drf.Serializer[Any]):
    """A record that some rules do not hold."""

    entry = _text("The entry of its statement in the log, in hexadecimal: answers name it.")
    waiver = _words("Why.", WaiverKind)
    about = _gln("the party whose it is; of products, of who may issue them.")
    rules = drf.ListField(
        child=drf.ChoiceField(choices=[str(each) for each in WaivedRule]), help_text="Which do not hold."
    )
    gtins = drf.ListField(child=drf.CharField(), help_text="Of these products; none: of all.")
    basis = _text("What it is based on.")
    document = _text("SHA-256 of the document that says so, in hexadecimal.")
    vouched_by = _gln("whoever said it.")
    valid_from = drf.DateTimeField(help_text="Since when.")
    valid_to = drf.DateTimeField(help_text="The first instant at which it no longer holds, or null.", allow_null=True)
    in_force = drf.BooleanField(help_text="Whether it holds now: in its time, and not taken back.")


class WaiverPage(drf.Serializer[Any]):
    waivers = WaiverShown(many=True, help_text="At most 100, the latest first.")
    next = _text("For `before`: where the next page begins; null on the last.", allow_null=True)


def listed(rows: Sequence[Row], now: datetime) -> list[Members]:
    entries = Entry.objects.in_bulk([row.registered for row in rows])
    return [_waiver(row, bytes(entries[row.registered].entry).hex(), now) for row in rows]


def _waiver(row: Row, entry: str, now: datetime) -> Members:
    is_on = row.valid_from <= now and (row.valid_to is None or now < row.valid_to)
    return {
        "entry": entry,
        "waiver": row.kind,
        "about": row.partner_id,
        "rules": row.rules,
        "gtins": row.gtins,
        "basis": row.basis,
        "document": bytes(row.document).hex(),
        "vouched_by": row.vouched_by,
        "valid_from": instant(row.valid_from),
        "valid_to": row.valid_to and instant(row.valid_to),
        "in_force": is_on and row.revoked is None,
    }


list_waivers = extend_schema(
    operation_id="listWaivers",
    summary="List waivers",
    description="Records that some rules do not hold, from when until when and on which document: those about you, and "
    "those of products, which hold whoever trades them. They are registered as statements of kind `waiver`: by an "
    "authority; of products, by whoever may issue them; of its drop shipments, by whoever sells so.",
    parameters=[OpenApiParameter("before", OpenApiTypes.INT, description="As `next` of the page before has it.")],
    responses={200: OpenApiResponse(WaiverPage, description="A page."), **_MALFORMED, **_UNAUTHENTICATED, **_BUSY},
    tags=["statements"],
)
