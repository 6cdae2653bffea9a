"""The resources of cases between partners, and of scorecards. Thin, as `views.py`."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from partners.gs1.application_identifiers import check

from ..dscsa import detecting, exceptions
from ..dscsa.detecting import Scenario, Seen
from ..dscsa.pdg import Resolution, text_of
from ..dscsa.scorecards import cards_of
from ..epcis.errors import DocumentError
from ..epcis.values import Raw, a_list, an_object
from ..moving import Thing
from ..statements import MessageKind, unb64
from . import exceptions_schema as schema
from .parsers import JsonDocument
from .serial_numbers import _count, _flag, _members, _text
from .transactions import _moment
from .views import Resource, _cursor, _parameter, _partner

A_YEAR = timedelta(days=365)
MOST_EVENTS = 2**31 - 1  # of a document
MOST_SEEN = 100_000  # packs in one question


class Exceptions(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_cases
    def get(self, request: Request) -> Response:
        """The asker's cases."""
        party = _partner(request)
        found, following = exceptions.cases_of(party, _cursor(request))
        cases = [schema.case(each, party) for each in found]
        return Response({"exceptions": cases, "next": None if following is None else str(following)})

    @schema.send
    def post(self, request: Request) -> Response:
        """A message, with its statement; or to be signed here, where this node holds the asker's key."""
        said = _members(request, ("kind", "message"), ("to", "shipment", "statement"))
        party, now = _partner(request), timezone.now()
        kind, content = _word(said, "kind", MessageKind), text_of(said["message"])
        if said.get("statement") is not None:
            if beside := next((name for name in ("to", "shipment") if said.get(name) is not None), None):
                detail, expected = "the statement says that", "a statement alone"
                raise DocumentError(detail, code="conflicting_parameters", where=beside, expected=expected)
            row, created = exceptions.hand_in(unb64(_text(said, "statement")), content, now=now)
        else:
            to = _gln(said, "to")
            sent = exceptions.Sent(kind, content, to, _shipment(said))
            row, created = exceptions.send(party, sent, now=now)
        location = reverse("exception", kwargs={"case": row.case.case})
        status = 201 if created else 200
        return Response(schema.message(row, row.case), status=status, headers={"Location": location})


class ExceptionDetail(Resource):
    @schema.read_case
    def get(self, request: Request, case: UUID) -> Response:
        """A case, with all that was said in it."""
        party = _partner(request)
        return Response(schema.whole_case(exceptions.case_of(party, case, _parameter(request, "reporter")), party))


class ExceptionMessage(Resource):
    @schema.read_message
    def get(self, request: Request, case: UUID, message: UUID) -> Response:
        """A message, as PDG's schema has it."""
        row = exceptions.message_of(_partner(request), case, message, _parameter(request, "reporter"))
        return Response(exceptions.members_of(row))


class Detections(Resource):
    parser_classes = (JsonDocument,)
    max_bytes = 16 * 1024 * 1024

    @schema.detect
    def post(self, request: Request) -> Response:
        """What is wrong with what came, as reports that could be sent."""
        said = _members(request, ("email",), _SEEN)
        party, now = _partner(request), timezone.now()
        order = _text(said, "purchase_order") if said.get("purchase_order") is not None else None
        what = seen(said, now.date())
        drafts, excused = detecting.detected(party, what, email=_text(said, "email"), order=order, now=now)
        return Response({
            "agrees": not drafts,
            "drafts": [schema.draft(each) for each in drafts],
            "allowed": schema.excused(excused),
        })  # fmt: skip


class Scorecards(Resource):
    @schema.scorecards
    def get(self, request: Request) -> Response:
        """How the asker's partners keep to what they send and say."""
        now = timezone.now()
        since = _moment(_parameter(request, "since"), "since") or now - A_YEAR
        before = _moment(_parameter(request, "before"), "before") or now
        found = cards_of(_partner(request), since=since, before=before, now=now)
        return Response(schema.cards(found, since, before))


# ---- what comes in --------------------------------------------------------------------------------------------------

_SEEN = ("scans", "epcs", "from", "damaged", "contents", "resolutions", "purchase_order", "check_products")


