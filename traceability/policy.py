"""Whom a verifier believes: its policy file (FORMATS section 7). Pure.

{"v":1,
 "tlog":"log node.example/log+...\\nwitness ...\\nquorum none\\n",    which logs and witnesses, and how many must agree
 "authorities":[{"gln":"0614141000029","kid":...,"public":...}],     who accredits partners' keys and prefixes
 "nodes":[{"kid":...,"origin":"node.example/log","public":...}],     who says what the node of a log knows
 "governance":{"governors":[...],"quorum":2},                        who may change the authorities; may be absent
 "timestamps":[{"name":"tsa.example","certificate":...}]}            whose time stamps count (RFC 3161); may be absent

It is a file that people write, so spaces and order are free; all else is strict.
"""

import json
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

from ledger.tlog import policy as tlog
from ledger.tlog.cose import Algorithm, PublicKey
from ledger.tlog.errors import LogError

from .authorities import Authority, Governors
from .epcis.jcs import JSON
from .statements import HASH, ORIGIN, PUBLIC, StatementError, b64, read

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

VERSION = 1


class MalformedPolicy(StatementError):
    """A text that is not a policy."""

    code = "malformed_policy"


@dataclass(frozen=True)
class Node:
    """The key with which the node of one log signs what it knows; not the key of the log itself."""

    origin: str
    public: PublicKey

    @classmethod
    def parse(cls, members: JSON) -> Self:
        """Read one object of the list; unknown members, and a kid that is not this key's, are refused."""
        match members:
            case {"origin": origin, "kid": kid, "public": public, **others} if not others:
                raw = read(PUBLIC, public, "nodes: public")
            case _:
                raise MalformedPolicy(
                    "not a node", where="nodes", expected="origin, kid, public", found=_short(members)
                )
        node = cls(read(ORIGIN, origin, "nodes: origin"), PublicKey(_ALGORITHMS[len(raw)], raw))
        if node.public.kid != read(HASH, kid, "nodes: kid"):
            raise MalformedPolicy("not this key's thumbprint", where="nodes: kid", expected=b64(node.public.kid))
        return node

    def as_json(self) -> dict[str, str]:
        return {"origin": self.origin, "kid": b64(self.public.kid), "public": b64(self.public.raw)}


@dataclass(frozen=True)
class Timestamping:
    """A time-stamping authority: what it is called, and the certificates that its tokens have to lead to."""

    name: str
    certificate: str  # PEM, one or several; or one in DER, in base64

    def __post_init__(self) -> None:
        self.trust  # noqa: B018 - a policy that exists can be applied

    @cached_property
    def trust(self) -> "tuple[Certificate, ...]":
        from ledger.anchor.rfc3161 import certificates  # whoever has no time stamps does without its libraries

        if "-----BEGIN" in self.certificate:
            return certificates(self.certificate)
        try:
            return certificates(b64decode(self.certificate, validate=True))
        except ValueError as error:
            raise MalformedPolicy("not a certificate", where="timestamps", expected="PEM, or DER in base64") from error

    def seen(self, token: bytes, text: str) -> datetime:
        """When it saw this text. Raises unless its token says so."""
        from ledger.anchor.rfc3161 import check

        return check(token, text.encode(), self.trust)

    @classmethod
    def parse(cls, members: JSON) -> Self:
        match members:
            case {"name": str(name), "certificate": str(certificate), **others} if name and not others:
                return cls(name, certificate)
        expected = "name, certificate"
        raise MalformedPolicy("not an authority of time", where="timestamps", expected=expected, found=_short(members))

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "certificate": self.certificate}


_ALGORITHMS = {32: Algorithm.ED25519, 65: Algorithm.ESP256}  # by the length of the raw key


@dataclass(frozen=True)
class Policy:
    """As the module draws it. `parse` and `str` are each other's inverse."""

    text: str  # the c2sp.org/tlog-policy
    authorities: tuple[Authority, ...]
    nodes: tuple[Node, ...]
    governance: Governors | None = None  # whose changes of the authorities, in the log, one goes along with
    timestamps: tuple[Timestamping, ...] = ()

    def __post_init__(self) -> None:
        self.tlog  # noqa: B018 - a policy that exists can be applied
        if len({each.name for each in self.timestamps}) < len(self.timestamps):
            raise MalformedPolicy("two authorities of time have one name", where="timestamps")

    def authority_of_time(self, name: str) -> Timestamping | None:
        """The one of this name, if its time stamps count."""
        return next((each for each in self.timestamps if each.name == name), None)

    @cached_property
    def tlog(self) -> tlog.Policy:
        try:
            return tlog.Policy.parse(self.text)
        except LogError as error:
            where = f"tlog: {error.where}" if error.where else "tlog"
            raise MalformedPolicy(error.detail, where=where, expected=error.expected, found=error.found) from error

    @property
    def origins(self) -> set[str]:
        """The logs it names."""
        return {peer.key.name for peer in self.tlog.logs}

    def __str__(self) -> str:
        members: dict[str, Any] = {
            "v": VERSION,
            "tlog": self.text,
            "authorities": [authority.as_json() for authority in self.authorities],
            "nodes": [node.as_json() for node in self.nodes],
        }
        if self.governance:
            members["governance"] = self.governance.as_json()
        if self.timestamps:
            members["timestamps"] = [each.as_json() for each in self.timestamps]
        return json.dumps(members, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy file."""
        try:
            members = json.loads(text, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            detail = "a c2sp.org/tlog-policy alone" if _is_tlog(text) else f"not JSON: {error}"
            raise MalformedPolicy(detail, expected="JSON, as `manage.py policy` prints it") from error
        match members:
            case {"v": 1, "tlog": str(policy), "authorities": list(authorities), "nodes": list(nodes), **others}:
                governance = Governors.parse(cast(JSON, others.pop("governance"))) if "governance" in others else None
                timestamps = others.pop("timestamps", [])
                if isinstance(timestamps, list) and not others and type(members["v"]) is int:
                    return cls._of(policy, authorities, nodes, governance, timestamps)
        raise MalformedPolicy("not a policy", expected="v, tlog, authorities and nodes", found=_short(members))

    @classmethod
    def _of(
        cls,
        policy: str,
        authorities: list[JSON],
        nodes: list[JSON],
        governance: Governors | None,
        timestamps: list[JSON],
    ) -> Self:
        try:
            named = tuple(map(Authority.parse, authorities)), tuple(map(Node.parse, nodes))
            return cls(policy, *named, governance, tuple(map(Timestamping.parse, timestamps)))
        except LogError as error:
            raise MalformedPolicy(error.detail, where="public", found=error.found) from error


def _is_tlog(text: str) -> bool:
    """The other kind of policy, which is a member of this one."""
    with suppress(LogError):
        return bool(tlog.Policy.parse(text))
    return False


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(members)) < len(members):
        raise ValueError("a member is given twice")
    return dict(members)


def _short(members: object) -> str:
    return repr(members)[:80]
