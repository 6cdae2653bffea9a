"""A regulator's case: what it bounds, what is recorded of it, and who is told."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from partners.access import Purpose
from partners.models import AccessRecord, Case
from tests.traceability.test_proving import integrate
from tests.traceability.test_resale import label
from tests.traceability.test_traces import answer, ask, file
from tests.world import LOT, Party, World, unit
from traceability import cases
from traceability.dscsa.verification import verify
from traceability.errors import NotFound, Refusal
from traceability.models import CaseConcern, Notice
from traceability.proving import bundle_for
from traceability.readers import readers_of


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


@pytest.fixture
def pack(world: World) -> str:
    packs = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(packs[0], to=world.pharmacy)
    world.pharmacy.receives(packs[0], sender=world.maker)
    world.maker.commissions(serial="B1", lot="L43")
    integrate(world)
    AccessRecord.objects.all().delete()
    return str(packs[0])


def reads(world: World, epc: str, by: Party | None = None) -> bool:
    """Whether the regulator gets the history of an item; a pack by its code as well as by its proof."""
    reader = (by or world.regulator).partner
    try:
        bundle_for(epc, reader, purpose=Purpose.TRACING, now=world.now)
    except NotFound:
        shown = False
    else:
        shown = True
    answer = verify(label(epc.rpartition("/")[2], lot="L43" if epc.endswith("B1") else LOT), reader, now=world.now)
    assert bool(answer.hops) is shown
    return shown


# ---- what it bounds -------------------------------------------------------------------------------------------------


def test_i7_without_a_case_a_regulator_reads_nobodys_chain(world: World, pack: str) -> None:
    for epc in (pack, unit("NEVER")):
        with pytest.raises(NotFound) as refused:
            bundle_for(epc, world.regulator.partner, purpose=Purpose.TRACING, now=world.now)
        assert refused.value.detail == "you neither hold nor held an item of this number"
    assert not reads(world, pack)


@pytest.mark.parametrize(
    ("scope", "within"),
    [
        ({}, "A1 A2 B1"),
        ({"lot": LOT}, "A1 A2"),
        ({"serials": ("A2", "B1")}, "A2 B1"),
        ({"lot": LOT, "serials": ("A2", "B1")}, "A2"),
        ({"gtin": "50614141123457"}, ""),
    ],
    ids=str,
)
def test_i7_it_reads_what_its_case_names_and_no_more(world: World, pack: str, scope: dict, within: str) -> None:
    world.opens_case(**scope)
    assert " ".join(serial for serial in ("A1", "A2", "B1") if reads(world, unit(serial))) == within


def test_i7_a_case_of_one_regulator_opens_nothing_to_another_party(world: World, pack: str) -> None:
    world.opens_case()
    assert not reads(world, pack, by=world.stranger)
    assert not reads(world, unit("A2"), by=world.pharmacy)  # which never had it


def test_a_case_ends_by_its_day_or_by_being_closed(world: World, pack: str) -> None:
    world.opens_case(number="1", until=world.now.replace(microsecond=0) + timedelta(hours=1))
    assert reads(world, pack)
    world.passes(hours=2)
    assert not reads(world, pack)
    opened = world.opens_case(number="2")
    assert reads(world, pack)
    world.takes_back(opened, of=world.regulator, by=world.regulator)
    assert not reads(world, pack)


# ---- what is recorded, and who is told ------------------------------------------------------------------------------


def test_i7_each_reading_has_the_number_of_the_case_as_its_purpose(world: World, pack: str) -> None:
    world.opens_case(number="24-117")
    assert reads(world, pack)
    found = AccessRecord.objects.filter(reader=world.regulator.gln, subject=pack).values_list("what", "purpose")
    assert sorted(found) == [("bundle", "case 24-117"), ("chain", "case 24-117")]
    for party in (world.maker, world.pharmacy):
        told = readers_of(party.partner, pack, now=world.now)[0]
        assert {(each.reader, each.purpose) for each in told} == {(world.regulator.gln, "case 24-117")}


def test_whom_it_concerns_sees_it_and_is_told_once(world: World, pack: str) -> None:
    world.opens_case()
    assert [each.number for each in cases.cases_of(world.maker.partner)[0]] == ["24-117"]  # it may issue the product
    assert cases.cases_of(world.pharmacy.partner) == ([], None)
    for _ in range(2):
        assert reads(world, pack)
    for party in (world.maker, world.pharmacy):
        assert [each.number for each in cases.cases_of(party.partner)[0]] == ["24-117"]
        assert Notice.objects.filter(party=party.gln, kind="case.read").count() == 1
    assert Notice.objects.get(kind="case.opened").party == world.maker.gln
    for party in (world.distributor, world.stranger):
        assert cases.cases_of(party.partner) == ([], None)
    assert set(CaseConcern.objects.values_list("party", flat=True)) == {world.maker.gln, world.pharmacy.gln}


def test_what_is_asked_in_a_case_is_read_under_its_number(world: World, pack: str) -> None:
    world.opens_case(lot=LOT)
    row = ask(world.regulator, world.maker, serials=("A1",), case="24-117")
    assert row.due is not None
    answer(world.maker, row)
    file(world.regulator, row)
    read = AccessRecord.objects.get(reader=world.regulator.gln, subject=pack)
    assert (read.what, read.purpose) == ("trace", "case 24-117")


# ---- what is refused ------------------------------------------------------------------------------------------------


def refused(code: str, act: Callable[[], object]) -> None:
    before = Case.objects.count()
    with pytest.raises((Refusal, ValueError)) as error:
        act()
    assert getattr(error.value, "code", None) == code, error.value
    assert Case.objects.count() == before


def test_only_a_regulator_opens_one_and_only_of_its_own(world: World, pack: str) -> None:
    refused("authority_needed", lambda: world.opens_case(by=world.maker))
    opened = world.opens_case()
    refused("authority_needed", lambda: world.takes_back(opened, of=world.regulator, by=world.maker))
    refused("no_such_case", lambda: ask(world.regulator, world.maker, case="7"))
    refused("no_such_case", lambda: ask(world.regulator, world.maker, case="24-117", gtin="50614141123457"))


def test_what_is_no_scope_is_refused(world: World) -> None:
    refused("bad_check_digit", lambda: world.opens_case(gtin="00614141123453"))
    refused("unwritable", lambda: world.opens_case(number="7" * 41))
    refused("bad_character", lambda: world.opens_case(serials=("A 1",)))
    refused("too_many_serials", lambda: world.opens_case(serials=tuple(f"{n:05}" for n in range(1001))))
    refused("empty_period", lambda: world.opens_case(until=world.now.replace(microsecond=0)))
