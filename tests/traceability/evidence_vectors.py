"""`tests/vectors/evidence/cases.json`: evidence that convicts, and evidence that convicts nobody, to read with any
implementation.

python -m tests.traceability.evidence_vectors      writes the file again
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from ledger.tlog.proof import Proof
from tests.traceability.paper import (
    ACTOR,
    DISTRIBUTOR,
    MAKER,
    NOW,
    OPERATOR,
    ORIGIN,
    PHARMACY,
    REPORTED,
    UNIT,
    Paper,
    Taken,
    commission,
    dispense,
    event,
    key_of,
    ship,
)
from traceability.convict import (
    BrokenPromise,
    Evidence,
    FalseStatus,
    Fork,
    ForkInBundles,
    Half,
    NotConvicted,
    TwoPromises,
    TwoTrees,
    convict,
    half_of,
    write,
)
from traceability.custody import Told
from traceability.epcis.events import Action
from traceability.policy import Policy
from traceability.statements import KeyRevocation, Promise, entry, sign_promise
from traceability.submission import event_leaf

FILE = Path(__file__).resolve().parents[1] / "vectors" / "evidence" / "cases.json"
LATE = NOW + timedelta(minutes=5)
Case = tuple[str, bytes, Policy]


# ---- what the parties and the node hold -----------------------------------------------------------------------------


def promise(taken: Taken, number: int = 0, key: str = "node", **changes: Any) -> bytes:
    said = entry(taken.opening.entry, taken.envelope)
    members: dict[str, Any] = {
        **{"log": ORIGIN, "entry": said, "number": number or taken.index},
        **{"accepted": NOW, "integrate_by": NOW + timedelta(seconds=60)},
    }
    return sign_promise(Promise(**members | changes), key_of(key), operator=OPERATOR, subject="urn:uuid:of-it")


def half(taken: Taken, position: int = 0, place: "int | bytes | None" = None, epc: str = UNIT) -> Half:
    hashes = [event_leaf(tree.root) for tree in taken.tree.events]
    event, leaves = taken.document.events[position], taken.tree.events[position].items
    at = taken.index if place is None else place
    return half_of(taken.envelope, taken.opening, event, position, leaves, epc, hashes, at)


def fork(paper: Paper, one: Half, other: Half) -> Fork:
    places = [each.place for each in (one, other) if isinstance(each.place, int)]
    path = paper.path(*(each.index for each in paper.relied), *places)
    return Fork(ORIGIN, UNIT, paper.checkpoint(), tuple(paper.relied), tuple(path), (one, other))


def shipped_twice(
    others: str | None = None,
    told: Told = ACTOR,
    **world: Any,
) -> tuple[Paper, Taken, Taken]:
    """One pack, sent to the distributor and, over the same head, to the pharmacy; by its maker or by `others`."""
    paper = Paper(**world)
    paper.tells(MAKER, commission(8, UNIT))
    heads = dict(paper.heads)
    one = paper.tells(MAKER, ship(9, UNIT, sender=MAKER, to=DISTRIBUTOR))
    paper.heads = heads
    sender = others or MAKER
    return paper, one, paper.tells(sender, ship(9.5, UNIT, sender=sender, to=PHARMACY), told=told)


def dispensed() -> tuple[Paper, Taken, Taken]:
    paper = Paper()
    made = paper.tells(MAKER, commission(8, UNIT))
    return paper, made, paper.tells(MAKER, dispense(10, UNIT))


def destroyed() -> tuple[Paper, Taken]:
    paper = Paper()
    paper.tells(MAKER, commission(8, UNIT))
    return paper, paper.tells(MAKER, event(10, Action.DELETE, "destroying", UNIT))


# ---- cases ----------------------------------------------------------------------------------------------------------


def forks() -> Iterator[tuple[str, Paper, Evidence]]:
    paper, one, other = shipped_twice()
    logged = fork(paper, half(one), half(other))
    promised = fork(paper, half(one, place=promise(one)), half(other, place=promise(other)))
    yield "fork-in-the-log", paper, logged
    yield "fork-promised", paper, promised
    yield "one-statement-twice", paper, fork(paper, half(one), half(one, place=promise(one)))
    yield "one-in-the-log-one-promised", paper, fork(paper, half(one), half(other, place=promise(other)))
    first, second = promised.halves
    yield "promise-of-another-entry", paper, replace(promised, halves=(first, replace(second, place=promise(one))))
    by_other = replace(second, place=promise(other, key="another node"))
    yield "promise-by-nobody", paper, replace(promised, halves=(first, by_other))
    yield "prev-altered", paper, damaged(logged, prev=bytes(32))
    yield "content-altered", paper, damaged(logged, content="unknown")
    yield "core-altered", paper, damaged(logged, core=logged.halves[1].core.replace("shipping", "sampling"))
    yield "core-of-no-event", paper, damaged(logged, core="[]")
    yield "item-path-cut", paper, damaged(logged, index=1)
    yield "event-path-spare", paper, damaged(logged, event_path=(bytes(32),))
    yield "salt-altered", paper, damaged(logged, salt=bytes(16))
    yield "entry-salt-altered", paper, damaged(logged, entry_salt=bytes(32))
    yield "another-place-in-the-log", paper, damaged(logged, place=one.index + 5)
    yield "another-item", paper, replace(logged, epc=UNIT + "X")
    yield "key-statement-left-out", paper, replace(logged, relied=logged.relied[1:])
    yield "another-log", paper, replace(logged, origin="other.example/log")
    yield "signature-altered", paper, damaged(logged, envelope=other.envelope[:-1] + bytes([other.envelope[-1] ^ 1]))
    paper, one, other = shipped_twice(witnesses=2)
    bare = Checkpoint(ORIGIN, len(paper.entries), paper.root).sign(paper.signer)
    yield "checkpoint-without-its-witnesses", paper, replace(fork(paper, half(one), half(other)), checkpoint=bare)
    paper, one, other = shipped_twice(others=DISTRIBUTOR)
    yield "fork-by-two-parties-in-the-log", paper, fork(paper, half(one), half(other))
    both = half(one, place=promise(one)), half(other, place=promise(other))
    yield "fork-by-two-parties-promised", paper, fork(paper, *both)
    paper, one, other = shipped_twice(told=REPORTED)
    yield "half-of-it-reported", paper, fork(paper, half(one), half(other))
    paper, made, moved = dispensed()
    yield "one-after-the-other", paper, fork(paper, half(made), half(moved))
    paper = Paper()
    made, again = (paper.tells(MAKER, commission(hour, UNIT)) for hour in (8, 9))
    yield "commissioned-twice-without-a-link", paper, fork(paper, half(made), half(again))
    yield "fork-with-a-key-in-other-hands", *compromised()


def damaged(logged: Fork, **changes: Any) -> Fork:
    return replace(logged, halves=(logged.halves[0], replace(logged.halves[1], **changes)))


def compromised() -> tuple[Paper, Evidence]:
    paper, one, other = shipped_twice()
    kid = paper.keys[MAKER].public.kid
    said = KeyRevocation(**paper.head(), statement=paper.uuid(), about=MAKER, kid=kid, compromised=NOW)
    paper.registers(said, key_of("0614141000029"))
    return paper, fork(paper, half(one), half(other))


def views(others: str | None = None, told: Told = ACTOR) -> tuple[Paper, bytes, bytes]:
    """What the node shows the distributor, and what it shows the pharmacy."""
    paper, one, other = shipped_twice(others, told)
    shown = []
    for hidden, seen in ((other, one), (one, other)):
        view = copy(paper)
        view.taken = [taken for taken in paper.taken if taken is not hidden]
        view.heads = {**paper.heads, **seen.tree.heads}
        shown.append(bytes(view.bundle(UNIT, status="in_transit")))
    return paper, shown[0], shown[1]


def forks_in_bundles() -> Iterator[tuple[str, Paper, Evidence]]:
    paper, one, other = views()
    good = ForkInBundles(UNIT, (one, other))
    yield "two-views-of-one-pack", paper, good
    yield "two-views-by-two-parties", (by_two := views(DISTRIBUTOR))[0], ForkInBundles(UNIT, by_two[1:])
    yield "two-views-of-which-one-is-reported", (told := views(told=REPORTED))[0], ForkInBundles(UNIT, told[1:])
    yield "one-view-twice", paper, ForkInBundles(UNIT, (one, one))
    yield "views-of-another-item", paper, ForkInBundles(UNIT + "X", (one, other))
    forged = bytearray(other)
    forged[other.index(b"shipping")] ^= 1
    yield "a-view-that-was-altered", paper, ForkInBundles(UNIT, (one, bytes(forged)))
    yield "a-view-by-another-log", Paper(witnesses=1), good


def trees() -> Iterator[tuple[str, Paper, Evidence]]:
    paper = Paper(before=9)
    leaves = [leaf_hash(each) for each in paper.entries]
    others = [*leaves[:3], *(leaf_hash(bytes([n])) for n in range(20))]

    def head(of: list[bytes], size: int, by: str = "log") -> str:
        signer = replace(paper.signer, key=key_of(by))
        return Checkpoint(ORIGIN, size, root_of(of[:size])).sign(signer)

    def grown(old: list[bytes], new: list[bytes], size: int, to: int) -> TwoTrees:
        proof = tuple(consistency_proof(new[:to], size)) if size < to else ()
        return TwoTrees(head(old, size), head(new, to), root_of(new[:size]), proof)

    yield "two-trees-of-one-size", paper, grown(leaves, others, 7, 7)
    yield "rewritten-and-grown", paper, grown(leaves, others, 7, 12)
    yield "rewritten-and-grown-from-a-power-of-two", paper, grown(leaves, others, 8, 12)
    yield "the-same-tree", paper, grown(leaves, leaves, 7, 7)
    yield "a-tree-that-grew", paper, grown(leaves, leaves, 7, 12)
    two = grown(leaves, others, 7, 12)
    yield "a-proof-that-does-not-lead-there", paper, replace(two, proof=two.proof[::-1])
    yield "a-root-that-nobody-signed", paper, replace(two, root=bytes(32))
    yield "signed-by-another", paper, replace(grown(leaves, others, 7, 7), new=head(others, 7, "another log"))
    yield "new-before-old", paper, TwoTrees(two.new, two.old, two.root, two.proof)


def statuses() -> Iterator[tuple[str, Paper, Evidence]]:
    paper, made, ended = dispensed()
    word = promise(ended, 5)
    of_made = {UNIT: made.tree.heads[UNIT]}
    shown = half(ended, place=word)

    def status(**said: Any) -> bytes:
        return paper.status(UNIT, (UNIT,), **said)

    behind = status(heads=of_made, accepted=6)
    yield "a-head-that-was-followed", paper, FalseStatus(behind, UNIT, shown)
    yield "a-status-from-before", paper, FalseStatus(status(heads=of_made, accepted=5), UNIT, shown)
    yield (
        "to-whom-has-passed-it-on",
        paper,
        FalseStatus(status(heads=of_made, accepted=6, status="passed_on"), UNIT, shown),
    )
    yield "called-held-what-was-dispensed", paper, FalseStatus(status(accepted=6), UNIT, shown)
    yield "called-dispensed-what-was", paper, FalseStatus(status(accepted=6, status="dispensed"), UNIT, shown)
    yield "by-rules-not-known", paper, FalseStatus(status(accepted=6, rules=99), UNIT, shown)
    yield from rules_since_2()
    yield "without-its-promise", paper, FalseStatus(behind, UNIT, half(ended))
    yield "a-first-statement", paper, FalseStatus(behind, UNIT, half(made, place=promise(made, 4)))
    yield "not-by-the-node", paper, FalseStatus(behind, UNIT, half(ended, place=promise(ended, 5, "another node")))
    yield "another-root-than-the-log", paper, FalseStatus(status(root=bytes(32)), checkpoint=paper.checkpoint())
    yield "the-root-of-the-log", paper, FalseStatus(status(), checkpoint=paper.checkpoint())
    yield "another-size-than-the-log", paper, FalseStatus(status(size=1), checkpoint=paper.checkpoint())


def rules_since_2() -> Iterator[tuple[str, Paper, Evidence]]:
    """What an event means is asked of the version that the status names: the first knew of no destruction."""
    paper, gone = destroyed()
    shown = half(gone, place=promise(gone, 5))
    for name, rules in (("called-held-what-was-destroyed", 2), ("by-rules-that-did-not-know-of-destroying", 1)):
        yield name, paper, FalseStatus(paper.status(UNIT, (UNIT,), accepted=6, rules=rules), UNIT, shown)


def promises() -> Iterator[tuple[str, Paper, Evidence]]:
    paper, one, other = shipped_twice(witnesses=2)
    yield "one-number-for-two-entries", paper, TwoPromises((promise(one, 7), promise(other, 7)))
    yield "two-numbers", paper, TwoPromises((promise(one, 7), promise(other, 8)))
    yield "one-entry-twice", paper, TwoPromises((promise(one, 7), promise(one, 7, accepted=LATE, integrate_by=LATE)))
    yield "number-by-another-node", paper, TwoPromises((promise(one, 7), promise(other, 7, "another node")))

    def lagging(note: str) -> str:
        """The first witness alone has not seen more."""
        return "\n".join(note.splitlines()[:-1]) + "\n"

    def seen(size: int, at: Any) -> str:
        signed = Checkpoint(ORIGIN, size, root_of([leaf_hash(each) for each in paper.entries[:size]])).sign(
            paper.signer
        )
        return signed + "".join(f"{cosigner.cosign(signed, at=at)}\n" for cosigner in paper.cosigners)

    size, said = other.index, promise(other)
    before = tuple(paper.entries[:size])
    proof = inclusion_proof([leaf_hash(each) for each in paper.entries], other.index)
    receipt = str(Proof(other.index, tuple(proof), seen(size + 1, LATE)))
    yield "not-in-the-log-by-then", paper, BrokenPromise(said, seen(size, LATE), entries=before)
    yield "in-the-log-too-late", paper, BrokenPromise(said, seen(size, LATE), receipt=receipt)
    yield "seen-before-its-time", paper, BrokenPromise(said, seen(size, NOW), entries=before)
    yield "in-the-log-in-time", paper, BrokenPromise(said, seen(size + 1, LATE), entries=(*before, paper.entries[size]))
    yield "receipt-within-what-was-seen", paper, BrokenPromise(said, seen(size + 1, LATE), receipt=receipt)
    yield "entries-of-another-tree", paper, BrokenPromise(said, seen(size, LATE), entries=before[1:])
    bare = Checkpoint(ORIGIN, size, root_of([leaf_hash(each) for each in before])).sign(paper.signer)
    yield "seen-by-no-witness", paper, BrokenPromise(said, bare, entries=before)
    paper.quorum = "1"
    yield "seen-late-by-one-that-may-lag", paper, BrokenPromise(said, lagging(seen(size, LATE)), entries=before)
    alone, one, other = shipped_twice()
    signed = Checkpoint(ORIGIN, 1, root_of([leaf_hash(alone.entries[0])])).sign(alone.signer)
    yield "by-a-policy-without-witnesses", alone, BrokenPromise(promise(other), signed, entries=(alone.entries[0],))


def unreadable() -> Iterator[Case]:
    paper, one, other = shipped_twice()
    data = write(fork(paper, half(one), half(other)))
    yield "cut", data[:-1], paper.policy
    yield "more-behind-it", data + b"\0", paper.policy
    yield "of-another-version", data.replace(b"\x61v\x01", b"\x61v\x02"), paper.policy
    yield "of-no-kind-known", data.replace(b"dfork", b"dfirk"), paper.policy
    yield "not-cbor", b"evidence", paper.policy


def cases() -> Iterator[dict[str, Any]]:
    stories: tuple[Callable[[], Iterator[tuple[str, Paper, Evidence]]], ...] = (
        *(forks, forks_in_bundles, trees, statuses, promises),
    )
    for story in stories:
        for name, paper, evidence in story():
            yield case(name, write(evidence), paper.policy)
    for name, data, policy in unreadable():
        yield case(name, data, policy)


def case(name: str, data: bytes, policy: Policy) -> dict[str, Any]:
    convicted, code = [], None
    try:
        convicted = [each.as_json() for each in convict(data, policy)]
    except NotConvicted as reason:
        code = reason.code
    except ValueError as error:
        code = getattr(error, "code", "")
    return {
        "name": name,
        "policy": json.loads(str(policy)),
        "evidence": b64encode(data).decode(),
        "convicted": convicted,
        "code": code,
    }


def text() -> str:
    return json.dumps(list(cases()), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
