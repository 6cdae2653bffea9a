"""What comes out of a printer: every symbol is scanned again, and everything measured."""

import string
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.gs1.element_string import GS, parse_scan
from traceability.labels.errors import LabelError
from traceability.labels.label import Label, read
from traceability.labels.pdf import draw
from traceability.labels.stock import Stock
from traceability.labels.symbols import INCH, RESOLUTIONS, SIZES, Kind, bars, datamatrix, qr

from .printed import TODAY, corners, job, measured, printed, read_back, scanned, text_of
from .test_label import CASE, PACK
from .test_symbols import SET_82

ROOMY = {Kind.DATAMATRIX: "roll-50x25", Kind.QR: "60x30", Kind.GS1_128: "170x150"}
TWENTIES = [SET_82[start : start + 20] for start in range(0, len(SET_82), 20)]  # all of the character set
SERIALS = ["1234567890", "A1B2C3D4E5", "12345678901234567890", "aB-/_().%&0123456789", "A(10)C", *TWENTIES]


def pack(serial: str = "A1", lot: str = "L1", **more: str) -> Label:
    return read(PACK | {"serial": serial, "lot": lot, "expiry": "2028-12-31"} | more, "labels[0]", TODAY)


def case(**more: str) -> Label:
    return read(CASE | more, "labels[0]", TODAY)


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("serial", SERIALS)
def test_a_datamatrix_is_scanned_at_every_resolution(serial: str, dpi: int) -> None:
    label = pack(serial, lot=serial[::-1])
    ((identifier, text),) = read_back(job(label, dpi=dpi))
    assert (identifier, text) == ("]d2", label.elements.scan())
    found = parse_scan(identifier + text)
    assert (found, found.serial) == (label.elements, serial)


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("serial", SERIALS)
def test_a_qr_code_is_scanned_at_every_resolution(serial: str, dpi: int) -> None:
    label = pack(serial, lot=serial[::-1])
    assert read_back(job(label, symbol="qr", stock="60x40", dpi=dpi)) == [("]Q1", label.elements.digital_link())]


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("serial", SERIALS)
def test_bars_are_scanned_at_every_resolution_in_as_many_rows_as_they_need(serial: str, dpi: int) -> None:
    label = pack(serial, lot=serial[::-1])
    found = read_back(job(label, symbol="gs1-128", stock="170x150", dpi=dpi))
    assert {identifier for identifier, _ in found} == {"]C1"}
    assert {pair for _, text in found for pair in parse_scan("]C1" + text).elements} == set(label.elements.elements)


@pytest.mark.parametrize("dpi", RESOLUTIONS)
def test_a_logistic_label_has_its_sscc_alone_and_lowest(dpi: int) -> None:
    assert read_back(job(case(), symbol="gs1-128", stock="roll-150x100", dpi=dpi)) == [
        ("]C1", f"02106141411234591728120010L1{GS}3724"),
        ("]C1", "00006141417000000004"),
    ]
    alone = read({"sscc": CASE["sscc"]}, "", TODAY)
    assert read_back(job(alone, symbol="gs1-128", stock="roll-100x150", dpi=dpi)) == [("]C1", "00006141417000000004")]


values = st.text(SET_82, min_size=1, max_size=20)


@settings(max_examples=40)
@given(serial=values, lot=values, nhrn=st.text(string.digits, min_size=1, max_size=20), kind=st.sampled_from(Kind))
def test_whatever_is_printed_is_scanned_and_read(serial: str, lot: str, nhrn: str, kind: Kind) -> None:
    label = pack(serial, lot, nhrn=nhrn)
    found = read_back(job(label, symbol=kind, stock="170x200"))
    elements = [pair for identifier, text in found for pair in parse_scan(_marked(identifier, text)).elements]
    assert sorted(elements) == sorted(label.elements.elements)


def _marked(identifier: str, text: str) -> str:
    return text if identifier == "]Q1" else identifier + text


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("kind", Kind)
def test_page_and_symbol_measure_what_they_should(kind: Kind, dpi: int) -> None:
    label = case()
    ((page, symbols),) = measured(draw(job(label, symbol=kind, stock="roll-150x100", dpi=dpi), TODAY))
    assert page == pytest.approx((150, 100), abs=0.01)
    module = SIZES[kind].dots(dpi)[0] * INCH / dpi / 1000
    if kind is Kind.GS1_128:
        pieces = [
            parse_scan("]C1" + text) for text in (f"02106141411234591728120010L1{GS}3724", "00006141417000000004")
        ]
        widths = [(bars(piece).width - 20) * module for piece in pieces]
        assert [width for width, _ in symbols] == pytest.approx(widths, abs=0.01)
        assert all(31.75 - 0.01 <= height < 31.75 + 25.4 / dpi for _, height in symbols)
    else:
        made = datamatrix(label.elements) if kind is Kind.DATAMATRIX else qr(label.elements.digital_link())
        side = len(made.rows) * module
        assert symbols == [pytest.approx((side, side), abs=0.01)]


