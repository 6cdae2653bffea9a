"""What went wrong between the symbol and the field, before anybody suspects the pack.

    what came ──undo, one way a fault──> readings ──which of them are known──> one fault, and perhaps one reading

`possible` names every fault that could explain what came, each with what would then have been on the pack; `explain`
chooses. Two kinds are told apart. What was lost or changed *on the way* (CAPS LOCK, another keyboard, a dropped
separator) left a code that a machine read right: a single such reading may be taken, and the answer says so. A *slip*
of hands is never corrected: the answer asks whether that was meant.

Where a separator is lost, the code divides in several ways, and only what is known decides; so it does wherever what
came is a good code by itself. Nothing is looked for that differs from what came in more than these ways: a serial
number is found by who has read it, and by nobody who guesses.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from itertools import islice, pairwise, product
from typing import NamedTuple

from .application_identifiers import AI_LENGTHS, AIS, PREDEFINED, check, check_digit
from .element_string import GS, ElementString, _scanned, _symbol, _written, parse_scan
from .errors import Gs1Error
from .keyboards import retyped

LONGEST = 240  # characters that are looked into: four elements need 80, and twice that if they came twice


class Nature(StrEnum):
    TRANSMISSION = "transmission"  # between symbol and field
    SLIP = "slip"  # of whoever typed


class Kind(NamedTuple):
    """What is said of a fault, and what is to be done."""

    nature: Nature
    sentence: str
    remedy: str


#: Every fault, by a code that never changes its meaning.
FAULTS: Mapping[str, Kind] = {
    "case_swapped": Kind(
        Nature.TRANSMISSION, "Capital and small letters are swapped.", "Turn CAPS LOCK off, and scan again."
    ),
    "keyboard_layout": Kind(
        Nature.TRANSMISSION,
        "Scanner and computer are set to different keyboards.",
        "Set the scanner to the keyboard of this computer: its manual has a code for that.",
    ),
    "separator_substituted": Kind(
        Nature.TRANSMISSION,
        "Another character stands where the separator between two elements (GS, FNC1) belongs.",
        "Set the scanner to send {GS}, |, ^ or ~ for it.",
    ),
    "separator_lost": Kind(
        Nature.TRANSMISSION,
        "Your scanner seems to drop the separator between two elements (GS, FNC1).",
        "Set the scanner to send {GS}, |, ^ or ~ for it.",
    ),
    "symbology_prefix": Kind(
        Nature.TRANSMISSION,
        "What the scanner says of the symbol, ]d2 before the code, is damaged.",
        "Set the scanner to send all of it, or nothing.",
    ),
    "scanned_twice": Kind(
        Nature.TRANSMISSION,
        "The same code came twice in one scan.",
        "Set the scanner to send Enter after each code; press its trigger once.",
    ),
    "two_codes": Kind(
        Nature.TRANSMISSION,
        "Two codes came in one scan.",
        "Set the scanner to send Enter after each code; scan one pack, and wait for its answer.",
    ),
    "cut_short": Kind(
        Nature.TRANSMISSION, "The code breaks off before its end.", "Hold still until the scanner is done; scan again."
    ),
    "leading_zero_lost": Kind(
        Nature.SLIP, "The product code has lost the zeros in front.", "A GTIN has 14 digits: write it with its zeros."
    ),
    "lookalike_typed": Kind(
        Nature.SLIP,
        "A character looks like another one: O and 0, I and 1.",
        "Compare with the pack, character by character.",
    ),
    "gtin_digit_wrong": Kind(
        Nature.SLIP, "A digit of the product code is wrong: its last does not fit.", "Read the product code again."
    ),
    "characters_transposed": Kind(
        Nature.SLIP,
        "Two characters beside each other are transposed.",
        "Compare with the pack, character by character.",
    ),
    "date_order": Kind(
        Nature.SLIP,
        "Day, month and year of the expiry stand in another order.",
        "Write the expiry as YYMMDD, or as 2028-12-31.",
    ),
}


class Evidence(IntEnum):
    """What can be said without knowing any pack."""

    NONE = 0  # what came is a good code, too
    SHAPE = 1  # the fault shows, and not what the code was
    READING = 2  # both


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which what came can be explained."""

    codes: tuple[str, ...]  # keys of FAULTS: first what happened last
    reading: ElementString | None  # what would have been on the pack; of a fault that is chosen: None if that is open
    evidence: Evidence = Evidence.NONE
    detail: str = ""

    @property
    def is_transmission(self) -> bool:
        return all(FAULTS[code].nature is Nature.TRANSMISSION for code in self.codes)

    @property
    def taken(self) -> bool:
        """Whether the answer is to its reading: never to a slip's."""
        return self.is_transmission and self.reading is not None

    @property
    def sentence(self) -> str:
        said = " ".join(FAULTS[code].sentence for code in self.codes)
        return f"{said} ({self.detail[:1].upper()}{self.detail[1:]}.)" if self.detail else said

    @property
    def remedy(self) -> str:
        return " ".join(dict.fromkeys(FAULTS[code].remedy for code in self.codes))


