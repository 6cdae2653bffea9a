"""What judging rests on, and what it comes to: values that know neither rules nor rows. Pure.

Facts, ItemState ──(judgement.py)──> Judgement: plans, packings, changes, exceptions, items as they are afterwards
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

from .custody import VERSION, Content, EventPlan, Status
from .epcis.events import Event

Custody = dict[str, str | None]
"""An item's custody as JSON: status, possessor, owner, owner_before, consignee, last_time, parent, container_owner,
content_unknown, if any; and `at` before a late act, the moment under which that stands in the books."""

ContentKind: TypeAlias = Literal["none", "unknown", "stated"]
"""A `Content`, but for what it is when it is stated: that is known when the leaves are made."""

_CUSTODY = ("status", "possessor", "owner", "owner_before", "consignee", "last_time")

# ---- what is known --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that has its row already."""

    key: int


class ItemState:
    """One item while a submission is judged. `parent` is its open container; custody then is the outermost's."""

    __slots__ = (
        "begun", "begun_by_others", "changed", "consignee", "container_owner", "content", "epc", "head", "key",
        "last_time", "owner", "owner_before", "packing", "parent", "possessor", "sequence", "standing", "status",
    )  # fmt: skip

    def __init__(self, epc: str) -> None:
        self.epc = epc
        self.key: int | None = None  # its row, None while it has none
        self.status: Status | None = None  # None: nothing is known of it, or its beginning was declared an error
        self.possessor: str | None = None
        self.owner: str | None = None
        self.owner_before: str | None = None  # whose it was before it was shipped, if that changed: while in transit
        self.consignee: str | None = None
        self.last_time = ""  # when it last moved, or something was taken out of it, without a Z; never goes backwards
        self.parent: ItemState | None = None
        self.container_owner: str | None = None  # whose its parent was when it was packed, if not its own owner's
        self.packing = 0  # sequence of the open containment
        self.standing: bytes | None = None  # its leaf in the parent's content, where that is not its head
        self.content: ContentKind = "none"
        self.sequence = 0
        self.head: bytes | int | None = None  # its last leaf; a position here, while that leaf is still to be made
        self.begun: int | Recorded | None = None  # its first event: a position here, or a row
        self.begun_by_others = False
        self.changed = False

    @property
    def outermost(self) -> "ItemState":
        item = self
        while item.parent is not None:
            item = item.parent
        return item

    @property
    def owner_now(self) -> str | None:
        """What is packed stays whose it was, unless what it is in has changed its owner since."""
        if self.parent is None:
            return self.owner
        above = self.parent.owner_now
        return self.owner if above == self.container_owner else above

    @property
    def owner_unshipped(self) -> str | None:
        """Whose it is again if the shipment is called off that it is in."""
        if self.parent is None:
            return self.owner_before or self.owner
        above = self.parent.owner_unshipped
        return self.owner if above == self.container_owner else above

    def differs_from(self, container: "ItemState") -> str | None:
        """Whose the container is, if it is another's than the item."""
        owner = container.owner_now
        return None if owner == self.owner else owner

    @property
    def custody(self) -> Custody:
        """What an error declaration puts back."""
        before: Custody = {name: value for name in _CUSTODY if (value := getattr(self, name)) is not None}
        if self.parent is not None:
            before["parent"] = self.parent.epc
            if self.container_owner is not None:
                before["container_owner"] = self.container_owner
        if self.content == "unknown":
            before["content_unknown"] = "yes"
        return before

    def is_with(self, party: str) -> bool:
        """Whether the party holds it, owns it, or is to receive it."""
        return self.is_had_by(party) or party == self.owner

    def is_had_by(self, party: str) -> bool:
        """Whether the party holds it, or is to receive it."""
        outer = self.outermost
        return party in (outer.possessor, outer.consignee)


def with_all_above(item: ItemState | None) -> Iterator[ItemState]:
    """The item, and every container it is in."""
    while item is not None:
        yield item
        item = item.parent


def just_after(time: str) -> str:
    """The next moment that a record can tell from this one."""
    moment = datetime.fromisoformat(time[:26]) + timedelta(microseconds=1)
    whole, _, fraction = moment.isoformat(timespec="microseconds").partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(3, '0')}"


@dataclass(frozen=True, slots=True)
class Known:
    """An event that is already recorded."""

    key: int
    identity: bytes
    told: str  # a Voice
    party: str
    moved: frozenset[str] = frozenset()  # EPCs, if it was told by others: its own party raises these
    tellers: frozenset[str] = frozenset()  # GLNs of all who have handed it in


@dataclass(frozen=True, slots=True)
class Original:
    """What an event did, for an error declaration to undo."""

    event: Event
    party: str
    begun: frozenset[int | Recorded]  # what an item has for its beginning that begins with this event
    moved: Mapping[str, bytes | int | None]  # the leaves it made, of kinds i and p, as heads
    before: Mapping[str, Custody]  # by EPC; where there is none, nothing of it changed but its container
    times: frozenset[str]  # under which it stands in the books: its own, and those that it was moved to for being late
    contents: Mapping[str, Content] = field(default_factory=dict)  # of what it packed or unpacked, before it
    standing: Mapping[str, bytes | int | None] = field(default_factory=dict)
    """Of whatever it took out of a container, the leaf that stood for it in there."""
    emptied: frozenset[str] = frozenset()  # children it took out without naming them

    @property
    def put_back_with(self) -> frozenset[str]:
        """What it would take to undo it, besides what it named."""
        return self.emptied | {container for past in self.before.values() if (container := past.get("parent"))}


