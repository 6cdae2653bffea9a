"""manage.py monitor: watch a log from outside, and keep a copy of it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.errors import NoSuchTile
from ledger.management.policy_file import HELP, read_policy
from ledger.monitor import Copy, Fetch, Monitor


class Command(BaseCommand):
    help = "Follow a log, check all of it, keep a copy, and say what is wrong. Needs no database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="prefix of the log, such as https://node.example/log")
        parser.add_argument("--policy", type=Path, required=True, help=HELP)
        parser.add_argument("--copy", type=Path, required=True, metavar="FOLDER", help="where the copy is kept")
        parser.add_argument("--once", action="store_true", help="look once; exit status 1 if anything is wrong")
        parser.add_argument("--every", type=float, default=60, metavar="SECONDS", help="between looks; 60 by default")
        parser.add_argument("--stale", type=float, default=7200, metavar="SECONDS", help="without growth; 2 hours")

    def handle(self, *args: Any, **options: Any) -> None:
        policy = read_policy(options["policy"])
        with httpx.Client(base_url=options["url"].rstrip("/") + "/", timeout=10) as http, suppress(KeyboardInterrupt):
            monitor = Monitor(_fetch(http), policy, Copy(options["copy"]), timedelta(seconds=options["stale"]))
            for wrong in self._looks(monitor, options["every"], once=options["once"]):
                if wrong and options["once"]:
                    raise CommandError("the log is not as it should be", returncode=1)

    def _looks(self, monitor: Monitor, every: float, *, once: bool) -> Iterator[bool]:
        while True:
            alerts = monitor.look(now=timezone.now(), told=self._progress)
            for alert in alerts:
                self.stderr.write(self.style.ERROR(f"{alert.at} {alert.code}: {alert.detail}"))
            if not alerts:
                self.stdout.write(f"{timezone.now():%Y-%m-%d %H:%M:%S} all is well: {_size(monitor)} entries checked")
            yield bool(alerts)
            if once:
                return
            time.sleep(every)

    def _progress(self, done: int, size: int) -> None:
        if size - done > 10_000:
            self.stdout.write(f"{done:,} of {size:,} entries")


def _size(monitor: Monitor) -> str:
    return (monitor.copy.last() or "\n0\n").split("\n")[1]


def _fetch(http: httpx.Client) -> Fetch:
    def fetch(path: str) -> bytes:
        try:
            answer = http.get(path)
        except httpx.HTTPError as error:
            raise NoSuchTile(str(error), code="unreachable", where=path) from error
        if answer.status_code != 200:
            raise NoSuchTile("not handed out", where=path, found=f"status {answer.status_code}")
        return answer.content

    return fetch
