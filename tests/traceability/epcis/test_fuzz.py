"""Nothing that anybody sends ends in anything but a document or a `DocumentError`; and twins stay twins."""

import json
import re
from html import escape
from typing import Any

import pytest
from hypothesis import example, settings
from hypothesis import given as hypothetically
from hypothesis import strategies as st

from traceability.epcis import jsonld, xml
from traceability.epcis.documents import parse
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Event

from .corpus import CONTEXT, EPCS, PACK, SHIP, json_document, xml_document

EX = "http://ns.example.com/epcis/"
MDA = "urn:epcglobal:cbv:mda"
FULL = {
    **SHIP,
    "eventID": "urn:uuid:1",
    "action": "ADD",
    "bizStep": "commissioning",
    "disposition": "active",
    "readPoint": {"id": "urn:epc:id:sgln:0614141.00777.0", "ex:door": "4"},
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141007776:PO1"}],
    "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:0614141.00777"}],
    "quantityList": [{"epcClass": "urn:epc:class:lgtin:0614141.012345.L1", "quantity": 2.5, "uom": "KGM"}],
    "ilmd": {"cbvmda:lotNumber": "L1", "ex:tests": [{"ex:name": "pH"}, {"ex:name": "purity"}]},
    "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 4.5, "booleanValue": True}]}],
    "errorDeclaration": {"declarationTime": "2026-01-06T08:00:00Z", "reason": "did_not_occur"},
    "certificationInfo": ["urn:x:1"],
}
JSON = json_document(FULL, PACK, context=[CONTEXT, {"ex": EX}])


def outcome(data: bytes) -> Any:
    """The canonical events of what is read, the code of what is refused. Whatever else happens fails the test."""
    try:
        return [event.canonical for event in parse(data).events]
    except DocumentError as error:
        refused = error
    assert re.fullmatch("[a-z][a-z0-9_]+", refused.code)
    assert refused.detail in str(refused)
    return refused.code


# A small writer of XML 1.2, from the members of JSON


def written(tag: str, value: Any) -> str:
    if isinstance(value, list) and tag in ITEMS:
        return f"<{tag}>{''.join(written(ITEMS[tag], item) for item in value)}</{tag}>"
    if isinstance(value, list):
        return "".join(written(tag, item) for item in value)
    if tag in ("source", "destination", "bizTransaction") and isinstance(value, dict):
        return f'<{tag} type="{value["type"]}">{escape(value[tag])}</{tag}>'
    if tag == "sensorReport":
        return f"<{tag} {' '.join(f'{name}={chr(34)}{text(part)}{chr(34)}' for name, part in value.items())}/>"
    if isinstance(value, dict):
        return f"<{tag}>{''.join(written(name, part) for name, part in value.items())}</{tag}>"
    return f"<{tag}>{escape(text(value))}</{tag}>"


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


ITEMS = {
    **{"epcList": "epc", "childEPCs": "epc", "quantityList": "quantityElement", "childQuantityList": "quantityElement"},
    **{"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination"},
    **{"sensorElementList": "sensorElement", "correctiveEventIDs": "correctiveEventID"},
}
NESTED = {"eventID", "errorDeclaration"}, {"quantityList", "sourceList", "destinationList", "ilmd", "childQuantityList"}


def as_xml(event: dict[str, Any]) -> str:
    """The members in the places that version 1.2 has for them."""
    members = {name: written(name, value) for name, value in event.items() if name != "type"}
    for wrapper, names in zip(("baseExtension", "extension"), NESTED, strict=True):
        inside = "".join(members.pop(name) for name in names & members.keys())
        members[wrapper] = f"<{wrapper}>{inside}</{wrapper}>"
    return f"<{event['type']}>{''.join(members.values())}</{event['type']}>"


XML = xml_document(as_xml(FULL), as_xml(PACK))


def test_the_documents_to_damage_are_good_twins() -> None:
    assert outcome(XML) == outcome(JSON)
    assert len(outcome(JSON)) == 2


PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=8
)
NAMES = st.sampled_from(["ex:a", "ex:b", "cbvmda:lotNumber", "plain"])
EXTENSION = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).filter(lambda items: not any(isinstance(i, list) for i in items))
        | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)
EVENTS = st.fixed_dictionaries(
    {
        **{name: st.just(value) for name, value in SHIP.items()},
        "epcList": st.lists(st.sampled_from(EPCS), min_size=1, unique=True),
        "eventTime": st.sampled_from(["2026-01-05T08:00:00Z", "2026-01-05T09:00:00.1230+01:00"]),
    },
    optional={
        "bizStep": st.sampled_from(["shipping", "urn:epcglobal:cbv:bizstep:shipping", "urn:x:own", ""]),
        "quantityList": st.lists(
            st.fixed_dictionaries(
                {"epcClass": st.sampled_from(["urn:x:1", "urn:epc:idpat:sgtin:0614141.012345.*"])},
                optional={"quantity": st.integers(0, 99) | st.floats(0, 9, width=16), "uom": st.just("KGM")},
            ),
            max_size=3,
        ),
        "sourceList": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["location", "place"]), "source": st.sampled_from(["urn:x:1", "urn:x:2"])}
            ),
            max_size=3,
        ),
        "ex:field": EXTENSION,
    },
)


