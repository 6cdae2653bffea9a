"""Jobs over HTTP: asked for by name, looked at, fetched, cancelled; and of another party's, nothing."""

import json
import logging
import uuid
from collections.abc import Iterable
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.traceability.api.conftest import Api, check
from tests.traceability.api.test_serial_numbers import allocates, fetched, opens, sends, text
from tests.traceability.api.test_submissions import problem
from tests.traceability.labels.printed import printed, scanned
from tests.world import GTIN
from traceability import working
from traceability.models import Job

JOBS = "/api/v1/jobs"
PRINTS = {"stock": "roll-50x25", "dpi": 203}
PACKS = b"gtin,serial,expiry,lot\n00614141123452,SECRET-1,2028-12-31,L1\n"


def asks(api: Api, kind: str = "labels", file: bytes = PACKS, sent_as: str = "text/csv", **changed: Any) -> Any:
    parts = {"kind": kind, "request": "R1", "parameters": json.dumps(PRINTS)} | changed
    parts["file"] = SimpleUploadedFile("a file", file, sent_as)
    answer = api.client.post(
        JOBS, {name: part for name, part in parts.items() if part is not None}, headers=api.headers
    )
    check(answer, "POST", JOBS)
    return answer


def content(answer: Any) -> bytes:
    return b"".join(cast("Iterable[bytes]", answer.streaming_content))


def result(api: Api, job: dict[str, Any]) -> Any:
    """Not by `Api.ask`, which takes what is streamed for lines of JSON."""
    return api.client.get(job["result"], headers=api.headers)


def test_from_the_file_to_the_labels(maker: Api) -> None:
    asked = asks(maker)
    assert (asked.status_code, asked.headers["Retry-After"]) == (202, "1")
    job = asked.json()
    path = asked.headers["Location"]
    assert (job["state"], job["result"], path) == ("waiting", None, f"{JOBS}/{job['job']}")
    again = asks(maker)
    assert (again.status_code, again.json()) == (200, job)
    early = problem(maker.get(f"{path}/result"), 409, "job_not_done")
    assert early["found"] == "waiting"
    working.work()
    seen = maker.get(path)
    assert "Retry-After" not in seen.headers
    done = seen.json()
    assert (done["state"], done["done"], done["total"], done["media_type"]) == ("done", 1, 1, "application/pdf")
    assert maker.get(JOBS).json() == {"jobs": [done], "next": None}
    answer = result(maker, done)
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/pdf", "no-store")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="labels.pdf"'
    made = content(answer)
    assert len(made) == int(answer.headers["Content-Length"]) == done["size"]
    assert "SECRET-1" in scanned(printed(made, 203)[0])[0][1]


def test_the_numbers_of_a_block_are_those_that_are_fetched_at_once(maker: Api) -> None:
    block = allocates(maker, opens(maker).json()["pool"], 7).json()
    asked = sends(maker, "POST", JOBS, kind="serial-numbers", request="N", parameters={"block": block["block"]})
    assert asked.status_code == 202
    working.work()
    job = maker.get(asked.headers["Location"]).json()
    answer = result(maker, job)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert content(answer).decode() == text(fetched(maker, block))


def test_what_a_file_would_change_is_found_and_then_done(maker: Api, stranger: Api) -> None:
    table = f"gtin,name\n{GTIN},Examplin\n".encode()
    asked = asks(maker, "places", file=table, parameters="{}", request="P0")
    assert asked.status_code == 202
    path = asks(maker, "products", file=table, parameters='{"complete": 1}').headers["Location"]
    working.work()
    assert maker.get(asked.headers["Location"]).json()["code"] == "malformed_table"
    told = json.loads(content(result(maker, maker.get(path).json())))
    assert (told["applied"], told["counts"]["added"]) == (False, 1)
    job = path.rpartition("/")[2]
    refused = sends(stranger, "POST", JOBS, kind="apply", request="A", parameters={"job": job})
    problem(refused, 404, "not_found")
    done = sends(maker, "POST", JOBS, kind="apply", request="A", parameters={"job": job}).headers["Location"]
    working.work()
    assert json.loads(content(result(maker, maker.get(done).json()))) == told | {"applied": True}
    (row,) = maker.get("/api/v1/products").json()["products"]
    assert row["name"] == "Examplin"


def test_what_is_wrong_is_listed(maker: Api) -> None:
    asks(maker, file=PACKS + b"00614141123453,B,2028-12-31,L1\n" * 101)
    working.work()
    (job,) = maker.get(JOBS).json()["jobs"]
    assert (job["state"], job["code"], job["error_count"], len(job["errors"])) == ("failed", "lines_wrong", 101, 100)
    assert job["errors"][0] == {
        "where": "line 3: gtin",
        "code": "bad_check_digit",
        "detail": "AI 01: wrong check digit in 00614141123453",
        "expected": "2",
        "found": "3",
    }
    problem(maker.get(f"{JOBS}/{job['job']}/result"), 409, "job_failed")


