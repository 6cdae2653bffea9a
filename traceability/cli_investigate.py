"""`unitproof investigate`: suspect product, on the side of whoever signs each step. Pure: no Django.

open ─> step illegitimate ─> form ─> step notified ─> ... ─> step disposed
  └───> step cleared: lets go          list, show; acknowledge: by a partner who was told
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

from ledger.tlog.cose import PrivateKey

from . import reporting, statements
from .cli_moves import scans_of
from .dscsa.form_3911 import Classification, Mechanism, Report
from .errors import NodeError
from .statements import HoldKind, StatementError
from .statements import InvestigationStep as Step

if TYPE_CHECKING:
    from .client import Node

PATH = "/api/v1/investigations"
JSON, PDF = "application/json", "application/pdf"
TEXTS = ("ingredients", "use", "description", "quantity", "event", "no_longer_needed", "facility", "contact")


class Typed(NamedTuple):
    """What the command has for all its verbs."""

    asking: Callable[[argparse.Namespace], AbstractContextManager["Node"]]
    asked_of: Callable[[argparse.ArgumentParser], None]
    key: Callable[[Path], PrivateKey]
    canonical: Callable[[str], str]
    gtin: Callable[[str], str]
    gln: Callable[[str], str]


def open_(args: argparse.Namespace) -> None:
    """Hold goods as suspect, and begin an investigation of them; its id."""
    case = args.case or str(uuid4())
    goods = [{"epc": args.typed.canonical(scan)} for scan in scans_of(args.scan)]
    if args.gtin:
        goods.append({"gtin": args.gtin, "lot": args.lot, "first": args.first, "last": args.last})
    holds = list(args.hold)
    if not goods and not holds:
        expected = "scans, or --gtin, or --hold"
        raise StatementError("what is suspect?", code="missing_member", where="scan", expected=expected)
    with args.typed.asking(args) as node:
        try:
            for each in goods:
                said = statements.Hold(
                    about=args.gln, hold=HoldKind.SUSPECT, reason=args.reason, **each, **node.said_by(args.gln)
                )
                holds.append(_registered(node, said, args))
            _step(node, args, case, Step.SUSPECT, holds=tuple(sorted(set(holds))))
        except NodeError as error:
            done = " ".join(f"--hold {entry}" for entry in holds)
            raise NodeError(f"{error}\n  held by now: {done}" if done else str(error)) from error
    print(reporting.plain(f"investigation {case}: suspect, held by {len(set(holds))}"))


def step(args: argparse.Namespace) -> None:
    """Take the next step of an investigation of yours. What is cleared is let go with it."""
    with args.typed.asking(args) as node:
        found = _found(node, args.case)
        steps = _list(found, "steps")
        if not found.get("own") or not steps:
            raise NodeError(f"not_found: no investigation of yours\n  where: {args.case}")
        more = {"incident": args.incident, "sample": args.sample, "previous": str(steps[-1].get("entry"))}
        _step(node, args, args.case, args.step, **more)
        if args.step is Step.CLEARED:
            for held in (each for each in _list(found, "what") if not each.get("released")):
                begun = node.said_by(args.gln)
                said = statements.Release(about=args.gln, entry=str(held.get("hold")), reason=args.reason, **begun)
                _registered(node, said, args)
        print(reporting.plain(f"investigation {args.case}: {_found(node, args.case).get('state')}"))


def _step(node: "Node", args: argparse.Namespace, case: str, step: Step, **more: Any) -> None:
    hashes = {sha256(path.read_bytes()).digest() for path in args.evidence}
    said = statements.Investigation(
        about=args.gln, case=case, step=step, person=args.person, place=args.place, reason=args.reason,
        evidence=tuple(sorted(hashes)) or None, **more, **node.said_by(args.gln),
    )  # fmt: skip
    _registered(node, said, args)


def _registered(node: "Node", said: statements.Statement, args: argparse.Namespace) -> str:
    return node.register(said, args.typed.key(args.key), args.keep).entry


def list_(args: argparse.Namespace) -> None:
    """List your investigations, and those that you were told of; the latest first."""
    from .client import read_object

    asked: dict[str, str] | None = None
    with args.typed.asking(args) as node:
        for _ in range(args.pages):
            page = read_object(node.ask("GET", PATH, params=asked))
            for each in _list(page, "investigations"):
                print(reporting.plain(_line(each)))
            if not isinstance(page.get("next"), str):
                return
            asked = {"before": page["next"]}


def show(args: argparse.Namespace) -> None:
    """Show an investigation: what it is about, its steps, who was told, and what may come next."""
    with args.typed.asking(args) as node:
        found = _found(node, args.case)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(map(reporting.plain, _lines(found))))


def acknowledge(args: argparse.Namespace) -> None:
    """Acknowledge that you were told of illegitimate product that you sent or were sent."""
    with args.typed.asking(args) as node:
        node.ask("POST", f"{PATH}/{args.case}/acknowledgement", json={"note": args.note} if args.note else {})
    print(reporting.plain(f"investigation {args.case}: acknowledged"))


def form_(args: argparse.Namespace) -> None:
    """Fetch the data sheet for Form FDA 3911, *.json or *.pdf. It is not sent to FDA: that is yours to do."""
    said = {name: getattr(args, name) for name in TEXTS if getattr(args, name)}
    said |= {"report": args.report} | ({"mechanisms": args.mechanism} if args.mechanism else {})
    said |= {"classification": args.classification} if args.classification else {}
    kind = PDF if args.out.suffix.lower() == ".pdf" else JSON
    with args.typed.asking(args) as node:
        made = node.ask("POST", f"{PATH}/{args.case}/form-3911", json=said, headers={"Accept": kind}).content
    args.out.write_bytes(made)
    print(reporting.plain(f"{len(made)} bytes in {args.out}"))


# ---- for people -----------------------------------------------------------------------------------------------------


def _found(node: "Node", case: str) -> dict[str, Any]:
    from .client import read_object

    return read_object(node.ask("GET", f"{PATH}/{case}"))


def _list(members: dict[str, Any], name: str) -> list[dict[str, Any]]:
    from .client import told_of

    return told_of(members, name)


def _line(found: dict[str, Any]) -> str:
    what = "; ".join(_goods(each) for each in _list(found, "what"))
    whose = "" if found.get("own") else f", by {found.get('party')}"
    return f"{found.get('case')}  {found.get('state')}{whose}: {what}"


def _goods(each: dict[str, Any]) -> str:
    if each.get("epc"):
        return str(each["epc"])
    span = f", {each['first']} to {each['last']}" if each.get("first") else ""
    return f"GTIN {each.get('gtin')}" + (f", lot {each['lot']}" if each.get("lot") else "") + span


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield _line(found)
    for each in _list(found, "steps"):
        yield f"  {each.get('time')}  {each.get('step')}: {each.get('reason')}"
        yield f"    by {each.get('person')}, at {each.get('place')}; entry {each.get('entry')}"
        yield from (f"    evidence {file}" for file in each.get("evidence") or ())
    for each in _list(found, "partners"):
        stands = f"acknowledged {each['acknowledged']}" if each.get("acknowledged") else "not acknowledged"
        yield f"  told {each.get('partner')} at {each.get('told')}: {stands}"
    if may := found.get("may"):
        yield f"  next: {', '.join(map(str, may))}"


# ---- what may be typed ----------------------------------------------------------------------------------------------


def form(added: argparse.ArgumentParser, typed: Typed) -> None:
    """The verbs, and what each takes."""
    what = added.add_subparsers(required=True, metavar="WHAT")

    def verb(name: str, does: Callable[[argparse.Namespace], Any], *, signs: bool = False) -> argparse.ArgumentParser:
        sub = what.add_parser(name, help=does.__doc__, description=does.__doc__)
        sub.set_defaults(verb=does, typed=typed)
        typed.asked_of(sub)
        if signs:
            _signing(sub, typed)
        return sub

    opens = verb("open", open_, signs=True)
    opens.add_argument("scan", nargs="*", help="packs or containers: what a scanner reads, or a file with one a line")
    opens.add_argument("--gtin", type=typed.gtin, help="all of a product, or what of it the following name")
    opens.add_argument("--lot")
    opens.add_argument("--first", metavar="SERIAL", help="first of the serial numbers, with --last")
    opens.add_argument("--last", metavar="SERIAL")
    held = "entry of a hold of yours that quarantines it already; as often as you like"
    opens.add_argument("--hold", action="append", default=[], metavar="HEX", help=held)
    opens.add_argument("--case", type=_case, metavar="ID", help="a UUID; by default a new one")
    steps = verb("step", step, signs=True)
    steps.add_argument("case", type=_case, metavar="ID", help="as `open` printed it")
    steps.add_argument("step", type=_word(Step), help=", ".join(each for each in Step if each is not Step.SUSPECT))
    steps.add_argument("--incident", metavar="NUMBER", help="with notified: as FDA has given it")
    steps.add_argument("--sample", metavar="PLACE", help="with disposed: where the sample is kept")
    verb("list", list_).add_argument("--pages", type=int, default=1, help="of 50; 1 by default")
    shows = verb("show", show)
    shows.add_argument("--json", action="store_true", help="for programs")
    notes = verb("acknowledge", acknowledge)
    notes.add_argument("--note", help="what you say to it")
    sheet = verb("form", form_)
    sheet.add_argument("--out", type=Path, required=True, help="file, *.json or *.pdf")
    sheet.add_argument("--report", type=_word(Report), default=Report.INITIAL, help=f"item 1: {', '.join(Report)}")
    sheet.add_argument("--classification", type=_word(Classification), help=f"item 5: {', '.join(Classification)}")
    mechanisms = ", ".join(Mechanism)
    sheet.add_argument("--mechanism", type=_word(Mechanism), action="append", default=[], help=f"item 19: {mechanisms}")
    for name in TEXTS:
        sheet.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT")
    for sub in (shows, notes, sheet):
        sub.add_argument("case", type=_case, metavar="ID", help="as `open` printed it")


def _signing(sub: argparse.ArgumentParser, typed: Typed) -> None:
    sub.add_argument("--key", type=Path, required=True, help="key that signs")
    sub.add_argument("--gln", required=True, type=typed.gln, help="GLN of whoever signs")
    sub.add_argument("--keep", type=Path, metavar="FOLDER", help="what was signed, in a folder of its own there")
    sub.add_argument("--person", required=True, help="who does it, by name")
    sub.add_argument("--place", required=True, help="where the goods are")
    sub.add_argument("--reason", required=True)
    files = "its hash alone leaves this machine; as often as you like"
    sub.add_argument("--evidence", type=Path, action="append", default=[], metavar="FILE", help=files)


def _word(words: Any) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return words(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"not one of {', '.join(words)}: {text!r}") from error

    return read


def _case(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not the id of an investigation: {text!r}") from error
