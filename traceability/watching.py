"""Watching over one's own name: what a node has under it, against what one has kept oneself. Pure: no Django.

    node's lists ──compare──> findings      not_sent, not_signed, made_by_others, told_for_you, not_listed
    kept folder ───┘

One's own folder is the only measure. Below it, each statement has a folder as `unitproof submit --keep` writes it;
a finding that was looked into and is all right is kept there, too (`accept`), and is none any more.
What a node keeps to itself, no list shows: of what it has accepted, the promise convicts it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.tlog.cose import PublicKey
from ledger.tlog.errors import LogError

from . import statements
from .client import Node, keep, read_text
from .epcis.errors import DocumentError
from .errors import NodeError
from .reporting import plain
from .statements import Opened, Statement, b64, open_statement
from .submission import Opening

#: What can be wrong, in a sentence that begins with what it is about.
CODES = {
    "not_sent": "is signed with a key of yours, and is not among what you kept",
    "not_signed": "stands under your name, and no key of yours that the node lists has signed it",
    "made_by_others": "was stated about you, and not by you",
    "told_for_you": "was told for you by an agent of yours",
    "not_listed": "was promised to you, and the node does not list it",
}


@dataclass(frozen=True)
class Finding:
    """Something that the owner of a name has to look at."""

    code: str  # of CODES
    id: str  # of the statement
    entry: str  # in hex
    what: str  # submission, key, prefix, ...
    told: str  # what else helps to see what it is
    envelope: bytes = b""  # the statement, as the node has it

    def __str__(self) -> str:
        return f"{self.code}: {self.what} {self.id} {CODES[self.code]}\n  {self.told}\n  entry {self.entry}"


@dataclass
class Kept:
    """What lies in the folder, for one log."""

    payloads: set[bytes] = field(default_factory=set)  # SHA-256 of everything that was signed, or looked into
    entries: set[str] = field(default_factory=set)  # in hex, of what was submitted, or looked into
    promised: dict[str, Path] = field(default_factory=dict)  # by entry in hex, where the promise of it is

    @classmethod
    def read(cls, folder: Path, log: str, *, before: float) -> "Kept":
        """All of it; promises only from `before` this time, in seconds: a later one may be missing in a list."""
        kept = cls()
        kept.entries.update(path.read_text(errors="replace").strip() for path in folder.rglob("entry"))
        for path in sorted(folder.rglob("statement")):
            with _naming(path):
                envelope = path.read_bytes()
                opened = open_statement(envelope)
                if opened.payload.log == log:
                    kept._take(path.parent, envelope, opened, before)
        return kept

    def _take(self, folder: Path, envelope: bytes, opened: Opened[Statement], before: float) -> None:
        self.payloads.add(sha256(opened.signed.payload).digest())
        if (path := folder / "opening").exists():
            self.entries.add(statements.entry(Opening.parse(path.read_bytes()).entry, envelope).hex())
        if (path := folder / "promise").exists() and path.stat().st_mtime < before:
            self.promised[statements.open_promise(path.read_bytes()).payload.entry.hex()] = path


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is wrong with a file is said with its name."""
    try:
        yield
    except (DocumentError, LogError) as error:
        error.where = f"{path}: {error.where}" if error.where else str(path)
        raise


