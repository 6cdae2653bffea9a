"""Where a party is told: webhooks of its systems, e-mail addresses of its people.

subscribe ──> secret, shown once ──rotate──> a new one; for a day both sign
pause, resume, test, replay from a position, delete
"""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from partners.models import Partner
from partners.still import keep_still

from . import bulk, custodial, delivering
from .epcis.errors import DocumentError
from .errors import NotFound, Refusal
from .models import Delivery, Notice, Subscription
from .notice_kinds import KINDS, TEST, Channel, Duty, State, Telling
from .outbound import is_public
from .standard_webhooks import new_secret

MOST = 20  # of one party, on each channel
LONGEST = 500  # characters of an address
A_PAGE = 50
A_BATCH = 5000  # of notices that are replayed
BOTH_SIGN = timedelta(days=1)  # the old secret and the new one
ASKED = "asked"
_URL = re.compile(r"https?://[!-~]+").fullmatch

TOLD_OF = tuple(kind for kind in KINDS if kind != TEST)  # what can be subscribed to


# ---- subscribing ----------------------------------------------------------------------------------------------------


def subscribe(party: Partner, url: str, kinds: Sequence[str] = (), *, now: datetime) -> tuple[Subscription, str]:
    """A webhook, and its secret, which is shown this once."""
    secret = new_secret()
    row = _new(party, Channel.WEBHOOK, _an_url(url), kinds, Duty.DESK, now, _sealed(secret))
    return row, secret


def subscribe_mail(
    party: Partner, address: str, duty: Duty = Duty.DESK, kinds: Sequence[str] = (), *, now: datetime
) -> Subscription:
    """An e-mail address, of the desk or of who is responsible."""
    if not settings.MAILS:
        raise Refusal("this node sends no mail: its operator has set no EMAIL_URL", code="no_mail", where="address")
    return _new(party, Channel.MAIL, _a_mailbox(address), kinds, duty, now)


def _new(
    party: Partner,
    channel: Channel,
    address: str,
    kinds: Sequence[str],
    duty: Duty,
    now: datetime,
    secret: bytes | None = None,
) -> Subscription:
    _demand_kinds(kinds)
    with transaction.atomic():
        keep_still("notices", exclusive=True)  # of two at once the second sees the first
        mine = Subscription.objects.filter(party=party.gln, channel=channel)
        if mine.filter(address=address, duty=duty).exists():
            raise Refusal("it is subscribed already", code="already_subscribed", where="address")
        if mine.count() >= MOST:
            found = str(mine.count())
            raise Refusal("no more addresses", code="too_many_subscriptions", expected=f"at most {MOST}", found=found)
        return Subscription.objects.create(
            subscription=uuid.uuid4(),
            party=party.gln,
            channel=channel,
            address=address,
            kinds=list(dict.fromkeys(kinds)),
            duty=duty,
            secret=secret,
            created=now,
        )


def _demand_kinds(kinds: Sequence[str]) -> None:
    for each in kinds:
        if each not in TOLD_OF:
            expected = ", ".join(TOLD_OF)
            raise DocumentError(
                "no such kind of notices", code="bad_value", where="kinds", expected=expected, found=repr(each)[:80]
            )


def _an_url(url: str) -> str:
    """With TLS, and without what would be shown or sent along by mistake. Where it leads is looked at whenever
    something is sent; what says itself that it leads nowhere public is refused at once."""
    allowed = [ip_network(each) for each in settings.WEBHOOK_ALLOWED_NETWORKS]
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        parts, port = urlsplit(""), 0
    plain = parts.hostname and not (parts.username or parts.password or parts.fragment) and port > 0
    if len(url) > LONGEST or not _URL(url) or not plain or (parts.scheme != "https" and not allowed):
        expected = f"https://host/path, at most {LONGEST} characters, without user, password or fragment"
        raise DocumentError("not an address for a webhook", code="bad_value", where="url", expected=expected)
    try:
        ip = ip_address(parts.hostname or "")
    except ValueError:
        return url
    if not is_public(str(ip)) and not any(ip.version == each.version and ip in each for each in allowed):
        raise Refusal("an address that is not public", code="address_not_public", where="url", expected="a public one")
    return url


