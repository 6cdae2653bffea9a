"""The cases of `tests/vectors/canonical`: one rule of FORMATS 2 each, in one syntax or as twins."""

import json
from typing import Any

from . import canonical, documents
from .canonical import Members
from .refusal import Refused

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EXAMPLE = {"ex": "https://example.org/ns/"}


def json_document(*events: Members | str, context: Any = EXAMPLE, **members: Any) -> str:
    """An EPCIS 2.0 document around these events; a text stands as written, for what `json` would tidy."""
    listed = ",".join(event if isinstance(event, str) else json.dumps(event, ensure_ascii=False) for event in events)
    head = {"@context": [CONTEXT, context], "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2026-01-05T08:00:00Z", **members}  # fmt: skip
    return json.dumps(head, ensure_ascii=False)[:-1] + ',"epcisBody":{"eventList":[' + listed + "]}}"


def xml_document(*events: str, header: str = "", namespaces: str = 'xmlns:cbvmda="urn:epcglobal:cbv:mda"') -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" '
        'xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader" '
        'xmlns:gs1ushc="http://epcis.gs1us.org/hc/ns" xmlns:ex="https://example.org/ns/" '
        + namespaces
        + ' schemaVersion="1.2" creationDate="2026-01-05T08:00:00Z">'
        + header
        + "<EPCISBody><EventList>"
        + "".join(events)
        + "</EventList></EPCISBody></epcis:EPCISDocument>"
    )


UNIT = "urn:epc:id:sgtin:0614141.012345.A1"


def observed(**members: Any) -> Members:
    """An ObjectEvent that says as little as one can."""
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-01-05T08:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [UNIT],
        "action": "OBSERVE",
    } | members


def packed(**members: Any) -> Members:
    event = observed(type="AggregationEvent", action="ADD", parentID="urn:epc:id:sscc:0614141.0700000000",
                     childEPCs=[UNIT])  # fmt: skip
    return {name: value for name, value in event.items() if name != "epcList"} | members


def raw(extra: str, event: Members | None = None) -> str:
    """An event with members written out by hand."""
    return json.dumps(event or observed(), ensure_ascii=False)[:-1] + "," + extra + "}"


def xml_observed(
    inside: str = "",
    base: str = "",
    extension: str = "",
    epcs: str = f"<epc>{UNIT}</epc>",
    after: str = "",
    time: str = "2026-01-05T08:00:00Z",
    offset: str = "+00:00",
) -> str:
    return (
        f"<ObjectEvent><eventTime>{time}</eventTime><eventTimeZoneOffset>{offset}</eventTimeZoneOffset>"
        + (f"<baseExtension>{base}</baseExtension>" if base else "")
        + f"<epcList>{epcs}</epcList><action>OBSERVE</action>{inside}"
        + (f"<extension>{extension}</extension>" if extension else "")
        + f"{after}</ObjectEvent>"
    )


def begun(**members: Any) -> Members:
    """An ObjectEvent that may have `ilmd`: EPCIS allows it only where instances begin."""
    return observed(action="ADD", **members)


def xml_begun(extension: str) -> str:
    return xml_observed(extension=extension).replace("<action>OBSERVE", "<action>ADD")


def epc_list(*epcs: str) -> str:
    return "".join(f"<epc>{epc}</epc>" for epc in epcs)


def twins(json_events: Any, xml_events: str, **kinds: Any) -> list[tuple[str, str]]:
    events = json_events if isinstance(json_events, list) else [json_events]
    return [("json", json_document(*events, **kinds)), ("xml", xml_document(xml_events))]


def only(*events: Any, **kinds: Any) -> list[tuple[str, str]]:
    return [("json", json_document(*events, **kinds))]


def epcs_case(*epcs: str) -> list[tuple[str, str]]:
    return twins(observed(epcList=list(epcs)), xml_observed(epcs=epc_list(*epcs)))


#: Every character of GS1's set of 82 that is neither letter nor digit: twenty, the most a serial number may have.
SPECIALS = "urn:epc:id:sgtin:0614141.012345.!%22%25%26'()*+,-.%2F:;%3C=%3E%3F_"
BT = "urn:epcglobal:cbv:bt:0614141007776:PO-1"

