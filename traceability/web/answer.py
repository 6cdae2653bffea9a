"""What the page shows of an answer: verdict, the four elements, checks, chain, and what to check it with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import Gs1Error

from ..dscsa.verification import REASONS, Answer, Checked, Outcome, Product, Verdict
from .codes import CODES
from .side_by_side import elements
from .timeline import People, Places, container, glns, stays, whereabouts


def shown(answer: Answer, pack: str | ElementString, *, asked: datetime) -> dict[str, Any]:
    """What the page shows of an answer."""
    fault = answer.fault
    read = fault.reading if fault and fault.taken else _read(pack)
    compared = elements(read, answer.product, asked.date())
    people = People((*glns(answer.hops, answer.custody), *(held.by for held in answer.holds)))
    return {
        "answer": answer,
        "sentence": sentence(answer),
        "detail": answer.detail.removeprefix("(").removesuffix(")"),
        "scanned": str(read or ""),
        "asked": asked,
        "meaning": None if answer.verdict is Verdict.VERIFIED or (fault and not fault.taken) else CODES[answer.reason],
        "checks": [Row(check) for check in answer.checks],
        "facts": list(facts(answer.product)),
        "elements": compared if any(each.scanned or each.recorded for each in compared) else [],
        "fault": fault,
        "stays": stays(answer.epc, answer.hops, people, Places(answer.hops)) if answer.epc else [],
        "now": whereabouts(answer.custody, people),
        "holds": [f"{held.kind.capitalize()}, by {people.named(held.by)}: {held.reason}" for held in answer.holds],
        "inside": [container(epc) for epc in answer.inside],
        "filename": filename(answer.epc) if answer.epc else "",
    }


#: What a product is, as the law names it (21 U.S.C. 360eee(26)), in the order in which it is read.
FACTS = (
    ("strength", "Strength"),
    ("dosage_form", "Dosage form"),
    ("container_size", "Container"),
    ("ndc", "NDC"),
    ("labeler", "Labeler"),
)
TELLERS = {
    "licensee": "as told by the party that may issue this product code",
    "operator": "as told by the operator of this node",
    "fda": "as the FDA’s NDC directory has it",
}


def facts(product: Product | None) -> Iterator[tuple[str, str]]:
    """By label, what is told of the product, and by whom."""
    if product is None or product.described is None:
        return
    for name, label in FACTS:
        if value := getattr(product.described, name):
            yield label, value
    yield "Source", TELLERS[product.described_by or ""]


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
