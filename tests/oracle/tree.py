"""FORMATS 3 and 4: a document and its opening to leaves, trees, heads and contents.

The order below is that of the page: salts, leaves, what a leaf says of an item (application order, prev, content),
then the trees of one event, of all events, and of the header.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from . import identifiers, merkle
from .canonical import Members, encode, identity
from .documents import Read
from .refusal import Refused

Content = Any  # "none", "unknown" or [n, root as base64url]

#: What custody knows and a client cannot recompute (README.md).
NO_PLAN: Members = {"seen": [], "opened": [], "restored": {}, "standing": {}}


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def rooted(leaves: list[bytes]) -> list[Any]:
    """A root is always written with the number of its leaves."""
    return [len(leaves), b64(merkle.root(leaves))]


# --- salts and the opening


def salt_key(secret: bytes, path: list[Any]) -> bytes:
    return hmac.new(secret, b"unitproof/salt/v1\0" + encode(path), hashlib.sha256).digest()


def salt(secret: bytes, path: list[Any], name: str) -> bytes:
    return hashlib.sha256(salt_key(secret, path) + name.encode()).digest()[:16]


@dataclass(frozen=True)
class Opening:
    items: bytes
    fields: bytes
    entry: bytes
    told: list[list[str | None]]
    offline: bool = False

    def members(self) -> Members:
        secrets = {"items": b64(self.items), "fields": b64(self.fields), "entry": b64(self.entry)}
        return {"v": 1, **secrets, "told": self.told, "offline": self.offline}


@dataclass
class State:
    """What is known before, and after: per EPC its head and, for a container whose content is a tree, those leaves."""

    heads: dict[str, tuple[bytes | None, Content]] = field(default_factory=dict)
    contents: dict[str, list[bytes]] = field(default_factory=dict)
    archive: dict[str, list[bytes]] = field(default_factory=dict)  # content root -> its leaves, for what is restored

    def keep(self, epc: str, leaf: bytes | None, content: Content, children: list[bytes] | None) -> None:
        self.heads[epc] = (leaf, content)
        if children is None:
            self.contents.pop(epc, None)
        else:
            self.contents[epc] = sorted(children)
            self.archive[content[1]] = sorted(children)


# --- the order of application


def named(event: Members) -> list[str]:
    return event.get("epcList", []) + event.get("childEPCs", [])


def packs(event: Members) -> bool:
    return event["type"] == "AggregationEvent" and event["action"] == "ADD"


def commissions(event: Members) -> bool:
    """An error declaration of a commissioning begins nothing: it follows what it reverts."""
    return event.get("bizStep") == "commissioning" and event["action"] == "ADD" and "errorDeclaration" not in event


def rank(event: Members) -> int:
    """ARCHITECTURE 4: commission, pack, ship, others."""
    if commissions(event):
        return 0
    if packs(event):
        return 1
    return 2 if event.get("bizStep") == "shipping" else 3


def moment(event: Members) -> tuple[str, str]:
    """Canonical times compared as times: the seconds, then the fraction's digits (".1" before ".1005")."""
    return event["eventTime"][:19], event["eventTime"][20:-1].rstrip("0")


def application_order(events: list[Members]) -> list[int]:
    """Event time, then rank; among packs of equal time the inner parent first; then document order."""
    order = sorted(range(len(events)), key=lambda index: (moment(events[index]), rank(events[index]), index))
    done: list[int] = []
    while order:
        for index in order:  # the first that no other of its time and rank must precede
            peers = [each for each in order if each != index and same_slot(events[each], events[index])]
            if not any(packs(events[index]) and packs(events[each])
                       and events[each].get("parentID") in named(events[index]) for each in peers):  # fmt: skip
                break
        else:
            raise Refused("packed_out_of_order", "containers packed into one another")
        order.remove(index)
        done.append(index)
    return done


def same_slot(one: Members, other: Members) -> bool:
    return (moment(one), rank(one)) == (moment(other), rank(other))


def refuse_out_of_order(events: list[Members], order: list[int]) -> None:
    """A pack over a child packed later is refused."""
    for place, index in enumerate(order):
        later = [events[each] for each in order[place + 1 :] if packs(events[each])]
        if packs(events[index]) and any(event.get("parentID") in named(events[index]) for event in later):
            raise Refused("packed_out_of_order", str(index))


# --- leaves


