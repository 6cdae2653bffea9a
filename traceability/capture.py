"""Take a document its submitter has signed: all of it, or nothing (ARCHITECTURE section 2).

    draft ──> the payload to sign, with what recomputing it needs
    capture ──> checked events, lawful moves, one signed statement, one pending entry

One database transaction holds it all; the client is answered after the commit. The steps are numbered below, and a
failpoint stands between any two of them: whatever dies there has changed nothing, or everything.
"""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TypeVar
from uuid import UUID
from zlib import compress

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Q

from ledger import tasks
from ledger.failpoint import failpoint
from ledger.models import Entry
from ledger.tlog import cose
from ledger.tlog.errors import LogError
from partners import access, prepared
from partners.errors import PartnerError
from partners.gs1.identifiers import is_sgtin
from partners.models import Partner
from partners.signing_keys import lock_issuer, speaking_key
from partners.still import keep_still

from . import claims, custody, records, statements
from .custody import PLAIN, EventPlan, Step
from .epcis.documents import parse
from .epcis.events import Document, Event
from .epcis.jcs import encode
from .epcis.limits import Limits
from .errors import Conflict, NotSigned, Refusal, StaleHead
from .facts import Judgement
from .lawful import ALREADY_RECEIVED, ON_HOLD, unknown_item
from .loading import load
from .models import Draft, Submission
from .ordering import application_order
from .promises import accept
from .statements import b64
from .submission import Draft as DraftValue
from .submission import EventTree, Opening, OpeningMismatch, Tree, begins, document_mac, event_leaf, grow, payload

DRAFT_KEPT = timedelta(hours=24)
AHEAD = timedelta(hours=24)  # how far clocks and time zones may be wrong
TRIES = 20  # of one request against others that touch the same items: of these, each time one went through

BEGINS = frozenset({Step.COMMISSION, Step.PACK})  # steps by which items may begin
T = TypeVar("T")


@dataclass(frozen=True)
class Accepted:
    """What the client is answered: the promise, the same again on every retry."""

    submission: Submission
    created: bool
    warnings: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Judged:
    """A document, and everything that accepting it would do."""

    document: Document
    loaded: records.Loaded
    judgement: Judgement
    order: list[int]

    @property
    def told_anew(self) -> frozenset[str]:
        """What events name that the submitter has not told itself before, by which it learns nothing."""
        resends = self.judgement.resends
        events = (event for position, event in enumerate(self.document.events) if position not in resends)
        return frozenset(epc for event in events for epc in event.named)

    def grow(self, received: bytes, opening: Opening) -> Tree:
        return grow(self.document, received, opening, self.loaded.heads, self.loaded.contents, self.judgement.plans)


def read(received: bytes, content_type: str | None, now: datetime) -> Document:
    """The document. Every event in it is of a kind that `custody` knows, and none lies ahead."""
    document = parse(received, content_type, limits())
    latest = records.instant(now.astimezone(UTC) + AHEAD)
    for position, event in enumerate(document.events):
        if event.instant > latest:  # everything that happens until then would come late
            raise Refusal(
                "an event that has not happened yet",
                code="event_in_the_future",
                where=f"event {position}: eventTime",
                expected=f"at most {latest}Z",
                found=event.event_time,
            )
        try:
            custody.step_of(event)
        except Refusal as refusal:
            refusal.where = f"event {position}: bizStep"
            raise
    return document


def limits() -> Limits:
    return Limits(
        max_bytes=settings.EPCIS_MAX_BYTES, max_depth=settings.EPCIS_MAX_DEPTH, max_events=settings.EPCIS_MAX_EVENTS
    )


def _judge(document: Document, loaded: records.Loaded) -> Judged:
    order = application_order(document.events)
    return Judged(document, loaded, loaded.board.judge(document.events, loaded.told, order), order)


def _of_others(document: Document, loaded: records.Loaded, party: str) -> frozenset[str]:
    return loaded.of_others({epc for event in document.events for epc in event.named}, party)


def _concealed(document: Document, loaded: records.Loaded, party: str) -> frozenset[str]:
    """Of others' items, those of which the party is told no more than that they are not its own."""
    return _of_others(document, loaded, party) - loaded.entrusted(document.events)


def _tells_too_much(conflict: Conflict, others: Collection[str]) -> bool:
    """Whether it says more of another party's item than that it is not one's own. Who may issue a serial number may
    know that it was used; of logistic units, anybody may issue some. That it is too late to call a shipment off, only
    those are told who had the item."""
    if conflict.code == ALREADY_RECEIVED:
        return False
    licensed = conflict.code == "already_commissioned" and is_sgtin(conflict.epc or "")
    return conflict.epc in others and not licensed


