"""manage.py keygen: the node's keys, made where there are none."""

from base64 import urlsafe_b64encode
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import keys

KEYS = ("log", "witness", "node", "custody")


class Command(BaseCommand):
    help = "Make the node's keys in KEYS_DIR, unless they are there, and print the public halves."

    def add_arguments(self, parser: CommandParser) -> None:
        told = "which to make, where each is in a folder that another process reads; by default all"
        parser.add_argument("keys", nargs="*", metavar="|".join(KEYS), help=told)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["keys"] or KEYS
        if unknown := set(wanted) - set(KEYS):
            raise CommandError(f"no such key: {', '.join(sorted(unknown))}")
        for name in wanted:
            self.stdout.write(getattr(self, f"make_{name}")())

    def make_log(self) -> str:
        keys.make_log(settings.KEYS_DIR, settings.LOG_ORIGIN)
        return f"log   {keys.local_signer().verifier}"

    def make_witness(self) -> str:
        keys.make_witness(settings.KEYS_DIR, settings.WITNESS_NAME)
        return f"witness  {keys.cosigner().verifier}"

    def make_node(self) -> str:
        keys.make_node(settings.KEYS_DIR)
        node = keys.node_key().public
        return f"node  kid {_text(node.kid)}  public {_text(node.raw)}"

    def make_custody(self) -> str:
        keys.make_custody(settings.KEYS_DIR)
        return "custody  seals the keys that parties leave with this node"


def _text(value: bytes) -> str:
    """FORMATS section 1: base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()
