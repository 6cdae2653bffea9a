"""Custody thrown away and replayed (I8): what differs is named, and a node that runs beside it loses nothing."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from tests.signing import Signed, sign
from tests.traceability.story import a_pallet, custody, inside_of, item
from tests.world import World, document, unit
from traceability import capture, rebuild
from traceability.dscsa.verification import verify
from traceability.models import ExceptionCase, Item


class InThread(threading.Thread):
    """Does something on a connection of its own."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.act = act
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.act()
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()

    def came_to(self) -> Any:
        self.join(20)
        if self.error is not None:
            raise self.error
        return self.result


def test_a_row_that_somebody_changed_is_named_and_put_right(world: World) -> None:
    load, boxes, _ = a_pallet(world)
    Item.objects.filter(epc=boxes[0]).update(possessor=world.stranger.gln)
    found = rebuild.rebuild(keep=True)
    assert {(each.table, each.what) for each in found} == {("item", "stored"), ("item", "replayed")}
    assert item(boxes[0]).possessor == world.maker.gln
    assert inside_of(boxes[0]) == load
    assert rebuild.rebuild() == []


@pytest.fixture
def shared(transactional_db: None, own_keys_and_authorities: None) -> Iterator[World]:
    world = World()
    yield world
    assert rebuild.rebuild() == []


def captures(world: World, signed: Signed) -> Callable[[], bool]:
    return lambda: capture.capture(signed.received, signed.opening, signed.statement, now=world.now).created


@pytest.mark.servers
@pytest.mark.parametrize("when", ["_set_aside", "_replay", "_compare"])
def test_captures_wait_for_a_rebuild_and_what_only_reads_does_not(
    shared: World, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Items get new keys: who had found them before would move what is no longer there, or begin it again."""
    pack, other = shared.maker.commissions(serial=["A1", "A2"])
    shared.maker.ships(other, to=shared.pharmacy)
    late = shared.maker.observing(other) | {"eventTime": "2026-01-05T00:00:00Z"}
    signed = [
        sign(shared.maker, document(event))
        for event in (shared.maker.dispensing(pack), shared.maker.commissioning(unit("B1")), late)
    ]
    reached, go_on, step = threading.Event(), threading.Event(), getattr(rebuild, when)

    def slowly(*args: Any) -> Any:
        reached.set()
        go_on.wait(20)
        return step(*args)

    monkeypatch.setattr(rebuild, when, slowly)
    rebuilding = InThread(lambda: rebuild.rebuild(keep=True))
    assert reached.wait(20)
    waiting = [InThread(captures(shared, each)) for each in signed]
    for each in waiting:
        each.join(0.5)
    scan = "(01)00614141123452(21)A1"
    answer = InThread(lambda: verify(scan, shared.maker.partner, now=shared.now)).came_to()
    assert (answer.product.serial, all(each.is_alive() for each in waiting)) == ("A1", True)
    go_on.set()
    assert rebuilding.came_to() == []
    assert all(each.came_to() for each in waiting)
    assert custody(pack) == ("dispensed", shared.maker.gln)
    assert custody(unit("B1")) == ("held", shared.maker.gln)
    assert ExceptionCase.objects.get().code == "late"
