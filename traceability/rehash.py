"""Hash every stored value again, up to what its party signed and what the log took; name each that differs.

    registrations ──> what the log has granted and erased (`rights.py`) ──> rows that repeat it
    submissions ──document, secrets──> events ──leaves──> [n, root] ──> statement ──> entry, promise
    erased submissions ──cores, what remains──> events ──> the same
    sightings, access intervals ──> the same, each to its own anchor

A value is compared with what follows from others that are signed; where two stored values disagree, a third one says
which of them stands alone. What only the whole history shows, such as the leaf that each item's leaf names as the one
before it, is left to the replay (`rebuild.py`). Of an erased event nothing says any more what its `lot` and `expiry`
were, nor its `identity`.
"""

import gc
import json
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from ledger.audit import SKEW, WHOLE, Difference, Progress
from ledger.models import Entry
from ledger.tlog.cose import PublicKey
from ledger.tlog.errors import LogError
from ledger.tlog.merkle import HASH_SIZE, leaf_hash, root_of
from partners.models import AccessRecord

from . import accesses, custody, governing, statements
from .custody import Step, Told, Voice, possessor, step_of, whose_act
from .epcis.documents import parse
from .epcis.errors import DocumentError
from .epcis.event_hash import event_digest
from .epcis.events import Document, Event
from .epcis.jcs import encode
from .erasure import GONE
from .errors import Refusal
from .models import AccessInterval, CaseMessage, Registration, Sighting, Submission
from .rebuild import UNLIMITED
from .records import EVENT_WORDS, KINDS, LEAF, StoredEvent, events_of, lot_and_expiry, moment, stored_time
from .rights import WHAT, Rights, plain, shown
from .statements import Opened, Statement
from .submission import (
    SALT_SIZE,
    SECRET_SIZE,
    Opening,
    core_leaf,
    core_of,
    document_mac,
    event_leaf,
    field_leaf,
    fields_of,
    header_leaves,
    salts,
)
from .tally import Tally

M = TypeVar("M", bound=Model)


# ---- statements about keys and rights --------------------------------------------------------------------------------


def registrations(rights: Rights) -> Iterator[Difference]:
    """Every statement about keys and rights, in the order of their acceptance; `rights` learns what they say."""
    for row, entry in with_entries(Registration.objects.order_by("entry_id"), 200):
        logged = _Logged(Registration._meta.db_table, row, entry, row.envelope, rights.node)
        rights.reaches(entry)
        opened = logged.open(statements.Registration)
        if opened is not None:
            _registration(logged, opened, rights)
        if logged.damaged:
            rights.damage(row)
            rights.rules_damaged |= row.kind in governing.KINDS
        yield from logged.found


def _registration(logged: "_Logged", opened: Opened[statements.Registration], rights: Rights) -> None:
    row, said = logged.row, opened.payload
    logged.equal("statement_id", str(row.statement_id), said.id)
    logged.equal("issuer", row.issuer, said.submitter)
    logged.equal("about", row.about, said.about)
    logged.equal("kind", row.kind, said.kind())
    before = len(logged.found)
    logged.taken()
    governed = rights.is_governed(opened)
    if governed:
        rights.rules_damaged |= len(logged.found) > before
        adopted = logged.governed_by(rights)
    else:
        logged.signed_by(rights.speaker(opened, row.entry_id), unless=rights.rules_damaged)
        adopted = said
    if not logged.damaged and adopted is not None:
        rights.adopt(adopted, row.entry_id)
    if not logged.damaged and not governed:
        rights.apply(opened, row, logged.entry.index if logged.entry else None)


