"""Keep all of a party, or one submission, from being erased; or no longer. Both are statements in the log."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from traceability.erasure import lift_hold, set_hold, subject
from traceability.errors import Refusal


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", help="GLN-13 of a party, or the id of a submission")
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--set", dest="verb", action="store_const", const=set_hold, help="from now on")
        how.add_argument("--lift", dest="verb", action="store_const", const=lift_hold, help="no longer")
        parser.add_argument("--reason", required=True, help="in words; part of the statement")

    def handle(self, *, verb: Any, reason: str, **options: Any) -> None:
        try:
            about, submission = subject(options["subject"])
            said = verb(about, submission, reason=reason, now=timezone.now())
        except Refusal as error:
            raise CommandError(f"{error.code}: {error}") from error
        self.stdout.write(f"legal hold: statement {said.statement_id}, entry {bytes(said.entry.entry).hex()}")
