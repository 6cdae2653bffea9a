"""The proof bundle as bytes (FORMATS section 7). `tests/vectors/bundle/bundle.cddl` is normative; this reads and
writes it.

A bundle holds the leaves themselves, not their JSON: what a salt, an EPC and a hash make is written again by the
verifier, so a leaf has one form here too. Reading says nothing of what is proven; that is `check.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from typing import Any, Self, TypeAlias, TypeVar, cast

import cbor2

from ledger.tlog.merkle import HASH_SIZE, leaf_hash
from partners.gs1.identifiers import is_canonical

from ..custody import Content
from ..epcis.errors import DocumentError
from ..epcis.jcs import JSON
from ..statements import Root, entry, read_json
from ..submission import SALT_SIZE, SECRET_SIZE, Kind, Leaf, core_leaf, event_leaf, field_leaf, header_leaf

MEDIA_TYPE = "application/vnd.unitproof.bundle+cbor"
VERSION = 1
MAX_SIZE = 1 << 24  # bytes

Path: TypeAlias = tuple[bytes, ...]
"""The sibling hashes of one multiproof."""


class MalformedBundle(DocumentError):
    """Bytes that are not a bundle in its one form."""

    code = "malformed_bundle"


@dataclass(frozen=True, slots=True)
class Entered:
    """A statement and its place in the log: [index, salt, statement]."""

    index: int
    salt: bytes  # 32 bytes
    envelope: bytes

    @property
    def entry(self) -> bytes:
        """The 32 bytes that are logged for it."""
        return entry(self.salt, self.envelope)

    @property
    def leaf(self) -> bytes:
        """The log's leaf hash."""
        return leaf_hash(self.entry)


@dataclass(frozen=True, slots=True)
class Named:
    """A field of an event or of a header: [index, salt, name, value as RFC 8785 JSON]."""

    index: int
    salt: bytes  # 16 bytes
    name: str
    text: str

    @property
    def value(self) -> JSON:
        return read_json(self.text.encode(), self.name)

    @property
    def as_field(self) -> bytes:
        return leaf_hash(field_leaf(self.salt, self.name, self.value))

    @property
    def as_header(self) -> bytes:
        return leaf_hash(header_leaf(self.salt, self.name, self.value))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the item one level down stands in a container's content: [index, path]."""

    index: int
    path: Path


@dataclass(frozen=True, slots=True)
class Item:
    """What an event says of the item, or of a container it was in:

    [index, kind, salt, number of the epc, content, prev or null, place or null]

    Of kind `s`, by which a party tells for itself what others had told of it, content is null too.
    """

    index: int
    kind: Kind
    salt: bytes  # 16 bytes
    epc: str
    content: "Content | None"
    prev: bytes | None
    place: Place | None = None

    @property
    def hash(self) -> bytes:
        return Leaf.make(self.kind, self.salt, self.epc, self.content, self.prev).hash


@dataclass(frozen=True)
class Shown:
    """What is shown of one event:

    [position, [n, root], [salt, core], [field, ...], path, [item, ...], path of the items]
    """

    position: int  # in its document
    root: Root
    salt: bytes  # 16 bytes, of the core
    text: str  # the core as RFC 8785 JSON
    fields: tuple[Named, ...]
    path: Path
    items: tuple[Item, ...]
    items_path: Path

    @cached_property
    def core(self) -> dict[str, JSON]:
        core = read_json(self.text.encode(), "core")
        if not isinstance(core, dict):
            raise MalformedBundle("a core is an object", where="core")
        return core

    @property
    def leaf(self) -> bytes:
        """Its leaf hash in the tree of its submission."""
        return event_leaf(self.root)

    @property
    def core_leaf(self) -> bytes:
        return leaf_hash(core_leaf(self.salt, self.core))


@dataclass(frozen=True, slots=True)
class Hop:
    """One submission of the item's history: [entry, [event, ...], path, [[header field, ...], path]]"""

    entered: Entered
    events: tuple[Shown, ...]  # in the order in which they apply
    path: Path
    header: tuple[Named, ...] = ()
    header_path: Path = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """What one log holds of the history:

    {"log": origin, "hops": [hop, ...], "path": path of all entries, "relied": [entry, ...], "checkpoint": note,
     "anchors": [[authority, token], ...]}    absent if there are none
    """

    origin: str
    checkpoint: str  # a signed note
    hops: tuple[Hop, ...]  # oldest first
    relied: tuple[Entered, ...]  # statements about keys and rights, oldest first
    path: Path
    anchors: tuple[tuple[str, bytes], ...] = ()  # who time-stamped the checkpoint's text, by name, and the token

    @property
    def entries(self) -> Iterator[Entered]:
        yield from (hop.entered for hop in self.hops)
        yield from self.relied


