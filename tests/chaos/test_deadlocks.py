"""Several parties at the same pallets, cases and packs, in any order: every act happens or is refused, and never half.

Each thread acts at random, one act after the other; half of them sign without asking for the heads first, so that it
is the locks that decide and not a stale head.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from django.db import connections

from tests.signing import Signed, sign, sign_over
from tests.world import CASE_GTIN, Party, World, document, pallet
from traceability import capture
from traceability.custody import Status
from traceability.errors import Refusal
from traceability.models import Containment, Item
from traceability.rebuild import rebuild
from traceability.telling import Members

THREADS, ACTS = 6, 40
TRADE = ("pack", "pack", "palletize", "unpack", "empty", "ship", "receive", "observe")
REPACK = ("pack", "pack", "palletize", "unpack", "empty", "empty", "observe")


@dataclass
class Goods:
    packs: Sequence[str]
    cases: Sequence[str]
    pallets: Sequence[str]

    @property
    def all(self) -> list[str]:
        return [*self.packs, *self.cases, *self.pallets]


def made(world: World, packs: int, cases: int, pallets: int) -> Goods:
    return Goods(
        world.maker.commissions(serial=[f"U{n}" for n in range(packs)]),
        world.maker.commissions(serial=[f"C{n}" for n in range(cases)], gtin=CASE_GTIN),
        [pallet(n + 1) for n in range(pallets)],
    )


@dataclass
class Hand:
    """One thread: whose it is, by its own dice."""

    world: World
    goods: Goods
    acts: tuple[str, ...]
    dice: random.Random
    outcomes: Counter[str] = field(default_factory=Counter)

    def work(self) -> Counter[str]:
        try:
            for _ in range(ACTS):
                party, other = self.world.maker, self.world.distributor
                if "ship" in self.acts and self.dice.random() < 0.4:
                    party, other = other, party
                self._hands_in(party, document(self._event(self.dice.choice(self.acts), party, other)))
        finally:
            connections.close_all()
        return self.outcomes

    def _event(self, act: str, party: Party, other: Party) -> Members:
        some, goods = self._some, self.goods
        events: dict[str, Callable[[], Members]] = {
            "pack": lambda: party.packing(some(goods.packs, 3), some(goods.cases, 1)[0]),
            "palletize": lambda: party.packing(some(goods.cases, 2), some(goods.pallets, 1)[0]),
            "unpack": lambda: party.unpacking(some(goods.packs, 2), some(goods.cases, 1)[0]),
            "empty": lambda: party.unpacking([], some([*goods.cases, *goods.pallets], 1)[0]),
            "ship": lambda: party.shipping(some(goods.all, 3), other),
            "receive": lambda: party.receiving(some(goods.all, 5), other),
            "observe": lambda: party.observing(some(goods.all, 5)),
        }
        return events[act]()

    def _some(self, epcs: Sequence[str], most: int) -> list[str]:
        return self.dice.sample(list(epcs), self.dice.randint(1, most))

    def _hands_in(self, party: Party, received: bytes) -> None:
        try:
            signed = self._signed(party, received)
            capture.capture(signed.received, signed.opening, signed.statement, now=self.world.now)
        except Refusal as refusal:
            self.outcomes[refusal.code] += 1
        else:
            self.outcomes["taken"] += 1

    def _signed(self, party: Party, received: bytes) -> Signed:
        ask = self.dice.random() < 0.5
        return sign(party, received) if ask else sign_over(party, received, {}, offline=True)


@pytest.mark.parametrize(
    ("acts", "sizes"), [pytest.param(TRADE, (12, 5, 3), id="trade"), pytest.param(REPACK, (6, 3, 2), id="repack")]
)
def test_i3_hands_at_the_same_goods_never_deadlock_and_units_are_conserved(
    world: World, acts: tuple[str, ...], sizes: tuple[int, int, int]
) -> None:
    goods = made(world, *sizes)
    hands = [Hand(world, goods, acts, random.Random(seed)) for seed in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = sum(threads.map(Hand.work, hands), Counter[str]())  # an error that is no refusal is raised here
    assert outcomes["taken"] > 2 * THREADS, outcomes
    demand_conserved(goods)
    assert rebuild() == []


def demand_conserved(goods: Goods) -> None:
    """Every item once, each in one place, nothing inside itself, with one holder."""
    assert Item.objects.filter(epc__in=goods.packs).count() == len(goods.packs)
    assert Item.objects.count() <= len(goods.all)
    parents = dict(Containment.objects.filter(closed=None).values_list("item_id", "parent_id"))
    assert len(parents) == Containment.objects.filter(closed=None).count()
    for item in Item.objects.all():
        way = [item.pk]
        while (above := parents.get(way[-1])) is not None:
            assert above not in way, "inside itself"
            way.append(above)
        outermost = Item.objects.get(pk=way[-1])
        assert outermost.possessor is not None
        assert outermost.status in (Status.HELD, Status.IN_TRANSIT)
