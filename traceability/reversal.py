"""An error declaration: an act that undoes another, if nothing has built on that (ARCHITECTURE section 4). Pure.

original ──untouched?──> every item as it was before it, by leaves that follow those reverted
               └──────> else recorded, with an exception for people to look at
"""

from collections.abc import Iterator
from dataclasses import replace

from .act import Act
from .custody import Content, EventPlan, Status, Step, Told
from .epcis.events import Action, Event
from .facts import ContentKind, Custody, Facts, ItemState, Judgement, Original, OriginalKey, with_all_above
from .lawful import ON_HOLD


def key_of(event: Event, party: str) -> OriginalKey:
    """By what an error declaration and the event that it declares find each other: EPCIS 2.0 section 7.4.1 has them
    alike in everything but the declaration."""
    if event.event_id is not None:
        return party, event.event_id
    return event.identity if event.error_declaration is None else replace(event, error_declaration=None).identity


def original_of(act: Act) -> Original:
    """What an event did that the same submission may declare an error."""
    position = act.position
    changes = [change for change in act.result.changes[act.first_change :] if change.position == position]
    packings = [packing for packing in act.result.packings[act.first_packing :] if packing.position == position]
    before = {packing.child.epc: packing.before for packing in packings if packing.before is not None}
    before |= {change.item.epc: change.before for change in changes}
    named = act.event.named
    contents: dict[str, Content] = {}
    if act.content_before in ("none", "unknown"):
        contents[str(act.event.parent_id)] = act.content_before
    return Original(
        act.event,
        act.party,
        begun=frozenset({position}),
        moved={epc: position for epc in named if epc in act.items and act.items[epc].head == position},
        before=before,
        times=frozenset({act.time, act.at}),
        contents=contents,
        standing=act.taken,
        emptied=frozenset(act.taken) - frozenset(named),
    )


