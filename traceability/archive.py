"""Everything that a party has in a log, as one file that anyone can check with the node switched off. Pure.

    checkpoint                            the head of the log, as a signed note
    policy.json                           whom to believe, for those who believe the node
    bundles/000000.unitproof              what the party holds, where that was asked for
    registrations/000000000003/           what was said of its keys and rights, by index in the log
        promise receipt salt statement
    submissions/000000000042/             what it has handed in, by index in the log
        document leaves opening promise receipt statement
        leaves promise receipt remains statement          what is left of one that was erased
    manifest.json                         {"files":[[name,bytes,SHA-256],...],"log":...,"party":gln,"size":n,"v":1}
    manifest.cose                         the node's word that this is all, in a log of this size

`receipt` is a c2sp.org/tlog-proof under that one checkpoint. A line of `leaves` is an event, in document order, and
what its leaf says of each EPC in the order of `Event.named`:

    {"leaves":[["i",content,prev],["s"],["p",content,prev]]}
    {"leaves":[["i",hash],...]}                                what nobody can say any more stands as its hash
    {"core":{...},"fields":[hash,...],"leaves":[...],"salt":...}    of an erased event

From document, opening and leaves every root that the statement signs is computed again. The checks are numbered; a
file is read at a time, and a document is never held twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from sys import maxsize
from typing import Any, NoReturn, cast
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo
from zlib import error as ZlibError  # noqa: N812

from ledger.tlog.errors import LogError
from ledger.tlog.merkle import check_inclusion, leaf_hash, root_of
from ledger.tlog.policy import Vouched
from ledger.tlog.proof import Proof

from .bundle.check import examine
from .bundle.report import Numbered, Result
from .bundle.rights import Rights
from .bundle.value import Entered
from .custody import Content
from .epcis.documents import parse
from .epcis.errors import DocumentError
from .epcis.events import Event
from .epcis.jcs import JSON, encode
from .epcis.limits import Limits
from .errors import Refusal
from .policy import Policy
from .statements import (
    BY_NODE,
    CONTENT,
    COUNT,
    GLN,
    HASH,
    ORIGIN,
    PARTICIPATION,
    VERSION,
    DeletionCertificate,
    Erased,
    Erasure,
    Location,
    Opened,
    Root,
    Statement,
    Submission,
    b64,
    entry,
    open_archive,
    open_promise,
    open_statement,
    read,
    read_json,
    unb64,
)
from .submission import (
    SALT_SIZE,
    SECRET_SIZE,
    Leaf,
    Opening,
    core_leaf,
    document_mac,
    event_leaf,
    event_leaves,
    header_leaves,
    meaning,
    root_of_items,
    salts,
)

BEGINNING = b"PK\x03\x04"  # of a ZIP file that is not empty
MANIFEST, SIGNED = "manifest.json", "manifest.cose"
CHECKPOINT, POLICY = "checkpoint", "policy.json"
BUNDLES, REGISTRATIONS, SUBMISSIONS = "bundles", "registrations", "submissions"
TIME = (1980, 1, 1, 0, 0, 0)  # of every file: the same archive is the same bytes
_SMALL = 1 << 24  # bytes of what is read whole; documents and leaves may have more
_PIECE = 1 << 20  # bytes read at a time

_UNREADABLE = (
    *(DocumentError, LogError, Refusal, BadZipFile, ZlibError),
    *(ValueError, KeyError, TypeError, EOFError, NotImplementedError, RecursionError),  # of ZIP files that are none
)

_REGISTERED = frozenset({"promise", "receipt", "salt", "statement"})
_KEPT = frozenset({"document", "leaves", "opening", "promise", "receipt", "statement"})
_ERASED = frozenset({"leaves", "promise", "receipt", "remains", "statement"})


class Step(Numbered):
    """The steps of checking an archive, each resting on those before it."""

    READ = 1, "The file is an archive, in its one form."
    MANIFEST = 2, "The node has signed which files belong to it, and there are no others."
    FILES = 3, "Every file is whole."
    CHECKPOINT = 4, "The log has signed its checkpoint, and enough witnesses have seen it."
    RIGHTS = 5, "What was said of the party's keys and rights is in the log, by who may say it."
    STATEMENTS = 6, "Every submission is in the log, signed with a key that its party had at that point of it."
    PROMISES = 7, "The node promised every entry before."
    DOCUMENTS = 8, "Every document is what was signed: each root comes out the same."
    ERASURES = 9, "Whatever is missing was erased by a statement in the log."
    BUNDLES = 10, "Every proof bundle holds."


_TOGETHER = frozenset({Step.STATEMENTS, Step.PROMISES, Step.DOCUMENTS, Step.ERASURES})  # submission by submission


class ArchiveRefused(DocumentError):
    """A step that does not hold."""

    code = "archive_refused"


@dataclass(frozen=True)
class Failure:
    """Why a step does not hold, and in which file."""

    step: Step
    code: str
    detail: str
    where: str | None = None
    expected: str | None = None
    found: str | None = None


@dataclass
class Report:
    """The outcome of all steps."""

    party: str | None = None
    origin: str | None = None
    size: int | None = None  # leaves of the log
    witnesses: tuple[str, ...] = ()
    counted: dict[str, int] = field(default_factory=dict)  # what was checked
    by_hash: int = 0  # item leaves that stand as their hash
    failure: Failure | None = None

    def result(self, step: Step) -> Result:
        """Of steps that are taken together, submission by submission, none holds before all are through."""
        failed = self.failure.step if self.failure else None
        if failed is None or step < (min(_TOGETHER) if failed in _TOGETHER else failed):
            return Result.HOLDS
        return Result.FAILS if step is failed else Result.NOT_REACHED

    def as_json(self) -> dict[str, Any]:
        """For programs: the same, in plain values."""
        failure = self.failure
        return {
            "verdict": "refused" if failure else "verified",
            "party": self.party,
            "log": self.origin,
            "size": self.size,
            "witnesses": list(self.witnesses),
            "counted": self.counted,
            "leaves_by_hash": self.by_hash,
            "steps": [
                {"number": int(s), "name": s.name.lower(), "sentence": s.sentence, "result": self.result(s).value}
                for s in Step
            ],
            "failure": failure and {**vars(failure), "step": int(failure.step)},
        }


def is_archive(path: Path) -> bool:
    """Whether a file begins like one."""
    with path.open("rb") as file:
        return file.read(len(BEGINNING)) == BEGINNING


def examine_archive(path: Path, policy: Policy, progress: Callable[[int, int], None] = lambda *_: None) -> Report:
    """What came of each step, up to the first that fails. `progress` is told how many files of how many are done."""
    report = Report()
    try:
        with ZipFile(path) as file:
            _Examination(file, policy, report, progress).run()
    except BadZipFile as error:
        report.failure = Failure(Step.READ, "malformed_archive", str(error))
    return report


class _Examination:
    """Carries what the steps have found from one to the next."""

    def __init__(self, file: ZipFile, policy: Policy, report: Report, progress: Callable[[int, int], None]) -> None:
        self.file, self.policy, self.report, self.progress = file, policy, report, progress
        self.step, self.at = Step.READ, ""
        self.files: dict[str, tuple[int, bytes]] = {}
        self.erasures: dict[int, Statement] = {}  # by index

    def run(self) -> None:
        steps = (
            (Step.READ, self._read), (Step.MANIFEST, self._manifest), (Step.FILES, self._files),
            (Step.CHECKPOINT, self._checkpoint), (Step.RIGHTS, self._rights), (Step.STATEMENTS, self._submissions),
            (Step.BUNDLES, self._bundles),
        )  # fmt: skip
        try:
            for self.step, take in steps:
                self.at = ""
                take()
        except _UNREADABLE as error:
            detail, code = getattr(error, "detail", str(error)), getattr(error, "code", "malformed_archive")
            where = ": ".join(filter(None, (self.at, getattr(error, "where", None))))
            expected, found = getattr(error, "expected", None), getattr(error, "found", None)
            self.report.failure = Failure(self.step, code, detail, where or None, expected, found)

    # ---- the steps ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        infos = self.file.infolist()
        names = [info.filename for info in infos]
        if names[-2:] != [MANIFEST, SIGNED] or any(one >= other for one, other in pairwise(names[:-2])):
            self._refuse("not_in_order", "files in the order of their names, each once, the manifest last")
        if self.file.comment or any(info.date_time != TIME or info.is_dir() or info.comment for info in infos):
            self._refuse("malformed_archive", "a folder, a comment, or a time")
        self.names = names[:-2]

    def _manifest(self) -> None:
        said = self._bytes(MANIFEST)
        match read_json(said, MANIFEST):
            case {"v": v, "log": origin, "party": party, "size": size, "files": list(files), **others} if (
                not others and _is_ours(v)
            ):
                self.origin, self.party = read(ORIGIN, origin, "log"), read(GLN, party, "party")
                self.size = read(COUNT, size, "size")
                self.files = dict(map(_file, files))
            case _:
                self._refuse("malformed_archive", "not the members of a manifest", where=MANIFEST)
        self.report.party, self.report.origin, self.report.size = self.party, self.origin, self.size
        if self.origin not in self.policy.origins:
            expected = ", ".join(sorted(self.policy.origins))
            self._refuse("unknown_log", "a log the policy does not name", expected=expected, found=self.origin)
        self._node_says(said)
        for name in self.names:
            if name not in self.files:
                self._refuse("file_added", "a file that the manifest does not name", where=name)
        for name in self.files.keys() - set(self.names):
            self._refuse("file_missing", "a file of the manifest is not there", where=name)

    def _node_says(self, manifest: bytes) -> None:
        """The node's signature; else whoever takes something away could write a manifest that lacks it."""
        opened = open_archive(self._bytes(SIGNED))
        self._by_node(opened)
        said = opened.payload
        if (said.log, said.about, said.size) != (self.origin, self.party, self.size):
            self._refuse("manifest_altered", "the node signed the archive of another party, or of another log")
        if said.manifest != sha256(manifest).digest():
            expected, found = said.manifest.hex(), sha256(manifest).hexdigest()
            self._refuse("manifest_altered", "not the manifest that the node signed", expected=expected, found=found)
        self.signed = said

    def _files(self) -> None:
        for done, name in enumerate(self.names):
            self.at = name
            size, digest = self.files[name]
            info = self.file.getinfo(name)
            if info.file_size != size:
                self._refuse("file_altered", "a file of another length", expected=str(size), found=str(info.file_size))
            hashed = sha256()
            for piece in self._pieces(info):
                hashed.update(piece)
            if hashed.digest() != digest:
                self._refuse("file_altered", "not these bytes", expected=digest.hex(), found=hashed.hexdigest())
            self.progress(done, 2 * len(self.names))

    def _checkpoint(self) -> None:
        self.at = CHECKPOINT
        self.note = self._text(CHECKPOINT)
        self.vouched: Vouched = self.policy.tlog.check(self.note)
        head = self.vouched.checkpoint
        if (head.origin, head.size, head.root) != (self.origin, self.size, self.signed.root):
            expected, found = f"{self.origin}, {self.size} entries", f"{head.origin}, {head.size} entries"
            self._refuse("wrong_log", "not the checkpoint that the archive is of", expected=expected, found=found)
        self.report.witnesses = tuple(sorted(self.vouched.witnesses))

    def _rights(self) -> None:
        self.rights = Rights(self.policy, self.origin, off=BY_NODE)
        for index, files in self._folders(REGISTRATIONS):
            if files != _REGISTERED:
                self._refuse("file_missing", "the files of a registration", expected=" ".join(sorted(_REGISTERED)))
            envelope, salt = self._part("statement"), self._part("salt")
            self._logged(index, entry(salt, envelope))
            self._promised(entry(salt, envelope))
            opened = open_statement(envelope)
            if isinstance(opened.payload, BY_NODE):
                self._said_by_node(opened)
                self.erasures[index] = opened.payload
            elif self._is_operators(opened, index):
                self._said_by_node(opened)
            else:
                self.rights.tell(Entered(index, salt, envelope))
            self._count(REGISTRATIONS)

    def _is_operators(self, opened: Opened[Statement], index: int) -> bool:
        """Whether the node says this for its operator: whose a place is, and who takes part until a governor has
        spoken."""
        if not self._is_node(opened.signed.kid):
            return False
        governs = (opened.issuer, opened.signed.kid) in self.rights.rules.at(index).governor_keys
        is_free = not governs and not self.rights.rules.governed
        return isinstance(opened.payload, Location) or (isinstance(opened.payload, PARTICIPATION) and is_free)

    def _said_by_node(self, opened: Opened[Statement]) -> None:
        self._for_this_log(opened)
        self._by_node(opened)

    def _for_this_log(self, opened: Opened[Statement]) -> None:
        if opened.payload.log != self.origin:
            self._refuse("wrong_log", "for another log", expected=self.origin, found=opened.payload.log)

    def _submissions(self) -> None:
        for index, files in self._folders(SUBMISSIONS):
            if files not in (_KEPT, _ERASED):
                self._refuse("file_missing", "the files of a submission", expected=" ".join(sorted(_KEPT)))
            opening = Opening.parse(self._part("opening")) if files == _KEPT else None
            salt, by = (opening.entry, []) if opening else self._remains()
            self.step = Step.STATEMENTS
            envelope = self._part("statement")
            self._logged(index, entry(salt, envelope))
            said = self._statement(index, envelope)
            self.step = Step.PROMISES
            self._promised(entry(salt, envelope))
            self.step = Step.DOCUMENTS
            if opening is not None:
                self._document(said, opening)
            else:
                self._what_is_left(said)
                self.step = Step.ERASURES
                self._erased(entry(salt, envelope), by)
            self._count("erased" if opening is None else SUBMISSIONS)
            self.step = Step.STATEMENTS

    def _bundles(self) -> None:
        for name in [name for name in self.names if name.startswith(f"{BUNDLES}/")]:
            self.at = name
            failure = examine(self._bytes(name), self.policy).failure
            if failure:
                self._refuse(failure.code, f"step {int(failure.step)} of the bundle: {failure.detail}")
            self._count(BUNDLES)

    # ---- submissions ----------------------------------------------------------------------------------------------

    def _remains(self) -> tuple[bytes, list[JSON]]:
        match read_json(self._part("remains"), "remains"):
            case {"v": v, "entry": str(salt), "erased": list(by), **others} if not others and _is_ours(v):
                return unb64(salt), by
        self._refuse("malformed_archive", "not the members of what remains")

    def _logged(self, index: int, logged: bytes) -> None:
        proof = Proof.parse(self._part("receipt").decode())
        if proof.index != index or proof.checkpoint != self.note:
            self._refuse(
                "wrong_log", "a receipt for another place, or under another checkpoint", found=str(proof.index)
            )
        head = self.vouched.checkpoint
        check_inclusion(leaf_hash(logged), index, head.size, proof.hashes, head.root)

    def _statement(self, index: int, envelope: bytes) -> Submission:
        opened = open_statement(envelope)
        said = opened.payload
        if not isinstance(said, Submission):
            self._refuse("not_a_submission", "not a submission", found=said.kind())
        if (said.log, said.submitter) != (self.origin, self.party):
            self._refuse("wrong_log", "another party's, or for another log", found=f"{said.submitter}, {said.log}")
        if not self._is_node(opened.signed.kid):
            opened.signed.check(self.rights.key(opened.issuer, opened.signed.kid, index))
        else:
            self._by_node(opened)
        return said

    def _promised(self, logged: bytes) -> None:
        opened = open_promise(self._part("promise"))
        self._by_node(opened)
        if (opened.payload.log, opened.payload.entry) != (self.origin, logged):
            found = opened.payload.entry.hex()
            self._refuse("another_promise", "a promise about something else", expected=logged.hex(), found=found)

    def _document(self, said: Submission, opening: Opening) -> None:
        received = self._bytes(f"{self.at}document", maxsize)
        self._same("document", said.document, document_mac(received, opening))
        document = parse(received, None, unlimited())
        del received
        if len(document.events) != len(opening.told):
            self._refuse("opening_mismatch", "the opening is for another number of events")
        header = [leaf_hash(leaf) for leaf in header_leaves(document.header, opening)]
        self._same("header", said.header, (len(header), root_of(header)) if header else None)
        self._same("meaning", said.meaning, meaning(document.events, opening.told))
        roots = [
            self._event(position, event, opening, line)
            for (position, event), line in zip(enumerate(document.events), self._lines(), strict=True)
        ]
        self._same("events", said.events, _tree(map(event_leaf, roots)))

    def _event(self, position: int, event: Event, opening: Opening, line: JSON) -> Root:
        salt = salts(opening.items, "event", position, "items")
        match line:
            case {"leaves": list(leaves), **others} if not others and len(leaves) == len(event.named):
                items = [self._leaf(salt(epc), epc, leaf) for epc, leaf in zip(event.named, leaves, strict=True)]
            case _:
                self._refuse("malformed_archive", "a line of leaves for each event", where=f"leaves, event {position}")
        return _tree(map(leaf_hash, event_leaves(event, opening.told[position], opening, position, items)))

    def _leaf(self, salt: bytes, epc: str, said: JSON) -> Leaf:
        match said:
            case ["s"]:
                return Leaf.make("s", salt, epc, None, None)
            case ["i" | "p" as kind, content, None | str() as prev]:
                before = None if prev is None else read(HASH, prev, "prev")
                return Leaf.make(kind, salt, epc, cast(Content, read(CONTENT, content, "content")), before)
            case ["i" | "p" | "s" as kind, str(hashed)]:
                self.report.by_hash += 1
                return Leaf(kind, epc, None, None, read(HASH, hashed, "leaf"))
        self._refuse("malformed_archive", "not what a leaf says", found=repr(said)[:80])

    def _what_is_left(self, said: Submission) -> None:
        """Of an erased submission: the cores, and hashes that still lead to what was signed."""
        roots = []
        for line in self._lines():
            match line:
                case {
                    "core": dict(core),
                    "salt": str(salt),
                    "fields": list(fields),
                    "leaves": list(leaves),
                    **others,
                } if not others and len(unb64(salt)) == SALT_SIZE:
                    items = [self._leaf(b"", "", leaf) for leaf in leaves]
                    stated = root_of_items(items)
                    self._same("items", core.get("items"), None if stated is None else CONTENT.write(stated))
                    fields_left = [read(HASH, leaf, "field") for leaf in fields]
                    roots.append(_tree([leaf_hash(core_leaf(unb64(salt), core)), *fields_left]))
                case _:
                    self._refuse("malformed_archive", "not what is left of an event", found=repr(line)[:80])
        self._same("events", said.events, _tree(map(event_leaf, roots)))

    def _erased(self, erased: bytes, by: list[JSON]) -> None:
        """By a statement about this entry; or by a certificate over many, with this one's place among them."""
        match by:
            case [index]:
                statement = self.erasures.get(read(COUNT, index, "remains: erased"))
                said = isinstance(statement, Erasure) and (statement.about, statement.entry, {*statement.what})
                if said and said[:2] == (self.party, erased.hex()) and said[2] >= {Erased.DOCUMENT, Erased.FIELDS}:
                    return
            case [index, place, list(path)]:
                statement = self.erasures.get(read(COUNT, index, "remains: erased"))
                place = read(COUNT, place, "remains: erased")
                if isinstance(statement, DeletionCertificate) and statement.documents is not None:
                    size, root = statement.documents
                    hashes = [read(HASH, each, "erased") for each in path]
                    return check_inclusion(leaf_hash(erased), place, size, hashes, root)
        self._refuse("erased_by_nobody", "nothing in the log says that this was erased", found=str(by)[:40])

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _folders(self, kind: str) -> Iterator[tuple[int, frozenset[str]]]:
        """Every folder of a kind, by index, with the files in it."""
        folders: dict[str, set[str]] = {}
        for name in self.names:
            top, _, rest = name.partition("/")
            folder, _, file = rest.partition("/")
            if top == kind:
                folders.setdefault(folder, set()).add(file)
            elif top not in (BUNDLES, REGISTRATIONS, SUBMISSIONS, CHECKPOINT, POLICY):
                self._refuse("file_added", "a file that no archive has", where=name)
        for folder, files in folders.items():
            self.at = f"{kind}/{folder}/"
            if not folder.isascii() or not folder.isdecimal() or f"{int(folder):012}" != folder:
                self._refuse("malformed_archive", "a folder is named for an index of the log")
            yield int(folder), frozenset(files)

    def _count(self, what: str) -> None:
        self.report.counted[what] = self.report.counted.get(what, 0) + 1
        self.progress(len(self.names) + sum(self.report.counted.values()) * len(_KEPT), 2 * len(self.names))

    def _part(self, name: str) -> bytes:
        return self._bytes(self.at + name)

    def _text(self, name: str) -> str:
        return self._bytes(name).decode()

    def _bytes(self, name: str, limit: int = _SMALL) -> bytes:
        info = self.file.getinfo(name)
        if info.file_size > limit:
            self._refuse("too_large", "larger than such a file is", where=name, expected=f"{limit} bytes")
        data = b"".join(self._pieces(info))
        if name in self.files and sha256(data).digest() != self.files[name][1]:
            self._refuse("file_altered", "the file changed while it was read", where=name)
        return data

    def _pieces(self, info: ZipInfo) -> Iterator[bytes]:
        """Never more than the directory of the archive says: what unfolds without end is cut off."""
        left = info.file_size
        with self.file.open(info) as opened:
            while piece := opened.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    self._refuse("file_altered", "a file longer than it says", where=info.filename)
                yield piece

    def _lines(self) -> Iterator[JSON]:
        name = f"{self.at}leaves"
        with self.file.open(name) as opened:
            for line in opened:
                yield read_json(line.removesuffix(b"\n"), name)

    def _is_node(self, kid: bytes) -> bool:
        return any((node.origin, node.public.kid) == (self.origin, kid) for node in self.policy.nodes)

    def _by_node(self, opened: Opened[Any]) -> None:
        for node in self.policy.nodes:
            if (node.origin, node.public.kid) == (self.origin, opened.signed.kid):
                return opened.signed.check(node.public)
        self._refuse("unknown_node", "signed by no node the policy names", found=opened.signed.kid.hex())

    def _same(self, name: str, signed: object, computed: object) -> None:
        if signed != computed:
            self._refuse(
                "payload_mismatch", f"another {name} than was signed", expected=_text(signed), found=_text(computed)
            )

    def _refuse(self, code: str, detail: str, **seen: str | None) -> NoReturn:
        raise ArchiveRefused(detail, code=code, **seen)


