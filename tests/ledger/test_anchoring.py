"""Anchoring: once an interval, off the hot path; whether authorities answer or not, the log goes on."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
from django.db import connection

from ledger import anchoring, log, models, tasks
from ledger.anchor.rfc3161 import certificates, check
from ledger.errors import MalformedAnchors
from ledger.models import Anchor
from ledger.tlog.note import Note
from tests.ledger.conftest import NOW, Ledger
from tests.ledger.test_tasks import eventually
from tests.ledger.tsa import Authority, openssl

HOUR = timedelta(hours=1)
pytestmark = openssl


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Authority]:
    folder = tmp_path_factory.mktemp("authorities")
    return [Authority(folder / name) for name in ("one", "two")]


@pytest.fixture
def two(made: list[Authority], settings: Any) -> Iterator[list[Authority]]:
    one, two = made
    one.away = two.away = None
    one.asked = two.asked = 0
    with one.serving(), two.serving():
        settings.ANCHORS.write_text(one.line("one.example") + two.line("two.example"))
        yield made


def standing() -> dict[str, list[str]]:
    rows = Anchor.objects.order_by("checkpoint_id")
    names = sorted({row.authority for row in rows})
    return {name: [f"{row.checkpoint_id} {row.status}" for row in rows if row.authority == name] for name in names}


def test_the_last_published_checkpoint_is_anchored_by_each_once_an_interval(
    shared_ledger: Ledger, two: list[Authority]
) -> None:
    anchoring.anchor(now=NOW)
    assert standing() == {}  # nothing to anchor yet
    shared_ledger.grows(3)
    shared_ledger.grows(2)
    anchoring.anchor(now=NOW)
    shared_ledger.grows(1)
    for minutes in range(1, 60, 7):
        anchoring.anchor(now=NOW + timedelta(minutes=minutes))
    assert standing() == {"one.example": ["5 anchored"], "two.example": ["5 anchored"]}
    anchoring.anchor(now=NOW + HOUR)
    anchoring.anchor(now=NOW + 5 * HOUR)  # nothing new since
    assert standing() == {name: ["5 anchored", "6 anchored"] for name in ("one.example", "two.example")}
    assert [each.asked for each in two] == [2, 2]


def test_what_is_kept_is_an_authoritys_word_on_the_text_that_is_published(
    shared_ledger: Ledger, two: list[Authority]
) -> None:
    head = shared_ledger.grows(3)
    anchoring.anchor(now=NOW)
    tokens = anchoring.anchors_of(head)
    assert list(tokens) == ["one.example", "two.example"]
    for authority, (name, token) in zip(two, tokens.items(), strict=True):
        seen = check(token, Note.parse(head.note).text.encode(), certificates(authority.certificate))
        assert Anchor.objects.get(authority=name).anchored_at == seen
    first = anchoring.anchored(2)
    assert first == head
    assert anchoring.anchored(4) is None


def test_an_authority_that_is_away_is_asked_again_less_and_less_often(
    shared_ledger: Ledger, two: list[Authority], caplog: pytest.LogCaptureFixture
) -> None:
    two[0].away = 503
    shared_ledger.grows(3)
    with caplog.at_level(logging.WARNING):
        asked: list[int] = []
        for second in range(0, 600, 5):
            before = Anchor.objects.filter(authority="one.example").values_list("attempts", flat=True).first() or 0
            anchoring.anchor(now=NOW + timedelta(seconds=second))
            if Anchor.objects.get(authority="one.example").attempts > before:
                asked.append(second)
    assert asked == [0, 10, 30, 70, 150, 310]
    row = Anchor.objects.get(authority="one.example")
    assert (row.status, row.attempts, row.failure) == (
        "pending",
        6,
        "no answer to a request; expected status 200; found status 503",
    )
    assert "one.example does not anchor checkpoint 3" in caplog.text
    assert standing()["two.example"] == ["3 anchored"]  # the other one's word is had all the same
    two[0].away = None
    anchoring.anchor(now=NOW + timedelta(seconds=630))
    row.refresh_from_db()
    assert (row.status, row.failure, row.token is not None) == ("anchored", "", True)


def test_what_an_outage_left_is_given_up_for_the_newer_checkpoint_that_covers_it(
    shared_ledger: Ledger, two: list[Authority]
) -> None:
    two[0].away = 500
    shared_ledger.grows(3)
    anchoring.anchor(now=NOW)
    anchoring.anchor(now=NOW + 3 * HOUR)  # the log stood still: there is nothing newer
    assert standing()["one.example"] == ["3 pending"]
    shared_ledger.grows(4)
    two[0].away = None
    anchoring.anchor(now=NOW + 4 * HOUR)
    assert standing()["one.example"] == ["3 failed", "7 anchored"]


def nobody_there(authority: Authority, settings: Any) -> None:
    settings.ANCHORS.write_text(authority.line("one.example").replace(authority.url, "http://127.0.0.1:9/"))


def another_key(authority: Authority, settings: Any) -> None:
    other = Authority(authority.folder.parent / f"other{monotonic()}")
    settings.ANCHORS.write_text(authority.line("one.example").replace(authority.certificate, other.certificate))


def no_address(authority: Authority, settings: Any) -> None:
    settings.ANCHORS.write_text(authority.line("one.example").replace(authority.url, "nowhere"))


def slow(authority: Authority, settings: Any) -> None:
    settings.ANCHOR_TIMEOUT_SECONDS = 0.05
    authority.open.clear()


@pytest.mark.parametrize("wrong", [nobody_there, another_key, no_address, slow], ids=lambda each: each.__name__)
def test_an_outage_blocks_nothing(shared_ledger: Ledger, two: list[Authority], settings: Any, wrong: Any) -> None:
    wrong(two[0], settings)
    for count in (3, 4):
        shared_ledger.grows(count)
        anchoring.anchor(now=NOW)
    row = Anchor.objects.get(authority="one.example")
    assert (row.status, row.attempts, row.failure != "") == ("pending", 1, True)
    head = log.latest()
    assert head is not None
    assert head.size == 7


def test_two_at_once_ask_once(shared_ledger: Ledger, two: list[Authority], settings: Any) -> None:
    shared_ledger.grows(3)
    anchors = settings.ANCHORS.read_text()
    settings.ANCHORS.write_text("authority = []")
    anchoring.anchor(now=NOW)
    settings.ANCHORS.write_text(anchors)
    for authority in anchoring.authorities():  # both find it due
        anchoring._ask_for_latest(authority, NOW)
    rows = [list(anchoring._due(authority, NOW)) for authority in anchoring.authorities()]
    for (row,), authority in zip(rows, anchoring.authorities(), strict=True):
        anchoring._try(row, authority, NOW)
        anchoring._try(row, authority, NOW)
    assert [each.asked for each in two] == [1, 1]


def test_two_at_once_ask_once_though_the_log_grows_between_them(
    shared_ledger: Ledger, two: list[Authority], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks second sees what the first asks for, or waits until that is there."""
    shared_ledger.grows(3)
    anchoring.anchor(now=NOW)
    shared_ledger.grows(1)
    asked = Event()

    def grow_and_ask() -> None:
        try:
            shared_ledger.grows(1)
            anchoring.anchor(now=NOW + HOUR)
        finally:
            asked.set()
            connection.close()

    def others_come_between() -> timedelta:
        monkeypatch.undo()
        other.start()
        asked.wait(0.5)
        return HOUR

    other = Thread(target=grow_and_ask)
    monkeypatch.setattr(anchoring, "_interval", others_come_between)
    anchoring.anchor(now=NOW + HOUR)
    other.join()
    assert [len(asked_for) for asked_for in standing().values()] == [2, 2]


