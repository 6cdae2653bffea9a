"""How much of it was found: the truth of `faults.py` against what `observing.py` made of the node's words. Pure.

    caught    the node said something against it    right    and that puts it into the class that it belongs to
    missed    it said nothing against it             false    it said something against what nothing was done to

Whoever does not sign is told of by the next who does: that their packs are shown as *not signed* is true, and counts
neither as caught nor as a false alarm. It is counted by itself. So is what the node says of packs that nothing was done
to, but that a party signed for whose key was stolen later: that this signature proves nothing any more is true as well.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .faults import KINDS, Class, Fault
from .observing import Journal
from .plan import Member, Plan


@dataclass
class Row:
    """What became of one kind of fault, or of all."""

    faults: int = 0
    caught: int = 0
    right: int = 0
    found_as: Counter[str] = field(default_factory=Counter)  # of those that were put into another class

    @property
    def missed(self) -> int:
        return self.faults - self.caught

    def add(self, fault: Fault, found: Class | str | None) -> None:
        self.faults += 1
        self.caught += found is not None
        self.right += found == fault.found_as
        if found != fault.found_as:
            self.found_as[str(found)] += 1


@dataclass(frozen=True)
class Score:
    """One simulation, scored."""

    seed: int
    units: int
    rows: Mapping[str, Row]  # by kind
    innocent: int  # units that nothing was done to
    checked: int  # of them, scanned by who has them
    false: tuple[tuple[str, tuple[str, ...]], ...]  # innocent EPCs and files that something was said against, and what
    unsigned: int  # of those checked, told of by others and shown so
    in_doubt: int  # of those checked, signed for with a key that was stolen later, and shown so

    @property
    def total(self) -> Row:
        total = Row()
        for row in self.rows.values():
            total.faults += row.faults
            total.caught += row.caught
            total.right += row.right
        return total

    @property
    def share_right(self) -> float:
        return self.total.right / self.total.faults if self.total.faults else 1.0

    @property
    def share_false(self) -> float:
        """Of the innocent units that were scanned: the others nobody asked about. An alarm over any of them counts."""
        return len(self.false) / self.checked if self.checked else 0.0

    @property
    def share_in_doubt(self) -> float:
        """Of the same: what thefts of keys cost those whose packs nothing was done to."""
        return self.in_doubt / self.checked if self.checked else 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it, the same for the same seed and number of units:

            {"seed":1,"units":100080,"faults":426,"caught":422,"right":414,"missed":4,"share_right":0.971831,
             "innocent":98682,"checked":4020,"unsigned":866,"in_doubt":1552,"share_in_doubt":0.38607,
             "false_alarms":0,"share_false":0.0,
             "kinds":{"copy_after":{"class":"copy","faults":30,"caught":30,"right":30,"missed":0,"found_as":{}},...},
             "false":[{"subject":epc or file,"said":["alarm:two_places",...]},...]}

        `found_as`: how many were put into another class, by that class; "None": nothing was said. Shares are 0 to 1.
        """
        total = self.total
        return {
            "seed": self.seed,
            "units": self.units,
            "faults": total.faults,
            "caught": total.caught,
            "right": total.right,
            "missed": total.missed,
            "share_right": round(self.share_right, 6),
            "innocent": self.innocent,
            "checked": self.checked,
            "unsigned": self.unsigned,
            "in_doubt": self.in_doubt,
            "share_in_doubt": round(self.share_in_doubt, 6),
            "false_alarms": len(self.false),
            "share_false": round(self.share_false, 6),
            "kinds": {
                name: {
                    "class": str(KINDS[name].found_as),
                    "faults": row.faults,
                    "caught": row.caught,
                    "right": row.right,
                    "missed": row.missed,
                    "found_as": dict(sorted(row.found_as.items())),
                }
                for name, row in self.rows.items()
            },
            "false": [{"subject": subject, "said": list(said)} for subject, said in self.false[:SHOWN]],
        }

    def table(self) -> list[tuple[str, ...]]:
        """Text by column: kind, class, faults, caught, right, missed, and as what it was found where that is wrong."""
        rows: list[tuple[str, ...]] = [
            ("fault", "to be found as", "faults", "caught", "right", "missed", "found as instead")
        ]
        for name, row in self.rows.items():
            instead = ", ".join(f"{found} {count}" for found, count in sorted(row.found_as.items()))
            counts = map(str, (row.faults, row.caught, row.right, row.missed))
            rows.append((name, str(KINDS[name].found_as), *counts, instead))
        total = self.total
        rows.append(("all", "", *map(str, (total.faults, total.caught, total.right, total.missed)), ""))
        return rows


SHOWN = 50  # false alarms, in JSON


def score(
    plan: Plan,
    faults: Sequence[Fault],
    journal: Journal,
    files: Mapping[str, Iterable[str]],
    moved: Mapping[str, Member],
) -> Score:
    """`files`: by fault's file name, every name under which a file of it was handed in. `moved`: innocent packs that
    went on from the pharmacy they were delivered to, and where to."""
    rows = {name: Row() for name in KINDS}
    guilty: set[str] = set()
    for fault in faults:
        names = tuple(files.get(fault.file, ()))
        guilty.update(fault.touched, names)
        rows[fault.kind].add(fault, journal.found((*fault.subjects, *names)))
    units = {epc for load in plan.loads for case in load.cases for epc in case.epcs}
    checked = (units - guilty) & journal.scanned.keys()
    doubtful = {epc for epc in _signed_by_robbed(plan, faults, moved) - guilty if journal.is_in_doubt(epc)}
    accused = (subject for subject in journal.signals.keys() - guilty - doubtful if not journal.is_unsigned(subject))
    return Score(
        seed=plan.seed,
        units=len(units),
        rows=rows,
        innocent=len(units - guilty),
        checked=len(checked),
        false=tuple((subject, tuple(map(str, journal.signals[subject]))) for subject in sorted(accused)),
        unsigned=sum(journal.is_unsigned(epc) for epc in checked),
        in_doubt=len(doubtful),
    )


def _signed_by_robbed(plan: Plan, faults: Sequence[Fault], moved: Mapping[str, Member]) -> set[str]:
    """The packs that a party received whose key was stolen later, as the runner does it: with every `stolen_key`."""
    robbed = {fault.holder.gln for fault in faults if fault.kind == "stolen_key"}
    delivered = {
        epc
        for load in plan.loads
        for pharmacy, cases in load.deliveries
        if pharmacy.gln in robbed
        for case in cases
        for epc in case.epcs
    }
    return delivered | {epc for epc, member in moved.items() if member.gln in robbed}
