"""manage.py location: says which party operates a place, from which day to which."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from partners.gs1.errors import Gs1Error
from traceability.admitting import locate
from traceability.cli import day
from traceability.epcis.errors import DocumentError
from traceability.errors import Refusal
from traceability.reporting import refusal


class Command(BaseCommand):
    help = "Let a place be a party's, by the operator's word in the log: what happens there is then that party's act."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--place", required=True, help="GLN-13 of the place")
        parser.add_argument("--gln", required=True, help="GLN-13 of the party that operates it")
        parser.add_argument("--name", required=True, help="what people call the place")
        parser.add_argument("--valid-from", required=True, type=day, metavar="DATE")
        parser.add_argument("--valid-to", type=day, metavar="DATE", help="the first day on which it is no longer so")

    def handle(self, *, gln: str, place: str, name: str, **options: Any) -> None:
        days = {"valid_from": options["valid_from"], "valid_to": options["valid_to"]}
        try:
            locate(gln, place=place, name=name, **days, now=timezone.now())
        except (Refusal, DocumentError, Gs1Error) as problem:
            raise CommandError(refusal(problem)) from problem
        self.stdout.write(f"{name} ({place}) is operated by {gln}")
