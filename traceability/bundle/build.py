"""From what a node stores to a bundle: which leaves are shown, and the paths that lead from them to the log."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.tlog.merkle import leaf_hash, multiproof, root_of
from partners.gs1.identifiers import gln_of, gtin_of

from ..custody import Content
from ..epcis.events import Event
from ..epcis.jcs import JSON, encode
from ..statements import StatementError, name_order
from ..submission import (
    Kind,
    Leaf,
    Opening,
    core_of,
    event_leaf,
    event_leaves,
    fields_of,
    header_leaves,
    root_of_items,
    salts,
)
from .value import Bundle, Entered, Hop, Item, Named, Path, Place, Segment, Shown


class CannotProve(StatementError):
    """What is to be shown does not fit together with what was signed."""

    code = "cannot_prove"


class Profile(StrEnum):
    """For whom a bundle is made, hence what it shows (ARCHITECTURE section 9)."""

    PARTNER = "partner"  # cores, ilmd, transaction statements, master data of the product and of both parties
    REGULATOR = "regulator"  # all


@dataclass(frozen=True)
class EventSource:
    """One event of the item's history, as a node stores it."""

    position: int  # in its document
    event: Event
    leaves: Mapping[str, tuple[Kind, bytes]]  # kind and hash of the leaf of everything the event names
    shown: Sequence[Leaf]  # those of the item, and of the containers it was in
    inside: Mapping[str, tuple[bytes, Collection[bytes]]] = field(default_factory=dict)
    """Of a container packed or unpacked that the item is in afterwards: the leaf in it that leads to the item, and all
    leaves in it."""


@dataclass(frozen=True)
class Source:
    """One submission of the item's history, as a node stores it."""

    index: int  # in the log
    envelope: bytes
    opening: Opening
    header: Mapping[str, JSON]
    event_leaves: Sequence[bytes]  # leaf hash of every event, in document order
    events: Sequence[EventSource]  # those of the history, in the order in which they apply

    @property
    def entered(self) -> Entered:
        return Entered(self.index, self.opening.entry, self.envelope)


def build(
    epc: str,
    sources: Iterable[Source],
    relied: Iterable[Entered],
    *,
    origin: str,
    checkpoint: str,
    path: Iterable[bytes],
    status: bytes,
    profile: Profile = Profile.PARTNER,
    anchors: Mapping[str, bytes] | None = None,
) -> Bundle:
    """The bundle of one item, its history in one log.

    `relied` are the statements about keys and rights that the history rests on; `path` is the multiproof of all
    entries, `sources` and `relied`, in the tree of the checkpoint. `anchors` are tokens over that, by their authority.
    """
    sources = sorted(sources, key=lambda source: source.index)
    hops = tuple(_hop(source, profile, gtin_of(epc)) for source in sources)
    named = dict.fromkeys((epc, *(leaf.epc for source in sources for event in source.events for leaf in event.shown)))
    rights = tuple(sorted(relied, key=lambda each: each.index))
    segment = Segment(origin, checkpoint, hops, rights, tuple(path), tuple(sorted((anchors or {}).items())))
    return Bundle(tuple(named), (segment,), status)


def find_leaf(
    stored: tuple[Kind, bytes], epc: str, salt: bytes, *, contents: Iterable[Content], prevs: Collection[bytes | None]
) -> Leaf:
    """The leaf of this kind and hash, by what it may say: a node stores no more of it."""
    kind, expected = stored
    for content in contents:
        for prev in prevs:
            leaf = Leaf.make(kind, salt, epc, content, prev)
            if leaf.hash == expected:
                return leaf
    raise CannotProve("no leaf with this hash", where=epc, expected=expected.hex())


def _hop(source: Source, profile: Profile, gtin: str | None) -> Hop:
    parties = {gln_of(str(party)) for each in source.events for party in _parties(each.event)}

    def shows(name: str) -> bool:
        return profile is Profile.REGULATOR or _is_for_partners(name, gtin, parties)

    def shows_field(_: EventSource, name: str) -> bool:
        return profile is Profile.REGULATOR or name == "ilmd"

    return hop_of(source, header=shows, fields=shows_field)


