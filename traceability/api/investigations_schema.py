"""What investigations are on the wire, and what the OpenAPI pages say of them."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ..dscsa.form_3911 import Classification, Mechanism, Report
from ..dscsa.investigation import Said, Seen
from ..investigating import STATES
from ..models import InvestigationPartner
from ..statements import InvestigationStep, b64
from .schema import _BUSY, _MALFORMED, _NUMBERS_REFUSED, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, _gln, _text, _words, instant

_HASHES = "SHA-256 of files, base64url without padding; 100 at most."


class SuspectGoods(drf.Serializer[Any]):
    """One item by its `epc`, with all that is in it; or a product, and of that a lot or a range of serial numbers."""

    epc = _text("EPC of a pack or a container.", required=False, allow_null=True)
    gtin = _text("GTIN-14.", required=False, allow_null=True)
    lot = _text("Of that, this lot alone.", required=False, allow_null=True)
    first = _text("Of that, these serial numbers alone: the first.", required=False, allow_null=True)
    last = _text("And the last.", required=False, allow_null=True)


class HeldGoods(SuspectGoods):
    """Goods, and the hold that quarantines them."""

    hold = _text("Entry of the hold in the log, in hexadecimal.")
    released = drf.BooleanField(help_text="Whether it was released.")


class InvestigationStepShown(drf.Serializer[Any]):
    """One step, as it was signed."""

    step = _words("What was done.", InvestigationStep)
    time = drf.DateTimeField(help_text="When, as its signer says, UTC.")
    signer = _gln("whoever signed.")
    person = _text("Who did it.")
    place = _text("Where the goods were.")
    reason = _text("Why.")
    evidence = drf.ListField(child=drf.CharField(), help_text="SHA-256 of files, base64url.")
    incident = _text("Number that FDA has given, or null.", allow_null=True)
    sample = _text("Where the sample is kept, or null.", allow_null=True)
    entry = _text("Its entry in the log, in hexadecimal.")


class InvestigationPartnerShown(drf.Serializer[Any]):
    """An immediate trading partner who was told."""

    partner = _gln("the partner.")
    told = drf.DateTimeField(help_text="When, UTC.")
    acknowledged = drf.DateTimeField(help_text="When it has taken note, or null.", allow_null=True)
    note = _text("What it said to it, or null.", allow_null=True)


class InvestigationShown(drf.Serializer[Any]):
    """An investigation. A partner who was told sees what went from one to the other, and why it is illegitimate."""

    case = drf.UUIDField(help_text="Its id.")
    party = _gln("whoever investigates.")
    own = drf.BooleanField(help_text="Whether that is you.")
    state = _words("How far it is.", STATES)
    opened = drf.DateTimeField(help_text="When it began, UTC.")
    notified = drf.DateTimeField(help_text="When FDA was notified first, or null.", allow_null=True)
    incident = _text("Number that FDA has given, or null.", allow_null=True)
    what = HeldGoods(many=True, help_text="What it is about.")
    steps = InvestigationStepShown(many=True, help_text="In their order.")
    partners = InvestigationPartnerShown(many=True, help_text="Who was told.")
    may = drf.ListField(
        child=drf.ChoiceField(choices=list(InvestigationStep)), help_text="Steps that you may take now."
    )


class InvestigationList(drf.Serializer[Any]):
    investigations = InvestigationShown(many=True, help_text="At most 50, the latest first.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


class _StepWanted(drf.Serializer[Any]):
    person = _text("Who does it, by name.")
    place = _text("Where the goods are: building, shelf, cage.")
    reason = _text("Why.")
    evidence = drf.ListField(child=drf.CharField(), required=False, help_text=_HASHES)


class InvestigationWanted(_StepWanted):
    case = drf.UUIDField(help_text="Its id, drawn by you: asked again under it, it begins once.")
    what = SuspectGoods(many=True, help_text="1 to 100.")


class StepWanted(_StepWanted):
    step = _words("What is done.", InvestigationStep)
    incident = _text("With `notified`: number that FDA has given.", required=False)
    sample = _text("With `disposed`, needed: where the sample is kept.", required=False)
    previous = _text(
        "`entry` of the step that it follows: asked again, it is taken once; refused, where another was taken since.",
        required=False,
    )


class Note(drf.Serializer[Any]):
    note = _text("What you say to it: 200 characters at most.", required=False)


class Form3911Added(drf.Serializer[Any]):
    """What only people know. Nothing of it is stored."""

    report = _words("Item 1.", Report)
    classification = _words("Item 5.", Classification, required=False)
    ingredients = _text("Item 7.", required=False)
    use = _text("Item 8.", required=False)
    description = _text("Item 9.", required=False)
    quantity = _text("Item 12; else what is recorded is counted.", required=False)
    event = _text("Item 17, beside the reason that was signed.", required=False)
    no_longer_needed = _text("Item 18, beside the reason that was signed.", required=False)
    mechanisms = drf.ListField(child=drf.ChoiceField(choices=list(Mechanism)), required=False, help_text="Item 19.")
    facility = _text("Item 22.", required=False)
    contact = _text("Item 23: name, telephone, e-mail.", required=False)


class Form3911Item(drf.Serializer[Any]):
    item = drf.IntegerField(help_text="Its number on the form, 1 to 23.")
    title = _text("What it asks for.")
    values = drf.ListField(child=drf.CharField(), help_text="What is said to it; empty where nobody has.")


class Form3911Sheet(drf.Serializer[Any]):
    """A data sheet of our own: what Form FDA 3911 asks for, by its numbers."""

    v = drf.IntegerField(help_text="Version of this form: 1.")
    investigation = drf.UUIDField(help_text="Id of the case.")
    report = _words("What is sent.", Report)
    items = Form3911Item(many=True, help_text="All of them, in order.")
    missing = drf.ListField(child=drf.IntegerField(), help_text="Items that the report needs, and nobody has said.")


# ---- what goes out --------------------------------------------------------------------------------------------------


def case(seen: Seen) -> Members:
    row = seen.row
    return {
        "case": str(row.case),
        "party": row.party,
        "own": seen.own,
        "state": seen.state,
        "opened": instant(row.opened),
        "notified": instant(row.notified) if row.notified else None,
        "incident": row.incident or None,
        "what": [
            {"epc": hold.epc, "gtin": hold.gtin, "lot": hold.lot, "first": hold.first, "last": hold.last,
             "hold": entry, "released": hold.revoked is not None}
            for hold, entry in seen.what
        ],
        "steps": [_step(each) for each in seen.steps],
        "partners": [partner(each) for each in seen.partners],
        "may": [str(each) for each in seen.may],
    }  # fmt: skip


def _step(said: Said) -> Members:
    told = said.statement
    return {
        "step": str(told.step),
        "time": instant(said.row.at),
        "signer": told.submitter,
        "person": told.person,
        "place": told.place,
        "reason": told.reason,
        "evidence": [b64(each) for each in told.evidence or ()],
        "incident": told.incident,
        "sample": told.sample,
        "entry": said.entry,
    }


def partner(row: InvestigationPartner) -> Members:
    return {
        "partner": row.party,
        "told": instant(row.told),
        "acknowledged": instant(row.acknowledged) if row.acknowledged else None,
        "note": row.note or None,
    }


def listed(found: Sequence[Seen], before: int | None) -> Members:
    return {"investigations": [case(each) for each in found], "next": None if before is None else str(before)}


# ---- what the pages say ---------------------------------------------------------------------------------------------

_CASE = OpenApiParameter("case", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_SIGNED_REFUSED = {
    **_NUMBERS_REFUSED,
    **_problem(403, "This node holds no key of yours.", "no_custodial_key", "this node holds no key of yours"),
    **_problem(
        409,
        "No step that this case may take.",
        "illegal_step",
        "no step of a case that is suspect",
        where="step",
        expected="cleared, illegitimate",
        found="disposed",
    ),
    **_problem(422, "Not a statement that you could make.", "unwritable", "no name or word", where="person"),
}

list_cases = extend_schema(
    operation_id="listInvestigations",
    summary="List investigations",
    description="Your own, and those that you were told of as an immediate trading partner; the latest first.",
    parameters=[OpenApiParameter("before", description="Cursor: `next` of the page before.")],
    responses={
        200: OpenApiResponse(InvestigationList, description="A page of them."),
        **_MALFORMED,
        **_UNAUTHENTICATED,
        **_BUSY,
    },
    tags=["investigations"],
)

open_case = extend_schema(
    operation_id="openInvestigation",
    summary="Mark goods suspect",
    description="Quarantines them by a hold each, and begins an investigation: signed with the key that this node "
    "holds for you, all or nothing. Whoever signs itself registers statements of kinds `hold` and `investigation`. "
    "A clock runs until the case is `cleared` or `illegitimate`.",
    request=InvestigationWanted,
    responses={
        200: OpenApiResponse(InvestigationShown, description="Begun before."),
        201: OpenApiResponse(InvestigationShown, description="Begun; `Location` is where it is."),
        **_SIGNED_REFUSED,
    },
    tags=["investigations"],
)

find_case = extend_schema(
    operation_id="findInvestigation",
    summary="One investigation",
    description="To whoever investigates, its immediate partners once they were told, and regulators.",
    parameters=[_CASE],
    responses={
        200: OpenApiResponse(InvestigationShown, description="As far as you may see it."),
        **_UNAUTHENTICATED,
        **_UNKNOWN,
        **_BUSY,
    },
    tags=["investigations"],
)

take_step = extend_schema(
    operation_id="stepInvestigation",
    summary="Take the next step of an investigation",
    description="`cleared` lets the goods go. `illegitimate` starts 24 hours in which FDA has to be notified, and "
    "tells the immediate partners; `notified` says that FDA was. Then `termination_requested`, `terminated`, "
    "`disposed`.",
    parameters=[_CASE],
    request=StepWanted,
    responses={
        200: OpenApiResponse(InvestigationShown, description="Taken before."),
        201: OpenApiResponse(InvestigationShown, description="Taken."),
        **_SIGNED_REFUSED,
        **_UNKNOWN,
    },
    tags=["investigations"],
)

acknowledge = extend_schema(
    operation_id="acknowledgeInvestigation",
    summary="Acknowledge that you were told",
    description="By an immediate partner: its clock stops, and whoever investigates is told. Once.",
    parameters=[_CASE],
    request=Note,
    responses={
        200: OpenApiResponse(InvestigationPartnerShown, description="Taken note of, now or before."),
        **_NUMBERS_REFUSED,
        **_UNKNOWN,
    },
    tags=["investigations"],
)

form_3911 = extend_schema(
    operation_id="investigationForm3911",
    summary="The data sheet for Form FDA 3911",
    description="Of your own case, once it is illegitimate: all items of the form by their numbers, from what is "
    "recorded and what you add; as JSON, or as PDF with the JSON inside. `missing` names what is still to be said. It "
    "is no form of FDA's, and sends nothing: say `notified` when you have.",
    parameters=[_CASE],
    request=Form3911Added,
    responses={
        (200, "application/json"): OpenApiResponse(Form3911Sheet, description="The sheet."),
        (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, description="The sheet, to read and print."),
        **_NUMBERS_REFUSED,
        **_UNKNOWN,
        **_problem(406, "In neither of these forms.", "not_acceptable", "Could not satisfy the request Accept header."),
    },
    tags=["investigations"],
)
