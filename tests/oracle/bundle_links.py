"""Step 9 of checking a bundle: leaf by leaf, from the first to the last, through every container (FORMATS 3)."""

from dataclasses import dataclass, field
from typing import Any

from . import identifiers, merkle, tree
from .bundle import check_path, stated
from .canonical import Members
from .refusal import demand
from .tree import b64

# --- what is shown


@dataclass
class Moved:
    kind: str
    content: Any  # "none", "unknown" or [n, root]
    prev: bytes | None
    hash: bytes
    place: Members | None


@dataclass
class Hop:
    """One event of the history."""

    log: str
    index: int  # in the log
    statement: str  # UUID
    signer: str  # GLN
    kid: str
    by_node: bool  # signed with the node's own key
    core: Members
    fields: Members
    moved: dict[str, "Moved"]
    seen: list[str]
    reverts: "Hop | None" = None
    reverted: bool = False
    raises: "Hop | None" = None  # moves nothing: its party tells what another had told before
    taken_out: bool = False  # of a container that did not move
    received: bool = False  # implied
    unlinked: bool = False
    named_twice: bool = False
    unknown: bool = False  # it stays in a container whose contents nobody has stated: that is the node's word

    def shown(self) -> Members:
        return {
            "log": self.log,
            "index": self.index,
            "statement": self.statement,
            "signer": self.signer,
            "time": self.core["eventTime"],
            "step": self.step,
            "action": self.core["action"],
            "as": self.voice,
            "party": self.party,
            "named": sorted(self.moved or self.seen),
            "again": self.raises is not None,
            "declaration": self.declared,
            "reverted": self.reverted,
            "received": self.received,
            "taken_out": self.taken_out,
        }

    @property
    def voice(self) -> str:
        return str(self.core["as"])

    @property
    def party(self) -> str:
        """Whose act it is."""
        return str(self.core.get("for", self.signer))

    @property
    def signed(self) -> bool:
        return self.voice in ("actor", "agent")

    @property
    def declared(self) -> bool:
        return "errorDeclaration" in self.core

    @property
    def step(self) -> str | None:
        return self.core.get("bizStep")

    @property
    def packs(self) -> bool:
        return self.core["type"] == "AggregationEvent" and self.core["action"] == "ADD"

    @property
    def unpacks(self) -> bool:
        return self.core["type"] == "AggregationEvent" and self.core["action"] == "DELETE"

    @property
    def commissions(self) -> bool:
        """An ObjectEvent that adds with `commissioning`; an error declaration of one begins nothing."""
        kind = self.core["type"], self.core["action"], self.step
        return kind == ("ObjectEvent", "ADD", "commissioning") and not self.declared


# --- the walk


Stack = list[str]


