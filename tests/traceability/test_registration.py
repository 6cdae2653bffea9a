"""Who may say which key speaks for whom, and who may issue what."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ledger.keys import node_key
from ledger.models import Entry
from ledger.tlog.cose import Algorithm, PrivateKey, decode
from partners.gs1.errors import Gs1Error
from partners.models import Delegation as DelegationRow
from partners.models import Location, Partner, Role, SigningKey
from partners.models import Prefix as PrefixRow
from partners.prefixes import licensees
from traceability import statements
from traceability.authorities import Authority, save
from traceability.errors import NotAllowed, NotSigned, Refusal
from traceability.models import Registration
from traceability.registration import register, remarks
from traceability.statements import Key, KeyAlgorithm, KeyRevocation, Prefix, StatementError, open_promise, sign

MAKER, STRANGER, AUTHORITY = "0614141000012", "0614141000029", "0614141000036"
GTIN = "00614141123452"
NOW = datetime(2026, 11, 1, 9, 30, 15, 250_000, tzinfo=UTC)
THEN = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


@dataclass
class Party:
    """Somebody with a GLN and a key, who signs what it likes."""

    gln: str
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    def says(self, kind: type[statements.Registration], about: "Party", /, **members: Any) -> bytes:
        statement = kind(
            **{
                "log": settings.LOG_ORIGIN,
                "submitter": self.gln,
                "time": THEN,
                "statement": str(uuid4()),
                "about": about.gln,
                **members,
            }
        )
        return sign(statement, self.key)

    def vouches(self, about: "Party", key: PrivateKey, **members: Any) -> bytes:
        """A key statement."""
        alg = KeyAlgorithm.ED25519 if key.public.alg is Algorithm.ED25519 else KeyAlgorithm.ESP256
        return self.says(Key, about, kid=key.public.kid, alg=alg, public=key.public.raw, **members)

    def revokes(self, about: "Party", key: PrivateKey, **members: Any) -> bytes:
        return self.says(KeyRevocation, about, kid=key.public.kid, **members)

    def grants(self, about: "Party", *gtins: str, **members: Any) -> bytes:
        return self.says(Prefix, about, gtins=gtins, **members)

    def delegates(self, about: "Party", to: "Party", *steps: str) -> bytes:
        return self.says(statements.Delegation, about, to=to.gln, steps=steps)

    def takes_back(self, about: "Party", given: Registration) -> bytes:
        return self.says(statements.Revocation, about, entry=bytes(given.entry.entry).hex())

    @property
    def keys(self) -> list[str]:
        return [key.state for key in SigningKey.objects.filter(partner_id=self.gln)]


@pytest.fixture
def authority(node_keys: None) -> Party:
    party = Party(AUTHORITY)
    save(settings.AUTHORITIES, [Authority(AUTHORITY, party.key.public)])
    return party


@pytest.fixture
def maker(db: None) -> Party:
    Partner.objects.create(gln=MAKER, name="Maker", role=Role.MANUFACTURER)
    return Party(MAKER)


@pytest.fixture
def stranger(db: None) -> Party:
    Partner.objects.create(gln=STRANGER, name="Stranger", role=Role.DISPENSER)
    return Party(STRANGER)


@pytest.fixture
def enrolled(maker: Party, authority: Party) -> Party:
    """The maker, its first key registered."""
    take(authority.vouches(maker, maker.key))
    return maker


def take(envelope: bytes, *, now: datetime = NOW) -> Registration:
    return register(envelope, now=now)[0]


def refused(envelope: bytes, kind: type[Exception] = Refusal) -> Any:
    """The code of a refusal that left everything as it was."""
    before = [
        list(rows.values()) for rows in (Registration.objects, Entry.objects, SigningKey.objects, PrefixRow.objects)
    ]
    with pytest.raises(kind) as error:
        register(envelope, now=NOW)
    after = [
        list(rows.values()) for rows in (Registration.objects, Entry.objects, SigningKey.objects, PrefixRow.objects)
    ]
    assert before == after
    return error.value.code  # type: ignore[attr-defined]


class TestWhatIsKept:
    def test_a_statement_is_kept_as_it_came_and_its_entry_waits_in_the_log(
        self, authority: Party, maker: Party
    ) -> None:
        envelope = authority.vouches(maker, maker.key)
        row = take(envelope)
        row.refresh_from_db()
        assert (row.issuer, row.kind, bytes(row.envelope), row.accepted) == (AUTHORITY, "key", envelope, NOW)
        assert bytes(row.entry.entry) == statements.entry(bytes(row.entry_salt), envelope)
        assert row.entry.index is None

    def test_the_promise_is_the_nodes_word_about_that_entry(self, authority: Party, maker: Party) -> None:
        row, promise = register(authority.vouches(maker, maker.key), now=NOW)
        opened = open_promise(promise)
        opened.signed.check(node_key().public)
        assert opened.issuer == settings.OPERATOR_GLN
        assert opened.signed.subject == f"urn:uuid:{row.statement_id}"
        said = opened.payload
        assert (said.log, said.entry, said.number) == (settings.LOG_ORIGIN, bytes(row.entry.entry), row.entry.number)
        assert said.accepted == NOW.replace(microsecond=0)
        assert said.integrate_by - said.accepted == timedelta(seconds=settings.INTEGRATE_WITHIN_SECONDS)

    def test_two_statements_of_the_same_kind_have_unlike_salts(self, authority: Party, maker: Party) -> None:
        rows = [take(authority.grants(maker, gtin)) for gtin in (GTIN, "00614141123469")]
        assert len({bytes(row.entry_salt) for row in rows}) == 2

    def test_the_key_remembers_who_vouched_for_it_and_under_which_number(self, authority: Party, maker: Party) -> None:
        row = take(authority.vouches(maker, maker.key))
        key = SigningKey.objects.get()
        assert (key.partner_id, bytes(key.kid), bytes(key.public)) == (
            MAKER,
            maker.key.public.kid,
            maker.key.public.raw,
        )
        assert (key.vouched_by, bytes(key.vouched_kid), key.alg) == (AUTHORITY, authority.key.public.kid, -19)
        assert key.registered == row.entry.number

    def test_a_key_on_p256_counts_as_much(self, authority: Party, maker: Party) -> None:
        maker.key = PrivateKey.generate(Algorithm.ESP256)
        take(authority.vouches(maker, maker.key))
        take(maker.vouches(maker, PrivateKey.generate()))
        assert maker.keys == ["valid", "valid"]


class TestKeys:
    def test_the_first_key_needs_an_authority(self, authority: Party, maker: Party) -> None:
        assert refused(maker.vouches(maker, maker.key)) == "unknown_key"

    def test_a_later_key_is_vouched_for_by_an_earlier_one(self, enrolled: Party) -> None:
        second = PrivateKey.generate()
        take(enrolled.vouches(enrolled, second))
        take(Party(MAKER, second).vouches(enrolled, PrivateKey.generate()))
        assert enrolled.keys == ["valid"] * 3

    def test_or_by_an_authority(self, enrolled: Party, authority: Party) -> None:
        take(authority.vouches(enrolled, PrivateKey.generate()))
        assert enrolled.keys == ["valid", "valid"]

    def test_a_party_registers_no_key_for_another(self, enrolled: Party, stranger: Party) -> None:
        assert refused(enrolled.vouches(stranger, enrolled.key), NotAllowed) == "authority_needed"
        assert refused(enrolled.vouches(stranger, stranger.key), NotAllowed) == "authority_needed"

    def test_nor_by_claiming_to_be_the_other(self, enrolled: Party, stranger: Party) -> None:
        forged = Party(STRANGER, enrolled.key)
        assert refused(forged.vouches(stranger, enrolled.key), NotSigned) == "unknown_key"

    def test_nor_by_claiming_to_be_an_authority(self, enrolled: Party) -> None:
        forged = Party(AUTHORITY, enrolled.key)
        assert refused(forged.vouches(enrolled, PrivateKey.generate()), NotSigned) == "unknown_key"

    def test_an_authoritys_key_speaks_for_that_authority_only(self, authority: Party, enrolled: Party) -> None:
        forged = Party(MAKER, authority.key)
        assert refused(forged.vouches(enrolled, PrivateKey.generate()), NotSigned) == "unknown_key"

    def test_an_authority_that_this_node_does_not_know_is_nobody(self, node_keys: None, maker: Party) -> None:
        assert refused(Party(AUTHORITY).vouches(maker, maker.key), NotSigned) == "unknown_key"

    def test_a_key_is_registered_once(self, enrolled: Party, authority: Party) -> None:
        assert refused(authority.vouches(enrolled, enrolled.key)) == "key_already_registered"

    def test_whoever_is_no_partner_gets_no_key(self, authority: Party) -> None:
        nobody = Party(STRANGER)
        with pytest.raises(Refusal) as error:
            take(authority.vouches(nobody, nobody.key))
        assert error.value.code == "unknown_partner"

    def test_a_stranger_does_not_learn_who_is_a_partner(self, node_keys: None, enrolled: Party) -> None:
        stranger = Party(STRANGER)
        known, unknown = stranger.vouches(enrolled, stranger.key), stranger.vouches(stranger, stranger.key)
        assert refused(known, NotSigned) == refused(unknown, NotSigned) == "unknown_key"

    test_whoever_is_no_partner_gets_no_key = pytest.mark.django_db(test_whoever_is_no_partner_gets_no_key)


class TestRevocation:
    def test_from_its_number_on_the_key_speaks_for_nobody(self, enrolled: Party) -> None:
        registered = take(enrolled.vouches(enrolled, PrivateKey.generate()))
        revoked = take(enrolled.revokes(enrolled, enrolled.key))
        assert refused(enrolled.vouches(enrolled, PrivateKey.generate()), NotSigned) == "key_revoked"
        key = SigningKey.objects.get(kid=enrolled.key.public.kid)
        assert key.registered < registered.entry.number < revoked.entry.number == key.revoked

    def test_what_a_key_vouched_for_before_stays(self, enrolled: Party) -> None:
        second = PrivateKey.generate()
        take(enrolled.vouches(enrolled, second))
        take(enrolled.revokes(enrolled, enrolled.key))
        take(Party(MAKER, second).vouches(enrolled, PrivateKey.generate()))
        assert sorted(enrolled.keys) == ["revoked", "valid", "valid"]

    def test_an_authority_may_revoke_and_say_since_when_the_key_was_in_other_hands(
        self, enrolled: Party, authority: Party
    ) -> None:
        take(authority.revokes(enrolled, enrolled.key, compromised=THEN))
        key = SigningKey.objects.get()
        assert (key.state, key.compromised) == ("revoked", THEN)

    def test_a_party_revokes_no_key_of_another(self, enrolled: Party, stranger: Party, authority: Party) -> None:
        take(authority.vouches(stranger, stranger.key))
        assert refused(stranger.revokes(enrolled, enrolled.key), NotAllowed) == "authority_needed"

    def test_whose_last_key_is_gone_needs_an_authority_again(self, enrolled: Party, authority: Party) -> None:
        take(enrolled.revokes(enrolled, enrolled.key))
        fresh = PrivateKey.generate()
        assert refused(Party(MAKER, fresh).vouches(enrolled, fresh), NotSigned) == "unknown_key"
        take(authority.vouches(enrolled, fresh))
        assert sorted(enrolled.keys) == ["revoked", "valid"]

    def test_a_revoked_key_does_not_come_back(self, enrolled: Party, authority: Party) -> None:
        take(enrolled.revokes(enrolled, enrolled.key))
        assert refused(authority.vouches(enrolled, enrolled.key)) == "key_already_registered"

    def test_only_a_key_that_speaks_can_be_revoked(self, enrolled: Party, authority: Party) -> None:
        assert refused(authority.revokes(enrolled, PrivateKey.generate())) == "unknown_key"
        take(authority.revokes(enrolled, enrolled.key))
        assert refused(authority.revokes(enrolled, enrolled.key)) == "key_revoked"


class TestPrefixes:
    def test_an_authority_says_who_may_issue_a_product(self, authority: Party, maker: Party) -> None:
        row = take(authority.grants(maker, GTIN, "0614142"))
        (licence,) = licensees([GTIN])[GTIN]
        assert (licence.partner_id, licence.vouched_by, licence.registered) == (MAKER, AUTHORITY, row.entry.number)

    def test_what_another_party_may_issue_is_granted_and_remarked_on(
        self, authority: Party, maker: Party, stranger: Party, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Two offices need not know of each other; and a second party may be meant to issue a product."""
        other = Party("0614141000043")
        save(settings.AUTHORITIES, [Authority(each.gln, each.key.public) for each in (authority, other)])
        assert remarks(take(authority.grants(maker, "0614141"))) == []
        assert caplog.messages == []
        row = take(other.grants(stranger, GTIN, "0614142"))
        assert [(each.code, each.where) for each in remarks(row)] == [("prefix_overlaps", GTIN)]
        assert [each.partition(":")[0] for each in caplog.messages] == ["prefix_overlaps"]
        assert f"gives {GTIN} to {STRANGER}, and {MAKER} has 0614141 by entry" in caplog.text
        assert [licence.partner_id for licence in licensees([GTIN])[GTIN]] == [MAKER, STRANGER]

    def test_of_what_a_party_is_granted_twice_nothing_is_said(
        self, authority: Party, maker: Party, caplog: pytest.LogCaptureFixture
    ) -> None:
        take(authority.grants(maker, "0614141"))
        assert remarks(take(authority.grants(maker, GTIN))) == []
        assert caplog.messages == []

    def test_nobody_grants_itself_a_product(self, enrolled: Party) -> None:
        assert refused(enrolled.grants(enrolled, GTIN), NotAllowed) == "authority_needed"


