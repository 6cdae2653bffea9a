"""Sheets and rolls."""

import pytest

from traceability.labels.errors import LabelError
from traceability.labels.stock import NAMED, Stock


@pytest.mark.parametrize("name", NAMED)
def test_every_stock_that_has_a_name_is_one(name: str) -> None:
    stock = Stock.parse(name)
    left, top = stock.corner(stock.per_page - 1)
    assert left + stock.label[0] <= stock.page[0]
    assert top + stock.label[1] <= stock.page[1]


@pytest.mark.parametrize("name", ["a4-5x13", "letter-3x10"])
def test_a_sheet_of_stock_is_as_wide_as_its_labels_with_a_margin_on_either_side(name: str) -> None:
    stock = Stock.parse(name)
    left, top = stock.corner(stock.per_page - 1)
    assert left + stock.label[0] + stock.margin[0] == pytest.approx(stock.page[0])
    assert top + stock.label[1] + stock.margin[1] == pytest.approx(stock.page[1])


def test_labels_come_row_by_row_and_go_on_on_the_next_page() -> None:
    sheet = Stock.parse("20x10/2x3/60x40/5x4/3x1")
    assert [sheet.corner(place) for place in (0, 1, 2, 6)] == [(5, 4), (28, 4), (5, 15), (5, 4)]


@pytest.mark.parametrize(
    "text",
    [
        "", "roll", "50", "50x", "50x25x1", "-50x25", "50x25 ", "1e3x25", "٥0x25", "nanx25", "50x4", "1001x25",
        "38.1x21.2/5x13/210x297/4.75x10.7",
        "38.1x21.2/6x13/210x297/4.75x10.7/2.5x0",
        "38.1x21.2/5x14/210x297/4.75x10.7/2.5x0",
        "38.1x21.2/0x13/210x297/4.75x10.7/2.5x0",
    ],
)  # fmt: skip
def test_what_is_no_stock_is_refused(text: str) -> None:
    with pytest.raises(LabelError) as caught:
        Stock.parse(text)
    assert (caught.value.code, caught.value.where) == ("unknown_stock", "stock")


def test_labels_do_not_overlap() -> None:
    with pytest.raises(LabelError, match="overlap"):
        Stock((20, 10), (60, 40), (2, 3), (5, 4), (-1, 0))
