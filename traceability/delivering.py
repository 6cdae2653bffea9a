"""Notices leave the node: each is tried until its address takes it, later each time, by whichever process looks.

    waiting ──claim, under a lease──> being sent ──2xx──> sent
       ^                                │    └───> waiting, not before some time; at last failed
       └── its sender gone: lease over ─┘

The database is the queue, as for jobs (`jobs.py`), and its clock the one that counts. What is sent has the notice's id
on every channel and at every attempt: whoever has taken it, and was not heard to, is sent it again and knows it.
Nothing is sent twice knowingly: who sends has a turn, and what came of it is written for that turn alone.

One run sends for the whole node at a time, many at once: addresses take turns, a few messages to each, and one that
does not take them is tried with a single message, more and more seldom, so that it delays nobody else.
"""

import logging
import random
import smtplib
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from queue import Empty, SimpleQueue
from time import monotonic, time
from uuid import UUID

from celery import shared_task
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.db.models import DateTimeField, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils import timezone

from ledger import keys, tasks
from ledger.errors import KeyMissing
from ledger.tasks import Looking
from partners.still import keep_still

from . import placing, standard_webhooks
from .epcis.jcs import encode
from .models import Delivery, Subscription
from .notice_kinds import KINDS, Channel, State, message
from .outbound import NotAnswered, Posting

logger = logging.getLogger(__name__)

AT_ONCE = 64  # messages under way
TO_ONE = 8  # of them to one address
PATIENCE = 10.0  # seconds that a run takes up new ones, before it rings for another
LARGEST = 64 * 1024  # bytes of an answer, which nobody reads
#: Seconds before each further attempt, as Standard Webhooks recommends; a fifth more or less, so that what failed
#: together does not come back together.
RESTS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
FIRST_REST, LONGEST_REST = 5.0, 300.0  # seconds that an address is left alone, doubled with each failure
GONE = 410  # by which an address says that it wants no more
_RUNG = "unitproof:rung-for-deliveries"


@shared_task(name="traceability.delivering.deliver", time_limit=90)
def deliver() -> None:
    """Place what was told, and send what waits."""
    tasks.answer(_RUNG)
    until, run = monotonic() + PATIENCE, uuid.uuid4()
    with Sending() as sending:
        while True:
            if not (is_over := monotonic() > until):
                placing.place(now=timezone.now())
                sending.begin(claim(run, sending.under_way))
            if not sending.under_way:
                break
            write(run, sending.outcomes())
    if is_over:
        ring()


def ring() -> None:
    """Say that there is something to deliver. Raises nothing, and waits no longer than the broker's time-outs."""
    if settings.REDIS_URL:
        tasks.publish(deliver, _RUNG)
    else:
        courier.ring()


courier = Looking("courier", deliver)
tasks.APART.add(deliver.name)


# ---- whose turn it is -----------------------------------------------------------------------------------------------


def _in(seconds: float) -> ExpressionWrapper:
    """A time to come, by the database's clock."""
    later = Now() + Value(timedelta(seconds=seconds), output_field=DurationField())
    return ExpressionWrapper(later, output_field=DateTimeField())


def claim(run: UUID, under_way: Counter[int]) -> list[Delivery]:
    """What this run sends next, with what is under way to each address; nothing while another run is at it."""
    waiting = Delivery.objects.filter(state=State.WAITING, until__lte=Now())
    if sum(under_way.values()) > AT_ONCE // 2 or not waiting.exists():  # asked every few seconds, by everybody
        return []
    with transaction.atomic():
        keep_still("deliveries", exclusive=True)
        if Delivery.objects.filter(turn__isnull=False, until__gt=Now()).exclude(turn=run).exists():
            return []
        rooms = _rooms(waiting, under_way)
        found = _first_of_each(rooms)
        mine = Delivery.objects.filter(pk__in=found)
        mine.update(turn=run, until=_in(settings.NOTICE_LEASE_SECONDS), attempts=F("attempts") + 1, tried=Now())
        Subscription.objects.filter(pk__in=rooms).update(served=Now())
        return list(mine.select_related("notice", "subscription"))


