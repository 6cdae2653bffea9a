"""Capture one submission, integrate the log, have it cosigned, publish it: `python -m tests.chaos.act FOLDER`.

In a process that may die, and says what is done as soon as it is done. UNITPROOF_FAILPOINT names where it dies.
"""

import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "traceability.settings")
PARTS = ("received", "opening", "statement")


def main(folder: Path) -> None:
    django.setup()
    from django.utils import timezone

    from ledger import log, tasks
    from traceability import capture

    received, opening, statement = ((folder / part).read_bytes() for part in PARTS)
    accepted = capture.capture(received, opening, statement, now=timezone.now())
    print("accepted", bytes(accepted.submission.promise).hex(), flush=True)
    tasks.sweep()
    checkpoint = log.latest()
    print("published", checkpoint and checkpoint.size, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
