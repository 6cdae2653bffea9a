"""Traces: of one unit, and of lots of 10,000 and 100,000 units, drawn up, answered, fetched and checked."""

import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import process_time
from typing import Any

from tests.bench.stage import Measure, Statements, build, clock, hand_in, spread  # Django is set up from here on

from django.conf import settings  # isort: skip
from django.db import connection  # isort: skip

from ledger import keys, log
from partners.gs1.identifiers import Sgtin
from tests.bench.documents import Lot, as_xml
from tests.signing import sign
from tests.world import GTIN, Party, World
from traceability import statements, traces
from traceability.bundle.trace import examine_trace
from traceability.dscsa import tracing
from traceability.models import Event, Item, Trace, TracePackage
from traceability.statements import TraceAnswer, TraceKnown, TraceReason, TraceRequest, TraceWanted
from traceability.trust import own_policy

ROUNDS = 5
LOTS = {"10,000": 10_000, "100,000": 100_000}


def measures(world: World) -> Iterator[Measure]:
    lots = {name: _shipped(world, Lot(number, units=units)) for number, (name, units) in enumerate(LOTS.items())}
    _integrate(world)
    with connection.cursor() as cursor:  # as autovacuum leaves the tables of a node that is in use
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    gtin, serial = _any_unit()
    one = _asks(world, gtin=gtin, serials=(serial,))
    yield from _timed("trace of one unit, drawn up", partial(tracing.draw_up, one, now=world.now), must=0.1)
    yield Measure("trace of one unit, statements", _counted(partial(tracing.draw_up, one, now=world.now)), "statements")
    counts = {}
    for name, lot in lots.items():
        row = _asks(world, gtin=gtin, lot=lot)
        work = partial(tracing.draw_up, row, now=world.now)
        began = process_time()
        seconds = clock(work)
        told = {"of it computing": round(process_time() - began, 3)}
        must = 30 if name == "100,000" else None
        yield Measure(f"trace of a lot of {name} units, drawn up", seconds, "s", must, details=told)
        counts[name] = _counted(work)
        yield Measure(f"trace of a lot of {name} units, statements", counts[name], "statements")
        yield from _read(world, row, name)


def _read(world: World, row: Trace, name: str) -> Iterator[Measure]:
    """As whoever asked reads it, the first time: each unit enters the access record."""
    package = TracePackage.objects.get(trace=row)
    said = TraceAnswer(
        about=row.to, to=row.requester, request=bytes(row.request.entry.entry).hex(), package=bytes(package.sha256),
        knows=TraceKnown(package.knows), **_begun(world, world.maker),
    )  # fmt: skip
    entry, envelope = bytes(row.request.entry.entry), statements.sign(said, world.maker.key)
    traces.answer(world.maker.partner, envelope, entry, now=world.now)
    _integrate(world)
    data, seconds = b"", 0.0
    for what in ("first", "second"):
        began = process_time()
        seconds = clock(lambda: _keep(traces.file_of(world.pharmacy.partner, entry, now=world.now)))
        yield Measure(
            f"trace of a lot of {name} units, read the {what} time", seconds, "s",
            details={"of it computing": round(process_time() - began, 3), "bytes": len(_kept[-1])},
        )  # fmt: skip
    data = _kept[-1]
    seconds = clock(lambda: _demand_proven(data))
    yield Measure(f"trace of a lot of {name} units, checked", seconds, "s", details={"units": package.units})


_kept: list[bytes] = []


def _keep(data: bytes) -> None:
    _kept.append(data)


def _demand_proven(data: bytes) -> None:
    assert examine_trace(data, own_policy()).failure is None


def _shipped(world: World, lot: Lot) -> str:
    """By pallet; the lot's number."""
    hand_in(sign(world.maker, as_xml(lot.told("whole"))), world)
    return str(Event.objects.filter(lot__isnull=False).latest("pk").lot)


def _integrate(world: World) -> None:
    while log.integrate(now=world.now, signer=keys.log_signer()):
        pass


def _any_unit() -> tuple[str, str]:
    unit = Sgtin.parse(Item.objects.filter(content_size=None).latest("pk").epc)
    return unit.gtin, unit.serial


def _begun(world: World, by: Party) -> dict[str, Any]:
    return {
        "log": settings.LOG_ORIGIN, "submitter": by.gln, "time": world.now.replace(microsecond=0),
        "statement": str(uuid.uuid4()),
    }  # fmt: skip


def _asks(world: World, **about: Any) -> Trace:
    said = TraceRequest(
        about=world.pharmacy.gln, to=world.maker.gln, investigation="7", wants=TraceWanted.ALL_KNOWN_OWNERS,
        reason=TraceReason.SUSPECT, contact="trace@pharmacy.example", **{"gtin": GTIN, **about},
        **_begun(world, world.pharmacy),
    )  # fmt: skip
    row, _ = traces.ask(world.pharmacy.partner, statements.sign(said, world.pharmacy.key), now=world.now)
    _integrate(world)
    return Trace.objects.select_related("request__entry").get(pk=row.pk)


def _counted(work: Callable[[], object]) -> int:
    counting = Statements()
    with connection.execute_wrapper(counting):
        work()
    return counting.count


def _timed(name: str, work: Callable[[], Any], must: float | None = None) -> Iterator[Measure]:
    work()  # once to warm up
    seconds, own = [], []
    for _ in range(ROUNDS):
        began = process_time()
        seconds.append(clock(work))
        own.append(process_time() - began)
    told = {"of it computing": round(median(own), 3), "rounds": spread(seconds)}
    yield Measure(name, median(seconds), "s", must, details=told)


if __name__ == "__main__":
    for result in measures(build()):
        print(json.dumps(result.as_json()), flush=True)
