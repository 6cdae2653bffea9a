"""From events to what is signed: leaves, trees, payload (FORMATS sections 3 to 5). Pure.

    document, opening, heads, plans ──grow──> tree ──payload──> the bytes to sign
    draft ──check──> the same tree, computed again by whoever signs

The events are walked in the order in which they apply, each item's leaf naming the one before it; the trees stay in
document order. Custody (`judgement.py`) has decided before what only was seen, and what was opened or put back.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring as quote
from typing import Literal, NamedTuple, Self, TypeAlias, cast

from ledger.tlog.merkle import leaf_hash, leaf_hashes_of, root_of

from .custody import PLAIN, SIGNED_BY_PARTY, Content, EventPlan, Head, Told, Voice
from .epcis.events import Action, Document, Event, EventType
from .epcis.jcs import JSON, encode
from .facts import Exceptional
from .ordering import application_order
from .statements import (
    CONTENT,
    COUNT,
    HASH,
    HEAD,
    TIME,
    WORD,
    Form,
    Root,
    StatementError,
    Submission,
    b64,
    many,
    mapping,
    name_order,
    read,
    read_json,
    unb64,
)

SECRET_SIZE = 32  # bytes
SALT_SIZE = 16  # bytes
VERSION = 1


class OpeningMismatch(StatementError):
    """An opening or a draft that does not belong to the document it came with."""

    code = "opening_mismatch"


# ---- secrets --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """What turns a document back into its trees; whoever has it can show any leaf, whoever lacks it can guess none.

    {"entry":salt,"fields":secret,"items":secret,"offline":false,"told":[[as,for or null],...],"v":1}
    """

    items: bytes  # 32 bytes, secret: salts of the item leaves
    fields: bytes  # 32 bytes, secret: salts of all other leaves
    entry: bytes  # 32 bytes: salt of the log entry
    told: tuple[Told, ...]  # one an event
    offline: bool = False  # signed without knowing any head

    def __post_init__(self) -> None:
        if {len(self.items), len(self.fields), len(self.entry)} != {SECRET_SIZE}:
            raise StatementError("secrets and entry salt are 32 bytes", where="opening")

    @classmethod
    def draw(cls, told: Sequence[Told], *, offline: bool = False) -> Self:
        """Fresh secrets."""
        items, fields, entry = (secrets.token_bytes(SECRET_SIZE) for _ in range(3))
        return cls(items, fields, entry, tuple(told), offline)

    def __bytes__(self) -> bytes:
        return encode(self.members)

    @property
    def members(self) -> dict[str, JSON]:
        return {
            "v": VERSION,
            "items": b64(self.items),
            "fields": b64(self.fields),
            "entry": b64(self.entry),
            "told": [[told.voice.value, told.spoken_for] for told in self.told],
            "offline": self.offline,
        }

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read an opening. Only what writes back to the same bytes is accepted."""
        opening = cls.of(read_json(text, "opening"))
        if bytes(opening) != text:
            raise StatementError("does not write back to the same bytes", code="not_canonical", where="opening")
        return opening

    @classmethod
    def of(cls, members: JSON) -> Self:
        """The opening with these members, all of them and no others."""
        match members:
            case {
                "v": 1,
                "items": str(items),
                "fields": str(fields),
                "entry": str(entry),
                "told": list(told),
                "offline": bool(offline),
                **others,
            } if not others:
                return cls(unb64(items), unb64(fields), unb64(entry), tuple(map(_read_told, told)), offline)
        raise StatementError("not the members of an opening", where="opening", expected=str(cls.__doc__).split()[-1])


def _read_told(told: JSON) -> Told:
    match told:
        case [str(voice), None | str() as party] if voice in set(Voice):
            return Told(Voice(voice), party)
    raise StatementError("not [as, for]", where="opening: told", found=repr(told)[:80])


Salt: TypeAlias = Callable[[str], bytes]


def salts(secret: bytes, *path: str | int) -> Salt:
    """The salt of each leaf in the list at this path, by the leaf's name (FORMATS section 4)."""
    where = ",".join(str(each) if isinstance(each, int) else quote(each) for each in path)  # by hand, for speed
    key = hmac.digest(secret, f"unitproof/salt/v1\0[{where}]".encode(), "sha256")
    return lambda name: sha256(key + name.encode()).digest()[:16]


