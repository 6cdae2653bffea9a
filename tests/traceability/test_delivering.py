"""Notices get to webhooks and mailboxes: signed, again when nobody took them, to no private address, once a turn."""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from tests.receiver import Receiver
from tests.traceability.test_notices import tells
from tests.world import World
from traceability import delivering, notices, placing, subscriptions
from traceability.models import Delivery, Notice, Subscription
from traceability.notice_kinds import Duty, Telling


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


def subscribes(world: World, receiver: Receiver, path: str = "", **options: Any) -> Subscription:
    row, receiver.secret = subscriptions.subscribe(world.maker.partner, receiver.url + path, now=world.now, **options)
    return row


def again(**changes: Any) -> None:
    """Time passes for deliveries and for those who rest."""
    Delivery.objects.filter(state="waiting").update(until=timezone.now() - timedelta(seconds=1), **changes)
    Subscription.objects.update(rests=None)
    delivering.deliver()


def standing() -> list[tuple[str, int, int | None, str]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "attempts", "status", "failure"))


# ---- webhooks -------------------------------------------------------------------------------------------------------


def test_a_notice_gets_to_a_webhook_as_the_standard_has_it(world: World, receiver: Receiver) -> None:
    subscribes(world, receiver)
    due = timedelta(days=36_500)
    notice = tells(world, world.maker, "alarm/1", due=due)
    tells(world, world.pharmacy, "alarm/1")
    delivering.deliver()
    (came,) = receiver.came
    assert (came.id, came.path, receiver.refused) == (f"msg_{notice.notice.hex}", "/hooks", [])
    assert came.message == {
        "type": "alarm.two_places",
        "timestamp": f"{notice.at:%Y-%m-%dT%H:%M:%S}Z",
        "data": {
            "notice": str(notice.notice),
            "party": world.maker.gln,
            "position": 1,
            "due": (notice.at + due).isoformat().replace("+00:00", "Z"),
            "alarm": 1,
        },
    }
    assert standing() == [("sent", 1, 204, "")]
    delivering.deliver()
    assert len(receiver.came) == 1


def test_what_is_not_taken_is_sent_again_under_the_same_id(world: World, receiver: Receiver) -> None:
    subscribes(world, receiver)
    notice = tells(world, world.maker, "alarm/1")
    receiver.answers = [500, 307, 429]
    delivering.deliver()
    delivering.deliver()
    assert standing() == [("waiting", 1, 500, "status 500")], "not before its time"
    again()
    assert standing() == [("waiting", 2, 307, "status 307")], "a redirect leads nowhere"
    again()
    again()
    assert standing() == [("sent", 4, 204, "")]
    assert receiver.ids == [f"msg_{notice.notice.hex}"]


def test_it_is_tried_later_each_time_and_at_last_no_more(world: World, receiver: Receiver) -> None:
    subscribes(world, receiver)
    tells(world, world.maker, "alarm/1")
    receiver.answers = [500] * 20
    delivering.deliver()
    for attempt, rest in enumerate(delivering.RESTS, 1):
        row = Delivery.objects.get()
        assert row.until is not None
        assert 0.79 * rest - 5 < (row.until - timezone.now()).total_seconds() < 1.21 * rest
        assert row.attempts == attempt
        again()
    assert standing() == [("failed", len(delivering.RESTS) + 1, 500, "status 500")]
    again()
    assert len(receiver.answers) == 20 - len(delivering.RESTS) - 1


def test_rests_are_not_all_alike() -> None:
    found = [delivering._jittered(100) for _ in range(100)]
    assert len(set(found)) > 90
    assert 80 <= min(found) < 90 < 110 < max(found) <= 120


def test_one_that_wants_no_more_is_asked_no_more(world: World, receiver: Receiver) -> None:
    row = subscribes(world, receiver)
    for n in range(3):
        tells(world, world.maker, f"alarm/{n}")
    receiver.answers = [410] * 3
    delivering.deliver()
    again()
    row.refresh_from_db()
    assert (row.paused is not None, row.paused_because) == (True, "gone")
    subscriptions.change(row, kinds=None, paused=False, now=world.now)
    again()
    assert len(receiver.came) == 3