class Reversal(Act):
    """Puts back what was before the event that it declares an error."""

    def __init__(
        self,
        items: dict[str, ItemState],
        facts: Facts,
        result: Judgement,
        position: int,
        event: Event,
        told: Told,
        original: Original | None,
    ) -> None:
        super().__init__(items, facts, result, position, event, told)
        self.original = original

    def apply(self) -> EventPlan:
        original = self.original
        if original is None or not self._declares(original) or not self._is_untouched(original):
            code = "error_declaration_without_original" if original is None else "error_declaration_built_upon"
            return self._only_recorded(code)
        if self.facts.holds.any() and any(self._breaks_a_hold(original)):
            return self._only_recorded(ON_HOLD)
        for epc in original.moved:
            self._restore(self.items[epc], original)
        for epc in sorted(original.emptied):
            self._put_back(self.items[epc], original)
        return EventPlan(
            seen=frozenset(self.event.named) - original.moved.keys(),
            restored=dict(original.contents),
            standing=dict(self._standing_inside(original)),
        )

    def _only_recorded(self, code: str) -> EventPlan:
        self._exception(self.event.named[0] if self.event.named else "", code, "recorded, and nothing was put back")
        return EventPlan(seen=frozenset(self.event.named))

    # ---- may it be undone? ----------------------------------------------------------------------------------------

    def _declares(self, original: Original) -> bool:
        """The same act of the same items, by the party whose act it was."""
        one, other = self.event, original.event
        return (
            not self.by_others
            and original.party == self.party
            and (one.type, one.action, one.biz_step, one.named)
            == (other.type, other.action, other.biz_step, other.named)
        )

    def _is_untouched(self, original: Original) -> bool:
        """Nothing has happened since to what it moved, nor to what it would be put back into."""
        return bool(original.moved) and all(
            (
                *(self._stands(epc, original) for epc in original.moved),
                *(self._is_still_out(epc, original) for epc in original.emptied),
                *(self._can_go_back(epc, original) for epc in original.before),
            )
        )

    def _stands(self, epc: str, original: Original) -> bool:
        """Its leaf is still the head, and nothing was taken out of it without a record."""
        item = self.items.get(epc)
        if item is None or item.head != original.moved[epc] or not self._rests(item, original):
            return False
        was_known = "content_unknown" not in original.before.get(epc, {})
        return item.content != "unknown" or not was_known or original.contents.get(epc) in ("none", "unknown")

    def _is_still_out(self, epc: str, original: Original) -> bool:
        item = self.items.get(epc)
        return item is not None and item.parent is None and item.head == original.standing.get(epc)

    def _can_go_back(self, epc: str, original: Original) -> bool:
        """The container that it was taken out of has stood still since, and so has what that is in."""
        container = self.items.get(original.before[epc].get("parent") or "")
        if container is None:
            return "parent" not in original.before[epc]
        leaf = original.standing.get(epc)
        return isinstance(leaf, bytes) and all(self._rests(each, original) for each in with_all_above(container))

    def _rests(self, item: ItemState, original: Original) -> bool:
        return _moment(item.last_time) in {_moment(time) for time in original.times}

    def _breaks_a_hold(self, original: Original) -> Iterator[bool]:
        """Whether it would change what is in a container that is held, or make something held as if it had never begun.
        Else what did not happen is no move."""
        containers = {str(past["parent"]) for past in original.before.values() if past.get("parent")}
        if self.step in (Step.PACK, Step.UNPACK):
            containers.add(str(self.event.parent_id))
        for epc in original.moved:
            item = self.items[epc]
            if item.parent is not None:
                containers.add(item.parent.epc)
            yield item.begun in original.begun and any(self._over(item))
        yield from (any(self._over(self.items.get(epc))) for epc in containers)

    # ---- undoing it -----------------------------------------------------------------------------------------------

    def _restore(self, item: ItemState, original: Original) -> None:
        before, past = item.custody, original.before.get(item.epc, {})
        container = past.get("parent")
        if item.parent is not None and item.parent.epc != container:
            self._close(item)
        if item.begun in original.begun:
            item.status = item.possessor = item.owner = item.owner_before = item.consignee = None
        elif past:
            _set_custody(item, past)
        if item.epc in original.contents or self._packs_or_unpacks(item):
            item.content = _kind(original.contents.get(item.epc))
        self._count(item, before)
        if container is not None and item.parent is None:
            self._put_back(item, original, counted=True)

    def _put_back(self, item: ItemState, original: Original, *, counted: bool = False) -> None:
        """Into the container it was taken out of, where its leaf of then still stands."""
        past: Custody = original.before[item.epc] if counted else {"parent": self.event.parent_id}
        container, leaf = self.items[str(past["parent"])], original.standing[item.epc]
        if counted:
            owner = past.get("container_owner")
        else:  # named by neither event: it has no leaf of its own
            item.sequence, item.changed = item.sequence + 1, True
            owner = item.differs_from(container)
        self._contain(item, container, owner, standing=leaf if isinstance(leaf, bytes) else None)

    def _packs_or_unpacks(self, item: ItemState) -> bool:
        return item.epc == self.event.parent_id and self.step in (Step.PACK, Step.UNPACK)

    def _standing_inside(self, original: Original) -> Iterator[tuple[str, bytes]]:
        """What stands in the content of the container again that was unpacked."""
        if self.event.action is Action.DELETE:
            for epc, leaf in original.standing.items():
                item = self.items[epc]
                if item.parent is not None and item.parent.epc == self.event.parent_id and isinstance(leaf, bytes):
                    yield epc, leaf


def _set_custody(item: ItemState, past: Custody) -> None:
    status = past.get("status")
    item.status = Status(status) if status else None
    item.possessor, item.owner, item.consignee = map(past.get, ("possessor", "owner", "consignee"))
    item.owner_before = past.get("owner_before")
    item.last_time = past.get("last_time") or item.last_time


def _kind(content: "Content | None") -> ContentKind:
    return content if isinstance(content, str) else "stated"


def _moment(time: str) -> str:
    """To the microsecond: as far as a record tells."""
    return time[:26].rstrip("0")
