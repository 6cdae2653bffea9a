"""XML 1.2: what is nested comes out flat, what is dirty is told, what is dangerous is refused."""

import pytest

from traceability.epcis import xml
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Document
from traceability.epcis.limits import Limits

from .corpus import EPCS, LINKS, xml_document, xml_event

EX = "http://ns.example.com/epcis/"
GOOD = xml_document(xml_event())


def refusal(data: bytes, limits: Limits | None = None) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        xml.parse(data, limits or Limits())
    return refused.value


def read(inside: str, *, action: str = "OBSERVE") -> Document:
    return xml.parse(xml_document(xml_event(inside, action=action)))


# What is dangerous

DOCTYPES = {
    "plain": "<!DOCTYPE x>",
    "external": '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">',
    "file": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
    "bomb": '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    "parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "default-attribute": "<!DOCTYPE x [<!ATTLIST action x CDATA 'y'>]>",
}


@pytest.mark.parametrize("kind", DOCTYPES)
def test_any_doctype_is_refused(kind: str) -> None:
    declaration, body = GOOD.split(b"\n", 1)
    refused = refusal(declaration + b"\n" + DOCTYPES[kind].encode() + b"\n" + body.replace(b"OBSERVE", b"&f;"))
    assert refused.code == "doctype"


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (GOOD[:-5], "line 13, column 18"),
        (GOOD.replace(b"</action>", b"</acti0n>"), "line 9, column 179"),
        (GOOD.replace(b"OBSERVE", b"OBS&nbsp;ERVE"), "line 9, column 172"),
        (GOOD.replace(b"OBSERVE", b"OBS\x00ERVE"), None),
        (GOOD.replace(b"OBSERVE", b"OBS\xffERVE"), None),
        (GOOD.replace(b"OBSERVE", b"&#xD800;"), None),
        (GOOD + b"<x/>", None),
        (b"", None),
        (b"<", None),
        (b"<?xml version='1.0' encoding='no-such'?><x/>", None),
    ],
)
def test_text_that_is_no_xml_is_refused_with_its_position(data: bytes, where: str | None) -> None:
    refused = refusal(data)
    assert refused.code == "malformed_document"
    assert str(refused.where).startswith("line ")
    assert where is None or refused.where == where


def test_depth_is_bounded() -> None:
    deep = "<ex:a>" * 80 + "x" + "</ex:a>" * 80
    assert refusal(xml_document(xml_event(deep))).code == "too_deep"
    assert refusal(GOOD.replace(b"OBSERVE", b"<a>" * 5000)).code == "too_deep"
    assert refusal(xml_document(xml_event("<extension>" * 5000))).code == "too_deep"


def test_size_is_bounded() -> None:
    assert refusal(GOOD, Limits(max_bytes=len(GOOD) - 1)).code == "too_large"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_declared_encoding_is_read(encoding: str) -> None:
    text = GOOD.decode().replace("UTF-8", encoding).replace("</eventTimeZone", "</eventTimeZone")
    data = text.replace("</ObjectEvent>", "<ex:note>é</ex:note></ObjectEvent>").encode(encoding)
    assert xml.parse(data).events[0].rest == {EX + "note": "é"}


# What is another syntax


@pytest.mark.parametrize(
    "data",
    [
        b"<x/>",
        b"<ObjectEvent/>",
        b"<EPCISDocument/>",
        GOOD.replace(b"epcis:xsd:1", b"epcis:xsd:2"),
        GOOD.replace(b"EPCISDocument", b"EPCISQueryDocument"),
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
    ],
)
def test_other_documents_are_not_read_here(data: bytes) -> None:
    refused = refusal(data)
    assert refused.code == "unsupported_syntax"
    assert str(refused.where).startswith("line ")


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("<TransactionEvent/>", "TransactionEvent"),
        ("<QuantityEvent/>", "QuantityEvent"),
        ("<extension><TransformationEvent/></extension>", "TransformationEvent"),
        ("<extension><extension><AssociationEvent/></extension></extension>", "AssociationEvent"),
        ("<ShippingEvent/>", "ShippingEvent"),
        ("<ex:ObjectEvent/>", f"{{{EX}}}ObjectEvent"),
        ("<epcis:ObjectEvent/>", "{urn:epcglobal:epcis:xsd:1}ObjectEvent"),
        (f"<extension>{xml_event()}</extension>", "ObjectEvent"),
    ],
)
def test_other_kinds_of_event_are_refused_where_they_stand(event: str, found: str) -> None:
    refused = refusal(xml_document(xml_event(), event, xml_event()))
    assert (refused.code, refused.found) == ("unsupported_event", found)
    assert refused.where == "event 1 (line 11)"


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace(b"EPCISBody", b"EPCISBodies"),
        GOOD.replace(b"<EventList>", b"<VocabularyList/><EventList>"),
        GOOD.replace(b"<EPCISBody>", b"<EPCISBody/><EPCISBody>"),
    ],
)
def test_a_document_has_one_body_of_events(data: bytes) -> None:
    assert refusal(data).code in ("unsupported_syntax", "unsupported_event", "missing_member")


