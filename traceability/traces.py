"""Traces: one party asks another where goods have been, and gets a signed answer with its proofs.

    ask ──> request, clock ──> draw_up ──> package ──> answer ──> file, for both sides and `unitproof verify`

Request and answer are statements in the log. Whoever is asked sees what it is about to answer before it signs; whoever
asked reads it once it is signed, and each unit that it reads of enters the access record. To everybody else there is no
such trace.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from ledger import log
from partners import access
from partners.gs1.identifiers import Sgtin
from partners.models import AccessRecord, Partner, Role

from . import bulk, jobs, working
from .bundle.trace import Package, prove
from .dscsa import tracing
from .dscsa.tracing import content, said_in
from .errors import NotAllowed, NotFound, NotSigned, Refusal
from .models import Job, Registration, Trace, TracePackage
from .proving import entered, relied_on, waiting
from .registration import register
from .saying import say
from .statements import Statement, TraceAnswer, TraceKnown, TraceRequest, open_statement

A_PAGE = 50
AT_ONCE = 50  # units, up to which an answer is drawn up while one waits; of more, by a job
JOB = "trace"  # kind of that


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a party asks its node to ask for it, with the key that the node holds: the members of a `TraceRequest`."""

    statement: UUID  # id of the statement, drawn by whoever asks: the same again is the same request
    members: tuple[tuple[str, object], ...]


# ---- asking ---------------------------------------------------------------------------------------------------------


def ask(party: Partner, envelope: bytes, *, now: datetime) -> tuple[Trace, bool]:
    """Take a signed `TraceRequest`: its row, and whether it is new. Raises as `register` does."""
    said = _own_words(party, envelope)
    if not isinstance(said, TraceRequest):
        expected = TraceRequest.kind()
        raise NotSigned(
            "this statement asks for no trace", code="unsupported_statement", expected=expected, found=said.kind()
        )
    return _of(register(envelope, now=now)[0], now)


def ask_for(party: Partner, wanted: Wanted, *, now: datetime) -> tuple[Trace, bool]:
    """The same, signed here: `party` is whoever asks. Asked again under the same id, the row that is there."""
    if (row := _said_before(party, wanted.statement)) is not None:
        said = open_statement(bytes(row.envelope)).payload
        if not isinstance(said, TraceRequest) or any(getattr(said, name) != value for name, value in wanted.members):
            raise Refusal("this id names another statement", code="submission_reused", where="statement")
        return _of(row, now)
    return _of(say(party, TraceRequest, now=now, statement=wanted.statement, **dict(wanted.members)), now)


def _own_words(party: Partner, envelope: bytes) -> Statement:
    """What the party has signed itself: whoever has another's envelope learns nothing by handing it in again."""
    opened = open_statement(envelope)
    if opened.issuer != party.gln:
        detail, expected = "a statement is handed in by who signed it", party.gln
        raise NotAllowed(detail, code="not_your_statement", expected=expected, found=opened.issuer)
    return opened.payload


def _said_before(party: Partner, statement: UUID) -> Registration | None:
    return Registration.objects.filter(issuer=party.gln, statement_id=statement).first()


def _of(row: Registration, now: datetime) -> tuple[Trace, bool]:
    return _TRACES.get(Q(request=row) | Q(answer=row)), row.accepted == now


_TRACES = Trace.objects.select_related("request__entry", "answer__entry")


# ---- looking --------------------------------------------------------------------------------------------------------


def own_trace(party: Partner, entry: bytes) -> Trace:
    """One that the party has asked for, or is asked for; others are not there."""
    found = _own(party).filter(request__entry__entry=entry).first()
    if found is None:
        raise NotFound("no trace of this entry is yours", where="entry")
    return found


def traces_of(party: Partner, before: int | None = None) -> tuple[list[Trace], int | None]:
    """A page of both kinds, the latest first; and before which to ask for the next."""
    rows = _own(party).order_by("-pk")
    found = list((rows if before is None else rows.filter(pk__lt=before))[: A_PAGE + 1])
    return found[:A_PAGE], found[A_PAGE - 1].pk if len(found) > A_PAGE else None


def _own(party: Partner) -> "QuerySet[Trace]":
    return _TRACES.filter(Q(requester=party.gln) | Q(to=party.gln))


# ---- answering ------------------------------------------------------------------------------------------------------


def draw_up(party: Partner, entry: bytes, *, now: datetime) -> TracePackage | Job:
    """The package to be signed; of many units, the job that draws it up. It may be drawn up anew until it is signed."""
    trace = asked_of(party, entry)
    if tracing.count(trace) <= AT_ONCE:
        return tracing.draw_up(trace, now=now)
    name = f"{JOB}-{entry.hex()[:32]}-"
    earlier = Job.objects.filter(party=party.gln, request__startswith=name).order_by("-pk")
    if (last := earlier.first()) is not None and last.state in jobs.OPEN:
        return last
    wanted = jobs.Wanted(JOB, f"{name}{earlier.count() + 1}", {"trace": entry.hex()})  # at once, the same for both
    job, created = jobs.ask(party, wanted)
    if created:
        working.ring()
    return job


