"""Serial numbers that a node gives out: none twice, to nobody else, and what is taken back is used no more."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import log
from ledger.errors import LogFrozen
from partners.gs1.errors import Gs1Error
from tests.signing import sign
from tests.traceability.story import demand_order
from tests.traceability.test_at_once import at_once, hand_in
from tests.world import CASE_GTIN, GTIN, Party, World, document, unit
from traceability import audit, capture, rebuild, serials
from traceability.epcis.errors import DocumentError
from traceability.errors import Refusal
from traceability.models import Audit, SerialBlock, SerialPool
from traceability.numbering import SETS
from traceability.serials import State, Wanted

OTHER_GTIN = "10614141123459"


def opens(world: World, *, party: Party | None = None, enforced: bool = True, **changed: Any) -> SerialPool:
    asked: dict[str, Any] = {"gtin": GTIN, "characters": SETS["unambiguous"], "length": 12} | changed
    pool, _ = serials.open_pool((party or world.maker).partner, **asked, enforced=enforced, now=world.passes())
    return pool


def gets(world: World, pool: SerialPool, count: int = 3, *, party: Party | None = None, **more: Any) -> SerialBlock:
    wanted = Wanted(pool.pool, more.pop("request", None) or str(uuid.uuid4()), count, **more)
    block, _ = serials.allocate((party or world.maker).partner, wanted, now=world.passes())
    return block


def numbers(world: World, block: SerialBlock) -> list[str]:
    return list(serials.numbers(block, now=world.now))


def refused(code: str, act: Callable[[], Any]) -> Any:
    """What is said of it."""
    kinds: tuple[type[Exception], ...] = (Refusal, DocumentError, Gs1Error)
    with pytest.raises(kinds) as error:
        act()
    told: Any = error.value
    assert told.code == code
    return told


# ---- pools and blocks -----------------------------------------------------------------------------------------------


def test_numbers_are_given_out_once_and_the_same_request_gets_the_same(world: World) -> None:
    pool = opens(world)
    wanted = Wanted(pool.pool, "line-4", 1000)
    one, created = serials.allocate(world.maker.partner, wanted, now=world.passes())
    again, created_again = serials.allocate(world.maker.partner, wanted, now=world.passes())
    assert (created, created_again, one.block) == (True, False, again.block)
    first, second = numbers(world, again), numbers(world, gets(world, pool, 1000))
    assert len({*first, *second}) == 2000
    assert first == numbers(world, SerialBlock.objects.get(pk=one.pk))
    pool.refresh_from_db()
    assert pool.allocated == 2000


@pytest.mark.parametrize("changed", [{"count": 4}, {"expires": 1}, {"pool": 2}], ids=str)
def test_a_name_of_a_request_is_used_for_one(world: World, changed: dict[str, Any]) -> None:
    pool, other = opens(world), opens(world, length=13)
    wanted = Wanted(pool.pool, "R1", 3)
    serials.allocate(world.maker.partner, wanted, now=world.now)
    values: dict[str, Any] = {"count": 4, "expires": world.now + timedelta(days=1), "pool": other.pool}
    asked = replace(wanted, **{name: values[name] for name in changed})
    refused("request_reused", lambda: serials.allocate(world.maker.partner, asked, now=world.now))
    assert SerialBlock.objects.count() == 1


def test_two_parties_call_their_requests_as_they_like(world: World) -> None:
    world.lets_issue(world.distributor, OTHER_GTIN)
    pools = [opens(world), opens(world, party=world.distributor, gtin=OTHER_GTIN)]
    blocks = [
        gets(world, pool, party=party, request="R1")
        for pool, party in zip(pools, (world.maker, world.distributor), strict=True)
    ]
    assert blocks[0].block != blocks[1].block
    assert not set(numbers(world, blocks[0])) & set(numbers(world, blocks[1]))


def test_only_a_product_that_one_may_issue_has_a_pool(world: World) -> None:
    refused("gtin_not_licensed", lambda: opens(world, party=world.stranger))
    given = world.lets_issue(world.distributor, OTHER_GTIN)
    pool = opens(world, party=world.distributor, gtin=OTHER_GTIN)
    block = gets(world, pool, party=world.distributor, request="R1")
    world.takes_back(given, of=world.distributor, by=world.authority)
    refused("gtin_not_licensed", lambda: gets(world, pool, party=world.distributor))
    assert gets(world, pool, party=world.distributor, request="R1").block == block.block  # a retry is answered


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"gtin": "00614141123453"}, "bad_check_digit"),
        ({"gtin": "614141123452"}, "bad_length"),
        ({"gtin": "0061414112345X"}, "bad_character"),
        ({"length": 21}, "bad_length"),
        ({"length": 4}, "pool_too_small"),
        ({"characters": "0123456789O"}, "lookalike_characters"),
        ({"characters": "01234/"}, "bad_character"),
    ],
    ids=str,
)
def test_what_is_no_pool_is_refused_with_a_code(world: World, changed: dict[str, Any], code: str) -> None:
    refused(code, lambda: opens(world, **changed))
    assert not SerialPool.objects.exists()


def test_numbers_of_one_length_come_from_one_pool_whosever_it_is(world: World) -> None:
    world.lets_issue(world.distributor, GTIN)
    pool = opens(world)
    assert opens(world).pool == pool.pool
    refused("pool_exists", lambda: opens(world, characters=SETS["digits"]))
    told = refused("pool_exists", lambda: opens(world, party=world.distributor))
    assert world.maker.gln not in f"{told.detail} {told.expected} {told.found}"
    assert opens(world, length=13).pool != pool.pool


@pytest.mark.parametrize(("count", "code"), [(0, "bad_block_size"), (1_000_001, "bad_block_size"), (10, None)])
def test_a_block_has_a_million_numbers_at_most(world: World, count: int, code: str | None) -> None:
    pool = opens(world)
    if code:
        refused(code, lambda: gets(world, pool, count))
    else:
        assert gets(world, pool, count).count == count


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "é", "a\nb"])
def test_what_is_no_name_of_a_request_is_refused(world: World, name: str) -> None:
    refused("bad_value", lambda: Wanted(uuid.uuid4(), name, 1))


def test_a_pool_never_gets_so_dense_that_its_numbers_could_be_guessed(world: World) -> None:
    pool = opens(world, characters=SETS["digits"], length=6)
    gets(world, pool, 60)
    told = refused("pool_exhausted", lambda: gets(world, pool, 40))
    assert str(told.expected).startswith("at most 39 ")
    gets(world, pool, 39)
    refused("pool_exhausted", lambda: gets(world, pool, 1))


def test_what_expires_expires_later(world: World) -> None:
    pool = opens(world)
    refused("expires_in_the_past", lambda: gets(world, pool, expires=world.now))


def test_while_the_log_is_frozen_nothing_is_given_out(world: World) -> None:
    """Its database may be an old backup, which has forgotten what it gave out since."""
    pool = opens(world)
    log.freeze("rolled back")
    with pytest.raises(LogFrozen):
        gets(world, pool)
    assert not SerialBlock.objects.exists()


def test_what_is_returned_or_expired_is_given_out_no_more(world: World) -> None:
    pool = opens(world)
    one, two = gets(world, pool), gets(world, pool, expires=world.now + timedelta(hours=1))
    seen = {*numbers(world, one), *numbers(world, two)}
    back = serials.give_back(world.maker.partner, one.block, "order cancelled", now=world.passes())
    assert (serials.state(back, world.now), back.reason) == (State.RETURNED, "order cancelled")
    again = serials.give_back(world.maker.partner, one.block, "order cancelled", now=world.passes())
    assert again.returned == back.returned
    refused("block_returned", lambda: serials.give_back(world.maker.partner, one.block, "other", now=world.now))
    refused("block_returned", lambda: numbers(world, again))
    world.passes(hours=1)
    assert serials.state(two, world.now) is State.EXPIRED
    refused("block_expired", lambda: numbers(world, two))
    refused("block_expired", lambda: serials.give_back(world.maker.partner, two.block, "late", now=world.now))
    assert not seen & set(numbers(world, gets(world, pool, 10)))


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\x00b", "two\nlines"])
def test_a_reason_is_something_to_read(world: World, reason: str) -> None:
    block = gets(world, opens(world))
    refused("unwritable", lambda: serials.give_back(world.maker.partner, block.block, reason, now=world.now))


def test_another_partys_pools_and_blocks_are_not_there(world: World) -> None:
    world.lets_issue(world.distributor, GTIN)
    pool = opens(world)
    block = gets(world, pool, request="R1")
    other, now = world.distributor.partner, world.now
    for act in (
        lambda: serials.own_pool(other, pool.pool),
        lambda: serials.enforce(other, pool.pool, enforced=False),
        lambda: serials.allocate(other, Wanted(pool.pool, "R1", 3), now=now),
        lambda: serials.own_block(other, block.block),
        lambda: serials.give_back(other, block.block, "mine now", now=now),
    ):
        unknown = refused("not_found", act)
        assert unknown.where in ("pool", "block")
    assert serials.pools_of(other, 0) == ([], None)
    assert SerialPool.objects.get().enforced


def test_pools_and_blocks_are_listed_by_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serials, "A_PAGE", 2)
    made = [opens(world, gtin=gtin, length=length) for gtin in (GTIN, CASE_GTIN) for length in (12, 13, 20)]
    pools, after = [], 0
    while True:
        page, following = serials.pools_of(world.maker.partner, after)
        pools += page
        if following is None:
            break
        after = following
    assert [pool.pk for pool in pools] == [pool.pk for pool in made]
    blocks = [gets(world, made[0], count) for count in (1, 2, 3)]
    page_one, following = serials.blocks_of(made[0], 0)
    assert following == 3
    page_two, last = serials.blocks_of(made[0], following)
    assert last is None
    assert [*page_one, *page_two] == blocks


# ---- at once --------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_world(transactional_db: None, own_keys_and_authorities: None) -> Iterator[World]:
    world = World()
    yield world
    demand_order()


def test_blocks_that_are_asked_for_at_once_never_overlap(open_world: World) -> None:
    world, pool = open_world, opens(open_world)
    partner, now = world.maker.partner, world.now

    def ask(name: int) -> Any:
        try:
            return serials.allocate(partner, Wanted(pool.pool, f"R{name % 12}", 7), now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        came_to = list(threads.map(ask, range(24)))
    blocks = {block.first for block, _ in came_to}
    assert sorted(blocks) == [7 * nth for nth in range(12)]
    assert sum(created for _, created in came_to) == 12
    assert SerialPool.objects.get().allocated == 84


def test_one_name_for_two_pools_at_once_is_one_request(open_world: World) -> None:
    world = open_world
    pools = [opens(world, length=length) for length in (12, 13)]
    partner, now = world.maker.partner, world.now
    for nth in range(4):
        asked = [partial(serials.allocate, partner, Wanted(pool.pool, f"R{nth}", 1), now=now) for pool in pools]
        came_to = at_once(*asked)
        (other,) = [each for each in came_to if isinstance(each, Refusal)]
        assert other.code == "request_reused"
    assert SerialBlock.objects.count() == 4


def test_a_block_is_returned_while_its_numbers_are_commissioned(
    open_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first: once it is returned, nothing of it is commissioned any more."""
    world = open_world
    pool, partner = opens(world), open_world.maker.partner
    for nth in range(4):
        block = gets(world, pool)
        epcs = [unit(serial) for serial in numbers(world, block)]
        signed = sign(world.maker, document(world.maker.commissioning(epcs)))
        back = partial(serials.give_back, partner, block.block, "cancelled", now=world.now)
        taken, returned = at_once(hand_in(world, signed), back)
        assert isinstance(returned, SerialBlock), returned
        assert not isinstance(taken, Refusal) or taken.code == "block_returned"
        used = serials.commissioned(pool, [block])[block.pk]
        assert used == (0 if isinstance(taken, Refusal) else 3), nth


