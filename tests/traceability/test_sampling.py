"""How many packages of a suspect lot are verified, and which."""

from hypothesis import given
from hypothesis import strategies as st

from partners.access import Purpose
from tests.world import GTIN, World
from traceability.dscsa.sampling import draw, open_sampling, progress, sample_size
from traceability.dscsa.verification import verify


@given(st.integers(0, 100_000))
def test_three_or_a_tenth_whichever_is_greater_and_all_of_fewer(quantity: int) -> None:
    size = sample_size(quantity)
    assert size == min(quantity, max(3, (quantity + 9) // 10))
    assert size * 10 >= quantity


@given(st.lists(st.text(), unique=True, max_size=200))
def test_what_is_drawn_is_of_them_and_none_twice_in_their_order(packages: list[str]) -> None:
    drawn = draw(packages)
    assert len(drawn) == sample_size(len(packages))
    assert [each for each in packages if each in drawn] == drawn


def test_each_is_drawn_some_time() -> None:
    places = list(range(30))
    assert {each for _ in range(300) for each in draw(places)} == set(places)


def test_packs_of_another_lot_are_no_sample_of_this_one(world: World) -> None:
    for serial, lot in (("A1", "L1"), ("B1", "L2"), ("B2", "L2")):
        world.maker.commissions(serial=serial, lot=lot)
    reader = world.maker.partner
    sheet = open_sampling(reader, GTIN, "L1", quantity=4, now=world.now)
    for serial, printed in (("A1", "L1"), ("B1", "L2"), ("B2", "L1"), ("NOBODY", "L1")):
        scan = f"(01){GTIN}(21){serial}(17)281231(10){printed}"
        verify(scan, reader, Purpose.SUSPECT_PRODUCT, now=world.passes())
    assert progress(reader, sheet.row.sampling).verified == ("A1", "B2", "NOBODY")  # B2 says that it is of it
