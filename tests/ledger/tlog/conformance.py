"""The conformance data that lies beside the repository; its tests are skipped, by name, where it is absent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TLOG = Path(__file__).resolve().parents[4] / "shared" / "conformance" / "tlog"
DESIGN = TLOG.parents[1] / "design"

conformance = pytest.mark.skipif(not TLOG.is_dir(), reason="no ../shared/conformance/tlog here")


def read(name: str) -> Any:
    """One JSON file."""
    return json.loads((TLOG / name).read_text())


def lines(name: str) -> Iterator[Any]:
    """The cases of a JSONL file."""
    return map(json.loads, (TLOG / name).read_text().splitlines())


def files(folder: str) -> list[Any]:
    """The JSON files below a folder, as parameters named by their path."""
    base = TLOG / folder
    return [pytest.param(path, id=str(path.relative_to(base).with_suffix(""))) for path in sorted(base.rglob("*.json"))]


def unhex(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in hashes]
