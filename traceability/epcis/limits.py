"""How much of a document is read before it is refused: settings of a node, and what they are in a fresh checkout."""

from dataclasses import dataclass

from .errors import DocumentError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document. Beyond any of them it is refused, whatever else is in it."""

    max_bytes: int = 64 * 1024 * 1024
    max_depth: int = 64  # levels inside an extension; elsewhere the standard itself says how deep
    max_events: int = 100_000
    max_epcs: int = 2_000_000  # in all events together, an EPC counted each time it is named
    max_uri: int = 2000  # bytes of one identifier: what fits into an index of a database


DEFAULT_LIMITS = Limits()


def check_size(data: bytes, limits: Limits) -> None:
    if len(data) > limits.max_bytes:
        expected = f"at most {limits.max_bytes} bytes"
        raise DocumentError("too large a document", code="too_large", expected=expected, found=f"{len(data)} bytes")