def hop_of(source: Source, *, header: Callable[[str], bool], fields: Callable[[EventSource, str], bool]) -> Hop:
    """One submission, with what these say is shown: of its header by name, and of each event's fields."""
    events = tuple(_shown(each, source, fields) for each in source.events)
    path = tuple(multiproof(source.event_leaves, sorted(event.position for event in events)))
    return Hop(source.entered, events, path, *_header(source, header))


def _shown(source: EventSource, hop: Source, shows: Callable[[EventSource, str], bool]) -> Shown:
    position, event, told = source.position, source.event, hop.opening.told[source.position]
    named = [Leaf(kind, epc, None, None, stored) for epc, (kind, stored) in source.leaves.items()]
    leaves = [leaf_hash(leaf) for leaf in event_leaves(event, told, hop.opening, position, named)]
    root = len(leaves), root_of(leaves)
    if event_leaf(root) != hop.event_leaves[position]:
        raise CannotProve("not the event that was signed", where=f"event {position}")
    fields = _fields(source, hop.opening, shows)
    items = _items(source, hop.opening)
    return Shown(
        position=position,
        root=root,
        salt=salts(hop.opening.fields, "event", position, "fields")("core"),
        text=encode(core_of(event, told, root_of_items(named))).decode(),
        fields=fields,
        path=tuple(multiproof(leaves, [0, *(each.index for each in fields)])),
        items=items,
        items_path=tuple(multiproof(sorted(leaf.hash for leaf in named), [item.index for item in items])),
    )


def _fields(source: EventSource, opening: Opening, shows: Callable[[EventSource, str], bool]) -> tuple[Named, ...]:
    parent_shown = any(kind == "p" for kind, _ in source.leaves.values())
    fields = fields_of(source.event, parent_shown=parent_shown)
    salt = salts(opening.fields, "event", source.position, "fields")
    return tuple(
        Named(index, salt(name), name, encode(value).decode())
        for index, (name, value) in enumerate(fields.items(), 1)  # the core is leaf 0
        if shows(source, name)
    )


def _items(source: EventSource, opening: Opening) -> tuple[Item, ...]:
    """What is shown of the items tree, in its order."""
    hashes = {leaf: index for index, leaf in enumerate(sorted(stored for _, stored in source.leaves.values()))}
    salt = salts(opening.items, "event", source.position, "items")
    items = []
    for leaf in source.shown:
        if (leaf.kind, leaf.hash) != source.leaves[leaf.epc]:
            raise CannotProve("not a leaf that was signed", where=leaf.epc, found=leaf.hash.hex())
        stated = isinstance(leaf.content, tuple)  # else nobody has stated the leaves among which it would have one
        place = _place(*source.inside[leaf.epc]) if stated and leaf.epc in source.inside else None
        index = hashes[leaf.hash]
        items.append(Item(index, leaf.kind, salt(leaf.epc), leaf.epc, leaf.content, leaf.prev, place))
    return tuple(sorted(items, key=lambda item: item.index))


def _place(leaf: bytes, inside: Collection[bytes]) -> Place:
    leaves = sorted(inside)
    index = leaves.index(leaf)
    return Place(index, tuple(multiproof(leaves, [index])))


def _header(source: Source, shows: Callable[[str], bool]) -> tuple[tuple[Named, ...], Path]:
    names = sorted(source.header, key=name_order)
    salt = salts(source.opening.fields, "header")
    shown = tuple(
        Named(index, salt(name), name, encode(source.header[name]).decode())
        for index, name in enumerate(names)
        if shows(name)
    )
    if not shown:
        return (), ()
    leaves = [leaf_hash(leaf) for leaf in header_leaves(source.header, source.opening)]
    return shown, tuple(multiproof(leaves, [named.index for named in shown]))


def _parties(event: Event) -> Iterable[str]:
    yield from (party["source"] for party in event.sources)
    yield from (party["destination"] for party in event.destinations)


def _is_for_partners(name: str, gtin: str | None, parties: Collection[str | None]) -> bool:
    kind, _, subject = name.partition(":")
    return kind == "ts" or (kind == "product" and subject == gtin) or (kind == "place" and subject[:13] in parties)