@pytest.mark.parametrize("dpi", RESOLUTIONS)
def test_no_dot_is_half_black(dpi: int) -> None:
    """Two inches by one are a whole number of dots at every resolution: a symbol there is black and white alone."""
    label = pack("SN0123456789")
    page = printed(draw(job(label, stock="50.8x25.4", dpi=dpi), TODAY), dpi)[0]
    assert page.size == (2 * dpi, dpi)
    side = (datamatrix(label.elements).width + 1) * SIZES[Kind.DATAMATRIX].dots(dpi)[0]
    colours = page.crop((0, 0, dpi * 10 // 254 + side, dpi)).getcolors()
    assert colours is not None
    assert {colour for _, colour in colours} <= {0, 1, 254, 255}


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("stock", ["a4-5x13", "letter-3x10", "roll-50x25"])
def test_every_symbol_begins_where_a_dot_does(stock: str, dpi: int) -> None:
    """Counted from the upper left corner of the page, and at most one dot behind where it would be."""
    labels = [pack(f"A{number}") for number in range(33)]
    for place, (left, top) in enumerate(corners(draw(job(*labels, stock=stock, dpi=dpi), TODAY))):
        assert (left * dpi / 25.4, top * dpi / 25.4) == pytest.approx(
            (round(left * dpi / 25.4), round(top * dpi / 25.4)), abs=0.01
        )
        edge = Stock.parse(stock).corner(place)
        assert 1 <= left - edge[0] <= 2.5, place
        assert top - edge[1] >= 1, place


def test_a_sheet_of_200_is_one_file_with_all_of_them_in_order() -> None:
    labels = [pack(f"SN{number:018}") for number in range(200)]
    pdf = draw(job(*labels, stock="a4-5x13", dpi=300), TODAY)
    sizes = measured(pdf)
    assert [len(symbols) for _, symbols in sizes] == [65, 65, 65, 5]
    assert all(page == pytest.approx((210, 297), abs=0.01) for page, _ in sizes)
    found = {text for page in printed(pdf, 300) for _, text in scanned(page)}
    assert found == {label.elements.scan() for label in labels}
    assert [text.count("EXP 2028-12-31") for text in text_of(pdf)] == [65, 65, 65, 5]


def test_a_roll_has_a_page_a_label() -> None:
    pdf = draw(job(*[pack(f"A{number}") for number in range(7)]), TODAY)
    assert len(measured(pdf)) == 7
    assert ["(21)A3" in text for text in text_of(pdf)] == [number == 3 for number in range(7)]


def test_people_read_it_in_the_order_of_the_symbol() -> None:
    (text,) = text_of(draw(job(pack("A(10)C", nhrn="0143211234"), stock="70x30"), TODAY))
    assert text.split() == [
        "(01)00614141123452", "(21)A(10)C", "(17)281231", "(10)L1", "(715)0143211234", "EXP", "2028-12-31",
    ]  # fmt: skip


def test_the_same_labels_are_the_same_bytes_and_say_nothing_of_when_or_where() -> None:
    one, other = (draw(job(pack()), TODAY) for _ in range(2))
    assert one == other
    assert b"/PrintScaling /None" in one
    assert b"A1" not in one.split(b"stream")[0]


@pytest.mark.parametrize(
    ("label", "options", "code", "expected", "found"),
    [
        (pack("A" * 20), {"stock": "50x8"}, "symbol_does_not_fit", "at most 47.9 x 5.9 mm", "7.1 x 7.1 mm"),
        (pack("a" * 20), {"stock": "a4-5x13", "symbol": "qr", "dpi": 203}, "symbol_does_not_fit", "at most 36.0 x 19.1",
         "22.5 x 22.5 mm"),
        (case(), {"symbol": "gs1-128"}, "symbol_does_not_fit", "at most 47.9 x 22.9 mm", "78.2 x 31.8 mm"),
        (pack("b" * 20), {"symbol": "gs1-128", "stock": "roll-150x100", "dpi": 203}, "symbol_does_not_fit", "at most",
         "154.2 x"),
        (pack("A" * 20), {"stock": "12x12"}, "text_does_not_fit", "5 lines of 5 points beside 7.1 x 7.1 mm",
         "a surface of 9.9 x 9.9 mm"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_millimetres(
    label: Label, options: dict[str, str], code: str, expected: str, found: str
) -> None:
    with pytest.raises(LabelError) as caught:
        draw(job(label, **options), TODAY)  # type: ignore[arg-type]
    error = caught.value
    assert (error.code, error.where) == (code, "labels[0]")
    assert str(error.expected).startswith(expected)
    assert str(error.found).startswith(found)


def test_bars_without_room_for_their_text_are_refused() -> None:
    with pytest.raises(LabelError, match="below the bars"):
        draw(job(pack(), symbol="gs1-128", stock="20x100"), TODAY)


def test_a_day_that_its_century_does_not_have_is_refused_by_the_label() -> None:
    with pytest.raises(LabelError, match=r"labels\[0\]"):
        draw(job(read(PACK | {"expiry": "000229"}, "labels[0]", TODAY)), date(2060, 1, 5))


def test_modules_shrink_by_whole_dots_before_a_label_is_too_small() -> None:
    label, dots = read({"sscc": CASE["sscc"]}, "labels[0]", TODAY), []
    modules = len(datamatrix(label.elements).rows)
    for high in (10, 8, 7):
        ((_, [(side, _)]),) = measured(draw(job(label, stock=f"60x{high}", dpi=600), TODAY))
        dots.append(side / modules * 600 / 25.4)
    assert dots == pytest.approx([9, 7, 6], abs=0.01)
    with pytest.raises(LabelError, match="symbol is larger"):
        draw(job(label, stock="60x6", dpi=600), TODAY)


def test_how_far_it_is_is_told() -> None:
    told: list[int] = []
    packs = [read(PACK | {"serial": f"{number}"}, "", TODAY) for number in range(120)]
    draw(job(*packs, stock="a4-5x13"), TODAY, told.append)
    assert told == [50, 100, 120, 120]
