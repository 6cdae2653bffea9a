"""Check everything that is stored against everything that was signed, and keep what came of it.

    the log (`ledger/audit.py`) ─> statements and what they carry (`rehash.py`) ─> custody (`replay.py`) ─> Audit

An incremental audit computes the whole tree, and reads of the rest what the log did not have at the last clean one. A
full one reads everything, and replays custody, submission by submission as it reads them. Each difference has the time
from which on others could have seen what was there before, and the window in which it was changed: since the last clean
audit that read it.

Not audited is `ApiToken`: how a party's systems log in is in no log. Nor `Draft`, which has no force; nor the words
that a `Sighting` keeps about why it was refused. A submission that was accepted, never came into the log, and
was taken out whole is missed by its submitter alone, who has the promise.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import chain

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet

from ledger import audit as ledger
from ledger import keys
from ledger.audit import Auditor, Progress
from ledger.errors import SignerRefuses
from ledger.models import Checkpoint, Entry, Log
from ledger.tlog.checkpoint import Checkpoint as Remembered

from . import bulk, rehash, tally
from .models import Audit
from .replay import Replay
from .rights import Rights

KEPT = 1000  # differences that are kept of one audit
EARLY = 0.05  # of an interval that a clock may be early by
BROKEN_OFF = timedelta(hours=6)  # after which an audit that did not finish is not waited for

#: What only a replay shows is not looked for where these, on which it rests, differ.
_RESTS_ON = frozenset(
    {"traceability_submission", "traceability_registration", "traceability_event", "partners_signingkey",
     "partners_prefix", "partners_licence", "partners_hold", "ledger_entry"}
)  # fmt: skip


def quietly(_what: str, _done: int, _of: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Finding:
    """A difference, with what is known about when."""

    table: str
    key: str
    field: str
    detail: str
    entry: int | None  # its index in the log
    anchored: str | None  # since when others may know what was there: the first published checkpoint over it
    window: tuple[str | None, str]  # in which it was changed; None: whenever

    def __str__(self) -> str:
        where = "" if self.entry is None else f", entry {self.entry}"
        anchored = "in no published checkpoint" if self.anchored is None else f"anchored {self.anchored}"
        since, until = self.window
        return (
            f"{self.table} {self.key}: {self.field}: {self.detail}{where}, {anchored}, "
            f"changed between {since or 'the beginning'} and {until}"
        )


def audit_if_due(*, now: Callable[[], datetime]) -> Audit | None:
    """Audit what is new, unless that was done within the interval, or is being done. What lies further ahead is of a
    clock that was wrong."""
    began = now()
    every = timedelta(seconds=settings.AUDIT_EVERY_SECONDS * (1 - EARLY))
    recent = _within(every, began) | (_within(BROKEN_OFF, began) & Q(finished=None))
    with transaction.atomic():
        lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
        with connection.cursor() as cursor:  # one at a time begins
            cursor.execute(f"SELECT 1 FROM ledger_log{lock}")  # noqa: S608
        if not Log.objects.exists() or Audit.objects.filter(recent).exists():
            return None
        row = _begin(full=False, started=began)
    return audit(row, now=now)


def _within(time: timedelta, began: datetime) -> Q:
    return Q(started__gt=began - time, started__lt=began + time)


def begin(*, full: bool, now: datetime) -> Audit:
    return _begin(full=full, started=now)


def _begin(*, full: bool, started: datetime) -> Audit:
    last = _clean().order_by("-pk").first()
    since = 0 if full or last is None else int(last.size or 0)
    return Audit.objects.create(started=started, full=full, since=since)


def audit(
    row: Audit,
    *,
    now: Callable[[], datetime],
    tell: Callable[[Finding], None] = lambda _: None,
    progress: Progress = quietly,
) -> Audit:
    """Do it; `tell` hears of each difference when it is found. One that could not be finished leaves no row."""
    try:
        _audit(row, now(), tell, progress)
    except BaseException:
        row.delete()
        raise
    row.finished = now()
    row.save()
    return row


def _audit(row: Audit, now: datetime, tell: Callable[[Finding], None], progress: Progress) -> None:
    row.differences = 0
    with bulk.snapshot():  # read before it: whatever the signer has signed was committed by then
        remembered, unread = _remembered()
        row.size = Log.objects.values_list("size", flat=True).first() or 0
        for difference in chain(unread, differences(row, remembered, now=now, progress=progress)):
            finding = _finding(difference, row)
            row.differences += 1
            if len(row.findings) < KEPT:
                row.findings.append(asdict(finding))
            tell(finding)


def differences(
    row: Audit, remembered: Remembered | None, *, now: datetime, progress: Progress
) -> Iterator[ledger.Difference]:
    """Everything that is not as it should be, as far as this audit reads."""
    auditor, rights = Auditor.of_this_node(), Rights.of_this_node(keys.node_key().public)
    last = None if row.full else _clean().order_by("-pk").first()
    of_log = ledger.differences(auditor, remembered=remembered, since=row.since, now=now, progress=progress)
    agrees = rests = True  # whether custody comes out as it is stored, and what it rests on is whole
    with tally.begun() if row.full else nullcontext() as again:
        for difference in chain(
            _as_far_as_it_can_be_read(_LOG, of_log),
            _as_far_as_it_can_be_read("traceability_registration", rehash.registrations(rights)),
            _as_far_as_it_can_be_read(_GRANTED, rights.rows()),
            _as_far_as_it_can_be_read("traceability_casemessage", rehash.messages()),
            _as_far_as_it_can_be_read("traceability_submission", rights.certificates(row.since)),
            _as_far_as_it_can_be_read(_HANDED_IN, rehash.submissions(rights, row.since, progress, again)),
            _as_far_as_it_can_be_read(
                "traceability_sighting", rehash.sightings(rights, last.started if last else None)
            ),
            _as_far_as_it_can_be_read(_READ, rehash.access_intervals(row.since)),
            rehash.unclaimed(row.since),
            rehash.orphans(again.real) if again else (),
        ):
            if again and not _RESTS_ON.isdisjoint(difference.table.split(", ")):
                rests = False
                again.give_up()
            yield difference
        if again and rests:
            agrees = again.agrees()
    replay = Replay()
    if not agrees:
        yield from replay.differences()
    row.replayed = (rests and replay.is_whole) if row.full else None


_LOG = "ledger_log, ledger_entry, ledger_tile, ledger_checkpoint, ledger_cosignature, ledger_anchor"
_GRANTED = (
    "partners_signingkey, partners_prefix, partners_delegation, partners_licence, partners_hold, partners_grant, "
    "partners_location, partners_partner, traceability_legalhold"
)
_HANDED_IN = "traceability_submission, traceability_event"
_READ = "traceability_accessinterval, partners_accessrecord"
_NOT_TEXT = "Could not decode to UTF-8"  # by SQLite's driver


def _as_far_as_it_can_be_read(tables: str, found: Iterator[ledger.Difference]) -> Iterator[ledger.Difference]:
    """SQLite keeps a value of any type in any column: one that cannot be read is a difference, too."""
    try:
        yield from found
    except (TypeError, ValueError, OperationalError) as error:
        if isinstance(error, OperationalError) and _NOT_TEXT not in str(error):
            raise  # the database is away
        yield ledger.Difference(tables, "", ledger.WHOLE, f"cannot be read any further: {error}")


def _remembered() -> tuple[Remembered | None, list[ledger.Difference]]:
    """What the signer signed last. It may be away, which is another alarm's business."""
    try:
        return keys.log_signer().last(), []
    except SignerRefuses as refusal:
        if refusal.code in ("signer_away", "signer_moved"):
            return None, []
        return None, [ledger.Difference("log.memory", "", ledger.WHOLE, str(refusal))]


