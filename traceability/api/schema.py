"""What the OpenAPI pages say of each resource: one decorator a view, so that the views stay code."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)

from ledger.tlog.receipt import MEDIA_TYPE
from partners.access import Purpose

from ..dscsa.verification import REASONS
from . import serializers
from .errors import CONTENT_TYPE
from .parsers import COSE, DOCUMENTS

NDJSON = "application/x-ndjson"
BUNDLE = "application/vnd.unitproof.bundle+cbor"


def _problem(status: int, when: str, code: str, detail: str, **members: str) -> dict[Any, OpenApiResponse]:
    """An answer that is a problem document, with an example of it."""
    value = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        **members,
    }
    example = OpenApiExample(code, value, media_type=CONTENT_TYPE, status_codes=[str(status)])
    return {(status, CONTENT_TYPE): OpenApiResponse(serializers.Problem, description=when, examples=[example])}


_MALFORMED = _problem(
    400,
    "Not in its form: `where` says where, `expected` and `found` what.",
    "bad_check_digit",
    "AI 01: wrong check digit in 00614141123453",
    expected="2",
    found="3",
)
_UNAUTHENTICATED = _problem(
    401, "No token, or one that does not count.", "not_authenticated", "Authentication credentials were not provided."
)
_UNKNOWN = _problem(404, "Not there, or not yours to know of.", "not_found", "This was not found.")
_ERASED = _problem(
    410, "It rests on something that was erased since, by a statement in the log.", "erased", "part of it was erased"
)
_BUSY = _problem(
    503,
    "Others are changing the same things. `Retry-After` says when to try again; nothing was stored.",
    "busy",
    "Others are changing the same things at this moment: try again.",
)
_REFUSED = {
    **_MALFORMED,
    **_UNAUTHENTICATED,
    **_problem(
        403, "Not for this party to do.", "gtin_not_licensed", "no prefix statement lets 0614141000029 issue it"
    ),
    **_problem(
        409,
        "It contradicts the record, or was signed over heads that have changed: then `draft` is the document drafted "
        "anew.",
        "not_holder",
        "https://id.gs1.org/01/00614141123452/21/A1 is held by another party",
        where="event 0",
        expected="an act by the party the record shows in possession",
        epc="https://id.gs1.org/01/00614141123452/21/A1",
    ),
    **_problem(413, "More than this node reads.", "too_large", "more than is read here"),
    **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
    **_problem(
        422, "Signed by nobody who may speak here, or over something else.", "unknown_key", "no such key is registered"
    ),
    **_BUSY,
}
_DOCUMENTS = [parser.media_type for parser in DOCUMENTS]
_ACCEPTED = {
    "submission": "93c8c77f-a277-438d-aa83-b97cfab380e7",
    "entry": "5f" * 32,
    "promise": "0oRYqKQBOBIDeCphcHBsaWNhdGlvbi92bmQudW5pdHByb29mLi4u",
    "accepted": "2026-01-05T08:00:00.125000Z",
    "warnings": [],
    "exceptions": [
        {
            "event": 0,
            "epc": "https://id.gs1.org/01/00614141123452/21/A1",
            "code": "late",
            "detail": "told after a later event had moved the item: recorded, moved nothing",
        }
    ],
    "known": [],
}
_SUBMISSION = OpenApiParameter("submission", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_PURPOSE = OpenApiParameter(
    "purpose",
    enum=[str(purpose) for purpose in Purpose],
    description="Why you ask. It stands in the access record that is written with the answer.",
)
_EPC = OpenApiParameter(
    "epc",
    required=True,
    description="The item: a GS1 Digital Link or an EPC URN.",
    examples=[
        OpenApiExample("Digital Link", "https://id.gs1.org/01/00614141123452/21/A1"),
        OpenApiExample("URN", "urn:epc:id:sgtin:0614141.012345.A1"),
    ],
)


def hidden(view: Any) -> Any:
    return extend_schema(exclude=True)(view)


submit = extend_schema(
    operation_id="submit",
    summary="Hand in a document",
    description="A document with its opening and its signed statement (`multipart/form-data`), all of it or nothing: "
    "answered with the node's promise; the same again on retry.\n\nOr the document alone: then nothing is recorded, "
    "and the answer is a **draft**, which says what to sign. Compute every root of it again, sign the payload, and "
    "hand the statement in at the `Location`. The same bytes give the same draft for a day, until an item in it moves.",
    request={"multipart/form-data": serializers.SubmissionForm, **dict.fromkeys(_DOCUMENTS, OpenApiTypes.BINARY)},
    responses={
        200: OpenApiResponse(
            PolymorphicProxySerializer(
                "DraftedOrAccepted",
                [serializers.DraftedSubmission, serializers.AcceptedSubmission],
                resource_type_field_name=None,
            ),
            description="Of a document alone: its draft, in RFC 8785 form. Of a signed document that was accepted "
            "before: the same answer as then, as with 201.",
        ),
        201: OpenApiResponse(
            serializers.AcceptedSubmission,
            description="Accepted: durable, promised to the log. `Location` is the submission.",
            examples=[OpenApiExample("accepted", _ACCEPTED)],
        ),
        **_REFUSED,
    },
    tags=["submissions"],
)

_AFTER = OpenApiParameter("after", description="Cursor: `next` of the page before, or `settled` of the last time.")
_IN_ORDER = (
    "By pages of 500, in the order of acceptance. What is being accepted at the moment you ask may come before what "
    "is listed: begin the next time from `settled`, and nothing is missed."
)

list_submissions = extend_schema(
    operation_id="listSubmissions",
    summary="List your submissions",
    description=f"All that the node has as submitted by you, and nobody else's. {_IN_ORDER}",
    parameters=[_AFTER],
    responses={
        200: OpenApiResponse(
            serializers.SubmissionList,
            description="A page of them.",
            examples=[
                OpenApiExample(
                    "one",
                    {
                        "party": "0614141001005",
                        "submissions": [
                            {
                                "submission": "93c8c77f-a277-438d-aa83-b97cfab380e7",
                                "entry": "5f" * 32,
                                "log_index": 41,
                                "accepted": "2026-01-05T08:00:00.125000Z",
                                "meaning": ["commissioning", "packing"],
                            }
                        ],
                        "next": None,
                        "settled": "57",
                    },
                )
            ],
        ),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["submissions"],
)

list_statements = extend_schema(
    operation_id="listStatements",
    summary="List what was stated of your keys and rights",
    description="Every statement about your own GLN, whoever signed it, and every one that you signed. Look for those "
    f"that you did not expect: whoever registers a key in your name can sign as you. {_IN_ORDER}",
    parameters=[_AFTER],
    responses={
        200: OpenApiResponse(serializers.StatementList, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["statements"],
)

complete = extend_schema(
    operation_id="completeDraft",
    summary="Complete a draft",
    description="The statement over a draft's payload: a COSE_Sign1 by a key of the party that drew it.",
    parameters=[_SUBMISSION],
    request={COSE: OpenApiTypes.BINARY},
    responses={
        200: OpenApiResponse(serializers.AcceptedSubmission, description="Accepted before: the same answer as then."),
        201: OpenApiResponse(
            serializers.AcceptedSubmission,
            description="Accepted: durable, promised to the log.",
            examples=[OpenApiExample("accepted", _ACCEPTED)],
        ),
        **_REFUSED,
        **_UNKNOWN,
    },
    tags=["submissions"],
)

find = extend_schema(
    operation_id="findSubmission",
    summary="Find a submission again",
    description="To the party that made it.",
    parameters=[_SUBMISSION],
    responses={
        200: OpenApiResponse(serializers.StoredSubmission, description="As it was handed in, and where it is logged."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["submissions"],
)

_RECEIPT = {
    (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="The proof, as text."),
    (200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, description="The proof, as a COSE Receipt."),
    **_UNKNOWN,
    **_problem(406, "In neither of these forms.", "not_acceptable", "Could not satisfy the request Accept header."),
    **_problem(
        409,
        "Promised, and not yet in the log: `Retry-After` says when to ask again.",
        "not_integrated",
        "accepted, and not yet under a checkpoint",
    ),
    **_BUSY,
}

receipt = extend_schema(
    operation_id="receipt",
    summary="The proof that it is in the log",
    description="A c2sp.org/tlog-proof: the entry's place in the tree, and a checkpoint signed by the log; or, for "
    "whoever prefers it by `Accept`, a COSE Receipt (RFC 9942), whose key is at `/.well-known/scitt-keys`. Asked "
    "again, the same.",
    parameters=[_SUBMISSION],
    responses={**_RECEIPT, **_UNAUTHENTICATED},
    tags=["submissions"],
)

statement_receipt = extend_schema(
    operation_id="statementReceipt",
    summary="The proof that it is in the log",
    description="As for a submission; to anybody who knows the entry, as the node answered it.",
    parameters=[OpenApiParameter("entry", str, OpenApiParameter.PATH, pattern="^[0-9a-f]{64}$", description="In hex.")],
    responses=_RECEIPT,
    auth=[],
    tags=["statements"],
)

register = extend_schema(
    operation_id="register",
    summary="Register a key or a right",
    description="A statement about a key or a right: `key`, `key-revocation`, `prefix`, `delegation`, `licence`, "
    "`location`, `revocation`, or one by which governors change the rules (FORMATS section 5). Its signature says "
    "whose word it is: no token is asked for, so that an accrediting authority needs no account.",
    request={COSE: OpenApiTypes.BINARY},
    responses={
        200: OpenApiResponse(
            serializers.RegisteredStatement, description="Registered before: the same answer as then."
        ),
        201: OpenApiResponse(serializers.RegisteredStatement, description="Registered, and promised to the log."),
        **{key: each for key, each in _REFUSED.items() if key[0] != 401},
    },
    auth=[],
    tags=["statements"],
)

verify = extend_schema(
    operation_id="verify",
    summary="Verify a pack",
    description="Anything a scanner yields, in `scan`; or the elements one by one, not both. Any other parameter is "
    "refused: a misspelt `expiry` would be a comparison that nobody made.\n\n"
    "Without a token, or without a part in the pack, all four elements must match, and the answer is the verdict with "
    "its reason, and the product; a pack that is not known, and one that the asker may not know of, look the same. Who "
    "holds or held it, its consignee and regulators also see the numbered checks and the chain.\n\n"
    "Only who holds it, or is to receive it, is told `genuine`. With nothing else against it, it is "
    "`genuine_by_record` without a token and to regulators, and `held_by_other` or `in_transit_to_other` to everybody "
    "else.",
    parameters=[
        OpenApiParameter(
            "scan",
            description="A GS1 element string as scanned (with or without symbology identifier; GS as `%1D`, `{GS}`, "
            "`|`, `^` or `~`) or as written for people, a Digital Link, an EPC URN.",
            examples=[
                OpenApiExample("for people", "(01)00614141123452(21)A1(17)281231(10)L42"),
                OpenApiExample("scanned", "]d2010061414112345221A1{GS}1728123110L42"),
            ],
        ),
        OpenApiParameter("gtin", description="GTIN, 8 to 14 digits."),
        OpenApiParameter("serial", description="Serial number."),
        OpenApiParameter("lot", description="Lot."),
        OpenApiParameter(
            "expiry", description="YYMMDD as on the label (day 00: the last of the month), or YYYY-MM-DD."
        ),
        _PURPOSE,
    ],
    responses={
        200: OpenApiResponse(
            serializers.VerificationAnswer,
            description="An answer, whatever its verdict.",
            examples=[
                OpenApiExample(
                    "to anybody",
                    {
                        "verdict": "verified",
                        "reason": "genuine_by_record",
                        "sentence": REASONS["genuine_by_record"].sentence,
                        "product": {
                            "gtin": "00614141123452",
                            "serial": "A1",
                            "name": "Examplin 5 mg",
                            "lot": "L42",
                            "expiry": "2028-12-31",
                        },
                        "witnessed": False,
                        "note": "not independently witnessed",
                    },
                )
            ],
        ),
        **_problem(
            400,
            "No question that can be answered: a parameter is missing, is unknown, or says what another says too; or a "
            "value is not in its form.",
            "unknown_parameter",
            "no such parameter",
            where="expiration",
            expected="scan, gtin, serial, lot, expiry, purpose",
        ),
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    auth=[{"apiToken": []}, {}],  # type: ignore[list-item]
    tags=["items"],
)

sightings = extend_schema(
    operation_id="sightings",
    summary="What was refused for conflict",
    description="Signed submissions that contradict the record are refused and kept: a copy of a pack is found by what "
    "is refused. You see your own, and those of others about items that you hold or held; each such reading is "
    "recorded. The latest first, a page at a time.",
    parameters=[
        OpenApiParameter("before", OpenApiTypes.INT, description="As `next` of the page before has it."),
        _PURPOSE,
    ],
    responses={
        200: OpenApiResponse(
            serializers.SightingsPage,
            description="A page.",
            examples=[
                OpenApiExample(
                    "a copy",
                    {
                        "sightings": [
                            {
                                "at": "2026-01-05T08:00:00Z",
                                "submission": "93c8c77f-a277-438d-aa83-b97cfab380e7",
                                "submitter": "0614141006007",
                                "epc": "https://id.gs1.org/01/00614141123452/21/A1",
                                "code": "not_holder",
                            }
                        ],
                        "next": None,
                    },
                )
            ],
        ),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["items"],
)

bundle = extend_schema(
    operation_id="bundle",
    summary="The proof bundle of an item",
    description="One file with everything a stranger needs to check the item's history without us: "
    "`unitproof verify FILE --policy POLICY`. For whoever holds or held the item, up to its own last hop, and for "
    "regulators.",
    parameters=[
        _EPC,
        _PURPOSE,
        OpenApiParameter(
            "anchors",
            enum=["1"],
            description="With the time stamps (RFC 3161) of the first time-stamped checkpoint that covers it, if "
            "there is one: who saw all of this, and when.",
        ),
    ],
    responses={
        (200, BUNDLE): OpenApiResponse(OpenApiTypes.BINARY, description="The bundle (FORMATS section 7)."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_problem(409, "Something it rests on is not yet in the log.", "not_integrated", "ask again in a moment"),
        **_ERASED,
        **_BUSY,
    },
    tags=["items"],
)

openings = extend_schema(
    operation_id="openings",
    summary="The openings of an item and of all inside it",
    description="For its holder: one line of JSON for each item, the item asked for and everything in it, with the "
    "leaves that say something of it, salts and all. Whoever has them can show one unit of a pallet, and nothing else.",
    parameters=[_EPC, _PURPOSE],
    responses={
        (200, NDJSON): OpenApiResponse(
            serializers.OpenedItem,
            description="One object a line.",
            examples=[
                OpenApiExample(
                    "a unit",
                    {
                        "epc": "https://id.gs1.org/01/00614141123452/21/A1",
                        "leaves": [
                            {
                                "submission": "93c8c77f-a277-438d-aa83-b97cfab380e7",
                                "submitter": "0614141001002",
                                "event": 0,
                                "leaf": [
                                    "i",
                                    "h0rKzJn5x1y2Cw3QmO1n7A",
                                    "https://id.gs1.org/01/00614141123452/21/A1",
                                    "none",
                                    None,
                                ],
                            }
                        ],
                    },
                )
            ],
        ),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_ERASED,
        **_BUSY,
    },
    tags=["items"],
)
