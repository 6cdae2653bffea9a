"""What the `unitproof` command is told of packs: one subcommand a move, its options those of its row in MOVES. Pure.

scans, options ──Move──> document ──`submit`──> drafted, every root computed again, signed, handed in
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import moving, reporting
from .epcis.errors import DocumentError
from .moving import GOES_ON, MOVES, REASONS, Move, Way

if TYPE_CHECKING:
    from .client import Node

#: By member of a request: the option that says it.
OPTIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "parent": ("--container", {"metavar": "SCAN", "help": "the case, pallet or other container"}),
    "all": ("--all", {"action": "store_true", "help": "all that is in it"}),
    "to": ("--to", {"metavar": "GLN", "help": "of whom it goes to; also as it is scanned"}),
    "to_location": ("--to-location", {"metavar": "GLN", "help": "and of the place"}),
    "from": ("--from", {"metavar": "GLN", "help": "of the sender; by default whoever shipped it to you"}),
    "lot": ("--lot", {"help": "where the labels do not say it"}),
    "expiry": ("--expiry", {"metavar": "YYYY-MM-DD", "help": "where the labels do not say it"}),
    "reason": ("--reason", {"choices": REASONS, "help": "why; by default inactive"}),
    "purchase_order": ("--purchase-order", {"metavar": "NUMBER", "help": "as the buyer gave it"}),
    "despatch_advice": ("--despatch-advice", {"metavar": "NUMBER", "help": "as the seller gave it"}),
    "invoice": ("--invoice", {"metavar": "NUMBER", "help": "as the seller gave it"}),
    "affirmed": ("--affirm", {"action": "store_true", "help": "make the transaction statement for this shipment"}),
}
_SENTENCES: Mapping[str, str] = {
    "commission": "Say that packs or cases were made: lot by lot, as their labels have it.",
    "pack": "Put packs into a case, or cases on a pallet.",
    "unpack": "Take out of a container what was scanned, or all.",
    "ship": "Send packs, cases or pallets to another party.",
    "receive": "Take in what came, after it was compared with what was to come.",
    "dispense": "Give packs to a patient.",
    "decommission": "Take packs out of use for good.",
    "void": "Call off what was shipped and has not left, or has come back on the way.",
    "send_back": "Return what was received: a shipment, said to be one.",
    "return": "Take in what comes back, also where nobody has told of receiving or sending it back.",
    "destroy": "Say that packs were destroyed.",
    "export": "Say that packs have left the country for good.",
}


def sentence(word: str) -> str:
    """What a subcommand does."""
    return _SENTENCES.get(word, f"Say that something was {MOVES[word].past}.")


def form(word: str, added: argparse.ArgumentParser, gln: Callable[[str], str]) -> None:
    """The options of a move's subcommand, beside those of all that sign."""
    kind = MOVES[word]
    scans = "what a scanner reads; or a file with a scan on each line; - for the same from standard input"
    added.add_argument("scan", nargs="*", help=scans)
    added.add_argument("--gln", required=True, type=gln, help="GLN of whoever signs it")
    added.add_argument("--place", type=gln, metavar="GLN", help="where it happened; by default there")
    added.add_argument("--at", type=_time, metavar="TIME", help="when, such as 2026-01-05T08:00:00Z; by default now")
    for name in (*kind.needs, *kind.takes):
        if name in OPTIONS:
            option, how = OPTIONS[name]
            demanded: dict[str, Any] = {"required": True} if name in kind.needs and name != "from" else {}
            added.add_argument(option, dest=name, **how, **demanded)


def document(word: str, args: argparse.Namespace, node: "Node") -> bytes:
    """What is to be signed, made here: the node is asked no more than whether the labels are as recorded, who sent it,
    and what was to come."""
    now = datetime.now(UTC)
    said = {name: getattr(args, name, None) or None for name in OPTIONS}
    scans: list[Any] = list(scans_of(args.scan))
    move = Move.parse({"move": word, **said, "place": args.place, "scans": scans}, now.date())
    if word in GOES_ON:
        node.check_move({"move": word, **said, "place": args.place, "scans": scans})
    moves = [move]
    if move.kind.way is Way.IN:
        moves = move.by_sender(_compared(move, node))
    for epc, count in move.scanned.items():
        print(reporting.plain(f"scanned {count} times, and meant once: {epc}"), file=sys.stderr)
    return moving.document(moves, args.gln, args.at or now, uuid4())


def _compared(move: Move, node: "Node") -> dict[str, str]:
    """Say how what came agrees with what was to come; who has sent each thing."""
    found = node.compare(move.epcs)
    for line in differences(found):
        print(reporting.plain(line), file=sys.stderr)
    return {epc: str(sent.get("sender")) for sent in _objects(found.get("senders")) for epc in sent.get("seen") or ()}


def differences(found: Mapping[str, Any]) -> Iterator[str]:
    """Expected against seen, a line each that somebody should know of."""
    for part in _objects(found.get("parts")):
        yield f"in part: {len(part.get('seen') or ())} of {part.get('container')}; the rest of it stays on its way"
    for item in _objects(found.get("missing")):
        yield f"missing: {item.get('epc')}"
    for epc in found.get("beside") or ():
        yield f"not on its way to you: {epc}"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def scans_of(given: Iterable[str]) -> Iterator[str]:
    """Each scan, of whatever a command was given."""
    for each in given:
        if each == "-":
            yield from _lines(sys.stdin.buffer.read(), "standard input")
        elif Path(each).is_file():
            yield from _lines(Path(each).read_bytes(), each)
        else:
            yield each


def _lines(data: bytes, where: str) -> Iterator[str]:
    """A scan on each; a separator of a scan ends no line."""
    try:
        text = data.decode("utf-8-sig")  # some editors begin with a mark
    except UnicodeDecodeError as error:
        raise DocumentError("not a text", code="not_utf8", where=where) from error
    yield from filter(None, (line.strip(" \t\r") for line in text.split("\n")))


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"not a time with its zone: {text!r}")
    return time
