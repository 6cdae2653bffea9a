"""What was handed in, as it was handed in, and what is known of every item because of it.

Submission, Event, Registration and Sighting are what happened: never edited. Item, Containment, Move and
ExceptionCase are derived from them and from nothing else: `manage.py rebuild_custody` replays and compares. SerialPool
and SerialBlock are what the node gives out before anything happens: nobody has signed them, and nothing is derived;
Draft and MoveRequest what was asked for.
Every row of a hot table begins with the key that the table would be distributed by. What refers from a derived row
is written with what it refers to, in one transaction, and replayed with it: the database is spared the checking,
which would cost a fifth of the time of a big capture.
"""

from django.db import models
from django.db.models import F, Q

from traceability.custody import Status


class Draft(models.Model):
    """A document waiting for its statement: kept a day, of no force (FORMATS section 4)."""

    submission = models.UUIDField(primary_key=True)
    submitter = models.CharField(max_length=13)
    document = models.BinaryField()
    document_sha256 = models.BinaryField(max_length=32)
    content_type = models.CharField(max_length=100)
    opening = models.BinaryField()
    payload = models.BinaryField()
    draft = models.BinaryField()  # as it is answered, RFC 8785
    expires = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["submitter", "document_sha256"], name="same_bytes_same_draft"),)


class Submission(models.Model):
    """One EPCIS document as one partner signed it: the unit of signing, of storing and of logging."""

    submission = models.UUIDField()
    submitter = models.CharField(max_length=13)  # GLN-13
    payload_sha256 = models.BinaryField(max_length=32)
    statement = models.BinaryField()  # COSE_Sign1, as it came
    kid = models.BinaryField(max_length=32)
    document = models.BinaryField()  # as received, zlib
    header = models.BinaryField()  # the document's header names and values, RFC 8785
    items_secret = models.BinaryField(max_length=32)
    fields_secret = models.BinaryField(max_length=32)
    entry_salt = models.BinaryField(max_length=32)
    offline = models.BooleanField(default=False)
    event_leaves = models.BinaryField()  # 32 bytes an event, document order
    warnings = models.JSONField(default=list)
    entry = models.OneToOneField("ledger.Entry", on_delete=models.PROTECT, related_name="submission")
    promise = models.BinaryField()  # COSE_Sign1 by the node
    rules = models.SmallIntegerField()  # version of the moves it was judged by: the first that judges it so
    accepted = models.DateTimeField()
    # What was erased on purpose, and by which statement of the node: then the secret is all zeros (`erasure.py`).
    erased = models.ForeignKey(  # document, header, fields_secret; of its events, what `Event.remains` stands for
        "Registration", on_delete=models.PROTECT, null=True, related_name="erased", db_index=False
    )
    items_erased = models.ForeignKey(  # items_secret
        "Registration", on_delete=models.PROTECT, null=True, related_name="items_erased", db_index=False
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=["submitter", "submission"], name="submission_id_is_used_once"),)
        indexes = (models.Index(fields=["submitter", "entry"], name="submissions_of_a_party"),)


