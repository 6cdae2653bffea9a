"""Everything a party has here, as one archive that outlives the node (`archive.py` draws and checks it).

    rows ──file by file, in the order of their names──> archive

The party's submissions and all that was said of its keys and rights, under the last published checkpoint; on request
with the proof bundles of what it holds now. One submission is in memory at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile
from zlib import decompress

from django.conf import settings

from ledger import log
from ledger.errors import LogFrozen
from ledger.keys import node_key
from ledger.models import Checkpoint, Entry
from ledger.tlog.merkle import inclusion_proof, leaf_hash
from ledger.tlog.proof import Proof
from partners.access import Purpose
from partners.models import Partner

from . import archive, governing
from .archive import BUNDLES, CHECKPOINT, MANIFEST, POLICY, REGISTRATIONS, SIGNED, SUBMISSIONS, Writer, folder
from .bundle.build import CannotProve
from .custody import Status
from .epcis.jcs import JSON
from .errors import NotFound, NotIntegratedYet
from .models import Event as EventRow
from .models import Item, Registration, Submission
from .openings import said_of
from .proving import bundle_for
from .records import event_of, leaves_of, opening_of
from .statements import Archive, DeletionCertificate, b64, sign_archive
from .submission import SALT_SIZE, Leaf, core_of, root_of_items
from .trust import own_policy

Progress = Callable[[int, int], None]


@dataclass
class Exported:
    """What is in it, and what could not be."""

    size: int  # entries of the log
    submissions: int = 0
    registrations: int = 0
    bundles: int = 0
    left_out: list[str] = field(default_factory=list)  # items whose bundle has to wait, or whose history was erased


def export(
    gln: str, out: Path, *, now: datetime, bundles: int = 0, progress: Progress = lambda done, of: None
) -> Exported:
    """Write the archive of a party. Stopped anywhere, there is no file of that name, or the old one.

    Raises `NotFound` for whom the node does not know, and `NotIntegratedYet` before the first checkpoint.
    """
    partner = Partner.objects.filter(gln=gln).first()
    if partner is None:
        raise NotFound("no partner of this node has this GLN", code="unknown_partner", where=gln)
    head = log.latest()
    if head is None:
        raise NotIntegratedYet("nothing is in the log yet: there is no checkpoint to prove anything by")
    partial = out.with_name(f".{out.name}.partial")
    try:
        with ZipFile(partial, "w") as file:
            done = _Export(partner, head, Writer(file), progress).run(bundles, now)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return done


class _Export:
    def __init__(self, partner: Partner, head: Checkpoint, writer: Writer, progress: Progress) -> None:
        self.partner, self.head, self.writer, self.progress = partner, head, writer, progress
        self.done = Exported(head.size)
        self.certified = cache(_certified)

    def run(self, bundles: int, now: datetime) -> Exported:
        self._bundles(bundles, now)
        self.writer.add(CHECKPOINT, self.head.note.encode())
        self.writer.add(POLICY, str(own_policy()).encode())
        submissions = Submission.objects.filter(submitter=self.partner.gln, entry__index__lt=self.head.size)
        keys = list(submissions.order_by("entry__index").values_list("pk", flat=True))
        self._registrations(set(submissions.exclude(erased=None).values_list("erased_id", flat=True)))
        for number, key in enumerate(keys, 1):
            self._submission(Submission.objects.select_related("entry", "erased__entry").get(pk=key))
            self.progress(number, len(keys))
        self._sign(now)
        return self.done

    def _sign(self, now: datetime) -> None:
        manifest = self.writer.manifest(origin=settings.LOG_ORIGIN, party=self.partner.gln, size=self.head.size)
        signed = Archive(
            log=settings.LOG_ORIGIN,
            about=self.partner.gln,
            manifest=sha256(manifest).digest(),
            size=self.head.size,
            root=bytes(self.head.root),
            time=now.replace(microsecond=0),
        )
        self.writer.add(MANIFEST, manifest)
        self.writer.add(SIGNED, sign_archive(signed, node_key(), operator=settings.OPERATOR_GLN))

    # ---- bundles --------------------------------------------------------------------------------------------------

    def _bundles(self, most: int, now: datetime) -> None:
        """Of what the party holds now: the outermost, by EPC. Each reading is recorded, as any other (I7)."""
        held = Item.objects.filter(possessor=self.partner.gln, status=Status.HELD)
        outermost = held.exclude(packings__closed=None, packings__isnull=False).order_by("epc")
        for epc in outermost.values_list("epc", flat=True)[:most]:
            try:
                bundle = bundle_for(epc, self.partner, purpose=Purpose.CUSTODY, now=now)
            except (NotFound, NotIntegratedYet, CannotProve, LogFrozen):
                self.done.left_out.append(epc)
                continue
            self.writer.add(f"{BUNDLES}/{self.done.bundles:06}.unitproof", bundle)
            self.done.bundles += 1

    # ---- what was said of it --------------------------------------------------------------------------------------

    def _registrations(self, erasing: set[int | None]) -> None:
        """Of its keys and rights, and the rules by which that counts; and by what something of it was erased."""
        rules = {row.pk for row in governing.changes(self.head.size, self.partner.gln)}
        rows = Registration.objects.filter(entry__index__lt=self.head.size).order_by("entry__index")
        for row in rows.select_related("entry").iterator(chunk_size=500):
            right = row.about == self.partner.gln and row.kind not in governing.KINDS
            if right or row.pk in erasing or row.pk in rules:
                self._registration(row)

    def _registration(self, row: Registration) -> None:
        at = folder(REGISTRATIONS, _index(row.entry))
        self.writer.add(f"{at}promise", bytes(row.promise))
        self.writer.add(f"{at}receipt", self._receipt(row.entry))
        self.writer.add(f"{at}salt", bytes(row.entry_salt))
        self.writer.add(f"{at}statement", bytes(row.envelope))
        self.done.registrations += 1

    def _receipt(self, entry: Entry) -> bytes:
        index = _index(entry)
        return str(Proof(index, tuple(log.prove(index, self.head.size)), self.head.note)).encode()

    # ---- what it has handed in ------------------------------------------------------------------------------------

    def _submission(self, row: Submission) -> None:
        at, opening = folder(SUBMISSIONS, _index(row.entry)), opening_of(row)
        if row.erased is None:
            self.writer.add(f"{at}document", decompress(row.document))
            self.writer.add_pieces(f"{at}leaves", _leaves(row))
            self.writer.add(f"{at}opening", bytes(opening))
        else:
            self.writer.add_pieces(f"{at}leaves", _leaves_left(row))
        self.writer.add(f"{at}promise", bytes(row.promise))
        self.writer.add(f"{at}receipt", self._receipt(row.entry))
        if row.erased is not None:
            self.writer.add(f"{at}remains", archive.remains(opening.entry, self._erased_by(row, row.erased)))
        self.writer.add(f"{at}statement", bytes(row.statement))
        self.done.submissions += 1

    def _erased_by(self, row: Submission, by: Registration) -> list[JSON]:
        """The index of the statement; of a certificate, with this entry's place among those it is about."""
        index = _index(by.entry)
        if by.kind != DeletionCertificate.kind():
            return [index]
        leaves = self.certified(by.pk)
        place = leaves.index(leaf_hash(bytes(row.entry.entry)))
        return [index, place, [b64(sibling) for sibling in inclusion_proof(leaves, place)]]


