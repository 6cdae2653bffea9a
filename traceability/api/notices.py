"""The resources of notices, and of where a party is told: webhooks and mailboxes. Thin, as `views.py`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from .. import notices, subscriptions
from ..epcis.errors import DocumentError
from ..epcis.values import Raw, a_list
from ..models import Subscription
from ..notice_kinds import Channel, Duty
from . import notices_schema as schema
from .parsers import JsonDocument
from .serial_numbers import _count, _flag, _members, _text
from .views import LAST, Resource, _after, _cursor, _partner


class Notices(Resource):
    @schema.list_notices
    def get(self, request: Request) -> Response:
        """What the asker was told, on from a position."""
        found, more = notices.notices_of(_partner(request), _after(request))
        return Response({
            "notices": [schema.notice(each) for each in found],
            "next": str(found[-1].position) if found and more else None,
        })  # fmt: skip


class Seen(Resource):
    parser_classes = (JsonDocument,)

    @schema.see
    def post(self, request: Request) -> Response:
        """They were seen, up to a position."""
        upto = min(_count(_members(request, ("upto",)), "upto"), LAST)
        return Response({"seen": notices.see(_partner(request), upto, now=timezone.now())})


class Webhooks(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_webhooks
    def get(self, request: Request) -> Response:
        """The asker's own."""
        found = subscriptions.subscriptions_of(_partner(request), Channel.WEBHOOK)
        return Response({"webhooks": [schema.webhook(row) for row in found]})

    @schema.subscribe
    def post(self, request: Request) -> Response:
        """A new one, with its secret."""
        said = _members(request, ("url",), ("kinds",))
        row, secret = subscriptions.subscribe(
            _partner(request), _text(said, "url"), _kinds(said) or (), now=timezone.now()
        )
        return Response(schema.webhook(row) | {"secret": secret}, status=201)


class WebhookDetail(Resource):
    parser_classes = (JsonDocument,)

    @schema.change
    def patch(self, request: Request, webhook: UUID) -> Response:
        """Of which kinds it is told; whether it is paused."""
        said, row = _members(request, (), ("kinds", "paused")), _own(request, webhook)
        paused = _flag(said, "paused") if "paused" in said else None
        return Response(
            schema.webhook(subscriptions.change(row, kinds=_kinds(said), paused=paused, now=timezone.now()))
        )

    @schema.delete
    def delete(self, request: Request, webhook: UUID) -> HttpResponse:
        """It is told no more."""
        subscriptions.delete(_own(request, webhook))
        return HttpResponse(status=204)


class WebhookSecret(Resource):
    @schema.rotate
    def post(self, request: Request, webhook: UUID) -> Response:
        """A new secret; the old one signs as well, for a day."""
        row = _own(request, webhook)
        secret = subscriptions.rotate(row, now=timezone.now())
        return Response(schema.webhook(row) | {"secret": secret})


class WebhookTest(Resource):
    @schema.test
    def post(self, request: Request, webhook: UUID) -> Response:
        """Send it a notice that says that nothing has happened."""
        told = subscriptions.test(_own(request, webhook), now=timezone.now())
        return Response({"notice": str(told.notice)}, status=202)


class WebhookReplay(Resource):
    parser_classes = (JsonDocument,)

    @schema.replay
    def post(self, request: Request, webhook: UUID) -> Response:
        """Send again whatever was told after a position."""
        after = min(_count(_members(request, ("after",)), "after"), LAST)
        return Response(
            {"deliveries": subscriptions.replay(_own(request, webhook), after, now=timezone.now())}, status=202
        )


class WebhookDeliveries(Resource):
    @schema.list_deliveries
    def get(self, request: Request, webhook: UUID) -> Response:
        """What was sent there, or is to be."""
        found, following = subscriptions.deliveries_of(_own(request, webhook), _cursor(request))
        return Response({
            "deliveries": [schema.delivery(row) for row in found],
            "next": None if following is None else str(following),
        })  # fmt: skip


class Mailboxes(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_mailboxes
    def get(self, request: Request) -> Response:
        """The asker's own."""
        found = subscriptions.subscriptions_of(_partner(request), Channel.MAIL)
        return Response({"mailboxes": [schema.mailbox(row) for row in found]})

    @schema.subscribe_mail
    def post(self, request: Request) -> Response:
        """A new one."""
        said = _members(request, ("address",), ("duty", "kinds"))
        duty = _duty(_text(said, "duty")) if "duty" in said else Duty.DESK
        row = subscriptions.subscribe_mail(
            _partner(request), _text(said, "address"), duty, _kinds(said) or (), now=timezone.now()
        )
        return Response(schema.mailbox(row), status=201)


class MailboxDetail(Resource):
    @schema.delete_mailbox
    def delete(self, request: Request, mailbox: UUID) -> HttpResponse:
        """It is told no more."""
        subscriptions.delete(subscriptions.own(_partner(request), Channel.MAIL, mailbox))
        return HttpResponse(status=204)


def _own(request: Request, webhook: UUID) -> Subscription:
    return subscriptions.own(_partner(request), Channel.WEBHOOK, webhook)


def _kinds(said: Mapping[str, Raw]) -> list[str] | None:
    if said.get("kinds") is None:
        return None
    kinds: list[Any] = a_list(said["kinds"], "kinds")
    if any(type(each) is not str for each in kinds):
        raise DocumentError("the wrong kind of value", code="wrong_type", where="kinds", expected="a list of texts")
    return kinds


def _duty(text: str) -> Duty:
    if text not in set(Duty):
        raise DocumentError(
            "no such duty", code="bad_value", where="duty", expected=", ".join(Duty), found=repr(text)[:80]
        )
    return Duty(text)
