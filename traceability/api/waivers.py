"""The resource of waivers. Thin, as `views.py`."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from partners.waivers import waivers_for

from . import waivers_schema as schema
from .views import Resource, _cursor, _partner


class Waivers(Resource):
    @schema.list_waivers
    def get(self, request: Request) -> Response:
        """Which rules do not hold for the asker, or for products whoever trades them."""
        found, following = waivers_for(_partner(request).gln, _cursor(request))
        shown = schema.listed(found, timezone.now())
        return Response({"waivers": shown, "next": None if following is None else str(following)})
