"""EPCIS 2.0 documents in JSON-LD (EPCIS 2.0 section 10). One of the two modules that speak camelCase.

Text to members, strictly (RFC 8259, RFC 7493); then the names of the `@context`, resolved from what is known here and
what the document itself says, never from a network; then the header and the events.
"""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NoReturn

from .canonical import STANDARD_MEMBERS, Canonicaliser
from .errors import DocumentError
from .events import Document
from .header import Header
from .limits import DEFAULT_LIMITS, Limits, check_size
from .names import PREFIXES, URI_SCHEMES, Names
from .values import Number, Raw, a_list, an_object


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a document, or a query document, in JSON-LD. Raises `DocumentError`."""
    check_size(data, limits)
    try:
        return _document(an_object(read(data), "the document"), limits)
    except RecursionError:
        raise DocumentError("nested too deep", code="too_deep") from None


def read(data: bytes) -> Raw:
    """Any JSON, as strictly. Raises `DocumentError`."""
    try:
        return _loads(_decoded(data))
    except RecursionError:
        raise DocumentError("nested too deep", code="too_deep") from None


def _document(document: dict[str, Raw], limits: Limits) -> Document:
    kind = document.get("type")
    if kind not in ("EPCISDocument", "EPCISQueryDocument"):
        found = repr(kind)[:80]
        raise DocumentError(
            "no document", code="unsupported_syntax", where="type", expected="EPCISDocument", found=found
        )
    names = _Names(PREFIXES).extended(_required(document, "@context"))
    for name in ("schemaVersion", "creationDate") if kind == "EPCISDocument" else ():
        _required(document, name)
    head = _header(document, names)
    canon = Canonicaliser(names, typed=True, limits=limits)
    for raw in _event_list(document):
        _event(canon, raw, names)
    return Document(tuple(canon.events), MappingProxyType(head.values), tuple(canon.warnings))


# Text


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # RFC 8259 section 8.1: a byte order mark may be ignored
    except UnicodeDecodeError as error:
        where, found = f"byte {error.start}", data[error.start : error.start + 4].hex(" ")
        raise DocumentError("not UTF-8", code="not_utf8", where=where, expected="UTF-8", found=found) from None


def _loads(text: str) -> Raw:
    if "\\u" in text:
        _refuse_impossible_characters(text)
    try:
        return _DECODER.decode(text)  # type: ignore[no-any-return]
    except json.JSONDecodeError as error:
        where, expected = _position(text, error.pos), error.msg.removeprefix("Expecting ")
        found = repr(text[error.pos : error.pos + 20]) if error.pos < len(text) else "the end"
        raise DocumentError("not JSON", where=where, expected=expected, found=found) from None
    except _RepeatedError:
        raise _find_repeated(text) from None
    except _NotANumberError:
        raise _find_not_a_number(text) from None


def _position(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}"


_ESCAPES = re.compile(
    r"\\(?:[^u]|u(?!0000|[dD][89a-fA-F])|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F])|(?P<bad>\\u[0-9a-fA-F]{4})"
)


def _refuse_impossible_characters(text: str) -> None:
    """RFC 7493 section 2.1: halves of surrogate pairs are no characters; and a NUL is refused by databases."""
    for escape in _ESCAPES.finditer(text):
        if escape["bad"]:
            code = "nul" if escape["bad"] == "\\u0000" else "lone_surrogate"
            where = _position(text, escape.start())
            raise DocumentError(
                "not a character", code=code, where=where, expected="a Unicode character", found=escape["bad"]
            )


class _RepeatedError(ValueError):
    """One object has two members of one name."""


def _members(pairs: list[tuple[str, Raw]]) -> dict[str, Raw]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedError
    return found


class _NotANumberError(ValueError):
    """NaN or an Infinity, which Python's reader would take."""


def _not_a_number(name: str) -> NoReturn:
    raise _NotANumberError


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=Number, parse_int=Number, parse_constant=_not_a_number
)
_TOKENS = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")(?P<name>\s*:)?|(?P<open>[{\[])|(?P<close>[}\]])|(?P<constant>NaN|-?Infinity)'
)


def _find_repeated(text: str) -> DocumentError:
    """Where the first name stands a second time. Slow, and only ever asked about a document that is refused."""
    seen: list[set[str]] = []
    for token in _TOKENS.finditer(text):
        if token["open"]:
            seen.append(set())
        elif token["close"]:
            seen.pop()
        elif token["name"]:
            name = json.loads(token["text"])
            if name in seen[-1]:
                return DocumentError(
                    "a member stands twice",
                    code="duplicate_member",
                    where=_position(text, token.start()),
                    expected="each name once",
                    found=repr(name),
                )
            seen[-1].add(name)
    raise AssertionError("no name is repeated")


def _find_not_a_number(text: str) -> DocumentError:
    token = next(token for token in _TOKENS.finditer(text) if token["constant"])
    where = _position(text, token.start())
    return DocumentError("no JSON", code="not_a_number", where=where, expected="digits", found=token["constant"])


# Names

