"""Stories that nobody chose: whatever people do and say of each other, in whatever order, the record stays in order,
nobody moves what is another's, and whatever the record says of an item a stranger can check."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import log
from ledger.keys import log_signer
from partners.access import Purpose
from partners.gs1.identifiers import gtin_of, is_sgtin
from tests.traceability.story import demand_order, insisting, off_node, retracted
from tests.traceability.test_proving import trusted
from tests.world import Party, World, case, pallet, unit
from traceability.bundle.check import examine
from traceability.epcis.errors import DocumentError
from traceability.errors import NotSigned, Refusal
from traceability.models import Containment, Item, Submission
from traceability.openings import openings
from traceability.proving import bundle_for
from traceability.records import exceptions_of
from traceability.telling import Members, handoff

UNITS = [unit(f"U{n}") for n in range(4)]
CONTAINERS = [case("C0"), case("C1"), pallet(0), "urn:example:tote:1"]
HERE = ["maker", "distributor", "pharmacy"]
PARTIES = [*HERE, "elsewhere"]

# ---- what may happen ------------------------------------------------------------------------------------------------

somebody, anybody = st.sampled_from(HERE), st.sampled_from(PARTIES)
thing = st.sampled_from(UNITS + CONTAINERS)
things = st.lists(thing, unique=True, min_size=1, max_size=3)
container = st.sampled_from(CONTAINERS)
acts = st.one_of(
    st.tuples(st.just("commissions"), things),
    st.tuples(st.just("packs"), things, container),
    st.tuples(st.just("unpacks"), things, container),
    st.tuples(st.just("empties"), container),
    st.tuples(st.just("ships"), things, anybody),
    st.tuples(st.just("receives"), things, anybody),
    st.tuples(st.just("dispenses"), things),
    st.tuples(st.just("decommissions"), things),
    st.tuples(st.just("observes"), things),
    st.tuples(st.just("looks_at"), things, container, st.sampled_from(["inspecting", "shipping", "receiving"])),
)
#: Whose act it is, what it is, and by how many minutes its clock is wrong.
events = st.tuples(anybody, acts, st.sampled_from([0, 0, 0, 0, -3, -30, 5]))
told = st.one_of(
    st.tuples(st.just("tells"), somebody, st.lists(events, min_size=1, max_size=3)),  # others' acts as a reporter
    st.tuples(st.just("tells_of_itself"), somebody, acts),
    st.tuples(st.just("insists"), somebody, acts),  # without a connection
    st.tuples(st.just("repeats"), st.none() | somebody, st.integers(0, 20)),  # by its own party, or another
    st.tuples(st.just("takes_back"), st.none() | somebody, st.integers(0, 20)),
    st.tuples(st.just("takes_back_at_once"), somebody, acts),
)
#: Most stories begin with something to act on.
stories = st.tuples(
    st.lists(st.sampled_from(UNITS + CONTAINERS[:2]), unique=True, min_size=2),
    st.booleans(),
    st.lists(told, min_size=1, max_size=10),
)


@dataclass
class Telling:
    """A story while it is told."""

    world: World
    events: list[tuple[str, Members]] = field(default_factory=list)  # with whose act each is

    def party(self, name: str) -> Party:
        return off_node(self.world) if name == "elsewhere" else getattr(self.world, name)

    def event(self, by: str, act: tuple[Any, ...], minutes: int = 0) -> Members:
        verb, what, *others = act
        who, time = self.party(by), self.world.passes()
        time += timedelta(minutes=minutes)
        tell = who.teller
        if verb == "looks_at":
            parent, step = others
            between = {"shipping": (who.gln, self.world.pharmacy.gln), "receiving": (self.world.maker.gln, who.gln)}
            members = handoff(*between[step]) if step in between else {}
            event = tell.event("AggregationEvent", step, "OBSERVE", time, parentID=parent, childEPCs=what, **members)
        else:
            event = {
                "commissions": lambda: tell.commissioning(what, time, lot="L1", expiry="2028-12-31"),
                "packs": lambda: tell.packing(what, others[0], time),
                "unpacks": lambda: tell.unpacking(what, others[0], time),
                "empties": lambda: tell.unpacking([], what, time),
                "ships": lambda: tell.shipping(what, time, to=self.party(others[0]).gln),
                "receives": lambda: tell.receiving(what, time, sender=self.party(others[0]).gln),
                "dispenses": lambda: tell.dispensing(what, time),
                "decommissions": lambda: tell.decommissioning(what, time),
                "observes": lambda: tell.observing("inspecting", what, time),
            }[verb]()
        self.events.append((by, event))
        return event

    def tell(self, how: str, by: str | None, what: Any) -> None:
        if how == "insists":
            return self.hand_in(by, self.event(str(by), what), offline=True)
        if how == "tells_of_itself":
            return self.hand_in(by, self.event(str(by), what))
        if how == "tells":
            return self.hand_in(by, *(self.event(*event) for event in what))
        if how == "takes_back_at_once":
            event = self.event(str(by), what)
            return self.hand_in(by, event, retracted(event))
        party, event = self.events[what % len(self.events)]
        by = by or (party if party in HERE else "pharmacy")
        declared = retracted(event, at=f"2026-06-01T00:00:{what % 60:02}Z")
        return self.hand_in(by, event if how == "repeats" else declared)

    def hand_in(self, by: str | None, *events: Members, offline: bool = False) -> None:
        submitter, before = self.party(str(by)), standing()
        try:
            with transaction.atomic():
                insisting(submitter, *events) if offline else submitter.tells(*events)
        except (Refusal, DocumentError) as refusal:  # nothing of it is stored, or the replay would show it
            if isinstance(refusal, NotSigned) and not offline:
                raise
        moved_by(submitter.gln, {party.gln for party in map(self.party, HERE)}, before, standing())


# ---- what must be true ----------------------------------------------------------------------------------------------

Standing = dict[str, tuple[Any, ...]]


def standing() -> Standing:
    """Of every item: status, holder and consignee of the outermost, container, head."""
    rows = {row.epc: row for row in Item.objects.all()}
    parents = dict(Containment.objects.filter(closed=None).values_list("item__epc", "parent__epc"))
    found = {}
    for epc, row in rows.items():
        outer = epc
        while outer in parents:
            outer = parents[outer]
        custody = rows[outer]
        found[epc] = (custody.status, custody.possessor, custody.consignee, parents.get(epc), bytes(row.head or b""))
    return found


def moved_by(submitter: str, here: set[str], before: Standing, after: Standing) -> None:
    """I3: what a party that signs here has, or is to have, moves by its own word or by that of who sent it; but what
    only others said that it has begins anew with its licensee."""
    last = Submission.objects.last()
    anew = {each.epc for each in exceptions_of(last) if each.code == "begun_anew"} if last else set()
    for epc, was in before.items():
        _, holder, consignee, *_ = was
        if after[epc] != was and {holder, consignee} & here:
            assert submitter in (holder, consignee) or epc in anew, (epc, was, after[epc])


def demand_proofs(world: World) -> None:
    """I6: of every item a bundle that a stranger accepts, and openings for who has it."""
    for gtin in {gtin_of(epc) for epc in standing()} - {None}:
        world.opens_case(gtin=str(gtin))
    while log.integrate(now=world.now, signer=log_signer()):
        pass
    policy, here = trusted(world), {getattr(world, name).gln: getattr(world, name) for name in HERE}
    for epc, (status, holder, *_) in standing().items():
        if status is None:
            continue
        for reader in filter(None, (world.regulator if is_sgtin(epc) else None, here.get(holder))):
            data = bundle_for(epc, reader.partner, purpose=Purpose.CUSTODY, now=world.now)
            assert examine(data, policy).failure is None, (epc, reader.name, examine(data, policy).failure)
        if holder in here:
            assert list(openings(epc, here[holder].partner, purpose=Purpose.CUSTODY, now=world.now))


@contextmanager
def undone(world: World) -> Iterator[None]:
    """Leaves nothing of an example: neither in the database nor in the signer's memory."""
    now, memory = world.now, Path(django_settings.KEYS_DIR) / "log.memory"
    shutil.copy(memory, memory.with_suffix(".before"))
    block = transaction.atomic()
    vars(block)["_from_testcase"] = True  # a durable transaction may begin inside
    try:
        with block:
            yield
            transaction.set_rollback(True)
    finally:
        shutil.move(memory.with_suffix(".before"), memory)
        world.now = now


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories)
def test_whatever_happens_the_record_is_in_order_and_proves_what_it_says(world: World, story: tuple[Any, ...]) -> None:
    made, packed, happened = story
    with undone(world):
        telling = Telling(world)
        telling.tell("tells_of_itself", "maker", ("commissions", made))
        if packed:
            inside = [epc for epc in made if epc in UNITS]
            boxes = [epc for epc in made if epc not in UNITS]
            if inside and boxes:
                telling.tell("tells_of_itself", "maker", ("packs", inside, boxes[0]))
                telling.tell("tells_of_itself", "maker", ("packs", boxes, pallet(0)))
        for how, by, what in happened:
            telling.tell(how, by, what)
        demand_order()
        demand_proofs(world)
