"""Documents that others wrote, and small ones to take apart. The former lie beside the repository, if at all."""

import json
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SHARED = REPOSITORY.parent / "shared"
CONFORMANCE = SHARED / "conformance"
VECTORS = REPOSITORY / "tests" / "vectors"

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EPCS = [f"urn:epc:id:sgtin:0614141.012345.{serial}" for serial in ("A1", "A2", "A3")]
LINKS = [f"https://id.gs1.org/01/00614141123452/21/{serial}" for serial in ("A1", "A2", "A3")]
SHIP: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-05T08:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "epcList": EPCS,
    "action": "OBSERVE",
}
PACK = {
    "type": "AggregationEvent",
    "eventTime": "2026-01-05T09:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "parentID": "urn:epc:id:sscc:0614141.0700000000",
    "childEPCs": EPCS,
    "action": "ADD",
}


def given(name: str, base: Path = CONFORMANCE) -> bytes:
    """The bytes of a document by another hand; without it the test is skipped, by name."""
    path = base / name
    if not path.exists():
        pytest.skip(f"no {name} beside the repository")
    return path.read_bytes()


def json_document(*events: dict[str, Any], context: Any = CONTEXT, **members: Any) -> bytes:
    document = {
        "@context": context,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-05T08:00:00Z",
        **members,
        "epcisBody": {"eventList": list(events)},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def xml_document(*events: str, header: str = "", around: str = "", namespaces: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda"\n'
        '  xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"\n'
        f'  xmlns:gs1ushc="http://epcis.gs1us.org/hc/ns" xmlns:ex="http://ns.example.com/epcis/" {namespaces}\n'
        '  schemaVersion="1.2" creationDate="2026-01-05T08:00:00Z">\n'
        f"{header}<EPCISBody>\n<EventList>\n" + "\n".join(events) + f"\n</EventList>\n</EPCISBody>\n{around}"
        "</epcis:EPCISDocument>"
    ).encode()


def xml_event(inside: str = "", *, what: str = "", action: str = "OBSERVE", tag: str = "ObjectEvent") -> str:
    what = what or "<epcList>" + "".join(f"<epc>{epc}</epc>" for epc in EPCS) + "</epcList>"
    return (
        f"<{tag}><eventTime>2026-01-05T08:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>\n"
        f"{what}<action>{action}</action>\n{inside}</{tag}>"
    )
