"""c2sp.org/tlog-tiles: the tree cut into tiles of 256 hashes, and its entries into bundles of 256.

A hash in a tile at level 0 is a leaf hash; at level n it is the root of a full tile at level n - 1, so that one tile
carries eight levels of the tree. Tiles never change: a partial one is only followed by wider ones.

>>> from .merkle import leaf_hash, root_from, root_of
>>> grown = grow(0, {}.__getitem__, [leaf_hash(b"%d" % n) for n in range(257)])
>>> [str(tile) for tile in grown]
['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']
>>> root_from(TileReader(grown.__getitem__, 257), 257) == root_of([leaf_hash(b"%d" % n) for n in range(257)])
True
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from .errors import MalformedTile
from .merkle import EMPTY, HASH_SIZE, HashReader, parents_of

HEIGHT = 8  # levels of the tree in one tile
FULL = 1 << HEIGHT  # hashes in a full tile, entries in a full bundle
ENTRIES = -1  # where entry bundles stand among the levels: below the leaf hashes
MAX_LEVEL = 63

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile, or which entry bundle. Its text form is its path:

    tile/0/x001/x234/067        level 0, index 1234067, full
    tile/2/000.p/17             level 2, index 0, the first 17 hashes
    tile/entries/003.p/112      the bundle of entries 768 to 879
    """

    level: int  # 0 to 63, or ENTRIES
    index: int  # from 0, within the level
    width: int = FULL  # 1 to 256 hashes or entries

    def __post_init__(self) -> None:
        if not (ENTRIES <= self.level <= MAX_LEVEL and self.index >= 0 and 1 <= self.width <= FULL):
            raise MalformedTile("no such tile", found=f"level {self.level}, index {self.index}, width {self.width}")

    def __str__(self) -> str:
        level = "entries" if self.level == ENTRIES else self.level
        digits = f"{self.index:,}".split(",")  # thousands are the path's elements, too
        *upper, last = [digits[0].zfill(3), *digits[1:]]
        partial = "" if self.width == FULL else f".p/{self.width}"
        return f"tile/{level}/{''.join(f'x{part}/' for part in upper)}{last}{partial}"

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path, as a request gives it. Only what formats back to the same path is accepted."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise MalformedTile("not the path of a tile", expected="tile/<L>/<N>[.p/<W>]", found=path)
        level, index, width = match.groups()
        digits = index.replace("x", "").replace("/", "")
        if len(digits) > 21:  # 2^63 entries have 19 digits
            raise MalformedTile("an index beyond any tree", found=path)
        tile = cls(ENTRIES if level == "entries" else int(level), int(digits), int(width) if width else FULL)
        if str(tile) != path:
            raise MalformedTile("not in canonical form", expected=str(tile), found=path)
        return tile

    @property
    def bundle(self) -> Self:
        """The entry bundle over the same entries as this tile of leaf hashes."""
        return replace(self, level=ENTRIES)


