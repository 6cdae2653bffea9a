"""Suspect product on pages: cases, one case with its next steps, and the data sheet for FDA.

Steps are signed with the key that the node holds; whoever signs itself is shown the command that it types.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.tlog.errors import LogError
from partners.gs1.errors import Gs1Error
from partners.models import Hold, Partner

from ..dscsa import investigation as verbs
from ..dscsa import notification
from ..dscsa.form_3911 import REPORTS, Classification, Report
from ..dscsa.form_3911_pdf import draw
from ..dscsa.investigation import Seen, Taken, What
from ..epcis.errors import DocumentError
from ..errors import Refusal
from ..moving import Thing
from ..statements import InvestigationStep as Step
from .codes import CODES
from .holds import _about
from .page import for_partners, page
from .refusals import acts, takes
from .timeline import People
from .verifications import _number, _refused

_TYPED = {"autocomplete": "off", "spellcheck": "false"}
FAULTS = (Refusal, DocumentError, Gs1Error, LogError)


class Words(NamedTuple):
    """A step, or a state, for people."""

    title: str
    sentence: str
    done: str


STEPS: Mapping[str, Words] = {
    Step.SUSPECT: Words("Suspect", "Quarantined, and to be investigated.", "Suspect"),
    Step.CLEARED: Words("Clear it", "It is what it says it is: the goods are let go.", "Cleared"),
    Step.ILLEGITIMATE: Words(
        "It is illegitimate",
        "From now on there are 24 hours to notify FDA; partners on both sides are told at once.",
        "Illegitimate",
    ),
    Step.NOTIFIED: Words(
        "FDA is notified", "Form FDA 3911 was sent, first or once more; or FDA has given its number.", "FDA notified"
    ),
    Step.TERMINATION_REQUESTED: Words(
        "Termination is requested", "FDA was asked to end the notification.", "Termination requested"
    ),
    Step.TERMINATED: Words("FDA has agreed", "The notification is ended; partners are told.", "Notification ended"),
    Step.DISPOSED: Words(
        "It is disposed of", "Destroyed or returned; a sample is retained, and stays on hold.", "Disposed of"
    ),
}
STATES: Mapping[str, str] = {
    "suspect": "Suspect",
    "cleared": "Cleared",
    "illegitimate": "Illegitimate",
    "termination_requested": "Illegitimate; termination requested",
    "terminated": "Notification ended",
    "disposed": "Disposed of",
}
TONES = {"cleared": "verified", "suspect": "caution", "disposed": "plain", "terminated": "plain"}


class Files(forms.FileInput):
    """As many as one likes."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Each is taken as a file of its own is; none, where nothing was chosen."""

    widget = Files

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        clean = super().clean
        return [clean(each, initial) for each in data or ()]


def _typed(label: str, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=200, widget=forms.TextInput(_TYPED), **options)


class StepForm(forms.Form):
    """Who, where, why; what is wrong with it, the statement says."""

    person = _typed("Who does it")
    place = _typed("Where the goods are", help_text="building, shelf, cage")
    reason = _typed("Why")
    evidence = FilesField(
        label="Evidence", required=False, help_text="files: their hashes are signed, the files stay yours"
    )

    def taken(self) -> Taken:
        said = self.cleaned_data
        hashes = tuple(_hash(file) for file in said["evidence"])
        person, place, reason = (said[name].strip() for name in ("person", "place", "reason"))
        incident, sample = (said.get(name, "").strip() or None for name in ("incident", "sample"))
        return Taken(person, place, reason, hashes, incident, sample)


class NotifiedForm(StepForm):
    incident = _typed("Incident number", required=False, help_text="as FDA has given it; none yet the first time")


class DisposedForm(StepForm):
    sample = _typed("Where the sample is kept")


FORMS: Mapping[Step, type[StepForm]] = {Step.NOTIFIED: NotifiedForm, Step.DISPOSED: DisposedForm}


class SuspectForm(StepForm):
    """What is suspect, before that."""

    case = forms.UUIDField(widget=forms.HiddenInput)
    scans = forms.CharField(
        label="Packs or containers", required=False, max_length=20_000, strip=False,
        help_text="scan them, one a line; or fill in a product:", widget=forms.Textarea({**_TYPED, "rows": 3}),
    )  # fmt: skip
    gtin = _typed("Product code (GTIN)", required=False, help_text="14 digits: all of it, or of it only")
    lot = _typed("Lot", required=False)
    first = _typed("Serial numbers from", required=False)
    last = _typed("to", required=False)
    field_order = ("case", "scans", "gtin", "lot", "first", "last", "person", "place", "reason", "evidence")

    def what(self) -> list[What]:
        said, today = self.cleaned_data, now().date()
        lines = (line.strip("\r ") for line in said["scans"].split("\n"))  # a separator within a scan ends no line
        found = [What(epc=Thing.scanned(line, "scans", today).epc) for line in lines if line]
        typed = {name: said[name].strip() or None for name in ("gtin", "lot", "first", "last")}
        return [*found, What(**typed)] if any(typed.values()) else found


