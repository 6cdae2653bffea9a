"""What serial numbers of a pool are made of: characters, a length, and how many of them may be given out. Pure.

    n ──permutation──> an integer below characters^length ──digits──> K7F2N04WXR3E

A number may be guessed with a probability "lower than one in ten thousand" (Commission Delegated Regulation (EU)
2016/161, article 4(c)); the DSCSA names no bound. So fewer than one in ten thousand of the possible numbers are ever
given out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from partners.gs1.errors import BadCharacter, BadLength, BadValue

from .permutation import Permutation

LONGEST = 20  # characters that AI 21 holds (GS1 General Specifications section 3.5.2)
SPARSE = 10_000  # possible numbers for each one given out
SMALLEST = 1_000_000  # possible numbers: the least that SP 800-38G Revision 1 would permute
MOST = 2**63 - 1  # numbers that a database can count

#: Characters of set 82 that a Digital Link and an EPC URN hold as they are (RFC 3986 section 2.3).
PLAIN = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._")
#: Of each group, a set has one at most: people type what they read, and small print is read wrong.
LOOK_ALIKE = ("0OoQD", "1IiLl", "2Zz", "5Ss", "6Gb", "8B", "9gq", "4A", "Uu", "Vv", "Cc", "Kk", "Pp", "Ww", "Xx", "-_")
#: Sets by name.
SETS: Mapping[str, str] = {"digits": "0123456789", "unambiguous": "0123456789CEFHJKMNPRTUWXY"}


def check_characters(characters: str) -> None:
    """Raise unless a pool may draw from these. They stand in the order of their codes, each once.

    >>> check_characters("0123456789O")
    Traceback (most recent call last):
    partners.gs1.errors.BadValue: characters: characters that look alike; expected one of 0OoQD; found '0O'
    """
    if odd := sorted(set(characters) - PLAIN):
        expected = "digits, letters, - . _: they are the same in a symbol, a Digital Link and a URN"
        raise BadCharacter("no character of serial numbers here", where="characters", expected=expected, found=odd[0])
    if len(characters) < 2 or list(characters) != sorted(set(characters)):
        expected = "two or more, each once, in the order of their codes"
        raise BadValue("not a set of characters", where="characters", expected=expected, found=repr(characters))
    for group in LOOK_ALIKE:
        if len(alike := set(group).intersection(characters)) > 1:
            raise BadValue(
                "characters that look alike",
                code="lookalike_characters",
                where="characters",
                expected=f"one of {group}",
                found=repr("".join(sorted(alike))),
            )


def twin(character: str, characters: str) -> str | None:
    """The one of these that looks like this character.

    >>> twin("O", "0123456789"), twin("X", "0123456789")
    ('0', None)
    """
    groups = (group for group in LOOK_ALIKE if character in group)
    return next((each for group in groups for each in group if each in characters), None)


@dataclass(frozen=True, slots=True)
class Numbering:
    """The serial numbers of one pool, in the order in which they are given out.

    >>> numbering = Numbering("0123456789", 12, bytes(32))
    >>> list(numbering.serials(0, 3))
    ['492239076122', '358922685351', '773593553369']
    >>> list(numbering.places(["773593553369", "123", "12345678901X"]))
    [2, None, None]
    """

    characters: str  # in the order of their codes
    length: int  # of each number, 1 to 20
    key: bytes = field(repr=False)  # 32 bytes, secret: whoever has it knows all numbers, also those to come

    def __post_init__(self) -> None:
        check_characters(self.characters)
        if not 1 <= self.length <= LONGEST:
            expected = f"1 to {LONGEST}"
            raise BadLength("not a length of serial numbers", where="length", expected=expected, found=str(self.length))
        if self.size < SMALLEST:
            raise BadLength(
                "too few numbers to draw from: each could be guessed",
                code="pool_too_small",
                where="length",
                expected=f"{SMALLEST} possible numbers, or more",
                found=f"{self.size}: {len(self.characters)} characters, {self.length} of them",
            )

    @property
    def size(self) -> int:
        """How many numbers are possible."""
        return len(self.characters) ** self.length

    @property
    def capacity(self) -> int:
        """How many of them may ever be given out."""
        return min((self.size - 1) // SPARSE, MOST)

    def serials(self, first: int, count: int) -> Iterator[str]:
        """So many of them, from one on."""
        return _written(self._permutation.of(range(first, first + count)), self.characters, self.length)

    def places(self, serials: Sequence[str]) -> Iterator[int | None]:
        """Which number of the pool each of these is: None if it cannot be one of it."""
        values = [_value(serial, self.characters, self.length) for serial in serials]
        found = self._permutation.inverse([value for value in values if value is not None])
        return (None if value is None else next(found) for value in values)

    @property
    def _permutation(self) -> Permutation:
        return Permutation(self.key, self.size)


# ---- integers as characters: several at a time, by a table -----------------------------------------------------------

_TABLE = 1 << 15  # words of a table, at most
_BATCH = 8192  # numbers written at once


@lru_cache(maxsize=16)
def _words(characters: str) -> tuple[list[str], int]:
    """All words of as many characters as a table holds, in order; and their length."""
    words, length = list(characters), 1
    while len(words) * len(characters) <= _TABLE:
        words, length = [word + each for word in words for each in characters], length + 1
    return words, length


@lru_cache(maxsize=16)
def _places_of(characters: str) -> dict[str, int]:
    return {word: place for place, word in enumerate(_words(characters)[0])}


def _written(values: Iterator[int], characters: str, length: int) -> Iterator[str]:
    words, width = _words(characters)
    base, columns = len(words), -(-length // width)
    surplus = columns * width - length  # characters of the first word that stand for nothing
    batch: list[int] = []
    for value in values:
        batch.append(value)
        if len(batch) == _BATCH:
            yield from _column_by_column(batch, words, base, columns, surplus)
            batch = []
    yield from _column_by_column(batch, words, base, columns, surplus)


def _column_by_column(batch: list[int], words: list[str], base: int, columns: int, surplus: int) -> Iterator[str]:
    written: list[list[str]] = []
    for _ in range(columns - 1):
        written.append([words[value % base] for value in batch])
        batch = [value // base for value in batch]
    written.append([words[value][surplus:] for value in batch])
    return map("".join, zip(*reversed(written), strict=True))


def _value(serial: str, characters: str, length: int) -> int | None:
    """The integer that a number is written for; None if it is not of this length, or of other characters."""
    if len(serial) != length:
        return None
    words, (_, width) = _places_of(characters), _words(characters)
    padded = characters[0] * (-length % width) + serial
    value = 0
    for at in range(0, len(padded), width):
        word = words.get(padded[at : at + width])
        if word is None:
            return None
        value = value * len(words) + word
    return value
