"""Investigations of suspect product: every edge of the machine, every clock, quarantine that holds, and who is told."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from partners.models import Hold
from tests.world import GTIN, LOT, Party, World, case, pallet, unit
from traceability import investigating as cases
from traceability import notices, placing, statements
from traceability.errors import NotAllowed, Refusal
from traceability.models import Investigation, InvestigationPartner, Notice, Registration
from traceability.statements import InvestigationStep as Step
from traceability.statements import StatementError

DAY = timedelta(days=1)


class Case:
    """An investigation by a party that signs for itself."""

    def __init__(self, world: World, by: Party, *holds: str) -> None:
        self.world, self.by, self.case, self.last = world, by, str(uuid.uuid4()), ""
        self.holds = tuple(sorted(holds))
        self.takes(Step.SUSPECT)

    def takes(self, step: Step, *, signed_by: Party | None = None, **members: Any) -> str:
        signer = signed_by or self.by
        told = {"person": "R. Doe, pharmacist", "place": "Cage 2, shelf 4", "reason": "seal broken"}
        link = {"holds": self.holds} if step is Step.SUSPECT else {"previous": self.last}
        sample = {"sample": "Cage 2, box 9"} if step is Step.DISPOSED else {}
        said = statements.Investigation(
            **{"about": self.by.gln, "case": self.case, "step": step, **told, **link, **sample, **members},
            **self.world._from(signer),
        )
        self.last = self.world.registers(said, signer.key)
        return self.last

    @property
    def row(self) -> Investigation:
        return Investigation.objects.get(case=self.case)


@pytest.fixture
def pack(world: World) -> str:
    """Made, sold by the distributor, and at the pharmacy."""
    made = world.maker.commissions(serial="A1")
    world.maker.ships(made, to=world.distributor)
    world.distributor.receives(made, sender=world.maker)
    world.distributor.ships(made, to=world.pharmacy)
    world.pharmacy.receives(made, sender=world.distributor)
    return str(made)


@pytest.fixture
def opened(world: World, pack: str) -> Case:
    return Case(world, world.pharmacy, world.holds(world.pharmacy, "suspect", epc=pack))


WAYS = {
    "suspect": (),
    "cleared": (Step.CLEARED,),
    "illegitimate": (Step.ILLEGITIMATE,),
    "termination_requested": (Step.ILLEGITIMATE, Step.NOTIFIED, Step.TERMINATION_REQUESTED),
    "terminated": (Step.ILLEGITIMATE, Step.NOTIFIED, Step.TERMINATION_REQUESTED, Step.TERMINATED),
    "disposed": (Step.ILLEGITIMATE, Step.NOTIFIED, Step.TERMINATION_REQUESTED, Step.TERMINATED, Step.DISPOSED),
}


def goes(opened: Case, state: str) -> Case:
    for step in WAYS[state]:
        opened.takes(step)
    assert opened.row.state == state
    return opened


def refused(code: str, act: Any, *args: Any, **kwargs: Any) -> Refusal:
    before = (Registration.objects.count(), Notice.objects.count())
    with pytest.raises(Refusal) as caught:
        act(*args, **kwargs)
    assert caught.value.code == code
    assert (Registration.objects.count(), Notice.objects.count()) == before, "nothing half-stored"
    return caught.value


# ---- the machine ----------------------------------------------------------------------------------------------------


def test_to_the_end_each_step_is_in_the_log(opened: Case) -> None:
    goes(opened, "disposed")
    rows = list(opened.row.steps.select_related("registration").order_by("pk"))
    assert [row.step for row in rows] == [Step.SUSPECT, *WAYS["disposed"]]
    said = [statements.open_statement(bytes(row.registration.envelope)).payload for row in rows]
    entries = [bytes(row.registration.entry.entry).hex() for row in rows]
    assert [each.previous for each in said] == [None, *entries[:-1]]  # type: ignore[attr-defined]
    assert {row.registration.kind for row in rows} == {"investigation"}


@pytest.mark.parametrize("state", cases.STATES)
@pytest.mark.parametrize("step", [each for each in Step if each is not Step.SUSPECT])
def test_every_other_edge_is_refused(opened: Case, state: str, step: Step) -> None:
    goes(opened, state)
    if (state, step) in cases.STEPS and not (state == "illegitimate" and step is Step.TERMINATION_REQUESTED):
        opened.takes(step)
        assert opened.row.state == cases.STEPS[state, step]
        return
    code = "not_notified" if state == "illegitimate" and step is Step.TERMINATION_REQUESTED else "illegal_step"
    refused(code, opened.takes, step)
    assert opened.row.state == state


def test_a_case_begins_once(world: World, opened: Case) -> None:
    refused("case_exists", opened.takes, Step.SUSPECT)


def test_of_two_at_once_one_is_refused(opened: Case) -> None:
    before = opened.last
    opened.takes(Step.ILLEGITIMATE)
    refused("stale_step", opened.takes, Step.CLEARED, previous=before)


def test_what_is_to_come_is_no_step(world: World, opened: Case) -> None:
    refused("step_in_the_future", _said_at, world, opened, Step.CLEARED, world.now + DAY)


@pytest.mark.parametrize(
    "members",
    [
        {"previous": None},
        {"holds": ("ab" * 32,)},
        {"incident": "2026-1"},
        {"sample": "box"},
        {"step": Step.DISPOSED, "sample": None},
        {"evidence": (bytes(31),)},
        {"evidence": ()},
        {"person": ""},
    ],
    ids=str,
)
def test_a_step_that_does_not_say_what_it_has_to(opened: Case, members: dict[str, Any]) -> None:
    with pytest.raises(StatementError):
        opened.takes(members.pop("step", Step.CLEARED), **members)


def test_fda_gives_a_number_and_a_follow_up_keeps_it(opened: Case) -> None:
    goes(opened, "illegitimate")
    opened.takes(Step.NOTIFIED, evidence=(bytes(32),))
    first = opened.row.notified
    opened.takes(Step.NOTIFIED, incident="FDA-7")
    opened.takes(Step.NOTIFIED)
    assert (opened.row.notified, opened.row.incident, opened.row.state) == (first, "FDA-7", "illegitimate")


# ---- quarantine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [each for each in cases.STATES if each != "cleared"])
def test_quarantine_lasts_until_the_case_is_cleared(world: World, opened: Case, pack: str, state: str) -> None:
    goes(opened, state)
    for by in (world.pharmacy, world.authority):
        refused("under_investigation", world.releases, opened.holds[0], world.pharmacy, by)
    with pytest.raises(Refusal) as caught:
        world.pharmacy.dispenses(pack)
    assert caught.value.code == "on_hold"


def test_what_is_cleared_is_let_go(world: World, opened: Case, pack: str) -> None:
    goes(opened, "cleared")
    world.releases(opened.holds[0], world.pharmacy)
    world.pharmacy.dispenses(pack)


def test_only_what_is_quarantined_by_oneself_is_investigated(world: World, pack: str) -> None:
    ended = world.holds(world.pharmacy, "suspect", epc=pack)
    world.releases(ended, world.pharmacy)
    others = world.holds(world.maker, "suspect", gtin=GTIN, lot=LOT)
    recall = world.holds(world.pharmacy, "recall", epc=pack)
    said = {refused("not_quarantined", Case, world, world.pharmacy, each).detail
            for each in (ended, others, recall, "ab" * 32)}  # fmt: skip
    assert len(said) == 1, "what is unknown and what is another's look the same"


def test_a_hold_is_of_one_case(world: World, opened: Case) -> None:
    refused("under_investigation", Case, world, world.pharmacy, *opened.holds)


# ---- clocks ---------------------------------------------------------------------------------------------------------


def clocks(world: World, party: Party) -> list[str]:
    placing.place(now=world.now)
    found, _ = notices.notices_of(party.partner)
    return [str(each.body.get("kind", each.kind)) + ("!" if each.kind == "clock.ran_out" else "") for each in found]


RUNNING = [
    ("suspect", "case.suspect", timedelta(days=3)),
    ("illegitimate", "case.illegitimate", DAY),
    ("termination_requested", "case.requested", timedelta(days=14)),
    ("terminated", "case.terminated", timedelta(days=30)),
]


@pytest.mark.parametrize(("state", "kind", "lasts"), RUNNING)
def test_a_clock_reminds_runs_out_and_escalates(
    world: World, opened: Case, state: str, kind: str, lasts: timedelta
) -> None:
    goes(opened, state)
    notice = Notice.objects.get(party=world.pharmacy.gln, kind=kind)
    assert notice.due == opened.row.steps.latest("pk").at + lasts
    found = []
    for share in (0.5, 1.0, 2.0):
        world.now = notice.at + share * (notice.due - notice.at) - timedelta(microseconds=1)
        placing.place(now=world.now)
        told = Notice.objects.filter(party=world.pharmacy.gln, kind__startswith="clock.").count()
        world.now = notice.at + share * (notice.due - notice.at)
        placing.place(now=world.now)
        rows = Notice.objects.filter(party=world.pharmacy.gln, kind__startswith="clock.").order_by("pk")
        assert rows.count() == told + 1, "to the microsecond"
        found.append(rows[told].kind)
    assert found == ["clock.reminder", "clock.ran_out", "clock.still_open"]


@pytest.mark.parametrize(
    ("state", "kind", "step"),
    [
        ("suspect", "case.suspect", Step.CLEARED),
        ("suspect", "case.suspect", Step.ILLEGITIMATE),
        ("illegitimate", "case.illegitimate", Step.NOTIFIED),
        ("termination_requested", "case.requested", Step.TERMINATED),
        ("terminated", "case.terminated", Step.DISPOSED),
    ],
)
def test_the_next_step_stops_it(world: World, opened: Case, state: str, kind: str, step: Step) -> None:
    goes(opened, state)
    opened.takes(step)
    row = Notice.objects.get(party=world.pharmacy.gln, kind=kind)
    assert (row.ended, row.wakes) == (world.now, None)


def test_24_hours_run_from_the_determination_and_not_from_when_it_was_said(world: World, opened: Case) -> None:
    late = world.now
    world.now += timedelta(hours=30)
    _said_at(world, opened, Step.ILLEGITIMATE, late)
    row = Notice.objects.get(party=world.pharmacy.gln, kind="case.illegitimate")
    assert row.due == row.at + cases.AT_ONCE, "it had run out before anybody here knew"
    world.now = row.due
    placing.place(now=world.now)
    assert Notice.objects.filter(party=world.pharmacy.gln, kind="clock.ran_out").exists()


def _said_at(world: World, opened: Case, step: Step, at: Any) -> None:
    said = statements.Investigation(
        about=opened.by.gln, case=opened.case, step=step, person="x", place="x", reason="x",
        previous=opened.last, log=settings.LOG_ORIGIN, submitter=opened.by.gln, time=at, statement=str(uuid.uuid4()),
    )  # fmt: skip
    opened.last = world.registers(said, opened.by.key)


# ---- partners -------------------------------------------------------------------------------------------------------


def told(opened: Case) -> dict[str, list[str]]:
    held = {row.pk: row for row in Hold.objects.all()}
    return {
        row.party: [held[each].epc or held[each].lot or held[each].gtin or "" for each in row.holds]
        for row in InvestigationPartner.objects.filter(investigation=opened.row)
    }


def test_who_handed_it_over_is_told_and_nobody_further_up(world: World, opened: Case, pack: str) -> None:
    goes(opened, "illegitimate")
    assert told(opened) == {world.distributor.gln: [pack]}
    (notice,) = Notice.objects.filter(kind="partner.illegitimate")
    assert (notice.party, notice.body, notice.due) == (
        world.distributor.gln, {"investigation": opened.case}, notice.at + DAY,
    )  # fmt: skip


def test_to_whom_it_was_handed_is_told(world: World, pack: str) -> None:
    hold = world.holds(world.maker, "suspect", gtin=GTIN, lot=LOT)
    opened = goes(Case(world, world.maker, hold), "illegitimate")
    assert told(opened) == {world.distributor.gln: [LOT]}


def test_between_two_both_are_told_through_whatever_it_was_in(world: World) -> None:
    packs = world.maker.commissions(serial=["B1", "B2", "B3"])
    world.maker.commissions(serial="C1", gtin="50614141123457")
    world.maker.packs(packs, into=case("C1"))
    world.maker.packs(case("C1"), into=pallet(1))
    world.maker.ships(pallet(1), to=world.distributor)
    world.distributor.receives(pallet(1), sender=world.maker)
    world.distributor.unpacks(case("C1"), out_of=pallet(1))
    world.distributor.unpacks([packs[0], packs[1]], out_of=case("C1"))
    world.distributor.ships(packs[0], to=world.pharmacy)
    world.distributor.ships(packs[1], to=world.other_pharmacy)
    world.pharmacy.receives(packs[0], sender=world.distributor)
    world.distributor.ships(pallet(1), to=world.stranger)  # what was in it once is not in it any more
    inner = world.holds(world.distributor, "suspect", epc=case("C1"))
    opened = goes(Case(world, world.distributor, inner), "illegitimate")
    assert told(opened) == {world.maker.gln: [case("C1")]}
    range_ = world.holds(world.maker, "suspect", gtin=GTIN, first="B1", last="B2")
    by_maker = goes(Case(world, world.maker, range_), "illegitimate")
    assert set(told(by_maker)) == {world.distributor.gln}


def test_each_partner_is_told_of_what_went_between_the_two_alone(world: World) -> None:
    packs = world.maker.commissions(serial=["D1", "D2"])
    world.maker.ships(packs[0], to=world.pharmacy)
    world.maker.ships(packs[1], to=world.other_pharmacy)
    holds = [world.holds(world.maker, "suspect", epc=each) for each in packs]
    opened = goes(Case(world, world.maker, *holds), "illegitimate")
    assert told(opened) == {world.pharmacy.gln: [packs[0]], world.other_pharmacy.gln: [packs[1]]}


def test_a_partner_acknowledges_and_whoever_investigates_is_told(world: World, opened: Case) -> None:
    goes(opened, "illegitimate")
    partner = InvestigationPartner.objects.get(investigation=opened.row)
    cases.acknowledge(opened.row, partner, "none left here", now=world.passes())
    row = Notice.objects.get(kind="partner.illegitimate")
    assert (row.ended, row.wakes) == (world.now, None)
    said = Notice.objects.get(kind="case.acknowledged")
    assert (said.party, said.body["partner"]) == (world.pharmacy.gln, world.distributor.gln)


def test_a_partner_that_does_not_acknowledge_is_reminded(world: World, opened: Case) -> None:
    goes(opened, "illegitimate")
    row = Notice.objects.get(kind="partner.illegitimate")
    for half in (1, 2):
        world.now = row.at + half * DAY / 2
        placing.place(now=world.now)
    kinds = set(Notice.objects.filter(party=world.distributor.gln).values_list("kind", flat=True))
    assert kinds == {"partner.illegitimate", "clock.reminder", "clock.ran_out"}


def test_partners_are_told_that_it_is_over(world: World, opened: Case) -> None:
    goes(opened, "terminated")
    assert [each.party for each in Notice.objects.filter(kind="partner.terminated")] == [world.distributor.gln]
    assert not Notice.objects.filter(kind="partner.illegitimate", ended=None).exists()


@pytest.mark.parametrize("count", [2, 60])
def test_partners_are_found_by_one_query_however_much_it_is(
    world: World, count: int, django_assert_num_queries: Any
) -> None:
    packs = world.maker.commissions(serial=[f"E{n:03}" for n in range(count)])
    world.maker.ships(packs, to=world.pharmacy)
    opened = Case(world, world.maker, world.holds(world.maker, "suspect", gtin=GTIN))
    row = opened.row
    with django_assert_num_queries(2):
        assert set(cases.immediate_partners(row)) == {world.pharmacy.gln}


# ---- walls ----------------------------------------------------------------------------------------------------------


def test_nobody_goes_on_with_anothers_case(world: World, opened: Case) -> None:
    for case_id in (opened.case, str(uuid.uuid4())):
        said = statements.Investigation(
            about=world.stranger.gln, case=case_id, step=Step.CLEARED, person="x", place="x", reason="x",
            previous=opened.last, **world._from(world.stranger),
        )  # fmt: skip
        assert (
            refused("unknown_case", world.registers, said, world.stranger.key).detail == "this party has no such case"
        )
    with pytest.raises(NotAllowed):
        opened.takes(Step.CLEARED, signed_by=world.stranger)


def test_an_authority_may(world: World, opened: Case) -> None:
    opened.takes(Step.CLEARED, signed_by=world.authority)
    assert opened.row.state == "cleared"


def test_what_nobody_has_recorded_is_investigated_too(world: World) -> None:
    hold = world.holds(world.maker, "suspect", epc=unit("NEVER"))
    opened = goes(Case(world, world.maker, hold), "illegitimate")
    assert told(opened) == {}
