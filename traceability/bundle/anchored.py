"""The proof of anchored data: one file by which a stranger checks who said which hash some data has, and before when.

    {"v":1, "stated":[index, salt, statement], "segment":{...}}    deterministic CBOR

The statement is a `DataHash`; the segment is that of a bundle without hops: the log's checkpoint, the statements by
which the signer's key counts, and the path of them all. The data itself is not in it: whoever has that hands it to the
check, which says whether it is what was anchored, and if not, with which hash it came instead.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import cbor2

from ledger.tlog.merkle import check_multiproof

from ..policy import Policy
from ..statements import DataHash, Opened, open_statement
from .check import _Examination
from .report import Failure, Note, Numbered, Result
from .value import Entered, MalformedBundle, Segment, _loads, _Reader, _write_entered, _write_segment

MEDIA_TYPE = "application/vnd.unitproof.anchored+cbor"


class Step(Numbered):
    """The steps of checking it, each resting on those before it; the first five are those of a bundle."""

    READ = 1, "The file is the proof of anchored data, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRIES = 4, "The statement, and every one it rests on, is in the log."
    KEYS = 5, "Every key was granted by who may grant it, in the log."
    STATEMENT = 6, "The statement is for this log, and signed with a key its signer had at that point of the log."
    DATA = 7, "The data has the hash that was anchored."


@dataclass(frozen=True)
class Anchored:
    """The file."""

    stated: Entered
    segment: Segment

    def __bytes__(self) -> bytes:
        members = {"v": 1, "stated": _write_entered(self.stated), "segment": _write_segment(self.segment, {})}
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        match _loads(data):
            case {"v": 1, "stated": stated, "segment": dict(segment), **others} if not others:
                reader = _Reader(())
                anchored = cls(reader.entered(stated), reader.segment(segment))
            case _:
                raise MalformedBundle("no proof of anchored data", expected="v, stated and segment")
        if anchored.segment.hops:
            raise MalformedBundle("shows events, which data has none of", where="hops")
        if bytes(anchored) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        return anchored


def is_anchored(data: bytes) -> bool:
    """Whether a file begins like one: a map of three members, whose shortest names come first."""
    return data.startswith(b"\xa3\x61v\x01\x66stated")


def prove(
    stated: Entered,
    relied: Iterable[Entered],
    *,
    origin: str,
    checkpoint: str,
    path: Iterable[bytes],
    anchors: tuple[tuple[str, bytes], ...] = (),
) -> Anchored:
    """`path` is the multiproof of the statement and all it relies on, in the tree of the checkpoint; `anchors` are
    time stamps of that."""
    in_order = tuple(sorted(relied, key=lambda each: each.index))
    return Anchored(stated, Segment(origin, checkpoint, (), in_order, tuple(path), anchors))


@dataclass(frozen=True)
class AnchoredReport:
    """The outcome of all steps, and what the statement says where they come so far."""

    said: DataHash | None
    notes: tuple[Note, ...]
    failure: Failure | None
    origin: str | None
    size: int | None  # of the log
    witnesses: tuple[str, ...]
    entry: int | None  # index in the log
    compared: bool  # with data

    def result(self, step: Numbered) -> Result:
        if self.failure and step >= self.failure.step:
            return Result.FAILS if step == self.failure.step else Result.NOT_REACHED
        if step == Step.DATA and not self.compared:
            return Result.NOT_REACHED
        return Result.AMBER if any(note.amber and note.step == step for note in self.notes) else Result.HOLDS

    def as_json(self) -> dict[str, Any]:
        """For programs: `verified` is whether every step holds, the comparison with data included if there was any."""
        said = self.said
        return {
            "verified": self.failure is None,
            "compared": self.compared,
            "signer": said and said.submitter,
            "said": said and f"{said.time:%Y-%m-%dT%H:%M:%SZ}",
            "hash_alg": said and str(said.hash_alg),
            "hash": said and said.hash.hex(),
            "location": said and said.location,
            "preimage_content_type": said and said.preimage_content_type,
            "log": self.origin,
            "size": self.size,
            "entry": self.entry,
            "witnesses": list(self.witnesses),
            "steps": [
                {"step": int(step), "name": step.name.lower(), "result": str(self.result(step))} for step in Step
            ],
            "notes": [{"code": note.code, "sentence": note.sentence, "amber": note.amber} for note in self.notes],
            "failure": self.failure and self.failure.as_json(),
        }


def examine_anchored(proof: bytes, policy: Policy, data: bytes | None = None) -> AnchoredReport:
    """What came of each step, up to the first that fails; without data, that is not compared."""
    return _AnchoredExamination(proof, policy, data).outcome()


class _AnchoredExamination(_Examination):
    def __init__(self, proof: bytes, policy: Policy, compared: bytes | None) -> None:
        super().__init__(proof, policy)
        self.compared = compared
        self.said: Opened[DataHash] | None = None

    def _steps(self) -> Iterator[tuple[Numbered, Callable[[], None]]]:
        steps = (
            self._read, self._policy, self._checkpoint, self._entries, self._keys, self._statement, self._data
        )  # fmt: skip
        return zip(Step, steps, strict=True)

    def outcome(self) -> AnchoredReport:
        failure = self._failure()
        head = self.vouched[-1] if self.vouched else None
        signed = self.said if failure is None or failure.step > Step.STATEMENT else None
        return AnchoredReport(
            said=signed.payload if signed else None,
            notes=tuple(self.notes),
            failure=failure,
            origin=head.checkpoint.origin if head else None,
            size=head.checkpoint.size if head else None,
            witnesses=tuple(sorted(head.witnesses)) if head else (),
            entry=self.anchored.stated.index if signed else None,
            compared=self.compared is not None and signed is not None,
        )

    def _read(self) -> None:
        self.anchored = Anchored.parse(self.data)
        self.segments = (self.anchored.segment,)

    def _entries(self) -> None:
        entries = [self.anchored.stated, *self.anchored.segment.relied]
        leaves = {entered.index: entered.leaf for entered in entries}
        if len(leaves) < len(entries):
            self._refuse("one_index_twice", "two statements at one index")
        head = self.vouched[0].checkpoint
        check_multiproof(leaves, head.size, self.anchored.segment.path, head.root)

    def _statement(self) -> None:
        stated, origin = self.anchored.stated, self.anchored.segment.origin
        opened = open_statement(stated.envelope)
        said = opened.payload
        if not isinstance(said, DataHash):
            self._refuse("not_a_data_hash", "not about data", found=said.kind())
        if said.log != origin:
            self._refuse("wrong_log", "for another log", expected=origin, found=said.log)
        rights = self.rights[0]
        opened.signed.check(rights.key(opened.issuer, opened.signed.kid, stated.index))
        self.said = Opened(stated.envelope, opened.signed, said)
        if (since := rights.compromised(opened.issuer, opened.signed.kid)) is not None:
            sentence = f"Signed with a key that others may have had since {since:%Y-%m-%d %H:%M} UTC."
            self._note("key_compromised", sentence, amber=True)

    def _data(self) -> None:
        """What is not what was anchored is said to be that, with both hashes: nobody has to guess which is which."""
        if self.compared is None or self.said is None:
            return
        said = self.said.payload
        if not said.fits(self.compared):
            found = said.hash_alg.hash_of(self.compared).hex()
            self._refuse(
                "other_data", "these are not the bytes that were anchored", expected=said.hash.hex(), found=found
            )
