"""The recall of a lot: where all its units are, as numbers and one by one.

    python -m tests.bench.bench_recall [UNITS]

The units are packed 10 a case and 100 cases a pallet; the pallets are with 200 holders, some on their way, and a tenth
of the units was taken out of them and dispensed. As many units again are of another product, at the same holders.
"""

import json
import resource
import sys
from collections.abc import Iterator
from itertools import islice
from statistics import median

from tests.bench.bench_verify import GTINS, fill
from tests.bench.stage import Measure, Statements, build, clock, spread  # Django is set up from here on

from django.db import connection  # isort: skip

from partners.models import Hold
from tests.world import LOT, World
from traceability.dscsa import blast

ROUNDS, HOLDERS, MIB = 5, 200, 1 << 20
GTIN = GTINS[1000]

_OF_LOT = """FROM traceability_item AS i JOIN traceability_event AS e ON e.id = i.begun_id {joins}
WHERE i.epc >= 'https://id.gs1.org/01/{gtin}/21' AND i.epc < 'https://id.gs1.org/01/{gtin}/22' AND e.lot = '{lot}'"""
#: The same numbers by hand, by one who knows that there are cases and pallets, and nothing else.
RAW = f"SELECT t.status, t.possessor, t.consignee, count(*) {_OF_LOT} GROUP BY 1, 2, 3"
_JOINS = """LEFT JOIN traceability_containment AS c ON c.item_id = i.id AND c.closed_id IS NULL
LEFT JOIN traceability_containment AS p ON p.item_id = c.parent_id AND p.closed_id IS NULL
JOIN traceability_item AS t ON t.id = coalesce(p.parent_id, c.parent_id, i.id)"""
#: How many there are, and nothing of where.
COUNT = f"SELECT count(*) {_OF_LOT}"


def main(units: int) -> None:
    world = build()
    world.maker.commissions(serial="FIRST")
    fill(world, 0, 2 * units)
    scatter(world)
    for measure in measured(world, units):
        print(json.dumps(measure.as_json()), flush=True)


def scatter(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE traceability_item SET possessor = lpad((id %% %s)::text, 13, '0') WHERE content_size = 100",
            [HOLDERS],
        )
        cursor.execute(
            "UPDATE traceability_item SET status = 'in_transit', consignee = %s "
            "WHERE content_size = 100 AND id %% 20 = 0",
            [world.pharmacy.gln],
        )
        cursor.execute(
            "WITH out AS (UPDATE traceability_item SET status = 'dispensed', possessor = %s "
            "WHERE content_size IS NULL AND id %% 10 = 0 RETURNING id) "
            "UPDATE traceability_containment AS c SET closed_id = c.event_id FROM out WHERE c.item_id = out.id",
            [world.pharmacy.gln],
        )
        cursor.execute("VACUUM ANALYZE")


def measured(world: World, units: int) -> Iterator[Measure]:
    counting = Statements()
    with connection.execute_wrapper(counting):
        took = clock(lambda: world.holds(world.maker, gtin=GTIN, lot=LOT))
    yield Measure("hold on a lot", took, "s", details={"units": units, "statements": counting.count})
    holds = [Hold.objects.latest("registered")]
    reach = blast.radius(holds)
    ours, raw, counted = [], [], []
    for _ in range(ROUNDS):
        ours.append(clock(lambda: blast.radius(holds)))
        raw.append(clock(lambda: _fetched(RAW)))
        counted.append(clock(lambda: _fetched(COUNT)))
    yield Measure("recall summary", median(ours), "s", 1.0, 0.5, details={"units": reach.made, "rounds": spread(ours)})
    details = {"raw": spread(raw), "times bare count": round(median(ours) / median(counted), 2)}
    yield Measure("recall summary / raw query", median(ours) / median(raw), "ratio", 3.0, 2.0, details=details)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield Measure("recall list, first line", clock(lambda: list(islice(blast.units(holds), 1))), "s", 1.0, 0.1)
    took = clock(lambda: sum(1 for _ in blast.units(holds)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / MIB
    yield Measure("recall list", reach.made / took, "units/s", 100_000, 200_000, more_is_better=True)
    yield Measure("recall list, memory", grown, "MiB", 64, 16)


def _fetched(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(gtin=GTIN, lot=LOT, joins=_JOINS if sql is RAW else ""))
        cursor.fetchall()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
