"""What parties are told: with what came to be or not at all, in order, with clocks, and to nobody else."""

from datetime import timedelta

import pytest
from django.db import transaction

from tests.traceability.test_alarms import pack, verifies  # noqa: F401 - a fixture
from tests.world import Party, World
from traceability import alarms, notices, placing
from traceability.models import Alarm, Delivery, Notice, Subscription
from traceability.notice_kinds import KINDS, Telling

DAY = timedelta(days=1)


def tells(world: World, to: Party, about: str, due: timedelta | None = None, kind: str = "alarm.two_places") -> Notice:
    telling = Telling(to.gln, kind, about, {"alarm": 1}, None if due is None else world.now + due)
    notices.tell([telling], now=world.now)
    return Notice.objects.get(party=to.gln, about=about, kind=kind)


def told(world: World, to: Party) -> list[str]:
    placing.place(now=world.now)
    found, more = notices.notices_of(to.partner)
    assert not more
    assert [each.position for each in found] == list(range(1, len(found) + 1))
    return [each.kind for each in found]


# ---- telling --------------------------------------------------------------------------------------------------------


def test_what_is_told_stands_or_falls_with_what_came_to_be(world: World) -> None:
    with transaction.atomic():
        tells(world, world.maker, "alarm/1")
        transaction.set_rollback(True)
    assert told(world, world.maker) == []


def test_it_is_told_once(world: World) -> None:
    first = tells(world, world.maker, "alarm/1")
    assert tells(world, world.maker, "alarm/1").notice == first.notice
    tells(world, world.maker, "alarm/1", kind="alarm.after_end")
    tells(world, world.pharmacy, "alarm/1")
    assert told(world, world.maker) == ["alarm.two_places", "alarm.after_end"]
    assert told(world, world.pharmacy) == ["alarm.two_places"]


def test_a_kind_that_nobody_has_written_down_is_told_to_nobody(world: World) -> None:
    with pytest.raises(ValueError, match="no kind"):
        Telling(world.maker.gln, "made.up", "x/1")


def test_positions_go_on_and_pages_are_read_from_one(world: World) -> None:
    notices.tell([Telling(world.maker.gln, "alarm.two_places", f"alarm/{n}") for n in range(130)], now=world.now)
    placing.place(now=world.now)
    first, more = notices.notices_of(world.maker.partner)
    assert (len(first), more) == (100, True)
    rest, more = notices.notices_of(world.maker.partner, first[-1].position or 0)
    assert ([each.position for each in rest], more) == (list(range(101, 131)), False)
    tells(world, world.maker, "alarm/200")
    placing.place(now=world.now)
    assert notices.notices_of(world.maker.partner, 130)[0][0].position == 131
    latest, before = notices.latest_of(world.maker.partner)
    assert (latest[0].position, latest[-1].position, before) == (131, 32, 32)
    assert notices.latest_of(world.maker.partner, before)[0][0].position == 31


def test_what_was_seen_is_counted_no_more(world: World) -> None:
    for n in range(3):
        tells(world, world.maker, f"alarm/{n}")
    tells(world, world.pharmacy, "alarm/0")
    assert notices.unseen(world.maker.partner) == 0, "a position comes first"
    placing.place(now=world.now)
    assert notices.see(world.maker.partner, 2, now=world.now) == 2
    assert notices.see(world.maker.partner, 2, now=world.now) == 0
    assert (notices.unseen(world.maker.partner), notices.unseen(world.pharmacy.partner)) == (1, 1)


@pytest.mark.parametrize("count", [1, 300])
def test_a_few_statements_whatever_is_told(world: World, count: int, django_assert_max_num_queries: object) -> None:
    addresses = [
        Subscription(subscription=f"00000000-0000-4000-8000-00000000000{n}", party=world.maker.gln, channel="webhook",
                     address=f"https://a.example/{n}", duty="desk", created=world.now)
        for n in range(3)
    ]  # fmt: skip
    Subscription.objects.bulk_create(addresses)
    tellings = [Telling(world.maker.gln, "alarm.two_places", f"alarm/{n}") for n in range(count)]
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        notices.tell(tellings, now=world.now)
        placing.place(now=world.now)
    assert Delivery.objects.count() == 3 * count


# ---- clocks ---------------------------------------------------------------------------------------------------------


