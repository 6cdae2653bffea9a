"""Is this pack what it says it is, and may it be dispensed? One scan in, one sentence out.

    scan ──> element string ──> chain ──checks──> findings ──the gravest──> verdict, reason, sentence

Whoever asks without a token, or has no part in the pack, is answered only when all four elements of its product
identifier match, and then by verdict alone: an unknown pack and one that the asker may not know of look the same. Who
holds or held it, is its consignee, or is a regulator, also sees the checks and the chain; and no answer to a token is
given without its access record (invariant I7).

What a check rests on says its `proof`: the item's bundle, which anybody can check again offline, or the node's word
(invariant I6).
"""

import json
import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from ledger import log
from partners import access
from partners.access import Purpose
from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import Gs1Error
from partners.models import Partner

from ..custody import TERMINAL, Status, Step
from ..history import Chain, Custody, Hop, chain

# ---- verdicts -------------------------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What to do with the pack."""

    VERIFIED = "verified"
    CAUTION = "caution"
    REFUSED = "refused"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """What pages say."""
        return _WORDS[self]


_WORDS = {
    Verdict.VERIFIED: "Genuine",
    Verdict.CAUTION: "Check the pack",
    Verdict.REFUSED: "Do not dispense",
    Verdict.UNKNOWN: "Not verified",
}


class Reason(NamedTuple):
    """Why, by a code that never changes its meaning."""

    verdict: Verdict
    sentence: str


#: Every reason for a verdict, the gravest first: of several that apply, the first is the answer.
REASONS = {
    "scan_unreadable": Reason(Verdict.UNKNOWN, "This is not a code that can be verified: scan the pack again."),
    "no_serial": Reason(Verdict.UNKNOWN, "This code has no serial number: scan the square code on the pack."),
    "is_container": Reason(Verdict.UNKNOWN, "This is the code of a case or pallet: scan a pack."),
    "four_elements_needed": Reason(
        Verdict.UNKNOWN, "All four elements are needed: product code, serial number, lot and expiry."
    ),
    "unknown_unit": Reason(Verdict.UNKNOWN, "No pack with these four elements is known here."),
    "already_dispensed": Reason(Verdict.REFUSED, "A pack with this serial number has been dispensed already."),
    "decommissioned": Reason(Verdict.REFUSED, "This pack has been taken out of use."),
    "lot_mismatch": Reason(Verdict.REFUSED, "The lot on the pack is not the one its manufacturer recorded."),
    "expiry_mismatch": Reason(Verdict.REFUSED, "The expiry date on the pack is not the one its manufacturer recorded."),
    "expired": Reason(Verdict.REFUSED, "This pack has expired."),
    "seen_elsewhere": Reason(
        Verdict.CAUTION, "A claim about this serial number contradicts the record: there may be two such packs."
    ),
    "key_compromised": Reason(
        Verdict.CAUTION, "A step on its way is signed with a key that others may have had: anybody may have signed it."
    ),
    "record_in_doubt": Reason(
        Verdict.CAUTION, "This node is not sure that its record is whole: ask again later, or ask the manufacturer."
    ),
    "in_transit_to_other": Reason(Verdict.CAUTION, "The record has this pack on its way to somebody else."),
    "held_by_other": Reason(Verdict.CAUTION, "The record has this pack in somebody else's hands."),
    "no_commissioning": Reason(Verdict.CAUTION, "Nobody has told of the making of this pack."),
    "commissioned_by_other": Reason(
        Verdict.CAUTION, "Nobody vouches that whoever made this pack may use its product code."
    ),
    "not_signed_by_licensee": Reason(
        Verdict.CAUTION, "The making of this pack was told by another party; its manufacturer has not signed it."
    ),
    "not_signed_by_sender": Reason(
        Verdict.CAUTION, "A step on its way is attested by the receiver, not signed by the sender."
    ),
    "partner_not_authorized": Reason(
        Verdict.CAUTION, "A step on its way was taken by a party whose licences were not in force on that day."
    ),
    "not_linked": Reason(Verdict.CAUTION, "A step on its way was signed without a link to the one before."),
    "lot_not_recorded": Reason(Verdict.CAUTION, "The lot and expiry of this pack were never recorded."),
    "genuine_by_record": Reason(
        Verdict.VERIFIED,
        "Genuine by the record: made by who may make it, neither dispensed nor taken out of use. "
        "Whether it belongs where you are, only its holder is told.",
    ),
    "pending_in_log": Reason(Verdict.VERIFIED, "Genuine; its last steps are promised to the log and not in it yet."),
    "genuine": Reason(Verdict.VERIFIED, "Genuine: known from its making to here, and free to be dispensed."),
    "not_compared": Reason(Verdict.VERIFIED, "The code has no lot and expiry to compare."),
}
_GRAVITY = {code: rank for rank, code in enumerate(REASONS)}