class Event(models.Model):
    """One event of a submission, with the leaves its tree was grown from."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="events")
    position = models.IntegerField()  # in the document, from 0
    event_id = models.TextField(null=True)  # noqa: DJ001 - absent is absent
    identity = models.BinaryField(max_length=32)
    event_hash = models.BinaryField(max_length=32)  # CBV 2.0 event hash: a label, never relied on
    event_time = models.DateTimeField()
    biz_step = models.TextField(null=True)  # noqa: DJ001
    disposition = models.TextField(null=True)  # noqa: DJ001 - what comes back is told by it
    action = models.CharField(max_length=7)
    voice = models.CharField(max_length=8)
    party = models.CharField(max_length=13)  # whose act it is: the submitter, or the party spoken for
    consignee = models.CharField(max_length=13, null=True)  # noqa: DJ001
    lot = models.TextField(null=True)  # noqa: DJ001
    expiry = models.TextField(null=True)  # noqa: DJ001 - as the ILMD writes it
    is_error_declaration = models.BooleanField(default=False)
    is_copy = models.BooleanField(default=False)  # another row tells the same, in a voice that counts no less
    canonical = models.BinaryField()  # zlib, with the words of `records.py`
    leaves = models.BinaryField()  # 33 bytes an EPC named (its parent last): kind, then leaf hash
    remains = models.BinaryField(null=True)  # of an erased event: salt of its core, then leaf hashes of its fields

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["submission", "position"], name="event_has_one_position"),
            models.UniqueConstraint(
                fields=["event_id", "party"],
                condition=Q(
                    voice__in=("actor", "agent"), is_error_declaration=False, is_copy=False, event_id__isnull=False
                ),
                name="event_id_is_used_once_by_its_party",
            ),
        )
        indexes = (
            models.Index(fields=["identity"], name="event_identity"),
            models.Index(fields=["event_hash"], name="event_hash"),
            models.Index(fields=["party", "submission"], condition=Q(voice="agent"), name="told_for_a_party"),
            models.Index(fields=["lot"], condition=Q(lot__isnull=False), name="events_of_a_lot"),
            models.Index(fields=["party", "id"], condition=Q(biz_step="shipping"), name="shipped_by_a_party"),
            models.Index(fields=["consignee", "id"], condition=Q(biz_step="shipping"), name="shipped_to_a_party"),
            models.Index(
                fields=["party"], condition=Q(biz_step="receiving", disposition="returned"), name="returned_to_a_party"
            ),
        )


class Item(models.Model):
    """A unit or container as it is now. Inside a container, its custody is that of the outermost one."""

    epc = models.TextField()  # canonical
    begun = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    head = models.BinaryField(max_length=32, null=True)  # its last leaf of kind i or p
    content_size = models.IntegerField(null=True)  # leaves in it; null: "none"; -1: "unknown"
    content_root = models.BinaryField(max_length=32, null=True)
    sequence = models.IntegerField(default=0)  # changes so far; commissioning is 1
    status = models.CharField(max_length=14, null=True, choices=[(s, s.name) for s in Status])  # noqa: DJ001
    possessor = models.CharField(max_length=13, null=True)  # noqa: DJ001
    owner = models.CharField(max_length=13, null=True)  # noqa: DJ001
    owner_before = models.CharField(max_length=13, null=True)  # noqa: DJ001 - while in transit, if the shipment sold it
    consignee = models.CharField(max_length=13, null=True)  # noqa: DJ001 - while in transit
    begun_by_others = models.BooleanField(default=False)  # by a reporter or intake, not by its licensee
    last_time = models.DateTimeField()  # of the last event that moved it

    class Meta:
        # Not `unique=True`, which would bring a second index, for LIKE, that nobody asks.
        constraints = (models.UniqueConstraint(fields=["epc"], name="epc_names_one_item"),)
        indexes = (
            models.Index(fields=["possessor"], condition=Q(content_size__isnull=False), name="containers_held"),
            models.Index(fields=["consignee"], condition=Q(consignee__isnull=False), name="what_is_on_its_way"),
        )


class Containment(models.Model):
    """That a child is, or was, in a parent; one row a packing."""

    pk = models.CompositePrimaryKey("item_id", "sequence")
    item = models.ForeignKey(
        Item, on_delete=models.CASCADE, related_name="packings", db_index=False, db_constraint=False
    )
    sequence = models.IntegerField()
    parent = models.ForeignKey(
        Item, on_delete=models.CASCADE, related_name="contents", db_index=False, db_constraint=False
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    standing = models.BinaryField(max_length=32, null=True)  # its leaf in the parent's content, unless the event's
    closed = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="+", null=True, db_index=False, db_constraint=False
    )
    before = models.JSONField(null=True)  # custody before, where packing implied a change of it

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["item"], condition=Q(closed__isnull=True), name="item_has_one_open_parent"),
        )
        indexes = (models.Index(fields=["parent", "closed"], name="what_is_in_it"),)  # or was, and until when


class Move(models.Model):
    """A change of an item that named it, packing of a child and its beginning excepted.

    Sequence 1 is the item's `begun` event, and has a row here only where another event has become that since.
    """

    pk = models.CompositePrimaryKey("item_id", "sequence")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="moves", db_index=False, db_constraint=False)
    sequence = models.IntegerField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    before = models.JSONField()  # custody before it, so that an error declaration can restore it


class ExceptionCase(models.Model):
    """Something in an accepted submission that people have to look at."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="exceptions")
    epc = models.TextField()
    code = models.CharField(max_length=40)
    detail = models.TextField()
    opened = models.DateTimeField()


