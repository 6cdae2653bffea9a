"""FORMATS 7 and `bundle.cddl`: the file, and how one is made from all that was told.

The CDDL is transcribed below as a table: an object is a map, a list of named parts is an array, "+" and "*" repeat,
"?" may be null. `decode` gives the bundle with its parts named, `encode` is its inverse. A `Log` and a `Chronicle` are
what a node would have stored: every statement by its index, every tree, every head.
"""

import copy
import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cbor2

from . import canonical, documents, merkle, note, statement, tree
from .canonical import Members, encode
from .canonical_cases import json_document
from .identifiers import gtin_of, in_one_form
from .refusal import Refused, demand
from .statement import Key, cbor
from .tree import Leaf, Opening, State, b64

# --- the shape of the file

SHAPES: dict[str, dict[str, str] | list[str]] = {
    "bundle": {"v": "version", "items": "+epc", "status": "bytes", "segments": "+segment"},
    "segment": {"log": "text", "checkpoint": "text", "hops": "*hop", "relied": "*entry", "path": "*hash"},
    "entry": ["index count", "salt salt32", "statement bytes"],
    "hop": ["entry entry", "events +event", "path *hash", "header header"],
    "header": ["fields *field", "path *hash"],
    "event": ["position count", "root root", "core core", "fields *field", "path *hash", "items +item",
              "items_path *hash"],
    "core": ["salt salt16", "value text"],
    "field": ["index count", "salt salt16", "name text", "value text"],
    "item": ["index count", "kind kind", "salt salt16", "epc count", "content ?content", "prev ?hash", "place ?place"],
    "place": ["index count", "path *hash"],
    "root": ["n count", "root hash"],
    "anchor": ["authority text", "token bytes"],
}  # fmt: skip

#: Members that may be absent. Time stamps are read here, and not checked.
OPTIONAL: dict[str, dict[str, str]] = {"segment": {"anchors": "+anchor"}}


SIMPLE: dict[str, Callable[[Any], bool]] = {
    "version": lambda value: type(value) is int and value == 1,
    "count": lambda value: type(value) is int and 0 <= value < 2**53,
    "hash": lambda value: isinstance(value, bytes) and len(value) == 32,
    "salt16": lambda value: isinstance(value, bytes) and len(value) == 16,
    "salt32": lambda value: isinstance(value, bytes) and len(value) == 32,
    "bytes": lambda value: isinstance(value, bytes),
    "text": lambda value: isinstance(value, str),
    "epc": lambda value: isinstance(value, str),
    "kind": lambda value: value in ("i", "p", "s"),
}


def named(shape: str, value: Any) -> Any:
    """What was decoded, with its parts named; `Refused` where it has not this shape."""
    if shape[0] in "+*":
        if not isinstance(value, list | tuple) or (shape[0] == "+" and not value):
            raise Refused("shape", shape)
        return [named(shape[1:], each) for each in value]
    if shape[0] == "?":
        return None if value is None else named(shape[1:], value)
    if shape == "content":
        return value if value in ("none", "unknown") else named("root", value)
    if shape in SIMPLE:
        if not SIMPLE[shape](value):
            raise Refused("shape", f"{shape}: {value!r}"[:200])
        return value
    parts = SHAPES[shape]
    if isinstance(parts, dict):
        if not isinstance(value, Mapping):
            raise Refused("shape", shape)
        parts = parts | {name: inner for name, inner in OPTIONAL.get(shape, {}).items() if name in value}
        if set(value) != set(parts):
            raise Refused("shape", shape)
        return {name: named(inner, value[name]) for name, inner in parts.items()}
    if not isinstance(value, list | tuple) or len(value) != len(parts):
        raise Refused("shape", shape)
    pairs = zip((part.split() for part in parts), value, strict=True)
    return {name: named(inner, each) for (name, inner), each in pairs}


def plain(shape: str, value: Any) -> Any:
    """The inverse of `named`; it checks nothing, so that attackers can write with it too."""
    if shape[0] in "+*":
        return [plain(shape[1:], each) for each in value]
    if shape[0] == "?":
        return None if value is None else plain(shape[1:], value)
    if shape == "content":
        return value if isinstance(value, str) else plain("root", value)
    if shape in SIMPLE:
        return value
    parts = SHAPES[shape]
    if isinstance(parts, dict):
        parts = parts | OPTIONAL.get(shape, {})
        return {name: plain(parts[name], each) if name in parts else each for name, each in value.items()}
    return [plain(inner, value[name]) for name, inner in (part.split() for part in parts)]


