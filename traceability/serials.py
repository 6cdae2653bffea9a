"""Serial numbers given out to whoever prints them: pools of a product, and blocks of a pool.

    open_pool ──> allocate ──> the numbers of a block, computed ──> printed, reported, commissioned
                     └──> give_back, or expired: what is left of it is never given out again

A pool has a key and a counter, and no row for any number: the n-th number is a keyed permutation of n (`numbering.py`),
so the numbers of a block are computed when they are asked for, and of a number it is computed in which block it is.
None comes twice: n only grows, under a lock of the pool, and there is one pool for each product and length.

These are a node's own books: in no log, and no part of any proof. Whether a number was in a block is asked when it is
commissioned; a replay of what was accepted does not ask again, for nothing was accepted to which the answer was no.
"""

import re
import secrets
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from ledger import log
from ledger.errors import LogFrozen
from partners.gs1.application_identifiers import check
from partners.gs1.identifiers import SERIAL_AT, gtin_of, is_sgtin
from partners.models import Partner
from partners.prefixes import licensees
from partners.still import keep_still

from . import bulk
from .epcis.errors import DocumentError
from .errors import NotAllowed, NotFound, Refusal
from .facts import Unallocated
from .models import Item, SerialBlock, SerialPool
from .numbering import Numbering
from .permutation import KEY_BYTES

A_PAGE = 100  # pools, or blocks, of a list
LONGEST_REASON = 200  # characters
_NAME = re.compile(r"[!-~]{1,64}").fullmatch  # of a request
_SHARED = "SELECT 1 FROM traceability_serialblock WHERE id = ANY(%s) ORDER BY id FOR SHARE"


class State(StrEnum):
    """How it stands with a block."""

    ALLOCATED = "allocated"
    RETURNED = "returned"
    EXPIRED = "expired"


def state(block: SerialBlock, now: datetime) -> State:
    """A block that was returned in time has not expired. It expires by itself: by its date, and the clock."""
    if block.returned is not None:
        return State.RETURNED
    return State.EXPIRED if block.expires is not None and block.expires <= now else State.ALLOCATED


def numbering(pool: SerialPool) -> Numbering:
    return Numbering(pool.characters, pool.length, bytes(pool.key))


# ---- pools ----------------------------------------------------------------------------------------------------------


def open_pool(
    party: Partner, gtin: str, characters: str, length: int, *, enforced: bool, now: datetime
) -> tuple[SerialPool, bool]:
    """A pool of numbers of this length, for a product that the party may issue; and whether it is new."""
    check("01", gtin)
    drawn = Numbering(characters, length, secrets.token_bytes(KEY_BYTES))
    with transaction.atomic():
        _demand_licence(party.gln, gtin)
        pool, created = SerialPool.objects.get_or_create(
            gtin=gtin,
            length=length,
            defaults={
                "pool": uuid.uuid4(),
                "party": party.gln,
                "characters": characters,
                "key": drawn.key,
                "enforced": enforced,
                "opened": now,
            },
        )
    if (pool.party, pool.characters) != (party.gln, characters):
        raise Refusal(  # whose the other is, is not told; that somebody may issue it as well, its licensees may know
            "numbers of this length are drawn from another pool of this product: some would come twice",
            code="pool_exists",
            where="length",
            expected="another length",
            found=str(length),
        )
    return pool, created


def _demand_licence(gln: str, gtin: str) -> None:
    keep_still("prefixes")
    if not any(prefix.partner_id == gln and prefix.in_force(None) for prefix in licensees([gtin])[gtin]):
        raise NotAllowed(
            f"no prefix statement lets {gln} issue GTIN {gtin}",
            code="gtin_not_licensed",
            where="gtin",
            expected="a prefix statement by an accrediting authority",
        )


def enforce(party: Partner, pool: UUID, *, enforced: bool) -> SerialPool:
    """From the next capture on, the party commissions this product only from its blocks; or again as it likes."""
    found = own_pool(party, pool)
    SerialPool.objects.filter(pk=found.pk).update(enforced=enforced)
    found.enforced = enforced
    return found


def own_pool(party: Partner, pool: UUID) -> SerialPool:
    """One of the party's own; others are not there."""
    found = SerialPool.objects.filter(party=party.gln, pool=pool).first()
    if found is None:
        raise NotFound("you have no pool of this id", where="pool")
    return found


def pools_of(party: Partner, after: int) -> tuple[list[SerialPool], int | None]:
    """A page of them, by GTIN and length, which are the cursor of the next; None: there is none."""
    rows = SerialPool.objects.filter(party=party.gln).order_by("gtin", "length")
    gtin, length = f"{after // 100:014}", after % 100
    later = rows.filter(gtin=gtin, length__gt=length) | rows.filter(gtin__gt=gtin)
    found = list(later[: A_PAGE + 1])
    page = found[:A_PAGE]
    return page, int(page[-1].gtin) * 100 + page[-1].length if len(found) > A_PAGE else None


