"""Committed bundles stay what they were: readable, with the same verdict, for ever."""

import json
from base64 import b64decode
from typing import Any

import pytest

from tests.traceability.bundle_vectors import FILE, text
from traceability.bundle import Bundle, MalformedBundle, examine
from traceability.policy import Policy

CASES = json.loads(FILE.read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_comes_out_as_written(case: dict[str, Any]) -> None:
    data = b64decode(case["bundle"])
    report = examine(data, Policy.parse(json.dumps(case["policy"])))
    failure = report.failure
    assert (report.verdict, failure and int(failure.step), failure and failure.code) == (
        case["verdict"],
        case["step"],
        case["code"],
    )
    assert [note.code for note in report.notes] == case["notes"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_reads_back(case: dict[str, Any]) -> None:
    data = b64decode(case["bundle"])
    assert bytes(Bundle.parse(data)) == data
    with pytest.raises(MalformedBundle):
        Bundle.parse(data + b"\0")


def test_the_file_is_what_the_code_makes() -> None:
    assert FILE.read_text() == text()
