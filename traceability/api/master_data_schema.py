"""What the OpenAPI pages say of master data: what goes in and out, and what can go wrong."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ..master_data import LINES_AT_ONCE, Change
from .parsers import MASTER_DATA
from .schema import _BUSY, _MALFORMED, _UNAUTHENTICATED, _problem
from .serializers import WrongLine, _gln, _text

SOURCES = ("csv", "epcis", "fda", "form")


class DatedRow(drf.Serializer[Any]):
    """What is the same of products and places."""

    valid_from = drf.DateField(help_text="From this day on; null: nobody has said since when.", allow_null=True)
    valid_to = drf.DateField(
        help_text="The first day on which it no longer is; null: no end is known.", allow_null=True
    )
    told_by = _text("GLN of who answers for it, or `FDA`.")
    source = drf.ChoiceField(choices=SOURCES, help_text="What it was read from.")  # type: ignore[assignment]
    said = drf.DateTimeField(help_text="When it was brought here.")
    replaced = drf.DateTimeField(help_text="When something else was told instead; null: it stands.", allow_null=True)


def _or_null(help_text: str) -> drf.CharField:
    return _text(help_text, allow_null=True)


class ProductTold(DatedRow):
    """What somebody tells of a product, for some days. Null: nothing."""

    gtin = _text("GTIN-14.")
    ndc = _or_null("National Drug Code, with its hyphens.")
    ndc_format = _or_null("`4-4-2`, `5-3-2` or `5-4-1` of ten digits, `5-4-2` of eleven, `6-4-2` of twelve.")
    name = _or_null("Proprietary or established name.")
    strength = _or_null("Of each active ingredient.")
    dosage_form = _or_null("Dosage form.")
    container_size = _or_null("What is in the package.")
    labeler = _or_null("Name of the labeler.")
    labeler_gln = _or_null("GLN of the labeler.")
    level = _or_null("`unit` or `case`.")
    counts = drf.BooleanField(help_text="Whether this is what a verdict says of a pack of it today.")


class PlaceTold(DatedRow):
    """What somebody tells of a place, for some days. Null: nothing."""

    gln = _text("GLN-13.")
    name = _or_null("What people call it.")
    operator = _or_null("GLN of the party that it is told to be operated by. Location statements say whose it is.")
    street = _or_null("Street and number.")
    city = _or_null("City.")
    state = _or_null("State.")
    postal_code = _or_null("Postal code.")
    country = _or_null("Country.")
    counts = drf.BooleanField(help_text="Whether it is told of today.")


class ProductsTold(drf.Serializer[Any]):
    """A page of them."""

    products = ProductTold(many=True, help_text="By GTIN; of one product, what stands first.")
    next = _or_null("Cursor of the next page: `after`.")


class PlacesTold(drf.Serializer[Any]):
    """A page of them."""

    places = PlaceTold(many=True, help_text="By GLN; of one place, what stands first.")
    next = _or_null("Cursor of the next page: `after`.")


class FieldChanged(drf.Serializer[Any]):
    """One field, as it stands and as it would."""

    field = _text("Its name; `location statement`: who is said in the log to operate the place.")
    old = _text("As it stands; empty: nothing is told.")
    new = _text("As it would; empty: nothing would be.")


class ThingChanged(drf.Serializer[Any]):
    """What becomes of what is told of one thing."""

    change = drf.ChoiceField(choices=[str(change) for change in Change], help_text="What becomes of it.")
    line = drf.IntegerField(
        help_text="By which line; null: there is none, and the files are complete.", allow_null=True
    )
    key = _text("GTIN-14, or GLN-13.")
    changes = FieldChanged(many=True, help_text="Field by field.")


class Counts(drf.Serializer[Any]):
    """How many of each."""

    added = drf.IntegerField(help_text="Things, or days of things, of which nothing was told.")
    changed = drf.IntegerField(help_text="Of which something else is told.")
    ended = drf.IntegerField(help_text="Which end, or end sooner.")
    unchanged = drf.IntegerField(help_text="Lines that change nothing.")
    refused = drf.IntegerField(help_text="Lines that are wrong.")


class Differences(drf.Serializer[Any]):
    """What files would change, or have changed."""

    digest = _text("SHA-256 of all of it, in hexadecimal: what `apply` names.")
    applied = drf.BooleanField(help_text="Whether it was done.")
    source = drf.ChoiceField(choices=SOURCES, help_text="What was read.")  # type: ignore[assignment]
    told_by = _text("Who answers for it: your GLN, or `FDA`.")
    counts = Counts(help_text="Of all lines.")
    differences = ThingChanged(many=True, help_text="The first 1,000.")
    refused = WrongLine(many=True, help_text="The first 1,000.")


class ProductSaid(drf.Serializer[Any]):
    """What to tell of a product. What is not named stays as it is."""

    gtin = _text("GTIN of 8, 12, 13 or 14 digits; without it, that which holds the NDC.", required=False)
    ndc = _text("National Drug Code, with its hyphens; or digits.", required=False)
    ndc_format = _text("Of ten digits without hyphens.", required=False)
    name = _text("Proprietary or established name.", required=False)
    strength = _text("Of each active ingredient.", required=False)
    dosage_form = _text("Dosage form.", required=False)
    container_size = _text("What is in the package.", required=False)
    labeler = _text("Name of the labeler.", required=False)
    labeler_gln = _gln("of the labeler.", required=False)
    level = _text("`unit` or `case`.", required=False)
    valid_from = _text("YYYY-MM-DD; else today, or always, of what nobody has told of before.", required=False)
    valid_to = _text("The first day on which it no longer is; empty: no end is known.", required=False)


class PlaceSaid(drf.Serializer[Any]):
    """What to tell of a place. What is not named stays as it is."""

    gln = _gln("of the place.")
    name = _text("What people call it.", required=False)
    operator = _gln("of the party that operates it.", required=False)
    street = _text("Street and number.", required=False)
    city = _text("City.", required=False)
    state = _text("State.", required=False)
    postal_code = _text("Postal code.", required=False)
    country = _text("Country.", required=False)
    valid_from = _text("YYYY-MM-DD; else today, or always, of what nobody has told of before.", required=False)
    valid_to = _text("The first day on which it no longer is; empty: no end is known.", required=False)


_DIFFERENCES = {
    "digest": "5f" * 32,
    "applied": False,
    "source": "csv",
    "told_by": "0614141001002",
    "counts": {"added": 0, "changed": 1, "ended": 0, "unchanged": 212, "refused": 1},
    "differences": [
        {
            "change": "changed",
            "line": 17,
            "key": "00614141123452",
            "changes": [{"field": "strength", "old": "5 mg", "new": "10 mg"}],
        }
    ],
    "refused": [
        {
            "line": 18,
            "where": "ndc",
            "code": "ambiguous_ndc",
            "detail": "ten digits do not tell where their hyphens were",
            "expected": "hyphens, or a format: 4-4-2, 5-3-2, 5-4-1",
            "found": "'0001012345'",
        }
    ],
}
_TAKEN = {
    **_problem(413, "More than is read here.", "too_large", "more than is read here"),
    **_problem(415, "In a form that is not read here.", "unsupported_media_type", "Unsupported media type."),
    **_BUSY,
}
_NOT_THEIRS = _problem(
    403, "Not this party's to tell.", "gtin_not_licensed", "no prefix statement lets 0614141000029 issue it"
)
_CHANGED = _problem(
    409,
    "What would change is not what was shown; or a location statement that goes with it is refused.",
    "differences_changed",
    "what would change is not what was shown: look again",
    expected="ab" * 32,
    found="5f" * 32,
)
_LISTS = [
    OpenApiParameter("q", description="What is looked for: a GTIN, GLN or NDC, or some of a name."),
    OpenApiParameter("after", description="Cursor: `next` of the page before."),
]
_READ = {**_MALFORMED, **_UNAUTHENTICATED, **_BUSY}


def _list(name: str, key: str, answer: type[drf.Serializer[Any]], told: str) -> Any:
    one = OpenApiParameter(key, description="One alone: all that was ever told of it.")
    return extend_schema(
        operation_id=f"list{name.capitalize()}",
        summary=f"What is told of {name}",
        description=f"{told} By {key.upper()}, in pages of 100 {name}.",
        parameters=[one, *_LISTS],
        responses={200: OpenApiResponse(answer, description="A page of them."), **_READ},
        tags=["master data"],
    )


def _describe(name: str, said: type[drf.Serializer[Any]], told: str) -> Any:
    return extend_schema(
        operation_id=f"describe{name.capitalize()}",
        summary=f"Tell what a {name} is",
        description=told,
        request={"application/json": said},
        responses={
            200: OpenApiResponse(Differences, description="It was told before: nothing changes."),
            201: OpenApiResponse(Differences, description="What has changed."),
            **_READ, **_NOT_THEIRS, **_CHANGED, **_TAKEN,
        },
        tags=["master data"],
    )  # fmt: skip


def _import(name: str, told: str) -> Any:
    return extend_schema(
        operation_id=f"import{name.capitalize()}",
        summary=f"Bring files that tell of {name}",
        description=f"{told} Lines that are wrong are named, and the others taken. Nothing is stored without `apply`: "
        "look at the differences, and send the same files again with their digest. Whatever has changed since is "
        f"noticed, and then nothing is stored. Of more than {LINES_AT_ONCE:,} lines, or a megabyte, ask for a job: "
        f"`{name}`, then `apply`.",
        parameters=[
            OpenApiParameter("apply", description="Digest of the differences that were shown: do that."),
            OpenApiParameter(
                "complete", enum=["0", "1"], description="1: what you tell of, and no line names, ends today."
            ),
        ],
        request={
            parser.media_type: OpenApiTypes.BINARY if parser.media_type != "multipart/form-data" else Files
            for parser in MASTER_DATA
        },
        responses={
            200: OpenApiResponse(
                Differences,
                description="What would change, or has.",
                examples=[OpenApiExample("before it is applied", _DIFFERENCES)],
            ),
            **_READ, **_NOT_THEIRS, **_CHANGED, **_TAKEN,
        },
        tags=["master data"],
    )  # fmt: skip


class Files(drf.Serializer[Any]):
    """One file, or the two of the FDA's directory."""

    file = drf.FileField(help_text="CSV, an EPCIS document, product.txt, or a ZIP of product.txt and package.txt.")
    package = drf.FileField(help_text="package.txt.", required=False)


