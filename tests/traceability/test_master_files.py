"""What files tell of products and places; and each line that is wrong, by its number."""

import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest

from traceability.epcis.errors import DocumentError
from traceability.epcis.limits import Limits
from traceability.line_report import Wrong
from traceability.master_files import PLACES, PRODUCTS, Brought, Kind, Said, read

GTIN = "00300010123455"
LIMITS = Limits()

PRODUCT_TXT = (
    "PRODUCTID\tPRODUCTNDC\tPRODUCTTYPENAME\tPROPRIETARYNAME\tPROPRIETARYNAMESUFFIX\tNONPROPRIETARYNAME"
    "\tDOSAGEFORMNAME\tROUTENAME\tSTARTMARKETINGDATE\tENDMARKETINGDATE\tMARKETINGCATEGORYNAME\tAPPLICATIONNUMBER"
    "\tLABELERNAME\tSUBSTANCENAME\tACTIVE_NUMERATOR_STRENGTH\tACTIVE_INGRED_UNIT\tPHARM_CLASSES\tDEASCHEDULE"
    "\tNDC_EXCLUDE_FLAG\tLISTING_RECORD_CERTIFIED_THROUGH\r\n"
    "0001-0123_a1\t0001-0123\tHUMAN PRESCRIPTION DRUG\tExamplin\tXR\texamplinum\tTABLET, FILM COATED\tORAL\t20200105\t"
    "\tNDA\tNDA000001\tExample Caf\xe9 Inc.\tEXAMPLINUM; ALTERUM\t50; 12.5\tmg/1; mg/1\t\t\tN\t20271231\r\n"
    "80425-0302_b2\t80425-0302\tHUMAN PRESCRIPTION DRUG\t\t\tgenericum\tINJECTION\tORAL\t20210301\t20261130\t"
    "ANDA\tANDA1\tOther Labs\tGENERICUM\t2\tmg/mL\t\t\tN\t\r\n"
)
PACKAGE_TXT = (
    "PRODUCTID\tPRODUCTNDC\tNDCPACKAGECODE\tPACKAGEDESCRIPTION\tSTARTMARKETINGDATE\tENDMARKETINGDATE"
    "\tNDC_EXCLUDE_FLAG\tSAMPLE_PACKAGE\r\n"
    '0001-0123_a1\t0001-0123\t0001-0123-45\t"30 TABLET in 1 BOTTLE  (0001-0123-45) "\t20200105\t\tN\tN\r\n'
    "80425-0302_b2\t80425-0302\t80425-0302-1\t10 mL in 1 VIAL (80425-0302-1)\t20210301\t\tN\tN\r\n"
    "lost\t0009-0001\t0009-0001-01\t1 TABLET\t20200101\t\tN\tN\r\n"
    "0001-0123_a1\t0001-0123\t000001-0123-46\t60 TABLET in 1 BOTTLE\t20200105\t\tN\tN\r\n"
    "0001-0123_a1\t0001-0123\t0001-0123-47\t90 TABLET in 1 BOTTLE\t2020\t\tN\tN\r\n"
)


def fda(products: str = PRODUCT_TXT, packages: str = PACKAGE_TXT) -> list[bytes]:
    return [products.encode("cp1252"), packages.encode("cp1252")]


def brought(*files: str | bytes, kind: Kind = PRODUCTS, most: int = 100) -> Brought:
    return read([each.encode() if isinstance(each, str) else each for each in files], kind, LIMITS, most)


def lines(*files: str | bytes, kind: Kind = PRODUCTS) -> Sequence[Said | Wrong]:
    return brought(*files, kind=kind).lines


def said(*files: str | bytes, kind: Kind = PRODUCTS) -> Said:
    (line,) = lines(*files, kind=kind)
    assert isinstance(line, Said), line
    return line


def code(*files: str | bytes, kind: Kind = PRODUCTS) -> tuple[str, str]:
    (line,) = lines(*files, kind=kind)
    assert isinstance(line, Wrong), line
    return line.where, line.code


