"""`unitproof recall` and `recalls`: call goods back, answer, report; and how the report is checked. Pure: no Django."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zipfile import BadZipFile, ZipFile

from . import cli_jobs, reporting, statements
from .bundle.recalled import Recalled, RecalledReport, Step, examine_recalled
from .errors import NodeError
from .left_out import begun_in
from .policy import Policy

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]
Saying = Callable[["Node", statements.Registration], str]
"""Signs and hands in a statement; its entry."""

PATH = "/api/v1/recalls"
NUMBERS = ("quarantined", "returned", "destroyed", "missing")
JOB_PATIENCE = 600.0  # seconds


# ---- saying ---------------------------------------------------------------------------------------------------------


def say(args: argparse.Namespace, asking: Asking, saying: Saying) -> None:
    """Begin, answer or close a recall, with one's own key."""
    with asking(args) as node:
        if args.what == "begin":
            _begin(args, node, saying)
        elif args.what == "answer":
            said = statements.RecallAnswer(
                about=args.gln, entry=args.entry, **{name: getattr(args, name) for name in NUMBERS},
                **node.said_by(args.gln),
            )  # fmt: skip
            print(f"answered as entry {saying(node, said)}")
        else:
            digest = hashlib.sha256(args.report.read_bytes()).digest()
            closing = statements.RecallClosing(
                about=args.gln, entry=args.entry, report=digest, **node.said_by(args.gln)
            )
            print(f"closed as entry {saying(node, closing)}")


def _begin(args: argparse.Namespace, node: "Node", saying: Saying) -> None:
    holds = list(args.hold)
    if args.gtin:
        held = statements.Hold(
            about=args.gln, hold=statements.HoldKind.RECALL, reason=args.reason, gtin=args.gtin, lot=args.lot,
            first=args.first, last=args.last, **node.said_by(args.gln),
        )  # fmt: skip
        holds.append(saying(node, held))
        print(f"held as entry {holds[-1]}")
    said = statements.Recall(
        about=args.gln,
        holds=tuple(sorted(set(holds))),
        classification=args.classification,
        depth=args.depth,
        reason=args.reason,
        contact=args.contact,
        answer_by=args.answer_by,
        **node.said_by(args.gln),
    )
    print(f"recalled as entry {saying(node, said)}")


def form(added: argparse.ArgumentParser, gtin: Callable[[str], str], entry: Callable[[str], str],
         day: Callable[[str], datetime]) -> None:  # fmt: skip
    what = added.add_subparsers(required=True, metavar="WHAT", dest="what")
    begins = what.add_parser("begin", help="hold and call back a product, a lot or serial numbers")
    begins.add_argument("--gtin", type=gtin, help="GTIN-14 of what is recalled: it is held first")
    begins.add_argument("--lot")
    begins.add_argument("--first", metavar="SERIAL")
    begins.add_argument("--last", metavar="SERIAL")
    more = "entry of a hold of kind recall that is there already; as often as you like"
    begins.add_argument("--hold", action="append", default=[], type=entry, metavar="ENTRY", help=more)
    begins.add_argument("--classification", type=statements.RecallClass, required=True, help="I, II or III")
    begins.add_argument("--depth", type=statements.RecallDepth, required=True, help="wholesale, retail or consumer")
    begins.add_argument("--reason", required=True)
    begins.add_argument("--contact", required=True, help="whom holders ask")
    begins.add_argument("--answer-by", type=day, required=True, metavar="DATE", help="until when holders answer")
    answers = what.add_parser("answer", help="say that it was read; with numbers, what was found")
    for name in NUMBERS:
        answers.add_argument(f"--{name}", type=int, metavar="UNITS")
    closes = what.add_parser("close", help="it is over, by a report that `recalls --report` fetched")
    closes.add_argument("--report", type=Path, required=True, metavar="FILE")
    for sub in (answers, closes):
        sub.add_argument("entry", type=entry, help="of the recall, 64 hexadecimal digits")


# ---- looking --------------------------------------------------------------------------------------------------------


def looking_form(added: argparse.ArgumentParser, entry: Callable[[str], str]) -> None:
    added.add_argument("entry", nargs="?", type=entry, help="of one recall: how it stands; else all are listed")
    added.add_argument("--report", type=Path, metavar="FILE", help="a new file for its report, signed by the node")
    added.add_argument("--units", type=Path, metavar="FILE", help="a new file for the list of its units, *.csv")
    added.add_argument("--holders", type=Path, metavar="FILE", help="a new file for who was told, *.csv")


def look(args: argparse.Namespace, asking: Asking) -> None:
    """All recalls, a line each; or one, with its files."""
    from .client import read_object, told_of

    with asking(args) as node:
        if args.entry is None:
            page = read_object(node.ask("GET", PATH))
            for each in told_of(page, "recalls"):
                print(reporting.plain(_line(each)))
            return
        found = read_object(node.ask("GET", f"{PATH}/{args.entry}"))
        print("\n".join(map(reporting.plain, _shown(found))))
        streamed = {name: out for name in ("units", "holders") if (out := getattr(args, name))}
        if args.report:
            report, units = _report(node, args.entry)
            _save(args.report, [report])
            if out := streamed.pop("units", None):  # the very one that the report counts
                _save(out, [units])
        for name, out in streamed.items():
            with node.http.stream("GET", f"{PATH}/{args.entry}/{name}") as answer:
                answer.raise_for_status()
                _save(out, answer.iter_bytes())


