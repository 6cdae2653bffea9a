"""A line's report against the books: which lines are wrong, or the document that commissions all of them.

    lines ──each by itself──> printed ──once, licensed, allocated, unused──> EPCIS to sign; or every wrong line

Nothing is stored: what a line has printed counts when its party has signed it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from partners.models import Partner, Prefix
from partners.prefixes import BATCH, licensees

from . import bulk
from .line_report import Line, Printed, Wrong, judge
from .models import SerialBlock, SerialPool
from .numbering import twin
from .serials import State, found_in, state
from .telling import Members, Teller, document

T = TypeVar("T")
TOLD_EVERY = 4096  # lines


@dataclass(frozen=True)
class Checked:
    """What came of a report."""

    lines: int
    wrong: Sequence[Wrong]
    document: bytes | None  # an EPCIS document to sign and hand in; None where a line is wrong


def check_report(
    lines: Sequence[Line], party: Partner, *, now: datetime, progress: Callable[[int], None] = lambda _: None
) -> Checked:
    """Judge all lines; nothing is kept. `progress` is told now and then how many are judged."""
    judged = [judge(line) for line in _told(lines, lambda done: progress(done // 2))]
    printed = [each for each in judged if isinstance(each, Printed)]
    books = _Books(party, printed, now)
    wrong = [
        each if isinstance(each, Wrong) else books.wrong_with(each)
        for each in _told(judged, lambda done: progress((len(lines) + done) // 2))
    ]
    found = [each for each in wrong if each is not None]
    return Checked(len(lines), found, None if found else document(*_commissioning(printed, party, now)))


def _told(rows: Sequence[T], progress: Callable[[int], None]) -> Iterator[T]:
    """Each of them; how many those were is said every few thousand."""
    for done, row in enumerate(rows):
        if done % TOLD_EVERY == 0:
            progress(done)
        yield row


def _commissioning(printed: Sequence[Printed], party: Partner, now: datetime) -> Iterator[Members]:
    """One event for each product and lot, and for each expiry that it has."""
    lots: dict[tuple[str, str, str], list[str]] = {}
    for each in printed:
        lots.setdefault((each.gtin, each.lot, each.expiry), []).append(each.epc)
    for (_, lot, expiry), epcs in lots.items():
        yield Teller(party.gln).commissioning(epcs, now, lot=lot, expiry=expiry)


class _Books:
    """What is known of all that was printed, by a number of queries that depends on products and pools alone."""

    def __init__(self, party: Partner, printed: Sequence[Printed], now: datetime) -> None:
        self.party, self.now = party, now
        self.first: dict[tuple[str, str], Printed] = {}  # of each number, what has it first: several may be on a line
        for each in printed:
            self.first.setdefault((each.gtin, each.serial), each)
        gtins = sorted({gtin for gtin, _ in self.first})
        self.granted: dict[str, list[Prefix]] = {}
        self.pools: dict[str, list[SerialPool]] = {}
        for at in range(0, len(gtins), BATCH):
            some = gtins[at : at + BATCH]
            self.granted |= licensees(some)
            for pool in SerialPool.objects.filter(party=party.gln, gtin__in=some).order_by("length"):
                self.pools.setdefault(pool.gtin, []).append(pool)
        self.blocks = dict(self._found())
        self.used = self._used([each.epc for each in printed if (each.gtin, each.serial) in self.blocks])

    def _found(self) -> Iterator[tuple[tuple[str, str], SerialBlock]]:
        serials: dict[str, list[str]] = {}
        for gtin, serial in self.first:
            serials.setdefault(gtin, []).append(serial)
        for gtin, pools in self.pools.items():
            for pool in pools:
                for serial, block in found_in(pool, serials[gtin]).items():
                    yield (gtin, serial), block

    @staticmethod
    def _used(epcs: Sequence[str]) -> frozenset[str]:
        """But for what others have told of: that its licensee may still commission."""
        columns, where = "found.epc", "found.status IS NOT NULL AND NOT found.begun_by_others"
        return frozenset(epc for (epc,) in bulk.select_by(columns, "traceability_item", "epc", epcs, "text", where))

    def wrong_with(self, each: Printed) -> Wrong | None:
        """The first thing."""
        gln, name = self.party.gln, (each.gtin, each.serial)

        def wrong(where: str, code: str, detail: str, expected: str | None = None, found: str | None = None) -> Wrong:
            return Wrong(each.line, where, code, detail, expected, found)

        if self.first[name] is not each:
            found = f"the same in line {self.first[name].line}"
            return wrong("serial", "duplicate_epc", "a number that stands twice", "each number once", found)
        if not any(row.partner_id == gln and row.in_force(None) for row in self.granted[each.gtin]):
            expected = "a prefix statement by an accrediting authority"
            return wrong("gtin", "gtin_not_licensed", f"no prefix statement lets {gln} issue it", expected, each.gtin)
        block = self.blocks.get(name)
        if block is None:
            return wrong("serial", *self._unallocated(self.pools.get(each.gtin, ()), each.serial))
        if (standing := state(block, self.now)) is not State.ALLOCATED:
            detail = f"the block that it is in is {standing}"
            return wrong("serial", f"block_{standing}", detail, State.ALLOCATED, str(block.block))
        if each.epc in self.used:
            expected = "a serial number that was never used"
            return wrong("serial", "already_commissioned", "it was commissioned before", expected, each.serial)
        return None

    @staticmethod
    def _unallocated(pools: Sequence[SerialPool], serial: str) -> tuple[str, str, str, str]:
        """Code, detail, what was expected and found: read wrong, perhaps, else made up."""
        if not pools:
            return "serial_not_allocated", "the product has no pool", "a block of its serial numbers", serial
        lengths = {pool.length: pool for pool in pools}
        pool = lengths.get(len(serial))
        if pool is None:
            expected = f"{' or '.join(map(str, lengths))} characters"
            return "bad_length", "no pool of the product has such numbers", expected, f"{serial!r} ({len(serial)})"
        odd = next((each for each in serial if each not in pool.characters), None)
        if odd is None:
            return "serial_not_allocated", "it was never given out", "a number of an allocated block", serial
        if alike := twin(odd, pool.characters):
            detail = "a character that looks like one of the pool's"
            return "lookalike_characters", detail, repr(alike), f"{odd!r} in {serial!r}"
        return "bad_character", "a character that the pool does not have", pool.characters, f"{odd!r} in {serial!r}"
