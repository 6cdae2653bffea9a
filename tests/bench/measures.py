"""The measures themselves, each on the database that the environment names: `python -m tests.bench.measures NAME`.

    whole       a lot of 10,000 units in one document, XML and JSON in turn
    commission  1,000 units in one event, and bare COPY of the same rows in turn
    pallets     shipping and receiving 10 pallets of 10,000 units, and 1 pallet of 1,000
    storage     bytes a unit, after 1 lot and after 10
    plans       how PostgreSQL finds 11,000 items among a million
    memory      peak of capturing 100,000 units in one document
    audit       everything stored of documents of 10,000 units, hashed again; and custody replayed

Numbers of one run are comparable, as ratios; those of two runs are not.
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from tests.bench.stage import Measure, Statements, build, clock, hand_in, spread  # Django is set up from here on

from django.db import connection, transaction  # isort: skip

from tests.bench.documents import Lot, as_json, as_xml
from tests.signing import Signed, sign
from tests.world import Party, World
from traceability import models
from traceability.telling import document

MiB = 1 << 20
ROUNDS, PAIRS = 5, 14  # of two syntaxes, a few pairs say little: one commit in ten is slow
SYNTAXES = {"xml": as_xml, "json": as_json}

Measures = Iterator[Measure]


# ---- whole ----------------------------------------------------------------------------------------------------------


def whole(world: World) -> Measures:
    times: dict[str, list[float]] = {syntax: [] for syntax in SYNTAXES}
    own: dict[str, list[float]] = {syntax: [] for syntax in SYNTAXES}  # what our own code computed in that time
    for turn in range(PAIRS):
        in_turn = list(SYNTAXES.items())[:: -1 if turn % 2 else 1]  # whichever comes second pays for the first
        for nth, (syntax, write) in enumerate(in_turn):
            signed = sign(world.maker, write(Lot(2 * turn + nth).told("whole")))
            began = process_time()
            times[syntax].append(clock(partial(hand_in, signed, world)))
            own[syntax].append(process_time() - began)
    for syntax, seconds in times.items():
        yield Measure(
            f"whole document of 10,000 units, {syntax}", median(seconds), "s", 3, 1.2,
            details={"events": 1023, "of it computing": round(median(own[syntax]), 4), "rounds": spread(seconds)},
        )  # fmt: skip
    ratio = median(json / xml for json, xml in zip(times["json"], times["xml"], strict=True))
    yield Measure("whole document, JSON / XML", ratio, "ratio", 1)


# ---- commission -----------------------------------------------------------------------------------------------------

_WRITTEN = (models.Submission, models.Event, models.Item)


def commission(world: World) -> Measures:
    """Both sides commit once a round, the bare one into tables with the same indexes."""
    for model in _WRITTEN:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE bare_{model.__name__} (LIKE {model._meta.db_table} INCLUDING ALL)")
    times: dict[str, list[float]] = {"capture": [], "copy": []}
    for turn in range(4 * ROUNDS + 1):
        signed = sign(world.maker, as_xml(Lot(turn, units=1000).told("commission")))
        times["capture"].append(clock(partial(hand_in, signed, world)))
        rows = [_rows(model) for model in _WRITTEN]
        times["copy"].append(clock(partial(_copy, rows)))
    ratios = [bare / ours for bare, ours in zip(times["copy"], times["capture"], strict=True)][1:]  # one to warm up
    yield Measure(
        "commissioning 1 x 1,000 units with ILMD, speed / bare COPY", median(ratios), "ratio", 0.10, 0.30, True,
        details={f"{how} ms": round(median(seconds[1:]) * 1e3, 1) for how, seconds in times.items()}
        | {"rounds": spread(ratios)},
    )  # fmt: skip


def _rows(model: Any) -> tuple[str, list[Any]]:
    """The table's rows of the last submission."""
    last = models.Submission.objects.latest("pk").pk
    which = {"Submission": "id = %s", "Event": "submission_id = %s"}
    begun = "begun_id IN (SELECT id FROM traceability_event WHERE submission_id = %s)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {model._meta.db_table} WHERE {which.get(model.__name__, begun)}", [last])
        return f"bare_{model.__name__}", [
            tuple(json.dumps(value) if isinstance(value, (dict, list)) else value for value in row)
            for row in cursor.fetchall()
        ]


