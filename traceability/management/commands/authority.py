"""Makes the key pair of an accrediting authority, and has this node trust it."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.tlog.cose import PrivateKey
from partners.gs1.application_identifiers import check
from partners.gs1.errors import Gs1Error
from traceability import authorities
from traceability.statements import b64


class Command(BaseCommand):
    help = "Make an authority's key pair: the secret half into a new file, the public half into AUTHORITIES."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="who it is, for the person who reads this")
        parser.add_argument("--gln", required=True, type=party, help="GLN-13 of the authority")
        parser.add_argument("--out", required=True, type=Path, help="new file for the secret half (PKCS #8, PEM)")

    def handle(self, *, name: str, gln: str, out: Path, **options: Any) -> None:
        key = PrivateKey.generate()
        write_secret(out, key.to_pem())
        known = authorities.load(settings.AUTHORITIES)
        authorities.save(settings.AUTHORITIES, [*known, authorities.Authority(gln, key.public)])
        self.stdout.write(
            f"{name} ({gln}) vouches here by the key {b64(key.public.kid)}, whose secret half {out} holds"
        )


def party(text: str) -> str:
    """A GLN with the check digit that it should have."""
    try:
        check("417", text)
    except Gs1Error as error:
        raise ArgumentTypeError(str(error)) from error
    return text


def write_secret(path: Path, content: bytes) -> None:
    """Into a file that only its owner reads, and never over one that is there."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