# ---- choosing -------------------------------------------------------------------------------------------------------


def explain(faults: Sequence[Fault], known: Collection[ElementString]) -> Fault | None:
    """The fault that explains what came, with its reading if there is only one; None if none does.

    `known` are those of the readings that are known packs by all of their four elements.
    """
    right = [fault for fault in faults if fault.reading in known]
    read = [fault for fault in faults if fault.evidence is Evidence.READING]
    fewest = min((len(fault.codes) for fault in read), default=0)
    if chosen := right or [fault for fault in read if len(fault.codes) == fewest]:
        return chosen[0] if len({each.reading for each in chosen}) == 1 else _open(chosen[0])
    shaped = (fault for fault in faults if fault.evidence is Evidence.SHAPE)
    return next(map(_open, shaped), None)


def _open(fault: Fault) -> Fault:
    """It has several readings, or none that can be trusted."""
    return replace(fault, reading=None, detail="")


# ---- what may have happened -----------------------------------------------------------------------------------------


def possible(came: str | ElementString) -> list[Fault]:
    """Every fault that could explain what came and is no answer, the simplest first."""
    if isinstance(came, ElementString):
        return list(_unique(_slips(list(came.elements), typed=True)))
    if len(came) > LONGEST:
        return []
    return list(_unique((*_on_the_way(came), *_by_hand(came))))


def _unique(faults: Iterable[Fault]) -> Iterator[Fault]:
    found: dict[tuple[tuple[str, ...], ElementString | None], Fault] = {}
    for fault in faults:
        found.setdefault((fault.codes, fault.reading), fault)
    yield from sorted(found.values(), key=lambda fault: len(fault.codes))


def _read(text: str) -> ElementString | None:
    try:
        return parse_scan(text)
    except Gs1Error:
        return None


def is_whole(pack: ElementString | None) -> bool:
    """Whether it has the four elements of a product identifier, or is the code of a logistic unit."""
    return pack is not None and bool(pack.sscc or (pack.gtin and pack.serial and pack.lot and pack.expiry_raw))


def _on_the_way(text: str) -> Iterator[Fault]:
    plain = _read(text)
    yield from _undone(text, plain, ())
    if is_whole(plain):
        return
    shows = _CODE(text) is None  # a code whose digits can be read may have been read through any keyboard
    for code, undo in _CHARACTERS.items():  # what the keyboard did comes on top of what the scanner did
        for said, between in undo(text):
            if _CODE(between):
                for fault in _undone(between, plain, (code,), said, budget=400):
                    yield fault if shows else replace(fault, evidence=Evidence.NONE)
    yield from _broken(text, plain)


def _undone(
    text: str, plain: ElementString | None, before: tuple[str, ...], said: str = "", budget: int = 4000
) -> Iterator[Fault]:
    for code, undo in (_SEPARATORS if before else {**_CHARACTERS, **_SEPARATORS}).items():
        for detail, repaired in undo(text):
            reading = _read(repaired)
            if reading is None or reading == plain or not (is_whole(reading) or _says_enough(reading, plain)):
                continue
            evidence = Evidence.READING if _is_sure(code, detail, text, plain) else Evidence.NONE
            yield Fault((*before, code), reading, evidence, said or _spelled(code, detail))
    evidence = Evidence.NONE if is_whole(plain) else Evidence.SHAPE
    for reading in _splits(text, budget):
        if reading != plain:
            yield Fault((*before, "separator_lost"), reading, evidence, said)


