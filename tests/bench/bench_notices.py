"""Notices to webhooks, from the transaction that tells them until the last was taken: how many a second.

    python -m tests.bench.bench_notices [NOTICES]

To 20 parties with a webhook each, at addresses of their own, and then all to one; the receiver, a process of its own,
checks each signature.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from tests.bench.stage import Measure, build, clock  # Django is set up from here on

from django.conf import settings  # isort: skip

from partners.models import Partner, Role
from tests.chaos.node import free_port
from tests.receiver import Receiver
from tests.world import World, gln
from traceability import delivering, notices, subscriptions
from traceability.admitting import admit
from traceability.models import Delivery, Subscription
from traceability.notice_kinds import State, Telling

PARTIES = 20


def main(count: int) -> None:
    world = build()
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    parties = [gln(1000 + number) for number in range(PARTIES)]
    for party in parties:
        admit(party, name=f"Party {party}", role=Role.DISPENSER, now=world.passes())
    for name, some in (("20 addresses", parties), ("one address", parties[:1])):
        print(json.dumps(fanned_out(world, name, some, count).as_json()), flush=True)


def fanned_out(world: World, name: str, parties: Sequence[str], count: int) -> Measure:
    Subscription.objects.all().delete()
    tellings = [
        Telling(parties[number % len(parties)], "alarm.two_places", f"{name}/{number}", {"alarm": number})
        for number in range(count)
    ]
    port = free_port()
    subscribed = [
        subscriptions.subscribe(Partner.objects.get(gln=party), f"http://127.0.0.{n}:{port}/{party}", now=world.now)
        for n, party in enumerate(parties, 1)
    ]
    with receiving(port, {f"/{row.party}": secret for row, secret in subscribed}) as taken:

        def whole() -> None:
            notices.tell(tellings, now=world.now)
            delivering.deliver()
            while Delivery.objects.exclude(state=State.SENT).exists():
                delivering.deliver()

        took = clock(whole)
    assert taken.value == count
    return Measure(f"{count:,} notices to {name}", count / took, "notices/s", 200, None, True)


@contextmanager
def receiving(port: int, secrets: dict[str, str]) -> Iterator[Any]:
    """A receiver in a process of its own; how many different messages it has taken."""
    processes = get_context("spawn")
    taken, ready, done = processes.Value("i", 0), processes.Event(), processes.Event()
    process = processes.Process(target=receive, args=(port, secrets, taken, ready, done))
    process.start()
    ready.wait()
    try:
        yield taken
    finally:
        done.set()
        process.join()


def receive(port: int, secrets: dict[str, str], taken: Any, ready: Any, done: Any) -> None:
    with Receiver(port=port, host="", secrets=secrets) as receiver:
        ready.set()
        while not done.wait(0.05):
            taken.value = len(set(receiver.ids))
        taken.value = len(set(receiver.ids))
        assert not receiver.refused


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
