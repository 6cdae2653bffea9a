"""manage.py governor: who may change the rules of this node, and how many of them it takes."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.tlog.cose import PrivateKey
from traceability.authorities import Authority, Governors
from traceability.statements import StatementError

from .authority import party, write_secret


class Command(BaseCommand):
    help = "Make a governor's key pair: the secret half into a new file, the public half into GOVERNORS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gln", required=True, type=party, help="GLN-13 of the governor")
        parser.add_argument("--out", required=True, type=Path, help="new file for the secret half (PKCS #8, PEM)")
        parser.add_argument("--quorum", type=int, help="how many governors a change takes; the majority by default")

    def handle(self, *, gln: str, out: Path, quorum: int | None, **options: Any) -> None:
        before = Governors.load(settings.GOVERNORS)
        key = PrivateKey.generate()
        keys = (*(before.keys if before else ()), Authority(gln, key.public))
        majority = len({each.gln for each in keys}) // 2 + 1
        try:
            governors = Governors(quorum or majority, keys)
        except StatementError as error:
            raise CommandError(str(error)) from error
        write_secret(out, key.to_pem())
        settings.GOVERNORS.parent.mkdir(parents=True, exist_ok=True)
        settings.GOVERNORS.write_text(json.dumps(governors.as_json(), indent=2) + "\n")
        self.stdout.write(f"{governors.quorum} of {len(keys)} governors change the rules here; {out} holds this key")
