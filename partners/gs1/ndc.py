"""National Drug Codes in 10, 11 and 12 digits, and the GTINs that hold them.

    format    written            digits
    4-4-2     0001-0123-45       10      labeler, product, package (21 CFR 207.33)
    5-3-2     55154-944-95       10
    5-4-1     80425-0302-1       10
    5-4-2     00001-0123-45      11      for billing: each segment filled up with zeros in front
    6-4-2     000001-0123-45     12      from 7 March 2033 on, filled up in the same way (91 FR 10749)

    GTIN-14   0 | 03 | 0001012345 | 5    indicator, GS1's prefix for drugs in the United States, ten digits, check digit

Filling up is exact. The way back is not: 00050-0010-01 may be 0050-0010-01, 00050-010-01 or 00050-0010-1; nor do ten
digits tell where their hyphens were. Which of several was meant is nowhere guessed: `AmbiguousNdc`. Eleven or twelve
digits stand in no GTIN.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from .application_identifiers import check, check_digit
from .errors import AmbiguousNdc, BadCharacter, BadValue, MalformedNdc

DRUGS = "03"  # what GTINs of drugs begin with in the United States, behind the indicator: a UPC's number system 3
TEN = 10  # digits

_ONLY_DIGITS = re.compile("[0-9]+").fullmatch


class Format(StrEnum):
    """How many digits labeler, product and package have."""

    F4_4_2 = "4-4-2"
    F5_3_2 = "5-3-2"
    F5_4_1 = "5-4-1"
    F5_4_2 = "5-4-2"
    F6_4_2 = "6-4-2"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Digits of each segment."""
        return tuple(map(int, self.split("-")))

    @property
    def digits(self) -> int:
        """Digits in all: 10, 11 or 12."""
        return sum(self.sizes)


_OF_TEN = tuple(form for form in Format if form.digits == TEN)
_BY_LENGTH = {form.digits: form for form in (Format.F5_4_2, Format.F6_4_2)}  # of which there is one
_BY_SIZES = {form.sizes: form for form in Format}