class Sighting(models.Model):
    """That a signed submission contradicts the record about an item: clones are found by what is refused.

    The submission is kept whole, once, with the first of its sightings: what was refused has no row of its own. One
    that was taken all the same, and moved nothing of this item, has: nothing of it is kept here.
    """

    at = models.DateTimeField()
    submitter = models.CharField(max_length=13)
    submission = models.UUIDField()  # as its statement calls it
    epc = models.TextField(db_index=True)
    code = models.CharField(max_length=40)
    detail = models.TextField()
    statement_sha256 = models.BinaryField(max_length=32)
    statement = models.BinaryField(null=True)
    opening = models.BinaryField(null=True)
    document = models.BinaryField(null=True)  # zlib

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["statement_sha256", "epc"], name="item_is_sighted_once_a_statement"),
        )


class VerificationOutcome(models.Model):
    """What a party says became of a pack that it verified. The verification itself is an `AccessRecord`; of several
    outcomes the last counts, and none is edited."""

    verification = models.ForeignKey("partners.AccessRecord", on_delete=models.PROTECT, related_name="outcomes")
    outcome = models.CharField(max_length=32)  # a key of `dscsa/outcomes.py`
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()


class Alarm(models.Model):
    """That one pack was seen where it cannot be if the record is right: two pieces of evidence, and when the second
    came. Derived from nothing that is signed: the node's own word."""

    epc = models.TextField()  # canonical
    kind = models.CharField(max_length=16)  # two_places, after_end, out_of_chain
    at = models.DateTimeField()
    # Where it was last: a verification by another, or else the last event that moved it.
    first_party = models.CharField(max_length=13)
    first_at = models.DateTimeField()
    first_verification = models.BigIntegerField(null=True)  # number of an AccessRecord
    first_event = models.BigIntegerField(null=True)
    # Where it is now: a verification, or a claim that was refused.
    second_party = models.CharField(max_length=13)
    second_verification = models.BigIntegerField(null=True)
    second_sighting = models.BinaryField(max_length=32, null=True)  # SHA-256 of its statement
    after = models.BigIntegerField()  # the last event that was known then
    cleared = models.DateTimeField(null=True)
    cleared_by = models.CharField(max_length=13, blank=True)
    cleared_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["epc", "kind", "second_party"], condition=Q(cleared__isnull=True), name="alarm_is_raised_once"
            ),
            models.CheckConstraint(
                condition=Q(first_verification__isnull=False) ^ Q(first_event__isnull=False),
                name="alarm_has_a_first_evidence",
            ),
            models.CheckConstraint(
                condition=Q(second_verification__isnull=False) ^ Q(second_sighting__isnull=False),
                name="alarm_has_a_second_evidence",
            ),
        )


class AlarmConcern(models.Model):
    """Whom an alarm concerns, and what each may know of the others (invariant I7)."""

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="concerns", db_index=False)
    party = models.CharField(max_length=13)
    knows = models.BooleanField()  # who else: it has, or had, to do with the pack
    may_clear = models.BooleanField()  # it may issue the product

    class Meta:
        constraints = (models.UniqueConstraint(fields=["alarm", "party"], name="alarm_concerns_a_party_once"),)
        indexes = (models.Index(fields=["party", "alarm"], name="alarms_of_a_party"),)


class Sampling(models.Model):
    """Which packs of a suspect lot a party has to verify, as they were drawn."""

    sampling = models.UUIDField(unique=True)
    party = models.CharField(max_length=13)
    gtin = models.CharField(max_length=14)
    lot = models.CharField(max_length=20)
    quantity = models.IntegerField()  # packages in hand
    drawn = models.JSONField()  # serial numbers, or places from 1 on
    opened = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["party", "id"], name="samplings_of_a_party"),)


