"""What is said of a pack, and to whom."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import log, tasks
from ledger.errors import LogFrozen
from partners import access
from partners.access import Purpose
from partners.models import AccessRecord, Role
from tests.traceability.story import a_pallet, insisting
from tests.world import CASE_GTIN, EXPIRY, GTIN, LOT, Party, World, document, gln, pallet, unit
from traceability.bundle.check import check
from traceability.client import drawn_alone
from traceability.dscsa.verification import CHECKS, REASONS, Answer, Outcome, Verdict, verify
from traceability.errors import Conflict
from traceability.history import Implied
from traceability.proving import bundle_for
from traceability.statements import KeyRevocation
from traceability.trust import own_policy


def scan(serial: str, *, gtin: str = GTIN, lot: str | None = LOT, expiry: str | None = "281231") -> str:
    """A pack's code as people write it."""
    assert date.fromisoformat(EXPIRY) == date(2028, 12, 31)
    return f"(01){gtin}(21){serial}" + (f"(10){lot}" if lot is not None else "") + (f"(17){expiry}" if expiry else "")


def ask(world: World, code: str, by: Party | None = None, purpose: Purpose = Purpose.VERIFICATION) -> Answer:
    return verify(code, by.partner if by else None, purpose, now=world.now)


LOOK = Purpose.TRACING  # at the record: the pack itself is elsewhere, and nobody takes it for a copy


@pytest.fixture
def pack(world: World) -> str:
    """Commissioned, shipped, received; and all of it in the log."""
    epc = str(world.maker.commissions(serial="A1"))
    world.maker.ships(epc, to=world.pharmacy)
    world.pharmacy.receives(epc, sender=world.maker)
    tasks.sweep()
    return epc


def revoked(world: World, party: Party, compromised: datetime | None = None) -> None:
    """Its key speaks for nobody from here on; since `compromised` others may have had it."""
    kid = party.key.public.kid
    said = KeyRevocation(about=party.gln, kid=kid, compromised=compromised, **world._from(world.authority))
    world.registers(said, world.authority.key)
    tasks.sweep()


def off_node(world: World) -> Party:
    return Party(world, gln(900), "Elsewhere", Role.MANUFACTURER)


# ---- verdicts -------------------------------------------------------------------------------------------------------


def test_a_good_pack_is_genuine_to_anybody_who_has_its_code(world: World, pack: str) -> None:
    answer = ask(world, scan("A1"))
    assert (answer.verdict, answer.reason) == (Verdict.VERIFIED, "genuine_by_record")
    assert answer.product is not None
    assert (answer.product.lot, answer.product.expiry) == (LOT, date(2028, 12, 31))
    assert (answer.hops, answer.checks, answer.epc) == ((), (), None)


def test_its_holder_sees_every_check_hold_and_the_whole_chain(world: World, pack: str) -> None:
    answer = ask(world, scan("A1"), by=world.pharmacy)
    assert answer.reason == "genuine"
    assert {check.outcome for check in answer.checks} == {Outcome.HOLDS}
    assert [str(hop.step) for hop in answer.hops] == ["commission", "ship", "receive"]
    assert answer.custody is not None
    assert answer.custody.possessor == world.pharmacy.gln


def dispensed(world: World, pack: str) -> None:
    world.pharmacy.dispenses(pack)


def decommissioned(world: World, pack: str) -> None:
    world.pharmacy.decommissions(pack)


def claimed_by_another(world: World, pack: str) -> None:
    """As a device does that had no connection, and a clone in its hands."""
    thief = world.stranger
    received = document(thief.dispensing(pack))
    opening, said = drawn_alone(received, thief.gln, "localhost/log")
    said = replace(said, time=world.now)
    with pytest.raises(Conflict):
        thief.hands_in(received, bytes(opening), said)


def expired(world: World, pack: str) -> None:
    world.passes(days=3 * 366)


