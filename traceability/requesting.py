"""A move that somebody asks for: its document is made here, and with a custodial key signed here, too.

    Wanted ──document──> draft ──no key of the party's is held here──> Drafted: for the party to sign
                              └──with one──> statement ──capture──> Done

There is no second way into the record: what is drafted, and what is captured, is a document as any other. A request is
called by a name of its party's, and told once: asked again it is answered as it was, under the same id. What was
refused leaves its name free.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from partners.models import Partner

from . import capture, custodial, moving, statements
from .custody import Status
from .epcis.documents import JSON
from .epcis.errors import DocumentError
from .errors import Refusal, StaleHead
from .labelled import demand_as_recorded
from .loading import states_of
from .models import Draft, MoveRequest, Submission
from .moving import Move, Way

TRIES = 5  # to sign over heads that others do not change meanwhile


@dataclass(frozen=True)
class Wanted:
    """What is asked for, and by which name."""

    move: Move
    request: str  # 1 to 64 printable characters: the same again is the same request
    at: datetime | None = None  # when it happened; None: now

    def __post_init__(self) -> None:
        if not 1 <= len(self.request) <= 64 or not self.request.isprintable():
            expected = "1 to 64 printable characters"
            raise DocumentError("not the name of a request", code="unwritable", where="request", expected=expected)

    @property
    def sha256(self) -> bytes:
        at = self.at.isoformat() if self.at else ""
        return sha256(bytes(self.move) + at.encode()).digest()


@dataclass(frozen=True)
class Drafted:
    """What its party has to sign: nothing is recorded until it has."""

    document: bytes
    draft: Draft


@dataclass(frozen=True)
class Done:
    """What was signed and accepted; or was before, under this name."""

    submission: Submission
    created: bool

    @property
    def custodial(self) -> bool:
        """Whether this node signed it for its submitter."""
        return custodial.is_custodial(self.submission.submitter, bytes(self.submission.kid))


def request(wanted: Wanted, partner: Partner, *, now: datetime) -> Drafted | Done:
    """Have a move told. `partner` is whoever is asking: with its custodial key, and for nobody else, is signed.

    Raises what `capture` raises, and `Refusal` for a name that was used for something else.
    """
    row, _ = MoveRequest.objects.get_or_create(
        party=partner.gln,
        request=wanted.request,
        defaults={"content_sha256": wanted.sha256, "submission": uuid4(), "at": wanted.at or now},
    )
    if bytes(row.content_sha256) != wanted.sha256:
        raise Refusal("this request was for something else", code="request_reused", where="request")
    if done := _done(row):
        return done
    with _free_unless_done(row):
        demand_as_recorded(wanted.move, partner, now=now)
        received = _document(wanted.move, row, partner)
        key = custodial.key_of(partner)
        if key is None:
            return Drafted(received, _draft(received, row, partner, now))
        return _sign(received, row, partner, key, now)


def _done(row: MoveRequest) -> Done | None:
    found = Submission.objects.select_related("entry").filter(submitter=row.party, submission=row.submission).first()
    return Done(found, created=False) if found else None


@contextmanager
def _free_unless_done(row: MoveRequest) -> Iterator[None]:
    """What was refused was not asked for: with something put right, it may be asked by the same name."""
    try:
        yield
    except Exception:
        if not _done(row):
            row.delete()
        raise


def _document(move: Move, row: MoveRequest, partner: Partner) -> bytes:
    moves = [move]
    if move.kind.way is Way.IN and move.sender is None:
        moves = move.by_sender(senders(move.epcs, partner))
    return moving.document(moves, partner.gln, row.at, row.submission)


def senders(epcs: list[str], partner: Partner) -> dict[str, str]:
    """Who has sent each of these items, alone or in a container, to the partner, as far as they are on their way to it:
    its own business."""
    states = states_of(epcs)
    outer = {epc: states[epc].outermost for epc in epcs if epc in states}
    return {
        epc: item.possessor
        for epc, item in outer.items()
        if item.status is Status.IN_TRANSIT and item.consignee == partner.gln and item.possessor
    }


def _draft(received: bytes, row: MoveRequest, partner: Partner, now: datetime) -> Draft:
    return capture.draft(received, partner, content_type=JSON, now=now, submission=row.submission)


def _sign(
    received: bytes, row: MoveRequest, partner: Partner, key: custodial.CustodialKey, now: datetime
) -> Drafted | Done:
    """Nothing is computed twice before it is signed, as a client has to: what this node signs, it drafted itself, and
    `capture` computes it again."""
    for left in reversed(range(TRIES)):
        draft = _draft(received, row, partner, now)
        said = statements.Submission.parse(bytes(draft.payload))
        signed = custodial.sign(said, key)
        try:
            done = capture.capture(received, bytes(draft.opening), signed, content_type=JSON, now=now)
            return Done(done.submission, done.created)
        except StaleHead:  # others have moved something of it since: by what they did, it is judged again
            if not left:
                raise
        except Refusal as refusal:
            if refusal.code == "submission_reused" and (found := _done(row)):  # the same request, at once
                return found
            raise
    raise AssertionError("unreachable")
