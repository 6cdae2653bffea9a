"""The pages that everybody sees: scan and answer, the proof to take away, and what the codes mean."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from ledger.errors import LogFrozen
from partners.access import Purpose
from partners.gs1.element_string import ElementString
from partners.models import Partner

from ..dscsa.elsewhere import verify_elsewhere
from ..dscsa.outcomes import OUTCOMES
from ..dscsa.verification import Verdict, verify
from ..erasure import explained
from ..errors import NotAllowed, NotFound, Refusal
from ..proving import bundle_for
from .answer import filename, shown
from .codes import CODES, Meaning
from .explorer import open_to
from .forms import ProofForm, ScanForm
from .page import REASON, page, reader_of, why_of
from .refusals import acts, reads, takes

# ---- scan and answer ------------------------------------------------------------------------------------------------


@never_cache
@takes("GET", "HEAD", "POST")
def scan(request: HttpRequest) -> HttpResponse:
    """The field, and below it the answer to what came in it."""
    form = ScanForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return answered(request, form.cleaned_data["pack"], form)
    status = 422 if form.is_bound else 200
    return page(request, "scan", here="scan", form=form, verdicts=list(Verdict), status=status)


def answered(
    request: HttpRequest,
    pack: str | ElementString,
    typed: ScanForm | None = None,
    *,
    purpose: Purpose | None = None,
    ask_others: bool = False,
) -> HttpResponse:
    """What the node says of a pack, to whoever looks; what was typed of it stays, if more is needed. Who is known here
    may have others asked, too."""
    time, reader = now(), reader_of(request)
    why = purpose or (why_of(request) if reader else Purpose.VERIFICATION)
    if reader and "purpose" in request.POST:
        request.session[REASON] = why
    answer = verify(pack, reader, why, now=time)
    said = verify_elsewhere(pack, reader, why, now=time) if ask_others and reader else None
    form = ScanForm()
    if typed and typed.is_typed and answer.reason == "four_elements_needed":
        typed.ask_for_the_rest()
        form = typed
    others = reader is not None and said is None and answer.reason == "unknown_unit"
    more: dict[str, Any] = {"opens": open_to(reader, answer.hops), "elsewhere": said, "others": others}
    more["outcomes"] = OUTCOMES
    return page(request, "answer", here="scan", form=form, **more, **shown(answer, pack, asked=time))


@never_cache
@acts
def elsewhere(request: HttpRequest) -> HttpResponse:
    """The same, and what whoever else answers for the product says."""
    form = ScanForm(request.POST)
    return answered(request, form.cleaned_data["pack"], ask_others=True) if form.is_valid() else redirect("scan")


# ---- the proof ------------------------------------------------------------------------------------------------------


@never_cache
@acts
def proof(request: HttpRequest) -> HttpResponse:
    """The bundle of one item, to check without us."""
    try:
        epc = _epc(request)
        with explained(epc):
            bundle = bundle_for(epc, _somebody(request), purpose=Purpose.VERIFICATION, now=now())
    except (Refusal, LogFrozen) as refusal:
        meaning, status = CODES.get(refusal.code), getattr(refusal, "status", 503)
        return page(request, "refused", status=status, refusal=refusal, meaning=meaning)
    headers = {"Content-Disposition": f'attachment; filename="{filename(epc)}"'}
    return HttpResponse(bundle, content_type="application/vnd.unitproof.bundle+cbor", headers=headers)


def _epc(request: HttpRequest) -> str:
    form = ProofForm(request.POST)
    if not form.is_valid():
        raise NotFound("no item is named")
    return str(form.cleaned_data["epc"])


def _somebody(request: HttpRequest) -> Partner:
    reader = reader_of(request)
    if reader is None:
        raise NotAllowed("only who has, or had, to do with a pack can take the proof of it")
    return reader


# ---- the codes ------------------------------------------------------------------------------------------------------


@reads
def problems(request: HttpRequest) -> HttpResponse:
    return page(request, "problems", kinds=_by_kind())


@reads
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """What a stable code means, and what to do."""
    if (meaning := CODES.get(code)) is None:
        raise Http404(f"no code {code}")
    return page(request, "problem", code=code, meaning=meaning)


def _by_kind() -> dict[str, list[tuple[str, Meaning]]]:
    kinds: dict[str, list[tuple[str, Meaning]]] = {}
    for code, meaning in CODES.items():
        kinds.setdefault(meaning.kind, []).append((code, meaning))
    return kinds