@pytest.mark.parametrize(
    ("happens", "verdict", "reason"),
    [
        (dispensed, Verdict.REFUSED, "already_dispensed"),
        (decommissioned, Verdict.REFUSED, "decommissioned"),
        (expired, Verdict.REFUSED, "expired"),
        (claimed_by_another, Verdict.CAUTION, "seen_elsewhere"),
    ],
)
def test_the_verdict_follows_what_happened(
    world: World, pack: str, happens: Callable[[World, str], None], verdict: Verdict, reason: str
) -> None:
    happens(world, pack)
    for by in (None, world.pharmacy, world.regulator):
        answer = ask(world, scan("A1"), by=by)
        assert (answer.verdict, answer.reason) == (verdict, reason)


def test_what_is_promised_to_the_log_is_said_to_who_has_the_pack(world: World, pack: str) -> None:
    world.pharmacy.observes(pack)
    answer = ask(world, scan("A1"), by=world.pharmacy)
    assert (answer.verdict, answer.reason) == (Verdict.VERIFIED, "pending_in_log")
    for by in (None, world.regulator):
        assert ask(world, scan("A1"), by=by).reason == "genuine_by_record"


@pytest.mark.parametrize("by", [None, "pharmacy"])
def test_it_expires_when_its_last_day_is_over_in_all_of_the_country(world: World, pack: str, by: str | None) -> None:
    asker = getattr(world, by) if by else None
    world.now = datetime(2029, 1, 1, 1, tzinfo=UTC)  # the evening of the 31st in New York
    assert ask(world, scan("A1"), by=asker).verdict is Verdict.VERIFIED
    world.now = datetime(2029, 1, 1, 9, 59, tzinfo=UTC)  # a minute to midnight in Honolulu
    assert ask(world, scan("A1"), by=asker).verdict is Verdict.VERIFIED
    world.passes(minutes=2)
    assert ask(world, scan("A1"), by=asker).reason == "expired"


def test_where_its_last_day_ends_is_for_the_operator_to_say(world: World, pack: str, settings: Any) -> None:
    world.now = datetime(2029, 1, 1, 1, tzinfo=UTC)
    settings.EXPIRY_TIME_ZONE = ZoneInfo("Europe/Berlin")
    assert ask(world, scan("A1")).reason == "expired"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (scan("A1", lot="L43"), "lot_mismatch"),
        (scan("A1", expiry="281230"), "expiry_mismatch"),
        (scan("A1", lot="L43", expiry="250101"), "lot_mismatch"),
    ],
)
def test_a_pack_whose_print_differs_is_refused_to_those_who_hold_it(
    world: World, pack: str, code: str, reason: str
) -> None:
    answer = ask(world, code, by=world.pharmacy)
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, reason)
    assert answer.product is not None
    assert (answer.product.lot, answer.product.expiry) == (LOT, date(2028, 12, 31))


def test_day_00_is_the_last_of_the_month(world: World, pack: str) -> None:
    assert ask(world, scan("A1", expiry="281200")).reason == "genuine_by_record"


@pytest.mark.parametrize("code", [scan("A1", lot=None, expiry=None), "https://id.gs1.org/01/00614141123452/21/A1"])
def test_its_holder_needs_no_lot_and_expiry(world: World, pack: str, code: str) -> None:
    answer = ask(world, code, by=world.pharmacy)
    assert answer.reason == "genuine"
    assert answer.checks[1].outcome is Outcome.NOT_COMPARED


def test_a_pack_on_its_way_is_fine_to_its_consignee_and_not_to_others(world: World) -> None:
    epc = world.maker.commissions(serial="A1")
    world.maker.ships(epc, to=world.pharmacy)
    tasks.sweep()
    assert ask(world, scan("A1"), by=world.pharmacy, purpose=LOOK).reason == "genuine"
    assert ask(world, scan("A1"), by=world.other_pharmacy, purpose=LOOK).reason == "in_transit_to_other"
    world.pharmacy.receives(epc, sender=world.maker)
    assert ask(world, scan("A1"), by=world.other_pharmacy, purpose=LOOK).reason == "held_by_other"
    assert ask(world, scan("A1"), by=world.regulator, purpose=LOOK).verdict is Verdict.VERIFIED


