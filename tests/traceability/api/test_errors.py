"""Which error is answered how: RFC 9457, and nothing hidden that is our fault."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, InternalError, OperationalError, ProgrammingError
from django.http import Http404, UnreadablePostError
from rest_framework.exceptions import Throttled, ValidationError

from ledger.errors import KeyMissing, NotIntegrated, TreeDiffers, UnknownEntry
from ledger.tlog.errors import BadSignature, MalformedEnvelope
from partners.errors import KeyNotValid
from partners.gs1.errors import BadCheckDigit
from traceability.api.errors import handler
from traceability.epcis.errors import DocumentError
from traceability.errors import Conflict, NotAllowed, NotSigned, Refusal, StaleHead
from traceability.records import ChangedMeanwhile
from traceability.statements import StatementError


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def locked(folder: Path) -> sqlite3.OperationalError:
    """What SQLite really says to the second writer."""
    first, second = (sqlite3.connect(folder / "db", timeout=0, isolation_level=None) for _ in range(2))
    first.execute("BEGIN IMMEDIATE")
    try:
        second.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return error
    finally:
        first.close()
        second.close()
    raise AssertionError("not locked")


def answered(error: Exception) -> Any:
    response = handler(error, {})
    assert response is not None
    assert response.content_type == "application/problem+json"
    assert response.status_code == response.data["status"]
    return response


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DocumentError("x", code="bad_time", where="event 0"), 400, "bad_time"),
        (DocumentError("x", code="too_large"), 413, "too_large"),
        (DocumentError("x", code="unsupported_syntax"), 415, "unsupported_syntax"),
        (StatementError("x"), 400, "malformed_statement"),
        (BadCheckDigit("x", expected="2", found="3"), 400, "bad_check_digit"),
        (MalformedEnvelope("x"), 400, "malformed_envelope"),
        (NotSigned("x"), 422, "statement_not_accepted"),
        (BadSignature("x"), 422, "bad_signature"),
        (KeyNotValid("x"), 422, "unknown_key"),
        (NotAllowed("x"), 403, "not_allowed"),
        (Refusal("x"), 409, "refused"),
        (Conflict("x", epc="urn:x"), 409, "conflict"),
        (StaleHead("x"), 409, "stale_head"),
        (UnknownEntry("x"), 404, "unknown_entry"),
        (NotIntegrated("x"), 409, "not_integrated"),
        (KeyMissing("x"), 503, "key_missing"),
        (ChangedMeanwhile(), 503, "busy"),
        (IntegrityError("x"), 503, "busy"),
        (caused(OperationalError("x"), psycopg.errors.DeadlockDetected("x")), 503, "busy"),
        (caused(InternalError("x"), psycopg.errors.IdleInTransactionSessionTimeout("x")), 503, "busy"),
        (caused(OperationalError("x"), psycopg.errors.TooManyConnections("x")), 503, "busy"),
        (caused(OperationalError("x"), psycopg.OperationalError("no connection after 20 sec")), 503, "busy"),
        (caused(DataError("x"), psycopg.errors.StringDataRightTruncation("x")), 400, "malformed_request"),
        (DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), 400, "malformed_request"),
        (Http404(), 404, "not_found"),
        (PermissionDenied("x"), 403, "not_allowed"),
        (RequestDataTooBig("x"), 413, "too_large"),
        (UnreadablePostError("x"), 400, "request_broken_off"),
        (Throttled(wait=7), 429, "throttled"),
        (ValidationError({"field": ["is bad"]}), 400, "malformed_request"),
    ],
)  # fmt: skip
def test_every_error_has_its_status_and_keeps_its_code(error: Exception, status: int, code: str) -> None:
    response = answered(error)
    assert (response.status_code, response.data["code"]) == (status, code)
    assert response.data["type"] == f"/problems/{code}"


def test_a_locked_sqlite_says_when_to_come_again(tmp_path: Path) -> None:
    response = answered(caused(OperationalError("database is locked"), locked(tmp_path)))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


def test_what_an_error_names_is_in_the_answer() -> None:
    error = Conflict("x", where="event 3", expected="a", found="b", epc="urn:x")
    data = answered(error).data
    assert (data["where"], data["expected"], data["found"], data["epc"]) == ("event 3", "a", "b", "urn:x")
    assert "where" not in answered(Conflict("x")).data


def test_a_value_that_the_database_does_not_take_is_not_told_again() -> None:
    assert "A1" not in answered(DataError('invalid input syntax for type bigint: "A1"')).data["detail"]


def test_a_challenge_and_a_wait_become_headers() -> None:
    assert answered(Throttled(wait=7)).headers["Retry-After"] == "7"
    assert answered(NotIntegrated("x")).headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("ours"),
        TreeDiffers("stored and computed hashes differ"),
        caused(OperationalError("no such table: x"), sqlite3.OperationalError("no such table: x")),
        caused(OperationalError("x"), psycopg.errors.UndefinedTable("x")),
        ProgrammingError("x"),
    ],
)
def test_what_is_our_fault_is_not_hidden(error: Exception) -> None:
    assert handler(error, {}) is None
