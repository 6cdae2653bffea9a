"""What the OpenAPI pages say of anchored data; and what it looks like, and its description."""

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from partners.models import Partner

from ..bundle.anchored import MEDIA_TYPE
from ..listing import Page
from ..models import Registration
from ..statements import DataHash, HashAlgorithm, b64, open_statement
from .parsers import COSE
from .schema import _BUSY, _MALFORMED, _REFUSED, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, _List, _list, _text, _words, instant


class Anchored(drf.Serializer[object]):
    """A hash that stands in the log, and where its data is, as its party said."""

    statement = drf.UUIDField(help_text="Its id.")
    hash_alg = _words("By which it was hashed.", HashAlgorithm)
    hash = _text("The hash, base64url.")
    location = _text("A pointer to the data: a URI.")
    preimage_content_type = _text("The data's media type, or null.", allow_null=True)
    entry = _text("The 32 bytes that are logged for it, in hexadecimal.")
    entry_salt = _text("What the entry was salted with, base64url: whoever has statement and salt finds the entry.")
    log_index = drf.IntegerField(help_text="Its place in the log; null until it is integrated.", allow_null=True)
    accepted = drf.DateTimeField(help_text="When it was accepted, UTC.")
    promise = _text("The node's promise to log it in time: a COSE_Sign1, base64url.")
    envelope = _text("The signed statement: a COSE_Sign1, base64url.")
    receipt = _text("Where the proof that it is in the log will be.")
    proof = _text("Where the proof of it all will be, for `unitproof verify`.")


class AnchorList(_List):
    """A page of what the asker has anchored, in the order of acceptance."""

    anchors = Anchored(many=True, help_text="At most 500.")


class AnchorWanted(drf.Serializer[object]):
    """What the node is to sign with the key that it holds for you."""

    statement = drf.UUIDField(help_text="Its id, drawn by you: asked again under it, it is anchored once.")
    hash = _text("The hash, base64url: 32, 48 or 64 bytes.")
    hash_alg = _words("By which it was hashed: `sha-256`, if nothing else is said.", HashAlgorithm, required=False)
    location = _text("A pointer to the data: a URI of 200 characters at most.")
    preimage_content_type = _text("The data's media type.", required=False)


def anchored(row: Registration) -> Members:
    said, entry = open_statement(bytes(row.envelope)).payload, bytes(row.entry.entry).hex()
    assert isinstance(said, DataHash)
    return {
        "statement": said.statement,
        "hash_alg": str(said.hash_alg),
        "hash": b64(said.hash),
        "location": said.location,
        "preimage_content_type": said.preimage_content_type,
        "entry": entry,
        "entry_salt": b64(bytes(row.entry_salt)),
        "log_index": row.entry.index,
        "accepted": instant(row.accepted),
        "promise": b64(bytes(row.promise)),
        "envelope": b64(bytes(row.envelope)),
        "receipt": reverse("statement-receipt", kwargs={"entry": entry}),
        "proof": reverse("anchor-proof", kwargs={"entry": entry}),
    }


def listed(party: Partner, page: Page[Registration]) -> Members:
    return _list(party, page) | {"anchors": [anchored(row) for row in page.rows]}


list_anchors = extend_schema(
    operation_id="listAnchors",
    summary="List what you have anchored",
    description="In the order of acceptance, in pages. `settled` is where to go on the next time.",
    parameters=[OpenApiParameter("after", description="Cursor: `next` or `settled` of an answer.")],
    responses={
        200: OpenApiResponse(AnchorList, description="A page of it."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["anchors"],
)

anchor = extend_schema(
    operation_id="anchor",
    summary="Anchor the hash of data",
    description="Any data: a clinical trial's cut as it was collected, a version of a FHIR resource, a batch record. "
    "What is anchored is its hash, with a pointer to where the data is; the data itself is not sent. As a statement "
    "of kind `data-hash` that you have signed; or, where this node holds a key of yours, as JSON, and the node signs. "
    "The log publishes a salted hash alone: neither hash nor pointer can be seen or guessed from it. Do not name a "
    "patient in the pointer: what you show the proof to will read it.",
    request={COSE: OpenApiTypes.BINARY, "application/json": AnchorWanted},
    responses={
        200: OpenApiResponse(Anchored, description="Anchored before: the same answer as then."),
        201: OpenApiResponse(Anchored, description="Anchored, and promised to the log. `Location` is its proof."),
        **_REFUSED,
    },
    tags=["anchors"],
)

proof = extend_schema(
    operation_id="anchorProof",
    summary="The proof of anchored data",
    description="One file with everything a stranger needs: `unitproof verify FILE --policy POLICY --data DATA` says "
    "who anchored it, before when, and whether these are the bytes. For whoever anchored it, who may show it to "
    "anybody.",
    parameters=[
        OpenApiParameter("entry", str, OpenApiParameter.PATH, pattern="^[0-9a-f]{64}$", description="In hex."),
        OpenApiParameter("anchors", enum=["1"], description="With time stamps (RFC 3161), if there are any."),
    ],
    responses={
        (200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, description="The proof."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_problem(409, "It is not yet in the log.", "not_integrated", "ask again in a moment"),
        **_BUSY,
    },
    tags=["anchors"],
)
