"""`unitproof anchor` and `unitproof anchored`, and how the proof of anchored data is checked. Pure: no Django."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import reporting
from .bundle.anchored import Anchored, AnchoredReport, Step, examine_anchored
from .policy import Policy
from .statements import DataHash, HashAlgorithm

if TYPE_CHECKING:
    from .client import Node

Asking = Callable[[argparse.Namespace], AbstractContextManager["Node"]]


def statement(args: argparse.Namespace, begun: dict[str, Any]) -> DataHash:
    """What is to be said of the data in a file."""
    return DataHash(
        about=args.gln,
        hash_alg=HashAlgorithm(args.hash),
        hash=HashAlgorithm(args.hash).hash_of(args.data.read_bytes()),
        location=args.location,
        preimage_content_type=args.type,
        **begun,
    )


def form(added: argparse.ArgumentParser) -> None:
    added.add_argument("data", type=Path, help="file; its hash alone leaves this machine")
    added.add_argument("--location", required=True, metavar="URI", help="pointer to where the data is kept")
    added.add_argument("--type", metavar="TYPE", help="media type of the data, such as application/fhir+json")
    added.add_argument("--hash", choices=list(HashAlgorithm), default="sha-256")


def fetch(args: argparse.Namespace, asking: Asking) -> None:
    """The proof of what stands in an entry, in a file."""
    with asking(args) as node:
        proof = node.anchored(args.entry, anchors=args.anchors)
    Anchored.parse(proof)  # whatever answered, it was a node
    args.out.write_bytes(proof)
    print(f"{len(proof)} bytes in {args.out}")


# ---- checking -------------------------------------------------------------------------------------------------------


def verify(proof: bytes, policy: Policy, data: bytes | None, *, as_json: bool) -> int:
    """Every step of it; the last one only where there is data to compare."""
    report = examine_anchored(proof, policy, data)
    if as_json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        print("\n".join(map(reporting.plain, _lines(report))))
    return 1 if report.failure else 0


def _lines(report: AnchoredReport) -> Iterator[str]:
    yield from reporting.of_steps(((step, report.result(step)) for step in Step), report.failure)
    if said := report.said:
        yield ""
        yield said.location
        yield f"  {said.hash_alg}  {said.hash.hex()}"
        yield f"  anchored by {said.submitter}, who dates it {said.time:%Y-%m-%d %H:%M:%S} UTC; entry {report.entry}"
    yield from (f"  {'!' if note.amber else '.'} {note.sentence}" for note in report.notes)
    if report.size is not None:
        yield ""
        yield f"as of log size {report.size} of {report.origin}"
        yield from (f"  seen by {name}" for name in report.witnesses)
    yield ""
    yield _verdict(report)


def _verdict(report: AnchoredReport) -> str:
    if report.failure and report.failure.step is Step.DATA:
        return "ANOTHER: the statement is proven, and these are not the bytes that it is about"
    if report.failure:
        return reporting.WORDS["refused"]
    if report.compared:
        return "PROVEN: these are the bytes that were anchored"
    return "PROVEN: this hash was anchored. With --data FILE, bytes are compared with it"
