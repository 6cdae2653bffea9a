"""`unitproof products` and `places`: what files tell, against what a node has, as jobs. Pure, as `cli.py`."""

import argparse
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import cli, cli_jobs, reporting
from .errors import NodeError
from .master_files import PLACES, PRODUCTS

if TYPE_CHECKING:
    from .client import Node  # loaded by whoever asks a node


def products(args: argparse.Namespace) -> int:
    """Show what files would change of what is told of products; with --apply, have that done. Exit status 1 if a line
    is wrong."""
    return _bring(args, "products")


def places(args: argparse.Namespace) -> int:
    """Show what files would change of what is told of places; with --apply, have that done. Exit status 1 if a line is
    wrong."""
    return _bring(args, "places")


def _bring(args: argparse.Namespace, kind: str) -> int:
    from .client import told_of

    with cli._node(args) as node:
        parameters = {"complete": "1" if args.complete else "0"}
        asked = cli_jobs.asked(node, kind, str(uuid4()), parameters, _one(args.files))
        shown = _done(node, asked, args.timeout)
        for line in lines(shown):
            print(reporting.plain(line))
        if args.apply:
            _done(node, cli_jobs.asked(node, "apply", str(uuid4()), {"job": asked.get("job")}), args.timeout)
            print("applied")
    return 1 if told_of(shown, "refused") else 0


def _one(files: Sequence[Path]) -> cli_jobs.Sent:
    """What is sent with a job: one file, or a ZIP of several. What it is, the node sees."""
    if len(files) == 1:
        sent_as = "application/zip" if (data := files[0].read_bytes()).startswith(b"PK") else "text/csv"
        return "file", data, sent_as
    with zipfile.ZipFile(packed := BytesIO(), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, path in enumerate(files):
            archive.writestr(f"{number}.txt", path.read_bytes())
    return "files", packed.getvalue(), "application/zip"


def _done(node: "Node", asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What came of a job; how far it is, is written beside that."""
    from .client import read_object, read_text

    job = cli_jobs.waited(node, read_text(asked, "job"), seconds, to=sys.stderr)
    if job.get("state") == "failed":
        raise NodeError(f"{job.get('code')}: {job.get('detail')}")
    return read_object(node.ask("GET", f"{cli_jobs.PATH}/{job.get('job')}/result"))


def lines(shown: dict[str, Any]) -> Iterator[str]:
    """Differences for people: a line for each thing, below it one for each field."""
    from .client import told_of

    for each in told_of(shown, "differences"):
        line = "in no line" if each.get("line") is None else f"line {each['line']}"
        yield f"{each.get('change'):<8} {each.get('key')}  {line}"
        for field in told_of(each, "changes"):
            old, new = field.get("old") or "-", field.get("new") or "-"
            yield f"         {field.get('field')}: {new if each.get('change') == 'added' else f'{old} -> {new}'}"
    for each in told_of(shown, "refused"):
        yield f"refused  line {each.get('line')}: {each.get('code')} at {each.get('where')}: {cli._said(each)}"
    counts = shown.get("counts")
    if isinstance(counts, dict):
        yield ", ".join(f"{number} {name}" for name, number in counts.items())


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Both, to the parser of `unitproof`."""
    for verb, kind in ((products, PRODUCTS), (places, PLACES)):
        added = command(verb, node=True)
        told = (
            f"CSV, whose first line names its columns: {kind.key}, and any of {', '.join(kind.columns[1:])}; or EPCIS"
        )
        directory = "; or product.txt and package.txt of the FDA" if kind is PRODUCTS else ""
        added.add_argument("files", nargs="+", type=Path, metavar="FILE", help=told + directory)
        added.add_argument("--apply", action="store_true", help="have it done, if nothing has changed in between")
        added.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="of waiting; 600 by default")
        added.add_argument("--complete", action="store_true", help="what you tell of, and no line names, ends today")
