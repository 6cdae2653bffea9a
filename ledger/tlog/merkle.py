"""RFC 9162 section 2.1: the Merkle tree of a log, its inclusion and consistency proofs, made and checked.

The tree over leaves [start, end) has the tree over [start, middle) on its left and the one over [middle, end) on its
right, `middle - start` being the largest power of two smaller than `end - start`:

                  root            size 5: leaves 0 to 3 make a complete subtree (level 2, index 0),
               ┌────┴────┐        leaf 4 hangs at its right until more leaves come
             (2,0)       4
          ┌────┴────┐
        (1,0)     (1,1)
        ┌─┴─┐     ┌─┴─┐
        0   1     2   3

Proofs are made from all leaf hashes, or from a reader of stored complete subtrees; both give the same hashes.
A proof does not prove the size: size and root must come from one mouth, and be checked together.

>>> leaves = [leaf_hash(bytes([n])) for n in range(5)]
>>> proof = inclusion_proof(leaves, 3)
>>> check_inclusion(leaves[3], 3, 5, proof, root_of(leaves))
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Protocol

from .errors import BadProof, OutOfRange

HASH_SIZE = 32  # bytes
_PAIR = 2 * HASH_SIZE
EMPTY = sha256(b"").digest()  # section 2.1.1: the root of a tree without leaves


class HashReader(Protocol):
    """Where hashes come from: the root of the complete subtree over [index * 2^level, (index + 1) * 2^level)."""

    def __call__(self, level: int, index: int, /) -> bytes: ...


def leaf_hash(data: bytes) -> bytes:
    """Section 2.1.1. The prefix keeps a leaf from passing for a node."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes_of(data: Iterable[bytes]) -> list[bytes]:
    """Those of many, without a call for each."""
    return [sha256(b"\x00" + each).digest() for each in data]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Section 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


