"""What the page shows of an answer: verdict, the four elements, checks, chain, and what to check it with."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import Gs1Error

from ..dscsa.verification import REASONS, Answer, Checked, Outcome, Verdict
from .codes import CODES
from .side_by_side import elements, hints
from .timeline import People, Places, container, glns, stays, whereabouts


def shown(answer: Answer, pack: str | ElementString, *, asked: datetime) -> dict[str, Any]:
    """What the page shows of an answer."""
    read = _read(pack)
    compared = elements(read, answer.product, asked.date())
    people = People(glns(answer.hops, answer.custody))
    return {
        "answer": answer,
        "sentence": sentence(answer),
        "detail": answer.detail.removeprefix("(").removesuffix(")"),
        "scanned": str(read or ""),
        "asked": asked,
        "meaning": None if answer.verdict is Verdict.VERIFIED else CODES[answer.reason],
        "checks": [Row(check) for check in answer.checks],
        "elements": compared if any(each.scanned or each.recorded for each in compared) else [],
        "hints": [] if answer.verdict is Verdict.VERIFIED else list(hints(read, answer.product)),
        "stays": stays(answer.epc, answer.hops, people, Places(answer.hops)) if answer.epc else [],
        "now": whereabouts(answer.custody, people),
        "inside": [container(epc) for epc in answer.inside],
        "filename": filename(answer.epc) if answer.epc else "",
    }


def sentence(answer: Answer) -> str:
    """What stands below the verdict's word, without that word."""
    said = REASONS[answer.reason].sentence
    rest = said.removeprefix(answer.verdict.words).lstrip(":; ")
    return said if rest == said else rest[:1].upper() + rest[1:]


@dataclass(frozen=True)
class Row:
    """A check as the page shows it."""

    check: Checked

    @property
    def title(self) -> str:
        return self.check.name.replace("_", " ").capitalize()

    @property
    def outcome(self) -> str:
        return self.check.outcome.replace("_", " ")

    @property
    def tone(self) -> str:
        """What fails is as grave as the verdict that it alone would bring: its sentence is that reason's."""
        return _GRAVITY[self.check.sentence] if self.check.outcome is Outcome.FAILS else self.check.outcome


_GRAVITY = {reason.sentence: reason.verdict for reason in REASONS.values()}


def _read(pack: str | ElementString) -> ElementString | None:
    try:
        return parse_scan(pack) if isinstance(pack, str) else pack
    except Gs1Error:
        return None


def filename(epc: str) -> str:
    """Tells bundles apart without telling the serial number to whoever sees the folder."""
    return f"pack-{sha256(epc.encode()).hexdigest()[:8]}.unitproof"
