"""Who accredits: the keys that vouch for partners' first keys and prefixes (FORMATS section 7). Pure.

They are held outside the log: by the node in the file that the setting AUTHORITIES names, by a verifier in its
policy. Both write them so:

    [{"gln":"0614141000029","kid":"<thumbprint>","public":"<raw key>"}, ...]
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ledger.tlog.cose import Algorithm, PublicKey

from .epcis.jcs import JSON
from .statements import GLN, HASH, PUBLIC, StatementError, b64

_ALGORITHMS = {32: Algorithm.ED25519, 65: Algorithm.ESP256}  # by the length of the raw key


@dataclass(frozen=True)
class Authority:
    """One key of one accrediting authority."""

    gln: str
    public: PublicKey

    @classmethod
    def parse(cls, members: JSON) -> Self:
        """Read one object of the list; unknown members, and a kid that is not this key's, are refused."""
        match members:
            case {"gln": gln, "kid": kid, "public": public, **rest} if not rest:
                pass
            case _:
                raise StatementError("not an authority", expected="gln, kid and public", found=repr(members)[:80])
        try:
            raw = PUBLIC.read(public)
            authority = cls(GLN.read(gln), PublicKey(_ALGORITHMS[len(raw)], raw))
            named = HASH.read(kid)
        except ValueError as error:  # a LogError is one
            raise StatementError("not an authority's key", where=str(gln)[:80], found=str(public)[:120]) from error
        if named != authority.public.kid:
            expected, found = b64(authority.public.kid), b64(named)
            raise StatementError("not this key's thumbprint", where="kid", expected=expected, found=found)
        return authority

    def as_json(self) -> dict[str, str]:
        return {"gln": self.gln, "kid": b64(self.public.kid), "public": b64(self.public.raw)}


@dataclass(frozen=True)
class Governors:
    """Who may change the rules, and how many of them it takes: {"quorum":2,"governors":[{gln,kid,public},...]}."""

    quorum: int
    keys: tuple[Authority, ...]

    def __post_init__(self) -> None:
        count = len({key.gln for key in self.keys})
        if not 1 <= self.quorum <= count:
            expected = f"1 to {count}, the number of governors"
            raise StatementError(
                "a quorum that cannot be met", where="quorum", expected=expected, found=str(self.quorum)
            )

    @classmethod
    def parse(cls, members: JSON) -> Self:
        """Read the object; unknown members are refused."""
        match members:
            case {"quorum": int(quorum), "governors": [_, *_] as keys, **rest} if not rest and quorum is not True:
                return cls(quorum, tuple(map(Authority.parse, keys)))
        raise StatementError("no governors", expected="quorum and governors", found=repr(members)[:80])

    def as_json(self) -> dict[str, JSON]:
        return {"quorum": self.quorum, "governors": [dict(key.as_json()) for key in self.keys]}

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """From a node's file; None without one: then nobody governs."""
        if not path.exists():
            return None
        try:
            return cls.parse(json.loads(path.read_text()))
        except ValueError as error:
            if isinstance(error, StatementError):
                raise
            raise StatementError(f"not JSON: {error}", code="not_json", where=str(path)) from error


def load(path: Path) -> list[Authority]:
    """The authorities a node trusts; without the file it trusts none."""
    if not path.exists():
        return []
    try:
        members = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise StatementError(f"not JSON: {error}", code="not_json", where=str(path)) from error
    if not isinstance(members, list):
        raise StatementError("not a list of authorities", where=str(path))
    return [Authority.parse(each) for each in members]


def save(path: Path, authorities: Iterable[Authority]) -> None:
    """Write the file whole: a reader sees the old list or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([authority.as_json() for authority in authorities], indent=2) + "\n")
    partial.replace(path)
