"""GS1 Digital Links: a key, its qualifiers and what else is known of them, as a web address.

    https://maker.example/shop/01/00614141123452/10/LOT1/21/6789?17=271231
    └ any site ──────────────┘└ key ───────────┘└ qualifiers ──┘└ attributes

`link` writes the canonical one, on https://id.gs1.org, without attributes (FORMATS section 2).
"""

import re
from collections.abc import Collection, Sequence
from urllib.parse import quote, unquote, unquote_plus

from .application_identifiers import check
from .errors import Gs1Error, MalformedDigitalLink

RESOLVER = "id.gs1.org"

#: The keys and the qualifiers that each may have, in their order (GS1 Digital Link URI Syntax).
KEYS = {
    "00": (),
    "01": ("22", "10", "21", "235"),
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": ("254",),
    "415": ("8020",),
    "417": (),
    "8003": (),
    "8004": (),
    "8006": ("22", "10", "21"),
    "8010": ("8011",),
    "8017": ("8019",),
    "8018": ("8019",),
}

#: Words that an earlier edition allowed for the numbers, and that still are met.
_NAMES = {
    **{"gtin": "01", "sscc": "00", "gln": "414", "party": "417", "payTo": "415", "itip": "8006", "cpid": "8010"},
    **{"gdti": "253", "gcn": "255", "ginc": "401", "gsin": "402", "grai": "8003", "giai": "8004"},
    **{"gsrnp": "8017", "gsrn": "8018"},
    **{"cpv": "22", "lot": "10", "ser": "21", "tpx": "235", "glnx": "254", "cpsn": "8011", "srin": "8019"},
    **{"refno": "8020"},
}

#: What claims to be a key on anybody's web site, and is refused there if it is none. Other paths may mean something
#: else: /01/20260131 is a day, so a GTIN-8 makes no claim.
_CLAIMS = {
    "00": re.compile(r"[0-9]{18}"),
    "01": re.compile(r"(?!000000)[0-9]{14}"),
    "414": re.compile(r"[0-9]{13}"),
    "417": re.compile(r"[0-9]{13}"),
}

_WEB = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://(?P<site>[\w.:\[\]-]+)(?P<path>/[^?#\s]*)(?:[?#]\S*)?")


def canonical_link(uri: str) -> str:
    """The canonical form of a Digital Link; any other web address as it came."""
    site, elements = read_path(uri)
    if not elements:
        if site == RESOLVER and _ai(re.split("[/?#]", uri)[3]) in KEYS:
            raise MalformedDigitalLink("no key and value in pairs", expected="/01/ and a GTIN, or so", found=repr(uri))
        return uri
    try:
        return link(elements)
    except Gs1Error:
        ai, key = elements[0]
        if site == RESOLVER or (ai in _CLAIMS and _CLAIMS[ai].fullmatch(key)):
            raise
        return uri


def link(elements: Sequence[tuple[str, str]]) -> str:
    """The canonical Digital Link of a key and the finest of its qualifiers, each an AI and its value."""
    (ai, key), *qualifiers = elements
    for name, value in elements:
        check(name, value)
    names = [name for name, _ in qualifiers]
    if names != path_order(ai, names):
        allowed = ", ".join(KEYS[ai]) or "nothing"
        raise MalformedDigitalLink(f"not what follows AI {ai}", expected=allowed, found=", ".join(names))
    uri = f"https://{RESOLVER}/{ai}/{escape(key)}"
    for name, value in reversed(qualifiers):
        if name != "22" and (name, value) != ("254", "0"):  # a variant identifies nothing, 0 is no extension
            return f"{uri}/{name}/{escape(value)}"
    return uri


def path_order(ai: str, names: Collection[str]) -> list[str]:
    """Of some AIs those that follow this key in the path, in their order."""
    if "235" in names:  # a third party's serial number stands beside no other qualifier
        names = ["235"]
    return [name for name in KEYS[ai] if name in names]


def read_path(uri: str) -> tuple[str, list[tuple[str, str]]]:
    """The site of a web address, and the AIs with their values in its path; none if there is no key.

    The key is the last one from which the rest of the path divides into pairs, whatever the site puts before it.
    """
    match = _WEB.fullmatch(uri)
    if match is None:
        return "", []
    site, segments = match["site"].lower(), match["path"].split("/")
    for start in range(len(segments) - 2, 0, -2):
        if _ai(segments[start]) in KEYS:
            values = map(unescape_path, segments[start + 1 :: 2])
            return site, [*map(filled, map(_ai, segments[start::2]), values)]
    return site, []


def _ai(name: str) -> str:
    return _NAMES.get(name, name)


def filled(ai: str, value: str) -> tuple[str, str]:
    """An AI and its value, a GTIN-8, -12 or -13 written as the GTIN-14 that it also is."""
    return ai, value.zfill(14) if ai in ("01", "02") and len(value) in (8, 12, 13) else value


def escape(value: str) -> str:
    """Percent-encoded but for the unreserved characters of RFC 3986."""
    return quote(value, safe="")


def unescape_path(text: str) -> str:
    """Percent-decoded; what is no escape stays, and bytes above 7F become characters that no AI may hold."""
    return unquote(text, encoding="latin-1")


def unescape_query(text: str) -> str:
    """As in a path, and `+` is a space."""
    return unquote_plus(text, encoding="latin-1")
