"""`kill -9` of whatever runs, thirty times, at moments that nobody chose, while partners hand in."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.models import Entry
from tests.chaos.journal import Journal
from tests.chaos.node import Node, Process, wait_for
from tests.chaos.partner import Partners
from tests.chaos.warm import WarmNode
from tests.world import World

#: What is killed, and how often: all of gunicorn, one of its processes, one that integrates the log.
VICTIMS = {"server": 5, "process": 7, "sequencer": 18}
LONGEST = 0.3  # seconds from one start to the next kill


@pytest.fixture
def node(world: World, tmp_path: Path) -> Iterator[Node]:
    found = WarmNode(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def chance() -> random.Random:
    """The same kills in the same order as in a run that printed its seed: UNITPROOF_SEED."""
    seed = os.environ.get("UNITPROOF_SEED") or str(random.SystemRandom().randrange(10**6))
    print(f"UNITPROOF_SEED={seed}")
    return random.Random(seed)


def test_i2_i4_nothing_acknowledged_is_lost_by_thirty_kills_at_random_under_load(
    world: World, node: Node, partners: Partners, chance: random.Random
) -> None:
    """Partners hand in, and hand in again what nobody answered, while processes die and others take their place."""
    journal = Journal(world, partners)
    server, sequencer = node.processes[0], node.sequence()
    victims = [victim for victim, times in VICTIMS.items() for _ in range(times)]
    chance.shuffle(victims)
    with journal.under_load():
        for victim in victims:
            if victim != "sequencer":
                journal.waits_for_more()  # it answers again
            time.sleep(chance.uniform(0, LONGEST))
            match victim:
                case "server":
                    server.kill()
                    journal.looks()
                    server = node.serve()
                case "process":
                    kill_one_of(server, chance)
                case "sequencer":
                    sequencer.kill()
                    sequencer = node.sequence()
        journal.looks()
        journal.waits_for_more(10)
    wait_for("the log", lambda: not Entry.objects.filter(index=None).exists())
    node.stop()
    journal.demand_nothing_lost()


def kill_one_of(server: Process, chance: random.Random) -> None:
    """One of gunicorn's processes: it forks another in its place."""
    running: list[int] = []

    def there() -> bool:
        running[:] = server.children
        return bool(running)

    wait_for("gunicorn's processes", there)
    os.kill(chance.choice(running), signal.SIGKILL)
