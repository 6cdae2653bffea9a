"""The rules of FORMATS section 2: tables of what they say, and slow oracles for what they compute."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given as hypothetically
from hypothesis import strategies as st

from traceability.epcis import jsonld, xml
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Event
from traceability.epcis.limits import Limits
from traceability.epcis.values import decimal, in_order

from .corpus import CONTEXT, EPCS, LINKS, PACK, SHIP, VECTORS, json_document

EX = "http://ns.example.com/epcis/"
READERS = {"json": jsonld.parse, "xml": xml.parse}


def read(event: dict[str, Any], **members: Any) -> Event:
    (read,) = jsonld.parse(json_document({**event, **members}, context=[CONTEXT, {"ex": EX}])).events
    return read


def refusal(event: dict[str, Any], **members: Any) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        read(event, **members)
    return refused.value


def vectors(name: str) -> list[dict[str, Any]]:
    """What a second implementation, which shares no code with this one, says of the same documents."""
    path = VECTORS / "canonical" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


@pytest.mark.parametrize("case", vectors("valid"), ids=lambda case: case["name"])
def test_reads_as_the_second_implementation_does(case: dict[str, Any]) -> None:
    for document in case["documents"]:
        events = READERS[document["syntax"]](document["text"].encode()).events
        assert [(event.canonical.decode(), event.identity.hex()) for event in events] == [
            (event["canonical"], event["identity"]) for event in case["events"]
        ]


@pytest.mark.parametrize("case", vectors("refused"), ids=lambda case: case["name"])
def test_refuses_what_the_second_implementation_refuses(case: dict[str, Any]) -> None:
    document = case["document"]
    with pytest.raises(DocumentError) as refused:
        READERS[document["syntax"]](document["text"].encode("utf-8", "surrogatepass"))
    assert refused.value.code == case.get("code", refused.value.code)


# Times


@pytest.mark.parametrize(
    ("written", "canonical"),
    {
        "2026-01-05T08:00:00Z": "2026-01-05T08:00:00.000Z",
        "2026-01-05T08:00:00.1Z": "2026-01-05T08:00:00.100Z",
        "2026-01-05T08:00:00.123456789123Z": "2026-01-05T08:00:00.123456789123Z",
        "2026-01-05T08:00:00.123400Z": "2026-01-05T08:00:00.1234Z",
        "2026-01-05T08:00:00.9999+00:00": "2026-01-05T08:00:00.9999Z",
        "2026-01-01T00:30:00+01:00": "2025-12-31T23:30:00.000Z",
        "2024-02-28T23:30:00-01:00": "2024-02-29T00:30:00.000Z",
        "2026-01-05T08:00:00-00:00": "2026-01-05T08:00:00.000Z",
        "2026-01-05T08:00:00+14:00": "2026-01-04T18:00:00.000Z",
        "  2026-01-05T08:00:00Z\n": "2026-01-05T08:00:00.000Z",
        "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000Z",
    }.items(),
)
def test_a_time_is_utc_with_three_decimals_or_more(written: str, canonical: str) -> None:
    assert read(SHIP, eventTime=written).event_time == canonical


@pytest.mark.parametrize(
    "written",
    [
        *("2026-01-05", "2026-01-05T08:00:00", "2026-01-05T08:00Z", "2026-01-05 08:00:00Z", "2026-01-05t08:00:00z"),
        *("2026-02-30T08:00:00Z", "2026-13-01T08:00:00Z", "2026-01-05T24:00:00Z", "2016-12-31T23:59:60Z"),
        *("2026-01-05T08:00:00.Z", "2026-01-05T08:00:00,5Z", "2026-01-05T08:00:00+0100", "2026-01-05T08:00:00+14:01"),
        *("2026-01-05T08:00:00+01:60", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "20260105T080000Z"),
        *("２０２６-01-05T08:00:00Z", "2026-01-05T08:00:00Z x", "now"),
    ],
)
def test_what_is_no_exact_time_is_refused(written: str) -> None:
    refused = refusal(SHIP, eventTime=written)
    assert (refused.code, refused.where, refused.found) == ("bad_time", "event 0: eventTime", repr(written))


@hypothetically(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.text("0123456789", max_size=12),
)
def test_conversion_moves_the_instant_by_nothing(local: datetime, minutes: int, fraction: str) -> None:
    zone = timezone(timedelta(minutes=minutes))
    local = local.replace(microsecond=0, tzinfo=zone)
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    written = f"{local.replace(tzinfo=None).isoformat()}{'.' + fraction if fraction else ''}{offset}"

    whole, _, decimals = read(SHIP, eventTime=written).event_time.removesuffix("Z").partition(".")

    assert datetime.fromisoformat(whole).replace(tzinfo=UTC) == local
    assert Decimal(f"0.{decimals}") == Decimal(f"0.{fraction or 0}")
    assert len(decimals) == 3 or (len(decimals) > 3 and not decimals.endswith("0"))


@pytest.mark.parametrize("written", ["+00:00", "-00:00", "+14:00", "-12:30"])
def test_an_offset_stays_as_given(written: str) -> None:
    assert read(SHIP, eventTimeZoneOffset=written).event_time_zone_offset == written


@pytest.mark.parametrize("written", ["Z", "+1:00", "+0100", "+14:30", "+01:60", "01:00", "+15:00", "−01:00"])
def test_an_offset_says_where_the_wall_clock_stood(written: str) -> None:
    assert refusal(SHIP, eventTimeZoneOffset=written).code == "bad_offset"


# Numbers


@hypothetically(
    st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda d: abs(d.adjusted()) < 300)
)
def test_a_quantity_keeps_every_digit(number: Decimal) -> None:
    text = decimal(str(number))
    assert Decimal(text) == number
    assert "E" not in text
    assert text == "0" or not ("." in text and text[-1] in "0.")
    assert decimal(text) == text


@pytest.mark.parametrize("text", ["twenty", "", "1,5", "0x10", "1e9999", "NaN", "٣", "1 000", "--1", "9" * 1001])
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(DocumentError) as refused:
        decimal(text)
    assert refused.value.code == "bad_number"


def test_a_large_number_of_json_keeps_its_digits() -> None:
    document = json_document({**SHIP, "quantityList": [{"epcClass": LINKS[0][:36], "quantity": 77}], "ex:n": 88})
    document = document.replace(b"77", b"12345678901234567890.10").replace(b"88", b"1.50e1")
    document = document.replace(f'"{CONTEXT}"'.encode(), json.dumps([CONTEXT, {"ex": EX}]).encode())
    (event,) = jsonld.parse(document).events
    assert event.rest["quantityList"] == [{"epcClass": LINKS[0][:36], "quantity": "12345678901234567890.1"}]
    assert event.rest[EX + "n"] == "1.50e1"  # an extension is text: what was written is kept


# Sets


@hypothetically(st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from('!"\\#'), max_size=4)))
def test_texts_are_in_the_order_of_their_bytes(texts: list[str]) -> None:
    assert in_order(texts) == sorted(texts, key=rfc8785.dumps)


@hypothetically(st.permutations(EPCS), st.randoms())
def test_the_order_in_a_set_says_nothing(epcs: list[str], random: Any) -> None:
    transactions = [{"type": "po", "bizTransaction": f"urn:x:{number}"} for number in (1, 2, 2)]
    random.shuffle(transactions)
    event = read(SHIP, epcList=epcs, bizTransactionList=transactions)
    assert event.epcs == tuple(LINKS)
    assert event.rest["bizTransactionList"] == [
        {"type": "po", "bizTransaction": "urn:x:1"},
        {"type": "po", "bizTransaction": "urn:x:2"},
    ]


@pytest.mark.parametrize(
    "again", [EPCS[0], f" {EPCS[0]} ", LINKS[0], LINKS[0] + "?x=1", "http://a.example/gtin/614141123452/ser/A1"]
)
def test_an_epc_named_twice_in_any_spelling_is_refused(again: str) -> None:
    refused = refusal(SHIP, epcList=[*EPCS, again])
    assert (refused.code, refused.where, refused.found) == ("duplicate_epc", "event 0: epcList", LINKS[0])


def test_a_parent_inside_itself_is_named_twice() -> None:
    refused = refusal(PACK, childEPCs=[PACK["parentID"]])
    assert (refused.code, refused.where) == ("duplicate_epc", "event 0: parentID")


# Extensions


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (" x ", "x"),
        ("\u00a0x", "\u00a0x"),
        (True, "true"),
        (1.5, "1.5"),
        (["a"], "a"),
        ([["a"]], "a"),
        (["b", "a", "b"], ["b", "a", "b"]),
        (["", "a", None], "a"),
        ({"ex:b": "2", "ex:a": "1"}, {EX + "a": "1", EX + "b": "2"}),
        ({"plain": "kept"}, {"plain": "kept"}),
        ({"#text": "x"}, "x"),
        ({"#text": "x", "@ex:unit": "mg"}, {"#text": "x", f"@{EX}unit": "mg"}),
        ({"rdfs:comment": "c", "ex:a": "1"}, {EX + "a": "1"}),
        ({"cbvmda:lotNumber": "0012"}, {"urn:epcglobal:cbv:mda:lotNumber": "0012"}),
    ],
)
def test_an_extension_is_text_and_objects_of_text(written: Any, canonical: Any) -> None:
    assert read(SHIP, **{"ex:field": written}).rest[EX + "field"] == canonical


@pytest.mark.parametrize(
    "written", ["", " \t\n", None, [], {}, [[], ""], {"ex:a": ""}, {"ex:a": {"ex:b": []}}], ids=repr
)
def test_what_is_empty_is_absent(written: Any) -> None:
    assert read(SHIP, **{"ex:field": written}) == read(SHIP)


@pytest.mark.parametrize("name", ["bizStep", "readPoint", "bizTransactionList", "ilmd", "eventID", "certificationInfo"])
@pytest.mark.parametrize("empty", ["", " ", None, [], {}], ids=repr)
def test_an_empty_member_of_the_standard_is_absent(name: str, empty: Any) -> None:
    assert read(SHIP, **{name: empty}) == read(SHIP)


def test_an_extension_is_bounded_in_depth() -> None:
    deep: Any = "x"
    for _ in range(80):
        deep = {"ex:a": deep}
    refused = refusal(SHIP, **{"ex:field": deep})
    assert (refused.code, refused.where) == ("too_deep", "event 0: ex:field")
    document = json_document({**SHIP, "urn:x:field": {"urn:x:a": "1"}})
    with pytest.raises(DocumentError, match="nested too deep"):
        jsonld.parse(document, Limits(max_depth=0))


# Members


@pytest.mark.parametrize(
    ("event", "members", "code", "where"),
    [
        (SHIP, {"eventTime": None}, "missing_member", "event 0: eventTime"),
        (SHIP, {"eventTimeZoneOffset": ""}, "missing_member", "event 0: eventTimeZoneOffset"),
        (SHIP, {"action": None}, "missing_member", "event 0: action"),
        (SHIP, {"action": "add"}, "unknown_word", "event 0: action"),
        (SHIP, {"epcList": []}, "missing_member", "event 0"),
        (SHIP, {"epcList": "urn:x:1"}, "wrong_type", "event 0: epcList"),
        (SHIP, {"epcList": ["urn:x:1", 5]}, "wrong_type", "event 0: epcList"),
        (SHIP, {"epcList": ["A1"]}, "bad_uri", "event 0: epcList"),
        (SHIP, {"epcList": ["urn:epc:id:sgtin:0614141.01234.A1"]}, "malformed_urn", "event 0: epcList"),
        (SHIP, {"epcList": ["https://id.gs1.org/01/00614141123453/21/A1"]}, "bad_check_digit", "event 0: epcList"),
        (SHIP, {"bizStep": "transforming"}, "unknown_word", "event 0: bizStep"),
        (SHIP, {"bizStep": 5}, "wrong_type", "event 0: bizStep"),
        (SHIP, {"shippingDate": "x"}, "unknown_member", "event 0: shippingDate"),
        (SHIP, {"childEPCs": EPCS}, "unknown_member", "event 0: childEPCs"),
        (SHIP, {"parentID": EPCS[0]}, "unknown_member", "event 0: parentID"),
        (SHIP, {"epcis:bizStep": "packing"}, "unknown_member", "event 0: epcis:bizStep"),
        (SHIP, {"ilmd": {"lotNumber": "L1"}, "action": "ADD"}, "unknown_member", "event 0: ilmd: lotNumber"),
        (SHIP, {"ilmd": {"cbvmda:lotNumber": "L1"}}, "ilmd_not_allowed", "event 0: ilmd"),
        (SHIP, {"readPoint": "urn:x:1"}, "wrong_type", "event 0: readPoint"),
        (SHIP, {"readPoint": {"ex:a": "1"}}, "missing_member", "event 0: readPoint: id"),
        (SHIP, {"sourceList": [{"source": "urn:x:1"}]}, "missing_member", "event 0: sourceList: type"),
        (
            SHIP,
            {"quantityList": [{"epcClass": "urn:x:1", "ex:a": "1"}]},
            "unknown_member",
            "event 0: quantityList: ex:a",
        ),
        (
            SHIP,
            {"quantityList": [{"epcClass": "urn:x:1", "quantity": "5"}]},
            "wrong_type",
            "event 0: quantityList: quantity",
        ),
        (SHIP, {"quantityList": [{"epcClass": "urn:x:1", "uom": "kilo"}]}, "bad_unit", "event 0: quantityList: uom"),
        (
            SHIP,
            {"errorDeclaration": {"reason": "did_not_occur"}},
            "missing_member",
            "event 0: errorDeclaration: declarationTime",
        ),
        (SHIP, {"eventID": "17"}, "bad_uri", "event 0: eventID"),
        (SHIP, {"type": "TransformationEvent"}, "unsupported_event", "event 0"),
        (SHIP, {"type": ["ObjectEvent"]}, "unsupported_event", "event 0"),
        (SHIP, {"sensorElementList": [{"ex:a": "1"}]}, "missing_member", "event 0: sensorElementList: sensorReport"),
        (PACK, {"parentID": None}, "missing_member", "event 0: parentID"),
        (PACK, {"childEPCs": []}, "missing_member", "event 0"),
        (PACK, {"action": "DELETE", "parentID": ""}, "missing_member", "event 0: parentID"),
        (PACK, {"ilmd": {"cbvmda:lotNumber": "L1"}}, "unknown_member", "event 0: ilmd"),
    ],
)
def test_refuses(event: dict[str, Any], members: dict[str, Any], code: str, where: str) -> None:
    refused = refusal(event, **members)
    assert (refused.code, refused.where) == (code, where)


@pytest.mark.parametrize(
    ("event", "members", "epcs"),
    [
        (SHIP, {"epcList": [], "quantityList": [{"epcClass": LINKS[0][:36]}]}, 0),
        (SHIP, {"epcList": [], "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 4}]}]}, 0),
        (PACK, {"action": "OBSERVE", "parentID": None}, 3),
        (PACK, {"action": "DELETE", "childEPCs": []}, 0),
        (PACK, {"childEPCs": [], "childQuantityList": [{"epcClass": LINKS[0][:36], "quantity": 2}]}, 0),
    ],
)
def test_takes_what_the_standard_lets_be_left_out(event: dict[str, Any], members: dict[str, Any], epcs: int) -> None:
    assert len(read(event, **members).epcs) == epcs


@pytest.mark.parametrize(
    ("member", "value", "kept"),
    [
        (
            "sourceList",
            [{"type": "urn:epcglobal:cbv:sdt:locaton", "source": "urn:x:1"}],
            "urn:epcglobal:cbv:sdt:locaton",
        ),
        ("sourceList", [{"type": "ex:dock", "source": "urn:x:1"}], EX + "dock"),
        ("destinationList", [{"type": "place", "destination": "urn:x:1"}], "place"),
    ],
)
def test_an_unknown_kind_of_source_or_destination_is_kept_and_told(member: str, value: Any, kept: str) -> None:
    document = jsonld.parse(json_document({**SHIP, member: value}, context=[CONTEXT, {"ex": EX}]))
    assert [warning.code for warning in document.warnings] == ["unknown_source_or_destination_type"]
    (party,) = document.events[0].sources + document.events[0].destinations
    assert party["type"] == kept


def test_a_word_that_is_none_in_the_namespace_of_cbv_is_kept_and_told() -> None:
    document = jsonld.parse(json_document({**SHIP, "bizStep": "urn:epcglobal:cbv:bizstep:transforming"}))
    assert document.events[0].biz_step == "urn:epcglobal:cbv:bizstep:transforming"
    assert [(warning.code, warning.where) for warning in document.warnings] == [("unknown_word", "event 0")]


def test_limits_count_events_and_epcs() -> None:
    document = json_document(SHIP, PACK)
    assert len(jsonld.parse(document, Limits(max_events=2, max_epcs=6)).events) == 2
    for limits, code, where in (
        (Limits(max_events=1), "too_many_events", "event 1"),
        (Limits(max_epcs=5), "too_many_epcs", "event 1"),
        (Limits(max_bytes=len(document) - 1), "too_large", None),
    ):
        with pytest.raises(DocumentError) as refused:
            jsonld.parse(document, limits)
        assert (refused.value.code, refused.value.where) == (code, where)
