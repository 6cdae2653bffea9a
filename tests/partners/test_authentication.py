"""Logging in with a token: whoever has none is nobody, and every wrong one is answered alike."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.urls import path
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.test import APIClient

from partners.models import ApiToken, Partner, Role

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@api_view(["GET"])
def who(request: Any) -> Response:
    return Response({"gln": request.user.gln, "token": request.auth.label})


urlpatterns = [path("who", who)]


@pytest.fixture(autouse=True)
def urls() -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def token(db: None) -> str:
    maker = Partner.objects.create(gln="0614141000012", name="Maker", role=Role.MANUFACTURER)
    return ApiToken.issue(maker, "line 3", now=NOW)[1]


def ask(authorization: str | bytes | None) -> Any:
    environ: dict[str, Any] = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}
    return APIClient().get("/who", **environ)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_says_which_partner_asks(token: str, scheme: str) -> None:
    answer = ask(f"{scheme} {token}")
    assert (answer.status_code, answer.json()) == (200, {"gln": "0614141000012", "token": "line 3"})


@pytest.mark.parametrize("scheme", ["Token ", "Basic ", ""])
def test_whoever_says_it_in_another_way_is_not_taken_for_nobody(token: str, scheme: str) -> None:
    answer = ask(scheme + token)
    assert (answer.status_code, answer.json()["detail"]) == (401, "This token is not valid.")


def test_logging_in_is_one_query_and_writes_nothing(token: str, django_assert_num_queries: Any) -> None:
    asked: list[str] = []

    def listen(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with django_assert_num_queries(1), connection.execute_wrapper(listen):
        ask(f"Bearer {token}")
    assert [sql.split()[0] for sql in asked] == ["SELECT"]


@pytest.mark.parametrize("authorization", [None, "", "Basic dXNlcjpwYXNz", "Token upt_abc"])
def test_without_a_token_nobody_asks(db: None, authorization: str | None) -> None:
    answer = ask(authorization)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="unitproof"')


def test_every_wrong_token_is_answered_alike(token: str) -> None:
    good = ask(f"Bearer {token}")
    ApiToken.objects.update(revoked=NOW)
    answers = [
        ask(authorization)
        for authorization in (
            f"Bearer {token}",  # revoked
            f"Bearer {token[:-1]}",
            f"Bearer {token}x",
            "Bearer upt_" + "A" * 43,
            "Bearer",
            "Bearer ",
            "Bearer a b c",
            "Bearer \xff\xfe",
        )
    ]
    assert good.status_code == 200
    assert {answer.status_code for answer in answers} == {401}
    for answer in answers:
        del answer.headers["X-Request-ID"]  # drawn for each request
    assert len({(answer.content, tuple(sorted(answer.headers.items()))) for answer in answers}) == 1


@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_in_the_header_do_more_than_fail(token: str, junk: bytes) -> None:
    assert ask(b"Bearer " + junk).status_code == 401
