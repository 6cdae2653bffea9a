"""RFC 9162 section 2.1, by its definitions, and the multiproof of FORMATS 7.

>>> root([]).hex()[:8], root([leaf(b"x")]) == leaf(b"x")
('e3b0c442', True)
"""

import hashlib


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]), section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), root(leaves[:k])]


def multiproof(indexes: list[int], leaves: list[bytes], start: int = 0) -> list[bytes]:
    """Left before right, the roots of the subtrees that hold none of the proven leaves."""
    if not any(start <= index < start + len(leaves) for index in indexes):
        return [root(leaves)]
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return multiproof(indexes, leaves[:k], start) + multiproof(indexes, leaves[k:], start + k)


def root_from(proven: dict[int, bytes], size: int, siblings: list[bytes]) -> bytes | None:
    """The root that a multiproof leads to; None when it has too few or too many hashes or an index beyond the size."""
    left = list(siblings)

    def walk(start: int, n: int) -> bytes:
        if not any(start <= index < start + n for index in proven):
            return left.pop(0)
        if n == 1:
            return proven[start]
        k = split(n)
        first = walk(start, k)
        return node(first, walk(start + k, n - k))

    if not proven or not all(0 <= index < size for index in proven):
        return None
    try:
        found = walk(0, size)
    except IndexError:
        return None
    return None if left else found
