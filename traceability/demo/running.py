"""A demonstration that is served is not thrown away by the next one.

    the command that tells a story ──claim──> throws the last one away ──share──> tells it, and serves it
    any server of a story told ────────────────────────────────────────share──> serves it

It is a lock on a file beside the folder, which itself is thrown away. Whatever ends a process lets go of it.
"""

import fcntl
import os
from pathlib import Path


def claim(folder: Path) -> int:
    """Hold the folder alone. Raises `BlockingIOError` where a story is told or served from it."""
    return _locked(folder, fcntl.LOCK_EX)


def share(folder: Path) -> int:
    """Hold the folder with others who serve it. Raises `BlockingIOError` where it is being thrown away."""
    return _locked(folder, fcntl.LOCK_SH)


def relax(held: int) -> None:
    """Share what was claimed, so that it can be served."""
    fcntl.flock(held, fcntl.LOCK_SH)


def _locked(folder: Path, how: int) -> int:
    """The open file, which stays open until the process ends."""
    held = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise
    return held
