"""What a verifier is told: every step with its outcome, every hop as what it is."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Self

from ..epcis.errors import DocumentError


class Numbered(IntEnum):
    """Steps of a check, by number; each says in a sentence what holds after it."""

    sentence: str

    def __new__(cls, number: int, sentence: str) -> Self:
        step = int.__new__(cls, number)
        step._value_ = number
        step.sentence = sentence
        return step


class Step(Numbered):
    """The steps of checking a bundle, each resting on those before it."""

    READ = 1, "The file is a bundle, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRIES = 4, "Every statement is in the log."
    KEYS = 5, "Every key and right was granted by who may grant it, in the log."
    STATEMENTS = 6, "Every statement is for this log, and signed with a key its signer had at that point of the log."
    EVENTS = 7, "Every event is part of its statement."
    LEAVES = 8, "Everything shown of an event is part of it."
    LINKS = 9, "The history is linked without a gap, through every container."
    COMMISSIONING = 10, "It was commissioned by whom its GTIN was licensed to."
    HANDOFFS = 11, "Every step is told by who possessed the item, or is shown as what it is."
    STATUS = 12, "What the node signed about now fits this history."


class BundleRefused(DocumentError):
    """A step that does not hold: everything after it is open."""

    code = "bundle_refused"


class Result(StrEnum):
    """How a step came out."""

    HOLDS = "holds"
    AMBER = "amber"  # it holds, with something to be aware of
    FAILS = "fails"
    NOT_REACHED = "not_reached"


PASSED_ON = "passed_on"
"""What a status says to a party that no longer has the item: the history ends where its own part did."""


class Verdict(StrEnum):
    VERIFIED = "verified"
    CAUTION = "caution"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the reader should know of a step that holds; amber where it qualifies the answer."""

    step: Numbered
    code: str
    sentence: str
    amber: bool = True
    hop: int | None = None  # index into the report's hops


@dataclass(frozen=True, slots=True)
class HopReport:
    """One event of the item's history."""

    time: str
    biz_step: str | None
    action: str
    voice: str  # actor, agent, reporter, intake
    party: str | None  # GLN: whose act it is
    signer: str  # GLN
    sources: tuple[str, ...]  # GLNs
    destinations: tuple[str, ...]  # GLNs
    location: str | None  # where it was shown
    named: tuple[str, ...]  # of the item and its containers, those that the event names
    statement: str  # UUID
    index: int  # of its entry in the log
    implied: tuple[str, ...] = ()  # what follows from it without having been told
    again: bool = False  # it moves nothing: its party tells for itself what another had told before
    declaration: bool = False  # it declares an earlier one an error
    reverted: bool = False  # it was declared an error later

    @property
    def signed(self) -> bool:
        """Whether the party whose act it is has signed it, itself or by an agent."""
        return self.voice in ("actor", "agent")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step does not hold."""

    step: Numbered
    code: str
    detail: str
    where: str | None
    expected: str | None
    found: str | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"step": int(self.step)}


@dataclass(frozen=True)
class Report:
    """The outcome of all steps."""

    item: str | None
    hops: tuple[HopReport, ...]
    notes: tuple[Note, ...]
    failure: Failure | None
    ilmd: dict[str, Any]  # lot, expiry and what else was said at commissioning
    outermost: str | None = None
    status: str | None = None  # the node's word, as `custody.Status`
    holds: tuple[str, ...] = ()
    origin: str | None = None
    size: int | None = None  # leaves of the log's checkpoint
    witnessed: Mapping[str, datetime] = field(default_factory=dict)  # by whom of the policy's witnesses, and when

    @property
    def witnesses(self) -> tuple[str, ...]:
        return tuple(sorted(self.witnessed))

    @property
    def verdict(self) -> Verdict:
        if self.failure:
            return Verdict.REFUSED
        return Verdict.CAUTION if any(note.amber for note in self.notes) else Verdict.VERIFIED

    def result(self, step: Step) -> Result:
        if self.failure and step >= self.failure.step:
            return Result.FAILS if step is self.failure.step else Result.NOT_REACHED
        return Result.AMBER if any(note.amber and note.step is step for note in self.notes) else Result.HOLDS

    @property
    def steps(self) -> Iterator[tuple[Step, Result]]:
        return ((step, self.result(step)) for step in Step)

    def as_json(self) -> dict[str, Any]:
        """For programs: the same, in plain values."""
        return {
            "verdict": self.verdict.value,
            "item": self.item,
            "ilmd": self.ilmd,
            "outermost": self.outermost,
            "status": self.status,
            "holds": list(self.holds),
            "log": self.origin,
            "size": self.size,
            "witnesses": list(self.witnesses),
            "witnessed": {name: self.witnessed[name].isoformat().replace("+00:00", "Z") for name in self.witnesses},
            "steps": [
                {"number": int(step), "name": step.name.lower(), "sentence": step.sentence, "result": result.value}
                for step, result in self.steps
            ],
            "failure": self.failure and self.failure.as_json(),
            "notes": [{**asdict(note), "step": int(note.step)} for note in self.notes],
            "hops": [{**asdict(hop), "signed": hop.signed} for hop in self.hops],
        }
