"""Replay every submission and compare custody with what is stored."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from traceability.rebuild import rebuild


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--keep", action="store_true", help="keep what was replayed, in place of what was stored")

    def handle(self, *args: Any, **options: Any) -> None:
        differences = rebuild(keep=options["keep"])
        for difference in differences:
            self.stdout.write(str(difference))
        if differences and not options["keep"]:
            raise CommandError(f"{len(differences)} rows differ from the replay")
        self.stdout.write(f"custody replayed, {len(differences)} rows differed")
