"""The log as it is stored: what was accepted, the tree over it, and what was signed.

    Entry (pending) ──number──> Entry (index) ──hash──> Tile ──root──> Log (head) ──sign──> Checkpoint ──> published

Only `log.py`, `cosigning.py` and `anchoring.py` write these tables. Entries cannot be computed again; nor can what
others have signed.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from .tlog import checkpoint as tlog
from .tlog.merkle import EMPTY, HASH_SIZE
from .tlog.note import Note
from .tlog.tiles import FULL


class Log(models.Model):
    """Where the one log of this node stands. Whoever lets it grow, or signs it, holds this row locked."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    origin = models.TextField()  # c2sp.org/tlog-checkpoint: names the log, for ever
    size = models.PositiveBigIntegerField(default=0)  # leaves; the index of the next one
    root = models.BinaryField(max_length=HASH_SIZE, default=EMPTY)
    signed = models.PositiveBigIntegerField(default=0)  # leaves under the last checkpoint that was signed
    published = models.PositiveBigIntegerField(default=0)  # and under the last that enough witnesses cosigned
    witnessed = models.BooleanField(default=False)  # whether others than the operator cosigned what is published
    frozen = models.TextField(null=True)  # noqa: DJ001 - why nothing more is taken; null: all is well

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="node_has_one_log"),
            models.CheckConstraint(condition=Q(signed__lte=models.F("size")), name="log_signs_only_what_it_stores"),
            models.CheckConstraint(condition=Q(published__lte=models.F("signed")), name="log_publishes_what_it_signed"),
        )

    def __str__(self) -> str:
        return f"{self.origin}, {self.size} entries"

    @property
    def value(self) -> tlog.Checkpoint:
        """The head, as it will be signed."""
        return tlog.Checkpoint(self.origin, self.size, bytes(self.root))


class Entry(models.Model):
    """32 bytes that were accepted: all that the public will ever see of a statement.

    `number` is the order of acceptance, drawn when every lock of that transaction is held; numbers have gaps (FORMATS
    section 6). `index` is the place among the leaves of the tree; indexes have none, and are given later.
    """

    number = models.BigAutoField(primary_key=True)
    index = models.PositiveBigIntegerField(null=True, editable=False)  # None: pending
    accepted_at = models.DateTimeField()
    entry = models.BinaryField(max_length=HASH_SIZE)

    class Meta:
        verbose_name_plural = "entries"
        indexes = (models.Index(fields=["number"], condition=Q(index=None), name="entry_pending"),)
        constraints = (
            models.UniqueConstraint(fields=["entry"], name="entry_is_logged_once"),
            models.UniqueConstraint(fields=["index"], name="index_has_one_entry"),
            models.CheckConstraint(
                condition=models.lookups.Exact(Length("entry"), HASH_SIZE), name="entry_is_32_bytes"
            ),
        )

    def __str__(self) -> str:
        return bytes(self.entry).hex()


class Tile(models.Model):
    """Up to 256 hashes side by side (c2sp.org/tlog-tiles). Only the widest form is kept: narrower ones begin it."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hashes = models.BinaryField(max_length=FULL * HASH_SIZE)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.lookups.LessThanOrEqual(Length("hashes"), FULL * HASH_SIZE),
                name="tile_has_at_most_256_hashes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class Checkpoint(models.Model):
    """What was signed: the log of this size has this root, and no other (I4).

    Published once enough witnesses have cosigned it: from then on its note never changes, and proofs rest on it. One
    that a larger checkpoint overtook before it had its cosignatures stays unpublished.
    """

    size = models.PositiveBigIntegerField(primary_key=True)  # leaves
    previous = models.PositiveBigIntegerField()  # size of the one signed before: one that is taken out leaves a gap
    root = models.BinaryField(max_length=HASH_SIZE)
    note = models.TextField()  # c2sp.org/signed-note: the log's signature; published, with its cosignatures
    signed_root = models.BinaryField()  # the log's signature over the root, for receipts (RFC 9942)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["size"], condition=Q(published_at__isnull=False), name="checkpoint_published"),)

    def __str__(self) -> str:
        return f"{self.size} entries"

    @property
    def value(self) -> tlog.Checkpoint:
        return tlog.Checkpoint.parse(Note.parse(self.note).text)


class Witness(models.Model):
    """How it stands with a witness of this log: what it cosigned last, or why it did not."""

    name = models.TextField(primary_key=True)  # of its key
    size = models.PositiveBigIntegerField(default=0)  # leaves of what it cosigned last, as far as it has told
    cosigned_at = models.DateTimeField(null=True)  # by its own clock, in whole seconds
    asked_at = models.DateTimeField(null=True)
    answered_in = models.FloatField(null=True)  # seconds
    failures = models.PositiveIntegerField(default=0)  # in a row
    failure = models.TextField(default="")  # the last one of them

    class Meta:
        verbose_name_plural = "witnesses"

    def __str__(self) -> str:
        return self.name


class Cosignature(models.Model):
    """A witness's word on a checkpoint, whether it came in time to be published with it or after."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="cosignatures")
    witness = models.TextField()  # name of the key
    line = models.TextField()  # c2sp.org/signed-note: a signature line
    cosigned_at = models.DateTimeField()  # by the witness's clock

    class Meta:
        constraints = (models.UniqueConstraint(fields=["checkpoint", "line"], name="cosignature_is_kept_once"),)

    def __str__(self) -> str:
        return f"{self.witness} on {self.checkpoint_id} entries"


class Anchor(models.Model):
    """An authority's word on when it saw a checkpoint's text; or that it is still asked for it."""

    PENDING, ANCHORED, FAILED = "pending", "anchored", "failed"  # failed: given up, a newer checkpoint took its place

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="anchors")
    authority = models.TextField()  # its name in the file ANCHORS
    status = models.TextField(choices=[(word, word) for word in (PENDING, ANCHORED, FAILED)], default=PENDING)
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField()
    failure = models.TextField(default="")  # of the last attempt
    token = models.BinaryField(null=True)  # RFC 3161 TimeStampToken, DER
    anchored_at = models.DateTimeField(null=True)  # by the authority's clock

    class Meta:
        indexes = (models.Index(fields=["next_try"], condition=Q(status="pending"), name="anchor_pending"),)
        constraints = (
            models.UniqueConstraint(fields=["checkpoint", "authority"], name="authority_anchors_a_checkpoint_once"),
            models.CheckConstraint(
                condition=~Q(status="anchored") | Q(token__isnull=False, anchored_at__isnull=False),
                name="anchored_has_its_token_and_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.authority} on {self.checkpoint_id} entries: {self.status}"
