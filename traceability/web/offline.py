"""The second verifier: one page that checks a bundle without us, here and as a file to keep.

The file is served as it lies on disk. Its script and style stand in it, so the policy of this page names them by hash:
nothing else runs, and nothing can be asked of anybody.
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition

from .refusals import reads

FILE = Path(__file__).resolve().parents[1] / "static" / "traceability" / "verify-offline.html"


class Offline(NamedTuple):
    """The page, and what goes with it."""

    text: bytes
    etag: str
    security: str  # its Content-Security-Policy


@cache
def offline() -> Offline:
    text = FILE.read_bytes()
    return Offline(text, f'"{sha256(text).hexdigest()}"', content_security_policy(text.decode()))


def content_security_policy(page: str) -> str:
    """Nothing but the script and the style that stand in the page (CSP level 3, section 2.3.1: hash-source)."""
    directives = {
        "default-src": "'none'",
        "script-src": _inline(page, "script"),
        "style-src": _inline(page, "style"),
        "img-src": "data:",  # the icon, so that not even that is asked for
        "connect-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def _inline(page: str, element: str) -> str:
    blocks = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(block.encode()).digest()).decode()}'" for block in blocks)


@reads
@cache_control(public=True, max_age=3600)
@condition(etag_func=lambda request: offline().etag)
def verify_offline(request: HttpRequest) -> HttpResponse:
    """The page itself, the same bytes for everybody."""
    page = offline()
    return HttpResponse(page.text, headers={"Content-Security-Policy": page.security})