Fetch: TypeAlias = Callable[[Tile], bytes]
"""Where tiles come from: the bytes of just this tile, in just this width."""


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree, lowest level first."""
    return changed(0, size)


def changed(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles that a tree of `new_size` leaves has and one of `old_size` had not."""
    level = 0
    while old_size < new_size:
        for index in range(old_size // FULL, -(-new_size // FULL)):
            yield _tile(level, index, new_size)
        level, old_size, new_size = level + 1, old_size // FULL, new_size // FULL


def grow(old_size: int, fetch: Fetch, leaf_hashes: Sequence[bytes]) -> dict[Tile, bytes]:
    """The tiles that these leaves add to a tree of `old_size` leaves, in the order of `changed`.

    Of the tree before, only the partial tile at the end of each level that grows is fetched. What comes out
    depends on nothing but what goes in: done again after a crash, it is the same to the byte.
    """
    tiles: dict[Tile, bytes] = {}
    level, count, hashes = 0, old_size, leaf_hashes
    while hashes:
        first, width = divmod(count, FULL)
        begun = _demand(fetch, Tile(level, first, width)) if width else b""
        rows = _cut(begun + b"".join(hashes), FULL * HASH_SIZE)
        tiles.update((Tile(level, first + n, len(row) // HASH_SIZE), row) for n, row in enumerate(rows))
        hashes = [_subtrees.of(row)[HEIGHT] for row in rows if len(row) == FULL * HASH_SIZE]
        level, count = level + 1, first
    return tiles


def hashes_of(tile: bytes) -> list[bytes]:
    """The hashes that a tile is made of."""
    return _cut(tile, HASH_SIZE)


class TileReader:
    """The hashes of a tree of `size` leaves, read from its tiles, each fetched once."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch, self._size = fetch, size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int, /) -> bytes:
        place, row, column = _locate(level, index)
        rows = self._tiles.get(place) or self._read(place)
        return rows[row][column * HASH_SIZE : (column + 1) * HASH_SIZE]

    def _read(self, place: tuple[int, int]) -> list[bytes]:
        tile = _tile(*place, self._size >> HEIGHT * place[0])
        rows = self._tiles[place] = _subtrees.of(_demand(self._fetch, tile))
        return rows


def wanted(size: int, *proofs: Callable[[HashReader], object]) -> set[Tile]:
    """The tiles that proofs read from a tree of `size` leaves, found without reading any: for fetching them at once.

    >>> from .merkle import inclusion_from
    >>> sorted(map(str, wanted(70000, lambda reader: inclusion_from(reader, 0, 70000))))
    ['tile/0/000', 'tile/0/273.p/112', 'tile/1/000', 'tile/1/001.p/17']
    """
    places = set()

    def reader(level: int, index: int, /) -> bytes:
        places.add(_locate(level, index)[0])
        return EMPTY

    for prove in proofs:
        prove(reader)
    return {_tile(level, index, size >> HEIGHT * level) for level, index in places}


# Entry bundles


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """A bundle: each entry after its length, 16 bits, big-endian."""
    try:
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    except OverflowError:
        raise MalformedTile("an entry too long for a bundle", expected="up to 65,535 bytes") from None


def decode_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle; leaves nothing over."""
    entries, at = [], 0
    while at < len(bundle):
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        entries.append(bundle[start:at])
    if at != len(bundle) or len(entries) > FULL:
        raise MalformedTile("not an entry bundle", expected="up to 256 whole entries", found=f"{len(bundle)} bytes")
    return entries


# Parts


def _locate(level: int, index: int) -> tuple[tuple[int, int], int, int]:
    """Where a complete subtree's root is: the level and index of its tile; row, counted up from the tile's hashes, and
    column in it."""
    row = level % HEIGHT
    return (level // HEIGHT, index >> HEIGHT - row), row, index & (FULL >> row) - 1


def _tile(level: int, index: int, count: int) -> Tile:
    """The tile at this place of a level that has `count` hashes."""
    return Tile(level, index, min(FULL, count - index * FULL))


def _demand(fetch: Fetch, tile: Tile) -> bytes:
    data = fetch(tile)
    if len(data) != tile.width * HASH_SIZE:
        raise MalformedTile(
            "a tile cut short or too long",
            where=str(tile),
            expected=f"{tile.width * HASH_SIZE} bytes",
            found=f"{len(data)} bytes",
        )
    return data


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


class _Subtrees:
    """The roots of the complete subtrees in a tile, row by row: its hashes, their parents, and so on up.

    Remembered for the tiles read last, by their content: an edited tile is never answered from memory, and of one that
    has grown wider only what is new is hashed. Threads share it: no list is changed once it is here.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[bytes, tuple[bytes, list[bytes]]] = OrderedDict()  # by their first hash

    def of(self, tile: bytes) -> list[bytes]:
        """At least those of this tile; a wider one has the same, and more."""
        first = tile[:HASH_SIZE]
        known, rows = self._known.pop(first, (b"", []))
        if not known.startswith(tile):
            known, rows = tile, self._widened(rows if tile.startswith(known) else [], tile)
        self._known[first] = known, rows  # the last of them now
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return rows

    @staticmethod
    def _widened(rows: list[bytes], tile: bytes) -> list[bytes]:
        wider = [tile]
        for row in range(1, HEIGHT + 1):
            had = rows[row] if rows else b""
            wider.append(had + parents_of(wider[-1][2 * len(had) :]))
        return wider


_subtrees = _Subtrees(256)  # up to 17 kB each
