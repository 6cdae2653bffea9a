"""Organisations, their places, their keys, what they may issue, and who has read of them.

    Partner ─┬─ Location     which places it operates, from when to when
             ├─ SigningKey   which keys speak for it
             ├─ CustodialKey which of them this node holds, and signs with at its word
             ├─ Prefix       which products it may issue
             ├─ Delegation   who may act for it, and in what
             ├─ Licence      when it may trade
             ├─ Hold         which goods stay where they are
             ├─ Grant        who may read what it may read
             ├─ Case         of a regulator: within what it may read whole histories
             ├─ Waiver       which rules do not hold for it
             └─ ApiToken     how its systems log in

    Product, Place           what is told of a product and of a place, by whom, and from which day to which

Places, keys and rights are what statements in the log said. What such a row keeps of the log is the *number* that its
statement was accepted under: order decides what is valid, not the clock (FORMATS section 6).
"""

import secrets
from collections.abc import Collection, Iterable
from datetime import date, datetime
from hashlib import sha256
from typing import Self
from urllib.parse import unquote

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from .covering import covers
from .gs1.application_identifiers import check
from .gs1.errors import Gs1Error
from .gs1.identifiers import SERIAL_AT, gtin_of, is_sgtin, matches_prefix
from .gs1.ndc import Ndc


def is_gln(text: str) -> None:
    """A validator for forms and commands."""
    try:
        check("417", text)
    except Gs1Error as error:
        raise ValidationError(str(error), code=error.code) from error


class Role(models.TextChoices):
    """What an organisation does in the chain: the DSCSA's trading partners, and who watches over them."""

    MANUFACTURER = "manufacturer"
    REPACKAGER = "repackager"
    WHOLESALE_DISTRIBUTOR = "wholesale_distributor"
    THIRD_PARTY_LOGISTICS = "third_party_logistics", "Third-party logistics provider"
    DISPENSER = "dispenser"
    REGULATOR = "regulator"
    OPERATOR = "operator", "Operator of this node"


class Partner(models.Model):
    """An organisation, and the account its systems act as."""

    gln = models.CharField("GLN", max_length=13, primary_key=True, validators=[is_gln])
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=32, choices=Role)
    admitted = models.BigIntegerField(null=True, blank=True)  # number of the entry that said so
    left = models.BigIntegerField(null=True, blank=True)  # and of the one that ended it

    is_authenticated = True  # whoever has this value has shown a token of the partner's
    is_anonymous = False

    class Meta:
        ordering = ("name",)
        constraints = (models.CheckConstraint(condition=Q(role__in=Role.values), name="partner_has_a_known_role"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.gln})"


class LocationQuerySet(models.QuerySet["Location"]):
    """Reads dated master data."""

    def operators(self, glns: Iterable[str]) -> "Operators":
        """Who operates these places, for any time: one query."""
        return Operators(self.filter(gln__in=set(glns)))


class Location(models.Model):
    """That a partner operates a place, from one instant until another."""

    gln = models.CharField("GLN", max_length=13, validators=[is_gln])
    operator = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="locations")
    name = models.CharField(max_length=200)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)  # the first instant at which it no longer is
    vouched_by = models.CharField(max_length=13)  # GLN of who said so: an authority, or the operator of this node
    registered = models.BigIntegerField()  # number of the entry

    objects = LocationQuerySet.as_manager()

    class Meta:
        ordering = ("gln", "valid_from", "registered")
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="location_is_what_one_entry_says"),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="location_ends_after_it_begins"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.gln})"


class Operators:
    """Who operates a place at a time; a place that nobody wrote down stands for its own operator."""

    def __init__(self, locations: Iterable[Location]) -> None:
        self._said: dict[str, dict[datetime, Location]] = {}  # by place, and when it began
        for row in sorted(locations, key=lambda row: row.registered):  # the last to be said replaces
            self._said.setdefault(row.gln, {})[row.valid_from] = row

    def at(self, gln: str, time: datetime) -> str:
        """The operator's GLN."""
        found = self.location(gln, time)
        return found.operator_id if found else gln

    def location(self, gln: str, time: datetime) -> Location | None:
        """What was said of the place for then. Where periods overlap, the one that began last counts."""
        said = self._said.get(gln, {})
        for begins in sorted(said, reverse=True):
            if begins <= time and ((ends := said[begins].valid_to) is None or time < ends):
                return said[begins]
        return None