def _copy(tables: Sequence[tuple[str, list[Any]]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in tables:
            with cursor.copy(f"COPY {table} FROM STDIN") as copying:
                for row in rows:
                    copying.write_row(row)


# ---- pallets --------------------------------------------------------------------------------------------------------


def pallets(world: World) -> Measures:
    times: dict[str, list[float]] = {"ship": [], "receive": []}
    counts: dict[str, set[int]] = {"ship": set(), "receive": set()}
    one: dict[str, int] = {}
    for turn in range(ROUNDS + 1):
        lot = Lot(turn, units=10_000 if turn else 1_000)
        stow = [event for act in ("commission", "containers", "pack", "palletize") for event in lot.told(act)]
        hand_in(sign(world.maker, as_xml(stow)), world)
        for act, party in (("ship", world.maker), ("receive", world.distributor)):
            seconds, count = _moved(world, party, as_xml(lot.told(act)))
            if turn:
                times[act].append(seconds)
                counts[act].add(count)
            else:
                one[act] = count
    for act, name in (("ship", "shipping"), ("receive", "receiving")):
        yield Measure(
            f"{name} 10 pallets of 10,000 units", median(times[act]) * 1e3, "ms", 100, 20,
            details={"rounds": spread(seconds * 1e3 for seconds in times[act])},
        )  # fmt: skip
        yield Measure(f"{name} 10 pallets, statements / as for 1 pallet", max(counts[act]) / one[act], "ratio", 1, 1)
        yield Measure(f"{name} 10 pallets, statements", max(counts[act]), "statements")


def _moved(world: World, party: Party, received: bytes) -> tuple[float, int]:
    signed, counting = sign(party, received), Statements()
    with connection.execute_wrapper(counting):
        seconds = clock(partial(hand_in, signed, world))
    return seconds, counting.count


# ---- storage --------------------------------------------------------------------------------------------------------


def storage(world: World) -> Measures:
    """All that the tables, their indexes and their TOAST weigh more than when there was no unit."""
    empty = _bytes()
    for lots in range(1, 11):
        hand_in(sign(world.maker, as_xml(Lot(lots).told("whole"))), world)
        if lots in (1, 10):
            stored = _bytes()
            yield Measure(
                f"bytes a commissioned and packed unit, {lots} lots of 10,000",
                (stored - empty) / (lots * 10_000), "bytes", 750, 500,
                details={"with what the empty database weighs": round(stored / (lots * 10_000), 1)},
            )  # fmt: skip


def _bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE nspname = 'public' AND relkind = 'r'"
        )
        return int(cursor.fetchone()[0])


# ---- plans ----------------------------------------------------------------------------------------------------------

CASES = 100_000  # of 10 units
_BIG = {f"traceability_{name}" for name in ("item", "containment", "event", "move")}
_FILL = (
    """INSERT INTO traceability_event (submission_id, position, event_id, identity, event_hash, event_time, biz_step,
        action, voice, party, is_error_declaration, is_copy, canonical, leaves)
    SELECT (SELECT max(id) FROM traceability_submission), 1000000 + n, 'urn:uuid:' || gen_random_uuid(),
        sha256(n::text::bytea), sha256(n::text::bytea), now(), 'packing', 'ADD', 'actor', %s, false, false,
        sha256(n::text::bytea), sha256(n::text::bytea) FROM generate_series(1, %s) AS n""",
    """INSERT INTO traceability_item (epc, begun_id, head, content_size, content_root, sequence, status, possessor,
        owner, begun_by_others, last_time)
    SELECT 'https://id.gs1.org/01/' || gtin || '/21/F' || n, (SELECT max(id) FROM traceability_event),
        sha256((gtin || n)::bytea), size, CASE WHEN size IS NOT NULL THEN sha256(n::text::bytea) END, 2, 'held', %s,
        %s, false, '2026-01-01T00:00:00Z'
    FROM (VALUES ('50614141123457', 10, %s), ('00614141123452', NULL, %s)) AS kind (gtin, size, count),
        generate_series(1, count) AS n""",
    """INSERT INTO traceability_containment (item_id, sequence, parent_id, event_id)
    SELECT unit.id, 2, box.id, box.begun_id
    FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM traceability_item WHERE content_size IS NULL) AS unit
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM traceability_item WHERE content_size = 10) AS box
    ON box.n = unit.n / 10""",
)


def plans(world: World) -> Measures:
    """Every plan of one capture that names 10,000 packed units, and their 1,000 cases, among a million."""
    world.maker.commissions(serial="FIRST")
    gln = world.maker.gln
    filled: tuple[list[Any], ...] = ([gln, CASES], [gln, gln, CASES, 10 * CASES], [])
    with connection.cursor() as cursor:
        for sql, params in zip(_FILL, filled, strict=True):
            cursor.execute(sql, params)
        cursor.execute("VACUUM ANALYZE")
    units = [f"https://id.gs1.org/01/00614141123452/21/F{n}" for n in range(500_001, 510_001)]
    cases = [f"https://id.gs1.org/01/50614141123457/21/F{n}" for n in range(50_001, 51_001)]
    received = document(
        world.maker.observing(units), world.maker.observing(cases), world.maker.observing(cases, "storing")
    )
    explaining = _Explaining()
    signed = sign(world.maker, received)
    with connection.execute_wrapper(explaining):
        hand_in(signed, world)
    again = sign(world.maker, document(world.maker.observing(units), world.maker.observing(cases)))
    yield Measure("observing 11,000 items among 1,100,000", clock(partial(hand_in, again, world)), "s")
    yield Measure(
        "sequential scans of big tables, 1,100,000 items", len(explaining.scanned), "scans", 0, 0,
        details={"scanned": explaining.scanned, "plans": explaining.plans},
    )  # fmt: skip


class _Explaining:
    """Asks for the plan of each statement before it runs."""

    def __init__(self) -> None:
        self.plans: dict[str, list[str]] = {}
        self.scanned: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.split()[0] in ("SELECT", "UPDATE", "INSERT") and any(table in sql for table in _BIG):
            with context["connection"].connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                nodes = list(_nodes(cursor.fetchone()[0][0]["Plan"]))
            name = " ".join(sql.split())
            self.plans[name] = [" ".join(filter(None, (kind, table, index))) for kind, table, index in nodes]
            self.scanned += [name for kind, table, _ in nodes if kind == "Seq Scan" and table in _BIG]
        return execute(sql, params, many, context)


def _nodes(plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield plan["Node Type"], plan.get("Relation Name", ""), plan.get("Index Name", "")
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


# ---- memory ---------------------------------------------------------------------------------------------------------


def memory(world: World) -> Measures:
    """The document is made, drafted and signed in a process of its own, which leaves nothing behind here."""
    with TemporaryDirectory() as folder:
        key = Path(folder) / "key.pem"
        key.write_bytes(world.maker.key.to_pem())
        signing = get_context("spawn").Process(target=_sign_big, args=(folder,))
        signing.start()
        signing.join()
        signed = Signed(*((Path(folder) / part).read_bytes() for part in Signed.__dataclass_fields__))
    before = _peak()
    seconds = clock(partial(hand_in, signed, world))
    yield Measure(
        "peak memory, document of 100,000 units", _peak() / MiB, "MiB",
        details={
            "before it": round(before / MiB), "document MiB": round(len(signed.received) / MiB, 1),
            "s": round(seconds, 2),
        },
    )  # fmt: skip


def _sign_big(folder: str) -> None:
    from ledger.tlog.cose import PrivateKey
    from partners.models import Role
    from tests.world import gln

    world: Any = World.__new__(World)  # the cast has enrolled already
    world.now = models.Registration.objects.latest("accepted").accepted
    maker = Party(
        world, gln(100), "Maker", Role.MANUFACTURER, PrivateKey.from_pem((Path(folder) / "key.pem").read_bytes())
    )
    signed = sign(maker, as_xml(Lot(units=100_000).told("whole")))
    for part in Signed.__dataclass_fields__:
        (Path(folder) / part).write_bytes(getattr(signed, part))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # which Linux counts in KiB


# ---- audit ----------------------------------------------------------------------------------------------------------


def audit(world: World) -> Measures:
    """By the time that our own code computed: the database, and whoever else is on the machine, work beside it."""
    from ledger import keys, log
    from traceability.audit import audit as run
    from traceability.audit import begin

    for turn, write in enumerate((as_xml, as_json, as_xml, as_json)):
        hand_in(sign(world.maker, write(Lot(turn).told("whole"))), world)
    log.integrate(now=world.now, signer=keys.log_signer())
    events = models.Event.objects.count()
    for full, name in ((False, "stored values hashed again"), (True, "the same, and custody replayed")):
        seconds = []
        for _ in range(ROUNDS if not full else 1):
            models.Audit.objects.all().delete()  # which knew all of this already
            row, began = begin(full=full, now=world.now), process_time()
            seconds.append((clock(partial(run, row, now=lambda: world.now)), process_time() - began))
            assert row.differences == 0, row.findings[:3]
        wall, own = (median(each) for each in zip(*seconds, strict=True))
        must = None if full else 5000
        yield Measure(
            f"audit of documents of 10,000 units: {name}", events / own, "events/s a core", must, None, True,
            details={"events": events, "units": 40_000, "computing, s": round(own, 3), "until done, s": round(wall, 3)},
        )  # fmt: skip


MEASURES: dict[str, Callable[[World], Measures]] = {
    each.__name__: each for each in (whole, commission, pallets, storage, plans, memory, audit)
}


if __name__ == "__main__":
    for result in MEASURES[sys.argv[1]](build()):
        print(json.dumps(result.as_json()), flush=True)
