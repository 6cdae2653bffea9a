"""GS1 Digital Links on this node: what stands behind a number, and which of it is meant (GS1-Conformant Resolver 1.2).

    path, query ──parse──> identified ──levels──> links of the lot, of the product ──choose──> one of them, or a linkset

What is linked to is a matter of the product, of a lot of it, and of nothing finer: whether a serial number, a lot or a
logistic unit is known here, no answer tells. So no link is about a single pack, and none that is made here names one,
but for the address of a verification message, which is the standard's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from django.conf import settings

from partners import holds, prefixes
from partners.gs1.digital_link import RESOLVER, escape, filled, link, unescape_path
from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import MalformedDigitalLink

from .errors import NotFound, Refusal

VOCABULARY = "https://ref.gs1.org/voc/"
CONTEXT = "https://ref.gs1.org/standards/resolver/linkset-context"
KEYS = ("00", "01", "414")  # that are resolved here, each with all of its qualifiers
DEFAULT, TRACEABILITY = "defaultLink", "traceability"
RECALL, VERIFICATION, LOCATION = "recallStatus", "verificationService", "locationInfo"
HTML, JSON = "text/html", "application/json"

#: How a link type is written, besides its name alone.
_WRITTEN = ("gs1:", VOCABULARY, "https://gs1.org/voc/", "https://www.gs1.org/voc/", "http://gs1.org/voc/")


class Compressed(Refusal):
    """A compressed Digital Link, or an EPC binary string: neither is unpacked here."""

    code = "compressed_digital_link"
    status = 400


@dataclass(frozen=True, slots=True)
class Identified:
    """What a Digital Link names."""

    path: tuple[tuple[str, str], ...]  # key and qualifiers, in their order
    pack: ElementString  # these, and the attributes in the query

    @property
    def key(self) -> tuple[str, str]:
        return self.path[0]

    @property
    def lot(self) -> str | None:
        return dict(self.path).get("10")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a linkset."""

    relation: str  # in the GS1 Web Vocabulary
    href: str  # below the resolver's root
    title: str
    kind: str = HTML
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Level:
    """What is linked to from a product, or from a lot of one."""

    anchor: str  # its path
    links: tuple[Link, ...]


# ---- what is asked for ----------------------------------------------------------------------------------------------


def parse(path: str, query: str) -> Identified:
    """Read the path of a Digital Link as it came, percent-encoded, and its query. Raises `Gs1Error`, or `Compressed`.

    >>> parse("/01/00614141123452/10/L%2F1/21/A1", "17=281231").path
    (('01', '00614141123452'), ('10', 'L/1'), ('21', 'A1'))
    """
    segments = path.removesuffix("/").split("/")[1:]
    names, values = segments[::2], segments[1::2]
    if len(names) > len(values):
        raise _odd(segments)
    if not all(name.isascii() and name.isdigit() for name in names):
        raise MalformedDigitalLink("not an application identifier in the path", expected="digits")
    elements = tuple(filled(name, unescape_path(value)) for name, value in zip(names, values, strict=True))
    link(elements)  # refuses what does not follow the key, and values that are none
    pack = parse_scan(f"https://{RESOLVER}{path.removesuffix('/')}" + (f"?{query}" if query else ""))
    return Identified(elements, pack)


def _odd(segments: Sequence[str]) -> Exception:
    """The last segment has no value: what is compressed ends so (GS1 Digital Link, compression)."""
    if len(segments) > 2 and not segments[-1].isdigit():
        return Compressed("a compressed Digital Link", expected="/01/ and a GTIN, or so, in full")
    return MalformedDigitalLink("an application identifier without its value", expected="pairs of both")


# ---- what stands behind it ------------------------------------------------------------------------------------------


def levels(identified: Identified) -> list[Level]:
    """What is linked to, the finer first. Raises `NotFound` for what nobody on this node has numbered."""
    key, value = identified.key
    found = list(_LEVELS[key](value, identified.lot))
    if not found:
        raise NotFound("nothing is known here of this number")
    return found


def _of_product(gtin: str, lot: str | None) -> Iterator[Level]:
    if prefixes.licensee(gtin) is None:
        return
    at = f"/01/{gtin}"
    if lot is not None:
        yield Level(f"{at}/10/{escape(lot)}", tuple(_recall(f"{at}/10/{escape(lot)}", "of this lot")))
    service = f"/vrs/checkConnectivity?gtin={gtin}"
    yield Level(
        at,
        (
            *_answer("Scan a pack: is it what it says it is?"),
            *_recall(at, "of this product"),
            Link(VERIFICATION, service, "Verification messages between companies", JSON),
        ),
    )


def _of_logistic_unit(sscc: str, _: str | None) -> Iterator[Level]:
    """By the company prefix behind its first digit; whether there is such a unit, nobody is told."""
    if prefixes.is_issued([sscc[1 : 1 + length] for length in prefixes.COMPANY_PREFIX]):
        yield Level(f"/00/{sscc}", tuple(_answer("Scan a case or pallet")))


def _of_place(gln: str, _: str | None) -> Iterator[Level]:
    """Whoever runs this node says so publicly; whose other places are, is for those who trade with them."""
    if gln == settings.OPERATOR_GLN:
        title = "The log of this node, and who vouches for it"
        yield Level(f"/414/{gln}", (Link(DEFAULT, "/log/", title), Link(LOCATION, "/log/", title)))


_LEVELS = {"00": _of_logistic_unit, "01": _of_product, "414": _of_place}


def _answer(title: str) -> Iterator[Link]:
    """The page that verifies. The default link has a type of its own beside it (section 2.5.8)."""
    yield Link(DEFAULT, "/", title)
    yield Link(TRACEABILITY, "/", title)


