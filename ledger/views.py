"""The log as c2sp.org/tlog-tiles publishes it: plain bytes that any cache may keep, and no account needed."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import cbor2
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from . import keys, log
from .errors import KeyMissing, NoSuchTile, SignerRefuses
from .tlog.errors import MalformedTile
from .tlog.receipt import KEYS_TYPE, key_set, one_key
from .tlog.tiles import Tile

_TEXT = "text/plain; charset=utf-8"
_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_MINUTES = "public, max-age=300"
_FOR_SECONDS = "public, max-age=1"
_AWAY = (SignerRefuses, KeyMissing)  # which is another alarm's business
_NO_SIGNER = ("The signer does not answer", "The key is with it: ask again in a moment.")


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponseBase:
    head = log.latest()
    try:
        note = head.note if head else keys.log_signer().sign_empty()
    except _AWAY:
        return _unavailable("nothing is signed yet, and the signer does not answer")
    return _answer(request, note.encode(), content_type=_TEXT, cache=_FOR_SECONDS)


@require_safe
def tile(request: HttpRequest, path: str) -> HttpResponseBase:
    """A tile or an entry bundle. Partial ones never change either: wider ones have other names."""
    try:
        content = log.read(Tile.parse(f"tile/{path}"))
    except (MalformedTile, NoSuchTile) as error:
        return _not_found(str(error))
    return _answer(request, content, content_type="application/octet-stream", cache=_FOR_EVER)


@require_safe
def receipt_keys(request: HttpRequest) -> HttpResponseBase:
    """The keys of receipts, as a COSE Key Set (draft-ietf-scitt-scrapi)."""
    try:
        return _answer(request, key_set(keys.receipt_keys()), content_type=KEYS_TYPE, cache=_FOR_MINUTES)
    except _AWAY:
        return _problem(503, *_NO_SIGNER)


@require_safe
def receipt_key(request: HttpRequest, kid: str) -> HttpResponseBase:
    """One of them, by its thumbprint in base64url, or in hex."""
    try:
        known = keys.receipt_keys()
    except _AWAY:
        return _problem(503, *_NO_SIGNER)
    for key in known:
        if kid in (urlsafe_b64encode(key.kid).rstrip(b"=").decode(), key.kid.hex()):
            return _answer(request, one_key(key), content_type="application/cose-key", cache=_FOR_MINUTES)
    return _problem(404, "Not found", "This log has and had no key of this name.")


def _problem(status: int, title: str, detail: str) -> HttpResponse:
    """As SCITT software reads it (RFC 9290)."""
    kind = "application/concise-problem-details+cbor"
    members = cbor2.dumps({-1: title, -2: detail}, canonical=True)
    return HttpResponse(members, status=status, content_type=kind, headers={"Cache-Control": "no-store"})


def _answer(request: HttpRequest, content: bytes, *, content_type: str, cache: str) -> HttpResponseBase:
    etag = quote_etag(sha256(content).hexdigest()[:32])
    headers = {"Cache-Control": cache, "ETag": etag}
    response = HttpResponse(content, content_type=content_type, headers=headers)
    return get_conditional_response(request, etag=etag, response=response) or response


def _unavailable(detail: str) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "Retry-After": "5"}
    return HttpResponse(f"{detail}\n", status=503, content_type=_TEXT, headers=headers)


def _not_found(detail: str) -> HttpResponseNotFound:
    return HttpResponseNotFound(f"{detail}\n", content_type=_TEXT, headers={"Cache-Control": "no-store"})