# ---- leaves ---------------------------------------------------------------------------------------------------------

Kind: TypeAlias = Literal["i", "p", "s"]
CORE = frozenset(
    {"type", "action", "bizStep", "disposition", "persistentDisposition", "eventID", "eventTime",
     "eventTimeZoneOffset", "errorDeclaration", "sourceList", "destinationList"}
)  # fmt: skip
ELSEWHERE = CORE | {"epcList", "childEPCs", "inputEPCList", "outputEPCList"}
ELSEWHERE_WITH_PARENT = ELSEWHERE | {"parentID"}
_IN_CORE = {"sourceList": "sources", "destinationList": "destinations"}


class Leaf(NamedTuple):
    """What one event says of one item:

    ["i" or "p",salt,epc,content,prev]        it moves; "p": it is the container packed or unpacked
    ["s",salt,epc]                            it was only seen
    """

    kind: Kind
    epc: str
    content: "Content | None"  # after the event; None: only seen
    prev: bytes | None  # hash of the item's leaf before this one
    hash: bytes

    @classmethod
    def make(cls, kind: Kind, salt: bytes, epc: str, content: "Content | None", prev: bytes | None) -> Self:
        # Written by hand, for speed: no object is inside, so RFC 8785 asks for no sorting.
        if content is None:
            text = f'["{kind}","{b64(salt)}",{quote(epc)}]'
        else:
            before = "null" if prev is None else f'"{b64(prev)}"'
            text = f'["{kind}","{b64(salt)}",{quote(epc)},{_content_json(content)},{before}]'
        return cls(kind, epc, content, prev, sha256(b"\x00" + text.encode()).digest())  # as `leaf_hash`, for speed


def _content_json(content: Content) -> str:
    return f'"{content}"' if isinstance(content, str) else f'[{content[0]},"{b64(content[1])}"]'


def event_leaf(root: Root) -> bytes:
    """Hash of the leaf by which an event stands in the tree of its submission."""
    return leaf_hash(f'["e",{_content_json(root)}]'.encode())


def core_leaf(salt: bytes, core: Mapping[str, JSON]) -> bytes:
    return encode(["c", b64(salt), dict(core)])


def field_leaf(salt: bytes, name: str, value: JSON) -> bytes:
    return encode(["f", b64(salt), name, value])


def header_leaf(salt: bytes, name: str, value: JSON) -> bytes:
    return encode(["h", b64(salt), name, value])


def core_of(event: Event, told: Told, items: Root | None) -> dict[str, JSON]:
    """What is always shown of an event: all that could turn its meaning round."""
    core = {_IN_CORE.get(name, name): value for name, value in event.members.items() if name in CORE}
    core["as"] = told.voice.value
    if told.spoken_for is not None:
        core["for"] = told.spoken_for
    if items is not None:
        core["items"] = CONTENT.write(items)
    return core


def fields_of(event: Event, *, parent_shown: bool) -> dict[str, JSON]:
    """What may be shown of an event or not, in order: all but the core, the items, and a parent that has its leaf."""
    members = event.members
    hidden = ELSEWHERE_WITH_PARENT if parent_shown else ELSEWHERE
    return {name: members[name] for name in sorted(members.keys() - hidden, key=name_order)}


def event_leaves(event: Event, told: Told, opening: Opening, position: int, items: Sequence[Leaf]) -> list[bytes]:
    """The leaves of an event, core first, as the bytes that are hashed; `items` in any order."""
    salt = salts(opening.fields, "event", position, "fields")
    root = root_of_items(items)
    fields = fields_of(event, parent_shown=any(leaf.kind == "p" for leaf in items))
    leaves = [core_leaf(salt("core"), core_of(event, told, root))]
    leaves += [field_leaf(salt(name), name, value) for name, value in fields.items()]
    return leaves


def header_leaves(header: Mapping[str, JSON], opening: Opening) -> list[bytes]:
    """The leaves of a document's header, as the bytes that are hashed."""
    salt = salts(opening.fields, "header")
    return [header_leaf(salt(name), name, header[name]) for name in sorted(header, key=name_order)]


