"""/live, /ready and /metrics; the id of a request; and what a node writes down, and does not."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from django.test import Client

from ledger import log, tasks
from partners.models import ApiToken
from tests.world import World
from traceability import logs
from traceability.metrics import HERE

TOKEN = "a-token-of-sufficient-length"


@pytest.fixture(autouse=True)
def as_the_operator_says(settings: Any) -> None:
    """Whatever a developer has set."""
    settings.METRICS_TOKEN, settings.BEHIND_PROXY, settings.SECURE_SSL_REDIRECT = "", False, False


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What a node writes, from now on."""
    stream, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(logs.formatter(as_json=True))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


# ---- live and ready -------------------------------------------------------------------------------------------------


def test_a_process_that_answers_is_live(client: Client) -> None:
    answer = client.get("/live")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_a_node_is_ready_until_its_log_is_frozen_and_says_why_not(db: None, node_keys: None, client: Client) -> None:
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    log.freeze("behind its witnesses")
    refused = client.get("/ready")
    assert (refused.status_code, refused.json()["status"]) == (503, "unavailable")
    assert {"name": "log", "ok": False, "detail": "behind its witnesses"} in refused.json()["checks"]
    assert refused.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")


# ---- metrics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "behind_proxy", "sent", "status"),
    [
        ("", False, {}, 200),
        ("", False, {"REMOTE_ADDR": "::1"}, 200),
        ("", False, {"REMOTE_ADDR": "192.0.2.7"}, 404),
        ("", False, {"REMOTE_ADDR": ""}, 404),
        ("", False, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
        ("", False, {"HTTP_FORWARDED": "for=127.0.0.1"}, 404),
        ("", True, {}, 404),
        (TOKEN, False, {}, 404),
        (TOKEN, False, {"HTTP_AUTHORIZATION": "Bearer x"}, 404),
        (TOKEN, False, {"HTTP_AUTHORIZATION": "Bearer é"}, 404),
        (TOKEN, True, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "192.0.2.7"}, 200),
    ],
)
@pytest.mark.django_db
def test_measures_are_for_the_token_or_for_this_machine_and_nobody_else(
    settings: Any, client: Client, token: str, behind_proxy: bool, sent: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = token, behind_proxy
    answer = client.get("/metrics", **sent)  # type: ignore[arg-type]
    assert answer.status_code == status
    if status == 404:
        assert answer.content == client.get("/no-such-page").content


def test_requests_are_counted_by_view_and_the_log_is_measured(world: World, client: Client) -> None:
    labels = {"method": "GET", "view": "api/v1/submissions/<uuid:submission>", "status": "401"}
    before = HERE.get_sample_value("unitproof_http_requests_total", labels) or 0
    client.get("/api/v1/submissions/8d3c1f0e-0000-4000-8000-000000000000")
    client.generic("MADE-UP", "/live")
    world.maker.commissions(serial="SECRET-SERIAL")
    client.get("/api/v1/verify", {"scan": "(01)00614141123452(21)SECRET-SERIAL"})
    text = client.get("/metrics").content.decode()
    assert HERE.get_sample_value("unitproof_http_requests_total", labels) == before + 1
    assert 'method="OTHER"' in text
    assert "\nunitproof_database_up 1.0\n" in text
    assert re.search(r"^unitproof_log_oldest_pending_seconds \d", text, re.MULTILINE)
    for private in ("SECRET-SERIAL", "00614141123452", world.maker.gln, "8d3c1f0e"):
        assert private not in text


@pytest.mark.django_db
def test_measures_of_requests_are_there_when_the_log_cannot_be_measured(settings: Any, client: Client) -> None:
    settings.WITNESSES.write_text("no policy\n")
    text = client.get("/metrics").content.decode()
    assert "\nunitproof_database_up 0.0\n" in text
    assert "unitproof_http_requests_total" in text


@pytest.fixture(autouse=True)
def own_witnesses(settings: Any, tmp_path: Any) -> None:
    settings.WITNESSES = tmp_path / "witnesses.policy"


# ---- request ids and lines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["3f2a-from.the_proxy", "a" * 128])
def test_a_well_formed_request_id_is_kept(client: Client, given: str) -> None:
    assert client.get("/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 129, "with space ", 'in"ject\\ion', "é" * 10])
def test_any_other_gives_way_to_a_new_one(client: Client, given: str) -> None:
    made = client.get("/live", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_every_line_of_a_request_has_its_id_and_none_its_path(
    db: None, client: Client, written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        logging.getLogger("ledger").warning("about to fail")
        raise RuntimeError("no way on")

    monkeypatch.setattr("traceability.web.views.page", fails)
    client.raise_request_exception = False
    answer = client.get("/?scan=SECRET-SERIAL", headers={"X-Request-ID": "an-id-of-its-own"})
    client.get("/log/tile/0/SECRET-SERIAL")
    first, error, about, other = map(json.loads, written.getvalue().splitlines())
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "an-id-of-its-own")
    assert (first["event"], first["logger"], first["level"]) == ("about to fail", "ledger", "warning")
    assert "RuntimeError: no way on" in error["exception"]
    assert (about["event"], about["method"], about["view"], about["status"]) == ("request", "GET", "", 500)
    assert {line["request_id"] for line in (first, error, about)} == {"an-id-of-its-own"}
    assert (other["view"], other["status"]) == ("log/tile/<path:path>", 404)
    assert other["request_id"] != "an-id-of-its-own"
    assert "SECRET-SERIAL" not in written.getvalue()


def test_a_failed_request_is_told_by_its_view(written: StringIO, client: Client) -> None:
    """Where a standard puts a serial number into a path, an error must not spell it out."""
    request = client.get("/log/tile/0/SECRET-SERIAL").wsgi_request
    logging.getLogger("django.request").error("Internal Server Error: %s", request.path, extra={"request": request})
    assert json.loads(written.getvalue().splitlines()[-1])["event"] == "Internal Server Error: log/tile/<path:path>"


def test_every_line_of_a_task_has_its_name(written: StringIO, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.keys, "log_signer", lambda: logging.getLogger("ledger").warning("no signer"))
    with pytest.raises(AttributeError):
        tasks.sweep.apply(throw=True)
    line = next(json.loads(line) for line in written.getvalue().splitlines() if "no signer" in line)
    assert line["task"] == "ledger.tasks.sweep"
    assert re.fullmatch(r"[0-9a-f-]{36}", line["task_id"])
    assert not structlog.contextvars.get_contextvars()


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_is_written_whatever_an_error_says(as_json: bool, settings: Any, db: None, world: World) -> None:
    _, token = ApiToken.issue(world.maker.partner, now=world.now)
    pem = world.maker.key.to_pem().decode()
    secrets = (token, "s3cret-password", pem.splitlines()[1], TOKEN)
    try:
        raise ValueError(f"postgres://unitproof:s3cret-password@db/x\n{pem}\nAuthorization: Bearer {TOKEN}")
    except ValueError:
        record = logging.getLogger("ledger").makeRecord("ledger", 40, "f", 1, "asked with %s", (token,), None)
        record.exc_info = sys.exc_info()
    line = logs.formatter(as_json=as_json).format(record)
    assert not [secret for secret in secrets if secret in line]
    assert line.count(logs.REDACTED) >= 4
