"""The tree as tiles: their names, how they grow, and proofs read from them."""

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.errors import LogError, MalformedTile
from ledger.tlog.merkle import (
    check_inclusion,
    consistency_from,
    inclusion_from,
    leaf_hash,
    multiproof_from,
    reader_of,
    root_from,
    root_of,
)
from ledger.tlog.tiles import (
    ENTRIES,
    Tile,
    TileReader,
    changed,
    decode_entries,
    encode_entries,
    grow,
    hashes_of,
    tiles_of,
    wanted,
)
from tests.ledger.tlog.conformance import TLOG, conformance, read

LEAVES = [leaf_hash(b"%d" % n) for n in range(70_000)]
tiles = st.builds(Tile, st.integers(ENTRIES, 63), st.integers(0, 10**19), st.integers(1, 256))


def nothing(tile: Tile) -> bytes:
    raise AssertionError(f"{tile} fetched")


TREE = grow(0, nothing, LEAVES)
STORED = reader_of(LEAVES)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 255), "tile/1/999.p/255"),
        (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
        (Tile(63, 5), "tile/63/005"),
        (Tile(ENTRIES, 12345, 7), "tile/entries/x012/345.p/7"),
    ],
)
def test_a_tile_is_named_by_its_path(tile: Tile, path: str) -> None:
    assert str(tile) == path
    assert Tile.parse(path) == tile


@given(tiles)
def test_every_path_reads_back(tile: Tile) -> None:
    assert Tile.parse(str(tile)) == tile


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("tile/0/000.p/256", id="partial-of-full-width"),
        pytest.param("tile/0/000.p/0", id="empty"),
        pytest.param("tile/0/000.p/05", id="leading-zero-width"),
        pytest.param("tile/00/000", id="leading-zero-level"),
        pytest.param("tile/64/000", id="level-too-high"),
        pytest.param("tile/-1/000", id="entries-by-number"),
        pytest.param("tile/0/x000/000", id="leading-zero-element"),
        pytest.param("tile/0/001/000", id="element-without-x"),
        pytest.param("tile/0/x001/x000", id="last-element-with-x"),
        pytest.param("tile/0/1", id="unpadded"),
        pytest.param("tile/0/0000", id="four-digits"),
        pytest.param("tile/0/٠٠٠", id="digits-of-another-script"),
        pytest.param("tile/0/000/", id="trailing-slash"),
        pytest.param("tile/0/000\n", id="trailing-newline"),
        pytest.param("tile/0/000.p/", id="no-width"),
        pytest.param("/tile/0/000", id="leading-slash"),
        pytest.param("tile/data/000", id="static-ct"),
        pytest.param("tile/0/" + "x001/" * 3000 + "000", id="endless"),
        pytest.param("", id="nothing"),
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(MalformedTile):
        Tile.parse(path)


@given(st.text() | st.from_regex(r"tile/[0-9e]{1,3}/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,4})?"))
def test_a_path_is_read_exactly_or_refused(path: str) -> None:
    with suppress(LogError):
        assert str(Tile.parse(path)) == path


def test_the_specifications_own_example_of_70000_leaves() -> None:
    by_level: dict[int, list[int]] = {}
    for tile in tiles_of(70_000):
        by_level.setdefault(tile.level, []).append(tile.width)
    assert by_level == {0: [256] * 273 + [112], 1: [256, 17], 2: [1]}
    assert list(map(str, tiles_of(256))) == ["tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_of(0)) == []


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_growing_adds_just_the_tiles_that_were_not_there(one: int, other: int) -> None:
    old, new = sorted((one, other))
    assert set(changed(old, new)) == set(tiles_of(new)) - set(tiles_of(old))


@given(st.lists(st.integers(0, 700), min_size=1, max_size=4))
def test_a_tree_grown_in_steps_has_the_tiles_of_one_grown_at_once(batches: list[int]) -> None:
    store: dict[Tile, bytes] = {}
    size = 0
    for batch in batches:
        grown = grow(size, store.__getitem__, LEAVES[size : size + batch])
        assert list(grown) == list(changed(size, size + batch))
        assert not grown.keys() & store.keys()
        store |= grown
        size += batch
    at_once = grow(0, nothing, LEAVES[:size])
    assert {tile: store[tile] for tile in at_once} == at_once
    assert root_from(TileReader(store.__getitem__, size), size) == root_of(LEAVES[:size])


def test_a_hash_above_is_the_root_of_a_full_tile_below() -> None:
    for index, value in enumerate(hashes_of(TREE[Tile(1, 0)])):
        assert value == root_of(hashes_of(TREE[Tile(0, index)]))


@given(st.data())
def test_tiles_give_the_proofs_that_the_leaves_give(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70_000))
    index = data.draw(st.integers(0, size - 1))
    tree = {
        **TREE,
        **{tile: TREE[Tile(tile.level, tile.index, full(tile))][: tile.width * 32] for tile in tiles_of(size)},
    }
    reader = TileReader(tree.__getitem__, size)
    assert inclusion_from(reader, index, size) == inclusion_from(STORED, index, size)
    assert consistency_from(reader, index + 1, size) == consistency_from(STORED, index + 1, size)
    assert multiproof_from(reader, [0, index], size) == multiproof_from(STORED, [0, index], size)


def full(tile: Tile) -> int:
    """The width that a tile has in the whole tree."""
    return min(256, (70_000 >> 8 * tile.level) - 256 * tile.index)


