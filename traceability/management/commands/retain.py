"""Erase what is past retention and under no legal hold, by deletion certificates in the log. A node does so daily."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from traceability.bundle.build import CannotProve
from traceability.erasure import MOST, forget, retain


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--most", type=int, default=MOST, help="submissions under one certificate")

    def handle(self, *, most: int, **options: Any) -> None:
        try:
            if not self._retain(most):
                self.stdout.write("nothing is past retention")
                return
        except CannotProve as error:
            raise CommandError(f"{error.code}: {error}") from error
        forget()

    def _retain(self, most: int) -> int:
        """All that is due; how many certificates that took."""
        certificates = 0
        while said := retain(now=timezone.now(), most=most):
            certificates += 1
            self.stdout.write(
                f"erased {said.erased.count()} submissions, and the items of {said.items_erased.count()}, "
                f"by the certificate {said.statement_id}, entry {bytes(said.entry.entry).hex()}"
            )
        return certificates