@dataclass(frozen=True)
class Leaf:
    """One leaf, with what it was made of."""

    members: list[Any]

    @cached_property
    def text(self) -> bytes:
        return encode(self.members)

    @cached_property
    def hash(self) -> bytes:
        return merkle.leaf(self.text)

    def shown(self) -> Members:
        return {"leaf": self.text.decode(), "hash": self.hash.hex()}


def kinds(event: Members, plan: Members) -> dict[str, str]:
    """What kind of leaf each EPC gets: "s" when only seen, "p" for the container packed or unpacked, else "i"."""
    out = {epc: "s" if epc in plan["seen"] else "i" for epc in named(event)}
    parent = event.get("parentID")
    if parent is not None:
        moves = event["action"] in ("ADD", "DELETE") and (
            "i" in out.values() or (event["action"] == "DELETE" and "childEPCs" not in event)
        )
        out[parent] = "s" if parent in plan["seen"] else "p" if moves else "i"
    return out


def before(event: Members, epc: str, state: State, offline: bool) -> tuple[bytes | None, Content]:
    """prev, and content unless this event changes it."""
    if epc in state.heads and not commissions(event):
        return state.heads[epc]
    if commissions(event):
        return None, "none"
    if offline:
        return None, "unknown"
    return None, "none" if identifiers.is_sgtin(epc) else "unknown"


def repacked(event: Members, plan: Members, state: State, offline: bool, new: dict[str, bytes]) -> list[bytes] | None:
    """The leaves of a parent's content after its event; None where nobody has stated them. `new`: children's leaves."""
    parent = event["parentID"]
    known = parent in state.heads or offline
    content = before(event, parent, state, offline)[1]
    children = {epc: leaf for epc, leaf in new.items() if epc not in plan["seen"]}
    if event["action"] == "DELETE" and "childEPCs" not in event:
        return []  # all out
    if content == "unknown" and (known or event["action"] == "DELETE"):
        return None
    if content in ("none", "unknown"):
        return sorted(children.values()) if event["action"] == "ADD" else None
    left = list(state.contents[parent])
    for epc in children:
        standing = plan["standing"].get(epc, state.heads.get(epc, (None, None))[0])
        if standing in left:
            left.remove(standing)
        elif event["action"] == "DELETE":
            raise Refused("not_inside", epc)
    return sorted(left + list(children.values())) if event["action"] == "ADD" else sorted(left)


def item_leaves(index: int, event: Members, plan: Members, state: State, opening: Opening) -> dict[str, Leaf]:
    """The leaves of one event's items tree by EPC, children first; heads and contents move on in `state`."""
    path = ["event", index, "items"]
    kind = kinds(event, plan)
    out: dict[str, Leaf] = {}
    after: list[Any] = []
    for epc in [*named(event), *([event["parentID"]] if "parentID" in event else [])]:
        grain = b64(salt(opening.items, path, epc))
        if kind[epc] == "s":
            out[epc] = Leaf(["s", grain, epc])
            continue
        prev, content = before(event, epc, state, opening.offline)
        children = state.contents.get(epc)
        if commissions(event):
            children = None
        if epc in plan["restored"]:
            content = plan["restored"][epc]
            children = state.archive[content[1]] if isinstance(content, list) else None
        elif kind[epc] == "p" and "errorDeclaration" not in event:
            new = {child: out[child].hash for child in named(event)}
            children = repacked(event, plan, state, opening.offline, new)
            content = "unknown" if children is None else rooted(children)
        shown = None if prev is None or opening.offline else b64(prev)
        out[epc] = Leaf([kind[epc], grain, epc, content, shown])
        after.append((epc, out[epc].hash, content, children))
    for change in after:
        state.keep(*change)
    for epc in plan["opened"]:  # a head is (leaf, content now): this changes the second only
        state.keep(epc, state.heads.get(epc, (None, None))[0], "unknown", None)
    return out


# --- the trees of one event


#: The core's members, from members of the canonical event.
CORE = {name: name for name in ("type", "action", "bizStep", "disposition", "persistentDisposition", "eventID",
                                "eventTime", "eventTimeZoneOffset", "errorDeclaration")}  # fmt: skip
CORE |= {"sourceList": "sources", "destinationList": "destinations"}


def core(event: Members, told: list[str | None], items: list[bytes]) -> Members:
    out = {inside: event[name] for name, inside in CORE.items() if name in event}
    out["as"] = told[0]
    if told[1] is not None:
        out["for"] = told[1]
    if items:
        out["items"] = rooted(items)
    return out


