"""Whose word counts, and since when: the rules of a log, changed by its governors and by nobody else. Pure.

    rules before ──proposal by one governor, approvals by others──> adopted ──activation──> in force

Rules are statements in the log, so that what was in force at an index is the same for whoever reads it, then and ever
after: any verdict can be replayed under the rules of its time. What they begin from is held outside: by the node in the
files AUTHORITIES, WITNESSES and GOVERNORS, by a verifier in its policy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ledger.tlog import policy as tlog
from ledger.tlog.cose import Algorithm, PublicKey
from ledger.tlog.errors import LogError

from .authorities import Authority
from .statements import (
    PARTICIPATION,
    Approval,
    NamedKey,
    Opened,
    Policy,
    Registration,
    StatementError,
    b64,
    entry,
)

_ALGORITHMS = {32: Algorithm.ED25519, 65: Algorithm.ESP256}  # by the length of the raw key

FARTHEST = 1_000_000  # entries that a change may lie ahead

PROPOSED = (Policy, *PARTICIPATION)
"""Kinds of statements that take as many governors as the rules ask for, wherever there are governors."""


class NotGoverned(StatementError):
    """A change of the rules that the rules do not allow."""

    code = "not_governed"


@dataclass(frozen=True)
class InForce:
    """The rules between two changes."""

    version: int = 0
    tlog: str | None = None  # c2sp.org/tlog-policy of the witnesses; None: as the node's file has it
    authorities: tuple[NamedKey, ...] = ()
    governors: tuple[NamedKey, ...] = ()  # none: nobody can change these rules
    quorum: int = 1

    @cached_property
    def authority_keys(self) -> Mapping[tuple[str, bytes], PublicKey]:
        return _keys(self.authorities)

    @cached_property
    def governor_keys(self) -> Mapping[tuple[str, bytes], PublicKey]:
        return _keys(self.governors)


@dataclass
class Proposal:
    """What one governor wants, and waits for others to agree to."""

    statement: Registration
    agreed: set[tuple[str, bytes]]  # GLN and kid of each governor that has signed


@dataclass
class Rules:
    """The rules of one log, told statement by statement in the order of the log."""

    begin: InForce
    changes: list[tuple[int, InForce]] = field(default_factory=list)  # from which index on; ascending
    proposals: dict[bytes, Proposal] = field(default_factory=dict)  # by entry, while they wait
    governed: bool = False  # a governor has spoken; from then on nobody else says who takes part

    def at(self, index: int) -> InForce:
        """What is in force for the entry at this index."""
        return next((rules for since, rules in reversed(self.changes) if since <= index), self.begin)

    @property
    def last(self) -> InForce:
        """What was adopted last, in force or not yet."""
        return self.changes[-1][1] if self.changes else self.begin

    def tell(self, opened: Opened[Registration], salt: bytes, index: int) -> Registration | None:
        """Take a governor's statement at its place in the log; what was adopted by it.

        Raises `NotGoverned`, or `LogError` for its signature.
        """
        statement = opened.payload
        self._check_governor(opened, index)
        if isinstance(statement, Approval):
            return self._approve(statement, (opened.issuer, opened.signed.kid), index)
        if isinstance(statement, PROPOSED):
            named = entry(salt, opened.envelope)
            return self._propose(statement, named, (opened.issuer, opened.signed.kid), index)
        raise NotGoverned("not a governor's to say", found=statement.kind())

    def _check_governor(self, opened: Opened[Registration], index: int) -> None:
        public = self.at(index).governor_keys.get((opened.issuer, opened.signed.kid))
        if public is None:
            found = f"{opened.issuer}, {b64(opened.signed.kid)}"
            raise NotGoverned("not a governor's key", code="governor_needed", where=f"entry {index}", found=found)
        opened.signed.check(public)
        self.governed = True

    def _propose(
        self, statement: Registration, named: bytes, governor: tuple[str, bytes], index: int
    ) -> Registration | None:
        if isinstance(statement, Policy):
            demand_sound(statement)
            if statement.activation > index + FARTHEST:  # nothing could change before
                raise NotGoverned("too far ahead", where="activation", expected=f"at most {index + FARTHEST}")
            self._demand_next(statement)
        self.proposals[named] = Proposal(statement, {governor})
        return self._adopt(named, index)

    def _demand_next(self, policy: Policy) -> None:
        if policy.version != self.last.version + 1:
            expected = str(self.last.version + 1)
            raise NotGoverned("not the next version", where="version", expected=expected, found=str(policy.version))

    def _approve(self, approval: Approval, governor: tuple[str, bytes], index: int) -> Registration | None:
        named = bytes.fromhex(approval.entry)
        proposal = self.proposals.get(named)
        if approval.about != governor[0]:
            raise NotGoverned("a governor speaks for itself", where="about", expected=governor[0], found=approval.about)
        if proposal is None:
            detail = "no proposal that waits for approval"
            raise NotGoverned(detail, code="nothing_to_approve", where=f"entry {index}", found=approval.entry)
        if isinstance(proposal.statement, Policy):
            self._demand_next(proposal.statement)  # another one may have been adopted since
        proposal.agreed.add(governor)
        return self._adopt(named, index)

    def _adopt(self, named: bytes, index: int) -> Registration | None:
        """With enough voices it is adopted: from its activation on, never for what is in the log already."""
        in_force = self.at(index)
        voices = {gln for gln, kid in self.proposals[named].agreed if (gln, kid) in in_force.governor_keys}
        if len(voices) < in_force.quorum:  # several keys of one are one voice; who governs no more has none
            return None
        adopted = self.proposals.pop(named).statement
        if isinstance(adopted, Policy):
            since = max((since for since, _ in self.changes), default=0)
            rules = InForce(adopted.version, adopted.tlog, adopted.authorities, adopted.governors, adopted.quorum)
            self.changes.append((max(adopted.activation, index + 1, since), rules))
        return adopted


def demand_sound(policy: Policy) -> None:
    """Raise unless the rules can be lived under: keys that are keys, a quorum that can be met, a readable policy."""
    for key in (*policy.authorities, *policy.governors):
        if public_key(key).kid != key.kid:
            raise NotGoverned("not this key's thumbprint", where=key.gln, found=b64(key.kid))
    governors = len({key.gln for key in policy.governors})
    if not 1 <= policy.quorum <= governors:
        expected = f"1 to {governors}, the number of governors"
        raise NotGoverned("a quorum that nobody can meet", where="quorum", expected=expected, found=str(policy.quorum))
    try:
        parsed = tlog.Policy.parse(policy.tlog)
    except LogError as error:
        raise NotGoverned(error.detail, where=f"tlog: {error.where}", found=error.found) from error
    if parsed.logs:
        raise NotGoverned("the rules of a log name no log", where="tlog", found=parsed.logs[0].key.name)


def without_log_lines(text: str) -> str:
    """A c2sp.org/tlog-policy as rules have it: the witnesses, and how many must agree."""
    return "".join(f"{line}\n" for line in text.splitlines() if not line.lstrip().startswith("log"))


def named(keys: Iterable[Authority]) -> tuple[NamedKey, ...]:
    """Keys of a file, as rules have them."""
    return tuple(NamedKey(key.gln, key.public.kid, key.public.raw) for key in keys)


def _keys(named: tuple[NamedKey, ...]) -> dict[tuple[str, bytes], PublicKey]:
    return {(key.gln, key.kid): public_key(key) for key in named}


def public_key(key: NamedKey) -> PublicKey:
    """The key itself. Raises `NotGoverned` for bytes that are none."""
    try:
        return PublicKey(_ALGORITHMS[len(key.public)], key.public)
    except LogError as error:
        raise NotGoverned("not a public key", where=key.gln, found=b64(key.public)) from error
