"""Write what this node's witness has kept against other logs into files that `unitproof convict` judges."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.errors import WitnessRefuses
from traceability.evidence import against_logs


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="folder for the files, *.evidence")

    def handle(self, *, out: Path, **options: Any) -> None:
        try:
            found = dict(against_logs())
            out.mkdir(parents=True, exist_ok=True)
            for name, evidence in found.items():
                (out / name).write_bytes(evidence)
                self.stdout.write(str(out / name))
        except (OSError, WitnessRefuses) as error:
            raise CommandError(str(error)) from error
        if not found:
            self.stdout.write("this node has seen nothing that convicts anybody")
