"""The label on a screen: what a browser shows of it is scanned in `tests/browser/test_work.py`."""

from xml.etree import ElementTree

import pytest

from traceability.labels.label import read
from traceability.labels.layout import Surface, arrange
from traceability.labels.stock import Stock
from traceability.labels.svg import svg
from traceability.labels.symbols import Kind

from .printed import TODAY
from .test_label import CASE, PACK

SVG = "{http://www.w3.org/2000/svg}"


def shown(row: dict[str, str], kind: Kind = Kind.DATAMATRIX, stock: str = "100x200") -> ElementTree.Element:
    label, paper = read(row, "", TODAY), Stock.parse(stock)
    arranged = arrange(label, kind, Surface.of(paper, 203), "https://id.gs1.org", TODAY)
    return ElementTree.fromstring(svg(arranged, paper.label, 203, described=", ".join(label.text(TODAY))))


@pytest.mark.parametrize(("row", "kind"), [(PACK, Kind.DATAMATRIX), (PACK, Kind.QR), (CASE, Kind.GS1_128)])
def test_it_is_of_the_labels_size_and_says_what_is_on_it(row: dict[str, str], kind: Kind) -> None:
    root = shown(row, kind)
    assert (root.attrib["viewBox"], root.attrib["width"], root.attrib["height"]) == ("0 0 100 200", "100mm", "200mm")
    assert root.attrib["aria-label"].startswith("(0")
    said = "".join(each.text or "" for each in root.iter(f"{SVG}text"))
    assert all(value in said for value in (row.get("serial", ""), row.get("lot", "")))
    assert all(each.attrib["d"].startswith("M") for each in root.iter(f"{SVG}path"))


def test_nothing_in_a_serial_number_becomes_markup() -> None:
    root = shown(PACK | {"serial": "<b>&\"'"})
    assert "(21)<b>&\"'" in [each.text for each in root.iter(f"{SVG}text")]
    assert "(21)<b>&\"'" in root.attrib["aria-label"]
