"""What can be wrong with an identifier or a scan, each with a stable code."""

# An error is named for what went wrong.


class Gs1Error(ValueError):
    """Something that claims to be a GS1 identifier, or was scanned as one, and is not.

    `found` is cut at 200 characters: an answer need not be as long as a question.
    """

    code = "malformed_identifier"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.where, self.expected, self.found = where, expected, found and found[:200]

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.detail}" if self.where else self.detail]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        return "; ".join(parts)


class BadCheckDigit(Gs1Error):
    """The last digit is not the one that the others ask for."""

    code = "bad_check_digit"


class BadLength(Gs1Error):
    """Too few characters, or too many."""

    code = "bad_length"


class BadCharacter(Gs1Error):
    """A character outside the set that the value may use."""

    code = "bad_character"


class BadDate(Gs1Error):
    """Six digits that name no day."""

    code = "bad_date"


class BadValue(Gs1Error):
    """The right characters in the right number, and still no lawful value."""

    code = "bad_value"


class MalformedUrn(Gs1Error):
    """An EPC URN that the Tag Data Standard does not know."""

    code = "malformed_urn"


class MalformedDigitalLink(Gs1Error):
    """A web address that begins like a GS1 Digital Link and does not end like one."""

    code = "malformed_digital_link"


class MalformedElementString(Gs1Error):
    """A scan that does not divide into application identifiers and their values."""

    code = "malformed_element_string"


class WrongKind(Gs1Error):
    """A good identifier of another kind than asked for."""

    code = "wrong_kind"


class MalformedNdc(Gs1Error):
    """Digits and hyphens that are no National Drug Code, or not the one that belongs there."""

    code = "malformed_ndc"


class AmbiguousNdc(Gs1Error):
    """Digits that may be several National Drug Codes."""

    code = "ambiguous_ndc"
