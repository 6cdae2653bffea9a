"""Work that takes longer than an answer may wait: asked for by a party, done by whichever process looks for work.

    ask ──> waiting ──claim──> running ──step──> ... ──> done, with a result that is kept some days
               ^                  │                └───> failed, with a code and what is wrong
               └─ its worker gone ┘                          (or cancelled, from wherever it was)

The database is the queue. Whoever claims a job has a turn at it, and until when, which each step puts off. Every step
is one conditional update: whose turn it is no longer, being late, thought dead or cancelled, changes nothing any more.
The clock is the database's, so that workers need not agree on the time. A worker that ended is found by that, and its
job begun again, a few times at most. Next is whose party has had no turn for longest, so that nobody's hundred jobs are
before another's first.
"""

import json
import logging
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Now

from partners.models import Partner
from partners.still import keep_still

from .epcis.errors import DocumentError
from .errors import NotFound, Refusal, TooMany
from .job_kinds import KINDS, LinesWrong, Made, Parameters
from .job_pieces import cut, keep, kept
from .models import Job, JobPiece

logger = logging.getLogger(__name__)

A_PAGE = 50  # jobs of a list
SELDOM = 0.5  # seconds between two steps that are written down, where none adds a piece
LONGEST_WAIT = 300  # seconds until what went wrong is tried again, at most
_NAME = re.compile(r"[!-~]{1,64}").fullmatch  # of a request


class State(StrEnum):
    """How it stands with a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN = (State.WAITING, State.RUNNING)


class TurnLost(Exception):
    """It is another's turn, or nobody's: whatever was made is not wanted."""


# ---- asking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What a party asks for."""

    kind: str
    request: str  # as the party calls it: the same request is the same job
    parameters: Parameters = field(default_factory=dict)
    sent: bytes = b""  # the file that comes with it
    sent_as: str = ""  # its media type

    def __post_init__(self) -> None:
        if not _NAME(self.request):
            expected = "1 to 64 characters of ASCII, no blanks, such as a UUID"
            raise DocumentError("not the name of a request", code="bad_value", where="request", expected=expected)
        if (kind := KINDS.get(self.kind)) is None:
            expected, found = ", ".join(KINDS), repr(self.kind)[:80]
            raise DocumentError("no such kind of job", code="bad_value", where="kind", expected=expected, found=found)
        if unknown := sorted(self.parameters.keys() - kind.parameters):
            expected = ", ".join(sorted(kind.parameters)) or "none"
            raise DocumentError("no such parameter", code="unknown_member", where=unknown[0][:80], expected=expected)
        if bool(kind.files) != bool(self.sent):
            expected = f"a file, one of {', '.join(kind.files)}" if kind.files else "no file"
            raise DocumentError("what comes with it", code="missing_member", where="file", expected=expected)
        if kind.files and self.sent_as not in kind.files:
            expected, found = ", ".join(kind.files), self.sent_as[:80]
            raise DocumentError(
                "in a form that is not read here",
                code="unsupported_syntax",
                where="file",
                expected=expected,
                found=found,
            )

    @property
    def sha256(self) -> bytes:
        """Of all of it but its name."""
        said = [self.kind, self.parameters, self.sent_as, sha256(self.sent).hexdigest()]
        return sha256(json.dumps(said, sort_keys=True).encode()).digest()


def ask(party: Partner, wanted: Wanted) -> tuple[Job, bool]:
    """The job for this request, and whether it is new: asked again with the same content, the same job. It is begun
    once `working.ring` was heard, or a sweep finds it."""
    if known := _asked_before(party, wanted):
        return known, False
    KINDS[wanted.kind].demand(party, wanted.parameters)
    mine = Job.objects.filter(party=party.gln, state__in=OPEN).count()
    if mine >= settings.JOBS_OPEN_MAX:
        expected = f"at most {settings.JOBS_OPEN_MAX}"
        raise TooMany("so many of your jobs are not done yet", code="too_many_jobs", expected=expected)
    try:
        with transaction.atomic():
            job = Job.objects.create(
                job=uuid.uuid4(),
                party=party.gln,
                kind=wanted.kind,
                request=wanted.request,
                asked_sha256=wanted.sha256,
                parameters=dict(wanted.parameters),
                sent_as=wanted.sent_as,
                state=State.WAITING,
                created=Now(),
            )
            keep(job.pk, cut(wanted.sent), is_result=False)
    except IntegrityError:  # the same name, at the same time
        if known := _asked_before(party, wanted):
            return known, False
        raise
    return Job.objects.get(pk=job.pk), True