class TestRetries:
    def test_the_same_statement_gets_the_same_promise(self, authority: Party, maker: Party) -> None:
        envelope = authority.vouches(maker, maker.key)
        first, again = register(envelope, now=NOW), register(envelope, now=NOW + timedelta(hours=1))
        assert (first[0].pk, first[1]) == (again[0].pk, again[1])
        assert Entry.objects.count() == 1

    def test_under_another_signature_it_is_still_the_same(self, authority: Party, maker: Party) -> None:
        envelope = authority.vouches(maker, maker.key)
        statement = statements.open_statement(envelope).payload
        first, again = register(envelope, now=NOW), register(sign(statement, PrivateKey.generate()), now=NOW)
        assert first[1] == again[1]

    def test_the_promise_outlives_the_key_that_asked_for_it(self, enrolled: Party) -> None:
        envelope = enrolled.vouches(enrolled, PrivateKey.generate())
        _, promise = register(envelope, now=NOW)
        take(enrolled.revokes(enrolled, enrolled.key))
        assert register(envelope, now=NOW)[1] == promise

    def test_one_id_is_one_statement(self, authority: Party, maker: Party) -> None:
        name = str(uuid4())
        take(authority.grants(maker, GTIN, statement=name))
        assert refused(authority.grants(maker, "0614141", statement=name)) == "submission_reused"

    def test_of_its_issuer(self, enrolled: Party, authority: Party) -> None:
        name = str(uuid4())
        take(authority.grants(enrolled, GTIN, statement=name))
        take(enrolled.vouches(enrolled, PrivateKey.generate(), statement=name))
        assert Registration.objects.filter(statement_id=name).count() == 2

    def test_what_was_refused_does_not_use_up_its_id(self, authority: Party, maker: Party) -> None:
        name = str(uuid4())
        refused(maker.vouches(maker, maker.key, statement=name))
        take(authority.vouches(maker, maker.key))
        take(maker.vouches(maker, PrivateKey.generate(), statement=name))