# ---- drafts ---------------------------------------------------------------------------------------------------------


def draft(
    received: bytes, submitter: Partner, *, content_type: str | None, now: datetime, submission: UUID | None = None
) -> Draft:
    """What `submitter` would have to sign for this document. The same bytes from the same party give the same draft,
    for as long as the heads it was made over are those of its items. A new one is called `submission`, if the caller
    has an id that nothing was accepted under."""
    document = read(received, content_type, now)
    return _again(lambda: _draft(received, document, submitter, content_type or "", now, submission or uuid.uuid4()))


def _draft(
    received: bytes, document: Document, submitter: Partner, content_type: str, now: datetime, submission: UUID
) -> Draft:
    judged = _judge_discreetly(document, submitter, now)
    digest = sha256(received).digest()
    kept = Draft.objects.filter(submitter=submitter.gln, document_sha256=digest).first()
    if kept is not None and kept.expires > now and _still_holds(kept, received, judged):
        return kept
    opening = Opening.draw(judged.loaded.told)
    tree = _grow_unlocked(judged, received, opening)
    at = now.replace(microsecond=0)
    signed = payload(tree, log=settings.LOG_ORIGIN, submitter=submitter.gln, submission=str(submission), time=at)
    expires = (now + DRAFT_KEPT).replace(microsecond=0)
    value = _draft_value(judged, tree, opening, signed, expires)
    with transaction.atomic():
        Draft.objects.filter(Q(expires__lte=now) | Q(pk=kept and kept.pk)).delete()  # one drawn meanwhile stays
        return Draft.objects.create(
            submission=submission,
            submitter=submitter.gln,
            document=compress(received),
            document_sha256=digest,
            content_type=content_type,
            opening=bytes(opening),
            payload=signed,
            draft=bytes(value),
            expires=expires,
        )


def _judge_discreetly(document: Document, submitter: Partner, now: datetime) -> Judged:
    """As nothing is signed yet: of another party's items one is told as if they were unknown, and that one has asked
    about them is kept (invariant I7)."""
    loaded = load(document, submitter.gln, lock=False, now=now)
    others, concealed = _of_others(document, loaded, submitter.gln), _concealed(document, loaded, submitter.gln)
    asked: Collection[str] = others
    try:
        judged = _judge(document, loaded)
        asked = others & judged.told_anew
    except Conflict as conflict:
        if not _tells_too_much(conflict, concealed):
            raise
        unknown = unknown_item(str(conflict.epc))
        unknown.where = conflict.where
        raise unknown from conflict
    finally:
        access.record_all(submitter, asked, "draft", access.Purpose.CUSTODY, now=now)
    return judged


def _still_holds(kept: Draft, received: bytes, judged: Judged) -> bool:
    opening = Opening.parse(bytes(kept.opening))
    if opening.told != judged.loaded.told:
        return False
    tree = _grow_unlocked(judged, received, opening)
    return bytes(kept.draft) == bytes(_draft_value(judged, tree, opening, bytes(kept.payload), kept.expires))


def _grow_unlocked(judged: Judged, received: bytes, opening: Opening) -> Tree:
    try:
        return judged.grow(received, opening)
    except OpeningMismatch as mismatch:  # heads and contents were of two moments
        raise records.ChangedMeanwhile from mismatch


def _draft_value(judged: Judged, tree: Tree, opening: Opening, signed: bytes, expires: datetime) -> DraftValue:
    """The draft with just the heads that recomputing needs: of what moves, and does not begin here."""
    events, loaded = judged.document.events, judged.loaded
    plans = [_complete(*each) for each in zip(events, judged.judgement.plans, tree.events, strict=True)]
    moving = _moving(events, plans, judged.order)
    closed = loaded.board.facts.closed
    return DraftValue(
        payload=statements.Submission.parse(signed),
        opening=opening,
        heads={epc: head for epc, head in loaded.heads.items() if epc in moving},
        contents={epc: leaves for epc, leaves in loaded.contents.items() if epc in moving and epc not in closed},
        plans={position: plan for position, plan in enumerate(plans) if plan != PLAIN},
        exceptions=judged.judgement.exceptions,
        expires=expires,
    )


def _moving(events: Sequence[Event], plans: Sequence[EventPlan], order: Sequence[int]) -> set[str]:
    """What moves, unless it begins with that: a commissioning follows nothing."""
    first: dict[str, Event] = {}
    for position in order:
        event, seen = events[position], plans[position].seen
        for epc in event.named:
            if epc not in seen:
                first.setdefault(epc, event)
    return {epc for epc, event in first.items() if not begins(event)}


