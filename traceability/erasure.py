"""Destroying what was handed in, on request or when its time is over, and saying so in the log (ARCHITECTURE 3).

    submission ──document, fields, secrets destroyed──> cores and hashes ──erasure, deletion certificate──> entry

    erase        one submission: the bytes received, the fields, what opens them; the items' secret only when it is due
    retain       what is past retention and under no legal hold, up to so many by one certificate
    retain_if_due    all of that, once a day, without anybody asking
    set_hold, lift_hold    nothing of a party, or of one submission, is erased meanwhile

What custody needs stays: each event's core and the EPCs it names, its salt, and the hashes that still lead from there
to what was signed. The log does not change, and proofs that rest on nothing erased still hold. Whoever was shown
something keeps it: nothing is recalled. Copies in backups are the operator's to let expire.
"""

import logging
import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import chain as joined
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from ledger import tasks
from ledger.keys import node_key
from ledger.tlog.merkle import leaf_hash, root_of
from partners.models import Hold, Partner
from partners.still import keep_still

from . import bulk, claims
from .bundle.build import CannotProve
from .custody import TERMINAL, Voice
from .epcis.events import Action
from .epcis.events import Event as EventValue
from .errors import Erased as ErasedError
from .errors import NotFound, Refusal
from .history import chain
from .models import TRANSACTION, Draft, Event, Job, LegalHold, Registration, Retention, Submission
from .promises import accept
from .records import StoredEvent, event_of, leaves_of, opening_of, stored_event
from .statements import DeletionCertificate, Erased, Erasure, Holding, Root, open_statement, sign
from .statements import LegalHold as HoldStatement
from .statements import Registration as Statement
from .submission import CORE, SECRET_SIZE, Leaf, Opening, event_leaf, event_leaves, salts

logger = logging.getLogger(__name__)

GONE = bytes(SECRET_SIZE)  # what a column holds whose secret, or whose label, was erased
MOST = 1_000  # submissions under one certificate: all of them are in memory at once
_EPCS = frozenset({"epcList", "childEPCs", "parentID"})
_DECLARES = "unitproof:declares"  # of an erased error declaration without an eventID: identity of what it declares
RETENTION = "retention of {years} years, no legal hold"
EARLY = 0.05  # of an interval that a clock may be early by
UNBROKEN = 7  # intervals that may lie between two looks: what is more, a clock may have jumped


# ---- one submission -------------------------------------------------------------------------------------------------


def erase(
    submission: uuid.UUID, *, reason: str, now: datetime, submitter: str | None = None, items: bool = False
) -> Registration:
    """Destroy a submission's document and fields; with `items`, what its items' leaves say as well, if that is due.

    Raises `Refusal`, and destroys nothing, if it is under a legal hold, was erased before, or is not due.
    """
    with transaction.atomic():
        keep_still("legal holds")
        row = _locked(_find(submission, submitter).pk)
        what = [Erased.DOCUMENT, Erased.FIELDS] if row.erased_id is None else []
        what += [Erased.ITEMS] if items else []
        if not what or (items and row.items_erased_id is not None):
            raise Refusal("this was erased before", code="already_erased", where=str(submission))
        _demand_no_hold(row)
        if items:
            _demand_due(row, now)
        destroy(row, what)
        said = _say(
            Erasure(
                about=row.submitter, entry=bytes(row.entry.entry).hex(), what=tuple(what), reason=reason, **_head(now)
            ),
            now,
        )
        _mark([row.pk] if row.erased_id is None else [], [row.pk] if items else [], said)
    return said


def _find(submission: uuid.UUID, submitter: str | None) -> Submission:
    """An id is its submitter's own: two parties may use the same."""
    found = Submission.objects.filter(submission=submission)
    rows = list(found.filter(submitter=submitter) if submitter else found)
    if not rows:
        raise NotFound("no submission of this id", where=str(submission))
    if len(rows) > 1:
        parties = ", ".join(row.submitter for row in rows)
        raise Refusal("several parties have used this id: say whose", code="submitter_needed", expected=parties)
    return rows[0]


def _locked(key: int) -> Submission:
    return Submission.objects.select_for_update(of=("self",)).select_related("entry").get(pk=key)


def _demand_due(row: Submission, now: datetime) -> None:
    due = _years_later(row.accepted, settings.RETENTION_YEARS)
    if now < due:
        detail = "retention is not over: what custody rests on is kept until then"
        raise Refusal(detail, code="not_due", expected=f"{due:%Y-%m-%d} or later", found=f"{now:%Y-%m-%d}")
    if not _all_ended(row):
        raise Refusal("an item of it is still alive", code="not_due", where=str(row.submission))


