"""The resources of anchored data: a hash with a signed pointer, and later its proof. Thin, as `views.py`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from .. import data_hashes
from ..bundle.anchored import MEDIA_TYPE
from ..epcis.errors import DocumentError
from ..epcis.values import Raw
from ..listing import said_by
from ..models import Registration
from ..statements import DIGEST, MEDIA, URI, DataHash, Form, HashAlgorithm, one_of, read
from . import anchors_schema as schema
from .parsers import COSE, JsonDocument, Statement, body
from .serial_numbers import _members, _text
from .views import Resource, _after, _flag, _media_type, _partner

NEEDED, OTHERS = ("statement", "hash", "location"), ("hash_alg", "preimage_content_type")


class Anchors(Resource):
    parser_classes = (Statement, JsonDocument)

    @schema.list_anchors
    def get(self, request: Request) -> Response:
        """What the asker has anchored."""
        partner = _partner(request)
        page = said_by(partner, DataHash.kind(), _after(request), now=timezone.now())
        return Response(schema.listed(partner, page))

    @schema.anchor
    def post(self, request: Request) -> Response:
        """A signed statement about data; or what is to be said in one, where this node holds the asker's key."""
        partner, now = _partner(request), timezone.now()
        if _media_type(request.content_type) == COSE:
            row, created = data_hashes.anchor(body(request), now=now)
        else:
            row, created = data_hashes.anchor_for(partner, _wanted(request), now=now)
        return Response(schema.anchored(row), status=201 if created else 200, headers={"Location": _location(row)})


class AnchorProof(Resource):
    @schema.proof
    def get(self, request: Request, entry: str) -> HttpResponse:
        """The proof of what the asker has anchored in this entry."""
        made = data_hashes.proof_for(_partner(request), bytes.fromhex(entry), anchored=_flag(request, "anchors"))
        headers = {"Content-Disposition": f'attachment; filename="{entry[:16]}.unitproof"'}
        return HttpResponse(made, content_type=MEDIA_TYPE, headers=headers)


def _location(row: Registration) -> str:
    return reverse("anchor-proof", kwargs={"entry": bytes(row.entry.entry).hex()})


def _wanted(request: Request) -> data_hashes.Wanted:
    said = _members(request, NEEDED, OTHERS)
    try:
        statement = UUID(_text(said, "statement"))
    except ValueError:
        expected, found = "a UUID, drawn by you", repr(said["statement"])[:80]
        raise DocumentError("not an id", code="bad_value", where="statement", expected=expected, found=found) from None
    return data_hashes.Wanted(
        statement,
        _read(said, "hash_alg", one_of(HashAlgorithm)) or HashAlgorithm.SHA_256,
        _read(said, "hash", DIGEST),
        _read(said, "location", URI),
        _read(said, "preimage_content_type", MEDIA),
    )


def _read(said: Mapping[str, Raw], name: str, form: Form) -> Any:
    return read(form, _text(said, name), name) if said.get(name) is not None else None
