"""Canonical events as an EPCIS 1.2 document in XML (EPCIS 1.2 section 9), as GS1 US's guideline R1.3 has them: the
writing side of `xml.py`, which reads every event back as it was.

    header names, events ──document──> pieces of text, an event at a time

Identifiers are written as EPC URNs. How a URN divides a number depends on the length of its company prefix, which no
number tells: it is passed in, and what has none stands as the Digital Link that it is, a URI like any other. CBV words
are URNs. What EPCIS 1.2 has no place for is refused rather than left out.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from xml.sax import saxutils
from xml.sax.saxutils import quoteattr

from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import GTIN_AT, Pgln, Sgln, Sgtin, Sscc

from . import cbv
from .errors import DocumentError
from .events import Event, EventType
from .header import HEALTHCARE
from .jcs import JSON
from .names import MASTER_DATA

STANDARD_HEADER = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
_BEGINNING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="{MASTER_DATA}"\n'
    f'  xmlns:sbdh="{STANDARD_HEADER}" xmlns:gs1ushc="{HEALTHCARE}"\n'
    '  schemaVersion="1.2" creationDate="{created}">\n'
)
_ENDING = "</EventList>\n</EPCISBody>\n</epcis:EPCISDocument>\n"


class CannotWrite(DocumentError):
    """Something that EPCIS 1.2 has no place for."""

    code = "not_in_epcis_1_2"


def document(
    events: Iterable[Event],
    *,
    header: Mapping[str, JSON],
    sender: str,
    receiver: str | None,
    instance: str,
    created: datetime,
    guideline: str,
    prefixes: Collection[str] = (),
) -> Iterator[str]:
    """The document, in pieces. `header` by the names of FORMATS section 3; `sender` and `receiver` are GLNs, `instance`
    is the document's own name. Raises `CannotWrite`."""
    urn = Urns(prefixes)
    at = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    yield _BEGINNING.replace("{created}", at)
    yield "<EPCISHeader>\n"
    yield from _business_header(sender, receiver, instance, at, urn)
    yield _checked("".join(_master_data(header, urn)), "EPCISMasterData")
    yield f"<gs1ushc:guidelineVersion>{escape(guideline)}</gs1ushc:guidelineVersion>\n"
    yield _checked("".join(_statement(header)), "dscsaTransactionStatement")
    yield "</EPCISHeader>\n<EPCISBody>\n<EventList>\n"
    for event in events:
        yield _checked(_Written(event, urn).text, event.event_id or event.event_time)
    yield _ENDING


def escape(text: str) -> str:
    """XML 1.0 section 2.11: a carriage return that is meant is written as a reference."""
    return saxutils.escape(text, {"\r": "&#13;"})


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 section 2.2


def _checked(text: str, where: str) -> str:
    if found := _NO_XML.search(text):
        raise CannotWrite("a character that XML does not have", where=where, found=repr(found[0]))
    return text


def demand_writable(events: Iterable[Event]) -> None:
    """Raise `CannotWrite` where something of these has no place in EPCIS 1.2: before the first piece is sent."""
    urn = Urns(())
    for event in events:
        _checked("".join(event.epcs), event.event_time)
        _checked(_Written(replace(event, epcs=event.epcs[:1]), urn).text, event.event_id or event.event_time)


# ---- identifiers ----------------------------------------------------------------------------------------------------

_URN = re.compile(rb"urn:epc:id(?:pat)?:(sgtin|sscc|sgln|pgln):([0-9]{6,12})\.")


def company_prefixes(document: bytes) -> set[str]:
    """Those that the EPC URNs in a text were written with."""
    return {prefix.decode() for _, prefix in set(_URN.findall(document))}