def _years_later(time: datetime, years: int) -> datetime:
    """
    >>> f"{_years_later(datetime(2024, 2, 29), 6):%Y-%m-%d}"
    '2030-03-01'
    """
    try:
        return time.replace(year=time.year + years)
    except ValueError:  # the 29th of February
        return time.replace(year=time.year + years, month=3, day=1)


# ---- retention ------------------------------------------------------------------------------------------------------


def retain(*, now: datetime, most: int = MOST) -> Registration | None:
    """Erase what is past retention, under no hold, and in the log; its items' secret where all its items' lives have
    ended. One certificate for at most so many; None if nothing was due."""
    with transaction.atomic():
        keep_still("legal holds")
        rows = list(_due(now, most))
        fields = [row for row, what in rows if Erased.FIELDS in what]
        items = [row for row, what in rows if Erased.ITEMS in what]
        for row, what in rows:
            destroy(row, what)
        if not rows:
            return None
        indexes = [row.entry.index or 0 for row, _ in rows]
        said = _say(
            DeletionCertificate(
                about=settings.OPERATOR_GLN,
                first=min(indexes),
                last=max(indexes),
                documents=_tree(fields),
                items=_tree(items),
                rule=RETENTION.format(years=settings.RETENTION_YEARS),
                **_head(now),
            ),
            now,
        )
        _mark([row.pk for row in fields], [row.pk for row in items], said)
    return said


def retain_if_due(*, now: datetime) -> list[Registration]:
    """Erase all that is due, unless that was looked for within the interval; the certificates that it took.

    What is erased is gone, so no clock that has jumped may do it: without a look not long before, this one is written
    down and erases nothing. Stopped anywhere, what is left is due with the next interval.
    """
    every = timedelta(seconds=settings.RETAIN_EVERY_SECONDS)
    with transaction.atomic():
        keep_still("legal holds", exclusive=True)  # one at a time begins
        last = Retention.objects.order_by("-pk").first()
        passed = None if last is None else abs(now - last.at)  # one that lies ahead is of a clock that was wrong
        if passed is not None and passed < every * (1 - EARLY):
            return []
        Retention.objects.create(at=now)
    if passed is None or passed > every * UNBROKEN:
        if last is not None:  # the first is no wonder
            logger.warning("retention erases nothing before its next look: the last one was %s", last.at)
        return []
    certificates = list(iter(lambda: retain(now=now), None))
    if certificates:
        forget()
    return certificates


def _due(now: datetime, most: int) -> Iterator[tuple[Submission, list[Erased]]]:
    """In the order of the log, each with what is to be destroyed of it."""
    since = _years_later(now, -settings.RETENTION_YEARS)
    rows = Submission.objects.filter(accepted__lte=since, entry__index__isnull=False)
    keys = rows.filter(Q(erased=None) | Q(items_erased=None)).order_by("entry__index").values_list("pk", flat=True)
    for key in keys.iterator(chunk_size=1000):
        if most <= 0:
            return
        row = _locked(key)
        if _is_held(row):
            continue
        what = [Erased.DOCUMENT, Erased.FIELDS] if row.erased_id is None else []
        what += [Erased.ITEMS] if row.items_erased_id is None and _all_ended(row) else []
        if what:
            most -= 1
            yield row, what


def _tree(rows: Sequence[Submission]) -> Root | None:
    """Over the entries, in the order of the log."""
    return (len(rows), root_of([leaf_hash(bytes(row.entry.entry)) for row in rows])) if rows else None


def _all_ended(row: Submission) -> bool:
    """Whether the life of every item that it names has ended, as that of the container it is in; a logistic unit with
    nothing in it has none."""
    named = {epc for each in row.events.all().iterator(chunk_size=100) for epc in event_of(each.canonical).named}
    columns = "found.id, found.status, found.epc"
    rows = {key: each for key, *each in bulk.select_by(columns, "traceability_item", "epc", sorted(named), "text")}
    while rows:
        parents = _parents(list(rows))
        alone = {key: each for key, each in rows.items() if key not in parents}
        if any(status is not None and status not in TERMINAL for _, (status, _) in _not_empty(alone)):
            return False
        above = sorted(set(parents.values()))
        rows = {key: each for key, *each in bulk.select_by(columns, "traceability_item", "id", above, "bigint")}
    return True


def _not_empty(items: dict[int, list[Any]]) -> Iterator[tuple[int, list[Any]]]:
    columns, where = "found.parent_id", "found.closed_id IS NULL"
    full = {
        key for (key,) in bulk.select_by(columns, "traceability_containment", "parent_id", list(items), "bigint", where)
    }
    return ((key, each) for key, each in items.items() if key in full or each[1].startswith("https://id.gs1.org/01/"))


