"""What can be wrong with who says something, each with a stable code."""

# An error is named for what went wrong.


class PartnerError(ValueError):
    """A party, or a key, that does not count here."""

    code = "partner_error"

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
        self.where, self.expected, self.found = where, expected, found


class UnknownPartner(PartnerError):
    """A GLN that is no partner of this node."""

    code = "unknown_partner"


class KeyNotValid(PartnerError):
    """A key that does not speak for this party, or no longer does."""

    code = "unknown_key"


class KeyAlreadyRegistered(PartnerError):
    """A key that this party has, or had: what was revoked does not come back."""

    code = "key_already_registered"