def messages() -> Iterator[Difference]:
    """Every message of a case between partners is the one that its statement is about, and none is missing."""
    table = CaseMessage._meta.db_table
    left = set(Registration.objects.filter(kind=statements.ExceptionMessage.kind()).values_list("pk", flat=True))
    for row in CaseMessage.objects.select_related("statement", "case").order_by("pk").iterator(chunk_size=200):
        left.discard(row.statement_id)
        try:
            said = statements.open_statement(bytes(row.statement.envelope)).payload
        except (DocumentError, LogError):
            continue  # found above
        if not isinstance(said, statements.ExceptionMessage):
            yield Difference(table, str(row.pk), "statement", "this statement is about no message")
            continue
        if sha256(bytes(row.content)).digest() != said.hash:
            yield Difference(table, str(row.pk), "statement, content", "not the message that was signed")
        if row.kind != said.message:
            detail = f"expected {shown(str(said.message))}, found {shown(row.kind)}"
            yield Difference(table, str(row.pk), "kind", detail)
        of_it = {row.case.reporter, row.case.partner} == {said.submitter, said.to}
        if str(row.case.case) != said.case or not of_it:
            yield Difference(table, str(row.pk), "case", f"it was said in case {said.case}")
    for key in sorted(left):
        yield Difference(table, f"statement {key}", WHOLE, "signed, and not here")


# ---- what is logged -------------------------------------------------------------------------------------------------


class _Logged:
    """One row that holds a statement, and what was found about it so far."""

    def __init__(self, table: str, row: Any, entry: Entry | None, envelope: Any, node: PublicKey) -> None:
        self.table, self.row, self.envelope, self.node = table, row, bytes(envelope), node
        self.column = "statement" if hasattr(row, "statement") else "envelope"
        self.entry = entry
        self.found: list[Difference] = []
        self.damaged = False  # the statement is not the one that was accepted
        self.opened: Opened[Any] | None = None

    def differs(self, name: str, detail: str, *, table: str | None = None, key: str | None = None) -> None:
        number = getattr(self.row, "entry_id", None)
        index = self.entry.index if self.entry else None
        self.found.append(Difference(table or self.table, key or str(self.row.pk), name, detail, number, index))

    def equal(self, name: str, stored: Any, expected: Any) -> None:
        if stored != expected:
            self.differs(name, f"expected {shown(expected)}, found {shown(stored)}")

    def open(self, kind: type[Statement]) -> Opened[Any] | None:
        try:
            opened = statements.open_statement(self.envelope)
            if not isinstance(opened.payload, kind) or opened.payload.log != settings.LOG_ORIGIN:
                raise statements.StatementError("of another kind, or for another log")
        except (DocumentError, LogError) as error:
            self.damaged = True
            self.differs(self.column, f"cannot be read: {error}")
            return None
        self.opened = opened
        return opened

    def governed_by(self, rights: Rights) -> statements.Registration | None:
        """That governors may say this there; what was adopted by it. After a damaged change of rules nobody knows."""
        assert self.opened is not None
        if rights.rules_damaged:
            return None
        try:
            return rights.rules.tell(self.opened, bytes(self.row.entry_salt), rights.place)
        except (DocumentError, LogError) as error:
            self.damaged = True
            self.differs(self.column, str(error))
            return None

    def signed_by(self, public: PublicKey | None, *, unless: bool = False) -> None:
        """That a key which spoke for its issuer at its number signed it; `unless` that cannot be known any more."""
        assert self.opened is not None
        if public is None and unless:
            return
        try:
            if public is None:
                raise LogError("signed with no key that spoke for its issuer", found=self.opened.signed.kid.hex())
            self.opened.signed.check(public)
        except LogError as error:
            self.damaged = True
            self.differs(self.column, str(error))

    def taken(self) -> None:
        """That statement, salt, entry and promise belong together, and the hash of the payload."""
        assert self.opened is not None
        self.equal("payload_sha256", bytes(self.row.payload_sha256), sha256(self.opened.signed.payload).digest())
        computed = statements.entry(bytes(self.row.entry_salt), self.envelope)
        promised = self._promise(computed)
        if self.entry is None:
            self.differs(WHOLE, "its entry is gone", table="ledger_entry", key=str(self.row.entry_id))
        elif bytes(self.entry.entry) != computed:
            self._blame(computed, bytes(self.entry.entry), promised)

    def _blame(self, computed: bytes, logged: bytes, promised: statements.Promise | None) -> None:
        if promised and promised.entry == computed:  # the promise is signed: entry and statement were one
            if promised.number != self.row.entry_id:
                self.differs("entry", f"was promised number {promised.number}")
            else:
                self.differs("entry", f"expected {computed.hex()}", table="ledger_entry", key=str(self.row.entry_id))
        elif self._is_named_otherwise():
            self.damaged = True
            self.differs(self.column, "another statement than the one that was accepted")
        else:
            self.differs("entry_salt", f"with it the entry would be {computed.hex()}, not {logged.hex()}")

    def _is_named_otherwise(self) -> bool:
        assert self.opened is not None
        names = {str(getattr(self.row, name, "")) for name in ("submission", "statement_id")}
        return self.opened.payload.id not in names

    def _promise(self, computed: bytes) -> statements.Promise | None:
        """The promise, if the node made it about this statement."""
        row = self.row
        try:
            opened = statements.open_promise(bytes(row.promise))
            opened.signed.check(self.node)
        except (DocumentError, LogError) as error:
            self.differs("promise", str(error))
            return None
        said, logged = opened.payload, self.entry and bytes(self.entry.entry)
        if said.entry not in (computed, logged):
            self.differs("promise", f"about another entry, {said.entry.hex()}")
            return None
        if said.entry == computed == logged and said.number != row.entry_id:
            self.differs("promise, entry", f"promises number {said.number}")
        self._accepted(said.accepted)
        return said

    def _accepted(self, promised: datetime) -> None:
        """The promise has whole seconds; row and entry were written with one time."""
        stored, logged = self.row.accepted, self.entry.accepted_at if self.entry else self.row.accepted
        ours, theirs = (each.replace(microsecond=0) == promised for each in (stored, logged))
        if not ours or (stored != logged and theirs):
            self.differs("accepted", f"promised as {promised.isoformat()}, the entry has {logged.isoformat()}")
        if not theirs or (stored != logged and ours):
            number = str(self.row.entry_id)
            self.differs("accepted_at", f"promised as {promised.isoformat()}", table="ledger_entry", key=number)