class Urns:
    """EPC URNs of canonical identifiers, by the company prefixes that are known; of several, the longest."""

    def __init__(self, prefixes: Collection[str]) -> None:
        self._prefixes = {prefix for prefix in prefixes if 6 <= len(prefix) <= 12}
        self._lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)
        self._starts: dict[str, int | None] = {}
        self._written: dict[str, str] = {}

    def __call__(self, link: str) -> str:
        if (known := self._written.get(link)) is None:
            known = self._written[link] = self._urn(link)
        return known

    def _urn(self, link: str) -> str:
        for start, (kind, company) in _KINDS.items():
            if link.startswith(start) and (length := self._length(link[company : company + 12])) is not None:
                try:
                    return kind.parse(link).urn(length)  # type: ignore[attr-defined, no-any-return]
                except Gs1Error:
                    return link
        return link

    def _length(self, digits: str) -> int | None:
        if digits not in self._starts:
            found = (length for length in self._lengths if digits[:length] in self._prefixes)
            self._starts[digits] = next(found, None)
        return self._starts[digits]

    def pattern(self, gtin: str) -> str:
        """All units of a product."""
        length = self._length(gtin[1:13])
        if length is None:
            return f"https://id.gs1.org/01/{gtin}"
        company, item = gtin[1 : 1 + length], gtin[1 + length : 13]
        return f"urn:epc:idpat:sgtin:{company}.{gtin[0]}{item}.*"


#: By how a canonical identifier begins, its kind, and where its company prefix begins: a GTIN and an SSCC have a digit
#: before it.
_KINDS: Mapping[str, tuple[type, int]] = {
    "https://id.gs1.org/01/": (Sgtin, GTIN_AT + 1),
    "https://id.gs1.org/00/": (Sscc, GTIN_AT + 1),
    "https://id.gs1.org/414/": (Sgln, GTIN_AT + 1),
    "https://id.gs1.org/417/": (Pgln, GTIN_AT + 1),
}


# ---- header ---------------------------------------------------------------------------------------------------------


def _business_header(sender: str, receiver: str | None, instance: str, at: str, urn: Urns) -> Iterator[str]:
    yield "<sbdh:StandardBusinessDocumentHeader>\n<sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>\n"
    for role, gln in (("Sender", sender), ("Receiver", receiver or sender)):
        written = urn(f"https://id.gs1.org/414/{gln}")
        authority, named = ("SGLN", written) if written.startswith("urn:") else ("GLN", gln)
        yield f'<sbdh:{role}><sbdh:Identifier Authority="{authority}">{named}</sbdh:Identifier></sbdh:{role}>\n'
    yield (
        "<sbdh:DocumentIdentification><sbdh:Standard>EPCglobal</sbdh:Standard><sbdh:TypeVersion>1.0</sbdh:TypeVersion>"
        f"<sbdh:InstanceIdentifier>{escape(instance)}</sbdh:InstanceIdentifier><sbdh:Type>Events</sbdh:Type>"
        f"<sbdh:CreationDateAndTime>{at}</sbdh:CreationDateAndTime></sbdh:DocumentIdentification>\n"
        "</sbdh:StandardBusinessDocumentHeader>\n"
    )


def _master_data(header: Mapping[str, JSON], urn: Urns) -> Iterator[str]:
    """EPCIS 1.2 section 9.5."""
    told = {
        "EPCClass": {urn.pattern(name[8:22]): each for name, each in sorted(header.items()) if _is_product(name)},
        "Location": {
            urn(f"https://id.gs1.org/414/{name[6:]}"): each
            for name, each in sorted(header.items())
            if name.startswith("place:")
        },
    }
    if not any(told.values()):
        return
    yield "<extension>\n<EPCISMasterData>\n<VocabularyList>\n"
    for kind, elements in told.items():
        if elements:
            yield f'<Vocabulary type="urn:epcglobal:epcis:vtype:{kind}">\n<VocabularyElementList>\n'
            for name, attributes in elements.items():
                yield f"<VocabularyElement id={quoteattr(name)}>\n"
                yield from _attributes(attributes)
                yield "</VocabularyElement>\n"
            yield "</VocabularyElementList>\n</Vocabulary>\n"
    yield "</VocabularyList>\n</EPCISMasterData>\n</extension>\n"


def _is_product(name: str) -> bool:
    return name.startswith("product:") and name[8:].isdecimal()


def _attributes(described: JSON) -> Iterator[str]:
    for name, said in sorted(described.items()) if isinstance(described, dict) else ():
        full = name if ":" in name else f"{MASTER_DATA}#{name}"
        for value in str(said).split("\n"):
            yield f"<attribute id={quoteattr(full)}>{escape(value)}</attribute>\n"


