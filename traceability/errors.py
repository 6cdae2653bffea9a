"""What capture refuses, each with a stable code; the API maps them (RFC 9457)."""


class Refusal(Exception):
    """A submission, or a statement, that is not taken; nothing of it is stored but, for a conflict, the sighting."""

    code = "refused"
    status = 409  # what the API answers

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        epc: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.where, self.expected, self.found, self.epc = where, expected, found, epc
        self.contradictions: tuple[Conflict, ...] = ()  # of the refused event, one an item: each makes a sighting


class Conflict(Refusal):
    """It contradicts what is known of an item: a second holder, a second life. Kept as a sighting."""

    code = "conflict"


class StaleHead(Refusal):
    """It was signed over heads that have changed since; the answer carries the new draft."""

    code = "stale_head"


class NotSigned(Refusal):
    """The statement is not one this party could have made."""

    code = "statement_not_accepted"
    status = 422


class NotAllowed(Refusal):
    """The party may not do this, here."""

    code = "not_allowed"
    status = 403


class NotFound(Refusal):
    """Nothing that the asker may know of; what is unknown and what is another's business look the same."""

    code = "not_found"
    status = 404


class NotIntegratedYet(Refusal):
    """It is accepted and promised, and waits for the log: ask again in a moment."""

    code = "not_integrated"


class Erased(Refusal):
    """It rests on something that was erased, by a statement in the log."""

    code = "erased"
    status = 410


class TooMany(Refusal):
    """More than is taken of one party for now."""

    code = "too_many_jobs"
    status = 429


class NodeError(Exception):
    """A node did not do what it was asked, or could not be asked."""