def _rooms(waiting: QuerySet[Delivery], under_way: Counter[int]) -> dict[int, int]:
    """How many messages may be begun to each address; those come first whose last turn is longest ago."""
    full = [number for number, count in under_way.items() if count >= TO_ONE]
    awake = Subscription.objects.filter(Q(rests__isnull=True) | Q(rests__lte=Now()), paused__isnull=True)
    due = awake.filter(Exists(waiting.filter(subscription=OuterRef("pk")))).exclude(pk__in=full)
    in_turn = due.order_by(F("served").asc(nulls_first=True), "pk").values_list("pk", "failures")
    rooms, left = dict[int, int](), AT_ONCE - sum(under_way.values())
    for number, failures in in_turn[:AT_ONCE]:
        room = min((1 if failures else TO_ONE) - under_way[number], left)
        if room > 0:
            rooms[number], left = room, left - room
    return rooms


def _first_of_each(rooms: dict[int, int]) -> list[int]:
    """The deliveries that are due first, so many to each address: one statement, by the index of what is to do."""
    if not rooms:
        return []
    one = (
        f"SELECT id FROM (SELECT id FROM {Delivery._meta.db_table} WHERE subscription_id = %s AND state = 'waiting' "  # noqa: S608
        "AND until <= {now} ORDER BY until, id LIMIT %s) AS due"
    )
    now = "STATEMENT_TIMESTAMP()" if connection.vendor == "postgresql" else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join([one.format(now=now)] * len(rooms)), [n for each in rooms.items() for n in each]
        )
        return [number for (number,) in cursor.fetchall()]


# ---- what comes of it -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt."""

    delivery: Delivery
    status: int | None = None  # of HTTP; None: no answer, or no HTTP
    failure: str = ""

    @property
    def is_sent(self) -> bool:
        return not self.failure


def write(run: UUID, outcomes: Sequence[Outcome]) -> None:
    """For whose turn it still is: of what was replayed or taken up by another meanwhile, nothing. A statement for all
    that came to the same."""
    alike: dict[tuple[int | None, str, int], list[int]] = {}
    for each in outcomes:
        attempts = 0 if each.is_sent else each.delivery.attempts
        alike.setdefault((each.status, each.failure, attempts), []).append(each.delivery.pk)
    with transaction.atomic():
        for (status, failure, attempts), numbers in sorted(alike.items(), key=str):
            mine = Delivery.objects.filter(pk__in=numbers, turn=run)
            mine.update(turn=None, status=status, failure=failure, **_next(failure, attempts))
        _remember(outcomes)


def _next(failure: str, attempts: int) -> dict[str, object]:
    if not failure:
        return {"state": State.SENT, "until": None}
    if attempts > len(RESTS):
        return {"state": State.FAILED, "until": None}
    return {"until": _in(_jittered(RESTS[attempts - 1]))}


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


def _remember(outcomes: Iterable[Outcome]) -> None:
    """Which addresses take nothing, to leave them alone for a while, and which want nothing more."""
    by_address: dict[int, list[Outcome]] = {}
    for each in outcomes:
        by_address.setdefault(each.delivery.subscription_id, []).append(each)
    well = [number for number, found in by_address.items() if any(each.is_sent for each in found)]
    Subscription.objects.filter(pk__in=well, failures__gt=0).update(failures=0, rests=None)
    for number in sorted(by_address.keys() - set(well)):
        last = by_address[number][-1]
        rest = min(FIRST_REST * 2 ** min(last.delivery.subscription.failures, 10), LONGEST_REST)
        rows = Subscription.objects.filter(pk=number)
        rows.update(failures=F("failures") + 1, rests=_in(_jittered(rest)))
        logger.info("a subscription of %s takes no notices: %s", last.delivery.subscription.party, last.failure)
        if any(each.status == GONE for each in by_address[number]):
            rows.filter(paused__isnull=True).update(paused=Now(), paused_because="gone")