# What is nested, and what is said in elements and attributes


def test_extensions_of_the_schema_are_taken_out() -> None:
    document = read(
        "<baseExtension><eventID>urn:uuid:1</eventID><extension><errorDeclaration>"
        "<declarationTime>2026-01-06T08:00:00Z</declarationTime><reason>urn:epcglobal:cbv:er:did_not_occur</reason>"
        "<correctiveEventIDs><correctiveEventID>urn:x:2</correctiveEventID><correctiveEventID>urn:x:1</correctiveEventID>"
        "</correctiveEventIDs><ex:by>me</ex:by></errorDeclaration></extension></baseExtension>"
        "<readPoint><id>urn:x:1</id><extension><ex:door>4</ex:door></extension></readPoint>"
        "<extension><quantityList><quantityElement><epcClass>urn:x:c</epcClass><quantity>2.50</quantity><uom>KGM</uom>"
        "</quantityElement></quantityList><extension><persistentDisposition><set>active</set><set>damaged</set>"
        "<unset>urn:epcglobal:cbv:disp:sellable_accessible</unset></persistentDisposition></extension></extension>"
    )
    (event,) = document.events
    assert event.event_id == "urn:uuid:1"
    assert event.error_declaration == {
        "declarationTime": "2026-01-06T08:00:00.000Z",
        "reason": "did_not_occur",
        "correctiveEventIDs": ["urn:x:1", "urn:x:2"],
        EX + "by": "me",
    }
    assert event.read_point == {"id": "urn:x:1", EX + "door": "4"}
    assert event.rest == {
        "quantityList": [{"epcClass": "urn:x:c", "quantity": "2.5", "uom": "KGM"}],
        "persistentDisposition": {"set": ["active", "damaged"], "unset": ["sellable_accessible"]},
    }


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("<ex:a> x </ex:a>", "x"),
        ("<ex:a>x<!-- a comment -->y<?and a=instruction?></ex:a>", "xy"),
        ("<ex:a><![CDATA[<x>]]>&amp;</ex:a>", "<x>&"),
        ('<ex:a unit="mg">5</ex:a>', {"@unit": "mg", "#text": "5"}),
        ('<ex:a ex:unit="mg"/>', {f"@{EX}unit": "mg"}),
        ('<ex:a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x">5</ex:a>', "5"),
        ("<ex:a><ex:b>1</ex:b><plain>2</plain><ex:b>3</ex:b></ex:a>", {EX + "b": ["1", "3"], "plain": "2"}),
        ("<ex:a>x<ex:b>1</ex:b>y</ex:a>", {EX + "b": "1", "#text": "xy"}),
        ("<ex:a>1</ex:a><ex:a/><ex:a>2</ex:a>", ["1", "2"]),
        ("<ex:a>1</ex:a><extension><ex:a>2</ex:a></extension>", ["1", "2"]),
    ],
)
def test_an_extension_is_text_and_objects_of_text(written: str, canonical: object) -> None:
    assert read(written).events[0].rest == {EX + "a": canonical}


@pytest.mark.parametrize("namespace", ["urn:epcglobal:cbv:mda", "urn:epcglobal:cbv:mda:", "urn:epcglobal:cbv:mda#"])
def test_master_data_of_instances_has_one_name(namespace: str) -> None:
    (event,) = read(
        f'<extension><ilmd><m:lotNumber xmlns:m="{namespace}">L1</m:lotNumber></ilmd></extension>', action="ADD"
    ).events
    assert event.ilmd == {"urn:epcglobal:cbv:mda:lotNumber": "L1"}


def test_sensor_data_stands_in_attributes() -> None:
    (event,) = read(
        "<extension><sensorElementList><sensorElement><sensorMetadata time='2026-01-05T07:00:00Z' ex:by='me'/>"
        "<sensorReport type='gs1:Temperature' value='4.0' uom='CEL' booleanValue='1'/>"
        "<sensorReport type='ex:shock' stringValue='none'/><ex:more>x</ex:more></sensorElement></sensorElementList>"
        "</extension>"
    ).events
    assert event.rest["sensorElementList"] == [
        {
            "sensorMetadata": {"time": "2026-01-05T07:00:00.000Z", EX + "by": "me"},
            "sensorReport": [
                {"type": "Temperature", "value": "4", "uom": "CEL", "booleanValue": True},
                {"type": EX + "shock", "stringValue": "none"},
            ],
            EX + "more": "x",
        }
    ]


