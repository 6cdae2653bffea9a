"""What jobs there are: of each kind, what may be asked, and what is done.

Whoever does one is killed at any moment, and another begins it again: it either goes on behind the pieces that are
there, or makes everything anew and hands it over at its end. What changes anything beside the job is done with its end,
in one transaction: it is done once, and the job says so, or it is not.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from time import sleep
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from partners.access import Purpose
from partners.models import Partner

from . import line_report, master_data, master_files, number_files, serials
from .dscsa import recall_report, recalls, shipments, tracing
from .dscsa.recall_report import Reported
from .epcis.errors import DocumentError
from .errors import NotFound, NotIntegratedYet, Refusal
from .job_pieces import kept
from .line_checks import check_report
from .line_report import Wrong
from .models import TRANSACTION, Job, SerialBlock, Trace

MOST_ERRORS = 100  # of a job that are kept
SECONDS_FOR_LOG = 15  # that a report waits for what is on its way into the log
NUMBERS_A_PIECE = 65_536  # serial numbers: a fraction of a second, and about a megabyte

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a job: a file, of the pieces that were added before and of these."""

    media_type: str
    name: str
    pieces: Sequence[bytes] = ()
    act: Callable[[], Sequence[bytes]] | None = None  # done in the transaction in which the job ends; further pieces


@dataclass(frozen=True, slots=True)
class WrongPart:
    """One thing that is wrong with what was sent."""

    where: str | None
    code: str
    detail: str
    expected: str | None
    found: str | None


class LinesWrong(Exception):
    """Nothing was made, for some of what was sent is wrong."""

    code = "lines_wrong"

    def __init__(self, errors: Sequence[WrongPart], count: int, total: int) -> None:
        super().__init__(f"{count} of {total} lines are wrong, and nothing was made")
        self.detail = str(self)
        self.errors, self.count, self.total = errors[:MOST_ERRORS], count, total


class Turn(Protocol):
    """What whoever does a job has of it (`jobs.Turn`)."""

    party: Partner
    parameters: Parameters
    sent_as: str  # media type of the file
    pieces: int  # of the result, that an attempt before this one has added

    def sent(self) -> bytes:
        """The file that came with it."""

    def step(self, done: int, total: int, *pieces: bytes) -> None:
        """Say how far it is, and add pieces to the result. Ends the attempt if it is another's turn, or nobody's."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job."""

    about: str  # for people
    parameters: frozenset[str]  # their names
    files: tuple[str, ...]  # media types of the file that comes with it; none: no file does
    demand: Callable[[Partner, Parameters], object]  # raises unless this may be asked now; and again with each result
    run: Callable[[Turn], Made]
    keeps_sent: bool = False  # what was sent is kept as long as the result, for another job


# ---- labels ---------------------------------------------------------------------------------------------------------

DEFAULTS = {"stock": "a4-5x13", "dpi": 300, "symbol": "datamatrix", "resolver": "https://id.gs1.org"}
LABEL_FILES = ("text/csv", "application/json")


def _demand_print(_: Partner, parameters: Parameters) -> None:
    from .labels.job import Job  # only a process that prints loads what draws
    from .labels.label import read

    any_label = read({"sscc": "006141417000000004"}, "", timezone.now().date())
    Job.of((any_label,), **{**DEFAULTS, **parameters})


def _print_labels(turn: Turn) -> Made:
    from .labels.errors import LabelError, LabelsWrong
    from .labels.job import READERS, Job
    from .labels.pdf import draw

    today = timezone.now().date()
    try:
        labels = READERS["." + turn.sent_as.partition("/")[2]](turn.sent(), today)
        most = settings.LABELS_JOB_MAX
        if len(labels) > most:
            expected, found = f"at most {most}", str(len(labels))
            raise LabelError("more than are printed at once", code="too_many_labels", expected=expected, found=found)
        turn.step(0, len(labels))
        job = Job.of(labels, **{**DEFAULTS, **turn.parameters})
        made = draw(job, today, lambda done: turn.step(done, len(labels)))
    except LabelsWrong as wrong:
        errors = [WrongPart(**asdict(each)) for each in wrong.wrong]
        raise LinesWrong(errors, wrong.count, wrong.total) from wrong
    turn.step(len(labels), len(labels))
    return Made("application/pdf", "labels.pdf", (made,))


# ---- what a line reports --------------------------------------------------------------------------------------------

REPORT_FILES = (line_report.CSV, line_report.JSON, line_report.XML, "text/xml")


def _check_report(turn: Turn) -> Made:
    lines = line_report.read(turn.sent(), turn.sent_as, settings.SERIAL_REPORT_MAX_LINES)
    turn.step(0, len(lines))
    checked = check_report(lines, turn.party, now=timezone.now(), progress=lambda done: turn.step(done, len(lines)))
    if checked.document is None:
        errors = [_wrong_line(each) for each in checked.wrong[:MOST_ERRORS]]
        raise LinesWrong(errors, len(checked.wrong), checked.lines)
    turn.step(len(lines), len(lines))
    return Made("application/json", "document.json", (checked.document,))