def by_name(members: Members) -> list[str]:
    """RFC 8785 section 3.2.3: names by their UTF-16 code units."""
    return sorted(members, key=lambda name: name.encode("utf-16-be"))


def fields(event: Members, kind: dict[str, str]) -> Members:
    """Every other top-level member."""
    left_out = {*CORE, "epcList", "childEPCs"}
    if kind.get(event.get("parentID", "")) == "p":
        left_out.add("parentID")
    return {name: value for name, value in event.items() if name not in left_out}


@dataclass(frozen=True)
class EventTree:
    event: Members
    items: list[Leaf]  # in tree order
    leaves: list[Leaf]  # core, then fields

    @property
    def root(self) -> list[Any]:
        return rooted([leaf.hash for leaf in self.leaves])

    @property
    def leaf(self) -> Leaf:
        return Leaf(["e", self.root])

    def shown(self) -> Members:
        out = {
            "canonical": encode(self.event).decode(),
            "identity": identity(self.event).hex(),
            "items": [leaf.shown() for leaf in self.items],
            "items_root": rooted([leaf.hash for leaf in self.items]) if self.items else None,
            "core": self.leaves[0].shown(),
            "fields": [leaf.shown() for leaf in self.leaves[1:]],
            "event_root": self.root,
            "event_leaf": self.leaf.shown(),
        }
        return out


def event_tree(index: int, event: Members, plan: Members, items: list[Leaf], opening: Opening) -> EventTree:
    path = ["event", index, "fields"]
    in_order = sorted(items, key=lambda leaf: leaf.hash)
    distinct([leaf.hash for leaf in in_order])

    def grain(name: str) -> str:
        return b64(salt(opening.fields, path, name))

    others = fields(event, kinds(event, plan))
    first = Leaf(["c", grain("core"), core(event, opening.told[index], [leaf.hash for leaf in in_order])])
    rest = [Leaf(["f", grain(name), name, others[name]]) for name in by_name(others)]
    distinct([leaf.hash for leaf in rest])
    return EventTree(event, in_order, [first, *rest])


def distinct(hashes: list[bytes]) -> None:
    """Two equal leaves in one tree are refused."""
    if len(set(hashes)) < len(hashes):
        raise Refused("equal_leaves")


# --- a whole submission


@dataclass(frozen=True)
class Tree:
    received: bytes
    events: list[EventTree]
    order: list[int]
    header: list[Leaf]
    document: bytes  # the HMAC
    opening: Opening

    @property
    def events_root(self) -> list[Any]:
        return rooted([event.leaf.hash for event in self.events])

    @property
    def header_root(self) -> list[Any] | None:
        return rooted([leaf.hash for leaf in self.header]) if self.header else None

    @property
    def meaning(self) -> list[str]:
        steps = {
            each.event["bizStep"]
            for each, told in zip(self.events, self.opening.told, strict=True)
            if told[0] in ("actor", "agent") and "bizStep" in each.event
        }
        return by_name(dict.fromkeys(steps)) or ["reported"]

    def shown(self) -> Members:
        return {
            "application_order": self.order,
            "events": [event.shown() for event in self.events],
            "events_root": self.events_root,
            "header": [leaf.shown() for leaf in self.header],
            "header_root": self.header_root,
            "document": b64(self.document),
            "meaning": self.meaning,
        }


def grow(document: Read, received: bytes, opening: Opening, plans: list[Members], state: State) -> Tree:
    """One submission's trees; `state` is changed to what is known afterwards."""
    order = application_order(document.events)
    refuse_out_of_order(document.events, order)
    known = State() if opening.offline else state  # offline nothing is known but what this submission states
    items: dict[int, list[Leaf]] = {}
    for index in order:
        items[index] = list(item_leaves(index, document.events[index], plans[index], known, opening).values())
    if opening.offline:
        for epc, (leaf, content) in known.heads.items():
            leaf = leaf or state.heads.get(epc, (None, None))[0]  # opened only: its last leaf is what it was
            state.keep(epc, leaf, content, known.contents.get(epc))
    events = [
        event_tree(index, event, plans[index], items[index], opening) for index, event in enumerate(document.events)
    ]
    distinct([event.leaf.hash for event in events])
    header = [
        Leaf(["h", b64(salt(opening.fields, ["header"], name)), name, document.header[name]])
        for name in by_name(document.header)
    ]
    mac = hmac.new(salt(opening.fields, ["document"], ""), received, hashlib.sha256).digest()
    return Tree(received, events, order, header, mac, opening)
