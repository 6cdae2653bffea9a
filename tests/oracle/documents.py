"""A document, in either syntax, to canonical events and header (FORMATS 2 and 3, "Header names").

EPCIS 2.0 JSON needs its names made full by its context; EPCIS 1.2 XML needs its wrappers taken off. What is left
is the same members, which `canonical.event` brings into the one form.
"""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

from . import canonical, identifiers
from .canonical import Members, Number
from .refusal import Refused

MDA = "urn:epcglobal:cbv:mda"
HEALTHCARE = "http://epcis.gs1us.org/hc/ns"
SBDH = "{http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader}"

#: The prefixes of the EPCIS 2.0.0 JSON-LD context; a document cannot redefine these.
CONTEXT = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": "https://gs1.org/voc/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}


@dataclass(frozen=True)
class Read:
    """One document as read: canonical events in document order, and the header's names with their values."""

    events: list[Members]
    header: Members


def read(syntax: str, text: str) -> Read:
    return {"json": read_json, "xml": read_xml}[syntax](text)


def full_name(namespace: str, local: str) -> str:
    """Namespace and local name joined directly; `cbvmda`, however spelled, has a colon between."""
    if namespace in (MDA, MDA + ":", MDA + "#"):
        return f"{MDA}:{local}"
    return namespace + local


def put(members: Members, name: str, value: Any) -> None:
    """A standard member stands once."""
    if name in members:
        raise Refused("repeated_member", name)
    members[name] = value


# --- EPCIS 2.0 JSON


def read_json(text: str) -> Read:
    document = parse_json(text)
    if not isinstance(document, dict) or document.get("type") != "EPCISDocument":
        raise Refused("unsupported_syntax", "expected an EPCISDocument")
    context = extended(CONTEXT, document.get("@context"))
    events = document.get("epcisBody", {}).get("eventList", [])
    return Read([canonical.event(expanded(event, context)) for event in events], json_header(document, context))


def parse_json(text: str) -> Any:
    def pairs(members: list[tuple[str, Any]]) -> Members:
        out: Members = {}
        for name, value in members:
            put(out, name, value)
        return out

    def constant(name: str) -> Any:
        raise Refused("malformed_document", name)

    try:
        document = json.loads(
            text, object_pairs_hook=pairs, parse_int=Number, parse_float=Number, parse_constant=constant
        )
    except json.JSONDecodeError as error:
        raise Refused("malformed_document", str(error)) from error
    if re.search("[\0\ud800-\udfff]", json.dumps(document, ensure_ascii=False)) or "\\u0000" in json.dumps(document):
        raise Refused("malformed_document", "NUL or a lone surrogate")
    return document


def extended(context: dict[str, str], given: Any) -> dict[str, str]:
    """The prefixes that a `@context` adds; addresses of contexts add nothing that is not already here."""
    out = dict(context)
    for part in given if isinstance(given, list) else [given]:
        if isinstance(part, dict):
            for prefix, meaning in part.items():
                if prefix not in CONTEXT and isinstance(meaning, str):
                    out[prefix] = meaning
    return out


def full(name: str, context: dict[str, str]) -> str:
    """A name with its prefix resolved; a name whose prefix nobody declared is already full."""
    for spelling in (MDA + ":", MDA + "#"):
        if name.startswith(spelling):
            return full_name(MDA, name.removeprefix(spelling))
    prefix, colon, local = name.partition(":")
    if colon and prefix in context:
        return full_name(context[prefix], local)
    return name


#: Values that may be compact IRIs, because they are terms of a vocabulary.
TERMS = {"bizStep", "disposition", "type", "reason", "set", "unset"}


def expanded(value: Any, context: dict[str, str], term: bool = False) -> Any:
    """An event with every name full, and terms of vocabularies too."""
    if isinstance(value, dict):
        inner = extended(context, value.get("@context"))
        out: Members = {}
        for name, item in value.items():
            if name != "@context":
                put(out, full(name, inner), expanded(item, inner, name in TERMS))
        return out
    if isinstance(value, list):
        return [expanded(item, context, term) for item in value]
    if term and isinstance(value, str) and not isinstance(value, Number):
        return full(value.strip(" \t\r\n"), context)
    return value


def json_header(document: Members, context: dict[str, str]) -> Members:
    inner = document.get("epcisHeader", {})
    extensions = {full(name, context): value for part in (document, inner) for name, value in part.items()}
    header: Members = {
        "sender": party(document.get("sender", "")),
        "receiver": party(document.get("receiver", "")),
        "instance": document.get("instanceIdentifier", "").strip(" \t\r\n"),
    }
    for name, value in extensions.items():
        local = name.removeprefix(HEALTHCARE).lstrip("/#:")
        if name.startswith(HEALTHCARE) and local == "guidelineVersion":
            header["guideline"] = value.strip(" \t\r\n")
        if name.startswith(HEALTHCARE) and local == "dscsaTransactionStatement":
            for element, said in value.items():
                short = full(element, context).removeprefix(HEALTHCARE).lstrip("/#:")
                header[f"ts:{short}"] = ("true" if said else "false") if isinstance(said, bool) else said
    for vocabulary in inner.get("epcisMasterData", {}).get("vocabularyList", []):
        for element in vocabulary.get("vocabularyElementList", []):
            attributes = [(full(each["id"], context), str(each["attribute"])) for each in element.get("attributes", [])]
            described(header, element["id"], attributes)
    return canonical.absent(header)


