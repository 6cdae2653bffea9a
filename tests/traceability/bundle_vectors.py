"""`tests/vectors/bundle/cases.json`: bundles good and forged, to read with any implementation.

python -m tests.traceability.bundle_vectors      writes the file again
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.traceability.paper import DISTRIBUTOR, REPORTED, UNIT, Paper, at_the_distributor, commission, line_to_patient
from tests.traceability.test_bundle_attacks import ATTACKS, SIGNED_ATTACKS, attacked, taken_out, two_cores, without_ilmd
from traceability.bundle import Bundle, Profile, examine

FILE = Path(__file__).resolve().parents[1] / "vectors" / "bundle" / "cases.json"

FORGED = (
    *("unknown-log", "checkpoint-of-another-tree", "spare-hash-in-the-log", "key-statement-left-out", "wrong-size"),
    *("error-declaration-hidden", "reporter-shown-as-actor", "fields-of-two-events", "leaf-kind-swapped"),
    *("leaf-of-another-item", "spare-hash-in-a-content", "first-hop-left-out", "hop-left-out", "last-hop-left-out"),
    *("status-before-the-last-hop", "revocation-left-out"),
)
SIGNED = (
    *("reporter-calls-itself-actor", "statement-for-another-log", "signed-with-a-key-nobody-vouches-for"),
    *("signed-with-a-revoked-key", "prefix-of-someone-else", "key-revoked-twice", "received-for-another"),
    "shipped-to-nobody",
)


def stories() -> Iterator[tuple[str, Paper, Bundle]]:
    """Every bundle with the world it comes from."""
    paper = line_to_patient(witnesses=2)
    yield "from-line-to-patient", paper, paper.bundle(UNIT, status="dispensed")
    yield "for-a-regulator", paper, paper.bundle(UNIT, status="dispensed", profile=Profile.REGULATOR)
    paper = at_the_distributor()
    yield "still-in-its-case", paper, paper.bundle(UNIT)
    yield "held-back-by-two", paper, paper.bundle(UNIT, holds=("recall", "suspect"))
    made = paper.bundle(UNIT)
    stamps = (("one.example", b"whoever does not know one.example"), ("two.example", b"takes these for what they are"))
    yield "time-stamped-by-who-knows-whom", paper, replace(made, segments=(replace(made.segments[0], anchors=stamps),))
    paper = Paper()
    paper.tells(DISTRIBUTOR, commission(8, UNIT), told=REPORTED)
    yield "told-by-a-reporter", paper, paper.bundle(UNIT)
    for name in FORGED:
        paper = attacked()
        yield name, paper, ATTACKS[name][0](paper, paper.bundle(UNIT))
    for name in SIGNED:
        paper = SIGNED_ATTACKS[name][0]()
        yield name, paper, paper.bundle(UNIT)
    paper = at_the_distributor()
    yield "without-lot-and-expiry", paper, without_ilmd(paper)
    paper, _, forged = two_cores()
    yield "second-core", paper, forged
    paper, forged, _ = taken_out()
    yield "stale-ancestor", paper, forged


def cases() -> list[dict[str, Any]]:
    return [case(*story) for story in stories()]


def case(name: str, paper: Paper, bundle: Bundle) -> dict[str, Any]:
    report = examine(bytes(bundle), paper.policy)
    failure = report.failure
    return {
        "name": name,
        "policy": json.loads(str(paper.policy)),
        "bundle": b64encode(bytes(bundle)).decode(),
        "verdict": report.verdict.value,
        "notes": [note.code for note in report.notes],
        "step": failure and int(failure.step),
        "code": failure and failure.code,
    }


def text() -> str:
    return json.dumps(cases(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
