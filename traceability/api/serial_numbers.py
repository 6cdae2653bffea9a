"""The resources of serial numbers: pools, blocks and their numbers, what a line reports. Thin, as `views.py`."""

import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from .. import line_report, number_files, serials
from ..epcis import jsonld
from ..epcis.errors import DocumentError
from ..epcis.values import Number, Raw, an_object
from ..line_checks import check_report
from ..numbering import SETS
from . import schema, serializers
from .errors import RequestError
from .parsers import REPORTS, JsonDocument, body, chosen
from .views import Resource, _after, _parameter, _partner

_IS_COUNT = re.compile(r"[0-9]{1,18}").fullmatch

LATEST = 9000  # year: no time zone leads from it beyond what a database keeps


class Pools(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_pools
    def get(self, request: Request) -> Response:
        """The asker's own."""
        return Response(serializers.pools(*serials.pools_of(_partner(request), _after(request))))

    @schema.open_pool
    def post(self, request: Request) -> Response:
        """Open one; the same again, if it is open."""
        said = _members(request, ("gtin", "length"), ("character_set", "characters", "enforced"))
        pool, created = serials.open_pool(
            _partner(request),
            _text(said, "gtin"),
            _characters(said),
            _count(said, "length"),
            enforced=_flag(said, "enforced"),
            now=timezone.now(),
        )
        return Response(serializers.pool(pool), status=201 if created else 200)


class PoolDetail(Resource):
    parser_classes = (JsonDocument,)

    @schema.change_pool
    def patch(self, request: Request, pool: UUID) -> Response:
        """Whether its product is commissioned from blocks alone."""
        said = _members(request, ("enforced",))
        changed = serials.enforce(_partner(request), pool, enforced=_flag(said, "enforced"))
        return Response(serializers.pool(changed))


class Blocks(Resource):
    parser_classes = (JsonDocument,)

    @schema.list_blocks
    def get(self, request: Request) -> Response:
        """Those of one pool."""
        pool = serials.own_pool(_partner(request), _asked_pool(request))
        rows, following = serials.blocks_of(pool, _after(request))
        used, now = serials.commissioned(pool, rows), timezone.now()
        blocks = [serializers.counted(row, used[row.pk], now) for row in rows]
        return Response({"blocks": blocks, "next": None if following is None else str(following)})

    @schema.allocate
    def post(self, request: Request) -> Response:
        """Numbers, by the million."""
        said, now = _members(request, ("pool", "request", "count"), ("expires",)), timezone.now()
        wanted = serials.Wanted(
            pool=_uuid(_text(said, "pool"), "pool"),
            request=_text(said, "request"),
            count=_count(said, "count"),
            expires=_time(said, "expires"),
        )
        block, created = serials.allocate(_partner(request), wanted, now=now)
        location = reverse("serial-block", kwargs={"block": block.block})
        status = 201 if created else 200
        return Response(serializers.block(block, now), status=status, headers={"Location": location})


class BlockDetail(Resource):
    @schema.find_block
    def get(self, request: Request, block: UUID) -> Response:
        """One of the asker's own."""
        found = serials.own_block(_partner(request), block)
        used = serials.commissioned(found.pool, [found])
        return Response(serializers.counted(found, used[found.pk], timezone.now()))


class Numbers(Resource):
    @schema.block_numbers
    def get(self, request: Request, block: UUID) -> StreamingHttpResponse:
        """All numbers of a block, as they are computed."""
        kind = chosen(request, tuple(number_files.FORMS))
        found = serials.own_block(_partner(request), block)
        numbers = serials.numbers(found, now=timezone.now())
        name = f"{found.block}.{kind.partition('/')[2]}"
        return StreamingHttpResponse(
            number_files.FORMS[kind](str(found.block), found.pool.gtin).whole(numbers),
            content_type=kind if kind == number_files.JSON else f"{kind}; charset=utf-8",
            headers={"Vary": "Accept", "Content-Disposition": f'attachment; filename="{name}"'},
        )


class Return(Resource):
    parser_classes = (JsonDocument,)

    @schema.give_back
    def post(self, request: Request, block: UUID) -> Response:
        """What is not used of it is used no more."""
        reason, now = _text(_members(request, ("reason",)), "reason"), timezone.now()
        returned = serials.give_back(_partner(request), block, reason, now=now)
        return Response(serializers.block(returned, now))


class Reports(Resource):
    parser_classes = REPORTS

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        return int(settings.EPCIS_MAX_BYTES)

    @schema.check_report
    def post(self, request: Request) -> Response:
        """Which lines are wrong; or what to sign, if none is."""
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        lines = line_report.read(body(request), media_type, settings.SERIAL_REPORT_MAX_LINES)
        return Response(serializers.judged(check_report(lines, _partner(request), now=timezone.now())))


# ---- members of a request -------------------------------------------------------------------------------------------


def _members(request: Request, needed: tuple[str, ...], others: tuple[str, ...] = ()) -> Mapping[str, Raw]:
    """What was sent, with all that is needed and nothing unknown: a misspelt member would be a wish not heard."""
    said = an_object(jsonld.read(body(request)), "the request")
    if unknown := sorted(said.keys() - {*needed, *others}):
        expected = ", ".join((*needed, *others))
        raise DocumentError("no such member", code="unknown_member", where=unknown[0][:80], expected=expected)
    for name in needed:
        if said.get(name) is None:
            raise DocumentError("a member is missing", code="missing_member", where=name)
    return said


def _text(said: Mapping[str, Raw], name: str) -> str:
    value = said[name]
    if type(value) is not str:
        raise DocumentError("the wrong kind of value", code="wrong_type", where=name, expected="text")
    return value


def _count(said: Mapping[str, Raw], name: str) -> int:
    value = said[name]
    if not isinstance(value, Number) or not _IS_COUNT(value):
        expected, found = "a whole number, not negative", str(value)[:40]
        raise DocumentError("not a count", code="bad_number", where=name, expected=expected, found=found)
    return int(value)


def _flag(said: Mapping[str, Raw], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise DocumentError("the wrong kind of value", code="wrong_type", where=name, expected="true or false")
    return value


def _characters(said: Mapping[str, Raw]) -> str:
    if ("character_set" in said) == ("characters" in said):
        expected = "either character_set, or characters"
        raise DocumentError("one of two", code="missing_member", where="characters", expected=expected)
    if "characters" in said:
        return _text(said, "characters")
    name = _text(said, "character_set")
    if name not in SETS:
        expected = ", ".join(SETS)
        raise DocumentError(
            "no such set", code="bad_value", where="character_set", expected=expected, found=repr(name)[:80]
        )
    return SETS[name]


def _asked_pool(request: Request) -> UUID:
    if not (text := _parameter(request, "pool")):
        raise RequestError("whose blocks?", code="parameter_missing", where="pool", expected="the id of a pool")
    return _uuid(text, "pool")


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        expected = "a UUID, as an answer had it"
        raise RequestError(
            "not an id", code="malformed_parameter", where=name, expected=expected, found=repr(text)[:80]
        ) from None


def _time(said: Mapping[str, Raw], name: str) -> datetime | None:
    if said.get(name) is None:
        return None
    text = _text(said, name)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None or time.year > LATEST:
        expected = f"a time with its zone, such as 2026-12-31T00:00:00Z, before the year {LATEST + 1}"
        raise DocumentError("not a time", code="bad_time", where=name, expected=expected, found=repr(text)[:80])
    return time