def test_who_let_go_of_a_pack_and_is_shown_one_again_is_told_that_it_is_elsewhere(world: World, pack: str) -> None:
    """A copy in the hands of its maker, or of a pharmacy that sent it on, is no better than one anywhere else."""
    world.pharmacy.ships(pack, to=world.other_pharmacy)
    tasks.sweep()
    for sender in (world.maker, world.pharmacy):
        answer = ask(world, scan("A1"), by=sender, purpose=LOOK)
        assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "in_transit_to_other")
    world.other_pharmacy.receives(pack, sender=world.pharmacy)
    tasks.sweep()
    for former in (world.maker, world.pharmacy):
        answer = ask(world, scan("A1"), by=former, purpose=LOOK)
        assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "held_by_other")
        assert {check.name for check in answer.checks if check.outcome is Outcome.FAILS} == {"free"}
    assert ask(world, scan("A1"), by=world.other_pharmacy, purpose=LOOK).reason == "genuine"


def test_that_it_is_here_and_free_to_be_dispensed_is_said_to_nobody_but_who_has_it(world: World, pack: str) -> None:
    """Who has a copy asks as anybody, and a regulator is not a shelf."""
    for by in (None, world.regulator, world.maker, world.stranger):
        sentence = ask(world, scan("A1"), by=by, purpose=LOOK).sentence
        assert "to here" not in sentence
        assert "free to be dispensed" not in sentence
    assert "free to be dispensed" in ask(world, scan("A1"), by=world.pharmacy, purpose=LOOK).sentence


@pytest.mark.parametrize("opened", [False, True], ids=["inside", "taken out since"])
@pytest.mark.parametrize("level", [0, 1, 2], ids=["the pack", "its case", "its pallet"])
def test_a_claim_to_what_a_pack_is_in_is_a_claim_to_the_pack(world: World, level: int, opened: bool) -> None:
    """Whoever copies a pallet's label claims all that is on it; which packs are copies is found out later."""
    load, boxes, packs = a_pallet(world)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.receives(load, sender=world.maker)
    with pytest.raises(Conflict):
        insisting(world.stranger, world.stranger.receiving((packs[0], boxes[0], load)[level], sender=world.maker))
    if opened:
        world.pharmacy.unpacks(boxes, out_of=load)
        world.pharmacy.unpacks(packs[:2], out_of=boxes[0])
    tasks.sweep()
    for by in (None, world.pharmacy):
        assert ask(world, scan("U10"), by=by).reason == "seen_elsewhere"
    beside = "seen_elsewhere" if level == 2 else "genuine"  # in the other case, on the same pallet
    assert ask(world, scan("U12"), by=world.pharmacy).reason == beside


def test_a_claim_to_a_container_is_none_to_what_had_left_it(world: World) -> None:
    load, boxes, _ = a_pallet(world)
    world.maker.unpacks(boxes[0], out_of=load)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.receives(load, sender=world.maker)
    with pytest.raises(Conflict):
        insisting(world.stranger, world.stranger.receiving(load, sender=world.maker))
    tasks.sweep()
    assert ask(world, scan("U10"), by=world.maker).reason == "genuine"
    assert ask(world, scan("U12"), by=world.pharmacy).reason == "seen_elsewhere"


# ---- told by others -------------------------------------------------------------------------------------------------


def test_what_only_the_receiver_tells_is_attested_not_signed(world: World) -> None:
    maker = off_node(world)
    told = [maker.commissioning(unit("R1")), maker.shipping(unit("R1"), world.pharmacy)]
    world.pharmacy.tells(*told)
    tasks.sweep()
    answer = ask(world, scan("R1"), by=world.pharmacy)
    assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "commissioned_by_other")
    assert {check.number for check in answer.checks if check.outcome is Outcome.FAILS} == {1, 3}
    assert ask(world, scan("R1")).reason == "commissioned_by_other"


