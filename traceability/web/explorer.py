"""The ledger explorer, below `/log/`: what anybody may see of the log, and what a party may see of its own entries.

    overview ──> checkpoints        how large it is, how it grew, and every head that was signed
             ──> witnesses          who else has seen it, up to where, and whether that is enough
    a hop of a pack's chain ──> entry       for who submitted it, and regulators: its proof, drawn

No page asks more of the database than a constant number of look-ups, however long the log is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger import cosigning, keys, published
from ledger import log as ledger_log
from ledger.errors import NotIntegrated
from ledger.models import Checkpoint, Cosignature, Log, Witness
from ledger.tlog.checkpoint import MAX_SIZE
from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from partners import access
from partners.models import Partner

from .. import cases
from ..custodial import custodial_keys
from ..dscsa.shipments import Shipment
from ..history import Hop
from ..models import Submission
from ..statements import b64, open_statement
from .drawing import Growth, path_of
from .page import page, reader_of
from .quorum import drawn
from .refusals import reads

#: The pages that stand beside each other: name of the address, title.
PLACES = (("log", "Overview"), ("log-witnesses", "Witnesses"), ("log-checkpoints", "Checkpoints"))
A_PAGE = 10  # checkpoints


def _page(request: HttpRequest, name: str, place: str, **context: Any) -> HttpResponse:
    return page(request, name, here="log", places=PLACES, place=place, origin=settings.LOG_ORIGIN, **context)


# ---- overview -------------------------------------------------------------------------------------------------------


@reads
def overview(request: HttpRequest) -> HttpResponse:
    """The last published head, what waits behind it, whether the log goes on, and how it grew."""
    log, head = ledger_log.head(), ledger_log.latest()
    told: dict[str, Any] = {"root": bytes(head.root).hex(), "picture": picture(bytes(head.root))} if head else {}
    points = published.growth() if head else []
    return _page(
        request,
        "log",
        "log",
        checkpoint=head,
        witnessed=log.witnessed,
        waiting=_waiting(log),
        frozen=_in_plain_words(log.frozen),
        growth=Growth(points, max(now(), *(time for _, time in points))) if points else None,
        **told,
    )


def picture(root: bytes) -> str:
    """32 bytes as an SVG path, 16 squares by 16: two people see at once whether theirs are the same.

    >>> picture(bytes([0b10100000, *[0] * 31]))
    'M0 0h1v1h-1zM2 0h1v1h-1z'
    """
    bits = int.from_bytes(root, "big")
    return "".join(f"M{n % 16} {n // 16}h1v1h-1z" for n in range(256) if bits >> (255 - n) & 1)


def _waiting(log: Log) -> Checkpoint | None:
    """What is signed and not published. Its size is all that is told of it: it is not handed out."""
    return None if log.signed == log.published else Checkpoint.objects.defer("note").get(size=log.signed)


#: Why a log takes nothing more, by how the reason begins. Others than the operator cannot do anything about it, and
#: should know what it means for them.
FROZEN = (
    (
        cosigning.BEHIND,
        "A witness has cosigned more of this log than this node now has: an old backup was restored, or another "
        "machine signs with the same key.",
    ),
    (
        cosigning.OTHER,
        "A witness has cosigned another log under this name: what this node holds was rewritten by somebody who had "
        "its key, or another machine signs with that key.",
    ),
    (
        ledger_log.SIGNER_REFUSES,
        "What the database holds is not the log that was signed before: something in it was changed or lost, and the "
        "signer will not sign that.",
    ),
)


def _in_plain_words(reason: str | None) -> str | None:
    if reason is None:
        return None
    return next((words for beginning, words in FROZEN if reason.startswith(beginning)), "Its operator has stopped it.")


# ---- witnesses ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stand:
    """How it stands with one witness."""

    name: str  # of its key
    own: bool  # the operator's: it counts for nothing when independence is asked for
    row: Witness
    signed: int  # leaves of the last checkpoint that was signed

    @property
    def behind(self) -> int:
        """Entries that it has not cosigned yet; below 0 if it has seen more than we have."""
        return self.signed - self.row.size

    @property
    def ahead(self) -> int:
        return -self.behind

    @property
    def milliseconds(self) -> int | None:
        return None if self.row.answered_in is None else round(self.row.answered_in * 1000)


@reads
def witnesses(request: HttpRequest) -> HttpResponse:
    """Who cosigns this log, how far each of them has come, and whether that is a quorum."""
    policy, log = keys.witnesses_named(), ledger_log.head()
    about = _waiting(log) or ledger_log.latest()
    told: dict[str, Any] = {}
    if policy is not None:
        agreeing = published.named(policy, list(about.cosignatures.all()) if about else [])
        told = {"stands": _stands(policy, log), "quorum": drawn(policy, agreeing)}
    return _page(
        request,
        "log_witnesses",
        "log-witnesses",
        witnessed=log.witnessed,
        about=about,
        is_published=about is not None and about.size <= log.published,
        **told,
    )


def _stands(policy: Policy, log: Log) -> list[Stand]:
    own, rows = keys.own_witness_key(), cosigning.standing()
    found = {peer.key.name: peer.key.public == own for peer in policy.witnesses.values()}
    return [Stand(name, is_own, rows[name], log.signed) for name, is_own in found.items()]


# ---- checkpoints ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A checkpoint with those who cosigned it."""

    row: Checkpoint

    @property
    def root(self) -> str:
        return bytes(self.row.root).hex()

    @property
    def cosigners(self) -> list["Cosigner"]:
        rows = sorted(self.row.cosignatures.all(), key=lambda each: (each.cosigned_at, each.witness))
        own = settings.WITNESS_NAME if keys.own_witness_key() else None
        return [Cosigner(each, published.came_in_time(self.row, each), each.witness == own) for each in rows]


