"""What the OpenAPI pages say of regulators' cases; and what a case looks like, and its description."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from partners.models import Case as Row
from partners.models import Partner

from .parsers import COSE
from .schema import _BUSY, _MALFORMED, _REFUSED, _UNAUTHENTICATED, _UNKNOWN
from .serializers import Members, _gln, _text, instant


class CaseWanted(drf.Serializer[Any]):
    """What the node is to sign with the key that it holds for you, a regulator."""

    statement = drf.UUIDField(help_text="Its id, drawn by you: asked again under it, it is opened once.")
    case = _text("Its number, as you write it; several statements of one number make one case.")
    gtin = _text("The product that it is about: a GTIN-14.")
    lot = _text("Of that, only a lot.", required=False)
    serials = drf.ListField(child=drf.CharField(), help_text="Of that, only these serial numbers.", required=False)
    reason = _text("Why, for those whom it concerns.")
    valid_to = drf.DateTimeField(help_text="When it expires, UTC, as `2027-01-31T00:00:00Z`.")


class Case(drf.Serializer[Any]):
    """A regulator's case: within it, it may read whole histories."""

    case = _text("Its number.")
    entry = _text("Its entry in the log, in hexadecimal.")
    regulator = _gln("whose case it is.")
    gtin = _text("The product that it is about.")
    lot = _text("Of that, only this lot; or null. To whom it concerns only as far as it says so.", allow_null=True)
    serials = drf.ListField(
        child=drf.CharField(), help_text="Of that, only these; the regulator's own to know; else null.", allow_null=True
    )
    reason = _text("Why.")
    valid_to = drf.DateTimeField(help_text="When it expires, UTC.")
    is_open = drf.BooleanField(help_text="Whether it is open now: neither closed nor expired.")


class CasePage(drf.Serializer[Any]):
    """A page of them, the latest first."""

    cases = Case(many=True, help_text="At most 50.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


def case(row: Row, reader: Partner, entries: Mapping[int, str], now: datetime) -> Members:
    return {
        "case": row.number,
        "entry": entries[row.registered],
        "regulator": row.partner_id,
        "gtin": row.gtin,
        "lot": row.lot,
        "serials": row.serials if reader.gln == row.partner_id else None,
        "reason": row.reason,
        "valid_to": instant(row.valid_to),
        "is_open": row.revoked is None and row.valid_to > now,
    }


_ENTRY = OpenApiParameter(
    "entry", str, OpenApiParameter.PATH, pattern="^[0-9a-f]{64}$", description="Of the case, in hexadecimal."
)

list_cases = extend_schema(
    operation_id="listCases",
    summary="List regulators' cases",
    description="Of a regulator its own; of others those that concern them: about a product that they may issue, or "
    "under which something was read that they had a part in. What was read, `/items/readers` tells of each item.",
    parameters=[OpenApiParameter("before", description="Cursor: `next` of the page before.")],
    responses={
        200: OpenApiResponse(CasePage, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["cases"],
)

open_case = extend_schema(
    operation_id="openCase",
    summary="Open a case",
    description="For regulators: until it expires or is closed, whole histories of what it names may be read; each "
    "reading is recorded with its number, and whoever has a part in it is told. As a statement of kind `case` that you "
    "have signed; or, where this node holds a key of yours, as JSON, and the node signs.",
    request={COSE: OpenApiTypes.BINARY, "application/json": CaseWanted},
    responses={
        200: OpenApiResponse(Case, description="Opened before, by this statement."),
        201: OpenApiResponse(Case, description="Opened, and promised to the log."),
        **_REFUSED,
    },
    tags=["cases"],
)

close = extend_schema(
    operation_id="closeCase",
    summary="Close a case",
    description="Signed with the key that this node holds for you; whoever signs itself hands in a `revocation` of its "
    "entry at `/statements`.",
    parameters=[_ENTRY],
    request=None,
    responses={
        200: OpenApiResponse(Case, description="Closed: nothing more is read under it."),
        **_REFUSED,
        **_UNKNOWN,
    },
    tags=["cases"],
)
