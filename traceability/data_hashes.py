"""Data that is none of ours, anchored: its hash and a pointer to it, signed by whose data it is, in the same log.

    hash, pointer ──sign──> statement ──register──> entry, promise ──integrate──> proof

What the data says, this node never sees; the pointer stands in the statement, of which the log publishes a salted hash
alone. Whoever has the proof and the data compares them without asking anybody (`bundle/anchored.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from ledger import anchoring, log
from partners.models import Partner

from .bundle.anchored import prove
from .errors import NotFound, NotSigned, Refusal
from .models import Registration
from .proving import entered, relied_on, waiting
from .registration import register
from .saying import say
from .statements import DataHash, HashAlgorithm, open_statement


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a party asks its node to anchor for it, with the key that the node holds."""

    statement: UUID  # id of the statement, drawn by whoever asks: the same again is the same request
    hash_alg: HashAlgorithm
    hash: bytes
    location: str
    preimage_content_type: str | None = None


def anchor(envelope: bytes, *, now: datetime) -> tuple[Registration, bool]:
    """Take a signed `DataHash`: its row, and whether it is new. Raises as `register` does."""
    said = open_statement(envelope).payload
    if not isinstance(said, DataHash):
        detail, expected = "this statement is not about data", DataHash.kind()
        raise NotSigned(detail, code="unsupported_statement", expected=expected, found=said.kind())
    row, _ = register(envelope, now=now)
    return row, row.accepted == now


def anchor_for(party: Partner, wanted: Wanted, *, now: datetime) -> tuple[Registration, bool]:
    """The same, signed here: `party` is whoever asks. Asked again under the same id, the row that is there."""
    if (row := _asked_before(party, wanted)) is not None:
        return row, False
    try:
        row = say(
            party,
            DataHash,
            now=now,
            statement=wanted.statement,
            hash_alg=wanted.hash_alg,
            hash=wanted.hash,
            location=wanted.location,
            preimage_content_type=wanted.preimage_content_type,
        )
        return row, row.accepted == now
    except Refusal as refusal:
        if refusal.code == "submission_reused" and (row := _asked_before(party, wanted)):  # the same request, at once
            return row, False
        raise


def _asked_before(party: Partner, wanted: Wanted) -> Registration | None:
    row = Registration.objects.filter(issuer=party.gln, statement_id=wanted.statement).select_related("entry").first()
    if row is None:
        return None
    said = open_statement(bytes(row.envelope)).payload
    if not isinstance(said, DataHash) or _wanted(said) != wanted:
        raise Refusal("this id names another statement", code="submission_reused", where="statement")
    return row


def _wanted(said: DataHash) -> Wanted:
    return Wanted(UUID(said.statement), said.hash_alg, said.hash, said.location, said.preimage_content_type)


def proof_for(party: Partner, entry: bytes, *, anchored: bool = False) -> bytes:
    """The proof of what the party has anchored in this entry, for whoever it likes to show it to.

    `anchored`: under the first checkpoint that covers it and was time-stamped, if one was, with its time stamps.

    Raises `NotFound`, alike for what nobody has said and for what others have, and `NotIntegratedYet`.
    """
    own = Registration.objects.filter(issuer=party.gln, kind=DataHash.kind(), entry__entry=entry)
    row = own.select_related("entry").first()
    if row is None:
        raise NotFound("you have anchored nothing in this entry", where="entry")
    opened = open_statement(bytes(row.envelope))
    stated, head = entered(row), log.latest()
    relied = relied_on({(opened.issuer, opened.signed.kid)}, (), head)
    indexes = [stated.index, *(each.index for each in relied)]
    if anchored:
        head = anchoring.anchored(max(indexes) + 1) or head
    if head is None or max(indexes) >= head.size:
        raise waiting()
    proof = prove(
        stated,
        relied,
        origin=settings.LOG_ORIGIN,
        checkpoint=head.note,
        path=log.prove_all(indexes, head.size),
        anchors=tuple(sorted(anchoring.anchors_of(head).items())) if anchored else (),
    )
    return bytes(proof)
