"""What is printed on a pack: the product identifier as a GS1 DataMatrix (DSCSA section 581(14); GS1 GenSpecs 5.6).

Element strings are made of typed fields, never pasted together: a serial that looks like `A(10)C` stays a serial.
"""

from pystrich.datamatrix import DataMatrixData, DataMatrixEncoder
from pystrich.datamatrix.data import GS1Fixed, GS1Variable

from partners.gs1.application_identifiers import PREDEFINED
from partners.gs1.element_string import ElementString


def symbol(elements: ElementString) -> DataMatrixEncoder:
    """The symbol of these elements, whatever it is drawn with. An `ElementString` is valid, so its symbol is."""
    fields = [
        GS1Fixed(ai, value) if ai[:2] in PREDEFINED else GS1Variable(ai, value) for ai, value in elements.elements
    ]
    return DataMatrixEncoder(DataMatrixData.gs1(*fields))


def datamatrix_svg(elements: ElementString) -> str:
    """The symbol as an SVG document, quiet zone included."""
    return symbol(elements).get_svg()