@dataclass
class Watcher:
    """One name on one node. It remembers what was listed, and asks only for what is new."""

    node: Node
    folder: Path
    agents: frozenset[str] = frozenset()  # GLNs of those whose word for the party is expected
    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)  # as listed, by entry
    stated: dict[str, dict[str, Any]] = field(default_factory=dict)
    fetched: dict[str, Opened[Statement]] = field(default_factory=dict)  # of what one had not kept, by entry
    settled: dict[str, str] = field(default_factory=dict)  # by list, where it is to be asked from
    party: str = ""  # GLN, as the node knows the asker

    @property
    def count(self) -> int:
        """What the node has under the name, as far as it lists it."""
        return len(self.submissions) + len(self.stated)

    def look(self) -> list[Finding]:
        """All that there is to look at now, oldest first."""
        self.folder.stat()  # a folder that is not there holds nothing, and everything would be a finding
        began = time.time()
        self._list("submissions", self.submissions)
        self._list("statements", self.stated)
        kept = Kept.read(self.folder, self.node.origin, before=began)  # after the lists: what they have was kept before
        return [*self._stated(kept), *self._submitted(kept), *self._forgotten(kept)]

    def accept(self, findings: Iterable[Finding]) -> list[Finding]:
        """Keep what was looked into: the same is no finding the next time. What is left: a promise is not forgiven."""
        left = []
        for each in findings:
            if each.envelope:
                keep(self.folder / "accepted" / each.id, statement=each.envelope, entry=each.entry.encode())
            elif each.code == "told_for_you":  # what else the agent told with it is not ours to keep
                keep(self.folder / "accepted" / each.entry, entry=each.entry.encode())
            else:
                left.append(each)
        return left

    def _list(self, what: str, rows: dict[str, dict[str, Any]]) -> None:
        for page in self.node.listed(what, self.settled.get(what, "")):
            self.party = read_text(page, "party")
            self.settled[what] = read_text(page, "settled")
            rows |= {_member(row, "entry", statements.ENTRY_HEX): row for row in page[what]}

    # ---- compared ---------------------------------------------------------------------------------------------------

    def _stated(self, kept: Kept) -> Iterator[Finding]:
        """Statements about keys and rights that are not among what was kept."""
        for entry, row in self.stated.items():
            envelope = statements.unb64(read_text(row, "envelope"))
            opened = _opened(envelope)
            if sha256(opened.signed.payload).digest() in kept.payloads:
                continue
            code = self._code(opened) if opened.issuer == self.party else "made_by_others"
            yield Finding(code, opened.payload.id, entry, opened.payload.kind(), _told(opened), envelope)

    def _submitted(self, kept: Kept) -> Iterator[Finding]:
        """Submissions that are not. Of these the statement is fetched: who signed it decides what to do."""
        for entry, row in self.submissions.items():
            if entry in kept.entries:
                continue
            submitter = _member(row, "submitter", statements.GLN)
            if submitter in self.agents:
                continue
            if submitter != self.party:
                name = _member(row, "submission", statements.UUID)
                yield Finding("told_for_you", name, entry, "submission", f"signed by {submitter}")
                continue
            opened = self._fetched(entry, read_text(row, "submission"))
            yield Finding(self._code(opened), opened.payload.id, entry, "submission", _told(opened), opened.envelope)

    def _fetched(self, entry: str, name: str) -> Opened[Statement]:
        if entry not in self.fetched:
            opened = _opened(self.node.statement_of(name))
            if opened.payload.id != name:
                raise NodeError(f"bad_answer: another statement than was asked for\n  where: {opened.payload.id}")
            self.fetched[entry] = opened
        return self.fetched[entry]

    def _forgotten(self, kept: Kept) -> Iterator[Finding]:
        for entry, path in kept.promised.items():
            if entry not in self.submissions:
                yield Finding("not_listed", path.parent.name, entry, "submission", f"the promise: {path}")

    def _code(self, opened: Opened[Statement]) -> str:
        """Whether a key that speaks for the party has signed it: by the key statements that the node lists."""
        public = self._keys().get(opened.signed.kid)
        try:
            if public is None or opened.issuer != self.party:
                return "not_signed"
            opened.signed.check(public)
        except LogError:
            return "not_signed"
        return "not_sent"

    def _keys(self) -> Mapping[bytes, PublicKey]:
        said = (_opened(statements.unb64(read_text(row, "envelope"))).payload for row in self.stated.values())
        return {key.kid: key.public_key for key in said if isinstance(key, statements.Key) and key.about == self.party}