# ---- blocks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """A request for numbers."""

    pool: UUID
    request: str  # as the party calls it: the same request gets the same block
    count: int
    expires: datetime | None = None

    def __post_init__(self) -> None:
        if not _NAME(self.request):
            expected = "1 to 64 characters of ASCII, no blanks, such as a UUID"
            raise DocumentError("not the name of a request", code="bad_value", where="request", expected=expected)
        if not 1 <= self.count <= settings.SERIAL_BLOCK_MAX:
            raise DocumentError(
                "not a number of serial numbers that is given out at once",
                code="bad_block_size",
                where="count",
                expected=f"1 to {settings.SERIAL_BLOCK_MAX}",
                found=str(self.count)[:40],
            )


def allocate(party: Partner, wanted: Wanted, *, now: datetime) -> tuple[SerialBlock, bool]:
    """The block for this request, and whether it is new: asked again with the same content, the same block."""
    try:
        with transaction.atomic():
            return _allocate(party, wanted, now)
    except IntegrityError:  # the same name, at the same time, for another pool
        if known := _asked_before(party, wanted):
            return known, False
        raise


def _allocate(party: Partner, wanted: Wanted, now: datetime) -> tuple[SerialBlock, bool]:
    # 1  one request after the other, of one pool
    pool = SerialPool.objects.select_for_update(no_key=True).filter(party=party.gln, pool=wanted.pool).first()
    if pool is None:
        raise NotFound("you have no pool of this id", where="pool")
    # 2  a retry gets what it got before, whatever has happened since
    if known := _asked_before(party, wanted):
        return known, False
    # 3  may the party issue this product still, and is it not known that the node has forgotten something?
    _demand_licence(party.gln, pool.gtin)
    if reason := log.frozen():  # after an old backup, numbers would be given out twice
        raise LogFrozen("no numbers are given out while the log takes nothing", found=reason)
    if wanted.expires is not None and wanted.expires <= now:
        raise DocumentError("that is past", code="expires_in_the_past", where="expires", expected="a time to come")
    # 4  sparse enough that none of them is guessed
    left = numbering(pool).capacity - pool.allocated
    if wanted.count > left:
        raise Refusal(
            "the pool would be so dense that its numbers could be guessed",
            code="pool_exhausted",
            where="count",
            expected=f"at most {left} of this pool; or a pool of longer numbers",
            found=str(wanted.count),
        )
    # 5  the numbers are given out before anybody can have seen them
    block = SerialBlock.objects.create(
        block=uuid.uuid4(),
        pool=pool,
        party=party.gln,
        request=wanted.request,
        first=pool.allocated,
        count=wanted.count,
        at=now,
        expires=wanted.expires,
    )
    SerialPool.objects.filter(pk=pool.pk).update(allocated=pool.allocated + wanted.count)
    return block, True


def _asked_before(party: Partner, wanted: Wanted) -> SerialBlock | None:
    known = SerialBlock.objects.select_related("pool").filter(party=party.gln, request=wanted.request).first()
    if known is None:
        return None
    if (known.pool.pool, known.count, known.expires) != (wanted.pool, wanted.count, wanted.expires):
        raise Refusal(
            "this name was used for another request",
            code="request_reused",
            where="request",
            expected="the same content again, or a new name",
            found=wanted.request,
        )
    return known


def own_block(party: Partner, block: UUID) -> SerialBlock:
    """One of the party's own; others are not there."""
    return _own(SerialBlock.objects.select_related("pool").filter(party=party.gln, block=block).first())


def _own(found: SerialBlock | None) -> SerialBlock:
    if found is None:
        raise NotFound("you have no block of this id", where="block")
    return found


def numbers(block: SerialBlock, *, now: datetime) -> Iterator[str]:
    """All serial numbers of a block, in their order: the same each time. Of a block that is no more, nobody is to print
    any."""
    standing = state(block, now)
    if standing is not State.ALLOCATED:
        raise _no_more(standing)
    return numbering(block.pool).serials(block.first, block.count)


def give_back(party: Partner, block: UUID, reason: str, *, now: datetime) -> SerialBlock:
    """What is not used of a block is used no more. Said again for the same reason, it is returned as it was."""
    if not (0 < len(reason) <= LONGEST_REASON and reason.isprintable()):
        expected = f"1 to {LONGEST_REASON} characters"
        raise DocumentError("not a reason", code="unwritable", where="reason", expected=expected)
    with transaction.atomic():  # a capture that has found it allocated comes first
        found = _own(
            SerialBlock.objects.select_for_update(of=("self",))
            .select_related("pool")
            .filter(party=party.gln, block=block)
            .first()
        )
        standing = state(found, now)
        if standing is State.EXPIRED or (standing is State.RETURNED and found.reason != reason):
            raise _no_more(standing)
        if standing is State.ALLOCATED:
            found.returned, found.reason = now, reason
            SerialBlock.objects.filter(pk=found.pk).update(returned=now, reason=reason)
    return found


def _no_more(standing: State) -> Refusal:
    return Refusal(f"the block is {standing}", code=f"block_{standing}", where="block", expected=State.ALLOCATED)