def test_csv_tells_what_its_header_names() -> None:
    told = said("gtin,name,ndc,strength,valid_from,valid_to\n300010123455,Examplin,0001-0123-45,,2026-01-01,\n")
    assert told.key == GTIN
    assert told.fields == {"name": "Examplin", "ndc": "0001-0123-45", "strength": ""}
    assert (told.line, told.valid_from, told.valid_to, told.open_end) == (2, date(2026, 1, 1), None, True)


@pytest.mark.parametrize(
    ("row", "where", "expected"),
    [
        ("00300010123456,A,,,", "gtin", "bad_check_digit"),
        ("123,A,,,", "gtin", "bad_length"),
        (",A,,,", "gtin", "bad_length"),
        ("0030001012345٥,A,,,", "gtin", "bad_character"),
        (f"{GTIN},,,,", "name", "missing_member"),
        (f"{GTIN},A,0001012345,,", "ndc", "ambiguous_ndc"),
        (f"{GTIN},A,0001-0123-46,,", "ndc", "ndc_not_of_gtin"),
        (f"{GTIN},A,00055501234,,", "ndc", "ndc_not_of_gtin"),
        (f"{GTIN},A,1-2-3,,", "ndc", "malformed_ndc"),
        (f"{GTIN},A,0001012345,4-4-3,", "ndc_format", "malformed_ndc"),
        (f"{GTIN},A,0001-0123-45,5-3-2,", "ndc", "malformed_ndc"),
        (f"{GTIN},A,,,pallet", "level", "bad_value"),
        (f"{GTIN},A\x07,,,", "name", "unwritable"),
        (f"{GTIN},{'A' * 2001},,,", "name", "unwritable"),
        (f"{GTIN},A,,,,more", "gtin", "unknown_member"),
    ],
)
def test_a_wrong_line_is_named_and_says_why(row: str, where: str, expected: str) -> None:
    assert code(f"gtin,name,ndc,ndc_format,level\n{row}\n") == (where, expected)


@pytest.mark.parametrize(
    ("row", "where", "expected"),
    [
        ("2026-13-01,", "valid_from", "bad_date"),
        ("20260101,", "valid_from", "bad_date"),
        ("0026-01-01,", "valid_from", "bad_date"),
        ("2026-01-01,soon", "valid_to", "bad_date"),
        ("2026-01-01,2026-01-01", "valid_to", "empty_period"),
    ],
)
def test_days_are_days(row: str, where: str, expected: str) -> None:
    assert code(f"gtin,name,valid_from,valid_to\n{GTIN},A,{row}\n") == (where, expected)


def test_ten_digits_with_their_format_are_an_ndc() -> None:
    assert said(f"gtin,ndc,ndc_format\n{GTIN},0001012345,4-4-2\n").fields == {"ndc": "0001-0123-45"}
    assert said(f"gtin,ndc\n{GTIN},00001012345\n").fields == {"ndc": "00001-0123-45"}
    assert said(f"gtin,ndc\n{GTIN},000001012345\n").fields == {"ndc": "000001-0123-45"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([b""], "malformed_table"),
        ([b"gtin,gtin\n"], "malformed_table"),
        ([b"name\nA\n"], "malformed_table"),
        ([b"gtin,colour\n"], "malformed_table"),
        ([b"gtin,name\n\xff,A\n"], "not_utf8"),
        ([b'gtin,name\n"x,A\n'], "malformed_table"),
        ([b"PK\x03\x04rest"], "malformed_table"),
        ([b"gtin\n", b"gtin\n"], "malformed_table"),
        ([PRODUCT_TXT.encode("cp1252")], "malformed_table"),
        ([PACKAGE_TXT.encode("cp1252"), PACKAGE_TXT.encode("cp1252")], "malformed_table"),
        ([b"PRODUCTID\tX\n", PACKAGE_TXT.encode("cp1252")], "malformed_table"),
        ([b"{}"], "unsupported_syntax"),
        ([b"<x/>"], "unsupported_syntax"),
    ],
)
def test_what_is_no_table_is_refused_whole(files: list[bytes], expected: str) -> None:
    with pytest.raises(DocumentError) as refused:
        brought(*files)
    assert refused.value.code == expected


def test_more_than_is_read_is_refused() -> None:
    table = f"gtin,name\n{GTIN},A\n{GTIN},B\n"
    with pytest.raises(DocumentError) as refused:
        brought(table, most=1)
    assert refused.value.code == "too_many_lines"
    with pytest.raises(DocumentError) as refused:
        read([table.encode()], PRODUCTS, Limits(max_bytes=20), 10)
    assert refused.value.code == "too_large"