def test_a_clock_reminds_runs_out_and_is_told_of_once_more(world: World) -> None:
    notice = tells(world, world.maker, "alarm/1", due=DAY)
    found, said = [], 1
    for hours in range(72):
        world.now = notice.at + timedelta(hours=hours)
        kinds = told(world, world.maker)
        found += [(hours, kind) for kind in kinds[said:]]
        said = len(kinds)
    assert found == [(12, "clock.reminder"), (24, "clock.ran_out"), (48, "clock.still_open")]
    *_, last = notices.notices_of(world.maker.partner)[0]
    assert last.body == {
        "alarm": 1,
        "of": str(notice.notice),
        "kind": "alarm.two_places",
        "ran_until": (notice.at + DAY).isoformat().replace("+00:00", "Z"),
    }


def test_to_the_second(world: World) -> None:
    notice = tells(world, world.maker, "alarm/1", due=DAY)
    for after, count in ((DAY / 2, 2), (DAY, 3), (2 * DAY, 4)):
        world.now = notice.at + after - timedelta(microseconds=1)
        assert len(told(world, world.maker)) == count - 1
        world.now += timedelta(microseconds=1)
        assert len(told(world, world.maker)) == count


def test_what_a_clock_missed_while_nobody_looked_it_says_once(world: World) -> None:
    notice = tells(world, world.maker, "alarm/1", due=DAY)
    world.now = notice.at + 5 * DAY
    assert told(world, world.maker) == ["alarm.two_places", "clock.still_open"]
    world.now += 5 * DAY
    assert len(told(world, world.maker)) == 2


def test_a_matter_that_is_settled_stops_its_clocks(world: World) -> None:
    first = tells(world, world.maker, "alarm/1", due=DAY)
    for to in (world.distributor, world.pharmacy):
        tells(world, to, "alarm/1", due=DAY)
    tells(world, world.maker, "alarm/2", due=DAY)
    notices.settle("alarm/1", now=world.now, party=world.pharmacy.gln)
    world.now = first.at + DAY
    assert told(world, world.pharmacy) == ["alarm.two_places"]
    assert told(world, world.distributor) == ["alarm.two_places", "clock.ran_out"]
    notices.settle("alarm/1", now=world.now)
    world.now = first.at + 2 * DAY
    assert told(world, world.distributor) == ["alarm.two_places", "clock.ran_out"]
    assert told(world, world.maker) == ["alarm.two_places"] * 2 + ["clock.ran_out"] * 2 + ["clock.still_open"]


def test_a_time_that_is_over_already_is_no_clock(world: World) -> None:
    assert tells(world, world.maker, "alarm/1", due=-DAY).due is None


# ---- who tells ------------------------------------------------------------------------------------------------------


def test_an_alarm_is_told_to_each_whom_it_concerns_by_its_number_alone(world: World, pack: str) -> None:  # noqa: F811
    verifies(world, world.pharmacy)
    verifies(world, world.other_pharmacy)
    alarm = Alarm.objects.get()
    for party in (world.maker, world.distributor, world.pharmacy, world.other_pharmacy):
        assert told(world, party) == ["alarm.two_places"]
        (notice,) = notices.notices_of(party.partner)[0]
        assert notice.body == {"alarm": alarm.pk}
        assert (notice.due is not None) == (party is world.maker), "who may clear it"
    assert told(world, world.stranger) == []
    assert pack not in str(list(Notice.objects.values()))


def test_an_alarm_that_is_cleared_stops_its_clock(world: World, pack: str) -> None:  # noqa: F811
    verifies(world, world.pharmacy)
    verifies(world, world.other_pharmacy)
    world.passes(hours=13)
    assert told(world, world.maker) == ["alarm.two_places", "clock.reminder"]
    alarms.clear(world.maker.partner, Alarm.objects.get().pk, "a test pack", now=world.now)
    world.passes(hours=100)
    assert told(world, world.maker) == ["alarm.two_places", "clock.reminder"]


def test_every_kind_has_a_sentence_and_every_alarm_a_kind() -> None:
    assert all(kind.sentence.endswith(".") for kind in KINDS.values())
    assert {f"alarm.{kind}" for kind in ("two_places", "after_end", "out_of_chain")} <= KINDS.keys()
