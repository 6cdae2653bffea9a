"""`/api/schema/` and `/api/docs/`: whole, and at home without a network and under the Content-Security-Policy."""

import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.traceability.api.conftest import described


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1_and_has_every_interface_of_architecture_section_10() -> None:
    assert described()["openapi"].startswith("3.1")
    assert {name for name, _ in operations()} == {
        "GET /api/v1/submissions",
        "POST /api/v1/submissions",
        "GET /api/v1/submissions/{submission}",
        "POST /api/v1/submissions/{submission}/statement",
        "GET /api/v1/submissions/{submission}/receipt",
        "GET /api/v1/statements",
        "POST /api/v1/statements",
        "GET /api/v1/statements/{entry}/receipt",
        "GET /api/v1/anchors",
        "POST /api/v1/anchors",
        "GET /api/v1/anchors/{entry}/proof",
        "GET /api/v1/notices",
        "POST /api/v1/notices/seen",
        "GET /api/v1/webhooks",
        "POST /api/v1/webhooks",
        "PATCH /api/v1/webhooks/{webhook}",
        "DELETE /api/v1/webhooks/{webhook}",
        "POST /api/v1/webhooks/{webhook}/secret",
        "POST /api/v1/webhooks/{webhook}/test",
        "POST /api/v1/webhooks/{webhook}/replay",
        "GET /api/v1/webhooks/{webhook}/deliveries",
        "GET /api/v1/mailboxes",
        "POST /api/v1/mailboxes",
        "DELETE /api/v1/mailboxes/{mailbox}",
        "GET /api/v1/sightings",
        "GET /api/v1/verify",
        "GET /api/v1/items/bundle",
        "GET /api/v1/items/openings",
        "GET /api/v1/items/readers",
        "GET /api/v1/readings/{number}/proof",
        "GET /api/v1/recalls",
        "POST /api/v1/recalls",
        "GET /api/v1/recalls/{entry}",
        "GET /api/v1/recalls/{entry}/units",
        "GET /api/v1/recalls/{entry}/holders",
        "POST /api/v1/recalls/{entry}/answer",
        "POST /api/v1/recalls/{entry}/close",
        "POST /api/v1/labels",
        "POST /api/v1/moves",
        "POST /api/v1/moves/check",
        "POST /api/v1/returns",
        "GET /api/v1/receiving",
        "POST /api/v1/receiving",
        "GET /api/v1/serial-pools",
        "POST /api/v1/serial-pools",
        "PATCH /api/v1/serial-pools/{pool}",
        "GET /api/v1/serial-blocks",
        "POST /api/v1/serial-blocks",
        "GET /api/v1/serial-blocks/{block}",
        "GET /api/v1/serial-blocks/{block}/numbers",
        "POST /api/v1/serial-blocks/{block}/return",
        "POST /api/v1/serial-reports",
        "GET /vrs/checkConnectivity",
        "GET /vrs/verify/gtin/{gtin}/lot/{lot}/ser/{serial}",
        "GET /api/v1/products",
        "POST /api/v1/products",
        "POST /api/v1/products/import",
        "GET /api/v1/places",
        "POST /api/v1/places",
        "POST /api/v1/places/import",
        "GET /api/v1/jobs",
        "POST /api/v1/jobs",
        "GET /api/v1/jobs/{job}",
        "GET /api/v1/jobs/{job}/result",
        "POST /api/v1/jobs/{job}/cancel",
        "GET /api/v1/transactions",
        "GET /api/v1/transactions/{submission}/{event}",
        "GET /api/v1/verifications",
        "POST /api/v1/verifications/{number}/outcome",
        "GET /api/v1/alarms",
        "POST /api/v1/alarms/{number}/clear",
        "GET /api/v1/samplings",
        "POST /api/v1/samplings",
        "GET /api/v1/samplings/{sampling}",
        *("GET /api/v1/cases", "POST /api/v1/cases", "POST /api/v1/cases/{entry}/close"),
        *("GET /api/v1/traces", "POST /api/v1/traces", "GET /api/v1/traces/{entry}"),
        *("GET /api/v1/traces/{entry}/package", "POST /api/v1/traces/{entry}/package"),
        *("POST /api/v1/traces/{entry}/answer", "GET /api/v1/traces/{entry}/file"),
        "GET /api/v1/exceptions",
        "POST /api/v1/exceptions",
        "POST /api/v1/exception-detections",
        "GET /api/v1/exceptions/{case}",
        "GET /api/v1/exceptions/{case}/messages/{message}",
        "GET /api/v1/scorecards",
        "GET /api/v1/waivers",
        "GET /api/v1/investigations",
        "POST /api/v1/investigations",
        "GET /api/v1/investigations/{case}",
        "POST /api/v1/investigations/{case}/steps",
        "POST /api/v1/investigations/{case}/acknowledgement",
        "POST /api/v1/investigations/{case}/form-3911",
    }


@pytest.mark.parametrize(("name", "operation"), operations(), ids=lambda each: each if isinstance(each, str) else "")
def test_every_operation_says_what_it_does_and_what_can_go_wrong(name: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert len(operation["description"]) > 20
    assert operation["tags"]
    for status, answer in operation["responses"].items():
        assert answer["description"], status
        if int(status) >= 400:
            kinds = {"application/problem+json"} | ({"text/plain"} if " /vrs/" in name else set())
            assert answer["content"].keys() == kinds
            assert answer["content"]["application/problem+json"]["examples"]


def test_every_member_is_explained() -> None:
    for name, schema in described()["components"]["schemas"].items():
        for member, each in schema.get("properties", {}).items():
            assert "description" in each or "$ref" in each or name in ("Problem", "OpenedItem"), (name, member)


def test_the_pages_are_served_and_load_nothing_from_elsewhere(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/")
    html = page.content.decode()
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert loaded
    assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in loaded)
    for address in loaded:
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address


def test_the_pages_need_no_exception_from_the_content_security_policy(client: Client) -> None:
    page = client.get("/api/docs/")
    html, policy = page.content.decode(), page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style|\bstyle=|\bon\w+=", html)


def test_it_is_called_by_no_version_that_somebody_asks_for(client: Client) -> None:
    assert client.get("/api/schema/", {"version": "1\r\nX: y"}).status_code == 200
