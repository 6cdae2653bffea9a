"""The file that says which logs a command is about, read before the command makes anything."""

from pathlib import Path

from django.core.management.base import CommandError

from ledger.tlog.errors import LogError
from ledger.tlog.policy import Policy

HELP = "a c2sp.org/tlog-policy: `log` lines and one `quorum` line, as `manage.py policy --tlog` prints them"


def read_policy(path: Path) -> Policy:
    """Raises `CommandError` with the file's name, also for a policy of the other kind."""
    try:
        text = path.read_text()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: not a text; expected {HELP}") from error
    if text.lstrip().startswith("{"):
        raise CommandError(f"{path}: JSON, a policy for `unitproof verify`; expected {HELP}")
    try:
        return Policy.parse(text)
    except LogError as error:
        raise CommandError(f"{path}: {error}") from error
