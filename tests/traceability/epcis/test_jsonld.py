"""JSON-LD: strict text, and names without a network."""

import json
from typing import Any

import pytest

from traceability.epcis import jsonld
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Document

from .corpus import CONTEXT, LINKS, SHIP, json_document

GOOD = json_document(SHIP)
HC = "http://epcis.gs1us.org/hc/ns"


def refusal(data: bytes) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        jsonld.parse(data)
    return refused.value


def within(text: str) -> bytes:
    """A good document, with this in the place of a value on its second line."""
    return GOOD.replace(b'"action": "OBSERVE"', b'"action":\n' + text.encode())


DAMAGED = {
    "cut-short": (GOOD[:-1], "malformed_document", f"line 1, column {len(GOOD)}"),
    "something-behind": (GOOD + b"{}", "malformed_document", f"line 1, column {len(GOOD) + 1}"),
    "comma-missing": (within('"OBSERVE" "x"'), "malformed_document", "line 2, column 11"),
    "single-quotes": (within("'OBSERVE'"), "malformed_document", "line 2, column 1"),
    "control-character": (within('"OBS\tERVE"'), "malformed_document", "line 2, column 5"),
    "a-comment": (within('"OBSERVE" // why'), "malformed_document", "line 2, column 11"),
    "leading-zero": (within("007"), "malformed_document", "line 2, column 2"),
    "empty": (b"", "malformed_document", "line 1, column 1"),
    "nan": (within("NaN"), "not_a_number", "line 2, column 1"),
    "infinity": (within('[" Infinity", -Infinity]'), "not_a_number", "line 2, column 15"),
    "nul": (within('"OBSERVE\\u0000"'), "nul", "line 2, column 9"),
    "lone-high-surrogate": (within('"\\ud83d"'), "lone_surrogate", "line 2, column 2"),
    "lone-low-surrogate": (within('"\\ude00x"'), "lone_surrogate", "line 2, column 2"),
    "surrogates-the-wrong-way-round": (within('"\\ude00\\ud83d"'), "lone_surrogate", "line 2, column 2"),
    "surrogate-before-another-escape": (within('"\\ud83d\\u0041"'), "lone_surrogate", "line 2, column 2"),
    "raw-surrogate": (within('"x"').replace(b'"x"', b'"\xed\xa0\xbd"'), "not_utf8", None),
    "latin-1": (within('"x"').replace(b'"x"', b'"\xe9"'), "not_utf8", None),
    "repeated-member": (within('"OBSERVE", "action": "ADD"'), "duplicate_member", "line 2, column 12"),
    "repeated-by-escape": (within('"OBSERVE", "\\u0061ction": "ADD"'), "duplicate_member", "line 2, column 12"),
    "repeated-deep-inside": (within('{"a": [{"b": 1, "b": 2}]}'), "duplicate_member", "line 2, column 17"),
    "repeated-name-of-a-context": (
        within('"ADD", "ex:a": {"x": 1}, "ex:a": 2'),
        "duplicate_member",
        "line 2, column 26",
    ),
    "endless-depth": (within("[" * 100_000), "too_deep", None),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_refuses_text_that_could_be_read_in_two_ways(damage: str) -> None:
    data, code, where = DAMAGED[damage]
    refused = refusal(data)
    assert refused.code == code
    assert where is None or refused.where == where


def test_a_message_says_what_was_expected_and_what_was_found() -> None:
    assert str(refusal(within('"OBSERVE" "x"'))).startswith(
        "line 2, column 11: not JSON; expected ',' delimiter; found '\"x\"}]}}'"
    )


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\\\u0000"', '"\\\\\\\\ud800"', '"\\u00e9"'])
def test_characters_may_be_escaped(text: str) -> None:
    (event,) = jsonld.parse(GOOD.replace(b'"action"', b'"urn:x:field": ' + text.encode() + b', "action"')).events
    assert event.rest["urn:x:field"] == json.loads(text)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert jsonld.parse(b"\xef\xbb\xbf" + GOOD) == jsonld.parse(GOOD)


# Documents


@pytest.mark.parametrize(
    ("members", "code", "where"),
    [
        ({"type": "ObjectEvent"}, "unsupported_syntax", "type"),
        ({"type": ["EPCISDocument"]}, "unsupported_syntax", "type"),
        ({"@context": None}, "unsupported_context", "@context"),
        ({"comment": "x"}, "unknown_member", "comment"),
        ({"sender": 5}, "wrong_type", "sender"),
        ({"epcisHeader": []}, "wrong_type", "epcisHeader"),
        ({"epcisHeader": {"epcisMasterData": {"vocabularyList": {}}}}, "wrong_type", "vocabularyList"),
    ],
)
def test_refuses_what_is_no_document(members: dict[str, Any], code: str, where: str) -> None:
    refused = refusal(json_document(SHIP, **members))
    assert (refused.code, refused.where) == (code, where)


@pytest.mark.parametrize("name", ["@context", "schemaVersion", "creationDate", "epcisBody"])
def test_a_document_has_what_the_published_schema_requires(name: str) -> None:
    members = json.loads(GOOD)
    del members[name]
    refused = refusal(json.dumps(members).encode())
    assert (refused.code, refused.where) == ("missing_member", name)


@pytest.mark.parametrize("text", ["[]", '"x"', "5", "null", "true"])
def test_a_document_is_an_object(text: str) -> None:
    assert refusal(text.encode()).code == "wrong_type"


def test_an_answer_to_a_query_holds_events_too() -> None:
    members = json.loads(GOOD)
    members |= {"type": "EPCISQueryDocument", "epcisBody": {"queryResults": {"resultsBody": members["epcisBody"]}}}
    assert jsonld.parse(json.dumps(members).encode()).events == jsonld.parse(GOOD).events


def test_a_position_counts_events_from_nought() -> None:
    refused = refusal(json_document(SHIP, {**SHIP, "eventTime": "now"}))
    assert (refused.where, refused.code) == ("event 1: eventTime", "bad_time")


# Names


def named(field: str, context: Any = CONTEXT, **of_event: Any) -> Document:
    return jsonld.parse(json_document({**SHIP, **of_event, field: "x"}, context=context))


@pytest.mark.parametrize(
    ("field", "context", "name"),
    [
        ("ex:a", {"ex": "http://ns.example.com/epcis"}, "http://ns.example.com/epcisa"),
        ("ex:a", [CONTEXT, {"ex": "http://one.example/"}, {"ex": "http://two.example/"}], "http://two.example/a"),
        ("ex:a", {"ex": {"@id": "http://ns.example.com/"}}, "http://ns.example.com/a"),
        ("mine", {"mine": "http://ns.example.com/mine"}, "http://ns.example.com/mine"),
        ("http://ns.example.com/a", CONTEXT, "http://ns.example.com/a"),
        ("gs1:a", CONTEXT, "https://gs1.org/voc/a"),
        ("gs1:a", {"gs1": "https://ref.gs1.org/voc/"}, "https://gs1.org/voc/a"),
        ("cbvmda:a", CONTEXT, "urn:epcglobal:cbv:mda:a"),
        ("cbvmda:a", {"cbvmda": "urn:epcglobal:cbv:mda"}, "urn:epcglobal:cbv:mda:a"),
        ("cbvmda:a", {"cbvmda": "http://example.com/cbvmda/"}, "urn:epcglobal:cbv:mda:a"),
        ("cbvmda:a", {"rdfs": "http://www.w3.org/2000/01/rdf-schema#", "@protected": True}, "urn:epcglobal:cbv:mda:a"),
    ],
)
def test_a_name_is_what_the_contexts_say(field: str, context: Any, name: str) -> None:
    assert named(field, context).events[0].rest[name] == "x"


def test_a_context_of_an_event_holds_for_it_alone() -> None:
    mine = {**SHIP, "@context": [{"my": "http://my.example/"}], "my:a": "1"}
    assert jsonld.parse(json_document(mine)).events[0].rest == {"http://my.example/a": "1"}
    assert refusal(json_document(mine, {**SHIP, "my:a": "1"})).where == "event 1: my:a"


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ({"bizStep": "http://evil.example/bizStep"}, "'bizStep', which EPCIS defines"),
        ({"rdfs": "http://evil.example/"}, "http://evil.example/"),
        ({"@vocab": "http://ns.example.com/"}, "'@vocab'"),
        ({"ex": 5}, "'ex'"),
        ([CONTEXT, 5], "'5'"),
    ],
)
def test_a_context_cannot_change_what_epcis_says(context: Any, found: str) -> None:
    refused = refusal(json_document(SHIP, context=context))
    assert (refused.code, refused.where, refused.found) == ("unsupported_context", "@context", found)


