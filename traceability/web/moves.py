"""A page for each move: scan, see what it is, sign with one button.

    scans ──read──> what each is      scans + what else the move needs ──request──> signed, or why not

A page does what `POST /api/v1/moves` does, by the same verb. Whatever comes of it, what was scanned stays on the page
until it is signed; pressed twice, or sent again, it is signed once.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from shlex import quote
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.tlog.errors import LogError
from partners.gs1.errors import Gs1Error
from partners.models import Partner

from .. import custodial
from ..epcis.errors import DocumentError
from ..errors import Refusal
from ..expecting import compared, shipments_to
from ..models import Event, Submission
from ..moving import MOVES, Move
from ..records import exceptions_of
from ..requesting import Done, Drafted, Wanted
from ..requesting import request as request_move
from ..submission import write_exception
from . import returns_desk
from .codes import CODES
from .move_forms import MOST_TEXT, TASKS, TRADING, MoveForm, Task, asked, scanned
from .page import for_partners, page
from .refusals import acts, takes
from .things import Line, lines, printed, read
from .timeline import People


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def move(request: HttpRequest, reader: Partner, word: str) -> HttpResponse:
    """The page of one move."""
    task, time = TASKS[word], now()
    form = MoveForm(task, request.POST if request.method == "POST" else None)
    around: dict[str, Any] = {"status": 200}
    if form.is_bound:
        around = _did(form, reader, time, only_look=request.POST.get("do") == "look")
    key = custodial.key_of(reader)
    seen = _looked_at(word)(scanned(form), reader, time) if form.is_bound and "done" not in around else []
    return page(
        request,
        "move",
        here="work",
        task=task,
        form=form,
        lines=seen,
        custodial=key is not None,
        parties=_parties(reader) if "to" in task.fields else [],
        **_expected(task, reader, seen, time),
        **around,
    )


def _looked_at(word: str) -> Callable[[Sequence[str], Partner, datetime], list[Line]]:
    """How what was scanned is looked at: what comes back is verified, too."""
    return returns_desk.look if word == "return" else read


def _did(form: MoveForm, reader: Partner, time: datetime, *, only_look: bool) -> dict[str, Any]:
    """Look, or sign; what came of it."""
    if not form.is_valid():
        return {"status": 422}
    if only_look:
        return {"status": 200}
    try:
        move = Move.parse(asked(form), time.date())
        wanted = Wanted(move, form.cleaned_data["request"] or str(uuid4()))
        answer = request_move(wanted, reader, now=time)
    except (Refusal, DocumentError, Gs1Error, LogError) as error:
        form.renew()
        return {"status": _status(error), "refused": Refused(error, scanned(form))}
    if isinstance(answer, Drafted):
        form.renew()
        return {"status": 200, "command": _command(form.task, move, reader)}
    form.clear()
    return {"status": 200, "done": Signed(answer, move, reader)}


def _status(error: Exception) -> int:
    return int(getattr(error, "status", 503 if isinstance(error, LogError) else 422))


class Refused:
    """Why nothing was signed, of which pack, and what to do."""

    def __init__(self, error: Any, scanned: list[str]) -> None:
        self.code, self.detail = error.code, error.detail
        self.expected, self.found = getattr(error, "expected", None), getattr(error, "found", None)
        self.epc: str = getattr(error, "epc", None) or ""
        self.meaning = CODES.get(error.code)
        self.line = _line_of(str(getattr(error, "where", None) or ""), scanned)

    @property
    def item(self) -> str:
        return printed(self.epc) if self.epc else ""


def _line_of(where: str, scanned: list[str]) -> str:
    """The scan that `scans[3]` names."""
    match = re.match(r"scans\[([0-9]{1,7})\]", where)
    return scanned[int(match[1])] if match and int(match[1]) < len(scanned) else ""


class Signed:
    """What was signed, by which key, and what people have to look at."""

    def __init__(self, answer: Done, move: Move, reader: Partner) -> None:
        self.submission: Submission = answer.submission
        self.past, self.count = MOVES[move.word].past, len(move.things)
        self.everything, self.parent = move.everything, printed(move.parent) if move.parent else ""
        self.voice = (
            f"signed by the node for {reader.name} (custodial key)" if answer.custodial else f"signed by {reader.name}"
        )
        self.exceptions = [write_exception(each) for each in exceptions_of(answer.submission)]
        self.to = People([move.to]).named(move.to).name if move.to else ""


def _expected(task: Task, reader: Partner, seen: Sequence[Line], time: datetime) -> dict[str, Any]:
    """Of receiving: what is on its way; and once something is scanned, how that agrees with it."""
    if task.word != "receive":
        return {}
    epcs = [line.epc for line in seen if line.epc]
    shipments = shipments_to(reader, now=time)
    people = People(shipment.sender for shipment in shipments)
    return {
        "shipments": [(people.named(each.sender), each, [(printed(i.epc), i.units) for i in each.items[:SHOWN]])
                      for each in shipments],
        "compared": Agreement(compared(shipments, epcs)) if epcs else None,
    }  # fmt: skip


SHOWN = 50  # items of a shipment, on a page


class Agreement:
    """Expected against seen, as people say it."""

    def __init__(self, found: Any) -> None:
        self.agrees = found.agrees
        self.whole = len(found.whole)
        self.parts = [(printed(epc), len(seen)) for epc, seen in found.parts.items()]
        self.missing = [printed(item.epc) for item in found.missing]
        self.beside = [printed(epc) for epc in found.beside]


def _parties(reader: Partner) -> list[Partner]:
    """To whom it has shipped lately; in the demonstration, anybody. Who else takes part is not everybody's to know."""
    others = Partner.objects.filter(left__isnull=True, role__in=TRADING).exclude(gln=reader.gln)
    if settings.DEMO:
        return list(others)
    latest = Submission.objects.filter(submitter=reader.gln).order_by("-entry").values("pk")[:100]
    glns = Event.objects.filter(submission__in=list(latest.values_list("pk", flat=True)), consignee__isnull=False)
    return list(others.filter(gln__in=set(glns.values_list("consignee", flat=True)[:1000])))


def _command(task: Task, move: Move, reader: Partner) -> str:
    """The same on the command line, for whoever signs itself: what was scanned goes in by a file. It is copied into a
    shell, and what a label says of a container may be any URI."""
    said = [f"unitproof {task.command} scans.txt --gln {reader.gln} --key YOUR.pem --token-file YOUR.token --node NODE"]
    said += [f"--{name} {quote(value)}" for name, value in (("to", move.to), ("from", move.sender)) if value]
    said += [f"--container {quote(move.parent)}"] if move.parent else []
    said += ["--all"] if move.everything else []
    said += ["--affirm"] if move.affirmed else []
    said += [f"--{name.replace('_', '-')} {quote(number)}" for name, number in move.papers]
    said += [f"--reason {move.reason}"] if move.reason else []
    return " \\\n  ".join(said)


@never_cache
@acts
@for_partners
def look(request: HttpRequest, reader: Partner) -> HttpResponse:
    """What these scans are, for a page that asks while the next one is scanned."""
    look_at = _looked_at(request.POST.get("move", ""))
    found: list[Line] = look_at(lines(request.POST.get("scans", "")[:MOST_TEXT]), reader, now())
    return JsonResponse({"lines": [line.as_json() for line in found]})


def urls() -> list[URLPattern]:
    """An address for each move."""
    moves = [path(f"desk/{word}", move, {"word": word}, name=task.view) for word, task in TASKS.items()]
    return [*moves, path("desk/look", look, name="work-look")]
