"""The exceptions messages of the Partnership for DSCSA Governance (ExceptionsSchemas, August 2024): read strictly, and
written. Pure.

    report     what the receiver found, and what it asks for ──┐  one case, by `exception_case_uuid`
    response   item by item, whether the other agrees        <─┘

A message of the schema is read; beyond the schema, what contradicts itself is not, nor a member that nobody knows: a
misspelt one would be a wish not heard. Check digits are not asked for: a wrong number may be what a message is about.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from json import dumps
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeAlias

from ..epcis import jsonld
from ..epcis.errors import DocumentError
from ..epcis.jcs import JSON, encode
from ..epcis.values import Number, Raw, a_list, an_object, wrong_type

MOST_ITEMS = 1000  # of one message
LONGEST_TEXT = 2000  # characters of a comment
LONGEST_NAME = 80  # characters of a number of an order, a lot, a serial number


class Resolution(StrEnum):
    """What the reporter asks for."""

    SEND_NEW_DATA = "Send new data"
    SEND_PRODUCT = "Send product"
    RETURN_PRODUCT = "Return product"
    SEND_BACK_PRODUCT = "Send back product"
    CREDIT_ACCOUNT = "Credit account"
    DEBIT_ACCOUNT = "Debit account"


class Source(StrEnum):
    """Where the reporter has it from that there is a product without data."""

    SCAN = "Scan"
    PACKING_SLIP = "Packing Slip"
    ASN = "ASN"
    OTHER = "Other"


class Verdict(StrEnum):
    """Whether the other agrees to what is asked for."""

    ACCEPT = "Accept"
    REJECT = "Reject"


class FollowUpBy(StrEnum):
    """How the reporter is got hold of."""

    EMAIL = "Email"
    PHONE = "Phone"


class ItemKind(StrEnum):
    """The lists of a report's `exceptions`; the last two stand in its `master_data_errors`."""

    MISSING_PRODUCT_DATA = "missing_product_data"  # a product, and no data
    MISSING_PRODUCT = "missing_product"  # data, and no product
    DATA_MISALIGNMENT = "data_misalignment"
    OVERAGES = "overages"
    UNDERAGES = "underages"
    GLN_ERRORS = "gln_errors"
    GTIN_ERRORS = "gtin_errors"


# ---- members --------------------------------------------------------------------------------------------------------

Rule: TypeAlias = Callable[[Raw, str], Any]
"""The value of a member, or an error that names its place."""


def _bad_value(where: str, expected: str, value: Raw) -> DocumentError:
    detail, found = "not what it should be", repr(value)[:80]
    return DocumentError(detail, code="bad_value", where=where, expected=expected, found=found)


def _text(what: str, pattern: str) -> Rule:
    matches = re.compile(pattern, re.ASCII).fullmatch

    def read(value: Raw, where: str) -> str:
        if type(value) is not str:
            raise wrong_type(type(value), "text", where)
        if not matches(value):
            raise _bad_value(where, what, value)
        return value

    return read


def _words(longest: int) -> Rule:
    def read(value: Raw, where: str) -> str:
        if type(value) is not str:
            raise wrong_type(type(value), "text", where)
        if not 0 < len(value) <= longest or not value.replace("\n", "").replace("\t", "").isprintable():
            raise _bad_value(where, f"1 to {longest} printable characters", value)
        return value

    return read


def _one_of(words: type[StrEnum]) -> Rule:
    def read(value: Raw, where: str) -> StrEnum:
        if type(value) is not str:
            raise wrong_type(type(value), "text", where)
        if value not in set(words):
            expected, found = ", ".join(words), repr(value)[:80]
            raise DocumentError("no such word", code="unknown_word", where=where, expected=expected, found=found)
        return words(value)

    return read


def _count(value: Raw, where: str) -> int:
    if not isinstance(value, Number):
        raise wrong_type(type(value), "a whole number", where)
    if not re.fullmatch("[0-9]{1,12}", value, re.ASCII):
        found = value[:40]
        raise DocumentError("not a count", code="bad_number", where=where, expected="a whole number", found=found)
    return int(value)


