"""Anchoring: every so often, others say when they saw the log's last published checkpoint (RFC 3161).

    published checkpoint ──once an interval, to each authority──> pending ──ask──> anchored, or asked again later

Whom to ask says the file ANCHORS. It is nobody's business but this module's whether they answer: publishing never
waits for it, and what is asked for lies in the database, so that a process that stops costs a delay. An authority that
has not answered by the next interval is asked about the newer checkpoint instead: that covers all of the older one.

    [[authority]]
    name = "tsa.example"                     as policies call it, too
    url = "https://tsa.example/timestamp"
    certificate = \"\"\"
    -----BEGIN CERTIFICATE-----              its root, and what else it does not send along
    \"\"\"
"""

import logging
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from time import monotonic

import httpx
from cryptography.x509 import Certificate
from django.conf import settings
from django.db import transaction
from django.db.models import F

from . import log
from .anchor import rfc3161
from .errors import MalformedAnchors, NotAnchored
from .models import Anchor, Checkpoint
from .tlog.errors import LogError
from .tlog.note import Note

logger = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for one round, so that a task stays short; who was not asked is asked in the next
FIRST_REST = timedelta(seconds=10)  # before an authority that failed is asked again; doubled each time
LONGEST_REST = timedelta(hours=1)


@dataclass(frozen=True)
class Authority:
    """Whom to ask, and by which certificates to know the answer."""

    name: str
    url: str
    certificate: str  # PEM

    @property
    def trust(self) -> tuple[Certificate, ...]:
        return rfc3161.certificates(self.certificate)


def authorities() -> tuple[Authority, ...]:
    """The authorities of the file ANCHORS; none without it. Raises `MalformedAnchors`."""
    try:
        return _read(settings.ANCHORS, settings.ANCHORS.stat().st_mtime_ns)
    except FileNotFoundError:
        return ()


@lru_cache(maxsize=8)
def _read(path: Path, _version: int) -> tuple[Authority, ...]:
    try:
        listed = tomllib.loads(path.read_text())["authority"]
        known = tuple(Authority(**members) for members in listed)
        for each in known:
            each.trust  # noqa: B018 - raises here rather than once an hour
    except (LogError, ValueError, KeyError, TypeError) as error:
        expected = "[[authority]] with name, url and certificate"
        raise MalformedAnchors(f"{path.name}: {error}", where=path.name, expected=expected) from error
    if len({each.name for each in known}) < len(known):
        raise MalformedAnchors("two authorities of one name", where=path.name)
    return known


def anchor(*, now: datetime) -> None:
    """Ask for what is due, and again for what was not answered. Idempotent; two at once ask once."""
    until = monotonic() + PATIENCE
    for authority in authorities():
        _ask_for_latest(authority, now)
        for row in _due(authority, now):
            if monotonic() < until:
                _try(row, authority, now)


@transaction.atomic
def _ask_for_latest(authority: Authority, now: datetime) -> None:
    """Once an interval, and if there is anything new. A last time that lies an interval ahead is of a clock that was
    wrong, and keeps nobody waiting until it comes."""
    log.hold()  # of two at once the second sees what the first asks for
    head, known = log.latest(), Anchor.objects.filter(authority=authority.name)
    last = known.order_by("-pk").first()
    if head is None or (last is not None and abs(now - last.created_at) < _interval()):
        return
    if known.filter(checkpoint=head).exclude(status=Anchor.FAILED).exists():
        return
    known.filter(status=Anchor.PENDING).update(status=Anchor.FAILED)
    Anchor.objects.get_or_create(
        checkpoint=head, authority=authority.name, defaults={"created_at": now, "next_try": now}
    )


def _interval() -> timedelta:
    return timedelta(seconds=settings.ANCHOR_EVERY_SECONDS)


def _due(authority: Authority, now: datetime) -> Iterator[Anchor]:
    rows = Anchor.objects.filter(authority=authority.name, status=Anchor.PENDING, next_try__lte=now)
    return iter(rows.select_related("checkpoint"))


def _try(row: Anchor, authority: Authority, now: datetime) -> None:
    """Ask once. Whoever counts the attempt is the one that asks; no transaction is open meanwhile."""
    mine = Anchor.objects.filter(pk=row.pk, attempts=row.attempts, status=Anchor.PENDING)
    rest = min(FIRST_REST * 2**row.attempts, LONGEST_REST)
    if not mine.update(attempts=F("attempts") + 1, next_try=now + rest):
        return
    try:
        text = Note.parse(row.checkpoint.note).text
        token, seen = rfc3161.stamp(text.encode(), _post_to(authority.url), authority.trust)
    except (LogError, httpx.HTTPError, httpx.InvalidURL) as error:
        failure = str(error)[:300] or type(error).__name__
        logger.warning("%s does not anchor checkpoint %d: %s", authority.name, row.checkpoint_id, failure)
        Anchor.objects.filter(pk=row.pk).update(failure=failure)
        return
    Anchor.objects.filter(pk=row.pk).update(status=Anchor.ANCHORED, token=token, anchored_at=seen, failure="")


def _post_to(url: str) -> rfc3161.Post:
    def post(request: bytes) -> bytes:
        answer = httpx.post(
            url,
            content=request,
            headers={"Content-Type": rfc3161.QUERY, "Accept": rfc3161.REPLY},
            timeout=settings.ANCHOR_TIMEOUT_SECONDS,
            follow_redirects=False,
        )
        if answer.status_code != 200:
            raise NotAnchored("no answer to a request", expected="status 200", found=f"status {answer.status_code}")
        return answer.content

    return post


# ---- how it stands --------------------------------------------------------------------------------------------------


def anchored(size: int) -> Checkpoint | None:
    """The first checkpoint of at least this size that was anchored: it says the most of when that was there."""
    row = Anchor.objects.filter(status=Anchor.ANCHORED, checkpoint__size__gte=size).order_by("checkpoint_id").first()
    return row.checkpoint if row else None


def anchors_of(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Its tokens, by the name of the authority."""
    rows = Anchor.objects.filter(checkpoint=checkpoint, status=Anchor.ANCHORED).order_by("authority")
    return {row.authority: bytes(row.token or b"") for row in rows}