def _statement(header: Mapping[str, JSON]) -> Iterator[str]:
    """GS1 US's transaction statement, with what the sender said in it."""
    told = {name.removeprefix("ts:"): value for name, value in header.items() if name.startswith("ts:")}
    plain = {name: str(value) for name, value in told.items() if re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII)}
    if plain:
        order = sorted(plain, key=lambda name: (name != "affirmTransactionStatement", name))
        inner = "".join(f"<gs1ushc:{name}>{escape(plain[name])}</gs1ushc:{name}>" for name in order)
        yield f"<gs1ushc:dscsaTransactionStatement>{inner}</gs1ushc:dscsaTransactionStatement>\n"


# ---- events ---------------------------------------------------------------------------------------------------------

_WORDS = {"bizStep": "bizstep", "disposition": "disp"}


def _word(kind: str, word: str) -> str:
    """A word of CBV as the URN that EPCIS 1.2 has for it; what is none, as real files have them, as it is."""
    return f"urn:epcglobal:cbv:{kind}:{word}" if _VOCABULARIES[kind].get(word) == word else word


_VOCABULARIES = {
    "bizstep": cbv.BIZ_STEPS,
    "disp": cbv.DISPOSITIONS,
    "btt": cbv.BIZ_TRANSACTION_TYPES,
    "sdt": cbv.SOURCE_DEST_TYPES,
    "er": cbv.ERROR_REASONS,
}