list_products = _list(
    "products",
    "gtin",
    ProductsTold,
    "What the parties that may issue them, the operator of this node and the FDA's directory tell of products; and "
    "what you have told. `counts`: what a verdict says; of several, that of the party that may issue it, else the "
    "operator's, else the FDA's.",
)
list_places = _list(
    "places",
    "gln",
    PlacesTold,
    "What is told of places by whose they are, and by the operator of this node; and by you.",
)
describe_product = _describe(
    "product", ProductSaid, "One product, by whoever may issue it, or by the operator of this node; at once."
)
describe_place = _describe(
    "place",
    PlaceSaid,
    "One place, by whose it is, or by the operator of this node; at once. An `operator` that the latter names is also "
    "said in the log, from `valid_from` on: then what happens there is that party's act.",
)
import_products = _import(
    "products",
    "CSV, whose first line names its columns: `gtin`, and any of the members that one product has. Or an EPCIS "
    "document, XML or JSON, for the master data in its header: of products that you may not issue, that is kept as "
    "your word. Or, by the operator of this node, the FDA's NDC directory: product.txt and package.txt as two parts of "
    "a form, or zipped.",
)
import_places = _import(
    "places", "CSV, whose first line names its columns: `gln`, and any of the members that one place has. Or an EPCIS "
    "document, XML or JSON, for the master data in its header.",
)  # fmt: skip