OriginalKey: TypeAlias = "tuple[str, str] | bytes"
"""Party and eventID of an event; of one without an eventID, its identity."""


def anybody(*_: object) -> bool:
    return True


class Past:
    """How an item came to be what it is, by its EPC: asked only of what is late, reported, taken over or refused."""

    def had_part(self, _: str, party: str) -> bool:
        """Whether the party has ever moved it, or what it was in then."""
        return False

    def told_last(self, _: str) -> bool:
        """Whether the submitter made the leaf that is its head."""
        return False

    def only_reported(self, _: str) -> bool:
        """Whether no party has signed any act of its own with it, and it never had to do with another item."""
        return False

    def shipped_last(self, _: str) -> str | None:
        """The GLN of the party that was the last to ship it, or what it was in then."""
        return None


@dataclass(frozen=True, slots=True)
class Held:
    """A hold that lies over something."""

    kind: str  # a word of statements.HoldKind
    by: str  # GLN of who holds it up
    reason: str
    entry: str | None = None  # of its statement, in hexadecimal, where that is asked
    lot: str | None = None  # that it is of, where nobody has recorded the lot of what it may lie over


class Holds:
    """What lies over items: asked only by steps that a hold may stop."""

    def any(self) -> bool:
        """Whether there is any hold at all."""
        return False

    def over(self, _: ItemState) -> tuple[Held, ...]:
        """Over this very item, by its own number or as one of its product."""
        return ()

    def inside(self, _: ItemState) -> tuple[tuple[str, Held], ...]:
        """Over what is in this container and is no item of the document's: its EPC, and the hold."""
        return ()


@dataclass(frozen=True, slots=True)
class Unallocated:
    """A serial number that its party has not been given, where it uses no others."""

    epc: str
    block: Literal["returned", "expired"] | None = None  # what has become of the block that it was in, if any


def nothing(*_: object) -> None:
    return None


class Waived(NamedTuple):
    """A waiver in force, by its row."""

    key: int
    kind: str
    basis: str


@dataclass(frozen=True)
class Facts:
    """What the record knows besides the items: passed in, so that judging needs no database."""

    submitter: str
    may_issue: Callable[[str, str], bool]  # (party, GTIN-14): by a prefix statement in force
    signs_here: Callable[[str], bool]  # the party has registered a key on this node
    may_trade: Callable[[str, datetime], bool] = anybody  # by its licences, if an authority has given it any
    may_number: Callable[[str, str], bool] = anybody  # (party, EPC of an SSCC): its company prefix is no other party's
    unallocated: Callable[[str, Sequence[str]], Unallocated | None] = nothing
    """Of EPCs that a party commissions, the first that is in no block of serial numbers that it may use."""
    unverified: Callable[[str, Sequence[str]], str | None] = nothing
    """Of EPCs that a party sells on, the first that came back to it and that it has not verified since."""
    waived: Callable[[str, str, Collection[str] | None, datetime], Waived | None] = nothing
    """(rule, party, GTINs or None, time): the record that lets the party do without the rule."""
    rules: int = VERSION  # of the moves
    past: Past = field(default_factory=Past)
    holds: Holds = field(default_factory=Holds)
    consignees: Mapping[int, str | None] = field(default_factory=dict)  # to whom an event ships, by its position
    bound: frozenset[str] = frozenset()  # EPCs that the document says were sent to the submitter
    closed: frozenset[str] = frozenset()  # EPCs of containers whose contents are not the submitter's to know
    known: Mapping[bytes, Known] = field(default_factory=dict)  # by identity
    known_ids: Mapping[tuple[str, str], Known] = field(default_factory=dict)  # by party and eventID
    originals: Mapping[OriginalKey, Original] = field(default_factory=dict)


# ---- what follows ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Packing:
    """A containment that opened; `closed` is the position of the event that ended it, if the same submission did."""

    child: ItemState
    sequence: int
    parent: ItemState
    position: int
    standing: bytes | None = None
    before: Custody | None = None
    closed: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A move that named the item and is not its first event, nor its packing."""

    item: ItemState
    sequence: int
    position: int
    before: Custody


@dataclass(frozen=True, slots=True)
class Exceptional:
    """Something people have to look at."""

    position: int
    epc: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a rule would have refused, and a waiver allows."""

    position: int
    rule: str
    subject: str  # the party without a licence, or the item that came back
    by: Waived


@dataclass
class Judgement:
    """Everything that follows from a submission, in the words of the tables that will hold it."""

    plans: list[EventPlan]
    parties: list[str]  # whose act each event is
    packings: list[Packing] = field(default_factory=list)
    closings: list[tuple[ItemState, int, int]] = field(default_factory=list)  # child, its packing, position
    changes: list[Change] = field(default_factory=list)
    begun_again: list[tuple[ItemState, int | Recorded | None]] = field(default_factory=list)  # what began it before
    begun_anew: list[ItemState] = field(default_factory=list)  # what was told of these before counts no more
    copies: set[int] = field(default_factory=set)  # positions of events that are recorded already
    resends: set[int] = field(default_factory=set)  # of these, what the submitter knows because it told it itself
    superseded: list[int] = field(default_factory=list)  # keys of events told by others before
    taken_back: set[str] = field(default_factory=set)  # EPCs of what this very document returns
    allowed: list[Allowed] = field(default_factory=list)
    exceptions: list[Exceptional] = field(default_factory=list)
    contradictions: list[Exceptional] = field(default_factory=list)  # those of them that may mean a second pack