class SigningKey(models.Model):
    """A key that speaks for a partner: for what is accepted after its registration and before its revocation."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="keys")
    kid = models.BinaryField(max_length=32)  # RFC 9679 thumbprint
    alg = models.SmallIntegerField()  # COSE: -19 Ed25519, -9 ESP256
    public = models.BinaryField(max_length=65)  # 32 bytes of Ed25519, or the uncompressed P-256 point
    vouched_by = models.CharField(max_length=13)  # GLN of who signed the registration: an authority, or the partner
    vouched_kid = models.BinaryField(max_length=32)  # and with which key
    registered = models.BigIntegerField()  # number of the entry that registered it
    revoked = models.BigIntegerField(null=True, blank=True)  # number of the entry that revoked it
    compromised = models.DateTimeField(null=True, blank=True)  # since when others may have had it, as its revoker says
    custodial = models.BooleanField(default=False)  # whether this node has its secret half: the node's own note

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["partner", "kid"], name="key_is_registered_once"),
            models.CheckConstraint(condition=Q(revoked__gt=F("registered")), name="key_is_revoked_after_registration"),
            models.CheckConstraint(
                condition=Q(compromised__isnull=True) | Q(revoked__isnull=False), name="compromised_key_is_revoked"
            ),
        )

    def __str__(self) -> str:
        return f"{bytes(self.kid).hex()[:16]} of {self.partner_id}"

    @property
    def state(self) -> str:
        """`valid` or `revoked`: what a status says of it now (FORMATS section 6)."""
        return "valid" if self.revoked is None else "revoked"


class CustodialKey(models.Model):
    """The secret half of a key that this node holds for a partner. It speaks for that partner once it is registered, as
    any key is; that it is held here is said wherever something is shown that it signed."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="custodial_keys")
    kid = models.BinaryField(max_length=32, unique=True)
    alg = models.SmallIntegerField()  # as of a SigningKey
    public = models.BinaryField(max_length=65)
    sealed = models.BinaryField(null=True)  # PKCS #8 under a secret in KEYS_DIR/custody.keys; null: destroyed
    made = models.DateTimeField()

    class Meta:
        ordering = ("made",)

    def __str__(self) -> str:
        return f"{bytes(self.kid).hex()[:16]}, held for {self.partner_id}"


class Right(models.Model):
    """What one statement in the log gives a partner, until another takes it back."""

    vouched_by = models.CharField(max_length=13)  # GLN of who said so: an authority, or the partner
    registered = models.BigIntegerField()  # number of the entry
    revoked = models.BigIntegerField(null=True, blank=True)  # number of the entry that ended it

    class Meta:
        abstract = True

    def in_force(self, number: int | None) -> bool:
        """For what was accepted under this number; None: for what is accepted now, under a lock of the partner's."""
        if number is None:
            return self.revoked is None
        return self.registered < number and (self.revoked is None or number < self.revoked)


class Prefix(Right):
    """That a partner may issue a product, or all products of a company prefix."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="prefixes")
    digits = models.CharField(max_length=14)  # a GTIN-14, or a GS1 company prefix
    vouched_kid = models.BinaryField(max_length=32)

    class Meta:
        ordering = ("digits",)
        verbose_name_plural = "prefixes"
        constraints = (
            models.UniqueConstraint(
                fields=["digits", "partner", "registered"], name="prefix_is_named_once_a_statement"
            ),
            models.CheckConstraint(
                condition=Q(revoked__gt=F("registered")), name="prefix_is_revoked_after_it_is_given"
            ),
        )

    def __str__(self) -> str:
        return f"{self.digits} by {self.partner_id}"


class Delegation(Right):
    """That another party may take some business steps for a partner, as its agent."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="delegations")
    to = models.CharField(max_length=13)  # GLN of the agent
    steps = models.JSONField()  # as canonical events write them, sorted
    vouched_kid = models.BinaryField(max_length=32)

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="delegation_is_what_one_entry_says"),
            models.CheckConstraint(
                condition=Q(revoked__gt=F("registered")), name="delegation_is_revoked_after_it_is_given"
            ),
        )
        indexes = (models.Index(fields=["to", "partner"], name="for_whom_one_may_act"),)

    def __str__(self) -> str:
        return f"{', '.join(self.steps)} for {self.partner_id}, by {self.to}"