def party(text: str) -> str:
    """The canonical identifier, else the text."""
    try:
        return identifiers.canonical(text.strip(" \t\r\n"))
    except Refused:
        return text.strip(" \t\r\n")


def described(header: Members, thing: str, attributes: list[tuple[str, str]]) -> None:
    """One element of the master data: a product by its GTIN, a place by its GLN, nothing else."""
    known = party(thing)
    gtin, gln = identifiers.gtin_of(known), identifiers.gln_of(known)
    name = f"product:{gtin}" if gtin else f"place:{gln}"
    if gtin or gln:
        values = {attribute.removeprefix(MDA + ":"): said.strip(" \t\r\n") for attribute, said in attributes}
        header[name] = canonical.absent(header.get(name, {}) | values)


# --- EPCIS 1.2 XML


def read_xml(text: str) -> Read:
    if "<!DOCTYPE" in text:
        raise Refused("malformed_document", "a document type declaration")
    try:
        root = ET.fromstring(text.encode())
    except ET.ParseError as error:
        raise Refused("malformed_document", str(error)) from error
    if root.tag != "{urn:epcglobal:epcis:xsd:1}EPCISDocument":
        raise Refused("unsupported_syntax", root.tag)
    events = [element for body in root.iterfind("EPCISBody/EventList") for element in body]
    return Read([canonical.event(xml_event(event)) for event in events], xml_header(root.find("EPCISHeader")))


def name_of(tag: str) -> str:
    namespace, _, local = tag.rpartition("}")
    return full_name(namespace.removeprefix("{"), local)


def said(element: ET.Element) -> str:
    return element.text or ""


def xml_event(element: ET.Element) -> Members:
    members: Members = {"type": name_of(element.tag)}
    gather(members, element)
    return members


def gather(members: Members, element: ET.Element) -> None:
    """The children of an event, those in its wrappers among them."""
    for child in element:
        name = name_of(child.tag)
        if name in ("extension", "baseExtension"):
            gather(members, child)
        elif ":" in name:
            repeat(members, name, generic(child))
        else:
            put(members, name, XML_FORMS.get(name, said)(child))


def repeat(members: Members, name: str, value: Any) -> None:
    """Repeats of an extension keep their order."""
    if name in members:
        before = members[name] if isinstance(members[name], list) else [members[name]]
        members[name] = [*before, value]
    else:
        members[name] = value


def generic(element: ET.Element) -> Any:
    """An extension element: a text; or attributes as `@name`, children, and the text beside them as `#text`."""
    if not element.attrib and len(element) == 0:
        return said(element)
    out: Members = {"@" + name_of(name): value for name, value in element.attrib.items()}
    for child in element:
        repeat(out, name_of(child.tag), generic(child))
    out["#text"] = said(element) + "".join(child.tail or "" for child in element)
    return out


def texts(element: ET.Element) -> list[str]:
    return [said(child) for child in element]


def typed(name: str) -> Any:
    """`<source type="...">value</source>`, many of them."""

    def form(element: ET.Element) -> list[Members]:
        return [{**child.attrib, name: said(child)} for child in element]

    return form


def flat(forms: dict[str, Any]) -> Any:
    """A structure with standard children, extensions and perhaps an `extension` wrapper."""

    def form(element: ET.Element) -> Members:
        members: Members = {}

        def inside(outer: ET.Element) -> None:
            for child in outer:
                name = name_of(child.tag)
                if name == "extension":
                    inside(child)
                elif ":" in name:
                    repeat(members, name, generic(child))
                else:
                    put(members, name, forms.get(name, said)(child))

        inside(element)
        return members

    return form


def quantities(element: ET.Element) -> list[Members]:
    number = flat({"quantity": lambda child: Number(said(child))})
    return [number(child) for child in element]


XML_FORMS = {
    "epcList": texts,
    "childEPCs": texts,
    "quantityList": quantities,
    "childQuantityList": quantities,
    "bizTransactionList": typed("bizTransaction"),
    "sourceList": typed("source"),
    "destinationList": typed("destination"),
    "readPoint": flat({}),
    "bizLocation": flat({}),
    "ilmd": flat({}),
    "errorDeclaration": flat({"correctiveEventIDs": texts}),
}


def xml_header(element: ET.Element | None) -> Members:
    if element is None:
        return {}
    header: Members = {
        "sender": party(first(element, f".//{SBDH}Sender/{SBDH}Identifier")),
        "receiver": party(first(element, f".//{SBDH}Receiver/{SBDH}Identifier")),
        "instance": first(element, f".//{SBDH}InstanceIdentifier").strip(" \t\r\n"),
        "guideline": first(element, f".//{{{HEALTHCARE}}}guidelineVersion").strip(" \t\r\n"),
    }
    for statement in element.iterfind(f".//{{{HEALTHCARE}}}dscsaTransactionStatement"):
        for child in statement:
            header[f"ts:{child.tag.rpartition('}')[2]}"] = said(child)
    for thing in element.iterfind(".//VocabularyElement"):
        attributes = [(full(each.attrib["id"], {}), said(each)) for each in thing.iterfind("attribute")]
        described(header, thing.attrib["id"], attributes)
    return canonical.absent(header)


def first(element: ET.Element, path: str) -> str:
    found = element.find(path)
    return "" if found is None else said(found)
