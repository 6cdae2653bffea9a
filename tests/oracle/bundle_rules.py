"""Step 5, where a log is governed: whose word counts at which index, as its governors have changed it.

A proposal is adopted as soon as so many governors have agreed to it as the rules ask for, by the rules in force where
the last of them spoke. What it says is in force from its activation on; never before the next entry, nor before what
was adopted earlier. Nothing is kept but what was said: all else is found out anew whenever it is asked for.
"""

from dataclasses import dataclass, field
from typing import Protocol

from . import note, statement
from .bundle import unb64
from .canonical import Members
from .refusal import demand

PROPOSALS = ("policy", "partner", "partner-exit")
GOVERNED = (*PROPOSALS, "approval")
FARTHEST = 1_000_000  # entries that a change of the rules may lie ahead

Keys = dict[tuple[str, str], bytes]  # by whose they are and kid


def public_keys(listed: list[Members], owner: str) -> Keys:
    """Keys of a policy, whoever wrote it: each named by its thumbprint."""
    out = {}
    for each in listed:
        demand(set(each) == {owner, "kid", "public"}, "policy", owner)
        public = unb64(each["public"])
        demand(statement.thumbprint(algorithm(public), public) == each["kid"], "policy", "kid")
        out[each[owner], each["kid"]] = public
    return out


def algorithm(public: bytes) -> str:
    return "Ed25519" if len(public) == 32 else "ESP256"


@dataclass(frozen=True)
class InForce:
    """The rules between two changes."""

    authorities: Keys
    governors: Keys  # none: nobody can change these rules
    quorum: int
    version: int = 0


class Said(Protocol):
    """An envelope, its signature not yet checked."""

    kind: str
    kid: str
    issuer: str
    payload: Members

    def check(self, public: bytes) -> None: ...


@dataclass(frozen=True)
class Spoken:
    """What a governor has said."""

    index: int
    kind: str
    payload: Members
    entry: str  # hex
    by: tuple[str, str]  # GLN and kid

    @property
    def proposal(self) -> str:
        """The entry that it agrees to: whoever proposes agrees."""
        return str(self.payload["entry"]) if self.kind == "approval" else self.entry


@dataclass
class Rules:
    """The rules of one log."""

    begin: InForce
    spoken: list[Spoken] = field(default_factory=list)
    adopted: list[tuple[int, Spoken]] = field(default_factory=list)  # where the last voice was heard; the proposal

    def at(self, index: int) -> InForce:
        """The last adopted of those that are in force for the entry at this index."""
        return [self.begin, *(rules for since, rules in self.changes() if since <= index)][-1]

    def changes(self) -> list[tuple[int, InForce]]:
        """From which index on there are which rules."""
        out: list[tuple[int, InForce]] = []
        for index, proposal in self.adopted:
            said = proposal.payload
            if proposal.kind == "policy":
                authorities, governors = (public_keys(said[name], "gln") for name in ("authorities", "governors"))
                since = max([said["activation"], index + 1, *(earlier for earlier, _ in out)])
                out.append((since, InForce(authorities, governors, said["quorum"], said["version"])))
        return out

    def take(self, index: int, said: Said, entry: bytes) -> None:
        """A governor's statement at its place in the log."""
        now, by = self.at(index), (said.issuer, said.kid)
        demand(by in now.governors, "no_governor", said.issuer)
        said.check(now.governors[by])
        spoken = Spoken(index, said.kind, said.payload, entry.hex(), by)
        if said.kind == "approval":
            demand(said.payload["about"] == said.issuer, "governor_for_another", said.issuer)
        elif said.kind == "policy":
            check_sound(said.payload)
            demand(said.payload["activation"] <= index + FARTHEST, "too_far_ahead", said.payload["activation"])
        self.spoken.append(spoken)
        proposal = self.waiting(spoken.proposal)
        if proposal.kind == "policy":
            last = max([0, *(rules.version for _, rules in self.changes())])
            demand(proposal.payload["version"] == last + 1, "not_the_next_version", proposal.payload["version"])
        if len(self.voices(proposal, now)) >= now.quorum:
            self.adopted.append((index, proposal))

    def waiting(self, entry: str) -> Spoken:
        found = [each for each in self.spoken if each.kind in PROPOSALS and each.entry == entry]
        adopted = [proposal.entry for _, proposal in self.adopted]
        demand(bool(found) and entry not in adopted, "nothing_to_approve", entry)
        return found[0]

    def voices(self, proposal: Spoken, now: InForce) -> set[str]:
        """Parties, not keys; of those that govern now."""
        agreed = [each.by for each in self.spoken if each.proposal == proposal.entry]
        return {gln for gln, kid in agreed if (gln, kid) in now.governors}


def check_sound(policy: Members) -> None:
    """Rules that can be lived under: keys that are keys, a quorum that can be met, witnesses and no log."""
    public_keys(policy["authorities"], "gln")
    governors = public_keys(policy["governors"], "gln")
    demand(1 <= policy["quorum"] <= len({gln for gln, _ in governors}), "quorum", policy["quorum"])
    demand(not note.read_policy(policy["tlog"]).logs, "names_a_log")
