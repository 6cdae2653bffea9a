"""Custody against a model that fits on one page: whatever people do, in whatever order, both agree (I3)."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.traceability.story import demand_order
from tests.world import World, case, pallet, unit
from traceability.errors import Refusal
from traceability.models import Containment, Item

UNITS = [unit(f"U{n}") for n in range(4)]
CONTAINERS = [case("C0"), case("C1"), pallet(0)]
ITEMS = UNITS + CONTAINERS
PARTIES = ["maker", "distributor", "pharmacy"]
ENDED = ("dispensed", "decommissioned", "destroyed", "exported")


class Refused(Exception):
    """The model's."""


@dataclass
class Model:
    """Who holds what, and what is in what; nothing else."""

    status: dict[str, str] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    consignee: dict[str, str | None] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)

    def outer(self, item: str) -> str:
        while item in self.parent:
            item = self.parent[item]
        return item

    def take(self, item: str, by: str, *, may_receive: bool = True) -> None:
        """`by` has the item in hand, alone: it holds it, or receives it by acting on it."""
        outer = self.outer(item)
        if item not in self.status or self.status[outer] in ENDED:
            raise Refused
        held = self.status[outer] == "held" and self.holder[outer] == by
        arrived = may_receive and self.status[outer] == "in_transit" and self.consignee[outer] == by
        if not (held or arrived):
            raise Refused
        self.parent.pop(item, None)
        self.status[item], self.holder[item], self.consignee[item] = "held", by, None

    def commissions(self, item: str, by: str) -> None:
        if by != "maker" or item in self.status:
            raise Refused
        self.status[item], self.holder[item], self.consignee[item] = "held", by, None

    def packs(self, child: str, into: str, by: str) -> None:
        if into == pallet(0) and into not in self.status:
            self.status[into], self.holder[into], self.consignee[into] = "held", by, None
        if into not in self.status or into in self.parent:
            raise Refused
        if self.parent.get(child) == into:
            self.check(into, by)
            return
        self.check(child, by)
        self.take(into, by)
        self.take(child, by)
        self.parent[child] = into

    def check(self, item: str, by: str) -> None:
        before = self.copy()
        before.take(item, by)

    def unpacks(self, child: str, out_of: str, by: str) -> None:
        if out_of not in self.status or child not in self.status:
            raise Refused
        if self.parent.get(child, out_of) != out_of or self.outer(out_of) == child:
            raise Refused
        if child not in self.parent:
            self.check(child, by)
        self.take(out_of, by)
        self.take(child, by)

    def empties(self, container: str, by: str) -> None:
        self.take(container, by)
        for child in [item for item, parent in self.parent.items() if parent == container]:
            self.take(child, by)

    def observes(self, item: str, by: str) -> None:
        """Whoever holds, sent or is to receive it looks at it; alone, it is out of what it was in."""
        outer, inside = self.outer(item), item in self.parent
        if item not in self.status or self.status[outer] in ENDED:
            raise Refused
        concerned = (self.holder[outer], self.consignee[outer] if self.status[outer] == "in_transit" else None)
        if by not in concerned:
            raise Refused
        if inside:
            self.parent.pop(item)
            self.status[item], self.holder[item] = self.status[outer], self.holder[outer]
            self.consignee[item] = self.consignee[outer]
            if self.status[item] == "in_transit" and self.consignee[item] == by:
                self.take(item, by)

    def ships(self, item: str, to: str, by: str) -> None:
        self.take(item, by)
        self.status[item], self.consignee[item] = "in_transit", to

    def receives(self, item: str, by: str) -> None:
        outer = self.outer(item)
        if item in self.status and self.status[outer] == "held" and self.holder[outer] == by:
            return
        if item not in self.status or self.status[outer] != "in_transit":
            raise Refused
        self.take(item, by)

    def calls_off(self, item: str, by: str) -> None:
        """Only what is on its way, and only by its sender."""
        outer = self.outer(item)
        if item not in self.status or (self.status[outer], self.holder[outer]) != ("in_transit", by):
            raise Refused
        self.parent.pop(item, None)
        self.status[item], self.holder[item], self.consignee[item] = "held", by, None

    def takes_back(self, item: str, by: str) -> None:
        """A return: received, or never arrived where it was sent."""
        outer = self.outer(item)
        if item in self.status and (self.status[outer], self.holder[outer]) == ("in_transit", by):
            self.calls_off(item, by)
        else:
            self.receives(item, by)

    def dispenses(self, item: str, by: str) -> None:
        self.take(item, by)
        self.status[item] = "dispensed"

    def decommissions(self, item: str, by: str) -> None:
        self.take(item, by)
        self.status[item] = "decommissioned"

    def destroys(self, item: str, by: str) -> None:
        self.take(item, by)
        self.status[item] = "destroyed"

    def exports(self, item: str, by: str) -> None:
        self.take(item, by)
        self.status[item] = "exported"

    def owner(self, item: str) -> str | None:
        """Here everybody sells what it ships: who has it owns it, and while it is on its way, who is to have it."""
        outer = self.outer(item)
        return self.consignee[outer] if self.status[outer] == "in_transit" else self.holder[outer]

    def copy(self) -> "Model":
        return Model(dict(self.status), dict(self.holder), dict(self.consignee), dict(self.parent))


