"""EPCIS documents of any size, the same bytes for the same lot: EPCIS 1.2 XML, or EPCIS 2.0 JSON of the same events.

    Lot(units=10_000)            10 pallets of 100 cases of 10 units: 1,023 events told `whole`
      commission   1 event for every 1,000 units, with lot and expiry
      containers   the same for its cases, and 1 event for its pallets
      pack         1 event a case
      palletize    1 event a pallet
      ship         1 event that names the pallets alone
      receive      the same, at the buyer's, an hour later

Identifiers are written as URNs, which is what most files have, and costs a reader most.

>>> lot = Lot(units=20, per_case=5, per_pallet=2)
>>> [len(lot.told(act)) for act in ("commission", "containers", "pack", "palletize", "ship", "whole")]
[1, 2, 4, 2, 1, 10]
>>> as_xml(lot.told("ship")) == as_xml(Lot(units=20, per_case=5, per_pallet=2).told("ship"))
True
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

COMPANY, PRODUCT = "0614141", "12345"
BEGINNING = datetime(2025, 1, 6, 8, tzinfo=UTC)  # a thousand lots later it is still 2025
WHOLE = ("commission", "containers", "pack", "palletize", "ship")
HOURS = {act: hour for hour, act in enumerate((*WHOLE, "receive"))}
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SPACE = 36**10  # serial numbers of ten characters
STEP = 2_259_630_187_654_321  # neither even nor a multiple of 3: steps of it meet every number of SPACE once
CBV = "urn:epcglobal:cbv"

Members = dict[str, Any]


def serial(number: int) -> str:
    """Ten characters that look drawn by lot.

    >>> serial(1), serial(2)
    ('M8YZRZT1O1', '8HXZJZM3C2')
    """
    number = number * STEP % SPACE
    text = ""
    while len(text) < 10:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text


@dataclass(frozen=True)
class Lot:
    """One lot on its way from a maker to a buyer. Both are named by their place, which is of the company's numbers."""

    number: int = 0  # below 1,000; no two lots have an identifier in common
    units: int = 10_000
    per_case: int = 10
    per_pallet: int = 100  # cases
    per_event: int = 1_000  # EPCs, of commissioning events
    maker: str = "00100"  # location reference: with COMPANY before it, and a check digit, a GLN
    buyer: str = "00200"

    @property
    def cases(self) -> int:
        return -(-self.units // self.per_case)

    @property
    def pallets(self) -> int:
        return -(-self.cases // self.per_pallet)

    @property
    def ilmd(self) -> Members:
        return {"lotNumber": f"LOT{self.number:04d}", "itemExpirationDate": "2028-12-31"}

    def unit(self, at: int) -> str:
        return f"urn:epc:id:sgtin:{COMPANY}.0{PRODUCT}.{serial(self.number * 10**9 + at)}"

    def case(self, at: int) -> str:
        return f"urn:epc:id:sgtin:{COMPANY}.5{PRODUCT}.{serial(self.number * 10**9 + 5 * 10**8 + at)}"

    def pallet(self, at: int) -> str:
        return f"urn:epc:id:sscc:{COMPANY}.0{self.number:03d}{at:06d}"

    # ---- what happens to it ---------------------------------------------------------------------------------------

    def told(self, act: str) -> list[Members]:
        """The events of one act, or of the `whole` way to the truck."""
        return [event for each in (WHOLE if act == "whole" else (act,)) for event in _ACTS[each](self)]

    def _event(self, act: str, at: int, kind: str, step: str, disposition: str, **members: Any) -> Members:
        """An event as JSON has it, but for the lists that XML writes otherwise."""
        time = BEGINNING + timedelta(hours=len(HOURS) * self.number + HOURS[act], milliseconds=100 * at)
        place = {"id": _sgln(self.buyer if act == "receive" else self.maker)}
        return {
            "type": kind,
            "eventID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{self} {act} {at}')}",
            "eventTime": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "eventTimeZoneOffset": "+00:00",
            "action": "ADD",
            "bizStep": step,
            "disposition": disposition,
            "readPoint": place,
            "bizLocation": place,
        } | members

    def _begun(self, act: str, at: int, epcs: Sequence[str], **members: Any) -> Members:
        return self._event(act, at, "ObjectEvent", "commissioning", "active", epcList=epcs, **members)

    def _commission(self) -> Iterator[Members]:
        for at, some in enumerate(_cut(range(self.units), self.per_event)):
            yield self._begun("commission", at, [self.unit(n) for n in some], ilmd=self.ilmd)

    def _containers(self) -> Iterator[Members]:
        groups = list(_cut(range(self.cases), self.per_event))
        for at, some in enumerate(groups):
            yield self._begun("containers", at, [self.case(n) for n in some], ilmd=self.ilmd)
        yield self._begun("containers", len(groups), [self.pallet(n) for n in range(self.pallets)])

    def _pack(self) -> Iterator[Members]:
        for at, some in enumerate(_cut(range(self.units), self.per_case)):
            yield self._packed("pack", at, self.case(at), [self.unit(n) for n in some])

    def _palletize(self) -> Iterator[Members]:
        for at, some in enumerate(_cut(range(self.cases), self.per_pallet)):
            yield self._packed("palletize", at, self.pallet(at), [self.case(n) for n in some])

    def _packed(self, act: str, at: int, parent: str, children: Sequence[str]) -> Members:
        members = {"parentID": parent, "childEPCs": children}
        return self._event(act, at, "AggregationEvent", "packing", "in_progress", **members)

    def _ship(self) -> Iterator[Members]:
        yield self._handed_over("ship", "shipping", "in_transit")

    def _receive(self) -> Iterator[Members]:
        yield self._handed_over("receive", "receiving", "in_progress")

    def _handed_over(self, act: str, step: str, disposition: str) -> Members:
        kinds = ("owning_party", "location")
        return self._event(
            act, 0, "ObjectEvent", step, disposition, action="OBSERVE",
            epcList=[self.pallet(n) for n in range(self.pallets)],
            bizTransactionList=[{"type": "po", "bizTransaction": f"{CBV}:bt:0614141002004:PO{self.number:06d}"}],
            sourceList=[{"type": kind, "source": _sgln(self.maker)} for kind in kinds],
            destinationList=[{"type": kind, "destination": _sgln(self.buyer)} for kind in kinds],
        )  # fmt: skip


_ACTS: dict[str, Callable[[Lot], Iterator[Members]]] = {
    "commission": Lot._commission,
    "containers": Lot._containers,
    "pack": Lot._pack,
    "palletize": Lot._palletize,
    "ship": Lot._ship,
    "receive": Lot._receive,
}


def _sgln(location: str) -> str:
    return f"urn:epc:id:sgln:{COMPANY}.{location}.0"


def _cut(numbers: range, size: int) -> Iterator[range]:
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


# ---- EPCIS 2.0 JSON -------------------------------------------------------------------------------------------------


def as_json(events: Iterable[Members]) -> bytes:
    whole = {
        "@context": [
            "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"cbvmda": "urn:epcglobal:cbv:mda:"},
        ],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": [_prefixed(event) for event in events]},
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def _prefixed(event: Members) -> Members:
    return (
        event | {"ilmd": {f"cbvmda:{name}": value for name, value in event["ilmd"].items()}}
        if "ilmd" in event
        else event
    )


# ---- EPCIS 1.2 XML --------------------------------------------------------------------------------------------------


def as_xml(events: Iterable[Members]) -> bytes:
    head = (
        '<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda"'
        ' schemaVersion="1.2" creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList>'
    )
    tail = "</EventList></EPCISBody></epcis:EPCISDocument>"
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *map(_element, events), tail]).encode()


def _element(event: Members) -> str:
    """In the order that the schema of EPCIS 1.2 asks for."""
    named = "childEPCs" if "parentID" in event else "epcList"
    parts = [
        _tag("eventTime", event["eventTime"]),
        _tag("eventTimeZoneOffset", event["eventTimeZoneOffset"]),
        f"<baseExtension>{_tag('eventID', event['eventID'])}</baseExtension>",
        _tag("parentID", event["parentID"]) if "parentID" in event else "",
        f"<{named}>{''.join(_tag('epc', epc) for epc in event[named])}</{named}>",
        _tag("action", event["action"]),
        _tag("bizStep", f"{CBV}:bizstep:{event['bizStep']}"),
        _tag("disposition", f"{CBV}:disp:{event['disposition']}"),
        *(f"<{place}>{_tag('id', event[place]['id'])}</{place}>" for place in ("readPoint", "bizLocation")),
        _typed(event, "bizTransaction", "btt"),
        f"<extension>{extension}</extension>" if (extension := _extension(event)) else "",
    ]
    return f"<{event['type']}>{''.join(parts)}</{event['type']}>"


def _extension(event: Members) -> str:
    ilmd = "".join(_tag(f"cbvmda:{name}", value) for name, value in event.get("ilmd", {}).items())
    lists = _typed(event, "source", "sdt") + _typed(event, "destination", "sdt")
    return lists + (f"<ilmd>{ilmd}</ilmd>" if ilmd else "")


def _typed(event: Members, name: str, vocabulary: str) -> str:
    items = "".join(
        f'<{name} type="{CBV}:{vocabulary}:{item["type"]}">{escape(item[name])}</{name}>'
        for item in event.get(f"{name}List", ())
    )
    return f"<{name}List>{items}</{name}List>" if items else ""


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
