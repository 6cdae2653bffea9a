"""manage.py sequencer: integrates the log in the foreground, without a broker."""

import logging
import signal
from contextlib import suppress
from time import sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from ledger.errors import NotMigrated
from ledger.health import demand_migrated
from ledger.tasks import sequencer

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Integrate the log until interrupted. Several may run; they take turns."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between sweeps; 1 by default")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):  # wherever it stops, it goes on from there
            self._wait_for_database(options["every"])
            sequencer.chores.start()
            sequencer.run(options["every"])

    @staticmethod
    def _wait_for_database(every: float) -> None:
        """Whoever is away comes back; tables do not come by themselves."""
        while True:
            try:
                return demand_migrated()
            except NotMigrated as error:
                raise CommandError(f"{error.code}: {error}") from error
            except OperationalError as error:
                logger.warning("the database is busy or away: %s", error)
                sleep(every)