def _is_sure(code: str, detail: str, text: str, plain: ElementString | None) -> bool:
    """A code that can be read may be just that; so may a separator that a value could hold; and where digits can be
    read, any keyboard may have typed them."""
    if code == "keyboard_layout":
        return plain is None and _CODE(text) is None
    if code == "case_swapped":
        return plain is None
    return not is_whole(plain) and detail not in _DOUBTFUL


def _says_enough(reading: ElementString, plain: ElementString | None) -> bool:
    """Where nothing could be read, a number whose check digit is right is no accident."""
    return plain is None and (reading.gtin or reading.sscc or reading.gln) is not None


def _spelled(code: str, detail: str) -> str:
    return f"{detail!r} came for it" if code == "separator_substituted" else detail


Undo = Callable[[str], Iterator[tuple[str, str]]]  # what may have been sent, and what to say of it
_CODE = re.compile(r"(?:\][A-Za-z][0-9A-Za-z])?\x1d?\(?0[01]\)?[0-9]{14}").match


def _swapped(text: str) -> Iterator[tuple[str, str]]:
    if (other := text.swapcase()) != text and other.swapcase() == text:
        yield "", other


def _other_keyboard(text: str) -> Iterator[tuple[str, str]]:
    return ((pair, sent) for sent, pair in retyped(text))


#: What stands for GS and is in no value: how programs and people write it, or any one character that no value may hold.
_WRITTEN_GS = re.compile(
    r"<GS>|\[GS\]|\(GS\)|<FNC1>|\[FNC1\]|\{FNC1\}|\\x1D|\\u001D|\\F|%1D|&#29;|&#x1D;|<0x1D>|<1D>|\[1D\]|\^\]", re.I
)
_NO_VALUE = re.compile(r"[^!\"%-?A-Z_a-z\x1d|^~\u241d{}]")
#: What a value may hold as well: only a known pack tells.
_DOUBTFUL = ("0029", "029", "+", "-", "/", ";", ":", "*", "%", "=", "_", ".", ",", "!", "?", "'")


def _substituted(text: str) -> Iterator[tuple[str, str]]:
    symbol, data = _symbol(text)
    for found in dict.fromkeys(match[0] for match in _WRITTEN_GS.finditer(data)):
        yield found, symbol + _WRITTEN_GS.sub(GS, data)
    if len(strange := set(_NO_VALUE.findall(data))) == 1:
        (character,) = strange
        yield character, symbol + re.sub(f"{re.escape(character)}+", GS, data)
    for token in _DOUBTFUL:
        if token in data[16:]:
            yield token, symbol + data[:16] + data[16:].replace(token, GS)


_DAMAGED = re.compile(r"[\[{}]?[A-Za-z][0-9](?=\x1d?0[01][0-9]{14})").match


def _prefixed(text: str) -> Iterator[tuple[str, str]]:
    if match := _DAMAGED(text):
        yield "", text[match.end() :]


def _twice(text: str) -> Iterator[tuple[str, str]]:
    """The whole again, with or without something between."""
    for gap in range(3):
        half, odd = divmod(len(text) - gap, 2)
        if not odd and half > 13 and text[:half] == text[half + gap :] and not text[half : half + gap].strip(_GAPS):
            yield "", text[:half]


_GAPS = " \t\r\n\x1d"
_CHARACTERS: Mapping[str, Undo] = {"case_swapped": _swapped, "keyboard_layout": _other_keyboard}
_SEPARATORS: Mapping[str, Undo] = {
    "separator_substituted": _substituted,
    "symbology_prefix": _prefixed,
    "scanned_twice": _twice,
}


# ---- a lost separator -----------------------------------------------------------------------------------------------