@dataclass
class Links:
    """Leaf by leaf, through every container (FORMATS 3)."""

    items: list[str]
    stack: Stack = field(default_factory=list)  # the item, then what it is in
    entered: dict[str, bytes] = field(default_factory=dict)  # the leaf with which each is in the content of the next
    heads: dict[str, tuple[bytes, Any]] = field(default_factory=dict)
    begun: Hop | None = None
    before: dict[bytes, tuple[Hop, Stack, dict[str, bytes], dict[str, tuple[bytes, Any]], Hop | None]] = field(
        default_factory=dict
    )  # by leaf: its event, and what was known before it
    prevs: set[tuple[str, bytes]] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)
    stand: list[Hop] = field(default_factory=list)  # what moved it, and has not been declared an error
    last: tuple[str, int, tuple[str, str]] = ("", -1, ("", ""))
    told: list[Hop] = field(default_factory=list)

    def follow(self, hop: Hop) -> None:
        self.check_order(hop)
        demand(not hop.named_twice, "named_twice", "an item has one leaf in an event")
        if hop.moved:
            demand(not hop.seen, "seen", "shown beside what moves")
            packed = any(leaf.kind == "p" for leaf in hop.moved.values())
            demand(not (packed and "parentID" in hop.fields), "field", "parentID where its p leaf stands")
            known = (hop, list(self.stack), dict(self.entered), dict(self.heads), self.begun)
            self.revert(hop) if hop.declared else self.move(hop)
            for leaf in hop.moved.values():
                self.before[leaf.hash] = known
            self.carried |= set(self.stack)
        self.told.append(hop)

    def check_order(self, hop: Hop) -> None:
        """Within a submission events apply by event time."""
        now = (hop.log, hop.index, tree.moment(hop.core))
        demand(self.last[:2] != now[:2] or self.last[2] <= now[2], "order", "events as they apply")
        self.last = now

    # ---- an event that moves something

    def move(self, hop: Hop) -> None:
        before = list(self.stack) if self.begun else self.items[:1]
        parents = [epc for epc, leaf in hop.moved.items() if leaf.kind == "p"]
        named = [epc for epc in before if epc in hop.moved and epc not in parents]
        after = self.carriers(hop, before, named, parents[0] if parents else None)
        demand(set(hop.moved) <= {*before, *after}, "irrelevant", "nothing of this item's")
        for epc, leaf in hop.moved.items():
            self.check_leaf(hop, epc, leaf, linked=bool(self.begun) and epc in before)
        if not self.begun:
            demand(self.items[0] in hop.moved, "gap", "a history begins with its item")
            self.begun = hop
        for epc in parents:
            if epc in after[1:] and named:
                self.entered[after[after.index(epc) - 1]] = hop.moved[after[after.index(epc) - 1]].hash
        self.stack = after
        self.stand.append(hop)
        for epc, leaf in hop.moved.items():
            self.heads[epc] = (leaf.hash, leaf.content)
            self.check_place(epc, leaf)
            hop.unknown |= epc in after[1:] and leaf.content == "unknown"

    def carriers(self, hop: Hop, before: Stack, named: Stack, parent: str | None) -> Stack:
        """The item and what it is in after an event that names some of what it is in."""
        demand(len(named) <= 1, "kind", "what is named with its container is only seen")
        inner = before.index(named[0]) if named else None
        if hop.packs:
            demand(parent is not None, "container_hidden", "packed into something")
            assert parent is not None
            if inner is not None:
                demand(parent not in before[: inner + 1], "cycle", parent)
                hop.taken_out = inner + 1 < len(before)
                return [*before[: inner + 1], parent]
            demand(before[-1] == parent, "not_outermost", parent)
            return before
        if hop.unpacks and parent is not None:
            demand(parent in before, "irrelevant", parent)
            place = before.index(parent)
            hop.taken_out = place + 1 < len(before)
            if inner is not None:
                demand(inner == place - 1, "not_inside", named[0])
                return before[:place]
            if all_out(hop.moved[parent].content):
                hop.taken_out |= place > 0  # without being named
                return before[: max(place, 1)]
            return before[: place + 1]
        demand(inner is not None, "irrelevant", "nothing of this item's")
        assert inner is not None
        demand(not (hop.unpacks and inner + 1 < len(before)), "container_hidden", "taken out of something")
        hop.taken_out = inner + 1 < len(before)
        return before[: inner + 1]

    def check_leaf(self, hop: Hop, epc: str, leaf: Moved, linked: bool) -> None:
        """FORMATS 3: prev is the item's last leaf; content is unchanged but by packing and unpacking."""
        head = self.heads.get(epc)
        if leaf.prev is not None:
            demand((epc, leaf.prev) not in self.prevs, "fork", epc)
            self.prevs.add((epc, leaf.prev))
        if not linked and epc == self.items[0]:
            again = head is not None and not hop.commissions  # begun, and that declared an error
            hop.unlinked = again and leaf.prev is None
            follows = head is not None and again and leaf.prev == head[0]
            demand(leaf.prev is None or follows, "gap", f"{epc} begins with a predecessor")
        elif linked and leaf.prev is None:
            demand(not hop.commissions, "begins_twice", epc)
            hop.unlinked = True
        elif linked:
            demand(head is not None and leaf.prev == head[0], "gap", epc)
        self.check_content(hop, epc, leaf)

    def check_content(self, hop: Hop, epc: str, leaf: Moved) -> None:
        content = leaf.content
        if isinstance(content, list):
            demand(content[0] > 0 or all_out(content), "content", "empty, but not the empty tree")
        if leaf.kind == "p":
            demand(content != "none", "content", "a container that was packed or unpacked")
            return
        if hop.commissions:
            demand(content == "none", "content", "at commissioning")
        elif leaf.prev is None and epc not in self.heads:
            expected = "none" if identifiers.is_sgtin(epc) else "unknown"
            demand(content in (expected, "unknown"), "content", "at first sight, or offline")
        elif epc in self.heads:
            was = self.heads[epc][1]  # taken out without a record, or told without a connection, it is not known
            opened = (isinstance(was, list) or leaf.prev is None) and content == "unknown"
            demand(content == was or opened, "content", f"{epc} was neither packed nor unpacked")

    def check_place(self, epc: str, leaf: Moved) -> None:
        """bundle.cddl: where it is asked for, and nowhere else."""
        asked = leaf.kind == "p" and epc in self.stack[1:] and isinstance(leaf.content, list)
        demand((leaf.place is not None) == asked, "place", epc)
        if leaf.place is not None:
            below = self.entered[self.stack[self.stack.index(epc) - 1]]
            check_path({leaf.place["index"]: below}, stated(leaf.content), leaf.place["path"], f"content of {epc}")

    # ---- an error declaration

    def revert(self, hop: Hop) -> None:
        """ARCHITECTURE 4: every leaf of the original is still head; prev is that leaf, content is from before it."""
        originals = [self.before.get(leaf.prev) if leaf.prev else None for leaf in hop.moved.values()]
        demand(all(originals), "gap", "reverts nothing that is shown")
        assert originals[0] is not None
        original, stack, entered, heads, begun = originals[0]
        demand(all(each is not None and each[0] is original for each in originals), "gap", "reverts several events")
        demand(not original.reverted and not original.declared, "gap", "reverted before")
        demand(self.stand.pop() is original, "gap", "something else was built upon it")
        demand(set(hop.moved) == set(original.moved), "gap", "reverts a part of an event")
        for name in ("eventID", "type", "action"):
            demand(hop.core.get(name) == original.core.get(name), "another_event", name)
        for epc, leaf in hop.moved.items():
            demand(self.heads[epc][0] == leaf.prev, "gap", f"{epc}: built upon")
            demand(leaf.place is None, "place", epc)
            demand((epc, leaf.prev) not in self.prevs, "fork", epc)
            self.prevs.add((epc, leaf.prev or b""))
            if epc in heads and epc in stack:
                was = heads[epc][1]
                opened = isinstance(was, list) and leaf.content == "unknown"  # without a record, before the original
                demand(leaf.content == was or opened, "content", "from before what is reverted")
                hop.unknown |= opened and epc in stack[1:]
        self.stack, self.entered, self.begun = stack, entered, begun
        for epc, leaf in hop.moved.items():
            self.heads[epc] = (leaf.hash, leaf.content)
        original.reverted, hop.reverts = True, original

    # ---- in the end

    def check_items(self) -> None:
        demand(self.told, "gap", "nothing is told of it")
        demand(self.begun, "never_was", "its beginning was declared an error")
        demand(set(self.items) <= self.carried, "irrelevant", "a container that it never was in")


def all_out(content: Any) -> bool:
    return bool(content == [0, b64(merkle.root([]))])
