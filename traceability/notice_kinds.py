"""What parties are told: the kinds of notices, and the steps that a clock takes until its matter is settled.

    told ──half of the time──> reminder ──due──> it has run out, to whoever is responsible ──as long again──> once more
      └──────────────────────── settled: no more steps ─────────────────────────────────────┘

To add a kind: a row here, and a call of `notices.tell` in the transaction in which it comes to be.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from .epcis.jcs import JSON
from .models import Notice, Subscription


class Channel(StrEnum):
    """How a notice leaves the node. All of them stay on its pages."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class State(StrEnum):
    """How it stands with a delivery."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # tried as often as it is tried


class Duty(StrEnum):
    """Who reads an address."""

    DESK = "desk"  # everything
    RESPONSIBLE = "responsible"  # of clocks that have run out, alone


class Kind(NamedTuple):
    """What it says, for people, without saying of what."""

    sentence: str
    escalates: bool = False  # it is for the responsible as well
    page: str = ""  # name of the page where the matter is


#: By name, as programs have it. A name never changes its meaning.
KINDS: Mapping[str, Kind] = {
    "alarm.two_places": Kind("A pack that concerns you was seen in two places.", page="alarms-page"),
    "alarm.after_end": Kind("A pack that concerns you was seen after its end.", page="alarms-page"),
    "alarm.out_of_chain": Kind(
        "A pack that concerns you was seen where its record does not have it.", page="alarms-page"
    ),
    "recall.opened": Kind("Goods that you have, or had, are called back.", page="recalls"),
    "recall.answered": Kind("A party has answered a recall of yours.", page="recalls"),
    "recall.closed": Kind("A recall that you were told of is closed.", page="recalls"),
    "exception.overdue": Kind("A shipment to you is on its way for long: it may be lost.", page="exceptions-page"),
    "exception.reported": Kind("A partner reports that something is wrong with a shipment.", page="exceptions-page"),
    "exception.answered": Kind("A partner has answered what you reported.", page="exceptions-page"),
    "exception.agreed": Kind("You have agreed to put something right.", page="exceptions-page"),
    "exception.followed_up": Kind("A partner has put something right that you agreed on.", page="exceptions-page"),
    "exception.resolved": Kind("A case that a partner reported is resolved.", page="exceptions-page"),
    "clock.reminder": Kind("Half of the time for a matter of yours is over."),
    "clock.ran_out": Kind("The time for a matter of yours has run out.", escalates=True),
    "clock.still_open": Kind("A matter of yours is still open, long after its time ran out.", escalates=True),
    "case.suspect": Kind(
        "Product of yours is suspect: investigate it, and say what came of it.", page="investigations"
    ),
    "case.illegitimate": Kind("Product of yours is illegitimate: notify FDA (Form FDA 3911).", page="investigations"),
    "case.requested": Kind("FDA was asked to end a notification: ask what it answers.", page="investigations"),
    "case.terminated": Kind("A notification of yours is ended: dispose of the product.", page="investigations"),
    "case.acknowledged": Kind("A partner has acknowledged your notification.", page="investigations"),
    "partner.illegitimate": Kind(
        "Product that you sent or were sent is illegitimate: look for it, keep it apart, and acknowledge this.",
        page="investigations",
    ),
    "partner.terminated": Kind(
        "The notification about product that you sent or were sent is ended.", page="investigations"
    ),
    "test": Kind("This is a test: nothing has happened."),
    "trace.asked": Kind("Somebody asks you to trace goods.", page="traces-page"),
    "trace.answered": Kind("A trace that you have asked for is answered.", page="traces-page"),
    "case.opened": Kind("A regulator looks into goods of yours.", page="cases-page"),
    "case.read": Kind(
        "A regulator has read histories that you have a part in, in a case of its own.", page="cases-page"
    ),
    "trace.test_asked": Kind("TEST: somebody asks you to trace goods, as a drill.", page="traces-page"),
    "trace.test_answered": Kind("TEST: a trace that you have asked for as a drill is answered.", page="traces-page"),
}
TEST = "test"  # goes to the address that is tested, whatever its kinds are


class Step(NamedTuple):
    """What a clock says, and when."""

    share: float  # of the time from the notice until it is due
    kind: str


STEPS = (Step(0.5, "clock.reminder"), Step(1.0, "clock.ran_out"), Step(2.0, "clock.still_open"))


@dataclass(frozen=True, slots=True)
class Telling:
    """A notice that is to be told: to whom, of what kind, about which matter."""

    party: str  # GLN
    kind: str
    about: str  # the matter: settled by this name; told to a party once of each kind
    body: Mapping[str, JSON] = field(default_factory=dict)  # references that the party may follow, and nothing else
    due: datetime | None = None  # a clock: until when the party has to have settled it

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of notices: {self.kind}")

    def row(self, now: datetime) -> Notice:
        due = self.due if self.due is not None and self.due > now else None
        return Notice(
            notice=uuid.uuid4(),
            party=self.party,
            kind=self.kind,
            about=self.about,
            body=dict(self.body),
            at=now,
            due=due,
            wakes=due and wakes(now, due, 0),
        )


def wakes(at: datetime, due: datetime, step: int) -> datetime | None:
    """When a clock takes its next step; None: it has taken them all."""
    return at + STEPS[step].share * (due - at) if step < len(STEPS) else None


def wants(subscription: Subscription, kind: str) -> bool:
    """Whether a notice of this kind goes to that address by itself."""
    if kind == TEST or (subscription.duty == Duty.RESPONSIBLE and not KINDS[kind].escalates):
        return False
    return not subscription.kinds or kind in subscription.kinds


def instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def message(notice: Notice) -> dict[str, JSON]:
    """What every channel carries: of the payload that Standard Webhooks recommends, `type`, `timestamp` and `data`."""
    return {
        "type": notice.kind,
        "timestamp": instant(notice.at),
        "data": {
            "notice": str(notice.notice),
            "party": notice.party,
            "position": notice.position,
            "due": instant(notice.due) if notice.due else None,
            **notice.body,
        },
    }
