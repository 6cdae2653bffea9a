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
from ..moving import MOVES
from . import serializers
from .errors import CONTENT_TYPE
from .parsers import COSE, DOCUMENTS, REPORTS

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
    "allowed": [],
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
    "`location`, `waiver`, `revocation`, or one by which governors change the rules (FORMATS section 5). Its signature "
    "says whose word it is: no token is asked for, so that an accrediting authority needs no account.",
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
    "What leads to no pack is looked into before the pack is suspected: `fault` names what a scanner, a keyboard or "
    "hands may have done to it. Where something was lost on the way and one known pack fits, the answer is to that.\n\n"
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
        OpenApiParameter(
            "elsewhere",
            enum=["1"],
            description="Ask whoever answers for the product, too, if nobody on this node does: for who has a token, "
            "in its name. It may take some seconds. What comes of it stands apart, and changes no verdict.",
        ),
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
                            "ndc": None,
                            "strength": "5 mg",
                            "dosage_form": "TABLET",
                            "container_size": "30 TABLET in 1 BOTTLE",
                            "labeler": "Example Labs",
                            "described_by": "licensee",
                        },
                        "witnessed": False,
                        "note": "not independently witnessed",
                        "fault": None,
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
            expected="scan, gtin, serial, lot, expiry, purpose, elsewhere",
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

move = extend_schema(
    operation_id="move",
    summary="Pack, unpack, ship, receive, dispense, ...",
    description="One call for what is done with packs and containers: this node makes the EPCIS document.\n\n"
    + "".join(
        f"* `{word}` needs {', '.join(f'`{name}`' for name in kind.needs)}"
        + (f", takes {', '.join(f'`{name}`' for name in kind.takes)}" if kind.takes else "")
        + "\n"
        for word, kind in MOVES.items()
    )
    + "\n`items` are `scans`, `epcs`, or both; `place`, `at` and `request` may always be there; `from` is found out "
    "where the record shows who shipped it to you.\n\nWhere this node holds a key of yours (`manage.py custodial`), "
    "it signs, and answers with its promise: what is signed so is shown as custodial. Otherwise nothing is recorded, "
    "and the answer is document and draft, to sign and to hand in at the `Location`. The same `request` again gets the "
    "same answer; with other content it is refused.",
    request={"application/json": serializers.MoveWanted},
    responses={
        200: OpenApiResponse(
            PolymorphicProxySerializer(
                "MoveDraftedOrMade", [serializers.MoveDrafted, serializers.MoveMade], resource_type_field_name=None
            ),
            description="A draft to sign; or, of a request that was signed before, the same answer as then.",
        ),
        201: OpenApiResponse(
            serializers.MoveMade,
            description="Signed by this node with the asker's custodial key, and accepted: durable, promised to the "
            "log. `Location` is the submission.",
            examples=[OpenApiExample("made", _ACCEPTED | {"custodial": True})],
        ),
        **_REFUSED,
    },
    tags=["moves"],
)

