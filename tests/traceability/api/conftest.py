"""A node as its partners ask it over HTTP: every answer, whatever it is, is held against the OpenAPI document."""

import json
import re
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from typing import Any, cast

import jsonschema_rs
import pytest
from django.http.response import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from partners.models import ApiToken
from tests.world import Party, World
from traceability import statements
from traceability.client import signed
from traceability.epcis.documents import kind_of
from traceability.submission import Draft

COSE = "application/cose"


@cache
def described() -> dict[str, Any]:
    """The OpenAPI document, in which every object has the members it names and no others."""
    document = deepcopy(SchemaGenerator().get_schema(request=None, public=True))
    for each in document["components"]["schemas"].values():
        if "properties" in each:
            each["additionalProperties"] = False
    return dict(document)


@cache
def validator(schema: str) -> Any:
    return jsonschema_rs.validator_for({"$ref": schema, "components": described()["components"]})


def operation(method: str, path: str) -> dict[str, Any] | None:
    for template, methods in described()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods.get(method.lower())
    return None


def check(response: HttpResponseBase, method: str, path: str) -> None:
    """Raise unless the OpenAPI document says that such an answer may come."""
    assert response.headers["Cache-Control"] == "no-store"
    found = operation(method, path)
    if found is None or response.status_code == 405:
        assert response.headers["Content-Type"] == "application/problem+json"
        return
    media = response.headers["Content-Type"].partition(";")[0]
    schema = found["responses"][str(response.status_code)]["content"][media]["schema"]
    if "$ref" in schema:
        errors = [error for each in bodies(response) for error in validator(schema["$ref"]).iter_errors(each)]
        assert not errors, [str(error) for error in errors]


def bodies(response: HttpResponseBase) -> list[Any]:
    """The JSON in an answer: one value, or of a stream one a line."""
    if isinstance(response, StreamingHttpResponse):
        lines = b"".join(cast("Iterable[bytes]", response.streaming_content)).splitlines(keepends=True)
        response.streaming_content = lines
        return [json.loads(line) for line in lines]
    return [json.loads(cast(HttpResponse, response).content)]


class Api:
    """Asks as one party, or as nobody."""

    def __init__(self, party: Party | None) -> None:
        self.party, self.client = party, Client(raise_request_exception=True)
        self.headers: dict[str, str] = {}
        if party is not None:
            _, token = ApiToken.issue(party.partner, now=party.world.now)
            self.headers = {"authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = self.headers | options.pop("headers", {})
        response = self.client.generic(method, path, headers=headers, **options)
        check(response, method, path)
        return response

    def get(self, path: str, **query: str) -> Any:
        response = self.client.get(path, query_params=query or None, headers=self.headers)
        check(response, "GET", path.partition("?")[0])
        return response

    def post(self, path: str, data: bytes, content_type: str) -> Any:
        return self.ask("POST", path, data=data, content_type=content_type)

    def form(self, **parts: Any) -> Any:
        response = self.client.post("/api/v1/submissions", parts, headers=self.headers)
        check(response, "POST", "/api/v1/submissions")
        return response

    # ---- what people do over HTTP ---------------------------------------------------------------------------------

    def draft(self, received: bytes) -> Draft:
        answer = self.post("/api/v1/submissions", received, kind_of(received))
        assert answer.status_code == 200, answer.content
        return Draft.parse(answer.content)

    def complete(self, received: bytes, draft: Draft) -> Any:
        assert self.party is not None
        path = f"/api/v1/submissions/{draft.payload.submission}/statement"
        return self.post(path, signed(received, draft, self.party.key), COSE)

    def submit(self, received: bytes) -> Any:
        return self.complete(received, self.draft(received))

    def signs(self, draft: Draft) -> bytes:
        assert self.party is not None
        return statements.sign(draft.payload, self.party.key)


@pytest.fixture
def maker(world: World) -> Api:
    return Api(world.maker)


@pytest.fixture
def pharmacy(world: World) -> Api:
    return Api(world.pharmacy)


@pytest.fixture
def stranger(world: World) -> Api:
    return Api(world.stranger)


@pytest.fixture
def regulator(world: World) -> Api:
    return Api(world.regulator)


@pytest.fixture
def anybody(db: None) -> Api:
    return Api(None)
