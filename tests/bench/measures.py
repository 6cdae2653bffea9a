"""The measures themselves, each on the database that the environment names: `python -m tests.bench.measures NAME`.

    whole       a lot of 10,000 units in one document, XML and JSON in turn
    commission  1,000 units in one event, and bare COPY of the same rows in turn
    calls       shipping and receiving a pallet by one call, signed by the node
    pallets     shipping and receiving 10 pallets of 10,000 units, and 1 pallet of 1,000
    storage     bytes a unit, after 1 lot and after 10
    plans       how PostgreSQL finds 11,000 items among a million
    memory      peak of capturing 100,000 units in one document
    serials     1,000,000 serial numbers, from the request to the last of them
    audit       everything stored of documents of 10,000 units, hashed again; and custody replayed
    labels      200 labels on sheets, in each kind of symbol; no database has a part in it

Numbers of one run are comparable, as ratios; those of two runs are not.
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from tests.bench.stage import Measure, Statements, build, clock, hand_in, spread  # Django is set up from here on

from django.db import connection, transaction  # isort: skip

from partners.gs1.identifiers import canonical, gtin_of
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
    one = {act: count for act, (_, count) in _handled(world, Lot(0, units=1_000)).items()}
    free = [_handled(world, Lot(turn)) for turn in range(1, ROUNDS + 1)]
    world.holds(world.maker, gtin=gtin_of(Lot(1).unit(0)), lot="ANOTHER")
    world.holds(world.maker, epc=canonical(Lot(1).unit(0)))
    held = [_handled(world, Lot(turn)) for turn in range(ROUNDS + 1, 2 * ROUNDS + 1)]
    for act, name in (("ship", "shipping"), ("receive", "receiving")):
        times, counts = ([each[act][which] for each in free] for which in (0, 1))
        yield Measure(
            f"{name} 10 pallets of 10,000 units", median(times) * 1e3, "ms", 100, 20,
            details={"rounds": spread(seconds * 1e3 for seconds in times)},
        )  # fmt: skip
        yield Measure(f"{name} 10 pallets, statements / as for 1 pallet", max(counts) / one[act], "ratio", 1, 1)
        yield Measure(f"{name} 10 pallets, statements", max(counts), "statements")
        times, counts = ([each[act][which] for each in held] for which in (0, 1))
        yield Measure(
            f"{name} 10 pallets while some lot of the product is held", median(times) * 1e3, "ms", 100,
            details={"rounds": spread(seconds * 1e3 for seconds in times), "statements": max(counts)},
        )  # fmt: skip


def _handled(world: World, lot: Lot) -> dict[str, tuple[float, int]]:
    """Ten pallets or one, shipped and received: how long each took, and in how many statements."""
    stow = [event for act in ("commission", "containers", "pack", "palletize") for event in lot.told(act)]
    hand_in(sign(world.maker, as_xml(stow)), world)
    parties = (("ship", world.maker), ("receive", world.distributor))
    return {act: _moved(world, party, as_xml(lot.told(act))) for act, party in parties}


def _moved(world: World, party: Party, received: bytes) -> tuple[float, int]:
    signed, counting = sign(party, received), Statements()
    with connection.execute_wrapper(counting):
        seconds = clock(partial(hand_in, signed, world))
    return seconds, counting.count


# ---- calls ----------------------------------------------------------------------------------------------------------


def calls(world: World) -> Measures:
    """Over the API, as somebody has it who scans a pallet of 10,000 units: drafted, signed by the node with a custodial
    key, promised; and the same for one of 100."""
    from django.test import Client

    from partners.models import ApiToken

    def api(party: Party) -> Client:
        world.entrusts(party)
        return Client(headers={"authorization": f"Bearer {ApiToken.issue(party.partner, now=world.now)[1]}"})

    maker, distributor = api(world.maker), api(world.distributor)
    times: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for turn in range(2 * ROUNDS):
        lot = Lot(turn, units=10_000 if turn % 2 else 100, per_pallet=1_000)
        stow = [event for act in ("commission", "containers", "pack", "palletize") for event in lot.told(act)]
        hand_in(sign(world.maker, as_xml(stow)), world)
        (load,) = lot.told("ship")[0]["epcList"]
        for client, said in (
            (maker, {"to": world.distributor.gln}),
            (distributor, {}),
        ):
            word = "ship" if said else "receive"
            began, own = perf_counter(), process_time()
            answer = client.post(
                "/api/v1/moves", {"move": word, "epcs": [load]} | said, content_type="application/json"
            )
            times.setdefault((word, lot.units), []).append((perf_counter() - began, process_time() - own))
            assert answer.status_code == 201, answer.content
    for (word, units), rounds in times.items():
        seconds, computing = ([each[which] * 1e3 for each in rounds] for which in (0, 1))
        yield Measure(
            f"{word} a pallet of {units:,} units by one call", median(seconds), "ms", 100,
            details={"of it computing": round(median(computing), 1), "rounds": spread(seconds)},
        )  # fmt: skip


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


# ---- labels ---------------------------------------------------------------------------------------------------------

PRINTED = {"datamatrix": "a4-5x13", "qr": "letter-3x10", "gs1-128": "190x135/1x2/210x297/10x10/0x5"}


def labels(_: World) -> Measures:
    """From members to the bytes of the PDF; the longest serial numbers, so that symbols are as large as they get."""
    from traceability.labels.job import Job
    from traceability.labels.pdf import draw

    rows = [
        {"gtin": "00614141123452", "serial": f"SERIAL-{turn:013}", "expiry": "2028-12-31", "lot": "LOT-A1"}
        for turn in range(200)
    ]
    today = date(2026, 1, 5)
    for symbol, stock in PRINTED.items():
        asked = json.dumps({"stock": stock, "dpi": 300, "symbol": symbol, "labels": rows}).encode()

        def printed(asked: bytes = asked) -> None:
            draw(Job.parse(asked, today, most=len(rows)), today)

        printed()  # once to warm up
        rounds = [clock(printed) for _ in range(ROUNDS)]
        yield Measure(
            f"200 labels on sheets, {symbol}", median(rounds), "s", 1,
            details={"stock": stock, "dpi": 300, "rounds": spread(rounds)},
        )  # fmt: skip


# ---- serials --------------------------------------------------------------------------------------------------------


def serials(world: World) -> Measures:
    """Over the API, as a client has them: the block committed, then every number of it, in CSV. Numbers of twenty
    characters take longest."""
    from django.test import Client

    from partners.models import ApiToken
    from tests.world import GTIN

    _, token = ApiToken.issue(world.maker.partner, now=world.now)
    client = Client(headers={"authorization": f"Bearer {token}"})

    def post(path: str, **members: Any) -> Any:
        return client.post(f"/api/v1/{path}", members, content_type="application/json").json()

    for length in (12, 20):
        pool = post("serial-pools", gtin=GTIN, length=length, character_set="unambiguous")["pool"]
        seconds, own, size = [], [], 0
        for turn in range(ROUNDS):
            began, start = process_time(), perf_counter()
            block = post("serial-blocks", pool=pool, request=f"R{length}-{turn}", count=1_000_000)
            answer: Any = client.get(block["numbers"])
            size = sum(len(piece) for piece in answer.streaming_content)
            seconds.append(perf_counter() - start)
            own.append(process_time() - began)
        assert size == len("gtin,serial\r\n") + 1_000_000 * len(f"{GTIN},\r\n" + length * "0")
        yield Measure(
            f"1,000,000 serial numbers of {length} characters", median(seconds), "s", 5,
            details={"of it computing": round(median(own), 4), "MB": round(size / 1e6, 1), "rounds": spread(seconds)},
        )  # fmt: skip


MEASURES: dict[str, Callable[[World], Measures]] = {
    each.__name__: each for each in (whole, commission, pallets, calls, storage, plans, memory, serials, audit, labels)
}


if __name__ == "__main__":
    for result in MEASURES[sys.argv[1]](build()):
        print(json.dumps(result.as_json()), flush=True)
