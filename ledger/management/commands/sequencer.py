"""manage.py sequencer: integrates the log in the foreground, without a broker."""

import signal
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ledger.tasks import sequencer


class Command(BaseCommand):
    help = "Integrate the log until interrupted. Several may run; they take turns."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between sweeps; 1 by default")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sequencer.chores.start()
        with suppress(KeyboardInterrupt):  # wherever it stops, it goes on from there
            sequencer.run(options["every"])