# ---- submissions ----------------------------------------------------------------------------------------------------


def submissions(rights: Rights, since: int, progress: Progress, again: Tally | None = None) -> Iterator[Difference]:
    """Every submission that the log had not before its entry `since`, or of which something was erased since then;
    those that wait for it included. `again` is told each that is as it should be, as it was read."""
    before = Entry.objects.filter(number=OuterRef("entry_id"), index__lt=since)
    erasing = rights.newly_erasing(since) if since else []
    erased = Q(erased_id__in=erasing) | Q(items_erased_id__in=erasing)
    rows = Submission.objects.filter(~Exists(before) | erased).order_by("entry_id")
    count, what = rows.count(), "submissions replayed" if again else "submissions"
    for done, (row, entry) in enumerate(with_entries(rows, 10), 1):
        with _uncollected():
            found = _submission(row, entry, rights, again)
        yield from found
        progress(what, done, count)


def _submission(row: Submission, entry: Entry | None, rights: Rights, again: Tally | None) -> list[Difference]:
    rehash = _Rehash(row, entry, rights, again.real if again else None)
    found = rehash.run()
    if again and not found:
        again.tell(row, rehash.stored, rehash.document)
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """A document is a hundred thousand objects without a cycle, gone when it is done with: to have them searched for
    cycles meanwhile takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Rehash(_Logged):
    """One submission, and its events."""

    def __init__(self, row: Submission, entry: Entry | None, rights: Rights, schema: str | None) -> None:
        super().__init__(Submission._meta.db_table, row, entry, row.statement, rights.node)
        self.rights, self.schema = rights, schema
        self.stored: list[StoredEvent] = []
        self.document: Document | None = None  # None: erased, or it cannot be read

    def run(self) -> list[Difference]:
        opened = self.open(statements.Submission)
        if opened is None:
            return self.found
        row, said = self.row, opened.payload
        self.signed_by(self.rights.public(opened.issuer, opened.signed.kid, row.entry_id))
        self.equal("submission", str(row.submission), said.submission)
        self.equal("submitter", row.submitter, said.submitter)
        self.equal("kid", bytes(row.kid), opened.signed.kid)
        if not 1 <= row.rules <= custody.VERSION:
            self.differs("rules", f"no such version of the moves: {row.rules}")
        self.taken()
        if not self.damaged:
            self._marks()
        if not self.damaged and self._has_whole_secrets():
            self._document(said) if row.erased_id is None else self._what_is_left(said)
        return self.found

    def _marks(self) -> None:
        """That what is erased is what statements in the log say was erased."""
        row, entry = self.row, self.entry
        logged = bytes(entry.entry) if entry else statements.entry(bytes(row.entry_salt), self.envelope)
        for column in WHAT:
            contradiction = self.rights.contradicts(row, column, logged, entry.index if entry else None)
            if contradiction is not None:
                self.differs(column, contradiction)
        if (bytes(row.items_secret) == GONE) is not (row.items_erased_id is not None):
            marked = "not erased" if row.items_erased_id is None else "erased"
            self.differs("items_secret, items_erased", f"by its mark {marked}")
        if row.erased_id is None and not row.document and bytes(row.fields_secret) == GONE:
            self.differs("erased, document, fields_secret", "gone, and by no statement")

    def _has_whole_secrets(self) -> bool:
        names = ("items_secret", "fields_secret", "entry_salt")
        wrong = [name for name in names if len(getattr(self.row, name)) != SECRET_SIZE]
        for name in wrong:
            self.differs(name, f"expected {SECRET_SIZE} bytes")
        return not wrong

    def _document(self, said: statements.Submission) -> None:
        row, stored = self.row, self._stored_events(said)
        try:
            received = unpacked(row.document)
            document = self.document = parse(received, None, UNLIMITED)
        except (zlib.error, DocumentError) as error:
            self.differs("document", f"cannot be read: {error}")
            return
        if document_mac(received, self.opening) != said.document:
            self._blame_document(document, stored)
            return
        self._header(document, said)
        self.equal("warnings", row.warnings, [
            {"code": each.code, "where": each.where, "detail": each.detail} for each in document.warnings
        ])  # fmt: skip
        self._events(document.events, stored, said)

    def _what_is_left(self, said: statements.Submission) -> None:
        """Of an erased submission: its events' cores, and hashes that lead from there to what was signed."""
        stored = self._stored_events(said)
        for name, gone in (("document", b""), ("header", b"{}"), ("fields_secret", GONE), ("warnings", [])):
            self.equal(name, plain(getattr(self.row, name)), gone)
        rows = {each.position: each for each in stored}
        count = len(bytes(self.row.event_leaves)) // HASH_SIZE
        self._events([self._left_of(rows.get(position)) for position in range(count)], stored, said)

    def _left_of(self, row: StoredEvent | None) -> Event | None:
        kept = _canonical(row.canonical) if row else None
        if row is None or kept is None:
            return None
        try:
            return Event.from_canonical(json.loads(kept))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def _stored_events(self, said: statements.Submission) -> list[StoredEvent]:
        row = self.row
        self.submitter = said.submitter
        self.opening = Opening(bytes(row.items_secret), bytes(row.fields_secret), bytes(row.entry_salt), ())
        self.stored = events_of(row.pk, self.schema)
        return self.stored

    def _blame_document(self, document: Document, stored: Sequence[StoredEvent]) -> None:
        """The events were stored when it came: if it still tells them, it is the secret that is another."""
        told = [event.identity for event in document.events]
        known = [bytes(each.identity) for each in stored]
        self.differs("fields_secret" if told == known else "document", "the document is not the one that was signed")

    def _header(self, document: Document, said: statements.Submission) -> None:
        leaves = [leaf_hash(leaf) for leaf in header_leaves(document.header, self.opening)]
        self.equal("header", bytes(self.row.header), encode(dict(document.header)))
        signed = (len(leaves), root_of(leaves)) if leaves else None
        if signed != said.header:
            self.differs("statement", "signs another header than the document has")

    # ---- events ---------------------------------------------------------------------------------------------------

    def _events(
        self, events: Sequence[Event | None], stored: Sequence[StoredEvent], said: statements.Submission
    ) -> None:
        kept = bytes(self.row.event_leaves)
        leaves = [kept[at : at + HASH_SIZE] for at in range(0, len(kept), HASH_SIZE)]
        self.are_signed = (len(leaves), root_of(leaves)) == said.events
        rows = {each.position: each for each in stored}
        known = [event for event in events if event is not None]
        if len(known) == len(events) and self.row.rules > (first := custody.rules_for(known)):
            self.differs("rules", f"version {first} says the same, found {self.row.rules}")
        computed = []
        for position, event in enumerate(events):
            row, signed = rows.pop(position, None), leaves[position] if position < len(leaves) else None
            if row is None:
                key = f"{self.row.pk} {position}"
                self.differs(WHOLE, "an event of the document has no row", table="traceability_event", key=key)
            elif event is None:
                self._event_differs(row, "canonical", "cannot be read")
            computed.append(self._event(position, event, row, signed) if row and event else None)
        for row in rows.values():
            self._event_differs(row, WHOLE, "the document has no event at this position")
        if not self.are_signed:
            again = None if None in computed else (len(computed), root_of([leaf for leaf in computed if leaf]))
            name = "event_leaves" if again == said.events else "event_leaves, statement"
            self.differs(name, "not the leaves that were signed")

    def _event(self, position: int, event: Event, row: StoredEvent, signed: bytes | None) -> bytes | None:
        for name, ours in self._columns(event, row).items():
            theirs = getattr(row, name)
            if (moment(theirs) if name == "event_time" else theirs) != ours:
                self._event_differs(row, name, f"expected {shown(ours)}, found {shown(theirs)}")
        if _canonical(row.canonical) != event.canonical:
            self._event_differs(row, "canonical", "not the canonical form of the event in the document")
        if not self._is_whole(row.remains):
            self._event_differs(row, "remains", "what is kept of an erased event, and of no other: salt and hashes")
            return None
        if not self._is_consignee(event, row.consignee):
            self._event_differs(row, "consignee", f"the document does not ship to {row.consignee}")
        stored = bytes(row.leaves)
        if len(stored) != LEAF * len(event.named) or not KINDS.keys() >= set(stored[::LEAF]):
            self._event_differs(row, "leaves", "not a leaf for every EPC that the event names")
            return None
        if row.voice == Voice.AGENT and not self._is_agent(event, row.party):
            self._event_differs(row, "voice", f"no delegation made {self.submitter} the agent of {row.party} in this")
        self.remains = bytes(row.remains or b"")
        leaf = self._leaf(position, event, _told(row, self.submitter), stored)
        if leaf == signed or not self.are_signed:
            return leaf
        self._blame_event(position, event, row, stored, signed)
        return leaf

    def _is_agent(self, event: Event, party: str) -> bool:
        step, number = custody.delegated_step(event), self.row.entry_id
        return self.rights.may_act(party, by=self.submitter, step=step, number=number)

    def _leaf(self, position: int, event: Event, told: Told | None, stored: bytes) -> bytes | None:
        """The leaf by which the event stands in what was signed, from the leaves stored of its items."""
        if told is None:
            return None
        hashes = sorted(stored[at + 1 : at + LEAF] for at in range(0, len(stored), LEAF))
        items = (len(hashes), root_of(hashes)) if hashes else None
        core, kept = core_of(event, told, items), self.remains
        if kept:
            leaves = [leaf_hash(core_leaf(kept[:SALT_SIZE], core))]
            leaves += [kept[at : at + HASH_SIZE] for at in range(SALT_SIZE, len(kept), HASH_SIZE)]
        else:
            salt = salts(self.opening.fields, "event", position, "fields")
            fields = fields_of(event, parent_shown=b"p" in stored[::LEAF])
            leaves = [leaf_hash(core_leaf(salt("core"), core))]
            leaves += [leaf_hash(field_leaf(salt(name), name, value)) for name, value in fields.items()]
        return event_leaf((len(leaves), root_of(leaves)))

    def _columns(self, event: Event, row: StoredEvent) -> dict[str, Any]:
        """Columns that repeat what the event says; of an erased one, what is left to compare. A lot that was ever held
        is kept, for by that a replay judges."""
        columns = _said(event)
        if self.row.erased_id is not None:
            columns["event_hash"] = GONE
            for name in ("identity", "lot", "expiry"):
                del columns[name]
        if self.row.items_erased_id is not None:
            columns |= {"lot": row.lot if row.lot in self.rights.lots_held else None, "expiry": None}
        return columns

    def _is_whole(self, remains: Any) -> bool:
        if self.row.erased_id is None or remains is None:
            return (self.row.erased_id is None) is (remains is None)
        return len(bytes(remains)) % HASH_SIZE == SALT_SIZE

    def _blame_event(self, position: int, event: Event, row: StoredEvent, stored: bytes, signed: bytes | None) -> None:
        """Whichever voice and party give the leaf that was signed were told; if none do, the items' leaves differ."""
        parties = {row.party, self.submitter, whose_act(event, _itself), *self._operators(event)}
        for party in sorted(filter(None, parties)):
            for voice in Voice:
                told = Told(voice, None if party == self.submitter else party)
                if self._leaf(position, event, told, stored) == signed:
                    names = [
                        name for name, was in (("voice", voice.value), ("party", party)) if getattr(row, name) != was
                    ]
                    self._event_differs(row, ", ".join(names), f"told as {voice} by {party}")
                    return
        suspects = "leaves, remains, canonical" if self.remains else "leaves"
        self._event_differs(row, suspects, "do not hash to the event that was signed")

    def _is_consignee(self, event: Event, stored: str | None) -> bool:
        """By what the log said of places then; or just before, as places are not held still while somebody captures."""
        try:
            if step_of(event) is not Step.SHIP:
                return stored is None
        except Refusal:
            return stored is None
        return bool(self.rights.damaged) or any(
            stored == possessor(event.destinations, "destination", event, operator)
            for operator in self.rights.operators(self.row.entry_id)
        )

    def _operators(self, event: Event) -> Collection[str]:
        """Whoever may have been taken for the operator of a place that it names."""
        places = {possessor(event.destinations, "destination", event, _itself), whose_act(event, _itself)} - {None}
        return {at(place, event) for at in self.rights.operators(self.row.entry_id) for place in places if place}

    def _event_differs(self, row: StoredEvent, name: str, detail: str) -> None:
        self.differs(name, detail, table="traceability_event", key=str(row.id))


