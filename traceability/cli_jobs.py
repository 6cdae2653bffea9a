"""`unitproof jobs`: what takes a node longer than an answer may wait. Pure: no Django.

ask ─> wait ─> fetch       list, cancel
"""

import argparse
import json
import mimetypes
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias
from urllib.parse import quote
from uuid import UUID, uuid4

from . import reporting
from .errors import NodeError

if TYPE_CHECKING:
    from .client import Node

PATH = "/api/v1/jobs"
OVER = ("done", "failed")
FORMS = {".csv": "text/csv", ".json": "application/json", ".xml": "application/xml", ".zip": "application/zip"}
SOONEST, LATEST = 0.2, 30.0  # seconds between two looks, whatever Retry-After says


def ask(args: argparse.Namespace) -> None:
    """Ask for a job: `labels`, `serial-report`, `products` or `places` of a file, `serial-numbers` of a block,
    `transaction`, or to `apply` what was shown; its id."""
    request = args.request or str(uuid4())
    parameters = dict(args.set)
    with args.asking(args) as node:
        try:
            job = asked(node, args.kind, request, parameters, _sent(args.file))
        except NodeError as error:
            if 400 <= getattr(error, "status", 0) < 500:  # asking again does not help
                raise
            raise NodeError(f"{error}\n  to ask again: the same with --request {request}") from error
    print(reporting.plain(f"job {job.get('job')}: {_told(job)}"))


Sent: TypeAlias = tuple[str, bytes, str]  # a file: how it is called, what is in it, its media type


def asked(
    node: "Node", kind: str, request: str, parameters: dict[str, Any], file: Sent | None = None
) -> dict[str, Any]:
    """The job, as the node tells it."""
    from .client import read_object

    said: dict[str, Any] = {"kind": kind, "request": request}
    if file is None:
        return read_object(node.ask("POST", PATH, json=said | {"parameters": parameters}))
    data = said | {"parameters": json.dumps(parameters)}
    return read_object(node.ask("POST", PATH, data=data, files={"file": file}))


def _sent(file: Path | None) -> Sent | None:
    if file is None:
        return None
    sent_as = FORMS.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"file{file.suffix}", file.read_bytes(), sent_as


def list_(args: argparse.Namespace) -> None:
    """List your jobs, the latest first."""
    from .client import read_object, told_of

    asked: dict[str, str] | None = None
    with args.asking(args) as node:
        for _ in range(args.pages):
            page = read_object(node.ask("GET", PATH, params=asked))
            for job in told_of(page, "jobs"):
                print(reporting.plain(f"{job.get('job')} {job.get('kind')} {job.get('request')}: {_told(job)}"))
            if not isinstance(page.get("next"), str):
                return
            asked = {"before": page["next"]}


def wait(args: argparse.Namespace) -> int:
    """Wait until a job is done, and fetch its result with --out. Exit status 1 if it has failed: what is wrong is
    told."""
    with args.asking(args) as node:
        job = waited(node, args.job, args.timeout)
        if job.get("state") == "failed":
            _tell_errors(job)
            return 1
        if args.out:
            _fetch(node, args.job, args.out)
    return 0


def waited(node: "Node", job: str, seconds: float, *, to: TextIO | None = None) -> dict[str, Any]:
    """A job that is over. How it stands until then is written on the way, to standard output if not `to` elsewhere."""
    from .client import read_object

    until, said = time.monotonic() + seconds, ""
    while True:
        answer = node.ask("GET", f"{PATH}/{job}")
        found = read_object(answer)
        if (told := _told(found)) != said:
            print(reporting.plain(said := told), flush=True, file=to)
        if found.get("state") in OVER:
            return found
        if time.monotonic() > until:
            raise NodeError(f"job_not_done: not within {seconds:g} seconds\n  where: {job}")
        time.sleep(_pause(answer.headers.get("Retry-After", "")))


def _pause(said: str) -> float:
    with suppress(ValueError):
        return min(max(float(said), SOONEST), LATEST)
    return SOONEST


def fetch(args: argparse.Namespace) -> None:
    """Fetch the result of a job that is done, into a new file."""
    with args.asking(args) as node:
        _fetch(node, args.job, args.out)


def _fetch(node: "Node", job: str, out: Path) -> None:
    content = node.ask("GET", f"{PATH}/{job}/result").content
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    print(reporting.plain(f"{len(content)} bytes in {out}"))


def cancel(args: argparse.Namespace) -> None:
    """Cancel a job that is not done yet."""
    from .client import read_object

    with args.asking(args) as node:
        print(reporting.plain(_told(read_object(node.ask("POST", f"{PATH}/{args.job}/cancel")))))


def _told(job: dict[str, Any]) -> str:
    """How it stands, on one line."""
    state = str(job.get("state"))
    if job.get("code"):
        return f"{state}, {job['code']}: {job.get('detail')}"
    return f"{state}, {job.get('done')} of {job['total']}" if job.get("total") is not None else state


def _tell_errors(job: dict[str, Any]) -> None:
    from .client import told_of

    errors = told_of(job, "errors")
    for each in errors:
        more = [f"{name} {each[name]}" for name in ("expected", "found") if each.get(name)]
        print(
            reporting.plain(f"{each.get('where')}: {each.get('code')}: {'; '.join([str(each.get('detail')), *more])}")
        )
    count = job.get("error_count")
    if isinstance(count, int) and count > len(errors):
        print(f"and {count - len(errors)} more")


# ---- arguments ------------------------------------------------------------------------------------------------------


def form(
    added: argparse.ArgumentParser,
    asked_of: Callable[[argparse.ArgumentParser], None],
    asking: Callable[[argparse.Namespace], AbstractContextManager["Node"]],
) -> None:
    """What may be typed. `asked_of` adds the options that name a node, `asking` opens it."""
    what = added.add_subparsers(required=True, metavar="WHAT")

    def verb(name: str, does: Callable[[argparse.Namespace], Any]) -> argparse.ArgumentParser:
        sub = what.add_parser(name, help=does.__doc__, description=does.__doc__)
        sub.set_defaults(verb=does, asking=asking)
        asked_of(sub)
        return sub

    asks = verb("ask", ask)
    asks.add_argument("kind", help="labels, serial-report, serial-numbers, transaction, products, places or apply")
    asks.add_argument("file", type=Path, nargs="?", help="*.csv, *.json, *.xml or *.zip, where its kind takes one")
    asks.add_argument("--request", metavar="NAME", help="asked by the same name, the same job; else a new name")
    of_kind = "a parameter of its kind, such as stock=50x25, dpi=300, block=ID, complete=1; as often as you like"
    asks.add_argument("--set", action="append", default=[], type=_parameter, metavar="NAME=VALUE", help=of_kind)
    verb("list", list_).add_argument("--pages", type=int, default=1, help="of 50 jobs; 1 by default")
    waits = verb("wait", wait)
    waits.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="600 by default")
    waits.add_argument("--out", type=Path, help="a new file for the result")
    fetches = verb("fetch", fetch)
    fetches.add_argument("--out", type=Path, required=True, help="a new file for the result")
    for sub in (waits, fetches, verb("cancel", cancel)):
        sub.add_argument("job", type=_job, metavar="ID", help="as `ask` printed it")


def _parameter(text: str) -> tuple[str, str | int]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"not NAME=VALUE: {text!r}")
    return name, int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else value


def _job(text: str) -> str:
    try:
        return quote(str(UUID(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not the id of a job: {text!r}") from error