@pytest.mark.parametrize(
    ("event", "code", "where"),
    [
        (xml_event("<bizStep>shippingg</bizStep>"), "unknown_word", "event 0: bizStep (line 10)"),
        (xml_event("<testField>x</testField>"), "unknown_member", "event 0: testField (line 10)"),
        (xml_event("<type>ObjectEvent</type>"), "duplicate_member", "event 0: type (line 10)"),
        (xml_event("<action>ADD</action>"), "duplicate_member", "event 0: action (line 9)"),
        (xml_event("<bizStep><x/></bizStep>"), "wrong_type", "event 0: bizStep (line 10)"),
        (xml_event(what="<epcList><epc>urn:x:1<x/></epc></epcList>"), "wrong_type", "event 0: epc (line 9)"),
        (xml_event(what="<epcList><sscc>urn:x:1</sscc></epcList>"), "wrong_type", "event 0: epcList (line 9)"),
        (xml_event(what="<epcList>urn:x:1</epcList>"), "malformed_document", "event 0: near line 9 (line 8)"),
        (xml_event("<sourceList>urn:x:1</sourceList>"), "malformed_document", "event 0: near line 10 (line 8)"),
        (xml_event("stray"), "malformed_document", "event 0: near line 9 (line 8)"),
        (xml_event("&lt;bizStep&gt;shipping&lt;/bizStep&gt;"), "html_escaped", "event 0: near line 9 (line 8)"),
        (xml_event("<quantityList><x/></quantityList>"), "wrong_type", "event 0: quantityList (line 10)"),
        (xml_event().replace("2026-01-05", "2026-1-5"), "bad_time", "event 0: eventTime (line 8)"),
        (xml_event().replace(EPCS[2], EPCS[1]), "duplicate_epc", "event 0: epcList (line 9)"),
        (xml_event(tag="AggregationEvent"), "unknown_member", "event 0: epcList (line 9)"),
        (xml_event().replace("Event>", "Event on='x'>", 1), "unknown_member", "event 0: @on (line 8)"),
    ],
)
def test_refuses_an_event_where_it_is_wrong(event: str, code: str, where: str) -> None:
    refused = refusal(xml_document(event))
    assert (refused.code, refused.where) == (code, where)


def test_escaped_events_are_not_lost_in_silence() -> None:
    escaped = xml_event().replace("<", "&lt;").replace(">", "&gt;")
    assert refusal(xml_document(escaped)).code == "html_escaped"
    assert refusal(xml_document(xml_event(), escaped, xml_event())).code == "html_escaped"
    assert refusal(GOOD.replace(b"</EventList>", b"</EventList>&lt;EventList/>")).code == "html_escaped"


# A stream


def test_events_are_the_same_wherever_the_stream_is_cut() -> None:
    """lxml takes 32 KiB at a time: somewhere among these a cut falls into every part of an event."""
    events = [xml_event(f"<ex:n>{number}</ex:n>") for number in range(400)]
    for padding in range(0, 700, 23):
        document = xml.parse(xml_document(f"<!--{' ' * padding}-->", *events))
        assert [event.rest[EX + "n"] for event in document.events] == [str(number) for number in range(400)]
        assert {event.epcs for event in document.events} == {tuple(LINKS)}


# What real files have


def test_several_event_lists_are_read_and_told() -> None:
    document = xml.parse(xml_document(xml_event(), "</EventList>\n<EventList>", xml_event(), "</EventList><EventList>"))
    assert len(document.events) == 2
    assert [(warning.code, warning.where) for warning in document.warnings] == [("several_event_lists", "line 12")]