def _complete(event: Event, plan: EventPlan, tree: EventTree) -> EventPlan:
    """With the content that an error declaration came to put back, where that is of this very submission."""
    if event.error_declaration is None:
        return plan
    contents = {leaf.epc: leaf.content for leaf in tree.items if leaf.kind == "p" and leaf.content is not None}
    return replace(plan, restored=contents | dict(plan.restored)) if contents else plan


# ---- capture --------------------------------------------------------------------------------------------------------


def capture(
    received: bytes, opening: bytes, statement: bytes, *, content_type: str | None = None, now: datetime
) -> Accepted:
    """Take a signed document. Raises, and stores nothing but a sighting, unless every event in it is lawful.

    Raises `DocumentError` and `StatementError` for what cannot be read, `NotSigned` for what its submitter did not
    sign, `Refusal` and its kinds for what may not happen.
    """
    # 1  read the statement: cheap, and it says who speaks
    opened = statements.open_statement(statement)
    said = opened.payload
    if not isinstance(said, statements.Submission):
        raise NotSigned("not the statement of a submission", expected="submission", found=said.kind())
    if said.log != settings.LOG_ORIGIN:
        raise NotSigned("made for another log", code="wrong_log", expected=settings.LOG_ORIGIN, found=said.log)
    # 2  a retry gets what it got before
    if known := _known(said):
        return Accepted(known, created=False)
    _check_time(said, now)
    # 3  read the document
    document = read(received, content_type, now)
    told = Opening.parse(opening)
    failpoint("capture.read")
    try:
        return _again(lambda: _accept(received, document, told, opened, said, now))
    except Refusal as refusal:
        if known := _known(said):  # it came twice at once, and is refused because it was taken
            return Accepted(known, created=False)
        if refusal.contradictions:
            claim = claims.Claim(said.submitter, received, opening, statement)
            claims.keep_refused(refusal.contradictions, claim, now=now)
        raise


def _check_time(said: statements.Submission, now: datetime) -> None:
    if said.time > now + AHEAD:
        raise NotSigned(
            "a statement of a time that lies ahead",
            code="statement_in_the_future",
            where="statement: time",
            expected=f"at most {now + AHEAD:%Y-%m-%dT%H:%M:%SZ}",
            found=f"{said.time:%Y-%m-%dT%H:%M:%SZ}",
        )


_SUBMISSION = Submission._meta.get_field("submission")
_KNOWN = "SELECT id FROM traceability_submission WHERE submitter = %s AND submission = %s"


def _known(said: statements.Submission) -> Submission | None:
    rows = prepared.fetch(_KNOWN, [said.submitter, _SUBMISSION.get_db_prep_value(said.submission, connection)])
    if not rows:  # as nearly always, twice for each submission
        return None
    known = Submission.objects.get(pk=rows[0][0])
    if bytes(known.payload_sha256) != sha256(bytes(said)).digest():
        raise Refusal("this submission's id was used for another payload", code="submission_reused", where="submission")
    return known


def _again(attempt: Callable[[], T]) -> T:
    """Try until no other request comes between: two that name the same new item, or repack under our hands."""
    for left in reversed(range(TRIES)):
        try:
            return attempt()
        except (records.ChangedMeanwhile, IntegrityError, OperationalError) as error:
            if not left or (isinstance(error, OperationalError) and not _is_deadlock(error)):
                raise
    raise AssertionError("unreachable")


def _is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") in ("40P01", "40001")


def _accept(
    received: bytes,
    document: Document,
    opening: Opening,
    opened: statements.Opened[statements.Statement],
    said: statements.Submission,
    now: datetime,
) -> Accepted:
    with transaction.atomic():
        # 4  the issuer's keys stay as they are until we are done; so do prefixes, where items begin, and holds
        if not BEGINS.isdisjoint(map(custody.step_of, document.events)):
            keep_still("prefixes")
        keep_still("holds")
        _check_signature(opened, said.submitter)
        if known := _known(said):  # it came twice at once
            return Accepted(known, created=False)
        # 5  what was signed is this document, told as its events' parties tell it
        _check_document(received, opening, said)
        loaded = load(document, said.submitter, lock=True, now=now)
        _check_told(opening, loaded)
        # 6  the items, locked; every event, by the rules
        judged = _judge_openly(document, loaded, said.submitter)
        failpoint("capture.judged")
        # 7  the same tree from our own books, or no deal
        tree = judged.grow(received, opening)
        _check_payload(tree, said)
        # 8  the entry's number is drawn when all locks are held, so that order is the order of change
        entry, promise = accept(opened, opening.entry, now=now)
        failpoint("capture.appended")
        submission = _record(received, judged, tree, opening, opened, said, entry, promise, now)
        failpoint("capture.recorded")
        # 9  what follows from it, item by item
        keys = records.draw_event_keys(judged.order)
        records.write_allowances(submission, judged.judgement.allowed)
        records.write_events(submission.pk, keys, document, loaded, judged.judgement, tree)
        failpoint("capture.events")
        records.write_custody(keys, loaded, judged.judgement, tree.grown, judged.order, now)
        if judged.judgement.contradictions:
            claim = claims.Claim(said.submitter, received, bytes(opening), opened.envelope)
            claims.keep_taken(judged.judgement.contradictions, claim, now=now)
        failpoint("capture.written")
        transaction.on_commit(tasks.ring, robust=True)  # a lost message costs a sweep, never an answer
    failpoint("capture.committed")
    return Accepted(submission, created=True)