def test_a_context_stands_at_the_document_or_at_an_event() -> None:
    refused = refusal(json_document({**SHIP, "urn:x:a": {"@context": {"urn": "x"}}}))
    assert (refused.code, refused.found) == ("unsupported_context", "one further in")


def test_a_prefix_has_to_be_explained() -> None:
    refused = refusal(json_document({**SHIP, "whose:a": "x"}))
    assert (refused.code, refused.where) == ("unknown_prefix", "event 0: whose:a")


def test_one_member_under_two_names_is_refused() -> None:
    refused = refusal(
        json_document({**SHIP, "action": "ADD", "ilmd": {"cbvmda:a": "1", "urn:epcglobal:cbv:mda#a": "2"}})
    )
    assert (refused.code, refused.found) == ("duplicate_member", "urn:epcglobal:cbv:mda:a")


def test_a_step_of_ones_own_is_its_full_uri() -> None:
    (event,) = named("ex:a", {"ex": "http://ns.example.com/"}, bizStep="ex:weighing").events
    assert event.biz_step == "http://ns.example.com/weighing"


def test_nothing_but_the_members_makes_the_event() -> None:
    received = {**SHIP, "recordTime": "yesterday", "rdfs:comment": "why"}
    assert jsonld.parse(json_document(received)).events == jsonld.parse(GOOD).events