class Licence(Right):
    """That an authority lets a partner trade in some states, from one day to another."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="licences")
    licence = models.CharField(max_length=200)  # its number, as its authority writes it
    role = models.CharField(max_length=32, choices=Role)
    states = models.JSONField()  # two letters each, sorted
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="licence_is_what_one_entry_says"),
            models.CheckConstraint(
                condition=Q(revoked__gt=F("registered")), name="licence_is_revoked_after_it_is_given"
            ),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="licence_ends_after_it_begins"),
        )

    def __str__(self) -> str:
        return f"{self.licence} of {self.partner_id}"


class Hold(Right):
    """That an item, or a product or part of it, is neither packed nor shipped nor dispensed, until it is released."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="holds")  # who holds it up
    vouched_kid = models.BinaryField(max_length=32)
    kind = models.CharField(max_length=10)  # quarantine, suspect, recall or stolen
    reason = models.CharField(max_length=200)
    epc = models.TextField(null=True)  # noqa: DJ001 - canonical, of one item and all that is in it; or else:
    gtin = models.CharField(max_length=14, null=True)  # noqa: DJ001 - all of the product, but for what narrows it:
    lot = models.TextField(null=True)  # noqa: DJ001
    first = models.CharField(max_length=20, null=True)  # noqa: DJ001 - serial numbers, of one length, as they are sorted
    last = models.CharField(max_length=20, null=True)  # noqa: DJ001 - by the codes of their characters

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="hold_is_what_one_entry_says"),
            models.CheckConstraint(condition=Q(revoked__gt=F("registered")), name="hold_is_released_after_it_is_set"),
        )
        indexes = (
            models.Index(fields=["epc"], condition=Q(epc__isnull=False), name="holds_of_an_item"),
            models.Index(fields=["gtin"], condition=Q(gtin__isnull=False), name="holds_of_a_product"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.epc or self.gtin}, by {self.partner_id}"

    def covers(self, epc: str, lot: str | None) -> bool:
        """Whether an item is held by it, by its canonical EPC and the lot that its commissioning told."""
        return covers(self, epc, lot)


class Grant(Right):
    """That another party may read what a partner may read of its goods, or of some products, until a day."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="grants")
    vouched_kid = models.BinaryField(max_length=32)
    to = models.CharField(max_length=13)  # GLN of the reader
    gtins = models.JSONField()  # GTIN-14s and company prefixes, sorted; none: all goods
    valid_to = models.DateTimeField(null=True, blank=True)  # the first instant at which it no longer may

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="grant_is_what_one_entry_says"),
            models.CheckConstraint(condition=Q(revoked__gt=F("registered")), name="grant_is_revoked_after_it_is_given"),
        )
        indexes = (models.Index(fields=["to"], name="what_one_may_read"),)

    def __str__(self) -> str:
        return f"to {self.to}, by {self.partner_id}"

    def reaches(self, epc: str, at: datetime) -> bool:
        """Whether it lets an item be read at a time: of logistic units, only where it is of all goods."""
        if self.valid_to is not None and self.valid_to <= at:
            return False
        gtin = gtin_of(epc)
        return not self.gtins or (gtin is not None and any(matches_prefix(gtin, each) for each in self.gtins))


class Case(Right):
    """That a regulator looks into a product, or some of it, and may read whole histories of that, until a day."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="cases")  # the regulator
    vouched_kid = models.BinaryField(max_length=32)
    number = models.CharField(max_length=40)  # as the regulator writes it
    gtin = models.CharField(max_length=14)
    lot = models.TextField(null=True)  # noqa: DJ001 - all of it, but for what narrows that:
    serials = models.JSONField(null=True)  # sorted
    reason = models.CharField(max_length=200)
    valid_to = models.DateTimeField()  # the first instant at which it no longer is open

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="case_is_what_one_entry_says"),
            models.CheckConstraint(condition=Q(revoked__gt=F("registered")), name="case_is_closed_after_it_is_opened"),
        )
        indexes = (models.Index(fields=["partner", "gtin"], name="cases_about_a_product"),)

    def __str__(self) -> str:
        return f"{self.number} of {self.partner_id}"

    @property
    def purpose(self) -> str:
        """As access records have it."""
        return f"case {self.number}"

    def covers(self, epc: str, lot: str | None) -> bool:
        """Whether an item is within it, by its canonical EPC and the lot that its commissioning told."""
        if gtin_of(epc) != self.gtin or not is_sgtin(epc) or self.lot not in (None, lot):
            return False
        return self.serials is None or unquote(epc[SERIAL_AT:]) in self.serials


