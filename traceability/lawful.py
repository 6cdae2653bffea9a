"""Whether one event may move an item: by voice, time and right (ARCHITECTURE section 4). Pure.

    takes: whose to tell? late? lawful? held up? ──> it moves; or is only seen, with an exception; or is refused

What others tell of an item that the submitter has no part in comes to the same whatever the record says: it waits.
`act.py` asks, item by item, and moves what may.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from partners.gs1.identifiers import gtin_of, is_sgtin, is_sscc

from .custody import (
    ENDS,
    HELD_UP,
    MOVES,
    RECEIVES,
    RETURNED,
    SIGNED_BY_PARTY,
    TERMINAL,
    Status,
    Step,
    Told,
    new_owner,
    step_of,
)
from .epcis.events import Event
from .errors import Conflict, NotAllowed, Refusal
from .facts import Allowed, ContentKind, Exceptional, Facts, Held, ItemState, Judgement, Known, with_all_above
from .statements import WaivedRule

ON_HOLD = "on_hold"
ALREADY_RECEIVED = "already_received"
TAKES_BACK = frozenset({Step.VOID, Step.RETURN})  # steps of a sender, with what is still on its way
SHOWN = 3  # holds that a refusal tells of


_BY_ITS_HOLDER = "an act by the party the record shows in possession"
_NOT_ENDED = "an item that is still in use: this one's record has ended"


def unknown_item(epc: str) -> Refusal:
    """Nothing is known of the item; said as well to whoever may not know that something is."""
    return Refusal(
        f"{epc} is not known here",
        code="unknown_item",
        epc=epc,
        expected="an item that was commissioned here, or told of by a trading partner's file",
    )


def gtins_of(epcs: Iterable[str]) -> dict[str, str]:
    """The GTINs of the trade items among them, each with one item: a thousand packs are of one product."""
    products = {epc.partition("/21/")[0]: epc for epc in epcs if is_sgtin(epc)}  # in a serial number "/" is "%2F"
    return {gtin_of(epc) or "": epc for epc in products.values()}


class Lawful:
    """One event while it is applied: who acts, and what came of it so far."""

    def __init__(
        self,
        items: dict[str, ItemState],
        facts: Facts,
        result: Judgement,
        position: int,
        event: Event,
        told: Told,
        raises: Known | None = None,
    ) -> None:
        """`raises`: the same event, told by others before. What that moved has moved, and is only signed for now."""
        self.items, self.facts, self.result = items, facts, result
        self.position, self.event, self.raises = position, event, raises
        self.raised = raises.moved if raises else frozenset()
        self.step = step_of(event, facts.rules)
        self.by_others = told.voice not in SIGNED_BY_PARTY
        self.party = told.spoken_for or facts.submitter
        self.time = self.at = event.instant  # `at`: the moment under which it stands in the books
        self.epcs = [epc for epc in event.epcs if epc not in self.raised] if raises else event.epcs
        self.seen: set[str] = set()
        self.opened: list[str] = []
        self.standing: dict[str, bytes] = {}
        self.first_change, self.first_packing = len(result.changes), len(result.packings)
        self.taken: dict[str, bytes | int | None] = {}  # of what was in a container, its leaf there
        self.content_before: ContentKind | None = None  # of what is packed or unpacked

    # ---- numbers ----------------------------------------------------------------------------------------------------

    def _check_unused(self, item: ItemState) -> None:
        """It may begin again with its licensee, if it began by others' word."""
        if not (item.begun_by_others and (is_sgtin(item.epc) or item.is_with(self.party))):
            raise Conflict(
                f"{item.epc} was commissioned before",
                code="already_commissioned",
                epc=item.epc,
                expected="a serial number that was never used",
                found="an item that was commissioned",
            )

    def _check_licences(self) -> None:
        self._check_numbers(self.event.named)
        for gtin, epc in gtins_of(self.event.named).items():
            if not self.facts.may_issue(self.party, gtin):
                raise NotAllowed(
                    f"no prefix statement lets {self.party} issue GTIN {gtin}",
                    code="gtin_not_licensed",
                    epc=epc,
                    expected="a prefix statement by an accrediting authority",
                )

    def _check_allocated(self) -> None:
        """Where their party commissions from its blocks alone. Asked last: a number that was used before is a
        contradiction, whoever gave it out."""
        found = self.facts.unallocated(self.party, self.event.named)
        if found is not None:
            raise Refusal(
                f"{found.epc} is in a block that is {found.block}"
                if found.block
                else f"{found.epc} is in no block that was given out to {self.party}",
                code=f"block_{found.block}" if found.block else "serial_not_allocated",
                epc=found.epc,
                expected="a serial number of an allocated block: this product is commissioned from no others",
            )

    def _check_resale(self) -> None:
        """What came back is verified before it is sold on, or packed to be (21 U.S.C. 360eee-1(c)(4)(D)); it goes back
        to whoever sold it as it is."""
        if self.by_others or self.event.disposition == RETURNED:
            return
        epcs = list(self.event.epcs)
        while (found := self._not_verified(epcs)) is not None:
            gtin = gtin_of(found)
            by = self.facts.waived(WaivedRule.RETURN, self.party, gtin and {gtin}, self.event.time)
            if by is not None:  # it lets the whole product be sold on
                self.result.allowed.append(Allowed(self.position, WaivedRule.RETURN, found, by))
                epcs = [epc for epc in epcs if gtin_of(epc) != gtin]
                continue
            raise Refusal(
                f"{found} came back as a return, and was not verified since",
                code="return_not_verified",
                epc=found,
                expected="its code scanned for a saleable return, and nothing found against it",
            )

    def _not_verified(self, epcs: Sequence[str]) -> str | None:
        """The first of these that came back, and was not verified since."""
        taken_back = self.result.taken_back.intersection(epcs)
        return min(taken_back) if taken_back else self.facts.unverified(self.party, epcs)

    def _check_numbers(self, epcs: Iterable[str]) -> None:
        """A logistic unit is numbered by whose company prefix that is; of most prefixes nobody here knows whose."""
        for epc in epcs:
            if is_sscc(epc) and not self.facts.may_number(self.party, epc):
                raise NotAllowed(
                    f"{self.party} may not number {epc}: its company prefix is another party's",
                    code="not_licensed",
                    epc=epc,
                    expected="an SSCC of a company prefix of its own",
                )

    def _check_authorized(self, consignee: str | None) -> None:
        """Both sides of a trade are authorized on its day, and whoever trades for another (21 U.S.C. 360eee-1)."""
        for party in dict.fromkeys((self.party, self.facts.submitter, consignee)):
            if party is not None and not self.facts.may_trade(party, self.event.time):
                by = self.facts.waived(WaivedRule.LICENCE, party, self._products, self.event.time)
                if by is not None:
                    self.result.allowed.append(Allowed(self.position, WaivedRule.LICENCE, party, by))
                    continue
                raise NotAllowed(
                    f"{party} has no licence in force on the day of this event",
                    code="partner_not_authorized",
                    expected="a licence statement by an accrediting authority that covers the event's time",
                    found=self.event.event_time,
                )

    @property
    def _products(self) -> set[str] | None:
        """GTINs of all that the event names; None: what is in a container it names is another matter."""
        gtins = {gtin_of(epc) for epc in self.event.named}
        return None if None in gtins else {gtin for gtin in gtins if gtin}

    def _is_hearsay(self, item: ItemState) -> bool:
        """Whether all that was told of it was told by others, and leaves it with another than its licensee: or anybody
        could keep a serial number from whom it belongs to, by a report."""
        is_elsewhere = (item.status, item.possessor) != (Status.HELD, self.party)
        return is_sgtin(item.epc) and is_elsewhere and not item.changed and self.facts.past.only_reported(item.epc)

    # ---- rules ----------------------------------------------------------------------------------------------------

    def _takes(self, item: ItemState) -> bool:
        """Whether the step moves the item, by voice, time and right; if it does not, the item is only seen.

        Raises `Conflict` for what contradicts the record.
        """
        custody = item.outermost
        if custody.status is None:
            raise unknown_item(item.epc)
        late = not self._has(custody) and (self.time < custody.last_time or self.time < item.last_time)
        late = late and self.step is not Step.VOID  # it would have to move something, or it is for nothing
        if self.by_others and not self._is_others_to_tell(item, custody, late=late):
            self._waits(item.epc)
            return False
        if (late and self._is_late(item, custody)) or not self._is_lawful(item, custody):
            return False
        return not self._is_held_up(item)

    def _takes_container(self, container: ItemState) -> bool:
        """The same, of what is packed or unpacked: whoever signs that is told what is in it."""
        if not self._takes(container):
            return False
        if container.epc not in self.facts.closed:
            return True
        if not self.by_others:
            raise unknown_item(container.epc)
        self._waits(container.epc)
        return False

    def _has(self, custody: ItemState) -> bool:
        """Whether the party has it, or what is on its way to it. Whatever the clocks say: it is what is said later, of
        two things said by whoever has it, that comes later; and what is on its way has come when its receiver says so,
        by more than a look, or has not when its sender says so."""
        if custody.status is Status.IN_TRANSIT and self.step in TAKES_BACK and custody.possessor == self.party:
            return True
        if custody.status is Status.IN_TRANSIT:
            return custody.consignee == self.party and self.step is not Step.OBSERVE
        return custody.status is Status.HELD and custody.possessor == self.party

    def _is_late(self, item: ItemState, custody: ItemState) -> bool:
        """A late event is told by who had the item, before a later one moved it on: it is recorded and moves nothing.
        But a second end is one at any time, and so is an end that is told of what has moved on."""
        ends = self.step in ENDS and not self.by_others
        if ends and custody.status in TERMINAL:
            return False
        if not (self.by_others or item.is_with(self.party) or self.facts.past.had_part(item.epc, self.party)):
            raise self._conflict(item, "not_holder", f"{item.epc} is held by another party")
        if ends:
            ended = ENDS[self.step]
            detail = f"told as {ended} before a later event moved it on: recorded, moved nothing"
            self._contradiction(item.epc, f"{ended}_before", detail)
        else:
            self._exception(item.epc, "late", "told after a later event had moved the item: recorded, moved nothing")
        return True

    def _is_lawful(self, item: ItemState, custody: ItemState) -> bool:
        """Whether the party may take this step with the item; False where that is known."""
        if self.by_others:
            return True
        if self.step is Step.VOID:
            return self._is_lawfully_called_off(item, custody)
        if custody.status in TERMINAL:
            raise self._conflict(item, f"already_{custody.status}", f"{item.epc} is {custody.status}")
        if custody.status is Status.IN_TRANSIT:
            return self._is_lawful_in_transit(item, custody)
        if custody.possessor != self.party:
            raise self._conflict(item, "not_holder", f"{item.epc} is held by another party")
        if self.step not in RECEIVES and (custody.status, self.step) not in MOVES:
            raise Refusal(
                f"{item.epc} is {custody.status}: no {self.step} from there", code="unlawful_move", epc=item.epc
            )
        return self.step not in RECEIVES  # received before, or taken to have been: known

    def _is_lawful_in_transit(self, item: ItemState, custody: ItemState) -> bool:
        party, consignee = self.party, custody.consignee
        if self.step is Step.RETURN and party == custody.possessor:
            return True
        if self.step in RECEIVES and consignee not in (None, party):
            raise self._conflict(item, "not_consignee", f"{item.epc} was shipped to another party")
        if self.step is Step.OBSERVE and party not in (consignee, custody.possessor):
            raise self._conflict(item, "not_holder", f"{item.epc} is in transit between other parties")
        if self.step not in (*RECEIVES, Step.OBSERVE) and party != consignee:
            raise self._conflict(item, "in_transit", f"{item.epc} has been shipped to another party")
        return True

    def _is_lawfully_called_off(self, item: ItemState, custody: ItemState) -> bool:
        """By its sender, while it is on its way. Whoever had it before is told no more than that it is too late for
        that: not who has it since, nor what became of it."""
        if custody.possessor == self.party:
            if custody.status is Status.IN_TRANSIT:
                return True
            detail = f"{item.epc} is {custody.status}: there is no shipment of it to call off"
            raise Refusal(detail, code="not_in_transit", epc=item.epc, expected="an item on its way to its consignee")
        if custody.status is Status.IN_TRANSIT and custody.consignee == self.party:
            raise self._conflict(
                item, "not_sender", f"{item.epc} was shipped by another party, and only that calls it off"
            )
        if self.facts.past.had_part(item.epc, self.party):
            raise self._conflict(item, ALREADY_RECEIVED, f"{item.epc} has been received since it was shipped")
        raise self._conflict(item, "not_holder", f"{item.epc} is held by another party")

    # ---- holds ----------------------------------------------------------------------------------------------------

    def _is_held_up(self, item: ItemState) -> bool:
        """Whether a hold keeps it where it is. Its own party is refused; what others tell of it waits."""
        stops = list(dict.fromkeys(self._in_the_way(item))) if self.facts.holds.any() else []
        if not stops:
            return False
        if self.by_others:
            self._waits(item.epc)
            return True
        raise Refusal(
            f"{stops[0][0]} is on hold: " + "; ".join(f"{held.kind}, {held.reason}" for _, held in stops[:SHOWN]),
            code=ON_HOLD,
            epc=item.epc,
            expected=f"a release by {' and by '.join(sorted({held.by for _, held in stops}))}, or by an authority",
            found=f"{self.step} by {self.party}",
        )

    def _in_the_way(self, item: ItemState) -> Iterator[tuple[str, Held]]:
        """The holds that this step would have to break. A container that is held stays as it is, with all that is in
        it; and everything goes back to whoever holds it up."""
        goes_to, moves = self._goes_back_to, self.step in HELD_UP
        whole = moves or (self.step is Step.UNPACK and item.epc == self.event.parent_id)
        yield from (found for found in self._over(item if whole else item.parent) if found[1].by != goes_to)
        if moves:
            yield from (found for found in self._inside(item) if found[1].by != goes_to)

    @property
    def _goes_back_to(self) -> str | None:
        """Who gets it, to have and to keep."""
        consignee = self.facts.consignees.get(self.position)
        return consignee if new_owner(self.event) in (None, consignee) else None

    def _over(self, item: ItemState | None) -> Iterator[tuple[str, Held]]:
        """The holds over it, and over all it is in."""
        for each in with_all_above(item):
            yield from ((each.epc, held) for held in self.facts.holds.over(each))

    def _inside(self, item: ItemState) -> Iterator[tuple[str, Held]]:
        """The holds over what is in it by now."""
        for epc, held in self.facts.holds.inside(item):
            yield epc if item.epc not in self.facts.closed else f"something in {item.epc}", held
        for each in self._children.get(item.epc, ()) if item.content != "none" else ():
            yield from ((each.epc, held) for held in self.facts.holds.over(each))
            yield from self._inside(each)

    @cached_property
    def _children(self) -> dict[str, list[ItemState]]:
        """Of the document's items, by the container that each is in when this event comes."""
        found: dict[str, list[ItemState]] = {}
        for item in self.items.values():
            if item.parent is not None:
                found.setdefault(item.parent.epc, []).append(item)
        return found

    # ---- what others tell -----------------------------------------------------------------------------------------

    def _is_others_to_tell(self, item: ItemState, custody: ItemState, *, late: bool) -> bool:
        """Told by others: nothing is done to what has come to its end; to what is with a party that signs here, or on
        its way to one, before that party says so itself; nor to what the submitter has no part in."""
        if custody.status in TERMINAL or any(map(self.facts.signs_here, self._concerned(custody))):
            return False
        if self.step is Step.VOID and (custody.status, custody.possessor) != (Status.IN_TRANSIT, self.party):
            return False
        if item.is_had_by(self.facts.submitter):
            return True
        return not late and (
            isinstance(item.head, int)  # moved by this submission before
            or item.epc in self.facts.bound
            or self.facts.past.told_last(item.epc)
        )

    def _concerned(self, custody: ItemState) -> Iterator[str]:
        """Who would have to say it itself, if it signs here."""
        concerned = [custody.possessor, custody.consignee]
        if custody.consignee == self.party and self.step not in (*RECEIVES, Step.VOID):
            concerned = [self.party]  # who does more than receive has taken over from the sender
        elif custody.consignee == self.facts.submitter:
            concerned = [custody.possessor]  # whoever is to have it tells this itself
        return (party for party in concerned if party is not None)

    def _waits(self, epc: str) -> None:
        """One sentence whatever the reason: what another has is not told to whoever reports on it."""
        detail = "waits for the party whose act it was, or that has it, to tell this itself: recorded, moved nothing"
        self._exception(epc, "awaits_statement", detail)

    def _waits_inside(self, item: ItemState) -> bool:
        """Where an item is that the submitter has not is not told to it by a refusal."""
        waits = self.by_others and not item.is_had_by(self.facts.submitter)
        if waits:
            self._waits(item.epc)
        return waits

    # ---- what contradicts the record ------------------------------------------------------------------------------

    def _contradictions(self) -> Iterator[Conflict]:
        """Of a refused event, every item by which it contradicts the record: each may be a second pack."""
        for epc in self.event.named:
            item = self.items.get(epc)
            if item is None or epc in self.raised or self.position in (item.head, item.outermost.head):
                continue
            try:
                if self.step is not Step.COMMISSION:
                    self._takes(item)
                elif item.status is not None and not self.by_others:
                    self._check_unused(item)
            except Conflict as conflict:
                if not self._is_own_slip(item):
                    yield conflict
            except Refusal:
                continue

    def _is_own_slip(self, item: ItemState) -> bool:
        """Whoever has an item, is to have it, or was the last to send it, says things twice and out of order. But who
        ends or begins what it has let go of has another in its hands."""
        outer, party = item.outermost, self.facts.submitter if self.by_others else self.party
        if party == (outer.consignee if outer.status is Status.IN_TRANSIT else outer.possessor):
            return True
        if self.step in ENDS or self.step is Step.COMMISSION:
            return False
        return party == outer.possessor or party == self.facts.past.shipped_last(item.epc)

    def _conflict(self, item: ItemState, code: str, detail: str) -> Conflict:
        return Conflict(
            detail,
            code=code,
            epc=item.epc,
            expected=_NOT_ENDED if item.status in TERMINAL else _BY_ITS_HOLDER,
            found=f"{self.step} by {self.party}",
        )

    # ---- what is said of it -----------------------------------------------------------------------------------------

    def _exception(self, epc: str, code: str, detail: str) -> None:
        self.result.exceptions.append(Exceptional(self.position, epc, code, detail))

    def _contradiction(self, epc: str, code: str, detail: str) -> None:
        """It moves nothing, and is taken: but there may be two such packs."""
        self._exception(epc, code, detail)
        self.result.contradictions.append(self.result.exceptions[-1])
