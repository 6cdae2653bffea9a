"""A transaction on paper, checked: what its pages say against what is proven by the file inside. Pure.

    PDF ──objects──> transaction.json, shipment.unitproof ──check──> what was signed ──draw──> the same PDF

The steps are those of the shipment's proof, and two more. The pages are compared by drawing them once more: every
object of the file, in its place, has to be the one that is drawn, but for how it is compressed. Nothing here reads PDF
as viewers do: a file that was saved by other software is another file, and refused as one.
"""

import re
from base64 import a85decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any
from zlib import decompressobj
from zlib import error as ZlibError  # noqa: N812

from ..bundle.report import BundleRefused, Failure, Note, Numbered, Result
from ..bundle.shipment import Shipment, ShipmentReport, examine_shipment
from ..epcis.errors import DocumentError
from ..policy import Policy
from .statements import Transaction

BEGINNING = b"%PDF-"
MAX_SIZE = 1 << 28  # bytes, of the file and of everything in it
MAX_OBJECTS = 100_000


class Step(Numbered):
    """The steps of checking a file, each resting on those before it: 1 to 11 are those of a shipment."""

    READ = 1, "The file holds the proof of a shipment, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRIES = 4, "Every statement is in the log."
    KEYS = 5, "Every key and right was granted by who may grant it, in the log."
    STATEMENTS = 6, "Every statement is for this log, and signed with a key its signer had at that point of the log."
    EVENTS = 7, "Every event is part of its statement."
    LEAVES = 8, "Everything shown of an event is part of it."
    SHIPPING = 9, "One event ships, and all that it names is shown."
    CONTENTS = 10, "What was shipped holds what is listed, and nothing else."
    LOTS = 11, "Lot and expiry of each unit are told by whom its GTIN was licensed to."
    INFORMATION = 12, "The transaction information says what was signed."
    PAGES = 13, "The pages say that, and nothing else."


class MalformedPaper(DocumentError):
    """Bytes that are not a transaction on paper, as it is made here."""

    code = "malformed_paper"


@dataclass
class PaperReport:
    """The outcome of all steps."""

    shipment: ShipmentReport | None = None
    transaction: Transaction | None = None  # as the file says it; proven if nothing failed
    notes: list[Note] = field(default_factory=list)
    failure: Failure | None = None

    def result(self, step: Numbered) -> Result:
        if self.failure and step >= self.failure.step:
            return Result.FAILS if step == self.failure.step else Result.NOT_REACHED
        return Result.AMBER if any(note.amber and note.step == step for note in self.notes) else Result.HOLDS

    @property
    def verdict(self) -> str:
        if self.failure:
            return "refused"
        return "caution" if any(note.amber for note in self.notes) else "verified"

    def as_json(self) -> dict[str, Any]:
        """For programs: the same, in plain values."""
        failure, shipment = self.failure, self.shipment
        return {
            "verdict": self.verdict,
            "transaction": self.transaction.members if self.transaction and not failure else None,
            "signer": shipment.signer if shipment else None,
            "log": shipment.origin if shipment else None,
            "size": shipment.size if shipment else None,
            "entry": shipment.entry if shipment else None,
            "witnesses": list(shipment.witnesses) if shipment else [],
            "steps": [
                {"number": int(s), "name": s.name.lower(), "sentence": s.sentence, "result": self.result(s).value}
                for s in Step
            ],
            "failure": failure and {"step": int(failure.step), "code": failure.code, "detail": failure.detail,
                                    "where": failure.where, "expected": failure.expected, "found": failure.found},
            "notes": [{"step": int(note.step), "code": note.code, "sentence": note.sentence, "amber": note.amber}
                      for note in self.notes],
        }  # fmt: skip


def is_paper(data: bytes) -> bool:
    """Whether a file begins like one."""
    return data.startswith(BEGINNING)


def examine_paper(data: bytes, policy: Policy) -> PaperReport:
    """What came of each step, up to the first that fails."""
    report = PaperReport()
    try:
        attached = files(data)
    except MalformedPaper as error:
        report.failure = _failure(Step.READ, error)
        return report
    report.shipment = examine_shipment(attached.proof, policy)
    report.notes += report.shipment.notes
    report.failure = report.shipment.failure
    for step, check in ((Step.INFORMATION, _information), (Step.PAGES, _pages)):
        if report.failure is None:
            try:
                check(report, attached, data)
            except DocumentError as error:
                report.failure = _failure(step, error)
    return report


def _failure(step: Step, error: DocumentError) -> Failure:
    return Failure(step, error.code, error.detail, error.where, error.expected, error.found)


def _information(report: PaperReport, attached: "Attached", _: bytes) -> None:
    """Made once more of what was signed; only what the file calls the node's word is taken from the file."""
    assert report.shipment is not None
    assert report.shipment.shipped is not None
    said = Transaction.parse(attached.information)
    proven = Transaction.of(report.shipment.shipped, said.told_by_node)
    if bytes(proven) != attached.information:
        where = next((name for name in sorted(proven.members.keys() | said.members.keys())
                      if proven.members.get(name) != said.members.get(name)), None)  # fmt: skip
        raise BundleRefused("not what was signed", code="not_what_was_signed", where=where)
    report.transaction = proven
    remarks = (
        (proven.by_node, "added_by_node", "Not signed by the sender, but added by the node: {}."),
        (proven.missing, "not_said", "Nobody has said: {}."),
    )
    for names, code, sentence in remarks:
        if names:
            report.notes.append(Note(Step.INFORMATION, code, sentence.format("; ".join(names))))
    if not proven.statement.affirmed:
        sentence = "The document that was signed affirms no transaction statement."
        report.notes.append(Note(Step.INFORMATION, "not_affirmed", sentence))


