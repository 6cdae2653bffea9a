"""`unitproof transactions`, and how a transaction on paper is checked: transaction information and statements, on the
side of whoever keeps or checks them. Pure: no Django.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from . import reporting
from .bundle.shipment import Step as ShipmentStep
from .bundle.shipment import examine_shipment, is_shipment
from .dscsa.attached import PaperReport, Step, examine_paper, is_paper
from .dscsa.statements import Transaction
from .errors import NodeError
from .policy import Policy

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]
#: What a file is fetched as, by the end of its name.
FORMS = {".pdf": "application/pdf", ".xml": "application/xml", ".html": "text/html", ".json": "application/json"}


# ---- checking -------------------------------------------------------------------------------------------------------


def checks(data: bytes) -> bool:
    """Whether it is one of these files."""
    return is_paper(data) or is_shipment(data)


def verify(data: bytes, policy: Policy, *, as_json: bool) -> int:
    """Every step of a transaction on paper, or of the proof of a shipment by itself."""
    if is_paper(data):
        report = examine_paper(data, policy)
    else:
        shipment = examine_shipment(data, policy)
        report = PaperReport(shipment, notes=list(shipment.notes), failure=shipment.failure)
    steps = Step if is_paper(data) else ShipmentStep
    if as_json:
        members = report.as_json()
        members["steps"] = members["steps"][: len(steps)]
        print(json.dumps(members, indent=1))
    else:
        print("\n".join(map(reporting.plain, _lines(report, steps))))
    return 1 if report.failure else 0


def _lines(report: PaperReport, steps: type[Step] | type[ShipmentStep]) -> Iterator[str]:
    yield from reporting.of_steps(((step, report.result(step)) for step in steps), report.failure)
    if not report.failure:
        yield ""
        yield from _about(report)
    yield from (f"  {'!' if note.amber else '.'} {note.sentence}" for note in report.notes)
    if (shipment := report.shipment) and shipment.size is not None:
        yield ""
        yield f"as of log size {shipment.size} of {shipment.origin}"
        yield from (f"  seen by {name}" for name in shipment.witnesses)
    yield ""
    yield reporting.WORDS[report.verdict]


def _about(report: PaperReport) -> Iterator[str]:
    shipment, transaction = report.shipment, report.transaction
    assert shipment is not None
    if transaction is not None:
        yield from _transaction(transaction)
    elif shipment.shipped is not None:
        units = len(shipment.shipped.units)
        yield f"shipment {shipment.shipped.submission}, event {shipment.shipped.position}: {units} units"
    yield f"  signed by {shipment.signer}, entry {shipment.entry}"


def _transaction(transaction: Transaction) -> Iterator[str]:
    """What people compare with what came."""
    yield f"shipment {transaction.submission}, event {transaction.event}: {transaction.transaction_date}"
    for role, party in (("from", transaction.seller), ("to", transaction.buyer)):
        if party is not None:
            yield f"  {role:<5} {party.name or ''} ({party.gln})"
    for product in transaction.products:
        for lot in product.lots:
            what = " ".join(filter(None, (product.name, product.strength, product.gtin)))
            yield f"  {what}, lot {lot.lot or 'not said'}, expiry {lot.expiry or 'not said'}: {len(lot.serials)}"


# ---- asking a node --------------------------------------------------------------------------------------------------


def transactions(args: argparse.Namespace, node: Asking) -> None:
    """List what you sent or were sent, or fetch the transaction information and statement of one shipment."""
    with node(args) as asked:
        if args.submission is None:
            _list(asked, args)
        else:
            _fetch(asked, args)


def _list(node: "Node", args: argparse.Namespace) -> None:
    from .client import read_object, told_of

    asked = {name: value for name in WANTED if (value := getattr(args, name)) is not None}
    page = read_object(node.ask("GET", "/api/v1/transactions", params=asked))
    for each in told_of(page, "transactions"):
        way = "sent to" if each.get("sent") else "from"
        other = each.get("buyer") if each.get("sent") else each.get("seller")
        marks = "".join(
            f"; {mark.replace('_', ' ')}" for mark in ("reverted", "called_off", "erased") if each.get(mark)
        )
        which = f"{each.get('submission')} {each.get('event')}"
        print(reporting.plain(f"{which}  {each.get('time')}  {way} {other}{marks}"))
    if page.get("next"):
        print(reporting.plain(f"more: --after {page['next']}"))


def _fetch(node: "Node", args: argparse.Namespace) -> None:
    kind = FORMS.get(args.out.suffix.lower()) if args.out else None
    if kind is None:
        raise NodeError(f"which_form: say where to write it\n  where: --out\n  expected: FILE{', FILE'.join(FORMS)}")
    path = f"/api/v1/transactions/{args.submission}/{args.event}"
    answer = node.ask("GET", path, headers={"Accept": kind}, params={"purpose": args.purpose} if args.purpose else {})
    args.out.write_bytes(answer.content)
    print(f"{len(answer.content)} bytes in {args.out}")


WANTED = ("since", "before", "partner", "gtin", "lot", "after", "purpose")


def arguments(parser: argparse.ArgumentParser, submission: Callable[[str], str]) -> None:
    """What the command takes."""
    parser.add_argument("submission", nargs="?", type=submission, help="of one shipment: its submission")
    parser.add_argument("event", nargs="?", type=int, default=0, help="and which of its events, from 0")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file for it: .pdf, .xml (EPCIS 1.2), .html or .json")
    parser.add_argument("--since", metavar="DAY", help="of a list: shipped on this day or later, YYYY-MM-DD")
    parser.add_argument("--before", metavar="DAY", help="and before this day")
    parser.add_argument("--partner", metavar="GLN", help="with this party")
    parser.add_argument("--gtin", help="with this product in it")
    parser.add_argument("--lot", help="with something of this lot in it")
    parser.add_argument("--after", metavar="CURSOR", help="from where the page before ended")
    parser.add_argument("--purpose", help="why you ask: it stands in the access record")
