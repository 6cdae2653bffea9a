"""What is sent with a job, and what comes of it, in pieces that a statement can be about."""

import zlib
from collections.abc import Iterable, Iterator

from .models import JobPiece

PIECE = 1024 * 1024  # bytes, before they are compressed


def cut(content: bytes) -> Iterator[bytes]:
    """In pieces."""
    for first in range(0, len(content), PIECE):
        yield content[first : first + PIECE]


def keep(job: int, pieces: Iterable[bytes], *, is_result: bool, first: int = 0) -> int:
    """How many bytes they are."""
    size = 0
    for number, piece in enumerate(pieces, first):
        size += len(piece)
        JobPiece.objects.create(job_id=job, is_result=is_result, number=number, content=zlib.compress(piece, 1))
    return size


def kept(job: int, *, is_result: bool) -> Iterator[bytes]:
    """One after the other."""
    pieces = JobPiece.objects.filter(job=job, is_result=is_result).order_by("number").values_list("content", flat=True)
    for content in pieces.iterator(chunk_size=1):
        yield zlib.decompress(content)
