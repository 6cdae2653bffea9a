"""Products and places, for who is signed in: looked for; one with all that was ever told of it; files, what they would
change, and the button that has it done. Both are jobs, done at once where a file is small."""

import json
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.timezone import now
from django.views.decorators.cache import never_cache

from partners.gs1.application_identifiers import check
from partners.gs1.errors import Gs1Error
from partners.models import Description, Partner

from .. import catalogue, master_data
from ..catalogue import Listed
from ..epcis.documents import kind_of
from ..epcis.errors import DocumentError
from ..errors import NotFound, Refusal
from ..jobs import State, Wanted, own_job, result_of
from ..master_data import Change
from ..master_files import PLACES, PRODUCTS, Kind
from ..models import Job
from .codes import CODES
from .jobs import begun
from .page import for_partners, page
from .refusals import acts, reads

SHOWN = 500  # differences, and wrong lines, on a page
LONGEST = 200  # characters that are looked for
_LABELS = {
    "ndc": "NDC", "name": "Name", "strength": "Strength", "dosage_form": "Dosage form", "container_size": "Container",
    "labeler": "Labeler", "labeler_gln": "Labeler’s GLN", "level": "Level", "operator": "Operator’s GLN",
    "street": "Street", "city": "City", "state": "State", "postal_code": "Postal code", "country": "Country",
}  # fmt: skip
_TITLES = {PRODUCTS.name: ("Products", "GTIN"), PLACES.name: ("Places", "GLN")}


def listed(kind: Kind) -> Any:
    """What may be read of one kind: a page of it, or what is looked for."""

    @never_cache
    @reads
    @for_partners
    def view(request: HttpRequest, reader: Partner) -> HttpResponse:
        text, after = request.GET.get("q", "")[:LONGEST].replace("\0", ""), request.GET.get("after", "")
        found = int(after) if after.isascii() and after.isdigit() and len(after) <= 14 else 0
        rows, following = catalogue.page(kind, reader, text=text, after=found, now=now())
        return _page(request, "told", kind, rows=_by_key(kind, rows), q=text, following=following)

    return view


def one(kind: Kind) -> Any:
    """All that was ever told of one thing, as far as one may read it."""

    @never_cache
    @reads
    @for_partners
    def view(request: HttpRequest, reader: Partner, key: str) -> HttpResponse:
        try:
            check("01" if kind is PRODUCTS else "414", key)
        except Gs1Error as error:
            raise Http404(f"no {kind.key}") from error
        rows = [Shown(kind, each) for each in catalogue.history(kind, reader, key, now=now())]
        if not rows:
            raise Http404(f"nothing is told of this {kind.key}")
        return _page(request, "told_one", kind, rows=rows, key=key)

    return view


def differences(kind: Kind) -> Any:
    """What files would change."""

    @never_cache
    @acts
    @for_partners
    def view(request: HttpRequest, reader: Partner) -> HttpResponse:
        sent = request.FILES.getlist("files")
        if not sent:
            return _wrong(request, reader, kind, "No file came: choose one.")
        if sum(file.size or 0 for file in sent) > settings.API_MAX_BYTES:
            return _wrong(request, reader, kind, "More than is read here: send them as a ZIP.", "too_large", 413)
        parameters = {"complete": "1" if request.POST.get("complete") == "on" else "0"}
        content, sent_as = _one([file.read() for file in sent])
        said = repr((request.POST.get("nonce") or uuid4().hex, kind.name, parameters, content)).encode()
        wanted = Wanted(kind.name, f"page-{sha256(said).hexdigest()[:32]}", parameters, content, sent_as)
        try:
            # What is zipped may be a hundred times as large.
            job = begun(reader, wanted, beside=True if sent_as == "application/zip" else None)
        except (DocumentError, Gs1Error, Refusal) as error:
            return _wrong(request, reader, kind, *_said(error))
        if job.state == State.FAILED:
            return _wrong(request, reader, kind, job.detail, job.code)
        return redirect(f"{kind.name}-differences", job.job) if job.state == State.DONE else _job(job)

    return view


def shown(kind: Kind) -> Any:
    """What a job has found that files would change."""

    @never_cache
    @reads
    @for_partners
    def view(request: HttpRequest, reader: Partner, job: UUID) -> HttpResponse:
        try:
            _, told = _shown(kind, reader, job)
        except Refusal as refusal:
            return _wrong(request, reader, kind, *_said(refusal), status=refusal.status)
        return _page(request, "told_differences", kind, job=job, **_of(told))

    return view


