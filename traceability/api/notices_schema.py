"""What notices, webhooks and mailboxes are on the wire, and what the OpenAPI pages say of them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as drf

from ..models import Delivery as DeliveryRow
from ..models import Notice as NoticeRow
from ..models import Subscription
from ..notice_kinds import KINDS, Duty, State, message
from ..subscriptions import TOLD_OF
from .schema import _BUSY, _MALFORMED, _NUMBERS_REFUSED, _UNAUTHENTICATED, _UNKNOWN, _problem
from .serializers import Members, _text, _words, instant


class Notice(drf.Serializer[Any]):
    """Something that you were told: also what a webhook is sent, as `type`, `timestamp` and `data`."""

    type = _words("What it says.", KINDS)
    timestamp = drf.DateTimeField(help_text="When it came to be, UTC.")
    data = drf.DictField(  # type: ignore[assignment]  # a member, not what was validated of this one
        help_text="`notice`: its id, the same on every channel and at every attempt; `party`; `position`, from 1, "
        "without a gap; `due`, when its clock runs out, or null; and references that you may follow."
    )


class NoticesPage(drf.Serializer[Any]):
    """What you were told, in order."""

    notices = Notice(many=True, help_text="At most 100.")
    next = _text("Position to go on from, for `after`; null where there is no more.", allow_null=True)


class SeenUpto(drf.Serializer[Any]):
    upto = drf.IntegerField(help_text="A position: this one and all before it.", min_value=0)


class SeenCount(drf.Serializer[Any]):
    seen = drf.IntegerField(help_text="How many had not been.")


class _Address(drf.Serializer[Any]):
    id = drf.UUIDField(help_text="Its id.")
    kinds = drf.ListField(
        child=drf.ChoiceField(choices=TOLD_OF), help_text="Of which kinds of notices it is told; none: of all."
    )
    created = drf.DateTimeField(help_text="When it was made, UTC.")
    paused = drf.DateTimeField(help_text="Since when nothing is sent there, or null.", allow_null=True)
    failures = drf.IntegerField(help_text="How often in a row it took nothing.")


class Webhook(_Address):
    """An address of your system, that is sent what you are told."""

    url = _text("Where it is.")
    secret = _text("What signs what is sent (`whsec_...`): shown when it is made, and never again.", required=False)


class Mailbox(_Address):
    """An address of your people."""

    address = _text("E-mail.")
    duty = _words("`desk`: all; `responsible`: clocks that have run out alone.", Duty)


class WebhookList(drf.Serializer[Any]):
    webhooks = Webhook(many=True, help_text="All of yours.")


class MailboxList(drf.Serializer[Any]):
    mailboxes = Mailbox(many=True, help_text="All of yours.")


class WebhookWanted(drf.Serializer[Any]):
    url = _text("`https://`, at most 500 characters; it leads to a public address.")
    kinds = drf.ListField(child=drf.ChoiceField(choices=TOLD_OF), required=False, help_text="None: all.")


class WebhookChange(drf.Serializer[Any]):
    kinds = drf.ListField(child=drf.ChoiceField(choices=TOLD_OF), required=False, help_text="None: all.")
    paused = drf.BooleanField(required=False, help_text="While it is, what is told waits.")


class MailboxWanted(drf.Serializer[Any]):
    address = _text("E-mail.")
    duty = _words("Whose it is: the desk's, if nothing is said.", Duty, required=False)
    kinds = drf.ListField(child=drf.ChoiceField(choices=TOLD_OF), required=False, help_text="None: all.")


class ReplayFrom(drf.Serializer[Any]):
    after = drf.IntegerField(help_text="A position: whatever was told after it is sent again.", min_value=0)


class Replayed(drf.Serializer[Any]):
    deliveries = drf.IntegerField(help_text="How many notices are sent again, under the same ids.")


class Tested(drf.Serializer[Any]):
    notice = drf.UUIDField(help_text="Id of the notice that says that nothing has happened.")


class Delivery(drf.Serializer[Any]):
    """How it stands with one notice at one address."""

    position = drf.IntegerField(help_text="Of the notice.")
    notice = drf.UUIDField(help_text="Its id.")
    state = _words("How it stands.", State)
    attempts = drf.IntegerField(help_text="How often it was tried.")
    status = drf.IntegerField(help_text="HTTP status of the last answer, or null.", allow_null=True)
    failure = _text("Why the last attempt failed, or null.", allow_null=True)
    tried = drf.DateTimeField(help_text="When it was tried last, or null.", allow_null=True)


class DeliveriesPage(drf.Serializer[Any]):
    deliveries = Delivery(many=True, help_text="At most 50, the latest notice first.")
    next = _text("Cursor of the next page, for `before`; null on the last one.", allow_null=True)


def notice(row: NoticeRow) -> Members:
    return dict(message(row))


def _address(row: Subscription) -> Members:
    return {
        "id": str(row.subscription),
        "kinds": list(row.kinds),
        "created": instant(row.created),
        "paused": row.paused and instant(row.paused),
        "failures": row.failures,
    }


def webhook(row: Subscription) -> Members:
    return _address(row) | {"url": row.address}


def mailbox(row: Subscription) -> Members:
    return _address(row) | {"address": row.address, "duty": row.duty}


def delivery(row: DeliveryRow) -> Members:
    return {
        "position": row.notice.position,
        "notice": str(row.notice.notice),
        "state": row.state,
        "attempts": row.attempts,
        "status": row.status,
        "failure": row.failure or None,
        "tried": row.tried and instant(row.tried),
    }


_WEBHOOK = OpenApiParameter("webhook", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_MAILBOX = OpenApiParameter("mailbox", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_TAGS = ["notices"]
_READ = {**_MALFORMED, **_UNAUTHENTICATED, **_BUSY}
_FULL = _problem(409, "It is there already, or there are too many.", "already_subscribed", "it is subscribed already")

list_notices = extend_schema(
    operation_id="listNotices",
    summary="What you were told",
    description="In order, on from a position: whoever keeps the last one misses nothing, whatever became of webhooks.",
    parameters=[OpenApiParameter("after", description="Position to go on from.")],
    responses={200: OpenApiResponse(NoticesPage, description="A page of them."), **_READ},
    tags=_TAGS,
)
see = extend_schema(
    operation_id="seeNotices",
    summary="Mark notices as seen",
    request=SeenUpto,
    responses={200: OpenApiResponse(SeenCount, description="Marked."), **_NUMBERS_REFUSED},
    tags=_TAGS,
)
list_webhooks = extend_schema(
    operation_id="listWebhooks",
    summary="Your webhooks",
    description="All that you have made, and nobody else's; without their secrets.",
    responses={200: OpenApiResponse(WebhookList, description="All of them."), **_UNAUTHENTICATED, **_BUSY},
    tags=_TAGS,
)
subscribe = extend_schema(
    operation_id="subscribe",
    summary="Have an address told",
    description="What you are told is sent there as Standard Webhooks has it: `webhook-id`, `webhook-timestamp` and "
    "`webhook-signature` by the secret, which is in this answer and in no other. What it does not take is tried again, "
    "later each time, for some days. Addresses that are not public are refused, also where their name leads to one.",
    request=WebhookWanted,
    responses={201: OpenApiResponse(Webhook, description="Made, with its secret."), **_NUMBERS_REFUSED, **_FULL},
    tags=_TAGS,
)
change = extend_schema(
    operation_id="changeWebhook",
    summary="Change or pause a webhook",
    parameters=[_WEBHOOK],
    request=WebhookChange,
    responses={200: OpenApiResponse(Webhook, description="As it is now."), **_NUMBERS_REFUSED, **_UNKNOWN},
    tags=_TAGS,
)
delete = extend_schema(
    operation_id="deleteWebhook",
    summary="Delete a webhook",
    description="Nothing is sent there any more. What you were told stays.",
    parameters=[_WEBHOOK],
    responses={204: OpenApiResponse(description="Gone."), **_UNAUTHENTICATED, **_UNKNOWN, **_BUSY},
    tags=_TAGS,
)
rotate = extend_schema(
    operation_id="rotateSecret",
    summary="Draw a new secret",
    description="The old one signs as well, for a day.",
    parameters=[_WEBHOOK],
    request=None,
    responses={200: OpenApiResponse(Webhook, description="With its secret."), **_UNAUTHENTICATED, **_UNKNOWN, **_BUSY},
    tags=_TAGS,
)
test = extend_schema(
    operation_id="testWebhook",
    summary="Send a test",
    description="A notice that says that nothing has happened, whatever kinds the webhook is told.",
    parameters=[_WEBHOOK],
    request=None,
    responses={202: OpenApiResponse(Tested, description="Under way."), **_UNAUTHENTICATED, **_UNKNOWN, **_BUSY},
    tags=_TAGS,
)
replay = extend_schema(
    operation_id="replay",
    summary="Send again",
    description="Whatever was told after a position, under the same ids: whoever has it knows it.",
    parameters=[_WEBHOOK],
    request=ReplayFrom,
    responses={202: OpenApiResponse(Replayed, description="Under way."), **_NUMBERS_REFUSED, **_UNKNOWN},
    tags=_TAGS,
)
list_deliveries = extend_schema(
    operation_id="listDeliveries",
    summary="What was sent to a webhook",
    parameters=[_WEBHOOK, OpenApiParameter("before", description="Cursor: `next` of the page before.")],
    responses={200: OpenApiResponse(DeliveriesPage, description="A page of it."), **_READ, **_UNKNOWN},
    tags=_TAGS,
)
list_mailboxes = extend_schema(
    operation_id="listMailboxes",
    summary="Your mailboxes",
    description="All that you have made, and nobody else's.",
    responses={200: OpenApiResponse(MailboxList, description="All of them."), **_UNAUTHENTICATED, **_BUSY},
    tags=_TAGS,
)
subscribe_mail = extend_schema(
    operation_id="subscribeMail",
    summary="Have people told by e-mail",
    description="Of the desk, or of who is responsible: those are told when a clock runs out.",
    request=MailboxWanted,
    responses={201: OpenApiResponse(Mailbox, description="Made."), **_NUMBERS_REFUSED, **_FULL},
    tags=_TAGS,
)
delete_mailbox = extend_schema(
    operation_id="deleteMailbox",
    summary="Delete a mailbox",
    description="Nothing is sent there any more. What you were told stays.",
    parameters=[_MAILBOX],
    responses={204: OpenApiResponse(description="Gone."), **_UNAUTHENTICATED, **_UNKNOWN, **_BUSY},
    tags=_TAGS,
)