#: What may be on a pack (General Specifications section 2.1.3): where a value ends, one of these begins.
_ON_PACKS = ("01", "10", "11", "13", "15", "16", "17", "21", "240", *map(str, range(710, 718)))
_MOST = 200  # ways to divide one text
_WHOLE = {"01", "10", "17", "21"}


def _splits(text: str, budget: int) -> Iterator[ElementString]:
    """Every way in which a text divides into the four elements, and others that packs have, each once."""
    _, data = _symbol(text)
    left = [budget]
    found = (
        ElementString(pairs) for pairs in _divided(data.strip(GS), (), left) if _WHOLE.issubset(ai for ai, _ in pairs)
    )
    yield from islice(found, _MOST)


def _divided(rest: str, before: tuple[tuple[str, str], ...], left: list[int]) -> Iterator[tuple[tuple[str, str], ...]]:
    if not rest:
        yield before
        return
    ai = rest[: AI_LENGTHS.get(rest[:2], 2)]
    if ai not in _ON_PACKS or any(ai == told for told, _ in before):
        return
    value = rest[len(ai) :]
    for size in _sizes(ai, value):
        left[0] -= 1
        if left[0] < 0:
            return
        if _holds(ai, value[:size]):
            yield from _divided(value[size:].removeprefix(GS), (*before, (ai, value[:size])), left)


def _sizes(ai: str, value: str) -> Iterable[int]:
    if ai[:2] in PREDEFINED:
        return (PREDEFINED[ai[:2]],)
    piece, longest = value.partition(GS)[0], int(AIS[ai].rpartition("..")[2])
    within = range(1, min(len(piece), longest + 1))
    starts = (size for size in within if any(piece.startswith(each, size) for each in _ON_PACKS))
    return (*starts, len(piece)) if len(piece) <= longest else starts


def _holds(ai: str, value: str) -> bool:
    try:
        check(ai, value)
    except Gs1Error:
        return False
    return True


# ---- what is not all there, or more than that -----------------------------------------------------------------------

_BEGINNINGS = re.compile(r"(?=(?:\][A-Za-z][0-9])?\x1d?01[0-9]{14})")


def _broken(text: str, plain: ElementString | None) -> Iterator[Fault]:
    """Nothing is repaired here: what is missing nobody knows."""
    starts = [match.start() for match in _BEGINNINGS.finditer(text)]
    if any(is_whole(_read(text[:at])) and is_whole(_read(text[at:])) for at in starts):
        yield Fault(("two_codes",), None, Evidence.SHAPE)
    elif _breaks_off(_symbol(text)[1], plain):
        yield Fault(("cut_short",), None, Evidence.SHAPE)


def _breaks_off(data: str, plain: ElementString | None) -> bool:
    """In the middle of an element, or after the serial number and before the rest; other AIs may be all there is."""
    if not data.startswith("01"[: len(data)] or "01"):
        return False
    if plain is not None:
        return plain.serial is not None and not is_whole(plain)
    rest = data
    while rest:
        size = AI_LENGTHS.get(rest[:2])
        if size is None or len(rest) < size:
            return rest.isdigit() and len(rest) < (size or 2)
        ai, rest = rest[:size], rest[size:]
        length = PREDEFINED.get(ai[:2])
        if length is None:
            value, _, rest = rest.partition(GS)
            if not value:
                return not rest
        elif len(rest) < length:
            return not rest or rest.isdigit()
        else:
            if not _holds(ai, rest[:length]):
                return False
            rest = rest[length:].removeprefix(GS)
    return True


# ---- hands ----------------------------------------------------------------------------------------------------------

_TO_DIGITS = str.maketrans("OoIilSBZ", "00111582")
_LOOKALIKES = {"0": "O", "O": "0", "1": "Il", "I": "1l", "l": "1I", "5": "S", "S": "5", "8": "B", "B": "8"}
_MOST_LOOKALIKES = 6  # characters that are tried each way
_ORDERS = ((0, 2, 1), (2, 1, 0), (2, 0, 1))  # where YYDDMM, DDMMYY and MMDDYY have year, month and day


