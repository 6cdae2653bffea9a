"""Governed logs in which anybody may propose and approve anything: from a seed, the same every time.

Most of what the oracle would refuse is not shown, so that plots come to something. What is to be made of the rest
nobody says: verifiers are held against each other.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from .bundle import encoded, witness_line
from .bundle_cases import LATER, revoke, vouch
from .bundle_check import entry_of
from .bundle_forging import STRANGER
from .bundle_governed import (
    ANN,
    ANNS_OTHER,
    BEN,
    BOARD,
    CAT,
    HEIR,
    NEW,
    NEWCOMER,
    OLD,
    Seat,
    accredits,
    approves,
    believing,
    governed,
    licensed,
    named,
    proposes,
    told,
)
from .bundle_rights import Rights, read_envelope, read_policy
from .canonical import Members
from .refusal import Refused
from .tree_cases import DISTRIBUTOR, KEYS, LOG, MAKER, PHARMACY

GOVERNORS: tuple[Seat, ...] = (*BOARD, ANNS_OTHER, HEIR)
SPEAKERS: tuple[Seat, ...] = (*BOARD, *BOARD, ANNS_OTHER, HEIR, OLD, NEW, (BEN[0], STRANGER))
WITNESSES = ["quorum none\n", witness_line("W4") + "quorum W4\n", witness_line("W4") + "group G 1 W4\nquorum G\n"]
ODD = [
    witness_line("W4") + "group G 1 W4\ngroup H 1 W4\nquorum H\n",
    "quorum  none\n\n# so be it\n",
    "quorum W4\n",
    "\n",
]


class Plot:
    """One log; `random` draws what happens."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"plot {seed}")
        self.made = governed(f"plot {seed}")
        seats = [*BOARD, *self.some((ANNS_OTHER, HEIR), 0)]
        self.policy = believing(self.made, seats=seats, quorum=self.random.choice([1, 2, 2, 2, 3]))
        self.proposals: list[int] = []
        self.version = 0

    def some(self, seats: tuple[Seat, ...], least: int = 1) -> list[Seat]:
        return self.random.sample(seats, self.random.randint(least, len(seats)))

    def play(self) -> tuple[Members, bytes]:
        for _ in range(self.random.randint(3, 12)):
            act = self.random.choices(list(ACTS), weights=list(ACTS.values()))[0]
            act(self)
            if self.is_refused() and self.random.random() < 0.97:
                self.made.relied[LOG].pop()
        accredits(self.made, self.random.choice([OLD, NEW]))
        _, bundle = told(self.made)
        return self.policy, encoded(bundle)

    def is_refused(self) -> bool:
        rights = Rights(read_policy(self.policy), LOG)
        shown = [self.made.log.shown(index) for index in self.made.relied[LOG]]
        try:
            for each in shown:
                rights.take(each["index"], read_envelope(each["statement"]), entry_of(each))
        except Refused:
            return True
        self.version = max([0, *(rules.version for _, rules in rights.rules.changes())])
        return False

    def propose(self) -> None:
        draw, here = self.random, len(self.made.log.entries)
        self.proposals.append(
            proposes(
                self.made,
                draw.choice(SPEAKERS),
                version=self.version + draw.choice([1] * 8 + [0, 2]),
                activation=draw.choice(
                    [0, here, here + 1, here + 2, here + 3, here + 6, here + 1_000_000 + draw.randint(0, 1)]
                ),
                authorities=named(*self.some((OLD, NEW))),
                governors=named(*self.some(GOVERNORS, 2)),
                quorum=draw.choice([0, 1, 1, 2, 2, 2, 3, 4]),
                tlog=draw.choice(WITNESSES * 4 + ODD),
            )
        )

    def approve(self) -> None:
        statement = self.random.choice(self.proposals[-3:] or [self.random.randrange(3, len(self.made.log.entries))])
        speaker = self.random.choice(SPEAKERS)
        about = self.random.choice([speaker[0]] * 15 + [CAT[0]])
        approves(self.made, statement, speaker, about=about)

    def admit(self) -> None:
        seat = self.random.choice(SPEAKERS)
        self.proposals.append(self.made.states("partner", *seat, about=NEWCOMER, name="Newcomer", role="dispenser"))

    def vouch(self) -> None:
        by = self.random.choice([OLD, NEW, ANN])
        vouch(self.made, self.random.choice([DISTRIBUTOR, PHARMACY]), self.random.choice([*LATER.values()]), by=by)

    def license(self) -> None:
        licensed(self.made, self.random.choice([OLD, NEW, CAT]))

    def revoke(self) -> None:
        """What the distributor was vouched for by, or whatever stands at some index."""
        by = self.random.choice([OLD, NEW])
        if self.random.random() < 0.5:
            revoke(self.made, PHARMACY, KEYS[PHARMACY], by=by)
            return
        entry = self.random.choice(self.made.log.hashes[3:]).hex()
        about = self.random.choice([DISTRIBUTOR, PHARMACY, MAKER])
        self.made.states("revocation", *by, about=about, entry=entry)

    def repeat(self) -> None:
        """The node logs once more what somebody has said."""
        index = self.random.choice(self.made.relied[LOG])
        self.made.relied[LOG].append(self.made.log.append(*self.made.log.entries[index]))


#: What may happen, and how often.
ACTS: dict[Callable[[Plot], Any], int] = {
    Plot.propose: 6, Plot.approve: 9, Plot.admit: 1, Plot.vouch: 2, Plot.license: 1, Plot.revoke: 1, Plot.repeat: 1,
}  # fmt: skip


def plots(count: int, first: int = 0) -> Iterator[tuple[int, Members, bytes]]:
    """Seed, policy and bundle of each."""
    for seed in range(first, first + count):
        yield (seed, *Plot(seed).play())
