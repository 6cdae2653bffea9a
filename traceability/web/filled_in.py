"""Forms that are filled in, and what a verb refuses of them: said beside the field that it is about."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from partners.gs1.errors import Gs1Error

from ..epcis.errors import DocumentError
from ..errors import Refusal
from .codes import CODES
from .page import page

#: What a verb may refuse of what somebody has filled in.
REFUSALS = (Refusal, DocumentError, Gs1Error)


def mark(form: forms.Form, error: Any) -> None:
    """Say what was refused, where the form has a field of that name there."""
    parts = [f"{error.detail[:1].upper()}{error.detail[1:]}"]
    if error.expected:
        parts.append(f"expected {error.expected}")
    if error.found:
        parts.append(f"found {error.found}")
    if remedy := getattr(CODES.get(error.code), "remedy", ""):
        parts[-1] += f". {remedy}"
    shown = {field.name for field in form.visible_fields()}
    form.add_error(error.where if error.where in shown else None, forms.ValidationError("; ".join(parts)))


def refused(request: HttpRequest, refusal: Any) -> HttpResponse:
    """A page of its own, where there is no form to go back to."""
    status = getattr(refusal, "status", 400)
    return page(request, "refused", status=status, refusal=refusal, meaning=CODES.get(refusal.code))