class Waiver(Right):
    """That some rules do not hold, for a partner or for products whoever trades them, from one instant to another."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="waivers")
    vouched_kid = models.BinaryField(max_length=32)
    kind = models.CharField(max_length=13)  # waiver, exception, exemption, grandfathered, excluded or drop-shipment
    of_products = models.BooleanField()  # whoever trades them; else for the partner alone
    rules = models.JSONField()  # licence, return, transaction: sorted
    gtins = models.JSONField()  # GTIN-14s, sorted; none: all products
    basis = models.CharField(max_length=200)
    document = models.BinaryField(max_length=32)  # SHA-256 of what it is based on
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("registered",)
        constraints = (
            models.UniqueConstraint(fields=["registered"], name="waiver_is_what_one_entry_says"),
            models.CheckConstraint(
                condition=Q(revoked__gt=F("registered")), name="waiver_is_revoked_after_it_is_given"
            ),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="waiver_ends_after_it_begins"),
        )
        indexes = (models.Index(fields=["valid_from"], condition=Q(of_products=True), name="waivers_of_products"),)

    def __str__(self) -> str:
        return f"{self.kind} of {self.partner_id}: {self.basis}"

    def reaches(self, rule: str, gtins: Collection[str] | None, at: datetime) -> bool:
        """Whether it says so of a rule and these products at a time; None: which they are is not known."""
        is_on = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        of_them = not self.gtins or (bool(gtins) and set(gtins or ()) <= set(self.gtins))
        return rule in self.rules and is_on and of_them


class Source(models.TextChoices):
    """Where a description comes from."""

    CSV = "csv", "CSV"
    EPCIS = "epcis", "an EPCIS document"
    FDA = "fda", "the FDA's NDC directory"
    FORM = "form", "by hand"


class Description(models.Model):
    """What somebody tells of a product or a place, for some days. What is told later replaces it: no row is changed but
    by being marked as replaced, and none is deleted.

    Of what one party tells of one thing, the days of two rows that stand never overlap.
    """

    FDA = "FDA"  # as `told_by`
    ALWAYS = date.min  # as `valid_from`: nobody has said since when

    told_by = models.CharField(max_length=13)  # GLN of who answers for it; or FDA
    source = models.CharField(max_length=5, choices=Source)
    brought_by = models.CharField(max_length=13)  # GLN of who handed it in
    said = models.DateTimeField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)  # the first day on which it no longer is
    replaced = models.DateTimeField(null=True, blank=True)  # when something else was told instead

    class Meta:
        abstract = True

    def on(self, day: date) -> bool:
        """Whether it is told of this day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class Product(Description):
    """What is told of a trade item. Empty text: nothing is said."""

    gtin = models.CharField("GTIN", max_length=14)
    ndc = models.CharField("NDC", max_length=14, blank=True)  # with its hyphens, which tell its format
    ndc12 = models.CharField(max_length=12, blank=True)  # the same in 12 digits, by which NDCs compare
    name = models.TextField()  # proprietary, else established
    strength = models.TextField(blank=True)
    dosage_form = models.TextField(blank=True)
    container_size = models.TextField(blank=True)
    labeler = models.TextField(blank=True)  # its name
    labeler_gln = models.CharField("labeler's GLN", max_length=13, blank=True)
    level = models.CharField(max_length=4, blank=True, choices=[("unit", "Unit"), ("case", "Case")])

    class Meta:
        ordering = ("gtin", "valid_from", "said")
        constraints = (
            models.UniqueConstraint(
                fields=["gtin", "told_by", "valid_from"],
                condition=Q(replaced__isnull=True),
                name="product_is_told_of_once_a_day",
            ),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="product_ends_after_it_begins"),
        )
        indexes = (
            models.Index(fields=["gtin", "said"], name="what_was_told_of_a_product"),
            models.Index(fields=["ndc12"], condition=Q(replaced__isnull=True), name="products_of_an_ndc"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.gtin}), by {self.told_by}"

    @property
    def ndc_format(self) -> str:
        """`4-4-2`, `5-3-2`, `5-4-1`, of 11 digits `5-4-2`, of 12 `6-4-2`."""
        return str(Ndc.parse(self.ndc).format) if self.ndc else ""