def _said(event: Event) -> dict[str, Any]:
    """Columns that repeat what the event says."""
    lot, expiry = lot_and_expiry(event)
    return {
        "event_id": event.event_id,
        "identity": event.identity,
        "event_hash": event_digest(event),
        "event_time": stored_time(event.instant),
        "biz_step": event.biz_step,
        "disposition": event.disposition,
        "action": event.action.value,
        "lot": lot,
        "expiry": expiry,
        "is_error_declaration": event.error_declaration is not None,
    }


def _told(row: StoredEvent, submitter: str) -> Told | None:
    try:
        return Told(Voice(row.voice), None if row.party == submitter else row.party)
    except ValueError:
        return None


def _itself(gln: str, _: Event) -> str:
    return gln


def _canonical(stored: Any) -> bytes | None:
    try:
        return unpacked(stored, EVENT_WORDS)
    except zlib.error:
        return None


def unpacked(stored: Any, words: bytes = b"") -> bytes:
    """What was compressed, if that is all there is."""
    reading = zlib.decompressobj(zdict=words) if words else zlib.decompressobj()
    data = reading.decompress(bytes(stored))
    if not reading.eof or reading.unused_data:
        raise zlib.error("cut short, or with something behind it")
    return data


# ---- sightings ------------------------------------------------------------------------------------------------------