class Registration(models.Model):
    """A statement about a key or a right, as it was logged (FORMATS section 5)."""

    statement_id = models.UUIDField()
    issuer = models.CharField(max_length=13)  # GLN-13
    about = models.CharField(max_length=13)  # whose key or right: that party is told of it, whoever said it
    kind = models.CharField(max_length=32)  # key, key-revocation, prefix, policy; erasure, ... by the node itself
    payload_sha256 = models.BinaryField(max_length=32)
    envelope = models.BinaryField()
    entry_salt = models.BinaryField(max_length=32)
    entry = models.OneToOneField("ledger.Entry", on_delete=models.PROTECT, related_name="registration")
    promise = models.BinaryField()
    accepted = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["issuer", "statement_id"], name="statement_id_is_used_once"),)
        indexes = (
            models.Index(fields=["issuer", "entry"], name="statements_by_a_party"),
            models.Index(fields=["about", "entry"], name="statements_about_a_party"),
        )


class RecallReport(models.Model):
    """How a recall stood, as the node has signed it: a file for whoever asked. One that a closing names is its last."""

    recall = models.BigIntegerField()  # number of the entry of the recall
    party = models.CharField(max_length=13)  # GLN-13 of whoever it was made for: it names whom that may know
    sha256 = models.BinaryField(max_length=32)  # of the report (`bundle/recalled.py`)
    zipped = models.BinaryField()  # it, and the list of units that it counts: a ZIP file
    made = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["recall", "sha256"], name="report_is_kept_once"),)


class LegalHold(models.Model):
    """That nothing of a party, or of one submission, is erased: from one statement of the node until another."""

    about = models.CharField(max_length=13)  # GLN-13
    submission = models.UUIDField(null=True)  # null: all that the party has handed in
    set_by = models.ForeignKey(Registration, on_delete=models.PROTECT, related_name="+")
    lifted_by = models.ForeignKey(Registration, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["about"],
                condition=Q(lifted_by__isnull=True, submission__isnull=True),
                name="party_has_one_legal_hold",
            ),
            models.UniqueConstraint(
                fields=["about", "submission"],
                condition=Q(lifted_by__isnull=True),
                name="submission_has_one_legal_hold",
            ),
        )


class AccessInterval(models.Model):
    """What was read of others' goods between two moments, as the log has it: one entry, also when nothing was.

    `traceability/accesses.py` says to the byte what is hashed. It keeps each leaf hash, so that an edited record is
    named, and so that records may one day go while what was logged of them still adds up.
    """

    sequence = models.BigIntegerField(primary_key=True)  # from 1, without a gap
    after = models.BigIntegerField()  # key of the last AccessRecord before it; 0: of the first interval
    upto = models.BigIntegerField(db_index=True)  # and of the last within it
    closed = models.DateTimeField()
    secret = models.BinaryField(max_length=32)  # salts of the leaves
    leaves = models.BinaryField()  # 32 bytes a record, in the order of their keys
    entry_salt = models.BinaryField(max_length=32)
    entry = models.OneToOneField("ledger.Entry", on_delete=models.PROTECT, related_name="access_interval")


class SerialPool(models.Model):
    """Serial numbers of one product and one length, drawn for one party. No number has a row: each is computed from
    its place in the pool, and its place from it (`numbering.py`)."""

    pool = models.UUIDField(unique=True)
    party = models.CharField(max_length=13)  # GLN-13 of whose it is
    gtin = models.CharField(max_length=14)
    characters = models.CharField(max_length=65)  # in the order of their codes
    length = models.SmallIntegerField()  # of each number
    key = models.BinaryField(max_length=32)  # secret, and shown to nobody: whoever has it knows all numbers
    allocated = models.BigIntegerField(default=0)  # numbers given out in blocks, from the first on: never fewer
    enforced = models.BooleanField(default=False)  # whether the party commissions this product from blocks alone
    opened = models.DateTimeField()

    class Meta:
        # Numbers of two lengths are never equal, and those of one pool are not: so none is given out twice.
        constraints = (models.UniqueConstraint(fields=["gtin", "length"], name="numbers_of_a_length_have_one_pool"),)
        indexes = (models.Index(fields=["party", "gtin"], name="pools_of_a_party"),)