@dataclass(frozen=True)
class Bundle:
    """Everything a stranger needs to check what is said of one item:

    {"v": 1, "items": [epc, ...], "status": statement, "segments": [segment, ...]}
    """

    items: tuple[str, ...]  # the item, then each container it was in
    segments: tuple[Segment, ...]
    status: bytes  # COSE_Sign1, by the node

    @property
    def epc(self) -> str:
        return self.items[0]

    def __bytes__(self) -> bytes:
        numbers = {epc: number for number, epc in enumerate(self.items)}
        members = {
            "v": VERSION,
            "items": self.items,
            "status": self.status,
            "segments": [_write_segment(segment, numbers) for segment in self.segments],
        }
        return cbor2.dumps(members, canonical=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a bundle. Only what writes back to the same bytes is accepted."""
        members = _loads(data)
        match members:
            case {"v": 1, "items": list(items), "status": bytes(status), "segments": list(segments), **others}:
                if others or not items or not segments or not all(isinstance(epc, str) for epc in items):
                    raise MalformedBundle("not the members of a bundle")
            case _:
                raise MalformedBundle("not a bundle", expected="v, items, status and segments")
        reader = _Reader(items)
        bundle = cls(tuple(items), reader.each(reader.segment, segments), status)
        if reader.named != set(range(len(items))) or len(set(items)) < len(items):
            raise MalformedBundle("items are listed once each, and all are shown", where="items")
        if other := next((epc for epc in items if not is_canonical(epc)), None):
            detail, found = "another spelling than the one of its identifier", repr(other)[:80]
            raise MalformedBundle(detail, code="identifier_not_canonical", where="items", found=found)
        if len({segment.origin for segment in bundle.segments}) < len(bundle.segments):
            raise MalformedBundle("one segment a log", where="segments")
        if bytes(bundle) != data:
            raise MalformedBundle("not in deterministic encoding", code="not_deterministic")
        return bundle


# ---- writing --------------------------------------------------------------------------------------------------------


def _write_segment(segment: Segment, numbers: dict[str, int]) -> dict[str, Any]:
    return {
        "log": segment.origin,
        "hops": [_write_hop(hop, numbers) for hop in segment.hops],
        "path": segment.path,
        "relied": [_write_entered(entered) for entered in segment.relied],
        "checkpoint": segment.checkpoint,
    } | ({"anchors": segment.anchors} if segment.anchors else {})


def _write_hop(hop: Hop, numbers: dict[str, int]) -> list[Any]:
    events = [_write_event(event, numbers) for event in hop.events]
    header = [[_write_named(named) for named in hop.header], hop.header_path]
    return [_write_entered(hop.entered), events, hop.path, header]


def _write_entered(entered: Entered) -> list[Any]:
    return [entered.index, entered.salt, entered.envelope]


def _write_event(event: Shown, numbers: dict[str, int]) -> list[Any]:
    items = [_write_item(item, numbers) for item in event.items]
    fields = [_write_named(named) for named in event.fields]
    core = [event.salt, event.text]
    return [event.position, event.root, core, fields, event.path, items, event.items_path]


def _write_named(named: Named) -> list[Any]:
    return [named.index, named.salt, named.name, named.text]


def _write_item(item: Item, numbers: dict[str, int]) -> list[Any]:
    place = item.place and [item.place.index, item.place.path]
    return [item.index, item.kind, item.salt, numbers[item.epc], item.content, item.prev, place]


# ---- reading --------------------------------------------------------------------------------------------------------

T = TypeVar("T")


def _loads(data: bytes, most: int = MAX_SIZE) -> Any:
    if len(data) > most:
        raise MalformedBundle("too large", expected=f"at most {most} bytes", found=f"{len(data)} bytes")
    try:
        return cbor2.loads(data, max_depth=16, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError) as error:
        raise MalformedBundle(f"not CBOR: {error}", code="not_cbor") from error


class _Reader:
    """Reads the parts of a bundle, and keeps which items they name."""

    def __init__(self, items: Sequence[str]) -> None:
        self.items = items
        self.named: set[int] = set()

    def each(self, read: Callable[[Any], T], parts: list[Any], by: Callable[[T], int] | None = None) -> tuple[T, ...]:
        """Every part, read; in ascending order where one is asked for."""
        values = tuple(map(read, parts))
        if by is not None and not all(by(one) < by(other) for one, other in pairwise(values)):
            raise MalformedBundle("not in ascending order", found=", ".join(str(by(value)) for value in values)[:80])
        return values

    def segment(self, part: Any) -> Segment:
        match part:
            case {
                "log": str(origin),
                "hops": list(hops),
                "path": list(path),
                "relied": list(relied),
                "checkpoint": str(checkpoint),
                **others,
            } if others.keys() <= {"anchors"}:
                in_order = self.each(self.hop, hops, lambda hop: hop.entered.index)
                rights = self.each(self.entered, relied, attrgetter("index"))
                anchors = self.anchors(others["anchors"]) if others else ()
                return Segment(origin, checkpoint, in_order, rights, self.path(path), anchors)
        raise MalformedBundle("not a segment", expected="log, hops, path, relied, checkpoint")

    def anchors(self, part: Any) -> tuple[tuple[str, bytes], ...]:
        match part:
            case [_, *_] if all(isinstance(each, list) for each in part):
                named = list(map(self.anchor, part))
                if all(one[0] < other[0] for one, other in pairwise(named)):
                    return tuple(named)
        raise MalformedBundle("not anchors", where="anchors", expected="[authority, token] by name, each once")

    def anchor(self, part: list[Any]) -> tuple[str, bytes]:
        match part:
            case [str(name), bytes(token)]:
                return name, token
        raise MalformedBundle("not an anchor", where="anchors", expected="authority, token")

    def hop(self, part: Any) -> Hop:
        match part:
            case [entered, [first, *rest], list(path), [list(header), list(header_path)]]:
                events = self.each(self.event, [first, *rest])
                named = self.each(self.field, header, attrgetter("index"))
                return Hop(self.entered(entered), events, self.path(path), named, self.path(header_path))
        raise MalformedBundle("not a hop", expected="entry, events, path, header")

    def entered(self, part: Any) -> Entered:
        match part:
            case [index, salt, bytes(envelope)]:
                return Entered(_count(index), _octets(salt, SECRET_SIZE), envelope)
        raise MalformedBundle("not an entry", expected="index, salt, statement")

    def event(self, part: Any) -> Shown:
        match part:
            case [position, root, [salt, str(core)], list(fields), list(path), [first, *rest], list(items_path)]:
                return Shown(
                    _count(position),
                    _root(root),
                    _octets(salt, SALT_SIZE),
                    core,
                    self.each(self.field, fields, attrgetter("index")),
                    self.path(path),
                    self.each(self.item, [first, *rest], attrgetter("index")),
                    self.path(items_path),
                )
        raise MalformedBundle("not an event", expected="position, root, core, fields, path, items, their path")

    def field(self, part: Any) -> Named:
        match part:
            case [index, salt, str(name), str(text)]:
                return Named(_count(index), _octets(salt, SALT_SIZE), name, text)
        raise MalformedBundle("not a field", expected="index, salt, name, value")

    def item(self, part: Any) -> Item:
        match part:
            case [index, "s", salt, number, None, None, None]:
                return Item(_count(index), "s", _octets(salt, SALT_SIZE), self.epc(number), None, None)
            case [index, "i" | "p" as kind, salt, number, content, prev, place]:
                before = None if prev is None else _octets(prev, HASH_SIZE)
                epc, inside = self.epc(number), _content(content)
                return Item(_count(index), kind, _octets(salt, SALT_SIZE), epc, inside, before, self.place(place))
        raise MalformedBundle("not an item", expected="index, kind, salt, number, content, prev, place")

    def epc(self, value: Any) -> str:
        number = _count(value)
        if number >= len(self.items):
            raise MalformedBundle("no such item", where="items", found=str(number))
        self.named.add(number)
        return self.items[number]

    def place(self, part: Any) -> Place | None:
        match part:
            case None:
                return None
            case [index, list(path)]:
                return Place(_count(index), self.path(path))
        raise MalformedBundle("not a place", expected="index, path")

    def path(self, part: list[Any]) -> Path:
        return tuple(_octets(sibling, HASH_SIZE) for sibling in part)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise MalformedBundle("not a size or an index", found=repr(value)[:80])
    return value


def _octets(value: Any, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise MalformedBundle("not so many bytes", expected=str(size), found=repr(value)[:80])
    return value


def _root(value: Any) -> Root:
    match value:
        case [size, root]:
            return _count(size), _octets(root, HASH_SIZE)
    raise MalformedBundle("not [n, root]", found=repr(value)[:80])


def _content(value: Any) -> Content:
    return cast(Content, value) if value in ("none", "unknown") else _root(value)