@dataclass(frozen=True)
class Cosigner:
    """Who cosigned a checkpoint, and when."""

    row: Cosignature
    in_time: bool  # in the note; else it came after the checkpoint was published
    own: bool  # the operator's


@reads
def checkpoints(request: HttpRequest) -> HttpResponse:
    """Every published head as it was signed, newest first; a page goes on before a size, or ends after one."""
    before, after = _size(request.GET.get("before")), _size(request.GET.get("after"))
    if before is not None and after is not None:
        raise Http404("no such page")
    found = published.checkpoints(A_PAGE, below=before, above=after)
    shown = [Published(row) for row in found.rows]
    return _page(
        request,
        "log_checkpoints",
        "log-checkpoints",
        shown=shown,
        newer=shown[0].row.size if found.newer else None,
        older=shown[-1].row.size if found.older else None,
        newest=before is None and after is None,
    )


def _size(text: str | None) -> int | None:
    """A size as it stands in an address; anything else is the address of nothing."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text, re.ASCII) or int(text) > MAX_SIZE:
        raise Http404("no such page")
    return int(text)


# ---- one entry, to whom it concerns ---------------------------------------------------------------------------------


def open_to(reader: Partner | None, hops: Iterable[Hop]) -> set[str]:
    """Whose entries the reader may open, of those that told of these hops; by GLN of who submitted them."""
    submitters = {hop.submitter for hop in hops}
    if reader is None or access.reads_all(reader):
        return submitters if reader else set()
    return submitters & {reader.gln}


@never_cache
@reads
def entry(request: HttpRequest, submission: UUID) -> HttpResponse:
    """An entry's way to the root, drawn."""
    with transaction.atomic():
        row = _entitled(request, submission)
        proof = _proof(row)
        told = _drawn(row, proof) if proof else {}
        held = custodial_keys(bytes(row.kid)).filter(partner_id=OuterRef("gln"))
        submitter = Partner.objects.filter(gln=row.submitter).annotate(is_custodial=Exists(held)).first()
    opened = open_statement(bytes(row.statement))
    return _page(
        request,
        "log_entry",
        "",
        row=row,
        submitter=submitter,
        meaning=getattr(opened.payload, "meaning", ()),
        kid=b64(bytes(row.kid)),
        custodial=submitter is not None and submitter.is_custodial,
        entry=bytes(row.entry.entry).hex(),
        **told,
    )


@never_cache
@reads
def entry_proof(request: HttpRequest, submission: UUID) -> HttpResponse:
    """The same as a file to check without us (c2sp.org/tlog-proof)."""
    with transaction.atomic():
        proof = _proof(_entitled(request, submission))
    if proof is None:
        raise Http404(_NOTHING)
    headers = {"Content-Disposition": f'attachment; filename="{_filename(proof)}"'}
    return HttpResponse(str(proof), content_type="text/plain; charset=utf-8", headers=headers)


_NOTHING = "no such entry"


def _entitled(request: HttpRequest, submission: UUID) -> Submission:
    """The submission, if whoever looks made it, or is a regulator whose open case something in it is within, and whose
    reading is recorded (I7). For everybody else it is not there. `?by` is a GLN: an id is its submitter's own, and
    another may have drawn the same."""
    reader, by = reader_of(request), request.GET.get("by")
    if reader is None or not re.fullmatch(r"[0-9]{13}", by or reader.gln, re.ASCII):
        raise Http404(_NOTHING)
    anybody = Partner.objects.values("gln") if access.reads_all(reader) else [reader.gln]
    rows = Submission.objects.filter(submission=submission, submitter__in=anybody)
    row = (rows.filter(submitter=by) if by else rows).select_related("entry").only(*_SHOWN).order_by("entry_id").first()
    if row is None:
        raise Http404(_NOTHING)
    if row.submitter != reader.gln:
        case = cases.over_any(reader, _told_of(row), now())
        if case is None:
            raise Http404(_NOTHING)
        access.record(reader, f"urn:uuid:{submission}", "entry", case.purpose, now=now())
        cases.concern_parties(case, [row.submitter], now=now())
    return row


def _told_of(row: Submission) -> set[str]:
    """EPCs of all that its events name, and of all that was inside of that."""
    return {epc for event in row.events.select_related("submission") for epc in Shipment(event).epcs}


_SHOWN = ("submission", "submitter", "statement", "kid", "accepted", "entry__entry", "entry__index")


def _proof(row: Submission) -> Proof | None:
    """Its receipt; None while it waits for one."""
    try:
        return Proof.parse(ledger_log.receipt(bytes(row.entry.entry)))
    except NotIntegrated:
        return None


def _drawn(row: Submission, proof: Proof) -> dict[str, Any]:
    head = _head(proof)
    path = path_of(bytes(row.entry.entry), proof, head.row.size)
    return {
        "proof": proof,
        "path": path,
        "head": head,
        "holds": path.root.value == bytes(head.row.root),
        "filename": _filename(proof),
    }


def _head(proof: Proof) -> Published:
    """The checkpoint that a receipt leads to."""
    size = proof.checkpoint.split("\n", 2)[1]
    return Published(Checkpoint.objects.prefetch_related("cosignatures").get(size=int(size)))


def _filename(proof: Proof) -> str:
    return f"entry-{proof.index}.tlog-proof"
