"""Proof bundles of a unit among a thousand, on an empty database: their size, and the time they take.

one statement   commissioned, packed in a case, on a pallet, shipped: all told in one document
four hops       received, unpacked, shipped on, received: three statements by two more parties
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.stage import Measure, build, clock  # Django is set up from here on

from django.conf import settings  # isort: skip

from ledger import keys, log
from partners.access import Purpose
from tests.world import Party, World, case, pallet, unit
from traceability import authorities, policy
from traceability.bundle.check import check
from traceability.proving import bundle_for

ROUNDS = 20


def measures() -> Iterator[Measure]:
    world = build()
    units, cases, load = [unit(f"U{n}") for n in range(1000)], [case(f"C{n}") for n in range(100)], pallet(1)
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    maker.tells(
        maker.commissioning(units),
        maker.commissioning(cases),
        *(maker.packing(units[n * 10 : n * 10 + 10], cases[n]) for n in range(100)),
        maker.packing(cases, load),
        maker.shipping(load, distributor),
    )
    yield from proving(world, units[5], maker, "one statement", must=10_000, aim=9_000)
    distributor.receives(load, sender=maker)
    distributor.tells(distributor.unpacking(cases, load), distributor.shipping(cases[0], pharmacy))
    pharmacy.receives(cases[0], sender=distributor)
    yield from proving(world, units[5], pharmacy, "four hops", must=22_000, aim=16_000)


def proving(world: World, epc: str, reader: Party, what: str, *, must: int, aim: int) -> Iterator[Measure]:
    log.integrate(now=world.now, signer=keys.log_signer())
    trusted, partner = trust(world), reader.partner
    bundle = bundle_for(epc, partner, purpose=Purpose.VERIFICATION, now=world.now)
    yield Measure(f"bundle, {what}", len(bundle), "bytes", must=must, aim=aim)
    made = median(
        clock(lambda: bundle_for(epc, partner, purpose=Purpose.VERIFICATION, now=world.now)) for _ in range(ROUNDS)
    )
    yield Measure(f"making the bundle, {what}", made * 1000, "ms")
    checked = median(clock(lambda: check(bundle, trusted)) for _ in range(ROUNDS))
    yield Measure(f"checking the bundle, {what}", checked * 1000, "ms", must=20, aim=5)


def trust(world: World) -> policy.Policy:
    """A policy that believes this node, and no witness."""
    vkey = (Path(settings.KEYS_DIR) / "log.vkey").read_text().strip()
    return policy.Policy(
        f"log {vkey}\nquorum none\n",
        (authorities.Authority(world.authority.gln, world.authority.key.public),),
        (policy.Node(settings.LOG_ORIGIN, keys.node_key().public),),
    )


if __name__ == "__main__":
    for each in measures():
        print(json.dumps(each.as_json()), flush=True)
    sys.exit(0)
