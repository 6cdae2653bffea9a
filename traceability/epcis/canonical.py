"""Raw members in, one canonical event out: the one place where FORMATS section 2 is obeyed.

`jsonld.py` and `xml.py` find the members of an event, give them their EPCIS 2.0 JSON names and nesting, and change no
value; which members an event may have, what each may be and which one form it then has is said here and in `values.py`
for both, so that twins cannot drift apart.
"""

from collections.abc import Callable, Mapping

from . import cbv
from .errors import DocumentError
from .events import Action, Event, EventType
from .jcs import JSON
from .limits import Limits
from .names import COMMENT, Names
from .values import (
    EMPTY,
    WHITE_SPACE,
    Raw,
    Reading,
    Rule,
    action,
    an_object,
    epcs,
    flag,
    handed_over,
    identifier,
    is_empty,
    listed,
    measure,
    named_twice,
    not_carried,
    offset,
    one_or_more,
    set_of,
    text,
    time,
    unit,
    uri,
    word,
)

# Extensions


def put_extension(reading: Reading, found: dict[str, JSON], given: str, value: Raw, room: int) -> None:
    """Add a member that the standard does not define: text, and lists and objects of it, under its full name."""
    name = reading.names[given]
    if name in found:
        raise DocumentError("the same member under two names", code="duplicate_member", found=name)
    made = _extension(reading, value, room)
    if made not in EMPTY and name != COMMENT:
        found[name] = made


def _extension(reading: Reading, value: Raw, room: int) -> JSON:
    if room < 0:
        raise DocumentError("nested too deep", code="too_deep", expected=f"at most {reading.limits.max_depth} levels")
    if isinstance(value, str):
        return value.strip(WHITE_SPACE)
    if isinstance(value, list):
        made = [item for item in (_extension(reading, item, room - 1) for item in value) if item not in EMPTY]
        return made[0] if len(made) == 1 else made
    if isinstance(value, dict):
        found: dict[str, JSON] = {}
        for given, part in value.items():
            put_extension(reading, found, given, part, room - 1)
        return found["#text"] if found.keys() == {"#text"} else found
    return None if value is None else str(value).lower()  # true, false


# Objects of the standard


def members(rules: Mapping[str, Rule], *, required: tuple[str, ...] = (), extensible: bool = True) -> Rule:
    """An object with these members, and with extensions where the standard lets there be some."""

    def rule(reading: Reading, value: Raw) -> dict[str, JSON]:
        found = _members(reading, an_object(value), rules, extensible=extensible)
        if found:  # where nothing is said, nothing is missing
            _check_complete(found, required)
        return found

    return rule


def _members(
    reading: Reading, raw: Mapping[str, Raw], rules: Mapping[str, Rule], *, extensible: bool
) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    name = ""
    try:
        for name, value in raw.items():
            rule = rules.get(name)
            if rule is None:
                _check_defined(reading.names[name], extensible=extensible)
                put_extension(reading, found, name, value, reading.limits.max_depth)
            elif not is_empty(value):
                made = rule(reading, value)
                if made not in EMPTY:
                    found[name] = made
    except DocumentError as error:
        error.inside(name)
        raise
    return found


def _check_defined(name: str, *, extensible: bool) -> None:
    if ":" not in name or not extensible:
        raise DocumentError("not a member that EPCIS 2.0 defines here", code="unknown_member", found=name)


def _check_complete(found: Mapping[str, JSON], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in found:
            raise DocumentError("missing", code="missing_member", where=name, expected=f"a value for {name}")


def _pair(member: str, types: Rule, *required: str) -> Rule:
    """EPCIS 2.0 section 7.3.5: something of a type."""
    return members({"type": types, member: identifier}, required=(*required, member), extensible=False)


_PLACE = members({"id": identifier}, required=("id",))
_QUANTITIES = set_of(
    members({"epcClass": identifier, "quantity": measure, "uom": unit}, required=("epcClass",), extensible=False)
)
_DISPOSITIONS = set_of(word(cbv.DISPOSITIONS))
_SENSED: Mapping[str, Rule] = {
    **dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), identifier),
    "time": time,
}
_SENSOR_METADATA = members({**_SENSED, "startTime": time, "endTime": time})
_SENSOR_REPORT = members(
    {
        **_SENSED,
        "type": word(cbv.MEASUREMENTS),
        "exception": word(cbv.SENSOR_ALERTS),
        "component": word(cbv.COMPONENTS),
        **dict.fromkeys(("microorganism", "chemicalSubstance", "coordinateReferenceSystem", "uriValue"), identifier),
        **dict.fromkeys(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), measure),
        **dict.fromkeys(("stringValue", "hexBinaryValue", "uom"), text),
        "booleanValue": flag,
    },
)