@hypothetically(st.lists(EVENTS, max_size=3))
def test_twins_give_equal_canonical_bytes(events: list[dict[str, Any]]) -> None:
    from_json = jsonld.parse(json_document(*events, context=[CONTEXT, {"ex": EX}])).events
    from_xml = xml.parse(xml_document(*map(as_xml, events))).events
    assert [event.canonical for event in from_json] == [event.canonical for event in from_xml]


@hypothetically(EVENTS)
def test_a_canonical_event_is_its_own_canonical_form(event: dict[str, Any]) -> None:
    (first,) = jsonld.parse(json_document(event, context=[CONTEXT, {"ex": EX}])).events
    stored = Event.from_canonical(json.loads(first.canonical))
    assert (stored, stored.canonical, stored.identity) == (first, first.canonical, first.identity)


# Damage


@hypothetically(st.binary(max_size=200))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"{", b"<", b'{"@context":', b"<?xml version='1.0'?><", b"\xff\xfe", b"\xfe\xff"):
        outcome(start + data)


@pytest.mark.parametrize("good", [JSON, XML], ids=["json", "xml"])
@settings(max_examples=300)
@hypothetically(
    where=st.floats(0, 1),
    length=st.integers(0, 40),
    instead=st.binary(max_size=12)
    | st.sampled_from(
        [
            b"<",
            b"</",
            b"<!--",
            b"<![CDATA[",
            b"&lt;",
            b"&#0;",
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b'"x":',
            b"null",
            b"1e999",
            b"\\ud800",
            b":",
        ]
    ),
)
def test_damaged_documents_are_read_or_refused(good: bytes, where: float, length: int, instead: bytes) -> None:
    at = int(where * len(good))
    outcome(good[:at] + instead + good[at + length :])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "ex:a", "@ex:b", "#text", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@hypothetically(st.sampled_from([*FULL, *PACK, "ex:a", "@context", "@", "@@", ":", "x:", ":x", ""]), VALUES)
@example("sensorElementList", [{"sensorReport": [{"type": None}]}, {}])
@example("@context", {"@": "x", "": ""})
def test_any_value_in_any_place_is_read_or_refused(name: str, value: Any) -> None:
    for event in (FULL, PACK):
        outcome(json_document({**event, name: value}, context=[CONTEXT, {"ex": EX}]))


@hypothetically(st.sampled_from(["sender", "epcisHeader", "epcisBody", "type", "@context", "ex:a", "id"]), VALUES)
def test_any_value_around_the_events_is_read_or_refused(name: str, value: Any) -> None:
    document = json.loads(JSON)
    outcome(json.dumps({**document, name: value}).encode())
    header = {
        "epcisMasterData": {"vocabularyList": [{"vocabularyElementList": [{"id": EPCS[0], "attributes": value}]}]}
    }
    outcome(json.dumps({**document, "epcisHeader": header}).encode())


@pytest.mark.parametrize("depth", [50, 90, 250, 900, 5000])
def test_depth_anywhere_is_read_or_refused(depth: int) -> None:
    nested = '{"urn:x:a":' * depth + "1" + "}" * depth
    for place in ('"epcisHeader": {"urn:x:a": 0}', '"sender": 0', '"type": 0', '"@context": 0', '"ex:a": 0'):
        outcome(JSON.replace(b"{", b"{" + place.replace("0", nested).encode() + b",", 1))
    statement = f'{{"http://epcis.gs1us.org/hc/nsdscsaTransactionStatement": {nested}}}'
    outcome(JSON.replace(b"{", b'{"epcisHeader":' + statement.encode() + b",", 1))
    attribute = f'{{"id": "urn:x:1", "attribute": {nested}}}'
    element = f'{{"id": "{EPCS[0]}", "attributes": [{attribute}]}}'
    master_data = f'{{"epcisMasterData": {{"vocabularyList": [{{"vocabularyElementList": [{element}]}}]}}}}'
    outcome(JSON.replace(b"{", b'{"epcisHeader":' + master_data.encode() + b",", 1))
    elements = "<ex:a>" * depth + "1" + "</ex:a>" * depth
    outcome(
        xml_document(as_xml(SHIP), header=f"<EPCISHeader><extension>{HC.format(elements)}</extension></EPCISHeader>")
    )
    outcome(xml_document(as_xml(SHIP), around=HC.format(elements)))
    outcome(xml_document(as_xml({**SHIP, "ex:a": "X"}).replace("X", elements)))


HC = "<gs1ushc:dscsaTransactionStatement>{}</gs1ushc:dscsaTransactionStatement>"


@pytest.mark.parametrize("syntax", ["json", "xml"])
def test_an_identifier_is_no_longer_than_an_index_holds(syntax: str) -> None:
    events = {**SHIP, "epcList": ["urn:x:" + "é" * 1000]}
    assert outcome(json_document(events) if syntax == "json" else xml_document(as_xml(events))) == "too_large"