def encoded(bundle: Members) -> bytes:
    return cbor(plain("bundle", bundle))


def decoded(data: bytes) -> Members:
    """Deterministic, of the shape, and in the order that the CDDL's comments demand."""
    try:
        value = cbor2.loads(data)
        again = cbor(value)
    except Exception as error:  # a decoder's own, whatever it is
        raise Refused("cbor", str(error)) from error
    if again != data:
        raise Refused("cbor", "not deterministic, or bytes after it")
    bundle: Members = named("bundle", value)
    in_order(bundle)
    return bundle


def ascending(numbers: Iterable[int]) -> bool:
    listed = list(numbers)
    return listed == sorted(set(listed))


def in_order(bundle: Members) -> None:
    """What CDDL cannot say, and needs no more than this file."""
    epcs, shown = bundle["items"], set[int]()
    if len(set(epcs)) < len(epcs):
        raise Refused("order", "two equal items")
    if len({segment["log"] for segment in bundle["segments"]}) < len(bundle["segments"]):
        raise Refused("order", "one segment a log")
    for segment in bundle["segments"]:
        hops, relied = [hop["entry"]["index"] for hop in segment["hops"]], [each["index"] for each in segment["relied"]]
        if not (ascending(hops) and ascending(relied)):
            raise Refused("order", "entries by index")
        authorities = [anchor["authority"].encode() for anchor in segment.get("anchors", [])]
        if authorities != sorted(set(authorities)):
            raise Refused("order", "anchors by authority")
        for hop in segment["hops"]:
            if not ascending(each["index"] for each in hop["header"]["fields"]):
                raise Refused("order", "header fields by index")
            for event in hop["events"]:
                event_in_order(event, len(epcs))
                shown |= {item["epc"] for item in event["items"]}
    if not all(map(in_one_form, epcs)):
        raise Refused("identifier", "an item in another spelling than its own")
    if shown != set(range(len(epcs))):
        raise Refused("order", "an item that is not shown")


def event_in_order(event: Members, items: int) -> None:
    if not ascending(each["index"] for each in event["fields"]):
        raise Refused("order", "fields by index")
    if not ascending(item["index"] for item in event["items"]):
        raise Refused("order", "items by index")
    if max(item["epc"] for item in event["items"]) >= items:
        raise Refused("order", "none of the bundle's items")
    for item in event["items"]:
        if item["kind"] == "s" and (item["content"], item["prev"], item["place"]) != (None, None, None):
            raise Refused("shape", "a seen item has nothing but its salt")
        if item["kind"] != "s" and item["content"] is None:
            raise Refused("shape", "a moved item has a content")


# --- leaves, written again from their parts


def root_members(root: Members) -> list[Any]:
    return [root["n"], b64(root["root"])]


def content_members(content: Any) -> Any:
    return content if isinstance(content, str) else root_members(content)


def core_leaf(core: Members) -> Leaf:
    return Leaf(["c", b64(core["salt"]), value_of(core)])


def field_leaf(kind: str, shown: Members) -> Leaf:
    return Leaf([kind, b64(shown["salt"]), shown["name"], value_of(shown)])


def stated(root: list[Any]) -> Members:
    """A root as JSON has it, with its parts named."""
    return {"n": root[0], "root": unb64(root[1])}


def check_path(leaves: dict[int, bytes], root: Members, path: list[bytes], what: str) -> None:
    """A multiproof against [n, root]; an empty one for nothing."""
    if not leaves:
        demand(not path, "root", f"{what}: hashes for nothing")
        return
    demand(merkle.root_from(leaves, root["n"], path) == root["root"], "root", what)


def in_key_order(names: list[str]) -> bool:
    """Each once, in the order in which RFC 8785 sorts names."""
    return names == tree.by_name(dict.fromkeys(names))


def value_of(shown: Members) -> Any:
    """RFC 8785: what is written again comes out the same."""
    return canonical.decode(shown["value"])


def item_leaf(item: Members, epcs: Sequence[str]) -> Leaf:
    members = [item["kind"], b64(item["salt"]), epcs[item["epc"]]]
    if item["kind"] != "s":
        members += [content_members(item["content"]), item["prev"] and b64(item["prev"])]
    return Leaf(members)


# --- what a node stores