def test_an_address_that_takes_nothing_is_tried_with_one_message_and_delays_no_other(
    world: World, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 4.0
    subscribes(world, receiver)
    with Receiver(pause=8.0) as slow:
        subscriptions.subscribe(world.maker.partner, slow.url, now=world.now)
        for n in range(40):
            tells(world, world.maker, f"alarm/{n}")
        begun = time.monotonic()
        delivering.deliver()
        assert (len(receiver.came), len(set(receiver.ids))) == (40, 40)
        assert max(each.at for each in receiver.came) < begun + settings.WEBHOOK_TIMEOUT_SECONDS, "none waited for it"
        dead = Subscription.objects.get(address=slow.url)
        assert dead.rests is not None
        tried = [each.attempts for each in dead.deliveries.filter(failure="no answer in time")]
        assert tried == [1] * delivering.TO_ONE
        delivering.deliver()
        assert sum(each.attempts for each in dead.deliveries.all()) == len(tried), "it rests"
        again()
        assert sum(each.attempts for each in dead.deliveries.all()) == len(tried) + 1, "one message says how it is"


def test_connections_are_kept(world: World, receiver: Receiver) -> None:
    subscribes(world, receiver)
    for n in range(100):
        tells(world, world.maker, f"alarm/{n}")
    delivering.deliver()
    assert len(receiver.came) == 100
    assert len({each.connection for each in receiver.came}) <= delivering.TO_ONE


def test_a_long_answer_is_not_read_to_its_end_and_its_status_counts(world: World, receiver: Receiver) -> None:
    subscribes(world, receiver)
    receiver.says = bytes(delivering.LARGEST + 1)
    for n in range(3):
        tells(world, world.maker, f"alarm/{n}")
    delivering.deliver()
    assert standing() == [("sent", 1, 200, "")] * 3


# ---- to no private address ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://[::1]/", "https://10.0.0.8/x", "https://169.254.169.254/latest", "https://0.0.0.0/",
     "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/", "https://100.64.0.1/", "https://192.168.1.1:8443/"],
)  # fmt: skip
def test_an_address_that_says_itself_that_it_is_private_is_refused_at_once(
    world: World, settings: Any, url: str
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    with pytest.raises(subscriptions.Refusal) as refused:
        subscriptions.subscribe(world.maker.partner, url, now=world.now)
    assert refused.value.code == "address_not_public"


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
    ids=str,
)
def test_a_name_that_leads_to_a_private_address_is_connected_to_by_nobody(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    """However often it is asked, and whatever it answered before."""
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    with Receiver() as receiver:
        subscriptions.subscribe(world.maker.partner, f"https://rebinding.example:{receiver.port}/", now=world.now)

        async def resolved(_self: Any, _host: str, port: int, **_: Any) -> list[Any]:
            return [(2, 1, 6, "", (each, port)) for each in answers]

        monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolved)
        tells(world, world.maker, "alarm/1")
        delivering.deliver()
        assert standing() == [("waiting", 1, None, "an address that is not public")]
        assert (receiver.came, receiver.refused) == ([], [])


def test_nothing_is_sent_without_tls_but_to_where_that_is_allowed(
    world: World, receiver: Receiver, settings: Any
) -> None:
    subscribes(world, receiver)
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    assert (receiver.came, standing()[0][3]) == ([], "an address that is not public")
    with pytest.raises(subscriptions.DocumentError):
        subscriptions.subscribe(world.maker.partner, "http://a.example/", now=world.now)


# ---- secrets --------------------------------------------------------------------------------------------------------


def test_while_a_secret_is_changed_both_sign(world: World, receiver: Receiver) -> None:
    row = subscribes(world, receiver)
    old = receiver.secret
    new = subscriptions.rotate(row, now=timezone.now())
    assert new != old
    for secret in (old, new):
        receiver.secret = secret
        tells(world, world.maker, f"alarm/{secret}"[:40])
        delivering.deliver()
    assert (len(receiver.came), receiver.refused) == (2, [])
    subscriptions.rotate(row, now=timezone.now() - timedelta(days=1))
    tells(world, world.maker, "alarm/3")
    delivering.deliver()
    assert (len(receiver.came), receiver.refused) == (2, ["no signature of ours"]), "the old one signs no more"


