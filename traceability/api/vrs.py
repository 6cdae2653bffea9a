"""`/vrs/`: verification messages, as the GS1 Lightweight Messaging Standard has them. Thin, as `views.py`.

Only a 200 has a body in JSON (US guideline 1.3); what is refused says why in a line of text, or in a problem document
to whoever asks for one by `Accept`.
"""

import re
import uuid
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotFound as NoSuchResource
from rest_framework.request import Request
from rest_framework.response import Response

from partners.gs1.application_identifiers import check
from partners.gs1.identifiers import Gtin

from ..dscsa import vrs
from ..dscsa.vrs import CONTEXTS, Question
from ..statements import b64
from . import vrs_schema as schema
from .errors import CONTENT_TYPE, RequestError
from .raw_path import raw_path, values
from .views import Resource, _parameter, _partner

SIGNED = "Unitproof-Verification"
"""The header with the node's signature over the answer: a COSE_Sign1, base64url."""
LINK_TYPES = frozenset({"verificationService", "gs1:verificationService"})
IS_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch


class Message(Resource):
    """What both messages have in common."""

    def handle_exception(self, exc: Exception) -> Any:
        """A problem document only to whoever asks for one."""
        refused = super().handle_exception(exc)
        if CONTENT_TYPE in self.request.headers.get("Accept", ""):
            return refused
        headers = {name: value for name, value in refused.headers.items() if name != "Content-Type"}
        said = f"{refused.data['code']}: {refused.data['detail']}\n"
        return HttpResponse(said, status=refused.status_code, content_type="text/plain; charset=utf-8", headers=headers)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code != 200:
            answer.headers["Vary"] = "Accept"
        return answer


class CheckConnectivity(Message):
    @schema.check_connectivity
    def get(self, request: Request) -> Response:
        """Whether the asker may ask here about a product."""
        gtin, gln = _gtin(_needed(request, "gtin")), _gln(request)
        _purpose(request)
        responder = vrs.responder_for(gtin, gln, _partner(request), now=timezone.now())
        return Response({"responderGLN": responder})


class Verify(Message):
    @schema.verify
    def get(self, request: Request, gtin: str, lot: str, serial: str) -> HttpResponse:
        """Is this product identifier its manufacturer's?"""
        path = {"gtin": gtin, "lot": lot, "ser": serial}
        if raw_path(request._request) is not None and (told := values(request._request, tuple(path))) != path:
            if told is None:  # a slash too many
                raise NoSuchResource("This was not found.")
            path = told
        question = Question(
            gtin=_gtin(path["gtin"]),
            serial=path["ser"],
            lot=path["lot"],
            expiry=_needed(request, "exp"),
            requester=_gln(request),
            correlation=_correlation(request),
            purpose=_purpose(request),
        )
        _link_type(request)
        _attested(request)
        answer = vrs.respond(question, _partner(request), now=timezone.now())
        return HttpResponse(answer.body, content_type="application/json", headers={SIGNED: b64(answer.envelope)})


class NoMessage(Message):
    """Any other path below, to whoever is known here."""

    @schema.hidden
    def get(self, request: Request, **_: Any) -> Response:
        raise NoSuchResource("This was not found.")


# ---- what is asked --------------------------------------------------------------------------------------------------


def _once(request: Request, name: str) -> str | None:
    """A parameter. Names that are not known are left alone: later releases of the guideline add some."""
    if len(request.query_params.getlist(name)) > 1:
        raise RequestError("said twice", code="conflicting_parameters", where=name)
    return _parameter(request, name) or None


def _needed(request: Request, name: str) -> str:
    if (value := _once(request, name)) is None:
        raise RequestError("is needed", code="parameter_missing", where=name)
    return value


def _gtin(text: str) -> str:
    check("01", text)  # 14 digits, and no fewer
    return Gtin.parse(text).value


def _gln(request: Request) -> str:
    gln = _needed(request, "reqGLN")
    check("417", gln)
    return gln


def _correlation(request: Request) -> str:
    """The requester's own, as it is written; drawn here where there is none."""
    text = _once(request, "corrUUID")
    if text is not None and not IS_UUID(text):
        raise RequestError("not a UUID", code="malformed_parameter", where="corrUUID")
    return text or str(uuid.uuid4())


def _purpose(request: Request) -> Any:
    context = _once(request, "context")
    if context not in CONTEXTS:
        expected = ", ".join(filter(None, CONTEXTS))
        raise RequestError("no such context", code="unknown_context", where="context", expected=expected)
    return CONTEXTS[context]


def _link_type(request: Request) -> None:
    asked = _once(request, "linkType")
    if asked is not None and asked not in LINK_TYPES:
        raise RequestError(
            "nothing else is linked to", code="malformed_parameter", where="linkType", expected="verificationService"
        )


def _attested(request: Request) -> None:
    """R1.3: that the requester has, or has had, the pack. It is that party's word, and asked of nobody."""
    if _once(request, "ctrlPossessAtt") not in (None, "true", "false"):
        raise RequestError(
            "neither true nor false", code="malformed_parameter", where="ctrlPossessAtt", expected="true or false"
        )