def _certified(certificate: int) -> list[bytes]:
    """The leaves of the tree over the entries that a certificate is about."""
    rows = Submission.objects.filter(erased_id=certificate).order_by("entry__index")
    return [leaf_hash(bytes(entry)) for entry in rows.values_list("entry__entry", flat=True)]


def _index(entry: Entry) -> int:
    if entry.index is None:
        raise NotIntegratedYet("accepted, and not yet in the log", where=bytes(entry.entry).hex())
    return entry.index


# ---- leaves ---------------------------------------------------------------------------------------------------------


def _leaves(row: Submission) -> Iterator[bytes]:
    """What each event's leaves say: found again among what they can say, else their hash."""
    events = [
        (position, event_of(canonical), leaves)
        for position, canonical, leaves in row.events.order_by("position").values_list(
            "position", "canonical", "leaves"
        )
    ]
    named = sorted({epc for _, event, _ in events for epc in event.named})
    said = _said(row, named)
    for position, event, stored in events:
        yield archive.leaf_line(
            [
                _member(kind, hashed, said.get((position, epc)))
                for epc, (kind, hashed) in leaves_of(event, stored).items()
            ]
        )


def _said(row: Submission, named: list[str]) -> dict[tuple[int, str], Leaf]:
    submission = str(row.submission)
    return {
        (told.event, item.epc): told.leaf
        for item in said_of(named)
        for told in item.leaves
        if (told.submission, told.submitter) == (submission, row.submitter)
    }


def _member(kind: str, stored: bytes, leaf: Leaf | None) -> JSON:
    if kind == "s":
        return ["s"]
    if leaf is None or (leaf.kind, leaf.hash) != (kind, stored):
        return [kind, b64(stored)]
    return archive.said(leaf)


def _leaves_left(row: Submission) -> Iterator[bytes]:
    """Of an erased submission: each event's core with its salt, and hashes of all else."""
    told = opening_of(row).told
    for each in EventRow.objects.filter(submission=row).order_by("position"):
        leaves, remains = leaves_of(event := event_of(each.canonical), each.leaves), bytes(each.remains or b"")
        items = [Leaf(kind, epc, None, None, hashed) for epc, (kind, hashed) in leaves.items()]
        fields: list[JSON] = [b64(remains[at : at + 32]) for at in range(SALT_SIZE, len(remains), 32)]
        yield archive.leaf_line(
            [[leaf.kind, b64(leaf.hash)] for leaf in items],
            core=core_of(event, told[each.position], root_of_items(items)),
            fields=fields,
            salt=b64(remains[:SALT_SIZE]),
        )
