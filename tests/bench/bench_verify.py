"""Verification over HTTP among a million units, beside a DRF view that does nothing, and by a verification message.

    python -m tests.bench.bench_verify [UNITS]

One gunicorn worker, one connection a request, the kinds of question in turn within each round. The units are packed,
shipped by pallet and received: five steps each, told by four parties' documents of 10,000 units. Half of them were
commissioned 10 an event, half 1,000 an event. Measured at a tenth of the units, and at all of them.
"""

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import median
from urllib.parse import quote

from tests.bench.stage import Measure, build, spread  # Django is set up from here on

from django.db import connection  # isort: skip
from django.test import Client
from django.test.utils import CaptureQueriesContext

from partners.gs1.identifiers import check_digit
from partners.models import ApiToken
from tests.world import EXPIRY, LOT, World

ROUNDS = 9
ASKED = 60  # times a kind in each round
LOT_SIZE = 10_000  # units in one document
GTINS = {  # by how many EPCs an event commissions
    per_event: payload + check_digit(payload) for per_event, payload in ((10, "0061414110001"), (1000, "0061414110002"))
}


def main(units: int) -> None:
    world = build()
    world.maker.commissions(serial="FIRST")
    p50: dict[tuple[int, str], float] = {}  # by size and kind, as a multiple of the empty view's
    with served() as port:
        filled = 0
        for size in (units // 10, units):
            fill(world, filled, size)
            filled = size
            for measure in measured(world, port, size, p50):
                print(json.dumps(measure.as_json()), flush=True)
    for kind in ("anybody", "token"):
        grown = p50[units, kind] / p50[units // 10, kind]
        print(
            json.dumps(
                Measure(f"verify, {kind}, {units:,} / {units // 10:,} units", grown, "ratio", 1.5, 1.2).as_json()
            )
        )


# ---- asking ---------------------------------------------------------------------------------------------------------


def measured(world: World, port: int, size: int, p50: dict[tuple[int, str], float]) -> Iterator[Measure]:
    _, token = ApiToken.issue(world.pharmacy.partner, now=world.now)
    bearer = {"Authorization": f"Bearer {token}"}
    kinds = {
        "empty": lambda: ("/empty", {}),
        "anybody": lambda: (code(size, 1000), {}),
        "anybody, 10 EPCs an event": lambda: (code(size, 10), {}),
        "token": lambda: (code(size, 1000), bearer),
        "token, 10 EPCs an event": lambda: (code(size, 10), bearer),
        "message": lambda: (message(size, world.pharmacy.gln), bearer),
    }
    rounds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(ROUNDS + 1):
        for kind, question in kinds.items():
            times = [asked(port, *question()) for _ in range(ASKED)]
            if turn:  # the first warms up
                rounds[kind].append(median(times) * 1e3)
    for kind, must in (("token", 1.3), ("anybody", None)):
        ratios = [ours / verify for ours, verify in zip(rounds["message"], rounds[kind], strict=True)]
        yield Measure(
            f"VRS, among {size:,} units, p50 / verify, {kind}", median(ratios), "ratio", must, must and 1.0,
            details={"p50 ms": round(median(rounds["message"]), 2), "rounds": spread(ratios)},
        )  # fmt: skip
    for kind in ("anybody", "token"):
        ratios = [ours / empty for ours, empty in zip(rounds[kind], rounds["empty"], strict=True)]
        p50[size, kind] = median(ratios)
        yield Measure(
            f"verify, {kind}, among {size:,} units, p50 / empty DRF view", median(ratios), "ratio", 5, 2.5,
            details={"p50 ms": round(median(rounds[kind]), 2), "empty p50 ms": round(median(rounds["empty"]), 2),
                     "rounds": spread(ratios)},
        )  # fmt: skip
        few = [small / big for small, big in zip(rounds[f"{kind}, 10 EPCs an event"], rounds[kind], strict=True)]
        yield Measure(f"verify, {kind}, 1,000 / 10 EPCs an event", 1 / median(few), "ratio", 1.3, 1.1)
        yield Measure(
            f"verify, {kind}, statements", queries(size, bearer if kind == "token" else {}), "statements", 6, 6
        )


def code(size: int, per_event: int) -> str:
    """The address that verifies one of the units, any one."""
    nth = random.randrange(size // 2)
    scan = f"(01){GTINS[per_event]}(21)B{nth}(10){LOT}(17){EXPIRY[2:].replace('-', '')}"
    return f"/api/v1/verify?scan={quote(scan)}"


def message(size: int, requester: str) -> str:
    """The same as a verification message of GS1's standard."""
    pack = f"gtin/{GTINS[1000]}/lot/{LOT}/ser/B{random.randrange(size // 2)}"
    return f"/vrs/verify/{pack}?exp={EXPIRY[2:].replace('-', '')}&reqGLN={requester}&context=dscsaSaleableReturn"


def asked(port: int, path: str, headers: dict[str, str]) -> float:
    start = time.perf_counter()
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as asking:
        asking.request("GET", path, headers=headers)
        answer = asking.getresponse()
        body = answer.read()
    seconds = time.perf_counter() - start
    assert answer.status == 200, body
    assert path == "/empty" or b'"reason":"genuine' in body or b'"data":{"verified":true}' in body, body
    return seconds


def queries(size: int, headers: dict[str, str]) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = Client(headers=headers).get(code(size, 10))
    assert answer.status_code == 200
    return len(captured)


@contextmanager
def served() -> Iterator[int]:
    """One worker of gunicorn, as in production but for TLS."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    production = {"DEBUG": "0", "SECRET_KEY": "bench", "ALLOWED_HOSTS": "127.0.0.1", "SECURE_SSL_REDIRECT": "0",
                  "LOG_ORIGIN": "localhost/log", "OPERATOR_GLN": "0614141000012",
                  "STATIC_ROOT": os.environ.get("VAR_DIR", ".")}  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "tests.bench.served", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    with subprocess.Popen([*command, "--log-level", "warning"], env=os.environ | production) as server:
        try:
            for _ in range(200):
                with closing(socket.socket()) as probe:
                    if not probe.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.05)
            yield port
        finally:
            server.terminate()


# ---- filling --------------------------------------------------------------------------------------------------------

#: What follows is done to the units from {lo} up to {hi} (counted for each of the two products), in this order; events
#: get ascending keys from {e} on, items from {i} on. Leaves and canonical events have the length that real ones have.
_EVENTS = """INSERT INTO traceability_event (id, submission_id, position, event_id, identity, event_hash, event_time,
    biz_step, action, voice, party, consignee, lot, expiry, is_error_declaration, is_copy, canonical, leaves)
SELECT {e} + n, {s} + n * {each} / {lot_size}, {e} + n, 'urn:uuid:' || gen_random_uuid(),
    sha256(('e' || {e} + n)::bytea), sha256(('h' || {e} + n)::bytea),
    timestamptz '2026-01-05' + interval '{hours} hours', '{step}', '{action}', 'actor', '{party}', {consignee}, {lot},
    {expiry}, false, false,
    (SELECT string_agg(substr(sha256((n || 'c' || k)::bytea), 1, 20), ''::bytea) FROM generate_series(1, {named}) AS k),
    (SELECT string_agg('i'::bytea || sha256((n || 'l' || k)::bytea), ''::bytea) FROM generate_series(1, {named}) AS k)
FROM generate_series(0, {count} - 1) AS n"""
_ITEMS = """INSERT INTO traceability_item (id, epc, begun_id, head, content_size, content_root, sequence, status,
    possessor, owner, begun_by_others, last_time)
SELECT {i} + n, {epc}, {begun}, sha256(('i' || {i} + n)::bytea), {size},
    CASE WHEN {size} > 0 THEN sha256(n::text::bytea) END, {sequence}, 'held', '{party}', '{party}', false,
    timestamptz '2026-01-06' FROM generate_series(0, {count} - 1) AS n"""
_PACKINGS = """INSERT INTO traceability_containment (item_id, sequence, parent_id, event_id)
SELECT {i} + n, 2, {parents} + n / {each}, {e} + n / {each} FROM generate_series(0, {count} - 1) AS n"""
_MOVES = """INSERT INTO traceability_move (item_id, sequence, event_id, before)
SELECT {i} + n, {sequence}, {e} + n, '{{}}' FROM generate_series(0, {count} - 1) AS n"""
_SUBMISSIONS = """WITH entries AS (
    INSERT INTO ledger_entry (index, accepted_at, entry)
    SELECT (SELECT coalesce(max(index), -1) FROM ledger_entry) + 1 + n, now(), sha256(('s' || {s} + n)::bytea)
    FROM generate_series(0, {count} - 1) AS n RETURNING number, entry
)
INSERT INTO traceability_submission (id, submission, submitter, payload_sha256, statement, kid, document, header,
    items_secret, fields_secret, entry_salt, offline, event_leaves, warnings, entry_id, promise, rules, accepted)
SELECT {s} - 1 + row_number() OVER (ORDER BY number), gen_random_uuid(), submitter, payload_sha256, statement, kid,
    document, header, items_secret, fields_secret, entry_salt, false, event_leaves, warnings, number, promise, rules,
    accepted
FROM entries, (SELECT * FROM traceability_submission ORDER BY id LIMIT 1) AS pattern"""


def fill(world: World, lo: int, hi: int) -> None:
    """As if so many units had been made, packed 10 a case and 100 cases a pallet, shipped to the pharmacy, received."""
    for per_event, gtin in GTINS.items():
        _fill(world, gtin, per_event, lo // 2, (hi - lo) // 2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_entry SET index = number + 10000000 WHERE index IS NULL")
        cursor.execute("UPDATE ledger_log SET size = 20000000, signed = 20000000, published = 20000000")
        cursor.execute(
            "INSERT INTO ledger_log (id, origin, size, root, signed, published, witnessed)"
            " VALUES (1, 'localhost/log', 20000000, sha256(''), 20000000, 20000000, false) ON CONFLICT DO NOTHING"
        )
        cursor.execute("VACUUM ANALYZE")


def _fill(world: World, gtin: str, per_event: int, lo: int, units: int) -> None:
    maker, pharmacy = world.maker.gln, world.pharmacy.gln
    cases, pallets = units // 10, units // 1000
    e, i, s = (_next(table) for table in ("event", "item", "submission"))
    commissioned, packed = units // per_event, cases
    case_items, pallet_items = i + units, i + units + cases
    pack, stack = e + commissioned, e + commissioned + packed
    ship, receive = stack + pallets, stack + 2 * pallets
    epc = "'https://id.gs1.org/{}' || {}"
    run(_SUBMISSIONS, s=s, count=units // LOT_SIZE + 1)
    told = {"s": s, "lot_size": LOT_SIZE, "lot": "NULL", "expiry": "NULL", "consignee": "NULL"}
    making = {"step": "commissioning", "action": "ADD", "party": maker, "hours": 1, "lot": f"'{LOT}'",
              "expiry": f"'{EXPIRY}'"}  # fmt: skip
    packing = {"step": "packing", "action": "ADD", "party": maker}
    shipping = {"step": "shipping", "action": "OBSERVE", "party": maker, "hours": 4, "consignee": f"'{pharmacy}'"}
    receiving = {"step": "receiving", "action": "OBSERVE", "party": pharmacy, "hours": 5}
    run(_EVENTS, **told | making | {"e": e, "count": commissioned, "each": per_event, "named": per_event})
    run(_EVENTS, **told | packing | {"e": pack, "count": packed, "each": 10, "named": 11, "hours": 2})
    run(_EVENTS, **told | packing | {"e": stack, "count": pallets, "each": 1000, "named": 101, "hours": 3})
    run(_EVENTS, **told | shipping | {"e": ship, "count": pallets, "each": 1000, "named": 1})
    run(_EVENTS, **told | receiving | {"e": receive, "count": pallets, "each": 1000, "named": 1})
    run(_ITEMS, i=i, epc=epc.format(f"01/{gtin}/21/B", f"({lo} + n)"), begun=f"{e} + n / {per_event}", size="NULL::int",
        sequence=2, party=maker, count=units)  # fmt: skip
    run(_ITEMS, i=case_items, epc=epc.format(f"01/5{gtin[1:]}/21/C", f"({lo} + n)"), begun=f"{pack} + n", size="10",
        sequence=2, party=maker, count=cases)  # fmt: skip
    run(_ITEMS, i=pallet_items, epc=epc.format(f"00/{gtin}", f"({lo} + n)"), begun=f"{stack} + n", size="100",
        sequence=3, party=pharmacy, count=pallets)  # fmt: skip
    run(_PACKINGS, i=i, parents=case_items, e=pack, each=10, count=units)
    run(_PACKINGS, i=case_items, parents=pallet_items, e=stack, each=100, count=cases)
    run(_MOVES, i=pallet_items, e=ship, sequence=2, count=pallets)
    run(_MOVES, i=pallet_items, e=receive, sequence=3, count=pallets)
    for table in ("event", "item", "submission"):
        run(
            "SELECT setval(pg_get_serial_sequence('traceability_{table}', 'id'), {last})",
            table=table,
            last=_next(table),
        )


def _next(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) + 1 FROM traceability_{table}")
        return int(cursor.fetchone()[0])


def run(sql: str, **values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(**values))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