def _member(row: Mapping[str, Any], name: str, form: statements.Form) -> str:
    """What a row says, in its form: it is printed."""
    try:
        return str(form.read(row.get(name)))
    except ValueError as error:
        detail = "bad_answer: not what a node answers"
        raise NodeError(f"{detail}\n  where: {name}\n  expected: {form.what}") from error


def _opened(envelope: bytes) -> Opened[Statement]:
    try:
        return open_statement(envelope)
    except DocumentError as error:
        raise NodeError(f"bad_answer: the node lists what is no statement: {error}") from error


def _told(opened: Opened[Statement]) -> str:
    """What it says; who signed it and when, as it says itself."""
    said = opened.payload
    what = _words(said)
    return f"{what + ', ' if what else ''}signed by {opened.issuer} with {b64(opened.signed.kid)}, {_time(said.time)}"


def _words(said: Statement) -> str:
    """What there is to look into, in words."""
    match said:
        case statements.Key() | statements.KeyRevocation():
            return f"key {b64(said.kid)}"
        case statements.Prefix():
            return f"may issue {' '.join(said.gtins)}"
        case statements.Delegation():
            return plain(f"lets {said.to} do {' '.join(said.steps)}")
        case statements.Licence():
            return plain(f"licence {said.licence}, {said.valid_from:%Y-%m-%d} to {said.valid_to:%Y-%m-%d}")
        case statements.Location():
            return plain(f"operates {said.place}, {said.name}, from {said.valid_from:%Y-%m-%d}")
        case statements.Hold():
            span = f"{said.first} to {said.last}" if said.first else ""
            what = " ".join(filter(None, (said.epc, said.gtin, said.lot and f"lot {said.lot}", span)))
            return plain(f"holds {what}: {said.hold}, {said.reason}")
        case statements.Release():
            return plain(f"releases {said.entry}: {said.reason}")
        case statements.Grant():
            until = f" until {said.valid_to:%Y-%m-%d}" if said.valid_to else ""
            return f"lets {said.to} read {' '.join(said.gtins or ['all'])}{until}"
        case statements.DataHash():
            return plain(f"anchors {said.location}, {said.hash_alg} {said.hash.hex()}")
        case statements.Recall():
            return plain(f"recalls {' '.join(said.holds)}: class {said.classification}, {said.depth}, {said.reason}")
        case statements.RecallAnswer():
            return plain(f"answers the recall {said.entry}: {_found(said)}")
        case statements.RecallClosing():
            return f"closes the recall {said.entry}"
        case statements.Waiver():
            return plain(
                f"{said.waiver}, {said.basis}: no {', '.join(said.rules)} for {' '.join(said.gtins or ['all'])}"
            )
        case statements.ExceptionMessage():
            return f"{said.message} to {said.to}, case {said.case}"
        case statements.Investigation():
            return plain(f"investigation {said.case}: {said.step}, {said.reason}, by {said.person} at {said.place}")
        case statements.Revocation():
            return f"takes back {said.entry}"
        case statements.Case():
            of = " ".join(filter(None, (said.gtin, said.lot and f"lot {said.lot}", *(said.serials or ()))))
            return plain(f"opens case {said.case} about {of} until {said.valid_to:%Y-%m-%d}")
        case statements.TraceRequest():
            of = " ".join(filter(None, (said.gtin, said.lot and f"lot {said.lot}", *(said.serials or ()))))
            return plain(f"{'TEST: ' if said.test else ''}asks {said.to} to trace {of}: {said.reason}")
        case statements.TraceAnswer():
            return f"{'TEST: ' if said.test else ''}answers {said.to}, who asked in {said.request}: knows {said.knows}"
    return ""


def _found(said: statements.RecallAnswer) -> str:
    names = ("quarantined", "returned", "destroyed", "missing")
    return ", ".join(f"{n} {name}" for n, name in zip(said.found, names, strict=True) if n is not None) or "read"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