def test_nobody_knows_of_a_theft_that_is_to_come(enrolled: Party) -> None:
    said = enrolled.revokes(enrolled, enrolled.key, compromised=THEN + timedelta(seconds=1))
    assert refused(said) == "compromised_in_the_future"


class TestDelegations:
    """And whatever else can be taken back by its entry."""

    def test_a_party_gives_and_takes_back_by_itself(self, enrolled: Party, stranger: Party) -> None:
        row = take(enrolled.delegates(enrolled, stranger, "packing", "shipping"))
        given = DelegationRow.objects.get()
        assert (given.partner_id, given.to, given.steps) == (MAKER, STRANGER, ["packing", "shipping"])
        assert (given.vouched_by, given.registered, given.revoked) == (MAKER, row.entry_id, None)
        taken = take(enrolled.takes_back(enrolled, row))
        given.refresh_from_db()
        assert given.revoked == taken.entry_id

    def test_an_authority_may_do_both_for_it(self, authority: Party, enrolled: Party, stranger: Party) -> None:
        row = take(authority.delegates(enrolled, stranger, "packing"))
        take(authority.takes_back(enrolled, row))
        assert DelegationRow.objects.get().revoked is not None

    def test_nobody_else_gives_or_takes(self, authority: Party, enrolled: Party, stranger: Party) -> None:
        take(authority.vouches(stranger, stranger.key))
        assert refused(stranger.delegates(enrolled, stranger, "packing"), NotAllowed) == "authority_needed"
        row = take(enrolled.delegates(enrolled, stranger, "packing"))
        assert refused(stranger.takes_back(enrolled, row), NotAllowed) == "authority_needed"
        assert refused(stranger.takes_back(stranger, row), NotAllowed) == "authority_needed"

    def test_what_an_authority_gave_a_party_does_not_take_back(self, authority: Party, enrolled: Party) -> None:
        """Or a bundle would say otherwise: there, too, it takes who said it, or an authority."""
        row = take(authority.grants(enrolled, "0614141"))
        assert refused(enrolled.takes_back(enrolled, row), NotAllowed) == "authority_needed"
        taken = take(authority.takes_back(enrolled, row))
        assert [each.revoked for each in PrefixRow.objects.all()] == [taken.entry_id]

    def test_once(self, authority: Party, enrolled: Party) -> None:
        row = take(authority.grants(enrolled, "0614141"))
        take(authority.takes_back(enrolled, row))
        assert refused(authority.takes_back(enrolled, row)) == "revoked_twice"

    def test_only_a_right_of_the_party_it_is_about(self, authority: Party, enrolled: Party, stranger: Party) -> None:
        row = take(authority.grants(enrolled, "0614141"))
        assert refused(authority.takes_back(stranger, row)) == "nothing_to_revoke"
        key = Registration.objects.get(kind="key")
        assert refused(authority.takes_back(enrolled, key)) == "nothing_to_revoke"
        assert refused(authority.says(statements.Revocation, enrolled, entry="0" * 64)) == "nothing_to_revoke"

    @pytest.mark.parametrize(
        ("to", "step", "code"), [(MAKER, "packing", "own_agent"), (STRANGER, "pack", "unknown_step")]
    )
    def test_what_could_have_no_effect_is_refused(self, enrolled: Party, to: str, step: str, code: str) -> None:
        assert refused(enrolled.says(statements.Delegation, enrolled, to=to, steps=(step,))) == code

    @pytest.mark.parametrize("step", ["a:\0", "a:" + "b" * 200, "a:\nb"])
    def test_a_word_can_be_written_down(self, enrolled: Party, stranger: Party, step: str) -> None:
        assert refused(enrolled.delegates(enrolled, stranger, step), NotSigned) == "unwritable"

    def test_a_step_of_ones_own_vocabulary_is_a_uri(self, enrolled: Party, stranger: Party) -> None:
        take(enrolled.delegates(enrolled, stranger, "https://example.org/steps/counting"))


