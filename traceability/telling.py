"""EPCIS 2.0 JSON for what people do: one function an act, one document of them (the writing side of `epcis/`). Pure.

    document(commissioning(...), packing(...), shipping(...))  ->  bytes to sign and hand in

A `Teller` says who, where and at which offset; every function gives the event as plain members.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from partners.gs1.identifiers import Pgln, Sgln

from .custody import EXPORTING, RETURNED
from .epcis.jcs import JSON

Members = dict[str, JSON]
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def document(*events: Members, **members: JSON) -> bytes:
    """An EPCISDocument of these events; `members` are its other top-level members."""
    whole: Members = {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": events[-1]["eventTime"],
        **members,
        "epcisBody": {"eventList": list(events)},
    }
    return json.dumps(whole).encode()


@dataclass(frozen=True)
class Teller:
    """A party telling what it does at its own place: the one its GLN names, or another that it operates."""

    gln: str
    place: str | None = None  # GLN-13

    def event(self, kind: str, step: str, action: str, time: datetime, **members: JSON) -> Members:
        place: JSON = {"id": Sgln(self.place or self.gln).uri}
        return {
            "type": kind,
            "eventID": f"urn:uuid:{uuid.uuid4()}",
            "eventTime": time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "eventTimeZoneOffset": "+00:00",
            "action": action,
            "bizStep": step,
            "readPoint": place,
            "bizLocation": place,
            **members,
        }

    def observing(self, step: str, epcs: Sequence[str], time: datetime, **members: JSON) -> Members:
        """Anything that happens to items in one's hands: inspecting, storing, dispensing."""
        return self.event("ObjectEvent", step, "OBSERVE", time, epcList=list(epcs), **members)

    def commissioning(self, epcs: Sequence[str], time: datetime, *, lot: str, expiry: str) -> Members:
        """New serial numbers; `expiry` as YYYY-MM-DD."""
        ilmd: JSON = {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": expiry}
        members: Members = {"epcList": list(epcs), "disposition": "active", "ilmd": ilmd}
        return self.event("ObjectEvent", "commissioning", "ADD", time, **members)

    def packing(self, children: Iterable[str], parent: str, time: datetime) -> Members:
        return self._aggregating("packing", "ADD", children, parent, time)

    def unpacking(self, children: Iterable[str], parent: str, time: datetime) -> Members:
        """Without children: all that is in it."""
        return self._aggregating("unpacking", "DELETE", children, parent, time)

    def _aggregating(self, step: str, action: str, children: Iterable[str], parent: str, time: datetime) -> Members:
        named: Members = {"childEPCs": list(children)}
        return self.event("AggregationEvent", step, action, time, parentID=parent, **(named if children else {}))

    def shipping(self, epcs: Sequence[str], time: datetime, *, to: str) -> Members:
        """To the party with GLN `to`; possession and ownership go together."""
        return self.observing("shipping", epcs, time, disposition="in_transit", **handoff(self.gln, to))

    def calling_off(self, epcs: Sequence[str], time: datetime, *, to: str) -> Members:
        """What was shipped to the party with GLN `to` has not left, or has come back on the way."""
        return self.observing("void_shipping", epcs, time, disposition="in_progress", **handoff(self.gln, to))

    def receiving(self, epcs: Sequence[str], time: datetime, *, sender: str) -> Members:
        return self.observing("receiving", epcs, time, disposition="in_progress", **handoff(sender, self.gln))

    def sending_back(self, epcs: Sequence[str], time: datetime, *, to: str) -> Members:
        """A return: shipped as anything is, and said to be one (CBV 2.0 section 7.2)."""
        return self.observing("shipping", epcs, time, disposition=RETURNED, **handoff(self.gln, to))

    def taking_back(self, epcs: Sequence[str], time: datetime, *, sender: str) -> Members:
        return self.observing("receiving", epcs, time, disposition=RETURNED, **handoff(sender, self.gln))

    def dispensing(self, epcs: Sequence[str], time: datetime) -> Members:
        return self.observing("dispensing", epcs, time, disposition="dispensed")

    def decommissioning(self, epcs: Sequence[str], time: datetime) -> Members:
        return self.event("ObjectEvent", "decommissioning", "DELETE", time, epcList=list(epcs), disposition="inactive")

    def destroying(self, epcs: Sequence[str], time: datetime) -> Members:
        return self.event("ObjectEvent", "destroying", "DELETE", time, epcList=list(epcs), disposition="destroyed")

    def exporting(self, epcs: Sequence[str], time: datetime) -> Members:
        """Out of the country for good: the CBV has no word for that."""
        return self.event("ObjectEvent", EXPORTING, "DELETE", time, epcList=list(epcs), disposition="inactive")


def handoff(sender: str, receiver: str) -> Members:
    """Sources and destinations, by GLN."""
    kinds = ("possessing_party", "owning_party")
    return {
        "sourceList": [{"type": kind, "source": Pgln(sender).uri} for kind in kinds],
        "destinationList": [{"type": kind, "destination": Pgln(receiver).uri} for kind in kinds],
    }
