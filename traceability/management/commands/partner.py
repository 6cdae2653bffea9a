"""manage.py partner: lets a party take part, and makes the token its systems log in with."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from partners.models import ApiToken, Partner, Role
from traceability import governing
from traceability.admitting import admit
from traceability.errors import Refusal

from .authority import write_secret


class Command(BaseCommand):
    help = "Let a party take part, by the operator's word in the log, and make its API token, which is shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gln", required=True, help="GLN-13 of the organisation")
        parser.add_argument("--name")
        parser.add_argument("--role", choices=Role.values)
        parser.add_argument("--label", default="", help="what the token is for")
        parser.add_argument("--another-token", action="store_true", help="for a partner that exists")
        parser.add_argument("--out", type=Path, help="new file for the token, which only you read; else it is printed")

    def handle(self, *, gln: str, name: str, role: str, another_token: bool, **options: Any) -> None:
        out: Path | None = options["out"]
        with transaction.atomic():  # where the token cannot be written, nobody is let in and nothing was issued
            partner = self.existing(gln) if another_token else self.new(gln, name, role)
            _, token = ApiToken.issue(partner, options["label"], now=timezone.now())
            if out:
                write_secret(out, f"{token}\n".encode())
        if out:
            self.stdout.write(f"{partner}: its token is in {out}, and nowhere else")
        else:
            self.stderr.write(f"{partner}: this token is shown once and kept nowhere")
            self.stdout.write(token)

    def existing(self, gln: str) -> Partner:
        try:
            return Partner.objects.get(gln=gln)
        except Partner.DoesNotExist:
            raise CommandError(f"no partner has the GLN {gln}") from None

    def new(self, gln: str, name: str, role: str) -> Partner:
        if governing.is_governed():
            raise CommandError("governors decide here who takes part: `unitproof propose`, then --another-token")
        try:
            Partner(gln=gln, name=name or "", role=role or "").full_clean()
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{field}: {' '.join(why)}" for field, why in error.message_dict.items())
            ) from error
        try:
            return admit(gln, name=name, role=role, now=timezone.now())
        except Refusal as refusal:
            raise CommandError(f"{refusal.code}: {refusal.detail}") from refusal
