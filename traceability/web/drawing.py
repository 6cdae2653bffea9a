"""What is drawn of the log: how it grew, and the way from one entry to the root. Numbers in, coordinates out.

Where a proof's nodes stand (`Path`), in units of its viewBox, WIDTH wide; the row above is the next level:

              root                  k + 1: hashed from the two below it
           ┌───┴────┐
    ■ hashed        □ given         k: on the way, and beside it as the proof gives it, each on its own side
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.tlog.merkle import beside_leaf, leaf_hash, node_hash
from ledger.tlog.proof import Proof

# ---- growth ---------------------------------------------------------------------------------------------------------

CHART = (600, 160)  # wide, high


@dataclass(frozen=True)
class Growth:
    """Sizes over time, as a line that climbs in steps, from the first checkpoint until now."""

    points: Sequence[tuple[int, datetime]]  # size, and when it was published; both grow
    until: datetime

    @property
    def line(self) -> str:
        """An SVG path.

        >>> from datetime import UTC
        >>> day = lambda n: datetime(2026, 1, n, tzinfo=UTC)
        >>> Growth([(5, day(1)), (10, day(3))], day(5)).line
        'M0 80H300V0H600'
        """
        (_, first), top = self.points[0], self.points[-1][0]
        wide = max((self.until - first).total_seconds(), 1)
        path: list[str] = []
        last = first
        for size, time in self.points:
            last = max(last, time)  # a clock may have been set back
            x, y = CHART[0] * (last - first).total_seconds() / wide, CHART[1] * (1 - size / top)
            path.append(f"H{x:.5g}V{y:.5g}" if path else f"M{x:.5g} {y:.5g}")
        return "".join([*path, f"H{CHART[0]}"])

    @property
    def area(self) -> str:
        """What is below the line."""
        return f"{self.line}V{CHART[1]}H0Z"

    @property
    def first(self) -> tuple[int, datetime]:
        return self.points[0]

    @property
    def last(self) -> tuple[int, datetime]:
        return self.points[-1]

    @property
    def told(self) -> list[tuple[int, datetime]]:
        """A few of them, for who reads rather than looks: the first, the last, and some between."""
        every = -(-len(self.points) // 10)
        return [*self.points[:-1:every], self.points[-1]]


# ---- the way from an entry to the root ------------------------------------------------------------------------------

WIDTH, HIGH, GAP = 360, 46, 30  # of the drawing; of a node's box; between two rows
BOX = 164
LEFT, RIGHT, MIDDLE = 4, WIDTH - BOX - 4, (WIDTH - BOX) // 2


@dataclass(frozen=True)
class Node:
    """A node of the tree: the root of the subtree over the entries from `start`, below `end`."""

    role: str  # leaf, given, hashed, root
    value: bytes
    start: int
    end: int
    x: int
    y: int

    @property
    def level(self) -> int:
        """How many nodes are between it and the lowest leaf, itself counted; a leaf's is 0."""
        return (self.end - self.start - 1).bit_length()

    @property
    def hash(self) -> str:
        return self.value.hex()

    @property
    def covers(self) -> str:
        """Which entries.

        >>> Node("given", b"", 4, 8, 0, 0).covers, Node("leaf", b"", 6, 7, 0, 0).covers
        ('entries 4–7', 'entry 6')
        """
        return f"entry {self.start}" if self.end - self.start == 1 else f"entries {self.start}–{self.end - 1}"

    @property
    def label(self) -> str:
        """What fits into its box."""
        return self.covers if len(self.covers) <= 26 else self.covers.removeprefix("entries ")

    # what SVG needs of it

    @property
    def text_x(self) -> int:
        return self.x + 11

    @property
    def end_x(self) -> int:
        return self.x + BOX - 11

    @property
    def hash_y(self) -> int:
        return self.y + 19

    @property
    def covers_y(self) -> int:
        return self.y + 36


@dataclass(frozen=True)
class Step:
    """One hash of the proof, and what it gives with the one that is known."""

    number: int  # from 1, at the leaf
    given: Node
    known: Node
    gives: Node

    @property
    def side(self) -> str:
        """Where the given hash stands: what is left is hashed first."""
        return "left" if self.given.x < self.known.x else "right"

    @property
    def edges(self) -> str:
        """Two lines, up to what comes of them."""
        x, y = self.gives.x + BOX // 2, self.gives.y + HIGH
        return "".join(f"M{node.x + BOX // 2} {node.y}L{x} {y}" for node in (self.known, self.given))


@dataclass(frozen=True)
class Path:
    """An entry's proof, drawn from the leaf at the bottom to the root on top."""

    steps: tuple[Step, ...]
    leaf: Node
    root: Node

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {self.leaf.y + HIGH + 2}"

    @property
    def nodes(self) -> list[Node]:
        """All that are drawn, the leaf first."""
        return [self.leaf, *(node for step in self.steps for node in (step.given, step.gives))]


def path_of(entry: bytes, proof: Proof, size: int) -> Path:
    """Every node on the way, hashed as whoever checks the proof hashes them (RFC 9162 section 2.1.3.2)."""
    beside = beside_leaf(proof.index, size)
    value, start, end = leaf_hash(entry), proof.index, proof.index + 1
    sides = [(LEFT, RIGHT) if first < start else (RIGHT, LEFT) for first, _ in beside]  # of the given, of the known
    xs = [known for _, known in sides] + [MIDDLE]
    ys = [2 + (HIGH + GAP) * row for row in range(len(beside), -1, -1)]
    known = leaf = Node("leaf", value, start, end, xs[0], ys[0])
    steps = []
    for row, ((first, last), sibling) in enumerate(zip(beside, proof.hashes, strict=True)):
        given = Node("given", sibling, first, last, sides[row][0], ys[row])
        pair = (sibling, known.value) if first < start else (known.value, sibling)
        start, end = min(start, first), max(end, last)
        role = "root" if row == len(beside) - 1 else "hashed"
        gives = Node(role, node_hash(*pair), start, end, xs[row + 1], ys[row + 1])
        steps.append(Step(row + 1, given, known, gives))
        known = gives
    return Path(tuple(steps), leaf, known)
