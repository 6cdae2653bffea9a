"""Verification messages between companies: is this product identifier the one that its manufacturer gave the pack?

    question ──may ask──> who may issue the GTIN ──> chain ──> verified, or a reason why not; information ──> signed

GS1 Lightweight Messaging Standard for Verification of Product Identifiers 1.1, and the US guideline's release 1.3:
whose codes these are. Whoever asks is a partner with a token, asks for itself, and is answered by a verdict alone,
with its access record (invariant I7). Beyond the standard, what this node knows of the pack counts: a number that has
been dispensed, or that others hold up, is not one to sell again, however well it matches.

The answer is signed by the node, beside its body: the standard's members are as they are.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TypeVar

from django.conf import settings

from ledger import log
from ledger.errors import LogFrozen
from ledger.keys import node_key
from ledger.models import Log
from partners import access
from partners.access import Purpose
from partners.gs1.application_identifiers import check
from partners.gs1.element_string import ElementString
from partners.licences import may_trade
from partners.models import Location, Partner
from partners.prefixes import licensee
from partners.waivers import waiver_for

from ..errors import NotAllowed, Refusal
from ..history import Chain, chain
from ..statements import Verification, WaivedRule, sign_verification
from .verification import CHECKS, Case, day, day_at

Word = TypeVar("Word", bound=StrEnum)


class Failure(StrEnum):
    """`verificationFailureReason`."""

    SERIAL = "No_match_GTIN_Serial"
    LOT = "No_match_GTIN_Serial_Lot"
    EXPIRY = "No_match_GTIN_Serial_Expiry"
    LOT_AND_EXPIRY = "No_match_GTIN_Serial_Lot_Expiry"
    POLICY = "Manufacturer_policy"
    NOT_TO_SELL = "Not_for_re-distribution"
    NONE_GIVEN = "No_reason_provided"


class Info(StrEnum):
    """`additionalInfo`, the gravest first."""

    ILLEGITIMATE = "Illegitimate"
    SUSPECT = "Suspect"
    RECALLED = "Recalled"
    EXPIRED = "Expired"
    EXTENDED = "ExpirationExtended"


#: Why a partner asks, by the `context` of its message; without one, it asks to verify.
CONTEXTS = {None: Purpose.VERIFICATION, "dscsaSaleableReturn": Purpose.SALEABLE_RETURN}

#: What the reasons of `verification.py` come to in the standard's words. What is not here is no reason against a
#: product identifier: who has the pack, or how well its way is signed, is not asked.
MEANS: dict[str, tuple[Failure | None, Info | None]] = {
    "no_commissioning": (Failure.SERIAL, None),  # its manufacturer has not told of it
    "commissioned_by_other": (Failure.SERIAL, None),
    "not_signed_by_licensee": (Failure.SERIAL, None),
    "stolen": (Failure.NOT_TO_SELL, Info.ILLEGITIMATE),  # 21 U.S.C. 360eee(8)
    "suspect": (Failure.NOT_TO_SELL, Info.SUSPECT),
    "quarantined": (Failure.NOT_TO_SELL, None),
    "already_dispensed": (Failure.NOT_TO_SELL, Info.SUSPECT),  # a second pack of this number, or it came back
    "decommissioned": (Failure.NOT_TO_SELL, None),
    "destroyed": (Failure.NOT_TO_SELL, Info.SUSPECT),  # a second pack of this number, or it never was destroyed
    "exported": (Failure.NOT_TO_SELL, None),
    "key_compromised": (Failure.NONE_GIVEN, Info.SUSPECT),
    "seen_elsewhere": (None, Info.SUSPECT),
    "recalled": (None, Info.RECALLED),
}


class NotAnsweredHere(Refusal):
    """Nobody on this node may issue this GTIN: another responder answers for it, or none."""

    code = "gtin_not_answered_here"
    status = 404


@dataclass(frozen=True, slots=True)
class Question:
    """What a partner asks. Raises `Gs1Error` for what no pack can have on it."""

    gtin: str  # 14 digits
    serial: str
    lot: str
    expiry: str  # YYMMDD, as printed
    requester: str  # GLN
    correlation: str  # UUID, drawn by the requester
    purpose: Purpose

    pack: ElementString = field(init=False)
    epc: str = field(init=False)  # canonical

    def __post_init__(self) -> None:
        check("417", self.requester)
        pack = ElementString((("01", self.gtin), ("21", self.serial), ("17", self.expiry), ("10", self.lot)))
        object.__setattr__(self, "pack", pack)
        object.__setattr__(self, "epc", str(pack.uri))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is said of a product identifier."""

    failure: Failure | None = None  # None: verified
    info: Info | None = None

    @property
    def members(self) -> dict[str, bool | str]:
        said: dict[str, bool | str] = {"verified": self.failure is None}
        if self.failure is not None:
            said["verificationFailureReason"] = self.failure
        if self.info is not None:
            said["additionalInfo"] = self.info
        return said


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it goes out, and the node's signature over it."""

    body: bytes
    envelope: bytes  # COSE_Sign1 of a `Verification`


