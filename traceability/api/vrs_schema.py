"""What the OpenAPI pages say of verification messages."""

from typing import Any, Literal

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ..dscsa.vrs import CONTEXTS, Failure, Info
from .schema import _BUSY, _UNAUTHENTICATED, _problem, hidden

__all__ = ["check_connectivity", "hidden", "verify"]


class Connectivity(drf.Serializer[Any]):
    """Whoever may ask, may ask here."""

    responderGLN = drf.RegexField(r"^[0-9]{13}$", help_text="GLN-13 of the party for which this node answers.")  # noqa: N815


class VerificationData(drf.Serializer[Any]):
    """What is said of the product identifier."""

    verified = drf.BooleanField(help_text="Whether it is its manufacturer's, and nothing is known against it.")
    verificationFailureReason = drf.ChoiceField(  # noqa: N815
        choices=[str(word) for word in Failure], required=False, help_text="Why it is not verified."
    )
    additionalInfo = drf.ChoiceField(  # noqa: N815
        choices=[str(word) for word in Info], required=False, help_text="What else is known of the pack."
    )


class VerificationResponse(drf.Serializer[Any]):
    """The answer to a verification request."""

    verificationTimestamp = drf.DateTimeField(help_text="When it was answered, UTC.")  # noqa: N815
    responderGLN = drf.RegexField(r"^[0-9]{13}$", help_text="GLN-13 of the party for which this node answers.")  # noqa: N815
    corrUUID = drf.UUIDField(help_text="That of the request.")  # noqa: N815
    data = VerificationData(  # type: ignore[assignment]  # a field, as DRF has them
        help_text="The answer itself."
    )


def _refused(*problems: dict[Any, OpenApiResponse]) -> dict[Any, OpenApiResponse]:
    """Each as a line of text, and as a problem document to whoever asks for one."""
    documents = {key: each for problem in problems for key, each in problem.items()}
    lines = {
        (status, "text/plain"): OpenApiResponse(str, description=each.description)
        for (status, _), each in documents.items()
    }
    return lines | documents


_REFUSALS = _refused(
    _problem(400, "Not in form: `where` says where.", "parameter_missing", "is needed", where="exp"),
    _UNAUTHENTICATED,
    _problem(
        403,
        "`reqGLN` is not the asker, nor a place of its own; or none of its licences is in force.",
        "not_your_gln",
        "reqGLN is neither you nor a place of yours",
        where="reqGLN",
    ),
    _problem(
        404, "Nobody on this node may issue this GTIN.", "gtin_not_answered_here", "nobody here may issue this GTIN"
    ),
    _BUSY,
)


def _gtin(location: Literal["query", "path"]) -> OpenApiParameter:
    return OpenApiParameter("gtin", location=location, required=True, pattern="^[0-9]{14}$", description="GTIN-14.")


_REQUESTER = OpenApiParameter(
    "reqGLN", required=True, pattern="^[0-9]{13}$", description="GLN-13 of the asker, or of a place that it operates."
)
_CONTEXT = OpenApiParameter(
    "context",
    enum=[context for context in CONTEXTS if context],
    description="Why you ask; it stands in the access record.",
)

check_connectivity = extend_schema(
    operation_id="vrsCheckConnectivity",
    summary="Check connectivity",
    description="Whether you may ask this responder about a product, and for whom it answers. Nothing is read of any "
    "pack.",
    parameters=[_gtin("query"), _REQUESTER, _CONTEXT],
    responses={200: OpenApiResponse(Connectivity, description="You may."), **_REFUSALS},
    tags=["vrs"],
)

verify = extend_schema(
    operation_id="vrsVerify",
    summary="Verify a product identifier",
    description="The verification request of the GS1 Lightweight Messaging Standard (US guideline 1.3), answered by a "
    "verdict alone. A number that was dispensed, taken out of use, or that a hold lies over is not verified, or has "
    "`additionalInfo`, however well it matches. The header `Unitproof-Verification` has the node's signature over the "
    "answer (COSE_Sign1, base64url): over the SHA-256 of the body, what was asked, and the log that it knew.\n\n"
    "You are who your token says. A credential of an authorized trading partner in another header is not looked at. "
    "Other parameters of the guideline, such as `email`, are neither read nor kept.",
    parameters=[
        _gtin("path"),
        OpenApiParameter("lot", location=OpenApiParameter.PATH, description="Lot, percent-encoded."),
        OpenApiParameter("serial", location=OpenApiParameter.PATH, description="Serial number, percent-encoded."),
        OpenApiParameter("exp", required=True, pattern="^[0-9]{6}$", description="Expiry as on the label: YYMMDD."),
        _REQUESTER,
        OpenApiParameter("corrUUID", description="A UUID that you draw: the answer has it again."),
        OpenApiParameter("linkType", enum=["verificationService", "gs1:verificationService"], description="As it is."),
        _CONTEXT,
        OpenApiParameter("ctrlPossessAtt", enum=["true", "false"], description="That you have, or had, the pack."),
    ],
    responses={
        200: OpenApiResponse(
            VerificationResponse,
            description="An answer, verified or not.",
            examples=[
                OpenApiExample(
                    "verified",
                    {
                        "verificationTimestamp": "2026-01-05T08:00:00.125Z",
                        "responderGLN": "0614141001005",
                        "corrUUID": "93c8c77f-a277-438d-aa83-b97cfab380e7",
                        "data": {"verified": True},
                    },
                )
            ],
        ),
        **_REFUSALS,
    },
    tags=["vrs"],
)