def test_a_job_is_cancelled(maker: Api) -> None:
    path = asks(maker).headers["Location"]
    for _ in range(2):
        cancelled = maker.ask("POST", f"{path}/cancel")
        assert (cancelled.status_code, cancelled.json()["code"]) == (200, "job_cancelled")
    working.work()
    assert maker.get(path).json()["state"] == "failed"
    done = asks(maker, request="R2").headers["Location"]
    working.work()
    problem(maker.ask("POST", f"{done}/cancel"), 409, "job_is_over")


def test_of_anothers_jobs_nothing_is_seen(maker: Api, stranger: Api, anybody: Api) -> None:
    known, unknown = asks(maker).headers["Location"], f"{JOBS}/{uuid.uuid4()}"
    for method, more in (("GET", ""), ("GET", "/result"), ("POST", "/cancel")):
        answers = [stranger.ask(method, path + more) for path in (known, unknown)]
        said = [problem(answer, 404, "not_found") for answer in answers]
        assert said[0] | {"instance": ""} == said[1] | {"instance": ""}
        problem(anybody.ask(method, known + more), 401, "not_authenticated")
    assert stranger.get(JOBS).json() == {"jobs": [], "next": None}
    assert Job.objects.get().state == "waiting"


@pytest.mark.parametrize(
    ("changed", "status", "code", "where"),
    [
        ({"kind": "tea"}, 400, "bad_value", "kind"),
        ({"kind": None}, 400, "part_missing", "kind"),
        ({"request": "two words"}, 400, "bad_value", "request"),
        ({"parameters": "[]"}, 400, "wrong_type", "parameters"),
        ({"parameters": "{"}, 400, "malformed_document", "line 1, column 2"),
        ({"parameters": '{"dpi": 20.5}'}, 400, "wrong_type", "dpi"),
        ({"parameters": '{"dpi": 72}'}, 400, "unknown_resolution", "dpi"),
        ({"parameters": '{"stock": "a\\u0000"}'}, 400, "nul", "line 1, column 13"),
        ({"parameters": '{"paper": "A4"}'}, 400, "unknown_member", "paper"),
        ({"colour": "red"}, 400, "unknown_member", "colour"),
        ({"sent_as": "text/html"}, 415, "unsupported_syntax", "file"),
        ({"sent_as": ""}, 415, "unsupported_syntax", "file"),
        ({"file": b""}, 400, "missing_member", "file"),
        ({"kind": "serial-numbers", "parameters": "{}"}, 400, "missing_member", "file"),
        ({"kind": "products", "parameters": '{"complete": 2}'}, 400, "bad_value", "complete"),
        ({"kind": "apply", "parameters": "{}"}, 400, "missing_member", "file"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    maker: Api, changed: dict[str, Any], status: int, code: str, where: str
) -> None:
    assert problem(asks(maker, **changed), status, code)["where"] == where
    assert not Job.objects.exists()


def test_json_that_is_no_job_is_refused(maker: Api) -> None:
    for data, code in ((b"", "malformed_document"), (b"[]", "wrong_type"), (b'{"kind": "labels"}', "missing_member")):
        problem(maker.post(JOBS, data, "application/json"), 400, code)
    block = str(uuid.uuid4())
    unknown = sends(maker, "POST", JOBS, kind="serial-numbers", request="N", parameters={"block": block})
    problem(unknown, 404, "not_found")
    problem(maker.post(JOBS, b"x", "text/plain"), 415, "unsupported_media_type")


def test_a_name_is_used_once_and_so_many_wait(maker: Api, settings: Any) -> None:
    settings.JOBS_OPEN_MAX = 1
    asks(maker)
    problem(asks(maker, file=PACKS + b"\n"), 409, "request_reused")
    full = asks(maker, request="R2")
    assert problem(full, 429, "too_many_jobs")["expected"] == "at most 1"
    assert full.headers["Retry-After"] == "1"


def test_a_list_goes_on_where_its_page_ends(maker: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceability.jobs.A_PAGE", 2)
    names = [asks(maker, request=f"R{n}").json()["request"] for n in range(3)]
    page = maker.get(JOBS).json()
    rest = maker.get(JOBS, before=page["next"]).json()
    assert [job["request"] for job in page["jobs"] + rest["jobs"]] == names[::-1]
    for wrong in ("x", "-1", "9" * 19, "\u0663"):
        problem(maker.get(JOBS, before=wrong), 400, "malformed_parameter")


def test_no_serial_number_is_logged(maker: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        asks(maker)
        asks(maker, request="R2", file=PACKS + b"00614141123453,SECRET-2,2028-12-31,L1\n")
        working.work()
    assert {row.state for row in Job.objects.all()} == {"done", "failed"}
    assert "SECRET" not in caplog.text
