"""Reports and files as text for people. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ledger.tlog.cose import decode
from ledger.tlog.errors import LogError

from . import archive, convict, receipts
from .bundle.report import Failure, HopReport, Numbered, Report, Result
from .bundle.value import Bundle
from .epcis.errors import DocumentError
from .errors import NodeError
from .receipts import COSE_SIGN1
from .statements import (
    Opened,
    Promise,
    Status,
    Verification,
    b64,
    open_promise,
    open_statement,
    open_status,
    open_verification,
)

READERS: Mapping[str, Callable[[bytes], Opened[Any]]] = {
    Status.content_type: open_status,
    Promise.content_type: open_promise,
    Verification.content_type: open_verification,
}
MARKS = {Result.HOLDS: "ok", Result.AMBER: "ok, but", Result.FAILS: "FAILS", Result.NOT_REACHED: "-"}
ILMD = {"lot": "urn:epcglobal:cbv:mda:lotNumber", "expiry": "urn:epcglobal:cbv:mda:itemExpirationDate"}
NO_FILE_SHOWS = "The record is proven, not the pack: a copy of its code has the same. Ask the node if it saw two."
WORDS = {
    "verified": "PROVEN: every step holds",
    "caution": "PROVEN, WITH A CAUTION: every step holds; read the remarks",
    "refused": "REFUSED",
}


def plain(text: str) -> str:
    """What comes from a file on a line of its own: no control character of it reaches the terminal, nor one that
    ends the line, turns its direction round or is not seen.

    >>> plain("node.example\\x1b[2J\\n\\u202e")
    'node.example\\\\x1b[2J\\\\n\\\\u202e'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def printed(value: Any) -> str:
    """JSON for people, with JSON's own escapes for what a terminal would not show as it stands."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return "".join(each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)


def lines(report: Report) -> Iterator[str]:
    """The report of a check, as the command prints it."""
    return map(plain, _lines(report))


def of_steps(steps: Iterable[tuple[Numbered, Result]], failure: Failure | archive.Failure | None) -> Iterator[str]:
    """A line for each step of a check, and why the first that fails does."""
    for step, result in steps:
        yield f"{int(step):>3}  {step.name.lower():<14} {MARKS[result]:<8} {step.sentence}"
    if failure:
        yield ""
        yield f"step {int(failure.step)} fails: {failure.detail} ({failure.code})"
        told = (("where", failure.where), ("expected", failure.expected), ("found", failure.found))
        yield from (f"  {name}: {value}" for name, value in told if value)


def _lines(report: Report) -> Iterator[str]:
    yield from of_steps(report.steps, report.failure)
    if report.hops:
        yield ""
        yield f"{report.item}"
        yield from _about(report)
        yield from map(_hop, report.hops)
    for note in report.notes:
        yield f"  {'!' if note.amber else '.'} {note.sentence}"
    if not report.failure:
        yield f"  . {NO_FILE_SHOWS}"
    if report.size is not None:
        yield ""
        yield f"as of log size {report.size} of {report.origin}"
        yield from (f"  seen by {name} at {report.witnessed[name]:%Y-%m-%d %H:%M:%S} UTC" for name in report.witnesses)
    yield ""
    yield WORDS[report.verdict]


def _about(report: Report) -> Iterator[str]:
    """What is said of the item as a whole: whoever holds the pack compares it with the print."""
    yield from (f"  {what:<7} {report.ilmd[name]}" for what, name in ILMD.items() if name in report.ilmd)
    if report.status is not None:
        yield f"  status  {', '.join((report.status, *report.holds))}"
    if report.outermost not in (None, report.item):
        yield f"  in      {report.outermost}"


def archive_lines(report: archive.Report) -> Iterator[str]:
    """The same of an archive."""
    yield from of_steps(((step, report.result(step)) for step in archive.Step), report.failure)
    yield f"\nall of {report.party} in the first {report.size} entries of {report.origin}"
    yield from (f"  {number(count, what)}" for what, count in sorted(report.counted.items()))
    if report.by_hash:
        yield f"  . {report.by_hash} leaves of items stand as their hash: what they say is not told any more."
    if not report.witnesses and report.size is not None:
        yield "  . Not independently witnessed: the policy asks for no witness."
    yield f"\n{WORDS['refused'] if report.failure else 'WHOLE: every step holds'}"


def number(count: int, what: str) -> str:
    """
    >>> number(1, "bundles"), number(2, "bundles"), number(1, "erased")
    ('1 bundle', '2 bundles', '1 erased')
    """
    return f"{count} {what.removesuffix('s') if count == 1 else what}"


def _hop(hop: HopReport) -> str:
    told = f"signed by {hop.signer}" if hop.signed else f"told by {hop.signer}, not signed by {hop.party}"
    if hop.voice == "agent":
        told += f" for {hop.party}"
    marks = [f"implied: {what}" for what in hop.implied] + ["reverted"] * hop.reverted
    return f"  {hop.time}  {hop.biz_step or hop.action:<14} {hop.party or '':<13}  {told}, entry {hop.index}" + "".join(
        f"; {mark}" for mark in marks
    )


def refusal(problem: Exception) -> str:
    """What went wrong, with its code; below it where, what was expected, and what was found."""
    match problem:
        case OSError(strerror=str(said), filename=str(name)):
            return f"file_error: {said}\n  where: {plain(name)}"
        case NodeError() | OSError():
            return "\n".join(map(plain, str(problem).split("\n")))  # a node says it in this form already
    code, detail = getattr(problem, "code", "unreadable"), getattr(problem, "detail", str(problem))
    told = ((name, getattr(problem, name, None)) for name in ("where", "expected", "found"))
    others = [f"also at {each.where}: {each.code}: {each.detail}" for each in getattr(problem, "wrong", ())[1:]]
    lines = [f"{code}: {detail}", *(f"  {name}: {value}" for name, value in told if value), *others]
    if (more := getattr(problem, "count", 0) - 1 - len(others)) > 0:
        lines.append(f"and {more} more")
    return "\n".join(map(plain, lines))


def another(data: bytes) -> str | None:
    """What a file is that is neither bundle nor archive, and who reads it; None where nothing here does."""
    if data.startswith(receipts.PROOF) or receipts.contents(data) is not None:
        return "a receipt: `unitproof receipt` checks it"
    if data[:1] == COSE_SIGN1:
        return "a signed statement, promise or status: `unitproof show` prints it"
    with suppress(DocumentError):
        convict.parse(data)
        return "evidence: `unitproof convict` judges it"
    return None


def contents(data: bytes) -> dict[str, Any]:
    """What a file of ours says, as plain values. Raises `DocumentError` for any other."""
    if (receipt := receipts.contents(data)) is not None:
        return receipt
    if data[:1] != COSE_SIGN1:
        bundle = Bundle.parse(data)
        return {
            "bundle": bundle.epc,
            "items": list(bundle.items),
            "segments": [
                {
                    "log": segment.origin,
                    "checkpoint": segment.checkpoint.splitlines(),
                    "hops": [_statement(hop.entered.envelope) for hop in segment.hops],
                    "relied": [_statement(each.envelope) for each in segment.relied],
                    "anchors": [name for name, _ in segment.anchors],
                }
                for segment in bundle.segments
            ],
            "status": _statement(bundle.status),
        }
    return _statement(data)


def _statement(envelope: bytes) -> dict[str, Any]:
    opened = _reader(envelope)(envelope)
    signed = opened.signed
    return {
        "kind": opened.payload.kind(),
        "issuer": signed.issuer,
        "subject": signed.subject,
        "kid": b64(signed.kid),
        "says": json.loads(signed.payload),
    }


def _reader(envelope: bytes) -> Callable[[bytes], Opened[Any]]:
    """By what the envelope says it holds, so that what is wrong with it is said of that."""
    try:
        kind = decode(envelope).content_type
    except LogError:
        kind = ""  # which every reader refuses alike
    return READERS.get(kind, open_statement)