def drawn(*what: object) -> bytes:
    """32 bytes for a vector: never draw a real secret like this."""
    return hashlib.sha256("/".join(["unitproof bundles", *map(str, what)]).encode()).digest()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Log:
    """Entries by index; a checkpoint over all of them; witnesses that cosign it."""

    def __init__(self, origin: str, strangers: int = 3) -> None:
        self.origin = origin
        self.key = Key(statement.ED25519, drawn("log", origin))
        self.node = Key(statement.ED25519, drawn("node", origin))
        self.entries: list[tuple[bytes, bytes]] = []  # salt, statement
        self.hashes: list[bytes] = []
        for number in range(strangers):
            self.hashes.append(drawn("a stranger's entry", origin, number))
            self.entries.append((b"", b""))

    def append(self, salt: bytes, data: bytes) -> int:
        self.entries.append((salt, data))
        self.hashes.append(statement.entry(salt, data))
        return len(self.entries) - 1

    @property
    def leaves(self) -> list[bytes]:
        return [merkle.leaf(entry) for entry in self.hashes]

    def shown(self, index: int) -> Members:
        salt, data = self.entries[index]
        return {"index": index, "salt": salt, "statement": data}

    def checkpoint(self, witnesses: Iterable[str] = ()) -> str:
        text = note.checkpoint_text(self.origin, len(self.entries), merkle.root(self.leaves))
        return self.signed(text, witnesses)

    def signed(self, text: str, witnesses: Iterable[str] = ()) -> str:
        lines = [note.signed(text, self.origin, self.key)]
        lines += [note.cosigned(text, f"{name}.example", witness(name), 1_767_600_000) for name in witnesses]
        return text + "\n" + "".join(lines)


def witness(name: str) -> Key:
    return Key(statement.ED25519, drawn("witness", name))


def witness_line(name: str) -> str:
    return f"witness {name} {note.vkey(f'{name}.example', note.WITNESS, witness(name).public)}\n"


@dataclass
class Told:
    """One submission in the log. `trees` may be a forger's: what is signed is what they say."""

    log: Log
    index: int
    submitter: str
    trees: tree.Tree
    plans: list[Members]
    key: Key


@dataclass
class Shown:
    """One event of an item's history: the leaves to show of it, each with what is in its content if that is asked."""

    told: Told
    position: int
    leaves: list[tuple[Leaf, tuple[bytes, list[bytes]] | None]]  # leaf; (the leaf that leads to the item, all leaves)


Forge = Callable[[tree.Tree], tree.Tree]


