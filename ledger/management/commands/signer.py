"""manage.py signer: the log's key in a process of its own."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ledger import keys
from ledger.signing_process import SigningServer


class Command(BaseCommand):
    help = "Sign the log's checkpoints for a node that has SIGNER_SOCKET set to this path. Needs no database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("socket", type=Path, help="the Unix socket to listen on; whoever may open it may ask")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signer = keys.local_signer()
        with SigningServer(options["socket"], signer) as server, suppress(KeyboardInterrupt):
            self.stdout.write(f"signs {signer.verifier.name} at {options['socket']}")
            self.stdout.flush()
            server.serve_forever()