def test_no_secret_is_written_down_or_logged(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row = subscribes(world, receiver, "?key=very-secret")
    receiver.answers = [500]
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    row.refresh_from_db()
    assert receiver.secret.encode() not in bytes(row.secret or b"")
    assert receiver.secret[6:] not in caplog.text
    assert "very-secret" not in caplog.text


# ---- which, and again -----------------------------------------------------------------------------------------------


def test_an_address_is_told_of_the_kinds_that_it_wants(world: World, receiver: Receiver) -> None:
    subscribes(world, receiver, kinds=["alarm.after_end"])
    tells(world, world.maker, "alarm/1")
    tells(world, world.maker, "alarm/2", kind="alarm.after_end")
    delivering.deliver()
    assert [each.message["type"] for each in receiver.came] == ["alarm.after_end"]


def test_a_test_goes_to_the_address_that_is_tested(world: World, receiver: Receiver) -> None:
    row = subscribes(world, receiver, kinds=["alarm.after_end"])
    with Receiver() as other:
        subscriptions.subscribe(world.maker.partner, other.url, now=world.now)
        subscriptions.test(row, now=world.now)
        delivering.deliver()
        assert (other.came, other.refused) == ([], [])
    assert [each.message["type"] for each in receiver.came] == ["test"]


def test_what_is_paused_waits(world: World, receiver: Receiver) -> None:
    row = subscribes(world, receiver)
    subscriptions.change(row, kinds=None, paused=True, now=world.now)
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    assert receiver.came == []
    subscriptions.change(row, kinds=None, paused=False, now=world.now)
    delivering.deliver()
    assert len(receiver.came) == 1


def test_from_a_position_everything_is_sent_again_under_its_id(world: World, receiver: Receiver) -> None:
    told = [tells(world, world.maker, f"alarm/{n}") for n in range(3)]
    placing.place(now=world.now)
    row = subscribes(world, receiver)  # of those before it, it was told nothing
    told += [tells(world, world.maker, f"alarm/{n}") for n in range(3, 5)]
    tells(world, world.pharmacy, "alarm/1")
    delivering.deliver()
    assert len(receiver.came) == 2
    receiver.came.clear()
    assert subscriptions.replay(row, 1, now=timezone.now()) == 4
    delivering.deliver()
    assert sorted(receiver.ids) == sorted(f"msg_{each.notice.hex}" for each in told[1:])
    assert {row[0] for row in standing()} == {"sent"}


# ---- turns ----------------------------------------------------------------------------------------------------------


def test_one_run_sends_at_a_time_and_of_one_that_died_another_goes_on(
    world: World, receiver: Receiver, settings: Any
) -> None:
    subscribes(world, receiver)
    for n in range(3):
        tells(world, world.maker, f"alarm/{n}")
    placing.place(now=world.now)
    died = uuid.uuid4()
    claimed = delivering.claim(died, Counter())
    assert len(claimed) == 3
    delivering.deliver()
    assert receiver.came == []
    Delivery.objects.update(until=timezone.now() - timedelta(seconds=1))  # its lease is over
    delivering.deliver()
    assert len(set(receiver.ids)) == 3
    delivering.write(died, [delivering.Outcome(each, 500, "status 500") for each in claimed])
    assert standing() == [("sent", 2, 204, "")] * 3, "it was not dead, and says nothing any more"


def test_what_is_replayed_while_it_is_sent_is_sent_again(world: World, receiver: Receiver) -> None:
    row = subscribes(world, receiver)
    tells(world, world.maker, "alarm/1")
    placing.place(now=world.now)
    run = uuid.uuid4()
    claimed = delivering.claim(run, Counter())
    subscriptions.replay(row, 0, now=timezone.now())
    delivering.write(run, [delivering.Outcome(each, 204) for each in claimed])
    assert standing()[0][0] == "waiting"


def test_addresses_take_turns(world: World) -> None:
    for n in range(3):
        subscriptions.subscribe(world.maker.partner, f"https://a.example/{n}", now=world.now)
    notices.tell([Telling(world.maker.gln, "alarm.two_places", f"alarm/{n}") for n in range(50)], now=world.now)
    placing.place(now=world.now)
    run, under_way = uuid.uuid4(), Counter[int]()
    for _ in range(3):
        claimed = Counter(each.subscription_id for each in delivering.claim(run, under_way))
        under_way += claimed
        assert set(under_way.values()) == {delivering.TO_ONE}


# ---- mail -----------------------------------------------------------------------------------------------------------


def test_people_are_told_by_mail_and_the_responsible_when_a_clock_has_run_out(world: World) -> None:
    desk = subscriptions.subscribe_mail(world.maker.partner, "desk@maker.example", now=world.now)
    subscriptions.subscribe_mail(world.maker.partner, "head@maker.example", Duty.RESPONSIBLE, now=world.now)
    notice = tells(world, world.maker, "alarm/1", due=timedelta(days=1))
    delivering.deliver()  # long after: the clock has run out
    placing.place(now=world.now)
    delivering.deliver()
    found = {(each.to[0], each.subject.partition("] ")[2]) for each in mail.outbox}
    still = "A matter of yours is still open, long after its time ran out."
    assert found == {
        ("desk@maker.example", "A pack that concerns you was seen in two places."),
        ("desk@maker.example", still),
        ("head@maker.example", still),
    }
    first = next(each for each in mail.outbox if "two places" in each.subject)
    assert f"{notice.at + timedelta(days=1):%Y-%m-%d %H:%M} UTC" in str(first.body)
    assert first.extra_headers["Message-ID"] == f"<{notice.notice.hex}.{desk.subscription.hex}@localhost>"


def test_a_mail_server_that_is_away_is_asked_again(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = 1
    subscriptions.subscribe_mail(world.maker.partner, "desk@maker.example", now=world.now)
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    assert standing() == [("waiting", 1, None, "ConnectionRefusedError")]


def test_where_no_mail_is_sent_nobody_is_promised_any(world: World, settings: Any) -> None:
    settings.MAILS = False
    with pytest.raises(subscriptions.Refusal) as refused:
        subscriptions.subscribe_mail(world.maker.partner, "desk@maker.example", now=world.now)
    assert refused.value.code == "no_mail"


@pytest.mark.parametrize(
    "address", ["", "desk", "a@b@c.example", "a b@c.example", "a@c.example\nBcc: x@y.example", "ä@c.example", "a" * 260]
)
def test_what_is_no_mailbox_is_refused(world: World, address: str) -> None:
    with pytest.raises(subscriptions.DocumentError):
        subscriptions.subscribe_mail(world.maker.partner, address, now=world.now)
    assert not Notice.objects.exists()
