"""The resources of master data: what products and places are. Thin, as `views.py`."""

from datetime import date
from typing import ClassVar

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from partners.gs1.application_identifiers import check
from partners.gs1.identifiers import Gtin
from partners.models import Description, Product

from .. import catalogue, master_data
from ..catalogue import Listed
from ..epcis import jsonld
from ..epcis.errors import DocumentError
from ..epcis.values import an_object
from ..master_files import PLACES, PRODUCTS, Kind
from . import master_data_schema as schema
from .errors import RequestError
from .parsers import MASTER_DATA, JsonDocument, body
from .serializers import Members
from .views import Resource, _after, _is_form, _parameter, _partner


class Described(Resource):
    """What is told of some kind of thing."""

    parser_classes = (JsonDocument,)
    kind: ClassVar[Kind]

    def listed(self, request: Request) -> Response:
        """What the asker may read: a page, or all of one thing, with what was told before."""
        now, reader = timezone.now(), _partner(request)
        if key := _parameter(request, self.kind.key):
            rows, following = catalogue.history(self.kind, reader, self._key(key), now=now), None
        else:
            text = _parameter(request, "q") or ""
            rows, following = catalogue.page(self.kind, reader, text=text, after=_after(request), now=now)
        shown = [described(self.kind, each) for each in rows]
        return Response({self.kind.name: shown, "next": None if following is None else str(following)})

    def told(self, request: Request) -> Response:
        """One thing, told by whoever may."""
        said = an_object(jsonld.read(body(request)), "the request")
        members: dict[str, str] = {}
        for name, value in said.items():
            if type(value) is not str:
                raise DocumentError("the wrong kind of value", code="wrong_type", where=name[:80], expected="text")
            members[name] = value
        done = master_data.describe(self.kind, members, _partner(request).gln, now=timezone.now())
        return Response(master_data.told(done, applied=True), status=201 if done.entries else 200)

    def _key(self, text: str) -> str:
        if self.kind is PLACES:
            check("414", text)
            return text
        return Gtin.parse(text).value


class Products(Described):
    kind = PRODUCTS

    @schema.list_products
    def get(self, request: Request) -> Response:
        return self.listed(request)

    @schema.describe_product
    def post(self, request: Request) -> Response:
        return self.told(request)


class Places(Described):
    kind = PLACES

    @schema.list_places
    def get(self, request: Request) -> Response:
        return self.listed(request)

    @schema.describe_place
    def post(self, request: Request) -> Response:
        return self.told(request)


class Import(Resource):
    """What files would change; or that it does."""

    parser_classes = MASTER_DATA
    kind: ClassVar[Kind]
    max_bytes = master_data.BYTES_AT_ONCE + 64 * 1024  # and what a form has around its files

    def brought(self, request: Request) -> Response:
        digest = _parameter(request, "apply")
        complete = _flag(request, "complete")
        files = _files(request)
        read = master_data.bring(files, self.kind, at_once=True)
        gln, now = _partner(request).gln, timezone.now()
        if digest is None:
            return Response(master_data.told(master_data.compare(self.kind, read, gln, complete=complete, now=now)))
        done = master_data.apply(self.kind, read, gln, digest, complete=complete, now=now)
        return Response(master_data.told(done, applied=True))


class ProductsImport(Import):
    kind = PRODUCTS

    @schema.import_products
    def post(self, request: Request) -> Response:
        return self.brought(request)


class PlacesImport(Import):
    kind = PLACES

    @schema.import_places
    def post(self, request: Request) -> Response:
        return self.brought(request)


def _files(request: Request) -> list[bytes]:
    if not _is_form(request):
        return [body(request)]
    _ = request.data  # which has it parsed
    found = [file.read() for _, files in request.FILES.lists() for file in files]
    if not found:
        expected = "one part, or two, with file names"
        raise RequestError("there is no file", code="part_missing", where="file", expected=expected)
    return found


def _flag(request: Request, name: str) -> bool:
    text = _parameter(request, name)
    if text not in (None, "0", "1"):
        raise RequestError("not a value for this parameter", code="malformed_parameter", where=name, expected="0 or 1")
    return text == "1"


# ---- what goes out --------------------------------------------------------------------------------------------------


def described(kind: Kind, each: Listed) -> Members:
    row = each.row
    told = {name: getattr(row, name) or None for name in kind.fields}
    if isinstance(row, Product):
        told["ndc_format"] = row.ndc_format or None
    return {
        kind.key: getattr(row, kind.key),
        **told,
        "valid_from": None if row.valid_from == Description.ALWAYS else _day(row.valid_from),
        "valid_to": _day(row.valid_to),
        "told_by": row.told_by,
        "source": row.source,
        "said": row.said.isoformat().replace("+00:00", "Z"),
        "replaced": row.replaced and row.replaced.isoformat().replace("+00:00", "Z"),
        "counts": each.counts,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
