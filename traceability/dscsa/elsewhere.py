"""What another company's responder says of a pack of which this node has no record: asked for, and never believed.

    route ──access record──> question ──time-outs, retries──> answer ──strictly read──> Elsewhere

The messages are those of `vrs.py`. Nothing that comes back is proven here: the best that is ever said is *caution*,
with whose word it is. Only who is known here can ask, in its own name; the record of that is written before the
question goes out, and no transaction is open meanwhile.
"""

import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from partners import access
from partners.access import Purpose
from partners.gs1.application_identifiers import check
from partners.gs1.digital_link import escape
from partners.gs1.element_string import ElementString, parse_scan
from partners.gs1.errors import Gs1Error
from partners.models import Partner
from partners.prefixes import licensee

from .. import outbound
from ..epcis import jsonld
from ..epcis.errors import DocumentError
from ..epcis.values import Raw, an_object
from ..models import VrsRoute
from ..outbound import Answered, NotAnswered
from ..routes import route_for
from .verification import Reason, Verdict
from .vrs import CONTEXTS, Failure, Info

logger = logging.getLogger(__name__)

VERSION = "1.3.0"  # of the US guideline
LARGEST = 16 * 1024  # bytes of an answer; the standard's has some hundred
FIRST_REST = 0.1  # seconds before the second question; doubled each time, and half of it left to chance
#: Statuses after which the same question may be answered in a moment.
PASSING = frozenset({408, 429, 502, 503, 504})