class SerialBlock(models.Model):
    """Numbers of a pool that were given out together, to be commissioned until they are returned or expire."""

    block = models.UUIDField(unique=True)
    pool = models.ForeignKey(SerialPool, on_delete=models.PROTECT, related_name="blocks", db_index=False)
    party = models.CharField(max_length=13)  # that of the pool
    request = models.CharField(max_length=64)  # as the party calls its request
    first = models.BigIntegerField()  # place in the pool of the first number
    count = models.IntegerField()
    at = models.DateTimeField()  # when it was given out
    expires = models.DateTimeField(null=True)  # null: never
    returned = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)  # why it was returned

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["pool", "first"], name="block_begins_where_no_other_does"),
            models.UniqueConstraint(fields=["party", "request"], name="request_id_is_used_once"),
        )


class MoveRequest(models.Model):
    """That a party has asked, by a name of its own, for a move to be told: asked again, it is told once. The document
    is not kept: with the time and the id that stand here, the same request makes the same again."""

    party = models.CharField(max_length=13)  # GLN-13
    request = models.CharField(max_length=64)  # as the party calls it
    content_sha256 = models.BinaryField(max_length=32)  # of what was asked for
    submission = models.UUIDField(unique=True)  # as what is signed for it is called
    at = models.DateTimeField()  # when it happened, as its events say

    class Meta:
        constraints = (models.UniqueConstraint(fields=["party", "request"], name="move_is_asked_for_once"),)


class Retention(models.Model):
    """That it was looked for what is past retention, and when. What was erased then, certificates in the log say."""

    at = models.DateTimeField()


class Audit(models.Model):
    """That everything stored was checked against everything signed, when, and what came of it."""

    started = models.DateTimeField()
    finished = models.DateTimeField(null=True)  # None: at it, or broken off
    full = models.BooleanField()
    since = models.BigIntegerField()  # entries in the log when the last clean one began: what is before was not read
    size = models.BigIntegerField(null=True)  # entries in the log, all of which it covers
    differences = models.BigIntegerField(null=True)
    replayed = models.BooleanField(null=True)  # whether all custody was told again and compared; None: not asked
    findings = models.JSONField(default=list)  # the first of them


TRANSACTION = "transaction"  # kind of a job: the papers of a shipment


class Job(models.Model):
    """Work that takes longer than an answer may wait, as a party has asked for it (`jobs.py`). A node's own books: what
    it was asked for, and what came of it, for some days."""

    job = models.UUIDField(unique=True)
    party = models.CharField(max_length=13)  # GLN-13 of whose it is
    kind = models.CharField(max_length=20)  # of those in `job_kinds.py`
    request = models.CharField(max_length=64)  # as the party calls its request
    asked_sha256 = models.BinaryField(max_length=32)  # of all that was asked
    parameters = models.JSONField()
    sent_as = models.CharField(max_length=100, blank=True)  # media type of the file that was sent, if any
    state = models.CharField(max_length=8)
    done = models.IntegerField(default=0)  # of `total`: lines, labels, numbers
    total = models.IntegerField(null=True)  # null: not known yet
    attempts = models.SmallIntegerField(default=0)  # how often it was begun
    turn = models.UUIDField(null=True)  # of the attempt that is at it; null: none is
    until = models.DateTimeField(null=True)  # running: taken up by another after that; waiting: not before
    code = models.CharField(max_length=40, blank=True)  # why it failed
    detail = models.TextField(blank=True)
    errors = models.JSONField(default=list)  # the first of them
    error_count = models.IntegerField(default=0)
    made_as = models.CharField(max_length=100, blank=True)  # media type of the result
    name = models.CharField(max_length=100, blank=True)  # of its file
    size = models.BigIntegerField(default=0)  # bytes of it
    created = models.DateTimeField()
    started = models.DateTimeField(null=True)  # when it was begun last
    finished = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["party", "request"], name="job_is_asked_for_once"),)
        indexes = (
            models.Index(fields=["until"], condition=Q(finished__isnull=True), name="jobs_to_do"),
            models.Index(fields=["party", "started"], name="when_a_party_had_its_turn"),
            models.Index(fields=["finished"], condition=Q(finished__isnull=False), name="jobs_that_are_over"),
        )


