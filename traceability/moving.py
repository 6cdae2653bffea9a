"""What people do with packs, one value a move, and the EPCIS 2.0 document that says it (the writing side of custody).
Pure.

    {"move":"ship","scans":[...],"to":gln} ──parse──> Move ──document──> bytes to sign and hand in

What a move is called, how EPCIS tells it, and what has to be said of it, is a row of MOVES: to add a move is to add a
row. Whether it is lawful is not asked here: what comes of it is captured as any document is.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID, uuid5

from partners.gs1.application_identifiers import check
from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import Pgln, Sgln, canonical, gln_of, is_sgtin, is_sscc
from partners.gs1.scanner_faults import Fault, explain, possible

from . import telling
from .custody import EXPORTING, RETURNED
from .epcis.cbv import BizTransactionType, Disposition
from .epcis.errors import DocumentError
from .epcis.header import HEALTHCARE, LEGAL_NOTICE
from .epcis.jcs import JSON, encode
from .epcis.values import Raw, a_list, wrong_type
from .telling import CONTEXT, Members, Teller, handoff

# ---- the table ------------------------------------------------------------------------------------------------------


class Way(StrEnum):
    """Between whom it changes hands."""

    OUT = "out"  # from who moves it, to another
    IN = "in"  # from another, to who moves it


@dataclass(frozen=True, slots=True)
class Kind:
    """How EPCIS tells a kind of move, and what is said of it."""

    step: str  # CBV 2.0 section 7.1
    action: str
    disposition: str  # CBV 2.0 section 7.2; a `reason` stands in its place
    needs: tuple[str, ...]  # members without which nobody knows what happened
    takes: tuple[str, ...] = ()  # members that may be there besides
    event: str = "ObjectEvent"
    way: Way | None = None
    past: str = ""  # as people say that it was done


_PAPERS = ("purchase_order", "despatch_advice", "invoice")
_AGGREGATION = "AggregationEvent"

#: Every move, by its word. `items` stands for `scans`, `epcs`, or both.
MOVES: Mapping[str, Kind] = MappingProxyType(
    {
        "commission": Kind(
            "commissioning", "ADD", "active", ("items",), ("lot", "expiry"), past="commissioned"
        ),
        "pack": Kind("packing", "ADD", "in_progress", ("items", "parent"), event=_AGGREGATION, past="packed"),
        "unpack": Kind(
            "unpacking", "DELETE", "in_progress", ("parent",), ("items", "all"), event=_AGGREGATION, past="taken out"
        ),
        "ship": Kind(
            "shipping", "OBSERVE", "in_transit", ("items", "to"), ("to_location", *_PAPERS, "affirmed"),
            way=Way.OUT, past="shipped",
        ),
        "receive": Kind(
            "receiving", "OBSERVE", "in_progress", ("items", "from"), _PAPERS, way=Way.IN, past="received"
        ),
        "dispense": Kind("dispensing", "OBSERVE", "dispensed", ("items",), ("all",), past="dispensed"),
        "decommission": Kind(
            "decommissioning", "DELETE", "inactive", ("items",), ("reason",), past="taken out of use"
        ),
        "void": Kind(
            "void_shipping", "OBSERVE", "in_progress", ("items",), ("to",), way=Way.OUT, past="called off"
        ),
        "send_back": Kind(
            "shipping", "OBSERVE", RETURNED, ("items", "to"), ("to_location", *_PAPERS), way=Way.OUT, past="sent back"
        ),
        "return": Kind("receiving", "OBSERVE", RETURNED, ("items", "from"), _PAPERS, way=Way.IN, past="taken back"),
        "destroy": Kind("destroying", "DELETE", "destroyed", ("items",), past="destroyed"),
        "export": Kind(EXPORTING, "DELETE", "inactive", ("items",), past="exported"),
    }
)  # fmt: skip

#: Moves by which a pack goes on towards a patient, and those of them that nobody does with what has expired.
GOES_ON = frozenset({"pack", "ship", "dispense"})
ENDS_BEFORE = frozenset({"ship", "dispense"})

#: Why something is taken out of use, in words of CBV 2.0 section 7.2.
_SENDER = "the GLN of its sender; or leave out what is not on its way to you"
_ASKED = {"items": "nothing was scanned", "parent": "into which container, or out of which?", "to": "to whom?"}
REASONS = tuple(map(str, (Disposition.DAMAGED, Disposition.EXPIRED, Disposition.RECALLED, Disposition.INACTIVE)))

#: Papers by their member: their type (CBV 2.0 section 7.3), and whose number it is, the buyer's or the seller's.
_TYPES: Mapping[str, tuple[BizTransactionType, bool]] = {
    "purchase_order": (BizTransactionType.PO, True),
    "despatch_advice": (BizTransactionType.DESADV, False),
    "invoice": (BizTransactionType.INV, False),
}


# ---- what is moved --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thing:
    """A pack or a container, and what its label says of it."""

    epc: str  # canonical
    lot: str | None = None
    expiry: str | None = None  # YYYY-MM-DD

    @classmethod
    def scanned(cls, text: str, where: str, today: date) -> Self:
        """Whatever a scanner yields; also a URI that is nothing of GS1's, as somebody may have given a container.
        Raises `Gs1Error` for what it cannot be, `DocumentError` for a whole product."""
        try:
            read = parse_scan(text)
            expiry = read.expiry(today)
        except Gs1Error as error:
            if own := _own_uri(text):
                return cls(own)
            if (fault := explain(possible(text), ())) and fault.is_transmission:
                raise _misread(fault, where, text) from error
            raise _inside(error, where) from error
        return cls(_item(read, where, text), read.lot, expiry.isoformat() if expiry else None)

    @classmethod
    def named(cls, text: str, where: str) -> Self:
        """By its identifier: a Digital Link, an EPC URN, or any URI that somebody gave to a container."""
        if not _is_uri(text):
            expected = "a Digital Link or an EPC URN"
            raise DocumentError("not an identifier", code="bad_uri", where=where, expected=expected, found=text[:80])
        try:
            return cls(canonical(text))
        except Gs1Error as error:
            raise _inside(error, where) from error


def _item(read: ElementString, where: str, text: str) -> str:
    uri = read.uri
    if uri is None or not (is_sgtin(uri) or is_sscc(uri)):
        expected = "a serial number beside the GTIN, or an SSCC"
        detail = "this names no single pack or container"
        raise DocumentError(detail, code="not_an_item", where=where, expected=expected, found=repr(text)[:80])
    return uri


def _misread(fault: Fault, where: str, text: str) -> DocumentError:
    """What went wrong between symbol and field, before anybody suspects the pack; nothing is repaired unasked."""
    return DocumentError(fault.sentence, code=fault.codes[0], where=where, expected=fault.remedy, found=repr(text)[:80])


def _inside(error: Gs1Error, where: str) -> Gs1Error:
    """The same, said of the place in the request."""
    error.where = f"{where}: {error.where}" if error.where else where
    return error


def _own_uri(text: str) -> str | None:
    """A URI in which there is no GS1 key, and which does not claim that there is one."""
    try:
        return text.strip() if _is_uri(text.strip()) and canonical(text.strip()) == text.strip() else None
    except Gs1Error:
        return None


_is_uri = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f]+").fullmatch


# ---- a move ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """One move, as it was asked for:

    {"move":"ship","scans":["(00)095210980000000079"],"to":"0614141003009","purchase_order":"PO-17"}
    """

    word: str  # a key of MOVES
    things: tuple[Thing, ...] = ()  # each once, in the order in which they were scanned
    parent: str | None = None  # canonical EPC of the container that is packed or unpacked
    everything: bool = False  # all that is in it is taken out; or dispensed
    to: str | None = None  # GLN-13, as the following
    to_location: str | None = None
    sender: str | None = None
    place: str | None = None  # where it happens; by default where the party's own GLN is
    lot: str | None = None
    expiry: str | None = None  # YYYY-MM-DD
    reason: str | None = None
    papers: tuple[tuple[str, str], ...] = ()  # members of _TYPES, and their numbers
    affirmed: bool = False  # whether the transaction statement goes with it
    scanned: Mapping[str, int] = field(default_factory=lambda: NOT_COUNTED, compare=False)  # how often, if not once

    @classmethod
    def parse(cls, said: Mapping[str, Raw], today: date, *, known: Sequence[str] = ()) -> Self:
        """Read what a request says; `known` are members of it that are read elsewhere. `today` tells the century of
        an expiry date on a label.

        Raises `DocumentError` and `Gs1Error`, with the member as `where`.
        """
        word = _text(said, "move") or ""
        if word not in MOVES:
            expected = ", ".join(MOVES)
            raise DocumentError("no such move", code="unknown_word", where="move", expected=expected, found=word[:80])
        kind = MOVES[word]
        _demand_known(said, kind, known)
        found = _things(said, today)
        move = cls(
            word=word,
            things=tuple(found),
            parent=_parent(said, today),
            everything=_flag(said, "all"),
            to=_party(said, "to"),
            to_location=_party(said, "to_location"),
            sender=_party(said, "from"),
            place=_party(said, "place"),
            lot=_lot(said),
            expiry=_day(said),
            reason=_reason(said),
            papers=tuple((name, text) for name in _PAPERS if (text := _text(said, name)) is not None),
            affirmed=_flag(said, "affirmed"),
            scanned={thing.epc: count for thing, count in found.items() if count > 1},
        )
        move.demand_whole()
        return move

    @property
    def kind(self) -> Kind:
        return MOVES[self.word]

    @property
    def epcs(self) -> list[str]:
        return [thing.epc for thing in self.things]

    def demand_whole(self) -> None:
        """Raise for what is needed and not there; but who sent something, the record may know."""
        has: dict[str, Any] = {"items": self.things, "parent": self.parent, "to": self.to}
        for name in self.kind.needs:
            if name in has and not has[name]:
                where = "scans" if name == "items" else name
                raise DocumentError(_ASKED[name], code="missing_member", where=where)
        if self.word == "unpack" and bool(self.things) == self.everything:
            expected = "either what is taken out, or all: true"
            raise DocumentError("what is taken out?", code="missing_member", where="scans", expected=expected)
        if self.parent is not None and self.parent in self.epcs:
            raise DocumentError("a container is not in itself", code="duplicate_epc", where="parent", found=self.parent)

    def __bytes__(self) -> bytes:
        """By which two requests are the same (RFC 8785): what was said, and not how it was spelled."""
        said = {each.name: getattr(self, each.name) for each in fields(self) if each.compare}
        said |= {"things": [[thing.epc, thing.lot, thing.expiry] for thing in self.things]}
        return encode(said | {"papers": [list(paper) for paper in self.papers]})

    # ---- as EPCIS ---------------------------------------------------------------------------------------------------

    def events(self, teller: Teller, time: datetime) -> list[Members]:
        kind = self.kind
        make = partial(teller.event, kind.event, kind.step, kind.action, time)
        members: Members = {"disposition": self.reason or kind.disposition}
        if kind.way is not None:
            members |= self._hands(teller.gln)
        if papers := self._papers(teller.gln):
            members["bizTransactionList"] = papers
        if kind.event == _AGGREGATION:
            children: Members = {} if self.everything else {"childEPCs": list(self.epcs)}
            return [make(parentID=self.parent, **children, **members)]
        if kind.step == "commissioning":
            return [make(epcList=epcs, **members, ilmd=ilmd) for epcs, ilmd in self._lots()]
        return [make(epcList=list(self.epcs), **members)]

    def _hands(self, gln: str) -> Members:
        if self.kind.way is Way.IN:
            if self.sender is None:
                raise DocumentError("who sent it?", code="missing_member", where="from", expected=_SENDER)
            return handoff(self.sender, gln)
        ends = handoff(gln, self.to or gln)
        if self.to is None:  # whom what is called off was for, the record knows
            del ends["destinationList"]
        if self.to_location:
            there: JSON = [{"type": "location", "destination": Sgln(self.to_location).uri}]
            ends["destinationList"] = [*ends["destinationList"], *there]  # type: ignore[misc]
        return ends

    def _papers(self, gln: str) -> list[JSON]:
        """CBV 2.0 section 8.5.2: a number is whoever's gave it."""
        buyer, seller = (gln, self.sender) if self.kind.way is Way.IN else (self.to, gln)
        return [
            {"type": str(_TYPES[name][0]), "bizTransaction": _transaction(number, buyer if _TYPES[name][1] else seller)}
            for name, number in self.papers
        ]

    def _lots(self) -> Iterable[tuple[list[JSON], Members]]:
        """Lot by lot: of what a label says, and what is said of all."""
        lots: dict[tuple[str, str], list[JSON]] = {}
        for thing in self.things:
            lot = _agreed(thing, "lot", thing.lot, self.lot)
            expiry = _agreed(thing, "expiry", thing.expiry, self.expiry)
            lots.setdefault((lot, expiry), []).append(thing.epc)
        for (lot, expiry), epcs in lots.items():
            yield epcs, {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": expiry}

    def around(self, gln: str) -> dict[str, JSON]:
        """The document's other members: from whom to whom, and what the sender affirms."""
        if self.kind.way is None or (self.kind.way is Way.OUT and self.to is None):
            return {}
        sender, receiver = (self.sender or "", gln) if self.kind.way is Way.IN else (gln, self.to or "")
        around: dict[str, JSON] = {"sender": Pgln(sender).uri, "receiver": Pgln(receiver).uri}
        if self.affirmed:
            said: JSON = {"gs1ushc:affirmTransactionStatement": True, "gs1ushc:legalNotice": LEGAL_NOTICE}
            around |= {"@context": [CONTEXT, {"gs1ushc": HEALTHCARE}], "gs1ushc:dscsaTransactionStatement": said}
        return around

    def by_sender(self, senders: Mapping[str, str]) -> "list[Move]":
        """Of what is received: one move a sender, by EPC where nobody has said it. What has none stays with those that
        have no other."""
        if self.kind.way is not Way.IN or self.sender is not None:
            return [self]
        groups: dict[str | None, list[Thing]] = {}
        for thing in self.things:
            groups.setdefault(senders.get(thing.epc), []).append(thing)
        return [replace(self, things=tuple(things), sender=sender) for sender, things in groups.items()]


NOT_COUNTED: Mapping[str, int] = MappingProxyType({})


def document(moves: Sequence[Move], gln: str, time: datetime, name: UUID) -> bytes:
    """What the party with this GLN signs: mostly one move; several, as what came from several senders, all of them or
    none. The same arguments give the same bytes: `name`, a UUID for this alone, is what the events' ids are made of.
    """
    events = [event for move in moves for event in move.events(Teller(gln, move.place), time)]
    named = [{**event, "eventID": f"urn:uuid:{uuid5(name, str(at))}"} for at, event in enumerate(events)]
    return telling.document(*named, **(moves[0].around(gln) if len(moves) == 1 else {}))


# ---- members --------------------------------------------------------------------------------------------------------


def _demand_known(said: Mapping[str, Raw], kind: Kind, known: Sequence[str]) -> None:
    """A misspelt member would be a wish not heard."""
    named = {*kind.needs, *kind.takes}
    may = {"move", "place", *(named - {"items"}), *(("scans", "epcs") if "items" in named else ()), *known}
    for name, value in said.items():
        if name not in may and value is not None:
            expected = ", ".join(sorted(may))
            raise DocumentError("no member of this move", code="unknown_member", where=name[:80], expected=expected)


def _things(said: Mapping[str, Raw], today: date) -> dict[Thing, int]:
    """Each once: a scanner reads the same pack twice, and means it once."""
    found: dict[Thing, int] = {}
    read: tuple[tuple[str, Callable[[str, str], Thing]], ...] = (
        ("scans", lambda text, where: Thing.scanned(text, where, today)),
        ("epcs", Thing.named),
    )
    seen: dict[str, Thing] = {}
    for name, reader in read:
        for position, text in enumerate(a_list(said.get(name) or [], name)):
            where = f"{name}[{position}]"
            if type(text) is not str:  # a number is not
                raise wrong_type(type(text), "text", where)
            thing = reader(text, where)
            first = seen.setdefault(thing.epc, thing)
            if thing.lot and first.lot and (thing.lot, thing.expiry) != (first.lot, first.expiry):
                raise _differs(thing, "lot", f"{first.lot}, {first.expiry}", f"{thing.lot}, {thing.expiry}")
            found[first] = found.get(first, 0) + 1
    return found


def _parent(said: Mapping[str, Raw], today: date) -> str | None:
    text = _text(said, "parent")
    return None if text is None else Thing.scanned(text, "parent", today).epc


def _text(said: Mapping[str, Raw], name: str) -> str | None:
    value = said.get(name)
    if value is None:
        return None
    if type(value) is not str:
        raise wrong_type(type(value), "text", name)
    text = value.strip(" \t\r\n")
    if len(text) > LONGEST:
        expected = f"at most {LONGEST} characters"
        raise DocumentError("too long", code="bad_length", where=name, expected=expected, found=str(len(text)))
    return text or None


LONGEST = 8000  # characters of anything: what the largest symbol holds


def _flag(said: Mapping[str, Raw], name: str) -> bool:
    value = said.get(name) or False
    if not isinstance(value, bool):
        raise wrong_type(type(value), "true or false", name)
    return value


def _party(said: Mapping[str, Raw], name: str) -> str | None:
    """A GLN, as digits, as an identifier, or as a scanner reads it off a door."""
    text = _text(said, name)
    if text is None:
        return None
    try:
        if text.isascii() and text.isdigit() and len(text) == 13:
            check("417", text)
            return text
        gln = gln_of(text) if _is_uri(text) else parse_scan(text).gln
    except Gs1Error as error:
        raise _inside(error, name) from error
    if gln is None:
        raise DocumentError(
            "no party or place", code="malformed_identifier", where=name, expected="a GLN", found=repr(text)[:80]
        )
    return gln


def _lot(said: Mapping[str, Raw]) -> str | None:
    """As a label may have it: GS1 General Specifications, AI 10."""
    text = _text(said, "lot")
    try:
        if text is not None:
            check("10", text)
    except Gs1Error as error:
        raise _inside(error, "lot") from error
    return text


def _day(said: Mapping[str, Raw]) -> str | None:
    text = _text(said, "expiry")
    try:
        return None if text is None else date.fromisoformat(text).isoformat()
    except ValueError:
        raise DocumentError(
            "no date", code="bad_date", where="expiry", expected="YYYY-MM-DD", found=repr(text)[:80]
        ) from None


def _reason(said: Mapping[str, Raw]) -> str | None:
    text = _text(said, "reason")
    if text not in (None, *REASONS):
        raise DocumentError(
            "no reason known here",
            code="unknown_word",
            where="reason",
            expected=", ".join(REASONS),
            found=repr(text)[:80],
        )
    return text


def _agreed(thing: Thing, name: str, printed: str | None, told: str | None) -> str:
    """What the label says and what is said of all have to be the same; one of them has to be there."""
    if printed and told and printed != told:
        raise _differs(thing, name, told, printed)
    if not (found := printed or told):
        detail = "not on the label, and not said"
        raise DocumentError(detail, code="missing_member", where=name, found=thing.epc)
    return found


def _differs(thing: Thing, name: str, expected: str, found: str) -> DocumentError:
    detail = f"the label of {thing.epc} says something else"
    return DocumentError(detail, code="label_differs", where=name, expected=expected, found=found)


def _transaction(number: str, gln: str | None) -> str:
    """A URI as it is; a number, as that of whoever gave it."""
    return number if _is_uri(number) else f"urn:epcglobal:cbv:bt:{gln}:{quote(number, safe='-._~')}"
