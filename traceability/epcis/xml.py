"""EPCIS 1.2 documents in XML (EPCIS 1.2 section 9), read as a stream: an event is taken when its element ends, and
forgotten. `elements.py` says what its members are, `canonical.py` what they mean.
"""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any, NoReturn

from lxml import etree

from .canonical import Canonicaliser
from .elements import Element, add, content, extension, members, no_text
from .errors import DocumentError
from .events import Document, Warning
from .header import HEALTHCARE, Header
from .limits import DEFAULT_LIMITS, Limits, check_size
from .names import Names
from .values import Raw

EPCIS = "urn:epcglobal:epcis:xsd:1"
SBDH = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
#: No entity but XML's own five is expanded, no file and no address is opened, and libxml2's own bounds stay on.
_SAFELY: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("resolve_entities", "load_dtd", "dtd_validation", "huge_tree", "recover"), False),
        **dict.fromkeys(("no_network", "remove_comments", "remove_pis"), True),
    }
)
_READ = ("ObjectEvent", "AggregationEvent")
_NOT_READ = ("QuantityEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent")
_FRAME = ("EPCISHeader", "EPCISBody", "EventList")
_PARENTS = {
    **dict.fromkeys(("EPCISHeader", "EPCISBody"), f"{{{EPCIS}}}EPCISDocument"),
    "EventList": "EPCISBody",
    **dict.fromkeys((*_READ, *_NOT_READ), "EventList"),
}


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a document in XML. Raises `DocumentError`."""
    check_size(data, limits)
    _check_root(data)
    try:
        return _Reader(limits).read(data)
    except RecursionError:
        raise DocumentError("nested too deep", code="too_deep") from None


def _elements(data: bytes, events: tuple[str, ...], tags: tuple[str, ...]) -> Iterator[Element]:
    """The elements with these tags, each as soon as it begins or ends; the root, whatever its tag, at the very end."""
    context = etree.iterparse(BytesIO(data), events=events, tag=tags, **_SAFELY)
    try:
        for _, element in context:
            yield element
        yield context.root
    except etree.XMLSyntaxError as error:
        raise _malformed(context.error_log, error) from None


def _malformed(log: Any, error: etree.XMLSyntaxError) -> DocumentError:
    first = next(iter(log.filter_from_errors()), None)
    found = first.message.strip() if first else str(error.msg)
    code = None
    if first and first.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        code = "too_deep" if "depth" in found else "too_large"
    where = f"line {first.line}, column {first.column}" if first else "line 1, column 1"
    return DocumentError("not XML", code=code, where=where, expected="well-formed XML", found=found)


def _check_root(data: bytes) -> None:
    """What the document says it is. A DOCTYPE is refused before anything that it may define is used."""
    root = next(_elements(data, ("start",), ("*",)))
    if root.getroottree().docinfo.internalDTD is not None:
        raise DocumentError("a DOCTYPE", code="doctype", where="before the first element", expected="no DOCTYPE")
    if root.tag != f"{{{EPCIS}}}EPCISDocument":
        raise DocumentError(
            "not read here",
            code="unsupported_syntax",
            where=f"line {root.sourceline}",
            expected=f"EPCISDocument of {EPCIS}",
            found=str(root.tag),
        )


class _Names(Names):
    """Full names by the tags of lxml: `{http://ns.example.com/}myField` to the IRI, its two parts joined."""

    event: Element | None = None  # the one being read: its prefixes are in force

    def name(self, given: str) -> str:
        namespace, closed, local = given.removeprefix("{").rpartition("}")
        return self.extension(namespace, local) if closed else local

    def prefix(self, prefix: str) -> str | None:
        return None if self.event is None else self.event.nsmap.get(prefix)


class _Reader:
    """One pass over one document."""

    def __init__(self, limits: Limits) -> None:
        self.names = _Names()
        self.header = Header(self.names)
        self.canon = Canonicaliser(self.names, typed=False, limits=limits)
        self.lists = 0  # EventLists read to their end
        self.forgotten = 0  # events read and taken out of the tree

    def read(self, data: bytes) -> Document:
        steps: Mapping[str, Callable[[Element, Element], None]] = {
            **dict.fromkeys(_READ, self._event),
            "EventList": self._event_list,
            "EPCISBody": self._body,
            "EPCISHeader": self._header,
        }
        for element in _elements(data, ("end",), tuple(_PARENTS)):
            parent = element.getparent()
            if parent is None:
                self._around_body(element)
            elif element.tag in steps and parent.tag == _PARENTS[element.tag]:
                steps[element.tag](element, parent)
            else:
                _refuse(element, self.canon.number)
        return Document(tuple(self.canon.events), MappingProxyType(self.header.values), tuple(self.canon.warnings))

    # Body

    def _event(self, element: Element, parent: Element) -> None:
        self.names.event = element
        try:
            self.canon.event(_as_event(element, self.canon.number))
        except DocumentError as error:
            error.where = _with_line(error, element)
            raise
        before = element.getprevious()  # not this one: the parser may still hold on to what just ended
        if before is not None:
            self._forget(before, parent)

    def _forget(self, element: Element, parent: Element) -> None:
        """Take a child of an EventList out of the tree, if it was an event that was read."""
        if element.tag not in _READ:
            _refuse(element, self.forgotten + parent.index(element))
        no_text(element.tail, element)
        parent.remove(element)
        self.forgotten += 1

    def _event_list(self, element: Element, parent: Element) -> None:
        no_text(element.text, element)
        for event in list(element):
            self._forget(event, element)
        self.lists += 1
        if self.lists == 2:  # the standard allows one; senders append
            self._warn("several_event_lists", element, "more than one EventList in the body")

    def _body(self, element: Element, parent: Element) -> None:
        no_text(element.text, element)
        for part in element:
            no_text(part.tail, part)
            if part.tag != "EventList":
                raise DocumentError(
                    "not read here",
                    code="unsupported_syntax",
                    where=f"line {part.sourceline}",
                    expected="EventList",
                    found=str(part.tag),
                )

    def _around_body(self, root: Element) -> None:
        if len(root.findall("EPCISBody")) != 1:
            raise DocumentError("missing or repeated", code="missing_member", where="EPCISBody", expected="one body")
        for part in root.iterchildren(f"{{{HEALTHCARE}}}*"):
            self._statement(part, "EPCISDocument")

    # Header

    def _header(self, element: Element, parent: Element) -> None:
        try:
            self.header.party("sender", element.findtext(_SENDER))
            self.header.party("receiver", element.findtext(_RECEIVER))
            self.header.instance(element.findtext(_INSTANCE))
            for part in element.iterfind("extension/EPCISMasterData/VocabularyList/Vocabulary"):
                self._vocabulary(part)
            for part in element.iterfind(f"extension/{{{HEALTHCARE}}}*"):
                self.header.statement(self.names[part.tag], extension(part))
            for part in element.iterchildren(f"{{{HEALTHCARE}}}*"):
                self._statement(part, "EPCISHeader")
        except DocumentError as error:
            error.inside(f"EPCISHeader (line {element.sourceline})")
            raise

    def _vocabulary(self, vocabulary: Element) -> None:
        for element in vocabulary.iterfind("VocabularyElementList/VocabularyElement"):
            attributes = [(item.get("id"), content(item)) for item in element.iterfind("attribute")]
            self.header.vocabulary_element(element.get("id"), attributes)

    def _statement(self, element: Element, where: str) -> None:
        """GS1 US's elements where the guideline does not put them."""
        self._warn("statement_outside_extension", element, f"{self.names[element.tag]} stands in {where}")
        self.header.statement(self.names[element.tag], extension(element))

    def _warn(self, code: str, element: Element, detail: str) -> None:
        self.canon.warnings.append(Warning(code, f"line {element.sourceline}", detail))


def _sbdh(*steps: str) -> str:
    return "/".join(f"{{{SBDH}}}{step}" for step in ("StandardBusinessDocumentHeader", *steps))


_SENDER = _sbdh("Sender", "Identifier")
_RECEIVER = _sbdh("Receiver", "Identifier")
_INSTANCE = _sbdh("DocumentIdentification", "InstanceIdentifier")


def _refuse(element: Element, number: int) -> NoReturn:
    raise DocumentError(
        "not read here",
        code="unsupported_syntax" if element.tag in _FRAME else "unsupported_event",
        where=f"event {number} (line {element.sourceline})",
        expected=" or ".join(_READ),
        found=str(element.tag),
    )


def _with_line(error: DocumentError, event: Element) -> str:
    """Where an error is, with the line of the member that it is about, else of the event."""
    member = (error.where or "").split(": ")[1:2]
    found = next((part for part in event.iter() if member == [part.tag]), event)
    return f"{error.where} (line {found.sourceline})"


def _as_event(element: Element, number: int) -> dict[str, Raw]:
    try:
        raw = members(element)
        add(raw, "type", element.tag)
    except DocumentError as error:
        error.inside(f"event {number}")
        raise
    return raw
