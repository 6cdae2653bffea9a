"""The tree: fast code against RFC 9162 transcribed, and the vectors of others."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.errors import BadProof, LogError, OutOfRange
from ledger.tlog.merkle import (
    EMPTY,
    Growing,
    check_consistency,
    check_inclusion,
    check_multiproof,
    consistency_from,
    consistency_proof,
    inclusion_from,
    inclusion_proof,
    leaf_hash,
    multiproof,
    multiproof_from,
    node_hash,
    reader_of,
    root_from,
    root_of,
)
from tests.ledger.tlog import rfc9162
from tests.ledger.tlog.conformance import conformance, files, lines, read, unhex

LEAVES = [leaf_hash(b"%d" % n) for n in range(300)]
sizes = st.integers(1, 300)


def test_hashing_is_that_of_section_2_1_1() -> None:
    assert rfc9162.mth([]) == EMPTY
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(LEAVES[0], LEAVES[1]) == rfc9162.mth(LEAVES[:2]) == root_of(LEAVES[:2])


@pytest.mark.parametrize("size", [*range(34), 63, 64, 65, 127, 128, 129, 255, 256, 257, 300])
def test_roots_are_those_of_the_standard(size: int) -> None:
    assert root_of(LEAVES[:size]) == rfc9162.mth(LEAVES[:size])
    if size:
        assert root_from(reader_of(LEAVES), size) == rfc9162.mth(LEAVES[:size])


@given(st.lists(st.integers(0, 90), max_size=6))
def test_a_tree_that_grows_by_many_leaves_at_once_is_the_one_that_grew_leaf_by_leaf(steps: list[int]) -> None:
    one_by_one, at_once = Growing(), Growing()
    for step in steps:
        leaves = LEAVES[at_once.size :][:step]
        for leaf in leaves:
            one_by_one.add(leaf)
        at_once.extend(leaves)
        assert at_once.size == one_by_one.size
        assert at_once.root() == one_by_one.root() == rfc9162.mth(LEAVES[: at_once.size])
        at_once = Growing.from_reader(reader_of(LEAVES), at_once.size)


def test_every_inclusion_proof_of_small_trees_is_that_of_the_standard_and_holds() -> None:
    for size in range(1, 34):
        root = rfc9162.mth(LEAVES[:size])
        for index in range(size):
            proof = inclusion_proof(LEAVES[:size], index)
            assert proof == rfc9162.path(index, LEAVES[:size])
            check_inclusion(LEAVES[index], index, size, proof, root)


def test_every_consistency_proof_of_small_trees_is_that_of_the_standard_and_holds() -> None:
    for new in range(1, 34):
        for old in range(1, new + 1):
            proof = consistency_proof(LEAVES[:new], old)
            assert proof == rfc9162.proof(old, LEAVES[:new])
            check_consistency(old, rfc9162.mth(LEAVES[:old]), new, rfc9162.mth(LEAVES[:new]), proof)


@given(sizes, st.data())
def test_a_reader_of_stored_subtrees_gives_the_same_proofs(size: int, data: st.DataObject) -> None:
    reader = reader_of(LEAVES)
    index = data.draw(st.integers(0, size - 1))
    assert inclusion_from(reader, index, size) == rfc9162.path(index, LEAVES[:size])
    assert consistency_from(reader, index + 1, size) == rfc9162.proof(index + 1, LEAVES[:size])


def test_a_reader_is_only_asked_for_complete_subtrees() -> None:
    size = 173
    stored = reader_of(LEAVES)

    def reader(level: int, index: int, /) -> bytes:
        assert (index + 1) << level <= size
        return stored(level, index)

    root_from(reader, size)
    for index in range(size):
        inclusion_from(reader, index, size)
        consistency_from(reader, index + 1, size)
        multiproof_from(reader, [index], size)


@given(sizes, st.data())
def test_one_proof_for_several_leaves(size: int, data: st.DataObject) -> None:
    wanted = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    proof = multiproof(LEAVES[:size], wanted)
    assert proof == rfc9162.multi(wanted, LEAVES[:size])
    check_multiproof({n: LEAVES[n] for n in wanted}, size, proof, root_of(LEAVES[:size]))


@given(sizes, st.data())
def test_a_multiproof_of_one_leaf_holds_the_hashes_of_its_inclusion_proof(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    assert set(multiproof(LEAVES[:size], [index])) == set(inclusion_proof(LEAVES[:size], index))


# What must not hold


@given(sizes, st.data())
def test_inclusion_is_judged_as_the_standard_judges_it(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = damage(rfc9162.path(index, LEAVES[:size]), data)
    claimed, claimed_size = data.draw(near(index)), data.draw(near(size))
    root = rfc9162.mth(LEAVES[:size])
    expected = rfc9162.included(LEAVES[index], claimed, claimed_size, proof, root)
    assert accepts(check_inclusion, LEAVES[index], claimed, claimed_size, proof, root) == expected


@given(st.integers(2, 300), st.data())
def test_consistency_is_judged_as_the_standard_judges_it(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof = damage(rfc9162.proof(old, LEAVES[:new]), data)
    roots = rfc9162.mth(LEAVES[:old]), rfc9162.mth(LEAVES[:new])
    claimed_old = data.draw(near(old).filter(bool))
    claimed_new = data.draw(near(new).filter(lambda size: size > claimed_old))
    expected = rfc9162.consistent(claimed_old, roots[0], claimed_new, roots[1], proof)
    assert accepts(check_consistency, claimed_old, roots[0], claimed_new, roots[1], proof) == expected


@given(st.integers(2, 60), st.data())
def test_a_damaged_multiproof_is_refused(size: int, data: st.DataObject) -> None:
    wanted = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    good = multiproof(LEAVES[:size], wanted)
    proof = damage(good, data)
    leaves = {n: LEAVES[n] for n in wanted}
    assert accepts(check_multiproof, leaves, size, proof, root_of(LEAVES[:size])) == (proof == good)


PROOF = multiproof(LEAVES[:13], [2, 3, 9])
ROOT = root_of(LEAVES[:13])
GOOD = {n: LEAVES[n] for n in (2, 3, 9)}


@pytest.mark.parametrize(
    ("leaves", "size", "proof", "root", "code"),
    [
        pytest.param({}, 13, [ROOT], ROOT, "out_of_range", id="no-leaves"),
        pytest.param({13: LEAVES[13]}, 13, PROOF, ROOT, "out_of_range", id="index-at-size"),
        pytest.param({-1: LEAVES[12]}, 13, PROOF, ROOT, "out_of_range", id="index-below-zero"),
        pytest.param({2: LEAVES[3], 3: LEAVES[2], 9: LEAVES[9]}, 13, PROOF, ROOT, "wrong_root", id="leaves-swapped"),
        pytest.param({2: LEAVES[2], 3: LEAVES[3], 8: LEAVES[9]}, 13, PROOF, ROOT, "wrong_root", id="other-index"),
        pytest.param(GOOD, 13, PROOF[:-1], ROOT, "proof_too_short", id="last-hash-dropped"),
        pytest.param(GOOD, 13, [], ROOT, "proof_too_short", id="no-hashes"),
        pytest.param(GOOD, 13, [*PROOF, ROOT], ROOT, "proof_too_long", id="root-appended"),
        pytest.param(GOOD, 13, PROOF[::-1], ROOT, "wrong_root", id="hashes-in-inclusion-order"),
        pytest.param(GOOD, 13, [b"", *PROOF[1:]], ROOT, "malformed_hash", id="empty-hash"),
        pytest.param({**GOOD, 9: b"leaf"}, 13, PROOF, ROOT, "malformed_hash", id="leaf-not-hashed"),
        pytest.param(GOOD, 26, PROOF, ROOT, "proof_too_short", id="size-doubled"),
        pytest.param({n: LEAVES[n] for n in (2, 3)}, 13, PROOF, ROOT, "proof_too_long", id="a-leaf-left-out"),
        pytest.param(GOOD, 13, PROOF, EMPTY, "wrong_root", id="empty-root"),
    ],
)
def test_a_multiproof_damaged_one_way(leaves: Any, size: int, proof: list[bytes], root: bytes, code: str) -> None:
    with pytest.raises(LogError) as refusal:
        check_multiproof(leaves, size, proof, root)
    assert refusal.value.code == code


def test_what_a_tree_does_not_have_cannot_be_proven() -> None:
    for make in (lambda: inclusion_proof(LEAVES[:5], 5), lambda: inclusion_proof([], 0), lambda: multiproof([], [])):
        with pytest.raises(OutOfRange):
            make()
    for old in (0, 6, -1):
        with pytest.raises(OutOfRange):
            consistency_proof(LEAVES[:5], old)


def test_a_node_does_not_pass_for_a_leaf() -> None:
    inner = node_hash(LEAVES[0], LEAVES[1])
    with pytest.raises(BadProof):
        check_inclusion(inner, 0, 4, [node_hash(LEAVES[2], LEAVES[3])], root_of(LEAVES[:4]))


def test_an_empty_tree_is_consistent_with_itself_alone() -> None:
    check_consistency(0, EMPTY, 0, EMPTY, [])
    for new_size, new_root in ((0, LEAVES[0]), (1, LEAVES[0])):
        with pytest.raises(LogError):
            check_consistency(0, EMPTY, new_size, new_root, [])


# Vectors of others


@conformance
def test_generated_roots() -> None:
    leaves = [leaf_hash(b"tlog-shared-3645/%d" % n) for n in range(65537)]
    reader = reader_of(leaves)
    for case in read("generated/roots.json")["cases"]:
        assert root_of(leaves[: case["size"]]).hex() == case["root"]
        assert root_from(reader, case["size"]).hex() == case["root"]


@conformance
def test_generated_inclusion_proofs() -> None:
    reader = reader_of([leaf_hash(b"tlog-shared-3645/%d" % n) for n in range(65537)])
    for case in lines("generated/inclusion.jsonl"):
        index, size, proof = case["leaf_index"], case["tree_size"], unhex(case["proof"])
        assert inclusion_from(reader, index, size) == proof
        check_inclusion(bytes.fromhex(case["leaf_hash"]), index, size, proof, bytes.fromhex(case["root"]))


@conformance
def test_generated_consistency_proofs() -> None:
    reader = reader_of([leaf_hash(b"tlog-shared-3645/%d" % n) for n in range(65537)])
    for case in lines("generated/consistency.jsonl"):
        assert consistency_from(reader, case["size1"], case["size2"]) == unhex(case["proof"])
        check_consistency(*heads(case), unhex(case["proof"]))


@conformance
def test_generated_inclusion_proofs_with_one_mutation_are_refused() -> None:
    for case in lines("generated/inclusion-invalid.jsonl"):
        leaf, root = bytes.fromhex(case["leaf_hash"]), bytes.fromhex(case["root"])
        claim = leaf, case["leaf_index"], case["tree_size"], unhex(case["proof"]), root
        assert not accepts(check_inclusion, *claim), case["id"]


@conformance
def test_generated_consistency_proofs_with_one_mutation_are_refused() -> None:
    for case in lines("generated/consistency-invalid.jsonl"):
        assert not accepts(check_consistency, *heads(case), unhex(case["proof"])), case["id"]


@conformance
@pytest.mark.parametrize("path", files("merkle/testdata/inclusion"))
def test_upstream_inclusion(path: Path) -> None:
    case = json.loads(path.read_text())
    leaf, root, proof = b64decode(case["leafHash"]), b64decode(case["root"]), list(map(b64decode, case["proof"] or ()))
    assert accepts(check_inclusion, leaf, case["leafIdx"], case["treeSize"], proof, root) != case["wantErr"]


@conformance
@pytest.mark.parametrize("path", files("merkle/testdata/consistency"))
def test_upstream_consistency(path: Path) -> None:
    case = json.loads(path.read_text())
    roots, proof = (b64decode(case["root1"]), b64decode(case["root2"])), list(map(b64decode, case["proof"] or ()))
    assert accepts(check_consistency, case["size1"], roots[0], case["size2"], roots[1], proof) != case["wantErr"]


@pytest.mark.skip(reason="subtrees of draft-ietf-plants-merkle-tree-certs are not used yet")
@pytest.mark.parametrize("folder", ["subtreeinclusion", "subtreeconsistency"])
def test_upstream_subtrees(folder: str) -> None: ...


# Helpers


def accepts(check: Any, *claim: Any) -> bool:
    try:
        check(*claim)
    except LogError:
        return False
    return True


def heads(case: dict[str, Any]) -> tuple[int, bytes, int, bytes]:
    return case["size1"], bytes.fromhex(case["root1"]), case["size2"], bytes.fromhex(case["root2"])


def near(number: int) -> st.SearchStrategy[int]:
    """Mostly the number itself."""
    return st.one_of(st.just(number), st.just(number), st.integers(max(0, number - 3), 2 * number + 1))


def damage(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    """The proof, or the proof with one thing wrong."""
    damaged = list(proof)
    match data.draw(st.sampled_from(["none", "flip", "drop", "insert", "swap"])):
        case "flip" if damaged:
            place = data.draw(st.integers(0, len(damaged) - 1))
            damaged[place] = bytes([damaged[place][0] ^ 1]) + damaged[place][1:]
        case "drop" if damaged:
            del damaged[data.draw(st.integers(0, len(damaged) - 1))]
        case "insert":
            damaged.insert(data.draw(st.integers(0, len(damaged))), LEAVES[0])
        case "swap" if damaged:
            first, second = (data.draw(st.integers(0, len(damaged) - 1)) for _ in range(2))
            damaged[first], damaged[second] = damaged[second], damaged[first]
    return damaged