# ---- commissioning --------------------------------------------------------------------------------------------------


def test_what_was_given_out_is_commissioned_and_nothing_else_is(world: World) -> None:
    pool = opens(world)
    block = gets(world, pool, 5)
    good = numbers(world, block)
    world.maker.commissions(serial=good[:2])
    told = refused("serial_not_allocated", lambda: world.maker.commissions(serial=[good[2], "MADEUP"]))
    assert told.epc == unit("MADEUP")
    never = next(serials.numbering(pool).serials(5, 1))  # the very next one, of which nobody knows yet
    refused("serial_not_allocated", lambda: world.maker.commissions(serial=[never]))
    assert serials.commissioned(pool, [block]) == {block.pk: 2}
    world.maker.commissions(serial=good[2:])
    assert serials.commissioned(pool, [block]) == {block.pk: 5}


def test_what_is_handed_in_without_a_draft_is_judged_alike(world: World) -> None:
    opens(world)
    enforced = SerialPool.objects.all()
    enforced.update(enforced=False)
    signed = sign(world.maker, document(world.maker.commissioning(unit("MADEUP"))))
    enforced.update(enforced=True)
    refused("serial_not_allocated", hand_in(world, signed))


def test_a_returned_and_an_expired_block_are_commissioned_no_more(world: World) -> None:
    pool = opens(world)
    returned, expiring = gets(world, pool), gets(world, pool, expires=world.now + timedelta(hours=1))
    used, *unused = numbers(world, returned)
    late = numbers(world, expiring)
    world.maker.commissions(serial=used)
    serials.give_back(world.maker.partner, returned.block, "cancelled", now=world.now)
    told = refused("block_returned", lambda: world.maker.commissions(serial=unused))
    assert told.epc in map(unit, unused)
    world.maker.commissions(serial=late[0])
    world.passes(hours=1)
    refused("block_expired", lambda: world.maker.commissions(serial=late[1]))
    world.maker.ships(unit(used), to=world.pharmacy)  # what was made in time goes its way
    world.pharmacy.receives(unit(used), sender=world.maker)


