"""Destroy what a party has handed in with one submission, and say so in the log."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from traceability.bundle.build import CannotProve
from traceability.erasure import erase, forget
from traceability.errors import Refusal


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("submission", type=UUID, help="its id")
        parser.add_argument("--submitter", help="GLN-13, where several parties have used this id")
        parser.add_argument("--reason", required=True, help="in words; part of the statement")
        parser.add_argument(
            "--items", action="store_true", help="also what its items' leaves say: only when retention is over"
        )

    def handle(self, *, submission: UUID, submitter: str, reason: str, items: bool, **options: Any) -> None:
        try:
            said = erase(submission, reason=reason, submitter=submitter, items=items, now=timezone.now())
        except (Refusal, CannotProve) as error:
            raise CommandError(f"{error.code}: {error}") from error
        forget()
        self.stdout.write(f"erased, by the statement {said.statement_id}, entry {bytes(said.entry.entry).hex()}")
        self.stdout.write("not recalled: what others were shown of it, and what backups hold until they expire")