class TestLocations:
    def says_where(self, by: Party, about: Party, **members: Any) -> bytes:
        return by.says(
            statements.Location, about, **{"place": AUTHORITY, "name": "North dock", "valid_from": THEN, **members}
        )

    def test_an_authority_or_the_operator_says_whose_a_place_is(self, authority: Party, maker: Party) -> None:
        take(self.says_where(authority, maker))
        take(self.says_where(Party(settings.OPERATOR_GLN, node_key()), maker, valid_from=THEN + timedelta(days=1)))
        assert [row.vouched_by for row in Location.objects.all()] == [AUTHORITY, settings.OPERATOR_GLN]
        assert Location.objects.operators([AUTHORITY]).at(AUTHORITY, NOW) == MAKER

    def test_nobody_says_it_of_itself(self, enrolled: Party) -> None:
        """Or anybody could make another's acts its own."""
        assert refused(self.says_where(enrolled, enrolled), NotAllowed) == "authority_needed"

    def test_a_time_and_a_place_are_what_they_claim_to_be(self, authority: Party, maker: Party) -> None:
        assert refused(self.says_where(authority, maker, valid_to=THEN)) == "empty_period"
        with pytest.raises(Gs1Error):
            register(self.says_where(authority, maker, place="0614141000013"), now=NOW)

    def test_nobodys_own_gln_is_anothers_place(self, authority: Party, maker: Party, stranger: Party) -> None:
        assert refused(self.says_where(authority, maker, place=STRANGER)) == "anothers_gln"
        take(self.says_where(authority, stranger, place=STRANGER))
        take(self.says_where(authority, stranger))
        operator = Party(settings.OPERATOR_GLN, node_key())
        newcomer = Party(AUTHORITY)
        assert refused(operator.says(statements.Partner, newcomer, name="New", role="dispenser")) == "anothers_gln"


