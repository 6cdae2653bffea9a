"""`unitproof check-returns`: which of the packs that came back may be sold on. Pure: no Django."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from . import reporting
from .cli_moves import scans_of

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]


def form(added: argparse.ArgumentParser) -> None:
    scans = "what a scanner reads; or a file with a scan on each line; - for the same from standard input"
    added.add_argument("scan", nargs="+", help=scans)


def check(args: argparse.Namespace, asking: Asking) -> int:
    """A line for each; exit status 1 if any may not be sold on."""
    kept = 0
    with asking(args) as node:
        for scan in scans_of(args.scan):
            found = node.check_return(scan)
            kept += not found.get("saleable")
            print(reporting.plain(_line(scan, found)))
    return 1 if kept else 0


def _line(scan: str, found: dict[str, Any]) -> str:
    told = "saleable" if found.get("saleable") else "KEEP APART"
    sale = found.get("sale")
    sold = f"; sold to {sale.get('to')} on {str(sale.get('time'))[:10]}" if isinstance(sale, dict) else ""
    return f"{told}  {scan}  {found.get('reason')}: {found.get('sentence')}{sold}"
