"""What comes in: documents and statements as the bytes they are, never decoded here; and multipart with all three."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from .errors import RequestError

COSE = "application/cose"


class Bytes(BaseParser):
    """The body, as it is."""

    def parse(  # type: ignore[override]  # what is parsed stays bytes here
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return bytes(stream.read())


class JsonDocument(Bytes):
    media_type = "application/json"


class JsonLdDocument(Bytes):
    media_type = "application/ld+json"


class XmlDocument(Bytes):
    media_type = "application/xml"


class TextXmlDocument(Bytes):
    media_type = "text/xml"


class Statement(Bytes):
    media_type = COSE


class CsvReport(Bytes):
    media_type = "text/csv"


class Zip(Bytes):
    media_type = "application/zip"


DOCUMENTS = (JsonDocument, JsonLdDocument, XmlDocument, TextXmlDocument)
REPORTS = (CsvReport, JsonDocument, XmlDocument, TextXmlDocument)
MASTER_DATA = (CsvReport, MultiPartParser, Zip, *DOCUMENTS)
SUBMISSIONS = (MultiPartParser, *DOCUMENTS)


class OneForm(DefaultContentNegotiation):
    """Most have one form, whatever the client would accept (RFC 9110 section 12.5.1 lets it be sent)."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


def chosen(request: Request, kinds: Sequence[str]) -> str:
    """Which of these media types a client prefers, where a resource has several: the first, if it is all the same."""
    kind = request._request.get_preferred_type(list(kinds))
    if kind is None:
        raise NotAcceptable
    return str(kind)


def body(request: Request) -> bytes:
    """What a client sent instead of a form; an empty body is no bytes."""
    data = request.data
    return data if isinstance(data, bytes) else b""


def part(request: Request, name: str) -> UploadedFile:
    """One part of a multipart form. It has a file name, else it would have been decoded as text on the way here."""
    found = request.FILES.get(name) or request.POST.get(name)
    if found is None:
        raise RequestError(
            "a part is missing", code="part_missing", where=name, expected="document, opening, statement"
        )
    if not isinstance(found, UploadedFile):
        raise RequestError("a part without a file name arrives as text", code="part_not_a_file", where=name)
    return found