class TestForm:
    def test_a_statement_is_for_one_log(self, authority: Party, maker: Party) -> None:
        assert refused(authority.vouches(maker, maker.key, log="elsewhere/log"), NotSigned) == "wrong_log"

    def test_what_only_the_node_says_is_refused(self, authority: Party, maker: Party) -> None:
        said = authority.says(statements.LegalHold, maker, hold=statements.Holding.SET, reason="a court wants it")
        assert refused(said, NotSigned) == "unsupported_statement"

    def test_a_submission_is_no_registration(self, enrolled: Party) -> None:
        submission = statements.Submission(
            log=settings.LOG_ORIGIN,
            submitter=MAKER,
            time=THEN,
            submission=str(uuid4()),
            document=bytes(32),
            events=(1, bytes(32)),
            meaning=("packing",),
        )
        assert refused(sign(submission, enrolled.key), NotSigned) == "unsupported_statement"

    def test_a_signature_is_over_exactly_what_is_said(self, authority: Party, maker: Party) -> None:
        good = authority.grants(maker, GTIN)
        other = decode(authority.grants(maker, "0614141"))
        signed = decode(good)
        swapped = bytes(replace(signed, signature=other.signature))
        assert refused(swapped, NotSigned) == "bad_signature"

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_no_damaged_envelope_is_taken(self, authority: Party, maker: Party, data: st.DataObject) -> None:
        envelope = bytearray(authority.grants(maker, GTIN))
        place = data.draw(st.integers(0, len(envelope) - 1))
        envelope[place] ^= data.draw(st.integers(1, 255))
        refused(bytes(envelope), (Refusal, StatementError))  # type: ignore[arg-type]

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=200))
    def test_no_other_bytes_are_taken(self, authority: Party, maker: Party, junk: bytes) -> None:
        refused(junk, StatementError)


