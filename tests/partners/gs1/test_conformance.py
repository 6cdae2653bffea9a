"""The identifier vectors of others. What asks for more, or for less, than is read here is skipped, and says why."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from partners.gs1.application_identifiers import AI_LENGTHS, AIS, PREDEFINED, check_digit
from partners.gs1.digital_link import unescape_path, unescape_query
from partners.gs1.element_string import GS, ElementString, parse, parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Gtin, Lgtin, Pgln, Sgln, Sgtin, Sscc, canonical, gln_of, gtin_of
from partners.gs1.ndc import Format, Ndc, ten_digits
from tests.partners.gs1.test_identifiers import SET_82

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "conformance" / "identifiers" / "vectors"

Vector = dict[str, Any]


def ais_of(text: str) -> Iterator[str]:
    """The AIs of a bracketed or FNC1 form, as far as it can be followed without reading values."""
    if text.startswith("("):
        yield from re.findall(r"(?<!\\)\((\d{2,4})\)", text)
    for piece in text.split("^")[1:] if text.startswith("^") else ():
        while ai := piece[: AI_LENGTHS.get(piece[:2], 0)]:
            yield ai
            piece = piece[len(ai) + PREDEFINED.get(ai[:2], len(piece)) :]


def refused(vector: Vector) -> bool:
    return vector.get("ok") is False or vector.get("result", "GS1_LINTER_OK") != "GS1_LINTER_OK"


def option(vector: Vector, name: str) -> str:
    return str(vector.get("options", {}).get(name, "false"))


def short_gtin(uri: str) -> bool:
    return any(len(digits) in (8, 12, 13) for digits in re.findall(r"\b01[/=](\d+)", uri))


#: Why a vector is not for this package, and how that shows.
APART = {
    "the value of an AI that is not in the table is not read": lambda vector: (
        refused(vector) and vector.get("check") != "validateAIrepeats" and not set(ais_of(vector["in"])) <= set(AIS)
    ),
    "which AIs go together is a question about all symbols of a pack": lambda vector: (
        vector.get("check", "validateAIrepeats") != "validateAIrepeats"
    ),
    "short names are always read": lambda vector: (
        refused(vector)
        and option(vector, "permitConvenienceAlphas") == "false"
        and re.search(r"/(gtin|sscc|gln|lot|ser|cpv)/", vector["in"])
    ),
    "GTINs of fewer than 14 digits are always read": lambda vector: (
        refused(vector) and option(vector, "PermitZeroSuppressedGTINinDLuris") == "false" and short_gtin(vector["in"])
    ),
    "a check cannot be turned off": lambda vector: option(vector, "ValidationEnabled").endswith(", false"),
    "no key of this package": lambda vector: re.search(r"[/(](8013|7040)[/)]", vector.get("in", "")),
    "a symbol that holds no GS1 data": lambda vector: (
        not refused(vector) and "symbology" in vector and not re.match(r"\^|https?://|\d", vector["out"], re.IGNORECASE)
    ),
}


def vectors(name: str) -> list[Any]:
    """The vectors of one set as parameters, each named by what it reads."""
    path = VECTORS / f"{name}.json"
    if not path.is_file():
        return [pytest.param({}, id="absent", marks=pytest.mark.skip(reason=f"no ../shared/conformance: {name}"))]
    return [parameter(vector) for vector in json.loads(path.read_text())["vectors"]]


def parameter(vector: Vector) -> Any:
    name = vector.get("in", vector.get("urn", vector.get("payload")))
    reasons = [why for why, applies in APART.items() if applies(vector)]
    return pytest.param(vector, id=name or "nothing", marks=[pytest.mark.skip(reason=why) for why in reasons[:1]])


def fnc1(scan: ElementString) -> str:
    """The form in which the vectors write what was read."""
    return "^" + scan.scan().replace(GS, "^")


@pytest.mark.parametrize("vector", vectors("check_digit"))
def test_check_digits(vector: Vector) -> None:
    if "payload" in vector:
        assert check_digit(vector["payload"]) == str(vector["check_digit"])
    else:
        assert (check_digit(vector["in"][:-1]) == vector["in"][-1]) is vector["ok"]


@pytest.mark.parametrize("vector", vectors("element_string_bracketed"))
def test_element_strings_for_people(vector: Vector) -> None:
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse(vector["in"])
    else:
        assert fnc1(parse(vector["in"])) == vector["out"]


@pytest.mark.parametrize("vector", vectors("element_string_fnc1"))
def test_element_strings_as_scanned(vector: Vector) -> None:
    scanned = vector["in"].replace("^", GS)
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse(scanned)
    else:
        elements = parse(scanned)
        assert parse(str(elements)) == parse(elements.scan()) == elements
        assert {name for name, _ in elements.elements} == set(ais_of(vector["in"]))


@pytest.mark.parametrize("vector", vectors("scan_data"))
def test_scans(vector: Vector) -> None:
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse_scan(vector["in"])
    elif vector["out"].startswith("^"):
        assert fnc1(parse_scan(vector["in"])) == vector["out"]
    elif vector["out"][0].isdigit():
        digits, _, composite = vector["out"].partition("|^")
        assert fnc1(parse_scan(vector["in"])) == f"^01{digits.zfill(14)}{composite}"
    else:
        assert parse_scan(vector["in"]) == parse_scan(vector["out"])


@pytest.mark.parametrize("vector", vectors("digital_link_parse"))
def test_digital_links_read(vector: Vector) -> None:
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse_scan(vector["in"])
    else:
        assert fnc1(parse_scan(vector["in"])) == vector["out"]


@pytest.mark.parametrize("vector", vectors("digital_link_generate"))
def test_digital_links_written(vector: Vector) -> None:
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse(vector["in"]).digital_link(vector["stem"])
    else:
        written = parse(vector["in"]).digital_link(vector["stem"])
        assert written == vector["out"]


@pytest.mark.parametrize("vector", vectors("uri_unescape"))
def test_percent_decoding(vector: Vector) -> None:
    assert unescape_path(vector["in"]) == vector["path"]
    assert unescape_query(vector["in"]) == vector["query"]


@pytest.mark.parametrize("vector", vectors("ai_linters"))
def test_values(vector: Vector) -> None:
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse(vector["in"])
    else:
        assert str(parse(vector["in"])) == vector["in"]


@pytest.mark.parametrize("vector", vectors("ai_association_rules"))
def test_an_ai_has_one_value(vector: Vector) -> None:
    if refused(vector):
        with pytest.raises(Gs1Error):
            parse(vector["in"])
    else:
        assert str(parse(vector["in"])) == vector["in"]


@pytest.mark.parametrize("vector", vectors("to_canonical_dl_upstream"))
def test_the_canonical_form(vector: Vector) -> None:
    expected = vector["canonical_dl"]
    gtin = re.search(r"/01/(\d{13})(\d)", expected or "")
    if expected is None or (gtin and check_digit(gtin[1]) != gtin[2]):  # upstream does not look at check digits
        with suppress(Gs1Error):  # no key stays what it is, or is refused where it claims to be one
            assert canonical(vector["in"]) == vector["in"]
    else:
        assert canonical(vector["in"]) == expected
        assert canonical(expected) == expected


KINDS: dict[str, type[Sgtin | Sscc | Sgln | Lgtin]] = {"sgtin": Sgtin, "sscc": Sscc, "sgln": Sgln, "lgtin": Lgtin}


@pytest.mark.parametrize("vector", vectors("urn_dl_roundtrip_generated"))
def test_urn_to_digital_link_and_back(vector: Vector) -> None:
    identifier = KINDS[vector["urn"].split(":")[3]].parse(vector["urn"])
    assert identifier == type(identifier).parse(vector["canonical_dl"])
    assert identifier.uri == canonical(vector["urn"]) == vector["canonical_dl"]
    assert identifier.urn(vector["gcp_length"]) == vector["urn"]
    assert {gtin_of(vector["urn"]), gln_of(vector["urn"]), str(identifier)}.issuperset(
        vector[name] for name in ("gtin", "gln", "sscc") if name in vector
    )


@pytest.mark.parametrize("vector", vectors("ndc_gtin"))
def test_ndc_to_gtin_and_back(vector: Vector) -> None:
    ndc, form = Ndc.parse(vector["ndc"]), Format(vector["format"])
    assert (ndc.format, ndc.digits) == (form, vector["ndc10"])
    assert (ndc.eleven.digits, str(ndc.twelve)) == (vector["ndc11"], vector["ndc12_2033"])
    assert ndc in Ndc.parse(vector["ndc11"]).tens()
    assert ndc in Ndc.parse(vector["ndc12_2033"]).tens()
    assert Ndc.parse(vector["ndc12_2033"]).eleven == ndc.eleven
    assert ndc.gtin(vector["indicator"]) == vector["gtin14"]
    assert Ndc.of_gtin(vector["gtin14"], form) == ndc == Ndc.parse(ten_digits(vector["gtin14"]) or "", form)


# ---- patterns: what others take for the form of a key ---------------------------------------------------------------

#: How each form of ours is named there, and which of our values have it.
WRITTEN: dict[str, tuple[type[Any], str]] = {
    "epc-uri-sgtin": (Sgtin, "urn"),
    "epc-uri-sscc": (Sscc, "urn"),
    "epc-uri-sgln": (Sgln, "urn"),
    "epc-uri-pgln": (Pgln, "urn"),
    "epc-class-uri-lgtin": (Lgtin, "urn"),
    "gs1dl-uri-sgtin": (Sgtin, "uri"),
    "gs1dl-uri-sscc": (Sscc, "uri"),
    "gs1dl-uri-sgln": (Sgln, "uri"),
    "gs1dl-uri-pgln": (Pgln, "uri"),
    "gs1dl-class-uri-lgtin": (Lgtin, "uri"),
    "gs1dl-class-uri-gtin": (Gtin, "uri"),
}
PATTERNS = VECTORS.parent / "uri-patterns"


def patterns() -> Iterator[Any]:
    files = sorted(PATTERNS.glob("*.json"))
    if not files:
        yield pytest.param({}, "", id="absent", marks=pytest.mark.skip(reason="no ../shared/conformance: uri-patterns"))
    for file in files:
        name = re.sub(r"-\d+\.\d+\.\d+$", "", file.stem)
        schema = next(iter(json.loads(file.read_text())["$defs"].values()))
        why = None if name in WRITTEN else "a form of a field" if "pattern" not in schema else "no key of this package"
        yield pytest.param(
            schema.get("pattern", ""), name, id=name, marks=[pytest.mark.skip(reason=why)] if why else []
        )


def values_of(kind: type[Any]) -> Iterator[Any]:
    """With every character that a serial number, a lot or an extension may have. A quotation mark stands bare in their
    Digital Links; in ours, which follow RFC 3986, it does not."""
    first = {Gtin: "00614141123452", Sscc: "106141412345678908", Pgln: "0614141123452"}
    if kind in first:
        yield kind(first[kind])
        return
    number = "0614141123452" if kind is Sgln else "00614141123452"
    for character in sorted(set(SET_82) - {'"'}):
        yield kind(number, character * 20)


@pytest.mark.parametrize(("pattern", "name"), list(patterns()))
def test_what_is_written_has_the_form_that_others_expect(pattern: str, name: str) -> None:
    kind, form = WRITTEN[name]
    for value in values_of(kind):
        for written in [value.uri] if form == "uri" else map(value.urn, range(6, 13)):
            assert re.fullmatch(pattern, written)
            assert kind.parse(written) == value
