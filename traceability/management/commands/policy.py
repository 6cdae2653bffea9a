"""manage.py policy: whom `unitproof verify` is to believe, for those who believe this node."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from traceability.trust import own_policy


class Command(BaseCommand):
    help = "Print the policy of whoever believes this node: its log, its word, the authorities it takes keys from."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", type=int, metavar="INDEX", help="by the rules in force at this entry of the log")

        told = "its log and witnesses alone, as a c2sp.org/tlog-policy: for `manage.py witness` and `monitor`"
        parser.add_argument("--tlog", action="store_true", help=told)

    def handle(self, *args: Any, at: int | None, tlog: bool, **options: Any) -> None:
        if not (settings.KEYS_DIR / "node.pem").exists():  # else it would be made, and believed by nobody else
            raise CommandError(
                f"this node has no keys in {settings.KEYS_DIR}, and no word to believe: `manage.py keygen` makes them. "
                "The demo's has; DEMO=1 names it"
            )
        policy = own_policy(at)
        self.stdout.write(policy.text if tlog else str(policy), ending="")
