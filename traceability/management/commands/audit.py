"""Check what is stored against what was signed; exit status 1 if anything differs."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from traceability.audit import Finding, audit, begin


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--full", action="store_true", help="everything, and custody replayed; else what is new")
        parser.add_argument("--json", action="store_true", help="a JSON object for each difference, and one at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options["json"]

        def tell(finding: Finding) -> None:
            self.stdout.write(json.dumps(asdict(finding)) if as_json else str(finding))

        with Progress(console=Console(stderr=True), transient=True, disable=as_json) as shown:
            tasks: dict[str, Any] = {}

            def progress(what: str, done: int, of: int) -> None:
                if what not in tasks:
                    tasks[what] = shown.add_task(what, total=of)
                shown.update(tasks[what], completed=done)

            row = audit(begin(full=options["full"], now=timezone.now()), now=timezone.now, tell=tell, progress=progress)
        told = ("full", "since", "size", "differences", "replayed")
        words = f"{row.differences} differences; entries {row.since} to {row.size}"
        if row.full:
            custody = "custody replayed" if row.replayed else "custody not compared, as what it rests on differs"
            words = f"{row.differences} differences; all {row.size} entries, and {custody}"
        self.stdout.write(json.dumps({name: getattr(row, name) for name in told}) if as_json else words)
        if row.differences:
            raise SystemExit(1)
