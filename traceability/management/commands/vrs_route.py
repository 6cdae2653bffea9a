"""manage.py vrs_route: who answers verification requests about which product, and when."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from partners.gs1.errors import Gs1Error
from traceability.cli import day
from traceability.errors import Refusal
from traceability.models import VrsRoute
from traceability.reporting import refusal
from traceability.routes import end_route, set_route


class Command(BaseCommand):
    help = "Say whom to ask about products that nobody on this node may issue (GS1's verification messages)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        setting = verbs.add_parser("set", help="from a day on, this responder answers at this address")
        setting.add_argument("digits", help="a GTIN-14, or a company prefix")
        setting.add_argument("url", help="https://..., to which `/verify/gtin/...` is added")
        setting.add_argument("--gln", required=True, help="GLN-13 of the responder: another one's answer is refused")
        setting.add_argument("--valid-from", type=day, metavar="DATE", help="now, by default")
        setting.add_argument("--valid-to", type=day, metavar="DATE", help="the first day on which it no longer answers")
        ending = verbs.add_parser("end", help="nobody is asked by these digits any more")
        ending.add_argument("digits")
        ending.add_argument("--at", type=day, metavar="DATE", help="now, by default")
        verbs.add_parser("list", help="every route, one a line")

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            for route in getattr(self, f"_{verb}")(**options):
                until = route.valid_to.isoformat() if route.valid_to else "further notice"
                lasts = f"from {route.valid_from.isoformat()} until {until}"
                self.stdout.write(f"{route.digits}\t{route.responder}\t{route.url}\t{lasts}")
        except (Refusal, Gs1Error) as problem:
            raise CommandError(refusal(problem)) from problem

    def _set(self, *, digits: str, url: str, gln: str, **days: Any) -> list[VrsRoute]:
        begins = days["valid_from"] or timezone.now()
        return [set_route(digits, gln, url, valid_from=begins, valid_to=days["valid_to"])]

    def _end(self, *, digits: str, **days: Any) -> list[VrsRoute]:
        at = days["at"] or timezone.now()
        end_route(digits, at=at)
        return list(VrsRoute.objects.filter(digits=digits))

    def _list(self, **_: Any) -> list[VrsRoute]:
        return list(VrsRoute.objects.all())
