"""Notices over the API: read on from a position, sent to webhooks, and nobody else's."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.receiver import Receiver
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_notices import tells
from tests.world import World
from traceability import delivering, placing
from traceability.models import Subscription

WEBHOOKS, MAILBOXES, NOTICES, JSON = "/api/v1/webhooks", "/api/v1/mailboxes", "/api/v1/notices", "application/json"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


def says(api: Api, path: str, method: str = "post", **said: Any) -> Any:
    if method == "post":
        return api.post(path, json.dumps(said).encode(), JSON)
    return getattr(api.client, method)(path, json.dumps(said).encode(), content_type=JSON, headers=api.headers)


def made(api: Api, receiver: Receiver, **said: Any) -> dict[str, Any]:
    answer = says(api, WEBHOOKS, url=receiver.url, **said)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    receiver.secret = found["secret"]
    return found


def test_a_webhook_is_told_what_the_list_has(maker: Api, world: World, receiver: Receiver) -> None:
    hook = made(maker, receiver)
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    (came,) = receiver.came
    (listed,) = maker.get(NOTICES).json()["notices"]
    assert came.message == listed
    (sent,) = maker.get(f"{WEBHOOKS}/{hook['id']}/deliveries").json()["deliveries"]
    assert (sent["state"], sent["attempts"], sent["status"], sent["position"]) == ("sent", 1, 204, 1)
    (kept,) = maker.get(WEBHOOKS).json()["webhooks"]
    assert "secret" not in kept
    assert kept == {name: value for name, value in hook.items() if name != "secret"}


def test_it_is_tested_replayed_paused_and_deleted(maker: Api, world: World, receiver: Receiver) -> None:
    hook = f"{WEBHOOKS}/{made(maker, receiver)['id']}"
    assert says(maker, f"{hook}/test").status_code == 202
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    assert {came.message["type"] for came in receiver.came} == {"test", "alarm.two_places"}
    assert says(maker, f"{hook}/replay", after=0).json() == {"deliveries": 1}
    delivering.deliver()
    assert len(receiver.came) == 3
    assert says(maker, hook, "patch", paused=True, kinds=["alarm.after_end"]).json()["paused"] is not None
    tells(world, world.maker, "alarm/2", kind="alarm.after_end")
    delivering.deliver()
    assert len(receiver.came) == 3
    assert says(maker, hook, "delete").status_code == 204
    assert not Subscription.objects.exists()


def test_a_secret_is_drawn_anew(maker: Api, world: World, receiver: Receiver) -> None:
    hook = made(maker, receiver)
    receiver.secret = says(maker, f"{WEBHOOKS}/{hook['id']}/secret").json()["secret"]
    assert receiver.secret != hook["secret"]
    tells(world, world.maker, "alarm/1")
    delivering.deliver()
    assert (len(receiver.came), receiver.refused) == (1, [])


def test_the_list_goes_on_from_a_position(maker: Api, world: World) -> None:
    for number in range(103):
        tells(world, world.maker, f"alarm/{number}")
    placing.place(now=world.now)
    first = maker.get(NOTICES).json()
    assert (len(first["notices"]), first["next"]) == (100, "100")
    rest = maker.get(NOTICES, after=first["next"]).json()
    assert ([each["data"]["position"] for each in rest["notices"]], rest["next"]) == ([101, 102, 103], None)
    assert says(maker, f"{NOTICES}/seen", upto=100).json() == {"seen": 100}


def test_i7_nobody_sees_or_changes_anothers(maker: Api, pharmacy: Api, world: World, receiver: Receiver) -> None:
    """Another's webhook, and one that never was, look the same."""
    hook = made(maker, receiver)["id"]
    tells(world, world.maker, "alarm/1")
    placing.place(now=world.now)
    assert pharmacy.get(NOTICES).json()["notices"] == []
    assert pharmacy.get(WEBHOOKS).json()["webhooks"] == []
    for path, method in (("", "patch"), ("", "delete"), ("/secret", "post"), ("/test", "post"), ("/replay", "post")):
        said = {"after": 0} if path == "/replay" else {}
        theirs, nobodys = (says(pharmacy, f"{WEBHOOKS}/{each}{path}", method, **said) for each in (hook, uuid4()))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() | {"instance": ""} == nobodys.json() | {"instance": ""}
    problem(pharmacy.get(f"{WEBHOOKS}/{hook}/deliveries"), 404, "not_found")
    assert Subscription.objects.count() == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "missing_member"),
        ({"url": 7}, "wrong_type"),
        ({"url": "ftp://a.example/"}, "bad_value"),
        ({"url": "https://user:word@a.example/"}, "bad_value"),
        ({"url": "https://a.example/" + "a" * 500}, "bad_value"),
        ({"url": "https://10.0.0.1/"}, "address_not_public"),
        ({"url": "https://a.example/", "kinds": ["gossip"]}, "bad_value"),
        ({"url": "https://a.example/", "kinds": "all"}, "wrong_type"),
        ({"url": "https://a.example/", "kinds": [7]}, "wrong_type"),
        ({"url": "https://a.example/", "colour": "red"}, "unknown_member"),
    ],
    ids=str,
)
def test_what_is_no_webhook_is_refused(maker: Api, said: dict[str, Any], code: str) -> None:
    answer = says(maker, WEBHOOKS, **said)
    assert (400 <= answer.status_code < 500, answer.json()["code"]) == (True, code)
    assert not Subscription.objects.exists()


def test_mailboxes_are_the_desks_or_the_responsibles(maker: Api, pharmacy: Api, settings: Any) -> None:
    settings.MAILS = True
    made = says(maker, MAILBOXES, address="qa@maker.example", duty="responsible")
    assert (made.status_code, made.json()["duty"]) == (201, "responsible")
    assert [each["address"] for each in maker.get(MAILBOXES).json()["mailboxes"]] == ["qa@maker.example"]
    problem(says(maker, MAILBOXES, address="nobody"), 400, "bad_value")
    problem(says(maker, MAILBOXES, address="a@b.example", duty="king"), 400, "bad_value")
    assert says(pharmacy, f"{MAILBOXES}/{made.json()['id']}", "delete").status_code == 404
    assert says(maker, f"{MAILBOXES}/{made.json()['id']}", "delete").status_code == 204
