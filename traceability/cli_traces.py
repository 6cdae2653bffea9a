"""`unitproof trace`: where goods have been, asked of partners and answered; and how an answer is checked. Pure.

ask ─> list ─> look ─> answer ─> fetch       then `unitproof verify`, with the node off
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.tlog.cose import PrivateKey

from . import cli_jobs, reporting, statements
from .bundle.trace import Package, Step, Told, Trace, TraceReport, examine_trace, owners
from .bundle.trace import Path as Way
from .errors import NodeError
from .policy import Policy
from .statements import StatementError, TraceAnswer, TraceReason, TraceRequest, TraceWanted, b64, name_order

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]
PATH = "/api/v1/traces"
JOB_SECONDS = 600.0  # that drawing up many units may take
COSE = "application/cose"


def ask(args: argparse.Namespace) -> None:
    """Ask a trading partner what it knows of a lot, or of serial numbers: it has a clock until it answers."""
    from .client import read_object

    members = {name: getattr(args, name) for name in ("name", "circumstances", "incident", "case", "lot")}
    with args.asking(args) as node:
        said = TraceRequest(
            about=args.gln, to=args.to, investigation=args.investigation, wants=args.wants, reason=args.reason,
            contact=args.contact, gtin=args.gtin, serials=tuple(sorted(set(args.serial), key=name_order)) or None,
            test=args.test or None, **members, **node.said_by(args.gln),
        )  # fmt: skip
        told = read_object(node.ask("POST", PATH, content=_signed(said, args.key), headers={"Content-Type": COSE}))
    print(reporting.plain(f"asked as {told.get('entry')}{_until(told)}"))


def _signed(said: statements.Statement, path: Path) -> bytes:
    return statements.sign(said, PrivateKey.from_pem(path.read_bytes()))


def _until(told: dict[str, Any]) -> str:
    if told.get("test"):
        return ": TEST, a drill without a clock"
    return f": to be answered by {str(told.get('due'))[:16]}"


def list_(args: argparse.Namespace) -> None:
    """List what you have asked for, and what you are asked for, the latest first."""
    from .client import read_object, told_of

    before: dict[str, str] | None = None
    with args.asking(args) as node:
        while True:
            page = read_object(node.ask("GET", PATH, params=before))
            for each in told_of(page, "traces"):
                print(reporting.plain(_line(each)))
            if not isinstance(page.get("next"), str):
                return
            before = {"before": page["next"]}


def _line(each: dict[str, Any]) -> str:
    mark = "TEST " if each.get("test") else ""
    who = f"to {each.get('to')}" if each.get("side") == "requester" else f"from {each.get('requester')}"
    what = " ".join(
        filter(None, (each.get("gtin"), each.get("lot") and f"lot {each['lot']}", *(each.get("serials") or ())))
    )
    stands = (
        f"answered {str(each['answered'])[:16]}, knows {each.get('knows')}"
        if each.get("answered")
        else "open" + _until(each)
    )
    return f"{each.get('entry')}  {mark}{who}  {each.get('investigation')}  {what}  {each.get('reason')}  {stands}"


def look(args: argparse.Namespace) -> None:
    """Have the answer to a trace drawn up, and see what it would tell. Nothing is signed."""
    with args.asking(args) as node:
        package = _drawn(node, args.entry)
    if args.out:
        args.out.write_bytes(package)
    print("\n".join(map(reporting.plain, _told(Package.parse(package).told))))


def answer(args: argparse.Namespace) -> None:
    """Have the answer to a trace drawn up, and sign it: whoever asked may read it from then on."""
    from .client import read_object, read_text

    with args.asking(args) as node:
        package = _drawn(node, args.entry)
        told = Package.parse(package).told
        if (told.request, told.party) != (args.entry, args.gln):
            raise StatementError(
                "drawn up for another trace", code="another_trace", where=args.entry, found=told.request
            )
        requester = read_text(read_object(node.ask("GET", f"{PATH}/{args.entry}")), "requester")
        said = TraceAnswer(
            about=args.gln, to=requester, request=args.entry, package=sha256(package).digest(), knows=told.knows,
            test=told.test or None, **node.said_by(args.gln),
        )  # fmt: skip
        envelope = _signed(said, args.key)
        node.ask("POST", f"{PATH}/{args.entry}/answer", content=envelope, headers={"Content-Type": COSE})
    print("\n".join(map(reporting.plain, _told(told))))
    print(f"answered: package {b64(said.package)}")


def _drawn(node: "Node", entry: str) -> bytes:
    from .client import read_object, read_text

    answered = node.ask("POST", f"{PATH}/{entry}/package")
    if answered.status_code == 202:
        job = read_object(answered)
        over = cli_jobs.waited(node, read_text(job, "job"), JOB_SECONDS, to=sys.stderr)
        if over.get("state") != "done":
            raise NodeError(f"{over.get('code')}: {over.get('detail')}")
    return node.ask("GET", f"{PATH}/{entry}/package").content


def fetch(args: argparse.Namespace) -> None:
    """Fetch request, answer and all proofs, once they are in the log: a file for `unitproof verify`."""
    with args.asking(args) as node:
        data = node.traced(args.entry)
    Trace.parse(data)  # whatever answered, it was a node
    args.out.write_bytes(data)
    print(f"{len(data)} bytes in {args.out}")


def form(
    added: argparse.ArgumentParser, asked_of: Callable[[argparse.ArgumentParser], None], asking: Asking,
    gln: Callable[[str], str], gtin: Callable[[str], str], entry: Callable[[str], str],
) -> None:  # fmt: skip
    commands = added.add_subparsers(required=True, metavar="WHAT")

    def command(
        verb: Callable[[argparse.Namespace], Any], name: str = "", *, signs: bool = False
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(name or verb.__name__, help=verb.__doc__, description=verb.__doc__)
        one.set_defaults(verb=verb, asking=asking)
        asked_of(one)
        if signs:
            one.add_argument("--key", type=Path, required=True, help="key that signs it")
            one.add_argument("--gln", required=True, type=gln, help="GLN of whoever signs it")
        return one

    asks = command(ask, signs=True)
    asks.add_argument("--to", required=True, type=gln, help="GLN of whoever is asked")
    asks.add_argument("--gtin", required=True, type=gtin, help="of the product")
    asks.add_argument("--lot", help="a lot of it; or serial numbers, or those in the lot")
    asks.add_argument("--serial", action="append", default=[], help="as often as you like")
    asks.add_argument("--investigation", required=True, metavar="NUMBER", help="as you write it")
    asks.add_argument("--wants", type=TraceWanted, default=TraceWanted.ALL_KNOWN_OWNERS, help=", ".join(TraceWanted))
    asks.add_argument("--reason", type=TraceReason, required=True, help=", ".join(TraceReason))
    asks.add_argument("--contact", required=True, help="how to reach you")
    asks.add_argument("--name", help="yours, or the department's")
    asks.add_argument("--circumstances", help="what has happened")
    asks.add_argument("--incident", metavar="NUMBER", help="that the FDA has given to a Form 3911")
    asks.add_argument("--case", metavar="NUMBER", help="of a regulator's case that this belongs to")
    asks.add_argument("--test", action="store_true", help="a drill: marked everywhere, and no clock runs")
    command(list_, "list")
    for verb, signs in ((look, False), (answer, True), (fetch, False)):
        one = command(verb, signs=signs)
        one.add_argument("entry", type=entry, metavar="HEX", help="the trace, as `ask` or `list` printed it")
        if verb is not answer:
            one.add_argument("--out", type=Path, required=verb is fetch, help="file for it")


# ---- checking -------------------------------------------------------------------------------------------------------


def verify(data: bytes, policy: Policy, *, as_json: bool) -> int:
    report = examine_trace(data, policy)
    if as_json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        print("\n".join(map(reporting.plain, _lines(report))))
    return 1 if report.failure else 0


def _lines(report: TraceReport) -> Iterator[str]:
    yield from reporting.of_steps(((step, report.result(step)) for step in Step), report.failure)
    if (asked := report.request) and (said := report.answer):
        of = " ".join(filter(None, (asked.gtin, asked.lot and f"lot {asked.lot}", *(asked.serials or ()))))
        yield ""
        yield f"{'TEST, a drill: ' if asked.test else ''}investigation {asked.investigation}, {asked.reason}: {of}"
        yield f"  asked by {asked.about}, who dates it {_time(asked.time)}"
        yield f"  answered by {said.about}, who dates it {_time(said.time)}"
    if report.told:
        yield ""
        yield from _told(report.told)
    yield from (f"  {'!' if note.amber else '.'} {note.sentence}" for note in report.notes)
    if report.size is not None:
        yield ""
        yield f"as of log size {report.size} of {report.origin}"
        yield from (f"  seen by {name}" for name in report.witnesses)
    yield ""
    yield _verdict(report)


def _verdict(report: TraceReport) -> str:
    cautious = any(note.amber for note in report.notes)
    return reporting.WORDS["refused" if report.failure else "caution" if cautious else "verified"]


def _told(told: Told) -> Iterator[str]:
    """What is told, for people."""
    mark = "TEST, a drill. " if told.test else ""
    yield f"{mark}{told.party} knows {told.knows} of it: {told.units} units, {told.proven} proven each by itself"
    for path in told.paths:
        yield f"  {_units(path)}{f', now {path.status}' if path.status else ', passed on'}"
        for gln, since in owners(path.changes):
            yield f"    {gln} {told.parties.get(gln, '')}  since {_time(since)}"
    if told.unknown:
        yield f"  no part in, as far as it knows: {' '.join(told.unknown)}"


def _units(path: Way) -> str:
    shown = " ".join(path.serials[:5])
    more = f" and {len(path.serials) - 5} more" if len(path.serials) > 5 else ""
    return f"{shown}{more}, lot {path.lot}, expiry {path.expiry}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
