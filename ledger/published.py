"""What was published so far, for people to look at: how the log grew, and checkpoint after checkpoint. Reads only.

Each is a few look-ups in the index of published checkpoints, however many of them there are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from .models import Checkpoint, Cosignature
from .tlog.note import Signature
from .tlog.policy import Policy

SAMPLES = 60  # what is drawn of the growth is at no time further off than this part of the log


def growth(samples: int = SAMPLES) -> list[tuple[int, datetime]]:
    """Sizes, and when each was published: evenly spread over the sizes, the first and the last among them."""
    rows = Checkpoint.objects.raw(_GROWTH, [samples, samples])
    return [(row.size, cast(datetime, row.published_at)) for row in rows]


#: Of each part of the log the first checkpoint that covers it. Each is looked up by itself: a join, however it is
#: written, is a chance for a planner to go through all checkpoints.
_GROWTH = """
WITH RECURSIVE step (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM step WHERE n < %s),
sampled (size) AS (
    SELECT DISTINCT (
        SELECT c.size FROM ledger_checkpoint AS c
        WHERE c.published_at IS NOT NULL AND c.size >= (SELECT published FROM ledger_log) * step.n / %s
        ORDER BY c.size LIMIT 1)
    FROM step
)
SELECT size, (SELECT c.published_at FROM ledger_checkpoint AS c WHERE c.size = sampled.size) AS published_at
FROM sampled WHERE size IS NOT NULL ORDER BY size
"""


@dataclass(frozen=True)
class Stretch:
    """Checkpoints that follow one another, newest first, and whether there are others before and behind."""

    rows: list[Checkpoint]
    newer: bool
    older: bool


def checkpoints(count: int, *, below: int | None = None, above: int | None = None) -> Stretch:
    """So many of those published, with what was cosigned: the last ones, the last below a size, or the first above."""
    published = Checkpoint.objects.filter(published_at__isnull=False)
    if above is not None:
        found = published.filter(size__gt=above).order_by("size")
    else:
        found = (published if below is None else published.filter(size__lt=below)).order_by("-size")
    rows = sorted(found.prefetch_related("cosignatures")[:count], key=lambda row: row.size, reverse=True)
    if not rows:
        return Stretch([], newer=False, older=False)
    newer, older = published.filter(size__gt=rows[0].size), published.filter(size__lt=rows[-1].size)
    return Stretch(rows, newer.exists(), older.exists())


def named(policy: Policy, cosignatures: Collection[Cosignature]) -> set[str]:
    """Which of the policy's witnesses these are from, by their names in it. Checked they were when they came."""
    made = {_key(row) for row in cosignatures}
    return {name for name, peer in policy.witnesses.items() if (peer.key.name, peer.key.key_id) in made}


def _key(row: Cosignature) -> tuple[str, bytes]:
    """Name and key id: which key it was."""
    signature = Signature.parse(row.line)
    return signature.name, signature.key_id


def came_in_time(checkpoint: Checkpoint, cosignature: Cosignature) -> bool:
    """Whether it was published with the checkpoint; what comes later is kept, and changes no note."""
    return cosignature.line in checkpoint.note.splitlines()