def root_of_items(items: Collection[Leaf]) -> Root | None:
    """An items tree is sorted by leaf hash; an event that names nothing has none."""
    return (len(items), root_of(sorted(leaf.hash for leaf in items))) if items else None


# ---- the tree -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventTree:
    """One event, grown."""

    items: tuple[Leaf, ...]  # in the order of `event.named`
    leaves: tuple[bytes, ...]  # core, then fields
    root: Root


@dataclass(frozen=True, slots=True)
class Grown:
    """The leaves of every item that a submission names, and each item as it is afterwards."""

    items: tuple[tuple[Leaf, ...], ...]  # event by event, each in the order of `event.named`
    heads: dict[str, Head]
    contents: Mapping[str, Collection[bytes]]  # leaf hashes of the children, of containers whose contents are stated


@dataclass(frozen=True, slots=True)
class Tree:
    """One submission, grown."""

    events: tuple[EventTree, ...]
    root: Root
    header: Root | None
    document: bytes  # HMAC-SHA-256 over the bytes received
    meaning: tuple[str, ...]
    grown: Grown

    @property
    def heads(self) -> dict[str, Head]:
        return self.grown.heads

    @property
    def contents(self) -> dict[str, frozenset[bytes]]:
        return {epc: frozenset(children) for epc, children in self.grown.contents.items()}


def grow(
    document: Document,
    received: bytes,
    opening: Opening,
    heads: Mapping[str, Head],
    contents: Mapping[str, Collection[bytes]],
    plans: Sequence[EventPlan],
) -> Tree:
    """The tree of a submission: what is signed of it, over what `grow_items` makes of the rest."""
    events, told = document.events, opening.told
    grown = grow_items(events, opening, heads, contents, plans)
    trees = event_trees(events, opening, grown)
    header = [leaf_hash(leaf) for leaf in header_leaves(document.header, opening)]
    return Tree(
        events=trees,
        root=(len(trees), root_of([event_leaf(tree.root) for tree in trees])),
        header=(len(header), root_of(header)) if header else None,
        document=document_mac(received, opening),
        meaning=meaning(events, told),
        grown=grown,
    )


def event_trees(events: Sequence[Event], opening: Opening, grown: Grown) -> tuple[EventTree, ...]:
    """The tree of each event, over the leaves of its items."""
    trees = []
    for position, (event, told, items) in enumerate(zip(events, opening.told, grown.items, strict=True)):
        leaves = event_leaves(event, told, opening, position, items)
        trees.append(EventTree(items, tuple(leaves), (len(leaves), root_of(leaf_hashes_of(leaves)))))
    return tuple(trees)


def grow_items(
    events: Sequence[Event],
    opening: Opening,
    heads: Mapping[str, Head],
    contents: Mapping[str, Collection[bytes]],
    plans: Sequence[EventPlan],
    *,
    kept: Sequence[Mapping[str, bytes]] | None = None,
) -> Grown:
    """The leaves of all items, in the order in which the events apply.

    `heads` are those of the items known before; one that is not among them is at first sight. `contents` are the
    children's leaf hashes of containers whose head has a content root. `kept`, where the items' secret was erased, are
    the hashes that each event's leaves had, by EPC.
    """
    if not len(events) == len(opening.told) == len(plans):
        found = f"{len(opening.told)} in the opening, {len(plans)} plans"
        raise OpeningMismatch("not made for this document", expected=f"{len(events)} events", found=found)
    growth = _Growth(opening, heads, contents, kept)
    grown = {
        position: growth.event(position, events[position], plans[position]) for position in application_order(events)
    }
    return Grown(tuple(grown[position] for position in range(len(events))), growth.heads, growth.contents)


def document_mac(received: bytes, opening: Opening) -> bytes:
    """What a payload says of the document: it fits no other bytes, and tells nothing of these (FORMATS section 5)."""
    return hmac.digest(salts(opening.fields, "document")(""), received, "sha256")


def payload(tree: Tree, *, log: str, submitter: str, submission: str, time: datetime) -> bytes:
    """What is signed for the tree."""
    return bytes(
        Submission(
            log=log,
            submitter=submitter,
            time=time,
            submission=submission,
            document=tree.document,
            header=tree.header,
            events=tree.root,
            meaning=tree.meaning,
        )
    )