expected = extend_schema(
    operation_id="listExpected",
    summary="What is on its way to you",
    description="Every shipment to you that has not come yet, with its containers and how many packs are in each.",
    responses={
        200: OpenApiResponse(serializers.ShipmentsOnTheirWay, description="By the event that shipped it."),
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["moves"],
)

check_move = extend_schema(
    operation_id="checkMove",
    summary="Whether labels are as recorded",
    description="The same request as for a move, and nothing is recorded: whether what you have in hand has the lot "
    "and expiry that its maker recorded, and has not expired where it is to be shipped or dispensed. `POST /moves` "
    "asks that itself; whoever makes its own documents asks here first.",
    request={"application/json": serializers.MoveWanted},
    responses={
        204: OpenApiResponse(description="Nothing speaks against it."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_problem(
            409,
            "A pack is not as its maker recorded, or has expired.",
            "lot_mismatch",
            "the lot is another one",
            expected="a pack that verifies: keep this one apart, and look into it",
        ),
        **_problem(413, "More than this node reads.", "too_large", "more than is read here"),
        **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
        **_BUSY,
    },
    tags=["moves"],
)

compare = extend_schema(
    operation_id="compareReceived",
    summary="Expected against seen",
    description="What you have scanned against what is on its way to you; nothing is recorded but that you asked. A "
    "container comes with all that is in it. To receive what you saw, `POST /moves`: the rest stays on its way.",
    request={"application/json": serializers.ThingsSeen},
    responses={
        200: OpenApiResponse(serializers.ExpectedAgainstSeen, description="What agrees, and what does not."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_problem(413, "More than this node reads.", "too_large", "more than is read here"),
        **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
        **_BUSY,
    },
    tags=["moves"],
)

labels = extend_schema(
    operation_id="labels",
    summary="Print labels",
    description="A PDF in true millimetres, in which every module of a symbol is a whole number of the printer's dots: "
    "print it at its own size. GS1 DataMatrix for packs, GS1-128 for cases and logistic units, QR codes with a GS1 "
    "Digital Link; beside each, what people read. All of them or none: every wrong label is named by its place, up to "
    "100 of them, and one whose symbol does not fit is refused rather than shrunk.\n\nNothing is stored, and a label "
    "proves nothing: anybody can print one.",
    request={"application/json": serializers.LabelJob},
    examples=[
        OpenApiExample(
            "a pack",
            {
                "stock": "roll-50x25",
                "dpi": 300,
                "symbol": "datamatrix",
                "labels": [{"gtin": "00614141123452", "serial": "A1", "expiry": "2028-12-31", "lot": "L1"}],
            },
            request_only=True,
        ),
        OpenApiExample(
            "a pallet",
            {
                "stock": "roll-100x150",
                "dpi": 203,
                "symbol": "gs1-128",
                "labels": [{"sscc": "006141417000000004"}],
            },
            request_only=True,
        ),
    ],
    responses={
        (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, description="The labels."),
        **_problem(
            400,
            "Not printed. `where` names the first wrong label by its place in the list, `wrong` all of them.",
            "symbol_does_not_fit",
            "the symbol is larger than the label",
            where="labels[3]",
            expected="at most 36.0 x 19.1 mm, as 203 dpi and the margins leave",
            found="22.5 x 22.5 mm",
        ),
        **_UNAUTHENTICATED,
        **_problem(413, "More than this node reads.", "too_large", "more than is read here"),
        **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
    },
    tags=["labels"],
)

# ---- serial numbers -------------------------------------------------------------------------------------------------

_POOL = {
    "pool": "4b1c7d1e-6a0e-4f53-9d2a-0d9d8e9d1f10",
    "gtin": "00614141123452",
    "characters": "0123456789CEFHJKMNPRTUWXY",
    "length": 12,
    "allocated": 0,
    "left": 5960464477539,
    "enforced": True,
    "opened": "2026-01-05T08:00:00Z",
}
_BLOCK = {
    "block": "9f0c9b53-4e2c-4f0a-8a3e-5b7c8f3f8a11",
    "pool": _POOL["pool"],
    "gtin": _POOL["gtin"],
    "request": "line-4-2026-01-05",
    "count": 50000,
    "state": "allocated",
    "allocated": "2026-01-05T08:00:00Z",
    "expires": None,
    "returned": None,
    "returned_by": None,
    "reason": None,
    "numbers": "/api/v1/serial-blocks/9f0c9b53-4e2c-4f0a-8a3e-5b7c8f3f8a11/numbers",
}
_NUMBERS_REFUSED = {
    **_MALFORMED,
    **_UNAUTHENTICATED,
    **_problem(413, "More than is read here.", "too_large", "more than is read here"),
    **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
    **_BUSY,
}
_NOT_LICENSED = _problem(
    403, "Not a product of this party's.", "gtin_not_licensed", "no prefix statement lets 0614141000029 issue it"
)
_ID_OF_POOL = OpenApiParameter("pool", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_ID_OF_BLOCK = OpenApiParameter("block", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")

list_pools = extend_schema(
    operation_id="listSerialPools",
    summary="List your pools of serial numbers",
    description="All that you have opened, and nobody else's; by GTIN and length, in pages of 100.",
    parameters=[OpenApiParameter("after", description="Cursor: `next` of the page before.")],
    responses={
        200: OpenApiResponse(serializers.PoolList, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["serials"],
)

open_pool = extend_schema(
    operation_id="openSerialPool",
    summary="Open a pool of serial numbers",
    description="Numbers of one length for a product that you may issue, drawn from a set of characters: `digits`, "
    "`unambiguous` (digits and capital letters that nothing else looks like), or characters of your own. They look "
    "random, and none comes twice. Fewer than one in 10,000 of the numbers that are possible are ever given out, "
    "so that a guess is right less often than that (Regulation (EU) 2016/161, article 4(c)). There is one pool of each "
    "length for a product; asked for again, it is answered again. What a party numbers otherwise, the pool knows not: "
    "number from it alone, and say `enforced`.",
    request={"application/json": serializers.PoolWanted},
    responses={
        200: OpenApiResponse(serializers.Pool, description="It was open."),
        201: OpenApiResponse(serializers.Pool, description="Opened.", examples=[OpenApiExample("pool", _POOL)]),
        **_NUMBERS_REFUSED,
        **_NOT_LICENSED,
        **_problem(409, "Numbers of this length come from another pool.", "pool_exists", "some would come twice"),
    },
    tags=["serials"],
)

change_pool = extend_schema(
    operation_id="enforceSerialPool",
    summary="Commission from blocks alone, or as you like",
    description="Where one of your pools of a product is enforced, a document by which you commission another serial "
    "number of that product, or one of a block that was returned or has expired, is refused, and the item is named.",
    parameters=[_ID_OF_POOL],
    request={"application/json": serializers.PoolChange},
    responses={
        200: OpenApiResponse(serializers.Pool, description="As it is now."),
        **_NUMBERS_REFUSED,
        **_UNKNOWN,
    },
    tags=["serials"],
)

list_blocks = extend_schema(
    operation_id="listSerialBlocks",
    summary="List the blocks of a pool",
    description="In the order in which they were given out, in pages of 100, each with how many of its numbers are in "
    "use. For that, every item of the product is looked at: a few seconds for a million.",
    parameters=[
        OpenApiParameter("pool", OpenApiTypes.UUID, required=True, description="Which pool."),
        OpenApiParameter("after", description="Cursor: `next` of the page before."),
    ],
    responses={
        200: OpenApiResponse(serializers.BlockList, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["serials"],
)

allocate = extend_schema(
    operation_id="allocateSerials",
    summary="Get serial numbers",
    description="A block of up to 1,000,000 numbers, which nobody else has, had or will have. `request` is your name "
    "for what you ask: asked again by it, whatever became of the first answer, you get the same block, and no second. "
    "The numbers themselves are at `numbers`.",
    request={"application/json": serializers.BlockWanted},
    responses={
        200: OpenApiResponse(serializers.Block, description="Given out before, to this very request."),
        201: OpenApiResponse(
            serializers.Block,
            description="Given out; `Location` is the block.",
            examples=[OpenApiExample("block", _BLOCK)],
        ),
        **_NUMBERS_REFUSED,
        **_NOT_LICENSED,
        **_UNKNOWN,
        **_problem(
            409,
            "The name was used for another request; or too few numbers are left.",
            "request_reused",
            "this name was used for another request",
            where="request",
        ),
    },
    tags=["serials"],
)

find_block = extend_schema(
    operation_id="findSerialBlock",
    summary="Find a block again",
    description="To the party that it was given out to, with how many of its numbers are in use.",
    parameters=[_ID_OF_BLOCK],
    responses={
        200: OpenApiResponse(serializers.CountedBlock, description="As it is now."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["serials"],
)

block_numbers = extend_schema(
    operation_id="serialNumbers",
    summary="The numbers of a block",
    description="All of them, as a stream, the same each time: CSV, or by `Accept` JSON or XML. What was returned or "
    "has expired is not for printing, and not told.",
    parameters=[_ID_OF_BLOCK],
    responses={
        (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="`gtin,serial`, then a line for each."),
        (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, description="`block`, `gtin`, `serials`."),
        (200, "application/xml"): OpenApiResponse(
            OpenApiTypes.STR, description="`<serials>`, and in it a `<serial>` for each."
        ),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_problem(406, "In none of these forms.", "not_acceptable", "Could not satisfy the request Accept header."),
        **_problem(409, "The block is no more.", "block_returned", "the block is returned", where="block"),
        **_BUSY,
    },
    tags=["serials"],
)

give_back = extend_schema(
    operation_id="returnSerialBlock",
    summary="Return a block",
    description="What is not used of it is used no more: never given out again, and from now on not commissioned where "
    "the pool is enforced. What was commissioned stays. Said again for the same reason, the same answer.",
    parameters=[_ID_OF_BLOCK],
    request={"application/json": serializers.BlockReturn},
    responses={
        200: OpenApiResponse(serializers.Block, description="Returned."),
        **_NUMBERS_REFUSED,
        **_UNKNOWN,
        **_problem(409, "It has expired; or was returned for another reason.", "block_expired", "the block is expired"),
    },
    tags=["serials"],
)

check_report = extend_schema(
    operation_id="checkSerialReport",
    summary="Check what a line has printed",
    description="`gtin,serial,lot,expiry` and a line for each pack, as CSV; or the same as JSON, "
    '`{"lines": [{"gtin": ...}]}`, or XML, `<lines><line gtin="..." .../></lines>`. Every line is checked: its form, '
    "whether it stands there twice, whether its number was given out to you and is still good, whether it was "
    "commissioned before. Nothing is stored. If no line is wrong, `document` is the EPCIS document to sign and hand "
    "in, an event for each lot; its events happen now, so edit their times if the packs were printed earlier.",
    request={parser.media_type: OpenApiTypes.BINARY for parser in REPORTS},
    responses={
        200: OpenApiResponse(
            serializers.ReportJudged,
            description="What is wrong, line by line; or the document.",
            examples=[
                OpenApiExample(
                    "a look-alike",
                    {
                        "lines": 1200,
                        "wrong": [
                            {
                                "line": 17,
                                "where": "serial",
                                "code": "lookalike_characters",
                                "detail": "a character that looks like one of the pool's",
                                "expected": "'0'",
                                "found": "'O' in 'K7F2NO4WXR3E'",
                            }
                        ],
                        "document": None,
                    },
                )
            ],
        ),
        **_NUMBERS_REFUSED,
    },
    tags=["serials"],
)
