"""What is encoded reads back as what was meant, whatever it is."""

import string
from io import BytesIO

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from partners.gs1.element_string import GS, ElementString, parse_scan
from partners.gs1.identifiers import check_digit
from traceability.labels.symbols import (
    INCH,
    RESOLUTIONS,
    SIZES,
    Kind,
    Symbol,
    _encoder,
    bars,
    datamatrix,
    datamatrix_svg,
    qr,
)

from .printed import scanned

SET_82 = string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_"

values = st.text(SET_82, min_size=1, max_size=20)
gtins = st.text(string.digits, min_size=13, max_size=13).map(lambda payload: payload + check_digit(payload))
packs = st.tuples(gtins, values, values, st.one_of(st.none(), values)).map(
    lambda pack: ElementString(
        (("01", pack[0]), ("21", pack[1]), ("17", "281200"), ("10", pack[2]))
        + ((("715", pack[3]),) if pack[3] is not None else ())
    )
)


def seen(symbol: Symbol) -> list[tuple[str, str]]:
    """Drawn with three dots a module, and scanned."""
    dots, quiet, high = 3, SIZES[symbol.kind].quiet, 60 if symbol.kind is Kind.GS1_128 else 1
    rows = [[module == "0" for module in row] for row in symbol.rows for _ in range(high)]
    image = Image.new("1", (len(rows[0]) + 2 * quiet, len(rows) + 2 * quiet), 1)
    for y, row in enumerate(rows):
        for x, light in enumerate(row):
            image.putpixel((x + quiet, y + quiet), light)
    return scanned(image.resize((image.width * dots, image.height * dots), Image.Resampling.NEAREST).convert("L"))


@pytest.mark.parametrize("serial", ["A1", "SN/9+x&Z12", "A(10)C", "12345678901234567890"])
def test_a_shown_pack_reads_back(serial: str) -> None:
    pack = ElementString((("01", "00614141123452"), ("17", "281231"), ("10", "LOT-A1"), ("21", serial)))
    image = Image.open(BytesIO(_encoder(pack, quiet_zone=2).get_imagedata(cellsize=4)))
    (found,) = zxingcpp.read_barcodes(image, text_mode=zxingcpp.TextMode.Plain)
    assert found.symbology_identifier == "]d2"
    assert parse_scan(found.symbology_identifier + found.text) == pack
    assert datamatrix_svg(pack).startswith("<")


@given(packs)
def test_any_pack_reads_back_from_its_datamatrix(pack: ElementString) -> None:
    ((identifier, text),) = seen(datamatrix(pack))
    assert (identifier, text) == ("]d2", pack.scan())
    assert parse_scan(identifier + text) == pack


@given(packs)
def test_any_pack_reads_back_from_the_qr_code_of_its_digital_link(pack: ElementString) -> None:
    link = pack.digital_link("https://maker.example/m")
    ((identifier, text),) = seen(qr(link))
    assert (identifier, text) == ("]Q1", link)
    assert dict(parse_scan(text).elements) == dict(pack.elements)


@given(packs, st.permutations(range(4)))
def test_anything_reads_back_from_bars_with_a_separator_where_one_is_needed(
    pack: ElementString, order: list[int]
) -> None:
    shuffled = ElementString(tuple(pack.elements[place] for place in order))
    ((identifier, text),) = seen(bars(shuffled))
    assert (identifier, text) == ("]C1", shuffled.scan())
    assert parse_scan(identifier + text) == shuffled


def test_bars_have_fnc1_between_a_lot_and_a_count_and_none_behind_a_gtin() -> None:
    carton = ElementString((("02", "10614141123459"), ("10", "L1"), ("37", "24")))
    assert seen(bars(carton)) == [("]C1", f"021061414112345910L1{GS}3724")]


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("kind", Kind)
def test_a_module_is_a_whole_number_of_dots_in_the_range_of_gs1_the_nearest_to_its_target_first(
    kind: Kind, dpi: int
) -> None:
    size = SIZES[kind]
    first, *others = (dots * INCH / dpi for dots in size.dots(dpi))
    assert all(size.smallest <= width <= size.largest for width in (first, *others))
    assert abs(first - size.target) <= INCH / dpi / 2 or first - INCH / dpi < size.smallest
    assert others == sorted(others, reverse=True)
