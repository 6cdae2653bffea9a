"""Our statements before a stranger's eyes: cwt, a COSE library of other people, which shares no line with ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-cwt" / "bin" / "python"
VECTORS = ROOT / "tests" / "vectors"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="cwt is not installed beside this checkout (make oracles)")

#: What COSE itself refuses; of the other steps COSE knows nothing, and cwt takes the statement for good.
REFUSED_BY_COSE = {"tag", "structure", "kid", "signature"}
TAKEN_BY_COSE = {"unprotected", "content_type", "claims", "issuer", "subject", "payload"}


def ask(statements: list[dict[str, Any]]) -> list[str | None]:
    """What cwt verifies of these statements: their payloads, or None."""
    asked = json.dumps([{name: each[name] for name in ("statement", "alg", "public")} for each in statements])
    command = [str(PYTHON), str(ROOT / "tests" / "oracle" / "ask_cwt.py")]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, timeout=60)
    answers: list[str | None] = json.loads(done.stdout)
    return answers


def load(name: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((VECTORS / "statement" / name).read_text())
    return listed


def stories() -> list[dict[str, Any]]:
    paths = sorted((VECTORS / "tree" / "stories").glob("*.json"))
    return [told["statement"] for path in paths for told in json.loads(path.read_text())["submissions"]]


def test_cwt_verifies_every_statement_of_either_algorithm() -> None:
    statements = [*load("valid.json"), *load("node.json"), *stories()]
    assert {each["alg"] for each in statements} == {-19, -9}
    assert ask(statements) == [each["payload"].encode().hex() for each in statements]


def test_cwt_refuses_what_cose_refuses() -> None:
    damaged = [case for case in load("refused.json") if case["step"] in REFUSED_BY_COSE]
    assert {case["name"]: answer for case, answer in zip(damaged, ask(damaged), strict=True) if answer} == {}


def test_what_our_own_rules_refuse_is_rightly_signed() -> None:
    """So that the signature is not what refuses it."""
    damaged = [case for case in load("refused.json") if case["step"] in TAKEN_BY_COSE]
    assert [case["name"] for case, answer in zip(damaged, ask(damaged), strict=True) if answer is None] == []
