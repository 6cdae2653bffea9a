"""FORMATS 2: the canonical event, from the event as EPCIS 2.0 JSON would nest it.

`from_json` and `from_xml` bring an event here as plain members: texts, `Number`s, lists and objects, extension names
already full IRIs. The order of this page is the order of the section.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import rfc8785

from . import identifiers
from .refusal import Refused

Members = dict[str, Any]


class Number(str):
    """A JSON number as it was written, told from a text by its type."""


#: EPCIS 2.0 section 7.4: the bare members of the kinds of event read here.
COMMON = {
    "type", "eventID", "eventTime", "eventTimeZoneOffset", "certificationInfo", "errorDeclaration", "action", "bizStep",
    "disposition", "persistentDisposition", "readPoint", "bizLocation", "bizTransactionList", "sourceList",
    "destinationList", "sensorElementList",
}  # fmt: skip
MEMBERS = {
    "ObjectEvent": COMMON | {"epcList", "quantityList", "ilmd"},
    "AggregationEvent": COMMON | {"parentID", "childEPCs", "childQuantityList"},
}
#: Not part of an event's meaning.
LEFT_OUT = {"recordTime", "@context", "http://www.w3.org/2000/01/rdf-schema#comment"}

#: The spellings of one CBV word: bare, and behind these prefixes (CBV 2.0 section 7).
HOMES = ("cbv:", "https://ref.gs1.org/cbv/", "http://ref.gs1.org/cbv/", "https://ns.gs1.org/cbv/",
         "https://ns.gs1.org/voc/")  # fmt: skip
SPELLINGS = {
    "bizStep": ("urn:epcglobal:cbv:bizstep:", *(home + word for home in HOMES for word in ("BizStep-", "Bizstep-"))),
    "disposition": ("urn:epcglobal:cbv:disp:", *(f"{home}Disp-" for home in HOMES)),
    "bizTransaction": ("urn:epcglobal:cbv:btt:", *(f"{home}BTT-" for home in HOMES)),
    "party": ("urn:epcglobal:cbv:sdt:", *(f"{home}SDT-" for home in HOMES)),
    "reason": ("urn:epcglobal:cbv:er:", *(f"{home}ER-" for home in HOMES)),
}
#: CBV 2.0 section 7: the words themselves. A bare word outside them is nothing the standard defines.
WORDS = {
    "bizStep": """accepting arriving assembling collecting commissioning consigning creating_class_instance
        cycle_counting decommissioning departing destroying disassembling dispensing encoding entering_exiting holding
        inspecting installing killing loading other packing picking receiving removing repackaging repairing replacing
        reserving retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing
        transporting unloading unpacking void_shipping""",
    "disposition": """active available completeness_inferred completeness_verified conformant container_closed
        container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive
        mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match non_conformant
        non_sellable_other partially_dispensed recalled reserved retail_sold returned sellable_accessible
        sellable_not_accessible stolen unavailable unknown""",
    "bizTransaction": "bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt",
    "party": "location owning_party possessing_party",
    "reason": "did_not_occur incorrect_data",
}


def event(members: Members) -> Members:
    """The canonical event."""
    kind = members.get("type")
    if kind not in MEMBERS:
        raise Refused("unsupported_event", str(kind))
    out: Members = {}
    for name, value in members.items():
        if name in LEFT_OUT:
            continue
        if ":" not in name and name not in MEMBERS[kind]:
            raise Refused("unknown_member", name)
        form = FORMS.get(name, extension)
        out[name] = form(value)
    out = absent(out)
    for needed in ("eventTime", "eventTimeZoneOffset", "action"):
        if needed not in out:
            raise Refused("missing_member", needed)
    named = out.get("epcList", []) + out.get("childEPCs", []) + ([out["parentID"]] if "parentID" in out else [])
    if len(set(named)) < len(named):
        raise Refused("duplicate_epc", str(named))
    return out


def encode(value: Any) -> bytes:
    """RFC 8785."""
    return rfc8785.dumps(value)


def decode(text: bytes | str) -> Any:
    """What was written so, and in no other way. FORMATS 1: the only JSON numbers are sizes, indexes and versions."""

    def number(digits: str) -> int:
        if not re.fullmatch("[0-9]{1,16}", digits, re.ASCII) or int(digits) >= 2**53:
            raise Refused("number", digits[:80])
        return int(digits)

    data = text.encode() if isinstance(text, str) else text
    try:
        value = json.loads(data, parse_int=number, parse_float=number, parse_constant=number)
        again = encode(value)
    except Refused:
        raise
    except (ValueError, RecursionError) as error:
        raise Refused("json", str(error)) from error
    if again != data:
        raise Refused("json", "not its own RFC 8785 form")
    return value


def identity(canonical_event: Members) -> bytes:
    """FORMATS 2, last paragraph."""
    return hashlib.sha256(encode(canonical_event)).digest()


# --- scalars


def text(value: Any) -> str:
    """Trimmed; never normalised."""
    if not isinstance(value, str) or isinstance(value, Number):
        raise Refused("malformed_document", f"expected a text, found {value!r}")
    return value.strip(" \t\r\n")


def identifier(value: Any) -> str:
    return identifiers.canonical(text(value))


def time(value: Any) -> str:
    """UTC, `Z`, at least three decimals, nothing rounded."""
    given = text(value)
    if not given:
        return ""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", given, re.ASCII)
    if not match:
        raise Refused("invalid_time", given)
    seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(seconds)
        if zone != "Z":
            away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
            moment = moment - away if zone[0] == "+" else moment + away
    except (ValueError, OverflowError) as error:
        raise Refused("invalid_time", given) from error
    return moment.isoformat() + "." + (fraction or "").rstrip("0").ljust(3, "0") + "Z"


def offset(value: Any) -> str:
    given = text(value)
    if given and not re.fullmatch(r"[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00", given, re.ASCII):
        raise Refused("invalid_offset", given)
    return given


def action(value: Any) -> str:
    given = text(value)
    if given not in ("ADD", "OBSERVE", "DELETE", ""):
        raise Refused("invalid_action", given)
    return given


def decimal(value: Any) -> str:
    """Decimal text, no exponent, no trailing zeros."""
    if not isinstance(value, Number):
        raise Refused("invalid_quantity", repr(value))
    try:
        number = Decimal(value.strip(" \t\r\n"))
    except ArithmeticError as error:
        raise Refused("invalid_quantity", value) from error
    if not number.is_finite():
        raise Refused("invalid_quantity", value)
    digits = format(number, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def word(vocabulary: str, value: Any) -> str:
    """A CBV word bare; another vocabulary's term as the full URI it is."""
    given = text(value)
    for prefix in SPELLINGS[vocabulary]:
        if given.startswith(prefix) and given.removeprefix(prefix) in WORDS[vocabulary].split():
            return given.removeprefix(prefix)
    tolerated = vocabulary == "party"  # real files misspell source and destination types
    if given and ":" not in given and given not in WORDS[vocabulary].split() and not tolerated:
        raise Refused("unknown_word", given)
    return given


