"""RFC 8785 (JCS): one byte string for one JSON value.

The `rfc8785` package is the reference; `encode` is a faster way to the same bytes for what this project
signs, and `tests/traceability/epcis/test_jcs.py` fuzzes the two against each other.
"""

from json import JSONEncoder
from typing import TypeAlias

import rfc8785

JSON: TypeAlias = "str | int | bool | list[JSON] | tuple[JSON, ...] | dict[str, JSON] | None"

_dumps = JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def encode(value: JSON) -> bytes:
    """The RFC 8785 bytes of a value made of text, whole numbers below 2^53, booleans, null, lists and objects.

    The standard library escapes as section 3.2.2.2 asks and sorts keys by code point. Section 3.2.3 sorts by
    UTF-16 unit, which differs only where a surrogate pair (from U+10000) meets U+E000 to U+FFFF: such
    text takes the reference's way.
    """
    text = _dumps(value)
    if not text.isascii() and max(text) > "\ud7ff":
        return rfc8785.dumps(value)
    return text.encode()
