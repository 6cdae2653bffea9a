"""What verifications, alarms and samplings are on the wire, and what the OpenAPI pages say of them."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ..alarms import Piece, Raised
from ..dscsa.outcomes import OUTCOMES, Verified
from ..dscsa.sampling import Progress
from ..dscsa.verification import Verdict
from ..history import AFTER_END, OUT_OF_CHAIN, TWO_PLACES
from ..models import Alarm, Sampling
from .schema import _BUSY, _MALFORMED, _PURPOSE, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, _gln, _text, _words, instant

# ---- verifications --------------------------------------------------------------------------------------------------


class VerificationKept(drf.Serializer[Any]):
    """A verification of yours, and what came of it."""

    verification = drf.IntegerField(help_text="Its number.")
    at = drf.DateTimeField(help_text="When the answer was given.")
    epc = _text("Canonical EPC of what was asked about, known or not.")
    purpose = _text("Why; of a regulator's, `case` and its number.")
    verdict = _words("What the answer was.", Verdict)
    reason = _text("And why: a stable code.")
    outcome = drf.ChoiceField(choices=sorted(OUTCOMES), allow_null=True, help_text="Null while you have said nothing.")
    note = _text("What you said with it.", allow_blank=True)
    outcome_at = drf.DateTimeField(allow_null=True, help_text="When you said it.")
    against = drf.BooleanField(help_text="Dispensed or sold on, although the answer was not to.")


class VerificationsPage(drf.Serializer[Any]):
    """Your verifications, the latest first."""

    verifications = VerificationKept(many=True, help_text="A page of them.")
    next = _text("Where the next page is; null at the end.", allow_null=True)


class OutcomeSaid(drf.Serializer[Any]):
    """What became of the pack."""

    outcome = drf.ChoiceField(choices=sorted(OUTCOMES), help_text="What became of it.")
    note = _text("Up to 200 characters, for yourself. Nothing about patients.", required=False)


def verification(each: Verified) -> Members:
    return {
        "verification": each.number,
        "at": instant(each.at),
        "epc": each.epc,
        "purpose": each.purpose,
        "verdict": each.verdict,
        "reason": each.reason,
        "outcome": each.outcome,
        "note": each.note,
        "outcome_at": each.outcome_at and instant(each.outcome_at),
        "against": each.against,
    }


def verifications(found: list[Verified], before: int | None) -> Members:
    return {"verifications": [verification(each) for each in found], "next": _next("verifications", before)}


def _next(name: str, before: int | None) -> str | None:
    return None if before is None else f"{reverse(name)}?{urlencode({'before': before})}"


_BEFORE = OpenApiParameter("before", OpenApiTypes.INT, description="As `next` of the page before has it.")
_KEPT: Members = {
    "verification": 4711,
    "at": "2026-01-05T08:00:00Z",
    "epc": "https://id.gs1.org/01/00614141123452/21/A1",
    "purpose": "saleable_return",
    "verdict": "verified",
    "reason": "genuine",
    "outcome": "returned_to_stock",
    "note": "",
    "outcome_at": "2026-01-05T08:02:00Z",
    "against": False,
}
_WRITES = {
    **_MALFORMED,
    **_UNAUTHENTICATED,
    **_UNKNOWN,
    **_problem(413, "More than is read here.", "too_large", "more than is read here"),
    **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
    **_BUSY,
}
list_verifications = extend_schema(
    operation_id="listVerifications",
    summary="List your verifications",
    description="Each verification that you made with a token, why, how it was answered, and what you said became of "
    "the pack. By `Accept: text/csv` all of them at once, oldest first. They are kept six years and longer: nothing "
    "here is erased.",
    parameters=[_BEFORE],
    responses={
        (200, "application/json"): OpenApiResponse(
            VerificationsPage,
            description="A page.",
            examples=[OpenApiExample("a return", {"verifications": [_KEPT], "next": None})],
        ),
        (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="A line of names, then a line for each."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_problem(406, "In none of these forms.", "not_acceptable", "Could not satisfy the request Accept header."),
        **_BUSY,
    },
    tags=["verifications"],
)
say_outcome = extend_schema(
    operation_id="sayOutcome",
    summary="Say what became of a pack",
    description="Of several outcomes the last counts, and all are kept. Said twice, it is once.",
    parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH, description="Its number.")],
    request={"application/json": OutcomeSaid},
    responses={
        200: OpenApiResponse(VerificationKept, description="It was said before."),
        201: OpenApiResponse(VerificationKept, description="Kept.", examples=[OpenApiExample("a return", _KEPT)]),
        **_WRITES,
    },
    tags=["verifications"],
)

# ---- alarms ---------------------------------------------------------------------------------------------------------


class Evidence(drf.Serializer[Any]):
    """Where the pack was seen, as far as you may know of it."""

    what = drf.ChoiceField(choices=["verification", "event", "claim"], help_text="A claim is a refused submission.")
    at = drf.DateTimeField(allow_null=True, help_text="When; null where that is not for you to know.")
    party = _gln("whose evidence it is; null where that is not for you to know.", allow_null=True)


class AlarmRaised(drf.Serializer[Any]):
    """One pack, seen where it cannot be if the record is right."""

    alarm = drf.IntegerField(help_text="Its number.")
    at = drf.DateTimeField(help_text="When the second evidence came.")
    epc = _text("Canonical EPC.")
    kind = drf.ChoiceField(choices=[TWO_PLACES, AFTER_END, OUT_OF_CHAIN], help_text="Explained at /problems/<code>.")
    first = Evidence(help_text="Where it was last.")
    second = Evidence(help_text="Where it was seen then.")
    cleared = drf.DateTimeField(allow_null=True, help_text="Since when it no longer counts in a verdict.")
    cleared_because = _text("Why, as whoever cleared it says.", allow_blank=True)
    may_clear = drf.BooleanField(help_text="Whether you may clear it: you may issue the product, or are a regulator.")


class AlarmsPage(drf.Serializer[Any]):
    """Alarms that concern you, the latest first."""

    alarms = AlarmRaised(many=True, help_text="A page of them.")
    next = _text("Where the next page is; null at the end.", allow_null=True)


class ClearedBecause(drf.Serializer[Any]):
    """Why an alarm is none."""

    reason = _text("1 to 200 characters.")


class AlarmCleared(drf.Serializer[Any]):
    """An alarm that counts no more."""

    alarm = drf.IntegerField(help_text="Its number.")
    cleared = drf.DateTimeField(help_text="Since when.")
    by = _gln("who cleared it.")
    cleared_because = _text("Why.")


def cleared(row: Alarm) -> Members:
    assert row.cleared is not None
    return {
        "alarm": row.pk,
        "cleared": instant(row.cleared),
        "by": row.cleared_by,
        "cleared_because": row.cleared_because,
    }


def alarms(found: list[Raised], before: int | None) -> Members:
    return {"alarms": [_alarm(each) for each in found], "next": _next("alarms", before)}


def _alarm(each: Raised) -> Members:
    return {
        "alarm": each.number,
        "at": instant(each.at),
        "epc": each.epc,
        "kind": each.kind,
        "first": _piece(each.first),
        "second": _piece(each.second),
        "cleared": each.cleared and instant(each.cleared),
        "cleared_because": each.cleared_because,
        "may_clear": each.may_clear,
    }


def _piece(piece: Piece) -> Members:
    return {"what": piece.what, "at": piece.at and instant(piece.at), "party": piece.party}


_ALARM: Members = {
    "alarm": 3,
    "at": "2026-01-05T08:04:00Z",
    "epc": "https://id.gs1.org/01/00614141123452/21/A1",
    "kind": TWO_PLACES,
    "first": {"what": "verification", "at": "2026-01-05T08:00:00Z", "party": "0614141003006"},
    "second": {"what": "verification", "at": "2026-01-05T08:04:00Z", "party": "0614141004003"},
    "cleared": None,
    "cleared_because": "",
    "may_clear": False,
}
list_alarms = extend_schema(
    operation_id="listAlarms",
    summary="Packs that were seen where they cannot be",
    description="A pack that was verified, with all four elements, where its record does not have it, after its end, "
    "or after somebody else had verified it; or that somebody claimed. An alarm is raised with the second evidence, in "
    "one transaction: it is here when that is answered. You see those about packs that you have, or had, to do with, "
    "about products that you may issue, and those to which you gave the evidence; a regulator sees all. Each reading "
    "is recorded.\n\nNo alarm: whoever has the pack or is to receive it, however often; whoever dispensed it, for "
    "`ALARM_GRACE_SECONDS`; whoever had it and asks for another reason than `dispensing`; a look at the record "
    "(`recall`, `tracing`, `custody`).",
    parameters=[_BEFORE, _PURPOSE],
    responses={
        200: OpenApiResponse(
            AlarmsPage,
            description="A page.",
            examples=[OpenApiExample("a copy", {"alarms": [_ALARM], "next": None})],
        ),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["verifications"],
)
clear_alarm = extend_schema(
    operation_id="clearAlarm",
    summary="Clear an alarm",
    description="By who may issue the product, or by a regulator: it counts in no verdict any more, and stays listed.",
    parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH, description="Its number.")],
    request={"application/json": ClearedBecause},
    responses={
        200: OpenApiResponse(AlarmCleared, description="Cleared, now or before."),
        **_WRITES,
        **_problem(403, "Not for this party to clear.", "not_allowed", "cleared by who may issue the product"),
    },
    tags=["verifications"],
)

# ---- samplings ------------------------------------------------------------------------------------------------------


class SamplingWanted(drf.Serializer[Any]):
    """Packages of a suspect lot that you have in hand."""

    gtin = _text("GTIN-14.")
    lot = _text("Their lot.")
    quantity = drf.IntegerField(required=False, help_text="How many; or:")
    serials = drf.ListField(child=drf.CharField(), required=False, help_text="Their serial numbers.")


class SamplingOpened(drf.Serializer[Any]):
    """Which of them are to be verified, and which are."""

    sampling = drf.UUIDField(help_text="Its id.")
    gtin = _text("GTIN-14.")
    lot = _text("Lot.")
    quantity = drf.IntegerField(help_text="Packages in hand.")
    opened = drf.DateTimeField(help_text="What was verified before does not count.")
    needed = drf.IntegerField(help_text="At least three packages or a tenth, whichever is greater; all of fewer.")
    drawn = drf.ListField(child=drf.JSONField(), help_text="Serial numbers; or places from 1 on, of a quantity.")
    left = drf.ListField(child=drf.JSONField(), help_text="What of it is still to be verified.")
    verified = drf.ListField(child=drf.CharField(), help_text="Serial numbers verified as suspect product since.")
    done = drf.BooleanField(help_text="Whether nothing is left.")


class SamplingList(drf.Serializer[Any]):
    """Your latest samplings."""

    samplings = drf.ListField(child=drf.UUIDField(), help_text="Their ids, the latest first; at most 50.")


def sampling(found: Progress) -> Members:
    row = found.row
    return {
        "sampling": str(row.sampling),
        "gtin": row.gtin,
        "lot": row.lot,
        "quantity": row.quantity,
        "opened": instant(row.opened),
        "needed": found.needed,
        "drawn": row.drawn,
        "left": found.left,
        "verified": list(found.verified),
        "done": found.done,
    }


def samplings(rows: list[Sampling]) -> Members:
    return {"samplings": [str(row.sampling) for row in rows]}


open_sampling = extend_schema(
    operation_id="openSampling",
    summary="Draw a sample of a suspect lot",
    description="A dispenser that investigates suspect product verifies at least three packages or a tenth of them, "
    "whichever is greater, or all if there are fewer than three (21 U.S.C. 360eee-1(d)(4)). Which, is drawn by chance. "
    "Verify each with `purpose=suspect_product`.",
    request={"application/json": SamplingWanted},
    responses={201: OpenApiResponse(SamplingOpened, description="Drawn; `Location` is the worksheet."), **_WRITES},
    tags=["verifications"],
)
list_samplings = extend_schema(
    operation_id="listSamplings",
    summary="List your samplings",
    description="The latest 50, by their ids; what each is, it says itself.",
    responses={200: OpenApiResponse(SamplingList, description="The latest."), **_UNAUTHENTICATED, **_BUSY},
    tags=["verifications"],
)
find_sampling = extend_schema(
    operation_id="findSampling",
    summary="How far a sampling is",
    description="What was drawn, what of it was verified as suspect product since, and what is left.",
    parameters=[OpenApiParameter("sampling", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")],
    responses={200: OpenApiResponse(SamplingOpened, description="Now."), **_UNAUTHENTICATED, **_UNKNOWN, **_BUSY},
    tags=["verifications"],
)