def is_word(vocabulary: str) -> Callable[[Any], bool]:
    """Whether it is written as `word` leaves it."""

    def holds(value: Any) -> bool:
        try:
            return isinstance(value, str) and value != "" and word(vocabulary, value) == value
        except Refused:
            return False

    return holds


# --- lists and objects


def each(form: Any, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Refused("malformed_document", f"expected a list, found {value!r}")
    return [item for item in (form(one) for one in value) if item != "" and item != {}]


def as_set(members: list[Any]) -> list[Any]:
    """Each member serialised, those bytes sorted, equal members once."""
    serialised = {encode(member): member for member in members}
    return [serialised[key] for key in sorted(serialised)]


def epcs(value: Any) -> list[str]:
    """A set, but naming an EPC twice is refused and not forgiven."""
    named = each(identifier, value)
    if len(set(named)) < len(named):
        raise Refused("duplicate_epc", str(named))
    return as_set(named)


def structure(forms: dict[str, Any], value: Any, open_ended: bool = False) -> Members:
    """An object of the standard: these bare members, and extensions where it allows them."""
    if not isinstance(value, dict):
        raise Refused("malformed_document", f"expected an object, found {value!r}")
    out: Members = {}
    for name, inner in value.items():
        if name in forms:
            out[name] = forms[name](inner)
        elif open_ended and ":" in name:
            if name not in LEFT_OUT:
                out[name] = extension(inner)
        else:
            raise Refused("unknown_member", name)
    return absent(out)


def absent(members: Members) -> Members:
    """Empty members are absent."""
    return {name: value for name, value in members.items() if value not in ("", [], {}, None)}


def place(value: Any) -> Members:
    return structure({"id": identifier}, value, open_ended=True)


def quantity(value: Any) -> Members:
    return structure({"epcClass": identifier, "quantity": decimal, "uom": text}, value)


def biz_transaction(value: Any) -> Members:
    return structure({"type": lambda kind: word("bizTransaction", kind), "bizTransaction": identifier}, value)


def source(value: Any) -> Members:
    return structure({"type": lambda kind: word("party", kind), "source": identifier}, value)


def destination(value: Any) -> Members:
    return structure({"type": lambda kind: word("party", kind), "destination": identifier}, value)


def dispositions(value: Any) -> Members:
    def words(given: Any) -> list[str]:
        return as_set(each(lambda one: word("disposition", one), given))

    return structure({"set": words, "unset": words}, value)


def error_declaration(value: Any) -> Members:
    forms = {
        "declarationTime": time,
        "reason": lambda reason: word("reason", reason),
        "correctiveEventIDs": lambda ids: as_set(each(text, ids)),
    }
    return structure(forms, value, open_ended=True)


def certification(value: Any) -> Any:
    return each(text, value) if isinstance(value, list) else text(value)


def ilmd(value: Any) -> Members:
    if not isinstance(value, dict):
        raise Refused("malformed_document", f"expected an object, found {value!r}")
    for name in value:
        if ":" not in name:
            raise Refused("unknown_member", name)
    return extension(value) or {}


def extension(value: Any) -> Any:
    """Scalars are text, an array of one is its element, what is empty is absent."""
    if isinstance(value, dict):
        members = absent({name: extension(inner) for name, inner in value.items() if name not in LEFT_OUT})
        return members["#text"] if set(members) == {"#text"} else members  # a text with nothing beside it
    if isinstance(value, list):
        kept = [inner for inner in (extension(one) for one in value) if inner not in ("", [], {})]
        return kept[0] if len(kept) == 1 else kept
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip(" \t\r\n")


def measures(forms: dict[str, Any]) -> Any:
    return lambda value: structure(forms, value, open_ended=True)


METADATA = {"time": time, "startTime": time, "endTime": time, "deviceID": identifier, "deviceMetadata": text,
            "rawData": text, "dataProcessingMethod": text, "bizRules": text}  # fmt: skip
REPORT = {"type": text, "exception": text, "deviceID": identifier, "deviceMetadata": text, "rawData": text,
          "dataProcessingMethod": text, "bizRules": text, "time": time, "microorganism": text,
          "chemicalSubstance": text,
          "value": decimal, "component": text, "stringValue": text, "booleanValue": extension, "hexBinaryValue": text,
          "uriValue": text, "minValue": decimal, "maxValue": decimal, "meanValue": decimal, "sDev": decimal,
          "percRank": decimal, "percValue": decimal, "uom": text, "coordinateReferenceSystem": text}  # fmt: skip


def sensor_element(value: Any) -> Members:
    forms = {"sensorMetadata": measures(METADATA), "sensorReport": lambda many: each(measures(REPORT), many)}
    return structure(forms, value, open_ended=True)


#: Every standard member and its form.
FORMS = {
    "type": text,
    "eventID": text,
    "eventTime": time,
    "eventTimeZoneOffset": offset,
    "certificationInfo": certification,
    "errorDeclaration": error_declaration,
    "action": action,
    "bizStep": lambda value: word("bizStep", value),
    "disposition": lambda value: word("disposition", value),
    "persistentDisposition": dispositions,
    "readPoint": place,
    "bizLocation": place,
    "bizTransactionList": lambda value: as_set(each(biz_transaction, value)),
    "sourceList": lambda value: as_set(each(source, value)),
    "destinationList": lambda value: as_set(each(destination, value)),
    "sensorElementList": lambda value: each(sensor_element, value),
    "epcList": epcs,
    "childEPCs": epcs,
    "parentID": identifier,
    "quantityList": lambda value: as_set(each(quantity, value)),
    "childQuantityList": lambda value: as_set(each(quantity, value)),
    "ilmd": ilmd,
}
