"""One event, applied to what it names: what moves, what is only seen, what may not be (ARCHITECTURE section 4). Pure.

    commission, pack, unpack, ship, receive, ..., observe         the steps of `custody.py`
      └─ rules: takes? ──> moved, or seen with an exception, or refused
           └─ changes: begin, settle, count, put in, take out

Whatever an act does to an item is written into its `Judgement`; whatever the item's leaf cannot say, into its plan.
"""

from collections.abc import Callable, Collection, Mapping

from partners.gs1.identifiers import is_sgtin

from .custody import MOVES, PLAIN, TERMINAL, TRADES, EventPlan, Status, Step, empties, new_owner
from .errors import Conflict, Refusal
from .facts import Change, Custody, ItemState, Packing, Recorded, just_after, with_all_above
from .lawful import ON_HOLD, TAKES_BACK, Lawful, unknown_item

BEGUN_ANEW = "begun_anew"


class Act(Lawful):
    """One event, and what it changes."""

    def apply(self) -> EventPlan:
        """Do it. Raises `Refusal`, and its kinds, for what may not happen."""
        self.at = self._stands_at()
        try:
            self._take_step()
        except Refusal as refusal:
            if isinstance(refusal, Conflict) or refusal.code in ("unknown_item", ON_HOLD):
                refusal.contradictions = tuple(self._contradictions())
            raise
        if self.raises:  # a container that is packed or unpacked further moves again
            again = (self.event.parent_id,) if self.step in (Step.PACK, Step.UNPACK) else ()
            self.seen.update(self.raised.difference(again))
        if not (self.seen or self.opened or self.standing):
            return PLAIN
        return EventPlan(frozenset(self.seen), tuple(self.opened), standing=self.standing)

    def _take_step(self) -> None:
        if self.raised.issuperset(self.event.named) and self.step is not Step.COMMISSION:
            self._all_seen()
        else:
            if self.step in TRADES and not self.by_others:
                self._check_authorized(self.facts.consignees.get(self.position))
            _STEPS.get(self.step, Act._move_named)(self)
            if self.step in (Step.SHIP, Step.PACK):
                self._check_resale()
            elif self.step is Step.RETURN:
                self.result.taken_back.update(self.event.epcs)

    def _stands_at(self) -> str:
        """Its own time. Clocks differ, and whoever has an item may say late what it did: of what it moves then, the
        time does not go backwards, and still tells that it was touched."""
        found = (self.items.get(epc) for epc in self.event.named)
        latest = max((each.last_time for item in found for each in with_all_above(item)), default="")
        return self.time if latest <= self.time else just_after(latest)

    # ---- steps ----------------------------------------------------------------------------------------------------

    def _commission(self) -> None:
        items, others = self.items, self.by_others
        if not others:
            self._check_licences()
        for epc in self.event.named:
            item = items.get(epc)
            if epc in self.raised:
                self._raise(epc, item)
            elif item is None or item.status is None:
                before = item.custody if item is not None and item.sequence else {}
                item = self._begin(epc)
                item.content = "none"
                self._count(item, before)
            elif others:
                self.seen.add(epc)
            else:
                self._check_unused(item)
                self._take_over(item)
        if not others:
            self._check_allocated()

    def _raise(self, epc: str, item: ItemState | None) -> None:
        """What others told of its beginning, its licensee now says itself."""
        self.seen.add(epc)
        if item is not None and self.raises is not None and item.begun == Recorded(self.raises.key):
            item.begun_by_others, item.changed = False, True

    def _take_over(self, item: ItemState) -> None:
        """The licensee's own commissioning of a record that others began becomes its beginning, and moves nothing:
        who has taken part in it for itself keeps what it has. Where nobody has, it begins anew."""
        if self._is_hearsay(item):
            return self._begin_anew(item)
        if self.time > item.last_time:
            self._exception(item.epc, "moved_before_made", "others told what happened to it before it was made")
        self.result.begun_again.append((item, item.begun))
        item.begun, item.begun_by_others, item.changed = self.position, False, True
        self.seen.add(item.epc)

    def _begin_anew(self, item: ItemState) -> None:
        self._exception(item.epc, BEGUN_ANEW, "others had told of it: with its licensee's own word it begins anew")
        self.result.begun_anew.append(item)
        item.begun, item.sequence = None, 0
        self._begin(item.epc).content = "none"
        self._count(item, {})

    def _pack(self) -> None:
        parent = self._parent()
        if parent is None:
            self._check_may_begin_packed()
            if self._is_held_up(ItemState(self._parent_id)):
                return self._all_seen()
        elif not self._takes_container(parent):
            return self._all_seen()
        elif parent.parent is not None:
            if self._waits_inside(parent):
                return self._all_seen()
            raise Refusal(
                f"{parent.epc} is inside {parent.parent.epc}: only an outermost container is packed",
                code="packed_out_of_order",
                epc=parent.epc,
            )
        named = frozenset(self.epcs)
        children = [child for epc in self.epcs if (child := self._to_pack(epc, parent, named)) is not None]
        if not children:  # quantities alone move nothing
            return self._all_seen()
        self.content_before = parent.content if parent else "none"
        parent = self._move(parent or self._begin(self._parent_id))
        if self.content_before == "none":
            parent.content = "stated"
        for child in children:
            self._put(child, parent)

    def _check_may_begin_packed(self) -> None:
        """A logistic unit may begin by being packed; a case is a trade item, and is commissioned."""
        if self.by_others:
            return
        if not _may_begin_packed(self._parent_id):
            raise unknown_item(self._parent_id)
        self._check_numbers([self._parent_id])

    def _to_pack(self, epc: str, parent: ItemState | None, named: Collection[str]) -> ItemState | None:
        """The item to be packed; None where it is only seen: in there already, or going in with what it is in."""
        child = self._known(epc)
        if child is None:
            return self._first_sight(epc)
        is_in = (parent is not None and child.parent is parent) or _is_inside(child, named)
        if is_in or not self._takes(child):
            self.seen.add(epc)
            return None
        return child

    def _unpack(self) -> None:
        if not self.event.epcs and not empties(self.event):  # quantities alone move nothing
            return self._all_seen()
        parent = self._parent()
        if parent is None and not self.by_others:
            raise unknown_item(self._parent_id)
        if parent is not None and not self._takes_container(parent):
            return self._all_seen()
        children = [child for epc in self.epcs if (child := self._to_unpack(epc, parent)) is not None]
        if not children and not empties(self.event):
            return self._all_seen()
        parent = parent or self._begin(self._parent_id)
        self.content_before = parent.content
        self._move(parent)
        if empties(self.event):
            self._empty(parent)
        elif parent.content == "none":
            parent.content = "unknown"  # whatever it held, nobody had stated it
        for child in children:
            self._take(child, parent)

    def _to_unpack(self, epc: str, parent: ItemState | None) -> ItemState | None:
        """The item to be unpacked, or one that the record has outside already; None where it is only seen."""
        child = self._known(epc)
        if child is None:
            return self._first_sight(epc)
        if parent is not None and child.parent is parent:
            return child
        if not self._takes(child):
            self.seen.add(epc)
            return None
        if child.parent is None and (parent is None or parent.outermost is not child):
            return child
        if self._waits_inside(child):
            self.seen.add(epc)
            return None
        raise Refusal(
            f"{epc} is not in {self._parent_id}",
            code="not_inside",
            epc=epc,
            expected=f"a child of {self._parent_id}",
            found=f"a child of {child.parent.epc}" if child.parent else "what that is in",
        )

    def _empty(self, parent: ItemState) -> None:
        """EPCIS 2.0 section 7.4.3: a DELETE that names no children means all of them. They get no leaf."""
        parent.content = "stated"
        for child in [item for item in self.items.values() if item.parent is parent]:
            self._close(child)

    def _take(self, child: ItemState, parent: ItemState) -> None:
        before = self._before(child)
        if child.parent is parent:
            if child.standing is not None:
                self.standing[child.epc] = child.standing
            self._close(child)
        self._settle(child)
        self._count(child, before)

    def _move_named(self) -> None:
        """Ship, call off, dispense, observe, ...: what the event names, with all that is in it."""
        if self.step is Step.SHIP and not self.by_others and self._consignee is None:
            raise Refusal(
                "a shipment says to whom",
                code="consignee_missing",
                where="destinationList",
                expected="a possessing_party, location or owning_party with a GLN",
            )
        named = frozenset(self.event.named)
        for epc in self.event.named:
            if epc not in self.raised:
                self._move_one(epc, named)

    def _move_one(self, epc: str, named: Collection[str]) -> bool:
        """Whether the item moved; it is seen if it did not."""
        item = self._known(epc)
        if item is None:
            if self._is_held_up(ItemState(epc)):
                self.seen.add(epc)
                return False
            self._move(self._first_sight(epc))
        elif _is_inside(item, named) or not self._takes(item):
            self.seen.add(epc)
            return False
        else:
            self._move(item)
        return True

    def _receive(self) -> None:
        """More or other than was shipped opens an exception, and what was there is taken."""
        named, senders, extra = frozenset(self.event.named), set[str | None](), list[Refusal]()
        for epc in self.event.named:
            if epc in self.raised:
                continue
            known = self.items.get(epc)
            sender = known.outermost.possessor if known else None
            try:
                if self._move_one(epc, named):
                    senders.add(sender)
            except Refusal as refusal:
                if refusal.code == ON_HOLD:  # no more and no other than was shipped: it has to stay in there
                    raise
                extra.append(refusal)
        for problem in extra:
            self._except_extra(problem, senders)

    def _except_extra(self, refusal: Refusal, senders: Collection[str | None]) -> None:
        """What came beside a shipment waits, and looks the same whether it is unknown, still its sender's or a third
        party's. Refused is a receipt of nothing that was shipped, and of what the receiver itself brought to an end."""
        epc = str(refusal.epc)
        item = self.items.get(epc)
        custody = item.outermost if item is not None and item.status is not None else None
        ended = custody is not None and custody.status in TERMINAL
        if not senders or (ended and custody is not None and custody.possessor == self.party):
            raise refusal
        self.seen.add(epc)
        elsewhere = custody is not None and (ended or custody.possessor not in senders)
        told = self._contradiction if elsewhere else self._exception
        told(epc, "not_shipped", "received beside what was shipped: recorded, moved nothing")

    # ---- changing items -------------------------------------------------------------------------------------------

    @property
    def _parent_id(self) -> str:
        if self.event.parent_id is None:
            raise Refusal("an aggregation that packs or unpacks names its parent", code="parent_missing")
        return self.event.parent_id

    @property
    def _consignee(self) -> str | None:
        return self.facts.consignees.get(self.position)

    def _parent(self) -> ItemState | None:
        return self._known(self._parent_id)

    def _known(self, epc: str) -> ItemState | None:
        """The item, unless nothing is known of it: an item whose beginning was an error can begin again."""
        item = self.items.get(epc)
        return None if item is not None and item.status is None and self._may_begin(epc) else item

    def _before(self, item: ItemState) -> Custody:
        """What an error declaration puts back; and where to find the act in the books, if it came late."""
        return item.custody if self.at == self.time else item.custody | {"at": self.at}

    def _may_begin(self, epc: str) -> bool:
        return self.by_others or (self.step is Step.PACK and epc == self.event.parent_id and _may_begin_packed(epc))

    def _begin(self, epc: str) -> ItemState:
        """The item's first event, or its first again after that was reverted: it is in the hands of who acts."""
        item = self.items.get(epc)
        if item is None:
            item = self.items[epc] = ItemState(epc)
            item.content = "none" if _is_unit(epc) else "unknown"  # as `submission.first_sight` has it
        elif item.begun is not None:
            self.result.begun_again.append((item, item.begun))
        item.begun, item.begun_by_others = self.position, self.by_others
        item.status, item.possessor, item.owner, item.consignee = Status.HELD, self.party, self.party, None
        item.owner_before = None
        item.last_time = self.time
        return item

    def _first_sight(self, epc: str) -> ItemState:
        """An event told by others can start the record of an item not known here."""
        if not self.by_others:
            raise unknown_item(epc)
        return self._begin(epc)

    def _move(self, item: ItemState) -> ItemState:
        """Take the step with the item. Named without the container it is in, it is taken out of that."""
        before, taken_out = self._before(item), item.parent is not None
        if taken_out:
            self._take_out(item)
        self._settle(item, received=taken_out)
        self._count(item, before)
        return item

    def _settle(self, item: ItemState, *, received: bool = False) -> None:
        """The custody after the step. Implied receipt: a consignee who does more than look at a whole shipment. What
        its sender calls off, or takes back from a consignee who never told of it, is whose it was before."""
        moves = self.step is not Step.OBSERVE
        if item.status is Status.IN_TRANSIT and (moves or (received and item.consignee == self.party)):
            is_back = self.step in TAKES_BACK and item.possessor == self.party != item.consignee
            item.owner = (is_back and item.owner_before) or item.owner
            item.status, item.possessor, item.consignee, item.owner_before = Status.HELD, self.party, None, None
        if moves and self.by_others:
            item.possessor = self.party
        item.status = MOVES.get((item.status, self.step), item.status)
        item.last_time = self.at
        if self.step is Step.SHIP:
            item.consignee = self._consignee
            self._sell(item)

    def _sell(self, item: ItemState) -> None:
        buyer = new_owner(self.event)
        if buyer not in (None, item.owner):
            item.owner, item.owner_before = buyer, item.owner

    def _count(self, item: ItemState, before: Custody) -> None:
        item.sequence += 1
        item.changed, item.head = True, self.position
        if item.sequence > 1:
            self.result.changes.append(Change(item, item.sequence, self.position, before))

    def _put(self, child: ItemState, parent: ItemState) -> None:
        fresh = child.begun == self.position
        implied = child.outermost.status is not Status.HELD or child.parent is not None
        differs = child.differs_from(parent) is not None or self.at != self.time
        before = self._before(child) if (implied or differs) and not fresh else None
        if child.parent is not None:
            self._take_out(child)
        child.status, child.possessor, child.consignee, child.owner_before = Status.HELD, self.party, None, None
        child.sequence += 1
        child.changed, child.head, child.last_time = True, self.position, self.at
        self._contain(child, parent, child.differs_from(parent), before=before)

    def _contain(
        self,
        child: ItemState,
        parent: ItemState,
        owner: str | None,
        *,
        before: Custody | None = None,
        standing: bytes | None = None,
    ) -> None:
        """`owner`: the container's, where that is another than the child's."""
        child.parent, child.packing, child.standing, child.container_owner = parent, child.sequence, standing, owner
        if owner is not None:
            before = (before or {}) | {"into_owner": owner}
        self.result.packings.append(Packing(child, child.sequence, parent, self.position, standing, before))

    def _close(self, child: ItemState) -> None:
        """End a containment; the child takes the custody of what it was in."""
        assert child.parent is not None
        self.taken[child.epc] = child.head if child.standing is None else child.standing
        outer, unshipped = child.outermost, child.owner_unshipped
        child.status, child.possessor, child.owner = outer.status, outer.possessor, child.owner_now
        child.owner_before = None if unshipped == child.owner else unshipped
        child.consignee, child.last_time = outer.consignee, max(outer.last_time, child.last_time)
        self.result.closings.append((child, child.packing, self.position))
        child.parent, child.standing, child.container_owner, child.changed = None, None, None, True

    def _take_out(self, item: ItemState) -> None:
        """Taken out without a record: every container above it holds nobody knows what."""
        above = item.parent
        while above is not None:
            above.last_time, above.changed = max(above.last_time, self.at), True
            if above.content != "unknown":
                above.content = "unknown"
                self.opened.append(above.epc)
            above = above.parent
        self._close(item)

    # ---- seen -----------------------------------------------------------------------------------------------------

    def _all_seen(self) -> None:
        self.seen.update(self.event.named)


_STEPS: Mapping[Step, Callable[[Act], None]] = {
    Step.COMMISSION: Act._commission,
    Step.PACK: Act._pack,
    Step.UNPACK: Act._unpack,
    Step.RECEIVE: Act._receive,
    Step.RETURN: Act._receive,
}


def _is_unit(epc: str) -> bool:
    """Whether it has the serial number of a trade item; a product, or a lot of it, is no item at all."""
    if is_sgtin(epc):
        return True
    if epc.startswith("https://id.gs1.org/01/"):
        detail = f"{epc} names no single item"
        raise Refusal(detail, code="not_an_item", epc=epc, expected="a serial number behind the GTIN")
    return False


def _may_begin_packed(epc: str) -> bool:
    """A logistic unit may begin by being packed; a case is a trade item, and is commissioned."""
    return not is_sgtin(epc)


def _is_inside(item: ItemState, named: Collection[str]) -> bool:
    """Named together with a container it is in: it moves as the container."""
    above = item.parent
    while above is not None:
        if above.epc in named:
            return True
        above = above.parent
    return False