class Place(Description):
    """What is told of a place or a party: an address. Whose acts take place there, a `Location` says."""

    gln = models.CharField("GLN", max_length=13)
    name = models.TextField()
    operator = models.CharField("operator's GLN", max_length=13, blank=True)
    street = models.TextField(blank=True)
    city = models.TextField(blank=True)
    state = models.TextField(blank=True)
    postal_code = models.TextField(blank=True)
    country = models.TextField(blank=True)

    class Meta:
        ordering = ("gln", "valid_from", "said")
        constraints = (
            models.UniqueConstraint(
                fields=["gln", "told_by", "valid_from"],
                condition=Q(replaced__isnull=True),
                name="place_is_told_of_once_a_day",
            ),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="place_ends_after_it_begins"),
        )
        indexes = (models.Index(fields=["gln", "said"], name="what_was_told_of_a_place"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.gln}), by {self.told_by}"


class ApiToken(models.Model):
    """How a partner's system logs in. The token itself is shown once and kept nowhere."""

    BEGINNING = "upt_"  # by which scanners for leaked secrets recognise one

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="tokens")
    digest = models.BinaryField(max_length=32, unique=True)  # SHA-256; a random token needs no slow hash
    prefix = models.CharField(max_length=12)  # of the token, to tell which is which
    label = models.CharField(max_length=100, blank=True)
    created = models.DateTimeField()
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.partner_id}"

    @classmethod
    def issue(cls, partner: Partner, label: str = "", *, now: datetime) -> tuple[Self, str]:
        """A new token: its row, and the text that is shown this once."""
        token = cls.BEGINNING + secrets.token_urlsafe(32)
        digest = cls.digest_of(token)
        return cls.objects.create(partner=partner, digest=digest, prefix=token[:12], label=label, created=now), token

    @staticmethod
    def digest_of(token: str) -> bytes:
        return sha256(token.encode()).digest()


class AccessRecord(models.Model):
    """That one party read what is known of another's goods. Written with the answer, or there is no answer."""

    reader = models.CharField(max_length=13)  # GLN
    subject = models.TextField()  # the canonical EPC, or what else was asked for
    what = models.CharField(max_length=32)  # of it: chain, bundle, openings
    purpose = models.CharField(max_length=64)
    at = models.DateTimeField()
    reason = models.CharField(max_length=40, null=True)  # noqa: DJ001 - of a verification: why it was answered so
    in_hand = models.BooleanField(default=False)  # it came with all four elements of the pack, and they are right

    class Meta:
        indexes = (
            models.Index(fields=["subject", "at"], name="who_read_of_it"),
            models.Index(fields=["reader", "id"], condition=Q(reason__isnull=False), name="verifications_of_a_party"),
        )

    def __str__(self) -> str:
        return f"{self.reader} read {self.what} of {self.subject}"