def test_a_product_without_a_pool_and_one_that_is_not_enforced_are_numbered_as_ever(world: World) -> None:
    pool = opens(world, enforced=False)
    world.maker.commissions(serial=["A1", *numbers(world, gets(world, pool))])
    serials.enforce(world.maker.partner, pool.pool, enforced=True)
    refused("serial_not_allocated", lambda: world.maker.commissions(serial="A2"))
    world.maker.commissions(serial="C1", gtin=CASE_GTIN)
    serials.enforce(world.maker.partner, pool.pool, enforced=False)
    world.maker.commissions(serial="A2")


def test_it_binds_whose_pool_it_is_and_nobody_else(world: World) -> None:
    world.lets_issue(world.distributor, GTIN)
    opens(world)
    world.distributor.commissions(serial="D1")
    refused("serial_not_allocated", lambda: world.maker.commissions(serial="M1"))


def test_an_agent_commissions_from_its_principals_blocks(world: World) -> None:
    world.delegates(world.maker, world.distributor, "commissioning")
    good, other = numbers(world, gets(world, opens(world), 2))
    world.distributor.tells(world.maker.commissioning(unit(good)))
    refused("serial_not_allocated", lambda: world.distributor.tells(world.maker.commissioning(unit("X1"))))
    world.maker.commissions(serial=other)