def _recall(at: str, of: str) -> Iterator[Link]:
    for kind in (HTML, JSON):
        yield Link(RECALL, f"/recalls{at}", f"Whether a recall {of} is in force", kind)


# ---- which of it is meant -------------------------------------------------------------------------------------------


def relation(link_type: str) -> str:
    """The name of a link type in the vocabulary, however it is written.

    >>> relation("gs1:recallStatus"), relation("https://gs1.org/voc/recallStatus"), relation("recallStatus")
    ('recallStatus', 'recallStatus', 'recallStatus')
    """
    return next((link_type.removeprefix(each) for each in _WRITTEN if link_type.startswith(each)), link_type)


def choose(found: Sequence[Level], wanted: str, languages: str, accept: str) -> Link:
    """The link of this type that fits best, of the finest level that has one. Raises `NotFound`.

    A language or a form that nobody has keeps nobody from what there is: the first of them (section 2.6.3).
    """
    links = next((some for level in found if (some := [each for each in level.links if each.relation == wanted])), [])
    if not links:
        raise NotFound("nothing of this link type", where="linkType", found=wanted[:80])
    spoken, forms = _preferred(languages), _preferred(accept)
    return max(links, key=lambda each: (_speaks(each.language, spoken), _taken(each.kind, forms)))


def _preferred(header: str) -> dict[str, float]:
    """What a header prefers, and how much: `en;q=0.5, de` (RFC 9110 section 12.4.2)."""
    found: dict[str, float] = {}
    for each in header.split(","):
        value, *parameters = (part.strip().lower() for part in each.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            found[value] = float(weight)
        except ValueError:
            continue
    return found


def _speaks(language: str, spoken: dict[str, float]) -> float:
    """RFC 4647 section 3.4: `en-US` is content with `en`."""
    return max((weight for each, weight in spoken.items() if each.partition("-")[0] == language), default=0.0)


def _taken(kind: str, forms: dict[str, float]) -> float:
    anything = forms.get("*/*", 0.0), forms.get(kind.partition("/")[0] + "/*", 0.0)
    return forms.get(kind, max(anything))


def target(chosen: Link, identified: Identified, path: str, query: str) -> str:
    """Where a link leads from here, with the whole query (section 2.12); below the resolver's root.

    The page that verifies is handed all of it behind a `#`, which no browser sends and no server logs. A verification
    service is handed the question, as the standard has it, if all of it is there.
    """
    if chosen.relation == VERIFICATION and (message := _message(identified, query)):
        return message
    separator = "&" if "?" in chosen.href else "?"
    href = chosen.href + (separator + query if query else "")
    return f"{href}#{path}" if chosen.href == "/" else href


def _message(identified: Identified, query: str) -> str | None:
    """Lightweight Messaging Standard, section 3.2: a client that knows no responder asks a resolver for it."""
    pack, asked = identified.pack, parse_qs(query)
    expiry = asked.get("exp", [pack.expiry_raw or ""])[0]
    if not (pack.gtin and pack.serial and pack.lot and expiry):
        return None
    more = "" if "exp" in asked else f"&exp={escape(expiry)}"
    return f"/vrs/verify/gtin/{pack.gtin}/lot/{escape(pack.lot)}/ser/{escape(pack.serial)}?{query}{more}"


# ---- as a linkset ---------------------------------------------------------------------------------------------------


def linkset(found: Sequence[Level], root: str) -> dict[str, list[dict[str, object]]]:
    """RFC 9264 section 4.2, as the resolver standard narrows it: each link with its title, and what it is in."""
    return {"linkset": [{"anchor": root + level.anchor, **_by_relation(level, root)} for level in found]}


def _by_relation(level: Level, root: str) -> dict[str, object]:
    relations: dict[str, list[dict[str, object]]] = {}
    for each in level.links:
        said: dict[str, object] = {"href": root + each.href, "title": each.title}
        if each.relation != DEFAULT:  # of which there is one, and nothing else is said (section 2.5.8)
            said |= {"type": each.kind, "hreflang": [each.language]}
        relations.setdefault(VOCABULARY + each.relation, []).append(said)
    return dict(relations)


def description(root: str) -> dict[str, object]:
    """What this resolver is, for `/.well-known/gs1resolver` (section 3)."""
    return {
        "name": f"Unitproof, {settings.LOG_ORIGIN}",
        "resolverRoot": root,
        "supportedPrimaryKeys": list(KEYS),
        "supportedLinkType": [{"namespace": VOCABULARY, "prefix": "gs1:"}],
        "linkTypeDefaultCanBeLinkset": False,
        "supportedContextValuesEnumerated": ["dscsaSaleableReturn"],
        "jsonLdContextLocation": CONTEXT,
    }


# ---- whether there is a recall --------------------------------------------------------------------------------------

ALL, SOME, NONE = "all", "some", "none"


def recalled(gtin: str, lot: str | None) -> str:
    """How much of a product, or of a lot of it, is recalled, by who may issue it or a regulator: and nothing else of
    it. Holds of other kinds, and of single items, are their parties' business.

    Raises `NotFound` for a product that nobody here may issue, and `Gs1Error` for none.
    """
    link([("01", gtin), *([("10", lot)] if lot is not None else [])])
    if prefixes.licensee(gtin) is None:
        raise NotFound("nothing is known here of this number")
    rows = [row for row in holds.of_products([gtin], None).get(gtin, []) if row.kind == "recall"]
    rows = [row for row in rows if lot is None or row.lot in (None, lot)]
    whole = any(row.first is None and row.lot in (None, lot) for row in rows)
    return ALL if whole else SOME if rows else NONE
