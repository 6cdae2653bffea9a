"""What is printed beside what is recorded."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from partners.gs1.element_string import ElementString, parse_scan
from traceability.dscsa.verification import Product
from traceability.web.side_by_side import elements, marked

TODAY = date(2026, 1, 5)
RECORDED = Product("00614141123452", "A1", "Vireluma", "L42y", date(2028, 12, 31))


def read(lot: str = "L42y", serial: str = "A1") -> ElementString:
    return parse_scan(f"(01)00614141123452(21){serial}(17)281231(10){lot}")


@given(st.text(max_size=20), st.text(max_size=20))
def test_marking_loses_nothing_and_what_is_not_marked_is_the_same_on_both_sides(left: str, right: str) -> None:
    runs = marked(left, right)
    assert ["".join(run.text for run in side) for side in runs] == [left, right]
    alike = ["".join(run.text for run in side if not run.differs) for side in runs]
    assert alike[0] == alike[1]


def test_equal_texts_have_no_mark() -> None:
    assert not any(run.differs for side in marked("L42", "L42") for run in side)


def test_only_the_differing_element_differs() -> None:
    rows = elements(read(lot="L43y"), RECORDED, TODAY)
    assert [row.label for row in rows if row.differs] == ["Lot"]
    assert [[run.text for run in side if run.differs] for side in rows[2].runs] == [["3"], ["2"]]


def test_day_00_is_shown_as_the_day_that_it_means() -> None:
    pack = parse_scan("(01)00614141123452(21)A1(17)281200(10)L42y")
    assert [row.scanned for row in elements(pack, RECORDED, TODAY)][3] == "2028-12-31"


def test_what_was_not_read_or_is_not_known_is_compared_with_nothing() -> None:
    for rows in (elements(None, RECORDED, TODAY), elements(read(), None, TODAY)):
        assert not any(row.comparable or row.differs for row in rows)