def test_numbers_of_all_its_pools_count(world: World) -> None:
    both = [opens(world), opens(world, length=14, enforced=False)]
    world.maker.commissions(serial=[serial for pool in both for serial in numbers(world, gets(world, pool))])


def test_a_number_that_was_used_before_is_a_contradiction_first(world: World) -> None:
    world.maker.commissions(serial="OLD")
    opens(world)
    refused("already_commissioned", lambda: world.maker.commissions(serial="OLD"))


def test_what_others_report_is_theirs(world: World) -> None:
    opens(world)
    world.pharmacy.tells(world.maker.commissioning(unit("REPORTED")))


def test_a_replay_judges_as_was_judged(world: World) -> None:
    """Not by what has become of the blocks since."""
    pool = opens(world, enforced=False)
    world.maker.commissions(serial=["BEFORE"])
    serials.enforce(world.maker.partner, pool.pool, enforced=True)
    block = gets(world, pool)
    world.maker.commissions(serial=numbers(world, block))
    serials.give_back(world.maker.partner, block.block, "no more", now=world.now)
    assert rebuild.rebuild(keep=False) == []
    row = audit.begin(full=True, now=world.now)
    audit.audit(row, now=lambda: world.now)
    assert Audit.objects.get(pk=row.pk).findings == []


def test_the_queries_that_it_takes_depend_on_neither_numbers_nor_blocks(world: World) -> None:
    pool = opens(world)
    counts = []
    for blocks, count in ((1, 2), (5, 20)):
        serial = [each for _ in range(blocks) for each in numbers(world, gets(world, pool, count))]
        signed = sign(world.maker, document(world.maker.commissioning([unit(each) for each in serial])))
        with CaptureQueriesContext(connection) as queries:
            capture.capture(signed.received, signed.opening, signed.statement, now=world.now)
        counts.append(len(queries))
    assert counts[0] == counts[1]
