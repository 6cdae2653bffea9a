"""Step 9: the item's history leaf by leaf, from its first to its last, through every container (FORMATS section 3).

    item in case, case on pallet:   [ item's head | case's head, with the leaf of the item that it holds | pallet's ]

Every event moves this chain: it advances a head, packs the outermost into something new, takes something out of it,
or, as an error declaration, puts back the chain from before another event. A leaf that does not name the head it
follows, or a content that does not hold the leaf one level down, ends the walk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from ledger.tlog.errors import LogError
from ledger.tlog.merkle import EMPTY, check_multiproof
from partners.gs1.identifiers import is_sgtin

from ..custody import Content, Head
from ..epcis.events import Action, EventType
from .report import BundleRefused, Note, Step
from .value import Item, Shown


@dataclass(frozen=True, slots=True)
class Level:
    """The item, or a container it is in, as the history has left it."""

    epc: str
    leaf: bytes | None  # its head; None: nothing has been told of it yet
    content: Content
    inside: bytes | None = None  # its leaf in the content of the level above

    @property
    def head(self) -> Head:
        return Head(self.leaf, self.content)


Chain = tuple[Level, ...]
"""The item first, the outermost container last."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An event that can still be declared an error."""

    number: int
    before: Chain
    leaves: Mapping[str, bytes]  # by EPC
    event: tuple[object, ...]  # what its declaration has to name