def _parents(keys: Sequence[int]) -> dict[int, int]:
    columns, where = "found.item_id, found.parent_id", "found.closed_id IS NULL"
    return dict(bulk.select_by(columns, "traceability_containment", "item_id", keys, "bigint", where))


# ---- legal hold -----------------------------------------------------------------------------------------------------


def set_hold(about: str, submission: uuid.UUID | None, *, reason: str, now: datetime) -> Registration:
    """From here on nothing of the party, or of this submission of it, is erased."""
    with transaction.atomic():
        keep_still("legal holds", exclusive=True)
        if LegalHold.objects.filter(about=about, submission=submission, lifted_by=None).exists():
            raise Refusal(
                "it is under a legal hold already", code="already_held_legally", where=str(submission or about)
            )
        said = _say_hold(Holding.SET, about, submission, reason, now)
        LegalHold.objects.create(about=about, submission=submission, set_by=said)
    return said


def lift_hold(about: str, submission: uuid.UUID | None, *, reason: str, now: datetime) -> Registration:
    with transaction.atomic():
        keep_still("legal holds", exclusive=True)
        hold = LegalHold.objects.filter(about=about, submission=submission, lifted_by=None).first()
        if hold is None:
            raise NotFound("no legal hold lies over it", where=str(submission or about))
        hold.lifted_by = _say_hold(Holding.LIFT, about, submission, reason, now)
        hold.save(update_fields=["lifted_by"])
    return hold.lifted_by


def subject(name: str) -> tuple[str, uuid.UUID | None]:
    """A party by its GLN, or a submission by its id: whose it is, and which."""
    if name.isdecimal():
        if not Partner.objects.filter(gln=name).exists():
            raise NotFound("no partner of this node has this GLN", code="unknown_partner", where=name)
        return name, None
    try:
        row = _find(uuid.UUID(name), None)
    except ValueError:
        raise NotFound("neither a GLN nor the id of a submission", where=name) from None
    return row.submitter, row.submission


def _say_hold(hold: Holding, about: str, submission: uuid.UUID | None, reason: str, now: datetime) -> Registration:
    named = None if submission is None else str(submission)
    return _say(HoldStatement(about=about, hold=hold, submission=named, reason=reason, **_head(now)), now)


def _is_held(row: Submission) -> bool:
    holds = LegalHold.objects.filter(about=row.submitter, lifted_by=None)
    return holds.filter(Q(submission=None) | Q(submission=row.submission)).exists()


def _demand_no_hold(row: Submission) -> None:
    if _is_held(row):
        raise Refusal("a legal hold lies over it: nothing is erased", code="legal_hold", where=str(row.submission))


# ---- what the node says of it ---------------------------------------------------------------------------------------


def _head(now: datetime) -> dict[str, Any]:
    return {
        "log": settings.LOG_ORIGIN,
        "submitter": settings.OPERATOR_GLN,
        "time": now.replace(microsecond=0),
        "statement": str(uuid.uuid4()),
    }


def _say(statement: Statement, now: datetime) -> Registration:
    """A statement by the node itself, with its own key: in the log, promised, and kept like any other."""
    opened = open_statement(sign(statement, node_key()))
    salt = secrets.token_bytes(SECRET_SIZE)
    entry, promise = accept(opened, salt, now=now)
    row = Registration.objects.create(
        statement_id=statement.id,
        issuer=statement.submitter,
        about=statement.about,
        kind=statement.kind(),
        payload_sha256=sha256(opened.signed.payload).digest(),
        envelope=opened.envelope,
        entry_salt=salt,
        entry=entry,
        promise=promise,
        accepted=now,
    )
    transaction.on_commit(tasks.ring, robust=True)  # a lost message costs a sweep, never an answer
    return row


def _mark(fields: Iterable[int], items: Iterable[int], said: Registration) -> None:
    Submission.objects.filter(pk__in=list(fields)).update(erased=said)
    Submission.objects.filter(pk__in=list(items)).update(items_erased=said)


# ---- destroying -----------------------------------------------------------------------------------------------------