def gravest(*codes: str | None) -> str | None:
    return min((code for code in codes if code), key=_GRAVITY.__getitem__, default=None)


WITNESSED, NOT_WITNESSED = "independently witnessed", "not independently witnessed"
"""Said with every verdict: whether others than the operator cosign this node's log (ARCHITECTURE section 5)."""


# ---- answers --------------------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    PENDING = "pending"  # will hold, or the node has broken its promise
    NOT_COMPARED = "not_compared"  # there was nothing to compare


class Proof(StrEnum):
    """What a check can be checked again by."""

    BUNDLE = "bundle"
    NODE = "node"  # the node's word, in the bundle or out of it


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check came to."""

    number: int
    name: str
    outcome: Outcome
    sentence: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class Product:
    """What the record says the pack is."""

    gtin: str
    serial: str
    name: str | None  # by the master data that came with its making
    lot: str | None
    expiry: date | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the node knows of a pack, as far as the asker may know it."""

    reason: str  # a key of REASONS
    product: Product | None = None
    detail: str = ""  # of a scan that could not be read
    epc: str | None = None  # from here on: only for those who may see the chain
    checks: tuple[Checked, ...] = ()
    hops: tuple[Hop, ...] = ()
    custody: Custody | None = None  # only for those who may see the whole chain
    inside: tuple[str, ...] = ()
    witnessed: bool = False  # whether others than the operator have cosigned the log

    @property
    def note(self) -> str:
        return WITNESSED if self.witnessed else NOT_WITNESSED

    @property
    def verdict(self) -> Verdict:
        return REASONS[self.reason].verdict

    @property
    def sentence(self) -> str:
        return " ".join(filter(None, (REASONS[self.reason].sentence, self.detail)))


# ---- what the record has of it --------------------------------------------------------------------------------------


_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})(?:-?([0-9]{2}))?(?![0-9]).*", re.DOTALL)


def day(recorded: str | None) -> date | None:
    """The last day of use as an ILMD writes it; without a day, or with day 00, the last of the month.

    >>> day("2027-12-31"), day("20271200"), day("2027-02"), day("soon")
    (datetime.date(2027, 12, 31), datetime.date(2027, 12, 31), datetime.date(2027, 2, 28), None)
    """
    match = _DAY.fullmatch(recorded or "")
    if match is None:
        return None
    year, month, given = int(match[1]), int(match[2]), int(match[3] or 0)
    try:
        return date(year, month, given or monthrange(year, month)[1])
    except ValueError:
        return None


#: By which attribute of its master data a product is called, the best first (CBV 2.0 section 9.2).
_NAMES = ("regulatedProductName", "functionalName", "descriptionShort", "labelDescription")


def product_name(header: bytes | None, gtin: str) -> str | None:
    """What the document that told of a product's making calls it."""
    described = json.loads(header).get(f"product:{gtin}", {}) if header else {}
    return next((described[name] for name in _NAMES if name in described), None)


# ---- checks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """What was scanned, by whom, and what the record has of it."""

    pack: ElementString
    expiry: date | None  # as printed
    reader: Partner | None
    today: date  # where the day ends last (EXPIRY_TIME_ZONE)
    chain: Chain
    shown: tuple[Hop, ...]  # as much of the chain as the reader may see

    @property
    def is_here(self) -> bool:
        """Whether it is where the record says: with whoever asks."""
        return self.reader is not None and self.chain.is_with(self.reader.gln)


