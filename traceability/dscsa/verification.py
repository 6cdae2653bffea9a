"""Is this pack what it says it is, and may it be dispensed? One scan in, one sentence out.

    scan ──> element string ──> chain ──checks──> findings ──the gravest──> verdict, reason, sentence
     └── where that leads to no pack: `partners/gs1/scanner_faults.py` says what may have happened ──> again

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
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from ledger import log
from ledger.models import Log
from partners import access
from partners.access import Purpose
from partners.descriptions import Told, believed
from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.scanner_faults import Fault, explain, is_whole, possible
from partners.models import Case as CaseOfRegulator
from partners.models import Description, Partner

from .. import alarms, cases
from ..custody import TERMINAL, Status, Step
from ..entitlement import Shown, shown_to
from ..facts import Held
from ..history import Chain, Custody, Hop, chain
from ..models import Item

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
    "destroyed": Reason(Verdict.REFUSED, "A pack with this serial number has been destroyed."),
    "exported": Reason(Verdict.REFUSED, "A pack with this serial number has been exported: it is not for sale here."),
    "stolen": Reason(Verdict.REFUSED, "This pack was reported stolen: keep it, and tell whoever reported it."),
    "suspect": Reason(Verdict.REFUSED, "This pack is held as suspect product: keep it apart until it is cleared."),
    "recalled": Reason(Verdict.REFUSED, "This pack has been recalled: keep it apart, and follow the recall's notice."),
    "quarantined": Reason(Verdict.REFUSED, "This pack is in quarantine: keep it apart until it is released."),
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
    name: str | None  # as it is described; else by the master data that came with its making
    lot: str | None
    expiry: date | None
    described: Told | None = None  # by whoever has most right to, on the day of its making; else today
    described_by: str | None = None  # licensee, operator or fda


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
    holds: tuple[Held, ...] = ()
    witnessed: bool = False  # whether others than the operator have cosigned the log
    verification: int | None = field(default=None, compare=False)  # number of its record: every one has another
    fault: Fault | None = None  # what explains a scan that leads to no pack; where it is taken, the answer is to that

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

    @property
    def in_hand(self) -> bool:
        """Whether who asks has read all four elements off the pack, and they are right."""
        return _incomplete(self.pack) is None and _as_recorded(self, day(self.chain.expiry)) is None


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
        return "already_dispensed" if status is Status.DISPENSED else str(status)
    if case.reader is None or access.reads_all(case.reader) or case.is_here:
        return None
    return "in_transit_to_other" if status is Status.IN_TRANSIT else "held_by_other"


def _seen_nowhere_else(case: Case) -> str | None:
    """7. No claim to it, or to a container that it was in then, was refused because it contradicts the record; and
    nobody else had it in hand where the record does not have it."""
    elsewhere = case.chain.is_seen_elsewhere(case.reader.gln if case.reader else None)
    return "seen_elsewhere" if case.chain.contradicted or elsewhere else None


def _by_authorized(case: Case) -> str | None:
    """8. Nobody traded it whose licences, if an authority has given it any, were not in force on that day."""
    return "partner_not_authorized" if any(hop.unauthorized for hop in case.chain.hops) else None


_HOLDS = {"quarantine": "quarantined", "recall": "recalled", "stolen": "stolen", "suspect": "suspect"}


def _not_on_hold(case: Case) -> str | None:
    """9. No hold lies over it, or over what it is in."""
    return gravest(*(_HOLDS[held.kind] for held in case.chain.held(case.pack.lot)))


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
    Check(6, "free", _free, Proof.NODE, "Neither dispensed nor taken out of use, destroyed or exported."),
    Check(
        7, "not_seen_elsewhere", _seen_nowhere_else, Proof.NODE,
        "No claim about it contradicts the record, and nobody was seen with it elsewhere.",
    ),
    Check(
        8, "partners_authorized", _by_authorized, Proof.NODE,
        "Nobody traded it without a licence in force, as far as licences are known here.",
    ),
    Check(9, "not_on_hold", _not_on_hold, Proof.NODE, "No hold lies over it, nor over what it is in."),
)  # fmt: skip


# ---- asking ---------------------------------------------------------------------------------------------------------


def verify(
    scan: str | ElementString, reader: Partner | None, purpose: Purpose = Purpose.VERIFICATION, *, now: datetime
) -> Answer:
    """What `reader`, or anybody, is told of a pack. For a reader, only once that is recorded; where the pack cannot be
    there, in one transaction with the alarm."""
    found, head = _explained(scan, reader, now), log.head()
    answer = _final(found.answer, head)
    if reader is None or found.epc is None:  # nobody, or nothing was looked up
        return answer
    in_hand = found.case is not None and found.case.in_hand
    astray = in_hand and found.case is not None and alarms.is_astray(found.case.chain, reader, purpose, now)
    with transaction.atomic() if astray or found.opened else nullcontext():
        number = access.record(
            reader, found.epc, "chain" if answer.epc else "verdict", cases.purpose(found.opened, purpose), now=now,
            reason=answer.reason, in_hand=in_hand,
        )  # fmt: skip
        if found.case is not None:
            cases.concern(found.opened, found.case.chain.hops, now=now)
        if astray and found.case is not None:
            alarms.notice(found.case.chain, reader, number, now=now)
    return replace(answer, verification=number)


def _final(answer: Answer, head: Log) -> Answer:
    if head.frozen is not None and answer.verdict is Verdict.VERIFIED:  # it may have lost what would say otherwise
        answer = replace(answer, reason="record_in_doubt")
    return replace(answer, witnessed=head.witnessed)


class Found(NamedTuple):
    """An answer, and what it was found by."""

    answer: Answer
    epc: str | None = None  # that was looked up
    case: Case | None = None  # None: not known, or not to be told
    opened: CaseOfRegulator | None = None  # by which a regulator is shown it


#: What a scanner's fault may look like. Whatever else is said of a pack was said of that very pack.
_MISREAD = frozenset(
    {"scan_unreadable", "no_serial", "four_elements_needed", "unknown_unit", "lot_mismatch", "expiry_mismatch"}
)


def _explained(scan: str | ElementString, reader: Partner | None, now: datetime) -> Found:
    """The answer to what came, or to what came before something happened to it."""
    found = _answered(scan, reader, now)
    if found.answer.reason not in _MISREAD or not (faults := possible(scan)):
        return found
    # Of a slip, what was meant is looked up for who is known alone: to others it would tell what they did not know.
    asked = [each.reading for each in faults if each.reading and (each.is_transmission or reader is not None)]
    fault = explain(faults, known := _known(asked, day_at(now)))
    if fault is None:
        return found
    if fault.taken and fault.reading is not None:
        found = _answered(fault.reading, reader, now)
    elif fault.reading in known:
        found = found._replace(epc=fault.reading.uri)  # that there is such a pack is what the reader is told
    return found._replace(answer=replace(found.answer, fault=fault))


def _known(readings: list[ElementString], today: date) -> set[ElementString]:
    """Those that are packs by all four elements: nobody is told of one that could not have been asked for as it is."""
    whole = {reading for reading in readings if reading.gtin and is_whole(reading)}
    if not whole:
        return set()
    rows = Item.objects.filter(epc__in={reading.uri for reading in whole}, status__isnull=False)
    told = {(epc, lot, day(expiry)) for epc, lot, expiry in rows.values_list("epc", "begun__lot", "begun__expiry")}
    return {each for each in whole if (each.uri, each.lot, _expires(each, today)) in told}


def _expires(pack: ElementString, today: date) -> date | None:
    try:
        return pack.expiry(today)
    except Gs1Error:
        return None


def _answered(scan: str | ElementString, reader: Partner | None, now: datetime) -> Found:
    try:
        pack = parse_scan(scan) if isinstance(scan, str) else scan
        epc, expiry = pack.uri, pack.expiry(day_at(now))
    except Gs1Error as error:
        return Found(Answer("scan_unreadable", detail=f"({error})"))
    if epc is None or not (pack.serial or pack.sscc):
        return Found(Answer("no_serial"))
    if reader is None and (incomplete := _incomplete(pack)):
        return Found(incomplete)
    return _look_up(pack, epc, expiry, reader, now)


def _incomplete(pack: ElementString) -> Answer | None:
    """What is said of a code without all four elements, whether it is known here or not."""
    if pack.sscc:
        return Answer("is_container")
    return None if pack.gtin and pack.serial and pack.lot and pack.expiry_raw else Answer("four_elements_needed")


def day_at(now: datetime) -> date:
    """The day by which packs expire: where it ends last."""
    return now.astimezone(settings.EXPIRY_TIME_ZONE).date()


def _look_up(pack: ElementString, epc: str, expiry: date | None, reader: Partner | None, now: datetime) -> Found:
    found, incomplete = chain(epc), _incomplete(pack)
    shown, opened = Shown(()) if reader is None else shown_to(reader, epc, found, now=now)
    if found is not None and found.custody.status is not None:
        case = Case(pack, expiry, reader, day_at(now), found, shown)
        if case.shown:
            return Found(_full(case), epc, case, opened)
        if incomplete is None and _as_recorded(case, day(found.expiry)) is None:
            return Found(Answer(_reason(case), _product(case)), epc, case)
    return Found(incomplete or Answer("unknown_unit"), epc)


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
        holds=chain.held(case.pack.lot) if whole else (),
    )


def _product(case: Case) -> Product | None:
    gtin, serial = case.pack.gtin, case.pack.serial
    if gtin is None or serial is None:
        return None
    told = _described(case)
    name = told.name if told else product_name(case.chain.header, gtin)
    return Product(gtin, serial, name, case.chain.lot, day(case.chain.expiry), told, _teller(told) if told else None)


def _described(case: Case) -> Told | None:
    """A pack is what it was called when it was made, whatever its product is called since."""
    begun, told, operator = case.chain.begun, case.chain.described, settings.OPERATOR_GLN
    made = believed(told, begun.time.date(), operator) if told and begun else None
    return made or believed(told, case.today, operator)


def _teller(told: Told) -> str:
    return "licensee" if told.licensed else "fda" if told.told_by == Description.FDA else "operator"
