"""Which key speaks for whom, and the locks that give every statement its place among the changes of keys."""

import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, transaction

from partners.errors import KeyAlreadyRegistered, KeyNotValid, UnknownPartner
from partners.models import Partner, Role, SigningKey
from partners.signing_keys import lock_issuer, register_key, revoke_key, speaking_key

MAKER, STRANGER = "0614141000012", "0614141000029"
KID, OTHER_KID = b"k" * 32, b"o" * 32


def make_partner(gln: str = MAKER) -> Partner:
    return Partner.objects.create(gln=gln, name="Maker", role=Role.MANUFACTURER)


def register(gln: str = MAKER, kid: bytes = KID, *, number: int = 7) -> SigningKey:
    return register_key(gln, kid, alg=-19, public=b"p" * 32, vouched_by=MAKER, vouched_kid=b"v" * 32, number=number)


@pytest.mark.django_db
class TestKeys:
    def test_a_registered_key_speaks_for_its_partner(self) -> None:
        make_partner()
        register()
        key = speaking_key(MAKER, KID)
        assert (bytes(key.public), key.alg, key.registered, key.state) == (b"p" * 32, -19, 7, "valid")

    def test_a_key_speaks_for_nobody_else(self) -> None:
        make_partner()
        make_partner(STRANGER)
        register()
        with pytest.raises(KeyNotValid) as refused:
            speaking_key(STRANGER, KID)
        assert refused.value.code == "unknown_key"

    def test_a_stranger_who_claims_a_key_does_not_keep_its_owner_from_it(self) -> None:
        make_partner()
        make_partner(STRANGER)
        register(STRANGER)
        register(MAKER)
        assert speaking_key(MAKER, KID).partner_id == MAKER

    def test_a_revoked_key_speaks_no_longer_and_tells_from_when(self) -> None:
        make_partner()
        register()
        revoke_key(MAKER, KID, number=9)
        with pytest.raises(KeyNotValid) as refused:
            speaking_key(MAKER, KID)
        assert refused.value.code == "key_revoked"
        key = SigningKey.objects.get(kid=KID)
        assert (key.registered, key.revoked, key.compromised, key.state) == (7, 9, None, "revoked")

    def test_a_revocation_may_say_since_when_others_had_the_key(self) -> None:
        make_partner()
        register()
        since = datetime(2026, 1, 1, tzinfo=UTC)
        assert revoke_key(MAKER, KID, number=9, compromised=since).compromised == since

    def test_a_revoked_key_does_not_come_back(self) -> None:
        make_partner()
        register()
        revoke_key(MAKER, KID, number=9)
        with pytest.raises(KeyAlreadyRegistered, match="revoked already"):
            register(number=10)

    @pytest.mark.parametrize("kid", [KID, OTHER_KID])
    def test_only_a_key_that_speaks_is_revoked(self, kid: bytes) -> None:
        make_partner()
        register()
        revoke_key(MAKER, KID, number=9)
        with pytest.raises(KeyNotValid):
            revoke_key(MAKER, kid, number=11)

    @pytest.mark.parametrize("exclusive", [False, True])
    def test_there_is_nothing_to_lock_for_a_party_that_is_no_partner(self, exclusive: bool) -> None:
        with transaction.atomic(), pytest.raises(UnknownPartner):
            lock_issuer(STRANGER, exclusive=exclusive)


class Holder(threading.Thread):
    """Another connection that holds a partner's lock until told to let go."""

    def __init__(self, *, exclusive: bool) -> None:
        super().__init__(daemon=True)
        self.exclusive = exclusive
        self.held, self.let_go = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            with transaction.atomic():
                lock_issuer(MAKER, exclusive=self.exclusive)
                self.held.set()
                self.let_go.wait(20)
        finally:
            connection.close()

    def __enter__(self) -> "Holder":
        self.start()
        assert self.held.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self.join(20)


def blocked(*, exclusive: bool) -> bool:
    """Whether this connection would now have to wait for the lock."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
        try:
            with transaction.atomic():
                lock_issuer(MAKER, exclusive=exclusive)
        except OperationalError:  # canceling statement due to lock timeout
            return True
    return False


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("held", "wanted", "waits"),
    [(False, False, False), (False, True, True), (True, False, True), (True, True, True)],
    ids=["statements-run-side-by-side", "change-waits-for-statement", "statement-waits-for-change", "changes-queue"],
)
def test_locks_of_an_issuer(held: bool, wanted: bool, waits: bool) -> None:
    make_partner()
    with Holder(exclusive=held):
        assert blocked(exclusive=wanted) is waits
    assert blocked(exclusive=wanted) is False


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
def test_a_revocation_gets_through_however_steadily_its_party_captures() -> None:
    """There is never a moment without a capture, but those that come after the revocation wait for it."""
    make_partner()
    register()
    stop, waited = threading.Event(), list[float]()

    def captures(first: float) -> None:
        try:
            time.sleep(first)
            while not stop.is_set():
                with transaction.atomic():
                    lock_issuer(MAKER)
                    time.sleep(0.3)
        finally:
            connection.close()

    threads = [threading.Thread(target=captures, args=(at / 10,), daemon=True) for at in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    for number in range(3):
        began = time.monotonic()
        with transaction.atomic():
            lock_issuer(MAKER, exclusive=True)
        waited.append(time.monotonic() - began)
        time.sleep(0.1 * number)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert max(waited) < 2, waited  # a capture holds the lock for 0.3 s


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
def test_a_change_of_keys_does_not_hold_up_rows_that_only_name_the_partner() -> None:
    make_partner()
    with Holder(exclusive=True), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
        register(kid=OTHER_KID)  # its foreign key takes FOR KEY SHARE
    assert SigningKey.objects.count() == 1
