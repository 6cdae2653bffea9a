"""Transaction information and statement of 10,000 units: as PDF with its proof, as EPCIS 1.2, and checked again."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import process_time
from typing import Any

from tests.bench.stage import Measure, Statements, build, clock, hand_in, spread  # Django is set up from here on

from django.db import connection  # isort: skip

from ledger import keys, log
from partners.access import Purpose
from tests.bench.documents import Lot, as_xml
from tests.signing import sign
from tests.world import World
from traceability.dscsa.attached import examine_paper
from traceability.dscsa.shipments import Shipment, shipment
from traceability.models import Event
from traceability.trust import own_policy

ROUNDS = 5


def measures(world: World) -> Iterator[Measure]:
    few, many = _shipped(world, Lot(0, units=1_000)), _shipped(world, Lot(1))
    counts = {row.pk: _counted(partial(_paper, world, row)) for row in (few, many)}
    yield from _timed("PDF of 10,000 units, with its proof", partial(_paper, world, many), must=3)
    yield from _timed("EPCIS 1.2 of 10,000 units", partial(_xml, world, many))
    data, policy = _paper(world, many), own_policy()
    assert examine_paper(data, policy).failure is None
    yield from _timed("PDF of 10,000 units, checked", partial(examine_paper, data, policy), size=len(data))
    yield Measure("PDF, statements of 10,000 units / of 1,000", counts[many.pk] / counts[few.pk], "ratio", 1, 1)
    yield Measure("PDF, statements", counts[many.pk], "statements")


def _shipped(world: World, lot: Lot) -> Event:
    """By pallet, and in the log."""
    hand_in(sign(world.maker, as_xml(lot.told("whole"))), world)
    log.integrate(now=world.now, signer=keys.log_signer())
    return Event.objects.filter(biz_step="shipping").latest("pk")


def _found(world: World, row: Event) -> Shipment:
    reader = world.maker.partner
    return shipment(row.submission.submission, row.position, reader, purpose=Purpose.CUSTODY, now=world.now)


def _paper(world: World, row: Event) -> bytes:
    return _found(world, row).pdf


def _xml(world: World, row: Event) -> int:
    return sum(map(len, _found(world, row).xml(world.now)))


def _counted(work: Callable[[], object]) -> int:
    counting = Statements()
    with connection.execute_wrapper(counting):
        work()
    return counting.count


def _timed(name: str, work: Callable[[], Any], must: float | None = None, **details: Any) -> Iterator[Measure]:
    work()  # once to warm up
    seconds, own = [], []
    for _ in range(ROUNDS):
        began = process_time()
        seconds.append(clock(work))
        own.append(process_time() - began)
    told = {"of it computing": round(median(own), 3), "rounds": spread(seconds)} | details
    yield Measure(name, median(seconds), "s", must, details=told)


if __name__ == "__main__":
    for result in measures(build()):
        print(json.dumps(result.as_json()), flush=True)