def meaning(events: Sequence[Event], told: Sequence[Told]) -> tuple[str, ...]:
    """The business steps that the submitter answers for, shown to whoever holds the pen."""
    steps = {
        event.biz_step
        for event, by in zip(events, told, strict=True)
        if by.voice in SIGNED_BY_PARTY and event.biz_step is not None
    }
    return tuple(sorted(steps, key=name_order)) or ("reported",)


class _Growth:
    """The heads and contents of all items while one event after the other is applied."""

    def __init__(
        self,
        opening: Opening,
        heads: Mapping[str, Head],
        contents: Mapping[str, Collection[bytes]],
        kept: Sequence[Mapping[str, bytes]] | None,
    ) -> None:
        self.opening, self.kept = opening, kept
        self.make = Leaf.make if kept is None else self._kept_leaf
        self.before = heads
        self.heads = {} if opening.offline else dict(heads)
        self.contents = {} if opening.offline else {epc: set(children) for epc, children in contents.items()}

    def event(self, position: int, event: Event, plan: EventPlan) -> tuple[Leaf, ...]:
        self.position = position
        items = self._items(position, event, plan)
        for epc in plan.opened:  # its content changes by no leaf: not even a device without a connection moves its head
            head = self.heads.get(epc) or self.before.get(epc) or self._head(epc)
            self.heads[epc] = Head(head.leaf, "unknown")
        for epc in plan.restored.keys() - event.named:
            self.heads[epc] = Head(self._head(epc).leaf, self._restored(epc, plan.restored[epc]))
        return tuple(items)

    def _items(self, position: int, event: Event, plan: EventPlan) -> list[Leaf]:
        """Children's leaves first: the parent's content is made of them."""
        salt = salts(self.opening.items, "event", position, "items")
        if not packs(event, plan):
            return self._leaves(salt, event.named, event, plan)
        before = {epc: self._head(epc).leaf for epc in event.epcs} if _takes_out(event) else {}
        children = self._leaves(salt, event.epcs, event, plan)
        moved = [leaf for leaf in children if leaf.kind == "i"]
        left = {plan.standing.get(epc, leaf) for epc, leaf in before.items() if epc not in plan.seen}
        parent = cast(str, event.parent_id)
        content = self._packed(event, plan, left, {leaf.hash for leaf in moved})
        return [*children, self._leaf("p", salt, parent, content)]

    def _leaves(self, salt: Salt, epcs: Iterable[str], event: Event, plan: EventPlan) -> list[Leaf]:
        """The leaves of whatever is not packed or unpacked itself: the hot loop of a big document."""
        heads, prev_told, seen, restored = self.heads, not self.opening.offline, plan.seen, plan.restored
        begun = _COMMISSIONED if begins(event) else None
        leaves, make = [], self.make
        for epc in epcs:
            if epc in seen:
                leaves.append(make("s", salt(epc), epc, None, None))
                continue
            head = begun or heads.get(epc) or self._head(epc)
            content = self._restored(epc, restored[epc]) if epc in restored else head.content
            leaf = make("i", salt(epc), epc, content, head.leaf if prev_told else None)
            heads[epc] = Head(leaf.hash, content)
            leaves.append(leaf)
        return leaves

    def _leaf(self, kind: Kind, salt: Salt, epc: str, content: Content) -> Leaf:
        """The item's next leaf, which is its head from now on."""
        prev = None if self.opening.offline else self._head(epc).leaf
        leaf = self.make(kind, salt(epc), epc, content, prev)
        self.heads[epc] = Head(leaf.hash, content)
        return leaf

    def _kept_leaf(self, kind: Kind, salt: bytes, epc: str, content: "Content | None", prev: bytes | None) -> Leaf:
        assert self.kept is not None
        return Leaf(kind, epc, content, prev, self.kept[self.position][epc])

    def _head(self, epc: str) -> Head:
        return self.heads.get(epc) or Head(None, "unknown" if self.opening.offline else first_sight(epc))

    def _packed(self, event: Event, plan: EventPlan, left: set[bytes | None], came: set[bytes]) -> Content:
        """What is in the parent after the event; `left` and `came`: the children's leaves before it and by it."""
        parent = cast(str, event.parent_id)
        head = self._head(parent)
        if event.error_declaration is not None:
            put_back = set(plan.standing.values()) if event.action is Action.DELETE else set()
            inside = self.contents.get(parent, set()) - left | put_back
            stated = content_root(inside) if isinstance(head.content, tuple) else head.content
            return self._restored(parent, plan.restored.get(parent, stated), inside)
        if event.action is Action.DELETE:
            return self._unpacked(parent, head, left if event.epcs else None)
        if head.content == "none" or (head.leaf is None and not self.opening.offline):
            return self._state(parent, came)
        if head.content == "unknown":
            return "unknown"
        return self._state(parent, self._inside(parent, head.content) | came)

    def _unpacked(self, parent: str, head: Head, left: set[bytes | None] | None) -> Content:
        if left is None:  # all of it
            return self._state(parent, set())
        if isinstance(head.content, str):  # whatever it held, nobody had stated it
            return "unknown"
        return self._state(parent, self._inside(parent, head.content) - left)

    def _inside(self, parent: str, content: Root) -> set[bytes]:
        inside = self.contents.get(parent, set())
        if len(inside) != content[0]:
            detail = f"the contents of {parent} are needed to change them"
            raise OpeningMismatch(
                detail, code="contents_missing", expected=f"{content[0]} leaves", found=str(len(inside))
            )
        return inside

    def _state(self, parent: str, inside: set[bytes]) -> Root:
        self.contents[parent] = inside
        return content_root(inside)

    def _restored(self, epc: str, content: Content, inside: set[bytes] | None = None) -> Content:
        """Put a content back. Which leaves it is made of is known only where they still give its root."""
        inside = self.contents.get(epc, set()) if inside is None else inside
        if content == content_root(inside):
            self.contents[epc] = inside
        else:
            self.contents.pop(epc, None)
        return content