@dataclass
class Chronicle:
    """Everything that was told to a node, in order."""

    name: str
    log: Log
    operator: str
    state: State = field(default_factory=State)
    told: list[Told] = field(default_factory=list)
    keys: dict[str, Key] = field(default_factory=dict)  # with which each party signs now
    relied: dict[str, list[int]] = field(default_factory=dict)  # by origin: statements about keys and rights
    introduced: dict[tuple[str, int], str] = field(default_factory=dict)  # keys, shown if their party says something
    number: int = 0

    # ---- telling

    def states(self, kind: str, submitter: str, key: Key, *, rely: bool = True, **members: Any) -> int:
        """Log a statement of one of the small kinds."""
        self.number += 1
        identity = f"00000000-0000-4000-8000-{self.number:012d}"
        payload = {"v": 1, "log": self.log.origin, "submitter": submitter, "time": self.time, "statement": identity,
                   **members}  # fmt: skip
        return self.logs(kind, payload, identity, key, rely)

    @property
    def time(self) -> str:
        return f"2026-01-06T{self.number // 60:02d}:{self.number % 60:02d}:00Z"

    def logs(self, kind: str, payload: Members, identity: str, key: Key, rely: bool, issuer: str | None = None) -> int:
        head = statement.protected(kind, key, issuer or payload["submitter"], f"urn:uuid:{identity}")
        signed = statement.sign(head, encode(payload), key)
        index = self.log.append(drawn(self.name, "salt", self.number), signed)
        if rely:
            self.relied.setdefault(self.log.origin, []).append(index)
        return index

    def tells(
        self,
        submitter: str,
        *events: Members,
        told: Sequence[Sequence[str | None]] | None = None,
        plans: Mapping[int, Members] | None = None,
        offline: bool = False,
        key: Key | None = None,
        document: tuple[str, str] | None = None,
        forge: Forge | None = None,
        **payload: Any,
    ) -> Told:
        """Grow a document's trees, sign and log them. `forge` and `payload` say something else than the page would."""
        self.number += 1
        syntax, text = document or ("json", json_document(*events))
        read = documents.read(syntax, text)
        voices = [list(each) for each in told or [["actor", None]] * len(read.events)]
        items, fields, entry = (drawn(self.name, self.number, what) for what in ("items", "fields", "entry"))
        opening = Opening(items, fields, entry, voices, offline)
        every = [(plans or {}).get(index, tree.NO_PLAN) for index in range(len(read.events))]
        trees = tree.grow(read, text.encode(), opening, every, self.state)
        if forge:
            trees = forge(trees)
            self.settle(trees)
        identity = f"00000000-0000-4000-8000-{self.number:012d}"
        said = statement.submission(trees, self.log.origin, submitter, identity, self.time) | payload
        key = key or self.keys[submitter]
        index = self.logs("submission", said, identity, key, rely=False)
        self.told.append(Told(self.log, index, submitter, trees, every, key))
        return self.told[-1]

    def settle(self, trees: tree.Tree) -> None:
        """Heads after what a forger said instead of what was grown."""
        for index in trees.order:
            for leaf in trees.events[index].items:
                if leaf.members[0] != "s":
                    content, known = leaf.members[3], self.state.archive
                    children = known.get(content[1]) if isinstance(content, list) else None
                    self.state.keep(leaf.members[2], leaf.hash, content, children)

    # ---- history

    def history(self, epc: str) -> tuple[list[Shown], list[str]]:
        """Every event that moved the item, or what it was in, and what it is in at the end (itself first)."""
        walk = Walk(epc)
        for told in self.told:
            for position in told.trees.order:
                walk.event(told, position, self.state.archive)
        return walk.shown, walk.stack()

    def status(self, stack: list[str], word: str, size: int | None = None, **members: Any) -> bytes:
        """What the node signs of the item now."""
        heads = {epc: self.state.heads[epc] for epc in stack}
        kids = sorted({told.key.kid for told in self.told})
        payload = {
            "v": 1, "log": self.log.origin, "size": len(self.log.entries) if size is None else size,
            "root": b64(merkle.root(self.log.leaves[:size])), "accepted": 1000 + self.number, "epc": stack[0],
            "outermost": stack[-1], "heads": {epc: [leaf and b64(leaf), now] for epc, (leaf, now) in heads.items()},
            "status": word, "holds": [], "keys": [[b64(kid), "valid"] for kid in kids], "rules": 1,
        } | members  # fmt: skip
        return self.signed_status(payload)

    def signed_status(self, payload: Members, key: Key | None = None) -> bytes:
        key = key or self.log.node
        head = statement.protected("status", key, self.operator, payload["epc"])
        return statement.sign(head, encode(payload), key)

    def bundle(
        self,
        epc: str,
        word: str = "held",
        *,
        regulator: bool = False,
        witnesses: Iterable[str] = (),
        hide: Callable[[Shown], bool] = lambda shown: False,
        **status: Any,
    ) -> Members:
        """The bundle with its parts named. `word`: the status; `hide`: events that a forger leaves out."""
        shown, stack = self.history(epc)
        shown = [each for each in shown if not hide(each)]
        epcs = list(dict.fromkeys([epc, *(leaf.members[2] for each in shown for leaf, _ in each.leaves)]))
        logs = list({id(each.told.log): each.told.log for each in shown}.values())
        return {
            "v": 1,
            "items": epcs,
            "status": self.status(stack, word, **status),
            "segments": [self.segment(log, shown, epcs, regulator, witnesses) for log in logs],
        }

    def segment(
        self, log: Log, shown: list[Shown], epcs: list[str], regulator: bool, witnesses: Iterable[str]
    ) -> Members:
        here = [each for each in shown if each.told.log is log]
        hops = [
            hop(told, [each for each in here if each.told.index == told.index], epcs, regulator)
            for told in {each.told.index: each.told for each in here}.values()
        ]
        relied = self.relied.get(log.origin, [])
        heard = {each.told.submitter for each in here} | {issuer(log.entries[index][1]) for index in relied}
        relied = [index for index in relied if self.introduced.get((log.origin, index)) in heard | {None}]
        segment = {"log": log.origin, "checkpoint": log.checkpoint(witnesses), "hops": hops,
                   "relied": [log.shown(index) for index in relied], "path": []}  # fmt: skip
        prove(segment, log)
        return segment

    # ---- trust

    def policy(self, tlog: str | None = None, authorities: Mapping[str, Key] | None = None, *others: Log) -> Members:
        """A policy that believes this node, in the form of FORMATS 7."""
        logs = [self.log, *others]
        lines = "".join(f"log {note.vkey(log.origin, note.LOG, log.key.public)}\n" for log in logs)
        return {
            "v": 1,
            "tlog": lines + (tlog or "quorum none\n"),
            "authorities": [{"gln": gln, "kid": b64(key.kid), "public": b64(key.public)}
                            for gln, key in (authorities or {}).items()],
            "nodes": [{"origin": log.origin, "kid": b64(log.node.kid), "public": b64(log.node.public)} for log in logs],
        }  # fmt: skip