class SheetForm(forms.Form):
    """What Form FDA 3911 asks for, and only people know."""

    report = forms.ChoiceField(label="1. Report", choices=[(str(word), title) for word, title in REPORTS.items()])
    classification = forms.ChoiceField(
        label="5. Classification",
        choices=[("", "not said"), *((str(each), each.replace("_", " ")) for each in Classification)],
        required=False,
    )
    ingredients = _typed("7. Primary ingredients", required=False)
    use = _typed("8. Drug use", required=False)
    description = _typed("9. Drug description", required=False)
    quantity = _typed("12. Quantity", required=False)
    event = _typed("17. What happened", required=False)
    no_longer_needed = _typed("18. Why it is no longer necessary", required=False)
    facility = _typed("22. Facility identifier", required=False)
    contact = _typed("23. Contact", required=False)


def _hash(file: Any) -> bytes:
    """Nothing of it is kept."""
    hashed = sha256()
    for chunk in file.chunks():
        hashed.update(chunk)
    return hashed.digest()


# ---- pages ----------------------------------------------------------------------------------------------------------


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def investigations(request: HttpRequest, reader: Partner) -> HttpResponse:
    """The form, and the cases that concern the reader."""
    form = (
        SuspectForm(request.POST, request.FILES) if request.method == "POST" else SuspectForm(initial={"case": uuid4()})
    )
    custodial = verbs.signs_here(reader)
    around: dict[str, Any] = {"status": 200}
    if form.is_bound:
        around = {"status": 422}
        if form.is_valid():
            try:
                row, _ = verbs.open_case(reader, form.cleaned_data["case"], form.what(), form.taken(), now=now())
                return redirect("investigation", case=row.case)
            except FAULTS as error:
                around = _why(error)
    found, following = verbs.cases_of(reader, _number(request.GET.get("before")), now=now())
    people = People(each.row.party for each in found)
    shown = [(each, STATES[each.state], _tone(each), _goods(each.what), people.named(each.row.party)) for each in found]
    return page(request, "investigations", here="work", form=form, found=shown, next=following, custodial=custodial,
                **around)  # fmt: skip


@never_cache
@takes("GET", "HEAD", "POST")
@for_partners
def investigation(request: HttpRequest, reader: Partner, case: UUID) -> HttpResponse:
    """One case, and its next steps."""
    around: dict[str, Any] = {"status": 200}
    bound: dict[Step, StepForm] = {}
    if request.method == "POST":
        text = request.POST.get("step", "")
        step = Step(text) if text in set(Step) else Step.SUSPECT
        form = bound[step] = FORMS.get(step, StepForm)(request.POST, request.FILES, prefix=str(step))
        around = {"status": 422}
        if form.is_valid():
            try:
                previous = request.POST.get("previous") or None
                verbs.take_step(reader, case, step, form.taken(), previous=previous, now=now())
                return redirect("investigation", case=case)
            except FAULTS as error:
                around = _why(error)
    try:
        seen = verbs.case_of(reader, case, now=now())
    except Refusal as error:
        raise Http404(str(case)) from error
    people = People([seen.row.party, *(each.party for each in seen.partners)])
    steps = [(step, STEPS[step], bound.get(step) or FORMS.get(step, StepForm)(prefix=str(step))) for step in seen.may]
    around |= {"seen": seen, "state": STATES[seen.state], "tone": _tone(seen), "goods": _goods(seen.what)}
    around |= {"told": [(each, people.named(each.party)) for each in seen.partners], "by": people.named(seen.row.party)}
    taken = [
        (said, STEPS[said.statement.step], [each.hex() for each in said.statement.evidence or ()])
        for said in seen.steps
    ]
    mine = next((each for each in seen.partners if each.party == reader.gln), None)
    sheet = SheetForm() if seen.own and seen.state not in ("suspect", "cleared") else None
    return page(request, "investigation", here="work", steps=steps, taken=taken, mine=mine, sheet=sheet,
                custodial=verbs.signs_here(reader), **around)  # fmt: skip


@never_cache
@acts
@for_partners
def acknowledge(request: HttpRequest, reader: Partner, case: UUID) -> HttpResponse:
    """A partner that was told has taken note."""
    try:
        verbs.acknowledge(reader, case, request.POST.get("note", "").strip(), now=now())
    except (DocumentError, Refusal) as error:
        return _refused(request, error)
    return redirect("investigation", case=case)


@never_cache
@acts
@for_partners
def form_3911(request: HttpRequest, reader: Partner, case: UUID) -> HttpResponse:
    """The data sheet, as PDF."""
    form = SheetForm(request.POST)
    try:
        if not form.is_valid():
            raise DocumentError("not what the sheet takes", code="bad_value", where=min(form.errors))
        said = {name: value for name, value in form.cleaned_data.items() if value}
        report = Report(said.pop("report"))
        classification = Classification(said.pop("classification")) if "classification" in said else None
        added = notification.Added(report, classification, **said)
        sheet = notification.sheet_for(reader, case, added, now=now())
    except (DocumentError, Refusal) as error:
        return _refused(request, error)
    headers = {"Content-Disposition": f'attachment; filename="form-3911-{case}.pdf"'}
    return HttpResponse(draw(sheet), content_type="application/pdf", headers=headers)


def _why(error: Exception) -> dict[str, Any]:
    code = getattr(error, "code", "refused")
    return {"status": getattr(error, "status", 422), "refusal": error, "meaning": CODES.get(code)}


def _goods(what: Iterable[tuple[Hold, str]]) -> list[tuple[str, bool]]:
    """What it is about, as labels have it; and whether it was let go."""
    return [(_about(hold), hold.revoked is not None) for hold, _ in what]


def _tone(seen: Seen) -> str:
    return TONES.get(seen.state, "refused")
