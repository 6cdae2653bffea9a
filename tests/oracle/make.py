"""`python -m tests.oracle.make` writes `tests/vectors/{canonical,tree,statement,bundle/oracle}`; `--check` compares.

The same code makes the same bytes: nothing is drawn, nothing asks what time it is.
"""

import json
import sys
from pathlib import Path
from typing import Any

from . import bundle_attacks, bundle_cases, bundle_governed, canonical_cases, statement_cases, tree_cases

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def files() -> dict[str, Any]:
    """What each file under `tests/vectors` holds."""
    stories = tree_cases.stories()
    good, damaged = tree_cases.proofs()
    return {
        "canonical/valid.json": canonical_cases.valid(),
        "canonical/refused.json": canonical_cases.refused(),
        **{f"tree/stories/{story['name']}.json": story for story in stories},
        "tree/roots.json": tree_cases.roots(),
        "tree/proofs.json": good,
        "tree/refused.json": {
            "documents": tree_cases.refused_documents(),
            "payloads": tree_cases.refused_payloads(stories),
            "proofs": damaged,
        },
        "statement/valid.json": statement_cases.valid(),
        "statement/node.json": statement_cases.node_words(),
        "statement/refused.json": statement_cases.refused(),
        "bundle/oracle/good.json": bundle_cases.good((*bundle_cases.STORIES, *bundle_governed.STORIES)),
        "bundle/oracle/refused.json": bundle_attacks.refused(),
    }


def texts() -> dict[str, str]:
    return {name: json.dumps(value, indent=1) + "\n" for name, value in files().items()}


def differing() -> list[str]:
    """Names of the files that are not what would be written, those that nobody writes any more among them."""
    made = texts()
    stored = {str(path.relative_to(VECTORS)): path for folder in ("canonical", "tree", "statement", "bundle/oracle")
              for path in (VECTORS / folder).rglob("*.json")}  # fmt: skip
    changed = {name for name in made.keys() & stored.keys() if stored[name].read_text() != made[name]}
    return sorted(changed | (made.keys() ^ stored.keys()))


def write() -> None:
    for name, text in texts().items():
        path = VECTORS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        write()
    if different := differing():
        sys.exit("\n".join(["not what the oracle makes:", *different]))
