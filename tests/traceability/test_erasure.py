"""What was handed in can be destroyed: nothing of it comes back, the log says so, and all else still holds."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import decompress

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger import log
from ledger.models import Entry
from ledger.tasks import Chores
from ledger.tlog.merkle import leaf_hash, root_of
from ledger.tlog.proof import Proof
from partners.access import Purpose
from partners.gs1.element_string import parse_scan
from tests.ledger.test_tasks import eventually
from tests.signing import sign_over
from tests.traceability.api.conftest import Api
from tests.traceability.story import a_pallet, off_node, retracted
from tests.traceability.test_archive import examined
from tests.traceability.test_proving import bundle, checked, integrate, trusted
from tests.world import CASE_GTIN, EXPIRY, LOT, World, document, unit
from traceability import erasure, statements, tasks
from traceability.audit import audit, begin
from traceability.bundle.build import CannotProve
from traceability.capture import capture
from traceability.dscsa.verification import verify
from traceability.errors import Erased, NotFound, Refusal
from traceability.export import export
from traceability.models import Draft, Event, Item, LegalHold, Retention, Sighting, Submission
from traceability.openings import openings
from traceability.rebuild import rebuild

SECRET = "order-that-nobody-will-find-again"
YEARS = timedelta(days=365 * 6 + 2)


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


def told(world: World, *events: Any, party: str = "maker") -> UUID:
    """One submission that says something worth erasing."""
    members = [
        event | {"bizTransactionList": [{"type": "po", "bizTransaction": f"urn:x:{SECRET}"}]} for event in events
    ]
    return getattr(world, party).tells(*members).submission.submission


def commissioned(world: World, serial: str = "A1") -> tuple[str, UUID]:
    return unit(serial), told(world, world.maker.commissioning(unit(serial)))


def erased(world: World, submission: UUID, **options: Any) -> statements.Statement:
    row = erasure.erase(submission, reason="asked to", now=world.now, **options)
    return statements.open_statement(bytes(row.envelope)).payload


# ---- erasing one submission -----------------------------------------------------------------------------------------


def test_nothing_of_it_comes_back_and_the_log_says_so(world: World) -> None:
    _, submission = commissioned(world)
    row = Submission.objects.get(submission=submission)
    secret, document_, canonical = bytes(row.fields_secret), bytes(row.document), bytes(row.events.get().canonical)
    assert SECRET in decompress(document_).decode()
    said = erased(world, submission)
    assert isinstance(said, statements.Erasure)
    assert (said.entry, said.about, said.what) == (row.entry.entry.hex(), world.maker.gln, ("document", "fields"))
    erasure.forget()
    row.refresh_from_db()
    assert row.erased is not None
    assert row.erased.kind == "erasure"
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        kept = b"".join(path.read_bytes() for path in Path(name).parent.glob(f"{Path(name).name}*"))
        for gone in (secret, document_, canonical, SECRET.encode()):
            assert gone not in kept
    assert not Draft.objects.filter(submission=submission).exists()


def test_what_was_refused_first_and_taken_later_goes_with_it(world: World) -> None:
    """A refused submission is kept whole, as a sighting; once it is taken, that copy of it is erased, too."""
    pack = world.maker.commissions(serial="A1")
    received = document(world.distributor.shipping(pack, world.pharmacy))
    early = sign_over(world.distributor, received, {}, offline=True)
    with pytest.raises(Refusal):
        capture(early.received, early.opening, early.statement, now=world.now)
    assert decompress(Sighting.objects.get().document or b"") == received
    world.maker.ships(pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    taken = capture(early.received, early.opening, early.statement, now=world.now).submission
    integrate(world)
    erased(world, taken.submission)
    kept = Sighting.objects.get()
    assert (kept.document, kept.opening, kept.statement) == (None, None, None)
    assert audit(begin(full=True, now=world.now), now=lambda: world.now).findings == []


def test_the_log_its_receipts_and_every_other_proof_still_hold(world: World) -> None:
    _, submission = commissioned(world)
    other, _ = commissioned(world, "B1")
    integrate(world)
    entry = Entry.objects.get(submission__submission=submission)
    receipt = log.receipt(bytes(entry.entry))
    erased(world, submission)
    integrate(world)
    assert log.receipt(bytes(entry.entry)) == receipt
    Proof.parse(receipt).check(bytes(entry.entry), trusted(world).tlog)
    checked(world, other, world.maker)


def test_a_pack_is_verified_as_before_and_what_rests_on_it_is_said_to_be_erased(world: World) -> None:
    pack, submission = commissioned(world)
    world.maker.ships(pack, to=world.pharmacy)
    integrate(world)
    scan = parse_scan(f"(01)00614141123452(21)A1(17){EXPIRY[2:].replace('-', '')}(10){LOT}")
    before = verify(scan, world.pharmacy.partner, Purpose.VERIFICATION, now=world.now)
    erased(world, submission)
    integrate(world)
    after = verify(scan, world.pharmacy.partner, Purpose.VERIFICATION, now=world.now)
    assert (after.verdict, after.reason, after.hops) == (before.verdict, before.reason, before.hops)
    with pytest.raises(Erased), erasure.explained(pack):
        bundle(world, pack, world.pharmacy)
    assert list(openings(pack, world.maker.partner, purpose=Purpose.CUSTODY, now=world.now))


def test_over_http_it_is_410_for_whoever_may_know_and_404_for_others(world: World) -> None:
    pack, submission = commissioned(world)
    integrate(world)
    erased(world, submission)
    integrate(world)
    answers = {who: Api(getattr(world, who)).get("/api/v1/items/bundle", epc=pack) for who in ("maker", "stranger")}
    assert [(each.status_code, each.json()["code"]) for each in answers.values()] == [
        (410, "erased"),
        (404, "not_found"),
    ]


def test_i8_custody_is_replayed_from_what_is_left(world: World) -> None:
    """Packed, opened without a record, put right, told by others: whatever is erased of it, it comes out equal."""
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    world.distributor.unpacks(boxes, out_of=load)
    world.distributor.ships(boxes[0], to=world.pharmacy)
    world.pharmacy.dispenses(packs[0])
    box, others = world.maker.commissions(serial="C9", gtin=CASE_GTIN), world.maker.commissions(serial=["B1", "B2"])
    event = world.maker.packing(others, box)
    world.maker.tells(event)
    world.maker.tells(retracted(event))
    nameless = {name: value for name, value in world.maker.packing(others, box).items() if name != "eventID"}
    world.maker.tells(nameless)
    world.maker.tells(retracted(nameless))
    world.distributor.unpacks([], out_of=boxes[1])
    maker = off_node(world)
    shipped = maker.shipping([unit("R1")], world.pharmacy)
    world.pharmacy.tells(maker.commissioning([unit("R1")]), shipped)
    world.distributor.tells(shipped)
    assert rebuild() == []
    for row in Submission.objects.order_by("pk"):
        erased(world, row.submission, submitter=row.submitter)
        assert rebuild() == []
    for row in Submission.objects.order_by("pk"):
        erasure.destroy(row, [statements.Erased.ITEMS])
        erasure._mark([], [row.pk], row.erased)  # type: ignore[arg-type]
    assert rebuild() == []
    assert rebuild(keep=True) == []


def test_goods_go_on_after_what_was_said_of_them_is_erased(world: World) -> None:
    pack, submission = commissioned(world)
    erased(world, submission)
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    world.pharmacy.dispenses(pack)
    assert rebuild() == []


def test_erased_once_is_erased(world: World) -> None:
    _, submission = commissioned(world)
    erased(world, submission)
    for again in (submission, UUID(int=1)):
        with pytest.raises(Refusal) as refused:
            erased(world, again)
        assert refused.value.code in ("already_erased", "not_found")


def test_nothing_is_erased_over_a_record_that_is_not_what_was_signed(world: World) -> None:
    _, submission = commissioned(world)
    Submission.objects.filter(submission=submission).update(fields_secret=bytes(32))
    with pytest.raises(CannotProve):
        erased(world, submission)
    assert Submission.objects.get(submission=submission).erased is None


def test_outsiders_cannot_say_that_something_is_erased(world: World) -> None:
    _, submission = commissioned(world)
    entry = Submission.objects.get(submission=submission).entry
    said = statements.Erasure(
        about=world.maker.gln,
        entry=bytes(entry.entry).hex(),
        what=(statements.Erased.DOCUMENT, statements.Erased.FIELDS),
        reason="mischief",
        **world._from(world.authority),
    )
    with pytest.raises(Refusal):
        world.registers(said, world.authority.key)


# ---- retention ------------------------------------------------------------------------------------------------------


def test_retention_leaves_one_certificate_over_all_that_it_took(world: World) -> None:
    kept, gone = [], []
    for serial in ("A1", "A2"):
        pack, submission = commissioned(world, serial)
        gone.append(submission)
        if serial == "A1":
            gone.append(told(world, world.maker.dispensing(pack)))
    integrate(world)
    world.passes(days=YEARS.days)
    kept.append(commissioned(world, "A3")[1])
    said = erasure.retain(now=world.now)
    assert said is not None
    certificate = statements.open_statement(bytes(said.envelope)).payload
    assert isinstance(certificate, statements.DeletionCertificate)
    rows = list(Submission.objects.filter(submission__in=gone).select_related("entry").order_by("entry__index"))
    tree = root_of([leaf_hash(bytes(row.entry.entry)) for row in rows])
    assert certificate.documents == (3, tree)
    assert certificate.items is not None
    assert certificate.items[0] == 2  # A2 is still alive
    assert (certificate.first, certificate.last) == (rows[0].entry.index, rows[-1].entry.index)
    assert {row.erased_id for row in rows} == {said.pk}
    assert Submission.objects.get(submission=kept[0]).erased is None
    assert Event.objects.exclude(lot=None).count() == 2
    assert rebuild() == []
    assert erasure.retain(now=world.now) is None


def test_the_command_goes_on_until_nothing_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    due = [commissioned(world, serial)[1] for serial in ("A1", "A2", "A3")]
    integrate(world)
    world.passes(days=YEARS.days)
    monkeypatch.setattr("django.utils.timezone.now", lambda: world.now)
    call_command("retain", most=1, stdout=(out := StringIO()))
    assert out.getvalue().count("by the certificate") == 3
    assert not Submission.objects.filter(submission__in=due, erased=None).exists()


@pytest.fixture
def at_the_worlds_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: world.now)


def kept(*submissions: UUID) -> list[bool]:
    """Whether there is more left of each than custody needs."""
    return [Submission.objects.get(submission=each).erased is None for each in submissions]


def test_what_is_due_goes_without_an_operator(world: World, at_the_worlds_time: None, settings: Any) -> None:
    """By the chores of a process that has no broker; a worker runs the same task."""
    (schedule,) = (each for each in settings.CELERY_BEAT_SCHEDULE.values() if each["task"].endswith(".retain"))
    settings.CELERY_BEAT_SCHEDULE = {"retain": schedule | {"schedule": 0.02}}
    due, held = commissioned(world)[1], told(world, off_node(world).commissioning([unit("R1")]), party="pharmacy")
    call_command("legal-hold", world.pharmacy.gln, "--set", "--reason", "a court wants it", stdout=StringIO())
    integrate(world)
    world.passes(days=YEARS.days)
    chores = Chores()
    chores.start()
    try:
        eventually(Retention.objects.exists)
        world.passes(days=1)
        eventually(lambda: kept(due) == [False])
    finally:
        chores.stop()
    assert kept(due, held) == [False, True]


@pytest.mark.parametrize("of", ["party", "submission"])
def test_what_is_scheduled_spares_what_is_under_a_legal_hold(world: World, at_the_worlds_time: None, of: str) -> None:
    (_, due), held = commissioned(world), told(world, off_node(world).commissioning([unit("R1")]), party="pharmacy")
    integrate(world)
    world.passes(days=YEARS.days)
    name = world.pharmacy.gln if of == "party" else str(held)
    call_command("legal-hold", name, "--set", "--reason", "a court wants it", stdout=StringIO())
    for _ in range(3):
        tasks.retain()
        world.passes(days=1)
    assert kept(due, held) == [False, True]
    assert SECRET in decompress(Submission.objects.get(submission=held).document).decode()
    call_command("legal-hold", name, "--lift", "--reason", "it has it", stdout=StringIO())
    tasks.retain()
    assert kept(due, held) == [False, False]


def test_it_is_looked_once_a_day_however_many_ring(world: World, at_the_worlds_time: None) -> None:
    tasks.retain()
    world.passes(days=1)
    for _ in range(3):
        tasks.retain()
        world.passes(hours=1)
    assert Retention.objects.count() == 2


@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_a_clock_that_has_jumped_erases_nothing(
    world: World, at_the_worlds_time: None, jump: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    _, submission = commissioned(world)
    integrate(world)
    world.passes(days=YEARS.days if jump < timedelta() else 0)  # then it is due, by the right clock
    tasks.retain()
    world.passes(days=jump.days)
    tasks.retain()
    world.passes(hours=1)
    tasks.retain()
    world.passes(days=-jump.days)  # somebody puts it right
    tasks.retain()
    assert kept(submission) == [True]
    assert "retention erases nothing before its next look" in caplog.text


def test_what_is_not_what_was_signed_stops_it_with_an_alarm(
    world: World, at_the_worlds_time: None, caplog: pytest.LogCaptureFixture
) -> None:
    _, submission = commissioned(world)
    integrate(world)
    Submission.objects.filter(submission=submission).update(fields_secret=bytes(32))
    world.passes(days=YEARS.days)
    tasks.retain()
    world.passes(days=1)
    tasks.retain()
    assert kept(submission) == [True]
    assert [each.message.partition(":")[0] for each in caplog.records if each.levelname == "CRITICAL"] == [
        "retention stops, cannot_prove"
    ]


def test_the_items_go_when_their_lives_have_ended(world: World) -> None:
    pack, _ = commissioned(world)
    integrate(world)
    world.passes(days=YEARS.days)
    assert erasure.retain(now=world.now) is not None
    row = Submission.objects.get()
    assert row.items_erased is None
    assert bytes(row.items_secret) != erasure.GONE
    world.maker.dispenses(pack)
    said = erasure.retain(now=world.now)
    assert said is not None
    certificate = statements.open_statement(bytes(said.envelope)).payload
    assert isinstance(certificate, statements.DeletionCertificate)
    assert (certificate.documents, certificate.items and certificate.items[0]) == (None, 1)
    assert bytes(Submission.objects.earliest("pk").items_secret) == erasure.GONE
    with pytest.raises(Erased):
        erasure.demand_items_kept(pack)


def test_a_container_that_is_still_somewhere_keeps_what_is_in_it(world: World) -> None:
    load, _, packs = a_pallet(world)
    integrate(world)
    world.passes(days=YEARS.days)
    assert erasure.retain(now=world.now) is not None
    assert not Submission.objects.exclude(items_erased=None).exists()
    world.maker.decommissions(load)
    assert (
        Item.objects.get(epc=packs[0]).status == "held"
    )  # by its own row, which nobody asks while it is in a container
    assert erasure.retain(now=world.now) is not None
    assert Submission.objects.filter(items_erased=None).count() == 1  # that of today
    assert rebuild() == []


def test_what_is_not_due_is_not_deleted(world: World) -> None:
    pack, submission = commissioned(world)
    integrate(world)
    for passed in (0, YEARS.days):
        world.passes(days=passed)
        with pytest.raises(Refusal) as refused:  # first its time is not over, then its item still lives
            erased(world, submission, items=True)
        assert refused.value.code == "not_due"
    assert Submission.objects.get().erased is None
    world.maker.dispenses(pack)
    said = erased(world, submission, items=True)
    assert isinstance(said, statements.Erasure)
    assert said.what == ("document", "fields", "items")
    assert erasure.retain(now=world.now) is None


@pytest.mark.parametrize("of", ["party", "submission"])
def test_under_a_legal_hold_nothing_is_erased(world: World, of: str) -> None:
    _, submission = commissioned(world)
    integrate(world)
    world.passes(days=YEARS.days)
    name = world.maker.gln if of == "party" else str(submission)
    call_command("legal-hold", name, "--set", "--reason", "a court wants it", stdout=StringIO())
    with pytest.raises(Refusal) as refused:
        erased(world, submission)
    assert refused.value.code == "legal_hold"
    assert erasure.retain(now=world.now) is None
    with pytest.raises(CommandError):
        call_command("legal-hold", name, "--set", "--reason", "again", stdout=StringIO())
    call_command("legal-hold", name, "--lift", "--reason", "it has it", stdout=StringIO())
    assert erasure.retain(now=world.now) is not None
    hold = LegalHold.objects.get()
    said = [statements.open_statement(bytes(row.envelope)).payload for row in (hold.set_by, hold.lifted_by) if row]
    assert [getattr(each, "hold", None) for each in said] == ["set", "lift"]
    with pytest.raises(NotFound):
        erasure.subject("nobody")


def test_the_commands_say_what_they_did(world: World) -> None:
    _, submission = commissioned(world)
    said = StringIO()
    call_command("erase", str(submission), "--reason", "asked to", stdout=said)
    call_command("retain", stdout=said)
    assert "erased, by the statement" in said.getvalue()
    assert "nothing is past retention" in said.getvalue()
    with pytest.raises(CommandError, match="already_erased"):
        call_command("erase", str(submission), "--reason", "again", stdout=said)


# ---- what goes out --------------------------------------------------------------------------------------------------


def test_an_archive_shows_what_is_left_and_by_which_statement_the_rest_was_erased(world: World, tmp_path: Path) -> None:
    _, submission = commissioned(world)
    others = [commissioned(world, serial)[0] for serial in ("B1", "B2", "B3")]
    world.maker.dispenses(others[0])
    integrate(world)
    erased(world, submission)
    integrate(world)
    out = tmp_path / "maker.zip"
    export(world.maker.gln, out, now=world.now)
    report = examined(out, trusted(world))
    assert (report.counted["erased"], report.counted["submissions"]) == (1, 4)
    world.passes(days=YEARS.days)
    assert erasure.retain(now=world.now) is not None
    integrate(world)
    export(world.maker.gln, out, now=world.now)
    assert examined(out, trusted(world)).counted["erased"] == 5


def test_a_document_that_was_erased_is_handed_in_again_as_what_it_is(world: World) -> None:
    """The same submission gets its promise; told anew, it is a serial number that was used."""
    event = world.maker.commissioning(unit("A1"))
    done = world.maker.tells(event)
    erased(world, done.submission.submission)
    with pytest.raises(Refusal):
        world.maker.submits(document(event))
