"""Step 5: which key spoke for whom, and who had which right, at each index of the log (ARCHITECTURE section 4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeVar

from ledger.tlog.cose import PublicKey

from ..policy import Policy
from ..rules import PROPOSED, InForce, NotGoverned, Rules, named
from ..statements import (
    BY_NODE,
    OF_ITSELF,
    OFF_BUNDLES,
    Approval,
    Delegation,
    Hold,
    Key,
    KeyRevocation,
    Opened,
    Prefix,
    Registration,
    Release,
    Revocation,
    b64,
    entry,
    open_statement,
)
from .report import BundleRefused
from .value import Entered

R = TypeVar("R", bound=Registration)
RELIED_ON_BY_NONE = (*BY_NODE, *OFF_BUNDLES)
"""What the node says itself, and what no bundle rests on."""


@dataclass
class Granted:
    """A statement that grants something, from its index in the log to that of its revocation."""

    entered: Entered
    opened: Opened[Registration]
    revoked: int | None = None
    compromised: datetime | None = None

    def in_force(self, index: int) -> bool:
        return self.entered.index < index and (self.revoked is None or index < self.revoked)


class Rights:
    """What the statements relied on grant. They are told in the order of the log."""

    def __init__(self, policy: Policy, origin: str, off: tuple[type[Registration], ...] = RELIED_ON_BY_NONE) -> None:
        """`off`: kinds of statements that are none of this."""
        self.origin, self.off = origin, off
        governance = policy.governance
        self.rules = Rules(
            InForce(
                authorities=named(policy.authorities),
                governors=named(governance.keys) if governance else (),
                quorum=governance.quorum if governance else 1,
            )
        )
        self.said: set[tuple[str, str]] = set()  # statements, by issuer and id
        self.granted: dict[bytes, Granted] = {}  # by entry
        self.keys: dict[tuple[str, bytes], Granted] = {}  # by GLN and kid: several parties may register one key

    def tell(self, entered: Entered) -> None:
        """Take one statement. Raises `BundleRefused` unless it is signed by who may say what it says."""
        opened = open_statement(entered.envelope)
        statement = opened.payload
        if not isinstance(statement, Registration) or isinstance(statement, self.off):
            self._refuse(entered, "not_relied_on", "not a statement about a key or a right", found=statement.kind())
        if statement.log != self.origin:
            self._refuse(entered, "wrong_log", "for another log", expected=self.origin, found=statement.log)
        registration = Opened(entered.envelope, opened.signed, statement)
        self._once(registration, entered)
        if isinstance(statement, (Approval, *PROPOSED)):
            return self._govern(registration, entered)
        by_authority = self._signed_by_authority(registration, entered)
        granted = Granted(entered, registration)
        match statement:
            case KeyRevocation():
                self._revoke_key(statement, granted, by_authority)
            case Revocation() | Release():
                self._revoke(statement, granted, by_authority)
            case _:
                self._grant(granted, by_authority)

    def _once(self, opened: Opened[Registration], entered: Entered) -> None:
        """Whoever keeps the log could have it say again what its issuer has taken back since."""
        named = (opened.issuer, opened.payload.id)
        if named in self.said:
            self._refuse(entered, "said_twice", "a statement stands in the log once", found=opened.payload.id)
        self.said.add(named)

    def _govern(self, opened: Opened[Registration], entered: Entered) -> None:
        """The rules, or who takes part, by the governors that the policy names or those that they have named since."""
        try:
            self.rules.tell(opened, entered.salt, entered.index)
        except NotGoverned as error:
            self._refuse(entered, error.code, error.detail, expected=error.expected, found=error.found)

    def check(self, opened: Opened[Registration], entered: Entered) -> None:
        """Raise unless an authority has signed it, or its issuer, with a key in force before it."""
        self._signed_by_authority(opened, entered)

    def _signed_by_authority(self, opened: Opened[Registration], entered: Entered) -> bool:
        """Whether an authority has signed it; if not, its issuer has, with a key in force before it."""
        in_force = self.rules.at(entered.index)
        authority = in_force.authority_keys.get((opened.issuer, opened.signed.kid))
        opened.signed.check(authority or self.key(opened.issuer, opened.signed.kid, entered.index))
        return authority is not None

    def _grant(self, granted: Granted, by_authority: bool) -> None:
        statement = granted.opened.payload
        of_itself = isinstance(statement, OF_ITSELF) and granted.opened.issuer == statement.about
        if not by_authority and not of_itself:
            self._refuse(granted.entered, "authority_needed", "only an authority of the policy may say this")
        if isinstance(statement, Key):
            if (statement.about, statement.kid) in self.keys:
                self._refuse(granted.entered, "key_registered_twice", "a party registers a key once")
            self.keys[statement.about, statement.kid] = granted
        self.granted[entry(granted.entered.salt, granted.entered.envelope)] = granted

    def _revoke_key(self, statement: KeyRevocation, by: Granted, by_authority: bool) -> None:
        revoked = self.keys.get((statement.about, statement.kid))
        if revoked is None:
            self._refuse(by.entered, "nothing_to_revoke", "revokes a key that is not shown", found=b64(statement.kid))
        if not by_authority and by.opened.issuer != statement.about:
            self._refuse(by.entered, "authority_needed", "neither an authority nor the party itself")
        self._end(revoked, by)
        revoked.compromised = statement.compromised

    def _revoke(self, statement: Revocation | Release, by: Granted, by_authority: bool) -> None:
        revoked = self.granted.get(bytes.fromhex(statement.entry))
        if revoked is None or revoked.opened.payload.about != statement.about or not _ends(statement, revoked):
            self._refuse(by.entered, "nothing_to_revoke", "revokes what is not shown", found=statement.entry)
        acts_for = isinstance(revoked.opened.payload, Delegation) and by.opened.issuer == statement.about
        if not by_authority and by.opened.issuer != revoked.opened.issuer and not acts_for:
            self._refuse(by.entered, "authority_needed", "neither an authority nor who said it")
        self._end(revoked, by)

    def _end(self, revoked: Granted, by: Granted) -> None:
        """Once: a second revocation could take back what the first said of it."""
        if revoked.revoked is not None:
            before = f"entry {revoked.revoked}"
            self._refuse(by.entered, "revoked_twice", "revokes what is revoked already", found=before)
        revoked.revoked = by.entered.index

    # ---- what is asked of it --------------------------------------------------------------------------------------

    def key(self, gln: str, kid: bytes, index: int) -> PublicKey:
        """The key of this name, if it spoke for the party at this index."""
        granted = self.keys.get((gln, kid))
        if granted is not None and isinstance(granted.opened.payload, Key) and granted.in_force(index):
            return granted.opened.payload.public_key
        code, detail = "key_not_vouched_for", "nobody vouches for this key"
        if granted is not None:
            code, detail = "key_not_in_force", "the key was revoked, or not yet registered"
        elif any(kid == known for _, known in self.keys):
            code, detail = "key_of_another", "the key is another party's"
        raise BundleRefused(detail, code=code, where=f"entry {index}", expected=f"a key of {gln}", found=b64(kid))

    def signs(self, gln: str, index: int) -> bool:
        """Whether the party has a key in force, as far as is shown."""
        return any(party == gln and key.in_force(index) for (party, _), key in self.keys.items())

    def may_issue(self, gln: str, gtin: str, index: int) -> bool:
        return any(prefix.about == gln and prefix.covers(gtin) for prefix in self._in_force(Prefix, index))

    def may_act(self, gln: str, *, by: str, step: str | None, index: int) -> bool:
        """Whether `by` may take this step for the party."""
        delegations = self._in_force(Delegation, index)
        return any((each.about, each.to) == (gln, by) and step in each.steps for each in delegations)

    def is_revoked(self, gln: str, kid: bytes) -> bool:
        """Whether this party's claim to the key was revoked, whoever else may have one."""
        return (gln, kid) in self.keys and self.keys[gln, kid].revoked is not None

    def compromised(self, gln: str, kid: bytes) -> datetime | None:
        """Since when others may have had a key, as its revocation says; its place in the log counts all the same."""
        return self.keys[gln, kid].compromised if (gln, kid) in self.keys else None

    def _in_force(self, kind: type[R], index: int) -> Iterator[R]:
        for granted in self.granted.values():
            if isinstance(granted.opened.payload, kind) and granted.in_force(index):
                yield granted.opened.payload

    def _refuse(self, entered: Entered, code: str, detail: str, **seen: str | None) -> NoReturn:
        raise BundleRefused(detail, code=code, where=f"entry {entered.index}", **seen)


def _ends(statement: Revocation | Release, given: Granted) -> bool:
    """A hold is released, all else is revoked."""
    return isinstance(statement, Release) is isinstance(given.opened.payload, Hold)