#: name: (the rule, the documents)
VALID: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "type-is-the-bare-class-name": (
        "`type` the bare class name",
        twins(observed(), xml_observed()),
    ),
    "units-cases-and-pallets-become-digital-links": (
        "Identifiers: GS1 Digital Link on https://id.gs1.org",
        epcs_case(UNIT, "urn:epc:id:sgtin:0614141.512345.C1", "urn:epc:id:sscc:0614141.0700000000",
                  "urn:epc:id:grai:0614141.12345.G1", "urn:epc:id:giai:0614141.A1"),
    ),
    "a-company-prefix-of-any-length": (
        "Identifiers: GS1 Digital Link on https://id.gs1.org",
        epcs_case("urn:epc:id:sgtin:030001.0012345.11", "urn:epc:id:sgtin:0614141.012345.11",
                  "urn:epc:id:sgtin:06141410.12345.11", "urn:epc:id:sgtin:061414101234.5.11",
                  "urn:epc:id:sscc:030001.40012345678"),
    ),
    "only-unreserved-characters-stand-bare-in-a-serial": (
        "in a path only RFC 3986 unreserved characters stand bare, all others are upper-case percent-encoded",
        [("json", json_document(observed(epcList=[SPECIALS]))),
         ("xml", xml_document(xml_observed(epcs=epc_list(SPECIALS))))],
    ),
    "a-serial-may-hold-dots": (
        "in a path only RFC 3986 unreserved characters stand bare",
        epcs_case("urn:epc:id:sgtin:0614141.012345.1.2.3", "urn:epc:id:sgtin:0614141.012345.."),
    ),
    "a-serial-may-be-a-star": (
        "only RFC 3986 unreserved characters stand bare (a star closes a pattern, and is a serial number elsewhere)",
        epcs_case("urn:epc:id:sgtin:0614141.012345.*", "urn:epc:id:sgtin:0614141.012345.0"),
    ),
    "a-digital-link-has-one-spelling": (
        "in a path only RFC 3986 unreserved characters stand bare, all others are upper-case percent-encoded",
        only(observed(epcList=["https://id.gs1.org/01/00614141123452/21/%41%2f!%5F"])),
    ),
    "a-digital-link-on-any-domain": (
        "Identifiers: GS1 Digital Link on https://id.gs1.org",
        only(observed(epcList=["https://example.com/01/00614141123452/21/A1", "http://id.gs1.org/00/006141417000000004",
                               "https://example.com/some/path/01/00614141123452/21/A2"])),
    ),
    "a-digital-link-in-the-words-of-its-first-edition": (
        "Identifiers: GS1 Digital Link on https://id.gs1.org",
        only(observed(epcList=["https://id.gs1.org/gtin/00614141123452/ser/A1", "HTTPS://example.com/sscc/"
                               "006141417000000004", "https://example.com/gtin/614141123452/lot/L1/ser/A2?17=271231"])),
    ),
    "urn-and-digital-link-are-one-epc": (
        "The EPCIS 2.0 event in one form whatever the syntax it came in",
        [("json", json_document(observed())),
         ("json", json_document(observed(epcList=["https://id.gs1.org/01/00614141123452/21/A1"])))],
    ),
    "an-sgln-extension-of-zero-goes": (
        "`sgln` becomes /414/GLN, with /254/ext unless the extension is `0` (a given /254/0 goes too)",
        [("json", json_document(observed(readPoint={"id": "urn:epc:id:sgln:0614141.00777.0"}))),
         ("json", json_document(observed(readPoint={"id": "https://id.gs1.org/414/0614141007776/254/0"}))),
         ("xml", xml_document(xml_observed("<readPoint><id>urn:epc:id:sgln:0614141.00777.0</id></readPoint>")))],
    ),
    "an-sgln-extension-stays": (
        "`sgln` becomes /414/GLN, with /254/ext",
        twins(observed(readPoint={"id": "urn:epc:id:sgln:0614141.00777.dock%2F4"}),
              xml_observed("<readPoint><id>urn:epc:id:sgln:0614141.00777.dock%2F4</id></readPoint>")),
    ),
    "an-sgln-extension-of-two-zeros-stays": (
        "with /254/ext unless the extension is `0`",
        only(observed(readPoint={"id": "urn:epc:id:sgln:0614141.00777.00"})),
    ),
    "the-ai-follows-the-scheme-not-the-list": (
        "`pgln` becomes /417/GLN: the AI follows the URN's scheme, never the list it stands in",
        twins(observed(sourceList=[{"type": "location", "source": "urn:epc:id:pgln:0614141.00777"},
                                   {"type": "owning_party", "source": "urn:epc:id:sgln:0614141.00777.0"}]),
              xml_observed(extension="<sourceList>"
                           '<source type="urn:epcglobal:cbv:sdt:location">urn:epc:id:pgln:0614141.00777</source>'
                           '<source type="urn:epcglobal:cbv:sdt:owning_party">urn:epc:id:sgln:0614141.00777.0</source>'
                           "</sourceList>")),
    ),
    "other-uris-stay-byte-for-byte": (
        "urn:epcglobal:cbv:bt: and other URIs that are not GS1 keys stay byte for byte",
        only(observed(epcList=["urn:UUID:93C8C77F-A277-438D-AA83-B97CFAB380E7", "https://example.org/pallet/%7e7?x=1#y"],
                      bizTransactionList=[{"type": "po", "bizTransaction": BT}, {"bizTransaction": "HTTP://Example.org/po/%2f"}],
                      eventID="urn:uuid:93C8C77F-A277-438D-AA83-B97CFAB380E7")),
    ),
    "words-bare-from-urn-and-web-address": (
        "CBV words bare from any of the standard's spellings, where the standard expects that vocabulary",
        [("json", json_document(observed(
            bizStep=step, disposition=disposition, bizTransactionList=[{"type": kind, "bizTransaction": BT}],
            sourceList=[{"type": party, "source": "urn:epc:id:sgln:0614141.00777.0"}],
            destinationList=[{"type": party, "destination": "urn:epc:id:sgln:0860001.00001.0"}],
            persistentDisposition={"set": [kept], "unset": [gone]},
            errorDeclaration={"declarationTime": "2026-01-06T08:00:00Z", "reason": reason})))
         for step, disposition, kind, party, kept, gone, reason in (
             ("shipping", "in_transit", "po", "possessing_party", "completeness_verified", "completeness_inferred",
              "incorrect_data"),
             ("urn:epcglobal:cbv:bizstep:shipping", "urn:epcglobal:cbv:disp:in_transit", "urn:epcglobal:cbv:btt:po",
              "urn:epcglobal:cbv:sdt:possessing_party", "urn:epcglobal:cbv:disp:completeness_verified",
              "urn:epcglobal:cbv:disp:completeness_inferred", "urn:epcglobal:cbv:er:incorrect_data"),
             ("https://ref.gs1.org/cbv/BizStep-shipping", "https://ref.gs1.org/cbv/Disp-in_transit",
              "https://ref.gs1.org/cbv/BTT-po", "https://ref.gs1.org/cbv/SDT-possessing_party",
              "https://ref.gs1.org/cbv/Disp-completeness_verified",
              "https://ref.gs1.org/cbv/Disp-completeness_inferred", "https://ref.gs1.org/cbv/ER-incorrect_data"),
             ("cbv:BizStep-shipping", "cbv:Disp-in_transit", "cbv:BTT-po", "cbv:SDT-possessing_party",
              "cbv:Disp-completeness_verified", "cbv:Disp-completeness_inferred", "cbv:ER-incorrect_data"),
         )],
    ),
    "another-step-is-its-full-uri": (
        "other steps as full URIs",
        [("json", json_document(observed(bizStep="https://example.org/ns/weighing"))),
         ("json", json_document(observed(bizStep="ex:weighing"))),
         ("xml", xml_document(xml_observed("<bizStep>https://example.org/ns/weighing</bizStep>")))],
    ),
    "places-stay-objects": (
        "`readPoint`, `bizLocation` stay objects",
        twins(observed(readPoint={"id": "urn:epc:id:sgln:0614141.00777.0", "ex:door": "4"},
                       bizLocation={"id": "urn:epc:id:sgln:0614141.00888.0"}),
              xml_observed("<readPoint><id>urn:epc:id:sgln:0614141.00777.0</id><ex:door>4</ex:door></readPoint>"
                           "<bizLocation><id>urn:epc:id:sgln:0614141.00888.0</id></bizLocation>")),
    ),
    "extension-names-are-full-iris": (
        "Extension names are full IRIs, namespace and local name joined directly",
        [("json", json_document(observed(**{"ex:truck": "T-1"}))),
         ("json", json_document(observed(**{"other:truck": "T-1"}), context={"other": "https://example.org/ns/"})),
         ("json", json_document(observed(**{"@context": {"mine": "https://example.org/ns/"}, "mine:truck": "T-1"}))),
         ("json", json_document(observed(**{"https://example.org/ns/truck": "T-1"}))),
         ("xml", xml_document(xml_observed(after="<ex:truck>T-1</ex:truck>")))],
    ),
    "a-namespace-without-a-separator": (
        "namespace and local name joined directly",
        [("json", json_document(observed(**{"hc:dropShipment": "false"}), context={"hc": "http://epcis.gs1us.org/hc/ns"})),
         ("xml", xml_document(xml_observed(after="<gs1ushc:dropShipment>false</gs1ushc:dropShipment>")))],
    ),
    "cbvmda-however-spelled": (
        "`cbvmda` members, however spelled, are urn:epcglobal:cbv:mda: and the name",
        [("json", json_document(begun(ilmd={name: "L1"}))) for name in (
            "cbvmda:lotNumber", "urn:epcglobal:cbv:mda:lotNumber", "urn:epcglobal:cbv:mda#lotNumber")]
        + [("json", json_document(begun(ilmd={"m:lotNumber": "L1"}), context={"m": namespace}))
           for namespace in ("urn:epcglobal:cbv:mda", "urn:epcglobal:cbv:mda:", "urn:epcglobal:cbv:mda#")]
        + [("xml", xml_document(xml_begun("<ilmd><cbvmda:lotNumber>L1</cbvmda:lotNumber></ilmd>"),
                                namespaces=f'xmlns:cbvmda="{namespace}"'))
           for namespace in ("urn:epcglobal:cbv:mda", "urn:epcglobal:cbv:mda:")],
    ),
    "times-are-utc": (
        "`eventTime` and other times: converted to UTC, `Z`",
        twins([observed(eventTime="2026-01-01T01:30:00.000+02:00",
                        errorDeclaration={"declarationTime": "2026-02-28T23:30:00-01:00"}),
               observed(eventTime="2024-02-29T23:59:59-00:01")],
              xml_observed(time="2026-01-01T01:30:00.000+02:00",
                           base="<errorDeclaration><declarationTime>2026-02-28T23:30:00-01:00</declarationTime>"
                                "</errorDeclaration>")
              + xml_observed(time="2024-02-29T23:59:59-00:01")),
    ),
    "fractions-are-stripped-then-padded": (
        "trailing zeros of the fraction stripped, then padded to three digits",
        twins([observed(eventTime=f"2026-01-05T08:00:00{fraction}Z")
               for fraction in ("", ".0", ".1", ".120", ".1230000", ".123450")],
              "".join(xml_observed(time=f"2026-01-05T08:00:00{fraction}Z")
                      for fraction in ("", ".0", ".1", ".120", ".1230000", ".123450"))),
    ),
    "nothing-is-rounded": (
        "nothing rounded",
        twins(observed(eventTime="2026-12-31T23:59:59.9999999999999999Z"),
              xml_observed(time="2026-12-31T23:59:59.9999999999999999Z")),
    ),
    "the-offset-is-as-given": (
        "`eventTimeZoneOffset`: +hh:mm or -hh:mm as given",
        twins([observed(eventTimeZoneOffset=offset) for offset in ("-05:00", "+05:45", "-00:00", "+14:00")],
              "".join(xml_observed(offset=offset) for offset in ("-05:00", "+05:45", "-00:00", "+14:00"))),
    ),
    "white-space-around-values-goes": (
        "Leading and trailing white space of values is trimmed",
        twins(observed(epcList=[f" {UNIT}\n"], bizStep="\tshipping ", eventTime=" 2026-01-05T08:00:00Z ",
                       readPoint={"id": "\n urn:epc:id:sgln:0614141.00777.0 \n"}, **{"ex:note": "  two  words \r\n"}),
              xml_observed("<bizStep>\t urn:epcglobal:cbv:bizstep:shipping </bizStep>"
                           "<readPoint>\n <id>\n urn:epc:id:sgln:0614141.00777.0 \n</id>\n</readPoint>",
                           epcs=f"\n<epc> {UNIT}\n</epc>\n", time=" 2026-01-05T08:00:00Z ",
                           after="<ex:note>  two  words \n</ex:note>")),
    ),
    "quantities-are-decimal-text": (
        "Quantities and measures: decimal text, no exponent, no trailing zeros",
        [("json", json_document(raw('"quantityList":[' + ",".join(
            f'{{"epcClass":"urn:epc:class:lgtin:0614141.012345.L{place}","quantity":{number},"uom":"KGM"}}'
            for place, number in enumerate(
                ("10", "10.0", "1e3", "0.50", "1.5E-3", "12345678901234567890.10", "0.0", "1E+2"))
        ) + "]")))],
    ),
    "quantities-of-either-syntax": (
        "Quantities and measures: decimal text, no exponent, no trailing zeros",
        twins(raw('"quantityList":[{"epcClass":"urn:epc:class:lgtin:0614141.012345.L1","quantity":10.50,"uom":"KGM"},'
                  '{"epcClass":"urn:epc:idpat:sgtin:0614141.012345.*","quantity":200}]'),
              xml_observed(extension="<quantityList>"
                           "<quantityElement><epcClass>urn:epc:class:lgtin:0614141.012345.L1</epcClass>"
                           "<quantity>10.50</quantity><uom>KGM</uom></quantityElement>"
                           "<quantityElement><epcClass>urn:epc:idpat:sgtin:0614141.012345.*</epcClass>"
                           "<quantity>200</quantity></quantityElement></quantityList>")),
    ),
    "aggregations-with-child-quantities": (
        "member names and nesting are those of EPCIS 2.0 JSON",
        twins(raw('"childQuantityList":[{"epcClass":"urn:epc:class:lgtin:0614141.012345.L1","quantity":3}]',
                  packed(bizStep="packing")),
              "<AggregationEvent><eventTime>2026-01-05T08:00:00Z</eventTime>"
              "<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><parentID>urn:epc:id:sscc:0614141.0700000000</parentID>"
              f"<childEPCs><epc>{UNIT}</epc></childEPCs><action>ADD</action>"
              "<bizStep>urn:epcglobal:cbv:bizstep:packing</bizStep><extension><childQuantityList><quantityElement>"
              "<epcClass>urn:epc:class:lgtin:0614141.012345.L1</epcClass><quantity>3</quantity></quantityElement>"
              "</childQuantityList></extension></AggregationEvent>"),
    ),
    "a-parent-may-be-any-uri": (
        "other URIs that are not GS1 keys stay byte for byte",
        only(packed(parentID="https://example.org/tote/7")),
    ),
    "extension-scalars-are-text": (
        "Extension scalars are text",
        twins(raw('"ex:whole":12,"ex:truth":true,"ex:lie":false,"ex:word":"0012"'),
              xml_observed(after="<ex:whole>12</ex:whole><ex:truth>true</ex:truth><ex:lie>false</ex:lie>"
                                 "<ex:word>0012</ex:word>")),
    ),
    "an-array-of-one-is-its-element": (
        "an array of one in an extension is its element",
        twins(begun(ilmd={"ex:batch": ["B1"], "ex:tests": [{"ex:name": ["pH"]}]}),
              xml_begun("<ilmd><ex:batch>B1</ex:batch>"
                        "<ex:tests><ex:name>pH</ex:name></ex:tests></ilmd>")),
    ),
    "attributes-and-the-text-beside-them": (
        "XML attributes are members `@name`, the text beside them `#text`",
        twins(observed(**{"ex:weight": {"@unit": "KGM", "#text": "12.50"}, "ex:seal": {"@number": "7"}}),
              xml_observed(after='<ex:weight unit="KGM">12.50</ex:weight><ex:seal number="7"/>')),
    ),
    "text-with-nothing-beside-it": (
        "XML attributes are members `@name`, the text beside them `#text`; empty members are absent",
        twins(observed(**{"ex:weight": {"@unit": "", "#text": "12.50"}}),
              xml_observed(after='<ex:weight unit=" ">12.50</ex:weight>')),
    ),
    "repeats-keep-their-order": (
        "children sorted by name, repeats keep their order",
        twins(observed(**{"ex:log": {"ex:z": ["3", "1", "2"], "ex:a": "x"}}),
              xml_observed(after="<ex:log><ex:z>3</ex:z><ex:a>x</ex:a><ex:z>1</ex:z><ex:z>2</ex:z></ex:log>")),
    ),
    "repeated-extensions-of-an-event": (
        "children sorted by name, repeats keep their order",
        twins(observed(**{"ex:note": ["b", "a", "b"]}),
              xml_observed(after="<ex:note>b</ex:note><ex:note>a</ex:note><ex:note>b</ex:note>")),
    ),
    "sets-are-sorted-with-their-quotes": (
        "Sets, each member serialised by RFC 8785 (a string with its quotes), these byte strings sorted",
        twins(observed(epcList=["urn:x:a", "urn:x:a!b", "urn:x:A", "urn:x:a/b"]),
              xml_observed(epcs=epc_list("urn:x:a", "urn:x:a!b", "urn:x:A", "urn:x:a/b"))),
    ),
    "sets-of-objects-are-sorted": (
        "bizTransactionList, sourceList, destinationList",
        only(observed(
            bizTransactionList=[{"type": "po", "bizTransaction": "urn:x:2"},
                                {"type": "po", "bizTransaction": "urn:x:1"},
                                {"type": "desadv", "bizTransaction": "urn:x:3"}, {"bizTransaction": "urn:x:4"}],
            sourceList=[{"type": "owning_party", "source": "urn:x:1"}, {"type": "location", "source": "urn:x:2"}],
            destinationList=[{"type": "owning_party", "destination": "urn:x:2"},
                             {"type": "location", "destination": "urn:x:2"}])),
    ),
    "every-set-is-sorted": (
        "all quantity lists, correctiveEventIDs, set, unset",
        only(raw('"quantityList":[{"epcClass":"urn:x:b","quantity":2},{"epcClass":"urn:x:a","quantity":10},'
                 '{"epcClass":"urn:x:a","quantity":9}],'
                 '"persistentDisposition":{"set":["completeness_verified","available"],"unset":["unknown","recalled"]},'
                 '"errorDeclaration":{"declarationTime":"2026-01-06T00:00:00Z","correctiveEventIDs":["urn:x:2","urn:x:1"]}')),
    ),
    "equal-members-of-a-set-once": (
        "equal members once",
        [("json", json_document(raw('"bizTransactionList":[{"type":"po","bizTransaction":"urn:x:1"},'
                                    '{"type":"urn:epcglobal:cbv:btt:po","bizTransaction":" urn:x:1"}],'
                                    '"quantityList":[{"epcClass":"urn:x:a","quantity":10},{"epcClass":"urn:x:a","quantity":10.0}]')))],
    ),
    "other-arrays-keep-their-order": (
        "Every other array keeps its order",
        only(observed(certificationInfo=["https://example.org/b", "https://example.org/a", "https://example.org/b"])),
    ),
    "empty-members-are-absent": (
        "Empty members are absent",
        twins(observed(bizStep="", disposition=" ", bizTransactionList=[], ilmd={}, readPoint={},
                       sourceList=[], **{"ex:none": "", "ex:hull": {"ex:kernel": {}}, "ex:list": [], "ex:nil": None}),
              xml_observed("<bizStep/><disposition> </disposition><readPoint/><bizTransactionList/>",
                           extension="<sourceList/><ilmd/>",
                           after="<ex:none/><ex:hull><ex:kernel> </ex:kernel></ex:hull><ex:list></ex:list>")),
    ),
    "text-is-never-normalised": (
        "text is never Unicode-normalised",
        twins(observed(**{"ex:name": "Ame\u0301lie", "ex:twin": "Am\u00e9lie", "ex:angstrom": "\u212b"}),
              xml_observed(after="<ex:name>Ame\u0301lie</ex:name><ex:twin>Am\u00e9lie</ex:twin>"
                                 "<ex:angstrom>\u212b</ex:angstrom>")),
    ),
    "record-time-context-and-comment-go": (
        "no `recordTime`, no `@context`, no `rdfs:comment`",
        [("json", json_document(observed(
            recordTime="2026-01-06T00:00:00Z", **{"@context": EXAMPLE, "rdfs:comment": "x"}))),
         ("json", json_document(observed())),
         ("xml", xml_document(xml_observed().replace(
             "</eventTime>", "</eventTime><recordTime>2026-01-06T00:00:00Z</recordTime>")))],
    ),
    "error-declarations-are-kept": (
        "`errorDeclaration`, `certificationInfo` kept",
        twins(observed(eventID="urn:uuid:93c8c77f-a277-438d-aa83-b97cfab380e7", errorDeclaration={
                  "declarationTime": "2026-01-06T08:00:00Z", "reason": "did_not_occur",
                  "correctiveEventIDs": ["urn:uuid:d9ab7933-96fd-4fb7-9f53-6d9c77845ba8"], "ex:who": "QA"}),
              xml_observed(base="<eventID>urn:uuid:93c8c77f-a277-438d-aa83-b97cfab380e7</eventID><errorDeclaration>"
                           "<declarationTime>2026-01-06T08:00:00Z</declarationTime>"
                           "<reason>urn:epcglobal:cbv:er:did_not_occur</reason><correctiveEventIDs>"
                           "<correctiveEventID>urn:uuid:d9ab7933-96fd-4fb7-9f53-6d9c77845ba8</correctiveEventID>"
                           "</correctiveEventIDs><ex:who>QA</ex:who></errorDeclaration>")),
    ),
    "a-certificate-is-kept": (
        "`errorDeclaration`, `certificationInfo` kept",
        only(observed(certificationInfo="https://example.org/certificate/7")),
    ),
    "names-are-sorted-by-utf-16": (
        "JSON is RFC 8785 (JCS) throughout",
        only(observed(**{"ex:\uff5e": "second", "ex:\U00010000": "first"})),
    ),
    "control-characters-are-escaped-as-rfc-8785-says": (
        "JSON is RFC 8785 (JCS) throughout",
        only(raw(r'"ex:text":"a\u0007\b\t\n\f\r\"\\\/\u007f\u2028z"')),
    ),
    "nested-extensions": (
        "children sorted by name",
        twins(begun(ilmd={"ex:recipe": {"ex:step": [{"ex:at": "2"}, {"ex:at": "1"}], "cbvmda:lotNumber": "L1"}}),
              xml_begun("<ilmd><ex:recipe><ex:step><ex:at>2</ex:at></ex:step>"
                        "<cbvmda:lotNumber>L1</cbvmda:lotNumber><ex:step><ex:at>1</ex:at></ex:step>"
                        "</ex:recipe></ilmd>")),
    ),
    "measures-are-decimal-text": (
        "Quantities and measures: decimal text; other times converted",
        only(raw('"sensorElementList":[{"sensorMetadata":{"time":"2026-01-05T09:00:00+01:00"},'
                 '"sensorReport":[{"type":"Temperature","value":26.0,"uom":"CEL"},'
                 '{"type":"Temperature","minValue":2.50e1,"uom":"CEL"}]}]')),
    ),
    "two-events-keep-document-order": (
        "Every other array keeps its order",
        twins([observed(eventTime="2026-01-06T08:00:00Z"), observed()],
              xml_observed(time="2026-01-06T08:00:00Z") + xml_observed()),
    ),
}  # fmt: skip

