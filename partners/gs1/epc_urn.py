"""EPC URNs: GS1 keys as the Tag Data Standard writes them, divided by dots behind the company prefix.

    urn:epc:id:sgtin:0614141.012345.6789     one unit: company prefix, indicator and item reference, serial number
    urn:epc:class:lgtin:0614141.012345.LOT1  a lot
    urn:epc:idpat:sgtin:0614141.012345.*     all units of a GTIN

The check digit is left out, and the first digit of a GTIN or SSCC stands behind the company prefix.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from .application_identifiers import check_digit
from .digital_link import link, unescape_path
from .errors import BadLength, MalformedUrn


class _Scheme(NamedTuple):
    """How the parts of a URN make up a key and what comes after it."""

    digits: int | None  # of company prefix and reference together; None: the reference is text
    key: str  # AI
    after: str | None  # AI of the last part; "": it belongs to the key; None: there is none
    parts: int = 3


#: Tag Data Standard section 6.3.
_SCHEMES = {
    "id:sgtin": _Scheme(13, "01", "21"),
    "id:upui": _Scheme(13, "01", "235"),
    "class:lgtin": _Scheme(13, "01", "10"),
    "id:itip": _Scheme(13, "8006", "21", parts=5),  # piece and total stand between reference and serial number
    "id:sscc": _Scheme(17, "00", None, parts=2),
    "id:sgln": _Scheme(12, "414", "254"),
    "id:pgln": _Scheme(12, "417", None, parts=2),
    "id:grai": _Scheme(12, "8003", ""),
    "id:gdti": _Scheme(12, "253", ""),
    "id:sgcn": _Scheme(12, "255", ""),
    "id:gsrn": _Scheme(17, "8018", None, parts=2),
    "id:gsrnp": _Scheme(17, "8017", None, parts=2),
    "id:gsin": _Scheme(16, "402", None, parts=2),
    "id:giai": _Scheme(None, "8004", None, parts=2),
    "id:ginc": _Scheme(None, "401", None, parts=2),
    "id:cpi": _Scheme(None, "8010", "8011"),
}
_INDICATOR_BEHIND = {"00", "01", "8006"}

#: EPC URNs that no Digital Link can tell: other numbering systems, the bits of a tag, patterns of many keys.
_NO_LINK = re.compile(
    r"(id|idpat):(adi|bic|gid|imovn|usdod):.+|(pat|raw|tag):.+|idpat:\w+:(.+\.)?\*\..+|idpat:\w+:\d+\.\*"
)
_COMPANY_PREFIX = re.compile(r"[0-9]{6,12}")
_TEXT = re.compile(r"(?:[!'()*+,\-.0-9:;=A-Z_a-z]|%[0-9A-Fa-f]{2})+")  # Tag Data Standard: GS3A3Component


def canonical_urn(urn: str) -> str:
    """The Digital Link of an EPC URN, or the URN as it came where it has none."""
    body = urn[len("urn:epc:") :]
    if _NO_LINK.fullmatch(body):
        return urn
    kind, _, rest = body.partition(":")
    name, _, text = rest.partition(":")
    scheme = _SCHEMES.get(f"{'id' if kind == 'idpat' else kind}:{name}")
    if scheme is None or not _TEXT.fullmatch(text):
        raise MalformedUrn("not a URN of the EPC Tag Data Standard", found=repr(urn))
    key, last = _read(urn, scheme, text)
    if not last or (last == "*" and kind == "idpat"):
        return link([(scheme.key, key)])
    return link([(scheme.key, key), (scheme.after, last)] if scheme.after else [(scheme.key, key + last)])


def _read(urn: str, scheme: _Scheme, text: str) -> tuple[str, str]:
    """The key with its check digit, and the last part, "" where the scheme has none."""
    company, *parts = text.split(".", scheme.parts - 1)
    texts = parts[1:] if scheme.digits else parts  # a long company prefix may leave no digit for a reference
    if len(parts) != scheme.parts - 1 or not _COMPANY_PREFIX.fullmatch(company) or "" in texts:
        wanted = f"{scheme.parts} parts between dots, the first a company prefix of 6 to 12 digits"
        raise MalformedUrn("not the parts of this scheme", expected=wanted, found=repr(urn))
    key = _number(urn, scheme, company, parts[0]) if scheme.digits else company + unescape_path(parts[0])
    return key + "".join(parts[1:-1]), unescape_path(parts[-1]) if len(parts) > 1 else ""


def _number(urn: str, scheme: _Scheme, company: str, reference: str) -> str:
    payload = company + reference
    if len(payload) != scheme.digits or not payload.isdigit():
        wanted = f"{scheme.digits} digits in company prefix and reference"
        raise MalformedUrn("not the digits of this scheme", expected=wanted, found=repr(urn))
    if scheme.key in _INDICATOR_BEHIND:
        payload = reference[0] + company + reference[1:]
    filler = "0" if scheme.key == "8003" else ""
    return filler + payload + check_digit(payload)


def urn_of(scheme: str, elements: Sequence[tuple[str, str]], ending: str, company_prefix_length: int) -> str:
    """The URN of a number and what comes after it, or else `ending`."""
    if not 6 <= company_prefix_length <= 12:
        raise BadLength("no company prefix", expected="6 to 12 digits", found=str(company_prefix_length))
    (ai, number), *after = elements
    first, payload = (number[0], number[1:-1]) if ai in _INDICATOR_BEHIND else ("", number[:-1])
    company, reference = payload[:company_prefix_length], first + payload[company_prefix_length:]
    last = "".join("." + quote(part, safe="!'()*+,:;=") for _, part in after)
    return f"urn:epc:{scheme}:{company}.{reference}{last or ending}"
