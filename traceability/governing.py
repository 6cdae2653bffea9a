"""The rules of this node's log: replayed from what its governors have signed, and put into effect.

    files AUTHORITIES, WITNESSES, GOVERNORS ──begin──> rules ──statements in the log, in order──> rules now

Without the file GOVERNORS nobody but the operator changes who accredits and who witnesses, by editing those files.
With it, those files are only where the rules began: what the log says counts.
"""

import logging
import os
from collections.abc import Mapping

from django.conf import settings

from ledger import log
from ledger.keys import node_key
from ledger.models import Entry
from ledger.tlog.cose import PublicKey
from ledger.tlog.errors import BadSignature
from ledger.tlog.policy import Policy as Tlog

from . import authorities
from .authorities import Governors
from .models import Registration as Row
from .rules import PROPOSED, InForce, NotGoverned, Rules, named, without_log_lines
from .statements import PARTICIPATION, Approval, Opened, Policy, Registration, open_statement

logger = logging.getLogger(__name__)

KINDS = tuple(kind.kind() for kind in (*PROPOSED, Approval))
SLACK = 1000  # entries that may come between a statement that is accepted now and its place in the log


def begin() -> InForce:
    """The rules before any statement."""
    governors = Governors.load(settings.GOVERNORS)
    return InForce(
        authorities=named(authorities.load(settings.AUTHORITIES)),
        governors=named(governors.keys) if governors else (),
        quorum=governors.quorum if governors else 1,
    )


def is_governed() -> bool:
    """Whether changing the rules, or who takes part, is the governors' business here."""
    return settings.GOVERNORS.exists()


def is_operators_word(opened: Opened[Registration]) -> bool:
    """Whether the node says who takes part: that is the operator's to say until a governor has spoken."""
    named = (opened.issuer, opened.signed.kid)
    return isinstance(opened.payload, PARTICIPATION) and named == (
        settings.OPERATOR_GLN,
        node_key().public.kid,
    )


def rules() -> Rules:
    """Replayed from the log. What waits for its place there has at least the one that it would get now."""
    return _replayed()[0]


def _replayed() -> tuple[Rules, set[int]]:
    """The rules; and the entries that count for nothing where they stand."""
    replayed, void = Rules(begin()), set[int]()
    if not replayed.begin.governors:
        return replayed, void
    rows = Row.objects.filter(kind__in=KINDS).select_related("entry").order_by("entry_id")
    for row in rows:
        opened = open_statement(bytes(row.envelope))
        assert isinstance(opened.payload, Registration)
        said = Opened(opened.envelope, opened.signed, opened.payload)
        if not replayed.governed and is_operators_word(said):
            continue
        try:
            replayed.tell(said, bytes(row.entry_salt), place(row.entry))
        except (NotGoverned, BadSignature) as error:  # at the place that it came to, it counts for nothing
            logger.critical("entry %d of the rules does not count: %s", row.entry_id, error)
            void.add(row.entry_id)
    return replayed, void


def place(entry: Entry) -> int:
    """The index of an entry, or the least that it will have."""
    if entry.index is not None:
        return entry.index
    return int(log.head().size) + Entry.objects.filter(index=None, number__lt=entry.number).count()


def next_place() -> int:
    """The least index that a statement accepted now will have."""
    return int(log.head().size) + Entry.objects.filter(index=None).count()


def accrediting() -> Mapping[tuple[str, bytes], PublicKey]:
    """Whose word about keys and rights counts for a statement accepted now: by all rules that may apply where it comes
    to stand in the log."""
    replayed, index = rules(), next_place()
    now, soon = replayed.at(index), replayed.at(index + SLACK)
    return {named: key for named, key in now.authority_keys.items() if named in soon.authority_keys}


def changes(size: int, about: str | None = None) -> list[Row]:
    """The statements that made the rules what they are, among the first `size` entries: proposals and approvals.

    `about`: those too by which this party takes part.
    """
    rows = Row.objects.filter(kind__in=KINDS, entry__index__lt=size)
    entries, kept, void = set[str](), [], _replayed()[1]
    for row in rows.select_related("entry").order_by("entry_id"):
        said = open_statement(bytes(row.envelope)).payload
        if isinstance(said, Approval):
            concerns = said.entry in entries
        else:
            concerns = isinstance(said, Policy) or row.about == about
        if not concerns or row.entry_id in void:
            continue
        entries.add(bytes(row.entry.entry).hex())
        kept.append(row)
    return kept


def enact() -> bool:
    """Write down for the log whom to ask for cosignatures, where the rules in force have changed that.

    In force by what is integrated: without its old witnesses nothing is published, and they could never be replaced.
    """
    in_force = rules().at(log.head().size)
    if log.frozen() or in_force.tlog is None or _witnesses() == in_force.tlog:  # an old backup has old rules
        return False
    Tlog.parse(in_force.tlog)
    draft = settings.WITNESSES.with_suffix(".draft")
    draft.write_text(in_force.tlog)
    os.replace(draft, settings.WITNESSES)
    return True


def at(index: int) -> InForce:
    """The rules in force at an index, the witnesses among them."""
    in_force = rules().at(index)
    if in_force.tlog is not None:
        return in_force
    return InForce(0, _witnesses() or "quorum none\n", in_force.authorities, in_force.governors, in_force.quorum)


def _witnesses() -> str | None:
    return without_log_lines(settings.WITNESSES.read_text()) if settings.WITNESSES.exists() else None
