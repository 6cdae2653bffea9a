"""Traces on pages: asked for, looked at, answered; and regulators' cases, to whom they concern."""

from shlex import quote
from typing import Any
from uuid import uuid4

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.tlog.errors import LogError
from partners.gs1.errors import Gs1Error
from partners.models import Case, Partner

from .. import cases, custodial, traces
from ..bundle.trace import Package, owners
from ..dscsa.tracing import content, said_in
from ..epcis.errors import DocumentError
from ..errors import NotFound, Refusal
from ..models import Job, Trace
from ..statements import GLN, ONE_GTIN, WORD, TraceReason, TraceWanted, name_order, open_statement, read
from .codes import CODES
from .page import for_partners, page
from .refusals import acts, reads, takes
from .timeline import People
from .verifications import _number

SHOWN = 20  # serial numbers of a path
_TYPED = {"autocomplete": "off", "spellcheck": "false"}


def _typed(label: str, *, required: bool = False, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=200, widget=forms.TextInput(_TYPED), **options)


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ").capitalize()) for word in words]


class TraceForm(forms.Form):
    """What is asked, of whom, and why. What is wrong with it, the statement says."""

    to = _typed("Whom (GLN)", required=True)
    gtin = _typed("Product code (GTIN)", required=True, help_text="14 digits")
    lot = _typed("Lot")
    serials = forms.CharField(
        label="Serial numbers", required=False, max_length=30_000, widget=forms.Textarea({**_TYPED, "rows": 3}),
        help_text="one on each line; none: the whole lot",
    )  # fmt: skip
    wants = forms.ChoiceField(label="What to tell", choices=_choices(TraceWanted), initial="all_known_owners")
    reason = forms.ChoiceField(label="Why: you attest to it", choices=_choices(TraceReason))
    investigation = _typed("Investigation number", required=True)
    circumstances = _typed("What has happened")
    incident = _typed("Form 3911 incident number")
    case = _typed("Regulator's case number")
    name = _typed("Your name or department")
    contact = _typed("How to reach you", required=True)
    test = forms.BooleanField(label="This is a drill", required=False, help_text="marked everywhere; no clock runs")

    def members(self) -> dict[str, Any]:
        """Of the statement."""
        said = self.cleaned_data
        words = ("lot", "circumstances", "incident", "case", "name", "investigation", "contact")
        serials = tuple(sorted({each.strip() for each in said["serials"].split("\n") if each.strip()}, key=name_order))
        return {
            **{name: read(WORD, said[name].strip(), name) if said[name].strip() else None for name in words},
            "to": read(GLN, said["to"].strip(), "to"),
            "gtin": read(ONE_GTIN, said["gtin"].strip(), "gtin"),
            "wants": TraceWanted(said["wants"]),
            "reason": TraceReason(said["reason"]),
            "serials": serials or None,
            "test": said["test"] or None,
        }


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def trace_list(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The form; and what the reader has asked for, and is asked for."""
    form = TraceForm(request.POST if request.method == "POST" else None)
    around: dict[str, Any] = {"status": 200}
    if form.is_bound:
        around = _did(form, reader)
        if not around:
            return redirect("traces-page")
    found, following = traces.traces_of(reader, _number(request.GET.get("before")))
    people = People({gln for row in found for gln in (row.requester, row.to)})
    shown = [(row, said_in(row), people.named(row.to if row.requester == reader.gln else row.requester), entry_of(row))
             for row in found]  # fmt: skip
    return page(request, "traces", here="work", form=form, found=shown, next=following,
                custodial=custodial.key_of(reader) is not None, **around)  # fmt: skip


def entry_of(row: Trace) -> str:
    return bytes(row.request.entry.entry).hex()


def _did(form: TraceForm, reader: Partner) -> dict[str, Any]:
    """Nothing, where it is signed; else what there is to say."""
    if not form.is_valid():
        return {"status": 422}
    try:
        members = form.members()
        if custodial.key_of(reader) is None:
            return {"status": 200, "command": _command(members, reader)}
        traces.ask_for(reader, traces.Wanted(uuid4(), tuple(members.items())), now=now())
    except (Refusal, DocumentError, Gs1Error, LogError) as error:
        return {"status": getattr(error, "status", 422), "refusal": error, "meaning": CODES.get(error.code)}
    return {}


def _command(members: dict[str, Any], reader: Partner) -> str:
    """The same on the command line, for whoever signs itself."""
    said = ["unitproof trace ask", *(f"--serial {quote(each)}" for each in members["serials"] or ())]
    said += [f"--{name} {quote(str(value))}" for name, value in members.items()
             if value and name not in ("serials", "test")]  # fmt: skip
    said += ["--test"] if members["test"] else []
    return " \\\n  ".join([*said, f"--gln {reader.gln} --key YOUR.pem --node NODE"])


@never_cache
@reads
@for_partners
def trace(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """One of them: what was asked, what was drawn up or answered, and what there is to do."""
    try:
        row = traces.own_trace(reader, bytes.fromhex(entry))
    except NotFound as error:
        return page(request, "refused", status=404, refusal=error, meaning=None)
    said = said_in(row)
    asked, drawn = row.to == reader.gln, row.packages.last()
    told = Package.parse(b"".join(content(drawn))).told if drawn and asked else None
    paths = [(path, path.serials[:SHOWN], len(path.serials) - SHOWN, owners(path.changes))
             for path in (told.paths if told else ())]  # fmt: skip
    answered: Any = open_statement(bytes(row.answer.envelope)).payload if row.answer else None
    people = People({row.requester, row.to})
    return page(
        request, "trace", here="work", row=row, said=said, entry=entry,
        wants=said.wants.replace("_", " "), reason=said.reason.replace("_", " "), asked=asked, told=told, paths=paths,
        answered=answered, requester=people.named(row.requester), to=people.named(row.to),
        custodial=custodial.key_of(reader) is not None,
    )  # fmt: skip


@never_cache
@acts
@for_partners
def draw(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """Have the answer drawn up, to be looked at."""
    try:
        made = traces.draw_up(reader, bytes.fromhex(entry), now=now())
    except Refusal as error:
        return _refused(request, error)
    return redirect("job-page", job=made.job) if isinstance(made, Job) else redirect("trace-page", entry=entry)


@never_cache
@acts
@for_partners
def sign(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """Sign what was drawn up."""
    try:
        traces.answer_for(reader, uuid4(), bytes.fromhex(entry), now=now())
    except (Refusal, DocumentError, LogError) as error:
        return _refused(request, error)
    return redirect("trace-page", entry=entry)


@never_cache
@acts
@for_partners
def fetch(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """The answer as a file, to keep. It is a POST: that it was read is recorded."""
    try:
        made = traces.file_of(reader, bytes.fromhex(entry), now=now())
    except Refusal as error:  # it may not be in the log yet
        return _refused(request, error)
    headers = {"Content-Disposition": f'attachment; filename="trace-{entry[:16]}.unitproof"'}
    return HttpResponse(made, content_type="application/octet-stream", headers=headers)


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    status = getattr(error, "status", 422)
    return page(request, "refused", status=status, refusal=error, meaning=CODES.get(error.code))


@never_cache
@reads
@for_partners
def case_list(request: HttpRequest, reader: Partner) -> HttpResponse:
    """Regulators' cases: its own, and those that concern the reader."""
    found, following = cases.cases_of(reader, _number(request.GET.get("before")))
    people, entries = People(row.partner_id for row in found), cases.entries(found)
    shown = [(row, people.named(row.partner_id), entries[row.registered], _is_open(row)) for row in found]
    return page(request, "cases", here="work", found=shown, next=following)


def _is_open(row: Case) -> bool:
    return row.revoked is None and row.valid_to > now()
