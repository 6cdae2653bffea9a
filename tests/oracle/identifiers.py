"""FORMATS 2, "Identifiers": every spelling of a GS1 key as one Digital Link on https://id.gs1.org.

>>> canonical("urn:epc:id:sgtin:0614141.012345.A%2FB!")
'https://id.gs1.org/01/00614141123452/21/A%2FB%21'
>>> canonical("urn:epc:id:sgln:0614141.00777.0"), canonical("urn:epc:id:pgln:0614141.00777")
('https://id.gs1.org/414/0614141007776', 'https://id.gs1.org/417/0614141007776')
>>> canonical("urn:epcglobal:cbv:bt:0614141007776:PO-1")
'urn:epcglobal:cbv:bt:0614141007776:PO-1'
"""

import re
from typing import Any
from urllib.parse import quote, unquote

from .refusal import Refused

DOMAIN = "https://id.gs1.org"

#: The primary keys a Digital Link path may hold, with the qualifiers that may follow, in their order (GS1 Digital Link
#: URI Syntax). A third party's serial number (235) stands beside no other.
PRIMARY: dict[str, list[list[str]]] = {
    "00": [[]], "01": [["22", "10", "21"], ["235"]], "253": [[]], "255": [[]], "401": [[]], "402": [[]],
    "414": [["254"]], "415": [["8020"]], "417": [[]], "8003": [[]], "8004": [[]], "8006": [["22", "10", "21"]],
    "8010": [["8011"]], "8017": [["8019"]], "8018": [["8019"]],
}  # fmt: skip


#: The words that the first edition of the syntax had for them.
WORDS = {
    "gtin": "01", "itip": "8006", "cpid": "8010", "gln": "414", "payTo": "415", "party": "417", "gsrnp": "8017",
    "gsrn": "8018", "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402", "grai": "8003",
    "giai": "8004", "cpv": "22", "lot": "10", "ser": "21", "tpx": "235", "glnx": "254", "cpsn": "8011", "srin": "8019",
    "refno": "8020",
}  # fmt: skip


SET_82 = r"[!\"%-?A-Z_a-z]"
#: GS1 General Specifications 3.2: what each may hold. Digits named `key` end in their check digit.
VALUES = {
    "00": "(?P<key>[0-9]{18})", "01": "(?P<key>[0-9]{14})", "253": f"(?P<key>[0-9]{{13}}){SET_82}{{0,17}}",
    "255": "(?P<key>[0-9]{13})[0-9]{0,12}", "401": f"(?=[0-9]{{4}}){SET_82}{{4,30}}", "402": "(?P<key>[0-9]{17})",
    "414": "(?P<key>[0-9]{13})", "415": "(?P<key>[0-9]{13})", "417": "(?P<key>[0-9]{13})",
    "8003": f"0(?P<key>[0-9]{{13}}){SET_82}{{0,16}}", "8004": f"(?=[0-9]{{4}}){SET_82}{{4,30}}",
    "8006": "(?P<key>[0-9]{14})(?P<piece>[0-9]{2})(?P<total>[0-9]{2})", "8010": r"(?=[0-9]{4})[#\-/0-9A-Z]{4,30}",
    "8017": "(?P<key>[0-9]{18})", "8018": "(?P<key>[0-9]{18})", "10": f"{SET_82}{{1,20}}", "21": f"{SET_82}{{1,20}}",
    "22": f"{SET_82}{{1,20}}", "235": f"{SET_82}{{1,28}}", "254": f"{SET_82}{{1,20}}",
    "8011": "0|[1-9][0-9]{0,11}", "8019": "[0-9]{1,10}", "8020": f"{SET_82}{{1,25}}",
}  # fmt: skip


def lawful(ai: str, value: str) -> bool:
    match = re.fullmatch(VALUES[ai], value)
    if match is None:
        return False
    named = match.groupdict()
    if "total" in named and not "01" <= named["piece"] <= named["total"]:
        return False
    return "key" not in named or check_digit(named["key"][:-1]) == named["key"][-1]


#: In the place of a serial number that a pattern leaves open; a serial number may itself be a star.
ANY = object()