def test_the_tiles_of_several_proofs_are_known_before_any_is_read() -> None:
    def proofs(reader: object) -> object:
        return inclusion_from(reader, 69_999, 70_000), consistency_from(reader, 300, 70_000)  # type: ignore[arg-type]

    few = {tile: TREE[tile] for tile in wanted(70_000, proofs)}
    assert proofs(TileReader(few.__getitem__, 70_000)) == proofs(STORED)
    assert len(few) < 8


def test_a_tile_is_fetched_once() -> None:
    fetched: list[Tile] = []

    def fetch(tile: Tile) -> bytes:
        fetched.append(tile)
        return TREE[tile]

    reader = TileReader(fetch, 70_000)
    for index in range(0, 256, 7):
        inclusion_from(reader, index, 70_000)
    assert len(fetched) == len(set(fetched)) == 4


@pytest.mark.parametrize("at", [0, 7, 255])
def test_a_tile_edited_behind_the_readers_back_changes_the_answer(at: int) -> None:
    """Nothing is answered from memory for other content, whichever hash of it is another."""
    before = inclusion_from(TileReader(TREE.__getitem__, 70_000), 100, 70_000)
    tile = TREE[Tile(0, 0)]
    edited = {**TREE, Tile(0, 0): tile[: 32 * at] + bytes(32) + tile[32 * at + 32 :]}
    assert inclusion_from(TileReader(edited.__getitem__, 70_000), 100, 70_000) != before
    assert inclusion_from(TileReader(TREE.__getitem__, 70_000), 100, 70_000) == before


@given(st.lists(st.integers(1, 255), max_size=6))
def test_a_tile_is_read_alike_in_whichever_width_it_was_read_before(widths: list[int]) -> None:
    for width in widths:
        tiles = {Tile(0, 0, width): TREE[Tile(0, 0)][: 32 * width]}
        assert root_from(TileReader(tiles.__getitem__, width), width) == root_of(LEAVES[:width])


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(32 * 257)])
def test_a_tile_of_another_length_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedTile):
        root_from(TileReader(lambda tile: data, 2), 2)
    with pytest.raises(MalformedTile):
        grow(2, lambda tile: data, LEAVES[2:3])


# Entry bundles


@given(st.lists(st.binary(max_size=80), max_size=256))
def test_entries_come_out_of_a_bundle_as_they_went_in(entries: list[bytes]) -> None:
    assert decode_entries(encode_entries(entries)) == entries


@given(st.binary(max_size=200))
def test_a_bundle_is_read_exactly_or_refused(bundle: bytes) -> None:
    with suppress(MalformedTile):
        assert encode_entries(decode_entries(bundle)) == bundle


@pytest.mark.parametrize(
    "bundle",
    [
        pytest.param(b"\0", id="half-a-length"),
        pytest.param(b"\0\x20" + bytes(31), id="entry-cut-short"),
        pytest.param(b"\0\0" * 257, id="more-than-256-entries"),
    ],
)
def test_other_bundles_are_refused(bundle: bytes) -> None:
    with pytest.raises(MalformedTile):
        decode_entries(bundle)


def test_an_entry_longer_than_its_length_can_say_is_refused() -> None:
    with pytest.raises(MalformedTile):
        encode_entries([bytes(65536)])


# Vectors of others


@conformance
def test_generated_tiles() -> None:
    entries = [b"tlog-shared-3645/%d" % n for n in range(70_000)]
    leaves = list(map(leaf_hash, entries))
    for log in read("generated/tiles.json")["logs"]:
        grown = grow(0, nothing, leaves[: log["size"]])
        bundles = sum(tile.level == 0 for tile in grown)
        assert len(grown) + bundles == log["resources_total"]
        assert root_from(TileReader(grown.__getitem__, log["size"]), log["size"]).hex() == log["root"]
        for resource in log["resources"]:
            tile = Tile.parse(resource["path"])
            first = tile.index * 256
            data = encode_entries(entries[first : first + tile.width]) if tile.level == ENTRIES else grown[tile]
            assert (len(data), sha256(data).hexdigest()) == (resource["bytes"], resource["sha256"])


@conformance
def test_the_mirrored_tree_of_sunlight() -> None:
    mirror = TLOG / "sunlight/skylight/witness/mirror" / sha256(b"rome2026h1.example.org").hexdigest()
    reader = TileReader(lambda tile: (mirror / str(tile)).read_bytes(), 300)
    root = root_from(reader, 300)
    assert root.hex() == "830df5c90aea65909c10e3ebcd7f9ba72de727a4209e04ca9fc1b59b48badae5"
    leaves = hashes_of((mirror / "tile/0/000").read_bytes()) + hashes_of((mirror / "tile/0/001.p/44").read_bytes())
    for index in (0, 255, 256, 299):
        check_inclusion(leaves[index], index, 300, inclusion_from(reader, index, 300), root)
    assert set(map(str, grow(0, nothing, leaves))) == {"tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"}


@conformance
def test_the_first_tiles_of_a_real_log() -> None:
    navigli = TLOG / "sunlight/navigli2025h2"
    tiles = [(navigli / str(Tile(0, index))).read_bytes() for index in range(4)]
    grown = grow(0, nothing, [leaf for tile in tiles for leaf in hashes_of(tile)])
    assert [grown[Tile(0, index)] for index in range(4)] == tiles
    assert hashes_of(grown[Tile(1, 0, 4)]) == [root_of(hashes_of(tile)) for tile in tiles]
    assert (navigli / "tile/0/003.p/10").read_bytes() == tiles[3][:320]