class JobPiece(models.Model):
    """A piece of what was sent with a job, or of its result: so much that no statement is about more."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    is_result = models.BooleanField()
    number = models.IntegerField()  # from 0
    content = models.BinaryField()  # zlib

    class Meta:
        constraints = (models.UniqueConstraint(fields=["job", "is_result", "number"], name="piece_has_one_place"),)


class Notice(models.Model):
    """What a party is told (`notices.py`): a reference to what it may look up, and until when it has time for it."""

    notice = models.UUIDField(unique=True)
    party = models.CharField(max_length=13)  # GLN-13 of whom it is told
    kind = models.CharField(max_length=32)  # a key of `notice_kinds.KINDS`
    about = models.CharField(max_length=80)  # the matter, such as alarm/17: whoever settles it ends every clock of it
    body = models.JSONField()  # references alone, as the party may see them
    at = models.DateTimeField()
    position = models.BigIntegerField(null=True)  # from 1, of its party, without a gap; null: not given yet
    seen = models.DateTimeField(null=True)  # by somebody of the party, on a page or by its program
    due = models.DateTimeField(null=True)  # when its clock runs out; null: it has none
    step = models.SmallIntegerField(default=0)  # of `notice_kinds.STEPS` that its clock has taken
    wakes = models.DateTimeField(null=True)  # when the next is due; null: none is
    ended = models.DateTimeField(null=True)  # when the matter was settled

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["party", "about", "kind"], name="notice_is_told_once"),
            models.UniqueConstraint(fields=["party", "position"], name="position_is_given_once"),
            models.CheckConstraint(condition=Q(due__gt=F("at")), name="clock_runs_out_after_it_begins"),
        )
        indexes = (
            models.Index(fields=["id"], condition=Q(position__isnull=True), name="notices_without_position"),
            models.Index(fields=["wakes"], condition=Q(wakes__isnull=False), name="clocks_that_run"),
            models.Index(
                fields=["about"], condition=Q(due__isnull=False, ended__isnull=True), name="clocks_of_a_matter"
            ),
            models.Index(
                fields=["party"], condition=Q(position__isnull=False, seen__isnull=True), name="notices_not_seen"
            ),
        )


class Subscription(models.Model):
    """Where a party wants to be told: an address of its system, or of its people."""

    subscription = models.UUIDField(unique=True)
    party = models.CharField(max_length=13)  # GLN-13
    channel = models.CharField(max_length=8)  # webhook or mail
    address = models.CharField(max_length=500)  # a URL, or an e-mail address
    kinds = models.JSONField(default=list)  # of notices; none: all
    duty = models.CharField(max_length=12)  # desk: everything; responsible: of clocks that have run out alone
    secret = models.BinaryField(null=True)  # of a webhook, sealed (KEYS_DIR/custody.keys)
    old_secret = models.BinaryField(null=True)  # the one before it, sealed, which signs as well
    old_until = models.DateTimeField(null=True)  # until then
    created = models.DateTimeField()
    paused = models.DateTimeField(null=True)  # since when nothing is sent there
    paused_because = models.CharField(max_length=8, blank=True)  # asked, or gone: it answered 410
    failures = models.IntegerField(default=0)  # since anything got there last
    rests = models.DateTimeField(null=True)  # until when it is left alone because of them
    served = models.DateTimeField(null=True)  # when it had its turn last

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["party", "channel", "address", "duty"], name="address_is_subscribed_once"),
        )


class Delivery(models.Model):
    """That a notice is to get to an address, and how that stands. The same notice goes there under the same id, however
    often."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    state = models.CharField(max_length=8)  # waiting, sent or failed
    attempts = models.SmallIntegerField(default=0)
    turn = models.UUIDField(null=True)  # of who is at it; null: nobody is
    until = models.DateTimeField(null=True)  # at it: taken up by another after that; else: not before
    status = models.SmallIntegerField(null=True)  # of HTTP, as it was answered last
    failure = models.CharField(max_length=80, blank=True)  # the last one
    tried = models.DateTimeField(null=True)  # when it was tried last

    class Meta:
        constraints = (models.UniqueConstraint(fields=["subscription", "notice"], name="delivered_to_an_address_once"),)
        indexes = (
            models.Index(fields=["subscription", "until", "id"], condition=Q(state="waiting"), name="deliveries_to_do"),
            models.Index(fields=["turn"], condition=Q(turn__isnull=False), name="deliveries_being_made"),
        )


