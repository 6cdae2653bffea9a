"""The pages on the API: Swagger UI, from the package that brings it, with the head and the foot of our own pages."""

from typing import Any

from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from ..api import schema
from .page import around


class Docs(SpectacularSwaggerSplitView):
    """Splits off its script: none stands in a page, as our Content-Security-Policy demands."""

    url_name = "schema"
    template_name = "traceability/api.html"

    @schema.hidden
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)
        answer.data |= around(request) | {"here": "api"}
        return answer