def _flag(value: Raw, where: str) -> bool:
    if type(value) is not bool:
        raise wrong_type(type(value), "true or false", where)
    return value


_UUID_TEXT = _text("a UUID", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _uuid(value: Raw, where: str) -> str:
    return str(_UUID_TEXT(value, where)).lower()


_GTIN = _text("a GTIN of 8, 12, 13 or 14 digits", "[0-9]{8}|[0-9]{12,14}")
_GLN = _text("a GLN of 13 digits", "[0-9]{13}")
_EMAIL = _text("an e-mail address", r"[!-?A-~]{1,64}@[!-?A-~]{1,189}")
_NAME, _COMMENT = _words(LONGEST_NAME), _words(LONGEST_TEXT)


class Member(NamedTuple):
    """What an object has by a name."""

    rule: Rule
    needed: bool = True
    nullable: bool = False


Shape: TypeAlias = Mapping[str, Member]


def _maybe(rule: Rule) -> Member:
    return Member(rule, needed=False, nullable=True)


_RESOLUTION = _one_of(Resolution)
_ITEM: Shape = {"exception_item_uuid": Member(_uuid)}
_COUNTED: Shape = {
    **_ITEM,
    "gtin": Member(_GTIN),
    "quantity_ordered": Member(_count),
    "quantity_received": Member(_count),
    "resolution_request": Member(_RESOLUTION),
}

#: What an item of each kind says, as the schema has it.
ITEMS: Mapping[ItemKind, Shape] = MappingProxyType(
    {
        ItemKind.MISSING_PRODUCT_DATA: {
            **_ITEM,
            "product_gtin": Member(_GTIN),
            "observation_source": Member(_one_of(Source)),
            "resolution_request": Member(_RESOLUTION),
            "product_serial": _maybe(_NAME),
        },
        ItemKind.MISSING_PRODUCT: {
            **_ITEM,
            "file_id": Member(_words(200)),
            "product_gtin": Member(_GTIN),
            "product_serial": Member(_NAME),
            "resolution_request": Member(_RESOLUTION),
        },
        ItemKind.DATA_MISALIGNMENT: {
            **_ITEM,
            **{
                f"{side}_{name}": Member(_GTIN if name == "gtin" else _NAME, nullable=name == "serial")
                for side in ("received_product", "product_data")
                for name in ("gtin", "lot", "expiry", "serial")
            },
            "resolution_request": Member(_RESOLUTION),
        },
        ItemKind.OVERAGES: _COUNTED,
        ItemKind.UNDERAGES: _COUNTED,
        ItemKind.GLN_ERRORS: {
            **_ITEM,
            "invalid_gln": Member(_NAME),  # any text: that it is no GLN may be what is wrong with it
            "proposed_gln": _maybe(_GLN),
            "resolution_request": _maybe(_RESOLUTION),
        },
        ItemKind.GTIN_ERRORS: {
            **_ITEM,
            "invalid_gtin": Member(_NAME),
            "proposed_gtin": _maybe(_GTIN),
            "resolution_request": _maybe(_RESOLUTION),
        },
    }
)
_MASTER_DATA = (ItemKind.GLN_ERRORS, ItemKind.GTIN_ERRORS)


def _members(value: Raw, shape: Shape, where: str) -> dict[str, Any]:
    """The values of an object's members, those that are null left out."""
    said = an_object(value, where or "the message")
    inside = f"{where}." if where else ""
    if unknown := sorted(said.keys() - shape.keys()):
        expected = ", ".join(shape)
        raise DocumentError("no such member", code="unknown_member", where=f"{inside}{unknown[0]}"[:200],
                            expected=expected)  # fmt: skip
    found: dict[str, Any] = {}
    for name, member in shape.items():
        if name not in said and member.needed:
            raise DocumentError("a member is missing", code="missing_member", where=inside + name)
        if said.get(name) is not None:
            found[name] = member.rule(said[name], inside + name)
        elif name in said and not member.nullable:
            raise wrong_type(type(None), "a value", inside + name)
    return found


def _object(shape: Shape) -> Rule:
    return lambda value, where: _members(value, shape, where)


def _many(rule: Rule) -> Rule:
    def read(value: Raw, where: str) -> list[Any]:
        listed = a_list(value, where)
        if len(listed) > MOST_ITEMS:
            expected, found = f"at most {MOST_ITEMS}", str(len(listed))
            raise DocumentError("too many", code="too_large", where=where, expected=expected, found=found)
        return [rule(each, f"{where}[{at}]") for at, each in enumerate(listed)]

    return read


def _lists(kinds: tuple[ItemKind, ...]) -> dict[str, Member]:
    return {str(kind): _maybe(_many(_object(ITEMS[kind]))) for kind in kinds}


_CONTACT: Shape = {"vp": _maybe(_words(20_000)), "gln": _maybe(_GLN), "email": Member(_EMAIL), "phone": _maybe(_NAME)}
_BEGINS: Shape = {
    "message_uuid": Member(_uuid),
    "exception_case_uuid": Member(_uuid),
    "timestamp": Member(_count),
    "po_number": Member(_NAME),
    "sender_information": Member(_object(_CONTACT)),
}
_REPORT: Shape = {
    **_BEGINS,
    "exceptions": _maybe(
        _object(
            {
                **_lists(tuple(kind for kind in ItemKind if kind not in _MASTER_DATA)),
                "master_data_errors": _maybe(_object(_lists(_MASTER_DATA))),
            }
        )
    ),
    "other_errors": _maybe(_many(_COMMENT)),
    "case_resolved": Member(_flag),
}
_ANSWER: Shape = {
    **_ITEM,
    "resolution_response": Member(_one_of(Verdict)),
    "comments": _maybe(_COMMENT),
    "alternative_resolution": _maybe(
        _object(
            {
                "alternative_resolution": Member(_RESOLUTION, nullable=True),
                "follow_up": Member(_one_of(FollowUpBy), nullable=True),
                "follow_up_details": _maybe(_COMMENT),
            }
        )
    ),
}
_RESPONSE: Shape = {
    **_BEGINS,
    "response_items": _maybe(_many(_object(_ANSWER))),
    "additional_notes": _maybe(_COMMENT),
}
_FOLLOW_UP: Shape = {
    "message_uuid": Member(_uuid),
    "exception_case_uuid": Member(_uuid),
    "timestamp": Member(_count),
    "items": Member(
        _many(
            _object(
                {
                    **_ITEM,
                    "submission": _maybe(_uuid),
                    "event": _maybe(_count),
                    "note": _maybe(_COMMENT),
                }
            )
        )
    ),
}


# ---- messages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What all messages of a case have. `members` is the message as JSON, as it came."""

    message: str  # UUID
    case: str  # UUID
    time: datetime  # by its sender's clock, whole seconds
    members: Mapping[str, JSON]

    def __bytes__(self) -> bytes:
        """RFC 8785: what is hashed and signed, however it was spelled on the way here."""
        return encode(dict(self.members))


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is wrong, and what is asked for."""

    item: str  # UUID
    kind: ItemKind
    resolution: Resolution | None
    said: Mapping[str, Any]  # its other members

    @property
    def gtin(self) -> str:
        """The product, where the item says of which; else empty."""
        names = ("gtin", "product_gtin", "product_data_gtin", "invalid_gtin")
        return next((str(self.said[name]) for name in names if name in self.said), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Message):
    """{"case_resolved":false,"exception_case_uuid":...,"exceptions":{"overages":[{"exception_item_uuid":...,
    "gtin":...,"quantity_ordered":100,"quantity_received":110,"resolution_request":"Debit account"}]},
    "message_uuid":...,"other_errors":null,"po_number":...,"sender_information":{"email":...},"timestamp":1712368200}
    """

    po_number: str
    sender: str | None  # GLN
    items: tuple[Item, ...]
    other_errors: tuple[str, ...]
    resolved: bool

    @classmethod
    def parse(cls, received: bytes) -> Self:
        """Raises `DocumentError`, with the place in the message as `where`."""
        raw = jsonld.read(received)
        said = _members(raw, _REPORT, "")
        items = tuple(_items(said.get("exceptions", {})))
        _demand_different([item.item for item in items], "exceptions")
        return cls(
            **_begins(said, raw),
            po_number=said["po_number"],
            sender=said["sender_information"].get("gln"),
            items=items,
            other_errors=tuple(said.get("other_errors", ())),
            resolved=said["case_resolved"],
        )


def _items(said: Mapping[str, Any]) -> Iterator[Item]:
    lists = {**said, **said.get("master_data_errors", {})}
    for kind in ItemKind:
        for at, members in enumerate(lists.get(kind, ())):
            where = f"exceptions.{'master_data_errors.' if kind in _MASTER_DATA else ''}{kind}[{at}]"
            rest = {name: value for name, value in members.items() if name not in _NOT_SAID}
            item = Item(members["exception_item_uuid"], kind, members.get("resolution_request"), rest)
            _demand_sense(item, where)
            yield item


_NOT_SAID = ("exception_item_uuid", "resolution_request")


def _demand_sense(item: Item, where: str) -> None:
    """Raise for an item that says the contrary of what its list does."""
    if item.kind in (ItemKind.OVERAGES, ItemKind.UNDERAGES):
        ordered, received = item.said["quantity_ordered"], item.said["quantity_received"]
        if (received > ordered) != (item.kind is ItemKind.OVERAGES) or received == ordered:
            expected = f"{'more' if item.kind is ItemKind.OVERAGES else 'fewer'} than {ordered}"
            raise _contradicts(f"{where}.quantity_received", expected, str(received))
    if item.kind is ItemKind.DATA_MISALIGNMENT:
        pairs = [(item.said.get(f"received_product_{name}"), item.said.get(f"product_data_{name}"))
                 for name in ("gtin", "lot", "expiry", "serial")]  # fmt: skip
        if all(received == data for received, data in pairs):
            raise _contradicts(where, "something in which product and data differ", "none")


def _contradicts(where: str, expected: str, found: str) -> DocumentError:
    detail = "the message contradicts itself"
    return DocumentError(detail, code="contradicts_itself", where=where, expected=expected, found=found)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other says to one item."""

    item: str  # UUID
    verdict: Verdict
    comments: str
    alternative: Resolution | None
    follow_up: FollowUpBy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Message):
    """{"additional_notes":null,"exception_case_uuid":...,"message_uuid":...,"po_number":...,"response_items":[
    {"alternative_resolution":null,"comments":"...","exception_item_uuid":...,"resolution_response":"Accept"}],
    "sender_information":{"email":...},"timestamp":1712371800}
    """

    po_number: str
    sender: str | None  # GLN
    answers: tuple[Answer, ...]
    notes: str

    @classmethod
    def parse(cls, received: bytes) -> Self:
        """Raises `DocumentError`, with the place in the message as `where`."""
        raw = jsonld.read(received)
        said = _members(raw, _RESPONSE, "")
        answers = tuple(_answer(each, at) for at, each in enumerate(said.get("response_items", ())))
        _demand_different([each.item for each in answers], "response_items")
        return cls(
            **_begins(said, raw),
            po_number=said["po_number"],
            sender=said["sender_information"].get("gln"),
            answers=answers,
            notes=said.get("additional_notes", ""),
        )