def _file(said: JSON) -> tuple[str, tuple[int, bytes]]:
    match said:
        case [str(name), size, digest]:
            return name, (read(COUNT, size, "bytes"), read(HASH, digest, "hash"))
    raise ArchiveRefused("not a name, a length and a hash", where=MANIFEST, found=repr(said)[:80])


def _is_ours(version: JSON) -> bool:
    """Python takes `true` for 1: others who read the same file do not."""
    return type(version) is int and version == VERSION


def unlimited() -> Limits:
    """A document was taken under the limits of its day."""
    return Limits(**dict.fromkeys(Limits.__dataclass_fields__, maxsize))


def _tree(hashes: Any) -> Root:
    leaves = list(hashes)
    return len(leaves), root_of(leaves)


def _text(value: object) -> str:
    match value:
        case bytes():
            return value.hex()
        case (int(size), bytes(root)):
            return f"[{size}, {root.hex()}]"
    return str(value)[:120]


# ---- making ---------------------------------------------------------------------------------------------------------


class Writer:
    """Writes an archive, file after file in the order of their names; `close` writes the manifest."""

    def __init__(self, file: ZipFile) -> None:
        self.file, self.files = file, list[list[JSON]]()

    def add(self, name: str, data: bytes) -> None:
        self.add_pieces(name, [data])

    def add_pieces(self, name: str, pieces: "Iterator[bytes] | Sequence[bytes]") -> None:
        size, hashed = 0, sha256()
        info = ZipInfo(name, TIME)
        info.external_attr, info.create_system = 0o644 << 16, 3
        info.compress_type = ZIP_DEFLATED
        with self.file.open(info, "w", force_zip64=False) as opened:
            for piece in pieces:
                opened.write(piece)
                hashed.update(piece)
                size += len(piece)
        self.files.append([name, size, b64(hashed.digest())])

    def manifest(self, *, origin: str, party: str, size: int) -> bytes:
        return encode({"v": 1, "log": origin, "party": party, "size": size, "files": cast(JSON, self.files)})


def folder(kind: str, index: int) -> str:
    return f"{kind}/{index:012}/"


def leaf_line(leaves: Sequence[JSON], **erased: JSON) -> bytes:
    return encode({"leaves": list(leaves), **erased}) + b"\n"


def said(leaf: Leaf) -> list[JSON]:
    """What a leaf says beyond its salt and its EPC."""
    if leaf.content is None:
        return [leaf.kind]
    return [leaf.kind, CONTENT.write(leaf.content), None if leaf.prev is None else b64(leaf.prev)]


def remains(salt: bytes, by: Sequence[JSON]) -> bytes:
    assert len(salt) == SECRET_SIZE
    return encode({"v": 1, "entry": b64(salt), "erased": list(by)})
