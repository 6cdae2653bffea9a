"""A keyed permutation of the integers below any bound: numbers that look drawn by lot, and never come twice. Pure.

    n ──split into bits──> A, B ──10 rounds: A, B = B, A xor AES(round, B)──> a number below 2^bits
                           ^──────────────────again while it is not below the bound──────────┘

The model is FF1 of NIST SP 800-38G section 5.1: format-preserving encryption by ten rounds of a Feistel network whose
round function is AES. What differs, so that thousands of numbers go through the rounds at once:

* the halves are bits, and are joined by XOR; those of FF1 are digits, added modulo a power of the radix. Where the
  bound is no power of two, the cycle is walked: whatever comes out too big goes in again, which gives a permutation of
  what is below the bound (Black and Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002, section 3);
* a half has 64 bits at most, so that a round is one block of AES and not a CBC-MAC of several;
* there is no tweak: every pool has an AES-256 key of its own.

So this is no mode that NIST has approved, and nobody has to decrypt what others encrypted. Seven rounds are proven to
be close to random for nearly as many numbers as a half has values (Patarin, *7 Rounds Are Enough for 2^n(1-e)
Security*, 2003); three more are a margin. The attacks on small domains that are known for FF1 and FF3 need many tweaks.
Revision 1 of SP 800-38G asks for a domain of a million or more: `numbering.py` does, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from struct import unpack

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ROUNDS = 10  # as FF1; an even number, so that the halves end where they began
KEY_BYTES = 32  # AES-256
LANE = 16  # bytes that one number, or half of one, has in a batch: a block of AES
BATCH = 8192  # numbers that go through the rounds at once: what they take stays in a processor's cache
_ROUND_AT = 8 * (LANE - 1)  # where a lane has the number of its round: above any half


@dataclass(frozen=True, slots=True)
class Permutation:
    """Of the integers from 0 up to, not including, `size`.

    >>> shuffled = Permutation(bytes(32), 1000)
    >>> list(shuffled.of(range(5)))
    [381, 222, 799, 519, 264]
    >>> list(shuffled.inverse([381, 222, 799, 519, 264]))
    [0, 1, 2, 3, 4]
    """

    key: bytes = field(repr=False)  # 32 bytes; a secret
    size: int  # 4 to 2^128

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES or not 4 <= self.size <= 1 << 8 * LANE:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes and a size of 4 to 2^128")

    def of(self, numbers: Sequence[int]) -> Iterator[int]:
        """Where each of these goes."""
        return self._walked(numbers, backwards=False)

    def inverse(self, numbers: Sequence[int]) -> Iterator[int]:
        """What goes to each of these."""
        return self._walked(numbers, backwards=True)

    def _walked(self, numbers: Sequence[int], *, backwards: bool) -> Iterator[int]:
        rounds = _Rounds(self.key, (self.size - 1).bit_length(), backwards=backwards)
        given = iter(numbers)
        while batch := list(islice(given, BATCH)):
            if not 0 <= min(batch) <= max(batch) < self.size:
                raise ValueError(f"expected integers from 0 to {self.size - 1}")
            yield from self._below_size(rounds.run(batch), rounds)

    def _below_size(self, numbers: list[int], rounds: "_Rounds") -> list[int]:
        """Fewer than half of them go once more, on average: the bound has as many bits as what comes out."""
        size = self.size
        outside = [at for at, number in enumerate(numbers) if number >= size]
        while outside:
            for at, number in zip(outside, rounds.run([numbers[at] for at in outside]), strict=True):
                numbers[at] = number
            outside = [at for at in outside if numbers[at] >= size]
        return numbers


class _Rounds:
    """The Feistel network over numbers of so many bits. A batch is one big integer, a lane for each number, so that
    XOR, shift and AES take all of them in one call."""

    def __init__(self, key: bytes, bits: int, *, backwards: bool) -> None:
        # ECB of blocks that are all of one round, and are never shown: AES as the pseudo-random function it is.
        self._aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        self._left, self._right = bits // 2, bits - bits // 2  # widths of the halves
        self._backwards = backwards

    def run(self, numbers: list[int]) -> list[int]:
        count, left, right = len(numbers), self._left, self._right
        ones = int.from_bytes((1).to_bytes(LANE, "little") * count, "little")  # a 1 in each lane
        masks = ones * ((1 << left) - 1), ones * ((1 << right) - 1)  # of even rounds, of odd ones
        whole = int.from_bytes(b"".join([number.to_bytes(LANE, "little") for number in numbers]), "little")
        a, b = (whole >> right) & masks[0], whole & masks[1]
        if self._backwards:
            for turn in reversed(range(ROUNDS)):
                a, b = b ^ (self._function(a | ones * turn << _ROUND_AT, count) & masks[turn % 2]), a
        else:
            for turn in range(ROUNDS):
                a, b = b, a ^ (self._function(b | ones * turn << _ROUND_AT, count) & masks[turn % 2])
        return _numbers((a << right | b).to_bytes(count * LANE, "little"))

    def _function(self, blocks: int, count: int) -> int:
        return int.from_bytes(self._aes.update(blocks.to_bytes(count * LANE, "little")), "little")


def _numbers(lanes: bytes) -> list[int]:
    words = unpack(f"<{len(lanes) // 8}Q", lanes)
    low, high = words[::2], words[1::2]
    if not any(high):
        return list(low)
    return [above << 64 | below for above, below in zip(high, low, strict=True)]