def together(*deeds: Callable[[], Any]) -> list[Any]:
    """Do these at the same time, on a connection each; what each returned or raised."""
    outcomes: list[Any] = [None] * len(deeds)
    barrier = threading.Barrier(len(deeds))

    def run(place: int, deed: Callable[[], Any]) -> None:
        try:
            barrier.wait(20)
            outcomes[place] = deed()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_retries_that_come_at_once_share_one_entry(self, authority: Party, maker: Party) -> None:
        envelope = authority.vouches(maker, maker.key)
        outcomes = together(*[lambda: register(envelope, now=NOW)[1]] * 6)
        assert len(set(outcomes)) == 1
        assert Entry.objects.count() == SigningKey.objects.count() == 1

    def test_one_id_for_two_parties_is_taken_once(self, authority: Party, maker: Party, stranger: Party) -> None:
        name = str(uuid4())
        envelopes = [authority.vouches(party, party.key, statement=name) for party in (maker, stranger)]
        outcomes = together(*[partial(register, envelope, now=NOW) for envelope in envelopes])
        lost = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert [error.code for error in lost] == ["submission_reused"]
        assert Registration.objects.count() == SigningKey.objects.count() == 1

    def test_a_key_revoked_twice_at_once_is_revoked_once(self, enrolled: Party, authority: Party) -> None:
        envelopes = [authority.revokes(enrolled, enrolled.key), enrolled.revokes(enrolled, enrolled.key)]
        outcomes = together(*[partial(register, envelope, now=NOW) for envelope in envelopes])
        assert [error.code for error in outcomes if isinstance(error, Refusal)] == ["key_revoked"]
        assert Registration.objects.filter(kind="key-revocation").count() == 1