def applied(kind: Kind) -> Any:
    """What was shown is done."""

    @never_cache
    @acts
    @for_partners
    def view(request: HttpRequest, reader: Partner) -> HttpResponse:
        try:
            found, told = _shown(kind, reader, _uuid(request.POST.get("job", "")))
            wanted = Wanted("apply", f"page-{found.job}", {"job": str(found.job)})
            lines = sum(told["counts"].values())  # that are read again
            job = begun(reader, wanted, beside=lines > master_data.LINES_AT_ONCE)
        except Refusal as refusal:
            return _wrong(request, reader, kind, *_said(refusal), status=refusal.status)
        if job.state == State.FAILED:
            return _wrong(request, reader, kind, job.detail, job.code, status=409)
        return redirect(f"{reverse(kind.name)}?done=1") if job.state == State.DONE else _job(job)

    return view


def _shown(kind: Kind, reader: Partner, job: UUID) -> tuple[Job, dict[str, Any]]:
    """A job of this kind, and what it has found."""
    if own_job(reader, job).kind != kind.name:
        raise NotFound("nothing was compared by this job", where="job")
    found, pieces = result_of(reader, job)
    return found, json.loads(b"".join(pieces))


def _one(files: Sequence[bytes]) -> tuple[bytes, str]:
    """What is sent with a job: one file, and its media type; of several a ZIP."""
    (first, *more) = files
    if not more:
        return first, "application/zip" if first.startswith(b"PK") else _kind(first)
    with zipfile.ZipFile(packed := BytesIO(), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, each in enumerate(files):
            archive.writestr(f"{number}.txt", each)
    return packed.getvalue(), "application/zip"


def _kind(sent: bytes) -> str:
    """By its first character; what is neither JSON nor XML is CSV."""
    try:
        return kind_of(sent)
    except DocumentError:
        return "text/csv"


def _job(job: Job) -> HttpResponse:
    """Where it is to be seen how far it is."""
    return redirect("job-page", job=job.job)


def urls() -> list[URLPattern]:
    """The addresses of both kinds."""
    return [
        path(f"{kind.name}{below}", view(kind), name=f"{kind.name}{name}")
        for kind in (PRODUCTS, PLACES)
        for below, name, view in (
            ("", "", listed),
            ("/bring", "-bring", differences),
            ("/differences/<uuid:job>", "-differences", shown),
            ("/apply", "-apply", applied),
            ("/<str:key>", "-one", one),
        )
    ]


# ---- what is on them ------------------------------------------------------------------------------------------------


class Shown:
    """A row as a page shows it."""

    def __init__(self, kind: Kind, listed: Listed) -> None:
        row = listed.row
        self.row, self.counts = row, listed.counts
        self.key = str(getattr(row, kind.key))
        self.fields = [(_LABELS[name], str(getattr(row, name))) for name in kind.fields if getattr(row, name)]
        self.since = "" if row.valid_from == Description.ALWAYS else row.valid_from
        self.teller = {"fda": "FDA’s NDC directory", "operator": "operator of this node"}.get(
            catalogue.teller(row), row.told_by
        )


def _by_key(kind: Kind, rows: list[Listed]) -> list[Shown]:
    """Of each thing, what counts; else what was told last."""
    best: dict[str, Listed] = {}
    for each in sorted(rows, key=lambda each: (each.counts, each.row.said)):
        best[getattr(each.row, kind.key)] = each
    return [Shown(kind, best[key]) for key in sorted(best)]


def _of(told: dict[str, Any]) -> dict[str, Any]:
    counts = told["counts"]
    changes = sum(counts[change] for change in Change)
    return {
        "entries": [(each, [_labelled(field) for field in each["changes"]]) for each in told["differences"][:SHOWN]],
        "wrong": [(each, CODES[each["code"]]) for each in told["refused"][:SHOWN]],
        "counts": counts.items(),
        "more": max(0, changes - SHOWN),
        "changes": changes > 0,
        "by_directory": told["told_by"] == Description.FDA,
    }


def _labelled(field: dict[str, str]) -> dict[str, str]:
    name = field["field"]
    return field | {"field": _LABELS.get(name, name.replace("_", " ").capitalize())}


def _page(request: HttpRequest, name: str, kind: Kind, *, status: int = 200, **context: Any) -> HttpResponse:
    title, key_name = _TITLES[kind.name]
    return page(
        request, name, status=status, here="work", kind=kind.name, title=title, key_name=key_name,
        columns=", ".join(kind.columns), done="done" in request.GET, nonce=uuid4().hex, **context,
    )  # fmt: skip


def _wrong(
    request: HttpRequest, reader: Partner, kind: Kind, said: str, code: str = "", status: int = 422
) -> HttpResponse:
    """The list again, and what was wrong."""
    rows, following = catalogue.page(kind, reader, now=now())
    return _page(
        request, "told", kind, status=status, rows=_by_key(kind, rows), following=following,
        problem=said, code=code, remedy=CODES[code].remedy if code in CODES else "",
    )  # fmt: skip


def _said(error: Any) -> tuple[str, str]:
    more = [f"{name} {value}" for name in ("where", "expected", "found") if (value := getattr(error, name, None))]
    return "; ".join([error.detail, *more]), error.code


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)  # which nothing has