def asked_of(party: Partner, entry: bytes) -> Trace:
    """One that the party is asked for, and has not answered."""
    trace = _TRACES.filter(to=party.gln, request__entry__entry=entry).first()
    if trace is None:
        raise NotFound("nobody has asked you for a trace in this entry", where="entry")
    if trace.answer_id is not None:
        raise Refusal("this was answered already", code="answered_twice", where="entry", found=entry.hex())
    return trace


def drawn(party: Partner, entry: bytes) -> TracePackage:
    """What was drawn up for it, to whoever is to sign it."""
    package = TracePackage.objects.filter(trace__to=party.gln, trace__request__entry__entry=entry).last()
    if package is None:
        raise NotFound("nothing was drawn up for such a trace of yours", where="entry")
    return package


def answer(party: Partner, envelope: bytes, entry: bytes, *, now: datetime) -> tuple[Trace, bool]:
    """Take a signed `TraceAnswer` to this request. Raises as `register` does."""
    said = _own_words(party, envelope)
    if not isinstance(said, TraceAnswer) or said.request != entry.hex():
        expected = f"{TraceAnswer.kind()} to {entry.hex()}"
        detail = "this statement does not answer that trace"
        raise NotSigned(detail, code="unsupported_statement", expected=expected, found=said.kind())
    return _of(register(envelope, now=now)[0], now)


def answer_for(party: Partner, statement: UUID, entry: bytes, *, now: datetime) -> tuple[Trace, bool]:
    """The same, signed here, of the package that was drawn up last."""
    if (row := _said_before(party, statement)) is not None:
        said = open_statement(bytes(row.envelope)).payload
        if not isinstance(said, TraceAnswer) or said.request != entry.hex():
            raise Refusal("this id names another statement", code="submission_reused", where="statement")
        return _of(row, now)
    trace, package = asked_of(party, entry), drawn(party, entry)
    row = say(
        party, TraceAnswer, now=now, statement=statement, to=trace.requester, request=entry.hex(),
        package=bytes(package.sha256), knows=TraceKnown(package.knows), test=trace.test or None,
    )  # fmt: skip
    return _of(row, now)


# ---- reading --------------------------------------------------------------------------------------------------------


def file_of(party: Partner, entry: bytes, *, now: datetime) -> bytes:
    """Request, answer, package and the proof of them all, to whoever asked or answered; the reading is recorded (I7).

    Raises `NotFound`, `Refusal` of a trace that nobody has answered, and `NotIntegratedYet`.
    """
    trace = own_trace(party, entry)
    if trace.answer is None:
        raise Refusal("nobody has answered this yet", code="not_answered", where="entry", expected="an answer")
    request, answered, head = entered(trace.request), entered(trace.answer), log.latest()
    signers = {_signer(trace.request), _signer(trace.answer)}
    relied = relied_on(signers, (), head)
    indexes = [request.index, answered.index, *(each.index for each in relied)]
    if head is None or max(indexes) >= head.size:
        raise waiting()
    package = b"".join(content(trace.packages.get()))
    _record(party, trace, package, now)
    return bytes(
        prove(
            package, request, answered, relied, origin=settings.LOG_ORIGIN, checkpoint=head.note,
            path=log.prove_all(indexes, head.size),
        )
    )  # fmt: skip


def _signer(row: Registration) -> tuple[str, bytes]:
    return row.issuer, open_statement(bytes(row.envelope)).signed.kid


def _record(party: Partner, trace: Trace, package: bytes, now: datetime) -> None:
    """That it was read: of each unit the first time, so that all who had a part in it find it; then as a whole."""
    purpose = purpose_of(trace)
    with transaction.atomic():
        subject = f"trace {bytes(trace.request.entry.entry).hex()}"
        access.record(party, subject, "trace", access.Purpose.TRACING, now=now)
        first = party.gln == trace.requester and Trace.objects.filter(pk=trace.pk, read=None).update(read=now)
        if first:
            said = said_in(trace)
            serials = (serial for path in Package.parse(package).told.paths for serial in path.serials)
            rows = [(party.gln, Sgtin(said.gtin, serial).uri, "trace", purpose, now, False) for serial in serials]
            bulk.insert(AccessRecord, ("reader", "subject", "what", "purpose", "at", "in_hand"), rows)


def purpose_of(trace: Trace) -> str:
    """As access records have it: a regulator's with the case that the request names."""
    said = said_in(trace)
    is_regulator = Partner.objects.filter(gln=trace.requester, role=Role.REGULATOR).exists()
    return f"case {said.case}" if said.case and is_regulator else str(access.Purpose.TRACING)
