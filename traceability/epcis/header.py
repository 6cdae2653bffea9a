"""What a document says around its events, as the header names of FORMATS section 3.

sender      https://id.gs1.org/414/0614141007776
instance    d275bdd3-f0ab-481a-b194-b534e1e5da8d
guideline   GS1 US DSCSA R1.3
ts:legalNotice                  Seller has complied with ...
product:00614141123452          {"dosageFormType": "PILL", "strengthDescription": "100mg"}
place:0614141007776/254/dock4   {"name": "...", "city": "..."}
"""

from collections.abc import Iterable

from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import canonical

from .errors import DocumentError
from .jcs import JSON
from .names import MASTER_DATA, Names, extension_name
from .values import WHITE_SPACE, Raw, wrong_type

#: GS1 US, Applying GS1 Standards for DSCSA: the transaction statement and the guideline's version.
HEALTHCARE = "http://epcis.gs1us.org/hc/ns"
LEGAL_NOTICE = "Seller has complied with each applicable subsection of FDCA Sec. 581(27)(A)-(G)."
"""What a sender affirms with a shipment (21 U.S.C. 360eee(27), in the words of GS1 US's guideline)."""

#: Canonical identifiers that master data describes, and the kind that a header name begins with. What is finer than
#: the GTIN or GLN stays behind it, so that two docks of one site keep a description each.
_DESCRIBED = {
    "https://id.gs1.org/01/": "product:",
    "https://id.gs1.org/414/": "place:",
    "https://id.gs1.org/417/": "place:",
}


class Header:
    """Collects header values. The same said twice is said once; what contradicts itself is refused."""

    def __init__(self, names: Names) -> None:
        self.values: dict[str, JSON] = {}
        self._descriptions: dict[str, dict[str, str]] = {}
        self._names = names

    def party(self, name: str, value: Raw) -> None:
        """The sender or the receiver: a GS1 identifier in its canonical form, else the text."""
        self._put(name, _identifier(_text(name, value)))

    def instance(self, value: Raw) -> None:
        """The sender's own name for the document."""
        self._put("instance", _text("instance", value))

    def statement(self, name: str, value: Raw) -> None:
        """An extension of the header, by its full name: GS1 US's are kept, the document's hash covers the others."""
        local = name.removeprefix(HEALTHCARE).lstrip("/#:") if name.startswith(HEALTHCARE) else ""
        if local == "guidelineVersion" and isinstance(value, str):
            self._put("guideline", _text("guideline", value))
        elif local == "dscsaTransactionStatement" and isinstance(value, dict):
            for inner, said in self._flat("ts", value):
                self._put(inner.replace(".", ":", 1), said)  # as given: a legal text is not trimmed

    def vocabulary_element(self, identifier: Raw, attributes: Iterable[tuple[Raw, Raw]]) -> None:
        """EPCIS 1.2 section 9.5: a product or a place, and what is said of it. Others are not kept."""
        name = _described(identifier) if isinstance(identifier, str) else None
        if name is None:
            return
        described: dict[str, list[str]] = {}
        for given, value in attributes:
            for attribute, part in self._flat(self._attribute(given), value):
                said = described.setdefault(attribute, [])  # the standard lets an attribute have several values
                if part.strip(WHITE_SPACE) not in ("", *said):
                    said.append(part.strip(WHITE_SPACE))
        self._describe(name, {attribute: "\n".join(said) for attribute, said in described.items() if said})

    def _describe(self, name: str, described: dict[str, str]) -> None:
        """Real files describe a place once as a location and once more as a party."""
        known = self._descriptions.setdefault(name, {})
        for attribute, said in described.items():
            if known.setdefault(attribute, said) != said:
                raise DocumentError(
                    "described in two ways",
                    code="conflicting_master_data",
                    where=f"{name}: {attribute}",
                    expected=repr(known[attribute]),
                    found=repr(said),
                )
        if known:
            self.values[name] = dict(known)

    def _attribute(self, given: Raw) -> str:
        """CBV's own attributes by their bare names, others by the URI that is their name."""
        if not isinstance(given, str):
            raise wrong_type(type(given), "the name of an attribute", "id")
        return extension_name("", self._names[given.strip(WHITE_SPACE)]).removeprefix(f"{MASTER_DATA}:")

    def _flat(self, name: str, value: Raw) -> Iterable[tuple[str, str]]:
        """Nested values as text under dotted names: `measurement.unit`."""
        if isinstance(value, dict):
            for inner, part in value.items():
                yield from self._flat(name if inner == "#text" else f"{name}.{_local(self._names[inner])}", part)
        elif isinstance(value, list):
            for part in value:
                yield from self._flat(name, part)
        elif value is not None and str(value).strip(WHITE_SPACE):
            yield name, value if isinstance(value, str) else str(value).lower()

    def _put(self, name: str, value: JSON) -> None:
        if value and self.values.setdefault(name, value) != value:
            raise DocumentError(
                "said twice, differently",
                code="duplicate_member",
                where=name,
                expected=repr(self.values[name]),
                found=repr(value),
            )


def _text(name: str, value: Raw) -> str:
    if value is not None and type(value) is not str:
        raise wrong_type(type(value), "text", name)
    return (value or "").strip(WHITE_SPACE)


def _identifier(text: str) -> str:
    try:
        return canonical(text)
    except Gs1Error:
        return text


def _local(name: str) -> str:
    return name.removeprefix(f"{MASTER_DATA}:").removeprefix(HEALTHCARE).lstrip("/#:")


def _described(identifier: str) -> str | None:
    link = _identifier(identifier.strip(WHITE_SPACE))
    for start, kind in _DESCRIBED.items():
        if link.startswith(start):
            return kind + link.removeprefix(start)
    return None