def check_digit(digits: str) -> str:
    """GS1 General Specifications 7.9: weights 3, 1, 3, ... from the right."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += int(digit) * (3 if place % 2 == 0 else 1)
    return str((10 - total % 10) % 10)


def checked(digits: str, length: int) -> str:
    """`length` digits that still lack their check digit, and that digit."""
    if not (re.fullmatch("[0-9]*", digits) and len(digits) == length):
        raise Refused("invalid_identifier", f"{digits!r}: expected {length} digits")
    return digits + check_digit(digits)


def gtin14(company: str, item: str) -> str:
    """The indicator stands first in the item reference of a URN, and first of all in the GTIN."""
    return checked(item[:1] + company + item[1:], 13)


def link(*parts: str) -> str:
    """A path of AIs and values; only RFC 3986 unreserved characters stand bare."""
    for ai, value in zip(parts[0::2], parts[1::2], strict=True):
        if not lawful(ai, value):
            raise Refused("invalid_identifier", f"{value!r} for AI {ai}")
    return DOMAIN + "".join("/" + quote(part, safe="") for part in parts)


def from_urn(scheme: str, fields: list[Any]) -> str:
    """TDS 2: the pure identity, class and pattern URNs. `fields` are percent-decoded; ANY closes a pattern."""
    if scheme in ("sgtin", "upui", "lgtin"):
        company, item, last = fields
        ai = {"sgtin": "21", "upui": "235", "lgtin": "10"}[scheme]
        return link("01", gtin14(company, item), *([] if last is ANY else [ai, last]))
    if scheme == "itip":
        company, item, piece, total, serial = fields
        return link("8006", gtin14(company, item) + piece + total, *([] if serial is ANY else ["21", serial]))
    if scheme == "sscc":
        company, serial = fields
        return link("00", checked(serial[:1] + company + serial[1:], 17))
    if scheme == "sgln":
        company, location, extension = fields
        return link("414", checked(company + location, 12), *([] if extension == "0" else ["254", extension]))
    if scheme == "pgln":
        company, party = fields
        return link("417", checked(company + party, 12))
    if scheme in ("grai", "gdti", "sgcn"):
        company, kind, serial = fields
        ai, filler = {"grai": ("8003", "0"), "gdti": ("253", ""), "sgcn": ("255", "")}[scheme]
        return link(ai, filler + checked(company + kind, 12) + ("" if serial is ANY else serial))
    if scheme in ("gsrn", "gsrnp"):
        company, reference = fields
        return link({"gsrn": "8018", "gsrnp": "8017"}[scheme], checked(company + reference, 17))
    if scheme == "gsin":
        company, reference = fields
        return link("402", checked(company + reference, 16))
    if scheme in ("giai", "ginc"):
        company, reference = fields
        return link({"giai": "8004", "ginc": "401"}[scheme], company + reference)
    if scheme == "cpi":
        company, reference, serial = fields
        return link("8010", company + reference, *([] if serial is ANY else ["8011", serial]))
    raise Refused("invalid_identifier", f"unknown scheme {scheme}")


def percent_decoded(text: str) -> str:
    """Bytes above 7F become characters that no AI may hold."""
    return unquote(text, encoding="latin-1")


def pairs_of(path: str) -> list[tuple[str, str]]:
    """AIs and values: from the last primary key on from which the rest of the path divides into pairs."""
    parts = path.split("/")[1:]
    names = [WORDS.get(part, part) for part in parts]
    for start in range(len(parts) - 2, -1, -2):
        if names[start] in PRIMARY:
            values = map(percent_decoded, parts[start + 1 :: 2])
            pairs = list(zip(names[start::2], values, strict=True))
            ai, value = pairs[0]
            return [(ai, value.zfill(14) if ai == "01" and len(value) in (8, 12, 13) else value), *pairs[1:]]
    return []


def from_pairs(pairs: list[tuple[str, str]]) -> str:
    """The key, and the finest qualifier that identifies anything: a variant does not, nor does the extension 0."""
    (ai, value), *qualifiers = pairs
    given = [name for name, _ in qualifiers]
    in_order = any(given == [name for name in allowed if name in given] for allowed in PRIMARY[ai])
    if not in_order or not all(lawful(*pair) for pair in [(ai, value), *qualifiers]):
        raise Refused("invalid_identifier", str(pairs))
    telling = [pair for pair in qualifiers if pair[0] != "22" and pair != ("254", "0")]
    return link(ai, value, *(telling[-1] if telling else ()))


#: What is meant for a key on anybody's site. /01/20260131 may be a day.
MEANT = {"00": "[0-9]{18}", "01": "(?!000000)[0-9]{14}", "414": "[0-9]{13}", "417": "[0-9]{13}"}


def from_web(uri: str) -> str:
    """The canonical form of a Digital Link; another address byte for byte."""
    match = re.fullmatch(r"https?://([\w.:\[\]-]+)(/[^?#\s]*)([?#]\S*)?", uri, re.IGNORECASE)
    if match is None:
        return uri
    at_home, pairs = match[1].lower() == "id.gs1.org", pairs_of(match[2])
    if not pairs:
        first = match[2].split("/")[1]
        if at_home and WORDS.get(first, first) in PRIMARY:
            raise Refused("invalid_identifier", uri)
        return uri
    try:
        return from_pairs(pairs)
    except Refused:
        ai, value = pairs[0]
        if at_home or (ai in MEANT and re.fullmatch(MEANT[ai], value)):
            raise
        return uri


#: TDS 2: URNs of other numbering systems, of the bits of a tag, and of many keys at once: they have no Digital Link.
NO_LINK = re.compile(
    r"(id|idpat):(adi|bic|gid|imovn|usdod):.+|(pat|raw|tag):.+|idpat:\w+:(.+\.)?\*\..+|idpat:\w+:[0-9]+\.\*"
)


def canonical(uri: str) -> str:
    """One spelling of a GS1 key; anything else byte for byte. `Refused` for what claims to be a key and is none."""
    if uri[:4].lower() == "http":
        return from_web(uri)
    if uri[:8].lower() != "urn:epc:" or NO_LINK.fullmatch(uri[8:]):
        return uri
    text = r"((?:[!'()*+,.0-9:;=A-Z_a-z-]|%[0-9A-Fa-f]{2})*)"  # TDS 2: GS3A3Component, and the dots between
    match = re.fullmatch(r"(id|class|idpat):([a-z]+):([0-9]{6,12})\." + text, uri[8:])
    if not match or (match[1] == "class") != (match[2] == "lgtin"):
        raise Refused("invalid_identifier", uri)
    kind, scheme, company, body = match.groups()
    fields: list[Any] = [company, *map(percent_decoded, body.split(".", maxsplit=FIELDS.get(scheme, 2) - 2))]
    if "" in fields[1 if scheme in ("giai", "ginc", "cpi") else 2 :]:  # a long company prefix may leave no reference
        raise Refused("invalid_identifier", uri)
    if kind == "idpat" and fields[-1] == "*":
        fields[-1] = ANY
    try:
        return from_urn(scheme, fields)
    except ValueError as error:
        raise Refused("invalid_identifier", uri) from error


def in_one_form(uri: str) -> bool:
    """An absolute URI, and of a GS1 key the one spelling."""
    try:
        return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f]+", uri) is not None and canonical(uri) == uri
    except Refused:
        return False


#: How many fields a scheme's URN has; the last may itself hold dots.
FIELDS = {"sgtin": 3, "upui": 3, "lgtin": 3, "itip": 5, "sscc": 2, "sgln": 3, "pgln": 2, "grai": 3, "gdti": 3,
          "sgcn": 3, "gsrn": 2, "gsrnp": 2, "gsin": 2, "giai": 2, "ginc": 2, "cpi": 3}  # fmt: skip


def gtin_of(epc: str) -> str | None:
    """The GTIN-14 in a canonical form of AI 01."""
    match = re.fullmatch(r"https://id\.gs1\.org/01/([0-9]{14})(?:/.*)?", epc)
    return match.group(1) if match else None


def gln_of(place: str) -> str | None:
    """The GLN-13 in a canonical form of AI 414 or 417: what parties are compared by."""
    match = re.fullmatch(r"https://id\.gs1\.org/41[47]/([0-9]{13})(?:/.*)?", place)
    return match.group(1) if match else None


def is_sgtin(epc: str) -> bool:
    """A GTIN with a serial number."""
    return re.fullmatch(r"https://id\.gs1\.org/01/[0-9]{14}/21/.+", epc) is not None
