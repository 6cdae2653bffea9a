"""What the node says, and what whoever reads it would make of that. Pure; knows nothing of what was done.

    refusals, exceptions, verdicts, alarms, differences ──> Signal ──RULES──> one class for each subject

A subject is what the node speaks of: an EPC; or a file, by the name under which its sender handed it in. RULES are in
order: of several that apply the first tells, as a number that was used twice also raises the alarm of a copy.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from .faults import Class


class Channel(StrEnum):
    """How the node says it."""

    REFUSED = "refused"  # a file or a statement, with its code
    EXCEPTION = "exception"  # a file was taken, and moves less than it says
    SCAN = "scan"  # a verdict's reason, to whoever scans
    HOLDER_SCAN = "holder_scan"  # the same, to who has it by the record
    ALARM = "alarm"
    RECEIVING = "receiving"  # what came against what was to come


class Signal(NamedTuple):
    channel: Channel
    code: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.code}"


#: What says nothing against a pack.
GOOD = frozenset({"genuine", "genuine_by_record", "pending_in_log", "not_compared"})
#: What says of it that somebody on its way does not sign here, and was told of by the next: shown for what it is.
UNSIGNED = frozenset({"not_signed_by_licensee", "not_signed_by_sender", "not_linked"})
#: Differences: beside a shipment of which nothing else came, or of which something did; of a shipment; of a container.
BESIDE_ALL, BESIDE_SOME, MISSING, PART = "beside_all", "beside_some", "missing", "part"


def _any(channels: str, *codes: str) -> frozenset[Signal]:
    return frozenset(Signal(Channel(channel), code) for channel in channels.split() for code in codes)


_SCANS = "scan holder_scan"

#: As what it is found: where it gave one signal of each of these sets. The first that applies.
RULES: tuple[tuple[Class, tuple[frozenset[Signal], ...]], ...] = (
    (Class.REVOKED_KEY, (_any("refused", "key_revoked"),)),
    (Class.STOLEN_KEY, (_any(_SCANS, "key_compromised"),)),
    (Class.FORGED_FILE, (_any("refused", "unknown_key", "bad_signature", "payload_mismatch", "not_your_statement"),)),
    (Class.NOT_LICENSED, (_any("refused", "gtin_not_licensed", "not_licensed"),)),
    (Class.LAPSED_LICENCE, (_any("refused", "partner_not_authorized") | _any(_SCANS, "partner_not_authorized"),)),
    (Class.UNVERIFIED_RETURN, (_any("refused", "return_not_verified"),)),
    (Class.WRONG_AGGREGATION, (_any("refused", "not_inside"),)),
    (Class.NUMBER_REUSED, (_any("refused", "already_commissioned"),)),
    (Class.STOLEN, (_any(_SCANS, "stolen"),)),
    (Class.ON_HOLD, (_any(_SCANS, "recalled", "suspect", "quarantined") | _any("refused", "on_hold"),)),
    (
        Class.AFTER_END,
        (
            _any("alarm", "after_end")
            | _any("refused", "already_dispensed")
            | _any(_SCANS, "already_dispensed", "decommissioned", "destroyed", "exported"),
        ),
    ),
    (Class.RELABELLED, (_any(_SCANS, "lot_mismatch", "expiry_mismatch"),)),
    (Class.COPY, (_any("alarm", "two_places") | _any("holder_scan", "seen_elsewhere"),)),
    (Class.FORGED_PAPER, (_any("exception", "awaits_statement"), _any("alarm", "out_of_chain"))),
    (Class.OUT_OF_CHAIN, (_any("receiving", MISSING), _any("alarm", "out_of_chain"))),
    (Class.LATE_FILE, (_any("exception", "late"),)),
    (Class.LOST_FILE, (_any("receiving", BESIDE_ALL),)),
    (Class.OVERAGE, (_any("receiving", BESIDE_SOME) | _any("exception", "not_shipped"),)),
    (Class.SHORTAGE, (_any("receiving", MISSING, PART),)),
    (Class.OUT_OF_CHAIN, (_any("alarm", "out_of_chain") | _any("refused", "not_holder", "not_consignee"),)),
    (Class.MADE_UP, (_any(_SCANS, "unknown_unit"),)),
)


@dataclass
class Journal:
    """Everything that the node has said, in order."""

    signals: dict[str, dict[Signal, None]] = field(default_factory=lambda: defaultdict(dict))  # by subject
    scanned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # EPC: reasons it was answered with

    def hear(self, channel: Channel, code: str, subjects: Iterable[str]) -> None:
        for subject in subjects:
            self.signals[subject][Signal(channel, code)] = None

    def hear_scan(self, epc: str, reason: str, *, holder: bool) -> None:
        self.scanned[epc].add(reason)
        if reason not in GOOD:
            self.hear(Channel.HOLDER_SCAN if holder else Channel.SCAN, reason, [epc])

    def found(self, subjects: Iterable[str]) -> Class | str | None:
        """As what all of them together are found; None where the node says nothing against them, and the word `other`
        where what it says is in no rule."""
        heard = {signal for subject in subjects for signal in self.signals.get(subject, ())}
        for found_as, needed in RULES:
            if all(heard & any_of for any_of in needed):
                return found_as
        return "other" if any(not _is_unsigned(signal) for signal in heard) else None

    def is_unsigned(self, epc: str) -> bool:
        """Whether all that is said of it is that somebody on its way does not sign."""
        heard = self.signals.get(epc, ())
        return bool(heard) and all(map(_is_unsigned, heard))

    def is_in_doubt(self, epc: str) -> bool:
        """Whether all that is said of it beside is that a key on its way was stolen."""
        heard = [signal for signal in self.signals.get(epc, ()) if not _is_unsigned(signal)]
        return bool(heard) and all(signal.code == "key_compromised" for signal in heard)


def _is_unsigned(signal: Signal) -> bool:
    return signal.code in UNSIGNED or signal.code == "awaits_statement"