def issuer(data: bytes) -> str:
    return str(json.loads(cbor2.loads(data).value[2])["submitter"])


def prove(segment: Members, log: Log) -> None:
    """One multiproof for all entries of a segment."""
    indexes = [each["entry"]["index"] for each in segment["hops"]] + [each["index"] for each in segment["relied"]]
    segment["path"] = merkle.multiproof(indexes, log.leaves)


def hop(told: Told, shown: list[Shown], epcs: list[str], regulator: bool) -> Members:
    trees = told.trees
    header = [(index, leaf) for index, leaf in enumerate(trees.header) if regulator or for_partners(leaf, epcs)]
    return {
        "entry": told.log.shown(told.index),
        "events": [event(trees.events[each.position], each, epcs, regulator) for each in shown],
        "path": merkle.multiproof([each.position for each in shown], [each.leaf.hash for each in trees.events]),
        "header": {
            "fields": [shown_field(index, leaf) for index, leaf in header],
            "path": merkle.multiproof([index for index, _ in header], [leaf.hash for leaf in trees.header])
            if header
            else [],
        },
    }


def for_partners(leaf: Leaf, epcs: list[str]) -> bool:
    """ARCHITECTURE 9, profile `partner`: the transaction statement, master data of the product and of both parties."""
    name = leaf.members[2]
    return name.startswith(("ts:", "place:")) or name in {f"product:{gtin_of(epc)}" for epc in epcs}


def event(grown: tree.EventTree, shown: Shown, epcs: list[str], regulator: bool) -> Members:
    fields = [index for index, leaf in enumerate(grown.leaves) if index and (regulator or leaf.members[2] == "ilmd")]
    leaves = [leaf.hash for leaf in grown.items]
    places = {leaves.index(leaf.hash): (leaf, place) for leaf, place in shown.leaves}
    return {
        "position": shown.position,
        "root": {"n": grown.root[0], "root": unb64(grown.root[1])},
        "core": shown_core(grown.leaves[0]),
        "fields": [shown_field(index, grown.leaves[index]) for index in fields],
        "path": merkle.multiproof([0, *fields], [leaf.hash for leaf in grown.leaves]),
        "items": [shown_item(index, *places[index], epcs) for index in sorted(places)],
        "items_path": merkle.multiproof(list(places), leaves),
    }


def shown_core(leaf: Leaf) -> Members:
    return {"salt": unb64(leaf.members[1]), "value": encode(leaf.members[2]).decode()}


def shown_field(index: int, leaf: Leaf) -> Members:
    _, salt, name, value = leaf.members
    return {"index": index, "salt": unb64(salt), "name": name, "value": encode(value).decode()}


def shown_item(index: int, leaf: Leaf, place: tuple[bytes, list[bytes]] | None, epcs: list[str]) -> Members:
    kind, salt, epc, *rest = leaf.members
    content, prev = rest or (None, None)
    if isinstance(content, list):
        content = {"n": content[0], "root": unb64(content[1])}
    return {
        "index": index,
        "kind": kind,
        "salt": unb64(salt),
        "epc": epcs.index(epc),
        "content": content,
        "prev": prev and unb64(prev),
        "place": place and placed(*place),
    }


def placed(leaf: bytes, leaves: list[bytes]) -> Members:
    index = leaves.index(leaf) if leaf in leaves else 0  # who lies about a content has some place to show
    return {"index": index, "path": merkle.multiproof([index], leaves)}


# --- following one item