def test_what_a_zip_says_of_its_size_is_not_believed() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("package.txt", b"\0" * 10_000_000)
    assert len(packed.getvalue()) < 20_000
    with pytest.raises(DocumentError) as refused:
        read([packed.getvalue()], PRODUCTS, Limits(max_bytes=100_000), 10)
    assert refused.value.code == "too_large"


def test_many_zips_are_unpacked_to_no_more_than_one() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(3):
            file.writestr(f"{number}.txt", b"\0" * 3_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DocumentError) as refused:
            read([packed.getvalue()] * 10, PRODUCTS, Limits(max_bytes=4_000_000), 10)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.code == "too_large"
    assert most < 20_000_000  # and not ninety


def test_a_directory_of_a_million_columns_is_none() -> None:
    odd = PRODUCT_TXT.replace("PRODUCTID", "PRODUCTID" + "\tX" * 200, 1)
    with pytest.raises(DocumentError) as refused:
        brought(*fda(products=odd))
    assert refused.value.code == "malformed_table"


def test_the_fdas_directory_tells_of_packages() -> None:
    first, second, lost, twelve, dated = lines(*fda())
    assert isinstance(first, Said)
    assert isinstance(second, Said)
    assert (first.line, first.key, first.valid_from, first.valid_to) == (2, GTIN, date(2020, 1, 5), None)
    assert first.fields == {
        "ndc": "0001-0123-45",
        "name": "Examplin XR",
        "strength": "50 mg/1; 12.5 mg/1",
        "dosage_form": "TABLET, FILM COATED",
        "container_size": "30 TABLET in 1 BOTTLE (0001-0123-45)",
        "labeler": "Example Café Inc.",
    }
    assert (second.key, second.fields["name"], second.valid_to) == ("00380425030210", "genericum", date(2026, 12, 1))
    wrong = [(each.line, each.where, each.code) for each in (lost, twelve, dated) if isinstance(each, Wrong)]
    assert wrong == [
        (4, "PRODUCTID", "unknown_product"), (5, "ndc", "ndc_has_no_gtin"), (6, "valid_from", "bad_date"),
    ]  # fmt: skip


def test_its_files_come_in_any_order_or_zipped() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("product.txt", fda()[0])
        file.writestr("package.txt", fda()[1])
        file.writestr("readme.pdf", b"x")
    assert brought(*fda()) == brought(*reversed(fda())) == brought(packed.getvalue())


GUIDELINE = (
    Path(__file__).resolve().parents[3] / "shared/conformance/dscsa/epcis-1.2/gs1us_r1.3_2.2.1.1_direct_purchase.xml"
)


@pytest.mark.skipif(not GUIDELINE.is_file(), reason="no ../shared/conformance")
def test_an_epcis_header_tells_of_products_and_places() -> None:
    data = GUIDELINE.read_bytes()
    products = [each for each in lines(data) if isinstance(each, Said)]
    assert products
    assert {each.key for each in products} >= {"00300010123455"}
    assert products[0].fields["ndc"] == "0001-0123-45"
    assert products[0].fields.keys() >= {"name", "strength", "dosage_form", "container_size", "labeler"}
    places = [each for each in lines(data, kind=PLACES) if isinstance(each, Said)]
    assert places
    assert places[0].fields == {
        "name": "GS1 Pharma", "street": "1 Biopharm Ct, Suite A", "city": "Thousand Oaks", "state": "CA",
        "postal_code": "91320", "country": "US",
    }  # fmt: skip


def test_places_have_an_operator_and_an_address() -> None:
    told = said("gln,name,operator,country\n0614141000012,Dock,0614141000029,US\n", kind=PLACES)
    assert told.fields == {"name": "Dock", "operator": "0614141000029", "country": "US"}
    header = "gln,name,operator\n"
    assert code(f"{header}0614141000013,A,\n", kind=PLACES) == ("gln", "bad_check_digit")
    assert code(f"{header}0614141000012,A,1\n", kind=PLACES) == ("operator", "bad_length")
