"""manage.py custodial: makes a key that this node holds for a party, and signs with when that party asks for it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.tlog.errors import LogError
from partners.models import Partner
from traceability import custodial
from traceability.statements import b64

from .authority import party


class Command(BaseCommand):
    help = (
        "Make a key that this node holds for a party, sealed in the database, and signs with when one who is signed "
        "in as that party asks for it. Whoever runs the node could sign with it, too: what it signed is shown as "
        "custodial. It speaks once it is registered: `unitproof enrol --new-public`, by an authority or by a key that "
        "the party has."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("gln", type=party, help="GLN-13 of the party")

    def handle(self, *, gln: str, **options: Any) -> None:
        partner = Partner.objects.filter(gln=gln, left__isnull=True).first()
        if partner is None:
            raise CommandError(f"no partner that takes part has the GLN {gln}")
        try:
            made = custodial.make(partner, now=timezone.now())
        except LogError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"held for {partner}; it speaks once it is registered: unitproof enrol --new-public")
        self.stdout.write(f"kid    {b64(bytes(made.kid))}\npublic {b64(bytes(made.public))}")