party = st.sampled_from(PARTIES)
anything = st.sampled_from(ITEMS)
acts = st.one_of(
    st.tuples(st.just("commissions"), st.sampled_from(ITEMS[:-1]), st.just("maker")),
    st.tuples(st.just("packs"), anything, st.sampled_from(CONTAINERS), party).filter(lambda act: act[1] != act[2]),
    st.tuples(st.just("unpacks"), anything, st.sampled_from(CONTAINERS), party).filter(lambda act: act[1] != act[2]),
    st.tuples(st.just("ships"), anything, party, party),
    st.tuples(st.just("receives"), anything, party),
    st.tuples(st.just("calls_off"), anything, party),
    st.tuples(st.just("takes_back"), anything, party),
    st.tuples(st.just("dispenses"), st.sampled_from(UNITS), party),
    st.tuples(st.just("decommissions"), anything, party),
    st.tuples(st.just("destroys"), anything, party),
    st.tuples(st.just("exports"), anything, party),
    st.tuples(st.just("observes"), anything, party),
    st.tuples(st.just("empties"), st.sampled_from(CONTAINERS), party),
)
#: Most stories begin with something to act on.
stories = st.tuples(
    st.lists(st.sampled_from(ITEMS[:-1]), unique=True, min_size=2).map(
        lambda items: [("commissions", item, "maker") for item in items]
    ),
    st.lists(acts, min_size=1, max_size=14),
).map(lambda parts: parts[0] + parts[1])


def do(world: World, act: tuple[Any, ...]) -> None:
    """The same act on the node, signed by its party."""
    name, item, *others, by = act
    who = getattr(world, by)
    event = {
        "commissions": lambda: who.commissioning(item),
        "packs": lambda: who.packing([item], *others),
        "unpacks": lambda: who.unpacking([item], *others),
        "ships": lambda: who.shipping(item, getattr(world, others[0])),
        "receives": lambda: who.receiving(item, world.maker),
        "calls_off": lambda: who.calling_off(item, world.maker),
        "takes_back": lambda: who.taking_back(item, world.maker),
        "dispenses": lambda: who.dispensing(item),
        "decommissions": lambda: who.teller.decommissioning([item], world.passes()),
        "destroys": lambda: who.teller.destroying([item], world.passes()),
        "exports": lambda: who.teller.exporting([item], world.passes()),
        "observes": lambda: who.observing(item),
        "empties": lambda: who.unpacking([], item),
    }[name]
    who.tells(event())


def held(world: World) -> dict[str, tuple[str, str, str | None, str | None]]:
    """Status, holder, parent and owner of every item, as stored."""
    names = {getattr(world, name).gln: name for name in PARTIES}
    rows = {row.epc: row for row in Item.objects.all()}
    parents = dict(Containment.objects.filter(closed=None).values_list("item__epc", "parent__epc"))
    found: dict[str, tuple[str, str, str | None, str | None]] = {}
    for epc in rows:
        outer = epc
        while outer in parents:
            outer = parents[outer]
        owner = names[str(rows[outer].owner)]
        found[epc] = (str(rows[outer].status), names[str(rows[outer].possessor)], parents.get(epc), owner)
    return found


class Undo(Exception):
    """Ends an example without leaving anything of it."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories)
def test_i3_the_record_and_the_model_agree(world: World, story: list[tuple[Any, ...]]) -> None:
    now = world.now
    try:
        with transaction.atomic():
            model = Model()
            for act in story:
                follow(world, model, act)
            demand_order()
            raise Undo
    except Undo:
        world.now = now


def follow(world: World, model: Model, act: tuple[Any, ...]) -> None:
    """One act, on both; they agree whether it may happen, and on everything afterwards."""
    trial = model.copy()
    try:
        getattr(trial, act[0])(*act[1:])
        allowed = True
    except Refused:
        allowed = False
    try:
        with transaction.atomic():
            do(world, act)
        taken, why = True, ""
    except Refusal as refusal:
        taken, why = False, refusal.code
    assert taken == allowed, (act, why)
    if allowed:
        model.__dict__.update(trial.__dict__)
    expected = {
        epc: (
            model.status[model.outer(epc)],
            model.holder[model.outer(epc)],
            model.parent.get(epc),
            model.owner(epc),
        )
        for epc in model.status
    }
    assert held(world) == expected, act