def blocks_of(pool: SerialPool, after: int) -> tuple[list[SerialBlock], int | None]:
    """A page of them, in the order in which they were given out; the cursor of the next, None: there is none."""
    found = list(pool.blocks.filter(first__gte=after).order_by("first")[: A_PAGE + 1])
    page = found[:A_PAGE]
    return page, found[A_PAGE].first if len(found) > A_PAGE else None


def commissioned(pool: SerialPool, blocks: Sequence[SerialBlock]) -> Counter[int]:
    """How many numbers of each of these blocks, by their keys, are in use: all items of the product are looked at, once
    and as a stream."""
    rows = sorted(blocks, key=lambda block: block.first)
    counts, drawn = Counter[int](), numbering(pool)
    for some in _batches(_commissioned(pool)):
        for place in drawn.places(some):
            if place is not None and (block := _around(place, rows)):
                counts[block.pk] += 1
    return counts


def _commissioned(pool: SerialPool) -> Iterator[str]:
    """By the index, whatever the collation: it tells "1" from "2"."""
    stem = f"https://id.gs1.org/01/{pool.gtin}/2"
    items = Item.objects.filter(epc__gte=stem + "1", epc__lt=stem + "2", status__isnull=False)
    for epc in items.values_list("epc", flat=True).iterator(chunk_size=_AT_ONCE):
        if len(epc) == SERIAL_AT + pool.length:
            yield epc[SERIAL_AT:]


_AT_ONCE = 8192


def _batches(serials: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for serial in serials:
        batch.append(serial)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    yield batch


# ---- which block a number is in -------------------------------------------------------------------------------------


def found_in(pool: SerialPool, serials: Sequence[str], *, lock: bool = False) -> dict[str, SerialBlock]:
    """Of these numbers, those that the pool has given out, and in which block. With `lock`, the blocks stay as they are
    until this transaction ends."""
    places = {serial: place for serial, place in zip(serials, numbering(pool).places(serials), strict=True)
              if place is not None and place < pool.allocated}  # fmt: skip
    if not places:
        return {}
    near = pool.blocks.filter(first__lte=max(places.values()), first__gt=min(places.values()) - _LARGEST)
    rows = list(near.order_by("first"))
    hit = {serial: block for serial, place in places.items() if (block := _around(place, rows))}
    if lock and hit and bulk.is_postgresql():
        keys = sorted({block.pk for block in hit.values()})
        with connection.cursor() as cursor:
            cursor.execute(_SHARED, [keys])
        rows_now = SerialBlock.objects.in_bulk(keys)
        return {serial: rows_now[block.pk] for serial, block in hit.items()}
    return hit


_LARGEST = 1_000_000  # numbers that any block ever had


def _around(place: int, rows: Sequence[SerialBlock]) -> SerialBlock | None:
    """The block that has this place; `rows` in their order."""
    at = bisect_right(rows, place, key=lambda block: block.first) - 1
    return rows[at] if at >= 0 and place < rows[at].first + rows[at].count else None


class RecordedAllocations:
    """Of the products that a document commissions: what may be used of them, where their party wants that asked."""

    def __init__(self, parties: Collection[str], gtins: Collection[str], *, lock: bool, now: datetime) -> None:
        self._parties, self._gtins, self._lock, self._now = parties, gtins, lock, now

    @cached_property
    def _pools(self) -> Mapping[tuple[str, str], list[SerialPool]]:
        """By party and product, all pools of those that are enforced."""
        found: dict[tuple[str, str], list[SerialPool]] = {}
        rows: list[Any] = bulk.select_by("found.id", SerialPool._meta.db_table, "gtin", sorted(self._gtins), "text")
        keys = [key for (key,) in rows]
        for pool in SerialPool.objects.filter(pk__in=keys, party__in=self._parties) if keys else ():
            found.setdefault((pool.party, pool.gtin), []).append(pool)
        return {of: pools for of, pools in found.items() if any(pool.enforced for pool in pools)}

    def __call__(self, party: str, epcs: Sequence[str]) -> Unallocated | None:
        """The first that the party may not use, and why."""
        if not self._pools:
            return None
        by_product: dict[str, list[str]] = {}
        for epc in epcs:
            if is_sgtin(epc):
                by_product.setdefault(gtin_of(epc) or "", []).append(epc)
        for gtin, some in by_product.items():
            if (pools := self._pools.get((party, gtin))) and (found := self._first(pools, some)):
                return found
        return None

    def _first(self, pools: Sequence[SerialPool], epcs: Sequence[str]) -> Unallocated | None:
        serials = [epc[SERIAL_AT:] for epc in epcs]
        found: dict[str, SerialBlock] = {}
        for pool in pools:
            found |= found_in(pool, serials, lock=self._lock)
        for epc, serial in zip(epcs, serials, strict=True):
            block = found.get(serial)
            if block is None:
                return Unallocated(epc)
            if (standing := state(block, self._now)) is not State.ALLOCATED:
                return Unallocated(epc, "expired" if standing is State.EXPIRED else "returned")
        return None