# Roots


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over these leaves."""
    level = leaf_hashes
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else EMPTY


def root_from(reader: HashReader, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return _subtree(reader, 0, size)


def reader_of(leaf_hashes: Sequence[bytes]) -> HashReader:
    """Every node of a tree, hashed once, to make several proofs from."""
    levels = [leaf_hashes]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return lambda level, index: levels[level][index]


class Growing:
    """The root of a tree to which one leaf comes after the other, in memory that grows with its height only.

    >>> tree = Growing()
    >>> for leaf in (leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")):
    ...     tree.add(leaf)
    >>> tree.size, tree.root() == root_of([leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")])
    (3, True)
    """

    def __init__(self, size: int = 0, complete: Sequence[bytes] = ()) -> None:
        self.size = size  # leaves
        self._complete = list(complete)  # the roots of complete subtrees, each smaller than the one before

    @classmethod
    def from_reader(cls, reader: HashReader, size: int) -> "Growing":
        """As it stood after the first `size` leaves."""
        return cls(size, _complete(reader, 0, size))

    def add(self, node: bytes, level: int = 0) -> None:
        """The next leaf; or 2^level leaves at once, by their root, where that is a subtree of its own."""
        place = self.size >> level
        while place & 1:
            node = node_hash(self._complete.pop(), node)
            place >>= 1
        self._complete.append(node)
        self.size += 1 << level

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Leaf after leaf; those that make a subtree together, at once."""
        at = 0
        while at < len(leaf_hashes):
            level = (len(leaf_hashes) - at).bit_length() - 1
            if self.size:
                level = min(level, (self.size & -self.size).bit_length() - 1)
            self.add(root_of(leaf_hashes[at : at + (1 << level)]), level)
            at += 1 << level

    def root(self) -> bytes:
        """The root of what came so far."""
        return _above(self._complete)

    def copy(self) -> "Growing":
        return Growing(self.size, self._complete)


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """The nodes one level up; a node without a right neighbour moves up as it is, which is what section 2.1.1 makes
    of a tree that is not complete."""
    parents = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


def parents_of(hashes: bytes) -> bytes:
    """Of hashes one after the other, the nodes one level up; one without a right neighbour has none yet."""
    pairs = range(0, len(hashes) - HASH_SIZE, _PAIR)
    return b"".join([sha256(b"\x01" + hashes[at : at + _PAIR]).digest() for at in pairs])


def _subtree(reader: HashReader, start: int, end: int) -> bytes:
    """The root over [start, end), a subtree of the recursion."""
    return _above(_complete(reader, start, end))


def _complete(reader: HashReader, start: int, end: int) -> list[bytes]:
    """The roots of the complete subtrees that make it up, each smaller than the one before."""
    complete = []
    while start < end:
        level = (end - start).bit_length() - 1
        complete.append(reader(level, start >> level))
        start += 1 << level
    return complete


def _above(complete: Sequence[bytes]) -> bytes:
    """The root over such subtrees."""
    if not complete:
        return EMPTY
    *rest, root = complete
    for node in reversed(rest):
        root = node_hash(node, root)
    return root


def _middle(start: int, end: int) -> int:
    """Where section 2.1.1 splits the tree over [start, end)."""
    return start + (1 << (end - start - 1).bit_length() - 1)


# Inclusion


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Section 2.1.3.1: what must be hashed with a leaf, in this order, to get the root."""
    return inclusion_from(reader_of(leaf_hashes), index, len(leaf_hashes))


def inclusion_from(reader: HashReader, index: int, size: int) -> list[bytes]:
    """The inclusion proof of the leaf at `index` in the tree of the first `size` leaves."""
    _demand_index(index, size)
    return [_subtree(reader, start, end) for start, end in beside_leaf(index, size)]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise BadProof unless the leaf with this hash is at `index` of the tree of `size` leaves with this root."""
    _demand_hashes(root)
    _demand_root(root_above(leaf, index, size, proof), root)


def root_above(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a leaf and its proof lead to: where nobody says which it should be, a signature has to."""
    _demand_index(index, size)
    beside = beside_leaf(index, size)
    _demand_count(proof, len(beside))
    _demand_hashes(leaf, *proof)
    node = leaf
    for (start, _), sibling in zip(beside, proof, strict=True):
        node = node_hash(sibling, node) if start < index else node_hash(node, sibling)
    return node


def beside_leaf(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees beside the way from a leaf up to the root, lowest first."""
    start, end = 0, size
    beside = []
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    return beside[::-1]


# Consistency


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Section 2.1.4.1: what shows that the tree of the first `old_size` of these leaves only grew."""
    return consistency_from(reader_of(leaf_hashes), old_size, len(leaf_hashes))


def consistency_from(reader: HashReader, old_size: int, new_size: int) -> list[bytes]:
    """The consistency proof between the trees of the first `old_size` and of the first `new_size` leaves."""
    _demand_growth(old_size, new_size)
    shared, beside = _beside_edge(old_size, new_size)
    subtrees = [(shared, old_size), *beside] if shared else beside
    return [_subtree(reader, start, end) for start, end in subtrees]


def check_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise BadProof unless the old tree is how the new one began.

    Nothing is consistent with an empty tree but itself: that every tree extends it says nothing about the new root.
    """
    _demand_growth(old_size, new_size)
    shared, beside = _beside_edge(old_size, new_size)
    _demand_count(proof, len(beside) + bool(shared))
    _demand_hashes(old_root, *proof)
    itself = old_root if old_size else EMPTY
    first, *siblings = proof if shared else (itself, *proof)  # 2.1.4.2 step 2: the old root is a node of the new tree
    old = new = first
    for (start, _), sibling in zip(beside, siblings, strict=True):
        if start < old_size:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    _demand_root(old, old_root)
    _demand_root(new, new_root)


def _beside_edge(old_size: int, new_size: int) -> tuple[int, list[tuple[int, int]]]:
    """The last node that both trees have, [start, old_size), given by its start; and the subtrees of the new tree
    beside the way from there up to the root, lowest first."""
    start, end = 0, new_size
    beside = []
    while end != old_size:
        middle = _middle(start, end)
        if old_size <= middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    return start, beside[::-1]


# Several leaves at once


def multiproof(leaf_hashes: Sequence[bytes], indexes: Collection[int]) -> list[bytes]:
    """One inclusion proof for several leaves: the roots of the subtrees that hold none of them, as the recursion of
    section 2.1.1 meets them, left before right (FORMATS section 7)."""
    return multiproof_from(reader_of(leaf_hashes), indexes, len(leaf_hashes))


def multiproof_from(reader: HashReader, indexes: Collection[int], size: int) -> list[bytes]:
    """The inclusion proof of several leaves in the tree of the first `size` leaves."""
    wanted = _in_order(indexes, size)

    def walk(start: int, end: int, leaves: list[int]) -> Iterator[bytes]:
        if not leaves:
            yield _subtree(reader, start, end)
        elif end - start > 1:
            middle = _middle(start, end)
            cut = bisect_left(leaves, middle)
            yield from walk(start, middle, leaves[:cut])
            yield from walk(middle, end, leaves[cut:])

    return list(walk(0, size, wanted))


def check_multiproof(leaves: Mapping[int, bytes], size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise BadProof unless all these leaf hashes, by index, are in the tree, and the proof holds nothing more."""
    wanted = _in_order(leaves, size)
    _demand_hashes(*leaves.values(), *proof)
    remaining = iter(proof)

    def walk(start: int, end: int, indexes: list[int]) -> bytes:
        if not indexes:
            return next(remaining)
        if end - start == 1:
            return leaves[start]
        middle = _middle(start, end)
        cut = bisect_left(indexes, middle)
        left = walk(start, middle, indexes[:cut])
        return node_hash(left, walk(middle, end, indexes[cut:]))

    try:
        computed = walk(0, size, wanted)
    except StopIteration:
        raise BadProof("too few hashes", code="proof_too_short", found=str(len(proof))) from None
    if next(remaining, None) is not None:
        raise BadProof("more hashes than the tree needs", code="proof_too_long", found=str(len(proof)))
    _demand_root(computed, root)


# Demands


def _demand_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise OutOfRange("no such leaf", expected=f"an index below the size, {size}", found=str(index))


def _in_order(indexes: Collection[int], size: int) -> list[int]:
    if not indexes:
        raise OutOfRange("no leaves to prove")
    for index in indexes:
        _demand_index(index, size)
    return sorted(set(indexes))


def _demand_growth(old_size: int, new_size: int) -> None:
    if not 0 < old_size <= new_size and (old_size, new_size) != (0, 0):
        raise OutOfRange("sizes do not grow", expected=f"1 to {new_size} leaves before", found=str(old_size))


def _demand_count(proof: Sequence[bytes], count: int) -> None:
    if len(proof) != count:
        code = "proof_too_short" if len(proof) < count else "proof_too_long"
        raise BadProof("wrong number of hashes", code=code, expected=str(count), found=str(len(proof)))


def _demand_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise BadProof("not a hash", code="malformed_hash", expected="32 bytes", found=f"{len(value)} bytes")


def _demand_root(computed: bytes, root: bytes) -> None:
    if computed != root:
        raise BadProof("the hashes lead to another root", code="wrong_root", expected=root.hex(), found=computed.hex())
