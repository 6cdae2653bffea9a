"""The fast choice of a mask, against the points of ISO/IEC 18004 section 7.8.3.1 counted one by one."""

import re
from itertools import groupby, product

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.labels.qr_code import LEVEL, MASKS, rows


def points(symbol: list[str]) -> int:
    """As the table of the section has them, for rows and then columns."""
    size, found = len(symbol), 0
    columns = ["".join(column) for column in zip(*symbol, strict=True)]
    for line in (*symbol, *columns):
        lengths = [len(list(run)) for _, run in groupby(line)]
        found += sum(3 + length - 5 for length in lengths if length >= 5)
        found += 40 * len(re.findall("(?=10111010000|00001011101)", line))
    for row, column in product(range(size - 1), repeat=2):
        block = {symbol[row + down][column + right] for down, right in product((0, 1), repeat=2)}
        found += 3 * (len(block) == 1)
    dark = 100 * sum(line.count("1") for line in symbol) / size**2
    return found + 10 * int(abs(dark - 50) / 5)


def masked(text: str) -> list[list[str]]:
    """By segno, with each mask in turn."""
    made = [segno.make_qr(text, error=LEVEL, encoding="iso-8859-1", mask=mask) for mask in MASKS]
    return [["".join(map(str, row)) for row in each.matrix] for each in made]


@settings(max_examples=40)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=120))
def test_the_mask_has_the_fewest_points(text: str) -> None:
    candidates, chosen = masked(text), list(rows(text))
    assert chosen in candidates
    assert points(chosen) == min(map(points, candidates))


@pytest.mark.parametrize("length", [10, 150, 400, 1500])  # of which the largest have version information in them
def test_symbols_of_every_size_are_among_segnos_own(length: int) -> None:
    text = "https://maker.example/" + "a1" * (length // 2)
    assert list(rows(text)) in masked(text)
