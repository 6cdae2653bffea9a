"""Signing in with a token: who is let in, what stays where, and when it ends."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from partners.models import ApiToken, Partner
from tests.traceability.web import shelf
from tests.world import World
from traceability.web.page import SIGNED_IN


@pytest.fixture
def token(world: World) -> tuple[ApiToken, str]:
    return ApiToken.issue(world.pharmacy.partner, now=timezone.now())


@pytest.fixture
def pharmacist(client: Client, token: tuple[ApiToken, str]) -> Client:
    assert client.post("/sign-in", {"token": token[1]}).status_code == 302
    return client


def test_a_partner_signs_in_with_its_token(world: World, pharmacist: Client) -> None:
    page = pharmacist.get("/desk").text
    assert f"As {world.pharmacy.name}" in page
    assert "Sign out" in page


def test_in_the_demonstration_too_whoever_signed_in_is_named_and_can_sign_out(
    world: World, settings: Any, client: Client, token: tuple[ApiToken, str]
) -> None:
    settings.DEMO = True
    assert "Looking as" in client.get("/sign-in").text
    client.post("/sign-in", {"token": token[1]})
    page = client.get("/desk").text
    assert "Looking as" not in page
    assert f"<span>{world.pharmacy.name}</span>" in page
    client.post("/sign-out")
    assert "Looking as" in client.get("/").text


def test_the_token_is_kept_nowhere(token: tuple[ApiToken, str], pharmacist: Client) -> None:
    assert Session.objects.get().get_decoded() == {SIGNED_IN: token[0].pk}
    assert token[1] not in pharmacist.get("/desk").text


@pytest.mark.parametrize("wrong", ["upt_nobody", "nothing", "\u00fcpt_", "upt_" + "x" * 150])
def test_a_token_that_does_not_count_lets_nobody_in(world: World, client: Client, wrong: str) -> None:
    answer = client.post("/sign-in", {"token": wrong})
    assert answer.status_code == 422
    assert "This token is not valid." in answer.text
    assert wrong not in answer.text
    assert client.get("/desk").status_code == 302


def test_whoever_is_not_signed_in_is_asked_first_and_led_on(world: World, client: Client, token: Any) -> None:
    asked = client.get("/desk")
    assert asked.headers["Location"] == "/sign-in?next=%2Fdesk"
    assert 'name="next" value="/desk"' in client.get(asked.headers["Location"]).text
    assert client.post("/sign-in", {"token": token[1], "next": "/desk"}).headers["Location"] == "/desk"


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example", ""]
)
def test_nobody_is_led_to_another_site(client: Client, token: Any, away: str) -> None:
    assert client.post("/sign-in", {"token": token[1], "next": away}).headers["Location"] == "/desk"


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(client: Client, token: Any) -> None:
    client.session.save()
    planted = client.session.session_key
    client.post("/sign-in", {"token": token[1]})
    assert client.session.session_key != planted


def test_signing_out_ends_it(pharmacist: Client) -> None:
    pharmacist.post("/sign-out")
    assert pharmacist.get("/desk").status_code == 302
    assert not Session.objects.exists()


def test_a_token_that_is_revoked_is_signed_out_with_the_next_request(pharmacist: Client) -> None:
    ApiToken.objects.update(revoked=timezone.now())
    assert pharmacist.get("/desk").status_code == 302


def test_a_partner_that_has_left_is_signed_out_with_the_next_request(world: World, pharmacist: Client) -> None:
    Partner.objects.filter(gln=world.pharmacy.gln).update(left=1)
    assert pharmacist.get("/desk").status_code == 302


def test_whoever_signed_in_sees_what_it_may(told: World, pharmacist: Client) -> None:
    scan = {"scan": shelf.printed("GOOD7K")}
    assert "Chain of custody" in pharmacist.post("/", scan).text
    assert "Chain of custody" not in Client().post("/", scan).text


def test_without_a_session_nothing_is_asked_of_the_database(
    world: World, client: Client, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        client.get("/")


def test_nobody_signs_in_from_another_site(token: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/sign-in", {"token": token[1]}).status_code == 403
