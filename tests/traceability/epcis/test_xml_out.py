"""EPCIS 1.2 as it is written: valid by the standard's schema, and read back as the same canonical events."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from partners.gs1.identifiers import Sgtin
from tests.traceability.epcis.corpus import CONFORMANCE, EPCS, LINKS, SHIP, given, json_document
from traceability.epcis import documents, jsonld, xml, xml_out
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Document
from traceability.epcis.xml_out import CannotWrite, Urns, company_prefixes

SCHEMA = CONFORMANCE / "schemas" / "xsd-1.2" / "EPCglobal-epcis-1_2.xsd"


@cache
def schema() -> Any:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


def written(document: Document, prefixes: Any = ()) -> bytes:
    pieces = xml_out.document(
        document.events,
        header=document.header,
        sender="0614141000012",
        receiver="0614141003001",
        instance="urn:uuid:93c8c77f-a277-438d-aa83-b97cfab380e7#7",
        created=datetime(2026, 1, 5, 8, tzinfo=UTC),
        guideline="GS1 US DSCSA R1.3",
        prefixes=prefixes,
    )
    return "".join(pieces).encode()


def demand_valid(data: bytes) -> None:
    """Where the schema lies beside the repository."""
    if not SCHEMA.exists():
        return
    found = schema()
    assert found.validate(etree.fromstring(data)), found.error_log


def described(document: Document) -> dict[str, Any]:
    """Products, places and the statement; a value that its writer broke into lines is the same value."""
    kept = {name: value for name, value in document.header.items() if ":" in name}
    return {
        name: {each: str(said).split() for each, said in value.items()} if isinstance(value, dict) else value
        for name, value in kept.items()
    }


XML = (
    "dscsa/epcis-1.2/amerisourcebergen_style_sample.xml",
    "dscsa/epcis-1.2/gs1us_r1.3_2.2.1.1_direct_purchase.xml",
)


@pytest.mark.parametrize("name", XML)
def test_files_of_the_trade_come_back_with_the_same_events_header_and_urns(name: str) -> None:
    received = given(name)
    document = xml.parse(received)
    made = written(document, company_prefixes(received))
    demand_valid(made)
    again = xml.parse(made)
    assert [event.canonical for event in again.events] == [event.canonical for event in document.events]
    assert described(again) == described(document)
    assert b"https://id.gs1.org" not in made
    for epc in {epc for event in document.events for epc in event.epcs}:
        assert Urns(company_prefixes(received))(epc).encode() in received


def every_document() -> list[Path]:
    return sorted([*CONFORMANCE.rglob("*.json"), *CONFORMANCE.rglob("*.xml"), *CONFORMANCE.rglob("*.jsonld")])


def test_whatever_is_read_of_others_comes_back_or_is_refused_for_what_1_2_does_not_have() -> None:
    outcomes = {"written": 0, "refused": 0}
    if not every_document():
        pytest.skip("no documents by others beside the repository")
    for path in every_document():
        try:
            document = documents.parse(path.read_bytes())
        except DocumentError:
            continue
        try:
            made = written(document)
        except CannotWrite:
            outcomes["refused"] += 1
            continue
        again = xml.parse(made)
        assert [event.canonical for event in again.events] == [event.canonical for event in document.events], path
        demand_valid(made)
        outcomes["written"] += 1
    assert outcomes["written"] > 20, outcomes


def test_without_a_company_prefix_a_number_stands_as_it_is() -> None:
    link = LINKS[0]
    assert Urns([])(link) == link
    assert Urns(["0614141"])(link) == EPCS[0]
    assert Urns(["0614141", "061414"])(link) == EPCS[0]
    assert Urns(["0614141"]).pattern("00614141123452") == "urn:epc:idpat:sgtin:0614141.012345.*"


@pytest.mark.parametrize("serial", ["A/1", "A%1", 'A"<&>1', "A+1", "!'()*", "a_b"])
def test_any_serial_number_comes_back(serial: str) -> None:
    link = Sgtin("00614141123452", serial).uri
    document = jsonld.parse(json_document(SHIP | {"epcList": [link]}))
    for prefixes in ((), ("0614141",)):
        made = written(document, prefixes)
        demand_valid(made)
        assert xml.parse(made).events[0].canonical == document.events[0].canonical


VALUES: dict[str, dict[str, Any]] = {
    "carriage-return": {"http://ns.example.com/a": "one\r\ntwo"},
    "markup": {"http://ns.example.com/a": '<b>&amp;</b> "quoted"'},
    "list": {"http://ns.example.com/a": ["one", "two", "two"]},
    "object": {"http://ns.example.com/a": {"http://ns.example.com/b": "x", "http://other.example.com/c#d": ["y", "z"]}},
    "healthcare": {"http://epcis.gs1us.org/hc/ns#dropShipment": "false"},
    "reference": {"bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141000012:PO&1"}]},
    "parties": {"sourceList": [{"type": "owning_party", "source": "https://id.gs1.org/417/0614141000012"}]},
}


@pytest.mark.parametrize("name", VALUES)
def test_extensions_and_references_come_back(name: str) -> None:
    document = jsonld.parse(json_document(SHIP | VALUES[name]))
    made = written(document, ("0614141",))
    demand_valid(made)
    assert xml.parse(made).events[0].canonical == document.events[0].canonical


@pytest.mark.parametrize(
    "member",
    [
        {"persistentDisposition": {"set": ["damaged"]}},
        {"http://ns.example.com/a": "\x0b"},
        {"http://ns.example.com/not a name": "x"},
        {"http://ns.example.com/a": {'@b="1"><c/><d e': "x", "#text": "y"}},
    ],
    ids=["persistent-disposition", "no-character-of-xml", "no-name-of-an-element", "no-name-of-an-attribute"],
)
def test_what_1_2_has_no_place_for_is_refused(member: Any) -> None:
    document = jsonld.parse(json_document(SHIP | member))
    with pytest.raises(CannotWrite):
        written(document)