def _report(node: "Node", entry: str) -> tuple[bytes, bytes]:
    """The report, and the list of units that it counts."""
    from .client import read_text

    job = read_text(cli_jobs.asked(node, "recall-report", str(uuid4()), {"recall": entry}), "job")
    done = cli_jobs.waited(node, job, JOB_PATIENCE, to=sys.stderr)
    if done.get("state") == "failed":
        raise NodeError(f"{done.get('code')}: {done.get('detail')}")
    made = node.ask("GET", f"{cli_jobs.PATH}/{job}/result").content
    try:
        with ZipFile(BytesIO(made)) as file:
            report, units = file.read("report.unitproof"), file.read("units.csv")
    except (BadZipFile, KeyError) as error:
        raise NodeError(f"bad_answer: not what a node answers\n  where: {job}\n  expected: a report") from error
    Recalled.parse(report)  # whatever answered, it was a node
    return report, units


def _save(out: Path, pieces: Iterable[bytes]) -> None:
    size = 0
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in pieces:
            size += file.write(piece)
    print(f"{size} bytes in {out}")


def _line(each: dict[str, Any]) -> str:
    state = (
        f"closed {str(each['closed'])[:10]}" if each.get("closed") else f"answer by {str(each.get('answer_by'))[:10]}"
    )
    what = " ".join(_scope(scope) for scope in each.get("scopes", []))
    why = f"class {each.get('classification')}  {state}  {each.get('by')}  {what}: {each.get('reason')}"
    return f"{each.get('entry')}  {why}"


def _scope(scope: dict[str, Any]) -> str:
    span = f"{scope['first']} to {scope['last']}" if scope.get("first") else ""
    return " ".join(filter(None, (str(scope.get("gtin")), scope.get("lot") and f"lot {scope['lot']}", span)))


def _shown(found: dict[str, Any]) -> Iterator[str]:
    yield _line(found)
    yield f"  ask {found.get('contact')}"
    if found.get("made") is not None:
        yield f"  {found['made']} units"
    for row in found.get("at", []):
        to = f" to {row['consignee']}" if row.get("consignee") else ""
        yield f"  {row.get('units'):>9}  {row.get('status') or 'unknown'}  {row.get('possessor') or ''}{to}"
    if sums := found.get("found"):
        yield "  found: " + ", ".join(f"{sums.get(name)} {name}" for name in (*NUMBERS, "unaccounted"))
    for each in found.get("told", []):
        yield f"  told {each.get('party')}, {each.get('units')} units: {_answered(each.get('answered'))}"


def _answered(answered: Any) -> str:
    if not isinstance(answered, dict):
        return "NO ANSWER"
    if not answered.get("counted"):
        return "has read it"
    return ", ".join(f"{answered.get(name)} {name}" for name in NUMBERS)


# ---- checking -------------------------------------------------------------------------------------------------------


def verify(report: bytes, policy: Policy, units: Path | None, archive: Path | None, *, as_json: bool) -> int:
    """Every step of it; those on a list and an archive only where they are there."""
    if archive is not None and units is None:
        detail, expected = "an archive is compared with the list of units", "--units FILE"
        raise statements.StatementError(detail, code="nothing_to_compare", where="--archive", expected=expected)
    begun = begun_in(archive, policy) if archive else None
    if units is None:
        found = examine_recalled(report, policy)
    else:
        with units.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            found = examine_recalled(report, policy, lines, begun)
    if as_json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        print("\n".join(map(reporting.plain, _lines(found))))
    return 1 if found.failure else 0


def _lines(found: RecalledReport) -> Iterator[str]:
    yield from reporting.of_steps(((step, found.result(step)) for step in Step), found.failure)
    if found.recall:
        said = found.recall
        yield ""
        yield f"class {said.classification} recall by {said.about}, to {said.depth}: {said.reason}"
        yield from (f"  {_held(hold)}" for hold in found.holds)
        yield f"  {'closed' if found.closing else 'open'}; holders answer until {said.answer_by:%Y-%m-%d %H:%M} UTC"
    if found.status:
        yield f"  {found.status.units[0]} units, {found.status.time:%Y-%m-%d %H:%M:%S} UTC"
        for status, possessor, consignee, units in found.status.at:
            yield f"  {units:>9}  {status or 'unknown'}  {possessor or ''}{f' to {consignee}' if consignee else ''}"
    for answer in found.answers:
        numbers = zip(answer.found, NUMBERS, strict=True)
        yield f"  {answer.about}: {', '.join(f'{n} {name}' for n, name in numbers if n is not None) or 'has read it'}"
    yield from (f"  {'!' if note.amber else '.'} {note.sentence}" for note in found.notes)
    if found.size is not None:
        yield ""
        yield f"as of log size {found.size} of {found.origin}"
        yield from (f"  seen by {name}" for name in found.witnesses)
    yield ""
    yield _verdict(found)


def _held(hold: statements.Hold) -> str:
    return _scope({name: getattr(hold, name) for name in ("gtin", "lot", "first", "last")})


def _verdict(found: RecalledReport) -> str:
    if found.failure:
        return reporting.WORDS["refused"]
    if found.archived:
        return f"PROVEN: the list is the one that was signed, and nothing that {found.archived} has begun is left out"
    if found.listed:
        return "PROVEN: the list of units is the one that was signed. With --archive FILE, a party's own is looked for"
    return "PROVEN: the recall stands so, by the node's word. With --units FILE, the list of units is compared"