def _pages(report: PaperReport, attached: "Attached", data: bytes) -> None:
    from .paper import draw  # only who checks a file needs what draws one

    assert report.transaction is not None
    drawn = draw(report.transaction, Shipment.parse(attached.proof), attached.proof)
    if drawn == data:
        return
    for number, (found, expected) in enumerate(zip_longest(_plain(data), _plain(drawn))):
        if found != expected:
            detail = "the pages are not drawn of what was signed, or by another version"
            raise BundleRefused(detail, code="other_pages", where=f"object {number}")


# ---- the file -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attached:
    """What is inside."""

    information: bytes
    proof: bytes


_KINDS = {b"/application#2Fjson": "information", b"/application#2Fvnd.unitproof.shipment+cbor": "proof"}
_TAIL = re.compile(rb"startxref\r?\n([0-9]{1,10})\r?\n%%EOF\s*\Z")
_XREF = re.compile(rb"xref\r?\n0 ([0-9]{1,6})\r?\n")
_ENTRY = re.compile(rb"([0-9]{10}) ([0-9]{5}) ([nf])[ \r]\r?\n")
_FREE, _IN_USE = (b"65535", b"f"), (b"00000", b"n")
_ID = re.compile(rb"/ID\s*\[<[0-9a-f]{32}><[0-9a-f]{32}>\]")
_OBJECT = re.compile(rb"([0-9]{1,6}) 0 obj\s+")
_STREAM = re.compile(rb"(?s)(<<.*?>>)\s*stream\r?\n")
_LENGTH = re.compile(rb"/Length ([0-9]{1,10})")


def files(data: bytes) -> Attached:
    """What is embedded in a file that was made here. Raises `MalformedPaper`."""
    found: dict[str, bytes] = {}
    for dictionary, stream in list(_plain(data)):
        for mark, name in _KINDS.items():
            if stream is not None and b"/EmbeddedFile" in dictionary and re.search(re.escape(mark) + rb"[\s/>]",
                                                                                    dictionary):  # fmt: skip
                if name in found:
                    raise MalformedPaper("two files of one kind", where=name)
                found[name] = stream
    if found.keys() != {"information", "proof"}:
        expected = "a transaction as it was downloaded: printing or saving it anew takes the proof out of it"
        raise MalformedPaper("no proof is in this file", code="no_proof_inside", expected=expected)
    return Attached(**found)


def _objects(data: bytes) -> tuple[bytes, Sequence[bytes]]:
    """What stands around the objects, without its digest of them; and the objects, by the cross-reference table, which
    has to account for every byte (ISO 32000-1 sections 7.5.4 and 7.5.5)."""
    if len(data) > MAX_SIZE:
        raise MalformedPaper("too large", expected=f"at most {MAX_SIZE} bytes", found=f"{len(data)} bytes")
    tail = _TAIL.search(data, max(0, len(data) - 64))
    table = _XREF.match(data, int(tail[1])) if tail else None
    if tail is None or table is None or int(table[1]) > MAX_OBJECTS:
        raise MalformedPaper("not a file as it is made here", expected="one cross-reference table at its end")
    at, offsets = table.end(), []
    for number in range(int(table[1])):
        entry = _ENTRY.match(data, at)
        if entry is None or entry.groups()[1:] != (_FREE if number == 0 else _IN_USE):
            raise MalformedPaper("not a file as it is made here", where="cross-reference table")
        offsets.append(int(entry[1]))
        at = entry.end()
    starts, ends = offsets[1:], [*offsets[2:], int(tail[1])]
    if len(starts) == 0 or any(start >= end for start, end in zip(starts, ends, strict=True)):
        raise MalformedPaper("objects do not stand in their order", where="cross-reference table")
    around = data[: starts[0]] + _ID.sub(b"/ID", data[at : tail.start()])
    return around, [data[start:end] for start, end in zip(starts, ends, strict=True)]


def _plain(data: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """What stands around the objects; then each of them in order: what it is, and its stream, without how that is
    compressed."""
    around, objects = _objects(data)
    yield around, None
    left = MAX_SIZE
    for number, each in enumerate(objects, 1):
        head = _OBJECT.match(each)
        if head is None or int(head[1]) != number:
            raise MalformedPaper("an object that is none", where=f"object {number}")
        body = each[head.end() :]
        stream = _STREAM.match(body)
        if stream is None:
            yield body.rstrip(), None
            continue
        length = _LENGTH.search(stream[1])
        if length is None or b"/FlateDecode" not in stream[1]:
            raise MalformedPaper("a stream of another kind", where=f"object {number}")
        raw, rest = body[stream.end() :][: int(length[1])], body[stream.end() + int(length[1]) :]
        content = _inflated(raw, left, ascii85=b"/ASCII85Decode" in stream[1], number=number)
        left -= len(content)
        yield _LENGTH.sub(b"/Length", stream[1]) + rest.rstrip(), content


def _inflated(raw: bytes, most: int, *, ascii85: bool, number: int) -> bytes:
    try:
        packed = a85decode(raw.strip().removesuffix(b"~>")) if ascii85 else raw
        unpacker = decompressobj()
        content = unpacker.decompress(packed, max(most, 1))  # 0 would be no limit
    except (ZlibError, ValueError) as error:
        raise MalformedPaper("a stream that cannot be read", where=f"object {number}") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise MalformedPaper("a stream that does not end", where=f"object {number}")
    return content