def destroy(row: Submission, what: Iterable[Erased]) -> None:
    """Overwrite this much of a submission with what is left of it. Raises `CannotProve`, and destroys nothing, where
    the record is not what was signed: that has to be looked at first."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")  # freed pages are overwritten with zeros
    if Erased.FIELDS in what:
        opening, hashes = opening_of(row), bytes(row.event_leaves)
        for each in row.events.order_by("position").iterator(chunk_size=100):
            at = 32 * each.position
            _destroy_event(each, opening, hashes[at : at + 32])
        row.document, row.header, row.fields_secret, row.warnings = b"", b"{}", GONE, []
        Draft.objects.filter(submission=row.submission, submitter=row.submitter).delete()
        Job.objects.filter(kind=TRANSACTION).delete()  # papers of shipments: whose has any of it, nothing says
    claims.drop_copy(bytes(row.statement))
    if Erased.ITEMS in what:
        row.items_secret = GONE
        row.events.update(expiry=None)
        held = Hold.objects.exclude(lot=None).values("lot")  # by these a replay judges
        row.events.exclude(lot__in=held).update(lot=None)
    row.save(update_fields=["document", "header", "fields_secret", "items_secret", "warnings"])


def _destroy_event(row: Event, opening: Opening, signed: bytes) -> None:
    event = event_of(row.canonical)
    items = [Leaf(kind, epc, None, None, leaf) for epc, (kind, leaf) in leaves_of(event, row.leaves).items()]
    hashes = list(map(leaf_hash, event_leaves(event, opening.told[row.position], opening, row.position, items)))
    if event_leaf((len(hashes), root_of(hashes))) != signed:
        raise CannotProve("not the event that was signed: nothing is erased over it", where=f"event {row.position}")
    salt = salts(opening.fields, "event", row.position, "fields")("core")
    row.remains = b"".join(joined([salt], hashes[1:]))
    row.canonical, row.event_hash = stored_event(_core_and_epcs(event)), GONE
    if _is_told_once(row):
        row.identity = secrets.token_bytes(32)  # which nobody can find by guessing the rest
    row.save(update_fields=["remains", "canonical", "event_hash", "identity"])


def _is_told_once(row: Event) -> bool:
    """Whether nothing refers to the event by its identity: no other telling, nor an error declaration."""
    by_party = row.voice in (Voice.ACTOR, Voice.AGENT) and row.event_id is not None and not row.is_error_declaration
    return by_party and not Event.objects.filter(identity=row.identity).exclude(pk=row.pk).exists()


def _core_and_epcs(event: EventValue) -> EventValue:
    members = {name: value for name, value in event.members.items() if name in CORE | _EPCS}
    if event.action is Action.DELETE and not event.epcs and "childQuantityList" in event.rest:
        members["childQuantityList"] = []  # that there was one: it takes nothing out
    if event.error_declaration is not None and event.event_id is None:
        declared = {name: value for name, value in event.members.items() if name != "errorDeclaration"}
        members[_DECLARES] = EventValue.from_canonical(declared).identity.hex()
    return EventValue.from_canonical(members)


@dataclass(frozen=True)
class ErasedEvent(EventValue):
    """What is left of an event: enough to apply it again."""

    stored_identity: bytes = b""

    @cached_property
    def identity(self) -> bytes:
        declares = self.rest.get(_DECLARES)
        return bytes.fromhex(str(declares)) if declares and self.error_declaration is None else self.stored_identity


def what_is_left(row: StoredEvent) -> EventValue:
    """An event of an erased submission, for a replay."""
    event = event_of(row.canonical)
    members = {name: getattr(event, name) for name in event.__dataclass_fields__}
    return ErasedEvent(**members, stored_identity=bytes(row.identity))


def forget() -> None:
    """Outside of any transaction: have the database let go of the old rows. What it has copied elsewhere (backups,
    write-ahead logs that were archived) it cannot."""
    with connection.cursor() as cursor:
        if bulk.is_postgresql():
            cursor.execute(
                "VACUUM traceability_submission, traceability_event, traceability_draft, traceability_sighting,"
                " traceability_jobpiece"
            )
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# ---- what can no longer be shown ------------------------------------------------------------------------------------


@contextmanager
def explained(epc: str) -> Iterator[None]:
    """What cannot be proven of an item because it was erased is said to be that."""
    try:
        yield
    except CannotProve as problem:
        if erased := _erased(epc, Q(erased__isnull=False)):
            raise _why(erased) from problem
        raise


def demand_items_kept(epc: str) -> None:
    """Raise `Erased` where what is said of the item itself was erased."""
    if erased := _erased(epc, Q(items_erased__isnull=False)):
        raise _why(erased)


def _erased(epc: str, where: Q) -> Submission | None:
    found = chain(epc)
    told = {each.submission for hop in found.hops for each in (hop, hop.own) if each} if found else ()
    return Submission.objects.filter(where, submission__in=told).first()


def _why(erased: Submission) -> ErasedError:
    detail = "part of what this rests on was erased, by a statement in the log"
    return ErasedError(detail, where=f"submission {erased.submission}")
