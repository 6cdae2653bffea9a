"""How far a recall reaches: every unit that its holds cover, and where each is now (21 CFR 7.42, 7.49).

    holds ──cover──> units ──climb──> outermost container ──> custody: with whom, on its way, or how it ended

Numbers come by the container that units are in, a statement for each hold; then only containers are climbed, a
statement for each level. A list comes in pages, each with the same climb, so that its first line is there at once and
its length costs no memory. Nothing is asked of the database once a unit.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from partners.models import Hold

from .. import bulk
from ..custody import Status

PAGE = 5000  # units looked up at a time


class Place(NamedTuple):
    """Where units are: in one state, with one party."""

    status: str | None  # of `Status`; None: told of by others alone, so that nobody can say
    possessor: str | None  # GLN of who has it, sent it, or ended it
    consignee: str | None  # GLN of whom it is on its way to


class Unit(NamedTuple):
    """One of them."""

    epc: str
    place: Place
    begun: int | None  # index in the log of the submission that began it; None: not integrated yet


@dataclass(frozen=True)
class Radius:
    """All units of a recall, counted by where they are."""

    at: tuple[tuple[Place, int], ...]  # the most first

    @property
    def made(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.at)

    def of(self, *statuses: Status | None) -> int:
        return sum(count for place, count in self.at if place.status in statuses)


def radius(holds: Sequence[Hold]) -> Radius:
    """Of the holds, each on a product or part of it."""
    rows = [row for covered in _each(holds) for row in _fetch(_COUNTING, covered)]
    tops, found = _outermost({parent for parent, *_ in rows if parent is not None}), Counter[Place]()
    for parent, status, possessor, consignee, count in rows:
        found[Place(status, possessor, consignee) if parent is None else tops[parent]] += count
    return Radius(tuple(sorted(found.items(), key=lambda row: (-row[1], str(row[0])))))


def units(holds: Sequence[Hold]) -> Iterator[Unit]:
    """The same one by one, each once: by hold, and in the order in which the database has their EPCs."""
    for covered in _each(holds):
        after = ""
        while rows := _fetch(_LISTING, covered, after, PAGE):
            tops = _outermost({parent for *_, parent in rows if parent is not None})
            for epc, begun, status, possessor, consignee, parent in rows:
                yield Unit(epc, Place(status, possessor, consignee) if parent is None else tops[parent], begun)
            after = rows[-1][0]


def _outermost(containers: Collection[int]) -> dict[int, Place]:
    """Of containers, by their keys, where the outermost is that each is in, or is itself."""
    top, level = {key: key for key in containers}, set(containers)
    while level:
        above = dict(bulk.select_by(
            "found.item_id, found.parent_id", "traceability_containment", "item_id", sorted(level), "bigint",
            "found.closed_id IS NULL",
        ))  # fmt: skip
        top, level = {key: above.get(outer, outer) for key, outer in top.items()}, set(above.values())
    columns = "found.id, found.status, found.possessor, found.consignee"
    rows = bulk.select_by(columns, "traceability_item", "id", sorted(set(top.values())), "bigint")
    known = {key: Place(*place) for key, *place in rows}
    return {key: known[outer] for key, outer in top.items()}


# ---- SQL ------------------------------------------------------------------------------------------------------------


class _Covered(NamedTuple):
    """What a hold covers, and none before it: a condition, and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def _each(holds: Sequence[Hold]) -> Iterator[_Covered]:
    before: list[_Covered] = []
    for hold in sorted(holds, key=lambda each: each.registered):
        own = _covers(hold)
        same = [each for each in before if each.parameters[0] == own.parameters[0]]  # of the same product
        sql = " AND NOT ".join(f"({each.sql})" for each in (own, *same))
        yield _Covered(sql, tuple(value for each in (own, *same) for value in each.parameters))
        before.append(own)


def _covers(hold: Hold) -> _Covered:
    """As `holding.covers_sql` has it of all holds at once, here of one: the planner knows how much that is. A unit
    whose lot nobody has recorded may be of any."""
    product = f"https://id.gs1.org/01/{hold.gtin}/2"  # finds all of it, whatever the collation: it tells 1 from 2
    sql = "i.epc >= %s AND i.epc < %s"
    parameters: list[Any] = [product + "1", product + "2"]
    if hold.lot is not None:
        sql, parameters = f"{sql} AND coalesce(e.lot = %s, TRUE)", [*parameters, hold.lot]
    if hold.first is not None and hold.last is not None:
        collation = ' COLLATE "C"' if connection.vendor == "postgresql" else ""
        serial = f"substr(i.epc, {len(product) + 3})"
        sql += f" AND length({serial}) = %s AND ({serial}{collation}) BETWEEN %s AND %s"
        parameters = [*parameters, len(hold.first), hold.first, hold.last]
    return _Covered(sql, tuple(parameters))


def _fetch(sql: str, covered: _Covered, *more: object) -> list[Any]:
    with connection.cursor() as cursor:
        parameters: list[Any] = [*covered.parameters, *more]
        cursor.execute(sql.format(covered=covered.sql), parameters)
        return cursor.fetchall()


_COUNTING = """SELECT c.parent_id, CASE WHEN c.parent_id IS NULL THEN i.status END,
    CASE WHEN c.parent_id IS NULL THEN i.possessor END, CASE WHEN c.parent_id IS NULL THEN i.consignee END, count(*)
FROM traceability_item AS i JOIN traceability_event AS e ON e.id = i.begun_id
LEFT JOIN traceability_containment AS c ON c.item_id = i.id AND c.closed_id IS NULL
WHERE {covered} GROUP BY 1, 2, 3, 4"""

_LISTING = """SELECT i.epc, n."index", i.status, i.possessor, i.consignee, c.parent_id
FROM traceability_item AS i JOIN traceability_event AS e ON e.id = i.begun_id
JOIN traceability_submission AS s ON s.id = e.submission_id
JOIN ledger_entry AS n ON n.number = s.entry_id
LEFT JOIN traceability_containment AS c ON c.item_id = i.id AND c.closed_id IS NULL
WHERE {covered} AND i.epc > %s ORDER BY i.epc LIMIT %s"""
