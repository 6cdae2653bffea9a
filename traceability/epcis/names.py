"""The names of members that the standard does not define: full IRIs, whichever way a syntax writes them."""

from collections.abc import Mapping

from .errors import DocumentError

MASTER_DATA = "urn:epcglobal:cbv:mda"
EPCIS_NAMESPACES = ("https://ref.gs1.org/epcis/", "urn:epcglobal:epcis:")
COMMENT = "http://www.w3.org/2000/01/rdf-schema#comment"
URI_SCHEMES = {"urn", "http", "https"}  # never taken for a prefix

#: The prefixes of https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld. They are protected: a document may
#: repeat them, and cannot make them mean anything else.
PREFIXES: Mapping[str, str] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": f"{MASTER_DATA}:",
    "gs1": "https://gs1.org/voc/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}


def extension_name(namespace: str, local: str) -> str:
    """The full IRI of a member that the standard does not define.

    >>> extension_name("http://ns.example.com/epcis/", "myField")
    'http://ns.example.com/epcis/myField'
    >>> extension_name("urn:epcglobal:cbv:mda", "lotNumber") == extension_name("urn:epcglobal:cbv:mda#", "lotNumber")
    True
    """
    name = namespace + local
    if name.startswith(EPCIS_NAMESPACES):
        raise DocumentError("not a member of the EPCIS namespace", code="unknown_member", found=name)
    if name.startswith(MASTER_DATA):
        return f"{MASTER_DATA}:{name[len(MASTER_DATA) :].lstrip(':#/')}"
    return name


class Names(dict[str, str]):
    """What the names of a document mean: the full name of an extension by what stands there, each found once.

    An XML attribute is `@` and its name. A name without a namespace is bare, here as in the document.
    """

    def __init__(self) -> None:
        super().__init__()
        self.namespaces: dict[str, str] = {}  # by full name, as written: what the CBV event hash wants to know

    def __missing__(self, given: str) -> str:
        self[given] = name = "@" + self.name(given[1:]) if given.startswith("@") else self.name(given)
        return name

    def name(self, given: str) -> str:
        """The full name behind a name of this syntax."""
        raise NotImplementedError

    def prefix(self, prefix: str) -> str | None:
        """The namespace that a prefix stands for where the document is now being read."""
        raise NotImplementedError

    def extension(self, namespace: str, local: str) -> str:
        name = extension_name(namespace, local)
        self.namespaces[name] = namespace
        return name

    def value(self, given: str) -> str:
        """A word with a prefix, `example:weighing`, as the URI that it stands for."""
        prefix, _, local = given.partition(":")
        if not local or prefix in URI_SCHEMES:
            return given
        namespace = PREFIXES.get(prefix) or self.prefix(prefix)
        return given if namespace is None else namespace + local
