"""Numbers that go through the rounds: each comes out once, comes back, and shows nobody where it came from."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from traceability.permutation import BATCH, Permutation

KEY = bytes(range(32))
SIZES = (4, 5, 7, 10, 16, 17, 100, 255, 256, 257, 1000, 4096, 4097, 10_000)


def by_hand(key: bytes, size: int, number: int) -> int:
    """The construction as its docstring draws it: one number, one round, one block of AES at a time."""
    bits = (size - 1).bit_length()
    widths = bits // 2, bits - bits // 2
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    while True:
        a, b = number >> widths[1], number % 2 ** widths[1]
        for turn in range(10):
            block = b.to_bytes(15, "little") + bytes([turn])
            a, b = b, a ^ int.from_bytes(aes.update(block), "little") % 2 ** widths[turn % 2]
        number = (a << widths[1]) + b
        if number < size:
            return number


@pytest.mark.parametrize("size", SIZES)
def test_each_number_comes_out_once_and_goes_back(size: int) -> None:
    shuffled = Permutation(KEY, size)
    found = list(shuffled.of(range(size)))
    assert sorted(found) == list(range(size))
    assert list(shuffled.inverse(found)) == list(range(size))


@given(st.integers(4, 2**128), st.data(), st.binary(min_size=32, max_size=32))
def test_many_at_once_are_each_as_by_hand(size: int, data: st.DataObject, key: bytes) -> None:
    numbers = data.draw(st.lists(st.integers(0, size - 1), max_size=5))
    shuffled = Permutation(key, size)
    found = list(shuffled.of(numbers))
    assert found == [by_hand(key, size, number) for number in numbers]
    assert list(shuffled.inverse(found)) == numbers


def test_it_is_the_same_wherever_one_begins() -> None:
    shuffled = Permutation(KEY, 10**12)
    whole = list(shuffled.of(range(3 * BATCH)))
    assert list(shuffled.of(range(BATCH - 1, BATCH + 2))) == whole[BATCH - 1 : BATCH + 2]
    assert list(shuffled.of([])) == []


def chi_square(values: list[int], classes: int) -> float:
    """How far they are from being spread evenly, in standard deviations."""
    counts, expected = Counter(values), len(values) / classes
    statistic = sum((counts[each] - expected) ** 2 / expected for each in range(classes))
    return abs(statistic - (classes - 1)) / (2 * (classes - 1)) ** 0.5


@pytest.mark.parametrize("size", [10**6, 10**12, 25**12, 2**64, 65**20])
def test_neither_numbers_nor_the_steps_between_them_show_a_pattern(size: int) -> None:
    """Crude: six standard deviations, of the first numbers in sixteenths and hundredths of the range."""
    found = list(Permutation(KEY, size).of(range(20_000)))
    steps = [(after - before) % size for before, after in pairwise(found)]
    for classes in (16, 100):
        assert chi_square([number * classes // size for number in found], classes) < 6
        assert chi_square([number % classes for number in found], classes) < 6 + (size % classes > 0)
        assert chi_square([step * classes // size for step in steps], classes) < 6


def test_the_crude_check_sees_what_is_no_permutation_of_ours() -> None:
    counted = list(range(20_000))
    drawn = [random.Random(1).randrange(10**6) for _ in counted]
    assert chi_square([number * 16 // 10**6 for number in counted], 16) > 100
    assert chi_square([number * 16 // 10**6 for number in drawn], 16) > 100  # one number, again and again


def test_one_bit_of_the_key_changes_all() -> None:
    other = bytes([KEY[0] ^ 1]) + KEY[1:]
    one, two = (list(Permutation(key, 10**12).of(range(1000))) for key in (KEY, other))
    assert not set(one) & set(two)


@pytest.mark.parametrize(("key", "size"), [(b"short", 100), (KEY, 3), (KEY, 2**128 + 1)])
def test_what_it_cannot_permute_it_refuses(key: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="expected a key"):
        Permutation(key, size)


@pytest.mark.parametrize("number", [-1, 100])
def test_what_is_outside_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="expected integers"):
        list(Permutation(KEY, 100).of([0, number]))
