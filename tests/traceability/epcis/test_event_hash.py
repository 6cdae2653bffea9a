"""The CBV event hash against the values published for it (the manifest of 2026)."""

import json
from typing import Any

import pytest
from lxml import etree

from traceability.epcis import jsonld
from traceability.epcis.documents import parse
from traceability.epcis.event_hash import event_hash, pre_hash
from traceability.epcis.events import Event

from .corpus import CONFORMANCE, CONTEXT, PACK, SHIP, given, json_document

KINDS = ("ObjectEvent", "AggregationEvent")
NOT_READ = {
    "docs/epcisDocWithAllGS1Keys.jsonld": "names one SSCC twice, which FORMATS refuses",
    "docs/epcisQueryDocument.xml": "a query document of version 2.0 in XML",
    "docs/epcisDocWithTransformationEventWithExtension.xml": "TransformationEvent",
    "equal/differentRepresentationsOfTransactionEvent.xml": "TransactionEvent",
    "equal/differentRepresentationsOfTransformationEvent.xml": "TransformationEvent",
}


def listed(name: str) -> dict[str, Any]:
    path = CONFORMANCE / "event-hash" / name
    return json.loads(path.read_text())["files"] if path.exists() else {}


def events(name: str) -> dict[int, Event]:
    """The events of the kinds that are read, by their places in the document; XML 2.0 relabelled as 1.2."""
    data = given(name)
    if name.endswith(".xml"):
        root = etree.fromstring(data.replace(b"epcis:xsd:2", b"epcis:xsd:1"))
        elements = list(root.iterfind("EPCISBody/EventList/*[eventTime]"))
        kinds = [element.tag for element in elements]
        for element in elements:
            if element.tag not in KINDS:
                element.getparent().remove(element)  # type: ignore[union-attr]
        kept = etree.tostring(root)
    else:
        document = json.loads(data)
        body = document["epcisBody"].get("queryResults", {}).get("resultsBody", document["epcisBody"])
        kinds = [event["type"] for event in body["eventList"]]
        body["eventList"] = [event for event in body["eventList"] if event["type"] in KINDS]
        kept = json.dumps(document).encode()
    places = [place for place, kind in enumerate(kinds) if kind in KINDS]
    return dict(zip(places, parse(kept).events, strict=True))


def skip_unread(name: str) -> None:
    if name in NOT_READ:
        pytest.skip(f"{name}: {NOT_READ[name]}")


@pytest.mark.parametrize("name", listed("manifest.json"))
def test_gives_the_published_values(name: str) -> None:
    skip_unread(name)
    read = events(f"event-hash/{name}")
    published = {event["index"]: event for event in listed("manifest.json")[name]["events"] if event["index"] in read}
    assert read.keys() == published.keys()
    for place, event in read.items():
        assert pre_hash(event) == published[place].get("prehash", pre_hash(event))
        assert event_hash(event) == published[place]["expected"]


@pytest.mark.parametrize(
    "name", [f"equal/{path.name}" for path in sorted((CONFORMANCE / "event-hash" / "equal").glob("*"))]
)
def test_spellings_of_one_event_share_their_hash(name: str) -> None:
    skip_unread(name)
    read = events(f"event-hash/{name}").values()
    assert len(read) > 1
    assert len({event_hash(event) for event in read}) == 1


DERIVED = [
    (name, event["index"])
    for name, found in listed("derived.json").items()
    for event in found
    if event.get("digest") and not name.startswith(("epcis-2.0-json/events", "epcis-2.0-xml/events"))
]


@pytest.mark.parametrize(("name", "place"), DERIVED)
def test_gives_the_values_derived_by_others(name: str, place: int) -> None:
    (digest,) = (event["digest"] for event in listed("derived.json")[name] if event["index"] == place)
    if "SensorData_with_combined" in name:
        pytest.skip(f"{name}: a measurement that neither CBV 2.0 nor its schema has")
    read = events(name)
    if place not in read:
        pytest.skip(f"{name}: event {place} is of a kind not read here")
    assert event_hash(read[place]) == digest


# What no published value shows


def the(event: dict[str, Any], **members: Any) -> Event:
    context = [CONTEXT, {"ex": "http://ns.example.com/epcis"}]
    (read,) = jsonld.parse(json_document({**event, **members}, context=context)).events
    return read


def test_what_corrects_an_event_does_not_change_its_hash() -> None:
    """Which is why it is a label, and nothing is signed by it."""
    declared = the(SHIP, eventID="urn:x:1", errorDeclaration={"declarationTime": "2026-01-06T08:00:00Z"})
    assert event_hash(declared) == event_hash(the(SHIP))
    assert declared.identity != the(SHIP).identity


@pytest.mark.parametrize(
    ("lot", "text"),
    {
        "0012": "12",
        "12.0": "12",
        "1E1": "10",
        "12345678901234567891": "12345678901234567891",
        "1_000": "1_000",
        "Infinity": "Infinity",
        "urn:epcglobal:cbv:bizstep:packing": "https://ref.gs1.org/cbv/BizStep-packing",
        "urn:epc:id:sgtin:0614141.012345.A1": "https://id.gs1.org/01/00614141123452/21/A1",
        "urn:epc:id:sgtin:nonsense": "urn:epc:id:sgtin:nonsense",
    }.items(),
)
def test_text_that_looks_like_a_number_is_one(lot: str, text: str) -> None:
    event = the(SHIP, action="ADD", ilmd={"cbvmda:lotNumber": lot})
    assert pre_hash(event).endswith(f"ilmd{{urn:epcglobal:cbv:mda:}}lotNumber={text}")


def test_a_namespace_is_the_one_that_was_written() -> None:
    event = the(SHIP, **{"ex:field": {"#text": "x", "@ex:unit": "mg", "plain": "y"}})
    written = "{http://ns.example.com/epcis}field=xplain=y{http://ns.example.com/epcis}unit=mg"
    assert pre_hash(event).endswith(written)
    stored = Event.from_canonical(event.members)
    assert pre_hash(stored).endswith("{http://ns.example.com/}epcisfield=xplain=y{http://ns.example.com/}epcisunit=mg")


def test_a_parent_stands_before_its_children() -> None:
    assert "parentID=https://id.gs1.org/00/006141417000000004childEPCsepc=https://id" in pre_hash(the(PACK))


def test_the_reference_leaves_three_characters_bare() -> None:
    event = the(SHIP, epcList=["urn:epc:id:sgtin:0614141.012345.a'b;c=d!e"])
    assert event.epcs == ("https://id.gs1.org/01/00614141123452/21/a%27b%3Bc%3Dd%21e",)
    assert "epc=https://id.gs1.org/01/00614141123452/21/a'b;c=d%21eaction" in pre_hash(event)
