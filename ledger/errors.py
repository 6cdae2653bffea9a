"""What can go wrong in keeping a log, each with a stable code. `tlog/errors.py` has what can be wrong with bytes."""

from .tlog.errors import LogError


class UnknownEntry(LogError):
    """Bytes that were never accepted."""

    code = "unknown_entry"


class NotIntegrated(LogError):
    """Accepted, but not yet under a checkpoint."""

    code = "not_integrated"


class NoSuchTile(LogError):
    """A tile or a bundle that the tree does not have, or not in this width."""

    code = "no_such_tile"


class TreeDiffers(LogError):
    """What is stored is not what was computed, or does not continue the tree that was there."""

    code = "tree_differs"


class SignerRefuses(LogError):
    """A checkpoint that is not signed: the log that was signed before does not grow like that."""

    code = "signer_refuses"


class NotMigrated(LogError):
    """A database whose tables are not those that this version works on."""

    code = "not_migrated"


class KeyMissing(LogError):
    """A key that the node needs and does not have."""

    code = "key_missing"


class WitnessRefuses(LogError):
    """A checkpoint that this witness does not cosign; by its code, c2sp.org/tlog-witness has a status for it."""

    code = "witness_refuses"

    def __init__(self, detail: str, *, size: int | None = None, **seen: str | None) -> None:
        super().__init__(detail, **seen)
        self.size = size  # leaves of what it cosigned last, where that is the answer


class LogFrozen(LogError):
    """The log takes nothing: it is not the log that others have seen, or its signer does not know it."""

    code = "log_frozen"


class NotCosigned(LogError):
    """A witness that was asked, and did not cosign."""

    code = "not_cosigned"


class OtherTree(NotCosigned):
    """A witness that was asked, and has cosigned another tree of this log."""

    code = "other_tree"


class NotAnchored(LogError):
    """An authority that was asked, and did not answer as one does."""

    code = "not_anchored"


class MalformedAnchors(LogError):
    """A file that does not say whom to ask for time stamps."""

    code = "malformed_anchors"
