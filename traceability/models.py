"""What was handed in, as it was handed in, and what is known of every item because of it.

Submission, Event, Registration and Sighting are what happened: never edited. Item, Containment, Move and
ExceptionCase are derived from them and from nothing else: `manage.py rebuild_custody` replays and compares.
Every row of a hot table begins with the key that the table would be distributed by. What refers from a derived row
is written with what it refers to, in one transaction, and replayed with it: the database is spared the checking,
which would cost a fifth of the time of a big capture.
"""

from django.db import models
from django.db.models import Q

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
    rules = models.SmallIntegerField()  # version of the moves it was judged by
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
    consignee = models.CharField(max_length=13, null=True)  # noqa: DJ001 - while in transit
    begun_by_others = models.BooleanField(default=False)  # by a reporter or intake, not by its licensee
    last_time = models.DateTimeField()  # of the last event that moved it

    class Meta:
        # Not `unique=True`, which would bring a second index, for LIKE, that nobody asks.
        constraints = (models.UniqueConstraint(fields=["epc"], name="epc_names_one_item"),)
        indexes = (models.Index(fields=["possessor"], condition=Q(content_size__isnull=False), name="containers_held"),)


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
    upto = models.BigIntegerField()  # and of the last within it
    closed = models.DateTimeField()
    secret = models.BinaryField(max_length=32)  # salts of the leaves
    leaves = models.BinaryField()  # 32 bytes a record, in the order of their keys
    entry_salt = models.BinaryField(max_length=32)
    entry = models.OneToOneField("ledger.Entry", on_delete=models.PROTECT, related_name="access_interval")


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
    findings = models.JSONField(default=list)  # the first of them