def seen(said: Mapping[str, Raw], today: date) -> Seen:
    """What a receiver has before it, as a request says it."""
    damaged = [] if said.get("damaged") is None else a_list(said["damaged"], "damaged")
    return Seen(
        things=_things(said, "", today),
        damaged=frozenset(_thing(each, f"damaged[{at}]", today).epc for at, each in enumerate(damaged)),
        contents=_contents(said, today),
        sender=_gln(said, "from"),
        asks=_asks(said),
        check_products=_flag(said, "check_products"),
    )


def _contents(said: Mapping[str, Raw], today: date) -> dict[str, tuple[Thing, ...]]:
    found: dict[str, tuple[Thing, ...]] = {}
    for at, each in enumerate([] if said.get("contents") is None else a_list(said["contents"], "contents")):
        where = f"contents[{at}]"
        members = an_object(each, where)
        if unknown := sorted(members.keys() - {"container", "scans", "epcs"}):
            expected = "container, scans, epcs"
            raise DocumentError("no such member", code="unknown_member", where=f"{where}.{unknown[0]}"[:200],
                                expected=expected)  # fmt: skip
        container = _thing(members.get("container"), f"{where}.container", today).epc
        found[container] = _things(members, f"{where}.", today)
    return found


def _things(said: Mapping[str, Raw], inside: str, today: date) -> tuple[Thing, ...]:
    """Each once: scans say more than names do."""
    found: dict[str, Thing] = {}
    for name in ("scans", "epcs"):
        listed = [] if said.get(name) is None else a_list(said[name], inside + name)
        if len(listed) > MOST_SEEN:
            raise DocumentError("too many", code="too_large", where=inside + name, expected=f"at most {MOST_SEEN}")
        for at, each in enumerate(listed):
            thing = _thing(each, f"{inside}{name}[{at}]", today)
            found.setdefault(thing.epc, thing)
    return tuple(found.values())


def _thing(value: Raw, where: str, today: date) -> Thing:
    if type(value) is not str or not value:
        raise DocumentError("not a scan", code="wrong_type", where=where, expected="what a scanner reads, or an EPC")
    return Thing.scanned(value, where, today)


def _asks(said: Mapping[str, Raw]) -> dict[Scenario, Resolution]:
    if said.get("resolutions") is None:
        return {}
    asked = an_object(said["resolutions"], "resolutions")
    for name in asked:
        if name not in set(Scenario):
            expected, found = ", ".join(Scenario), repr(name)[:80]
            raise DocumentError("no such scenario", code="unknown_member", where="resolutions", expected=expected,
                                found=found)  # fmt: skip
    return {Scenario(name): _word(asked, name, Resolution) for name in asked}


def _word(said: Mapping[str, Raw], name: str, words: Any) -> Any:
    text = _text(said, name)
    if text not in set(words):
        expected, found = ", ".join(words), repr(text)[:80]
        raise DocumentError("no such word", code="unknown_word", where=name, expected=expected, found=found)
    return words(text)


def _gln(said: Mapping[str, Raw], name: str) -> str | None:
    if said.get(name) is None:
        return None
    text = _text(said, name)
    try:
        check("417", text)
    except ValueError as error:
        detail, expected = "not a GLN", "13 digits, the last of which checks the others"
        raise DocumentError(detail, code="bad_value", where=name, expected=expected, found=repr(text)[:80]) from error
    return text


def _shipment(said: Mapping[str, Raw]) -> tuple[UUID, int] | None:
    if said.get("shipment") is None:
        return None
    members = an_object(said["shipment"], "shipment")
    for name in ("submission", "event"):
        if members.get(name) is None:
            raise DocumentError("a member is missing", code="missing_member", where=f"shipment.{name}")
    if unknown := sorted(members.keys() - {"submission", "event"}):
        where, expected = f"shipment.{unknown[0]}"[:200], "submission, event"
        raise DocumentError("no such member", code="unknown_member", where=where, expected=expected)
    try:
        submission = UUID(_text(members, "submission"))
    except ValueError:
        found = repr(members["submission"])[:80]
        raise DocumentError("not an id", code="bad_value", where="shipment.submission", expected="a UUID",
                            found=found) from None  # fmt: skip
    return submission, min(_count(members, "event"), MOST_EVENTS)
