"""The node's clock is set back by hours, or was a day ahead: the order is that of numbers, and all goes on."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as node_settings

from ledger import anchoring, cosigning, health, keys, log
from ledger.models import Anchor, Entry
from partners.access import Purpose, record
from tests.chaos.journal import demand_once, demand_one_log, published
from tests.ledger.tsa import Authority, openssl
from tests.ledger.witnesses import Running
from tests.signing import Signed, sign, sign_over
from tests.world import World, document, unit
from traceability import accesses, capture, statements
from traceability.audit import audit, audit_if_due, begin
from traceability.errors import NotSigned
from traceability.models import AccessInterval, Audit
from traceability.rebuild import rebuild

#: By how many hours the clock is moved, one after the other; none of what happened was at the time that it says.
JUMPS = (0, -5, 24, -24, -1, 6, -48, 48)
BACK, DAY = timedelta(hours=-5), timedelta(days=1)
INTERVAL = timedelta(seconds=node_settings.ACCESS_INTERVAL_SECONDS)


def takes(signed: Signed, *, at: datetime) -> capture.Accepted:
    return capture.capture(signed.received, signed.opening, signed.statement, now=at)


def publishes(*, at: datetime) -> bool:
    """A round of the log, as `tasks.sweep` has it; whether the witness cosigned."""
    log.integrate(now=at, signer=keys.log_signer())
    return cosigning.carry(now=at)


def test_i2_i4_the_order_is_that_of_numbers_however_the_clock_jumps(world: World, witness: Running) -> None:
    handed_in, seen = list[Signed](), [published()]
    for nth, hours in enumerate(JUMPS):
        world.passes(hours=hours)
        pack = world.maker.commissions(serial=f"J{nth}")
        handed_in.append(sign(world.maker, document(world.maker.shipping(pack, world.pharmacy))))
        takes(handed_in[-1], at=world.now)
        assert publishes(at=world.now)
        seen.append(published())
        world.passes(hours=-hours / 2)  # between a capture and the round that takes it in, too
        world.pharmacy.receives(pack, sender=world.maker)
        assert publishes(at=world.now)
    in_order = Entry.objects.order_by("number").values_list("index", flat=True)
    assert list(in_order) == list(range(len(in_order)))
    submissions = [demand_once(each) for each in handed_in]
    assert submissions == sorted(submissions, key=lambda each: each.entry_id)
    assert submissions != sorted(submissions, key=lambda each: each.accepted)
    assert rebuild() == []
    demand_one_log(*seen)
    assert log.frozen() is None


def test_a_key_counts_from_one_place_in_the_log_to_another_whatever_the_clock_says(world: World) -> None:
    old = world.maker.key
    world.passes(hours=-5)
    world.renews_its_key(world.maker)  # before the time at which the old key was registered
    new = world.maker.key
    for hours in (-5, 24, 5):
        world.passes(hours=hours)
        world.maker.commissions(serial=f"K{hours}")
        world.maker.key = old
        with pytest.raises(NotSigned) as refused:
            world.maker.commissions(serial=f"O{hours}")
        assert refused.value.code == "key_revoked"
        world.maker.key = new


def test_what_lies_more_than_a_day_ahead_of_a_wrong_clock_is_refused_and_later_taken(world: World) -> None:
    signed = sign_over(world.maker, document(world.maker.commissioning(unit("A1"))), {})
    takes(signed, at=world.now + BACK)
    signed = sign_over(world.maker, document(world.maker.commissioning(unit("A2"))), {})
    with pytest.raises(NotSigned) as refused:
        takes(signed, at=world.now - DAY - timedelta(minutes=1))
    assert refused.value.code == "statement_in_the_future"
    assert takes(signed, at=world.now).created


def test_a_promise_that_a_wrong_clock_made_is_kept_as_it_is_and_seen_to_be_late(world: World, witness: Running) -> None:
    publishes(at=world.now)
    signed = sign_over(world.maker, document(world.maker.commissioning(unit("A1"))), {})
    promise = bytes(takes(signed, at=world.now + BACK).submission.promise)
    assert statements.open_promise(promise).payload.integrate_by < world.now

    checks = {check.name: check for check in health.checks(now=world.now)}
    assert not checks["integrating"].ok  # and says so to whoever asks, as soon as the clock is right
    assert publishes(at=world.now)
    assert all(check.ok for check in health.checks(now=world.now))
    again = takes(signed, at=world.now + DAY)
    assert (again.created, bytes(again.submission.promise)) == (False, promise)
    demand_once(signed)


def test_a_witness_that_failed_while_the_clock_was_ahead_is_asked_as_soon_as_it_is_right(
    world: World, witness: Running
) -> None:
    assert publishes(at=world.now)
    world.maker.commissions(serial="A1")
    witness.says, witness.status = b"later\n", 500
    for _ in range(3):
        assert not publishes(at=world.now + DAY)
    witness.says = None
    assert publishes(at=world.now)


@pytest.mark.parametrize("ahead", [DAY, 2 * INTERVAL])
def test_access_intervals_go_on_when_a_clock_was_ahead(world: World, ahead: timedelta) -> None:
    for now in (world.now, world.now + ahead, world.now):
        record(world.pharmacy.partner, unit("A1"), "chain", Purpose.VERIFICATION, now=now)
        assert accesses.close_if_due(now=now) is not None
    assert accesses.close_if_due(now=world.now + INTERVAL / 2) is None  # and no more often than they should
    assert accesses.close_if_due(now=world.now - INTERVAL / 2) is None
    first, *later = AccessInterval.objects.order_by("sequence")
    assert [(each.sequence, each.upto - each.after) for each in later] == [(2, 1), (3, 1)]
    assert later[0].after == first.upto


def is_audited(*, at: datetime) -> bool:
    return audit_if_due(now=lambda: at) is not None


def test_audits_go_on_when_a_clock_was_ahead(world: World) -> None:
    log.integrate(now=world.now, signer=keys.log_signer())
    assert all(is_audited(at=now) for now in (world.now, world.now + DAY, world.now + INTERVAL))
    assert not is_audited(at=world.now + 1.5 * INTERVAL)  # and no more often than they should
    assert not is_audited(at=world.now + INTERVAL / 2)
    assert [each.differences for each in Audit.objects.order_by("pk")] == [0, 0, 0]


@openssl
def test_anchoring_goes_on_when_a_clock_was_ahead(world: World, tmp_path: Any, settings: Any) -> None:
    with Authority(tmp_path / "authority").serving() as authority:
        settings.ANCHORS.write_text(authority.line("tsa.example"))
        for nth, ahead in enumerate((0, 24, 0, 0.5, 1)):
            world.maker.commissions(serial=f"A{nth}")
            log.integrate(now=world.now + timedelta(hours=ahead), signer=keys.log_signer())
            anchoring.anchor(now=world.now + timedelta(hours=ahead))
    assert list(Anchor.objects.order_by("pk").values_list("status", flat=True)) == ["anchored"] * 4


def findings(world: World) -> list[Any]:
    return audit(begin(full=True, now=world.now), now=lambda: world.now).findings


def story(world: World, hours: float) -> None:
    """A bit of everything, while the clock is wrong, and once it is right again."""
    for now, serial in ((world.now, "A1"), (world.now + timedelta(hours=hours), "A2"), (world.now, "A3")):
        record(world.pharmacy.partner, unit("A1"), "chain", Purpose.VERIFICATION, now=now)
        accesses.close_if_due(now=now)
        takes(sign_over(world.maker, document(world.maker.commissioning(unit(serial))), {}), at=now)
        assert publishes(at=now)
        world.passes(minutes=10)


@pytest.mark.parametrize("hours", [-0.9, 0.9])
def test_an_audit_finds_nothing_where_a_clock_was_wrong_by_less_than_an_hour(
    world: World, witness: Running, hours: float
) -> None:
    story(world, hours)
    assert findings(world) == []


@pytest.mark.parametrize("hours", [-5, 24])  # more than audit.SKEW
def test_an_audit_names_the_times_that_a_clock_was_wrong_by_hours_and_nothing_else(
    world: World, witness: Running, hours: float
) -> None:
    story(world, hours)
    named = {(each["table"], each["field"]) for each in findings(world)}
    assert named
    assert named <= {("ledger_checkpoint", "created_at"), ("ledger_checkpoint", "published_at")}
