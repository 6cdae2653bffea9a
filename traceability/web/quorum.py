"""Who has to agree before a checkpoint is published, and who has: a policy's groups as a tree to look at."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.tlog.policy import Group, Policy


@dataclass(frozen=True)
class Member:
    """A witness, or a group of which so many have to agree."""

    name: str
    met: bool
    members: tuple["Member", ...] = ()  # of a group
    threshold: int = 0

    @property
    def agreeing(self) -> int:
        return sum(member.met for member in self.members)

    @property
    def asks_for(self) -> str:
        """In words.

        >>> Member("both", False, (Member("w1", True), Member("w2", False)), 2).asks_for
        'all 2 of them'
        """
        count = len(self.members)
        if self.threshold == count:
            return f"all {count} of them" if count > 1 else "this one"
        return f"any {self.threshold} of {count}" if self.threshold > 1 else f"one of {count}"


def drawn(policy: Policy, agreeing: set[str]) -> Member | None:
    """The quorum, with what of it is met by these witnesses; None if the policy asks for nobody."""
    if policy.quorum is None:
        return None
    return _member(policy.quorum, policy.groups, agreeing)


def _member(name: str, groups: Mapping[str, Group], agreeing: set[str]) -> Member:
    group = groups.get(name)
    if group is None:
        return Member(name, name in agreeing)
    members = tuple(_member(each, groups, agreeing) for each in group.members)
    return Member(name, sum(member.met for member in members) >= group.threshold, members, group.threshold)
