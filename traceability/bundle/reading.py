"""The proof of a reading: one file by which whoever's data was read shows that this was recorded when it happened.

    {"v":1, "read":[index, salt, record, path], "interval":[index in the log, salt, interval], "segment":{...}}

Deterministic CBOR. `record` and `interval` are texts, as `accesses.py` draws them: RFC 8785 JSON arrays. The record's
leaf is in the interval's tree, at `index` by `path`; the interval is in the log, under the checkpoint of the segment,
which has neither hops nor statements that it relies on.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import cbor2

from ledger.tlog.merkle import check_inclusion, check_multiproof, leaf_hash

from ..epcis.jcs import JSON, encode
from ..policy import Policy
from ..statements import ROOT, b64, read_json
from ..submission import SALT_SIZE, SECRET_SIZE
from .check import _Examination
from .report import Failure, Note, Numbered, Result
from .value import MalformedBundle, Path, Segment, _count, _loads, _octets, _Reader, _write_segment

MEDIA_TYPE = "application/vnd.unitproof.reading+cbor"
MEMBERS = ("record", "reader", "subject", "what", "purpose", "at", "reason", "in_hand")
INTERVAL = ("kind", "version", "log", "sequence", "after", "upto", "closed", "root")


def record_leaf(salt: bytes, told: list[JSON]) -> bytes:
    """The leaf hash of a record, by its salt and what stands in it, in the order of MEMBERS."""
    leaf: list[JSON] = ["a", b64(salt), *told]
    return leaf_hash(encode(leaf))


def interval_entry(salt: bytes, interval: bytes) -> bytes:
    """The 32 bytes that are logged for an interval."""
    return sha256(b"unitproof/access/v1\0" + salt + interval).digest()


class Step(Numbered):
    """The steps of checking it, each resting on those before it."""

    READ = 1, "The file is the proof of a reading, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRY = 4, "The interval is in the log."
    RECORD = 5, "The reading was recorded in that interval."


@dataclass(frozen=True)
class Reading:
    """The file."""

    index: int  # of the record's leaf, in its interval
    salt: bytes  # 16 bytes
    record: str  # RFC 8785 JSON array: MEMBERS
    path: Path
    interval_index: int  # in the log
    interval_salt: bytes  # 32 bytes
    interval: str  # RFC 8785 JSON array: INTERVAL
    segment: Segment

    def __bytes__(self) -> bytes:
        members = {
            "v": 1,
            "read": [self.index, self.salt, self.record, self.path],
            "interval": [self.interval_index, self.interval_salt, self.interval],
            "segment": _write_segment(self.segment, {}),
        }
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        match _loads(data):
            case {
                "v": 1,
                "read": [index, salt, str(record), list(path)],
                "interval": [interval_index, interval_salt, str(interval)],
                "segment": dict(segment),
                **others,
            } if not others:
                reader = _Reader(())
                reading = cls(
                    _count(index), _octets(salt, SALT_SIZE), record, reader.path(path),
                    _count(interval_index), _octets(interval_salt, SECRET_SIZE), interval, reader.segment(segment),
                )  # fmt: skip
            case _:
                raise MalformedBundle("no proof of a reading", expected="v, read, interval and segment")
        if reading.segment.hops or reading.segment.relied:
            raise MalformedBundle("shows more than a reading", where="segment")
        if bytes(reading) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        reading.told, reading.within  # noqa: B018 - a value that exists can be read
        return reading

    @property
    def told(self) -> dict[str, Any]:
        """What the record says, by name."""
        return _named(MEMBERS, read_json(self.record.encode(), "record"), "record")

    @property
    def within(self) -> dict[str, Any]:
        """What the interval says, by name."""
        return _named(INTERVAL, read_json(self.interval.encode(), "interval"), "interval")


def _named(names: tuple[str, ...], value: JSON, where: str) -> dict[str, Any]:
    if not isinstance(value, list) or len(value) != len(names):
        raise MalformedBundle("not so many members", where=where, expected=", ".join(names))
    return dict(zip(names, value, strict=True))


def is_reading(data: bytes) -> bool:
    """Whether a file begins like one: a map of four members, whose shortest names come first."""
    return data.startswith(b"\xa4\x61v\x01\x64read")


@dataclass(frozen=True)
class ReadingReport:
    """The outcome of all steps, and what was read where they hold."""

    told: dict[str, Any] | None
    closed: str | None  # when the interval was, by the node's word: in the log no later
    notes: tuple[Note, ...]
    failure: Failure | None
    origin: str | None
    size: int | None  # of the log
    witnesses: tuple[str, ...]

    def result(self, step: Numbered) -> Result:
        if self.failure and step >= self.failure.step:
            return Result.FAILS if step == self.failure.step else Result.NOT_REACHED
        return Result.AMBER if any(note.amber and note.step == step for note in self.notes) else Result.HOLDS

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verified": self.failure is None,
            "reading": self.told,
            "closed": self.closed,
            "log": self.origin,
            "size": self.size,
            "witnesses": list(self.witnesses),
            "steps": [
                {"step": int(step), "name": step.name.lower(), "result": str(self.result(step))} for step in Step
            ],
            "notes": [{"code": note.code, "sentence": note.sentence, "amber": note.amber} for note in self.notes],
            "failure": self.failure and self.failure.as_json(),
        }


def examine_reading(proof: bytes, policy: Policy) -> ReadingReport:
    """What came of each step, up to the first that fails."""
    return _ReadingExamination(proof, policy).outcome()


class _ReadingExamination(_Examination):
    def _steps(self) -> Iterator[tuple[Numbered, Callable[[], None]]]:
        return zip(Step, (self._read, self._policy, self._checkpoint, self._entry, self._record), strict=True)

    def outcome(self) -> ReadingReport:
        failure = self._failure()
        head = self.vouched[-1] if self.vouched else None
        proven = None if failure else self.reading
        return ReadingReport(
            told=proven.told if proven else None,
            closed=str(proven.within["closed"]) if proven else None,
            notes=tuple(self.notes),
            failure=failure,
            origin=head.checkpoint.origin if head else None,
            size=head.checkpoint.size if head else None,
            witnesses=tuple(sorted(head.witnesses)) if head else (),
        )

    def _read(self) -> None:
        self.reading = Reading.parse(self.data)
        self.segments = (self.reading.segment,)

    def _entry(self) -> None:
        reading, head = self.reading, self.vouched[0].checkpoint
        kind, version, log = (reading.within[name] for name in ("kind", "version", "log"))
        if (kind, version) != ("access", 1):
            self._refuse("not_an_interval", "not an interval of access records", found=json.dumps([kind, version])[:80])
        if log != reading.segment.origin:
            self._refuse("wrong_log", "for another log", expected=reading.segment.origin, found=str(log)[:80])
        entry = interval_entry(reading.interval_salt, reading.interval.encode())
        check_multiproof({reading.interval_index: leaf_hash(entry)}, head.size, reading.segment.path, head.root)

    def _record(self) -> None:
        reading = self.reading
        size, root = ROOT.read(reading.within["root"])
        leaf = record_leaf(reading.salt, list(reading.told.values()))
        check_inclusion(leaf, reading.index, size, reading.path, root)


def prove(
    record: tuple[int, bytes, str, Iterable[bytes]],
    interval: tuple[int, bytes, str],
    *,
    origin: str,
    checkpoint: str,
    path: Iterable[bytes],
) -> Reading:
    """`record`: index, salt, text and path in the interval's tree; `interval`: index in the log, salt and text."""
    index, salt, text, in_interval = record
    return Reading(index, salt, text, tuple(in_interval), *interval, Segment(origin, checkpoint, (), (), tuple(path)))