def sightings(rights: Rights, since: datetime | None) -> Iterator[Difference]:
    """What was refused is in no log: each stands by its submitter's signature alone, and one that was taken away is
    missed by nobody. When it came, and why it was refused, is the node's own note."""
    rows = Sighting.objects.order_by("pk")
    if since is not None:
        rows = rows.filter(at__gte=since - SKEW)
    for row in rows.iterator(chunk_size=50):
        for name, detail in _sighting(row, rights):
            yield Difference(Sighting._meta.db_table, str(row.pk), name, detail)


def _sighting(row: Sighting, rights: Rights) -> Iterator[tuple[str, str]]:
    if row.statement is None:  # it is kept with another item that it was refused for, or was taken
        kept = Sighting.objects.filter(statement_sha256=row.statement_sha256, statement__isnull=False)
        said = [*kept.values_list("statement", flat=True)[:1], *_taken(row)]
        if not any(sha256(bytes(each or b"")).digest() == bytes(row.statement_sha256) for each in said):
            yield "statement_sha256, submission, submitter, statement", "of a submission that is not here"
        return
    envelope = bytes(row.statement)
    if sha256(envelope).digest() != bytes(row.statement_sha256):
        yield "statement_sha256, statement", "not the hash of the statement"
    try:
        opened = statements.open_statement(envelope)
        public = rights.public(opened.issuer, opened.signed.kid, None)
        if public is None or not isinstance(opened.payload, statements.Submission):
            raise LogError("signed with no key of its submitter's")
        opened.signed.check(public)
    except (DocumentError, LogError) as error:
        yield "statement", str(error)
        return
    if row.submitter != opened.issuer:
        yield "submitter", f"signed by {opened.issuer}"
    if str(row.submission) != opened.payload.id:
        yield "submission", f"expected {opened.payload.id}"
    try:
        opening = Opening.parse(bytes(row.opening or b""))
    except DocumentError as error:
        yield "opening", str(error)
        return
    try:
        received = unpacked(row.document or b"")
        events = parse(received, None, UNLIMITED).events
    except (zlib.error, DocumentError) as error:
        yield "document", str(error)
        return
    signed: statements.Submission = opened.payload
    if document_mac(received, opening) != signed.document:
        yield "document, opening", "not what was signed"
    elif row.epc and not any(row.epc in event.named for event in events):
        yield "epc", "the document does not name it"
    elif len(opening.told) != len(events):
        yield "opening", "not made for this document"
    elif row.at < signed.time - timedelta(days=1) - SKEW:
        yield "at", f"signed at {signed.time.isoformat()}"


