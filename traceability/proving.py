"""From what the node stores to the proof bundle of one item (ARCHITECTURE section 9).

    chain ──> lineage ──walk──> what each event says of the item and of what it was in ──┐
    keys, prefixes, status, checkpoint ──────────────────────────────────────────────────┴─build──> bundle

The node keeps of every leaf its kind and hash; what a leaf says is found again among what it can say, and is shown
only if it hashes to what was signed.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from json import loads

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from ledger import anchoring, log
from ledger.models import Checkpoint
from ledger.tlog.merkle import HASH_SIZE
from partners import access
from partners.gs1.identifiers import gtin_of
from partners.models import Delegation, Partner, Right, SigningKey
from partners.prefixes import licensees
from partners.still import keep_still

from . import cases, governing
from .bundle.build import EventSource, Profile, Source, build, find_leaf
from .bundle.value import Entered
from .custody import Content, Head, Told, Voice, delegated_step
from .dscsa.status import sign_status_of
from .entitlement import shown_to
from .errors import NotFound, NotIntegratedYet
from .history import Chain, Hop, OwnWord, chain
from .models import Containment, Event, Item, Move, Registration, Submission
from .records import event_of, leaves_of
from .statements import open_statement
from .submission import Kind, Leaf, Opening, content_root, salts

Leaves = dict[str, tuple[Kind, bytes]]
"""Kind and hash of the leaf of every EPC that an event names."""


def bundle_for(epc: str, reader: Partner, *, purpose: access.Purpose, now: datetime, anchored: bool = False) -> bytes:
    """The proof bundle of an item by its canonical EPC, as far as `reader` may see; the reading is recorded (I7).

    `anchored`: under the first checkpoint that covers it and was time-stamped, if one was, with its time stamps.

    Raises `NotFound`, alike for what nobody knows and for what is not the reader's business, and `NotIntegratedYet`
    while a statement that it rests on waits for the log.
    """
    with transaction.atomic():
        keep_still("holds")  # the status says of all that were accepted before it
        found = chain(epc)
        hops, case = shown_to(reader, epc, found, now=now)
        if found is None or not hops:
            raise NotFound("you neither hold nor held an item of this number", where="epc")
        access.record(reader, epc, "bundle", cases.purpose(case, purpose), now=now)
        cases.concern(case, found.hops, now=now)
        profile = Profile.REGULATOR if case is not None else Profile.PARTNER
        return _bundle(_Walk(epc, hops), found, hops, profile, anchored)


def bundle_of(found: Chain, hops: Sequence[Hop]) -> bytes:
    """The proof of these hops of an item, for whoever the caller has found may show them, and has recorded that. In a
    transaction in which holds are kept still. Raises `NotIntegratedYet`."""
    return _bundle(_Walk(found.epc, hops), found, hops, Profile.PARTNER, anchored=False)


def _bundle(walk: "_Walk", found: Chain, hops: Sequence[Hop], profile: Profile, anchored: bool) -> bytes:
    head = log.latest()
    sources, rights = list(walk.sources()), _rights(walk, found, hops, head)
    indexes = [*(source.index for source in sources), *(entered.index for entered in rights)]
    if anchored:
        head = anchoring.anchored(max(indexes) + 1) or head
    if head is None or max(indexes) >= head.size:
        raise waiting()
    bundle = build(
        found.epc,
        sources,
        rights,
        origin=settings.LOG_ORIGIN,
        checkpoint=head.note,
        path=log.prove_all(indexes, head.size),
        status=sign_status_of(
            found, walk.heads, {signer for hop in hops for signer in hop.signers}, passed_on=len(hops) < len(found.hops)
        ),
        profile=profile,
        anchors=anchoring.anchors_of(head) if anchored else None,
    )
    return bytes(bundle)


def waiting() -> NotIntegratedYet:
    return NotIntegratedYet("a statement that this rests on is not yet in the log: ask again in a moment")


# ---- which statements about keys and rights it rests on -------------------------------------------------------------


def _rights(walk: "_Walk", found: Chain, hops: Sequence[Hop], head: Checkpoint | None) -> list[Entered]:
    """Of its history: the prefix by which the GTIN may be issued, the delegation of each agent, and all keys."""
    return relied_on({signer for hop in hops for signer in hop.signers}, _granted(walk, found, hops), head)


def relied_on(signers: Set[tuple[str, bytes]], granted: Iterable[int], head: Checkpoint | None) -> list[Entered]:
    """Each key that signed, with those that vouched for it, its revocation, and the key of that; what was granted under
    these numbers; and the changes of the rules by which all of that counts. Raises `NotIntegratedYet`."""
    rows = {row.entry_id: row for row in _registrations(granted)}
    known: set[tuple[str, bytes]] = set()
    wanted = signers | {_signer(row) for row in rows.values()}
    while wanted:
        keys = [key for key in SigningKey.objects.filter(partner_id__in={gln for gln, _ in wanted})
                if (key.partner_id, bytes(key.kid)) in wanted]  # fmt: skip
        said = _registrations(number for key in keys for number in (key.registered, key.revoked) if number is not None)
        rows |= {row.entry_id: row for row in said}
        known |= wanted
        wanted = {_signer(row) for row in said} - known
    if head is not None and governing.is_governed():
        rows |= {row.entry_id: row for row in governing.changes(head.size)}
    return [entered(row) for row in rows.values()]


def _granted(walk: "_Walk", found: Chain, hops: Iterable[Hop]) -> Iterator[int]:
    """Numbers of the statements about rights that it rests on, and of those that took them back since."""
    rights: list[Right] = []
    if found.begun is not None and (gtin := gtin_of(found.epc)):
        rights += [prefix for prefix in licensees([gtin])[gtin] if prefix.partner_id == found.begun.party]
    acts = [(hop, told) for hop in hops for told in (hop, hop.own) if told is not None and told.voice is Voice.AGENT]
    if acts:
        parties, agents = {hop.party for hop, _ in acts}, {told.submitter for _, told in acts}
        given = Delegation.objects.filter(partner_id__in=parties, to__in=agents)
        steps = {hop.event: delegated_step(event_of(walk.rows[hop.event].canonical)) for hop, _ in acts}
        rights += [row for row in given if any(_rests_on(hop, steps[hop.event], told, row) for hop, told in acts)]
    for right in rights:
        yield right.registered
        if right.revoked is not None:
            yield right.revoked


def _rests_on(hop: Hop, step: str | None, told: Hop | OwnWord, row: Delegation) -> bool:
    named = (row.partner_id, row.to) == (hop.party, told.submitter) and step in row.steps
    return named and row.in_force(told.accepted)


def _signer(row: Registration) -> tuple[str, bytes]:
    return row.issuer, open_statement(bytes(row.envelope)).signed.kid


def _registrations(numbers: Iterable[int]) -> list[Registration]:
    return list(Registration.objects.filter(entry_id__in=set(numbers)).select_related("entry"))


def entered(row: Registration) -> Entered:
    if row.entry.index is None:
        raise waiting()
    return Entered(row.entry.index, bytes(row.entry_salt), bytes(row.envelope))


# ---- the item's history, leaf by leaf -------------------------------------------------------------------------------


@dataclass
class _Lineage:
    """The item and every container it was in, with all their packings."""

    item: int
    epcs: dict[int, str]
    packings: dict[int, list[Containment]]  # of each of them, by its key

    @classmethod
    def of(cls, epc: str) -> "_Lineage":
        item = Item.objects.get(epc=epc)
        lineage, fresh = cls(item.pk, {item.pk: epc}, {}), [item.pk]
        while fresh:
            rows = list(Containment.objects.filter(item_id__in=fresh).select_related("parent"))
            lineage.packings |= {key: [row for row in rows if row.item_id == key] for key in fresh}
            above = {row.parent_id: row.parent.epc for row in rows}
            fresh = [key for key in above if key not in lineage.epcs]
            lineage.epcs |= above
        return lineage

    def carriers(self, event: int, *, after: bool) -> list[int]:
        """The item, and what it is in just before or just after an event, outermost last."""
        stack = [self.item]
        while packing := next((row for row in self.packings[stack[-1]] if _open(row, event, after=after)), None):
            stack.append(packing.parent_id)
        return stack


def _open(row: Containment, event: int, *, after: bool) -> bool:
    """Keys of events ascend in the order in which they apply."""
    begun, closed = row.event_id, row.closed_id
    if after:
        return begun <= event and (closed is None or closed > event)
    return begun < event and (closed is None or closed >= event)


class _Walk:
    """Follows the item through its containers, event after event; `heads` is where that ends."""

    def __init__(self, epc: str, hops: Sequence[Hop]) -> None:
        self.lineage = _Lineage.of(epc)
        self.end = max(hop.event for hop in hops)
        self.indexes = {hop.event: hop.index for hop in hops}
        own = {hop.own.event: (hop.own.index, hop.carrier) for hop in hops if hop.own is not None}
        self.own = {event: carrier for event, (_, carrier) in own.items() if event not in self.indexes}
        self.indexes |= {event: own[event][0] for event in self.own}
        if None in self.indexes.values():
            raise waiting()
        self.rows = {row.pk: row for row in Event.objects.filter(pk__in=self.indexes)}
        shown: dict[int, list[Event]] = {}
        for row in self.rows.values():
            shown.setdefault(row.submission_id, []).append(row)
        submissions = Submission.objects.filter(pk__in=shown).defer("document", "warnings")  # which may be megabytes
        self.openings = {row.pk: (row, _opening(row, shown[row.pk])) for row in submissions}
        self.leaves = {row.pk: leaves_of(event_of(row.canonical), row.leaves) for row in self.rows.values()}
        self.children = cache(self._children)
        self.last: dict[int, bytes | None] = {}
        self.contents: dict[int, dict[Content, None]] = {}
        self.heads: dict[str, Head] = {}

    def sources(self) -> Iterator[Source]:
        """Every submission of the history, its events in the order in which they apply."""
        events: dict[int, list[EventSource]] = {}
        indexes: dict[int, int] = {}
        for key in sorted(self.rows):
            row = self.rows[key]
            events.setdefault(row.submission_id, []).append(self._event(row))
            indexes[row.submission_id] = self.indexes[key] or 0
        self.heads = {epc: self.heads[epc] for epc in self._carried()}
        for key, shown in events.items():
            submission, opening = self.openings[key]
            stored = bytes(submission.event_leaves)
            yield Source(
                index=indexes[key],
                envelope=bytes(submission.statement),
                opening=opening,
                header=loads(bytes(submission.header)),
                event_leaves=[stored[at : at + 32] for at in range(0, len(stored), 32)],
                events=shown,
            )

    def _carried(self) -> list[str]:
        stack = self.lineage.carriers(self.end, after=True)
        return [self.lineage.epcs[key] for key in stack]

    def _event(self, row: Event) -> EventSource:
        event, leaves = event_of(row.canonical), self.leaves[row.pk]
        if row.pk in self.own:  # it moves nothing: a party's own word of what others had told
            epc = self.own[row.pk]
            return EventSource(row.position, event, leaves, [Leaf("s", epc, None, None, leaves[epc][1])], {})
        after = self.lineage.carriers(row.pk, after=True)
        carriers = dict.fromkeys([*self.lineage.carriers(row.pk, after=False), *after])
        moved = [key for key in carriers if leaves.get(self.lineage.epcs[key], ("s",))[0] != "s"]
        shown = [self._leaf(row, key, *leaves[self.lineage.epcs[key]]) for key in moved]
        if not moved:  # its party tells for itself what others had told before
            epc = self.lineage.epcs[self.lineage.item]
            shown = [Leaf("s", epc, None, None, leaves[epc][1])]
        packed = [key for key in moved if leaves[self.lineage.epcs[key]][0] == "p" and key in after[1:]]
        if event.error_declaration is not None:  # it puts back what was shown before
            packed = []
        inside = {self.lineage.epcs[key]: self._inside(row, key, after) for key in packed}
        for key in self.last.keys() - set(after):
            del self.last[key]  # what happens to it from now on is not the item's history, unless it comes back
        return EventSource(row.position, event, leaves, shown, inside)

    def _leaf(self, row: Event, key: int, kind: Kind, stored: bytes) -> Leaf:
        """What the leaf says: among the few contents and the one predecessor that it can name."""
        epc, opening = self.lineage.epcs[key], self.openings[row.submission_id][1]
        if key not in self.last:
            self.last[key] = self._before(key, row.pk)
        contents = self.contents.setdefault(key, {"none": None, "unknown": None})
        if kind == "p":
            contents[content_root(self.children(key, row.pk).values())] = None
        salt = salts(opening.items, "event", row.position, "items")(epc)
        leaf = find_leaf((kind, stored), epc, salt, contents=reversed(contents), prevs=[self.last[key], None])
        self.last[key] = leaf.hash
        assert leaf.content is not None
        self.heads[epc] = Head(leaf.hash, leaf.content)
        return leaf

    def _before(self, key: int, event: int) -> bytes | None:
        """The item's last leaf before its part in this history begins."""
        own = {Item.objects.values_list("begun_id", flat=True).get(pk=key)}
        own |= set(Move.objects.filter(item_id=key).values_list("event_id", flat=True))
        own |= {packing.event_id for packing in self.lineage.packings[key]}
        epc = self.lineage.epcs[key]
        for each in sorted((each for each in own if each < event), reverse=True):
            self._read([each])
            kind, leaf = self.leaves[each].get(epc, ("s", b""))  # what is put back with others is not named
            if kind != "s":
                return leaf
        return None

    def _children(self, container: int, event: int) -> dict[int, bytes]:
        """Of everything in a container just after an event, the leaf, by its key."""
        still = Q(closed=None) | Q(closed__gt=event)
        rows = list(Containment.objects.filter(still, parent=container, event__lte=event).select_related("item"))
        self._read({row.event_id for row in rows if row.standing is None})
        return {
            row.item_id: self.leaves[row.event_id][row.item.epc][1] if row.standing is None else bytes(row.standing)
            for row in rows
        }

    def _inside(self, row: Event, container: int, after: Sequence[int]) -> tuple[bytes, Collection[bytes]]:
        """The leaf in the container that leads to the item, and all leaves in it."""
        children = self.children(container, row.pk)
        return children[after[after.index(container) - 1]], list(children.values())

    def _read(self, events: Iterable[int]) -> None:
        """The leaves of events that are no part of the history: whatever their number, at once."""
        missing = Event.objects.in_bulk([event for event in events if event not in self.leaves])
        self.leaves |= {key: leaves_of(event_of(row.canonical), row.leaves) for key, row in missing.items()}


def _opening(row: Submission, shown: Iterable[Event]) -> Opening:
    """As far as it is about these events: of a document with thousands, the others are not asked for."""
    told = [Told(Voice.INTAKE, None)] * (len(row.event_leaves) // HASH_SIZE)
    for event in shown:
        told[event.position] = Told(Voice(event.voice), None if event.party == row.submitter else event.party)
    return Opening(
        items=bytes(row.items_secret),
        fields=bytes(row.fields_secret),
        entry=bytes(row.entry_salt),
        told=tuple(told),
        offline=row.offline,
    )