# ---- may one ask, and here ------------------------------------------------------------------------------------------


def responder_for(gtin: str, requester: str, reader: Partner, *, now: datetime) -> str:
    """GLN of the party for which this node answers about a GTIN, to whoever may ask. Nothing is read of any pack.

    Raises `NotAllowed` and `NotAnsweredHere`.
    """
    if requester != reader.gln and Location.objects.operators([requester]).at(requester, now) != reader.gln:
        detail = "reqGLN is neither you nor a place of yours"
        raise NotAllowed(detail, code="not_your_gln", where="reqGLN", expected=reader.gln, found=requester)
    if not may_trade(reader.gln, now) and waiver_for(WaivedRule.LICENCE, reader.gln, {gtin}, now) is None:
        raise NotAllowed("none of your licences is in force", code="partner_not_authorized", where="reqGLN")
    if (responder := licensee(gtin)) is None:
        raise NotAnsweredHere("nobody here may issue this GTIN", where="gtin", found=gtin)
    return responder


# ---- asking ---------------------------------------------------------------------------------------------------------


def respond(question: Question, reader: Partner, *, now: datetime) -> Response:
    """The answer to a partner's verification request, only once that is recorded.

    Raises what `responder_for` does, and `LogFrozen` while the node may not know all that it has said.
    """
    responder = responder_for(question.gtin, question.requester, reader, now=now)
    head = log.head()  # before the chain: what was in the log by then is in the answer
    if head.frozen is not None:
        raise LogFrozen("what the node knows may not be all that it has said", found=head.frozen)
    outcome = judge(question, chain(question.epc), today=day_at(now))
    access.record(reader, question.epc, "verdict", question.purpose, now=now)  # written, or no answer leaves
    body = _written(question, outcome, responder, now)
    return Response(body, _signed(question, body, head))


def judge(question: Question, found: Chain | None, *, today: date) -> Outcome:
    """By what the record has of the item. Where GTIN and serial number do not match, the rest is not looked at."""
    if found is None or found.custody.status is None:
        return Outcome(Failure.SERIAL)
    pack = question.pack
    case = Case(pack, pack.expiry(today), None, today, found, ())
    means = [MEANS[code] for each in CHECKS if (code := each.find(case)) in MEANS]
    if Failure.SERIAL in (failure for failure, _ in means):
        return Outcome(Failure.SERIAL)
    return Outcome(
        _mismatch(case) or _gravest(Failure, (failure for failure, _ in means)),
        _gravest(Info, [*(info for _, info in means), _expired(case)]),
    )


def _mismatch(case: Case) -> Failure | None:
    """Of what is printed. A lot or an expiry that nobody recorded matches nothing."""
    lot = case.pack.lot != case.chain.lot
    expiry = case.expiry != day(case.chain.expiry)
    if lot and expiry:
        return Failure.LOT_AND_EXPIRY
    return Failure.LOT if lot else Failure.EXPIRY if expiry else None


def _expired(case: Case) -> Info | None:
    recorded = day(case.chain.expiry)
    return Info.EXPIRED if recorded is not None and recorded < case.today else None


def _gravest(words: type[Word], found: Iterable[Word | None]) -> Word | None:
    """The first of them in their order."""
    said = set(found)
    return next((word for word in words if word in said), None)


def _written(question: Question, outcome: Outcome, responder: str, now: datetime) -> bytes:
    """{"verificationTimestamp":...,"responderGLN":...,"corrUUID":...,"data":{"verified":true}}"""
    said = {
        "verificationTimestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "responderGLN": responder,
        "corrUUID": question.correlation,
        "data": outcome.members,
    }
    return json.dumps(said, separators=(",", ":")).encode()


def _signed(question: Question, body: bytes, head: Log) -> bytes:
    said = Verification(
        log=settings.LOG_ORIGIN,
        size=head.size,
        root=bytes(head.root),
        epc=question.epc,
        lot=question.lot,
        expiry=question.expiry,
        requester=question.requester,
        answer=sha256(body).digest(),
    )
    return sign_verification(said, node_key(), operator=settings.OPERATOR_GLN)