def _wrong_line(wrong: Wrong) -> WrongPart:
    return WrongPart(f"line {wrong.line}: {wrong.where}", wrong.code, wrong.detail, wrong.expected, wrong.found)


# ---- the numbers of a block -----------------------------------------------------------------------------------------


def _demand_block(party: Partner, parameters: Parameters) -> tuple[SerialBlock, str]:
    """The block, and the form that its numbers are wanted in. One that is no more, nobody is to print from."""
    form = parameters.get("form", number_files.CSV)
    if form not in number_files.FORMS:
        expected = ", ".join(number_files.FORMS)
        raise DocumentError("no such form", code="bad_value", where="form", expected=expected, found=repr(form)[:80])
    block = serials.own_block(party, _uuid(parameters, "block"))
    serials.numbers(block, now=timezone.now())
    return block, form


def _write_numbers(turn: Turn) -> Made:
    """Each piece is of so many numbers: an attempt goes on behind the last one that is there."""
    block, media_type = _demand_block(turn.party, turn.parameters)
    form = number_files.FORMS[media_type](str(block.block), block.pool.gtin)
    drawn = serials.numbering(block.pool)
    for first in range(turn.pieces * NUMBERS_A_PIECE, block.count, NUMBERS_A_PIECE):
        upto = min(first + NUMBERS_A_PIECE, block.count)
        numbers = drawn.serials(block.first + first, upto - first)
        turn.step(upto, block.count, form.part(numbers, first=first == 0, last=upto == block.count).encode())
    return Made(media_type, f"{block.block}.{media_type.partition('/')[2]}")


# ---- transactions ---------------------------------------------------------------------------------------------------


def _demand_shipment(party: Partner, parameters: Parameters) -> tuple[shipments.Shipment, str]:
    """A shipment that the party may see, each time it looks recorded, and what it is wanted as."""
    form = parameters.get("form", shipments.PDF_FILE)
    if form not in shipments.FILES:
        expected = ", ".join(shipments.FILES)
        raise DocumentError("no such form", code="bad_value", where="form", expected=expected, found=repr(form)[:80])
    event = str(parameters.get("event", ""))
    if not _IS_COUNT(event) or int(event) > shipments.MOST_EVENTS:
        expected = "which event of the submission, from 0"
        raise DocumentError("no such event", code="bad_value", where="event", expected=expected, found=event[:80])
    submission = _uuid(parameters, "submission")
    now = timezone.now()
    found = shipments.shipment(submission, int(event), party, purpose=Purpose.CUSTODY, now=now)
    found.demand_kept()  # a result that was made before is not handed out after
    return found, form


_IS_COUNT = re.compile("[0-9]{1,10}", re.ASCII).fullmatch


def _write_transaction(turn: Turn) -> Made:
    found, form = _demand_shipment(turn.party, turn.parameters)
    name, made = found.file(form, timezone.now())
    return Made(form, name, (made if isinstance(made, bytes) else "".join(made).encode(),))


# ---- what files tell of products and places -------------------------------------------------------------------------

TOLD_FILES = ("text/csv", "application/json", "application/ld+json", "application/xml", "text/xml", "application/zip")


def _demand_flag(_: Partner, parameters: Parameters) -> bool:
    if (said := str(parameters.get("complete", "0"))) not in ("0", "1"):
        raise DocumentError("not a flag", code="bad_value", where="complete", expected="0 or 1", found=said[:80])
    return said == "1"