class VrsRoute(models.Model):
    """Who answers verification requests about a product, or all products of a company prefix, from when to when.

    The node's own book: a look-up directory of what others have told its operator, in no log and no proof.
    """

    digits = models.CharField(max_length=14)  # a GTIN-14, or a GS1 company prefix
    responder = models.CharField(max_length=13)  # GLN-13 of whoever has to answer
    url = models.TextField()  # what its addresses begin with, without a slash at the end
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)  # the first instant at which it no longer answers; null: not known

    class Meta:
        ordering = ("digits", "valid_from")
        constraints = (
            models.UniqueConstraint(fields=["digits", "valid_from"], name="route_begins_once"),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="route_ends_after_it_begins"),
        )

    def __str__(self) -> str:
        return f"{self.digits} at {self.url}"


class Trace(models.Model):
    """That one party asks another what it knows of some units, and what was answered: what their statements say, where
    it is looked for (`trace_requests.py`)."""

    request = models.OneToOneField(Registration, on_delete=models.PROTECT, related_name="trace")
    requester = models.CharField(max_length=13)  # GLN-13
    to = models.CharField(max_length=13)  # GLN-13 of whoever is asked
    investigation = models.CharField(max_length=200)
    test = models.BooleanField()  # a drill
    asked = models.DateTimeField()
    due = models.DateTimeField(null=True)  # null: a drill has no clock
    answer = models.OneToOneField(Registration, on_delete=models.PROTECT, null=True, related_name="answers_trace")
    answered = models.DateTimeField(null=True)
    read = models.DateTimeField(null=True)  # when whoever asked fetched it first: every unit in it was recorded then

    class Meta:
        indexes = (
            models.Index(fields=["requester", "id"], name="traces_by_a_party"),
            models.Index(fields=["to", "id"], name="traces_to_a_party"),
        )


class CaseConcern(models.Model):
    """Whom a regulator's case concerns: who may issue the product, and who had a part in what was read under it."""

    case = models.ForeignKey("partners.Case", on_delete=models.CASCADE, related_name="concerns", db_index=False)
    party = models.CharField(max_length=13)  # GLN-13

    class Meta:
        constraints = (models.UniqueConstraint(fields=["case", "party"], name="case_concerns_a_party_once"),)
        indexes = (models.Index(fields=["party", "case"], name="cases_of_a_party"),)


class TracePackage(models.Model):
    """What was drawn up to answer a trace. It is an answer once its hash was signed; no other is kept beside it."""

    trace = models.ForeignKey(Trace, on_delete=models.CASCADE, related_name="packages")
    sha256 = models.BinaryField(max_length=32)
    size = models.BigIntegerField()  # bytes
    units = models.IntegerField()  # that it tells of
    knows = models.CharField(max_length=8)  # a word of statements.TraceKnown
    drawn = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["trace", "sha256"], name="package_is_kept_once"),)


