"""Keys that this node holds for parties that sign nothing themselves, and what it signs with them at their word.

    make ──> kid, public half ──a key statement, by an authority or an earlier key of the party──> it speaks
    asked by the party ──> sign ──> a statement as any other, shown as the node's hand wherever it is shown

Such a signature says that the node says that the party wanted this: less than one of the party's own. The statement
that registers the key looks as any does, so that it is custodial is the node's word, and no proof shows it. No secret
half leaves this module, nor is one ever written down but sealed.
"""

from datetime import datetime

from cryptography.fernet import InvalidToken, MultiFernet
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from ledger import keys
from ledger.errors import KeyMissing
from ledger.tlog.cose import PrivateKey
from partners.models import CustodialKey, Partner, SigningKey

from . import statements
from .models import Subscription


def make(partner: Partner, *, now: datetime) -> CustodialKey:
    """A new key for the party. It speaks for nobody until it is registered."""
    key = PrivateKey.generate()
    return CustodialKey.objects.create(
        partner=partner,
        kid=key.public.kid,
        alg=key.public.alg,
        public=key.public.raw,
        sealed=sealing().encrypt(key.to_pem()),
        made=now,
    )


def sealing() -> MultiFernet:
    """What secrets of parties are sealed with: made when the first is. Where it is gone while something is sealed with
    it, another one beside it would hide the loss: `KeyMissing`."""
    try:
        return keys.custody()
    except KeyMissing:
        if _anything_is_sealed():
            raise
        keys.make_custody(settings.KEYS_DIR)
        return keys.custody()


def _anything_is_sealed() -> bool:
    kept = CustodialKey.objects.filter(sealed__isnull=False), Subscription.objects.filter(secret__isnull=False)
    return any(each.exists() for each in kept)


def key_of(partner: Partner) -> CustodialKey | None:
    """The key that this node can sign with for the party now: the last one made that speaks for it."""
    speaks = SigningKey.objects.filter(partner_id=OuterRef("partner_id"), kid=OuterRef("kid"), revoked__isnull=True)
    return CustodialKey.objects.filter(Exists(speaks), partner=partner, sealed__isnull=False).order_by("-pk").first()


def is_custodial(gln: str, kid: bytes) -> bool:
    """Whether this node holds, or held, a key that is registered for the party."""
    return custodial_keys(kid).filter(partner_id=gln).exists()


def custodial_keys(kid: bytes) -> QuerySet[SigningKey]:
    """By whose name it goes, whoever it is registered for."""
    return SigningKey.objects.filter(kid=kid, custodial=True)


def sign(said: statements.Statement, key: CustodialKey) -> bytes:
    """The statement in its envelope. The caller is asked by the very party whose key it is.

    Raises `KeyMissing` where the key cannot be opened.
    """
    if said.submitter != key.partner_id:
        raise ValueError("a custodial key signs for its own party alone")
    return statements.sign(said, _opened(key))


def _opened(key: CustodialKey) -> PrivateKey:
    try:
        private = PrivateKey.from_pem(keys.custody().decrypt(bytes(key.sealed or b"")))
    except InvalidToken:
        detail = "a key held for a party does not open with what is there: bring back what it was sealed with"
        raise KeyMissing(detail, where="custody.keys") from None
    if private.public.kid != bytes(key.kid):  # whoever can write the database has put another's in its place
        raise KeyMissing("a key held for a party is not the one that it is called", where="custody.keys")
    return private
