"""The report of a recall: one file by which a regulator checks that nothing was left out, and who has answered.

    {"v":1, "status":node's word, "recall":[index, salt, statement], "said":[[index, salt, statement],...],
     "segment":{...}}                                                                       deterministic CBOR

`said` are the holds that it names, the answers that count, and its closing, as far as they are there; the segment is
that of a bundle without hops. Beside it goes the list of all units, CSV in UTF-8, lines ended by LF, each unit once:

    epc,status,possessor,consignee,begun
    https://id.gs1.org/01/00614141123452/21/A01,held,dispenser,,7

`begun` is the index in the log of the submission that began the unit, empty before it has one. The leaves of the tree
that the node has signed are the lines after the first, without their ends. Whoever hands over a party's archive as well
(`archive.py`) has each commissioning in it looked for: whatever that party has told the log of, and is not among them,
was left out.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import cbor2

from ledger.tlog.merkle import Growing, check_multiproof, leaf_hash

from ..policy import Policy
from ..statements import (
    Hold,
    HoldKind,
    Opened,
    Recall,
    RecallAnswer,
    RecallClosing,
    RecallStatus,
    Registration,
    open_recall_status,
    open_statement,
)
from .check import _Examination
from .report import Failure, Note, Numbered, Result
from .value import Entered, MalformedBundle, Segment, _loads, _Reader, _write_entered, _write_segment

MEDIA_TYPE = "application/vnd.unitproof.recalled+cbor"
COLUMNS = ("epc", "status", "possessor", "consignee", "begun")
HEADING = ",".join(COLUMNS)


class Step(Numbered):
    """The steps of checking it, each resting on those before it."""

    READ = 1, "The file is the report of a recall, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRIES = 4, "The recall, its holds and every answer is in the log."
    KEYS = 5, "Every key was granted by who may grant it, in the log."
    STATEMENTS = 6, "Each is signed with a key its signer had at that point of the log, and is about this recall."
    STATUS = 7, "The node has signed how the recall stands, with all of that log before it."
    UNITS = 8, "The list of units is the one that the node has counted."
    ARCHIVE = 9, "Whatever the archive's party has begun of it is in that list."


def as_line(*cells: object) -> str:
    """One line of CSV, without its end: what is not there is empty, and what holds a comma or a quotation mark is
    quoted (RFC 4180)."""
    return ",".join(_cell("" if each is None else str(each)) for each in cells)


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


@dataclass(frozen=True)
class Recalled:
    """The file."""

    status: bytes  # a COSE_Sign1 by the node: `RecallStatus`
    recall: Entered
    said: tuple[Entered, ...]  # by index
    segment: Segment

    def __bytes__(self) -> bytes:
        members = {
            "v": 1,
            "status": self.status,
            "recall": _write_entered(self.recall),
            "said": [_write_entered(each) for each in self.said],
            "segment": _write_segment(self.segment, {}),
        }
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        match _loads(data):
            case {
                "v": 1, "status": bytes(status), "recall": recall, "said": list(said), "segment": dict(segment),
                **others,
            } if not others:  # fmt: skip
                reader = _Reader(())
                found = cls(
                    status, reader.entered(recall), tuple(reader.entered(each) for each in said),
                    reader.segment(segment),
                )  # fmt: skip
            case _:
                raise MalformedBundle("no report of a recall", expected="v, status, recall, said and segment")
        if found.segment.hops:
            raise MalformedBundle("shows events, which a recall has none of", where="hops")
        if bytes(found) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        return found


def is_recalled(data: bytes) -> bool:
    """Whether a file begins like one: a map of five members, whose shortest names come first."""
    return data.startswith(b"\xa5\x61v\x01\x64said")


class Counting:
    """Counts the lines of a list as they go by: its tree, where the units are, and where they begin."""

    def __init__(self) -> None:
        self._tree = Growing()
        self._at = Counter[tuple[str | None, str | None, str | None]]()
        self._begun = Counter[int]()
        self._seen = set[str]()

    def add(self, line: str) -> str:
        """A line without its end; the EPC in it. Raises `ValueError` for what is none, or was there before."""
        (cells,) = csv.reader([line], strict=True)
        epc, status, possessor, consignee, begun = cells
        if as_line(epc, status, possessor, consignee, int(begun)) != line or epc in self._seen:
            raise ValueError(line)
        self._seen.add(epc)
        self._tree.add(leaf_hash(line.encode()))
        self._at[status or None, possessor or None, consignee or None] += 1
        self._begun[int(begun)] += 1
        return epc

    @property
    def units(self) -> tuple[int, bytes]:
        return self._tree.size, self._tree.root()

    @property
    def at(self) -> tuple[tuple[str | None, str | None, str | None, int], ...]:
        """The most first."""
        return tuple((*place, n) for place, n in sorted(self._at.items(), key=lambda row: (-row[1], str(row[0]))))

    @property
    def begun(self) -> tuple[tuple[int, int], ...]:
        return tuple(sorted(self._begun.items()))


@dataclass(frozen=True)
class RecalledReport:
    """The outcome of all steps."""

    recall: Recall | None
    holds: tuple[Hold, ...]
    answers: tuple[RecallAnswer, ...]
    closing: RecallClosing | None
    status: RecallStatus | None
    notes: tuple[Note, ...]
    failure: Failure | None
    origin: str | None
    size: int | None  # of the log
    witnesses: tuple[str, ...]
    listed: bool  # whether a list came with it
    archived: str | None  # GLN of whose archive came with it

    def result(self, step: Numbered) -> Result:
        if self.failure and step >= self.failure.step:
            return Result.FAILS if step == self.failure.step else Result.NOT_REACHED
        if (step == Step.UNITS and not self.listed) or (step == Step.ARCHIVE and self.archived is None):
            return Result.NOT_REACHED
        return Result.AMBER if any(note.amber and note.step == step for note in self.notes) else Result.HOLDS

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        status, recall = self.status, self.recall
        return {
            "verified": self.failure is None,
            "listed": self.listed,
            "archive_of": self.archived,
            "recall": recall and {
                "by": recall.about, "classification": recall.classification, "depth": recall.depth,
                "reason": recall.reason, "answer_by": f"{recall.answer_by:%Y-%m-%dT%H:%M:%SZ}",
            },
            "made": status and status.units[0],
            "at": status and [list(row) for row in status.at],
            "told": status and [list(row) for row in status.told],
            "answers": [{"party": each.about, "numbers": list(each.found)} for each in self.answers],
            "closed": self.closing is not None,
            "log": self.origin,
            "size": self.size,
            "witnesses": list(self.witnesses),
            "steps": [
                {"step": int(step), "name": step.name.lower(), "result": str(self.result(step))} for step in Step
            ],
            "notes": [{"code": note.code, "sentence": note.sentence, "amber": note.amber} for note in self.notes],
            "failure": self.failure and self.failure.as_json(),
        }  # fmt: skip


Begun = Callable[[Sequence[Hold], str, int], tuple[str, set[str]]]
"""Of a party's archive: whose it is, and the EPCs that it begins in the log of this origin, below this size, and these
holds cover. Raises `StatementError` for an archive of another log."""


def examine_recalled(
    report: bytes, policy: Policy, units: Iterable[str] | None = None, archive: Begun | None = None
) -> RecalledReport:
    """What came of each step, up to the first that fails; what is not handed over is not compared. `units`: the lines
    of the list, the heading among them."""
    return _RecalledExamination(report, policy, units, archive).outcome()


class _RecalledExamination(_Examination):
    def __init__(self, report: bytes, policy: Policy, units: Iterable[str] | None, archive: Begun | None) -> None:
        super().__init__(report, policy)
        self.units, self.archive = units, archive
        self.opened: list[Opened[Registration]] = []
        self.word: RecallStatus | None = None
        self.archived: str | None = None
        self.left_out = set[str]()  # of the archive's units, those that no line of the list names

    def _steps(self) -> Iterator[tuple[Numbered, Callable[[], None]]]:
        steps = (
            self._read, self._policy, self._checkpoint, self._entries, self._keys, self._said, self._word,
            self._list, self._compare,
        )  # fmt: skip
        return zip(Step, steps, strict=True)

    def outcome(self) -> RecalledReport:
        failure = self._failure()
        head = self.vouched[-1] if self.vouched else None
        holds = failure is None or failure.step > Step.STATEMENTS
        said = [each.payload for each in self.opened] if holds else []
        counted = self.word if failure is None or failure.step > Step.STATUS else None
        return RecalledReport(
            recall=next((each for each in said if isinstance(each, Recall)), None),
            holds=tuple(each for each in said if isinstance(each, Hold)),
            answers=tuple(each for each in said if isinstance(each, RecallAnswer)),
            closing=next((each for each in said if isinstance(each, RecallClosing)), None),
            status=counted,
            notes=tuple(self.notes),
            failure=failure,
            origin=head.checkpoint.origin if head else None,
            size=head.checkpoint.size if head else None,
            witnesses=tuple(sorted(head.witnesses)) if head else (),
            listed=self.units is not None and counted is not None,
            archived=self.archived,
        )

    def _read(self) -> None:
        self.recalled = Recalled.parse(self.data)
        self.segments = (self.recalled.segment,)

    def _entries(self) -> None:
        entries = {self.recalled.recall, *self.recalled.said, *self.recalled.segment.relied}
        leaves = {each.index: each.leaf for each in entries}
        if len(leaves) < len(entries):
            self._refuse("one_index_twice", "two statements at one index")
        head = self.vouched[0].checkpoint
        check_multiproof(leaves, head.size, self.recalled.segment.path, head.root)

    def _said(self) -> None:
        recall = self._open_said(self.recalled.recall)
        if not isinstance(recall, Recall):
            self._refuse("not_a_recall", "not a recall", found=recall.kind())
        self.entry, holds, parties = self.recalled.recall.entry.hex(), set[str](), set[str]()
        by = self.opened[0].issuer
        for each in self.recalled.said:
            said = self._open_said(each)
            issuer = self.opened[-1].issuer
            match said:
                case Hold(hold=HoldKind.RECALL, gtin=str()) if (issuer, said.about) == (by, recall.about):
                    holds.add(each.entry.hex())
                case RecallAnswer(entry=self.entry) if issuer == said.about and issuer not in parties:
                    parties.add(issuer)
                case RecallClosing(entry=self.entry) if issuer == by:
                    pass
                case _:
                    self._refuse("another_recall", "this is not said of this recall", found=each.entry.hex())
        if missing := set(recall.holds) ^ holds:
            self._refuse("hold_missing", "not all holds of the recall, or others", found=min(missing))

    def _open_said(self, entered: Entered) -> Registration:
        opened = open_statement(entered.envelope)
        said, origin = opened.payload, self.recalled.segment.origin
        if said.log != origin or not isinstance(said, Registration):
            self._refuse("wrong_log", "for another log", expected=origin, found=said.log)
        rights = self.rights[0]
        rights.check(Opened(opened.envelope, opened.signed, said), entered)
        if (since := rights.compromised(opened.issuer, opened.signed.kid)) is not None:
            sentence = f"Signed with a key that others may have had since {since:%Y-%m-%d %H:%M} UTC."
            self._note("key_compromised", sentence, amber=True)
        self.opened.append(Opened(opened.envelope, opened.signed, said))
        return said

    def _word(self) -> None:
        opened = open_recall_status(self.recalled.status)
        origin, head = self.recalled.segment.origin, self.vouched[0].checkpoint
        word = opened.payload
        if word.log != origin or word.entry != self.entry:
            self._refuse("another_recall", "the node's word is about another recall", found=word.entry)
        node = self._node(origin, opened.signed.kid)
        if node is None:
            self._refuse("unknown_node", "not signed by a node that the policy names", found=opened.signed.kid.hex())
        opened.signed.check(node)
        if (word.size, word.root) != (head.size, head.root):
            self._refuse("split_view", "the node's word is about another log", expected=str(head.size))
        if word.said != tuple(sorted(each.entry.hex() for each in self.recalled.said)):
            self._refuse("another_recall", "what was said of the recall is not what the node has counted")
        counts = (sum(row[-1] for row in word.at), sum(units for _, units in word.begun))
        if set(counts) != {word.units[0]} or any(index >= word.size for index, _ in word.begun):
            self._refuse("does_not_add_up", "the numbers do not add up", expected=str(word.units[0]))
        self.word = word
        if silent := {who for who, *_ in word.told} - {each.payload.about for each in self.opened}:
            self._note("unanswered", f"Has not answered: {', '.join(sorted(silent))}.", amber=True)

    def _list(self) -> None:
        """Line by line, as it comes."""
        if self.units is None or self.word is None:
            return
        lines, counting, self.left_out = iter(self.units), Counting(), self._begun_by_archive()
        if next(lines, "").rstrip("\n") != HEADING:
            self._refuse("malformed_list", "no list of units", expected=HEADING)
        for number, line in enumerate(lines, 2):
            try:
                self.left_out.discard(counting.add(line.removesuffix("\n")))
            except (ValueError, csv.Error):
                self._refuse(
                    "malformed_list", f"line {number} is no unit, or one that was there before", found=line[:80]
                )
        for name in ("units", "at", "begun"):
            if getattr(counting, name) != getattr(self.word, name):
                self._refuse("another_list", "these are not the units that were counted", found=f"another {name}")

    def _begun_by_archive(self) -> set[str]:
        if self.archive is None or self.word is None:
            return set()
        holds = [each.payload for each in self.opened if isinstance(each.payload, Hold)]
        self.archived, found = self.archive(holds, self.recalled.segment.origin, self.word.size)
        return found

    def _compare(self) -> None:
        if self.left_out:
            some, count = min(self.left_out), len(self.left_out)
            self._refuse("left_out", f"{count} units that {self.archived} has begun were left out", found=some)


def prove(
    status: bytes, recall: Entered, said: Iterable[Entered], relied: Iterable[Entered], *, origin: str,
    checkpoint: str, path: Iterable[bytes],
) -> Recalled:  # fmt: skip
    """`path` is the multiproof of all of them in the tree of the checkpoint."""
    in_order = tuple(sorted(relied, key=lambda each: each.index))
    by_index = tuple(sorted(said, key=lambda each: each.index))
    return Recalled(status, recall, by_index, Segment(origin, checkpoint, (), in_order, tuple(path), ()))
