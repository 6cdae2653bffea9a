"""manage.py policy: whom `unitproof verify` is to believe, for those who believe this node."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from traceability.trust import own_policy


class Command(BaseCommand):
    help = "Print the policy of whoever believes this node: its log, its word, the authorities it takes keys from."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", type=int, metavar="INDEX", help="by the rules in force at this entry of the log")

    def handle(self, *args: Any, at: int | None, **options: Any) -> None:
        if not (settings.KEYS_DIR / "node.pem").exists():  # else it would be made, and believed by nobody else
            raise CommandError(
                f"this node has no keys in {settings.KEYS_DIR}, and no word to believe: `manage.py keygen` makes them. "
                "The demo's has; DEMO=1 names it"
            )
        self.stdout.write(str(own_policy(at)), ending="")