_MAY_MOVE = {"gs1", "cbvmda"}  # GS1 itself has written the first in four ways; the second is one thing, however spelled
_DOCUMENT_MEMBERS = frozenset(
    {
        *{"id", "type", "schemaVersion", "creationDate", "sender", "receiver", "instanceIdentifier"},
        *{"@context", "epcisHeader", "epcisBody"},
    }
)
_NAMESPACE = re.compile(r".*[/#:]")


class _Names(Names):
    """What the names of a document mean, by its contexts: `example:myField` to the full IRI of `myField`."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        super().__init__()
        self._prefixes = prefixes

    def __missing__(self, given: str) -> str:
        if given == "@context":
            raise _bad_context("contexts of the document and of its events", "one further in")
        return super().__missing__(given)

    def name(self, given: str) -> str:
        prefix, colon, local = given.partition(":")
        if not colon:
            return self._prefixes.get(given, given)
        if prefix in URI_SCHEMES or local.startswith("//"):
            start = _NAMESPACE.match(given)
            return self.extension(given[: start.end()], given[start.end() :]) if start else given
        namespace = self._prefixes.get(prefix)
        if namespace is None:
            raise DocumentError(
                "a prefix that no @context explains", code="unknown_prefix", expected="a declared prefix", found=given
            )
        return self.extension(namespace, local)

    def prefix(self, prefix: str) -> str | None:
        return self._prefixes.get(prefix)

    def extended(self, context: Raw) -> "_Names":
        """These names and those that a further context adds. What stands behind a web address is not fetched."""
        prefixes = dict(self._prefixes)
        for part in context if isinstance(context, list) else [context]:
            if isinstance(part, dict):
                prefixes.update(_declared(part))
            elif type(part) is not str:
                raise _bad_context("an address or an object", repr(part))
        return _Names(prefixes)


def _declared(context: Mapping[str, Raw]) -> Iterator[tuple[str, str]]:
    """The terms that one context object declares."""
    for term, value in context.items():
        meaning = value.get("@id") if isinstance(value, dict) else value
        if term in ("@version", "@protected"):
            continue
        if term.startswith("@") or type(meaning) is not str:
            raise _bad_context("a prefix and its IRI", repr(term))
        if term in STANDARD_MEMBERS | _DOCUMENT_MEMBERS:
            raise _bad_context("terms of its own", f"{term!r}, which EPCIS defines")
        if term not in PREFIXES:
            yield term, meaning
        elif term not in _MAY_MOVE and meaning.rstrip("/#:") != PREFIXES[term].rstrip("/#:"):
            raise _bad_context(f"{term!r} for {PREFIXES[term]}", meaning)


def _bad_context(expected: str, found: str) -> DocumentError:
    return DocumentError(
        "a context not read here", code="unsupported_context", where="@context", expected=expected, found=found
    )


# Header and events


def _required(holder: Mapping[str, Raw], name: str) -> Raw:
    if name not in holder:
        raise DocumentError("missing", code="missing_member", where=name, expected=f"a value for {name}")
    return holder[name]


def _event_list(document: dict[str, Raw]) -> list[Raw]:
    body = an_object(_required(document, "epcisBody"), "epcisBody")
    if document["type"] == "EPCISQueryDocument":
        body = an_object(_required(body, "queryResults"), "queryResults")
        body = an_object(_required(body, "resultsBody"), "resultsBody")
    return a_list(_required(body, "eventList"), "eventList")


def _header(document: dict[str, Raw], names: _Names) -> Header:
    head = Header(names)
    head.party("sender", document.get("sender"))
    head.party("receiver", document.get("receiver"))
    head.instance(document.get("instanceIdentifier"))
    for given, value in document.items():
        if given in _DOCUMENT_MEMBERS:
            continue
        if ":" not in names[given]:
            raise DocumentError("not a member of a document", code="unknown_member", where=given, found=given)
        head.statement(names[given], value)
    _epcis_header(an_object(document.get("epcisHeader", {}), "epcisHeader"), names, head)
    return head


def _epcis_header(given: Mapping[str, Raw], names: _Names, head: Header) -> None:
    for name, value in given.items():
        if name != "epcisMasterData":
            head.statement(names[name], value)
    master_data = an_object(given.get("epcisMasterData", {}), "epcisMasterData")
    for vocabulary in a_list(master_data.get("vocabularyList", []), "vocabularyList"):
        elements = an_object(vocabulary, "vocabularyList").get("vocabularyElementList", [])
        for element in a_list(elements, "vocabularyElementList"):
            _vocabulary_element(an_object(element, "vocabularyElementList"), head)


def _vocabulary_element(element: Mapping[str, Raw], head: Header) -> None:
    attributes = [an_object(item, "attributes") for item in a_list(element.get("attributes", []), "attributes")]
    pairs = [(_required(item, "id"), item.get("attribute")) for item in attributes]
    head.vocabulary_element(_required(element, "id"), pairs)


def _event(canon: Canonicaliser, raw: Raw, names: _Names) -> None:
    event = an_object(raw, f"event {canon.number}")
    if "@context" in event:  # JSON-LD 1.1 section 3.5: it holds for this object alone
        names = names.extended(event["@context"])
        event = {name: value for name, value in event.items() if name != "@context"}
    canon.names = names
    canon.event(event)
