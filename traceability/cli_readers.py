"""`unitproof readers`: who has looked at one's goods, and the proof of it. Pure: no Django."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import reporting
from .bundle.reading import Reading, ReadingReport, Step, examine_reading
from .policy import Policy

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]


def form(added: argparse.ArgumentParser) -> None:
    added.add_argument("epc", nargs="?", help="Digital Link, URN, or what a scanner reads: who has looked at it")
    added.add_argument("--proof", type=int, metavar="NUMBER", help="of one that was listed: fetch its proof")
    added.add_argument("--out", type=Path, help="file for the proof, *.unitproof")


def show(args: argparse.Namespace, asking: Asking, epc: Callable[[str], str]) -> None:
    """A line for each reading, the latest first; or the proof of one, in a file."""
    with asking(args) as node:
        if args.proof is not None and args.out:
            proof = node.reading(args.proof)
            Reading.parse(proof)  # whatever answered, it was a node
            args.out.write_bytes(proof)
            print(f"{len(proof)} bytes in {args.out}")
            return
        for each in node.readers(epc(args.epc)):
            print(reporting.plain(_line(each)))


def _line(each: dict[str, Any]) -> str:
    who = each.get("reader") or f"somebody, {str(each.get('role')).replace('_', ' ')}"
    why = f"{each.get('purpose')}, answered {each['reason']}" if each.get("reason") else each.get("purpose")
    return f"{each.get('number')}  {str(each.get('at'))[:19]}  {who}  {each.get('what')}  {why}"


# ---- checking -------------------------------------------------------------------------------------------------------


def verify(proof: bytes, policy: Policy, *, as_json: bool) -> int:
    report = examine_reading(proof, policy)
    if as_json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        print("\n".join(map(reporting.plain, _lines(report))))
    return 1 if report.failure else 0


def _lines(report: ReadingReport) -> Iterator[str]:
    yield from reporting.of_steps(((step, report.result(step)) for step in Step), report.failure)
    if told := report.told:
        yield ""
        yield f"{told['subject']}"
        yield f"  {told['reader']} read its {told['what']} at {told['at']}, for {told['purpose']}"
        yield f"  recorded in the interval that was closed at {report.closed}"
    yield from (f"  {'!' if note.amber else '.'} {note.sentence}" for note in report.notes)
    if report.size is not None:
        yield ""
        yield f"as of log size {report.size} of {report.origin}"
        yield from (f"  seen by {name}" for name in report.witnesses)
    yield ""
    yield reporting.WORDS["refused"] if report.failure else "PROVEN: this reading was recorded"
