"""What partners hand in while things go wrong, what they were answered, and what has to hold of it afterwards.

with journal.under_load():       partners hand in, and hand in again what was not answered
    journal.waits_for_more()     ... until so many more were acknowledged
    journal.looks()              what anybody may see of the log now
journal.demand_nothing_lost()
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event as Bell

from ledger import keys, log, tasks
from ledger.models import Checkpoint, Entry
from ledger.tlog import checkpoint as tlog
from ledger.tlog import merkle
from ledger.tlog.note import Note
from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from tests.chaos.node import wait_for
from tests.chaos.partner import Partners
from tests.signing import Signed, sign_over
from tests.world import World, document, unit
from traceability.models import Event, Submission
from traceability.rebuild import rebuild
from traceability.statements import unb64

PARTIES = 4  # that hand in at the same time
PAUSE = 0.05  # seconds until what was not answered is handed in again


def published() -> dict[int, str]:
    """The note of every checkpoint that was published, by size."""
    return dict(Checkpoint.objects.exclude(published_at=None).values_list("size", "note"))


def demand_one_log(*earlier: dict[int, str]) -> None:
    """Every checkpoint that anybody has seen is in the log as it was, and begins the log as it is now."""
    now = published()
    for seen in earlier:
        assert seen.items() <= now.items()
    entries = list(Entry.objects.exclude(index=None).order_by("index").values_list("index", "entry"))
    assert [index for index, _ in entries] == list(range(len(entries)))
    heads = [tlog.Checkpoint.parse(Note.parse(note).text) for _, note in sorted(now.items())]
    last = heads[-1]
    assert (last.size, last.root) == (len(entries), merkle.root_of([merkle.leaf_hash(bytes(e)) for _, e in entries]))
    for head in heads:
        proof = log.consistency(head.size, last.size)
        merkle.check_consistency(head.size, head.root, last.size, last.root, proof)


def demand_once(signed: Signed) -> Submission:
    """It is there, with its one event and its one entry; and the log proves it."""
    submission = Submission.objects.select_related("entry").get(submission=signed.submission)
    assert Event.objects.filter(submission=submission).count() == 1
    receipt = Proof.parse(log.receipt(bytes(submission.entry.entry)))
    receipt.check(bytes(submission.entry.entry), Policy.parse(f"log {keys.log_signer().verifier}\nquorum none\n"))
    assert receipt.index == Entry.objects.get(entry=submission.entry.entry).index
    return submission


class Journal:
    """Of every submission that was acknowledged, the promise; of the log, what it was whenever somebody looked."""

    def __init__(self, world: World, partners: Partners) -> None:
        self.world, self.partners = world, partners
        self.kept: list[tuple[Signed, str]] = []
        self.seen: list[dict[int, str]] = [published()]
        self.not_answered: Counter[tuple[int, str]] = Counter()  # status and code
        self._over = Bell()

    @contextmanager
    def under_load(self) -> Iterator[None]:
        with ThreadPoolExecutor(PARTIES) as threads:
            working = [threads.submit(self._hand_in, number) for number in range(PARTIES)]
            try:
                yield
            finally:
                self._over.set()
            for work in working:
                work.result()

    def _hand_in(self, party: int) -> None:
        for nth in count():
            if self._over.is_set():
                return
            event = self.world.maker.commissioning(unit(f"P{party}N{nth}"))
            signed = sign_over(self.world.maker, document(event), {})
            while (answer := self.partners.hands_in(self.world.maker, signed)).status not in (200, 201):
                assert answer.status in (0, 503), answer
                self.not_answered[answer.status, answer.code] += 1
                time.sleep(PAUSE)
            self.kept.append((signed, answer.promise))

    def waits_for_more(self, some: int = 1) -> None:
        enough = len(self.kept) + some
        wait_for(f"{enough} answers", lambda: len(self.kept) >= enough)

    def looks(self) -> None:
        self.seen.append(published())

    def demand_nothing_lost(self) -> None:
        """What was acknowledged is there once, by its promise, and proven; nothing else is; and it is the same log.

        Nothing runs any more: what the last to run had begun, the next one would end.
        """
        tasks.sweep()
        assert Submission.objects.count() == len(self.kept)
        for signed, promise in self.kept:
            assert bytes(demand_once(signed).promise) == unb64(promise)
        assert rebuild() == []
        demand_one_log(*self.seen)
        assert log.frozen() is None
