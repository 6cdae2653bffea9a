"""Notices: what a party is told, in the transaction in which it came to be; and what it has been told.

    tell ──> notice ──placing──> a position ──delivering──> webhooks and mail, as the party has subscribed
      └───── settle: the matter is done, and no clock of it goes on

A notice carries references that its party may follow, and nothing that it may not see. It stays, whatever becomes of
its deliveries: pages count those that nobody has seen, programs read on from a position.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from partners.models import Partner

from . import bulk, delivering
from .models import Notice
from .notice_kinds import Telling

A_PAGE = 100
MOST_COUNTED = 100  # unseen ones, on every page


def tell(tellings: Iterable[Telling], *, now: datetime) -> None:
    """Tell parties, in the caller's transaction: one statement, and delivery follows once it is committed. What a party
    was told before, by this name, it is not told again."""
    rows = [each.row(now) for each in tellings]
    if rows:
        bulk.insert_new(rows)
        transaction.on_commit(delivering.ring, robust=True)


def settle(about: str, *, now: datetime, party: str | None = None) -> None:
    """The matter is done, for all who were told of it or for one party: its clocks stop, in the same transaction."""
    rows = Notice.objects.filter(about=about, due__isnull=False, ended__isnull=True)
    (rows if party is None else rows.filter(party=party)).update(ended=now, wakes=None)


def settle_all(matters: Iterable[str], *, now: datetime, party: str | None = None) -> None:
    """The same of several at once."""
    rows = Notice.objects.filter(about__in=list(matters), due__isnull=False, ended__isnull=True)
    (rows if party is None else rows.filter(party=party)).update(ended=now, wakes=None)


def notices_of(party: Partner, after: int = 0) -> tuple[list[Notice], bool]:
    """A page of what the party was told, on from this position; whether there is more. Positions have no gap, and what
    has none yet comes after all that have."""
    rows = Notice.objects.filter(party=party.gln, position__gt=after).order_by("position")
    found = list(rows[: A_PAGE + 1])
    return found[:A_PAGE], len(found) > A_PAGE


def latest_of(party: Partner, before: int | None = None) -> tuple[list[Notice], int | None]:
    """The same, the latest first; and before which to ask for the next page."""
    rows = Notice.objects.filter(party=party.gln, position__isnull=False).order_by("-position")
    found = list((rows if before is None else rows.filter(position__lt=before))[: A_PAGE + 1])
    return found[:A_PAGE], found[A_PAGE - 1].position if len(found) > A_PAGE else None


def unseen(party: Partner) -> int:
    """How many nobody of the party has seen; no further than `MOST_COUNTED`."""
    return Notice.objects.filter(party=party.gln, position__isnull=False, seen__isnull=True)[:MOST_COUNTED].count()


def see(party: Partner, upto: int, *, now: datetime) -> int:
    """They have been seen, up to this position; how many had not been."""
    return Notice.objects.filter(party=party.gln, position__lte=upto, seen__isnull=True).update(seen=now)
