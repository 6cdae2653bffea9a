"""manage.py monitor: watch a log from outside, keep a copy of it, and look after one's own name in it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.errors import NoSuchTile
from ledger.management.policy_file import HELP, read_policy
from ledger.monitor import Copy, Fetch, Monitor
from ledger.tlog.errors import LogError
from traceability.cli import printable, seconds
from traceability.client import Node
from traceability.epcis.errors import DocumentError
from traceability.errors import NodeError
from traceability.reporting import refusal
from traceability.watching import Watcher

Look = Callable[[], list[str]]
"""What is wrong now, each in a line or more."""


class Command(BaseCommand):
    help = "Follow a log, check all of it, keep a copy, and say what is wrong. Needs no database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="prefix of the log, such as https://node.example/log")
        parser.add_argument("--policy", type=Path, required=True, help=HELP)
        parser.add_argument("--copy", type=Path, required=True, metavar="FOLDER", help="where the copy is kept")
        parser.add_argument("--once", action="store_true", help="look once; exit status 1 if anything is wrong")
        parser.add_argument("--every", type=seconds, default=60, metavar="SECONDS", help="between looks; 60 by default")
        parser.add_argument("--stale", type=float, default=7200, metavar="SECONDS", help="without growth; 2 hours")
        own = parser.add_argument_group(
            "one's own name", "entries under it that one did not send, as `unitproof watch`"
        )
        own.add_argument("--kept", type=Path, metavar="FOLDER", help="the folder that --keep names each time")
        own.add_argument("--agent", action="append", default=[], help="GLN of one whose acts for you are expected")
        own.add_argument("--node", metavar="URL", help="base address of the node")
        own.add_argument("--token-file", type=Path, help="file with the API token; else UNITPROOF_TOKEN")

    def handle(self, *args: Any, **options: Any) -> None:
        policy = read_policy(options["policy"])
        if (options["kept"] is None) is not (options["node"] is None):
            raise CommandError("--kept and --node belong together")
        if options["copy"].exists() and not options["copy"].is_dir():
            raise CommandError(f"{options['copy']} is no folder")
        with httpx.Client(base_url=options["url"].rstrip("/") + "/", timeout=10) as http, ExitStack() as stack:
            monitor = Monitor(_fetch(http), policy, Copy(options["copy"]), timedelta(seconds=options["stale"]))
            looks: list[Look] = [lambda: self._log(monitor)]
            if options["kept"]:
                looks.append(stack.enter_context(_own_name(options)))
            stack.enter_context(suppress(KeyboardInterrupt))
            for wrong in self._look(looks, monitor, options["every"], once=options["once"]):
                if wrong and options["once"]:
                    raise CommandError("not all is as it should be", returncode=1)

    def _look(self, looks: list[Look], monitor: Monitor, every: float, *, once: bool) -> Iterator[bool]:
        while True:
            wrong = [line for look in looks for line in look()]
            for line in wrong:
                self.stderr.write(self.style.ERROR(line))
            if not wrong:
                self.stdout.write(f"{timezone.now():%Y-%m-%d %H:%M:%S} all is well: {_size(monitor)} entries checked")
            yield bool(wrong)
            if once:
                return
            time.sleep(every)

    def _log(self, monitor: Monitor) -> list[str]:
        alerts = monitor.look(now=timezone.now(), told=self._progress)
        return [f"{alert.at} {alert.code}: {alert.detail}" for alert in alerts]

    def _progress(self, done: int, size: int) -> None:
        if size - done > 10_000:
            self.stdout.write(f"{done:,} of {size:,} entries")


@contextmanager
def _own_name(options: Mapping[str, Any]) -> Iterator[Look]:
    """Whatever the node has under the token's name that is not among what was kept."""
    kept, token_file = options["kept"], options["token_file"]
    try:
        token = token_file.read_text().strip() if token_file else os.environ.get("UNITPROOF_TOKEN", "")
        kept.stat()
        token = printable(token)
    except (OSError, UnicodeDecodeError, DocumentError) as error:
        raise CommandError(refusal(error)) from error
    with Node(options["node"], token) as node:
        watcher = Watcher(node, kept, frozenset(options["agent"]))

        def look() -> list[str]:
            try:
                return [str(finding) for finding in watcher.look()]
            except (NodeError, DocumentError, LogError, OSError) as error:  # a node that is away is no reason to stop
                return [f"own_name: {error}"]

        yield look


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