# Events

#: EPCIS 2.0 section 7.4.1, and what all kinds of event share.
_EVERY_EVENT: Mapping[str, Rule] = {
    "type": text,
    "recordTime": not_carried,  # the sender's; the receiver has its own
    "eventTime": time,
    "eventTimeZoneOffset": offset,
    "action": action,
    "eventID": uri,
    "errorDeclaration": members(
        {"declarationTime": time, "reason": word(cbv.ERROR_REASONS), "correctiveEventIDs": set_of(uri)},
        required=("declarationTime",),
    ),
    "certificationInfo": one_or_more(identifier),
    "bizStep": word(cbv.BIZ_STEPS),
    "disposition": word(cbv.DISPOSITIONS),
    "persistentDisposition": members({"set": _DISPOSITIONS, "unset": _DISPOSITIONS}, extensible=False),
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": set_of(_pair("bizTransaction", word(cbv.BIZ_TRANSACTION_TYPES))),
    "sourceList": set_of(_pair("source", handed_over, "type")),
    "destinationList": set_of(_pair("destination", handed_over, "type")),
    "sensorElementList": listed(
        members(
            {"sensorMetadata": _SENSOR_METADATA, "sensorReport": listed(_SENSOR_REPORT)}, required=("sensorReport",)
        )
    ),
}
#: EPCIS 2.0 sections 7.4.2 and 7.4.3. To add a kind of event is to add its row, here and to `_CHECKS`.
_RULES: Mapping[EventType, Mapping[str, Rule]] = {
    EventType.OBJECT: {**_EVERY_EVENT, "epcList": epcs, "quantityList": _QUANTITIES, "ilmd": members({})},
    EventType.AGGREGATION: {
        **_EVERY_EVENT,
        "parentID": identifier,
        "childEPCs": epcs,
        "childQuantityList": _QUANTITIES,
    },
}
_REQUIRED = ("eventTime", "eventTimeZoneOffset", "action")
STANDARD_MEMBERS = frozenset(name for rules in _RULES.values() for name in rules)


def _check_object(event: Event) -> None:
    """EPCIS 2.0 section 7.4.2."""
    if event.ilmd and event.action is not Action.ADD:
        raise DocumentError(
            "master data of instances is told when they begin",
            code="ilmd_not_allowed",
            where="ilmd",
            expected="action ADD",
            found=event.action,
        )
    if not (event.epcs or "quantityList" in event.rest or "sensorElementList" in event.rest):
        raise DocumentError("about nothing", code="missing_member", expected="epcList or quantityList")


def _check_aggregation(event: Event) -> None:
    """EPCIS 2.0 section 7.4.3: only an observation may leave the parent out, only a deletion the children."""
    if event.parent_id is None and event.action is not Action.OBSERVE:
        raise DocumentError("missing", code="missing_member", where="parentID", expected=f"a parent to {event.action}")
    if event.parent_id in event.epcs:
        raise named_twice(str(event.parent_id), "parentID")
    if not (event.epcs or "childQuantityList" in event.rest or event.action is Action.DELETE):
        raise DocumentError("about nothing", code="missing_member", expected="childEPCs or childQuantityList")


_CHECKS: Mapping[EventType, Callable[[Event], None]] = {
    EventType.OBJECT: _check_object,
    EventType.AGGREGATION: _check_aggregation,
}


class Canonicaliser(Reading):
    """Reads the events of one document, one after the other."""

    def __init__(self, names: Names, *, typed: bool, limits: Limits) -> None:
        super().__init__(names, typed=typed, limits=limits)
        self.events: list[Event] = []
        self._epcs = 0  # named so far

    def event(self, raw: Mapping[str, Raw]) -> None:
        """Take the next event. Where it is refused, `where` names its number and the member."""
        try:
            self.events.append(self._event(raw))
        except DocumentError as error:
            error.inside(f"event {self.number}")
            raise
        self.number += 1

    def _event(self, raw: Mapping[str, Raw]) -> Event:
        _check_limit(self.number + 1, self.limits.max_events, "events")
        kind = raw.get("type")
        if not isinstance(kind, str) or kind not in _RULES:
            expected = " or ".join(_RULES)
            raise DocumentError("not read here", code="unsupported_event", expected=expected, found=repr(kind)[:80])
        members = _members(self, raw, _RULES[EventType(kind)], extensible=True)
        _check_complete(members, _REQUIRED)
        event = Event.from_canonical(members, self.names.namespaces)
        self._epcs += len(event.epcs)
        _check_limit(self._epcs, self.limits.max_epcs, "epcs")
        _CHECKS[event.type](event)
        return event


def _check_limit(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise DocumentError(f"too many {what}", code=f"too_many_{what}", expected=f"at most {limit} in a document")