def _taken(row: Sighting) -> list[bytes]:
    taken = Submission.objects.filter(submitter=row.submitter, submission=row.submission)
    return [bytes(each) for each in taken.values_list("statement", flat=True)]


# ---- what was read of others ----------------------------------------------------------------------------------------


def access_intervals(since: int) -> Iterator[Difference]:
    """Every interval is in the log, the next begins where it ended, and its records are those that were there."""
    last: AccessInterval | None = None
    for row, entry in with_entries(AccessInterval.objects.order_by("sequence"), 100):

        def differs(name: str, detail: str, row: AccessInterval = row, entry: Entry | None = entry) -> Difference:
            table = AccessInterval._meta.db_table
            return Difference(table, str(row.pk), name, detail, row.entry_id, _index(entry))

        sequence, after = (last.sequence + 1, last.upto) if last else (1, 0)
        if row.sequence != sequence:
            yield differs("sequence", f"the one before is {sequence - 1}")
        if row.after != after:
            yield differs("after, upto", f"the interval before ends with record {after}")
        if entry is None:
            yield Difference("ledger_entry", str(row.entry_id), WHOLE, "the entry of an access interval is gone",
                             row.entry_id)  # fmt: skip
        for name in ("secret", "entry_salt"):
            if len(getattr(row, name)) != SECRET_SIZE:
                yield differs(name, f"expected {SECRET_SIZE} bytes")
        if entry is not None and entry.accepted_at.replace(microsecond=0) != row.closed:
            yield differs("closed", f"its entry was accepted at {entry.accepted_at.isoformat()}")
        if entry is not None and bytes(entry.entry) != accesses.entry_of(row):
            yield differs("leaves, entry_salt, entry, upto, after, sequence, closed", "does not hash to its entry")
        if entry is None or entry.index is None or entry.index >= since:
            yield from _access_records(row, entry, differs)
        last = row