def _made_by_licensee(case: Case) -> str | None:
    """1. Its beginning is a commissioning, by a party that may issue its GTIN, who signed it."""
    begun = case.chain.begun
    if case.pack.sscc:
        return None
    if begun is None or begun.step is not Step.COMMISSION:
        return "no_commissioning"
    if not case.chain.licensed:
        return "commissioned_by_other"
    return None if begun.signed else "not_signed_by_licensee"


def _lot_and_expiry(case: Case) -> str | None:
    """2. What is printed is what was recorded; and it has not expired, by either: its last day is over everywhere."""
    recorded = day(case.chain.expiry)
    expires = min((each for each in (recorded, case.expiry) if each), default=case.today)
    return gravest(_as_recorded(case, recorded), "expired" if expires < case.today else None)


def _as_recorded(case: Case, recorded: date | None) -> str | None:
    lot, expiry = case.pack.lot, case.expiry
    if lot is None and expiry is None:
        return "not_compared"
    if case.chain.lot is None or recorded is None:
        return "lot_not_recorded"
    if lot not in (None, case.chain.lot):
        return "lot_mismatch"
    return "expiry_mismatch" if expiry not in (None, recorded) else None


def _handoffs_signed(case: Case) -> str | None:
    """3. Every step after its beginning is signed by the party whose act it was; and no key was in others' hands."""
    begun, hops = case.chain.begun, case.chain.hops
    if any(hop.compromised for hop in hops):
        return "key_compromised"
    return "not_signed_by_sender" if any(not hop.signed for hop in hops if hop is not begun) else None


def _linked(case: Case) -> str | None:
    """4. Each step names the one before, and none of its own is missing. A commissioning has nothing to name."""
    chain = case.chain
    loose = any(hop.offline for hop in chain.hops if hop.step is not Step.COMMISSION)
    whole = chain.changes == set(range(1, chain.sequence + 1))
    return None if whole and not loose else "not_linked"


def _logged(case: Case) -> str | None:
    """5. Every statement is in the log, under a checkpoint."""
    told = [each for hop in case.chain.hops for each in (hop, hop.own) if each is not None]
    return "pending_in_log" if any(each.index is None for each in told) else None


def _free(case: Case) -> str | None:
    """6. It has not come to its end, and whoever asks by name has it, or is to receive it."""
    status = case.chain.custody.status
    if status in TERMINAL:
        return "already_dispensed" if status is Status.DISPENSED else "decommissioned"
    if case.reader is None or access.reads_all(case.reader) or case.is_here:
        return None
    return "in_transit_to_other" if status is Status.IN_TRANSIT else "held_by_other"


def _seen_nowhere_else(case: Case) -> str | None:
    """7. No claim to it, or to a container that it was in then, was refused because it contradicts the record."""
    return "seen_elsewhere" if case.chain.contradicted else None


def _by_authorized(case: Case) -> str | None:
    """8. Nobody traded it whose licences, if an authority has given it any, were not in force on that day."""
    return "partner_not_authorized" if any(hop.unauthorized for hop in case.chain.hops) else None


class Check(NamedTuple):
    """A numbered check: `find` gives the reason why it does not hold, or None."""

    number: int
    name: str
    find: Callable[[Case], str | None]
    proof: Proof
    sentence: str  # where it holds

    def checked(self, code: str | None) -> Checked:
        outcome = Outcome.HOLDS if code is None else _OUTCOMES.get(code, Outcome.FAILS)
        return Checked(self.number, self.name, outcome, REASONS[code].sentence if code else self.sentence, self.proof)