@dataclass(frozen=True, slots=True)
class Ndc:
    """One National Drug Code, in the format in which it was given.

    >>> Ndc.parse("0001-0123-45").gtin()
    '00300010123455'
    >>> str(Ndc.parse("0001-0123-45").eleven), str(Ndc.parse("80425-0302-1").twelve)
    ('00001-0123-45', '080425-0302-01')
    """

    labeler: str  # 4 to 6 digits
    product: str  # 3 or 4 digits
    package: str  # 1 or 2 digits

    def __post_init__(self) -> None:
        if self.digits.isdecimal() and self.digits.isascii() and self._sizes in _BY_SIZES:
            return  # as by the hundred thousand they are
        for segment in self._segments:
            if not _ONLY_DIGITS(segment):
                raise BadCharacter("an NDC has digits only", where="ndc", expected="digits", found=repr(segment))
        if self._sizes not in _BY_SIZES:
            raise MalformedNdc("no format of an NDC", where="ndc", expected=", ".join(Format), found=repr(str(self)))

    @property
    def _segments(self) -> tuple[str, str, str]:
        return self.labeler, self.product, self.package

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return len(self.labeler), len(self.product), len(self.package)

    def __str__(self) -> str:
        return "-".join(self._segments)

    @property
    def format(self) -> Format:
        return _BY_SIZES[self._sizes]

    @property
    def digits(self) -> str:
        """Without hyphens: of ten digits, not enough to tell which NDC it is."""
        return self.labeler + self.product + self.package

    @classmethod
    def parse(cls, text: str, form: Format | None = None) -> Self:
        """Read an NDC with its hyphens; or digits alone, if there are 11 or 12, or their format is given.

        >>> Ndc.parse("0001012345", Format.F4_4_2)
        Ndc(labeler='0001', product='0123', package='45')
        """
        if "-" in text:
            return cls._of_segments(text, form)
        if not _ONLY_DIGITS(text):
            raise BadCharacter("an NDC has digits only", where="ndc", expected="digits, hyphens", found=repr(text))
        if form is None and len(text) == TEN:
            raise AmbiguousNdc(
                "ten digits do not tell where their hyphens were",
                where="ndc",
                expected=f"hyphens, or a format: {', '.join(_OF_TEN)}",
                found=repr(text),
            )
        form = form or _BY_LENGTH.get(len(text))
        if form is None or form.digits != len(text):
            expected = f"{form.digits} digits" if form else "10, 11 or 12 digits"
            raise MalformedNdc("not the length of an NDC", where="ndc", expected=expected, found=f"{len(text)} digits")
        return cls._cut(text, form)

    @classmethod
    def _of_segments(cls, text: str, form: Format | None) -> Self:
        segments = text.split("-")
        if len(segments) != 3:
            raise MalformedNdc("no NDC", where="ndc", expected="labeler-product-package", found=repr(text))
        ndc = cls(*segments)
        if form not in (None, ndc.format):
            raise MalformedNdc("another format than was said", where="ndc", expected=form, found=ndc.format)
        return ndc

    @classmethod
    def _cut(cls, digits: str, form: Format) -> Self:
        labeler, product, _ = form.sizes
        return cls(digits[:labeler], digits[labeler : labeler + product], digits[labeler + product :])

    # ---- other formats ------------------------------------------------------------------------------------------

    def _filled(self, form: Format) -> Self:
        """In a format whose segments are no shorter."""
        parts = zip(self._segments, form.sizes, strict=True)
        return type(self)(*(segment.zfill(size) for segment, size in parts))

    @property
    def twelve(self) -> Self:
        """In 12 digits: two NDCs are the same if these are."""
        return self._filled(Format.F6_4_2)

    @property
    def eleven(self) -> Self:
        """In 11 digits. A labeler of six digits that does not begin with 0 has none."""
        shorter = self._cut_down(Format.F5_4_2) if self.format is Format.F6_4_2 else self._filled(Format.F5_4_2)
        if shorter is None:
            raise MalformedNdc("this NDC has no form of 11 digits", where="ndc", found=str(self))
        return shorter

    def tens(self) -> tuple[Self, ...]:
        """All NDCs of ten digits that this one may stand for: one, several, or none.

        >>> [str(ndc) for ndc in Ndc.parse("80425-0302-11").tens()]
        ['80425-302-11']
        >>> [str(ndc) for ndc in Ndc.parse("00050-0010-01").tens()]
        ['0050-0010-01', '00050-010-01', '00050-0010-1']
        """
        if self.format in _OF_TEN:
            return (self,)
        return tuple(ndc for form in _OF_TEN if (ndc := self._cut_down(form)) is not None)

    def _cut_down(self, form: Format) -> Self | None:
        """In a format whose segments are no longer, if what goes is zeros."""
        cut = [segment[len(segment) - size :] for segment, size in zip(self._segments, form.sizes, strict=True)]
        given = zip(self._segments, cut, strict=True)
        return type(self)(*cut) if all(int(segment) == int(kept) for segment, kept in given) else None

    # ---- GTINs --------------------------------------------------------------------------------------------------

    def gtin(self, indicator: str = "0") -> str:
        """The GTIN-14 that holds it, of the packaging level that the first digit stands for. Ten digits only."""
        if self.format not in _OF_TEN:
            raise MalformedNdc(
                "only ten digits stand in a GTIN",
                code="ndc_has_no_gtin",
                where="ndc",
                expected=", ".join(_OF_TEN),
                found=str(self),
            )
        payload = f"{indicator}{DRUGS}{self.digits}"
        if len(payload) != 13:
            check("01", payload + "0")  # which says what is wrong with it
        return payload + check_digit(payload)

    @classmethod
    def of_gtin(cls, gtin: str, form: Format) -> Self:
        """The NDC in a GTIN-14, whose format its labeler has to say: the digits do not.

        >>> str(Ndc.of_gtin("00355154944954", Format.F5_3_2))
        '55154-944-95'
        """
        digits = ten_digits(gtin)
        if digits is None:
            raise BadValue("no NDC stands in this GTIN", where="gtin", expected=f"{DRUGS} behind its first digit",
                           found=gtin)  # fmt: skip
        return cls.parse(digits, form)

    def demand_of(self, gtin: str) -> None:
        """Raise where a GTIN-14 holds the digits of another NDC. One without an NDC in it may be of any.

        >>> Ndc.parse("00001-0123-45").demand_of("00300010123455")
        """
        digits = ten_digits(gtin)
        if digits is not None and all(ndc.digits != digits for ndc in self.tens()):
            raise MalformedNdc(
                "the GTIN holds another NDC", code="ndc_not_of_gtin", where="ndc", expected=digits, found=str(self)
            )


def ten_digits(gtin: str) -> str | None:
    """The digits of the NDC that a GTIN-14 holds, None if it is of no drug of the United States. Where their hyphens
    belong is not told.

    >>> ten_digits("00300010123455"), ten_digits("00614141123452")
    ('0001012345', None)
    """
    check("01", gtin)
    return gtin[3:13] if gtin[1:3] == DRUGS else None
