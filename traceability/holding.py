"""Which holds lie over the items of a document (ARCHITECTURE section 4).

A hold is one row, however many packs it covers: what is under it is looked up when something is to move. While no hold
is in force, that is one query; else a few, and one for each container above another, whatever the number of items and
of holds.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property

from django.db import connection

from partners import holds
from partners.gs1.identifiers import GTIN_AT, SERIAL_AT, is_sgtin
from partners.models import Hold

from . import bulk
from .facts import Held, Holds, ItemState, Recorded
from .lawful import gtins_of


def covers_sql(vendor: str) -> str:
    """Whether the hold `h` on a product may cover the item `i`, which the event `e` began: as `Hold.covers` has it, but
    that an item whose lot nobody has recorded may be of any."""
    collation = 'COLLATE "C"' if vendor == "postgresql" else ""
    serial = f"substr(i.epc, {SERIAL_AT + 1})"
    between = f"({serial} {collation}) BETWEEN (h.first {collation}) AND (h.last {collation})"
    return (
        f"h.gtin = substr(i.epc, {GTIN_AT + 1}, 14) AND (h.lot IS NULL OR e.lot IS NULL OR h.lot = e.lot) "
        f"AND (h.first IS NULL OR (length({serial}) = length(h.first) AND {between}))"
    )


class _Over:
    """The holds in force over any of these items: those of single items, and those of products."""

    def __init__(self, epcs: Collection[str], as_of: int | None) -> None:
        self._of_items = dict[str, list[Hold]]()
        rows = holds.in_force(as_of).filter(epc__isnull=False)
        if rows.count() > len(epcs):  # whichever are fewer are gone through
            found = bulk.select_by("found.id", Hold._meta.db_table, "epc", sorted(epcs), "text")
            rows = rows.filter(pk__in=[key for (key,) in found])
        for row in rows:
            self._of_items.setdefault(row.epc or "", []).append(row)
        self.of_products = holds.of_products(gtins_of(epcs), as_of)
        self._of_lots = dict[tuple[str, str | None], list[Hold]]()  # a pallet is of few

    def asks_lot_of(self, epc: str) -> bool:
        return is_sgtin(epc) and _gtin(epc) in self.of_products

    def __call__(self, epc: str, lot: str | None) -> Sequence[Held]:
        of_item, of_lot = self._of_items.get(epc, ()), self._of_lot(epc, lot)
        if not (of_item or of_lot):  # as nearly always
            return ()
        rows = [*of_item, *(row for row in of_lot if row.covers(epc, lot))]
        return [Held(row.kind, row.partner_id, row.reason) for row in rows]

    def _of_lot(self, epc: str, lot: str | None) -> Sequence[Hold]:
        if not is_sgtin(epc):
            return ()
        named = _gtin(epc), lot
        if named not in self._of_lots:
            rows = self.of_products.get(named[0], ())
            self._of_lots[named] = [row for row in rows if row.lot in (None, lot)]
        return self._of_lots[named]


class RecordedHolds(Holds):
    """Of the items of a document: as they are when it begins, and which of them are containers that it names.

    `lot_of`: what an event of the document tells of what it begins, by its position.
    """

    def __init__(
        self,
        states: Collection[ItemState],
        containers: Collection[ItemState],
        named: Collection[str],
        lot_of: Callable[[int], str | None],
        as_of: int | None,
    ) -> None:
        self._keys = {state.key for state in states}
        self._begun = {state.epc: state.begun.key for state in states if isinstance(state.begun, Recorded)}
        self._containers = {state.key: state.key for state in containers if state.key is not None}
        self._named, self._lot_of, self._as_of = named, lot_of, as_of

    def any(self) -> bool:
        return self._any

    def over(self, item: ItemState) -> tuple[Held, ...]:
        if not self._any:
            return ()
        lot = self._lot(item) if self._over.asks_lot_of(item.epc) else None
        return tuple(self._over(item.epc, lot))

    def inside(self, item: ItemState) -> tuple[tuple[str, Held], ...]:
        return self._inside.get(item.key, ()) if self._any else ()

    @cached_property
    def _any(self) -> bool:
        return holds.in_force(self._as_of).exists()

    @cached_property
    def _over(self) -> _Over:
        return _Over({*self._begun, *self._named}, self._as_of)

    # ---- lots -----------------------------------------------------------------------------------------------------

    def _lot(self, item: ItemState) -> str | None:
        """As its beginning tells it: whatever else may tell of another."""
        if isinstance(item.begun, Recorded):
            return self._lots.get(item.begun.key)
        return None if item.begun is None else self._lot_of(item.begun)

    @cached_property
    def _lots(self) -> dict[int, str | None]:
        """By beginning, of items of a product of which some lot is held."""
        narrowed = {gtin for gtin, rows in self._over.of_products.items() if any(row.lot for row in rows)}
        begun = {key for epc, key in self._begun.items() if is_sgtin(epc) and _gtin(epc) in narrowed}
        return dict(bulk.select_by("found.id, found.lot", "traceability_event", "id", sorted(begun), "bigint"))

    # ---- what is in containers ------------------------------------------------------------------------------------

    @cached_property
    def _inside(self) -> dict[int | None, tuple[tuple[str, Held], ...]]:
        """By container that the document names, over all that is in it and that nothing here touches: of what is
        loaded, judging knows itself where it is by now."""
        inner = self._inner()
        over = _Over([epc for _, epc, _ in inner], self._as_of)
        found: dict[int | None, dict[Held, str]] = {}  # of each hold the first item that it lies over
        for top, epc, lot in inner:
            for held in over(epc, lot):
                found.setdefault(top, {}).setdefault(held, epc)
        return {top: tuple((epc, held) for held, epc in some.items()) for top, some in found.items()}

    def _inner(self) -> list[tuple[int, str, str | None]]:
        """All of that: the container, and EPC and lot of what is in it, level by level."""
        found, level = list[tuple[int, str, str | None]](), self._containers
        while level:
            below: dict[int, int] = {}
            for parent, key, epc, size, lot in self._children(level):
                found.append((level[parent], epc, lot))
                if size is not None:
                    below[key] = level[parent]
            level = below
        return found

    def _children(self, containers: Collection[int]) -> Iterator[tuple[int, int, str, int | None, str | None]]:
        return (row for row in bulk.select_in(_CHILDREN, list(containers), "bigint") if row[1] not in self._keys)


_CHILDREN = """SELECT c.parent_id, i.id, i.epc, i.content_size, e.lot FROM {values}
    JOIN traceability_containment AS c ON c.parent_id = named.value AND c.closed_id IS NULL
    JOIN traceability_item AS i ON i.id = c.item_id
    JOIN traceability_event AS e ON e.id = i.begun_id"""


def _gtin(epc: str) -> str:
    return epc[GTIN_AT : GTIN_AT + 14]


def lies_over_anything(number: int) -> bool:
    """Whether the hold of this entry covers anything that is known here: one query, by an index."""
    covered = covers_sql(connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(_COVERED.format(covered=covered), [number, number])
        return bool(cursor.fetchone()[0])


#: The index of EPCs finds all of a product, whatever the collation: it tells "1" from "2".
_COVERED = """SELECT EXISTS (
    SELECT 1 FROM partners_hold AS h JOIN traceability_item AS i ON i.epc = h.epc WHERE h.registered = %s
) OR EXISTS (
    SELECT 1 FROM partners_hold AS h
    JOIN traceability_item AS i ON i.epc >= 'https://id.gs1.org/01/' || h.gtin || '/21'
        AND i.epc < 'https://id.gs1.org/01/' || h.gtin || '/22'
    JOIN traceability_event AS e ON e.id = i.begun_id
    WHERE h.registered = %s AND {covered}
)"""
