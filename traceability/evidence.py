"""From what a node has seen to files that `unitproof convict` judges: what its witness has kept against other logs.

What the node itself refuses convicts nobody: a refused statement is no half of a fork (FORMATS section 3). It is kept
as a sighting, for those whom it concerns.
"""

from collections.abc import Iterator
from hashlib import sha256

from ledger import keys
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note

from .convict import TwoTrees, write


def against_logs() -> Iterator[tuple[str, bytes]]:
    """Of every contradiction that this node's witness has met: a name for the file, and what goes into it."""
    witness = keys.witness()
    for origin, contradicting, cosigned, _ in witness.memory.evidence() if witness else ():
        evidence = write(TwoTrees(cosigned, contradicting, _root(contradicting)))
        name = "".join(letter if letter.isalnum() else "-" for letter in origin)
        yield f"{name}-{sha256(evidence).hexdigest()[:12]}.evidence", evidence


def _root(signed: str) -> bytes:
    return Checkpoint.parse(Note.parse(signed).text).root