def test_publishing_does_not_wait_for_a_slow_authority(
    shared_ledger: Ledger, two: list[Authority], settings: Any
) -> None:
    """In a process of its own, as in production: two threads, one of which waits."""
    settings.REDIS_URL, settings.SWEEP_EVERY_SECONDS, settings.ANCHOR_TIMEOUT_SECONDS = "", 0.02, 60
    settings.CELERY_BEAT_SCHEDULE = {"anchor": {"task": "ledger.tasks.anchor", "schedule": 0.02}}
    two[0].open.clear()
    shared_ledger.grows(1)
    try:
        tasks.sequencer.start()
        eventually(lambda: Anchor.objects.filter(attempts=1).exists())
        shared_ledger.takes(2)
        eventually(lambda: (head := log.latest()) is not None and head.size == 3)
        assert not Anchor.objects.filter(status="anchored").exists()  # it still waits for the first authority
        two[0].open.set()
        eventually(lambda: Anchor.objects.filter(status="anchored").count() == 2)
    finally:
        two[0].open.set()
        tasks.sequencer.stop()


def test_celery_knows_the_task_and_its_schedule() -> None:
    from django.conf import settings

    assert settings.CELERY_BEAT_SCHEDULE["anchor"]["task"] == tasks.anchor.name


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "",
        "[[authority]]\nname = 'x'\n",
        "[[authority]]\nname = 'x'\nurl = 'u'\ncertificate = 'c'\n",
        "[[authority]]\nname = 'x'\nurl = 'u'\ncertificate = 'c'\nmore = 1\n",
    ],
)
def test_a_file_that_does_not_say_whom_to_ask_is_refused(settings: Any, text: str) -> None:
    settings.ANCHORS.write_text(text)
    with pytest.raises(MalformedAnchors):
        anchoring.authorities()


def test_two_of_one_name_are_refused(made: list[Authority], settings: Any) -> None:
    settings.ANCHORS.write_text(made[0].line("same") + made[1].line("same"))
    with pytest.raises(MalformedAnchors, match="two authorities"):
        anchoring.authorities()


def test_without_the_file_nobody_is_asked(shared_ledger: Ledger) -> None:
    shared_ledger.grows(1)
    tasks.anchor()
    assert not models.Anchor.objects.exists()