_COMMISSIONED = Head(None, "none")


def _takes_out(event: Event) -> bool:
    """Whether children may leave the parent's content: unpacked, or a packing declared an error."""
    return event.action is Action.DELETE or event.error_declaration is not None


def begins(event: Event) -> bool:
    """Whether it commissions: its leaves have nothing before them."""
    return (
        event.biz_step == "commissioning"
        and event.action is Action.ADD
        and event.type is EventType.OBJECT
        and event.error_declaration is None
    )


def packs(event: Event, plan: EventPlan = PLAIN) -> bool:
    """Whether it packs or unpacks its parent, which then has a `p` leaf. Quantities alone move nothing."""
    if event.parent_id is None or event.action is Action.OBSERVE or event.parent_id in plan.seen:
        return False
    if not event.epcs:  # EPCIS 2.0 section 7.4.3: a DELETE that names no children means all of them
        return event.action is Action.DELETE and "childQuantityList" not in event.rest
    return not plan.seen.issuperset(event.epcs)


def first_sight(epc: str) -> Content:
    """The content of an item nothing is known of: a serialised trade item is taken for a unit, all else may hold more.

    >>> first_sight("https://id.gs1.org/01/00614141123452/21/A1"), first_sight("https://id.gs1.org/00/006141417000000004")
    ('none', 'unknown')
    """
    return "none" if epc.startswith("https://id.gs1.org/01/") and "/21/" in epc else "unknown"


def content_root(children: Collection[bytes]) -> Root:
    """A content tree is over the children's leaf hashes themselves, sorted."""
    return len(children), root_of(sorted(children))


