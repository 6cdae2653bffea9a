"""One party asks another where goods have been: a signed answer of what it knows, its clock, and its proof."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import ANY

import cbor2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.models import AccessRecord, Role
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, Party, World, pallet
from traceability import statements, traces
from traceability.bundle.trace import Step, TraceReport, examine_trace, is_trace
from traceability.dscsa import tracing
from traceability.errors import NotFound, Refusal
from traceability.models import Notice, TracePackage
from traceability.models import Trace as Row
from traceability.policy import Policy
from traceability.statements import TraceAnswer, TraceKnown, TraceReason, TraceRequest, TraceWanted
from traceability.trace_requests import due
from traceability.trust import own_policy

ALL, LAST, INFORMATION = (
    TraceWanted.ALL_KNOWN_OWNERS,
    TraceWanted.LAST_KNOWN_OWNERS,
    TraceWanted.TRANSACTION_INFORMATION,
)


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


@pytest.fixture
def packs(world: World) -> list[str]:
    """Three in a case, from the maker by the distributor; two have come on to the pharmacy, and one was dispensed."""
    packs: list[str] = world.maker.commissions(serial=["A1", "A2", "A3"])
    box = world.maker.packs(packs, into=pallet(1))
    world.maker.ships(box, to=world.distributor)
    world.distributor.receives(box, sender=world.maker)
    world.distributor.unpacks(packs, out_of=box)
    world.distributor.ships(packs[:2], to=world.pharmacy)
    world.pharmacy.receives(packs[:2], sender=world.distributor)
    world.pharmacy.dispenses(packs[0])
    integrate(world)
    return packs


def request(by: Party, to: Party, **members: Any) -> TraceRequest:
    told = {
        "to": to.gln, "investigation": "2026-117", "wants": ALL, "reason": TraceReason.SUSPECT,
        "contact": "trace@pharmacy.example", "gtin": GTIN,
    }  # fmt: skip
    if not members.keys() & {"lot", "serials"}:
        members = {"lot": LOT, **members}
    return TraceRequest(about=by.gln, **{**told, **members}, **by.world._from(by))


def ask(by: Party, to: Party, **members: Any) -> Row:
    row, created = traces.ask(by.partner, statements.sign(request(by, to, **members), by.key), now=by.world.now)
    assert created
    return row


def entry(row: Row) -> bytes:
    return bytes(row.request.entry.entry)


def answer(by: Party, row: Row, **members: Any) -> Row:
    package = traces.draw_up(by.partner, entry(row), now=by.world.now)
    assert isinstance(package, TracePackage)
    told = {
        "to": row.requester, "request": entry(row).hex(), "package": bytes(package.sha256),
        "knows": TraceKnown(package.knows), "test": row.test or None,
    }  # fmt: skip
    said = TraceAnswer(about=by.gln, **{**told, **members}, **by.world._from(by))
    return traces.answer(by.partner, statements.sign(said, by.key), entry(row), now=by.world.now)[0]


def file(by: Party, row: Row) -> bytes:
    integrate(by.world)
    return traces.file_of(by.partner, entry(row), now=by.world.now)


def traced(by: Party, to: Party, **members: Any) -> TraceReport:
    """Asked, answered, fetched, and checked by a stranger: every step holds."""
    integrate(by.world)
    row = ask(by, to, **members)
    answer(to, row)
    report = examine_trace(file(by, row), own_policy())
    assert report.failure is None, report.failure
    return report


def told(report: TraceReport) -> list[tuple[list[str], list[str], str | None]]:
    assert report.told is not None
    return [
        (list(path.serials), [owner["gln"] for owner in path.as_json()["owners"]], path.status)  # type: ignore
        for path in report.told.paths
    ]


# ---- what is answered -----------------------------------------------------------------------------------------------


def test_a_lot_is_traced_as_far_as_each_party_had_a_part_in_it(world: World, packs: list[str]) -> None:
    maker, distributor, pharmacy = (party.gln for party in (world.maker, world.distributor, world.pharmacy))
    assert told(traced(world.pharmacy, world.maker)) == [(["A1", "A2", "A3"], [maker, distributor], None)]
    assert told(traced(world.pharmacy, world.distributor)) == [
        (["A1", "A2"], [maker, distributor, pharmacy], None),
        (["A3"], [maker, distributor], "held"),
    ]
    assert told(traced(world.maker, world.pharmacy)) == [
        (["A1"], [maker, distributor, pharmacy], "dispensed"),
        (["A2"], [maker, distributor, pharmacy], "held"),
    ]


def test_of_the_last_known_owner_no_more_is_told_than_how_it_came_to_that(world: World, packs: list[str]) -> None:
    report = traced(world.maker, world.pharmacy, wants=LAST, serials=("A2",))
    assert told(report) == [(["A2"], [world.pharmacy.gln], "held")]
    assert report.told is not None
    assert [each.step for each in report.told.paths[0].changes] == ["shipping", "receiving"]


def test_transaction_information_names_each_change_with_lot_and_expiry(world: World, packs: list[str]) -> None:
    report = traced(world.maker, world.pharmacy, wants=INFORMATION, serials=("A2",))
    assert report.told is not None
    (path,) = report.told.paths
    assert [each.step for each in path.changes] == ["commissioning", "shipping", "receiving", "shipping", "receiving"]
    assert (path.lot, path.expiry) == (LOT, "2028-12-31")
    assert report.told.parties[world.distributor.gln] == "Distributor"


def test_what_a_party_had_no_part_in_is_named_as_unknown_whether_others_know_of_it_or_nobody(
    world: World, packs: list[str]
) -> None:
    report = traced(world.maker, world.pharmacy, serials=("A2", "A3", "ZZ"))
    assert report.told is not None
    assert (report.told.knows, report.told.unknown) == (TraceKnown.SOME, ("A3", "ZZ"))
    assert told(report) == [(["A2"], ANY, "held")]
    nothing = traced(world.maker, world.stranger, serials=("A2",))
    assert nothing.told is not None
    assert (nothing.told.knows, nothing.told.unknown, nothing.told.paths) == (TraceKnown.NOTHING, ("A2",), ())
    assert traced(world.maker, world.stranger).told.knows is TraceKnown.NOTHING  # type: ignore[union-attr]
    assert traced(world.pharmacy, world.maker, serials=("A2",)).told.knows is TraceKnown.ALL  # type: ignore[union-attr]


def test_serials_of_another_lot_are_not_told_of(world: World, packs: list[str]) -> None:
    world.maker.commissions(serial="B1", lot="L43")
    integrate(world)
    report = traced(world.pharmacy, world.maker, serials=("A1", "B1"), lot=LOT)
    assert report.told is not None
    assert report.told.unknown == ("B1",)


def test_what_was_declared_an_error_is_no_change_of_hands(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.distributor)
    world.maker.calls_off(pack, to=world.distributor)
    world.maker.ships(pack, to=world.pharmacy)
    report = traced(world.pharmacy, world.maker, serials=("A1",))
    assert report.told is not None
    steps = [each.step for each in report.told.paths[0].changes]
    assert steps == ["commissioning", "shipping", "void_shipping", "shipping"]
    assert told(report)[0][1] == [world.maker.gln, world.distributor.gln, world.maker.gln, world.pharmacy.gln]


def test_a_lot_takes_as_many_queries_as_it_has_groups_whatever_its_units(world: World) -> None:
    def counted(lot: str, count: int) -> int:
        packs = world.maker.commissions(serial=[f"{lot}x{number}" for number in range(count)], lot=lot)
        world.maker.ships(world.maker.packs(packs, into=pallet(count)), to=world.distributor)
        integrate(world)
        row = ask(world.pharmacy, world.maker, lot=lot)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert tracing.package(row, now=world.now).told.units == count
        return len(queries)

    assert counted("LA", 300) == counted("LB", 120)


# ---- the clock ------------------------------------------------------------------------------------------------------

FRIDAY = datetime(2026, 1, 9, 20, tzinfo=UTC)
MONDAY = FRIDAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("reason", "requester", "asked", "at", "hours"),
    [
        (TraceReason.SUSPECT, Role.DISPENSER, Role.MANUFACTURER, FRIDAY, 24),
        (TraceReason.COMPLIANCE_AUDIT, Role.DISPENSER, Role.MANUFACTURER, FRIDAY, 48),
        (TraceReason.HEALTH_AUTHORITY_INSPECTION, Role.REGULATOR, Role.MANUFACTURER, MONDAY, 24),
        (TraceReason.HEALTH_AUTHORITY_INSPECTION, Role.REGULATOR, Role.MANUFACTURER, FRIDAY, 48),
        (TraceReason.SUSPECT, Role.REGULATOR, Role.DISPENSER, MONDAY, 48),
        (TraceReason.SUSPECT, Role.REGULATOR, Role.DISPENSER, FRIDAY, 96),
    ],
)
def test_the_time_to_answer(
    reason: TraceReason, requester: Role, asked: Role, at: datetime, hours: int, world: World
) -> None:
    said = request(world.pharmacy, world.maker, reason=reason)
    assert due(said, requester, asked, at) == at + timedelta(hours=hours)


def test_whoever_is_asked_has_a_clock_until_it_has_answered(world: World, packs: list[str]) -> None:
    row = ask(world.pharmacy, world.maker)
    notice = Notice.objects.get(kind="trace.asked")
    assert (notice.party, notice.due, notice.ended) == (world.maker.gln, row.due, None)
    assert notice.body == {"trace": entry(row).hex(), "test": False}
    answer(world.maker, row)
    notice.refresh_from_db()
    assert notice.ended == world.now
    assert Notice.objects.get(kind="trace.answered").party == world.pharmacy.gln


def test_a_drill_starts_no_clock_and_is_marked_everywhere(world: World, packs: list[str]) -> None:
    row = ask(world.pharmacy, world.maker, test=True)
    assert (row.test, row.due) == (True, None)
    answer(world.maker, row)
    assert {(each.kind, each.due) for each in Notice.objects.all()} == {
        ("trace.test_asked", None),
        ("trace.test_answered", None),
    }
    report = examine_trace(file(world.pharmacy, row), own_policy())
    assert report.failure is None
    assert report.as_json()["test"] is True
    assert "test_trace" in [note.code for note in report.notes]
    assert report.told is not None
    assert report.told.test


# ---- who sees it ----------------------------------------------------------------------------------------------------


def test_i7_a_trace_is_there_for_both_sides_alone(world: World, packs: list[str]) -> None:
    row = ask(world.pharmacy, world.maker)
    answer(world.maker, row)
    integrate(world)
    for party in (world.distributor, world.stranger, world.regulator):
        assert traces.traces_of(party.partner) == ([], None)
        for act in (traces.own_trace, traces.drawn):
            with pytest.raises(NotFound):
                act(party.partner, entry(row))
        with pytest.raises(NotFound):
            traces.file_of(party.partner, entry(row), now=world.now)
        with pytest.raises(NotFound):
            traces.draw_up(party.partner, entry(row), now=world.now)
    with pytest.raises(NotFound):  # whoever asked does not draw up its own answer
        traces.draw_up(world.pharmacy.partner, entry(row), now=world.now)
    for party in (world.pharmacy, world.maker):
        assert [each.pk for each in traces.traces_of(party.partner)[0]] == [row.pk]


def test_i7_whoever_asked_sees_nothing_before_it_is_signed(world: World, packs: list[str]) -> None:
    row = ask(world.pharmacy, world.maker)
    traces.draw_up(world.maker.partner, entry(row), now=world.now)
    with pytest.raises(NotFound):
        traces.drawn(world.pharmacy.partner, entry(row))
    with pytest.raises(Refusal) as refused:
        traces.file_of(world.pharmacy.partner, entry(row), now=world.now)
    assert refused.value.code == "not_answered"


def test_i7_each_unit_that_is_read_of_enters_the_access_record_once(world: World, packs: list[str]) -> None:
    row = ask(world.pharmacy, world.maker)
    answer(world.maker, row)
    file(world.maker, row)  # its own goods
    assert not AccessRecord.objects.filter(what="trace", subject__in=packs).exists()
    for _ in range(2):
        file(world.pharmacy, row)
    read = AccessRecord.objects.filter(what="trace", reader=world.pharmacy.gln)
    assert sorted(read.values_list("subject", "purpose")) == sorted(
        [(pack, "tracing") for pack in packs] + [(f"trace {entry(row).hex()}", "tracing")] * 2
    )


# ---- what is refused ------------------------------------------------------------------------------------------------


def refused(code: str, act: Callable[[], object]) -> None:
    before = Row.objects.count()
    with pytest.raises((Refusal, ValueError)) as error:
        act()
    assert getattr(error.value, "code", None) == code, error.value
    assert Row.objects.count() == before


def test_what_cannot_be_asked(world: World, packs: list[str]) -> None:
    pharmacy, maker = world.pharmacy, world.maker
    refused("own_trace", lambda: ask(pharmacy, pharmacy))
    refused("unknown_partner", lambda: ask(pharmacy, world.regulator))
    refused("too_many_serials", lambda: ask(pharmacy, maker, serials=tuple(f"{n:05}" for n in range(1001))))
    refused("bad_check_digit", lambda: ask(pharmacy, maker, gtin="00614141123453"))
    refused("bad_character", lambda: ask(pharmacy, maker, serials=("A 1",)))
    refused("malformed_statement", lambda: request(pharmacy, maker, lot=None))
    refused("authority_needed", lambda: _asks_for(pharmacy, world.stranger, maker))


def _asks_for(signer: Party, about: Party, to: Party) -> object:
    said = request(signer, to)
    members = {
        name: getattr(said, name) for name in ("to", "investigation", "wants", "reason", "contact", "gtin", "lot")
    }
    other = TraceRequest(about=about.gln, **members, **signer.world._from(signer))
    return traces.ask(signer.partner, statements.sign(other, signer.key), now=signer.world.now)


def test_what_cannot_be_answered(world: World, packs: list[str]) -> None:
    row = ask(world.pharmacy, world.maker)
    test, other = ask(world.pharmacy, world.maker, test=True), ask(world.pharmacy, world.distributor)
    refused("package_not_drawn", lambda: answer(world.maker, row, package=bytes(32)))
    refused("package_not_drawn", lambda: answer(world.maker, row, knows=TraceKnown.NOTHING))
    refused("another_trace", lambda: answer(world.maker, row, to=world.stranger.gln))
    refused("another_trace", lambda: answer(world.maker, row, test=True))
    refused("another_trace", lambda: answer(world.maker, test, test=None))
    refused("unsupported_statement", lambda: answer(world.maker, row, request=entry(other).hex()))
    assert Row.objects.filter(answer=None).count() == 3
    answer(world.maker, row)
    refused("answered_twice", lambda: answer(world.maker, row))


def test_an_answer_to_what_others_were_asked_looks_like_one_to_nothing(world: World, packs: list[str]) -> None:
    other = ask(world.pharmacy, world.distributor)
    for named in (entry(other).hex(), "ab" * 32):
        said = TraceAnswer(
            about=world.maker.gln, to=world.pharmacy.gln, request=named, package=bytes(32), knows=TraceKnown.ALL,
            **world._from(world.maker),
        )  # fmt: skip
        refused("unknown_trace", partial(world.registers, said, world.maker.key))


# ---- damaged files --------------------------------------------------------------------------------------------------


def _damage(data: bytes, name: str, change: Callable[[Any], Any]) -> bytes:
    members = cbor2.loads(data)
    members[name] = change(members[name])
    return cbor2.dumps(members, canonical=True)


def _other_told(package: bytes, **changes: str) -> bytes:
    members = cbor2.loads(package)
    for old, new in changes.items():
        assert old in members["told"]
        members["told"] = members["told"].replace(old, new)
    return cbor2.dumps(members, canonical=True)


def test_a_file_that_says_otherwise_than_what_was_signed_is_refused(world: World, packs: list[str]) -> None:
    row, second = ask(world.pharmacy, world.maker), ask(world.pharmacy, world.distributor)
    for party, each in ((world.maker, row), (world.distributor, second)):
        answer(party, each)
    data, other = file(world.pharmacy, row), cbor2.loads(file(world.pharmacy, second))
    assert is_trace(data)
    policy = own_policy()
    assert _fails(data + b"x", policy) == ("not_cbor", Step.READ) or _fails(data + b"x", policy)[1] is Step.READ
    assert _fails(_damage(data, "trace", lambda each: each[:-1] + b"\0"), policy) == ("another_package", Step.PACKAGE)
    assert _fails(_damage(data, "answer", lambda _: other["answer"]), policy)[1] is Step.ENTRIES
    assert _fails(_damage(data, "request", lambda _: other["request"]), policy)[1] is Step.ENTRIES


def _fails(data: bytes, policy: Policy) -> tuple[str, Any]:
    failure = examine_trace(data, policy).failure
    assert failure is not None
    return failure.code, failure.step


@pytest.mark.parametrize("lie", ["owner", "status", "serial", "unproven"])
def test_whoever_signs_what_its_proofs_do_not_show_is_found_out(world: World, packs: list[str], lie: str) -> None:
    """By the answering party itself: the package is its own, and so is the signature."""
    row = ask(world.maker, world.pharmacy)
    drawn = traces.draw_up(world.pharmacy.partner, entry(row), now=world.now)
    assert isinstance(drawn, TracePackage)
    honest = b"".join(tracing.content(drawn))
    lies = {
        "owner": {
            f'"{name}":"{world.distributor.gln}"': f'"{name}":"{world.stranger.gln}"' for name in ("gln", "party", "to")
        },
        "status": {'"status":"held"': '"status":"exported"'},
        "serial": {'"serials":["A2"]': '"serials":["A3"]'},
        "unproven": {'"proven":1,"serials":["A2"]': '"proven":0,"serials":["A2"]'},
    }
    package = _other_told(honest, **lies[lie])
    if lie == "unproven":
        package = _damage(package, "bundles", lambda each: each[:1])
    _keep(drawn, package)
    answer_with(world.pharmacy, row, drawn)
    report = examine_trace(file(world.maker, row), own_policy())
    if lie == "unproven":
        assert report.failure is None
        assert "trace_by_word" in [note.code for note in report.notes]
    else:
        assert report.failure is not None
        assert report.failure.step is Step.PROOFS


def _keep(drawn: TracePackage, package: bytes) -> None:
    from hashlib import sha256
    from zlib import compress

    drawn.pieces.all().delete()
    drawn.pieces.create(number=0, content=compress(package))
    drawn.sha256, drawn.size = sha256(package).digest(), len(package)
    drawn.save()


def answer_with(by: Party, row: Row, package: TracePackage) -> None:
    said = TraceAnswer(
        about=by.gln, to=row.requester, request=entry(row).hex(), package=bytes(package.sha256),
        knows=TraceKnown(package.knows), **by.world._from(by),
    )  # fmt: skip
    traces.answer(by.partner, statements.sign(said, by.key), entry(row), now=by.world.now)