def _access_records(
    row: AccessInterval, entry: Entry | None, differs: Callable[[str, str], Difference]
) -> Iterator[Difference]:
    kept, table = bytes(row.leaves), AccessRecord._meta.db_table
    leaves = {kept[at : at + HASH_SIZE] for at in range(0, len(kept), HASH_SIZE)}
    count = len(leaves)
    strange: list[tuple[int, int]] = []
    found = 0
    for key, leaf in accesses.leaf_hashes(accesses.records(row.after, row.upto), bytes(row.secret)):
        found += 1
        if leaf not in leaves:
            strange.append((key, found))
        leaves.discard(leaf)
    if count and len(strange) == found == count and count > 1:
        yield differs("secret", "opens none of the leaves")
        return
    index = _index(entry)
    for key, _ in strange:
        detail = f"not what was logged with interval {row.sequence}"
        yield Difference(table, str(key), _RECORD, detail, row.entry_id, index)
    if found < count:
        detail = f"{count - found} of these records are gone"
        yield Difference(table, f"{row.after + 1} to {row.upto}", WHOLE, detail, row.entry_id, index)


def _index(entry: Entry | None) -> int | None:
    return None if entry is None else entry.index


_RECORD = "id, reader, subject, what, purpose, at, reason, in_hand"


# ---- what is left over ----------------------------------------------------------------------------------------------

