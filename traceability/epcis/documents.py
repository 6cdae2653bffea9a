"""A document in whichever syntax it came, to one value."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from typing import TypeAlias

from . import jsonld, xml
from .errors import DocumentError
from .events import Document
from .limits import DEFAULT_LIMITS, Limits

JSON, XML = "application/json", "application/xml"

_Reader: TypeAlias = Callable[[bytes, Limits], Document]

_BY_CONTENT_TYPE: dict[str, _Reader] = {
    JSON: jsonld.parse,
    "application/ld+json": jsonld.parse,
    XML: xml.parse,
    "text/xml": xml.parse,
}
_BY_FIRST_BYTES = {
    b"{": JSON,
    b"<": XML,
    BOM_UTF16_LE: XML,  # XML 1.0 section 4.3.3; JSON is always UTF-8
    BOM_UTF16_BE: XML,
}


def parse(data: bytes, content_type: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a document. What it is says `content_type`, else its first byte. Raises `DocumentError`."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return (_BY_CONTENT_TYPE.get(media_type) or _BY_CONTENT_TYPE[kind_of(data)])(data, limits)


def kind_of(data: bytes) -> str:
    """The media type of a document, by its first byte. Raises `DocumentError` for what begins like none.

    >>> kind_of(b' {"type": "EPCISDocument"}'), kind_of(b"<epcis:EPCISDocument/>")
    ('application/json', 'application/xml')
    """
    start = data[:4096].removeprefix(BOM_UTF8).lstrip()
    for first, media_type in _BY_FIRST_BYTES.items():
        if start.startswith(first):
            return media_type
    escaped = start.startswith(b"&lt;")
    raise DocumentError(
        "escaped as if for a web page" if escaped else "neither JSON nor XML",
        code="html_escaped" if escaped else "unsupported_syntax",
        where="line 1, column 1",
        expected="{ or <",
        found=repr(start[:8]),
    )
