"""What a party's archive has of a recall, to be looked for in the recall's list of units. Pure.

Looked for is what the party has commissioned in its own word and never taken back, of a lot that is recalled or of none
that it has told. What it has repeated of others, declared an error or told of two lots is not: the record may go by
another event.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

from partners.covering import covers

from .archive import SUBMISSIONS, examine_archive, unlimited
from .bundle.recalled import Begun
from .custody import SIGNED_BY_PARTY
from .epcis.documents import parse
from .policy import Policy
from .reporting import ILMD
from .statements import Hold, StatementError
from .submission import Opening, begins


def begun_in(path: Path, policy: Policy, progress: Callable[[int, int], None] = lambda *_: None) -> Begun:
    """Of an archive, which is checked first. Raises `StatementError` for one that does not hold."""
    report = examine_archive(path, policy, progress)
    if report.failure or report.party is None:
        detail = report.failure.detail if report.failure else "nobody's"
        raise StatementError(f"the archive does not hold: {detail}", code="archive_refused", where=str(path))
    party = report.party

    def find(holds: Sequence[Hold], origin: str, size: int) -> tuple[str, set[str]]:
        if report.origin != origin:
            detail, found = "the archive is of another log", str(report.origin)
            raise StatementError(detail, code="wrong_log", where=str(path), expected=origin, found=found)
        with ZipFile(path) as file:
            lots = _lots(file, size)
        return party, {epc for epc, told in lots.items() if len(told) == 1 and _covered(holds, epc, *told)}

    return find


def _covered(holds: Sequence[Hold], epc: str, lot: str | None) -> bool:
    return any(covers(hold if lot is not None else replace(hold, lot=None), epc, lot) for hold in holds)


def _lots(file: ZipFile, size: int) -> dict[str, set[str | None]]:
    """Of all that its documents commission below this size of the log, by EPC, the lots that were told; none at all
    where that was taken back."""
    found, taken_back = dict[str, set[str | None]](), set[str]()
    for name in file.namelist():
        top, _, rest = name.partition("/")
        index, _, part = rest.partition("/")
        if top != SUBMISSIONS or part != "document" or int(index) >= size:
            continue
        opening = Opening.parse(file.read(name.removesuffix(part) + "opening"))
        events = parse(file.read(name), None, unlimited()).events
        for event, told in zip(events, opening.told, strict=True):
            if event.error_declaration is not None:
                taken_back.update(event.named)
            elif begins(event) and told.voice in SIGNED_BY_PARTY:
                lot = (event.ilmd or {}).get(ILMD["lot"])
                for epc in event.epcs:
                    found.setdefault(epc, set()).add(lot if isinstance(lot, str) else None)
    return {epc: lots for epc, lots in found.items() if epc not in taken_back}