#: name: (the rule, syntax, document, the product's code where one is agreed)
REFUSED: dict[str, tuple[str, str, str, str | None]] = {
    "duplicate-epc": ("An EPC named twice in one event is refused: duplicate_epc", "json",
                      json_document(observed(epcList=[UNIT, UNIT])), "duplicate_epc"),
    "duplicate-epc-in-two-spellings": ("compared in canonical form", "json",
                      json_document(observed(epcList=[UNIT, "https://id.gs1.org/01/00614141123452/21/%41%31"])),
                      "duplicate_epc"),
    "duplicate-epc-parent-among-its-children": ("parent included", "json",
                      json_document(packed(parentID=UNIT)), "duplicate_epc"),
    "duplicate-epc-in-xml": ("An EPC named twice in one event is refused: duplicate_epc", "xml",
                      xml_document(xml_observed(epcs=epc_list(UNIT, f" {UNIT} "))), "duplicate_epc"),
    "offset-z": ("`Z` is refused there", "json", json_document(observed(eventTimeZoneOffset="Z")), None),
    "offset-z-in-xml": ("`Z` is refused there", "xml", xml_document(xml_observed(offset="Z")), None),
    "offset-without-colon": ("`eventTimeZoneOffset`: +hh:mm or -hh:mm", "json",
                      json_document(observed(eventTimeZoneOffset="+0000")), None),
    "time-without-zone": ("`eventTime` and other times: converted to UTC", "json",
                      json_document(observed(eventTime="2026-01-05T08:00:00")), None),
    "time-that-is-no-time": ("`eventTime` and other times: converted to UTC", "json",
                      json_document(observed(eventTime="2026-02-30T08:00:00Z")), None),
    "time-in-another-script": ("`eventTime` and other times: converted to UTC", "json",
                      json_document(observed(eventTime="٢٠٢٦-01-05T08:00:00Z")), None),
    "unknown-bare-member": ("A bare member that the standard does not define is refused", "json",
                      json_document(observed(colour="red")), None),
    "unknown-bare-member-in-xml": ("A bare member that the standard does not define is refused", "xml",
                      xml_document(xml_observed("<colour>red</colour>")), None),
    "unknown-bare-member-in-ilmd": ("A bare member that the standard does not define is refused", "json",
                      json_document(begun(ilmd={"lotNumber": "L1"})), None),
    "unknown-bare-member-in-error-declaration": ("A bare member that the standard does not define is refused", "json",
                      json_document(observed(errorDeclaration={
                          "declarationTime": "2026-01-06T00:00:00Z", "who": "me"})), None),
    "unknown-bare-step": ("CBV words bare; other steps as full URIs", "json",
                      json_document(observed(bizStep="transmogrifying")), None),
    "unknown-bare-disposition": ("CBV words bare", "json", json_document(observed(disposition="lost_at_sea")), None),
    "member-of-another-kind-of-event": ("A bare member that the standard does not define is refused", "json",
                      json_document(observed(parentID=UNIT, epcList=[])), None),
    "json-duplicate-member": ("JSON is RFC 8785 (JCS) throughout", "json",
                      json_document(raw('"action":"DELETE"')), None),
    "json-not-a-number": ("JSON is RFC 8785 (JCS) throughout", "json",
                      json_document(raw('"ex:much":NaN')), None),
    "json-lone-surrogate": ("JSON is RFC 8785 (JCS) throughout", "json",
                      json_document(raw(r'"ex:half":"\ud800"')), None),
    "json-nul": ("JSON is RFC 8785 (JCS) throughout", "json", json_document(raw(r'"ex:nothing":"a\u0000b"')), None),
    "quantity-as-text": ("Quantities and measures: decimal text", "json",
                      json_document(raw('"quantityList":[{"epcClass":"urn:x:a","quantity":"ten"}]')), None),
    "quantity-infinite": ("Quantities and measures: decimal text", "xml",
                      xml_document(xml_observed(extension="<quantityList><quantityElement><epcClass>urn:x:a</epcClass>"
                                   "<quantity>INF</quantity></quantityElement></quantityList>")), None),
    "xml-document-type": ("Read strictly", "xml",
                      xml_document(xml_observed()).replace("<epcis:", "<!DOCTYPE x><epcis:", 1), None),
    "malformed-sgtin": ("Identifiers: GS1 Digital Link", "json",
                      json_document(observed(epcList=["urn:epc:id:sgtin:0614141.12345.A1"])), None),
    "unknown-kind-of-event": ("the kinds of event read here", "json",
                      json_document(observed(type="NoEvent")), "unsupported_event"),
}  # fmt: skip


def valid() -> list[Members]:
    out = []
    for name, (rule, texts) in VALID.items():
        read = [documents.read(syntax, text).events for syntax, text in texts]
        if any(events != read[0] for events in read):
            raise AssertionError(f"{name}: the spellings differ: {read}")
        out.append({
            "name": name,
            "rule": f"FORMATS 2: {rule}",
            "documents": [{"syntax": syntax, "text": text} for syntax, text in texts],
            "events": [
                {"canonical": canonical.encode(event).decode(), "identity": canonical.identity(event).hex()}
                for event in read[0]
            ],
        })  # fmt: skip
    return out


def refused() -> list[Members]:
    out = []
    for name, (rule, syntax, text, code) in REFUSED.items():
        try:
            documents.read(syntax, text)
        except Refused:
            pass
        else:
            raise AssertionError(f"{name}: taken")
        case = {"name": name, "rule": f"FORMATS 2: {rule}", "document": {"syntax": syntax, "text": text}}
        out.append(case | ({"code": code} if code else {}))
    return out