def test_the_licensee_told_by_another_has_not_signed(world: World) -> None:
    world.pharmacy.tells(event := world.maker.commissioning(unit("R1")))
    assert ask(world, scan("R1"), by=world.maker).reason == "not_signed_by_licensee"
    world.maker.tells(event)
    tasks.sweep()
    assert ask(world, scan("R1"), by=world.maker).reason == "genuine"


def test_a_step_attested_by_the_receiver_shows(world: World) -> None:
    """The sender is no partner of this node; the maker is, and signed."""
    sender = off_node(world)
    epc = world.maker.commissions(serial="A1")
    world.maker.ships(epc, to=sender)
    world.pharmacy.tells(sender.shipping(epc, world.pharmacy))
    tasks.sweep()
    answer = ask(world, scan("A1"), by=world.pharmacy)
    assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "not_signed_by_sender")
    assert [hop.signed for hop in answer.hops] == [True, True, False]
    assert answer.hops[-1].implied == (Implied.RECEIVED,)


def test_a_pack_first_told_of_by_a_shipment_has_no_making(world: World) -> None:
    maker = off_node(world)
    world.pharmacy.tells(maker.shipping(unit("R1"), world.pharmacy))
    assert ask(world, scan("R1"), by=world.pharmacy).reason == "no_commissioning"
    assert ask(world, scan("R1")).reason == "unknown_unit"


def test_steps_signed_without_links_show(world: World, pack: str) -> None:
    from traceability.models import Submission

    Submission.objects.filter(submitter=world.pharmacy.gln).update(offline=True)
    assert ask(world, scan("A1"), by=world.pharmacy).reason == "not_linked"


@pytest.mark.parametrize("when", ["before the step", "long after it"])
def test_a_step_signed_with_a_key_that_others_had_is_as_doubtful_here_as_in_its_bundle(
    world: World, pack: str, when: str
) -> None:
    since = world.now + timedelta(days=-1 if when == "before the step" else 1)
    world.passes(days=2)
    revoked(world, world.maker, compromised=since)
    for by in (None, world.pharmacy, world.regulator):
        answer = ask(world, scan("A1"), by=by)
        assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "key_compromised")
    failed = {check.name for check in ask(world, scan("A1"), by=world.pharmacy).checks if check.outcome != "holds"}
    assert failed == {"handoffs_signed"}
    data = bundle_for(pack, world.pharmacy.partner, purpose=Purpose.CUSTODY, now=world.now)
    report = check(data, own_policy())
    assert (str(report.verdict), "key_compromised" in {note.code for note in report.notes}) == ("caution", True)


def test_a_key_that_was_laid_aside_in_good_order_has_signed_what_it_signed(world: World, pack: str) -> None:
    revoked(world, world.maker)
    assert ask(world, scan("A1"), by=world.pharmacy).reason == "genuine"


# ---- I7: who is told what -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        scan("A1", lot="L43"),
        scan("A1", expiry="281230"),
        scan("A1", lot=None),
        scan("A1", expiry=None),
        scan("A1", lot=None, expiry=None),
        scan("A1", gtin="10614141123459"),
    ],
)
@pytest.mark.parametrize("who", [None, "stranger"])
def test_i7_an_unknown_pack_and_a_forbidden_one_look_the_same(
    world: World, pack: str, code: str, who: str | None
) -> None:
    by = getattr(world, who).partner if who else None

    def asked(text: str) -> tuple[Answer, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = verify(text, by, now=world.now)
        return answer, len(queries)

    assert asked(code) == asked(code.replace("(21)A1", "(21)Z9"))


def test_i7_a_stranger_with_the_whole_code_gets_the_verdict_alone(world: World, pack: str) -> None:
    answer = ask(world, scan("A1"), by=world.stranger)
    assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "held_by_other")
    assert (answer.hops, answer.checks, answer.epc, answer.custody) == ((), (), None, None)