@dataclass
class Walk:
    """Where every item is, event after event; keeps those events that concern one of them."""

    epc: str
    inside: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # container, and the leaf it was entered with
    undo: dict[str, dict[str, tuple[str, bytes] | None]] = field(default_factory=dict)  # by leaf of the event
    shown: list[Shown] = field(default_factory=list)
    identities: set[bytes] = field(default_factory=set)  # of events of this history that others told

    def stack(self) -> list[str]:
        out = [self.epc]
        while (place := self.inside.get(out[-1])) and place[0] not in out:  # whoever lies packs a case into itself
            out.append(place[0])
        return out

    def event(self, told: Told, position: int, archive: Mapping[str, list[bytes]]) -> None:
        grown = told.trees.events[position]
        leaves = {leaf.members[2]: leaf for leaf in grown.items}
        moved = {epc: leaf for epc, leaf in leaves.items() if leaf.members[0] != "s"}
        before = self.stack()
        self.apply(grown.event, moved)
        carriers = dict.fromkeys([*before, *self.stack()])
        concerned = [epc for epc in carriers if epc in moved]
        if concerned:
            shown = [(moved[epc], self.place(grown.event, moved[epc], archive)) for epc in concerned]
            self.shown.append(Shown(told, position, shown))
            if told.trees.opening.told[position][0] in ("reporter", "intake"):
                self.identities.add(canonical.identity(grown.event))
        elif self.epc in leaves and self.raises(told, position):
            self.shown.append(Shown(told, position, [(leaves[self.epc], None)]))

    def raises(self, told: Told, position: int) -> bool:
        """Its party tells what others had told before: the same event, or the commissioning of what they began."""
        event, voice = told.trees.events[position].event, told.trees.opening.told[position][0]
        if voice not in ("actor", "agent") or not self.shown:
            return False
        begun = self.shown[0]
        others = begun.told.trees.opening.told[begun.position][0] in ("reporter", "intake")
        return canonical.identity(event) in self.identities or (others and tree.commissions(event))

    def apply(self, event: Members, moved: dict[str, Leaf]) -> None:
        was = dict(self.inside)
        parent = event.get("parentID")
        if "errorDeclaration" in event:
            for leaf in moved.values():
                for epc, place in self.undo.get(leaf.members[4] or "", {}).items():
                    self.inside.pop(epc, None)
                    if place:
                        self.inside[epc] = place
        elif tree.packs(event) and parent in moved:
            for epc in moved.keys() - {parent}:
                self.inside[epc] = (parent, moved[epc].hash)
        else:
            for epc in moved:  # taken out: named in an unpacking, or moved without what it was in
                self.inside.pop(epc, None)
            if parent in moved and event["action"] == "DELETE" and "childEPCs" not in event:
                for epc in [epc for epc, (container, _) in self.inside.items() if container == parent]:
                    del self.inside[epc]
        changed = {epc: was.get(epc) for epc in was.keys() | self.inside.keys() if was.get(epc) != self.inside.get(epc)}
        for leaf in moved.values():
            self.undo[b64(leaf.hash)] = changed

    def place(self, event: Members, leaf: Leaf, archive: Mapping[str, list[bytes]]) -> tuple[bytes, list[bytes]] | None:
        """bundle.cddl: asked for of a container that the event packs or unpacks and that holds the item afterwards."""
        kind, _, epc, content, _ = leaf.members
        stack = self.stack()
        if kind != "p" or epc not in stack[1:] or not isinstance(content, list) or "errorDeclaration" in event:
            return None
        below = stack[stack.index(epc) - 1]
        return self.inside[below][1], archive[content[1]]


# --- forging


def changed(bundle: Members) -> Members:
    """A copy to damage."""
    return copy.deepcopy(bundle)


def reforged(trees: tree.Tree, position: int, leaves: Callable[[list[Leaf]], list[Leaf]] | None = None,
             items: Callable[[list[Leaf]], list[Leaf]] | None = None) -> tree.Tree:  # fmt: skip
    """Other trees than the page makes of one event, with every root above them made again: `items` changes the items'
    leaves, then `leaves` the core's and the fields'."""
    grown = trees.events[position]
    new_items, new_leaves = grown.items, grown.leaves
    if items:
        new_items = sorted(items(list(new_items)), key=lambda leaf: leaf.hash)
        core = new_leaves[0].members[2] | {"items": tree.rooted([leaf.hash for leaf in new_items])}
        new_leaves = [Leaf(["c", new_leaves[0].members[1], core]), *new_leaves[1:]]
    if leaves:
        new_leaves = leaves(list(new_leaves))
    events = list(trees.events)
    events[position] = tree.EventTree(grown.event, new_items, new_leaves)
    return tree.Tree(trees.received, events, trees.order, trees.header, trees.document, trees.opening)