class TracePiece(models.Model):
    """A piece of a package: so much that no statement is about more."""

    package = models.ForeignKey(TracePackage, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    number = models.IntegerField()  # from 0
    content = models.BinaryField()  # zlib

    class Meta:
        constraints = (models.UniqueConstraint(fields=["package", "number"], name="trace_piece_has_one_place"),)


class PartnerCase(models.Model):
    """What two partners have to settle about a shipment, or about one that never came (`dscsa/exceptions.py`). All of
    it follows from the messages that they signed."""

    case = models.UUIDField()  # as its reporter calls it
    reporter = models.CharField(max_length=13)  # GLN-13 of who found it
    partner = models.CharField(max_length=13)  # and of who is asked
    po_number = models.CharField(max_length=80)
    shipment = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", null=True)
    opened = models.DateTimeField()
    due = models.DateTimeField()  # when the first answer to all of it is
    first_answered = models.DateTimeField(null=True)  # when it was
    answered = models.DateTimeField(null=True)  # when all that is asked for was; null: something is not yet
    resolved = models.DateTimeField(null=True)  # when its reporter said so

    class Meta:
        constraints = (models.UniqueConstraint(fields=["reporter", "case"], name="case_is_opened_once_by_a_party"),)
        indexes = (
            models.Index(fields=["reporter", "opened"], name="cases_by_a_party"),
            models.Index(fields=["partner", "opened"], name="cases_with_a_party"),
        )


class CaseMessage(models.Model):
    """A message of a case, as it was signed: its statement holds the hash."""

    case = models.ForeignKey(PartnerCase, on_delete=models.PROTECT, related_name="messages")
    statement = models.OneToOneField(Registration, on_delete=models.PROTECT, related_name="message")
    kind = models.CharField(max_length=10)  # report, response or follow-up
    content = models.BinaryField()  # the message, RFC 8785


class CaseItem(models.Model):
    """One thing that is wrong, as it stands by the last message about it."""

    case = models.ForeignKey(PartnerCase, on_delete=models.CASCADE, related_name="items", db_index=False)
    item = models.UUIDField()
    kind = models.CharField(max_length=24)  # a list of a report's
    said = models.JSONField()  # its members
    requested = models.CharField(max_length=20, blank=True)  # what the reporter asks for
    verdict = models.CharField(max_length=6, blank=True)  # Accept or Reject; empty: not answered
    alternative = models.CharField(max_length=20, blank=True)  # what is offered instead
    comments = models.TextField(blank=True)
    done = models.DateTimeField(null=True)  # when what was agreed to had been
    done_by = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    note = models.TextField(blank=True)  # on what was done

    class Meta:
        constraints = (models.UniqueConstraint(fields=["case", "item"], name="item_is_in_a_case_once"),)


class Allowance(models.Model):
    """That a waiver allowed something of a submission that a rule would have refused. The node's own books."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="allowances")
    position = models.IntegerField()  # of the event, from 0
    rule = models.CharField(max_length=11)  # licence or return
    subject = models.TextField()  # GLN of who has no licence, or EPC of what came back
    waiver = models.ForeignKey("partners.Waiver", on_delete=models.PROTECT, related_name="+", db_index=False)


class Investigation(models.Model):
    """A case of suspect product, as far as it has come (`investigating.py`): what its steps in the log make of it."""

    case = models.UUIDField(unique=True)
    party = models.CharField(max_length=13)  # GLN-13 of who investigates
    state = models.CharField(max_length=24)
    notified = models.DateTimeField(null=True)  # when FDA was notified first
    incident = models.CharField(max_length=200, blank=True)  # as FDA numbers it
    opened = models.DateTimeField()
    holds = models.ManyToManyField("partners.Hold", related_name="investigations")

    class Meta:
        indexes = (models.Index(fields=["party", "id"], name="investigations_of_a_party"),)


class InvestigationStep(models.Model):
    """One step of a case: its statement in the log."""

    investigation = models.ForeignKey(Investigation, on_delete=models.PROTECT, related_name="steps")
    registration = models.OneToOneField(Registration, on_delete=models.PROTECT, related_name="investigation_step")
    step = models.CharField(max_length=24)
    at = models.DateTimeField()  # as whoever signed it says


class InvestigationPartner(models.Model):
    """An immediate trading partner of a case, who is told of it: what of it, and whether that was acknowledged."""

    investigation = models.ForeignKey(Investigation, on_delete=models.CASCADE, related_name="partners", db_index=False)
    party = models.CharField(max_length=13)  # GLN-13
    holds = models.JSONField()  # keys of those of the case's holds that cover what went from one to the other
    told = models.DateTimeField()
    acknowledged = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)  # what the partner says to it

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["investigation", "party"], name="partner_is_told_of_a_case_once"),
        )
        indexes = (models.Index(fields=["party", "investigation"], name="cases_a_party_was_told_of"),)