# Header


def test_the_header_has_its_parties_its_products_and_its_statement() -> None:
    master_data = {
        "vocabularyList": [
            {
                "type": "urn:epcglobal:epcis:vtype:EPCClass",
                "vocabularyElementList": [
                    {
                        "id": "urn:epc:idpat:sgtin:0614141.012345.*",
                        "attributes": [
                            {"id": "cbvmda:regulatedProductName", "attribute": " Aspirin "},
                            {"id": "urn:epcglobal:cbv:mda#netContentDescription", "attribute": 500},
                            {"id": "http://ns.example.com/otc", "attribute": True},
                            {"id": "cbvmda:weight", "attribute": {"cbvmda:value": 1.50, "http://x.example/u": "mg"}},
                        ],
                    },
                    {"id": "urn:uuid:00000000-0000-4000-8000-000000000000", "attributes": []},
                ],
            }
        ]
    }
    document = jsonld.parse(
        json_document(
            SHIP,
            context=[CONTEXT, {"gs1ushc": HC}],
            sender="urn:epc:id:sgln:0614141.00777.0",
            receiver="a wholesaler",
            instanceIdentifier=" 17 ",
            epcisHeader={"epcisMasterData": master_data, "gs1ushc:guidelineVersion": "R1.3"},
            **{
                "gs1ushc:dscsaTransactionStatement": {
                    "gs1ushc:affirmTransactionStatement": True,
                    "legalNotice": " So. ",
                }
            },
        )
    )
    assert document.header == {
        "sender": "https://id.gs1.org/414/0614141007776",
        "receiver": "a wholesaler",
        "instance": "17",
        "guideline": "R1.3",
        "ts:affirmTransactionStatement": "true",
        "ts:legalNotice": " So. ",
        "product:00614141123452": {
            "regulatedProductName": "Aspirin",
            "netContentDescription": "500",
            "http://ns.example.com/otc": "true",
            "weight.value": "1.5",
            "weight.http://x.example/u": "mg",
        },
    }


def test_without_a_header_there_is_none() -> None:
    assert jsonld.parse(GOOD).header == {}
    assert jsonld.parse(GOOD).events[0].epcs == tuple(LINKS)
