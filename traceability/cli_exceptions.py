"""`unitproof exceptions`: what is wrong with a shipment, and how partners settle it. Pure: no Django.

detect ─> drafts ─> send ─> list, show ─> send: a response, a follow-up, a report that all is resolved      scorecards
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ledger.tlog.cose import PrivateKey

from . import reporting
from .cli_moves import scans_of
from .dscsa.pdg import FollowUp, Message, Report, Response
from .errors import NodeError
from .statements import ExceptionMessage, MessageKind, b64, sign

if TYPE_CHECKING:
    from .client import Node

PARSE: dict[MessageKind, Callable[[bytes], Message]] = {
    MessageKind.REPORT: Report.parse,
    MessageKind.RESPONSE: Response.parse,
    MessageKind.FOLLOW_UP: FollowUp.parse,
}


def detect(args: argparse.Namespace) -> int:
    """Compare what came with what was shipped: what is wrong, each a report that could be sent. Exit status 1 if
    anything is."""
    seen: dict[str, Any] = {"scans": list(scans_of(args.scan)), "email": args.email}
    seen |= {"damaged": list(scans_of(args.damaged))} if args.damaged else {}
    seen |= {"from": args.sender} if args.sender else {}
    seen |= {"purchase_order": args.purchase_order} if args.purchase_order else {}
    if args.container:
        seen["contents"] = [{"container": args.container, "scans": seen.pop("scans")}]
    with args.asking(args) as node:
        found = node.detect(seen)
    drafts = found.get("drafts") or []
    for number, each in enumerate(drafts, 1):
        print("\n".join(map(reporting.plain, _draft(each))))
        if args.out:
            path = args.out / f"report-{number}.json"
            args.out.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(each.get("message"), indent=1, ensure_ascii=False))
            print(f"  {path}")
    if not drafts:
        print("all is as it was shipped")
    return 1 if drafts else 0


def _draft(draft: dict[str, Any]) -> Iterator[str]:
    shipment = draft.get("shipment")
    about = f", shipment {shipment.get('submission')}/{shipment.get('event')}" if isinstance(shipment, dict) else ""
    yield f"to {draft.get('to') or 'nobody knows whom'}{about}"
    for each in draft.get("scenarios") or ():
        yield f"  {each.get('number') or '-'} {each.get('scenario')}: {each.get('sentence')}"


def send(args: argparse.Namespace) -> None:
    """Send a message of PDG's schema: signed by you with --key, else by the node, if it holds a key of yours."""
    kind, content = MessageKind(args.kind), args.message.read_bytes()
    message = PARSE[kind](content)
    shipment = args.shipment and {"submission": args.shipment[0], "event": args.shipment[1]}
    with args.asking(args) as node:
        if args.key is None:
            done = node.send_message(kind, message.members, to=args.to, shipment=shipment)
        else:
            done = node.send_message(kind, message.members, statement=_signed(args, node, kind, message))
    print(reporting.plain(f"{done.get('kind')} {done.get('message')} in case {done.get('case')}"))
    print(reporting.plain(f"registered as entry {done.get('entry')}"))


def _signed(args: argparse.Namespace, node: "Node", kind: MessageKind, message: Message) -> str:
    if args.gln is None:
        raise NodeError("missing: whose key is it?\n  expected: --gln")
    to = args.to or _other(args, node, message)
    members = node.said_by(args.gln) | {"statement": message.message}
    said = ExceptionMessage(
        about=args.gln,
        case=message.case,
        message=kind,
        hash=sha256(bytes(message)).digest(),
        to=to,
        shipment=args.shipment[0] if args.shipment else None,
        event=args.shipment[1] if args.shipment else None,
        **members,
    )
    key: PrivateKey = args.read_key(args.key)
    return b64(sign(said, key))


def _other(args: argparse.Namespace, node: "Node", message: Message) -> str:
    """The other party of a case that is there."""
    from .client import NodeRefused

    try:
        case = node.case(message.case)
    except NodeRefused as refused:
        if refused.code != "not_found":
            raise
        raise NodeError("missing: to whom? the case is new\n  expected: --to") from refused
    return str(case["partner"] if case.get("reporter") == args.gln else case.get("reporter"))


def list_(args: argparse.Namespace) -> None:
    """List your cases, the latest first."""
    with args.asking(args) as node:
        for case in node.cases():
            if not args.mine or case.get("your_turn"):
                print(reporting.plain(_line(case)))


def _line(case: dict[str, Any]) -> str:
    turn = ", your turn" if case.get("your_turn") else ""
    between = f"{case.get('reporter')} to {case.get('partner')}"
    return f"{case.get('case')} {case.get('state')}{turn}: {between}, order {case.get('po_number')}"


