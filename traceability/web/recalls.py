"""Recalls on pages: call back, see where everything is and who has answered; or be told, look, and answer."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from shlex import quote
from typing import Any
from uuid import uuid4

from django import forms
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.tlog.errors import LogError
from partners.errors import PartnerError
from partners.models import Partner

from .. import custodial, jobs
from ..api.recalls import csv_of
from ..custody import Status
from ..dscsa import recall_report, recalls
from ..dscsa.blast import Radius
from ..dscsa.recalls import NUMBERS, Scope, Standing, Wanted
from ..statements import RecallClass, RecallDepth
from .filled_in import REFUSALS, mark, refused
from .holds import _about, _typed
from .jobs import begun
from .page import for_partners, page
from .refusals import acts, reads, takes
from .timeline import People
from .verifications import _number

SMALL = 20_000  # units of a report that is made while one waits
WIDE = 600  # of the drawing
FAILURES = (*REFUSALS, PartnerError, LogError)

#: What is drawn, in this order: states of units, how they look, and what they are called.
BANDS: tuple[tuple[tuple[Status | None, ...], str, str], ...] = (
    ((Status.HELD,), "held", "with somebody"),
    ((Status.IN_TRANSIT,), "in-transit", "on their way"),
    ((Status.DISPENSED,), "dispensed", "dispensed"),
    ((Status.DESTROYED, Status.DECOMMISSIONED, Status.EXPORTED), "ended", "destroyed, decommissioned or exported"),
    ((None,), "unknown", "not known: taken back, or told of by others alone"),
)


class RecallForm(forms.Form):
    """What is called back, how grave it is, and until when holders answer."""

    gtin = _typed("Product code (GTIN)", help_text="14 digits: all of it, or of it only")
    lot = _typed("Lot")
    first = _typed("Serial numbers from")
    last = _typed("to")
    classification = forms.ChoiceField(
        label="Class", choices=[(each.value, f"Class {each.value}") for each in RecallClass], initial=RecallClass.II
    )
    depth = forms.ChoiceField(
        label="To", choices=[(each.value, each.value.capitalize()) for each in RecallDepth], initial=RecallDepth.RETAIL
    )
    reason = _typed("Why")
    contact = _typed("Whom holders ask", help_text="a name, a telephone number, an address")
    answer_by = forms.DateField(label="Answer by", widget=forms.DateInput({"type": "date"}))

    def wanted(self) -> Wanted:
        said = dict[str, Any](self.cleaned_data)
        scope = Scope(said["gtin"].strip(), *(said[name].strip() or None for name in ("lot", "first", "last")))
        until = datetime.combine(said["answer_by"], time(23, 59, 59), UTC)
        return Wanted(
            (scope,), RecallClass(said["classification"]), RecallDepth(said["depth"]), said["reason"], said["contact"],
            until,
        )  # fmt: skip


class AnswerForm(forms.Form):
    """What was found; nothing, where somebody has only read it."""

    quarantined = forms.IntegerField(label="Units kept aside", min_value=0, required=False)
    returned = forms.IntegerField(label="Units sent back", min_value=0, required=False)
    destroyed = forms.IntegerField(label="Units destroyed", min_value=0, required=False)
    missing = forms.IntegerField(label="Units missing", min_value=0, required=False)

    def numbers(self) -> tuple[int, int, int, int] | None:
        """All four, what was left empty being none; None where all were."""
        found = [self.cleaned_data[name] for name in NUMBERS]
        if all(each is None for each in found):
            return None
        quarantined, returned, destroyed, missing = (each or 0 for each in found)
        return quarantined, returned, destroyed, missing


@dataclass(frozen=True)
class Band:
    """A piece of the drawing: from where, how wide, what it is, and how many."""

    x: str  # as SVG writes it, whatever the language
    width: str
    look: str
    label: str
    units: int


def bands(reach: Radius) -> list[Band]:
    found, x = [], 0.0
    for states, look, label in BANDS:
        if units := reach.of(*states):
            width = WIDE * units / reach.made
            found.append(Band(f"{x:.2f}", f"{width:.2f}", look, label, units))
            x += width
    return found


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def recall_list(request: HttpRequest, reader: Partner) -> HttpResponse:
    """Those that concern the reader; and the form by which it calls back what it may."""
    form, around = RecallForm(request.POST if request.method == "POST" else None), dict[str, Any]()
    if form.is_bound and form.is_valid():
        try:
            if custodial.key_of(reader) is not None:
                row, _ = recalls.begin(reader, form.wanted(), now=now())
                return redirect("recall-page", entry=bytes(row.entry.entry).hex())
            around["command"] = _command(form.wanted(), reader)
        except FAILURES as error:
            mark(form, error)
    found, following = recalls.recalls_of(reader, _number(request.GET.get("before")))
    status = 422 if form.errors else 200
    return page(request, "recalls", here="work", form=form, found=[_line(each) for each in found], next=following,
                custodial=custodial.key_of(reader) is not None, status=status, **around)  # fmt: skip


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def recall(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """One of them; whoever was told answers it here."""
    try:
        found = recalls.standing(entry, reader, now=now())
    except FAILURES as error:
        return refused(request, error)
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            recalls.answer(reader, entry, form.numbers(), now=now())
            return redirect("recall-page", entry=entry)
        except FAILURES as error:
            mark(form, error)
    return page(request, "recall_standing", here="work", status=422 if form.errors else 200,
                **_shown(found, reader), form=form)  # fmt: skip


@never_cache
@acts
@for_partners
def report(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """Have a report made: at once, or as a job."""
    try:
        found = recalls.standing(entry, reader, now=now())
        wanted = jobs.Wanted("recall-report", str(uuid4()), {"recall": entry})
        row = begun(reader, wanted, beside=found.sees_all and found.radius.made > SMALL)
    except FAILURES as error:
        return refused(request, error)
    return redirect("job-page", job=row.job)


@never_cache
@acts
@for_partners
def close(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """It is over, as the last report that was made for the reader says."""
    try:
        last = recall_report.last_report(recalls.standing(entry, reader, now=now()))
        recalls.close(reader, entry, bytes(last.sha256) if last else bytes(32), now=now())
    except FAILURES as error:
        return refused(request, error)
    return redirect("recall-page", entry=entry)


@never_cache
@reads
@for_partners
def units(request: HttpRequest, reader: Partner, entry: str) -> HttpResponseBase:
    """Every unit, CSV."""
    return _list(request, reader, entry, "units")


@never_cache
@reads
@for_partners
def holders(request: HttpRequest, reader: Partner, entry: str) -> HttpResponseBase:
    """Everybody who was told, CSV."""
    return _list(request, reader, entry, "holders")


@never_cache
@reads
@for_partners
def letters(request: HttpRequest, reader: Partner, entry: str) -> HttpResponse:
    """A letter to each who was told and is named, to be printed: a sheet each."""
    try:
        found = recalls.standing(entry, reader, now=now())
    except FAILURES as error:
        return refused(request, error)
    told = found.told if found.sees_all else tuple(filter(None, [found.own]))
    to = recall_report.addressed(told, now=now())
    return page(request, "recall_letters", here="work", letters=to, **_line(found))


def _list(request: HttpRequest, reader: Partner, entry: str, what: str) -> StreamingHttpResponse | HttpResponse:
    try:
        found = recalls.standing(entry, reader, now=now())
    except FAILURES as error:
        return refused(request, error)
    lines = recall_report.lines(found) if what == "units" else recall_report.holders(found, now=now())
    return csv_of(lines, f"recall-{entry[:16]}-{what}.csv")


def _line(found: Standing) -> dict[str, Any]:
    scopes = [_about(hold) for hold in found.holds]
    by = People([found.row.issuer]).named(found.row.issuer)
    return {"recall": found, "said": found.said, "scopes": scopes, "by": by, "is_over": found.closed is not None}


def _shown(found: Standing, reader: Partner) -> dict[str, Any]:
    shown = _line(found) | {
        "own": found.own,
        "custodial": custodial.key_of(reader) is not None,
        "late": found.closed is None and now() > found.said.answer_by,
    }
    if not found.sees_all:
        return shown
    reach = found.radius
    people = People({party for place, _ in reach.at for party in place[1:] if party and party.isdecimal()})
    rows = [(place.status, _who(place.possessor, people), _who(place.consignee, people), n) for place, n in reach.at]
    unanswered = sum(each.answered is None or each.answered.counted is None for each in found.told)
    last = recall_report.last_report(found)
    return shown | {
        "made": reach.made, "bands": bands(reach), "wide": WIDE, "rows": rows, "told": found.told,
        "unanswered": unanswered, "found": found.found, "last_report": last,
    }  # fmt: skip


def _who(party: str | None, people: People) -> str:
    if party is None:
        return ""
    return str(people.named(party)) if party.isdecimal() else f"a {party.replace('_', ' ')}"


def _command(wanted: Wanted, reader: Partner) -> str:
    """The same on the command line, for whoever signs itself."""
    (scope,) = wanted.scopes
    said = [f"unitproof recall begin --classification {wanted.classification} --depth {wanted.depth}"]
    said += [f"--{name} {quote(value)}" for name in ("gtin", "lot", "first", "last") if (value := getattr(scope, name))]
    said += [f"--reason {quote(wanted.reason)} --contact {quote(wanted.contact)}"]
    said += [f"--answer-by {wanted.answer_by:%Y-%m-%d} --gln {reader.gln} --key YOUR.pem --node NODE"]
    return " \\\n  ".join(said)
