"""Evidence: a file that proves, to anyone who holds a policy, that somebody signed what nobody honest signs. Pure.

    bytes, policy ──convict──> who is convicted, and of what         or `NotConvicted`, and why

`tests/vectors/evidence/evidence.cddl` is normative. The kinds:

    fork             one party signed two successors of one leaf, both in the log or both promised (FORMATS section 3)
    fork-in-bundles  the same, as two proof bundles show it that two people were given
    two-trees        a log signed a checkpoint that does not continue another one of its own
    false-status     a node signed a status that a statement it had accepted before contradicts, or its log's checkpoint
    two-promises     a node promised two entries under one number
    broken-promise   after the time of a promise enough witnesses saw a log without its entry

A log cannot prove that something is not in it. So a promise is broken by the whole of a small log; or by its receipt,
where its place lies beyond a checkpoint that was still the log's last one when the time had passed.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, NamedTuple, NoReturn, TypeAlias, cast

import cbor2

from ledger.tlog.checkpoint import Checkpoint, cosigned_at
from ledger.tlog.errors import LogError, PolicyNotMet
from ledger.tlog.merkle import HASH_SIZE, check_consistency, check_multiproof, leaf_hash, multiproof, root_of
from ledger.tlog.note import Note
from ledger.tlog.proof import Proof

from .bundle.check import examine
from .bundle.report import PASSED_ON
from .bundle.report import Step as BundleStep
from .bundle.rights import Rights
from .bundle.value import Bundle, Entered
from .custody import ENDS, SIGNED_BY_PARTY, TERMINAL, VERSION, Content, Voice, step_named
from .epcis.errors import DocumentError
from .epcis.events import Action, Event
from .epcis.jcs import JSON, encode
from .errors import Refusal
from .policy import Policy
from .statements import (
    ROOT,
    Opened,
    Promise,
    Root,
    Status,
    Submission,
    b64,
    entry,
    open_promise,
    open_statement,
    open_status,
    read,
    read_json,
)
from .submission import (
    SALT_SIZE,
    SECRET_SIZE,
    Kind,
    Leaf,
    Opening,
    core_leaf,
    core_of,
    event_leaf,
    event_leaves,
    root_of_items,
    salts,
)

MEDIA_TYPE = "application/vnd.unitproof.evidence+cbor"
MAX_SIZE = 1 << 24  # bytes

Path: TypeAlias = tuple[bytes, ...]


class MalformedEvidence(DocumentError):
    """Bytes that are not evidence in its one form."""

    code = "malformed_evidence"


class NotConvicted(DocumentError):
    """Evidence that convicts nobody, and why."""

    code = "not_convicted"


class Role(StrEnum):
    """As what somebody is convicted."""

    OPERATOR = "operator"  # of a node or of its log
    SENDER = "sender"  # a party that signs what it hands in
    KEY_HOLDER = "key holder"  # of a key that its party has declared to be in other hands


@dataclass(frozen=True)
class Conviction:
    """Who signed what nobody honest signs."""

    role: Role
    who: str  # GLN of a party; origin of a log
    key: str  # thumbprint of the key, or the verifier key of the log
    what: str

    def as_json(self) -> dict[str, str]:
        return {"role": self.role.value, "who": self.who, "key": self.key, "what": self.what}


# ---- what evidence is made of ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Half:
    """One leaf of one statement, and everything between the two:

    [statement, salt, place, position, [n, root], [salt, core], path, path of the event,
     [index, kind, salt, content, prev], path of the item]
    """

    envelope: bytes
    entry_salt: bytes  # 32 bytes
    place: "int | bytes"  # index in the log; or the node's promise
    position: int  # of the event in its document
    root: Root  # of the event's own tree
    core_salt: bytes  # 16 bytes
    core: str  # RFC 8785 JSON
    path: Path  # of the core, leaf 0, in the event's tree
    event_path: Path  # of the event in the statement's tree
    index: int  # of the item's leaf in the items tree
    kind: Kind
    salt: bytes  # 16 bytes
    content: Content
    prev: bytes | None
    items_path: Path

    @property
    def entry(self) -> bytes:
        return entry(self.entry_salt, self.envelope)

    def as_cbor(self) -> list[Any]:
        item = [self.index, self.kind, self.salt, self.content, self.prev]
        event = [self.position, self.root, [self.core_salt, self.core], self.path, self.event_path]
        return [self.envelope, self.entry_salt, self.place, *event, item, self.items_path]


@dataclass(frozen=True)
class Fork:
    """{"v":1,"kind":"fork","log":origin,"epc":epc,"checkpoint":note,"relied":[entry,...],"path":path,
    "halves":[half,half]}"""

    origin: str
    epc: str
    checkpoint: str  # a signed note
    relied: tuple[Entered, ...]  # statements about the keys, oldest first
    path: Path  # of the entries of `relied`, and of the halves that are in the log
    halves: tuple[Half, Half]

    def members(self) -> dict[str, Any]:
        return {
            "kind": "fork",
            "log": self.origin,
            "epc": self.epc,
            "checkpoint": self.checkpoint,
            "relied": [[each.index, each.salt, each.envelope] for each in self.relied],
            "path": self.path,
            "halves": [half.as_cbor() for half in self.halves],
        }


@dataclass(frozen=True)
class ForkInBundles:
    """{"v":1,"kind":"fork-in-bundles","epc":epc,"bundles":[bundle,bundle]}"""

    epc: str
    bundles: tuple[bytes, bytes]

    def members(self) -> dict[str, Any]:
        return {"kind": "fork-in-bundles", "epc": self.epc, "bundles": self.bundles}


@dataclass(frozen=True)
class TwoTrees:
    """{"v":1,"kind":"two-trees","old":note,"new":note,"root":hash,"proof":[hash,...]}

    `root` is that of the leaves of the new tree that the old one has in number, as a consistency proof shows.
    """

    old: str
    new: str
    root: bytes
    proof: Path = ()

    def members(self) -> dict[str, Any]:
        return {"kind": "two-trees", "old": self.old, "new": self.new, "root": self.root, "proof": self.proof}


@dataclass(frozen=True)
class FalseStatus:
    """{"v":1,"kind":"false-status","status":status,"epc":epc,"half":half}, the half with its promise; or
    {"v":1,"kind":"false-status","status":status,"checkpoint":note}"""

    status: bytes
    epc: str | None = None
    half: Half | None = None
    checkpoint: str | None = None

    def members(self) -> dict[str, Any]:
        against: dict[str, Any] = {"checkpoint": self.checkpoint}
        if self.half is not None:
            against = {"epc": self.epc, "half": self.half.as_cbor()}
        return {"kind": "false-status", "status": self.status, **against}


@dataclass(frozen=True)
class TwoPromises:
    """{"v":1,"kind":"two-promises","promises":[promise,promise]}"""

    promises: tuple[bytes, bytes]

    def members(self) -> dict[str, Any]:
        return {"kind": "two-promises", "promises": self.promises}


@dataclass(frozen=True)
class BrokenPromise:
    """{"v":1,"kind":"broken-promise","promise":promise,"checkpoint":note,"entries":[entry,...]}, all that the log had;
    or with "receipt", the tlog-proof of the entry, instead of "entries" """

    promise: bytes
    checkpoint: str  # cosigned after the time of the promise
    entries: tuple[bytes, ...] | None = None
    receipt: str | None = None

    def members(self) -> dict[str, Any]:
        shown = {"entries": self.entries} if self.entries is not None else {"receipt": self.receipt}
        return {"kind": "broken-promise", "promise": self.promise, "checkpoint": self.checkpoint, **shown}


Evidence: TypeAlias = Fork | ForkInBundles | TwoTrees | FalseStatus | TwoPromises | BrokenPromise


def write(evidence: Evidence) -> bytes:
    """The file."""
    return cbor2.dumps({"v": 1, **evidence.members()}, canonical=True)


def parse(data: bytes) -> Evidence:
    """Read a file of evidence. Only what writes back to the same bytes is accepted; nothing is checked yet."""
    if len(data) > MAX_SIZE:
        raise MalformedEvidence("too large", code="too_large", expected=f"at most {MAX_SIZE} bytes")
    try:
        members = cbor2.loads(data, max_depth=16, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError) as error:
        raise MalformedEvidence(f"not CBOR: {error}", code="not_cbor") from error
    evidence = _read(members)
    if evidence is None:
        raise MalformedEvidence("not evidence of a kind known here")
    if write(evidence) != data:
        raise MalformedEvidence("not in deterministic encoding", code="not_deterministic")
    return evidence


def _read(members: Any) -> Evidence | None:
    match members:
        case {"v": 1, "kind": "fork", "log": str(log), "epc": str(epc), "checkpoint": str(note), "relied": list(relied),
              "path": list(path), "halves": [one, other]}:  # fmt: skip
            halves = _read_half(one), _read_half(other)
            return Fork(log, epc, note, tuple(map(_read_entered, relied)), _path(path), halves)
        case {"v": 1, "kind": "fork-in-bundles", "epc": str(epc), "bundles": [bytes(one), bytes(other)]}:
            return ForkInBundles(epc, (one, other))
        case {"v": 1, "kind": "two-trees", "old": str(old), "new": str(new), "root": root, "proof": list(proof)}:
            return TwoTrees(old, new, _octets(root, HASH_SIZE), _path(proof))
        case {"v": 1, "kind": "false-status", "status": bytes(status), "epc": str(epc), "half": half}:
            return FalseStatus(status, epc, _read_half(half))
        case {"v": 1, "kind": "false-status", "status": bytes(status), "checkpoint": str(note)}:
            return FalseStatus(status, checkpoint=note)
        case {"v": 1, "kind": "two-promises", "promises": [bytes(one), bytes(other)]}:
            return TwoPromises((one, other))
        case {"v": 1, "kind": "broken-promise", "promise": bytes(said), "checkpoint": str(note), "entries": list(all_)}:
            return BrokenPromise(said, note, entries=_path(all_))
        case {"v": 1, "kind": "broken-promise", "promise": bytes(said), "checkpoint": str(note), "receipt": str(proof)}:
            return BrokenPromise(said, note, receipt=proof)
    return None


def _read_half(part: Any) -> Half:
    match part:
        case [bytes(envelope), entry_salt, place, position, root, [core_salt, str(core)], list(path), list(event_path),
              [index, "i" | "p" as kind, salt, content, prev], list(items_path)]:  # fmt: skip
            return Half(
                envelope,
                _octets(entry_salt, SECRET_SIZE),
                place if isinstance(place, bytes) else _count(place),
                _count(position),
                _root(root),
                _octets(core_salt, SALT_SIZE),
                core,
                _path(path),
                _path(event_path),
                _count(index),
                cast(Kind, kind),
                _octets(salt, SALT_SIZE),
                cast(Content, content) if content in ("none", "unknown") else _root(content),
                None if prev is None else _octets(prev, HASH_SIZE),
                _path(items_path),
            )
    raise MalformedEvidence("not one half of evidence")


def _read_entered(part: Any) -> Entered:
    match part:
        case [index, salt, bytes(envelope)]:
            return Entered(_count(index), _octets(salt, SECRET_SIZE), envelope)
    raise MalformedEvidence("not an entry", expected="index, salt, statement")


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise MalformedEvidence("not a size or an index", found=repr(value)[:80])
    return value


def _octets(value: Any, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise MalformedEvidence("not so many bytes", expected=str(size), found=repr(value)[:80])
    return value


def _path(part: list[Any]) -> Path:
    return tuple(_octets(each, HASH_SIZE) for each in part)


def _root(value: Any) -> Root:
    match value:
        case [size, root]:
            return _count(size), _octets(root, HASH_SIZE)
    raise MalformedEvidence("not [n, root]", found=repr(value)[:80])


# ---- making ---------------------------------------------------------------------------------------------------------


def half_of(
    envelope: bytes,
    opening: Opening,
    event: Event,
    position: int,
    leaves: Collection[Leaf],
    epc: str,
    event_hashes: Sequence[bytes],
    place: "int | bytes",
) -> Half:
    """What an event shows of an item: all its `leaves` are known by kind and hash, that of `epc` by what it says."""
    leaf = next(leaf for leaf in leaves if leaf.epc == epc and leaf.kind != "s")
    told, items = opening.told[position], sorted(each.hash for each in leaves)
    fields = [leaf_hash(each) for each in event_leaves(event, told, opening, position, list(leaves))]
    index = items.index(leaf.hash)
    assert leaf.content is not None
    return Half(
        envelope=envelope,
        entry_salt=opening.entry,
        place=place,
        position=position,
        root=(len(fields), root_of(fields)),
        core_salt=salts(opening.fields, "event", position, "fields")("core"),
        core=encode(core_of(event, told, root_of_items(list(leaves)))).decode(),
        path=tuple(multiproof(fields, [0])),
        event_path=tuple(multiproof(event_hashes, [position])),
        index=index,
        kind=leaf.kind,
        salt=salts(opening.items, "event", position, "items")(epc),
        content=leaf.content,
        prev=leaf.prev,
        items_path=tuple(multiproof(items, [index])),
    )


class ShownLeaf(NamedTuple):
    """A leaf that a bundle shows of an item, and who signed it."""

    origin: str
    statement: str  # UUID
    signer: str  # GLN
    kid: bytes
    hash: bytes
    prev: bytes


def forked(one: Bundle, other: Bundle, epc: str) -> tuple[ShownLeaf, ShownLeaf] | None:
    """The first two leaves of an item, a statement each, that follow the same one; as the bundles have them."""
    theirs = {(leaf.origin, leaf.prev): leaf for leaf in _leaves_of(other, epc)}
    for leaf in _leaves_of(one, epc):
        against = theirs.get((leaf.origin, leaf.prev))
        if against is not None and against.hash != leaf.hash and against.statement != leaf.statement:
            return leaf, against
    return None


def _leaves_of(bundle: Bundle, epc: str) -> Iterator[ShownLeaf]:
    for segment in bundle.segments:
        for hop in segment.hops:
            opened = open_statement(hop.entered.envelope)
            told = [event for event in hop.events if event.core.get("as") in set(SIGNED_BY_PARTY)]
            for item in (item for event in told for item in event.items):
                if item.epc == epc and item.kind != "s" and item.prev is not None:
                    kid, statement = opened.signed.kid, opened.payload.id
                    yield ShownLeaf(segment.origin, statement, opened.issuer, kid, item.hash, item.prev)


def accuse(one: bytes, other: bytes) -> bytes:
    """The evidence that two files make together: two bundles, two promises, a status and a checkpoint, two checkpoints
    of one size, be they alone or under a bundle or a receipt. Nothing is checked by any policy yet.

    Raises `MalformedEvidence` for files that are none of these, `NotConvicted` where they do not contradict each other.
    """
    makers, comparable = (_two_bundles, _two_promises, _two_checkpoints, _status_and_checkpoint), False
    for make, first, second in [(make, *pair) for make in makers for pair in ((one, other), (other, one))]:
        with suppress(DocumentError, LogError, UnicodeDecodeError):
            evidence = make(first, second)
            comparable = True
            if evidence:
                return write(evidence)
    if not comparable:
        expected = "bundles, receipts, checkpoints, two promises, or a status and a checkpoint"
        raise MalformedEvidence("files that cannot be compared", expected=expected)
    raise NotConvicted("the two files do not contradict each other", code="consistent")


def _two_bundles(one: bytes, other: bytes) -> Evidence | None:
    bundles = Bundle.parse(one), Bundle.parse(other)
    common = [epc for epc in bundles[0].items if epc in bundles[1].items and forked(*bundles, epc)]
    return ForkInBundles(common[0], (one, other)) if common else None


def _two_promises(one: bytes, other: bytes) -> Evidence | None:
    first, second = (open_promise(each).payload for each in (one, other))
    same = (first.log, first.number) == (second.log, second.number)
    return TwoPromises((one, other)) if same and first.entry != second.entry else None


def _two_checkpoints(one: bytes, other: bytes) -> Evidence | None:
    for first, second in product(_checkpoints(one), _checkpoints(other)):
        old, new = (Checkpoint.parse(Note.parse(each).text) for each in (first, second))
        if (old.origin, old.size) == (new.origin, new.size) and old.root != new.root:
            return TwoTrees(first, second, new.root)
    return None


def _checkpoints(data: bytes) -> list[str]:
    """The notes in a file: a checkpoint alone, or those on which a bundle or a receipt rests."""
    with suppress(DocumentError):
        return [segment.checkpoint for segment in Bundle.parse(data).segments]
    text = data.decode()
    with suppress(LogError):
        return [Proof.parse(text).checkpoint]
    return [text]


def _status_and_checkpoint(one: bytes, other: bytes) -> Evidence | None:
    said, head = open_status(one).payload, Checkpoint.parse(Note.parse(other.decode()).text)
    same = (said.log, said.size) == (head.origin, head.size)
    return FalseStatus(one, checkpoint=other.decode()) if same and said.root != head.root else None


# ---- judging --------------------------------------------------------------------------------------------------------


def convict(data: bytes, policy: Policy) -> tuple[Conviction, ...]:
    """Who is convicted by it. Raises `MalformedEvidence` for what cannot be read, and `NotConvicted` for what proves
    nothing, by this policy."""
    evidence = parse(data)
    try:
        return tuple(_JUDGES[type(evidence)](_Court(policy), evidence))
    except NotConvicted:
        raise
    except (DocumentError, LogError, Refusal) as error:
        seen = {name: getattr(error, name, None) for name in ("where", "expected", "found")}
        raise NotConvicted(error.detail, code=error.code, **seen) from error


@dataclass(frozen=True)
class _Shown:
    """One half, all of it checked but whose key it is: what it says of the item, and who says so as what."""

    half: Half
    opened: Opened[Submission]
    core: Mapping[str, JSON]
    leaf: Leaf

    @property
    def voice(self) -> Voice:
        return Voice(str(self.core["as"]))


class _Court:
    """Checks what evidence is made of, against a policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.kids: dict[bytes, None] = {}  # of the node, by which it signed what is shown

    # ---- a fork ---------------------------------------------------------------------------------------------------

    def fork(self, fork: Fork) -> list[Conviction]:
        # 1  the log, and who may speak in it
        rights = self._rights(fork)
        # 2  each half: a leaf of the item, in an event, in a signed statement of this log
        one, other = (self._shown(half, fork.epc, fork.origin) for half in fork.halves)
        # 3  two statements, two leaves, one predecessor that there is
        if one.opened.payload.id == other.opened.payload.id or one.leaf.hash == other.leaf.hash:
            self._acquit("same_statement", "one statement, or one leaf, shown twice")
        if one.leaf.prev is None or one.leaf.prev != other.leaf.prev:
            self._acquit("no_fork", "the two leaves do not follow the same one")
        # 4  each told as its own act, or as an agent's
        for shown in (one, other):
            if shown.voice not in SIGNED_BY_PARTY:
                self._acquit("told_by_others", "what others report is no half of a fork", found=shown.voice.value)
        # 5  both promised, or both in the log
        promised = [isinstance(half.place, bytes) for half in fork.halves]
        if any(promised) and not all(promised):
            self._acquit("not_both_accepted", "both are promised, or both are in the log")
        for half in fork.halves:
            if isinstance(half.place, bytes):
                self._promise(half.place, half.entry, fork.origin)
        # 6  by keys that spoke for their parties
        signers = {self._signer(shown, rights) for shown in (one, other)}
        return list(self._blame(signers, fork.origin, all(promised)))

    def _rights(self, fork: Fork) -> Rights:
        head = self.policy.tlog.check(fork.checkpoint).checkpoint
        if head.origin != fork.origin:
            self._acquit("wrong_log", "a checkpoint of another log", expected=fork.origin, found=head.origin)
        leaves = {each.index: each.leaf for each in fork.relied}
        logged = {half.place: leaf_hash(half.entry) for half in fork.halves if isinstance(half.place, int)}
        if len(leaves | logged) < len(leaves) + len(logged) or len(leaves) < len(fork.relied):
            self._acquit("one_index_twice", "two statements at one index")
        check_multiproof(leaves | logged, head.size, fork.path, head.root)
        rights, self.size = Rights(self.policy, fork.origin), head.size
        for each in sorted(fork.relied, key=lambda relied: relied.index):
            rights.tell(each)
        return rights

    def _signer(self, shown: _Shown, rights: Rights) -> tuple[Role, str, str]:
        """Of a promised statement, which has no place in the log yet, the key counts that is in force at its end."""
        signed, place = shown.opened.signed, shown.half.place
        index = place if isinstance(place, int) else self.size
        signed.check(rights.key(shown.opened.issuer, signed.kid, index))
        role = Role.SENDER if rights.compromised(shown.opened.issuer, signed.kid) is None else Role.KEY_HOLDER
        return role, shown.opened.issuer, b64(signed.kid)

    def _blame(self, signers: set[tuple[Role, str, str]], origin: str, promised: bool) -> Any:
        parties = {who for _, who, _ in signers}
        if len(parties) == 1:  # its own word against its own word
            for role, who, kid in sorted(signers):
                yield Conviction(role, who, kid, "signed two successors of one leaf")
        if promised:
            yield self._operator(origin, "promised two successors of one leaf")
        elif len(parties) > 1:  # one of them may have been shown a head that was none: only the node knows both
            yield self._operator(origin, "took two successors of one leaf, by two parties, into its log")

    def fork_in_bundles(self, fork: ForkInBundles) -> list[Conviction]:
        # 1  each bundle, as far as its leaves: they are in statements, in the log, by keys in force
        reports = [examine(bundle, self.policy) for bundle in fork.bundles]
        for report in reports:
            if (failure := report.failure) and failure.step <= BundleStep.LEAVES:
                where = f"step {int(failure.step)} of the bundle"
                self._acquit(failure.code, failure.detail, where=where, expected=failure.expected, found=failure.found)
        # 2  two leaves in two statements of one log, one predecessor that there is, each told as its own act
        one, other = map(Bundle.parse, fork.bundles)
        found = forked(one, other, fork.epc)
        if found is None:
            self._acquit("no_fork", "the bundles do not contradict each other about this item")
        # 3  by whom
        lost = {report.hops[note.hop].statement for report in reports for note in report.notes
                if note.code == "key_compromised" and note.hop is not None}  # fmt: skip
        signers = {
            (Role.KEY_HOLDER if each.statement in lost else Role.SENDER, each.signer, b64(each.kid)) for each in found
        }
        return list(self._blame(signers, found[0].origin, promised=False))

    # ---- two trees ------------------------------------------------------------------------------------------------

    def two_trees(self, trees: TwoTrees) -> list[Conviction]:
        # 1  two checkpoints of one log, each signed by it; what witnesses say does not matter
        old, new = self._signed_by_log(trees.old), self._signed_by_log(trees.new)
        if old.origin != new.origin:
            self._acquit("wrong_log", "checkpoints of two logs", expected=old.origin, found=new.origin)
        # 2  the new tree begins with leaves of this root
        check_consistency(old.size, trees.root, new.size, new.root, trees.proof)
        # 3  the old tree is another one
        if trees.root == old.root:
            self._acquit("consistent", "the new tree continues the old one")
        key = next(str(peer.key) for peer in self.policy.tlog.logs if peer.key.name == old.origin)
        return [Conviction(Role.OPERATOR, old.origin, key, f"signed two trees of {old.size} entries")]

    def _signed_by_log(self, signed: str) -> Checkpoint:
        return Checkpoint.open(signed, [peer.key for peer in self.policy.tlog.logs if peer.key.name == _origin(signed)])

    # ---- a false status -------------------------------------------------------------------------------------------

    def false_status(self, false: FalseStatus) -> list[Conviction]:
        # 1  the node signed it
        opened = open_status(false.status)
        status = opened.payload
        self._by_node(opened, status.log)
        # 2  its log's checkpoint, or a statement that it had accepted before, says otherwise
        if false.checkpoint is not None:
            self._another_root(status, false.checkpoint)
            return [self._operator(status.log, "signed a status over another tree than its log has")]
        assert false.half is not None
        assert false.epc is not None
        shown = self._shown(false.half, false.epc, status.log)
        if not isinstance(false.half.place, bytes):
            self._acquit("promise_missing", "only a promise says that a statement came before a status")
        number = self._promise(false.half.place, false.half.entry, status.log).number
        if number >= status.accepted:
            found = f"{number}, after {status.accepted}"
            self._acquit("accepted_later", "the status covers what was accepted before it", found=found)
        return [self._operator(status.log, self._contradiction(status, shown, false.epc))]

    def _another_root(self, status: Status, note: str) -> None:
        head = self._signed_by_log(note)
        if (head.origin, head.size) != (status.log, status.size) or head.root == status.root:
            self._acquit("consistent", "not another root for the size that the status names")

    def _contradiction(self, status: Status, shown: _Shown, epc: str) -> str:
        if status.status == PASSED_ON:
            self._acquit("passed_on", "such a status tells of where a party's own part ended, not of now")
        if (head := status.heads.get(epc)) is None or shown.leaf.prev is None:
            self._acquit("not_covered", "the status does not tell of this item, or the statement is without a link")
        if head.leaf == shown.leaf.prev:
            return "called a leaf the last one that it had accepted a successor of"
        if head.leaf != shown.leaf.hash or epc != status.outermost or not 1 <= status.rules <= VERSION:
            self._acquit("consistent", "the status may be true: the statement need not be the last one")
        if status.status in TERMINAL or not self._ends(shown, status.rules):
            self._acquit("consistent", "the status is what the statement makes of the item")
        return f"called {status.status} what had come to its end"

    @staticmethod
    def _ends(shown: _Shown, rules: int) -> bool:
        """Whether the event ends the item's life: told by its party, and not as an error."""
        core = shown.core
        step = step_named(cast("str | None", core.get("bizStep")), Action(str(core["action"])), None, rules)
        ends = step in ENDS and shown.half.kind == "i"
        return ends and shown.voice in SIGNED_BY_PARTY and "errorDeclaration" not in core

    # ---- promises -------------------------------------------------------------------------------------------------

    def two_promises(self, two: TwoPromises) -> list[Conviction]:
        one, other = (self._opened_promise(promise) for promise in two.promises)
        if (one.log, one.number) != (other.log, other.number):
            self._acquit("consistent", "two numbers", found=f"{one.number} and {other.number}")
        if one.entry == other.entry:
            self._acquit("consistent", "two promises of one entry")
        return [self._operator(one.log, f"promised two entries under the number {one.number}")]

    def broken_promise(self, broken: BrokenPromise) -> list[Conviction]:
        # 1  the node promised it
        promise = self._opened_promise(broken.promise)
        # 2  when its time had passed, enough witnesses still saw this as the last checkpoint of the log
        head = self._last_seen_after(broken.checkpoint, promise)
        # 3  and the entry was not in it
        if broken.entries is not None:
            self._lacks(head, broken.entries, promise.entry)
        else:
            proof = Proof.parse(str(broken.receipt))
            later = proof.check(promise.entry, self.policy.tlog).checkpoint
            if later.origin != promise.log or proof.index < head.size:
                self._acquit("promise_kept", "its place is in the tree that was seen", found=f"index {proof.index}")
        late = f"{promise.integrate_by:%Y-%m-%d %H:%M:%S} UTC"
        return [self._operator(promise.log, f"had not in its log by {late} what it had promised by then")]

    def _last_seen_after(self, note: str, promise: Promise) -> Checkpoint:
        """A cosignature says: at this time I had seen nothing larger (c2sp.org/tlog-cosignature)."""
        opened = Note.parse(note)
        witnesses = {(peer.key.name, peer.key.key_id) for peer in self.policy.tlog.witnesses.values()}
        late = [
            line
            for line in opened.signatures
            if (line.name, line.key_id) not in witnesses or cosigned_at(line) > promise.integrate_by
        ]
        vouched = self.policy.tlog.check(str(Note(opened.text, tuple(late))))
        if not vouched.witnesses:
            self._acquit("no_quorum", "without witnesses nobody knows when a checkpoint was the last one")
        others = self.policy.tlog.witnesses.keys() - vouched.witnesses.keys()
        if self._is_quorum(others):  # who lags cosigns an old checkpoint at any time
            self._acquit("no_quorum", "others, enough of them, may have seen a larger log in time")
        if vouched.checkpoint.origin != promise.log:
            found = vouched.checkpoint.origin
            self._acquit("wrong_log", "a checkpoint of another log", expected=promise.log, found=found)
        return vouched.checkpoint

    def _is_quorum(self, witnesses: Collection[str]) -> bool:
        try:
            self.policy.tlog.demand_quorum(witnesses)
        except PolicyNotMet:
            return False
        return True

    def _lacks(self, head: Checkpoint, entries: Path, promised: bytes) -> None:
        if (len(entries), root_of([leaf_hash(each) for each in entries])) != (head.size, head.root):
            self._acquit("wrong_root", "not the entries of this checkpoint", expected=f"{head.size} entries")
        if promised in entries:
            self._acquit("promise_kept", "the entry is in the log")

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _shown(self, half: Half, epc: str, origin: str) -> _Shown:
        """The leaf, proven up to the statement, whose signature is checked by whoever knows the key."""
        opened = open_statement(half.envelope)
        statement = opened.payload
        if not isinstance(statement, Submission):
            self._acquit("not_a_submission", "not a submission", found=statement.kind())
        if statement.log != origin:
            self._acquit("wrong_log", "for another log", expected=origin, found=statement.log)
        core = read_json(half.core.encode(), "core")
        if not isinstance(core, dict) or "items" not in core or core.get("as") not in set(Voice):
            self._acquit("malformed_core", "not the core of an event that names items")
        leaf = Leaf.make(half.kind, half.salt, epc, half.content, half.prev)
        size, root = read(ROOT, core["items"], "items")
        check_multiproof({half.index: leaf.hash}, size, half.items_path, root)
        size, root = half.root
        check_multiproof({0: leaf_hash(core_leaf(half.core_salt, core))}, size, half.path, root)
        size, root = statement.events
        check_multiproof({half.position: event_leaf(half.root)}, size, half.event_path, root)
        return _Shown(half, Opened(opened.envelope, opened.signed, statement), core, leaf)

    def _promise(self, envelope: bytes, promised: bytes, origin: str) -> Promise:
        promise = self._opened_promise(envelope)
        if (promise.log, promise.entry) != (origin, promised):
            self._acquit("another_promise", "a promise about something else", found=promise.entry.hex())
        return promise

    def _opened_promise(self, envelope: bytes) -> Promise:
        opened = open_promise(envelope)
        self._by_node(opened, opened.payload.log)
        return opened.payload

    def _by_node(self, opened: Opened[Any], origin: str) -> None:
        for node in self.policy.nodes:
            if (node.origin, node.public.kid) == (origin, opened.signed.kid):
                self.kids[opened.signed.kid] = None
                return opened.signed.check(node.public)
        self._acquit("unknown_node", "signed by no node the policy names", found=opened.signed.kid.hex())

    def _operator(self, origin: str, what: str) -> Conviction:
        logs = [str(peer.key) for peer in self.policy.tlog.logs if peer.key.name == origin]
        return Conviction(Role.OPERATOR, origin, ", ".join(map(b64, self.kids)) or logs[0], what)

    def _acquit(self, code: str, detail: str, **seen: str | None) -> NoReturn:
        raise NotConvicted(detail, code=code, **seen)


def _origin(signed: str) -> str:
    return Checkpoint.parse(Note.parse(signed).text).origin


_JUDGES: Mapping[type[Any], Callable[[_Court, Any], list[Conviction]]] = {
    Fork: _Court.fork,
    ForkInBundles: _Court.fork_in_bundles,
    TwoTrees: _Court.two_trees,
    FalseStatus: _Court.false_status,
    TwoPromises: _Court.two_promises,
    BrokenPromise: _Court.broken_promise,
}