def _asked_before(party: Partner, wanted: Wanted) -> Job | None:
    known = Job.objects.filter(party=party.gln, request=wanted.request).first()
    if known is not None and bytes(known.asked_sha256) != wanted.sha256:
        raise Refusal(
            "this name was used for another request",
            code="request_reused",
            where="request",
            expected="the same content again, or a new name",
            found=wanted.request,
        )
    return known


# ---- looking --------------------------------------------------------------------------------------------------------


def own_job(party: Partner, job: UUID) -> Job:
    """One of the party's own; others are not there."""
    found = Job.objects.filter(party=party.gln, job=job).first()
    if found is None:
        raise NotFound("you have asked for no job of this id", where="job")
    return found


def jobs_of(party: Partner, before: int | None = None) -> tuple[list[Job], int | None]:
    """A page of the party's own, the latest first; the cursor of the next page, None: there is none."""
    rows = Job.objects.filter(party=party.gln).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: A_PAGE + 1])
    page = found[:A_PAGE]
    return page, page[-1].pk if len(found) > A_PAGE else None


def result_of(party: Partner, job: UUID) -> tuple[Job, Iterator[bytes]]:
    """What came of it. Whether the party may have it is asked again: a block may have been returned since."""
    found = own_job(party, job)
    if found.state in OPEN:
        raise Refusal(
            "its result is not there yet", code="job_not_done", where="job", expected="done", found=found.state
        )
    if found.state == State.FAILED:
        raise Refusal(found.detail, code="job_failed", where="job", expected="done", found=found.code)
    KINDS[found.kind].demand(party, found.parameters)
    return found, kept(found.pk, is_result=True)


def cancel(party: Partner, job: UUID) -> Job:
    """It is not done, or not done to its end. Said again, it is as it was."""
    row = own_job(party, job)
    with transaction.atomic():
        which = Job.objects.filter(pk=row.pk, state__in=OPEN)
        changed = _end(which, State.FAILED, code="job_cancelled", detail="it was not wanted any more")
    row.refresh_from_db()
    if not changed and row.code != "job_cancelled":
        raise Refusal(
            "there is nothing to cancel", code="job_is_over", where="job", expected="waiting, running", found=row.state
        )
    return row


# ---- whose turn it is -----------------------------------------------------------------------------------------------


def _in(seconds: float) -> ExpressionWrapper:
    """A time to come, by the database's clock."""
    later = Now() + Value(timedelta(seconds=seconds), output_field=DurationField())
    return ExpressionWrapper(later, output_field=DateTimeField())


def _to_do() -> Q:
    """Waiting; or running, and whoever was at it is gone."""
    return Q(finished__isnull=True) & (Q(until__isnull=True) | Q(until__lt=Now()))


def claim(only: Job | None = None) -> "Turn | None":
    """A turn at the next job, or at this one; None: there is nothing to do now, or enough is being done."""
    if not Job.objects.filter(_to_do()).exists():  # asked every few seconds, by everybody
        return None
    with transaction.atomic():
        keep_still("jobs", exclusive=True)
        for worn_out in Job.objects.filter(_to_do(), attempts__gte=settings.JOB_ATTEMPTS, state=State.RUNNING):
            which = Job.objects.filter(_to_do(), pk=worn_out.pk)
            _end(which, State.FAILED, code="job_broken_off", detail="whoever was at it ended, several times")
        at_it = Job.objects.filter(state=State.RUNNING, until__gte=Now()).count()
        if only is None and at_it >= settings.JOBS_AT_ONCE:
            return None
        row = _next(only)
        if row is None:
            return None
        turn, lease = uuid.uuid4(), _in(settings.JOB_LEASE_SECONDS)
        changes = {
            "state": State.RUNNING,
            "turn": turn,
            "attempts": F("attempts") + 1,
            "until": lease,
            "started": Now(),
        }
        Job.objects.filter(pk=row.pk).update(**changes)
        row.refresh_from_db()
    return Turn(row, turn)


def _next(only: Job | None) -> Job | None:
    # A row that is locked comes to its end just now, late as that is.
    rows = Job.objects.filter(_to_do()).select_for_update(of=("self",), skip_locked=True)
    if only is not None:
        return rows.filter(pk=only.pk).first()
    turns = Job.objects.filter(party=OuterRef("party"), started__isnull=False).order_by("-started").values("started")
    return rows.annotate(last=Subquery(turns[:1])).order_by(F("last").asc(nulls_first=True), "pk").first()


