"""What a client holds when it is about to hand something in: signed, and nothing sent yet."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from tests.world import Party
from traceability import capture, statements
from traceability.custody import PLAIN, Head, Told, Voice
from traceability.epcis.documents import parse
from traceability.models import Item
from traceability.records import content_of
from traceability.submission import Draft, Opening, grow, payload


@dataclass(frozen=True)
class Signed:
    """The three parts of a submission (ARCHITECTURE section 10)."""

    received: bytes
    opening: bytes
    statement: bytes

    @property
    def submission(self) -> str:
        """Its id."""
        return statements.open_statement(self.statement).payload.id


def sign(party: Party, received: bytes) -> Signed:
    """As the node drafts it. The draft is forgotten at once: it is kept a day, and no part of what is measured."""
    row = capture.draft(received, party.partner, content_type=None, now=party.world.now)
    draft = Draft.parse(bytes(row.draft))
    row.delete()
    return Signed(received, bytes(draft.opening), statements.sign(draft.payload, party.key))


def sign_over(party: Party, received: bytes, heads: Mapping[str, Head], *, offline: bool = False) -> Signed:
    """Over heads that the party knows already: any number of statements that contradict one another. `offline`
    is over none."""
    document = parse(received)
    opening = Opening.draw([Told(Voice.ACTOR) for _ in document.events], offline=offline)
    tree = grow(document, received, opening, heads, {}, [PLAIN for _ in document.events])
    said = payload(
        tree, log=settings.LOG_ORIGIN, submitter=party.gln, submission=str(uuid.uuid4()), time=party.world.now
    )
    return Signed(received, bytes(opening), statements.sign(statements.Submission.parse(said), party.key))


def heads_of(*epcs: str) -> dict[str, Head]:
    """The heads of items as they are now."""
    rows = Item.objects.filter(epc__in=epcs).values_list("epc", "head", "content_size", "content_root")
    return {epc: Head(_bytes(head), content_of(size, _bytes(root))) for epc, head, size, root in rows}


def _bytes(stored: "bytes | memoryview[int] | None") -> bytes | None:
    return None if stored is None else bytes(stored)
