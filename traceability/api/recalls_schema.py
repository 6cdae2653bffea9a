"""What the OpenAPI pages say of recalls; and what they look like, and their description."""

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from partners.models import Role

from ..custody import Status
from ..dscsa.blast import Place
from ..dscsa.recalls import NUMBERS, UNKNOWN, Answered, Standing, Told
from ..statements import RecallClass, RecallDepth
from .schema import _BUSY, _MALFORMED, _REFUSED, _UNAUTHENTICATED, _UNKNOWN
from .serializers import Members, _gln, _text, _words, instant

WHO = "a GLN; or a role, where more is not yours to know"


class RecallScope(drf.Serializer[object]):
    """What is recalled: all of a product, or of it a lot, or serial numbers."""

    gtin = _text("GTIN-14.")
    lot = _text("Of it, this lot.", required=False, allow_null=True)
    first = _text("Of it, serial numbers from this one", required=False, allow_null=True)
    last = _text("to this one: both included, of one length.", required=False, allow_null=True)


class RecallSummary(drf.Serializer[object]):
    """A recall, as it was said."""

    entry = _text("The 32 bytes that are logged for it, in hexadecimal: by these it is named.")
    by = _gln("whoever recalls.")
    classification = _words("How grave (21 CFR 7.3(m)).", RecallClass)
    depth = _words("How far down the chain (21 CFR 7.42(b)(1)).", RecallDepth)
    reason = _text("Why.")
    contact = _text("Whom holders ask.")
    begun = drf.DateTimeField(help_text="When it was accepted.")
    answer_by = drf.DateTimeField(help_text="Until when holders answer.")
    closed = drf.DateTimeField(help_text="When it was closed; null while it is open.", allow_null=True)
    scopes = RecallScope(many=True, help_text="What is recalled.")