def test_i7_a_former_holder_sees_no_further_than_its_own_last_hop(world: World, pack: str) -> None:
    answer = ask(world, scan("A1"), by=world.maker)
    assert [str(hop.step) for hop in answer.hops] == ["commission", "ship"]
    assert answer.custody is None
    assert answer.reason == "held_by_other"


def test_i7_every_answer_to_a_token_is_recorded(world: World, pack: str) -> None:
    world.opens_case()
    for by in (world.pharmacy, world.stranger, world.regulator):
        verify(scan("A1"), by.partner, Purpose.SUSPECT_PRODUCT, now=world.now)
    assert list(AccessRecord.objects.order_by("pk").values_list("reader", "subject", "what", "purpose")) == [
        (world.pharmacy.gln, pack, "chain", "suspect_product"),
        (world.stranger.gln, pack, "verdict", "suspect_product"),
        (world.regulator.gln, pack, "chain", "case 24-117"),
    ]
    AccessRecord.objects.all().delete()
    ask(world, scan("A1"))
    assert not AccessRecord.objects.exists()


def test_i7_what_cannot_be_recorded_is_not_told(world: World, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_RECORD", "INSERT INTO no_such_table VALUES (%s, %s, %s, %s, %s, %s, %s)")
    with pytest.raises(DatabaseError, match="no_such_table"), transaction.atomic():
        ask(world, scan("A1"), by=world.pharmacy)
    assert ask(world, scan("A1")).reason == "genuine_by_record"


# ---- codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "scan_unreadable"),
        ("hello", "scan_unreadable"),
        ("(01)00614141123453(21)A1", "scan_unreadable"),  # check digit
        (scan("A1", expiry="281350"), "scan_unreadable"),  # month 13
        ("00614141123452", "no_serial"),
        ("(01)00614141123452(10)L42(17)281231", "no_serial"),
        ("(414)0614141007776", "no_serial"),
        (pallet(1), "is_container"),
        ("https://id.gs1.org/01/00614141123452/21/A1", "four_elements_needed"),
        (scan("A1", lot=None), "four_elements_needed"),
    ],
)
def test_a_code_that_says_too_little_is_asked_for_again(world: World, code: str, reason: str) -> None:
    answer = ask(world, code)
    assert (answer.verdict, answer.reason) == (Verdict.UNKNOWN, reason)
    assert answer.sentence.startswith(REASONS[reason].sentence)


def test_whoever_holds_a_container_may_ask_about_it(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    world.maker.packs(packs, into=pallet(1))
    tasks.sweep()
    answer = ask(world, pallet(1), by=world.maker)
    assert (answer.reason, answer.product) == ("genuine", None)
    assert [str(hop.step) for hop in answer.hops] == ["pack"]
    assert ask(world, pallet(1), by=world.stranger).reason == "is_container"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.text("()0123456789\x1d]d2{}GSA-|^~", max_size=60), st.binary().map(str)))
def test_any_text_at_all_has_an_answer(world: World, code: str) -> None:
    for by in (None, world.pharmacy.partner):
        assert verify(code, by, now=world.now).reason in REASONS


# ---- I6 and speed ---------------------------------------------------------------------------------------------------


def test_i6_every_check_says_what_it_can_be_checked_by() -> None:
    assert [(check.number, str(check.proof)) for check in CHECKS] == [
        *((number, "bundle") for number in (1, 2, 3, 4, 5)),
        *((number, "node") for number in (6, 7, 8, 9)),
    ]  # fmt: skip


def test_a_node_whose_record_is_in_doubt_calls_nothing_genuine(world: World, pack: str) -> None:
    log.freeze("the log is behind its witnesses: it has 3 entries, witness.example has seen 7")
    for by in (None, world.pharmacy):
        answer = ask(world, scan("A1"), by=by)
        assert (answer.verdict, answer.reason) == (Verdict.CAUTION, "record_in_doubt")
    with pytest.raises(LogFrozen):
        bundle_for(pack, world.maker.partner, purpose=Purpose.CUSTODY, now=world.now)


