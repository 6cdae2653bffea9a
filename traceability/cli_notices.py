"""`unitproof notices`: what one was told, in order, on from a position. Pure: no Django."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from . import reporting

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]
SHOWN = ("notice", "party", "position", "due")  # of a notice's data, that stand in its line already


def form(added: argparse.ArgumentParser) -> None:
    added.add_argument("--after", type=int, default=0, metavar="POSITION", help="go on behind this one")
    added.add_argument("--seen", action="store_true", help="say that all of these were seen")


def show(args: argparse.Namespace, asking: Asking) -> None:
    """A line for each; the last line is where to go on the next time."""
    last = args.after
    with asking(args) as node:
        for each in node.notices(args.after):
            data = each.get("data") or {}
            last = data.get("position", last)
            print(reporting.plain(_line(each, data)))
        if args.seen and last > args.after:
            node.ask("POST", "/api/v1/notices/seen", json={"upto": last})
    print(f"to go on: --after {last}")


def _line(each: dict[str, Any], data: dict[str, Any]) -> str:
    due = f"  until {str(data['due'])[:16]}" if data.get("due") else ""
    about = "  ".join(f"{name} {value}" for name, value in sorted(data.items()) if name not in SHOWN)
    return f"{data.get('position')}  {str(each.get('timestamp'))[:19]}  {each.get('type')}{due}  {about}".rstrip()
