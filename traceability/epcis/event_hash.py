"""The CBV event hash (CBV 2.0 section 8.9): a label by which others name an event too. Never signed, never trusted:
it leaves out who corrected what, and two different events can share it.

Every value stands behind its name, in a fixed order and without separators:

    eventType=ObjectEventeventTime=2020-03-04T10:00:30.000ZeventTimeZoneOffset=+01:00epcListepc=https://id.gs1...

The rules are those that the reference implementation follows since 2026 for CBV 2.0: source before destination, no
certificationInfo, no word sensorElementList, and what extends a standard member comes at the end of the event.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeAlias, cast

from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import canonical

from . import cbv
from .errors import DocumentError
from .events import Event, EventType
from .jcs import JSON
from .names import MASTER_DATA
from .values import decimal

Object: TypeAlias = Mapping[str, Any]
Writer: TypeAlias = Callable[[Any], str]


def event_hash(event: Event) -> str:
    """`ni:///sha-256;<64 hex digits>?ver=CBV2.0`."""
    return f"ni:///sha-256;{event_digest(event).hex()}?ver=CBV2.0"


def event_digest(event: Event) -> bytes:
    """The 32 bytes of it."""
    return sha256(pre_hash(event).encode()).digest()


def pre_hash(event: Event) -> str:
    """The text whose SHA-256 the event hash is."""
    epcs = "childEPCs" if event.type is EventType.AGGREGATION else "epcList"
    named = _join(epcs, ["epc=" + (_identifier(epc) if "%" in epc else epc) for epc in event.epcs])
    parent = f"parentID={_identifier(event.parent_id)}" if event.parent_id else ""
    rest = event.rest
    return "".join(
        (
            f"eventType={event.type}",
            f"eventTime={_time(event.event_time)}",
            f"eventTimeZoneOffset={event.event_time_zone_offset}",
            *((parent, named) if event.type is EventType.AGGREGATION else (named, parent)),
            _quantities("quantityList", rest),
            _quantities("childQuantityList", rest),
            f"action={event.action}",
            _one("bizStep", event.biz_step, _word(cbv.BIZ_STEPS)),
            _one("disposition", event.disposition, _word(cbv.DISPOSITIONS)),
            _persistent(cast(Object, rest.get("persistentDisposition") or {})),
            _place("readPoint", event.read_point),
            _place("bizLocation", event.biz_location),
            _pairs("bizTransactionList", "bizTransaction", rest.get("bizTransactionList"), cbv.BIZ_TRANSACTION_TYPES),
            _pairs("sourceList", "source", event.sources, cbv.SOURCE_DEST_TYPES),
            _pairs("destinationList", "destination", event.destinations, cbv.SOURCE_DEST_TYPES),
            "".join(sorted(map(_sensor_element, _sensors(event)))),
            "".join(sorted(_extensions(event))),
        )
    )


# Values


def _time(value: str) -> str:
    """Three decimals; here, and nowhere else, the fourth rounds.

    >>> _time("2026-12-31T23:59:59.9995Z")
    '2027-01-01T00:00:00.000Z'
    """
    whole, _, fraction = value[:-1].partition(".")
    if len(fraction) == 3:
        return value
    rounded = datetime.fromisoformat(whole) + timedelta(milliseconds=int(fraction[:3]) + (fraction[3] > "4"))
    return rounded.isoformat(timespec="milliseconds") + "Z"


_BARE_HERE = (("%27", "'"), ("%3B", ";"), ("%3D", "="))  # what the reference leaves as it is in a Digital Link


def _identifier(value: str) -> str:
    if "%" in value and value.startswith("https://id.gs1.org/"):
        for escaped, bare in _BARE_HERE:
            value = value.replace(escaped, bare)
    return value


def _measurement(word: str) -> str:
    return cbv.MEASUREMENTS.uri(word).replace("https://gs1.org/voc/", "https://ref.gs1.org/voc/")


_CBV_URN = re.compile(r"\Aurn:epcglobal:cbv:(bizstep|disp|btt|sdt|er):")
_CBV_WEB = {"bizstep": "BizStep", "disp": "Disp", "btt": "BTT", "sdt": "SDT", "er": "ER"}


def _web(value: str) -> str:
    """What begins like a word of CBV in its old spelling, whether it is one or not."""
    return _CBV_URN.sub(lambda urn: f"https://ref.gs1.org/cbv/{_CBV_WEB[urn[1]]}-", value)


def _word(vocabulary: cbv.Vocabulary) -> Writer:
    return lambda word: _web(vocabulary.uri(word))


def _free_text(value: str) -> str:
    """What stands in an extension, where a number or an identifier may be: brought into one form if it is one."""
    value = _web(value)
    try:
        return _identifier(canonical(value)) if ":" in value else decimal(value)
    except (Gs1Error, DocumentError):
        return value


# Members


def _one(name: str, value: str | None, form: Writer = str) -> str:
    return f"{name}={form(value)}" if value else ""


def _join(name: str, children: Iterable[str]) -> str:
    """A list: its name once, its members in the order of their texts."""
    text = "".join(sorted(children))
    return name + text if text else ""


def _fields(value: Object, order: Mapping[str, Writer]) -> str:
    return "".join(f"{name}={form(value[name])}" for name, form in order.items() if name in value)


def _quantities(name: str, rest: Mapping[str, JSON]) -> str:
    elements = cast("list[Object]", rest.get(name) or [])
    return _join(name, ("quantityElement" + _fields(element, _QUANTITY) for element in elements))


def _pairs(name: str, member: str, values: Any, types: cbv.Vocabulary) -> str:
    return _join(name, (_fields(value, {"type": _word(types), member: _identifier}) for value in values or ()))


def _place(name: str, value: Object | None) -> str:
    return f"{name}id={_identifier(value['id'])}" if value else ""


def _persistent(value: Object) -> str:
    words = (
        _join("", (f"{name}={_word(cbv.DISPOSITIONS)(word)}" for word in value.get(name, ())))
        for name in ("set", "unset")
    )
    text = "".join(words)
    return "persistentDisposition" + text if text else ""


def _sensors(event: Event) -> "list[Object]":
    return cast("list[Object]", event.rest.get("sensorElementList") or [])


def _sensor_element(element: Object) -> str:
    metadata = _fields(element.get("sensorMetadata", {}), _METADATA)
    reports = sorted("sensorReport" + _fields(report, _REPORT) for report in element.get("sensorReport", ()))
    return "sensorElement" + ("sensorMetadata" + metadata if metadata else "") + "".join(reports)


_QUANTITY: Mapping[str, Writer] = {"epcClass": _identifier, "quantity": str, "uom": str}
_ORIGIN: Mapping[str, Writer] = dict.fromkeys(
    ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod"), _identifier
)
_METADATA: Mapping[str, Writer] = {
    **dict.fromkeys(("time", "startTime", "endTime"), _time),
    **_ORIGIN,
    "bizRules": _identifier,
}
_REPORT: Mapping[str, Writer] = {
    "type": _measurement,
    "exception": cbv.SENSOR_ALERTS.uri,
    **_ORIGIN,
    "time": _time,
    **dict.fromkeys(("microorganism", "chemicalSubstance"), _identifier),
    "value": str,
    "component": cbv.COMPONENTS.uri,
    "stringValue": _free_text,
    "booleanValue": lambda value: str(value).lower(),
    "hexBinaryValue": _free_text,
    "uriValue": _identifier,
    **dict.fromkeys(("minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue", "uom"), str),
    "coordinateReferenceSystem": _identifier,
}


# Extensions


def _extensions(event: Event) -> Iterable[str]:
    """What the standard does not define, wherever in the event it stands: each text behind the names around it."""
    write = _Extensions(event.namespaces)
    yield from write.members(event.rest, known=_DEFINED)
    yield _around("ilmd", write.members(event.ilmd or {}))
    yield _around("readPoint", write.members(event.read_point or {}, known=("id",)))
    yield _around("bizLocation", write.members(event.biz_location or {}, known=("id",)))
    for element in _sensors(event):
        parts = [
            *write.members(element, known=("sensorMetadata", "sensorReport")),
            _around("sensorMetadata", write.members(element.get("sensorMetadata", {}), known=_METADATA)),
            *(_around("sensorReport", write.members(report, known=_REPORT)) for report in element["sensorReport"]),
        ]
        yield _around("sensorElement", parts)


_DEFINED = frozenset(
    {
        *("quantityList", "childQuantityList", "persistentDisposition", "bizTransactionList", "sensorElementList"),
        "certificationInfo",  # left out since 2026
    }
)


def _around(name: str, parts: Iterable[str]) -> str:
    text = "".join(sorted(parts))
    return name + text if text else ""


class _Extensions:
    """Writes extensions as `{namespace}local=text`, by the namespaces that they were written with."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces

    def members(self, value: Object, known: Iterable[str] = ()) -> list[str]:
        """Each member of an object, an array once for each of its elements."""
        return [
            self._member(self._name(name), item)
            for name, items in value.items()
            if name not in known and name != "#text"
            for item in (items if isinstance(items, list) else [items])
        ]

    def _member(self, name: str, value: Any) -> str:
        if isinstance(value, str):
            return f"{name}={_free_text(value)}"
        if isinstance(value, list):
            return name + "".join(sorted(self._member("", item) for item in value))
        beside = f"={_free_text(value['#text'])}" if "#text" in value else ""
        return name + beside + "".join(sorted(self.members(value)))

    def _name(self, name: str) -> str:
        name = name.removeprefix("@")
        namespace = self._namespaces.get(name)
        if name.startswith(f"{MASTER_DATA}:"):
            return f"{{{namespace or MASTER_DATA + ':'}}}{name[len(MASTER_DATA) + 1 :]}"
        if namespace is None:  # an event that comes from storage: a namespace mostly ends like this
            local = re.split(r"[/#:]", name)[-1]
            namespace = name[: len(name) - len(local)]
        return f"{{{namespace}}}{name[len(namespace) :]}" if namespace else name