def _answer(said: Mapping[str, Any], at: int) -> Answer:
    other = said.get("alternative_resolution", {})
    alternative = other.get("alternative_resolution")
    if alternative is not None and said["resolution_response"] is Verdict.ACCEPT:
        where = f"response_items[{at}].alternative_resolution"
        raise _contradicts(where, "none, of what is accepted", str(alternative))
    return Answer(
        said["exception_item_uuid"],
        said["resolution_response"],
        said.get("comments", ""),
        alternative,
        other.get("follow_up"),
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about one item, and where that is told."""

    item: str  # UUID
    submission: str | None  # UUID; None: it is told by no event
    event: int  # of the submission, from 0
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp(Message):
    """PDG has no message for it; ours, by the same manners: what was agreed to has been done.

    {"exception_case_uuid":...,"items":[{"event":0,"exception_item_uuid":...,"submission":uuid}],"message_uuid":...,
     "timestamp":1712371800}
    """

    items: tuple[Done, ...]

    @classmethod
    def parse(cls, received: bytes) -> Self:
        """Raises `DocumentError`, with the place in the message as `where`."""
        raw = jsonld.read(received)
        said = _members(raw, _FOLLOW_UP, "")
        done = tuple(_done(each, at) for at, each in enumerate(said["items"]))
        if not done:
            raise DocumentError("nothing was done", code="missing_member", where="items")
        _demand_different([each.item for each in done], "items")
        return cls(**_begins(said, raw), items=done)


def _done(said: Mapping[str, Any], at: int) -> Done:
    if "submission" not in said and ("event" in said or "note" not in said):
        expected = "a submission, or else a note"
        raise DocumentError("what was done?", code="missing_member", where=f"items[{at}].submission", expected=expected)
    return Done(said["exception_item_uuid"], said.get("submission"), said.get("event", 0), said.get("note", ""))


def _begins(said: Mapping[str, Any], raw: Raw) -> dict[str, Any]:
    if said["timestamp"] > 253_402_300_799:  # the year 9999: a count of milliseconds, most likely
        raise _bad_value("timestamp", "seconds since 1970", str(said["timestamp"]))
    time = datetime.fromtimestamp(said["timestamp"], UTC)
    members = _plain(raw)
    return {"message": said["message_uuid"], "case": said["exception_case_uuid"], "time": time, "members": members}


def _plain(value: Raw) -> Any:
    """As it came, its numbers as such: only whole ones are left by now."""
    if isinstance(value, Number):
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def text_of(value: Raw) -> bytes:
    """JSON again of what was read of a bigger one, its numbers as they were written."""
    return _text_of(value).encode()


def _text_of(value: Raw) -> str:
    if isinstance(value, Number):
        return value
    if isinstance(value, list):
        return f"[{','.join(map(_text_of, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{dumps(name)}:{_text_of(each)}' for name, each in value.items())}}}"
    return dumps(value)


def _demand_different(items: list[str], where: str) -> None:
    if len(set(items)) < len(items):
        twice = next(each for each in items if items.count(each) > 1)
        raise DocumentError("an item is named twice", code="duplicate_item", where=where, expected="once", found=twice)


# ---- writing --------------------------------------------------------------------------------------------------------


def report(
    *,
    message: str,
    case: str,
    time: datetime,
    po_number: str,
    gln: str,
    email: str,
    items: Mapping[ItemKind, list[dict[str, JSON]]],
    other_errors: list[str] | None = None,
    resolved: bool = False,
) -> dict[str, JSON]:
    """A report, as JSON. What is written is read again before it is sent: `Report.parse`."""
    lists: dict[str, JSON] = {str(kind): list(each) for kind, each in items.items() if kind not in _MASTER_DATA}
    master: dict[str, JSON] = {str(kind): list(items[kind]) for kind in _MASTER_DATA if kind in items}
    return {
        "message_uuid": message,
        "exception_case_uuid": case,
        "timestamp": int(time.timestamp()),
        "po_number": po_number,
        "sender_information": {"gln": gln, "email": email},
        "exceptions": lists | ({"master_data_errors": master} if master else {}),
        "other_errors": list(other_errors) if other_errors else None,
        "case_resolved": resolved,
    }


def response(
    *, message: str, case: str, time: datetime, po_number: str, gln: str, email: str, answers: list[dict[str, JSON]],
    notes: str | None = None,
) -> dict[str, JSON]:  # fmt: skip
    """A response, as JSON."""
    return {
        "message_uuid": message,
        "exception_case_uuid": case,
        "timestamp": int(time.timestamp()),
        "po_number": po_number,
        "sender_information": {"gln": gln, "email": email},
        "response_items": list(answers),
        "additional_notes": notes,
    }