def _by_hand(text: str) -> Iterator[Fault]:
    _, data = _symbol(text)
    typed = data.startswith("(")
    try:
        elements = list(_written(data) if typed else _scanned(data))
    except Gs1Error:
        return
    yield from _slips(elements, typed=typed)


def _slips(elements: list[tuple[str, str]], *, typed: bool) -> Iterator[Fault]:
    """Corrections of one value, each in one way. A machine makes none of them but in numbers that are printed so."""
    for at, (ai, value) in enumerate(elements):
        for code, corrected, evidence in _CORRECTED.get(ai, _nothing)(value):
            if not typed and code in ("lookalike_typed", "characters_transposed"):
                continue
            changed = (*elements[:at], (ai, corrected), *elements[at + 1 :])
            try:
                yield Fault((code,), ElementString(changed), evidence)
            except Gs1Error:  # something else is wrong as well
                continue


def meant(ai: str, value: str) -> str | None:
    """What was meant by a value that its AI cannot have, if that is one thing only: to be asked, not to be taken.

    >>> meant("01", "O0614141123452"), meant("17", "283112"), meant("17", "101412")
    ('00614141123452', '281231', None)
    """
    corrected = _CORRECTED.get(ai, _nothing)(value)
    likely = {each for _, each, evidence in corrected if evidence is Evidence.READING and _holds(ai, each)}
    return likely.pop() if len(likely) == 1 else None


Corrected = Iterator[tuple[str, str, Evidence]]  # code, and the value that was meant


def _nothing(value: str) -> Corrected:
    return iter(())


def _gtin(value: str) -> Corrected:
    if _holds("01", value):  # one in nine transpositions fits as well
        yield from (("characters_transposed", each, Evidence.NONE) for each in _transposed(value) if _holds("01", each))
        return
    digits = value.translate(_TO_DIGITS)
    if digits != value:
        yield "lookalike_typed", digits, Evidence.READING
    if value.isascii() and value.isdigit() and len(value) in (11, 12, 13):
        yield "leading_zero_lost", value.zfill(14), Evidence.READING
    if value.isascii() and value.isdigit() and len(value) == 14:
        for swapped in _transposed(value):
            yield "gtin_digit_wrong", swapped, Evidence.SHAPE
        for at in range(14):
            yield "gtin_digit_wrong", _fitting(value, at), Evidence.SHAPE


def _fitting(value: str, at: int) -> str:
    """With the one digit at that place that makes the last one right."""
    tries = (value[:at] + digit + value[at + 1 :] for digit in "0123456789")
    return next(each for each in tries if check_digit(each[:-1]) == each[-1])


def _expiry(value: str) -> Corrected:
    digits, evidence = value.translate(_TO_DIGITS), Evidence.NONE if _holds("17", value) else Evidence.READING
    if digits != value:
        yield "lookalike_typed", digits, Evidence.READING
    pairs = (value[:2], value[2:4], value[4:])
    meant = [each for order in _ORDERS if _holds("17", each := "".join(pairs[place] for place in order))]
    for each in dict.fromkeys(meant):
        if each != value:
            yield "date_order", each, evidence


def _free_text(value: str) -> Corrected:
    for each in _alike(value):
        yield "lookalike_typed", each, Evidence.NONE
    for each in _transposed(value):
        yield "characters_transposed", each, Evidence.NONE


def _alike(value: str) -> Iterator[str]:
    places = [at for at, character in enumerate(value) if character in _LOOKALIKES][:_MOST_LOOKALIKES]
    for chosen in islice(product(*(value[at] + _LOOKALIKES[value[at]] for at in places)), 1, 128):
        spelled = list(value)
        for at, character in zip(places, chosen, strict=True):
            spelled[at] = character
        yield "".join(spelled)


def _transposed(value: str) -> Iterator[str]:
    for at, (left, right) in enumerate(pairwise(value)):
        if left != right:
            yield value[:at] + right + left + value[at + 2 :]


_CORRECTED: Mapping[str, Callable[[str], Corrected]] = {
    "01": _gtin,
    "17": _expiry,
    "10": _free_text,
    "21": _free_text,
}