# ---- when -----------------------------------------------------------------------------------------------------------


def _clean() -> "QuerySet[Audit]":
    return Audit.objects.filter(differences=0, finished__isnull=False)


def _finding(difference: ledger.Difference, row: Audit) -> Finding:
    index = difference.index
    if index is None and difference.number is not None:
        index = Entry.objects.filter(number=difference.number).values_list("index", flat=True).first()
    since = _last_read(difference, index)
    anchored = _anchored(index)
    return Finding(
        table=difference.table,
        key=difference.key,
        field=difference.field,
        detail=difference.detail,
        entry=index,
        anchored=None if anchored is None else anchored.isoformat(),
        window=(None if since is None else since.isoformat(), row.started.isoformat()),
    )


def _anchored(index: int | None) -> datetime | None:
    if index is None:
        return None
    published = Checkpoint.objects.filter(size__gt=index, published_at__isnull=False).order_by("size")
    return published.values_list("published_at", flat=True).first()


def _last_read(difference: ledger.Difference, index: int | None) -> datetime | None:
    """When a clean audit last read what differs now. The tree is read by each, custody by full ones alone."""
    clean = _clean()
    if not difference.table.startswith("ledger_"):
        read = Q(full=True)
        if index is not None and not difference.table.startswith(_DERIVED):
            read |= Q(since__lte=index, size__gt=index)
        clean = clean.filter(read)
    return clean.order_by("-started").values_list("started", flat=True).first()


_DERIVED = ("traceability_item", "traceability_containment", "traceability_move", "traceability_exceptioncase")
