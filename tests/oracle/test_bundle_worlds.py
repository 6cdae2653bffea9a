"""Worlds that nobody chose: whatever parties do, told or reported, both verifiers tell one story of every item."""

import json
import random
from collections.abc import Callable

import pytest

from tests.traceability.test_proving import bundle, integrate, trusted
from tests.world import CASE_GTIN, Party, World, pallet, unit
from traceability.epcis.errors import DocumentError
from traceability.errors import NotFound, Refusal
from traceability.models import Containment, Item

from .canonical import Members
from .test_bundle_oracle import absent, agree, declared_an_error, step_of_oracle

UNITS = [unit(f"A{number}") for number in range(5)]
BOXES = [unit(f"C{number}", CASE_GTIN) for number in range(2)]
PALLETS = [pallet(1), pallet(2)]
EVERYTHING = [*UNITS, *BOXES, *PALLETS]


class Chance:
    """Acts as it happens, mostly by who could; what the node refuses has not happened."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        self.parties = {party.gln: party for party in (world.maker, world.distributor, world.pharmacy)}
        self.told: list[tuple[Party, Members]] = []

    def acts(self, count: int) -> None:
        for number in range(1, count + 1):
            if number % 9 == 0:
                self.world.renews_its_key(self.anybody())
            teller, event = self.random.choice([self.plausible, self.plausible, self.plausible, self.anything])()
            try:
                teller.tells(event)
            except (Refusal, DocumentError):
                continue
            self.told.append((teller, event))

    def anybody(self) -> Party:
        return self.random.choice(list(self.parties.values()))

    def some(self, of: list[str]) -> list[str]:
        return self.random.sample(of, self.random.randint(1, 2))

    def anything(self) -> tuple[Party, Members]:
        """A commissioning, a report of what another did, something told again, or declared an error."""
        teller, actor = self.anybody(), self.random.choice([absent(self.world), self.anybody()])
        tellings: list[Callable[[], tuple[Party, Members]]] = [
            lambda: (self.world.maker, self.world.maker.commissioning(self.some(EVERYTHING))),
            lambda: (teller, actor.commissioning(self.some(EVERYTHING))),
            lambda: (teller, actor.shipping(self.some(EVERYTHING), teller)),
            lambda: (teller, actor.calling_off(self.some(EVERYTHING), teller)),
            lambda: (teller, actor.taking_back(self.some(EVERYTHING), teller)),
            lambda: (teller, actor.packing(self.some(UNITS), self.random.choice([*BOXES, *PALLETS]))),
            lambda: (teller, actor.unpacking(self.some(UNITS), self.random.choice([*BOXES, *PALLETS]))),
        ]
        if self.told:
            before, event = self.random.choice(self.told[-4:])
            tellings += [lambda: (before, declared_an_error(event)), lambda: (teller, event)]
        return self.random.choice(tellings)()

    def plausible(self) -> tuple[Party, Members]:
        """What the holder, or the consignee, of some item may do with it."""
        known = list(Item.objects.values_list("epc", flat=True))
        if not known:
            return self.anything()
        around = self.around(self.random.choice(known))
        custody = Item.objects.get(epc=around[-1])
        party = self.parties.get(custody.consignee or custody.possessor or "", self.world.maker)
        moves = self.moves(party, around)
        if custody.status == "in_transit":
            sender = self.parties.get(custody.possessor or "", party)
            moves += [lambda: party.receiving(around[-1], sender)] * 4
            moves += [lambda: party.taking_back(self.random.choice(around), sender)]
            back = [sender.calling_off, sender.taking_back]
            if self.random.random() < 0.3:
                return sender, self.random.choice(back)(self.random.choice(around), party)
        return party, self.random.choice(moves)()

    def around(self, epc: str) -> list[str]:
        out = [epc]
        while row := Containment.objects.filter(item__epc=out[-1], closed=None).select_related("parent").first():
            out.append(row.parent.epc)
        return out

    def moves(self, party: Party, around: list[str]) -> list[Callable[[], Members]]:
        item, outermost = around[0], around[-1]
        return [
            lambda: party.shipping(outermost, self.anybody()),
            lambda: party.shipping(item, self.anybody()),
            lambda: party.shipping(around, self.anybody()),
            lambda: party.observing(self.random.choice(around)),
            lambda: party.dispensing(item),
            lambda: self.random.choice([party.teller.destroying, party.teller.exporting])([item], self.world.passes()),
            lambda: party.unpacking(around[-2:-1], outermost),
            lambda: party.packing(self.some(UNITS), self.random.choice(BOXES)),
            lambda: party.packing(self.some(BOXES), self.random.choice(PALLETS)),
        ]


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_both_tell_one_story_of_it(world: World, seed: int) -> None:
    Chance(world, seed).acts(45)
    integrate(world)
    policy = json.loads(str(trusted(world)))
    for epc in Item.objects.values_list("epc", flat=True):
        for reader in (world.regulator, world.maker, world.pharmacy):
            try:
                data = bundle(world, epc, reader)
            except NotFound:
                continue
            agree(data, policy)
            assert step_of_oracle(data, policy) in (None, 9)  # 9: it never was, its beginning was declared an error