class RecallPage(drf.Serializer[object]):
    """Recalls that concern the asker, the latest first."""

    recalls = RecallSummary(many=True, help_text="At most 50.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


class RecallPlace(drf.Serializer[object]):
    """So many units in one place."""

    status = _words("In which state; null where only others have told of them.", Status, allow_null=True)
    possessor = _text(f"With whom: {WHO}; null where nobody has said.", allow_null=True)
    consignee = _text(f"On the way to whom: {WHO}; null if not on its way.", allow_null=True)
    units = drf.IntegerField(help_text="How many.")


class RecallAnswered(drf.Serializer[object]):
    acknowledged = drf.DateTimeField(help_text="When it was first answered.")
    counted = drf.DateTimeField(help_text="When the numbers came; null: none has.", allow_null=True)
    quarantined = drf.IntegerField(help_text="Units kept aside.")
    returned = drf.IntegerField(help_text="Units sent back.")
    destroyed = drf.IntegerField(help_text="Units destroyed.")
    missing = drf.IntegerField(help_text="Units that should be there and were not found.")


class RecallTold(drf.Serializer[object]):
    """Somebody who was told to act."""

    party = _text(f"Who: {WHO}.")
    name = _text("Its name; null where that is not yours to know.", allow_null=True)
    role = _words("As what it takes part; `unknown`: not here.", [*Role.values, UNKNOWN])
    told = drf.DateTimeField(help_text="When.")
    units = drf.IntegerField(help_text="Units that it had to do with then.")
    answered = RecallAnswered(help_text="What it has answered; null: nothing.", allow_null=True)


class RecallFound(drf.Serializer[object]):
    """What all who were told have found, in units."""

    quarantined = drf.IntegerField(help_text="Kept aside.")
    returned = drf.IntegerField(help_text="Sent back.")
    destroyed = drf.IntegerField(help_text="Destroyed.")
    missing = drf.IntegerField(help_text="Should be there and were not found.")
    unaccounted = drf.IntegerField(help_text="Missing, or with somebody who has not said yet what was found.")


class RecallStanding(RecallSummary):
    """How a recall stands: with numbers of all units for whoever recalls and for regulators."""

    made = drf.IntegerField(help_text="Units there are of it; null where that is not yours to know.", allow_null=True)
    at = RecallPlace(many=True, help_text="Where they are, the most first.")
    found = RecallFound(help_text="What was found; null where that is not yours to know.", allow_null=True)
    told = RecallTold(many=True, help_text="Who was told: first who has not answered. To others, themselves alone.")
    units = _text("Where the list of units is, CSV.")
    holders = _text("Where the list of holders is, CSV.")


class RecallWanted(drf.Serializer[object]):
    statement = drf.UUIDField(required=False, help_text="Id of the recall, drawn by you: asked again, it is the same.")
    scopes = RecallScope(many=True, help_text="What is recalled: 1 to 100.")
    classification = _words("How grave.", RecallClass)
    depth = _words("How far down the chain.", RecallDepth)
    reason = _text("Why: 200 characters at most.")
    contact = _text("Whom holders ask: 200 characters at most.")
    answer_by = drf.DateTimeField(help_text="Until when holders answer.")


class RecallAnswerGiven(drf.Serializer[object]):
    """All four, or none of them: then the recall was read, and no more."""

    quarantined = drf.IntegerField(required=False, help_text="Units kept aside.")
    returned = drf.IntegerField(required=False, help_text="Units sent back.")
    destroyed = drf.IntegerField(required=False, help_text="Units destroyed.")
    missing = drf.IntegerField(required=False, help_text="Units that should be there and were not found.")


class RecallClosed(drf.Serializer[object]):
    report = _text("SHA-256 of the report by which it is closed, in hexadecimal: of a job `recall-report`.")


def summary(found: Standing) -> Members:
    said = found.said
    return {
        "entry": found.entry,
        "by": found.row.issuer,
        "classification": str(said.classification),
        "depth": str(said.depth),
        "reason": said.reason,
        "contact": said.contact,
        "begun": instant(found.row.accepted),
        "answer_by": instant(said.answer_by),
        "closed": instant(found.closed.accepted) if found.closed else None,
        "scopes": [
            {"gtin": hold.gtin, "lot": hold.lot, "first": hold.first, "last": hold.last} for hold in found.holds
        ],
    }


def detail(found: Standing) -> Members:
    rows = found.radius.at if found.sees_all else ()
    told = found.told if found.sees_all else tuple(filter(None, [found.own]))
    return summary(found) | {
        "made": found.radius.made if found.sees_all else None,
        "at": [_place(place, units) for place, units in rows],
        "found": found.found if found.sees_all else None,
        "told": [_told(each) for each in told],
        "units": reverse("api-recall-units", kwargs={"entry": found.entry}),
        "holders": reverse("api-recall-holders", kwargs={"entry": found.entry}),
    }


def _place(place: Place, units: int) -> Members:
    return {"status": place.status, "possessor": place.possessor, "consignee": place.consignee, "units": units}


def _told(each: Told) -> Members:
    return {
        "party": each.party,
        "name": each.name,
        "role": each.role,
        "told": instant(each.told),
        "units": each.units,
        "answered": _answered(each.answered) if each.answered else None,
    }


def _answered(each: Answered) -> Members:
    return {
        "acknowledged": instant(each.acknowledged),
        "counted": instant(each.counted) if each.counted else None,
        **{name: getattr(each, name) for name in NUMBERS},
    }


_ENTRY = OpenApiParameter(
    "entry", str, OpenApiParameter.PATH, pattern="^[0-9a-f]{64}$", description="Entry of the recall, in hexadecimal."
)
_READS = {**_UNAUTHENTICATED, **_UNKNOWN, **_BUSY}

list_recalls = extend_schema(
    operation_id="listRecalls",
    summary="List recalls",
    description="What you recall, and what you were told of; regulators see all. A party that was told has a notice "
    "`recall.opened` with a clock until `answer_by`.",
    parameters=[OpenApiParameter("before", description="Cursor: `next` of the page before.")],
    responses={
        200: OpenApiResponse(RecallPage, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["recalls"],
)

begin = extend_schema(
    operation_id="beginRecall",
    summary="Recall",
    description="Holds what is recalled, at once and everywhere, and tells everybody who has some of it; both are "
    "signed with the key that this node holds for you. Whoever signs itself says the same by statements of kinds "
    "`hold` and `recall`.",
    request=RecallWanted,
    responses={
        200: OpenApiResponse(RecallStanding, description="Begun before, by this very id."),
        201: OpenApiResponse(RecallStanding, description="It is in force."),
        **_REFUSED,
    },
    tags=["recalls"],
)

find = extend_schema(
    operation_id="findRecall",
    summary="How a recall stands",
    description=f"Where all units are, and who has answered what. Of parties that are none of your customers and have "
    f"not answered you are told the role; `{UNKNOWN}`, where nobody has said. Whoever was told sees itself alone.",
    parameters=[_ENTRY],
    responses={200: OpenApiResponse(RecallStanding, description="It stands so."), **_READS},
    tags=["recalls"],
)

units = extend_schema(
    operation_id="recallUnits",
    summary="All units of a recall",
    description="A line for each, by EPC, as it comes: `epc,status,possessor,consignee,begun`, the last being the "
    "index in the log of the submission that began it. To whoever was told: its own. With the report that a job "
    "`recall-report` makes, `unitproof verify REPORT --units LIST` checks that it is whole.",
    parameters=[_ENTRY],
    responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="The list."), **_READS},
    tags=["recalls"],
)

holders = extend_schema(
    operation_id="recallHolders",
    summary="All who were told of a recall",
    description="A line for each, with address and answer, to write letters by.",
    parameters=[_ENTRY],
    responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="The list."), **_READS},
    tags=["recalls"],
)

answer = extend_schema(
    operation_id="answerRecall",
    summary="Answer a recall",
    description="That it was read, by an empty object; and what was found, which stops the clock. Asked again, the "
    "latest numbers count. Signed with the key that this node holds for you; whoever signs itself hands in a "
    "statement of kind `recall-answer`.",
    parameters=[_ENTRY],
    request=RecallAnswerGiven,
    responses={200: OpenApiResponse(RecallStanding, description="It was answered."), **_REFUSED, **_UNKNOWN},
    tags=["recalls"],
)

close = extend_schema(
    operation_id="closeRecall",
    summary="Close a recall",
    description="It is over, as its last report says. What is held stays held until it is released.",
    parameters=[_ENTRY],
    request=RecallClosed,
    responses={200: OpenApiResponse(RecallStanding, description="It is closed."), **_REFUSED, **_UNKNOWN},
    tags=["recalls"],
)
