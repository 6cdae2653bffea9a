"""Elements of EPCIS 1.2 in XML to raw members, in the places and under the names of EPCIS 2.0 JSON.

    <extension><quantityList><quantityElement><epcClass>...</epcClass></quantityElement></quantityList></extension>
    {"quantityList": [{"epcClass": "..."}]}

An extension keeps the name that lxml gives it, `{http://ns.example.com/}myField`; its attributes are `@` and theirs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias, cast

from lxml import etree

from .errors import DocumentError
from .values import Raw

Element: TypeAlias = etree._Element
Shape: TypeAlias = "Callable[[Element], Raw]"

SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"  # its attributes speak to the parser, not to us


def no_text(text: str | None, element: Element) -> None:
    """Between the elements of the standard nothing stands. Escaped elements do, and would be lost in silence."""
    if text and not text.isspace():
        code = "html_escaped" if "<" in text else None
        raise DocumentError(
            "text where none belongs",
            code=code,
            where=f"near line {element.sourceline}",
            expected="elements only",
            found=repr(text.strip()[:40]),
        )


def members(element: Element, attribute: str = "@") -> dict[str, Raw]:
    """The members of one object of the standard; whatever `extension` wraps is one of them."""
    found: dict[str, Raw] = {}
    for name, text in _attributes(element):
        add(found, attribute + name, text)
    no_text(element.text, element)
    for child in element:
        tag = child.tag
        no_text(child.tail, child)
        if tag in _WRAPPERS:
            for name, value in members(child).items():
                add(found, name, value)
        else:
            add(found, tag, _SHAPES.get(tag, extension)(child))
    return found


def _attributes(element: Element) -> list[tuple[str, str]]:
    given = cast("list[tuple[str, str]]", element.items())
    return [(name, text) for name, text in given if not name.startswith(SCHEMA_INSTANCE)]


def add(found: dict[str, Raw], name: str, value: Raw) -> None:
    """Extensions may repeat, and are then a list; members of the standard stand once, where they are no list."""
    if name not in found:
        found[name] = value
    elif name[0] == "{" or name in _REPEATED:
        _repeat(found, name, value)
    else:
        raise DocumentError("a member stands twice", code="duplicate_member", where=name, expected="each name once")


def _repeat(found: dict[str, Raw], name: str, value: Raw) -> None:
    known = found[name]
    if not isinstance(known, list):
        known = found[name] = [known]
    known += value if isinstance(value, list) else [value]


def _text(element: Element) -> Raw:
    if len(element):
        raise DocumentError(
            "elements where text belongs", code="wrong_type", where=element.tag, expected="text", found=element[0].tag
        )
    return element.text


def _one(element: Element) -> Raw:
    return [_text(element)]


def _children(element: Element, tag: str) -> list[Element]:
    """The members of a list of the standard, which are all of one kind."""
    children = list(element)
    for child in children:
        if child.tag != tag:
            raise DocumentError(
                "another kind of member", code="wrong_type", where=element.tag, expected=tag, found=str(child.tag)
            )
    no_text("".join(filter(None, [element.text, *(child.tail for child in children)])), element)
    return children


def _texts(tag: str) -> Shape:
    """A list of texts: `<epcList><epc>...</epc><epc>...</epc></epcList>`."""
    return lambda element: [_text(child) or "" for child in _children(element, tag)]


def _objects(tag: str, shape: Shape) -> Shape:
    """A list of objects: `<quantityList><quantityElement>...</quantityElement></quantityList>`."""
    return lambda element: [shape(child) for child in _children(element, tag)]


def _typed(element: Element) -> Raw:
    """`<source type="...">...</source>`: its text goes by its own name."""
    return {"type": element.get("type"), element.tag: _text(element)}


def _sensed(element: Element) -> Raw:
    """Sensor data stands in attributes; those with a namespace are extensions like any other."""
    return members(element, attribute="")


def extension(element: Element) -> Raw:
    return content(element, _attributes(element))


def content(element: Element, attributes: Iterable[tuple[str, str]] = ()) -> Raw:
    """What stands in an element that the standard does not define: its text, else an object of all that is there."""
    found: dict[str, Raw] = {f"@{name}": value for name, value in attributes}
    if not (found or len(element)):
        return element.text
    for child in element:
        if child.tag in found:
            _repeat(found, child.tag, extension(child))
        else:
            found[child.tag] = extension(child)
    found["#text"] = "".join(_texts_of(element))
    return found


def _texts_of(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield child.tail or ""


_WRAPPERS = ("extension", "baseExtension")
_REPEATED = ("set", "unset", "sensorReport", "certificationInfo")
_SHAPES: Mapping[str, Shape] = {
    **dict.fromkeys(
        (
            *("eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "action", "bizStep", "disposition"),
            *("parentID", "id", "epcClass", "quantity", "uom", "declarationTime", "reason"),
        ),
        _text,
    ),
    **dict.fromkeys(("set", "unset", "certificationInfo"), _one),
    **dict.fromkeys(("readPoint", "bizLocation", "ilmd", "errorDeclaration", "persistentDisposition"), members),
    "epcList": _texts("epc"),
    "childEPCs": _texts("epc"),
    "correctiveEventIDs": _texts("correctiveEventID"),
    "quantityList": _objects("quantityElement", members),
    "childQuantityList": _objects("quantityElement", members),
    "bizTransactionList": _objects("bizTransaction", _typed),
    "sourceList": _objects("source", _typed),
    "destinationList": _objects("destination", _typed),
    "sensorElementList": _objects("sensorElement", members),
    "sensorMetadata": _sensed,
    "sensorReport": lambda element: [_sensed(element)],
}
