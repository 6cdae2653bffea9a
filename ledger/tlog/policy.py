"""c2sp.org/tlog-policy: which logs and witnesses are trusted, and how many witnesses must agree.

>>> from .cose import PrivateKey
>>> from .merkle import EMPTY
>>> from .note import Signer
>>> log = Signer("pharma.example/log", PrivateKey.from_seed(bytes(32)))
>>> policy = Policy.parse(f"log {log.verifier}\\nquorum none\\n")
>>> signed = Checkpoint("pharma.example/log", 0, EMPTY).sign(log)
>>> policy.check(signed).witnesses
{}
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from . import note
from .checkpoint import Checkpoint, CosignatureVerifier, SubtreeVerifier, cosigned_at
from .errors import LogError, MalformedPolicy, PolicyNotMet
from .note import Note, Verifier, parse_key

LOG_KEYS = (Verifier, SubtreeVerifier)
WITNESS_KEYS = (CosignatureVerifier, SubtreeVerifier)

_NOT_TEXT = re.compile("[^\t\n -~\x80-\U0010ffff]")  # section "Character set"
_BLANKS = re.compile("[ \t]+")


@dataclass(frozen=True, slots=True)
class Peer:
    """A log or a witness: the key it signs with, and where to reach it, if that is known."""

    key: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which `threshold` must have cosigned."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vouched:
    """A checkpoint that satisfies a policy, and whose word that is."""

    checkpoint: Checkpoint
    log: Verifier
    witnesses: Mapping[str, datetime]  # by their name in the policy: when each cosigned


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to trust, and when to believe them. As text, a line each, names before their use:

    log pharma.example/log+...
    witness W1 witness1.example+...
    witness W2 witness2.example+...
    group both all W1 W2
    quorum both
    """

    logs: tuple[Peer, ...]
    witnesses: Mapping[str, Peer]
    groups: Mapping[str, Group]  # in the order of definition: members come before
    quorum: str | None  # a witness or a group; None: no witness is asked for

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form: blanks, empty lines and comments are free, all else is strict."""
        return cls(*_Reader().read(text))

    def check(self, signed: str) -> Vouched:
        """Raise unless this checkpoint is a trusted log's and enough witnesses cosigned it.

        1. Every signature by a key of the policy is good.
        2. The text is a checkpoint.
        3. The log of its origin has signed it.
        4. The witnesses that have are a quorum.
        """
        opened = note.open(signed, {peer.key for peer in (*self.logs, *self.witnesses.values())})  # 1
        checkpoint = Checkpoint.parse(opened.text)  # 2
        log = self._log_of(checkpoint, opened)  # 3
        witnesses = self._witnesses_of(opened)
        self.demand_quorum(witnesses)  # 4
        return Vouched(checkpoint, log, witnesses)

    def _log_of(self, checkpoint: Checkpoint, opened: Note) -> Verifier:
        signers = {(signature.name, signature.key_id) for signature in opened.signatures}
        for peer in self.logs:
            if peer.key.name == checkpoint.origin and (peer.key.name, peer.key.key_id) in signers:
                return peer.key
        raise PolicyNotMet("no trusted log of this origin has signed", code="no_log_signature", found=checkpoint.origin)

    def _witnesses_of(self, opened: Note) -> dict[str, datetime]:
        times = {(signature.name, signature.key_id): signature for signature in opened.signatures}
        found = {name: times.get((peer.key.name, peer.key.key_id)) for name, peer in self.witnesses.items()}
        return {name: cosigned_at(signature) for name, signature in found.items() if signature}

    def demand_quorum(self, witnesses: Iterable[str]) -> None:
        """Raise unless these, by their names in the policy, are enough."""
        agreeing = set(witnesses)  # and then each group that they satisfy
        seen = ", ".join(sorted(agreeing)) or "none"
        for name, group in self.groups.items():
            if len(agreeing.intersection(group.members)) >= group.threshold:
                agreeing.add(name)
        if self.quorum is not None and self.quorum not in agreeing:
            raise PolicyNotMet("too few witnesses have cosigned", code="no_quorum", expected=self.quorum, found=seen)


class _Reader:
    """Reads a policy line by line; a line may only name what stands above it."""

    def __init__(self) -> None:
        self.logs: list[Peer] = []
        self.witnesses: dict[str, Peer] = {}
        self.groups: dict[str, Group] = {}
        self.quorums: list[str] = []
        self.grouped: set[str] = set()  # names that are in a group, each in one

    def read(self, text: str) -> tuple[tuple[Peer, ...], dict[str, Peer], dict[str, Group], str | None]:
        if not text.endswith("\n"):  # cut short, "quorum big-and-small" may still read as "quorum big"
            raise MalformedPolicy("the last line does not end")
        if bad := _NOT_TEXT.search(text):
            raise MalformedPolicy("a character that is not allowed", found=repr(bad[0]))
        for number, line in enumerate(text.split("\n"), 1):
            try:
                self.line(line)
            except LogError as error:
                raise MalformedPolicy(error.detail, where=f"line {number}", found=line.strip()) from error
        if len(self.quorums) != 1:
            expected = "one, such as `quorum none`"  # section "Defining the quorum"
            raise MalformedPolicy("quorum lines", expected=expected, found=str(len(self.quorums)))
        quorum = None if self.quorums[0] == "none" else self.quorums[0]
        return tuple(self.logs), self.witnesses, self.groups, quorum

    def line(self, line: str) -> None:
        match _BLANKS.split(line.strip(" \t")):
            case [""]:
                pass
            case [comment, *_] if comment.startswith("#"):
                pass
            case ["log", vkey, *url] if len(url) <= 1:
                self.log(vkey, *url)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self.witness(name, vkey, *url)
            case ["group", name, threshold, *members] if members:
                self.group(name, threshold, members)
            case ["quorum", name]:
                self.quorum(name)
            case _:
                raise MalformedPolicy("not a log, witness, group or quorum line")

    def log(self, vkey: str, url: str | None = None) -> None:
        key = parse_key(vkey, LOG_KEYS)
        if key.public in {peer.key.public for peer in self.logs}:
            raise MalformedPolicy("two logs with one key")
        self.logs.append(Peer(key, url))

    def witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = parse_key(vkey, WITNESS_KEYS)
        if key.public in {peer.key.public for peer in self.witnesses.values()}:
            raise MalformedPolicy("two witnesses with one key")
        self.witnesses[self.new(name)] = Peer(key, url)

    def group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            self.known(member)
            if member in self.grouped:
                raise MalformedPolicy(f"{member} is in a group already")
            self.grouped.add(member)
        self.groups[self.new(name)] = Group(_threshold(threshold, len(members)), tuple(members))

    def quorum(self, name: str) -> None:
        self.quorums.append(name if name == "none" else self.known(name))

    def new(self, name: str) -> str:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise MalformedPolicy(f"the name {name} is taken")
        return name

    def known(self, name: str) -> str:
        if name not in self.witnesses and name not in self.groups:
            raise MalformedPolicy(f"no witness or group {name} above")
        return name


def _threshold(text: str, members: int) -> int:
    thresholds = {"any": 1, "all": members} | {str(k): k for k in range(1, members + 1)}
    if text not in thresholds:
        raise MalformedPolicy("not a threshold that the group can meet")
    return thresholds[text]