# ---- drafts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """A submission that waits for its signature, with what its signer needs to compute every root again.

    {"contents":{epc:[leaf,...]},"exceptions":[{"code":code,"detail":text,"epc":epc,"event":0},...],"expires":time,
     "heads":{epc:[leaf or null,content]},"opening":{...},"payload":{...},
     "plans":[[event,{"opened":[epc],"restored":{epc:content},"seen":[epc],"standing":{epc:leaf}}],...]}
    """

    payload: Submission
    opening: Opening
    heads: Mapping[str, Head]
    contents: Mapping[str, Collection[bytes]]
    plans: Mapping[int, EventPlan]  # by event; the rest are plain
    expires: datetime
    exceptions: Sequence[Exceptional] = ()  # what people would have to look at

    def __bytes__(self) -> bytes:
        return encode(
            {
                "payload": json.loads(bytes(self.payload)),
                "opening": self.opening.members,
                "heads": _HEADS.write(self.heads),
                "contents": _CONTENTS.write(self.contents),
                "plans": _PLANS.write(self.plans),
                "exceptions": [write_exception(each) for each in self.exceptions],
                "expires": TIME.write(self.expires),
            }
        )

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read a draft. Only what writes back to the same bytes is accepted."""
        members = read_json(text, "draft")
        match members:
            case {
                "payload": dict(payload),
                "opening": dict(opening),
                "heads": dict(heads),
                "contents": dict(contents),
                "plans": list(plans),
                "exceptions": list(exceptions),
                "expires": str(expires),
            }:
                draft = cls(
                    Submission.parse(encode(payload)),
                    Opening.of(opening),
                    read(_HEADS, heads, "heads"),
                    read(_CONTENTS, contents, "contents"),
                    read(_PLANS, plans, "plans"),
                    read(TIME, expires, "expires"),
                    tuple(read(_EXCEPTION, each, "exceptions") for each in exceptions),
                )
                if bytes(draft) == text:
                    return draft
        raise StatementError("not the members of a draft", where="draft")

    def check(self, document: Document, received: bytes) -> Tree:
        """The tree of the document, computed again. Raises unless it is the one the payload stands for."""
        plans = [self.plans.get(position, PLAIN) for position in range(len(document.events))]
        tree = grow(document, received, self.opening, self.heads, self.contents, plans)
        asked = self.payload
        computed = payload(tree, log=asked.log, submitter=asked.submitter, submission=asked.submission, time=asked.time)
        if computed != bytes(asked):
            detail = "the payload does not stand for this document"
            raise OpeningMismatch(detail, expected=computed.decode(), found=bytes(asked).decode())
        return tree


def write_exception(told: Exceptional) -> dict[str, JSON]:
    """Something people have to look at, as drafts and answers list it."""
    return {"event": told.position, "epc": told.epc, "code": told.code, "detail": told.detail}


def _read_exception(members: JSON) -> Exceptional:
    match members:
        case {"event": int(event), "epc": str(epc), "code": str(code), "detail": str(detail)}:
            return Exceptional(COUNT.read(event), epc, code, detail)
    raise ValueError(members)


def _read_plan(members: JSON) -> EventPlan:
    if not isinstance(members, dict) or members.keys() - _PLAN.keys():
        raise ValueError(members)
    return EventPlan(**{name: _PLAN[name].read(value) for name, value in members.items()})


def _write_plan(plan: EventPlan) -> JSON:
    return {name: form.write(value) for name, form in _PLAN.items() if (value := getattr(plan, name))}


def _read_plans(plans: JSON) -> dict[int, EventPlan]:
    if not isinstance(plans, list):
        raise ValueError(plans)
    return {COUNT.read(position): _read_plan(plan) for position, plan in cast("list[list[JSON]]", plans)}


_EXCEPTION = Form("what people have to look at", _read_exception, write_exception)
_EPCS = many(WORD, by=name_order, least=0)
_PLAN = {
    "seen": Form("EPCs", lambda value: frozenset(_EPCS.read(value)), lambda seen: sorted(seen, key=name_order)),
    "opened": Form("EPCs, as they were opened", lambda value: tuple(map(WORD.read, value)), list),
    "restored": mapping(CONTENT, "{epc: content}"),
    "standing": mapping(HASH, "{epc: leaf}"),
}
_PLANS = Form(
    "[[event, plan], ...]", _read_plans, lambda plans: [[event, _write_plan(plans[event])] for event in sorted(plans)]
)
_HEADS = mapping(HEAD, "{epc: [leaf, content]}")
_CONTENTS = mapping(
    Form("leaf hashes, sorted", many(HASH, least=0).read, lambda leaves: [b64(leaf) for leaf in sorted(leaves)]),
    "{epc: [leaf, ...]}",
)
