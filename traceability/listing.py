"""What a node has under a party's name, to that party alone: what it submitted, or an agent told for it, and what was
stated of its keys and rights, by itself or by others (ARCHITECTURE section 4). By pages, in the order of acceptance.

A number of that order may be drawn by one request and committed after a later one by another (FORMATS section 6). A
list is whole up to its `settled` cursor, before which no request can still be under way: whoever goes on from there
the next time misses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.db.models import QuerySet

from partners.models import Partner

from .custody import Voice
from .models import Event, Registration, Submission

A_PAGE = 500
SETTLES = timedelta(minutes=5)  # longer than two requests, one after the other, can take
LAST = 2**63 - 1  # of the numbers of entries

Row = TypeVar("Row", Submission, Registration)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, by number of their entries."""

    rows: Sequence[Row]
    next: int | None  # number after which the next page begins; None: there is no more
    settled: int  # number up to which nothing will be added
    told_for: Mapping[int, list[str]] = field(default_factory=dict)
    """Of those that an agent has submitted, by their rows, the business steps that it told for whoever asks."""


def submissions_of(party: Partner, after: int = 0, *, now: datetime) -> Page[Submission]:
    """What the party has submitted, or another as its agent, `after` this number."""
    told = Event.objects.filter(voice=Voice.AGENT, party=party.gln)
    own = Submission.objects.filter(submitter=party.gln)
    for_it = Submission.objects.filter(pk__in=told.values("submission"))
    page = _page(_both(own.only(*_LISTED), for_it.only(*_LISTED), after), after, now)
    others = [row.pk for row in page.rows if row.submitter != party.gln]
    if not others:
        return page
    steps = told.filter(submission__in=others).values_list("submission", "biz_step").distinct()
    return replace(page, told_for={pk: sorted(step for each, step in steps if each == pk and step) for pk in others})


_LISTED = ("submission", "submitter", "statement", "accepted", "entry__entry", "entry__index")


def statements_of(party: Partner, after: int = 0, *, now: datetime) -> Page[Registration]:
    """Every statement that the party has signed, or that is about it, `after` this number."""
    signed, about = Registration.objects.filter(issuer=party.gln), Registration.objects.filter(about=party.gln)
    return _page(_both(signed, about, after), after, now)


def said_by(party: Partner, kind: str, after: int = 0, *, now: datetime) -> Page[Registration]:
    """Every statement of one kind that the party has signed, `after` this number."""
    return _page(_next(Registration.objects.filter(issuer=party.gln, kind=kind), after), after, now)


def _both(one: QuerySet[Row], other: QuerySet[Row], after: int) -> list[Row]:
    """Each found by an index of its own."""
    rows = {row.entry_id: row for rows in (one, other) for row in _next(rows, after)}
    return [rows[number] for number in sorted(rows)]


def _next(rows: QuerySet[Row], after: int) -> list[Row]:
    """A page and one more, which tells that there is another."""
    return list(rows.filter(entry_id__gt=after).select_related("entry").order_by("entry_id")[: A_PAGE + 1])


def _page(found: list[Row], after: int, now: datetime) -> Page[Row]:
    rows, settled = found[:A_PAGE], after
    for row in rows:
        if row.accepted > now - SETTLES:
            break
        settled = row.entry_id
    return Page(rows, rows[-1].entry_id if len(found) > A_PAGE else None, settled)
