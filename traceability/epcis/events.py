"""EPCIS 2.0 events as frozen values, and their one canonical form (FORMATS section 2).

Every value in an event is already canonical: identifiers are Digital Links on https://id.gs1.org, CBV words
are bare, times are UTC text, sets are sorted. `canonical.py` sees to that; an event that exists is valid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Self

from .jcs import JSON, encode

_NOTHING: Mapping[str, JSON] = MappingProxyType({})
_NO_NAMESPACES: Mapping[str, str] = MappingProxyType({})


class EventType(StrEnum):
    """EPCIS 2.0 section 7.4: the kinds of event read here."""

    OBJECT = "ObjectEvent"
    AGGREGATION = "AggregationEvent"


class Action(StrEnum):
    """EPCIS 2.0 section 7.3.2."""

    ADD = "ADD"
    OBSERVE = "OBSERVE"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Event:
    """One event: what, when, where, why and how, told once.

    As JSON, the canonical form, with the member names and nesting of EPCIS 2.0 JSON:

        {"action":"ADD","bizStep":"packing","childEPCs":["https://id.gs1.org/01/..."],...,"type":"AggregationEvent"}
    """

    type: EventType
    event_time: str  # UTC, "2026-01-05T08:00:00.000Z", at least three decimals, never rounded
    event_time_zone_offset: str  # "+hh:mm" or "-hh:mm"
    action: Action
    epcs: tuple[str, ...] = ()  # epcList, or childEPCs of an aggregation: canonical, in canonical order
    parent_id: str | None = None  # the container of an aggregation; any URI
    event_id: str | None = None
    biz_step: str | None = None  # bare CBV word, or a full URI
    disposition: str | None = None
    read_point: Mapping[str, JSON] | None = None  # {"id": ...} and extensions
    biz_location: Mapping[str, JSON] | None = None
    sources: tuple[Mapping[str, str], ...] = ()  # {"source": ..., "type": ...}, in canonical order
    destinations: tuple[Mapping[str, str], ...] = ()  # {"destination": ..., "type": ...}
    ilmd: Mapping[str, JSON] | None = None
    error_declaration: Mapping[str, JSON] | None = None
    rest: Mapping[str, JSON] = field(default_factory=lambda: _NOTHING)
    """Every other top-level member by its canonical name: bizTransactionList, quantityList, childQuantityList,
    persistentDisposition, sensorElementList, certificationInfo, extensions by full IRI."""
    namespaces: Mapping[str, str] = field(default_factory=lambda: _NO_NAMESPACES, compare=False, repr=False)
    """The namespace that each extension name began with where it was written. No part of the event: only the CBV
    event hash asks, because it writes `{namespace}local`."""

    @cached_property
    def members(self) -> dict[str, JSON]:
        """The canonical event as plain JSON members; absent is absent."""
        plain: dict[str, JSON] = {
            "type": self.type.value,
            "eventTime": self.event_time,
            "eventTimeZoneOffset": self.event_time_zone_offset,
            "action": self.action.value,
        }
        epcs = "childEPCs" if self.type is EventType.AGGREGATION else "epcList"
        optional: dict[str, JSON] = {
            epcs: list(self.epcs),
            "parentID": self.parent_id,
            "eventID": self.event_id,
            "bizStep": self.biz_step,
            "disposition": self.disposition,
            "readPoint": dict(self.read_point or {}),
            "bizLocation": dict(self.biz_location or {}),
            "sourceList": [dict(source) for source in self.sources],
            "destinationList": [dict(destination) for destination in self.destinations],
            "ilmd": dict(self.ilmd or {}),
            "errorDeclaration": dict(self.error_declaration or {}),
        }
        plain.update((name, value) for name, value in optional.items() if value)
        plain.update(self.rest)
        return plain

    @cached_property
    def canonical(self) -> bytes:
        """The canonical form: RFC 8785 JSON in UTF-8."""
        return encode(self.members)

    @cached_property
    def identity(self) -> bytes:
        """SHA-256 of the canonical form: what makes two tellings one event (FORMATS section 2)."""
        return sha256(self.canonical).digest()

    @property
    def time(self) -> datetime:
        """`event_time` to the microsecond, for people and indexes; order is by `instant`."""
        return datetime.fromisoformat(self.event_time[:26].rstrip("Z") + "+00:00")

    @property
    def instant(self) -> str:
        """`event_time` as text that sorts as the times do: `00.100` is before `00.1005`, `00.100Z` would not be."""
        return self.event_time[:-1]

    @property
    def named(self) -> tuple[str, ...]:
        """Every EPC the event names, its parent last."""
        return self.epcs if self.parent_id is None else (*self.epcs, self.parent_id)

    @classmethod
    def from_canonical(cls, members: Mapping[str, JSON], namespaces: Mapping[str, str] = _NO_NAMESPACES) -> Self:
        """The event whose canonical members these are. Trusts them: the caller made them so, or stored them itself."""
        rest = dict(members)
        kind = EventType(rest.pop("type"))  # type: ignore[arg-type]
        epcs = rest.pop("childEPCs" if kind is EventType.AGGREGATION else "epcList", ())
        taken = {python: rest.pop(wire, None) for python, wire in _WIRE.items()}
        return cls(
            type=kind,
            action=Action(rest.pop("action")),  # type: ignore[arg-type]
            epcs=tuple(epcs),  # type: ignore[arg-type]
            sources=tuple(rest.pop("sourceList", ())),  # type: ignore[arg-type]
            destinations=tuple(rest.pop("destinationList", ())),  # type: ignore[arg-type]
            rest=MappingProxyType(rest),
            namespaces=namespaces,
            **taken,  # type: ignore[arg-type]
        )


_WIRE = {
    "event_time": "eventTime",
    "event_time_zone_offset": "eventTimeZoneOffset",
    "parent_id": "parentID",
    "event_id": "eventID",
    "biz_step": "bizStep",
    "disposition": "disposition",
    "read_point": "readPoint",
    "biz_location": "bizLocation",
    "ilmd": "ilmd",
    "error_declaration": "errorDeclaration",
}


@dataclass(frozen=True)
class Warning:
    """Something a real file had wrong that was read all the same."""

    code: str
    where: str
    detail: str


@dataclass(frozen=True)
class Document:
    """One EPCIS document as one partner hands it in.

    `header` holds what FORMATS section 3 calls header names, each with its value: `sender`, `receiver`, `instance`,
    `guideline`, `ts:<element>` as text; `product:<GTIN>` and `place:<GLN>` as an object of attributes.
    """

    events: tuple[Event, ...]
    header: Mapping[str, JSON] = field(default_factory=lambda: _NOTHING)
    warnings: tuple[Warning, ...] = ()