def _a_mailbox(address: str) -> str:
    try:
        if len(address) > 254 or not address.isascii():
            raise ValidationError("too long")
        validate_email(address)
    except ValidationError:
        expected = "name@host"
        raise DocumentError("not an e-mail address", code="bad_value", where="address", expected=expected) from None
    return address


def _sealed(secret: str) -> bytes:
    return custodial.sealing().encrypt(secret.encode())


# ---- looking after it -----------------------------------------------------------------------------------------------


def own(party: Partner, channel: Channel, subscription: UUID) -> Subscription:
    """One of the party's own; others are not there."""
    found = Subscription.objects.filter(party=party.gln, channel=channel, subscription=subscription).first()
    if found is None:
        raise NotFound("you have no subscription of this id", where="subscription")
    return found


def subscriptions_of(party: Partner, channel: Channel) -> list[Subscription]:
    return list(Subscription.objects.filter(party=party.gln, channel=channel).order_by("pk"))


def change(row: Subscription, *, kinds: Sequence[str] | None, paused: bool | None, now: datetime) -> Subscription:
    """Of which kinds it is told; whether it is paused: what is told meanwhile waits."""
    if kinds is not None:
        _demand_kinds(kinds)
        row.kinds = list(dict.fromkeys(kinds))
    if paused is True and row.paused is None:
        row.paused, row.paused_because = now, ASKED
    if paused is False:
        row.paused, row.paused_because, row.failures, row.rests = None, "", 0, None
    row.save(update_fields=["kinds", "paused", "paused_because", "failures", "rests"])
    if paused is False:
        transaction.on_commit(delivering.ring, robust=True)
    return row


def rotate(row: Subscription, *, now: datetime) -> str:
    """A new secret. The old one signs as well, for a day; one that was older signs no more."""
    secret = new_secret()
    row.old_secret, row.old_until, row.secret = row.secret, now + BOTH_SIGN, _sealed(secret)
    row.save(update_fields=["secret", "old_secret", "old_until"])
    return secret


def delete(row: Subscription) -> None:
    """Nothing is sent there any more. Notices stay."""
    row.delete()


def test(row: Subscription, *, now: datetime) -> Notice:
    """Send it a notice that says that nothing has happened."""
    told = Telling(row.party, TEST, f"test/{uuid.uuid4()}", {"subscription": str(row.subscription)}).row(now)
    with transaction.atomic():
        told.save()
        Delivery.objects.create(notice=told, subscription=row, state=State.WAITING, until=now)
        transaction.on_commit(delivering.ring, robust=True)
    return told


def replay(row: Subscription, after: int, *, now: datetime) -> int:
    """Send again whatever was told after this position, and it is told of: under the same ids. How many."""
    told = Notice.objects.filter(party=row.party, position__gt=after).exclude(kind=TEST)
    if row.kinds:
        told = told.filter(kind__in=row.kinds)
    with transaction.atomic():
        keep_still("deliveries", exclusive=True)
        again = {"state": State.WAITING, "until": now, "attempts": 0, "turn": None}
        count = Delivery.objects.filter(subscription=row, notice__in=told).update(**again)
        new = told.exclude(deliveries__subscription=row)
        while rows := [
            Delivery(notice=each, subscription=row, state=State.WAITING, until=now) for each in new[:A_BATCH]
        ]:
            bulk.insert_new(rows)
            count += len(rows)
        Subscription.objects.filter(pk=row.pk).update(failures=0, rests=None)
        transaction.on_commit(delivering.ring, robust=True)
    return count


def deliveries_of(row: Subscription, before: int | None = None) -> tuple[list[Delivery], int | None]:
    """A page of what was sent there or is to be, the latest notice first; before which position to ask for the next."""
    rows = Delivery.objects.filter(subscription=row, notice__position__isnull=False).select_related("notice")
    if before is not None:
        rows = rows.filter(notice__position__lt=before)
    found = list(rows.order_by(F("notice__position").desc())[: A_PAGE + 1])
    return found[:A_PAGE], found[A_PAGE - 1].notice.position if len(found) > A_PAGE else None
