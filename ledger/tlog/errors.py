"""What can be wrong with what a log, a witness or a signer handed over, each with a stable code."""

# An error is named for what went wrong.


class LogError(ValueError):
    """Something about a log that is not accepted. `where` is the line, index or member that a person can find."""

    code = "log_error"

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

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.detail}" if self.where else self.detail]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        return "; ".join(parts)


class BadProof(LogError):
    """Hashes that do not lead from what is claimed to the root."""

    code = "bad_proof"


class OutOfRange(BadProof):
    """An index or a size that the tree does not have."""

    code = "out_of_range"


class BadSignature(LogError):
    """A signature that the key it names did not make."""

    code = "bad_signature"


class MalformedKey(LogError):
    """A key that is not one."""

    code = "malformed_key"


class MalformedTile(LogError):
    """A tile, its path or an entry bundle out of form."""

    code = "malformed_tile"


class MalformedNote(LogError):
    """A text that is not a signed note."""

    code = "malformed_note"


class MalformedCheckpoint(LogError):
    """A text that is not a checkpoint."""

    code = "malformed_checkpoint"


class MalformedProof(LogError):
    """A text that is not a transparency-log proof."""

    code = "malformed_proof"


class MalformedReceipt(LogError):
    """Bytes that are not a COSE Receipt, or one of another kind than is read here."""

    code = "malformed_receipt"


class MalformedPolicy(LogError):
    """A text that is not a policy."""

    code = "malformed_policy"


class PolicyNotMet(LogError):
    """A checkpoint that too few of the trusted parties have signed."""

    code = "policy_not_met"


class MalformedEnvelope(LogError):
    """Bytes that are not a statement's COSE_Sign1."""

    code = "malformed_envelope"


class MalformedRequest(LogError):
    """What a log and a witness say to each other, out of form."""

    code = "malformed_request"
