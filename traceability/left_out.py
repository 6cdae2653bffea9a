"""What a party's archive has of a recall, to be looked for in the recall's list of units. Pure."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

from partners.covering import covers

from .archive import SUBMISSIONS, examine_archive, unlimited
from .bundle.recalled import Begun
from .epcis.documents import parse
from .policy import Policy
from .reporting import ILMD
from .statements import Hold, StatementError
from .submission import begins


def begun_in(path: Path, policy: Policy, progress: Callable[[int, int], None] = lambda *_: None) -> Begun:
    """Of an archive, which is checked first. Raises `StatementError` for one that does not hold."""
    report = examine_archive(path, policy, progress)
    if report.failure or report.party is None:
        detail = report.failure.detail if report.failure else "nobody's"
        raise StatementError(f"the archive does not hold: {detail}", code="archive_refused", where=str(path))
    party = report.party

    def find(holds: Sequence[Hold], size: int) -> tuple[str, set[str]]:
        with ZipFile(path) as file:
            return party, {epc for epc, lot in _begun(file, size) if any(covers(hold, epc, lot) for hold in holds)}

    return find


def _begun(file: ZipFile, size: int) -> Iterator[tuple[str, str | None]]:
    """EPC and lot of all that its documents commission, below this size of the log."""
    for name in file.namelist():
        top, _, rest = name.partition("/")
        index, _, part = rest.partition("/")
        if top == SUBMISSIONS and part == "document" and int(index) < size:
            for event in parse(file.read(name), None, unlimited()).events:
                if begins(event):
                    lot = (event.ilmd or {}).get(ILMD["lot"])
                    yield from ((epc, lot if isinstance(lot, str) else None) for epc in event.epcs)