class Links:
    """The walk. `tell` takes event after event, in the order in which they apply."""

    def __init__(self, epc: str) -> None:
        self.epc = epc
        self.chain: Chain = ()
        self.begun = 0  # number of the event that the history begins with
        self.undone: Level | None = None  # as its last beginning was left when it was declared an error
        self.moved: list[Moved] = []
        self.notes: list[Note] = []
        self.implied: dict[int, list[str]] = {}
        self.reverted: dict[int, int] = {}  # number of an event: number of the declaration that it was an error
        self.taken_out: set[int] = set()  # numbers of events that name something without what it was in
        self.followed: set[tuple[str, bytes]] = set()  # leaves that have a successor, by EPC
        self.carried: set[str] = set()  # the item, and whatever it was in
        self.last: tuple[object, tuple[str, str]] = (None, ("", ""))  # statement and time of the event before

    def tell(self, number: int, shown: Shown, statement: object) -> None:
        """Apply one event of a statement. Raises `BundleRefused` where its leaves do not follow from those before."""
        self.number = number
        self.shown = shown
        self.items = {item.epc: item for item in shown.items}
        self.hashes = {item.epc: item.hash for item in shown.items}
        self.places = {item.epc for item in shown.items if item.place is not None}
        if len(self.items) < len(shown.items):
            self._refuse("named_twice", "an item has one leaf in an event")
        self._in_order(statement)
        if is_testimony(shown):
            return
        self._only_what_moves()
        if "errorDeclaration" in shown.core:
            self._revert()
        else:
            before = self.chain
            self.chain = self._apply(before or self._begin())
            self.moved.append(Moved(number, before, self.hashes, self._event))
        if self.places:
            self._refuse("spare_place", "a place in a content that nothing asks for")
        self._no_fork()
        self.carried.update(level.epc for level in self.chain)

    def finish(self, items: Iterable[str]) -> None:
        """In the end there is an item, and it was in every container that is listed."""
        if not self.chain:
            self._refuse("never_was", "its commissioning was declared an error")
        if stray := next((epc for epc in items if epc not in self.carried), None):
            self._refuse("not_of_this_item", "lists a container that the item never was in", found=stray)

    # ---- events ---------------------------------------------------------------------------------------------------

    def _in_order(self, statement: object) -> None:
        """Within a submission events apply by event time (ARCHITECTURE section 4)."""
        time = str(self.shown.core["eventTime"])
        before, self.last = self.last, (statement, (time[:19], time[20:-1].rstrip("0")))
        if before[0] == statement and before[1] > self.last[1]:
            self._refuse("not_in_order", "events stand in the order in which they apply", found=time)

    def _only_what_moves(self) -> None:
        """What is only seen is not shown beside it; and a container has its leaf, or stands in a field."""
        kinds = {item.kind for item in self.items.values()}
        if "s" in kinds:
            self._refuse("one_too_many", "something only seen is shown beside what moves")
        if "p" in kinds and any(named.name == "parentID" for named in self.shown.fields):
            self._refuse("not_a_field", "a container has its leaf, or stands in a field: not both", found="parentID")

    @property
    def _event(self) -> tuple[object, ...]:
        return tuple(self.shown.core.get(name) for name in ("eventID", "type", "action"))

    @property
    def _commissions(self) -> bool:
        core = self.shown.core
        said = core.get("bizStep"), core["action"], core["type"]
        return said == ("commissioning", Action.ADD, EventType.OBJECT)

    def _begin(self) -> Chain:
        """Anew, or after the leaf by which its first beginning was declared an error."""
        self.begun = self.number
        return (Level(self.epc, None, "unknown") if self._commissions or self.undone is None else self.undone,)

    def _apply(self, chain: Chain) -> Chain:
        """It names one of the chain, and the container that it packs into or takes out of."""
        packed = next((item for item in self.items.values() if item.kind == "p"), None)
        named = [height for height, level in enumerate(chain) if self._moves(level)]
        if not named and packed is None:
            self._refuse("not_of_this_item", "names neither the item nor what it is in", expected=chain[0].epc)
        if len(named) > 1 or len(self.items) > len(named) + (packed is not None):
            self._refuse("one_too_many", "shows more than this event could have moved of the item's history")
        if packed is not None:
            self._demand_container(packed)
            if self.shown.core["action"] == Action.ADD:
                return self._packed(chain, named[0], packed) if named else self._packed_further(chain, packed)
            return self._unpacked(chain, named[0] if named else None, packed)
        if self._hides_a_container(chain[named[0] + 1 :]):
            self._refuse("container_hidden", "does not show what it packs into, or takes out of")
        chain = self._taken_out(chain, named[0])
        return (*chain[:-1], self._follow(chain[-1]))

    def _moves(self, level: Level) -> bool:
        return level.epc in self.items and self.items[level.epc].kind == "i"

    def _demand_container(self, packed: Item) -> None:
        """Whatever has been packed or unpacked is a container, whether or not its contents are known."""
        stated = packed.content if isinstance(packed.content, tuple) else None
        if packed.content == "none" or (stated and stated[0] == 0 and stated[1] != EMPTY):
            self._refuse("content_changed", "packed or unpacked, and no container", where=packed.epc)

    def _hides_a_container(self, above: Chain) -> bool:
        """What packs something, or takes it out of what it is in, moves the container as well."""
        core = self.shown.core
        return core["type"] == EventType.AGGREGATION and (
            core["action"] == Action.ADD or (core["action"] == Action.DELETE and bool(above))
        )

    def _taken_out(self, chain: Chain, height: int) -> Chain:
        """What names an item without its container implies that it was taken out of it."""
        above = chain[height + 1 :]
        if above:
            self.taken_out.add(self.number)
            self._imply("taken out of " + ", ".join(level.epc for level in above))
        return _outermost(chain[: height + 1])

    def _packed(self, chain: Chain, height: int, packed: Item) -> Chain:
        """Into a container that may have a history of its own, which is not the item's; or once more into one that it
        is in, straight out of whatever is between."""
        if any(level.epc == packed.epc for level in chain[: height + 1]):
            self._refuse("already_inside", "packed into what is in it", found=packed.epc)
        for level in chain[height + 1 :]:
            if level.epc == packed.epc:
                self._link(level)
        chain = self._taken_out(chain, height)
        child = self._follow(chain[-1])
        leaf = self.hashes[child.epc]
        self._hold(packed, leaf)
        return (*chain[:-1], replace(child, inside=leaf), Level(packed.epc, self.hashes[packed.epc], _stated(packed)))

    def _packed_further(self, chain: Chain, packed: Item) -> Chain:
        """Something else comes into the outermost container, or it is the item itself that is packed."""
        if packed.epc != chain[-1].epc:
            self._refuse("not_of_this_item", "packs into another container than the outermost", found=packed.epc)
        outer = self._link(chain[-1])
        if len(chain) > 1:
            self._hold(packed, chain[-2].inside or b"")
        return (*chain[:-1], outer)

    def _unpacked(self, chain: Chain, child: int | None, packed: Item) -> Chain:
        """The item, or what it is in, is taken out; or something else is, or all."""
        height = next((height for height, level in enumerate(chain) if level.epc == packed.epc), None)
        if height is None or child not in (None, height - 1):
            self._refuse("not_of_this_item", "takes out of what it is not in", found=packed.epc)
        chain = self._taken_out(chain, height)
        outer = self._link(chain[-1])
        if child is not None:
            return _outermost((*chain[:child], self._follow(chain[child])))
        if height > 0 and packed.content == (0, EMPTY):
            self._imply(f"taken out of {outer.epc} with all that was in it")
            return _outermost(chain[:-1])
        if height > 0:
            self._hold(packed, chain[-2].inside or b"")
        return (*chain[:-1], outer)

    def _revert(self) -> None:
        """An error declaration names the leaves it reverts, and puts back what was before them."""
        if not self.moved:
            self._refuse("nothing_to_revert", "declares an event an error that is not shown")
        original = self.moved.pop()
        if self.items.keys() != original.leaves.keys():
            self._refuse("nothing_to_revert", "does not name what the event before it named")
        if self._event != original.event:
            self._refuse("nothing_to_revert", "declares another event an error than the one before it")
        for epc, item in self.items.items():
            if item.prev != original.leaves[epc]:
                self._gap(epc, original.leaves[epc], item.prev)
        self.chain = tuple(self._restored(level) for level in original.before)
        if not self.chain:
            self.undone = Level(self.epc, self.hashes[self.epc], _stated(self.items[self.epc]))
        self.reverted[original.number] = self.number

    def _restored(self, level: Level) -> Level:
        item = self.items.get(level.epc)
        if item is None:
            return level
        self._unchanged(level, item)
        return replace(level, leaf=self.hashes[level.epc], content=_stated(item))

    # ---- leaves ---------------------------------------------------------------------------------------------------

    def _follow(self, level: Level) -> Level:
        """The next leaf of what is neither packed nor unpacked: its content is what it was."""
        item, after = self.items[level.epc], self._link(level)
        if item.kind != "i":
            self._refuse("wrong_kind", "a leaf of a container that is packed", where=level.epc)
        if level.leaf is None or self._commissions:
            self._fresh(item)
        else:
            self._unchanged(level, item)
        return after

    def _unchanged(self, level: Level, item: Item) -> None:
        """Its content is what it was; or nobody knows any more, since something was taken out without a record, or a
        device without a connection could not know."""
        if item.content == level.content:
            return
        if item.content != "unknown" or (level.content == "none" and item.prev is not None):
            self._content(level, item)
        if level.epc != self.epc:
            self._unknown(level.epc)

    def _fresh(self, item: Item) -> None:
        """At commissioning nothing is in it; at first sight a unit holds nothing, and of all else nobody knows
        (FORMATS section 3)."""
        nothing = self._commissions or is_sgtin(item.epc)
        lawful = ("none",) if self._commissions else ("none", "unknown") if nothing else ("unknown",)
        if item.content not in lawful:
            self._content(Level(item.epc, None, "none" if nothing else "unknown"), item)

    def _no_fork(self) -> None:
        """Two leaves with one predecessor convict whoever signed them; they prove nothing (FORMATS section 3)."""
        for item in self.items.values():
            if item.prev is None:
                continue
            if (item.epc, item.prev) in self.followed:
                self._refuse("fork", "a second leaf with one predecessor", where=item.epc, found=_hex(item.prev))
            self.followed.add((item.epc, item.prev))

    def _link(self, level: Level) -> Level:
        """The level with its next leaf, which names the one before."""
        item = self.items[level.epc]
        if item.prev is None and level.leaf is not None and not self._commissions:
            sentence = f"Signed offline: that nothing is missing before it is the node's word. ({level.epc})"
            self.notes.append(Note(Step.LINKS, "unlinked", sentence, hop=self.number))
        elif item.prev != level.leaf:
            self._gap(level.epc, level.leaf, item.prev)
        return replace(level, leaf=self.hashes[level.epc], content=_stated(item))

    def _hold(self, container: Item, leaf: bytes) -> None:
        """The container holds what is one level down, by this leaf."""
        if container.content == "unknown":
            self._unknown(container.epc)
            return
        if container.place is None or not isinstance(container.content, tuple):
            self._refuse("not_inside", "not shown to be in its container", where=container.epc)
        size, root = container.content
        try:
            check_multiproof({container.place.index: leaf}, size, container.place.path, root)
        except LogError as error:
            self._refuse("not_inside", f"not in its container: {error.detail}", where=container.epc, found=error.found)
        self.places.remove(container.epc)

    # ---- what is said about it ------------------------------------------------------------------------------------

    def _imply(self, what: str) -> None:
        self.implied.setdefault(self.number, []).append(what)

    def _unknown(self, epc: str) -> None:
        sentence = f"Nobody has stated all that is in {epc}: that the item is in it is by packing alone."
        self.notes.append(Note(Step.LINKS, "content_unknown", sentence, hop=self.number))

    def _gap(self, epc: str, expected: bytes | None, found: bytes | None) -> NoReturn:
        detail = "does not follow the leaf before it"
        self._refuse("gap", detail, where=epc, expected=_hex(expected), found=_hex(found))

    def _content(self, level: Level, item: Item) -> NoReturn:
        detail = "its content changed without being packed or unpacked"
        self._refuse("content_changed", detail, level.epc, expected=_shown(level.content), found=_shown(item.content))

    def _refuse(self, code: str, detail: str, where: str | None = None, **seen: str | None) -> NoReturn:
        raise BundleRefused(detail, code=code, where=f"hop {self.number}" + (f": {where}" if where else ""), **seen)


def is_testimony(shown: Shown) -> bool:
    """Whether it moves nothing: its party tells for itself what another had told before."""
    return bool(shown.items) and all(item.kind == "s" for item in shown.items)


def _outermost(chain: Chain) -> Chain:
    return (*chain[:-1], replace(chain[-1], inside=None))


def _stated(item: Item) -> Content:
    """Leaves that move something state a content; of a leaf that moves nothing none is asked for here."""
    return "unknown" if item.content is None else item.content


def _hex(leaf: bytes | None) -> str:
    return leaf.hex() if leaf is not None else "none before it"


def _shown(content: "Content | None") -> str | None:
    return f"{content[0]} leaves, {content[1].hex()}" if isinstance(content, tuple) else content