# ---- sending --------------------------------------------------------------------------------------------------------


class Sending:
    """What is under way. The database is used by whoever calls, the network by threads of its own."""

    def __init__(self) -> None:
        allowed = [ip_network(each) for each in settings.WEBHOOK_ALLOWED_NETWORKS]
        within = settings.WEBHOOK_TIMEOUT_SECONDS
        self.under_way = Counter[int]()  # by address
        self._posting = Posting(within=within, largest=LARGEST, connections=TO_ONE, allowed=allowed)
        self._mailing = ThreadPoolExecutor(max_workers=TO_ONE, thread_name_prefix="mailing")
        self._came = SimpleQueue[Outcome]()

    def __enter__(self) -> "Sending":
        return self

    def __exit__(self, *_: object) -> None:
        self._mailing.shutdown()
        self._posting.__exit__()

    def begin(self, deliveries: Iterable[Delivery]) -> None:
        for each in deliveries:
            self.under_way[each.subscription_id] += 1
            try:
                sent: Future[int] | Future[None] = self._sent(each)
            except (KeyMissing, InvalidToken):
                self._came.put(Outcome(each, failure="its secret cannot be opened"))
            else:
                sent.add_done_callback(lambda done, each=each: self._came.put(_outcome(each, done)))  # type: ignore[misc]

    def outcomes(self) -> list[Outcome]:
        """Wait for one, and take what else is there."""
        found = [self._came.get()]
        try:
            while True:
                found.append(self._came.get(timeout=0.005))
        except Empty:
            pass
        self.under_way -= Counter(each.delivery.subscription_id for each in found)
        return found

    def _sent(self, delivery: Delivery) -> "Future[int] | Future[None]":
        if delivery.subscription.channel == Channel.MAIL:
            return self._mailing.submit(_mail, delivery)
        body = encode(message(delivery.notice))
        signed = standard_webhooks.headers(
            _secrets(delivery.subscription), f"msg_{delivery.notice.notice.hex}", int(time()), body
        )
        said = {"Content-Type": "application/json", "User-Agent": "Unitproof", **signed}
        return self._posting.post(delivery.subscription.address, said, body)


def _secrets(to: Subscription) -> list[str]:
    sealing, sealed = keys.custody(), [to.secret]
    if to.old_until is not None and to.old_until > timezone.now():
        sealed.append(to.old_secret)
    return [sealing.decrypt(bytes(each)).decode() for each in sealed if each is not None]


def _outcome(delivery: Delivery, done: "Future[int] | Future[None]") -> Outcome:
    error = done.exception()
    if error is None:
        status = done.result()
        return Outcome(delivery, status, "" if status is None or 200 <= status < 300 else f"status {status}")
    if not isinstance(error, (NotAnswered, smtplib.SMTPException, OSError)):
        logger.error("a notice could not be sent", exc_info=error)
    return Outcome(delivery, failure=error.detail if isinstance(error, NotAnswered) else type(error).__name__)


def _mail(delivery: Delivery) -> None:
    """A sentence, and where to look: nothing of what it is about travels by mail."""
    notice, host = delivery.notice, settings.LOG_ORIGIN.partition("/")[0]
    about = KINDS[notice.kind]
    lines = [about.sentence, "", f"Notice {notice.position} of {notice.party}, {notice.at:%Y-%m-%d %H:%M} UTC."]
    if due := notice.due or _ran_until(notice.body):
        lines.append(f"Time until {due:%Y-%m-%d %H:%M} UTC.")
    lines += ["", f"Sign in at {host}, and look at Notices."]
    names = {"Message-ID": f"<{notice.notice.hex}.{delivery.subscription.subscription.hex}@{host.partition(':')[0]}>"}
    mail = EmailMessage(
        f"[{host}] {about.sentence}",
        "\n".join(lines),
        to=[delivery.subscription.address],
        headers=names | {"Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    mail.send()


def _ran_until(body: dict[str, object]) -> datetime | None:
    said = body.get("ran_until")
    return datetime.fromisoformat(said) if isinstance(said, str) else None