#: What may come of it. None is more than caution.
ELSEWHERE = {
    "incomplete": Reason(Verdict.UNKNOWN, "Another responder is asked with all four elements of the code only."),
    "answered_here": Reason(Verdict.UNKNOWN, "This node answers for this product itself: nobody else was asked."),
    "no_route": Reason(Verdict.UNKNOWN, "This node does not know who answers for this product."),
    "responder_silent": Reason(Verdict.UNKNOWN, "Whoever answers for this product could not be reached in time."),
    "responder_refuses": Reason(Verdict.UNKNOWN, "Whoever answers for this product does not answer this node."),
    "responder_unreadable": Reason(
        Verdict.UNKNOWN, "Whoever answers for this product has sent what is no answer to the question."
    ),
    "reachable": Reason(Verdict.UNKNOWN, "Whoever answers for this product can be reached, and lets you ask."),
    "denied_elsewhere": Reason(
        Verdict.CAUTION,
        "Whoever answers for this product does not verify this pack. That is its word, not proven here.",
    ),
    "confirmed_elsewhere": Reason(
        Verdict.CAUTION,
        "Whoever answers for this product says that the number is its manufacturer's. That is its word, not proven "
        "here: it says nothing of where the pack has been, and a copy of it has the same number.",
    ),
}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What came of asking, and whose word it is."""

    reason: str  # a key of ELSEWHERE
    responder: str | None = None  # GLN of whoever was asked
    verified: bool | None = None
    failure: str | None = None  # a word of the standard's
    info: str | None = None
    at: str | None = None  # when it answered, as it says

    @property
    def verdict(self) -> Verdict:
        return ELSEWHERE[self.reason].verdict

    @property
    def sentence(self) -> str:
        return ELSEWHERE[self.reason].sentence


class Said(NamedTuple):
    """An answer, as it was read."""

    verified: bool
    failure: str | None
    info: str | None
    at: str


class Unreadable(Exception):
    """Not an answer to the question."""


def verify_elsewhere(scan: str | ElementString, reader: Partner, purpose: Purpose, *, now: datetime) -> Elsewhere:
    """Ask whoever answers for a product that nobody here may issue."""
    try:
        pack = parse_scan(scan) if isinstance(scan, str) else scan
    except Gs1Error:
        return Elsewhere("incomplete")
    gtin, serial, lot, expiry = pack.gtin, pack.serial, pack.lot, pack.expiry_raw
    if not (gtin and serial and lot and expiry):
        return Elsewhere("incomplete")
    if licensee(gtin) is not None:
        return Elsewhere("answered_here")
    if (route := route_for(gtin, at=now)) is None:
        return Elsewhere("no_route")
    access.record(reader, str(pack.uri), "elsewhere", purpose, now=now)
    correlation = str(uuid.uuid4())
    context = next((name for name, why in CONTEXTS.items() if name and why is purpose), None)
    query = {"exp": expiry, "linkType": "verificationService", "reqGLN": reader.gln, "corrUUID": correlation}
    if context is not None:
        query["context"] = context
    path = f"/verify/gtin/{gtin}/lot/{escape(lot)}/ser/{escape(serial)}"

    def read(answer: Answered) -> Elsewhere:
        said = read_response(answer, correlation, route.responder)
        reason = "confirmed_elsewhere" if said.verified else "denied_elsewhere"
        return Elsewhere(reason, route.responder, said.verified, said.failure, said.info, said.at)

    return _heard(route, f"{path}?{urlencode(query)}", read)


def check_connectivity(gtin: str, reader: Partner, *, now: datetime) -> Elsewhere:
    """Whether whoever answers for a product lets this party ask. Nothing is told of any pack. Raises `Gs1Error`."""
    check("01", gtin)
    if licensee(gtin) is not None:
        return Elsewhere("answered_here")
    if (route := route_for(gtin, at=now)) is None:
        return Elsewhere("no_route")

    def read(answer: Answered) -> Elsewhere:
        if _members(answer).get("responderGLN") != route.responder:
            raise Unreadable("an answer of another responder")
        return Elsewhere("reachable", route.responder)

    return _heard(route, f"/checkConnectivity?{urlencode({'gtin': gtin, 'reqGLN': reader.gln})}", read)


def _heard(route: VrsRoute, path: str, read: Callable[[Answered], Elsewhere]) -> Elsewhere:
    """What is read of the answer, if there is one."""
    try:
        answer = _ask(route, route.url + path)
        if answer.status == 200:
            return read(answer)
        logger.warning("the responder %s answers with %d", route.responder, answer.status)
        reason = "responder_silent" if answer.status >= 500 else "responder_refuses"
    except NotAnswered as failure:
        logger.warning("the responder %s: %s", route.responder, failure.detail)
        reason = "responder_silent" if failure.passing else "responder_unreadable"
    except Unreadable as failure:
        logger.warning("the responder %s: %s", route.responder, failure)
        reason = "responder_unreadable"
    return Elsewhere(reason, route.responder)


# ---- asking ---------------------------------------------------------------------------------------------------------


def _ask(route: VrsRoute, address: str) -> Answered:
    """The first answer that is not to be asked for again, or the last one. To ask twice changes nothing there."""
    headers = {"Accept": "application/json", "GS1US-Version": VERSION, **_credentials(route.url)}
    allowed = [ip_network(each) for each in settings.VRS_ALLOWED_NETWORKS]
    last: Answered | NotAnswered | None = None
    for left in _turns():
        within = min(settings.VRS_TIMEOUT_SECONDS, left)
        try:
            last = outbound.get(address, headers, within=within, largest=LARGEST, allowed=allowed)
        except NotAnswered as failure:
            last = failure
        if not (last.passing if isinstance(last, NotAnswered) else last.status in PASSING):
            break
    if isinstance(last, NotAnswered):
        raise last
    assert last is not None
    return last


def _turns() -> Iterator[float]:
    """Before each question, how many seconds are left for all: rests between them, longer each time."""
    until = time.monotonic() + settings.VRS_DEADLINE_SECONDS
    for turn in range(max(1, settings.VRS_ATTEMPTS)):
        rest = FIRST_REST * 2 ** (turn - 1) * random.uniform(0.5, 1.0) if turn else 0.0  # noqa: S311 - spreads load
        if turn and time.monotonic() + rest >= until:
            return
        time.sleep(rest)
        yield max(0.05, until - time.monotonic())


def _credentials(url: str) -> dict[str, str]:
    """What this node shows at an address, by the file VRS_CREDENTIALS: `{"https://host": "Bearer ..."}`. By the place
    where it counts, so that a route set wrongly hands it to nobody else."""
    parts = urlsplit(url)
    try:
        known = _read(settings.VRS_CREDENTIALS, settings.VRS_CREDENTIALS.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}
    found = known.get(f"{parts.scheme}://{parts.netloc}")
    return {} if found is None else {"Authorization": found}


@lru_cache(maxsize=4)
def _read(path: Path, _version: int) -> dict[str, str]:
    return {str(name): str(value) for name, value in json.loads(path.read_text()).items()}


# ---- reading --------------------------------------------------------------------------------------------------------


def read_response(answer: Answered, correlation: str, responder: str) -> Said:
    """The body of a 200, strictly: an answer to this very question, by whoever has to give it. Raises `Unreadable`."""
    said = _members(answer)
    data = _object(said.get("data"))
    if str(said.get("corrUUID")).lower() != correlation:
        raise Unreadable("an answer to another question")
    if said.get("responderGLN") != responder:
        raise Unreadable("an answer of another responder")
    verified = data.get("verified")
    if not isinstance(verified, bool):
        raise Unreadable("an answer that says neither yes nor no")
    failure = _word(data.get("verificationFailureReason"), [*Failure])
    if verified and data.get("verificationFailureReason") is not None:
        raise Unreadable("an answer that says both yes and why not")
    return Said(verified, failure, _word(data.get("additionalInfo"), [*Info]), _time(said.get("verificationTimestamp")))


def _members(answer: Answered) -> Mapping[str, Raw]:
    if answer.content_type != "application/json":
        raise Unreadable("an answer that is not JSON")
    try:
        return _object(jsonld.read(answer.body))
    except DocumentError as error:
        raise Unreadable(f"an answer that cannot be read: {error.code}") from None


def _object(value: "Raw | None") -> Mapping[str, Raw]:
    try:
        return an_object(value, "the answer")
    except DocumentError:
        raise Unreadable("an answer without its members") from None


def _word(value: Raw, known: list[Failure] | list[Info]) -> str | None:
    """A word of the standard's. Another is left out: later releases may have more of them."""
    if value is not None and type(value) is not str:  # a number is a text of its own kind here
        raise Unreadable("a word that is no text")
    return value if value in [str(word) for word in known] else None


def _time(value: Raw) -> str:
    try:
        if isinstance(value, str) and len(value) < 40:
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise Unreadable("an answer without its time")
