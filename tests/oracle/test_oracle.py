"""The second implementation stays what it is for: independent, deterministic, and in agreement with the example."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from . import canonical, documents, make, statement, tree

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[2] / "shared" / "design" / "example"
PRODUCT = {"ledger", "partners", "traceability"}


def test_the_vectors_are_what_the_oracle_makes() -> None:
    assert make.differing() == []


MODULES = sorted(path for path in HERE.glob("*.py") if not path.stem.startswith("test_"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_oracle_imports_nothing_of_the_product(module: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(str(node.module).partition(".")[0])
    assert not imported & PRODUCT


@pytest.fixture
def example() -> dict[str, Any]:
    if not EXAMPLE.exists():
        pytest.skip("the example of FORMATS.md is not beside this checkout")
    expected: dict[str, Any] = json.loads((EXAMPLE / "expected.json").read_text())
    return expected


@pytest.mark.parametrize("syntax", ["json", "xml"])
def test_the_oracle_reproduces_the_example_of_the_page(example: dict[str, Any], syntax: str) -> None:
    given, expected = example["inputs"], example[syntax]
    received = (EXAMPLE / f"tiny.{syntax}").read_bytes()
    secrets = [bytes.fromhex(given[name]) for name in ("items_secret_hex", "fields_secret_hex", "entry_salt_hex")]
    read = documents.read(syntax, received.decode())
    told: list[list[str | None]] = [["actor", None]] * len(read.events)
    opening = tree.Opening(secrets[0], secrets[1], secrets[2], told)

    grown = tree.grow(read, received, opening, [tree.NO_PLAN] * len(read.events), tree.State())
    key = statement.Key(statement.ED25519, bytes(32))
    payload = statement.submission(grown, *(given[name] for name in ("log", "submitter", "submission", "time")))
    signed = statement.shown("submission", payload, given["submission"], key, opening.entry)

    assert [canonical.encode(event).decode() for event in read.events] == example["canonical"]
    assert [canonical.identity(event).hex() for event in read.events] == example["identity"]
    assert [[leaf.shown() for leaf in event.items] for event in grown.events] == example["items"]
    assert [[leaf.text.decode() for leaf in event.leaves] for event in grown.events] == example["fields"]
    assert [event.root for event in grown.events] == example["event_roots"]
    assert grown.events_root == example["events_root"]
    assert [leaf.text.decode() for leaf in grown.header] == expected["header"]
    assert grown.header_root == expected.get("header_root")
    for ours, theirs in (("payload", "payload"), ("protected", "protected_hex"), ("statement", "statement_hex"),
                         ("entry", "entry_hex")):  # fmt: skip
        assert signed[ours] == expected[theirs]
