"""RFC 9162 section 2.1 transcribed: slow, recursive, over leaf hashes. The tests hold the product against it."""

from collections.abc import Sequence
from hashlib import sha256


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def mth(leaves: Sequence[bytes]) -> bytes:
    """2.1.1: MTH(D_n)."""
    if len(leaves) == 0:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(mth(leaves[:k]), mth(leaves[k:]))


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """2.1.3.1: PATH(m, D_n)."""
    n = len(leaves)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """2.1.4.1: PROOF(m, D_n)."""
    return subproof(m, leaves, True)


def subproof(m: int, leaves: Sequence[bytes], known: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if known else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*subproof(m, leaves[:k], known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def multi(wanted: set[int], leaves: Sequence[bytes], first: int = 0) -> list[bytes]:
    """FORMATS section 7: left before right, the roots of the subtrees that hold none of the proven leaves."""
    n = len(leaves)
    if not wanted & set(range(first, first + n)):
        return [mth(leaves)]
    if n == 1:
        return []
    k = split(n)
    return multi(wanted, leaves[:k], first) + multi(wanted, leaves[k:], first + k)


def included(leaf: bytes, leaf_index: int, tree_size: int, hashes: Sequence[bytes], root: bytes) -> bool:
    """2.1.3.2: verifying an inclusion proof, step by step."""
    if leaf_index >= tree_size:  # 1
        return False
    fn, sn, r = leaf_index, tree_size - 1, leaf  # 2, 3
    for p in hashes:  # 4
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root  # 5


def consistent(first: int, first_hash: bytes, second: int, second_hash: bytes, hashes: Sequence[bytes]) -> bool:
    """2.1.4.2: verifying consistency between two tree heads, for 0 < first < second."""
    if not hashes:  # 1
        return False
    way = [first_hash, *hashes] if first & (first - 1) == 0 else list(hashes)  # 2
    fn, sn = first - 1, second - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = way[0]  # 5
    for c in way[1:]:  # 6
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_hash and sr == second_hash and sn == 0  # 7
