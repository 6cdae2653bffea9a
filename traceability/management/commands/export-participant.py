"""Write everything that a party has here into one archive, which `unitproof verify` checks without this node."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from traceability.errors import Refusal
from traceability.export import export
from traceability.reporting import number


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("gln", help="GLN-13 of the party")
        parser.add_argument("--out", type=Path, required=True, help="file for the archive, *.zip")
        parser.add_argument("--bundles", type=int, default=0, metavar="N", help="with up to N bundles of what it holds")

    def handle(self, *, gln: str, out: Path, bundles: int, verbosity: int, **options: Any) -> None:
        def progress(done: int, of: int) -> None:
            if verbosity > 1 or done % 1000 == 0:
                self.stderr.write(f"{done} of {of} submissions")

        if bundles < 0:
            raise CommandError(f"--bundles: expected a number, 0 or more; found {bundles}")
        try:
            done = export(gln, out, now=timezone.now(), bundles=bundles, progress=progress)
        except (Refusal, OSError) as error:
            raise CommandError(str(error)) from error
        for epc in done.left_out:
            self.stderr.write(f"no bundle of {epc}: a statement it rests on waits for the log, or was erased")
        self.stdout.write(
            f"{out}: {number(done.submissions, 'submissions')}, {number(done.registrations, 'statements')} about "
            f"keys and rights, {number(done.bundles, 'bundles')}, in a log of size {done.size}"
        )