def _comparing(kind: master_files.Kind) -> Callable[[Turn], Made]:
    def run(turn: Turn) -> Made:
        complete = _demand_flag(turn.party, turn.parameters)
        brought = master_data.bring([turn.sent()], kind, progress=_half(turn))
        count = len(brought.lines)
        shown = master_data.compare(
            kind, brought, turn.party.gln, complete=complete, now=timezone.now(),
            progress=lambda done: turn.step((count + done) // 2, count),
        )  # fmt: skip
        turn.step(count, count)
        return Made("application/json", DIFFERENCES, (_told(shown, applied=False),))

    return run


DIFFERENCES = "differences.json"


def _half(turn: Turn) -> Callable[[int, int], None]:
    """Reading is half of what is to be done with each line."""
    return lambda done, total: turn.step(done // 2, total)


def _told(shown: master_data.Difference, *, applied: bool) -> bytes:
    return json.dumps(master_data.told(shown, applied=applied)).encode()


def _demand_shown(party: Partner, parameters: Parameters) -> Job:
    """The job that has shown what is to be done, with its file."""
    kinds = (master_files.PRODUCTS.name, master_files.PLACES.name)
    job = Job.objects.filter(party=party.gln, job=_uuid(parameters, "job"), kind__in=kinds).first()
    if job is None:
        raise NotFound(f"no job of yours of the kinds {', '.join(kinds)}", where="job")
    if job.made_as == "":
        expected = "a job that is done"
        raise Refusal("it has shown nothing", code="job_not_done", where="job", expected=expected, found=job.state)
    return job


def _apply(turn: Turn) -> Made:
    job = _demand_shown(turn.party, turn.parameters)
    kind = master_files.PRODUCTS if job.kind == master_files.PRODUCTS.name else master_files.PLACES
    digest = json.loads(b"".join(kept(job.pk, is_result=True)))["digest"]
    complete = _demand_flag(turn.party, job.parameters)
    brought = master_data.bring([b"".join(kept(job.pk, is_result=False))], kind, progress=_half(turn))
    count = len(brought.lines)
    turn.step(count // 2, count)

    def act() -> Sequence[bytes]:
        now = timezone.now()
        done = master_data.apply(kind, brought, turn.party.gln, digest, complete=complete, now=now)
        return (_told(done, applied=True),)

    return Made("application/json", DIFFERENCES, act=act)


# ---- recalls --------------------------------------------------------------------------------------------------------


def _demand_recall(party: Partner, parameters: Parameters) -> recalls.Standing:
    """A recall that the party sees all of."""
    entry = str(parameters.get("recall", ""))
    if not _IS_ENTRY(entry):
        expected, found = "the entry of a recall, 64 hexadecimal digits", repr(entry)[:80]
        raise DocumentError("not an entry", code="bad_value", where="recall", expected=expected, found=found)
    standing = recalls.standing(entry, party, now=timezone.now())
    recall_report.demand(standing)
    return standing


_IS_ENTRY = re.compile("[0-9a-f]{64}", re.ASCII).fullmatch


def _report_recall(turn: Turn) -> Made:
    found, now = _demand_recall(turn.party, turn.parameters), timezone.now()
    made = _once_logged(lambda: recall_report.report(found, now=now), turn)

    def act() -> Sequence[bytes]:
        recall_report.keep(found, made, now=now)
        return (made.zipped,)

    return Made("application/zip", f"recall-{found.entry[:16]}.zip", act=act)


def _once_logged(make: Callable[[], Reported], turn: Turn) -> Reported:
    """What was said a moment ago is in the log in another."""
    for waited in range(SECONDS_FOR_LOG):
        turn.step(waited, SECONDS_FOR_LOG)
        with suppress(NotIntegratedYet):
            return make()
        sleep(1)
    return make()


# ---- traces ---------------------------------------------------------------------------------------------------------


def _demand_trace(party: Partner, parameters: Parameters) -> Trace:
    """One that the party is asked for."""
    entry = str(parameters.get("trace"))
    if not _IS_ENTRY(entry):
        expected, found = "64 hexadecimal digits", repr(entry)[:80]
        raise DocumentError("not an entry", code="bad_value", where="trace", expected=expected, found=found)
    trace = Trace.objects.filter(to=party.gln, request__entry__entry=bytes.fromhex(entry)).first()
    if trace is None:
        raise NotFound("nobody has asked you for a trace in this entry", where="trace")
    return trace


def _draw_trace(turn: Turn) -> Made:
    trace = _demand_trace(turn.party, turn.parameters)
    if trace.answer_id is not None:
        raise Refusal("this was answered already", code="answered_twice", where="trace")
    drawn = tracing.draw_up(trace, now=timezone.now(), progress=turn.step)
    told = {"sha256": bytes(drawn.sha256).hex(), "size": drawn.size, "units": drawn.units, "knows": drawn.knows}
    return Made("application/json", "trace.json", (json.dumps(told).encode(),))


# ---- all ------------------------------------------------------------------------------------------------------------


def _uuid(parameters: Parameters, name: str) -> UUID:
    try:
        return UUID(str(parameters.get(name)))
    except ValueError:
        found = repr(parameters.get(name))[:80]
        raise DocumentError("not an id", code="bad_value", where=name, expected="a UUID", found=found) from None


def _nothing(_: Partner, __: Parameters) -> None:
    pass


#: By name.
KINDS: Mapping[str, Kind] = {
    "labels": Kind("Print labels", frozenset(DEFAULTS), LABEL_FILES, _demand_print, _print_labels),
    "serial-report": Kind("Check what a line has printed", frozenset(), REPORT_FILES, _nothing, _check_report),
    "serial-numbers": Kind(
        "Write the serial numbers of a block", frozenset({"block", "form"}), (), _demand_block, _write_numbers
    ),
    TRANSACTION: Kind(
        "Write transaction information and statement of a shipment",
        frozenset({"submission", "event", "form"}),
        (),
        _demand_shipment,
        _write_transaction,
    ),
    **{
        kind.name: Kind(
            f"See what a file would change of {kind.name}",
            frozenset({"complete"}),
            TOLD_FILES,
            _demand_flag,
            _comparing(kind),
            keeps_sent=True,
        )
        for kind in (master_files.PRODUCTS, master_files.PLACES)
    },
    "recall-report": Kind("Report how a recall stands", frozenset({"recall"}), (), _demand_recall, _report_recall),
    "apply": Kind("Change what was shown of a file", frozenset({"job"}), (), _demand_shown, _apply),
    "trace": Kind("Draw up the answer to a trace", frozenset({"trace"}), (), _demand_trace, _draw_trace),
}