_OUTCOMES = {"pending_in_log": Outcome.PENDING, "not_compared": Outcome.NOT_COMPARED}
CHECKS = (
    Check(
        1, "made_by_licensee", _made_by_licensee, Proof.BUNDLE,
        "Made by a party that may use its product code, who signed it.",
    ),
    Check(2, "lot_and_expiry", _lot_and_expiry, Proof.BUNDLE, "Lot and expiry are as recorded; it has not expired."),
    Check(
        3, "handoffs_signed", _handoffs_signed, Proof.BUNDLE,
        "Every step is signed by the party whose act it was, or by its agent.",
    ),
    Check(4, "linked_without_gap", _linked, Proof.BUNDLE, "Every step is linked to the one before."),
    Check(5, "in_the_log", _logged, Proof.BUNDLE, "Every statement is in the log."),
    Check(6, "free", _free, Proof.NODE, "Neither dispensed nor taken out of use."),
    Check(7, "not_seen_elsewhere", _seen_nowhere_else, Proof.NODE, "No claim about it contradicts the record."),
    Check(
        8, "partners_authorized", _by_authorized, Proof.NODE,
        "Nobody traded it without a licence in force, as far as licences are known here.",
    ),
)  # fmt: skip


# ---- asking ---------------------------------------------------------------------------------------------------------


def verify(
    scan: str | ElementString, reader: Partner | None, purpose: Purpose = Purpose.VERIFICATION, *, now: datetime
) -> Answer:
    """What `reader`, or anybody, is told of a pack. For a reader, in one transaction with its record."""
    answer, head = _verify(scan, reader, purpose, now), log.head()
    if head.frozen is not None and answer.verdict is Verdict.VERIFIED:  # it may have lost what would say otherwise
        answer = replace(answer, reason="record_in_doubt")
    return replace(answer, witnessed=head.witnessed)


def _verify(scan: str | ElementString, reader: Partner | None, purpose: Purpose, now: datetime) -> Answer:
    today = now.astimezone(settings.EXPIRY_TIME_ZONE).date()
    try:
        pack = parse_scan(scan) if isinstance(scan, str) else scan
        epc, expiry = pack.uri, pack.expiry(today)
    except Gs1Error as error:
        return Answer("scan_unreadable", detail=f"({error})")
    if epc is None or not (pack.serial or pack.sscc):
        return Answer("no_serial")
    if reader is None:
        return _incomplete(pack) or _look_up(pack, epc, expiry, None, today)
    with transaction.atomic():
        answer = _look_up(pack, epc, expiry, reader, today)
        access.record(reader, epc, "chain" if answer.epc else "verdict", purpose, now=now)
    return answer


def _incomplete(pack: ElementString) -> Answer | None:
    """What is said of a code without all four elements, whether it is known here or not."""
    if pack.sscc:
        return Answer("is_container")
    return None if pack.gtin and pack.serial and pack.lot and pack.expiry_raw else Answer("four_elements_needed")


def _look_up(pack: ElementString, epc: str, expiry: date | None, reader: Partner | None, today: date) -> Answer:
    found, incomplete = chain(epc), _incomplete(pack)
    if found is not None and found.custody.status is not None:
        case = Case(pack, expiry, reader, today, found, shown_to(reader, found))
        if case.shown:
            return _full(case)
        if incomplete is None and _as_recorded(case, day(found.expiry)) is None:
            return Answer(_reason(case), _product(case))
    return incomplete or Answer("unknown_unit")


def shown_to(reader: Partner | None, chain: Chain) -> tuple[Hop, ...]:
    """As much of the chain as the reader may see; nothing without a part in it."""
    if reader is None:
        return ()
    return chain.hops if access.reads_all(reader) else chain.shown_to(reader.gln)


def _reason(case: Case) -> str:
    """What is known from its making to here is said to who is here: to anybody else, that would be true of a copy."""
    best = "genuine" if case.is_here else "genuine_by_record"
    return gravest(best, *(check.find(case) for check in CHECKS)) or best


def _full(case: Case) -> Answer:
    """All that those may know who had to do with it; of the whole chain, only who has to do with it now."""
    chain, shown = case.chain, case.shown
    whole = len(shown) == len(chain.hops)
    return Answer(
        _reason(case),
        _product(case),
        epc=chain.epc,
        checks=tuple(check.checked(check.find(case)) for check in CHECKS),
        hops=shown,
        custody=chain.custody if whole else None,
        inside=chain.inside if whole else (),
    )


def _product(case: Case) -> Product | None:
    gtin, serial = case.pack.gtin, case.pack.serial
    if gtin is None or serial is None:
        return None
    return Product(gtin, serial, product_name(case.chain.header, gtin), case.chain.lot, day(case.chain.expiry))
