"""Tells a plan and its faults to a node, through what its partners use, and writes down what the node says.

    people ──> loads, file by file ──> returns, oddities ──> faults ──> who was alarmed looks ──> shelves are scanned

Every file, statement, scan and list goes over HTTP (`party.py`). Only what an operator does by command is done by call:
it admits partners, gives them tokens, and names the authority (`stage.py`). What is done is known here, and what it was
meant to be found as is not asked: that is `score.py`.
"""

from collections.abc import Callable, Sequence
from random import Random

from httpx import BaseTransport

from . import honest
from .faults import Fault
from .fraud import ACTS
from .observing import Channel
from .plan import DISPENSER, REGULATOR, Plan
from .stage import Stage

Say = Callable[[str], None]


class Simulation:
    """One run. `say` is told of every step; `integrate` does what a node's sequencer does meanwhile."""

    def __init__(
        self, plan: Plan, faults: Sequence[Fault], transport: BaseTransport, say: Say, integrate: Callable[[], object]
    ) -> None:
        self.plan, self.faults, self.say, self.integrate = plan, faults, say, integrate
        self.stage = Stage(plan, faults, transport)

    def run(self, sample: int) -> None:
        """All of it; of the innocent packs on shelves, so many are scanned."""
        self.stage.people()
        silent = sum(not member.signs for member in self.plan.members)
        self.say(f"{len(self.plan.members)} partners, of whom {silent} do not sign")
        for count, load in enumerate(self.plan.loads, 1):
            honest.tell(self.stage, load)
            self.say(f"load {count} of {len(self.plan.loads)}: {load.units:,} units by {load.maker.name}")
        self.integrate()
        self.say(f"{honest.returns(self.stage)} packs come back, are verified, and are sold on")
        self.say(f"{honest.oddities(self.stage)} cases go an odd way, and an honest one")
        for count, fault in enumerate(self.faults, 1):
            ACTS[fault.kind](self.stage, fault)
            if count % 50 == 0 or count == len(self.faults):
                self.say(f"fault {count} of {len(self.faults)}")
        self.integrate()
        self.say(f"{self.look()} packs are looked at where somebody was alarmed")
        self.say(f"{self.inspect(sample):,} packs that nothing was done to are scanned")
        self.listen()

    def look(self) -> int:
        """Whoever is alarmed looks whether it has the pack, and scans it if it has."""
        looked = 0
        for party in self.stage.parties.values():
            if party.member.role != DISPENSER:
                continue
            for epc in dict.fromkeys(alarm["epc"] for alarm in party.alarms()):
                member, pack = self.stage.shelf.get(epc, (None, None))
                if member == party.member and pack is not None:
                    party.scans(pack)
                    looked += 1
        return looked

    def inspect(self, sample: int) -> int:
        """Packs that nothing was done to, on their shelves, drawn by lot: each scanned by who has it."""
        there = [(holder, pack) for holder, _, pack in self.plan.stock() if pack.epc not in self.stage.guilty]
        drawn = Random(self.plan.seed).sample(there, min(sample, len(there)))  # noqa: S311 - to be the same each time
        for count, (holder, pack) in enumerate(drawn, 1):
            self.stage.parties[self.stage.moved.get(pack.epc, holder).gln].scans(pack)
            if count % 500 == 0:
                self.say(f"scanned {count:,} of {len(drawn):,}")
        return len(drawn)

    def listen(self) -> None:
        """The regulator reads every alarm."""
        for alarm in self.stage.parties[REGULATOR].alarms():
            self.stage.journal.hear(Channel.ALARM, alarm["kind"], [alarm["epc"]])
