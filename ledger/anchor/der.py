"""ITU-T X.690 DER, as far as it takes to see that a structure has its one form. Nothing is written here.

>>> [(hex(part.tag), part.content.hex()) for part in parse(bytes.fromhex("3006020101020102")).parts]
[('0x2', '01'), ('0x2', '02')]
"""

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER, OCTETS, OID, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31


class MalformedDer(ValueError):
    """Bytes that are not DER."""


@dataclass(frozen=True, slots=True)
class Part:
    """One element: tag, content, and all its bytes."""

    tag: int
    content: bytes
    whole: bytes

    @property
    def parts(self) -> list["Part"]:
        """The elements in it."""
        return list(_read(self.content))

    def demand(self, tag: int) -> "Part":
        if self.tag != tag:
            raise MalformedDer(f"expected tag {tag:#x}, found {self.tag:#x}")
        return self


def parse(data: bytes) -> Part:
    """The one element that these bytes are."""
    parts = list(_read(data))
    if len(parts) != 1:
        raise MalformedDer("expected one element and nothing after it")
    return parts[0]


def _read(data: bytes) -> Iterator[Part]:
    at = 0
    while at < len(data):
        size, begin = _length(data, at + 1)
        if data[at] & 0x1F == 0x1F or begin + size > len(data):
            raise MalformedDer("cut short, or a tag of several bytes")
        yield Part(data[at], data[begin : begin + size], data[at : begin + size])
        at = begin + size


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Length, and where the content begins; only its shortest form is DER (section 10.1)."""
    if at >= len(data):
        raise MalformedDer("cut short")
    if data[at] < 0x80:
        return data[at], at + 1
    count = data[at] - 0x80
    octets = data[at + 1 : at + 1 + count]
    size = int.from_bytes(octets, "big")
    if not 1 <= count <= 4 or len(octets) < count or octets[0] == 0 or size < 0x80:
        raise MalformedDer("a length not in its shortest form")
    return size, at + 1 + count
