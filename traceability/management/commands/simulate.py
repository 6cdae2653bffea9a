"""Simulate a supply chain with faults and fraud in it on an empty node, and score what the node found."""

import json
from argparse import ArgumentParser
from pathlib import Path
from random import Random
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.wsgi import get_wsgi_application
from httpx import WSGITransport
from rich.console import Console
from rich.table import Table

from ledger import keys, tasks
from ledger.models import Entry
from partners.models import Partner
from traceability.simulator import faults, plan
from traceability.simulator.running import Simulation
from traceability.simulator.score import Score, score


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="the same seed and number of units: the same chain")
        parser.add_argument("--units", type=int, default=10_000, help=f"{plan.LEAST:,} to {plan.MOST:,}")
        parser.add_argument("--sample", type=int, default=4_000, help="packs nothing was done to that are scanned")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the score there as well")

    def handle(self, *, seed: int, units: int, sample: int, **options: Any) -> None:
        try:
            drawn = plan.draw(seed, units)
        except ValueError as error:
            raise CommandError(str(error)) from None
        begin()
        wrong = faults.draw(drawn, Random(seed))  # noqa: S311 - to be the same each time
        console = Console(file=self.stderr, highlight=False)  # type: ignore[arg-type]
        simulation = Simulation(
            drawn,
            wrong,
            WSGITransport(app=get_wsgi_application()),
            lambda step: console.print(f"[dim]•[/] {step}", soft_wrap=True),
            tasks.sweep,
        )
        simulation.run(max(0, sample))
        found = score(drawn, wrong, simulation.stage.journal, simulation.stage.files, simulation.stage.moved)
        show(Console(file=self.stdout, highlight=False, width=130), found)  # type: ignore[arg-type]
        text = json.dumps(found.as_json())
        if options["json"]:
            options["json"].write_text(text + "\n")
        self.stdout.write(text)


def begin() -> None:
    """Only where nothing is that could be taken for real, or for this."""
    call_command("migrate", verbosity=0)
    if Partner.objects.exists() or Entry.objects.exists() or Path(settings.AUTHORITIES).exists():
        raise CommandError(
            "this node is not empty: a chain is simulated on a node of its own, with VAR_DIR=FOLDER, or DATABASE_URL"
        )
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)


def show(console: Console, found: Score) -> None:
    head, *rows = found.table()
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(
        f"{found.share_right:.2%} of {found.total.faults} faults are found as what they are; "
        f"{len(found.false)} false alarms over {found.checked} innocent packs scanned ({found.share_false:.3%})"
    )
    console.print(
        f"Of those, {found.unsigned} are shown as told by others, and {found.in_doubt} ({found.share_in_doubt:.1%}) as "
        "signed with a key that was stolen later: both are true, and counted by themselves"
    )
