"""Who asks whom to trace what: the rows of signed requests and answers, and the clock of whoever is asked.

    request ──take──> row, notice with a clock ──> answer ──take──> row, notice; the clock stops

In the transaction that registers the statement. What is drawn up for an answer is in `dscsa/tracing.py`, how it is
asked for and handed out in `traces.py`.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from partners.errors import PartnerError
from partners.gs1.application_identifiers import check
from partners.models import Case, Partner, Role

from . import notices
from .models import Registration, Trace, TracePackage
from .notice_kinds import Telling
from .statements import TraceAnswer, TraceReason, TraceRequest

MOST_SERIALS = 1000  # of one request: more are asked for by their lot
DAY = timedelta(hours=24)
FEDERAL = ZoneInfo("America/New_York")  # where the days are counted in which an authority is answered

#: Between trading partners: what may be in somebody's hands is answered as soon as a verification request.
_HOURS = {
    TraceReason.SUSPECT: 24,
    TraceReason.ILLEGITIMATE: 24,
    TraceReason.RECALLED: 24,
    TraceReason.COMPLIANCE_AUDIT: 48,
    TraceReason.HEALTH_AUTHORITY_INSPECTION: 24,
}


def due(said: TraceRequest, requester: Role, asked: Role, at: datetime) -> datetime | None:
    """Until when it is to be answered; None: a drill has no clock.

    An authority within one business day, and 48 hours at most (21 U.S.C. 360eee-1(b)(1)(B), (c)(1)(C), (e)(1)(C));
    of dispensers, two business days (d)(1)(D). No holiday is counted: a clock that runs out too early hurts nobody.
    """
    if said.test:
        return None
    if requester != Role.REGULATOR:
        return at + timedelta(hours=_HOURS[said.reason])
    if asked == Role.DISPENSER:
        return _business_days(at, 2)
    return min(_business_days(at, 1), at + 2 * DAY)


def _business_days(at: datetime, count: int) -> datetime:
    """The same time of day, so many working days later."""
    local = at.astimezone(FEDERAL)
    while count:
        local += DAY  # a wall clock's day, whatever summer time does
        count -= local.weekday() < 5
    return local.astimezone(at.tzinfo)


def matter(trace: Trace) -> str:
    """As notices call it."""
    return f"trace/{trace.pk}"


def take_request(said: TraceRequest, number: int) -> None:
    """From the entry of this number on, it is asked for."""
    if said.to == said.about:
        raise PartnerError("nobody asks itself", code="own_trace", where="to", found=said.to)
    parties = {row.gln: row for row in Partner.objects.filter(gln__in=[said.about, said.to], left=None)}
    if said.to not in parties or parties[said.to].role == Role.REGULATOR:
        expected = "the GLN of a trading partner of this node"
        raise PartnerError("nobody here to ask", code="unknown_partner", where="to", expected=expected, found=said.to)
    requester = parties.get(said.about)
    if said.case is not None and requester is not None and requester.role == Role.REGULATOR:
        _demand_case(said)
    check("01", said.gtin)
    if len(said.serials or ()) > MOST_SERIALS:
        found = str(len(said.serials or ()))
        raise PartnerError(
            "too many serial numbers", code="too_many_serials", where="serials",
            expected=f"{MOST_SERIALS} at most; more are asked for by their lot", found=found,
        )  # fmt: skip
    for serial in said.serials or ():
        check("21", serial)
    if said.lot is not None:
        check("10", said.lot)
    row = Registration.objects.get(entry_id=number)
    at = row.accepted
    trace = Trace.objects.create(
        request=row,
        requester=said.about,
        to=said.to,
        investigation=said.investigation,
        test=bool(said.test),
        asked=at,
        due=due(said, Role(parties[said.about].role), Role(parties[said.to].role), at),
    )
    notices.tell([Telling(trace.to, _kind(trace, "asked"), matter(trace), _body(trace), trace.due)], now=at)


def _demand_case(said: TraceRequest) -> None:
    """What a regulator asks in a case, it asks of what that is about, while it is open."""
    rows = Case.objects.filter(partner=said.about, number=said.case, gtin=said.gtin, revoked=None)
    if not rows.filter(valid_to__gt=said.time).exists():
        expected = "the number of an open case of yours about this product"
        raise PartnerError("no such case", code="no_such_case", where="case", expected=expected, found=said.case)


def take_answer(said: TraceAnswer, number: int) -> None:
    """It is answered by this, once, with a package that was drawn up for it."""
    traces = Trace.objects.select_for_update().select_related("request__entry")
    trace = traces.filter(to=said.about, request__entry__entry=bytes.fromhex(said.request)).first()
    if trace is None:
        detail, expected = "nobody has asked you that", "the entry of a trace request to you"
        raise PartnerError(detail, code="unknown_trace", where="request", expected=expected, found=said.request)
    for name, expected, found in (
        ("to", trace.requester, said.to),
        ("test", str(trace.test), str(bool(said.test))),
    ):
        if expected != found:
            raise PartnerError("not as it was asked", code="another_trace", where=name, expected=expected, found=found)
    if trace.answer_id is not None:
        raise PartnerError("this was answered already", code="answered_twice", where="request", found=said.request)
    package = TracePackage.objects.filter(trace=trace, sha256=said.package).first()
    if package is None or package.knows != said.knows:
        detail, expected = "no such package was drawn up for it", "hash and `knows` of one that was"
        raise PartnerError(detail, code="package_not_drawn", where="package", expected=expected)
    row = Registration.objects.get(entry_id=number)
    trace.answer, trace.answered = row, row.accepted
    trace.save(update_fields=["answer", "answered"])
    trace.packages.exclude(pk=package.pk).delete()
    notices.settle(matter(trace), now=row.accepted)
    notices.tell([Telling(trace.requester, _kind(trace, "answered"), matter(trace), _body(trace))], now=row.accepted)


def _kind(trace: Trace, what: str) -> str:
    return f"trace.test_{what}" if trace.test else f"trace.{what}"


def _body(trace: Trace) -> dict[str, str | bool]:
    return {"trace": bytes(trace.request.entry.entry).hex(), "test": trace.test}