def show(args: argparse.Namespace) -> None:
    """Show a case, what was asked and answered."""
    with args.asking(args) as node:
        case = node.case(args.case, args.reporter)
    print(reporting.plain(_line(case)))
    for each in case.get("items") or ():
        said = " ".join(f"{name}={value}" for name, value in sorted((each.get("said") or {}).items()))
        verdict = each.get("verdict") or "not answered"
        other = f", offers {each['alternative']}" if each.get("alternative") else ""
        done = f", done {each['done']}" if each.get("done") else ""
        print(reporting.plain(f"  {each.get('item')} {each.get('kind')} {said}"))
        print(reporting.plain(f"    asks: {each.get('requested') or 'nothing'}; {verdict}{other}{done}"))
    for each in case.get("messages") or ():
        print(reporting.plain(f"  {each.get('sent')} {each.get('kind')} by {each.get('sender')}, {each.get('entry')}"))


def scorecards(args: argparse.Namespace) -> None:
    """Score your partners: shipments with errors, answers late or missing."""
    time = {name: value for name in ("since", "before") if (value := getattr(args, name))}
    with args.asking(args) as node:
        for each in node.scorecards(**time):
            print(reporting.plain(_card(each)))


def _card(card: dict[str, Any]) -> str:
    rate = card.get("error_rate")
    share = f" ({rate:.1%})" if isinstance(rate, int | float) else ""
    return (
        f"{card.get('partner')}: {card.get('shipments_in_error')} of {card.get('shipments')} shipments in error{share}"
        f", data late {card.get('data_late')}; cases {card.get('cases')}: in time {card.get('answered')}, "
        f"late {card.get('late')}, unanswered {card.get('unanswered')}, waiting {card.get('waiting')}, "
        f"resolved {card.get('resolved')}"
    )


# ---- arguments ------------------------------------------------------------------------------------------------------


def form(
    added: argparse.ArgumentParser,
    asked_of: Callable[[argparse.ArgumentParser], None],
    asking: Callable[[argparse.Namespace], AbstractContextManager["Node"]],
    read_key: Callable[[Path], PrivateKey],
    gln: Callable[[str], str],
) -> None:
    """What may be typed. `asked_of` adds the options that name a node, `asking` opens it, `read_key` reads a key."""
    what = added.add_subparsers(required=True, metavar="WHAT")

    def verb(name: str, does: Callable[[argparse.Namespace], Any]) -> argparse.ArgumentParser:
        sub = what.add_parser(name, help=does.__doc__, description=does.__doc__)
        sub.set_defaults(verb=does, asking=asking, read_key=read_key)
        asked_of(sub)
        return sub

    finds = verb("detect", detect)
    finds.add_argument("scan", nargs="*", default=[], help="what a scanner reads; or a file with a scan on each line")
    finds.add_argument("--email", required=True, help="where the sender may answer people")
    finds.add_argument("--from", dest="sender", type=gln, metavar="GLN", help="who delivered what has no data")
    finds.add_argument("--container", metavar="SCAN", help="which came before, and was opened: the scans are in it")
    finds.add_argument("--damaged", action="append", metavar="SCAN", help="as often as you like")
    finds.add_argument("--purchase-order", metavar="NUMBER")
    finds.add_argument("--out", type=Path, metavar="FOLDER", help="for the reports: report-1.json, ...")
    sends = verb("send", send)
    sends.add_argument("kind", choices=[str(each) for each in MessageKind])
    sends.add_argument("message", type=Path, help="*.json, of PDG's ExceptionsSchemas")
    sends.add_argument("--to", type=gln, metavar="GLN", help="the other party, where the case is new")
    sends.add_argument("--shipment", type=_shipment, metavar="ID/EVENT", help="of a first report, as `detect` printed")
    sends.add_argument("--key", type=Path, help="key that signs it; else the node signs")
    sends.add_argument("--gln", type=gln, help="GLN of whoever signs it")
    verb("list", list_).add_argument("--mine", action="store_true", help="those alone in which it is your turn")
    shows = verb("show", show)
    shows.add_argument("case", type=_case, metavar="ID")
    shows.add_argument("--reporter", type=gln, metavar="GLN", help="who has opened it, where two are called alike")
    scores = verb("scorecards", scorecards)
    scores.add_argument("--since", metavar="DAY", help="YYYY-MM-DD; a year ago by default")
    scores.add_argument("--before", metavar="DAY", help="YYYY-MM-DD; now by default")


def _case(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not the id of a case: {text!r}") from error


def _shipment(text: str) -> tuple[str, int]:
    submission, slash, event = text.partition("/")
    if not slash or not event.isascii() or not event.isdecimal() or len(event) > 9:
        raise argparse.ArgumentTypeError(f"not ID/EVENT: {text!r}")
    return _case(submission), int(event)
