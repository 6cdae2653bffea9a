"""Tell the whole story on a fresh database, serve it, and print what to try."""

import json
import shutil
import signal
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from ledger import keys
from traceability.demo import running
from traceability.demo.server import is_taken, serving, verified_offline
from traceability.demo.story import Story


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="stop after the story; its summary as JSON")
        parser.add_argument("--port", type=port_number, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        begin_anew(options["port"], serve=not options["no_serve"])
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server goes, however this ends
        signal.signal(signal.SIGHUP, signal.default_int_handler)
        try:
            self.tell(Console(highlight=False), options["port"], serve=not options["no_serve"])
        except KeyboardInterrupt:
            raise CommandError("stopped before the end of the story") from None

    def tell(self, console: Console, port: int, *, serve: bool) -> None:
        with serving(port if serve else 0) as (server, address):
            story = Story(address, settings.VAR_DIR, lambda step: console.print(f"[dim]•[/] {step}", soft_wrap=True))
            story.people()
            summary = story.tell() | {"verified_offline": verified_offline(settings.VAR_DIR), "packs": story.packs}
            for line in shelf(story.packs):
                console.print(line, soft_wrap=True)  # what is printed on a pack is there to be copied: never broken
            if not serve:
                self.stdout.write(json.dumps(summary))
                return
            there = (
                f"Open [bold]{address}[/] to scan, [bold]{address}/demo[/] for symbols; and looking as one of them, "
                f"[bold]{address}/desk[/] to pack, ship, receive and dispense."
            )
            console.print(f"\n{there} Ctrl+C stops it.", soft_wrap=True)
            with suppress(KeyboardInterrupt):
                server.wait()


def begin_anew(port: int, *, serve: bool) -> None:
    """Throw away the last story, and nothing else."""
    if not settings.DEMO or "sqlite" not in settings.DATABASES["default"]["ENGINE"]:
        raise CommandError("the story begins by throwing all data away: it needs DEMO=1, and no DATABASE_URL")
    folder: Path = settings.VAR_DIR
    told_here = folder == settings.BASE_DIR / "var" / "demo" or (folder / "parties").exists()
    if not told_here and any(folder.iterdir()):
        raise CommandError(f"{folder} holds something else than a story: it is not thrown away")
    if serve and is_taken(port):
        raise CommandError(f"port {port} is taken: stop what is there, or make demo ARGS='--port 8123'")
    held = claimed(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    call_command("migrate", verbosity=0)
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    running.relax(held)


def claimed(folder: Path) -> int:
    try:
        return running.claim(folder)
    except BlockingIOError:
        raise CommandError(
            f"a demonstration is running on {folder}, and would lose all it has: stop it (Ctrl+C where it runs) first, "
            "or give this one a folder of its own, with VAR_DIR"
        ) from None


def port_number(text: str) -> int:
    """A TCP port; 0 is any free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"{text} is no port: 0 to 65535")
    return int(text)


COLOURS = {"verified": "green", "caution": "yellow", "refused": "red", "unknown": "cyan"}


def shelf(packs: list[dict[str, str]]) -> Iterator[str]:
    """The packs of the story: what is printed on them, and what the node says of each."""
    yield "\n[bold]Packs to scan[/]"
    for pack in packs:
        yield f"\n{pack['title']}: [{COLOURS[pack['expected']]}]{pack['expected']}[/]. {pack['sentence']}"
        yield f"  [bold]{pack['scan']}[/]"