def _check_signature(opened: statements.Opened[statements.Statement], submitter: str) -> None:
    try:
        lock_issuer(submitter)
        key = speaking_key(submitter, opened.signed.kid)
        opened.signed.check(cose.PublicKey(cose.Algorithm(key.alg), bytes(key.public)))
    except (PartnerError, LogError) as error:
        raise NotSigned(
            error.detail, code=error.code, where="statement", expected=error.expected, found=error.found
        ) from error


def _check_document(received: bytes, opening: Opening, said: statements.Submission) -> None:
    """Whatever comes of it now, a sighting perhaps, is what the submitter has signed."""
    if said.document != document_mac(received, opening):
        raise NotSigned("the payload is not that of this document and opening", code="payload_mismatch")


def _check_told(opening: Opening, loaded: records.Loaded) -> None:
    if opening.told != loaded.told:
        raise NotSigned(
            "the opening tells the events as somebody else",
            code="told_mismatch",
            where="opening: told",
            expected=str([[told.voice.value, told.spoken_for] for told in loaded.told])[:200],
        )


def _judge_openly(document: Document, loaded: records.Loaded, submitter: str) -> Judged:
    """The submitter has signed that it has what it names. If the record shows it in no possession, that is what it is
    told, and no more."""
    others = _of_others(document, loaded, submitter)  # an agent, too, is told more by a draft, which is recorded
    try:
        return _judge(document, loaded)
    except Conflict as conflict:
        if not _tells_too_much(conflict, others):
            raise
        detail = f"the record does not show {submitter} in possession of {conflict.epc}"
        told = Conflict(detail, code="not_holder", where=conflict.where, epc=conflict.epc)
        told.contradictions = conflict.contradictions
        raise told from conflict
    except Refusal as refusal:
        if refusal.code != ON_HOLD or refusal.epc not in others:
            raise
        told_less = Refusal(f"{refusal.epc} is on hold", code=ON_HOLD, where=refusal.where, epc=refusal.epc)
        told_less.contradictions = refusal.contradictions
        raise told_less from refusal


def _check_payload(tree: Tree, said: statements.Submission) -> None:
    """What was signed is what we compute; else it was signed over heads that have changed, or over something else."""
    if (said.header, said.meaning) != (tree.header, tree.meaning):
        raise NotSigned("the payload is not that of this document and opening", code="payload_mismatch")
    if said.events != tree.root:
        raise StaleHead(
            "signed over heads that are no longer those of its items: draw a new draft and sign that",
            where="events",
            expected=f"[{tree.root[0]}, {b64(tree.root[1])}]",
            found=f"[{said.events[0]}, {b64(said.events[1])}]",
        )


def _record(
    received: bytes,
    judged: Judged,
    tree: Tree,
    opening: Opening,
    opened: statements.Opened[statements.Statement],
    said: statements.Submission,
    entry: Entry,
    promise: bytes,
    now: datetime,
) -> Submission:
    return Submission.objects.create(
        submission=said.submission,
        submitter=said.submitter,
        payload_sha256=sha256(opened.signed.payload).digest(),
        statement=opened.envelope,
        kid=opened.signed.kid,
        document=compress(received),
        header=encode(dict(judged.document.header)),
        items_secret=opening.items,
        fields_secret=opening.fields,
        entry_salt=opening.entry,
        offline=opening.offline,
        event_leaves=b"".join(event_leaf(event.root) for event in tree.events),
        warnings=[{"code": w.code, "where": w.where, "detail": w.detail} for w in judged.document.warnings],
        entry=entry,
        promise=promise,
        rules=judged.loaded.board.facts.rules,
        accepted=now,
    )
