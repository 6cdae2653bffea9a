"""manage.py products: what files tell of products, by the operator of this node."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from partners.gs1.errors import Gs1Error
from traceability import master_data
from traceability.cli_master import lines
from traceability.epcis.errors import DocumentError
from traceability.errors import Refusal
from traceability.master_files import PRODUCTS, Kind
from traceability.reporting import plain, refusal


class Command(BaseCommand):
    help = "Show what CSV, EPCIS or the FDA's product.txt and package.txt would change of products; --apply does it."
    kind: ClassVar[Kind] = PRODUCTS

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--apply", action="store_true", help="do what is shown")
        parser.add_argument("--complete", action="store_true", help="what is told, and no line names, ends today")

    def _says(self, what: str) -> Callable[[int, int], None]:
        """How far it is, once a second."""
        told = monotonic()

        def says(done: int, total: int) -> None:
            nonlocal told
            if monotonic() - told > 1:
                told = monotonic()
                self.stderr.write(f"{done} of {total} lines {what}")

        return says

    def handle(self, *, files: list[Path], complete: bool, **options: Any) -> None:
        gln, now = settings.OPERATOR_GLN, timezone.now()
        try:
            brought = master_data.bring([path.read_bytes() for path in files], self.kind, progress=self._says("read"))
            said = self._says("compared")
            shown = master_data.compare(
                self.kind, brought, gln, complete=complete, now=now, progress=lambda at: said(at, len(brought.lines))
            )
            for line in lines(master_data.told(shown)):
                self.stdout.write(plain(line))
            if options["apply"]:
                master_data.apply(self.kind, brought, gln, shown.digest, complete=complete, now=now)
                self.stdout.write("applied")
        except (Refusal, DocumentError, Gs1Error, OSError) as problem:
            raise CommandError(str(problem) if isinstance(problem, OSError) else refusal(problem)) from problem