_SOURCES = ("traceability_submission", "traceability_registration", "traceability_accessinterval")
_UNCLAIMED = f"""SELECT e.number, e."index" FROM ledger_entry AS e WHERE (e."index" >= %s OR e."index" IS NULL)
    AND {" AND ".join(f"NOT EXISTS (SELECT 1 FROM {table} AS t WHERE t.entry_id = e.number)" for table in _SOURCES)}
    ORDER BY e.number LIMIT 1000"""  # noqa: S608
_ORPHANS = """SELECT e.id FROM {real}.traceability_event AS e
    WHERE NOT EXISTS (SELECT 1 FROM traceability_submission AS s WHERE s.id = e.submission_id)
    ORDER BY e.id LIMIT 1000"""


def unclaimed(since: int) -> Iterator[Difference]:
    """Entries that nothing stored comes to: what they were made of is gone, or they were put there."""
    with connection.cursor() as cursor:
        cursor.execute(_UNCLAIMED, [since])
        rows = cursor.fetchall()
    for number, index in rows:
        yield Difference(", ".join(_SOURCES), f"entry {number}", WHOLE, "nothing stored comes to this entry", number,
                         index)  # fmt: skip


def orphans(schema: str) -> Iterator[Difference]:
    """Events of no submission."""
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS.format(real=schema))
        rows = cursor.fetchall()
    for (key,) in rows:
        yield Difference("traceability_event", str(key), WHOLE, "of no submission")


def with_entries(rows: "QuerySet[M]", size: int) -> "Iterator[tuple[M, Entry | None]]":
    """Each row with its entry, also where that is gone: a join would leave such rows out."""
    reading = rows.iterator(chunk_size=size)
    while batch := list(islice(reading, size)):
        entries = Entry.objects.in_bulk([row.entry_id for row in batch])  # type: ignore[attr-defined]
        yield from ((row, entries.get(row.entry_id)) for row in batch)  # type: ignore[attr-defined]
