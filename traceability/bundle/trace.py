"""A trace as one file: what was asked, what was answered, both signed and logged, and the proofs of the answer.

    {"v":1, "trace":package, "answer":[index, salt, statement], "request":[index, salt, statement], "segment":{...}}

The segment is that of a bundle without hops: the checkpoint, the statements by which both signers' keys count, and the
path of them all. The package, of which the answer holds the SHA-256, is

    {"v":1, "told":text, "bundles":[bundle, ...]}

and `told` an RFC 8785 JSON text:

    {"drawn":time, "knows":"some", "parties":{gln:name,...}, "party":gln, "paths":[path, ...], "product":{...},
     "request":hex, "test":true, "unknown":[serial, ...], "wants":"all_known_owners"}
    path: {"events":[event, ...], "expiry":"2028-12-31", "lot":"L42", "owners":[owner, ...], "proven":1,
           "serials":[serial, ...], "status":"held"}
    event: {"party":gln, "signed":true, "statement":uuid, "step":"shipping", "time":time, "to":gln}
    owner: {"gln":gln, "since":time}

A path is what units have in common that changed hands together. Of its serials the first `proven` have a proof bundle
each, in this order. `status` stands where whoever answers has the units or is to receive them; of what it has passed
on, it does not say what became of it, and `unknown` names the serials that it had no part in. `test` is there in a
drill alone; `unknown` where serials were asked for. Deterministic CBOR around it all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Self, cast

import cbor2

from ledger.tlog.merkle import check_multiproof
from partners.gs1.identifiers import Sgtin

from ..custody import Step as Act
from ..custody import step_named
from ..epcis.events import Action
from ..epcis.jcs import JSON, encode
from ..policy import Policy
from ..statements import (
    COUNT,
    ENTRY_HEX,
    GLN,
    TIME,
    UUID,
    WORD,
    Form,
    Opened,
    Statement,
    TraceAnswer,
    TraceKnown,
    TraceRequest,
    TraceWanted,
    entry,
    many,
    mapping,
    name_order,
    one_of,
    open_statement,
    read,
    read_json,
)
from .check import _Examination, examine
from .report import Failure, HopReport, Note, Numbered, Report, Result
from .value import Entered, MalformedBundle, Segment, _loads, _Reader, _write_entered, _write_segment

MEDIA_TYPE = "application/vnd.unitproof.trace+cbor"
MAX_SIZE = 1 << 28  # bytes
ILMD = ("urn:epcglobal:cbv:mda:lotNumber", "urn:epcglobal:cbv:mda:itemExpirationDate")

#: Steps by which goods come to a party, or leave the chain: what a trace tells of.
CHANGES = frozenset(
    {Act.COMMISSION, Act.SHIP, Act.VOID, Act.RECEIVE, Act.RETURN, Act.DISPENSE, Act.DECOMMISSION, Act.DESTROY,
     Act.EXPORT}
)  # fmt: skip
COMES_TO = frozenset({Act.COMMISSION, Act.VOID, Act.RECEIVE, Act.RETURN})  # its own party


class Step(Numbered):
    """The steps of checking it, each resting on those before it; the first five are those of a bundle."""

    READ = 1, "The file is a trace, in its one form."
    POLICY = 2, "The policy names the log."
    CHECKPOINT = 3, "The log has signed its checkpoint, and enough witnesses have seen it."
    ENTRIES = 4, "The request, the answer, and every statement they rest on are in the log."
    KEYS = 5, "Every key was granted by who may grant it, in the log."
    STATEMENTS = 6, "Request and answer are for this log, about each other, and signed with keys of their signers."
    PACKAGE = 7, "The package is the one that was signed, and tells of what was asked."
    PROOFS = 8, "Every proof in it holds, and says what is told."


# ---- what is told ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One event by which units changed hands."""

    step: str  # as the event's business step has it
    party: str  # GLN of whose act it is
    to: str | None  # GLN, of a shipment
    time: datetime
    statement: str  # UUID of the submission that tells it
    signed: bool  # whether its party has signed it, or an agent of its own

    @property
    def act(self) -> Act | None:
        """What it means for whoever has the units."""
        return step_named(self.step, Action.OBSERVE, None) or step_named(self.step, Action.ADD, None)

    def as_json(self) -> dict[str, JSON]:
        return {
            "party": self.party, "signed": self.signed, "statement": self.statement, "step": self.step,
            "time": _instant(self.time), **({} if self.to is None else {"to": self.to}),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Path:
    """Units that changed hands together, as far as whoever answers had a part in it."""

    serials: tuple[str, ...]
    proven: int  # of them, the first, each by a bundle of its own
    changes: tuple[Change, ...]  # oldest first
    lot: str | None
    expiry: str | None  # as the ILMD writes it
    status: str | None  # a word of custody.Status; None: whoever answers has passed them on

    def as_json(self) -> dict[str, JSON]:
        told: dict[str, JSON] = {
            "events": [each.as_json() for each in self.changes],
            "owners": cast("list[JSON]", [{"gln": gln, "since": _instant(at)} for gln, at in owners(self.changes)]),
            "proven": self.proven,
            "serials": list(self.serials),
        }
        more = {"lot": self.lot, "expiry": self.expiry, "status": self.status}
        return told | {name: value for name, value in more.items() if value is not None}


def owners(changes: Iterable[Change]) -> list[tuple[str, datetime]]:
    """Who had them, one after the other, since when: a consignee since they were shipped to it.

    >>> at = datetime.fromisoformat("2026-01-05T08:00:00Z")
    >>> ships = Change("shipping", "0614141001005", "0614141002002", at, "", True)
    >>> [gln for gln, _ in owners([ships])]
    ['0614141002002']
    """
    found: list[tuple[str, datetime]] = []
    for each in changes:
        gln = _comes_to(each)
        if gln is not None and (not found or found[-1][0] != gln):
            found.append((gln, each.time))
    return found


def asked_for(changes: Sequence[Change], wants: TraceWanted) -> tuple[Change, ...]:
    """Those that answer the question: of the last owner, from the one on by which it came to that."""
    if wants is not TraceWanted.LAST_KNOWN_OWNERS:
        return tuple(changes)
    first, last = 0, None
    for number, each in enumerate(changes):
        gln = _comes_to(each)
        if gln is not None and gln != last:
            first, last = number, gln
    return tuple(changes[first:])


def _comes_to(each: Change) -> str | None:
    return each.to if each.act is Act.SHIP else each.party if each.act in COMES_TO else None


def _instant(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_instant(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None or _instant(time) != value:
        raise ValueError(value)
    return time


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


INSTANT = Form("a time in UTC, with milliseconds", _read_instant, _instant)
BOOL = Form("true or false", _read_bool, bool)
SERIALS = many(WORD, by=name_order, least=0)
TEXTS = mapping(Form("a text", lambda value: WORD.read(value), str), "an object of texts")


@dataclass(frozen=True)
class Told:
    """All that is told in answer to a trace."""

    request: str  # entry, in hexadecimal
    party: str  # GLN of whoever answers
    wants: TraceWanted
    knows: TraceKnown
    drawn: datetime  # whole seconds
    paths: tuple[Path, ...]
    unknown: tuple[str, ...] | None  # serials that were asked for; None: it was asked for a lot
    test: bool
    product: Mapping[str, str]  # what the node knows of it: name, ndc, strength, ...
    parties: Mapping[str, str]  # names by GLN, of all that are named

    @property
    def units(self) -> int:
        return sum(len(path.serials) for path in self.paths)

    @property
    def proven(self) -> int:
        return sum(path.proven for path in self.paths)

    def __bytes__(self) -> bytes:
        told: dict[str, JSON] = {
            "drawn": TIME.write(self.drawn), "knows": str(self.knows), "parties": dict(self.parties),
            "party": self.party, "paths": [path.as_json() for path in self.paths], "product": dict(self.product),
            "request": self.request, "wants": str(self.wants),
        }  # fmt: skip
        if self.unknown is not None:
            told["unknown"] = list(self.unknown)
        return encode(told | ({"test": True} if self.test else {}))

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        members = read_json(text, "told")
        if not isinstance(members, dict) or not isinstance(members.get("paths"), list):
            raise MalformedBundle("not what a trace tells", where="told", expected="an object with its paths")
        said = cast("dict[str, Any]", members)
        told = cls(
            request=_member(said, "request", ENTRY_HEX),
            party=_member(said, "party", GLN),
            wants=_member(said, "wants", one_of(TraceWanted)),
            knows=_member(said, "knows", one_of(TraceKnown)),
            drawn=_member(said, "drawn", TIME),
            paths=tuple(_read_path(each) for each in said["paths"]),
            unknown=_member(said, "unknown", SERIALS) if "unknown" in said else None,
            test="test" in said,
            product=_member(said, "product", TEXTS),
            parties=_member(said, "parties", TEXTS),
        )
        if bytes(told) != text:
            raise MalformedBundle("does not write back to the same bytes", code="not_canonical", where="told")
        return told


def _member(said: Any, name: str, form: Form) -> Any:
    if not isinstance(said, dict) or name not in said:
        raise MalformedBundle("a member is missing", where=name)
    return read(form, said[name], name)


def _optional(said: Any, name: str, form: Form) -> Any:
    return _member(said, name, form) if isinstance(said, dict) and name in said else None


def _read_path(said: Any) -> Path:
    events = said.get("events") if isinstance(said, dict) else None
    if not isinstance(events, list):
        raise MalformedBundle("not a path", where="paths", expected="an object with its events")
    path = Path(
        serials=_member(said, "serials", SERIALS),
        proven=_member(said, "proven", COUNT),
        changes=tuple(_read_change(each) for each in events),
        lot=_optional(said, "lot", WORD),
        expiry=_optional(said, "expiry", WORD),
        status=_optional(said, "status", WORD),
    )
    if not path.serials or path.proven > len(path.serials):
        raise MalformedBundle("no units, or more proven than there are", where="paths")
    return path


def _read_change(said: Any) -> Change:
    return Change(
        step=_member(said, "step", WORD),
        party=_member(said, "party", GLN),
        to=_optional(said, "to", GLN),
        time=_member(said, "time", INSTANT),
        statement=_member(said, "statement", UUID),
        signed=_member(said, "signed", BOOL),
    )


# ---- the package ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Package:
    """What an answer is about: what is told, and the bundles that prove it."""

    told: Told
    bundles: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        members = {"v": 1, "told": bytes(self.told).decode(), "bundles": self.bundles}
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        match _loads(data, MAX_SIZE):
            case {"v": 1, "told": str(told), "bundles": list(bundles), **others} if not others and all(
                isinstance(each, bytes) for each in bundles
            ):
                package = cls(Told.parse(told.encode()), tuple(bundles))
            case _:
                raise MalformedBundle("not the package of a trace", expected="v, told and bundles")
        if package.told.proven != len(bundles):
            raise MalformedBundle("not so many proofs as are told of", where="bundles", found=str(len(bundles)))
        if bytes(package) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        return package


# ---- the file -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """The file."""

    package: bytes
    request: Entered
    answer: Entered
    segment: Segment

    def __bytes__(self) -> bytes:
        members = {
            "v": 1,
            "trace": self.package,
            "answer": _write_entered(self.answer),
            "request": _write_entered(self.request),
            "segment": _write_segment(self.segment, {}),
        }
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        match _loads(data, MAX_SIZE):
            case {
                "v": 1, "trace": bytes(package), "answer": answer, "request": request, "segment": dict(segment),
                **others,
            } if not others:  # fmt: skip
                reader = _Reader(())
                trace = cls(package, reader.entered(request), reader.entered(answer), reader.segment(segment))
            case _:
                raise MalformedBundle("not a trace", expected="v, trace, answer, request and segment")
        if trace.segment.hops:
            raise MalformedBundle("shows events beside those of its proofs", where="hops")
        if bytes(trace) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        return trace

    @cached_property
    def opened(self) -> Package:
        """What is in the package."""
        return Package.parse(self.package)


def is_trace(data: bytes) -> bool:
    """Whether a file begins like one: a map of five members, whose shortest names come first."""
    return data.startswith(b"\xa5\x61v\x01\x65trace")


def prove(
    package: bytes, request: Entered, answer: Entered, relied: Iterable[Entered], *, origin: str, checkpoint: str,
    path: Iterable[bytes],
) -> Trace:  # fmt: skip
    """`path` is the multiproof of request, answer and all they rely on, in the tree of the checkpoint."""
    in_order = tuple(sorted(relied, key=lambda each: each.index))
    return Trace(package, request, answer, Segment(origin, checkpoint, (), in_order, tuple(path)))


# ---- checking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TraceReport:
    """The outcome of all steps, and what was asked and told where they come so far."""

    request: TraceRequest | None
    answer: TraceAnswer | None
    told: Told | None
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
        asked = self.request
        return {
            "verified": self.failure is None,
            "test": asked and bool(asked.test),
            "requester": asked and asked.about,
            "investigation": asked and asked.investigation,
            "party": self.answer and self.answer.about,
            "told": None if self.told is None else read_json(bytes(self.told), "told"),
            "units": self.told and self.told.units,
            "proven": self.told and self.told.proven,
            "log": self.origin,
            "size": self.size,
            "witnesses": list(self.witnesses),
            "steps": [
                {"step": int(step), "name": step.name.lower(), "result": str(self.result(step))} for step in Step
            ],
            "notes": [{"code": note.code, "sentence": note.sentence, "amber": note.amber} for note in self.notes],
            "failure": self.failure and self.failure.as_json(),
        }


def examine_trace(data: bytes, policy: Policy) -> TraceReport:
    """What came of each step, up to the first that fails."""
    return _TraceExamination(data, policy).outcome()


class _TraceExamination(_Examination):
    def __init__(self, data: bytes, policy: Policy) -> None:
        super().__init__(data, policy)
        self.asked: TraceRequest | None = None
        self.answered: TraceAnswer | None = None

    def _steps(self) -> Iterator[tuple[Numbered, Callable[[], None]]]:
        steps = (
            self._read, self._policy, self._checkpoint, self._entries, self._keys, self._statements, self._package,
            self._proofs,
        )  # fmt: skip
        return zip(Step, steps, strict=True)

    def outcome(self) -> TraceReport:
        failure = self._failure()
        reached = failure.step if failure else max(Step) + 1
        head = self.vouched[-1] if self.vouched else None
        return TraceReport(
            request=self.asked if reached > Step.STATEMENTS else None,
            answer=self.answered if reached > Step.STATEMENTS else None,
            told=self.trace.opened.told if reached > Step.PACKAGE else None,
            notes=tuple(self.notes),
            failure=failure,
            origin=head.checkpoint.origin if head else None,
            size=head.checkpoint.size if head else None,
            witnesses=tuple(sorted(head.witnesses)) if head else (),
        )

    def _read(self) -> None:
        self.trace = Trace.parse(self.data)
        self.segments = (self.trace.segment,)

    def _entries(self) -> None:
        entries = [self.trace.request, self.trace.answer, *self.trace.segment.relied]
        leaves = {entered.index: entered.leaf for entered in entries}
        if len(leaves) < len(entries):
            self._refuse("one_index_twice", "two statements at one index")
        head = self.vouched[0].checkpoint
        check_multiproof(leaves, head.size, self.trace.segment.path, head.root)

    def _statements(self) -> None:
        asked, answered = self._signed(self.trace.request), self._signed(self.trace.answer)
        if not isinstance(asked, TraceRequest) or not isinstance(answered, TraceAnswer):
            self._refuse("not_a_trace", "not a request and its answer", found=f"{asked.kind()}, {answered.kind()}")
        request = entry(self.trace.request.salt, self.trace.request.envelope).hex()
        if answered.request != request or self.trace.answer.index < self.trace.request.index:
            self._refuse("another_trace", "the answer is to another request", expected=request, found=answered.request)
        for name, expected, found in (
            ("about", asked.to, answered.about), ("to", asked.about, answered.to),
            ("test", str(asked.test), str(answered.test)),
        ):  # fmt: skip
            if expected != found:
                self._refuse("another_trace", f"request and answer differ: {name}", expected=expected, found=found)
        self.asked, self.answered = asked, answered
        if asked.test:
            self._note("test_trace", "TEST: a drill. Nobody suspects these goods because of it.", amber=True)

    def _signed(self, entered: Entered) -> Statement:
        opened: Opened[Statement] = open_statement(entered.envelope)
        origin, rights = self.trace.segment.origin, self.rights[0]
        if opened.payload.log != origin:
            self._refuse("wrong_log", "for another log", expected=origin, found=opened.payload.log)
        opened.signed.check(rights.key(opened.issuer, opened.signed.kid, entered.index))
        if (since := rights.compromised(opened.issuer, opened.signed.kid)) is not None:
            sentence = f"Signed with a key that others may have had since {since:%Y-%m-%d %H:%M} UTC."
            self._note("key_compromised", sentence, amber=True)
        return opened.payload

    def _package(self) -> None:
        asked, answered = self.asked, self.answered
        assert asked is not None
        assert answered is not None
        found = sha256(self.trace.package).digest()
        if found != answered.package:
            expected = answered.package.hex()
            self._refuse("another_package", "not the package that was signed", expected=expected, found=found.hex())
        told = self.trace.opened.told
        serials = [serial for path in told.paths for serial in path.serials]
        wanted = set(asked.serials or ())
        agrees = (
            ("request", told.request == answered.request),
            ("party", told.party == answered.about),
            ("knows", told.knows is answered.knows is knows(serials, told.unknown)),
            ("wants", told.wants is asked.wants),
            ("test", told.test == bool(asked.test)),
            ("serials", len(set(serials)) == len(serials)),
            ("unknown", (told.unknown is not None) == bool(wanted)),
            ("serials", not wanted or {*serials, *(told.unknown or ())} == wanted),
            ("unknown", not set(serials) & set(told.unknown or ())),
            ("lot", asked.lot is None or all(path.lot == asked.lot for path in told.paths)),
        )
        if wrong := next((name for name, is_so in agrees if not is_so), None):
            self._refuse("not_what_was_asked", f"the package does not answer what was asked: {wrong}")
        if told.unknown:
            some = f"{told.party} had no part in {len(told.unknown)} of the serials, as far as it knows."
            self._note("trace_unknown", some)

    def _proofs(self) -> None:
        told, asked = self.trace.opened.told, self.asked
        assert asked is not None
        bundles, cautions = iter(self.trace.opened.bundles), Counter[str]()
        for path in told.paths:
            for serial in path.serials[: path.proven]:
                report = self._proof(next(bundles), Sgtin(asked.gtin, serial).uri, path, told.wants)
                cautions.update({note.sentence for note in report.notes if note.amber})
        for sentence, count in cautions.items():
            self._note("trace_proof_caution", f"Of {count} of {told.proven} proofs: {sentence}", amber=True)
        if rest := told.units - told.proven:
            sentence = f"Of {rest} of {told.units} units there is no proof of their own: {told.party} alone says so."
            self._note("trace_by_word", sentence, amber=True)

    def _proof(self, bundle: bytes, epc: str, path: Path, wants: TraceWanted) -> Report:
        report = examine(bundle, self.policy)
        if report.failure is not None:
            failure = report.failure
            self._refuse(failure.code, f"the proof of {epc} does not hold: {failure.detail}", found=failure.found)
        if report.item != epc:
            self._refuse("another_item", "the proof of another unit", expected=epc, found=report.item)
        if (path.lot, path.expiry) != tuple(report.ilmd.get(name) for name in ILMD):
            self._refuse("another_lot", f"lot or expiry of {epc} are others", expected=path.lot)
        shown, said = _shown(report), Counter(map(_key, path.changes))
        missing = () if wants is TraceWanted.LAST_KNOWN_OWNERS else (shown - said).elements()
        wrong = next(iter([*(said - shown).elements(), *missing]), None)
        if wrong is not None:
            step, party, time, _ = wrong
            detail = f"what is told of {epc} is not what its proof shows"
            self._refuse("told_otherwise", detail, found=f"{step} by {party} at {_instant(time)}")
        own = {(hop.biz_step, hop.party) for hop in report.hops if hop.signed}
        for each in path.changes:
            if each.signed and (each.step, each.party) not in own:
                self._refuse("told_otherwise", f"what is told of {epc} as signed is not", found=each.step)
            if each.to is not None and not any(
                each.to in hop.destinations for hop in report.hops if hop.statement == each.statement
            ):
                self._refuse("told_otherwise", f"{epc} was shipped to somebody else", found=each.to)
        if path.status is not None and path.status != report.status:
            self._refuse("told_otherwise", f"{epc} is not what is told", expected=report.status, found=path.status)
        return report


def knows(serials: Sequence[str], unknown: Sequence[str] | None) -> TraceKnown:
    """How much that is of what was asked: of a lot, nobody but its maker can say that it is all."""
    if not serials:
        return TraceKnown.NOTHING
    return TraceKnown.SOME if unknown is None or unknown else TraceKnown.ALL


def _shown(report: Report) -> "Counter[tuple[str, str, datetime, str]]":
    """What a bundle shows of changes of hands: what was declared an error, or only told once more, is none."""
    return Counter(
        (hop.biz_step or "", hop.party or "", _moment(hop.time), hop.statement)
        for hop in report.hops
        if not (hop.again or hop.declaration or hop.reverted) and _is_change(hop)
    )


def _is_change(hop: HopReport) -> bool:
    return step_named(hop.biz_step, Action(hop.action), None) in CHANGES


def _key(each: Change) -> tuple[str, str, datetime, str]:
    return each.step, each.party, each.time, each.statement


def _moment(time: str) -> datetime:
    """As far as a trace tells of it."""
    found = datetime.fromisoformat(time)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)