def _end(which: QuerySet[Job], state: State, **changes: Any) -> bool:
    """Whether this job has come to its end by this. What is not needed any more is kept no longer."""
    job = which.first()
    ended = which.update(state=state, turn=None, until=None, finished=Now(), **changes)
    if job is not None and ended and not (state is State.DONE and KINDS[job.kind].keeps_sent):
        pieces = JobPiece.objects.filter(job=job)
        (pieces.filter(is_result=False) if state is State.DONE else pieces).delete()
    return bool(ended)


class Turn:
    """A job, for whoever is at it. Each of its acts raises `TurnLost` once that is another."""

    def __init__(self, row: Job, turn: UUID) -> None:
        self.row, self._turn = row, turn
        self.party = Partner.objects.get(gln=row.party)
        self.parameters: Mapping[str, Any] = row.parameters
        self.sent_as = row.sent_as
        self.pieces = JobPiece.objects.filter(job=row, is_result=True).count()
        self._told, self._total = 0.0, -1

    def sent(self) -> bytes:
        """The file that came with it."""
        return b"".join(kept(self.row.pk, is_result=False))

    @property
    def _mine(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.row.pk, turn=self._turn)

    def step(self, done: int, total: int, *pieces: bytes) -> None:
        """How far it is, now and then, and with each piece of the result."""
        if not pieces and total == self._total and monotonic() - self._told < SELDOM:
            return
        self._told, self._total = monotonic(), total
        with transaction.atomic():
            lease = _in(settings.JOB_LEASE_SECONDS)
            if not self._mine.update(done=done, total=total, until=lease):
                raise TurnLost(str(self.row.job))
            self._add(pieces)

    def _add(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            size = keep(self.row.pk, [piece], is_result=True, first=self.pieces)
            Job.objects.filter(pk=self.row.pk).update(size=F("size") + size)
            self.pieces += 1

    def finish(self, made: Made) -> None:
        """It is done: its result is whole, and what is done with its end is done."""
        with transaction.atomic():
            done = Coalesce(F("total"), F("done"))
            self._ended(State.DONE, made_as=made.media_type, name=made.name, done=done)
            pieces = (*made.pieces, *(made.act() if made.act else ()))
            self._add(piece for part in pieces for piece in cut(part))

    def fail(self, code: str, detail: str, wrong: LinesWrong | None = None) -> None:
        """It cannot be done, and trying again helps nobody."""
        errors = [asdict(each) for each in wrong.errors] if wrong else []
        with transaction.atomic():
            self._ended(State.FAILED, code=code, detail=detail, errors=errors, error_count=wrong.count if wrong else 0)

    def _ended(self, state: State, **changes: Any) -> None:
        if not _end(self._mine, state, **changes):
            raise TurnLost(str(self.row.job))

    def give_up(self) -> None:
        """Something went wrong that is nobody's input. It is tried again, later each time, a few times."""
        if self.row.attempts >= settings.JOB_ATTEMPTS:
            return self.fail("job_broken_off", "something went wrong here, several times; the operator can read what")
        wait = min(4.0 ** (self.row.attempts - 1), LONGEST_WAIT)
        if not self._mine.update(state=State.WAITING, turn=None, until=_in(wait)):
            raise TurnLost(str(self.row.job))
        return None


# ---- for the operator -----------------------------------------------------------------------------------------------


def standing() -> tuple[Mapping[str, int], float]:
    """How many there are in each state; and for how many seconds the oldest has been open."""
    rows = Job.objects.values_list("state").annotate(count=Count("pk"))
    counts = dict.fromkeys(map(str, State), 0) | dict(rows)
    oldest = Job.objects.filter(finished__isnull=True).order_by("pk").values_list("created", Now()).first()
    return counts, (oldest[1] - oldest[0]).total_seconds() if oldest else 0.0


# ---- what is over ---------------------------------------------------------------------------------------------------


def forget() -> int:
    """Jobs that have been over for long enough, with their results; how many."""
    past = Now() - Value(timedelta(days=settings.JOBS_KEPT_DAYS), output_field=DurationField())
    old = Job.objects.filter(finished__lt=ExpressionWrapper(past, output_field=DateTimeField()))
    keys = list(old.values_list("pk", flat=True)[:A_PAGE])
    if not keys:
        return 0
    with transaction.atomic():
        JobPiece.objects.filter(job__in=keys).delete()
        Job.objects.filter(pk__in=keys).delete()
    return len(keys)
