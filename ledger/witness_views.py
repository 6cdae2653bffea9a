"""A witness over HTTP, as c2sp.org/tlog-witness says: one address, beside a node or alone."""

import logging
import sqlite3

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import keys
from .errors import WitnessRefuses
from .tlog.errors import LogError
from .tlog.note import MAX_NOTE
from .tlog.witness import SIZE_TYPE

logger = logging.getLogger(__name__)
_TEXT = "text/plain; charset=utf-8"

#: c2sp.org/tlog-witness, section "add-checkpoint". What is out of form is 400.
STATUSES = {
    "unknown_log": 404,
    "not_signed_by_log": 403,
    "old_size_above_new": 400,
    "size_conflict": 409,
    "two_trees": 409,
    "bad_proof": 422,
    "witness_memory_lost": 503,
}


@csrf_exempt  # there is no account: the checkpoint is signed
@require_POST
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """Cosign a checkpoint that continues what was cosigned of its log before."""
    try:
        witness = keys.witness()
    except (LogError, OSError) as error:
        return _away(error)
    if witness is None:
        raise Http404("no witness here")
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if not (length.isascii() and length.isdigit()):
        return HttpResponse("a length that is no number\n", status=400, content_type=_TEXT)
    if int(length) > MAX_NOTE:
        return HttpResponse("too long\n", status=413, content_type=_TEXT)
    try:
        cosigned = witness.add_checkpoint(request.body.decode(), now=timezone.now())
    except sqlite3.OperationalError as error:  # its memory is busy, or cannot be written
        return _away(error)
    except WitnessRefuses as refused:
        return _refusal(refused)
    except (LogError, UnicodeDecodeError) as error:
        return HttpResponse(f"{error}\n", status=400, content_type=_TEXT)
    return HttpResponse(cosigned, content_type=_TEXT)


def _away(error: Exception) -> HttpResponse:
    """A witness that cannot remember cosigns nothing. Why is for its operator alone."""
    logger.error("the witness cannot work: %s", error)
    headers = {"Retry-After": "5"}
    return HttpResponse("the witness cannot work now\n", status=503, content_type=_TEXT, headers=headers)


def nothing_else(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What a witness alone says at any other address."""
    return HttpResponse("a witness answers at /add-checkpoint\n", status=404, content_type=_TEXT)


def _refusal(refused: WitnessRefuses) -> HttpResponse:
    status = STATUSES[refused.code]
    if refused.size is not None:
        return HttpResponse(f"{refused.size}\n", status=status, content_type=SIZE_TYPE)
    return HttpResponse(f"{refused.code}: {refused}\n", status=status, content_type=_TEXT)
