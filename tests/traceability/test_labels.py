"""What is printed reads back as what was meant."""

from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from partners.gs1.element_string import ElementString, parse_scan
from traceability.labels import datamatrix_svg, symbol


@pytest.mark.parametrize("serial", ["A1", "SN/9+x&Z12", "A(10)C", "12345678901234567890"])
def test_a_printed_pack_reads_back(serial: str) -> None:
    pack = ElementString((("01", "00614141123452"), ("17", "281231"), ("10", "LOT-A1"), ("21", serial)))
    image = Image.open(BytesIO(symbol(pack).get_imagedata(cellsize=4)))
    (found,) = zxingcpp.read_barcodes(image, text_mode=zxingcpp.TextMode.Plain)
    assert found.symbology_identifier == "]d2"
    assert parse_scan(found.symbology_identifier + found.text) == pack
    assert datamatrix_svg(pack).startswith("<")