HEADER = """<EPCISHeader>
<sbdh:StandardBusinessDocumentHeader><sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>
<sbdh:Sender><sbdh:Identifier Authority="SGLN"> urn:epc:id:sgln:0614141.00777.0 </sbdh:Identifier></sbdh:Sender>
<sbdh:Sender><sbdh:Identifier>another</sbdh:Identifier></sbdh:Sender>
<sbdh:Receiver><sbdh:Identifier Authority="GLN">0860001000016</sbdh:Identifier></sbdh:Receiver>
<sbdh:DocumentIdentification><sbdh:InstanceIdentifier>17</sbdh:InstanceIdentifier></sbdh:DocumentIdentification>
</sbdh:StandardBusinessDocumentHeader>
<extension><EPCISMasterData><VocabularyList>
<Vocabulary type="urn:epcglobal:epcis:vtype:EPCClass"><VocabularyElementList>
<VocabularyElement id="urn:epc:idpat:sgtin:0614141.012345.*">
<attribute id="urn:epcglobal:cbv:mda#additionalTradeItemIdentification">0001-0123-45</attribute>
<attribute id="urn:epcglobal:cbv:mda#additionalTradeItemIdentification">00010123450</attribute>
<attribute id="urn:epcglobal:cbv:mda#dosageFormType"> PILL </attribute>
<attribute id="http://ns.example.com/box"><ex:w unit="cm">4</ex:w><ex:h>5</ex:h></attribute>
</VocabularyElement>
<VocabularyElement id="urn:epc:class:lgtin:0614141.012345.L1"><attribute id="urn:epcglobal:cbv:mda#itemExpirationDate">
2027-12-31</attribute></VocabularyElement>
</VocabularyElementList></Vocabulary>
<Vocabulary type="urn:epcglobal:epcis:vtype:Location"><VocabularyElementList>
<VocabularyElement id="urn:epc:id:sgln:0614141.00777.0"><attribute id="urn:epcglobal:cbv:mda#name">Works</attribute>
</VocabularyElement><VocabularyElement id="urn:epc:id:pgln:0614141.00777">
<attribute id="urn:epcglobal:cbv:mda#name">Works</attribute><attribute id="urn:epcglobal:cbv:mda#city">X</attribute>
</VocabularyElement><VocabularyElement id="urn:epc:id:sgln:0614141.00777.dock-4">
<attribute id="urn:epcglobal:cbv:mda#name">Dock</attribute></VocabularyElement>
<VocabularyElement id="urn:uuid:x"><attribute id="urn:epcglobal:cbv:mda#name">Whoever</attribute></VocabularyElement>
</VocabularyElementList></Vocabulary></VocabularyList></EPCISMasterData>
{inside}</extension>{outside}</EPCISHeader>
"""
STATEMENT = (
    "<gs1ushc:guidelineVersion>GS1 US DSCSA R1.3</gs1ushc:guidelineVersion><gs1ushc:dscsaTransactionStatement>"
    "<gs1ushc:affirmTransactionStatement>true</gs1ushc:affirmTransactionStatement>"
    "<gs1ushc:legalNotice> Seller has complied.\n Really. </gs1ushc:legalNotice></gs1ushc:dscsaTransactionStatement>"
)
HEADER_VALUES = {
    "sender": "https://id.gs1.org/414/0614141007776",
    "receiver": "0860001000016",
    "instance": "17",
    "guideline": "GS1 US DSCSA R1.3",
    "ts:affirmTransactionStatement": "true",
    "ts:legalNotice": " Seller has complied.\n Really. ",
    "product:00614141123452": {
        "additionalTradeItemIdentification": "0001-0123-45\n00010123450",
        "dosageFormType": "PILL",
        "http://ns.example.com/box.http://ns.example.com/epcis/w": "4",
        "http://ns.example.com/box.http://ns.example.com/epcis/w.@unit": "cm",
        "http://ns.example.com/box.http://ns.example.com/epcis/h": "5",
    },
    "product:00614141123452/10/L1": {"itemExpirationDate": "2027-12-31"},
    "place:0614141007776": {"name": "Works", "city": "X"},
    "place:0614141007776/254/dock-4": {"name": "Dock"},
}


@pytest.mark.parametrize(
    ("inside", "outside", "around", "warnings"),
    [
        (STATEMENT, "", "", 0),
        ("", STATEMENT, "", 2),
        ("", "", STATEMENT, 2),
    ],
    ids=["inside-extension", "outside-extension", "behind-the-body"],
)
def test_the_header_has_its_parties_its_products_and_its_statement(
    inside: str, outside: str, around: str, warnings: int
) -> None:
    header = HEADER.replace("{inside}", inside).replace("{outside}", outside)
    document = xml.parse(xml_document(xml_event(), header=header, around=around))
    assert document.header == HEADER_VALUES
    assert [warning.code for warning in document.warnings] == ["statement_outside_extension"] * warnings


def test_master_data_may_not_contradict_itself() -> None:
    header = HEADER.replace(">Works</attribute><attribute", ">Mill</attribute><attribute").format(inside="", outside="")
    refused = refusal(xml_document(xml_event(), header=header))
    assert (refused.code, refused.expected, refused.found) == ("conflicting_master_data", "'Works'", "'Mill'")


def test_a_statement_is_made_once() -> None:
    other = STATEMENT.replace("true", "false")
    refused = refusal(xml_document(xml_event(), header=HEADER.format(inside=STATEMENT, outside=other)))
    assert (refused.code, refused.found) == ("duplicate_member", "'false'")
    assert str(refused.where).startswith("EPCISHeader (line 6)")