class _Written:
    """One event: its members in the order of the schema, then extensions."""

    def __init__(self, event: Event, urn: Urns) -> None:
        self.event, self.urn = event, urn
        self.rest = dict(event.rest)
        self.taken = {name: self.rest.pop(name, None) for name in _STANDARD}
        for name in _LATER:
            if name in self.rest:
                raise CannotWrite("a member that came with EPCIS 2.0", where=name)

    @property
    def text(self) -> str:
        event = self.event
        kind = event.type.value
        aggregation = event.type is EventType.AGGREGATION
        parts = [
            f"<{kind}>\n<eventTime>{event.event_time}</eventTime>\n",
            f"<eventTimeZoneOffset>{event.event_time_zone_offset}</eventTimeZoneOffset>\n",
            self._base(),
            f"<parentID>{escape(self.urn(event.parent_id))}</parentID>\n" if event.parent_id else "",
            self._epcs("childEPCs" if aggregation else "epcList"),
            f"<action>{event.action.value}</action>\n",
            *(
                f"<{name}>{escape(_word(urn, value))}</{name}>\n"
                for (name, urn), value in zip(_WORDS.items(), (event.biz_step, event.disposition), strict=True)
                if value
            ),
            self._place("readPoint", event.read_point),
            self._place("bizLocation", event.biz_location),
            self._transactions(),
            self._extension(aggregation),
            *self._others(),
            f"</{kind}>\n",
        ]
        return "".join(parts)

    def _base(self) -> str:
        """EPCIS 1.2 section 9.5: eventID and errorDeclaration came with 1.2, and stand in what 1.1 had left free."""
        inner = f"<eventID>{escape(self.event.event_id)}</eventID>" if self.event.event_id else ""
        if self.event.error_declaration:
            inner += self._declaration(dict(self.event.error_declaration))
        return f"<baseExtension>{inner}</baseExtension>\n" if inner else ""

    def _declaration(self, told: dict[str, JSON]) -> str:
        text = f"<declarationTime>{told.pop('declarationTime')}</declarationTime>"
        if reason := told.pop("reason", None):
            text += f"<reason>{escape(_word('er', str(reason)))}</reason>"
        if ids := told.pop("correctiveEventIDs", None):
            inner = "".join(f"<correctiveEventID>{escape(str(each))}</correctiveEventID>" for each in _list(ids))
            text += f"<correctiveEventIDs>{inner}</correctiveEventIDs>"
        return f"<errorDeclaration>{text}{''.join(self._elements(told))}</errorDeclaration>"

    def _epcs(self, name: str) -> str:
        if not self.event.epcs and name == "childEPCs" and self.taken["childQuantityList"] is not None:
            return ""
        inner = "".join([f"<epc>{escape(self.urn(epc))}</epc>\n" for epc in self.event.epcs])
        return f"<{name}>\n{inner}</{name}>\n"

    def _place(self, name: str, place: Mapping[str, JSON] | None) -> str:
        if not place:
            return ""
        others = {each: value for each, value in place.items() if each != "id"}
        return f"<{name}><id>{escape(self.urn(str(place['id'])))}</id>{''.join(self._elements(others))}</{name}>\n"

    def _transactions(self) -> str:
        listed = self.taken["bizTransactionList"]
        if not listed:
            return ""
        inner = "".join(
            f"<bizTransaction{_typed('btt', each.get('type'))}>{escape(self.urn(str(each['bizTransaction'])))}"
            "</bizTransaction>"
            for each in map(_dict, _list(listed))
        )
        return f"<bizTransactionList>{inner}</bizTransactionList>\n"

    def _extension(self, aggregation: bool) -> str:
        """What 1.1 added; of an aggregation the quantities stand before the parties, as of an object."""
        name = "childQuantityList" if aggregation else "quantityList"
        parts = [self._quantities(name)]
        parts += [self._parties(*each) for each in (
            ("sourceList", "source", self.event.sources), ("destinationList", "destination", self.event.destinations),
        )]  # fmt: skip
        if self.event.ilmd:
            parts.append(f"<ilmd>{''.join(self._elements(dict(self.event.ilmd)))}</ilmd>\n")
        inner = "".join(parts)
        return f"<extension>\n{inner}</extension>\n" if inner else ""

    def _quantities(self, name: str) -> str:
        listed = self.taken[name]
        if not listed:
            return ""
        inner = ""
        for each in map(_dict, _list(listed)):
            members = "".join(f"<{part}>{escape(str(each[part]))}</{part}>" for part in _OF_QUANTITY if part in each)
            inner += f"<quantityElement>{members}</quantityElement>"
        return f"<{name}>{inner}</{name}>\n"

    def _parties(self, name: str, one: str, parties: Iterable[Mapping[str, str]]) -> str:
        inner = "".join(
            f"<{one}{_typed('sdt', each['type'])}>{escape(self.urn(each[one]))}</{one}>\n" for each in parties
        )
        return f"<{name}>\n{inner}</{name}>\n" if inner else ""

    def _others(self) -> Iterator[str]:
        yield from self._elements(self.rest)

    def _elements(self, members: Mapping[str, JSON]) -> Iterator[str]:
        """Extensions, each with the namespace that its name begins with."""
        for name in sorted(members):
            value = members[name]
            for each in value if isinstance(value, list) else [value]:
                yield self._element(name, each)

    def _element(self, name: str, value: JSON) -> str:
        tag, declared = self._tag(name)
        if isinstance(value, dict):
            attributes = "".join(
                f" {each[1:]}={quoteattr(str(said))}" for each, said in value.items() if each.startswith("@")
            )
            if any(not _LOCAL(each[1:]) for each in value if each.startswith("@")):
                raise CannotWrite("a name that no attribute has here, as of a namespace", where=name)
            inner = escape(str(value.get("#text", "")))
            inner += "".join(self._elements({each: said for each, said in value.items() if each[0] not in "@#"}))
            return f"<{tag}{declared}{attributes}>{inner}</{tag}>"
        if isinstance(value, list):
            raise CannotWrite("a list in a list", where=name)
        return f"<{tag}{declared}>{escape(str(value))}</{tag}>\n"

    def _tag(self, name: str) -> tuple[str, str]:
        for prefix, namespace in _NAMESPACES.items():
            local = name.removeprefix(namespace)
            if local != name and _LOCAL(local):
                return f"{prefix}:{local}", ""
        namespace = self.event.namespaces.get(name) or _namespace(name)
        local = name[len(namespace) :]
        if not namespace:
            return (local, "") if _LOCAL(local) else _impossible(name)
        return (f"ext:{local}", f" xmlns:ext={quoteattr(namespace)}") if _LOCAL(local) else _impossible(name)


def _impossible(name: str) -> tuple[str, str]:
    raise CannotWrite("a name that no element has", where=name)


def _namespace(name: str) -> str:
    """All up to the local name: as an IRI is joined of two parts, nobody else can tell where."""
    found = re.match(r".*[/#:]", name)
    return found[0] if found else ""


_LOCAL: Callable[[str], object] = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII).fullmatch
_NAMESPACES = {"gs1ushc": HEALTHCARE, "cbvmda": f"{MASTER_DATA}:"}
_STANDARD = ("bizTransactionList", "quantityList", "childQuantityList")
_LATER = ("persistentDisposition", "sensorElementList", "certificationInfo")
_OF_QUANTITY = ("epcClass", "quantity", "uom")


def _typed(kind: str, word: object) -> str:
    return f" type={quoteattr(_word(kind, str(word)))}" if word else ""


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else [value]


def _dict(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}