def test_two_queries_for_anybody_and_three_for_a_reader(world: World, django_assert_num_queries: Any) -> None:
    """However many EPCs its events name, and however far it went; one of them asks whether the log is witnessed."""
    packs = world.maker.commissions(serial=[f"S{number}" for number in range(200)])
    box = world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    world.maker.packs(packs, into=box)
    world.maker.ships(box, to=world.pharmacy)
    reader = world.pharmacy.partner
    with django_assert_num_queries(2):
        verify(scan("S7"), None, now=world.now)
    with django_assert_num_queries(3):  # one of them records that it was told
        verify(scan("S7"), reader, now=world.now)


def test_its_name_is_that_of_the_document_that_told_of_its_making(world: World) -> None:
    from traceability.dscsa.verification import product_name

    header = b'{"product:00614141123452":{"functionalName":"tablet","regulatedProductName":"Examplin 5 mg"}}'
    assert product_name(header, GTIN) == "Examplin 5 mg"
    assert product_name(header, CASE_GTIN) is None
    assert product_name(None, GTIN) is None


# ---- faults of scanners ---------------------------------------------------------------------------------------------

SENT = f"01{GTIN}17281231" + f"10{LOT}"  # what a scanner types before a separator, a serial number behind it


@pytest.mark.parametrize(
    ("came", "code"),
    [
        (SENT + "21A1", "separator_lost"),
        (SENT + "#21A1", "separator_substituted"),
        (("]d2" + SENT + "\x1d21A1").swapcase(), "case_swapped"),
        (2 * ("]d2" + SENT + "\x1d21A1"), "scanned_twice"),
        ("d2" + SENT + "\x1d21A1", "symbology_prefix"),
    ],
)
def test_what_happened_on_the_way_is_undone_and_the_answer_says_so(
    world: World, pack: str, came: str, code: str
) -> None:
    answer = ask(world, came, by=world.pharmacy)
    assert (answer.reason, answer.fault and answer.fault.codes) == ("genuine", (code,))
    assert answer.fault is not None
    assert answer.fault.taken
    (record,) = AccessRecord.objects.all()
    assert (record.subject, record.what) == (pack, "chain")


def test_a_lost_separator_is_put_back_by_what_is_known_and_never_by_guess(world: World, pack: str) -> None:
    answer = ask(world, SENT + "21Z9", by=world.pharmacy)
    assert (answer.verdict, answer.fault and answer.fault.codes) == (Verdict.UNKNOWN, ("separator_lost",))
    assert answer.fault is not None
    assert answer.fault.reading is None


def test_a_slip_is_asked_about_and_never_corrected(world: World, pack: str) -> None:
    for typed, code in ((scan("AI"), "lookalike_typed"), (scan("A1", lot="4L2"), "characters_transposed")):
        answer = ask(world, typed, by=world.stranger)
        assert answer.verdict is Verdict.UNKNOWN
        assert answer.fault is not None
        assert (answer.fault.codes, answer.fault.taken) == ((code,), False)
        assert str(answer.fault.reading) == scan("A1")
        assert AccessRecord.objects.latest("pk").subject == pack


def test_i7_nobody_without_a_name_is_told_what_would_have_been_right(world: World, pack: str) -> None:
    assert ask(world, scan("AI")).fault is None
    assert ask(world, scan("A1", lot="4L2")).fault is None
    assert ask(world, SENT + "21A1").reason == "genuine_by_record"  # all of it was there


def test_a_pack_that_is_what_it_was_read_as_has_no_fault(world: World, pack: str) -> None:
    assert ask(world, scan("A1"), by=world.pharmacy).fault is None
    assert ask(world, scan("Z9"), by=world.pharmacy).fault is None
    assert ask(world, scan("A1", lot="L43"), by=world.pharmacy).reason == "lot_mismatch"
